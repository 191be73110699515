
--
-- Findings that somebody has accepted: for the DBA, and whom the DBA grants it to
--
-- An acceptance is a clause of a security label (src/base/label.c), on the object that the finding is about, or to which what
-- it is about belongs: a table, with its keys, policies and triggers; a view; a function; a role, of what is so in every
-- database; and otherwise the database. Whoever owns that object may accept it, as for SECURITY LABEL.
--
-- What a finding says, so that it is one again when it says something else. Where that grows with every table, and is no worse for it,
-- the level alone counts.
CREATE FUNCTION tenant_guard_internal.finding_digest(rule text, level text, detail text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT left(encode(sha256(convert_to(concat(level, ' ', CASE WHEN rule IN ('application_owns_table', 'tenants_table_open', 'trigger_granted') THEN NULL
																	  -- one finding for all such keys: without how many they are, and their names
																	  WHEN rule = 'unique_without_tenant' AND level = 'info' THEN regexp_replace(detail, '^\d+ (keys [^:]*):.*$', '\1')
																	  ELSE detail END), 'UTF8')), 'hex'), 16)
$$;
COMMENT ON FUNCTION tenant_guard_internal.finding_digest(text, text, text) IS 'what a finding says, in short; a part of accept_finding()';

-- Where the acceptance of a finding belongs: the object, what of it the finding is about, and the object's name for SECURITY LABEL.
CREATE FUNCTION tenant_guard_internal.place_of_finding(rule text, object text, OUT classoid oid, OUT objoid oid, OUT part text, OUT target text)
RETURNS record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT p.classoid, p.objoid, p.part, p.target
FROM (SELECT 'pg_authid'::regclass::oid AS classoid, r.oid AS objoid, NULL::text AS part, 'ROLE ' || quote_ident(r.rolname) AS target, 1 AS rank
	  FROM pg_roles r
	  WHERE rule IN ('bypass_granted', 'role_bypasses', 'role_reaches_around', 'setting_granted') AND quote_ident(r.rolname) = object
	  UNION ALL
	  SELECT 'pg_class'::regclass, c.oid, CASE WHEN object <> n.name THEN left(object, -length(' on ' || n.name)) END,
			 CASE c.relkind WHEN 'v' THEN 'VIEW ' WHEN 'm' THEN 'MATERIALIZED VIEW ' WHEN 'f' THEN 'FOREIGN TABLE ' ELSE 'TABLE ' END || n.name, 2
	  FROM pg_class c CROSS JOIN LATERAL (SELECT c.oid::regclass::text AS name) n
	  WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'f', 'v', 'm') AND strpos(object, quote_ident(c.relname)) > 0
			AND (object = n.name OR right(object, length(' on ' || n.name)) = ' on ' || n.name)
	  UNION ALL
	  SELECT 'pg_proc'::regclass, f.oid, NULL, 'ROUTINE ' || n.name, 3
	  FROM pg_proc f CROSS JOIN LATERAL (SELECT f.oid::regprocedure::text AS name) n
	  WHERE f.oid >= 16384 AND strpos(object, quote_ident(f.proname)) > 0 AND object = n.name
	  UNION ALL
	  SELECT 'pg_database'::regclass, d.oid, object, 'DATABASE ' || quote_ident(d.datname), 4
	  FROM pg_database d WHERE d.datname = current_database()) p
-- what is named there is no table, whatever it is called
WHERE p.rank IN (1, 4) OR rule NOT IN ('application_owns_table', 'backup_role_missing', 'beside_tables', 'bypass_granted', 'event_trigger_disabled', 'function_replaced',
									   'nothing_guarded', 'not_preloaded', 'publication_unfiltered', 'role_bypasses', 'role_reaches_around', 'server_outdated', 'setting_granted',
									   'setting_loosened', 'statements_readable', 'statistics_readable', 'subscription_will_fail', 'trigger_granted')
