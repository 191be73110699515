# Under each tenant_guard.authority, a tenant from each place that settings come from: what docs/authority.md's table says, and nothing
# else, on a server that preloads the library, on one whose sessions do, and on one whose sessions load it later. What is set in a session
# is in sql/tenant_authority.sql.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my ($a, $b) = ($TENANT_A, $TENANT_B);
my $look = "SELECT string_agg(body, ' ' ORDER BY body) FROM t;";
my ($node, $load);

# A database for each authority, of the same name; in each the same rows. In "pinned" tenant a is stored.
my @authorities = qw(open granted token pinned);

sub configure
{
	my (@statements) = @_;
	$node->safe_psql('postgres', "$_;") foreach @statements;
	return;
}

sub fill_database
{
	my ($database) = @_;

	configure("CREATE DATABASE $database");
	$node->safe_psql($database, <<"SQL");
CREATE EXTENSION tenant_guard;
CREATE TABLE t (tenant_id uuid, body text);
SET tenant_guard.bypass = on;
INSERT INTO t VALUES ('$a', 'of a'), ('$b', 'of b');
CREATE TABLE many AS SELECT 1 AS one FROM generate_series(1, 100);
GRANT SELECT ON many TO PUBLIC;
GRANT SELECT, INSERT ON t TO PUBLIC;
CREATE FUNCTION gate(tenant text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS \$\$ BEGIN RETURN left(tenant_guard.set_tenant(tenant), 1); END \$\$;
CREATE FUNCTION gate_to_other(tenant text) RETURNS text LANGUAGE sql SECURITY DEFINER AS \$\$ SELECT left(set_config('app.tenant', tenant, true), 1) \$\$;
CREATE FUNCTION rows_of_worker() RETURNS text LANGUAGE plpgsql PARALLEL SAFE STABLE AS \$\$ BEGIN RETURN (SELECT string_agg(body, ' ') FROM t); END \$\$;
ALTER FUNCTION gate(text) OWNER TO gate;
ALTER FUNCTION gate_to_other(text) OWNER TO gate;
SQL
	return;
}

sub make_server
{
	my ($kind, %options) = @_;
	my $conf = "tenant_guard.setting_names = 'app.tenant'\ntenant_guard.late_loading = allow\n";

	$conf .= "session_preload_libraries = 'tenant_guard'\n" if $kind eq 'session';
	$node = start_server($kind, preload => $kind eq 'server', conf => $conf);
	$load = $kind eq 'late' ? 'DO $$ BEGIN PERFORM tenant_guard.has_tenant(); END $$; ' : '';
	configure('CREATE ROLE gate LOGIN', 'CREATE ROLE migrator LOGIN');
	fill_database($_) foreach @authorities;
	configure('GRANT SET ON PARAMETER tenant_guard.tenant_id TO gate', 'ALTER ROLE migrator SET tenant_guard.authority = \'open\'',
		(map { "ALTER DATABASE $_ SET tenant_guard.authority = '$_'" } @authorities), "ALTER DATABASE pinned SET tenant_guard.tenant_id = '$a'");
	return;
}

# under_each(what, role, SQL, PGOPTIONS, what a session says in each database)
sub under_each
{
	my ($what, $role, $sql, $options, @expected) = @_;

	# (what follows an error in a transaction tells nothing)
	is(join(' | ', map { says($node, $_, $role, $sql, $options) =~ s/; ERROR (25P02|3B001)//gr =~ s/WARNING:  permission denied to set parameter "tenant_guard.authority"/WARNING 42501/gr } @authorities), join(' | ', @expected), $what);
	return;
}

my $no = 'ERROR TG008';

sub test_connection
{
	my ($b_by_id, $b_by_other) = ("-c tenant_guard.tenant_id=$b", "-c app.tenant=$b");

	#												open		granted		token		pinned
	under_each('nothing', 'app', "$load$look", '', 'ERROR TG001', 'ERROR TG001', 'ERROR TG001', 'of a');
	under_each('the connection', 'app', "$load$look", $b_by_id, 'of b', $no, $no, $no);
	under_each('by another setting', 'app', "$load$look", $b_by_other, 'of b', $no, $no, 'ERROR TG008');
	under_each('of a role that was granted it', 'gate', "$load$look", $b_by_id, 'of b', 'of b', $no, $no);
	under_each('and by another setting', 'gate', "$load$look", $b_by_other, 'of b', 'of b', $no, $no);
	under_each('of a superuser', scalar getpwuid($<), "$load SELECT tenant_guard.current_tenant();", $b_by_id, $b, $b, $no, $no);
	under_each('after RESET', 'app', "$load BEGIN; RESET tenant_guard.tenant_id; $look ROLLBACK;", $b_by_id, 'of b', $no, $no, $no);
	under_each('after DISCARD ALL', 'app', "$load DISCARD ALL; $look", $b_by_id, 'of b', $no, $no, $no);
	under_each('an empty one, and the session\'s', 'app', "$load BEGIN; SET LOCAL tenant_guard.tenant_id = '$a'; $look ROLLBACK;", '-c tenant_guard.tenant_id=', 'of a', ($no) x 3);
	under_each('has_tenant() knows', 'app', "$load SELECT tenant_guard.has_tenant();", $b_by_id, 't', 'f', 'f', 'f');
	return;
}

sub test_stored
{
	configure("ALTER ROLE app SET tenant_guard.tenant_id = '$b'");
	under_each('a role\'s', 'app', "$load$look $look", '', ('of b; of b') x 2, "$no; $no", 'of b; of b');
	under_each('and another by the session', 'app', "$load BEGIN; SET LOCAL app.tenant = '$a'; $look ROLLBACK;", '', 'of a', ($no) x 3);
	configure("ALTER ROLE app RESET tenant_guard.tenant_id", "ALTER ROLE app SET app.tenant = '$b'");
	under_each('a role\'s by another setting', 'app', "$load$look", '', 'of b', 'of b', $no, 'ERROR TG002');
	under_each('and an option of the connection that hides the other one', 'app', "$load$look", '-c tenant_guard.tenant_id=', 'of b', 'of b', $no, $no);
	configure("ALTER ROLE app RESET app.tenant", "ALTER ROLE app IN DATABASE granted SET tenant_guard.tenant_id = '$b'");
	is(says($node, 'granted', 'app', "$load$look"), 'of b', 'a role\'s in a database');
	configure("ALTER ROLE app IN DATABASE granted RESET tenant_guard.tenant_id");
	is(says($node, $_, 'app', "$load ALTER ROLE app SET tenant_guard.tenant_id = '$b'; ALTER ROLE app SET tenant_guard.authority = 'open';"),
		'ERROR 42501; ERROR 42501', "$_: the application stores neither tenant nor authority") foreach @authorities;
	$node->append_conf('postgresql.conf', "tenant_guard.tenant_id = '$b'");
	$node->reload;
	ok($node->poll_query_until('postgres', "SELECT current_setting('tenant_guard.tenant_id', true) = '$b'"), 'the file is read');
	under_each('the server\'s file', 'app', "$load$look", '', 'of b', 'of b', $no, 'of a');
	$node->append_conf('postgresql.conf', 'tenant_guard.tenant_id = \'\'');
	$node->reload;
	ok($node->poll_query_until('postgres', 'SELECT current_setting(\'tenant_guard.tenant_id\', true) = \'\''), 'the file is read');
	return;
}

sub test_session
{
	foreach my $set ("SET LOCAL tenant_guard.tenant_id = '%s'", "SET LOCAL app.tenant = '%s'", "SELECT FROM set_config('app.tenant', '%s', true)")
	{
		my ($set_a, $set_b) = map { sprintf $set, $_ } $a, $b;

		under_each("$set, b", 'app', "$load BEGIN; $set_b; $look ROLLBACK;", '', 'of b', ('ERROR TG008') x 3) if !$load;
		under_each("$set, b, by a role that was granted it", 'gate', "$load BEGIN; $set_b; SELECT 1; ROLLBACK;", '', '1', '1', ($no) x 2);
		under_each("$set, a", 'app', "$load BEGIN; $set_a; $look ROLLBACK;", '', 'of a', $no, $no, 'of a');
	}
	under_each('the gate', 'app', "$load BEGIN; SELECT gate('$b'); $look ROLLBACK;", '', 'b; of b', 'b; of b', $no, $no);
	under_each('the gate by another setting', 'app', "$load BEGIN; SELECT gate_to_other('$b'); $look ROLLBACK;", '', 'b; of b', 'b; of b', $no, $no);
	under_each('the gate, and the session by another setting', 'app', "$load BEGIN; SELECT gate('$b'); SAVEPOINT s; SET LOCAL app.tenant = '$b'; $look ROLLBACK TO s; $look ROLLBACK;", '',
		'b; of b; of b', 'b; ERROR TG008; of b', ($no) x 2);
	under_each('what is no tenant, which is judged when it is used', 'app', "$load BEGIN; SET LOCAL app.tenant = 'system'; $look ROLLBACK;", '', ('ERROR TG004') x 4);
	under_each('of an earlier transaction', 'gate', "$load SET tenant_guard.tenant_id = '$b'; $look", '', ('ERROR TG006') x 2, $no . '; ERROR TG001', "$no; of a");
	under_each('a role whose authority is open', 'migrator', "$load BEGIN; SET LOCAL tenant_guard.tenant_id = '$b'; $look ROLLBACK;", '', ('of b') x 4);
	return;
}

# The authority is a superuser's. Until the library comes, PostgreSQL takes every value from the connection, and drops the database's.
sub test_authority_of_connection
{
	my ($kind) = @_;
	my $option = '-c tenant_guard.authority=open';
	my $set_b = "SELECT FROM set_config('tenant_guard.tenant_id', '$b', true)";

	if ($kind eq 'server')
	{
		local $ENV{PGOPTIONS} = $option;
		$node->connect_fails("user=app dbname=$_", "$_: the connection sets no authority",
			expected_stderr => qr/permission denied to set parameter "tenant_guard.authority"/) foreach @authorities;
		return;
	}
	under_each('an authority in the connection\'s options', 'app', "$load SHOW tenant_guard.authority; BEGIN; $set_b; $look ROLLBACK;",
		$option, ("WARNING 42501; hidden; $no") x 4);
	under_each('and a tenant beside it', 'app', "$load$look", "$option -c tenant_guard.tenant_id=$b", ("WARNING 42501; $no") x 4);
	under_each('and nothing else', 'app', "$load$look", $option, ('WARNING 42501; ERROR TG001') x 3, "WARNING 42501; $no");
	under_each('RESET does not show it', 'app', "$load RESET tenant_guard.authority; RESET ALL; SHOW tenant_guard.authority; BEGIN; $set_b; ROLLBACK;",
		$option, ("WARNING 42501; ERROR 42501; hidden; $no") x 4);
	under_each('a superuser\'s options set it', scalar getpwuid($<), "$load SHOW tenant_guard.authority; BEGIN; SELECT FROM tenant_guard.set_tenant('$b'); ROLLBACK;",
		$option, ('open') x 4);
	return if $kind ne 'late';
	# What the session set before the library came is judged by who set it, and not by whose function loads it.
	under_each('set before the library came, and loaded by the gate', 'app', "BEGIN; SET LOCAL tenant_guard.tenant_id = '$b'; SELECT gate('$b'); SET LOCAL tenant_guard.tenant_id = ''; $look ROLLBACK;", '',
		'b; ERROR TG001', 'b; ERROR TG001', $no, $no);
	under_each('set before the library came', 'app', "BEGIN; SET LOCAL tenant_guard.tenant_id = '$b'; $load $look ROLLBACK;", '', 'of b', ($no) x 3);
	under_each('by the gate before the library came', 'gate', "BEGIN; SET LOCAL tenant_guard.tenant_id = '$b'; $load $look ROLLBACK;", '', 'of b', 'of b', ($no) x 2);
	under_each('an authority set before the library came', 'app', "SET tenant_guard.authority = 'open'; $load SHOW tenant_guard.authority;", '',
		map { "WARNING 42501; $_" } @authorities);
	return;
}

# A parallel worker judges as its leader, whichever is the first to use the tenant.
sub test_workers
{
	my $parallel = 'SET max_parallel_workers_per_gather = 1;';
	my $worker = 'SELECT min(left(tenant_guard.current_tenant()::text, 1)), min(rows_of_worker()) FROM many;';

	$worker = ($node->pg_version >= 16 ? 'SET debug_parallel_query = on; ' : 'SET force_parallel_mode = on; ') . $worker;
	under_each('a worker with the connection\'s', 'app', "$load$parallel$worker", "-c tenant_guard.tenant_id=$b", 'b|of b', ($no) x 3);
	under_each('of a role that was granted it', 'gate', "$load$parallel$worker", "-c tenant_guard.tenant_id=$b", ('b|of b') x 2, ($no) x 2);
	under_each('with the gate\'s', 'app', "$load$parallel BEGIN; SELECT gate('$b'); $worker ROLLBACK;", '', ('b; b|of b') x 2, ($no) x 2);
	under_each('with the gate\'s, by another setting', 'app', "$load$parallel BEGIN; SELECT gate_to_other('$b'); $worker ROLLBACK;", '', ('b; b|of b') x 2, ($no) x 2);
	under_each('with the session\'s', 'app', "$load$parallel BEGIN; SET LOCAL tenant_guard.tenant_id = '$a'; $worker ROLLBACK;", '', 'a|of a', ($no) x 2, 'a|of a');
	under_each('with the session\'s, by another setting', 'app', "$load$parallel BEGIN; SET LOCAL app.tenant = '$a'; $worker ROLLBACK;", '', 'a|of a', ($no) x 2, 'a|of a');
	under_each('with what is stored', 'app', "$load$parallel$worker", '', ('ERROR TG001') x 3, 'a|of a');
	return;
}

# Another database reaches a pinned one as any client does.
sub test_from_elsewhere
{
  SKIP:
	{
		skip 'dblink and postgres_fdw are not installed', 1
		  if $node->safe_psql('open', 'SELECT count(*) FROM pg_available_extensions WHERE name IN (\'dblink\', \'postgres_fdw\')') != 2;
		my ($host, $port) = ($node->host, $node->port);
		my %options = (far => '', far_b => "-c tenant_guard.tenant_id=$b", far_other_b => "-c app.tenant=$b");
		my $link = "'host=$host port=$port dbname=pinned user=app'";
		my $look_there = 'SELECT string_agg(body, $$ $$) FROM t';
		my $here = sub { return superuser_says($node, 'open', join ' ', @_) };

		$node->safe_psql('open', 'SET client_min_messages = error; CREATE EXTENSION dblink; CREATE EXTENSION postgres_fdw');
		$node->safe_psql('open', <<"SQL") foreach sort keys %options;
SET client_min_messages = error;
CREATE SERVER $_ FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'pinned', options '$options{$_}');
CREATE USER MAPPING FOR CURRENT_USER SERVER $_ OPTIONS (user 'app', password_required 'false');
CREATE FOREIGN TABLE $_ (tenant_id uuid, body text) SERVER $_ OPTIONS (table_name 't');
SQL
		is($here->("SELECT * FROM dblink($link, '$look_there') AS x (body text);"), 'of a', 'dblink reads the rows of the pinned tenant');
		is($here->("SELECT * FROM dblink($link || ' options=''-c tenant_guard.tenant_id=$b''', '$look_there') AS x (body text);"), $no, 'dblink with a tenant in its options');
		is($here->("SELECT dblink_connect('c', $link); SELECT FROM dblink_exec('c', 'BEGIN') x, dblink_exec('c', 'SET LOCAL tenant_guard.tenant_id = ''$b''') y;"),
			"OK; $no", 'dblink that sets one');
		is($here->("SELECT dblink_exec($link, 'INSERT INTO t VALUES (''$b'', ''stray'')');"), 'ERROR 42501', 'dblink that writes another tenant\'s row');
		is($here->('SELECT body FROM far;'), 'of a', 'postgres_fdw reads the rows of the pinned tenant');
		is($here->("BEGIN; SELECT FROM tenant_guard.set_tenant('$b'); SELECT body FROM far; ROLLBACK;"), 'of a', 'whatever the tenant is where it is read');
		is($here->("INSERT INTO far VALUES ('$b', 'stray');"), 'ERROR 42501', 'it writes no row of another tenant');
		is($here->("SELECT body FROM $_;"), $no, "postgres_fdw with a tenant in its options: $_") foreach qw(far_b far_other_b);
		is($node->safe_psql('pinned', 'SET tenant_guard.bypass = on; SELECT count(*) FROM t WHERE body = \'stray\''), '0', 'nothing was written');
	}
	return;
}

foreach my $kind (qw(server session late))
{
	note "a server of kind $kind";
	make_server($kind);
	test_connection();
	test_stored();
	test_session();
	test_authority_of_connection($kind);
	test_workers();
	test_from_elsewhere() if $kind ne 'late';
	$node->stop;
}

done_testing();
