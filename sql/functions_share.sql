--
-- What all tenants share is declared as such, by a label that pg_dump carries.
--
\set SHOW_CONTEXT never
CREATE ROLE regress_owner;
CREATE SCHEMA t AUTHORIZATION regress_owner;
SET ROLE regress_owner;
CREATE TABLE t.currencies (code char(3) PRIMARY KEY);
CREATE TABLE t.orders (tenant_id uuid);

-- A shared table must say so, and keep its column if it has one.
SELECT tenant_guard.share('t.currencies');
SELECT objtype, objname, provider, label FROM pg_seclabels WHERE provider = 'tenant_guard';
ALTER TABLE t.currencies ADD COLUMN tenant_id uuid;
SELECT relrowsecurity FROM pg_class WHERE oid = 't.currencies'::regclass;
SELECT tenant_guard.protect('t.currencies');

-- A table is guarded or shared, and not both.
SELECT tenant_guard.share('t.orders');

-- Taken back, it must be left unguarded, and say how to guard it.
SELECT tenant_guard.unshare('t.currencies');
SELECT tenant_guard.unshare('t.currencies');
SELECT count(*) FROM pg_seclabels WHERE provider = 'tenant_guard';
SELECT tenant_guard.protect('t.currencies');

-- The label may be written by hand; others must be refused.
CREATE TABLE t.countries (id int);
SECURITY LABEL FOR tenant_guard ON TABLE t.countries IS 'shared';
SECURITY LABEL FOR tenant_guard ON TABLE t.countries IS 'public';
SECURITY LABEL FOR tenant_guard ON COLUMN t.countries.id IS 'shared';
SECURITY LABEL FOR tenant_guard ON SCHEMA t IS 'shared';
CREATE VIEW t.v AS SELECT 1 AS one;
SECURITY LABEL FOR tenant_guard ON VIEW t.v IS 'shared';
SECURITY LABEL FOR tenant_guard ON TABLE t.countries IS NULL;

-- share must refuse what is no table.
SELECT tenant_guard.share('t.v');

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_owner;
