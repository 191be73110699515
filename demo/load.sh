# shellcheck shell=bash
#
# Loads a dump that was made elsewhere, by other versions, among other roles, and says
# what of it could not be had. Read by run.sh; its own word is load_dump.
#
# shellcheck disable=SC2154 # the variables of run.sh and server.sh

load_dump() {
  heading "Loading $dump"
  read_dump | prepare_dump >"$work/dump.sql" || die 2 "could not read $dump as a dump"
  [[ $EUID -ne 0 ]] || chown -R "$server_user" "$work/copy" "$work/dump.sql"
  create_roles
  run_dump || say "psql ended early, with status $?"
  report_load
  [[ -z $(ask postgres "SELECT 1 FROM pg_namespace WHERE nspname = 'tenant_guard'") ]] ||
    die 1 "this database has tenant_guard already: the demo wants a dump from before it"
}

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

# A table that could not be created must not have its rows read as SQL, where one quote in
# them swallows the statements that follow: each COPY reads its rows from a file of its
# own. What leads to another database or role, or ends the load at the first error, is left
# out, unless the line before is unfinished: then it may be a text's. Lines keep their numbers.
prepare_dump() {
  mkdir "$work/copy"
  awk -v files="$work/copy/" -v left_out="$work/left_out" '
    BEGIN { whole = 1 }
    copying {
      if (/^\\\.\r?$/) { copying = 0; close(file) } else print > file
      print ""
      next
    }
    whole && /^[Cc][Oo][Pp][Yy] .* [Ff][Rr][Oo][Mm] [Ss][Tt][Dd][Ii][Nn].*;\r?$/ {
      copying = 1
      blocks++
      file = files blocks
      printf "" > file
      sub(/ [Ff][Rr][Oo][Mm] [Ss][Tt][Dd][Ii][Nn]/, " FROM \047" file "\047")
    }
    whole && (/^\\(c|connect)[ \r]/ || /^\\set ON_ERROR_STOP/ || /^(SET|RESET) SESSION AUTHORIZATION/ ||
              /^(CREATE|ALTER|DROP|COMMENT ON) DATABASE .*;\r?$/) {
      print > left_out
      print ""
      next
    }
    !/^[ \t]*(--.*)?\r?$/ { whole = /^\\/ || /;[ \t]*(--.*)?\r?$/ || /\*\/[ \t]*\r?$/ }
    { print }'
}

# Roles that the dump speaks of, so that tables get their owners and policies their roles.
create_roles() {
  local role created=()
  while read -r role; do
    sql postgres -v ON_ERROR_STOP=1 -c "CREATE ROLE $role" >/dev/null 2>&1 </dev/null && created+=("$role")
  done < <(roles_in_dump)
  [[ ${#created[@]} -eq 0 ]] || say "Roles created for it, none of which may log in: ${created[*]}"
}

roles_in_dump() {
  sed -nE \
    -e h -e 's/^ALTER DEFAULT PRIVILEGES FOR (ROLE|USER) ("[^"]+"|[^ ]+) .*/\2/Ip' -e g \
    -e 's/^.*\bOWNER TO ([^;]+);.*/\1/Ip' \
    -e 's/^(GRANT|ALTER DEFAULT PRIVILEGES) .* TO ([^;]+);.*/\2/Ip' \
    -e 's/^(REVOKE|ALTER DEFAULT PRIVILEGES) .* FROM ([^;]+);.*/\2/Ip' \
    -e 's/^CREATE POLICY .* TO ([^(;]+)( USING | WITH CHECK |;).*/\1/Ip' \
    -e 's/^CREATE SCHEMA .*\bAUTHORIZATION ([^ ;]+).*/\1/Ip' "$work/dump.sql" |
    sed -E 's/ (WITH|GRANTED BY) .*//I; s/, */\n/g' | sed -E 's/^ *(GROUP )?//I; s/ *$//' | sort -u |
    grep -E '^("[^"]+"|[A-Za-z_][A-Za-z0-9_$]*)$' | grep -viE '^("?(public|pg_.*)"?|postgres|(current|session)_(user|role))$'
}

# A failed statement must not undo the transaction that the dump may have opened.
run_dump() (
  directory=$(dirname "$dump") # where the files lie that the dump may include
  # shellcheck disable=SC2016 # for sh to expand
  if as_server sh -c 'cd "$1"' sh "$directory" 2>/dev/null; then cd "$directory" || exit; fi
  sql postgres -v ON_ERROR_ROLLBACK=on -f "$work/dump.sql" >/dev/null 2>"$work/load.log" </dev/null
)

report_load() {
  local failed tables
  if [[ -s $work/left_out ]]; then
    say "Left out, as all of it goes into one database, by one role:"
    awk '!seen[$0]++' "$work/left_out" | first 6 | indent
  fi
  grep -E '^psql:[^ ]*: (ERROR|FATAL|error): |^[^ ]*psql: error: |: invalid command ' "$work/load.log" |
    grep -vE 'ERROR:  role ".*" already exists|invalid command .(un)?restrict' |
    sed -E 's/^psql:[^ ]*:([0-9]+): /line \1: /' >"$work/failed"
  failed=$(wc -l <"$work/failed")
  if [[ $failed -gt 0 ]]; then
    say "$failed statements of the dump failed, and what they would have made is not here:"
    each_once <"$work/failed" | first 6 | cut -c 1-160 | indent
  fi
  tables=$(ask postgres "SELECT count(*) FROM pg_class
    WHERE relkind IN ('r', 'p') AND relnamespace::regnamespace::text !~ '^(pg_|information_schema\$)'")
  say "Loaded: $tables tables."
  [[ $tables -gt 0 ]] || die 1 "there is nothing to guard"
}

each_once() {
  awk '{ text = $0; sub(/^line [0-9]+: /, "", text) }
    !times[text]++ { order[++last] = text; first[text] = $0 }
    END { for (i = 1; i <= last; i++) print first[order[i]] (times[order[i]] > 1 ? " (" times[order[i]] " times)" : "") }'
}
