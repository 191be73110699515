# A parallel worker judges as its leader does, and a hot standby as its primary: the same rows, the same refusals.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $node = start_server('primary', streaming => 1);
# Where the library is not preloaded, a guarded query must not be what loads it: 005_late_loading.pl.
my $load = 'DO $$ BEGIN PERFORM tenant_guard.has_tenant(); END $$;';
my $plain = start_server('plain', preload => 0);

# Two databases, tenants of two types; in each, 1,000 rows of one tenant and 2,000 of another.
my %tenants = (uuid => [$TENANT_A, $TENANT_B], text => ['acme', 'bolt & söhne']);

foreach my $server ($node, $plain)
{
	foreach my $type (sort keys %tenants)
	{
		my ($one, $two) = @{ $tenants{$type} };
		my $database = "${type}s";

		$server->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE template0 ENCODING 'UTF8'");
		$server->safe_psql('postgres', "ALTER DATABASE $database SET tenant_guard.tenant_type = '$type'");
		$server->safe_psql($database, <<"SQL");
CREATE EXTENSION tenant_guard;
CREATE TABLE t (id int, tenant_id $type, body text);
CREATE TABLE parts (id int, tenant_id $type) PARTITION BY LIST (tenant_id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN ('$one');
CREATE TABLE parts_2 PARTITION OF parts DEFAULT;
SET tenant_guard.bypass = on;
INSERT INTO t SELECT n, CASE WHEN n % 3 = 0 THEN '$one' ELSE '$two' END::$type, n FROM generate_series(1, 3000) n;
INSERT INTO parts SELECT id, tenant_id FROM t;
ANALYZE;
GRANT ALL ON t, parts TO app;
SQL
	}
}

# --- Parallel workers ------------------------------------------------------------------------------------------------

my $willing = 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; '
  . 'SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off; ';

# A worker costs a process; one judges as two do.
my $one_worker = "$willing SET max_parallel_workers_per_gather = 1;";

# Its name changed in 16.
my $forced = $node->safe_psql('postgres', 'SELECT name FROM pg_settings WHERE name IN (\'force_parallel_mode\', \'debug_parallel_query\')');

my $count = 'SELECT count(*), min(id), max(id) FROM t;';
my @queries = (
	$count,
	'SELECT count(*) FROM t a JOIN t b USING (id);',
	'SELECT count(*) FROM parts;',
	'SELECT count(DISTINCT tenant_id) FROM t;',
	'SELECT id FROM t WHERE id < 12 ORDER BY id;',
	'SELECT count(*) FROM t WHERE tenant_id = (SELECT tenant_id FROM t LIMIT 1);',
	'SELECT count(*) FROM generate_series(1, 3) g WHERE EXISTS (SELECT FROM t WHERE id = g);',
	'SELECT tenant_guard.has_tenant() FROM t LIMIT 1;');

# The ways a session comes to a tenant or to none, as the application: name, SQL with <query> where it stands,
# PGOPTIONS.
sub situations
{
	my ($one, $two) = @_;
	my $generic = 'SET plan_cache_mode = force_generic_plan;';

	return (
		['a tenant', "BEGIN; SELECT tenant_guard.set_tenant('$one'); <query> COMMIT;"],
		['the other tenant', "BEGIN; SELECT tenant_guard.set_tenant('$two'); <query> COMMIT;"],
		['no tenant', '<query>'],
		['a stale tenant', "SET tenant_guard.tenant_id = '$one'; <query>"],
		['a stale tenant in a block', "SET tenant_guard.tenant_id = '$one'; BEGIN; <query> ROLLBACK;"],
		['a tenant of the session, in its transaction', "BEGIN; SET tenant_guard.tenant_id = '$one'; <query> COMMIT; <query>"],
		['a tenant that was used, and another after ROLLBACK TO',
			"BEGIN; SELECT tenant_guard.set_tenant('$two'); SAVEPOINT s; SELECT tenant_guard.set_tenant('$one'); <query> ROLLBACK TO s; <query> ROLLBACK;"],
		['the same tenant after ROLLBACK TO',
			"BEGIN; SELECT tenant_guard.set_tenant('$one'); SAVEPOINT s; <query> ROLLBACK TO s; <query> ROLLBACK;"],
		['a tenant in a savepoint', "BEGIN; SAVEPOINT s; SELECT tenant_guard.set_tenant('$one'); <query> ROLLBACK TO s; <query> ROLLBACK;"],
		['a tenant that was unset', "BEGIN; SELECT tenant_guard.set_tenant('$one'); <query> SELECT tenant_guard.clear_tenant(); <query> ROLLBACK;"],
		['a tenant after RESET ALL', "BEGIN; SELECT tenant_guard.set_tenant('$one'); <query> RESET ALL; <query> ROLLBACK;"],
		['a tenant of the connection', '<query> <query>', "-c tenant_guard.tenant_id=" . ($one =~ s/ /\\ /gr)],
		['another over one of the connection', "BEGIN; SELECT tenant_guard.set_tenant('$two'); <query> RESET tenant_guard.tenant_id; <query> ROLLBACK; <query>",
			"-c tenant_guard.tenant_id=$one"],
		['a prepared statement for one tenant and then another',
			"$generic PREPARE q AS <query> BEGIN; SELECT tenant_guard.set_tenant('$one'); EXECUTE q; COMMIT; "
			  . "EXECUTE q; BEGIN; SELECT tenant_guard.set_tenant('$two'); EXECUTE q; COMMIT; DEALLOCATE q;"],
		# With its plan made, the leader judges when the query starts, and evaluates nothing itself.
		['a prepared statement and a stale tenant', "$generic PREPARE q AS <query> BEGIN; SELECT tenant_guard.set_tenant('$one'); EXECUTE q; COMMIT; "
			  . "SET tenant_guard.tenant_id = '$one'; EXECUTE q; BEGIN; EXECUTE q; ROLLBACK; DEALLOCATE q;"],
		['a prepared statement and no tenant', "$generic PREPARE q AS <query> BEGIN; SELECT tenant_guard.set_tenant('$one'); EXECUTE q; COMMIT; "
			  . 'EXECUTE q; DEALLOCATE q;'],
		['a prepared statement and another tenant than the transaction has used',
			"$generic PREPARE q AS <query> BEGIN; SELECT tenant_guard.set_tenant('$one'); EXECUTE q; COMMIT; "
			  . "BEGIN; SELECT tenant_guard.set_tenant('$two'); SAVEPOINT s; SELECT tenant_guard.set_tenant('$one'); "
			  . "SELECT count(*) > 0 FROM parts; EXECUTE q; ROLLBACK TO s; EXECUTE q; ROLLBACK; DEALLOCATE q;"],
		['a tenant of a function', 'CREATE OR REPLACE FUNCTION pg_temp.f() RETURNS SETOF text LANGUAGE plpgsql '
			  . "SET tenant_guard.tenant_id = '$two' AS 'BEGIN RETURN QUERY EXECUTE \$x\$ SELECT string_agg(x::text, chr(44) ORDER BY x) FROM (<bare query>) AS x \$x\$; END'; "
			  . 'SELECT pg_temp.f(); BEGIN; SELECT pg_temp.f(); <query> ROLLBACK; <query>']);
}

foreach my $type (sort keys %tenants)
{
	my ($one, $two) = @{ $tenants{$type} };
	my $database = "${type}s";

	foreach my $situation (situations($one, $two))
	{
		my ($name, $template, $pgoptions) = @$situation;
		my $run = sub {
			my ($server, $settings) = @_;
			my $sql = join("\n", map { my $q = $_; "SELECT '$q';\n" . ($template =~ s/<bare query>/$q =~ s{;}{}r/ger =~ s/<query>/$q/gr) } @queries);
			return says($server, $database, 'app', "$settings SET client_min_messages = error;\n$sql", $pgoptions);
		};
		my $alone = $run->($node, 'SET max_parallel_workers_per_gather = 0;');

		like($alone, qr/[|(]\d/, "$type, $name: the queries are answered") if $name !~ /^(no|a stale) tenant/;
		unlike($alone, qr/ERROR (?!TG|25P02)/, "$type, $name: or refused");
		is($run->($node, $one_worker), $alone, "$type, $name: workers judge as their leader");
		is($run->($plain, "$load $one_worker"), $alone, "$type, $name: so they do where the library is not preloaded");

		is($run->($node, "SET $forced = regress;"), $alone, "$type, $name: so they do where all that can runs in a worker");
	}

	# The answers themselves, in a worker.
	is(says($node, $database, 'app', "$willing BEGIN; SET LOCAL tenant_guard.tenant_id = '$one'; $count COMMIT; $count"),
		'1000|3|3000; ERROR TG001', "$type: a tenant's rows are seen, and none without it");
	is(says($node, $database, 'app', "$willing SET tenant_guard.tenant_id = '$one'; $count"), 'ERROR TG006', "$type: a stale tenant is refused");
	like(says($node, $database, 'app', "$willing BEGIN; SET LOCAL tenant_guard.tenant_id = '$one'; EXPLAIN (ANALYZE, COSTS OFF) $count"),
		qr/Workers Launched: [12];/, "$type: there are workers indeed");
	$node->safe_psql('postgres', 'ALTER ROLE app SET tenant_guard.missing_tenant = \'empty\'');
	is(says($node, $database, 'app', "$willing $count"), '0||', "$type: where the administrator has said so, no tenant is no rows");
	$node->safe_psql('postgres', 'ALTER ROLE app RESET tenant_guard.missing_tenant');
}

# What a worker alone has used is used by the transaction.
foreach my $server ($node, $plain)
{
	is(says($server, 'uuids', 'app', "$load $willing SET plan_cache_mode = force_generic_plan; PREPARE q AS SELECT count(*) FROM t; "
				. "BEGIN; SET LOCAL tenant_guard.tenant_id = '$TENANT_A'; EXECUTE q; COMMIT; "
				. "BEGIN; SET LOCAL tenant_guard.tenant_id = '$TENANT_A'; EXECUTE q; SET LOCAL tenant_guard.tenant_id = '$TENANT_B'; EXECUTE q; COMMIT;"),
		'1000; 1000; ERROR TG002; ERROR 25P02', 'a tenant that workers have used cannot be changed in the transaction, server ' . $server->name);
}

# A worker refuses what its leader would: here a role's tenant that has come back after another was set, and what a
# savepoint has undone, is good again.
$node->safe_psql('postgres', "ALTER ROLE app IN DATABASE uuids SET tenant_guard.tenant_id = '$TENANT_A'");
my $unset = "SAVEPOINT s; SET LOCAL tenant_guard.tenant_id = '$TENANT_B'; RESET tenant_guard.tenant_id;";
is(says($node, 'uuids', 'app', "$willing BEGIN; $unset $count"), 'ERROR TG002', 'another tenant than was set is refused with workers too');
is(says($node, 'uuids', 'app', "$willing BEGIN; $unset SELECT count(tenant_guard.current_tenant()) FROM generate_series(1, 10);"), 'ERROR TG002', 'so in a getter');
is(says($node, 'uuids', 'app', "$willing BEGIN; $unset ROLLBACK TO s; $count COMMIT;"), '1000|3|3000', 'what a savepoint has undone is not in the way of workers');
$node->safe_psql('postgres', 'ALTER ROLE app IN DATABASE uuids RESET tenant_guard.tenant_id');

# A function that sets the tenant must not do so in a worker.
$node->safe_psql('uuids', 'CREATE FUNCTION by_set_config() RETURNS text LANGUAGE plpgsql PARALLEL SAFE AS '
	  . "\$\$ BEGIN RETURN set_config('tenant_guard.tenant_id', '$TENANT_B', true); END \$\$; "
	  . 'CREATE FUNCTION by_clause() RETURNS text LANGUAGE plpgsql PARALLEL SAFE '
	  . "SET tenant_guard.tenant_id = '$TENANT_B' AS \$\$ BEGIN RETURN tenant_guard.current_tenant(); END \$\$;");
foreach my $function (['by_set_config', '25000'], ['by_clause', 'TG002'])
{
	my ($name, $state) = @$function;
	is(says($node, 'uuids', 'app', "$willing BEGIN; SELECT tenant_guard.set_tenant('$TENANT_A'); SELECT count(*) FROM t WHERE $name() <> body;"),
		"$TENANT_A; ERROR $state", "a function that changes the tenant in a worker is refused: $name");
}

$plain->stop;

# --- A hot standby ---------------------------------------------------------------------------------------------------

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);

my $tenant_a = "SELECT tenant_guard.set_tenant('$TENANT_A');";
my $later = 'CREATE TABLE later (tenant_id uuid, body text); GRANT ALL ON later TO app;';

sub test_standby
{
	my ($kind) = @_;
	my $app_says = sub { return says($standby, 'uuids', 'app', @_) };

	is($app_says->($count), 'ERROR TG001', "$kind: without a tenant a query is refused");
	is($app_says->("SET tenant_guard.tenant_id = '$TENANT_A'; $count"), 'ERROR TG006', "$kind: so it is with a stale one");
	is($app_says->("BEGIN; $tenant_a $count COMMIT; $count"), "$TENANT_A; 1000|3|3000; ERROR TG001", "$kind: a tenant sees its rows");
	is($app_says->("BEGIN; $tenant_a $count SELECT tenant_guard.set_tenant('$TENANT_B');"), "$TENANT_A; 1000|3|3000; ERROR TG002",
		"$kind: it cannot be changed in the transaction");
	is($app_says->("BEGIN; $tenant_a INSERT INTO t VALUES (1);"), "$TENANT_A; ERROR 25006", "$kind: nothing can be written");
	is($app_says->("$willing BEGIN; $tenant_a $count ROLLBACK; $count"), "$TENANT_A; 1000|3|3000; ERROR TG001", "$kind: parallel workers judge alike");
	is($app_says->("$load $count $count", "-c tenant_guard.tenant_id=$TENANT_A"), '1000|3|3000; 1000|3|3000', "$kind: a connection's tenant is good");
	is(says($standby, 'texts', 'app', "BEGIN; SELECT tenant_guard.set_tenant('acme'); $count ROLLBACK; $count"), 'acme; 1000|3|3000; ERROR TG001',
		"$kind: so is a text where tenants are texts");
	is(superuser_says($standby, 'uuids', 'SELECT DISTINCT status FROM tenant_guard.tables WHERE relation::text <> \'later\';'), 'guarded',
		"$kind: the tables are guarded");
	is(superuser_says($standby, 'uuids', 'SELECT tenant_guard.unprotect(\'t\');'), 'ERROR 25006', "$kind: and stay so");
	is(superuser_says($standby, 'uuids', "$_;"), 'ERROR 25006', "$kind: one error for $_")
	  foreach "SELECT tenant_guard.protect('t')", "SELECT tenant_guard.protect_schema('public')", "SELECT tenant_guard.unprotect_schema('public')",
	  "CALL tenant_guard.protect_tables('public')", "SELECT tenant_guard.share('t')", "SELECT tenant_guard.pair_foreign_keys('t')", "SELECT tenant_guard.derive_tenant_column('t')";
	is(superuser_says($standby, 'uuids', 'SELECT count(*) FROM tenant_guard.audit() WHERE rule IN (\'damaged_guard\', \'unguarded_table\'); SELECT guarded > 0, damaged FROM tenant_guard.status;'),
		'0; t|0', "$kind: audit() and the view \"status\" can be asked");
	is(superuser_says($standby, 'uuids', 'SELECT * FROM tenant_guard.prove(); SELECT * FROM tenant_guard.prove(\'t\');'), 'ERROR 25006; ERROR 25006', "$kind: prove(), which writes, says so");
	is($app_says->("$load BEGIN; $tenant_a CREATE TEMP TABLE mine AS SELECT * FROM t;"), "$TENANT_A; ERROR 25006", "$kind: there are no temporary tables");
	is($app_says->("$load BEGIN; $tenant_a DECLARE c CURSOR WITH HOLD FOR SELECT * FROM t;"), "$TENANT_A; ERROR TG003", "$kind: nor cursors WITH HOLD");
	return;
}

test_standby('a standby');
is(superuser_says($node, 'uuids', $later), 'NOTICE 00000', 'a table is made on the primary');
$node->wait_for_catchup($standby);
is(says($standby, 'uuids', 'app', "TABLE later; BEGIN; $tenant_a TABLE later;"), "ERROR TG001; $TENANT_A", 'it comes guarded to the standby');

$standby->append_conf('postgresql.conf', 'shared_preload_libraries = \'\'');
$standby->restart;
test_standby('a standby that does not preload the library');
my ($status, $out, $said) = $standby->psql('uuids', "BEGIN; SET LOCAL tenant_guard.tenant_id = '$TENANT_A'; $count", extra_params => [ '-U', 'app' ]);
like($said, qr/^HINT:  On the primary, a superuser runs ALTER DATABASE uuids SET session_preload_libraries = 'tenant_guard'; or list it in this server's configuration; then reconnect \(poolers too\)\.$/m,
	'there a query that loads it is refused, and says where to preload it');

$node->stop;
$standby->promote;
is(says($standby, 'uuids', 'app', "$load INSERT INTO t VALUES (1); BEGIN; $tenant_a INSERT INTO t VALUES (1) RETURNING tenant_id; SAVEPOINT s; "
			. "INSERT INTO t VALUES (1, '$TENANT_B');"),
	"ERROR TG001; $TENANT_A; $TENANT_A; ERROR 42501", 'promoted, it writes a tenant\'s own rows alone');
is(superuser_says($standby, 'uuids', 'CREATE TABLE after (tenant_id uuid); SELECT status FROM tenant_guard.guard_status(\'after\');'),
	'NOTICE 00000; guarded', 'and guards the tables that are made');

$standby->stop;
done_testing();
