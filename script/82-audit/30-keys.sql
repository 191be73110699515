
--
-- Rules about keys
--
-- Foreign keys between guarded tables.
CREATE FUNCTION tenant_guard_internal.audit_foreign_keys() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH t AS MATERIALIZED (SELECT * FROM tenant_guard_internal.audited_tables),
guarded AS MATERIALIZED (SELECT * FROM t WHERE t.status IN ('guarded', 'damaged')),
broken AS MATERIALIZED (SELECT b.* FROM tenant_guard.broken_invariants() b JOIN t ON t.oid = b.relation),
foreign_keys AS MATERIALIZED (SELECT * FROM tenant_guard_internal.foreign_keys()),
-- those between guarded tables: what a key says of tenants, and what one that crosses would say with the row's own
guarded_keys AS MATERIALIZED (
	SELECT k.*, c.name AS child, p.name AS parent, v.kind, v.own_tenants_key
	FROM guarded c CROSS JOIN LATERAL tenant_guard_internal.key_kinds(c.oid) v
		 JOIN foreign_keys k ON k.oid = v.foreign_key JOIN guarded p ON p.oid = k.confrelid
)

-- a foreign key between guarded tables that does not carry the tenant, and has no companion that does (src/foreign_keys/companion_key.c);
-- of a table all that one remedy pairs
SELECT 'unpaired_foreign_key', 'error', CASE count(*) WHEN 1 THEN format('%I on %s', min(k.conname), k.child) ELSE k.child END,
	   CASE count(*) WHEN 1 THEN format('may reference rows of another tenant in %s', min(k.parent))
			ELSE format('%s foreign keys may reference rows of another tenant: %s', count(*), string_agg(format('%I to %s', k.conname, k.parent), ', ' ORDER BY k.conname)) END,
	   format('SELECT tenant_guard.pair_foreign_keys(%L)', k.child), 0
FROM guarded_keys k
WHERE k.kind = 'unpaired' AND (k.conrelid, k.conname) IN (SELECT b.relation, b.foreign_key FROM broken b WHERE b.invariant = 'key_unpaired')
GROUP BY k.conrelid, k.child

-- one by which something else than the tenant column says whose the referenced row is
UNION ALL
SELECT 'unpaired_foreign_key', CASE k.kind WHEN 'names_tenant' THEN 'warning' ELSE 'error' END, format('%I on %s', k.conname, k.child),
	   CASE k.kind WHEN 'crosses_tenants' THEN format('references rows of any tenant in %s: what says whose is not the tenant column', k.parent)
			WHEN 'names_tenant' THEN format('names another tenant of %s, and tells whether it exists', k.parent)
			ELSE format('may reference rows of another tenant in %s', k.parent) END,
	   CASE k.kind WHEN 'crosses_tenants' THEN format('ALTER TABLE %s DROP CONSTRAINT %I, ADD %s', k.child, k.conname, k.own_tenants_key)
			WHEN 'reaches_everyone' THEN format('SELECT tenant_guard.pair_foreign_keys(%L)', k.child) END, 0
FROM guarded_keys k
WHERE k.kind IN ('names_tenant', 'crosses_tenants')
	  OR k.kind <> 'unpaired' AND (k.conrelid, k.conname) IN (SELECT b.relation, b.foreign_key FROM broken b WHERE b.invariant = 'key_unpaired')

-- one that does, and was added without looking at the rows that were there, or looks at none
UNION ALL
SELECT 'foreign_key_not_valid', 'warning', format('%I on %s', k.conname, k.child),
	   CASE WHEN k.enforced THEN format('was never checked: rows that were there may reference another tenant''s in %s', k.parent)
			ELSE format('is not enforced: rows may reference another tenant''s in %s', k.parent) END,
	   CASE WHEN k.enforced THEN format('ALTER TABLE %s VALIDATE CONSTRAINT %I', k.child, k.conname)
			ELSE format('ALTER TABLE %s ALTER CONSTRAINT %I ENFORCED', k.child, k.conname) END, 0
