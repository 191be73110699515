--
-- What docs/roles.md says of the tenants' own table: sign-up, and how a tenant
-- goes, where the table is guarded and where it is not.
--
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_shop_owner;
CREATE ROLE regress_shop_app;
CREATE SCHEMA shop AUTHORIZATION regress_shop_owner;
GRANT USAGE ON SCHEMA shop TO regress_shop_app;
SET search_path = shop;
SET ROLE regress_shop_owner;
CREATE TABLE tenants (id uuid PRIMARY KEY, name text);
CREATE TABLE orders (id int PRIMARY KEY, tenant_id uuid REFERENCES tenants ON DELETE CASCADE);
GRANT SELECT, INSERT, UPDATE, DELETE ON tenants, orders TO regress_shop_app;
INSERT INTO tenants VALUES ('7f1c9d0e-6f0e-4f6b-9a53-2f6c0f3f8a11', 'Acme'), ('aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa', 'Other');
RESET ROLE;
SET tenant_guard.bypass = on;
INSERT INTO orders SELECT row_number() OVER (), id FROM tenants;
RESET tenant_guard.bypass;
RESET client_min_messages;

-- The application cannot remove a tenant, where it was not let.
SET ROLE regress_shop_owner;
REVOKE UPDATE, DELETE ON tenants FROM regress_shop_app;
SET ROLE regress_shop_app;
DELETE FROM tenants WHERE name = 'Acme';
RESET ROLE;

-- A tenant that is set goes with its rows, and no other.
SET ROLE regress_shop_owner;
BEGIN;
SELECT tenant_guard.set_tenant('7f1c9d0e-6f0e-4f6b-9a53-2f6c0f3f8a11');
DELETE FROM tenants WHERE id = tenant_guard.current_tenant();
COMMIT;
SELECT name FROM tenants;
RESET ROLE;
SET tenant_guard.bypass = on;
SELECT tenant_id FROM orders;
RESET tenant_guard.bypass;

-- Not guarded yet, and with a key to a guarded table, it must be told to be guarded by its key, not by what the key references.
SET ROLE regress_shop_owner;
BEGIN;
CREATE TABLE staff (id int, tenant_id uuid REFERENCES tenants, PRIMARY KEY (tenant_id, id));
ALTER TABLE staff ADD UNIQUE (id);
ALTER TABLE tenants ADD head int REFERENCES staff (id);
ROLLBACK;
RESET ROLE;

-- With a guard of its own a tenant is set before it signs up, sees itself alone,
-- and may remove itself.
SET ROLE regress_shop_owner;
SELECT tenant_guard.protect('tenants', 'id');
GRANT UPDATE, DELETE ON tenants TO regress_shop_app;
SET ROLE regress_shop_app;
BEGIN;
SELECT tenant_guard.set_tenant(gen_random_uuid()) \gset
INSERT INTO tenants (name) VALUES ('Newcomers Ltd') RETURNING id = tenant_guard.current_tenant() AS mine;
INSERT INTO orders VALUES (3);
SELECT name FROM tenants;
DELETE FROM tenants;
SELECT count(*) FROM orders;
COMMIT;
RESET ROLE;
SET tenant_guard.bypass = on;
SELECT name, tenant_id FROM tenants JOIN orders ON tenant_id = tenants.id;
RESET tenant_guard.bypass;

-- Tables that reference the tenants' table and have an id of their own: the hint must name the column that tells the tenant, not the id.
-- A key by something else tells it by the row, and a column of the tenant column's name tells it below other tables.
SET client_min_messages = warning;
CREATE TABLE orgs (id uuid PRIMARY KEY, slug text UNIQUE);
SELECT tenant_guard.protect('orgs', 'id');
SET tenant_guard.auto_protect = off;
RESET client_min_messages;
\set VERBOSITY default
CREATE TABLE members (id uuid PRIMARY KEY, org uuid);
CREATE TABLE visits (id uuid PRIMARY KEY, slug text);
CREATE TABLE items (id int PRIMARY KEY, tenant_id uuid, customer int);
RESET tenant_guard.auto_protect;
ALTER TABLE members ADD FOREIGN KEY (org) REFERENCES orgs;
ALTER TABLE visits ADD FOREIGN KEY (slug) REFERENCES orgs (slug);
ALTER TABLE items ADD FOREIGN KEY (customer) REFERENCES orders;


SET client_min_messages = warning;
RESET search_path;
DROP SCHEMA shop CASCADE;
DROP ROLE regress_shop_owner, regress_shop_app;
