
--
-- What is to be run until a schema is guarded: for the DBA, and whom the DBA grants it to
--
-- plan() reads the catalogs, and returns what leads to where protect_schema(), derive_tenant_column() and the pairing of keys lead: what
-- reads a table first, by statements that let others write meanwhile, and then protect(), which finds it done. What these
-- statements cannot do is left to protect(): keys between tables of two owners, and tables with code of ordinary roles, which protect()
-- runs as their owner and a superuser's ALTER TABLE would run as the superuser. Each step has the statements that take it back.
--
-- A table that plan() looks at: those of the schema with their parts, and guarded ones elsewhere ("wanted" is false), which keys may
-- connect with them. "root" is the topmost table of the schema that it is a part of. "does" is what becomes of it:
--   guarded   it is guarded, perhaps damaged
--   guard     it is to be guarded by the column
--   derive    it gets the column by a foreign key, as the "place"th table to do so
--   decide    it waits for a decision, which "why" says
--   column    it has no tenant column; only while this is found out
--   rest      it stays as it is
CREATE TYPE tenant_guard_internal.planned_table AS (
	oid oid, name text, relkind "char", owner oid, tenant_column name, root oid, does text, wanted boolean, place integer, foreign_key name, why text);
COMMENT ON TYPE tenant_guard_internal.planned_table IS 'a table, and what becomes of it; a part of plan()';

-- A foreign key that is to carry the tenant, or an index for it. "kind":
--   pair      one ALTER TABLE changes it to "definitions", the first that of its companion where there are two
--   leave     protect() changes it
--   derive    derive_tenant_column() does, for the "at"th table to get the column
--   everyone  it may reference rows of everyone, and stays; protect() makes triggers that check it
--   refuse    it cannot be changed, for the reason in "detail"
--   wait      another key of the table cannot
--   index     an index of a table ("parent"), or of one of its partitions
CREATE TYPE tenant_guard_internal.planned_key AS (
	kind text, relation oid, parent oid, names text[], definitions text[], validated boolean, index_columns text, detail text, number integer, conname name,
	at integer, undo text, comment text);
COMMENT ON TYPE tenant_guard_internal.planned_key IS 'a foreign key, and what becomes of it; a part of plan()';

-- A step, before it has its price: "phase", "place", "sort" and "number" say where it stands, "kind" is the statement's place in priced_statements, or null.
CREATE TYPE tenant_guard_internal.planned_step AS (
	phase integer, place integer, sort text, number bigint, object text, statement text, kind integer, scans boolean, relation oid, needs text, undo text);
COMMENT ON TYPE tenant_guard_internal.planned_step IS 'a step, before it has its price; a part of plan()';

CREATE FUNCTION tenant_guard_internal.planned_keys(
	tables oid[], columns name[], wanted boolean[],
	OUT kind text, OUT relation oid, OUT foreign_key oid, OUT parent oid, OUT names text[], OUT definitions text[], OUT validated boolean,
	OUT index_columns text, OUT detail text)
RETURNS SETOF record
LANGUAGE C STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_planned_keys';
COMMENT ON FUNCTION tenant_guard_internal.planned_keys(oid[], name[], boolean[]) IS 'the foreign keys that do not carry the tenant if these tables are guarded by these columns, and the indexes that they need; a part of plan()';

CREATE FUNCTION tenant_guard_internal.column_obstacle(relation oid, tenant_column name) RETURNS text
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tenant_guard_column_obstacle';
COMMENT ON FUNCTION tenant_guard_internal.column_obstacle(oid, name) IS 'why a table cannot be guarded by this column, or null; a part of plan()';

-- A line that says something to whoever reads a script, and does nothing. What ends a line ends a comment; in a name it must not become a
-- space, or the name would be another table's.
CREATE FUNCTION tenant_guard_internal.remark(said text) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT '-- ' || regexp_replace(replace(said, E';\n', '; '), '[[:cntrl:]\u0085\u2028\u2029]', '?', 'g') $$;
COMMENT ON FUNCTION tenant_guard_internal.remark(text) IS 'a text as a comment of one line; a part of plan()';

-- Tables that call functions of ordinary roles, by their indexes and statistics too: what a superuser's own statement would evaluate, protect() runs as their owner.
CREATE VIEW tenant_guard_internal.tables_with_code AS
SELECT w.oid FROM tenant_guard_internal.relations_with_code w;
COMMENT ON VIEW tenant_guard_internal.tables_with_code IS 'tables that call functions of ordinary roles; a part of plan()';
GRANT SELECT ON tenant_guard_internal.tables_with_code TO PUBLIC;

CREATE FUNCTION tenant_guard_internal.plan_relations(schema oid) RETURNS SETOF tenant_guard_internal.planned_table
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH RECURSIVE below (oid, root) AS (
	SELECT c.oid, c.oid FROM pg_class c
	WHERE c.relnamespace = plan_relations.schema AND c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't'
	UNION
	SELECT i.inhrelid, b.root FROM below b JOIN pg_inherits i ON i.inhparent = b.oid
),
topmost AS MATERIALIZED (
	SELECT b.oid, min(b.root) AS root FROM below b
	WHERE b.root NOT IN (SELECT o.oid FROM below o WHERE o.root <> o.oid)
	GROUP BY b.oid
),
relations AS (
	SELECT t.oid, t.root, true AS wanted FROM topmost t
	UNION ALL
	SELECT DISTINCT p.polrelid, p.polrelid, false FROM pg_policy p
	WHERE p.polname = tenant_guard_internal.isolation_policy() AND p.polrelid NOT IN (SELECT t.oid FROM topmost t)
)
SELECT c.oid, c.oid::regclass::text, c.relkind, c.relowner, g.tenant_column, r.root,
	   CASE WHEN g.status IN ('guarded', 'damaged') THEN 'guarded'
			-- a label on a part of a table that gets a guard does not count
			WHEN e.objid IS NOT NULL OR g.status <> 'unguarded' AND (c.oid = r.root OR (tenant_guard.guard_status(r.root)).status <> 'unguarded') THEN 'rest'
			WHEN g.tenant_column IS NULL THEN CASE WHEN o.owns THEN 'column' ELSE 'decide' END
			WHEN NOT o.owns OR o.obstacle IS NOT NULL THEN 'decide'
			ELSE 'guard' END,
	   r.wanted, NULL::int, NULL::name,
	   CASE WHEN NOT o.owns THEN format('table %s belongs to role %I, which has to decide about it', c.oid::regclass, pg_get_userbyid(c.relowner)) ELSE o.obstacle END