FROM guarded_keys k
WHERE k.kind = 'carries_tenant' AND NOT (k.convalidated AND k.enforced)

-- one that does, and whose triggers a superuser has disabled, as pg_restore --disable-triggers does while it loads rows
UNION ALL
SELECT 'foreign_key_disabled', 'error', format('%I on %s', k.conname, k.child),
	   format('is not kept: triggers of it are disabled, and rows may reference another tenant''s in %s', k.parent),
	   string_agg(format('ALTER TABLE %s ENABLE TRIGGER %I', g.tgrelid::regclass, g.tgname), '; ' ORDER BY g.oid), 0
FROM guarded_keys k JOIN pg_trigger g ON g.tgconstraint = k.oid AND g.tgenabled NOT IN ('O', 'A')
WHERE k.kind = 'carries_tenant'
GROUP BY k.oid, k.conname, k.child, k.parent
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_foreign_keys() IS 'rules about foreign keys between guarded tables; a part of audit()';

-- Actions of foreign keys on rows of guarded tables.
CREATE FUNCTION tenant_guard_internal.audit_key_actions() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH t AS MATERIALIZED (SELECT * FROM tenant_guard_internal.audited_tables),
guarded AS MATERIALIZED (SELECT * FROM t WHERE t.status IN ('guarded', 'damaged')),
foreign_keys AS MATERIALIZED (SELECT * FROM tenant_guard_internal.foreign_keys()),
unbound AS MATERIALIZED (SELECT * FROM tenant_guard_internal.unbound_roles),
grants AS MATERIALIZED (SELECT * FROM tenant_guard_internal.granted_privileges),
without_library AS MATERIALIZED (SELECT * FROM tenant_guard_internal.roles_without_library),
-- those from guarded tables to others; "parent_column" is what the tenant column references
outer_keys AS MATERIALIZED (
	SELECT k.*, (SELECT a.attname FROM unnest(k.conkey, k.confkey) AS pair (child, parent) JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = pair.parent
				 WHERE pair.child = c.tenant_attnum LIMIT 1) AS parent_column,
		   (SELECT p.status FROM t p WHERE p.oid = k.confrelid) AS parent_status
	FROM foreign_keys k JOIN guarded c ON c.oid = k.conrelid
	WHERE k.confrelid NOT IN (SELECT g.oid FROM guarded g)
),
-- May a session be without the library's hooks?
hooks AS MATERIALIZED (
	SELECT NOT tenant_guard.library_preloaded() OR EXISTS (SELECT FROM without_library w WHERE w.statement IS NOT NULL) AS missing
),
-- those of them that have actions, with what allows them
acting AS MATERIALIZED (
	SELECT k.confrelid::regclass AS parent, k.parent_column IS NOT NULL AS of_tenant, format('%I on %s', k.conname, c.name) AS key, a.actions,
		   a.by IS NOT NULL AS granted, a.crosses AND h.missing AS open,
		   concat(CASE WHEN NOT a.crosses THEN '' WHEN NOT h.missing THEN '; refused where the row is another tenant''s'
					   ELSE '; in a session that has not loaded the library nothing is refused' END,
				  '; triggers see those rows, and may copy them to where this tenant reads: ' || s.triggers) AS more,
		   CASE WHEN v.guards THEN format('SELECT tenant_guard.protect(%L, %L)', k.confrelid::regclass, k.parent_column) END AS remedy,
		   -- whether an application has to change such rows is its decision
		   CASE WHEN NOT v.guards THEN a.revokes END AS revokes
	FROM outer_keys k JOIN guarded c ON c.oid = k.conrelid CROSS JOIN hooks h
		 CROSS JOIN LATERAL (SELECT k.parent_column IS NOT NULL AND k.parent_status = 'unguarded' AS guards) v
		 CROSS JOIN LATERAL (SELECT string_agg(DISTINCT format('ON %s %s', x.privilege, x.action), ', ') AS actions,
									bool_or(x.crosses AND g.grantee IS NOT NULL) AS crosses, bool_or(NOT x.crosses) AS sets,
									max(x.privilege) FILTER (WHERE g.grantee IS NOT NULL) AS by,
									string_agg(DISTINCT format('REVOKE %s%s ON %s FROM %s', x.privilege, CASE WHEN g.attnum IS NOT NULL THEN (SELECT format(' (%I)', n.attname) FROM pg_attribute n WHERE n.attrelid = k.confrelid AND n.attnum = g.attnum) END,
																	 k.confrelid::regclass, CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END), '; ')
										FILTER (WHERE g.grantee IS NOT NULL) AS revokes
							 FROM (SELECT d.privilege, CASE d.type WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT' END,
										  d.type = 'c' OR c.tenant_attnum = ANY (CASE WHEN cardinality(d.columns) > 0 THEN d.columns ELSE k.conkey END)
								   FROM (VALUES ('DELETE', k.confdeltype, k.confdelsetcols), ('UPDATE', k.confupdtype, NULL)) AS d (privilege, type, columns)) AS x (privilege, action, crosses)
								  LEFT JOIN grants g ON g.relation = k.confrelid AND g.privilege = x.privilege AND (g.attnum IS NULL OR g.attnum = ANY (k.confkey))
							 WHERE x.action IS NOT NULL) a
		 -- for each row that is updated, or with transition tables
		 CROSS JOIN LATERAL (SELECT string_agg(DISTINCT quote_ident(g.tgname), ', ') AS triggers
							 FROM pg_trigger g
							 WHERE a.sets AND (g.tgrelid = c.oid OR g.tgrelid IN (SELECT p.relid FROM pg_partition_tree(c.oid) p))
								   AND NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgtype & 16 <> 0
								   AND (g.tgtype & 1 <> 0 OR g.tgoldtable IS NOT NULL OR g.tgnewtable IS NOT NULL)) s
	WHERE a.actions IS NOT NULL AND (k.parent_column IS NULL OR a.by IS NOT NULL)
)

