
--
-- Rules about the library, settings, replication and the server
--
-- The library, and what of the extension was changed.
CREATE FUNCTION tenant_guard_internal.audit_library() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH stored AS MATERIALIZED (SELECT * FROM tenant_guard_internal.stored_settings),
without_library AS MATERIALIZED (SELECT * FROM tenant_guard_internal.roles_without_library)

-- without the library's hooks only row-level security applies, and the filters of a query can make it read rows of another tenant;
-- so a query that is planned without the hooks is refused
SELECT 'not_preloaded', 'warning', current_database()::text,
	   'sessions like this one do not preload the library: until something loads it, superusers, their views and the actions of foreign keys reach rows of every tenant; and if a query on a guarded table loads it, all queries of the session on guarded tables fail',
	   COALESCE((SELECT tenant_guard.preload_statement(d.oid, 0) FROM pg_database d WHERE d.datname = current_database()),
				CASE WHEN EXISTS (SELECT FROM stored s WHERE s.setting = 'session_preload_libraries' AND s.setrole = 0)
						  OR (SELECT l.source !~ '^(user|database user|client|session)$' FROM pg_settings l WHERE l.name = 'session_preload_libraries')
					 THEN '-- reconnect (poolers too): sessions that begin now preload it'
					 ELSE '-- connect without a session_preload_libraries of the role or the connection, and call audit() again' END), 0
WHERE NOT tenant_guard.library_preloaded()
UNION ALL
SELECT 'not_preloaded', 'warning', concat_ws(' in ', 'role ' || quote_ident(pg_get_userbyid(w.setrole)), CASE WHEN w.setdatabase <> 0 THEN 'database ' || quote_ident(current_database()) END),
	   'has its own session_preload_libraries, which does not name the library', w.statement, 0
FROM without_library w
WHERE w.statement IS NOT NULL

-- an event trigger that does not fire, or not always
UNION ALL
SELECT 'event_trigger_disabled', CASE WHEN e.evtenabled IN ('O', 'R') THEN 'warning' ELSE 'error' END, o.name,
	   CASE WHEN e.oid IS NULL THEN 'is missing' WHEN e.evtenabled = 'D' THEN 'is disabled' ELSE 'does not fire in every session_replication_role' END
	   || ': new tables are not guarded, and guards may be weakened',
	   concat_ws('; ', CASE WHEN e.oid IS NULL THEN format('CREATE EVENT TRIGGER %s ON %s EXECUTE FUNCTION tenant_guard_internal.on_%s(); ALTER EXTENSION tenant_guard ADD EVENT TRIGGER %s', o.name, o.event, o.event, o.name) END,
				 format('ALTER EVENT TRIGGER %s ENABLE ALWAYS', o.name)), 0
FROM (VALUES ('tenant_guard_ddl_command_start', 'ddl_command_start'), ('tenant_guard_ddl_command_end', 'ddl_command_end'),
			 ('tenant_guard_sql_drop', 'sql_drop')) AS o (name, event)
	 LEFT JOIN pg_event_trigger e ON e.evtname = o.name
WHERE e.evtenabled IS DISTINCT FROM 'A'

-- a function that guards call is not the library's any more
UNION ALL
SELECT 'function_replaced', 'error', p.oid::regprocedure::text, 'is not the function that the extension made: no guard that calls it holds',
	   format('CREATE OR REPLACE FUNCTION %s RETURNS %s LANGUAGE C %s AS %L, %L', o.signature, o.type, o.attributes, '$libdir/tenant_guard', o.symbol), 0
