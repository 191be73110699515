# A crowd of queries, each with something talkative in it, over a table where another tenant's rows hold a canary: it is
# in no result, notice, error, detail or context, and each query answers, or fails, as with trusted_filters off.
#
# The tenant's own filter is made dear and the talkative functions cheap, so that whatever may run first does. (What reads
# long values is evaluated after the tenant's filter all the same.)

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $node = start_server('primary', conf => "log_statement = 'none'\nlog_min_messages = fatal\nlog_min_error_statement = panic\nautovacuum = off");
$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION tenant_guard;
ALTER FUNCTION tenant_guard.current_tenant() COST 1000000;
CREATE SCHEMA s;
CREATE TABLE s.t (id int PRIMARY KEY, tenant_id uuid, body text, n int, num numeric, at timestamptz, doc jsonb, tags text[]);
CREATE TABLE s.u (id int, tenant_id uuid, t_id int, body text, n int);
CREATE TABLE s.parts (id int, tenant_id uuid, body text, n int) PARTITION BY RANGE (id);
CREATE TABLE s.parts_1 PARTITION OF s.parts FOR VALUES FROM (0) TO (100);
CREATE TABLE s.parts_2 PARTITION OF s.parts DEFAULT;
SET tenant_guard.bypass = on;
INSERT INTO s.t SELECT 100 + i, '$TENANT_B', 'CANARY ' || i, 987654321, 987654321, '2020-01-01', '{"k": "CANARY"}', '{CANARY}' FROM generate_series(1, 5) i;
INSERT INTO s.t SELECT i, '$TENANT_A', 'mine ' || i, i, i, '2020-01-01', jsonb_build_object('k', i), ARRAY['x'] FROM generate_series(1, 5) i;
INSERT INTO s.u SELECT id, tenant_id, id, body, n FROM s.t;
INSERT INTO s.parts SELECT id, tenant_id, body, n FROM s.t;
RESET tenant_guard.bypass;
CREATE INDEX ON s.t (body text_pattern_ops);
CREATE INDEX ON s.t (upper(body));
CREATE INDEX ON s.t USING gin (doc);
CREATE INDEX ON s.t USING gin (tags);
ANALYZE;
GRANT ALL ON ALL TABLES IN SCHEMA s TO app;
GRANT ALL ON SCHEMA s TO app;
SET ROLE app;
CREATE FUNCTION s.noisy(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 0.000001 AS 'BEGIN RAISE NOTICE ''heard %'', \$1; RETURN true; END';
CREATE FUNCTION s.noisy_op(text, text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 0.000001 AS 'BEGIN RAISE NOTICE ''heard %'', \$1; RETURN true; END';
CREATE FUNCTION s.raiser(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 0.000001 AS
	'BEGIN IF \$1 LIKE ''CAN%'' THEN RAISE ''heard %'', \$1 USING DETAIL = \$1; END IF; RETURN true; END';
CREATE FUNCTION s.inlined(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT s.noisy(\$1)';
CREATE FUNCTION s.rows(text) RETURNS SETOF text LANGUAGE sql STABLE AS 'SELECT \$1 WHERE s.noisy(\$1)';
CREATE FUNCTION s.noisy_state(text, text) RETURNS text LANGUAGE plpgsql IMMUTABLE COST 0.000001 AS 'BEGIN RAISE NOTICE ''heard %'', \$2; RETURN \$2; END';
CREATE FUNCTION s.quiet() RETURNS boolean LANGUAGE plpgsql VOLATILE COST 0.000001 AS 'BEGIN RAISE NOTICE ''CANARY: a row was met''; RETURN true; END';
CREATE FUNCTION s.stable() RETURNS text LANGUAGE plpgsql STABLE COST 0.000001 AS 'BEGIN RAISE NOTICE ''called''; RETURN ''x''; END';
CREATE AGGREGATE s.noisy_agg(text) (sfunc = s.noisy_state, stype = text);
CREATE AGGREGATE s.noisy_max(text) (sfunc = s.noisy_state, stype = text);
CREATE OPERATOR s.~~> (leftarg = text, rightarg = text, function = s.noisy_op);
CREATE OPERATOR s.<>! (leftarg = text, rightarg = text, function = textne, negator = OPERATOR(s.=!), restrict = neqsel);
CREATE OPERATOR s.=! (leftarg = text, rightarg = text, function = s.noisy_op, negator = OPERATOR(s.<>!));
CREATE OPERATOR s.<! (leftarg = text, rightarg = text, function = text_lt, commutator = OPERATOR(s.>!), restrict = scalarltsel);
CREATE OPERATOR s.>! (leftarg = text, rightarg = text, function = s.noisy_op, commutator = OPERATOR(s.<!), restrict = scalargtsel);
CREATE AGGREGATE s.overflow(*) (sfunc = int8inc, stype = int8, initcond = '9223372036854775807');
CREATE DOMAIN s.talking AS text CHECK (s.noisy(VALUE));
CREATE TYPE s.boxed AS (v text);
CREATE FUNCTION s.box(text) RETURNS s.boxed LANGUAGE plpgsql IMMUTABLE COST 0.000001 AS 'BEGIN RAISE NOTICE ''heard %'', \$1; RETURN ROW(\$1); END';
CREATE FUNCTION s.unbox(s.boxed) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT (\$1).v';
CREATE VIEW s.v WITH (security_invoker = true) AS SELECT id, body, upper(body) AS up, n / (n - 987654321) AS bad, s.noisy(body) AS heard, n FROM s.t;
CREATE VIEW s.vf WITH (security_invoker = true) AS SELECT * FROM s.t WHERE s.noisy(body);
CREATE VIEW s.vb WITH (security_invoker = true, security_barrier) AS SELECT id, body, n, s.noisy(body) AS heard FROM s.t WHERE body LIKE '%a%';
CREATE TABLE s.policed (id int, tenant_id uuid, body text);
CREATE TABLE s.mine AS SELECT 1 AS one WHERE false;
SQL
$node->safe_psql('postgres', <<"SQL");
CREATE CAST (text AS s.boxed) WITH FUNCTION s.box(text);
CREATE POLICY zealous ON s.policed AS RESTRICTIVE USING (s.noisy(body));
SET tenant_guard.bypass = on;
INSERT INTO s.policed SELECT id, tenant_id, body FROM s.t;
GRANT ALL ON s.policed TO app;
SQL

# What may stand in a filter: {} is the alias of a table with body and n. Talkative ones first, silent ones last.
my @talkative = (
	's.noisy({}.body)', 's.raiser({}.body)', 's.inlined({}.body)', "{}.body OPERATOR(s.~~>) 'x'", "({}.body)::s.talking <> ''", "(({}.body)::s.boxed).v <> ''",
	'{}.body::int > 0', '{}.body::uuid IS NOT NULL', '{}.body::date IS NOT NULL', '{}.body::jsonb IS NULL', '{}.body::regclass IS NULL', '{}.body::inet IS NULL',
	"to_date({}.body, 'YYYY') IS NULL", "to_number({}.body, '99') IS NULL", '1 / ({}.n - 987654321) < 5', '{}.n + {}.n * 2 > 1', '{}.n::int2 > 0', 'power({}.n, 99) > 0',
	'chr({}.n) IS NOT NULL', "{}.body ~ {}.body || '('", "'x' LIKE {}.body || '\\'", "{}.body LIKE '%\\'", "substr({}.body, 1, 3 - {}.n) = 'x'", "repeat({}.body, {}.n) = ''",
	"EXISTS (SELECT FROM s.u x WHERE x.id = {}.id AND s.noisy({}.body))", "{}.id = (SELECT x.id FROM s.u x WHERE x.n = {}.n)", '({}.id, 1) IN (SELECT x.id, 1 / (x.n - 987654321 + 1) FROM s.u x)',
	"({}.body NOT LIKE 'CAN%' OR s.quiet())", "CASE WHEN {}.body LIKE 'CAN%' THEN s.stable() ELSE 'x' END = 'x'", "({}.body NOT LIKE 'CAN%' OR 1 / (SELECT count(*) FROM s.mine) = 1)",
	"({}.body NOT LIKE 'CAN%' OR EXISTS (SELECT FROM s.policed))", "({}.body NOT LIKE 'CAN%' OR (SELECT s.noisy('CANARY')))", "({}.body NOT LIKE 'CAN%' OR {}.id IN (SELECT id FROM s.u FOR UPDATE))",
	"({}.body NOT LIKE 'CAN%' OR now() + current_setting('s.i', true)::interval > now())", "xpath('/a', ({}.body)::xml) IS NULL", "ROW({}.body)::s.boxed IS NOT NULL",
	"NOT ({}.body OPERATOR(s.<>!) 'x')", "{}.body OPERATOR(s.<>!) 'x'", "'x' OPERATOR(s.<!) {}.body", "NOT {}.body OPERATOR(s.<>!) ANY ('{x,y}')",
	"({}.body NOT LIKE 'CAN%' OR EXISTS (SELECT FROM s.u LIMIT -1))", "({}.body NOT LIKE 'CAN%' OR (SELECT s.overflow(*) FROM s.u) > 0)",
	"COALESCE(s.noisy({}.body), true)", "ARRAY[s.noisy({}.body)] = '{t}'", "NULLIF({}.body::int, 0) IS NULL", "GREATEST({}.body::int, 1) > 0", "{}.body::int = ANY ('{1,2}')");
my @silent = ('true', "{}.body LIKE '%a%'", "{}.n BETWEEN -1 AND 1000000000", "({}.body ILIKE 'c%' OR {}.id > 0)", "lower({}.body) ~ '^[mc]'");

# Shapes: F is a silent filter and T a talkative one, of the table with that alias.
my @shapes = (
	'SELECT id, body FROM s.t a WHERE F[a] AND T[a] ORDER BY id',
	'SELECT id FROM s.t a WHERE NOT (F[a] AND T[a]) ORDER BY id',
	'SELECT a.id, b.id FROM s.t a JOIN s.u b ON a.id = b.t_id AND T[b] WHERE F[a] ORDER BY 1, 2',
	'SELECT a.id, b.id FROM s.t a LEFT JOIN s.u b ON a.id = b.t_id AND T[b] AND F[a] WHERE F[b] OR b.id IS NULL ORDER BY 1, 2',
	'SELECT a.id, b.id FROM s.t a FULL JOIN (SELECT * FROM s.u b WHERE T[b]) b ON a.id = b.t_id WHERE F[a] ORDER BY 1, 2',
	'SELECT id FROM s.t a WHERE F[a] AND EXISTS (SELECT FROM s.u b WHERE b.t_id = a.id AND T[b]) ORDER BY id',
	'SELECT id FROM s.t a WHERE F[a] AND id NOT IN (SELECT t_id FROM s.u b WHERE T[b] AND b.n > 3) ORDER BY id',
	'SELECT x.id FROM (SELECT id, body, n FROM s.t a WHERE F[a]) x WHERE T[x] ORDER BY 1',
	'SELECT x.id FROM (SELECT id, body, n, (T[a]) AS talk FROM s.t a) x WHERE x.talk AND F[x] ORDER BY 1',
	'SELECT x.id FROM (SELECT DISTINCT id, body, n FROM s.t a OFFSET 0) x WHERE T[x] AND F[x] ORDER BY 1',
	'SELECT id FROM (SELECT id, body, n, row_number() OVER (ORDER BY id) AS r FROM s.t a WHERE F[a]) x WHERE r < 4 AND T[x] ORDER BY 1',
	'WITH x AS (SELECT id, body, n FROM s.t a WHERE F[a]) SELECT id FROM x WHERE T[x] ORDER BY 1',
	'WITH x AS MATERIALIZED (SELECT id, body, n, (T[a]) AS talk FROM s.t a WHERE F[a]) SELECT id FROM x WHERE talk ORDER BY 1',
	"WITH RECURSIVE r(id, body, n) AS (SELECT id, body, n FROM s.t a WHERE id = 1 AND F[a] UNION ALL SELECT a.id, a.body, a.n FROM s.t a JOIN r ON a.id = r.id + 1 WHERE T[a]) SELECT id FROM r ORDER BY 1",
	'SELECT a.id, x.id FROM s.t a, LATERAL (SELECT id FROM s.u b WHERE b.t_id = a.id AND T[a] AND F[b]) x ORDER BY 1',
	'SELECT a.id FROM s.t a, LATERAL s.rows(a.body) r WHERE F[a] AND T[a] ORDER BY 1',
	'SELECT id FROM s.t a WHERE F[a] AND T[a] UNION SELECT id FROM s.u b WHERE F[b] AND T[b] ORDER BY 1',
	'SELECT id FROM (SELECT id, body, n FROM s.t UNION ALL SELECT id, body, n FROM s.u) x WHERE F[x] AND T[x] ORDER BY 1',
	'SELECT body FROM s.t a WHERE F[a] INTERSECT SELECT body FROM s.u b WHERE T[b] ORDER BY 1',
	'SELECT n % 2, count(*) FILTER (WHERE T[a]) FROM s.t a WHERE F[a] GROUP BY 1 ORDER BY 1',
	'SELECT body, n, id, count(*) FROM s.t a WHERE F[a] GROUP BY body, n, id HAVING T[a] ORDER BY 3',
	'SELECT n, id, body, count(*) FROM s.t a WHERE F[a] GROUP BY GROUPING SETS ((n, id, body), (n), ()) HAVING count(*) > 0 AND (n IS NULL OR n < 1000) ORDER BY 1, 2, 4',
	'SELECT (T[a]), count(*) FROM s.t a WHERE F[a] GROUP BY 1 ORDER BY 1',
	'SELECT DISTINCT (T[a]) FROM s.t a WHERE F[a]',
	'SELECT id, (T[a]) FROM s.t a WHERE F[a] ORDER BY 1',
	'SELECT id FROM s.t a WHERE F[a] ORDER BY (T[a]), id',
	'SELECT max(CASE WHEN T[a] THEN a.n END), min(upper(a.body)) FROM s.t a WHERE F[a]',
	's.noisy_agg', 's.noisy_max',
	'SELECT id, sum(n) OVER (PARTITION BY (T[a]) ORDER BY id) FROM s.t a WHERE F[a] ORDER BY 1',
	'SELECT id, (SELECT count(*) FROM s.u b WHERE b.t_id = a.id AND T[a]) FROM s.t a WHERE F[a] ORDER BY 1',
	'SELECT id, up FROM s.v a WHERE F[a] AND T[a] ORDER BY 1', 'SELECT id FROM s.v a WHERE heard AND F[a] ORDER BY 1', 'SELECT id FROM s.v a WHERE bad < 5 AND F[a] ORDER BY 1',
	'SELECT id FROM s.vf a WHERE F[a] ORDER BY 1', 'SELECT id FROM s.vb a WHERE F[a] AND T[a] ORDER BY 1', 'SELECT a.id FROM s.policed a WHERE F[b] ORDER BY 1',
	'SELECT a.id FROM s.t a JOIN s.policed b USING (id) WHERE F[a] ORDER BY 1',
	'SELECT id FROM s.parts a WHERE F[a] AND T[a] ORDER BY 1', 'SELECT id FROM s.parts a WHERE F[a] AND id < 50 ORDER BY (T[a]), 1',
	'UPDATE s.t a SET num = num + 1 WHERE F[a] AND T[a] RETURNING id, body', 'UPDATE s.t a SET tags = ARRAY[(T[a])::text] WHERE F[a] RETURNING id, tags',
	'UPDATE s.t a SET num = b.n FROM s.u b WHERE a.id = b.t_id AND F[a] AND T[b] RETURNING a.id', 'DELETE FROM s.u a WHERE F[a] AND T[a] RETURNING id, (T[a])',
	'DELETE FROM s.u a USING s.t b WHERE a.t_id = b.id AND F[b] AND T[b] RETURNING a.id',
	'MERGE INTO s.u a USING s.t b ON a.t_id = b.id AND F[b] WHEN MATCHED AND T[b] THEN UPDATE SET n = 7', 'MERGE INTO s.u a USING s.t b ON a.t_id = b.id AND T[a] WHEN MATCHED AND F[a] THEN DELETE',
	'INSERT INTO s.u (id, body) SELECT id, body FROM s.t a WHERE F[a] AND T[a] RETURNING id', 'WITH d AS (DELETE FROM s.u a WHERE F[a] RETURNING id, body, n) SELECT id FROM d WHERE T[d] ORDER BY 1',
	"SELECT id FROM s.t a WHERE (doc \@> '{\"k\": 3}' OR tags && '{x}') AND F[a] AND T[a] ORDER BY 1", "SELECT id FROM s.t a WHERE doc \@> '{\"k\": 3}' AND F[a] AND T[a]",
	'SELECT a.id FROM s.t a JOIN s.u b ON a.id = b.t_id WHERE F[a] AND a.tags && ARRAY[\'x\'] AND T[b] ORDER BY a.id LIMIT 3', 'SELECT id FROM s.t a WHERE F[a] AND T[a] ORDER BY id DESC LIMIT 2',
	'SELECT id FROM s.t a WHERE F[a] AND T[a] FOR UPDATE', 'SELECT id FROM s.t a WHERE F[a] ORDER BY id LIMIT (SELECT count(*) FROM s.u b WHERE T[b])',
	'SELECT id FROM s.t a TABLESAMPLE system (100) WHERE F[a] AND T[a] ORDER BY 1',
	'SELECT a.id FROM (VALUES (1), (2)) v(x), s.t a WHERE a.id = v.x AND F[a] AND T[a] ORDER BY 1',
	'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) SELECT id FROM s.t a WHERE F[a] AND T[a]',
	"PREPARE p(text) AS SELECT id FROM s.t a WHERE a.body LIKE \$1 AND F[a] AND T[a] ORDER BY 1; EXECUTE p('%'); EXECUTE p('%\\'); DEALLOCATE p");

sub fill
{
	my ($shape, $silent, $talkative) = @_;

	return "SELECT $shape(body) FROM s.t a WHERE " . ($silent =~ s/\{\}/a/gr) if $shape =~ /^s\./;
	$shape =~ s/F\[(\w)\]/my $x = $1; '(' . ($silent =~ s,\{\},$x,gr) . ')'/ge;
	$shape =~ s/T\[(\w)\]/my $x = $1; '(' . ($talkative =~ s,\{\},$x,gr) . ')'/ge;
	return $shape;
}

my (@queries, %seen);
foreach my $i (0 .. $#talkative + @silent)
{
	my $talkative = (@talkative, @silent)[$i];

	foreach my $j (0 .. $#shapes)
	{
		my $query = fill($shapes[$j], $silent[ ($i + $j) % @silent ], $talkative);
		push @queries, $query unless $seen{$query}++;
	}
}

# Before these minor releases the planner itself calls the commutator and the negator of an operator with what statistics hold
# of a partition's rows, below any policy (CVE-2025-8713, which audit() reports as server_outdated).
my ($major, $minor) = $node->safe_psql('postgres', 'SHOW server_version_num') =~ /^(\d\d)(\d{4})$/;
@queries = grep { !(/ s\.parts / && /OPERATOR\(s\.[<=>]/) } @queries if $minor < ({ 15 => 14, 16 => 10, 17 => 6 }->{$major} // 0);

# what(queries, settings, user): of each query all that psql says of it, and what of that is no notice.
sub ask
{
	my ($queries, $settings) = @_;
	my $script = "\\set VERBOSITY verbose\n\\set SHOW_CONTEXT always\nSET client_min_messages = notice;\n";

	$script .= "\\echo #\nBEGIN; SELECT FROM tenant_guard.set_tenant('$TENANT_A');\n$_;\nROLLBACK;\n" foreach @$queries;
	my $file = PostgreSQL::Test::Utils::tempdir() . '/queries.sql';
	append_to_file($file, $script);
	local $ENV{PGOPTIONS} = $settings;
	IPC::Run::run([ $node->installed_command('psql'), '-XAtq', '-f', $file, '-d', $node->connstr('postgres'), '-U', 'app' ], '>', "$file.out", '2>&1');
	my (undef, @each) = split /^#\n/m, slurp_file("$file.out");
	s/^psql:\S+:\d+: //mg foreach @each;
	return @each;
}

# Of one that fails only its SQLSTATE counts: which row comes first is the plan's affair. So it is with notices.
sub outcome
{
	my ($said) = @_;

	return "ERROR $1" if $said =~ /ERROR:  (\w{5})/;
	return join '', sort grep { !/^(?:NOTICE|CONTEXT|LOCATION|PL|SQL|parallel worker)|Filter|Cond|Scan|Rows|Index|Heap|^ / } split /^/, $said;
}

# A canary in what was said of a query, other than one that the query brings itself.
sub hears_canary
{
	my ($query, $said) = @_;

	$said =~ s/^LINE \d+:.*\n\s*\^\n//mg;
	return $said =~ /CANARY [1-5]|CANARY: a row|"CANA|987654321/ && $query !~ /'CANARY'/ && $said !~ /Filter:/;
}

# The first few, and how many there are.
sub some
{
	return join("\n", @_[ 0 .. ($#_ > 4 ? 4 : $#_) ], @_ > 5 ? 'and ' . (@_ - 5) . ' more' : ());
}

# What fails on rows of one's own may do so with one plan and not with another.
sub answers { return outcome($_[0]) =~ /^ERROR/ || outcome($_[1]) =~ /^ERROR/ || outcome($_[0]) eq outcome($_[1]); }

# ask_both(queries, settings[, setting of tenant_guard]): what is said with it on, and off.
sub ask_both
{
	my ($queries, $settings, $setting) = (@_, 'trusted_filters');
	my @on = ask($queries, $settings);

	$node->safe_psql('postgres', "ALTER DATABASE postgres SET tenant_guard.$setting = off");
	my @off = ask($queries, $settings);
	$node->safe_psql('postgres', "ALTER DATABASE postgres RESET tenant_guard.$setting");
	return (\@on, \@off);
}

# Whatever plans they are given.
my %settings = (default => '', index => '-c enable_seqscan=off', merge => '-c enable_hashjoin=off -c enable_nestloop=off -c enable_hashagg=off');
foreach my $name (sort keys %settings)
{
	my ($on, $off) = ask_both(\@queries, "-c jit=off $settings{$name}");
	my @both = grep { defined $on->[$_] && defined $off->[$_] } 0 .. $#queries;

	is(scalar @both, scalar @queries, "$name: " . @queries . ' queries were answered');
	is(some(map { "$queries[$_]: $on->[$_]" } grep { hears_canary($queries[$_], $on->[$_]) } @both), '', "$name: no canary is heard");
	is(some(map { "$queries[$_]:\n$on->[$_]-- off:\n$off->[$_]" } grep { !answers($on->[$_], $off->[$_]) } @both), '', "$name: with trusted_filters off no answer is another");
	cmp_ok(scalar(grep { outcome($_) =~ /^ERROR/ } @$on), '<', @queries / 2, "$name: most of them do not fail");
}

# --- What the test is worth: it hears a talkative function that is put on the list -------------------------------------

my @heard = grep { /\bchr\(/ } @queries;
my ($trusted, $barred);

$node->safe_psql('postgres', 'ALTER FUNCTION pg_catalog.chr(int) COST 0.000001');
($trusted, $barred) = ask_both(\@heard, '-c jit=off');
is(scalar(grep { hears_canary($heard[$_], $trusted->[$_]) } 0 .. $#heard), 0, 'a function that is not on it is not heard');
$node->safe_psql('postgres', "SECURITY LABEL FOR tenant_guard ON FUNCTION pg_catalog.chr(int) IS 'trusted'");
($trusted, $barred) = ask_both(\@heard, '-c jit=off');
cmp_ok(scalar(grep { hears_canary($heard[$_], $trusted->[$_]) } 0 .. $#heard), '>', 10, 'one that is put on it is');
is(scalar(grep { hears_canary($heard[$_], $barred->[$_]) } 0 .. $#heard), 0, 'but not where trusted_filters is off');
$node->safe_psql('postgres', 'SECURITY LABEL FOR tenant_guard ON FUNCTION pg_catalog.chr(int) IS NULL');
($trusted, $barred) = ask_both(\@heard, '-c jit=off');
is(scalar(grep { hears_canary($heard[$_], $trusted->[$_]) } 0 .. $#heard), 0, 'and not once it is off the list');

# --- Where a tenant's few rows are read rather than an index over all, they do not talk, and answer as otherwise --------

$node->safe_psql('postgres', 'ALTER FUNCTION tenant_guard.current_tenant() COST 1; CREATE INDEX ON s.t (tenant_id); CREATE INDEX ON s.u (tenant_id); ANALYZE s.t, s.u');
my ($few, $hand) = ask_both(\@queries, '-c jit=off -c enable_seqscan=off', 'small_tenant_paths');
is(some(map { "$queries[$_]: $few->[$_]" } grep { hears_canary($queries[$_], $few->[$_]) } 0 .. $#queries), '', 'small_tenant_paths: no canary is heard');
is(some(map { "$queries[$_]:\n$few->[$_]-- off:\n$hand->[$_]" } grep { !answers($few->[$_], $hand->[$_]) } 0 .. $#queries), '', 'small_tenant_paths: off, no answer is another');
cmp_ok(scalar(grep { outcome($_) =~ /^ERROR/ } @$few), '<', @queries / 2, 'small_tenant_paths: most of them do not fail');
like((ask([ q(EXPLAIN SELECT id FROM s.t WHERE doc @> '{"k": 3}') ], '-c enable_seqscan=off'))[0],
	qr/few rows are read|Bitmap Index Scan on t_tenant_id_idx/, 'such rows are read');    # PostgreSQL 19 does that by itself

$node->stop;
done_testing();
