# The statistics of tenants equal what is counted by hand: over many transactions of many tenants in several sessions, with rollbacks,
# refusals and sessions that end in the middle. A tenant sees its own alone. Log lines and stat_activity name the tenant.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use IO::Socket::INET;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $TENANTS = 200;            # numbered from 1001 on
my $TRANSACTIONS = 6000;    # of each of 8 clients

my $node = start_server('server', conf => <<'END');
shared_preload_libraries = 'pg_stat_statements, tenant_guard'
restart_after_crash = on
compute_query_id = on
max_worker_processes = 8
END
my $named = $node->pg_version >= 17;    # shared memory is there however the library is loaded

$node->safe_psql('postgres', <<"SQL");
SET client_min_messages = warning;
CREATE EXTENSION tenant_guard;
CREATE EXTENSION pg_stat_statements;
CREATE ROLE monitor LOGIN IN ROLE pg_monitor;
CREATE TABLE notes (tenant_id uuid, note text);
GRANT ALL ON notes TO app;
CREATE TABLE words (id int);
INSERT INTO words SELECT generate_series(1, 100);
GRANT SELECT ON words TO app;
DO \$\$ BEGIN FOR n IN 1001..1000 + $TENANTS LOOP EXECUTE format('CREATE SEQUENCE commits_%s; CREATE SEQUENCE rollbacks_%s; CREATE SEQUENCE refusals_%s', n, n, n); END LOOP; END \$\$;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app;
SQL

# counts(condition): commits, rollbacks, statements and refusals of the rows of stat_tenants
sub counts
{
	my ($condition) = @_;

	return $node->safe_psql('postgres', "SELECT sum(xact_commit), sum(xact_rollback), sum(statements), sum(refused) FROM tenant_guard.stat_tenants WHERE $condition");
}

sub reset_statistics
{
	$node->safe_psql('postgres', 'SELECT tenant_guard.stat_tenants_reset()');
	return;
}

# counts_of(sql): what the sessions of "app" that run it add, once they have ended
sub counts_of
{
	my ($sql) = @_;
	my $said;

	reset_statistics();
	$said = says($node, 'postgres', 'app', $sql);
	$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = 'app'");
	return counts("tenant = '$TENANT_A'");
}

# --- Which statements count -----------------------------------------------------------------------------------------------

my $begin = "BEGIN; SELECT tenant_guard.set_tenant('$TENANT_A');";

is(counts_of("$begin SELECT count(*) FROM notes; COMMIT;"), '1|0|1|0', 'a query');
is(counts_of("$begin SELECT 1; COMMIT;"), '|||', 'a transaction that uses no tenant');
is(counts_of("$begin TABLE notes; INSERT INTO notes (note) VALUES ('a'); UPDATE notes SET note = 'b'; DELETE FROM notes; ROLLBACK;"), '0|1|4|0', 'four statements, rolled back');
is(counts_of("$begin TABLE notes; SAVEPOINT s; SELECT 1; ROLLBACK TO s; RELEASE s; COMMIT;"), '1|0|2|0', 'savepoints are no statements');
is(counts_of("$begin SELECT tenant_guard.current_tenant(); SELECT 1; COMMIT;"), '1|0|2|0', 'a call of the getter');
is(counts_of("$begin CREATE TEMP TABLE kept ON COMMIT DROP AS TABLE notes; EXPLAIN ANALYZE TABLE notes; COPY notes TO STDOUT; COMMIT;"), '1|0|3|0', 'statements in statements');
is(counts_of("$begin DO \$\$ BEGIN PERFORM * FROM notes; FOR n IN 1..10 LOOP INSERT INTO notes (note) VALUES (n); END LOOP; END \$\$; DELETE FROM notes; COMMIT;"), '1|0|2|0',
	'those that a DO block runs are not counted');
is(counts_of("PREPARE p AS TABLE notes; $begin EXECUTE p; EXECUTE p; DEALLOCATE p; COMMIT;"), '1|0|3|0', 'EXECUTE is one');
is(counts_of("$begin DECLARE c CURSOR FOR TABLE notes; FETCH c; FETCH c; CLOSE c; COMMIT;"), '1|0|4|0', 'a cursor is a statement each time');
is(counts_of("$begin TABLE notes; SELECT 1/0; COMMIT;"), '0|1|1|0', 'one that fails is not counted');
is(counts_of("$begin TABLE notes; SELECT 1 \\; SELECT 2 \\; SELECT 3; COMMIT;"), '1|0|4|0', 'several in one message');
is(counts_of("SET tenant_guard.tenant_id = '$TENANT_A' \\; TABLE notes;"), '1|0|1|0', 'a transaction without a block');
is(counts_of("$begin SELECT n FROM words CROSS JOIN LATERAL (SELECT count(*) FROM notes) n LIMIT 2; COMMIT;"), '1|0|1|0', 'a join');

