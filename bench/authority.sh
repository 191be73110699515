#!/bin/bash
# What tenant_guard.authority costs: how many instructions the server executes for a transaction that reads one row by its key, under
# each authority and under "open". Needs valgrind, whose callgrind counts them (see bench/instructions.sh).
#
#   bench/authority.sh      two minutes; prints a table
set -u -o pipefail
# shellcheck source=bench/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

tenant=00000001-0000-4000-8000-000000000000

# count_of <authority> <role> <statement that sets the tenant, or nothing> <options> <times>
count_of() {
	local i options
	read -ra options <<<"-c jit=off -c tenant_guard.authority=$1 $4"
	{ echo "SET ROLE $2"; for ((i = 0; i < $5; i++)); do printf '%s\n' BEGIN ${3:+"$3"} 'SELECT body FROM t WHERE id = 7' COMMIT; done; } >"$work/tmp/statements"
	chmod a+r "$work/tmp/statements"
	as_owner sh -c 'valgrind --tool=callgrind --callgrind-out-file=/dev/null postgres --single -D "$@" bench <statements 2>&1 >/dev/null' sh "$work/bench" "${options[@]}" |
		sed -n 's/.*Collected : //p'
}

# instructions <authority> <role> <statement> <options>: of one transaction
instructions() {
	local few many
	few=$(count_of "$@" 5) && many=$(count_of "$@" 55) || return
	echo $(((many - few) / 50))
}

# compare_with_open <what> <authority> <role> <statement> <options>
compare_with_open() {
	local open other
	if ! open=$(instructions open "${@:3}") || ! other=$(instructions "${@:2}"); then fail "callgrind has failed"; fi
	awk -v what="$1" -v a="$open" -v b="$other" 'BEGIN { printf "%-60s %9d %9d %6d %7.3f\n", what, a, b, b - a, b / a }'
}

command -v valgrind >/dev/null || fail "this needs valgrind"
make_copy
start_measured bench 5432 tenant_guard
as_owner createdb bench || fail "the database could not be created"
as_owner psql -XAtq -v ON_ERROR_STOP=1 -d bench <<-SQL >/dev/null 2>&1 || fail "the data could not be loaded"
	CREATE EXTENSION tenant_guard;
	CREATE TABLE t (id int, tenant_id uuid, body text, PRIMARY KEY (tenant_id, id));
	SET tenant_guard.bypass = on;
	INSERT INTO t SELECT n, '$tenant', 'row ' || n FROM generate_series(1, 1000) n;
	VACUUM ANALYZE t;
	CREATE ROLE app;
	CREATE ROLE gate;
	GRANT SELECT ON t TO app, gate;
	GRANT SET ON PARAMETER tenant_guard.tenant_id TO gate;
	CREATE FUNCTION log_in(tenant uuid) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT tenant_guard.set_tenant(tenant)';
	ALTER FUNCTION log_in(uuid) OWNER TO gate;
SQL
stop_server bench
printf '%-60s %9s %9s %6s %7s\n' 'a transaction' open other more ratio
compare_with_open 'granted, set by a role that was granted it' granted gate "SELECT tenant_guard.set_tenant('$tenant')" ''
compare_with_open 'granted, set by SET LOCAL' granted gate "SET LOCAL tenant_guard.tenant_id = '$tenant'" ''
compare_with_open 'granted, set by a function of such a role' granted app "SELECT log_in('$tenant')" ''
compare_with_open 'pinned, and nothing is set' pinned app '' "-c tenant_guard.tenant_id=$tenant"
compare_with_open 'pinned, and the same tenant is set by SET LOCAL' pinned app "SET LOCAL tenant_guard.tenant_id = '$tenant'" "-c tenant_guard.tenant_id=$tenant"
