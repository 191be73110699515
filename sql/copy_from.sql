--
-- COPY FROM into guarded tables
--
\i test/setup/owner_and_app.sql
SET client_min_messages = warning;
SET ROLE regress_owner;
CREATE TABLE t.notes (id int PRIMARY KEY, tenant_id uuid, title text NOT NULL, pages int DEFAULT 7, length int GENERATED ALWAYS AS (length(title)) STORED);
CREATE TABLE t.parts (id int, tenant_id uuid, title text) PARTITION BY RANGE (id);
CREATE TABLE t.parts_low PARTITION OF t.parts FOR VALUES FROM (0) TO (100);
CREATE TABLE t.parts_high (title text, id int, tenant_id uuid);
ALTER TABLE t.parts ATTACH PARTITION t.parts_high FOR VALUES FROM (100) TO (200);
GRANT SELECT, INSERT, TRIGGER ON ALL TABLES IN SCHEMA t TO regress_app;
RESET client_min_messages;
SET ROLE regress_app;

-- Without a tenant there is nothing to copy for: not even an empty file.
\copy t.notes (id, title) FROM /dev/null
\echo :LAST_ERROR_SQLSTATE

-- The tenant column is left out: its default sets it. The tag says how many rows were copied.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
\set QUIET off
COPY t.notes (id, title) FROM stdin;
1	one
2	second
\.
\set QUIET on

-- It is given, and is the tenant's.
COPY t.notes (title, tenant_id, id, pages) FROM stdin (FORMAT csv, HEADER, FORCE_NOT_NULL (title), FORCE_NULL (pages));
title,tenant_id,id,pages
three,aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa,3,1
,AAAAAAAA-AAAA-AAAA-AAAA-AAAAAAAAAAAA,4,""
\.

-- Each row of a partitioned table goes where it belongs, and so does one that is copied into a partition by its own name.
COPY t.parts (title, id) FROM stdin;
low	1
high	101
\.
COPY t.parts_high FROM stdin;
by name	102	aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa
\.
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT * FROM t.notes ORDER BY id;
SELECT tableoid::regclass, * FROM t.parts ORDER BY id;
COMMIT;

-- One row of another tenant, or of none, and nothing is stored. The error is the same as INSERT's, and says which line it was.
\set SHOW_CONTEXT errors
BEGIN;
SELECT tenant_guard.set_tenant(:a);
COPY t.notes (id, tenant_id, title) FROM stdin;
11	aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa	mine
12	bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb	not mine
\.
ROLLBACK;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
COPY t.notes (id, tenant_id, title) FROM stdin;
13	\N	of nobody
\.
ROLLBACK;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
COPY t.parts FROM stdin;
14	bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb	not mine
\.
ROLLBACK;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
COPY t.parts_low FROM stdin;
14	bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb	not mine
\.
ROLLBACK;
\set SHOW_CONTEXT never

-- A row that WHERE leaves out is not copied, so its tenant does not matter.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
COPY t.notes (id, tenant_id, title) FROM stdin WHERE id < 20 AND tableoid = 't.notes'::regclass;
15	aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa	mine
21	bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb	not mine
\.
COPY t.notes (id, tenant_id, title) FROM stdin WHERE tenant_id = :a;
16	aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa	mine
22	bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb	not mine
\.
COPY t.notes (id, tenant_id, title) FROM stdin WHERE false;
23	bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb	not mine
\.
SELECT id, title FROM t.notes WHERE id > 10 ORDER BY id;
ROLLBACK;

-- PostgreSQL's own errors are as they are without a guard.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SAVEPOINT s;
\copy t.notes (id, title) FROM /dev/null WHERE id IN (SELECT 1)
ROLLBACK TO s;
\copy t.notes (id, title, length) FROM /dev/null
ROLLBACK TO s;
\copy t.notes (id, title) FROM /dev/null (FORMAT lines)
ROLLBACK TO s;
\set VERBOSITY sqlstate
COPY t.notes (id, title) FROM '/nonexistent';
ROLLBACK TO s;
COPY t.notes (id, title) FROM PROGRAM 'true';
ROLLBACK TO s;
\set VERBOSITY default
\copy t.parts (id, title) FROM /dev/null (FREEZE)
ROLLBACK TO s;
COPY t.notes (id, title) FROM stdin;
31	thirty-one
thirty-two	x
\.
ROLLBACK TO s;
COPY t.notes (id, title) FROM stdin;
33	twice
33	twice
\.
ROLLBACK TO s;
COPY t.parts (id, title) FROM stdin;
300	nowhere
\.
ROLLBACK TO s;
\copy t.missing FROM /dev/null
ROLLBACK TO s;
SET TRANSACTION READ ONLY;
\copy t.notes (id, title) FROM /dev/null
ROLLBACK;

