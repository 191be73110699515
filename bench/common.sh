# shellcheck shell=bash
# What the benchmarks share: throwaway servers of the private copy of PostgreSQL that test/run.sh makes, what a pgbench
# costs there, and two variants by turns. Read by them; a script that reads this defines
#
#   run <variant> <what>      measures once, by the word measure below
#
# shellcheck disable=SC2034 # variables of the scripts

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit 1
work='' bin=''
declare -A port=()

fail() {
	echo "$0: $*" >&2
	exit 1
}

# As the user that test/run.sh gave the files to.
as_owner() {
	local switch=()
	[ "$(id -u)" -ne 0 ] || switch=(runuser -u "$(stat -c %U "$work")" --)
	(cd "$work/tmp" && "${switch[@]}" env -i PATH="$bin:$PATH" LC_ALL=C.UTF-8 PGHOST="$work/tmp" PGUSER=postgres "$@")
}

# shellcheck disable=SC2317,SC2329 # called by the trap
clean_up() {
	local server
	[ -n "$work" ] || return
	for server in "${!port[@]}"; do
		[ ! -e "$work/$server/postmaster.pid" ] || as_owner pg_ctl -s -D "$work/$server" -m immediate stop </dev/null
	done
	rm -rf "$work"
}

# A copy of PostgreSQL with the library: what one test leaves.
make_copy() {
	work=$("$project/test/run.sh" --keep regress a_plain_role_can_do_little | sed -n 's/^results and logs: //p')
	[ -n "$work" ] && bin=$(dirname "$(find "$work/pg" -name pgbench)") && rm -rf "$work"/{plain,preloaded}
}

# start <server> <port> <libraries to preload>
start() {
	local server=$1
	port[$server]=$2
	as_owner initdb -D "$work/$server" -U postgres -A trust --no-sync </dev/null >/dev/null && {
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$work/tmp'"
		echo "port = $2"
		echo "shared_preload_libraries = '$3'"
		printf '%s\n' 'shared_buffers = 512MB' 'fsync = off' 'autovacuum = off'
	} >>"$work/$server/postgresql.conf" && as_owner pg_ctl -s -w -D "$work/$server" -l "$work/tmp/$server.log" start </dev/null &&
		as_owner psql -Xqc 'CREATE EXTENSION tenant_guard' -p "$2" </dev/null
}

# The processor time of a server's sessions that have ended, in ticks.
session_time() { awk '{ print $16 + $17 }' "/proc/$(head -n 1 "$work/$1/postmaster.pid")/stat"; }

# measure <server> <pgbench's options...>: transactions per second, microseconds of processor time for each.
measure() {
	local server=$1 before out
	sleep 0.3 # for sessions that are about to end
	before=$(session_time "$server")
	out=$(as_owner pgbench -n -c 2 -j 2 -p "${port[$server]}" "${@:2}" </dev/null 2>/dev/null) && sleep 0.3 || return
	awk -v ticks="$(($(session_time "$server") - before))" -v hz="$(getconf CLK_TCK)" \
		'/transactions actually processed/ { sub(/\/.*/, "", $NF); count = $NF } /^tps = .*without/ { tps = $3 } END { print tps, ticks / hz / count * 1e6 }' \
		<<<"$out"
}

# median <file> <column>
median() { sort -g -k "$2,$2" "$1" | awk -v k="$2" '{ v[NR] = $k } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }

# report <what> <variant> <variant> <column> <unit>: the medians, and the ratio of the second to the first.
report() {
	local first second
	first=$(median "$work/tmp/$1-$2" "$4") second=$(median "$work/tmp/$1-$3" "$4")
	echo "$1: $2 $first $5, $3 $second $5, ratio $(awk "BEGIN { printf \"%.3f\", $second / $first }")"
}

# compare <what> <variant> <variant> <rounds>: the one that goes first changes with the round: what slows the machine
# down meets both. The first run of each is not counted.
compare() {
	local what=$1 round variant order=("$2" "$3")
	for variant in "${order[@]}"; do run "$variant" "$what" >/dev/null || fail "pgbench has failed"; done
	for ((round = 0; round < $4; round++)); do
		for variant in "${order[@]}"; do run "$variant" "$what" >>"$work/tmp/$what-$variant" || fail "pgbench has failed"; done
		order=("${order[1]}" "${order[0]}")
	done
	report "$what" "$2" "$3" 1 "tps"
	report "$what" "$2" "$3" 2 "us"
}

trap clean_up EXIT
trap 'exit 130' INT TERM
