# Replication goes on: a publisher of guarded tables sends every row, a subscriber's guarded tables take them where
# PostgreSQL lets them, a standby and a foreign server answer as their own tables would: to the tenant of the connection.
#
# Into guarded tables, by PostgreSQL's version (the table's owner is bound, since row-level security is forced):
#   15         changes are applied as the subscription's owner, who has to be a superuser: they are applied
#   16 to 18   they are applied as the table's owner: refused, with PostgreSQL's 'user "..." cannot replicate into relation
#              with row-level security enabled', unless the table's owner is a superuser or has BYPASSRLS, or the
#              subscription has run_as_owner = true and its owner is or has

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $superuser = getpwuid($<);
my $publisher = start_server('publisher', streaming => 1, conf => 'wal_level = logical');
my $subscriber = start_server('subscriber', conf => "wal_retrieve_retry_interval = 100ms\nmax_logical_replication_workers = 12");
my $version = $publisher->safe_psql('postgres', 'SHOW server_version_num');
my $look = 'SELECT (SELECT count(*) FROM customers), (SELECT string_agg(body, \' \' ORDER BY body) FROM events);';

# The same tables everywhere, guarded or not.
sub make_tables
{
	my ($node, $database, $guarded, $owner) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, 'SET client_min_messages = warning; '
		  . ($guarded ? 'CREATE EXTENSION tenant_guard;' : '')
		  . "GRANT ALL ON SCHEMA public TO $owner; SET ROLE $owner;"
		  . 'CREATE TABLE customers (id int, tenant_id uuid, name text, PRIMARY KEY (tenant_id, id));'
		  . 'CREATE TABLE events (at date, tenant_id uuid, body text, PRIMARY KEY (at, body)) PARTITION BY RANGE (at);'
		  . 'CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM (\'2024-01-01\') TO (\'2025-01-01\');'
		  . 'CREATE TABLE events_later PARTITION OF events DEFAULT;'
		  . 'GRANT ALL ON customers, events TO app;');
	return;
}

foreach my $node ($publisher, $subscriber)
{
	$node->safe_psql('postgres', 'CREATE ROLE owner LOGIN; CREATE ROLE bypassing LOGIN BYPASSRLS; CREATE ROLE bound LOGIN REPLICATION; '
		  . 'CREATE ROLE sender LOGIN REPLICATION BYPASSRLS');
}
make_tables($publisher, 'shop', 1, 'owner');
$publisher->safe_psql('shop', 'SET row_security = off; '
	  . "INSERT INTO customers SELECT n, CASE WHEN n % 3 = 0 THEN '$TENANT_A' ELSE '$TENANT_B' END::uuid, 'customer ' || n FROM generate_series(1, 30) n; "
	  . "INSERT INTO events VALUES ('2024-01-01', '$TENANT_A', 'a1'), ('2024-01-02', '$TENANT_B', 'b1'); "
	  . 'GRANT SELECT ON customers, events, events_2024, events_later TO bound, sender; '
	  . 'CREATE PUBLICATION all_rows FOR TABLE customers, events WITH (publish_via_partition_root); '
	  . "CREATE PUBLICATION rows_of_a FOR TABLE customers WHERE (tenant_id = '$TENANT_A')");

# --- A physical standby ------------------------------------------------------------------------------------------------

$publisher->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($publisher, 'base', has_streaming => 1);
$standby->start;
$publisher->wait_for_catchup($standby);

is(says($standby, 'shop', 'app', "$look BEGIN; SELECT tenant_guard.set_tenant('$TENANT_A'); $look COMMIT; $look"),
	"ERROR TG001; $TENANT_A; 10|a1; ERROR TG001", 'a standby shows a tenant its own rows, and none without it');
is(superuser_says($standby, 'shop', "$look SET row_security = off; $look RESET row_security; SET tenant_guard.bypass = on; $look"),
	'ERROR TG003; 30|a1 b1; 30|a1 b1', 'a superuser has to say so there too');
is(says($standby, 'shop', 'bypassing', $look), 'ERROR 42501', 'and anyone needs the privilege to read');
like(slurp_file($standby->logfile), qr/LOG:  tenant_guard: role "$superuser" bypassed .* public\.customers, public\.events/, 'the standby logs it');
$standby->command_fails_like([ 'pg_dump', '--enable-row-security', '-f', $standby->basedir . '/refused', 'shop' ], qr/would bypass the isolation of tenants/,
	'pg_dump from the standby is refused what it would be refused on the primary');
