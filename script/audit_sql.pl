#!/usr/bin/perl
# Prints audit.sql: the rules of audit() as one statement that needs neither the extension nor a superuser.
#
#   perl script/audit_sql.pl >audit.sql
#
# The views of script/82-audit/10-facts.sql and the functions with rules become parts of a WITH; what the library tells stands
# below __DATA__, as far as the catalogs tell it, too. A rule that calls a function of the extension for which nothing stands
# there stops the program: say below what takes its place, or leave the rule's function out.

use strict;
use warnings;

use FindBin;

# Functions with rules that nothing but the library can answer, and rules that say nothing without the extension.
my %without = map { $_ => 1 } qw(audit_library audit_comparisons audit_other_settings);
my @left_out = qw(event_trigger_disabled function_replaced mixed_comparison not_preloaded policy_before_isolation policy_superfluous setting_disagrees setting_name_refused setting_read_empty tenant_default_missing trusted_function unprotected_table);
my (%part, @facts, @rules);

local $/;
my $stands = <DATA>;
$part{$1} = $2 while $stands =~ /^-- part (\w+)\n(.*?)(?=^-- part |\z)/msg;

sub plain
{
	my ($sql) = @_;
	my $type = sub { my $t = shift; "(CASE WHEN $t = 'uuid'::regtype THEN 'uuid' WHEN $t IN ('int8'::regtype, 'int4'::regtype) THEN 'bigint' WHEN $t IN ('text'::regtype, 'varchar'::regtype) THEN 'text' END)" };

	$sql =~ s/tenant_guard_internal\.tenant_type_of\(([\w.]+)\)/$type->($1)/ge;
	$sql =~ s/tenant_guard_internal\.tenant_columns\([\w.]+\)/(SELECT tenant_columns FROM tg_asked)/g;
	$sql =~ s/ OR tenant_guard_internal\.schema_is_excluded\([\w.]+\)//g;
	$sql =~ s/tenant_guard\.library_preloaded\(\)/false/g;
	$sql =~ s/tenant_guard_internal\.isolation_policy\(\)/(SELECT 'tenant_isolation'::name)/g;
	$sql =~ s/CROSS JOIN LATERAL tenant_guard_internal\.key_kinds\(c\.oid\) v/JOIN tg_key_kinds v ON v.child = c.oid/g;
	$sql =~ s/tenant_guard\.(broken_invariants|tables_and_partitions|trusted_functions)\b(\(\))?/tg_$1/g;
	$sql =~ s/tenant_guard_internal\.(\w+)(\(\))?/tg_$1/g;
	(my $code = $sql) =~ s/--[^\n]*|'(?:[^']|'')*'//g;
	die "script/audit_sql.pl: nothing stands for $1\n" if $code =~ /(tenant_guard\w*\.\w+)/;
	$sql =~ s/^/\t/mg;
	$sql =~ s/^\s+$//mg;
	return $sql;
}

sub fact { my ($name, $sql) = @_; push @facts, "tg_$name AS MATERIALIZED (\n" . plain($sql) . "\n)"; }

