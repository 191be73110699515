# A tenant that comes from below the session (postgresql.conf, ALTER DATABASE, ALTER ROLE, PGOPTIONS) is never stale,
# is judged when it is first used and not before, in whatever order the settings arrive, and only a superuser may
# store one.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

# What a session sees without setting anything itself; then in its next transaction.
my $look = 'SELECT string_agg(body, \' \' ORDER BY body) FROM t;';

# Each use of "configure" stands for sessions that begin after it.
sub configure
{
	my ($node, $sql) = @_;
	is(superuser_says($node, 'postgres', $sql), '', $sql);
	return;
}

sub app_says { my ($node, $database, @rest) = @_; return says($node, $database, 'app', @rest); }

sub make_database
{
	my ($node, $name, $type, @tenants) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $name OWNER db_owner");
	$node->safe_psql('postgres', "ALTER DATABASE $name SET tenant_guard.tenant_type = '$type'") if $type ne 'uuid';
	$node->safe_psql($name, 'CREATE EXTENSION tenant_guard');
	$node->safe_psql($name, "CREATE TABLE t (tenant_id $type, body text); GRANT ALL ON t TO app");
	$node->safe_psql($name, "SET tenant_guard.bypass = on; INSERT INTO t VALUES ('$_', 'of ' || left('$_', 1))") foreach @tenants;
	return;
}

