# Foreign keys as only PostgreSQL 18 and later have them: with a PERIOD, NOT ENFORCED, and NOT VALID of a partitioned
# table. Each is made to carry the tenant and says what it said before.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $node = start_server('temporal');
if ($node->safe_psql('postgres', 'SHOW server_version_num') < 180000)
{
	$node->stop;
	plan skip_all => 'temporal keys came with 18';
}
if ($node->psql('postgres', 'CREATE EXTENSION btree_gist') != 0)
{
	$node->stop;
	plan skip_all => 'btree_gist is not installed';
}

$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION tenant_guard;
SET tenant_guard.foreign_keys = off;
CREATE TABLE rooms (id int, valid daterange, tenant_id uuid, PRIMARY KEY (id, valid WITHOUT OVERLAPS));
CREATE TABLE stays (id int, room int, during daterange, tenant_id uuid,
	CONSTRAINT of_room FOREIGN KEY (room, PERIOD during) REFERENCES rooms (id, PERIOD valid));
CREATE TABLE parents (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE hoped (id int, tenant_id uuid, p int CONSTRAINT hoped_p REFERENCES parents ON DELETE CASCADE NOT ENFORCED);
CREATE TABLE whole (id int, tenant_id uuid, p int) PARTITION BY RANGE (id);
CREATE TABLE part PARTITION OF whole FOR VALUES FROM (1) TO (10);
ALTER TABLE whole ADD CONSTRAINT whole_p FOREIGN KEY (p) REFERENCES parents;
SET tenant_guard.bypass = on;
INSERT INTO rooms VALUES (1, '[2026-01-01,2026-07-01)', '$TENANT_A'), (1, '[2026-07-01,2027-01-01)', '$TENANT_B');
INSERT INTO stays VALUES (1, 1, '[2026-06-20,2026-07-10)', '$TENANT_A');
INSERT INTO parents VALUES (1, '$TENANT_A'), (2, '$TENANT_B');
INSERT INTO hoped VALUES (1, '$TENANT_A', 2);
INSERT INTO whole VALUES (1, '$TENANT_A', 2);
GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
SQL

sub key { return $node->safe_psql('postgres', "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = '$_[0]' AND conparentid = 0"); }

sub error_of
{
	my ($out, $err);
	$node->psql('postgres', $_[0], stdout => \$out, stderr => \$err);
	return $err;
}

# A key with a PERIOD needs a constraint that no index made by CREATE INDEX replaces.
my $before = key('of_room');
my $error = error_of("SELECT tenant_guard.pair_foreign_keys('stays')");
like($error, qr/cannot be made to carry the tenant.*WITHOUT OVERLAPS on \(tenant_id, id, valid\)/s, 'a key with a PERIOD without its constraint is refused');
my ($remedy) = $error =~ /(ALTER TABLE .*? ADD UNIQUE .*?;)/;
$node->safe_psql('postgres', $remedy);

# The stay goes on in a time when the room is another tenant's.
like(error_of("SELECT tenant_guard.pair_foreign_keys('stays')"), qr/rows reference other tenants' rows.*1 row of table public\.stays/s, 'with it a stay that crosses tenants is refused');
is(key('of_room'), $before, 'and the key is as it was');
$node->safe_psql('postgres', "SET tenant_guard.bypass = on; UPDATE stays SET during = '[2026-06-20,2026-07-01)'");
$node->safe_psql('postgres', "SELECT tenant_guard.pair_foreign_keys('stays')");
is(key('of_room'), 'FOREIGN KEY (tenant_id, room, PERIOD during) REFERENCES rooms(tenant_id, id, PERIOD valid)', 'then it carries the tenant');

my $insert = "BEGIN; SET LOCAL tenant_guard.tenant_id = '$TENANT_A'; INSERT INTO stays (id, room, during) VALUES";
is(says($node, 'postgres', 'app', "$insert (2, 1, '[2026-08-01,2026-08-10)');"), 'ERROR 23503', 'a stay in the time of another tenant is refused');
is(says($node, 'postgres', 'app', "$insert (2, 1, '[2026-06-28,2026-07-02)');"), 'ERROR 23503', 'so is one that reaches into it');
is(says($node, 'postgres', 'app', "$insert (2, 1, '[2026-02-01,2026-02-10)');"), '', 'one of its own time is taken');

# NOT ENFORCED: nothing is checked, and nothing is counted.
$node->safe_psql('postgres', "SELECT tenant_guard.pair_foreign_keys('hoped')");
is(key('hoped_p'), 'FOREIGN KEY (tenant_id, p) REFERENCES parents(tenant_id, id) ON DELETE CASCADE NOT ENFORCED', 'a key that is not enforced stays so');

my $remedies = "SELECT detail, remedy FROM tenant_guard.audit() WHERE rule = 'foreign_key_not_valid' AND object = 'hoped_p on public.hoped'";
is($node->safe_psql('postgres', $remedies), "is not enforced: rows may reference another tenant's in public.parents|ALTER TABLE public.hoped ALTER CONSTRAINT hoped_p ENFORCED", 'audit() says how to enforce it');
$node->safe_psql('postgres', 'SET tenant_guard.bypass = on; DELETE FROM hoped');
$node->safe_psql('postgres', $node->safe_psql('postgres', $remedies =~ s/detail, //r));
is($node->safe_psql('postgres', $remedies), '', 'which mends it');
like(error_of('ALTER TABLE hoped ALTER CONSTRAINT hoped_p NOT ENFORCED'), qr/would weaken the isolation of tenants in table public\.hoped.*"hoped_p" keeps them inside/s, 'it must not be made so again');
is(superuser_says($node, 'postgres', 'ALTER TABLE hoped ALTER CONSTRAINT hoped_p NOT ENFORCED'), 'ERROR TG005', 'by a superuser either');
is(superuser_says($node, 'postgres', 'SET tenant_guard.bypass = on; ALTER TABLE hoped ALTER CONSTRAINT hoped_p NOT ENFORCED'), '', 'unless that is meant');
$node->safe_psql('postgres', 'SET tenant_guard.foreign_keys = off; ALTER TABLE hoped ADD CONSTRAINT unpaired FOREIGN KEY (p) REFERENCES parents');
is(superuser_says($node, 'postgres', 'ALTER TABLE hoped ALTER CONSTRAINT unpaired NOT ENFORCED'), 'NOTICE 00000', 'a key that carries no tenant may be, and then differs from the one that did so for it: it is paired');
$node->safe_psql('postgres', 'ALTER TABLE hoped ALTER CONSTRAINT unpaired ENFORCED');
is(key('unpaired'), 'FOREIGN KEY (tenant_id, p) REFERENCES parents(tenant_id, id)', 'and stays so once it is enforced');

# NOT VALID, of a partitioned table.
like(error_of("SELECT tenant_guard.pair_foreign_keys('whole')"), qr/1 row of table public\.whole/, 'rows of a partitioned table that cross are refused');
$node->safe_psql('postgres', "SELECT tenant_guard.pair_foreign_keys('whole', validate => false)");
is(key('whole_p'), 'FOREIGN KEY (tenant_id, p) REFERENCES parents(tenant_id, id) NOT VALID', 'its key may be left to be validated later');
is(superuser_says($node, 'postgres', 'ALTER TABLE whole VALIDATE CONSTRAINT whole_p'), 'ERROR 23503', 'which finds the row');
is(says($node, 'postgres', 'app', "BEGIN; SET LOCAL tenant_guard.tenant_id = '$TENANT_A'; INSERT INTO whole (id, p) VALUES (2, 2);"),
	'ERROR 23503', 'and until then new ones are refused');

# A key of each kind that says by a column of its own whose row it references: refused, or found, with what to make of it.
$node->safe_psql('postgres', "CREATE TABLE guests (id int, tenant_id uuid, host uuid, room int, during daterange)");
my %crosses = (
	'(host, room, PERIOD during) REFERENCES rooms (tenant_id, id, PERIOD valid)' => '(tenant_id, room, PERIOD during) REFERENCES rooms(tenant_id, id, PERIOD valid)',
	'(host, room) REFERENCES parents (tenant_id, id) ON DELETE CASCADE NOT ENFORCED' => '(tenant_id, room) REFERENCES parents(tenant_id, id) ON DELETE CASCADE NOT ENFORCED');
foreach my $crosses (sort keys %crosses)
{
	my $add = "ALTER TABLE guests ADD CONSTRAINT of_host FOREIGN KEY $crosses";

	like(error_of($add), qr/"of_host" of table public\.guests references rows of any tenant/, "$crosses is refused");
	my ($instead) = error_of($add) =~ /^HINT:.*Write it as (.*?); if/m;
	$node->safe_psql('postgres', "ALTER TABLE guests ADD $instead");
	is(key('of_host'), "FOREIGN KEY $crosses{$crosses}", 'its hint can be made');
	$node->safe_psql('postgres', "ALTER TABLE guests DROP CONSTRAINT of_host; SET tenant_guard.foreign_keys = off; $add");
	$node->safe_psql('postgres', $node->safe_psql('postgres', "SELECT remedy FROM tenant_guard.audit() WHERE level = 'error' AND object = 'of_host on public.guests'"));
	is(key('of_host'), "FOREIGN KEY $crosses{$crosses}", 'and is what audit() says');
	$node->safe_psql('postgres', 'ALTER TABLE guests DROP CONSTRAINT of_host');
}

# A key WITHOUT OVERLAPS that is no tenant's own tells more than one of equal values, also by a primary key or a uuid.
$node->safe_psql('postgres', 'CREATE TABLE leases (id uuid, valid daterange, tenant_id uuid, PRIMARY KEY (id, valid WITHOUT OVERLAPS))');
my $overlaps = 'FROM tenant_guard.audit() WHERE rule = \'unique_without_tenant\' AND object = \'leases_pkey on public.leases\'';
is($node->safe_psql('postgres', "SELECT level, detail $overlaps"), 'warning|holds over all tenants: an error tells that another tenant has a row that conflicts',
	'audit() finds a key WITHOUT OVERLAPS over all tenants');
$node->safe_psql('postgres', $node->safe_psql('postgres', "SELECT remedy $overlaps"));
is(key('leases_pkey'), 'PRIMARY KEY (tenant_id, id, valid WITHOUT OVERLAPS)', 'its remedy makes it one of each tenant');
is($node->safe_psql('postgres', "SELECT $overlaps"), '', 'and it is found no more');

$node->stop;
done_testing();
