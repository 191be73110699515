# A schema of 600 tables with foreign keys among them is guarded by one call, in one transaction, with twice the default
# room for locks: each table has its row in the report, what cannot be done is said and stops nothing, and a second call
# changes nothing. Nor does one call of unprotect_schema leave a guard on any.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes 'time';
use TenantGuard;

my $node = start_server('large', conf => "max_connections = 100\nmax_locks_per_transaction = 128");

$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION tenant_guard;
CREATE SCHEMA s;
SET search_path = s;
SET tenant_guard.auto_protect = off;
SET client_min_messages = warning;

-- A table with a row of each tenant; their keys are 1 and 2.
CREATE PROCEDURE make(name text, more text DEFAULT '') LANGUAGE plpgsql AS \$\$
BEGIN
	EXECUTE format('CREATE TABLE %I (id int PRIMARY KEY, tenant_id uuid, a int, b int, c int %s)', name, more);
	EXECUTE format('INSERT INTO %I VALUES (1, %L, 1, 1, 1), (2, %L, 2, 2, 2)', name, '$TENANT_A', '$TENANT_B');
END \$\$;
CREATE PROCEDURE refer(name text, col text, parent text, more text DEFAULT '') LANGUAGE plpgsql AS \$\$
BEGIN
	EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I FOREIGN KEY (%I) REFERENCES %I %s', name, name || '_' || col, col, parent, more);
END \$\$;

DO \$\$
BEGIN
	-- a chain, against the order of the names
	FOR i IN 1..300 LOOP CALL make('chain' || i); END LOOP;
	FOR i IN 1..299 LOOP CALL refer('chain' || i, 'a', 'chain' || i + 1, 'ON DELETE CASCADE'); END LOOP;
	-- cycles of two and of three tables
	FOR i IN 1..160 LOOP CALL make('cycle' || i); END LOOP;
	FOR i IN 1..50 LOOP
		CALL refer('cycle' || 2 * i - 1, 'a', 'cycle' || 2 * i, 'DEFERRABLE INITIALLY DEFERRED');
		CALL refer('cycle' || 2 * i, 'a', 'cycle' || 2 * i - 1, 'DEFERRABLE INITIALLY DEFERRED');
	END LOOP;
	FOR i IN 0..19 LOOP
		CALL refer('cycle' || 101 + 3 * i, 'a', 'cycle' || 102 + 3 * i);
		CALL refer('cycle' || 102 + 3 * i, 'a', 'cycle' || 103 + 3 * i);
		CALL refer('cycle' || 103 + 3 * i, 'a', 'cycle' || 101 + 3 * i);
	END LOOP;
	-- several keys to one parent, and to itself
	CALL make('parent');
	FOR i IN 1..89 LOOP
		CALL make('child' || i);
		CALL refer('child' || i, 'a', 'parent', 'ON DELETE SET NULL');
		CALL refer('child' || i, 'b', 'parent', 'ON UPDATE CASCADE');
		CALL refer('child' || i, 'c', 'child' || i);
	END LOOP;
	-- rows that cross tenants, by one of two keys
	FOR i IN 1..20 LOOP
		CALL make('crossing' || i);
		CALL refer('crossing' || i, 'a', 'parent');
		CALL refer('crossing' || i, 'b', 'parent');
		EXECUTE format('UPDATE %I SET b = 2', 'crossing' || i);
	END LOOP;
	-- what cannot be guarded, with keys from it and to it
	FOR i IN 1..20 LOOP
		CALL make('null' || i);
		CALL refer('null' || i, 'a', 'parent');
		EXECUTE format('UPDATE %I SET tenant_id = NULL WHERE id = 1', 'null' || i);
	END LOOP;
	FOR i IN 1..9 LOOP
		EXECUTE format('CREATE TABLE %I (id int, tenant_id text, a int REFERENCES parent, b int REFERENCES null1)', 'text' || i);
	END LOOP;
	CALL make('last');
	CALL refer('last', 'a', 'null1');
	-- and what all share
	CREATE TABLE shared (id int PRIMARY KEY);
	CALL refer('last', 'b', 'shared', 'NOT VALID');
END \$\$;
SQL

