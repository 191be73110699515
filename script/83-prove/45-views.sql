
--
-- What is tried through the views of a table
--
-- Reading another tenant's row through a view, of which view_key is the tenant column, or null.
CREATE FUNCTION tenant_guard_internal.probe_view_reading(subject tenant_guard_internal.probe_subject, view regclass, view_key text, OUT probe text, OUT ok boolean, OUT detail text)
RETURNS record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	told text;
	tried record;
BEGIN
	-- without the tenant column what the view shows must not change with the other tenant's row
	probe := format('view %s', view);
	IF view_key IS NOT NULL THEN
		tried := tenant_guard_internal.probe_try(subject.role, subject.search_path, subject.tenants[1], format('SELECT EXISTS (SELECT FROM %s WHERE %s::text <> %L::%s::text)', view, view_key, subject.tenants[1], subject.key_type), NOT subject.preloaded);
		SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, tried.refused, tried.message, tried.result = 't', 'another tenant''s rows are not seen', 'another tenant''s rows are seen');
	END IF;
	IF view_key IS NULL OR ok THEN
		told := format('SELECT count(*) || COALESCE(md5(string_agg(md5((v.*)::text), '''' ORDER BY md5((v.*)::text))), '''') FROM %s v', view);
		tried := tenant_guard_internal.probe_try(subject.role, subject.search_path, subject.tenants[1], told, NOT subject.preloaded);
		SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, tried.refused, tried.message, false, 'another tenant''s rows are not seen', '');
		IF tried.state = '00000' THEN
			detail := tried.result;
			tried := tenant_guard_internal.probe_try(subject.role, subject.search_path, subject.tenants[1], told, NOT subject.preloaded, false, subject.relation, format('DELETE FROM %s WHERE %s', subject.relation, subject.at_b));
			IF tried.state = '00000' AND tried.result = detail THEN
				detail := 'another tenant''s rows are not seen';
			ELSIF tried.state = '00000' AND (tenant_guard_internal.probe_try(subject.role, subject.search_path, subject.tenants[1], told, NOT subject.preloaded)).result = detail THEN
				ok := false; detail := 'what it shows depends on another tenant''s row';
			ELSE
				ok := NULL; detail := concat_ws(': ', 'not tried: what it shows changes by itself', tried.message);
			END IF;
		END IF;
	END IF;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_view_reading(tenant_guard_internal.probe_subject, regclass, text) IS 'tries to read another tenant''s row through a view; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_view_reading(tenant_guard_internal.probe_subject, regclass, text) FROM PUBLIC;

