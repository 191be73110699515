
--
-- Rules about roles
--
-- Roles that are not bound, or have ways around row-level security.
CREATE FUNCTION tenant_guard_internal.audit_roles() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH guarded AS MATERIALIZED (SELECT * FROM tenant_guard_internal.guarded_tables),
unbound AS MATERIALIZED (SELECT * FROM tenant_guard_internal.unbound_roles),
stored AS MATERIALIZED (SELECT * FROM tenant_guard_internal.stored_settings)

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
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_roles() IS 'rules about roles; a part of audit()';

-- Who may read the planner's statistics, and other sessions' statements.
CREATE FUNCTION tenant_guard_internal.audit_statistics() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH guarded AS MATERIALIZED (SELECT * FROM tenant_guard_internal.guarded_tables),
unbound AS MATERIALIZED (SELECT * FROM tenant_guard_internal.unbound_roles),
grants AS MATERIALIZED (SELECT * FROM tenant_guard_internal.granted_privileges),
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
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_statistics() IS 'rules about statistics; a part of audit()';

-- What keeps values, or reads rows, where no guard stands.
CREATE FUNCTION tenant_guard_internal.audit_beside_tables() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH guarded AS MATERIALIZED (SELECT * FROM tenant_guard_internal.guarded_tables)

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
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_beside_tables() IS 'rules about extensions and languages; a part of audit()';