FROM relations r JOIN pg_class c ON c.oid = r.oid CROSS JOIN LATERAL tenant_guard.guard_status(c.oid) g
	 LEFT JOIN pg_depend e ON e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e'
	 CROSS JOIN LATERAL (SELECT pg_has_role(c.relowner, 'USAGE') AS owns,
								CASE WHEN g.status NOT IN ('guarded', 'damaged') THEN tenant_guard_internal.column_obstacle(c.oid, g.tenant_column) END AS obstacle) o
ORDER BY c.oid::regclass::text COLLATE "C"
$$;
COMMENT ON FUNCTION tenant_guard_internal.plan_relations(oid) IS 'the tables of a schema, before those that get the column are found; a part of plan()';

-- By which key each of these candidates reaches one of the tables that tell the tenant: keys that cannot be null come first, of these those that
-- delete a row with the other. "keys" counts those between which only its author can decide. "column" is what derive_tenant_column() would add.
CREATE FUNCTION tenant_guard_internal.plan_ways(
	tellers oid[], columns name[], candidates oid[], OUT child oid, OUT key oid, OUT keys bigint, OUT tenant_column name, OUT mandatory boolean)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT r.child, min(r.key), count(*), min(r.column::text)::name, bool_and(r.mandatory)
FROM (SELECT k.conrelid AS child, k.oid AS key, m.mandatory,
			 -- the name of the key of the tenants' own table says nothing elsewhere
			 CASE WHEN EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
							   WHERE i.indrelid = k.confrelid AND i.indisunique AND i.indnkeyatts = 1 AND a.attname = w.column)
				  THEN (tenant_guard_internal.tenant_columns(k.conrelid))[1] ELSE w.column END AS column,
			 rank() OVER (PARTITION BY k.conrelid ORDER BY NOT m.mandatory, k.confdeltype <> 'c') AS rank
	  FROM unnest(plan_ways.candidates) x (oid) JOIN pg_constraint k ON k.conrelid = x.oid AND k.contype = 'f' AND k.conparentid = 0 AND k.confrelid <> k.conrelid
		   JOIN unnest(plan_ways.tellers, plan_ways.columns) AS w (oid, "column") ON w.oid = k.confrelid
		   CROSS JOIN LATERAL (SELECT bool_and(a.attnotnull) AS mandatory FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)) m) r
WHERE r.rank = 1
GROUP BY r.child
ORDER BY r.child::regclass::text COLLATE "C"
$$;
COMMENT ON FUNCTION tenant_guard_internal.plan_ways(oid[], name[], oid[]) IS 'by which foreign keys tables reach tables that tell the tenant; a part of plan()';

-- The foreign keys of a table to any of these, for a remark.
CREATE FUNCTION tenant_guard_internal.keys_in_words(relation oid, parents oid[]) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT string_agg(format('%I to %s', k.conname, k.confrelid::regclass), ', ' ORDER BY k.conname)
FROM pg_constraint k
WHERE k.conrelid = keys_in_words.relation AND k.contype = 'f' AND k.conparentid = 0 AND k.confrelid <> k.conrelid AND k.confrelid = ANY (keys_in_words.parents)
$$;
COMMENT ON FUNCTION tenant_guard_internal.keys_in_words(oid, oid[]) IS 'the foreign keys of a table to others, in words; a part of plan()';

CREATE FUNCTION tenant_guard_internal.plan_tables(schema oid) RETURNS SETOF tenant_guard_internal.planned_table
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	all_tables tenant_guard_internal.planned_table[] := ARRAY(SELECT t FROM tenant_guard_internal.plan_relations(plan_tables.schema) t);
	known oid[] := ARRAY(SELECT t.oid FROM unnest(all_tables) t WHERE t.does IN ('guarded', 'guard'));
	columns name[] := ARRAY(SELECT t.tenant_column FROM unnest(all_tables) t WHERE t.does IN ('guarded', 'guard'));
	candidates oid[] := ARRAY(SELECT t.oid FROM unnest(all_tables) t WHERE t.does = 'column' AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = t.oid));
	-- candidates that tenant columns reference, and those with a column of another name that does so, too
	tenants CONSTANT oid[] := ARRAY(SELECT k.confrelid FROM pg_constraint k JOIN unnest(known, columns) AS w (oid, "column") ON w.oid = k.conrelid
									WHERE k.contype = 'f' AND k.confrelid = ANY (candidates)
										  AND k.conkey = ARRAY[(SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attname = w.column)]);
	named CONSTANT oid[] := ARRAY(SELECT k.conrelid FROM pg_constraint k LEFT JOIN unnest(known, columns) AS w (oid, "column") ON w.oid = k.confrelid
								  WHERE k.contype = 'f' AND k.conrelid = ANY (candidates) AND k.conrelid <> ALL (tenants)
										AND (k.confrelid = ANY (tenants) AND cardinality(k.conkey) = 1
											 OR (SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = k.confrelid AND a.attname = w.column) = ANY (k.confkey)));
	torn oid[] := '{}';
	found oid[] := '{}';
	waiting oid[];
	round record;
	way record;
	progress boolean;
	by_nullable boolean := false;
