# Each hook that the library chains is called exactly once for what PostgreSQL calls it for, whether another library
# (test/witness) was loaded before it or after: as often as where the witness is alone, on every path that goes on, and
# after refusals and errors too.

use strict;
use warnings;

use Cwd qw(abs_path);
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $witness = abs_path("$FindBin::RealBin/../witness");
delete @ENV{qw(MAKEFLAGS MFLAGS VPATH)}; # of the make that runs this
system_or_bail('make', '-s', '-C', $witness, 'PG_CONFIG=pg_config', 'all');

# In "bare" there is nothing of ours but the library; in "guarded" there are guarded tables.
sub start_witness
{
	my ($name, @libraries) = @_;
	my $node = start_server($name, preload => 0,
		conf => "shared_preload_libraries = '" . join(', ', map { s{^witness$}{$witness/witness}r } @libraries) . "'\nmax_prepared_transactions = 2");

	foreach my $database ('bare', 'guarded')
	{
		$node->safe_psql('postgres', "CREATE DATABASE $database");
		$node->safe_psql($database, "CREATE FUNCTION witness_counts() RETURNS text LANGUAGE c AS '$witness/witness'; "
			  . "CREATE FUNCTION witness_refuse(text) RETURNS void LANGUAGE c AS '$witness/witness'; "
			  . "CREATE FUNCTION witness_deparse(boolean) RETURNS int LANGUAGE c AS '$witness/witness'; GRANT ALL ON SCHEMA public TO app");
		$node->safe_psql($database, <<'SQL');
CREATE TABLE plain (id int PRIMARY KEY, body text);
INSERT INTO plain SELECT n, 'row ' || n FROM generate_series(1, 5) n;
CREATE TABLE parents (id int PRIMARY KEY);
CREATE TABLE children (id int PRIMARY KEY, parent int REFERENCES parents ON DELETE CASCADE ON UPDATE CASCADE);
INSERT INTO parents SELECT id FROM plain;
INSERT INTO children SELECT id + 10, id FROM plain;
CREATE VIEW seen AS SELECT body FROM plain;
CREATE MATERIALIZED VIEW kept AS SELECT body FROM plain;
CREATE FUNCTION in_sql() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM plain';
CREATE FUNCTION in_plpgsql() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN in_sql(); END';
CREATE FUNCTION definer() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT in_plpgsql()';
CREATE FUNCTION with_setting() RETURNS bigint LANGUAGE sql SET work_mem = '5MB' AS 'SELECT definer()';
CREATE FUNCTION rows() RETURNS SETOF text LANGUAGE sql AS 'SELECT body FROM plain';
CREATE FUNCTION fails(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1 / $1; END';
CREATE FUNCTION catches() RETURNS text LANGUAGE plpgsql AS
$$ BEGIN PERFORM with_setting(), fails(0); RETURN ''; EXCEPTION WHEN division_by_zero THEN RETURN 'caught ' || fails(1); END $$;
CREATE FUNCTION on_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM in_sql(); IF OLD.id = 14 THEN PERFORM fails(0); END IF; RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END; END $$;
CREATE TRIGGER before_change BEFORE UPDATE OR DELETE ON children FOR EACH ROW EXECUTE FUNCTION on_change();
CREATE TRIGGER after_change AFTER UPDATE OR DELETE ON children FOR EACH ROW EXECUTE FUNCTION on_change();
CREATE PROCEDURE commits() LANGUAGE plpgsql AS 'BEGIN UPDATE plain SET body = body; COMMIT; PERFORM in_sql(); END';
GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
REVOKE ALL ON kept FROM app;
SQL
	}
	# Keys as they are written: it is their own validation that is looked at here.
	$node->safe_psql('guarded', <<"SQL");
CREATE EXTENSION tenant_guard;
ALTER DATABASE guarded SET tenant_guard.foreign_keys = off;
CREATE TABLE notes (id int PRIMARY KEY, tenant_id uuid, body text);
CREATE TABLE replies (id int, tenant_id uuid, note int);
SET tenant_guard.bypass = on;
INSERT INTO notes VALUES (1, '$TENANT_A', 'of a'), (2, '$TENANT_B', 'of b');
INSERT INTO replies SELECT n, '$TENANT_A', 1 FROM generate_series(1, 4) n;
CREATE VIEW owners_notes AS SELECT body FROM notes;
CREATE FUNCTION owners_count() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN (SELECT count(*) FROM notes); END';
GRANT ALL ON notes, replies, owners_notes TO app;
SQL
	return $node;
}

# counted(node, database, user, step...): for each step, in one session, what it said and the calls that it made, of
# each hook that was called at all: 'ERROR TG003 {perms 1}'.
sub counted
{
	my ($node, $database, $user, @steps) = @_;
	my $said = says($node, $database, $user, join('', map { "$_\nSELECT 'counted', witness_counts();\n" } '', '', @steps));
	my ($overhead, @counted);

	# asking costs calls itself
	while ($said =~ /\G(.*?)(?:; )?counted\|([^;]*)(?:; |$)/g)
	{
		my ($answer, $counts) = ($1, $2);
		my %count = $counts =~ /(\w+) (\d+)/g;
		my %own = map { ($_ => $count{$_} - ($overhead ? $overhead->{$_} : 0)) } keys %count;

		push @counted, join(' ', $answer, '{' . join(', ', map { "$_ $own{$_}" } grep { $own{$_} } sort keys %own) . '}') =~ s/^ //r;
		$overhead = \%count if @counted == 2;
	}
	is(scalar @counted, @steps + 2, 'each step is counted') or diag($said);
	return @counted[ 2 .. $#counted ];
}

my $alone = start_witness('alone', 'witness');
my %node = (
	'after the witness' => start_witness('after', 'witness', 'tenant_guard'),
	'before the witness' => start_witness('before', 'tenant_guard', 'witness'));
my $superuser = scalar getpwuid($<);

# --- Symbols ---------------------------------------------------------------------------------------------------------

# The witness has functions with names that the library uses inside. Those of the library are local, so that the one that
# is loaded first replaces none: the refusals below are the library's own on every node.
my ($libraries) = run_command([ 'pg_config', '--pkglibdir' ]);
my ($symbols) = run_command([ 'nm', '-D', '--defined-only', "$libraries/tenant_guard.so" ]);
my @exported = $symbols =~ /(\S+)$/mg;

ok(scalar(grep { $_ eq 'tenant_guard_current_tenant' } @exported), 'functions that SQL calls are exported');
is(join(' ', grep { !/^(Pg_magic_func|_PG_init|(pg_finfo_)?tenant_guard_\w+)$/ } @exported), '', 'and nothing else is');

# --- As often as without the library ---------------------------------------------------------------------------------

my @queries = (
	'SELECT 1;', 'TABLE plain;', 'SELECT count(*) FROM seen;', 'SELECT count(*) FROM plain a JOIN seen b USING (body);',
	'INSERT INTO plain VALUES (6, NULL);', 'UPDATE plain SET body = \'\' WHERE id = 6;', 'DELETE FROM plain WHERE id = 6;',
	'MERGE INTO plain p USING parents q ON p.id = q.id WHEN NOT MATCHED THEN INSERT VALUES (q.id, NULL);',
	'WITH w AS (UPDATE plain SET body = body RETURNING id) SELECT count(*) FROM w;', 'SELECT id FROM plain ORDER BY id LIMIT 1 FOR UPDATE;',
	'COPY plain (id) TO stdout;', 'COPY (SELECT id FROM plain) TO stdout;', 'EXPLAIN (COSTS OFF) TABLE plain;',
	'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) TABLE plain;', 'PREPARE q AS TABLE plain;', 'EXECUTE q;', 'EXECUTE q;', 'DEALLOCATE q;',
	'BEGIN; DECLARE c CURSOR FOR TABLE plain; FETCH 2 FROM c; COMMIT;', 'BEGIN; DECLARE c CURSOR WITH HOLD FOR TABLE plain; COMMIT; FETCH 1 FROM c; CLOSE c;',
	'BEGIN; UPDATE plain SET body = body; SAVEPOINT s; TABLE seen; ROLLBACK TO s; COMMIT;', 'SET work_mem = \'5MB\';', 'SHOW work_mem;', 'LOCK TABLE plain;');
my @functions = (
	'SELECT in_sql();', 'SELECT in_plpgsql();', 'SELECT definer();', 'SELECT with_setting();', 'SELECT with_setting(), with_setting() FROM plain;',
	'SELECT * FROM rows() LIMIT 2;', 'SELECT rows() LIMIT 2;', 'CALL commits();', 'DO $$ BEGIN PERFORM definer(); END $$;', 'SELECT sum(definer()) FROM plain;');
my @errors = (
	'SELECT 1 / 0;', 'SELECT 1 / (id - 3) FROM plain;', 'SELECT fails(0);', 'SELECT definer(), fails(0);', 'SELECT catches();', 'SELECT catches() FROM plain;',
	'DO $$ BEGIN EXECUTE \'CREATE TABLE plain ()\'; EXCEPTION WHEN OTHERS THEN PERFORM in_sql(); END $$;',
	'DO $$ BEGIN PERFORM 1 FROM no_such; EXCEPTION WHEN OTHERS THEN EXECUTE \'SET LOCAL work_mem = 64\'; END $$;', 'LOCK TABLE no_such;',
	'BEGIN; SAVEPOINT s; SELECT fails(0); ROLLBACK TO s; SELECT definer(); COMMIT;', 'BEGIN; SELECT fails(0); SELECT definer(); ROLLBACK;', 'SELECT definer();');
my @keys = (
	'INSERT INTO children VALUES (20, 5);', 'INSERT INTO children VALUES (21, 99);', 'BEGIN; UPDATE parents SET id = 7 WHERE id = 5; ROLLBACK;',
	'BEGIN; DELETE FROM parents WHERE id = 5; SELECT count(*) FROM children; ROLLBACK;', 'DELETE FROM parents WHERE id = 4;',
	'BEGIN; SAVEPOINT s; DELETE FROM parents; ROLLBACK TO s; DELETE FROM parents WHERE id = 5; ROLLBACK;',
	'DO $$ BEGIN DELETE FROM parents; EXCEPTION WHEN OTHERS THEN DELETE FROM parents WHERE id = 5; END $$;', 'SELECT definer();');
my @definitions = (
	'CREATE TABLE made (id int PRIMARY KEY, tenant_id uuid);', 'ALTER TABLE made ADD COLUMN body text DEFAULT now();', 'CREATE INDEX ON made (body);',
	'CREATE TABLE made_too AS TABLE made;', 'SELECT * INTO made_three FROM made;', 'CREATE VIEW over AS TABLE made;',
	'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) CREATE TABLE made_four AS TABLE made;',
	'CREATE MATERIALIZED VIEW kept_too AS TABLE made;', 'REFRESH MATERIALIZED VIEW kept;', 'CREATE TEMPORARY TABLE made (id int);',
	'CREATE SCHEMA s CREATE TABLE t (tenant_id uuid) CREATE VIEW v AS TABLE t;', 'TRUNCATE made;', 'TRUNCATE parents CASCADE;',
	'ALTER TABLE made ADD FOREIGN KEY (id) REFERENCES plain;', 'CREATE TABLE parts (id int) PARTITION BY LIST (id); CREATE TABLE part PARTITION OF parts DEFAULT;',
	'ALTER TABLE parts DETACH PARTITION part;', 'DROP SCHEMA s CASCADE;', 'DROP TABLE parts;', 'CREATE TABLE plain ();', 'ALTER TABLE no_such ADD COLUMN x int;',
	'ALTER ROLE app SET work_mem = \'5MB\';', 'ALTER ROLE app RESET ALL;', "ALTER DATABASE bare SET tenant_guard.tenant_id = '$TENANT_A';", 'ALTER DATABASE bare RESET ALL;',
	'BEGIN; CREATE TABLE prepared (id int); PREPARE TRANSACTION \'p\';', 'COMMIT PREPARED \'p\';', 'VACUUM plain;', 'ANALYZE plain;', 'REINDEX TABLE plain;',
	'CLUSTER plain USING plain_pkey;', 'GRANT SELECT ON plain TO app;', 'SET row_security = off; TABLE plain; RESET row_security;');

foreach my $group ([ $superuser, 'queries', @queries ], [ $superuser, 'functions', @functions ], [ $superuser, 'errors', @errors ],
	[ $superuser, 'foreign keys', @keys ], [ $superuser, 'definitions', @definitions ], [ 'app', 'queries', @queries, 'TABLE kept;' ],
	[ 'app', 'functions', @functions ], [ 'app', 'errors', @errors ])
{
	my ($user, $name, @steps) = @$group;
	my @expected = counted($alone, 'bare', $user, @steps);

	foreach my $where (sort keys %node)
	{
		my @counted = counted($node{$where}, 'bare', $user, @steps);

		is($counted[$_], $expected[$_], "$where, as $user, $name: $steps[$_]") foreach 0 .. $#steps;
	}
}

# --- The verdict of the hook that was there before -------------------------------------------------------------------

my @verdicts = (
	'ALTER TABLE children ADD FOREIGN KEY (parent) REFERENCES parents;', 'SELECT witness_refuse(\'quietly\');',
	'ALTER TABLE children ADD FOREIGN KEY (parent) REFERENCES parents;', 'TABLE plain;', 'SELECT witness_refuse(\'loudly\');', 'TABLE plain;',
	'DO $$ BEGIN PERFORM 1 FROM plain; EXCEPTION WHEN SQLSTATE \'WT001\' THEN RAISE NOTICE \'refused\'; END $$;', 'SELECT 1;');
my @rows = ('INSERT INTO parents SELECT id FROM plain ON CONFLICT DO NOTHING; INSERT INTO children SELECT id + 30, id FROM plain;');
my @expected = counted($alone, 'bare', $superuser, @rows, @verdicts);

isnt($expected[3], $expected[1], 'a quiet refusal is to be seen: the foreign key is validated row by row');
like($expected[6], qr/^ERROR WT001 /, 'so is a loud one');
foreach my $where (sort keys %node)
{
	my @counted = counted($node{$where}, 'bare', $superuser, @rows, @verdicts);

	is($counted[ $_ + 1 ], $expected[ $_ + 1 ], "$where, the witness refuses: $verdicts[$_]") foreach 0 .. $#verdicts;
}

# --- Guarded tables --------------------------------------------------------------------------------------------------

# Loaded by the first statement of a session that needs it, the library comes after all that was preloaded.
$node{'after the witness, in mid-session'} = $alone;
my $load = 'SELECT tenant_guard.has_tenant();';
my $with_a = "BEGIN; SET LOCAL tenant_guard.tenant_id = '$TENANT_A';";

# What is expected of a step on every version: what it says, and the calls but for "access" and "needs".
my @by_superuser = (
	['TABLE plain;', qr/\{perms 1\}$/],
	['TABLE notes;', qr/^ERROR TG003 \{perms 1\}$/],
	['TABLE plain;', qr/\{perms 1\}$/],
	['SELECT owners_count();', qr/^ERROR TG003 \{abort 1, perms 2, start 1\}$/],
	['SELECT definer();', qr/^5 \{end 3, perms 3, start 3\}$/],
	["$with_a TABLE notes; ROLLBACK;", qr/^ERROR TG003 \{perms 1, utility 3\}$/],
	['TRUNCATE notes;', qr/^ERROR TG005 \{utility 1\}$/],
	['TRUNCATE plain, notes;', qr/^ERROR TG005 \{utility 1\}$/],
	['ALTER TABLE notes DISABLE ROW LEVEL SECURITY;', qr/^ERROR TG005 /],
	['ALTER TABLE notes DROP COLUMN tenant_id;', qr/^ERROR TG005 /],
	['DROP POLICY tenant_isolation ON notes;', qr/^ERROR TG005 /],
	['CREATE MATERIALIZED VIEW kept_notes AS TABLE notes;', qr/^ERROR TG003 \{.*utility 1\}$/],
	['BEGIN; SAVEPOINT s; DECLARE c CURSOR WITH HOLD FOR TABLE notes; ROLLBACK TO s; TABLE plain; COMMIT;', qr/^ERROR TG003;.*\{perms 2, utility 5\}$/],
	['DO $$ BEGIN PERFORM 1 FROM notes; EXCEPTION WHEN SQLSTATE \'TG003\' THEN PERFORM 1 FROM plain; END $$;', qr/^\{.*perms 2, .*utility 1\}$/],
	['CREATE TABLE made (id int, tenant_id uuid);', qr/^NOTICE 00000 /],
	['EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) CREATE TABLE made_too AS SELECT NULL::uuid AS tenant_id WHERE false;', qr/NOTICE 00000/],
	['ALTER TABLE replies ADD FOREIGN KEY (note) REFERENCES notes ON DELETE CASCADE;', qr/^\{/],
	['SET row_security = off; TABLE notes; RESET row_security;', qr/\{perms 1, utility 2\}$/],
	['SET tenant_guard.bypass = on; ALTER TABLE replies ADD CONSTRAINT meant FOREIGN KEY (note) REFERENCES notes; RESET tenant_guard.bypass;', qr/^\{.*perms 2, /],
	["SET tenant_guard.bypass = on; $with_a PREPARE TRANSACTION 'p'; ROLLBACK PREPARED 'p'; RESET tenant_guard.bypass;", qr/^\{utility 6\}$/],
	['SET tenant_guard.bypass = on; TRUNCATE replies; RESET tenant_guard.bypass;', qr/^\{utility 3\}$/]);
my @by_app = (
	['TABLE notes;', qr/^ERROR TG001 \{abort 1, /],
	['INSERT INTO notes VALUES (9);', qr/^ERROR TG001 \{.*perms 1/],
	['TABLE plain;', qr/\{perms 1\}$/],
	['TABLE owners_notes;', qr/^ERROR TG003 \{perms 1\}$/],
	["$with_a TABLE notes; COMMIT;", qr/of a \{.*perms 1, .*utility 3\}$/],
	["$with_a INSERT INTO notes VALUES (3); DELETE FROM notes WHERE id = 3; COMMIT;", qr/^\{.*perms \d, .*utility 3\}$/],
	["$with_a SELECT count(*) FROM notes; SET LOCAL tenant_guard.tenant_id = '$TENANT_B'; ROLLBACK;", qr/^1; ERROR TG002 \{.*utility 4\}$/],
	["$with_a SAVEPOINT s; SET LOCAL tenant_guard.tenant_id = '$TENANT_B'; TABLE notes; ROLLBACK TO s; TABLE notes; COMMIT;", qr/ERROR TG002; .*25P02.*; .*of a \{.*utility 6\}$/],
	['SELECT owners_count();', qr/^ERROR TG003 \{abort 1, perms 2, start 1\}$/],
	['SELECT definer();', qr/^5 \{end 3, perms 3, start 3\}$/],
	["ALTER ROLE CURRENT_USER SET tenant_guard.tenant_id = '$TENANT_A';", qr/^ERROR 42501 \{utility 1\}$/],
	["$with_a DELETE FROM notes; ROLLBACK;", qr/^\{.*utility 3\}$/]);

foreach my $group ([ $superuser, @by_superuser ], [ 'app', @by_app ])
{
	my ($user, @steps) = @$group;
	my $first;

	foreach my $where (reverse sort keys %node)
	{
		my (undef, @counted) = counted($node{$where}, 'guarded', $user, $load, map { $_->[0] } @steps);

		foreach my $i (0 .. $#steps)
		{
			my ($step, $expected) = @{ $steps[$i] };

			like($counted[$i] =~ s/(access|needs) \d+(, )?//gr =~ s/, \}/}/r, $expected, "$where, as $user, guarded: $step");
			is($counted[$i], $first->[$i], "$where, as $user, guarded: as in the other order") if $first;
		}
		$first //= \@counted;
	}
}

# A refusal before anything is done is the one path on which the hook before is not called.
foreach my $where (sort keys %node)
{
	my (undef, $refused, $next) = counted($node{$where}, 'guarded', 'app', $load, "$with_a PREPARE TRANSACTION 'p'; ROLLBACK;", 'TABLE plain;');

	like($refused, $where =~ /^before/ ? qr/^ERROR TG005 \{utility 4\}$/ : qr/^ERROR TG005 \{utility 3\}$/, "$where: PREPARE TRANSACTION with a tenant is refused");
	like($next, qr/\{perms 1\}$/, "$where: what follows is counted as ever");
}

# Who was there first is asked first: the witness, or the guard.
foreach my $where (sort keys %node)
{
	my @counted = counted($node{$where}, 'guarded', $superuser, $load, 'SELECT witness_refuse(\'loudly\');', 'TABLE notes;', 'TABLE plain;', 'SELECT witness_refuse(\'\');', 'TABLE notes;');

	is($counted[2], $where =~ /^before/ ? 'ERROR TG003 {perms 1}' : 'ERROR WT001 {perms 1}', "$where: who was there first is asked first");
	is($counted[3], 'ERROR WT001 {perms 1}', "$where: the other's refusal stands");
	is($counted[5], 'ERROR TG003 {perms 1}', "$where: and so does ours");
}

# --- A planner that writes queries down ------------------------------------------------------------------------------

# An extension that sends queries to other servers makes text of them in its planner hook. The tenant's filter must stand
# where the parser could have put it, or such an extension fails.
my @from = (
	'notes', 'notes n, replies r', 'notes n JOIN replies r ON r.note = n.id', 'notes n CROSS JOIN replies r',
	'notes n LEFT JOIN replies r ON r.note = n.id', 'notes n RIGHT JOIN replies r ON r.note = n.id',
	'plain p LEFT JOIN (notes n LEFT JOIN replies r ON r.note = n.id) ON n.id = p.id',
	'(notes n RIGHT JOIN replies r ON r.note = n.id) LEFT JOIN plain p ON p.id = n.id, notes m',
	'plain p FULL JOIN (SELECT note FROM notes JOIN replies ON note = notes.id) r ON r.note = p.id',
	'plain p FULL JOIN (notes n JOIN replies r ON r.note = n.id) ON n.id = p.id');
my $says = says($node{'after the witness'}, 'guarded', 'app', join("\n", "SELECT witness_deparse(true); BEGIN; SET LOCAL tenant_guard.tenant_id = '$TENANT_A';",
	(map { "SELECT count(*) FROM $_;" } @from), 'UPDATE notes SET body = body WHERE id IN (SELECT note FROM replies);', 'DELETE FROM replies r USING notes n WHERE n.id = r.note;', 'ROLLBACK;', 'SELECT witness_deparse(false);'));

unlike($says, qr/ERROR/, 'a planner hook that was there before can make text of guarded queries');
like($says, qr/; 12$/, 'and finds the tenant in it');

$_->stop foreach values %node;
done_testing();
