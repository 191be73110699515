# shellcheck shell=bash disable=SC2154 # work: by installation.sh
#
# Throwaway servers of the copy that installation.sh makes; read after it. Who reads it defines "fail", which says what has
# gone wrong, and has from it start_server, stop_server, stop_servers and show. A server's directory is below work, its log is
# log/<name>-server, and it listens on the socket in tmp alone. "more_settings" are those of every server, a line each.

more_settings=''

# show <lines> <file>: its last lines, if it is there.
show() { [ ! -s "$2" ] || tail -n "$1" "$2"; }

# start_server <name> <settings, a line each> [initdb's option...]
start_server() {
	as_tester initdb -D "$work/$1" -U postgres -A trust --no-sync "${@:3}" >"$work/log/$1" 2>&1 </dev/null && {
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$work/tmp'"
		echo "fsync = off"
		printf '%s\n' "$2" "$more_settings"
	} >>"$work/$1/postgresql.conf" && as_tester pg_ctl -s -w -D "$work/$1" -l "$work/log/$1-server" start </dev/null && return
	show 50 "$work/log/$1"
	show 50 "$work/log/$1-server"
	fail "the server ($1) does not start"
	return 1
}

# What the sanitizers' libraries write into a server's log.
sanitized='runtime error: |ERROR: AddressSanitizer'

# stop_server <name>: a crash that nothing else showed is a failure too.
stop_server() {
	as_tester pg_ctl -s -w -D "$work/$1" -m fast stop </dev/null || fail "the server ($1) does not stop"
	! grep -E -A 12 "$sanitized" "$work/log/$1-server" || fail "the sanitizers find something ($1)"
	grep -qE 'PANIC:|was terminated by signal|TRAP:' "$work/log/$1-server" || return 0
	show 200 "$work/log/$1-server"
	fail "the server ($1) crashed"
}

# All that still run, those of TAP tests too: for whoever ends early.
stop_servers() {
	local pid
	[ -n "$work" ] || return 0
	for pid in "$work"/*/postmaster.pid "$work"/tap/*/tmp_check/*/pgdata/postmaster.pid; do
		[ ! -e "$pid" ] || as_tester pg_ctl -s -w -D "${pid%/*}" -m immediate stop </dev/null
	done
}
