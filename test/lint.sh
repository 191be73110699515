#!/bin/bash
# Rules of this tree that neither a compiler nor a test keeps. One line a rule, "ok - rule" or "not ok - rule"
# followed by every place that breaks it; the last line is "N passed, N failed".
#
#   test/lint.sh [word]      every rule, or those whose name contains the word
set -u -o pipefail
shopt -s nullglob
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

# The wings of src/, and the wings that each may use (src/README.md).
declare -A may_use=(
	[base]=''
	[tenant]='base'
	[token]='base tenant'
	[guard]='base tenant'
	[bypass]='base tenant guard'
	[trust]='base tenant guard'
	[type_mismatch]='base guard'
	[foreign_keys]='base tenant guard bypass'
	[planner]='base tenant guard trust'
	[copy]='base tenant guard'
	[ddl]='base tenant guard bypass trust type_mismatch foreign_keys'
	[monitoring]='base tenant'
	[functions]='base tenant guard bypass foreign_keys ddl'
	[life]='base tenant guard bypass'
)

sources=(src/*.[ch] src/*/*.[ch]) c_files=(src/*.c src/*/*.c) script=(script/[0-9]*.sql script/[0-9]*/*.sql)
only=${1-}
passed=0 failed=0

# rule <name> <command...>: whatever the command says, complaints of its own included, is a finding.
rule() {
	local name=$1 findings
	[[ $name == *"$only"* ]] || return 0
	shift
	findings=$("$@" 2>&1)
	if [ -z "$findings" ]; then
		echo "ok - $name"
		passed=$((passed + 1))
	else
		echo "not ok - $name"
		printf '    %s\n' "${findings//$'\n'/$'\n'    }"
		failed=$((failed + 1))
	fi
}

# The text files of the project, one a line: what a build or a test run leaves is not.
text_files() {
	find . \( -name .git -o -path ./results -o -path ./output_iso -o -path ./tmp_check -o -path ./log -o -path './regression.*' -o -path './tenant_guard--?.?.sql' -o -name node_modules \) -prune -o \
		-type f -not -name '*.o' -not -name '*.so' -not -name '*.bc' -print0 | xargs -0 grep -IlE '' | sed 's|^\./||' | sort
}

search_text_files() { text_files | tr '\n' '\0' | xargs -0 grep -nE "$@" /dev/null; }

indented_files() {
	if ! command -v pg_bsd_indent >/dev/null; then echo "pg_bsd_indent is not installed"; return; fi
	test/indent.pl --check "${sources[@]}" test/*/*.c
}

versions_in_compat() { grep -n 'PG_VERSION_NUM' "${sources[@]}" | grep -vE '^src/base/(constraint_|copy_|guc_|json_|scan_|shared_)?compat\.h:'; }

