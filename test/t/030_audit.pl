# What audit() finds of roles, settings, event triggers, publications and subscriptions, which are a server's, and that each remedy,
# run as it is written, makes its finding go away.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $node = start_server('server', streaming => 1, conf => "wal_level = logical\nmax_prepared_transactions = 2");
my $superuser = getpwuid($<);
my $version = $node->safe_psql('postgres', 'SHOW server_version_num');

# Findings of a rule in a new session: "level object", a line each.
sub found
{
	my ($rule, $database) = @_;

	return $node->safe_psql($database // 'shop', "SELECT level, object FROM tenant_guard.audit() WHERE rule = '$rule'") =~ s/\|/ /gr;
}

# Runs what remedies a rule's findings, as a DBA would paste it; returns these, as found() does.
sub remedy
{
	my ($rule, $database) = @_;

	return $node->safe_psql($database // 'shop', <<"SQL") =~ s/\|/ /gr;
CREATE TEMP TABLE findings AS SELECT level, object, remedy FROM tenant_guard.audit() WHERE rule = '$rule';
SELECT level, object FROM findings;
\\o /dev/null
SELECT remedy FROM findings \\gexec
SQL
}

# A fault is found as expected, and its remedy mends it.
sub finds
{
	my ($rule, $fault, $expected) = @_;

	$node->safe_psql('shop', $_) foreach split(/\n/, $fault);
	is(remedy($rule), $expected, "$rule: found");
	is(found($rule), '', "$rule: its remedy mends it");
	return;
}

$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql('shop', 'CREATE EXTENSION tenant_guard; CREATE TABLE notes (id int, tenant_id uuid, PRIMARY KEY (tenant_id, id)); GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO app');

# --- A clean server --------------------------------------------------------------------------------------------------------

is($node->safe_psql('shop', "SELECT rule, object FROM tenant_guard.audit() WHERE rule <> 'server_outdated'"), '', 'nothing is found on a clean server');
is($node->safe_psql('shop', 'SELECT guarded, unguarded, errors = (SELECT count(*) FROM tenant_guard.audit() WHERE level = \'error\'), preloaded, version = (SELECT default_version FROM pg_available_extensions WHERE name = \'tenant_guard\') FROM tenant_guard.status'), '1|0|t|t|t', 'the view "status" says so');

# --- Roles ----------------------------------------------------------------------------------------------------------------

$node->safe_psql('postgres', 'CREATE ROLE nobody SUPERUSER BYPASSRLS');
is(found('role_bypasses'), '', 'a superuser that cannot log in is none');
finds('role_bypasses', 'CREATE ROLE "Second" LOGIN SUPERUSER BYPASSRLS; CREATE ROLE job LOGIN BYPASSRLS', "warning \"Second\"\ninfo job");
finds('role_bypasses', 'CREATE ROLE "Admins" SUPERUSER; CREATE ROLE clerk LOGIN NOINHERIT IN ROLE "Admins"; CREATE ROLE deputy LOGIN IN ROLE clerk', "warning clerk\nwarning deputy");
$node->safe_psql('postgres', 'DROP ROLE "Admins", clerk, deputy');
finds('statistics_readable', 'CREATE ROLE clerk LOGIN IN ROLE pg_read_all_data', 'warning clerk');
finds('statistics_readable', 'GRANT SELECT (stavalues1) ON pg_statistic TO clerk', 'warning clerk');
$node->safe_psql('postgres', 'DROP ROLE clerk');
# What comes to rows past every policy, and what statements hold.
finds('role_reaches_around', 'CREATE ROLE files; GRANT pg_read_server_files TO files; CREATE ROLE clerk LOGIN IN ROLE pg_write_server_files, pg_execute_server_program; CREATE ROLE copier LOGIN REPLICATION',
	"warning clerk\nwarning clerk\ninfo copier");
$node->safe_psql('postgres', 'GRANT files TO clerk; CREATE ROLE copying REPLICATION; GRANT copying TO clerk; ALTER ROLE copier SUPERUSER REPLICATION');
is($node->safe_psql('shop', "SELECT level, object, detail ~ '(pg_read_server_files|copying)', remedy FROM tenant_guard.audit() WHERE rule = 'role_reaches_around' ORDER BY 1 DESC"),
	"warning|clerk|t|\ninfo|clerk|t|REVOKE copying FROM clerk", 'role_reaches_around: by membership, with a remedy where it is direct, and no superuser');
$node->safe_psql('postgres', 'DROP ROLE files, copying, copier');
finds('role_reaches_around', 'ALTER ROLE clerk CREATEROLE', $version < 160000 ? 'warning clerk' : '');
finds('role_reaches_around', 'GRANT pg_maintain TO clerk', 'info clerk') if $version >= 170000;
finds('statements_readable', 'GRANT pg_monitor, pg_read_all_stats TO clerk', 'info clerk');
$node->safe_psql('postgres', 'DROP ROLE clerk');

# What is kept, or read, beside tables. No language of Perl is needed to be found.
$node->safe_psql('shop', 'CREATE TRUSTED LANGUAGE plperl HANDLER plpgsql_call_handler; CREATE LANGUAGE plperlu HANDLER plpgsql_call_handler; CREATE EXTENSION pageinspect; CREATE EXTENSION pg_walinspect; CREATE EXTENSION pg_stat_statements');
is(found('beside_tables'), "info pageinspect\ninfo pg_walinspect\ninfo plperl\ninfo plperlu", 'what is kept, or read, beside tables is found');
is($node->safe_psql('shop', q(SELECT object, substr(detail, strpos(detail, ';') + 2) FROM tenant_guard.audit() WHERE rule = 'beside_tables')),
	"pageinspect|only superusers may use it\npg_walinspect|only superusers may use it\nplperl|open to log-in roles, \"Second\" first\nplperlu|only superusers may use it", 'with who may reach it');
$node->safe_psql('shop', 'REVOKE USAGE ON LANGUAGE plperl FROM PUBLIC; CREATE FUNCTION in_perl() RETURNS int LANGUAGE plperlu AS \'\'; REVOKE EXECUTE ON FUNCTION in_perl FROM PUBLIC; GRANT EXECUTE ON FUNCTION in_perl TO app; GRANT pg_read_server_files TO app');
is($node->safe_psql('shop', q(SELECT level, object, detail FROM tenant_guard.audit() WHERE rule = 'beside_tables' AND detail ~ 'app first')),
	"warning|pg_walinspect|reads the changes of every tenant, with no line in the log; open to log-in roles, app first\n"
	  . "info|plperlu|functions in it keep values in %_SHARED and in global variables, in a pooled session for the next tenant; open to log-in roles, app first", 'by a grant, or a function');
$node->safe_psql('shop', 'REVOKE pg_read_server_files FROM app; DROP FUNCTION in_perl; DROP LANGUAGE plperl; DROP LANGUAGE plperlu; DROP EXTENSION pageinspect; DROP EXTENSION pg_walinspect; DROP EXTENSION pg_stat_statements');
is($node->safe_psql('shop', "SELECT rule, object FROM tenant_guard.audit() WHERE rule <> 'server_outdated'"), '', 'and then nothing is left');

# Functions as PostGIS has them, of an extension that has a type of a guarded table's column. The table's values are in its statistics.
$node->safe_psql('shop', 'CREATE DOMAIN geometry AS text; CREATE FUNCTION st_estimatedextent(text, text) RETURNS text LANGUAGE sql AS \'SELECT $1\';'
	  . 'ALTER EXTENSION plpgsql ADD DOMAIN geometry; ALTER EXTENSION plpgsql ADD FUNCTION st_estimatedextent(text, text); GRANT EXECUTE ON FUNCTION st_estimatedextent(text, text) TO app');
is(found('statistics_readable'), '', 'statistics_readable: nothing where no guarded table has such a column');
finds('statistics_readable', 'ALTER TABLE notes ADD COLUMN place geometry', 'warning public.st_estimatedextent(text,text)');
$node->safe_psql('shop', 'ALTER EXTENSION plpgsql DROP FUNCTION st_estimatedextent(text, text); ALTER EXTENSION plpgsql DROP DOMAIN geometry; DROP FUNCTION st_estimatedextent; DROP DOMAIN geometry CASCADE');
finds('bypass_granted', 'GRANT SET ON PARAMETER tenant_guard.bypass TO app, PUBLIC', "info PUBLIC\ninfo app");
finds('setting_granted', 'GRANT SET ON PARAMETER tenant_guard.one_tenant_per_transaction, tenant_guard.tenant_id, session_preload_libraries TO app; GRANT ALTER SYSTEM ON PARAMETER tenant_guard.bypass TO PUBLIC',
	"info PUBLIC\ninfo app\ninfo app");
finds('application_owns_table', 'ALTER TABLE notes OWNER TO app', 'warning app');
is($node->safe_psql('shop', "SELECT relowner::regrole FROM pg_class WHERE relname = 'notes'"), 'app_owner', 'the table has an owner that does not log in');
is(says($node, 'shop', 'app', "BEGIN; SELECT tenant_guard.set_tenant('$TENANT_A'); INSERT INTO notes (id) VALUES (1); SELECT id FROM notes; UPDATE notes SET id = 2; DELETE FROM notes; ROLLBACK;"),
	"$TENANT_A; 1", 'and the application still works');

# Nobody could make a backup, were it not for superusers: the only one is locked out for the moment that it takes to look.
is($node->safe_psql('shop', <<"SQL") =~ s/\n.*//sr, 'warning shop', 'backup_role_missing: found');
ALTER ROLE $superuser NOLOGIN;
SELECT level || ' ' || object FROM tenant_guard.audit() WHERE rule = 'backup_role_missing';
SELECT remedy FROM tenant_guard.audit() WHERE rule = 'backup_role_missing' \\gexec
SELECT count(*) FROM tenant_guard.audit() WHERE rule = 'backup_role_missing';
ALTER ROLE $superuser LOGIN;
SQL
is($node->safe_psql('shop', "BEGIN; ALTER ROLE $superuser NOLOGIN; SELECT count(*) FROM tenant_guard.audit() WHERE rule = 'backup_role_missing'; ROLLBACK"), '0',
	'its remedy mends it');
is(found('role_bypasses'), 'info backup', 'and what it made is known');
$node->command_ok([ 'pg_dump', '-U', 'backup', '-d', $node->connstr('shop'), '-f', "$PostgreSQL::Test::Utils::tmp_check/dump.sql", '-T', 'tenant_guard.*' ], 'it can make a backup');
$node->safe_psql('postgres', 'DROP ROLE backup, job, "Second", nobody');

# --- Settings -------------------------------------------------------------------------------------------------------------

my %loose = (
	'tenant_guard.bypass' => [ 'on', 'error' ],
	'tenant_guard.auto_protect' => [ 'off', 'warning' ],
	'tenant_guard.one_tenant_per_transaction' => [ 'off', 'warning' ],
	'tenant_guard.scope' => [ 'session', 'warning' ],
	'tenant_guard.log_bypass' => [ 'off', 'warning' ],
	'tenant_guard.late_loading' => [ 'allow', 'warning' ],
	'tenant_guard.foreign_key_actions' => [ 'off', 'warning' ],
	'tenant_guard.temporary_tables' => [ 'off', 'warning' ],
	'tenant_guard.missing_tenant' => [ 'empty', 'info' ],
	'row_security' => [ 'off', 'warning' ],
	'session_replication_role' => [ 'replica', 'warning' ]);
$loose{event_triggers} = [ 'off', 'error' ] if $version >= 170000;
foreach my $setting (sort keys %loose)
{
	my ($value, $level) = @{ $loose{$setting} };
	my $for_role = $level eq 'error' ? 'warning' : $level;

	is($node->safe_psql('shop', "SET $setting = '$value'; SELECT object FROM tenant_guard.audit() WHERE rule = 'setting_loosened'"), '', "$setting: a session is its own");
	finds('setting_loosened', "ALTER DATABASE shop SET $setting = '$value'", "$level database shop");
	finds('setting_loosened', "ALTER ROLE app SET $setting = '$value'", "$for_role role app");
	finds('setting_loosened', "ALTER ROLE app IN DATABASE shop SET $setting = '$value'", "$for_role role app in database shop");
	finds('setting_loosened', "ALTER ROLE ALL SET $setting = '$value'", "$level all roles");
	$node->safe_psql('shop', "ALTER ROLE app IN DATABASE postgres SET $setting = '$value'");
	is(found('setting_loosened'), '', "$setting: another database is another's");
	$node->safe_psql('shop', "ALTER ROLE app IN DATABASE postgres RESET $setting");
	$node->append_conf('postgresql.conf', "$setting = '$value'");
	$node->reload;
	is($node->poll_query_until('shop', "SELECT count(*) = 1 FROM tenant_guard.audit() WHERE rule = 'setting_loosened' AND (level, object) = ('$level', 'server')"), 1, "$setting: found in the file");
	remedy('setting_loosened');
	is(found('setting_loosened'), '', "$setting: its remedy mends it");
	$node->adjust_conf('postgresql.conf', $setting, undef);
	$node->reload;
	$node->safe_psql('shop', "ALTER DATABASE shop RESET $setting");
}
foreach my $value ('true', 'YES', '1')
{
	finds('setting_loosened', "ALTER DATABASE shop SET tenant_guard.bypass = '$value'", 'error database shop');
}
$node->safe_psql('shop', "ALTER ROLE app SET tenant_guard.tenant_id = '$TENANT_A'; ALTER ROLE app SET tenant_guard.bypass = off");
is(found('setting_loosened'), '', 'what loosens nothing is not found');
$node->safe_psql('shop', 'ALTER ROLE app RESET ALL');

# --- Event triggers -------------------------------------------------------------------------------------------------------

finds('event_trigger_disabled', "ALTER EVENT TRIGGER tenant_guard_ddl_command_end DISABLE\nALTER EVENT TRIGGER tenant_guard_ddl_command_start ENABLE\n"
	  . "ALTER EXTENSION tenant_guard DROP EVENT TRIGGER tenant_guard_sql_drop\nDROP EVENT TRIGGER tenant_guard_sql_drop",
	"error tenant_guard_ddl_command_end\nerror tenant_guard_sql_drop\nwarning tenant_guard_ddl_command_start");
is(superuser_says($node, 'shop', 'SET session_replication_role = replica; BEGIN; CREATE TABLE later (tenant_id uuid); SELECT status FROM tenant_guard.tables WHERE relation = \'later\'::regclass; ROLLBACK; '
		  . 'DROP POLICY tenant_isolation ON notes;'),
	'NOTICE 00000; guarded; ERROR TG005', 'they guard again');

# --- Replication ----------------------------------------------------------------------------------------------------------

$node->safe_psql('shop', 'CREATE PUBLICATION everything FOR ALL TABLES; CREATE PUBLICATION one FOR TABLE notes WHERE (tenant_id = \'' . $TENANT_A . '\')');
is(found('publication_unfiltered'), 'warning everything', 'a publication of all tables is found, one with a filter is not');
is($node->safe_psql('shop', 'SELECT remedy IS NULL FROM tenant_guard.audit() WHERE rule = \'publication_unfiltered\''), 't', 'what to do takes a decision');
$node->safe_psql('shop', 'DROP PUBLICATION everything; DROP PUBLICATION one');
$node->safe_psql('shop', 'CREATE TABLE other (id int); CREATE PUBLICATION two FOR TABLE notes, other');
is(remedy('publication_unfiltered'), 'warning two', 'one of tables is found');
is($node->safe_psql('shop', 'SELECT count(*) FROM pg_publication_tables WHERE pubname = \'two\''), '2', 'and nothing drops a table from it');
$node->safe_psql('shop', 'DROP PUBLICATION two');

# A subscription applies as its owner, from 16 on as each table's.
$node->safe_psql('postgres', 'CREATE TABLE notes (id int PRIMARY KEY, tenant_id uuid); CREATE PUBLICATION p FOR TABLE notes; SELECT pg_create_logical_replication_slot(\'s\', \'pgoutput\'); CREATE ROLE replicator SUPERUSER');
$node->safe_psql('shop', 'CREATE SUBSCRIPTION s CONNECTION \'' . $node->connstr . ' dbname=postgres\' PUBLICATION p WITH (create_slot = false, slot_name = s, enabled = false, copy_data = false); ALTER SUBSCRIPTION s OWNER TO replicator');
is(found('subscription_will_fail'), $version >= 160000 ? 'warning s' : '', 'a subscription by a superuser');
remedy('subscription_will_fail') if $version >= 160000;
is(found('subscription_will_fail'), '', 'subscription_will_fail: its remedy mends it');
$node->safe_psql('postgres', 'ALTER ROLE replicator NOSUPERUSER');
is(found('subscription_will_fail'), 'warning s', 'a subscription by one who is bound');
remedy('subscription_will_fail');
is(found('subscription_will_fail'), '', 'subscription_will_fail: its remedy mends it');
$node->safe_psql('shop', 'ALTER SUBSCRIPTION s SET (slot_name = NONE); DROP SUBSCRIPTION s');
$node->safe_psql('postgres', 'SELECT pg_drop_replication_slot(\'s\'); DROP TABLE notes');

# --- The server -----------------------------------------------------------------------------------------------------------

my %mended = (15 => 20, 16 => 16, 17 => 12, 18 => 7);
my ($major, $minor) = (int($version / 10000), $version % 10000);
my $outdated = $node->safe_psql('shop', 'SELECT level, detail FROM tenant_guard.audit() WHERE rule = \'server_outdated\'');
if ($minor < ($mended{$major} // 0))
{
	like($outdated, qr/^error\|.*minor release $major\.$mended{$major} mends: .*CVE-2026-120154/, 'an outdated server is found, and an error since values cross');
}
else
{
	is($outdated, '', 'a recent server is not outdated');
}
# The extension can be dropped and made as ever.
is(superuser_says($node, 'shop', 'SET client_min_messages = warning; DROP EXTENSION tenant_guard CASCADE; CREATE EXTENSION tenant_guard; SELECT count(*) FROM pg_event_trigger;'), '3', 'the event trigger that a remedy made is the extension\'s');
$node->stop;

# --- A server that does not preload the library -----------------------------------------------------------------------------

$node = start_server('plain', preload => 0);
$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql('shop', 'CREATE EXTENSION tenant_guard');
is($node->safe_psql('shop', 'SELECT rule FROM tenant_guard.audit() WHERE rule <> \'server_outdated\''), 'not_preloaded', 'audit() may be what loads the library');
is($node->safe_psql('shop', 'SELECT preloaded FROM tenant_guard.status'), 'f', 'so may the view "status"');
is($node->safe_psql('shop', 'SELECT count(*) FROM tenant_guard.prove()'), '0', 'and prove()');
remedy('not_preloaded');
is(found('not_preloaded'), '', 'not_preloaded: its remedy mends it');
is($node->safe_psql('shop', 'SHOW session_preload_libraries'), 'tenant_guard', 'by the database\'s setting');
$node->safe_psql('postgres', 'ALTER DATABASE shop SET session_preload_libraries = \'auto_explain\'');
remedy('not_preloaded');
is(found('not_preloaded'), '', 'not_preloaded: its remedy mends it where others are preloaded');
is($node->safe_psql('shop', 'SHOW session_preload_libraries'), 'auto_explain, tenant_guard', 'and leaves these as they are');

# A session that began before a list named the library has only to reconnect; one with a list of its own does not know the server's.
my $to_preload = 'SELECT remedy FROM tenant_guard.audit() WHERE rule = \'not_preloaded\'';
my $reconnect = '-- reconnect (poolers too): sessions that begin now preload it';
$node->safe_psql('postgres', 'ALTER DATABASE shop RESET session_preload_libraries');
my $later = $node->background_psql('shop');
is(session_says($later, $to_preload), 'ALTER DATABASE shop SET session_preload_libraries = \'tenant_guard\'', 'where no list names the library, the remedy is the statement');
$node->safe_psql('postgres', 'ALTER DATABASE shop SET session_preload_libraries = tenant_guard');
is(session_says($later, $to_preload), $reconnect, 'not_preloaded: a session from before the database\'s list had the library is told to reconnect');
$node->safe_psql('postgres', 'ALTER DATABASE shop RESET session_preload_libraries');
{
	local $ENV{PGOPTIONS} = '-c session_preload_libraries=';
	like($node->safe_psql('shop', $to_preload), qr/^-- connect without a session_preload_libraries /, 'and one that knows no other list than its own, to connect without');
}
$node->append_conf('postgresql.conf', 'session_preload_libraries = tenant_guard');
$node->reload;
$node->poll_query_until('shop', 'SELECT tenant_guard.library_preloaded()');
is(session_says($later, $to_preload), $reconnect, 'so is one from before the server\'s had it');
$later->quit;
$node->append_conf('postgresql.conf', 'session_preload_libraries = \'\'');
$node->reload;
$node->safe_psql('postgres', 'ALTER DATABASE shop SET session_preload_libraries = auto_explain, tenant_guard');

# A list of a role's own takes the place of the database's.
my $key = 'SELECT level FROM tenant_guard.audit() WHERE rule = \'cascade_from_outside\'';
$node->safe_psql('shop', 'CREATE TABLE users (id int PRIMARY KEY); GRANT DELETE ON users TO app; SET client_min_messages = error; '
	  . 'CREATE TABLE notes (tenant_id uuid, id int, author int REFERENCES users ON DELETE CASCADE, PRIMARY KEY (tenant_id, id))');
is($node->safe_psql('shop', $key), 'warning', 'an action of a key is warned of where all sessions preload the library');
my $unbound = 'SELECT level, detail ~ \'its errors may show\' FROM tenant_guard.audit() WHERE rule = \'cascade_as_unbound_owner\' AND object = \'public.notes\'';
is($node->safe_psql('shop', $unbound), 'info|f', 'that it acts as an owner who sees every row is for a DBA to know');
$node->safe_psql('postgres', 'ALTER ROLE app SET session_preload_libraries = auto_explain');
is($node->safe_psql('shop', $key), 'error', 'and is an error where those of a role do not');
is($node->safe_psql('shop', $unbound), 'warning|t', 'and warned of: there its errors have rows in their details');
is(remedy('not_preloaded'), 'warning role app', 'not_preloaded: found');
is(found('not_preloaded'), '', 'not_preloaded: its remedy mends it');
is($node->safe_psql('shop', 'SELECT setconfig FROM pg_db_role_setting WHERE setrole = \'app\'::regrole'), '{"session_preload_libraries=auto_explain, tenant_guard"}', 'and leaves what the role loads');
$node->safe_psql('postgres', 'ALTER ROLE app IN DATABASE shop SET session_preload_libraries = auto_explain');
is(remedy('not_preloaded'), 'warning role app in database shop', 'not_preloaded: found');
is(found('not_preloaded'), '', 'not_preloaded: its remedy mends it');
is($node->safe_psql('shop', $key), 'warning', 'so is the action of the key');
$node->safe_psql('postgres', 'ALTER ROLE app RESET session_preload_libraries; ALTER ROLE app IN DATABASE shop SET session_preload_libraries = auto_explain');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_db_role_setting WHERE setrole = \'app\'::regrole'), '1', 'a role has a list again');
$node->append_conf('postgresql.conf', 'shared_preload_libraries = tenant_guard');
$node->restart;
is(found('not_preloaded'), '', 'which is no matter where the server preloads the library');

$node->stop;
done_testing();
