# audit.sql finds, in a database without the extension, what audit() would; an ordinary role and one that monitors can run it, and
# every version of PostgreSQL.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('managed');
$node->init;
$node->append_conf('postgresql.conf', 'wal_level = logical');
$node->start;

my $file = "$FindBin::RealBin/../../audit.sql";
my $audit = slurp_file($file);

$node->safe_psql('postgres', 'CREATE ROLE owner; CREATE ROLE plain; CREATE ROLE app LOGIN; CREATE ROLE monitor IN ROLE pg_monitor; CREATE DATABASE shop');
like($node->safe_psql('shop', "SET ROLE plain;\n$audit"), qr/^(?:server_outdated\|.*\n)?not_examined\|info\|tenant_guard\|these rules need the extension: .*$/, 'nothing is found in an empty database, and what needs the extension is named');

# Row-level security as it is written by hand, and what it lacks.
$node->safe_psql('shop', <<'SQL');
GRANT CREATE ON SCHEMA public TO owner;
SET ROLE owner;
CREATE TABLE orgs (id uuid PRIMARY KEY);
CREATE TABLE notes (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES orgs ON DELETE CASCADE, mail text UNIQUE);
CREATE TABLE unforced (id uuid, tenant_id uuid NOT NULL, PRIMARY KEY (tenant_id, id));
CREATE TABLE crossing (id uuid, tenant_id uuid NOT NULL, note uuid REFERENCES notes, PRIMARY KEY (tenant_id, id));
CREATE TABLE open (id uuid PRIMARY KEY, tenant_id uuid NOT NULL);
CREATE TABLE lines (note uuid NOT NULL REFERENCES notes);
CREATE POLICY p ON notes USING (tenant_id = current_setting('app.tenant')::uuid);
CREATE POLICY p ON unforced USING (tenant_id = current_setting('app.tenant')::uuid);
CREATE POLICY p ON crossing USING (tenant_id = current_setting('app.tenant')::uuid);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE crossing ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE unforced ENABLE ROW LEVEL SECURITY;
RESET ROLE;
GRANT DELETE ON orgs TO app;
CREATE VIEW of_superuser AS SELECT id FROM notes;
CREATE FUNCTION definer() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM notes';
CREATE PUBLICATION everything FOR TABLE notes;
SQL
my $expected = $node->safe_psql('shop', $audit);
foreach my $role ('plain', 'monitor')
{
	is($node->safe_psql('shop', "SET ROLE $role;\n$audit"), $expected, "a role finds what a superuser does: $role");
}
my %found = map { /^(\w+)\|(\w+)\|([^|]*)\|/ ? ("$2 $1: $3" => 1) : () } split(/\n/, $expected);
foreach my $finding ('error guard_incomplete: public.unforced', 'error unguarded_table: public.open', 'error tenants_table_open: public.orgs',
	'error unpaired_foreign_key: crossing_note_fkey on public.crossing', 'error tenant_column_missing: public.lines', 'error view_bypasses: public.of_superuser',
	'error definer_function_bypasses: public.definer()', 'warning publication_unfiltered: everything', 'warning tenant_index_missing: public.notes',
	'warning unique_without_tenant: notes_mail_key on public.notes', 'error cascade_from_outside: notes_tenant_id_fkey on public.notes')
{
	ok($found{$finding}, "found: $finding") or diag($expected);
}
like($expected, qr/^view_bypasses\|.*\|ALTER VIEW public\.of_superuser SET \(security_invoker = true\)$/m, 'a remedy that needs no extension can be run');
like($expected, qr/^unguarded_table\|.*\|-- with tenant_guard: SELECT tenant_guard\.protect\('public\.open'\)$/m, 'one that does says so, and does nothing');

# Names are the owner's, and who pastes remedies is a superuser.
$node->safe_psql('shop', qq{SET ROLE owner; CREATE TABLE "a\nCREATE ROLE by_line; --" (tenant_id uuid NOT NULL); CREATE TABLE "a\rCREATE ROLE by_return; --" (tenant_id uuid NOT NULL)});
my $remedies = $node->safe_psql('shop', $audit =~ s/^SELECT f\.rule, f\.level, f\.object, f\.detail,$/SELECT/mr);
like($remedies, qr/^-- with tenant_guard: SELECT tenant_guard\.protect\('public\."a\n-- CREATE ROLE by_line; --"'\)$/m, 'the comment goes on after a line break in a name');
$node->psql('shop', $remedies =~ s/^(?!--)(.+)$/$1;/mgr, on_error_stop => 0);
is($node->safe_psql('shop', "SELECT count(*) FROM pg_roles WHERE rolname ~ '^by_'"), '0', 'remedies that are pasted run nothing that is written in a name');

is($node->safe_psql('shop', "SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace"), '1', 'it leaves nothing behind');

# Of several names of tenant columns the first that a table has.
$node->safe_psql('shop', 'CREATE TABLE other (id uuid PRIMARY KEY, "orgId" uuid NOT NULL)');
my $named = $audit =~ s/ARRAY\['tenant_id'\]/ARRAY['tenant_id', 'orgId']/r;
my $found = $node->safe_psql('shop', $named);
like($found, qr/^unguarded_table\|error\|public\.other\|has column "orgId" and no guard/m, 'a table with the second name');
like($found, qr/^unguarded_table\|error\|public\.open\|has column tenant_id and no guard/m, 'and one with the first');

$node->stop;
done_testing();
