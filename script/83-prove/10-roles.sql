
--
-- Does isolation hold? For superusers: prove() tries to break it
--
-- What is tried is tried as a role that row-level security binds, in a subtransaction that is rolled back. The rows are
-- made with session_replication_role = replica, so that neither triggers nor foreign keys stand in the way; only they, since
-- each change of that setting makes the server plan everything anew.
--
-- Nothing of a table's owner, a trigger, default, CHECK, cast or view, may run as the superuser who proves: a statement
-- that names a table of the user's, or a type, goes through execute_as(), those that make rows and look at them as the
-- table's owner. The functions themselves speak of catalogs alone, in which pg_catalog comes first and pg_temp last (and is
-- never searched for functions), and of what stands there they read names, numbers and the text of expressions, which takes
-- built-in functions. Beside that the superuser makes roles, grants, revokes, and disables triggers: no user's code is called.

CREATE FUNCTION tenant_guard_internal.execute_as(role oid, search_path text, statement text, unforced boolean DEFAULT false) RETURNS text
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_execute_as';
COMMENT ON FUNCTION tenant_guard_internal.execute_as(oid, text, text, boolean) IS 'carries out a statement as another role and returns its first value, or how many rows it changed; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.execute_as(oid, text, text, boolean) FROM PUBLIC;

