# A schema that has more tables than the server's lock table has room for: protect_schema ends before other sessions
# have none, and says what is left; protect_tables guards each table in a transaction of its own, waits for no lock longer
# than it is told, and goes on where a call before it ended. unprotect_schema is the way back. audit() needs no statistics of so many tables.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $node = start_server('many', conf => "max_connections = 20\nmax_locks_per_transaction = 10\nautovacuum = off");

$node->safe_psql('postgres', <<'SQL');
CREATE DATABASE other;
CREATE EXTENSION tenant_guard;
CREATE SCHEMA s;
SET client_min_messages = warning;
SET tenant_guard.auto_protect = off;
DO $$ BEGIN
	FOR i IN 1..600 LOOP
		EXECUTE format('CREATE TABLE s.t%s (id int PRIMARY KEY, tenant_id uuid%s)', i, CASE WHEN i % 2 = 0 THEN format(', p int REFERENCES s.t%s', i - 1) END);
		CONTINUE WHEN i % 50 <> 0;
		COMMIT;
		SET tenant_guard.auto_protect = off;
	END LOOP;
END $$;
SQL
# A statement that takes more locks than there is room for without the lock table.
$node->safe_psql('other', join(' ', 'CREATE TABLE p (id int) PARTITION BY RANGE (id);', map { "CREATE TABLE p$_ PARTITION OF p FOR VALUES FROM ($_) TO ($_ + 1);" } 1 .. 30));

# call(sql): what a call printed, and what it said.
sub call
{
	my ($sql) = @_;
	my ($out, $err);

	$node->psql('postgres', $sql, stdout => \$out, stderr => \$err, on_error_stop => 0);
	return ($out, $err);
}
my $guarded = q{SELECT count(*) FROM tenant_guard.tables WHERE status = 'guarded'};
my $unpaired = q{SELECT count(*) FROM tenant_guard.broken_invariants() WHERE invariant = 'key_unpaired'};

# --- In one transaction ----------------------------------------------------------------------------------------------

my $one = $node->background_psql('postgres', on_error_stop => 0);
$one->query("BEGIN");
my $report = $one->query("SELECT status || ' ' || detail, count(*) FROM tenant_guard.protect_schema('s') GROUP BY 1 ORDER BY 1");
my $done = 0;
$done += $_ foreach $report =~ /^guarded by column tenant_id.*\|(\d+)$/mg;
my ($left) = $report =~ /^left run CALL tenant_guard\.protect_tables\('s'\);\|(\d+)$/m;

is($done + $left, 600, 'each table is in the report');
cmp_ok($done, '>', 100, 'tables were guarded while there was room for their locks');
like($one->{stderr}, qr/WARNING:  some tables of schema "s" are left as they were\nDETAIL: .*\nHINT:  When this transaction has ended, run CALL tenant_guard\.protect_tables\('s'\);/,
	'a warning says what to do about the others');
is($node->safe_psql('other', 'SELECT count(*) FROM p'), 0, 'a session of another database has room for its locks meanwhile');
$one->query('ROLLBACK');
$one->quit;

# --- In many ---------------------------------------------------------------------------------------------------------

my ($out, $err) = call("BEGIN; CALL tenant_guard.protect_tables('s');");
like($err, qr/ERROR:  tenant_guard\.protect_tables cannot be called inside a transaction block/, 'the procedure needs transactions of its own');
is($node->safe_psql('postgres', $guarded), 0, 'and has guarded nothing');

# Whoever holds a lock on a table is waited for as long as was said, and stops no other table.
my $holder = $node->background_psql('postgres');
$holder->query('BEGIN; SELECT FROM s.t7');
($out, $err) = call("CALL tenant_guard.protect_tables('s', lock_timeout => '10ms', retries => 1);");
like($err, qr/NOTICE:  100 of 600 tables .* are done\n.*NOTICE:  500 of 600 /s, 'progress is reported');
like($err, qr/WARNING:  table s\.t7 is not guarded: canceling statement due to lock timeout$/m, 'a table that is in use is named');
like($err, qr/NOTICE:  599 of 600 tables of schema "s" are guarded, with their foreign keys\nHINT:  /m, 'the others are guarded');
is($node->safe_psql('postgres', $guarded), 599, 'as the catalogs say');
is($node->safe_psql('postgres', 'SHOW lock_timeout'), 0, 'lock_timeout is the transactions\' own');

