# shellcheck shell=bash
#
# Loads a dump that was made elsewhere, by other versions, among other roles, and says
# what of it could not be had. Read by run.sh; its own words are load_dump and is_name.
#
# A dump is a stranger's. Its statements are run by demo_loader, a role that may create
# things in this database and nothing else, and they are run by load.c, which has no
# commands of its own as psql has: what begins with a backslash is left out.
#
# The superuser does for it, before there is anything of the dump's, what an ordinary role
# could not: makes the roles it names, as ordinary ones that may not log in, and lets
# demo_loader be a member of these, so that what it makes gets its owners; and creates the
# extensions it names, of those that the server has. The names are read from the dump by
# patterns. All else that takes a superuser fails, and is told.
#
# shellcheck disable=SC2154 # the variables of run.sh and server.sh

identifier='([a-z_][a-z0-9_]*|"([^"[:cntrl:]]|"")+")'

# Is this a table's name as the server writes it? A piece of one is not, such as a line of a
# name with a line break in it: names that pass may stand in a statement.
is_name() { [[ $1 =~ ^$identifier\.$identifier$ ]]; }

load_dump() {
	heading "Loading $dump"
	read_dump >"$work/dump.sql" || die 2 "could not read $dump as a dump"
	create_loader
	create_extensions
	create_roles
	run_dump || say "The load ended early."
	dismiss_loader
	report_load
	[[ -z $(ask demo_dba "SELECT 1 FROM pg_namespace WHERE nspname = 'tenant_guard'") ]] || has_tenant_guard
}

has_tenant_guard() { die 1 "this database has tenant_guard already: the demo wants a dump from before it"; }

read_dump() {
	local magic
	magic=$(head -c 5 "$dump" 2>/dev/null | od -An -tx1 | tr -d ' \n')
	if [[ $magic == 1f8b* ]]; then
		gzip -dc "$dump"
	elif [[ -d $dump || $magic == 5047444d50 ]] || tar -tf "$dump" toc.dat >/dev/null 2>&1; then
		"$bin/pg_restore" -f - "$dump" # an archive: of pg_dump -Fc, -Fd or -Ft
	else
		cat "$dump"
	fi
}

# demo_owners holds the dump's roles while it is loaded: who becomes an owner must be able
# to create things in that schema. demo_reader counts rows, every tenant's.
create_loader() {
	ask demo_dba "CREATE ROLE demo_loader LOGIN" "CREATE ROLE demo_owners" \
		"CREATE ROLE demo_reader LOGIN BYPASSRLS IN ROLE pg_read_all_data" \
		"GRANT CREATE ON DATABASE demo TO demo_loader, demo_owners" \
		"ALTER SCHEMA public OWNER TO demo_loader" "GRANT ALL ON SCHEMA public TO demo_owners" \
		"ALTER DEFAULT PRIVILEGES FOR ROLE demo_loader GRANT ALL ON SCHEMAS TO demo_owners" \
		"GRANT SET ON PARAMETER session_replication_role TO demo_loader" # as scripts that load rows in any order set it
}

# Nor does a setting stay that the dump has stored for its role.
dismiss_loader() {
	ask demo_dba "DROP OWNED BY demo_owners CASCADE" "DROP ROLE demo_owners" \
		"REVOKE SET ON PARAMETER session_replication_role FROM demo_loader" \
		"ALTER ROLE demo_loader RESET ALL" "ALTER ROLE demo_loader IN DATABASE demo RESET ALL"
}

