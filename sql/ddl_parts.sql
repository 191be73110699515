--
-- A part of a guarded table must be guarded at once, and a key between guarded tables paired: a table of an extension
-- and one that comes with row_security or auto_protect off too, and views, audit() and prove() see it.
--
\set VERBOSITY terse
\set SHOW_CONTEXT never
CREATE SCHEMA w;
SET search_path = w;
CREATE TABLE orders (tenant_id uuid NOT NULL, id int) PARTITION BY LIST (id);
CREATE TABLE customers (tenant_id uuid NOT NULL, id int PRIMARY KEY);

-- A table of an extension is left alone until it becomes a part of a guarded one.
CREATE TABLE of_extension (id int);
CREATE TABLE below (id int);
CREATE TABLE apart (id int);
ALTER EXTENSION plpgsql ADD TABLE of_extension;
ALTER EXTENSION plpgsql ADD TABLE below;
ALTER EXTENSION plpgsql ADD TABLE apart;
ALTER TABLE of_extension ADD COLUMN tenant_id uuid;
ALTER TABLE below ADD COLUMN tenant_id uuid;
ALTER TABLE apart ADD COLUMN tenant_id uuid;
ALTER TABLE of_extension ALTER tenant_id SET NOT NULL;
ALTER TABLE below ALTER tenant_id SET NOT NULL, ALTER id SET NOT NULL;
ALTER TABLE orders ATTACH PARTITION of_extension FOR VALUES IN (1);
ALTER TABLE below INHERIT customers;
SELECT relation, status, detail FROM tenant_guard.tables_and_partitions WHERE relation::text IN ('of_extension', 'below', 'apart') ORDER BY 1;
SELECT relation, bool_and(ok) FROM tenant_guard.prove('below') GROUP BY relation;
SELECT * FROM tenant_guard.broken_invariants();

-- One that is damaged on purpose must be seen too, and mended as the remedy says; and one whose guard was taken off.
SET tenant_guard.bypass = on;
ALTER TABLE of_extension NO FORCE ROW LEVEL SECURITY;
DROP POLICY tenant_isolation ON below;
DROP POLICY tenant_access ON below;
SELECT relation, status, detail FROM tenant_guard.tables_and_partitions WHERE relation::text IN ('of_extension', 'below', 'apart') ORDER BY 1;
SELECT relation, status FROM tenant_guard.tables WHERE relation::text IN ('of_extension', 'below', 'apart') ORDER BY 1;
RESET tenant_guard.bypass;
SELECT level, rule, object, remedy FROM tenant_guard.audit() WHERE object ~ '^w\.' AND level = 'error';
SELECT remedy FROM tenant_guard.audit() WHERE object ~ '^w\.' AND level = 'error' \gexec
SELECT * FROM tenant_guard.broken_invariants();
ALTER EXTENSION plpgsql DROP TABLE of_extension;
ALTER EXTENSION plpgsql DROP TABLE below;
ALTER EXTENSION plpgsql DROP TABLE apart;

-- So must protect() mend one that is no part of another, though it guards none of an extension's.
CREATE TABLE alone (tenant_id uuid, id int);
ALTER EXTENSION plpgsql ADD TABLE alone;
SET tenant_guard.bypass = on;
ALTER TABLE alone NO FORCE ROW LEVEL SECURITY;
RESET tenant_guard.bypass;
SELECT tenant_guard.protect('alone');
SELECT * FROM tenant_guard.broken_invariants('alone');
ALTER EXTENSION plpgsql DROP TABLE alone;

-- With row_security off a part of a guarded table must be guarded all the same, and a key between guarded ones be paired.
SET row_security = off;
CREATE TABLE orders_2 PARTITION OF orders FOR VALUES IN (2);
CREATE TABLE orders_3 (tenant_id uuid NOT NULL, id int);
ALTER TABLE orders ATTACH PARTITION orders_3 FOR VALUES IN (3);
CREATE TABLE child () INHERITS (customers);
ALTER TABLE orders ADD FOREIGN KEY (id) REFERENCES customers;
RESET row_security;
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'orders'::regclass AND contype = 'f';
SELECT * FROM tenant_guard.broken_invariants();

-- So must a part be where tables are not guarded as they are made.
SET tenant_guard.auto_protect = off;
CREATE TABLE orders_4 PARTITION OF orders FOR VALUES IN (4);
RESET tenant_guard.auto_protect;
SELECT * FROM tenant_guard.broken_invariants();

-- With a guard that is made by hand its parts must be guarded, and its keys be settled.
SET tenant_guard.auto_protect = off;
CREATE TABLE by_hand (tenant_id uuid NOT NULL, id int, customer int REFERENCES customers) PARTITION BY LIST (id);
CREATE TABLE by_hand_1 PARTITION OF by_hand FOR VALUES IN (1);
RESET tenant_guard.auto_protect;
ALTER TABLE by_hand ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY narrower ON by_hand USING (true);
SELECT relation, status FROM tenant_guard.tables_and_partitions WHERE relation::text ~ '^by_hand' ORDER BY 1;
CREATE POLICY tenant_isolation ON by_hand AS RESTRICTIVE USING (tenant_id = tenant_guard.current_tenant()) WITH CHECK (tenant_id = tenant_guard.current_tenant());
SELECT relation, status FROM tenant_guard.tables_and_partitions WHERE relation::text ~ '^by_hand' ORDER BY 1;
SELECT * FROM tenant_guard.broken_invariants();

