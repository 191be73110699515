# Migrations that Django's own schema editor makes, of models that are guarded: after each the database has the foreign
# keys that the models describe and no other, each carries the tenant, and Django finds nothing more to do. The models of
# each step are in test/clients/django_keys.

use strict;
use warnings;

use Cwd 'abs_path';
use FindBin;
use File::Copy;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

# Debian's packages are for Debian's Python, which may not be the first of PATH.
my ($python) = grep { system("$_ -c 'import django, psycopg2' 2>/dev/null") == 0 } '/usr/bin/python3', 'python3';
plan skip_all => 'there is no Python with Django and psycopg2 (python3-django, python3-psycopg2)' unless $python;

my $models = abs_path("$FindBin::RealBin/../clients/django_keys");
my $project = PostgreSQL::Test::Utils::tempdir();
my $node = start_server('django');
my $db = 'shop';
my $meant = '';    # PGOPTIONS of the role that migrates

mkdir "$project/$_" foreach 'shop', 'shop/migrations';
append_to_file("$project/$_/__init__.py", '') foreach 'shop', 'shop/migrations';

# Tables belong to a role that migrates them and is nothing special.
$node->safe_psql('postgres', 'CREATE ROLE migrator LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE shop OWNER migrator');
$node->safe_psql($db, 'CREATE EXTENSION tenant_guard; ALTER SCHEMA public OWNER TO migrator; '
	  . 'ALTER DEFAULT PRIVILEGES FOR ROLE migrator GRANT ALL ON TABLES TO app');

# manage(command): its output; the test fails where it does.
sub manage
{
	my ($what, @command) = @_;
	my ($out, $err) = ('', '');
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => $db, PGUSER => 'migrator', PGOPTIONS => $meant, PYTHONDONTWRITEBYTECODE => 1);
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my $good = IPC::Run::run([ $python, "$models/manage.py", @command ], '>', \$out, '2>', \$err, init => sub { chdir $project });
	if (!ok($good, $what)) { diag($out, $err); }
	return $out;
}

# The foreign keys of the database as Django's command prints them, without their tenant columns: "%s" says of which.
my $keys = <<'SQL';
SELECT DISTINCT format('%%s.%%s -> %%s.%%s', conrelid::regclass, a.attname, confrelid::regclass, f.attname)
FROM pg_constraint, unnest(conkey, confkey) AS u (child, parent)
	JOIN pg_attribute a ON a.attnum = child JOIN pg_attribute f ON f.attnum = parent
WHERE contype = 'f' AND a.attrelid = conrelid AND f.attrelid = confrelid AND a.attname <> 'tenant_id' AND %s ORDER BY 1
SQL
my $carries = 'EXISTS (SELECT FROM unnest(conkey, confkey) AS t (c, p) JOIN pg_attribute ac ON ac.attrelid = conrelid AND ac.attnum = c '
  . 'JOIN pg_attribute ap ON ap.attrelid = confrelid AND ap.attnum = p WHERE ac.attname = \'tenant_id\' AND ap.attname = \'tenant_id\')';

# The database has the keys that the models describe: no fewer, no others.
sub has_the_models_keys
{
	my ($when) = @_;
	my $expected = join("\n", sort split /\n/, manage("$when: the models are read", 'foreign_keys'));
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $all = $node->safe_psql($db, sprintf($keys, 'true'));

	is($all, $expected, "$when: the foreign keys are those of the models, and none is left behind");
	is($node->safe_psql($db, sprintf($keys, "convalidated AND $carries")), $expected, "$when: each carries the tenant, and its rows are checked");
	is($node->safe_psql($db, 'SELECT count(*) FROM pg_constraint WHERE contype = \'f\' AND NOT (condeferrable AND condeferred)'),
		0, "$when: each is deferred, as Django wants them");
	is($node->safe_psql($db, 'SELECT string_agg(relation::text || \' \' || status, \', \') FROM tenant_guard.tables '
				. 'WHERE status <> \'guarded\' AND relation::text <> \'django_migrations\''),
		'', "$when: each of the models' tables is guarded");
	return $all;
}

# Makes the models those of a step, lets Django migrate to them, and looks.
sub migrate_to
{
	my ($step) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	copy("$models/$step.py", "$project/shop/models.py") or die "$step: $!";
	manage("$step: makemigrations", 'makemigrations', '--noinput', '-n', "m$step", 'shop');
	manage("$step: migrate", 'migrate', '--noinput', 'shop');
	manage("$step: makemigrations --check finds nothing to do", 'makemigrations', '--check', '--dry-run', 'shop');
	return has_the_models_keys($step);
}

# What a statement of the application comes to for tenant A, deferred checks included.
sub tenant_a_says
{
	my ($sql) = @_;

	return says($node, $db, 'app', "BEGIN; SELECT tenant_guard.set_tenant('$TENANT_A') \\gset\n$sql; SET CONSTRAINTS ALL IMMEDIATE; ROLLBACK;");
}

# is_kept(column of table, own, other): that column may have a row's own tenant's value, and not the other's.
sub is_kept
{
	my ($table, $column, $own, $others, %more) = @_;
	my $insert = sub {
		my %row = (%more, tenant_id => "'$TENANT_A'", $column => shift);
		return tenant_a_says("INSERT INTO $table (" . join(', ', sort keys %row) . ') VALUES (' . join(', ', map { $row{$_} } sort keys %row) . ')');
	};
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is($insert->($own), '', "$table.$column references a row of its own tenant");
	is($insert->($others), 'ERROR 23503', "$table.$column cannot reference another tenant's");
	is($insert->(999), 'ERROR 23503', "nor one that does not exist");
	return;
}