# Refusals count even if something catches them, and for the tenant that is set if none is used.
is(counts_of("$begin INSERT INTO notes VALUES ('$TENANT_B', 'x'); COMMIT;"), '0|1|0|1', 'a row of another tenant');
is(counts_of("$begin TABLE notes; SELECT tenant_guard.set_tenant('$TENANT_B'); COMMIT;"), '0|1|1|1', 'a second tenant');
is(counts_of("$begin TABLE notes; DO \$\$ BEGIN INSERT INTO notes VALUES ('$TENANT_B', 'x'); EXCEPTION WHEN insufficient_privilege THEN NULL; END \$\$; COMMIT;"), '1|0|2|1', 'one that is caught');
is(counts_of("$begin TRUNCATE notes; COMMIT;"), '0|0|0|1', 'one of a transaction that has used no tenant');
reset_statistics();
is(says($node, 'postgres', 'app', 'TABLE notes;'), 'ERROR TG001', 'no tenant');
$node->poll_query_until('postgres', 'SELECT count(*) > 0 FROM tenant_guard.stat_tenants');
is($node->safe_psql('postgres', 'SELECT tenant, refused, refused_by_sqlstate, xact_commit, d.datname FROM tenant_guard.stat_tenants s JOIN pg_database d ON d.oid = s.datid'),
	'|1|{"TG001": 1}|0|postgres', 'is a row without a tenant');
is(superuser_says($node, 'postgres', "SELECT count(*) FROM tenant_guard.prove() WHERE NOT ok; SELECT count(*) FROM tenant_guard.stat_tenants;"), '0; 1', 'prove() is nobody\'s');

# An application of the extended protocol.
my $directory = PostgreSQL::Test::Utils::tempdir();
append_to_file("$directory/extended.sql", "BEGIN;\nSELECT tenant_guard.set_tenant('$TENANT_A');\nSELECT count(*) FROM notes;\nSELECT note FROM notes LIMIT 1;\nCOMMIT;\n");

sub pgbench
{
	my ($script, @options) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ $node->installed_command('pgbench'), '-n', '-f', "$directory/$script.sql", '-U', 'app', '-h', $node->host, '-p', $node->port, @options, 'postgres' ],
		'>', \$out, '2>', \$err, IPC::Run::timeout(10 * $PostgreSQL::Test::Utils::timeout_default))
	  or diag($err);
	$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = 'app'");
	return;
}
for my $mode ('extended', 'prepared')
{
	reset_statistics();
	pgbench('extended', '-M', $mode, '-t', 10);
	is(counts("tenant = '$TENANT_A'"), '10|0|20|0', "protocol: $mode");
}

# --- Many transactions ------------------------------------------------------------------------------------------------------

# The sequences, which no rollback takes back, count by hand. One transaction in ten is rolled back, one in fifty is refused.
append_to_file("$directory/many.sql", <<"SQL");
\\set n 1000 + random(1, $TENANTS)
\\set what random(1, 50)
BEGIN \\; SET LOCAL tenant_guard.tenant_id = '00000000-0000-0000-0000-00000000:n';
\\if :what = 1
INSERT INTO notes (note) VALUES (nextval('refusals_:n')) \\; DO \$\$ BEGIN INSERT INTO notes VALUES ('$TENANT_B', 'x'); EXCEPTION WHEN insufficient_privilege THEN NULL; END \$\$;
SELECT nextval('commits_:n') \\; COMMIT;
\\elif :what < 7
INSERT INTO notes (note) VALUES (nextval('rollbacks_:n')) \\; SELECT count(*) FROM words \\; ROLLBACK;
\\else
INSERT INTO notes (note) VALUES (nextval('commits_:n')) \\; SELECT count(*) FROM words \\; COMMIT;
\\endif
SQL
$node->safe_psql('postgres', 'SET row_security = off; DELETE FROM notes');

my $by_hand = q{
	SELECT sum(c), sum(r), sum(2 * c + f + 2 * r), sum(f) FROM (
		SELECT COALESCE((pg_sequence_last_value(format('commits_%s', n)::regclass)), 0) AS c,
			   COALESCE((pg_sequence_last_value(format('rollbacks_%s', n)::regclass)), 0) AS r,
			   COALESCE((pg_sequence_last_value(format('refusals_%s', n)::regclass)), 0) AS f
		FROM generate_series(1001, 1200) n) s};
