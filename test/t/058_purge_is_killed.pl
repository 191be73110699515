# A purge whose server process is killed: in one transaction nothing is deleted, in batches a second call goes on, and in the end nothing is
# left. Other tenants' rows are as they were all the time. A hundred tables, with keys between them, in circles and to themselves.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use TenantGuard;

my $node = start_server('server', conf => "restart_after_crash = on\nfsync = off");

$node->safe_psql('postgres', <<"SQL");
SET client_min_messages = warning;
CREATE EXTENSION tenant_guard;
CREATE TABLE tenants (id uuid PRIMARY KEY);
SELECT tenant_guard.share('tenants');
INSERT INTO tenants VALUES ('$TENANT_A'), ('$TENANT_B');
-- each table references the one before; every tenth and its predecessor reference each other; every seventh itself; every fifth is partitioned
DO \$\$ BEGIN
	FOR i IN 1..100 LOOP
		EXECUTE format('CREATE TABLE t%s (id int, tenant_id uuid REFERENCES tenants, up int, self int, PRIMARY KEY (tenant_id, id)) %s', i,
					   CASE WHEN i % 5 = 0 THEN 'PARTITION BY LIST (id)' END);
		IF i % 5 = 0 THEN
			EXECUTE format('CREATE TABLE t%s_1 PARTITION OF t%1\$s FOR VALUES IN (1, 2, 3); CREATE TABLE t%1\$s_2 PARTITION OF t%1\$s DEFAULT', i);
		END IF;
		IF i > 1 THEN
			EXECUTE format('ALTER TABLE t%s ADD FOREIGN KEY (tenant_id, up) REFERENCES t%s', i, i - 1);
		END IF;
		IF i % 7 = 0 AND i % 10 <> 9 THEN
			EXECUTE format('ALTER TABLE t%s ADD FOREIGN KEY (tenant_id, self) REFERENCES t%1\$s', i);
		END IF;
		IF i % 10 = 0 THEN
			EXECUTE format('ALTER TABLE t%s ADD FOREIGN KEY (tenant_id, self) REFERENCES t%s', i - 1, i);
		END IF;
	END LOOP;
END \$\$;
SET tenant_guard.bypass = on;
DO \$\$ BEGIN
	FOR i IN 1..100 LOOP
		EXECUTE format('INSERT INTO t%s SELECT n, v.id, CASE WHEN %1\$s > 1 THEN n END, CASE WHEN %1\$s %% 7 = 0 AND %1\$s %% 10 <> 9 THEN greatest(n - 1, 1) END FROM tenants v, generate_series(1, 200) n', i);
		IF i % 10 = 0 THEN
			EXECUTE format('UPDATE t%s SET self = id', i - 1);
		END IF;
	END LOOP;
END \$\$;
SQL

# What the other tenant has, as one sum.
my $others = "SET tenant_guard.bypass = on; SELECT md5(string_agg(query_to_xml(format('SELECT count(*), sum(id), sum(up), sum(self) FROM t%s WHERE tenant_id = %L', n, '$TENANT_B'),"
  . " true, true, '')::text, '' ORDER BY n)) FROM generate_series(1, 100) n";
my $left = "SELECT sum(remaining) FROM tenant_guard.purge_tenant('$TENANT_A')";
my $before = $node->safe_psql('postgres', $others);

# killed(sql, after): runs a statement and kills its server process after so many milliseconds; was it still running?
sub killed
{
	my ($sql, $after) = @_;
	my ($out, $err) = ('', '');
	my $psql = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'SELECT pg_backend_pid()', '-c', $sql ], '<', \undef, '>', \$out, '2>', \$err);

	IPC::Run::pump($psql) until $out =~ /^\d+\n/;
	my ($pid) = $out =~ /^(\d+)\n/;
	usleep($after * 1000);
	kill 'KILL', $pid;
	$psql->finish;
	$node->poll_query_until('postgres', 'SELECT true');
	return $err =~ /server closed the connection|terminating/;
}

my $killed = 0;
my $half = 0;
foreach my $n (1 .. 8)
{
	$killed++ if killed("SELECT count(*) FROM tenant_guard.purge_tenant('$TENANT_A', dry_run => false)", 40 * $n);
	$half++ if $node->safe_psql('postgres', $left) !~ /^(20000|0)$/;
}
is($half, 0, 'in one transaction all rows are deleted or none');
cmp_ok($killed, '>', 0, 'it was killed while it ran');
is($node->safe_psql('postgres', $others), $before, 'the other tenant has what it had');

# in batches
my $rows = $node->safe_psql('postgres', $left);
($killed, $half) = (0, 0);
foreach my $n (1 .. 12)
{
	$killed++ if killed("CALL tenant_guard.purge_tenant_in_batches('$TENANT_A', 50)", 60 + 60 * $n);
	my $now = $node->safe_psql('postgres', $left);
	$half++ if $now > 0 && $now < $rows;
	last if $now == 0;
}
cmp_ok($killed, '>', 0, 'the batches were killed while they ran');
$node->safe_psql('postgres', "CALL tenant_guard.purge_tenant_in_batches('$TENANT_A', 50, true)");
is($node->safe_psql('postgres', $left), 0, 'and the last call has left nothing');
is($node->safe_psql('postgres', "SELECT sum(rows) FROM tenant_guard.tenant_inventory('$TENANT_A')"), 0, 'as the inventory says');
is($node->safe_psql('postgres', $others), $before, 'the other tenant still has what it had');
is($node->safe_psql('postgres', 'SELECT count(*) FROM tenant_guard.broken_invariants()'), 0, 'the guards are whole');
like(slurp_file($node->logfile), qr/bypassed the isolation of tenants in database "postgres": public\.t\d.* \(by means of tenant_guard\.purge_tenant,/, 'what was deleted is logged as a bypass');

$node->stop('fast');
done_testing();
