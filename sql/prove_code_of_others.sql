--
-- What a table's owner wrote runs under prove() with no more privileges than the
-- owner has, and what raises or swallows is not taken for the guard's refusal.
--
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET tenant_guard.foreign_keys = off;
CREATE ROLE regress_owner;
CREATE ROLE regress_other;
CREATE ROLE regress_app;
CREATE SCHEMA secret;
CREATE TABLE secret.open_to_all (word text);
INSERT INTO secret.open_to_all VALUES ('secret');
GRANT ALL ON secret.open_to_all TO PUBLIC;
CREATE SCHEMA o AUTHORIZATION regress_owner;
CREATE SCHEMA other AUTHORIZATION regress_other;
GRANT USAGE ON SCHEMA other TO PUBLIC;
CREATE TABLE o.closed (word text);
INSERT INTO o.closed VALUES ('secret');

-- Tries what the owner may not, and keeps in sequences, which no rollback takes back, what it got and that it ran.
SET ROLE regress_owner;
CREATE SEQUENCE o.ran;
CREATE SEQUENCE o.got;
GRANT ALL ON SEQUENCE o.ran, o.got TO PUBLIC;
GRANT USAGE ON SCHEMA o TO PUBLIC;
CREATE FUNCTION o.spy() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	attempt text;
BEGIN
	PERFORM nextval('o.ran');
	FOREACH attempt IN ARRAY ARRAY['SELECT word FROM secret.open_to_all', 'UPDATE secret.open_to_all SET word = word', 'SELECT word FROM o.closed', 'DELETE FROM o.closed',
								   'SELECT rolpassword FROM pg_authid', 'SELECT pg_read_file(''PG_VERSION'')', 'SET SESSION AUTHORIZATION DEFAULT', 'RESET ROLE',
								   'SET tenant_guard.bypass = on', 'CREATE TABLE secret.mine ()', 'SELECT set_config(''tenant_guard.log_bypass'', ''off'', false)', 'SELECT FROM other.private'] LOOP
		BEGIN
			EXECUTE attempt;
			PERFORM nextval('o.got');
		EXCEPTION WHEN OTHERS THEN
			NULL;
		END;
	END LOOP;
	IF (SELECT rolsuper OR pg_has_role('pg_read_all_data', 'MEMBER') FROM pg_roles WHERE rolname = current_user) THEN
		PERFORM nextval('o.got');
	END IF;
	RETURN true;
END
$$;
CREATE FUNCTION o.fire() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM o.spy(); RETURN COALESCE(NEW, OLD); END $$;
CREATE FUNCTION o.since() RETURNS text LANGUAGE sql AS $$
SELECT CASE WHEN nextval('o.ran') > 1 THEN 'ran' ELSE 'did not run' END || CASE WHEN nextval('o.got') > 1 THEN ', and got something' ELSE ', and got nothing' END || left(setval('o.ran', 1, false)::text || setval('o.got', 1, false), 0)
$$;
CREATE TABLE o.by_trigger (tenant_id uuid, id int);
CREATE TRIGGER spying BEFORE INSERT OR UPDATE OR DELETE ON o.by_trigger FOR EACH ROW EXECUTE FUNCTION o.fire();
ALTER TABLE o.by_trigger ENABLE ALWAYS TRIGGER spying;
CREATE TABLE o.by_policy (tenant_id uuid, id int);
CREATE POLICY spying ON o.by_policy AS RESTRICTIVE USING (o.spy());
CREATE TABLE o.by_check (tenant_id uuid, id int CHECK (o.spy()));
CREATE DOMAIN o.spied AS int CHECK (o.spy());
CREATE TABLE o.by_domain (tenant_id uuid, id o.spied NOT NULL);
CREATE TABLE o.by_default (tenant_id uuid, id boolean DEFAULT o.spy());
CREATE TABLE o.by_view (tenant_id uuid, id int);
CREATE VIEW o.spying WITH (security_invoker) AS SELECT tenant_id, id, o.spy() FROM o.by_view;
RESET ROLE;
GRANT SELECT ON o.by_trigger TO regress_other;
CREATE VIEW other.private AS SELECT tenant_id, id FROM o.by_trigger;
ALTER VIEW other.private OWNER TO regress_other;
SELECT o.since();