-- Without the privilege on a column there is no copying into it.
SET ROLE regress_owner;
REVOKE INSERT ON t.notes FROM regress_app;
GRANT INSERT (id, title) ON t.notes TO regress_app;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
COPY t.notes (id, title) FROM stdin;
41	allowed
\.
SAVEPOINT s;
\copy t.notes (id, title, pages) FROM /dev/null
ROLLBACK;

-- row_security = off is an error, as ever, and a superuser must say what he means.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SET LOCAL row_security = off;
\copy t.notes (id, title) FROM /dev/null
ROLLBACK;
RESET ROLE;
\copy t.notes (id, title) FROM /dev/null
\echo :LAST_ERROR_SQLSTATE

-- The tenant stays the one with which the statement began, and triggers after the rows fire as for INSERT.
SET ROLE regress_owner;
CREATE FUNCTION t.say() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% %: %', tg_when, tg_level, tg_op; RETURN NULL; END $$;
CREATE FUNCTION t.count() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% new rows', (SELECT count(*) FROM new); RETURN NULL; END $$;
CREATE FUNCTION t.switch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM tenant_guard.set_tenant('bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'); RETURN NULL; END $$;
CREATE TRIGGER a BEFORE INSERT ON t.notes FOR EACH STATEMENT EXECUTE FUNCTION t.say();
CREATE TRIGGER b AFTER INSERT ON t.notes FOR EACH ROW EXECUTE FUNCTION t.say();
CREATE TRIGGER c AFTER INSERT ON t.notes REFERENCING NEW TABLE AS new FOR EACH STATEMENT EXECUTE FUNCTION t.count();
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
COPY t.notes (id, title) FROM stdin;
51	fifty-one
52	fifty-two
\.
RESET ROLE;
CREATE TRIGGER d BEFORE INSERT ON t.notes FOR EACH STATEMENT EXECUTE FUNCTION t.switch();
SET ROLE regress_app;
COPY t.notes (id, title) FROM stdin;
53	fifty-three
\.
ROLLBACK;

-- A BEFORE trigger can change a row, so the row is checked after it, as INSERT does. The rest is as it is without a guard: identity and
-- generated columns, a column that was dropped, rows that the trigger or WHERE leaves out, and the tag.
SET ROLE regress_owner;
SET client_min_messages = warning;
CREATE FUNCTION t.edit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF new.title = 'skip' THEN RETURN NULL; END IF;
	IF new.title = 'move' THEN new.tenant_id := 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'; END IF;
	IF new.title = 'adopt' THEN new.tenant_id := 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'; END IF;
	new.title := new.title || '!';
	RETURN new;
END $$;
CREATE TABLE t.edited (id int GENERATED ALWAYS AS IDENTITY, gone int, tenant_id uuid, title text CHECK (title <> 'bad!'),
	length int GENERATED ALWAYS AS (length(title)) STORED, pages int DEFAULT 7);
ALTER TABLE t.edited DROP COLUMN gone;
CREATE TRIGGER edit BEFORE INSERT ON t.edited FOR EACH ROW EXECUTE FUNCTION t.edit();
CREATE TRIGGER first BEFORE INSERT ON t.edited FOR EACH STATEMENT EXECUTE FUNCTION t.say();
CREATE TRIGGER counted AFTER INSERT ON t.edited REFERENCING NEW TABLE AS new FOR EACH STATEMENT EXECUTE FUNCTION t.count();
CREATE TRIGGER edit BEFORE INSERT ON t.parts_low FOR EACH ROW EXECUTE FUNCTION t.edit();
GRANT SELECT, INSERT ON t.edited TO regress_app;
RESET client_min_messages;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
\set QUIET off
COPY t.edited (title) FROM stdin;
one
skip
two
\.
COPY t.edited (pages, title, tenant_id, id) FROM stdin (FORMAT csv, NULL 'none') WHERE pages < 10 AND tableoid = 't.edited'::regclass;
1,three,aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa,17
2,adopt,bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb,18
10,four,bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb,19
3,none,aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa,20
\.
COPY t.parts (id, title) FROM stdin;
21	low
121	high
22	skip
\.
\set QUIET on
SELECT * FROM t.edited;
SELECT tableoid::regclass, id, title FROM t.parts WHERE id IN (21, 22, 121) ORDER BY id;
\set SHOW_CONTEXT errors
SAVEPOINT s;
COPY t.edited (title) FROM stdin;
one
move
\.
ROLLBACK TO s;
COPY t.parts (id, title) FROM stdin;
123	high
23	move
\.
ROLLBACK TO s;
COPY t.edited (title) FROM stdin;
bad
\.
ROLLBACK TO s;
COPY t.edited (title, pages) FROM stdin;
one	1
two	many
\.
ROLLBACK TO s;
COPY t.edited (title, pages) FROM stdin;
one
\.
ROLLBACK;
\set SHOW_CONTEXT never
SET ROLE regress_owner;

