#!/bin/bash
# Every test, on servers of its own: lints; regression tests and isolation specs on a server that preloads the library, on
# one that has tenant_guard.trusted_filters off, and on one that does not preload it; some of them compiled (JIT); TAP tests
# (which start their own servers), pgTAP tests.
#
#   test/run.sh                          everything
#   test/run.sh tap,lint                 some parts: lint, regress, isolation, jit, tap, pgtap, clients, demo
#   test/run.sh versions                 of the TAP tests those that other server versions run too (test/versions)
#   test/run.sh regress 'keys_*'         some tests of one part; of clients, those of test/clients/
#   test/run.sh hardening [part...]      for a night: with assertions, sanitizers, valgrind and more (test/hardening.sh)
#   test/run.sh --keep [part [test...]]  also leave the working directory, with every result, and print its path
#
# PG_CONFIG selects the server to test with, TG_CLIENTS the clients ("django pgbouncer"), SOAK_TRANSACTIONS how long the
# pooler's test is, TG_DDL_RUNS ("owner:17 superuser:18": as whom, and the seed) and TG_DDL_STATEMENTS how many random
# statements there are, TG_JOBS how many TAP tests run at a time (a processor has one each). Missing packages are installed
# (test/needs.sh); nothing else of the machine is touched: the extension goes into a private copy of the PostgreSQL
# installation, in a directory that disappears when all is well. It is in TMPDIR; where that is not set, in /dev/shm if
# there is room. TG_CONF is more settings of each server, TG_COPT the compiler's flags instead of -Werror, TG_UNDER a command
# under which servers run ("valgrind -q"), TG_SERVERS those of the regression tests' three servers that are wanted
# ("preloaded"). The last line is "N passed, N failed[, N skipped]".
set -u -o pipefail
exec </dev/null 2>&1 # one log, in order

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit 1
# shellcheck source=test/lib/installation.sh
. "$project/test/lib/installation.sh"
# shellcheck source=test/lib/server.sh
. "$project/test/lib/server.sh"
# shellcheck disable=SC2034 # of test/lib/server.sh
more_settings=${TG_CONF-}
passed=0 failed=0 skipped=0 failures=()
keep=''
parts=lint,regress,isolation,jit,tap,pgtap,clients,demo
names=() sorting=()
declare -A running=() # the TAP tests that run, by their process

say() { printf '\n== %s\n' "$*"; }

fail() {
	echo "FAILED: $*"
	failures+=("$*")
	failed=$((failed + 1))
}