-- A trigger, a policy, a CHECK, a domain, a default and a view must run, and get nothing.
SELECT DISTINCT relation, ok FROM tenant_guard.prove('o.by_trigger') WHERE probe !~ 'private';
SELECT o.since();
SELECT DISTINCT relation, ok FROM tenant_guard.prove('o.by_policy');
SELECT o.since();
SELECT DISTINCT relation, ok FROM tenant_guard.prove('o.by_check');
SELECT o.since();
SELECT DISTINCT relation, ok FROM tenant_guard.prove('o.by_domain');
SELECT o.since();
SELECT DISTINCT relation, ok FROM tenant_guard.prove('o.by_default');
SELECT o.since();
SELECT DISTINCT relation, ok FROM tenant_guard.prove('o.by_view');
SELECT o.since();

-- What the view shows that only its owner may see is not tried.
SELECT probe, ok, detail FROM tenant_guard.prove('o.by_trigger') WHERE probe = 'view other.private';
SELECT o.since();

-- Nor must what an ordinary role wrote get more where a superuser's table calls it.
CREATE TABLE o.superusers (id serial, tenant_id uuid, code o.spied NOT NULL, CHECK (o.spy()));
CREATE TRIGGER spying BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON o.superusers EXECUTE FUNCTION o.fire();
ALTER TABLE o.superusers ENABLE ALWAYS TRIGGER spying;
SELECT DISTINCT relation, ok FROM tenant_guard.prove('o.superusers');
CREATE POLICY spying ON o.superusers AS RESTRICTIVE USING (o.spy());
SELECT probe, ok, detail FROM tenant_guard.prove('o.superusers') WHERE ok IS NOT TRUE;
SELECT o.since();
DROP TABLE o.superusers;

-- A view that another role made of a table must not read the table with the privileges of the role that prove() makes,
-- unless its owner may.
CREATE TABLE o.read (tenant_id uuid, id int);
ALTER TABLE o.read OWNER TO regress_owner;
SET ROLE regress_other;
CREATE FUNCTION other.spy() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('o.ran');
	PERFORM FROM o.read;
	PERFORM nextval('o.got');
	RETURN true;
EXCEPTION WHEN insufficient_privilege THEN
	RETURN true;
END
$$;
CREATE VIEW other.invokers WITH (security_invoker) AS SELECT tenant_id, id, other.spy() FROM o.read;
CREATE VIEW other.definers AS SELECT other.spy();
GRANT ALL ON other.invokers, other.definers TO PUBLIC;
CREATE VIEW other.owners AS SELECT tenant_id, id FROM o.read;
RESET ROLE;
SELECT probe, ok, detail FROM tenant_guard.prove('o.read') WHERE ok IS NOT TRUE;
SELECT o.since();
GRANT SELECT ON o.read TO regress_other;
GRANT SELECT ON other.owners TO regress_owner;
SELECT probe, ok, detail FROM tenant_guard.prove('o.read') WHERE ok IS NOT TRUE;

-- With a role that the caller names nothing is given to it: neither on the table nor on the view.
SELECT probe, detail FROM tenant_guard.prove('o.read', 'regress_app') WHERE probe IN ('select', 'insert', 'view other.invokers');
SELECT has_table_privilege('regress_app', 'o.read', 'SELECT') AS given;
-- A superuser must not be named.
CREATE ROLE regress_super SUPERUSER;
SELECT relation, probe, ok, detail FROM tenant_guard.prove('o.read', 'regress_super');

-- Where a part belongs to another role, what is written for the part would run with the whole's owner's privileges: not tried.
CREATE TABLE o.whole (tenant_id uuid, id int) PARTITION BY RANGE (id);
CREATE TABLE o.part PARTITION OF o.whole FOR VALUES FROM (0) TO (1000);
ALTER TABLE o.whole OWNER TO regress_owner;
ALTER TABLE o.part OWNER TO regress_other;
SELECT relation, probe, ok, detail FROM tenant_guard.prove('o.whole');
ALTER TABLE o.part OWNER TO regress_owner;
SELECT relation, bool_and(ok) FROM tenant_guard.prove('o.whole') GROUP BY relation ORDER BY relation::text;

-- So it is of a superuser's whole, to which everybody may do everything, and of a child.
ALTER TABLE o.whole OWNER TO CURRENT_USER;
ALTER TABLE o.part OWNER TO regress_other;
GRANT ALL ON o.whole TO PUBLIC;
CREATE TABLE o.parent (tenant_id uuid, id int);
CREATE TABLE o.child () INHERITS (o.parent);
ALTER TABLE o.child OWNER TO regress_other;
SELECT relation, probe, ok, detail FROM tenant_guard.prove('o.whole');
SELECT relation, probe, ok, detail FROM tenant_guard.prove('o.parent');
-- A schema that its table's owner may not use is not opened for what the table calls.
CREATE TABLE secret.theirs (tenant_id uuid, id int);
ALTER TABLE secret.theirs OWNER TO regress_owner;
SELECT probe, ok, detail FROM tenant_guard.prove('secret.theirs') WHERE ok IS NOT TRUE;
DROP TABLE secret.theirs;

