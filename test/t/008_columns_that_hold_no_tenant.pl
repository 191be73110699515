# A column by which tenants cannot be told apart is refused: what needs ICU, or a server of a later version.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('columns');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'tenant_guard'");
$node->start;
$node->safe_psql('postgres', "CREATE DATABASE columns TEMPLATE template0 ENCODING 'UTF8'"); # which ICU needs
$node->safe_psql('columns', 'CREATE EXTENSION tenant_guard');

my $version = $node->safe_psql('columns', 'SHOW server_version_num');
my $a = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa';

# What psql says of a statement, SQLSTATEs included.
sub says
{
	my ($sql) = @_;
	my ($out, $err);

	$node->psql('columns', "\\set VERBOSITY verbose\n$sql", stdout => \$out, stderr => \$err, on_error_stop => 0);
	return $out . $err;
}

# Two spellings that a collation calls equal would be one tenant.
SKIP:
{
	skip 'the server has no ICU', 3
		unless $node->psql('columns', "CREATE COLLATION spellings (provider = icu, locale = 'und-u-ks-level2', deterministic = false)") == 0;

	my $set = "SET tenant_guard.tenant_type = 'text';\n";
	my $made = says("${set}CREATE TABLE texts (tenant_id text COLLATE spellings);");
	like($made, qr/TG004.*nondeterministic collation/s, 'a table with such a column is not made');
	like(says("${set}CREATE DOMAIN spelled AS text COLLATE spellings; CREATE TABLE texts (tenant_id spelled);"),
		qr/TG004.*nondeterministic collation/s, 'nor with one of such a domain');
	unlike(says("${set}CREATE TABLE texts (tenant_id text COLLATE \"C\"); DROP TABLE texts;"), qr/ERROR/, 'with another collation it is');
}

# The expression of a stored generated column would move every row to another tenant.
$node->safe_psql('columns', "CREATE TABLE stored (id uuid, tenant_id uuid GENERATED ALWAYS AS (id) STORED)");
SKIP:
{
	skip 'SET EXPRESSION came with 17', 5 if $version < 170000;

	my $expression = "ALTER TABLE stored ALTER COLUMN tenant_id SET EXPRESSION AS ('$a'::uuid);";
	like(says($expression), qr/TG005/, 'the expression of a tenant column stays');
	unlike(says("SET tenant_guard.bypass = on; $expression"), qr/ERROR/, 'unless it is meant');

	# So it does below a parent that is not guarded, whose other columns may be changed.
	$node->safe_psql('columns', "CREATE TABLE above (id uuid, other uuid GENERATED ALWAYS AS (id) STORED, by_tenant uuid GENERATED ALWAYS AS (id) STORED NOT NULL);"
		  . " CREATE TABLE below () INHERITS (above); SELECT tenant_guard.protect('below', 'by_tenant')");
	my $through = "ALTER TABLE above ALTER COLUMN by_tenant SET EXPRESSION AS ('$a'::uuid);";
	like(says($through), qr/TG005.*table public\.below/s, 'nor does it change through a parent that is not guarded');
	unlike(says('ALTER TABLE above ALTER COLUMN other SET EXPRESSION AS (NULL::uuid);'), qr/ERROR/, 'that of another column does');
	unlike(says("SET tenant_guard.bypass = on; $through"), qr/ERROR/, 'and the tenant column\'s, where it is meant');
}

# A virtual column is in no row.
SKIP:
{
	skip 'virtual columns came with 18', 2 if $version < 180000;

	like(says('CREATE TABLE virtual (id uuid, tenant_id uuid GENERATED ALWAYS AS (id) VIRTUAL);'),
		qr/TG004.*virtual generated column/s, 'a virtual tenant column is refused');
	is($node->safe_psql('columns', "SELECT to_regclass('virtual') IS NULL"), 't', 'and its table is not made');
}

# What carries state to parallel workers comes from no client.
{
	local $ENV{PGOPTIONS} = '-c tenant_guard.leader_set_in=1';
	$node->connect_fails($node->connstr('columns'), 'a client cannot set it in its connection options',
		expected_stderr => qr/this parameter carries state to parallel workers/);
}

$node->stop;
done_testing();
