
--
-- A tenant's life: for the DBA, and whom the DBA grants it to. What reads or deletes rows does it as the owners of the tables, whose
-- rights the caller must have.
--
CREATE FUNCTION tenant_guard_internal.canonical_tenant(tenant text) RETURNS text
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tenant_guard_canonical_tenant';
COMMENT ON FUNCTION tenant_guard_internal.canonical_tenant(text) IS 'a tenant as set_tenant() returns it; an error if it is none';

CREATE FUNCTION tenant_guard_internal.count_tenant_rows(relation oid, tenant_column name, tenant text) RETURNS bigint
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_count_tenant_rows';
COMMENT ON FUNCTION tenant_guard_internal.count_tenant_rows(oid, name, text) IS 'how many rows of a tenant a table has; a part of tenant_inventory()';

CREATE FUNCTION tenant_guard_internal.try_count(relation oid, tenant_column name, tenant text, OUT rows bigint, OUT problem text)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	rows := tenant_guard_internal.count_tenant_rows(try_count.relation, try_count.tenant_column, try_count.tenant);
EXCEPTION WHEN OTHERS THEN -- a function in the condition of an index can raise what it wants, and must not keep other tables from being counted
	problem := SQLERRM;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.try_count(oid, name, text) IS 'how many rows of a tenant a table has, or why they cannot be counted; a part of tenant_inventory()';

CREATE FUNCTION tenant_guard_internal.delete_tenant_rows(relations oid[], tenant_columns name[], tenant text, rows bigint) RETURNS bigint[]
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_delete_tenant_rows';
COMMENT ON FUNCTION tenant_guard_internal.delete_tenant_rows(oid[], name[], text, bigint) IS 'deletes rows of a tenant, of each table at most so many if that is not 0; a part of purge_tenant()';

CREATE FUNCTION tenants(relation regclass) RETURNS SETOF text
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_tenants';
COMMENT ON FUNCTION tenants(regclass) IS 'the tenants of which a guarded table has rows, in order, by look-ups in the index that begins with the tenant column';
REVOKE ALL ON FUNCTION tenants(regclass) FROM PUBLIC;

-- A table with a tenant column is counted with its partitions and children. "why" says why it cannot be.
CREATE VIEW tenant_guard_internal.tenant_tables AS
WITH tables AS MATERIALIZED (
	SELECT t.relation, c.relkind, t.status, t.tenant_column, t.tenant_type, t.estimated_rows
	FROM tenant_guard.tables_and_partitions t JOIN pg_catalog.pg_class c ON c.oid = t.relation
	WHERE t.tenant_column IS NOT NULL
)
SELECT t.relation, t.status, t.tenant_column, t.estimated_rows, c.relpages,
	   CASE WHEN t.relkind = 'f' THEN 'its rows are on a foreign server'
			WHEN t.tenant_type IS NULL THEN 'it has no such column'
			WHEN tenant_guard_internal.tenant_type_of(t.tenant_type) IS DISTINCT FROM (SELECT s.type_in_force FROM tenant_guard_internal.tenant_settings() s)
			THEN pg_catalog.format('its column %I is of type %s', t.tenant_column, t.tenant_type) END AS why
FROM tables t JOIN pg_catalog.pg_class c ON c.oid = t.relation
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhrelid = t.relation AND i.inhparent IN (SELECT p.relation FROM tables p));
COMMENT ON VIEW tenant_guard_internal.tenant_tables IS 'tables that have a tenant column, each with its partitions and children; a part of tenant_inventory()';
GRANT SELECT ON tenant_guard_internal.tenant_tables TO PUBLIC;

