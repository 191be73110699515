# A well-known sample, Northwind, whose tenants are its customers: the order lines get their tenant from their orders, the
# orders' key to the customers is the tenant's own, and keys to what all share stay as they are.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $file = $ENV{TG_NORTHWIND} // '';
plan skip_all => "there is no northwind.sql here (TG_NORTHWIND says where: '$file')" unless -r $file;

my $node = start_server('northwind');
my $db = 'northwind';

$node->safe_psql('postgres', 'CREATE DATABASE northwind');
$node->command_ok([ 'psql', '-Xqo', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-f', $file, '-d', $node->connstr($db) ], 'the sample loads');

# The foreign keys, as they are.
my $keys = 'SELECT conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint '
  . 'WHERE contype = \'f\' ORDER BY conrelid::regclass::text COLLATE "C", conname';
# By hand: how many lines each customer has, and what they are worth.
my $lines = 'SELECT o.customer_id, count(*), sum(d.quantity) FROM order_details d JOIN orders o USING (order_id) '
  . 'GROUP BY o.customer_id ORDER BY o.customer_id COLLATE "C"';

my @keys_before = split /\n/, $node->safe_psql($db, $keys);
my $lines_before = $node->safe_psql($db, $lines);
my %lines_of = map { my ($id, @rest) = split /\|/; $id => "@rest" } split /\n/, $lines_before;
my $all_lines = $node->safe_psql($db, 'SELECT count(*) FROM order_details');
my $types = 'SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = \'%s\'::regclass AND attname = \'customer_id\'';

$node->safe_psql($db, <<'SQL');
ALTER DATABASE northwind SET tenant_guard.tenant_type = 'text';
ALTER DATABASE northwind SET tenant_guard.tenant_column = 'customer_id';
SQL

# --- Guarding, deriving --------------------------------------------------------------------------------------------

is( superuser_says(
		$node, $db,
		'CREATE EXTENSION tenant_guard; SET client_min_messages = warning; '
		  . 'SELECT tenant_guard.protect(\'customers\'); SELECT tenant_guard.protect(\'orders\');'),
	'; ', 'customers and orders are guarded, and no key of theirs is said to be wrong');
is(superuser_says($node, $db, 'SELECT tenant_guard.derive_tenant_column(\'order_details\', \'fk_order_details_products\')'),
	'ERROR 55000', 'the tenant cannot be derived from products, which all share')
  or diag($node->safe_psql($db, 'TABLE tenant_guard.tables'));
is(superuser_says($node, $db, 'SET client_min_messages = warning; SELECT tenant_guard.derive_tenant_column(\'order_details\')'),
	'', 'that of order lines is derived by the only key to a guarded table');

is($node->safe_psql($db, sprintf($types, 'order_details')), $node->safe_psql($db, sprintf($types, 'orders')),
	'the column has the type that the orders\' has');
is( $node->safe_psql(
		$db, 'SELECT relation, status, tenant_column FROM tenant_guard.tables WHERE status <> \'unguarded\' ORDER BY relation::text COLLATE "C"'),
	"customers|guarded|customer_id\norder_details|guarded|customer_id\norders|guarded|customer_id", 'these three are guarded, and no other');

# --- The keys ------------------------------------------------------------------------------------------------------

my @keys_after = split /\n/, $node->safe_psql($db, $keys);
my %was = map { $_ => 1 } @keys_before;
my %is = map { $_ => 1 } @keys_after;

is_deeply([ grep { !$was{$_} } @keys_after ],
	['order_details|fk_order_details_orders|FOREIGN KEY (customer_id, order_id) REFERENCES orders(customer_id, order_id)|t'],
	'the lines\' key to the orders carries the tenant, and no other key is new');
is_deeply([ grep { !$is{$_} } @keys_before ],
	['order_details|fk_order_details_orders|FOREIGN KEY (order_id) REFERENCES orders(order_id)|t'], 'the others are as they were');
is($node->safe_psql($db, 'SELECT count(*) FROM pg_constraint WHERE conname IN (\'fk_orders_customers\', \'fk_orders_employees\', '
			. '\'fk_orders_shippers\', \'fk_order_details_products\') AND cardinality(conkey) = 1 AND convalidated'),
	4, 'among them the orders\' key to their tenant, and those to what all share');

# --- Rows ----------------------------------------------------------------------------------------------------------

is($node->safe_psql($db, "SET tenant_guard.bypass = on; $lines"), $lines_before, 'each customer has the lines that a join by hand gave it before');
is($node->safe_psql($db, 'SET tenant_guard.bypass = on; SELECT customer_id, count(*), sum(quantity) FROM order_details '
			. 'GROUP BY customer_id ORDER BY customer_id COLLATE "C"'),
	$lines_before, 'by the derived column too');

$node->safe_psql($db, 'GRANT ALL ON ALL TABLES IN SCHEMA public TO app');

# What the application is told as ALFKI, one transaction.
sub alfki_says { my ($sql) = @_; return says($node, $db, 'app', "BEGIN; SELECT tenant_guard.set_tenant('ALFKI') \\gset\n$sql COMMIT;"); }

my ($count, $quantity) = split / /, $lines_of{ALFKI};
is(alfki_says('SELECT count(*), sum(quantity) FROM order_details;'), "$count|$quantity", 'ALFKI sees its own lines alone');
is(alfki_says('SELECT count(*), sum(quantity) FROM order_details d JOIN orders o USING (order_id);'), "$count|$quantity", 'and of its own orders');
is(says($node, $db, 'app', 'SELECT count(*) FROM order_details'), 'ERROR TG001', 'without a tenant there is an error');
cmp_ok($count, '<', $all_lines, 'others have lines too');

my $own = $node->safe_psql($db, 'SET tenant_guard.bypass = on; SELECT min(order_id) FROM orders WHERE customer_id = \'ALFKI\'');
my $others = $node->safe_psql($db, 'SET tenant_guard.bypass = on; SELECT min(order_id) FROM orders WHERE customer_id = \'BONAP\'');
my $nobodys = 32000;
my $line = 'INSERT INTO order_details (order_id, product_id, unit_price, quantity, discount) VALUES (%d, %d, 1, 1, 0);';

is(alfki_says(sprintf($line, $own, 77) . ' SELECT count(*) FROM order_details;'), $count + 1, 'a line of its own order is taken');
is(alfki_says(sprintf($line, $others, 77)), 'ERROR 23503', 'one of another tenant\'s order is refused');
is(alfki_says(sprintf($line, $nobodys, 77)), 'ERROR 23503', 'as one of an order that does not exist is: it does not tell which');
is(alfki_says(sprintf($line, $own, 32000)), 'ERROR 23503', 'the key to products goes on');
is(alfki_says("UPDATE order_details SET order_id = $others WHERE order_id = $own AND product_id = 77;"), 'ERROR 23503',
	'a line cannot move to another tenant\'s order');
is(alfki_says("UPDATE order_details SET customer_id = 'BONAP' WHERE order_id = $own;"), 'ERROR 42501', 'nor to another tenant');
is(alfki_says("INSERT INTO order_details VALUES ($others, 77, 1, 1, 0, 'BONAP');"), 'ERROR 42501', 'nor can one be made there');
is(alfki_says("DELETE FROM orders WHERE order_id = $own;"), 'ERROR 23503', 'an order that has lines stays, as before');
is(alfki_says('INSERT INTO orders (order_id, employee_id) VALUES (32001, 1) RETURNING customer_id;'), 'ALFKI', 'a new order is its tenant\'s');
is(alfki_says('INSERT INTO orders (order_id, employee_id) VALUES (32002, 99);'), 'ERROR 23503', 'the orders\' key to employees goes on');
is( says($node, $db, 'app', 'BEGIN; SELECT tenant_guard.set_tenant(\'NOONE\') \gset' . "\n" . 'INSERT INTO orders (order_id) VALUES (32003);'),
	'ERROR 23503', 'and so does that to the customers');
is($node->safe_psql($db, 'SET tenant_guard.bypass = on; SELECT count(*) FROM order_details'), $all_lines + 1, 'one line has been added in all');

# A chain: what references the lines is derived from them.
$node->safe_psql($db, <<'SQL');
CREATE TABLE line_notes (note_id int PRIMARY KEY, order_id smallint, product_id smallint, body text,
	FOREIGN KEY (order_id, product_id) REFERENCES order_details (order_id, product_id) ON DELETE CASCADE);
SET tenant_guard.bypass = on;
INSERT INTO line_notes SELECT row_number() OVER (), order_id, product_id, 'note' FROM order_details;
RESET tenant_guard.bypass;
SELECT tenant_guard.derive_tenant_column('line_notes');
GRANT ALL ON line_notes TO app;
SQL
is(alfki_says('SELECT count(*) FROM line_notes;'), $count + 1, 'notes of lines are derived from the lines');
is(alfki_says("DELETE FROM order_details WHERE order_id = $own; SELECT count(*) FROM line_notes WHERE order_id = $own;"), 0,
	'and go with them, by the cascade that they were made with');

$node->stop;
done_testing();
