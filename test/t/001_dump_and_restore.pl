# pg_dump carries the guards: what is restored, by whatever way, is guarded as the original is, and a dump of it is the
# same byte for byte. Also on a server that does not preload the library.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $tables = 'SELECT relation, status, tenant_column, tenant_type, detail, reason FROM tenant_guard.tables ORDER BY relation::text COLLATE "C"';
my $dir = PostgreSQL::Test::Utils::tempdir();
my $superuser = getpwuid($<);
my $origin = start_server('origin');
my $plain = start_server('plain', preload => 0);

$_->safe_psql('postgres', 'CREATE ROLE owner LOGIN') foreach $origin, $plain;

# --- A database with every kind of guard ---------------------------------------------------------------------------

# new_database(node, name, type): an empty one for tenants of that type.
sub new_database
{
	my ($node, $name, $type) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $name OWNER owner");
	$node->safe_psql('postgres', "ALTER DATABASE $name SET tenant_guard.tenant_type = '$type'") if $type;
	return;
}

new_database($origin, 'uuids');
$origin->safe_psql('uuids', 'CREATE EXTENSION tenant_guard');
fill_with_guards($origin, 'uuids');

# Tenants that are texts and bigints.
foreach my $type ('text', 'bigint')
{
	new_database($origin, "${type}s", $type);
	$origin->safe_psql("${type}s", <<"SQL");
SET client_min_messages = warning;
CREATE EXTENSION tenant_guard;
CREATE TABLE customers (id int, tenant_id $type);
CREATE TABLE narrow (id int, tenant_id ${\($type eq 'text' ? 'varchar(20)' : 'smallint')});
GRANT ALL ON customers TO app;
SET tenant_guard.bypass = on;
INSERT INTO customers VALUES (1, '1'), (2, '2'), (3, '2');
SQL
}

# --- What a restored database must be --------------------------------------------------------------------------------

# The dump of a database, without what is random in it.
sub dump_of
{
	my ($node, $database) = @_;
	my $file = "$dir/" . $node->name . "-$database-again.sql";
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	$node->command_ok([ 'pg_dump', '-f', $file, '-d', $node->connstr($database) ], "pg_dump of $database reads past the guards");
	return without_token(slurp_file($file));
}

