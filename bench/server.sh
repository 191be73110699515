# shellcheck shell=bash
#
# Throwaway servers for the benchmarks, of a private copy of PostgreSQL (test/lib/). Read by the scripts beside it; its words
# are make_copy, start_measured, as_owner and fail. "work" is the directory of it all, "port" and "settings" (as of PGOPTIONS)
# say where and how as_owner connects.

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit 1
port=5432 settings=''
# shellcheck source=test/lib/installation.sh
. "$project/test/lib/installation.sh"
# shellcheck source=test/lib/server.sh
. "$project/test/lib/server.sh"

fail() {
	echo "$0: $*" >&2
	exit 1
}

as_owner() { as_tester env -C "$work/tmp" PGPORT="$port" PGOPTIONS="$settings" "$@"; }

# shellcheck disable=SC2317,SC2329 # called by the trap
clean_up() {
	stop_servers
	[ -z "$work" ] || rm -rf "$work"
}

# Clients and servers take turns on one processor: to wake another one up takes longer than a short query does, and how
# long is the machine's affair. What this shell starts from now on inherits it.
pin() { ! command -v taskset >/dev/null || taskset -pc "$(taskset -pc $$ | sed 's/.*[ ,-]//')" $$ >/dev/null; }

# A copy of PostgreSQL with the library.
make_copy() {
	# shellcheck disable=SC2034,SC2119 # pg_config is read by the lib; make needs no more arguments
	if ! pg_config=$("$project/test/needs.sh" regress) || ! make_work "$(work_place)" || ! copy_postgres || ! build_extension >"$work/log/build" 2>&1; then
		[ -z "$work" ] || show 20 "$work/log/build" >&2
		fail "there is no PostgreSQL to measure"
	fi
	pin
}

# start_measured <name> <port> <libraries to preload> [line of postgresql.conf...]
start_measured() { start_server "$1" "$(printf '%s\n' "port = $2" "shared_preload_libraries = '$3'" 'autovacuum = off' "${@:4}")"; }

trap clean_up EXIT
trap 'exit 130' INT TERM
