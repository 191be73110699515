#!/bin/bash
# What the library costs where nothing is guarded: pgbench, select-only on its own tables, on a server that preloads
# the library against one that does not, by turns.
#
#   bench/hooks.sh [rounds [seconds]]      by default 9 rounds of 10 seconds for each server and query mode
#
# Prints the medians of each and their ratio, preloaded to plain: transactions per second, and the processor time that
# the server took for one, which says more where others use the machine. Both servers are throwaway ones, of the private
# copy of PostgreSQL that test/run.sh makes; they run at once, and one of them is idle.
set -u -o pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit 1
rounds=${1-9} seconds=${2-10}
work='' bin=''
declare -A port=([plain]=5432 [preloaded]=5433) library=([plain]='' [preloaded]=tenant_guard)

fail() {
	echo "bench/hooks.sh: $*" >&2
	exit 1
}

# As the user that test/run.sh gave the files to.
as_owner() {
	local switch=()
	[ "$(id -u)" -ne 0 ] || switch=(runuser -u "$(stat -c %U "$work")" --)
	(cd "$work/tmp" && "${switch[@]}" env -i PATH="$bin:$PATH" LC_ALL=C.UTF-8 PGHOST="$work/tmp" PGUSER=postgres "$@" </dev/null)
}

# shellcheck disable=SC2317,SC2329 # called by the trap
clean_up() {
	local server
	[ -n "$work" ] || return
	for server in "${!port[@]}"; do
		[ ! -e "$work/$server/postmaster.pid" ] || as_owner pg_ctl -s -D "$work/$server" -m immediate stop
	done
	rm -rf "$work"
}

# A copy of PostgreSQL with the library: what one test leaves.
make_copy() {
	work=$("$project/test/run.sh" --keep regress a_plain_role_can_do_little | sed -n 's/^results and logs: //p')
	[ -n "$work" ] && bin=$(dirname "$(find "$work/pg" -name pgbench)") && rm -rf "$work"/{plain,preloaded}
}

start() {
	local server=$1
	as_owner initdb -D "$work/$server" -U postgres -A trust --no-sync >/dev/null && {
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$work/tmp'"
		echo "port = ${port[$server]}"
		echo "shared_preload_libraries = '${library[$server]}'"
		printf '%s\n' 'shared_buffers = 512MB' 'fsync = off' 'autovacuum = off'
	} >>"$work/$server/postgresql.conf" && as_owner pg_ctl -s -w -D "$work/$server" -l "$work/tmp/$server.log" start &&
		as_owner psql -Xqc 'CREATE EXTENSION tenant_guard' -p "${port[$server]}" &&
		as_owner pgbench -q -i -s 10 -p "${port[$server]}" >/dev/null 2>&1
}

# The processor time of a server's sessions that have ended, in ticks.
session_time() { awk '{ print $16 + $17 }' "/proc/$(head -n 1 "$work/$1/postmaster.pid")/stat"; }

# measure <server> <mode> [seconds]: transactions per second, microseconds of processor time for each.
measure() {
	local before out
	before=$(session_time "$1")
	out=$(as_owner pgbench -n -S -c 2 -j 2 -M "$2" -T "${3-$seconds}" -p "${port[$1]}" 2>/dev/null) && sleep 0.3 || return
	awk -v ticks="$(($(session_time "$1") - before))" -v hz="$(getconf CLK_TCK)" \
		'/transactions actually processed/ { count = $NF } /^tps = .*without/ { tps = $3 } END { print tps, ticks / hz / count * 1e6 }' <<<"$out"
}

# median <file> <column>
median() { sort -g -k "$2,$2" "$1" | awk -v k="$2" '{ v[NR] = $k } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }

# report <mode> <column> <unit>
report() {
	local plain preloaded
	plain=$(median "$work/tmp/$1-plain" "$2") preloaded=$(median "$work/tmp/$1-preloaded" "$2")
	echo "$1: plain $plain $3, preloaded $preloaded $3, ratio $(awk "BEGIN { printf \"%.3f\", $preloaded / $plain }")"
}

# The server that goes first changes with the round: what slows the machine down meets both.
compare() {
	local mode=$1 round server order=(plain preloaded)
	for server in "${order[@]}"; do measure "$server" "$mode" 3 >/dev/null; done
	for ((round = 0; round < rounds; round++)); do
		for server in "${order[@]}"; do measure "$server" "$mode" >>"$work/tmp/$mode-$server" || fail "pgbench has failed"; done
		order=("${order[1]}" "${order[0]}")
	done
	report "$mode" 1 "tps"
	report "$mode" 2 "us"
}

trap clean_up EXIT
trap 'exit 130' INT TERM
make_copy || fail "test/run.sh has left no PostgreSQL to measure"
{ start plain && start preloaded; } || fail "a server does not start"
compare simple
compare prepared
