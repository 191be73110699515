# shellcheck shell=bash disable=SC2154 # work: by server.sh
#
# Variants by turns, so that what slows the machine down meets all alike. Read by the scripts beside it after server.sh;
# its words are by_turns, median, and for servers that others load as well, cost and compare. A script that reads this
# defines
#
#   run <variant> <what>      measures once, and prints a line of figures

# by_turns <rounds> <what> <variant...>: the lines of each variant are left in the file <what>-<variant> of work's tmp.
# The one that goes first changes with the round.
by_turns() {
	local what=$2 round variant order=("${@:3}")
	for ((round = 0; round < $1; round++)); do
		for variant in "${order[@]}"; do run "$variant" "$what" >>"$work/tmp/$what-$variant" || fail "pgbench has failed"; done
		order=("${order[@]:1}" "${order[0]}")
	done
}

# median <file> <column>
median() { sort -g -k "$2,$2" "$1" | awk -v k="$2" '{ v[NR] = $k } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }

# The processor time of a server's sessions that have ended, in ticks.
session_time() { awk '{ print $16 + $17 }' "/proc/$(head -n 1 "$work/$1/postmaster.pid")/stat"; }

# cost <server> <pgbench's options...>: transactions per second, microseconds of processor time for each, which says
# more where others use the machine.
cost() {
	local server=$1 before out
	sleep 0.3 # for sessions that are about to end
	before=$(session_time "$server")
	out=$(port=$(sed -n 4p "$work/$server/postmaster.pid") as_owner pgbench -n "${@:2}" 2>/dev/null) && sleep 0.3 || return
	awk -v ticks="$(($(session_time "$server") - before))" -v hz="$(getconf CLK_TCK)" \
		'/transactions actually processed/ { sub(/\/.*/, "", $NF); count = $NF } /^tps = .*without/ { tps = $3 } END { print tps, ticks / hz / count * 1e6 }' \
		<<<"$out"
}

# report <what> <variant> <variant> <column> <unit>: the medians, and of the ratios of the second to the first, round by
# round, the median: what lasts longer than a round has met both.
report() {
	local first second
	first=$(median "$work/tmp/$1-$2" "$4") second=$(median "$work/tmp/$1-$3" "$4")
	paste -d ' ' "$work/tmp/$1-$2" "$work/tmp/$1-$3" | awk -v k="$4" '{ print $(NF / 2 + k) / $k }' >"$work/tmp/ratios"
	echo "$1: $2 $first $5, $3 $second $5, ratio $(printf '%.3f' "$(median "$work/tmp/ratios" 1)")"
}

# compare <rounds> <what> <variant> <variant>: two that are measured by the word cost. The first run of each is not
# counted.
compare() {
	local variant
	for variant in "${@:3}"; do run "$variant" "$2" >/dev/null || fail "pgbench has failed"; done
	by_turns "$@"
	report "${@:2}" 1 "transactions per second"
	report "${@:2}" 2 "us of processor time"
}
