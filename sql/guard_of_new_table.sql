--
-- The guard of a new table is written into the catalogs by itself. It is the same
-- as that which statements make: protect() of a table that is not new, and every
-- guard where an event trigger of others is to see these statements.
--
\i test/setup/tenants.sql
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE SCHEMA written AUTHORIZATION regress_owner;
CREATE SCHEMA protected AUTHORIZATION regress_owner;
CREATE SCHEMA watched AUTHORIZATION regress_owner;
CREATE SCHEMA tool;
GRANT USAGE ON SCHEMA tool TO regress_owner;
SET tenant_guard.tenant_column = 'tenant_id, "the ""Tenant"""';

-- Tells on whoever runs it.
CREATE FUNCTION tool.tell() RETURNS uuid LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'run by %', current_user; RETURN NULL; END $$;
ALTER FUNCTION tool.tell() OWNER TO regress_owner;
CREATE DOMAIN tool.tenant AS uuid DEFAULT tool.tell() CHECK (VALUE <> '00000000-0000-0000-0000-000000000000');
CREATE DOMAIN tool.owners_tenant AS uuid CHECK (VALUE IS DISTINCT FROM tool.tell());
ALTER DOMAIN tool.owners_tenant OWNER TO regress_owner;

-- Makes tables of many kinds in the current schema.
CREATE PROCEDURE tool.make() LANGUAGE plpgsql AS $$
BEGIN
	CREATE TABLE plain (id int, tenant_id uuid);
	CREATE UNLOGGED TABLE unlogged (tenant_id uuid, id bigserial);
	CREATE TABLE counted (id int GENERATED ALWAYS AS IDENTITY, tenant_id uuid, note text DEFAULT 'x' CHECK (note <> ''));
	CREATE TABLE keyed (id int, tenant_id uuid, PRIMARY KEY (tenant_id, id), UNIQUE (id));
	CREATE TABLE not_null (tenant_id uuid NOT NULL);
	CREATE TABLE with_default (tenant_id uuid DEFAULT tenant_guard.current_tenant(), id int);
	CREATE TABLE not_null_with_default (tenant_id uuid NOT NULL DEFAULT tenant_guard.current_tenant());
	CREATE TABLE other_default (tenant_id uuid DEFAULT tool.tell());
	CREATE TABLE checked (tenant_id uuid CHECK (tenant_id IS NOT NULL), a int CHECK (a > 0));
	CREATE TABLE of_domain (tenant_id tool.tenant, id int);
	CREATE TABLE of_owners_domain (tenant_id tool.owners_tenant, id int DEFAULT length(tool.tell()::text));
	CREATE TABLE "It's ""odd""" ("the ""Tenant""" uuid, id int);
	CREATE TABLE a_table_whose_name_has_as_many_letters_as_a_name_can_have_at_all (tenant_id uuid);
	CREATE TABLE plain_tenant_id_not_null (tenant_id uuid);
	CREATE TABLE generated (org uuid, tenant_id uuid GENERATED ALWAYS AS (org) STORED);
	CREATE TABLE referencing (id int, tenant_id uuid, FOREIGN KEY (tenant_id, id) REFERENCES keyed);
	CREATE TABLE alike (LIKE plain);
	CREATE TABLE alike_in_all (LIKE counted INCLUDING ALL);
	CREATE TABLE IF NOT EXISTS plain (id int, tenant_id uuid);
	CREATE TABLE made_as AS SELECT 1 AS id, 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'::uuid AS tenant_id;
	CREATE TABLE made_with_null AS SELECT 1 AS id, NULL::uuid AS tenant_id;
	CREATE TABLE parent (tenant_id uuid, id int);
	CREATE TABLE child (more int) INHERITS (parent);
	CREATE TABLE whole (tenant_id uuid, day date) PARTITION BY RANGE (day);
	CREATE TABLE part PARTITION OF whole FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
	CREATE TABLE other_parent (id int);
	CREATE TABLE other_child (tenant_id uuid) INHERITS (other_parent);
END
$$;