FROM (SELECT g.getter, 'tenant_guard_current_tenant', g.type, 'STABLE PARALLEL SAFE LEAKPROOF', 's', 's', true
	  FROM tenant_guard_internal.tenant_getters() g
	  UNION ALL
	  VALUES ('tenant_guard.guarded()', 'tenant_guard_guarded', 'boolean', 'IMMUTABLE PARALLEL SAFE LEAKPROOF', 'i', 's', true),
			 ('tenant_guard_internal.on_ddl_command_start()', 'tenant_guard_on_ddl_command_start', 'event_trigger', '', 'v', 'u', false),
			 ('tenant_guard_internal.on_ddl_command_end()', 'tenant_guard_on_ddl_command_end', 'event_trigger', '', 'v', 'u', false),
			 ('tenant_guard_internal.on_sql_drop()', 'tenant_guard_on_sql_drop', 'event_trigger', '', 'v', 'u', false)) AS o (signature, symbol, type, attributes, volatility, parallel, leakproof)
	 JOIN pg_proc p ON p.oid = to_regprocedure(o.signature)
	 JOIN pg_language l ON l.oid = p.prolang
WHERE (l.lanname, p.prosrc, p.probin, p.provolatile::text, p.proparallel::text, p.proleakproof, p.prosecdef, p.proconfig IS NULL)
	  IS DISTINCT FROM ('c', o.symbol, '$libdir/tenant_guard', o.volatility, o.parallel, o.leakproof, false, true)
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_library() IS 'rules about the library; a part of audit()';

-- The release of PostgreSQL.
CREATE FUNCTION tenant_guard_internal.audit_server() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
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
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_server() IS 'rules about the server; a part of audit()';

