
--
-- Rules about tables
--
-- Guards, and what is to hold of parts and parents of guarded tables.
CREATE FUNCTION tenant_guard_internal.audit_guards() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH t AS MATERIALIZED (SELECT * FROM tenant_guard_internal.audited_tables),
broken AS MATERIALIZED (SELECT b.* FROM tenant_guard.broken_invariants() b JOIN t ON t.oid = b.relation),
settings AS MATERIALIZED (SELECT type_in_force AS tenant_type FROM tenant_guard_internal.tenant_settings())

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
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_guards() IS 'rules about guards; a part of audit()';

-- The tables that tenant columns reference, whose rows are the tenants, and the column that says which.
CREATE VIEW tenant_guard_internal.tables_of_tenants AS
WITH t AS MATERIALIZED (SELECT * FROM tenant_guard_internal.audited_tables),
foreign_keys AS MATERIALIZED (SELECT * FROM tenant_guard_internal.foreign_keys())
SELECT p.oid, p.name, p.status, a.attnum, a.attname AS column, tenant_guard_internal.tenant_type_of(a.atttypid) AS serves,
	   string_agg(DISTINCT c.name, ', ') AS referenced_by
FROM foreign_keys k
	 JOIN t c ON c.oid = k.conrelid AND k.conkey = ARRAY[c.tenant_attnum] AND c.status IN ('guarded', 'damaged')
	 JOIN t p ON p.oid = k.confrelid AND p.status NOT IN ('guarded', 'damaged')
	 JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = k.confkey[1]
GROUP BY p.oid, p.name, p.status, a.attnum, a.attname, a.atttypid;
COMMENT ON VIEW tenant_guard_internal.tables_of_tenants IS 'tables without a guard that tenant columns reference; a part of audit()';
GRANT SELECT ON tenant_guard_internal.tables_of_tenants TO PUBLIC;

-- Tables that have no tenant column, or one of another name.
CREATE FUNCTION tenant_guard_internal.audit_missing_columns() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH RECURSIVE t AS MATERIALIZED (SELECT * FROM tenant_guard_internal.audited_tables),
foreign_keys AS MATERIALIZED (SELECT * FROM tenant_guard_internal.foreign_keys()),
settings AS MATERIALIZED (SELECT type_in_force AS tenant_type FROM tenant_guard_internal.tenant_settings()),
tenants AS MATERIALIZED (SELECT * FROM tenant_guard_internal.tables_of_tenants),
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
										  min(tenant_guard_internal.tenant_type_of(n.atttypid)) FILTER (WHERE pair.parent = w.attnum) AS serves
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
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_missing_columns() IS 'rules about tables without a tenant column; a part of audit()';

-- Tables of which nobody has said whose rows they have. In a database that guards nothing they are all of that kind, and one finding says so.
CREATE FUNCTION tenant_guard_internal.audit_undecided() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH RECURSIVE t AS MATERIALIZED (SELECT * FROM tenant_guard_internal.audited_tables),
foreign_keys AS MATERIALIZED (SELECT * FROM tenant_guard_internal.foreign_keys()),
-- tables that a rule above speaks of: the tenants' own, and those that reach it, or a guarded one
told (oid) AS (
	SELECT n.oid FROM tenant_guard_internal.tables_of_tenants n
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
		  AND tenant_guard_internal.tenant_type_of(a.atttypid) IS NOT NULL AND a.attname ~* '.(id|uuid)$'
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
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_undecided() IS 'rules about tables of which nothing is said; a part of audit()';

-- Tenant columns, and what they lack.
CREATE FUNCTION tenant_guard_internal.audit_tenant_columns() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH t AS MATERIALIZED (SELECT * FROM tenant_guard_internal.audited_tables),
settings AS MATERIALIZED (SELECT type_in_force AS tenant_type FROM tenant_guard_internal.tenant_settings()),
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
FROM t CROSS JOIN LATERAL (SELECT c.name FROM unnest(tenant_guard_internal.tenant_columns(t.oid)) WITH ORDINALITY AS c (name, place)
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
	 CROSS JOIN LATERAL (SELECT t.oid IN (SELECT w.oid FROM tenant_guard_internal.relations_with_code w WHERE NOT w.planned) AS runs_code) r
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
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_tenant_columns() IS 'rules about tenant columns; a part of audit()';

-- Indexes for searches, in which small tenants' few rows lie among those of all.
CREATE FUNCTION tenant_guard_internal.audit_gin_indexes() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH t AS MATERIALIZED (SELECT * FROM tenant_guard_internal.audited_tables),
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
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_gin_indexes() IS 'rules about indexes for searches; a part of audit()';

-- Foreign tables, which have no row-level security.
CREATE FUNCTION tenant_guard_internal.audit_foreign_tables() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH RECURSIVE t AS MATERIALIZED (SELECT * FROM tenant_guard_internal.audited_tables),
guarded AS MATERIALIZED (SELECT * FROM t WHERE t.status IN ('guarded', 'damaged')),
unbound AS MATERIALIZED (SELECT * FROM tenant_guard_internal.unbound_roles),
open_to AS MATERIALIZED (SELECT * FROM tenant_guard_internal.open_relations),
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
						CASE WHEN u.oid IS NULL AND t.oid NOT IN (SELECT w.oid FROM tenant_guard_internal.relations_with_code w)
							 THEN format('ALTER FOREIGN TABLE %s OWNER TO %I', t.name, current_user) END), ''), 0
FROM t LEFT JOIN unbound u ON u.oid = t.relowner LEFT JOIN open_to o ON o.oid = t.oid
WHERE t.relkind = 'f' AND t.status = 'unguarded' AND t.tenant_attnum IS NOT NULL AND (u.oid IS NULL OR o.oid IS NOT NULL)
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_foreign_tables() IS 'rules about foreign tables; a part of audit()';

-- Policies of the application on guarded tables.
CREATE FUNCTION tenant_guard_internal.audit_policies() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH t AS MATERIALIZED (SELECT * FROM tenant_guard_internal.audited_tables),
guarded AS MATERIALIZED (SELECT * FROM t WHERE t.status IN ('guarded', 'damaged')),
functions AS MATERIALIZED (SELECT * FROM tenant_guard_internal.user_functions),
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
FROM pg_policy p JOIN t ON t.oid = p.polrelid AND t.status = 'guarded' CROSS JOIN tenant_guard_internal.isolation_policy() o (policy)
	 CROSS JOIN LATERAL (SELECT CASE WHEN NOT t.has_rows_of_everyone OR p.polcmd IN ('r', 'a') THEN o.policy
									 WHEN p.polcmd = 'd' THEN 'tenant_isolation_deletes' ELSE 'tenant_isolation_updates' END) i (policy)
WHERE NOT p.polpermissive AND p.polname < i.policy
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_policies() IS 'rules about policies; a part of audit()';