$standby->command_ok([ 'pg_dump', '-f', $standby->basedir . '/dump', 'shop' ], 'and no more');

# --- Logical replication from guarded tables ---------------------------------------------------------------------------

# subscribe(database, option => value...): the connection is a superuser's unless "user" is given.
sub subscribe
{
	my ($database, %options) = @_;
	my $user = delete $options{user} // $superuser;
	my $publication = delete $options{publication} // 'all_rows';
	my $with = join(', ', "slot_name = '$database'", map { "$_ = $options{$_}" } sort keys %options);

	$subscriber->safe_psql($database, "CREATE SUBSCRIPTION $database CONNECTION '" . $publisher->connstr('shop') =~ s/'/''/gr . " user=$user' "
		  . "PUBLICATION $publication WITH ($with)");
	return;
}

# The subscription is ended whether it works or not: a worker that fails would go on trying.
sub unsubscribe
{
	my ($database) = @_;

	$subscriber->safe_psql($database, "ALTER SUBSCRIPTION $database DISABLE; ALTER SUBSCRIPTION $database SET (slot_name = NONE); DROP SUBSCRIPTION $database");
	$publisher->poll_query_until('shop', "SELECT NOT bool_or(active) FROM pg_replication_slots WHERE slot_name LIKE '$database%'", 't');
	$publisher->safe_psql('shop', "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '$database'");
	return;
}

# What has arrived, of every tenant.
sub arrived
{
	my ($database) = @_;

	return $subscriber->safe_psql($database, 'SET row_security = off; SELECT tenant_id, count(*), sum(id), max(name) FROM customers GROUP BY 1 ORDER BY 1; '
		  . 'SELECT at, tenant_id, body FROM events ORDER BY 1, 3');
}

my $there = "$TENANT_A|10|165|customer 9\n$TENANT_B|20|300|customer 8\n2024-01-01|$TENANT_A|a1\n2024-01-02|$TENANT_B|b1";

# The application's changes, each under a tenant, and a job's.
sub change_and_undo
{
	my ($test) = @_;
	my $changed = "$TENANT_A|10|1162|new of a\n$TENANT_B|20|300|renamed\n2024-01-01|$TENANT_A|changed\n2025-01-02|$TENANT_B|b1";

	is(says($publisher, 'shop', 'app', "BEGIN; SELECT tenant_guard.set_tenant('$TENANT_A'); INSERT INTO customers (id, name) VALUES (1000, 'new of a'); "
				. 'DELETE FROM customers WHERE id = 3; UPDATE events SET body = \'changed\'; COMMIT; '
				. "BEGIN; SELECT tenant_guard.set_tenant('$TENANT_B'); UPDATE customers SET name = 'renamed' WHERE id = 1; UPDATE events SET at = '2025-01-02'; COMMIT;"),
		"$TENANT_A; $TENANT_B", 'tenants change their rows');
	$test->($changed);
	$publisher->safe_psql('shop', 'SET row_security = off; '
		  . "DELETE FROM customers WHERE id = 1000; INSERT INTO customers VALUES (3, '$TENANT_A', 'customer 3'); UPDATE customers SET name = 'customer 1' WHERE id = 1; "
		  . 'UPDATE events SET body = \'a1\' WHERE body = \'changed\'; UPDATE events SET at = \'2024-01-02\' WHERE body = \'b1\'');
	$test->($there);
	return;
}

# Initial copy, then changes.
sub replicates
{
	my ($database, $how, %options) = @_;

	subscribe($database, %options);
	$subscriber->wait_for_subscription_sync($publisher, $database, $database);
	is(arrived($database), $there, "$how: the initial copy has every tenant's rows");
	change_and_undo(sub {
			$publisher->wait_for_catchup($database);
			is(arrived($database), $_[0], "$how: so have the changes");
	});
	return;
}

# The subscriber's log says why.
sub does_not_replicate
{
	my ($database, $error, $how, %options) = @_;
	my $offset = -s $subscriber->logfile;

	subscribe($database, %options);
	ok($subscriber->wait_for_log(qr/ERROR:  .*$error/, $offset), $how);
	unsubscribe($database);
	is(arrived($database), '', "$how: nothing arrives");
	return;
}

make_tables($subscriber, 'plain', 0, 'owner');
replicates('plain', 'into tables that are not guarded');

