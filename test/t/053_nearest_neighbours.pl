# Nearest neighbours by pgvector's indexes, which return a number of candidates of all tenants: each tenant gets the rows that LIMIT says,
# and nearly those of an exact search. Skipped where pgvector is not installed.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my ($extensions) = run_command([ 'pg_config', '--sharedir' ]);
plan(skip_all => 'pgvector is not installed') unless -e "$extensions/extension/vector.control";

my $node = start_server('nearest');
my $superuser = scalar getpwuid($<);

# Ten tenants, of half of the rows down to ten; two hundred others have the rest.
my @residues = ([ 2, 0 ], [ 8, 1 ], [ 16, 3 ], [ 32, 5 ], [ 64, 7 ], [ 128, 11 ], [ 256, 13 ], [ 512, 15 ], [ 1024, 21 ], [ 2048, 23 ]);
my @tenants = map { sprintf 'aaaaaaaa-aaaa-aaaa-aaaa-%012d', $_ } 0 .. $#residues;
my $cases = join ' ', map { "WHEN i % $residues[$_][0] = $residues[$_][1] THEN '$tenants[$_]'" } 0 .. $#residues;
my $random = '(SELECT array_agg(random()) FROM generate_series(1, 8) WHERE i IS NOT NULL)::vector(8)';

$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION tenant_guard;
CREATE EXTENSION vector;
SET client_min_messages = warning;
CREATE TABLE docs (id int, tenant_id uuid, e vector(8));
CREATE TABLE lists (LIKE docs);
CREATE TABLE loose (LIKE docs);
CREATE TABLE parts (LIKE docs) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10000);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10000) TO (30000);
CREATE TABLE questions (id int, e vector(8));
SELECT setseed(0.5);
SET tenant_guard.bypass = on;
INSERT INTO docs SELECT i, (CASE $cases ELSE 'bbbbbbbb-bbbb-bbbb-bbbb-' || lpad((i % 199)::text, 12, '0') END)::uuid, $random FROM generate_series(1, 20480) i;
INSERT INTO questions SELECT i, $random FROM generate_series(1, 5) i;
INSERT INTO lists TABLE docs;
INSERT INTO loose TABLE docs;
-- in the second part the second tenant has what the first one has in the other
INSERT INTO parts SELECT id, CASE WHEN id >= 10000 AND tenant_id = '$tenants[0]' THEN '$tenants[1]' WHEN id >= 10000 AND tenant_id = '$tenants[1]' THEN '$tenants[0]' ELSE tenant_id END, e FROM docs;
CREATE INDEX ON docs (tenant_id);
CREATE INDEX docs_e ON docs USING hnsw (e vector_l2_ops);
CREATE INDEX ON lists (tenant_id, id);
CREATE INDEX lists_e ON lists USING ivfflat (e vector_l2_ops) WITH (lists = 80);
CREATE INDEX loose_e ON loose USING hnsw (e vector_l2_ops);
CREATE INDEX ON parts (tenant_id);
CREATE INDEX ON parts USING hnsw (e vector_l2_ops);
RESET tenant_guard.bypass;
VACUUM ANALYZE;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO app;
-- the plan, and the tenant's filter with it
CREATE FUNCTION plan(query text) RETURNS text LANGUAGE plpgsql AS \$\$
DECLARE
	line text;
	lines text := '';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP lines := lines || ' / ' || trim(line); END LOOP;
	RETURN lines;
END
\$\$;
-- of five questions: the fewest rows, and how many of the exact ones were found
CREATE FUNCTION found(name text, OUT fewest int, OUT recall numeric) LANGUAGE plpgsql AS \$\$
DECLARE
	question vector;
	ids int[];
	exact int[];
BEGIN
	fewest := 10;
	recall := 0;
	FOR question IN SELECT e FROM questions LOOP
		EXECUTE format('SELECT array_agg(id) FROM (SELECT id FROM %I ORDER BY e <-> %L LIMIT 10) s', name, question) INTO ids;
		EXECUTE format('SELECT array_agg(id) FROM (SELECT id FROM %I ORDER BY (e <-> %L) + 0 LIMIT 10) s', name, question) INTO exact;
		fewest := LEAST(fewest, COALESCE(cardinality(ids), 0));
		recall := recall + (SELECT count(*) FROM unnest(ids) WHERE unnest = ANY (exact)) / 50.0;
	END LOOP;
