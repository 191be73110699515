-- What the soak looks at. Tenant n has n % 5 + 1 rows, each of which says whose it is beside the tenant column.
\set ON_ERROR_STOP 1
SET client_min_messages = warning;
SET tenant_guard.bypass = on;
CREATE FUNCTION tenant(n int) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
CREATE TABLE notes (tenant_id uuid, owner int);
CREATE INDEX ON notes (tenant_id);
INSERT INTO notes SELECT tenant(n), n FROM generate_series(1, 100) n, generate_series(1, n % 5 + 1);
CREATE TABLE written (tenant_id uuid, owner int);

-- Fails where a row is not the tenant's, or one of the tenant's is missing.
CREATE FUNCTION see(n int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	own int;
	others int;
BEGIN
	SELECT count(*) FILTER (WHERE owner = n), count(*) FILTER (WHERE owner <> n) INTO own, others FROM notes;
	IF own <> n % 5 + 1 OR others <> 0 THEN
		RAISE 'LEAK: tenant % sees % rows of its own and % of others', n, own, others;
	END IF;
END $$;

-- Fails where anything is seen: without a tenant there is an error.
CREATE FUNCTION see_nothing() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	seen int;
BEGIN
	SELECT count(*) INTO seen FROM notes;
	RAISE 'LEAK: without a tenant % rows are seen', seen;
EXCEPTION
	WHEN SQLSTATE 'TG001' OR SQLSTATE 'TG006' THEN NULL;
END $$;

-- The control: the same rows under the customary policy. What is seen is counted, and a leak does not stop the run.
CREATE TABLE plain AS SELECT * FROM notes WITH NO DATA;
SELECT tenant_guard.unprotect('plain');
INSERT INTO plain SELECT * FROM notes;
ALTER TABLE plain ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY customary ON plain USING (tenant_id = current_setting('app.tenant', true)::uuid);
CREATE SEQUENCE looks;
CREATE TABLE leaks (look bigint);
CREATE FUNCTION look(n int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	look bigint := nextval('looks');
BEGIN
	IF EXISTS (SELECT FROM plain WHERE owner <> n) THEN
		INSERT INTO leaks VALUES (look);
	END IF;
END $$;

-- The control's way of setting the tenant, with the guard: for the session, in a transaction of its own.
CREATE SEQUENCE refusals;
CREATE FUNCTION look_guarded(n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM see(n);
	RAISE 'LEAK: a tenant set for the session was used in a later transaction';
EXCEPTION
	WHEN SQLSTATE 'TG001' OR SQLSTATE 'TG006' THEN PERFORM nextval('refusals');
END $$;
GRANT ALL ON ALL TABLES IN SCHEMA public TO shop_app;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO shop_app;
