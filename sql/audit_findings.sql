--
-- audit() finds every fault that is in a database, and nothing else; running
-- the remedies leaves nothing to find.
--
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
CREATE ROLE regress_login LOGIN IN ROLE regress_owner;
CREATE ROLE regress_owning LOGIN;
CREATE SCHEMA t;
CREATE ROLE regress_group;
CREATE ROLE regress_in_group LOGIN IN ROLE regress_group;
GRANT ALL ON SCHEMA t TO regress_owner, regress_owning;

-- Faults that are the server's are for test/t/030_audit.pl, keys that act for
-- audit_key_actions.sql.
CREATE TEMP VIEW findings AS
SELECT rule, level, object, replace(replace(detail, ' ' || quote_ident(current_user), ' me'), 'Write good.', 'Write ') AS detail, remedy FROM tenant_guard.audit()
WHERE rule NOT IN ('role_bypasses', 'not_preloaded', 'server_outdated', 'setting_loosened', 'bypass_granted', 'setting_granted', 'backup_role_missing', 'subscription_will_fail', 'event_trigger_disabled',
				   'cascade_from_outside', 'cascade_as_unbound_owner', 'role_reaches_around', 'statements_readable', 'beside_tables');

-- Each fault is planted once, in a table of its own.
SET tenant_guard.foreign_keys = off;
SET tenant_guard.auto_protect = off;
SET ROLE regress_owner;
CREATE TABLE t.unguarded (id int, tenant_id uuid);
CREATE INDEX ON t.unguarded (tenant_id);
CREATE TABLE t.unguarded_whole (at int, tenant_id uuid) PARTITION BY RANGE (at);
CREATE TABLE t.unguarded_part PARTITION OF t.unguarded_whole FOR VALUES FROM (0) TO (9);
CREATE INDEX ON t.unguarded_whole (tenant_id);
CREATE TABLE t.typed (id int, tenant_id text DEFAULT '');
CREATE INDEX ON t.typed (tenant_id);
CREATE TABLE t.two (org_id uuid PRIMARY KEY, tenant_id uuid);
SELECT tenant_guard.protect('t.two', 'org_id');
RESET ROLE;
CREATE TABLE t.untypable (id int, tenant_id int);
CREATE FOREIGN DATA WRAPPER regress_wrapper;
CREATE SERVER regress_server FOREIGN DATA WRAPPER regress_wrapper;
CREATE FOREIGN TABLE t.remote (id int, tenant_id uuid) SERVER regress_server;
GRANT SELECT ON t.remote TO regress_app;
SET tenant_guard.bypass = on;
CREATE TABLE t.split (at int, tenant_id uuid) PARTITION BY RANGE (at);
CREATE INDEX ON t.split (tenant_id);
CREATE TABLE t.joined (tenant_id uuid PRIMARY KEY);
SET client_min_messages = error;
SELECT tenant_guard.protect('t.split'), tenant_guard.protect('t.joined');
CREATE FOREIGN TABLE t.far PARTITION OF t.split FOR VALUES FROM (0) TO (9) SERVER regress_server;
CREATE FOREIGN TABLE t.away () INHERITS (t.joined) SERVER regress_server;
SET client_min_messages = warning;
RESET tenant_guard.bypass;
RESET tenant_guard.auto_protect;
SET ROLE regress_owner;
CREATE TABLE t.good (id bigint, tenant_id uuid, name text, PRIMARY KEY (tenant_id, id), UNIQUE (id));
CREATE TABLE t.damaged (tenant_id uuid);
CREATE INDEX ON t.damaged (tenant_id);
CREATE TABLE t.lines (id int, good bigint REFERENCES t.good (id));
CREATE TABLE t.line_notes (line int PRIMARY KEY);
ALTER TABLE t.lines ADD PRIMARY KEY (id);
ALTER TABLE t.line_notes ADD FOREIGN KEY (line) REFERENCES t.lines;
CREATE TABLE t.keyed (id uuid, tenant_id uuid, good bigint, mail text UNIQUE, code text, no int, EXCLUDE USING btree (no WITH =), EXCLUDE USING btree (id WITH =), identity bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
	FOREIGN KEY (tenant_id, good) REFERENCES t.good);
