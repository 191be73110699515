#!/bin/bash
# What a foreign key that carries the tenant costs, against one that does not: both between guarded tables, of the same
# rows, with a tenant set.
#
#   bench/foreign_keys.sh [rounds [transactions]]      by default 9 rounds of 20,000 for each key and statement
#
# insert    of a row that references another
# delete    of a row that could be referenced, and is not
# cascade   the same of one with three rows that go with it
#
# Prints the medians of each and of their ratios, paired to plain.
set -u -o pipefail
# shellcheck source=bench/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"
# shellcheck source=bench/compare.sh
. "$(dirname "${BASH_SOURCE[0]}")/compare.sh"

rounds=${1-9} transactions=${2-20000}

sql() { as_owner psql -Xq -v ON_ERROR_STOP=1 -f - >/dev/null; }

# Both have the same index on the referencing column: pairing adds none there, and this one goes on serving the cascade.
make_tables() {
	sql <<'SQL'
CREATE EXTENSION tenant_guard;
SET client_min_messages = warning;
SET tenant_guard.foreign_keys = off;
CREATE ROLE app LOGIN;
ALTER ROLE app SET tenant_guard.tenant_id = '11111111-1111-1111-1111-111111111111';
CREATE SCHEMA plain;
CREATE TABLE plain.parents (id bigint PRIMARY KEY, tenant_id uuid);
CREATE TABLE plain.children (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant_id uuid,
	parent bigint NOT NULL REFERENCES plain.parents ON DELETE CASCADE);
CREATE INDEX ON plain.children (parent);
CREATE SCHEMA paired;
CREATE TABLE paired.parents (id bigint PRIMARY KEY, tenant_id uuid);
CREATE TABLE paired.children (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant_id uuid,
	parent bigint NOT NULL REFERENCES paired.parents ON DELETE CASCADE);
CREATE INDEX ON paired.children (parent);
SELECT tenant_guard.pair_foreign_keys('paired.children');
GRANT USAGE ON SCHEMA plain, paired TO app;
GRANT ALL ON ALL TABLES IN SCHEMA plain, paired TO app;
SQL
}

# Each client deletes parents of its own, by their numbers.
write_scripts() {
	local key
	for key in plain paired; do
		printf '%s\n' '\set n random(1, 100000)' "INSERT INTO $key.children (parent) VALUES (:n);" >"$work/tmp/$key-insert.sql"
		printf '%s\n' '\set i :i + 1' '\set n :client_id * 1000000 + :i' "DELETE FROM $key.parents WHERE id = :n;" >"$work/tmp/$key-delete.sql"
		cp "$work/tmp/$key-delete.sql" "$work/tmp/$key-cascade.sql"
	done
	chmod a+r "$work"/tmp/*.sql
}

# The same rows before each run: 100,000 parents, and those that will be deleted with their children, among other tenants'.
fill() {
	local children=0
	[ "$2" != cascade ] || children=3
	sql <<SQL
SET tenant_guard.bypass = on;
TRUNCATE $1.parents, $1.children;
INSERT INTO $1.parents SELECT n, CASE WHEN n % 10 = 0 AND '$2' <> 'insert' THEN '22222222-2222-2222-2222-222222222222' ELSE '11111111-1111-1111-1111-111111111111' END::uuid
	FROM generate_series(5000001, 5100000) n;
INSERT INTO $1.parents SELECT n, '11111111-1111-1111-1111-111111111111'
	FROM generate_series(1, CASE WHEN '$2' = 'insert' THEN 100000 ELSE $transactions END) n;
INSERT INTO $1.parents SELECT n, '11111111-1111-1111-1111-111111111111' FROM generate_series(1000001, 1000000 + $transactions) n;
INSERT INTO $1.children (tenant_id, parent) SELECT tenant_id, id FROM $1.parents, generate_series(1, $children) WHERE id < 5000000;
INSERT INTO $1.children (tenant_id, parent) SELECT tenant_id, id FROM $1.parents WHERE id > 5000000;
VACUUM ANALYZE $1.parents, $1.children;
CHECKPOINT;
SQL
}

# shellcheck disable=SC2317,SC2329 # called by compare
run() {
	fill "$1" "$2" && measure "$1" "$2" && went "$1" "$2"
}

# What was to be deleted must be gone, or the time was that of something else.
went() {
	local left
	[ "$2" != insert ] || return 0
	left=$(as_owner psql -XAtq -c "SET row_security = off; SELECT count(*) FROM $1.parents WHERE id < 5000000")
	[ "$left" = 0 ] || { echo "$left rows were not deleted" >&2; return 1; }
}

measure() {
	cost server -c 2 -j 2 -U app -M prepared -D i=0 -t "$transactions" -f "$work/tmp/$1-$2.sql" postgres
}

make_copy
start_measured server 5432 tenant_guard 'shared_buffers = 512MB'
{ make_tables && write_scripts; } || fail "the tables could not be made"
for what in insert delete cascade; do compare "$rounds" "$what" plain paired; done
