# ALTER EXTENSION ... UPDATE: after it the catalogs have of the extension what a fresh installation has, from each version that was ever
# released, and guards, labels and rows are what they were. What the update lacks shows: of a release that is made up here, each statement
# of the script that updates from it is left out in turn.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TenantGuard;

my $tree = "$FindBin::RealBin/../..";
my %own = link_installation();
my ($now) = slurp_file("$own{extension}/tenant_guard.control") =~ /^default_version = '(.*)'/m;
my $script = slurp_file("$own{extension}/tenant_guard--$now.sql");
my $dir = PostgreSQL::Test::Utils::tempdir();

my $node = PostgreSQL::Test::Cluster->new('update', install_path => $own{root});
$node->init($ENV{INITDB_TEMPLATE} && $node->pg_version >= 17 ? () : (extra => [ '-E', 'UTF8', '--no-locale' ]));
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'tenant_guard'");
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE app LOGIN; CREATE DATABASE fresh');
$node->safe_psql('fresh', 'CREATE EXTENSION tenant_guard');

sub write_file
{
	my ($name, $text) = @_;

	unlink $name;    # where it is a link
	append_to_file($name, $text);
	return;
}

# --- What the catalogs have of the extension -------------------------------------------------------------------------

# A line for each member, with all that it is; for each dependency of one; and for each privilege, also of those that pg_dump takes for
# the extension's own.
my $catalogs = <<'SQL';
SET search_path = pg_catalog;
WITH member AS (
SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS name
FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
WHERE e.extname = 'tenant_guard' AND d.deptype = 'e'
), described (name, what, value) AS (
SELECT m.name, 'function' AS what, pg_get_functiondef(f.oid) || concat_ws(' ', f.prosupport, f.procost, f.prorows, f.probin) AS value
FROM member m JOIN pg_proc f ON m.classid = 'pg_proc'::regclass AND f.oid = m.objid
UNION ALL
SELECT m.name, 'view', concat_ws(' ', c.relkind, c.reloptions::text, pg_get_viewdef(c.oid))
FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid WHERE c.relkind = 'v'
UNION ALL
SELECT m.name, 'relation', concat_ws(' ', c.relkind, c.relpersistence, c.reloptions::text, c.relrowsecurity, c.relforcerowsecurity,
			array_position(e.extconfig, c.oid), e.extcondition[array_position(e.extconfig, c.oid)])
FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid JOIN pg_extension e ON e.extname = 'tenant_guard'
UNION ALL
SELECT m.name, 'column ' || a.attname, concat_ws(' ', a.attnum, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(v.adbin, v.adrelid), col_description(c.oid, a.attnum))
FROM member m LEFT JOIN pg_type t ON m.classid = 'pg_type'::regclass AND t.oid = m.objid
	 JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid OR t.typrelid = c.oid
	 JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
	 LEFT JOIN pg_attrdef v ON v.adrelid = c.oid AND v.adnum = a.attnum
UNION ALL
SELECT m.name, 'index or constraint', x.definition
FROM member m JOIN LATERAL (SELECT pg_get_indexdef(i.indexrelid) AS definition FROM pg_index i WHERE i.indrelid = m.objid
							UNION ALL SELECT k.conname || ' ' || pg_get_constraintdef(k.oid) FROM pg_constraint k WHERE k.conrelid = m.objid
							UNION ALL SELECT pg_get_triggerdef(g.oid) FROM pg_trigger g WHERE g.tgrelid = m.objid AND NOT g.tgisinternal) x ON m.classid = 'pg_class'::regclass
UNION ALL
SELECT m.name, 'event trigger', concat_ws(' ', t.evtevent, t.evtenabled, t.evttags::text, t.evtfoid::regprocedure)
FROM member m JOIN pg_event_trigger t ON m.classid = 'pg_event_trigger'::regclass AND t.oid = m.objid
UNION ALL
SELECT m.name, 'comment', s.description FROM member m JOIN pg_description s ON s.classoid = m.classid AND s.objoid = m.objid AND s.objsubid = 0
UNION ALL
SELECT m.name, 'label', s.label FROM member m JOIN pg_seclabel s ON s.classoid = m.classid AND s.objoid = m.objid
UNION ALL
SELECT m.name, 'privilege', concat_ws(' ', o.kind, e.grantee::regrole, e.privilege_type, e.is_grantable)
FROM member m
	 JOIN LATERAL (SELECT 'now', COALESCE(f.proacl, acldefault('f', f.proowner)) FROM pg_proc f WHERE m.classid = 'pg_proc'::regclass AND f.oid = m.objid
				   UNION ALL SELECT 'now', COALESCE(c.relacl, acldefault('r', c.relowner)) FROM pg_class c WHERE m.classid = 'pg_class'::regclass AND c.oid = m.objid
				   UNION ALL SELECT 'now', COALESCE(n.nspacl, acldefault('n', n.nspowner)) FROM pg_namespace n WHERE m.classid = 'pg_namespace'::regclass AND n.oid = m.objid
				   UNION ALL SELECT 'now', COALESCE(t.typacl, acldefault('T', t.typowner)) FROM pg_type t WHERE m.classid = 'pg_type'::regclass AND t.oid = m.objid
				   UNION ALL SELECT 'initial ' || i.objsubid, i.initprivs FROM pg_init_privs i WHERE i.classoid = m.classid AND i.objoid = m.objid) o (kind, acl) ON true
	 CROSS JOIN LATERAL aclexplode(o.acl) e
UNION ALL
SELECT m.name, 'needs', concat_ws(' ', d.deptype, d.objsubid, d.refobjsubid, pg_describe_object(d.refclassid, d.refobjid, 0))
FROM member m JOIN pg_depend d ON d.classid = m.classid AND d.objid = m.objid
UNION ALL
SELECT 'extension', 'itself', concat_ws(' ', e.extversion, e.extnamespace::regnamespace, e.extrelocatable, cardinality(e.extconfig)) FROM pg_extension e WHERE e.extname = 'tenant_guard'
)
SELECT DISTINCT name || ' ' || what || ' ' || to_json(value) FROM described;
SQL

