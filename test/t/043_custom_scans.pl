# Scans of guarded tables by an extension's custom scan (test/custom_scan) compare the tenant as every scan does, also where the
# columns of their rows are not the table's, and where a query compares the tenant column with a value that changes. Where that
# cannot be seen, the query is refused.

use strict;
use warnings;

use Cwd qw(abs_path);
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $module = abs_path("$FindBin::RealBin/../custom_scan");
delete @ENV{qw(MAKEFLAGS MFLAGS VPATH)}; # of the make that runs this
system_or_bail('make', '-s', '-C', $module, 'PG_CONFIG=pg_config', 'all');

my $node = start_server('server', conf => "session_preload_libraries = '$module/custom_scan'");

# The column "other" of the rows in reverse order has the number of the tenant column in the table.
$node->safe_psql('postgres', <<"SQL");
SET client_min_messages = warning;
CREATE EXTENSION tenant_guard;
CREATE TABLE notes (id int, tenant_id uuid, other uuid, body text);
CREATE TABLE events (at date, tenant_id uuid, body text) PARTITION BY RANGE (at);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
GRANT SELECT, INSERT, UPDATE, DELETE ON notes, events, events_2024 TO app;
GRANT CREATE ON SCHEMA public TO app;
SET tenant_guard.bypass = on;
INSERT INTO notes VALUES (1, '$TENANT_A', '$TENANT_A', 'own'), (2, '$TENANT_B', '$TENANT_A', 'secret'), (3, '$TENANT_B', '$TENANT_A', 'secret');
INSERT INTO events SELECT date '2024-01-01' + id, tenant_id, body FROM notes;
SET ROLE app;
-- says what it is called for, and is cheap
CREATE FUNCTION talks(text) RETURNS boolean LANGUAGE plpgsql STABLE COST 0.0001 AS \$\$ BEGIN
	IF \$1 = 'secret' THEN RAISE 'another tenant''s' USING ERRCODE = 'TALKS'; END IF;
	RETURN true;
END \$\$;
-- is the tenant at first, as often as it is called to plan the query and to compare its value with the tenant, and then another
CREATE FUNCTION changes(after int) RETURNS uuid LANGUAGE plpgsql STABLE AS \$\$ BEGIN
	PERFORM set_config('x.calls', (current_setting('x.calls')::int + 1)::text, true);
	RETURN CASE WHEN current_setting('x.calls')::int <= after THEN '$TENANT_A' ELSE '$TENANT_B' END;
END \$\$;
SQL

# What a query of the tenant says, by each kind of scan.
sub reads
{
	my ($kind, $query) = @_;

	return says($node, 'postgres', 'app', "SET custom_scan.kind = $kind; SET x.calls = 0; BEGIN; SELECT tenant_guard.set_tenant('$TENANT_A') \\g /dev/null\n $query;");
}

like(reads('list', 'EXPLAIN (COSTS OFF) SELECT body FROM notes'), qr/^Custom Scan \(custom_scan\) on notes/, 'the custom scan is used');
foreach my $kind (qw(off plain list own))
{
	is(reads($kind, 'SELECT id, body FROM notes'), '1|own', "$kind: a tenant reads its own row");
	is(reads($kind, "SELECT body FROM notes WHERE other = '$TENANT_A' AND body LIKE '%'"), 'own', "$kind: by a filter that is trusted");
	is(reads($kind, 'SELECT body FROM notes WHERE talks(body)'), 'own', "$kind: by one that is not");
	is(reads($kind, "SELECT id FROM notes n WHERE CASE WHEN body = 'secret' THEN talks('secret') ELSE true END"), '1', "$kind: by one that would say what it has seen");
	is(reads($kind, 'SELECT body FROM events'), 'own', "$kind: of a partitioned table");
	is(reads($kind, "SELECT body FROM notes WHERE tenant_id = '$TENANT_B'"), '', "$kind: nothing of another tenant that it names");
	is(reads($kind, 'SELECT n.body FROM notes n JOIN events e USING (tenant_id, body)'), 'own', "$kind: by a join");
	is(reads($kind, 'INSERT INTO notes (id, body) SELECT id + 3, body FROM notes RETURNING id, body'), '4|own', "$kind: it copies its own row");

	# A value that changes: the rest of its rows are another tenant's. How often it is called before depends on the plan.
	my $expected = $kind eq 'own' ? 'ERROR 0A000' : '';
	foreach my $after (1 .. 4)
	{
		is(reads($kind, "SELECT * FROM notes WHERE tenant_id = changes($after) AND id > 1"), $expected, "$kind: a value that changes opens no row");
		is(reads($kind, "SELECT id FROM notes WHERE tenant_id = changes($after) AND id > 1 AND other = '$TENANT_A'"), $expected, "$kind: beside a comparison of another column");
		is(reads($kind, "SELECT body FROM events_2024 WHERE tenant_id = changes($after) AND body <> 'own'"), $expected, "$kind: of a partition");
	}
}

