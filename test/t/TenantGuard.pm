# What the TAP tests share: servers with and without the library, and what psql says.
package TenantGuard;

use strict;
use warnings;

use Exporter 'import';
use File::Temp;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw($TENANT_A $TENANT_B start_server says superuser_says session_says);

our $TENANT_A = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa';
our $TENANT_B = 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb';

# start_server(name, preload => 0, streaming => 1, conf => "..."): a running server with the role "app", the
# application's. It preloads the library unless preload is 0.
sub start_server
{
	my ($name, %options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	# In UTF8, whatever the locale of whoever runs the tests; the template of test/run.sh is so, too.
	$node->init($options{streaming} ? (allows_streaming => 1) : (), $ENV{INITDB_TEMPLATE} && $node->pg_version >= 17 ? () : (extra => [ '-E', 'UTF8', '--no-locale' ]));
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'tenant_guard'") if $options{preload} // 1;
	$node->append_conf('postgresql.conf', $options{conf}) if $options{conf};
	$node->start;
	$node->safe_psql('postgres', 'CREATE ROLE app LOGIN');
	return $node;
}

# says(node, database, user, sql, PGOPTIONS): all that psql prints in one session, in order, joined by '; '. Of an
# error, a warning or a notice that is its SQLSTATE: 'ERROR TG001'.
sub says
{
	my ($node, $database, $user, $sql, $pgoptions) = @_;
	my $said = '';
	my $file = File::Temp->new;    # a pipe would break where the connection is refused before psql reads
	local $ENV{PGOPTIONS} = $pgoptions // '';

	print $file $sql;
	close $file or die "$file: $!";

	IPC::Run::run([
			$node->installed_command('psql'), '-XAtq', '-f', '-',
			'-v', 'VERBOSITY=sqlstate', '-d', $node->connstr($database), '-U', $user
		],
		'<', "$file", '>', \$said, '2>&1', IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	$said =~ s/^psql:<stdin>:\d+: (\w+):\s+/$1 /mg;
	chomp $said;
	return join('; ', split(/\n/, $said, -1));
}

# The same for the superuser that owns the server.
sub superuser_says
{
	my ($node, $database, $sql, $pgoptions) = @_;

	return says($node, $database, scalar getpwuid($<), $sql, $pgoptions);
}

# session_says(session, sql): what a session of background_psql prints. The Perl modules of older minor releases leave ends of lines
# and, where nothing is printed, their separator, and do not wait for what is printed on stderr.
sub session_says
{
	my ($session, $sql) = @_;
	my $out = $session->query("$sql\n;\n\\warn end");

	pump_until($session->{run}, $session->{timeout}, \$session->{stderr}, qr/^end$/m);
	$session->{stderr} =~ s/^end\n?//m;
	return $out =~ s/^\n*(background_psql: QUERY_SEPARATOR)?|\n+\z//gr;
}

1;
