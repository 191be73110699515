# A snapshot that another session has taken sees rows of a temporary table that were deleted since. In a pooled session
# they may be another tenant's, though the table is the transaction's by now.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $node = start_server('imported');
$node->safe_psql('postgres', 'CREATE EXTENSION tenant_guard');

my $exporter = $node->background_psql('postgres', on_error_stop => 0);
my $pooled = $node->background_psql('postgres', on_error_stop => 0);
session_says($pooled, 'SET ROLE app');
session_says($pooled, '\set VERBOSITY sqlstate');

# in_transaction(tenant, how it begins, statements): what the pooled session prints, of an error the SQLSTATE
sub in_transaction
{
	my ($tenant, $begin, $statements) = @_;
	my $out = session_says($pooled, "BEGIN $begin SET LOCAL tenant_guard.tenant_id = '$tenant'; $statements; COMMIT");
	my $error = $pooled->{stderr} // '';

	$pooled->{stderr} = '';
	return $error =~ /ERROR:\s+(\w+)/ ? $1 : $out;
}

session_says($pooled, 'CREATE TEMP TABLE recent (body text)');
in_transaction($TENANT_A, ';', "INSERT INTO recent VALUES ('of a')");
session_says($exporter, 'BEGIN ISOLATION LEVEL REPEATABLE READ');
my $snapshot = session_says($exporter, 'SELECT pg_export_snapshot()');
my $imports = "ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '$snapshot';";
in_transaction($TENANT_A, ';', 'DELETE FROM recent');
is(in_transaction($TENANT_B, ';', 'SELECT count(*) FROM recent'), '0', 'an empty table is the next tenant\'s');
is(in_transaction($TENANT_B, 'ISOLATION LEVEL REPEATABLE READ;', 'SELECT count(*) FROM recent'), '0', 'with a snapshot of its own, too');
is(in_transaction($TENANT_B, $imports, 'SELECT * FROM recent'), 'TG003', 'one that was taken before is refused');
in_transaction($TENANT_B, ';', "INSERT INTO recent VALUES ('of b')");
is(in_transaction($TENANT_B, $imports, 'SELECT * FROM recent'), 'TG003', 'so where rows of the tenant are in it');
is(in_transaction($TENANT_B, ';', 'SELECT * FROM recent'), 'of b', 'without it they are read');

session_says($pooled, 'CREATE TEMP TABLE own (body text)');
in_transaction($TENANT_B, ';', "INSERT INTO own VALUES ('of b')");
session_says($exporter, 'COMMIT');
session_says($exporter, 'BEGIN ISOLATION LEVEL REPEATABLE READ');
$snapshot = session_says($exporter, 'SELECT pg_export_snapshot()');
$imports = "ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '$snapshot';";
is(in_transaction($TENANT_B, $imports, 'SELECT * FROM own'), 'of b', 'a table that no other had is read by one');

# A guarded table whose guard was taken off may be seen with rows of others by such a snapshot; one that is shared is read, and
# DELETE, which shows nothing, may empty it.
session_says($pooled, 'CREATE TEMP TABLE guarded (tenant_id uuid, body text)');
in_transaction($TENANT_A, ';', "INSERT INTO guarded (body) VALUES ('of a')");
session_says($exporter, 'COMMIT');
session_says($exporter, 'BEGIN ISOLATION LEVEL REPEATABLE READ');
$snapshot = session_says($exporter, 'SELECT pg_export_snapshot()');
$imports = "ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '$snapshot';";
in_transaction($TENANT_A, ';', 'DELETE FROM guarded');
is(session_says($pooled, "SELECT count(*) FROM tenant_guard.unprotect('pg_temp.guarded')"), '1', 'the guard of an empty table is taken off');
is(in_transaction($TENANT_B, ';', 'SELECT body FROM guarded'), '', 'then it is anybody\'s');
is(in_transaction($TENANT_B, $imports, 'SELECT body FROM guarded'), 'TG003', 'but not with a snapshot that was taken before');
is(in_transaction($TENANT_B, $imports, 'DELETE FROM own'), '', 'DELETE goes on');
is(in_transaction($TENANT_A, $imports, 'DELETE FROM recent'), '', 'also of a table that was others\' before');
in_transaction($TENANT_B, ';', 'DELETE FROM recent');
session_says($pooled, "SELECT tenant_guard.share('pg_temp.recent')");
is(in_transaction($TENANT_A, $imports, 'SELECT count(*) FROM recent WHERE false'), '0', 'so does reading one that is shared since');

$exporter->quit;
$pooled->quit;
$node->stop;
done_testing();
