#!/usr/bin/env bash
#
# Try tenant_guard on a copy of a real schema, or on a small ERP.
#
#   demo/run.sh [dump [tenant_column]]
#
# dump           what pg_dump or pg_dumpall made: plain, gzipped or an archive;
#                without it, demo/erp.sql
# tenant_column  the column that says whose a row is; without it, tenant_id
#
# Loads the dump into a throwaway server, guards every table that has the column,
# and shows what that changes, checking each step. Exits 0 if every step is as
# promised, 1 if not, 2 if it was called wrongly.
#
# A dump is a stranger's, and nothing of it runs as a superuser, nor in the shell. Its
# statements run as demo_loader, an ordinary role, through a client that has no commands of
# its own (load.sh says what holds); its rows are counted by demo_reader, which is ordinary
# but for BYPASSRLS, and used as app. The superuser, demo_dba, calls tenant_guard's prove(),
# audit() and views, which run what belongs to a table as its owner, and otherwise plans no
# query on the dump's tables: that alone evaluates expressions of their indexes. It looks up
# nothing but in pg_catalog, and the dump's names reach its statements as literals, or whole.
#
# The server listens on a socket in a temporary directory only and runs from a copy
# of the installed one: the machine's own and its clusters are not touched. All of
# it is removed at the end. Packages that are missing are installed, and stay.
# PG_CONFIG chooses the server to copy.

set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bold='' normal=''
if [[ -t 1 ]]; then bold=$'\e[1m' normal=$'\e[0m'; fi

# What names of the dump's could do to a terminal is taken out of them.
visible() { tr -d '\000-\010\013-\037\177'; }
say() { printf '%s\n' "${*//[[:cntrl:]]/ }"; }
heading() { printf '\n%s%s%s\n' "$bold" "$*" "$normal"; }
indent() { visible | sed 's/^/    /'; }
one_line() { printf "regexp_replace(%s::text, '[[:cntrl:]]', ' ', 'g')" "$1"; } # a name may have line breaks
literal() { printf "'%s'" "${1//\'/\'\'}"; }

die() { # status, line ...
	local status=$1
	shift
	printf 'demo/run.sh: %s\n' "$@" >&2
	exit "$status"
}

# The first lines of a long list, and how many follow.
first() {
	visible | awk -v most="$1" 'NR <= most { print } END { if (NR > most) printf "... and %d more\n", NR - most }'
}

# shellcheck source-path=SCRIPTDIR source=server.sh
. "$here/server.sh"
# shellcheck source-path=SCRIPTDIR source=load.sh
. "$here/load.sh"

# ---- SQL ---------------------------------------------------------------------

# Statements are given to psql as options, where it knows no commands of its own. Only what
# is the application's finds anything in public, where the dump may have put operators.
run_sql() { # role, psql's options ...
	local path=pg_catalog
	[[ $1 != app ]] || path=public
	settings="-c search_path=$path -c standard_conforming_strings=on" sql "$@" </dev/null
}

# Bare rows, for the script.
ask() { # role, statement ...
	local role=$1 statement options=()
	shift
	for statement; do options+=(-c "$statement"); done
	run_sql "$role" -At -F $'\t' -v VERBOSITY=terse "${options[@]}"
}

