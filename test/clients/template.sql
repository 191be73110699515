-- The template of the databases that tests make for themselves: CREATE EXTENSION needs a superuser, and tests should be none.
CREATE DATABASE shop_template IS_TEMPLATE true;
\connect shop_template
CREATE EXTENSION tenant_guard;
GRANT CREATE, USAGE ON SCHEMA public TO shop_tester;
