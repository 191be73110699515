#!/bin/bash
# What a guard costs: each query by hand, with WHERE tenant_id = 'literal' and no row-level security, against the same
# under tenant_guard and under the two policies that people write today.
#
#   bench/run.sh [--quick] [rounds [rows [milliseconds]]]
#
# By default 9 rounds, 1,000,000 rows, 300 ms for each measurement: about an hour. With --quick 3 rounds, 50,000 rows and
# 50 ms: two or three minutes, good for looking at plans.
#
# Prints a table of medians and of their ratios to the hand-written query, for a tenant with half of the rows (whale) and
# a small one, in simple and prepared protocol. Rounds are interleaved: what slows the machine down meets all alike.
# Leaves results.csv, results.svg, results.md and the plans of every query in bench/results/ of the directory that it
# is called in. The server is a throwaway one, of the private copy of PostgreSQL that test/run.sh makes.
set -u -o pipefail
# shellcheck source=bench/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"
# shellcheck source=bench/shapes.sh
. "$(dirname "${BASH_SOURCE[0]}")/shapes.sh"

rounds=9 rows=1000000 budget=300
if [ "${1-}" = --quick ]; then rounds=3 rows=50000 budget=50; shift; fi
rounds=${1-$rounds} rows=${2-$rows} budget=${3-$budget}
results=$PWD/bench/results
variants=(hand setting subselect guarded)
whale=00000001-0000-4000-8000-000000000000 small=''

sql() { as_owner psql -XAtq -d bench "$@"; }

# Connection settings set the tenant for every variant: none of them pays for setting it.
options() { echo "-c jit=off -c app.tenant=$1 -c tenant_guard.tenant_id=$1"; }

