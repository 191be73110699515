# Keys that carry the tenant come through dump and restore as they are, and compare as the keys they were made from.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $node = start_server('travel');
my $keys = "SELECT conrelid::regclass, conname, pg_get_constraintdef(oid), obj_description(oid, 'pg_constraint') FROM pg_constraint
	WHERE contype = 'f' AND connamespace = 'public'::regnamespace ORDER BY conrelid::regclass::text COLLATE \"C\", conname COLLATE \"C\"";
my $indexes = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexdef COLLATE \"C\"";

$node->safe_psql('postgres', <<"SQL");
CREATE DATABASE origin TEMPLATE template0 ENCODING 'UTF8';
CREATE DATABASE copy TEMPLATE template0 ENCODING 'UTF8';
CREATE DATABASE script TEMPLATE template0 ENCODING 'UTF8';
SQL
$node->safe_psql('origin', <<"SQL");
CREATE EXTENSION tenant_guard;
CREATE TABLE a_children (id int PRIMARY KEY, tenant_id uuid, p int, unsaid int);
CREATE TABLE parents (id int PRIMARY KEY, tenant_id uuid, child int CONSTRAINT back REFERENCES a_children DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE a_children ADD CONSTRAINT of_parent FOREIGN KEY (p) REFERENCES parents ON DELETE SET NULL ON UPDATE CASCADE;
COMMENT ON CONSTRAINT of_parent ON a_children IS 'its parent';
CREATE TABLE whole (id int, tenant_id uuid, p int REFERENCES parents ON DELETE CASCADE) PARTITION BY RANGE (id);
CREATE TABLE part PARTITION OF whole FOR VALUES FROM (1) TO (10);
SET tenant_guard.bypass = on;
INSERT INTO parents VALUES (1, '$TENANT_A'), (2, '$TENANT_B');
INSERT INTO a_children VALUES (1, '$TENANT_A', 1), (2, '$TENANT_B', 2);
UPDATE parents SET child = id;
INSERT INTO whole VALUES (1, '$TENANT_A', 1), (2, '$TENANT_B', 2);
SET tenant_guard.foreign_keys = off;
ALTER TABLE a_children ADD CONSTRAINT plain FOREIGN KEY (unsaid) REFERENCES parents;
SQL

my $dump = $node->backup_dir . '/dump';
my $script = $node->backup_dir . '/script';
mkdir $node->backup_dir;
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('origin') ], 'a database with paired keys is dumped');
$node->command_ok([ 'pg_dump', '-f', $script, $node->connstr('origin') ], 'and as a script');
$node->command_ok([ 'pg_restore', '-e', '-d', $node->connstr('copy'), $dump ], 'and restored');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $script, '-d', $node->connstr('script') ], 'and the script runs');
foreach my $copy (qw(copy script))
{
	is($node->safe_psql($copy, $keys), $node->safe_psql('origin', $keys), "the keys of $copy are the original's, the plain one too");
	is($node->safe_psql($copy, $indexes), $node->safe_psql('origin', $indexes), "so are the indexes of $copy");
	is(says($node, $copy, scalar getpwuid($<), "GRANT ALL ON ALL TABLES IN SCHEMA public TO app; SET ROLE app; BEGIN; SET LOCAL tenant_guard.tenant_id = '$TENANT_A'; UPDATE a_children SET p = 2;"),
		'ERROR 23503', "and they hold in $copy");
}

# A key whose collation calls two spellings equal must be counted, and paired, by that collation. From 18 on both sides
# must have it.
my $collation_of_uses = $node->safe_psql('postgres', 'SHOW server_version_num') >= 180000 ? 'spellings' : '"C"';
SKIP:
{
	skip 'the server has no ICU', 3
		unless $node->psql('origin', "CREATE COLLATION spellings (provider = icu, locale = 'und-u-ks-level2', deterministic = false)") == 0;

	$node->safe_psql('origin', <<"SQL");
SET tenant_guard.foreign_keys = off;
CREATE TABLE words (word text COLLATE spellings PRIMARY KEY, tenant_id uuid);
CREATE TABLE uses (word text COLLATE $collation_of_uses CONSTRAINT of_word REFERENCES words, tenant_id uuid);
SET tenant_guard.bypass = on;
INSERT INTO words VALUES ('Abc', '$TENANT_A');
INSERT INTO uses VALUES ('aBC', '$TENANT_B');
SQL
	my ($out, $err);
	$node->psql('origin', "SELECT tenant_guard.pair_foreign_keys('uses')", stdout => \$out, stderr => \$err);
	like($err, qr/1 row of table public\.uses/, 'a row that crosses by another spelling is found');
	my ($listing) = $err =~ /^(SELECT c\.\* .*;)$/m;
	is($node->safe_psql('origin', "SET row_security = off; $listing"), "aBC|$TENANT_B", 'the query of the hint lists it');
	$node->safe_psql('origin', "SET tenant_guard.bypass = on; UPDATE uses SET tenant_id = '$TENANT_A'; SELECT tenant_guard.pair_foreign_keys('uses')");
	is(says($node, 'origin', scalar getpwuid($<), "SET tenant_guard.bypass = on; INSERT INTO uses VALUES ('ABC', '$TENANT_A'); INSERT INTO uses VALUES ('ABC', '$TENANT_B');"),
		'ERROR 23503', 'and then spellings are equal for its own tenant alone');
}

$node->stop;
done_testing();