-- A function that COPY calls cannot give a partition a trigger which changes rows that have been checked, not even when it drops it again;
-- nor can one that is called to fold a default.
SET client_min_messages = warning;
CREATE TABLE t.whole (id int, tenant_id uuid, title text) PARTITION BY RANGE (id);
CREATE TABLE t.low PARTITION OF t.whole FOR VALUES FROM (0) TO (10);
CREATE TABLE t.high PARTITION OF t.whole FOR VALUES FROM (10) TO (20);
CREATE FUNCTION t.trigger_made(relation regclass) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN EXECUTE format('CREATE OR REPLACE TRIGGER gone BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION t.edit()', relation); RETURN true; END $$;
CREATE FUNCTION t.trigger_dropped(relation regclass) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN EXECUTE format('DROP TRIGGER gone ON %s', relation); RETURN true; END $$;
CREATE FUNCTION t.drop_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM t.trigger_dropped(tg_argv[0]); RETURN NULL; END $$;
CREATE FUNCTION t.folded(relation text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM t.trigger_made(relation); RETURN 1; END $$;
CREATE TABLE t.plain (id int, tenant_id uuid, title text, n int);
ALTER TABLE t.plain ALTER n SET DEFAULT t.folded('t.plain');
CREATE TRIGGER away AFTER INSERT ON t.plain FOR EACH STATEMENT EXECUTE FUNCTION t.drop_it('t.plain');
RESET client_min_messages;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SAVEPOINT s;
COPY t.whole (id, title) FROM stdin WHERE id > 1 OR t.trigger_made('t.high');
1	one
11	move
\.
ROLLBACK TO s;
COPY t.whole (id, title) FROM stdin WHERE CASE id WHEN 1 THEN t.trigger_made('t.high') WHEN 2 THEN t.trigger_dropped('t.high') ELSE true END;
1	one
11	move
2	two
\.
ROLLBACK TO s;
COPY t.plain (id, title) FROM stdin;
1	move
\.
ROLLBACK TO s;
-- Triggers of other tables can be made and dropped.
COPY t.low (id, title) FROM stdin WHERE t.trigger_made('t.high') AND t.trigger_dropped('t.high');
1	one
\.
SELECT * FROM t.whole;
ROLLBACK;
-- A partition that DETACH PARTITION CONCURRENTLY has left half taken off gets rows from REPEATABLE READ on, and has its triggers.
CREATE TRIGGER edit BEFORE INSERT ON t.high FOR EACH ROW EXECUTE FUNCTION t.edit();
RESET ROLE;
UPDATE pg_inherits SET inhdetachpending = true WHERE inhrelid = 't.high'::regclass;
\c -
SET ROLE regress_owner;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT tenant_guard.set_tenant(:a);
SAVEPOINT s;
COPY t.whole (id, title) FROM stdin;
11	move
\.
ROLLBACK TO s;
COPY t.whole (id, title) FROM stdin;
12	edited
\.
SELECT * FROM t.high;
ROLLBACK;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
COPY t.whole (id, title) FROM stdin;
11	move
\.
ROLLBACK;
RESET ROLE;
UPDATE pg_inherits SET inhdetachpending = false WHERE inhrelid = 't.high'::regclass;
\c -
SET ROLE regress_owner;

-- Policies of the application's own are checked as well: they can look into other tables, which show the tenant's rows.
SET client_min_messages = warning;
CREATE TABLE t.books (tenant_id uuid, name text);
CREATE TABLE t.pages (tenant_id uuid, book text, number int);
CREATE POLICY of_books ON t.pages AS RESTRICTIVE FOR INSERT WITH CHECK (book IN (SELECT name FROM t.books));
GRANT SELECT, INSERT ON t.books, t.pages TO regress_app;
RESET client_min_messages;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:b);
COPY t.books (name) FROM stdin;
of b
\.
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
COPY t.books (name) FROM stdin;
of a
\.
COPY t.pages (book, number) FROM stdin;
of a	1
\.
SELECT * FROM t.pages;
SAVEPOINT s;
COPY t.pages (book, number) FROM stdin;
of a	2
of b	1
\.
ROLLBACK TO s;
COPY t.pages FROM stdin;
bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb	of a	3
\.
ROLLBACK;

