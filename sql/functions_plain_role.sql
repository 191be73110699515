--
-- A new role may call the getters and setters, and the functions that check
-- ownership for themselves; everything else is the DBA's.
--
\set SHOW_CONTEXT never
CREATE ROLE regress_nobody;

-- The functions that everyone may call, all of them: a new one must be added
-- here, or be revoked from PUBLIC.
SELECT p.oid::regprocedure AS function, l.lanname AS language, p.provolatile AS volatile,
	   p.proparallel AS parallel, p.proleakproof AS leakproof, p.prosecdef AS definer
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace = 'tenant_guard'::regnamespace
	  AND has_function_privilege('regress_nobody', p.oid, 'EXECUTE')
ORDER BY p.oid::regprocedure::text COLLATE "C";

-- Those that it may not.
SELECT p.oid::regprocedure AS function
FROM pg_proc p
WHERE p.pronamespace = 'tenant_guard'::regnamespace
	  AND NOT has_function_privilege('regress_nobody', p.oid, 'EXECUTE')
ORDER BY p.oid::regprocedure::text COLLATE "C";

-- No relation of the schema may be read or written, and nothing created in it; but stat_tenants shows the transaction's tenant.
SELECT c.relname
FROM pg_class c
WHERE c.relnamespace = 'tenant_guard'::regnamespace
	  AND has_table_privilege('regress_nobody', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER');
SELECT has_schema_privilege('regress_nobody', 'tenant_guard', 'CREATE') AS may_create,
	   has_schema_privilege('regress_nobody', 'tenant_guard', 'USAGE') AS may_use;

-- What the functions are made of must be out of its sight, whatever it may do with a part: the parts of audit(), which
-- whoever may call audit() needs, and what C tells them.
SELECT has_schema_privilege('regress_nobody', 'tenant_guard_internal', 'CREATE') AS may_create,
	   has_schema_privilege('regress_nobody', 'tenant_guard_internal', 'USAGE') AS may_use;
SELECT p.oid::regprocedure AS function
FROM pg_proc p
WHERE p.pronamespace = 'tenant_guard_internal'::regnamespace
	  AND has_function_privilege('regress_nobody', p.oid, 'EXECUTE')
ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT p.oid::regprocedure AS function
FROM pg_proc p
WHERE p.pronamespace = 'tenant_guard_internal'::regnamespace
	  AND NOT has_function_privilege('regress_nobody', p.oid, 'EXECUTE')
ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT c.relname
FROM pg_class c
WHERE c.relnamespace = 'tenant_guard_internal'::regnamespace
	  AND has_table_privilege('regress_nobody', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER');

-- Every object of the extension must have a comment.
SELECT pg_describe_object(d.classid, d.objid, 0) AS uncommented
FROM pg_depend d
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
	  AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'tenant_guard')
	  AND d.classid IN ('pg_proc'::regclass, 'pg_class'::regclass, 'pg_event_trigger'::regclass)
	  AND obj_description(d.objid, d.classid::regclass::name) IS NULL;

-- Called outside their events, the event triggers' functions must refuse.
SELECT tenant_guard_internal.on_ddl_command_end();
SET ROLE regress_nobody;
SELECT * FROM tenant_guard.tables;
SELECT * FROM tenant_guard_internal.guarded_tables;
SELECT * FROM tenant_guard_internal.audit_guards();
SELECT tenant_guard.guard_status('pg_class');
SELECT tenant_guard.protect('pg_class');
SELECT tenant_guard.unprotect('pg_class');
SELECT relation, status, detail FROM tenant_guard.protect_schema('pg_catalog', 'oid') WHERE relation = 'pg_class'::regclass;
SELECT * FROM tenant_guard.unprotect_schema('pg_catalog');

-- A stored tenant would reach every later connection: it must be refused.
ALTER ROLE regress_nobody SET tenant_guard.tenant_id = '7f1c9d0e-6f0e-4f6b-9a53-2f6c0f3f8a11';
\echo :LAST_ERROR_SQLSTATE
ALTER ROLE regress_nobody SET work_mem = '5MB';

-- Its own function may have one, since it reaches that call alone.
CREATE FUNCTION pg_temp.f() RETURNS uuid LANGUAGE sql
SET tenant_guard.tenant_id = '7f1c9d0e-6f0e-4f6b-9a53-2f6c0f3f8a11'
AS 'SELECT tenant_guard.current_tenant()';
SELECT pg_temp.f();
DROP FUNCTION pg_temp.f();

-- A superuser may store one; the role may take it out, and change others.
RESET ROLE;
ALTER ROLE regress_nobody SET tenant_guard.tenant_id = '7f1c9d0e-6f0e-4f6b-9a53-2f6c0f3f8a11';
SET ROLE regress_nobody;
ALTER ROLE regress_nobody SET work_mem = '6MB';
ALTER ROLE regress_nobody SET tenant_guard.tenant_id = '00000000-0000-0000-0000-000000000000';
ALTER ROLE regress_nobody RESET tenant_guard.tenant_id;
RESET ROLE;
SELECT setconfig FROM pg_db_role_setting WHERE setrole = 'regress_nobody'::regrole;

DROP ROLE regress_nobody;
