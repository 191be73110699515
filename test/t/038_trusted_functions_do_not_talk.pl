# Each function that is trusted with every tenant's rows, met with the most awkward values that another tenant could
# hold: no error, no notice, and the answer of the tenant's own rows.
#
# The tenant's own filter is made so dear that it is evaluated last, but before what reads long values. So a superuser calls
# each of them, too, where there are no policies: on every row.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $node = start_server('primary', conf => "log_statement = 'none'\njit = off");
my %encodings = (utf8 => "ENCODING 'UTF8'", latin1 => "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'");
$node->safe_psql('postgres', "CREATE DATABASE $_ TEMPLATE template0 $encodings{$_}") foreach sort keys %encodings;

# The other tenant's values, by type; of each the tenant has one of its own, null. Where PostgreSQL's input refuses
# one, on some server, it is no value.
my %awkward = (
	text => [ "'CANARY'", "''", "repeat('CANARY', 2000)", "'%_\\CANARY\\'", "'\\'", "repeat('(a*)*', 100) || 'b'", "repeat('a', 5000)" ],
	bpchar => [ "'CANARY  '", "''", "repeat('\\', 1000)" ],
	name => [ "'CANARY\\'", "''", "repeat('n', 63)" ],
	bool => [ 'true', 'false' ],
	int2 => [ 32767, -32768, 0 ],
	int4 => [ 2147483647, -2147483648, 0 ],
	int8 => [ "'9223372036854775807'", "'-9223372036854775808'", 0 ],
	float4 => [ "'NaN'", "'Infinity'", "'-Infinity'", "'3.4e38'", "'1e-40'", "'-0'" ],
	float8 => [ "'NaN'", "'Infinity'", "'-Infinity'", "'1.7e308'", "'4e-320'", "'-0'" ],
	numeric => [ "'NaN'", "'Infinity'", "'-Infinity'", "repeat('9', 20000)::numeric", "'1e-16383'", '0' ],
	money => [ "'92233720368547758.07'", "'-92233720368547758.08'" ],
	oid => [ 4294967295, 0 ],
	tid => [ "'(4294967295,65535)'", "'(0,0)'" ],
	date => [ "'4714-11-24 BC'", "'5874897-12-31'", "'infinity'", "'-infinity'", "'294277-01-01'" ],
	timestamp => [ "'4714-11-24 00:00 BC'", "'294276-12-31 23:59:59.999999'", "'infinity'", "'-infinity'" ],
	timestamptz => [ "'4714-11-24 00:00+00 BC'", "'294276-12-31 23:59:59.999999+00'", "'infinity'", "'-infinity'" ],
	time => [ "'24:00'", "'00:00'" ],
	timetz => [ "'24:00-15:59'", "'00:00+15:59'" ],
	interval => [ "'178000000 years'", "'-178000000 years'", "'2147483647 days'" ],
	inet => [ "'98.76.54.32'", "'::ffff:1.2.3.4/12'", "'0.0.0.0/0'", "'::/0'" ],
	jsonb => [ "'{\"k\": \"CANARY\", \"a\": [1, {\"b\": null}], \"\": 1e400}'", "'\"CANARY\"'", "'null'", "'[]'", "'{}'", "'9.5'",
		"(repeat('[', 900) || '\"CANARY\"' || repeat(']', 900))::jsonb", "(repeat('{\"k\":', 900) || '1e-400' || repeat('}', 900))::jsonb" ],
	tsvector => [ "'CANARY:1A b:16383D c'", "''", "array_to_tsvector(ARRAY(SELECT 'w' || g FROM generate_series(1, 2000) g))" ],
	tsquery => [ "'!CANARY <-> (a | b:*AD) & c'", "''", "(repeat('!(', 200) || 'a' || repeat(')', 200))::tsquery", "(repeat('(a|', 20) || 'a' || repeat(')', 20))::tsquery" ],
	_text => [ "'{CANARY,NULL}'", "'{}'", "'{{a,b},{CANARY,NULL}}'", "'[-5:-4]={a,b}'", "ARRAY(SELECT 'w' || g FROM generate_series(1, 500) g)", "'{2147483648,-1,99999999999999999999}'" ],
	_int4 => [ "'{987654321}'", "'{}'", "'{NULL,NULL}'", "'{{1,2},{3,4}}'" ],
	_numeric => [ "'{NaN,NULL,Infinity}'", "'{{1},{2}}'" ],
	int4range => [ "'(,)'", "'empty'", "'[2147483646,2147483647)'", "'[-2147483648,)'" ],
	numrange => [ "'(,)'", "'empty'", "'[NaN,NaN]'", "'(-Infinity,Infinity]'" ],
	tstzrange => [ "'(,)'", "'empty'", "'[-infinity,infinity]'" ],
	mood => [ "'a'", "'b'", "'c'", "'d'", "'CANARY'" ]);
