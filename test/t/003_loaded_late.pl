# Where the library is not preloaded, the first call of one of its functions loads it, in the midst of a session. What
# was in the session by then gains nothing: a tenant of an earlier transaction is stale, one that is none is dropped,
# and what is the superuser's to set was never set.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $node = start_server('late', preload => 0);
my $look = 'SELECT string_agg(body, \' \' ORDER BY body) FROM t;';
my ($set_a, $set_b) = map { "SET tenant_guard.tenant_id = '$_';" } ($TENANT_A, $TENANT_B);
my ($local_a, $local_b) = map { "SET LOCAL tenant_guard.tenant_id = '$_';" } ($TENANT_A, $TENANT_B);

# Where a guard is what loads it the session's queries are refused (005_late_loading.pl), unless that is allowed: they show
# here what they make of the values.
$node->append_conf('postgresql.conf', 'tenant_guard.late_loading = allow');
$node->reload;
$node->safe_psql('postgres', 'CREATE EXTENSION tenant_guard');
$node->safe_psql('postgres', 'CREATE TABLE t (tenant_id uuid, body text); GRANT ALL ON t TO app');
$node->safe_psql('postgres', "INSERT INTO t VALUES ('$TENANT_A', 'of a'), ('$TENANT_B', 'of b')");
$node->safe_psql('postgres', 'CREATE DATABASE texts');
$node->safe_psql('postgres', 'ALTER DATABASE texts SET tenant_guard.tenant_type = \'text\'');
$node->safe_psql('texts', 'CREATE EXTENSION tenant_guard; CREATE TABLE t (tenant_id text, body text); GRANT ALL ON t TO app');
$node->safe_psql('texts', "INSERT INTO t VALUES ('acme', 'of acme')");

