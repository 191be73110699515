# Beside other extensions that use the same hooks, loaded before the library or after it, switched on and off: they
# count, explain and audit what they do without it, and what the library refuses is refused. One that is not installed
# is left out.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my ($libraries) = run_command([ 'pg_config', '--pkglibdir' ]);
my @others = qw(pg_stat_statements auto_explain pgaudit set_user);
my %there = map { ($_ => -e "$libraries/$_.so") } @others;
diag("$_ is not installed: what concerns it is skipped") foreach grep { !$there{$_} } @others;
@others = grep { $there{$_} } @others;
plan(skip_all => 'none of the extensions is installed') unless @others;

my $superuser = scalar getpwuid($<);
my %switches = (
	'pg_stat_statements.track' => ['none', 'all'],
	'auto_explain.log_min_duration' => ['-1', '0'],
	'auto_explain.log_nested_statements' => ['off', 'on'],
	'pgaudit.log' => ['none', 'all, -misc_set'],
	'set_user.block_alter_system' => ['off', 'on']);

sub start
{
	my ($name, @order) = @_;
	my $node = start_server($name, preload => 0, conf => "shared_preload_libraries = '" . join(', ', @order) . "'\nautovacuum = off");

	$node->safe_psql('postgres', 'CREATE DATABASE bare; CREATE DATABASE guarded');
	foreach my $database ('bare', 'guarded')
	{
		$node->safe_psql($database, "CREATE EXTENSION $_") foreach grep { $_ ne 'auto_explain' } @others;
		$node->safe_psql($database, 'GRANT EXECUTE ON FUNCTION set_user(text), set_user_u(text), reset_user() TO app') if $there{set_user};
		$node->safe_psql($database, <<'SQL');
GRANT ALL ON SCHEMA public TO app;
CREATE TABLE plain (id int PRIMARY KEY, body text);
CREATE TABLE parts_of (id int, plain int REFERENCES plain ON DELETE CASCADE);
INSERT INTO plain SELECT n, 'row ' || n FROM generate_series(1, 5) n;
INSERT INTO parts_of SELECT id, id FROM plain;
CREATE VIEW seen AS SELECT body FROM plain;
CREATE FUNCTION counts() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN (SELECT count(*) FROM plain); END';
GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
SQL
	}
	return $node;
}

