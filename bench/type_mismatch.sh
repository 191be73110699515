#!/bin/bash
# What it costs to look for comparisons of a tenant as text: pgbench in the simple protocol, where each statement is
# parsed, a join of ten guarded tables, with tenant_guard.type_mismatch = error against off, by turns. The joins are
# planned as they are written (join_collapse_limit = 1): the search for a better order would hide what parsing takes.
#
#   bench/type_mismatch.sh [rounds [seconds]]      by default 15 rounds of 6 seconds for each
#
# Prints the medians of each and of their ratios, error to off.
set -u -o pipefail
# shellcheck source=bench/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"
# shellcheck source=bench/compare.sh
. "$(dirname "${BASH_SOURCE[0]}")/compare.sh"

rounds=${1-15} seconds=${2-6}

# A chain of ten tables; what a query compares is numbers, texts and uuids, as a report does.
make_tables() {
	local n
	echo "CREATE EXTENSION tenant_guard; SET client_min_messages = warning; CREATE ROLE error LOGIN; CREATE ROLE off LOGIN;"
	echo "ALTER ROLE error SET tenant_guard.type_mismatch = error; ALTER ROLE off SET tenant_guard.type_mismatch = off;"
	echo "ALTER ROLE error SET tenant_guard.tenant_id = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa';"
	echo "ALTER ROLE off SET tenant_guard.tenant_id = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa';"
	for n in {1..10}; do
		echo "CREATE TABLE t$n (id int PRIMARY KEY, tenant_id uuid, t$((n - 1)) int, code text, body text); GRANT ALL ON t$n TO error, off;"
	done
	echo "SET tenant_guard.bypass = on;"
	for n in {1..10}; do
		echo "INSERT INTO t$n SELECT i, 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa', i, 'code ' || i, 'body' FROM generate_series(1, 100) i; ANALYZE t$n;"
	done
}

make_query() {
	local n
	echo "SELECT t1.id, upper(t2.code) AS code, t10.tenant_id::text"
	echo "FROM t1"
	for n in {2..10}; do echo "JOIN t$n ON t$n.t$((n - 1)) = t$((n - 1)).id AND t$n.tenant_id = t$((n - 1)).tenant_id"; done
	echo "WHERE t1.code = 'code 7' AND lower(t2.code) LIKE 'code%' AND t3.code IN ('code 7', 'code 8') AND t4.body <> ''"
	echo "AND t5.tenant_id = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa' ORDER BY t1.id;"
}

# shellcheck disable=SC2317,SC2329 # called by compare
run() { cost server -c 1 -M simple -T "$seconds" -f query.sql -U "$1" postgres; }

make_copy
start_measured server 5432 tenant_guard 'join_collapse_limit = 1'
make_tables | as_owner psql -Xq -v ON_ERROR_STOP=1 || fail "the tables cannot be made"
make_query | tr '\n' ' ' >"$work/tmp/query.sql"
compare "$rounds" "ten joined tables" off error
