# mixed_comparisons() looks through functions in PL/pgSQL with plpgsql_check, and leaves the session as it was.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my ($libraries) = run_command([ 'pg_config', '--pkglibdir' ]);
plan(skip_all => 'plpgsql_check is not installed') unless -e "$libraries/plpgsql_check.so";

my $node = start_server('main');

$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION tenant_guard;
CREATE TABLE notes (id int PRIMARY KEY, tenant_id uuid);
CREATE FUNCTION mixes(wanted text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO notes VALUES (1);
	IF wanted IS NULL THEN
		RETURN (SELECT count(*) FROM notes WHERE tenant_id::text = wanted);
	END IF;
	DELETE FROM notes WHERE tenant_id::text IN ('x');
	RETURN 0;
END $$;
CREATE FUNCTION fires() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION mixes_nothing(wanted text) RETURNS bigint LANGUAGE plpgsql AS
'BEGIN RETURN (SELECT count(*) FROM notes WHERE tenant_id = wanted::uuid); END';
CREATE FUNCTION is_broken() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT no_column FROM no_table); END';
SQL

my $list = q{SELECT object, remedy FROM tenant_guard.mixed_comparisons()};

is(superuser_says($node, 'postgres', $list), '', 'without plpgsql_check its functions are not listed');
$node->safe_psql('postgres', 'CREATE SCHEMA elsewhere; CREATE EXTENSION plpgsql_check SCHEMA elsewhere');
is( superuser_says($node, 'postgres', $list),
	"public.mixes(pg_catalog.text)|Write notes.tenant_id = wanted::uuid.; public.mixes(pg_catalog.text)|Write tenant_id = '...'::uuid.",
	'with it each place is');
is(superuser_says($node, 'postgres', "BEGIN; SAVEPOINT s; SELECT count(*) FROM tenant_guard.mixed_comparisons(); ROLLBACK TO s; COMMIT"),
	'2', 'also in a transaction with savepoints');
is(superuser_says($node, 'postgres', "SET row_security = off; SELECT count(*) FROM notes"), '0', 'and nothing of them was run');
is( superuser_says($node, 'postgres', "SELECT count(*) FROM tenant_guard.mixed_comparisons(); SELECT count(*) FROM notes WHERE tenant_id::text = 'x'"),
	'2; ERROR TG004', 'after it queries are refused as before');

# plpgsql_check plans statements, and planning evaluates immutable functions: that must be their owners' doing, not the superuser's.
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE builder;
CREATE SCHEMA built AUTHORIZATION builder;
SET ROLE builder;
CREATE SEQUENCE built.reached;
CREATE FUNCTION built.evaluated(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	PERFORM setval('built.reached', CASE WHEN (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN 666 ELSE 42 END);
	RETURN 1;
END $$;
CREATE FUNCTION built.calls() RETURNS int LANGUAGE plpgsql AS 'BEGIN PERFORM built.evaluated(1); RETURN 1; END';
SQL
is(superuser_says($node, 'postgres', 'SELECT count(*) FROM tenant_guard.mixed_comparisons(); SELECT last_value FROM built.reached'), '2; 42',
	'what is evaluated by the way is evaluated as the owner of the function');

$node->stop;
done_testing();
