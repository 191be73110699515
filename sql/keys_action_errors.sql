--
-- An action of a foreign key that breaks a constraint must not show another
-- tenant's row in its error, where the table's owner could see that row and the
-- caller could not.
--
\i test/setup/tenants.sql
SET client_min_messages = error;
CREATE ROLE regress_owner;
CREATE ROLE regress_unbound BYPASSRLS;
CREATE ROLE regress_app;
CREATE SCHEMA t;
GRANT USAGE ON SCHEMA t TO regress_app, regress_owner, regress_unbound;
CREATE TABLE t.users (id int PRIMARY KEY);
CREATE TABLE t.posts (tenant_id uuid, body text, author int NOT NULL REFERENCES t.users ON DELETE SET NULL);
CREATE TABLE t.seats (tenant_id uuid, guest text, seat int DEFAULT 1 REFERENCES t.users ON DELETE SET DEFAULT, EXCLUDE USING btree (seat WITH =));
CREATE TABLE t.badges (tenant_id uuid, holder text, badge int DEFAULT 1 UNIQUE REFERENCES t.users ON DELETE SET DEFAULT);
CREATE TABLE t.checked (tenant_id uuid, body text, author int REFERENCES t.users ON DELETE SET NULL, CONSTRAINT authored CHECK (author IS NOT NULL));
CREATE TABLE t.parted (tenant_id uuid, body text, part int REFERENCES t.users ON DELETE SET NULL) PARTITION BY LIST (part);
CREATE TABLE t.parted_6 PARTITION OF t.parted FOR VALUES IN (6);
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
SET tenant_guard.bypass = on;
INSERT INTO t.users VALUES (1), (2), (3), (4), (5), (6);
INSERT INTO t.posts VALUES (:b, 'CANARY', 2);
INSERT INTO t.seats VALUES (:b, 'CANARY', 1), (:b, 'CANARY', 3);
INSERT INTO t.badges VALUES (:b, 'CANARY', 1), (:b, 'CANARY', 4);
INSERT INTO t.checked VALUES (:b, 'CANARY', 5);
INSERT INTO t.parted VALUES (:b, 'CANARY', 6);

-- A caller who sees every row must be told which it is.
DELETE FROM t.users WHERE id = 2;
DELETE FROM t.users WHERE id = 3;
RESET tenant_guard.bypass;
CREATE PROCEDURE t.try(first int, last int) LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	constraint_name text;
	table_name text;
BEGIN
	FOR i IN first .. last LOOP
		BEGIN
			DELETE FROM t.users WHERE id = i;
			RAISE EXCEPTION 'nothing was violated';
		EXCEPTION WHEN integrity_constraint_violation THEN
			GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, constraint_name = CONSTRAINT_NAME, table_name = TABLE_NAME;
			RAISE INFO '% % %: %', SQLSTATE, table_name, constraint_name, detail;
		END;
	END LOOP;
END
$$;

-- One who does not must be told the constraint and nothing of the row: neither
-- directly nor in a function.
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:a) \gset
DELETE FROM t.users WHERE id = 2;
ROLLBACK;
DELETE FROM t.users WHERE id = 3;
CALL t.try(2, 6);
RESET ROLE;

-- So it must be with an owner who has BYPASSRLS, and where PostgreSQL does it by
-- itself, with one who is bound.
ALTER TABLE t.posts OWNER TO regress_unbound;
ALTER TABLE t.seats OWNER TO regress_owner;
GRANT ALL ON t.users TO regress_unbound, regress_owner;
SET ROLE regress_app;
CALL t.try(2, 3);
RESET ROLE;

-- So it must be with the checks of a row that an action has changed, when the
-- statement ends, at SET CONSTRAINTS and at COMMIT. (From 18 on they run as the
-- owner, and there is no DETAIL.)
CREATE TABLE t.orders (tenant_id uuid, code int REFERENCES t.users ON DELETE SET NULL, body text, UNIQUE (tenant_id, code));
CREATE TABLE t.lines (tenant_id uuid, code int, FOREIGN KEY (tenant_id, code) REFERENCES t.orders (tenant_id, code));
CREATE TABLE t.late_lines (tenant_id uuid, code int, FOREIGN KEY (tenant_id, code) REFERENCES t.orders (tenant_id, code) DEFERRABLE INITIALLY DEFERRED);
SET tenant_guard.bypass = on;
INSERT INTO t.users VALUES (8), (9);
INSERT INTO t.orders VALUES (:b, 8, 'CANARY'), (:b, 9, 'CANARY');
INSERT INTO t.lines VALUES (:b, 8);
INSERT INTO t.late_lines VALUES (:b, 9);
RESET tenant_guard.bypass;
CREATE FUNCTION t.tells(statement text, OUT told boolean) LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	EXECUTE statement;
	SET CONSTRAINTS ALL IMMEDIATE;
	RAISE EXCEPTION 'nothing was violated';
EXCEPTION WHEN integrity_constraint_violation THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	told := detail ~ 'Key \(';
END
$$;
SELECT t.tells('DELETE FROM t.users WHERE id = 8') AS eight, t.tells('DELETE FROM t.users WHERE id = 9') AS nine;
SET ROLE regress_app;
SELECT t.tells('DELETE FROM t.users WHERE id = 8') AS eight, t.tells('DELETE FROM t.users WHERE id = 9') AS nine;
DELETE FROM t.users WHERE id = 9;
RESET ROLE;

-- A caller who sees every row from now on must be told at once, and no longer when he does not.
SET ROLE regress_app;
DELETE FROM t.users WHERE id = 2;
RESET ROLE;
ALTER ROLE regress_app BYPASSRLS;
SET ROLE regress_app;
DELETE FROM t.users WHERE id = 2;
RESET ROLE;
ALTER ROLE regress_app NOBYPASSRLS;
SET ROLE regress_app;
DELETE FROM t.users WHERE id = 2;
RESET ROLE;

-- An error of another kind, such as a trigger's, must keep what its author wrote.
CREATE FUNCTION t.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'not now' USING DETAIL = 'Ask on Monday.';
END
$$;
CREATE TRIGGER refuse BEFORE UPDATE ON t.posts FOR EACH ROW EXECUTE FUNCTION t.refuse();
SET ROLE regress_app;
DELETE FROM t.users WHERE id = 2;
RESET ROLE;
DROP TRIGGER refuse ON t.posts;

-- A statement of the caller's own must tell as before, and one of a key of a table
-- that is not guarded.
CREATE TABLE t.persons (id int PRIMARY KEY);
CREATE TABLE t.plain (id int, author int NOT NULL REFERENCES t.persons ON DELETE SET NULL);
GRANT DELETE, SELECT ON t.persons TO regress_app;
INSERT INTO t.persons VALUES (7);
INSERT INTO t.plain VALUES (1, 7);
SET ROLE regress_app;
DELETE FROM t.persons;
INSERT INTO t.users VALUES (1);
RESET ROLE;

-- And after such an error the session must go on.
SET ROLE regress_app;
DO $$
BEGIN
	FOR i IN 1 .. 100 LOOP
		BEGIN
			DELETE FROM t.users WHERE id = 4;
		EXCEPTION WHEN unique_violation THEN
		END;
	END LOOP;
END
$$;
DELETE FROM t.users WHERE id = 4;
RESET ROLE;
SELECT count(*) FROM t.users;

DROP SCHEMA t CASCADE;
DROP ROLE regress_owner, regress_unbound, regress_app;
