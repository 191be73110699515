#!/bin/bash
# For a night: what finds errors that no test shows, on a server that PostgreSQL's developers would use. Needs what builds
# PostgreSQL. Each part is left out, with a sentence, where what it needs cannot be had.
#
#   test/hardening.sh                 every part
#   test/hardening.sh asserts random  some:
#     server      builds a server with assertions from the distribution's source package; the parts below use it
#     asserts     regression, isolation and TAP tests on it
#     postgres    PostgreSQL's own regression tests, with the library loaded
#     sanitizers  the library with the sanitizers of addresses and undefined behaviour, on the server that is installed
#     caches      some tests with each cache thrown away whenever it could be (debug_discard_caches)
#     valgrind    some tests under valgrind
#     tokens      libFuzzer over what verifies tokens and reads keys, with the sanitizers (ten minutes, or TG_SECONDS)
#     sqlsmith    random queries of an application's role: no crash, and no canary of another tenant in any message
#     random      random statements (040_random_ddl) and talkative queries (039_queries_do_not_talk), new seeds each time
#
# TG_HARDENING is the directory where the server, the logs and what was found stay (a new one in /tmp), TG_SECONDS how long
# each random part is (3600), TG_LIMIT after how many seconds a run of tests is stopped, as a failure (7200), TG_SOURCE the
# directory of PostgreSQL's source where that is there. The last line is the sum.
set -u -o pipefail
exec </dev/null 2>&1

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit 1
# shellcheck source=test/lib/installation.sh
. "$project/test/lib/installation.sh"
# shellcheck source=test/lib/server.sh
. "$project/test/lib/server.sh"
seconds=${TG_SECONDS:-3600} limit=${TG_LIMIT:-7200}
passed=0 failed=0 skipped=0 child=''
# some regression tests of each wing, for what makes a server thirty times slower
few=(tenant_required tenant_every_way_to_set tenant_deferred_triggers guard_rows guard_new_rows guard_partitions_and_children
	guard_temporary_rows guard_drop_extension bypass_views_and_functions bypass_key_actions trust_index trust_side_doors
	mismatch_queries mismatch_stored_code keys_actions keys_pairing keys_of_frameworks planner_every_plan planner_on_conflict
	ddl_parts ddl_auto_protect functions_protect functions_derive audit_disabled_keys)
# and a thousand times: none of them calls audit(), or shows how often a statement is analyzed
fewer=(tenant_required tenant_every_way_to_set guard_rows guard_new_rows guard_partitions_and_children guard_temporary_rows
	bypass_views_and_functions bypass_key_actions trust_index mismatch_queries mismatch_other_types keys_actions keys_pairing
	planner_every_plan planner_on_conflict ddl_auto_protect functions_protect functions_derive)

say() { printf '\n==== %s\n' "$*"; }
ok() { echo "ok - $*"; passed=$((passed + 1)); }
not_ok() { echo "not ok - $*"; failed=$((failed + 1)); }
skip() { echo "skipped: $*"; skipped=$((skipped + 1)); }

# --- A server with assertions -----------------------------------------------------------------------------------------

