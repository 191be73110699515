--
-- protect(..., replace_policies => true) takes away the policies of an application
-- that say no more than the guard, and no others. test/t/049_setting_names.pl has an
-- application's own setting; here the setting is tenant_guard.tenant_id.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET tenant_guard.auto_protect = off;
CREATE ROLE regress_application;
CREATE FUNCTION policies(relation regclass) RETURNS TABLE (policy name, permissive boolean, command "char", qual text, with_check text) LANGUAGE sql
AS $$ SELECT polname, polpermissive, polcmd, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)
	  FROM pg_policy WHERE polrelid = relation AND polname NOT IN ('tenant_isolation', 'tenant_access') ORDER BY polname $$;

-- Each form in which applications compare the column with their setting is recognised, and dropped.
CREATE TABLE forms (tenant_id uuid, body text);
CREATE POLICY plain ON forms USING (tenant_id = current_setting('tenant_guard.tenant_id')::uuid);
CREATE POLICY missing_ok ON forms USING (tenant_id = current_setting('tenant_guard.tenant_id', true)::uuid);
CREATE POLICY folded ON forms USING (tenant_id = current_setting('TENANT_GUARD.Tenant_Id', false)::uuid);
CREATE POLICY nullif ON forms USING (tenant_id = NULLIF(current_setting('tenant_guard.tenant_id', true), '')::uuid);
CREATE POLICY selected ON forms USING (tenant_id = (SELECT NULLIF(current_setting('tenant_guard.tenant_id', true), '')::uuid));
CREATE POLICY selected_inside ON forms USING (tenant_id = (SELECT current_setting('tenant_guard.tenant_id', true))::uuid);
CREATE POLICY turned ON forms USING (current_setting('tenant_guard.tenant_id')::uuid = tenant_id);
CREATE POLICY as_text ON forms USING (tenant_id::text = current_setting('tenant_guard.tenant_id'));
CREATE DOMAIN tenant AS uuid;
CREATE POLICY as_domain ON forms USING (tenant_id = current_setting('tenant_guard.tenant_id')::tenant);
CREATE POLICY restricts ON forms AS RESTRICTIVE USING (tenant_id = current_setting('tenant_guard.tenant_id')::uuid);
CREATE POLICY with_check ON forms USING (tenant_id = current_setting('tenant_guard.tenant_id')::uuid) WITH CHECK (tenant_id = current_setting('tenant_guard.tenant_id')::uuid);
CREATE POLICY checks_nothing ON forms USING (tenant_id = current_setting('tenant_guard.tenant_id')::uuid) WITH CHECK (true);
-- Without the argument they are named.
SELECT tenant_guard.protect('forms');
\set VERBOSITY default
SELECT tenant_guard.protect('forms', replace_policies => true);
\set VERBOSITY terse
SELECT * FROM policies('forms');
\d forms

-- Other types of tenants, in a table of its own each.
SET tenant_guard.tenant_type = 'bigint';
CREATE TABLE numbers (tenant_id integer);
CREATE POLICY a ON numbers USING (tenant_id = current_setting('tenant_guard.tenant_id')::integer);
CREATE TABLE big_numbers (tenant_id bigint);
CREATE POLICY a ON big_numbers USING (tenant_id = current_setting('tenant_guard.tenant_id')::bigint);
CREATE POLICY b ON big_numbers USING (tenant_id = current_setting('tenant_guard.tenant_id')::integer);
SELECT tenant_guard.protect('numbers', replace_policies => true), tenant_guard.protect('big_numbers', replace_policies => true);
SET tenant_guard.tenant_type = 'text';
CREATE TABLE texts (tenant_id text);
CREATE POLICY a ON texts USING (tenant_id = current_setting('tenant_guard.tenant_id'));
CREATE TABLE varchars (tenant_id varchar(10));
CREATE POLICY a ON varchars USING (tenant_id = current_setting('tenant_guard.tenant_id', true));
SELECT tenant_guard.protect('texts', replace_policies => true), tenant_guard.protect('varchars', replace_policies => true);
SELECT p.* FROM (VALUES ('numbers'), ('big_numbers'), ('texts'), ('varchars')) v (name), policies(v.name::regclass) p;
RESET tenant_guard.tenant_type;
DROP TABLE numbers, big_numbers, texts, varchars;

