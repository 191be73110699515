# The pages of docs/reference/, and docs/compatibility.md, list what the catalogs and the sources have, no more and no less; every name in the schema
# tenant_guard that a page uses exists; and the first screen of README.md does what its comments say.

use strict;
use warnings;

use File::Find;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

sub page
{
	my ($name) = @_;

	return slurp_file($name);
}

# A difference shows as the entries that only one side has.
sub same_entries
{
	my ($documented, $present, $what) = @_;
	my (%documented, %present, @differences);

	$present{$_} = 1 for @$present;
	for (@$documented)
	{
		push @differences, "only in the page: $_" if !$present{$_};
		push @differences, "twice in the page: $_" if $documented{$_}++;
	}
	push @differences, map { "not in the page: $_" } grep { !$documented{$_} } keys %present;
	is(join("\n", sort @differences), '', $what);
	cmp_ok(scalar keys %present, '>', 0, "$what: there are some");
}

my $node = PostgreSQL::Test::Cluster->new('documentation');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'tenant_guard'");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION tenant_guard');

sub rows
{
	my ($sql) = @_;

	return split(/\n/, $node->safe_psql('postgres', $sql));
}

# ----------------------------------------------------------------
# settings.md: "### `name` (`type`)", then "Values: `a`, `b`. Default: `a`. Set by: superusers."

my %type_name = (bool => 'boolean', enum => 'enum', integer => 'integer', real => 'floating point', string => 'string');
my (@documented, @present, $entry);

