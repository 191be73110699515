-- After demo/erp.sql: tables of several owners in two schemas, of which one owner may not create a thing in the other's,
-- a policy for one role, and a column of an extension's type.
GRANT CREATE ON SCHEMA public TO shop_owner;
CREATE SCHEMA stock AUTHORIZATION shop_stock;
ALTER TABLE products SET SCHEMA stock;
ALTER TABLE stock.products OWNER TO shop_stock;
ALTER TABLE stock.products ADD COLUMN sizes extensions.hstore DEFAULT 'a=>1';
GRANT REFERENCES, SELECT ON stock.products TO shop_owner;
GRANT USAGE ON SCHEMA stock TO shop_owner, app;
ALTER TABLE sales_orders OWNER TO shop_owner;
ALTER TABLE customers OWNER TO "Shop migrator";
CREATE POLICY all_of_them ON customers TO "Shop migrator" USING (true);
CREATE TABLE stock.shelves (id bigint PRIMARY KEY, tenant_id uuid, note text DEFAULT E'it''s \\! a backslash');
ALTER TABLE stock.shelves OWNER TO shop_owner;
INSERT INTO stock.shelves SELECT n, '11111111-0000-4000-8000-000000000000', E'\\. \n\\.\n\\! echo' || n FROM generate_series(1, 9) n;
CREATE FUNCTION stock.both() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM stock.shelves; SELECT count(*) FROM customers; END;
CREATE RULE two AS ON DELETE TO stock.shelves DO ALSO (SELECT 1; SELECT 2);
SELECT lo_create(4711);
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public, stock TO app;