ORDER BY p.rank
LIMIT 1
$$;
COMMENT ON FUNCTION tenant_guard_internal.place_of_finding(text, text) IS 'the object on whose label a finding is accepted; a part of accept_finding()';

CREATE TYPE tenant_guard_internal.acceptance AS (classoid oid, objoid oid, rule text, object text, part text, target text,
												 details text[], reason text, until timestamptz, accepted_by text);
COMMENT ON TYPE tenant_guard_internal.acceptance IS 'a finding that a label accepts; a part of audit()';

-- What labels accept; "object" as audit() writes it. An owner who is no superuser may have written what he likes: who accepted is his word. So it is
-- with a role's label, which roles with CREATEROLE may write: for a superuser's name there may be one of theirs.
CREATE FUNCTION tenant_guard_internal.acceptances() RETURNS SETOF tenant_guard_internal.acceptance
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT l.classoid, l.objoid, c.rule, concat_ws(' on ', c.object, o.name), c.object, o.target,
	   string_to_array(c.details, ' '), c.reason, c.until::timestamptz,
	   COALESCE(quote_ident(c.by), 'somebody')
	   || CASE WHEN w.oid IS NULL AND NOT EXISTS (SELECT FROM pg_roles b WHERE b.rolname = c.by AND NOT b.rolsuper)
					AND EXISTS (SELECT FROM pg_roles b WHERE b.rolcreaterole AND NOT b.rolsuper) THEN ' (so says the label, which roles with CREATEROLE may write)'
			   WHEN c.by IS DISTINCT FROM w.rolname AND NOT w.rolsuper THEN format(' (so says the label, which is %I''s)', w.rolname) ELSE '' END
FROM (SELECT s.classoid, s.objoid, s.label FROM pg_seclabel s WHERE s.provider = 'tenant_guard' AND s.objsubid = 0
	  UNION ALL
	  SELECT s.classoid, s.objoid, s.label FROM pg_shseclabel s
	  WHERE s.provider = 'tenant_guard' AND (s.classoid = 'pg_authid'::regclass OR s.objoid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))) l
	 CROSS JOIN LATERAL tenant_guard_internal.label_clauses(l.label) c
	 CROSS JOIN LATERAL (SELECT r.oid::regclass::text AS name, r.relowner AS owner,
								CASE r.relkind WHEN 'v' THEN 'VIEW ' WHEN 'm' THEN 'MATERIALIZED VIEW ' WHEN 'f' THEN 'FOREIGN TABLE ' ELSE 'TABLE ' END || r.oid::regclass AS target
						 FROM pg_class r WHERE l.classoid = 'pg_class'::regclass AND r.oid = l.objoid
						 UNION ALL
						 SELECT f.oid::regprocedure::text, f.proowner, 'ROUTINE ' || f.oid::regprocedure FROM pg_proc f WHERE l.classoid = 'pg_proc'::regclass AND f.oid = l.objoid
						 UNION ALL
						 SELECT quote_ident(r.rolname), NULL, 'ROLE ' || quote_ident(r.rolname) FROM pg_roles r WHERE l.classoid = 'pg_authid'::regclass AND r.oid = l.objoid
						 UNION ALL
						 SELECT NULL, d.datdba, 'DATABASE ' || quote_ident(d.datname) FROM pg_database d WHERE l.classoid = 'pg_database'::regclass AND d.oid = l.objoid) o
	 LEFT JOIN pg_roles w ON w.oid = o.owner
WHERE c.word = 'accepted'
$$;
COMMENT ON FUNCTION tenant_guard_internal.acceptances() IS 'the findings that labels accept; a part of audit()';

