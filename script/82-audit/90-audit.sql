
--
-- What is wrong, or should be known: for the DBA, and whom the DBA grants it to
--
-- A rule is one query of five columns and an order: name, level, object, detail, remedy, and, where remedies must be
-- run in a certain order within the rule, a number to sort by. The levels:
--   error     rows can cross tenants now, at least in a session that has not loaded the library
--   warning   one step more is needed
--   info      a DBA should know
-- No rule may find anything in a database where nobody has made a mistake. A remedy is SQL that makes the finding
-- go away, and null where that takes a decision. What belongs to an extension, or lies in a schema that
-- tenant_guard.excluded_schemas names, is left alone. A rule needs its fault planted, and its remedy run, in
-- sql/audit_findings.sql, or in test/t/030_audit.pl where that takes a server of its own.
CREATE FUNCTION audit(OUT rule text, OUT level text, OUT object text, OUT detail text, OUT remedy text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off -- each statement is run once
AS $$
SELECT f.rule, f.level, f.object, f.detail, f.remedy
FROM (SELECT * FROM tenant_guard_internal.audit_guards()
	  UNION ALL SELECT * FROM tenant_guard_internal.audit_missing_columns()
	  UNION ALL SELECT * FROM tenant_guard_internal.audit_tenant_columns()
	  UNION ALL SELECT * FROM tenant_guard_internal.audit_foreign_tables()
	  UNION ALL SELECT * FROM tenant_guard_internal.audit_policies()
	  UNION ALL SELECT * FROM tenant_guard_internal.audit_foreign_keys()
	  UNION ALL SELECT * FROM tenant_guard_internal.audit_key_actions()
	  UNION ALL SELECT * FROM tenant_guard_internal.audit_key_functions()
	  UNION ALL SELECT * FROM tenant_guard_internal.audit_unique_keys()
	  UNION ALL SELECT * FROM tenant_guard_internal.audit_views()
	  UNION ALL SELECT * FROM tenant_guard_internal.audit_functions()
	  UNION ALL SELECT * FROM tenant_guard_internal.audit_triggers()
	  UNION ALL SELECT * FROM tenant_guard_internal.audit_roles()
	  UNION ALL SELECT * FROM tenant_guard_internal.audit_statistics()
	  UNION ALL SELECT * FROM tenant_guard_internal.audit_beside_tables()
	  UNION ALL SELECT * FROM tenant_guard_internal.audit_library()
	  UNION ALL SELECT * FROM tenant_guard_internal.audit_settings()
	  UNION ALL SELECT * FROM tenant_guard_internal.audit_replication()) f
ORDER BY array_position(ARRAY['error', 'warning', 'info'], f.level), f.rule COLLATE "C", f.step, f.object COLLATE "C"
$$;
COMMENT ON FUNCTION audit() IS 'what is wrong with the isolation of tenants, or should be known, and the SQL that corrects it';
REVOKE ALL ON FUNCTION audit() FROM PUBLIC;

-- One row, for dashboards.
CREATE VIEW status AS
SELECT t.guarded, t.damaged, t.unguarded, t.unprotected, t.shared,
	   a.errors, a.warnings, a.infos,
	   tenant_guard.library_preloaded() AS preloaded,
	   e.extversion AS version,
	   tenant_guard.library_version() AS library_version,
	   CASE WHEN NOT tenant_guard.library_preloaded() THEN tenant_guard.preload_statement(d.oid, 0) END AS to_preload
FROM (SELECT pg_catalog.count(*) FILTER (WHERE status = 'guarded') AS guarded,
			 pg_catalog.count(*) FILTER (WHERE status = 'damaged') AS damaged,
			 pg_catalog.count(*) FILTER (WHERE status = 'unguarded') AS unguarded,
			 pg_catalog.count(*) FILTER (WHERE status = 'unprotected') AS unprotected,
			 pg_catalog.count(*) FILTER (WHERE status = 'shared') AS shared
	  FROM tenant_guard.tables) t
	 CROSS JOIN (SELECT pg_catalog.count(*) FILTER (WHERE level = 'error') AS errors,
						pg_catalog.count(*) FILTER (WHERE level = 'warning') AS warnings,
						pg_catalog.count(*) FILTER (WHERE level = 'info') AS infos
				 FROM tenant_guard.audit()) a
	 CROSS JOIN pg_catalog.pg_extension e
	 CROSS JOIN pg_catalog.pg_database d
WHERE e.extname = 'tenant_guard' AND d.datname = pg_catalog.current_database();
COMMENT ON VIEW status IS 'one row: how many tables are guarded, how many findings audit() has, and what is installed';