# The rows of statements that a query makes, as the same role.
ask_each() { # role, query
	local statements next
	mapfile -t -d '' statements < <(run_sql "$1" -At -0 -c "$2")
	for ((next = 0; next < ${#statements[@]}; next += 200)); do ask "$1" "${statements[@]:next:200}"; done
}

# Statements and their answers as on a terminal, SQLSTATE included; kept in $output.
show() { # role, statement ...
	local role=$1 statement options=()
	shift
	for statement; do options+=(-c "$statement"); done
	output=$(say "-- as $role"; run_sql "$role" -e -P footer=off -v VERBOSITY=verbose "${options[@]}" 2>&1 | tidy)
	indent <<<"$output"
}

# Without what VERBOSITY adds besides SQLSTATE, and without the width of a long last column.
tidy() {
	sed -e '/^\(LOCATION\|SCHEMA NAME\|TABLE NAME\|CONSTRAINT NAME\): /d; s/^\([A-Z]*\):  00000: /\1:  /' \
		-e 's/ *$//; s/| \{20,\}\([a-z_]*\)$/| \1/; s/^\(-[-+]\{99\}\)[-+]*$/\1/'
}

# The tables that have the column; "type" is the tenant_type that serves it, if any does.
tables_with_column() {
	cat <<SQL
SELECT c.oid AS id, c.oid::regclass::text AS name, c.relispartition AS part, n.nspname AS schema,
       format_type(a.atttypid, a.atttypmod) AS declared,
       CASE WHEN a.atttypid = 'uuid'::regtype THEN 'uuid'
            WHEN a.atttypid IN ('bigint'::regtype, 'integer'::regtype, 'smallint'::regtype) THEN 'bigint'
            WHEN a.atttypid IN ('text'::regtype, 'varchar'::regtype) THEN 'text' END AS type
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = $(literal "$column") AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^(pg_|information_schema\$|tenant_guard\$)'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
SQL
}

# Those of the tenants' type.
fitting() { printf "(%s) t WHERE type = '%s'" "$(tables_with_column)" "$tenant_type"; }

# ---- the tenants of this database --------------------------------------------

choose_type() {
	tenant_type=$(ask demo_dba "SELECT type FROM ($(tables_with_column)) t WHERE type IS NOT NULL
		GROUP BY type ORDER BY count(*) DESC, type LIMIT 1")
	[[ -z $tenant_type ]] || return
	say "No table has a column $column of a type that can name a tenant. Columns that the most tables have:"
	ask demo_dba "SELECT format('%s (%s tables)', attname, count(*)) FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
		WHERE relkind IN ('r', 'p') AND attname ~ '_id\$' AND attnum > 0 AND NOT attisdropped
			AND relnamespace::regnamespace::text !~ '^(pg_|information_schema\$)'
		GROUP BY attname ORDER BY count(*) DESC, attname LIMIT 10" | indent
	die 1 "name the column: demo/run.sh $dump COLUMN"
}

# The role of an application: may read and write everything, and is nothing special.
create_app() {
	[[ -n $(ask demo_dba "SELECT to_regrole('app')") ]] || ask demo_dba "CREATE ROLE app"
	ask demo_dba "ALTER ROLE app LOGIN NOSUPERUSER NOBYPASSRLS CONNECTION LIMIT -1" \
		"ALTER ROLE app RESET ALL" "ALTER ROLE app IN DATABASE demo RESET ALL"
	ask_each demo_dba "SELECT format('GRANT USAGE ON SCHEMA %1\$I TO app;
			GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %1\$I TO app;
			GRANT USAGE ON ALL SEQUENCES IN SCHEMA %1\$I TO app', nspname)
		FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema\$)'"
}

# Counts rows while nothing is guarded. The example is the table with the most rows (not
# one with rows of no tenant, which cannot be guarded), and the first tenant in it.
choose_tenants() {
	local name count filled most=-1 key
	main='' other=''
	key=$(literal "$column")
	while IFS=$'\t' read -r name count filled; do
		is_name "$name" || continue
		rows_before[$name]=$count
		if [[ $count -eq $filled && $count -gt $most ]]; then main=$name most=$count; fi
	done < <(ask_each demo_reader "SELECT format('SELECT %L, count(*), count(%I) FROM %s', name, $key, name)
		FROM $(fitting) ORDER BY part, name")
	[[ -n $main ]] || die 1 "every table with the column $column has rows in which it is null"
	IFS=$'\t' read -r main_column main_type main_schema < <(ask demo_reader "SELECT quote_ident($key), declared, quote_ident(schema)
		FROM $(fitting) AND name = $(literal "$main")")
	tenant=$(first_tenant true)
	[[ $most -gt 0 ]] || say "This dump has no rows in tables with the column $column: the tenants below are made up."
	[[ -z $tenant ]] || other=$(first_tenant "$main_column <> $(literal "$tenant")")
	case $tenant_type in # no rows, or rows of one tenant alone
		uuid) : "${tenant:=11111111-1111-4111-8111-111111111111}" "${other:=22222222-2222-4222-8222-222222222222}" ;;
		bigint) : "${tenant:=1}" "${other:=$((tenant + 1))}" ;;
		text) : "${tenant:=a}" "${other:=$([[ $tenant == b ]] && echo c || echo b)}" ;;
	esac
	while IFS=$'\t' read -r name count; do
		rows_where[$name]=$count
	done < <(ask_each demo_reader "SELECT format('SELECT %L, count(*) FROM %s WHERE %I = %L::$tenant_type', name, name,
		$key, $(literal "$tenant")) FROM $(fitting)")
}

# Tables without the column of which just one foreign key leads to a table that has it: each row has its parent's tenant,
# as a join by hand says while nothing is guarded. Where there are several someone has to say which; of the sample's
# order lines it is that of the order, and not that of the product.
choose_derived() {
	local name key join named=''
	[[ $dump != "$here/erp.sql" ]] || named="AND conname <> 'sales_order_items_product_id_fkey'"
	while IFS=$'\t' read -r name key join; do
		is_name "$name" || continue
		derived_by[$name]=$key
		rows_before[$name]=$(ask demo_reader "SELECT count(*) FROM $name")
		rows_where[$name]=$(ask demo_reader "SELECT count(*) FROM $join = $(literal "$tenant")::$tenant_type")
	done < <(ask demo_reader "WITH reach AS (
			SELECT conrelid AS id, min(conname) AS conname, min(k.oid) AS oid
			FROM pg_constraint k JOIN (SELECT * FROM $(fitting)) p ON p.id = confrelid
			WHERE contype = 'f' AND conparentid = 0 AND NOT part $named
				AND NOT EXISTS (SELECT FROM ($(tables_with_column)) c WHERE c.id = conrelid)
			GROUP BY conrelid HAVING count(*) = 1)
		SELECT id::regclass, r.conname, format('%s c JOIN %s p ON %s WHERE p.%I', id::regclass, confrelid::regclass,
			(SELECT string_agg(format('c.%I = p.%I', a.attname, f.attname), ' AND ') FROM unnest(conkey, confkey) AS u (c, p)
			JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = c JOIN pg_attribute f ON f.attrelid = confrelid AND f.attnum = p),
			$(literal "$column")) FROM reach r JOIN pg_constraint USING (oid) ORDER BY id::regclass::text")
}

first_tenant() { # condition
	ask demo_reader "SELECT $main_column FROM $main WHERE $main_column::text <> '' AND $1 ORDER BY 1 LIMIT 1"
}

# ---- steps -------------------------------------------------------------------

step() {
	end_step
	step_open=yes step_failed=''
	heading "$((kept + broken + 1)). $*"
}

end_step() {
	[[ -n $step_open ]] || return
	if [[ -z $step_failed ]]; then kept=$((kept + 1)); else broken=$((broken + 1)); fi
	step_open=''
}

promised() { # what, command that tells
	local what=$1
	shift
	if "$@"; then
		say "  ok: $what"
	else
		printf '  %sNOT AS PROMISED%s: %s\n' "$bold" "$normal" "$(visible <<<"$what")"
		step_failed=yes
	fi
}

refused() { [[ $output == *"ERROR:  $1: "* ]]; }
refused_nothing() { [[ $output != *ERROR:* ]]; }
with_advice() { [[ $output == *DETAIL:* && $output == *HINT:* ]]; }
answer_is() { [[ $(ask demo_dba "$2") == "$1" ]]; }

step_before() {
	step "Before: one forgotten WHERE, and a query shows every tenant's rows"
	show app "SELECT count(*) FROM ${main#public.};"
	promised "${rows_before[$main]} rows, ${rows_where[$main]:-0} of them of tenant $tenant" refused_nothing
}

step_guard() {
	local schema
	step "CREATE EXTENSION, and guard every table that has $column"
	show demo_dba "ALTER DATABASE demo SET tenant_guard.tenant_type = '$tenant_type';" \
		"ALTER DATABASE demo SET tenant_guard.tenant_column = $(literal "$main_column");"
	show demo_dba "CREATE EXTENSION tenant_guard;"
	while read -r schema; do
		printf '%s\n' "-- as demo_loader" "SELECT * FROM tenant_guard.protect_schema($(literal "$schema"));" | indent
		ask demo_loader "SET client_min_messages = warning" \
			"SELECT $(one_line relation), status, $(one_line detail) FROM tenant_guard.protect_schema($(literal "$schema"))
			ORDER BY status = 'guarded', relation" >"$work/report"
		first 60 <"$work/report" | awk -F '\t' '{ printf "     %-36s %-8s %s\n", $1, $2, $3 }'
		awk -F '\t' '$2 != "guarded" { print $1 ": " $3 }' "$work/report" >>"$work/reasons"
	done < <(ask demo_dba "SELECT DISTINCT quote_ident(schema) FROM ($(tables_with_column)) t ORDER BY 1")
	promised "$main is guarded" answer_is guarded \
		"SELECT status FROM tenant_guard.tables_and_partitions WHERE relation = $(literal "$main")::regclass"
	say "  and the foreign keys between them, which carry the tenant now:"
	keys_with_tenant >"$work/keys"
	first 20 <"$work/keys" | indent
	[[ -s $work/keys ]] || say "    (none)"
	promised "every table with the column is guarded, or listed with a reason" answer_is 0 \
		"SELECT count(*) FROM ($(tables_with_column)) w LEFT JOIN tenant_guard.tables_and_partitions t ON t.relation = w.id
		WHERE t.status IS DISTINCT FROM 'guarded' AND coalesce(t.detail, '') = ''"
}

keys_with_tenant() {
	ask demo_dba "SELECT conrelid::regclass || ': ' || pg_get_constraintdef(k.oid) FROM pg_constraint k
		JOIN tenant_guard.tables c ON c.relation = conrelid JOIN tenant_guard.tables p ON p.relation = confrelid
		WHERE contype = 'f' AND conparentid = 0 AND c.status = 'guarded' AND p.status = 'guarded'
			AND EXISTS (SELECT FROM unnest(conkey, confkey) AS u (a, b) JOIN pg_attribute x ON x.attrelid = conrelid AND x.attnum = a
				JOIN pg_attribute y ON y.attrelid = confrelid AND y.attnum = b WHERE x.attname = c.tenant_column AND y.attname = p.tenant_column)
		ORDER BY conrelid::regclass::text, conname"
}

# A table is derived here as its DBA would: those of which just one foreign key leads to a guarded table.
step_derive() {
	local name title
	[[ ${#derived_by[@]} -gt 0 ]] || return 0
	title="Tables without the column $column, whose rows belong to their parent's tenant: derive it"
	[[ $dump != "$here/erp.sql" ]] || title="Order lines have no tenant column: derive it"
	step "$title"
	while read -r name; do
		if [[ ${#derived_by[@]} -le 3 ]]; then
			show demo_loader "SELECT tenant_guard.derive_tenant_column($(literal "$name"), $(literal "${derived_by[$name]}"));"
		else
			output=$(ask demo_loader "SET client_min_messages = warning" "SELECT tenant_guard.derive_tenant_column($(literal "$name"), $(literal "${derived_by[$name]}"));" 2>&1)
			printf '     %-36s by %-36s %s\n' "$name" "${derived_by[$name]}" "${output#*ERROR:  }" | visible
		fi
		if ! refused_nothing; then
			sed -n "s/^.*ERROR:  \([0-9A-Z]*: \)\{0,1\}/$(sed 's/[/&\\]/\\&/g' <<<"$name"): /p" <<<"$output" >>"$work/reasons"
			unset "rows_before[$name]" "rows_where[$name]"
			continue
		fi
		promised "tenant $tenant sees ${rows_where[$name]} of ${rows_before[$name]} rows of $name, as a join by hand did before" \
			sees_now "${rows_where[$name]}" "$name"
	done < <(printf '%s\n' "${!derived_by[@]}" | sort)
	[[ $dump == "$here/erp.sql" && -z $step_failed ]] || return 0
	show app "BEGIN;" "SELECT tenant_guard.set_tenant($(literal "$tenant"));" \
		"INSERT INTO sales_order_items (order_id, line_no, product_id, quantity, unit_price)
  VALUES ($(others_order), 99, $(ask_all "SELECT min(product_id) FROM public.products WHERE tenant_id = $(literal "$tenant")"), 1, 1);" \
		"ROLLBACK;"
	promised "a line of another tenant's order is refused with SQLSTATE 23503" refused 23503
}

others_order() { ask_all "SELECT min(order_id) FROM public.sales_orders WHERE tenant_id = $(literal "$other")"; }

# Of every tenant's rows, once tables are guarded.
ask_all() { ask demo_reader "SET row_security = off" "$1"; }

# As a transaction of the tenant.
ask_tenant() { # statement ...
	ask app BEGIN "SET LOCAL tenant_guard.tenant_id = $(literal "$tenant")" "$@" COMMIT
}

sees_now() { # count, table
	[[ $(ask_tenant "SELECT count(*) FROM $2") == "$1" ]]
}

# By a key that carries the tenant and one more column, which no unique index has: nothing else refuses the change first.
step_reference() {
	local table referencing parent referenced value found=''
	while IFS=$'\t' read -r table referencing parent referenced; do
		if ! is_name "$table" || [[ ${rows_where[$table]:-0} -eq 0 ]]; then continue; fi
		value=$(ask_all "SELECT min($referenced) FROM $parent WHERE $main_column = $(literal "$other")")
		if [[ -n $value ]]; then found=yes && break; fi
	done < <(ask demo_dba "SELECT conrelid::regclass, quote_ident(a.attname), confrelid::regclass, quote_ident(f.attname)
		FROM pg_constraint k CROSS JOIN LATERAL unnest(conkey, confkey) AS u (c, p)
		JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = c JOIN pg_attribute f ON f.attrelid = confrelid AND f.attnum = p
		JOIN tenant_guard.tables t ON t.relation = conrelid JOIN tenant_guard.tables tp ON tp.relation = confrelid
		WHERE contype = 'f' AND conparentid = 0 AND cardinality(conkey) = 2 AND t.status = 'guarded' AND tp.status = 'guarded'
			AND a.attname <> t.tenant_column AND f.attname <> tp.tenant_column AND f.atttypid NOT IN ('uuid'::regtype, 'boolean'::regtype)
			AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = conrelid AND indisunique AND c = ANY (indkey))
			AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = conrelid AND NOT tgisinternal AND tgtype & 16 = 16)
		ORDER BY conrelid::regclass::text, a.attname")
	if [[ -z $found ]]; then
		say "  (No foreign key between guarded tables has a row of this tenant whose reference nothing else would keep in place.)"
		return
	fi
	step "A reference to another tenant's row, which PostgreSQL's own check lets through"
	show app "BEGIN;" "SELECT tenant_guard.set_tenant($(literal "$tenant"));" "SET CONSTRAINTS ALL IMMEDIATE;" \
		"UPDATE ${table#public.} SET $referencing = $(literal "$value");" "ROLLBACK;"
	promised "refused with SQLSTATE 23503, since the foreign key carries the tenant" refused 23503
}

step_see() {
	step "The same query after, as tenant $tenant"
	show app "BEGIN;" "SELECT tenant_guard.set_tenant($(literal "$tenant"));" "SELECT count(*) FROM ${main#public.};" "COMMIT;"
	say "  and for every guarded table: the rows before, those a hand-written WHERE $main_column = $(literal "$tenant")"
	say "  (or join) found then, and those that an unfiltered query finds now"
	compare_counts >"$work/counts"
	first 40 <"$work/counts" | indent
	promised "each shows just what the hand-written WHERE did" same_counts
}

# Policies of the application's own may narrow what a tenant sees; nothing may widen it.
compare_counts() {
	local name count narrowed note
	printf '%-36s %9s %9s %9s\n' table before WHERE now
	while IFS=$'\t' read -r name narrowed count; do
		note=''
		if [[ $narrowed == t && $count -le ${rows_where[$name]:--1} ]]; then
			note='  (has policies of its own)'
		elif [[ $count != "${rows_where[$name]:-none}" ]]; then
			note='  DIFFERS'
		fi
		printf '%-36s %9s %9s %9s%s\n' "${name#public.}" "${rows_before[$name]:-}" "${rows_where[$name]:-}" "$count" "$note"
	done < <(tenant_counts)
}

tenant_counts() {
	local name narrowed next statements=()
	while IFS=$'\t' read -r name narrowed; do
		! is_name "$name" || statements+=("SELECT $(literal "$name"), '$narrowed', count(*) FROM $name")
	done < <(ask demo_dba "SELECT relation, EXISTS (SELECT FROM pg_policy
			WHERE polrelid = relation AND polname NOT IN (tenant_guard_internal.isolation_policy(), tenant_guard_internal.access_policy()))
		FROM tenant_guard.tables WHERE status NOT IN ('unguarded', 'shared') ORDER BY relation::text")
	for ((next = 0; next < ${#statements[@]}; next += 200)); do ask_tenant "${statements[@]:next:200}"; done
}

# A table whose count failed is missing from the list, and so the list too short.
same_counts() {
	! grep -q DIFFERS "$work/counts" &&
		answer_is "$(($(wc -l <"$work/counts") - 1))" \
			"SELECT count(*) FROM tenant_guard.tables WHERE status = 'guarded' AND relation::text !~ '[[:cntrl:]]'"
}

# On the table with the most rows, of those where nothing else could refuse the change first.
step_write() {
	local table name count most=0
	while read -r name; do
		is_name "$name" || continue
		count=${rows_where[$name]:-0}
		if [[ $count -gt $most ]]; then table=$name most=$count; fi
	done < <(ask demo_dba "SELECT name FROM $(fitting)
		AND EXISTS (SELECT FROM tenant_guard.tables g WHERE g.relation = id AND status = 'guarded')
		AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = id AND NOT tgisinternal AND tgtype & 19 = 19)
		AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = id AND attname = $(literal "$column") AND attidentity = 'a')")
	if [[ $most -eq 0 ]]; then
		say "  (No table has a row of this tenant that nothing else would keep in place: a new table below shows writes.)"
		return
	fi
	step "A write into another tenant"
	show app "BEGIN;" "SELECT tenant_guard.set_tenant($(literal "$tenant"));" \
		"UPDATE ${table#public.} SET $main_column = $(literal "$other");" "ROLLBACK;"
	promised "refused with SQLSTATE 42501: no row moves to tenant $other" refused 42501
}

step_no_tenant() {
	step "No tenant set: an error that says what to do, not an empty result"
	show app "SELECT count(*) FROM ${main#public.};"
	promised "refused with SQLSTATE TG001, a detail and a hint" eval "refused TG001 && with_advice"
}

step_stale() {
	step "A tenant left behind by an earlier transaction"
	show app "SET tenant_guard.tenant_id = $(literal "$tenant");" "SELECT count(*) FROM ${main#public.};"
	promised "refused with SQLSTATE TG006" refused TG006
}

step_second() {
	step "A second tenant in the same transaction"
	show app "BEGIN;" "SELECT tenant_guard.set_tenant($(literal "$tenant"));" "SELECT count(*) FROM ${main#public.};" \
		"SELECT tenant_guard.set_tenant($(literal "$other"));" "ROLLBACK;"
	promised "refused with SQLSTATE TG002" refused TG002
}

step_new_table() {
	local table=$main_schema.demo_notes
	step "A table created just now"
	show demo_loader "CREATE TABLE $table ($main_column $main_type, body text);" "GRANT SELECT, INSERT ON $table TO app;"
	show demo_dba "SELECT relation, status, tenant_column, tenant_type FROM tenant_guard.tables WHERE relation = $(literal "$table")::regclass;"
	promised "is guarded already" grep -q '| guarded' <<<"$output"
	table=${table#public.}
	show app "SELECT * FROM $table;"
	promised "refused without a tenant (TG001)" refused TG001
	show app "BEGIN;" "SELECT tenant_guard.set_tenant($(literal "$tenant"));" \
		"INSERT INTO $table (body) VALUES ('mine, without saying so') RETURNING *;" \
		"INSERT INTO $table ($main_column, body) VALUES ($(literal "$other"), 'theirs');" "ROLLBACK;"
	promised "a row is its tenant's by default, and one for tenant $other is refused (42501)" \
		eval "refused 42501 && grep -q '| mine, without' <<<\"\$output\""
}

step_weaken() {
	step "Taking the guard off by DDL, even as a superuser"
	show demo_dba "ALTER TABLE $main DISABLE ROW LEVEL SECURITY;"
	promised "refused with SQLSTATE TG005" refused TG005
}

# The superuser's is a COPY, for which no query is planned: see above.
step_superuser() {
	step "A superuser, or a role with BYPASSRLS, whom row-level security does not bind"
	show demo_dba "COPY $main TO STDOUT;"
	promised "refused with SQLSTATE TG003, a detail and a hint" eval "refused TG003 && with_advice"
	show demo_reader "SELECT count(*) FROM $main;"
	promised "refused with SQLSTATE TG003, a detail and a hint" eval "refused TG003 && with_advice"
	show demo_reader "SET row_security = off;" "SELECT count(*) FROM $main;"
	promised "let through when it says that it means it: ${rows_before[$main]} rows" \
		eval "refused_nothing && grep -q ' ${rows_before[$main]}\$' <<<\"\$output\""
}

step_rest() {
	step "What is not guarded, and why"
	show demo_dba "SELECT relation, status, detail FROM tenant_guard.tables
WHERE status <> 'guarded' ORDER BY status, relation::text;" | first 60
	if [[ -s $work/reasons ]]; then
		say "  What keeps those that have the column from being guarded:"
		first 40 <"$work/reasons" | indent
	fi
	say "  Tables that hold tenants' rows without the column, as their foreign keys lead to guarded tables:"
	rows_without_column >"$work/without"
	first 40 <"$work/without" | indent
	[[ -s $work/without ]] || say "    (none)"
	promised "no guard is damaged" answer_is 0 "SELECT count(*) FROM tenant_guard.tables_and_partitions WHERE status = 'damaged'"
	promised "every table is guarded or in this list" answer_is 0 "SELECT count(*) FROM pg_class c
		WHERE relkind IN ('r', 'p') AND relnamespace::regnamespace::text !~ '^(pg_|information_schema\$|tenant_guard\$)'
			AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
			AND NOT EXISTS (SELECT FROM tenant_guard.tables_and_partitions t WHERE t.relation = c.oid AND t.status IS NOT NULL)"
	[[ $dump != "$here/erp.sql" ]] || promised "none is left without" test ! -s "$work/without"
}

rows_without_column() {
	ask demo_dba "WITH RECURSIVE reach (id, via, key) AS (
			SELECT conrelid, confrelid, conname FROM pg_constraint JOIN tenant_guard.tables ON relation = confrelid
			WHERE contype = 'f' AND status = 'guarded'
		UNION
			SELECT c.conrelid, c.confrelid, c.conname FROM pg_constraint c JOIN reach r ON c.confrelid = r.id WHERE contype = 'f')
		SELECT id::regclass || ' (by key ' || string_agg(key || ' to ' || via::regclass, ', ' ORDER BY key) || ')'
		FROM reach JOIN pg_class c ON c.oid = id
		WHERE NOT relispartition
			AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = id AND attname = $(literal "$column") AND NOT attisdropped)
		GROUP BY id ORDER BY id::regclass::text"
}

# Each table by itself, rolled back; what may fail for a schema of its own making is a key or a view.
step_prove() {
	step "Trying to break in, with rows of two tenants that are made for it and rolled back"
	show demo_dba "SELECT ok, count(*) AS probes, count(DISTINCT relation) AS tables
FROM tenant_guard.prove(search_path => 'public') GROUP BY ok ORDER BY ok;"
	promised "the proof ran" refused_nothing
	ask demo_dba "SELECT $(one_line relation), probe, $(one_line detail) FROM tenant_guard.prove(search_path => 'public') WHERE NOT ok" >"$work/broken"
	first 20 <"$work/broken" | awk -F '\t' '{ printf "     %-24s %-44s %s\n", $1, $2, $3 }'
	promised "no other tenant's row is read, written or moved, on any table" \
		eval "! cut -f 2 \"\$work/broken\" | grep -qE '^(select|select_as_owner|insert|update|update_all|delete|delete_all|move|upsert|truncate)\$'"
	[[ $dump != "$here/erp.sql" ]] ||
		promised "nor referenced: the keys carry the tenant" test ! -s "$work/broken"
}

step_stand() {
	step "Where isolation stands, and what to do next"
	ask demo_dba "ALTER ROLE demo_loader NOLOGIN" # as an owner should be
	show demo_dba "SELECT guarded, damaged, unguarded, shared, errors, warnings, infos, accepted, preloaded, version FROM tenant_guard.status;"
	say "    SELECT level, rule, object, detail, remedy FROM tenant_guard.audit();"
	ask demo_dba "SELECT level, rule, $(one_line object), $(one_line detail) FROM tenant_guard.audit()" >"$work/findings"
	first 40 <"$work/findings" | awk -F '\t' '{ printf "     %-8s %-22s %-36s %s\n", $1, $2, $3, $4 }'
	say "  This server preloads the library. On yours, CREATE EXTENSION says how, with no restart:"
	say "    ALTER DATABASE ... SET session_preload_libraries = 'tenant_guard';"
	say "  The remedies can be pasted, such as:"
	ask demo_dba "SELECT remedy || ';' FROM tenant_guard.audit() WHERE remedy IS NOT NULL LIMIT 3" | indent
	promised "every table with the column that is not guarded is found" answer_is 0 \
		"SELECT count(*) FROM $(fitting) AND NOT part
		AND EXISTS (SELECT FROM tenant_guard.tables g WHERE g.relation = id AND g.status = 'unguarded')
		AND id NOT IN (SELECT object::regclass FROM tenant_guard.audit() WHERE rule = 'unguarded_table')"
	promised "the status counts what audit() lists" answer_is t \
		"SELECT errors + warnings + infos + accepted = $(wc -l <"$work/findings") FROM tenant_guard.status"
	[[ $dump != "$here/erp.sql" ]] ||
		promised "there is no error among the findings, but perhaps the server's age" eval "! grep -v server_outdated \"\$work/findings\" | grep -q ^error"
}

# ---- all of it ---------------------------------------------------------------

case ${1:-} in -h | --help) sed -n '3,27s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit ;; esac
[[ $# -le 2 ]] || die 2 "usage: demo/run.sh [dump [tenant_column]]"
dump=${1:-$here/erp.sql}
column=${2:-tenant_id}
[[ -r $dump ]] || die 2 "there is no file $dump that can be read"
dump=$(cd "$(dirname "$dump")" && pwd)/$(basename "$dump")

kept=0 broken=0 step_open=''
declare -A rows_before=() rows_where=() derived_by=()
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

set_up
load_dump
choose_type
create_app
choose_tenants
choose_derived
step_before
step_guard
if [[ -z $step_failed ]]; then
	for next in derive see write reference no_tenant stale second new_table superuser weaken rest prove stand; do "step_$next"; done
fi
end_step

heading "$kept steps as promised, $broken not"
[[ $broken -eq 0 ]]
