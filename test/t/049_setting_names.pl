# Settings that tenant_guard.setting_names names set the tenant as tenant_guard.tenant_id does: the same check,
# staleness, seal, parallel workers and privileges; and what they and tenant_guard.tenant_id say must agree. On
# servers that preload the library, on those whose sessions do, and on those whose sessions load it later.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $look = 'SELECT string_agg(body, \' \' ORDER BY body) FROM t;';
my $node;

sub app { return says($node, 'postgres', 'app', @_); }

# in_transaction(statements, PGOPTIONS): what they print in one transaction that is rolled back
sub in_transaction { my ($sql, @rest) = @_; return app("BEGIN; $sql; ROLLBACK;", @rest); }

# What holds in a session that has the library, however it came by it; "load" is what it begins with.
sub test_session
{
	my ($load) = @_;
	my $a = "SET LOCAL app.current_tenant = '$TENANT_A'";
	my $b = "SET LOCAL app.current_tenant = '$TENANT_B'";
	my ($other_a, $other_b) = map { "SET LOCAL rls.tenant_id = '$_'" } $TENANT_A, $TENANT_B;
	my ($id_a, $id_b) = map { "SET LOCAL tenant_guard.tenant_id = '$_'" } $TENANT_A, $TENANT_B;
	my $upper = uc $TENANT_A;

	is(in_transaction("$load $a; $look"), 'of a', 'another setting sets the tenant');
	is(in_transaction("$load $a; SELECT tenant_guard.current_tenant(), tenant_guard.has_tenant()"), "$TENANT_A|t", 'functions know it');
	is(in_transaction("$load SELECT set_config('app.current_tenant', '$TENANT_B', true); $look"), "$TENANT_B; of b", 'so does set_config()');
	is(in_transaction("$load SET LOCAL app.current_tenant = '{$upper}'; SHOW app.current_tenant; $look"), "{$upper}; of a",
		'it keeps the spelling that it was given');
	is(in_transaction("$load SET LOCAL APP.Current_Tenant = '$TENANT_A'; $look"), 'of a', 'its name is folded as any');
	is(in_transaction("$load SET LOCAL app.other = '$TENANT_A'; $look"), 'ERROR TG001', 'other settings of the prefix are placeholders');

	# Two in one transaction.
	is(in_transaction("$load $a; $other_a; $id_a; $look"), 'of a', 'the same tenant by three settings is one');
	is(in_transaction("$load SET LOCAL app.current_tenant = '$upper'; $id_a; $look"), 'of a', 'in whatever spelling');
	is(in_transaction("$load $a; $other_b"), 'ERROR TG002', 'two settings with different tenants are refused');
	is(in_transaction("$load $a; $id_b"), 'ERROR TG002', 'so are one and tenant_guard.tenant_id');
	is(in_transaction("$load $id_b; $a"), 'ERROR TG002', 'and the other way round');
	is(in_transaction("$load $a; SELECT tenant_guard.set_tenant('$TENANT_B')"), 'ERROR TG002', 'and one and set_tenant()');
	is(in_transaction("$load $a; $b"), 'ERROR TG002', 'and one after itself');
	is(in_transaction("$load $a; RESET app.current_tenant; $other_b"), 'ERROR TG002', 'RESET of the first does not make room for another tenant');
	is(in_transaction("$load $a; RESET app.current_tenant; $look"), 'ERROR TG001', 'it unsets the tenant');
	is(in_transaction("$load $a; $id_a; RESET app.current_tenant; $look"), 'of a', 'but not what another setting says');
	is(in_transaction("$load $a; $look DISCARD ALL"), 'of a; ERROR 25001', 'DISCARD ALL is not for transactions');
	is(in_transaction("$load $a; SELECT tenant_guard.clear_tenant(); $look"), '; ERROR TG001', 'clear_tenant() unsets it');

	# Savepoints.
	is(in_transaction("$load SAVEPOINT s; $a; ROLLBACK TO s; $other_b; $look"), 'of b', 'what was rolled back unused does not count');
	is(in_transaction("$load SAVEPOINT s; $a; $look ROLLBACK TO s; $other_b"), 'of a; ERROR TG002', 'what was used does');
	is(in_transaction("$load SAVEPOINT s; $a; RELEASE s; $other_b"), 'ERROR TG002', 'so does what was released');
	is(in_transaction("$load $a; SAVEPOINT s; $other_b; ROLLBACK TO s; $look $id_a; $look"), 'ERROR TG002; of a; of a', 'a refused one leaves the first');

	# Values that are no tenant.
	is(in_transaction("$load SET LOCAL app.current_tenant = '$_'; SELECT 1; $look"), '1; ERROR TG004', "'$_' is taken, and refused when it is used")
		foreach 'system', '*', 'all', 'null';
	is(in_transaction("$load SET LOCAL app.current_tenant = ''; $look"), 'ERROR TG001', 'the empty string is no tenant');
	is(in_transaction("$load SET LOCAL app.current_tenant = 'system'; SELECT tenant_guard.has_tenant(); $a; $look"), 'f; of a', 'a tenant can follow such a word');
	is(in_transaction("$load SET LOCAL app.current_tenant = 'system'; $id_a; $look"), 'ERROR TG004', 'beside a tenant it is not passed over');
	is(in_transaction("$load $a; $look SET LOCAL app.current_tenant = '*'; $look"), 'of a; ERROR TG004', 'a tenant can be followed by such a word');
	is(in_transaction("$load SET LOCAL tenant_guard.tenant_id = 'system'"), 'ERROR TG004', 'tenant_guard.tenant_id does not take it');

	# Functions with a SET clause.
	is(in_transaction("$load SELECT of_a();"), 'of a', 'a function can set it');
	is(in_transaction("$load SELECT of_a(); $other_b"), 'of a; ERROR TG002', 'and has then set it for the transaction');
	is(in_transaction("$load $id_b; SELECT of_a()"), 'ERROR TG002', 'but not another one');
	is(in_transaction("$load $id_b; SELECT as_definer()"), 'ERROR TG002', 'even as another role');

	# Later transactions.
	is(app("$load SET app.current_tenant = '$TENANT_A'; $look"), 'ERROR TG006', 'in a later transaction it is stale');
	is(app("$load SET app.current_tenant = '$TENANT_A'; BEGIN; $other_b; $look ROLLBACK; $look"), 'of b; ERROR TG006', 'and makes room for one that is set there');
	is(app("$load SET app.current_tenant = '$TENANT_A'; DISCARD ALL; $look"), 'ERROR TG001', 'DISCARD ALL unsets it');
	is(app("$load SET app.current_tenant = '$TENANT_A'; SELECT tenant_guard.clear_tenant(); $look"), '; ERROR TG001', 'so does clear_tenant()');
	is(app("$load PREPARE p AS $look BEGIN; $a; EXECUTE p; COMMIT; BEGIN; $other_b; EXECUTE p; COMMIT;"), 'of a; of b', 'a prepared statement goes from tenant to tenant');

	# Parallel workers.
	my $parallel = 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;';
	$parallel .= $node->pg_version >= 16 ? 'SET debug_parallel_query = on;' : 'SET force_parallel_mode = on;';
	my $worker = 'SELECT count(*), min(tenant_guard.current_tenant()::text) FROM many';
	is(app("$load $parallel BEGIN; $a; $worker; ROLLBACK"), "100|$TENANT_A", 'a parallel worker has it');
	is(app("$load $parallel BEGIN; SAVEPOINT s; $a; ROLLBACK TO s; $other_b; $worker; ROLLBACK"), "0|", 'of whichever setting');
	is(app("$load $parallel SET app.current_tenant = '$TENANT_B'; BEGIN; $other_a; $worker; ROLLBACK"), "100|$TENANT_A", 'a stale one beside it is stale there too');
	is(app("$load $parallel $worker", "-c app.current_tenant=$TENANT_A"), "100|$TENANT_A", 'one of the connection is not');
	is(app("$load $parallel BEGIN; $id_a; $worker; ROLLBACK", "-c app.current_tenant=$TENANT_B"), "100|$TENANT_A", 'and gives way there too');
	is(app("$load $parallel SET app.current_tenant = '$TENANT_A'; $worker"), 'ERROR TG006', 'a stale one alone is refused');
	return;
}