sub switch_all
{
	my ($node, $on) = @_;
	my @settings = grep { $there{ s/\..*//r } } sort keys %switches;

	$node->append_conf('postgresql.conf', join("\n", map { "$_ = '$switches{$_}[$on]'" } @settings));
	$node->reload;
	foreach my $setting (@settings)
	{
		$node->poll_query_until('postgres', "SELECT setting = '$switches{$setting}[$on]' FROM pg_settings WHERE name = '$setting'")
		  or die "$setting is not switched";
	}
	return;
}

# What the server has logged since the position, of plans, of the audit and of our own.
sub logged
{
	my ($node, $position) = @_;
	my @entries = split(/^(?!\t)/m, slurp_file($node->logfile, $position));

	return map { s/^.*?LOG:  //r =~ s/^duration: [\d.]+ ms//r } grep { /LOG:  (?:AUDIT:|duration: [\d.]+ ms  plan:|tenant_guard:)/ } @entries;
}

# Runs scripts, each in a session of its own, and returns what they said, what was logged and what was counted.
sub observe
{
	my ($node, $database, @statements) = @_;
	my $counted = 'SELECT query, calls, rows FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) '
	  . 'ORDER BY query COLLATE "C", calls, rows';

	$node->safe_psql('postgres', 'CREATE EXTENSION IF NOT EXISTS pg_stat_statements; SELECT pg_stat_statements_reset()') if $there{pg_stat_statements};
	my $position = -s $node->logfile;
	my @said = map { says($node, $database, @$_) } @statements;
	my @logged = logged($node, $position);
	return { said => \@said, logged => \@logged,
		counted => $there{pg_stat_statements} ? $node->safe_psql($database, "SET pg_stat_statements.track = 'none'; $counted") =~ s/^SET pg_stat_statements.*\n?//mr : '' };
}

my $without = start('without', @others);
my %with = (
	'the library first' => start('first', 'tenant_guard', @others),
	'the library last' => start('last', @others, 'tenant_guard'),
	'the library between' => start('between', @others[ 0 .. $#others / 2 ], 'tenant_guard', @others[ $#others / 2 + 1 .. $#others ]));

# --- Nothing of the others' is lost ----------------------------------------------------------------------------------

my @statements = (
	'SELECT body FROM plain WHERE id = 3;', 'SELECT count(*) FROM seen;', 'SELECT counts();', 'DO $$ BEGIN PERFORM counts(); END $$;',
	'INSERT INTO plain VALUES (6, \'six\'); UPDATE plain SET body = \'6\' WHERE id = 6; DELETE FROM plain WHERE id = 6;',
	'COPY plain TO stdout;', 'PREPARE q AS SELECT count(*) FROM plain; EXECUTE q; EXECUTE q;', 'SELECT 1 / (id - 3) FROM plain;', 'SELECT 1 FROM no_such;',
	'BEGIN; DECLARE c CURSOR FOR TABLE plain; FETCH 2 FROM c; COMMIT;', 'BEGIN; DELETE FROM plain WHERE id = 5; SAVEPOINT s; TABLE no_such; ROLLBACK TO s; COMMIT;',
	'INSERT INTO plain VALUES (5, \'row 5\'); INSERT INTO parts_of VALUES (5, 5), (5, 99);', 'ALTER SYSTEM SET work_mem = \'5MB\';');
my @work = (
	map({ [ $_, join("\n", @statements) ] } ('app', $superuser)),
	[ $superuser, 'CREATE TABLE made (id int PRIMARY KEY, tenant_id uuid); CREATE TABLE made_too AS TABLE made; TRUNCATE made; CREATE MATERIALIZED VIEW kept AS TABLE made;' ],
	[ $superuser, 'REFRESH MATERIALIZED VIEW kept; ALTER TABLE made ADD FOREIGN KEY (id) REFERENCES plain; GRANT SELECT ON made TO app; DROP TABLE made CASCADE; DROP TABLE made_too;' ]);
push @work, [ 'app', "SELECT set_user_u('$superuser'); SELECT current_user = '$superuser'; ALTER SYSTEM SET work_mem = '5MB'; CREATE TABLE made (id int); DROP TABLE made; SELECT reset_user(); SELECT current_user;" ]
  if $there{set_user};

foreach my $on (0, 1)
{
	my $switched = $on ? 'on' : 'off';

	switch_all($without, $on);
	my $expected = observe($without, 'bare', @work);
	my $log = join('', @{ $expected->{logged} });

	# The others do what is compared.
	SKIP:
	{
		skip 'pg_stat_statements is not installed', 1 unless $there{pg_stat_statements};
		is($expected->{counted} =~ /^SELECT body FROM plain WHERE id = \$1\|1\|1$/m ? 1 : 0, $on, "$switched: pg_stat_statements counts");
	}
	SKIP:
	{
		skip 'auto_explain is not installed', 1 unless $there{auto_explain};
		is($log =~ /  plan:\n\tQuery Text: SELECT body FROM plain WHERE id = 3;\n\tIndex Scan/ ? 1 : 0, $on, "$switched: auto_explain explains");
	}
	SKIP:
	{
		skip 'pgaudit is not installed', 1 unless $there{pgaudit};
		is($log =~ /AUDIT: SESSION,\d+,\d+,READ,SELECT,,,SELECT body FROM plain WHERE id = 3;?,<not logged>/ ? 1 : 0, $on, "$switched: pgaudit audits");
	}
	SKIP:
	{
		skip 'set_user is not installed', 1 unless $there{set_user};
		like($expected->{said}[-1], $on ? qr/^OK; t; ERROR \w+; OK; app$/ : qr/^OK; t; OK; app$/, "$switched: set_user guards ALTER SYSTEM");
	}

	foreach my $where (sort keys %with)
	{
		my $node = $with{$where};

		switch_all($node, $on);
		my $observed = observe($node, 'bare', @work);
		is_deeply($observed->{said}, $expected->{said}, "$where, $switched: the same answers");
		is_deeply($observed->{logged}, $expected->{logged}, "$where, $switched: the same plans and audit trail");
		is($observed->{counted}, $expected->{counted}, "$where, $switched: the same statements are counted");
	}
}

# --- Nothing of ours is lost -----------------------------------------------------------------------------------------

my $with_a = "BEGIN; SET LOCAL tenant_guard.tenant_id = '$TENANT_A';";
my @guarded = (
	[ $superuser, 'TABLE notes;', 'ERROR TG003' ],
	[ $superuser, 'EXPLAIN ANALYZE TABLE notes;', 'ERROR TG003' ],
	[ $superuser, 'COPY notes TO stdout;', 'ERROR TG003' ],
	[ $superuser, 'TRUNCATE notes;', 'ERROR TG005' ],
	[ $superuser, 'ALTER TABLE notes DISABLE ROW LEVEL SECURITY;', 'ERROR TG005' ],
	[ $superuser, 'DROP POLICY tenant_isolation ON notes;', 'ERROR TG005' ],
	[ $superuser, 'CREATE MATERIALIZED VIEW kept AS TABLE notes;', 'ERROR TG003' ],
	[ $superuser, 'SET row_security = off; SELECT count(*) FROM notes;', '2' ],
	[ $superuser, 'CREATE TABLE made (id int, tenant_id uuid); SELECT status FROM tenant_guard.tables WHERE relation = \'made\'::regclass; DROP TABLE made;', 'NOTICE 00000; guarded' ],
	[ 'app', 'TABLE notes;', 'ERROR TG001' ],
	[ 'app', 'INSERT INTO notes (body) VALUES (\'lost\');', 'ERROR TG001' ],
	[ 'app', 'TABLE owners_notes;', 'ERROR TG003' ],
	[ 'app', 'SELECT owners_count();', 'ERROR TG003' ],
	[ 'app', "$with_a SELECT body FROM notes; COMMIT;", 'of a' ],
	[ 'app', "$with_a SELECT body FROM notes; SET LOCAL tenant_guard.tenant_id = '$TENANT_B'; COMMIT;", 'of a; ERROR TG002' ],
	[ 'app', "$with_a INSERT INTO notes VALUES ('$TENANT_B', 'smuggled'); COMMIT;", 'ERROR 42501' ],
	[ 'app', "ALTER ROLE CURRENT_USER SET tenant_guard.tenant_id = '$TENANT_A';", 'ERROR 42501' ]);
push @guarded, (
	[ 'app', "SELECT set_user_u('$superuser'); TABLE notes; SELECT reset_user(); TABLE notes;", 'OK; ERROR TG003; OK; ERROR TG001' ],
	[ 'app', "SELECT set_user_u('$superuser'); TRUNCATE notes; $with_a TABLE notes; ROLLBACK; SELECT reset_user();", 'OK; ERROR TG005; ERROR TG003; OK' ],
	[ 'app', "SELECT set_user('other'); $with_a SELECT body FROM notes; COMMIT; TABLE notes; SELECT reset_user();", 'OK; of a; ERROR TG001; OK' ]) if $there{set_user};

foreach my $where (sort keys %with)
{
	my $node = $with{$where};

	$node->safe_psql('guarded', <<"SQL");
CREATE EXTENSION tenant_guard;
CREATE ROLE other;
CREATE TABLE notes (tenant_id uuid, body text);
SET tenant_guard.bypass = on;
INSERT INTO notes VALUES ('$TENANT_A', 'of a'), ('$TENANT_B', 'of b');
CREATE VIEW owners_notes AS SELECT body FROM notes;
CREATE FUNCTION owners_count() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN (SELECT count(*) FROM notes); END';
GRANT ALL ON notes, owners_notes TO app, other;
SQL
	foreach my $on (0, 1)
	{
		my $switched = $on ? 'on' : 'off';

		switch_all($node, $on);
		my $observed = observe($node, 'guarded', map { [ @$_[ 0, 1 ] ] } @guarded);
		my $log = join('', @{ $observed->{logged} });

		is($observed->{said}[$_], $guarded[$_][2], "$where, $switched, as $guarded[$_][0]: $guarded[$_][1]") foreach 0 .. $#guarded;
		is(scalar(() = $log =~ /^tenant_guard: role "\Q$superuser\E" bypassed .*notes \(/mg), 1, "$where, $switched: the bypass is one line in the log");
		SKIP:
		{
			skip 'pg_stat_statements is not installed', 2 unless $there{pg_stat_statements};
			is($observed->{counted} =~ /^SELECT body FROM notes\|[23]\|[23]$/m ? 1 : 0, $on, "$where, $switched: what was done is counted");
			unlike($observed->{counted}, qr/^TABLE notes/m, "$where, $switched: what was refused is not");
		}
		SKIP:
		{
			skip 'auto_explain is not installed', 1 unless $there{auto_explain};
			is($log =~ /Query Text: [^\n]*SELECT body FROM notes;[^\n]*\n\tSeq Scan on notes[^\n]*\n\t  Filter: \(tenant_id = tenant_guard.current_tenant\(\)\)/ ? 1 : 0,
				$on, "$where, $switched: a guarded plan is explained");
		}
		SKIP:
		{
			skip 'pgaudit is not installed', 3 unless $there{pgaudit};
			is($log =~ /AUDIT: SESSION,\d+,\d+,READ,SELECT,,,$_,/ ? 1 : 0, $on, "$where, $switched: audited: $_") foreach 'TABLE owners_notes;?', 'SELECT owners_count\(\);?';
			is($log =~ /AUDIT: SESSION,\d+,\d+,DDL,CREATE TABLE,TABLE,public.made,"?CREATE TABLE made \(id int, tenant_id uuid\);?"?,/ ? 1 : 0,
				$on, "$where, $switched: audited: a table that is guarded as it is made");
		}
	}
	is($node->safe_psql('guarded', 'SET row_security = off; TABLE notes ORDER BY body'), "$TENANT_A|of a\n$TENANT_B|of b", "$where: no row has changed");
	is($node->safe_psql('guarded', 'SELECT status FROM tenant_guard.tables WHERE relation = \'notes\'::regclass'), 'guarded', "$where: nor the guard");
	unlike(slurp_file($node->logfile), qr/PANIC:|was terminated by signal|TRAP:/, "$where: no crash");
	$node->stop;
}

$without->stop;
done_testing();