-- Settings, and who may change them.
CREATE FUNCTION tenant_guard_internal.audit_settings() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH stored AS MATERIALIZED (SELECT * FROM tenant_guard_internal.stored_settings),
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
	FROM tenant_guard_internal.tenant_settings() s
),
-- by whose tables the settings can be mended: those that decide where none is set or, if there are none, those of the only owner
guards AS MATERIALIZED (
	SELECT g.owner, g.tenant_column, g.tenant_type, g.tables, COALESCE(g.tenant_column = ANY (t.columns), true) AS listed,
		   g.decides OR NOT bool_or(g.decides) OVER () AND min(g.owner) OVER () = max(g.owner) OVER () AS decides
	FROM tenant_guard_internal.guard_counts() g CROSS JOIN tenants t
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
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_settings() IS 'rules about settings; a part of audit()';

-- Settings that tenant_guard.setting_names names, who may set a tenant, and what the application's row-level security says beside the guards.
CREATE FUNCTION tenant_guard_internal.audit_other_settings() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH guarded AS MATERIALIZED (SELECT * FROM tenant_guard_internal.guarded_tables),
stored AS MATERIALIZED (SELECT * FROM tenant_guard_internal.stored_settings),
names AS MATERIALIZED (SELECT * FROM tenant_guard_internal.setting_names()),
-- current_setting(name, true): of SQL as it is deparsed and as it is written
reads AS MATERIALIZED (
	SELECT n.name, format('(?<![.\w])current_setting\s*\(\s*''%s''(?:::text)?\s*,\s*(?:true|''t(?:rue)?''(?:::bool(?:ean)?)?)\s*\)', regexp_replace(n.name, '(\W)', '\\\1', 'g')) AS pattern
	FROM names n WHERE n.problem IS NULL
),
-- what can call it: expressions that have its OID in them, and functions
code (object, what, body) AS (
	SELECT format('%I on %s', p.polname, p.polrelid::regclass), 'the policy', concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
	FROM pg_policy p WHERE concat_ws(' ', p.polqual::text, p.polwithcheck::text) ~ ':funcid 3294\M'
	UNION ALL
	SELECT d.adrelid::regclass::text, format('the default of column %I', a.attname), pg_get_expr(d.adbin, d.adrelid)
	FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE d.adbin::text ~ ':funcid 3294\M'
	UNION ALL
	SELECT r.ev_class::regclass::text, 'the view', pg_get_viewdef(r.ev_class)
	FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class AND c.relnamespace NOT IN (SELECT l.schema FROM tenant_guard_internal.schemas_left_alone l)
	WHERE r.ev_type = '1' AND r.rulename = '_RETURN' AND r.ev_action::text ~ ':funcid 3294\M'
	UNION ALL
	SELECT f.name, 'the function', COALESCE(pg_get_function_sqlbody(f.oid), f.prosrc)
	FROM tenant_guard_internal.user_functions f WHERE f.lanname NOT IN ('c', 'internal')
)

-- names of the list that set no tenant
SELECT 'setting_name_refused', 'warning', quote_ident(n.name), format('is listed in tenant_guard.setting_names, and %s: it does not set the tenant', n.problem), NULL, 0
FROM names n WHERE n.problem IS NOT NULL

-- code that takes a setting that was never set to be null: as a setting of the extension it is ''
UNION ALL
SELECT 'setting_read_empty', 'warning', c.object,
	   format('%s reads %s without NULLIF(%s, %L): where it was null, if the session had never set it, it is %L', c.what, string_agg(r.name, ', '), format('current_setting(%L, true)', min(r.name)), '', ''), NULL, 0
FROM reads r JOIN code c ON regexp_count(c.body, r.pattern, 1, 'i') > regexp_count(c.body, 'NULLIF\s*\(\s*(?:\(\s*SELECT\s+)?' || r.pattern, 1, 'i')
GROUP BY c.object, c.what

-- a policy of the application that does what the guard does, and slower
UNION ALL
SELECT 'policy_superfluous', 'info', format('%I on %s', p.polname, g.name),
	   'says no more than the guard: it is evaluated for each row, and keeps filters such as LIKE and jsonb''s from indexes and statistics',
	   format('SELECT tenant_guard.protect(%L, replace_policies => true)', g.name), 0
FROM guarded g JOIN pg_policy p ON p.polrelid = g.oid
WHERE tenant_guard_internal.policy_is_superfluous(p.oid)

-- An authority that is stored for a role binds sessions that log in as the role. Who logs in as another may become it, and sets every
-- tenant. It is harmless to bind whoever does not own tables, and so migrates none, in the same way.
UNION ALL
SELECT 'authority_by_role', 'warning', quote_ident(l.rolname),
	   format('logs in with tenant_guard.authority = open, and may SET ROLE %s, for which it is %s: that binds sessions that log in as the role, and no others',
			  string_agg(DISTINCT quote_ident(r.rolname), ', '), string_agg(DISTINCT b.value, ', ')),
	   CASE WHEN min(b.value) = max(b.value) AND min(b.value) IN ('granted', 'token')
				 AND NOT EXISTS (SELECT FROM guarded g WHERE pg_has_role(l.oid, g.relowner, 'MEMBER'))
			THEN format('ALTER ROLE %I SET tenant_guard.authority = %L', l.rolname, min(b.value)) END, 0
FROM (SELECT r.oid, r.rolname, r.rolcanlogin AND NOT r.rolsuper AS logs_in,
			 (SELECT s.value FROM stored s WHERE s.setting = 'tenant_guard.authority' AND s.setrole IN (r.oid, 0) ORDER BY s.setrole = 0, s.setdatabase = 0 LIMIT 1) AS value
	  FROM pg_roles r) l
	 JOIN stored b ON b.setting = 'tenant_guard.authority' AND b.setrole <> l.oid AND b.value <> 'open'
	 JOIN pg_roles r ON r.oid = b.setrole AND pg_has_role(l.oid, r.oid, 'MEMBER')
WHERE l.logs_in AND COALESCE(l.value, (SELECT s.setting FROM pg_settings s WHERE s.name = 'tenant_guard.authority' AND s.source IN ('configuration file', 'command line')), 'open') = 'open'
GROUP BY l.oid, l.rolname
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_other_settings() IS 'rules about settings that name the tenant, who may set them, and policies that read them; a part of audit()';

-- Publications and subscriptions.
CREATE FUNCTION tenant_guard_internal.audit_replication() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH RECURSIVE guarded AS MATERIALIZED (SELECT * FROM tenant_guard_internal.guarded_tables),
unbound AS MATERIALIZED (SELECT * FROM tenant_guard_internal.unbound_roles),
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
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_replication() IS 'rules about replication; a part of audit()';
