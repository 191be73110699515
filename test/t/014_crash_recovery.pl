# After a crash in the middle of guarded writes the server comes back by itself with every guard whole and every tenant's
# committed rows, and no others. A transaction that is prepared outlives its session, so it may not have a tenant.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $node = start_server('server', conf => "restart_after_crash = on\nmax_prepared_transactions = 5");
my $superuser = getpwuid($<);

$node->safe_psql('postgres', <<"SQL");
SET client_min_messages = warning;
CREATE EXTENSION tenant_guard;
CREATE TABLE accounts (id int, tenant_id uuid, balance int, PRIMARY KEY (tenant_id, id));
CREATE TABLE entries (id serial, tenant_id uuid, account int, amount int, FOREIGN KEY (tenant_id, account) REFERENCES accounts);
CREATE INDEX ON entries (tenant_id, account);
CREATE TABLE plain (id int);
GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app;
SET row_security = off;
INSERT INTO accounts SELECT n, t::uuid, 0 FROM generate_series(1, 10) n, (VALUES ('$TENANT_A'), ('$TENANT_B')) v (t);
SQL

my $status = 'SELECT relation, status, tenant_column, detail FROM tenant_guard.tables ORDER BY relation::text; '
  . 'SELECT polrelid::regclass, polname, polpermissive, polcmd, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid) FROM pg_policy ORDER BY 1::text, 2;';
my $guards = $node->safe_psql('postgres', $status);

# A tenant's balances are the sums of its entries, by each tenant's own look and by the superuser's.
sub is_consistent
{
	my ($when) = @_;
	my $wrong = 'SELECT count(*) FROM accounts a WHERE balance <> (SELECT coalesce(sum(amount), 0) FROM entries e WHERE (e.tenant_id, e.account) = (a.tenant_id, a.id));';
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is($node->safe_psql('postgres', $status), $guards, "$when: the guards are as they were");
	is(superuser_says($node, 'postgres', "SET row_security = off; SELECT count(*), count(DISTINCT tenant_id) FROM accounts; $wrong"), '20|2; 0', "$when: so are the rows");
	foreach my $tenant ($TENANT_A, $TENANT_B)
	{
		is(says($node, 'postgres', 'app', "SELECT count(*) FROM accounts; BEGIN; SELECT tenant_guard.set_tenant('$tenant'); SELECT count(*) FROM accounts; $wrong"),
			"ERROR TG001; $tenant; 10; 0", "$when: a tenant sees its own, and none without it");
	}
	is(superuser_says($node, 'postgres', 'SELECT count(*) FROM accounts;'), 'ERROR TG003', "$when: a superuser has to say what is meant");
	return;
}

# --- kill -9 in the middle of guarded writes ----------------------------------------------------------------------------

is_consistent('before');

# Several sessions write for both tenants; each transaction moves an account and its entry together.
my $script = PostgreSQL::Test::Utils::tempdir() . '/write.sql';
append_to_file($script, <<"SQL");
\\set tenant random(0, 1)
\\set account random(1, 10)
\\set amount random(1, 100)
BEGIN;
SELECT tenant_guard.set_tenant((ARRAY['$TENANT_A', '$TENANT_B'])[:tenant + 1]);
UPDATE accounts SET balance = balance + :amount WHERE id = :account;
INSERT INTO entries (account, amount) VALUES (:account, :amount);
COMMIT;
SQL

# crash(round): the server is restarted by itself after one of its backends is killed.
sub crash
{
	my ($round) = @_;
	my ($out, $err) = ('', '');
	my $offset = -s $node->logfile;
	my $pgbench = IPC::Run::start([ $node->installed_command('pgbench'), '-n', '-c', '4', '-T', '60', '-f', $script, '-U', 'app', '-h', $node->host, '-p', $node->port, 'postgres' ],
		'>', \$out, '2>', \$err, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));

	$node->poll_query_until('postgres', 'SET row_security = off; SELECT count(*) > ' . 300 * $round . ' FROM entries', "SET\nt") or die 'nothing is written';
	# beside the many short transactions, one that has written much and is still at it
	my ($in, $session_out) = ('', '');
	my $session = IPC::Run::start([ $node->installed_command('psql'), '-XAtq', '-f', '-', '-U', 'app', '-d', $node->connstr('postgres') ],
		'<', \$in, '>', \$session_out, '2>&1', IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	$in .= "BEGIN; SELECT tenant_guard.set_tenant('$TENANT_A'); INSERT INTO entries (account, amount) SELECT 1 + n % 10, 1000000 FROM generate_series(1, 5000) n; "
	  . "SELECT 'pid ' || pg_backend_pid();\n";
	$session->pump until $session_out =~ /pid (\d+)/;
	my $pid = $1;
	$in .= "DELETE FROM entries WHERE amount = 1; UPDATE accounts SET balance = -1 WHERE id < 5 OR pg_sleep(600) IS NOT NULL;\n";
	$session->pump_nb;
	$node->poll_query_until('postgres', "SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = $pid") or die 'it does not come to its UPDATE';
	is(kill('KILL', $pid), 1, 'a backend is killed in the middle of guarded writes');

	$session->finish;
	$pgbench->finish;
	like($session_out, qr/server closed the connection unexpectedly|connection to server was lost/, 'its client loses it');
	like($err, qr/server closed the connection unexpectedly|terminating connection because of crash/, 'and so do all others');
	ok($node->wait_for_log(qr/ready to accept connections/, $offset), 'the server recovers');
	like(slurp_file($node->logfile, $offset), qr/was terminated by signal 9: Killed.*automatic recovery in progress.*ready to accept connections/s, 'by itself, from its log');
	is_consistent("after crash $round");
	return;
}