my $each_by_hand = q{
	SELECT count(*) FROM tenant_guard.stat_tenants s, LATERAL (SELECT right(s.tenant, 4) AS n) i
	WHERE s.tenant LIKE '00000000-%' AND (s.xact_commit, s.xact_rollback, s.refused) IS DISTINCT FROM
		  (COALESCE(pg_sequence_last_value(format('commits_%s', n)::regclass), 0), COALESCE(pg_sequence_last_value(format('rollbacks_%s', n)::regclass), 0),
		   COALESCE(pg_sequence_last_value(format('refusals_%s', n)::regclass), 0))};

reset_statistics();
pgbench('many', '-c', 8, '-j', 2, '-t', $TRANSACTIONS);
pgbench('many', '-c', 8, '-j', 2, '-C', '-t', 50);
my $sum = counts("tenant LIKE '00000000-%'");
is($sum, $node->safe_psql('postgres', $by_hand), 'the sums are those of the sequences');
is($node->safe_psql('postgres', $each_by_hand), '0', 'and so is each tenant\'s row');
is((split(/\|/, $sum))[0] + (split(/\|/, $sum))[1], 8 * $TRANSACTIONS + 8 * 50, 'no transaction is missing');
is($node->safe_psql('postgres', 'SELECT count(*), min(stats_since) <= max(last_active) FROM tenant_guard.stat_tenants'), "$TENANTS|t", 'all tenants are there');
is($node->safe_psql('postgres', 'SET row_security = off; SELECT count(*) FROM (SELECT tenant_id, count(*) AS n FROM notes GROUP BY 1) t JOIN tenant_guard.stat_tenants s ON s.tenant = t.tenant_id::text WHERE n <> xact_commit'),
	'0', 'as many commits as rows');
is($node->safe_psql('postgres', 'SELECT count(*) FROM tenant_guard.stat_tenants WHERE NOT (total_time >= active_time AND active_time > 0 AND cpu_user_time + cpu_system_time > 0 AND shared_blks_hit > 0 AND wal_bytes > 0 AND wal_records > xact_commit)'),
	'0', 'each has used something');
is($node->safe_psql('postgres', 'SELECT dealloc, stats_reset < now() FROM tenant_guard.stat_tenants_info'), '0|t', 'none made room');

# Sessions that end in a transaction: by themselves, and terminated. What they used is counted as rolled back.
reset_statistics();
says($node, 'postgres', 'app', "$begin INSERT INTO notes (note) VALUES ('x');") for 1 .. 5;
$node->poll_query_until('postgres', "SELECT sum(xact_rollback) = 5 FROM tenant_guard.stat_tenants WHERE tenant = '$TENANT_A'");
is(counts("tenant = '$TENANT_A'"), '0|5|5|0', 'sessions that end in a transaction');
my $session = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'app' ]);
session_says($session, "$begin INSERT INTO notes (note) VALUES ('x');");
is($node->safe_psql('postgres', "SELECT count(*), count(pg_terminate_backend(pid)) FROM tenant_guard.stat_activity WHERE tenant = '$TENANT_A' AND state = 'idle in transaction'"), '1|1',
	'a session in a transaction is seen and terminated');
$node->poll_query_until('postgres', "SELECT sum(xact_rollback) = 6 FROM tenant_guard.stat_tenants WHERE tenant = '$TENANT_A'");
is(counts("tenant = '$TENANT_A'"), '0|6|6|0', 'and counted');
eval { $session->quit };

# What was idle is not active.
reset_statistics();
says($node, 'postgres', 'app', "$begin TABLE notes; \\! sleep 1\nSELECT 1; COMMIT;");
is($node->safe_psql('postgres', "SELECT total_time > 900, active_time < 900 FROM tenant_guard.stat_tenants WHERE tenant = '$TENANT_A'"), 't|t', 'idle time');
reset_statistics();
says($node, 'postgres', 'app', "$begin TABLE notes; SELECT pg_sleep(1); COMMIT;");
is($node->safe_psql('postgres', "SELECT total_time > 900, active_time > 900, cpu_user_time + cpu_system_time < 900 FROM tenant_guard.stat_tenants WHERE tenant = '$TENANT_A'"), 't|t|t', 'active time');

# --- Blocks, WAL and parallel workers ---------------------------------------------------------------------------------------