BEGIN
	RETURN QUERY SELECT t.* FROM unnest(all_tables) t WHERE t.does <> 'column';
	candidates := ARRAY(SELECT c FROM unnest(candidates) c WHERE c <> ALL (tenants || named));
	-- round by round, by keys that can be null only when no other is left
	LOOP
		progress := false;
		FOR way IN SELECT * FROM tenant_guard_internal.plan_ways(known, columns, candidates) w WHERE w.mandatory OR by_nullable LOOP
			progress := true;
			candidates := array_remove(candidates, way.child);
			IF way.keys > 1 THEN
				torn := torn || way.child;
				CONTINUE;
			END IF;
			found := found || way.child;
			known := known || way.child;
			columns := columns || way.tenant_column;
			RETURN QUERY
			SELECT c.oid, c.oid::regclass::text, c.relkind, c.relowner, way.tenant_column, c.oid, 'derive', true, cardinality(found), k.conname, NULL::text
			FROM pg_class c JOIN pg_constraint k ON k.oid = way.key WHERE c.oid = way.child;
		END LOOP;
		EXIT WHEN NOT progress AND by_nullable;
		by_nullable := NOT progress;
	END LOOP;

	RETURN QUERY
	SELECT t.oid, t.name, t.relkind, t.owner, NULL::name, t.oid, 'decide', true, NULL::int, NULL::name,
		   CASE WHEN t.oid = ANY (tenants) THEN format('table %s is the tenants'' own: which column shows each tenant its row? SELECT tenant_guard.protect(%L, ''...'');', t.name, t.name)
				WHEN t.oid = ANY (named) THEN
					format('table %s references by a column of another name what tenant columns do (%s). If that column tells whose a row is: SELECT tenant_guard.protect(%L, ''...'');',
						   t.name, tenant_guard_internal.keys_in_words(t.oid, known || tenants), t.name)
				WHEN t.oid = ANY (torn) THEN
					format('several foreign keys of table %s lead to the tenant (%s). Which of them tells whose a row is? SELECT tenant_guard.derive_tenant_column(%L, ''...'');',
						   t.name, tenant_guard_internal.keys_in_words(t.oid, known), t.name)
				ELSE format('nothing in table %s tells the tenant. If its rows are for all tenants: SELECT tenant_guard.share(%L, ''why'');', t.name, t.name) END
	FROM unnest(all_tables) t
	WHERE t.oid = ANY (tenants || named || torn || candidates);
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.plan_tables(oid) IS 'the tables of a schema, and what becomes of each; a part of plan()';

-- The foreign keys that change. "at" is the place of the table that gets the column, if that changes them; "undo" puts the key back; where
-- looking at its rows would call functions of ordinary roles, without that, and not at all where that must be.
CREATE FUNCTION tenant_guard_internal.plan_keys(tables tenant_guard_internal.planned_table[]) RETURNS SETOF tenant_guard_internal.planned_key
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH p AS MATERIALIZED (SELECT * FROM unnest(plan_keys.tables) t WHERE t.does IN ('guard', 'guarded', 'derive')),
careful AS MATERIALIZED (SELECT * FROM tenant_guard_internal.tables_with_code)
SELECT CASE WHEN k.kind = 'pair' AND w.runs_code THEN 'leave' ELSE k.kind END,
	   k.relation, k.parent, k.names, k.definitions, k.validated, k.index_columns, k.detail, k.number::int, f.conname,
	   GREATEST(c.place, o.place),
	   CASE WHEN k.kind = 'everyone' THEN k.detail
			WHEN f.oid IS NOT NULL AND NOT (v.unvalidated AND t.relkind = 'p' AND current_setting('server_version_num')::int < 180000) THEN
			concat_ws('; ', format('ALTER TABLE %s %s, ADD CONSTRAINT %I %s', f.conrelid::regclass,
								   (SELECT string_agg(format('DROP CONSTRAINT %I', n), ', ') FROM unnest(k.names) n), f.conname,
								   pg_get_constraintdef(f.oid) || CASE WHEN v.unvalidated THEN ' NOT VALID' ELSE '' END),
					  CASE WHEN d.comment IS NOT NULL THEN format('COMMENT ON CONSTRAINT %I ON %s IS %L', f.conname, f.conrelid::regclass, d.comment) END) END,
	   d.comment
FROM (SELECT array_agg(p.oid ORDER BY p.place NULLS FIRST, p.name COLLATE "C") AS oids, array_agg(p.tenant_column ORDER BY p.place NULLS FIRST, p.name COLLATE "C") AS columns,
			 array_agg(p.wanted ORDER BY p.place NULLS FIRST, p.name COLLATE "C") AS wanted
	  FROM p) a
	 CROSS JOIN LATERAL ROWS FROM (tenant_guard_internal.planned_keys(a.oids, a.columns, a.wanted))
		WITH ORDINALITY AS k (kind, relation, foreign_key, parent, names, definitions, validated, index_columns, detail, number)
	 LEFT JOIN pg_constraint f ON f.oid = k.foreign_key
	 LEFT JOIN p c ON c.oid = k.relation LEFT JOIN p o ON o.oid = k.parent
	 CROSS JOIN LATERAL (SELECT obj_description(f.oid, 'pg_constraint') AS comment) d
	 CROSS JOIN LATERAL (SELECT k.relation IN (SELECT c.oid FROM careful c) OR k.parent IN (SELECT c.oid FROM careful c) AS runs_code) w
	 LEFT JOIN pg_class t ON t.oid = f.conrelid
	 CROSS JOIN LATERAL (SELECT f.convalidated AND (w.runs_code OR k.detail IS NOT DISTINCT FROM 'code') AS unvalidated) v
$$;
COMMENT ON FUNCTION tenant_guard_internal.plan_keys(tenant_guard_internal.planned_table[]) IS 'the foreign keys that change when a schema is guarded, and the indexes that they need; a part of plan()';

-- Tables to be guarded whose tenant column may be null. "conname" is the CHECK that says meanwhile that it is not, for the topmost such table of each
-- hierarchy: one of a guard that is there, or a name that no constraint has. "is_left": protect() sees to it, since SET NOT NULL evaluates CHECKs.
CREATE FUNCTION tenant_guard_internal.plan_nullable(
	tables tenant_guard_internal.planned_table[], OUT oid oid, OUT tenant_column name, OUT conname text, OUT there boolean, OUT valid boolean, OUT is_left boolean)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH RECURSIVE p AS MATERIALIZED (SELECT * FROM unnest(plan_nullable.tables)),