# query <variant> <tenant> <SQL>: the query of a shape, filled in.
query() {
	local text=${3//S./$1.} alias literal=$2
	while [[ $text =~ \[([a-z])\] ]]; do
		alias=${BASH_REMATCH[1]}
		if [ "$1" = hand ]; then text=${text//"[$alias]"/"AND $alias.tenant_id = '$literal'"}; else text=${text//"[$alias]"/}; fi
	done
	if [ "$1" = hand ]; then
		text=${text//'sink (id, body) VALUES (1'/"sink (tenant_id, id, body) VALUES ('$literal', 1"}
		text=${text//'sink (id, body) SELECT id'/"sink (tenant_id, id, body) SELECT tenant_id, id"}
	fi
	text=${text//'{id}'/${value[$2.id]}}
	text=${text//'{day}'/${value[$2.day]}}
	echo "${text//'{number}'/${value[$2.number]}}"
}

declare -A value=()

# Values of a tenant's own rows.
choose_values() {
	local tenant
	small=$(sql -c "SELECT tenant_id FROM hand.orders GROUP BY 1 HAVING count(*) >= $rows / 20000 ORDER BY count(*), 1 LIMIT 1")
	for tenant in "$whale" "$small"; do
		value[$tenant.id]=$(sql -c "SELECT min(id) FROM hand.orders WHERE tenant_id = '$tenant'")
		value[$tenant.day]=$(sql -c "SELECT placed_at::date FROM hand.orders WHERE tenant_id = '$tenant' ORDER BY id LIMIT 1")
		value[$tenant.number]=$(sql -c "SELECT doc->'k' FROM hand.orders WHERE tenant_id = '$tenant' ORDER BY id LIMIT 1")
	done
}

# measure <protocol> <tenant> <transactions> <file>: milliseconds a transaction.
measure() {
	PGOPTIONS=$(options "$2") as_owner pgbench -n -c 1 -M "$1" -t "$3" -f "$4" -U app bench 2>"$work/tmp/error" |
		awk '/^latency average/ { print $4; found = 1 } END { exit !found }' || { cat "$work/tmp/error" >&2; fail "pgbench has failed: $(cat "$4")"; }
}

# What changes rows is rolled back.
write_script() {
	case $1 in
		INSERT* | UPDATE* | DELETE*) printf 'BEGIN;\n%s;\nROLLBACK;\n' "$1" ;;
		*) printf '%s;\n' "$1" ;;
	esac >"$2"
	chmod a+r "$2"
}

# as many as the budget holds, by the slower of two tries
transactions_for() { measure "$@" | awk -v budget="$budget" '{ n = int(budget / ($1 + 0.001)); print (n < 3 ? 3 : n > 2000 ? 2000 : n) }'; }

keep_plan() {
	local text=$4
	PGOPTIONS=$(options "$2") sql -U app -c "BEGIN; EXPLAIN (ANALYZE, BUFFERS) $text; ROLLBACK" >"$results/plans/$3.txt"
}

# shape <name> <SQL>
shape() {
	local size tenant variant protocol key round order file=$work/tmp/script
	for size in whale small; do
		tenant=${!size}
		for variant in "${variants[@]}"; do
			write_script "$(query "$variant" "$tenant" "$2")" "$file-$variant"
			keep_plan "$variant" "$tenant" "${1// /-}.$size.$variant" "$(query "$variant" "$tenant" "$2")"
		done
		for protocol in simple prepared; do
			key=$work/tmp/$protocol
			rm -f "$key"-*
			for variant in "${variants[@]}"; do transactions_for "$protocol" "$tenant" 5 "$file-$variant" >"$key-n-$variant"; done
			order=("${variants[@]}")
			for ((round = 0; round < rounds; round++)); do
				for variant in "${order[@]}"; do
					measure "$protocol" "$tenant" "$(cat "$key-n-$variant")" "$file-$variant" >>"$key-$variant"
				done
				order=("${order[@]:1}" "${order[0]}")
			done
			report "$1" "$size" "$protocol" "$key"
		done
	done
}

report() {
	local variant hand middle
	hand=$(median "$4-hand" 1)
	printf '%-18s %-6s %-9s %10.3f ms' "$1" "$2" "$3" "$hand"
	for variant in "${variants[@]}"; do
		middle=$(median "$4-$variant" 1)
		awk -v a="$1,$2,$3,$variant,$middle" -v b="$middle" -v c="$hand" 'BEGIN { printf "%s,%.3f\n", a, b / c }' >>"$results/results.csv"
		[ "$variant" = hand ] || awk -v b="$middle" -v c="$hand" 'BEGIN { printf " %9.2f", b / c }'
	done
	echo
}

# --- What else costs ------------------------------------------------------------------------------------------------

# compare <name> <file a> <file b>: the second's median against the first's, for the small tenant.
compare() {
	local round n
	rm -f "$work"/tmp/pair-*
	n=$(transactions_for simple "$small" 20 "$2")
	for ((round = 0; round < rounds; round++)); do
		measure simple "$small" "$n" "$2" >>"$work/tmp/pair-a"
		measure simple "$small" "$n" "$3" >>"$work/tmp/pair-b"
	done
	awk -v name="$1" -v a="$(median "$work/tmp/pair-a" 1)" -v b="$(median "$work/tmp/pair-b" 1)" \
		'BEGIN { printf "%-44s %10.3f ms %10.3f ms %9.2f\n", name, a, b, b / a }' | tee -a "$results/others.txt"
}

script() { printf '%s\n' "${@:2}" >"$work/tmp/$1" && chmod a+r "$work/tmp/$1" && echo "$work/tmp/$1"; }

others() {
	local join
	compare 'transaction: SET LOCAL, set_tenant' \
		"$(script a 'BEGIN;' "SET LOCAL app.tenant = '$small';" 'COMMIT;')" "$(script b 'BEGIN;' "SELECT tenant_guard.set_tenant('$small');" 'COMMIT;')"
	join=$(grep '^join of four|' <<<"$shapes")
	compare 'planning of four joined tables: by hand, guarded' \
		"$(script a "EXPLAIN $(query hand "$small" "${join#*|}");")" "$(script b "EXPLAIN $(query guarded "$small" "${join#*|}");")"
	sql -c 'GRANT CREATE ON SCHEMA hand, guarded TO app'
	compare 'CREATE TABLE: not guarded, guarded' \
		"$(script a 'BEGIN;' 'CREATE TABLE hand.made (id int, tenant_id uuid);' 'ROLLBACK;')" "$(script b 'BEGIN;' 'CREATE TABLE guarded.made (id int, tenant_id uuid);' 'ROLLBACK;')"
	growth
}

# A point query while ever more tables are guarded: first and later queries of a session.
growth() {
	local tables made=0 point
	point=$(grep '^point by key|' <<<"$shapes")
	sql -c 'CREATE SCHEMA many' -c 'GRANT USAGE ON SCHEMA many TO app'
	for tables in 10 100 1000 10000; do
		[ "$rows" -ge 1000000 ] || [ "$tables" -le 1000 ] || break
		while [ "$made" -lt "$tables" ]; do
			sql -c "SET client_min_messages = warning; DO \$\$ BEGIN FOR i IN $made .. $made + 199 LOOP EXECUTE format('CREATE TABLE many.t%s (id int, tenant_id uuid)', i); EXIT WHEN i + 1 >= $tables; END LOOP; END \$\$"
			made=$((made + 200 < tables ? made + 200 : tables))
		done
		compare "point query beside $tables guarded tables" "$(script a "$(query hand "$small" "${point#*|}");")" "$(script b "$(query guarded "$small" "${point#*|}");")"
	done
}

# --- The table, for the terminal, as Markdown and as a picture ---------------------------------------------------------

# One bar for each shape: the ratio of tenant_guard, the small tenant and the whale, simple protocol.
draw() {
	awk -F, '$3 == "simple" && $4 != "hand" { key = $1 "," $2; if (!(key in seen)) { seen[key] = ++n; name[n] = $1 " (" $2 ")" } ratio[seen[key], $4] = $6 }
		function x(r) { return 190 + 100 * log(r < 0.5 ? 0.5 : r > 200 ? 200 : r) / log(10) + 30 }
		END {
			printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"520\" height=\"%d\" font-family=\"sans-serif\" font-size=\"11\">\n", n * 16 + 50
			printf "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/><text x=\"8\" y=\"14\">time, in times of the hand-written query (logarithmic)</text>\n"
			for (r = 1; r <= 100; r *= 10) printf "<line x1=\"%d\" x2=\"%d\" y1=\"22\" y2=\"%d\" stroke=\"#ccc\"/><text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%d</text>\n", x(r), x(r), n * 16 + 28, x(r), n * 16 + 42, r
			for (i = 1; i <= n; i++) {
				y = 14 + i * 16
				printf "<text x=\"8\" y=\"%d\">%s</text><circle cx=\"%.1f\" cy=\"%d\" r=\"4\" fill=\"#d62728\"><title>current_setting: %s</title></circle><circle cx=\"%.1f\" cy=\"%d\" r=\"4\" fill=\"#ff9f1c\"><title>(SELECT current_setting): %s</title></circle><circle cx=\"%.1f\" cy=\"%d\" r=\"4\" fill=\"#1b7f3b\"><title>tenant_guard: %s</title></circle>\n", \
					y + 4, name[i], x(ratio[i, "setting"]), y, ratio[i, "setting"], x(ratio[i, "subselect"]), y, ratio[i, "subselect"], x(ratio[i, "guarded"]), y, ratio[i, "guarded"]
			}
			print "</svg>"
		}' "$results/results.csv" >"$results/results.svg"
}

tabulate() {
	awk -F, 'NR == 1 { print "| query | tenant | protocol | by hand, ms | current_setting | (SELECT current_setting) | tenant_guard |\n|---|---|---|---|---|---|---|" }
		$4 == "hand" { hand = $5 } $4 == "setting" { setting = $6 } $4 == "subselect" { subselect = $6 }
		$4 == "guarded" { printf "| %s | %s | %s | %.3f | %.2f | %.2f | **%.2f** |\n", $1, $2, $3, hand, setting, subselect, $6 }' "$results/results.csv" >"$results/results.md"
}

make_copy || fail "test/run.sh has left no PostgreSQL to measure"
start_server bench 5432 tenant_guard 'shared_buffers = 2GB' 'max_wal_size = 10GB' 'work_mem = 64MB' 'default_statistics_target = 1000' 'random_page_cost = 1.1' 'max_parallel_workers_per_gather = 0' ||
	fail "the server does not start"
as_owner createdb bench || fail "the database could not be created"
{ install -m 644 "$project/bench/load.sql" "$work/tmp/load.sql" && sql -v rows="$rows" -f "$work/tmp/load.sql" >/dev/null; } || fail "the data could not be loaded"
choose_values
{ rm -rf "$results" && mkdir -p "$results/plans"; } || fail "cannot write to $results"
echo "PostgreSQL $(sql -c 'SHOW server_version'), $rows rows, $rounds rounds"
printf '%-18s %-6s %-9s %13s %9s %9s %9s\n' query tenant protocol 'by hand' setting subselect guarded
while IFS='|' read -r name text; do
	[ -z "$name" ] || shape "$name" "$text" <&3
done 3</dev/null <<<"$shapes"
others
tabulate
draw
echo "plans, CSV, table and picture: $results"
