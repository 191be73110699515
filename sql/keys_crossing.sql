--
-- A key that says by a column of its own whose row it references reaches every
-- tenant's: it is refused where it is made, said where it is there.
--
\i test/setup/tenants.sql
SET client_min_messages = warning;
CREATE ROLE regress_app;
CREATE SCHEMA t;
GRANT USAGE ON SCHEMA t TO regress_app;
CREATE VIEW t.keys AS
SELECT conrelid::regclass AS child, conname, pg_get_constraintdef(c.oid) AS definition
FROM pg_constraint c WHERE contype = 'f' AND connamespace = 't'::regnamespace AND conparentid = 0
ORDER BY conrelid::regclass::text COLLATE "C", conname COLLATE "C";
CREATE TABLE t.p (id int PRIMARY KEY, tenant_id uuid, code text, UNIQUE (tenant_id, id), UNIQUE (code, tenant_id, id));
CREATE TABLE t.tenants (tenant_id uuid PRIMARY KEY);
CREATE TABLE t.c (id int, tenant_id uuid, p_t uuid, p_id int, p_code text);

-- Runs a statement, and then what its hint says.
CREATE FUNCTION t.try_hint(statement text) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog AS
$$ DECLARE state text; hint text; BEGIN
	EXECUTE statement;
	RETURN 'was done';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, hint = PG_EXCEPTION_HINT;
	EXECUTE 'ALTER TABLE t.c ADD ' || substring(hint FROM '^Write it as (.*); if it is there already');
	RETURN state || ': ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 't.c'::regclass AND contype = 'f';
END $$;

--
-- pair and error: such a key is refused, whatever else it says.
--
ALTER TABLE t.c ADD CONSTRAINT k FOREIGN KEY (p_t, p_id) REFERENCES t.p (tenant_id, id) ON DELETE CASCADE;
CREATE TABLE t.made (id int, tenant_id uuid, p_t uuid, p_id int, FOREIGN KEY (p_t, p_id) REFERENCES t.p (tenant_id, id));
SET tenant_guard.foreign_keys = error;
ALTER TABLE t.c ADD CONSTRAINT k FOREIGN KEY (p_t, p_id) REFERENCES t.p (tenant_id, id) ON DELETE CASCADE;
RESET tenant_guard.foreign_keys;

-- The key that its hint has must be one that can be made, and act on what it
-- acted on, but never on the tenant.
DO $$ DECLARE definition text; BEGIN
	FOREACH definition IN ARRAY ARRAY['(p_t, p_id) REFERENCES t.p (tenant_id, id)',
		'(p_id, p_t) REFERENCES t.p (id, tenant_id) ON UPDATE CASCADE ON DELETE CASCADE DEFERRABLE',
		'(p_code, p_t, p_id) REFERENCES t.p (code, tenant_id, id) ON DELETE SET NULL',
		'(p_t, p_id) REFERENCES t.p (tenant_id, id) ON DELETE SET NULL (p_t)',
		'(p_t, p_id) REFERENCES t.p (tenant_id, id) ON DELETE SET DEFAULT (p_id) DEFERRABLE INITIALLY DEFERRED',
		'(p_t, p_id) REFERENCES t.p (tenant_id, id) MATCH FULL ON UPDATE SET NULL ON DELETE RESTRICT NOT VALID']
	LOOP
		RAISE WARNING '%', t.try_hint('ALTER TABLE t.c ADD CONSTRAINT k FOREIGN KEY ' || definition);
		ALTER TABLE t.c DROP CONSTRAINT k;
	END LOOP;
END $$;

-- So must one of a framework's name, one to the table itself, one of a
-- partitioned table, of a partition alone, to such tables, and of a child.
\set VERBOSITY terse
ALTER TABLE t.c ADD CONSTRAINT fk_rails_1a2b3c4d5e FOREIGN KEY (p_t, p_id) REFERENCES t.p (tenant_id, id);
CREATE TABLE t.tree (id int, tenant_id uuid, up_t uuid, up int, PRIMARY KEY (tenant_id, id), CONSTRAINT upward FOREIGN KEY (up_t, up) REFERENCES t.tree);
CREATE TABLE t.whole (id int, tenant_id uuid, p_t uuid, p_id int, PRIMARY KEY (tenant_id, id)) PARTITION BY RANGE (id);
CREATE TABLE t.part PARTITION OF t.whole FOR VALUES FROM (1) TO (10);
ALTER TABLE t.whole ADD CONSTRAINT k FOREIGN KEY (p_t, p_id) REFERENCES t.p (tenant_id, id);
ALTER TABLE t.part ADD CONSTRAINT k FOREIGN KEY (p_t, p_id) REFERENCES t.p (tenant_id, id);
ALTER TABLE t.c ADD CONSTRAINT k FOREIGN KEY (p_t, p_id) REFERENCES t.whole (tenant_id, id);
ALTER TABLE t.c ADD CONSTRAINT k FOREIGN KEY (p_t, p_id) REFERENCES t.part (tenant_id, id);
CREATE TABLE t.child () INHERITS (t.c);
ALTER TABLE t.child ADD CONSTRAINT k FOREIGN KEY (p_t, p_id) REFERENCES t.p (tenant_id, id);

