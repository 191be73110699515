\set ECHO none
-- An application's role, which may create tables in schema t.
CREATE ROLE regress_app;
CREATE SCHEMA t;
GRANT ALL ON SCHEMA t TO regress_app;
-- Last, as it sets ECHO again.
\ir tenants.sql