nullable AS MATERIALIZED (
	SELECT p.oid, p.tenant_column, p.root, format('(%I IS NOT NULL)', a.attname) AS says
	FROM p JOIN pg_class c ON c.oid = p.oid JOIN pg_attribute a ON a.attrelid = p.oid AND a.attname = p.tenant_column
	WHERE p.does = 'guard' AND p.relkind <> 'f'
		  AND (NOT a.attnotnull OR EXISTS (SELECT FROM pg_constraint n WHERE n.conrelid = p.oid AND n.contype = 'n' AND n.conkey = ARRAY[a.attnum] AND NOT n.convalidated))
		  AND NOT (c.relchecks > 0 AND EXISTS (SELECT FROM pg_constraint n WHERE n.conrelid = p.oid AND n.contype = 'c' AND n.convalidated AND n.conname <> 'tenant_not_null'
											   AND pg_get_expr(n.conbin, n.conrelid) = format('(%I IS NOT NULL)', a.attname)))
),
-- conditions with NOT IN are hashed, whatever the planner thinks of how many rows there are
topmost AS MATERIALIZED (
	SELECT n.*, b.conname, b.there, b.valid
	FROM nullable n
		 LEFT JOIN LATERAL (SELECT v.conname, o.oid IS NOT NULL AS there, COALESCE(o.convalidated, false) AS valid
							FROM unnest(ARRAY['tenant_not_null', 'tenant_not_null1', 'tenant_not_null2', 'tenant_not_null3']) WITH ORDINALITY AS v (conname, place)
								 LEFT JOIN pg_constraint o ON o.conrelid = n.oid AND o.conname = v.conname
							WHERE (o.oid IS NULL OR pg_get_expr(o.conbin, o.conrelid) = n.says AND pg_get_constraintdef(o.oid) !~ ' NOT ENFORCED$')
								  -- with all that is above and below it
								  AND n.root NOT IN (SELECT p.root FROM p WHERE p.relkind = 'f' OR p.oid IN (SELECT w.oid FROM tenant_guard_internal.tables_with_code w))
								  AND n.oid NOT IN (SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent IN (SELECT o.oid FROM nullable o))
							ORDER BY v.place LIMIT 1) b ON true
),
done (oid) AS (
	SELECT t.oid FROM topmost t WHERE t.conname IS NOT NULL
	UNION
	SELECT i.inhrelid FROM done d JOIN pg_inherits i ON i.inhparent = d.oid
)
SELECT t.oid, t.tenant_column, t.conname, t.there, t.valid, t.oid NOT IN (SELECT d.oid FROM done d)
FROM topmost t
$$;
COMMENT ON FUNCTION tenant_guard_internal.plan_nullable(tenant_guard_internal.planned_table[]) IS 'tables to be guarded whose tenant column may be null; a part of plan()';

-- How to take back that a table is guarded: by unprotect(), and by putting back what it does not. For each part: the default, row-level security
-- where it was otherwise than unprotect() leaves it, and the label. "more" stands before the labels.
CREATE FUNCTION tenant_guard_internal.undo_of_guard(relation oid, tenant_column name, more text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH RECURSIVE parts (oid) AS (
	SELECT undo_of_guard.relation
	UNION
	SELECT i.inhrelid FROM parts p JOIN pg_inherits i ON i.inhparent = p.oid
)
SELECT concat_ws('; ', format('SELECT tenant_guard.unprotect(%L)', undo_of_guard.relation::regclass),
				 string_agg(s.before, '; ' ORDER BY s.oid), NULLIF(undo_of_guard.more, ''), string_agg(s.after, '; ' ORDER BY s.oid))
FROM (SELECT c.oid,
			 NULLIF(concat_ws('; ', CASE WHEN d.oid IS NOT NULL THEN format('ALTER TABLE ONLY %s ALTER COLUMN %I SET DEFAULT %s', c.oid::regclass, a.attname, pg_get_expr(d.adbin, d.adrelid)) END,
							  r.security), '') AS before,
			 format('SECURITY LABEL FOR tenant_guard ON TABLE %s IS %s', c.oid::regclass, COALESCE(quote_literal(l.label), 'NULL')) AS after
	  FROM parts p JOIN pg_class c ON c.oid = p.oid
		   LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = undo_of_guard.tenant_column AND a.attgenerated = ''
		   LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
		   LEFT JOIN pg_seclabel l ON l.classoid = 'pg_class'::regclass AND l.objoid = c.oid AND l.objsubid = 0 AND l.provider = 'tenant_guard'
		   CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM pg_policy o WHERE o.polrelid = c.oid) AS stays) o
		   CROSS JOIN LATERAL (SELECT 'ALTER TABLE ONLY ' || c.oid::regclass || ' '
									  || NULLIF(concat_ws(', ', CASE WHEN c.relrowsecurity AND NOT o.stays THEN 'ENABLE ROW LEVEL SECURITY'
																	 WHEN o.stays AND NOT c.relrowsecurity THEN 'DISABLE ROW LEVEL SECURITY' END,
														  CASE WHEN c.relforcerowsecurity AND NOT o.stays THEN 'FORCE ROW LEVEL SECURITY'
															   WHEN o.stays AND NOT c.relforcerowsecurity THEN 'NO FORCE ROW LEVEL SECURITY' END), '') AS security) r
	  WHERE c.relkind IN ('r', 'p')) s
$$;
COMMENT ON FUNCTION tenant_guard_internal.undo_of_guard(oid, name, text) IS 'the statements that take back the guard of a table that has none yet; a part of plan()';