sub app_says { my ($sql, $pgoptions, $database) = @_; return says($node, $database // 'postgres', 'app', $sql, $pgoptions); }

# Row-level security itself calls the library: a session that never called it sees no row.
foreach my $statement ('SELECT body FROM t', 'TABLE t', 'COPY t TO stdout', 'UPDATE t SET body = \'mine\'', 'DELETE FROM t',
	"INSERT INTO t VALUES ('$TENANT_A', 'x')", 'INSERT INTO t (body) VALUES (\'x\')', 'SELECT body FROM t FOR UPDATE',
	"SELECT body FROM t WHERE tenant_id = '$TENANT_A'", 'EXPLAIN SELECT body FROM t',
	"PREPARE q AS SELECT body FROM t; EXECUTE q", 'MERGE INTO t USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE')
{
	is(app_says("$statement;"), 'ERROR TG001', "the first statement of a session is refused: $statement");
}
is(app_says('SET row_security = off; SELECT body FROM t;'), 'ERROR 42501', 'row_security = off is no way around it');

# What a DBA looks at loads it too.
is(superuser_says($node, 'postgres', 'SELECT relation, status, tenant_column, tenant_type, detail FROM tenant_guard.tables;'), 't|guarded|tenant_id|uuid|', 'so does the view "tables"');

# Whom row-level security does not bind is refused once it is there, and not before.
is(superuser_says($node, 'postgres', "$look SELECT tenant_guard.has_tenant(); $look SET tenant_guard.bypass = on; $look"),
	'of a of b; f; ERROR TG003; of a of b', 'a superuser is refused from then on, and may mean it');
is(superuser_says($node, 'postgres', "SET tenant_guard.bypass = on; SELECT tenant_guard.has_tenant(); $look"), 'f; of a of b',
	'or have meant it before');

# Actions of foreign keys are not looked at before, and from then on are, by plans that the session kept from before too.
$node->safe_psql('postgres', "SET tenant_guard.bypass = on; CREATE TABLE tenants (id uuid PRIMARY KEY, n int); GRANT ALL ON tenants TO app; INSERT INTO tenants SELECT gen_random_uuid(), n FROM generate_series(1, 20) n; "
	  . "INSERT INTO tenants VALUES ('$TENANT_A', 0), ('$TENANT_B', 0); CREATE TABLE owned (tenant_id uuid REFERENCES tenants ON DELETE CASCADE); GRANT ALL ON owned TO app; INSERT INTO owned VALUES ('$TENANT_A'), ('$TENANT_B')");
my $keep = 'DO $$ BEGIN FOR i IN 1 .. 10 LOOP DELETE FROM tenants WHERE n = i; END LOOP; END $$;';
is(app_says("BEGIN; DELETE FROM tenants WHERE id = '$TENANT_A' RETURNING n; ROLLBACK;"), '0', 'before the library came a tenant can be deleted by nobody');
is(app_says("BEGIN; $keep SELECT tenant_guard.has_tenant(); DELETE FROM tenants WHERE id = '$TENANT_A'; ROLLBACK;"), 'f; ERROR TG003', 'after it not, by a plan that was kept');
is(app_says("BEGIN; $keep $local_a SELECT tenant_guard.has_tenant(); DELETE FROM tenants WHERE id = '$TENANT_A' RETURNING n; ROLLBACK;"), 't; 0', 'and the tenant itself can');

# A tenant that an earlier transaction set.
is(app_says("$set_a $look"), 'ERROR TG006', 'a tenant set before the library came is stale');
is(app_says("$set_a $look $look"), 'ERROR TG006; ERROR TG006', 'and stays stale');
is(app_says("$set_a SELECT tenant_guard.has_tenant(); SHOW tenant_guard.tenant_id;"), "f; $TENANT_A", 'it is no tenant that one has');
is(app_says("SELECT set_config('tenant_guard.tenant_id', '$TENANT_A', false); $look"), "$TENANT_A; ERROR TG006", 'so by set_config');
is(app_says("BEGIN; $set_a COMMIT; $look"), 'ERROR TG006', 'so in a transaction block');
is(app_says("$set_a BEGIN; $look ROLLBACK;"), 'ERROR TG006', 'so when the block begins after it');
is(app_says("$set_a INSERT INTO t (body) VALUES ('x');"), 'ERROR TG006', 'it names no tenant for a new row');
is(app_says("$set_a BEGIN; $set_b ROLLBACK; $look"), 'ERROR TG006', 'a ROLLBACK to it does not freshen it');
is(app_says("BEGIN; $set_a ROLLBACK; $look"), 'ERROR TG001', 'one that was rolled back is gone');
is(app_says("BEGIN; $local_a COMMIT; $look"), 'ERROR TG001', 'so is a local one after its transaction');
is(app_says("$local_a $look"), 'WARNING 25P01; ERROR TG001', 'a local one outside a transaction has no effect');
is(app_says("$set_a SELECT tenant_guard.set_tenant('$TENANT_B', false); $look"), "$TENANT_B; ERROR TG006",
	'one that the loading statement sets is stale after it');
is(app_says("$set_a RESET tenant_guard.tenant_id; $look"), 'ERROR TG001', 'RESET leaves none');
is(app_says("$set_a DISCARD ALL; $look"), 'ERROR TG001', 'DISCARD ALL leaves none');
is(app_says("$set_a $look DISCARD ALL; $look"), 'ERROR TG006; ERROR TG001', 'after the library came too');
is(app_says("$set_a BEGIN; SELECT tenant_guard.set_tenant('$TENANT_B'); $look COMMIT; $look"), "$TENANT_B; of b; ERROR TG006",
	'one set over it is good, and it is stale again after that');

# A tenant that this transaction set.
is(app_says("BEGIN; $local_a $look COMMIT; $look"), 'of a; ERROR TG001', 'a local one is good in its transaction, and gone after it');
is(app_says("BEGIN; $set_a $look COMMIT; $look"), 'of a; ERROR TG006', 'one of the session is good in its transaction, and stale after it');
is(app_says("BEGIN; $local_a $look $local_b $look ROLLBACK;"), 'of a; ERROR TG002; ERROR 25P02', 'use seals it');
is(app_says("$set_a BEGIN; $local_b $look COMMIT; $look"), 'of b; ERROR TG006', 'over a stale one it is good, and the other stays stale');
is(app_says("$set_a BEGIN; $set_b $look ROLLBACK; $look"), 'of b; ERROR TG006', 'so where it was not local and is rolled back');
is(app_says("$set_a BEGIN; $set_b $look COMMIT; $look"), 'of b; ERROR TG006', 'and where it was committed');

# Savepoints: a stack of values that the library finds when it comes.
is(app_says("$set_a BEGIN; SAVEPOINT s; $local_b $look ROLLBACK TO s; $look ROLLBACK; $look"), 'of b; ERROR TG006; ERROR TG006',
	'what a savepoint restores stays stale');
is(app_says("$set_a BEGIN; SAVEPOINT s; $set_b $look ROLLBACK TO s; $look ROLLBACK; $look"), 'of b; ERROR TG006; ERROR TG006',
	'so where it was not local');
is(app_says("$set_a BEGIN; SAVEPOINT s; $local_b ROLLBACK TO s; $look ROLLBACK;"), 'ERROR TG006', 'so when the library comes after it');
is(app_says("$set_a BEGIN; SAVEPOINT s; SAVEPOINT s2; $local_b RELEASE s2; $look ROLLBACK TO s; $look ROLLBACK; $look"),
	'of b; ERROR TG006; ERROR TG006', 'so where it was released into an outer one');
is(app_says("$set_a BEGIN; $local_b SAVEPOINT s; $look ROLLBACK TO s; $look COMMIT; $look"), 'of b; of b; ERROR TG006',
	'a value of this transaction outlives the savepoint that brought the library');
is(app_says("$set_a BEGIN; $set_b SAVEPOINT s; $local_a $look ROLLBACK TO s; $look ROLLBACK;"), 'ERROR TG002; of b',
	'of two of this transaction the second is refused, and the first is good');
is(app_says("BEGIN; $set_a $local_b $look ROLLBACK;"), 'ERROR TG002', 'so where both are of one level');
is(app_says("BEGIN; $local_a SAVEPOINT s; SELECT tenant_guard.has_tenant(); ROLLBACK TO s; $local_b"), 't; ERROR TG002',
	'what was set before the savepoint that brought the library stays set');
is(app_says("BEGIN; SAVEPOINT s; $local_a SAVEPOINT s2; SELECT tenant_guard.has_tenant(); RELEASE s2; $local_b ROLLBACK TO s; $local_b $look ROLLBACK;"),
	't; ERROR TG002; of b', 'what was set in a savepoint and not used is undone with it, and no sooner');
is(app_says("BEGIN; $local_a SELECT tenant_guard.clear_tenant(), tenant_guard.set_tenant('$TENANT_B');"), 'ERROR TG002', 'unset and set again it is a second');
is(app_says("BEGIN; SAVEPOINT s; $local_a $look ROLLBACK TO s; $look ROLLBACK;"), 'of a; ERROR TG001', 'a savepoint without any restores none');
is(app_says("$set_a BEGIN; SAVEPOINT s; SELECT tenant_guard.no_such_function(); ROLLBACK TO s; $look ROLLBACK;"), 'ERROR 42883; ERROR TG006',
	'an error on the way changes nothing');
is(app_says("$set_a DO \$\$ BEGIN BEGIN $local_b PERFORM * FROM t; RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL; END; "
		. "PERFORM * FROM t; END \$\$;"), 'ERROR TG006', 'so in an EXCEPTION block');

# Over a tenant of the connection, which is never stale.
my $of_a = "-c tenant_guard.tenant_id=$TENANT_A";
is(app_says("$set_b $look RESET tenant_guard.tenant_id; $look", $of_a), 'ERROR TG006; of a', 'RESET goes back to the connection\'s');
is(app_says("BEGIN; $local_b $look COMMIT; $look", $of_a), 'of b; of a', 'so does the end of a transaction');
is(app_says("BEGIN; SAVEPOINT s; $local_b $look ROLLBACK TO s; $look ROLLBACK; $look", $of_a), 'of b; ERROR TG002; of a',
	'so does a ROLLBACK TO, whose transaction has used another');
is(app_says("$set_b BEGIN; $local_b $look ROLLBACK; $look", $of_a), 'of b; ERROR TG006', 'one set in the session stays stale over it');

# A function with a SET clause brings it.
$node->safe_psql('postgres', 'CREATE FUNCTION as_a() RETURNS bigint LANGUAGE sql '
	  . "SET tenant_guard.tenant_id = '$TENANT_A' AS 'SELECT count(*) FROM t'");
is(app_says("SELECT as_a(); $look"), '1; ERROR TG001', 'a function\'s own tenant is good in it, and gone after it');
is(app_says("$set_b SELECT as_a(); $look"), '1; ERROR TG006', 'and a stale one is stale after it');
is(app_says("$set_b BEGIN; SELECT as_a(); $look ROLLBACK;"), '1; ERROR TG006', 'in the same transaction too');
is(app_says("BEGIN; SAVEPOINT s; SELECT as_a(); ROLLBACK TO s; $local_b ROLLBACK;"), '1; ERROR TG002', 'which has had its tenant');

# What is no tenant.
is(app_says("SET tenant_guard.tenant_id = 'acme'; $look"), 'WARNING TG004; ERROR TG001', 'a tenant that is none is dropped');
is(app_says("SET tenant_guard.tenant_id = 'acme'; $look $look SHOW tenant_guard.tenant_id;"), 'WARNING TG004; ERROR TG001; ERROR TG001; ',
	'with one warning');
is(app_says("BEGIN; SET LOCAL tenant_guard.tenant_id = 'acme'; $look ROLLBACK;"), 'WARNING TG004; ERROR TG001', 'so in its transaction');
is(app_says("$set_a BEGIN; SET LOCAL tenant_guard.tenant_id = 'acme'; $look ROLLBACK; $look"), 'WARNING TG004; ERROR TG006; ERROR TG006',
	'a stale one under it stays stale');
is(app_says('BEGIN; SET LOCAL tenant_guard.tenant_id = \'{' . uc($TENANT_A) . '}\'; SELECT tenant_guard.current_tenant(); SHOW tenant_guard.tenant_id;'),
	"$TENANT_A; $TENANT_A", 'one that is becomes canonical');
is(app_says("BEGIN; SET LOCAL tenant_guard.tenant_id = 'acme'; $look COMMIT;", '', 'texts'), 'of acme',
	'the database\'s type decides what is a tenant');
is(app_says("SET tenant_guard.tenant_id = 'acme'; $look", '', 'texts'), 'ERROR TG006', 'and a text is stale no less');

# What is the superuser's to set.
foreach my $setting (['tenant_type', 'text', 'uuid'], ['bypass', 'on', 'off'], ['one_tenant_per_transaction', 'off', 'on'],
	['scope', 'session', 'transaction'], ['missing_tenant', 'empty', 'error'], ['auto_protect', 'off', 'on'], ['log_bypass', 'off', 'on'],
	['tenant_column', 'org_id', 'tenant_id'], ['excluded_schemas', 'public', ''])
{
	my ($name, $value, $default) = @$setting;
	is(app_says("SET tenant_guard.$name = '$value'; SELECT tenant_guard.has_tenant(); SHOW tenant_guard.$name;"),
		"WARNING 42501; f; $default", "an application role's SET tenant_guard.$name is dropped");
	is(app_says("BEGIN; SET LOCAL tenant_guard.$name = '$value'; SELECT tenant_guard.has_tenant(); SHOW tenant_guard.$name; ROLLBACK;"),
		"WARNING 42501; f; $default", "so is SET LOCAL");
}
is(app_says("SET tenant_guard.scope = session; $set_a $look"), 'WARNING 42501; ERROR TG006', 'so a stale tenant stays stale');
is(app_says("SET tenant_guard.one_tenant_per_transaction = off; BEGIN; $local_a $look $local_b $look ROLLBACK;"),
	'WARNING 42501; of a; ERROR TG002; ERROR 25P02', 'and the tenant fixed');
is(app_says("SET tenant_guard.tenant_type = text; BEGIN; SET LOCAL tenant_guard.tenant_id = 'acme'; SELECT tenant_guard.current_tenant_text();"),
	'WARNING 42501; WARNING TG004; ERROR TG004', 'and the type the database\'s');
is(app_says("SET tenant_guard.leader_set_in = 7; SET tenant_guard.leader_departed_in = 7; $set_a $look"),
	'WARNING 55P02; WARNING 55P02; ERROR TG006', 'what carries state to parallel workers is nobody\'s to set');
is(app_says('SET tenant_guard.no_such = on; SELECT tenant_guard.has_tenant(); SHOW tenant_guard.no_such;'), 'WARNING 42602; f; ERROR 42704',
	'a parameter that there is not is dropped');
is(superuser_says($node, 'postgres', "SET tenant_guard.scope = session; $set_a SET ROLE app; $look"), 'of a',
	'a superuser\'s setting stands');

# A WARNING about such a setting is where a query that was cancelled ends: the library is loaded in full even so. (An input function
# evaluates a domain's check, and nothing looks for a cancel between that and the call before it.)
$node->safe_psql('postgres', 'CREATE DOMAIN loads AS text CHECK (tenant_guard.has_tenant() IS NOT NULL)');
is(app_says("SET tenant_guard.bypass = on; SELECT (CASE WHEN pg_cancel_backend(pg_backend_pid()) THEN '{x}' END)::loads[]; SELECT tenant_guard.has_tenant(); BEGIN; $local_a $look"),
	'WARNING 42501; ERROR 57014; f; of a', 'a query that is cancelled while it loads the library leaves it loaded');
is(superuser_says($node, 'postgres', "SET ROLE app; SET tenant_guard.bypass = on; RESET ROLE; SELECT (CASE WHEN pg_cancel_backend(pg_backend_pid()) THEN '{x}' END)::loads[]; $look"),
	'WARNING 42501; ERROR 57014; ERROR TG003', 'with its hooks');

# Roles that change between the setting and the loading do not lend their rights.
is(superuser_says($node, 'postgres', "SET ROLE app; SET tenant_guard.scope = session; $set_a RESET ROLE; SELECT tenant_guard.has_tenant(); SET ROLE app; $look"),
	'WARNING 42501; f; ERROR TG006', 'what an application role has set counts as its own when a superuser loads the library');

# The statement that brings the library may be what fills a temporary table, for the tenant that it sets. (By EXPLAIN the table is
# made without an event trigger, which would bring the library.)
$node->safe_psql('postgres', "CREATE FUNCTION set_and_read() RETURNS SETOF text LANGUAGE plpgsql AS \$\$ BEGIN PERFORM tenant_guard.set_tenant('$TENANT_A'); RETURN QUERY SELECT body FROM t; END \$\$");
is(app_says("DO \$\$ BEGIN EXECUTE 'EXPLAIN ANALYZE CREATE TEMP TABLE x AS SELECT NULL::text AS body WHERE false'; END \$\$; INSERT INTO x SELECT set_and_read(); BEGIN; $local_b SELECT body FROM x; ROLLBACK; BEGIN; $local_a SELECT body FROM x;"), 'ERROR TG003; of a',
	'a temporary table that the loading statement fills is the tenant\'s that it sets');

# No event trigger hears of EXPLAIN that makes a table.
$node->safe_psql('postgres', 'CREATE SCHEMA made; GRANT ALL ON SCHEMA made TO app');
sub explained { my ($name, $query) = @_; return "DO \$\$ BEGIN EXECUTE 'EXPLAIN ANALYZE CREATE TABLE made.$name AS $query'; END \$\$; SELECT relforcerowsecurity FROM pg_class WHERE relname = '$name';"; }
is(app_says("BEGIN; $local_a " . explained('copied', 'SELECT * FROM t') . ' ROLLBACK;'), 'NOTICE 00000; t', 'a table is guarded that EXPLAIN makes of a guarded one, and so loads the library');
is(app_says("BEGIN; $local_a " . explained('copied', 'SELECT set_config(\'\'search_path\'\', \'\'made\'\', false), t.* FROM t') . ' ROLLBACK;'), 'NOTICE 00000; t', 'whatever its query does to search_path');
is(app_says(explained('unread', 'SELECT NULL::uuid AS tenant_id')), 'f', 'one that reads none is not');
is($node->safe_psql('postgres', "SELECT object FROM tenant_guard.audit() WHERE rule = 'unguarded_table'"), 'made.unread', 'and audit() finds it');

# What the type cache looked up before the library came, no hook has seen: a plan is not kept for what it reads.
$node->safe_psql('postgres', <<'SQL');
CREATE TYPE word AS (body text);
CREATE FUNCTION same(word, word) RETURNS boolean LANGUAGE plpgsql STABLE AS
	$$ BEGIN IF ($1).body = 'none' THEN RETURN false; END IF; RETURN ($1).body = (SELECT min(body) FROM t); END $$;
CREATE FUNCTION compare(word, word) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE OPERATOR = (LEFTARG = word, RIGHTARG = word, FUNCTION = same);
CREATE OPERATOR CLASS words DEFAULT FOR TYPE word USING btree AS OPERATOR 3 =, FUNCTION 1 compare(word, word);
SQL
is(app_says("SET plan_cache_mode = force_generic_plan; SELECT ARRAY[ROW('none')::word] = ARRAY[ROW('none')::word];
	SELECT tenant_guard.has_tenant(); PREPARE is_a AS SELECT ARRAY[ROW('of a')::word] = ARRAY[ROW('x')::word];
	BEGIN; $local_a EXECUTE is_a; COMMIT; BEGIN; $local_b EXECUTE is_a; COMMIT;"), 'f; f; t; f', 'nothing that the functions of a type read is kept for the next tenant');

# Other ways to load it.
is(app_says("$set_a LOAD 'tenant_guard'; $look"), 'ERROR 42501; ERROR TG006', 'LOAD is not an application\'s');
is(superuser_says($node, 'postgres', "$set_a LOAD 'tenant_guard'; SET ROLE app; $look"), 'ERROR TG006', 'after LOAD a tenant of before is stale');
is(superuser_says($node, 'postgres', "BEGIN; $set_a LOAD 'tenant_guard'; SET ROLE app; $look COMMIT; $look"), 'of a; ERROR TG006',
	'one of the same transaction is good in it');
$node->safe_psql('postgres', 'ALTER ROLE app SET session_preload_libraries = \'tenant_guard\'');
is(app_says("SHOW tenant_guard.scope; $look"), 'transaction; ERROR TG001', 'session_preload_libraries loads it with the connection');
is(app_says("$set_a $look"), 'ERROR TG006', 'a tenant of an earlier transaction is stale');
is(app_says("SET tenant_guard.tenant_id = 'acme';"), 'ERROR TG004', 'one that is none is refused at once');
is(app_says('SET tenant_guard.bypass = on;'), 'ERROR 42501', 'so is what is not the role\'s');
is(app_says("$look $look", "-c tenant_guard.tenant_id=$TENANT_A"), 'of a; of a', 'one of the connection is good in every transaction');
is(app_says("$look $look", '-c tenant_guard.tenant_id=acme', 'texts'), 'of acme; of acme', 'so is a text where tenants are texts');

$node->stop;
done_testing();
