--
-- CREATE POLICY of exactly what guards a table already is skipped: scripts of
-- pg_dump --enable-row-security have it, and what an engine sends to its nodes.
--
\set SHOW_CONTEXT never
CREATE ROLE regress_owner;
CREATE ROLE regress_other;
CREATE SCHEMA t AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA t TO regress_other;
SET ROLE regress_owner;
SET client_min_messages = warning;
CREATE TABLE t.notes (id int, tenant_id uuid, other uuid);
SET client_min_messages = notice;

-- As pg_dump writes them, and in other words for the same, they must be skipped with a NOTICE.
CREATE POLICY tenant_access ON t.notes USING (tenant_guard.guarded());
CREATE POLICY tenant_isolation ON t.notes AS RESTRICTIVE USING ((tenant_id = tenant_guard.current_tenant())) WITH CHECK ((tenant_id = tenant_guard.current_tenant()));
CREATE POLICY tenant_isolation ON t.notes AS RESTRICTIVE FOR ALL TO PUBLIC
	USING (notes.tenant_id OPERATOR(pg_catalog.=) tenant_guard.current_tenant()) WITH CHECK (tenant_id = tenant_guard.current_tenant());
DO $$ BEGIN
	EXECUTE 'CREATE POLICY tenant_access ON t.notes TO PUBLIC USING (tenant_guard.guarded())';
END $$;
SELECT polname, polpermissive, polcmd FROM pg_policy WHERE polrelid = 't.notes'::regclass ORDER BY polname;

-- What differs in anything is an error, as ever.
CREATE POLICY tenant_isolation ON t.notes USING (tenant_id = tenant_guard.current_tenant()) WITH CHECK (tenant_id = tenant_guard.current_tenant());
CREATE POLICY tenant_isolation ON t.notes AS RESTRICTIVE USING (tenant_id = tenant_guard.current_tenant());
CREATE POLICY tenant_isolation ON t.notes AS RESTRICTIVE USING (other = tenant_guard.current_tenant()) WITH CHECK (other = tenant_guard.current_tenant());
CREATE POLICY tenant_isolation ON t.notes AS RESTRICTIVE USING (tenant_id = tenant_guard.current_tenant()) WITH CHECK (true);
CREATE POLICY tenant_isolation ON t.notes AS RESTRICTIVE FOR SELECT USING (tenant_id = tenant_guard.current_tenant());
CREATE POLICY tenant_isolation ON t.notes AS RESTRICTIVE FOR UPDATE USING (tenant_id = tenant_guard.current_tenant()) WITH CHECK (tenant_id = tenant_guard.current_tenant());
CREATE POLICY tenant_isolation ON t.notes AS RESTRICTIVE USING (true) WITH CHECK (tenant_id = tenant_guard.current_tenant());
CREATE POLICY tenant_access ON t.notes USING (tenant_guard.guarded()) WITH CHECK (false);
CREATE POLICY tenant_access ON t.notes FOR SELECT USING (tenant_guard.guarded());
CREATE POLICY tenant_access ON t.notes TO PUBLIC, regress_owner USING (tenant_guard.guarded());
CREATE POLICY tenant_isolation ON t.notes AS RESTRICTIVE TO regress_owner USING (tenant_id = tenant_guard.current_tenant()) WITH CHECK (tenant_id = tenant_guard.current_tenant());
CREATE POLICY tenant_access ON t.notes USING (true);
CREATE POLICY tenant_access ON t.notes AS RESTRICTIVE USING (tenant_guard.guarded());
CREATE POLICY tenant_access ON t.notes USING (nonsense);
CREATE POLICY tenant_access ON t.missing USING (tenant_guard.guarded());

-- Whose table it is not must be told so.
SET ROLE regress_other;
CREATE POLICY tenant_access ON t.notes USING (tenant_guard.guarded());

-- Of a guard that is damaged none is skipped.
RESET ROLE;
SET tenant_guard.bypass = on;
ALTER TABLE t.notes NO FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_access ON t.notes USING (tenant_guard.guarded());
ALTER TABLE t.notes FORCE ROW LEVEL SECURITY;
RESET tenant_guard.bypass;

-- A policy that is not there must be made.
SET ROLE regress_owner;
DROP POLICY tenant_access ON t.notes;
CREATE POLICY tenant_access ON t.notes USING (tenant_guard.guarded());
SELECT count(*) FROM pg_policy WHERE polrelid = 't.notes'::regclass;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_owner, regress_other;