-- What a person has to decide.
CREATE FUNCTION tenant_guard_internal.plan_decisions(tables tenant_guard_internal.planned_table[], keys tenant_guard_internal.planned_key[]) RETURNS SETOF tenant_guard_internal.planned_step
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH p AS MATERIALIZED (SELECT * FROM unnest(plan_decisions.tables)),
k AS MATERIALIZED (SELECT * FROM unnest(plan_decisions.keys))
SELECT 1, 0, p.name, 0, p.name, tenant_guard_internal.remark(p.why), NULL::int, NULL::boolean, NULL::oid, NULL::text, NULL::text
FROM p WHERE p.does = 'decide'
UNION ALL
SELECT 1, 1, c.name, k.number, format('%I on %s', k.conname, c.name), tenant_guard_internal.remark(replace(k.detail, ' Nothing was changed.', '')), NULL, NULL, NULL, NULL, NULL
FROM k JOIN p c ON c.oid = k.relation WHERE k.kind = 'refuse'
UNION ALL
SELECT 1, 2, p.name, 0, p.name,
	   tenant_guard_internal.remark(format('about %s %% of the rows of table %s have no tenant: fill column %I before, or share these rows: SELECT tenant_guard.protect(%L, null_rows => ''shared'');',
										   ltrim(to_char(100 * s.null_frac, '990.99')), p.name, p.tenant_column, p.name)), NULL, NULL, NULL, NULL, NULL
FROM tenant_guard_internal.plan_nullable(plan_decisions.tables) n JOIN p ON p.oid = n.oid JOIN pg_class c ON c.oid = n.oid JOIN pg_namespace m ON m.oid = c.relnamespace
	 JOIN pg_stats s ON s.schemaname = m.nspname AND s.tablename = c.relname AND s.attname = n.tenant_column AND s.null_frac > 0 AND NOT s.inherited
UNION ALL
SELECT 1, 3, v.oid::regclass::text, 0, v.oid::regclass::text,
	   tenant_guard_internal.remark(CASE WHEN v.relkind = 'm' THEN format('materialized view %s keeps rows of %s, and shows them to whoever may read it: REVOKE the privileges on it', v.oid::regclass, v.reads)
										 ELSE format('view %s reads %s as its owner %I, whom row-level security does not bind: ALTER VIEW %s SET (security_invoker = true);', v.oid::regclass, v.reads, v.owner, v.oid::regclass) END),
	   NULL, NULL, NULL, NULL, NULL
FROM (SELECT c.oid, c.relkind, r.rolname AS owner, string_agg(DISTINCT p.name, ', ') AS reads
	  FROM tenant_guard_internal.named_relations n JOIN p ON p.oid = n.names AND p.does IN ('guard', 'derive') JOIN pg_class c ON c.oid = n.relation JOIN pg_roles r ON r.oid = c.relowner
	  WHERE n.ev_type = '1' AND (c.relkind = 'm' OR c.relkind = 'v' AND (r.rolsuper OR r.rolbypassrls)
																 AND NOT EXISTS (SELECT FROM unnest(c.reloptions) o WHERE o ~* '^security_invoker=(on|1|t|tr|tru|true|y|ye|yes)$'))
	  GROUP BY c.oid, c.relkind, r.rolname) v
UNION ALL
SELECT 1, 4, r.rolname, 0, quote_ident(r.rolname),
	   tenant_guard_internal.remark(format('role %I %s: guards do not bind it, and what it reads or writes is refused. No application should connect as it.', r.rolname, r.why)), NULL, NULL, NULL, NULL, NULL
FROM tenant_guard_internal.unbound_roles r JOIN pg_roles l ON l.oid = r.oid AND l.rolcanlogin
WHERE r.oid <> 10 AND EXISTS (SELECT FROM p WHERE p.does IN ('guard', 'derive'))
UNION ALL
SELECT 1, 5, '', 0, NULL,
   tenant_guard_internal.remark('rows that reference rows of another tenant make VALIDATE CONSTRAINT fail: decide whose they are. What "needs" says of that step lists them.'), NULL, NULL, NULL, NULL, NULL
WHERE EXISTS (SELECT FROM k WHERE k.kind = 'pair' AND k.detail IS NOT NULL)
$$;
COMMENT ON FUNCTION tenant_guard_internal.plan_decisions(tenant_guard_internal.planned_table[], tenant_guard_internal.planned_key[]) IS 'what a person has to decide; a part of plan()';

-- Unique indexes that keys will reference, those of tables that get the column when they have it.
CREATE FUNCTION tenant_guard_internal.plan_indexes(tables tenant_guard_internal.planned_table[], keys tenant_guard_internal.planned_key[]) RETURNS SETOF tenant_guard_internal.planned_step
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH p AS MATERIALIZED (SELECT * FROM unnest(plan_indexes.tables)),
k AS MATERIALIZED (SELECT * FROM unnest(plan_indexes.keys))
SELECT CASE WHEN o.place IS NULL THEN 2 ELSE 6 END, COALESCE(o.place, 0), CASE WHEN o.place IS NULL THEN o.name ELSE '' END,
	   (10::bigint * min(i.number) OVER (PARTITION BY i.parent, i.index_columns) + s.class) * 10000000 + s.number,
	   s.object, s.statement, s.kind, s.kind = 27, i.relation, NULL, s.undo