create_extensions() {
	local extension schema
	: >"$work/schemas" # those that are there before the dump makes them
	while IFS=$'\t' read -r extension schema; do
		[[ ${extension//\"/} != tenant_guard ]] || has_tenant_guard
		case $schema in
			'' | public | pg_catalog) ;;
			*)
				ask demo_dba "CREATE SCHEMA IF NOT EXISTS $schema AUTHORIZATION demo_loader" >/dev/null 2>&1
				say "ERROR:  schema \"${schema//\"/}\" already exists" >>"$work/schemas"
				;;
		esac
		ask demo_dba "SET search_path = public" "CREATE EXTENSION IF NOT EXISTS $extension ${schema:+SCHEMA $schema} CASCADE" \
			>"$work/stage.log" 2>&1 || say "Not here: extension $extension: $(sed -n 's/^ERROR:  //p' "$work/stage.log")"
	done < <(extensions_in_dump)
}

extensions_in_dump() {
	local name='("[^"]+"|[A-Za-z_][A-Za-z0-9_$]*)'
	sed -nE "s/^CREATE EXTENSION (IF NOT EXISTS )?$name( WITH)?( SCHEMA $name)?( VERSION [^;]*)?;\r?\$/\2\t\5/Ip" "$work/dump.sql" |
		sort -u | grep -v '^plpgsql'
}

# Roles that the dump speaks of, so that tables get their owners and policies their roles.
# One that is there already is none of the dump's, and demo_loader no member of it.
create_roles() {
	local role created=()
	while read -r role; do
		ask demo_dba "CREATE ROLE $role IN ROLE demo_owners; GRANT $role TO demo_loader" >/dev/null 2>&1 && created+=("$role")
	done < <(roles_in_dump)
	[[ ${#created[@]} -eq 0 ]] || say "Roles created for it, none of which may log in: ${created[*]}"
}

roles_in_dump() {
	sed -nE \
		-e h -e 's/^ALTER DEFAULT PRIVILEGES FOR (ROLE|USER) ("[^"]+"|[^ ]+) .*/\2/Ip' -e g \
		-e 's/^CREATE (ROLE|USER|GROUP) ("[^"]+"|[^ ;]+).*;.*/\2/Ip' \
		-e 's/^.*\bOWNER TO ([^;]+);.*/\1/Ip' \
		-e 's/^(GRANT|ALTER DEFAULT PRIVILEGES) .* TO ([^;]+);.*/\2/Ip' \
		-e 's/^(REVOKE|ALTER DEFAULT PRIVILEGES) .* FROM ([^;]+);.*/\2/Ip' \
		-e 's/^CREATE POLICY .* TO ([^(;]+)( USING | WITH CHECK |;).*/\1/Ip' \
		-e 's/^CREATE SCHEMA .*\bAUTHORIZATION ([^ ;]+).*/\1/Ip' "$work/dump.sql" |
		sed -E 's/ (WITH|GRANTED BY) .*//I; s/, */\n/g' | sed -E 's/^ *(GROUP )?//I; s/ *$//' | sort -u |
		grep -E '^("[^"]+"|[A-Za-z_][A-Za-z0-9_$]*)$' | grep -viE '^("?(public|pg_.*)"?|mapping|(current|session)_(user|role))$'
}

run_dump() { as_tester "$work/load" "$work/tmp" demo_loader demo <"$work/dump.sql" >"$work/left_out" 2>"$work/load.log"; }

report_load() {
	local failed tables
	if [[ -s $work/left_out ]]; then
		say "Left out, as all of it goes into one database, by one role, and as nothing here obeys a backslash:"
		sed 's/ PASSWORD .*/ .../I' "$work/left_out" | awk '!seen[$0]++' | first 6 | cut -c 1-160 | indent
	fi
	grep -vFf "$work/schemas" "$work/load.log" >"$work/failed"
	failed=$(wc -l <"$work/failed")
	if [[ $failed -gt 0 ]]; then
		say "$failed statements of the dump failed, and what they would have made is not here:"
		each_once <"$work/failed" | first 6 | cut -c 1-160 | indent
	fi
	tables=$(ask demo_dba "SELECT count(*) FROM pg_class
		WHERE relkind IN ('r', 'p') AND relnamespace::regnamespace::text !~ '^(pg_|information_schema\$)'")
	say "Loaded: $tables tables."
	[[ $tables -gt 0 ]] || die 1 "there is nothing to guard"
}

each_once() {
	awk '{ text = $0; sub(/^line [0-9]+: /, "", text) }
		!times[text]++ { order[++last] = text; first[text] = $0 }
		END { for (i = 1; i <= last; i++) print first[order[i]] (times[order[i]] > 1 ? " (" times[order[i]] " times)" : "") }'
}
