# Backups go on: pg_dump by a superuser or a role that may bypass row-level security reads every tenant's rows, by a role
# that it binds the rows of the connection's tenant alone, and what they made is restored whole; so is pg_basebackup's.
# Who would get less than was asked for gets an error.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $dir = PostgreSQL::Test::Utils::tempdir();
my $node = start_server('origin', streaming => 1);

# Guarded tables with keys between them, both ways round; partitions, a trigger, and a materialized view that was meant.
$node->safe_psql('postgres', 'CREATE ROLE owner LOGIN; CREATE ROLE backup LOGIN BYPASSRLS; CREATE DATABASE shop OWNER owner');
$node->safe_psql('shop', <<"SQL");
SET client_min_messages = warning;
CREATE EXTENSION tenant_guard;
ALTER SCHEMA public OWNER TO owner;
SET ROLE owner;
CREATE TABLE customers (id int, tenant_id uuid, name text, latest int, PRIMARY KEY (tenant_id, id));
CREATE TABLE orders (id int, tenant_id uuid, customer int, PRIMARY KEY (tenant_id, id),
	FOREIGN KEY (tenant_id, customer) REFERENCES customers ON DELETE CASCADE);
ALTER TABLE customers ADD FOREIGN KEY (tenant_id, latest) REFERENCES orders DEFERRABLE;
CREATE TABLE events (at date, tenant_id uuid, body text) PARTITION BY RANGE (at);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE events_later PARTITION OF events DEFAULT;
CREATE TABLE countries (code text PRIMARY KEY);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN RAISE 'this trigger fired'; END \$\$;
RESET ROLE;

SET row_security = off;
INSERT INTO customers SELECT n, CASE WHEN n % 3 = 0 THEN '$TENANT_A' ELSE '$TENANT_B' END::uuid, 'customer ' || n FROM generate_series(1, 30) n;
INSERT INTO orders SELECT id + 100, tenant_id, id FROM customers;
UPDATE customers SET latest = id + 100;
INSERT INTO events SELECT date '2024-12-01' + id * 7, tenant_id, 'event ' || id FROM customers;
INSERT INTO countries VALUES ('DE'), ('FR');
CREATE MATERIALIZED VIEW totals AS SELECT tenant_id, count(*) FROM orders GROUP BY tenant_id;
CREATE TRIGGER refuse AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION refuse();
GRANT SELECT ON ALL TABLES IN SCHEMA public TO backup;
GRANT SELECT, INSERT ON customers, orders, events, events_2024, events_later, countries TO app;
SQL

my @tables = qw(customers orders events_2024 events_later countries totals);

# Every row of every table, and what guards it, as a superuser sees them who means it.
sub contents
{
	my ($server, $database) = @_;
	my $rows = join('', map { "SELECT '$_', t::text FROM $_ t ORDER BY t::text COLLATE \"C\";" } @tables);

	return $server->safe_psql($database, "SET row_security = off; $rows "
		  . 'SELECT relation, status, tenant_column FROM tenant_guard.tables ORDER BY relation::text COLLATE "C"; '
		  . 'SELECT conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint '
		  . 'WHERE contype = \'f\' ORDER BY conrelid::regclass::text COLLATE "C", conname COLLATE "C"; '
		  . 'SELECT tgrelid::regclass, tgenabled, count(*) FROM pg_trigger GROUP BY 1, 2 ORDER BY tgrelid::regclass::text COLLATE "C", 2;');
}

# How many rows of each table: of the tenants A and B.
sub counts
{
	my ($server, $database) = @_;

	return $server->safe_psql($database, 'SET row_security = off; '
		  . join('', map { "SELECT '$_', count(*) FILTER (WHERE tenant_id = '$TENANT_A'), count(*) FILTER (WHERE tenant_id = '$TENANT_B') FROM $_;" }
			  grep { $_ ne 'countries' && $_ ne 'totals' } @tables));
}

my $original = contents($node, 'shop');
my $counts = counts($node, 'shop');
is($counts, "customers|10|20\norders|10|20\nevents_2024|1|3\nevents_later|9|17", 'there are rows of two tenants');