$publisher->safe_psql('shop', "SET row_security = off; TRUNCATE events; INSERT INTO events VALUES ('2024-01-01', '$TENANT_A', 'a1'), ('2024-01-02', '$TENANT_B', 'b1')");
$publisher->wait_for_catchup('plain');
is(arrived('plain'), $there, 'TRUNCATE is replicated');
unsubscribe('plain');

# Who connects need not be a superuser; row-level security binds the initial copy of a role without BYPASSRLS.
$subscriber->safe_psql('plain', 'TRUNCATE customers, events');
does_not_replicate('plain', qr/no tenant is set/, 'a replication role that is bound gets no initial copy', user => 'bound');
replicates('plain', 'by a replication role with BYPASSRLS', user => 'sender');
unsubscribe('plain');

# A replication connection is excused from nothing that row-level security does.
$publisher->command_fails_like([ 'psql', '-XAtq', '-c', 'SELECT count(*) FROM customers', '-d', $publisher->connstr('shop') . ' user=bound replication=database' ],
	qr/no tenant is set/, 'nor does it get rows by a query');

# One tenant's rows, by a row filter.
$subscriber->safe_psql('plain', 'TRUNCATE customers, events');
subscribe('plain', publication => 'rows_of_a');
$subscriber->wait_for_subscription_sync($publisher, 'plain', 'plain');
change_and_undo(sub { });
$publisher->wait_for_catchup('plain');
is(arrived('plain'), "$TENANT_A|10|165|customer 9", 'a row filter sends one tenant\'s rows, copied and changed');
unsubscribe('plain');

# --- Logical replication into guarded tables ---------------------------------------------------------------------------

my $refused = qr/user "owner" cannot replicate into relation with row-level security enabled: "(customers|events\w*)"/;

make_tables($subscriber, 'of_superuser', 1, $superuser);
make_tables($subscriber, 'of_bypassing', 1, 'bypassing');
make_tables($subscriber, 'of_owner', 1, 'owner');
make_tables($subscriber, 'of_owner_as_owner', 1, 'owner');

replicates('of_superuser', 'into guarded tables of a superuser');
replicates('of_bypassing', 'into guarded tables of a role with BYPASSRLS');
if ($version < 160000)
{
	replicates('of_owner', 'into guarded tables of a forced owner, as a superuser');
	change_trigger('of_owner');
}
else
{
	does_not_replicate('of_owner', $refused, 'into guarded tables of a forced owner, as that owner');
	replicates('of_owner_as_owner', 'into guarded tables of a forced owner, with run_as_owner', run_as_owner => 'true');
	change_trigger('of_owner_as_owner');
}
foreach my $database ('of_superuser', 'of_bypassing')
{
	is(says($subscriber, $database, 'app', "$look BEGIN; SELECT tenant_guard.set_tenant('$TENANT_B'); $look"), "ERROR TG001; $TENANT_B; 20|b1",
		"$database: a tenant sees its own rows of what was replicated");
}

# A trigger that fires where changes are applied too (ENABLE ALWAYS) acts as a superuser: it has to say so where it touches
# guarded tables, or replication stops until it does.
sub change_trigger
{
	my ($database) = @_;
	my $offset = -s $subscriber->logfile;

	$subscriber->safe_psql($database, 'SET client_min_messages = warning; CREATE TABLE history (customer int, tenant_id uuid); '
		  . 'CREATE FUNCTION remember() RETURNS trigger LANGUAGE plpgsql AS \'BEGIN INSERT INTO public.history VALUES (NEW.id, NEW.tenant_id); RETURN NEW; END\'; '
		  . 'CREATE TRIGGER remember AFTER UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION remember(); ALTER TABLE customers ENABLE ALWAYS TRIGGER remember');
	$publisher->safe_psql('shop', 'SET row_security = off; UPDATE customers SET name = name WHERE id < 4');
	ok($subscriber->wait_for_log(qr/ERROR:  access to table public.history would bypass the isolation of tenants/, $offset),
		'a trigger on the subscriber does not bypass by accident');
	$subscriber->safe_psql($database, 'ALTER FUNCTION remember() SET tenant_guard.bypass = on');
	$publisher->wait_for_catchup($database);
	is($subscriber->safe_psql($database, 'SET row_security = off; SELECT count(*), count(DISTINCT tenant_id) FROM history'), '3|2', 'and does so when it is meant');
	return;
}

