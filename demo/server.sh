# shellcheck shell=bash
#
# The throwaway server of demo/run.sh, of a private copy of PostgreSQL (test/lib/): finds one, installs what is missing,
# builds the extension into the copy, starts it, and removes it all. Read by run.sh; its own words are set_up, cleanup and
# sql, and test/lib/'s as_tester. Its superuser is demo_dba, so that a dump's "postgres" can be an ordinary role.
#
# shellcheck disable=SC2154 # the variables of run.sh

export LC_ALL=C
settings='' # as of PGOPTIONS
# shellcheck disable=SC2034 # of test/lib/
project=$(dirname "$here")
# shellcheck source=test/lib/packages.sh
. "$project/test/lib/packages.sh"
# shellcheck source=test/lib/installation.sh
. "$project/test/lib/installation.sh"
# shellcheck source=test/lib/server.sh
. "$project/test/lib/server.sh"

# shellcheck disable=SC2317,SC2329 # called by test/lib/
fail() { say "$*"; }

set_up() {
	local stage
	choose_server
	make_work "${TMPDIR:-/tmp}" || exit 1
	environment=(LC_ALL=C)
	say "Building tenant_guard for $("$pg_config" --version), and starting a throwaway server in $work ..."
	for stage in copy_postgres trust_no_extension build_extension build_load start_demo; do
		$stage >"$work/stage.log" 2>&1 </dev/null || {
			tail -n 30 "$work/stage.log" >&2
			die 1 "$stage failed"
		}
	done
}

cleanup() {
	trap - EXIT INT TERM HUP
	allow_main_cluster
	stop_servers >/dev/null 2>&1
	[[ -z $work ]] || rm -rf "$work"
}

sql() { # role, psql's options ...
	local role=$1
	shift
	as_tester env PGOPTIONS="$settings" psql -X -q -U "$role" -d demo "$@"
}

choose_server() {
	local missing log
	find_postgres
	mapfile -t missing < <(missing_packages)
	[[ ${#missing[@]} -gt 0 ]] || return
	can_install || die 1 "this needs PostgreSQL $oldest or later with its server's development files, gcc and make;" \
		"please install them, and apt-get or sudo if they are to be installed here (PG_CONFIG=/path/to/pg_config names a server that is not found)"
	say "Installing what is missing with apt-get: ${missing[*]} ..."
	log=$(mktemp) || exit 1
	install_packages "${missing[@]}" >"$log" 2>&1 || tail -n 30 "$log" >&2
	rm -f "$log"
	find_postgres
	[[ -z $(missing_packages) ]] || die 1 "found no PostgreSQL $oldest or later with its server's headers, gcc and make${PG_CONFIG:+ by $PG_CONFIG}"
}

# An ordinary role may create an extension that is marked as trusted, and its script runs as
# the superuser. Here that is done before there is anything of the dump's to stumble over.
trust_no_extension() { sed -i '/^[[:space:]]*trusted[[:space:]]*=/d' "$work/pg$("$pg_config" --sharedir)"/extension/*.control; }

# What runs the dump's statements; its parts of psql are in the server's development files.
build_load() {
	local include lib
	include=$("$pg_config" --includedir) lib=$("$pg_config" --libdir)
	gcc -O1 -I"$("$pg_config" --includedir-server)" -I"$include" -I"$include/internal" -I"$include/postgresql/internal" \
		-o "$work/load" "$here/load.c" -L"$("$pg_config" --pkglibdir)" -L"$lib" -Wl,-rpath,"$lib" \
		-lpgfeutils -lpgcommon -lpgport -lpq
}

start_demo() {
	start_server data "$(printf '%s\n' "shared_preload_libraries = 'tenant_guard'" 'full_page_writes = off' 'max_locks_per_transaction = 1024')" \
		-U demo_dba -E UTF8 --locale=C && as_tester psql -X -q -U demo_dba -d postgres -c "CREATE DATABASE demo"
}