foreach my $file (sort glob("$FindBin::Bin/82-audit/[1-6]*.sql"))
{
	open my $script, '<', $file or die "$file: $!\n";
	my $sql = <$script>;

	while ($sql =~ /^CREATE (?:VIEW tenant_guard_internal\.(\w+) AS\n(.*?);\nCOMMENT|FUNCTION tenant_guard_internal\.(\w+)\(.*?\nAS \$(\w*)\$\n(.*?)\n\$\4\$;)/msg)
	{
		my ($name, $body) = defined $1 ? ($1, $2) : ($3, $5);

		if ($name =~ /^audit_(?!ed)/) { push @rules, "$name (rule, level, object, detail, remedy, step) AS (\n" . plain($body) . "\n)" if !$without{$name}; }
		elsif (exists $part{$name}) { fact($name, $part{$name} =~ s/\n+\z//r); }
		else { fact($name, $body); }
	}
}
my @first = map { fact($_, $part{$_} =~ s/\n+\z//r); pop @facts } qw(asked tenant_settings guard_counts tables_and_partitions trusted_functions);
my @last = map { fact($_, $part{$_} =~ s/\n+\z//r); pop @facts } qw(key_kinds broken_invariants);
my %known = map { /^(\w+)/; $1 => 1 } @first, @facts, @last;
foreach my $used (map { /\b(tg_\w+)/g } @first, @facts, @last, @rules) { die "script/audit_sql.pl: nothing stands for $used\n" if !$known{$used}; }
my $union = join("\n\t  UNION ALL ", map { /^(\w+)/; "SELECT * FROM $1" } @rules);
my $list = join(', ', map { "'$_'" } @left_out);
my $named = join(', ', @left_out);

print $part{head} =~ s/\n+\z/\n/r;
print join(",\n", @first, @facts, @last, @rules), "\n";
print <<"SQL";
SELECT f.rule, f.level, f.object, f.detail,
	   -- what calls the extension is for when it is there; a name may have a line break, at which a comment ends
	   CASE WHEN f.remedy ~ 'tenant_guard\\.' THEN '-- with tenant_guard: ' || regexp_replace(f.remedy, '[\\n\\r]', '\\&-- ', 'g') ELSE f.remedy END AS remedy
FROM (SELECT f.*, s.severity, g.changed, min(s.severity) OVER of_object AS worst, min(f.step) FILTER (WHERE f.remedy IS NOT NULL) OVER of_object AS first_step
	  FROM ($union
	  UNION ALL SELECT 'not_examined', 'info', 'tenant_guard', 'these rules need the extension: $named', NULL, 0) f
		   CROSS JOIN LATERAL (SELECT array_position(ARRAY['error', 'warning', 'info'], f.level) AS severity) s
		   CROSS JOIN LATERAL (SELECT regexp_replace(f.object, '^("([^"]|"")*"|[^" ]+) on ', '') AS changed) g
	  WHERE f.rule NOT IN ($list)
	  WINDOW of_object AS (PARTITION BY g.changed)) f
ORDER BY f.rule = 'not_examined', f.worst, f.first_step, f.changed COLLATE "C", f.severity, f.step, f.rule COLLATE "C", f.object COLLATE "C";
COMMIT;
SQL

__DATA__
-- part head
-- What is wrong with the isolation of tenants in this database, as far as the catalogs of PostgreSQL tell: the rules of
-- tenant_guard.audit() (docs/reference/audit-rules.md), without the extension and without a superuser. PostgreSQL 15 to 19.
-- It changes nothing, and reads no row of a table.
--
-- If the column that says whose a row is has another name than tenant_id, write that name below, in "tg_asked", or several: of
-- these the first that a table has. It counts as guarded if a policy reads that column and row-level security is enabled and forced.
--
-- script/audit_sql.pl has made this file; test/lint.sh compares it with the rules.

BEGIN READ ONLY;
SET LOCAL search_path = pg_catalog, pg_temp;
WITH
-- part asked
SELECT a.tenant_columns,
	   COALESCE((SELECT CASE WHEN c.atttypid = 'uuid'::regtype THEN 'uuid' WHEN c.atttypid IN ('int8'::regtype, 'int4'::regtype) THEN 'bigint' ELSE 'text' END
				 FROM pg_attribute c JOIN pg_class r ON r.oid = c.attrelid AND r.relkind IN ('r', 'p') WHERE c.attname = ANY (a.tenant_columns) AND NOT c.attisdropped
				 GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1), 'uuid') AS tenant_type
FROM (VALUES (ARRAY['tenant_id']::name[])) AS a (tenant_columns)
-- part tenant_settings
SELECT NULL::name[] AS columns, NULL::text AS type, a.tenant_type AS type_in_force FROM tg_asked a
-- part guard_counts
SELECT NULL::oid AS owner, NULL::name AS tenant_column, NULL::text AS tenant_type, NULL::bigint AS tables, false AS decides WHERE false
-- part tables_and_partitions
SELECT c.oid::regclass AS relation,
	   CASE WHEN NOT p.reads THEN 'unguarded' WHEN c.relrowsecurity AND c.relforcerowsecurity THEN 'guarded' ELSE 'damaged' END AS status,
	   a.attname AS tenant_column, a.atttypid::regtype AS tenant_type,
	   CASE WHEN c.relispartition THEN pg_partition_root(c.oid) END AS partition_of,
	   NULL::text AS reason, -- labels are the extension's
	   CASE WHEN p.reads AND NOT c.relrowsecurity THEN 'row-level security is not enabled' WHEN p.reads AND NOT c.relforcerowsecurity THEN 'row-level security is not forced, and so does not bind its owner' END AS detail
FROM pg_class c
	 LEFT JOIN LATERAL (SELECT a.attname, a.attnum, a.atttypid
						FROM tg_asked CROSS JOIN unnest(tenant_columns) WITH ORDINALITY AS n (name, place) JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = n.name AND NOT a.attisdropped
						ORDER BY n.place LIMIT 1) a ON true
	 CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM pg_policy p JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid
										WHERE p.polrelid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.refobjsubid = a.attnum) AS reads) p
WHERE c.relkind IN ('r', 'p', 'f')
	  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
-- part trusted_functions
SELECT NULL::regprocedure AS function, NULL::text AS declared_by WHERE false
-- part roles_without_library
SELECT NULL::oid AS setrole, NULL::oid AS setdatabase, NULL::text AS statement WHERE false
-- part key_kinds
SELECT c.oid AS child, k.oid AS foreign_key, NULL::text AS own_tenants_key,
	   CASE WHEN EXISTS (SELECT FROM unnest(k.conkey, k.confkey) AS x (child, parent) WHERE x.child = c.tenant_attnum AND x.parent = p.tenant_attnum) THEN 'carries_tenant' ELSE 'unpaired' END AS kind
FROM tg_foreign_keys k JOIN tg_guarded_tables c ON c.oid = k.conrelid JOIN tg_guarded_tables p ON p.oid = k.confrelid
-- part broken_invariants
SELECT t.relation, 'guard_damaged' AS invariant, NULL::name AS foreign_key, NULL::oid AS other, t.detail
FROM tg_tables_and_partitions t WHERE t.status = 'damaged'
UNION ALL
SELECT t.relation, 'part_unguarded', NULL, w.relation, format('is a part of %s, and has no guard', w.relation)
FROM tg_tables_and_partitions t JOIN pg_inherits i ON i.inhrelid = t.relation JOIN tg_tables_and_partitions w ON w.relation = i.inhparent
WHERE w.status IN ('guarded', 'damaged') AND t.status NOT IN ('guarded', 'damaged')
UNION ALL
SELECT w.relation, 'parent_unguarded', NULL, t.relation, format('is a part of %s, which has no guard', t.relation)
FROM tg_tables_and_partitions w JOIN pg_inherits i ON i.inhrelid = w.relation JOIN tg_tables_and_partitions t ON t.relation = i.inhparent
WHERE w.status IN ('guarded', 'damaged') AND t.status NOT IN ('guarded', 'damaged')
UNION ALL
SELECT k.conrelid::regclass, 'key_unpaired', k.conname, NULL, NULL
FROM tg_key_kinds v JOIN tg_foreign_keys k ON k.oid = v.foreign_key WHERE v.kind = 'unpaired'