# One that is released soon enough is tried again.
my $waiting = $node->background_psql('postgres');
$waiting->query_until(qr/begun/, "\\echo begun\nCALL tenant_guard.protect_tables('s', lock_timeout => '10ms', retries => 100);\n");
$node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE 'CALL%' AND wait_event = 'PgSleep'});
$holder->query('COMMIT');
$holder->quit;
$node->poll_query_until('postgres', "$guarded", '600');
$waiting->quit;
is($node->safe_psql('postgres', $guarded), 600, 'once it is free it is guarded by the call that waited');
is($node->safe_psql('postgres', $unpaired), 0, 'and its keys carry the tenant');

# What audit() reads does not depend on the statistics of the catalogs, which nobody has analysed.
sub pages_of_audit
{
	my ($pages) = $node->safe_psql('postgres', 'EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) SELECT count(*) FROM tenant_guard.audit()') =~ /shared hit=(\d+)/;
	return $pages;
}
pages_of_audit();
my $without = pages_of_audit();
$node->safe_psql('postgres', 'ANALYZE');
my $with = pages_of_audit();
cmp_ok($without, '<', 2 * $with, 'audit() reads as much before the catalogs are analysed as after') or diag("$without, $with");

# --- The way back ----------------------------------------------------------------------------------------------------

# unprotect_schema too leaves room in the lock table, and says how to go on.
my $rest = q{SELECT * FROM tenant_guard.unprotect_schema('s', 'it''s late');};
my $back = $node->background_psql('postgres', on_error_stop => 0);
$back->query('BEGIN');
$report = $back->query(q{SELECT status || ' ' || detail, count(*) FROM tenant_guard.unprotect_schema('s', 'it''s late') GROUP BY 1 ORDER BY 1});
my ($off) = $report =~ /^unprotected is no longer guarded\|(\d+)$/m;
my ($on) = $report =~ /^left run \Q$rest\E\|(\d+)$/m;
is($off + $on, 600, 'each guarded table is in the report');
cmp_ok($off, '>', 30, 'guards were taken off while there was room for the locks');
like($back->{stderr}, qr/WARNING:  some tables of schema "s" are left as they were\nDETAIL: .*\nHINT:  When this transaction has ended, run \Q$rest\E/,
	'a warning says what to do about the others');
is($node->safe_psql('other', 'SELECT count(*) FROM p'), 0, 'a session of another database has room for its locks meanwhile');
$back->query('COMMIT');
$back->quit;
is($node->safe_psql('postgres', $guarded), $on, 'what it has done is done');

# A table that is in use is reported when the lock was not to be had, and stops no other.
$holder = $node->background_psql('postgres');
$holder->query("BEGIN; LOCK TABLE s.t600 IN ACCESS SHARE MODE");
my $calls = 0;
do { ($out, $err) = call("SET lock_timeout = '10ms'; $rest") } while $err =~ /left as they were/ && ++$calls < 30;
like($out, qr/^s\.t600\|refused\|canceling statement due to lock timeout\. Nothing was changed\. Call the function again;/m, 'a table that is in use is named');
is($node->safe_psql('postgres', $guarded), 1, 'all others are unprotected');
like((call("SET lock_timeout = '10ms'; SELECT tenant_guard.unprotect('s.t600')"))[1], qr/ERROR:  canceling statement due to lock timeout\nHINT:  Nothing was changed\. Call the function again;/,
	'so is what to do, for one table, too');
$holder->query('COMMIT');
$holder->quit;
call($rest);
is($node->safe_psql('postgres', "SELECT count(*) FROM tenant_guard.tables WHERE status = 'unprotected' AND reason = 'it''s late'"), 600, 'then that, too, for the reason that was given');
is($node->safe_psql('postgres', 'SELECT count(*) FROM tenant_guard.broken_invariants()'), 0, 'no invariant is broken');