-- And one that comes with a part.
SET tenant_guard.auto_protect = off;
CREATE TABLE t.joins (id int NOT NULL, tenant_id uuid NOT NULL, p_t uuid, p_id int, CONSTRAINT k FOREIGN KEY (p_t, p_id) REFERENCES t.p (tenant_id, id));
RESET tenant_guard.auto_protect;
ALTER TABLE t.whole ATTACH PARTITION t.joins FOR VALUES FROM (10) TO (20);
DROP TABLE t.joins;
SELECT * FROM t.keys;
\set VERBOSITY default

--
-- Honest keys go on: of the row's own tenant, in any order, with more columns
-- than needed; and one of the tenant column alone is named, by audit() too.
--
ALTER TABLE t.c ADD CONSTRAINT own FOREIGN KEY (tenant_id, p_id) REFERENCES t.p (tenant_id, id) ON DELETE CASCADE,
	ADD CONSTRAINT turned FOREIGN KEY (p_id, tenant_id) REFERENCES t.p (id, tenant_id) ON DELETE SET NULL (p_id),
	ADD CONSTRAINT more FOREIGN KEY (p_code, tenant_id, p_id) REFERENCES t.p (code, tenant_id, id) DEFERRABLE;
ALTER TABLE t.c ADD CONSTRAINT granted_by FOREIGN KEY (p_t) REFERENCES t.tenants;
ALTER TABLE t.whole ADD CONSTRAINT upward FOREIGN KEY (tenant_id, p_id) REFERENCES t.whole;
SELECT * FROM t.keys;
SELECT level, object, detail, remedy FROM tenant_guard.audit() WHERE rule = 'unpaired_foreign_key';
ALTER TABLE t.c DROP CONSTRAINT own, DROP CONSTRAINT turned, DROP CONSTRAINT more, DROP CONSTRAINT granted_by;

--
-- A table that becomes guarded and has one is refused as others are whose keys
-- cannot be made to carry the tenant; protect_schema guards it and says so.
--
CREATE TABLE t.later (id int, p_t uuid, p_id int, CONSTRAINT k FOREIGN KEY (p_t, p_id) REFERENCES t.p (tenant_id, id) ON DELETE CASCADE);
\set VERBOSITY terse
ALTER TABLE t.later ADD COLUMN tenant_id uuid;
SET tenant_guard.auto_protect = off;
ALTER TABLE t.later ADD COLUMN tenant_id uuid;
RESET tenant_guard.auto_protect;
SELECT tenant_guard.protect('t.later');

-- By the column that the key has, it carries the tenant.
BEGIN;
SELECT tenant_guard.protect('t.later', 'p_t');
SELECT rule, object FROM tenant_guard.audit() WHERE rule = 'unpaired_foreign_key';
ROLLBACK;
\set VERBOSITY default
SELECT relation, status, detail FROM tenant_guard.protect_schema('t') WHERE relation = 't.later'::regclass;
\set VERBOSITY terse
SELECT tenant_guard.pair_foreign_keys('t.later');

-- One that names another tenant is named by protect_schema(), too.
CREATE SCHEMA n;
SET tenant_guard.auto_protect = off;
CREATE TABLE n.tenants (tenant_id uuid PRIMARY KEY);
CREATE TABLE n.grants (tenant_id uuid NOT NULL, to_tenant uuid CONSTRAINT to_tenant REFERENCES n.tenants);
RESET tenant_guard.auto_protect;
SELECT relation, status FROM tenant_guard.protect_schema('n');
DROP SCHEMA n CASCADE;

