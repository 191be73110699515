# What must hold of tables whatever statements made them, read from the catalogs without the extension's help.
package DDLOracle;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw($ORACLE $VISIBLE $FUNCTION);

# Each row is one JSON object: what is broken, the tables, the schemas, the settings.
#
# broken:
#   damaged   a table with a part of a guard, and not with all
#   part      a table below a guarded one, not guarded by the same column
#   above     a table that is not guarded above a guarded one
#   key       a foreign key between guarded tables that does not carry the tenant, nor has one beside it that does
#   function  the extension's own broken_invariants() says something else
#   covered   no fault: a key that does not, and has one beside it
#   share     no fault of its own: a partition's share of such a key ("parent": the key of the table above)
#   status    a table of which the extension says another status
our $ORACLE = <<'SQL';
WITH RECURSIVE
rel AS (
	SELECT c.oid, c.relname, n.nspname, format('%I.%I', n.nspname, c.relname) AS name, c.relkind, c.relispartition, c.relrowsecurity, c.relforcerowsecurity
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'tenant_guard', 'oracle')
		  AND n.nspname !~ '^pg_toast' AND NOT pg_is_other_temp_schema(n.oid)),
pol AS MATERIALIZED (
	SELECT p.polrelid, p.polname, p.polpermissive, p.polcmd, p.polroles,
		   replace(pg_get_expr(p.polqual, p.polrelid), 'tenant_guard.', '') AS qual,
		   replace(pg_get_expr(p.polwithcheck, p.polrelid), 'tenant_guard.', '') AS checked
	FROM pg_policy p),
isolation AS MATERIALIZED (
	SELECT p.*, a.attnum, a.attname,
		   p.polname = 'tenant_isolation' AND p.checked = p.qual AND p.polcmd = '*' AND p.polroles = '{0}' AND NOT p.polpermissive
		   AND (a.attnotnull OR EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = a.attrelid AND k.contype = 'c'
										AND pg_get_constraintdef(k.oid) ~ '^CHECK \(\([^ ]* IS NOT NULL\)\)' AND k.conkey = ARRAY[a.attnum])) AS whole
	FROM pol p JOIN pg_attribute a ON a.attrelid = p.polrelid AND a.attnum > 0 AND NOT a.attisdropped
		 AND p.qual IN (format('(%I = current_tenant())', a.attname), format('((%I)::uuid = current_tenant())', a.attname))),
guard AS MATERIALIZED (
	SELECT r.*, w.attnum, w.attname,
		   w.attnum IS NOT NULL AND r.relrowsecurity AND r.relforcerowsecurity AS whole,
		   w.attnum IS NOT NULL
		   OR EXISTS (SELECT FROM isolation i WHERE i.polrelid = r.oid AND NOT i.polpermissive)
		   OR EXISTS (SELECT FROM pol p WHERE p.polrelid = r.oid AND (NOT p.polpermissive AND p.polname = 'tenant_isolation' OR p.polpermissive AND p.qual = 'guarded()')) AS trace
	FROM rel r LEFT JOIN isolation w ON w.polrelid = r.oid AND w.whole),
up (oid, above) AS (
	SELECT inhrelid, inhparent FROM pg_inherits
	UNION SELECT u.oid, i.inhparent FROM up u JOIN pg_inherits i ON i.inhrelid = u.above),
key AS (
	SELECT k.oid, k.conname, k.conparentid, k.conrelid, k.confrelid, k.conkey, k.confkey, c.name AS child, p.name AS parent, c.attnum AS own, p.attnum AS its,
		   EXISTS (SELECT FROM unnest(k.conkey, k.confkey) AS x (a, b) WHERE x.a = c.attnum AND x.b = p.attnum) AS carries
	FROM pg_constraint k JOIN guard c ON c.oid = k.conrelid AND c.whole JOIN guard p ON p.oid = k.confrelid AND p.whole
	WHERE k.contype = 'f'),
