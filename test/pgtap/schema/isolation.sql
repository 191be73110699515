-- An application's schema, for test/pgtap/isolation.sql.
SET client_min_messages = warning;
CREATE EXTENSION tenant_guard;
CREATE EXTENSION pgtap;
CREATE ROLE shop_owner;
CREATE ROLE shop_app LOGIN;
GRANT CREATE ON SCHEMA public TO shop_owner;
SET ROLE shop_owner;
CREATE TABLE currencies (code char(3) PRIMARY KEY);
CREATE TABLE customers (id bigint GENERATED ALWAYS AS IDENTITY, tenant_id uuid, mail text NOT NULL,
	PRIMARY KEY (tenant_id, id), UNIQUE (tenant_id, mail));
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY, tenant_id uuid, customer bigint NOT NULL, currency char(3) NOT NULL REFERENCES currencies,
	PRIMARY KEY (tenant_id, id), FOREIGN KEY (tenant_id, customer) REFERENCES customers);
CREATE VIEW customer_orders WITH (security_invoker) AS
SELECT c.tenant_id, c.mail, count(o.id) AS orders FROM customers c LEFT JOIN orders o ON (o.tenant_id, o.customer) = (c.tenant_id, c.id) GROUP BY 1, 2;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO shop_app;
SELECT tenant_guard.share('currencies');
RESET ROLE;
