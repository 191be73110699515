#!/bin/bash
# How many instructions the server executes for each query of bench/run.sh, by hand and guarded: what no other program on
# the machine changes. Needs valgrind, whose callgrind counts them; in simple protocol, so planning is a part of it.
#
#   bench/instructions.sh [rows]      by default 100,000; ten minutes
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

command -v valgrind >/dev/null || fail "this needs valgrind"
load_data "${1-100000}"
stop_server bench
mkdir -p "$results" || fail "cannot write to $results"
printf '%s\n' '| query | tenant | by hand | tenant_guard | more | ratio |' '|---|---|---|---|---|---|' >"$results/instructions.md"
printf '%-18s %-6s %12s %12s %9s %7s\n' query tenant 'by hand' guarded more ratio
while IFS='|' read -r name text; do
	[ -z "$name" ] || shape "$name" "$text" </dev/null
done <<<"$shapes"
