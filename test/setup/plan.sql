\set ECHO none
-- t.plan(query): the plan, and after it what EXPLAIN says of the tenant's filter: the line's place in a plan is the server's
-- version's matter.
CREATE FUNCTION t.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	notes text[] = '{}';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line LIKE '%Tenant Filter%' THEN notes := notes || regexp_replace(line, '^ *(Tenant Filter)( on [^:]+)?:', '\1:');
		ELSE RETURN NEXT line; END IF;
	END LOOP;
	RETURN QUERY SELECT DISTINCT note FROM unnest(notes) note ORDER BY note;
END
$$;
\set ECHO all
