# What the TAP tests share: servers with and without the library, and what psql says.
package TenantGuard;

use strict;
use warnings;

use Cwd 'realpath';
use Exporter 'import';
use File::Basename;
use File::Copy;
use File::Path 'make_path';
use File::Temp;
use FindBin;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw($TENANT_A $TENANT_B start_server link_installation fill_with_guards says superuser_says session_says);

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

# link_installation(): an installation of links, whose library and scripts can be changed without other tests seeing it: PostgreSQL finds its
# files relative to the program. Its directories, by pg_config's names; "extension", that of scripts, and "root", for install_path.
sub link_installation
{
	my %dir = map { chomp(my $path = `pg_config --$_`); $_ => realpath($path) } qw(bindir pkglibdir sharedir);
	my $root = $dir{bindir};
	$root = dirname($root) until "$dir{pkglibdir}/" =~ m{^\Q$root\E/} && "$dir{sharedir}/" =~ m{^\Q$root\E/};
	my $copy = PostgreSQL::Test::Utils::tempdir();
	my %own = map { $_ => $copy . substr($dir{$_}, length $root) } keys %dir;
	$_->{extension} = "$_->{sharedir}/extension" foreach \%dir, \%own;

	make_path(values %own);
	foreach my $kind (keys %own)
	{
		foreach my $file (glob "$dir{$kind}/*")
		{
			my $name = basename($file);
			next if $name =~ /^(?:postgres|pg_ctl|tenant_guard\.(?:so|control)|extension)$/;
			symlink($file, "$own{$kind}/$name") or die "$name: $!";
		}
	}
	foreach my $file ('bindir/postgres', 'bindir/pg_ctl', 'pkglibdir/tenant_guard.so', 'extension/tenant_guard.control')
	{
		my ($kind, $name) = split m{/}, $file;
		copy("$dir{$kind}/$name", "$own{$kind}/$name") or die "$name: $!";
		chmod 0755, "$own{$kind}/$name";
	}
	$own{root} = dirname($own{bindir});
	return %own;
}

# fill_with_guards(node, database): in a database with the extension.
sub fill_with_guards
{
	my ($node, $database) = @_;

	$node->safe_psql('postgres', q{SELECT 'CREATE ROLE owner LOGIN' WHERE to_regrole('owner') IS NULL \gexec});
	$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', "$FindBin::RealBin/../setup/every_guard.sql", '-d', $node->connstr($database) ],
		"every kind of guard is made in database $database");
	return;
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
