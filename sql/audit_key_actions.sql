--
-- audit() finds the keys by which who may change a table that is not guarded
-- changes rows of tenants, and the tables on which keys act as an owner who sees
-- every row. A session that has not loaded the library refuses nothing: where it
-- is not preloaded the former are errors.
--
\set SHOW_CONTEXT never
SET client_min_messages = error;
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
CREATE SCHEMA t;
GRANT ALL ON SCHEMA t TO regress_owner;
CREATE TEMP VIEW findings AS
SELECT rule, level, object, replace(detail, ' ' || quote_ident(current_user), ' me') AS detail, remedy FROM tenant_guard.audit()
WHERE rule IN ('cascade_from_outside', 'cascade_as_unbound_owner');
SET ROLE regress_owner;

-- The tenants' own table, and one of which each row is a tenant's: the remedy is
-- to guard it.
CREATE TABLE t.tenants (id uuid PRIMARY KEY, name text);
CREATE TABLE t.orders (tenant_id uuid PRIMARY KEY REFERENCES t.tenants ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE t.places (owner uuid, code int, PRIMARY KEY (owner, code));
CREATE TABLE t.visits (tenant_id uuid PRIMARY KEY, place int, FOREIGN KEY (tenant_id, place) REFERENCES t.places ON DELETE SET NULL);
CREATE TABLE t.halves (tenant_id uuid PRIMARY KEY, place int, FOREIGN KEY (tenant_id, place) REFERENCES t.places ON DELETE SET NULL (place));
CREATE TABLE t.kept (tenant_id uuid PRIMARY KEY REFERENCES t.tenants);

-- Tables of all tenants: whether an application needs the privilege is a decision,
-- and what takes it back is in the detail.
CREATE TABLE t.common (id int PRIMARY KEY, code int UNIQUE);
CREATE TABLE t.obeying (tenant_id uuid PRIMARY KEY, by_id int, by_code int,
	CONSTRAINT by_id FOREIGN KEY (by_id) REFERENCES t.common ON UPDATE CASCADE ON DELETE SET NULL,
	CONSTRAINT by_code FOREIGN KEY (by_code) REFERENCES t.common (code) ON UPDATE CASCADE,
	CONSTRAINT obeying_nothing FOREIGN KEY (by_id) REFERENCES t.common);
RESET ROLE;

-- Where nobody but its owner may change a table it is for a DBA to know, and of
-- the tenants' own it is as it should be.
SELECT rule, level, object, remedy FROM findings;

-- Each that others may change must be found.
GRANT UPDATE (code), DELETE ON t.common TO regress_app, PUBLIC;
GRANT ALL ON t.tenants TO regress_app;
GRANT DELETE ON t.places TO regress_app;
\a \x
SELECT * FROM findings;
\a \x

-- A table that is declared to be shared stays as it is: there, too, the finding stays, and what to do is a decision.
SET ROLE regress_owner;
SELECT tenant_guard.share('t.tenants');
RESET ROLE;
SELECT object, remedy FROM findings WHERE object ~ 'orders';
SET ROLE regress_owner;
SELECT tenant_guard.unshare('t.tenants');
RESET ROLE;

-- Triggers that SET NULL or SET DEFAULT shows every tenant's rows to are named: of
-- each row, or of all rows that changed, and of parts.
SET ROLE regress_owner;
CREATE TABLE t.seen (tenant_id uuid, other int REFERENCES t.common ON DELETE SET NULL) PARTITION BY LIST (other);
CREATE TABLE t.part PARTITION OF t.seen DEFAULT;
CREATE FUNCTION t.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER "by%row" BEFORE UPDATE ON t.seen FOR EACH ROW EXECUTE FUNCTION t.f();
CREATE TRIGGER of_part AFTER INSERT OR UPDATE ON t.part FOR EACH ROW EXECUTE FUNCTION t.f();
CREATE TRIGGER of_all AFTER UPDATE ON t.seen REFERENCING OLD TABLE AS o FOR EACH STATEMENT EXECUTE FUNCTION t.f();
CREATE TRIGGER sees_none AFTER UPDATE ON t.seen FOR EACH STATEMENT EXECUTE FUNCTION t.f();
CREATE TRIGGER inserted AFTER INSERT ON t.seen FOR EACH ROW EXECUTE FUNCTION t.f();
CREATE TRIGGER by_row BEFORE UPDATE ON t.orders FOR EACH ROW EXECUTE FUNCTION t.f();
RESET ROLE;
SELECT object, detail FROM findings WHERE detail ~ 'triggers';
DROP TABLE t.seen;

-- A table of a superuser, with keys that act; one whose keys do not is none.
CREATE TABLE t.superusers (tenant_id uuid PRIMARY KEY, other uuid REFERENCES t.tenants ON DELETE SET NULL);
CREATE TABLE t.superusers_follow (tenant_id uuid PRIMARY KEY REFERENCES t.tenants ON UPDATE CASCADE);
CREATE TABLE t.superusers_plain (tenant_id uuid PRIMARY KEY REFERENCES t.tenants);
SELECT level, object, detail, remedy FROM findings WHERE rule = 'cascade_as_unbound_owner';
ALTER TABLE t.superusers OWNER TO regress_owner;
DROP TABLE t.superusers_follow;

-- The remedies, run as they are written, must leave what takes a decision, for a
-- DBA to know.
SELECT remedy FROM findings WHERE remedy IS NOT NULL GROUP BY remedy ORDER BY remedy COLLATE "C" \gexec
SELECT rule, level, object, remedy FROM findings;

DROP VIEW findings;
DROP SCHEMA t CASCADE;
DROP ROLE regress_owner, regress_app;