sub new_database
{
	my ($name) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $name OWNER owner");
	return $name;
}

# dump(name, user, PGOPTIONS, option...): pg_dump succeeds.
sub dump_ok
{
	my ($name, $user, $pgoptions, @options) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	local $ENV{PGOPTIONS} = $pgoptions;

	$node->command_ok([ 'pg_dump', '-U', $user, '-f', "$dir/$name", @options, 'shop' ], "$user: pg_dump @options");
	return "$dir/$name";
}

# pg_dump fails, and this is why.
sub dump_fails
{
	my ($reason, $why, $user, $pgoptions, @options) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	local $ENV{PGOPTIONS} = $pgoptions;

	$node->command_fails_like([ 'pg_dump', '-U', $user, @options, 'shop' ], $reason, $why);
	return;
}

sub restore_ok
{
	my ($database, $file, @options) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr($database), @options, $file ], "pg_restore @options");
	return;
}

my $superuser = getpwuid($<);

# --- By a superuser, and by a role that may bypass row-level security -------------------------------------------------

my $log = -s $node->logfile;
my %dump = map { $_ => dump_ok("by_$_", $_, '', '-Fc') } ($superuser, 'backup');
my $logged = slurp_file($node->logfile, $log);
foreach my $user ($superuser, 'backup')
{
	like($logged, qr/LOG:  tenant_guard: role "$user" bypassed the isolation of tenants in database "shop": public\.$_\b/, "$user: that $_ was dumped is logged")
	  foreach qw(customers orders events_2024);
}

foreach my $user ($superuser, 'backup')
{
	my $database = new_database("of_$user");

	restore_ok($database, $dump{$user}, '-j', '2');
	is(contents($node, $database), $original, "$user: every row is restored, and every guard, key and trigger");
	restore_ok($database, $dump{$user}, '--clean', '--if-exists');
	is(contents($node, $database), $original, "$user: so it is over a database that is there");
	is(says($node, $database, 'app', "SELECT count(*) FROM orders; BEGIN; SELECT tenant_guard.set_tenant('$TENANT_A'); SELECT count(*) FROM orders;"),
		"ERROR TG001; $TENANT_A; 10", "$user: and keeps tenants apart");
}

# One script, in one transaction; INSERT for COPY.
my $script = dump_ok('inserts.sql', 'backup', '', '--inserts');
my $by_inserts = new_database('by_inserts');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-1', '-f', $script, '-d', $node->connstr($by_inserts) ], 'psql runs a script of INSERTs');
is(contents($node, $by_inserts), $original, 'every row is restored by INSERT');

# Rows alone, into tables that are there and guarded, by disabling triggers: keys in a circle have no right order.
my $rows_alone = new_database('rows_alone');
restore_ok($rows_alone, $dump{backup}, '--schema-only');
$node->command_fails_like([ 'pg_restore', '--exit-on-error', '--data-only', '-1', '-t', 'orders', '-d', $node->connstr($rows_alone), $dump{backup} ],
	qr/this trigger fired|violates foreign key constraint/, 'rows of guarded tables are restored with triggers and keys as ever');
restore_ok($rows_alone, $dump{backup}, '--data-only', '--disable-triggers');
$node->safe_psql($rows_alone, 'SET row_security = off; REFRESH MATERIALIZED VIEW totals');
is(contents($node, $rows_alone), $original, 'and without them by --disable-triggers, which are back afterwards');
is(superuser_says($node, $rows_alone, "SET row_security = off; INSERT INTO orders VALUES (1, '$TENANT_A', 3); INSERT INTO orders VALUES (1, '$TENANT_A', 2);"),
	'ERROR P0001; ERROR 23503', 'they fire again');

# A materialized view over guarded tables must belong to a role that may bypass row-level security, or no dump of it could
# be restored: PostgreSQL refreshes it as its owner.
is(superuser_says($node, $rows_alone, 'SET row_security = off; ALTER MATERIALIZED VIEW totals OWNER TO owner; REFRESH MATERIALIZED VIEW totals; '
			. 'ALTER MATERIALIZED VIEW totals OWNER TO backup; REFRESH MATERIALIZED VIEW totals;'),
	'ERROR 42501', 'a materialized view is refreshed if its owner may bypass row-level security');

