--
-- Where nobody has made a mistake audit() finds nothing: not in a database
-- without tenants' tables, and not in one whose tables, keys, views and
-- functions are as they should be.
--
\set SHOW_CONTEXT never
SET client_min_messages = warning;

-- Findings on roles, on settings of the server and on its release are the
-- server's, not the database's: they are for test/t/030_audit.pl.
CREATE TEMP VIEW findings AS
SELECT rule, level, object, detail, remedy FROM tenant_guard.audit()
WHERE rule NOT IN ('role_bypasses', 'not_preloaded', 'server_outdated', 'setting_loosened', 'bypass_granted', 'setting_granted', 'backup_role_missing',
				   'role_reaches_around', 'statements_readable', 'application_owns_table', 'publication_unfiltered', 'subscription_will_fail');

-- In an empty database there must be nothing to find.
SELECT * FROM findings;

-- The extension and its library must be of one version.
SELECT extversion = tenant_guard.library_version() AS one_version FROM pg_extension WHERE extname = 'tenant_guard';

-- Every function with rules must be a part of audit(): none is listed.
SELECT r.oid::regprocedure AS forgotten
FROM pg_proc r
WHERE r.prorettype = 'tenant_guard_internal.finding'::regtype AND r.proname NOT IN ('findings', 'judged_findings')
	  AND r.proname NOT IN (SELECT part FROM tenant_guard_internal.audit_rules);

-- Nor must there be in one that is as it should be.
CREATE ROLE regress_owner;
CREATE SCHEMA t AUTHORIZATION regress_owner;
SET ROLE regress_owner;
CREATE TABLE t.countries (code char(2) PRIMARY KEY);
CREATE TABLE t.customers (id bigint GENERATED ALWAYS AS IDENTITY, tenant_id uuid, mail text, PRIMARY KEY (tenant_id, id), UNIQUE (tenant_id, mail));
CREATE TABLE t.orders (id bigint, tenant_id uuid, customer bigint, country char(2) REFERENCES t.countries,
	PRIMARY KEY (tenant_id, id), FOREIGN KEY (tenant_id, customer) REFERENCES t.customers ON DELETE CASCADE);
CREATE TABLE t.events (at int, tenant_id uuid) PARTITION BY RANGE (at);
CREATE TABLE t.events_1 PARTITION OF t.events FOR VALUES FROM (0) TO (100);
CREATE INDEX ON t.events (tenant_id);
CREATE TABLE t.by_tenant (id int, tenant_id uuid) PARTITION BY HASH (tenant_id);
CREATE TABLE t.by_tenant_1 PARTITION OF t.by_tenant FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE VIEW t.owners_view AS SELECT * FROM t.customers;
CREATE FUNCTION t.stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER stamp BEFORE UPDATE ON t.orders FOR EACH ROW EXECUTE FUNCTION t.stamp();
CREATE FUNCTION t.of_owner() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM t.customers';
RESET ROLE;
SELECT tenant_guard.share('t.countries');
CREATE VIEW t.superusers_view WITH (security_invoker = 1) AS SELECT * FROM t.customers;
CREATE FUNCTION t.look_up(text) RETURNS uuid LANGUAGE sql STABLE SECURITY DEFINER
SET tenant_guard.bypass = yes SET search_path = pg_catalog, pg_temp AS 'SELECT tenant_id FROM t.customers WHERE mail = $1';
REVOKE EXECUTE ON FUNCTION t.look_up FROM PUBLIC;
CREATE FUNCTION t.unconcerned() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
CREATE MATERIALIZED VIEW t.countries_kept AS SELECT * FROM t.countries;
GRANT SELECT ON t.countries_kept TO PUBLIC;
CREATE TEMP TABLE staging (tenant_id uuid);
SELECT * FROM findings;

-- Schemas that are excluded are left alone, however they are written.
SET tenant_guard.auto_protect = off;
CREATE SCHEMA "Odd ""one""";
CREATE TABLE "Odd ""one""".a (tenant_id uuid);
CREATE SCHEMA staging;
CREATE TABLE staging.b (tenant_id uuid);
CREATE SCHEMA Folded;
CREATE TABLE folded.c (tenant_id uuid);
RESET tenant_guard.auto_protect;
SELECT rule, object FROM findings;
SET tenant_guard.excluded_schemas = 'Folded, "Odd ""one""",staging';
SELECT rule, object FROM findings;
RESET tenant_guard.excluded_schemas;

-- An ordinary role must not look.
SET ROLE regress_owner;
SELECT * FROM tenant_guard.audit();
SELECT * FROM tenant_guard.status;
SELECT * FROM tenant_guard.tables_and_partitions;
RESET ROLE;

-- Whom the DBA lets, may.
GRANT USAGE ON SCHEMA tenant_guard_internal TO regress_owner;
GRANT SELECT ON tenant_guard.tables, tenant_guard.tables_and_partitions, tenant_guard.status, tenant_guard.trusted_functions TO regress_owner;
GRANT EXECUTE ON FUNCTION tenant_guard.guard_status, tenant_guard.broken_invariants, tenant_guard.audit, tenant_guard.library_version, tenant_guard.library_preloaded, tenant_guard.preload_statement,
	tenant_guard.type_mismatches, tenant_guard_internal.type_mismatches_of TO regress_owner;
SET ROLE regress_owner;
SELECT rule, object FROM tenant_guard.audit() WHERE rule = 'unguarded_table';
SELECT guarded, damaged, unguarded, unprotected, shared, errors - (SELECT count(*) FROM tenant_guard.audit() WHERE rule = 'server_outdated') AS errors, version = library_version AS one_version FROM tenant_guard.status;
SELECT relation, status, tenant_column, tenant_type, partitions FROM tenant_guard.tables WHERE relation::text LIKE 't.%' ORDER BY relation::text COLLATE "C";
RESET ROLE;
REVOKE USAGE ON SCHEMA tenant_guard_internal FROM regress_owner;
REVOKE ALL ON tenant_guard.tables, tenant_guard.tables_and_partitions, tenant_guard.status, tenant_guard.trusted_functions FROM regress_owner;
REVOKE ALL ON FUNCTION tenant_guard.guard_status, tenant_guard.broken_invariants, tenant_guard.audit, tenant_guard.library_version, tenant_guard.library_preloaded, tenant_guard.preload_statement,
	tenant_guard.type_mismatches, tenant_guard_internal.type_mismatches_of FROM regress_owner;

DROP VIEW findings;
DROP TABLE staging;
DROP SCHEMA t, staging, folded, "Odd ""one""" CASCADE;
DROP ROLE regress_owner;