ALTER TABLE t.keyed ADD CONSTRAINT crossing FOREIGN KEY (good) REFERENCES t.good (id);
CREATE TABLE t.orgs (id uuid PRIMARY KEY, secret text, best bigint REFERENCES t.good (id));
CREATE TABLE t.of_orgs (id uuid, tenant_id uuid REFERENCES t.orgs);
CREATE INDEX ON t.of_orgs (tenant_id);
CREATE TABLE t.undecided (a bigint REFERENCES t.good (id), b bigint CONSTRAINT "odd b" REFERENCES t.good (id));
CREATE TABLE t.decided (a bigint REFERENCES t.good (id), b bigint NOT NULL REFERENCES t.good (id), c bigint NOT NULL REFERENCES t.good (id) ON DELETE CASCADE);
CREATE INDEX ON t.keyed (tenant_id, good);
CREATE UNIQUE INDEX keyed_code ON t.keyed (lower(code)) WHERE code <> '';
CREATE UNIQUE INDEX "odd USING btree (" ON t.keyed (code) INCLUDE (no);
CREATE UNIQUE INDEX "odder USING btree (" ON t.keyed (code, lower(mail)) INCLUDE (no) WHERE code <> '';
CREATE TABLE t.no_index (tenant_id uuid);
SET row_security = off; -- as an older version let it through
SET client_min_messages = error;
CREATE VIEW t.mixing WITH (security_invoker) AS SELECT id FROM t.good WHERE tenant_id::text = 'x';
RESET row_security;
SET client_min_messages = warning;
CREATE TABLE t.unpermitted (tenant_id uuid PRIMARY KEY);
CREATE TABLE t.taken_out (tenant_id uuid PRIMARY KEY);
SELECT tenant_guard.unprotect('t.taken_out');
CREATE TABLE t.half (tenant_id uuid);
CREATE INDEX ON t.half (tenant_id);
CREATE TABLE t.whole (at int, tenant_id uuid) PARTITION BY RANGE (at);
CREATE TABLE t.part PARTITION OF t.whole FOR VALUES FROM (0) TO (9);
CREATE INDEX ON t.whole (tenant_id);
CREATE UNIQUE INDEX whole_at ON t.whole (at);
RESET ROLE;
SET tenant_guard.bypass = on;
ALTER TABLE t.damaged NO FORCE ROW LEVEL SECURITY;
ALTER TABLE t.part DISABLE ROW LEVEL SECURITY;
DROP POLICY tenant_access ON t.unpermitted;
ALTER TABLE t.half ALTER tenant_id DROP NOT NULL, ADD CONSTRAINT tenant_not_null CHECK (tenant_id IS NOT NULL) NOT VALID;
RESET tenant_guard.bypass;
CREATE VIEW t.owners AS SELECT id FROM t.good;
CREATE VIEW t.named (n) AS SELECT 1;
CREATE RULE ruled AS ON INSERT TO t.named DO INSTEAD DELETE FROM t.good;
SET tenant_guard.bypass = on;
CREATE MATERIALIZED VIEW t.kept AS SELECT * FROM t.owners;
RESET tenant_guard.bypass;
GRANT SELECT (id) ON t.kept TO regress_app;
GRANT ALL ON t.good TO regress_app, regress_group;
GRANT TRIGGER ON t.keyed TO PUBLIC;
GRANT REFERENCES (mail) ON t.keyed TO regress_in_group;
CREATE FUNCTION t.definer() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM t.good';
CREATE PROCEDURE t.atomic() LANGUAGE sql SECURITY DEFINER BEGIN ATOMIC DELETE FROM t.good; END;
CREATE FUNCTION t.for_all() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET tenant_guard.bypass = on AS 'SELECT count(*) FROM t.good';
CREATE FUNCTION t.leaky(uuid) RETURNS boolean LANGUAGE plpgsql LEAKPROOF SET search_path = pg_catalog AS 'BEGIN RETURN true; END';
CREATE FUNCTION t.loose() RETURNS boolean LANGUAGE sql STABLE AS 'SELECT true';
CREATE POLICY narrower ON t.good AS RESTRICTIVE USING (t.loose());
CREATE TABLE t.superusers (id int, tenant_id uuid, good bigint, FOREIGN KEY (tenant_id, good) REFERENCES t.good ON DELETE CASCADE);
CREATE INDEX ON t.superusers (tenant_id);
CREATE FUNCTION t.counts() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM count(*) FROM t.good; RETURN OLD; END';
CREATE TRIGGER counting BEFORE DELETE ON t.superusers FOR EACH ROW EXECUTE FUNCTION t.counts();
CREATE VIEW t.of_reader WITH (security_invoker = yes) AS SELECT id FROM t.good;
CREATE VIEW t.of_superuser AS SELECT id FROM t.of_reader;
SET ROLE regress_owner;
CREATE TABLE t.narrowed (tenant_id uuid PRIMARY KEY);
CREATE POLICY "Only first ÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄ" ON t.narrowed AS RESTRICTIVE USING (true);
CREATE POLICY a ON t.narrowed AS RESTRICTIVE USING (true);
CREATE POLICY tenant_isolation_a ON t.narrowed AS RESTRICTIVE USING (true);
CREATE POLICY b ON t.narrowed USING (true);
CREATE TABLE t.no_default (tenant_id uuid PRIMARY KEY);
ALTER TABLE t.no_default ALTER tenant_id DROP DEFAULT;
CREATE TABLE t.other_default (tenant_id uuid PRIMARY KEY);
ALTER TABLE t.other_default ALTER tenant_id SET DEFAULT gen_random_uuid();
RESET ROLE;
CREATE FUNCTION t.backwards(text) RETURNS text LANGUAGE internal IMMUTABLE STRICT AS 'text_reverse';
SECURITY LABEL FOR tenant_guard ON FUNCTION t.backwards(text) IS 'trusted';
SET ROLE regress_owning;
CREATE TABLE t.mine (id serial, tenant_id uuid);
CREATE INDEX ON t.mine (tenant_id);
RESET ROLE;
SET client_min_messages = error;
CREATE PUBLICATION regress_publication FOR TABLE t.good, t.half, t.keyed WHERE (tenant_id = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa');
ALTER TABLE t.keyed REPLICA IDENTITY FULL;
SET client_min_messages = warning;

-- All of it must be found, each by its rule and with what mends it, and nothing else.
\a \x
SELECT * FROM findings;
\a \x

-- The view "tables" tells a part with its whole, unless it differs.
SELECT relation, status, partitions, detail FROM tenant_guard.tables WHERE relation::text ~ 'whole|part' ORDER BY relation::text COLLATE "C";
SELECT relation, status, partition_of FROM tenant_guard.tables_and_partitions WHERE relation::text ~ 'whole|part' ORDER BY relation::text COLLATE "C";

-- The levels must add up in the view "status".
SELECT s.errors = f.errors AS errors, s.warnings = f.warnings AS warnings, s.infos = f.infos AS infos
FROM tenant_guard.status s, (SELECT count(*) FILTER (WHERE level = 'error') AS errors, count(*) FILTER (WHERE level = 'warning') AS warnings,
									count(*) FILTER (WHERE level = 'info') AS infos FROM tenant_guard.audit()) f;

-- Each remedy must tell its price, and the lock that it tells of must be the one that it takes: each is run for that, and taken back.
SELECT remedy FROM tenant_guard.audit() WHERE remedy IS NOT NULL AND price IS NULL;
\a
SELECT DISTINCT regexp_replace(price, '[0-9]+ pages?', 'N pages', 'g') COLLATE "C" AS price
FROM tenant_guard.audit() p WHERE p.price IS NOT NULL AND (p.rule, p.level, p.object) IN (SELECT f.rule, f.level, f.object FROM findings f) ORDER BY 1;
\a
CREATE TEMP TABLE strengths AS SELECT * FROM unnest('{SHARE UPDATE EXCLUSIVE,SHARE,SHARE ROW EXCLUSIVE,EXCLUSIVE,ACCESS EXCLUSIVE}'::text[]) WITH ORDINALITY AS s (lock, strength);
CREATE FUNCTION pg_temp.locks(remedy text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	found text[];
BEGIN
	BEGIN
		EXECUTE remedy;
		found := ARRAY(SELECT format('%s: %s instead of %s', s.statement, COALESCE(l.lock, 'none'), s.lock)
					   FROM tenant_guard_internal.plan_steps(remedy) s
							LEFT JOIN LATERAL (SELECT r.lock
											   FROM pg_locks k JOIN strengths r ON replace(r.lock, ' ', '') || 'LOCK' = upper(k.mode)
											   WHERE k.pid = pg_backend_pid() AND k.relation = to_regclass(s.object) ORDER BY r.strength DESC LIMIT 1) l ON true
					   WHERE s.step = 1 AND s.lock IS DISTINCT FROM l.lock AND to_regclass(s.object) IS NOT NULL);
		RAISE EXCEPTION USING ERRCODE = 'TG999';
	EXCEPTION
		WHEN SQLSTATE 'TG999' THEN
			RETURN QUERY SELECT unnest(found);
		WHEN object_not_in_prerequisite_state THEN -- another remedy comes first
			RETURN;
	END;
END
$$;
SET client_min_messages = error;
SELECT l FROM findings f, pg_temp.locks(f.remedy) l WHERE f.remedy IS NOT NULL;
SET client_min_messages = warning;

-- The remedies, run as they are written, must each make its finding go away.
SELECT remedy FROM findings WHERE remedy IS NOT NULL \gexec
SELECT rule, level, object FROM findings;

-- What an application says must go on: no remedy changes a primary key, or a unique key.
BEGIN;
SET LOCAL tenant_guard.bypass = on;
INSERT INTO t.keyed (tenant_id, mail) VALUES ('aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa', 'a@example.com') ON CONFLICT (mail) DO NOTHING;
SELECT id, tenant_id, count(*) FROM t.lines GROUP BY id;
ROLLBACK;

-- What takes a decision has no remedy; nor what waits for another.
DROP TABLE t.untypable;
DROP PUBLICATION regress_publication;
DROP RULE ruled ON t.named;
DROP VIEW t.mixing;
ALTER TABLE t.two DROP COLUMN tenant_id;
DROP TRIGGER counting ON t.superusers;
SELECT remedy FROM findings WHERE remedy IS NOT NULL \gexec
-- Keys over all tenants are left: whether a value may be used once, or once by each tenant, is the application's to decide.
SELECT rule, level, object FROM findings;

-- A function that guards call, and that someone has replaced, must be found first.
SET tenant_guard.bypass = on;
CREATE OR REPLACE FUNCTION tenant_guard.current_tenant() RETURNS uuid LANGUAGE sql STABLE AS 'SELECT gen_random_uuid()';
RESET tenant_guard.bypass;
SELECT rule, object, remedy FROM findings ORDER BY rule <> 'function_replaced', level, object LIMIT 2;
SELECT remedy FROM findings WHERE rule = 'function_replaced' \gexec
SELECT rule, object FROM findings;

DROP VIEW findings;
DROP SCHEMA t CASCADE;
DROP FOREIGN DATA WRAPPER regress_wrapper CASCADE;
DROP ROLE regress_owner, regress_app, regress_login, regress_owning, regress_owning_owner, regress_group, regress_in_group;