$subscriber->stop;

# --- postgres_fdw ------------------------------------------------------------------------------------------------------

SKIP:
{
	skip 'postgres_fdw is not installed', 1 unless $publisher->safe_psql('postgres', 'SELECT count(*) FROM pg_available_extensions WHERE name = \'postgres_fdw\'');

	# foreign_server(name, user there, options there): its tables are in a schema of that name.
	my $foreign_server = sub {
		my ($name, $user, $options) = @_;
		my $where = 'host \'' . $publisher->host . '\', port \'' . $publisher->port . '\', dbname \'shop\'';

		$publisher->safe_psql('reports', "CREATE SERVER $name FOREIGN DATA WRAPPER postgres_fdw OPTIONS ($where" . ($options ? ", options '$options'" : '') . '); '
			  . "CREATE USER MAPPING FOR PUBLIC SERVER $name OPTIONS (user '$user', password_required 'false'); "
			  . "CREATE SCHEMA $name; IMPORT FOREIGN SCHEMA public LIMIT TO (customers, events) FROM SERVER $name INTO $name; "
			  . "GRANT USAGE ON SCHEMA $name TO app; GRANT ALL ON ALL TABLES IN SCHEMA $name TO app");
	};
	my $reads = sub { my ($name, $sql) = @_; return says($publisher, 'reports', 'app', "SET search_path = $name; " . ($sql // $look)) };

	$publisher->safe_psql('postgres', "CREATE DATABASE reports; CREATE ROLE b_alone LOGIN; ALTER ROLE b_alone SET tenant_guard.tenant_id = '$TENANT_B'");
	$publisher->safe_psql('shop', 'GRANT ALL ON customers, events TO b_alone');
	$publisher->safe_psql('reports', 'CREATE EXTENSION postgres_fdw');
	$foreign_server->('of_a', 'app', "-c tenant_guard.tenant_id=$TENANT_A");
	$foreign_server->('of_b', 'b_alone');
	$foreign_server->('of_nobody', 'app');
	$foreign_server->('of_superuser', $superuser);
	$foreign_server->('of_all', $superuser, '-c row_security=off');

	is($reads->('of_a', "$look BEGIN; $look SAVEPOINT s; $look COMMIT; $look"), '10|a1; 10|a1; 10|a1; 10|a1', 'a foreign server whose options name a tenant shows its rows');
	is($reads->('of_b', "$look $look"), '20|b1; 20|b1', 'so does one whose role has a tenant');
	is($reads->('of_nobody', "$look $look"), 'ERROR TG001; ERROR TG001', 'one that has none shows nothing');
	is($reads->('of_nobody', "BEGIN; SET tenant_guard.tenant_id = '$TENANT_A'; $look"), 'ERROR TG001', 'the tenant of this side is not the other\'s');
	is($reads->('of_superuser'), 'ERROR TG003', 'one that connects as a superuser is refused');
	is($reads->('of_all'), '30|a1 b1', 'unless its options say that it is meant');

	is($reads->('of_a', "BEGIN; INSERT INTO customers VALUES (500, '$TENANT_A', 'x'); UPDATE customers SET name = 'y' WHERE id > 0; DELETE FROM customers WHERE id = 3 RETURNING name; $look ROLLBACK; $look"),
		'y; 10|a1; 10|a1', 'a tenant\'s rows are written');
	is($reads->('of_a', "INSERT INTO customers VALUES (500, '$TENANT_B', 'x'); $look"), 'ERROR 42501; 10|a1', 'and no other\'s');
	is($reads->('of_a', 'SELECT count(*) FROM customers JOIN customers c USING (id) JOIN of_b.customers b USING (id);'), '0', 'two tenants\' rows are joined as two tables\'');
	is(superuser_says($publisher, 'reports', "ALTER SERVER of_a OPTIONS (ADD use_remote_estimate 'true'); ANALYZE of_a.customers; SET search_path = of_a; $look "
				. 'SELECT reltuples FROM pg_class WHERE oid = \'of_a.customers\'::regclass;'),
		'10|a1; 10', 'remote estimates and ANALYZE see the tenant\'s rows');
	like(superuser_says($publisher, 'reports', 'ANALYZE of_nobody.customers;'), qr/^ERROR TG001/, 'and none without it');
}

$standby->stop;
$publisher->stop;
done_testing();