# What comes from below the session.
sub test_below_session
{
	my ($load) = @_;
	my $a = "-c app.current_tenant=$TENANT_A";

	is(app("$load $look $look", $a), 'of a; of a', 'a tenant in PGOPTIONS is good in every transaction');
	is(app("$load BEGIN; SELECT tenant_guard.set_tenant('$TENANT_B'); $look ROLLBACK; $look", $a), "$TENANT_B; of b; of a", 'any setting overrides it for a transaction');
	is(app("$load $look", "$a -c rls.tenant_id=$TENANT_B"), 'ERROR TG002', 'two in PGOPTIONS must agree');
	is(app("$load $look", "$a -c tenant_guard.tenant_id=$TENANT_A"), 'of a', 'these do');
	is(app("$load $look SELECT 1;", '-c app.current_tenant=system'), 'ERROR TG004; 1', 'one that is no tenant is refused when it is used');
	is(app("$load BEGIN; SET LOCAL rls.tenant_id = '$TENANT_B'; $look ROLLBACK;", '-c app.current_tenant=system'), 'of b', 'and can be overridden');
	is(app("$load SET rls.tenant_id = '$TENANT_B'; $look", $a), 'ERROR TG006', 'a stale tenant is not replaced by a default');

	$node->safe_psql('postgres', "ALTER ROLE app SET app.current_tenant = '$TENANT_B'");
	is(app("$load $look"), 'of b', 'a superuser can store one for a role');
	$node->safe_psql('postgres', "ALTER ROLE app RESET app.current_tenant");
	return;
}

