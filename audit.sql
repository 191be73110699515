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
tg_asked AS MATERIALIZED (
	SELECT a.tenant_columns,
		   COALESCE((SELECT CASE WHEN c.atttypid = 'uuid'::regtype THEN 'uuid' WHEN c.atttypid IN ('int8'::regtype, 'int4'::regtype) THEN 'bigint' ELSE 'text' END
					 FROM pg_attribute c JOIN pg_class r ON r.oid = c.attrelid AND r.relkind IN ('r', 'p') WHERE c.attname = ANY (a.tenant_columns) AND NOT c.attisdropped
					 GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1), 'uuid') AS tenant_type
	FROM (VALUES (ARRAY['tenant_id']::name[])) AS a (tenant_columns)
),
tg_tenant_settings AS MATERIALIZED (
	SELECT NULL::name[] AS columns, NULL::text AS type, a.tenant_type AS type_in_force FROM tg_asked a
),
tg_guard_counts AS MATERIALIZED (
	SELECT NULL::oid AS owner, NULL::name AS tenant_column, NULL::text AS tenant_type, NULL::bigint AS tables, false AS decides WHERE false
),
tg_tables_and_partitions AS MATERIALIZED (
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
),
tg_trusted_functions AS MATERIALIZED (
	SELECT NULL::regprocedure AS function, NULL::text AS declared_by WHERE false
),
tg_schemas_left_alone AS MATERIALIZED (
	SELECT n.oid AS schema
	FROM pg_namespace n
	WHERE n.nspname IN ('information_schema', 'tenant_guard', 'tenant_guard_internal') OR n.nspname ~ '^pg_'
),
tg_audited_tables AS MATERIALIZED (
	SELECT c.oid, c.oid::regclass::text AS name, c.relname, c.relnamespace, c.relkind, c.relowner,
		   g.status, g.detail, g.reason, a.atttypid::regtype AS tenant_type, g.partition_of,
		   a.attname AS tenant_column, quote_ident(a.attname) AS key, a.attnum AS tenant_attnum, a.attnotnull,
		   (CASE WHEN a.atttypid = 'uuid'::regtype THEN 'uuid' WHEN a.atttypid IN ('int8'::regtype, 'int4'::regtype) THEN 'bigint' WHEN a.atttypid IN ('text'::regtype, 'varchar'::regtype) THEN 'text' END) AS serves,
		   e.has AS has_rows_of_everyone, CASE WHEN e.has THEN ', null_rows => ''shared''' ELSE '' END AS how
	FROM tg_tables_and_partitions g
		 JOIN pg_class c ON c.oid = g.relation
		 CROSS JOIN LATERAL (SELECT g.status IN ('guarded', 'damaged')
									AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND NOT p.polpermissive
												AND (p.polname = (SELECT 'tenant_isolation'::name) AND p.polcmd = 'r'
													 OR p.polname IN ('tenant_isolation_inserts', 'tenant_isolation_updates', 'tenant_isolation_deletes')))) e (has)
		 LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = g.tenant_column AND NOT a.attisdropped
	WHERE c.relpersistence <> 't' AND c.relnamespace NOT IN (SELECT l.schema FROM tg_schemas_left_alone l)
),
tg_guarded_tables AS MATERIALIZED (
	SELECT * FROM tg_audited_tables t WHERE t.status IN ('guarded', 'damaged')
),
tg_unbound_roles AS MATERIALIZED (
	SELECT r.oid, r.rolname, r.rolsuper, CASE WHEN r.rolsuper THEN 'is a superuser' ELSE 'has BYPASSRLS' END AS why
	FROM pg_roles r WHERE r.rolsuper OR r.rolbypassrls
),
tg_granted_privileges AS MATERIALIZED (
	SELECT c.oid AS relation, NULL::int2 AS attnum, e.grantee, e.privilege_type AS privilege
	FROM pg_class c, aclexplode(c.relacl) e WHERE e.grantee <> c.relowner
	UNION ALL
	SELECT c.oid, a.attnum, e.grantee, e.privilege_type
	FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid, aclexplode(a.attacl) e WHERE e.grantee <> c.relowner
),
tg_open_relations AS MATERIALIZED (
	SELECT c.oid, string_agg(DISTINCT CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END, ', ') AS roles
	FROM pg_class c JOIN tg_granted_privileges g ON g.relation = c.oid
	WHERE c.relkind IN ('m', 'f')
	GROUP BY c.oid
),
tg_foreign_keys AS MATERIALIZED (
	SELECT k.oid, k.conname, k.conrelid, k.confrelid, k.conkey, k.confkey, k.confdeltype, k.confupdtype, k.confdelsetcols, k.convalidated,
		   -- before 18 pg_constraint has no column conenforced, and the name refers to the null of the outer query
		   (SELECT conenforced::text FROM pg_constraint i WHERE i.oid = k.oid) IS DISTINCT FROM 'false' AS enforced
	FROM (SELECT k.oid, k.conname, k.conrelid, k.confrelid, k.conkey, k.confkey, k.confdeltype, k.confupdtype, k.confdelsetcols, k.convalidated,
				 NULL::text AS conenforced
		  FROM pg_constraint k WHERE k.contype = 'f' AND k.conparentid = 0) k
),
tg_named_relations AS MATERIALIZED (
	SELECT DISTINCT r.oid AS rule, r.ev_class AS relation, r.ev_type, d.refobjid AS names
	FROM pg_rewrite r
		 JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
							 AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class
),
tg_views_of_guarded AS MATERIALIZED (
	WITH RECURSIVE guarded AS MATERIALIZED (SELECT g.oid, g.name FROM tg_guarded_tables g),
	-- views and the guarded tables that they read, also through other views
	reads (view, relation) AS (
		SELECT n.relation, n.names FROM tg_named_relations n WHERE n.ev_type = '1'
		UNION
		SELECT n.relation, r.relation FROM tg_named_relations n JOIN reads r ON r.view = n.names WHERE n.ev_type = '1'
	)
	SELECT c.oid, c.oid::regclass::text AS name, c.relname, c.relkind, c.relowner,
		   EXISTS (SELECT FROM unnest(c.reloptions) o WHERE o ~* '^security_invoker=(on|1|t|tr|tru|true|y|ye|yes)$') AS invoker,
		   (SELECT string_agg(g.name, ', ' ORDER BY g.name) FROM reads r JOIN guarded g ON g.oid = r.relation
			WHERE r.view = c.oid) AS guarded
	FROM pg_class c
	WHERE c.relkind IN ('v', 'm') AND c.oid IN (SELECT r.view FROM reads r JOIN guarded g ON g.oid = r.relation)
		  AND c.relnamespace NOT IN (SELECT l.schema FROM tg_schemas_left_alone l)
		  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
),
tg_bypassable_relations AS MATERIALIZED (
	WITH RECURSIVE touchable (oid, relname, name) AS (
		SELECT g.oid, g.relname, g.name FROM tg_guarded_tables g
		UNION
		SELECT v.oid, v.relname, v.name FROM touchable x JOIN tg_named_relations n ON n.names = x.oid AND n.ev_type = '1' JOIN tg_views_of_guarded v ON v.oid = n.relation AND v.invoker
	)
	SELECT * FROM touchable
),
tg_relations_with_code AS MATERIALIZED (
	WITH RECURSIVE calling (classid, objid, planned) AS (
		SELECT 'pg_proc'::regclass::oid, p.oid, false FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner AND NOT r.rolsuper
		UNION
		SELECT n.classid, n.objid, c.planned OR n.planned
		FROM calling c
			 CROSS JOIN LATERAL (SELECT d.classid, d.objid, false AS planned FROM pg_depend d
								 WHERE d.refclassid = c.classid AND d.refobjid = c.objid
									   AND d.classid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass, 'pg_cast'::regclass, 'pg_rewrite'::regclass,
														 'pg_constraint'::regclass, 'pg_attrdef'::regclass, 'pg_class'::regclass, 'pg_statistic_ext'::regclass)
								 UNION ALL
								 SELECT 'pg_class'::regclass, r.ev_class, false FROM pg_rewrite r WHERE c.classid = 'pg_rewrite'::regclass AND r.oid = c.objid
								 UNION ALL
								 SELECT x.classid, x.objid, false
								 FROM pg_constraint k CROSS JOIN LATERAL (VALUES ('pg_class'::regclass::oid, k.conrelid), ('pg_type'::regclass, k.contypid)) x (classid, objid)
								 WHERE c.classid = 'pg_constraint'::regclass AND k.oid = c.objid AND k.contype = 'c' AND x.objid <> 0
								 UNION ALL
								 SELECT 'pg_class'::regclass, a.attrelid, false FROM pg_attrdef f JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum AND a.attgenerated <> ''
								 WHERE c.classid = 'pg_attrdef'::regclass AND f.oid = c.objid
								 UNION ALL
								 SELECT 'pg_type'::regclass, t.castsource, false FROM pg_cast t WHERE c.classid = 'pg_cast'::regclass AND t.oid = c.objid
								 UNION ALL
								 SELECT 'pg_class'::regclass, i.inhparent, false FROM pg_inherits i WHERE c.classid = 'pg_class'::regclass AND i.inhrelid = c.objid
								 UNION ALL
								 SELECT 'pg_class'::regclass, i.indrelid, true FROM pg_index i WHERE c.classid = 'pg_class'::regclass AND i.indexrelid = c.objid
								 UNION ALL
								 SELECT 'pg_class'::regclass, s.stxrelid, true FROM pg_statistic_ext s WHERE c.classid = 'pg_statistic_ext'::regclass AND s.oid = c.objid
								 UNION ALL
								 SELECT 'pg_class'::regclass, i.inhrelid, true FROM pg_partitioned_table w JOIN pg_inherits i ON i.inhparent = w.partrelid
								 WHERE c.classid = 'pg_class'::regclass AND w.partrelid = c.objid) n
	)
	SELECT c.objid AS oid, bool_and(c.planned) AS planned FROM calling c WHERE c.classid = 'pg_class'::regclass GROUP BY c.objid
),
tg_user_functions AS MATERIALIZED (
	SELECT p.oid, p.oid::regprocedure::text AS name, p.prosrc, p.proowner, p.prosecdef, p.proconfig, p.proacl,
		   p.proleakproof, p.prosqlbody, l.lanname,
		   EXISTS (SELECT FROM unnest(p.proconfig) s WHERE s ~* '^tenant_guard\.bypass=(on|1|t|tr|tru|true|y|ye|yes)$') AS declares_bypass,
		   EXISTS (SELECT FROM unnest(p.proconfig) s WHERE s ~ '^search_path=') AS pinned
	FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
	WHERE p.pronamespace NOT IN (SELECT l.schema FROM tg_schemas_left_alone l)
		  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')
),
tg_named_in_functions AS MATERIALIZED (
	WITH touchable AS MATERIALIZED (SELECT * FROM tg_bypassable_relations),
	bodies AS MATERIALIZED (
		SELECT f.oid, f.prosrc FROM tg_user_functions f
		WHERE f.lanname NOT IN ('c', 'internal')
			  AND (f.prosecdef OR f.oid IN (SELECT g.tgfoid FROM pg_trigger g WHERE NOT g.tgisinternal))
	)
	SELECT x.function, string_agg(DISTINCT x.name, ', ' ORDER BY x.name) AS guarded
	FROM (SELECT b.oid AS function, r.name
		  FROM bodies b
			   CROSS JOIN LATERAL regexp_matches(b.prosrc, '[[:alpha:]_][[:alnum:]_$]*', 'g') w
			   JOIN touchable r ON r.relname = lower(w[1])
		  UNION
		  SELECT b.oid, r.name
		  FROM bodies b JOIN touchable r ON r.relname !~ '^[[:lower:]_][[:lower:][:digit:]_$]*$' AND strpos(b.prosrc, r.relname) > 0
		  UNION
		  SELECT d.objid, r.name
		  FROM pg_depend d JOIN touchable r ON d.refclassid = 'pg_class'::regclass AND d.refobjid = r.oid
		  WHERE d.classid = 'pg_proc'::regclass AND d.objid IN (SELECT b.oid FROM bodies b)) x
	GROUP BY x.function
),
tg_stored_settings AS MATERIALIZED (
	SELECT s.setdatabase, s.setrole, lower(split_part(kv, '=', 1)) AS setting, lower(substr(kv, strpos(kv, '=') + 1)) AS value
	FROM pg_db_role_setting s CROSS JOIN LATERAL unnest(s.setconfig) kv
	WHERE s.setdatabase IN (0, (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))
),
tg_roles_without_library AS MATERIALIZED (
	SELECT NULL::oid AS setrole, NULL::oid AS setdatabase, NULL::text AS statement WHERE false
),
tg_tables_of_tenants AS MATERIALIZED (
	WITH t AS MATERIALIZED (SELECT * FROM tg_audited_tables),
	foreign_keys AS MATERIALIZED (SELECT * FROM tg_foreign_keys)
	SELECT p.oid, p.name, p.status, a.attnum, a.attname AS column, (CASE WHEN a.atttypid = 'uuid'::regtype THEN 'uuid' WHEN a.atttypid IN ('int8'::regtype, 'int4'::regtype) THEN 'bigint' WHEN a.atttypid IN ('text'::regtype, 'varchar'::regtype) THEN 'text' END) AS serves,
		   string_agg(DISTINCT c.name, ', ') AS referenced_by
	FROM foreign_keys k
		 JOIN t c ON c.oid = k.conrelid AND k.conkey = ARRAY[c.tenant_attnum] AND c.status IN ('guarded', 'damaged')
		 JOIN t p ON p.oid = k.confrelid AND p.status NOT IN ('guarded', 'damaged')
		 JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = k.confkey[1]
	GROUP BY p.oid, p.name, p.status, a.attnum, a.attname, a.atttypid
),
tg_key_kinds AS MATERIALIZED (
	SELECT c.oid AS child, k.oid AS foreign_key, NULL::text AS own_tenants_key,
		   CASE WHEN EXISTS (SELECT FROM unnest(k.conkey, k.confkey) AS x (child, parent) WHERE x.child = c.tenant_attnum AND x.parent = p.tenant_attnum) THEN 'carries_tenant' ELSE 'unpaired' END AS kind
	FROM tg_foreign_keys k JOIN tg_guarded_tables c ON c.oid = k.conrelid JOIN tg_guarded_tables p ON p.oid = k.confrelid
),
tg_broken_invariants AS MATERIALIZED (
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
),
audit_guards (rule, level, object, detail, remedy, step) AS (
	WITH t AS MATERIALIZED (SELECT * FROM tg_audited_tables),
	broken AS MATERIALIZED (SELECT b.* FROM tg_broken_invariants b JOIN t ON t.oid = b.relation),
	settings AS MATERIALIZED (SELECT type_in_force AS tenant_type FROM tg_tenant_settings)

	-- a table has the tenant column, of the right type, and no guard
	SELECT 'unguarded_table', 'error', t.name,
		   format('has column %s and no guard: every tenant sees every row', t.key),
		   format('SELECT tenant_guard.protect(%L)', t.name), 0
	FROM t LEFT JOIN t whole ON whole.oid = t.partition_of
	WHERE t.status = 'unguarded' AND t.relkind IN ('r', 'p') AND t.serves = (SELECT tenant_type FROM settings)
		  AND whole.status IS DISTINCT FROM 'unguarded'

	-- a part of a guard is missing or not as it was made
	UNION ALL
	SELECT 'guard_incomplete', 'error', t.name, b.detail, format('SELECT tenant_guard.protect(%L%s)', t.name, t.how), 0
	FROM broken b JOIN t ON t.oid = b.relation WHERE b.invariant = 'guard_damaged'

	-- a part of a guarded table is open by its own name, or guarded by another column; a guarded table is open by that of a parent.
	-- Foreign tables and tables with the column have rules of their own.
	UNION ALL
	SELECT b.invariant, 'error', b.relation::text, b.detail,
		   CASE WHEN b.invariant = 'parent_unguarded' AND b.other IN (SELECT o.oid FROM t o WHERE o.status = 'unprotected') THEN format('SELECT tenant_guard.protect(%L)', b.other::text) END, 0
	FROM broken b JOIN pg_class c ON c.oid = b.relation
	WHERE b.invariant = 'parent_unguarded' AND b.other NOT IN (SELECT o.oid FROM t o WHERE o.status = 'unguarded' AND o.tenant_attnum IS NOT NULL)
		  OR b.invariant = 'part_unguarded' AND c.relkind <> 'f' AND b.relation NOT IN (SELECT o.oid FROM t o WHERE o.status = 'unguarded' AND o.tenant_attnum IS NOT NULL)

	-- row-level security without a permissive policy shows nobody anything
	UNION ALL
	SELECT 'permissive_policy_missing', 'warning', t.name, 'has no permissive policy: no tenant sees its own rows',
		   format('SELECT tenant_guard.protect(%L%s)', t.name, t.how), 0
	FROM t
	WHERE t.status = 'guarded' AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = t.oid AND p.polpermissive)

	-- taken out on purpose, and perhaps forgotten
	UNION ALL
	SELECT 'unprotected_table', 'warning', t.name, concat('was taken out by unprotect()', ' (' || t.reason || ')', ': every tenant sees every row'),
		   format('SELECT tenant_guard.protect(%L)', t.name), 0
	FROM t LEFT JOIN t whole ON whole.oid = t.partition_of
	WHERE t.status = 'unprotected' AND whole.status IS DISTINCT FROM 'unprotected'
),
audit_missing_columns (rule, level, object, detail, remedy, step) AS (
	WITH RECURSIVE t AS MATERIALIZED (SELECT * FROM tg_audited_tables),
	foreign_keys AS MATERIALIZED (SELECT * FROM tg_foreign_keys),
	settings AS MATERIALIZED (SELECT type_in_force AS tenant_type FROM tg_tenant_settings),
	tenants AS MATERIALIZED (SELECT * FROM tg_tables_of_tenants),
	-- what tells the tenant: guarded tables, and the tenants' own, guarded or not; "attnum" is the column that does
	tellers AS MATERIALIZED (
		SELECT t.oid, t.tenant_attnum AS attnum, false AS open FROM t WHERE t.status IN ('guarded', 'damaged')
		UNION ALL
		SELECT n.oid, n.attnum, true FROM tenants n
	),
	-- keys that reach one
	telling AS MATERIALIZED (
		SELECT k.oid, k.conrelid, k.confrelid, w.attnum, w.open FROM foreign_keys k JOIN tellers w ON w.oid = k.confrelid
	),
	-- tables that reach one by foreign keys and have no tenant column
	adrift (oid, via, foreign_key, step) AS (
		SELECT c.oid, k.confrelid, k.oid, 1
		FROM t c JOIN telling k ON k.conrelid = c.oid
		WHERE c.status = 'unguarded' AND c.tenant_attnum IS NULL AND c.oid NOT IN (SELECT n.oid FROM tenants n)
		UNION
		SELECT c.oid, a.oid, k.oid, a.step + 1
		FROM adrift a JOIN foreign_keys k ON k.confrelid = a.oid JOIN t c ON c.oid = k.conrelid
		WHERE c.status = 'unguarded' AND c.tenant_attnum IS NULL AND a.step < 20 AND c.oid NOT IN (SELECT n.oid FROM tenants n)
			  AND NOT EXISTS (SELECT FROM telling d WHERE d.conrelid = c.oid)
	),
	-- by which key each is a tenant's: one that references the tenant column, the nearest, one whose columns are not null ("mandatory"), one
	-- that deletes the row with the other; "ways" counts those between which only its author can decide
	ways AS MATERIALIZED (
		SELECT b.oid, b.step, min(b.conname::text) AS foreign_key, min(b.via::oid) AS parent, min(b.via::text) AS via, bool_or(b.open) AS open, count(*) AS ways,
			   string_agg(DISTINCT quote_ident(b.conname), ', ') AS foreign_keys, min(b.direct) AS direct, min(b.serves) AS serves, bool_and(b.mandatory) AS mandatory
		FROM (SELECT x.oid, x.step, k.conname, x.via::regclass AS via, m.direct, m.serves, m.mandatory, COALESCE(w.open, false) AS open,
					 rank() OVER (PARTITION BY x.oid ORDER BY m.direct IS NULL, x.step, NOT m.mandatory, k.confdeltype <> 'c') AS rank
			  FROM adrift x JOIN foreign_keys k ON k.oid = x.foreign_key LEFT JOIN telling w ON w.oid = k.oid
				   CROSS JOIN LATERAL (SELECT min(n.attname::text) FILTER (WHERE pair.parent = w.attnum) AS direct, bool_and(n.attnotnull) AS mandatory,
											  min((CASE WHEN n.atttypid = 'uuid'::regtype THEN 'uuid' WHEN n.atttypid IN ('int8'::regtype, 'int4'::regtype) THEN 'bigint' WHEN n.atttypid IN ('text'::regtype, 'varchar'::regtype) THEN 'text' END)) FILTER (WHERE pair.parent = w.attnum) AS serves
									   FROM unnest(k.conkey, k.confkey) AS pair (child, parent)
											JOIN pg_attribute n ON n.attrelid = k.conrelid AND n.attnum = pair.child) m) b
		WHERE b.rank = 1
		GROUP BY b.oid, b.step
	),
	-- tables on the way of each to its tenant
	route (oid, through) AS (
		SELECT a.oid, a.parent FROM ways a
		UNION
		SELECT r.oid, a.parent FROM route r JOIN ways a ON a.oid = r.through
	),
	-- where a key may be null, one that may not be, to a table that reaches its tenant by itself and is to get the column first
	better AS MATERIALIZED (
		SELECT DISTINCT ON (a.oid) a.oid, k.conname AS foreign_key, k.confrelid AS parent
		FROM ways a JOIN foreign_keys k ON k.conrelid = a.oid JOIN ways p ON p.oid = k.confrelid
		WHERE NOT a.mandatory AND a.direct IS NULL AND p.oid <> a.oid AND (p.oid, a.oid) NOT IN (SELECT r.oid, r.through FROM route r)
			  AND NOT EXISTS (SELECT FROM unnest(k.conkey) AS c (attnum) JOIN pg_attribute n ON n.attrelid = k.conrelid AND n.attnum = c.attnum AND NOT n.attnotnull)
		ORDER BY a.oid, k.confdeltype <> 'c', k.conname
	),
	-- those that wait: for a decision about themselves, for a better key, or for the table that each reaches first
	waiting (oid) AS (
		SELECT b.oid FROM better b
		UNION
		SELECT a.oid FROM ways a CROSS JOIN settings s
		WHERE a.ways > 1 OR a.open AND a.direct IS NULL OR a.direct IS NOT NULL AND a.serves IS DISTINCT FROM s.tenant_type
		UNION
		SELECT a.oid FROM waiting w JOIN ways a ON a.parent = w.oid
	)

	-- rows that are a tenant's by what they reference, in a table without the column, or with one of another name
	SELECT 'tenant_column_missing', 'error', c.name,
		   CASE WHEN b.oid IS NOT NULL THEN format('references %s by foreign key %s, which can be null, and has no tenant column: every tenant sees every row. '
												   'Foreign key %I, which cannot, tells the tenant when table %s has the column: run that remedy first',
												   CASE WHEN a.open THEN 'the tenants'' own table ' || a.via ELSE 'guarded tables' END, a.foreign_keys, b.foreign_key, b.parent::regclass)
				WHEN a.ways > 1 THEN format('references %s by foreign keys %s and has no tenant column: every tenant sees every row. Which of them tells the tenant is to be decided',
											CASE WHEN a.open THEN 'the tenants'' own table ' || a.via ELSE 'guarded tables' END, a.foreign_keys)
				WHEN a.direct IS NOT NULL THEN format('references %s by column %I, as tenant columns do, and has no guard: every tenant sees every row', a.via, a.direct)
				ELSE format('references %s by foreign key %I and has no tenant column: every tenant sees every row', a.via, a.foreign_key) END,
		   CASE WHEN a.oid IN (SELECT w.oid FROM waiting w) THEN NULL
				WHEN a.direct IS NOT NULL THEN format('SELECT tenant_guard.protect(%L, %L)', c.name, a.direct)
				ELSE format('SELECT tenant_guard.derive_tenant_column(%L, %L)', c.name, a.foreign_key) END, a.step
	FROM ways a JOIN t c ON c.oid = a.oid LEFT JOIN better b ON b.oid = a.oid

	-- the table of the tenants themselves, which each tenant may read in whole
	UNION ALL
	SELECT 'tenants_table_open', 'error', n.name, format('is referenced by tenant columns, of %s, and has no guard: every tenant sees the rows of all tenants', n.referenced_by),
		   CASE WHEN n.serves = (SELECT tenant_type FROM settings) THEN format('SELECT tenant_guard.protect(%L, %L)', n.name, n.column) END, 0
	FROM tenants n
	WHERE n.status = 'unguarded'
),
audit_undecided (rule, level, object, detail, remedy, step) AS (
	WITH RECURSIVE t AS MATERIALIZED (SELECT * FROM tg_audited_tables),
	foreign_keys AS MATERIALIZED (SELECT * FROM tg_foreign_keys),
	-- tables that a rule above speaks of: the tenants' own, and those that reach it, or a guarded one
	told (oid) AS (
		SELECT n.oid FROM tg_tables_of_tenants n
		UNION
		SELECT t.oid FROM t WHERE t.status IN ('guarded', 'damaged')
		UNION
		SELECT k.conrelid FROM told r JOIN foreign_keys k ON k.confrelid = r.oid JOIN t c ON c.oid = k.conrelid AND c.status = 'unguarded' AND c.tenant_attnum IS NULL
	),
	-- of partitions and children the first counts
	undecided AS MATERIALIZED (
		SELECT t.oid, t.name FROM t
		WHERE t.status = 'unguarded' AND t.tenant_attnum IS NULL AND t.oid NOT IN (SELECT r.oid FROM told r)
			  AND NOT EXISTS (SELECT FROM pg_inherits i JOIN t p ON p.oid = i.inhparent AND p.status = 'unguarded' WHERE i.inhrelid = t.oid)
	),
	guards AS MATERIALIZED (SELECT EXISTS (SELECT FROM t WHERE t.status IN ('guarded', 'damaged')) AS any),
	-- columns that many tables have, most of all if they reference one table
	candidates AS MATERIALIZED (
		SELECT a.attname, count(DISTINCT a.attrelid) AS tables, k.confrelid::regclass::text AS parent
		FROM t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
			 LEFT JOIN foreign_keys k ON k.conrelid = a.attrelid AND k.conkey = ARRAY[a.attnum]
		WHERE NOT (SELECT g.any FROM guards g) AND t.relkind IN ('r', 'p') AND t.partition_of IS NULL
			  AND (CASE WHEN a.atttypid = 'uuid'::regtype THEN 'uuid' WHEN a.atttypid IN ('int8'::regtype, 'int4'::regtype) THEN 'bigint' WHEN a.atttypid IN ('text'::regtype, 'varchar'::regtype) THEN 'text' END) IS NOT NULL AND a.attname ~* '.(id|uuid)$'
		GROUP BY a.attname, k.confrelid
		HAVING count(DISTINCT a.attrelid) > 1
		ORDER BY count(DISTINCT a.attrelid) DESC, a.attname, k.confrelid
		LIMIT 3
	)

	-- a table in which nothing tells the tenant, and of which nobody has said that this is right
	SELECT 'undecided_table', 'warning', u.name,
		   format('is neither guarded nor shared: every tenant sees every row. Guard it by the column that tells the tenant, or say why all may see them: SELECT tenant_guard.share(%L, ''why'')', u.name),
		   NULL, 0
	FROM undecided u
	WHERE (SELECT g.any FROM guards g)

	-- a database in which the extension does nothing yet
	UNION ALL
	SELECT 'nothing_guarded', 'warning', current_database()::text,
		   format('no table is guarded yet, and in %s nothing tells the tenant. %s', CASE count(*) WHEN 1 THEN 'one table' ELSE count(*) || ' tables' END,
				  CASE WHEN EXISTS (SELECT FROM t WHERE t.status = 'unguarded' AND t.tenant_attnum IS NOT NULL) THEN 'Guard those that have the tenant column, then look at the others'
					   ELSE format('Choose the column that does (ALTER DATABASE %I SET tenant_guard.tenant_column = ...), then call tenant_guard.protect_schema()', current_database()) END)
		   || COALESCE((SELECT '. Columns of many tables: ' || string_agg(format('%I in %s%s', c.attname, c.tables, ', to ' || c.parent), '; ' ORDER BY c.tables DESC, c.attname, c.parent) FROM candidates c), ''),
		   NULL, 0
	FROM undecided u
	WHERE NOT (SELECT g.any FROM guards g)
	HAVING count(*) > 0
),
audit_tenant_columns (rule, level, object, detail, remedy, step) AS (
	WITH t AS MATERIALIZED (SELECT * FROM tg_audited_tables),
	settings AS MATERIALIZED (SELECT type_in_force AS tenant_type FROM tg_tenant_settings),
	-- Sets of columns for the rules below. Conditions with NOT IN are hashed, also where the catalogs have no
	-- statistics; without them the planner has NOT EXISTS read a catalog for each table.
	unproven_columns AS MATERIALIZED (SELECT k.conrelid AS relid, k.conkey[1] AS attnum FROM pg_constraint k WHERE k.contype = 'n' AND NOT k.convalidated),
	indexed_columns AS MATERIALIZED (
		SELECT i.indrelid AS relid, u.attnum
		FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
			 CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS u (attnum, place)
		-- to a GIN index all its columns are alike
		WHERE i.indisvalid AND i.indpred IS NULL AND (u.place = 1 OR m.amname = 'gin')
	),
	defaulted_columns AS MATERIALIZED (
		SELECT d.adrelid AS relid, d.adnum AS attnum
		FROM pg_attrdef d JOIN pg_depend e ON e.classid = 'pg_attrdef'::regclass AND e.objid = d.oid AND e.refclassid = 'pg_proc'::regclass
		WHERE e.refobjid IN (SELECT f.oid FROM pg_proc f WHERE f.pronamespace = to_regnamespace('tenant_guard'))
	)

	-- a column of a name that tenant columns have, in a table that it does not guard
	SELECT 'tenant_column_unused', CASE WHEN t.status = 'shared' THEN 'info' ELSE 'warning' END, t.name,
		   CASE WHEN t.status = 'shared' THEN format('has column %I and is declared as shared by all tenants', u.name)
				ELSE format('is guarded by column %s, and has a column %I too: what is written there says nothing of whose a row is', t.key, u.name) END,
		   NULL, 0
	FROM t CROSS JOIN LATERAL (SELECT c.name FROM unnest((SELECT tenant_columns FROM tg_asked)) WITH ORDINALITY AS c (name, place)
									  JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = c.name AND NOT a.attisdropped
							   WHERE t.status = 'shared' OR c.name <> t.tenant_column
							   ORDER BY c.place LIMIT 1) u
	WHERE t.partition_of IS NULL AND t.status IN ('shared', 'guarded', 'damaged')

	-- a tenant column that cannot hold this database's tenants
	UNION ALL
	SELECT 'tenant_type_differs', CASE WHEN t.status = 'unguarded' THEN 'error' ELSE 'warning' END, t.name,
		   format('column %s is of type %s, and tenants are of type %s: %s', t.key, t.tenant_type, s.tenant_type,
				  CASE WHEN t.status = 'unguarded' THEN 'it cannot be guarded' ELSE 'every use of the table is an error' END)
		   || CASE WHEN r.runs_code AND t.status = 'unguarded' THEN format('. Only its owner, role %I, should change it: functions of ordinary roles are called meanwhile', pg_get_userbyid(t.relowner)) ELSE '' END,
		   CASE WHEN t.status = 'unguarded' AND NOT r.runs_code AND (s.tenant_type = 'text' OR p.typcategory = 'S' OR (s.tenant_type = 'bigint' AND p.typcategory = 'N'))
				THEN format('ALTER TABLE %1$s ALTER COLUMN %2$s DROP DEFAULT, ALTER COLUMN %2$s TYPE %3$s USING %2$s::%3$s; SELECT tenant_guard.protect(%4$L)',
							t.name, t.key, s.tenant_type, t.name) END, 0
	FROM t JOIN pg_type p ON p.oid = t.tenant_type CROSS JOIN settings s
		 CROSS JOIN LATERAL (SELECT t.oid IN (SELECT w.oid FROM tg_relations_with_code w WHERE NOT w.planned) AS runs_code) r
	WHERE t.status IN ('unguarded', 'guarded', 'damaged') AND t.relkind IN ('r', 'p') AND t.partition_of IS NULL
		  AND t.serves IS DISTINCT FROM s.tenant_type

	-- the tenant column takes nulls, or its rows have not been looked at: such rows are nobody's
	UNION ALL
	SELECT 'not_null_pending', 'warning', t.name, format('column %s is not yet NOT NULL for all rows: nobody sees those with a null', t.key),
		   format('ALTER TABLE %s ALTER COLUMN %s SET NOT NULL', t.name, t.key), 0
	FROM t
	WHERE t.status = 'guarded' AND t.partition_of IS NULL AND NOT t.has_rows_of_everyone
		  AND (NOT t.attnotnull OR (t.oid, t.tenant_attnum) IN (SELECT u.relid, u.attnum FROM unproven_columns u))

	-- every query of a tenant is a scan of all tenants' rows
	UNION ALL
	SELECT 'tenant_index_missing', 'warning', t.name, format('has no index that begins with column %s: a query of one tenant reads the rows of all', t.key),
		   format('CREATE INDEX ON %s (%s)', t.name, t.key), 0
	FROM t LEFT JOIN pg_partitioned_table p ON p.partrelid = t.oid
	WHERE t.status = 'guarded' AND t.partition_of IS NULL AND p.partattrs[0] IS DISTINCT FROM t.tenant_attnum
		  AND (t.oid, t.tenant_attnum) NOT IN (SELECT i.relid, i.attnum FROM indexed_columns i)

	-- Django drops defaults after ADD COLUMN
	UNION ALL
	SELECT 'tenant_default_missing', 'info', t.name, format('column %s has no default of tenant_guard: an INSERT that leaves it out does not get the tenant', t.key),
		   concat_ws('; ', CASE WHEN a.attidentity <> '' THEN format('ALTER TABLE %s ALTER COLUMN %s DROP IDENTITY', t.name, t.key) END, format('SELECT tenant_guard.protect(%L%s)', t.name, t.how)), 0
	FROM t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = t.tenant_attnum AND a.attgenerated = ''
	WHERE t.status = 'guarded' AND t.partition_of IS NULL
		  AND (t.oid, t.tenant_attnum) NOT IN (SELECT d.relid, d.attnum FROM defaulted_columns d)
),
audit_gin_indexes (rule, level, object, detail, remedy, step) AS (
	WITH t AS MATERIALIZED (SELECT * FROM tg_audited_tables),
	-- Columns are what stands between the parentheses of the definition, and what follows; what stands before is known, whatever the names are.
	gin_indexes AS MATERIALIZED (
		SELECT i.indrelid AS relid, c.relname AS name, i.indkey::int2[] AS attnums,
			   pg_get_expr(i.indexprs, i.indrelid) AS expressions, pg_get_expr(i.indpred, i.indrelid) AS condition,
			   CASE WHEN starts_with(d.definition, d.before) THEN substr(d.definition, length(d.before) + 1) END AS columns
		FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam AND m.amname = 'gin'
			 JOIN pg_class r ON r.oid = i.indrelid JOIN pg_namespace n ON n.oid = r.relnamespace
			 CROSS JOIN LATERAL (SELECT pg_get_indexdef(i.indexrelid) AS definition,
										format('CREATE INDEX %I ON %s%I.%I USING gin (', c.relname, CASE c.relkind WHEN 'I' THEN 'ONLY ' ELSE '' END, n.nspname, r.relname) AS before) d
		WHERE i.indisvalid
	),
	-- indexes for nearest neighbours: their operators serve ORDER BY alone (src/planner/approximate_index.c)
	approximate_indexes AS MATERIALIZED (
		SELECT i.indrelid AS relid, c.relname AS name, m.amname
		FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam JOIN pg_opclass o ON o.oid = i.indclass[0]
		-- not to ask each index of the database for its properties
		WHERE i.indisvalid AND CASE WHEN o.opcfamily IN (SELECT p.amopfamily FROM pg_amop p WHERE p.amoppurpose = 'o') THEN NOT pg_index_has_property(i.indexrelid, 'bitmap_scan') END
	),
	-- as far as whoever asks may read statistics: columns with ten values at least
	columns_of_many AS MATERIALIZED (
		SELECT r.oid AS relid, s.attname, v.number
		FROM pg_stats s JOIN pg_namespace n ON n.nspname = s.schemaname JOIN pg_class r ON r.relnamespace = n.oid AND r.relname = s.tablename
			 CROSS JOIN LATERAL (SELECT CASE WHEN s.n_distinct < 0 THEN -s.n_distinct * r.reltuples ELSE s.n_distinct END AS number) v
		WHERE r.oid IN (SELECT i.relid FROM gin_indexes i UNION SELECT i.relid FROM approximate_indexes i) AND v.number >= 10
	)
	SELECT 'gin_without_tenant', 'info', format('%I on %s', i.name, t.name),
		   format('contains the rows of many tenants, and not column %s: a search for a small tenant takes as long as one for all. An index that begins with the column serves tenants of every size', t.key),
		   CASE WHEN i.columns IS NULL THEN NULL
				WHEN EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'btree_gin')
				THEN format('CREATE INDEX %sON %s USING gin (%s, %s', CASE WHEN t.relkind = 'r' THEN 'CONCURRENTLY ' ELSE '' END, t.name, t.key, i.columns)
				ELSE format('CREATE EXTENSION btree_gin; CREATE INDEX ON %s USING gin (%s, %s', t.name, t.key, i.columns) END, 0
	FROM t JOIN gin_indexes i ON i.relid = t.oid
	WHERE t.status = 'guarded' AND t.partition_of IS NULL AND t.tenant_attnum <> ALL (i.attnums)
		  AND (t.oid, t.tenant_column) IN (SELECT m.relid, m.attname FROM columns_of_many m WHERE m.number >= 100)
		  -- an index of the same columns and the tenant's may be there already
		  AND NOT EXISTS (SELECT FROM gin_indexes o
						  WHERE o.relid = i.relid AND t.tenant_attnum = ANY (o.attnums) AND i.attnums <@ o.attnums
								AND o.expressions IS NOT DISTINCT FROM i.expressions AND o.condition IS NOT DISTINCT FROM i.condition)

	-- An index for nearest neighbours returns a number of rows of all tenants. Where the planner may read the tenant's instead, an index that begins with the
	-- tenant column serves every tenant; an iterative scan goes on until there are enough.
	UNION ALL
	SELECT 'vector_search_overfilters', 'warning', format('%I on %s', i.name, t.name),
		   format('returns the nearest rows of all tenants, of which those of other tenants are removed: a tenant with one row in a hundred gets fewer rows than LIMIT says, or none. %s',
				  CASE WHEN p.reads_exactly THEN format('With an index that begins with column %s, such a tenant''s rows are read and compared instead. So do iterative scans (%I.iterative_scan) find enough, and partitions of few tenants', t.key, i.amname)
					   ELSE format('Iterative scans (%I.iterative_scan) find enough, and so do partitions of one tenant each', i.amname) END),
		   CASE WHEN p.reads_exactly THEN format('CREATE INDEX %sON %s (%s)', CASE WHEN t.relkind = 'r' THEN 'CONCURRENTLY ' ELSE '' END, t.name, t.key)
				WHEN current_setting(i.amname || '.iterative_scan', true) IS NOT NULL THEN format('ALTER DATABASE %I SET %I.iterative_scan = %L', current_database(), i.amname, 'relaxed_order') END, 0
	FROM t JOIN approximate_indexes i ON i.relid = t.oid
		 CROSS JOIN LATERAL (SELECT COALESCE(current_setting('tenant_guard.small_tenant_paths', true) = 'on', false) AND NOT t.has_rows_of_everyone AS reads_exactly) p
		 LEFT JOIN pg_partitioned_table a ON a.partrelid = t.oid
	WHERE t.status = 'guarded' AND t.partition_of IS NULL AND a.partattrs[0] IS DISTINCT FROM t.tenant_attnum
		  AND (t.oid, t.tenant_column) IN (SELECT m.relid, m.attname FROM columns_of_many m)
		  AND COALESCE(current_setting(i.amname || '.iterative_scan', true), 'off') = 'off'
		  AND NOT (p.reads_exactly
				   AND EXISTS (SELECT FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_am m ON m.oid = c.relam AND m.amname = 'btree'
							   WHERE x.indrelid = t.oid AND x.indisvalid AND x.indpred IS NULL AND x.indkey[0] = t.tenant_attnum))
),
audit_foreign_tables (rule, level, object, detail, remedy, step) AS (
	WITH RECURSIVE t AS MATERIALIZED (SELECT * FROM tg_audited_tables),
	guarded AS MATERIALIZED (SELECT * FROM t WHERE t.status IN ('guarded', 'damaged')),
	unbound AS MATERIALIZED (SELECT * FROM tg_unbound_roles),
	open_to AS MATERIALIZED (SELECT * FROM tg_open_relations),
	-- what a query of a guarded table reads and writes
	below_guarded (oid) AS (
		SELECT g.oid FROM guarded g
		UNION
		SELECT i.inhrelid FROM below_guarded b JOIN pg_inherits i ON i.inhparent = b.oid
	)

	-- a foreign table below a guarded one
	SELECT 'foreign_part', 'error', c.oid::regclass::text,
		   format('is a foreign table and a part of %s: filters may be sent to its server before the tenant''s, and rows of any tenant can be written', i.inhparent::regclass),
		   CASE WHEN c.relispartition THEN format('ALTER TABLE %s DETACH PARTITION %s', i.inhparent::regclass, c.oid::regclass)
				ELSE format('ALTER FOREIGN TABLE %s NO INHERIT %s', c.oid::regclass, i.inhparent::regclass) END, 0
	FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid
	WHERE c.relkind = 'f' AND i.inhparent IN (SELECT b.oid FROM below_guarded b)

	-- a foreign table with the tenant column
	UNION ALL
	SELECT 'foreign_table_exposes', 'error', t.name,
		   format('cannot have row-level security, and is open to %s', concat_ws(', ', CASE WHEN u.oid IS NULL THEN 'its owner ' || quote_ident(pg_get_userbyid(t.relowner)) END, o.roles)),
		   NULLIF(concat_ws('; ', format('REVOKE ALL ON %s FROM ', t.name) || o.roles,
							CASE WHEN u.oid IS NULL AND t.oid NOT IN (SELECT w.oid FROM tg_relations_with_code w)
								 THEN format('ALTER FOREIGN TABLE %s OWNER TO %I', t.name, current_user) END), ''), 0
	FROM t LEFT JOIN unbound u ON u.oid = t.relowner LEFT JOIN open_to o ON o.oid = t.oid
	WHERE t.relkind = 'f' AND t.status = 'unguarded' AND t.tenant_attnum IS NOT NULL AND (u.oid IS NULL OR o.oid IS NOT NULL)
),
audit_policies (rule, level, object, detail, remedy, step) AS (
	WITH t AS MATERIALIZED (SELECT * FROM tg_audited_tables),
	guarded AS MATERIALIZED (SELECT * FROM t WHERE t.status IN ('guarded', 'damaged')),
	functions AS MATERIALIZED (SELECT * FROM tg_user_functions),
	-- few, where every guarded table has policies: so this is first
	calls AS MATERIALIZED (
		SELECT p.polname, p.polrelid, f.oid, f.name
		FROM functions f JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.refclassid = 'pg_proc'::regclass AND d.refobjid = f.oid
			 JOIN pg_policy p ON p.oid = d.objid
		WHERE f.lanname NOT IN ('c', 'internal') AND f.prosqlbody IS NULL AND NOT f.pinned
	)

	-- a policy that calls a function whose meaning the caller's search_path decides
	SELECT DISTINCT 'policy_reads_unsafe_function', 'warning', format('%I on %s', k.polname, t.name),
		   format('calls %s, whose search_path is its caller''s', k.name),
		   format('ALTER FUNCTION %s SET search_path = pg_catalog, %I, pg_temp', k.name, n.nspname), 0
	FROM calls k JOIN guarded t ON t.oid = k.polrelid
		 JOIN pg_proc r ON r.oid = k.oid JOIN pg_namespace n ON n.oid = r.pronamespace

	-- restrictive policies are evaluated in the order of their names, where each command has its own those of one command
	UNION ALL
	SELECT 'policy_before_isolation', 'warning', format('%I on %s', p.polname, t.name),
		   format('its name sorts before %s: it is evaluated on every tenant''s rows, and an error or notice of it may tell of them', i.policy),
		   format('ALTER POLICY %I ON %s RENAME TO %I', p.polname, t.name,
				  -- a name takes what fits of it
				  (SELECT n.name FROM (VALUES (format('%s_%s', i.policy, p.polname)::name, 1), (format('%s_%s', i.policy, md5(p.polname))::name, 2)) n (name, place)
				   WHERE NOT EXISTS (SELECT FROM pg_policy o WHERE o.polrelid = p.polrelid AND o.polname = n.name) ORDER BY n.place LIMIT 1)), 0
	FROM pg_policy p JOIN t ON t.oid = p.polrelid AND t.status = 'guarded' CROSS JOIN (SELECT 'tenant_isolation'::name) o (policy)
		 CROSS JOIN LATERAL (SELECT CASE WHEN NOT t.has_rows_of_everyone OR p.polcmd IN ('r', 'a') THEN o.policy
										 WHEN p.polcmd = 'd' THEN 'tenant_isolation_deletes' ELSE 'tenant_isolation_updates' END) i (policy)
	WHERE NOT p.polpermissive AND p.polname < i.policy
),
audit_foreign_keys (rule, level, object, detail, remedy, step) AS (
	WITH t AS MATERIALIZED (SELECT * FROM tg_audited_tables),
	guarded AS MATERIALIZED (SELECT * FROM t WHERE t.status IN ('guarded', 'damaged')),
	broken AS MATERIALIZED (SELECT b.* FROM tg_broken_invariants b JOIN t ON t.oid = b.relation),
	foreign_keys AS MATERIALIZED (SELECT * FROM tg_foreign_keys),
	-- those between guarded tables: what a key says of tenants, and what one that crosses would say with the row's own
	guarded_keys AS MATERIALIZED (
		SELECT k.*, c.name AS child, p.name AS parent, v.kind, v.own_tenants_key
		FROM guarded c JOIN tg_key_kinds v ON v.child = c.oid
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
),
audit_key_actions (rule, level, object, detail, remedy, step) AS (
	WITH t AS MATERIALIZED (SELECT * FROM tg_audited_tables),
	guarded AS MATERIALIZED (SELECT * FROM t WHERE t.status IN ('guarded', 'damaged')),
	foreign_keys AS MATERIALIZED (SELECT * FROM tg_foreign_keys),
	unbound AS MATERIALIZED (SELECT * FROM tg_unbound_roles),
	grants AS MATERIALIZED (SELECT * FROM tg_granted_privileges),
	without_library AS MATERIALIZED (SELECT * FROM tg_roles_without_library),
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
		SELECT NOT false OR EXISTS (SELECT FROM without_library w WHERE w.statement IS NOT NULL) AS missing
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
),
audit_key_functions (rule, level, object, detail, remedy, step) AS (
	WITH RECURSIVE guarded AS MATERIALIZED (SELECT * FROM tg_guarded_tables),
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
),
audit_unique_keys (rule, level, object, detail, remedy, step) AS (
	WITH guarded AS MATERIALIZED (SELECT * FROM tg_guarded_tables),
	-- foreign keys that need an index
	uses AS MATERIALIZED (
		SELECT f.conindid AS index, string_agg(quote_ident(f.conname), ', ' ORDER BY f.conname) AS needed_by
		FROM pg_constraint f WHERE f.contype = 'f' AND f.conparentid = 0
		GROUP BY f.conindid
	),
	-- columns that reference a guarded table
	referencing AS MATERIALIZED (
		SELECT f.conrelid AS relation, c.attnum
		FROM tg_foreign_keys f JOIN guarded p ON p.oid = f.confrelid CROSS JOIN unnest(f.conkey) AS c (attnum)
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
),
audit_views (rule, level, object, detail, remedy, step) AS (
	WITH unbound AS MATERIALIZED (SELECT * FROM tg_unbound_roles),
	named_by AS MATERIALIZED (SELECT * FROM tg_named_relations),
	views AS MATERIALIZED (SELECT * FROM tg_views_of_guarded),
	touchable AS MATERIALIZED (SELECT * FROM tg_bypassable_relations),
	open_to AS MATERIALIZED (SELECT * FROM tg_open_relations),
	left_alone AS MATERIALIZED (SELECT * FROM tg_schemas_left_alone)

	-- a view that reads for its owner, whom row-level security does not bind
	SELECT 'view_bypasses', 'error', v.name,
		   format('reads %s as its owner %I, who %s', (SELECT string_agg(g.name, ', ' ORDER BY g.name) FROM named_by n JOIN touchable g ON g.oid = n.names WHERE n.relation = v.oid),
				  u.rolname, u.why),
		   format('ALTER VIEW %s SET (security_invoker = true)', v.name), 0
	FROM views v JOIN unbound u ON u.oid = v.relowner
	WHERE v.relkind = 'v' AND NOT v.invoker
		  AND EXISTS (SELECT FROM named_by n JOIN touchable g ON g.oid = n.names WHERE n.relation = v.oid)

	-- so does a rule, for the owner of its table
	UNION ALL
	SELECT 'rule_bypasses', 'error', format('%I on %s', r.rulename, r.ev_class::regclass),
		   format('reads or writes %s with the privileges of role %I, which owns the rule''s table and %s; a trigger in its place would run as the user', string_agg(DISTINCT g.name, ', '), u.rolname, u.why), NULL, 0
	FROM named_by n JOIN pg_rewrite r ON r.oid = n.rule AND r.ev_type <> '1'
		 JOIN touchable g ON g.oid = n.names
		 JOIN pg_class c ON c.oid = n.relation AND c.relnamespace NOT IN (SELECT schema FROM left_alone)
		 JOIN unbound u ON u.oid = c.relowner
	GROUP BY r.rulename, r.ev_class, u.rolname, u.why

	-- a materialized view contains the rows of every tenant, and cannot have row-level security
	UNION ALL
	SELECT 'materialized_view_exposes', 'error', v.name,
		   format('keeps rows of %s, and is open to %s', v.guarded, concat_ws(', ', CASE WHEN u.oid IS NULL THEN 'its owner ' || quote_ident(pg_get_userbyid(v.relowner)) END, o.roles))
		   || CASE WHEN u.oid IS NULL AND r.runs_code THEN '. No superuser should own it: its query calls functions of ordinary roles' ELSE '' END,
		   NULLIF(concat_ws('; ', format('REVOKE ALL ON %s FROM ', v.name) || o.roles,
							CASE WHEN u.oid IS NULL AND NOT r.runs_code THEN format('ALTER MATERIALIZED VIEW %s OWNER TO %I', v.name, current_user) END), ''), 0
	FROM views v LEFT JOIN unbound u ON u.oid = v.relowner LEFT JOIN open_to o ON o.oid = v.oid
		 CROSS JOIN LATERAL (SELECT v.oid IN (SELECT w.oid FROM tg_relations_with_code w) AS runs_code) r
	WHERE v.relkind = 'm' AND (u.oid IS NULL OR o.oid IS NOT NULL)
),
audit_definers (rule, level, object, detail, remedy, step) AS (
	WITH guarded AS MATERIALIZED (SELECT * FROM tg_guarded_tables),
	unbound AS MATERIALIZED (SELECT * FROM tg_unbound_roles),
	functions AS MATERIALIZED (SELECT * FROM tg_user_functions),
	touches AS MATERIALIZED (SELECT * FROM tg_named_in_functions),
	-- SECURITY DEFINER functions, those of extensions too
	definers AS MATERIALIZED (
		SELECT p.oid, p.oid::regprocedure::text AS name, p.prosrc, p.proowner, p.prorettype, l.lanname, f.oid IS NULL AS of_extension,
			   EXISTS (SELECT FROM unnest(p.proconfig) s WHERE s ~* '^tenant_guard\.bypass=(on|1|t|tr|tru|true|y|ye|yes)$') AS declares_bypass,
			   EXISTS (SELECT FROM aclexplode(COALESCE(p.proacl, acldefault('f', p.proowner))) e WHERE e.grantee = 0) AS for_everyone
		FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang LEFT JOIN functions f ON f.oid = p.oid
		WHERE p.prosecdef
	),
	-- functions that triggers of guarded tables call, and the roles that own tables with such triggers, whichever they are
	fired AS MATERIALIZED (
		SELECT g.tgfoid AS function, string_agg(DISTINCT format('trigger %I on %s', g.tgname, t.name), ', ') AS triggers,
			   string_agg(DISTINCT quote_ident(r.rolname), ', ') FILTER (WHERE NOT r.rolsuper) AS owners
		FROM pg_trigger g JOIN guarded t ON t.oid = g.tgrelid JOIN pg_roles r ON r.oid = t.relowner
		WHERE NOT g.tgisinternal AND g.tgparentid = 0
		GROUP BY g.tgfoid
	),
	-- the roles that were granted something to do with rows of users' tables, guarded already or not yet
	workers AS MATERIALIZED (
		SELECT string_agg(DISTINCT quote_ident(pg_get_userbyid(e.grantee)), ', ') AS roles
		FROM tg_granted_privileges e
		WHERE e.grantee <> 0 AND e.relation IN (SELECT t.oid FROM tg_audited_tables t) AND e.privilege IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
	)

	-- a SECURITY DEFINER function that names guarded tables, of a role whom row-level security does not bind; or one that triggers of
	-- guarded tables call, and that puts names together at run time, or is in C: also of an extension, as one that keeps a history.
	-- A trigger function writes for the row that fires it: a superuser's is to say that it means it (src/bypass/access_refusals.c has the
	-- same hint). As the table's owner, or as its caller, it would lack the privileges for what it writes.
	SELECT 'definer_function_bypasses', CASE WHEN x.guarded IS NULL THEN 'warning' ELSE 'error' END, f.name,
		   format('runs as %I, who %s, ', u.rolname, u.why)
		   || CASE WHEN x.guarded IS NOT NULL THEN format('and names %s; one that means it declares SET tenant_guard.bypass = on', x.guarded)
				   ELSE format('for %s: if it reads or writes guarded tables, the statement that fires it is refused', g.triggers) END,
		   CASE WHEN f.prorettype <> 'trigger'::regtype THEN format('ALTER ROUTINE %s SECURITY INVOKER', f.name)
				WHEN u.rolsuper THEN concat_ws('; ', format('ALTER FUNCTION %s SET tenant_guard.bypass = on', f.name),
											   CASE WHEN f.for_everyone AND NOT f.of_extension THEN format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f.name) END,
											   CASE WHEN f.for_everyone AND NOT f.of_extension THEN format('GRANT EXECUTE ON FUNCTION %s TO ', f.name) || g.owners END) END, 0
	FROM definers f LEFT JOIN touches x ON x.function = f.oid LEFT JOIN fired g ON g.function = f.oid JOIN unbound u ON u.oid = f.proowner
	WHERE NOT f.declares_bypass
		  AND (x.guarded IS NOT NULL OR g.function IS NOT NULL AND (f.lanname IN ('c', 'internal') OR f.prosrc ~* '\mexecute\M'))

	-- one that means it, and lets everyone: of a trigger, who may call it may put it on a table of its own
	UNION ALL
	SELECT 'bypass_for_everyone', 'warning', f.name, 'declares tenant_guard.bypass, and every role may call it',
		   concat_ws('; ', format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC', f.name),
					 -- roles that work with tenants' rows go on to call it, and owners to make triggers of it
					 format('GRANT EXECUTE ON ROUTINE %s TO ', f.name) || CASE WHEN f.prorettype = 'trigger'::regtype THEN g.owners ELSE (SELECT w.roles FROM workers w) END), 0
	FROM definers f LEFT JOIN fired g ON g.function = f.oid
	WHERE f.declares_bypass AND f.for_everyone AND NOT f.of_extension
),
audit_functions (rule, level, object, detail, remedy, step) AS (
	WITH guarded AS MATERIALIZED (SELECT * FROM tg_guarded_tables),
	unbound AS MATERIALIZED (SELECT * FROM tg_unbound_roles),
	functions AS MATERIALIZED (SELECT * FROM tg_user_functions),
	foreign_keys AS MATERIALIZED (SELECT * FROM tg_foreign_keys),
	touches AS MATERIALIZED (SELECT * FROM tg_named_in_functions)

	-- a function that the planner may run on rows of other tenants, as its owner says that it tells nothing
	SELECT 'leakproof_function', 'warning', f.name, 'is LEAKPROOF: it may be called with values of any tenant''s rows',
		   format('ALTER FUNCTION %s NOT LEAKPROOF', f.name), 0
	FROM functions f WHERE f.proleakproof

	-- functions that a superuser has let filters call beside the tenant's
	UNION ALL
	SELECT 'trusted_function', 'info', f.function::text, 'is labelled trusted: filters may call it with values of any tenant''s rows',
		   format('SECURITY LABEL FOR tenant_guard ON FUNCTION %s IS NULL', f.function), 0
	FROM tg_trusted_functions f WHERE f.declared_by = 'label'

	-- a trigger that a foreign key's action fires runs as the owner of the table, not as the user
	UNION ALL
	SELECT 'trigger_runs_as_owner', 'warning', format('%I on %s', g.tgname, t.name),
		   format('a cascade of foreign key %I fires it as %I, who %s, and it names %s', min(k.conname), pg_get_userbyid(t.relowner), u.why, min(x.guarded)), NULL, 0
	FROM pg_trigger g
		 JOIN guarded t ON t.oid = g.tgrelid
		 JOIN foreign_keys k ON k.conrelid = t.oid
								AND ((k.confdeltype = 'c' AND g.tgtype & 8 <> 0) OR (k.confdeltype IN ('n', 'd') AND g.tgtype & 16 <> 0)
									 OR (k.confupdtype IN ('c', 'n', 'd') AND g.tgtype & 16 <> 0))
		 JOIN functions f ON f.oid = g.tgfoid AND NOT f.prosecdef AND NOT f.declares_bypass
		 JOIN touches x ON x.function = f.oid
		 JOIN unbound u ON u.oid = t.relowner
	WHERE NOT g.tgisinternal AND g.tgparentid = 0 AND g.tgenabled <> 'D'
	GROUP BY g.tgname, t.name, t.relowner, u.why
),
audit_triggers (rule, level, object, detail, remedy, step) AS (
	WITH RECURSIVE t AS MATERIALIZED (SELECT * FROM tg_audited_tables),
	guarded AS MATERIALIZED (SELECT * FROM t WHERE t.status IN ('guarded', 'damaged')),
	foreign_keys AS MATERIALIZED (SELECT * FROM tg_foreign_keys),
	views AS MATERIALIZED (SELECT * FROM tg_views_of_guarded),
	grants AS MATERIALIZED (SELECT * FROM tg_granted_privileges),
	-- roles that have the privileges of an owner of guarded tables
	owners_with_rights AS MATERIALIZED (
		SELECT r.oid FROM pg_roles r WHERE EXISTS (SELECT FROM guarded g WHERE pg_has_role(r.oid, g.relowner, 'USAGE'))
	),
	-- tables on which a key acts as such an owner; parts of such tables too
	acted_on (oid) AS (
		SELECT k.conrelid
		FROM foreign_keys k JOIN pg_class c ON c.oid = k.conrelid
		WHERE (k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd'))
			  AND c.relowner IN (SELECT o.oid FROM owners_with_rights o)
		UNION
		SELECT i.inhrelid FROM acted_on a JOIN pg_inherits i ON i.inhparent = a.oid
	),
	-- tables and views whose triggers have rights over tenants' rows (src/ddl/trigger_owner.c)
	with_rights AS MATERIALIZED (
		SELECT t.oid, t.name, t.relowner, t.oid IN (SELECT a.oid FROM acted_on a) AS acted_on
		FROM t
		WHERE t.oid IN (SELECT g.oid FROM guarded g UNION ALL SELECT a.oid FROM acted_on a) OR t.relowner IN (SELECT o.oid FROM owners_with_rights o)
		UNION ALL
		SELECT v.oid, v.name, v.relowner, false FROM views v WHERE v.relkind = 'v'
	)

	-- TRIGGER and REFERENCES, which GRANT ALL includes, granted to PUBLIC or to a role, if a role that can log in has them by that
	-- grant and is no member of the owner. A trigger that a foreign key's action fires runs as the owner; the errors of a foreign
	-- key reveal which rows the referenced table has.
	SELECT 'trigger_granted', 'warning', CASE WHEN h.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(h.grantee)) END,
		   format('has privileges by which log-in roles such as %s can %s', quote_ident(h.first_role),
				  concat_ws('; and can ', CASE WHEN h.may_trigger THEN format('create triggers on %s, which see what every tenant writes, and run as the owner of the table in a foreign key''s action', h.triggers) END,
							CASE WHEN h.may_reference THEN format('make foreign keys to %s, whose errors reveal which rows exist', h.referenced) END)),
		   (SELECT string_agg(format('REVOKE %s ON %s FROM %s', v.privileges, v.names, CASE WHEN h.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(h.grantee)) END), '; ')
			FROM (SELECT string_agg(v.privilege, ', ') AS privileges, v.names FROM (VALUES ('TRIGGER', h.triggers), ('REFERENCES', h.referenced)) v (privilege, names)
				  WHERE v.names IS NOT NULL GROUP BY v.names ORDER BY min(v.privilege) DESC) v), 0
	FROM (SELECT e.grantee, min(r.rolname) AS first_role,
				 bool_or(e.privilege = 'TRIGGER') AS may_trigger, bool_or(e.privilege = 'REFERENCES') AS may_reference,
				 string_agg(DISTINCT g.name, ', ') FILTER (WHERE e.privilege = 'TRIGGER') AS triggers,
				 string_agg(DISTINCT g.name, ', ') FILTER (WHERE e.privilege = 'REFERENCES') AS referenced
		  FROM grants e JOIN with_rights g ON g.oid = e.relation
			   JOIN pg_roles r ON r.rolcanlogin AND NOT pg_has_role(r.oid, g.relowner, 'MEMBER')
								  AND CASE e.grantee WHEN 0 THEN true ELSE pg_has_role(r.oid, e.grantee, 'MEMBER') END
		  WHERE e.privilege = 'TRIGGER' OR (e.privilege = 'REFERENCES' AND g.oid IN (SELECT o.oid FROM guarded o))
		  GROUP BY e.grantee) h

	-- a trigger that existed before the table was guarded, by which the owner of its function gets the privileges of the table's owner
	UNION ALL
	SELECT 'trigger_of_other', CASE WHEN w.acted_on THEN 'error' ELSE 'warning' END, w.name,
		   format('trigger %1$I calls %2$s%3$s. Read what it calls; if that is as it should be, let role %4$I own it (ALTER ROUTINE ... OWNER TO), or else run DROP TRIGGER %1$I ON %5$s',
				  g.tgname, string_agg(format('function %s of role %I', f.oid::regprocedure, r.rolname), ', ' ORDER BY f.oid::regprocedure::text),
				  CASE WHEN w.acted_on THEN format(', and a foreign key''s action runs it as role %I', pg_get_userbyid(w.relowner)) END,
				  pg_get_userbyid(w.relowner), w.name), NULL, 0
	FROM with_rights w
		 JOIN pg_trigger g ON g.tgrelid = w.oid AND NOT g.tgisinternal AND g.tgparentid = 0
		 JOIN pg_depend d ON d.classid = 'pg_trigger'::regclass AND d.objid = g.oid
		 LEFT JOIN pg_operator o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
		 JOIN pg_proc f ON f.oid = CASE WHEN d.refclassid = 'pg_proc'::regclass THEN d.refobjid ELSE o.oprcode END
		 JOIN pg_roles r ON r.oid = f.proowner AND NOT r.rolsuper AND NOT pg_has_role(r.oid, w.relowner, 'MEMBER')
	GROUP BY w.oid, w.name, w.relowner, w.acted_on, g.oid, g.tgname
),
audit_roles (rule, level, object, detail, remedy, step) AS (
	WITH guarded AS MATERIALIZED (SELECT * FROM tg_guarded_tables),
	unbound AS MATERIALIZED (SELECT * FROM tg_unbound_roles),
	stored AS MATERIALIZED (SELECT * FROM tg_stored_settings)

	-- roles that can log in and are superusers or have BYPASSRLS, except the superuser that initdb creates
	SELECT 'role_bypasses', CASE WHEN r.rolsuper THEN 'warning' ELSE 'info' END, quote_ident(r.rolname),
		   format('logs in and %s: row-level security does not bind it', u.why) || CASE WHEN d.meant THEN ', as is meant for a role that reports, backs up or runs jobs' ELSE '' END,
		   CASE WHEN r.rolsuper OR NOT d.meant
				THEN format('ALTER ROLE %I%s%s', r.rolname, CASE WHEN r.rolsuper THEN ' NOSUPERUSER' END, CASE WHEN r.rolbypassrls THEN ' NOBYPASSRLS' END) END, 0
	FROM pg_roles r JOIN unbound u ON u.oid = r.oid
		 -- what says so: settings, or pg_dump's privilege (docs/roles.md)
		 CROSS JOIN LATERAL (SELECT pg_has_role(r.oid, 'pg_read_all_data', 'USAGE')
									OR EXISTS (SELECT FROM stored s WHERE s.setrole = r.oid AND (s.setting, s.value) IN (('row_security', 'off'), ('tenant_guard.bypass', 'on'))) AS meant) d
	WHERE r.rolcanlogin AND r.oid <> 10
	UNION ALL
	SELECT 'role_bypasses', 'warning', quote_ident(r.rolname),
		   format('logs in and may SET ROLE %I, who %s', u.rolname, u.why),
		   CASE WHEN EXISTS (SELECT FROM pg_auth_members m WHERE m.roleid = u.oid AND m.member = r.oid) THEN format('REVOKE %I FROM %I', u.rolname, r.rolname) END, 0
	FROM pg_roles r JOIN unbound u ON pg_has_role(r.oid, u.oid, 'MEMBER')
	WHERE r.rolcanlogin AND r.oid NOT IN (SELECT b.oid FROM unbound b)

	-- roles that can log in and can read rows without a policy: by files or programs of the server, or its write-ahead log
	UNION ALL
	SELECT 'role_reaches_around', w.level, quote_ident(r.rolname), format('logs in and is a member of %s: it %s', w.name, w.consequence),
		   CASE WHEN EXISTS (SELECT FROM pg_auth_members m WHERE m.roleid = p.oid AND m.member = r.oid) THEN format('REVOKE %s FROM %I', w.name, r.rolname) END, 0
	FROM (VALUES ('pg_read_server_files', 'warning', 'may read the server''s files, in which are the rows of every tenant'),
				 ('pg_write_server_files', 'warning', 'may write the server''s files, its configuration and its libraries among them'),
				 ('pg_execute_server_program', 'warning', 'may run programs as the server''s user of the operating system'),
				 ('pg_maintain', 'info', 'may lock, analyze and rewrite every table, and is told how many rows all tenants have')) AS w (name, level, consequence)
		 JOIN pg_roles p ON p.rolname = w.name
		 JOIN pg_roles r ON r.rolcanlogin AND NOT r.rolsuper AND pg_has_role(r.oid, p.oid, 'MEMBER')
	WHERE EXISTS (SELECT FROM guarded)
	UNION ALL
	SELECT 'role_reaches_around', w.level, quote_ident(r.rolname),
		   format('logs in and %s %s: it %s', CASE WHEN r.oid = p.oid THEN 'has' ELSE format('may SET ROLE %I, which has', p.rolname) END, w.attribute, w.consequence),
		   CASE WHEN r.oid = p.oid THEN format('ALTER ROLE %I NO%s', r.rolname, w.attribute)
				WHEN EXISTS (SELECT FROM pg_auth_members m WHERE m.roleid = p.oid AND m.member = r.oid) THEN format('REVOKE %I FROM %I', p.rolname, r.rolname) END, 0
	FROM pg_roles p
		 CROSS JOIN (VALUES ('REPLICATION', 'info', 'may copy the server, and follow every tenant''s changes'),
							-- from 16 on it may grant only what it was granted itself, or made
							('CREATEROLE', 'warning', 'may make itself a member of any role that is no superuser')) AS w (attribute, level, consequence)
		 JOIN pg_roles r ON r.rolcanlogin AND NOT r.rolsuper AND pg_has_role(r.oid, p.oid, 'MEMBER')
	WHERE NOT p.rolsuper AND EXISTS (SELECT FROM guarded)
		  AND CASE w.attribute WHEN 'REPLICATION' THEN p.rolreplication ELSE p.rolcreaterole AND current_setting('server_version_num')::int < 160000 END

	-- a role that logs in and may unprotect tables, or make some that are not guarded. One that becomes the owner as it logs in is for
	-- migrations. To the others what they need is granted first.
	UNION ALL
	SELECT 'application_owns_table', CASE WHEN m.migrates THEN 'info' ELSE 'warning' END, quote_ident(r.rolname),
		   format('logs in and %s %s guarded tables, %s first', CASE WHEN o.owner = r.oid THEN 'owns' ELSE format('is a member of %I, the owner of', pg_get_userbyid(o.owner)) END, o.tables, o.first)
		   || CASE WHEN m.migrates THEN ': its setting "role" makes it that owner, as migrations need it' ELSE '' END,
		   CASE WHEN m.migrates THEN NULL
				WHEN o.owner = r.oid OR EXISTS (SELECT FROM pg_auth_members m WHERE m.roleid = o.owner AND m.member = r.oid)
				THEN concat_ws('; ', CASE WHEN o.owner = r.oid AND to_regrole(quote_ident(w.name)) IS NULL THEN format('CREATE ROLE %I', w.name) END,
							   CASE WHEN o.owner = r.oid THEN format('REASSIGN OWNED BY %I TO %I', r.rolname, w.name) END,
							   format('GRANT USAGE ON SCHEMA %s TO %I', o.schemas, r.rolname),
							   format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I', o.names, r.rolname),
							   'GRANT USAGE ON SEQUENCE ' || (SELECT string_agg(DISTINCT d.objid::regclass::text, ', ')
															  FROM guarded g JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
																								 AND d.refobjid = g.oid AND d.deptype IN ('a', 'i')
																   JOIN pg_class q ON q.oid = d.objid AND q.relkind = 'S'
															  WHERE g.relowner = o.owner) || format(' TO %I', r.rolname),
							   -- and on what migrations make later
							   format('ALTER DEFAULT PRIVILEGES FOR ROLE %1$I IN SCHEMA %2$s GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %3$I; '
									  'ALTER DEFAULT PRIVILEGES FOR ROLE %1$I IN SCHEMA %2$s GRANT USAGE ON SEQUENCES TO %3$I',
									  CASE WHEN o.owner = r.oid THEN w.name ELSE pg_get_userbyid(o.owner) END, o.schemas, r.rolname),
							   CASE WHEN o.owner <> r.oid THEN format('REVOKE %I FROM %I', pg_get_userbyid(o.owner), r.rolname) END) END, 0
	FROM (SELECT g.relowner AS owner, count(*) FILTER (WHERE g.partition_of IS NULL) AS tables, min(g.name) AS first, string_agg(g.name, ', ' ORDER BY g.name) AS names,
				 string_agg(DISTINCT g.relnamespace::regnamespace::text, ', ') AS schemas
		  FROM guarded g GROUP BY g.relowner) o
		 JOIN pg_roles r ON r.rolcanlogin AND pg_has_role(r.oid, o.owner, 'MEMBER') AND r.oid NOT IN (SELECT u.oid FROM unbound u)
		 -- a name takes what fits of it; a role that has more rights would run the functions that it gets with these
		 CROSS JOIN LATERAL (SELECT c.name
							 FROM (VALUES (r.rolname || '_owner', octet_length(r.rolname) > 57, 1), ('owner_' || md5(r.rolname), false, 2)) c (name, is_long, place)
								  LEFT JOIN pg_roles e ON e.rolname = c.name
							 WHERE NOT c.is_long
							 ORDER BY COALESCE(e.rolsuper OR e.rolbypassrls OR e.rolcanlogin, false), c.place LIMIT 1) w
		 CROSS JOIN LATERAL (SELECT o.owner <> r.oid AND EXISTS (SELECT FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) c
																 WHERE s.setrole = r.oid AND c = 'role=' || pg_get_userbyid(o.owner)) AS migrates) m

	-- nobody could back the database up
	UNION ALL
	SELECT 'backup_role_missing', 'warning', current_database()::text, 'no role that logs in may read all guarded tables of all tenants: pg_dump fails',
		   format('CREATE ROLE %1$I LOGIN BYPASSRLS; GRANT pg_read_all_data TO %1$I', n.name), 0
	FROM (SELECT min(c.name) AS name FROM (VALUES ('backup'), ('backup_of_tenants'), ('tenant_guard_backup')) c (name) WHERE to_regrole(c.name) IS NULL) n
	WHERE EXISTS (SELECT FROM guarded)
		  AND NOT EXISTS (SELECT FROM pg_roles r
						  WHERE r.rolcanlogin AND (r.rolsuper
												   OR r.rolbypassrls AND NOT EXISTS (SELECT FROM guarded g WHERE NOT has_table_privilege(r.oid, g.oid, 'SELECT'))))
),
audit_statistics (rule, level, object, detail, remedy, step) AS (
	WITH guarded AS MATERIALIZED (SELECT * FROM tg_guarded_tables),
	unbound AS MATERIALIZED (SELECT * FROM tg_unbound_roles),
	grants AS MATERIALIZED (SELECT * FROM tg_granted_privileges),
	-- who may read the planner's statistics, as far as somebody granted it
	statistics_grantees AS MATERIALIZED (
		SELECT DISTINCT g.grantee FROM grants g
		WHERE g.relation IN ('pg_statistic'::regclass, 'pg_statistic_ext_data'::regclass) AND g.privilege = 'SELECT'
	)

	-- the planner's statistics hold values of every tenant's rows; pg_stats hides from a role what row-level security does
	SELECT 'statistics_readable', 'warning', quote_ident(r.rolname),
		   'logs in and may read pg_statistic or pg_statistic_ext_data, which hold values of every tenant''s rows',
		   CASE WHEN EXISTS (SELECT FROM pg_auth_members m WHERE m.roleid = 'pg_read_all_data'::regrole AND m.member = r.oid) THEN format('REVOKE pg_read_all_data FROM %I', r.rolname)
				WHEN EXISTS (SELECT FROM statistics_grantees s WHERE s.grantee = r.oid) THEN format('REVOKE SELECT ON pg_statistic, pg_statistic_ext_data FROM %I', r.rolname) END, 0
	FROM pg_roles r
	WHERE r.rolcanlogin AND r.oid NOT IN (SELECT u.oid FROM unbound u) AND EXISTS (SELECT FROM guarded)
		  AND (pg_has_role(r.oid, 'pg_read_all_data', 'MEMBER')
			   OR EXISTS (SELECT FROM statistics_grantees s WHERE s.grantee = 0 OR pg_has_role(r.oid, s.grantee, 'MEMBER')))

	-- functions of extensions tell them too, PostGIS's of the extent and the selectivity; one reads the extent from an index. Most of
	-- them ask for no privilege on the table
	UNION ALL
	SELECT 'statistics_readable', 'warning', p.oid::regprocedure::text,
		   format('of extension %s %s of every tenant''s rows, also of %s', e.extname,
				  CASE p.proname WHEN '_postgis_index_extent' THEN 'reads from an index the extent' ELSE 'computes with the planner''s statistics' END,
				  string_agg(DISTINCT format('%s.%I', g.name, a.attname), ', ')),
		   format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC%s', p.oid::regprocedure,
				  (SELECT string_agg(format(', %I', o.rolname), '' ORDER BY o.rolname)
				   FROM aclexplode(p.proacl) x JOIN pg_roles o ON o.oid = x.grantee AND x.grantee <> p.proowner)), 0
	FROM pg_proc p
		 JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
		 JOIN pg_extension e ON e.oid = d.refobjid
		 JOIN pg_depend y ON y.classid = 'pg_type'::regclass AND y.refclassid = 'pg_extension'::regclass AND y.refobjid = e.oid AND y.deptype = 'e'
		 JOIN pg_attribute a ON a.atttypid = y.objid AND NOT a.attisdropped
		 JOIN guarded g ON g.oid = a.attrelid AND g.partition_of IS NULL
	WHERE p.proname IN ('st_estimatedextent', 'st_estimated_extent', '_postgis_selectivity', '_postgis_join_selectivity', '_postgis_stats', '_postgis_index_extent')
		  AND EXISTS (SELECT FROM pg_roles r WHERE r.rolcanlogin AND NOT r.rolsuper AND has_function_privilege(r.oid, p.oid, 'EXECUTE'))
	GROUP BY p.oid, p.proname, p.proacl, p.proowner, e.extname

	-- statements hold values: pg_stat_activity those of every session, extensions those of the past
	UNION ALL
	SELECT 'statements_readable', 'info', quote_ident(r.rolname),
		   'logs in and is a member of pg_read_all_stats: it may read the statements of every session, with the values in them'
		   || COALESCE(', also by ' || (SELECT string_agg(e.extname, ', ' ORDER BY e.extname) FROM pg_extension e WHERE e.extname IN ('pg_show_plans', 'pg_stat_monitor', 'pg_stat_statements')), ''),
		   (SELECT string_agg(format('REVOKE %I FROM %I', g.rolname, r.rolname), '; ' ORDER BY g.rolname)
			FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
			WHERE m.member = r.oid AND g.rolname IN ('pg_monitor', 'pg_read_all_stats')), 0
	FROM pg_roles r
	WHERE r.rolcanlogin AND NOT r.rolsuper AND pg_has_role(r.oid, 'pg_read_all_stats', 'MEMBER') AND EXISTS (SELECT FROM guarded)
),
audit_beside_tables (rule, level, object, detail, remedy, step) AS (
	WITH guarded AS MATERIALIZED (SELECT * FROM tg_guarded_tables)

	-- extensions and languages that keep values, or read rows, where no guard stands (docs/beside-tables.md)
	SELECT 'beside_tables', CASE WHEN o.first IS NOT NULL AND w.raw THEN 'warning' ELSE 'info' END, w.name,
		   format('%s; %s', w.keeps, COALESCE('open to log-in roles, ' || o.first || ' first', 'only superusers may use it')), NULL, 0
	FROM (VALUES ('plperl', false, 'functions in it keep values in %_SHARED and in global variables, in a pooled session for the next tenant'),
				 ('plperlu', false, 'functions in it keep values in %_SHARED and in global variables, in a pooled session for the next tenant'),
				 ('pltcl', false, 'functions in it keep values in GD and in global variables, in a pooled session for the next tenant'),
				 ('pltclu', false, 'functions in it keep values in GD and in global variables, in a pooled session for the next tenant'),
				 ('plpython3u', false, 'functions in it keep values in GD, SD and modules, in a pooled session for the next tenant'),
				 ('pllua', false, 'functions in it keep values in global variables, in a pooled session for the next tenant'),
				 ('plluau', false, 'functions in it keep values in global variables, in a pooled session for the next tenant'),
				 ('plv8', false, 'functions in it keep values in global variables, in a pooled session for the next tenant'),
				 ('orafce', false, 'dbms_output keeps lines in the session, dbms_pipe and dbms_alert hand values to other sessions'),
				 ('pg_variables', false, 'keeps values in the session'),
				 ('pg_qualstats', false, 'shows constants of every session''s filters to every role'),
				 ('pageinspect', true, 'reads the pages of tables past every policy, with no line in the log'),
				 ('pg_dirtyread', true, 'reads the rows of tables past every policy, deleted ones too, with no line in the log'),
				 ('pg_walinspect', true, 'reads the changes of every tenant, with no line in the log')) AS w (name, raw, keeps)
		 JOIN (SELECT l.lanname AS name, l.oid AS language, NULL::oid AS extension FROM pg_language l
			   UNION ALL SELECT e.extname, NULL, e.oid FROM pg_extension e WHERE e.extname NOT IN (SELECT l.lanname FROM pg_language l)) i ON i.name = w.name
		 CROSS JOIN LATERAL (SELECT min(quote_ident(r.rolname)) AS first
							 FROM pg_roles r
							 WHERE r.rolcanlogin AND NOT r.rolsuper
								   AND (EXISTS (SELECT FROM pg_language l WHERE l.oid = i.language AND l.lanpltrusted AND has_language_privilege(r.oid, l.oid, 'USAGE'))
										OR EXISTS (SELECT FROM pg_proc f WHERE f.prolang = i.language AND has_function_privilege(r.oid, f.oid, 'EXECUTE'))
										-- those two ask for a superuser themselves, whatever is granted
										OR w.name NOT IN ('pageinspect', 'pg_dirtyread')
										   AND EXISTS (SELECT FROM pg_depend d
													   WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.refobjid = i.extension
															 AND d.deptype = 'e' AND has_function_privilege(r.oid, d.objid, 'EXECUTE')))) o
	WHERE EXISTS (SELECT FROM guarded)

	-- triggers that PostgreSQL supplies, whose effect goes beyond the table
	UNION ALL
	SELECT 'beside_tables', 'info', format('trigger %I on %s', t.tgname, g.name), w.does, NULL, 0
	FROM (VALUES ('triggered_change_notification', 'sends the primary key of each row that is written to every session of the database that listens'),
				 ('lo_manage', 'deletes the large object that a row names, also one of another tenant: they belong to roles, not to tenants')) AS w (symbol, does)
		 JOIN pg_proc p ON p.prosrc = w.symbol
		 JOIN pg_language l ON l.oid = p.prolang AND l.lanname = 'c'
		 JOIN pg_trigger t ON t.tgfoid = p.oid AND t.tgparentid = 0
		 JOIN guarded g ON g.oid = t.tgrelid
),
audit_server (rule, level, object, detail, remedy, step) AS (
	-- Minor releases that mended row-level security, by PostgreSQL's release notes: E.15.3 (CVE-2023-2455, an inlined
	-- set-returning function kept another role's policies), 15.4 (CVE-2023-39418, MERGE), 15.9, 16.5 and 17.1
	-- (CVE-2024-10976, plans of another role below a subquery; CVE-2024-10978, SET ROLE undone wrongly, whose mend was
	-- mended in 15.10, 16.6 and 17.2), 15.14, 16.10 and 17.6 (CVE-2025-8713, statistics told values past a policy),
	-- 15.19, 16.15, 17.11 and 18.6 (CVE-2026-14666, plans outlived a change of role), 15.20, 16.16, 17.12 and 18.7
	-- (CVE-2026-120154, the WHERE of ON CONFLICT came before the policy). By all of these but the one of MERGE values may cross,
	-- and a server that lacks that mend lacks others.
	SELECT 'server_outdated', 'error', 'PostgreSQL ' || current_setting('server_version'),
		   format('has faults of row-level security that minor release %s.%s mends: %s', v.major, max(f.minor), string_agg(c.cve, ', ' ORDER BY c.cve)), NULL, 0
	FROM (SELECT current_setting('server_version_num')::int / 10000, current_setting('server_version_num')::int % 10000) v (major, minor)
		 CROSS JOIN (VALUES ('CVE-2023-2455', ARRAY[3, 0, 0, 0]),
							('CVE-2023-39418', ARRAY[4, 0, 0, 0]),
							('CVE-2024-10976', ARRAY[9, 5, 1, 0]),
							('CVE-2024-10978', ARRAY[10, 6, 2, 0]),
							('CVE-2025-8713', ARRAY[14, 10, 6, 0]),
							('CVE-2026-14666', ARRAY[19, 15, 11, 6]),
							('CVE-2026-120154', ARRAY[20, 16, 12, 7])) AS c (cve, mended)
		 CROSS JOIN LATERAL (SELECT c.mended[v.major - 14] AS minor) f
	WHERE v.minor < f.minor
	GROUP BY v.major
),
audit_settings (rule, level, object, detail, remedy, step) AS (
	WITH stored AS MATERIALIZED (SELECT * FROM tg_stored_settings),
	-- settings and values that weaken a guarantee, and the consequence
	loose (setting, loose, level, consequence) AS (
		VALUES ('tenant_guard.bypass', '^(on|1|t|tr|tru|true|y|ye|yes)$', 'error', 'nothing that would bypass isolation is refused'),
			   ('event_triggers', '^(of|off|0|f|fa|fal|fals|false|n|no)$', 'error', 'new tables are not guarded, and guards may be weakened'),
			   ('tenant_guard.auto_protect', '^(of|off|0|f|fa|fal|fals|false|n|no)$', 'warning', 'new tables are not guarded'),
			   ('tenant_guard.one_tenant_per_transaction', '^(of|off|0|f|fa|fal|fals|false|n|no)$', 'warning', 'a transaction may go from tenant to tenant'),
			   ('tenant_guard.late_loading', '^allow$', 'warning', 'queries that were planned before the library came are not refused, and their filters can read another tenant''s rows'),
			   ('tenant_guard.scope', '^session$', 'warning', 'behind a pooler the tenant stays for the next client'),
			   ('tenant_guard.log_bypass', '^(of|off|0|f|fa|fal|fals|false|n|no)$', 'warning', 'the server log does not tell who bypasses'),
			   ('tenant_guard.foreign_keys', '^(off|warning)$', 'warning', 'new foreign keys may reference rows of another tenant'),
			   ('tenant_guard.foreign_key_actions', '^(off|warning)$', 'warning', 'actions of foreign keys may reach rows of another tenant'),
			   ('tenant_guard.temporary_tables', '^off$', 'warning', 'temporary tables show a tenant''s rows to the next client of a pooler'),
			   ('tenant_guard.type_mismatch', '^(off|warning)$', 'warning', 'comparisons that mix types of tenants are not refused'),
			   ('row_security', '^(of|off|0|f|fa|fal|fals|false|n|no)$', 'warning', 'new tables are not guarded, and roles that may bypass row-level security do'),
			   ('session_replication_role', '^(replica|local)$', 'warning', 'triggers and foreign keys are not as they should be'),
			   ('tenant_guard.missing_tenant', '^empty$', 'info', 'a forgotten tenant shows as an empty result, not as an error')
	),
	-- what this session has of tenant_column and tenant_type, and where they would be changed
	tenants AS MATERIALIZED (
		SELECT s.columns, s.type, s.type_in_force, (SELECT string_agg(quote_ident(c.name), ', ' ORDER BY c.place) FROM unnest(s.columns) WITH ORDINALITY AS c (name, place)) AS list,
			   CASE WHEN EXISTS (SELECT FROM stored o WHERE o.setting IN ('tenant_guard.tenant_column', 'tenant_guard.tenant_type') AND o.setrole = session_user::regrole)
					THEN format('ROLE %I IN DATABASE ', session_user) ELSE 'DATABASE ' END || quote_ident(current_database()) AS keeps
		FROM tg_tenant_settings s
	),
	-- by whose tables the settings can be mended: those that decide where none is set or, if there are none, those of the only owner
	guards AS MATERIALIZED (
		SELECT g.owner, g.tenant_column, g.tenant_type, g.tables, COALESCE(g.tenant_column = ANY (t.columns), true) AS listed,
			   g.decides OR NOT bool_or(g.decides) OVER () AND min(g.owner) OVER () = max(g.owner) OVER () AS decides
		FROM tg_guard_counts g CROSS JOIN tenants t
	)

	-- a setting that is looser than the default, for a database, a role, or all of the server
	SELECT 'setting_loosened', CASE WHEN d.declares THEN 'info' WHEN l.level = 'error' AND s.setrole <> 0 THEN 'warning' ELSE l.level END,
		   concat_ws(' in ', CASE WHEN s.setrole <> 0 THEN 'role ' || quote_ident(pg_get_userbyid(s.setrole)) WHEN s.setdatabase = 0 THEN 'all roles' END,
					 CASE WHEN s.setdatabase <> 0 THEN 'database ' || quote_ident(current_database()) END),
		   format('%s = %s: %s', l.setting, s.value, l.consequence) || CASE WHEN d.declares THEN '; of a role with BYPASSRLS it says that the bypass is meant' ELSE '' END,
		   CASE WHEN NOT d.declares THEN format('ALTER %s RESET %s', CASE WHEN s.setrole <> 0 THEN concat_ws(' IN DATABASE ', 'ROLE ' || quote_ident(pg_get_userbyid(s.setrole)), CASE WHEN s.setdatabase <> 0 THEN quote_ident(current_database()) END)
											WHEN s.setdatabase <> 0 THEN 'DATABASE ' || quote_ident(current_database()) ELSE 'ROLE ALL' END, l.setting) END, 0
	FROM loose l JOIN stored s ON s.setting = l.setting AND s.value ~ l.loose
		 -- roles for reports, backups and jobs declare it so (docs/roles.md)
		 CROSS JOIN LATERAL (SELECT l.setting IN ('row_security', 'tenant_guard.bypass') AND EXISTS (SELECT FROM pg_roles r WHERE r.oid = s.setrole AND r.rolbypassrls AND NOT r.rolsuper) AS declares) d
	UNION ALL
	SELECT 'setting_loosened', l.level, 'server', format('%s = %s: %s', l.setting, v.value, l.consequence),
		   format('ALTER DATABASE %I SET %s = %s', current_database(), l.setting, s.boot_val), 0
	FROM loose l JOIN pg_settings s ON s.name = l.setting
		 CROSS JOIN LATERAL (SELECT lower(CASE WHEN s.source = 'session' THEN s.reset_val ELSE s.setting END) AS value) v
	WHERE v.value ~ l.loose
		  AND (s.source IN ('configuration file', 'command line', 'environment variable')
			   OR s.source = 'session' AND NOT EXISTS (SELECT FROM stored x WHERE x.setting = l.setting))

	-- Tables are guarded by columns that the setting does not list. Those of a role that does not decide may be there to mislead.
	UNION ALL
	SELECT 'setting_disagrees', 'error', g.object,
		   format('%s guarded tables have their tenant in %s, and tenant_guard.tenant_column is %s: new tables with such a column are not guarded',
				  sum(g.tables), string_agg(DISTINCT quote_ident(g.tenant_column), ', '), t.list),
		   CASE WHEN g.decides THEN format('ALTER %s SET tenant_guard.tenant_column = %L', t.keeps, concat_ws(', ', t.list, string_agg(DISTINCT quote_ident(g.tenant_column), ', '))) END, 0
	FROM (SELECT *, CASE WHEN decides THEN 'tenant_guard.tenant_column' ELSE quote_ident(pg_get_userbyid(owner)) END AS object FROM guards) g CROSS JOIN tenants t
	WHERE NOT g.listed
	GROUP BY g.object, g.decides, t.list, t.keeps

	-- the tenants of guarded tables are of another type than the setting says, or of several, and none is set
	UNION ALL
	SELECT 'setting_disagrees', 'error', g.object,
		   format('%s guarded tables have tenants of type %s, and tenant_guard.tenant_type is %s: every use of these tables is an error',
				  sum(g.tables), string_agg(DISTINCT g.tenant_type, ', '), COALESCE(t.type, 'not set, which stands for ' || t.type_in_force)),
		   CASE WHEN g.decides AND (SELECT count(DISTINCT d.tenant_type) FROM guards d WHERE d.decides) = 1
				THEN format('ALTER %s SET tenant_guard.tenant_type = %L', t.keeps, min(g.tenant_type)) END, 0
	FROM (SELECT *, CASE WHEN decides THEN 'tenant_guard.tenant_type' ELSE quote_ident(pg_get_userbyid(owner)) END AS object FROM guards) g CROSS JOIN tenants t
	WHERE g.tenant_type <> t.type_in_force
	GROUP BY g.object, g.decides, t.type, t.type_in_force, t.keeps

	-- roles that a superuser has let bypass
	UNION ALL
	SELECT 'bypass_granted', 'info', CASE WHEN e.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(e.grantee)) END,
		   'may set tenant_guard.bypass',
		   -- a role that logs in and is bound has no use of it, where the others do
		   CASE WHEN e.grantee = 0 OR EXISTS (SELECT FROM pg_roles r WHERE r.oid = e.grantee AND r.rolcanlogin AND NOT r.rolbypassrls)
				THEN format('REVOKE SET ON PARAMETER tenant_guard.bypass FROM %s', CASE WHEN e.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(e.grantee)) END) END, 0
	FROM pg_parameter_acl p CROSS JOIN LATERAL aclexplode(p.paracl) e
	WHERE p.parname = 'tenant_guard.bypass' AND e.privilege_type = 'SET' AND e.grantee <> 10

	-- and those that it has let loosen something else, for themselves or for the server
	UNION ALL
	SELECT 'setting_granted', 'info', CASE WHEN e.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(e.grantee)) END,
		   format(CASE WHEN e.privilege_type = 'SET' THEN 'may set %s' ELSE 'may set %s for the server, by ALTER SYSTEM' END, p.parname),
		   -- who migrates, and does not log in, needs it to add the column to tables with rows
		   CASE WHEN p.parname <> 'tenant_guard.auto_protect' OR e.privilege_type <> 'SET' OR e.grantee = 0 OR EXISTS (SELECT FROM pg_roles r WHERE r.oid = e.grantee AND r.rolcanlogin)
				THEN format('REVOKE %s ON PARAMETER %s FROM %s', e.privilege_type, p.parname, CASE WHEN e.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(e.grantee)) END) END, 0
	FROM pg_parameter_acl p CROSS JOIN LATERAL aclexplode(p.paracl) e
	WHERE (p.parname ~ '^tenant_guard\.' OR p.parname IN ('session_preload_libraries', 'shared_preload_libraries', 'session_replication_role', 'event_triggers', 'row_security'))
		  AND e.grantee <> 10
		  AND CASE WHEN p.parname IN ('tenant_guard.tenant_id', 'row_security') THEN e.privilege_type = 'ALTER SYSTEM'
				   ELSE e.privilege_type <> 'SET' OR p.parname <> 'tenant_guard.bypass' END
),
audit_replication (rule, level, object, detail, remedy, step) AS (
	WITH RECURSIVE guarded AS MATERIALIZED (SELECT * FROM tg_guarded_tables),
	unbound AS MATERIALIZED (SELECT * FROM tg_unbound_roles),
	-- Row filters of publications, as far as they are one AND of several conditions: "body" is that list, in which a comparison
	-- of the tenant column with constants is a semicolon, which stands nowhere else, and what is in parentheses goes step by
	-- step. Names and values in quotes are question marks first: they may hold anything.
	row_filters (publication, relation, body) AS (
		SELECT r.prpubid, r.prrelid, CASE f.marked WHEN ';' THEN ';' ELSE substr(f.marked, 2, length(f.marked) - 2) END
		FROM pg_publication_rel r JOIN guarded g ON g.oid = r.prrelid
			 CROSS JOIN LATERAL (SELECT regexp_replace(g.key, '(\W)', '\\\1', 'g') AS key) k
			 CROSS JOIN LATERAL (SELECT regexp_replace(
				regexp_replace(pg_get_expr(r.prqual, r.prrelid), '(' || k.key || ')|"(?:[^"]|"")*"|E?''(?:[^'']|'''')*''', '\1?', 'g'),
				replace(replace('\((?:K\?|\(K\?\)::(?:text|uuid|bigint|integer)) = (?:C|ANY \((?:\?::[a-z?][a-z0-9_ .?]*\[\]|\(?ARRAY\[C(?:, C)*\]\)?(?:::[a-z?][a-z0-9_ .?]*\[\])?)\))\)',
								'C', '(?:[0-9]+|\?::[a-z?][a-z0-9_ .?]*)'), 'K', k.key), ';', 'g') AS marked) f
		WHERE r.prqual IS NOT NULL
		UNION
		SELECT f.publication, f.relation, regexp_replace(f.body, '\([^()]*\)', '_', 'g') FROM row_filters f
	),
	of_tenants AS MATERIALIZED (
		SELECT f.publication, f.relation FROM row_filters f WHERE strpos(f.body, '(') = 0 AND f.body ~ '(^| AND );( AND |$)'
	)

	-- whoever subscribes has every tenant's rows: whether it may takes a decision
	SELECT 'publication_unfiltered', 'warning', p.pubname::text,
		   format('publishes %s guarded tables without a row filter that compares the tenant column with constants, %s first: who subscribes has the rows of every tenant', count(*), min(g.name)), NULL, 0
	FROM pg_publication p
		 JOIN pg_publication_tables l ON l.pubname = p.pubname
		 JOIN pg_namespace n ON n.nspname = l.schemaname
		 JOIN guarded g ON g.relname = l.tablename AND g.relnamespace = n.oid
	WHERE l.rowfilter IS NULL OR (p.oid, g.oid) NOT IN (SELECT o.publication, o.relation FROM of_tenants o)
	GROUP BY p.oid, p.pubname

	-- A row filter by a column that the replica identity does not have: UPDATE and DELETE of every tenant fail (42P10). A unique index on
	-- the tenant column and the primary key, as pairing makes it, is an identity that has both.
	UNION ALL
	SELECT 'publication_refuses_changes', 'warning', format('%I on %s', p.pubname, g.name),
		   format('its row filter reads column %s, which the replica identity of the table does not have: UPDATE and DELETE fail', string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)),
		   COALESCE('ALTER TABLE ' || g.name || ' REPLICA IDENTITY USING INDEX ' ||
					(SELECT quote_ident(x.relname)
					 FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
					 -- what has all of the identity that there is takes nothing from another publication
					 WHERE i.indrelid = g.oid AND min(c.relreplident) = 'd' AND array_agg(a.attnum) || COALESCE((SELECT k.indkey::int2[] FROM pg_index k WHERE k.indrelid = g.oid AND k.indisprimary), '{}') <@ (i.indkey::int2[])[0:i.indnkeyatts - 1]
						   AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
						   AND NOT EXISTS (SELECT FROM pg_attribute n WHERE n.attrelid = g.oid AND n.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]) AND NOT n.attnotnull)
					 ORDER BY i.indnkeyatts, x.relname LIMIT 1),
					format('ALTER TABLE %s REPLICA IDENTITY FULL', g.name)), 0
	FROM pg_publication p
		 JOIN pg_publication_rel r ON r.prpubid = p.oid AND r.prqual IS NOT NULL
		 CROSS JOIN LATERAL (SELECT g.* FROM guarded g
							 WHERE g.relkind = 'r' AND (g.oid = r.prrelid OR p.pubviaroot AND r.prrelid IN (SELECT o.relid FROM pg_partition_ancestors(g.oid) o))) g
		 JOIN pg_class c ON c.oid = g.oid AND c.relreplident <> 'f'
		 JOIN pg_depend d ON d.classid = 'pg_publication_rel'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = r.prrelid AND d.refobjsubid > 0
		 JOIN pg_attribute f ON f.attrelid = r.prrelid AND f.attnum = d.refobjsubid
		 JOIN pg_attribute a ON a.attrelid = g.oid AND a.attname = f.attname
	WHERE (p.pubupdate OR p.pubdelete)
		  AND NOT EXISTS (SELECT FROM pg_index i
						  WHERE i.indrelid = g.oid AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident END
								AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))
	GROUP BY p.pubname, g.oid, g.name

	-- rows that arrive by replication are refused: until 15 they are written as the subscription's owner, from 16 on as
	-- the table's unless the subscription says run_as_owner. (15 has no such column: the name is then the outer one's.)
	UNION ALL
	SELECT 'subscription_will_fail', 'warning', s.subname::text,
		   format('writes as %s, whom row-level security binds, into %s guarded tables, %s first', string_agg(DISTINCT quote_ident(pg_get_userbyid(w.role)), ', '), count(*), min(g.name)),
		   CASE WHEN min(s.as_owner) IS NULL OR bool_or(w.role = s.subowner)
				THEN format('ALTER SUBSCRIPTION %I OWNER TO %I', s.subname, current_user)
				WHEN s.subowner IN (SELECT u.oid FROM unbound u) THEN format('ALTER SUBSCRIPTION %I SET (run_as_owner = true)', s.subname) END, 0
	FROM (SELECT b.oid, b.subname, b.subowner, b.subdbid,
				 (SELECT subrunasowner::text FROM pg_subscription i WHERE i.oid = b.oid) AS as_owner
		  FROM (SELECT b.oid, b.subname, b.subowner, b.subdbid, NULL::text AS subrunasowner FROM pg_subscription b) b) s
		 JOIN pg_subscription_rel r ON r.srsubid = s.oid
		 JOIN guarded g ON g.oid = r.srrelid
		 CROSS JOIN LATERAL (SELECT CASE WHEN s.as_owner = 'false' THEN g.relowner ELSE s.subowner END AS role) w
	WHERE s.subdbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
		  AND w.role NOT IN (SELECT u.oid FROM unbound u)
	GROUP BY s.subname, s.subowner
)
SELECT f.rule, f.level, f.object, f.detail,
	   -- what calls the extension is for when it is there; a name may have a line break, at which a comment ends
	   CASE WHEN f.remedy ~ 'tenant_guard\.' THEN '-- with tenant_guard: ' || regexp_replace(f.remedy, '[\n\r]', '\&-- ', 'g') ELSE f.remedy END AS remedy
