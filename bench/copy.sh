#!/bin/bash
# What COPY FROM into a guarded table costs, against the same into a table without a guard, and what the detour by a temporary
# table costs that serves where COPY FROM is refused.
#
#   bench/copy.sh [rounds [rows]]      by default 7 rounds of 200,000 rows for each table and way
#   bench/copy.sh instructions         counts instructions per row instead, which needs valgrind
#
# bare         a table without an index; the tenant is left to its default
# given        the same, with the tenant in the data
# indexed      a table with a primary key and an index on the tenant
# parts        a partitioned table of four
# triggered    a table with a BEFORE ROW trigger
#
# Prints the medians of microseconds for each row, and of their ratios to plain: elapsed, and of the processor.
set -u -o pipefail
# shellcheck source=bench/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"
# shellcheck source=bench/compare.sh
. "$(dirname "${BASH_SOURCE[0]}")/compare.sh"

tenant=11111111-1111-1111-1111-111111111111
tables='bare given indexed parts triggered'
rounds=${1-7} rows=${2-200000} counting=''
[ "$rounds" != instructions ] || { counting=yes rounds=0 rows=1000; }

sql() { as_owner psql -Xq -v ON_ERROR_STOP=1 -f - >/dev/null; }

# schema <name> <default of the tenant column>
schema() {
	cat <<SQL
CREATE SCHEMA $1;
CREATE FUNCTION $1.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN new.body := new.body; RETURN new; END';
CREATE TABLE $1.bare (id bigint NOT NULL, tenant_id uuid NOT NULL DEFAULT $2, day date, body text);
CREATE TABLE $1.given (LIKE $1.bare INCLUDING ALL);
CREATE TABLE $1.indexed (LIKE $1.bare INCLUDING ALL, PRIMARY KEY (id));
CREATE INDEX ON $1.indexed (tenant_id, day);
CREATE TABLE $1.parts (LIKE $1.bare INCLUDING ALL) PARTITION BY HASH (id);
SELECT format('CREATE TABLE $1.parts%s PARTITION OF $1.parts FOR VALUES WITH (MODULUS 4, REMAINDER %1\$s)', n) FROM generate_series(0, 3) n \gexec
CREATE TABLE $1.triggered (LIKE $1.bare INCLUDING ALL);
CREATE TRIGGER touch BEFORE INSERT ON $1.triggered FOR EACH ROW EXECUTE FUNCTION $1.touch();
GRANT USAGE ON SCHEMA $1 TO app;
GRANT ALL ON ALL TABLES IN SCHEMA $1 TO app;
SQL
}

make_tables() {
	{
		echo 'CREATE EXTENSION tenant_guard; SET client_min_messages = warning; SET tenant_guard.auto_protect = off;'
		echo "CREATE ROLE app LOGIN; GRANT pg_read_server_files TO app; ALTER ROLE app SET tenant_guard.tenant_id = '$tenant';"
		schema plain "'$tenant'"
		schema guarded 'tenant_guard.current_tenant()'
		echo "SELECT tenant_guard.protect_schema('guarded');"
		echo "COPY (SELECT n, date '2026-01-01' + n % 365, 'the text of row ' || n FROM generate_series(1, $rows) n) TO '$work/tmp/left';"
		echo "COPY (SELECT n, '$tenant', date '2026-01-01' + n % 365, 'the text of row ' || n FROM generate_series(1, $rows) n) TO '$work/tmp/given';"
	} | sql
}

# statements <variant> <table>
statements() {
	local columns='id, day, body' file=$work/tmp/left
	[ "$2" != given ] || columns='id, tenant_id, day, body' file=$work/tmp/given
	if [ "$1" = staged ]; then
		echo "CREATE TEMPORARY TABLE staged ON COMMIT DROP AS SELECT $columns FROM guarded.$2 WHERE false;"
		echo "COPY staged FROM '$file';"
		echo "INSERT INTO guarded.$2 ($columns) SELECT * FROM staged;"
	else
		echo "COPY $1.$2 ($columns) FROM '$file';"
	fi
}

# run <variant> <table>: microseconds for each row, elapsed and of the processor.
run() {
	local table=$1.$2 before started ended
	[ "$1" != staged ] || table=guarded.$2
	echo "SET tenant_guard.bypass = on; TRUNCATE $table; CHECKPOINT;" | sql || return
	sleep 0.3
	before=$(session_time server)
	started=$(date +%s%N)
	{ echo 'BEGIN;' && statements "$1" "$2" && echo 'COMMIT;'; } | as_owner psql -Xq -U app -d postgres -v ON_ERROR_STOP=1 -f - || return
	ended=$(date +%s%N)
	sleep 0.3
	awk -v ticks="$(($(session_time server) - before))" -v hz="$(getconf CLK_TCK)" -v ns=$((ended - started)) -v rows="$rows" \
		'BEGIN { print ns / 1e3 / rows, ticks / hz / rows * 1e6 }'
}

# count_of <variant> <table> <times>: instructions of a server that copies so often.
count_of() {
	local i
	{ echo 'SET ROLE app'; for ((i = 0; i < $3; i++)); do printf '%s\n' BEGIN "$(statements "$1" "$2" | tr '\n' ' ')" ROLLBACK; done; } >"$work/tmp/statements"
	chmod a+r "$work/tmp/statements"
	as_owner sh -c 'valgrind --tool=callgrind --callgrind-out-file=/dev/null postgres --single -D "$@" postgres <statements 2>&1 >/dev/null' \
		sh "$work/server" -c "tenant_guard.tenant_id=$tenant" | sed -n 's/.*Collected : //p'
}

instructions() {
	local few many
	few=$(count_of "$1" "$2" 2) && many=$(count_of "$1" "$2" 5) || return
	echo $(((many - few) / 3 / rows))
}

make_copy
start_measured server 5432 tenant_guard 'shared_buffers = 512MB' 'max_wal_size = 4GB'
make_tables || fail "the tables could not be made"
if [ -n "$counting" ]; then
	command -v valgrind >/dev/null || fail "this needs valgrind"
	stop_server server
	for table in $tables; do
		plain=$(instructions plain "$table") || fail "callgrind has failed"
		guarded=$(instructions guarded "$table") || fail "callgrind has failed"
		echo "$table: plain $plain instructions a row, guarded $guarded, ratio $(awk -v a="$plain" -v b="$guarded" 'BEGIN { printf "%.3f", b / a }')"
	done
	exit
fi
for table in $tables; do
	for variant in plain guarded staged; do run "$variant" "$table" >/dev/null || fail "COPY has failed"; done
	by_turns "$rounds" "$table" plain guarded staged
	for variant in guarded staged; do
		report "$table" plain "$variant" 1 'us a row'
		report "$table" plain "$variant" 2 'us a row of processor time'
	done
done
