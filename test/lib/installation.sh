# shellcheck shell=bash disable=SC2154 # project, pg_config: see below
#
# A private copy of an installed PostgreSQL, into which the extension goes: without root, and where no other server of the
# machine can see it. PostgreSQL finds its files relative to its programs, so a copy that keeps the directories' places is an
# installation of its own. Read by test/run.sh, bench/server.sh, demo/server.sh; server.sh beside it has the servers. Who
# reads it sets
#
#   project        the tree
#   pg_config      the installation's (packages.sh beside this file finds it)
#
# and has from it make_work, copy_postgres, build_extension, as_tester, and
#
#   work           the directory of it all: tree (a copy of the project), tmp (sockets), log, pg (the copy of PostgreSQL)
#   bin            the directory of the copy's programs
#   tester         the user that all runs as: PostgreSQL refuses root
#   environment    variables that as_tester sets besides its own

work='' bin='' tester='' environment=()

# Servers consist of many files that nobody needs after a power cut: memory holds them at half the cost, where it has room
# and programs may run there.
work_place() {
	local shm=/dev/shm free program
	free=$(awk '/^MemAvailable:/ { print int($2 / 1048576) }' /proc/meminfo 2>/dev/null)
	if [ -z "${TMPDIR-}" ] && [ "${free:-0}" -ge 8 ] && [ "$(df --output=avail -BG $shm | tr -dc 0-9)" -ge 4 ]; then
		program=$(mktemp "$shm/tenant_guard.XXXXXX") && cp "$(type -P true)" "$program" && chmod 755 "$program" &&
			"$program" && TMPDIR=$shm
		rm -f "$program"
	fi 2>/dev/null
	echo "${TMPDIR:-/tmp}"
}

# make_work <place>
make_work() {
	tester=$(id -un)
	[ "$(id -u)" -ne 0 ] || tester=$(id -un postgres 2>/dev/null || echo nobody)
	work=$(mktemp -d "$1/tenant_guard.XXXXXX") && mkdir "$work"/{tree,tmp,log} && "$project/test/copy.sh" "$work/tree" && give_to_tester "$work"
}

# give_to_tester <file or directory>
give_to_tester() { [ "$(id -u)" -ne 0 ] || chown -R "$tester" "$1"; }

# The extension that may be installed there is left out.
copy_postgres() {
	local key dir program
	for key in --pkglibdir --sharedir; do
		dir=$("$pg_config" $key) && mkdir -p "$work/pg$dir" && cp -a "$dir/." "$work/pg$dir" &&
			rm -rf "$work/pg$dir"/{,extension/,bitcode/}tenant_guard* || return
	done
	dir=$("$pg_config" --bindir) bin=$work/pg$dir
	mkdir -p "$bin" || return
	for program in "$dir"/{postgres,initdb,psql,pgbench,vacuumdb,reindexdb,clusterdb} "$dir"/{create,drop}{db,user} "$dir"/pg_*; do
		[ ! -e "$program" ] || cp -aL "$program" "$bin" || return
	done
	dir=$("$pg_config" --includedir) && mkdir -p "$work/pg${dir%/*}" && ln -s "$dir" "$work/pg$dir" && give_to_tester "$work/pg"
}

# build_extension [make's argument...]: bitcode would cost as much again, and is for JIT only.
build_extension() { as_tester make -s -j"$(nproc)" with_llvm=no PG_CONFIG="$bin/pg_config" "$@" all install; }

# as_tester <command...>: in the copy of the project, without the caller's settings. setpriv opens no session, as su would.
as_tester() {
	local switch=()
	[ "$(id -u)" -ne 0 ] || switch=(setpriv --reuid "$tester" --regid "$(id -g "$tester")" --init-groups --)
	(cd "$work/tree" && exec "${switch[@]}" env -i PATH="${bin:+$bin:}$PATH" HOME="$work/tmp" TMPDIR="$work/tmp" LC_ALL=C.UTF-8 \
		PGHOST="$work/tmp" PGPORT=5432 PGUSER=postgres "${environment[@]}" "$@")
}