for (split /\n/, page('docs/reference/settings.md'))
{
	$entry = "$1 ($2)" if /^### `(tenant_guard\.\w+)` \(`([\w ]+)`\)$/;
	push @documented, "$entry: $_" if /^(Values: .*)?Default: `/;
}
for (rows(q{SELECT name, vartype, COALESCE(array_to_string(enumvals, ','), ''), COALESCE(boot_val, ''), context
			FROM pg_settings WHERE name ~ '^tenant_guard\.'}))
{
	my ($name, $type, $values, $default, $context) = split(/\|/, $_, -1);

	$values = $default eq 'on' ? 'on,off' : 'off,on' if $type eq 'bool';
	$values = join(', ', map { "`$_`" } split(/,/, $values));
	$default = "''" if $default eq '';
	push @present, "$name ($type_name{$type}): " . ($values ? "Values: $values. " : '') . "Default: `$default`. Set by: " .
		($context eq 'user' ? 'everyone.' : $context eq 'superuser' ? 'superusers.' : $context eq 'postmaster' ? '`postgresql.conf`, read when the library is loaded.' : "$context.");
}
same_entries(\@documented, \@present, 'settings.md: names, types, values, defaults and contexts');

# ----------------------------------------------------------------
# functions.md: "tenant_guard.name(arguments) → result", of a procedure "CALL tenant_guard.name(arguments)", then "Execute privilege: PUBLIC." or "superusers."

sub without_casts
{
	my ($default) = @_;

	$default =~ s/::\w+( with(out)? time zone)?(\[\])?//g;
	return $default;
}

my ($functions, $internal) = split(/^## Internal function$/m, page('docs/reference/functions.md'));
(@documented, @present) = ();
for (split /\n/, $functions)
{
	push @$entry, $_ if /^tenant_guard\.\w+\(.*\) → |^CALL tenant_guard\.\w+\(.*\)$/;
	$entry = [] if /^#/;
	push @documented, map { "$_ for $1" } @$entry if /^Execute privilege: (PUBLIC|superusers)\./;
}
my @internal = ($internal // '') =~ /^\| `(\w+)` \|/mg;
for (rows(q{
	SELECT p.proname, p.prokind, EXISTS (SELECT FROM aclexplode(COALESCE(p.proacl, acldefault('f', p.proowner))) e WHERE e.grantee = 0), p.proretset,
		   pg_get_function_result(p.oid),
		   (SELECT string_agg(concat_ws('~', COALESCE(p.proargmodes[n]::text, 'i'), p.proargnames[n], format_type(t, NULL),
										pg_get_function_arg_default(p.oid, n::int)), '^' ORDER BY n)
			FROM unnest(COALESCE(p.proallargtypes, p.proargtypes::oid[])) WITH ORDINALITY AS a (t, n))
	FROM pg_proc p
	WHERE p.pronamespace = 'tenant_guard'::regnamespace}))
{
	my ($name, $kind, $public, $set, $result, $arguments) = split(/\|/, $_, -1);
	my (@in, @out);

	if (grep { $_ eq $name } @internal) { push @present, $name; next; }
	for my $argument (split /\^/, $arguments)
	{
		my ($mode, $argument_name, $type, $default) = split(/~/, $argument);

		push @in, "$argument_name $type" . (defined $default ? ' DEFAULT ' . without_casts($default) : '') if $mode =~ /[ib]/;
		push @out, "$argument_name $type" if $mode =~ /[obt]/;
	}
	$result = ($set eq 't' ? 'setof ' : '') . '(' . join(', ', @out) . ')' if @out;
	push @present, ($kind eq 'p' ? 'CALL ' : '') . "tenant_guard.$name(" . join(', ', @in) . ')' . ($kind eq 'p' ? '' : " → $result") . ' for ' . ($public eq 't' ? 'PUBLIC' : 'superusers');
}
my %seen;
same_entries([ @documented, @internal ], [ grep { !$seen{$_}++ } @present ], 'functions.md: names, arguments, defaults, results and privileges');

# ----------------------------------------------------------------
# views.md: "## `tenant_guard.name`", then "| `column` | type | ..." for each column, in their order

my ($view, $number);

(@documented, @present) = ();
for (split /\n/, page('docs/reference/views.md'))
{
	($view, $number) = ($1, 0) if /^## `tenant_guard\.(\w+)`$/;
	push @documented, "$view " . ++$number . " $1 $2" if /^\| `(\w+)` \| `([\w ]+)` \|/;
}
@present = rows(q{SELECT concat_ws(' ', c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod))
	FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
	WHERE c.relnamespace = 'tenant_guard'::regnamespace AND c.relkind = 'v' AND a.attnum > 0});
same_entries(\@documented, \@present, 'views.md: views, columns, their order and types');

# ----------------------------------------------------------------
# errors.md: "## TG001" for each SQLSTATE of src/base/refusal.h, and "| `message` |" for each refusal that has it, with an
# ellipsis in the place of what varies

my (%condition, $state, @said);

for (split /\n/, page('src/base/refusal.h'))
{
	$condition{$1} = "$2$3$4$5$6" if /^#define (ERRCODE_\w+)\s+MAKE_SQLSTATE\('(\w)','(\w)','(\w)','(\w)','(\w)'\)/;
}
my $errors = page('docs/reference/errors.md');
same_entries([ $errors =~ /^## (TG\d\d\d)\b/mg ], [ values %condition ], 'errors.md: SQLSTATEs');
@documented = ();
for (split /\n/, $errors)
{
	$state = $1 if /^## (\w+)/;
	my ($message) = /^\| `(.+?)` \|/;

	next if !$state || !defined $message;
	push @said, $message;
	push @documented, "$state $message" if $state =~ /^TG/;
}
my @sources;
find({ wanted => sub { push @sources, $_ if /\.c$/ }, no_chdir => 1 }, 'src');
my %message;
my $text = '(?:INT64_FORMAT\s*)?"(?:[^"\\\\]|\\\\.)*"';
for my $source (map { slurp_file($_) } sort @sources)
{
	while ($source =~ /\b(ERRCODE_\w+)\)?,\s*(?:errmsg\(|psprintf\()?($text)/g)
	{
		my ($code, $said) = ($1, $2);

		next if !$condition{$code};
		$said =~ s/INT64_FORMAT\s*/%/;
		$said =~ s/^%"/"%/;
		$said =~ s/^"|"$//g;
		$said =~ s/\\"/"/g;
		$said =~ s/%[sdu]?/…/g;
		$message{"$condition{$code} $said"} = 1;
	}
}
my %written;
@written{@documented} = ();
is(join("\n", sort grep { !exists $written{$_} } keys %message), '', 'errors.md: no refusal is missing');
# what a refusal takes from a function of its own cannot be found above, but its text is somewhere
my $all = join('', map { slurp_file($_) } @sources);
$all =~ s/\\"/"/g;
sub is_invented
{
	my ($said) = @_;
	my $pattern = join('(?:%[sdu]|"\s*INT64_FORMAT\s*"|)', map { quotemeta } split(/…/, $said, -1));

	return $all !~ /$pattern/;
}
is(join("\n", grep { is_invented($_) } sort @said), '', 'errors.md: no message is invented');
cmp_ok(scalar keys %message, '>', 30, 'errors.md: refusals were found');

# ----------------------------------------------------------------
# audit-rules.md: "| `rule` | level, level | ..." for each rule that a function of the extension returns. A rule is a query that
# begins in the first column, SELECT 'rule', level, ...; where the level is an expression, its constants are in the query, or in
# "loose".

my (%rule, %returned);

for (split /\n/, page('docs/reference/audit-rules.md'))
{
	next if !/^\| `([a-z_]+)` \| ([a-z, ]+) \|/;
	$rule{"twice: $1"} = 1 if $rule{$1};
	$rule{$1} = join(', ', sort split(/, /, $2));
}
my $bodies = $node->safe_psql('postgres',
	q{SELECT string_agg(f.prosrc, E'\n')
	  FROM pg_proc f WHERE f.prorettype = 'tenant_guard_internal.finding'::regtype AND f.proname <> 'findings'});
$bodies =~ s/--[^\n]*//g;
for my $query (split /^(?=SELECT\b)/m, $bodies)
{
	my @names = $query =~ /^SELECT\s+(?:DISTINCT\s+(?:ON\s*\([^)]*\)\s+)?)?'([a-z_]+)',/;

	@names = $query =~ /\binvariant\s*=\s*'([a-z_]+)'/g if $query =~ /^SELECT\s+\w+\.invariant,/;
	$query =~ s/^WITH\b.*//ms;    # of the next function
	for my $name (@names)
	{
		$returned{$name}{$1} = 1 while $query =~ /'(error|warning|info)'/g;
		if ($query =~ /\bl\.level\b/) { $returned{$name}{$_} = 1 for qw(error warning info); }
	}
}
same_entries([ map { "$_: $rule{$_}" } keys %rule ], [ map { "$_: " . join(', ', sort keys %{ $returned{$_} }) } keys %returned ],
	'audit-rules.md: rules and their levels');
cmp_ok(scalar keys %returned, '>', 40, 'audit-rules.md: rules were found');

# The rules that audit() knows by name, each with its most severe level.
sub most_severe { return (grep { $_[0]->{$_} } qw(error warning info))[0]; }
same_entries([ map { "$_: " . most_severe($returned{$_}) } keys %returned ],
	[ rows(q{SELECT rule || ': ' || level FROM tenant_guard_internal.audit_rules}) ], 'audit(): the names of rules and their most severe levels');

# ----------------------------------------------------------------
# compatibility.md: "| `name` | ... | mark |" for each name that others can refer to, under the heading of its kind

my (%listed, %named, @unmarked, $kind);

for (split /\n/, page('docs/compatibility.md'))
{
	$kind = $1 if /^## (.*)/;
	next if !/^\| `(.+?)` \|(?: (.+?) \|)?? ([^|]+) \|$/;
	my ($name, $rest, $mark) = ($1, $2, $3);

	push @unmarked, $_ if $mark !~ /^(stable|may change)$/;
	$rest =~ s/`//g if defined $rest;
	push @{ $listed{$kind} }, defined $rest ? "$name: $rest" : $name;
	push @{ $named{$kind} }, $name;
}
is(join("\n", @unmarked), '', 'compatibility.md: each name is marked');

