# Many tenants over a few sessions, as behind a connection pool: whatever a transaction before has done in the session
# (set a tenant for the session, failed, gone back to a savepoint, left a prepared statement or a cursor), each sees and
# writes its own tenant's rows alone, and one that sets no tenant sees nothing.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $node = start_server('pool');
my $dir = PostgreSQL::Test::Utils::tempdir();

# Tenant n has n rows, each of which says whose it is beside the tenant column.
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION tenant_guard;
CREATE FUNCTION tenant(n int) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
CREATE TABLE notes (tenant_id uuid, owner int);
CREATE INDEX ON notes (tenant_id);
SET tenant_guard.bypass = on;
INSERT INTO notes SELECT tenant(n), n FROM generate_series(1, 20) n, generate_series(1, n);
CREATE TABLE written (tenant_id uuid, owner int);
GRANT ALL ON notes, written TO app;

-- Fails where the session sees a row that is not the tenant's, or not all of the tenant's.
CREATE FUNCTION see(n int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	own int;
	foreign_rows int;
BEGIN
	SELECT count(*) FILTER (WHERE owner = n), count(*) FILTER (WHERE owner <> n) INTO own, foreign_rows FROM notes;
	IF own <> n OR foreign_rows <> 0 OR (SELECT count(*) FROM notes WHERE owner = n) <> n THEN
		RAISE 'LEAK: tenant % sees % rows of its own and % of others', n, own, foreign_rows;
	END IF;
END $$;

-- Fails where the session sees anything at all; any error of ours is right.
CREATE FUNCTION see_nothing() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	seen int;
BEGIN
	SELECT count(*) INTO seen FROM notes;
	RAISE 'LEAK: without a tenant % rows are seen', seen;
EXCEPTION
	WHEN SQLSTATE 'TG001' OR SQLSTATE 'TG006' THEN NULL;
END $$;

-- Fails where the tenant can be changed to another.
CREATE FUNCTION cannot_become(n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM tenant_guard.set_tenant(tenant(n));
	PERFORM count(*) FROM notes;
	RAISE 'LEAK: the tenant was changed to %', n;
EXCEPTION
	WHEN SQLSTATE 'TG002' THEN NULL;
END $$;
SQL

# What the sessions do, by turns. :t is the tenant, :u another.
my %transactions = (
	one_tenant => <<'SQL',
BEGIN;
SELECT tenant_guard.set_tenant(tenant(:t));
SELECT see(:t);
SELECT count(*) FILTER (WHERE owner = :t) AS own, count(*) FILTER (WHERE owner <> :t) AS others FROM notes \gset
\if :own <> :t or :others <> 0
SELECT 'LEAK' FROM leak;
\endif
INSERT INTO written (owner) VALUES (:t);
COMMIT;
SQL
	no_tenant => <<'SQL',
SELECT see_nothing();
BEGIN;
SELECT see_nothing();
COMMIT;
SQL
	tenant_of_the_session => <<'SQL',
BEGIN;
SELECT tenant_guard.set_tenant(tenant(:t), false);
SELECT see(:t);
INSERT INTO written (owner) VALUES (:t);
COMMIT;
SELECT see_nothing();
SET tenant_guard.tenant_id = '00000000-0000-0000-0000-000000000001';
SELECT see_nothing();
SQL
	aborted => <<'SQL',
BEGIN;
SELECT tenant_guard.set_tenant(tenant(:t), :local = 1);
SELECT see(:t);
INSERT INTO written (owner) VALUES (:u);
ROLLBACK;
SELECT see_nothing();
SQL
	savepoints => <<'SQL',
BEGIN;
SAVEPOINT s;
SELECT tenant_guard.set_tenant(tenant(:u));
ROLLBACK TO s;
SELECT tenant_guard.set_tenant(tenant(:t), :local = 1);
SELECT cannot_become(:u);
SAVEPOINT s2;
SELECT see(:t);
SELECT cannot_become(:u);
ROLLBACK TO s2;
SELECT see(:t);
INSERT INTO written (owner) VALUES (:t);
RELEASE s;
SELECT see(:t);
COMMIT;
SELECT see_nothing();
SQL
	cursor => <<'SQL',
BEGIN;
SELECT tenant_guard.set_tenant(tenant(:t));
DECLARE c CURSOR FOR SELECT owner FROM notes;
FETCH 1 FROM c \gset
\if :owner <> :t
SELECT 'LEAK' FROM leak;
\endif
SELECT cannot_become(:u);
FETCH 1 FROM c;
COMMIT;
SQL
	reset => <<'SQL',
DISCARD ALL;
SELECT see_nothing();
BEGIN;
SELECT tenant_guard.set_tenant(tenant(:t), false);
SELECT see(:t);
RESET ALL;
SELECT see_nothing();
COMMIT;
SELECT see_nothing();
SQL
);

foreach my $name (keys %transactions)
{
	my $variables = "\\set t random(1, 20)\n\\set u 1 + (:t + random(0, 18)) % 20\n\\set local random(0, 1)\n";

	# pgbench's \if takes a variable alone
	append_to_file("$dir/$name.sql", $variables . ($transactions{$name} =~ s/^\\if (.*)$/\\set leak $1\n\\if :leak/mgr));
}

sub scripts { return map { ('-f', "$dir/$_.sql") } @_; }

# DISCARD ALL would take the statements that pgbench itself has prepared.
my @all = sort keys %transactions;
my $transactions = 0;
foreach my $run (['simple', @all], ['extended', @all], ['prepared', grep { $_ ne 'reset' } @all])
{
	my ($mode, @names) = @$run;
	my ($out, $err);

	IPC::Run::run([ $node->installed_command('pgbench'), '-n', '-c', '8', '-j', '2', '-t', '800', '-M', $mode, '--random-seed=42',
			'-U', 'app', '-p', $node->port, '-h', $node->host, scripts(@names), 'postgres' ],
		'>', \$out, '2>', \$err);
	is($? >> 8, 0, "pgbench -M $mode runs to its end") or diag($out, $err);
	unlike($err, qr/LEAK|leak/, 'no transaction saw a row that is not its tenant\'s');
	like($out, qr{number of transactions actually processed: 6400/6400$}m, 'each was done') and $transactions += 6400;
}

# Each row that was written is its tenant's, by the transactions that committed.
sub count_all { return $node->safe_psql('postgres', "SET tenant_guard.bypass = on; SELECT count(*) FROM $_[0]"); }
is(count_all('written WHERE tenant_id IS DISTINCT FROM tenant(owner)'), '0',
	"each row that was written in $transactions transactions is its tenant's");
cmp_ok(count_all('written'), '>', 1000, 'and they are many');
is(count_all('notes'), '210', 'no row was changed that should not be');

$node->stop;
done_testing();