FROM (SELECT f.*, s.severity, g.changed, min(s.severity) OVER of_object AS worst, min(f.step) FILTER (WHERE f.remedy IS NOT NULL) OVER of_object AS first_step
	  FROM (SELECT * FROM audit_guards
	  UNION ALL SELECT * FROM audit_missing_columns
	  UNION ALL SELECT * FROM audit_undecided
	  UNION ALL SELECT * FROM audit_tenant_columns
	  UNION ALL SELECT * FROM audit_gin_indexes
	  UNION ALL SELECT * FROM audit_foreign_tables
	  UNION ALL SELECT * FROM audit_policies
	  UNION ALL SELECT * FROM audit_foreign_keys
	  UNION ALL SELECT * FROM audit_key_actions
	  UNION ALL SELECT * FROM audit_key_functions
	  UNION ALL SELECT * FROM audit_unique_keys
	  UNION ALL SELECT * FROM audit_views
	  UNION ALL SELECT * FROM audit_definers
	  UNION ALL SELECT * FROM audit_functions
	  UNION ALL SELECT * FROM audit_triggers
	  UNION ALL SELECT * FROM audit_roles
	  UNION ALL SELECT * FROM audit_statistics
	  UNION ALL SELECT * FROM audit_beside_tables
	  UNION ALL SELECT * FROM audit_server
	  UNION ALL SELECT * FROM audit_settings
	  UNION ALL SELECT * FROM audit_replication
	  UNION ALL SELECT 'not_examined', 'info', 'tenant_guard', 'these rules need the extension: event_trigger_disabled, function_replaced, mixed_comparison, not_preloaded, policy_before_isolation, policy_superfluous, setting_disagrees, setting_name_refused, setting_read_empty, tenant_default_missing, trusted_function, unprotected_table', NULL, 0) f
		   CROSS JOIN LATERAL (SELECT array_position(ARRAY['error', 'warning', 'info'], f.level) AS severity) s
		   CROSS JOIN LATERAL (SELECT regexp_replace(f.object, '^("([^"]|"")*"|[^" ]+) on ', '') AS changed) g
	  WHERE f.rule NOT IN ('event_trigger_disabled', 'function_replaced', 'mixed_comparison', 'not_preloaded', 'policy_before_isolation', 'policy_superfluous', 'setting_disagrees', 'setting_name_refused', 'setting_read_empty', 'tenant_default_missing', 'trusted_function', 'unprotected_table')
	  WINDOW of_object AS (PARTITION BY g.changed)) f
ORDER BY f.rule = 'not_examined', f.worst, f.first_step, f.changed COLLATE "C", f.severity, f.step, f.rule COLLATE "C", f.object COLLATE "C";
COMMIT;