found AS (
	SELECT 'damaged' AS what, g.oid AS a, 0::oid AS b, g.name AS names, NULL AS key FROM guard g WHERE g.trace AND NOT g.whole
	UNION ALL
	SELECT 'part', g.oid, w.oid, g.name || ' below ' || w.name, NULL
	FROM up u JOIN guard w ON w.oid = u.above JOIN guard g ON g.oid = u.oid
	WHERE w.whole AND NOT (g.whole AND g.attname = w.attname)
	UNION ALL
	SELECT 'above', g.oid, w.oid, g.name || ' below ' || w.name, NULL
	FROM up u JOIN guard w ON w.oid = u.above JOIN guard g ON g.oid = u.oid
	WHERE g.trace AND NOT w.trace
	UNION ALL
	SELECT CASE WHEN k.conparentid <> 0 THEN 'share'
				WHEN EXISTS (SELECT FROM key o
							 WHERE o.conparentid = 0 AND o.carries AND o.conrelid = k.conrelid AND o.confrelid = k.confrelid
								   AND NOT EXISTS (SELECT FROM unnest(k.conkey, k.confkey) AS x (a, b)
												   WHERE NOT EXISTS (SELECT FROM unnest(o.conkey, o.confkey) AS y (a, b) WHERE (x.a, x.b) = (y.a, y.b))))
				THEN 'covered' ELSE 'key' END,
		   k.oid, 0, format('%s: %I to %s', k.child, k.conname, k.parent), k.conname
	FROM key k
	WHERE NOT k.carries AND k.confkey <> ARRAY[k.its]
	UNION ALL
	SELECT 'status', g.oid, 0, format('%s is %s', g.name, s.status), NULL
	FROM guard g CROSS JOIN LATERAL tenant_guard.guard_status(g.oid) s
	WHERE CASE WHEN g.whole THEN s.status <> 'guarded' WHEN g.trace THEN s.status <> 'damaged' ELSE s.status IN ('guarded', 'damaged') END),
broken AS (
	SELECT * FROM found
-- function
)
SELECT json_build_object('broken', b.what || ' ' || b.a || ' ' || b.b, 'what', b.what, 'names', b.names, 'key', b.key,
						 'parent', (SELECT k.conparentid::bigint FROM pg_constraint k WHERE b.what = 'share' AND k.oid = b.a))::text FROM broken b
UNION ALL
SELECT json_build_object('oid', g.oid, 'temporary', c.relpersistence = 't', 'schema', g.nspname, 'name', g.relname, 'kind', g.relkind, 'partition', g.relispartition, 'bounds', pg_get_partkeydef(g.oid), 'mine', pg_has_role(c.relowner, 'MEMBER'), 'guarded', g.whole, 'column', g.attname,
		   'label', EXISTS (SELECT FROM pg_seclabel l WHERE l.objoid = g.oid AND l.provider = 'tenant_guard'),
		   'columns', ARRAY(SELECT attname FROM pg_attribute a WHERE a.attrelid = g.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY attnum),
		   'constraints', ARRAY(SELECT conname FROM pg_constraint k WHERE k.conrelid = g.oid ORDER BY conname),
		   'policies', ARRAY(SELECT polname FROM pol p WHERE p.polrelid = g.oid ORDER BY polname),
		   'parents', ARRAY(SELECT inhparent::bigint FROM pg_inherits i WHERE i.inhrelid = g.oid ORDER BY 1),
		   'foreign', ARRAY(SELECT conname FROM pg_constraint k WHERE k.conrelid = g.oid AND contype = 'f' ORDER BY conname),
		   'unique', ARRAY(SELECT array_to_string(ARRAY(SELECT attname FROM unnest(i.indkey) WITH ORDINALITY u (n, o) JOIN pg_attribute a ON a.attrelid = g.oid AND a.attnum = u.n ORDER BY o), ', ')
						   FROM pg_index i WHERE i.indrelid = g.oid AND i.indisunique AND i.indpred IS NULL ORDER BY i.indexrelid),
		   'indexes', ARRAY(SELECT format('%I.%I', g.nspname, x.relname) FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = g.oid
							AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.oid AND k.contype <> 'f') ORDER BY 1))::text
