
--
-- What several rules of audit() speak of
--
-- A role that may call audit() needs SELECT on these views and EXECUTE on the functions with the rules. PUBLIC has both; but
-- PUBLIC has no USAGE on the schema, nor EXECUTE on the functions of tenant_guard that the views and rules call.
--
-- These are views, except what depends on the version of PostgreSQL: that is a function, whose body is parsed when it is called.
-- A view is parsed when it is created, and would keep the columns of that version through pg_upgrade.
--
CREATE TYPE tenant_guard_internal.finding AS (rule text, level text, object text, detail text, remedy text, step integer);
COMMENT ON TYPE tenant_guard_internal.finding IS 'a row of audit(); "step" orders findings of one rule whose remedies must be run in an order';

CREATE VIEW tenant_guard_internal.schemas_left_alone AS
SELECT n.oid AS schema
FROM pg_namespace n
WHERE n.nspname IN ('information_schema', 'tenant_guard', 'tenant_guard_internal') OR n.nspname ~ '^pg_' OR tenant_guard_internal.schema_is_excluded(n.nspname);
COMMENT ON VIEW tenant_guard_internal.schemas_left_alone IS 'schemas that audit() leaves alone; a part of audit()';

-- "serves" is the tenant type that the tenant column could hold, or null. Where rows without a tenant are everyone's, each command
-- has a policy of its own, and protect() is to be told so.
CREATE VIEW tenant_guard_internal.audited_tables AS
SELECT c.oid, c.oid::regclass::text AS name, c.relname, c.relnamespace, c.relkind, c.relowner,
	   g.status, g.detail, g.reason, a.atttypid::regtype AS tenant_type, g.partition_of,
	   a.attname AS tenant_column, quote_ident(a.attname) AS key, a.attnum AS tenant_attnum, a.attnotnull,
	   tenant_guard_internal.tenant_type_of(a.atttypid) AS serves,
	   e.has AS has_rows_of_everyone, CASE WHEN e.has THEN ', null_rows => ''shared''' ELSE '' END AS how
FROM tenant_guard.tables_and_partitions g
	 JOIN pg_class c ON c.oid = g.relation
	 CROSS JOIN LATERAL (SELECT g.status IN ('guarded', 'damaged')
								AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND NOT p.polpermissive
											AND (p.polname = tenant_guard_internal.isolation_policy() AND p.polcmd = 'r'
												 OR p.polname IN ('tenant_isolation_inserts', 'tenant_isolation_updates', 'tenant_isolation_deletes')))) e (has)
	 LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = g.tenant_column AND NOT a.attisdropped
WHERE c.relpersistence <> 't' AND c.relnamespace NOT IN (SELECT l.schema FROM tenant_guard_internal.schemas_left_alone l);
COMMENT ON VIEW tenant_guard_internal.audited_tables IS 'every table that audit() looks at; a part of audit()';

CREATE VIEW tenant_guard_internal.guarded_tables AS
SELECT * FROM tenant_guard_internal.audited_tables t WHERE t.status IN ('guarded', 'damaged');
COMMENT ON VIEW tenant_guard_internal.guarded_tables IS 'audited tables that have a guard; a part of audit()';

-- the roles to which row-level security does not apply
CREATE VIEW tenant_guard_internal.unbound_roles AS
SELECT r.oid, r.rolname, r.rolsuper, CASE WHEN r.rolsuper THEN 'is a superuser' ELSE 'has BYPASSRLS' END AS why
FROM pg_roles r WHERE r.rolsuper OR r.rolbypassrls;
COMMENT ON VIEW tenant_guard_internal.unbound_roles IS 'roles to which row-level security does not apply; a part of audit()';

-- the privileges that roles other than the owner have on a relation, or on its column "attnum"; grantee 0 is PUBLIC
CREATE VIEW tenant_guard_internal.granted_privileges AS
SELECT c.oid AS relation, NULL::int2 AS attnum, e.grantee, e.privilege_type AS privilege
FROM pg_class c, aclexplode(c.relacl) e WHERE e.grantee <> c.relowner
UNION ALL
SELECT c.oid, a.attnum, e.grantee, e.privilege_type
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid, aclexplode(a.attacl) e WHERE e.grantee <> c.relowner;
COMMENT ON VIEW tenant_guard_internal.granted_privileges IS 'privileges of roles other than the owner on relations; a part of audit()';