$node->safe_psql('postgres', <<"SQL");
CREATE TABLE many (tenant_id uuid, n int, filler text) WITH (parallel_workers = 2);
GRANT ALL ON many TO app;
SET row_security = off;
INSERT INTO many SELECT '$TENANT_A', n, repeat('x', 100) FROM generate_series(1, 100000) n;
VACUUM ANALYZE many;
SQL
my $parallel = "SET min_parallel_table_scan_size = 0; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off;";
reset_statistics();
my $plan = says($node, 'postgres', 'app', "$parallel $begin EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, SUMMARY OFF) SELECT sum(length(md5(filler || n))) FROM many; COMMIT;");
like($plan, qr/Workers Launched: [12]/, 'a parallel query');
my ($hit, $read) = $plan =~ /Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?/;
my $blocks = $node->safe_psql('postgres', "SELECT shared_blks_hit + shared_blks_read FROM tenant_guard.stat_tenants WHERE tenant = '$TENANT_A'");
cmp_ok($blocks, '>=', ($hit // 0) + ($read // 0), 'blocks that the workers read are counted');
cmp_ok($blocks, '<', ($hit // 0) + ($read // 0) + 1000, 'once');
cmp_ok($node->safe_psql('postgres', "SELECT cpu_user_time + cpu_system_time FROM tenant_guard.stat_tenants WHERE tenant = '$TENANT_A'"), '>', 20, 'and so is their processor time');
is($node->safe_psql('postgres', "SELECT xact_commit, statements FROM tenant_guard.stat_tenants WHERE tenant = '$TENANT_A'"), '1|1', 'in one transaction');

reset_statistics();
my $lsn = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
says($node, 'postgres', 'app', "$begin INSERT INTO many (n, filler) SELECT n, repeat('y', 100) FROM generate_series(1, 10000) n; COMMIT;");
is($node->safe_psql('postgres', "SELECT wal_bytes BETWEEN 0.8 * w AND w, wal_records > 10000, shared_blks_dirtied > 100 FROM tenant_guard.stat_tenants, (SELECT pg_current_wal_insert_lsn() - '$lsn' AS w) l WHERE tenant = '$TENANT_A'"),
	't|t|t', 'WAL and dirtied blocks');
reset_statistics();
says($node, 'postgres', 'app', "SET work_mem = '64kB'; $begin SELECT count(*) FROM (SELECT filler || n FROM many ORDER BY 1 OFFSET 0) m; COMMIT;");
is($node->safe_psql('postgres', "SELECT temp_blks_written > 100 FROM tenant_guard.stat_tenants WHERE tenant = '$TENANT_A'"), 't', 'temporary files');

# --- Who may see what -------------------------------------------------------------------------------------------------------

reset_statistics();
says($node, 'postgres', 'app', "BEGIN; SELECT tenant_guard.set_tenant('$_'); TABLE notes; COMMIT;") for $TENANT_A, $TENANT_A, $TENANT_B;
my $own = 'SELECT tenant, xact_commit FROM tenant_guard.stat_tenants WHERE xact_commit > 0 ORDER BY 1;';
is(says($node, 'postgres', 'monitor', $own), "$TENANT_A|2; $TENANT_B|1", 'pg_monitor sees all');
is(says($node, 'postgres', 'app', "$begin $own"), "$TENANT_A; $TENANT_A|2", 'a tenant its own');
is(says($node, 'postgres', 'app', $own), 'ERROR TG001', 'no tenant is an error');
is(says($node, 'postgres', 'app', "$begin SELECT count(*) FROM tenant_guard.stat_tenants WHERE tenant = '$TENANT_B';"), "$TENANT_A; 0", 'not another one\'s');
is(says($node, 'postgres', 'app', "SELECT * FROM tenant_guard.stat_activity; SELECT * FROM tenant_guard.stat_tenants_info; SELECT tenant_guard.stat_tenants_reset(); SELECT tenant_guard.stat_tenants_reset('$TENANT_A'); "
			. 'SELECT * FROM tenant_guard_internal.session_tenants(); SELECT * FROM tenant_guard_internal.tenant_usage();'),
	join('; ', ('ERROR 42501') x 6), 'all else is refused');
is(says($node, 'postgres', 'monitor', 'SELECT tenant_guard.stat_tenants_reset();'), 'ERROR 42501', 'only a superuser resets');
$node->safe_psql('postgres', "GRANT USAGE ON SCHEMA tenant_guard_internal TO app; GRANT SELECT ON tenant_guard.stat_activity TO app");
is(says($node, 'postgres', 'app', "$begin SELECT count(*) FROM tenant_guard_internal.session_tenants(); SELECT count(*) FROM tenant_guard.stat_activity WHERE tenant IS NOT NULL; SELECT DISTINCT tenant FROM tenant_guard_internal.tenant_usage();"),
	"$TENANT_A; 0; 0; $TENANT_A", 'also where it can call what is behind the views');
$node->safe_psql('postgres', "REVOKE USAGE ON SCHEMA tenant_guard_internal FROM app; REVOKE SELECT ON tenant_guard.stat_activity FROM app");
is(superuser_says($node, 'postgres', "SELECT tenant_guard.stat_tenants_reset(upper('$TENANT_A')); $own SELECT tenant_guard.stat_tenants_reset('$TENANT_A'); SELECT tenant_guard.stat_tenants_reset('x');"),
	"; $TENANT_B|1; ; ERROR TG004", 'one tenant is reset');

# --- Who works now ----------------------------------------------------------------------------------------------------------

my $works = 'SELECT tenant, source, sealed_since <= now() FROM tenant_guard.stat_activity WHERE usename = \'app\'';
$node->safe_psql('postgres', "CREATE ROLE bound LOGIN; ALTER ROLE bound SET tenant_guard.tenant_id = '$TENANT_B'; GRANT ALL ON notes TO bound");
$session = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'app' ]);
is($node->safe_psql('postgres', $works), '||', 'a session without a transaction');
session_says($session, $begin);
is($node->safe_psql('postgres', $works), '||', 'one that has used no tenant');
session_says($session, 'SELECT count(*) FROM notes;');
is($node->safe_psql('postgres', $works), "$TENANT_A|setting|t", 'one that has');
is(says($node, 'postgres', 'monitor', "$works;"), "$TENANT_A|setting|t", 'as pg_monitor');
session_says($session, 'COMMIT;');
is($node->safe_psql('postgres', $works), '||', 'and has ended');
$session->quit;
is(says($node, 'postgres', 'app', "BEGIN; SELECT count(*) FROM notes; \\! psql -XAtq -h '" . $node->host . "' -p " . $node->port . " -U monitor -d postgres -c \"SELECT source FROM tenant_guard.stat_activity WHERE tenant IS NOT NULL\"\n", "-c tenant_guard.tenant_id=$TENANT_B") =~ s/^\d+; //r,
	'connection', 'a tenant of the connection');
$session = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'bound' ]);
session_says($session, 'BEGIN; SELECT count(*) FROM notes;');
is($node->safe_psql('postgres', "$works " =~ s/'app'/'bound'/r), "$TENANT_B|role|t", 'a tenant of the role');
$session->quit;

