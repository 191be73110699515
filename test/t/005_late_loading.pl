# Where a guard is what loads the library, its query was planned without it, and PostgreSQL's own row-level security lets
# that query's filters change the tenant that rows are compared with. Such a query is refused, and each guarded one of
# the session after it; a session that loads the library by other means goes on as one that preloads it.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $node = start_server('late', preload => 0);
my $as_a = "SET LOCAL tenant_guard.tenant_id = '$TENANT_A'; SET LOCAL my.x = '$TENANT_A';";
# What opens PostgreSQL's hole: the tenant is compared with my.x once, and each row with what my.x has become.
my $leak = "tenant_id = current_setting('my.x')::uuid AND set_config('my.x', '$TENANT_B', true) IS NOT NULL";
my $look = 'SELECT string_agg(body, \' \' ORDER BY body) FROM t;';

$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION tenant_guard;
SET tenant_guard.bypass = on;
GRANT CREATE ON SCHEMA public TO app;
CREATE TABLE t (tenant_id uuid, body text);
CREATE TABLE log (body text);
CREATE VIEW as_invoker WITH (security_invoker) AS SELECT * FROM t;
CREATE MATERIALIZED VIEW of_app AS SELECT body FROM t WITH NO DATA;
ALTER MATERIALIZED VIEW of_app OWNER TO app;
CREATE TABLE defaulted (i int, owner uuid DEFAULT tenant_guard.current_tenant());
GRANT ALL ON t, log, as_invoker, defaulted TO app;
INSERT INTO t VALUES ('$TENANT_A', 'of a'), ('$TENANT_B', 'of b');
CREATE FUNCTION in_sql() RETURNS text LANGUAGE sql STABLE AS \$\$ SELECT body FROM t WHERE $leak \$\$;
CREATE FUNCTION many_in_sql() RETURNS SETOF text LANGUAGE sql VOLATILE AS \$\$ SELECT body FROM t WHERE $leak \$\$;
CREATE FUNCTION in_plpgsql() RETURNS text LANGUAGE plpgsql AS \$\$ BEGIN RETURN (SELECT body FROM t WHERE $leak); END \$\$;
CREATE FUNCTION by_cursor() RETURNS text LANGUAGE plpgsql AS \$\$ DECLARE r record; BEGIN FOR r IN SELECT body FROM t WHERE $leak LOOP RETURN r.body; END LOOP; END \$\$;
CREATE FUNCTION caught() RETURNS text LANGUAGE plpgsql AS \$\$ BEGIN RETURN in_plpgsql(); EXCEPTION WHEN object_not_in_prerequisite_state THEN RETURN in_plpgsql(); END \$\$;
CREATE FUNCTION on_log() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN NEW.body := (SELECT body FROM t WHERE $leak); RETURN NEW; END \$\$;
CREATE TRIGGER on_log BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION on_log();
SQL
sub app_says { my ($sql, $pgoptions) = @_; return says($node, 'postgres', 'app', $sql, $pgoptions); }