# What a role that may bypass it would get with row-level security on is every tenant's rows: it must say so.
dump_fails(qr/access to table public\.customers would bypass the isolation of tenants.*Row-level security does not apply to role "$_"/s,
	"$_: --enable-row-security is refused", $_, '', '--enable-row-security')
  foreach $superuser, 'backup';
dump_fails(qr/access to table public\.customers would bypass/, "$_: also with a tenant", $_, "-c tenant_guard.tenant_id=$TENANT_A", '--enable-row-security')
  foreach $superuser, 'backup';

# --- One tenant's rows, by a role that row-level security binds ------------------------------------------------------

my $tenant = "-c tenant_guard.tenant_id=$TENANT_A";

# PostgreSQL's own words, to the application and to the owner: row-level security is forced upon it. Its hint to the
# owner, NO FORCE ROW LEVEL SECURITY, is one that we refuse.
foreach my $user ('app', 'owner')
{
	my $affected = qr/query would be affected by row-level security policy for table "customers"/;

	dump_fails($affected, "$user: pg_dump is refused, since it would not get every row", $user, $tenant);
	dump_fails($affected, "$user: also without a tenant", $user, '');
	dump_fails(qr/no tenant is set/, "$user: --enable-row-security needs a tenant", $user, '', '--enable-row-security');
}
like(superuser_says($node, 'shop', 'SET ROLE owner; ALTER TABLE customers NO FORCE ROW LEVEL SECURITY;'), qr/^ERROR TG005/, 'PostgreSQL\'s hint to the owner is refused');

my $one_tenant = $counts =~ s/\|\d+$/|0/gmr;
foreach my $user ('app', 'owner')
{
	my $file = dump_ok("tenant_by_$user", $user, $tenant, '-Fc', '--enable-row-security');
	my $database = new_database("tenant_of_$user");

	restore_ok($database, $file, '-j', '2');
	is(counts($node, $database), $one_tenant, "$user: the tenant's rows are restored, and no others");
	is($node->safe_psql($database, 'TABLE totals'), "$TENANT_A|10", "$user: so is a materialized view over them");
	is($node->safe_psql($database, 'TABLE countries'), "DE\nFR", "$user: and what tenants share");
	is($node->safe_psql($database, 'SELECT DISTINCT status FROM tenant_guard.tables WHERE tenant_column IS NOT NULL'), 'guarded', "$user: the tables are guarded");
}

# By several connections, and for several tables: the tenant is each connection's.
my $directory = dump_ok('tenant_by_jobs', 'app', $tenant, '-Fd', '-j', '2', '--enable-row-security');
my $by_jobs = new_database('tenant_by_jobs');
restore_ok($by_jobs, $directory, '-j', '2');
is(counts($node, $by_jobs), $one_tenant, 'by several connections: the tenant\'s rows and no others');

# Beside another tenant's rows: a tenant comes back alone, by the superuser's COPY or the application's own.
sub without_tenant
{
	my ($name) = @_;
	my $database = new_database($name);

	restore_ok($database, $dump{$superuser});
	$node->safe_psql($database, 'SET row_security = off; DROP TRIGGER refuse ON orders; '
		  . join('', map { "UPDATE customers SET latest = NULL; DELETE FROM $_ WHERE tenant_id = '$TENANT_A';" } qw(orders customers events)));
	is(counts($node, $database), $counts =~ s/\|\d+\|/|0|/gr, 'a tenant\'s rows are gone');
	return $database;
}

my $by_superuser = without_tenant('tenant_by_superuser');
restore_ok($by_superuser, $directory, '--data-only', '--disable-triggers', map { ('-t', $_) } qw(customers orders events_2024 events_later));
is(counts($node, $by_superuser), $counts, 'a superuser restores them beside the others\'');