END
\$\$;
SQL

my $question = "'" . $node->safe_psql('postgres', 'SELECT e FROM questions WHERE id = 1') . "'";
my $nearest = "SELECT id FROM docs ORDER BY e <-> $question LIMIT 10";
my $index = qr/Index Scan using docs_e on docs/;
my $exact = qr/Sort .*Scan .*Tenant Filter[^:]*: trusted; the tenant's rows are read: an approximate index would return too few/;

# With enable_sort = off the planner takes such an index wherever it may.
sub set { return "SET LOCAL tenant_guard.tenant_id = '$tenants[ $_[0] ]';"; }
sub app_says { return says($node, 'postgres', 'app', join('', 'SET enable_sort = off;', @_)); }
sub in_tenant { my ($tenant, @sql) = @_; return 'BEGIN;' . set($tenant) . "@sql; COMMIT;"; }
sub plan_of { my ($tenant, $query, @before) = @_; return app_says(in_tenant($tenant, @before, "SELECT plan(\$\$$query\$\$)")); }

# --- What each tenant gets -------------------------------------------------------------------------------------------

my %index_is_used;
foreach my $table ('docs', 'lists')
{
	foreach my $tenant (0 .. $#tenants)
	{
		my ($fewest, $recall) = split /\|/, app_says(in_tenant($tenant, "SELECT * FROM found('$table')"));
		my $plan = plan_of($tenant, $nearest =~ s/docs/$table/r);
		my $used = $index_is_used{$table}[$tenant] = $plan =~ /Index Scan using ${table}_e/ ? 1 : 0;

		diag("$table, one row in $residues[$tenant][0]: $fewest rows, recall $recall, " . ($used ? 'by the index' : 'exact')) if $ENV{TG_SHOW};
		is($fewest, 10, "$table: one row in $residues[$tenant][0]: as many rows as LIMIT says");
		cmp_ok($recall, '>=', $table eq 'docs' || !$used ? ($used ? 0.8 : 1) : 0.1, "$table: one row in $residues[$tenant][0]: the nearest");
	}
}
is(join('', @{ $index_is_used{docs} }), '1000000000', 'the HNSW index serves the tenant with half of the rows');
is(join('', @{ $index_is_used{lists} }), '1100000000', 'the IVFFlat index serves two');
like(plan_of(1, $nearest), $exact, 'EXPLAIN says so');

# What the hand-written query gets
my $by_hand = superuser_says($node, 'postgres', 'SET tenant_guard.small_tenant_paths = off; SET enable_sort = off; SET ROLE app;' . in_tenant(5, q{SELECT fewest FROM found('docs')}));
cmp_ok($by_hand, '<', 5, 'without small_tenant_paths the same tenant gets fewer');
like(plan_of(5, $nearest =~ s/docs/loose/r), qr/Index Scan using loose_e/, 'nothing changes where no index begins with the tenant column');

# --- LIMIT, joins, sub-selects, partitions ---------------------------------------------------------------------------

like(plan_of(0, $nearest =~ s/10$/30/r), $exact, 'LIMIT 30 of 40 candidates is too much for half of the rows');
like(plan_of(0, $nearest =~ s/10$/30/r, 'SET LOCAL hnsw.ef_search = 200;'), $index, 'and not of 200');
like(plan_of(0, "$nearest OFFSET 20"), $exact, 'OFFSET counts');
like(plan_of(0, $nearest =~ s/ LIMIT 10//r), $exact, 'without LIMIT all rows are read');
like(plan_of(3, "SELECT * FROM questions q, LATERAL (SELECT d.id FROM docs d ORDER BY d.e <-> q.e LIMIT 3) s"), $exact, 'so they are for each row of another table');
like(plan_of(3, "SELECT d.id FROM docs d JOIN questions q ON q.id = d.id ORDER BY d.e <-> $question LIMIT 10"), qr/approximate index would return too few/, 'in a join');
like(plan_of(3, "SELECT id FROM docs WHERE id::text::int <> 7 ORDER BY e <-> $question LIMIT 10"), qr/behind the barrier: [^\/]*; the tenant's rows are read: an approximate/, 'and behind the barrier');
# where one part is sorted and another is not, enable_sort = off does not make the planner take the index of the other
my $by_index = 'RESET enable_sort; SET enable_seqscan = off; SET enable_bitmapscan = off;';
foreach my $tenant (0, 1)
{
	is(app_says(in_tenant($tenant, q{SELECT * FROM found('parts')})) =~ /^10\|([\d.]+)$/ && $1 >= 0.8 ? 1 : 0, 1, "partitions: tenant $tenant finds the nearest");
	like(app_says($by_index, in_tenant($tenant, 'SELECT plan($$' . ($nearest =~ s/docs/parts/r) . '$$)')), $tenant == 0 ? qr/Index Scan using parts_1_e_idx.*parts_2_tenant_id_idx/ : qr/parts_1_tenant_id_idx.*Index Scan using parts_2_e_idx/,
		'each by the share in it');
}

# An index of one tenant's rows
$node->safe_psql('postgres', "CREATE INDEX docs_of_one ON docs USING hnsw (e vector_l2_ops) WHERE tenant_id = '$tenants[3]'");
like(plan_of(3, $nearest =~ s/ORDER/WHERE tenant_id = '$tenants[3]' ORDER/r), qr/Index Scan using docs_of_one/, 'an index of one tenant serves it');
is(app_says(in_tenant(3, "SELECT count(*) FROM (" . ($nearest =~ s/ORDER/WHERE tenant_id = '$tenants[3]' ORDER/r) . ") s")), 10, 'and finds enough');
like(plan_of(3, $nearest), $exact, 'where the query names the tenant');
$node->safe_psql('postgres', 'DROP INDEX docs_of_one');

# --- Iterative scans -------------------------------------------------------------------------------------------------

my $iterates = app_says("SELECT 1 FROM docs LIMIT 0; $nearest;", q{SELECT current_setting('hnsw.iterative_scan', true) IS NOT NULL;}) =~ /t$/;
SKIP:
{
	skip 'this pgvector has no iterative scans', 3 unless $iterates;
	my $iterative = 'SET LOCAL hnsw.iterative_scan = relaxed_order;';

	like(plan_of(5, $nearest, $iterative), $index, 'an iterative scan goes on until there are enough');
	is(app_says(in_tenant(5, $iterative, q{SELECT fewest FROM found('docs')})), 10, 'and finds them');
	like(plan_of(5, $nearest, $iterative, 'SET LOCAL hnsw.max_scan_tuples = 500;'), $exact, 'unless it ends before');
}

# --- Cached plans ----------------------------------------------------------------------------------------------------

my $prepare = "PREPARE p AS SELECT count(*) FROM (SELECT id FROM docs ORDER BY e <-> $question LIMIT 10) s;"
  . "PREPARE q(int) AS SELECT count(*) FROM (SELECT id FROM docs ORDER BY e <-> $question LIMIT \$1) s;"
  . "PREPARE r AS SELECT count(*) FROM (SELECT id FROM parts ORDER BY e <-> $question LIMIT 10) s;";
my $by = sub { my ($tenant, $statement, @before) = @_; return in_tenant($tenant, @before, "EXECUTE $statement; SELECT plan('EXECUTE $statement') ~ 'Scan using (docs|parts_2)_e'"); };

is(app_says($prepare, map({ $by->($_, 'p') } 0, 5, 0, 9)), '10; t; 10; f; 10; t; 10; f', 'a cached plan is good for its kind of tenants only');
is(app_says($by_index, $prepare, map({ $by->($_, 'r') } 1, 0, 1, 4)), '10; t; 10; f; 10; t; 10; f', 'one of partitions for its tenant only');
is(app_says($prepare, 'SET plan_cache_mode = force_generic_plan;', map({ $by->($_, 'q(10)') } 0, 5)), '10; f; 10; f', 'an unknown LIMIT could be any');
is(app_says($prepare, map({ $by->($_, 'q(10)') } 0, 5)), '10; t; 10; f', 'one that is known is not');
is(app_says($prepare, 'EXECUTE p;', $by->(5, 'p')), 'ERROR TG001; 10; f', 'one that was made without a tenant is not kept');
SKIP:
{
	skip 'this pgvector has no iterative scans', 6 unless $iterates;
	my $on = "SET LOCAL hnsw.iterative_scan = 'relaxed_order';";

	$node->safe_psql('postgres', "CREATE FUNCTION look() RETURNS bigint LANGUAGE plpgsql AS \$\$ BEGIN RETURN (SELECT count(*) FROM (SELECT id FROM docs ORDER BY e <-> $question LIMIT 10) s); END \$\$;"
		  . q{LOAD 'vector'; CREATE FUNCTION iterate() RETURNS bigint LANGUAGE plpgsql SET hnsw.iterative_scan = 'relaxed_order' AS 'BEGIN RETURN look(); END'});
	is(app_says($prepare, $by->(5, 'p', $on), $by->(5, 'p')), '10; t; 10; f', 'a plan for iterative scans ends with them, in the next transaction');
	is(app_says($prepare, $by->(5, 'p', $on) =~ s/COMMIT;$//r, 'SET LOCAL hnsw.iterative_scan = off; EXECUTE p; COMMIT;'), '10; t; 10', 'in the same one');
	is(app_says($prepare, $by->(5, 'p', $on) =~ s/COMMIT;$//r, q{SELECT FROM set_config('hnsw.iterative_scan', 'off', true); EXECUTE p; COMMIT;}), '10; t; 10', 'by a function');
	is(app_says(in_tenant(5, 'SELECT iterate(); SELECT look()')), '10; 10', 'by the end of a function that has them');
	is(app_says($prepare, 'BEGIN;', set(5), "SAVEPOINT s; $on EXECUTE p; ROLLBACK TO s; EXECUTE p; COMMIT;"), '10; 10', 'by a savepoint');
	is(app_says($prepare, in_tenant(5, "$on EXECUTE p"), in_tenant(5, 'EXECUTE p')), '10; 10', 'and by the end of the transaction');
}

# --- A distance in WHERE -----------------------------------------------------------------------------------------------

my ($labels) = slurp_file('docs/performance.md') =~ /^```sql\n(DO .*?)^```/ms;
my $near = "SELECT id FROM docs WHERE e <-> $question < 0.5";

like(plan_of(0, $near), qr/Tenant Filter[^:]*: behind the barrier: operator <->/, 'a distance in WHERE stays behind the barrier');
is(superuser_says($node, 'postgres', $labels), '', 'until the statement of docs/performance.md is run');
like(plan_of(0, "$near AND e <=> $question < 2 AND e <#> $question < 2 AND e <+> $question < 9"), qr/Tenant Filter[^:]*: trusted/, 'which labels all distances');
cmp_ok(app_says(in_tenant(0, $near =~ s/id/count(*)/r)), '>', 0, 'and finds rows');

# --- audit() ---------------------------------------------------------------------------------------------------------

my $finds = q{SELECT object, remedy FROM tenant_guard.audit() WHERE rule = 'vector_search_overfilters' ORDER BY 1;};
my $off = 'SET tenant_guard.small_tenant_paths = off;';

is(superuser_says($node, 'postgres', $finds), 'loose_e on public.loose|CREATE INDEX CONCURRENTLY ON public.loose (tenant_id)', 'audit() finds the table without an index on the tenant column');
is(superuser_says($node, 'postgres', 'CREATE INDEX CONCURRENTLY ON public.loose (tenant_id)'), '', 'its remedy runs');
is(superuser_says($node, 'postgres', $finds), '', 'and it is found no more');
like(plan_of(5, $nearest =~ s/docs/loose/r), $exact, 'since the exact plan is taken');
is(superuser_says($node, 'postgres', $off . $finds =~ s/object, remedy/object/r) =~ s/ on public.\w+//gr, 'docs_e; lists_e; loose_e; parts_e_idx', 'with small_tenant_paths = off all are found');
SKIP:
{
	skip 'this pgvector has no iterative scans', 2 unless $iterates;
	like(superuser_says($node, 'postgres', $off . $finds), qr/docs_e on public.docs\|ALTER DATABASE postgres SET hnsw.iterative_scan = 'relaxed_order'/, 'and the remedy is another');
	$node->safe_psql('postgres', "LOAD 'vector'; ALTER DATABASE postgres SET hnsw.iterative_scan = 'relaxed_order'");
	is(superuser_says($node, 'postgres', $off . $finds =~ s/object, remedy/object/r), 'lists_e on public.lists', 'after which only the others are found');
}

done_testing();
