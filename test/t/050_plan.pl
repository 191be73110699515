# The script that plan() gives ends where protect_schema() and derive_tenant_column() end, byte for byte in pg_dump: of a hundred tables, run
# statement by statement beside writers, and of tables with all that a plan has to look after. The statements that take the steps back, in
# the opposite order, bring back the dump that was there before each.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $node = start_server('plan', conf => "max_locks_per_transaction = 256\ndeadlock_timeout = 2s");
my $dir = PostgreSQL::Test::Utils::tempdir();

my $functions = <<'SQL';
CREATE EXTENSION tenant_guard;
SET tenant_guard.auto_protect = off;
SET client_min_messages = warning;
CREATE SCHEMA s;
SET search_path = s;
CREATE FUNCTION t(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad((n % 5)::text, 12, '0'))::uuid $$;
SQL

# A hundred tables with keys of every kind among them, the rows of each tenant with references to the same tenant's only. The last ten have
# their tenant by a key.
my $hundred = $functions . <<'SQL';
DO $do$
DECLARE
	actions text[] := '{ON DELETE CASCADE,ON DELETE SET NULL,ON UPDATE CASCADE,DEFERRABLE INITIALLY DEFERRED,"",ON DELETE RESTRICT DEFERRABLE}';
BEGIN
	FOR i IN 1..90 LOOP
		EXECUTE format('CREATE TABLE g%1$s (id bigint %2$s, tenant_id uuid %3$s, a bigint, b bigint, c bigint, body text)', i,
					   CASE i % 4 WHEN 0 THEN 'UNIQUE' ELSE 'PRIMARY KEY' END, CASE WHEN i % 3 = 0 THEN 'NOT NULL' WHEN i % 7 = 0 THEN 'DEFAULT s.t(1)' ELSE '' END);
		EXECUTE format('INSERT INTO g%s SELECT n, s.t(n), n, n, n FROM generate_series(1, 50) n', i);
	END LOOP;
	FOR i IN 2..90 LOOP
		EXECUTE format('ALTER TABLE g%1$s ADD CONSTRAINT %4$I FOREIGN KEY (a) REFERENCES g%2$s (id) %3$s', i, i - 1, actions[i % 6 + 1],
					   CASE i % 5 WHEN 0 THEN 'fk_rails_' || substr(md5(i::text), 1, 10) WHEN 1 THEN format('g%s_a_%s_fk_g_id', i, substr(md5(i::text), 1, 8)) ELSE 'Key' || i END);
		EXECUTE format('ALTER TABLE g%1$s ADD FOREIGN KEY (b) REFERENCES g%2$s (id) %3$s', i, i / 2, CASE WHEN i % 11 = 0 THEN 'NOT VALID' ELSE '' END);
		IF i % 9 = 0 THEN EXECUTE format('ALTER TABLE g%1$s ADD FOREIGN KEY (c) REFERENCES g%1$s (id)', i); END IF;
		IF i % 8 = 0 THEN EXECUTE format('COMMENT ON CONSTRAINT g%1$s_b_fkey ON g%1$s IS %2$L', i, E'one\ntwo'); END IF;
	END LOOP;
	FOR i IN 91..100 LOOP
		EXECUTE format('CREATE TABLE g%1$s (id bigint PRIMARY KEY, a bigint NOT NULL REFERENCES g%2$s (id), b bigint REFERENCES g%2$s (id) ON DELETE SET NULL, body text)', i, CASE WHEN i < 96 THEN i - 80 ELSE i - 5 END);
		EXECUTE format('INSERT INTO g%s SELECT n, n, n FROM generate_series(1, 50) n', i);
	END LOOP;
END $do$;
SQL

