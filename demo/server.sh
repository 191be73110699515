# shellcheck shell=bash
#
# The throwaway server of demo/run.sh: finds a PostgreSQL, installs what is missing,
# copies it, builds the extension into the copy, starts it, and removes it all.
# Read by run.sh; its own words are set_up, cleanup, as_server and sql. Its superuser is
# demo_dba, so that a dump's "postgres" can be an ordinary role.
#
# shellcheck disable=SC2154 # the variables of run.sh

oldest=15
wanted=${PG_CONFIG:-}
pg_config='' work='' bin='' server_user='' no_cluster=''
# shellcheck disable=SC2086 # one word each: the caller's connection is not ours
unset ${!PG@}
export LC_ALL=C

set_up() {
	local stage
	work=$(mktemp -d "${TMPDIR:-/tmp}/tenant_guard_demo.XXXXXX") || exit 1
	choose_server
	if ! can_build; then
		install_packages
		choose_server
		can_build || die 1 "found no PostgreSQL $oldest or later with its server's headers${wanted:+ by $wanted}"
	fi
	say "Building tenant_guard for $("$pg_config" --version), and starting a throwaway server in $work ..."
	for stage in copy_server build_extension build_load start_server; do
		$stage >"$work/stage.log" 2>&1 </dev/null || {
			tail -n 30 "$work/stage.log" >&2
			die 1 "$stage failed"
		}
	done
}

cleanup() {
	trap - EXIT INT TERM HUP
	[[ -z $no_cluster ]] || { as_root rm -f "$no_cluster" && as_root rmdir --ignore-fail-on-non-empty "$(dirname "$no_cluster")"; }
	[[ -n $work ]] || return
	[[ ! -f $work/data/postmaster.pid ]] || as_server "$bin/pg_ctl" -D "$work/data" -m immediate -w stop >/dev/null 2>&1
	cd / && rm -rf "$work"
}

as_root() {
	if [[ $EUID -eq 0 ]]; then "$@"; else sudo "$@"; fi
}

# PostgreSQL refuses to run as root. setpriv opens no log-in session, as su would.
as_server() {
	if [[ $EUID -eq 0 ]]; then
		HOME=$work setpriv --reuid "$server_user" --regid "$(id -g "$server_user")" --init-groups -- "$@"
	else
		"$@"
	fi
}

sql() { # role, psql's options ...
	local role=$1
	shift
	as_server "$bin/psql" -X -q -h "$work" -U "$role" -d demo "$@"
}

# ---- which PostgreSQL --------------------------------------------------------

