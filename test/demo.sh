#!/bin/bash
# demo/run.sh on a dump whose writer wants more than to have it shown: code of every kind that the demo could run, as the
# superuser or in the shell, leaves a file if it gets so far. One line a promise: "ok - promise" or "not ok - promise".
#
#   test/demo.sh
set -u -o pipefail
demo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/demo/run.sh || exit 1

work=$(mktemp -d "${TMPDIR:-/tmp}/tenant_guard_stranger.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/marks" && chmod 755 "$work" && chmod 777 "$work/marks" || exit 1
touch="touch $work/marks"

status=0
promise() { # what, command that tells
	local what=$1
	shift
	if "$@"; then echo "ok - $what"; else echo "not ok - $what"; status=1; fi
}
# shellcheck disable=SC2317,SC2329 # called by promise
says() { grep -qF "$1" "$work/log"; }
# shellcheck disable=SC2317,SC2329 # so is this: what is there, and in what statement
nothing_left() { [ -z "$(ls "$work/marks")" ] || { (cd "$work/marks" && grep -H '' ./* | sort -u | cut -c 1-200; ls); return 1; }; }

# Functions that an expression may call are to be immutable; what they call may do what it likes. Who is not the superuser
# tries to become it.
code() {
	cat <<SQL
CREATE FUNCTION public.mark(what text) RETURNS void LANGUAGE plpgsql AS \$\$
BEGIN
  BEGIN
    PERFORM pg_catalog.set_config('role', 'none', true);
  EXCEPTION WHEN OTHERS THEN NULL;
  END;
  IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) current_user) THEN
    EXECUTE pg_catalog.format('COPY (SELECT %L) TO PROGRAM %L', pg_catalog.current_query(), 'cat >>$work/marks/superuser.' || what);
  END IF;
END \$\$;
SQL
	for name in domain check index constant generated default view policy; do
		echo "CREATE FUNCTION public.in_$name(i anyelement) RETURNS anyelement LANGUAGE plpgsql IMMUTABLE AS \$\$ BEGIN PERFORM public.mark('$name'); RETURN i; END \$\$;"
	done
}

# The demo would use these, if it looked for operators and functions where the dump may put them.
shadows() {
	local type operator
	for type in name text uuid oid bigint '"char"'; do
		echo "CREATE FUNCTION public.shadow(a $type, b $type) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS \$\$ BEGIN PERFORM public.mark('operator'); RETURN true; END \$\$;"
		for operator in = '<>' '~' '!~'; do
			echo "CREATE OPERATOR public.$operator (FUNCTION = public.shadow, LEFTARG = $type, RIGHTARG = $type);"
		done
	done
	for type in name text oid regclass; do
		echo "CREATE FUNCTION public.format(a text, b $type) RETURNS text LANGUAGE plpgsql AS \$\$ BEGIN PERFORM public.mark('format'); RETURN 'SELECT public.mark(''formatted'')'; END \$\$;"
		echo "CREATE FUNCTION public.quote_ident(a $type) RETURNS text LANGUAGE plpgsql AS \$\$ BEGIN PERFORM public.mark('quote_ident'); RETURN a; END \$\$;"
	done
}

tables() {
	cat <<SQL
CREATE DOMAIN public.amount AS integer CHECK (public.in_domain(VALUE) > 0);
CREATE TABLE public.customers (id bigint PRIMARY KEY, tenant_id uuid NOT NULL, name text);
CREATE TABLE public.orders (id bigint PRIMARY KEY, tenant_id uuid NOT NULL, customer_id bigint REFERENCES public.customers,
  total public.amount DEFAULT public.in_default(7), code integer CHECK (public.in_check(code) > 0),
  twice integer GENERATED ALWAYS AS (public.in_generated(code) * 2) STORED);
CREATE TABLE public.lines (id bigint PRIMARY KEY, order_id bigint NOT NULL REFERENCES public.orders,
  total public.amount DEFAULT public.in_default(7), code integer CHECK (public.in_check(code) > 0),
  twice integer GENERATED ALWAYS AS (public.in_generated(code) * 2) STORED);
CREATE INDEX ON public.orders (public.in_index(code));
CREATE INDEX ON public.orders (tenant_id, (public.in_constant(1)));
CREATE INDEX ON public.lines (public.in_index(code)) WHERE public.in_constant(1) > 0;
CREATE TABLE public."a
\\! $touch/shell.name
" (tenant_id uuid NOT NULL);
CREATE VIEW public.v AS SELECT public.in_view(code) AS code, tenant_id FROM public.orders WHERE public.in_constant(1) > 0;
CREATE POLICY p ON public.orders USING (public.in_policy(true));
CREATE FUNCTION public.fire() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN PERFORM public.mark('trigger'); RETURN NULL; END \$\$;
SQL
	for table in customers orders lines; do
		cat <<SQL
CREATE TRIGGER fire AFTER INSERT OR UPDATE OR DELETE ON public.$table FOR EACH ROW EXECUTE FUNCTION public.fire();
CREATE TRIGGER fire_once AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON public.$table FOR EACH STATEMENT EXECUTE FUNCTION public.fire();
ALTER TABLE public.$table ENABLE ALWAYS TRIGGER fire, ENABLE ALWAYS TRIGGER fire_once;
SQL
	done
	cat <<SQL
COPY public.customers (id, tenant_id, name) FROM stdin;
1	11111111-0000-4000-8000-000000000000	it's
2	22222222-0000-4000-8000-000000000000	\\\\! $touch/shell.row
\\.
COPY public.orders (id, tenant_id, customer_id, code) FROM stdin;
1	11111111-0000-4000-8000-000000000000	1	1
2	11111111-0000-4000-8000-000000000000	1	2
3	22222222-0000-4000-8000-000000000000	2	3
\\.
COPY public.lines (id, order_id, code) FROM stdin;
1	1	1
2	3	2
\\.
SQL
}

# What psql would do for whoever can write to its input.
commands() {
	cat <<SQL
\\! $touch/shell.command
\\o |$touch/shell.output
\\copy (SELECT 1) TO PROGRAM '$touch/shell.copy'
\\set x \`$touch/shell.backquote\`
\\i /etc/passwd
SELECT 1 \\g |$touch/shell.pipe
;
DO \$\$ BEGIN RAISE EXCEPTION E'1\\n\\\\! $touch/shell.variable\\n'; END \$\$;
SELECT :LAST_ERROR_MESSAGE;
COPY public.not_there (a) FROM stdin;
'an open quote
\\! $touch/shell.failed_copy
\\.
\\connect - demo_dba
SELECT public.mark('connect');
SQL
}

# What the superuser would do for who speaks SQL to it.
statements() {
	cat <<SQL
COPY public.customers (name) FROM PROGRAM '$touch/server.from_program';
COPY (SELECT 1) TO PROGRAM '$touch/server.to_program';
COPY (SELECT 1) TO '$work/marks/server.file';
CREATE EXTENSION file_fdw;
CREATE SERVER s FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE public.f (a text) SERVER s OPTIONS (program '$touch/server.foreign_table');
SELECT * FROM public.f;
CREATE FUNCTION public.system(cstring) RETURNS integer LANGUAGE c AS 'libc.so.6', 'system';
CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION public.mark();
CREATE ROLE evil SUPERUSER;
ALTER ROLE demo_loader SUPERUSER;
GRANT demo_dba TO demo_loader;
ALTER TABLE public.customers OWNER TO demo_dba;
ALTER TABLE public.lines OWNER TO postgres;
DO \$\$ BEGIN CREATE ROLE evil SUPERUSER; END \$\$;
DO \$\$ BEGIN ALTER ROLE demo_loader SUPERUSER; END \$\$;
DO \$\$ BEGIN CREATE SCHEMA planted; CREATE EXTENSION hstore SCHEMA planted; END \$\$;
SET ROLE demo_dba;
SELECT public.mark('set_role');
SET SESSION AUTHORIZATION demo_dba;
SELECT public.mark('authorization');
DO \$\$ BEGIN SET SESSION AUTHORIZATION demo_dba; END \$\$;
SELECT public.mark('authorization');
ALTER DATABASE demo SET search_path = public, pg_catalog;
DO \$\$ BEGIN ALTER DATABASE demo SET search_path = public, pg_catalog; END \$\$;
DO \$\$ BEGIN ALTER ROLE demo_loader SET standard_conforming_strings = off; END \$\$;
DO \$\$ BEGIN ALTER ROLE demo_loader SET search_path = public, pg_catalog; END \$\$;
SQL
}

{ code && shadows && tables && commands && statements; } | gzip >"$work/dump.sql.gz"
"$demo" "$work/dump.sql.gz" >"$work/log" 2>&1 </dev/null
ended=$?
promise "nothing of a stranger's dump runs as the superuser or in the shell" nothing_left
promise "the demo goes on to its end all the same" test "$ended" -eq 0
promise "its tables are there" says "Loaded: 4 tables."
promise "what an ordinary role may not do is told, and all else was done" says "18 statements of the dump failed"
promise "and so is what was left out" says '\! touch'
[ $status -eq 0 ] || tail -n 300 "$work/log"
exit $status
