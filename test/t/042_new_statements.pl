# Statements that PostgreSQL has had since 17, 18 or 19: none of them opens another tenant's rows, or takes a guard off. One that
# this server does not have, by its grammar, is skipped; those of foreign keys and of virtual columns are in 035 and 008,
# MAINTAIN is in 011.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $node = start_server('server');
my $version = $node->safe_psql('postgres', 'SHOW server_version_num');
my $tenant = "BEGIN; SELECT tenant_guard.set_tenant('$TENANT_A') \\g /dev/null\n";
my $other = qr/\bother\b|\Q$TENANT_B\E/;

$node->safe_psql('postgres', <<"SQL");
SET client_min_messages = warning;
CREATE EXTENSION tenant_guard;
CREATE TABLE notes (id int PRIMARY KEY, tenant_id uuid, body text);
CREATE TABLE events (at date, tenant_id uuid, body text) PARTITION BY RANGE (at);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
GRANT SELECT, INSERT, UPDATE, DELETE ON notes, events TO app;
SET tenant_guard.bypass = on;
INSERT INTO notes VALUES (1, '$TENANT_A', 'own'), (2, '$TENANT_B', 'other'), (3, '$TENANT_B', NULL);
INSERT INTO events VALUES ('2024-02-02', '$TENANT_A', 'own'), ('2024-02-03', '$TENANT_B', 'other');
SQL

# is_said(what, user, sql, expected): what psql prints, where the server knows the statement. Its SQLSTATE for a statement or an
# option that it does not know is 42601, for a function 42883, for a value of an option 22023, for OLD and NEW 42P01.
sub is_said
{
	my ($what, $user, $sql, $expected) = @_;
	my $said = $user eq 'app' ? says($node, 'postgres', 'app', $sql) : superuser_says($node, 'postgres', $sql);
	local $Test::Builder::Level = $Test::Builder::Level + 1;

  SKIP:
	{
		skip "PostgreSQL " . $node->pg_version . " has no $what", 2 if $said =~ /ERROR (42601|42883|22023|42P01)/;
		is($said, $expected, $what);
		unlike($said, $other, "$what: nothing of another tenant");
	}
	return;
}

# --- Reading --------------------------------------------------------------------------------------------------------------

SKIP:
{
	skip 'COPY of a partitioned table is refused before 19', 3 if $version < 190000;
	is_said('COPY of a partitioned table', 'app', "$tenant COPY events TO STDOUT;", "2024-02-02\t$TENANT_A\town");
	is(says($node, 'postgres', 'app', 'COPY events TO STDOUT;'), 'ERROR TG001', 'COPY of a partitioned table wants a tenant');
}
is_said('COPY in JSON', 'app', "$tenant COPY notes TO STDOUT (FORMAT json);", qq({"id":1,"tenant_id":"$TENANT_A","body":"own"}));
is_said('COPY of a query in JSON', 'app', "$tenant COPY (SELECT body FROM notes) TO STDOUT (FORMAT json);", '{"body":"own"}');

# A filter that raises for a NULL would tell that another tenant has one.
is_said('error_on_null()', 'app', "$tenant SELECT id FROM notes WHERE error_on_null(body) IS NOT NULL;", '1');

# --- Writing --------------------------------------------------------------------------------------------------------------

# The row in conflict is another tenant's: it is neither returned nor updated.
is_said('ON CONFLICT DO SELECT', 'app', "$tenant INSERT INTO notes (id, body) VALUES (2, 'mine') ON CONFLICT (id) DO SELECT RETURNING body;", 'ERROR 42501');
is_said('ON CONFLICT DO SELECT of a row of the tenant', 'app', "$tenant INSERT INTO notes (id, body) VALUES (1, 'mine') ON CONFLICT (id) DO SELECT RETURNING body;",
	'own');
is_said('RETURNING OLD and NEW of UPDATE', 'app', "$tenant UPDATE notes SET body = 'new' RETURNING old.body, new.body; ROLLBACK;", 'own|new');
is_said('RETURNING OLD and NEW of MERGE', 'app', <<"SQL", 'own|new');
$tenant MERGE INTO notes USING (VALUES (1), (2), (3)) v (id) ON notes.id = v.id WHEN MATCHED THEN UPDATE SET body = 'new' RETURNING old.body, new.body;
ROLLBACK;
SQL
is_said('MERGE ... WHEN NOT MATCHED BY SOURCE', 'app', <<"SQL", 'DELETE|1');
$tenant MERGE INTO notes USING (VALUES (9)) v (id) ON notes.id = v.id WHEN NOT MATCHED BY SOURCE THEN DELETE RETURNING merge_action(), notes.id;
ROLLBACK;
SQL

