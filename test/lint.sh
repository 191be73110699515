#!/bin/bash
# Rules of this tree that neither a compiler nor a test keeps. One line a rule, "ok - rule" or "not ok - rule"
# followed by every place that breaks it; the last line is "N passed, N failed".
#
#   test/lint.sh [word]      every rule, or those whose name contains the word
set -u -o pipefail
shopt -s nullglob
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

# The modules of src/ in the order of DESIGN.md's layers: a file includes only what stands before it.
modules=(compat library settings refusal tenant_type tenant_refusals guard_refusals key_refusals mismatch_refusals access_refusals plan_refusals tenant_shares plan_walk tenant_for_role preloading plan_mark tenant_plan tenant_source pending_trigger current_tenant set_tenant own_function guard trusted_function
	label own_sql made_table foreign_code execute_as relation_argument install_guard noforce framework_key foreign_key key_owners companion_key pair_keys crossing_key key_setting auto_protect temporary_table toast access_check temporary_statement late_plan statement_kind prepared_transaction key_action key_action_row key_error foreign_part same_policy trigger_owner reference_owner unenforced_key unguarded_parent column_change invariant table_change protect derive protect_schema
	column_origin expression_origin mismatch_hint find_mismatch function_mismatch query_mismatch stored_mismatch
	safe_pattern constant call_condition barrier redundant_check sublink_pullup examination filter_check stack_reserve security_barrier explain_filters refused_row conflict_filter tenant_qual_first self_join skewed_plan event_triggers hooks tenant_guard)

sources=(src/*.[ch] src/*/*.[ch]) c_files=(src/*.c src/*/*.c)
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
	find . \( -name .git -o -path ./results -o -path ./output_iso -o -path ./tmp_check -o -path ./log -o -path './regression.*' -o -path './tenant_guard--1.0.sql' -o -name node_modules \) -prune -o \
		-type f -not -name '*.o' -not -name '*.so' -not -name '*.bc' -print0 | xargs -0 grep -IlE '' | sed 's|^\./||' | sort
}

search_text_files() { text_files | tr '\n' '\0' | xargs -0 grep -nE "$@" /dev/null; }

versions_in_compat() { grep -n 'PG_VERSION_NUM' "${sources[@]}" | grep -v '^src/base/compat\.h:'; }

# What only PostgreSQL calls, SQL functions and _PG_init, needs none. A definition's name begins its line and its type
# stands on the line before.
headers() {
	local file
	for file in "${c_files[@]}"; do
		[ -e "${file%c}h" ] || awk '/^[a-z_0-9]+\(/ && before !~ /^(static|Datum)/ { print FILENAME ":" FNR ": belongs into a header: " $0 }
			{ before = $0 }' "$file" | grep -v ': _PG_init('
	done
}

# Prints a module's place in the order, 0 for an unknown one.
place() {
	local i
	for i in "${!modules[@]}"; do
		[ "${modules[i]}" != "$1" ] || echo "$((i + 1))"
	done | grep . || echo 0
}

layers() {
	local file line header from to
	for file in "${sources[@]}"; do
		from=$(basename "$file" | sed 's/\.[ch]$//')
		[ "$(place "$from")" -gt 0 ] || { echo "$file:1: is in no layer: add it to \"modules\" in test/lint.sh"; continue; }
		while read -r line header; do
			to=$header
			if [ "$to" != "$from" ] && [ "$(place "$to")" -gt 0 ] && [ "$(place "$to")" -gt "$(place "$from")" ]; then
				echo "$file:$line: $from must not include $to.h"
			fi
		done < <(sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\(.*\)\.h".*/\1/;t found;b;:found;=;p' "$file" | paste -d' ' - -)
	done
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

# doc_links: the files that pages link to are there.
doc_links() {
	local page target
	while IFS=: read -r page target; do
		target=${target#*](} target=${target%%)*} target=${target%%#*}
		[ -z "$target" ] || [[ $target == *://* ]] || [ -e "$(dirname "$page")/$target" ] || echo "$page: links to $target, which is not there"
	done < <(text_files | grep '\.md$' | tr '\n' '\0' | xargs -0 grep -oE '\]\([^) ]+\)' /dev/null)
}

# Expected output is as psql prints it, and a diff as diff does.
trailing_space() { search_text_files '[[:blank:]]$' | grep -vE '^[^:]*\.(out|diff|patch):'; }

# A function's braces stand alone in the first column.
long_functions() {
	awk '/^\{$/ { start = FNR } /^\}$/ { if (start && FNR - start > 100) print FILENAME ":" start ": a function of " FNR - start " lines"; start = 0 }' "${sources[@]}"
}

long_files() {
	wc -l "${sources[@]}" test/*.sh test/clients/*.sh test/clients/*/run demo/*.sh | awk '$2 != "total" && $1 > 600 { print $2 ":" $1 ": a file of " $1 " lines" }'
}

# A statement of errors without an SQLSTATE reads as an internal error to the application.
errcodes() {
	awk '/ereport\((ERROR|FATAL)/ { start = FNR; text = "" }
		start { text = text $0 }
		start && /\);[[:space:]]*$/ { if (text !~ /errcode\(|sqlstate/) print FILENAME ":" start ": an error without errcode"; start = 0 }' "${c_files[@]}"
}

# Functions that SQL calls are exported by this prefix (exports.txt), and not found without it.
callable_names() { grep -nE '^PG_FUNCTION_INFO_V1\((.*)\)' "${c_files[@]}" | grep -v 'PG_FUNCTION_INFO_V1(tenant_guard_'; }

sources_are_here() { [ -e src/tenant_guard.c ] || echo "src/tenant_guard.c:1: is missing: the rules would have nothing to look at"; }

rule "sources are here" sources_are_here
rule "PG_VERSION_NUM is said in src/base/compat.h alone" versions_in_compat
rule "what is called from elsewhere has a header" headers
rule "functions that SQL calls are named tenant_guard_... in C" callable_names
rule "includes keep to the layers" layers
rule "regression tests and expected output are pairs" paired sql .sql expected
rule "isolation specs and expected output are pairs" paired test/specs .spec test/expected
rule "shellcheck" shell_scripts
rule "no path of a developer's machine" machine_paths
rule "no host name of a package mirror" mirror_hosts
rule "no trailing blanks" trailing_space
rule "code in docs/ is what a test runs" tested_snippets
rule "links between pages lead somewhere" doc_links
rule "no function over 100 lines" long_functions
rule "no file over 600 lines" long_files
rule "every error has an errcode" errcodes

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
