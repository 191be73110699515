# prove() on whole schemas: the demo's and, where it is there, Northwind. It leaves no trace, says in the log that it ran, and does
# not wait for others. Views of superusers are judged as the server's sessions would find them.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $node = start_server('server', conf => "max_prepared_transactions = 2\nlog_min_error_statement = panic");
my $tree = "$FindBin::RealBin/../..";

# Loads a file and guards what it made.
sub load
{
	my ($database, $file, $settings) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql('postgres', "ALTER DATABASE $database SET $_") foreach @$settings;
	$node->command_ok([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database), '-f', $file ], "$database is loaded");
	$node->safe_psql($database, 'SET client_min_messages = error; CREATE EXTENSION tenant_guard');
	return $node->safe_psql($database, 'SET client_min_messages = error; SELECT relation, status FROM tenant_guard.protect_schema(\'public\') WHERE status <> \'guarded\'');
}

# A dump without what the extension made of its own.
sub dump_of
{
	my ($database) = @_;
	my ($dump) = run_command([ 'pg_dump', '-d', $node->connstr($database) ]);

	$dump =~ s/^\\(un)?restrict .*$//mg;		# a key of its own for each dump
	return $dump =~ s/SELECT pg_catalog\.setval.*//gr;	# sequences advance
}

# --- The demo's schema ----------------------------------------------------------------------------------------------------

is(load('erp', "$tree/demo/erp.sql", ['tenant_guard.foreign_keys = off']), '', 'every table that has the column is guarded');
is($node->safe_psql('erp', 'SELECT relation, probe, detail FROM tenant_guard.prove() WHERE ok IS NULL'),
	"sales_orders|reference sales_orders_currency_fkey|not tried: public.currencies is unguarded: its rows are no tenant's, and any tenant's rows can reference them", 'a table that nobody has decided on is told');
$node->safe_psql('erp', 'SELECT tenant_guard.share(\'currencies\')');
my $before = dump_of('erp');
my $offset = -s $node->logfile;
is($node->safe_psql('erp', 'SELECT relation, probe, ok FROM tenant_guard.prove() WHERE ok IS NOT TRUE ORDER BY relation::text'),
	"products|reference products_supplier_id_fkey|f\nsales_orders|reference sales_orders_customer_id_fkey|f", 'only the keys without a tenant cross tenants');
is($node->safe_psql('erp', 'SELECT count(DISTINCT relation), min(detail), max(detail) FROM tenant_guard.prove() WHERE probe = \'rows\''),
	'4|two tenants were made, with a row each|two tenants were made, with a row each', 'with rows of its own in every table');
my $log = slurp_file($node->logfile, $offset);
is(dump_of('erp'), $before, 'the database is as it was');
is($node->safe_psql('erp', 'SELECT count(*) FROM pg_roles WHERE rolname ~ \'probe\''), '0', 'so are the roles');
is(scalar(() = $log =~ /LOG:  tenant_guard: role ".*" proves the isolation of tenants in database "erp"/g), 2, 'the log says that it ran');
unlike($log, qr/bypassed/, 'and not how it did');

# The findings on keys can be mended, and then hold.
$node->safe_psql('erp', 'SELECT remedy FROM tenant_guard.audit() WHERE rule = \'unpaired_foreign_key\' \gexec');
is($node->safe_psql('erp', 'SELECT count(*) FROM tenant_guard.prove() WHERE ok IS NOT TRUE'), '0', 'keys that carry the tenant do not cross');
is($node->safe_psql('erp', 'SELECT rule, object FROM tenant_guard.audit() WHERE level = \'error\' AND rule <> \'server_outdated\''), 'tenant_column_missing|public.sales_order_items', 'and audit() finds what is left');

# --- Northwind ------------------------------------------------------------------------------------------------------------

SKIP:
{
	my $northwind = $ENV{TG_NORTHWIND} // '';

	skip 'Northwind is not there', 5 unless -r $northwind;
	load('northwind', $northwind, [ 'tenant_guard.tenant_type = text', 'tenant_guard.tenant_column = customer_id' ]);
	is($node->safe_psql('northwind', 'SELECT relation FROM tenant_guard.tables WHERE status = \'guarded\' ORDER BY 1::text'), "customer_customer_demo\ncustomers\norders", 'tables of customers are guarded');
	$node->safe_psql('northwind', 'SELECT tenant_guard.share(relation) FROM tenant_guard.tables WHERE status = \'unguarded\' AND relation <> \'order_details\'::regclass');
	$before = dump_of('northwind');
	is($node->safe_psql('northwind', 'SELECT relation, probe, detail FROM tenant_guard.prove() WHERE ok IS NOT TRUE'), '', 'nothing crosses');
	is(dump_of('northwind'), $before, 'the database is as it was');
	is($node->safe_psql('northwind', 'SELECT rule, object FROM tenant_guard.audit() WHERE level = \'error\' AND rule <> \'server_outdated\''), 'tenant_column_missing|public.order_details', 'order lines have no tenant');
}

# --- Others' work ---------------------------------------------------------------------------------------------------------

$node->safe_psql('erp', 'CREATE EXTENSION IF NOT EXISTS tenant_guard; BEGIN; LOCK TABLE customers IN ACCESS EXCLUSIVE MODE; PREPARE TRANSACTION \'busy\'');
is($node->safe_psql('erp', 'SELECT probe, ok IS NULL, detail ~ \'55P03\' FROM tenant_guard.prove(\'customers\')'), 'proof|t|t', 'a table that others have locked is not waited for');
is($node->safe_psql('erp', 'SELECT count(*) > 5 FROM tenant_guard.prove() WHERE relation = \'suppliers\'::regclass AND ok'), 't', 'and others are proved all the same');
$node->safe_psql('erp', 'ROLLBACK PREPARED \'busy\'');

# --- Views of superusers ----------------------------------------------------------------------------------------------------

# The probes that fail for a view that a superuser owns, and without WHERE for which nobody need know a tenant's name.
my $views = 'CREATE TABLE notes (id int, tenant_id uuid); CREATE VIEW list AS SELECT * FROM notes; CREATE VIEW size AS SELECT count(*) FROM notes; CREATE VIEW ids AS SELECT id FROM notes';
my $failing = 'SELECT probe FROM tenant_guard.prove(\'notes\') WHERE ok IS NOT TRUE ORDER BY probe COLLATE "C"';

$node->safe_psql('postgres', "SET client_min_messages = error; CREATE EXTENSION tenant_guard; $views");
is($node->safe_psql('postgres', $failing), '', 'a server that preloads the library refuses them');
$node->stop;

$node = start_server('plain', preload => 0);
$node->safe_psql('postgres', "SET client_min_messages = error; CREATE EXTENSION tenant_guard; $views");
is($node->safe_psql('postgres', $failing), "delete through public.list\ndelete_all through public.ids\ndelete_all through public.list\ninsert through public.list\nupdate through public.list\nupdate_all through public.list\nview public.ids\nview public.list\nview public.size",
	'one that does not shows all tenants through them');
$node->safe_psql('postgres', 'ALTER VIEW list SET (security_invoker); ALTER VIEW size SET (security_invoker); ALTER VIEW ids SET (security_invoker)');
is($node->safe_psql('postgres', $failing), '', 'until they are their invoker\'s');

$node->stop;
done_testing();