-- So is one in the place of tenant_access. With none there is no access at all.
SET ROLE regress_owner;
DROP POLICY of_books ON t.pages;
BEGIN;
DROP POLICY tenant_access ON t.pages;
SET ROLE regress_app;
SELECT tenant_guard.set_tenant(:a);
COPY t.pages (book, number) FROM stdin;
of a	4
\.
ROLLBACK;
SET ROLE regress_owner;
BEGIN;
DROP POLICY tenant_access ON t.pages;
CREATE POLICY low ON t.pages USING (number < 100);
SET ROLE regress_app;
SELECT tenant_guard.set_tenant(:a);
COPY t.pages (book, number) FROM stdin;
of a	5
\.
COPY t.pages (book, number) FROM stdin;
of a	500
\.
ROLLBACK;
SET ROLE regress_owner;
BEGIN;
ALTER POLICY tenant_access ON t.pages TO regress_owner;
SET ROLE regress_app;
SELECT tenant_guard.set_tenant(:a);
COPY t.pages (book, number) FROM stdin;
of a	6
\.
ROLLBACK;

-- COPY ignores rules. An INSERT does not, so where both are needed the statement is refused, as is FREEZE.
SET ROLE regress_owner;
CREATE RULE away AS ON INSERT TO t.books DO INSTEAD NOTHING;
CREATE RULE away AS ON INSERT TO t.edited DO INSTEAD NOTHING;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
COPY t.books (name) FROM stdin;
another
\.
SELECT * FROM t.books ORDER BY name;
\copy t.edited (title) FROM /dev/null
ROLLBACK;
SET ROLE regress_owner;
DROP RULE away ON t.edited;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
\copy t.edited (title) FROM /dev/null (FREEZE)
ROLLBACK;

-- A view's INSTEAD OF trigger inserts, and that is checked.
SET ROLE regress_owner;
CREATE VIEW t.shelf WITH (security_invoker) AS SELECT tenant_id, name FROM t.books;
CREATE FUNCTION t.shelve() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO t.pages (tenant_id, book) VALUES (new.tenant_id, new.name); RETURN new; END $$;
CREATE TRIGGER shelve INSTEAD OF INSERT ON t.shelf FOR EACH ROW EXECUTE FUNCTION t.shelve();
GRANT SELECT, INSERT ON t.shelf TO regress_app;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
COPY t.shelf FROM stdin;
aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa	by the view
\.
SELECT * FROM t.pages;
COPY t.shelf FROM stdin;
bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb	not mine
\.
ROLLBACK;

-- A temporary table with a tenant column.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SET LOCAL client_min_messages = warning;
CREATE TEMPORARY TABLE staged (id int, tenant_id uuid, title text);
SELECT relforcerowsecurity FROM pg_class WHERE oid = 'staged'::regclass;
COPY staged (id, title) FROM stdin;
1	mine
\.
CREATE FUNCTION pg_temp.same() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER same BEFORE INSERT ON staged FOR EACH ROW EXECUTE FUNCTION pg_temp.same();
COPY staged (id, title) FROM stdin;
2	mine
\.
SELECT * FROM staged;
COPY staged FROM stdin;
3	bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb	not mine
\.
ROLLBACK;

-- A guard that is damaged is refused first.
RESET ROLE;
BEGIN;
SET LOCAL tenant_guard.bypass = on;
SET LOCAL tenant_guard.auto_protect = off;
ALTER TABLE t.notes NO FORCE ROW LEVEL SECURITY;
SET LOCAL tenant_guard.bypass = off;
SET ROLE regress_app;
SELECT tenant_guard.set_tenant(:a);
\copy t.notes (id, title) FROM /dev/null
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;

-- Rows of everyone are nobody's to write.
SET client_min_messages = warning;
SET tenant_guard.auto_protect = off;
CREATE TABLE t.shared (id int, tenant_id uuid);
SELECT tenant_guard.protect('t.shared', null_rows => 'shared');
RESET tenant_guard.auto_protect;
GRANT SELECT, INSERT ON t.shared TO regress_app;
RESET client_min_messages;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
COPY t.shared (id) FROM stdin;
1
\.
SELECT * FROM t.shared;
COPY t.shared FROM stdin;
2	\N
\.
ROLLBACK;

-- The parts of it are not to be called by hand.
RESET ROLE;
CALL tenant_guard_internal.run_copy('t.notes'::regclass);
SELECT tenant_guard_internal.check_copied_tenant('t.notes'::regclass, :b::uuid);
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT tenant_guard_internal.check_copied_tenant('t.notes'::regclass, :a::uuid), tenant_guard_internal.check_copied_tenant(NULL, :a::uuid);
SELECT tenant_guard_internal.check_copied_tenant(NULL, 'text'::text);
ROLLBACK;

DROP SCHEMA t CASCADE;
DROP ROLE regress_app, regress_owner;