sub test_server
{
	my ($kind, $preload) = @_;
	# (a guarded query may load the library here: it is of the values that this test is)
	my $node = start_server($kind, preload => $preload, conf => 'tenant_guard.late_loading = allow');
	my $upper_a = uc $TENANT_A;

	note "a server that is $kind";
	$node->safe_psql('postgres', 'CREATE ROLE db_owner LOGIN; CREATE ROLE role_admin LOGIN CREATEROLE; GRANT app TO role_admin WITH ADMIN OPTION');
	make_database($node, 'uuids', 'uuid', $TENANT_A, $TENANT_B);
	make_database($node, 'texts', 'text', 'acme', 'bolt');
	make_database($node, 'bigints', 'bigint', '1', '2');

	# The connection.
	is(app_says($node, 'uuids', $look), 'ERROR TG001', 'without any setting there is no tenant');
	is(app_says($node, 'uuids', "$look $look", "-c tenant_guard.tenant_id=$TENANT_A"), 'of a; of a',
		'a tenant in PGOPTIONS is good in every transaction');
	is(app_says($node, 'uuids', "$look SELECT tenant_guard.current_tenant();", "-c tenant_guard.tenant_id={$upper_a}"),
		"of a; $TENANT_A", 'and may be spelled in any way');
	is(app_says($node, 'uuids', "$look SELECT tenant_guard.has_tenant();", '-c tenant_guard.tenant_id=acme'),
		'ERROR TG004; f', 'one that does not fit is refused on use, and the connection stands');
	is(app_says($node, 'texts', $look, '-c tenant_guard.tenant_id=acme'), 'of a',
		'a text tenant in PGOPTIONS arrives before the database says that tenants are texts');
	is(app_says($node, 'texts', "$look SELECT tenant_guard.has_tenant();", "-c tenant_guard.tenant_id=acm\303"), 'ERROR TG004; f',
		'a text that is not valid in the encoding of the database is none: new rows would have it');
	is(app_says($node, 'bigints', "$look SELECT tenant_guard.current_tenant_bigint();", '-c tenant_guard.tenant_id=+01'),
		'of 1; 1', 'so does a bigint');
	is(app_says($node, 'bigints', $look, '-c tenant_guard.tenant_id=1x'), 'ERROR TG004', 'one that is none is refused on use');
	is(app_says($node, 'bigints', $look, '-c tenant_guard.tenant_id=9223372036854775808'), 'ERROR TG004', 'so is one too large');
	is(app_says($node, 'uuids', $look, '-c tenant_guard.tenant_id='), 'ERROR TG001', 'an empty one is none');

	# The superuser's settings are not the connection's to change.
	foreach my $setting (['bypass', 'on', 'off'], ['scope', 'session', 'transaction'], ['missing_tenant', 'empty', 'error'],
		['one_tenant_per_transaction', 'off', 'on'], ['tenant_type', 'text', 'uuid'], ['auto_protect', 'off', 'on'])
	{
		my ($name, $value, $default) = @$setting;
		my $said = app_says($node, 'uuids', "SELECT tenant_guard.has_tenant(); SHOW tenant_guard.$name;", "-c tenant_guard.$name=$value");
		my $name_of_test = "PGOPTIONS of an application do not set tenant_guard.$name";

		if ($preload) { like($said, qr/permission denied to set parameter "tenant_guard.$name"$/, $name_of_test); }
		else { is($said, "WARNING 42501; f; $default", $name_of_test); }
	}

	# A role.
	configure($node, "ALTER ROLE app SET tenant_guard.tenant_id = '$TENANT_A';");
	is(app_says($node, 'uuids', "$look $look"), 'of a; of a', 'a tenant of a role is good in every transaction');
	is(says($node, 'uuids', 'db_owner', 'SELECT tenant_guard.has_tenant();'), 'f', 'it is not another role\'s');
	is(app_says($node, 'uuids', $look, "-c tenant_guard.tenant_id=$TENANT_B"), 'of b', 'the connection\'s goes before it');
	is(app_says($node, 'texts', $look), '', 'where tenants are texts it is just one that has no rows');
	is(app_says($node, 'bigints', "$look SELECT 1;"), 'ERROR TG004; 1', 'where they are bigints it is refused on use');
	is(app_says($node, 'uuids', "BEGIN; $look SAVEPOINT s; SELECT tenant_guard.set_tenant('$TENANT_B');"
				. ' ROLLBACK TO s; SET tenant_guard.tenant_id = \'' . $TENANT_B . "'; ROLLBACK TO s; $look COMMIT;"),
		'of a; ERROR TG002; ERROR TG002; of a', 'after use it cannot be changed in the transaction');
	is(app_says($node, 'uuids', "BEGIN; SELECT tenant_guard.set_tenant('$TENANT_B'); SELECT tenant_guard.set_tenant('$TENANT_A');"),
		"$TENANT_B; ERROR TG002", 'it can be overridden once, used or not');
	is(app_says($node, 'uuids', "BEGIN; SELECT tenant_guard.set_tenant('$TENANT_B'); RESET tenant_guard.tenant_id; $look ROLLBACK;"),
		"$TENANT_B; ERROR TG002", 'and is none of that transaction then');
	is(app_says($node, 'uuids', "BEGIN; SELECT tenant_guard.set_tenant('$TENANT_B'); $look RESET tenant_guard.tenant_id; $look ROLLBACK;"),
		"$TENANT_B; of b; ERROR TG002", 'RESET goes back to it, which is another tenant in a transaction that has used one');
	is(app_says($node, 'uuids', "SET tenant_guard.tenant_id = '$TENANT_B'; $look RESET tenant_guard.tenant_id; $look SHOW tenant_guard.tenant_id;"),
		"ERROR TG006; of a; $TENANT_A", 'RESET goes back to it from a stale one, and it is not stale');
	is(app_says($node, 'uuids', "BEGIN; SELECT tenant_guard.set_tenant('$TENANT_B'); $look COMMIT; $look"),
		"$TENANT_B; of b; of a", 'the end of a transaction with a tenant of its own goes back to it');
	is(app_says($node, 'uuids', "BEGIN; $look SELECT tenant_guard.clear_tenant(); $look COMMIT; $look"),
		'of a; ; ERROR TG001; of a', 'what a failed transaction unset is back after it');
	is(app_says($node, 'uuids', "SELECT tenant_guard.clear_tenant(); $look DISCARD ALL; $look"),
		'; ERROR TG001; of a', 'DISCARD ALL goes back to it');

	# A role in a database, which goes before the role.
	configure($node, "ALTER ROLE app IN DATABASE uuids SET tenant_guard.tenant_id = '$TENANT_B';");
	is(app_says($node, 'uuids', "$look $look"), 'of b; of b', 'a tenant of a role in a database goes before the role\'s');
	configure($node, 'ALTER ROLE app RESET tenant_guard.tenant_id; ALTER ROLE app IN DATABASE uuids RESET tenant_guard.tenant_id;');
	is(app_says($node, 'uuids', $look), 'ERROR TG001', 'without them there is none');

	# A role's tenant and its database's type, as well as a role's type.
	like(superuser_says($node, 'postgres', "ALTER ROLE app SET tenant_guard.tenant_id = 'acme';"), qr/^(WARNING TG004)?$/,
		'a role\'s tenant that does not fit here is stored, for it may fit there');
	is(app_says($node, 'texts', "$look $look"), 'of a; of a', 'a role\'s tenant and its database\'s type meet');
	is(app_says($node, 'uuids', "$look SELECT 1;"), 'ERROR TG004; 1', 'elsewhere it is refused on use');
	configure($node, 'ALTER ROLE app IN DATABASE texts SET tenant_guard.tenant_type = \'bigint\';');
	is(app_says($node, 'texts', $look), 'ERROR TG004', 'a role\'s type goes before its database\'s');
	configure($node, 'ALTER ROLE app IN DATABASE texts RESET ALL; ALTER ROLE app RESET ALL;');

	# A database.
	configure($node, "ALTER DATABASE uuids SET tenant_guard.tenant_id = '$TENANT_B';");
	is(app_says($node, 'uuids', "$look $look"), 'of b; of b', 'a tenant of a database is good in every transaction');
	configure($node, 'ALTER DATABASE uuids RESET tenant_guard.tenant_id;');

	# The file, which comes first of all.
	$node->append_conf('postgresql.conf', "tenant_guard.tenant_id = 'acme'\ntenant_guard.tenant_type = 'bigint'");
	$node->reload;
	ok($node->poll_query_until('postgres', 'SELECT current_setting(\'tenant_guard.tenant_id\', true) = \'acme\''), 'the file is read');
	is(app_says($node, 'texts', "$look $look"), 'of a; of a', 'a tenant of the file and its database\'s type meet');
	is(app_says($node, 'bigints', "$look SELECT 1;"), 'ERROR TG004; 1', 'elsewhere it is refused on use');
	is(app_says($node, 'bigints', $look, '-c tenant_guard.tenant_id=2'), 'of 2', 'the connection\'s goes before it');
	is(app_says($node, 'uuids', "$look SELECT 1;"), 'ERROR TG004; 1', 'the getter of another type is refused');
	$node->append_conf('postgresql.conf', "tenant_guard.tenant_id = ''\ntenant_guard.tenant_type = 'uuid'");
	$node->reload;
	ok($node->poll_query_until('postgres', 'SELECT current_setting(\'tenant_guard.tenant_id\', true) = \'\''), 'the file is read');

	test_who_may_store($node);
	$node->stop;
	return;
}

