--
-- A publication's row filter keeps a subscriber to some tenants only if it is
-- a comparison of the tenant column with constants, or that AND more.
--
\set SHOW_CONTEXT never
SET client_min_messages = error;
CREATE SCHEMA t;
CREATE FUNCTION t.found(filter text, relation text DEFAULT 't.notes') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	told text;
BEGIN
	EXECUTE format('CREATE PUBLICATION regress_publication FOR TABLE %s WHERE (%s)', relation, filter);
	SELECT remedy INTO told FROM tenant_guard.audit() WHERE rule = 'publication_unfiltered' AND object = 'regress_publication';
	DROP PUBLICATION regress_publication;
	RETURN COALESCE(told, 'of tenants');
END
$$;
CREATE TABLE t.notes (id int, tenant_id uuid, "Other" uuid, other uuid, body text, PRIMARY KEY (tenant_id, id));

-- These keep to tenants.
SELECT filter, t.found(filter) FROM (VALUES
	('tenant_id = ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'''),
	('tenant_id IN (''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'', ''bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'')'),
	('tenant_id = ANY (''{aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa}'')'),
	('tenant_id = ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'' AND id > 0'),
	('(id > 0 OR body = ''x'') AND body <> E''\\'''' OR '' AND tenant_id = ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'' AND NOT (id = 7 AND "Other" IS NULL)')) f (filter);

-- These do not, and the remedy takes the table out.
SELECT filter, t.found(filter) FROM (VALUES
	('true'),
	('id > 0'),
	('tenant_id = ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'' OR true'),
	('tenant_id = ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'' OR id > 0'),
	('id > 0 AND (tenant_id = ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'' OR id > 1)'),
	('NOT tenant_id = ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'''),
	('tenant_id <> ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'''),
	('tenant_id <> ALL (''{aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa}'')'),
	('tenant_id = tenant_id'),
	('tenant_id = other'),
	('tenant_id = "Other"'),
	('tenant_id IN (other, ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'')'),
	('other = ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'''),
	('tenant_id IS NOT NULL'),
	('(tenant_id = ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'') IS NOT NULL'),
	('COALESCE(tenant_id = ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'', true)'),
	('CASE WHEN tenant_id = ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'' THEN true ELSE true END'),
	('body <> '') AND (tenant_id = ''''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa''''::uuid) AND (''')) f (filter);

-- So it must be whatever the columns are called, and of which type they are.
SET tenant_guard.tenant_type = text;
SET tenant_guard.tenant_column = 'Org (1)';
CREATE TABLE t.orders ("Org (1)" varchar PRIMARY KEY, "x) AND (""Org (1)"" = 'a'::text) AND (y" text, "Org" text);
ALTER TABLE t.orders REPLICA IDENTITY FULL;
SELECT filter, t.found(filter, 't.orders') FROM (VALUES
	('"Org (1)" = ''a'''),
	('"Org (1)" = ''a'' AND "Org" = ''x'''),
	('"Org" = ''a'''),
	('"x) AND (""Org (1)"" = ''a''::text) AND (y" = ''a''')) f (filter);

DROP SCHEMA t CASCADE;
