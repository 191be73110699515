--
-- Every table is decided: audit() has one finding for each that is neither
-- guarded, shared nor unprotected, with what the catalogs suggest.
--
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA t;
CREATE TEMP VIEW findings AS
SELECT rule, level, replace(object, current_database(), 'this') AS object, replace(detail, current_database(), 'this') AS detail, remedy FROM tenant_guard.audit()
WHERE rule IN ('undecided_table', 'nothing_guarded', 'tenants_table_open', 'tenant_column_missing', 'unguarded_table', 'tenant_type_differs');

-- Where nothing is guarded there must be one finding, which says what could tell the tenant.
CREATE TABLE t.orgs (id uuid PRIMARY KEY, api_key text);
CREATE TABLE t.users (id uuid PRIMARY KEY, mail text);
CREATE TABLE t.customers (id int PRIMARY KEY, "orgId" uuid REFERENCES t.orgs, user_id uuid REFERENCES t.users);
CREATE TABLE t.invoices (id int PRIMARY KEY, "orgId" uuid REFERENCES t.orgs, user_id uuid REFERENCES t.users);
CREATE TABLE t.notes (id int PRIMARY KEY, "orgId" uuid REFERENCES t.orgs, session_id text);
\a \x
SELECT * FROM findings;
-- Shared or unprotected, a table is decided.
SELECT tenant_guard.share('t.users', 'log in to several'), tenant_guard.unprotect('t.notes', 'goes next month');
SELECT object, detail FROM findings;
SELECT tenant_guard.unshare('t.users'), tenant_guard.protect('t.notes', 'orgId'), tenant_guard.unprotect('t.notes');
SECURITY LABEL FOR tenant_guard ON TABLE t.notes IS NULL;

-- Where tables have the tenant column these come first.
SET tenant_guard.auto_protect = off;
CREATE TABLE t.waiting (tenant_id uuid PRIMARY KEY);
RESET tenant_guard.auto_protect;
SELECT rule, detail FROM findings;
DROP TABLE t.waiting;

-- As soon as a table is guarded, each of the others must have a finding: the tenants' own table is told by what references it,
-- a tenant column of another name by what it references.
CREATE TABLE t.guarded (id int PRIMARY KEY, tenant_id uuid REFERENCES t.orgs);
CREATE INDEX ON t.guarded (tenant_id);
CREATE TABLE t.lines (guarded int NOT NULL REFERENCES t.guarded);
-- of several keys one that is NOT NULL, then one that deletes
CREATE TABLE t.rented ("orgId" uuid NOT NULL REFERENCES t.orgs, sublet_by uuid REFERENCES t.orgs);
CREATE TABLE t.moved (of_org uuid NOT NULL REFERENCES t.orgs ON DELETE CASCADE, to_org uuid NOT NULL REFERENCES t.orgs);
-- where that may be null, one that may not be is better, although its table gets the column only with this one's remedies
CREATE TABLE t.line_items (id int PRIMARY KEY, guarded int NOT NULL REFERENCES t.guarded);
CREATE TABLE t.discounts (guarded int REFERENCES t.guarded, line_item int NOT NULL REFERENCES t.line_items);
CREATE TABLE t.discount_lines (id int PRIMARY KEY, guarded int REFERENCES t.guarded, parent int NOT NULL REFERENCES t.discount_lines);
CREATE TABLE t.transfers (from_org uuid NOT NULL REFERENCES t.orgs, to_org uuid NOT NULL REFERENCES t.orgs);
CREATE TABLE t.transfer_notes (id int);
ALTER TABLE t.transfers ADD id int PRIMARY KEY;
ALTER TABLE t.transfer_notes ADD FOREIGN KEY (id) REFERENCES t.transfers;
-- a key to another column of it tells the tenant once that one is guarded
ALTER TABLE t.orgs ADD slug text UNIQUE;
CREATE TABLE t.slugs (slug text REFERENCES t.orgs (slug));
-- parts count as one, and what belongs to an extension or is excluded not at all
CREATE TABLE t.log (at int) PARTITION BY RANGE (at);
CREATE TABLE t.log_1 PARTITION OF t.log FOR VALUES FROM (0) TO (9);
CREATE TABLE t.parent (id int);
CREATE TABLE t.child () INHERITS (t.parent);
CREATE TEMP TABLE scratch (id int);
CREATE SCHEMA staging;
CREATE TABLE staging.raw (id int);
SET tenant_guard.excluded_schemas = staging;
CREATE FOREIGN DATA WRAPPER regress_wrapper;
CREATE SERVER regress_server FOREIGN DATA WRAPPER regress_wrapper;
CREATE FOREIGN TABLE t.remote (id int) SERVER regress_server;
CREATE TABLE t."it's" (id int);
SELECT * FROM findings;
\a \x

-- The remedies, run as they are written, must leave only what is a decision, and break no statement.
SELECT remedy FROM findings WHERE remedy IS NOT NULL \gexec
SELECT rule, object, remedy FROM findings;
SELECT remedy FROM findings WHERE remedy IS NOT NULL \gexec
SELECT tenant_guard.share('t.' || quote_ident(n), 'the same for all') FROM unnest(ARRAY['users', 'log', 'parent', 'it''s', 'remote']) n;
SELECT tenant_guard.protect('t.transfers', 'from_org');
SELECT rule, object, remedy FROM findings;
SELECT remedy FROM findings WHERE remedy IS NOT NULL \gexec
SELECT rule, object FROM findings;
SELECT guarded, unguarded, shared FROM tenant_guard.status;

-- The tenants' own table must not get its tenant from a child, whoever asks.
CREATE TABLE t.places (id uuid PRIMARY KEY, best int REFERENCES t.guarded);
ALTER TABLE t.customers ADD place uuid REFERENCES t.places;
CREATE TABLE t.at_places (tenant_id uuid REFERENCES t.places);
SELECT rule, object, remedy FROM findings;
SELECT tenant_guard.derive_tenant_column('t.places');
SELECT tenant_guard.derive_tenant_column('t.places', 'places_best_fkey');
-- Shared, it still tells whose the rows are that reference it.
SELECT tenant_guard.share('t.places');
CREATE TABLE t.shelves (place uuid REFERENCES t.places, at int);
SELECT rule, object, remedy FROM findings;

DROP VIEW findings;
DROP SCHEMA t, staging CASCADE;
DROP FOREIGN DATA WRAPPER regress_wrapper CASCADE;
DROP TABLE scratch;