my $members = q{FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
		CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) o
	WHERE e.extname = 'tenant_guard'};
same_entries($listed{Schemas}, [ rows("SELECT o.name $members AND o.type = 'schema'") ], 'compatibility.md: schemas');
same_entries($listed{'Views and types'}, [ rows("SELECT o.name || ': ' || o.type $members AND o.schema = 'tenant_guard' AND o.type NOT IN ('function', 'procedure')") ],
	'compatibility.md: views and types');
same_entries($listed{Functions}, [ rows(q{
	SELECT format('%s(%s): %s', proname, oidvectortypes(proargtypes),
				  concat_ws(', ', CASE provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END, CASE WHEN proisstrict THEN 'strict' END,
							'parallel ' || CASE proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END, CASE WHEN proleakproof THEN 'leakproof' END))
	FROM pg_proc WHERE pronamespace = 'tenant_guard'::regnamespace}) ], 'compatibility.md: functions and how they are declared');
same_entries($listed{Settings}, [ 'tenant_guard.token', rows(q{SELECT name FROM pg_settings WHERE name ~ '^tenant_guard\.'}) ], 'compatibility.md: settings');

my @codes = map { "$condition{$_}: " . lc(s/^ERRCODE_//r) } keys %condition;
same_entries($listed{SQLSTATEs}, \@codes, 'compatibility.md: SQLSTATEs and the names of their conditions');
same_entries([ map { join(': ', /^\[(TG\d\d\d)\]\(\S+\) \| `(\w+)`/) } $errors =~ /^\| (\[TG.*)/mg ], \@codes, 'errors.md: the names of conditions');

sub in_source
{
	my ($file, $pattern) = @_;

	return page($file) =~ /$pattern/mg;
}
same_entries($named{'Labels'}, [ in_source('src/base/label.c', '^\t\[(?:LABEL|KEY)_\w+\] = "(\w+)"') ], 'compatibility.md: words and keys of labels');
same_entries($named{'What is made beside tables'},
	[ in_source('src/guard/guard_policy.h', '^#define \w+_POLICY\s+"(\w+)"'), in_source('src/guard/not_null.h', '^#define NOT_NULL_CHECK\s+"(\w+)"'),
	  (map { "${_}_…" } in_source('src/foreign_keys/reference_trigger.c', '^\t\t"(\w*tenant_\w+)",')),
	  (map { ("…_$_", "fk_${_}_…") } in_source('src/foreign_keys/framework_key.c', 'number == 0 \? "(\w+)"')),
	  rows("SELECT o.name $members AND o.type = 'event trigger'") ],
	'compatibility.md: policies, constraints, triggers and companions');
my ($comment) = in_source('src/foreign_keys/key_index.c', q{COMMENT ON INDEX %s IS '(.*?)'});
like(page('docs/compatibility.md'), qr/`\Q$comment\E`/, 'compatibility.md: the comment of indexes');

my %logged;
for my $source (map { slurp_file($_) } @sources)
{
	$logged{$1} = 1 while $source =~ /LOG_SERVER_ONLY,\s*\(errmsg\("tenant_guard: ((?:[^"\\]|\\.)*)"/g;
	$logged{$1} = 1 while $source =~ /\bline = psprintf\("((?:[^"\\]|\\.)*)"/g;
}
$logged{ s/%/%s/gr } = 1 for in_source('script/83-prove/50-prove.sql', q{RAISE LOG 'tenant_guard: (.*?)'});
delete $logged{'%s'};    # the line of a bypass, which is made before
same_entries($named{'Log lines'}, [ map { s/\\"/"/gr =~ s/%s/…/gr } keys %logged ], 'compatibility.md: lines of the server log');