-- materialized views and foreign tables, which cannot have row-level security, and the roles that have privileges on them
CREATE VIEW tenant_guard_internal.open_relations AS
SELECT c.oid, string_agg(DISTINCT CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END, ', ') AS roles
FROM pg_class c JOIN tenant_guard_internal.granted_privileges g ON g.relation = c.oid
WHERE c.relkind IN ('m', 'f')
GROUP BY c.oid;
COMMENT ON VIEW tenant_guard_internal.open_relations IS 'materialized views and foreign tables, and the roles with privileges on them; a part of audit()';

-- every foreign key, without those that a partition inherits from its partitioned table
CREATE FUNCTION tenant_guard_internal.foreign_keys(
	OUT oid oid, OUT conname name, OUT conrelid oid, OUT confrelid oid, OUT conkey smallint[], OUT confkey smallint[], OUT confdeltype "char",
	OUT confupdtype "char", OUT confdelsetcols smallint[], OUT convalidated boolean, OUT enforced boolean)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT k.oid, k.conname, k.conrelid, k.confrelid, k.conkey, k.confkey, k.confdeltype, k.confupdtype, k.confdelsetcols, k.convalidated,
	   -- before 18 pg_constraint has no column conenforced, and the name refers to the null of the outer query
	   (SELECT conenforced::text FROM pg_constraint i WHERE i.oid = k.oid) IS DISTINCT FROM 'false' AS enforced
FROM (SELECT k.oid, k.conname, k.conrelid, k.confrelid, k.conkey, k.confkey, k.confdeltype, k.confupdtype, k.confdelsetcols, k.convalidated,
			 NULL::text AS conenforced
	  FROM pg_constraint k WHERE k.contype = 'f' AND k.conparentid = 0) k
$$;
COMMENT ON FUNCTION tenant_guard_internal.foreign_keys() IS 'every foreign key; a part of audit()';

-- the relations that a view's or a rule's query names
CREATE VIEW tenant_guard_internal.named_relations AS
SELECT DISTINCT r.oid AS rule, r.ev_class AS relation, r.ev_type, d.refobjid AS names
FROM pg_rewrite r
	 JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
						 AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class;
COMMENT ON VIEW tenant_guard_internal.named_relations IS 'the relations that the queries of views and rules name; a part of audit()';

CREATE VIEW tenant_guard_internal.views_of_guarded AS
WITH RECURSIVE guarded AS MATERIALIZED (SELECT g.oid, g.name FROM tenant_guard_internal.guarded_tables g),
-- views and the guarded tables that they read, also through other views
reads (view, relation) AS (
	SELECT n.relation, n.names FROM tenant_guard_internal.named_relations n WHERE n.ev_type = '1'
	UNION
	SELECT n.relation, r.relation FROM tenant_guard_internal.named_relations n JOIN reads r ON r.view = n.names WHERE n.ev_type = '1'
)
SELECT c.oid, c.oid::regclass::text AS name, c.relname, c.relkind, c.relowner,
	   EXISTS (SELECT FROM unnest(c.reloptions) o WHERE o ~* '^security_invoker=(on|1|t|tr|tru|true|y|ye|yes)$') AS invoker,
	   (SELECT string_agg(g.name, ', ' ORDER BY g.name) FROM reads r JOIN guarded g ON g.oid = r.relation
		WHERE r.view = c.oid) AS guarded
FROM pg_class c
WHERE c.relkind IN ('v', 'm') AND c.oid IN (SELECT r.view FROM reads r JOIN guarded g ON g.oid = r.relation)
	  AND c.relnamespace NOT IN (SELECT l.schema FROM tenant_guard_internal.schemas_left_alone l)
	  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e');
COMMENT ON VIEW tenant_guard_internal.views_of_guarded IS 'views that read guarded tables; a part of audit()';

-- relations through which a role that row-level security does not bind sees the rows of every tenant: guarded tables, and
-- views with security_invoker that read them
CREATE VIEW tenant_guard_internal.bypassable_relations AS
WITH RECURSIVE touchable (oid, relname, name) AS (
	SELECT g.oid, g.relname, g.name FROM tenant_guard_internal.guarded_tables g
	UNION
	SELECT v.oid, v.relname, v.name FROM touchable x JOIN tenant_guard_internal.named_relations n ON n.names = x.oid AND n.ev_type = '1' JOIN tenant_guard_internal.views_of_guarded v ON v.oid = n.relation AND v.invoker
)
SELECT * FROM touchable;
COMMENT ON VIEW tenant_guard_internal.bypassable_relations IS 'relations through which a role that row-level security does not bind sees all rows; a part of audit()';

