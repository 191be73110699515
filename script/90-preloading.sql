
--
-- What is still to be done
--
DO $$
DECLARE
	statement text;
BEGIN
	IF NOT tenant_guard.library_preloaded() THEN
		SELECT tenant_guard.preload_statement(d.oid, 0) INTO statement FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database();
		RAISE WARNING 'sessions of this database do not preload tenant_guard'
			USING DETAIL = 'Where a query on a guarded table is what loads the library, it is refused.',
				  HINT = COALESCE('Run ' || statement || '; then reconnect (poolers too).', 'Reconnect (poolers too); where that does not do, SELECT remedy FROM tenant_guard.audit() WHERE rule = ''not_preloaded''.');
	END IF;
END
$$;
