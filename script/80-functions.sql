
--
-- Tables: for their owners, as ALTER TABLE is; each checks ownership
--
CREATE FUNCTION protect(relation regclass, tenant_column name DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_protect';
COMMENT ON FUNCTION protect(regclass, name) IS 'guards a table and its partitions and children';

CREATE FUNCTION protect_schema(schema regnamespace, tenant_column name DEFAULT NULL,
							   OUT relation regclass, OUT status text, OUT detail text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_protect_schema';
COMMENT ON FUNCTION protect_schema(regnamespace, name) IS 'guards every table of a schema that has the tenant column, and reports on each';

CREATE PROCEDURE protect_tables(schema regnamespace, tenant_column name DEFAULT NULL,
								lock_timeout text DEFAULT '1s', retries integer DEFAULT 10)
LANGUAGE C AS 'MODULE_PATHNAME', 'tenant_guard_protect_tables';
COMMENT ON PROCEDURE protect_tables(regnamespace, name, text, integer) IS 'guards every table of a schema that has the tenant column, each in a transaction of its own';

CREATE FUNCTION unprotect(relation regclass) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_unprotect';
COMMENT ON FUNCTION unprotect(regclass) IS 'removes the guard of a table and its partitions and children';

CREATE FUNCTION share(relation regclass) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_share';
COMMENT ON FUNCTION share(regclass) IS 'declares a table as shared by all tenants';

CREATE FUNCTION unshare(relation regclass) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_unshare';
COMMENT ON FUNCTION unshare(regclass) IS 'revokes that a table is shared by all tenants';

CREATE FUNCTION derive_tenant_column(relation regclass, foreign_key name DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tenant_guard_derive_tenant_column';
COMMENT ON FUNCTION derive_tenant_column(regclass, name) IS 'adds the tenant column to a table that has its tenant only by a foreign key, fills and guards it';
