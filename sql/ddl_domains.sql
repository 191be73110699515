--
-- ALTER DOMAIN evaluates a constraint on the rows of every table with a column
-- of the domain, as the domain's owner, and past row-level security: it must
-- tell him nothing of guarded tables that others own.
--
\i test/setup/app.sql
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_owner;
GRANT ALL ON SCHEMA t TO regress_owner;
SET ROLE regress_app;
CREATE FUNCTION t.looks(text) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RAISE WARNING ''looks at %'', $1; RETURN true; END';
CREATE FUNCTION t.sure(text) RETURNS bool IMMUTABLE LANGUAGE sql RETURN true;
CREATE DOMAIN t.email AS text;
CREATE DOMAIN t.checked AS text;
-- From 19 on VALIDATE CONSTRAINT looks at no row where it is valid.
ALTER DOMAIN t.checked ADD CHECK (t.looks(VALUE)) NOT VALID;
CREATE DOMAIN t.short AS t.email;
SET ROLE regress_owner;
CREATE TABLE t.people (tenant_id uuid, email t.email);
CREATE TABLE t.users (tenant_id uuid, short t.short);
CREATE TABLE t.visitors (tenant_id uuid, email t.checked);
CREATE TABLE t.plain (email t.email);
BEGIN;
SELECT tenant_guard.set_tenant('bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb');
INSERT INTO t.people (email) VALUES ('one of b''s');
INSERT INTO t.users (short) VALUES ('another of b''s');
-- What a domain checked when the column got it is evaluated by who writes.
INSERT INTO t.visitors (email) VALUES ('a visitor of b''s');
COMMIT;

-- The domain's owner must be refused, whatever the form, and look at nothing.
SET ROLE regress_app;
\set VERBOSITY default
ALTER DOMAIN t.email ADD CHECK (t.looks(VALUE));
\set VERBOSITY terse
ALTER DOMAIN t.email ADD CHECK (t.looks(VALUE)) NOT VALID;
ALTER DOMAIN t.short ADD CONSTRAINT oracle CHECK (VALUE <> 'another of b''s');
ALTER DOMAIN t.checked VALIDATE CONSTRAINT checked_check;

-- So must one be refused that a foreign key's action would evaluate as the owner of another table, and a default.
SET ROLE regress_owner;
CREATE TABLE t.codes (code text PRIMARY KEY);
CREATE TABLE t.uses (code t.email REFERENCES t.codes ON DELETE SET DEFAULT);
SET ROLE regress_app;
CREATE FUNCTION t.runs() RETURNS text LANGUAGE plpgsql AS 'BEGIN RAISE WARNING ''runs as %'', current_user; RETURN NULL; END';
ALTER DOMAIN t.email SET DEFAULT t.runs();
CREATE DOMAIN t.code AS text;
SET ROLE regress_owner;
CREATE TABLE t.updated (code t.code REFERENCES t.codes ON UPDATE CASCADE);
SET ROLE regress_app;
ALTER DOMAIN t.code ADD CHECK (t.looks(VALUE)) NOT VALID;

-- So must one that a SECURITY DEFINER function of the owner's would evaluate.
CREATE DOMAIN t.message AS text;
SET ROLE regress_owner;
CREATE TABLE t.log (message t.message);
SET ROLE regress_app;
ALTER DOMAIN t.message ADD CHECK (t.looks(VALUE)) NOT VALID;
ALTER DOMAIN t.message SET DEFAULT t.runs();
ALTER DOMAIN t.message SET DEFAULT 'nothing';
-- So within a composite type, and an array of it.
CREATE DOMAIN t.word AS text;
CREATE TYPE t.phrase AS (word t.word);
SET ROLE regress_owner;
CREATE TABLE t.phrases (phrases t.phrase[]);
SET ROLE regress_app;
ALTER DOMAIN t.word ADD CHECK (t.looks(VALUE)) NOT VALID;

-- Nor must he drop what every tenant has in such a column.
DROP DOMAIN t.checked CASCADE;
SET ROLE regress_owner;
CREATE TABLE t.made (tenant_id uuid, email text, looked bool GENERATED ALWAYS AS (t.sure(email)) STORED);
SET ROLE regress_app;
DROP FUNCTION t.sure CASCADE;
\set VERBOSITY default
DROP OWNED BY regress_app CASCADE;
\set VERBOSITY terse

-- The owner of the tables may, as a member of the domain's; and a superuser.
RESET ROLE;
GRANT regress_app TO regress_owner;
SET ROLE regress_owner;
ALTER DOMAIN t.email ADD CONSTRAINT filled CHECK (VALUE <> '');
ALTER DOMAIN t.checked VALIDATE CONSTRAINT checked_check;
RESET ROLE;
ALTER DOMAIN t.short ADD CONSTRAINT filled CHECK (VALUE <> '');
REVOKE regress_app FROM regress_owner;

-- What the hint says must do.
ALTER DOMAIN t.email OWNER TO regress_owner;
SET ROLE regress_owner;
ALTER DOMAIN t.email ADD CONSTRAINT known CHECK (VALUE <> 'unknown');
RESET ROLE;

-- Where it is meant, and where no guarded table is concerned, it must go on.
SET ROLE regress_app;

ALTER DOMAIN t.checked SET DEFAULT 'none';
ALTER DOMAIN t.checked DROP CONSTRAINT checked_check;
ALTER DOMAIN t.checked SET NOT NULL;
CREATE DOMAIN t.free AS int;
CREATE TABLE t.mine (id t.free);
ALTER DOMAIN t.free ADD CHECK (VALUE > 0) NOT VALID;
ALTER DOMAIN t.free VALIDATE CONSTRAINT free_check;
RESET ROLE;
SET tenant_guard.bypass = on;
SET ROLE regress_app;
ALTER DOMAIN t.checked ADD CHECK (VALUE <> '');
BEGIN;
DROP FUNCTION t.sure CASCADE;
ROLLBACK;
RESET ROLE;
RESET tenant_guard.bypass;

-- The owner, and he of a table that is not guarded, drops what he likes.
RESET ROLE;
GRANT regress_app TO regress_owner;
SET ROLE regress_owner;
DROP DOMAIN t.code CASCADE;
DROP DOMAIN t.checked CASCADE;
ALTER TABLE t.people DROP email;
DROP TABLE t.made;
RESET ROLE;

DROP SCHEMA t CASCADE;
DROP ROLE regress_owner, regress_app;