# What only one of the two has; nothing when they are the same.
sub difference
{
	my ($database, $with) = @_;
	my (%lines, %other);

	$lines{$_} = 1 foreach split /\n/, $node->safe_psql($database, $catalogs);
	$other{$_} = 1 foreach split /\n/, $node->safe_psql($with, $catalogs);
	return join("\n", map({ "- $_" } sort grep { !$other{$_} } keys %lines), map({ "+ $_" } sort grep { !$lines{$_} } keys %other));
}
cmp_ok(scalar(split /\n/, $node->safe_psql('fresh', $catalogs)), '>', 1000, 'the catalogs have something of the extension');

# --- What users have -------------------------------------------------------------------------------------------------

# The dump of a database, without what is random in it.
sub dump_of
{
	my ($database) = @_;

	unlink "$dir/dump";
	$node->command_ok([ 'pg_dump', '-f', "$dir/dump", '-d', $node->connstr($database) ], "$database can be dumped");
	return slurp_file("$dir/dump") =~ s/^\\(un)?restrict .*\n//mgr;
}

my $guards = 'SELECT * FROM tenant_guard.tables_and_partitions ORDER BY relation::text COLLATE "C"';
my $findings = q{SELECT rule, object, level FROM tenant_guard.audit() WHERE level IN ('error', 'accepted') AND object !~ '^(database|role) ' ORDER BY rule, object};
my $seen = "BEGIN; SELECT tenant_guard.set_tenant('$TENANT_B'); SELECT (SELECT count(*) FROM customers), (SELECT count(*) FROM events), (SELECT count(*) FROM templates), (SELECT count(*) FROM order_lines);";

# guards_hold(database, how)
sub guards_hold
{
	my ($database, $how) = @_;

	is(says($node, $database, 'app', 'SELECT count(*) FROM customers;'), 'ERROR TG001', "$how: no tenant, no rows");
	is(says($node, $database, 'app', $seen), "$TENANT_B; 2|2|1|1", "$how: a tenant sees its own rows");
	is(says($node, $database, 'app', "BEGIN; SET LOCAL tenant_guard.tenant_id = '$TENANT_A'; INSERT INTO customers VALUES (7, '$TENANT_B');"), 'ERROR 42501', "$how: and writes no other's");
	is(says($node, $database, 'app', "BEGIN; SET LOCAL tenant_guard.tenant_id = '$TENANT_A'; INSERT INTO payments (id, invoice_id) VALUES (7, 2);"), 'ERROR 23503', "$how: nor references one");
	is(superuser_says($node, $database, 'SELECT count(*) FROM orders; DROP POLICY tenant_isolation ON orders; CREATE TABLE later (tenant_id uuid); DROP TABLE later;'),
		'ERROR TG003; ERROR TG005; NOTICE 00000', "$how: nobody bypasses by accident, and the event triggers are there");
	return;
}

