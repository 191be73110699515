
--
-- Rules about views, functions and triggers
--
-- Views, materialized views and rules.
CREATE FUNCTION tenant_guard_internal.audit_views() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH unbound AS MATERIALIZED (SELECT * FROM tenant_guard_internal.unbound_roles),
named_by AS MATERIALIZED (SELECT * FROM tenant_guard_internal.named_relations),
views AS MATERIALIZED (SELECT * FROM tenant_guard_internal.views_of_guarded),
touchable AS MATERIALIZED (SELECT * FROM tenant_guard_internal.bypassable_relations),
open_to AS MATERIALIZED (SELECT * FROM tenant_guard_internal.open_relations),
left_alone AS MATERIALIZED (SELECT * FROM tenant_guard_internal.schemas_left_alone)

-- a view that reads for its owner, whom row-level security does not bind
SELECT 'view_bypasses', 'error', v.name,
	   format('reads %s as its owner %I, who %s', (SELECT string_agg(g.name, ', ' ORDER BY g.name) FROM named_by n JOIN touchable g ON g.oid = n.names WHERE n.relation = v.oid),
			  u.rolname, u.why),
	   format('ALTER VIEW %s SET (security_invoker = true)', v.name), 0
FROM views v JOIN unbound u ON u.oid = v.relowner
WHERE v.relkind = 'v' AND NOT v.invoker
	  AND EXISTS (SELECT FROM named_by n JOIN touchable g ON g.oid = n.names WHERE n.relation = v.oid)

-- so does a rule, for the owner of its table
UNION ALL
SELECT 'rule_bypasses', 'error', format('%I on %s', r.rulename, r.ev_class::regclass),
	   format('reads or writes %s with the privileges of role %I, which owns the rule''s table and %s; a trigger in its place would run as the user', string_agg(DISTINCT g.name, ', '), u.rolname, u.why), NULL, 0
FROM named_by n JOIN pg_rewrite r ON r.oid = n.rule AND r.ev_type <> '1'
	 JOIN touchable g ON g.oid = n.names
	 JOIN pg_class c ON c.oid = n.relation AND c.relnamespace NOT IN (SELECT schema FROM left_alone)
	 JOIN unbound u ON u.oid = c.relowner
GROUP BY r.rulename, r.ev_class, u.rolname, u.why

-- a materialized view contains the rows of every tenant, and cannot have row-level security
UNION ALL
SELECT 'materialized_view_exposes', 'error', v.name,
	   format('keeps rows of %s, and is open to %s', v.guarded, concat_ws(', ', CASE WHEN u.oid IS NULL THEN 'its owner ' || quote_ident(pg_get_userbyid(v.relowner)) END, o.roles))
	   || CASE WHEN u.oid IS NULL AND r.runs_code THEN '. No superuser should own it: its query calls functions of ordinary roles' ELSE '' END,
	   NULLIF(concat_ws('; ', format('REVOKE ALL ON %s FROM ', v.name) || o.roles,
						CASE WHEN u.oid IS NULL AND NOT r.runs_code THEN format('ALTER MATERIALIZED VIEW %s OWNER TO %I', v.name, current_user) END), ''), 0
FROM views v LEFT JOIN unbound u ON u.oid = v.relowner LEFT JOIN open_to o ON o.oid = v.oid
	 CROSS JOIN LATERAL (SELECT v.oid IN (SELECT w.oid FROM tenant_guard_internal.relations_with_code w) AS runs_code) r
WHERE v.relkind = 'm' AND (u.oid IS NULL OR o.oid IS NOT NULL)
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_views() IS 'rules about views and rules; a part of audit()';

