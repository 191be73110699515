-- A database with every kind of guard, for tests of what becomes of one: dumped, restored, updated, upgraded. It has the extension, and the
-- server the roles "app", the application's, and "owner".
\ir tenants.sql
\set ECHO none
SET client_min_messages = warning;

CREATE TABLE customers (id int, tenant_id uuid, name text, PRIMARY KEY (tenant_id, id));
CREATE TABLE orders (id int PRIMARY KEY, tenant_id uuid, customer int, FOREIGN KEY (tenant_id, customer) REFERENCES customers (tenant_id, id));
CREATE INDEX ON orders (tenant_id);
CREATE VIEW orders_seen AS SELECT count(*) FROM orders;
CREATE FUNCTION count_orders(int) RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = public AS 'SELECT count(*) FROM orders';
CREATE VIEW orders_view WITH (security_invoker) AS SELECT * FROM orders;

CREATE TABLE events (id int, tenant_id uuid) PARTITION BY RANGE (id);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (1) TO (10);
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (10) TO (20) PARTITION BY LIST (id);
CREATE TABLE events_2_default PARTITION OF events_2 DEFAULT;
CREATE TABLE events_attached (tenant_id uuid, gone int, id int);
ALTER TABLE events_attached DROP COLUMN gone;
ALTER TABLE events ATTACH PARTITION events_attached FOR VALUES FROM (20) TO (30);

CREATE TABLE parent (id int, tenant_id uuid);
CREATE TABLE child (extra text) INHERITS (parent);

CREATE TABLE countries (code text PRIMARY KEY);
SELECT tenant_guard.share('countries', 'the tenants'' own; reason=''none''
and "more": \ é');
SET tenant_guard.auto_protect = off;
CREATE TABLE shared_with_column (id int, tenant_id uuid);
CREATE TABLE never_guarded (id int, tenant_id uuid);
RESET tenant_guard.auto_protect;
SELECT tenant_guard.share('shared_with_column');

CREATE TABLE unprotected (id int, tenant_id uuid);
SELECT tenant_guard.unprotect('unprotected', 'moves');

CREATE TABLE narrowed (id int, tenant_id uuid);
DROP POLICY tenant_access ON narrowed;
CREATE POLICY even ON narrowed FOR SELECT TO app USING (id % 2 = 0);

CREATE TABLE by_org (id int, org_id uuid);
SELECT tenant_guard.protect('by_org', 'org_id');

CREATE TABLE with_nulls (id int);
INSERT INTO with_nulls VALUES (1), (2);
ALTER TABLE with_nulls ADD COLUMN tenant_id uuid;

CREATE SCHEMA "Odd ""schema";
CREATE TABLE "Odd ""schema"."Odd table" (id int, "Tenant" uuid);
SELECT tenant_guard.protect('"Odd ""schema"."Odd table"', 'Tenant');

SELECT tenant_guard.accept_finding('tenant_index_missing', 'public.by_org', E'it''s\nsmall; object=''x''', '2100-01-01');
SELECT tenant_guard.accept_finding('view_bypasses', 'public.orders_seen', 'no column of it is a tenant''s');
SELECT tenant_guard.accept_finding('definer_function_bypasses', 'public.count_orders(integer)', 'a number');

CREATE TABLE another_default (id int, tenant_id uuid);
ALTER TABLE another_default ALTER COLUMN tenant_id DROP DEFAULT;
CREATE UNLOGGED TABLE unlogged (id int, tenant_id uuid);
CREATE DOMAIN tenant AS uuid;
CREATE TABLE by_domain (id int, tenant_id tenant);
CREATE TABLE owned (id int, tenant_id uuid);
ALTER TABLE owned OWNER TO owner;

SET tenant_guard.bypass = on;
INSERT INTO customers VALUES (1, :a, 'of a'), (1, :b, 'of b'), (2, :b, 'of b too');
INSERT INTO orders VALUES (1, :a, 1), (2, :b, 2);
INSERT INTO events VALUES (1, :a), (11, :b), (21, :b);
INSERT INTO child VALUES (1, :a, 'of a');
INSERT INTO owned VALUES (1, :a), (2, :b), (3, :b);
GRANT SELECT, INSERT ON customers, orders, events, events_1, events_2, events_2_default, events_attached, parent, child, with_nulls, narrowed TO app;
RESET tenant_guard.bypass;

-- Keys that carry the tenant, with companions for a framework, and where nobody looks for one; a key to a table that all tenants share.
CREATE TABLE invoices (id int PRIMARY KEY, tenant_id uuid, customer int, country text REFERENCES countries,
					   FOREIGN KEY (tenant_id, customer) REFERENCES customers (tenant_id, id) ON DELETE CASCADE);
SET tenant_guard.companion_keys = 'all';
CREATE TABLE invoice_lines (id int PRIMARY KEY, tenant_id uuid, invoice_id int CONSTRAINT of_invoice REFERENCES invoices ON DELETE CASCADE DEFERRABLE);
RESET tenant_guard.companion_keys;
CREATE TABLE payments (id int PRIMARY KEY, tenant_id uuid, invoice_id int REFERENCES invoices);

-- Rows of everyone, and keys to them.
CREATE TABLE templates (id int PRIMARY KEY, tenant_id uuid, name text);
SELECT tenant_guard.protect('templates', null_rows => 'shared');
CREATE TABLE letters (id int PRIMARY KEY, tenant_id uuid, template int REFERENCES templates);

-- A tenant that rows had by a foreign key alone.
SET tenant_guard.auto_protect = off;
CREATE TABLE order_lines (id int PRIMARY KEY, orders int REFERENCES orders);
RESET tenant_guard.auto_protect;
SELECT tenant_guard.derive_tenant_column('order_lines');

SET tenant_guard.bypass = on;
INSERT INTO invoices VALUES (1, :a, 1, NULL), (2, :b, 2, NULL);
INSERT INTO invoice_lines VALUES (1, :a, 1), (2, :b, 2);
INSERT INTO templates VALUES (1, NULL, 'everyone''s'), (2, :a, 'of a');
INSERT INTO letters VALUES (1, :a, 1), (2, :a, 2), (3, :b, 1);
INSERT INTO order_lines VALUES (1, 1, :a), (2, 2, :b);
RESET tenant_guard.bypass;
GRANT SELECT, INSERT ON invoices, invoice_lines, payments, templates, letters, order_lines TO app;
