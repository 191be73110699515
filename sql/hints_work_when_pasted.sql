--
-- The statements that a hint names work for the role that is told the hint.
--
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
CREATE ROLE regress_maintainer BYPASSRLS;
CREATE SCHEMA t AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA t TO regress_app, regress_maintainer;
SET ROLE regress_owner;
CREATE TABLE t.notes (id int PRIMARY KEY, tenant_id uuid, body text, up int REFERENCES t.notes);
GRANT ALL ON t.notes TO regress_app, regress_maintainer;
RESET ROLE;

-- t.told(role, statements): the statements that the hint of their error names, up to the semicolon.
CREATE FUNCTION t.told(role name, statements text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE statements;
	RETURN '{no error}';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN ARRAY(SELECT replace(m[1], '...', 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa')
				 FROM regexp_matches(hint, '\m((?:SET|SELECT|GRANT|ALTER|DELETE|RESET) (?:(?! first, in)[^;])*)', 'g') WITH ORDINALITY x (m, n) ORDER BY n);
END
$$;

-- t.try(role, statements): runs them, those that begin with ! as the superuser, says how it ended, and undoes them.
CREATE FUNCTION t.try(role name, VARIADIC statements text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	statement text;
BEGIN
	FOREACH statement IN ARRAY statements LOOP
		RESET ROLE;
		IF statement !~ '^!' THEN
			EXECUTE format('SET LOCAL ROLE %I', role);
		END IF;
		EXECUTE ltrim(statement, '!');
	END LOOP;
	RAISE EXCEPTION 'works';
EXCEPTION WHEN OTHERS THEN
	RETURN concat_ws(' ', NULLIF(SQLSTATE, 'P0001'), SQLERRM);
END
$$;

\set read '''SELECT * FROM t.notes'''
\set empty '''TRUNCATE t.notes'''
\set open '''ALTER TABLE t.notes DISABLE ROW LEVEL SECURITY'''
\set moves '$$SELECT tenant_guard.set_tenant(''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa''); SELECT tenant_guard.set_tenant(''bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'')$$'
\set view '$$SELECT tenant_guard.set_tenant(''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa''); CREATE MATERIALIZED VIEW t.kept AS SELECT * FROM t.notes$$'

-- Who may set the bypass must be told that, and not row_security = off, under which new tables are not guarded; another role with
-- BYPASSRLS what it may set, and the grant for a role that makes tables.
SELECT s, t.try(:'USER', s[1], :read) FROM t.told(:'USER', :read) s;
SELECT s, t.try('regress_maintainer', s[1], :read) AS direct, t.try('regress_maintainer', '!' || s[2], s[3], :read) AS granted FROM t.told('regress_maintainer', :read) s;

-- Without a tenant an owner may mean every tenant's rows; an application does not.
SELECT s, t.try('regress_owner', s[1], :read) AS own, t.try('regress_owner', '!' || s[2], '!' || :read) AS super FROM t.told('regress_owner', :read) s;
SELECT s, t.try('regress_app', s[1], :read) AS own FROM t.told('regress_app', :read) s;

-- TRUNCATE: a tenant must be told how to delete its own rows, who may see all how to truncate.
SELECT s, t.try(:'USER', s[1], :empty) FROM t.told(:'USER', :empty) s;
SELECT s, t.try('regress_maintainer', s[1], :empty) AS direct, t.try('regress_maintainer', '!' || s[2], s[3], :empty) AS granted FROM t.told('regress_maintainer', :empty) s;
SELECT s, t.try('regress_owner', s[1], s[2]) AS own, t.try('regress_owner', '!' || s[3], '!' || :empty) AS super FROM t.told('regress_owner', :empty) s;
SELECT s, t.try('regress_app', s[1], s[2]) AS own, t.try('regress_app', '!' || s[3], '!' || :empty) AS super FROM t.told('regress_app', :empty) s;
BEGIN;
SELECT tenant_guard.set_tenant('aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa');
SELECT s, t.try('regress_app', s[1]) AS own, t.try('regress_app', '!' || s[2], '!' || :empty) AS super FROM t.told('regress_app', :empty) s;
ROLLBACK;

-- A statement that weakens a guard: who may bypass must be told that, the owner how to take the guard off; and both how to mend
-- it, after which the same statement is refused again.
SELECT s, t.try(:'USER', s[1], :open, s[2], 'RESET tenant_guard.bypass', :open) AS mended, t.try(:'USER', s[3], :open) AS taken_off FROM t.told(:'USER', :open) s;
SELECT s, t.try('regress_owner', s[1], :open) AS taken_off, t.try('regress_owner', s[1], :open, s[2], :open) AS mended FROM t.told('regress_owner', :open) s;

-- Another tenant in a transaction: for an owner's migration the setting, which it must be granted; for an application not.
SELECT s, t.try(:'USER', s[1], :moves) FROM t.told(:'USER', :moves) s;
SELECT s, t.try('regress_owner', '!' || s[1], s[2], :moves) FROM t.told('regress_owner', :moves) s;
SELECT s FROM t.told('regress_app', :moves) s;

-- A materialized view: the superuser himself, and the owner by one.
SELECT s, t.try(:'USER', s[1], :view) FROM t.told(:'USER', :view) s;
SELECT s, t.try('regress_owner', '!' || s[1], '!' || :view) FROM t.told('regress_owner', :view) s;

-- A tenant column for a table that is guarded already must be said to be there.
SELECT tenant_guard.derive_tenant_column('t.notes');
SET ROLE regress_owner;
ALTER TABLE t.notes RENAME tenant_id TO org;
SELECT tenant_guard.derive_tenant_column('t.notes');
RESET ROLE;
SELECT s, t.try('regress_owner', s[1]) FROM t.told('regress_owner', 'SELECT tenant_guard.derive_tenant_column(''t.notes'')') s;

DROP SCHEMA t CASCADE;
DROP ROLE regress_owner, regress_app, regress_maintainer;
