-- What a database is given once, by a superuser, before the first migration.
CREATE EXTENSION tenant_guard;
GRANT CREATE, USAGE ON SCHEMA public TO shop_owner;
GRANT USAGE ON SCHEMA public TO shop_app, shop_reporting;
ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO shop_app;
ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner IN SCHEMA public GRANT USAGE ON SEQUENCES TO shop_app;
ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner IN SCHEMA public GRANT SELECT ON TABLES TO shop_reporting;
-- For migration tools that keep their records in a schema of their own.
SELECT format('GRANT CREATE ON DATABASE %I TO shop_owner', current_database()) \gexec