# --- The queries of docs/monitoring.md --------------------------------------------------------------------------------------

my @queries = (<<'SQL', <<'SQL', <<'SQL', <<'SQL');
SELECT tenant, round(cpu_user_time + cpu_system_time) AS cpu_ms,
	   round(100 * (cpu_user_time + cpu_system_time) / NULLIF(sum(cpu_user_time + cpu_system_time) OVER (), 0)) AS percent,
	   xact_commit, round(active_time / (xact_commit + xact_rollback)) AS ms_a_transaction
FROM tenant_guard.stat_tenants
WHERE xact_commit + xact_rollback > 0
ORDER BY cpu_ms DESC LIMIT 10;
SQL
SELECT tenant, refused_by_sqlstate, last_active
FROM tenant_guard.stat_tenants
WHERE refused > 0
ORDER BY refused DESC;
SQL
SELECT tenant, count(*) AS sessions, count(*) FILTER (WHERE state = 'idle in transaction') AS idle_in_transaction,
	   max(now() - xact_start) AS oldest
FROM tenant_guard.stat_activity
WHERE tenant IS NOT NULL
GROUP BY tenant
ORDER BY sessions DESC;
SQL
SELECT a.tenant, a.pid, now() - a.query_start AS running, s.calls, s.mean_exec_time, s.query
FROM tenant_guard.stat_activity a JOIN pg_stat_statements s ON (s.queryid, s.dbid, s.userid) = (a.query_id, a.datid, a.usesysid)
WHERE a.tenant IS NOT NULL AND a.state = 'active' AND s.toplevel;
SQL
says($node, 'postgres', 'app', "$begin INSERT INTO notes VALUES ('$TENANT_B', 'x');");
$session = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'app' ]);
session_says($session, "$begin SELECT count(*), pg_sleep(0) FROM notes; COMMIT; $begin");
$session->query_until(qr/started/, "\\echo started\nSELECT count(*), pg_sleep(600) FROM notes;\n");
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
my @expected = (qr/^$TENANT_B\|\d+\|\d*\|1\|\d+$/m, qr/^$TENANT_A\|\{"42501": 1\}\|/m, qr/^$TENANT_A\|1\|0\|\d/m, qr/^$TENANT_A\|\d+\|[\d:.]+\|1\|[\d.]+\|SELECT count\(\*\), pg_sleep\(\$1\) FROM notes$/m);
like(says($node, 'postgres', 'monitor', $queries[$_]) =~ s/; /\n/gr, $expected[$_], 'docs/monitoring.md: query ' . ($_ + 1)) for 0 .. 3;
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'");
eval { $session->quit };

