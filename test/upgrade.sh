#!/bin/bash
# A server's database full of guards on a newer PostgreSQL: by pg_upgrade, by pg_dump and pg_restore, and by logical replication.
#
#   test/upgrade.sh pack <file>         with the older server: packs it, with the extension and the libraries that it needs
#   test/upgrade.sh test <file>...      with the newer server: upgrades each older one that was packed
#
# PG_CONFIG selects the server. As root, the servers run as another user, in a directory that disappears (TMPDIR). Two versions are seldom
# to be had for one system: PostgreSQL finds its files relative to its programs, so what was packed on one runs on another, which lacks at
# most libraries. The last line of a test is "N passed, N failed[, N skipped]".
set -u -o pipefail
exec </dev/null 2>&1

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit 1
# shellcheck source=test/lib/installation.sh
. "$project/test/lib/installation.sh"
# shellcheck source=test/lib/server.sh
. "$project/test/lib/server.sh"
passed=0 failed=0 skipped=0
old='' # the directory of the programs of the older server
numbers='' # of columns, which the newer server does not take

fail() {
	echo "not ok - $*"
	failed=$((failed + 1))
}

# check <name> <command...>
check() {
	local name=$1
	shift
	if "$@" >"$work/log/check" 2>&1; then
		echo "ok - $name"
		passed=$((passed + 1))
	else
		fail "$name"
		tail -n 60 "$work/log/check"
	fi
}

prepare() { make_work "${TMPDIR:-/tmp}" && copy_postgres && build_extension COPT=-Werror; }

# --- Packing ------------------------------------------------------------------------------------------------------

# Of the programs and of what loads libpq; all but the C library, which a newer system has newer. Without JIT, whose library is large.
copy_libraries() {
	local library lib
	lib=$work/pg$("$pg_config" --pkglibdir)
	rm -f "$lib/llvmjit.so" && mkdir "$work/pg/libraries" &&
		ldd "$bin"/* "$lib/libpqwalreceiver.so" "$lib/tenant_guard.so" 2>/dev/null | sed -n 's|.* => \(/[^ ]*\) .*|\1|p' | sort -u |
		grep -vE '/(libc|libm|libdl|libpthread|librt|libresolv|libnss_[a-z]*|ld-linux[^/]*)\.so' |
			while read -r library; do cp -L "$library" "$work/pg/libraries" || return; done
}

pack() {
	prepare && copy_libraries && echo "${bin#"$work/pg"}" >"$work/pg/bindir" &&
		tar -cf "$1" --exclude=./usr/include -C "$work/pg" .
}

# --- What is to stay ----------------------------------------------------------------------------------------------

sql() { as_tester psql -XAtq -v ON_ERROR_STOP=1 "$@"; }

# The old server listens on another port than the new.
at_old() { bin=$old "$@"; }
old_port=5433

guards="SELECT * FROM tenant_guard.tables_and_partitions ORDER BY relation::text COLLATE \"C\";
	SELECT polrelid::regclass, polname, polcmd, polpermissive, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid) FROM pg_policy ORDER BY polrelid::regclass::text COLLATE \"C\", polname;
	SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype IN ('f', 'c') AND connamespace = 'public'::regnamespace
	ORDER BY conrelid::regclass::text COLLATE \"C\", conname COLLATE \"C\";
	SELECT tgrelid::regclass, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgrelid::regclass::text COLLATE \"C\", tgname COLLATE \"C\";
	SELECT objtype, objname, label FROM pg_seclabels WHERE objtype <> 'role' ORDER BY objname COLLATE \"C\""
# as counted after the last VACUUM or ANALYZE, which is not what is asked here
guards=${guards/\*/relation, status, tenant_column, tenant_type, null_rows, partition_of, detail, reason}
rows="SET row_security = off;
	SELECT format('SELECT %L, t FROM ONLY %s t ORDER BY t::text COLLATE \"C\"', relname, oid::regclass)
	FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname \\gexec"

# ask <database> <query>
ask() { sql -d "$1" -f - <<<"$2"; }

a=aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa b=bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb

