# Keys to tables with rows of everyone, and the triggers beside them, come through dump and restore as they are: of everything, and of
# the rows alone with triggers disabled meanwhile.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $node = start_server('templates');
my $triggers = "SELECT tgrelid::regclass, tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
	ORDER BY tgrelid::regclass::text COLLATE \"C\", tgname COLLATE \"C\"";
my $rows = 'SET row_security = off; TABLE letters ORDER BY id; TABLE "Notes" ORDER BY "Id"; TABLE templates ORDER BY id';
my $broken = 'SELECT * FROM tenant_guard.broken_invariants()';
my $user = scalar getpwuid($<);

$node->safe_psql('postgres', 'CREATE DATABASE origin; CREATE DATABASE copy; CREATE DATABASE script; CREATE DATABASE filled');
$node->safe_psql('origin', <<"SQL");
CREATE EXTENSION tenant_guard;
CREATE TABLE templates (id int PRIMARY KEY, tenant_id uuid);
SELECT tenant_guard.protect('templates', null_rows => 'shared');
ALTER TABLE templates ADD parent int REFERENCES templates;
CREATE TABLE letters (id int PRIMARY KEY, tenant_id uuid, template int REFERENCES templates DEFERRABLE INITIALLY DEFERRED) PARTITION BY RANGE (id);
CREATE TABLE letters1 PARTITION OF letters FOR VALUES FROM (0) TO (100);
CREATE TABLE "Notes" ("Id" int PRIMARY KEY, tenant_id uuid, "Template" int REFERENCES templates ON DELETE CASCADE);
GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
SET tenant_guard.bypass = on;
INSERT INTO templates VALUES (4, NULL, 1), (1, NULL, NULL), (2, '$TENANT_A', 1), (3, '$TENANT_B', NULL);
INSERT INTO letters VALUES (1, '$TENANT_A', 1), (2, '$TENANT_A', 2);
INSERT INTO "Notes" SELECT * FROM letters;
SQL

my $dump = $node->backup_dir . '/dump';
my $script = $node->backup_dir . '/script';
mkdir $node->backup_dir;
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('origin') ], 'a database with keys to templates is dumped');
$node->command_ok([ 'pg_dump', '-f', $script, $node->connstr('origin') ], 'and as a script');
$node->command_ok([ 'pg_restore', '-e', '-d', $node->connstr('copy'), $dump ], 'and restored');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $script, '-d', $node->connstr('script') ], 'and the script runs');
$node->command_ok([ 'pg_restore', '-e', '--schema-only', '-d', $node->connstr('filled'), $dump ], 'and its schema alone');
$node->command_ok([ 'pg_restore', '-e', '--data-only', '--disable-triggers', '-d', $node->connstr('filled'), $dump ], 'and its rows alone, in any order');
foreach my $copy (qw(copy script filled))
{
	is($node->safe_psql($copy, $triggers), $node->safe_psql('origin', $triggers), "the triggers of $copy are the original's");
	is($node->safe_psql($copy, $rows), $node->safe_psql('origin', $rows), "so are the rows of $copy");
	is($node->safe_psql($copy, $broken), '', "and no invariant of $copy is broken");
	is(says($node, $copy, $user, "SET ROLE app; BEGIN; SET LOCAL tenant_guard.tenant_id = '$TENANT_A'; INSERT INTO \"Notes\" (\"Id\", \"Template\") VALUES (3, 1), (4, 3);"),
		'ERROR 23503', "and they hold in $copy");
	is(says($node, $copy, $user, "SET tenant_guard.bypass = on; UPDATE templates SET tenant_id = '$TENANT_B' WHERE id = 1;"),
		'ERROR TG007', "at both ends in $copy");
}

# While triggers are disabled, audit() says so, and its remedy enables them.
$node->safe_psql('copy', 'SET tenant_guard.bypass = on; ALTER TABLE "Notes" DISABLE TRIGGER ALL');
my $remedy = $node->safe_psql('copy', "SELECT remedy FROM tenant_guard.audit('error') WHERE rule = 'unpaired_foreign_key'");
is($remedy, q{SELECT tenant_guard.pair_foreign_keys('public."Notes"')}, 'audit() finds triggers that are disabled');
$node->safe_psql('copy', "$remedy; ALTER TABLE \"Notes\" ENABLE TRIGGER ALL");
is($node->safe_psql('copy', $triggers), $node->safe_psql('origin', $triggers), 'and its remedy enables them');

$node->stop;
done_testing();