# --- Prometheus -------------------------------------------------------------------------------------------------------------

SKIP:
{
	my ($exporter) = grep { -x } map { "$_/prometheus-postgres-exporter" } split(/:/, $ENV{PATH}), '/usr/sbin';

	skip 'prometheus-postgres-exporter is not installed', 4 if !$exporter;
	local $ENV{DATA_SOURCE_NAME} = 'user=monitor sslmode=disable dbname=postgres host=' . $node->host . ' port=' . $node->port;
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $metrics = '';
	my $running = IPC::Run::start([ $exporter, "--web.listen-address=127.0.0.1:$port", '--extend.query-path=docs/monitoring/postgres_exporter.yaml' ], '>', '/dev/null', '2>', "$directory/exporter.log");

	says($node, 'postgres', 'app', "$begin TABLE notes; COMMIT;");
	for (1 .. 100)
	{
		my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);

		if ($socket)
		{
			print $socket "GET /metrics HTTP/1.0\r\n\r\n";
			$metrics = do { local $/; <$socket> } // '';
		}
		last if $metrics =~ /^tenant_guard_tenant/m;
		select(undef, undef, undef, 0.1);
	}
	$running->kill_kill;
	like($metrics, qr/^tenant_guard_tenant_xact_commit\{datname="postgres",server="[^"]*",tenant="$TENANT_A"\} \d+$/m, 'transactions of a tenant') or diag(slurp_file("$directory/exporter.log"));
	like($metrics, qr/^tenant_guard_refused_total\{datname="postgres",server="[^"]*",sqlstate="42501"\} 1$/m, 'refusals');
	like($metrics, qr/^tenant_guard_statistics_dealloc\{server="[^"]*"\} 0$/m, 'how many made room');
	like($metrics, qr/^tenant_guard_tables_count\{datname="postgres",server="[^"]*",status="guarded"\} 2$/m, 'tables');
}

# --- The server log ---------------------------------------------------------------------------------------------------------

$node->append_conf('postgresql.conf', "logging_collector = on\nlog_destination = 'stderr,csvlog,jsonlog'\nlog_min_duration_statement = 0\nlog_statement = none\nlog_directory = '$directory'\nlog_filename = 'all.log'\n");
$node->restart;

# log_lines(format, text): the lines of the log that contain a text, each with the detail beside it
sub log_lines
{
	my ($format, $text) = @_;
	my $log = '';

	# the collector writes when it comes to it
	for (1 .. 100)
	{
		last if -e "$directory/all.$format" && ($log = slurp_file("$directory/all.$format")) =~ /\Q$text\E.*\n(?=.*\n)/;
		select(undef, undef, undef, 0.1);
		says($node, 'postgres', 'app', 'SELECT 1;');
	}
	$log =~ s/\n\t/ /g;
	return [ $log =~ /^(?:.*DETAIL:.*\n(?=.*STATEMENT:))?.*\Q$text\E.*\n(?:.*DETAIL:.*\n)?/mg ];
}
sub log_says
{
	my ($sql, $text, $tenant, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	says($node, 'postgres', 'app', $sql =~ s/;$/, '$text';/r);
	for my $format ('log', 'csv', 'json')
	{
		my $lines = join("\n", @{ log_lines($format, $text) });

		ok($lines ne '' && ($tenant ? $lines =~ /Tenant: $tenant/ : $lines !~ /Tenant:/), "$format: $name") or diag($lines);
	}
	return;
}
log_says("$begin SELECT count(*) FROM notes; COMMIT; BEGIN; SELECT 1;", 'nothing', undef, 'off, a line names no tenant');
$node->append_conf('postgresql.conf', 'tenant_guard.log_tenant = on');
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('tenant_guard.log_tenant') = 'on'");
log_says("$begin SELECT (SELECT count(*) FROM notes);", 'duration', $TENANT_A, 'the duration of a statement');
log_says("$begin SELECT 1/(SELECT count(*)::int FROM notes WHERE false);", 'division', $TENANT_A, 'an error');
log_says("SET tenant_guard.tenant_id = '$TENANT_A' \\; SELECT (SELECT count(*) FROM notes);", 'autocommit', $TENANT_A, 'the duration of what ends the transaction');
log_says("$begin SELECT 1;", 'unused', $TENANT_A, 'a tenant that is only set');
log_says("$begin SELECT count(*) FROM notes; COMMIT; SELECT 1;", 'afterwards', undef, 'the next transaction');
log_says("$begin SELECT count(*) FROM notes; SELECT 1/0; SELECT 1;", 'when aborted', $TENANT_A, 'in an aborted transaction');
log_says("$begin SELECT count(*) FROM notes; COMMIT; BEGIN; SELECT 1/0; SELECT 1;", 'aborted without', undef, 'in an aborted transaction without a tenant');
unlike(says($node, 'postgres', 'app', "\\set VERBOSITY verbose\n$begin SELECT count(*) FROM notes; SELECT 1/0;"), qr/Tenant:/, 'clients do not get it');
is(superuser_says($node, 'postgres', "LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET ROLE app; $begin SELECT count(*) AS explained FROM notes; COMMIT;"), "$TENANT_A; 0", 'auto_explain');
like(join('', grep { /Query Text/ } @{ log_lines('log', 'AS explained') }), qr/Tenant: $TENANT_A/, 'its plans have the tenant');

# --- Bounds -----------------------------------------------------------------------------------------------------------------

$node->append_conf('postgresql.conf', "log_min_duration_statement = -1\ntenant_guard.stat_max = 100");
$node->restart;
append_to_file("$directory/bounded.sql", "\\set n random(1001, 1150)\nBEGIN \\; SET LOCAL tenant_guard.tenant_id = '00000000-0000-0000-0000-00000000:n' \\; SELECT count(*) FROM words, notes \\; COMMIT;\n");
pgbench('bounded', '-c', 4, '-t', 1000);
is($node->safe_psql('postgres', 'SELECT count(*), (SELECT dealloc > 0 FROM tenant_guard.stat_tenants_info), min(last_active) > now() - interval \'1 minute\' FROM tenant_guard.stat_tenants'), '100|t|t',
	'the table has its size');
my $before = $node->safe_psql('postgres', 'SELECT dealloc FROM tenant_guard.stat_tenants_info');
my $oldest = $node->safe_psql('postgres', 'SELECT tenant FROM tenant_guard.stat_tenants ORDER BY last_active LIMIT 1');
says($node, 'postgres', 'app', "$begin TABLE notes; COMMIT;");
is($node->safe_psql('postgres', "SELECT dealloc - $before, EXISTS (SELECT FROM tenant_guard.stat_tenants WHERE tenant = '$oldest'), EXISTS (SELECT FROM tenant_guard.stat_tenants WHERE tenant = '$TENANT_A') FROM tenant_guard.stat_tenants_info"),
	'1|f|t', 'the least recently active one made room');

# Tenants that are longer than a row has room for, and differ at the end or not in what is shown at all.
$node->safe_psql('postgres', 'CREATE DATABASE texts');
$node->safe_psql('texts', "CREATE EXTENSION tenant_guard; ALTER DATABASE texts SET tenant_guard.tenant_type = 'text'");
$node->safe_psql('texts', 'CREATE TABLE notes (tenant_id text, note text); GRANT ALL ON notes TO app');
my $long = 'é' x 1000;
says($node, 'texts', 'app', "BEGIN; SET LOCAL tenant_guard.tenant_id = '$_'; TABLE notes; COMMIT;") for "${long}a", "${long}b", "${long}b", 'x' x 119, 'x' x 120, 'short';
my $shown = $node->safe_psql('texts', "SELECT tenant FROM tenant_guard.stat_tenants WHERE length(tenant) > 50 AND xact_commit = 2");
like($shown, qr/^(\xc3\xa9){43}~[0-9a-f]{32}$/, 'a long tenant is shown by its beginning and a hash') or diag($shown);
says($node, 'texts', 'app', "BEGIN; SET LOCAL tenant_guard.tenant_id = '$shown'; TABLE notes; COMMIT;");
is($node->safe_psql('texts', "SELECT count(*), count(DISTINCT tenant), sum(xact_commit) FROM tenant_guard.stat_tenants WHERE datid = (SELECT oid FROM pg_database WHERE datname = 'texts')"), '6|5|7',
	'each has a row, and so has one that is called like it');
is(says($node, 'texts', 'app', "BEGIN; SET LOCAL tenant_guard.tenant_id = '$shown'; SELECT xact_commit FROM tenant_guard.stat_tenants;"), '1', 'which sees its own alone');
is($node->safe_psql('texts', "SELECT tenant_guard.stat_tenants_reset('${long}b'); SELECT count(*) FROM tenant_guard.stat_tenants WHERE tenant = '$shown'"), "\n1", 'one of them is reset');

# --- Off, after a crash, and without shared memory --------------------------------------------------------------------------

$node->safe_psql('postgres', 'ALTER ROLE app SET tenant_guard.track_tenants = off');
is(counts_of("$begin TABLE notes; COMMIT;"), '|||', 'track_tenants = off');
$node->safe_psql('postgres', 'ALTER ROLE app RESET tenant_guard.track_tenants');
is(says($node, 'postgres', 'app', 'SET tenant_guard.track_tenants = off;'), 'ERROR 42501', 'which a tenant cannot set');

is(counts_of("$begin TABLE notes; COMMIT;"), '1|0|1|0', 'before a crash');
my $offset = -s "$directory/all.log";
$session = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'app' ]);
session_says($session, "$begin TABLE notes;");
my $pid = $node->safe_psql('postgres', "SELECT pid FROM tenant_guard.stat_activity WHERE tenant = '$TENANT_A'");
is(kill('KILL', $pid), 1, 'a session is killed');
eval { $session->quit };
my $tries = 600;
select(undef, undef, undef, 0.1) while $tries-- > 0 && slurp_file("$directory/all.log", $offset) !~ /ready to accept connections/;
$node->poll_query_until('postgres', 'SELECT 1', '1');
is($node->safe_psql('postgres', 'SELECT (SELECT count(*) FROM tenant_guard.stat_tenants), count(tenant) FROM tenant_guard.stat_activity'), '0|0', 'the counts begin anew');
is(counts_of("$begin TABLE notes; COMMIT;"), '1|0|1|0', 'and go on');

$node->adjust_conf('postgresql.conf', 'tenant_guard.stat_max', undef);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_stat_statements'\nsession_preload_libraries = 'tenant_guard'\ntenant_guard.log_tenant = on");
$node->restart;
my $there = $named ? "$TENANT_A; 1; $TENANT_A|1" : "$TENANT_A; 1; ERROR 55000";
says($node, 'postgres', 'app', "$begin DELETE FROM notes; INSERT INTO notes (note) VALUES ('x'); COMMIT;");
is(says($node, 'postgres', 'app', "$begin SELECT count(*) FROM notes; $own"), $there, 'preloaded by sessions');
is(superuser_says($node, 'postgres', 'SELECT count(*) FROM tenant_guard.stat_activity; SELECT tenant_guard.stat_tenants_reset();') =~ s/^\d+/n/r, $named ? 'n; ' : 'ERROR 55000; ERROR 55000', 'so is what else needs shared memory');
$node->append_conf('postgresql.conf', "session_preload_libraries = ''");
$node->restart;
is(says($node, 'postgres', 'app', "$begin SELECT count(*) FROM notes; COMMIT; $begin $own") =~ s/^WARNING \w+; //r, $named ? "$TENANT_A; 1; $TENANT_A; $TENANT_A|1" : "$TENANT_A; 1; $TENANT_A; ERROR 55000", 'loaded late');
SKIP:
{
	skip 'shared memory needs no preloading from 17 on', 1 if $named;
	my ($code, $out, $err) = $node->psql('postgres', 'TABLE tenant_guard.stat_tenants');
	like($err, qr/there are no statistics of tenants, since tenant_guard has no shared memory\nDETAIL:  The server did not load the library when it started\.\nHINT:  Add tenant_guard to shared_preload_libraries, and restart the server\./,
		'the error says what to do');
}

# A segment that the server cannot make, for want of memory or, here, by a limit of files: nothing but the statistics fails.
SKIP:
{
	skip 'the server makes the segment when it starts until 16', 3 if !$named;
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'tenant_guard'\ntenant_guard.stat_max = 200000\nlog_min_messages = log");
	$node->stop;
	my $log = -s $node->logfile;
	is(system('sh', '-c', 'ulimit -f 40000 && exec "$@"', 'sh', $node->installed_command('pg_ctl'), '-s', '-w', '-D', $node->data_dir, '-l', $node->logfile, 'start'), 0, 'a server with a limit');
	is(says($node, 'postgres', 'app', "$begin SELECT count(*) FROM notes; SAVEPOINT s; SELECT count(*) FROM notes; $own"), "$TENANT_A; 1; 1; ERROR 55000", 'queries go on');
	my ($code, $out, $err) = $node->psql('postgres', 'TABLE tenant_guard.stat_tenants');
	like($err, qr/no shared memory\nDETAIL:  The server could not make it: could not resize shared memory segment .*\nHINT:  Give the server more shared memory, or lower tenant_guard\.stat_max, and reconnect\./,
		'the error says why');
	system($node->installed_command('pg_ctl'), '-s', '-w', '-D', $node->data_dir, 'stop');
}

$node->stop if !$named;
done_testing();