-- Whatever says something else stays: another column, setting, operator, function, condition or value.
CREATE TABLE others (tenant_id uuid, owner_id uuid, body text);
CREATE FUNCTION current_setting(text) RETURNS text LANGUAGE sql AS $$ SELECT 'x'::text $$;
CREATE POLICY other_column ON others USING (owner_id = pg_catalog.current_setting('tenant_guard.tenant_id')::uuid);
CREATE POLICY other_setting ON others USING (tenant_id = pg_catalog.current_setting('app.tenant')::uuid);
CREATE POLICY computed_setting ON others USING (tenant_id = pg_catalog.current_setting('tenant_guard.' || body)::uuid);
CREATE POLICY other_operator ON others USING (tenant_id <> pg_catalog.current_setting('tenant_guard.tenant_id')::uuid);
CREATE POLICY other_function ON others USING (tenant_id = public.current_setting('tenant_guard.tenant_id')::uuid);
CREATE POLICY more ON others USING (tenant_id = pg_catalog.current_setting('tenant_guard.tenant_id')::uuid AND body = 'x');
CREATE POLICY either ON others USING (tenant_id = pg_catalog.current_setting('tenant_guard.tenant_id')::uuid OR tenant_id IS NULL);
CREATE POLICY negated ON others USING (NOT tenant_id = pg_catalog.current_setting('tenant_guard.tenant_id')::uuid);
CREATE POLICY cut_off ON others USING (tenant_id::text = pg_catalog.current_setting('tenant_guard.tenant_id')::varchar(8));
CREATE POLICY of_rows ON others USING (tenant_id = (SELECT pg_catalog.current_setting('tenant_guard.tenant_id')::uuid FROM forms));
CREATE POLICY where_false ON others USING (tenant_id = (SELECT pg_catalog.current_setting('tenant_guard.tenant_id')::uuid WHERE false));
CREATE POLICY limited ON others USING (tenant_id = (SELECT pg_catalog.current_setting('tenant_guard.tenant_id')::uuid LIMIT 0));
CREATE POLICY other_null ON others USING (tenant_id = NULLIF(pg_catalog.current_setting('tenant_guard.tenant_id', true), 'x')::uuid);
CREATE POLICY other_check ON others USING (tenant_id = pg_catalog.current_setting('tenant_guard.tenant_id')::uuid) WITH CHECK (body = 'x');
CREATE POLICY all_rows ON others USING (true);
-- A domain can refuse tenants by its CHECK, also one below it.
CREATE FUNCTION is_active(uuid) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT $1 <> 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb' $$;
CREATE DOMAIN active AS uuid CHECK (is_active(VALUE));
CREATE DOMAIN active_too AS active;
CREATE POLICY checked ON others USING (tenant_id = pg_catalog.current_setting('tenant_guard.tenant_id')::active);
CREATE POLICY checked_below ON others USING (tenant_id = pg_catalog.current_setting('tenant_guard.tenant_id')::active_too);
CREATE POLICY checked_column ON others USING (tenant_id::active = pg_catalog.current_setting('tenant_guard.tenant_id')::uuid);
SELECT count(*) FROM policies('others');
SELECT tenant_guard.protect('others', replace_policies => true);
SELECT count(*) FROM policies('others');
DROP FUNCTION public.current_setting(text) CASCADE;

-- Policies for some commands or roles say who may use the table: they stay so, with a condition that is always true.
CREATE TABLE some_commands (tenant_id uuid, body text);
CREATE POLICY reads ON some_commands FOR SELECT TO regress_application USING (tenant_id = current_setting('tenant_guard.tenant_id')::uuid);
CREATE POLICY writes ON some_commands FOR INSERT TO regress_application WITH CHECK (tenant_id = current_setting('tenant_guard.tenant_id')::uuid);
GRANT ALL ON some_commands TO regress_application;
\set VERBOSITY default
SELECT tenant_guard.protect('some_commands', replace_policies => true);
\set VERBOSITY terse
SELECT * FROM policies('some_commands');
BEGIN;
SET LOCAL ROLE regress_application;
SELECT tenant_guard.set_tenant('aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa');
INSERT INTO some_commands (body) VALUES ('x') RETURNING body;
-- It may not UPDATE, as before.
UPDATE some_commands SET body = 'y';
ROLLBACK;

