# A login event trigger (17 and later) runs before a session can have set a tenant: one that touches a guarded table locks
# everyone out. There is a way in, and a way to write such a trigger.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $node = start_server('login');
if ($node->safe_psql('postgres', 'SHOW server_version_num') < 170000)
{
	$node->stop;
	plan skip_all => 'login event triggers came with 17';
}
my $off = '-c event_triggers=off';

$node->safe_psql('postgres', 'CREATE EXTENSION tenant_guard; CREATE TABLE logins (tenant_id uuid NOT NULL DEFAULT tenant_guard.current_tenant(), role name); GRANT ALL ON logins TO app');
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION note_login() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting('login.spare_superusers', true) = 'on' AND current_setting('is_superuser') = 'on' THEN
		RETURN;
	END IF;
	INSERT INTO logins (role) VALUES (session_user);
END $$;
CREATE EVENT TRIGGER note_login ON login EXECUTE FUNCTION note_login();
SQL
like(says($node, 'postgres', 'app', 'SELECT 1;'), qr/no tenant is set/, 'the application is locked out');
like(superuser_says($node, 'postgres', 'SELECT 1;'), qr/ access to table .* would bypass|no tenant is set/, 'so is a superuser');
isnt(says($node, 'postgres', 'app', 'SELECT 1;', $off), '1', 'to whom alone the way in is open');
is(superuser_says($node, 'postgres', 'ALTER EVENT TRIGGER note_login DISABLE; SELECT 1;', $off), '1', 'and who mends it');
is(says($node, 'postgres', 'app', 'SELECT 1;'), '1', 'then everyone can connect');

# For a tenant of its own.
is(superuser_says($node, 'postgres', "ALTER FUNCTION note_login() SET tenant_guard.tenant_id = '$TENANT_A'; ALTER EVENT TRIGGER note_login ENABLE; SELECT 1;", $off), '1', 'with a tenant of its own');
like(superuser_says($node, 'postgres', 'SELECT 1;'), qr/would bypass/, 'superusers are refused all the same');
is(superuser_says($node, 'postgres', 'ALTER FUNCTION note_login() SET login.spare_superusers = on; SELECT 1;', $off), '1', 'where they are spared');
is(superuser_says($node, 'postgres', 'SELECT 1;'), '1', 'they can connect');
is(says($node, 'postgres', 'app', 'SELECT tenant_guard.has_tenant(); SELECT count(*) FROM logins;'), 'f; ERROR TG001', 'it writes, and leaves none to the session');
is(says($node, 'postgres', 'app', "BEGIN; SELECT tenant_guard.set_tenant('$TENANT_B'); SELECT count(*) FROM logins; COMMIT;"), "$TENANT_B; 0", 'which may have any');
is(says($node, 'postgres', 'app', "BEGIN; SELECT tenant_guard.set_tenant('$TENANT_A'); SELECT count(*) FROM logins; COMMIT;"), "$TENANT_A; 3", 'of which its tenant sees the rows');

done_testing();