-- SECURITY DEFINER functions.
CREATE FUNCTION tenant_guard_internal.audit_definers() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH guarded AS MATERIALIZED (SELECT * FROM tenant_guard_internal.guarded_tables),
unbound AS MATERIALIZED (SELECT * FROM tenant_guard_internal.unbound_roles),
functions AS MATERIALIZED (SELECT * FROM tenant_guard_internal.user_functions),
touches AS MATERIALIZED (SELECT * FROM tenant_guard_internal.named_in_functions),
-- SECURITY DEFINER functions, those of extensions too
definers AS MATERIALIZED (
	SELECT p.oid, p.oid::regprocedure::text AS name, p.prosrc, p.proowner, p.prorettype, l.lanname, f.oid IS NULL AS of_extension,
		   EXISTS (SELECT FROM unnest(p.proconfig) s WHERE s ~* '^tenant_guard\.bypass=(on|1|t|tr|tru|true|y|ye|yes)$') AS declares_bypass,
		   EXISTS (SELECT FROM aclexplode(COALESCE(p.proacl, acldefault('f', p.proowner))) e WHERE e.grantee = 0) AS for_everyone
	FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang LEFT JOIN functions f ON f.oid = p.oid
	WHERE p.prosecdef
),
-- functions that triggers of guarded tables call, and the roles that own tables with such triggers, whichever they are
fired AS MATERIALIZED (
	SELECT g.tgfoid AS function, string_agg(DISTINCT format('trigger %I on %s', g.tgname, t.name), ', ') AS triggers,
		   string_agg(DISTINCT quote_ident(r.rolname), ', ') FILTER (WHERE NOT r.rolsuper) AS owners
	FROM pg_trigger g JOIN guarded t ON t.oid = g.tgrelid JOIN pg_roles r ON r.oid = t.relowner
	WHERE NOT g.tgisinternal AND g.tgparentid = 0
	GROUP BY g.tgfoid
),
-- the roles that were granted something to do with rows of users' tables, guarded already or not yet
workers AS MATERIALIZED (
	SELECT string_agg(DISTINCT quote_ident(pg_get_userbyid(e.grantee)), ', ') AS roles
	FROM tenant_guard_internal.granted_privileges e
	WHERE e.grantee <> 0 AND e.relation IN (SELECT t.oid FROM tenant_guard_internal.audited_tables t) AND e.privilege IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
)

-- a SECURITY DEFINER function that names guarded tables, of a role whom row-level security does not bind; or one that triggers of
-- guarded tables call, and that puts names together at run time, or is in C: also of an extension, as one that keeps a history.
-- A trigger function writes for the row that fires it: a superuser's is to say that it means it (src/bypass/access_refusals.c has the
-- same hint). As the table's owner, or as its caller, it would lack the privileges for what it writes.
SELECT 'definer_function_bypasses', CASE WHEN x.guarded IS NULL THEN 'warning' ELSE 'error' END, f.name,
	   format('runs as %I, who %s, ', u.rolname, u.why)
	   || CASE WHEN x.guarded IS NOT NULL THEN format('and names %s; one that means it declares SET tenant_guard.bypass = on', x.guarded)
			   ELSE format('for %s: if it reads or writes guarded tables, the statement that fires it is refused', g.triggers) END,
	   CASE WHEN f.prorettype <> 'trigger'::regtype THEN format('ALTER ROUTINE %s SECURITY INVOKER', f.name)
			WHEN u.rolsuper THEN concat_ws('; ', format('ALTER FUNCTION %s SET tenant_guard.bypass = on', f.name),
										   CASE WHEN f.for_everyone AND NOT f.of_extension THEN format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f.name) END,
										   CASE WHEN f.for_everyone AND NOT f.of_extension THEN format('GRANT EXECUTE ON FUNCTION %s TO ', f.name) || g.owners END) END, 0
FROM definers f LEFT JOIN touches x ON x.function = f.oid LEFT JOIN fired g ON g.function = f.oid JOIN unbound u ON u.oid = f.proowner
WHERE NOT f.declares_bypass
	  AND (x.guarded IS NOT NULL OR g.function IS NOT NULL AND (f.lanname IN ('c', 'internal') OR f.prosrc ~* '\mexecute\M'))

-- one that means it, and lets everyone: of a trigger, who may call it may put it on a table of its own
UNION ALL
SELECT 'bypass_for_everyone', 'warning', f.name, 'declares tenant_guard.bypass, and every role may call it',
	   concat_ws('; ', format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC', f.name),
				 -- roles that work with tenants' rows go on to call it, and owners to make triggers of it
				 format('GRANT EXECUTE ON ROUTINE %s TO ', f.name) || CASE WHEN f.prorettype = 'trigger'::regtype THEN g.owners ELSE (SELECT w.roles FROM workers w) END), 0
FROM definers f LEFT JOIN fired g ON g.function = f.oid
WHERE f.declares_bypass AND f.for_everyone AND NOT f.of_extension
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_definers() IS 'rules about SECURITY DEFINER functions; a part of audit()';

