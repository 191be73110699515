# Who bypasses the isolation of tenants is in the server's log: one line for a statement, with the role, the database, the
# relations, the means and the application's name, and no value of any row. What is refused, or bypasses nothing, is not.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

# The log is to have nothing of statements but what our lines may bring along.
my $node = start_server('server', conf => "log_statement = none\nlog_min_error_statement = panic\nmax_prepared_transactions = 2\nautovacuum = off");
my $superuser = getpwuid($<);

$node->safe_psql('postgres', 'CREATE ROLE job LOGIN BYPASSRLS; CREATE ROLE granted LOGIN; GRANT SET ON PARAMETER tenant_guard.bypass TO job, granted; CREATE DATABASE shop');
$node->safe_psql('shop', <<"SQL");
SET client_min_messages = warning;
CREATE EXTENSION tenant_guard;
CREATE TABLE customers (id int, tenant_id uuid, name text, PRIMARY KEY (tenant_id, id));
CREATE TABLE orders (id int, tenant_id uuid, customer int, FOREIGN KEY (tenant_id, customer) REFERENCES customers ON DELETE CASCADE);
CREATE TABLE events (at int, tenant_id uuid) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (100);
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (100) TO (200);
CREATE TABLE "Odd table" (id int, tenant_id uuid);
CREATE TABLE countries (code text);
CREATE VIEW customer_view AS SELECT * FROM customers;
CREATE FUNCTION tenant_of(text) RETURNS uuid LANGUAGE plpgsql STABLE SECURITY DEFINER SET tenant_guard.bypass = on
AS 'BEGIN RETURN (SELECT tenant_id FROM customers WHERE name = \$1); END';
CREATE FUNCTION without_saying() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM customers';
GRANT ALL ON ALL TABLES IN SCHEMA public TO app, job, granted;
GRANT CREATE ON SCHEMA public TO granted;
SET row_security = off;
INSERT INTO customers SELECT n, CASE WHEN n % 2 = 0 THEN '$TENANT_A' ELSE '$TENANT_B' END::uuid, 'secret ' || n FROM generate_series(1, 5000) n;
INSERT INTO orders SELECT id, tenant_id, id FROM customers;
INSERT INTO events SELECT n, '$TENANT_A' FROM generate_series(0, 199) n;
ANALYZE;
SQL

# The list of relations in a line, in one order and each once.
sub relations { my %seen = map { $_ => 1 } split(/, /, $_[0]); return join(', ', sort keys %seen); }