-- Relations that call functions of ordinary roles when they are read or rewritten: by the query of a view, a CHECK, a generated column, a
-- cast of a column's type. Who owns or alters one runs these with his privileges; indexes are built with the owner's. "planned": functions that
-- only the planning of a query on the relation calls, with its reader's privileges, in expressions of indexes, statistics and partition keys.
CREATE VIEW tenant_guard_internal.relations_with_code AS
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
SELECT c.objid AS oid, bool_and(c.planned) AS planned FROM calling c WHERE c.classid = 'pg_class'::regclass GROUP BY c.objid;
COMMENT ON VIEW tenant_guard_internal.relations_with_code IS 'relations that call functions of ordinary roles; a part of audit()';

-- functions of users
CREATE VIEW tenant_guard_internal.user_functions AS
SELECT p.oid, p.oid::regprocedure::text AS name, p.prosrc, p.proowner, p.prosecdef, p.proconfig, p.proacl,
	   p.proleakproof, p.prosqlbody, l.lanname,
	   EXISTS (SELECT FROM unnest(p.proconfig) s WHERE s ~* '^tenant_guard\.bypass=(on|1|t|tr|tru|true|y|ye|yes)$') AS declares_bypass,
	   EXISTS (SELECT FROM unnest(p.proconfig) s WHERE s ~ '^search_path=') AS pinned
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace NOT IN (SELECT l.schema FROM tenant_guard_internal.schemas_left_alone l)
	  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e');
COMMENT ON VIEW tenant_guard_internal.user_functions IS 'functions that are not of the system or of an extension; a part of audit()';

-- the guarded tables that functions' bodies name; what they put together at run time cannot be seen
CREATE VIEW tenant_guard_internal.named_in_functions AS
WITH touchable AS MATERIALIZED (SELECT * FROM tenant_guard_internal.bypassable_relations),
bodies AS MATERIALIZED (
	SELECT f.oid, f.prosrc FROM tenant_guard_internal.user_functions f
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
GROUP BY x.function;
COMMENT ON VIEW tenant_guard_internal.named_in_functions IS 'the guarded tables that the bodies of functions name; a part of audit()';

CREATE VIEW tenant_guard_internal.stored_settings AS
SELECT s.setdatabase, s.setrole, lower(split_part(kv, '=', 1)) AS setting, lower(substr(kv, strpos(kv, '=') + 1)) AS value
FROM pg_db_role_setting s CROSS JOIN LATERAL unnest(s.setconfig) kv
WHERE s.setdatabase IN (0, (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()));
COMMENT ON VIEW tenant_guard_internal.stored_settings IS 'settings stored for this database and for roles in it; a part of audit()';

-- Roles with a session_preload_libraries of their own; "statement" adds the library to it, and is null if it is in the list.
CREATE VIEW tenant_guard_internal.roles_without_library AS
SELECT s.setrole, s.setdatabase, tenant_guard.preload_statement(s.setdatabase, s.setrole) AS statement
FROM tenant_guard_internal.stored_settings s
WHERE s.setting = 'session_preload_libraries' AND s.setrole <> 0;
COMMENT ON VIEW tenant_guard_internal.roles_without_library IS 'roles with a session_preload_libraries of their own; a part of audit()';

GRANT SELECT ON tenant_guard_internal.schemas_left_alone, tenant_guard_internal.audited_tables, tenant_guard_internal.guarded_tables,
	tenant_guard_internal.unbound_roles, tenant_guard_internal.granted_privileges, tenant_guard_internal.open_relations,
	tenant_guard_internal.named_relations, tenant_guard_internal.views_of_guarded, tenant_guard_internal.bypassable_relations,
	tenant_guard_internal.relations_with_code, tenant_guard_internal.user_functions, tenant_guard_internal.named_in_functions,
	tenant_guard_internal.stored_settings, tenant_guard_internal.roles_without_library TO PUBLIC;
