# Statements at random, by the owner of the tables and by a superuser: after each one that went through, every guarded
# table is whole, what lies below it is guarded and what lies above it too, keys between guarded tables carry the tenant,
# and no tenant sees another's rows by any table's name. What a setting or a WARNING leaves open on purpose is not counted.
#
# A failure names the seed; the log has every statement. For longer runs, or one again:
#   TG_DDL_RUNS="owner:17 superuser:18" TG_DDL_STATEMENTS=500 test/run.sh tap 040_random_ddl
# The suite's own seeds are always the same, so that nobody's change fails by chance; new ones are for whoever looks for more:
#   TG_DDL_RUNS="owner:$RANDOM superuser:$RANDOM" test/run.sh tap 040_random_ddl

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use DDLOracle;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;
use RandomDDL;
use Test::More;
use TenantGuard;

my $statements = $ENV{TG_DDL_STATEMENTS} || 150;
my @runs = split ' ', $ENV{TG_DDL_RUNS} || 'owner:1 superuser:2 owner:3';
my $node = start_server('primary', conf => "log_statement = 'all'\nautovacuum = off\nfsync = off");
my ($version) = $node->safe_psql('postgres', 'SHOW server_version_num') =~ /^(\d\d)/;
my $trgm = $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_trgm'});

$node->safe_psql('postgres', <<'SQL');
GRANT pg_read_all_data TO app;
CREATE ROLE own LOGIN;
CREATE ROLE own2;
CREATE ROLE grp;
GRANT own2, grp TO own;
GRANT grp TO own2;
GRANT SET ON PARAMETER tenant_guard.foreign_keys, tenant_guard.auto_protect, session_replication_role TO own, own2;
SQL