FROM k i JOIN p o ON o.oid = i.parent JOIN pg_class c ON c.oid = i.relation JOIN pg_namespace m ON m.oid = c.relnamespace
	 CROSS JOIN LATERAL (SELECT i.relation::regclass::text AS relation, format('%I.%I', m.nspname, i.names[1]) AS index,
								i.detail IS NULL OR i.detail = 'invalid' AS missing, i.relation = i.parent AS is_top, 'made by tenant_guard for foreign keys that carry the tenant' AS comment) x
	 CROSS JOIN LATERAL (
		-- partitions first, then what they are parts of, the whole last: so they can be dropped in the opposite order
		SELECT 1, 10 * i.number, format('%s.%s', quote_ident(m.nspname), quote_ident(i.names[2])), format('DROP INDEX CONCURRENTLY %s.%s', quote_ident(m.nspname), quote_ident(i.names[2])), 28, NULL
		WHERE i.detail = 'invalid'
		UNION ALL
		SELECT 1, 10 * i.number + 1, x.relation, format('CREATE UNIQUE INDEX CONCURRENTLY %I ON %s (%s)', i.names[1], x.relation, i.index_columns), 27,
			   format('DROP INDEX CONCURRENTLY IF EXISTS %s', x.index)
		WHERE c.relkind = 'r' AND x.missing
		UNION ALL
		SELECT 2, 1000000 - i.number, x.relation, format('CREATE UNIQUE INDEX %I ON ONLY %s (%s)', i.names[1], x.relation, i.index_columns), 20,
			   concat_ws('; ', format('DROP INDEX IF EXISTS %s', x.index),
						 -- with it go the indexes of partitions that it found
						 (SELECT string_agg(pg_get_indexdef(l.oid) || COALESCE('; COMMENT ON INDEX ' || l.oid::regclass || ' IS ' || quote_literal(obj_description(l.oid, 'pg_class')), ''), '; ')
						  FROM k f JOIN pg_class r ON r.oid = f.relation JOIN pg_class l ON l.relnamespace = r.relnamespace AND l.relname = f.names[1]
						  WHERE x.is_top AND f.kind = 'index' AND f.parent = i.parent AND f.index_columns = i.index_columns AND f.detail = 'valid'))
		WHERE c.relkind = 'p' AND x.missing
		UNION ALL
		SELECT 3, i.number, x.index, format('COMMENT ON INDEX %s IS %L', x.index, x.comment), 29, format('COMMENT ON INDEX %s IS NULL', x.index) WHERE x.is_top AND x.missing
		UNION ALL
		SELECT 4, i.number, x.index, format('ALTER INDEX %I.%I ATTACH PARTITION %s', w.nspname, i.definitions[1], x.index), 30, NULL
		FROM pg_inherits h JOIN pg_class a ON a.oid = h.inhparent JOIN pg_namespace w ON w.oid = a.relnamespace
		WHERE h.inhrelid = i.relation AND NOT x.is_top AND i.detail IS DISTINCT FROM 'attached') s (class, number, object, statement, kind, undo)
WHERE i.kind = 'index'
	  -- what is guarded before makes the index when its key is paired
	  AND (o.place IS NULL OR NOT EXISTS (SELECT FROM k f WHERE f.kind <> 'index' AND f.parent = i.parent AND f.index_columns = i.index_columns AND f.at <= o.place))
$$;
COMMENT ON FUNCTION tenant_guard_internal.plan_indexes(tenant_guard_internal.planned_table[], tenant_guard_internal.planned_key[]) IS 'the steps that make indexes; a part of plan()';

