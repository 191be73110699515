# Jobs in background workers (pg_cron's), which have no session_preload_libraries: where the server does not preload the library,
# a job that calls set_tenant() first is guarded in full, and another is told of both ways.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my ($libraries) = run_command([ 'pg_config', '--pkglibdir' ]);
plan(skip_all => 'pg_cron is not installed') unless -e "$libraries/pg_cron.so";

my $set_a = "SELECT tenant_guard.set_tenant('$TENANT_A')";
my $local_a = "SET LOCAL tenant_guard.tenant_id = '$TENANT_A'";
my $copy = 'INSERT INTO seen SELECT body FROM t';

# Name, job, and what comes of it without and with preload.
my $late = 'this session loaded tenant_guard too late to guard its queries';
my $too_late = qr/^failed: ERROR: $late.*HINT: List tenant_guard in shared_preload_libraries, or call tenant_guard\.set_tenant\(\) first\./s;
my $no_tenant = qr/^failed: ERROR: no tenant is set/;
my $done = qr/^succeeded: INSERT 0 1$/;
my $no_effect = qr/tenant_guard\.set_tenant has no effect/;
my @jobs = (
	['set_tenant_first', "$set_a; $copy", $done, $done],
	['set_first', "$local_a; $copy", $too_late, $done],
	['session', "SET tenant_guard.tenant_id = '$TENANT_A'; $copy", $too_late, $done],
	['no_tenant', $copy, $no_tenant, $no_tenant],
	['two_tenants', "$set_a; SELECT tenant_guard.set_tenant('$TENANT_B'); $copy", (qr/^failed: ERROR: the tenant cannot change in this transaction/) x 2],
	['in_a_block', "DO 'BEGIN PERFORM tenant_guard.set_tenant(''$TENANT_A''); $copy; END'", (qr/^succeeded: DO$/) x 2],
	['by_itself', $set_a, (qr/^succeeded: /) x 2]);

my @nodes = map {
	start_server($_ ? 'preloads' : 'does_not', preload => 0, conf => "shared_preload_libraries = 'pg_cron" . ($_ ? ', tenant_guard' : '') . "'\n"
		  . "cron.use_background_workers = on\nmax_worker_processes = 20\nlog_min_error_statement = warning\n")
} 0, 1;
foreach my $node (@nodes)
{
	$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION pg_cron;
CREATE EXTENSION tenant_guard;
SET tenant_guard.bypass = on;
CREATE TABLE t (tenant_id uuid, body text);
CREATE TABLE seen (body text);
INSERT INTO t VALUES ('$TENANT_A', 'of a'), ('$TENANT_B', 'of b');
GRANT SELECT ON t TO app;
GRANT ALL ON seen TO app;
GRANT USAGE ON SCHEMA cron TO app;
SQL
	my $schedule = join('; ', map { "SELECT cron.schedule('$_->[0]', '* * * * *', \$job\$$_->[1]\$job\$)" } @jobs);
	$node->safe_psql('postgres', $schedule, extra_params => [ '-U', 'app' ]);
}

my $runs = 'FROM cron.job_run_details r JOIN cron.job j USING (jobid)';
foreach my $i (0, 1)
{
	my ($node, $name) = ($nodes[$i], $nodes[$i]->name);

	# they run at the full minute
	ok($node->poll_query_until('postgres', "SELECT count(DISTINCT jobid) = @{[ scalar @jobs ]} FROM cron.job_run_details WHERE status IN ('succeeded', 'failed')"), "$name: all jobs have run");
	foreach my $job (@jobs)
	{
		like($node->safe_psql('postgres', "SELECT r.status || ': ' || r.return_message $runs WHERE j.jobname = '$job->[0]' AND r.status IN ('succeeded', 'failed') ORDER BY r.runid LIMIT 1"),
			$job->[2 + $i], "$name: $job->[0]");
	}
	is($node->safe_psql('postgres', 'SELECT DISTINCT body FROM seen'), 'of a', "$name: the jobs have seen the rows of their tenant alone");

	# Each WARNING is in the log of its worker, with the job as its statement.
	my $log = slurp_file($node->logfile);
	my %warned = map { $log =~ /\[$_\][^\n]*STATEMENT:  ([^\n]*)/ ? ($1 => 1) : () } $log =~ /\[(\d+)\][^\n]*WARNING:  $no_effect/g;
	is(join('; ', sort keys %warned), $set_a, "$name: set_tenant() is said to have no effect where it has none, and else not");
	$node->stop;
}
done_testing();