--
-- What is no refusal
--
CREATE FUNCTION o.hide() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF current_user !~ 'probe' THEN
		RETURN COALESCE(NEW, OLD);
	END IF;
	CASE TG_ARGV[0]
	WHEN 'swallows' THEN
		RETURN NULL;
	WHEN 'raises again' THEN
		BEGIN
			INSERT INTO o.decoy VALUES (1);
		EXCEPTION WHEN OTHERS THEN
			RAISE;
		END;
	ELSE
		RAISE EXCEPTION USING ERRCODE = TG_ARGV[0], CONSTRAINT = 'paired',
			MESSAGE = 'new row violates row-level security policy "tenant_isolation" for table "hidden"';
	END CASE;
	RETURN COALESCE(NEW, OLD);
END
$$;
-- Not a guarded table, with a policy that refuses everything to everyone: a genuine refusal, of another thing.
CREATE TABLE o.decoy (id int);
ALTER TABLE o.decoy ENABLE ROW LEVEL SECURITY;
GRANT ALL ON o.decoy TO PUBLIC;

CREATE TABLE o.hidden (tenant_id uuid, id int, PRIMARY KEY (tenant_id, id));
ALTER TABLE o.hidden OWNER TO regress_owner;
-- How prove() finds a table whose policy lets everything pass, and what hides it; the verdicts of the writes.
CREATE FUNCTION o.verdicts(hiding text, mutation text DEFAULT 'ALTER POLICY tenant_isolation ON o.hidden USING (true) WITH CHECK (true)') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text;
BEGIN
	SET LOCAL tenant_guard.bypass = on;
	SET LOCAL client_min_messages = error;
	EXECUTE mutation;
	EXECUTE hiding;
	SET LOCAL tenant_guard.bypass = off;
	SELECT string_agg(format('%s: %s', COALESCE(ok::text, 'null'), probes), E'\n' ORDER BY ok) INTO found
	FROM (SELECT ok, string_agg(probe, ', ' ORDER BY probe COLLATE "C") AS probes FROM tenant_guard.prove('o.hidden') WHERE probe ~ '^(insert|update|delete|move|upsert|reference)' GROUP BY ok) v;
	RAISE EXCEPTION USING MESSAGE = found;
EXCEPTION WHEN raise_exception THEN
	RETURN SQLERRM;
END
$$;

