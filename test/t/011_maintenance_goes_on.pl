# Maintenance goes on: what keeps a database healthy and what changes its schema works on guarded tables as on any other,
# without a tenant, for superusers, owners and autovacuum, and bypasses nothing: the log says so, and guards stay whole.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $node = start_server('server', conf => 'autovacuum_naptime = 1s');
my $superuser = getpwuid($<);

$node->safe_psql('postgres', 'CREATE ROLE owner LOGIN; CREATE ROLE job LOGIN BYPASSRLS; CREATE DATABASE shop OWNER owner');
$node->safe_psql('shop', <<"SQL");
SET client_min_messages = warning;
CREATE EXTENSION tenant_guard;
ALTER SCHEMA public OWNER TO owner;
SET ROLE owner;
CREATE TABLE customers (id int, tenant_id uuid, name text, PRIMARY KEY (tenant_id, id));
CREATE TABLE orders (id int, tenant_id uuid, customer int, total numeric DEFAULT 1) WITH (autovacuum_enabled = off);
CREATE TABLE events (at date, tenant_id uuid, body text) PARTITION BY RANGE (at);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE events_later PARTITION OF events DEFAULT;
CREATE FUNCTION fold(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN lower(\$1); END';
GRANT ALL ON ALL TABLES IN SCHEMA public TO app, job;
RESET ROLE;
SET row_security = off;
INSERT INTO customers SELECT n, CASE WHEN n % 3 = 0 THEN '$TENANT_A' ELSE '$TENANT_B' END::uuid, 'Customer ' || n FROM generate_series(1, 300) n;
INSERT INTO orders SELECT id, tenant_id, id FROM customers;
INSERT INTO events SELECT date '2024-07-01' + id, tenant_id, 'event ' || id FROM customers;
DELETE FROM customers WHERE id % 10 = 0;
DELETE FROM orders WHERE id % 10 = 0;
SQL

# From here on the log has nothing of ours unless something that must not does bypass.
my $log = -s $node->logfile;
my $meant = 'SET row_security = off; SET tenant_guard.log_bypass = off;';

# What a role's statements say, each sent by itself: nothing.
sub goes_on
{
	my ($user, @statements) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	foreach my $statement (@statements)
	{
		is(says($node, 'shop', $user, "SET client_min_messages = warning; $statement;"), '', "$user: $statement");
	}
	return;
}

# What a tenant sees, in all.
sub is_guarded
{
	my ($customers, $when) = @_;
	my $look = 'SELECT (SELECT count(*) FROM customers), (SELECT count(*) FROM orders), (SELECT count(*) FROM events), (SELECT count(*) FROM events_2024);';
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is(says($node, 'shop', 'app', "$look BEGIN; SELECT tenant_guard.set_tenant('$TENANT_A'); $look"),
		"ERROR TG001; $TENANT_A; $customers|90|100|61", "$when: a tenant sees its own rows, and none without it");
	is($node->safe_psql('shop', 'SELECT DISTINCT status FROM tenant_guard.tables WHERE tenant_column IS NOT NULL'), 'guarded', "$when: every guard is whole");
	return;
}

is_guarded(90, 'first');

# --- Housekeeping ----------------------------------------------------------------------------------------------------

foreach my $user ($superuser, 'owner')
{
	goes_on($user,
		'VACUUM customers, orders, events',
		'VACUUM (ANALYZE, FREEZE) customers',
		'VACUUM FULL customers',
		'ANALYZE orders (tenant_id, customer)',
		"CREATE INDEX CONCURRENTLY by_name_$user ON customers (fold(name))",
		"CREATE INDEX CONCURRENTLY by_part_$user ON orders (tenant_id, lower(id::text)) WHERE total > 0",
		"CREATE UNIQUE INDEX CONCURRENTLY unique_$user ON orders (tenant_id, id)",
		"CREATE INDEX by_tenant_$user ON events (tenant_id, at)",
		"CREATE STATISTICS together_$user ON tenant_id, customer FROM orders",
		"CREATE STATISTICS folded_$user ON fold(name), tenant_id FROM customers",
		'ANALYZE customers, orders, events',
		"REINDEX INDEX by_name_$user",
		'REINDEX TABLE customers',
		'REINDEX TABLE CONCURRENTLY customers',
		'REINDEX TABLE CONCURRENTLY events',
		"REINDEX INDEX CONCURRENTLY unique_$user",
		"CLUSTER customers USING by_name_$user",
		'CLUSTER customers',
		'REINDEX SCHEMA public',
		"DROP INDEX CONCURRENTLY by_part_$user");
}
goes_on($superuser, 'VACUUM', 'VACUUM FULL', 'ANALYZE', 'REINDEX DATABASE shop', 'CLUSTER', 'CHECKPOINT');
$node->command_ok([ $_->[0], @$_[ 1 .. $#$_ ], '-d', $node->connstr('shop') ], "@$_")
  foreach [ 'vacuumdb', '-z', '-j', '2' ], [ 'vacuumdb', '-f' ], [ 'reindexdb', '--concurrently' ], ['clusterdb'];

is($node->safe_psql('shop', 'SELECT count(*) > 1 FROM pg_stats_ext WHERE tablename = \'orders\' AND dependencies IS NOT NULL'), 't',
	'statistics were taken of every tenant\'s rows');
is($node->safe_psql('shop', 'SELECT reltuples FROM pg_class WHERE relname = \'customers\''), '270', 'whose number is known');
is_guarded(90, 'after housekeeping');

# --- By a role that may maintain the tables (17), and no more -----------------------------------------------------------

SKIP:
{
	skip 'MAINTAIN came with 17', 1 if $node->pg_version < 17;

	$node->safe_psql('shop', <<"SQL");
CREATE ROLE keeper LOGIN; GRANT MAINTAIN ON ALL TABLES IN SCHEMA public TO keeper;
CREATE ROLE keeper_of_all LOGIN; GRANT pg_maintain TO keeper_of_all;
SET client_min_messages = warning; SET ROLE owner;
CREATE TABLE runs (as_whom name, tenant boolean); GRANT SELECT ON runs TO PUBLIC;
CREATE FUNCTION note() RETURNS void LANGUAGE sql AS 'INSERT INTO public.runs VALUES (current_user, tenant_guard.has_tenant())';
CREATE FUNCTION noting(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM public.note(); RETURN \$1; END';
CREATE INDEX noting ON customers (noting(name)) WHERE id = 3;
TRUNCATE runs;
RESET ROLE;
$meant SET ROLE owner; CREATE MATERIALIZED VIEW known AS SELECT id, name FROM customers WITH NO DATA; GRANT ALL ON known TO keeper;
SQL
	foreach my $user ('keeper', 'keeper_of_all')
	{
		goes_on($user,
			'VACUUM (FREEZE, ANALYZE) customers, orders, events',
			'VACUUM FULL customers',
			'ANALYZE customers, orders',
			'REINDEX TABLE customers',
			'REINDEX TABLE CONCURRENTLY orders',
			'CLUSTER customers USING customers_pkey',
			$node->pg_version < 19 ? () : ('REPACK customers', 'REPACK (ANALYZE) orders'),
			$node->pg_version < 18 ? () :
			'DO \'BEGIN PERFORM pg_restore_relation_stats($$schemaname$$, $$public$$, $$relname$$, $$orders$$, $$reltuples$$, 5::real); END\'',
			'BEGIN; LOCK TABLE customers IN ACCESS EXCLUSIVE MODE; LOCK TABLE events');

		# In a tenant's transaction as outside of it: it is told no value, and the guards are none of its business.
		is(says($node, 'shop', $user, "BEGIN; SELECT tenant_guard.set_tenant('$TENANT_A'); ANALYZE customers; REINDEX TABLE customers; "
				  . 'SELECT count(*) FROM pg_stats WHERE schemaname = \'public\' AND tablename IN (\'customers\', \'orders\', \'events\');'),
			"$TENANT_A; 0", "$user: ANALYZE shows no values");
		foreach my $statement (
			'ALTER TABLE customers DISABLE ROW LEVEL SECURITY', 'ALTER TABLE customers NO FORCE ROW LEVEL SECURITY',
			'DROP POLICY tenant_isolation ON customers', 'CREATE POLICY open ON customers USING (true)', 'CREATE INDEX ON customers (name)',
			'CREATE STATISTICS more ON id, name FROM customers', 'ALTER INDEX noting RENAME TO other', 'SELECT tenant_guard.unprotect(\'customers\')')
		{
			is(says($node, 'shop', $user, "$statement;"), 'ERROR 42501', "$user: no $statement");
		}
		is(says($node, 'shop', $user, "TRUNCATE customers; BEGIN; SELECT tenant_guard.set_tenant('$TENANT_A'); SELECT FROM customers;"),
			"ERROR TG005; $TENANT_A; ERROR 42501", "$user: neither reads nor empties a table");
		# Setting a tenant would not help.
		is(says($node, 'shop', $user, "REFRESH MATERIALIZED VIEW known; BEGIN; SELECT tenant_guard.set_tenant('$TENANT_A'); REFRESH MATERIALIZED VIEW known;"),
			"ERROR TG003; $TENANT_A; ERROR TG003", "$user: rows of guarded tables do not get into a materialized view");
	}
	is($node->safe_psql('shop', 'SELECT DISTINCT as_whom FROM runs'), 'owner', 'the functions of an index run as the owner, whoever maintains it');
	$node->safe_psql('shop', 'DROP INDEX noting; DROP MATERIALIZED VIEW known; DROP TABLE runs');
	is_guarded(90, 'after a keeper');
}

# Autovacuum, on a table with an index whose function is a user's.
$node->safe_psql('shop', 'ALTER TABLE orders SET (autovacuum_enabled = on, autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0, '
	  . 'autovacuum_analyze_threshold = 1, autovacuum_analyze_scale_factor = 0); CREATE INDEX ON orders (fold(id::text)); '
	  . 'SELECT pg_stat_reset(); ' . "$meant UPDATE orders SET total = 2");
ok($node->poll_query_until('shop', 'SELECT autovacuum_count > 0 AND autoanalyze_count > 0 FROM pg_stat_user_tables WHERE relname = \'orders\''),
	'autovacuum vacuums and analyzes a guarded table');

# --- The schema ------------------------------------------------------------------------------------------------------

# A migration of the owner, in each of the ways that a framework runs one: without a tenant, and in one transaction.
goes_on('owner',
	'ALTER TABLE customers ADD COLUMN email text, ADD COLUMN since timestamptz DEFAULT clock_timestamp()',
	'ALTER TABLE customers ADD COLUMN code uuid NOT NULL DEFAULT gen_random_uuid()',
	'ALTER TABLE customers ALTER COLUMN id TYPE bigint',
	'ALTER TABLE customers ALTER COLUMN name SET NOT NULL, ADD CHECK (name <> \'\')',
	'ALTER TABLE customers ADD CONSTRAINT short CHECK (length(name) < 100) NOT VALID',
	'ALTER TABLE customers VALIDATE CONSTRAINT short',
	'ALTER TABLE customers RENAME COLUMN since TO joined',
	'ALTER TABLE customers DROP COLUMN joined',
	'ALTER TABLE customers ADD UNIQUE (tenant_id, code)',
	'ALTER TABLE orders ADD PRIMARY KEY USING INDEX unique_owner',
	'ALTER TABLE orders RENAME TO purchases',
	'ALTER TABLE purchases RENAME TO orders',
	'ALTER TABLE orders SET (fillfactor = 90), ALTER total TYPE numeric(10, 2)',
	'ALTER TABLE orders REPLICA IDENTITY FULL',
	'CREATE VIEW invoices WITH (security_invoker) AS SELECT * FROM orders',
	'CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS \'BEGIN RETURN NEW; END\'; CREATE TRIGGER touch BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch()',
	'ALTER TABLE orders DISABLE TRIGGER touch',
	'ALTER TABLE orders ENABLE TRIGGER touch',
	'DROP TRIGGER touch ON orders',
	'COMMENT ON TABLE orders IS \'what was ordered\'',
	'CREATE TABLE notes (LIKE orders INCLUDING ALL)',
	'DROP TABLE notes',
	'CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM (\'2026-01-01\') TO (\'2027-01-01\')',
	'ALTER TABLE events DETACH PARTITION events_2026',
	'ALTER TABLE events ATTACH PARTITION events_2026 FOR VALUES FROM (\'2026-01-01\') TO (\'2027-01-01\')',
	'DROP TABLE events_2026',
	'BEGIN; ALTER TABLE customers ADD COLUMN phone text; CREATE INDEX ON customers (phone); ALTER TABLE customers DROP COLUMN phone; COMMIT',
	'GRANT SELECT (id, tenant_id) ON orders TO job');

# A partition leaves concurrently where there is no default partition.
goes_on('owner',
	'CREATE TABLE days (at date, tenant_id uuid) PARTITION BY RANGE (at)',
	'CREATE TABLE day_1 PARTITION OF days FOR VALUES FROM (\'2024-01-01\') TO (\'2024-01-02\')',
	'ALTER TABLE days DETACH PARTITION day_1 CONCURRENTLY',
	'DROP TABLE days, day_1');

# Keys, by owner and superuser: checked against every tenant's rows whoever asks, and whoever's tenant is set.
foreach my $user ('owner', $superuser)
{
	goes_on($user,
		'ALTER TABLE orders ADD CONSTRAINT at_once FOREIGN KEY (tenant_id, customer) REFERENCES customers (tenant_id, id)',
		'ALTER TABLE orders DROP CONSTRAINT at_once',
		'ALTER TABLE orders ADD CONSTRAINT later FOREIGN KEY (tenant_id, customer) REFERENCES customers (tenant_id, id) NOT VALID',
		'ALTER TABLE orders VALIDATE CONSTRAINT later',
		"SET tenant_guard.tenant_id = '$TENANT_A'; ALTER TABLE orders DROP CONSTRAINT later, ADD CONSTRAINT later FOREIGN KEY (tenant_id, customer) REFERENCES customers (tenant_id, id)",
		'ALTER TABLE orders DROP CONSTRAINT later');

	# A row that stands in the way, of a tenant that is not the one that is set.
	$node->safe_psql('shop', "$meant INSERT INTO orders VALUES (1000, '$TENANT_B', 1000)");
	foreach my $tenant ('', "SELECT tenant_guard.set_tenant('$TENANT_A');")
	{
		like(says($node, 'shop', $user, "BEGIN; $tenant ALTER TABLE orders ADD CONSTRAINT bad FOREIGN KEY (tenant_id, customer) REFERENCES customers (tenant_id, id);"),
			qr/(^|; )ERROR 23503$/, "$user: a key is validated over every tenant's rows" . ($tenant ? ', one of them set' : ''));
		like(says($node, 'shop', $user, "BEGIN; $tenant ALTER TABLE orders ADD CONSTRAINT bad FOREIGN KEY (tenant_id, customer) REFERENCES customers (tenant_id, id) NOT VALID; "
					. 'ALTER TABLE orders VALIDATE CONSTRAINT bad;'),
			qr/(^|; )ERROR 23503$/, "$user: so it is by VALIDATE CONSTRAINT" . ($tenant ? ', with a tenant set' : ''));
	}
	$node->safe_psql('shop', "$meant DELETE FROM orders WHERE id = 1000");
}
is_guarded(90, 'after migrations');

# --- Other extensions ------------------------------------------------------------------------------------------------

my %available = map { split(/\|/) } split(/\n/, $node->safe_psql('shop', 'SELECT name, default_version FROM pg_available_extensions'));

SKIP:
{
	skip 'contrib modules are not installed', 1 unless $available{hstore} && $available{pg_trgm} && $available{pgcrypto};

	goes_on($superuser,
		'CREATE EXTENSION pg_trgm VERSION \'1.3\'',
		'ALTER EXTENSION pg_trgm UPDATE',
		'CREATE INDEX by_trigram ON customers USING gin (name gin_trgm_ops)',
		'CREATE SCHEMA extensions; ALTER EXTENSION pg_trgm SET SCHEMA extensions',
		(map { "CREATE EXTENSION $_ SCHEMA extensions" } grep { $available{$_} } qw(btree_gist citext pgstattuple amcheck postgres_fdw pg_stat_statements)),
		'DROP EXTENSION pg_trgm CASCADE');
	goes_on('owner', 'CREATE EXTENSION hstore', 'ALTER TABLE customers ADD COLUMN extra hstore', 'DROP EXTENSION hstore CASCADE', 'CREATE EXTENSION pgcrypto', 'DROP EXTENSION pgcrypto');
	is(superuser_says($node, 'shop', "SELECT extensions.bt_index_check('customers_pkey', true);"), '', 'amcheck verifies an index') if $available{amcheck};
	is_guarded(90, 'after other extensions came and went');
}

# --- Nothing of all this was a bypass --------------------------------------------------------------------------------

is(join("\n", slurp_file($node->logfile, $log) =~ /LOG:  tenant_guard: .*/g), '', 'none of it bypassed the isolation of tenants');

# --- A data migration --------------------------------------------------------------------------------------------------

# By a role that may bypass row-level security and says so: all tenants' rows, by every statement.
my $job = sub { return says($node, 'shop', 'job', "SET row_security = off; @_") };

is($job->('UPDATE customers SET email = lower(name) || \'@example.com\'; SELECT count(*), count(DISTINCT tenant_id) FROM customers WHERE email IS NOT NULL;'),
	'270|2', 'a job fills a column of every tenant\'s rows');
is($job->("COPY customers (id, tenant_id, name) FROM stdin;\n1001\t$TENANT_A\tNew of a\n1002\t$TENANT_B\tNew of b\n\\.\nSELECT count(*) FROM customers;"),
	'272', 'it copies rows of several tenants in');
is($job->('COPY (SELECT tenant_id, id FROM customers WHERE id > 1000 ORDER BY id) TO stdout;'), "$TENANT_A\t1001; $TENANT_B\t1002", 'and out');
like($job->('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) DELETE FROM customers WHERE id = 1002;'), qr/^Delete on customers \(actual rows=0/, 'it explains');
is($job->('INSERT INTO customers (id, tenant_id, name) SELECT 2000 + id, tenant_id, name FROM customers WHERE id < 4; '
		  . 'DELETE FROM customers WHERE id > 1001; BEGIN; DECLARE c CURSOR FOR SELECT id FROM customers WHERE id > 1000; FETCH ALL FROM c;'),
	'1001', 'it inserts, deletes and reads by a cursor');
is($job->('INSERT INTO customers (id, name) VALUES (3000, \'of nobody\');'), 'ERROR TG001', 'a row that names no tenant is refused to it');
is(says($node, 'shop', 'job', 'SELECT count(*) FROM customers; UPDATE customers SET name = \'\';'), 'ERROR TG003; ERROR TG003', 'and all of it if it has not said so');
is_guarded(91, 'after the data migration');

# The owner is bound: it is told so, and can do nothing to every tenant's rows.
is(says($node, 'shop', 'owner', 'UPDATE customers SET email = NULL; SET row_security = off; UPDATE customers SET email = NULL;'), 'ERROR TG001; ERROR 42501',
	'the owner cannot back-fill');

$node->stop;
done_testing();