# --- The steps -----------------------------------------------------------------------------------------------------

migrate_to('1_created');

# Customers 1 and 2 are of tenant A, 3 and 4 of B; suppliers 1 and 3 of B, 2 and 4 of A; the orders reference customers.
$node->safe_psql($db, <<"SQL");
SET tenant_guard.bypass = on;
INSERT INTO shop_customer (id, tenant_id, name) VALUES (1, '$TENANT_A', 'one'), (2, '$TENANT_A', 'two'), (3, '$TENANT_B', 'three'), (4, '$TENANT_B', 'four');
INSERT INTO shop_supplier (id, tenant_id, name) VALUES (1, '$TENANT_B', 'one'), (2, '$TENANT_A', 'two'), (3, '$TENANT_B', 'three'), (4, '$TENANT_A', 'four');
INSERT INTO shop_order (id, tenant_id, customer_id) VALUES (2, '$TENANT_A', 2), (3, '$TENANT_B', 3);
INSERT INTO shop_note (id, tenant_id, body) VALUES (2, '$TENANT_A', 'of a'), (3, '$TENANT_B', 'of b');
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app;
SQL
is_kept('shop_order', 'customer_id', 1, 3, id => 90);

migrate_to('2_added');
$node->safe_psql($db, 'SET tenant_guard.bypass = on; UPDATE shop_note SET order_id = id, pinned_id = id; UPDATE shop_order SET follows_id = id');
is_kept('shop_order', 'customer_id', 1, 3, id => 90);
is_kept('shop_order', 'follows_id', 2, 3, id => 90, customer_id => 1);
is_kept('shop_note', 'order_id', 2, 3, id => 90, body => "''");
is_kept('shop_note', 'pinned_id', 1, 4, id => 90, body => "''");

migrate_to('3_not_null');
is_kept('shop_order', 'customer_id', 1, 3, id => 90);
is(tenant_a_says('INSERT INTO shop_order (id, customer_id) VALUES (90, NULL)'), 'ERROR 23502; ERROR 25P02', 'and is never null');

migrate_to('4_on_delete');
is_kept('shop_order', 'customer_id', 1, 3, id => 90);
is_kept('shop_note', 'pinned_id', 1, 4, id => 90, body => "''");

# Until 4.1 Django sets the sequence to the table's greatest key, by a query over all rows: for that the role must be
# allowed to see them, and say so.
$node->safe_psql($db, 'ALTER ROLE migrator BYPASSRLS; GRANT SET ON PARAMETER tenant_guard.bypass TO migrator');
$meant = '-c tenant_guard.bypass=on';
migrate_to('5_type');
$node->safe_psql($db, 'ALTER ROLE migrator NOBYPASSRLS');
$meant = '';
is($node->safe_psql($db, 'SELECT DISTINCT atttypid::regtype FROM pg_attribute WHERE attrelid::regclass::text LIKE \'shop%\' '
			. 'AND attname IN (\'customer_id\', \'follows_id\', \'order_id\', \'pinned_id\')'),
	'bigint', 'referencing columns have the new type');
is_kept('shop_order', 'customer_id', 1, 3, id => 90);
is_kept('shop_order', 'follows_id', 2, 3, id => 90, customer_id => 1);
is_kept('shop_note', 'order_id', 2, 3, id => 90, body => "''");

# Supplier 1 is the other tenant's, customer 1 their own: whom a key references is told by that.
my $keys_to_another = migrate_to('6_to_another_model');
is_kept('shop_order', 'customer_id', 4, 1, id => 90);
is_kept('shop_note', 'order_id', 1, 3, id => 90, body => "''");
is(scalar(() = $keys_to_another =~ /shop_order\.customer_id/g), 1, 'the key to the model before is gone');
is(tenant_a_says('DELETE FROM shop_note; DELETE FROM shop_order; DELETE FROM shop_customer'), '', 'which is not referenced any more');

migrate_to('7_renamed');
is_kept('purchases', 'customer_id', 4, 1, id => 90);
is_kept('shop_note', 'subject_id', 1, 3, id => 90, body => "''");

is(migrate_to('8_removed'), '', 'no foreign key is left');

# --- And back ------------------------------------------------------------------------------------------------------

# Columns come back empty: only what may be null can.
$node->safe_psql($db, 'SET tenant_guard.bypass = on; TRUNCATE purchases, shop_note CASCADE');
for my $step ('7_renamed', '6_to_another_model', '5_type', '4_on_delete', '3_not_null', '2_added', '1_created')
{
	my ($number) = $step =~ /^(\d)/;

	$node->safe_psql($db, 'ALTER ROLE migrator ' . ($number == 4 ? 'BYPASSRLS' : 'NOBYPASSRLS'));
	$meant = $number == 4 ? '-c tenant_guard.bypass=on' : '';
	manage("back to $step: migrate", 'migrate', '--noinput', 'shop', "000$number");
	copy("$models/$step.py", "$project/shop/models.py") or die "$step: $!";
	has_the_models_keys("back to $step");
}
$meant = '';
is_kept('shop_order', 'customer_id', 1, 3, id => 90);
manage('all of it is taken back', 'migrate', '--noinput', 'shop', 'zero');
is($node->safe_psql($db, 'SELECT count(*) FROM pg_constraint WHERE contype = \'f\''), 0, 'and no foreign key is left');

$node->stop;
done_testing();
