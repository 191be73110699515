# The statements of docs/partner-extensions.md, run as they are written: those of each section in a database that has the tables that they
# name, and then what the section says. A section whose extension is not installed is skipped.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

plan(skip_all => 'the page is about PostgreSQL 15') unless (run_command([ 'pg_config', '--version' ]))[0] =~ /^PostgreSQL 15/;

my ($libraries) = run_command([ 'pg_config', '--pkglibdir' ]);
my ($extensions) = run_command([ 'pg_config', '--sharedir' ]);
my ($programs) = run_command([ 'pg_config', '--bindir' ]);
my @preloaded = grep { -e "$libraries/$_.so" } 'pg_cron', 'pgaudit';
my $node = start_server('shop', preload => 0,
	conf => "shared_preload_libraries = '" . join(', ', 'tenant_guard', @preloaded) . "'\nwal_level = logical\n"
	  . (grep({ $_ eq 'pg_cron' } @preloaded) ? "cron.database_name = pg_cron\ncron.use_background_workers = on\n" : ''));
my $set_a = "SELECT FROM tenant_guard.set_tenant('$TENANT_A');";
my $set_b = "SELECT FROM tenant_guard.set_tenant('$TENANT_B');";
$node->safe_psql('postgres', 'CREATE ROLE shop_owner; CREATE ROLE shop_app LOGIN');

# --- The page --------------------------------------------------------------------------------------------------------

