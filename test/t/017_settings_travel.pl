# The settings of a database are not in its dump, nor in a copy of a template: tenant columns and the type of tenants are then
# what the guarded tables have. What is made in the copy is guarded as in the original, whoever makes it, also on a server
# that does not preload the library.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $dir = PostgreSQL::Test::Utils::tempdir();
my $origin = start_server('origin');
my $plain = start_server('plain', preload => 0);

foreach my $node ($origin, $plain)
{
	$node->safe_psql('postgres', 'CREATE ROLE owner LOGIN CREATEDB; CREATE ROLE hostile LOGIN');
}

# --- The original, with an owner that is no superuser -------------------------------------------------------------------

$origin->safe_psql('postgres', 'CREATE DATABASE shop OWNER owner');
$origin->safe_psql('postgres', q{ALTER DATABASE shop SET tenant_guard.tenant_column = 'org_id, "tenantId"'; ALTER DATABASE shop SET tenant_guard.tenant_type = 'bigint'});
$origin->safe_psql('shop', 'CREATE EXTENSION tenant_guard; GRANT CREATE ON SCHEMA public TO owner, hostile');
is(says($origin, 'shop', 'owner', <<'SQL'), '2', 'the original is guarded by columns of two names');
SET client_min_messages = warning;
CREATE TABLE orgs (id bigint PRIMARY KEY, name text);
CREATE TABLE orders (id int, "tenantId" bigint REFERENCES orgs);
CREATE TABLE lines (id int, "tenantId" bigint);
CREATE TABLE notes (id int, org_id int);
CREATE TABLE parts (id int, tenant bigint NOT NULL) PARTITION BY LIST (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
INSERT INTO orgs VALUES (1), (2);
BEGIN;
SET LOCAL tenant_guard.tenant_id = '1';
INSERT INTO orders VALUES (1), (2);
COMMIT;
BEGIN;
SET LOCAL tenant_guard.tenant_id = '2';
INSERT INTO orders VALUES (3);
COMMIT;
SELECT count(DISTINCT a.attname) FROM pg_policy p JOIN pg_attribute a ON a.attrelid = p.polrelid AND a.attname IN ('org_id', 'tenantId');
SQL
$origin->safe_psql('shop', q{SELECT tenant_guard.protect('orgs', 'id')});

# --- What holds in a copy ------------------------------------------------------------------------------------------------

# Is what is made in this database guarded as in the original?
sub goes_on
{
	my ($node, $database, $how) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $load = 'SELECT tenant_guard.has_tenant();';
	my $made = "SELECT relation, status, tenant_column, tenant_type FROM tenant_guard.tables WHERE relation::text ~ 'made' ORDER BY relation::text;";

	is($node->safe_psql($database, q{SELECT count(*) FROM pg_settings WHERE name IN ('tenant_guard.tenant_column', 'tenant_guard.tenant_type') AND source <> 'default'}),
		'0', "$how: the settings are lost");
	is(says($node, $database, 'app', 'SELECT count(*) FROM orders'), 'ERROR TG001', "$how: a query without a tenant is refused");
	is(says($node, $database, 'app', $load . q{BEGIN; SET LOCAL tenant_guard.tenant_id = '1'; SELECT count(*) FROM orders; COMMIT; BEGIN; SELECT tenant_guard.set_tenant(2); SELECT count(*) FROM orders}),
		'f; 2; 2; 1', "$how: tenants are of the original's type, and see their rows");
	is(says($node, $database, 'app', $load . q{BEGIN; SET LOCAL tenant_guard.tenant_id = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'}), 'f; ERROR TG004', "$how: a tenant of another type is refused");
	says($node, $database, 'owner', 'CREATE TABLE made_camel (id int, "tenantId" bigint); CREATE TABLE made_org AS SELECT 1 AS id, NULL::bigint AS org_id WHERE false; CREATE TABLE made_id (id int, tenant_id bigint); CREATE TABLE made_none (id bigint)');
	is($node->safe_psql($database, $made), "made_camel|guarded|tenantId|bigint\nmade_id|guarded|tenant_id|bigint\nmade_none|unguarded||\nmade_org|guarded|org_id|bigint",
		"$how: new tables are guarded by columns of the original's names");
	is(says($node, $database, 'owner', 'CREATE TABLE made_uuid (id int, "tenantId" uuid)'), 'ERROR TG004', "$how: one of another type is refused");
	is($node->safe_psql($database, q{SELECT rule, detail FROM tenant_guard.audit() WHERE rule IN ('setting_disagrees', 'tenant_type_differs', 'unguarded_table')}), '',
		"$how: audit() finds nothing of it");
	return;
}

# A role's table, which it guards by itself, with tenants of another type and by a column of another name.
my $shift = <<'SQL';
CREATE TABLE shift (id uuid NOT NULL);
ALTER TABLE shift ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON shift AS RESTRICTIVE USING (id = tenant_guard.current_tenant()) WITH CHECK (id = tenant_guard.current_tenant());
CREATE POLICY tenant_access ON shift USING (tenant_guard.guarded());
SQL

# A copy by the template, of the same owner; as Django and Rails make test databases.
$origin->safe_psql('postgres', 'CREATE DATABASE by_template TEMPLATE shop OWNER owner');
goes_on($origin, 'by_template', 'CREATE DATABASE ... TEMPLATE');
is(says($origin, 'by_template', 'hostile', $shift), '', 'another role guards a table of its own');
says($origin, 'by_template', 'owner', 'DROP TABLE made_camel, made_org, made_id, made_none');
goes_on_besides_others($origin, 'by_template', 'beside a table of another role');

# The same, without what audit() says, which is of the other role's table.
sub goes_on_besides_others
{
	my ($node, $database, $how) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is(says($node, $database, 'app', q{BEGIN; SELECT tenant_guard.set_tenant(2); SELECT count(*) FROM orders}), '2; 1', "$how: tenants are of the original's type");
	is(says($node, $database, 'owner', 'CREATE TABLE made_camel (id bigint, "tenantId" bigint); CREATE TABLE made_none (id uuid)'), 'NOTICE 00000', "$how: so are new tables'");
	is($node->safe_psql($database, q{SELECT status FROM tenant_guard.tables WHERE relation = 'made_none'::regclass}), 'unguarded', "$how: its column is nobody else's");
	is($node->safe_psql($database, q{SELECT object, remedy IS NULL FROM tenant_guard.audit() WHERE rule = 'setting_disagrees'}), 'hostile|t', "$how: audit() finds it, and has no remedy");
	return;
}

# A copy of the template that belongs to the superuser: what its tables' owner makes is as before, and so are tenants.
$origin->safe_psql('postgres', 'CREATE DATABASE by_superuser TEMPLATE shop');
goes_on($origin, 'by_superuser', 'a template, of the superuser');

# A dump that is restored into a database that others have made.
$origin->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/shop.dump", '-d', $origin->connstr('shop') ], 'pg_dump makes an archive');
foreach my $node ($origin, $plain)
{
	my $how = 'pg_restore, server ' . $node->name;

	$node->safe_psql('postgres', 'CREATE DATABASE restored OWNER owner');
	$node->command_ok([ 'pg_restore', '-d', $node->connstr('restored'), "$dir/shop.dump" ], $how);
	goes_on($node, 'restored', $how);
	says($node, 'restored', 'owner', 'DROP TABLE made_camel, made_org, made_id, made_none');

	# In a session that set the tenant before anything has loaded the library.
	is(says($node, 'restored', 'app', q{SET tenant_guard.tenant_id = '1'; SELECT tenant_guard.has_tenant(); BEGIN; SET LOCAL tenant_guard.tenant_id = '1'; SELECT tenant_guard.current_tenant_bigint(); SELECT count(*) FROM orders}),
		'f; 1; 2', "$how: a tenant that was set first is of that type");
}

# --- A setting that disagrees ------------------------------------------------------------------------------------------------

$origin->safe_psql('postgres', q{ALTER DATABASE restored SET tenant_guard.tenant_column = 'tenant_id'; ALTER DATABASE restored SET tenant_guard.tenant_type = 'uuid'});
my $disagrees = q{SELECT object FROM tenant_guard.audit() WHERE rule = 'setting_disagrees' AND level = 'error' ORDER BY object};
is($origin->safe_psql('restored', $disagrees), "tenant_guard.tenant_column\ntenant_guard.tenant_type", 'the defaults, set, disagree with the guarded tables');
is(says($origin, 'restored', 'owner', 'CREATE TABLE made_open (id int, "tenantId" bigint)'), '', 'and new tables are as the settings say');
$origin->safe_psql('restored', $origin->safe_psql('restored', q{SELECT string_agg(remedy, '; ') FROM tenant_guard.audit() WHERE rule = 'setting_disagrees'}));
is($origin->safe_psql('restored', $disagrees), '', 'the remedies are right');
is($origin->safe_psql('restored', q{SHOW tenant_guard.tenant_column; SHOW tenant_guard.tenant_type}), qq{tenant_id, "tenantId", org_id\nbigint}, 'and keep what was set');
is($origin->safe_psql('restored', q{SELECT object FROM tenant_guard.audit() WHERE rule = 'unguarded_table'}), 'public.made_open', 'what was made open is found');

# All tables belong to a role that does not decide; as no other has any, its tables are what the setting is to agree with.
$origin->safe_psql('postgres', q{ALTER DATABASE by_superuser SET tenant_guard.tenant_type = 'text'});
is($origin->safe_psql('by_superuser', q{SELECT object, remedy FROM tenant_guard.audit() WHERE rule = 'setting_disagrees'}),
	q{tenant_guard.tenant_type|ALTER DATABASE by_superuser SET tenant_guard.tenant_type = 'bigint'}, 'the only owner of guarded tables');

done_testing();
