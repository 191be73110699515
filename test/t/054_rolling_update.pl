# While a server, its standby and its sessions are updated one after the other, libraries and objects of two versions meet. What fits works;
# what does not is refused by an error that says what to do. Nothing crashes, and nobody reads a row of another tenant.
#
# The older library is this one with another version written into it, and the objects are the same: what is tested is who notices what.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my %own = link_installation();
my %of_standby = link_installation();
my $library = slurp_file("$own{pkglibdir}/tenant_guard.so");
my $control = slurp_file("$own{extension}/tenant_guard.control");
my ($now) = $control =~ /^default_version = '(.*)'/m;
my $script = slurp_file("$own{extension}/tenant_guard--$now.sql");
# as long as this version, and one that no library lists
my $older = $now =~ /^0/ ? $now =~ s/(\d)$/$1 - 1/er : $now =~ s/^(\d+)/'0' x length $1/er;
is(scalar(() = $library =~ /\x00\Q$now\E\x00/g), 1, 'the library has its version in one place');

# What is replaced is another file, as a package's is: sessions go on with the one that they have loaded.
sub write_file
{
	my ($name, $text) = @_;

	unlink $name;
	append_to_file($name, $text);
	return;
}

sub install
{
	my ($version, $dir) = @_;

	write_file("$dir->{pkglibdir}/tenant_guard.so.new", $library =~ s/\x00\K\Q$now\E(?=\x00)/$version/r);
	rename("$dir->{pkglibdir}/tenant_guard.so.new", "$dir->{pkglibdir}/tenant_guard.so") or die $!;
	write_file("$dir->{extension}/tenant_guard.control", $control =~ s/^(default_version = ').*'/$1$version'/mr);
	unlink "$dir->{extension}/tenant_guard--$now.sql" if $version ne $now;
	write_file("$dir->{extension}/tenant_guard--$version.sql", $script);
	my $update = `$^X "$FindBin::RealBin/../../script/update_sql.pl" "$dir->{extension}/tenant_guard--$older.sql" "$dir->{extension}/tenant_guard--$version.sql" /dev/null`;
	write_file("$dir->{extension}/tenant_guard--$older--$version.sql", $update) if $version ne $older;
	return;
}
install($older, $_) foreach \%own, \%of_standby;

my $node = PostgreSQL::Test::Cluster->new('primary', install_path => $own{root});
$node->init(allows_streaming => 1, $ENV{INITDB_TEMPLATE} && $node->pg_version >= 17 ? () : (extra => [ '-E', 'UTF8', '--no-locale' ]));
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE app LOGIN; CREATE DATABASE empty; CREATE DATABASE later');
foreach my $database ('postgres', 'later')
{
	$node->safe_psql($database, <<"SQL");
CREATE EXTENSION tenant_guard;
ALTER DATABASE $database SET session_preload_libraries = 'tenant_guard';
CREATE TABLE orders (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE countries (id int);
GRANT ALL ON orders, countries TO app;
SET tenant_guard.bypass = on;
INSERT INTO orders SELECT n, '$TENANT_A' FROM generate_series(1, 10) n;
INSERT INTO orders SELECT n + 10, '$TENANT_B' FROM generate_series(1, 10) n;
SQL
}
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby', install_path => $of_standby{root});
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);

# --- Sessions of the older library -----------------------------------------------------------------------------------

my $tenant = "BEGIN; SET LOCAL tenant_guard.tenant_id = '$TENANT_A';";
my $read = "$tenant SELECT count(*) FROM orders; COMMIT;";

sub session
{
	my ($server, $database, @options) = @_;

	return $server->background_psql($database, on_error_stop => 0, extra_params => [ '-v', 'VERBOSITY=sqlstate', '-v', 'ON_ERROR_ROLLBACK=off', @options ]);
}

# tries(session, sql): what it prints, an error as its SQLSTATE.
sub tries
{
	my ($session, $sql) = @_;

	$session->{stderr} = '';
	my $out = session_says($session, $sql);
	my @errors = $session->{stderr} =~ /ERROR:\s+(\w+)/g;
	session_says($session, 'ROLLBACK') if @errors;
	$session->{stderr} = '';
	return join('; ', split(/\n/, $out), map { "ERROR $_" } grep { $_ ne '25P02' } @errors);
}

my $superuser = session($node, 'postgres');
my $of_later = session($node, 'later');
my $of_empty = session($node, 'empty');
my ($busy, $begun, $idle) = map { session($node, 'postgres', '-U', 'app') } 1 .. 3;
my $on_standby = session($standby, 'postgres', '-U', 'app');
is(tries($_, 'SELECT tenant_guard.library_version()'), $older, 'the older library is loaded') foreach $superuser, $of_later;
is(tries($of_empty, "LOAD 'tenant_guard'"), '', 'also where there are no objects');
is(tries($_, $read), 10, 'a session reads its rows') foreach $busy, $begun, $idle, $on_standby;
is(tries($idle, 'PREPARE q AS SELECT count(*) FROM orders'), '', 'a statement is prepared');
is(tries($busy, "$tenant DECLARE c CURSOR FOR SELECT id FROM orders; FETCH 1 FROM c"), 1, 'a cursor is open in a transaction');
is(tries($begun, $tenant), '', 'another transaction has its tenant, and has read nothing');

# --- The library is installed ----------------------------------------------------------------------------------------

install($now, \%own);
is(tries($idle, "$tenant EXECUTE q; COMMIT"), 10, 'sessions with the older library go on');
is(says($node, 'postgres', 'app', $read), 'ERROR 55000', 'one with a library that does not list the objects is refused');
is(says($node, 'postgres', 'app', 'SELECT count(*) FROM countries;'), '0', 'tables that are not guarded can be read');
$node->psql('postgres', $read, stderr => \my $error, extra_params => [ '-U', 'app' ]);
like($error, qr/tenant_guard \Q$now\E, which does not work with version \Q$older\E .*^HINT:  A superuser runs ALTER EXTENSION tenant_guard UPDATE;$/ms, 'and told what to do');
is(says($node, 'later', 'app', $read), 'ERROR 55000', 'so it is in each database');

# --- The objects are updated -----------------------------------------------------------------------------------------

is(tries($of_later, 'ALTER EXTENSION tenant_guard UPDATE'), 'ERROR 55000', 'a session of the older library cannot update');
is($node->safe_psql('later', 'SELECT extversion FROM pg_extension WHERE extname = \'tenant_guard\''), $older, 'and changes nothing');
is(superuser_says($node, 'postgres', 'ALTER EXTENSION tenant_guard UPDATE;'), '', 'a new one can');
is(says($node, 'postgres', 'app', $read), '10', 'and new sessions read their rows');

is(tries($busy, 'FETCH ALL FROM c; COMMIT'), join('; ', 2 .. 10), 'a transaction that has used its tenant ends as it began, with its own rows');
is(tries($busy, $read), 'ERROR 55000', 'the next of that session is refused');
is(tries($begun, 'SELECT count(*) FROM orders'), 'ERROR 55000', 'so is one that had not used it');
is(tries($idle, "$tenant EXECUTE q"), 'ERROR 55000', 'and a prepared statement');
is(tries($idle, "$tenant INSERT INTO orders (id) VALUES (99)"), 'ERROR 55000', 'nothing is written');
is(tries($idle, 'SELECT tenant_guard.set_tenant(\'' . $TENANT_A . '\'), tenant_guard.has_tenant()'), "$TENANT_A|f", 'no tenant is there to be used');
is(tries($idle, 'SELECT count(*) FROM countries'), 0, 'other tables can be read');
foreach my $sql ('CREATE TABLE t (id int, tenant_id uuid)', 'ALTER TABLE orders DISABLE ROW LEVEL SECURITY', 'DROP POLICY tenant_isolation ON orders',
	"SELECT tenant_guard.protect('countries')", "SELECT tenant_guard.unprotect('orders')", "SECURITY LABEL FOR tenant_guard ON TABLE countries IS 'shared'",
	'DO $$ BEGIN EXECUTE \'ALTER TABLE orders NO FORCE ROW LEVEL SECURITY\'; END $$')
{
	is(tries($superuser, $sql), 'ERROR 55000', "refused: $sql");
}
is(tries($superuser, 'SET tenant_guard.bypass = on; SELECT count(*) FROM orders; RESET tenant_guard.bypass; VACUUM orders; REINDEX TABLE orders'), 20, 'who bypasses reads and maintains tables');
is(tries($superuser, 'SELECT count(*) FROM orders'), 'ERROR TG003', 'who does not say so is refused as ever');
is(tries($superuser, q{SELECT version <> library_version FROM tenant_guard.status}), 't', 'the views tell the versions');
is(tries($of_empty, 'CREATE EXTENSION tenant_guard'), 'ERROR 55000', 'the extension is not made by a session of the older library');
is(tries($of_empty, q{SELECT count(*) FROM pg_namespace WHERE nspname ~ 'tenant_guard'}), 0, 'and nothing is left of it');
is(says($node, 'later', 'app', $read), 'ERROR 55000', 'another database waits for its own update');
is(tries($of_later, 'SET tenant_guard.bypass = on; SELECT count(*) FROM orders'), 20, 'where sessions of the older library go on');

# --- The standby -----------------------------------------------------------------------------------------------------

$node->wait_for_catchup($standby);
is(tries($on_standby, $read), 'ERROR 55000', 'on the standby, whose library is the older, a session that goes on is refused');
is(says($standby, 'postgres', 'app', $read), 'ERROR 55000', 'and so is a new one');
$standby->psql('postgres', $read, stderr => \$error, extra_params => [ '-U', 'app' ]);
like($error, qr/^HINT:  Install the library of version \Q$now\E, if that is not done, and reconnect \(poolers too\)\.$/m, 'and told what to do');
is(says($standby, 'postgres', 'app', 'SELECT count(*) FROM countries;'), '0', 'other tables can be read there');
install($now, \%of_standby);
is(says($standby, 'postgres', 'app', $read), '10', 'with the library installed it reads its rows');
is(tries($on_standby, $read), 'ERROR 55000', 'after it has connected anew');

# --- All are new -----------------------------------------------------------------------------------------------------

$_->quit foreach $superuser, $of_later, $of_empty, $busy, $begun, $idle, $on_standby;
is(superuser_says($node, 'later', 'ALTER EXTENSION tenant_guard UPDATE;'), '', 'the other database is updated');
is(says($node, $_, 'app', $read), '10', 'and all is well') foreach 'postgres', 'later';
foreach my $server ($standby, $node)
{
	$server->stop;
	unlike(slurp_file($server->logfile), qr/PANIC|terminated by signal|TRAP:/, 'nothing has crashed');
}
done_testing();