# A hint that a session as the application's role is given. What it says is to be run by a superuser is $1 there.
my $advice = qr/HINT:  A superuser runs (ALTER .*); then reconnect \(poolers too\)\.$/m;
sub hint
{
	my ($server, $database, $role, $sql) = @_;
	my ($status, $out, $said) = $server->psql($database, $sql // "BEGIN; $as_a SELECT body FROM t", extra_params => [ '-U', $role ]);
	return $said;
}

# --- What brings the library is a guard ---------------------------------------------------------------------------------------

my %first = (
	'a query' => "SELECT body FROM t WHERE $leak;",
	'a query without such a filter' => 'SELECT body FROM t;',
	'a prepared statement' => "PREPARE q AS SELECT body FROM t WHERE $leak; EXECUTE q;",
	'one with a generic plan' => "SET plan_cache_mode = force_generic_plan; PREPARE q (text) AS SELECT body FROM t WHERE $leak AND body <> \$1; EXECUTE q ('');",
	'a cursor' => "DECLARE c CURSOR FOR SELECT body FROM t WHERE $leak;",
	'COPY' => "COPY (SELECT body FROM t WHERE $leak) TO stdout;",
	'COPY of the table' => 'COPY t TO stdout;',
	'EXPLAIN ANALYZE' => "EXPLAIN (ANALYZE, COSTS off, TIMING off) SELECT body FROM t WHERE $leak;",
	'EXPLAIN' => "EXPLAIN SELECT body FROM t WHERE $leak;",
	'CREATE TABLE AS' => "CREATE TEMP TABLE kept AS SELECT body FROM t WHERE $leak;",
	'CREATE MATERIALIZED VIEW' => "CREATE MATERIALIZED VIEW kept AS SELECT body FROM t WHERE $leak;",
	'REFRESH MATERIALIZED VIEW' => 'REFRESH MATERIALIZED VIEW of_app;',
	'INSERT' => 'INSERT INTO t (body) VALUES (\'x\');',
	'INSERT ... SELECT' => "INSERT INTO t SELECT tenant_id, body FROM t WHERE $leak;",
	'UPDATE' => "UPDATE t SET body = 'x' WHERE $leak RETURNING body;",
	'DELETE' => "DELETE FROM t WHERE $leak RETURNING body;",
	'MERGE' => "MERGE INTO t USING (SELECT) s ON $leak WHEN MATCHED THEN DELETE;",
	'SELECT FOR UPDATE' => "SELECT body FROM t WHERE $leak FOR UPDATE;",
	'a WITH query' => "WITH w AS (SELECT body FROM t WHERE $leak) SELECT * FROM w;",
	'a view' => "SELECT body FROM as_invoker WHERE $leak;",
	'a function in SQL' => 'SELECT in_sql();',
	'one that returns a set' => 'SELECT * FROM many_in_sql();',
	'one in PL/pgSQL' => 'SELECT in_plpgsql();',
	'a loop over a query' => 'SELECT by_cursor();',
	'a DO block' => "DO \$\$ BEGIN PERFORM FROM t WHERE $leak; END \$\$;",
	'an error that is caught' => 'SELECT caught();',
	'a trigger' => 'INSERT INTO log VALUES (NULL) RETURNING body;',
	'a sub-select' => "SELECT (SELECT body FROM t WHERE $leak);",
	'a join' => "SELECT t.body FROM t JOIN generate_series(1, 2) ON true WHERE $leak LIMIT 1;",
	'parallel workers' => "SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0; SET LOCAL min_parallel_table_scan_size = 0; SELECT count(*) FROM t WHERE body <> '';",
	'query_to_xml' => "SELECT query_to_xml(\$\$ SELECT body FROM t WHERE $leak \$\$, true, true, '');",
	'one that sets the tenant too' => "SELECT tenant_guard.set_tenant('$TENANT_A'), body FROM t WHERE $leak;",
	'one that asks for the tenant too' => "SELECT tenant_guard.has_tenant(), body FROM t WHERE $leak;",
);

foreach my $what (sort keys %first)
{
	is(app_says("BEGIN; $as_a $first{$what} ROLLBACK;"), 'ERROR 55000', "the first guarded statement is refused: $what");
	is(app_says("\\set ON_ERROR_ROLLBACK on\nBEGIN; $as_a $first{$what} $first{'a query'} $look ROLLBACK;"), 'ERROR 55000; ERROR 55000; ERROR 55000',
		'and so is each after it') unless $what =~ /prepared|generic/;
}
is(app_says("PREPARE q AS SELECT body FROM t WHERE $leak; BEGIN; $as_a EXECUTE q; ROLLBACK; BEGIN; $as_a EXECUTE q; ROLLBACK; SELECT tenant_guard.has_tenant(); BEGIN; $as_a EXECUTE q;"),
	'ERROR 55000; ERROR 55000; f; ERROR 55000', 'a prepared statement stays refused');
is(app_says("BEGIN; $as_a DECLARE c CURSOR WITH HOLD FOR SELECT body FROM t WHERE $leak; ROLLBACK; BEGIN; $as_a $look"), 'ERROR TG003; ERROR 55000', 'a cursor WITH HOLD is refused for what it is');
is(app_says("BEGIN; $as_a SAVEPOINT s; $look ROLLBACK TO s; SELECT tenant_guard.set_tenant('$TENANT_A'); $look ROLLBACK;"), "ERROR 55000; $TENANT_A; ERROR 55000",
	'setting the tenant then comes too late');
is(app_says("BEGIN; $as_a SELECT tenant_guard.current_tenant(); ROLLBACK; BEGIN; $as_a $look"), 'ERROR 55000; ERROR 55000', 'the getter is a guard too');
is(app_says("BEGIN; $as_a $look ROLLBACK; SELECT 1; TABLE log; SELECT count(*) FROM pg_class WHERE relname = 't';"), 'ERROR 55000; 1; 1',
	'what is not guarded goes on');

# What else is wrong is said first.
is(app_says("$look $look"), 'ERROR TG001; ERROR TG001', 'that no tenant is set comes first');
is(app_says("SET tenant_guard.tenant_id = '$TENANT_A'; $look $look"), 'ERROR TG006; ERROR TG006', 'so does that it is stale');
is(app_says($look, '-c tenant_guard.tenant_id=acme'), 'ERROR TG004', 'so does that it is none');
is(app_says("$look BEGIN; $as_a $look"), 'ERROR TG001; ERROR 55000', 'then the session is refused no less');

# A parallel worker of a leader that has not loaded it: a function there that is STABLE by its writer's word.
$node->safe_psql('postgres', <<"SQL");
CREATE ROLE acme LOGIN IN ROLE app;
ALTER ROLE acme SET tenant_guard.tenant_id = '$TENANT_A';
CREATE TABLE many AS SELECT n FROM generate_series(1, 2000) n; ANALYZE many; GRANT SELECT ON many TO app;
CREATE FUNCTION either() RETURNS uuid LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1 AS \$\$ BEGIN RETURN CASE WHEN random() < 0.5 THEN '$TENANT_A' ELSE '$TENANT_B' END; END \$\$;
CREATE FUNCTION in_worker(n int) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS \$\$ BEGIN RETURN (SELECT string_agg(body, ' ') FROM t WHERE tenant_id = either()); END \$\$;
SQL
my $in_worker = 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET parallel_leader_participation = off; '
  . 'SELECT count(*) FROM many WHERE in_worker(n) ~ \'b\';';
is(says($node, 'postgres', 'acme', $in_worker), 'ERROR 55000', 'in a parallel worker too');
like(hint($node, 'postgres', 'acme', $in_worker), $advice, 'whose hint is the session\'s');
like(says($node, 'postgres', 'acme', "EXPLAIN (COSTS off) $in_worker" =~ s/EXPLAIN \(COSTS off\) (.*)SELECT/$1EXPLAIN (COSTS off) SELECT/r), qr/Workers Planned/, 'which there was');
my $in_leader = $in_worker =~ s/participation = off; /participation = on; SET max_parallel_workers = 0; /r;
is(says($node, 'postgres', 'acme', "$in_leader SET max_parallel_workers_per_gather = 0; $look"), 'ERROR 55000; ERROR 55000', 'in its leader too, and after that as ever');
is(says($node, 'postgres', 'acme', "$in_leader SELECT tenant_guard.has_tenant(); $look $in_leader"), 'ERROR 55000; t; of a; 0', 'an error of that kind is no harm to the session');
is(says($node, 'postgres', 'acme', "SELECT tenant_guard.has_tenant(); $in_worker"), 't; 0', 'a leader that has it lends it to them');

# --- What brings the library is something else ------------------------------------------------------------------------------

my %other = (
	'set_tenant' => "SELECT tenant_guard.set_tenant('$TENANT_A');",
	'has_tenant' => 'SELECT tenant_guard.has_tenant();',
	'clear_tenant' => 'SELECT tenant_guard.clear_tenant();',
	'a function of it in PL/pgSQL' => 'DO $$ BEGIN PERFORM tenant_guard.has_tenant(); END $$;',
	'DDL' => 'CREATE TEMP TABLE other (i int);',
	'COPY FROM of a table whose default is a guard' => "COPY defaulted (i) FROM stdin;\n1\n\\.\n",
	'DDL that calls a guard' => 'CREATE TEMP TABLE other (i int); ALTER TABLE other ADD COLUMN tenant_id uuid DEFAULT tenant_guard.current_tenant();',
);
foreach my $what (sort keys %other)
{
	like(app_says("SET client_min_messages = error; BEGIN; $as_a $other{$what} $as_a SELECT body FROM t WHERE $leak; RESET my.x; $look ROLLBACK; BEGIN; $as_a $look"), qr/(^|; )(of a; )?of a; of a$/,
		"a session that loads the library by other means goes on: $what");
	unlike(app_says("SET client_min_messages = error; BEGIN; $as_a $other{$what} $as_a SELECT body FROM t WHERE $leak;"), qr/of b/, "and keeps to its tenant: $what");
}
is(superuser_says($node, 'postgres', "LOAD 'tenant_guard'; SET ROLE app; BEGIN; $as_a $look"), 'of a', 'so does one after LOAD');
is(superuser_says($node, 'postgres', "BEGIN; CREATE SCHEMA x; SET ROLE app; $as_a $look"), 'of a', 'so does a superuser\'s after DDL');

# What was planned before: what the session keeps is planned anew, and what is running is refused.
is(superuser_says($node, 'postgres', "SET plan_cache_mode = force_generic_plan; PREPARE q AS SELECT body FROM t WHERE tenant_id::text = '$TENANT_B'; EXECUTE q; LOAD 'tenant_guard'; SET tenant_guard.bypass = on; EXECUTE q;"),
	'of b; ERROR TG004', 'a prepared statement is looked at when it is used again');
my $open = 'BEGIN; DECLARE c CURSOR FOR SELECT body FROM t ORDER BY body; FETCH c; LOAD \'tenant_guard\';';
is(superuser_says($node, 'postgres', "$open FETCH c;"), 'of a; ERROR TG003', 'an open cursor of a superuser is refused as its query would be');
is(superuser_says($node, 'postgres', "$open SET LOCAL tenant_guard.bypass = on; FETCH c;"), 'of a; of b', 'or goes on, where that is meant');
is(superuser_says($node, 'postgres', "$open SET ROLE app; FETCH c; ROLLBACK; SET ROLE app; BEGIN; $as_a $look"), 'of a; ERROR TG001; of a', 'whoever goes on with it');
is(superuser_says($node, 'postgres', "$open SET ROLE app; $as_a FETCH c; ROLLBACK; SET ROLE app; BEGIN; $as_a $look"), 'of a; ERROR 55000; of a', 'with a tenant too; and the session goes on');
is(superuser_says($node, 'postgres', "CREATE VIEW names AS SELECT relname FROM pg_class WHERE relname = 't'; BEGIN; DECLARE c CURSOR FOR SELECT * FROM names UNION ALL SELECT 'x'; FETCH c; LOAD 'tenant_guard'; FETCH c;"),
	't; x', 'a cursor without guarded tables goes on');

# --- The setting ------------------------------------------------------------------------------------------------------------

is(app_says("SET tenant_guard.late_loading = allow; BEGIN; $as_a $look"), 'WARNING 42501; ERROR 55000', 'an application does not allow it to itself');
is(app_says("BEGIN; $as_a $look", '-c tenant_guard.late_loading=allow') =~ s/^WARNING \w+; //r, 'ERROR 55000', 'nor by an option of its connection');
is(app_says("SELECT tenant_guard.has_tenant(); SET tenant_guard.late_loading = allow;"), 'f; ERROR 42501', 'neither later');
$node->safe_psql('postgres', 'ALTER ROLE app SET tenant_guard.late_loading = allow');
is(app_says("BEGIN; $as_a $look ROLLBACK; BEGIN; $as_a $look"), 'of a; of a', 'what a superuser allows goes on');
$node->safe_psql('postgres', 'ALTER ROLE app RESET tenant_guard.late_loading');
is(superuser_says($node, 'postgres', "SET ROLE app; BEGIN; $as_a $look ROLLBACK; RESET ROLE; SET tenant_guard.late_loading = allow; SET ROLE app; BEGIN; $as_a $look"), 'ERROR 55000; of a',
	'later too');

# --- What the tools say -----------------------------------------------------------------------------------------------------

is(superuser_says($node, 'postgres', "SET ROLE app; BEGIN; $as_a $look ROLLBACK; RESET ROLE; SELECT * FROM tenant_guard.prove(); SELECT * FROM tenant_guard.prove('t');"), 'ERROR 55000; ERROR 55000; ERROR 55000',
	'prove() in a refused session is one error');
is(superuser_says($node, 'postgres', 'SELECT count(*) > 0, bool_and(ok) FROM tenant_guard.prove(\'t\');'), 't|t', 'and proves where it is what loads the library');
is($node->safe_psql('postgres', 'SELECT preloaded, to_preload FROM tenant_guard.status'), 'f|ALTER DATABASE postgres SET session_preload_libraries = \'tenant_guard\'', 'the view "status" has the statement');
$node->safe_psql('postgres', 'CREATE DATABASE shop');
my ($status, $out, $said) = $node->psql('shop', 'CREATE EXTENSION tenant_guard');
is($said =~ s/^psql:<stdin>:1: //r, <<'SAID' =~ s/\n\z//r, 'CREATE EXTENSION warns, and has it');
WARNING:  sessions of this database do not preload tenant_guard
DETAIL:  Where a query on a guarded table is what loads the library, it is refused.
HINT:  Run ALTER DATABASE shop SET session_preload_libraries = 'tenant_guard'; then reconnect (poolers too).
SAID
$node->safe_psql('postgres', 'ALTER DATABASE shop SET session_preload_libraries = tenant_guard');
is(superuser_says($node, 'shop', 'SET client_min_messages = warning; DROP EXTENSION tenant_guard; CREATE EXTENSION tenant_guard; SELECT preloaded, to_preload FROM tenant_guard.status;'), 't|',
	'neither says anything where sessions preload it');

# --- The hint ---------------------------------------------------------------------------------------------------------------

like(hint($node, 'postgres', 'app'), qr/HINT:  A superuser runs ALTER DATABASE postgres SET session_preload_libraries = 'tenant_guard'; then reconnect \(poolers too\)\.$/m,
	'the hint is one statement');

# Follows the hint, and says what the role is given then.
sub follow
{
	my ($database, $role) = @_;
	hint($node, $database, $role) =~ $advice or return 'no hint';
	my $statement = $1;
	$node->safe_psql('postgres', $statement);
	return "$statement: " . says($node, $database, $role, "BEGIN; $as_a $look SHOW session_preload_libraries;");
}
$node->safe_psql('postgres', 'CREATE ROLE "Some App" LOGIN; GRANT pg_read_all_settings TO app, "Some App"');
foreach my $database ('My "Shop"', 'shop2')
{
	$node->safe_psql('postgres', sprintf('CREATE DATABASE "%s"', $database =~ s/"/""/gr));
	$node->safe_psql($database, "CREATE EXTENSION tenant_guard; SET tenant_guard.bypass = on; CREATE TABLE t (tenant_id uuid, body text); GRANT ALL ON t TO PUBLIC; INSERT INTO t VALUES ('$TENANT_A', 'of a')");
}
is(follow('My "Shop"', 'app'), 'ALTER DATABASE "My ""Shop""" SET session_preload_libraries = \'tenant_guard\': of a; tenant_guard', 'what the hint says mends it');
$node->safe_psql('postgres', 'ALTER DATABASE shop2 SET session_preload_libraries = \'auto_explain\', \'$libdir/passwordcheck\'');
is(follow('shop2', 'app'), 'ALTER DATABASE shop2 SET session_preload_libraries = \'auto_explain\', \'$libdir/passwordcheck\', \'tenant_guard\': of a; auto_explain, "$libdir/passwordcheck", tenant_guard',
	'and keeps what the database\'s sessions load');
$node->safe_psql('postgres', 'ALTER DATABASE shop2 RESET session_preload_libraries; ALTER ROLE "Some App" SET session_preload_libraries = \'auto_explain\'');
is(follow('shop2', 'Some App'), 'ALTER ROLE "Some App" SET session_preload_libraries = \'auto_explain\', \'tenant_guard\': of a; auto_explain, tenant_guard', 'of a role that has a list of its own, it is that list');
$node->safe_psql('postgres', 'ALTER ROLE "Some App" IN DATABASE shop2 SET session_preload_libraries = \'$libdir/passwordcheck\'');
is(follow('shop2', 'Some App'), 'ALTER ROLE "Some App" IN DATABASE shop2 SET session_preload_libraries = \'$libdir/passwordcheck\', \'tenant_guard\': of a; "$libdir/passwordcheck", tenant_guard', 'or its list in the database');
$node->safe_psql('postgres', 'ALTER ROLE ALL SET session_preload_libraries = \'auto_explain\'');
is(follow('shop2', 'app'), 'ALTER DATABASE shop2 SET session_preload_libraries = \'auto_explain\', \'tenant_guard\': of a; auto_explain, tenant_guard', 'what all roles have is kept');
$node->safe_psql('postgres', 'ALTER ROLE ALL RESET session_preload_libraries; ALTER DATABASE shop2 RESET session_preload_libraries');
$node->append_conf('postgresql.conf', "session_preload_libraries = 'auto_explain'");
$node->reload;
$node->safe_psql('postgres', 'REVOKE pg_read_all_settings FROM app');
like(hint($node, 'shop2', 'app'), qr/HINT:  A superuser runs the remedy that tenant_guard\.audit\(\) gives for the rule not_preloaded; then reconnect \(poolers too\)\.$/m,
	'the server\'s list is shown to nobody who may not read it');
$node->safe_psql('postgres', 'GRANT pg_read_all_settings TO app');
is(follow('shop2', 'app'), 'ALTER DATABASE shop2 SET session_preload_libraries = \'auto_explain\', \'tenant_guard\': of a; auto_explain, tenant_guard', 'and kept');

# A session that began before the statement was run has only to reconnect, however the list names the library.
foreach my $library ('tenant_guard', '$libdir/tenant_guard')
{
	$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET session_preload_libraries');
	my $pooled = $node->background_psql('postgres', on_error_stop => 0);
	$pooled->query_safe('SET ROLE app');
	$node->safe_psql('postgres', "ALTER DATABASE postgres SET session_preload_libraries = '$library'");
	$pooled->query("BEGIN; $as_a SELECT body FROM t");
	like($pooled->{stderr}, qr/HINT:  Sessions that begin now load it in time: reconnect \(poolers too\)\.$/m, "a session of a pool is told to reconnect where the list has $library");
	$pooled->quit;
}
# An empty name in the list, by which nobody could connect, is left out.
{
	$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET session_preload_libraries');
	my $pooled = $node->background_psql('postgres', on_error_stop => 0);
	$pooled->query_safe('SET ROLE app');
	$node->safe_psql('postgres', "ALTER DATABASE postgres SET session_preload_libraries = '', auto_explain");
	$pooled->query("BEGIN; $as_a SELECT body FROM t");
	like($pooled->{stderr}, qr/HINT:  A superuser runs ALTER DATABASE postgres SET session_preload_libraries = 'auto_explain', 'tenant_guard'; then/, 'a list with an empty name gets the library');
	$pooled->quit;
	$node->safe_psql('shop2', 'ALTER DATABASE postgres RESET session_preload_libraries');
}

# --- The way in, where the listed library is missing -----------------------------------------------------------------------------

$node->safe_psql('postgres', 'ALTER DATABASE shop2 SET session_preload_libraries = \'no_such_library\'');
my $missing = qr/could not access file "no_such_library"/;
$node->connect_fails($node->connstr('shop2') . ' user=app', 'nobody can connect where a listed library is missing', expected_stderr => $missing);
$node->connect_fails($node->connstr('shop2'), 'not even a superuser', expected_stderr => $missing);
{
	local $ENV{PGOPTIONS} = '-c session_preload_libraries=';
	is($node->safe_psql('shop2', 'SELECT 1'), '1', 'but by PGOPTIONS');
	$node->connect_fails($node->connstr('shop2') . ' user=app', 'which is not for an application',
		expected_stderr => qr/permission denied to set parameter "session_preload_libraries"/);
}

$node->stop;
done_testing();