sub without_token { my ($script) = @_; $script =~ s/^\\(un)?restrict .*\n//mg; return $script; }

my %dump = map { $_ => dump_of($origin, $_) } ('uuids', 'texts', 'bigints');
my %status = map { $_ => $origin->safe_psql($_, $tables) } keys %dump;

# Is this database what the original is?
sub is_restored
{
	my ($node, $database, $original, $how) = @_;
	my $again = dump_of($node, $database);
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	ok($again eq $dump{$original}, "$how: a dump of it is the same, byte for byte")
	  or diag(difference($dump{$original}, $again));
	is($node->safe_psql($database, $tables), $status{$original}, "$how: each table is guarded, shared or neither as it was");
	return unless $original eq 'uuids';

	my $counts = 'SELECT (SELECT count(*) FROM customers), (SELECT count(*) FROM orders), (SELECT count(*) FROM events), '
	  . '(SELECT count(*) FROM ONLY events_attached), (SELECT count(*) FROM child), (SELECT count(*) FROM with_nulls);';
	my $seen = sub { my ($tenant) = @_; return says($node, $database, 'app', "BEGIN; SELECT tenant_guard.set_tenant('$tenant'); $counts") };
	is(says($node, $database, 'app', $counts), 'ERROR TG001', "$how: without a tenant a query is refused");
	is($seen->($TENANT_A), "$TENANT_A; 1|1|1|0|1|0", "$how: a tenant sees its own rows");
	is($seen->($TENANT_B), "$TENANT_B; 2|1|2|1|0|0", "$how: another sees its own");
	is(says($node, $database, 'app', "BEGIN; SELECT tenant_guard.set_tenant('$TENANT_A'); SAVEPOINT s; "
				. "INSERT INTO customers VALUES (9, '$TENANT_B'); ROLLBACK TO s; INSERT INTO with_nulls VALUES (9, NULL); ROLLBACK TO s; "
				. 'INSERT INTO customers (id) VALUES (9) RETURNING tenant_id;'),
		"$TENANT_A; ERROR 42501; ERROR 42501; $TENANT_A", "$how: it writes its own rows alone");
	is(superuser_says($node, $database, 'ALTER TABLE orders NO FORCE ROW LEVEL SECURITY; CREATE TABLE later (tenant_id uuid); '
				. 'SELECT status FROM tenant_guard.tables WHERE relation = \'later\'::regclass; DROP TABLE later;'),
		'ERROR TG005; NOTICE 00000; guarded', "$how: the event triggers are there");
	return;
}

# The lines that differ, for the report of a failure.
sub difference
{
	my ($expected, $got) = @_;

	append_to_file("$dir/expected", $expected);
	append_to_file("$dir/got", $got);
	my $diff = `diff "$dir/expected" "$dir/got"`;
	unlink "$dir/expected", "$dir/got";
	return $diff;
}

# Runs a script of pg_dump as psql does for a careful DBA: it must end at the first error.
sub run_script
{
	my ($node, $database, $file, $how, @options) = @_;
	my ($out, $err);

	IPC::Run::run([ $node->installed_command('psql'), '-Xq', '-v', 'ON_ERROR_STOP=1', @options, '-f', $file, '-d', $node->connstr($database) ],
		'>', \$out, '2>', \$err);
	is($? >> 8, 0, "$how: the script runs to its end") or diag($err);
	unlike($err, qr/ERROR/, "$how: without an error");
	return $err;
}

# The errors that a restore by an ordinary owner ends with.
sub errors_of_owner
{
	my ($node, $program, @arguments) = @_;
	my ($out, $err);

	IPC::Run::run([ $node->installed_command($program), '-U', 'owner', @arguments ], '>', \$out, '2>', \$err);
	return [ $err =~ /ERROR:\s+(.*)/g ];
}

# --- The ways to restore ---------------------------------------------------------------------------------------------

$origin->command_ok([ 'pg_dump', '-f', "$dir/uuids.sql", '-d', $origin->connstr('uuids') ], 'pg_dump makes a script');
$origin->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/uuids.dump", '-d', $origin->connstr('uuids') ], 'pg_dump makes an archive');
$origin->command_ok([ 'pg_dump', '-f', "$dir/clean.sql", '--clean', '--if-exists', '-d', $origin->connstr('uuids') ], 'pg_dump --clean makes a script');

unlike(slurp_file("$dir/uuids.sql"), qr/(?:CREATE|COMMENT ON|ON) SCHEMA tenant_guard/, 'without the schemas, which are the extension\'s');
# As Rails makes structure.sql, with the flags of docs/schema-tools.md.
my ($flags) = slurp_file("$FindBin::RealBin/../../docs/schema-tools.md") =~ /structure_dump_flags = \[(.*?)\]/;
$origin->command_ok([ 'pg_dump', '--schema-only', '--no-privileges', '--no-owner', $flags =~ /'(.*?)'/g, '-f', "$dir/structure.sql", '-d', $origin->connstr('uuids') ],
	'pg_dump makes a structure.sql');
# of rows alone, which pg_dump puts in an order that keys allow
$origin->command_ok([ 'pg_dump', '-a', '-f', "$dir/all_data.sql", '-d', $origin->connstr('uuids') ], 'pg_dump makes a script of rows');
$origin->command_ok([ 'pg_dump', '-a', '-f', "$dir/tenants_data.sql", '-T', 'with_nulls', '-d', $origin->connstr('uuids') ],
	'pg_dump makes a script of rows alone');

foreach my $node ($origin, $plain)
{
	my $where = 'server ' . $node->name;
	my $warnings;

	new_database($node, 'by_script');
	$warnings = run_script($node, 'by_script', "$dir/uuids.sql", "psql, $where");
	like($warnings, qr/WARNING:  table public\.customers is not guarded automatically/, 'and it is said that the script must guard the tables');
	is_restored($node, 'by_script', 'uuids', "psql, $where");

	new_database($node, 'by_one_transaction');
	run_script($node, 'by_one_transaction', "$dir/uuids.sql", "psql -1, $where", '-1');
	is_restored($node, 'by_one_transaction', 'uuids', "psql -1, $where");

	new_database($node, 'by_jobs');
	$node->command_ok([ 'pg_restore', '--exit-on-error', '-j', '2', '-d', $node->connstr('by_jobs'), "$dir/uuids.dump" ], 'pg_restore -j 2 succeeds');
	is_restored($node, 'by_jobs', 'uuids', "pg_restore -j 2, $where");

	new_database($node, 'by_sections');
	foreach my $section ('pre-data', 'data', 'post-data')
	{
		my $file = "$dir/$section.sql";
		$origin->command_ok([ 'pg_dump', "--section=$section", '-f', $file, '-d', $origin->connstr('uuids') ], "pg_dump --section=$section");
		run_script($node, 'by_sections', $file, "$section, $where");
	}
	is_restored($node, 'by_sections', 'uuids', "sections, $where");

	# Over a database that is there.
	run_script($node, 'by_script', "$dir/clean.sql", "psql of --clean, $where");
	is_restored($node, 'by_script', 'uuids', "psql of --clean, $where");
	$node->command_ok([ 'pg_restore', '--exit-on-error', '--clean', '--if-exists', '-d', $node->connstr('by_jobs'), "$dir/uuids.dump" ],
		'pg_restore --clean succeeds');
	is_restored($node, 'by_jobs', 'uuids', "pg_restore --clean, $where");

	# By the owner of the database, who is no superuser: a superuser has to create the extension before, whose comment is then not the owner's.
	new_database($node, $_) foreach 'by_owner', 'by_owners_script', 'by_structure', 'without_extension';
	$node->safe_psql($_, 'ALTER SCHEMA public OWNER TO owner') foreach 'by_owner', 'by_owners_script', 'by_structure', 'without_extension';
	$node->safe_psql($_, 'CREATE EXTENSION tenant_guard') foreach 'by_owner', 'by_owners_script', 'by_structure';
	is_deeply(errors_of_owner($node, 'pg_restore', '--no-owner', '-d', $node->connstr('by_owner'), "$dir/uuids.dump"),
		['must be owner of extension tenant_guard'], "an owner's pg_restore can do all but the comment on the extension, $where");
	is($node->safe_psql('by_owner', $tables), $status{uuids}, 'each table is guarded, shared or neither as it was');
	$node->command_ok([ 'pg_restore', '--no-owner', '-f', "$dir/no_owner.sql", "$dir/uuids.dump" ], 'as a script');
	is_deeply(errors_of_owner($node, 'psql', '-Xq', '-f', "$dir/no_owner.sql", '-d', $node->connstr('by_owners_script')),
		['must be owner of extension tenant_guard'], "so can psql, $where");
	is($node->safe_psql('by_owners_script', $tables), $status{uuids}, 'each table is guarded, shared or neither as it was');
	$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-U', 'owner', '-f', "$dir/structure.sql", '-d', $node->connstr('by_structure') ],
		"structure.sql is loaded to its end, $where");
	is($node->safe_psql('by_structure', $tables), $status{uuids}, 'each table is guarded, shared or neither as it was');
	my $errors = errors_of_owner($node, 'psql', '-Xq', '-f', "$dir/no_owner.sql", '-d', $node->connstr('without_extension'));
	is($errors->[0], 'permission denied to create extension "tenant_guard"', "without the extension the first error says what is missing, $where");
	is($node->safe_psql('without_extension', q{SELECT count(*) FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE attname = 'tenant_id' AND relkind IN ('r', 'p') AND NOT relrowsecurity }
				. q{AND relname NOT IN ('shared_with_column', 'never_guarded', 'unprotected')}),
		0, 'and no guarded table is open without its guard');

	# Rows alone, into tables that are guarded already: those of no tenant cannot come back.
	new_database($node, 'rows_alone');
	run_script($node, 'rows_alone', "$dir/$_-data.sql", "$_-data, $where") foreach 'pre', 'post';
	$node->command_fails_like([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-1', '-f', "$dir/all_data.sql", '-d', $node->connstr('rows_alone') ],
		qr/violates check constraint "tenant_not_null"/, 'rows of no tenant are refused');
	run_script($node, 'rows_alone', "$dir/tenants_data.sql", "data into guarded tables, $where");
	is($node->safe_psql('rows_alone', $tables), $status{uuids}, 'each table is guarded, shared or neither as it was');
	is(says($node, 'rows_alone', 'app', "BEGIN; SELECT tenant_guard.set_tenant('$TENANT_B'); SELECT count(*) FROM customers;"),
		"$TENANT_B; 2", 'a tenant sees its own rows');
}

# The schema of what the extension's functions are made of is the extension's, and in no dump; what was granted on it is.
new_database($origin, 'granted');
$origin->safe_psql('granted', 'CREATE EXTENSION tenant_guard; GRANT USAGE ON SCHEMA tenant_guard_internal TO owner');
$origin->command_ok([ 'pg_dump', '-f', "$dir/granted.sql", '-d', $origin->connstr('granted') ], 'pg_dump makes a script');
unlike(slurp_file("$dir/granted.sql"), qr/(?:CREATE|COMMENT ON) .*tenant_guard_internal/, 'without the schema of the internals');
new_database($plain, 'granted');
run_script($plain, 'granted', "$dir/granted.sql", 'what is granted on it');
is($plain->safe_psql('granted', q{SELECT has_schema_privilege('owner', 'tenant_guard_internal', 'USAGE'), has_schema_privilege('app', 'tenant_guard_internal', 'USAGE')}),
	't|f', 'a privilege on it travels');
$plain->safe_psql('granted', 'DROP OWNED BY owner; DROP EXTENSION tenant_guard');
is($plain->safe_psql('granted', q{SELECT count(*) FROM pg_namespace WHERE nspname = 'tenant_guard_internal'}), 0, 'it goes with the extension');

# Tenants of another type: pg_dump -C brings the database's setting, and without it that has to be made first.
foreach my $database ('texts', 'bigints')
{
	my $see = 'BEGIN; SELECT tenant_guard.set_tenant(\'2\'); SELECT count(*) FROM customers;';

	$origin->command_ok([ 'pg_dump', '-C', '-f', "$dir/$database.sql", '-d', $origin->connstr($database) ], 'pg_dump -C makes a script');
	run_script($plain, 'postgres', "$dir/$database.sql", "psql of -C, $database");
	is_restored($plain, $database, $database, "psql of -C, $database");
	is(says($plain, $database, 'app', $see), '2; 2', 'a tenant sees its own rows');
	is(says($plain, $database, 'app', 'SELECT count(*) FROM customers'), 'ERROR TG001', 'without a tenant a query is refused');

	$origin->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/$database.dump", '-d', $origin->connstr($database) ], 'pg_dump makes an archive');
	new_database($plain, "${database}_2", $database =~ s/s$//r);
	$plain->command_ok([ 'pg_restore', '--exit-on-error', '-j', '2', '-d', $plain->connstr("${database}_2"), "$dir/$database.dump" ],
		'pg_restore -j 2 succeeds');
	is_restored($plain, "${database}_2", $database, "pg_restore -j 2, $database");

	# Forgotten, it is what the tables have: 017_settings_travel.pl. Set wrongly, it closes the tables and opens none.
	new_database($plain, "${database}_3", 'uuid');
	$plain->command_ok([ 'pg_restore', '--exit-on-error', '-d', $plain->connstr("${database}_3"), "$dir/$database.dump" ],
		'pg_restore succeeds where the type is another');
	is($plain->safe_psql("${database}_3", 'SELECT DISTINCT status FROM tenant_guard.tables'), 'guarded', 'the tables are guarded');
	is(says($plain, "${database}_3", 'app', 'SELECT count(*) FROM customers;'), 'ERROR TG004', 'but a query is refused');
	is(says($plain, "${database}_3", 'app', 'BEGIN; SELECT tenant_guard.set_tenant(\'2\');'), 'ERROR TG004', 'and the tenant too');
}

# --- Who may dump ----------------------------------------------------------------------------------------------------

# An owner is bound by the guard: its dump must fail, and not be silently short.
$origin->command_fails_like([ 'pg_dump', '-U', 'owner', '-t', 'owned', '-f', "$dir/owned.sql", '-d', $origin->connstr('uuids') ],
	qr/query would be affected by row-level security policy/, 'an owner\'s dump is refused');
$origin->command_fails_like([ 'pg_dump', '-U', 'owner', '-t', 'owned', '--enable-row-security', '-f', "$dir/owned.sql", '-d', $origin->connstr('uuids') ],
	qr/no tenant is set/, 'with row security it is refused without a tenant');
{
	local $ENV{PGOPTIONS} = "-c tenant_guard.tenant_id=$TENANT_B";
	$origin->command_fails_like([ 'pg_dump', '-U', 'owner', '-t', 'owned', '-f', "$dir/owned.sql", '-d', $origin->connstr('uuids') ],
		qr/query would be affected by row-level security policy/, 'with one it is still refused');
	$origin->command_ok([ 'pg_dump', '-U', 'owner', '-t', 'owned', '--enable-row-security', '-a', '-f', "$dir/owned.sql", '-d', $origin->connstr('uuids') ],
		'with row security and a tenant it succeeds');
}
my $owned = slurp_file("$dir/owned.sql");
is(() = $owned =~ /^\d\t$TENANT_B$/mg, 2, 'and has the rows of that tenant');
unlike($owned, qr/$TENANT_A/, 'and none of another');

$_->stop foreach $origin, $plain;
done_testing();