crash($_) foreach 1, 2;
cmp_ok(superuser_says($node, 'postgres', 'SET row_security = off; SELECT count(*) FROM entries;') =~ s/.*; //r, '>', 600, 'what was committed is there');
is($node->safe_psql('postgres', 'SET row_security = off; SELECT count(*) FROM entries WHERE amount = 1000000'), '0', 'what was not is gone');

# A table that was made and not committed is gone with its guard; one that was committed has it. The whole server this time.
is(superuser_says($node, 'postgres', 'SET client_min_messages = warning; CREATE TABLE committed (id int, tenant_id uuid); GRANT ALL ON committed TO app; SELECT tenant_guard.share(\'plain\');'),
	'', 'a table is made');
$guards = $node->safe_psql('postgres', $status);
my ($in, $out) = ('', '');
my $open = IPC::Run::start([ $node->installed_command('psql'), '-XAtq', '-f', '-', '-d', $node->connstr('postgres') ], '<', \$in, '>', \$out, '2>&1',
	IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
$in .= "BEGIN; SELECT tenant_guard.unprotect('entries'); CREATE TABLE uncommitted (tenant_id uuid); CHECKPOINT; SELECT 'done';\n";
$open->pump until $out =~ /^done$/m;
$node->stop('immediate');
$open->finish;
$node->start;
is_consistent('after the whole server');
is(says($node, 'postgres', 'app', "TABLE committed; BEGIN; SELECT tenant_guard.set_tenant('$TENANT_A'); INSERT INTO committed (id) VALUES (1) RETURNING tenant_id;"),
	"ERROR TG001; $TENANT_A; $TENANT_A", 'a table that was made before is guarded');

# --- Prepared transactions ------------------------------------------------------------------------------------------------

my $write = 'INSERT INTO entries (account, amount) VALUES (1, 0)';
my $prepared = 'SELECT count(*) FROM pg_prepared_xacts';

is(says($node, 'postgres', 'app', "BEGIN; SELECT tenant_guard.set_tenant('$TENANT_A'); $write; PREPARE TRANSACTION 'p';"), "$TENANT_A; ERROR TG005", 'with a tenant that was used it is refused');
is(says($node, 'postgres', 'app', "BEGIN; SELECT tenant_guard.set_tenant('$TENANT_A'); INSERT INTO plain VALUES (1); PREPARE TRANSACTION 'p';"), "$TENANT_A; ERROR TG005",
	'so it is with one that is set');
is(says($node, 'postgres', 'app', "BEGIN; SELECT tenant_guard.set_tenant('$TENANT_A'); $write; SELECT tenant_guard.clear_tenant(); PREPARE TRANSACTION 'p';"), "$TENANT_A; ; ERROR TG005",
	'and with one that was unset after it was used');
is(says($node, 'postgres', 'app', "BEGIN; INSERT INTO plain VALUES (1); PREPARE TRANSACTION 'p';", "-c tenant_guard.tenant_id=$TENANT_A"), 'ERROR TG005', 'and with a connection\'s');
is($node->safe_psql('postgres', "$prepared; SELECT count(*) FROM plain"), "0\n0", 'and nothing is left');

is(says($node, 'postgres', 'app', "BEGIN; INSERT INTO plain VALUES (1); PREPARE TRANSACTION 'without'; COMMIT PREPARED 'without'; SELECT count(*) FROM plain;"), '1', 'without a tenant it works');
is(superuser_says($node, 'postgres', "SET row_security = off; BEGIN; INSERT INTO entries (tenant_id, account, amount) VALUES ('$TENANT_A', 1, 0), ('$TENANT_B', 1, 0); PREPARE TRANSACTION 'bypass';"
			. 'SELECT count(*) FROM entries WHERE amount = 0;'),
	'0', 'so it does where every tenant\'s rows are meant');
is(superuser_says($node, 'postgres', "SET tenant_guard.bypass = on; BEGIN; SELECT tenant_guard.set_tenant('$TENANT_B'); INSERT INTO entries (account, amount) VALUES (2, 0); PREPARE TRANSACTION 'bypass tenant';"),
	$TENANT_B, 'also with a tenant, by tenant_guard.bypass');
is($node->safe_psql('postgres', $prepared), '2', 'they are prepared');

# Over a crash.
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', $prepared), '2', 'and are there after a crash');
is(says($node, 'postgres', 'app', 'COMMIT PREPARED \'bypass\';'), 'ERROR 42501', 'a role cannot finish another\'s');
is(superuser_says($node, 'postgres', "COMMIT PREPARED 'bypass'; ROLLBACK PREPARED 'bypass tenant'; SET row_security = off; SELECT tenant_id, account FROM entries WHERE amount = 0 ORDER BY 1;"),
	"$TENANT_A|1; $TENANT_B|1", 'their rows are their tenants\'');
is_consistent('at last');

$node->stop;
done_testing();