-- Other functions, and triggers that call them.
CREATE FUNCTION tenant_guard_internal.audit_functions() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH guarded AS MATERIALIZED (SELECT * FROM tenant_guard_internal.guarded_tables),
unbound AS MATERIALIZED (SELECT * FROM tenant_guard_internal.unbound_roles),
functions AS MATERIALIZED (SELECT * FROM tenant_guard_internal.user_functions),
foreign_keys AS MATERIALIZED (SELECT * FROM tenant_guard_internal.foreign_keys()),
touches AS MATERIALIZED (SELECT * FROM tenant_guard_internal.named_in_functions)

-- a function that the planner may run on rows of other tenants, as its owner says that it tells nothing
SELECT 'leakproof_function', 'warning', f.name, 'is LEAKPROOF: it may be called with values of any tenant''s rows',
	   format('ALTER FUNCTION %s NOT LEAKPROOF', f.name), 0
FROM functions f WHERE f.proleakproof

-- functions that a superuser has let filters call beside the tenant's
UNION ALL
SELECT 'trusted_function', 'info', f.function::text, 'is labelled trusted: filters may call it with values of any tenant''s rows',
	   format('SECURITY LABEL FOR tenant_guard ON FUNCTION %s IS NULL', f.function), 0
FROM tenant_guard.trusted_functions f WHERE f.declared_by = 'label'

-- a trigger that a foreign key's action fires runs as the owner of the table, not as the user
UNION ALL
SELECT 'trigger_runs_as_owner', 'warning', format('%I on %s', g.tgname, t.name),
	   format('a cascade of foreign key %I fires it as %I, who %s, and it names %s', min(k.conname), pg_get_userbyid(t.relowner), u.why, min(x.guarded)), NULL, 0
FROM pg_trigger g
	 JOIN guarded t ON t.oid = g.tgrelid
	 JOIN foreign_keys k ON k.conrelid = t.oid
							AND ((k.confdeltype = 'c' AND g.tgtype & 8 <> 0) OR (k.confdeltype IN ('n', 'd') AND g.tgtype & 16 <> 0)
								 OR (k.confupdtype IN ('c', 'n', 'd') AND g.tgtype & 16 <> 0))
	 JOIN functions f ON f.oid = g.tgfoid AND NOT f.prosecdef AND NOT f.declares_bypass
	 JOIN touches x ON x.function = f.oid
	 JOIN unbound u ON u.oid = t.relowner
WHERE NOT g.tgisinternal AND g.tgparentid = 0 AND g.tgenabled <> 'D'
GROUP BY g.tgname, t.name, t.relowner, u.why
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_functions() IS 'rules about functions; a part of audit()';

-- Comparisons in stored code.
CREATE FUNCTION tenant_guard_internal.audit_comparisons() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$

-- stored code that takes a tenant for text; bodies of functions only as far as they name what they use by its schema
SELECT 'mixed_comparison', 'warning', m.object, m.detail || COALESCE(': ' || m.remedy, ''), NULL, 0
FROM tenant_guard.type_mismatches() m
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_comparisons() IS 'rules about comparisons in stored code; a part of audit()';