-- All that the catalogs have of the guard of a table, a line each; "s." stands for the table's schema.
CREATE FUNCTION tool.described(class regclass, object oid) RETURNS text LANGUAGE sql AS
'SELECT pg_describe_object(class, object, 0)';
CREATE FUNCTION tool.facts(relation regclass) RETURNS TABLE (fact text) LANGUAGE sql SET search_path = pg_catalog AS $$
	SELECT replace(f, c.relnamespace::regnamespace || '.', 's.') FROM pg_class c, LATERAL (
		SELECT format('row security %s, forced %s, %s checks', c.relrowsecurity, c.relforcerowsecurity, c.relchecks)
		UNION ALL
		SELECT format('policy %s %s %s %s %s using %s check %s', polname, polcmd, polpermissive, polroles, polrelid::regclass, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
		FROM pg_policy WHERE polrelid = c.oid
		UNION ALL
		SELECT format('column %s %s not null %s, default %s %s, inherited %s, local %s, missing %s', attname, atttypid::regtype, attnotnull, atthasdef, pg_get_expr(adbin, adrelid), attinhcount, attislocal, atthasmissing)
		FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE attrelid = c.oid AND attnum > 0
		UNION ALL
		SELECT format('constraint %s %s validated %s, local %s, inherited %s, not inherited %s: %s', conname, contype, convalidated, conislocal, coninhcount, connoinherit, pg_get_constraintdef(oid))
		FROM pg_constraint WHERE conrelid = c.oid
		UNION ALL
		SELECT format('%s depends on %s: %s', pg_describe_object(classid, objid, objsubid), pg_describe_object(refclassid, refobjid, refobjsubid), deptype)
		FROM pg_depend d WHERE (classid = 'pg_policy'::regclass AND objid IN (SELECT oid FROM pg_policy WHERE polrelid = c.oid))
			OR (classid = 'pg_attrdef'::regclass AND objid IN (SELECT oid FROM pg_attrdef WHERE adrelid = c.oid))
			OR (classid = 'pg_constraint'::regclass AND objid IN (SELECT oid FROM pg_constraint WHERE conrelid = c.oid))
			OR (classid = 'pg_class'::regclass AND objid = c.oid AND refclassid <> 'pg_namespace'::regclass)
	) AS facts (f) WHERE c.oid = relation
$$;
-- What two schemas do not have alike.
CREATE FUNCTION tool.difference(one regnamespace, other regnamespace) RETURNS TABLE (name name, missing_in regnamespace, fact text, times bigint) LANGUAGE sql AS $$
	SELECT relname, CASE WHEN sum(CASE WHEN n = one THEN 1 ELSE -1 END) > 0 THEN other ELSE one END, f, abs(sum(CASE WHEN n = one THEN 1 ELSE -1 END))
	FROM (SELECT relname, relnamespace::regnamespace, f FROM pg_class c, tool.facts(c.oid) f WHERE relnamespace IN (one, other) AND relkind IN ('r', 'p')) AS t (relname, n, f)
	GROUP BY relname, f HAVING sum(CASE WHEN n = one THEN 1 ELSE -1 END) <> 0 ORDER BY relname, f
$$;
-- Was the guard written by itself?  Then one command has made both policies.
CREATE FUNCTION tool.is_written(relation regclass) RETURNS boolean LANGUAGE sql AS
'SELECT count(*) = 2 AND count(DISTINCT cmin::text) = 1 FROM pg_policy WHERE polrelid = relation';

-- The owner makes the tables three times. No code of the tables' is run meanwhile.
SET ROLE regress_owner;
SET search_path = written;
CALL tool.make();
SET search_path = protected;
RESET ROLE;
SET tenant_guard.auto_protect = off;
SET ROLE regress_owner;
CALL tool.make();
RESET ROLE;
RESET tenant_guard.auto_protect;
SET ROLE regress_owner;
DELETE FROM made_with_null;
SELECT relation, status FROM tenant_guard.protect_schema('protected') WHERE status NOT LIKE 'guarded%';
SELECT tenant_guard.protect('"It''s ""odd"""', 'the "Tenant"');
RESET ROLE;
CREATE TABLE tool.seen (command text, object text);
CREATE FUNCTION tool.see() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN INSERT INTO tool.seen SELECT command_tag, object_identity FROM pg_event_trigger_ddl_commands(); END $$;
CREATE EVENT TRIGGER regress_see ON ddl_command_end EXECUTE FUNCTION tool.see();
SET ROLE regress_owner;
SET search_path = watched;
CALL tool.make();
RESET ROLE;
RESET search_path;
DROP EVENT TRIGGER regress_see;

-- All tables are guarded, and nothing is broken but by the child of a parent that is not guarded.
SELECT relnamespace::regnamespace AS schema, status, count(*) FROM tenant_guard.tables_and_partitions t JOIN pg_class c ON c.oid = t.relation
WHERE relnamespace::regnamespace::text IN ('written', 'protected', 'watched') GROUP BY relnamespace, 2 ORDER BY relnamespace::regnamespace::text COLLATE "C", 2;
SELECT relation, invariant, other FROM tenant_guard.broken_invariants() ORDER BY relation::text COLLATE "C";

-- The guards are the same. (From 18 on LIKE copies NOT NULL from a table that is guarded, with its name.)
SELECT * FROM tool.difference('written', 'protected') WHERE name <> 'made_with_null' AND name NOT LIKE 'alike%';
SELECT * FROM tool.difference('written', 'watched');

-- The first were written, but for parts of others, and what is more than a guard. The event trigger has seen the others made.
SELECT relname FROM pg_class WHERE relnamespace = 'written'::regnamespace AND relkind IN ('r', 'p') AND NOT tool.is_written(oid) ORDER BY relname COLLATE "C";
SELECT count(*) FROM pg_class WHERE relnamespace IN ('protected'::regnamespace, 'watched'::regnamespace) AND relkind IN ('r', 'p') AND tool.is_written(oid);
SELECT command, object FROM tool.seen WHERE object LIKE '%watched.plain' ORDER BY command COLLATE "C", object COLLATE "C";
-- This is what a guard is.
SELECT * FROM tool.facts('written.with_default') WHERE fact NOT LIKE 'constraint%' ORDER BY fact COLLATE "C";

-- A temporary table is guarded in the same way: a row is of the transaction's tenant.
SET ROLE regress_owner;
BEGIN;
SELECT tenant_guard.set_tenant(:a) = :a AS set;
CREATE TEMPORARY TABLE of_session (id int, tenant_id uuid);
SELECT tool.is_written('of_session');
INSERT INTO of_session VALUES (1) RETURNING tenant_id = :a::uuid AS ok;
SAVEPOINT s;
INSERT INTO of_session VALUES (1, NULL);
ROLLBACK TO s;
INSERT INTO of_session VALUES (1, :b);
ROLLBACK;
RESET ROLE;

-- Savepoints roll guard and table back, and a table of the same transaction is guarded by protect() in either way.
BEGIN;
SAVEPOINT s;
CREATE TABLE written.gone (id int, tenant_id uuid);
ROLLBACK TO s;
SELECT to_regclass('written.gone');
SET LOCAL tenant_guard.auto_protect = off;
CREATE TABLE written.late (id int, tenant_id uuid);
INSERT INTO written.late VALUES (1, :a);
SELECT tenant_guard.protect('written.late');
SELECT tool.is_written('written.late');
SET LOCAL tenant_guard.bypass = on;
SET LOCAL row_security = off;
SELECT count(*) FROM written.late;
ROLLBACK;

-- One with a row without a tenant is not.
BEGIN;
SET LOCAL tenant_guard.auto_protect = off;
CREATE TABLE written.late (id int, tenant_id uuid);
INSERT INTO written.late VALUES (1, NULL);
SELECT tenant_guard.protect('written.late');
ROLLBACK;
-- Nor is that of a table on which a query is running, which would go on to read or write every tenant's rows: the statement fails, as it does
-- for a table that is not new.
BEGIN;
CREATE TABLE written.used (id int, org uuid);
INSERT INTO written.used VALUES (1, :a), (2, :b);
DECLARE c CURSOR FOR SELECT id FROM written.used ORDER BY id;
SAVEPOINT s;
ALTER TABLE written.used RENAME org TO tenant_id;
ROLLBACK TO s;
INSERT INTO written.used SELECT 3, :b FROM (SELECT tenant_guard.protect('written.used', 'org')) AS p;
ROLLBACK TO s;
CLOSE c;
ALTER TABLE written.used RENAME org TO tenant_id;
SELECT tool.is_written('written.used');
ROLLBACK;
-- With rows of everyone it is, in their shape.
BEGIN;
SET LOCAL tenant_guard.auto_protect = off;
CREATE TABLE written.late (id int, tenant_id uuid);
INSERT INTO written.late VALUES (1, NULL);
SELECT tenant_guard.protect('written.late', null_rows => 'shared');
SELECT * FROM tool.facts('written.late') WHERE fact ~ '^(policy|row|column tenant)' ORDER BY fact COLLATE "C";
ROLLBACK;

-- An event trigger that sees other statements alone makes no difference, nor does one that is disabled; one that is fired before them does.
CREATE EVENT TRIGGER regress_see ON ddl_command_end WHEN TAG IN ('CREATE EXTENSION') EXECUTE FUNCTION tool.see();
CREATE TABLE written.one (tenant_id uuid);
SELECT tool.is_written('written.one');
DROP EVENT TRIGGER regress_see;
CREATE EVENT TRIGGER regress_see ON ddl_command_end WHEN TAG IN ('CREATE POLICY') EXECUTE FUNCTION tool.see();
CREATE TABLE written.two (tenant_id uuid);
SELECT tool.is_written('written.two');
ALTER EVENT TRIGGER regress_see DISABLE;
CREATE TABLE written.three (tenant_id uuid);
SELECT tool.is_written('written.three');
DROP EVENT TRIGGER regress_see;
CREATE FUNCTION tool.look() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
CREATE EVENT TRIGGER regress_see ON ddl_command_start EXECUTE FUNCTION tool.look();
CREATE TABLE written.four (tenant_id uuid);
SELECT tool.is_written('written.four');
DROP EVENT TRIGGER regress_see;
CREATE TABLE written.five (tenant_id uuid);
SELECT tool.is_written('written.five');

-- An owner who may not use the schema of the table is told so, as before.
CREATE SCHEMA closed;
GRANT CREATE ON SCHEMA closed TO regress_owner;
CREATE FUNCTION tool.make_closed() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CREATE TABLE closed.made (tenant_id uuid); END $$;
SET ROLE regress_owner;
SELECT tool.make_closed();
RESET ROLE;

DROP SCHEMA written, protected, watched, tool, closed CASCADE;
DROP ROLE regress_owner;
