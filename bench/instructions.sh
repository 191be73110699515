#!/bin/bash
# How many instructions the server executes for each query of bench/run.sh, by hand and guarded: what no other program on
# the machine changes. Needs valgrind, whose callgrind counts them; in simple protocol, so planning is a part of it.
#
#   bench/instructions.sh [rows]      by default 100,000; ten minutes
#   bench/instructions.sh creation    of CREATE TABLE: a minute
#
# Prints a table, and leaves it as bench/results/instructions.md of the directory that it is called in.
set -u -o pipefail
# shellcheck source=bench/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"
# shellcheck source=bench/shapes.sh
. "$(dirname "${BASH_SOURCE[0]}")/shapes.sh"

results=$PWD/bench/results
more_options=''

# count_of <tenant> <SQL> <times>: instructions of a server that carries it out so often, in a session that has planned
# and run it before.
count_of() {
	local i options
	read -ra options <<<"$(options "$1")"
	{ echo 'SET ROLE app'; for ((i = 0; i < $3; i++)); do printf '%s\n' BEGIN "$2" ROLLBACK; done; } >"$work/tmp/statements"
	chmod a+r "$work/tmp/statements"
	as_owner sh -c 'valgrind --tool=callgrind --callgrind-out-file=/dev/null postgres --single -D "$@" bench <statements 2>&1 >/dev/null' sh "$work/bench" "${options[@]}" |
		sed -n 's/.*Collected : //p'
}

# instructions <tenant> <SQL>: of one execution.
instructions() {
	local few many
	few=$(count_of "$1" "$2" 3) && many=$(count_of "$1" "$2" 8) || return
	echo $(((many - few) / 5))
}

# shape <name> <SQL>
shape() {
	local size tenant hand guarded
	for size in whale small; do
		tenant=${!size}
		hand=$(instructions "$tenant" "$(query hand "$tenant" "$2")") || fail "callgrind has failed"
		guarded=$(instructions "$tenant" "$(query guarded "$tenant" "$2")") || fail "callgrind has failed"
		awk -v name="$1" -v size="$size" -v a="$hand" -v b="$guarded" -v file="$results/instructions.md" 'BEGIN {
			printf "%-18s %-6s %12d %12d %9d %7.3f\n", name, size, a, b, b - a, b / a
			printf "| %s | %s | %d | %d | %d | %.3f |\n", name, size, a, b, b - a, b / a >>file }'
	done
}

# Event triggers are not fired where a server carries out what it reads itself: this one runs under valgrind with all its
# sessions, each of which leaves its count. ROLLBACK looks at all buffers for those of a new table: with few of them, the
# statement itself is counted.
start_counted() {
	as_owner valgrind -q --tool=callgrind --trace-children=yes --callgrind-out-file="$work/tmp/count.%p" postgres -D "$work/bench" -c shared_buffers=16MB >"$work/log/counted" 2>&1 </dev/null &
	local i
	for ((i = 0; i < 240; i++)); do ! sql -c 'SELECT 1' >/dev/null 2>&1 || return 0; sleep 0.5; done
	fail "the server does not start under valgrind"
}

# creations <schema> <times>: instructions of a session that creates a table so often.
creations() {
	local i pid
	pid=$({ echo 'SELECT pg_backend_pid();'; for ((i = 0; i < $2; i++)); do printf '%s\n' BEGIN\; "CREATE TABLE $1.made (id int, tenant_id uuid);" ROLLBACK\;; done; } |
		as_owner psql -XAtq -d bench -U app 2>"$work/tmp/error")
	for ((i = 0; i < 120; i++)); do
		! grep -s '^totals:' "$work/tmp/count.$pid" | cut -d ' ' -f 2 | grep . || return 0
		sleep 0.5
	done
	return 1
}

# creation_of <schema>: instructions of one, in a session that has created tables before.
creation_of() {
	local few many
	if ! { creations "$1" 1 >/dev/null && few=$(creations "$1" 3) && many=$(creations "$1" 23); }; then fail "callgrind has failed"; fi
	echo $(((many - few) / 20))
}

count_creation() {
	local hand guarded
	sql -c 'GRANT CREATE ON SCHEMA hand, guarded TO app'
	stop_server bench
	start_counted
	hand=$(creation_of hand) && guarded=$(creation_of guarded) || exit
	awk -v a="$hand" -v b="$guarded" 'BEGIN { printf "CREATE TABLE: not guarded %d, guarded %d, ratio %.3f\n", a, b, b / a }'
}

command -v valgrind >/dev/null || fail "this needs valgrind"
if [ "${1-}" = creation ]; then
	load_data 10000
	count_creation
	exit
fi
load_data "${1-100000}"
stop_server bench
mkdir -p "$results" || fail "cannot write to $results"
printf '%s\n' '| query | tenant | by hand | tenant_guard | more | ratio |' '|---|---|---|---|---|---|' >"$results/instructions.md"
printf '%-18s %-6s %12s %12s %9s %7s\n' query tenant 'by hand' guarded more ratio
while IFS='|' read -r name text; do
	[ -z "$name" ] || shape "$name" "$text" </dev/null
done <<<"$shapes"