-- A table that has no tenant column is not given a second one.
\set VERBOSITY default
CREATE TABLE t.lines (id int, p_t uuid, p_id int, CONSTRAINT k FOREIGN KEY (p_t, p_id) REFERENCES t.p (tenant_id, id));
SELECT remedy FROM tenant_guard.audit() WHERE object = 't.lines' AND level = 'error';
SELECT tenant_guard.derive_tenant_column('t.lines');
SELECT tenant_guard.protect('t.lines', 'p_t');
DROP TABLE t.lines;

--
-- What is there: its actions keep to the tenant, broken_invariants() tells it,
-- and audit() has what mends it, and finds it where the guard is damaged, too.
--
GRANT SELECT, INSERT, UPDATE, DELETE ON t.p, t.later TO regress_app;
SET tenant_guard.bypass = on;
INSERT INTO t.p VALUES (1, :a), (2, :b);
INSERT INTO t.later VALUES (1, :b, 2, :a), (2, :a, 1, :a);
RESET tenant_guard.bypass;
SET ROLE regress_app;
\set VERBOSITY terse
BEGIN;
SET LOCAL tenant_guard.tenant_id = :b;
DELETE FROM t.p;
ROLLBACK;
\set VERBOSITY default
BEGIN;
SET LOCAL tenant_guard.tenant_id = :a;
DELETE FROM t.p;
SELECT id, left(p_t::text, 1) AS references_row_of FROM t.later ORDER BY id;
COMMIT;
RESET ROLE;
SELECT level, object, detail, remedy FROM tenant_guard.audit() WHERE rule = 'unpaired_foreign_key' \gx
SELECT invariant, foreign_key FROM tenant_guard.broken_invariants('t.later');
BEGIN;
SET LOCAL tenant_guard.bypass = on;
ALTER TABLE t.later NO FORCE ROW LEVEL SECURITY;
SELECT level, object FROM tenant_guard.audit() WHERE rule = 'unpaired_foreign_key';
ROLLBACK;
SELECT remedy FROM tenant_guard.audit() WHERE rule = 'unpaired_foreign_key' \gset
:remedy;
SET tenant_guard.bypass = on;
DELETE FROM t.later;
RESET tenant_guard.bypass;
:remedy;
SELECT * FROM t.keys WHERE child = 't.later'::regclass;
SELECT rule, object FROM tenant_guard.audit() WHERE rule = 'unpaired_foreign_key';

-- Its remedy says what the key said of actions and deferral.
SET tenant_guard.foreign_keys = off;
ALTER TABLE t.c ADD CONSTRAINT k1 FOREIGN KEY (p_code, p_t, p_id) REFERENCES t.p (code, tenant_id, id) ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
	ADD CONSTRAINT k2 FOREIGN KEY (p_id, p_t) REFERENCES t.p (id, tenant_id) ON UPDATE RESTRICT ON DELETE SET DEFAULT (p_id, p_t) DEFERRABLE,
	ADD CONSTRAINT k3 FOREIGN KEY (p_id, p_t) REFERENCES t.p (id, tenant_id) ON UPDATE SET NULL ON DELETE SET NULL (p_t),
	ADD CONSTRAINT k4 FOREIGN KEY (p_id, p_t) REFERENCES t.p (id, tenant_id) MATCH FULL ON DELETE RESTRICT NOT VALID;
SELECT remedy FROM tenant_guard.audit() WHERE rule = 'unpaired_foreign_key' ORDER BY object \gexec
SELECT * FROM t.keys WHERE child = 't.c'::regclass;
SELECT rule, object FROM tenant_guard.audit() WHERE rule = 'unpaired_foreign_key';
ALTER TABLE t.c DROP CONSTRAINT k1, DROP CONSTRAINT k2, DROP CONSTRAINT k3, DROP CONSTRAINT k4;

--
-- warning: it is made, with a warning; off: without. With row_security off it
-- is refused: when the script of a dump makes its keys, no table is guarded yet.
--
SET tenant_guard.foreign_keys = warning;
ALTER TABLE t.c ADD CONSTRAINT k FOREIGN KEY (p_t, p_id) REFERENCES t.p (tenant_id, id);
ALTER TABLE t.c DROP CONSTRAINT k;
SET tenant_guard.foreign_keys = off;
ALTER TABLE t.c ADD CONSTRAINT k FOREIGN KEY (p_t, p_id) REFERENCES t.p (tenant_id, id);
ALTER TABLE t.c DROP CONSTRAINT k;
RESET tenant_guard.foreign_keys;
SET row_security = off;
ALTER TABLE t.c ADD CONSTRAINT k FOREIGN KEY (p_t, p_id) REFERENCES t.p (tenant_id, id);
RESET row_security;

SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