-- So must keys be settled where it is completed by the statement that enables row-level security, or forces it.
SET tenant_guard.auto_protect = off;
CREATE TABLE enabled_last (tenant_id uuid NOT NULL, customer int REFERENCES customers);
CREATE TABLE forced_last (tenant_id uuid NOT NULL, customer int REFERENCES customers);
RESET tenant_guard.auto_protect;
CREATE POLICY tenant_isolation ON enabled_last AS RESTRICTIVE USING (tenant_id = tenant_guard.current_tenant()) WITH CHECK (tenant_id = tenant_guard.current_tenant());
CREATE POLICY tenant_isolation ON forced_last AS RESTRICTIVE USING (tenant_id = tenant_guard.current_tenant()) WITH CHECK (tenant_id = tenant_guard.current_tenant());
ALTER TABLE enabled_last FORCE ROW LEVEL SECURITY;
ALTER TABLE enabled_last ENABLE ROW LEVEL SECURITY;
ALTER TABLE forced_last ENABLE ROW LEVEL SECURITY;
ALTER TABLE forced_last FORCE ROW LEVEL SECURITY;
SELECT * FROM tenant_guard.broken_invariants();

-- Below a parent that is open it must be warned of, and so must a guard that a new column brings.
CREATE TABLE open_base (note text);
CREATE TABLE by_column_below () INHERITS (open_base);
ALTER TABLE by_column_below ADD COLUMN tenant_id uuid;
SET tenant_guard.auto_protect = off;
CREATE TABLE by_hand_below (tenant_id uuid NOT NULL) INHERITS (open_base);
RESET tenant_guard.auto_protect;
ALTER TABLE by_hand_below ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON by_hand_below AS RESTRICTIVE USING (tenant_id = tenant_guard.current_tenant()) WITH CHECK (tenant_id = tenant_guard.current_tenant());
DROP TABLE open_base CASCADE;

-- A guarded table must become no partition of one that is open and has no tenant column, by which it would be found.
SET tenant_guard.tenant_column = tenant_id;
CREATE TABLE of_orgs (org uuid, id int) PARTITION BY LIST (id);
CREATE TABLE of_orgs_1 (org uuid NOT NULL, id int);
SELECT tenant_guard.protect('of_orgs_1', 'org');
ALTER TABLE of_orgs ATTACH PARTITION of_orgs_1 FOR VALUES IN (1);
DROP TABLE of_orgs, of_orgs_1;
RESET tenant_guard.tenant_column;

-- A script of pg_dump must restore as it is written: there the whole is guarded last.
SET row_security = off;
CREATE TABLE r_parents (tenant_id uuid DEFAULT tenant_guard.current_tenant() NOT NULL, id int NOT NULL);
ALTER TABLE ONLY r_parents FORCE ROW LEVEL SECURITY;
CREATE TABLE r_whole (tenant_id uuid DEFAULT tenant_guard.current_tenant() NOT NULL, id int, parent int) PARTITION BY LIST (id);
ALTER TABLE ONLY r_whole FORCE ROW LEVEL SECURITY;
CREATE TABLE a_part (tenant_id uuid DEFAULT tenant_guard.current_tenant() NOT NULL, id int, parent int);
ALTER TABLE ONLY a_part FORCE ROW LEVEL SECURITY;
ALTER TABLE ONLY r_whole ATTACH PARTITION a_part FOR VALUES IN (1);
ALTER TABLE ONLY r_parents ADD CONSTRAINT r_parents_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE r_whole ADD CONSTRAINT r_whole_fkey FOREIGN KEY (tenant_id, parent) REFERENCES r_parents(tenant_id, id);
ALTER TABLE a_part ENABLE ROW LEVEL SECURITY;
ALTER TABLE r_parents ENABLE ROW LEVEL SECURITY;
ALTER TABLE r_whole ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_access ON a_part USING (tenant_guard.guarded());
CREATE POLICY tenant_access ON r_parents USING (tenant_guard.guarded());
CREATE POLICY tenant_access ON r_whole USING (tenant_guard.guarded());
CREATE POLICY tenant_isolation ON a_part AS RESTRICTIVE USING (tenant_id = tenant_guard.current_tenant()) WITH CHECK (tenant_id = tenant_guard.current_tenant());
CREATE POLICY tenant_isolation ON r_parents AS RESTRICTIVE USING (tenant_id = tenant_guard.current_tenant()) WITH CHECK (tenant_id = tenant_guard.current_tenant());
CREATE POLICY tenant_isolation ON r_whole AS RESTRICTIVE USING (tenant_id = tenant_guard.current_tenant()) WITH CHECK (tenant_id = tenant_guard.current_tenant());
RESET row_security;
SELECT relation, status FROM tenant_guard.tables_and_partitions WHERE relation::text IN ('r_parents', 'r_whole', 'a_part') ORDER BY 1;
SELECT * FROM tenant_guard.broken_invariants();

-- A policy that is a part of a guard, written by hand, must not leave a table half guarded below one that is open.
CREATE TABLE w.open_above (id int);
CREATE TABLE w.half (org uuid) INHERITS (w.open_above);
CREATE POLICY mine ON w.half USING (tenant_guard.guarded());
CREATE POLICY mine ON w.open_above USING (tenant_guard.guarded());

SET client_min_messages = warning;
DROP SCHEMA w CASCADE;