parse_arguments() {
	if [ "${1-}" = --keep ]; then keep=yes; shift; fi
	[ $# -eq 0 ] || { parts=$1; shift; }
	names=("$@")
	[[ ,$parts =~ ^(,(lint|regress|isolation|jit|tap|versions|pgtap|clients|demo))+$ ]] && [[ $parts != *,* || $# -eq 0 ]] && return
	sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
	exit 2
}

wants() { [[ ,$parts, == *,$1,* ]]; }

# --- The working directory --------------------------------------------------------------------------------------

# A sample schema for one of the tests, where it is to be had; copied, since not everyone may read what is there.
copy_sample() {
	local file=${TG_NORTHWIND:-$project/../shared/data/northwind.sql}
	[ ! -r "$file" ] || { cp "$file" "$work/northwind.sql" && give_to_tester "$work/northwind.sql"; }
}

# PostgreSQL 15 does not know INITDB_TEMPLATE, from which the TAP tests' servers are copied.
# shellcheck disable=SC2016 # the script's own variables
initdb_by_template='[ "$#/$1/$3/$4/$5/${INITDB_TEMPLATE:+set}" = 5/-D/-A/trust/-N/set ] || exec %s "$@"
exec cp -a "$INITDB_TEMPLATE" "$2"'

# replace <program> <script>: the script stands for it, and finds it where it says %s.
replace() {
	mv "$bin/$1" "$bin/$1.bin" && printf '#!/bin/sh\n%s\n' "${2//%s/$bin/$1.bin}" >"$bin/$1" && chmod 755 "$bin/$1"
}

# put_under <command>: servers run under it, those too that pg_ctl starts again, by the program whose name the server before left.
# shellcheck disable=SC2016 # the script's own variables
put_under() {
	replace postgres "exec $1 %s \"\$@\"" && replace pg_ctl "exec %s \"\$@\" -p $bin/postgres"
}

# What the tests are told is theirs; a private copy of PostgreSQL is not needed to look at files.
prepare() {
	make_work "$(work_place)" && copy_sample || return
	environment=(TG_NORTHWIND="$work/northwind.sql" TG_DDL_RUNS="${TG_DDL_RUNS-}" TG_DDL_STATEMENTS="${TG_DDL_STATEMENTS-}")
	[ "$parts" != lint ] || return 0
	copy_postgres || return
	! "$pg_config" --version | grep -q '^PostgreSQL 15' || replace initdb "$initdb_by_template" || return
	[ -z "${TG_UNDER-}" ] || put_under "$TG_UNDER"
}

preload="shared_preload_libraries = 'tenant_guard'"

# --- Parts ------------------------------------------------------------------------------------------------------

# Warnings are errors here, not in the Makefile: a compiler of tomorrow must not break an installation.
build() {
	say "build for $("$pg_config" --version)"
	build_extension COPT="${TG_COPT--Werror}" || { fail "the build"; return 1; }
}

# tests_of <directory> <suffix>: the tests that were named, patterns among them, or one for each file.
tests_of() {
	local name file
	for name in "${names[@]-*}"; do
		for file in "$work/tree/$1"/$name"$2"; do
			if [ -e "$file" ]; then basename "$file" "$2"; elif [ "$name" != '*' ]; then printf '%s\n' "$name"; fi
		done
	done
}

# One half of "make installcheck". A test has passed only where its line says so ("ok 1 - name" since 16,
# "test name ... ok" before): what failed, never ran or has no line of its own is a failure.
installcheck() {
	local server=$1 part=$2 log=$work/log/$1-$2 test tests good status
	local directory=sql suffix=.sql expected=expected outputs=. variable=REGRESS other=ISOLATION
	if [ "$part" = isolation ]; then
		directory=test/specs suffix=.spec expected=test/expected outputs=output_iso variable=ISOLATION other=REGRESS
	fi
	mapfile -t tests < <(tests_of $directory $suffix)
	[ ${#tests[@]} -gt 0 ] || return
	# Without expected output pg_regress would not run the rest: a new test's first result is a difference.
	as_tester mkdir -p "$expected"
	for test in "${tests[@]}"; do as_tester touch "$expected/$test.out"; done
	say "$part, $server"
	as_tester make -s installcheck PG_CONFIG="$bin/pg_config" "$other=" "$variable=${tests[*]}" 2>&1 | tee "$log"
	status=$?
	good=$(grep -cE '^ok [0-9]+ |^test .* \.\.\. ok ' "$log")
	passed=$((passed + good))
	failed=$((failed + ${#tests[@]} - good))
	[ $status -eq 0 ] || [ "$good" -lt ${#tests[@]} ] || fail "make installcheck, with status $status"
	[ ! -d "$work/tree/$outputs/results" ] || cp -a "$work/tree/$outputs/results" "$log-results"
	[ $status -eq 0 ] || show 4000 "$work/tree/$outputs/regression.diffs"
}

# installcheck_on <start_server's arguments>
installcheck_on() {
	[[ " ${TG_SERVERS-preloaded unfiltered plain} " == *" $1 "* ]] || return 0
	start_server "$@" || return
	! wants regress || installcheck "$1" regress
	! wants isolation || installcheck "$1" isolation
	stop_server "$1"
}

# Bitcode is built and installed, and what PostgreSQL then compiles for each query, with the library's functions inlined
# where it can, answers as ever.
jit() {
	local compiled
	say jit
	if [ ! -e "$("$pg_config" --pkglibdir)/llvmjit.so" ] || ! grep -q '^with_llvm[[:space:]]*= yes' "$(dirname "$("$pg_config" --pgxs)")/../Makefile.global"; then
		echo "skipped: this server has no JIT compilation"
		skipped=$((skipped + 1))
		return
	fi
	as_tester make -s -j"$(nproc)" PG_CONFIG="$bin/pg_config" all install
	[ -e "$work/pg$("$pg_config" --pkglibdir)/bitcode/tenant_guard.index.bc" ] || { fail "the build of bitcode"; return; }
	[ ${#names[@]} -gt 0 ] || names=(guard_rows tenant_required planner_every_plan)
	start_server jit "$preload"$'\njit = on\njit_above_cost = 0\njit_inline_above_cost = 0\njit_optimize_above_cost = 0' || return
	installcheck jit regress
	compiled=$(as_tester psql -XAtq -d contrib_regression -c "EXPLAIN (ANALYZE) SELECT tenant_guard.has_tenant()")
	[[ $compiled == *"Options: Inlining true, Optimization true"* ]] || fail "jit: nothing is compiled: $compiled"
	stop_server jit
	names=()
}

# The tests that other versions run too, one a line, or all that were named.
tap_tests() {
	if wants tap || [ ${#names[@]} -gt 0 ]; then tests_of test/t .pl; else sed -n 's/^\([0-9]\w*\)\s.*/\1/p' "$work/tree/test/versions"; fi
}

# One file, in a directory of its own: so each has a verdict, and its logs are still there when it fails.
tap_test() {
	local directory=$work/tap/$1
	as_tester mkdir -p "$directory"
	as_tester env INITDB_TEMPLATE="$work/template" PG_TEST_PORT_DIR="$work/tmp/ports" TEMP_CONFIG="$work/conf" make -s -C "$directory" -f "$work/tree/Makefile" \
		VPATH="$work/tree" installcheck-tap PG_CONFIG="$bin/pg_config" PROVE_TESTS="test/t/$1.pl" >"$work/log/tap-$1" 2>&1
}

# Waits for one of those that run.
tap_ended() {
	local pid test log status
	wait -n -p pid "${!running[@]}"
	status=$?
	test=${running[$pid]} log=$work/log/tap-${running[$pid]}
	unset "running[$pid]"
	cat "$log"
	! grep -rshE -A 12 "$sanitized" "$work/tap/$test/tmp_check/log" --include='*.log' || status=1
	if [ $status -eq 0 ] && grep -q '^Result: PASS' "$log"; then
		passed=$((passed + 1))
	elif [ $status -eq 0 ] && grep -qE ' skipped: |^TAP tests not enabled' "$log"; then
		skipped=$((skipped + 1))
	else
		fail "tap $test"
		show 400 "$work/tap/$test/tmp_check/log/regress_log_$test"
	fi
	[ $status -ne 0 ] || rm -rf "$work/tap/$test"
}

tap() {
	local test
	say tap
	# the tests' servers are copies of this one
	as_tester initdb -D "$work/template" -E UTF8 --no-locale -A trust -N >"$work/log/template" 2>&1 || fail "initdb"
	echo "${TG_CONF-}" >"$work/conf"
	for test in $(tap_tests); do
		[ ${#running[@]} -lt "$jobs" ] || tap_ended
		# a group of its own, so that it can be ended with all its processes
		set -m
		tap_test "$test" &
		running[$!]=$test
		set +m
	done
	while [ ${#running[@]} -gt 0 ]; do tap_ended; done
}

# The example of docs/pgtap.md: a schema that is loaded, guarded, and then tested as its owner would in CI.
pgtap() {
	local test log
	say pgtap
	if ! command -v pg_prove >/dev/null || [ ! -e "$("$pg_config" --sharedir)/extension/pgtap.control" ]; then
		echo "skipped: pgTAP and pg_prove are not installed"
		skipped=$((skipped + 1))
		return
	fi
	start_server pgtap "$preload" || return
	for test in $(tests_of test/pgtap .sql); do
		log=$work/log/pgtap-$test
		if as_tester createdb "$test" && as_tester psql -Xq -v ON_ERROR_STOP=1 -d "$test" -f test/pgtap/schema/"$test".sql >"$log" 2>&1 &&
			as_tester pg_prove -v -d "$test" test/pgtap/"$test".sql 2>&1 | tee -a "$log" && grep -q '^Result: PASS' "$log"; then
			passed=$((passed + 1))
		else
			fail "pgtap $test"
			show 50 "$log"
		fi
	done
	stop_server pgtap
}

# The clients that were named, here or in TG_CLIENTS, or all: the directories of test/clients that can be run.
clients_to_test() {
	local run
	if [ -n "${TG_CLIENTS-}" ]; then xargs -n 1 <<<"$TG_CLIENTS"; return; fi
	for run in "$work/tree/test/clients"/*/run; do basename "${run%/run}"; done
}

# Packages of npm for the clients that need them, by the caller, who can reach the network. What their installation
# scripts would do is not needed.
install_node_modules() {
	local directory=$work/tree/test/clients
	grep -qs '^npm ' "${@/#/$directory/}" && [ -z "$("$directory/missing.sh" node-postgres)" ] || return 0
	(cd "$directory" && npm ci --ignore-scripts --no-audit --no-fund) >"$work/log/npm" 2>&1 </dev/null ||
		{ show 20 "$work/log/npm"; rm -rf "$directory/node_modules"; }
	[ "$(id -u)" -ne 0 ] || [ ! -e "$directory/node_modules" ] || chown -R "$tester" "$directory/node_modules"
}

# client <name>: in a database of its own, which has the extension and no tables. It passes by "ok - " lines alone, and
# exits with 77 where it cannot run.
client() {
	local log=$work/log/client-$1 directory=test/clients missing status
	say "client $1"
	missing=$("$work/tree/$directory/missing.sh" "$1")
	[ -z "$missing" ] || { echo "skipped: not installed:" "${missing//$'\n'/, }"; skipped=$((skipped + 1)); return; }
	{ as_tester createdb "client_$1" && as_tester psql -Xq -v ON_ERROR_STOP=1 -f "$directory/database.sql" "client_$1"; } >"$log" 2>&1 ||
		{ fail "client $1: its database"; show 50 "$log"; return; }
	as_tester env PGDATABASE="client_$1" SOAK_TRANSACTIONS="${SOAK_TRANSACTIONS-}" timeout 900 "$directory/$1/run" 2>&1 | tee "$log"
	status=${PIPESTATUS[0]}
	if [ "$status" -eq 77 ]; then
		skipped=$((skipped + 1))
	elif [ "$status" -eq 0 ] && grep -q '^ok - ' "$log" && ! grep -q '^not ok ' "$log"; then
		passed=$((passed + 1))
	else
		fail "client $1, with status $status"
	fi
}

clients() {
	local name selected
	mapfile -t selected < <(clients_to_test)
	install_node_modules "${selected[@]/%//packages}"
	start_server clients "$preload"$'\n'"tenant_guard.setting_names = 'app.current_tenant'" || return
	as_tester psql -Xq -v ON_ERROR_STOP=1 -f test/clients/roles.sql -f test/clients/template.sql ||
		fail "the roles of the clients"
	for name in "${selected[@]}"; do client "$name"; done
	stop_server clients
}

# demo_shows <name> [argument...]: the demo goes as promised, and has all of its dump. It sets up a server of its own.
demo_shows() {
	local name=$1 log=$work/log/demo-$1
	if PG_CONFIG=$pg_config "$project/demo/run.sh" "${@:2}" </dev/null >"$log" 2>&1 && ! grep 'of the dump failed' "$log"; then
		passed=$((passed + 1))
		echo "$name: $(tail -n 1 "$log")"
	else
		fail "demo/run.sh, $name"
		show 100 "$log"
	fi
}

# What pg_dump and pg_dumpall make of the sample where it has owners, grants, extensions and settings of its own.
make_dumps() {
	start_server dumps '' || return
	{ as_tester createdb shop && as_tester psql -Xq -v ON_ERROR_STOP=1 -d shop -f test/demo/shop.sql -f demo/erp.sql -f test/demo/owners.sql &&
		as_tester pg_dump -Fc -s -f "$work/tmp/shop.dump" shop && as_tester pg_dumpall -f "$work/tmp/all.sql" && as_tester gzip "$work/tmp/all.sql"; } \
		>"$work/log/dumps" 2>&1 || { fail "the dumps for the demo"; show 50 "$work/log/dumps"; }
	stop_server dumps
}

# The README's first command, on its own sample, on dumps of it, and on a hostile one.
demo() {
	local log=$work/log/demo-stranger
	say demo
	demo_shows "its sample"
	make_dumps
	demo_shows "an archive without rows" "$work/tmp/shop.dump"
	{ grep -q '^This dump has no rows' "$work/log/demo-an archive without rows" && ! grep -q '^ERROR' "$work/log/demo-an archive without rows"; } ||
		fail "demo/run.sh, a dump without rows"
	demo_shows "a gzipped pg_dumpall" "$work/tmp/all.sql.gz"
	PG_CONFIG=$pg_config "$project/test/demo.sh" </dev/null | tee "$log"
	passed=$((passed + $(grep -c '^ok - ' "$log")))
	failed=$((failed + $(grep -c '^not ok - ' "$log")))
	grep -q '^ok - ' "$log" || fail "test/demo.sh"
}

lint() {
	local log=$work/log/lint status
	say lint
	as_tester test/lint.sh | tee "$log" | grep -v '^[0-9]* passed,'
	status=${PIPESTATUS[0]}
	passed=$((passed + $(grep -c '^ok - ' "$log")))
	failed=$((failed + $(grep -c '^not ok - ' "$log")))
	[ "$status" -eq 0 ] || grep -q '^not ok - ' "$log" || fail "test/lint.sh, with status $status"
}

# --- The end ----------------------------------------------------------------------------------------------------

# shellcheck disable=SC2317,SC2329 # called by the trap
clean_up() {
	local pid
	trap '' INT TERM # a second one, as timeout sends, would leave the rest where it is
	for pid in "${!running[@]}"; do kill -- "-$pid"; done
	wait
	stop_servers
	[ -z "$work" ] || [ -n "$keep" ] || rm -rf "$work"
}

# What failed, once more at the end, where it is found.
repeat_failures() {
	local failure
	[ ! -d "$work" ] || grep -rHE '^not ok |^test .* FAILED' "$work/log" --include='*-regress' --include='*-isolation' --include='demo-stranger' --include=lint |
		sed "s|^$work/log/|FAILED: |; s/  */ /g"
	for failure in "${failures[@]}"; do echo "FAILED: $failure"; done
}

# What a failure left is kept, without the bulky rest; in CI nobody could look at it.
finish() {
	local tally="$passed passed, $failed failed" status=1
	[ $skipped -eq 0 ] || tally+=", $skipped skipped"
	[ $failed -gt 0 ] || [ $passed -eq 0 ] || status=0
	if [ $status -ne 0 ] && [ -z "$keep" ] && [ -d "$work" ] && [ -z "${CI-}" ]; then
		keep=yes
		rm -rf "$work"/{pg,preloaded,unfiltered,plain,jit,template}
	fi
	printf '\n'
	if [ $failed -gt 0 ]; then repeat_failures; fi
	[ -z "$keep" ] || echo "results and logs: $work"
	echo "$tally"
	exit $status
}

[ "${1-}" != hardening ] || exec "$project/test/hardening.sh" "${@:2}"
parse_arguments "$@"
trap clean_up EXIT
trap 'exit 130' INT TERM
[ "$parts" != clients ] || [ ${#names[@]} -eq 0 ] || export TG_CLIENTS="${names[*]}"
jobs=${TG_JOBS:-$(nproc)}
# shellcheck disable=SC2086 # a list of parts
if ! pg_config=$("$project/test/needs.sh" ${parts//,/ }) || ! prepare; then
	fail "the preparation"
	finish
fi
! wants lint || lint
if [ "$parts" != lint ] && build; then
	if wants regress || wants isolation; then
		installcheck_on preloaded "$preload"
		# as on a bare cluster: in no language, with no encoding
		installcheck_on unfiltered "$preload"$'\ntenant_guard.trusted_filters = off' -E SQL_ASCII --locale=C
		# "make installcheck" is for anyone's server: this one sorts words as people do, where PostgreSQL can.
		! "$pg_config" --configure | grep -q -- --with-icu || sorting=(--locale-provider=icu --icu-locale=en-US)
		installcheck_on plain '' "${sorting[@]}"
	fi
	! wants jit || jit
	if wants tap || wants versions; then tap; fi
	! wants pgtap || pgtap
	! wants clients || clients
	! wants demo || demo
fi
finish