make_databases() {
	local database
	sql -d postgres -c 'CREATE ROLE app LOGIN' -c 'CREATE ROLE owner LOGIN' -c 'CREATE DATABASE shop' -c 'CREATE DATABASE numbers' \
		-c "ALTER DATABASE numbers SET tenant_guard.tenant_type = 'bigint'" -c "ALTER ROLE owner SET tenant_guard.type_mismatch = 'warning'" || return
	for database in shop numbers; do sql -d $database -c 'CREATE EXTENSION tenant_guard' || return; done
	sql -d shop -f test/setup/every_guard.sql >/dev/null && sql -d numbers -c 'CREATE TABLE orders (id int PRIMARY KEY, tenant_id bigint)' \
		-c 'GRANT ALL ON orders TO app' -c 'SET tenant_guard.bypass = on' -c 'INSERT INTO orders VALUES (1, 1), (2, 2)'
}

# refused <SQLSTATE> <database> <sql>...: as the application
refused() {
	local state=$1 database=$2 options=()
	shift 2
	while [ $# -gt 0 ]; do options+=(-c "$1"); shift; done
	[[ $(sql -v VERBOSITY=sqlstate -U app -d "$database" "${options[@]}" 2>&1 | tail -n 1) == "ERROR:  $state" ]]
}

set_a="SET LOCAL tenant_guard.tenant_id = '$a'"

# tenants_are_apart <database>
tenants_are_apart() {
	[ "$(sql -U app -d "$1" -c BEGIN -c "SELECT tenant_guard.set_tenant('$b')" -c 'SELECT (SELECT count(*) FROM customers), (SELECT count(*) FROM events), (SELECT count(*) FROM templates)' -c COMMIT)" = "$b"$'\n''2|2|1' ] &&
		refused TG001 "$1" 'SELECT count(*) FROM customers' &&
		refused 42501 "$1" BEGIN "$set_a" "INSERT INTO customers VALUES (7, '$b')" &&
		refused 23503 "$1" BEGIN "$set_a" 'INSERT INTO payments (id, invoice_id) VALUES (7, 2)' &&
		[[ $(sql -d "$1" -v VERBOSITY=sqlstate -c 'SELECT count(*) FROM orders' 2>&1) == *TG003 ]] &&
		[[ $(sql -d "$1" -v VERBOSITY=sqlstate -c 'DROP POLICY tenant_isolation ON orders' 2>&1) == *TG005 ]] &&
		[ "$(sql -d "$1" -c 'SET client_min_messages = error' -c 'CREATE TABLE later (tenant_id uuid)' -c "SELECT status FROM tenant_guard.tables WHERE relation = 'later'::regclass" -c 'DROP TABLE later')" = guarded ]
}

# holds <database>: prove() breaks nothing.
holds() { [ -z "$(sql -d "$1" -c 'SELECT relation, probe, detail FROM tenant_guard.prove() WHERE NOT ok' | tee -a "$work/log/check")" ]; }

# What the old server's database has.
remember() {
	ask shop "$guards" >"$work/log/guards"
	ask shop "$rows" >"$work/log/rows"
	ask shop "$findings" >"$work/log/findings"
}

# same <expected> <database> <query>
same() { diff "$1" <(ask "$2" "$3"); }

# is_as_before <database> <how>
is_as_before() {
	check "$2: each table is guarded, shared or neither as it was" same "$work/log/guards" "$1" "$guards"
	check "$2: with its rows" same "$work/log/rows" "$1" "$rows"
	check "$2: tenants are kept apart" tenants_are_apart "$1"
	check "$2: prove() breaks nothing" holds "$1"
	check "$2: audit() finds what it found" same "$work/log/findings" "$1" "$findings"
}

# What a newer server has otherwise is not the tables'.
findings="SELECT rule, object, level FROM tenant_guard.audit() WHERE object !~ '^(database|role|server) ' AND rule NOT IN ('server_outdated', 'role_bypasses', 'backup_role_missing') ORDER BY 1, 2"

# --- The ways -----------------------------------------------------------------------------------------------------

preload="shared_preload_libraries = 'tenant_guard'"

# 15.20, 17.12 and other late minor releases keep a number with each column of each table, which a newer major version does not take in a minor
# release of before: no table can be upgraded to it, nor a dump be restored, unless that is left out of the script.
takes_columns() { sql -d postgres -c 'CREATE TEMP TABLE t (a int)' -c 'ALTER TABLE t ALTER a SET (pg_attver=1)' >/dev/null 2>&1; }
dumps_numbers() { [[ $(as_tester pg_dump -p $old_port -s shop) == *' SET (pg_attver='* ]]; }
without_numbers() { if [ -n "$numbers" ]; then sed '/ SET (pg_attver=[0-9]*);$/d'; else cat; fi; }

restore() {
	if [ -z "$numbers" ]; then
		as_tester pg_restore --exit-on-error -d shop "$work/tmp/shop.dump"
	else
		as_tester pg_restore -f - "$work/tmp/shop.dump" | without_numbers | sql -d shop -f - >/dev/null 2>&1
	fi
}

by_dump() {
	as_tester pg_dump -p $old_port -Fc -f "$work/tmp/shop.dump" shop && sql -d postgres -c 'CREATE ROLE app LOGIN' -c 'CREATE ROLE owner LOGIN' -c 'CREATE DATABASE shop' &&
		restore
}

# A database's settings are in pg_dump -C.
by_script() {
	as_tester pg_dump -p $old_port -C numbers | without_numbers | sql -d postgres -f - >/dev/null &&
		numbers_are_kept
}

numbers_are_kept() {
	[ "$(sql -U app -d numbers -c BEGIN -c 'SELECT tenant_guard.set_tenant(2::bigint)' -c 'SELECT id FROM orders' -c COMMIT)" = $'2\n2' ] && refused TG001 numbers 'SELECT * FROM orders'
}

# Rows without a tenant, which a table had before it was guarded, would be refused: they are given one first.
complete_nulls() {
	sql -d shop -c 'SET tenant_guard.bypass = on' -c "UPDATE with_nulls SET tenant_id = '$a'" -c 'ALTER TABLE with_nulls ALTER tenant_id SET NOT NULL' && remember
}

# Rows of tables whose owner row-level security binds are applied where the subscription acts as its own owner (16).
by_replication() {
	local option=''
	[ "$(sql -d postgres -c 'SHOW server_version_num')" -lt 160000 ] || option=', run_as_owner = true'
	sql -d postgres -c 'CREATE DATABASE replica' && as_tester pg_dump -p $old_port -s shop | without_numbers | sql -d replica -f - >/dev/null 2>&1 &&
		sql -p $old_port -d shop -c 'CREATE PUBLICATION everything FOR ALL TABLES' >/dev/null &&
		sql -d replica -c "CREATE SUBSCRIPTION everything CONNECTION 'host=$work/tmp port=$old_port dbname=shop user=postgres' PUBLICATION everything WITH (streaming = off$option)" &&
		wait_until replica "SELECT count(*) > 0 AND bool_and(srsubstate = 'r') FROM pg_subscription_rel" &&
		sql -p $old_port -d shop -c "SET tenant_guard.bypass = on" -c "INSERT INTO letters VALUES (77, '$a', 1)" -c "UPDATE letters SET template = NULL WHERE id = 77" -c "DELETE FROM letters WHERE id = 77" \
			-c "INSERT INTO customers VALUES (77, '$b', 'meanwhile')" &&
		wait_until replica "SET row_security = off; SELECT count(*) = 1 FROM customers WHERE id = 77" &&
		sql -p $old_port -d shop -c "SET tenant_guard.bypass = on" -c "DELETE FROM customers WHERE id = 77" &&
		wait_until replica "SET row_security = off; SELECT count(*) = 0 FROM customers WHERE id = 77"
}

end_replication() { sql -d replica -c 'DROP SUBSCRIPTION everything' && sql -p $old_port -d shop -c 'DROP PUBLICATION everything'; }

# wait_until <database> <query>
wait_until() {
	local i
	for ((i = 0; i < 300; i++)); do
		[ "$(sql -d "$1" -c "$2")" != t ] || return 0
		sleep 0.2
	done
	echo "never true: $2"
	return 1
}

# Both clusters have checksums, which initdb enables from 18 on, or neither.
by_pg_upgrade() {
	local checksums=()
	if ! at_old as_tester pg_controldata "$work/old-data" | grep '^Data page checksum version: *0$'; then
		checksums=(--data-checksums)
	elif [ "$(as_tester postgres --version | tr -dc '0-9 .' | awk '{ print int($1) }')" -ge 18 ]; then
		checksums=(--no-data-checksums)
	fi
	start_server upgraded "$preload" "${checksums[@]}" && stop_server upgraded &&
		(cd "$work/tmp" && as_tester sh -c "cd '$work/tmp' && exec pg_upgrade -b '$old' -B '$bin' -d '$work/old-data' -D '$work/upgraded' -s '$work/tmp' -U postgres -p 5434 -P 5435") &&
		as_tester pg_ctl -s -w -D "$work/upgraded" -l "$work/log/upgraded-server" start
}

# unpack <file>: the libraries that this system has are taken from it.
unpack() {
	local library
	rm -rf "$work/old" && mkdir "$work/old" && tar -xf "$1" -C "$work/old" || return
	for library in "$work/old/libraries"/*; do
		[[ $(ldconfig -p) != *"	${library##*/} "* ]] || rm "$library"
	done
	give_to_tester "$work/old"
	old=$work/old$(cat "$work/old/bindir")
	environment=(LD_LIBRARY_PATH="$work/old/libraries")
}