-- Policies for each command, which together are for all of them, are dropped.
CREATE TABLE each_command (tenant_id uuid);
CREATE POLICY r ON each_command FOR SELECT USING (tenant_id = current_setting('tenant_guard.tenant_id')::uuid);
CREATE POLICY a ON each_command FOR INSERT WITH CHECK (tenant_id = current_setting('tenant_guard.tenant_id')::uuid);
CREATE POLICY w ON each_command FOR UPDATE USING (tenant_id = current_setting('tenant_guard.tenant_id')::uuid);
CREATE POLICY d ON each_command FOR DELETE USING (tenant_id = current_setting('tenant_guard.tenant_id')::uuid);
SELECT tenant_guard.protect('each_command', replace_policies => true);
SELECT * FROM policies('each_command');

-- Beside another permissive policy tenant_access would not be added, and its rows would be lost: it stays, always true.
CREATE TABLE beside (tenant_id uuid, body text);
CREATE POLICY ours ON beside USING (tenant_id = current_setting('tenant_guard.tenant_id')::uuid);
CREATE POLICY theirs ON beside USING (body = 'x');
SELECT tenant_guard.protect('beside', replace_policies => true);
SELECT * FROM policies('beside');

-- A policy that has the name of the guard's is replaced by it; its hint gets it back.
CREATE TABLE named_so (tenant_id uuid);
ALTER TABLE named_so ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON named_so USING (tenant_id = current_setting('tenant_guard.tenant_id')::uuid);
\set VERBOSITY default
SELECT tenant_guard.protect('named_so', replace_policies => true);
\set VERBOSITY terse
BEGIN; SELECT tenant_guard.unprotect('public.named_so'); CREATE POLICY tenant_isolation ON public.named_so AS PERMISSIVE FOR ALL TO PUBLIC USING ((tenant_id = (current_setting('tenant_guard.tenant_id'::text))::uuid)); ALTER TABLE public.named_so ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; COMMIT;
\d named_so

-- Where rows without a tenant are everyone's, such a policy hides them: it says more, and stays.
CREATE TABLE shared_rows (tenant_id uuid);
CREATE POLICY own ON shared_rows USING (tenant_id = current_setting('tenant_guard.tenant_id')::uuid);
SELECT tenant_guard.protect('shared_rows', null_rows => 'shared', replace_policies => true);
SELECT count(*) FROM policies('shared_rows');

-- Partitions are done with the table; a table that cannot be guarded keeps its policies.
CREATE TABLE parted (tenant_id uuid, n int) PARTITION BY LIST (n);
CREATE TABLE part PARTITION OF parted FOR VALUES IN (1);
CREATE POLICY p ON parted USING (tenant_id = current_setting('tenant_guard.tenant_id')::uuid);
CREATE POLICY q ON part USING (tenant_id = current_setting('tenant_guard.tenant_id')::uuid);
SELECT tenant_guard.protect('parted', replace_policies => true);
SELECT count(*) FROM policies('parted') a, policies('part') b;
CREATE TABLE has_nulls (tenant_id uuid);
INSERT INTO has_nulls VALUES (NULL);
CREATE POLICY p ON has_nulls USING (tenant_id = current_setting('tenant_guard.tenant_id')::uuid);
SELECT tenant_guard.protect('has_nulls', replace_policies => true);
SELECT policy FROM policies('has_nulls');

-- All tables of a schema are done by one call: those that are guarded already, too. Without the argument they keep their policies.
CREATE SCHEMA many;
CREATE TABLE many.first (tenant_id uuid);
CREATE TABLE many.second (tenant_id uuid);
CREATE POLICY p ON many.first USING (tenant_id = current_setting('tenant_guard.tenant_id')::uuid);
CREATE POLICY p ON many.second USING (tenant_id = current_setting('tenant_guard.tenant_id')::uuid);
CREATE POLICY q ON many.second USING (false);
SELECT tenant_guard.protect('many.second');
SELECT * FROM tenant_guard.protect_schema('many');
SELECT count(*) FROM policies('many.first');
SELECT * FROM tenant_guard.protect_schema('many', replace_policies => true);
SELECT count(*) FROM policies('many.first');
SELECT policy FROM policies('many.second');
-- So does the procedure.
CREATE POLICY again ON many.first USING (tenant_id = current_setting('tenant_guard.tenant_id')::uuid);
CALL tenant_guard.protect_tables('many', replace_policies => true);
SELECT count(*) FROM policies('many.first');
DROP SCHEMA many CASCADE;

-- prove() finds nothing that gives way.
SELECT relation, probe, detail FROM tenant_guard.prove() WHERE NOT ok;

DROP TABLE forms, others, some_commands, each_command, beside, named_so, shared_rows, parted, has_nulls;
DROP FUNCTION policies;
DROP ROLE regress_application;
