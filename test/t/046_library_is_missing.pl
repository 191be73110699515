# The library cannot be loaded: its file is gone, or is not what it should be. No application reads a row; an error says
# which file; superusers, backups and maintenance go on. The runbook of docs/operations.md gives rows back without it, and
# brings the guards back when it is there again.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

# An installation of its own, so that other tests keep their library.
my %own = link_installation();
my $library = "$own{pkglibdir}/tenant_guard.so";

my $node = PostgreSQL::Test::Cluster->new('missing', install_path => $own{root});
$node->init($ENV{INITDB_TEMPLATE} && $node->pg_version >= 17 ? () : (extra => [ '-E', 'UTF8', '--no-locale' ]));
$node->start;
$node->safe_psql('postgres', <<"SQL");
CREATE ROLE app LOGIN;
CREATE EXTENSION tenant_guard;
ALTER DATABASE postgres SET session_preload_libraries = 'tenant_guard';
CREATE TABLE customers (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE orders (id int PRIMARY KEY, tenant_id uuid, customer int REFERENCES customers) PARTITION BY RANGE (id);
CREATE TABLE orders1 PARTITION OF orders FOR VALUES FROM (0) TO (100);
CREATE TABLE countries (id int);
GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
BEGIN;
SET LOCAL tenant_guard.tenant_id = '$TENANT_A';
SET LOCAL ROLE app;
INSERT INTO customers (id) VALUES (1);
INSERT INTO orders (id, customer) VALUES (1, 1);
COMMIT;
SQL
my $read = "BEGIN; SET LOCAL tenant_guard.tenant_id = '$TENANT_A'; SELECT count(*) FROM orders; COMMIT;";
my $guards = q{SELECT relation, status FROM tenant_guard.tables_and_partitions WHERE status <> 'unguarded' ORDER BY relation::text};
my $all_guarded = join "\n", map { "$_|guarded" } qw(customers orders orders1);

# what(role, sql): the message of the first error of a session, or what it printed. A superuser's preloads nothing.
sub what
{
	my ($role, $sql) = @_;
	local $ENV{PGOPTIONS} = $role ? '' : '-c session_preload_libraries=';
	my ($out, $err) = ('', '');

	$node->psql('postgres', $sql, stdout => \$out, stderr => \$err, on_error_stop => 1, extra_params => $role ? [ '-U', $role ] : []);
	return $err =~ /((?:ERROR|FATAL):.*)/ ? $1 : $out;
}

is($node->safe_psql('postgres', $guards), $all_guarded, 'tables are guarded');
is(what('app', $read), 1, 'and the application reads its rows');

# --- While it is missing ---------------------------------------------------------------------------------------------

my $gone = qr/could not access file "(?:\$libdir\/)?tenant_guard": No such file or directory/;
rename($library, "$library.away") or die $!;

$node->connect_fails('dbname=postgres user=app', 'sessions that preload it cannot begin', expected_stderr => qr/FATAL: .*$gone/);
what(undef, 'ALTER DATABASE postgres RESET session_preload_libraries');
like(what('app', $read), qr/^ERROR: .*$gone/, 'others read no row of a guarded table');
like(what('app', 'INSERT INTO customers VALUES (2, NULL)'), qr/^ERROR: .*$gone/, 'and write none');
is(what('app', 'SELECT count(*) FROM countries'), 0, 'a table that is not guarded can be read');
like(what(undef, 'CREATE TABLE t (id int)'), qr/^ERROR: .*$gone/, 'DDL fails, since the event triggers are functions of the library');
is(what(undef, 'SELECT count(*) FROM orders; VACUUM orders; ANALYZE orders;'), 1, 'superusers read and maintain tables');
like(what(undef, 'REINDEX TABLE customers;'), $node->pg_version >= 17 ? $gone : qr/^$/, 'before 17 no event trigger fires for REINDEX');
{
	local $ENV{PGOPTIONS} = '-c session_preload_libraries=';
	$node->command_like([ 'pg_dump', '-d', $node->connstr('postgres') ], qr/COPY public\.orders1 /, 'pg_dump dumps them');
}

# A file that is no library of this server's, as one of another major version is not.
append_to_file($library, "not a library\n");
like(what('app', $read), qr/^ERROR:  could not load library "\Q$library\E"/, 'a file that cannot be loaded is named');
unlink $library;

# --- The runbook -----------------------------------------------------------------------------------------------------

# The blocks of the page that follow a heading, as they are written.
my $page = slurp_file("$FindBin::RealBin/../../docs/operations.md");
my ($runbook) = $page =~ /^## If the library cannot be loaded$(.*?)^## /ms;
my ($open, $close) = $runbook =~ /^```sql\n(.*?)^```$/msg;

like($runbook, qr/could not access file "\$libdir\/tenant_guard": No such file or directory/, 'the page quotes the error');
my $said = what(undef, $open);
unlike($said, qr/ERROR/, 'the statements of the page that give rows back are done') or diag($said);
is(what('app', 'SELECT count(*) FROM orders'), 1, 'the application reads rows without the library');
is(what('app', "INSERT INTO customers VALUES (2, '$TENANT_A'); INSERT INTO orders VALUES (2, '$TENANT_A', 2); SELECT count(*) FROM orders"), 2, 'and writes them');
is(what(undef, 'CREATE TABLE made_meanwhile (id int PRIMARY KEY, tenant_id uuid NOT NULL); SELECT 1'), 1, 'DDL works');

rename("$library.away", $library) or die $!;
$node->safe_psql('postgres', q{ALTER DATABASE postgres SET session_preload_libraries = 'tenant_guard'});
is( $node->safe_psql('postgres', q{SELECT rule, count(*) FROM tenant_guard.audit('error') WHERE rule IN ('event_trigger_disabled', 'guard_incomplete', 'unguarded_table') GROUP BY 1 ORDER BY 1}),
	"event_trigger_disabled|3\nguard_incomplete|3\nunguarded_table|1", 'audit() finds what is open');
$said = what(undef, $close);
unlike($said, qr/ERROR/, 'the statements of the page that bring the guards back are done') or diag($said);
is($node->safe_psql('postgres', $guards), join("\n", 'customers|guarded', 'made_meanwhile|guarded', 'orders|guarded', 'orders1|guarded'), 'all tables are guarded');
is($node->safe_psql('postgres', q{SELECT count(*) FROM tenant_guard.audit('error') WHERE rule IN ('event_trigger_disabled', 'guard_incomplete', 'unguarded_table')}),
	0, 'audit() finds nothing more');
is(says($node, 'postgres', 'app', 'SELECT count(*) FROM orders;'), 'ERROR TG001', 'no tenant, no rows');
is(what('app', "BEGIN; SET LOCAL tenant_guard.tenant_id = '$TENANT_A'; INSERT INTO customers (id) VALUES (3); SELECT count(*) FROM customers; COMMIT;"),
	3, 'and the default of the tenant column is back');

# --- Preloaded by the server -----------------------------------------------------------------------------------------

$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET session_preload_libraries');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'tenant_guard'");
$node->restart;
rename($library, "$library.away") or die $!;
like(what('app', $read), qr/^ERROR: .*$gone/, 'a running server that has preloaded it needs the file, too');
$node->stop;
ok(!$node->start(fail_ok => 1), 'and cannot be started without it');
like(slurp_file($node->logfile), qr/FATAL: .*$gone/, 'as its log says');
rename("$library.away", $library) or die $!;
$node->start;
is(what('app', $read), 2, 'with the file back all is well');

# --- A library and objects of two versions ---------------------------------------------------------------------------

# Scripts of other versions: an older one's update, a newer one's, and a newer one's own.
my ($now) = slurp_file("$own{extension}/tenant_guard.control") =~ /^default_version = '(.*)'/m;
my ($older, $newer) = ('0.0.1', $now =~ s/(\d+)$/$1 + 1/er);
append_to_file("$own{extension}/tenant_guard--$older--$now.sql", "SELECT 1;\n");
append_to_file("$own{extension}/tenant_guard--$now--$newer.sql", "SELECT 1;\n");
append_to_file("$own{extension}/tenant_guard--$newer.sql", slurp_file("$own{extension}/tenant_guard--$now.sql"));

# set_version(version): the objects are of it, as on a standby of another server, or where the package is another.
sub set_version
{
	my ($version) = @_;

	$node->safe_psql('postgres', "UPDATE pg_extension SET extversion = '$version' WHERE extname = 'tenant_guard'");
	return;
}

my $tenant = "BEGIN; SET LOCAL tenant_guard.tenant_id = '$TENANT_A'; ";
my $live = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'app', '-v', 'VERBOSITY=sqlstate' ]);
my $still = "BEGIN; SET LOCAL tenant_guard.tenant_id = '$TENANT_A'; SELECT count(*) FROM orders; COMMIT;";
is($live->query($still) =~ s,\n\z,,r, 2, 'a session that goes on reads its rows');

