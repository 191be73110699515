
--
-- Trying a statement, and what that tells
--
-- Disables the triggers and rules of a table that would fire, until the try is undone: they may refuse, or swallow, what the
-- policies would let pass.
CREATE FUNCTION tenant_guard_internal.probe_silence(relation regclass, replica boolean) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET session_replication_role = replica
AS $$
DECLARE
	firing constant "char"[] := CASE WHEN replica THEN '{A,R}' ELSE '{A,O}' END;
	statement text;
BEGIN
	FOR statement IN
		SELECT format('ALTER TABLE ONLY %s DISABLE TRIGGER %I', g.tgrelid::regclass, g.tgname) FROM pg_trigger g
		WHERE g.tgrelid = ANY (tenant_guard_internal.probe_tree(relation)) AND NOT g.tgisinternal AND g.tgenabled = ANY (firing)
		UNION ALL
		SELECT format('ALTER TABLE ONLY %s DISABLE RULE %I', w.ev_class::regclass, w.rulename) FROM pg_rewrite w
		WHERE w.ev_class = relation AND w.ev_enabled = ANY (firing)
	LOOP
		EXECUTE statement;
	END LOOP;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_silence(regclass, boolean) IS 'disables the triggers and rules of a table; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_silence(regclass, boolean) FROM PUBLIC;

-- Tries a statement as a role and a tenant, looks what it has done, and undoes it. "before" and "afterwards" are said as
-- the owner of "relation"; "state" is 00000, or the SQLSTATE of the error, and "refused" says if that was a refusal. What a
-- role that prove() made has no privilege for is none, nor is with bypass what tenant_guard's functions raise.
CREATE FUNCTION tenant_guard_internal.probe_try(role oid, search_path text, tenant text, statement text, bypass boolean DEFAULT false, replica boolean DEFAULT false,
						  relation regclass DEFAULT NULL, before text DEFAULT NULL, afterwards text DEFAULT NULL, silent boolean DEFAULT false,
						  OUT result text, OUT seen text, OUT state text, OUT message text, OUT culprit text, OUT refused boolean)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	trying boolean := false;
BEGIN
	BEGIN
		IF silent THEN
			PERFORM tenant_guard_internal.probe_silence(relation, replica);
		END IF;
		IF before IS NOT NULL THEN
			PERFORM set_config('session_replication_role', 'replica', true);
			PERFORM tenant_guard_internal.execute_as_owner(relation, before);
		END IF;
		-- a superuser may set any tenant then, and what the statement calls may not
		PERFORM set_config('tenant_guard.authority', 'granted', true) WHERE current_setting('tenant_guard.authority') <> 'open';
		PERFORM set_config('tenant_guard.tenant_id', tenant, true),
				set_config('tenant_guard.bypass', bypass::text, true),
				set_config('session_replication_role', CASE WHEN replica THEN 'replica' ELSE 'origin' END, true);
		trying := true;
		result := tenant_guard_internal.execute_as(role, search_path, statement);
		trying := false;
		IF afterwards IS NOT NULL THEN
			PERFORM set_config('tenant_guard.bypass', 'on', true);
			seen := tenant_guard_internal.execute_as_owner(relation, afterwards);
		END IF;
		state := '00000';
		RAISE EXCEPTION 'undo' USING ERRCODE = 'TGP01';
	EXCEPTION
		WHEN SQLSTATE 'TGP01' THEN
			NULL;
		WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, culprit = CONSTRAINT_NAME;
	END;
	refused := trying AND (state LIKE 'TG%' AND NOT bypass OR state = '42501');
	IF state IN ('42501', '38000') AND message LIKE 'permission denied for%' AND starts_with(pg_get_userbyid(role), format('tenant_guard_probe_%s', pg_backend_pid())) THEN
		refused := false;
		message := message || '; prove() gives its role nothing that an owner lacks: name one that has it by prove(role => ...)';
	END IF;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_try(oid, text, text, text, boolean, boolean, regclass, text, text, boolean) IS 'tries a statement and undoes it; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_try(oid, text, text, text, boolean, boolean, regclass, text, text, boolean) FROM PUBLIC;

-- Does this error come from behind the policies? They are judged before constraints are, and triggers, types and the
-- choice of a partition before them.
CREATE FUNCTION tenant_guard_internal.passed_policies(state text, culprit text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT state IN ('23502', '23503', '23505', '23P01') OR state = '23514' AND culprit <> ''
$$;
COMMENT ON FUNCTION tenant_guard_internal.passed_policies(text, text) IS 'whether a row that an error refused had passed the policies; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.passed_policies(text, text) FROM PUBLIC;

-- What a try tells. An error that is neither a refusal nor from behind the policies tells nothing.
CREATE FUNCTION tenant_guard_internal.probe_verdict(state text, refused boolean, message text, broken boolean, good text, bad text, OUT ok boolean, OUT detail text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE WHEN refused THEN true
			WHEN state = '00000' THEN NOT broken END,
	   CASE WHEN refused THEN CASE state WHEN '38002' THEN 'what the view''s trigger did was refused' ELSE format('refused: %s', state) END
			WHEN state = '00000' THEN CASE WHEN broken THEN bad ELSE good END
			WHEN state IN ('38000', '38002') THEN format('not tried: a function that it calls raised: %s', message)
			ELSE format('not tried: %s: %s', state, message) END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_verdict(text, boolean, text, boolean, text, text) IS 'the result of a statement that was tried; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_verdict(text, boolean, text, boolean, text, text) FROM PUBLIC;

-- Tries to insert a row, and if it is refused, or swallowed, tries again without triggers: it may have been one's doing.
CREATE FUNCTION tenant_guard_internal.probe_insert(relation regclass, role oid, search_path text, tenant text, columns text, content jsonb, ways integer,
							 OUT state text, OUT refused boolean, OUT message text, OUT passed boolean)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	statement text := format('INSERT INTO %1$s (%2$s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM jsonb_populate_record(NULL::%1$s, %3$L)', relation, columns, content);
	tried record;
BEGIN
	FOR way IN 0..ways LOOP
		tried := tenant_guard_internal.probe_try(role, search_path, tenant, statement, true, way > 0, relation, silent => way = 2);
		state := tried.state; refused := tried.refused; message := tried.message;
		passed := tried.state = '00000' AND tried.result <> '0' OR tenant_guard_internal.passed_policies(tried.state, tried.culprit);
		EXIT WHEN passed;
	END LOOP;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_insert(regclass, oid, text, text, text, jsonb, integer) IS 'tries to insert a row and undoes it; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_insert(regclass, oid, text, text, text, jsonb, integer) FROM PUBLIC;