major() {
	local version
	version=$("$1" --version 2>/dev/null) || return
	version=${version#PostgreSQL }
	printf '%s' "${version%%[!0-9]*}"
}

has_server() { [[ $(major "$1") -ge $oldest && -x $("$1" --bindir)/initdb ]]; }
has_headers() { [[ -f $("$1" --includedir-server)/postgres.h && -f $("$1" --includedir)/libpq-fe.h && -f $("$1" --pgxs) ]]; }
can_build() { [[ -n $pg_config ]] && has_headers "$pg_config" && command -v gcc >/dev/null && command -v make >/dev/null; }

# Debian has a pg_config beside each version's server; the one in PATH may be for clients only.
candidates() {
	if [[ -n $wanted ]]; then
		printf '%s\n' "$wanted"
	else
		printf '%s\n' /usr/lib/postgresql/*/bin/pg_config | sort -rV
		command -v pg_config
	fi
}

# The newest server that has its headers, or else the newest.
choose_server() {
	local candidate
	pg_config=''
	while read -r candidate; do
		has_server "$candidate" || continue
		[[ -n $pg_config ]] || pg_config=$candidate
		has_headers "$candidate" || continue
		pg_config=$candidate
		return
	done < <(candidates)
}

apt_quietly() {
	as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
		apt-get -q -y -o DPkg::Lock::Timeout=120 "$@" >>"$work/apt.log" 2>&1 </dev/null
}

install_packages() {
	local version packages=()
	command -v apt-get >/dev/null || die 1 "this needs PostgreSQL $oldest or later with its server's development files, gcc and make;" \
		"please install them (PG_CONFIG=/path/to/pg_config names a server that is not found)"
	[[ $EUID -eq 0 ]] || command -v sudo >/dev/null || die 1 "packages are missing: run this as root, or install sudo"
	say "Installing what is missing with apt-get: PostgreSQL's server or its headers, gcc, make ..."
	apt_quietly update # a broken source among others is no reason to give up
	if [[ -n $pg_config ]]; then
		version=$(major "$pg_config")
	else
		version=$(apt-cache depends postgresql | sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p' | head -n 1)
		[[ ${version:-0} -ge $oldest ]] || die 1 "this needs PostgreSQL $oldest or later, and the packages here have ${version:-none};" \
			"please add the PostgreSQL project's own packages (PGDG)"
		packages=("postgresql-$version")
		forbid_main_cluster
	fi
	packages+=("postgresql-server-dev-$version" gcc libc6-dev make)
	apt_quietly install --no-install-recommends "${packages[@]}" || {
		tail -n 30 "$work/apt.log" >&2
		die 1 "apt-get could not install ${packages[*]}"
	}
}

# Debian's package would create a cluster and start it on port 5432: nobody asked for one.
forbid_main_cluster() {
	local directory=/etc/postgresql-common/createcluster.d
	no_cluster=$directory/tenant_guard_demo.conf
	as_root mkdir -p "$directory"
	say "create_main_cluster = false" | as_root tee "$no_cluster" >/dev/null
}

# ---- a copy of it ------------------------------------------------------------

# A server finds its files relative to its binary. So a copy of the binary among links
# to all the rest is one to install an extension into, without touching the real one.
copy_server() {
	local original share lib
	original=$("$pg_config" --bindir) share=$("$pg_config" --sharedir) lib=$("$pg_config" --pkglibdir)
	bin=$work/server$original
	mkdir -p "$bin" "$work/server$share" "$work/server$lib" &&
		cp "$original"/{postgres,initdb,pg_ctl,psql,pg_restore} "$bin" &&
		cp -rs "$share/." "$work/server$share" &&
		cp -rs "$lib/." "$work/server$lib" &&
		rm -f "$work/server$share"/extension/tenant_guard* "$work/server$lib"/tenant_guard* &&
		trust_no_extension "$work/server$share/extension"
}

# An ordinary role may create an extension that is marked as trusted, and its script runs as
# the superuser. Here that is done before there is anything of the dump's to stumble over.
trust_no_extension() { # directory
	local file
	while read -r file; do
		sed '/^[[:space:]]*trusted[[:space:]]*=/d' "$file" >"$work/control" && rm "$file" && cp "$work/control" "$file" || return
	done < <(grep -lE '^[[:space:]]*trusted[[:space:]]*=' "$1"/*.control)
}

# Built in a copy, so that the working tree stays clean; bitcode would be for JIT only.
build_extension() {
	local tree make=(make -s -C "$work/build" PG_CONFIG="$pg_config" with_llvm=no)
	tree=$(dirname "$here")
	mkdir "$work/build" &&
		cp -r "$tree"/{Makefile,exports.txt,src,script,tenant_guard.control} "$work/build" &&
		rm -f "$work"/build/src/{,*/}*.{o,bc} &&
		"${make[@]}" -j 4 &&
		"${make[@]}" install DESTDIR="$work/server"
}

# What runs the dump's statements; its parts of psql are in the server's development files.
build_load() {
	local include lib
	include=$("$pg_config" --includedir) lib=$("$pg_config" --libdir)
	gcc -O1 -I"$("$pg_config" --includedir-server)" -I"$include" -I"$include/internal" -I"$include/postgresql/internal" \
		-o "$work/load" "$here/load.c" -L"$("$pg_config" --pkglibdir)" -L"$lib" -Wl,-rpath,"$lib" \
		-lpgfeutils -lpgcommon -lpgport -lpq
}

start_server() {
	server_user=$(id -un)
	if [[ $EUID -eq 0 ]]; then
		server_user=postgres
		id postgres >/dev/null 2>&1 || server_user=nobody
		chown -R "$server_user" "$work"
	fi
	cd "$work" || return # programs complain of a directory that their user may not enter
	as_server "$bin/initdb" -D "$work/data" -U demo_dba -A trust -E UTF8 --locale=C --no-sync || return
	cat >>"$work/data/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$work'
shared_preload_libraries = 'tenant_guard'
fsync = off
full_page_writes = off
max_locks_per_transaction = 1024
CONF
	as_server "$bin/pg_ctl" -D "$work/data" -l "$work/server.log" -w start || {
		cat "$work/server.log"
		return 1
	}
	as_server "$bin/psql" -X -q -h "$work" -U demo_dba -d postgres -c "CREATE DATABASE demo"
}