CREATE FUNCTION accept_finding(rule text, object text, reason text, until timestamptz DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
	place record;
	digests text;
	others text;
BEGIN
	IF reason IS NULL OR reason ~ '^\s*$' THEN
		RAISE EXCEPTION 'a finding is accepted for a reason'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = format('Say why it may stay as it is: SELECT tenant_guard.accept_finding(%L, %L, ''...'');', rule, object);
	ELSIF until <= now() THEN
		RAISE EXCEPTION 'the acceptance would have ended on %', until
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give a time to come, or none.';
	ELSIF rule IS NULL OR NOT EXISTS (SELECT FROM tenant_guard_internal.audit_rules r WHERE r.rule = accept_finding.rule) THEN
		RAISE EXCEPTION 'audit() has no rule "%"', rule
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = format('Rules are %s.', (SELECT string_agg(r.rule, ', ' ORDER BY r.rule COLLATE "C") FROM tenant_guard_internal.audit_rules r));
	END IF;
	SELECT string_agg(DISTINCT tenant_guard_internal.finding_digest(f.rule, f.level, f.detail), ' ') FILTER (WHERE f.object = accept_finding.object),
		   array_to_string((array_agg(DISTINCT quote_literal(f.object)))[1:5], ', ') || CASE WHEN count(DISTINCT f.object) > 5 THEN ', ...' ELSE '' END
	INTO digests, others
	FROM tenant_guard_internal.findings(NULL, (SELECT array_agg(r.rule) FROM tenant_guard_internal.audit_rules r WHERE r.rule <> accept_finding.rule)) f;
	IF digests IS NULL THEN
		RAISE EXCEPTION 'audit() does not find % of object %', rule, object
			USING ERRCODE = 'undefined_object', HINT = COALESCE('It finds it of ' || others || '.', 'It finds it of no object.');
	END IF;
	place := tenant_guard_internal.place_of_finding(rule, object);
	IF place.target LIKE 'TABLE %' THEN
		-- what the label says otherwise is written again, and must not be changed between
		EXECUTE format('LOCK TABLE ONLY %s IN SHARE UPDATE EXCLUSIVE MODE', substr(place.target, 7));
	END IF;
	EXECUTE format('SECURITY LABEL FOR tenant_guard ON %s IS %L', place.target,
				   tenant_guard_internal.label_with(tenant_guard_internal.label_on(place.classoid, place.objoid), rule, place.part, digests, reason,
													to_char(CASE WHEN until < '9999-12-31' THEN until END AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), current_user));
END
$$;
COMMENT ON FUNCTION accept_finding(text, text, text, timestamptz) IS 'accepts a finding of audit() for a reason, and for a time';
REVOKE ALL ON FUNCTION accept_finding(text, text, text, timestamptz) FROM PUBLIC;

CREATE FUNCTION reopen_finding(rule text, object text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
	accepted record;
BEGIN
	IF NOT EXISTS (SELECT FROM tenant_guard_internal.acceptances() a WHERE a.rule = reopen_finding.rule AND a.object = reopen_finding.object) THEN
		RAISE EXCEPTION 'nobody has accepted % of object %', rule, object
			USING ERRCODE = 'undefined_object',
				  HINT = COALESCE((SELECT 'Accepted are ' || string_agg(format('%s of %L', a.rule, a.object), ', ' ORDER BY a.rule COLLATE "C", a.object COLLATE "C") || '.'
								   FROM tenant_guard_internal.acceptances() a), 'No finding is accepted.');
	END IF;
	FOR accepted IN SELECT a.* FROM tenant_guard_internal.acceptances() a WHERE a.rule = reopen_finding.rule AND a.object = reopen_finding.object LOOP
		IF accepted.target LIKE 'TABLE %' THEN
			EXECUTE format('LOCK TABLE ONLY %s IN SHARE UPDATE EXCLUSIVE MODE', substr(accepted.target, 7));
		END IF;
		EXECUTE format('SECURITY LABEL FOR tenant_guard ON %s IS %L', accepted.target,
					   tenant_guard_internal.label_without(tenant_guard_internal.label_on(accepted.classoid, accepted.objoid), rule, accepted.part));
	END LOOP;
END
$$;
COMMENT ON FUNCTION reopen_finding(text, text) IS 'takes back that a finding of audit() is accepted';
REVOKE ALL ON FUNCTION reopen_finding(text, text) FROM PUBLIC;