# What a plan has to look after.
my $special = $functions . <<'SQL';
CREATE TABLE base (id bigint PRIMARY KEY, tenant_id uuid);
CREATE TABLE child1 (extra text, PRIMARY KEY (id)) INHERITS (base);
CREATE TABLE child2 (PRIMARY KEY (id)) INHERITS (base);
ALTER TABLE child2 ALTER tenant_id SET NOT NULL;
ALTER TABLE ONLY child2 ALTER tenant_id SET DEFAULT t(1);
CREATE TABLE to_base (id int PRIMARY KEY, tenant_id uuid NOT NULL, b bigint REFERENCES base, c bigint REFERENCES child1);
CREATE TABLE bare (id bigint);
CREATE TABLE clad (tenant_id uuid) INHERITS (bare);
-- row-level security that is there
CREATE TABLE rls1 (id int, tenant_id uuid);
ALTER TABLE rls1 ENABLE ROW LEVEL SECURITY;
CREATE TABLE rls2 (id int, tenant_id uuid);
ALTER TABLE rls2 ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON rls2 USING (id > 0);
CREATE TABLE rls3 (id int, tenant_id uuid);
CREATE POLICY own ON rls3 USING (id > 0);
CREATE TABLE rls4 (id int, tenant_id uuid);
ALTER TABLE rls4 ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON rls4 AS RESTRICTIVE USING (id > 0);
-- keys of two columns, cycles, what is referenced by other columns than the key
CREATE TABLE p (id int PRIMARY KEY, code text UNIQUE, tenant_id uuid, a int, b int, UNIQUE (a, b));
CREATE TABLE k (id int PRIMARY KEY, tenant_id uuid, code text REFERENCES p (code) ON UPDATE CASCADE ON DELETE SET NULL, a int NOT NULL, b int NOT NULL,
	d int DEFAULT 1 REFERENCES p ON DELETE SET DEFAULT DEFERRABLE, FOREIGN KEY (a, b) REFERENCES p (a, b) MATCH FULL,
	CONSTRAINT turned FOREIGN KEY (b, a) REFERENCES p (a, b) DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE k ADD CONSTRAINT fk_rails_0123456789 FOREIGN KEY (d) REFERENCES p NOT VALID;
CREATE TABLE c1 (id int PRIMARY KEY, tenant_id uuid, o int);
CREATE TABLE c2 (id int PRIMARY KEY, tenant_id uuid, o int REFERENCES c1);
ALTER TABLE c1 ADD FOREIGN KEY (o) REFERENCES c2;
-- an index that serves, a name that is taken
CREATE TABLE i1 (id int PRIMARY KEY, tenant_id uuid);
CREATE UNIQUE INDEX mine ON i1 (id, tenant_id);
CREATE TABLE i1c (id int, tenant_id uuid, i int REFERENCES i1);
CREATE TABLE i2 (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE i2_tenant_id_id_idx (x int);
CREATE TABLE i2c (id int, tenant_id uuid, i int REFERENCES i2);
-- partitions, whose indexes' names begin alike, and one with an index of its own that serves
CREATE TABLE a_very_long_name_of_a_table_that_goes_on_and_on_until_it_ends_x (id_of_considerable_length_for_a_column_really int PRIMARY KEY, tenant_id uuid)
	PARTITION BY RANGE (id_of_considerable_length_for_a_column_really);
CREATE TABLE a_very_long_name_of_a_table_that_goes_on_and_on_until_it_ends_1
	PARTITION OF a_very_long_name_of_a_table_that_goes_on_and_on_until_it_ends_x FOR VALUES FROM (0) TO (10);
CREATE TABLE a_very_long_name_of_a_table_that_goes_on_and_on_until_it_ends_2
	PARTITION OF a_very_long_name_of_a_table_that_goes_on_and_on_until_it_ends_x FOR VALUES FROM (10) TO (20);
CREATE TABLE long_c (id int, tenant_id uuid, l int REFERENCES a_very_long_name_of_a_table_that_goes_on_and_on_until_it_ends_x);
CREATE TABLE pt (id int PRIMARY KEY, tenant_id uuid) PARTITION BY RANGE (id);
CREATE TABLE pt0 PARTITION OF pt FOR VALUES FROM (0) TO (50);
CREATE TABLE pt1 PARTITION OF pt FOR VALUES FROM (50) TO (200) PARTITION BY HASH (id);
CREATE TABLE pt1a PARTITION OF pt1 FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE UNIQUE INDEX pt0_own ON pt0 (tenant_id, id);
COMMENT ON INDEX pt0_own IS 'own';
ALTER TABLE pt1 ALTER tenant_id SET NOT NULL;
ALTER TABLE pt1 ALTER tenant_id SET DEFAULT t(2);
CREATE TABLE ptc (id int PRIMARY KEY, tenant_id uuid, pt int REFERENCES pt);
CREATE TABLE ptc2 (id int PRIMARY KEY, tenant_id uuid, pt int REFERENCES pt, self int) PARTITION BY LIST (id);
CREATE TABLE ptc2_1 PARTITION OF ptc2 FOR VALUES IN (1);
ALTER TABLE ptc2 ADD FOREIGN KEY (self) REFERENCES ptc2;
-- labels, CHECKs that say NOT NULL, or have the name of one
CREATE TABLE sh (id int PRIMARY KEY, tenant_id uuid);
SECURITY LABEL FOR tenant_guard ON TABLE sh IS 'shared';
CREATE TABLE shc (id int, tenant_id uuid, s int REFERENCES sh);
CREATE TABLE un (id int PRIMARY KEY, tenant_id uuid);
SECURITY LABEL FOR tenant_guard ON TABLE un IS 'unprotected';
CREATE TABLE ck1 (id int, tenant_id uuid CHECK (tenant_id IS NOT NULL));
CREATE TABLE ck2 (id int, tenant_id uuid);
ALTER TABLE ck2 ADD CONSTRAINT ck CHECK (tenant_id IS NOT NULL) NOT VALID;
CREATE TABLE ck3 (id int, tenant_id uuid, CONSTRAINT tenant_not_null CHECK (id > 0));
-- two owners, and code of an ordinary role
GRANT ALL ON SCHEMA s TO one, other;
CREATE TABLE ow1 (id int PRIMARY KEY, tenant_id uuid);
ALTER TABLE ow1 OWNER TO one;
GRANT REFERENCES ON ow1 TO other;
CREATE TABLE ow2 (id int PRIMARY KEY, tenant_id uuid, o int REFERENCES ow1);
ALTER TABLE ow2 OWNER TO other;
CREATE TABLE ow3 (id int PRIMARY KEY, tenant_id uuid, o int REFERENCES p);
ALTER TABLE ow3 OWNER TO other;
CREATE FUNCTION ok(x int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
ALTER FUNCTION ok OWNER TO one;
CREATE TABLE code1 (id int PRIMARY KEY, tenant_id uuid, CHECK (s.ok(id)));
ALTER TABLE code1 OWNER TO one;
CREATE TABLE code2 (id int PRIMARY KEY, tenant_id uuid, o int);
ALTER TABLE code2 ADD FOREIGN KEY (o) REFERENCES code1 NOT VALID;
ALTER TABLE code2 OWNER TO one;
CREATE TABLE code3 (id int PRIMARY KEY, tenant_id uuid, CHECK (s.ok(id)));
-- generated, keys that cannot be paired
CREATE TABLE gen (id int PRIMARY KEY, src uuid, tenant_id uuid GENERATED ALWAYS AS (src) STORED, p int REFERENCES p);
CREATE TABLE no (id int PRIMARY KEY, tenant_id uuid, p int CONSTRAINT no REFERENCES p ON UPDATE SET NULL, q int REFERENCES k);
CREATE TABLE text (id int, tenant_id text, p int REFERENCES p);
-- names
CREATE TABLE """; DROP TABLE s.p;
-- \q" ("tenant_id" uuid, "I:d" bigint PRIMARY KEY, up int, CONSTRAINT "'; \! false
" FOREIGN KEY (up) REFERENCES p);
-- tables that get the column, by tables that do
CREATE TABLE d1 (id int PRIMARY KEY, p int NOT NULL REFERENCES p, q int REFERENCES k, self int REFERENCES d1);
COMMENT ON CONSTRAINT d1_p_fkey ON d1 IS 'x';
CREATE TABLE d2 (id int PRIMARY KEY, d int NOT NULL REFERENCES d1 ON DELETE CASCADE, dd int CONSTRAINT d2_dd_01234567_fk_d1_id REFERENCES d1);
CREATE TABLE d3 (id int, d int NOT NULL, PRIMARY KEY (id, d)) PARTITION BY LIST (id);
CREATE TABLE d3_1 PARTITION OF d3 FOR VALUES IN (1);
ALTER TABLE d3 ADD FOREIGN KEY (d) REFERENCES d2;
CREATE TABLE d4 (id int PRIMARY KEY, a int NOT NULL, b int NOT NULL, d2 int REFERENCES d2, FOREIGN KEY (a, b) REFERENCES d3);
CREATE TABLE to_d (id int PRIMARY KEY, tenant_id uuid, d int REFERENCES d1);
CREATE TABLE torn (a int NOT NULL REFERENCES p, b int NOT NULL REFERENCES k);
CREATE VIEW seen AS SELECT * FROM p;

INSERT INTO p SELECT n, n::text, t(n), n, n FROM generate_series(1, 100) n;
INSERT INTO k SELECT n, t(n), n::text, n, n, n FROM generate_series(1, 100) n;
INSERT INTO d1 SELECT n, n, n, n FROM generate_series(1, 100) n;
INSERT INTO d2 SELECT n, n, n FROM generate_series(1, 100) n;
INSERT INTO d3 SELECT 1, n FROM generate_series(1, 100) n;
INSERT INTO d4 SELECT n, 1, n, n FROM generate_series(1, 100) n;
INSERT INTO to_d SELECT n, t(n), n FROM generate_series(1, 100) n;
INSERT INTO pt SELECT n, t(n) FROM generate_series(1, 100) n;
INSERT INTO ptc SELECT n, t(n), n FROM generate_series(1, 100) n;
INSERT INTO ptc2 VALUES (1, t(1), 1, 1);
INSERT INTO base SELECT n, t(n) FROM generate_series(1, 10) n;
INSERT INTO child1 SELECT n, t(n) FROM generate_series(11, 20) n;
INSERT INTO child2 SELECT n, t(n) FROM generate_series(21, 30) n;
SQL

$node->safe_psql('postgres', 'CREATE ROLE one; CREATE ROLE other');

# --- What is done with each ----------------------------------------------------------------------------------------

sub dump_of
{
	my ($database) = @_;
	my $dump = '';

	IPC::Run::run([ $node->installed_command('pg_dump'), '-s', '-d', $node->connstr($database) ], '>', \$dump) or die "pg_dump of $database";
	$dump =~ s/^\\(?:un)?restrict .*\n//mg;    # has a random key since the minor releases of August 2025
	return $dump;
}

# What psql says of a file, or '' if it has run all of it.
sub run_file
{
	my ($database, $sql, @options) = @_;
	my ($file, $said) = ("$dir/run.sql", '');

	open my $handle, '>', $file or die "$file: $!";
	print $handle $sql;
	close $handle;
	IPC::Run::run([ $node->installed_command('psql'), '-XAtq', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=verbose', @options, '-f', $file, '-d', $node->connstr($database) ],
		'>', \my $printed, '2>', \$said) and return '';
	return $said || 'failed';
}

# What a query returns: for each row a list. Values may have line breaks.
sub rows_of
{
	my ($database, $sql) = @_;
	my $out = '';

	IPC::Run::run([ $node->installed_command('psql'), '-XAtq', '-F', "\x01", '-R', "\x02", '-d', $node->connstr($database), '-c', $sql ], '>', \$out) or die $sql;
	return map { [ split(/\x01/, $_, -1) ] } split(/\x02/, $out =~ s/\n\z//r);
}

# The same in one call of protect_schema, and one of derive_tenant_column for each table that the plan gives the column.
sub guard_at_once
{
	my ($database, @steps) = @_;

	return run_file($database, join("\n", "SET client_min_messages = error; SELECT * FROM tenant_guard.protect_schema('s');", grep { /^SELECT tenant_guard\.derive/ } map { $_->[1] } @steps));
}

sub databases
{
	my ($name, $sql) = @_;

	foreach my $database ("$name\_plan", "$name\_once")
	{
		$node->safe_psql('postgres', "CREATE DATABASE $database");
		my $said = run_file($database, $sql);
		is($said, '', "$database is made");
	}
	my @steps = rows_of("$name\_plan", 'SELECT step, statement, undo FROM tenant_guard.plan(\'s\')');
	is(guard_at_once("$name\_once", @steps), '', "$name: it can be guarded at once");
	return @steps;
}

# Without line breaks, for a test's name.
sub short { my ($statement) = @_; $statement =~ s/\s+/ /g; return substr($statement, 0, 70); }

# Takes the steps back, in the opposite order, and compares dumps with those that were taken before the steps.
sub take_back
{
	my ($name, $dumps, @steps) = @_;
	my ($good, $undo) = (1, '');

	foreach my $step (reverse @steps)
	{
		$undo .= "$step->[2]\n";
		next unless $good && $dumps->{ $step->[0] };
		my $said = run_file("$name\_plan", "SET client_min_messages = error;\n$undo");

		$good = is($said, '', "$name: the steps can be taken back to step $step->[0]")
		  && is(dump_of("$name\_plan"), $dumps->{ $step->[0] }, "$name: the dump is that of before it: " . short($step->[1]));
		$undo = '';
	}
	ok($good, "$name: all steps are taken back");
}

# --- What a plan has to look after ---------------------------------------------------------------------------------

my @steps = databases('special', $special);
my %dumps = (1 => dump_of('special_plan'));

is(run_file('special_plan', "SET client_min_messages = error;\n" . join("\n", map { $_->[1] } @steps)), '', 'special: the script can be run as it is');
is(dump_of('special_plan'), dump_of('special_once'), 'special: it ends where protect_schema() does');
is(join("\n", grep { !/^--/ } map { $_->[0] } rows_of('special_plan', 'SELECT statement FROM tenant_guard.plan(\'s\')')), '', 'special: then only decisions are left');
take_back('special', \%dumps, @steps);
is($node->safe_psql('special_plan', 'SELECT count(*) FROM s.p'), 100, 'special: with its rows');

# Step by step: each in a session of its own.
my $said = '';
%dumps = (1 => dump_of('special_plan'));
foreach my $step (@steps)
{
	# an index is detached from another only with it
	$dumps{ $step->[0] } = dump_of('special_plan') if $step->[0] % 6 == 0 && $step->[1] !~ /INDEX/;
	$said .= run_file('special_plan', "SET client_min_messages = error;\n$step->[1]");
}
is($said, '', 'special: each step can be run by itself');
is(dump_of('special_plan'), dump_of('special_once'), 'special: and that ends there, too');
take_back('special', \%dumps, @steps);

# --- A hundred tables, beside writers ------------------------------------------------------------------------------

@steps = databases('hundred', $hundred);
cmp_ok(scalar @steps, '>', 700, 'hundred: there are ' . @steps . ' steps');

$node->safe_psql('hundred_plan', 'GRANT USAGE ON SCHEMA s TO app; GRANT ALL ON ALL TABLES IN SCHEMA s TO app');
append_to_file("$dir/writer.sql", <<'SQL');
\set i random(2, 89)
\set p :i - 1
\set n random(1, 50)
\set new 1000 + 5 * random(1, 100000000) + :n % 5
\set d random(91, 100)
BEGIN;
SELECT tenant_guard.set_tenant(s.t(:n));
INSERT INTO s.g:p (id, tenant_id) VALUES (:new, s.t(:n)) ON CONFLICT DO NOTHING;
INSERT INTO s.g:i (id, tenant_id, a) VALUES (:new, s.t(:n), :new) ON CONFLICT DO NOTHING;
UPDATE s.g:i SET body = 'changed' WHERE id = :n AND tenant_id = s.t(:n);
UPDATE s.g:d SET body = 'changed' WHERE id = :n;
INSERT INTO s.g:d (id, a) VALUES (:new, :n) ON CONFLICT DO NOTHING;
COMMIT;
SQL

my $writers = fork // die "fork: $!";
if ($writers == 0)
{
	my $good = 1;

	while ($good && !-e "$dir/stop")
	{
		my $out = '';
		$good = IPC::Run::run([ $node->installed_command('pgbench'), '-n', '-c', 3, '-R', 60, '-T', 1, '-U', 'app', '-f', "$dir/writer.sql", '-h', $node->host, '-p', $node->port, 'hundred_plan' ],
			'>', \$out, '2>&1') && $out !~ /^pgbench: error/m;
		append_to_file("$dir/writers", $good ? $out =~ /^number of transactions actually processed: \d+/m ? "$&\n" : '' : $out);
	}
	POSIX::_exit($good ? 0 : 1);
}

sub stop_writers
{
	return unless $writers;
	append_to_file("$dir/stop", '');
	waitpid $writers, 0;
	$writers = 0;
	return $? >> 8;
}

END { my $status = $?; stop_writers(); $? = $status; }

my ($failed, $again) = ('', 0);
foreach my $step (@steps)
{
	my $tries = 0;
	my $said;

	# an index is not to be given up for a timeout: what is left of it would be in the way
	my $timeout = $step->[1] =~ /CONCURRENTLY/ ? '0' : '300ms';
	do
	{
		$said = run_file('hundred_plan', "SET client_min_messages = error; SET lock_timeout = '$timeout';\n$step->[1]");
	} while ($said =~ /55P03/ && ++$tries < 100);
	$again += $tries;
	$failed .= "$step->[1]: $said" if $said ne '';
}
is($failed, '', 'hundred: each statement runs beside the writers');
note("$again times a lock was waited for in vain");
is(stop_writers(), 0, 'hundred: no writer has failed') or diag(slurp_file("$dir/writers"));
my $written = 0;
$written += $_ foreach slurp_file("$dir/writers") =~ /processed: (\d+)/g;
cmp_ok($written, '>', 100, "hundred: they have committed ($written transactions)");
$node->safe_psql('hundred_plan', 'REVOKE USAGE ON SCHEMA s FROM app; REVOKE ALL ON ALL TABLES IN SCHEMA s FROM app');
is(dump_of('hundred_plan'), dump_of('hundred_once'), 'hundred: it ends where protect_schema() does');
is($node->safe_psql('hundred_plan', 'SELECT status, count(*) FROM tenant_guard.tables WHERE relation::text LIKE \'s.%\' GROUP BY 1'), 'guarded|100', 'hundred: all are guarded');
is(scalar(grep { $_->[1] !~ /^--/ } rows_of('hundred_plan', 'SELECT step, statement FROM tenant_guard.plan(\'s\')')), 0, 'hundred: nothing is left to be run');

$node->safe_psql('postgres', 'CREATE DATABASE hundred_before');
run_file('hundred_before', $hundred);
%dumps = (1 => dump_of('hundred_before'));
take_back('hundred', \%dumps, @steps);

$node->stop;
done_testing();
