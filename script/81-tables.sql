
--
-- Which table is guarded: for the DBA, and whom the DBA grants it to
--
-- A table of an extension is no user's, but where it is guarded, or a part of a guarded one, that counts.
CREATE VIEW tables_and_partitions AS
SELECT c.oid::pg_catalog.regclass AS relation,
	   g.status,
	   g.tenant_column,
	   a.atttypid::pg_catalog.regtype AS tenant_type,
	   g.null_rows,
	   CASE WHEN c.reltuples >= 0 THEN c.reltuples::pg_catalog.int8 END AS estimated_rows,
	   CASE WHEN c.relispartition THEN pg_catalog.pg_partition_root(c.oid) END AS partition_of,
	   g.detail,
	   g.reason
FROM pg_catalog.pg_class c
	 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	 CROSS JOIN LATERAL tenant_guard.guard_status(c.oid) g
	 LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = g.tenant_column
WHERE c.relkind IN ('r', 'p', 'f')
	  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
	  AND n.nspname !~ '^pg_toast' AND NOT pg_catalog.pg_is_other_temp_schema(n.oid)
	  AND (g.status IN ('guarded', 'damaged')
		   OR NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
						  WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
								AND d.objid = c.oid AND d.deptype = 'e')
		   OR EXISTS (SELECT FROM tenant_guard.broken_invariants(c.oid)));
COMMENT ON VIEW tables_and_partitions IS 'every table of a user, each partition by itself, and whether it is guarded';

-- A partition is told with the partitioned table that it is a part of, unless it differs in status.
CREATE VIEW tables AS
SELECT t.relation,
	   t.status,
	   t.tenant_column,
	   t.tenant_type,
	   t.null_rows,
	   COALESCE(parts.estimated_rows, t.estimated_rows) AS estimated_rows,
	   parts.partitions,
	   t.detail,
	   t.reason
FROM tenant_guard.tables_and_partitions t
	 LEFT JOIN (SELECT pg_catalog.pg_partition_root(p.oid) AS root,
					   pg_catalog.count(*) AS partitions,
					   pg_catalog.sum(p.reltuples::pg_catalog.int8) FILTER (WHERE p.reltuples >= 0)::pg_catalog.int8 AS estimated_rows
				FROM pg_catalog.pg_class p
				WHERE p.relispartition AND p.relkind IN ('r', 'f')
				GROUP BY 1) parts ON parts.root = t.relation
WHERE t.partition_of IS NULL
	  OR t.status IS DISTINCT FROM (tenant_guard.guard_status(t.partition_of)).status;
COMMENT ON VIEW tables IS 'every table of a user, and whether it is guarded; a partition only if its status differs from that of the partitioned table';
COMMENT ON COLUMN tables.status IS 'guarded, damaged, shared, unprotected or unguarded';
COMMENT ON COLUMN tables.null_rows IS 'of a guarded table, what protect() was told of rows without a tenant: refuse, or shared if they are everyone''s';
COMMENT ON COLUMN tables.estimated_rows IS 'as counted by the last VACUUM or ANALYZE, partitions included; null if there was none';
COMMENT ON COLUMN tables.partitions IS 'for a partitioned table, the number of partitions that store rows';
COMMENT ON COLUMN tables.detail IS 'what damages the guard, why there is none, or that rows without a tenant are everyone''s';
COMMENT ON COLUMN tables.reason IS 'why it is shared or unprotected, as share() or unprotect() was told';
