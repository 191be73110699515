
--
-- Stored code that takes a tenant for text: for the DBA, and whom the DBA grants it to
--
CREATE FUNCTION tenant_guard_internal.type_mismatches_of(catalog oid, object oid, OUT detail text, OUT remedy text)
RETURNS SETOF record
LANGUAGE C VOLATILE STRICT ROWS 1 PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_type_mismatches_of';
COMMENT ON FUNCTION tenant_guard_internal.type_mismatches_of(oid, oid) IS 'the comparisons of a tenant as text in an object of a catalog';
REVOKE ALL ON FUNCTION tenant_guard_internal.type_mismatches_of(oid, oid) FROM PUBLIC;

CREATE FUNCTION type_mismatches(OUT object text, OUT kind text, OUT detail text, OUT remedy text)
RETURNS SETOF record
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET jit = off -- each statement is run once
BEGIN ATOMIC -- without a search_path of its own: bodies of functions are parsed with the caller's
	WITH stored (catalog, oid) AS (
		SELECT 'pg_rewrite'::regclass, r.oid FROM pg_rewrite r
		UNION ALL SELECT 'pg_policy'::regclass, p.oid FROM pg_policy p
		UNION ALL SELECT 'pg_constraint'::regclass, c.oid FROM pg_constraint c WHERE c.contype = 'c' AND c.conrelid <> 0
		UNION ALL SELECT 'pg_attrdef'::regclass, d.oid
			FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
			WHERE a.attgenerated <> ''
		UNION ALL SELECT 'pg_class'::regclass, i.indexrelid FROM pg_index i
			WHERE i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
		UNION ALL SELECT 'pg_class'::regclass, t.partrelid FROM pg_partitioned_table t WHERE t.partexprs IS NOT NULL
		UNION ALL SELECT 'pg_trigger'::regclass, t.oid FROM pg_trigger t WHERE t.tgqual IS NOT NULL
		UNION ALL SELECT 'pg_publication_rel'::regclass, p.oid FROM pg_publication_rel p WHERE p.prqual IS NOT NULL
		UNION ALL SELECT 'pg_proc'::regclass, f.oid
			FROM pg_proc f JOIN pg_language l ON l.oid = f.prolang
			WHERE l.lanname IN ('sql', 'plpgsql') AND f.prokind IN ('f', 'p')
				  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass
								  AND e.objid = f.oid AND e.deptype = 'e')
	)
	SELECT CASE WHEN v.oid IS NOT NULL THEN (pg_identify_object('pg_class'::regclass, v.oid, 0)).identity
				WHEN d.oid IS NOT NULL THEN (pg_identify_object('pg_class'::regclass, d.adrelid, d.adnum)).identity
				ELSE o.identity END COLLATE "C",
		   CASE WHEN v.relkind = 'm' THEN 'materialized view'
				WHEN v.oid IS NOT NULL THEN 'view'
				WHEN d.oid IS NOT NULL THEN 'generated column'
				ELSE o.type END COLLATE "C",
		   m.detail, m.remedy
	FROM stored s
		 CROSS JOIN LATERAL tenant_guard_internal.type_mismatches_of(s.catalog, s.oid) m
		 CROSS JOIN LATERAL pg_identify_object(s.catalog, s.oid, 0) o
		 LEFT JOIN pg_rewrite r ON s.catalog = 'pg_rewrite'::regclass AND r.oid = s.oid AND r.rulename = '_RETURN'
		 LEFT JOIN pg_class v ON v.oid = r.ev_class
		 LEFT JOIN pg_attrdef d ON s.catalog = 'pg_attrdef'::regclass AND d.oid = s.oid
	WHERE s.oid >= 16384
	ORDER BY 2, 1, 3;
END;
COMMENT ON FUNCTION type_mismatches() IS 'views, functions, policies and other stored code that compare a tenant as text';
REVOKE ALL ON FUNCTION type_mismatches() FROM PUBLIC;
