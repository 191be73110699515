-- The roles of an application: who owns the tables, who changes them, who works with their rows, who reads them all.
-- docs/roles.md explains each line; the tests of the clients connect as these.
CREATE ROLE shop_owner NOLOGIN;                        -- owns tables, and nobody logs in as it

CREATE ROLE shop_migrator LOGIN IN ROLE shop_owner;    -- migrations; what it creates is the owner's
ALTER ROLE shop_migrator SET role = 'shop_owner';
GRANT SET ON PARAMETER tenant_guard.auto_protect TO shop_owner;    -- for migrations that add the column to filled tables

CREATE ROLE shop_app LOGIN;                            -- the application: owns nothing, bypasses nothing

CREATE ROLE shop_reporting LOGIN BYPASSRLS;            -- reads every tenant's rows, and each statement is logged
ALTER ROLE shop_reporting SET row_security = off;
ALTER ROLE shop_reporting SET default_transaction_read_only = on;

CREATE ROLE shop_backup LOGIN BYPASSRLS;               -- pg_dump, which sets row_security = off by itself
GRANT pg_read_all_data TO shop_backup;

CREATE ROLE shop_tester LOGIN CREATEDB;                -- automatic tests: may turn off one rule, and truncate
ALTER ROLE shop_tester SET tenant_guard.one_tenant_per_transaction = off;
GRANT SET ON PARAMETER tenant_guard.bypass, tenant_guard.auto_protect TO shop_tester;