# A row that COPY FROM leaves out is no row; one whose tenant becomes null is refused.
foreach my $case ([ 'ignore', 'NOTICE 00000' ], [ 'set_null', 'ERROR 42501' ])
{
	my ($action, $expected) = @$case;

	is_said("COPY FROM with ON_ERROR $action", 'app', "$tenant COPY notes (id, tenant_id, body) FROM STDIN (ON_ERROR $action);\n7\tno tenant\tx\n\\.\nROLLBACK;",
		$expected);
}
is_said('UPDATE ... FOR PORTION OF', 'app', "$tenant UPDATE events FOR PORTION OF at FROM '2024-01-01' TO '2024-03-01' SET body = 'new'; ROLLBACK;", 'ERROR 0A000');

# --- Changing tables ------------------------------------------------------------------------------------------------------

my $guarded = "SELECT string_agg(relation || ' ' || status, ', ' ORDER BY relation::text) FROM tenant_guard.tables_and_partitions;";

foreach my $repack ('REPACK notes', 'REPACK (CONCURRENTLY) notes', 'REPACK notes USING INDEX notes_pkey')
{
	is_said($repack, 'superuser', "$repack; $guarded", 'events guarded, events_2024 guarded, notes guarded');
}
is_said('SPLIT PARTITION', 'superuser', <<"SQL", 'events guarded, events_1 guarded, events_2 guarded, notes guarded');
ALTER TABLE events SPLIT PARTITION events_2024 INTO
	(PARTITION events_1 FOR VALUES FROM ('2024-01-01') TO ('2024-07-01'), PARTITION events_2 FOR VALUES FROM ('2024-07-01') TO ('2025-01-01'));
$guarded
SQL
is_said('MERGE PARTITIONS', 'superuser', "ALTER TABLE events MERGE PARTITIONS (events_1, events_2) INTO events_2024; $guarded", 'events guarded, events_2024 guarded, notes guarded');
is_said('GRAPH_TABLE', 'app', <<"SQL", 'own');
$tenant CREATE TEMP PROPERTY GRAPH g VERTEX TABLES (notes KEY (id));
SELECT body FROM GRAPH_TABLE (g MATCH (n IS notes) COLUMNS (n.body));
SQL

# The CHECK that stands in for NOT NULL, where rows without a tenant were there, stays enforced.
$node->safe_psql('postgres', 'SET client_min_messages = error; CREATE TABLE old_notes (id int); INSERT INTO old_notes VALUES (1); ALTER TABLE old_notes ADD tenant_id uuid');
my $unenforced = 'ALTER TABLE old_notes ALTER CONSTRAINT tenant_not_null NOT ENFORCED;';
SKIP:
{
	skip 'CHECK constraints that are altered came with 19', 3 if $version < 190000;
	is(superuser_says($node, 'postgres', $unenforced), 'ERROR TG005', 'the stand-in of NOT NULL stays enforced');
	is(superuser_says($node, 'postgres', "SET tenant_guard.bypass = on; $unenforced"), '', 'unless it is meant');
	is(superuser_says($node, 'postgres', "SELECT status FROM tenant_guard.tables WHERE relation = 'old_notes'::regclass;"), 'damaged', 'and is missed where it is not');
}

# A new table of which NOT NULL is NOT VALID: protect() validates it, as it does that of a table that is not new.
is_said('NOT NULL NOT VALID', 'superuser', <<"SQL", 'guarded true');
BEGIN;
SET LOCAL tenant_guard.auto_protect = off;
SET LOCAL client_min_messages = warning;
CREATE TABLE later (id int, tenant_id uuid);
INSERT INTO later VALUES (1, '$TENANT_A');
ALTER TABLE later ADD CONSTRAINT later_tenant NOT NULL tenant_id NOT VALID;
SELECT tenant_guard.protect('later') \\g /dev/null
SELECT t.status || ' ' || c.convalidated FROM tenant_guard.tables t JOIN pg_constraint c ON c.conrelid = t.relation WHERE t.relation = 'later'::regclass;
ROLLBACK;
SQL

# Nothing of it has changed another tenant's rows.
is(superuser_says($node, 'postgres', "SET tenant_guard.bypass = on; SELECT id, body FROM notes WHERE tenant_id = '$TENANT_B' ORDER BY id;"), '2|other; 3|', "another tenant's rows are as they were");

$node->stop;
done_testing();
