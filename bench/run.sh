#!/bin/bash
# What a guard costs: each query by hand, with WHERE tenant_id = 'literal' and no row-level security, against the same
# under tenant_guard and under the two policies that people write today. Then what else costs: see others.sh.
#
#   bench/run.sh [--quick | --creation] [rounds [rows [milliseconds]]]
#
# With --creation only CREATE TABLE is measured, and others.md is all that is left.
# By default 10 rounds, 1,000,000 rows, 300 ms for each measurement: about an hour. With --quick 4 rounds, 50,000 rows and
# 50 ms: a few minutes, good for looking at plans.
#
# Prints a table of medians and of their ratios to the hand-written query, for a tenant with half of the rows (whale) and
# a small one, in simple and prepared protocol; the last column is the ratio of the guarded query to the better of the
# hand-written one and plain row-level security, however its policy is written. The hand-written query and the guarded
# one share a connection, and each transaction runs one of them at random; the result is the median of the rounds' ratios.
# The other queries take turns.
# After half of the rounds the guards are moved to the other copy of the tables: the place of a table in memory changes
# the time of a scan by up to a fifth, so the ratio is the geometric mean of both halves. A measurement is the mean of the
# middle half of its transactions by their time, since other programs disturb some transactions. Leaves results.csv, results.svg, results.md, others.md, hooks.txt and
# the plans of every query in bench/results/ of the directory that it is called in, and says where the guarded query's
# plan is not of the hand-written one's shape. The server is a throwaway one, of a private copy of PostgreSQL.
set -u -o pipefail
# shellcheck source=bench/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"
# shellcheck source=bench/compare.sh
. "$(dirname "${BASH_SOURCE[0]}")/compare.sh"
# shellcheck source=bench/shapes.sh
. "$(dirname "${BASH_SOURCE[0]}")/shapes.sh"
# shellcheck source=bench/others.sh
. "$(dirname "${BASH_SOURCE[0]}")/others.sh"
# shellcheck source=bench/figures.sh
. "$(dirname "${BASH_SOURCE[0]}")/figures.sh"

rounds=10 rows=1000000 budget=300 only_creation=''
if [ "${1-}" = --quick ]; then rounds=4 rows=50000 budget=50; shift; fi
if [ "${1-}" = --creation ]; then rows=100000 only_creation=yes; shift; fi
rounds=${1-$rounds} rows=${2-$rows} budget=${3-$budget}
results=$PWD/bench/results
variants=(hand setting subselect guarded)
measured=(hand+guarded setting subselect)
protocol='' tenant='' plan='' more_options='' # of what is measured
declare -A count=()

# times_of <transactions> <script[+script...]> [pgbench's option...]: milliseconds of a transaction of each script, of this
# protocol and tenant.
times_of() {
	local script scripts=() files=()
	IFS=+ read -ra scripts <<<"$2"
	for script in "${scripts[@]}"; do files+=(-f "$work/tmp/$script.sql"); done
	rm -f "$work"/tmp/times.*
	settings=$(options "$tenant") as_owner pgbench -n -c 1 -M "$protocol" -t "$1" -l --log-prefix=times "${files[@]}" -U app "${@:3}" bench \
		</dev/null >/dev/null 2>"$work/tmp/error" || { cat "$work/tmp/error" >&2; echo "(scripts: $2)" >&2; return 1; }
	sort -n -k 4,4 -k 3,3 "$work"/tmp/times.* | awk -v scripts=${#scripts[@]} '{ time[$4, ++n[$4]] = $3 } END {
		for (s = 0; s < scripts; s++) {
			skip = int((n[s] + 1) / 4); sum = 0
			for (i = skip + 1; i <= n[s] - skip; i++) sum += time[s, i]
			printf "%s ", sum / (n[s] - 2 * skip) / 1000
		} }'
}

# Adds the ratio of the second time to the first.
with_ratio() { awk '{ print $0, (NF > 1 ? $2 / $1 : "") }'; }

# measure_by_turns <rounds> <what> <scripts...>: each as often as the budget holds; those that share a connection at least so often
# that the lot falls on each.
measure_by_turns() {
	local variant script sum
	for variant in "${@:3}"; do
		rm -f "$work/tmp/$2-$variant"
		sum=0
		for script in ${variant//+/ }; do sum="$sum $(times_of 3 "$script" "${more[@]}")"; done
		count[$variant]=$(awk -v budget="$budget" -v least="$([[ $variant == *+* ]] && echo 24 || echo 3)" \
			'{ for (i = 2; i <= NF; i++) sum += $i + 0.001; n = int(budget * (NF - 1) ^ 2 / sum); print (n < least ? least : n > 20000 ? 20000 : n) }' <<<"$sum")
	done
	by_turns "$@"
}

# shellcheck disable=SC2317,SC2329 # called by by_turns
run() { times_of "${count[$1]}" "$1" "${more[@]}" | with_ratio; }

# write_script <name> <line...>
write_script() { printf '%s\n' "${@:2}" >"$work/tmp/$1.sql" && chmod a+r "$work/tmp/$1.sql"; }

# write_query <variant> <SQL>: what changes rows is rolled back.
write_query() {
	case $2 in
		INSERT* | UPDATE* | DELETE*) write_script "$1" 'BEGIN;' "$2;" 'ROLLBACK;' ;;
		*) write_script "$1" "$2;" ;;
	esac
}