-- Tables without a tenant column whose rows belong to tenants by foreign keys alone, and the first key on the way there.
CREATE VIEW tenant_guard_internal.tables_by_key AS
WITH RECURSIVE reached (relation, key) AS (
	SELECT t.relation::pg_catalog.oid, NULL::pg_catalog.oid FROM tenant_guard_internal.tenant_tables t
	UNION
	SELECT k.conrelid, k.oid FROM reached r JOIN pg_catalog.pg_constraint k ON k.confrelid = r.relation
	WHERE k.contype = 'f' AND k.conparentid = 0
)
SELECT r.relation, pg_catalog.min(r.key) AS key
FROM reached r
WHERE r.key IS NOT NULL AND (tenant_guard.guard_status(r.relation)).tenant_column IS NULL
GROUP BY r.relation;
COMMENT ON VIEW tenant_guard_internal.tables_by_key IS 'tables that reach tenants by a foreign key only; a part of tenant_inventory()';
GRANT SELECT ON tenant_guard_internal.tables_by_key TO PUBLIC;

-- The tables of the tenants themselves: what tenant columns reference. A key counts that a role has made who may delete rows of the table that
-- it references, or the owner of the database: with REFERENCES alone nobody chooses of which tables a superuser deletes a row.
CREATE VIEW tenant_guard_internal.tenant_rows_themselves AS
SELECT DISTINCT k.confrelid::pg_catalog.regclass AS relation, a.attname AS key_column
FROM tenant_guard_internal.tenant_tables t
	 JOIN pg_catalog.pg_attribute c ON c.attrelid = t.relation AND c.attname = t.tenant_column
	 JOIN pg_catalog.pg_constraint k ON k.conrelid = t.relation AND k.contype = 'f' AND k.conkey = ARRAY[c.attnum]
	 JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = k.confkey[1]
	 JOIN pg_catalog.pg_class o ON o.oid = t.relation
WHERE (pg_catalog.has_table_privilege(o.relowner, k.confrelid, 'DELETE') OR o.relowner = (SELECT d.datdba FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()))
	  AND k.confrelid NOT IN (SELECT o.relation FROM tenant_guard_internal.tenant_tables o)
	  AND tenant_guard_internal.tenant_type_of(a.atttypid) = (SELECT s.type_in_force FROM tenant_guard_internal.tenant_settings() s);
COMMENT ON VIEW tenant_guard_internal.tenant_rows_themselves IS 'the tables in which a tenant is a row; a part of tenant_inventory()';
GRANT SELECT ON tenant_guard_internal.tenant_rows_themselves TO PUBLIC;

CREATE FUNCTION tenant_guard_internal.parts_of(relation oid) RETURNS SETOF oid
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH RECURSIVE parts (oid) AS (SELECT parts_of.relation UNION SELECT i.inhrelid FROM parts p JOIN pg_inherits i ON i.inhparent = p.oid)
SELECT p.oid FROM parts p
$$;
COMMENT ON FUNCTION tenant_guard_internal.parts_of(oid) IS 'a table with its partitions and children; a part of tenant_inventory()';

-- Materialized views that read tables of tenants, by themselves or by other views.
CREATE VIEW tenant_guard_internal.views_of_tenants AS
WITH RECURSIVE reads (relation, of) AS (
	SELECT t.relation::pg_catalog.oid, t.relation::pg_catalog.oid FROM tenant_guard_internal.tenant_tables t
	UNION
	SELECT w.ev_class, r.of
	FROM reads r JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = r.relation
		 AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
		 JOIN pg_catalog.pg_rewrite w ON w.oid = d.objid
	WHERE w.ev_class <> r.relation
)
SELECT c.oid::pg_catalog.regclass AS relation, pg_catalog.string_agg(DISTINCT r.of::pg_catalog.regclass::pg_catalog.text, ', ') AS reads
FROM reads r JOIN pg_catalog.pg_class c ON c.oid = r.relation
WHERE c.relkind = 'm'
GROUP BY c.oid;
COMMENT ON VIEW tenant_guard_internal.views_of_tenants IS 'materialized views that keep rows of tenants; a part of tenant_inventory()';
GRANT SELECT ON tenant_guard_internal.views_of_tenants TO PUBLIC;