-- Inserting and changing another tenant's row through a view.
CREATE FUNCTION tenant_guard_internal.probe_view_changing(subject tenant_guard_internal.probe_subject, view regclass, view_key text, OUT probe text, OUT ok boolean, OUT detail text, OUT ended timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	updatable constant integer := pg_relation_is_updatable(view, true);
	by_trigger constant boolean := pg_relation_is_updatable(view, false) = 0;
	columns text;
	made record;
	look text;
	told text;
	tried record;
BEGIN
	SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) INTO columns
	FROM pg_attribute a JOIN pg_attribute o ON o.attrelid = subject.relation AND o.attname = a.attname AND o.atttypid = a.atttypid
	WHERE a.attrelid = view AND a.attnum > 0 AND o.attgenerated = '' AND o.attidentity <> 'a'
		  AND (pg_column_is_updatable(view, a.attnum, true) OR by_trigger);
	FOR made IN
		SELECT v.probe, v.statement FROM (VALUES
			('update through', format('UPDATE %s SET %s = %s WHERE %s::text = %L::%s::text', view, view_key, view_key, view_key, subject.tenants[2], subject.key_type), 4, view_key IS NOT NULL),
			('update_all through', format('UPDATE %s SET %s = %L::%s', view, view_key, subject.tenants[1], subject.key_type), 4, view_key IS NOT NULL AND subject.small),
			('delete through', format('DELETE FROM %s WHERE %s::text = %L::%s::text', view, view_key, subject.tenants[2], subject.key_type), 16, view_key IS NOT NULL),
			('delete_all through', format('DELETE FROM %s', view), 16, subject.small),
			('insert through', format('INSERT INTO %1$s (%2$s) SELECT %2$s FROM jsonb_populate_record(NULL::%3$s, %4$L)', view, columns, subject.relation, subject.content_b), 8, view_key IS NOT NULL AND columns IS NOT NULL)) AS v (probe, statement, may, possible)
		WHERE updatable & v.may <> 0 AND v.possible AND v.statement IS NOT NULL
	LOOP
		probe := format('%s %s', made.probe, view);
		-- what was inserted, or was not, is told by what passed; the rest by the row of the other tenant
		look := CASE WHEN made.probe LIKE 'insert%' THEN format('SELECT count(*)::text FROM %s WHERE %s = %L::%s', subject.relation, subject.key, subject.tenants[2], subject.key_type) ELSE subject.look_b END;
		told := tenant_guard_internal.execute_as_owner(subject.relation, look);
		FOR way IN 0..CASE WHEN by_trigger THEN 0 ELSE greatest(subject.ways, 1) END LOOP
			tried := tenant_guard_internal.probe_try(subject.role, subject.search_path, subject.tenants[1], made.statement, NOT subject.preloaded, way > 0, subject.relation, NULL, look, way = 2);
			EXIT WHEN tried.state = '00000' AND tried.seen IS DISTINCT FROM told OR subject.ways = 0 AND (tried.state = '00000' OR tried.refused)
				OR made.probe LIKE 'insert%' AND tenant_guard_internal.passed_policies(tried.state, tried.culprit);
		END LOOP;
		-- what an INSTEAD OF trigger was refused, the table's own triggers aside, is what the view does
		tried.refused := tried.refused OR tried.state = '38002' AND subject.ways < 2 AND by_trigger;
		IF made.probe LIKE 'insert%' THEN
			SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(CASE WHEN tenant_guard_internal.passed_policies(tried.state, tried.culprit) THEN '00000' ELSE tried.state END, tried.refused, tried.message,
				tried.seen IS DISTINCT FROM told, 'no row was inserted', 'a row is inserted for another tenant');
		ELSE
			SELECT * INTO ok, detail FROM tenant_guard_internal.probe_verdict(tried.state, tried.refused, tried.message, tried.seen IS DISTINCT FROM subject.before_b, 'another tenant''s row is as it was', 'another tenant''s row is changed');
		END IF;
		ended := clock_timestamp();
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_view_changing(tenant_guard_internal.probe_subject, regclass, text) IS 'tries to change another tenant''s row through a view; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_view_changing(tenant_guard_internal.probe_subject, regclass, text) FROM PUBLIC;

-- The same through each view. Where the library is preloaded its hooks are a part of the answer.
CREATE FUNCTION tenant_guard_internal.probe_views(subject tenant_guard_internal.probe_subject, OUT probe text, OUT ok boolean, OUT detail text, OUT ended timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	item record;
BEGIN
	FOR item IN
		WITH RECURSIVE reads (view) AS (
			SELECT w.ev_class FROM pg_rewrite w JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
			WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = subject.relation AND w.ev_type = '1' AND w.ev_class <> subject.relation
			UNION
			SELECT w.ev_class FROM reads r JOIN pg_depend d ON d.refobjid = r.view
								  JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
			WHERE d.refclassid = 'pg_class'::regclass AND w.ev_type = '1' AND w.ev_class <> r.view
		)
		SELECT c.oid::regclass AS view, quote_ident(a.attname) AS key
		FROM reads r JOIN pg_class c ON c.oid = r.view AND c.relkind = 'v'
			 LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = subject.tenant_column AND NOT a.attisdropped
		WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
		ORDER BY c.oid::regclass::text
	LOOP
		IF NOT subject.named THEN
			PERFORM tenant_guard_internal.probe_allow(subject.role, subject.relation, item.view);
		END IF;
		SELECT r.probe, r.ok, r.detail INTO probe, ok, detail FROM tenant_guard_internal.probe_view_reading(subject, item.view, item.key) r;
		ended := clock_timestamp();
		RETURN NEXT;
		RETURN QUERY SELECT * FROM tenant_guard_internal.probe_view_changing(subject, item.view, item.key);
	END LOOP;
END
$$;
COMMENT ON FUNCTION tenant_guard_internal.probe_views(tenant_guard_internal.probe_subject) IS 'tries what can be done through each view; a part of prove()';
REVOKE ALL ON FUNCTION tenant_guard_internal.probe_views(tenant_guard_internal.probe_subject) FROM PUBLIC;
