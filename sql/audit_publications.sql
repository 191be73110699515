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
	SELECT concat_ws(': ', 'of all tenants', remedy) INTO told FROM tenant_guard.audit() WHERE rule = 'publication_unfiltered' AND object = 'regress_publication';
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

-- These do not. There is no remedy: who may subscribe to what is a decision, and to drop a table from a publication ends what works.
SELECT filter, t.found(filter) FROM (VALUES
	('true'),
	('id > 0'),
	('tenant_id = ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'' OR true'),
	('tenant_id = ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'' OR id > 0'),
	('id > 0 AND (tenant_id = ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'' OR id > 1)'),
	('id > 0 OR (id < 9 AND tenant_id = ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'' AND id > 5)'),
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
SET tenant_guard.tenant_column = '"Org (1)"';
CREATE TABLE t.orders ("Org (1)" varchar PRIMARY KEY, "x) AND (""Org (1)"" = 'a'::text) AND (y" text, "Org" text);
ALTER TABLE t.orders REPLICA IDENTITY FULL;
SELECT filter, t.found(filter, 't.orders') FROM (VALUES
	('"Org (1)" = ''a'''),
	('"Org (1)" = ''a'' AND "Org" = ''x'''),
	('"Org" = ''a'''),
	('"x) AND (""Org (1)"" = ''a''::text) AND (y" = ''a''')) f (filter);

RESET tenant_guard.tenant_type;
RESET tenant_guard.tenant_column;

-- A filter reads a column that the replica identity does not have, and PostgreSQL refuses UPDATE and DELETE of every tenant. It must be
-- found, unless nothing is published that needs an identity; the remedy must let them go on, and the filter stay.
CREATE TABLE t.projects (id int PRIMARY KEY, tenant_id uuid NOT NULL, name text);
CREATE TABLE t.paired (id int PRIMARY KEY, tenant_id uuid NOT NULL, name text);
CREATE UNIQUE INDEX paired_name ON t.paired (tenant_id, name);
CREATE UNIQUE INDEX paired_id ON t.paired (tenant_id, id);
CREATE TABLE t.inserted (id int PRIMARY KEY, tenant_id uuid NOT NULL);
CREATE TABLE t.events (at int, tenant_id uuid, PRIMARY KEY (at)) PARTITION BY RANGE (at);
CREATE TABLE t.events_1 PARTITION OF t.events FOR VALUES FROM (0) TO (9);
CREATE PUBLICATION regress_a FOR TABLE t.projects WHERE (tenant_id = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'), t.paired WHERE (tenant_id = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'), t.notes WHERE (tenant_id = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'), t.events WHERE (tenant_id = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa')
	WITH (publish_via_partition_root);
CREATE PUBLICATION regress_inserts FOR TABLE t.inserted WHERE (tenant_id = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa') WITH (publish = insert);
CREATE ROLE regress_app;
GRANT USAGE ON SCHEMA t TO regress_app;
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
SET tenant_guard.scope = session;
SET tenant_guard.tenant_id = 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb';
SET ROLE regress_app;
UPDATE t.projects SET name = '';
RESET ROLE;
SELECT level, object, detail, remedy FROM tenant_guard.audit() WHERE rule ~ 'publication' AND object ~ 'regress';
SELECT remedy FROM tenant_guard.audit() WHERE rule ~ 'publication' AND object ~ 'regress' \gexec
SELECT level, object, detail, remedy FROM tenant_guard.audit() WHERE rule ~ 'publication' AND object ~ 'regress';
SET ROLE regress_app;
UPDATE t.projects SET name = '';
UPDATE t.paired SET name = '';
UPDATE t.events SET at = 1;
DELETE FROM t.notes;
RESET ROLE;
DROP PUBLICATION regress_a, regress_inserts;
DROP SCHEMA t CASCADE;
DROP ROLE regress_app;