-- A key by which a change to a table that is not guarded is one to rows of tenants. CASCADE onto another tenant's row,
-- and what changes a row's tenant, is refused where the library is loaded, and nowhere else; SET NULL and SET DEFAULT of
-- other columns go on. By the tenant column it is a key to the tenants' own table, or to one of which each row is a
-- tenant's: then that one can be guarded. Of one table all keys
-- that one statement covers are one finding.
SELECT 'cascade_from_outside', CASE WHEN NOT k.granted THEN 'info' WHEN k.open THEN 'error' ELSE 'warning' END, CASE count(*) WHEN 1 THEN min(k.key) ELSE k.parent::text END,
	   format(CASE WHEN k.of_tenant THEN 'whoever may change a tenant''s row of %s, which is not guarded, changes the tenant''s rows' ELSE 'whoever may change a row of %s, which is not guarded, changes every tenant''s rows that reference it' END,
			  k.parent)
	   || CASE count(*) WHEN 1 THEN ': ' || min(k.actions)
			   ELSE format(', by %s foreign keys: %s%s', count(*), array_to_string((array_agg(format('%s (%s)', k.key, k.actions) ORDER BY k.key))[1:10], ', '), CASE WHEN count(*) > 10 THEN ', ...' END) END
	   || k.more || COALESCE('. Where no application needs the privilege: ' || k.revokes, ''),
	   k.remedy, 0
FROM acting k
GROUP BY k.parent, k.granted, k.open, k.of_tenant, k.more, k.remedy, k.revokes