# Objects of an older version with the library of this one: guards work until the update is run, and after it as they did before.
sub check_update
{
	my ($database, $version, $how) = @_;
	my ($tables, $found, $dump);

	fill_with_guards($node, $database);
	guards_hold($database, "$how, with this library");
	($tables, $found, $dump) = ($node->safe_psql($database, $guards), $node->safe_psql($database, $findings), dump_of($database));
	set_version($database, $version);
	is(superuser_says($node, $database, 'ALTER EXTENSION tenant_guard UPDATE;'), '', "$how: it is updated");
	is($node->safe_psql($database, 'SELECT version, library_version FROM tenant_guard.status'), "$now|$now", "$how: to this version");
	is(difference($database, 'fresh'), '', "$how: the catalogs are those of a fresh installation");
	guards_hold($database, "$how, updated");
	is($node->safe_psql($database, $guards), $tables, "$how: each table is guarded, shared or neither as it was");
	is($node->safe_psql($database, $findings), $found, "$how: audit() finds what it found");
	ok(dump_of($database) eq $dump, "$how: a dump is what it was");
	is($node->safe_psql($database, 'SELECT relation, probe, detail FROM tenant_guard.prove() WHERE NOT ok'), '', "$how: prove() breaks nothing");

	$node->safe_psql('postgres', "CREATE DATABASE ${database}_restored");
	$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/dump", '-d', $node->connstr("${database}_restored") ], "$how: the dump can be restored");
	ok(dump_of("${database}_restored") eq $dump, "$how: a dump of that is the same again");
	return;
}

# What the library takes the objects for.
sub set_version
{
	my ($database, $version) = @_;

	$node->safe_psql($database, "UPDATE pg_extension SET extversion = '$version' WHERE extname = 'tenant_guard'");
	return;
}

# make_version(database, version, script): with a script of that version, which wants the library of its own.
sub make_version
{
	my ($database, $version, $text) = @_;

	$text =~ s/IF tenant_guard\.library_version\(\) <> version THEN/IF false THEN/ or die "the script of version $version does not ask for the library's version";
	write_file("$own{extension}/tenant_guard--$version.sql", $text);
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, "CREATE EXTENSION tenant_guard VERSION '$version'");
	return;
}

# --- A release that is made up ---------------------------------------------------------------------------------------