same_entries($named{'EXPLAIN'},
	[ in_source('src/planner/explain_filters.c', '^#define LABEL "(.*)"'), in_source('src/planner/security_barrier.c', '^#define (?:TRUSTED|FEW_ROWS)\s+"(.*)"'),
	  do { my %reason = map { $_ => 1 } in_source('src/planner/security_barrier.c', '"(behind [\w ]+): '); keys %reason } ],
	'compatibility.md: lines of EXPLAIN');

# ----------------------------------------------------------------
# A page that says tenant_guard.x speaks of a setting, a function or a view; one that says tenant_guard_internal.x of a function.

my %known = map { $_ => 1 } 'control', 'c', 'h', 'x', 'so', 'token',    # which pg_settings does not list
	rows(q{SELECT substr(name, 14) FROM pg_settings WHERE name ~ '^tenant_guard\.'
		UNION SELECT proname FROM pg_proc WHERE pronamespace = 'tenant_guard'::regnamespace
		UNION SELECT 'tenant_guard_internal.' || proname FROM pg_proc WHERE pronamespace = 'tenant_guard_internal'::regnamespace
		UNION SELECT relname FROM pg_class WHERE relnamespace = 'tenant_guard'::regnamespace});
my (@pages, @unknown);
find({ wanted => sub { push @pages, $_ if /\.md$/ }, no_chdir => 1 }, 'docs');
for my $page ('README.md', 'SECURITY.md', 'CONTRIBUTING.md', sort @pages)
{
	my $words = page($page);

	while ($words =~ /\btenant_guard\.([a-z_]+)/g) { push @unknown, "$page: tenant_guard.$1" if !$known{$1}; }
	while ($words =~ /\b(tenant_guard_internal\.[a-z_]+)/g) { push @unknown, "$page: $1" if !$known{$1}; }
}
is(join("\n", @unknown), '', 'pages: what stands behind tenant_guard. exists');

# ----------------------------------------------------------------
# README.md: its first block of SQL, in an empty database

my ($screen) = page('README.md') =~ /^```sql\n(.*?)^```/ms;
my $said = '';

$node->safe_psql('postgres', 'CREATE DATABASE first_screen');
IPC::Run::run([ $node->installed_command('psql'), '-XAtq', '-f', '-', '-d', $node->connstr('first_screen') ], '<', \$screen, '>', \$said, '2>&1');
$said =~ s/^psql:<stdin>:\d+: //mg;
$said =~ s/^(DETAIL|HINT|LINE \d+|\s+\^).*\n//mg;
is($said, <<'END', 'README.md: the first screen');
NOTICE:  table public.orders is now guarded by tenant column "tenant_id"
ERROR:  no tenant is set
7f1c9d0e-6f0e-4f6b-9a53-2f6c0f3f8a11
7f1c9d0e-6f0e-4f6b-9a53-2f6c0f3f8a11
0d9f6a52-3c1b-4e0d-8a57-5b1f0c7e9d22
0
ERROR:  new row violates row-level security policy "tenant_isolation" for table "orders"
ERROR:  access to table public.orders would bypass the isolation of tenants
ERROR:  this statement would weaken the isolation of tenants in table public.orders
END
done_testing();