-- A table, and what is a part or a child of it.
CREATE FUNCTION tenant_guard_internal.probe_tree(relation regclass) RETURNS oid[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH RECURSIVE tree (part) AS (SELECT relation::oid UNION SELECT i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = part)
SELECT array_agg(part) FROM tree
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_tree(regclass) IS 'a table, its partitions and its children; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_tree(regclass) FROM PUBLIC;

-- Gives a role that prove() made what it is to have and nothing else. What it calls may belong to any of the owners, and
-- reads and writes with the role's privileges: so the role gets none that one of them lacks. "Writable" are tables and
-- views to write too; of all of them the schemas, those of the columns' types included.
CREATE FUNCTION tenant_guard_internal.probe_grant(role oid, owners oid[], writable oid[], readable oid[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET session_replication_role = replica
AS $$
DECLARE
	statement text;
BEGIN
	FOR statement IN
		SELECT format('REVOKE ALL ON %s FROM %I', CASE d.classid WHEN 'pg_class'::regclass THEN d.objid::regclass::text ELSE 'SCHEMA ' || d.objid::regnamespace END, pg_get_userbyid(role))
		FROM pg_shdepend d
		WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = role AND d.deptype = 'a' AND d.classid IN ('pg_class'::regclass, 'pg_namespace'::regclass)
		UNION ALL
		SELECT format('GRANT %s ON %s TO %I', string_agg(p.privilege, ', '), r.relation::regclass, pg_get_userbyid(role))
		FROM (SELECT unnest(writable), true UNION SELECT unnest(readable), false) r (relation, written)
			 CROSS JOIN unnest(CASE WHEN r.written THEN '{SELECT,INSERT,UPDATE,DELETE}' ELSE '{SELECT}' END::text[]) p (privilege)
		WHERE (SELECT bool_and(has_table_privilege(o, r.relation, p.privilege)) FROM unnest(owners) o)
		GROUP BY r.relation
		UNION ALL
		SELECT format('GRANT USAGE ON SCHEMA %s TO %I', n.schema::regnamespace, pg_get_userbyid(role))
		FROM (SELECT c.relnamespace FROM pg_class c WHERE c.oid = ANY (writable || readable)
			  UNION
			  SELECT t.typnamespace FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
			  WHERE a.attrelid = ANY (writable) AND a.attnum > 0 AND t.typnamespace NOT IN ('pg_catalog'::regnamespace, 'tenant_guard'::regnamespace)) n (schema)
		WHERE (SELECT bool_and(has_schema_privilege(o, n.schema, 'USAGE')) FROM unnest(owners) o)
	LOOP
		EXECUTE statement;
	END LOOP;
	-- whoever owns a schema may have given its name to another meanwhile
	IF EXISTS (SELECT FROM pg_shdepend d
			   WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = role AND d.deptype = 'a' AND d.classid = 'pg_class'::regclass
					 AND d.objid <> ALL (writable || readable)) THEN
		RAISE object_in_use USING MESSAGE = 'relations were renamed meanwhile';
	END IF;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_grant(oid, oid[], oid[], oid[]) IS 'gives a role that prove() made the privileges that a probe needs; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_grant(oid, oid[], oid[], oid[]) FROM PUBLIC;

CREATE FUNCTION tenant_guard_internal.foreign_function(relation regclass) RETURNS regprocedure
LANGUAGE C STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_foreign_function';
COMMENT ON FUNCTION tenant_guard_internal.foreign_function(regclass) IS 'a function of an ordinary role that a superuser''s table calls; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.foreign_function(regclass) FROM PUBLIC;

-- Who makes and finds the rows of a table: its owner. What would call functions of the one owner with the privileges of
-- another, or of an ordinary role with a superuser's, is not tried.
CREATE FUNCTION tenant_guard_internal.probe_maker(relation regclass) RETURNS oid
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owner oid;
	super boolean;
	stranger regclass;
	foreign_function regprocedure;
BEGIN
	SELECT c.relowner, r.rolsuper INTO owner, super FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE c.oid = relation;
	IF EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = relation OR i.inhrelid = relation) THEN
		WITH RECURSIVE above (whole) AS (SELECT relation::oid UNION SELECT i.inhparent FROM above JOIN pg_inherits i ON i.inhrelid = whole)
		SELECT c.oid INTO stranger FROM pg_class c
		WHERE (c.oid = ANY (tenant_guard_internal.probe_tree(relation)) OR NOT super AND c.oid IN (SELECT whole FROM above))
			  AND c.relowner <> owner AND NOT pg_has_role(c.relowner, owner, 'MEMBER')
		ORDER BY c.oid LIMIT 1;
		IF stranger IS NOT NULL THEN
			RAISE EXCEPTION USING ERRCODE = 'TGP02', MESSAGE = format('%s and %s have different owners, and functions of the one would be called with the privileges of the other', relation, stranger);
		END IF;
	END IF;
	IF super THEN
		SELECT tenant_guard_internal.foreign_function(part) INTO foreign_function FROM unnest(tenant_guard_internal.probe_tree(relation)) part
		WHERE tenant_guard_internal.foreign_function(part) IS NOT NULL LIMIT 1;
		IF foreign_function IS NOT NULL THEN
			RAISE EXCEPTION USING ERRCODE = 'TGP02', MESSAGE = format('a superuser owns the table, and function %s, which an ordinary role owns, would be called with his privileges', foreign_function);
		END IF;
	END IF;
	RETURN owner;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_maker(regclass) IS 'the role that makes and finds the rows of a table; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_maker(regclass) FROM PUBLIC;

-- As the owner of a table, whom FORCE does not bind meanwhile: to make and find rows of every tenant.
CREATE FUNCTION tenant_guard_internal.execute_as_owner(relation regclass, statement text) RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT tenant_guard_internal.execute_as(CASE WHEN o.rolsuper OR EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = relation OR i.inhrelid = relation)
									THEN tenant_guard_internal.probe_maker(relation) ELSE o.oid END, 'pg_catalog, pg_temp', statement, true)
FROM pg_class c JOIN pg_authid o ON o.oid = c.relowner WHERE c.oid = relation
$$;
COMMENT ON FUNCTION tenant_guard_internal.execute_as_owner(regclass, text) IS 'carries out a statement as the owner of a table, with FORCE ROW LEVEL SECURITY suspended; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.execute_as_owner(regclass, text) FROM PUBLIC;

-- A role that is nothing special, and, with an owner, a member of that role: of no other, for what a table's owner wrote is
-- to do under it no more than under the owner. It goes with the transaction of the proof.
CREATE FUNCTION tenant_guard_internal.probe_role(owner oid DEFAULT NULL) RETURNS oid
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	name text := concat_ws('_', 'tenant_guard_probe', pg_backend_pid(), owner);
BEGIN
	-- which nobody can be made a member of
	IF owner = 'pg_database_owner'::regrole THEN
		SELECT d.datdba INTO owner FROM pg_database d WHERE d.datname = current_database();
	END IF;
	IF to_regrole(name) IS NULL THEN
		EXECUTE format('CREATE ROLE %I', name);
		IF owner IS NOT NULL THEN
			EXECUTE format('GRANT %I TO %I', pg_get_userbyid(owner), name);
		END IF;
	END IF;
	RETURN to_regrole(name);
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_role(oid) IS 'makes an ordinary role, or a member of a table''s owner; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_role(oid) FROM PUBLIC;

-- What a view reads, itself first and the views that it reads included.
CREATE FUNCTION tenant_guard_internal.probe_reads(view regclass) RETURNS TABLE (relation oid, kind "char", owner oid)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH RECURSIVE reads (relation) AS (
	SELECT view::oid
	UNION
	SELECT d.refobjid FROM reads r JOIN pg_rewrite w ON w.ev_class = r.relation AND w.ev_type = '1'
							  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
)
SELECT c.oid, c.relkind, c.relowner FROM reads r JOIN pg_class c ON c.oid = r.relation WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm')
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_reads(regclass) IS 'the relations that a view reads; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_reads(regclass) FROM PUBLIC;

-- Lets the role that prove() made try a table, or a view of it.
CREATE FUNCTION tenant_guard_internal.probe_allow(role oid, relation regclass, view regclass DEFAULT NULL) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT tenant_guard_internal.probe_grant(role,
	ARRAY(SELECT c.relowner FROM pg_class c WHERE c.oid = ANY (tenant_guard_internal.probe_tree(relation)) UNION SELECT r.owner FROM tenant_guard_internal.probe_reads(view) r),
	ARRAY(SELECT relation::oid UNION SELECT r.relation FROM tenant_guard_internal.probe_reads(view) r WHERE r.kind = 'v'),
	ARRAY(SELECT r.relation FROM tenant_guard_internal.probe_reads(view) r WHERE r.kind <> 'v' AND r.relation <> probe_allow.relation))
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_allow(oid, regclass, regclass) IS 'gives a role the privileges on a table, or a view of it; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_allow(oid, regclass, regclass) FROM PUBLIC;