CREATE VIEW tenant_guard_internal.publications_of_tenants AS
SELECT p.pubname, pg_catalog.string_agg(DISTINCT t.relation::pg_catalog.regclass::pg_catalog.text, ', ') AS publishes
FROM tenant_guard_internal.tenant_tables t CROSS JOIN LATERAL tenant_guard_internal.parts_of(t.relation) o (oid)
	 JOIN pg_catalog.pg_class c ON c.oid = o.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	 JOIN pg_catalog.pg_publication_tables p ON p.schemaname = n.nspname AND p.tablename = c.relname
GROUP BY p.pubname;
COMMENT ON VIEW tenant_guard_internal.publications_of_tenants IS 'publications of rows of tenants; a part of tenant_inventory()';
GRANT SELECT ON tenant_guard_internal.publications_of_tenants TO PUBLIC;

CREATE FUNCTION tenant_inventory(tenant text, OUT kind text, OUT object text, OUT rows bigint, OUT estimated_bytes bigint, OUT detail text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
	canonical text := tenant_guard_internal.canonical_tenant(tenant_inventory.tenant);
	item record;
BEGIN
	IF canonical IS NULL THEN
		RAISE EXCEPTION 'tenant must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	FOR item IN
		SELECT t.relation, t.status, t.tenant_column, t.estimated_rows, t.why, 1 AS place FROM tenant_guard_internal.tenant_tables t
		UNION ALL
		SELECT o.relation, 'tenant', o.key_column, NULL, NULL, 2 FROM tenant_guard_internal.tenant_rows_themselves o
		ORDER BY 6, 1
	LOOP
		kind := item.status;
		object := item.relation::text;
		rows := NULL;
		estimated_bytes := NULL;
		detail := 'not counted: ' || item.why;
		IF item.why IS NULL THEN
			SELECT c.rows, 'not counted: ' || c.problem INTO rows, detail FROM tenant_guard_internal.try_count(item.relation, item.tenant_column, canonical) c;
			estimated_bytes := CASE WHEN rows = 0 THEN 0
									WHEN item.estimated_rows > 0
									THEN (SELECT round(sum(pg_table_size(p.relid)) * least(rows::numeric / item.estimated_rows, 1)) FROM tenant_guard_internal.parts_of(item.relation) p (relid)) END;
		END IF;
		RETURN NEXT;
	END LOOP;
	rows := NULL;
	estimated_bytes := NULL;
	FOR kind, object, detail IN
		SELECT 'by key', r.relation::regclass::text,
			   format('not counted: its rows have a tenant by foreign key %I to %s only; tenant_guard.derive_tenant_column(%L) gives them the column', k.conname, k.confrelid::regclass, r.relation::regclass)
		FROM tenant_guard_internal.tables_by_key r JOIN pg_constraint k ON k.oid = r.key
		UNION ALL
		SELECT 'materialized view', v.relation::text, format('not counted: it keeps rows of %s until it is refreshed', v.reads)
		FROM tenant_guard_internal.views_of_tenants v
		UNION ALL
		SELECT 'publication', quote_ident(p.pubname), format('not counted: subscribers have copies of rows of %s', p.publishes)
		FROM tenant_guard_internal.publications_of_tenants p
		UNION ALL
		SELECT 'large objects', t.relation::text, format('not counted: its column %I has identifiers of large objects', a.attname)
		FROM tenant_guard_internal.tenant_tables t JOIN pg_attribute a ON a.attrelid = t.relation AND a.attnum > 0 AND NOT a.attisdropped
		WHERE a.atttypid = 'oid'::regtype OR a.atttypid IN (SELECT y.oid FROM pg_type y WHERE y.typname = 'lo' AND y.typbasetype = 'oid'::regtype)
		ORDER BY 1, 2
	LOOP
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION tenant_inventory(text) IS 'how many rows of a tenant each table has, and what cannot be counted';
REVOKE ALL ON FUNCTION tenant_inventory(text) FROM PUBLIC;

-- In which order rows are deleted: those that reference others first. Tables that reference each other are one group; their rows, and those
-- of a table that references itself, are deleted all at once ("whole").
CREATE FUNCTION tenant_guard_internal.purge_groups(OUT relations oid[], OUT tenant_columns name[], OUT whole boolean) RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
	remaining oid[];
	columns jsonb;
	children oid[];
	parents oid[];
	self oid[];
	free oid[];
	one oid;
BEGIN
	SELECT array_agg(t.relation::oid ORDER BY t.relation::text COLLATE "C"), jsonb_object_agg(t.relation::oid, t.tenant_column) INTO remaining, columns
	FROM tenant_guard_internal.tenant_tables t WHERE t.why IS NULL;
	WITH parts AS MATERIALIZED (SELECT p.oid, r.oid AS root FROM unnest(remaining) r (oid) CROSS JOIN LATERAL tenant_guard_internal.parts_of(r.oid) p (oid)),
		 keys AS MATERIALIZED (SELECT DISTINCT c.root AS child, p.root AS parent
							   FROM pg_constraint k JOIN parts c ON c.oid = k.conrelid JOIN parts p ON p.oid = k.confrelid WHERE k.contype = 'f')
	SELECT array_agg(k.child) FILTER (WHERE k.child <> k.parent), array_agg(k.parent) FILTER (WHERE k.child <> k.parent), array_agg(k.child) FILTER (WHERE k.child = k.parent)
	INTO children, parents, self FROM keys k;
	WHILE cardinality(remaining) > 0 LOOP
		SELECT array_agg(r.oid ORDER BY r.place) INTO free
		FROM unnest(remaining) WITH ORDINALITY r (oid, place)
		WHERE NOT EXISTS (SELECT FROM unnest(children, parents) k (child, parent) WHERE k.parent = r.oid AND k.child = ANY (remaining));
		IF free IS NOT NULL THEN
			FOREACH one IN ARRAY free LOOP
				relations := ARRAY[one];
				tenant_columns := ARRAY[columns ->> one::text];
				whole := one = ANY (coalesce(self, '{}'));
				RETURN NEXT;
			END LOOP;
		ELSE
			-- a circle that nothing outside of it references
			WITH RECURSIVE reaches (a, b) AS (
				SELECT k.child, k.parent FROM unnest(children, parents) k (child, parent) WHERE k.child = ANY (remaining) AND k.parent = ANY (remaining)
				UNION
				SELECT r.a, k.parent FROM reaches r JOIN unnest(children, parents) k (child, parent) ON k.child = r.b WHERE k.parent = ANY (remaining)
			),
			circles AS (SELECT r.a, array_agg(r.b ORDER BY r.b) AS members FROM reaches r WHERE EXISTS (SELECT FROM reaches o WHERE o.a = r.b AND o.b = r.a) GROUP BY r.a)
			SELECT c.members INTO free FROM circles c
			WHERE NOT EXISTS (SELECT FROM reaches r WHERE r.b = c.a AND r.a <> ALL (c.members))
			ORDER BY c.members LIMIT 1;
			relations := free;
			SELECT array_agg(columns ->> f.oid::text ORDER BY f.place) INTO tenant_columns FROM unnest(free) WITH ORDINALITY f (oid, place);
			whole := true;
			RETURN NEXT;
		END IF;
		remaining := ARRAY(SELECT r.oid FROM unnest(remaining) WITH ORDINALITY r (oid, place) WHERE r.oid <> ALL (free) ORDER BY r.place);
	END LOOP;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.purge_groups() IS 'in which order the rows of a tenant are deleted; a part of purge_tenant()';

-- Deletes rows of a group, as the tenant. Its triggers find that tenant set; those that are deferrable fire at the end of each statement, since
-- later they would not run as the owner of their table.
CREATE FUNCTION tenant_guard_internal.purge_group(relations oid[], tenant_columns name[], tenant text, rows bigint) RETURNS bigint[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	schema text;
	other text;
	key text;
	authority CONSTANT text := current_setting('tenant_guard.authority');
	numbers bigint[];
BEGIN
	IF current_setting('session_replication_role') = 'replica' THEN
		RAISE EXCEPTION 'rows of a tenant cannot be deleted while session_replication_role is replica'
		USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'Foreign keys would not be checked, and rows that reference the deleted ones would be left unseen.',
			  HINT = 'Run SET session_replication_role = origin; first.';
	END IF;
	-- a superuser may set any tenant then, and what the triggers call may not
	PERFORM set_config('tenant_guard.authority', 'granted', true) WHERE authority <> 'open';
	PERFORM tenant_guard.set_tenant(purge_group.tenant);
	SET CONSTRAINTS ALL IMMEDIATE;
	numbers := tenant_guard_internal.delete_tenant_rows(purge_group.relations, purge_group.tenant_columns, purge_group.tenant, purge_group.rows);
	PERFORM set_config('tenant_guard.authority', authority, true) WHERE authority <> 'open';
	RETURN numbers;
EXCEPTION WHEN foreign_key_violation THEN
	GET STACKED DIAGNOSTICS schema = SCHEMA_NAME, other = TABLE_NAME, key = CONSTRAINT_NAME;
	RAISE EXCEPTION 'rows of the tenant are referenced from table %', format('%I.%I', schema, other)
	USING ERRCODE = 'TG007', DETAIL = format('Foreign key %I of that table, which has no tenant column, stands in the way.', key),
		  HINT = format('Run SELECT * FROM tenant_guard.tenant_inventory(%L); it lists such tables, with the statement that gives each a tenant column. Or delete their rows first.', purge_group.tenant);
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.purge_group(oid[], name[], text, bigint) IS 'deletes rows of a tenant from tables that reference each other, as that tenant; a part of purge_tenant()';

CREATE FUNCTION purge_tenant(tenant text, dry_run boolean DEFAULT true, tenants_row boolean DEFAULT false,
							 OUT relation regclass, OUT deleted bigint, OUT remaining bigint, OUT detail text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
	canonical text := tenant_guard_internal.canonical_tenant(purge_tenant.tenant);
	counts jsonb := '{}';
	numbers bigint[];
	again boolean;
	item record;
BEGIN
	IF canonical IS NULL OR purge_tenant.dry_run IS NULL OR purge_tenant.tenants_row IS NULL THEN
		RAISE EXCEPTION 'arguments of purge_tenant() must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF NOT purge_tenant.dry_run THEN
		-- a trigger may write rows of the tenant to a table whose rows are deleted already
		FOR pass IN 1 .. 3 LOOP
			again := false;
			FOR item IN SELECT g.relations, g.tenant_columns FROM tenant_guard_internal.purge_groups() g LOOP
				numbers := tenant_guard_internal.purge_group(item.relations, item.tenant_columns, canonical, 0);
				FOR i IN 1 .. cardinality(numbers) LOOP
					counts := jsonb_set(counts, ARRAY[item.relations[i]::text], to_jsonb(coalesce((counts ->> item.relations[i]::text)::bigint, 0) + numbers[i]));
					again := again OR numbers[i] > 0;
				END LOOP;
			END LOOP;
			EXIT WHEN NOT again;
		END LOOP;
		IF purge_tenant.tenants_row THEN
			FOR item IN SELECT o.relation, o.key_column FROM tenant_guard_internal.tenant_rows_themselves o LOOP
				numbers := tenant_guard_internal.purge_group(ARRAY[item.relation::oid], ARRAY[item.key_column], canonical, 0);
				counts := jsonb_set(counts, ARRAY[item.relation::oid::text], to_jsonb(numbers[1]));
			END LOOP;
		END IF;
	END IF;
	FOR item IN
		SELECT r.oid, g.columns[r.place] AS tenant_column, NULL::text AS why, g.number AS place
		FROM (SELECT p.relations, p.tenant_columns AS columns, row_number() OVER () AS number FROM tenant_guard_internal.purge_groups() p) g
			 CROSS JOIN LATERAL unnest(g.relations) WITH ORDINALITY r (oid, place)
		UNION ALL
		SELECT o.relation, o.key_column, NULL, NULL FROM tenant_guard_internal.tenant_rows_themselves o WHERE purge_tenant.tenants_row
		UNION ALL
		SELECT t.relation, t.tenant_column, t.why, NULL FROM tenant_guard_internal.tenant_tables t WHERE t.why IS NOT NULL
		ORDER BY 4 NULLS LAST, 1
	LOOP
		relation := item.oid::regclass;
		detail := 'not purged: ' || item.why;
		deleted := CASE WHEN item.why IS NULL THEN coalesce((counts ->> item.oid::text)::bigint, 0) END;
		remaining := NULL;
		IF item.why IS NULL THEN
			SELECT c.rows, 'not counted: ' || c.problem INTO remaining, detail FROM tenant_guard_internal.try_count(item.oid, item.tenant_column, canonical) c;
		END IF;
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION purge_tenant(text, boolean, boolean) IS 'deletes all rows of a tenant in one transaction, or counts them; returns what was deleted from each table and what is left';
REVOKE ALL ON FUNCTION purge_tenant(text, boolean, boolean) FROM PUBLIC;

CREATE FUNCTION tenant_guard_internal.purge_step(tenant text, place bigint, rows bigint, INOUT groups jsonb, OUT relation text, OUT deleted bigint, OUT done boolean)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	one jsonb;
	whole boolean;
BEGIN
	IF groups IS NULL THEN
		SELECT jsonb_agg(to_jsonb(g)) INTO groups FROM tenant_guard_internal.purge_groups() g;
	END IF;
	one := groups -> purge_step.place::integer;
	IF one IS NULL THEN
		RETURN;
	END IF;
	whole := (one ->> 'whole')::boolean;
	SELECT sum(n) INTO deleted
	FROM unnest(tenant_guard_internal.purge_group(ARRAY(SELECT jsonb_array_elements_text(one -> 'relations')::oid), ARRAY(SELECT jsonb_array_elements_text(one -> 'tenant_columns')::name),
												  tenant_guard_internal.canonical_tenant(purge_step.tenant), CASE WHEN whole THEN 0 ELSE purge_step.rows END)) n;
	relation := (one -> 'relations' ->> 0)::oid::regclass::text;
	done := whole OR deleted < purge_step.rows;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.purge_step(text, bigint, bigint, jsonb) IS 'deletes a batch of rows of a tenant from the group of tables at this place; a part of purge_tenant_in_batches()';

CREATE FUNCTION tenant_guard_internal.purge_receipt(tenant text, tenants_row boolean, OUT relation text, OUT deleted bigint, OUT remaining bigint, OUT detail text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT p.relation::text, p.deleted, p.remaining, p.detail FROM tenant_guard.purge_tenant(purge_receipt.tenant, NOT purge_receipt.tenants_row, purge_receipt.tenants_row) p;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.purge_receipt(text, boolean) IS 'what is left of a tenant; a part of purge_tenant_in_batches()';

CREATE PROCEDURE purge_tenant_in_batches(tenant text, rows integer DEFAULT 10000, tenants_row boolean DEFAULT false)
LANGUAGE C AS 'MODULE_PATHNAME', 'tenant_guard_purge_tenant_in_batches';
COMMENT ON PROCEDURE purge_tenant_in_batches(text, integer, boolean) IS 'deletes all rows of a tenant, at most so many of a table in a transaction; a second call goes on where one was ended';
REVOKE ALL ON PROCEDURE purge_tenant_in_batches(text, integer, boolean) FROM PUBLIC;