# What pg_dump --enable-row-security writes as a script says SET row_security = on, so a superuser who runs it has to say
# what is meant; where it makes the tables too, also that they are not to be guarded before the script does it.
sub script_restores
{
	my ($database, $file, $pgoptions, $expected) = @_;
	my @run = ('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-1', '-f', $file, '-d', $node->connstr($database));
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	$node->command_fails_like(\@run, qr/would bypass the isolation of tenants/, 'a superuser who runs a script of one tenant\'s rows is refused');
	local $ENV{PGOPTIONS} = $pgoptions;
	$node->command_ok(\@run, "unless by PGOPTIONS='$pgoptions'");
	is(counts($node, $database), $expected, 'which restores the tenant\'s rows');
	return;
}

my @events = map { ('-t', $_) } qw(events_2024 events_later);
script_restores(without_tenant('tenant_by_script'), dump_ok('tenant.sql', 'app', $tenant, '--enable-row-security', '--data-only', @events),
	'-c tenant_guard.bypass=on', $counts =~ s/^(customers|orders)\|10/$1|0/gmr);
my $new = new_database('new_by_script');
script_restores($new, dump_ok('tenant_and_schema.sql', 'app', $tenant, '--enable-row-security'),
	'-c tenant_guard.bypass=on -c tenant_guard.auto_protect=off', $one_tenant);
is($node->safe_psql($new, 'SELECT DISTINCT status FROM tenant_guard.tables WHERE tenant_column IS NOT NULL'), 'guarded', 'and guards the tables');

my $rows = dump_ok('tenant_rows.sql', 'app', $tenant, '--enable-row-security', '--data-only', @events);
my $by_app = without_tenant('tenant_by_app');
my @run = ('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-U', 'app', '-f', $rows, '-d', $node->connstr($by_app));
foreach my $connection (['', qr/no tenant is set/], ["-c tenant_guard.tenant_id=$TENANT_B", qr/new row violates row-level security policy/])
{
	local $ENV{PGOPTIONS} = $connection->[0];
	$node->command_fails_like(\@run, $connection->[1], 'the application does not restore rows of another tenant or without one');
}
{
	local $ENV{PGOPTIONS} = $tenant;
	$node->command_ok(\@run, 'the application restores a tenant\'s rows by COPY');
}
is(counts($node, $by_app), "customers|0|20\norders|0|20\nevents_2024|1|3\nevents_later|9|17", 'all that were dumped');

# --- Of the whole server ---------------------------------------------------------------------------------------------

$node->command_ok([ 'pg_dumpall', '-f', "$dir/all.sql" ], 'pg_dumpall dumps every database');

# How the dumps of one database and of all differ is pg_dumpall's; what counts is that they have every row.
my $lines = sub { my ($file) = @_; return join("\n", sort grep { /^\d+\t$TENANT_A|^\d+\t$TENANT_B/ } split(/\n/, slurp_file($file))) };
my $shop = dump_ok('shop.sql', $superuser, '');
is(scalar(split(/\n/, $lines->($shop))), 60, 'a dump of one has 60 customers and orders');
cmp_ok(scalar(split(/\n/, $lines->("$dir/all.sql"))), '>', 60, 'a dump of all has more');

$node->backup('base');
$node->command_ok([ 'pg_verifybackup', $node->backup_dir . '/base' ], 'pg_basebackup makes a backup that can be verified');
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($node, 'base');
$copy->start;
is(contents($copy, 'shop'), $original, 'a server starts from it with every row and every guard');
is(says($copy, 'shop', 'app', "SELECT count(*) FROM orders; BEGIN; SELECT tenant_guard.set_tenant('$TENANT_B'); SELECT count(*) FROM orders;"),
	"ERROR TG001; $TENANT_B; 20", 'and keeps tenants apart');
is(superuser_says($copy, 'shop', 'SELECT count(*) FROM orders; CREATE TABLE later (tenant_id uuid); SELECT status FROM tenant_guard.guard_status(\'later\');'),
	'ERROR TG003; NOTICE 00000; guarded', 'and guards what is made');

$copy->stop;
$node->stop;
done_testing();