my %type_of = (_text => 'text[]', _int4 => 'int4[]', _numeric => 'numeric[]', mood => 's.mood');

# What stands for the types that are none: other columns, of the same kind for both arguments.
my %stands_for = (
	anyarray => [qw(_text _int4 _numeric)], anyrange => [qw(int4range numrange tstzrange)], anyenum => ['mood'],
	anyelement => [qw(int4 numeric timestamptz)]);

# Half of the labels of this type have odd OIDs, and their order must be looked up.
my $type = "CREATE TYPE s.mood AS ENUM ('a', 'b', 'CANARY'); ALTER TYPE s.mood ADD VALUE 'c' BEFORE 'b'; ALTER TYPE s.mood ADD VALUE 'd' BEFORE 'c';";

# A row of the other tenant for each pair of values of two types: both columns of a type take all of its values.
sub set_up
{
	my ($database) = @_;
	my @types = sort keys %awkward;
	my $rows = 0;

	$node->safe_psql($database, "CREATE EXTENSION tenant_guard; CREATE SCHEMA s; $type ALTER FUNCTION tenant_guard.current_tenant() COST 1000000");
	$node->safe_psql($database,
		'CREATE TABLE s.t (id int, tenant_id uuid, ' . join(', ', map { my $t = $type_of{$_} // $_; "a_$_ $t, b_$_ $t" } @types) . '); GRANT USAGE ON SCHEMA s TO app; GRANT ALL ON s.t TO app');
	foreach my $t (@types)
	{
		my $values = join(', ', map { '((' . $_ . ')::' . ($type_of{$t} // $t) . ')' } @{ $awkward{$t} });
		$node->safe_psql($database,
			"SET tenant_guard.bypass = on; SET timezone = 'Asia/Tokyo'; INSERT INTO s.t (id, tenant_id, a_$t, b_$t) "
			  . "SELECT 0, '$TENANT_B', v.x, w.x FROM (VALUES $values) v(x), (VALUES $values) w(x)");
	}
	$node->safe_psql($database, "SET tenant_guard.bypass = on; INSERT INTO s.t (id, tenant_id) VALUES (1, '$TENANT_A'); ANALYZE s.t");
	return;
}

# calls(arguments, condition): calls of a function with columns in each place that its condition leaves open.
sub calls
{
	my ($function, $condition, @arguments) = @_;
	my @choices = map { $stands_for{$_} // [$_] } @arguments;
	my @calls;

	return ("$function()") unless @arguments;
	return map { "$function(a_$arguments[0], $_)" } ("'%C_NARY%'", "'a\\\\b%'", "''", 'NULL') if $condition =~ /LIKE|pattern/;
	return map { ($arguments[0] eq 'timestamp' ? "$function(localtimestamp" : "$function(now()::$arguments[0]") . ", $_)" } ($arguments[1] eq 'int4' ? ('365000', '-365000') : ("'999 years'", "'-999 years -365000 days'"))
	  if $condition =~ /interval/;
	return map { ("$function(a_jsonb, ${_}::jsonb)", "$function(${_}::jsonb, a_jsonb)") } ("'{\"k\": \"CANARY\"}'", "'" . '{"k":' x 40 . '1' . '}' x 40 . "'", 'NULL')
	  if $condition =~ /jsonb/;
	if ($condition =~ /tsquery/)
	{
		my @queries = ("'!CANARY <-> (a | b:*AD) & c'", "'" . '!(' x 90 . 'a' . ')' x 90 . "'", 'NULL');

		return map { $arguments[0] eq 'tsquery' ? "$function(${_}::tsquery, a_tsvector)" : "$function(a_tsvector, ${_}::tsquery)" } @queries;
	}
	foreach my $i (0 .. $#{ $choices[0] })
	{
		my @types = map { $_->[ $#$_ ? $i : 0 ] } @choices;

		push @calls, @types == 1 ? "$function(a_$types[0])" : "$function(a_$types[0], " . ($function =~ /extract_path/ ? 'VARIADIC ' : '') . "b_$types[1])";
	}
	return @calls;
}

my $as_a = "SET max_parallel_workers_per_gather = 0; BEGIN; SELECT FROM tenant_guard.set_tenant('$TENANT_A'); ";

foreach my $database (sort keys %encodings)
{
	set_up($database);
	my @listed = map { [ split /\|/ ] } split /\n/, $node->safe_psql($database, <<'SQL');
SELECT p.proname, coalesce(f.condition, ''), array_to_string(array(
	SELECT t.typname FROM unnest(p.proargtypes) WITH ORDINALITY a(o, n) JOIN pg_type t ON t.oid = a.o ORDER BY n), ' ')
FROM tenant_guard_internal.trusted_built_ins() f JOIN pg_proc p ON p.oid = f.function ORDER BY 1, 3
SQL
	cmp_ok(scalar @listed, '>', 190, "$database: the list is read");

	my (@filters, @talked, @barred);
	foreach my $entry (@listed)
	{
		my ($name, $condition, $arguments) = @$entry;

		# of the tenant's own row, which is all nulls, the answer is null, but for what does not depend on it
		push @filters, map { /\b[ab]_/ ? "($_) IS NULL" : "($_) IS NOT NULL" } calls("pg_catalog.$name", $condition, split ' ', $arguments // '')
		  unless $condition =~ /transition/;
	}
	my $script = $as_a;
	foreach my $zone ('Pacific/Kiritimati', 'Pacific/Pago_Pago')
	{
		$script .= "SET LOCAL timezone = '$zone';\n";
		$script .= "\\echo #\nSAVEPOINT s; SELECT id FROM s.t WHERE $_; ROLLBACK TO s;\n" foreach @filters;
	}
	$script .= "\\echo #\nEXPLAIN SELECT id FROM s.t WHERE $_;\n" foreach @filters;
	my $file = PostgreSQL::Test::Utils::tempdir() . '/calls.sql';
	append_to_file($file, "$script COMMIT");
	my (undef, @said) = split /(?:^|; )#(?:; |$)/, says($node, $database, 'app', "\\i $file");
	is(scalar @said, 3 * @filters, "$database: every call was made");
	foreach my $i (0 .. $#filters)
	{
		my ($east, $west, $plan) = @said[ $i, $i + @filters, $i + 2 * @filters ];

		push @talked, "$filters[$i]: $east, $west" if $east ne '1' || $west ne '1';
		push @barred, $filters[$i] if $plan !~ /Tenant Filter( on [^:]+)?: trusted/;
	}
	is(join("\n", @talked), '', "$database: none of them says a word");
	my $all = "SET tenant_guard.bypass = on; SET row_security = off; SET timezone = 'Pacific/Kiritimati';\n";
	$all .= "\\echo #\nSELECT count($_) < 0 FROM s.t;\n" foreach @filters;
	append_to_file("$file.all", $all);
	my (undef, @of_all) = split /(?:^|; )#(?:; |$)/, superuser_says($node, $database, "\\i $file.all");
	is(join("\n", map { "$filters[$_]: $of_all[$_]" } grep { $of_all[$_] ne 'f' } 0 .. $#filters), '', "$database: nor on rows of all tenants");
	is(join("\n", @barred), '', "$database: and all are trusted");
	cmp_ok(scalar @filters, '>', 200, "$database: of as many as there should be");
}

# What the test is worth: it hears what does talk, and what would in another call.
foreach my $talker ('int8inc(a_int8) > 0', "to_date(a_text, 'YYYY') > 'today'", '1 / a_int4 > 0', 'a_numeric / 0 > 1', "a_text LIKE 'CANARY\\'", 'a_text::int > 0')
{
	like(says($node, 'utf8', 'app', "${as_a}EXPLAIN SELECT id FROM s.t WHERE $talker; COMMIT"), qr/behind the barrier/, "not trusted: $talker");
	is(says($node, 'utf8', 'app', "${as_a}SELECT id FROM s.t WHERE $talker; COMMIT"), '', "and silent: $talker");
	like(superuser_says($node, 'utf8', "SET tenant_guard.bypass = on; SET row_security = off; SELECT id FROM s.t WHERE $talker"), qr/^ERROR/, "but not without a barrier: $talker");
}

# --- An OID that is not what the list thinks ---------------------------------------------------------------------------

my $like = "${as_a}EXPLAIN SELECT FROM s.t WHERE a_text LIKE 'a%'; COMMIT";
like(says($node, 'utf8', 'app', $like), qr/: trusted/, 'LIKE is trusted');
foreach my $change ([ "prosrc = 'textnlike'", "prosrc = 'textlike'" ], [ "proname = 'like_text'", "proname = 'textlike'" ],
	[ "proargtypes = '25 19'", "proargtypes = '25 25'" ], [ "provolatile = 'v'", "provolatile = 'i'" ], [ 'prosecdef = true', 'prosecdef = false' ],
	[ "proowner = 'app'::regrole", 'proowner = 10' ])
{
	superuser_says($node, 'utf8', "SET allow_system_table_mods = on; UPDATE pg_proc SET $change->[0] WHERE oid = 850");
	like(says($node, 'utf8', 'app', $like), qr/behind the barrier/, "not if $change->[0]");
	superuser_says($node, 'utf8', "SET allow_system_table_mods = on; UPDATE pg_proc SET $change->[1] WHERE oid = 850");
}
like(says($node, 'utf8', 'app', $like), qr/: trusted/, 'LIKE is trusted again');

$node->stop;
done_testing();