-- Without a trigger each write must be found, and own rows be let in.
SELECT o.verdicts('SELECT');
-- With a trigger that is always there it must be the same, whatever the trigger raises, and if it swallows.
SELECT how, o.verdicts(format('CREATE TRIGGER hiding BEFORE INSERT OR UPDATE OR DELETE ON o.hidden FOR EACH ROW EXECUTE FUNCTION o.hide(%L);
	ALTER TABLE o.hidden ENABLE %s TRIGGER hiding', how, enabled)) = o.verdicts('SELECT') AS same
FROM unnest(ARRAY['42501', 'TG003', 'TG005', '23505', '23503', 'swallows', 'raises again', 'P0001']) AS v (how), unnest(ARRAY['', 'ALWAYS', 'REPLICA']) e (enabled);
SELECT how, o.verdicts(format('CREATE TRIGGER hiding AFTER INSERT OR UPDATE OR DELETE ON o.hidden FOR EACH ROW EXECUTE FUNCTION o.hide(%L);
	ALTER TABLE o.hidden ENABLE ALWAYS TRIGGER hiding', how)) = o.verdicts('SELECT') AS same
FROM unnest(ARRAY['42501', 'raises again']) AS v (how);
SELECT o.verdicts('CREATE TRIGGER hiding BEFORE INSERT OR UPDATE OR DELETE ON o.hidden FOR EACH ROW
	WHEN (CASE WHEN current_user ~ ''probe'' THEN tenant_guard.current_tenant_bigint() > 0 END) EXECUTE FUNCTION o.fire(); ALTER TABLE o.hidden ENABLE ALWAYS TRIGGER hiding') = o.verdicts('SELECT') AS same;
-- And if it is a part's.
CREATE TABLE o.parted (tenant_id uuid, id int) PARTITION BY RANGE (id);
CREATE TABLE o.parted_1 PARTITION OF o.parted FOR VALUES FROM (0) TO (1000);
ALTER TABLE o.parted OWNER TO regress_owner;
ALTER TABLE o.parted_1 OWNER TO regress_owner;
CREATE TRIGGER hiding BEFORE INSERT OR UPDATE OR DELETE ON o.parted_1 FOR EACH ROW EXECUTE FUNCTION o.hide('swallows');
ALTER TABLE o.parted_1 ENABLE ALWAYS TRIGGER hiding;
SET tenant_guard.bypass = on;
ALTER POLICY tenant_isolation ON o.parted USING (true) WITH CHECK (true);
ALTER POLICY tenant_isolation ON o.parted_1 USING (true) WITH CHECK (true);
RESET tenant_guard.bypass;
SELECT relation, ok, string_agg(probe, ', ' ORDER BY probe COLLATE "C") AS probes FROM tenant_guard.prove('o.parted') WHERE probe ~ '^(insert|update|delete|move)' GROUP BY 1, 2 ORDER BY relation::text, 2;
-- So must it be with a rule that does nothing instead, but that PostgreSQL has no ON CONFLICT where there are rules.
SELECT o.verdicts('CREATE RULE updating AS ON UPDATE TO o.hidden WHERE current_user ~ ''probe'' DO INSTEAD NOTHING; ALTER TABLE o.hidden ENABLE ALWAYS RULE updating;
	CREATE RULE deleting AS ON DELETE TO o.hidden WHERE current_user ~ ''probe'' DO INSTEAD NOTHING; ALTER TABLE o.hidden ENABLE ALWAYS RULE deleting');
-- A trigger that lets nobody make a row leaves nothing to try, and that is no success.
CREATE FUNCTION o.never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE insufficient_privilege USING MESSAGE = 'read only'; END $$;
CREATE TABLE o.nowhere (tenant_id uuid, id int);
CREATE TRIGGER never BEFORE INSERT ON o.nowhere FOR EACH ROW EXECUTE FUNCTION o.never();
ALTER TABLE o.nowhere ENABLE ALWAYS TRIGGER never;
SELECT relation, probe, ok, detail FROM tenant_guard.prove('o.nowhere');
-- And a whole guard must be found whole behind such triggers.
SELECT how, o.verdicts(format('CREATE TRIGGER hiding BEFORE INSERT OR UPDATE OR DELETE ON o.hidden FOR EACH ROW EXECUTE FUNCTION o.hide(%L);
	ALTER TABLE o.hidden ENABLE ALWAYS TRIGGER hiding', how), 'SELECT')
FROM unnest(ARRAY['42501', 'swallows']) AS v (how);

-- A policy that a function stands in, which raises what a policy does, refuses; but that it is the guard cannot be told.
CREATE FUNCTION o.raise() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	RAISE insufficient_privilege USING MESSAGE = 'new row violates row-level security policy for table "hidden"';
END
$$;
SELECT o.verdicts('CREATE POLICY raising ON o.hidden AS RESTRICTIVE USING (o.raise())');
-- Nor that of a column's type, which is asked before the policies are.
SELECT o.verdicts('CREATE DOMAIN o.raised AS int CHECK (value IS NULL OR current_user !~ ''probe_[0-9]*$'' OR o.raise()); ALTER TABLE o.hidden ALTER id TYPE o.raised');
SELECT o.verdicts('CREATE DOMAIN o.raised AS int CHECK (value IS NULL OR current_user !~ ''probe_[0-9]*$'' OR current_setting(''data_directory'') = ''''); ALTER TABLE o.hidden ALTER id TYPE o.raised');

-- A foreign key that crosses tenants must be found behind a trigger that swallows or raises.
CREATE TABLE o.others (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE o.refers (id int PRIMARY KEY, tenant_id uuid, other int, CONSTRAINT paired FOREIGN KEY (other) REFERENCES o.others);
ALTER TABLE o.others OWNER TO regress_owner;
ALTER TABLE o.refers OWNER TO regress_owner;
CREATE TRIGGER hiding BEFORE UPDATE ON o.refers FOR EACH ROW EXECUTE FUNCTION o.hide('swallows');
SELECT probe, ok, detail FROM tenant_guard.prove('o.refers') WHERE ok IS NOT TRUE;
DROP TRIGGER hiding ON o.refers;
CREATE TRIGGER hiding BEFORE UPDATE ON o.refers FOR EACH ROW EXECUTE FUNCTION o.hide('23503');
SELECT probe, ok, detail FROM tenant_guard.prove('o.refers') WHERE ok IS NOT TRUE;

-- What an INSTEAD OF trigger is refused by the guard counts, what it raises does not.
CREATE TABLE o.notes (tenant_id uuid, id int);
ALTER TABLE o.notes OWNER TO regress_owner;
SET ROLE regress_owner;
CREATE FUNCTION o.write() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO o.notes VALUES (NEW.tenant_id, NEW.id); RETURN NEW; END $$;
CREATE FUNCTION o.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE insufficient_privilege USING MESSAGE = 'read only'; END $$;
CREATE VIEW o.honest WITH (security_invoker) AS SELECT tenant_id, max(id) AS id FROM o.notes GROUP BY 1;
CREATE TRIGGER writing INSTEAD OF INSERT ON o.honest FOR EACH ROW EXECUTE FUNCTION o.write();
CREATE VIEW o.raising WITH (security_invoker) AS SELECT tenant_id, max(id) AS id FROM o.notes GROUP BY 1;
CREATE TRIGGER writing INSTEAD OF INSERT ON o.raising FOR EACH ROW EXECUTE FUNCTION o.refuse();
RESET ROLE;
SELECT probe, ok, detail FROM tenant_guard.prove('o.notes') WHERE probe ~ 'insert through';

--
-- What cannot be proved is an error, and no success
--
CREATE MATERIALIZED VIEW o.frozen AS SELECT 1 AS one;
CREATE INDEX an_index ON o.decoy (id);
CREATE TYPE o.pair AS (a int, b int);
CREATE TABLE o.member (id int);
ALTER EXTENSION tenant_guard ADD TABLE o.member;
CREATE FUNCTION o.refusal(relation regclass) RETURNS TABLE (state text, message text, hint text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM tenant_guard.prove(relation);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN NEXT;
END
$$;
SELECT relation, r.* FROM unnest(ARRAY['o.spying', 'o.frozen', 'o.got', 'o.an_index', 'o.pair', 'o.member', 'pg_class', 'information_schema.sql_sizing', '0']::regclass[])
	WITH ORDINALITY AS v (relation, n), o.refusal(relation) r ORDER BY n;
SELECT relation, probe, ok, detail FROM tenant_guard.prove('o.nothing');
ALTER EXTENSION tenant_guard DROP TABLE o.member;

-- A temporary table must not be taken for another of its name, which a search_path finds first.
CREATE TEMPORARY TABLE hidden (tenant_id uuid, id int);
SET tenant_guard.bypass = on;
ALTER POLICY tenant_isolation ON pg_temp.hidden USING (true) WITH CHECK (true);
RESET tenant_guard.bypass;
SELECT ok, string_agg(probe, ', ' ORDER BY probe COLLATE "C") AS probes FROM tenant_guard.prove('pg_temp.hidden', search_path => 'o, pg_temp') WHERE probe ~ '^(insert|update|delete|move)' GROUP BY 1;
DROP TABLE pg_temp.hidden;

-- A superuser's table must not call what an ordinary role wrote for a domain below its column's type either; and what a
-- column had that was dropped is nothing of the table's.
CREATE FUNCTION o.mine(text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
ALTER FUNCTION o.mine(text) OWNER TO regress_owner;
CREATE DOMAIN o.code AS text CHECK (o.mine(VALUE));
CREATE DOMAIN o.short_code AS o.code;
CREATE TYPE o.pair_of_codes AS (a o.short_code, b int);
CREATE TABLE o.domains (tenant_id uuid, code o.short_code);
CREATE TABLE o.arrays (tenant_id uuid, codes o.code[]);
CREATE TABLE o.composites (tenant_id uuid, codes o.pair_of_codes);
CREATE TABLE o.dropped (tenant_id uuid, gone int, id int);
ALTER TABLE o.dropped DROP gone;
SELECT relation, tenant_guard_internal.foreign_function(relation) FROM unnest('{o.domains,o.arrays,o.composites,o.dropped}'::regclass[]) relation;

-- A proof that is over leaves no lock on what it probed.
BEGIN;
SELECT count(*) > 0 AS proved FROM tenant_guard.prove('o.by_trigger');
SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE l.pid = pg_backend_pid() AND c.relnamespace = 'o'::regnamespace AND c.relkind = 'r';
COMMIT;
SELECT count(*) FROM pg_roles WHERE rolname ~ 'tenant_guard_probe';

DROP SCHEMA o, other, secret CASCADE;
DROP ROLE regress_owner, regress_other, regress_app, regress_super;