FROM (SELECT * FROM guard ORDER BY oid) g JOIN pg_class c ON c.oid = g.oid
UNION ALL
SELECT json_build_object('schemas', array_agg(nspname ORDER BY nspname))::text FROM pg_namespace n WHERE nspname ~ '^s\d$' AND has_schema_privilege(n.oid, 'CREATE')
UNION ALL
SELECT json_build_object('settings', json_object_agg(s.name, s.setting))::text
FROM (SELECT 'role' AS name, current_user::text AS setting WHERE current_user <> session_user
	  UNION ALL
	  SELECT name, setting FROM pg_settings
	  WHERE name IN ('search_path', 'row_security', 'tenant_guard.foreign_keys', 'tenant_guard.auto_protect', 'session_replication_role') AND source = 'session') s
SQL

# To be put in the place of "-- function": where the extension's own broken_invariants() says something else.
our $FUNCTION = <<'SQL';
	UNION ALL
	SELECT 'function', x.a, x.b, format('%s %s %s %s', x.says, x.what, x.a::regclass, x.b::regclass), NULL
	FROM (WITH mine AS (SELECT DISTINCT b.what, COALESCE(k.conrelid, b.a) AS a, CASE WHEN b.what <> 'part' THEN COALESCE(k.confrelid, b.b) ELSE 0 END AS b FROM found b LEFT JOIN key k ON k.oid = b.a AND b.what = 'key'
						WHERE b.what IN ('damaged', 'part', 'above', 'key')),
			   theirs AS (SELECT DISTINCT CASE f.invariant WHEN 'guard_damaged' THEN 'damaged' WHEN 'part_unguarded' THEN 'part' WHEN 'parent_unguarded' THEN 'above' ELSE 'key' END,
								 f.relation::oid, CASE WHEN f.invariant <> 'part_unguarded' THEN COALESCE(f.other::oid, 0) ELSE 0 END FROM tenant_guard.broken_invariants() f
						  -- of a whole that is damaged itself the oracle counts no parts
						  WHERE NOT (f.invariant = 'part_unguarded' AND (tenant_guard.guard_status(f.other)).status = 'damaged'))
		  SELECT 'only the oracle says', m.* FROM (TABLE mine EXCEPT TABLE theirs) m
		  UNION ALL SELECT 'only broken_invariants() says', t.* FROM (TABLE theirs EXCEPT TABLE mine) t) AS x (says, what, a, b)
SQL

# For a superuser: which rows that belong to another tenant does "app" see with a tenant set, by the name of whichever table?
# First what each table holds, then what is seen.
our $VISIBLE = <<'SQL';
SET tenant_guard.bypass = on;
TRUNCATE oracle.hidden;
DO $$
DECLARE r record;
BEGIN
	FOR r IN SELECT t.relation, t.tenant_column FROM oracle.guarded t LOOP
		EXECUTE format('INSERT INTO oracle.hidden SELECT tableoid, ctid, %L FROM ONLY %s WHERE %I IS DISTINCT FROM %L::uuid', r.relation, r.relation, r.tenant_column, current_setting('oracle.tenant'));
	END LOOP;
END $$;
RESET tenant_guard.bypass;
BEGIN;
SET LOCAL ROLE app;
SELECT FROM tenant_guard.set_tenant(current_setting('oracle.tenant'));
DO $$
DECLARE
	r record;
	seen text;
BEGIN
	FOR r IN SELECT c.oid::regclass AS relation FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace::regnamespace::text ~ '^s\d$' LOOP
		BEGIN
			FOR seen IN EXECUTE format('SELECT DISTINCT h.name FROM %s x JOIN oracle.hidden h ON (h.relation, h.place) = (x.tableoid, x.ctid)', r.relation) LOOP
				RAISE NOTICE 'seen: another tenant''s rows of % below %', seen, r.relation;
			END LOOP;
		EXCEPTION WHEN OTHERS THEN
			IF SQLSTATE !~ '^(TG|42|2201|22P|55)' THEN RAISE NOTICE 'by %: % %', r.relation, SQLSTATE, SQLERRM; END IF;
		END;
	END LOOP;
END $$;
ROLLBACK;
SQL

1;