# What a role's statements leave in the log, as a list of "role: relations, means", the raw text of it, and what psql says.
sub logged
{
	my ($user, $sql) = @_;
	my $offset = -s $node->logfile;
	my $said = says($node, 'shop', $user, "SET application_name = 'nightly job'; SET client_min_messages = debug1; $sql");
	my $log = slurp_file($node->logfile, $offset);
	my @lines = $log =~ /LOG:  tenant_guard: (.*)/g;

	note($log);
	unlike($said, qr/LOG|bypassed/, 'the client is not told: ' . $sql =~ s/\n.*//sr);
	s/^role "(.*)" bypassed the isolation of tenants in database "shop": (.*) \(by means of (.*), application "nightly job"\)$/"$1: " . relations($2) . ", $3"/e
		foreach @lines;
	return (join("\n", @lines), $log, $said);
}

# logs(user, sql, expected line...)
sub logs
{
	my ($user, $sql, @expected) = @_;
	my ($lines) = logged($user, $sql);
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is($lines, join("\n", @expected), "$user: " . $sql =~ s/\n/ /gr);
	return;
}

sub logs_nothing { my ($user, $sql) = @_; local $Test::Builder::Level = $Test::Builder::Level + 1; return logs($user, $sql); }

my $off = 'row_security = off';
my $bypass = 'tenant_guard.bypass';

# --- Who, what, by what means -------------------------------------------------------------------------------------------

logs($superuser, 'SET row_security = off; SELECT count(*) FROM customers;', "$superuser: public.customers, $off");
logs($superuser, 'SET tenant_guard.bypass = on; SELECT count(*) FROM customers;', "$superuser: public.customers, $bypass");
logs('job', 'SET row_security = off; SELECT count(*) FROM customers;', "job: public.customers, $off");
logs('job', 'SET tenant_guard.bypass = on; SELECT count(*) FROM customers;', "job: public.customers, $bypass");
logs($superuser, 'SET row_security = off; SET ROLE job; SELECT count(*) FROM customers;', "job: public.customers, $off");
logs('app', 'SELECT tenant_of(\'secret 1\') IS NOT NULL;', "$superuser: public.customers, $bypass");
logs('app', 'BEGIN; SELECT tenant_guard.set_tenant(tenant_of(\'secret 1\')); SELECT count(*) FROM customers; COMMIT;', "$superuser: public.customers, $bypass");

# Every relation that is guarded, by its name, and no other.
logs('job', 'SET row_security = off; SELECT count(*) FROM customers, countries WHERE EXISTS (SELECT FROM orders) AND id IN (SELECT id FROM "Odd table");',
	"job: public.\"Odd table\", public.customers, public.orders, $off");
logs($superuser, 'SET tenant_guard.bypass = on; SELECT count(*) FROM customer_view;', "$superuser: public.customers, $bypass");
logs('job', 'SET row_security = off; SELECT count(*) FROM events;', "job: public.events, $off");
logs('job', 'SET row_security = off; SELECT count(*) FROM events_1;', "job: public.events_1, $off");

# --- By every kind of statement, once ------------------------------------------------------------------------------------

foreach my $statement (
	'INSERT INTO customers VALUES (9001, \'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa\', \'secret\')',
	'UPDATE customers SET name = name WHERE id < 100',
	'DELETE FROM customers WHERE id = 9001',
	'SELECT FROM customers LIMIT 1 FOR UPDATE',
	'MERGE INTO customers c USING (VALUES (1)) v (id) ON v.id = c.id WHEN MATCHED THEN DO NOTHING',
	'WITH w AS (UPDATE customers SET name = name WHERE id = 1 RETURNING *) SELECT count(*) FROM w, customers',
	'COPY customers TO stdout',
	'COPY (SELECT count(*) FROM customers) TO stdout',
	'EXPLAIN (ANALYZE, COSTS OFF) SELECT count(*) FROM customers',
	'BEGIN; DECLARE c CURSOR FOR SELECT id FROM customers; FETCH 10 FROM c; FETCH ALL FROM c; COMMIT',
	'DECLARE c CURSOR WITH HOLD FOR SELECT id FROM customers; FETCH 10 FROM c; FETCH 10 FROM c',
	'PREPARE p AS SELECT count(*) FROM customers; EXECUTE p',
	'DO $$ BEGIN PERFORM count(*) FROM customers; END $$',
	"COPY customers (id, tenant_id, name) FROM stdin;\n9002\t$TENANT_A\tsecret\n9003\t$TENANT_B\tsecret\n\\.\n")
{
	logs('job', "SET row_security = off; $statement;", "job: public.customers, $off");
}
logs('job', 'SET row_security = off; PREPARE p AS SELECT count(*) FROM customers; EXECUTE p; EXECUTE p;', ("job: public.customers, $off") x 2);
logs($superuser, 'SET row_security = off; CREATE TEMP TABLE copy AS SELECT id, name FROM customers;', "$superuser: public.customers, $off");
logs($superuser, 'SET row_security = off; CREATE MATERIALIZED VIEW totals AS SELECT tenant_id, count(*) FROM orders GROUP BY 1;', "$superuser: public.orders, $off");
logs($superuser, 'SET row_security = off; CREATE UNIQUE INDEX ON totals (tenant_id); REFRESH MATERIALIZED VIEW totals; REFRESH MATERIALIZED VIEW CONCURRENTLY totals;',
	("$superuser: public.orders, $off") x 2);
logs($superuser, 'SET row_security = off; DROP MATERIALIZED VIEW totals;');

# What a foreign key's action does to other guarded tables is part of the statement.
logs('job', 'SET row_security = off; DELETE FROM customers WHERE id BETWEEN 4000 AND 4100;', "job: public.customers, $off");

# A parallel query.
my $parallel = 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;';
my ($lines, undef, $said) = logged('job', "SET row_security = off; $parallel EXPLAIN (ANALYZE, COSTS OFF) SELECT count(*) FROM customers JOIN orders USING (id);");
is($lines, "job: public.customers, public.orders, $off", 'a parallel query is logged once');
like($said, qr/Workers Launched: [12];/, 'and it was a parallel one');

# What a function does in a worker, the leader has not logged.
$node->safe_psql('shop', <<'SQL');
CREATE TABLE numbers AS SELECT generate_series(1, 500) AS n;
GRANT SELECT ON numbers TO app;
CREATE FUNCTION customers_known(int) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER PARALLEL SAFE SET tenant_guard.bypass = on AS
'BEGIN RETURN (SELECT count(*) FROM customers WHERE id = $1); END';
SQL
($lines, undef, $said) = logged('app', "$parallel SET parallel_leader_participation = off; SELECT sum(customers_known(n)) >= 0 FROM numbers; EXPLAIN (COSTS OFF) SELECT sum(customers_known(n)) FROM numbers;");
like($lines, qr/^(\Q$superuser: public.customers, $bypass\E\n?){1,2}$/, 'a bypassing function in a worker is logged, once a worker');
like($said, qr/Gather/, 'and it ran in one');

# A materialized view whose query is parallel is filled where it is meant.
($lines, undef, $said) = logged($superuser, "SET row_security = off; $parallel CREATE MATERIALIZED VIEW known AS SELECT count(*) FROM customers JOIN orders USING (id); DROP MATERIALIZED VIEW known;");
is($lines, "$superuser: public.customers, public.orders, $off", 'so is a materialized view');
unlike($said, qr/ERROR/, 'and its parallel workers may read');

# TRUNCATE, a line for each table that it takes.
logs($superuser, 'SET row_security = off; BEGIN; TRUNCATE events_1; ROLLBACK;', "$superuser: TRUNCATE of public.events_1, $off");
logs($superuser, 'SET tenant_guard.bypass = on; BEGIN; TRUNCATE customers CASCADE; ROLLBACK;', map { "$superuser: TRUNCATE of public.$_, $bypass" } qw(customers orders));

# DDL that weakens a guard.
foreach my $statement ('ALTER TABLE "Odd table" DISABLE ROW LEVEL SECURITY', 'ALTER TABLE "Odd table" NO FORCE ROW LEVEL SECURITY', 'DROP POLICY tenant_isolation ON "Odd table"',
	'ALTER POLICY tenant_isolation ON "Odd table" TO app', 'ALTER POLICY tenant_isolation ON "Odd table" RENAME TO other',
	'ALTER TABLE "Odd table" ALTER tenant_id DROP NOT NULL')
{
	logs($superuser, "SET tenant_guard.bypass = on; BEGIN; $statement; ROLLBACK;", "$superuser: a statement weakened the guard of public.\"Odd table\", $bypass");
}
logs($superuser, 'SET row_security = off; BEGIN; ALTER TABLE "Odd table" NO FORCE ROW LEVEL SECURITY; ROLLBACK;',
	"$superuser: a statement weakened the guard of public.\"Odd table\", $off");
logs($superuser, 'SET row_security = off; BEGIN; ALTER TABLE "Odd table" NO FORCE ROW LEVEL SECURITY; SELECT count(*) FROM "Odd table"; ROLLBACK;',
	"$superuser: a statement weakened the guard of public.\"Odd table\", $off", "$superuser: public.\"Odd table\", $off");

logs($superuser, 'SET tenant_guard.bypass = on; BEGIN; ALTER TABLE "Odd table" DROP COLUMN tenant_id CASCADE; ROLLBACK;',
	"$superuser: a statement weakened the guard of public.\"Odd table\", $bypass");
logs('app', 'SELECT count(tenant_of(\'secret \' || n)) FROM generate_series(1, 20) n;', "$superuser: public.customers, $bypass");

# What the error of a foreign key's action does not tell who is bound, the log has.
$node->safe_psql('shop', "SET client_min_messages = warning; CREATE TABLE writers (id int PRIMARY KEY); CREATE TABLE letters (tenant_id uuid, body text, writer int NOT NULL REFERENCES writers ON DELETE SET NULL);"
	  . " GRANT SELECT, DELETE ON writers TO app; INSERT INTO writers VALUES (1); SET row_security = off; INSERT INTO letters VALUES ('$TENANT_B', 'a letter', 1)");
(undef, my $log, $said) = logged('app', 'DELETE FROM writers;');
unlike($said, qr/a letter/, 'an error of a foreign key\'s action does not show another tenant\'s row');
like($log, qr/DETAIL:  Failing row contains \($TENANT_B, a letter, null\)/, 'and the log has it');

# Other refusals that were lifted.
my $tenant = "SELECT tenant_guard.set_tenant('$TENANT_A');";

logs('granted', "SET tenant_guard.bypass = on; BEGIN; $tenant DECLARE c CURSOR WITH HOLD FOR SELECT id FROM customers; COMMIT;", "granted: public.customers, $bypass");
logs('granted', "SET tenant_guard.bypass = on; BEGIN; $tenant INSERT INTO customers (id) VALUES (9100); PREPARE TRANSACTION 'p'; ROLLBACK PREPARED 'p';",
	"granted: PREPARE TRANSACTION with a tenant, $bypass");
logs('granted', 'SET tenant_guard.bypass = on; CREATE TEMP TABLE customers (id int);', "granted: a temporary relation hides public.customers, $bypass");

# unprotect, whoever does it.
my ($unprotected) = logged($superuser, 'BEGIN; SELECT tenant_guard.unprotect(\'"Odd table"\'); ROLLBACK;');
is($unprotected, "table public.\"Odd table\" was unprotected by role \"$superuser\"", 'unprotect is logged');
($unprotected) = logged('granted', 'CREATE TABLE mine (tenant_id uuid); SELECT tenant_guard.unprotect(\'mine\'); DROP TABLE mine;');
is($unprotected, 'table public.mine was unprotected by role "granted"', 'also an owner\'s');
($unprotected) = logged($superuser, 'SET tenant_guard.log_bypass = off; BEGIN; SELECT tenant_guard.unprotect(\'"Odd table"\'); ROLLBACK;');
is($unprotected, "table public.\"Odd table\" was unprotected by role \"$superuser\"", 'log_bypass does not hide it');

# --- What the log must not say --------------------------------------------------------------------------------------------

# Values: our lines bring no statement along, nor the statement of a function or a DO block.
my $id = 9200;
foreach my $user ($superuser, 'job')
{
	my $set = 'SET row_security = off;';

	foreach my $statement (
		'SELECT count(*) FROM customers WHERE name = \'secret 1\'',
		'INSERT INTO customers VALUES (' . $id++ . ", '$TENANT_A', 'secret')",
		'UPDATE customers SET name = \'secret\' WHERE id = 1',
		"COPY customers (id, tenant_id, name) FROM stdin;\n${\($id++)}\t$TENANT_A\tsecret\n\\.\n",
		'PREPARE p AS SELECT count(*) FROM customers WHERE name = $1; EXECUTE p (\'secret\')')
	{
		my (undef, $log) = logged($user, "$set $statement;");
		like($log, qr/bypassed/, 'it is logged');
		unlike($log, qr/secret|$TENANT_A/, "$user: no value is: " . $statement =~ s/\n.*//sr);
	}
	my (undef, $log) = logged($user, "$set DO \$\$ BEGIN EXECUTE 'SELECT count(*) FROM customers WHERE name = ''secret 1'''; END \$\$;");
	unlike($log, qr/secret/, "$user: no value is, of a statement in a block");
}

# One line is all that a log may keep of it.
$node->safe_psql('postgres', 'ALTER ROLE job SET log_error_verbosity = terse');
my $offset = -s $node->logfile;
says($node, 'shop', 'job', 'SET application_name = \'nightly job\'; SET row_security = off; SELECT count(*) FROM customers;');
like(slurp_file($node->logfile, $offset), qr/^.*"job".*"shop".*public\.customers.*row_security = off.*"nightly job".*$/m, 'all of it is one line');
$node->safe_psql('postgres', 'ALTER ROLE job RESET log_error_verbosity');

# What was refused.
logs_nothing($superuser, 'SELECT count(*) FROM customers; TRUNCATE events; COPY customers TO stdout; ALTER TABLE customers NO FORCE ROW LEVEL SECURITY; DROP POLICY tenant_isolation ON orders;');
logs_nothing('job', 'SELECT count(*) FROM customers, orders; UPDATE customers SET name = NULL;');
logs_nothing('app', 'SELECT count(*) FROM customer_view; SELECT without_saying(); SET row_security = off; SELECT count(*) FROM customers; SELECT count(*) FROM customer_view; SELECT without_saying();');
logs_nothing('app', 'SELECT count(*) FROM customers; TRUNCATE customers CASCADE; SET tenant_guard.bypass = on; SELECT count(*) FROM customers;');
logs_nothing('job', 'SET row_security = off; SELECT count(*) FROM customers, customer_view;');
logs_nothing('granted', 'SET tenant_guard.bypass = on; SELECT count(*) FROM customers;');

# What bypassed nothing.
logs_nothing('app', "BEGIN; SELECT tenant_guard.set_tenant('$TENANT_A'); SELECT count(*) FROM customers; INSERT INTO customers (id) VALUES (9300); DELETE FROM customers WHERE id = 9300; COMMIT;");
logs_nothing('granted', "SET tenant_guard.bypass = on; BEGIN; SELECT tenant_guard.set_tenant('$TENANT_A'); SELECT count(*) FROM customers; COMMIT;");
logs_nothing($superuser, 'SET tenant_guard.bypass = on; SET row_security = off; SELECT count(*) FROM countries; INSERT INTO countries VALUES (\'DE\'); TRUNCATE countries; CREATE TABLE plain (id int); DROP TABLE plain;');
logs_nothing($superuser, 'SET tenant_guard.bypass = on; ALTER TABLE "Odd table" ADD COLUMN note text; ANALYZE customers; VACUUM customers; CREATE INDEX ON orders (customer);');

# With log_bypass off, for a role or in a session; who bypasses cannot turn it off.
logs_nothing($superuser, 'SET tenant_guard.log_bypass = off; SET row_security = off; SELECT count(*) FROM customers; BEGIN; TRUNCATE events; ALTER TABLE customers NO FORCE ROW LEVEL SECURITY; ROLLBACK;');
($lines, undef, $said) = logged('job', 'SET tenant_guard.log_bypass = off; SET row_security = off; SELECT count(*) FROM customers;');
is($lines, "job: public.customers, $off", 'a role that may bypass row-level security cannot turn the log off');
like($said, qr/ERROR 42501/, 'and is told so');
$node->safe_psql('postgres', 'ALTER ROLE job SET tenant_guard.log_bypass = off');
logs_nothing('job', 'SET row_security = off; SELECT count(*) FROM customers;');
$node->safe_psql('postgres', 'ALTER ROLE job RESET tenant_guard.log_bypass');
logs('job', 'SET row_security = off; SELECT count(*) FROM customers;', "job: public.customers, $off");

$node->stop;
done_testing();
