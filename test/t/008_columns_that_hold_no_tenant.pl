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
	skip 'the server has no ICU', 8
		unless $node->psql('columns', "CREATE COLLATION spellings (provider = icu, locale = 'und-u-ks-level2', deterministic = false)") == 0;

	my $set = "SET tenant_guard.tenant_type = 'text';\n";
	my $made = says("${set}CREATE TABLE texts (tenant_id text COLLATE spellings);");
	like($made, qr/TG004.*nondeterministic collation/s, 'a table with such a column is not made');
	like(says("${set}CREATE DOMAIN spelled AS text COLLATE spellings; CREATE TABLE texts (tenant_id spelled);"),
		qr/TG004.*nondeterministic collation/s, 'nor with one of such a domain');
	unlike(says("${set}CREATE TABLE texts (tenant_id text COLLATE \"C\"); DROP TABLE texts;"), qr/ERROR/, 'with another collation it is');

	# A guard that was made by hand, or while auto_protect was off, is damaged with it.
	$node->safe_psql('columns', <<"SQL");
SET tenant_guard.auto_protect = off;
CREATE TABLE by_hand (id int, tenant_id text COLLATE spellings NOT NULL);
INSERT INTO by_hand VALUES (1, 'acme'), (2, 'ACME');
ALTER TABLE by_hand ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON by_hand AS RESTRICTIVE USING (tenant_id = tenant_guard.current_tenant_text())
	WITH CHECK (tenant_id = tenant_guard.current_tenant_text());
CREATE POLICY tenant_access ON by_hand USING (tenant_guard.guarded());
CREATE ROLE reader;
GRANT SELECT ON by_hand TO reader;
SQL
	my $read = "${set}BEGIN; SELECT tenant_guard.set_tenant('acme') \\g /dev/null\nSET LOCAL ROLE reader; SELECT id FROM by_hand; ROLLBACK;";
	my $said = says($read);
	like($said, qr/TG003.*has a nondeterministic collation/s, 'a guard by hand on such a column is damaged');
	unlike($said, qr/^\d/m, 'and shows no rows');
	is($node->safe_psql('columns', "SELECT rule || ' ' || object FROM tenant_guard.audit('error', '{server_outdated}')"), 'guard_incomplete public.by_hand', 'audit() finds it');
	my ($hint) = says("${set}SELECT tenant_guard.protect('by_hand');") =~ /HINT: *Run (BEGIN.*COMMIT;)/;
	unlike(says("$set$hint"), qr/ERROR/, 'the hint of protect() cures it');
	is(says($read), '1', 'and the row of the tenant is left');
	$node->safe_psql('columns', 'DROP TABLE by_hand');
}

# The expression of a stored generated column would move every row to another tenant.
$node->safe_psql('columns', "CREATE TABLE stored (id uuid, tenant_id uuid GENERATED ALWAYS AS (id) STORED)");
SKIP:
{
	skip 'SET EXPRESSION came with 17', 5 if $version < 170000;

	my $expression = "ALTER TABLE stored ALTER COLUMN tenant_id SET EXPRESSION AS ('$a'::uuid);";
	like(says($expression), qr/TG005.*values of its tenant column "tenant_id" are computed anew/s, 'the expression of a tenant column stays');
	unlike(says("SET tenant_guard.bypass = on; $expression"), qr/ERROR/, 'unless it is meant');

	# So it does below a parent that is not guarded, whose other columns may be changed.
	$node->safe_psql('columns', "CREATE TABLE above (id uuid, other uuid GENERATED ALWAYS AS (id) STORED, by_tenant uuid GENERATED ALWAYS AS (id) STORED NOT NULL);"
		  . " CREATE TABLE below () INHERITS (above); SELECT tenant_guard.protect('below', 'by_tenant')");
	my $through = "ALTER TABLE above ALTER COLUMN by_tenant SET EXPRESSION AS ('$a'::uuid);";
	like(says($through), qr/TG005.*table public\.below/s, 'nor does it change through a parent that is not guarded');
	unlike(says('ALTER TABLE above ALTER COLUMN other SET EXPRESSION AS (NULL::uuid);'), qr/ERROR/, 'that of another column does');
	unlike(says("SET tenant_guard.bypass = on; $through"), qr/ERROR/, 'and the tenant column\'s, where it is meant');
}

# Until 15 the column of a partition can be generated where that of the whole table is not: the row that is stored is another's.
SKIP:
{
	skip 'such a partition is refused from 16 on', 4 if $version >= 160000;

	my $b = 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb';
	$node->safe_psql('columns', <<"SQL");
CREATE ROLE keeper;
CREATE SCHEMA kept AUTHORIZATION keeper;
SET ROLE keeper;
CREATE TABLE kept.tags (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE kept.docs (id int, tenant_id uuid, tag int) PARTITION BY LIST (id);
CREATE TABLE kept.docs_all (id int, tag int, tenant_id uuid GENERATED ALWAYS AS (CASE WHEN tag IS NULL THEN '$b'::uuid ELSE '$a' END) STORED);
ALTER TABLE kept.docs ATTACH PARTITION kept.docs_all DEFAULT;
ALTER TABLE kept.docs ADD CONSTRAINT of_tag FOREIGN KEY (tag) REFERENCES kept.tags ON DELETE SET NULL;
SQL
	my $tenant = "SET ROLE keeper; BEGIN; SELECT tenant_guard.set_tenant('$a') \\g /dev/null\n";
	unlike(says("$tenant INSERT INTO kept.tags VALUES (1);\nCOPY kept.docs (id, tag) FROM stdin;\n1\t1\n\\.\nCOMMIT;"), qr/ERROR/, 'COPY stores a row that its partition makes the tenant\'s');
	like(says("$tenant COPY kept.docs (id) FROM stdin;\n2\n\\.\nCOMMIT;"), qr/42501/, 'but none that it makes another tenant\'s');
	like(says("$tenant DELETE FROM kept.tags;\nCOMMIT;"), qr/TG003.*would change the tenant of a row/s, 'nor does the action of a foreign key');
	is($node->safe_psql('columns', 'SET row_security = off; SELECT id, tenant_id FROM kept.docs'), "1|$a", 'no row has become another tenant\'s');
}

# From 17 on the partitions of a table get its identity, too.
SKIP:
{
	skip 'identities of partitions came with 17', 2 if $version < 170000;

	$node->safe_psql('columns', "SET tenant_guard.auto_protect = off; SET tenant_guard.tenant_type = bigint; CREATE TABLE numbered (tenant_id bigint NOT NULL) PARTITION BY LIST (tenant_id);"
		  . " CREATE TABLE numbered_rest PARTITION OF numbered DEFAULT; SELECT tenant_guard.protect('numbered_rest'); ALTER TABLE numbered_rest ALTER COLUMN tenant_id DROP DEFAULT");
	my $identity = 'ALTER TABLE numbered ALTER COLUMN tenant_id ADD GENERATED BY DEFAULT AS IDENTITY;';
	like(says($identity), qr/TG005.*table public\.numbered_rest/s, 'a tenant column gets no identity through a parent that is not guarded');
	unlike(says("SET tenant_guard.bypass = on; $identity DROP TABLE numbered;"), qr/ERROR/, 'unless it is meant');
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
