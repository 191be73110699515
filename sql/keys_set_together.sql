--
-- SET CONSTRAINTS of a key to rows of everyone, and the triggers beside it: where the key is checked at once and the trigger is put
-- off, an INSERT would tell whether another tenant's row exists. So with the key go the triggers of partitions in any schema, and
-- the other keys that the same triggers check.
--
\i test/setup/owner_and_app.sql
SET client_min_messages = warning;
CREATE SCHEMA t2;
GRANT USAGE ON SCHEMA t2 TO regress_app;
CREATE TABLE t.forms (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE t.themes (id int PRIMARY KEY, tenant_id uuid);
SELECT tenant_guard.protect('t.forms', null_rows => 'shared'), tenant_guard.protect('t.themes', null_rows => 'shared');
CREATE TABLE t.sheets (id int PRIMARY KEY, tenant_id uuid, form int CONSTRAINT of_form REFERENCES t.forms DEFERRABLE,
	theme int CONSTRAINT of_theme REFERENCES t.themes DEFERRABLE) PARTITION BY RANGE (id);
CREATE TABLE t.low PARTITION OF t.sheets FOR VALUES FROM (0) TO (10);
CREATE TABLE t2.high PARTITION OF t.sheets FOR VALUES FROM (10) TO (20);
GRANT ALL ON ALL TABLES IN SCHEMA t, t2 TO regress_app;
SET tenant_guard.bypass = on;
INSERT INTO t.forms VALUES (1, NULL), (2, :a), (3, :b);
INSERT INTO t.themes VALUES (1, NULL), (2, :a), (3, :b);
RESET tenant_guard.bypass;
-- What becomes of a row after some statements: at once, and when all is checked.
CREATE FUNCTION t.row_with(before text, id int, form int, theme int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE before;
	INSERT INTO t.sheets (id, form, theme) VALUES (id, form, theme);
	BEGIN
		SET CONSTRAINTS ALL IMMEDIATE;
	EXCEPTION WHEN foreign_key_violation THEN
		DELETE FROM t.sheets;
		RETURN 'refused later';
	END;
	DELETE FROM t.sheets;
	RETURN 'taken';
EXCEPTION WHEN foreign_key_violation THEN RETURN 'refused at once';
END
$$;
-- Each line must say the same of another tenant's row (3) and of none (9), whichever constraint is named; and one's own row is taken.
CREATE FUNCTION t.rows_with(before text) RETURNS TABLE (id int, others_form text, no_form text, others_theme text, no_theme text, own text)
LANGUAGE sql BEGIN ATOMIC
	SELECT i, t.row_with(before, i, 3, 1), t.row_with(before, i, 9, 1), t.row_with(before, i, 1, 3), t.row_with(before, i, 1, 9), t.row_with(before, i, 2, 1)
	FROM (VALUES (5), (15)) AS v (i);
END;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT * FROM t.rows_with('SET CONSTRAINTS ALL IMMEDIATE');
SELECT * FROM t.rows_with('SET CONSTRAINTS t.of_form DEFERRED');
SELECT * FROM t.rows_with('SET CONSTRAINTS ALL DEFERRED; SET CONSTRAINTS t.of_form IMMEDIATE');
SELECT * FROM t.rows_with('SET CONSTRAINTS t2.of_theme DEFERRED');
SELECT * FROM t.rows_with('SET CONSTRAINTS ALL DEFERRED; SET CONSTRAINTS t2.of_theme IMMEDIATE');
SELECT * FROM t.rows_with('SET CONSTRAINTS t."0_tenant_references_sheets_deferrable" DEFERRED');
SELECT * FROM t.rows_with('SET CONSTRAINTS t2."0_tenant_references_sheets_deferrable" DEFERRED');
SELECT * FROM t.rows_with('SET CONSTRAINTS ALL DEFERRED; SET CONSTRAINTS t2."0_tenant_references_sheets_deferrable" IMMEDIATE');
ROLLBACK;
-- A row may so be written before those that it references, in each partition.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SET CONSTRAINTS t.of_form, t.of_theme DEFERRED;
INSERT INTO t.sheets (id, form, theme) VALUES (6, 6, 6), (16, 6, 6);
INSERT INTO t.forms (id) VALUES (6);
INSERT INTO t.themes (id) VALUES (6);
COMMIT;
RESET ROLE;
-- So it is where the role may not use the schemas of a partition and of a referenced table: it cannot name their triggers.
ALTER TABLE t.themes SET SCHEMA t2;
REVOKE USAGE ON SCHEMA t2 FROM regress_app;
SET tenant_guard.bypass = on;
DELETE FROM t.sheets;
RESET tenant_guard.bypass;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT * FROM t.rows_with('SET CONSTRAINTS t.of_form DEFERRED');
SELECT * FROM t.rows_with('SET CONSTRAINTS ALL DEFERRED; SET CONSTRAINTS t.of_theme IMMEDIATE');
ROLLBACK;
RESET ROLE;
SELECT count(*) FROM tenant_guard.broken_invariants();
DROP SCHEMA t, t2 CASCADE;
DROP ROLE regress_app, regress_owner;