# One by one, by the statements of docs/operations.md: what is in use stays guarded, and the others go on.
my ($recipe) = slurp_file('docs/operations.md') =~ /^## Taking the guards off\n.*?^```sql\n(.*?)^```/ms;
$node->safe_psql('postgres', 'CREATE SCHEMA x; SET client_min_messages = warning; CREATE TABLE x.a (tenant_id uuid); CREATE TABLE x.b (tenant_id uuid); CREATE TABLE x.c (tenant_id uuid)');
$holder = $node->background_psql('postgres');
$holder->query('BEGIN; LOCK TABLE x.b IN ACCESS SHARE MODE');
is(superuser_says($node, 'postgres', $recipe) =~ s/; (?=; )|^; |; $//gr, 'NOTICE 00000; ERROR 55P03; NOTICE 00000', 'of three tables one is in use');
is($node->safe_psql('postgres', "SELECT string_agg(relation::text, ',') FROM tenant_guard.tables WHERE status = 'guarded'"), 'x.b', 'which stays guarded');
$holder->query('COMMIT');
$holder->quit;
unlike(superuser_says($node, 'postgres', $recipe), qr/ERROR/, 'called again, the statements succeed');
is($node->safe_psql('postgres', $guarded), 0, 'and no table is guarded');

# --- Parts of what is not guarded ------------------------------------------------------------------------------------

# A table whose parent has no tenant column, or is in another schema, is guarded too.
$node->safe_psql('postgres', 'CREATE SCHEMA v; SET tenant_guard.auto_protect = off; CREATE TABLE v.base (id int); CREATE TABLE v.child (tenant_id uuid) INHERITS (v.base);'
	  . ' CREATE TABLE public.whole (tenant_id uuid, id int) PARTITION BY LIST (id); CREATE TABLE v.part PARTITION OF public.whole FOR VALUES IN (1);'
	  . ' CREATE TABLE v.parent (tenant_id uuid, id int) PARTITION BY LIST (id); CREATE TABLE v.of_parent PARTITION OF v.parent FOR VALUES IN (1)');
($out, $err) = call("CALL tenant_guard.protect_tables('v');");
like($err, qr/NOTICE:  3 of 3 tables of schema "v" are guarded, with their foreign keys$/m, 'of a table and its partitions, the first is counted');
is($node->safe_psql('postgres', q{SELECT relation, status FROM tenant_guard.tables_and_partitions WHERE relation::text ~ '^v\.' ORDER BY 1}),
	"v.base|unguarded\nv.child|guarded\nv.part|guarded\nv.parent|guarded\nv.of_parent|guarded", 'tables below others that are not guarded by the call are guarded');

# A table that is dropped while it is waited for is nothing to warn of.
$node->safe_psql('postgres', 'CREATE SCHEMA w; SET tenant_guard.auto_protect = off; CREATE TABLE w.dropped (tenant_id uuid); CREATE TABLE w.stays (tenant_id uuid)');
my $dropper = $node->background_psql('postgres');
my $caller = $node->background_psql('postgres', on_error_stop => 0);
$dropper->query('BEGIN; DROP TABLE w.dropped');
$caller->query_until(qr/begun/, "\\echo begun\nCALL tenant_guard.protect_tables('w', lock_timeout => '0');\n");
$node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE 'CALL%' AND wait_event_type = 'Lock'});
$dropper->query('COMMIT');
$dropper->quit;
$caller->query('SELECT 1');
like($caller->{stderr}, qr/NOTICE:  2 of 2 tables of schema "w" are guarded/, 'the call goes on');
unlike($caller->{stderr}, qr/WARNING/, 'and warns of nothing');
$caller->quit;

# --- What it refuses --------------------------------------------------------------------------------------------------

$node->safe_psql('postgres', 'CREATE SCHEMA u; SET tenant_guard.auto_protect = off;'
	  . ' CREATE TABLE u.a (id int PRIMARY KEY, tenant_id uuid); CREATE TABLE u.b (id int, tenant_id uuid, a int REFERENCES u.a); CREATE TABLE u.c (tenant_id uuid);'
	  . " INSERT INTO u.a VALUES (1, '$TENANT_A'); INSERT INTO u.b VALUES (1, '$TENANT_B', 1); INSERT INTO u.c VALUES (NULL)");
($out, $err) = call("CALL tenant_guard.protect_tables('u');");
like($err, qr/WARNING:  foreign keys of table u\.b do not carry the tenant: rows reference other tenants' rows/, 'rows that cross tenants are reported');
like($err, qr/WARNING:  table u\.c is not guarded: /, 'so is a table that cannot be guarded');
like($err, qr/NOTICE:  1 of 3 tables of schema "u" are guarded, with their foreign keys/, 'neither is counted');
is($node->safe_psql('postgres', q{SELECT status FROM tenant_guard.tables WHERE relation = 'u.b'::regclass}), 'guarded', 'a table whose rows cross tenants is guarded');
like((call("CALL tenant_guard.protect_tables('u', lock_timeout => 'soon');"))[1], qr/ERROR:  invalid value for parameter "lock_timeout": "soon"/, 'a timeout is checked first');
like((call("CALL tenant_guard.protect_tables(NULL);"))[1], qr/ERROR:  schema, lock_timeout and retries must not be null/, 'so are nulls');

$node->stop;
done_testing();
