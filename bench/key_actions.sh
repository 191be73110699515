#!/bin/bash
# What it costs that actions of foreign keys keep to the tenant: the time that PostgreSQL says it spent in the key's
# trigger, of one DELETE that cascades to 200,000 rows, and of 20,000 parents with three rows each by a key that carries
# the tenant.
#
#   bench/key_actions.sh [rounds]      by default 15
#
# unguarded  the same table without a guard
# off        guarded, with tenant_guard.foreign_key_actions = off
# error      guarded, with the default
#
# Prints medians in milliseconds, and the medians of the ratios to "unguarded", round by round.
set -u -o pipefail
# shellcheck source=bench/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

rounds=${1-15}

make_copy
start_measured server 5432 tenant_guard 'shared_buffers = 512MB'
as_owner psql -Xq -v ON_ERROR_STOP=1 -v rounds="$rounds" -f - <<'SQL' || fail "it could not be measured"
CREATE EXTENSION tenant_guard;
SET client_min_messages = error;
CREATE SCHEMA guarded;
CREATE SCHEMA unguarded;
SELECT format($$
SET tenant_guard.auto_protect = %2$L;
CREATE TABLE %1$I.tenants (id uuid PRIMARY KEY);
CREATE TABLE %1$I.orders (id int, tenant_id uuid REFERENCES %1$I.tenants ON DELETE CASCADE, body text);
CREATE INDEX ON %1$I.orders (tenant_id);
CREATE TABLE %1$I.parents (tenant_id uuid, id int, PRIMARY KEY (tenant_id, id));
CREATE TABLE %1$I.children (id int, tenant_id uuid, parent int, FOREIGN KEY (tenant_id, parent) REFERENCES %1$I.parents ON DELETE CASCADE);
CREATE INDEX ON %1$I.children (tenant_id, parent);
SET tenant_guard.bypass = on;
INSERT INTO %1$I.tenants VALUES ('aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'), ('bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb');
INSERT INTO %1$I.orders SELECT n, CASE n %% 2 WHEN 0 THEN 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa' ELSE 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb' END::uuid, 'x' FROM generate_series(1, 400000) n;
INSERT INTO %1$I.parents SELECT 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa', n FROM generate_series(1, 20000) n;
INSERT INTO %1$I.children SELECT n, 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa', n %% 20000 + 1 FROM generate_series(1, 60000) n;
RESET tenant_guard.bypass;
$$, s, CASE s WHEN 'guarded' THEN 'on' ELSE 'off' END) FROM unnest(ARRAY['guarded', 'unguarded']) s \gexec
VACUUM ANALYZE;
CREATE ROLE app;
GRANT USAGE ON SCHEMA guarded, unguarded TO app;
GRANT ALL ON ALL TABLES IN SCHEMA guarded, unguarded TO app;
CREATE TABLE results (what text, kind text, round int, ms float);

-- Rolls back what it has measured.
CREATE PROCEDURE measure(what text, kind text, round int, statement text) LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	PERFORM set_config('tenant_guard.foreign_key_actions', CASE kind WHEN 'off' THEN 'off' ELSE 'error' END, false);
	SET ROLE app;
	PERFORM tenant_guard.set_tenant('aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa');
	EXECUTE 'EXPLAIN (ANALYZE, FORMAT json) ' || statement INTO plan;
	ROLLBACK;
	INSERT INTO results VALUES (what, kind, round, (plan -> 0 -> 'Triggers' -> 0 ->> 'Time')::float);
END
$$;
-- In turn, and each time in another order. The first round warms up.
SELECT format('CALL measure(%L, %L, %s, %L)', w.what, k, round,
			  format(w.statement, CASE k WHEN 'unguarded' THEN 'unguarded' ELSE 'guarded' END))
FROM generate_series(0, :rounds) round,
	 (VALUES ('200,000 rows of a tenant', 'DELETE FROM %I.tenants WHERE id = ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'''), ('20,000 parents, paired', 'DELETE FROM %I.parents')) w (what, statement),
	 unnest(ARRAY['unguarded', 'off', 'error']) WITH ORDINALITY AS kinds (k, n)
ORDER BY round, what, (n + round) % 3 \gexec
SELECT r.what, r.kind, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY r.ms)::numeric, 1) AS median_ms, round(min(r.ms)::numeric, 1) AS least_ms,
	   round(percentile_cont(0.5) WITHIN GROUP (ORDER BY r.ms / u.ms)::numeric, 3) AS ratio
FROM results r JOIN results u ON u.what = r.what AND u.round = r.round AND u.kind = 'unguarded'
WHERE r.round > 0
GROUP BY r.what, r.kind ORDER BY r.what, r.kind DESC;
SQL
