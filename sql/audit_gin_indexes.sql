--
-- A GIN index without the tenant column is found on a table of many tenants, and
-- the index that serves small tenants as well is its remedy
--
\set SHOW_CONTEXT never
SET client_min_messages = error;
CREATE SCHEMA t;
CREATE TABLE t.searched (tenant_id uuid, doc jsonb);
CREATE INDEX ON t.searched (tenant_id);
CREATE INDEX "odd USING gin (" ON t.searched USING gin (doc jsonb_path_ops) WHERE doc <> '{}';
CREATE TABLE t.parts (tenant_id uuid, doc jsonb) PARTITION BY LIST (tenant_id);
CREATE TABLE t.part PARTITION OF t.parts DEFAULT;
CREATE INDEX parts_doc ON t.parts USING gin (doc);
-- One of few tenants, one that nobody has analyzed, and one with such an index must not be found.
CREATE TABLE t.few (tenant_id uuid, doc jsonb);
CREATE INDEX ON t.few USING gin (doc);
CREATE TABLE t.not_analyzed (tenant_id uuid, doc jsonb) WITH (autovacuum_enabled = off);
CREATE INDEX ON t.not_analyzed USING gin (doc);
SET tenant_guard.bypass = on;
INSERT INTO t.searched SELECT gen_random_uuid(), '{"k": 1}' FROM generate_series(1, 120);
INSERT INTO t.parts SELECT * FROM t.searched;
INSERT INTO t.few SELECT * FROM t.searched LIMIT 50;
INSERT INTO t.not_analyzed SELECT * FROM t.searched;
RESET tenant_guard.bypass;
ANALYZE t.searched, t.parts, t.few;
CREATE TEMP VIEW findings AS SELECT level, object, detail, remedy, price FROM tenant_guard.audit() WHERE rule = 'gin_without_tenant';

-- Each must be found once, a partitioned table with its parts. Without btree_gin the remedy begins with that.
\a \x
SELECT * FROM findings;
\a \x
SELECT remedy FROM findings WHERE object LIKE '%t.parts' \gexec
SELECT object FROM findings;

-- With it an index must be made without blocking writes,
SELECT remedy, price FROM findings;
SELECT remedy FROM findings \gexec
SELECT object FROM findings;
\a
SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 't.searched'::regclass ORDER BY 1;
\a
-- and one for an expression must not be taken for one for the column.
CREATE INDEX searched_k ON t.searched USING gin ((doc -> 'k'), doc);
SELECT object, remedy FROM findings;
SELECT remedy FROM findings \gexec
SELECT object FROM findings;

DROP VIEW findings;
DROP SCHEMA t CASCADE;
DROP EXTENSION btree_gin;
