--
-- A table of whose guard a part is missing is not taken for one without a
-- guard: it is refused to everyone, until it is mended or the access is meant.
--
\i test/setup/owner_and_app.sql
SET client_min_messages = warning;
SET ROLE regress_owner;
CREATE TABLE t.notes (id int, tenant_id uuid);
GRANT ALL ON t.notes TO regress_app;
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO t.notes VALUES (1, :a), (2, :b);
RESET tenant_guard.bypass;
RESET client_min_messages;

-- Each damage that a role with bypass can do must close the table.
CREATE FUNCTION t.try(damage text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	SET LOCAL tenant_guard.bypass = on;
	EXECUTE damage;
	SET LOCAL tenant_guard.bypass = off;
	PERFORM tenant_guard.set_tenant('aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa');
	SET LOCAL ROLE regress_app;
	BEGIN
		SELECT 'seen: ' || count(*) INTO result FROM t.notes;
	EXCEPTION WHEN OTHERS THEN
		result := SQLSTATE;
	END;
	SET LOCAL ROLE regress_owner;
	BEGIN
		SELECT result || ', by its owner: ' || count(*) INTO result FROM t.notes;
	EXCEPTION WHEN OTHERS THEN
		result := result || ', by its owner: ' || SQLSTATE;
	END;
	RAISE EXCEPTION USING MESSAGE = result;
EXCEPTION WHEN raise_exception THEN
	RETURN SQLERRM;
END
$$;
SELECT t.try('SELECT 1');
SELECT t.try('ALTER TABLE t.notes DISABLE ROW LEVEL SECURITY');
SELECT t.try('ALTER TABLE t.notes NO FORCE ROW LEVEL SECURITY');
SELECT t.try('ALTER TABLE t.notes ALTER COLUMN tenant_id DROP NOT NULL');
SELECT t.try('DROP POLICY tenant_isolation ON t.notes');
SELECT t.try('ALTER POLICY tenant_isolation ON t.notes USING (true)');
SELECT t.try('ALTER POLICY tenant_isolation ON t.notes WITH CHECK (true)');
SELECT t.try('ALTER POLICY tenant_isolation ON t.notes RENAME TO harmless');
SELECT t.try('ALTER POLICY tenant_isolation ON t.notes TO regress_owner');
SELECT t.try('CREATE OR REPLACE FUNCTION tenant_guard.current_tenant() RETURNS uuid LANGUAGE sql AS ''SELECT gen_random_uuid()''');

-- A policy that looks like the guard's, and is not, must be found, whatever
-- part of it is another's.
CREATE FUNCTION t.status_after(damage text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	SET LOCAL tenant_guard.bypass = on;
	PERFORM count(*) FROM t.notes;
	EXECUTE damage;
	SELECT status INTO result FROM tenant_guard.tables WHERE relation = 't.notes'::regclass;
	RAISE EXCEPTION USING MESSAGE = result;
EXCEPTION WHEN raise_exception THEN
	RETURN SQLERRM;
END
$$;
SELECT t.status_after('SELECT 1');
SELECT t.status_after($$CREATE OR REPLACE FUNCTION tenant_guard.current_tenant() RETURNS uuid LANGUAGE c AS '$libdir/tenant_guard', 'tenant_guard_guarded'$$);
SELECT t.status_after($$CREATE FUNCTION t.current_tenant() RETURNS uuid LANGUAGE c STABLE AS '$libdir/tenant_guard', 'tenant_guard_current_tenant'; ALTER POLICY tenant_isolation ON t.notes USING (tenant_id = t.current_tenant()) WITH CHECK (tenant_id = t.current_tenant())$$);
SELECT t.status_after('ALTER POLICY tenant_isolation ON t.notes USING (tenant_id <> tenant_guard.current_tenant()) WITH CHECK (tenant_id <> tenant_guard.current_tenant())');
SELECT t.status_after('ALTER POLICY tenant_isolation ON t.notes USING (COALESCE(tenant_id, tenant_id) = tenant_guard.current_tenant()) WITH CHECK (COALESCE(tenant_id, tenant_id) = tenant_guard.current_tenant())');
SELECT t.status_after('ALTER POLICY tenant_isolation ON t.notes USING (tenant_id = ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'') WITH CHECK (tenant_id = ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'')');
SELECT t.status_after('DROP POLICY tenant_isolation ON t.notes; CREATE POLICY tenant_isolation ON t.notes USING (tenant_id = tenant_guard.current_tenant()) WITH CHECK (tenant_id = tenant_guard.current_tenant())');
SELECT t.status_after('DROP POLICY tenant_isolation ON t.notes; CREATE POLICY tenant_isolation ON t.notes AS RESTRICTIVE FOR UPDATE USING (tenant_id = tenant_guard.current_tenant()) WITH CHECK (tenant_id = tenant_guard.current_tenant())');
SELECT t.status_after('DROP POLICY tenant_access ON t.notes; ALTER POLICY tenant_isolation ON t.notes RENAME TO harmless');
SELECT t.status_after('ALTER TABLE t.notes ALTER tenant_id DROP NOT NULL, ADD CHECK (tenant_id IS NULL) NOT VALID');
SELECT t.status_after('ALTER TABLE t.notes ALTER tenant_id DROP NOT NULL, ADD CHECK (id IS NOT NULL)');

-- The refusal must say what is missing and how to mend it; that must mend it.
SET tenant_guard.bypass = on;
ALTER TABLE t.notes DISABLE ROW LEVEL SECURITY;
RESET tenant_guard.bypass;
SET ROLE regress_app;
SELECT count(*) FROM t.notes;
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_owner;
SELECT count(*) FROM t.notes;
SELECT tenant_guard.protect('t.notes');
SELECT count(*) FROM t.notes;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT count(*) FROM t.notes;
COMMIT;

-- What cannot damage a guard must go on where the guard is damaged already; what could is refused.
RESET ROLE;
CREATE TABLE t.hurt (id int NOT NULL, n int NOT NULL, m int, tenant_id uuid);
CREATE UNIQUE INDEX hurt_id ON t.hurt (id);
SET tenant_guard.bypass = on;
ALTER TABLE t.hurt NO FORCE ROW LEVEL SECURITY;
RESET tenant_guard.bypass;
ALTER TABLE t.hurt ALTER m TYPE bigint;
ALTER TABLE t.hurt ADD PRIMARY KEY USING INDEX hurt_id;
ALTER TABLE t.hurt ALTER n ADD GENERATED ALWAYS AS IDENTITY;
ALTER TABLE t.hurt ALTER id SET DEFAULT 1;
ALTER TABLE t.hurt SET (fillfactor = 70);
ALTER TABLE t.hurt OWNER TO regress_owner;
ALTER TABLE t.hurt DISABLE ROW LEVEL SECURITY;

-- While the extension's schema has another name its functions are not known for its own; with its name the guard is whole.
RESET ROLE;
SELECT (tenant_guard.guard_status('t.notes')).status;
ALTER SCHEMA tenant_guard RENAME TO elsewhere;
SELECT (elsewhere.guard_status('t.notes')).status;
ALTER SCHEMA elsewhere RENAME TO tenant_guard;
SELECT (tenant_guard.guard_status('t.notes')).status;
-- The same of a function, and of what guarded tables say of tenant columns.
CREATE FUNCTION t.guarded_by() RETURNS bigint LANGUAGE sql AS $$ SELECT COALESCE(sum(tables), 0)::bigint FROM tenant_guard_internal.guard_counts() WHERE tenant_type = 'uuid' $$;
SELECT t.guarded_by() > 0 AS counted;
ALTER FUNCTION tenant_guard.current_tenant() RENAME TO of_now;
SELECT t.guarded_by() > 0 AS counted;
ALTER FUNCTION tenant_guard.of_now() RENAME TO current_tenant;
SELECT t.guarded_by() > 0 AS counted;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_owner, regress_app;