upgrade_from() {
	local from to
	unpack "$1" || { fail "$1 cannot be unpacked"; return; }
	to=$("$pg_config" --version) from=$(at_old as_tester postgres --version)
	printf '\n== %s to %s\n' "${from#postgres (PostgreSQL) }" "${to#PostgreSQL }"
	from=${from#postgres (PostgreSQL) } from=${from%%[!0-9]*} to=${to#PostgreSQL } to=${to%%[!0-9]*}
	rm -rf "$work"/{old-data,new,upgraded}
	at_old start_server old-data "$preload"$'\n'"port = $old_port"$'\nwal_level = logical' || return
	check "$from: a database full of guards" with_port $old_port make_databases
	with_port $old_port remember
	check "$from: there are guards, rows and findings" test -s "$work/log/guards" -a -s "$work/log/rows" -a -s "$work/log/findings"
	if start_server new "$preload"; then
		numbers=''
		takes_columns || ! dumps_numbers || numbers=yes
		check "$from to $to by pg_dump and pg_restore" by_dump
		is_as_before shop "by pg_dump"
		check "$from to $to by pg_dump -C, a database with settings" by_script
		check "$from: rows without a tenant get one" with_port $old_port complete_nulls
		check "$from to $to by logical replication" by_replication
		check "replication ends" end_replication
		is_as_before replica "by logical replication"
		stop_server new
	fi
	at_old stop_server old-data
	if [ -n "$numbers" ]; then
		echo "skipped: $from to $to by pg_upgrade, which this minor release of $to can do with no table at all (pg_attver)"
		skipped=$((skipped + 1))
		return
	fi
	check "$from to $to by pg_upgrade" by_pg_upgrade
	if [ -e "$work/upgraded/postmaster.pid" ]; then
		is_as_before shop "by pg_upgrade"
		check "by pg_upgrade: a database with settings" numbers_are_kept
		stop_server upgraded
	fi
}

# with_port <port> <command...>
with_port() {
	local environment=("${environment[@]}" PGPORT="$1")
	shift
	"$@"
}

clean_up() {
	stop_servers
	at_old stop_servers
	[ -z "$work" ] || rm -rf "$work"
}

[ $# -ge 2 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2; }
pg_config=$("$project/test/needs.sh" regress) || exit 1
trap clean_up EXIT
trap 'exit 130' INT TERM
case $1 in
	pack) pack "$(realpath -m "$2")" ;;
	test)
		prepare || exit 1
		for file in "${@:2}"; do upgrade_from "$(realpath "$file")"; done
		tally="$passed passed, $failed failed"
		[ $skipped -eq 0 ] || tally+=", $skipped skipped"
		printf '\n%s\n' "$tally"
		[ $failed -eq 0 ] && [ $passed -gt 0 ]
		;;
	*) echo "unknown: $1"; exit 2 ;;
esac
