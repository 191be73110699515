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

-- A reason must be kept in the label, be read back as it was given, and be shown.
SELECT tenant_guard.share('t.countries', E'it''s the tenants'' own; reason=''x''\nand more: é ''');
SELECT label FROM pg_seclabels WHERE provider = 'tenant_guard';
RESET ROLE;
SELECT status, detail, reason FROM tenant_guard.tables WHERE relation = 't.countries'::regclass;
SELECT format('SECURITY LABEL FOR tenant_guard ON TABLE t.countries IS %L', label) AS as_dumped FROM pg_seclabels WHERE provider = 'tenant_guard' \gset
SET ROLE regress_owner;
:as_dumped;
RESET ROLE;
SELECT reason = E'it''s the tenants'' own; reason=''x''\nand more: é ''' AS as_given FROM tenant_guard.tables WHERE relation = 't.countries'::regclass;
SET ROLE regress_owner;
-- Said again, or taken back, it must be as it is said last; a blank one is none.
SELECT tenant_guard.share('t.countries', 'the same for all');
SELECT tenant_guard.share('t.countries', E' \n');
SELECT label FROM pg_seclabels WHERE provider = 'tenant_guard';
SELECT tenant_guard.unprotect('t.orders', 'moves to another database');
SELECT objname, label FROM pg_seclabels WHERE provider = 'tenant_guard' ORDER BY objname;
SELECT tenant_guard.unshare('t.countries'), tenant_guard.protect('t.orders');
SELECT count(*) FROM pg_seclabels WHERE provider = 'tenant_guard';
-- A partition must be what its partitioned table is declared to be, for its reason.
CREATE TABLE t.log (at int) PARTITION BY RANGE (at);
CREATE TABLE t.log_1 PARTITION OF t.log FOR VALUES FROM (0) TO (9);
SELECT tenant_guard.share('t.log', 'of the server');
RESET ROLE;
SELECT relation, status, reason FROM tenant_guard.tables_and_partitions WHERE relation::text LIKE 't.log%' ORDER BY relation::text COLLATE "C";
SET ROLE regress_owner;

-- A label of bad grammar must be refused, with what is wrong in it and how it is written.
SECURITY LABEL FOR tenant_guard ON TABLE t.countries IS '';
SECURITY LABEL FOR tenant_guard ON TABLE t.countries IS 'Shared';
SECURITY LABEL FOR tenant_guard ON TABLE t.countries IS 'shared;';
SECURITY LABEL FOR tenant_guard ON TABLE t.countries IS 'shared reason=x';
SECURITY LABEL FOR tenant_guard ON TABLE t.countries IS 'shared reason=''x';
SECURITY LABEL FOR tenant_guard ON TABLE t.countries IS 'shared reason ''x''';
SECURITY LABEL FOR tenant_guard ON TABLE t.countries IS 'shared reason=''x'' reason=''y''';
SECURITY LABEL FOR tenant_guard ON TABLE t.countries IS 'shared rule=''x''';
SECURITY LABEL FOR tenant_guard ON TABLE t.countries IS 'shared; unprotected';
-- What may stand between words must not matter.
SECURITY LABEL FOR tenant_guard ON TABLE t.countries IS E'  shared\n  reason=''x'' ';
SECURITY LABEL FOR tenant_guard ON TABLE t.countries IS NULL;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_owner;
