/* made by script/update_sql.pl: what version 1.1 has and 1.0 has not; do not edit */

\echo Use "ALTER EXTENSION tenant_guard UPDATE TO '1.1'" to load this file. \quit

SET LOCAL search_path = tenant_guard, pg_temp;
DO $$
BEGIN
	IF pg_catalog.string_to_array(tenant_guard.library_version(), '.')::int[] < pg_catalog.string_to_array('1.1', '.')::int[] THEN
		RAISE EXCEPTION 'this session has loaded tenant_guard %, and this is version 1.1 of the extension', tenant_guard.library_version()
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Reconnect, or restart the server where shared_preload_libraries lists tenant_guard.';
	END IF;
END
$$;
