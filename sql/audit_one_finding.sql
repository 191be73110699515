--
-- What one remedy corrects is one finding, however many keys it is about; and
-- keys whose action would take the tenant from a row are found
--
\set SHOW_CONTEXT never
SET client_min_messages = error;
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
CREATE SCHEMA t AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA t TO regress_app;
SET tenant_guard.foreign_keys = off;
SET ROLE regress_owner;
CREATE TABLE t.parents (id int PRIMARY KEY, tenant_id uuid, UNIQUE (tenant_id, id));
CREATE TABLE t.children (id uuid PRIMARY KEY, tenant_id uuid, a int REFERENCES t.parents, b int REFERENCES t.parents, c int);
CREATE TABLE t.single (id uuid PRIMARY KEY, tenant_id uuid, a int REFERENCES t.parents);
CREATE TABLE t.tenants (id uuid PRIMARY KEY);
CREATE TABLE t.places (id int PRIMARY KEY);
SELECT tenant_guard.share('t.places');
GRANT UPDATE ON t.places TO regress_app;
DO $$
BEGIN
	FOR i IN 1..12 LOOP
		EXECUTE format('CREATE TABLE t.of_%s (id uuid PRIMARY KEY, tenant_id uuid REFERENCES t.tenants, place int REFERENCES t.places ON UPDATE CASCADE)', i);
	END LOOP;
END $$;
RESET ROLE;
CREATE TEMP VIEW findings AS
SELECT rule, level, object, replace(detail, current_database(), '(database)') AS detail, remedy FROM tenant_guard.audit(without => '{tenant_index_missing,not_preloaded,server_outdated}') WHERE level <> 'info' OR rule = 'unique_without_tenant';

-- Of two keys of one table that one remedy pairs there must be one finding, which names both; of one key, one by its name. Of twelve keys by
-- which one privilege reaches tenants' rows there must be one, and of all unique keys that tell nothing one.
\a \x
SELECT rule, level, CASE object WHEN current_database() THEN '(database)' ELSE object END AS object,
	   replace(detail, 'in a session that has not loaded the library nothing is refused', 'refused where the row is another tenant''s') AS detail, remedy
FROM findings WHERE rule <> 'cascade_from_outside'
UNION ALL
SELECT rule, 'any', object, replace(detail, 'in a session that has not loaded the library nothing is refused', 'refused where the row is another tenant''s'), remedy
FROM findings WHERE rule = 'cascade_from_outside';
\a \x
SELECT remedy FROM findings WHERE rule IN ('unpaired_foreign_key', 'cascade_from_outside') ORDER BY rule DESC, object \gexec
SELECT rule, object FROM findings WHERE rule IN ('unpaired_foreign_key', 'cascade_from_outside');

-- Accepted, the one of all unique keys that tell nothing must stay so when a table gets another.
DO $$ BEGIN PERFORM tenant_guard.accept_finding('unique_without_tenant', current_database(), 'random'); END $$;
SET ROLE regress_owner;
CREATE TABLE t.of_13 (id uuid PRIMARY KEY, tenant_id uuid REFERENCES t.tenants);
RESET ROLE;
SELECT DISTINCT level FROM tenant_guard.audit() WHERE rule = 'unique_without_tenant' AND object = current_database();
DO $$ BEGIN PERFORM tenant_guard.reopen_finding('unique_without_tenant', current_database()); END $$;

-- A key that carries the tenant and was written without the columns that SET NULL is for must be found, whatever its columns are called,
-- and however it is deferred. One that names them, and one that sets a default, must not be.
SET ROLE regress_owner;
CREATE TABLE t.hands (id int PRIMARY KEY, tenant_id uuid, a int, "b ON DELETE SET NULL" int, c int, d int,
	CONSTRAINT a FOREIGN KEY (tenant_id, a) REFERENCES t.parents (tenant_id, id) ON DELETE SET NULL,
	CONSTRAINT b FOREIGN KEY ("b ON DELETE SET NULL", tenant_id) REFERENCES t.parents (id, tenant_id) ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
	CONSTRAINT c FOREIGN KEY (tenant_id, c) REFERENCES t.parents (tenant_id, id) ON DELETE SET NULL (tenant_id, c),
	CONSTRAINT named FOREIGN KEY (tenant_id, d) REFERENCES t.parents (tenant_id, id) ON DELETE SET NULL (d),
	CONSTRAINT defaults FOREIGN KEY (tenant_id, d) REFERENCES t.parents (tenant_id, id) ON DELETE SET DEFAULT);
RESET ROLE;
SELECT object, detail, remedy FROM findings WHERE rule = 'key_action_sets_tenant';

-- Its remedy must let the DELETE go on, and leave nothing to find.
GRANT ALL ON t.parents, t.hands TO regress_app;
SET ROLE regress_app;
BEGIN;
SET LOCAL tenant_guard.tenant_id = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa';
INSERT INTO t.parents VALUES (1), (2), (3);
INSERT INTO t.hands (id, a, "b ON DELETE SET NULL", c) VALUES (1, 1, 2, 3);
COMMIT;
\set VERBOSITY sqlstate
BEGIN;
SET LOCAL tenant_guard.tenant_id = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa';
DELETE FROM t.parents WHERE id = 1;
ROLLBACK;
\set VERBOSITY default
RESET ROLE;
SELECT remedy FROM findings WHERE rule = 'key_action_sets_tenant' \gexec
SELECT object, detail, remedy FROM findings WHERE rule = 'key_action_sets_tenant';
SET ROLE regress_app;
BEGIN;
SET LOCAL tenant_guard.tenant_id = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa';
DELETE FROM t.parents;
SELECT * FROM t.hands;
COMMIT;
RESET ROLE;

DROP VIEW findings;
DROP SCHEMA t CASCADE;
DROP ROLE regress_owner, regress_app;
