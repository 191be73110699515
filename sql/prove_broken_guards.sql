--
-- A guard that is broken on purpose is found by prove(), which looks at what
-- can be done and not at the catalogs.
--
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
CREATE SCHEMA t AUTHORIZATION regress_owner;
SET tenant_guard.foreign_keys = off;
SET ROLE regress_owner;
CREATE TABLE t.others (id int, tenant_id uuid, PRIMARY KEY (tenant_id, id), UNIQUE (id));
CREATE TABLE t.notes (id int PRIMARY KEY, tenant_id uuid, body text, other int,
	CONSTRAINT paired FOREIGN KEY (tenant_id, other) REFERENCES t.others);
CREATE VIEW t.note_list WITH (security_invoker) AS SELECT * FROM t.notes;
CREATE VIEW t.note_count WITH (security_invoker) AS SELECT count(*) AS notes FROM t.notes;
RESET ROLE;

-- The probes that fail after a mutation, which is undone.
CREATE FUNCTION t.caught(mutation text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	failed text;
BEGIN
	SET LOCAL tenant_guard.bypass = on;
	SET LOCAL client_min_messages = error;
	EXECUTE mutation;
	SET LOCAL tenant_guard.bypass = off;
	SELECT COALESCE(string_agg(probe, ', '), 'NOTHING') INTO failed FROM tenant_guard.prove('t.notes')
	WHERE NOT ok AND probe !~ 't\.note_';	-- views, which the hooks of a server that preloads the library refuse
	RAISE EXCEPTION USING MESSAGE = failed;
EXCEPTION WHEN raise_exception THEN
	RETURN SQLERRM;
END
$$;

-- Nothing must be found where nothing is broken, or where a tenant sees less.
SELECT t.caught('SELECT 1');
SELECT t.caught('CREATE POLICY narrower ON t.notes AS RESTRICTIVE USING (body IS NULL)');
SELECT t.caught('DROP POLICY tenant_access ON t.notes; CREATE POLICY mine ON t.notes USING (body IS NULL)');

-- Each of these must be found.
SELECT t.caught('ALTER TABLE t.notes DISABLE ROW LEVEL SECURITY');
SELECT t.caught('ALTER TABLE t.notes NO FORCE ROW LEVEL SECURITY');
SELECT t.caught('DROP POLICY tenant_isolation ON t.notes');
SELECT t.caught('DROP POLICY tenant_access ON t.notes');
SELECT t.caught('DROP POLICY tenant_access ON t.notes; DROP POLICY tenant_isolation ON t.notes');
SELECT t.caught('ALTER POLICY tenant_isolation ON t.notes RENAME TO harmless; ALTER POLICY harmless ON t.notes USING (true) WITH CHECK (true)');
SELECT t.caught('ALTER POLICY tenant_isolation ON t.notes RENAME TO harmless');
SELECT t.caught('ALTER POLICY tenant_isolation ON t.notes USING (true)');
SELECT t.caught('ALTER POLICY tenant_isolation ON t.notes WITH CHECK (true)');
SELECT t.caught('ALTER POLICY tenant_isolation ON t.notes USING (tenant_id <> tenant_guard.current_tenant())');
SELECT t.caught('ALTER POLICY tenant_isolation ON t.notes TO regress_app');
SELECT t.caught('DROP POLICY tenant_isolation ON t.notes; CREATE POLICY tenant_isolation ON t.notes AS RESTRICTIVE FOR SELECT USING (tenant_id = tenant_guard.current_tenant())');
SELECT t.caught('DROP POLICY tenant_isolation ON t.notes;
	CREATE POLICY tenant_isolation ON t.notes AS RESTRICTIVE FOR SELECT USING (tenant_id = tenant_guard.current_tenant());
	CREATE POLICY inserting ON t.notes AS RESTRICTIVE FOR INSERT WITH CHECK (tenant_id = tenant_guard.current_tenant())');
SELECT t.caught('DROP POLICY tenant_isolation ON t.notes;
	CREATE POLICY tenant_isolation ON t.notes AS RESTRICTIVE FOR SELECT USING (tenant_id = tenant_guard.current_tenant());
	CREATE POLICY inserting ON t.notes AS RESTRICTIVE FOR INSERT WITH CHECK (tenant_id = tenant_guard.current_tenant());
	CREATE POLICY updating ON t.notes AS RESTRICTIVE FOR UPDATE USING (tenant_id = tenant_guard.current_tenant()) WITH CHECK (tenant_id = tenant_guard.current_tenant())');
SELECT t.caught('DROP POLICY tenant_isolation ON t.notes; CREATE POLICY tenant_isolation ON t.notes USING (tenant_id = tenant_guard.current_tenant())');
SELECT t.caught('CREATE OR REPLACE FUNCTION tenant_guard.current_tenant() RETURNS uuid LANGUAGE sql STABLE AS ''SELECT gen_random_uuid()''');
SELECT t.caught('CREATE OR REPLACE FUNCTION tenant_guard.current_tenant() RETURNS uuid LANGUAGE sql STABLE AS ''SELECT min(tenant_id::text)::uuid FROM t.notes''');
SELECT t.caught('CREATE OR REPLACE FUNCTION tenant_guard.guarded() RETURNS boolean LANGUAGE sql IMMUTABLE AS ''SELECT false''');
SELECT t.caught('ALTER TABLE t.notes DROP CONSTRAINT paired, ADD CONSTRAINT paired FOREIGN KEY (other) REFERENCES t.others (id)');
SELECT t.caught('ALTER TABLE t.notes DROP CONSTRAINT paired, ADD CONSTRAINT paired FOREIGN KEY (other) REFERENCES t.others (id) DEFERRABLE INITIALLY DEFERRED');
SELECT t.caught('CREATE FUNCTION t.all_notes() RETURNS SETOF t.notes LANGUAGE sql SECURITY DEFINER SET tenant_guard.bypass = on AS ''SELECT * FROM t.notes'';
	CREATE VIEW t.leaking AS SELECT a.* FROM t.notes n RIGHT JOIN t.all_notes() a ON a.id = n.id; ALTER VIEW t.leaking OWNER TO regress_owner');
SELECT t.caught('CREATE FUNCTION t.all_notes() RETURNS SETOF t.notes LANGUAGE sql SECURITY DEFINER SET tenant_guard.bypass = on AS ''SELECT * FROM t.notes'';
	CREATE VIEW t.leaking AS SELECT (SELECT count(*) FROM t.notes) AS mine, (SELECT count(*) FROM t.all_notes()) AS everybodys; ALTER VIEW t.leaking OWNER TO regress_owner');

-- Triggers that refuse, or swallow, what a broken policy lets pass must not hide it.
CREATE FUNCTION t.hides() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_ARGV[0] = 'swallows' THEN RETURN NULL; END IF;
	RAISE insufficient_privilege USING MESSAGE = 'read only';
END
$$;
SELECT t.caught(format('DROP POLICY tenant_isolation ON t.notes;
	CREATE POLICY tenant_isolation ON t.notes AS RESTRICTIVE FOR SELECT USING (tenant_id = tenant_guard.current_tenant());
	CREATE POLICY inserting ON t.notes AS RESTRICTIVE FOR INSERT WITH CHECK (tenant_id = tenant_guard.current_tenant());
	CREATE TRIGGER hiding BEFORE UPDATE OR DELETE ON t.notes FOR EACH ROW EXECUTE FUNCTION t.hides(%L)', how))
FROM (VALUES ('swallows'), ('refuses')) AS v (how);

-- A key that keeps its columns for its framework has a companion, and is not broken; without the companion it is.
SELECT t.caught($$ALTER TABLE t.notes DROP CONSTRAINT paired,
	ADD CONSTRAINT notes_other_1a2b3c4d_fk_others_id FOREIGN KEY (other) REFERENCES t.others (id) DEFERRABLE INITIALLY DEFERRED;
	SET LOCAL tenant_guard.foreign_keys = pair; SELECT tenant_guard.pair_foreign_keys('t.notes')$$);
SELECT t.caught($$ALTER TABLE t.notes DROP CONSTRAINT paired,
	ADD CONSTRAINT notes_other_1a2b3c4d_fk_others_id FOREIGN KEY (other) REFERENCES t.others (id) DEFERRABLE INITIALLY DEFERRED$$);
BEGIN;
SET LOCAL tenant_guard.bypass = on;
ALTER TABLE t.notes DROP CONSTRAINT paired, ADD CONSTRAINT notes_other_1a2b3c4d_fk_others_id FOREIGN KEY (other) REFERENCES t.others (id);
SELECT tenant_guard.pair_foreign_keys('t.notes');
SELECT probe, ok, detail FROM tenant_guard.prove('t.notes') WHERE probe LIKE 'reference%';
ROLLBACK;

-- A guard that is mended must be found whole again.
SELECT t.caught('ALTER TABLE t.notes NO FORCE ROW LEVEL SECURITY; SELECT tenant_guard.protect(''t.notes'')');

-- So must a part's, that the whole does not tell.
CREATE TABLE t.events (at int, tenant_id uuid) PARTITION BY RANGE (at);
CREATE TABLE t.events_1 PARTITION OF t.events FOR VALUES FROM (0) TO (100);
SET tenant_guard.bypass = on;
ALTER TABLE t.events_1 DISABLE ROW LEVEL SECURITY;
RESET tenant_guard.bypass;
SELECT relation, string_agg(probe, ', ') AS failed FROM tenant_guard.prove('t.events') WHERE NOT ok GROUP BY relation;

DROP SCHEMA t CASCADE;
DROP ROLE regress_owner, regress_app;
