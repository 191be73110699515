-- For the dumps of test/run.sh's part "demo": what a database has that was not made by one role.
CREATE ROLE shop_owner;
CREATE ROLE shop_stock;
CREATE ROLE "Shop migrator" LOGIN IN ROLE shop_owner;
CREATE ROLE app LOGIN PASSWORD 'secret';
ALTER DATABASE shop SET work_mem = '8MB';
CREATE SCHEMA extensions;
CREATE EXTENSION hstore WITH SCHEMA extensions;
CREATE EXTENSION file_fdw;
COMMENT ON EXTENSION hstore IS 'sets of pairs';
ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner GRANT SELECT ON TABLES TO app;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO app;
