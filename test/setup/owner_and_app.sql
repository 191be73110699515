\set ECHO none
-- The owner of schema t, and an application's role, which may use what is in it.
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
CREATE SCHEMA t AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA t TO regress_app;
-- Last, as it sets ECHO again.
\ir tenants.sql