sub test_privileges
{
	my ($load) = @_;

	foreach my $name ('app.current_tenant', 'RLS.Tenant_ID', 'tenant_guard.tenant_id')
	{
		is(app("$load ALTER ROLE app SET $name = '$TENANT_A'; ALTER ROLE app IN DATABASE postgres SET $name = '$TENANT_A'; ALTER ROLE CURRENT_USER SET $name = '$TENANT_A'"),
			'ERROR 42501; ERROR 42501; ERROR 42501', "a role cannot store $name for itself");
		is(says($node, 'postgres', 'db_owner', "$load ALTER DATABASE mine SET $name = '$TENANT_A'"), 'ERROR 42501', 'nor can an owner, for a database');
	}
	is(app("$load ALTER ROLE app RESET app.current_tenant"), '', 'it can reset it');
	is(app("$load CREATE TEMP TABLE x (y int); SET app.anything = 1; SHOW app.anything"), '1', 'its other settings go on');
	return;
}

sub test_server
{
	my ($kind, $preload, $conf, $load) = @_;

	note "a server that is $kind";
	$node = start_server($kind, preload => $preload,
		conf => "tenant_guard.setting_names = 'app.current_tenant, rls.tenant_id'\nmax_parallel_workers_per_gather = 2\n$conf");
	$node->safe_psql('postgres', "CREATE EXTENSION tenant_guard; CREATE ROLE db_owner LOGIN; CREATE DATABASE mine OWNER db_owner;
		CREATE TABLE t (tenant_id uuid, body text); CREATE TABLE many (tenant_id uuid); GRANT ALL ON t, many TO app");
	$node->safe_psql('postgres', "SET tenant_guard.bypass = on; INSERT INTO t VALUES ('$TENANT_A', 'of a'), ('$TENANT_B', 'of b');
		INSERT INTO many SELECT '$TENANT_A' FROM generate_series(1, 100); ANALYZE many");
	$node->safe_psql('postgres', "CREATE ROLE other; GRANT ALL ON t TO other; GRANT CREATE ON SCHEMA public TO app, other;
		SET ROLE app; CREATE FUNCTION of_a() RETURNS text LANGUAGE sql SET app.current_tenant = '$TENANT_A' AS \$\$ SELECT string_agg(body, ' ') FROM t \$\$;
		RESET ROLE; SET ROLE other; CREATE FUNCTION as_definer() RETURNS text LANGUAGE sql SECURITY DEFINER SET app.current_tenant = '$TENANT_A' AS \$\$ SELECT string_agg(body, ' ') FROM t \$\$");
	test_session($load);
	test_below_session($load);
	test_privileges($load);
	return;
}

# What the session had set before it loaded the library, as placeholders.
sub test_late_loading
{
	my $load = 'SELECT tenant_guard.has_tenant();';
	my ($a, $b) = map { "app.current_tenant = '$_'" } $TENANT_A, $TENANT_B;

	is(app("BEGIN; SET LOCAL $a; $load $look ROLLBACK;"), 't; of a', 'what the transaction had set counts');
	is(app("BEGIN; SET $a; $load $look COMMIT; $look"), 't; of a; ERROR TG006', 'and is stale in the next one');
	is(app("SET $a; $load $look"), 'f; ERROR TG006', 'what was set in an earlier transaction is stale at once');
	is(app("SET $a; BEGIN; SET LOCAL $b; $load $look ROLLBACK; $look"), 't; of b; ERROR TG006', 'a local value above it counts');
	is(app("BEGIN; SET LOCAL $a; SET LOCAL rls.tenant_id = '$TENANT_B'; $load $look ROLLBACK;"), 'f; ERROR TG002', 'two that differ are refused');
	is(app("BEGIN; SAVEPOINT s; SET LOCAL $a; RELEASE s; $load SET LOCAL rls.tenant_id = '$TENANT_B'; ROLLBACK;"), 't; ERROR TG002', 'the first one was set');
	is(app("BEGIN; SET LOCAL rls.tenant_id = '$TENANT_B'; SAVEPOINT s; SET LOCAL $a; $load ROLLBACK TO s; RESET rls.tenant_id; SET LOCAL $a; ROLLBACK;"),
		'f; ERROR TG002', 'the one of the outer transaction comes first, whatever the order of the names');
	is(app("BEGIN; SET LOCAL app.current_tenant = 'system'; $load SELECT 1; $look ROLLBACK;"), 'f; 1; ERROR TG004', 'a word is taken');
	# tenant_guard.tenant_id does not take it: the value under it is in force
	is(app("SET tenant_guard.tenant_id = 'system'; $load $look", "-c tenant_guard.tenant_id=$TENANT_B"), 'WARNING TG004; t; of b',
		'one that is refused lets the one under it count');
	is(app("BEGIN; SET LOCAL tenant_guard.tenant_id = '$TENANT_A'; SAVEPOINT s; SET LOCAL tenant_guard.tenant_id = 'x'; $load $look ROLLBACK;"), 'WARNING TG004; t; of a',
		'of the same transaction too');
	is(app("SET tenant_guard.setting_names = 'app.other'; $load BEGIN; SET LOCAL app.other = '$TENANT_A'; $look ROLLBACK;"), 'WARNING 55P02; f; ERROR TG001', 'a session does not choose the names');
	return;
}

test_server('preloaded', 1, '', '');
is(app("SHOW tenant_guard.setting_names; SET tenant_guard.setting_names = 'app.other'"), 'app.current_tenant, rls.tenant_id; ERROR 55P02', 'the names cannot change');
test_server('session_preloaded', 0, "session_preload_libraries = 'tenant_guard'", '');
test_server('loaded_late', 0, "tenant_guard.late_loading = allow", 'DO $$ BEGIN PERFORM tenant_guard.has_tenant(); END $$;');
test_late_loading();

# Parallel workers of a session that began with other names: they would read the tenant from those of now.
like(superuser_says($node, 'postgres', "DO \$\$ BEGIN PERFORM tenant_guard.has_tenant(); END \$\$; SET ROLE app; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
	SET min_parallel_table_scan_size = 0; BEGIN; SET LOCAL app.current_tenant = '$TENANT_A'; SELECT count(*) FROM many; COMMIT;
	RESET ROLE; ALTER SYSTEM SET tenant_guard.setting_names = 'app.other'; SELECT pg_reload_conf(); SELECT pg_sleep(1);
	SET ROLE app; BEGIN; SET LOCAL app.current_tenant = '$TENANT_A'; SELECT count(*) FROM many; ROLLBACK;"),
	qr/^100; t; ; (?:ERROR 55P02|ERROR 55P02.*)$/, 'workers of a session that began with other names are refused');

# Names that cannot be settings of the extension: the server starts, and audit() says so.
sub names
{
	my ($name, $libraries, $names) = @_;

	$node = start_server($name, preload => 0, conf => "shared_preload_libraries = '$libraries'\ntenant_guard.setting_names = '$names'");
	$node->safe_psql('postgres', 'CREATE EXTENSION tenant_guard; CREATE TABLE t (tenant_id uuid, body text); GRANT ALL ON t TO app');
	$node->safe_psql('postgres', "SET tenant_guard.bypass = on; INSERT INTO t VALUES ('$TENANT_A', 'of a'), ('$TENANT_B', 'of b')");
	my $found = superuser_says($node, 'postgres', q{SELECT object, detail FROM tenant_guard.audit() WHERE rule = 'setting_name_refused' ORDER BY object COLLATE "C"});
	$found =~ s/is listed in tenant_guard.setting_names, and //g;
	$found =~ s/: it does not set the tenant//g;
	return $found;
}
is( names('refused', 'auto_explain, tenant_guard', 'auto_explain.log_analyze, auto_explain.tenant, tenant_guard.x, plain, app.tenant, APP.Tenant, x.1y, "app.with space"'),
	'"APP.Tenant"|is in the list twice; "app.with space"|is not the name of a custom setting, as app.current_tenant is; "auto_explain.log_analyze"|is a setting of another library; '
	  . '"auto_explain.tenant"|has a prefix that another library has reserved; "tenant_guard.x"|has the prefix of tenant_guard\'s own settings; '
	  . '"x.1y"|is not the name of a custom setting, as app.current_tenant is; plain|is not the name of a custom setting, as app.current_tenant is',
	'names that cannot name the tenant are found');
is(in_transaction("SET LOCAL app.tenant = '$TENANT_A'; $look"), 'of a', 'the others do');
is(in_transaction("SET LOCAL auto_explain.log_analyze = off"), 'ERROR 42501', 'other libraries\' settings are as they were');
like($node->log_content // '', qr/WARNING:  setting "auto_explain.tenant" cannot name the tenant/, 'the log has a WARNING') if $node->can('log_content');
is(names('syntax', 'tenant_guard', 'app.tenant,,'), '"app.tenant,,"|is not a list of names', 'a list that is none is found, too');
is(names('nine', 'tenant_guard', join(', ', map { "app.t$_" } 1 .. 9)), '"app.t9"|is one name too many', 'so is a ninth name');
is(in_transaction("SET LOCAL app.t8 = '$TENANT_B'; $look"), 'of b', 'the eighth counts');

# An application with row-level security of its own: four statements, no line of code, and back.
$node = start_server('adopted', conf => "tenant_guard.setting_names = 'app.current_tenant'");
$node->safe_psql('postgres', 'CREATE ROLE shop; GRANT CREATE ON SCHEMA public TO shop');
$node->safe_psql('postgres', <<'SQL');
SET ROLE shop;
CREATE TABLE orders (id int, tenant_id uuid NOT NULL DEFAULT NULLIF(current_setting('app.current_tenant', true), '')::uuid, body text);
CREATE TABLE notes (tenant_id uuid NOT NULL, body text);
CREATE POLICY tenant_policy ON orders USING (tenant_id = current_setting('app.current_tenant', true)::uuid);
CREATE POLICY tenant_policy ON notes FOR ALL TO app USING (tenant_id = (SELECT current_setting('app.current_tenant'))::uuid);
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
GRANT ALL ON orders, notes TO app;
CREATE VIEW whose AS SELECT current_setting('app.current_tenant', true) AS tenant;
CREATE VIEW whose_or_null AS SELECT NULLIF(current_setting('app.current_tenant', true), '') AS tenant;
CREATE FUNCTION who() RETURNS text LANGUAGE sql AS $$ SELECT current_setting( 'app.current_tenant' ,true) $$;
CREATE FUNCTION who_or_error() RETURNS text LANGUAGE sql AS $$ SELECT current_setting('app.current_tenant') $$;
SQL
my @application = (
	[ "BEGIN; SET LOCAL app.current_tenant = '$TENANT_A'; INSERT INTO orders (id, body) VALUES (1, 'a'); INSERT INTO notes VALUES ('$TENANT_A', 'a'); COMMIT", '' ],
	[ "BEGIN; SET LOCAL app.current_tenant = '$TENANT_B'; INSERT INTO orders (id, body) VALUES (1, 'b'); INSERT INTO notes VALUES ('$TENANT_A', 'b'); COMMIT", 'ERROR 42501' ],
	[ "BEGIN; SELECT set_config('app.current_tenant', '$TENANT_A', true); SELECT count(*) FROM orders JOIN notes USING (tenant_id); COMMIT", "$TENANT_A; 1" ],
	[ "BEGIN; SET LOCAL app.current_tenant = '$TENANT_B'; SELECT count(*) FROM orders; DELETE FROM notes; COMMIT", '0' ],
	[ "BEGIN; SET LOCAL app.current_tenant = '$TENANT_A'; UPDATE orders SET body = 'c' RETURNING body; DELETE FROM orders; DELETE FROM notes; COMMIT", 'c' ]);
sub test_application { my ($when) = @_; is(app($_->[0]), $_->[1], "$when: $_->[0]") foreach @application; return; }
my $policies = q{SELECT polrelid::regclass, polname, polcmd, polroles::regrole[], pg_get_expr(polqual, polrelid) FROM pg_policy ORDER BY 1, 2};
my $before = $node->safe_psql('postgres', $policies);

test_application('before');
$node->safe_psql('postgres', 'CREATE EXTENSION tenant_guard');
test_application('with the extension');
is(superuser_says($node, 'postgres', q{SELECT object FROM tenant_guard.audit() WHERE rule = 'setting_read_empty' ORDER BY object COLLATE "C"}),
	'public.who(); public.whose; tenant_policy on public.orders', 'audit() lists what takes an unset setting to be null');
is(superuser_says($node, 'postgres', "SELECT tenant_guard.protect('orders'); SELECT tenant_guard.protect('notes')"),
	'NOTICE 00000; NOTICE 00000; NOTICE 00000; NOTICE 00000; NOTICE 00000; ; NOTICE 00000; NOTICE 00000; NOTICE 00000; NOTICE 00000; ', 'protect() names the policies');
test_application('with both');
my $superfluous = q{SELECT object FROM tenant_guard.audit() WHERE rule = 'policy_superfluous' ORDER BY object};
is(superuser_says($node, 'postgres', $superfluous), 'tenant_policy on public.notes; tenant_policy on public.orders', 'and audit() does');
$node->safe_psql('postgres', $_) foreach split(/\n/, $node->safe_psql('postgres', q{SELECT remedy FROM tenant_guard.audit() WHERE rule = 'policy_superfluous'}));
is(superuser_says($node, 'postgres', $superfluous), '', 'its remedy replaces them');
test_application('with the guard alone');
is($node->safe_psql('postgres', 'SELECT relation, probe, detail FROM tenant_guard.prove(role => $$app$$, strict => true) WHERE NOT ok'), '', 'prove() finds nothing that gives way');
is(app("SELECT count(*) FROM orders"), 'ERROR TG001', 'a forgotten tenant is an error now');
is(app("SET app.current_tenant = '$TENANT_A'; SELECT count(*) FROM orders"), 'ERROR TG006', 'so is one that was left behind');

# Back: what the NOTICEs have said.
$node->safe_psql('postgres', <<'SQL');
CREATE POLICY tenant_policy ON public.orders AS PERMISSIVE FOR ALL TO PUBLIC USING ((tenant_id = (current_setting('app.current_tenant'::text, true))::uuid));
SELECT tenant_guard.unprotect('public.orders');
DROP POLICY tenant_policy ON public.notes; CREATE POLICY tenant_policy ON public.notes AS PERMISSIVE FOR ALL TO app USING ((tenant_id = (( SELECT current_setting('app.current_tenant'::text) AS current_setting))::uuid));
SELECT tenant_guard.unprotect('public.notes');
ALTER TABLE orders ALTER tenant_id SET DEFAULT NULLIF(current_setting('app.current_tenant', true), '')::uuid;
SQL
is($node->safe_psql('postgres', $policies), $before, 'the policies are as they were');
test_application('back');
$node->safe_psql('postgres', 'DROP EXTENSION tenant_guard');
test_application('without the extension');

done_testing();
