#!/bin/bash
# What it costs to look for comparisons of a tenant as text: pgbench in the simple protocol, where each statement is
# parsed, a join of ten guarded tables, with tenant_guard.type_mismatch = error against off, by turns. The joins are
# planned as they are written (join_collapse_limit = 1): the search for a better order would hide what parsing takes.
#
#   bench/type_mismatch.sh [rounds [seconds]]      by default 15 rounds of 6 seconds for each
#
# Prints the medians of each and their ratio, off to error: transactions per second, and the processor time that the
# server took for one, which says more where others use the machine. The server is a throwaway one, of the private copy
# of PostgreSQL that test/run.sh makes.
set -u -o pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit 1
rounds=${1-15} seconds=${2-6}
work='' bin=''

fail() {
	echo "bench/type_mismatch.sh: $*" >&2
	exit 1
}

# As the user that test/run.sh gave the files to.
as_owner() {
	local switch=()
	[ "$(id -u)" -ne 0 ] || switch=(runuser -u "$(stat -c %U "$work")" --)
	(cd "$work/tmp" && "${switch[@]}" env -i PATH="$bin:$PATH" LC_ALL=C.UTF-8 PGHOST="$work/tmp" PGDATABASE=postgres "$@")
}

# shellcheck disable=SC2317,SC2329 # called by the trap
clean_up() {
	[ -n "$work" ] || return
	[ ! -e "$work/data/postmaster.pid" ] || as_owner pg_ctl -s -D "$work/data" -m immediate stop
	rm -rf "$work"
}

# A copy of PostgreSQL with the library: what one test leaves.
make_copy() {
	work=$("$project/test/run.sh" --keep regress a_plain_role_can_do_little </dev/null | sed -n 's/^results and logs: //p')
	[ -n "$work" ] && bin=$(dirname "$(find "$work/pg" -name pgbench)") && rm -rf "$work"/{plain,preloaded}
}

start() {
	as_owner initdb -D "$work/data" -U postgres -A trust --no-sync >/dev/null && {
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$work/tmp'"
		echo "shared_preload_libraries = 'tenant_guard'"
		printf '%s\n' 'fsync = off' 'autovacuum = off' 'join_collapse_limit = 1'
	} >>"$work/data/postgresql.conf" && as_owner pg_ctl -s -w -D "$work/data" -l "$work/tmp/server.log" start </dev/null
}

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

# The processor time of the server's sessions that have ended, in ticks.
session_time() { awk '{ print $16 + $17 }' "/proc/$(head -n 1 "$work/data/postmaster.pid")/stat"; }

# measure <role> [seconds]: transactions per second, microseconds of processor time for each.
measure() {
	local before out
	before=$(session_time)
	out=$(as_owner pgbench -n -U "$1" -c 1 -M simple -T "${2-$seconds}" -f query.sql </dev/null 2>/dev/null) && sleep 0.3 || return
	awk -v ticks="$(($(session_time) - before))" -v hz="$(getconf CLK_TCK)" \
		'/transactions actually processed/ { count = $NF } /^tps = .*without/ { tps = $3 } END { print tps, ticks / hz / count * 1e6 }' <<<"$out"
}

# median <file> <column>
median() { sort -g -k "$2,$2" "$1" | awk -v k="$2" '{ v[NR] = $k } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }

# report <column> <unit> <quotient that is the ratio>
report() {
	local off error
	off=$(median "$work/tmp/off" "$1") error=$(median "$work/tmp/error" "$1")
	echo "off $off $2, error $error $2, ratio $(awk "BEGIN { printf \"%.3f\", $3 }")"
}

# The setting that goes first changes with the round: what slows the machine down meets both.
compare() {
	local round role order=(off error)
	for role in "${order[@]}"; do measure "$role" 3 >/dev/null; done
	for ((round = 0; round < rounds; round++)); do
		for role in "${order[@]}"; do measure "$role" >>"$work/tmp/$role" || fail "pgbench has failed"; done
		order=("${order[1]}" "${order[0]}")
	done
	report 1 "tps" "$(median "$work/tmp/error" 1) / $(median "$work/tmp/off" 1)"
	report 2 "us" "$(median "$work/tmp/off" 2) / $(median "$work/tmp/error" 2)"
}

trap clean_up EXIT
trap 'exit 130' INT TERM
make_copy || fail "test/run.sh has left no PostgreSQL to measure"
start || fail "the server does not start"
make_tables | as_owner psql -XqU postgres -v ON_ERROR_STOP=1 || fail "the tables cannot be made"
make_query | tr '\n' ' ' >"$work/tmp/query.sql"
compare