foreach my $version ($older, $newer)
{
	my $remedy = $version eq $newer ? "Install the library of version $newer, if that is not done, and restart the server." : 'A superuser runs ALTER EXTENSION tenant_guard UPDATE;';

	set_version($version);
	is($node->safe_psql('postgres', 'SELECT version, library_version FROM tenant_guard.status'), "$version|$now", "objects of $version: the view status has both versions");
	my ($out, $err) = ('', '');
	$node->psql('postgres', $read, stdout => \$out, stderr => \$err, extra_params => [ '-U', 'app' ]);
	like($err, qr/^.*ERROR:  this session has loaded tenant_guard \Q$now\E, which does not work with version \Q$version\E of the extension\n/m, 'the application is refused');
	like($err, qr/^HINT:  \Q$remedy\E$/m, 'with what is to be done');
	is($out, '', 'and reads nothing');
	is(says($node, 'postgres', 'app', "${tenant}SELECT tenant_guard.has_tenant(); SELECT tenant_guard.current_tenant();"), 'f; ERROR 55000', 'no getter returns a tenant');
	is(says($node, 'postgres', 'app', "${tenant}INSERT INTO customers (id) VALUES (9);"), 'ERROR 55000', 'nothing is written');
	is(says($node, 'postgres', 'app', "SET tenant_guard.tenant_id = '$TENANT_A'; SELECT count(*) FROM countries;"), '0', 'other tables can be read');
	is(superuser_says($node, 'postgres', 'CREATE TABLE t (id int, tenant_id uuid);'), 'ERROR 55000', 'no DDL is run');
	is(superuser_says($node, 'postgres', 'ALTER TABLE orders DISABLE ROW LEVEL SECURITY;'), 'ERROR 55000', 'no guard is taken off');
	foreach my $call ("SELECT tenant_guard.protect('countries')", "SELECT tenant_guard.unprotect('orders')", "SELECT * FROM tenant_guard.protect_schema('public')",
		"CALL tenant_guard.protect_tables('public')", "SELECT tenant_guard.pair_foreign_keys('orders')", "SELECT tenant_guard.share('countries')")
	{
		is(superuser_says($node, 'postgres', "$call;"), 'ERROR 55000', "$call is refused");
	}
	is(superuser_says($node, 'postgres', 'SET tenant_guard.bypass = on; SELECT count(*) FROM orders; VACUUM orders; REINDEX TABLE orders;'), 2, 'who bypasses reads and maintains tables');
	is(superuser_says($node, 'postgres', 'SELECT count(*) FROM orders;'), 'ERROR TG003', 'who does not say so is refused as ever');
	$node->command_like([ 'pg_dump', '-d', $node->connstr('postgres') ], qr/COPY public\.orders1 /, 'pg_dump dumps them');
	is($node->safe_psql('postgres', q{SELECT count(*) > 0 FROM tenant_guard.tables WHERE status = 'guarded'}), 't', 'the views can be read');
}