# A foreign table that is a part on purpose: where its wrapper filters on the other server and fetches no tenant column, a filter of
# ours beside it would find no row.
SKIP:
{
	skip 'postgres_fdw is not installed', 6 unless $node->psql('postgres', 'CREATE EXTENSION postgres_fdw') == 0;

	my $far = sprintf("host '%s', port '%s', dbname 'postgres'", $node->host, $node->port);
	my $user = getpwuid($<);
	$node->safe_psql('postgres', <<"SQL");
SET client_min_messages = error;
CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS ($far);
CREATE USER MAPPING FOR app SERVER far OPTIONS (user '$user', password_required 'false');
CREATE SCHEMA far;
SET tenant_guard.auto_protect = off;
CREATE TABLE far.events_2025 (at date, tenant_id uuid NOT NULL, body text);
INSERT INTO far.events_2025 VALUES ('2025-01-01', '$TENANT_A', 'far'), ('2025-01-01', '$TENANT_B', 'secret');
SET tenant_guard.bypass = on;
CREATE FOREIGN TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') SERVER far OPTIONS (schema_name 'far');
SQL
	is(says($node, 'postgres', 'app', "BEGIN; SET LOCAL tenant_guard.tenant_id = '$TENANT_A'; SELECT body FROM events WHERE tenant_id = '$TENANT_A' AND at > '2024-12-31';"),
		'far', 'a part on another server, by a comparison that is made there');
	is(says($node, 'postgres', 'app', "BEGIN; SET LOCAL tenant_guard.tenant_id = '$TENANT_A'; SELECT body FROM events WHERE at > '2024-12-31';"),
		'far', 'and by the policy');

	# The triggers beside keys to rows of everyone can be put on any table; a foreign one has no keys, and no rows that the server could look at.
	$node->safe_psql('postgres', <<"SQL");
CREATE TABLE far.plain (id int);
CREATE FOREIGN TABLE plain (id int) SERVER far OPTIONS (schema_name 'far');
CREATE TRIGGER referencing AFTER INSERT OR UPDATE OR DELETE ON plain FOR EACH ROW EXECUTE FUNCTION tenant_guard.check_reference();
CREATE TRIGGER referenced AFTER INSERT OR UPDATE OR DELETE ON plain FOR EACH ROW EXECUTE FUNCTION tenant_guard.check_referenced();
CREATE USER MAPPING FOR "$user" SERVER far OPTIONS (user '$user', password_required 'false');
SQL
	is(superuser_says($node, 'postgres', 'INSERT INTO plain VALUES (1); UPDATE plain SET id = 2; DELETE FROM plain RETURNING id;'), '2',
		'a trigger of ours on a foreign table checks nothing');

	# A trigger that depends on an extension goes with it, without being named; a key to rows of everyone would stay, and be open.
	$node->safe_psql('postgres', <<'SQL');
SET client_min_messages = error;
CREATE TABLE templates (id int PRIMARY KEY, tenant_id uuid);
SELECT tenant_guard.protect('templates', null_rows => 'shared');
CREATE TABLE letters (id int PRIMARY KEY, tenant_id uuid, template int REFERENCES templates);
ALTER TRIGGER "0_tenant_references_letters" ON letters DEPENDS ON EXTENSION postgres_fdw;
SQL
	my $drop = 'SET client_min_messages = error; DROP EXTENSION postgres_fdw CASCADE;';
	is(superuser_says($node, 'postgres', $drop), 'ERROR TG005', 'an extension does not take away a trigger that checks what a key references');
	is(superuser_says($node, 'postgres', "BEGIN; SET LOCAL tenant_guard.bypass = on; $drop ROLLBACK;"), '', 'unless that is meant');
	is(superuser_says($node, 'postgres', "ALTER TABLE letters DROP CONSTRAINT letters_template_fkey; $drop"), '', 'or no key needs it');
}

$node->stop;
done_testing();
