--
-- Where a transaction may go from tenant to tenant, what one tenant's statement
-- has queued must not run for another.
--
\i test/setup/app.sql
SET client_min_messages = warning;
CREATE TABLE t.notes (id int, tenant_id uuid NOT NULL DEFAULT tenant_guard.current_tenant(), body text, PRIMARY KEY (tenant_id, id),
	UNIQUE (tenant_id, body) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE t.replies (id int, tenant_id uuid NOT NULL DEFAULT tenant_guard.current_tenant(), note int,
	FOREIGN KEY (tenant_id, note) REFERENCES t.notes DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE t.journal (tenant_id uuid NOT NULL DEFAULT tenant_guard.current_tenant(), entry text);
CREATE TABLE t.queue (job text);
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
CREATE FUNCTION t.write_journal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO t.journal (entry) VALUES (to_jsonb(NEW)->>TG_ARGV[0]);
	RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER journal AFTER INSERT ON t.notes DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION t.write_journal('body');
CREATE CONSTRAINT TRIGGER journal AFTER INSERT ON t.queue DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION t.write_journal('job');
RESET client_min_messages;

-- By one tenant it must be carried out at COMMIT, ...
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.notes (id, body) VALUES (1, 'of a');
COMMIT;
-- ... and where the tenant is unset before, the error must say what to do.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.notes (id, body) VALUES (2, 'of a');
SELECT tenant_guard.clear_tenant();
COMMIT;
-- What it says must do.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.notes (id, body) VALUES (2, 'of a too');
SET CONSTRAINTS ALL IMMEDIATE;
SELECT tenant_guard.clear_tenant();
COMMIT;

-- With the rule lifted another tenant must be refused while triggers are pending, ...
RESET ROLE;
SET tenant_guard.one_tenant_per_transaction = off;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.notes (id, body) VALUES (3, 'third of a');
SAVEPOINT s;
SELECT tenant_guard.set_tenant(:b);
ROLLBACK TO s;
SELECT tenant_guard.clear_tenant();
SET LOCAL tenant_guard.tenant_id = :b;
ROLLBACK TO s;
-- ... the same tenant must not, ...
SELECT tenant_guard.set_tenant(:a);
-- ... and as soon as they have run, another must not be.
SET CONSTRAINTS ALL IMMEDIATE;
SELECT tenant_guard.set_tenant(:b);
INSERT INTO t.notes (id, body) VALUES (4, 'of b');
COMMIT;
-- So of a table that is not guarded, whose trigger writes one that is, unset in between or not.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.queue VALUES ('job of a');
SAVEPOINT s;
SELECT tenant_guard.set_tenant(:b);
ROLLBACK TO s;
SELECT tenant_guard.clear_tenant();
SELECT tenant_guard.set_tenant(:b);
ROLLBACK TO s;
COMMIT;
-- What a savepoint undid is not pending.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SAVEPOINT s;
INSERT INTO t.queue VALUES ('undone');
ROLLBACK TO s;
SELECT tenant_guard.set_tenant(:b);
INSERT INTO t.queue VALUES ('job of b');
COMMIT;
-- Where the setting becomes another by itself, as at the end of a SET clause, its use must be refused: here at COMMIT.
CREATE FUNCTION t.insert_as_a() RETURNS void LANGUAGE sql SET tenant_guard.tenant_id = :a AS $$INSERT INTO t.notes (id, body) VALUES (5, 'fifth of a')$$;
BEGIN;
SELECT tenant_guard.set_tenant(:b);
SELECT t.insert_as_a();
COMMIT;
-- What is queued without using the tenant is its tenant's, too: where two were set, and the first comes back by its own statement, ...
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT tenant_guard.set_tenant(:b);
INSERT INTO t.queue VALUES ('second job of b');
SELECT tenant_guard.clear_tenant();
SAVEPOINT s;
SELECT tenant_guard.set_tenant(:a);
ROLLBACK TO s;
SELECT tenant_guard.set_tenant(:b);
COMMIT;
-- ... or where it comes back by itself, which is found when the trigger runs.
CREATE FUNCTION t.queue_as_a() RETURNS void LANGUAGE sql SET tenant_guard.tenant_id = :a AS $$INSERT INTO t.queue VALUES ('second job of a')$$;
BEGIN;
SELECT tenant_guard.set_tenant(:b);
SELECT t.queue_as_a();
COMMIT;
BEGIN;
SELECT tenant_guard.set_tenant(:b);
SELECT t.queue_as_a();
SAVEPOINT s;
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK TO s;
SELECT tenant_guard.set_tenant(:a);
ROLLBACK TO s;
ROLLBACK;
-- After a rollback, and after the triggers have run, nothing is anybody's.
BEGIN;
SELECT tenant_guard.set_tenant(:b);
SAVEPOINT s;
SELECT t.queue_as_a();
ROLLBACK TO s;
INSERT INTO t.queue VALUES ('third job of b');
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.queue VALUES ('third job of a');
COMMIT;
-- By COPY, too.
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SELECT tenant_guard.set_tenant(:b);
COPY t.queue FROM stdin;
fourth job of b
\.
SELECT tenant_guard.clear_tenant();
SELECT tenant_guard.set_tenant(:a);
ROLLBACK;
-- A tenant that stands in the session, or is the role's, does not count as set in the transaction, but what it has queued is its own:
-- it must not be replaced then, with the rule lifted or not.
RESET ROLE;
SET tenant_guard.scope = session;
SET ROLE regress_app;
SET tenant_guard.tenant_id = :a;
BEGIN;
INSERT INTO t.queue VALUES ('fifth job of a');
RESET tenant_guard.tenant_id;
SELECT tenant_guard.set_tenant(:b);
ROLLBACK;
RESET ROLE;
SET tenant_guard.one_tenant_per_transaction = on;
SET ROLE regress_app;
BEGIN;
INSERT INTO t.queue VALUES ('fifth job of a');
SAVEPOINT s;
SELECT tenant_guard.set_tenant(:b);
ROLLBACK TO s;
RESET tenant_guard.tenant_id;
SAVEPOINT s;
SELECT tenant_guard.set_tenant(:b);
ROLLBACK TO s;
SELECT tenant_guard.set_tenant(:a);
COMMIT;
-- Where it has queued nothing it can be replaced, as ever.
BEGIN;
SELECT tenant_guard.set_tenant(:b);
INSERT INTO t.queue VALUES ('sixth job of b');
COMMIT;
RESET tenant_guard.tenant_id;
RESET ROLE;
RESET tenant_guard.scope;
SET tenant_guard.one_tenant_per_transaction = off;
SET ROLE regress_app;
-- What is not deferred waits for the end of its statement, which must not set another tenant either.
RESET ROLE;
CREATE TABLE t.tasks (id int, tenant_id uuid NOT NULL DEFAULT tenant_guard.current_tenant(), body text);
GRANT ALL ON t.tasks TO regress_app;
CREATE TRIGGER journal AFTER INSERT ON t.tasks FOR EACH ROW EXECUTE FUNCTION t.write_journal('body');
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SAVEPOINT s;
INSERT INTO t.tasks (id, body) VALUES (1, 'task of a') RETURNING tenant_guard.set_tenant(:b);
ROLLBACK TO s;
INSERT INTO t.tasks (id, body) VALUES (1, 'task of a') RETURNING tenant_guard.set_tenant(:a);
SELECT tenant_guard.set_tenant(:b);
INSERT INTO t.tasks (id, body) VALUES (1, 'task of b');
COMMIT;
-- So where only a partition has the trigger, which is not known before a row gets there.
RESET ROLE;
CREATE TABLE t.steps (id int, body text) PARTITION BY LIST (id);
CREATE TABLE t.first_steps PARTITION OF t.steps FOR VALUES IN (1);
CREATE TABLE t.other_steps PARTITION OF t.steps DEFAULT;
GRANT ALL ON t.steps TO regress_app;
CREATE TRIGGER journal AFTER INSERT ON t.first_steps FOR EACH ROW EXECUTE FUNCTION t.write_journal('body');
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SAVEPOINT s;
WITH w AS (INSERT INTO t.steps SELECT 1, body FROM t.tasks RETURNING *) SELECT tenant_guard.set_tenant(:b) FROM w;
ROLLBACK TO s;
WITH w AS (INSERT INTO t.steps VALUES (2, 'anybody''s') RETURNING *) SELECT tenant_guard.set_tenant(:b) FROM w;
COMMIT;
-- So where neither table is guarded, by a query or by COPY, whole or part ...
RESET ROLE;
CREATE TABLE t.errands (job text, whose text);
CREATE TRIGGER journal AFTER INSERT ON t.errands FOR EACH ROW EXECUTE FUNCTION t.write_journal('job');
CREATE FUNCTION t.serve(whose text) RETURNS text LANGUAGE sql AS 'SELECT tenant_guard.set_tenant(whose)';
ALTER TABLE t.errands ALTER whose SET DEFAULT t.serve('bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb');
ALTER TABLE t.steps ALTER body SET DEFAULT t.serve('bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb');
GRANT ALL ON t.errands, t.other_steps TO regress_app;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SAVEPOINT s;
INSERT INTO t.errands VALUES ('errand of a', tenant_guard.set_tenant(:b));
ROLLBACK TO s;
WITH w AS (INSERT INTO t.errands VALUES ('errand of a', '') RETURNING *), v AS (INSERT INTO t.queue VALUES (tenant_guard.set_tenant(:b)) RETURNING *) SELECT FROM w, v;
ROLLBACK TO s;
COPY t.errands (job) FROM stdin;
errand of a
\.
ROLLBACK TO s;
COPY t.steps (id) FROM stdin;
1
\.
ROLLBACK TO s;
-- ... but where it stays the same, and where no trigger waits, it must go on.
INSERT INTO t.errands VALUES ('errand of a', tenant_guard.set_tenant(:a));
COPY t.errands (job, whose) FROM stdin;
second errand of a	a
\.
COPY t.other_steps (id) FROM stdin;
2
\.
INSERT INTO t.errands VALUES ('errand of b', '');
COMMIT;
-- A trigger that sets each row's tenant itself must be in nobody's way.
RESET ROLE;
CREATE TABLE t.inbox (whose text, job text);
GRANT ALL ON t.inbox TO regress_app;
CREATE FUNCTION t.deliver() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM tenant_guard.set_tenant(NEW.whose);
	INSERT INTO t.journal (entry) VALUES (NEW.job);
	RETURN NULL;
END
$$;
CREATE TRIGGER deliver AFTER INSERT ON t.inbox FOR EACH ROW EXECUTE FUNCTION t.deliver();
SET ROLE regress_app;
INSERT INTO t.inbox VALUES (:a, 'delivered to a'), (:b, 'delivered to b');
COPY t.inbox FROM stdin;
aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa	copied to a
bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb	copied to b
\.
-- Deferred foreign keys and unique constraints alone must be in nobody's way: they check the same under any tenant.
RESET ROLE;
DROP TRIGGER journal ON t.notes;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.replies (id, note) VALUES (1, 6);
SELECT tenant_guard.set_tenant(:b);
INSERT INTO t.notes (id, body) VALUES (6, 'sixth, of b');
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.notes (id, body) VALUES (6, 'sixth, of a');
COMMIT;

-- A trigger that was created since must count; and a tenant that is set for the
-- session, and not used yet, must not be replaced either.
RESET ROLE;
CREATE TABLE t.later (job text);
GRANT ALL ON t.later TO regress_app;
CREATE CONSTRAINT TRIGGER journal AFTER INSERT ON t.later DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION t.write_journal('job');
SET tenant_guard.scope = session;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
INSERT INTO t.later VALUES ('later job of a');
SAVEPOINT s;
SELECT tenant_guard.set_tenant(:b);
ROLLBACK TO s;
COMMIT;
SET tenant_guard.tenant_id = :a;
BEGIN;
INSERT INTO t.later VALUES ('last job of a');
SAVEPOINT s;
SELECT tenant_guard.set_tenant(:b);
ROLLBACK TO s;
COMMIT;
RESET tenant_guard.tenant_id;

-- Triggers of the outer statement must count where one inside of it sets another
-- tenant; a foreign key's must not.
RESET ROLE;
RESET tenant_guard.scope;
CREATE TABLE t.watched (job text);
CREATE TABLE t.jobs (job text PRIMARY KEY);
CREATE TABLE t.referencing (job text REFERENCES t.jobs);
CREATE TABLE t.setting (i int);
GRANT ALL ON t.watched, t.jobs, t.referencing, t.setting TO regress_app;
CREATE FUNCTION t.set_b() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM tenant_guard.set_tenant('bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'); RETURN NEW; END $$;
CREATE FUNCTION t.set_inside() RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO t.setting VALUES (1); RETURN 'job of a'; END $$;
CREATE TRIGGER journal AFTER INSERT ON t.watched FOR EACH ROW EXECUTE FUNCTION t.write_journal('job');
CREATE TRIGGER set_b BEFORE INSERT ON t.setting FOR EACH ROW EXECUTE FUNCTION t.set_b();
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a);
SAVEPOINT s;
INSERT INTO t.watched SELECT t.set_inside();
ROLLBACK TO s;
INSERT INTO t.jobs VALUES ('job of a');
INSERT INTO t.referencing SELECT t.set_inside();
COMMIT;

-- Each entry must be its writer's.
RESET ROLE;
SET tenant_guard.bypass = on;
SELECT left(tenant_id::text, 1) AS tenant, entry FROM t.journal ORDER BY 1, 2;
RESET tenant_guard.bypass;
RESET tenant_guard.one_tenant_per_transaction;
RESET tenant_guard.scope;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