-- Triggers of other roles, and who may make some.
CREATE FUNCTION tenant_guard_internal.audit_triggers() RETURNS SETOF tenant_guard_internal.finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $rules$
WITH RECURSIVE t AS MATERIALIZED (SELECT * FROM tenant_guard_internal.audited_tables),
guarded AS MATERIALIZED (SELECT * FROM t WHERE t.status IN ('guarded', 'damaged')),
foreign_keys AS MATERIALIZED (SELECT * FROM tenant_guard_internal.foreign_keys()),
views AS MATERIALIZED (SELECT * FROM tenant_guard_internal.views_of_guarded),
grants AS MATERIALIZED (SELECT * FROM tenant_guard_internal.granted_privileges),
-- roles that have the privileges of an owner of guarded tables
owners_with_rights AS MATERIALIZED (
	SELECT r.oid FROM pg_roles r WHERE EXISTS (SELECT FROM guarded g WHERE pg_has_role(r.oid, g.relowner, 'USAGE'))
),
-- tables on which a key acts as such an owner; parts of such tables too
acted_on (oid) AS (
	SELECT k.conrelid
	FROM foreign_keys k JOIN pg_class c ON c.oid = k.conrelid
	WHERE (k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd'))
		  AND c.relowner IN (SELECT o.oid FROM owners_with_rights o)
	UNION
	SELECT i.inhrelid FROM acted_on a JOIN pg_inherits i ON i.inhparent = a.oid
),
-- tables and views whose triggers have rights over tenants' rows (src/ddl/trigger_owner.c)
with_rights AS MATERIALIZED (
	SELECT t.oid, t.name, t.relowner, t.oid IN (SELECT a.oid FROM acted_on a) AS acted_on
	FROM t
	WHERE t.oid IN (SELECT g.oid FROM guarded g UNION ALL SELECT a.oid FROM acted_on a) OR t.relowner IN (SELECT o.oid FROM owners_with_rights o)
	UNION ALL
	SELECT v.oid, v.name, v.relowner, false FROM views v WHERE v.relkind = 'v'
)

-- TRIGGER and REFERENCES, which GRANT ALL includes, granted to PUBLIC or to a role, if a role that can log in has them by that
-- grant and is no member of the owner. A trigger that a foreign key's action fires runs as the owner; the errors of a foreign
-- key reveal which rows the referenced table has.
SELECT 'trigger_granted', 'warning', CASE WHEN h.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(h.grantee)) END,
	   format('has privileges by which log-in roles such as %s can %s', quote_ident(h.first_role),
			  concat_ws('; and can ', CASE WHEN h.may_trigger THEN format('create triggers on %s, which see what every tenant writes, and run as the owner of the table in a foreign key''s action', h.triggers) END,
						CASE WHEN h.may_reference THEN format('make foreign keys to %s, whose errors reveal which rows exist', h.referenced) END)),
	   (SELECT string_agg(format('REVOKE %s ON %s FROM %s', v.privileges, v.names, CASE WHEN h.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(h.grantee)) END), '; ')
		FROM (SELECT string_agg(v.privilege, ', ') AS privileges, v.names FROM (VALUES ('TRIGGER', h.triggers), ('REFERENCES', h.referenced)) v (privilege, names)
			  WHERE v.names IS NOT NULL GROUP BY v.names ORDER BY min(v.privilege) DESC) v), 0
FROM (SELECT e.grantee, min(r.rolname) AS first_role,
			 bool_or(e.privilege = 'TRIGGER') AS may_trigger, bool_or(e.privilege = 'REFERENCES') AS may_reference,
			 string_agg(DISTINCT g.name, ', ') FILTER (WHERE e.privilege = 'TRIGGER') AS triggers,
			 string_agg(DISTINCT g.name, ', ') FILTER (WHERE e.privilege = 'REFERENCES') AS referenced
	  FROM grants e JOIN with_rights g ON g.oid = e.relation
		   JOIN pg_roles r ON r.rolcanlogin AND NOT pg_has_role(r.oid, g.relowner, 'MEMBER')
							  AND CASE e.grantee WHEN 0 THEN true ELSE pg_has_role(r.oid, e.grantee, 'MEMBER') END
	  WHERE e.privilege = 'TRIGGER' OR (e.privilege = 'REFERENCES' AND g.oid IN (SELECT o.oid FROM guarded o))
	  GROUP BY e.grantee) h

-- a trigger that existed before the table was guarded, by which the owner of its function gets the privileges of the table's owner
UNION ALL
SELECT 'trigger_of_other', CASE WHEN w.acted_on THEN 'error' ELSE 'warning' END, w.name,
	   format('trigger %1$I calls %2$s%3$s. Read what it calls; if that is as it should be, let role %4$I own it (ALTER ROUTINE ... OWNER TO), or else run DROP TRIGGER %1$I ON %5$s',
			  g.tgname, string_agg(format('function %s of role %I', f.oid::regprocedure, r.rolname), ', ' ORDER BY f.oid::regprocedure::text),
			  CASE WHEN w.acted_on THEN format(', and a foreign key''s action runs it as role %I', pg_get_userbyid(w.relowner)) END,
			  pg_get_userbyid(w.relowner), w.name), NULL, 0
FROM with_rights w
	 JOIN pg_trigger g ON g.tgrelid = w.oid AND NOT g.tgisinternal AND g.tgparentid = 0
	 JOIN pg_depend d ON d.classid = 'pg_trigger'::regclass AND d.objid = g.oid
	 LEFT JOIN pg_operator o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
	 JOIN pg_proc f ON f.oid = CASE WHEN d.refclassid = 'pg_proc'::regclass THEN d.refobjid ELSE o.oprcode END
	 JOIN pg_roles r ON r.oid = f.proowner AND NOT r.rolsuper AND NOT pg_has_role(r.oid, w.relowner, 'MEMBER')
GROUP BY w.oid, w.name, w.relowner, w.acted_on, g.oid, g.tgname
$rules$;
COMMENT ON FUNCTION tenant_guard_internal.audit_triggers() IS 'rules about triggers; a part of audit()';