-- An action that sets the tenant column, too, of a key that carries the tenant: it fails on each row that it finds.
UNION ALL
SELECT 'key_action_sets_tenant', 'warning', format('%I on %s', k.conname, c.name),
	   format('ON DELETE SET NULL sets column %s, too: a DELETE of a row of %s fails if a row references it', c.key, k.confrelid::regclass),
	   CASE WHEN cardinality(k.conkey) > 1 AND d.definition ~ d.action
			THEN format('ALTER TABLE %1$s DROP CONSTRAINT %2$I, ADD CONSTRAINT %2$I %3$s', c.name, k.conname,
						regexp_replace(d.definition, d.action, replace(format(' ON DELETE SET NULL (%s)', d.others), '\', '\\') || '\1')) END, 0
FROM foreign_keys k JOIN guarded c ON c.oid = k.conrelid AND c.tenant_attnum = ANY (CASE WHEN cardinality(k.confdelsetcols) > 0 THEN k.confdelsetcols ELSE k.conkey END)
	 JOIN guarded p ON p.oid = k.confrelid
	 CROSS JOIN LATERAL (SELECT pg_get_constraintdef(k.oid) AS definition,
								' ON DELETE SET NULL(?: \([^()]*\))?((?: (?:NOT )?(?:DEFERRABLE|ENFORCED|VALID)| INITIALLY (?:DEFERRED|IMMEDIATE))*)$' AS action,
								(SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY u.place)
								 FROM unnest(k.conkey) WITH ORDINALITY AS u (attnum, place) JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum
								 WHERE u.attnum <> c.tenant_attnum) AS others) d
WHERE k.confdeltype = 'n'

-- a table whose keys act on its rows as an owner who sees all of them
UNION ALL
SELECT 'cascade_as_unbound_owner', CASE WHEN h.missing THEN 'warning' ELSE 'info' END, g.name,
	   format('foreign key %I acts on its rows as the owner %I, who %s: %s', min(k.conname), u.rolname, u.why,
			  CASE WHEN h.missing THEN 'its errors may show other tenants'' rows'
				   ELSE 'the server log may show rows in its errors' END), NULL, 0
FROM foreign_keys k JOIN guarded g ON g.oid = k.conrelid JOIN unbound u ON u.oid = g.relowner CROSS JOIN hooks h
WHERE k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd')
GROUP BY g.oid, g.name, u.rolname, u.why, h.missing
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_key_actions() IS 'rules about actions of foreign keys; a part of audit()';

-- Functions that foreign keys and their actions call.
CREATE FUNCTION tenant_guard_internal.audit_key_functions() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH RECURSIVE guarded AS MATERIALIZED (SELECT * FROM tenant_guard_internal.guarded_tables),
-- tables that the actions of keys reach from those of a role with rights over tenants
reached_by_actions (oid, role) AS (
	SELECT c.oid, c.relowner FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
	WHERE c.relkind IN ('r', 'p') AND (r.rolsuper OR c.relowner IN (SELECT g.relowner FROM guarded g))
	UNION
	SELECT k.conrelid, a.role FROM reached_by_actions a JOIN pg_constraint k ON k.confrelid = a.oid
	WHERE k.contype = 'f' AND (k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd'))
)

-- a key that calls a function of another role as an owner of guarded tables: it existed before the table was guarded, or a script created it
SELECT DISTINCT ON (k.oid) 'key_calls_function', 'error', format('%I on %s', k.conname, k.conrelid::regclass),
	   format('calls function %s of role %I as role %I, which owns guarded tables', f.oid::regprocedure, f.proowner::regrole, p.relowner::regrole),
	   format('ALTER TABLE %s DROP CONSTRAINT %I', k.conrelid::regclass, k.conname), 0
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class p ON p.oid = k.confrelid JOIN pg_roles r ON r.oid = p.relowner
	 CROSS JOIN unnest(k.conpfeqop, k.conkey, k.confkey) AS x (operator, child, parent) JOIN pg_operator o ON o.oid = x.operator
	 JOIN pg_attribute a ON (a.attrelid, a.attnum) IN ((k.conrelid, x.child), (k.confrelid, x.parent))
	 JOIN pg_cast n ON n.casttarget IN (o.oprleft, o.oprright)
	 JOIN pg_proc f ON f.oid = n.castfunc AND f.proowner <> p.relowner JOIN pg_roles w ON w.oid = f.proowner AND NOT w.rolsuper
WHERE k.contype = 'f' AND k.conparentid = 0 AND c.relowner <> p.relowner
	  AND (r.rolsuper OR p.relowner IN (SELECT g.relowner FROM guarded g))
	  AND n.casttarget = CASE WHEN a.attrelid = k.confrelid AND a.attnum = x.parent THEN o.oprleft ELSE o.oprright END
	  AND n.castsource = (WITH RECURSIVE b (type) AS (
							  SELECT a.atttypid
							  UNION ALL
							  SELECT d.typbasetype FROM b JOIN pg_type d ON d.oid = b.type AND d.typtype = 'd')
						  SELECT b.type FROM b JOIN pg_type e ON e.oid = b.type WHERE e.typtype <> 'd')

-- a trigger that a key's action fires: before PostgreSQL 18 an AFTER trigger runs as whoever changes the other table, most often its owner
UNION ALL
SELECT 'key_calls_function', 'warning', format('%I on %s', g.tgname, g.tgrelid::regclass),
	   format('calls function %1$s of role %2$I as who changes tables of role %3$s, with rights over guarded tables: actions of keys fire it; as SECURITY DEFINER it would run as role %2$I',
			  f.oid::regprocedure, f.proowner::regrole, string_agg(DISTINCT quote_ident(pg_get_userbyid(a.role)), ', ')), NULL, 0
FROM reached_by_actions a JOIN pg_class c ON c.oid = a.oid AND c.relowner <> a.role JOIN pg_trigger g ON g.tgrelid = a.oid
	 JOIN pg_proc f ON f.oid = g.tgfoid AND NOT f.prosecdef AND f.proowner <> a.role JOIN pg_roles w ON w.oid = f.proowner AND NOT w.rolsuper
WHERE current_setting('server_version_num')::int < 180000 AND NOT g.tgisinternal AND g.tgenabled <> 'D'
	  AND g.tgtype & 66 = 0 AND g.tgtype & 24 <> 0 -- AFTER; DELETE or UPDATE
GROUP BY g.oid, g.tgname, g.tgrelid, f.oid, f.proowner
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_key_functions() IS 'rules about functions that foreign keys call; a part of audit()';

-- Keys that are unique over all tenants.
CREATE FUNCTION tenant_guard_internal.audit_unique_keys() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH guarded AS MATERIALIZED (SELECT * FROM tenant_guard_internal.guarded_tables),
-- foreign keys that need an index
uses AS MATERIALIZED (
	SELECT f.conindid AS index, string_agg(quote_ident(f.conname), ', ' ORDER BY f.conname) AS needed_by
	FROM pg_constraint f WHERE f.contype = 'f' AND f.conparentid = 0
	GROUP BY f.conindid
),
-- columns that reference a guarded table
referencing AS MATERIALIZED (
	SELECT f.conrelid AS relation, c.attnum
	FROM tenant_guard_internal.foreign_keys() f JOIN guarded p ON p.oid = f.confrelid CROSS JOIN unnest(f.conkey) AS c (attnum)
),
-- unique indexes and exclusion constraints of guarded tables whose key has no tenant column. "private" is a key that
-- holds what nobody guesses, or what another rule keeps inside the tenant.
keys AS MATERIALIZED (
	SELECT g.oid, g.name, g.key, g.relowner, i.indexrelid, i.indisexclusion AS excludes, k.oid AS constraint, k.conname, k.contype,
		   c.relname AS index,
		   pg_get_constraintdef(k.oid) AS definition, u.needed_by,
		   i.indnkeyatts, v.random, v.numbered, v.random OR v.numbered OR v.owned AS private
	FROM guarded g
		 JOIN pg_index i ON i.indrelid = g.oid AND (i.indisunique OR i.indisexclusion)
		 JOIN pg_class c ON c.oid = i.indexrelid AND NOT c.relispartition
		 LEFT JOIN uses u ON u.index = i.indexrelid
		 LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = g.oid AND k.contype IN ('p', 'u', 'x')
		 CROSS JOIN LATERAL (SELECT COALESCE(bool_or(a.atttypid = 'uuid'::regtype), false) AS random,
									COALESCE(bool_or(a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%'), false) AS numbered,
									COALESCE(bool_or((g.oid, n) IN (SELECT r.relation, r.attnum FROM referencing r)), false) AS owned
							 FROM unnest(i.indkey::int2[]) n JOIN pg_attribute a ON a.attrelid = g.oid AND a.attnum = n
								  LEFT JOIN pg_attrdef d ON d.adrelid = g.oid AND d.adnum = n) v
	WHERE g.tenant_attnum <> ALL ((i.indkey::int2[])[0:i.indnkeyatts - 1])
)

-- a key that is unique over all tenants: an error, or a lock wait, tells that another tenant has the value
SELECT 'unique_without_tenant', 'warning', format('%I on %s', k.index, k.name),
	   CASE WHEN k.needed_by IS NOT NULL THEN format('is unique over all tenants, and foreign keys need it: %s', k.needed_by)
			WHEN k.excludes THEN 'holds over all tenants: an error tells that another tenant has a row that conflicts'
			ELSE format('is unique over all tenants: an error tells that another tenant has the value. If each tenant may have it, %s comes first in '
						'the key, and in each ON CONFLICT, GROUP BY and REFERENCES that names its column%s', k.key,
						CASE WHEN k.indnkeyatts > 1 THEN 's' END) END,
	   -- whether a value may be used once or once a tenant is the application's decision, and what it says in ON CONFLICT nobody else knows
	   CASE WHEN k.needed_by IS NULL AND k.excludes
			THEN concat_ws('; ', CASE WHEN k.definition LIKE 'EXCLUDE USING gist %' THEN 'CREATE EXTENSION IF NOT EXISTS btree_gist' END,
						   format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %I %s', k.name, k.conname, k.conname,
								  regexp_replace(k.definition, '\(', '(' || replace(k.key, '\', '\\') || CASE WHEN k.contype = 'x' THEN ' WITH =, ' ELSE ', ' END))) END, 0
FROM keys k WHERE k.excludes OR NOT k.private

-- one that tells nothing of the kind: for each reason one finding
UNION ALL
SELECT 'unique_without_tenant', 'info', CASE count(*) WHEN 1 THEN min(k.key) ELSE current_database() END,
	   CASE count(*) WHEN 1 THEN 'is unique over all tenants; ' || k.reason
			ELSE format('%s keys are unique over all tenants; of each %s: %s%s', count(*), regexp_replace(k.reason, '^its| of it', CASE WHEN k.reason LIKE 'its%' THEN 'the' ELSE '' END), array_to_string((array_agg(k.key ORDER BY k.key))[1:10], ', '), CASE WHEN count(*) > 10 THEN ', ...' END) END,
	   NULL, 0
FROM (SELECT format('%I on %s', k.index, k.name) AS key,
			 CASE WHEN k.random THEN 'its values are not easily guessed'
				  WHEN k.numbered THEN 'its values come from a sequence, which tells how many rows there are'
				  ELSE 'a column of it references a guarded table, and so a row of one tenant' END AS reason
	  FROM keys k WHERE k.private AND NOT k.excludes) k
GROUP BY k.reason
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_unique_keys() IS 'rules about unique keys; a part of audit()';
