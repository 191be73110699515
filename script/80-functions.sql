
--
-- Tables: for their owners, as ALTER TABLE is; each checks ownership
--
CREATE FUNCTION protect(relation regclass, tenant_column name DEFAULT NULL, null_rows text DEFAULT 'refuse',
						replace_policies boolean DEFAULT false) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_protect';
COMMENT ON FUNCTION protect(regclass, name, text, boolean) IS 'guards a table and its partitions and children';

CREATE FUNCTION protect_schema(schema regnamespace, tenant_column name DEFAULT NULL, replace_policies boolean DEFAULT false,
							   OUT relation regclass, OUT status text, OUT detail text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_protect_schema';
COMMENT ON FUNCTION protect_schema(regnamespace, name, boolean) IS 'guards every table of a schema that has the tenant column, and reports on each';

CREATE PROCEDURE protect_tables(schema regnamespace, tenant_column name DEFAULT NULL, replace_policies boolean DEFAULT false,
								lock_timeout text DEFAULT '1s', retries integer DEFAULT 10)
LANGUAGE C AS 'MODULE_PATHNAME', 'tenant_guard_protect_tables';
COMMENT ON PROCEDURE protect_tables(regnamespace, name, boolean, text, integer) IS 'guards every table of a schema that has the tenant column, each in a transaction of its own';

CREATE FUNCTION unprotect(relation regclass, reason text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_unprotect';
COMMENT ON FUNCTION unprotect(regclass, text) IS 'removes the guard of a table and its partitions and children';

CREATE FUNCTION unprotect_schema(schema regnamespace, reason text DEFAULT NULL,
								 OUT relation regclass, OUT status text, OUT detail text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_unprotect_schema';
COMMENT ON FUNCTION unprotect_schema(regnamespace, text) IS 'removes the guard of every guarded table of a schema, and reports on each';

CREATE FUNCTION share(relation regclass, reason text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_share';
COMMENT ON FUNCTION share(regclass, text) IS 'declares a table as shared by all tenants';

CREATE FUNCTION unshare(relation regclass) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_unshare';
COMMENT ON FUNCTION unshare(regclass) IS 'revokes that a table is shared by all tenants';

CREATE FUNCTION derive_tenant_column(relation regclass, foreign_key name DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_derive_tenant_column';
COMMENT ON FUNCTION derive_tenant_column(regclass, name) IS 'adds the tenant column to a table that has its tenant only by a foreign key, fills and guards it';

--
-- Tenant columns and the type of tenants: what audit() asks
--
CREATE FUNCTION tenant_guard_internal.tenant_columns(relation oid) RETURNS name[]
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tenant_guard_tenant_columns';
COMMENT ON FUNCTION tenant_guard_internal.tenant_columns(oid) IS 'the names of tenant columns, of which a table''s is the first that it has';

CREATE FUNCTION tenant_guard_internal.tenant_settings(OUT columns name[], OUT type text, OUT type_in_force text)
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'tenant_guard_tenant_settings';
COMMENT ON FUNCTION tenant_guard_internal.tenant_settings() IS 'tenant_guard.tenant_column and tenant_guard.tenant_type, null where they have their defaults; and the type that tenants have';

CREATE FUNCTION tenant_guard_internal.guard_counts(OUT owner oid, OUT tenant_column name, OUT tenant_type text, OUT tables bigint, OUT decides boolean)
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'tenant_guard_guard_counts';
COMMENT ON FUNCTION tenant_guard_internal.guard_counts() IS 'how many tables are guarded by which column, and whether these say the tenant columns of tables of every owner where no setting does';