# The package's source, by a configuration of apt of our own: the machine's has no sources in most places, and stays as it is.
# Of the versions that are listed the newest that can be had: a mirror may lag behind its lists.
get_source() {
	local apt=$directory/apt file version major options
	command -v dpkg-source >/dev/null || return
	major=$("$pg_config" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/')
	options=(-q -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts="$apt/parts" -o Dir::State="$apt"
		-o Dir::State::status=/var/lib/dpkg/status -o Dir::Cache="$apt" -o APT::Sandbox::User=root)
	mkdir -p "$apt"/{parts,lists/partial,archives/partial} "$directory/source" || return
	cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | sed -n 's/^deb /deb-src /p' >"$apt/sources.list"
	for file in /etc/apt/sources.list.d/*.sources; do
		[ ! -e "$file" ] || sed 's/^Types:.*/Types: deb-src/' "$file" >"$apt/parts/${file##*/}"
	done
	apt-get "${options[@]}" update
	for version in $(apt-cache "${options[@]}" showsrc "postgresql-$major" | sed -n 's/^Version: //p' | sort -rV); do
		(cd "$directory/source" && apt-get "${options[@]}" source "postgresql-$major=$version") && return
	done
	return 1
} >"$directory/source.log" 2>&1

build_server() {
	local options=(--prefix="$server" --enable-cassert --enable-debug --enable-tap-tests --without-readline) flags='-O1 -g -fno-omit-frame-pointer'
	! pkg-config --exists icu-uc icu-i18n || options+=(--with-icu)
	! pkg-config --exists libxml-2.0 || options+=(--with-libxml) # a test makes XML
	[ ! -e /usr/include/valgrind/memcheck.h ] || flags+=' -DUSE_VALGRIND'
	cd "$source" && ./configure -q "${options[@]}" CC="$(command -v ccache) gcc" CFLAGS="$flags" && make -s -j"$(nproc)" world-bin &&
		installs_below "$server" && make -s install-world-bin && make -s -C src/test/regress all
}

# Debian's source installs libraries among the system's own unless the prefix has "postgres" in it.
installs_below() {
	[[ $(src/bin/pg_config/pg_config --pkglibdir) == "$1"/* ]] || { echo "this would be installed outside $1"; return 1; }
}

part_server() {
	[ ! -x "$server/bin/postgres" ] || { ok "the server with assertions is there"; return; }
	[ -n "$source" ] || { get_source; source=$(find "$directory/source" -mindepth 1 -maxdepth 1 -type d | head -n 1); }
	[ -n "$source" ] || { skip "the source package of PostgreSQL cannot be had: the parts that need assertions are left out"; return; }
	if (build_server) >"$directory/build.log" 2>&1; then
		ok "a server with assertions builds"
	else
		tail -n 20 "$directory/build.log"
		skip "a server with assertions does not build here: $directory/build.log says why"
	fi
}

# --- Tests ------------------------------------------------------------------------------------------------------------

# tests <name> <what> <variable=value...> -- <test/run.sh's arguments...>: shows how it goes; what fails there is counted. So is
# what passed until it was stopped.
tests() {
	local what=$2 log=$directory/$1.log settings=() status
	shift 2
	while [ "$1" != -- ]; do settings+=("$1"); shift; done
	shift
	: >"$log"
	# other flags than the server's, and gcc warns of something else
	timeout -k 60 "$limit" env CI=true TG_COPT= "${settings[@]}" "$project/test/run.sh" "$@" >"$log" 2>&1 &
	child=$!
	tail -n +1 -f --pid=$child "$log" | grep --line-buffered -E '^(not )?ok [0-9]|^test .* \.\.\. |^test/t/.* \.\. (ok|skipped|Dub)'
	wait $child
	status=$? child=''
	if [[ $(tail -n 1 "$log") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed ]]; then
		passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
		echo "$what: $(tail -n 1 "$log")"
		grep '^FAILED: ' "$log" | sort -u
	elif [ $status -eq 124 ]; then
		passed=$((passed + $(grep -cE '^ok [0-9]+ |^test .* \.\.\. ok |^Result: PASS' "$log")))
		not_ok "$what: stopped after $limit s: $log"
	else
		tail -n 20 "$log"
		not_ok "$what could not be tested"
	fi
}

# found_in <name> <findings> <who finds>: nothing is found where no test has run, either.
found_in() {
	if [ -n "$2" ]; then
		not_ok "$3"
		echo "$2"
	elif grep -qE '^ok [0-9]+ |^test .* \.\.\. ok ' "$directory/$1.log"; then
		ok "$3 nothing"
	else
		not_ok "$3 nothing, since no test has run"
	fi
}

with_asserts() {
	[ -x "$server/bin/postgres" ] && return
	skip "$1 needs the server with assertions"
	return 1
}

part_asserts() { ! with_asserts asserts || tests asserts "with assertions" PG_CONFIG="$server/bin/pg_config" -- regress,isolation,tap; }

part_caches() {
	with_asserts caches || return
	tests caches "without caches" PG_CONFIG="$server/bin/pg_config" TG_SERVERS=preloaded TG_CONF="debug_discard_caches = 1" -- regress "${fewer[@]}"
}

# The TAP tests whose figures would be the sanitizers', those that start no server, and one that moves its server without the wrapper around it.
tap_tests_but() {
	local test
	for test in "$project"/test/t/*.pl; do
		test=$(basename "$test" .pl)
		[[ " $* " == *" $test "* ]] || echo "$test"
	done
}

# What is found is in the server's log, where test/run.sh looks for it, and stops nothing: log_path does not work with both
# sanitizers. Servers with many libraries, as distributions build them, may hang where libasan comes first. What a server frees
# stays in the sanitizer's quarantine, so that a process grows: where growth is measured there is none.
part_sanitizers() {
	local flags='-fsanitize=undefined -fno-omit-frame-pointer -g' under='env UBSAN_OPTIONS=print_stacktrace=1' config=$pg_config library found others
	library=$(gcc -print-file-name=libasan.so)
	if [ -x "$server/bin/postgres" ] && [ -e "$library" ] && LD_PRELOAD=$library ASAN_OPTIONS=detect_leaks=0 timeout 10 "$server/bin/postgres" -V; then
		config=$server/bin/pg_config flags=${flags/undefined/address,undefined -fsanitize-recover=address}
		under+=" LD_PRELOAD=$library ASAN_OPTIONS=detect_leaks=0:detect_odr_violation=0:halt_on_error=0"
	else
		skip "addresses: they need the server with assertions, and libasan"
	fi
	mapfile -t others < <(tap_tests_but 004_no_growth 033_large_schemas 034_large_tables 041_documentation 045_audit_sql 046_library_is_missing)
	tests sanitizers "with sanitizers" PG_CONFIG="$config" TG_COPT="$flags" TG_UNDER="$under" -- regress,isolation
	tests sanitizers-tap "with sanitizers, TAP" PG_CONFIG="$config" TG_COPT="$flags" TG_UNDER="$under" -- tap "${others[@]}"
	tests sanitizers-growth "with sanitizers, growth" PG_CONFIG="$config" TG_COPT="$flags" \
		TG_UNDER="${under/halt_on_error/quarantine_size_mb=0:thread_local_quarantine_size_kb=0:halt_on_error}" -- tap 004_no_growth
	found=$(cat "$directory"/sanitizers{,-tap,-growth}.log | grep -E "$sanitized" | sort | uniq -c | head -n 50)
	found_in sanitizers "$found" "the sanitizers find"
}

# Only what has the library in its stack, and PostgreSQL does not know of.
part_valgrind() {
	local config=$server/bin/pg_config known='' found
	command -v valgrind >/dev/null || { skip "valgrind is not installed"; return; }
	[ -x "$config" ] || config=$pg_config
	[ ! -e "$source/src/tools/valgrind.supp" ] || known="--suppressions=$source/src/tools/valgrind.supp"
	mkdir -p "$directory/valgrind" && chmod 1777 "$directory/valgrind" && rm -f "$directory"/valgrind/*
	tests valgrind "under valgrind" PG_CONFIG="$config" TG_SERVERS=preloaded \
		TG_UNDER="valgrind -q --leak-check=no --trace-children=yes $known --fullpath-after= --error-markers=BEGIN,END --log-file=$directory/valgrind/%p" -- regress "${few[@]}"
	found=$(cat "$directory"/valgrind/* 2>/dev/null | awk '/BEGIN/ { text = "" } { text = text $0 "\n" } /END/ && text ~ /tenant_guard/ { print text }' | head -n 100)
	found_in valgrind "$found" "valgrind finds, of the library's,"
}

# --- A server of our own ----------------------------------------------------------------------------------------------

# shellcheck disable=SC2317,SC2329 # called by test/lib/
fail() { not_ok "$*"; }

# shellcheck disable=SC2119 # make needs no more arguments
start_asserts() {
	stop_servers
	[ -z "$work" ] || rm -rf "$work"
	{ make_work "$directory" && pg_config=$server/bin/pg_config copy_postgres && build_extension; } >"$directory/start.log" 2>&1 &&
		start_server asserts "shared_preload_libraries = 'tenant_guard'"
}

crashed() { grep -E 'PANIC:|was terminated by signal|TRAP:' "$work/log/asserts-server"; }

part_postgres() {
	local log=$directory/postgres.log
	with_asserts postgres || return
	[ -d "$source/src/test/regress" ] || { skip "PostgreSQL's own tests are in its source"; return; }
	start_asserts || { tail "$directory/start.log"; not_ok "there is no server"; return; }
	[ "$(id -u)" -ne 0 ] || chown -R "$tester" "$source/src/test"
	as_tester timeout "$limit" make -s -C "$source/src/test/regress" installcheck-parallel >"$log" 2>&1
	# security_label is about a server without a provider of labels, and the library is one
	if grep -qE 'All [0-9]+ tests passed|1 of [0-9]+ tests failed' "$log" && ! grep -E '^not ok|\.\.\. FAILED' "$log" | grep -vqw security_label; then
		ok "PostgreSQL's own regression tests pass with the library loaded"
	else
		grep -E '^not ok|FAILED|failed' "$log"
		not_ok "PostgreSQL's own regression tests: $source/src/test/regress/regression.diffs"
	fi
	stop_server asserts
}

# Two tenants; the canary is only the other one's.
canary_schema() {
	cat <<SQL
CREATE EXTENSION tenant_guard;
CREATE ROLE app LOGIN;
CREATE TABLE customers (id int, tenant_id uuid, name text, amount numeric, made date, PRIMARY KEY (tenant_id, id));
CREATE TABLE orders (id int, tenant_id uuid, customer int, note text, PRIMARY KEY (tenant_id, id), FOREIGN KEY (tenant_id, customer) REFERENCES customers (tenant_id, id));
SET tenant_guard.bypass = on;
INSERT INTO customers SELECT n, '$tenant', 'name ' || n, n, '2024-01-01' FROM generate_series(1, 50) n;
INSERT INTO customers SELECT n, '$other', 'canary7731', 7731773100 + n, '2024-01-01' FROM generate_series(1, 50) n;
INSERT INTO orders SELECT id, tenant_id, id, 'of ' || name FROM customers;
GRANT ALL ON customers, orders TO app;
ALTER ROLE app SET tenant_guard.tenant_id = '$tenant';
ALTER ROLE app SET statement_timeout = '2s';
SQL
}

part_sqlsmith() {
	local tenant=aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa other=bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb log=$directory/sqlsmith.log
	with_asserts sqlsmith || return
	command -v sqlsmith >/dev/null || apt-get -q install -y --no-install-recommends sqlsmith >"$log" 2>&1 || { skip "sqlsmith cannot be had"; return; }
	if ! start_asserts || ! as_tester psql -Xq -v ON_ERROR_STOP=1 -c "$(canary_schema)" postgres >>"$log" 2>&1; then
		tail "$directory/start.log" "$log"
		not_ok "the server for sqlsmith"
		return
	fi
	while [ $SECONDS -lt $((started + seconds)) ] && ! crashed; do
		as_tester timeout $((started + seconds - SECONDS + 1)) sqlsmith --verbose --seed=$RANDOM --target="host=$work/tmp user=app dbname=postgres" >>"$log" 2>&1
	done
	if crashed; then not_ok "sqlsmith crashes the server"; else ok "sqlsmith does not crash the server ($(grep -c 'LOG\|ERROR' "$work/log/asserts-server") lines in its log)"; fi
	if grep -E 'ERROR:|DETAIL:|HINT:|CONTEXT:|NOTICE:' "$work/log/asserts-server" "$log" | grep -E 'canary7731|77317731' | head; then not_ok "a canary is in a message"; else ok "no canary is in a message"; fi
	stop_servers
}

# One round after the other until the time is over; a failure names its seed.
part_random() {
	local config=$pg_config round=0 before=$failed
	[ ! -x "$server/bin/postgres" ] || config=$server/bin/pg_config
	while [ $SECONDS -lt $((started + seconds)) ] && [ $failed -eq $before ]; do
		round=$((round + 1))
		tests "random-$round" "random statements, round $round" PG_CONFIG="$config" TG_DDL_RUNS="owner:$RANDOM superuser:$RANDOM" TG_DDL_STATEMENTS=500 \
			-- tap 040_random_ddl 039_queries_do_not_talk
	done
}

# What verifies tokens and reads keys, outside the server; see test/fuzz/token.c.
part_tokens() {
	local log=$directory/tokens.log fuzzer=$directory/token-fuzzer found=$directory/tokens seconds=${TG_SECONDS:-600}
	mkdir -p "$found/corpus"
	if ! echo 'int LLVMFuzzerTestOneInput(const char *d, long n) { return 0; }' | clang -fsanitize=fuzzer -x c -o "$fuzzer" - >"$log" 2>&1; then
		skip "clang with libFuzzer is not there"
		return
	fi
	if ! clang -g -O1 -fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -DFRONTEND -Wno-unused-command-line-argument \
		-I"$project/src/base" -I"$project/src/token" -I"$("$pg_config" --includedir-server)" -I"$("$pg_config" --includedir)/internal" \
		"$project"/test/fuzz/token.c "$project"/src/token/{base64url,json_document,token_key,verify_token}.c \
		-L"$("$pg_config" --pkglibdir)" -L"$("$pg_config" --libdir)" -lpgcommon -lpgport -lssl -lcrypto -lm -o "$fuzzer" >"$log" 2>&1; then
		tail -n 20 "$log"
		not_ok "the fuzzer of tokens does not build"
	elif "$fuzzer" -max_len=9000 -max_total_time="$seconds" -artifact_prefix="$found/" -print_final_stats=1 "$found/corpus" "$project/test/fuzz/seeds" >"$log" 2>&1; then
		ok "the fuzzer of tokens finds nothing in $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") tries"
	else
		tail -n 40 "$log"
		not_ok "the fuzzer of tokens finds $found"
	fi
}

# --- All of it --------------------------------------------------------------------------------------------------------

parts=("$@")
[ $# -gt 0 ] || parts=(server asserts postgres sanitizers caches valgrind tokens sqlsmith random)
directory=$(realpath -m "${TG_HARDENING:-$(mktemp -d)}") && mkdir -p "$directory" && chmod a+rx "$directory" || exit 1
server=$directory/postgres source=${TG_SOURCE-$(find "$directory/source" -mindepth 1 -maxdepth 1 -type d 2>/dev/null | head -n 1)}
pg_config=$("$project/test/needs.sh" regress isolation tap) || exit 1
trap '[ -z "$child" ] || kill "$child"; stop_servers' EXIT
trap 'exit 130' INT TERM
for part in "${parts[@]}"; do
	declare -F "part_$part" >/dev/null || { sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2; }
	say "$part"
	started=$SECONDS sum=("-$passed" "-$failed" "-$skipped")
	"part_$part"
	echo "$part: $((passed + sum[0])) passed, $((failed + sum[1])) failed, $((skipped + sum[2])) skipped after $((SECONDS - started)) s"
done
printf '\nlogs: %s\n' "$directory"
tally="$passed passed, $failed failed"
[ $skipped -eq 0 ] || tally+=", $skipped skipped"
echo "$tally"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
