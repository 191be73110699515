# type_mismatches() looks through functions in PL/pgSQL with plpgsql_check, and leaves the session as it was.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my ($libraries) = run_command([ 'pg_config', '--pkglibdir' ]);
plan(skip_all => 'plpgsql_check is not installed') unless -e "$libraries/plpgsql_check.so";

my $node = start_server('main', conf => 'max_prepared_transactions = 1');

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

my $list = q{SELECT object, remedy FROM tenant_guard.type_mismatches()};

is(superuser_says($node, 'postgres', $list), '', 'without plpgsql_check its functions are not listed');
$node->safe_psql('postgres', 'CREATE SCHEMA elsewhere; CREATE EXTENSION plpgsql_check SCHEMA elsewhere');
is( superuser_says($node, 'postgres', $list),
	"public.mixes(pg_catalog.text)|Write notes.tenant_id = wanted::uuid.; public.mixes(pg_catalog.text)|Write tenant_id = '...'::uuid.",
	'with it each place is');
is(superuser_says($node, 'postgres', "BEGIN; SAVEPOINT s; SELECT count(*) FROM tenant_guard.type_mismatches(); ROLLBACK TO s; COMMIT"),
	'2', 'also in a transaction with savepoints');
is(superuser_says($node, 'postgres', "SET row_security = off; SELECT count(*) FROM notes"), '0', 'and nothing of them was run');
is( superuser_says($node, 'postgres', "SELECT count(*) FROM tenant_guard.type_mismatches(); SELECT count(*) FROM notes WHERE tenant_id::text = 'x'"),
	'2; ERROR TG004', 'after it queries are refused as before');

# plpgsql_check plans statements, and planning evaluates immutable functions: that must be their owners' doing, not the superuser's.
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE builder;
CREATE SCHEMA built AUTHORIZATION builder;
SET ROLE builder;
CREATE SEQUENCE built.reached;
CREATE FUNCTION built.evaluated(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	ignored text := setval('built.reached', CASE current_user WHEN 'builder' THEN 42 ELSE 666 END);
BEGIN
	RETURN 1;
END $$;
CREATE FUNCTION built.calls() RETURNS int LANGUAGE plpgsql AS 'BEGIN PERFORM built.evaluated(1); RETURN 1; END';
SQL
is(superuser_says($node, 'postgres', 'SELECT count(*) FROM tenant_guard.type_mismatches(); SELECT last_value FROM built.reached'), '2; 42',
	'what is evaluated by the way is evaluated as the owner of the function');

# What a third role wrote is not evaluated with that owner's rights either: the body is named and not looked at.
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE mallory;
CREATE SCHEMA lent AUTHORIZATION mallory;
SET ROLE mallory;
GRANT USAGE ON SCHEMA lent TO builder;
CREATE SEQUENCE lent.reached;
CREATE FUNCTION lent.evaluated(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	PERFORM setval('lent.reached', 666);
	RETURN 1;
END $$;
RESET ROLE;
GRANT USAGE ON SEQUENCE lent.reached TO PUBLIC;
SET ROLE builder;
CREATE FUNCTION built.calls_hers() RETURNS int LANGUAGE plpgsql AS 'BEGIN PERFORM lent.evaluated(1); RETURN 1; END';
SQL
my $kept_back = q{SELECT detail FROM tenant_guard.type_mismatches() WHERE detail LIKE '%was not parsed%'};
is(superuser_says($node, 'postgres', "$kept_back; SELECT is_called FROM lent.reached"),
	'the body of built.calls_hers() was not parsed, since that would run, or wait for, function lent.evaluated(integer) of role "mallory"; f',
	"a body that calls a third role's function is named and not looked at");

# A CHECK may call what PostgreSQL itself has, and do much by it.
$node->safe_psql('postgres', <<'SQL');
SET ROLE builder;
DROP FUNCTION built.calls_hers();
SET ROLE mallory;
CREATE DOMAIN lent.checked AS int CHECK (setval('lent.reached', 666) > 0);
CREATE TYPE lent.pair AS (x lent.checked);
GRANT UPDATE ON SEQUENCE lent.reached TO PUBLIC;
SET ROLE builder;
CREATE FUNCTION built.holds_hers() RETURNS int LANGUAGE plpgsql AS $$BEGIN RETURN (('(5)'::lent.pair).x)::int; END$$;
SQL
like(superuser_says($node, 'postgres', $kept_back),
	qr/the body of built.holds_hers\(\) was not parsed, since that would run, or wait for, domain lent.checked of role "mallory"/,
	"so is one that a third role's domain could reach");
is(superuser_says($node, 'postgres', 'SELECT is_called FROM lent.reached'), 'f', 'and nothing of hers was evaluated');

# Functions of PostgreSQL's own that read a table for their caller run none: here a view of hers is to note what it reads.
$node->safe_psql('postgres', <<'SQL');
DROP DOMAIN lent.checked CASCADE;
SET ROLE builder;
DROP FUNCTION built.holds_hers();
SET ROLE mallory;
CREATE VIEW lent.noted AS SELECT setval('lent.reached', 666) AS n;
CREATE TABLE lent.texts (x text);
CREATE VIEW lent.trap AS SELECT x FROM lent.texts WHERE x = table_to_xml('lent.noted', false, false, '')::text;
GRANT SELECT ON lent.noted, lent.trap TO PUBLIC;
RESET ROLE;
CREATE FUNCTION reads_trap() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM lent.trap); END';
SQL
is(superuser_says($node, 'postgres', "$kept_back; SELECT is_called FROM lent.reached"),
	'the body of public.reads_trap() was not parsed, since that would run, or wait for, a query; f', 'no query runs while a body is parsed');
$node->safe_psql('postgres', 'DROP FUNCTION reads_trap()');

# Nobody waits for a table that someone has locked.
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION writes() RETURNS void LANGUAGE sql AS 'INSERT INTO lent.texts VALUES (1)';
BEGIN;
LOCK TABLE lent.texts;
PREPARE TRANSACTION 'locked';
SQL
is(superuser_says($node, 'postgres', "SET statement_timeout = '20s'; $kept_back"),
	'the body of public.writes() was not parsed, since that would run, or wait for, a table that someone has locked', 'a lock is not waited for');
$node->safe_psql('postgres', "ROLLBACK PREPARED 'locked'; DROP FUNCTION writes()");

# A function that raises what a cancel raises cancels nothing.
$node->safe_psql('postgres', <<'SQL');
SET ROLE mallory;
CREATE FUNCTION lent.pretends(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RAISE 'no' USING ERRCODE = '57014'; END$$;
CREATE FUNCTION lent.calls_pretender() RETURNS int LANGUAGE plpgsql AS 'BEGIN PERFORM lent.pretends(1); RETURN 1; END';
SQL
is(superuser_says($node, 'postgres', 'SELECT count(*) FROM tenant_guard.type_mismatches()'), '2', 'only a cancel ends the statement');

# What the owner's own function does cannot hang the caller.
$node->safe_psql('postgres', <<'SQL');
SET ROLE builder;
CREATE FUNCTION built.sleeps(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'DECLARE ignored text := pg_sleep(1000); BEGIN RETURN 1; END';
CREATE FUNCTION built.calls_sleeper() RETURNS int LANGUAGE plpgsql AS 'BEGIN PERFORM built.sleeps(1); RETURN 1; END';
SQL
is(superuser_says($node, 'postgres', "SET statement_timeout = '1s'; SELECT count(*) FROM tenant_guard.type_mismatches()"), 'ERROR 57014',
	'a statement that parses bodies can be cancelled');

$node->stop;
done_testing();