keep_plan() { settings=$(options "$tenant") sql -U app -c "BEGIN; EXPLAIN (ANALYZE, BUFFERS) $2; ROLLBACK" >"$results/plans/$1.txt"; }

# The nodes of a kept plan, with what they are on.
nodes_of() { sed -nE 's/^( *(->)?.*) \(cost=.*/\1/p' "$results/plans/$1.txt" | sed -E 's/\bon (hand|guarded)\./on /'; }

swap_copies() { sql -c 'CALL swap_copies()' || fail "the copies could not change places"; }

# measure_half <scripts...>: in half of the rounds; what was rolled back before is in nobody's way.
measure_half() {
	local variant
	for variant in "${variants[@]}"; do sql -c "VACUUM $variant.sink, $variant.lines, $variant.orders"; done
	measure_by_turns $(((rounds + 1) / 2)) "$protocol" "$@"
}

# A column's median before the copies of the tables have changed places and after it, and their geometric mean.
level() { awk -v a="$(median "$work/tmp/before" "$1")" -v b="$(median "$work/tmp/after" "$1")" 'BEGIN { print sqrt(a * b) }'; }

# shape <name> <SQL>
shape() {
	local size variant text more=() file=${1// /-}
	for size in whale small; do
		tenant=${!size}
		for variant in "${variants[@]}"; do
			text=$(query "$variant" "$tenant" "$2")
			write_query "$variant" "$text"
			[ "$variant" = hand ] || keep_plan "$file.$size.$variant" "$text"
		done
		# of the copy that the guarded plan was made for: ANALYZE draws another sample of each
		swap_copies
		keep_plan "$file.$size.hand" "$(query hand "$tenant" "$2")"
		plan=same
		[ "$(nodes_of "$file.$size.hand")" = "$(nodes_of "$file.$size.guarded")" ] || plan=other
		for protocol in simple prepared; do
			measure_half "${measured[@]}"
			mv "$work/tmp/$protocol-hand+guarded" "$work/tmp/before"
			swap_copies
			measure_half hand+guarded
			mv "$work/tmp/$protocol-hand+guarded" "$work/tmp/after"
			report_shape "$1" "$size"
		done
	done
}

report_shape() {
	local variant to_better
	declare -A ms=([hand]=$(level 1) [guarded]=$(level 2)) ratio=([hand]=1 [guarded]=$(level 3))
	for variant in setting subselect; do
		ms[$variant]=$(median "$work/tmp/$protocol-$variant" 1)
		ratio[$variant]=$(awk -v a="${ms[$variant]}" -v b="${ms[hand]}" 'BEGIN { print a / b }')
	done
	to_better=$(awk -v g="${ratio[guarded]}" -v s="${ratio[setting]}" -v t="${ratio[subselect]}" 'BEGIN { b = s < t ? s : t; print g / (b < 1 ? b : 1) }')
	for variant in "${variants[@]}"; do
		awk -v a="$1,$2,$protocol,$variant,${ms[$variant]}" -v b="${ratio[$variant]}" -v plan="$([ "$variant" != guarded ] || echo "$plan,$(printf '%.3f' "$to_better")")" \
			'BEGIN { printf "%s,%.3f,%s\n", a, b, plan }' >>"$results/results.csv"
	done
	printf '%-18s %-6s %-9s %10.3f ms %9.2f %9.2f %9.2f %9.2f%s\n' "$1" "$2" "$protocol" "${ms[hand]}" "${ratio[setting]}" "${ratio[subselect]}" "${ratio[guarded]}" \
		"$to_better" "$([ "$plan" = same ] || echo ", another plan")"
}

load_data "$rows"
{ rm -rf "$results" && mkdir -p "$results/plans"; } || fail "cannot write to $results"
echo "PostgreSQL $(sql -c 'SHOW server_version'), $rows rows, $rounds rounds"
if [ -n "$only_creation" ]; then creation; exit; fi
printf '%-18s %-6s %-9s %13s %9s %9s %9s %9s\n' query tenant protocol 'by hand' setting subselect guarded 'to better'
while IFS='|' read -r name text; do
	[ -z "$name" ] || shape "$name" "$text" </dev/null
done <<<"$shapes"
draw
tabulate
goals
others
"$project/bench/hooks.sh" $((rounds * 5)) 1 | tee "$results/hooks.txt"
echo "plans, CSV, tables and picture: $results"