# What only PostgreSQL calls, SQL functions and _PG_init, needs none. A definition's name begins its line and its type
# stands on the line before.
headers() {
	local file
	for file in "${c_files[@]}"; do
		[ -e "${file%c}h" ] || awk '/^[a-z_0-9]+\(/ && before !~ /^(static|Datum)/ { print FILENAME ":" FNR ": belongs into a header: " $0 }
			{ before = $0 }' "$file" | grep -v ': _PG_init('
	done
}

# Prints "<file> <its wing> <line> <wing of the header> <header>" for each include of a header of ours; "src" is no wing.
includes() {
	awk 'function wing(path, part) { return split(path, part, "/") == 3 ? part[2] : "src" }
		FNR == 1 && first { n = split(FILENAME, part, "/"); at[part[n]] = wing(FILENAME) }
		!first && match($0, /^[[:space:]]*#[[:space:]]*include[[:space:]]*"[^"]*"/) {
			header = substr($0, RSTART, RLENGTH); gsub(/^[^"]*"|"$/, "", header)
			if (header in at) print FILENAME, wing(FILENAME), FNR, at[header], header
		}' first=1 "${sources[@]}" first= "${sources[@]}"
}

# What stands in src/ itself may use every wing.
wings() {
	local file from line to header
	while read -r file from line to header; do
		[ "$from" = src ] || [ "$from" = "$to" ] || [[ " ${may_use[$from]-} " == *" $to "* ]] ||
			echo "$file:$line: $from/ must not use $to/ ($header)"
	done < <(includes)
	for file in src/*/; do
		from=$(basename "$file")
		[ -n "${may_use[$from]+set}" ] || echo "$file: is no wing: add it to \"may_use\" in test/lint.sh"
	done
}

# The tests that test/versions lists are there.
listed_tests() {
	local name rest
	while read -r name rest; do
		[[ -z $name || $name == '#' ]] || { [ -n "$rest" ] && [ -e "test/t/$name.pl" ]; } || echo "test/versions: $name is no test, or has no reason"
	done <test/versions
}

# Every file of a wing has its line in src/README.md, and every line its file.
listed_files() {
	local file name
	for file in src/*/*.c; do
		name=$(basename "$file" .c)
		grep -qE "^    $name( |$)" src/README.md || echo "$file:1: is not in src/README.md"
	done
	while read -r name; do
		[ -n "$(echo src/*/"$name".[ch])" ] || echo "src/README.md: names $name, which is not there"
	done < <(sed -n 's/^    \([a-z_]*\)  *.*/\1/p' src/README.md)
}

# tsort names the files of a cycle on standard error.
no_cycle() {
	includes | while read -r file from line to header; do
		file=$(basename "$file")
		[ "${file%.?}" = "${header%.h}" ] || echo "${file%.?} ${header%.h}"
	done | { tsort >/dev/null; } 2>&1
}

# paired <directory> <suffix> <directory of expected output>; an alternative output is called name_1.out.
paired() {
	local file name
	for file in "$1"/*"$2"; do
		name=$(basename "$file" "$2")
		[ -e "$3/$name.out" ] || echo "$file:1: has no $3/$name.out"
	done
	for file in "$3"/*.out; do
		name=$(basename "$file" .out)
		[ -e "$1/$name$2" ] || [ -e "$1/${name%_[0-9]}$2" ] || echo "$file:1: has no $1/$name$2"
	done
}

# What test/setup/ has is read from there, so that a test begins with what it tests.
shared_setup() { grep -nE "^\\\\set [ab] '''(a{8}|b{8})-" sql/*.sql; }

audit_sql() { perl script/audit_sql.pl | cmp -s - audit.sql || echo 'audit.sql:1: is not what the rules make: run perl script/audit_sql.pl >audit.sql'; }

shell_scripts() {
	if ! command -v shellcheck >/dev/null; then echo "shellcheck is not installed"; return; fi
	text_files | grep -E '(\.sh|^\.ci/run)$' | tr '\n' '\0' | xargs -0 shellcheck -f gcc
}

# Paths of a developer's machine, and servers that packages come from: each user has others. The brackets keep these
# patterns from finding themselves.
machine_paths() { search_text_files '/[w]ork/(main|shared)|/[t]mp/(chroots|src)/'; }
mirror_hosts() { search_text_files '(deb|ftp|archive|snapshot|security|mirrors?)[a-z0-9.-]*\.[d]ebian\.org|archive\.[u]buntu'; }

# A block of docs/ that stands below "<!-- path -->" is a part of that file, which a test runs.
tested_snippets() {
	# shellcheck disable=SC2016 # awk's
	text_files | grep '^docs/.*\.md$' | tr '\n' '\0' | xargs -0 awk '
		function slurp(name,  line, text) { text = "\n"; while ((getline line <name) > 0) text = text line "\n"; close(name); return text }
		FNR == 1 { file = ""; inside = 0 }
		/^<!-- [^ ]+ -->$/ { file = $2; next }
		/^```/ && inside { inside = 0; if (!index(slurp(file), block)) print FILENAME ":" start ": is not what " file " says"; file = ""; next }
		/^```/ && file != "" { inside = 1; start = FNR; block = "\n"; next }
		inside { block = block $0 "\n" }'
}

# The places in a page that a link can name: its headings, as GitHub spells them.
anchors() { sed -nE 's/^#+ +//p' "$1" | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9_ -]//g; s/ /-/g'; }

# doc_links: the files that pages link to are there, and so are the headings.
doc_links() {
	local page target file
	while IFS=: read -r page target; do
		target=${target#*](} target=${target%%)*} file=$page
		[[ $target != *://* ]] || continue
		[ -z "${target%%#*}" ] || file=$(dirname "$page")/${target%%#*}
		if [ ! -e "$file" ]; then
			echo "$page: links to $target, which is not there"
		elif [[ $target == *#* ]] && ! anchors "$file" | grep -qxF -- "${target#*#}"; then
			echo "$page: links to $target, and there is no such heading"
		fi
	done < <(text_files | grep '\.md$' | tr '\n' '\0' | xargs -0 grep -oE '\]\([^) ]+\)' /dev/null)
}

# Expected output is as psql prints it, and a diff as diff does.
trailing_space() { search_text_files '[[:blank:]]$' | grep -vE '^[^:]*\.(out|diff|patch):'; }

# A function's braces stand alone in the first column. In the install script a function begins with its CREATE, and ends with its COMMENT.
long_functions() {
	awk '/^\{$/ { start = FNR } /^\}$/ { if (start && FNR - start > 100) print FILENAME ":" start ": a function of " FNR - start " lines"; start = 0 }' "${sources[@]}"
	awk 'FNR == 1 { start = 0 } /^(CREATE|DO) / { start = FNR }
		/^COMMENT ON / { if (start && FNR - start > 100) print FILENAME ":" start ": a function or view of " FNR - start " lines"; start = 0 }' "${script[@]}"
}

# Every function and view of the install script has its COMMENT, so that the rule above sees where it ends.
uncommented() {
	awk 'function report() { if (start != "") print start ": has no COMMENT"; start = "" }
		FNR == 1 { report() }
		/^CREATE (FUNCTION|VIEW|TYPE|SCHEMA|EVENT TRIGGER) / { report(); start = FILENAME ":" FNR }
		/^COMMENT ON (FUNCTION|VIEW|TYPE|SCHEMA|EVENT TRIGGER) / { start = "" }
		END { report() }' "${script[@]}"
}

# filter_check.c is one walk over a query and the state of that walk.
long_files() {
	wc -l "${sources[@]}" test/*.sh test/clients/*.sh test/clients/*/run test/lib/*.sh demo/*.sh bench/*.sh | awk '$2 != "total" && $2 != "src/trust/filter_check.c" && $1 > 600 { print $2 ":" $1 ": a file of " $1 " lines" }'
}

# A statement of errors without an SQLSTATE reads as an internal error to the application.
errcodes() {
	awk '/ereport\((ERROR|FATAL)/ { start = FNR; text = "" }
		start { text = text $0 }
		start && /\);[[:space:]]*$/ { if (text !~ /errcode\(|sqlstate/) print FILENAME ":" start ": an error without errcode"; start = 0 }' "${c_files[@]}"
}

# Functions that SQL calls are exported by this prefix (exports.txt), and not found without it.
callable_names() { grep -nE '^PG_FUNCTION_INFO_V1\((.*)\)' "${c_files[@]}" | grep -v 'PG_FUNCTION_INFO_V1(tenant_guard_'; }

# What is done after which DDL statement is listed in table_change.c, and what is checked before one in temporary_statement.c:
# a second list would miss the statements of a later server. function_mismatch.c reads queries.
statement_lists() {
	grep -nE 'case (T_[A-Za-z]*Stmt|AT_[A-Za-z]*):' "${c_files[@]}" |
		grep -vE '^src/(ddl/table_change|bypass/temporary_statement|type_mismatch/function_mismatch)\.c:'
}

# one_version: the control file says the version, and what else names one names this; the Makefile reads it there. Debian's and PGXN's
# have a suffix: 0.9-1, 0.9.0.
one_version() {
	local version file text found
	version=$(sed -n "s/^default_version = '\(.*\)'/\1/p" tenant_guard.control)
	while IFS='|' read -r file text; do
		found=$(sed -n "s/$text/\1/p" "$file" | head -n 1)
		[ "${found:-none}" = "$version" ] || echo "$file:1: says version ${found:-none}, tenant_guard.control $version"
	done <<-'END'
		src/base/library.c|^#define LIBRARY_VERSION "\(.*\)"
		META.json|^  "version": "\([0-9.]*\)\.0",$
		META.json|^      "version": "\([0-9.]*\)\.0"$
		META.json|^ *"file": "tenant_guard--\(.*\)\.sql",$
		debian/changelog|^tenant-guard (\([0-9.]*\)-.*
		CHANGELOG.md|^## \([0-9.]*\).*
	END
	# what users install is the newest release, if there is one
	found=$(printf '%s\n' script/released/*.sql | sed -n 's/.*--\(.*\)\.sql$/\1/p' | sort -V | tail -n 1)
	version=${found:-$version}
	while IFS='|' read -r file text; do
		found=$(sed -n "s/$text/\1/p" "$file" | head -n 1)
		[ "${found:-none}" = "$version" ] || echo "$file:1: says version ${found:-none}, the newest is $version"
	done <<-'END'
		README.md|^\*\*State:\*\* version \([0-9.]*[0-9]\).*
		docs/installation.md|.*tenant-guard_\([0-9.]*\)-1_.*
		SECURITY.md|.*release, \([0-9.]*[0-9]\).*
	END
	grep -oE '\| [0-9.]+ \|$' README.md | tr -d '| ' | sort -u | while read -r found; do
		grep -q "^## $found\b" CHANGELOG.md || echo "README.md:1: says that something was added by $found, which CHANGELOG.md does not have"
	done
}

# Where a script updates from a version, the library works with the objects of that version until the script is run.
updates_are_listed() {
	local file version
	for file in tenant_guard--*--*.sql; do
		version=${file#tenant_guard--} version=${version%--*}
		[ ! -e "$file" ] || grep -q "works_with.*\"$version\"" src/tenant/extension_version.c || echo "$file:1: updates from version $version, which src/tenant/extension_version.c does not list"
	done
}

# update_script: it makes of the objects of the version before what script/ makes now (test/t/054_update.pl).
update_script() { perl script/update_sql.pl --check; }

# released_scripts: databases hold what a released script has made, so it stays as it was released, and what has to be otherwise is
# changed by one that updates from it. A tag knows what was released, also where script and checksum are changed together.
released_scripts() {
	local sums=script/released/checksums sum file version tag
	while read -r sum file; do
		[ -e "$file" ] && [ "$(sha256sum <"$file")" = "$sum  -" ] ||
			echo "$file:1: is not as it was released: restore it, and let a script that updates from it make the change"
	done < <(grep -v '^#' "$sums")
	for file in script/released/*.sql; do
		grep -qF "  $file" "$sums" || echo "$file:1: is not in $sums"
	done
	sed -n 's/^## \([0-9.]*\) ([0-9-]*)$/\1/p' CHANGELOG.md | while read -r version; do
		grep -qF "  script/released/tenant_guard--$version.sql" "$sums" || echo "$sums:1: lacks version $version, which CHANGELOG.md says is released: run make release-script"
	done
	version=$(sed -n "s/^default_version = '\(.*\)'/\1/p" tenant_guard.control)
	file=script/released/tenant_guard--$version.sql
	[ ! -e "$file" ] || [ "$(printf '%s\n' "${script[@]}" | LC_ALL=C sort | xargs cat | sha256sum)" = "$(sha256sum <"$file")" ] ||
		echo "tenant_guard.control:1: says version $version, which is released, and script/ makes another: set the next version"
	git tag --list 'v[0-9]*' 2>/dev/null | while read -r tag; do
		git show "$tag:$sums" 2>/dev/null | grep -v '^#' | grep -vxFf "$sums" | sed "s|^|$sums:1: lacks what $tag has released: |"
	done
}

sources_are_here() {
	local file
	for file in src/tenant_guard.c script/00-schema.sql; do [ -e "$file" ] || echo "$file:1: is missing: the rules would have nothing to look at"; done
}

rule "sources are here" sources_are_here
rule "PG_VERSION_NUM is said in src/base/compat.h alone" versions_in_compat
rule "what is called from elsewhere has a header" headers
rule "functions that SQL calls are named tenant_guard_... in C" callable_names
rule "DDL statements are listed in two files" statement_lists
rule "a wing uses only what it may" wings
rule "no cycle of includes" no_cycle
rule "src/README.md lists the files of each wing" listed_files
rule "regression tests and expected output are pairs" paired sql .sql expected
rule "isolation specs and expected output are pairs" paired test/specs .spec test/expected
rule "tests that other versions run are there" listed_tests
rule "regression tests take the tenants from test/setup/" shared_setup
rule "shellcheck" shell_scripts
rule "C files are indented as test/indent.pl does it" indented_files
rule "no path of a developer's machine" machine_paths
rule "no host name of a package mirror" mirror_hosts
rule "no trailing blanks" trailing_space
rule "code in docs/ is what a test runs" tested_snippets
rule "links between pages lead somewhere" doc_links
rule "no function over 100 lines" long_functions
rule "no file over 600 lines" long_files
rule "what the install script makes has a comment" uncommented
rule "one version" one_version
rule "the script that updates is made of script/" update_script
rule "released scripts are as they were released" released_scripts
rule "versions from which scripts update are listed" updates_are_listed
rule "every error has an errcode" errcodes
rule 'audit.sql is made of the rules of audit()' audit_sql

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