# ALTER EXTENSION cures it, in sessions that go on, too; but not where the library is too old for what it would make.
set_version($older);
is(superuser_says($node, 'postgres', 'ALTER EXTENSION tenant_guard UPDATE;'), '', 'ALTER EXTENSION UPDATE is run');
is(what('app', $read), 2, 'and all is well');
is($live->query($still) =~ s,\n\z,,r, 2, 'also in a session that goes on');
my ($out, $err) = ('', '');
$node->psql('postgres', "ALTER EXTENSION tenant_guard UPDATE TO '$newer'", stdout => \$out, stderr => \$err);
like($err, qr/ERROR:  this session has loaded tenant_guard \Q$now\E, which does not work with version \Q$newer\E of the extension.*^HINT:  Install the library of version \Q$newer\E, if that is not done, and restart the server\.$/ms,
	'an update to what the library does not know is refused');
is($node->safe_psql('postgres', q{SELECT extversion FROM pg_extension WHERE extname = 'tenant_guard'}), $now, 'and changes nothing');
is(what('app', $read), 2, 'the application goes on');

# A session whose library is older than what another one has made looks again.
$node->safe_psql('postgres', q{ALTER EVENT TRIGGER tenant_guard_ddl_command_end DISABLE});
$node->safe_psql('postgres', "ALTER EXTENSION tenant_guard UPDATE TO '$newer'");
$node->safe_psql('postgres', q{SET allow_system_table_mods = on; UPDATE pg_proc SET proname = proname WHERE proname = 'guarded'});
$live->query($still);
like($live->{stderr}, qr/55000/, 'a session that goes on is refused');
$live->query('ROLLBACK');
set_version($now);
is($live->query($still) =~ s,\n\z,,r, 2, 'until the versions agree');
$live->quit;
$node->safe_psql('postgres', q{ALTER EVENT TRIGGER tenant_guard_ddl_command_end ENABLE ALWAYS});