# What every run begins with: tables of each kind, with rows of both tenants.
sub prepare
{
	my ($database) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql('postgres', "GRANT CREATE ON DATABASE $database TO own, own2");
	$node->safe_psql($database, 'CREATE EXTENSION tenant_guard; GRANT EXECUTE ON FUNCTION tenant_guard.guard_status TO PUBLIC');
	$node->safe_psql($database, <<'SQL');
CREATE SCHEMA oracle;
CREATE TABLE oracle.guarded (relation regclass, tenant_column name);
CREATE TABLE oracle.hidden (relation oid, place tid, name text);
CREATE FUNCTION oracle.fill() RETURNS void LANGUAGE plpgsql SET tenant_guard.bypass = on AS $$
DECLARE r record;
BEGIN
	FOR r IN SELECT c.oid::regclass AS relation FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace::regnamespace::text ~ '^s\d$' LOOP
		BEGIN
			EXECUTE format('INSERT INTO %s (id, tenant_id) SELECT x, CASE x %% 2 WHEN 0 THEN %L::uuid ELSE %L END FROM generate_series(10 * floor(8 * random())::int + 1, 400, 37) x WHERE (SELECT count(*) FROM %1$s) < 9',
				r.relation, 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa', 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb');
		EXCEPTION WHEN OTHERS THEN NULL;
		END;
	END LOOP;
END $$;
SQL
	$node->safe_psql($database, <<"SQL");
SET ROLE own;
CREATE SCHEMA s1;
CREATE SCHEMA s2;
CREATE SCHEMA s3 AUTHORIZATION own2;
GRANT ALL ON SCHEMA s1, s2 TO own2, grp;
GRANT USAGE ON SCHEMA s1, s2 TO app;
CREATE DOMAIN s1.tid AS uuid;
CREATE TYPE s1.typed AS (id int, other_id uuid);
CREATE FUNCTION s1.same(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT \$1';
CREATE FUNCTION s1.fires() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE s1.tenants (id uuid PRIMARY KEY, name text);
INSERT INTO s1.tenants VALUES ('$TENANT_A'), ('$TENANT_B');
CREATE TABLE s1.t1 (id int PRIMARY KEY, tenant_id uuid, other_id uuid, body text);
CREATE TABLE s1.t2 (id int PRIMARY KEY, tenant_id uuid REFERENCES s1.tenants ON DELETE CASCADE, p_id int REFERENCES s1.t1 ON DELETE CASCADE, body text);
CREATE TABLE s1.t3 (id int, tenant_id uuid, body text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE s1.t4 PARTITION OF s1.t3 FOR VALUES FROM (0) TO (100);
CREATE TABLE s1.t5 PARTITION OF s1.t3 DEFAULT;
CREATE TABLE s1.t6 () INHERITS (s1.t1);
CREATE TABLE s2.t7 (id int PRIMARY KEY, p_id int CONSTRAINT fk_rails_1a2b3c4d5e REFERENCES s1.t1, body text);
CREATE TABLE s2.t8 (id int, tenant_id uuid, body text);
SELECT FROM tenant_guard.unprotect('s2.t8');
CREATE TABLE s2.t1 (id int PRIMARY KEY, body text);
SELECT FROM tenant_guard.share('s2.t1');
SQL
	$node->safe_psql($database, $ENV{TG_DDL_MUTATION}) if $ENV{TG_DDL_MUTATION};
	$node->safe_psql($database, 'SELECT oracle.fill()');
	$node->safe_psql($database, 'SET ROLE own; CREATE EXTENSION pg_trgm SCHEMA s2') if $trgm;
}

# --- One session, and what it says ------------------------------------------------------------------------------

package Session
{
	sub new
	{
		my ($class, $database, $user) = @_;
		my $self = bless { in => '', out => '', marks => 0 }, $class;

		$self->{psql} = IPC::Run::start([ $node->installed_command('psql'), '-XAtq', '-f', '-', '-v', 'VERBOSITY=verbose', '-v', 'ON_ERROR_STOP=0', '-d', $node->connstr($database), '-U', $user ],
			'<', \$self->{in}, '>', \$self->{out}, '2>&1', $self->{timer} = IPC::Run::timeout(120));
		return $self;
	}

	# ask(script): the lines that psql prints for it; undef where it is gone, or does not answer.
	sub ask
	{
		my ($self, $script) = @_;
		my $mark = '#end ' . ++$self->{marks};

		$self->{timer}->start(120);
		$self->{in} .= "$script\n\\echo $mark\n";
		eval { $self->{psql}->pump until $self->{out} =~ /^\Q$mark\E\n/m || !$self->{psql}->pumpable; };
		return undef unless $self->{out} =~ s/\A(.*?)^\Q$mark\E\n//ms;
		return split /\n/, $1;
	}

	sub finish { my $self = shift; $self->{in} .= "\\q\n"; eval { $self->{psql}->finish }; }
}

package main;

# --- One run ----------------------------------------------------------------------------------------------------

# Asks for a statement, and after it the oracle. Returns SQLSTATE, what was said, and what there is now; undef where the
# session is gone.
sub run_statement
{
	my ($session, $sql, $in_transaction) = @_;
	my ($before, $undo, $keep) = $in_transaction ? ("SAVEPOINT auto;\n", 'ROLLBACK TO auto; RELEASE auto;', 'RELEASE auto;') : ('', '', '');
	my @lines = $session->ask("$before$sql;\n\\set state :SQLSTATE\n\\set failed :ERROR\n\\if :failed\n$undo\n\\else\n$keep\n\\endif\n\\echo #said :state\nEXECUTE oracle;");
	my (@said, $state, %now);

	return unless @lines && defined $lines[0];
	while (@lines)
	{
		my $line = shift @lines;
		if ($line =~ /^#said (.*)/) { $state = $1; last; }
		push @said, $line;
	}
	foreach my $line (@lines)
	{
		if ($line =~ /^\{/)
		{
			my $row = decode_json($line);
			if ($row->{broken}) { $now{broken}{ $row->{broken} } = $row; }
			elsif (exists $row->{schemas}) { $now{schemas} = $row->{schemas} // []; }
			elsif (exists $row->{settings}) { $now{settings} = $row->{settings} // {}; }
			else { push @{ $now{tables} }, $row; }
		}
		else { push @said, "oracle: $line"; }
	}
	return ($state, join("\n", @said), \%now);
}

# Is what is broken left so on purpose, by a setting or a WARNING of this statement's?
sub is_meant
{
	my ($row, $settings, $said, $superuser) = @_;
	my $setting = sub { return $settings->{ $_[0] } // $_[1] };
	my ($part, $parent) = split / below /, $row->{names};

	return 1 if $row->{what} eq 'damaged' && $superuser && $setting->('row_security', 'on') eq 'off' && !$settings->{role};
	return 1 if $row->{what} =~ /^(part|above)$/ && $setting->('tenant_guard.auto_protect', 'on') eq 'off';
	return 1 if $row->{what} eq 'above' && $said =~ /WARNING: .*table \Q$part\E inherits from table \Q$parent\E, which is not guarded/;
	return 0 if $row->{what} !~ /^(key|covered)$/;
	return $setting->('tenant_guard.foreign_keys', 'pair') =~ /^(warning|off)$/ ||
	  $said =~ /WARNING: .*foreign key "\Q$row->{key}\E"/ && $setting->('row_security', 'on') eq 'on';
}

# A policy that is the beginning of a guard makes a table that was not guarded one that nobody may use, which is no less.
sub became_damaged
{
	my ($row, $sql, $before) = @_;
	my ($oid) = $row->{broken} =~ /^damaged (\d+)/ or return 0;

	return $sql =~ /POLICY/ && !grep { $_->{oid} == $oid && $_->{guarded} } @{ $before->{tables} };
}

# What PostgreSQL itself refuses without a better SQLSTATE.
my $plain = qr/LOCATION:  ATExecAlterConstraint,/;

my $excuse = $ENV{TG_DDL_EXCUSE} ? qr/$ENV{TG_DDL_EXCUSE}/ : undef;

# Rows of another tenant that are seen, as what the server says of them.
sub seen_by_others
{
	my ($database, $now) = @_;
	my $values = join(', ', map { "($_->{oid}, \$n\$$_->{column}\$n\$)" } grep { $_->{guarded} && !$_->{temporary} } @{ $now->{tables} });
	my %known = map { $_->{names} => 1 } grep { $_->{what} eq 'above' } values %{ $now->{broken} // {} };
	my %all;

	foreach my $tenant ($TENANT_A, $TENANT_B)
	{
		my ($status, $out, $err) = $node->psql($database, "SET oracle.tenant = '$tenant'; TRUNCATE oracle.guarded;" . ($values ? "INSERT INTO oracle.guarded VALUES $values;" : '') . $VISIBLE, on_error_stop => 0);
		$all{$_} = 1 foreach grep { !(/seen: another tenant's rows of (.*)$/ && $known{$1}) } map { /((NOTICE|ERROR|FATAL|PANIC): .*)/ ? $1 : () } split /\n/, $err;
	}
	$node->psql($database, 'SELECT oracle.fill()');
	return join("\n", sort keys %all);
}

# What a statement of transactions would be, now and then.
sub transaction_statement
{
	my ($generator) = @_;

	return RandomDDL::chance(0.08) ? 'BEGIN' : undef unless $generator->{in_transaction};
	return RandomDDL::weighted(75 => undef, 9 => 'COMMIT', 4 => 'ROLLBACK', 6 => 'SAVEPOINT a', $generator->{savepoint} ? (9 => 'ROLLBACK TO a') : ());
}

sub one_run
{
	my ($as, $seed) = @_;
	my $database = "run_${as}_$seed";
	my $generator = RandomDDL->new(superuser => $as eq 'superuser', version => $version, trgm => $trgm);
	my (%excused, %reported, @findings, %states, @history);
	my ($count, $went_through, $before) = (0, 0, { settings => {} });

	prepare($database);
	my $has_function = $node->safe_psql($database, q{SELECT count(*) FROM pg_proc WHERE proname = 'broken_invariants' AND pronamespace = 'tenant_guard'::regnamespace});
	$node->safe_psql($database, 'GRANT EXECUTE ON FUNCTION tenant_guard.broken_invariants TO PUBLIC') if $has_function;
	srand $seed;
	note("seed $seed, as $as");
	my $session = Session->new($database, $as eq 'owner' ? 'own' : scalar getpwuid($<));
	$session->ask("SET statement_timeout = '60s'; PREPARE oracle AS " . ($has_function ? $ORACLE =~ s/^-- function\n/$FUNCTION/mr : $ORACLE) . ';');
	my $found = sub { my $what = shift; push @findings, $what; note("$database, statement $count: $what\n  after " . join(";\n  ", @history[ -($#history > 25 ? 25 : $#history + 1) .. -1 ])) if @history; };
	my @next = ('SELECT');

	while ($count < $statements)
	{
		my $sql = shift @next;
		my $control = !defined $sql && ($sql = transaction_statement($generator));
		$sql //= RandomDDL::chance(%{ $generator->{settings} } ? 0.25 : 0.1) ? $generator->setting : ($count++, $generator->statement)[1];
		my ($state, $said, $now) = run_statement($session, $sql, $generator->{in_transaction} && !$control);

		push @history, $sql . '; -- ' . ($state // 'gone');
		if (!defined $state)
		{
			$found->("the session is gone, or does not answer: $session->{out}");
			last;
		}
		note("$state $sql") if $ENV{TG_DDL_VERBOSE};
		$states{$state}++;
		$went_through++ if $state eq '00000' && !$control;
		$found->("$state: $sql\n$said") if $state =~ /^(XX|57|58)/ && $said !~ $plain || $said =~ /^oracle: .*ERROR/m && $said !~ /25P02/;
		$found->("our own statement failed: $sql\n$said") if $ENV{TG_DDL_OWN} && $state !~ /^(TG|00|23)/ && $said =~ /SQL statement "(ALTER|CREATE|DROP|UPDATE|SELECT|LOCK|SECURITY)/ && $sql !~ /^DO/;
		@$generator{qw(in_transaction savepoint)} = (1, 0) if $sql eq 'BEGIN';
		$generator->{savepoint} = 1 if $sql eq 'SAVEPOINT a';
		$generator->{in_transaction} = 0 if $sql =~ /^(COMMIT|ROLLBACK)$/;
		next unless $now->{tables};

		my $broken = $now->{broken} // {};
		delete $reported{$_} foreach grep { !$broken->{$_} } keys %reported;
		foreach my $id (sort grep { !$excused{$_} && !$reported{$_} } keys %$broken)
		{
			my $row = $broken->{$id};
			my ($kind, $of, $by) = split / /, $id;
			$reported{$id} = 1;
			if ($kind eq 'share')
			{
				$excused{$id} = 1 if $excused{"key $row->{parent} 0"} || $excused{"share $row->{parent} 0"};
				next;
			}
			# DETACH leaves the partition its share of a key that was left open on purpose, as its own
			if ($kind eq 'key' && $excused{"share $of 0"})
			{
				$excused{$id} = 1;
				next;
			}
			if ($excused{"damaged $of 0"} || $excused{"damaged $by 0"} || $excuse && join(' ', $row->{what}, $sql, %{ $before->{settings} }) =~ $excuse || became_damaged($row, $sql, $before) ||
				grep { is_meant($row, $_, $said, $generator->{superuser}) } $before->{settings}, $now->{settings})
			{
				$excused{ $id =~ s/^covered/key/r } = 1;
				next;
			}
			next if $kind eq 'covered';
			$found->("$row->{what}: $row->{names}, by $sql (" . join(', ', map { "$_ = $before->{settings}{$_}" } sort keys %{ $before->{settings} }) . ")\n$said");
		}
		$generator->look($now->{tables}, $now->{schemas}, $now->{settings});
		$before = $now;
		if (!$generator->{in_transaction} && ($count % 20 == 0 || $count >= $statements))
		{
			delete $excused{$_} foreach grep { !$broken->{$_} && !/^damaged/ } keys %excused;
			my $seen = seen_by_others($database, $now);
			$found->("seen: $seen") if $seen ne '';
		}
	}
	$session->finish;
	note("$database: $count statements, $went_through went through; " . join(', ', map { "$_ $states{$_}" } sort keys %states));
	is(scalar @findings, 0, "$count random statements as $as, seed $seed, leave no guard or key open") or diag(join("\n\n", @findings));
	cmp_ok($went_through, '>', $statements / 5, "seed $seed: enough of them went through ($went_through)");
}

one_run(split /:/) foreach @runs;

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/, 'no session crashed');
done_testing();
