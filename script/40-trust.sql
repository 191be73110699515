
--
-- Functions that may see every tenant's rows, since they cannot tell
--
CREATE FUNCTION tenant_guard_internal.trusted_built_ins(OUT function regprocedure, OUT condition text, OUT reason text)
RETURNS SETOF record
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tenant_guard_trusted_built_ins';
COMMENT ON FUNCTION tenant_guard_internal.trusted_built_ins() IS 'the built-in functions that are trusted without being LEAKPROOF, on what condition, and why';
REVOKE ALL ON FUNCTION tenant_guard_internal.trusted_built_ins() FROM PUBLIC;

CREATE VIEW trusted_functions AS
SELECT b.function, 'built-in' AS declared_by, b.condition, b.reason
FROM tenant_guard_internal.trusted_built_ins() b
UNION ALL
SELECT l.objoid::pg_catalog.regprocedure, 'label', NULL, c.reason
FROM pg_catalog.pg_seclabel l CROSS JOIN LATERAL tenant_guard_internal.label_clauses(l.label) c
WHERE l.provider = 'tenant_guard' AND c.word = 'trusted'
	  AND l.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass;
COMMENT ON VIEW trusted_functions IS 'functions that filters may call for rows of every tenant without being LEAKPROOF';
COMMENT ON COLUMN trusted_functions.declared_by IS 'built-in, or label if a superuser declared it by SECURITY LABEL';
COMMENT ON COLUMN trusted_functions.condition IS 'the condition on which a call is trusted; null if every call is';
COMMENT ON COLUMN trusted_functions.reason IS 'why the function cannot reveal a value; of a label, what it says, if it does';