# What it has otherwise than this one: a body, a column less, a comment, privileges less and more, what is gone, other arguments, ...
my ($before, $older) = ('0.0.1', $script);
my @changes = (
	[ qr/^CREATE FUNCTION reopen_finding.*?^REVOKE ALL ON FUNCTION reopen_finding[^\n]*\n/ms => '' ],
	[ qr/^COMMENT ON COLUMN accepted_findings\.detail [^\n]*\n/m => '' ],
	[ qr/a\.until, f\.detail(?=\nFROM tenant_guard_internal\.acceptances_in_place)/ => 'a.until' ],
	[ qr/(?=^SELECT s\.label FROM pg_seclabel s WHERE)/m => "-- older\n" ],
	[ qr/(?<=FUNCTION tenant_guard_internal\.label_without\(label text, rule text), object text\)/ => ')' ],
	[ qr/(?<=FUNCTION tenant_guard_internal\.label_without\(text, text), text\)/ => ')' ],
	[ qr/(?<=^COMMENT ON FUNCTION guarded\(\) IS ')/m => 'older: ' ],
	[ qr/^REVOKE ALL ON FUNCTION library_version\(\) [^\n]*\n/m => '' ],
	[ qr/(?=^-- A session that has loaded another library)/m => "CREATE FUNCTION gone(a int, OUT b int) LANGUAGE sql AS 'SELECT 1';\nCREATE TYPE tenant_guard_internal.gone AS (a int);\n" ],
	[ qr/^GRANT SELECT ON tenant_guard_internal\.audit_rules TO PUBLIC;\n/m => '' ],
	[ qr/(?=^GRANT USAGE ON SCHEMA tenant_guard_internal TO pg_monitor;)/m => "GRANT EXECUTE ON FUNCTION tenant_guard.prove TO pg_monitor;\n" ],
	[ qr/^ALTER EVENT TRIGGER tenant_guard_ddl_command_end ENABLE ALWAYS;\n/m => '' ],
	[ qr/(?<=^CREATE FUNCTION library_preloaded\(\) RETURNS boolean\nLANGUAGE C) STABLE/m => ' VOLATILE' ]);
foreach my $change (@changes)
{
	my ($pattern, $with) = @$change;

	is($older =~ s/$pattern/$with/, 1, "the older script differs in $pattern");
}
my $by_hand = <<'SQL';
DROP FUNCTION gone(int);
DROP TYPE tenant_guard_internal.gone;
DROP FUNCTION tenant_guard_internal.label_without(text, text);
REVOKE EXECUTE ON FUNCTION prove FROM pg_monitor;
SQL

# update_script(by hand): what script/update_sql.pl makes, or says.
write_file("$dir/tenant_guard--$before.sql", $older);
write_file("$dir/tenant_guard--$now.sql", $script);
sub update_script
{
	my ($text) = @_;
	my ($out, $err) = ('', '');

	write_file("$dir/update.sql", $text);
	IPC::Run::run([ $^X, "$tree/script/update_sql.pl", "$dir/tenant_guard--$before.sql", "$dir/tenant_guard--$now.sql", "$dir/update.sql" ], '>', \$out, '2>', \$err);
	return $out . $err;
}
is(update_script('-- nothing'), join('', map { "script/update.sql lacks DROP $_: it is gone, or has other arguments\n" }
			'FUNCTION gone', 'FUNCTION tenant_guard_internal.label_without', 'TYPE tenant_guard_internal.gone'),
	'what it cannot find out is named');
my $update = update_script($by_hand);
my ($head, @statements) = split /^(?=(?:CREATE|COMMENT|GRANT|REVOKE|ALTER|DROP) )/m, $update;
cmp_ok(scalar @statements, '>=', scalar @changes, 'the update has statements') or diag($update);

make_version('older', $before, $older);
isnt(difference('older', 'fresh'), '', 'the catalogs differ');
$node->safe_psql('postgres', 'CREATE DATABASE older_with_guards TEMPLATE older');
write_file("$own{extension}/tenant_guard--$before--$now.sql", $update);
set_version('older_with_guards', $now);
check_update('older_with_guards', $before, 'a release that is made up');

foreach my $n (0 .. $#statements)
{
	my ($without) = $statements[$n] =~ /^([^\n]*)/;
	my ($status, $error);

	write_file("$own{extension}/tenant_guard--$before--$now.sql", join('', $head, @statements[ grep { $_ != $n } 0 .. $#statements ]));
	$node->safe_psql('postgres', 'CREATE DATABASE incomplete TEMPLATE older');
	($status, undef, $error) = $node->psql('incomplete', 'ALTER EXTENSION tenant_guard UPDATE');
	ok($status != 0 || difference('incomplete', 'fresh') ne '', "it shows where the update lacks $without");
	$node->safe_psql('postgres', 'DROP DATABASE incomplete');
}
unlink "$own{extension}/tenant_guard--$before.sql", "$own{extension}/tenant_guard--$before--$now.sql";

# --- Every release ---------------------------------------------------------------------------------------------------

foreach my $file (glob "$tree/script/released/tenant_guard--*.sql")
{
	my ($version) = $file =~ /--([0-9.]+)\.sql$/;
	my $database = "from_$version" =~ s/\./_/gr;

	next if $version eq $now;    # then test/lint.sh says that script/ makes the same
	make_version($database, $version, slurp_file($file));
	check_update($database, $version, "version $version");
}

# As a package, too, has the scripts.
ok(-e "$own{extension}/" . ($_ =~ s{.*/}{}r), "$_ is installed") foreach glob "$tree/tenant_guard--*--*.sql";

$node->stop;
done_testing();
