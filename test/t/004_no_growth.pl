# A session's memory does not grow with its work: what a transaction, an error or a table costs is given back with it.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $node = start_server('growing');

# Of the backend: what its memory contexts say, and what the system says (which counts malloc, guc.c's way until 15).
my $memory = 'SELECT \'memory\', (SELECT sum(used_bytes) FROM pg_backend_memory_contexts), '
  . '(SELECT 4096 * (f[2]::bigint - f[3]::bigint) FROM string_to_array(pg_read_file(\'/proc/self/statm\'), \' \') f);';

$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION tenant_guard;
CREATE TABLE t (tenant_id uuid, body text);
CREATE TABLE source (id int, tenant_id uuid);
CREATE TABLE by_hand (id int, org_id uuid);
SET tenant_guard.bypass = on;
INSERT INTO t VALUES ('$TENANT_A', 'of a'), ('$TENANT_B', 'of b');
GRANT ALL ON t TO app;

CREATE FUNCTION a_tenant(i int) RETURNS text LANGUAGE sql IMMUTABLE AS
\$\$ SELECT CASE WHEN i % 2 = 0 THEN '$TENANT_A' ELSE '{' || upper('$TENANT_B') || '}' END \$\$;

CREATE PROCEDURE transactions(n int) LANGUAGE plpgsql AS \$\$
BEGIN
	FOR i IN 1..n LOOP
		SET LOCAL ROLE app;
		PERFORM tenant_guard.set_tenant(a_tenant(i));
		ASSERT (SELECT count(*) FROM t) = 1;
		IF i % 3 = 0 THEN ROLLBACK; ELSE COMMIT; END IF;
	END LOOP;
END \$\$;

CREATE PROCEDURE settings(n int) LANGUAGE plpgsql AS \$\$
BEGIN
	FOR i IN 1..n LOOP
		PERFORM tenant_guard.set_tenant(a_tenant(i / 100), false);
		PERFORM set_config('tenant_guard.tenant_id', a_tenant(i / 100), i % 3 = 0);
		PERFORM tenant_guard.clear_tenant();
		PERFORM set_config('tenant_guard.tenant_id', a_tenant(i / 100), true);
		RESET tenant_guard.tenant_id;
		IF i % 100 = 99 THEN COMMIT; END IF;
	END LOOP;
END \$\$;

CREATE PROCEDURE errors(n int) LANGUAGE plpgsql AS \$\$
DECLARE
	statements text[] := ARRAY['SELECT FROM t', 'SELECT tenant_guard.set_tenant(''no uuid'')', 'SELECT tenant_guard.set_tenant(NULL::text)',
		'SELECT tenant_guard.set_tenant(a_tenant(0)); SELECT FROM t; SELECT tenant_guard.set_tenant(a_tenant(1))',
		'SELECT tenant_guard.protect(''t'', ''no_column'')', 'ALTER TABLE t DISABLE ROW LEVEL SECURITY', 'SELECT tenant_guard.current_tenant_text()',
		'SELECT FROM t'];
	states text := '';
BEGIN
	FOR i IN 1..n LOOP
		BEGIN
			EXECUTE 'SET LOCAL ROLE ' || CASE WHEN i % 8 IN (4, 5, 7) THEN session_user ELSE 'app' END;
			EXECUTE statements[1 + i % 8];
			RAISE 'not refused: %', statements[1 + i % 8];
		EXCEPTION
			WHEN SQLSTATE 'TG001' OR SQLSTATE 'TG002' OR SQLSTATE 'TG003' OR SQLSTATE 'TG004' OR SQLSTATE 'TG005' OR undefined_column THEN NULL;
		END;
		IF i % 10 = 0 THEN COMMIT; END IF;
	END LOOP;
END \$\$;

CREATE PROCEDURE tables(n int) LANGUAGE plpgsql AS \$\$
BEGIN
	FOR i IN 1..n LOOP
		CASE i % 4
			WHEN 0 THEN CREATE TABLE made (id int, tenant_id uuid);
			WHEN 1 THEN SET LOCAL tenant_guard.bypass = on; CREATE TABLE made AS SELECT * FROM source;
			WHEN 2 THEN CREATE TABLE made (id int); ALTER TABLE made ADD COLUMN tenant_id uuid;
			ELSE CREATE TABLE made (LIKE source) PARTITION BY RANGE (id);
		END CASE;
		ASSERT (SELECT status = 'guarded' FROM tenant_guard.guard_status('made'));
		CREATE TABLE no_concern (id int PRIMARY KEY);
		DROP TABLE no_concern;
		DROP TABLE made;
		COMMIT;
	END LOOP;
END \$\$;

CREATE PROCEDURE guards(n int) LANGUAGE plpgsql AS \$\$
BEGIN
	FOR i IN 1..n LOOP
		PERFORM tenant_guard.protect('by_hand', 'org_id');
		PERFORM tenant_guard.unprotect('by_hand');
		COMMIT;
	END LOOP;
END \$\$;
SQL

# doubled(name, work, bound, errors): does the work twice in one session. The first time fills the caches; the second
# must add no more bytes than the bound, which is small change beside its thousands of rounds. The process may grow by
# some more: the system counts in pages.
sub doubled
{
	my ($name, $work, $bound, $errors) = @_;
	my $said = superuser_says($node, 'postgres', "SET client_min_messages = warning; $work $memory $work $memory");
	my $count = $said =~ s/ERROR TG\d+; //g;
	my ($contexts, $system) = $said =~ /^memory\|(\d+)\|(\d+); memory\|(\d+)\|(\d+)$/ ? ($3 - $1, $4 - $2) : ();

	is($count || 0, $errors // 0, "$name: what must be refused is");
	ok(defined $contexts, "$name: all is done") or diag(substr($said, 0, 2000)) or return;
	cmp_ok($contexts, '<=', $bound, "$name: memory contexts do not grow by more than $bound bytes");
	cmp_ok($system, '<=', $bound + 250_000, "$name: nor does the process");
	note "$name: contexts grew by $contexts, the process by $system";
	return;
}

doubled('40,000 transactions', 'CALL transactions(20000);', 8192);
doubled('20,000 times five settings', 'CALL settings(10000);', 8192);
doubled('20,000 errors', 'CALL errors(10000);', 8192);
# PostgreSQL itself keeps some 190 bytes of each round, measured without the extension.
doubled('1,600 tables', 'CALL tables(400);', 98_304);
doubled('400 guards put on and taken off', 'CALL guards(200);', 16_384);

# As a driver sends them, a message a statement.
my $transaction = join("\n", map { "BEGIN; SELECT tenant_guard.set_tenant(a_tenant($_)) \\gset\nSELECT count(*) FROM t \\gset\nCOMMIT;" } 1 .. 1000);
doubled('2,000 transactions of a client', "SET ROLE app; $transaction RESET ROLE;\n", 8192);
my $refused = join(' ', map { "SELECT count(*) FROM t; BEGIN; SELECT tenant_guard.set_tenant('$_'); ROLLBACK;" } 1 .. 1000);
doubled('4,000 errors of a client', "SET ROLE app; $refused RESET ROLE;", 8192, 4000);

$node->stop;
done_testing();
