# A pipeline without BEGIN is one transaction: a tenant that is set in it is good for what follows, and no other can be.
# What is sent by itself, by whatever protocol, is warned of.

use strict;
use warnings;

use FindBin;
use IPC::Run;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $node = start_server('pipelines');
my ($set_a, $set_b) = map { "SELECT tenant_guard.set_tenant('$_');" } ($TENANT_A, $TENANT_B);
my $use = 'SELECT 1 / count(*) FROM notes;';    # fails where no row is seen

$node->safe_psql('postgres', 'CREATE EXTENSION tenant_guard; CREATE TABLE notes (tenant_id uuid, body text); GRANT ALL ON notes TO app; SET tenant_guard.bypass = on; '
	  . "INSERT INTO notes VALUES ('$TENANT_A', 'of a'), ('$TENANT_B', 'of b')");

# Runs a script of pgbench's once, and returns what the server had to say: by its log, since pgbench of older minor releases does
# not print errors of a pipeline.
sub bench_says
{
	my ($protocol, $script) = @_;
	my $file = $node->basedir . '/script.sql';
	my $offset = -s $node->logfile;
	my ($stdout, $stderr);

	open(my $handle, '>', $file) or die;
	print $handle join("\n", split(/(?<=;) |\n/, $script)), "\n";
	close $handle;
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGUSER => 'app');
	IPC::Run::run([$node->installed_command('pgbench'), '-n', '-t', '1', '-M', $protocol, '-f', $file, 'postgres'], '>', \$stdout, '2>', \$stderr);
	return join('; ', slurp_file($node->logfile, $offset) =~ /(?:WARNING|ERROR): +(.*)/g);
}

my $no_effect = 'tenant_guard.set_tenant has no effect outside a transaction block';
my $fixed = 'the tenant cannot change in this transaction';

foreach my $protocol ('extended', 'prepared')
{
	is(bench_says($protocol, "\\startpipeline\n$set_a $use $use\n\\endpipeline"), '', "$protocol: a tenant is good for the rest of a pipeline");
	is(bench_says($protocol, "\\startpipeline\nSELECT 1; $set_a $use\n\\endpipeline"), '', "$protocol: so where it is not set first");
	is(bench_says($protocol, "\\startpipeline\n$set_a SELECT tenant_guard.has_tenant();\n\\endpipeline"), '', "$protocol: what follows need not use it");
	is(bench_says($protocol, "\\startpipeline\n$set_a\n\\endpipeline"), $no_effect, "$protocol: where nothing follows it has no effect");
	is(bench_says($protocol, "\\startpipeline\n$set_a $use $set_b $use\n\\endpipeline"), $fixed, "$protocol: another is refused");
	is(bench_says($protocol, "\\startpipeline\n$set_a $set_b\n\\endpipeline"), $fixed, "$protocol: so where the first was not used");
	is(bench_says($protocol, "\\startpipeline\nBEGIN; $set_a $use COMMIT; BEGIN; $set_b $use COMMIT;\n\\endpipeline"), '', "$protocol: a pipeline may hold several transactions");
	is(bench_says($protocol, "\\startpipeline\n$set_a $use\n\\endpipeline\n\\startpipeline\n$set_b $use\n\\endpipeline"), '', "$protocol: the next pipeline begins anew");
	is(bench_says($protocol, "\\startpipeline\n$set_a $use\n\\endpipeline\n$use"), 'no tenant is set', "$protocol: and has no tenant");
	is(bench_says($protocol, $set_a), $no_effect, "$protocol: by itself it has no effect");
	is(bench_says($protocol, "$set_a $use"), "$no_effect; no tenant is set", "$protocol: so where the next statement is another transaction");
	is(bench_says($protocol, "SELECT tenant_guard.set_tenant('$TENANT_A'), (SELECT 1 / count(*) FROM notes);"), 'no tenant is set', "$protocol: a sub-select is before it");
	is(bench_says($protocol, "BEGIN; $set_a COMMIT;"), '', "$protocol: in a block nothing is warned of");
}
is(bench_says('simple', $set_a), $no_effect, 'simple: by itself it has no effect');
is(bench_says('simple', "CREATE FUNCTION pg_temp.work() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT 1 / count(*) FROM notes); END'; SELECT tenant_guard.set_tenant('$TENANT_A'), pg_temp.work();"),
	'', 'simple: what the same statement does with it is an effect');

done_testing();