# CREATE EXTENSION of a script for which the library is too old, and objects in a session that has no library yet.
$node->safe_psql('postgres', 'CREATE DATABASE newer');
like(($node->psql('newer', "CREATE EXTENSION tenant_guard VERSION '$newer'"))[2], qr/ERROR:  this session has loaded tenant_guard \Q$now\E, and this is version \Q$newer\E of the extension/,
	'CREATE EXTENSION of another version is refused');
is($node->safe_psql('newer', q{SELECT count(*) FROM pg_namespace WHERE nspname ~ 'tenant_guard'}), 0, 'and leaves nothing');
set_version($older);
is(superuser_says($node, 'postgres', 'DROP EXTENSION tenant_guard CASCADE;') =~ s/^NOTICE.*//r, '', 'DROP EXTENSION is run');
is(says($node, 'postgres', 'app', 'SELECT count(*) FROM orders;'), '0', 'after which nobody sees a row');
$node->safe_psql('postgres', 'CREATE EXTENSION tenant_guard');

$node->safe_psql('postgres', q{CREATE FUNCTION of_tomorrow() RETURNS void LANGUAGE c AS '$libdir/tenant_guard', 'tenant_guard_library_version';}
	  . q{UPDATE pg_proc SET prosrc = 'tenant_guard_of_tomorrow' WHERE proname = 'of_tomorrow'});
like(what(undef, 'SELECT of_tomorrow()'), qr/ERROR:  could not find function "tenant_guard_of_tomorrow" in file "\Q$own{pkglibdir}\E\/tenant_guard/,
	'a function that an older library has not is named');

$node->stop;
done_testing();