CREATE FUNCTION tenant_guard_internal.plan_not_null(tables tenant_guard_internal.planned_table[]) RETURNS SETOF tenant_guard_internal.planned_step
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH p AS MATERIALIZED (SELECT * FROM unnest(plan_not_null.tables))
SELECT 3, 0, c.name, s.number, c.name, s.statement, s.kind, s.kind = 6, c.oid, s.needs, s.undo
FROM (SELECT n.*, n.oid::regclass::text AS name, n.tenant_column AS column FROM tenant_guard_internal.plan_nullable(plan_not_null.tables) n WHERE n.conname IS NOT NULL) c
	 LEFT JOIN pg_constraint o ON c.there AND o.conrelid = c.oid AND o.conname = c.conname
	 -- what undoes a step brings back a constraint that was there as it was
	 CROSS JOIN LATERAL (SELECT COALESCE(regexp_replace(pg_get_constraintdef(o.oid), ' NOT VALID$', ''), format('CHECK (%I IS NOT NULL)', c.column)) AS check,
								format('ALTER TABLE %s', c.name) AS alter,
								(SELECT format('; COMMENT ON CONSTRAINT %I ON %s IS %L', o.conname, c.name, d.description)
								 FROM pg_description d WHERE d.classoid = 'pg_constraint'::regclass AND d.objoid = o.oid) AS comment) x
	 CROSS JOIN LATERAL (
		SELECT 1, format('%s ADD CONSTRAINT %I %s NOT VALID', x.alter, c.conname, x.check), 16, NULL, format('%s DROP CONSTRAINT %I', x.alter, c.conname) WHERE NOT c.there
		UNION ALL
		SELECT 2, format('%s VALIDATE CONSTRAINT %I', x.alter, c.conname), 6, format('no row whose column %I is null', c.column),
			   format('%1$s DROP CONSTRAINT %2$I, ADD CONSTRAINT %2$I %3$s NOT VALID%4$s', x.alter, c.conname, x.check, x.comment)
		WHERE NOT c.valid
		UNION ALL
		SELECT 3, format('%s ALTER COLUMN %I SET NOT NULL', x.alter, c.column), 8, NULL,
			   concat_ws('; ', format('%s ALTER COLUMN %I DROP NOT NULL', x.alter, c.column),
						 -- this reaches parts that had it before
						 (WITH RECURSIVE below (oid) AS (SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = c.oid
														 UNION SELECT i.inhrelid FROM below b JOIN pg_inherits i ON i.inhparent = b.oid)
						  SELECT string_agg(format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', a.attrelid::regclass, a.attname), '; ' ORDER BY a.attrelid)
						  FROM below b JOIN pg_attribute a ON a.attrelid = b.oid AND a.attname = c.column AND a.attnotnull))
		UNION ALL
		SELECT 4, format('%s DROP CONSTRAINT %I', x.alter, c.conname), 16, NULL,
			   format('%1$s ADD CONSTRAINT %2$I %3$s NOT VALID; %1$s VALIDATE CONSTRAINT %2$I%4$s', x.alter, c.conname, x.check, x.comment)) s (number, statement, kind, needs, undo)
$$;
COMMENT ON FUNCTION tenant_guard_internal.plan_not_null(tenant_guard_internal.planned_table[]) IS 'the steps that make tenant columns NOT NULL; a part of plan()';

CREATE FUNCTION tenant_guard_internal.plan_pairing(tables tenant_guard_internal.planned_table[], keys tenant_guard_internal.planned_key[]) RETURNS SETOF tenant_guard_internal.planned_step
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH p AS MATERIALIZED (SELECT * FROM unnest(plan_pairing.tables)),
k AS MATERIALIZED (SELECT * FROM unnest(plan_pairing.keys))
SELECT 4, 0, c.name, 10 * k.number + s.number, c.name, s.statement, s.kind, s.kind IN (6, 10), k.relation, s.needs, s.undo
FROM k JOIN p c ON c.oid = k.relation
	 CROSS JOIN LATERAL (SELECT format('ALTER TABLE %s', c.name) AS alter, cardinality(k.names) AS last) x
	 CROSS JOIN LATERAL (
		SELECT 0, format('%s DROP CONSTRAINT %I, ADD %s', x.alter, k.conname, array_to_string(k.definitions, ', ADD ')),
			   CASE WHEN k.definitions[x.last] ~ ' NOT (VALID|ENFORCED)$' THEN 9 ELSE 10 END,
			   concat_ws('; ', CASE WHEN k.relation <> k.parent THEN format('table %s is locked as well', k.parent::regclass) END,
						 CASE WHEN k.definitions[x.last] !~ ' NOT (VALID|ENFORCED)$' THEN 'no row that references another tenant''s: ' || rtrim(k.detail, ';') END), k.undo
		UNION ALL
		SELECT n, format('%s VALIDATE CONSTRAINT %I', x.alter, k.names[n]), 6, CASE WHEN n = 1 THEN 'no row that references another tenant''s: ' || rtrim(k.detail, ';') END,
			   format('%s %s, ADD %s', x.alter, (SELECT string_agg(format('DROP CONSTRAINT %I', d), ', ') FROM unnest(k.names[n:]) d), array_to_string(k.definitions[n:], ', ADD '))
		FROM generate_series(1, x.last) n WHERE k.validated
		UNION ALL
		SELECT 9, format('COMMENT ON CONSTRAINT %I ON %s IS %L', k.conname, c.name, k.comment), 29, NULL, format('COMMENT ON CONSTRAINT %I ON %s IS NULL', k.conname, c.name)
		WHERE k.comment IS NOT NULL) s (number, statement, kind, needs, undo)
WHERE k.kind = 'pair'
$$;
COMMENT ON FUNCTION tenant_guard_internal.plan_pairing(tenant_guard_internal.planned_table[], tenant_guard_internal.planned_key[]) IS 'the steps that make foreign keys carry the tenant; a part of plan()';

CREATE FUNCTION tenant_guard_internal.plan_guards(tables tenant_guard_internal.planned_table[], keys tenant_guard_internal.planned_key[]) RETURNS SETOF tenant_guard_internal.planned_step
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH p AS MATERIALIZED (SELECT * FROM unnest(plan_guards.tables)),
k AS MATERIALIZED (SELECT * FROM unnest(plan_guards.keys)),
-- tables that are guarded by protect() itself, and not with the table above them, in their order
tops AS MATERIALIZED (
	SELECT t.*, row_number() OVER (ORDER BY EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = t.oid), t.name COLLATE "C")::int AS at
	FROM p t
	WHERE (t.does = 'guard' OR t.does = 'guarded' AND t.wanted AND (tenant_guard.guard_status(t.oid)).status = 'damaged')
		  AND NOT EXISTS (SELECT FROM pg_inherits i JOIN p o ON o.oid = i.inhparent WHERE i.inhrelid = t.oid AND o.does = 'guard')
),
-- both ends of the keys that no statement of the plan changes, and when each is guarded
ends AS MATERIALIZED (
	SELECT k.number, k.kind, k.relation, k.undo, o.at
	FROM k CROSS JOIN LATERAL unnest(ARRAY[k.relation, k.parent]) e (oid) JOIN p m ON m.oid = e.oid LEFT JOIN tops o ON o.root = m.root
	WHERE k.kind IN ('leave', 'everyone', 'wait', 'refuse')
),
-- when tables are guarded whose keys stand in the way
obstructed AS MATERIALIZED (SELECT DISTINCT e.at FROM ends e WHERE e.kind IN ('wait', 'refuse') AND e.at IS NOT NULL),
left_keys AS MATERIALIZED (
	SELECT e.number, e.relation, e.undo, max(e.at) AS at, bool_and(e.at IS NULL) OR bool_or(e.at IN (SELECT w.at FROM obstructed w)) AS is_late
	FROM ends e WHERE e.kind IN ('leave', 'everyone')
	GROUP BY e.number, e.relation, e.undo
),
keys_of_protect AS MATERIALIZED (SELECT l.at, COALESCE(string_agg(l.undo, '; ' ORDER BY l.number), '') AS undo FROM left_keys l WHERE l.is_late IS NOT TRUE GROUP BY l.at),
columns_of_protect AS MATERIALIZED (
	SELECT m.root, string_agg(format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL', n.oid::regclass, n.tenant_column), '; ' ORDER BY n.oid) AS undo
	FROM tenant_guard_internal.plan_nullable(plan_guards.tables) n JOIN p m ON m.oid = n.oid WHERE n.is_left
	GROUP BY m.root
)
SELECT 5, t.at, t.name, 0, t.name, format('SELECT tenant_guard.protect(%L%s)%s', t.name, h.how, h.without_keys), 1, l.undo IS NOT NULL OR n.undo IS NOT NULL, t.oid,
	   CASE WHEN h.without_keys <> '' THEN 'a superuser, or a role that may set tenant_guard.foreign_keys' END,
	   CASE WHEN t.does = 'guard' THEN tenant_guard_internal.undo_of_guard(t.oid, t.tenant_column, concat_ws('; ', n.undo, NULLIF(l.undo, ''))) END
FROM tops t
	 LEFT JOIN keys_of_protect l ON l.at = t.at LEFT JOIN columns_of_protect n ON n.root = t.root
	 -- a damaged guard is repaired in its shape
	 CROSS JOIN LATERAL (SELECT CASE WHEN t.does = 'guarded' AND EXISTS (SELECT FROM pg_policy o WHERE o.polrelid = t.oid AND NOT o.polpermissive
																		 AND (o.polname = tenant_guard_internal.isolation_policy() AND o.polcmd = 'r'
																			  OR o.polname IN ('tenant_isolation_inserts', 'tenant_isolation_updates', 'tenant_isolation_deletes')))
									 THEN ', null_rows => ''shared''' ELSE '' END AS how,
								CASE WHEN t.at IN (SELECT w.at FROM obstructed w) THEN ' FROM pg_catalog.set_config(''tenant_guard.foreign_keys'', ''off'', true)' ELSE '' END AS without_keys) h
UNION ALL
SELECT 5, 1000000, c.name, 0, c.name, format('SELECT tenant_guard.pair_foreign_keys(%L)', c.name), 3, true, c.oid, NULL, string_agg(l.undo, '; ' ORDER BY l.number)
FROM left_keys l JOIN p c ON c.oid = l.relation
WHERE l.is_late
GROUP BY c.oid, c.name
$$;
COMMENT ON FUNCTION tenant_guard_internal.plan_guards(tenant_guard_internal.planned_table[], tenant_guard_internal.planned_key[]) IS 'the steps that guard tables; a part of plan()';

CREATE FUNCTION tenant_guard_internal.plan_derivations(tables tenant_guard_internal.planned_table[], keys tenant_guard_internal.planned_key[]) RETURNS SETOF tenant_guard_internal.planned_step
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH p AS MATERIALIZED (SELECT * FROM unnest(plan_derivations.tables)),
k AS MATERIALIZED (SELECT * FROM unnest(plan_derivations.keys))
SELECT 6, p.place, '', 0, p.name, format('SELECT tenant_guard.derive_tenant_column(%L, %L)', p.name, p.foreign_key), 2, true, p.oid,
	   (SELECT 'no row of which a column of the key is null' FROM pg_constraint f JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = ANY (f.conkey) AND NOT a.attnotnull
		WHERE f.conrelid = p.oid AND f.conname = p.foreign_key AND f.contype = 'f' LIMIT 1),
	   tenant_guard_internal.undo_of_guard(p.oid, p.tenant_column, concat_ws('; ', (SELECT string_agg(k.undo, '; ' ORDER BY k.number) FROM k WHERE k.kind = 'derive' AND k.at = p.place),
																			 -- which would take with it a key that stays
																			 (SELECT format('ALTER TABLE %s DROP COLUMN %I', p.name, p.tenant_column)
																			  WHERE NOT EXISTS (SELECT FROM k WHERE k.kind = 'derive' AND k.at = p.place AND k.conname IS NOT NULL AND k.undo IS NULL))))
FROM p WHERE p.does = 'derive'
$$;
COMMENT ON FUNCTION tenant_guard_internal.plan_derivations(tenant_guard_internal.planned_table[], tenant_guard_internal.planned_key[]) IS 'the steps that add tenant columns; a part of plan()';

CREATE FUNCTION plan(schema regnamespace) RETURNS SETOF tenant_guard.plan_step
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off -- each statement is run once
AS $$
DECLARE
	tables CONSTANT tenant_guard_internal.planned_table[] := ARRAY(SELECT t FROM tenant_guard_internal.plan_tables(plan.schema) t);
	keys tenant_guard_internal.planned_key[] := '{}';
BEGIN
	IF plan.schema IS NULL THEN
		RAISE EXCEPTION 'schema must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	-- the library is loaded now
	IF current_setting('tenant_guard.foreign_keys', true) = 'pair' THEN
		keys := ARRAY(SELECT k FROM tenant_guard_internal.plan_keys(tables) k);
	END IF;
	RETURN QUERY
	WITH RECURSIVE steps AS (
		SELECT * FROM tenant_guard_internal.plan_decisions(tables, keys)
		UNION ALL SELECT * FROM tenant_guard_internal.plan_indexes(tables, keys)
		UNION ALL SELECT * FROM tenant_guard_internal.plan_not_null(tables)
		UNION ALL SELECT * FROM tenant_guard_internal.plan_pairing(tables, keys)
		UNION ALL SELECT * FROM tenant_guard_internal.plan_guards(tables, keys)
		UNION ALL SELECT * FROM tenant_guard_internal.plan_derivations(tables, keys)
	),
	r AS MATERIALIZED (SELECT s.*, row_number() OVER (ORDER BY s.phase, s.place, s.sort COLLATE "C", s.number) AS step FROM steps s),
	parts (whole, oid) AS (
		SELECT DISTINCT r.relation, r.relation FROM r WHERE r.scans
		UNION
		SELECT p.whole, i.inhrelid FROM parts p JOIN pg_inherits i ON i.inhparent = p.oid
	),
	sizes AS MATERIALIZED (
		SELECT p.whole, sum(pg_relation_size(p.oid))::bigint / current_setting('block_size')::int AS pages FROM parts p GROUP BY p.whole
	)
	SELECT r.step::int, r.object, r.statement || CASE WHEN r.kind IS NULL THEN '' ELSE ';' END, p.lock, CASE WHEN p.lock IS NOT NULL THEN r.scans END, p.rewrites,
		   CASE WHEN p.rewrites THEN (WITH RECURSIVE w (oid) AS (SELECT r.relation UNION SELECT i.inhrelid FROM w JOIN pg_inherits i ON i.inhparent = w.oid)
									  SELECT sum(pg_total_relation_size(w.oid))::bigint / current_setting('block_size')::int FROM w)
				WHEN r.scans THEN s.pages END,
		   NULLIF(concat_ws('; ', p.needs, NULLIF(r.needs, ''),
							CASE WHEN c.relowner <> (SELECT u.oid FROM pg_roles u WHERE u.rolname = current_user) THEN format('role %I, which owns it, or a superuser', pg_get_userbyid(c.relowner)) END), ''),
		   r.undo || ';'
	FROM r LEFT JOIN tenant_guard_internal.priced_statements p ON p.place = r.kind LEFT JOIN pg_class c ON c.oid = r.relation LEFT JOIN sizes s ON s.whole = r.relation
	ORDER BY r.step;
	IF NOT FOUND THEN
		RAISE NOTICE 'nothing is to be done in schema "%"', (SELECT n.nspname FROM pg_namespace n WHERE n.oid = plan.schema);
	END IF;
END
$$;
COMMENT ON FUNCTION plan(regnamespace) IS 'the statements that guard a schema step by step, with what each costs and how it is taken back';
REVOKE ALL ON FUNCTION plan(regnamespace) FROM PUBLIC;
