# shellcheck shell=bash
#
# Throwaway servers for the benchmarks, of the private copy of PostgreSQL that test/run.sh makes. Read by the scripts
# beside it; its words are make_copy, start_server, as_owner and fail. "work" is the directory of it all, "port" and
# "settings" (as of PGOPTIONS) say where and how as_owner connects.

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit 1
work='' bin='' port=5432 settings=''

# Clients and servers take turns on one processor: to wake another one up takes longer than a short query does, and how
# long is the machine's affair.
pin=()
! command -v taskset >/dev/null || pin=(taskset -c "$(taskset -pc $$ | sed 's/.*[ ,-]//')")

fail() {
	echo "$0: $*" >&2
	exit 1
}

# As the user that test/run.sh gave the files to; the caller's environment stays out.
as_owner() {
	local switch=()
	[ "$(id -u)" -ne 0 ] || switch=(runuser -u "$(stat -c %U "$work")" --)
	(cd "$work/tmp" && "${pin[@]}" "${switch[@]}" env -i PATH="$bin:$PATH" LC_ALL=C.UTF-8 PGHOST="$work/tmp" PGUSER=postgres \
		PGPORT="$port" PGOPTIONS="$settings" "$@")
}

# shellcheck disable=SC2317,SC2329 # called by the trap
clean_up() {
	local pid
	[ -n "$work" ] || return
	for pid in "$work"/*/postmaster.pid; do
		[ ! -e "$pid" ] || as_owner pg_ctl -s -D "${pid%/*}" -m immediate stop
	done
	rm -rf "$work"
}

# A copy of PostgreSQL with the library: what one test leaves.
make_copy() {
	local log status
	log=$("$project/test/run.sh" --keep regress functions_plain_role </dev/null)
	status=$?
	work=$(sed -n 's/^results and logs: //p' <<<"$log")
	if [ "$status" -ne 0 ] || [ -z "$work" ]; then tail -n 20 <<<"$log" >&2; fail "test/run.sh has left no PostgreSQL to measure"; fi
	bin=$(dirname "$(find "$work/pg" -name pgbench)")
	rm -rf "$work"/{plain,preloaded}
}

# start_server <name> <port> <libraries to preload> [line of postgresql.conf...]
start_server() {
	as_owner initdb -D "$work/$1" -U postgres -A trust --no-sync >/dev/null || fail "initdb has failed ($1)"
	{
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$work/tmp'"
		echo "port = $2"
		echo "shared_preload_libraries = '$3'"
		printf '%s\n' 'fsync = off' 'autovacuum = off' "${@:4}"
	} >>"$work/$1/postgresql.conf"
	as_owner pg_ctl -s -w -D "$work/$1" -l "$work/tmp/$1.log" start </dev/null || fail "the server does not start ($1)"
}

trap clean_up EXIT
trap 'exit 130' INT TERM