# Of each section the blocks of code, in order: [ language, text ].
my %blocks;
my $heading;
foreach (split /^(?=## |```\w)/m, slurp_file('docs/partner-extensions.md'))
{
	$heading = $1 if /^## (.*)$/m;
	push @{ $blocks{$heading} }, [ $1, $2 ] if /^```(\w+)\n(.*?)^```$/ms;
}

my %run;

# set_up(section, extensions, SQL): a database for the section, or nothing if an extension is not installed. What comes after is run in
# the order of the page, by run_block() and by as().
sub set_up
{
	my ($section, $needed, $sql) = @_;
	my $database = lc($section) =~ s/\W/_/gr;

	if (my @missing = grep { !-e "$extensions/extension/$_.control" } @$needed)
	{
		$run{$section} = @{ $blocks{$section} };
		diag("$section: skipped, as " . join(', ', @missing) . ' is not installed');
		return;
	}
	$run{$section} = 0;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, 'CREATE EXTENSION tenant_guard; GRANT ALL ON SCHEMA public TO shop_owner');
	$node->safe_psql($database, "CREATE EXTENSION $_ CASCADE") foreach grep { $_ ne 'pg_partman' } @$needed;
	$node->safe_psql($database, 'SET client_min_messages = warning; ' . $sql);
	return $database;
}

# run_block(section, database): runs the section's next block, and returns what psql says.
sub run_block
{
	my ($section, $database) = @_;
	my ($language, $text) = @{ $blocks{$section}[ $run{$section}++ ] };
	my $user = $text =~ /\A-- as (\w+)$/m ? $1 : scalar getpwuid($<);
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is($language, 'sql', "$section: a block of SQL");
	my $said = says($node, $database, $user, "\\set ON_ERROR_STOP 1\n$text");
	unlike($said, qr/ERROR|WARNING/, "$section: block $run{$section} runs as $user");
	return $said;
}

# as(database, SQL): what psql says to the application.
sub as_app
{
	my ($database, $sql) = @_;

	return says($node, $database, 'shop_app', $sql);
}

sub guarded
{
	my ($database, $pattern) = @_;

	return $node->safe_psql($database, "SELECT count(*) FILTER (WHERE status = 'guarded') || ' of ' || count(*) FROM tenant_guard.tables_and_partitions WHERE relation::text ~ '$pattern'");
}

# --- pg_cron: its job runs at the next full minute, and is looked at last ------------------------------------------

my $cron;
if ($cron = set_up('pg_cron', ['pg_cron'], <<"SQL"))
CREATE TABLE carts (id int, tenant_id uuid, at timestamptz, PRIMARY KEY (tenant_id, id));
GRANT ALL ON carts TO shop_app;
GRANT USAGE ON SCHEMA cron TO shop_app;
SET tenant_guard.bypass = on;
INSERT INTO carts VALUES (1, '$TENANT_A', '2020-01-01'), (2, '$TENANT_A', 'infinity'), (1, '$TENANT_B', '2020-01-01');
SELECT cron.schedule('of a superuser', '* * * * *', 'DELETE FROM carts');
SQL
{
	run_block('pg_cron', $cron);
	as_app($cron, "SELECT cron.schedule('without a tenant', '* * * * *', 'DELETE FROM carts')");
}

# --- pg_partman ------------------------------------------------------------------------------------------------------

if (my $shop = set_up('pg_partman', ['pg_partman'], <<"SQL"))
CREATE SCHEMA partman;
CREATE EXTENSION pg_partman SCHEMA partman;
SET ROLE shop_owner;
CREATE TABLE events (tenant_id uuid NOT NULL, at timestamptz NOT NULL, body text) PARTITION BY RANGE (at);
GRANT SELECT, INSERT ON events TO shop_app;
SQL
{
	run_block('pg_partman', $shop);
	run_block('pg_partman', $shop);
	my $count = $node->safe_psql($shop, q{SELECT count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass});
	cmp_ok($count, '>=', 9, 'pg_partman has made partitions');
	is(guarded($shop, '^events'), ($count + 1) . ' of ' . ($count + 1), 'each is guarded');
	is($node->safe_psql($shop, q{SELECT DISTINCT tableowner FROM pg_tables WHERE tablename ~ '^events'}), 'shop_owner', 'and is the owner\'s');

	# Rows of two tenants need partitions that are not there: maintenance makes those of both.
	as_app($shop, "BEGIN; $set_a INSERT INTO events VALUES (DEFAULT, now() + interval '1 day', 'a'); COMMIT; BEGIN; $set_b INSERT INTO events VALUES (DEFAULT, now() + interval '4 days', 'b'); COMMIT;");
	unlike(says($node, $shop, 'partman', 'CALL partman.run_maintenance_proc()'), qr/ERROR|WARNING/, 'maintenance goes on');
	cmp_ok($node->safe_psql($shop, q{SELECT count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass}), '>', $count, 'it makes the partitions after the last row of any tenant');
	is($node->safe_psql($shop, q{SELECT count(*) FROM tenant_guard.tables_and_partitions WHERE relation::text ~ '^events' AND status <> 'guarded'}), 0, 'and they are guarded');
	# pg_partman raises the refusal (TG003) again as an error of its own
	like(superuser_says($node, $shop, q{SELECT partman.run_maintenance('public.events')}), qr/ERROR P0001/, 'as a superuser it is refused');
	is(as_app($shop, "BEGIN; $set_a SELECT body FROM events; COMMIT"), 'a', 'a tenant sees its own events');
}

# --- PostGIS ---------------------------------------------------------------------------------------------------------

# The other tenant's places, some as awkward as PostGIS lets them be.
my $awkward = join ', ', map { "('$TENANT_B', '$_')" } 'SRID=4326;POLYGON((0 0,10 10,10 0,0 10,0 0))', 'SRID=4326;POINT EMPTY', 'SRID=4326;LINESTRING(0 0,1e308 1e308,-1e308 1e308)',
  'SRID=4326;GEOMETRYCOLLECTION(POINT(1 1),POLYGON((0 0,1 1,1 0,0 1,0 0)))', 'SRID=4326;CURVEPOLYGON(CIRCULARSTRING(0 0,4 0,4 4,0 4,0 0))', 'SRID=4326;POINT(NaN NaN)', 'SRID=4326;POINTZM(1 2 3 4)';
if (my $shop = set_up('PostGIS', ['postgis'], <<"SQL"))
CREATE TABLE places (id int GENERATED ALWAYS AS IDENTITY, tenant_id uuid, geom geometry(Geometry, 4326));
CREATE TABLE spots (id int GENERATED ALWAYS AS IDENTITY, tenant_id uuid, geog geography);
CREATE TABLE anywhere (tenant_id uuid, geom geometry);
GRANT ALL ON places, spots, anywhere TO shop_app;
SET tenant_guard.bypass = on;
INSERT INTO places (tenant_id, geom) SELECT CASE WHEN n % 2 = 0 THEN '$TENANT_A'::uuid ELSE '$TENANT_B' END, ST_SetSRID(ST_MakePoint(n % 200 / 10.0, n / 200 / 5.0), 4326)
FROM generate_series(1, 20000) n;
INSERT INTO spots (tenant_id, geog) SELECT tenant_id, geom::geography FROM places;
INSERT INTO anywhere SELECT tenant_id, geom FROM places;
INSERT INTO anywhere VALUES $awkward, ('$TENANT_B', 'SRID=3857;POINT(1 2)');
CREATE INDEX ON places USING gist (geom);
CREATE INDEX ON spots USING gist (geog);
CREATE INDEX ON anywhere USING gist (geom);
ANALYZE;
SQL
{
	my $reads = qr/st_estimatedextent|_postgis_stats|_postgis_selectivity|_postgis_join_selectivity|_postgis_index_extent/;
	my $explain = 'EXPLAIN (COSTS OFF) SELECT count(*) FROM places WHERE geom && ST_MakeEnvelope(10, 10, 10.5, 10.5, 4326) AND ST_Intersects(geom, ST_MakeEnvelope(10, 10, 10.5, 10.5, 4326))';

	unlike(as_app($shop, "BEGIN; $set_a $explain; COMMIT"), qr/Index Cond: \(geom &&/, 'before, no spatial index serves');
	run_block('PostGIS', $shop);
	like(as_app($shop, "BEGIN; $set_a $explain; COMMIT"), qr/(?=.*Index Cond: \(geom &&).*Filter: [^;]*st_intersects/, 'after, it does');
	like(as_app($shop, "BEGIN; $set_a " . ($explain =~ s/SELECT count.*/SELECT FROM spots WHERE geog && _ST_Expand('POINT(10 10)'::geography, 1000)/r) . '; COMMIT'),
		qr/Index Cond: \(geog &&/, 'that of a geography, too');
	like(run_block('PostGIS', $shop), qr/^$TENANT_A(; \d+)+$/, 'the queries of the page find places');
	like(as_app($shop, "BEGIN; $set_a " . ($explain =~ s/SELECT count.*/SELECT id FROM places ORDER BY geom <-> 'SRID=4326;POINT(10 10)' LIMIT 5/r) . '; COMMIT'),
		qr/Order By: \(geom <->/, 'the nearest are found by the index');

	# What is declared says nothing of the other tenant's rows, which the exact functions would.
	my $all = "geom && ST_MakeEnvelope(-180, -90, 180, 90, 4326)";
	my $hostile = "ST_Intersects(geom, 'SRID=4326;POLYGON((0.5 0.5,9 9,9 0.7,0.5 9,0.5 0.5))')";
	foreach my $scan ('enable_seqscan', 'enable_bitmapscan', 'enable_indexscan')
	{
		is(as_app($shop, "SET $scan = off; BEGIN; $set_a SELECT count(*) FROM anywhere WHERE $all; COMMIT"), 10000, "&& is silent, $scan = off");
		like(as_app($shop, "SET $scan = off; BEGIN; $set_a SELECT count(*) > 0 FROM anywhere WHERE $all AND $hostile; COMMIT"), qr/^t$/, "and protects the exact function, $scan = off");
	}
	like(superuser_says($node, $shop, "SET tenant_guard.bypass = on; SELECT count(*) FROM anywhere WHERE $hostile"), qr/ERROR/, 'which is an error for rows of the other tenant');

	# The functions that the page revokes are those that audit() finds, and that reveal what it says.
	my $found = q{SELECT object FROM tenant_guard.audit() WHERE rule = 'statistics_readable' ORDER BY 1};
	like(as_app($shop, q{SELECT _postgis_index_extent('places', 'geom')}), qr/^BOX/, 'before, a function reveals the extent without a tenant');
	my @before = split /\n/, $node->safe_psql($shop, $found);
	is(scalar @before, 7, 'audit() finds seven such functions');
	run_block('PostGIS', $shop);
	is($node->safe_psql($shop, $found), '', 'those that the page revokes are all that audit() finds');
	like(as_app($shop, $_), qr/^ERROR 42501$/, "refused: $_")
	  foreach q{SELECT _postgis_index_extent('places', 'geom')}, q{SELECT st_estimatedextent('places', 'geom')}, q{SELECT _postgis_stats('places', 'geom')};
	is(as_app($shop, "BEGIN; $set_b SELECT ST_FindExtent('places', 'geom') = (SELECT ST_Extent(geom) FROM places)::box2d; COMMIT"), 't', 'ST_FindExtent reads the rows of the tenant');
	like(as_app($shop, "BEGIN; $set_a $explain; COMMIT"), qr/Index Cond: \(geom &&/, 'and the index serves as before');
}

# --- pg_repack -------------------------------------------------------------------------------------------------------

if (my $shop = set_up('pg_repack', ['pg_repack'], <<"SQL"))
CREATE TABLE orders (id int PRIMARY KEY, tenant_id uuid, body text);
GRANT SELECT ON orders TO shop_app;
SET tenant_guard.bypass = on;
INSERT INTO orders SELECT n, CASE WHEN n % 2 = 0 THEN '$TENANT_A'::uuid ELSE '$TENANT_B' END FROM generate_series(1, 1000) n;
DELETE FROM orders WHERE id > 100;
SQL
{
	my ($language, $command) = @{ $blocks{pg_repack}[ $run{pg_repack}++ ] };
	my $run = sub {
		my ($line) = @_;
		local $ENV{PATH} = "$programs:$ENV{PATH}";
		local @ENV{ 'PGHOST', 'PGPORT' } = ($node->host, $node->port);
		return system($line =~ s/ -d shop / -d $shop /r . ' >>' . PostgreSQL::Test::Utils::tempdir() . '/repack 2>&1');
	};
	my $file = 'SELECT pg_relation_filenode(\'orders\')';
	my $before = $node->safe_psql($shop, $file);

	is($language, 'sh', 'pg_repack: a command');
	chomp $command;
	isnt($run->($command =~ s/^PGOPTIONS='[^']*' //r), 0, 'pg_repack is refused unless it says that it bypasses');
	is($run->($command), 0, 'as on the page it runs');
	isnt($node->safe_psql($shop, $file), $before, 'the table is a new one');
	is(guarded($shop, '^orders$'), '1 of 1', 'and guarded');
	is(as_app($shop, "BEGIN; $set_a SELECT count(*) FROM orders; COMMIT; SELECT FROM orders"), '50; ERROR TG001', 'a tenant sees its own orders');
}

# --- periods ---------------------------------------------------------------------------------------------------------

if (my $shop = set_up('periods', ['periods'], <<"SQL"))
CREATE TABLE prices (id int NOT NULL, tenant_id uuid, valid_from date, valid_to date);
CREATE TABLE lines (price_id int, tenant_id uuid, begins date, ends date);
CREATE TABLE staff (id int PRIMARY KEY, tenant_id uuid, name text);
GRANT ALL ON prices, lines, staff TO shop_app;
SQL
{
	run_block('periods', $shop) foreach 1, 2;
	is(as_app($shop, "BEGIN; $set_a INSERT INTO prices (id, valid_from, valid_to) VALUES (1, '2020-01-01', '2030-01-01'); INSERT INTO lines (price_id, begins, ends) VALUES (1, '2021-01-01', '2022-01-01'); COMMIT"),
		'', 'a row references one of its tenant');
	like(as_app($shop, "BEGIN; $set_b INSERT INTO lines (price_id, begins, ends) VALUES (1, '2021-01-01', '2022-01-01'); COMMIT"), qr/^ERROR P0001/, 'and none of another');

	my $change = "BEGIN; $set_a UPDATE staff SET name = 'aa'; COMMIT";
	run_block('periods', $shop);
	$node->safe_psql($shop, 'ALTER FUNCTION periods.write_history() RESET tenant_guard.bypass');
	as_app($shop, "BEGIN; $set_a INSERT INTO staff (id, name) VALUES (1, 'a'); COMMIT; BEGIN; $set_b INSERT INTO staff (id, name) VALUES (2, 'b'); COMMIT");
	is(as_app($shop, $change), 'ERROR TG003', 'without the bypass, the trigger that writes the history is refused');
	my $found = q{SELECT object FROM tenant_guard.audit() WHERE rule = 'definer_function_bypasses' ORDER BY object COLLATE "C"};
	my @harmless = ('periods.generated_always_as_row_start_end()', 'periods.truncate_system_versioning()');
	is($node->safe_psql($shop, $found), join("\n", @harmless, 'periods.write_history()'), 'audit() has found it');
	superuser_says($node, $shop, ($blocks{periods}[2][1] =~ /(ALTER FUNCTION.*)/)[0]);
	is($node->safe_psql($shop, $found), join("\n", @harmless), 'audit() finds it no more, but those that the page names');
	is(as_app($shop, "$change; BEGIN; $set_b UPDATE staff SET name = 'bb'; COMMIT"), '', 'with it, changes are written');
	$node->safe_psql($shop, 'GRANT SELECT ON staff_history TO shop_app');
	is(as_app($shop, "BEGIN; $set_a SELECT name FROM staff_history; COMMIT; SELECT FROM staff_history"), 'a; ERROR TG001', 'each tenant sees its own history');
}

# --- temporal_tables -------------------------------------------------------------------------------------------------

if (my $shop = set_up('temporal_tables', ['temporal_tables'], <<"SQL"))
CREATE TABLE contracts (id int PRIMARY KEY, tenant_id uuid, body text, sys_period tstzrange NOT NULL DEFAULT tstzrange(now(), NULL));
GRANT ALL ON contracts TO shop_app;
SQL
{
	run_block('temporal_tables', $shop);
	as_app($shop, "BEGIN; $set_a INSERT INTO contracts (id, body) VALUES (1, 'a'); COMMIT; BEGIN; $set_b INSERT INTO contracts (id, body) VALUES (2, 'b'); COMMIT");
	is(as_app($shop, "BEGIN; $set_a UPDATE contracts SET body = 'aa'; COMMIT; BEGIN; $set_b DELETE FROM contracts; COMMIT"), '', 'changes are written');
	is(as_app($shop, "BEGIN; $set_a SELECT body FROM contracts_history; COMMIT; SELECT FROM contracts_history"), 'a; ERROR TG001', 'each tenant sees its own history');
	is(as_app($shop, "BEGIN; $set_a INSERT INTO contracts_history VALUES (2, '$TENANT_B'); COMMIT"), 'ERROR 42501', 'and writes no other');
}

# --- Supplied triggers -----------------------------------------------------------------------------------------------

if (my $shop = set_up('Supplied triggers', [ 'moddatetime', 'insert_username', 'autoinc', 'refint', 'tcn', 'lo' ], <<"SQL"))
CREATE SEQUENCE notes_numbers;
CREATE TABLE notes (id int, tenant_id uuid, number int, body text, words tsvector, modified_at timestamp, written_by text, PRIMARY KEY (tenant_id, id));
CREATE TABLE parents (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE children (id int PRIMARY KEY, tenant_id uuid, parent int);
CREATE TRIGGER has_parent BEFORE INSERT OR UPDATE ON children FOR EACH ROW EXECUTE FUNCTION check_primary_key('parent', 'parents', 'id');
CREATE TRIGGER has_children BEFORE DELETE OR UPDATE ON parents FOR EACH ROW EXECUTE FUNCTION check_foreign_key(1, 'cascade', 'id', 'children', 'parent');
CREATE TABLE told (id int, tenant_id uuid, secret text, PRIMARY KEY (tenant_id, id));
CREATE TABLE images (id int, tenant_id uuid, image lo);
GRANT ALL ON ALL TABLES IN SCHEMA public TO shop_app;
GRANT ALL ON SEQUENCE notes_numbers TO shop_app;
SQL
{
	my $found = q{SELECT object FROM tenant_guard.audit() WHERE rule = 'beside_tables' AND object ~ '^trigger' ORDER BY object COLLATE "C"};

	run_block('Supplied triggers', $shop);
	is(as_app($shop, "BEGIN; $set_a INSERT INTO notes (id, body) VALUES (1, 'quick foxes'); UPDATE notes SET body = 'slow foxes'; SELECT number, words, modified_at IS NOT NULL, written_by FROM notes; COMMIT"),
		"1|'fox':2 'slow':1|t|shop_app", 'those that change the row do so');
	is(as_app($shop, "BEGIN; $set_a \\set QUIET off\nUPDATE notes SET id = id; COMMIT"), 'UPDATE 1; COMMIT', 'one that is redundant is not, where another trigger has changed the row');
	is($node->safe_psql($shop, $found), '', 'audit() finds none of them');

	# refint, as one tenant and as the other
	is(as_app($shop, "BEGIN; $set_a INSERT INTO parents (id) VALUES (1); INSERT INTO children (id, parent) VALUES (1, 1); COMMIT; BEGIN; $set_b INSERT INTO children (id, parent) VALUES (2, 1); COMMIT"),
		'ERROR 09000', 'a parent of another tenant is as one that does not exist');
	$node->safe_psql($shop, "SET tenant_guard.bypass = on; ALTER TABLE children DISABLE TRIGGER has_parent; INSERT INTO children VALUES (3, '$TENANT_B', 1); ALTER TABLE children ENABLE TRIGGER has_parent");
	like(as_app($shop, "BEGIN; $set_a DELETE FROM parents; COMMIT"), qr/^(NOTICE \w+)?$/, 'a parent is deleted');
	is($node->safe_psql($shop, 'SET tenant_guard.bypass = on; SELECT id FROM children'), 3, 'with its children, and no other tenant\'s');

	# tcn and lo
	$node->safe_psql($shop, 'CREATE TRIGGER tells AFTER INSERT ON told FOR EACH ROW EXECUTE FUNCTION triggered_change_notification(); '
		  . 'CREATE TRIGGER deletes BEFORE DELETE ON images FOR EACH ROW EXECUTE FUNCTION lo_manage(image)');
	my $said = as_app($shop, "LISTEN tcn; BEGIN; $set_b INSERT INTO told (id, secret) VALUES (7, 'canary'); COMMIT");
	like($said, qr/"told",I,"tenant_id"='$TENANT_B',"id"='7'/, 'tcn sends the primary key to those who listen');
	unlike($said, qr/canary/, 'and no other column');
	is(as_app($shop, "BEGIN; $set_a INSERT INTO images (id, image) VALUES (1, lo_create(4711)); COMMIT; BEGIN; $set_b INSERT INTO images (id, image) VALUES (1, 4711); DELETE FROM images; COMMIT"),
		'', 'lo_manage deletes what a row names');
	is($node->safe_psql($shop, 'SELECT count(*) FROM pg_largeobject_metadata'), 0, 'also if it is another tenant\'s');
	is($node->safe_psql($shop, $found), "trigger deletes on public.images\ntrigger tells on public.told", 'audit() finds both');
}

# --- Publications ----------------------------------------------------------------------------------------------------

if (my $shop = set_up('Publications with row filters', [], <<"SQL"))
CREATE TABLE customers (id int PRIMARY KEY, tenant_id uuid, name text);
CREATE TABLE orders (id int PRIMARY KEY, tenant_id uuid, customer int REFERENCES customers);
CREATE TABLE invoices (id int PRIMARY KEY, tenant_id uuid, body text);
GRANT ALL ON ALL TABLES IN SCHEMA public TO shop_app;
SQL
{
	my $section = 'Publications with row filters';
	my $change = "BEGIN; $set_b INSERT INTO customers (id) VALUES (2); UPDATE customers SET name = 'b'; INSERT INTO invoices (id) VALUES (2); UPDATE invoices SET body = 'b'; COMMIT";
	my $found = q{SELECT object FROM tenant_guard.audit() WHERE rule = 'publication_refuses_changes'};

	run_block($section, $shop) foreach 1, 2;
	is(as_app($shop, $change), '', 'the application goes on');
	is($node->safe_psql($shop, $found), '', 'and audit() finds nothing');
	$node->safe_psql($shop, 'ALTER TABLE customers REPLICA IDENTITY DEFAULT');
	is($node->safe_psql($shop, $found), 'of_one on public.customers', 'it finds a table whose replica identity lacks the tenant column');
	like(as_app($shop, $change =~ s/\(2\)/(3)/gr), qr/^ERROR 42P10/, 'which cannot be updated');
}

# --- pgaudit ---------------------------------------------------------------------------------------------------------

if (my $shop = set_up('pgaudit', ['pgaudit'], 'CREATE TABLE notes (id int, tenant_id uuid); GRANT ALL ON notes TO shop_app'))
{
	$blocks{pgaudit}[0][1] =~ s/DATABASE shop/DATABASE $shop/;
	run_block('pgaudit', $shop);
	as_app($shop, "BEGIN; $set_a INSERT INTO notes VALUES (1); COMMIT");
	like(slurp_file($node->logfile), qr/AUDIT: SESSION,\d+,\d+,WRITE,INSERT,,,"?INSERT INTO notes VALUES \(1\)/, 'pgaudit logs what is written');
}

# --- pg_cron, again --------------------------------------------------------------------------------------------------

if ($cron)
{
	my $ended = q{status IN ('succeeded', 'failed')};

	ok($node->poll_query_until($cron, "SELECT count(DISTINCT jobid) = 3 FROM cron.job_run_details WHERE $ended"), 'all jobs have run');
	my $result = sub { $node->safe_psql($cron, "SELECT status || ' ' || return_message FROM cron.job_run_details JOIN cron.job USING (jobid) WHERE jobname = '$_[0]' AND $ended ORDER BY runid LIMIT 1") };
	like($result->('expire carts'), qr/^succeeded/, 'a job that sets the tenant succeeds');
	like($result->('without a tenant'), qr/^failed ERROR: no tenant is set/, 'one that does not is refused');
	like($result->('of a superuser'), qr/^failed ERROR: access to table public\.carts would bypass/, 'so is one of a superuser');
	is($node->safe_psql($cron, 'SET tenant_guard.bypass = on; SELECT tenant_id, id FROM carts ORDER BY 1'), "$TENANT_A|2\n$TENANT_B|1", 'carts of that tenant have expired, and no other');
}

is($run{$_} // 0, scalar @{ $blocks{$_} }, "$_: each block of the page has been run") foreach sort keys %blocks;
$node->stop;
done_testing();