# One injected ALTER ROLE CURRENT_USER SET would reach every later connection of the pool.
sub test_who_may_store
{
	my ($node) = @_;
	my $load = 'SELECT tenant_guard.has_tenant();';
	my $by = sub { my ($what) = @_; return "$what SET tenant_guard.tenant_id = '$TENANT_A';" };

	foreach my $what ('ALTER ROLE CURRENT_USER', 'ALTER ROLE app', 'ALTER USER CURRENT_USER', 'ALTER ROLE app IN DATABASE uuids')
	{
		is(app_says($node, 'uuids', $load . $by->($what)), 'f; ERROR 42501', "an application role is refused: $what");
		is(app_says($node, 'uuids', $by->($what)), 'ERROR 42501', "first of all in its session too");
		is(app_says($node, 'uuids', "SET tenant_guard.tenant_id = '$TENANT_A'; $what SET tenant_guard.tenant_id FROM CURRENT;"),
			'ERROR 42501', "FROM CURRENT too");
		is(app_says($node, 'uuids', "$load $what SET Tenant_Guard.Tenant_ID = '$TENANT_A';"), 'f; ERROR 42501', "in any case of letters");
	}
	is(app_says($node, 'uuids', $look), 'ERROR TG001', 'and nothing was stored');
	is(says($node, 'uuids', 'db_owner', $load . $by->('ALTER DATABASE uuids')), 'f; ERROR 42501', 'so is a database\'s owner');
	is(says($node, 'uuids', 'db_owner', $by->('ALTER DATABASE uuids')), 'ERROR 42501', 'first of all in its session too');
	is(app_says($node, 'uuids', $look), 'ERROR TG001', 'and nothing was stored');
	is(app_says($node, 'uuids', "$load ALTER ROLE CURRENT_USER SET tenant_guard.tenant_id = '';"), 'f; ERROR 42501',
		'an empty one is refused too: it would hide a database\'s');

	is(says($node, 'uuids', 'role_admin', $load . $by->('ALTER ROLE app')), 'f; ERROR 42501', 'so is one who may alter the role');
	is(app_says($node, 'uuids', $look), 'ERROR TG001', 'and nothing was stored');

	# A superuser may, and a role may then do with its other settings what it could before.
	configure($node, $by->('ALTER ROLE app'));
	is(app_says($node, 'uuids', "$load ALTER ROLE CURRENT_USER SET work_mem = '5MB';"), 't', 'another parameter is the role\'s own to store');
	is(app_says($node, 'uuids', "$load ALTER ROLE CURRENT_USER SET tenant_guard.tenant_id = '$TENANT_B'; $look"),
		't; ERROR 42501; of a', 'replacing the superuser\'s is refused');
	is(app_says($node, 'uuids', "SHOW work_mem; $look ALTER ROLE CURRENT_USER RESET work_mem;"), '5MB; of a', 'both are in effect');
	is(app_says($node, 'uuids', "$load ALTER ROLE CURRENT_USER RESET tenant_guard.tenant_id;"), 't',
		'RESET stores no tenant and is the role\'s own');
	is(app_says($node, 'uuids', $look), 'ERROR TG001', 'after it there is none');
	return;
}

test_server('preloading', 1);
test_server('not_preloading', 0);
done_testing();