# What the catalogs say, and by which versions of their rows: a change that is none would show.
my $catalogs = join(' UNION ALL ', map { "SELECT '$_', count(*), md5(string_agg(oid || ' ' || xmin, ' ' ORDER BY oid)) FROM $_" }
	  ('pg_class', 'pg_constraint', 'pg_policy', 'pg_trigger', 'pg_attrdef'))
  . " UNION ALL SELECT 'pg_attribute', count(*), md5(string_agg(attrelid || ' ' || attnum || ' ' || xmin, ' ' ORDER BY attrelid, attnum)) FROM pg_attribute"
  . " UNION ALL SELECT 'pg_index', count(*), md5(string_agg(indexrelid || ' ' || xmin, ' ' ORDER BY indexrelid)) FROM pg_index ORDER BY 1";

# Of one lock the view has a row for each mode; room is needed for one.
my $lock_count = 'SELECT \'locks\', count(*) FROM (SELECT DISTINCT locktype, database, relation, virtualxid, transactionid, classid, objid, objsubid '
  . 'FROM pg_locks WHERE pid = pg_backend_pid()) l;';

# Runs the call in a session of its own: what it said, and what it took.
sub protect_schema
{
	my ($what) = @_;
	my ($out, $err) = ('', '');
	my $begun = time;
	my $hwm = 'SELECT \'peak\', (regexp_match(pg_read_file(\'/proc/self/status\'), \'VmHWM:\s+(\d+)\'))[1]';

	IPC::Run::run([ $node->installed_command('psql'), '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres') ],
		'<', \"BEGIN; SELECT 'report', * FROM tenant_guard.protect_schema('s'); $lock_count COMMIT; $hwm;",
		'>', \$out, '2>', \$err);
	is($?, 0, "$what: it succeeds") or diag($err);
	my ($locks) = $out =~ /^locks\|(\d+)$/m;
	my ($peak) = $out =~ /^peak\|(\d+)$/m;
	diag(sprintf('%s: %.1f s, %d locks, %d kB at most in the backend', $what, time - $begun, $locks, $peak // 0));
	return ($out, $err, $locks);
}

# --- The first call ------------------------------------------------------------------------------------------------

my ($report, $said, $locks) = protect_schema('the first call');
my @rows = $report =~ /^report\|(.*)$/mg;
my %status;
$status{ (split /\|/)[1] }++ foreach @rows;

is(scalar @rows, 600, 'the report has a row for each table that has the column');
is_deeply(\%status, { guarded => 571, refused => 29 }, 'of which these are guarded, and these refused');
is_deeply([ $said =~ /NOTICE:  (\d+ of \d+ tables of schema "s" are done)/g ], [ map { $_ . '00 of 600 tables of schema "s" are done' } 1 .. 6 ],
	'its progress was said');
is(scalar(() = $said =~ /^WARNING:  foreign keys of table s\.crossing\d+ do not carry the tenant: rows reference other tenants' rows$/mg), 20,
	'so were the tables whose rows cross tenants');
is(scalar(() = $said =~ /^WARNING:/mg), 20, 'and nothing else is warned of');
unlike($said, qr/NOTICE:  (?!\d+ of 600)(?!role)/, 'what is done to each table is in the report, not in notices');
is(scalar(grep { /^s\.crossing\d+\|guarded\|by column tenant_id; 1 key paired; 1 key does not carry the tenant$/ } @rows), 20,
	'tables with keys that rows stand in the way of are guarded, with their other keys');
my %keys;
$keys{$_}++ foreach map { /^s\.(?:chain|cycle|child|parent|last)\d*\|guarded\|by column tenant_id(?:; (\d) keys? paired)?$/ ? $1 // 0 : () } @rows;
is_deeply(\%keys, { 0 => 3, 1 => 299 + 160, 3 => 89 }, 'and the report says how many keys were changed');
is(scalar(grep { /^s\.(null|text)\d+\|refused\|.+/ } @rows), 29, 'what is refused is so for a reason');

# --- What it has left ----------------------------------------------------------------------------------------------

is($node->safe_psql('postgres', 'SELECT status, count(*) FROM tenant_guard.tables WHERE relation::text LIKE \'s.%\' GROUP BY status ORDER BY status'),
	"guarded|571\nunguarded|30", 'the catalogs say so too');
is( $node->safe_psql(
		'postgres', q{SELECT regexp_replace(conrelid::regclass::text, '\d+$', '') AS tables, cardinality(conkey) AS columns, convalidated, count(*)
	FROM pg_constraint WHERE contype = 'f' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3}),
	join("\n", 's.chain|2|t|299', 's.child|2|t|267', 's.crossing|1|t|20', 's.crossing|2|t|20', 's.cycle|2|t|160', 's.last|1|f|1', 's.last|1|t|1', 's.null|1|t|20', 's.text|1|t|18'),
	'keys between guarded tables carry the tenant, others are as they were');
is( $node->safe_psql(
		'postgres', q{SELECT confdeltype, confupdtype, condeferrable, condeferred, count(*) FROM pg_constraint
	WHERE contype = 'f' AND cardinality(conkey) = 2 GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3}),
	join("\n", 'a|a|f|f|169', 'a|a|t|t|100', 'a|c|f|f|89', 'c|a|f|f|299', 'n|a|f|f|89'), 'with the actions that they had');
is($node->safe_psql('postgres', q{SELECT max(count) FROM (SELECT count(*) FROM pg_index JOIN pg_class c ON c.oid = indrelid
	WHERE relnamespace = 's'::regnamespace GROUP BY indrelid) t}), 2, 'no table has got more than one index');

$node->safe_psql('postgres', 'GRANT USAGE ON SCHEMA s TO app; GRANT ALL ON ALL TABLES IN SCHEMA s TO app');
is( says($node, 'postgres', 'app', "BEGIN; SELECT tenant_guard.set_tenant('$TENANT_A') \\gset\nINSERT INTO s.chain1 (id, a) VALUES (3, 1); "
		. 'SAVEPOINT s; INSERT INTO s.chain1 (id, a) VALUES (4, 2); ROLLBACK TO s; INSERT INTO s.child7 (id, b) VALUES (4, 2);'),
	'ERROR 23503; ERROR 23503', 'a row of another tenant cannot be referenced');
is(says($node, 'postgres', 'app', "BEGIN; SELECT tenant_guard.set_tenant('$TENANT_A') \\gset\nDELETE FROM s.chain300; SELECT count(*) FROM s.chain1; ROLLBACK;"),
	0, 'a cascade of 299 steps takes its tenant\'s rows');
is($node->safe_psql('postgres', 'SET tenant_guard.bypass = on; SELECT count(*) FROM s.chain1'), 2, 'and no others');

# --- A second call -------------------------------------------------------------------------------------------------

my $before = $node->safe_psql('postgres', $catalogs);
my ($second_report, $second_said, $second_locks) = protect_schema('a second call');

is($node->safe_psql('postgres', $catalogs), $before, 'the second call has changed nothing');
is(scalar(() = $second_report =~ /^report\|s\.\w+\|guarded\|was guarded already/mg), 571, 'and says so');
is(scalar(() = $second_said =~ /^WARNING:  foreign keys of table s\.crossing/mg), 20, 'and says again what is left to do');

# Once that is mended, a third does the rest.
$node->safe_psql('postgres', join('; ', 'SET tenant_guard.bypass = on', map { ("UPDATE s.crossing$_ SET b = a", "UPDATE s.null$_ SET tenant_id = '$TENANT_A' WHERE tenant_id IS NULL") } 1 .. 20));
my ($third_report, $third_said) = protect_schema('a call after rows were mended');
unlike($third_said, qr/WARNING/, 'nothing is left to warn of');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND cardinality(conkey) = 2}), 299 + 267 + 160 + 40 + 20 + 1,
	'the keys of what could be guarded now carry the tenant too');

# --- Locks ---------------------------------------------------------------------------------------------------------

# For each table about three of relations and six of policies, defaults and constraints.
cmp_ok($locks, '<', 15 * 600, 'locks are in proportion to the tables');

# --- The way back --------------------------------------------------------------------------------------------------

my $begun = time;
$node->psql('postgres', "SELECT status, count(*) FROM tenant_guard.unprotect_schema('s', 'late') GROUP BY status", stdout => \my $taken_off, stderr => \my $notices);
diag(sprintf('the way back: %.1f s', time - $begun));
like($taken_off, qr/^unprotected\|\d+$/, 'all guards are taken off in one call');
like($notices, qr/NOTICE:  500 of \d+ tables of schema "s" are done/, 'its progress was said');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_policy; SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND cardinality(conkey) = 2}),
	"0\n" . (299 + 267 + 160 + 40 + 20 + 1), 'no policy is left, and the keys carry the tenant still');

$node->stop;
done_testing();
