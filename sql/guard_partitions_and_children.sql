--
-- A table is guarded together with its partitions and children, since each
-- may be queried by its own name.
--
\i test/setup/app.sql
SET tenant_guard.trusted_filters = on;

-- A partition must be guarded as it is created, in any place of the tree.
CREATE TABLE t.events (tenant_id uuid, day date, body text) PARTITION BY RANGE (day);
CREATE TABLE t.events_1 PARTITION OF t.events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE t.events_2 PARTITION OF t.events FOR VALUES FROM ('2026-02-01') TO ('2026-03-01') PARTITION BY LIST (tenant_id);
CREATE TABLE t.events_2a PARTITION OF t.events_2 FOR VALUES IN (:a);
CREATE TABLE t.events_2x PARTITION OF t.events_2 DEFAULT;
SELECT relation, status FROM tenant_guard.tables_and_partitions WHERE relation::text LIKE 't.event%' ORDER BY relation::text COLLATE "C";

-- One that is attached must be guarded then, rows and all.
SET tenant_guard.auto_protect = off;
CREATE TABLE t.events_3 (tenant_id uuid NOT NULL, day date, body text);
SET tenant_guard.auto_protect = on;
INSERT INTO t.events_3 VALUES (:a, '2026-03-01', 'a in March'), (:b, '2026-03-02', 'b in March');
ALTER TABLE t.events ATTACH PARTITION t.events_3 FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
SELECT status FROM tenant_guard.tables_and_partitions WHERE relation = 't.events_3'::regclass;

-- A label must not keep an attached one open, nor an excluded schema.
SET tenant_guard.auto_protect = off;
CREATE TABLE t.events_4 (tenant_id uuid NOT NULL, day date, body text);
CREATE SCHEMA t_staging;
CREATE TABLE t_staging.events_5 (tenant_id uuid NOT NULL, day date, body text);
SET tenant_guard.auto_protect = on;
SET tenant_guard.excluded_schemas = 't_staging';
SELECT tenant_guard.share('t.events_4');
ALTER TABLE t.events ATTACH PARTITION t.events_4 FOR VALUES FROM ('2026-04-01') TO ('2026-05-01');
ALTER TABLE t.events ATTACH PARTITION t_staging.events_5 FOR VALUES FROM ('2026-05-01') TO ('2026-06-01');
SELECT relation, status FROM tenant_guard.tables_and_partitions WHERE relation::text ~ 'events_[45]' ORDER BY relation::text COLLATE "C";
RESET tenant_guard.excluded_schemas;
SELECT count(*) AS labels FROM pg_seclabels WHERE objoid = 't.events_4'::regclass;

-- By every name a tenant must see its own rows alone.
SET tenant_guard.bypass = on;
INSERT INTO t.events VALUES (:a, '2026-01-05', 'a in January'), (:b, '2026-01-06', 'b in January'),
	(:a, '2026-02-05', 'a in February'), (:b, '2026-02-06', 'b in February');
RESET tenant_guard.bypass;
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:b);
SELECT body FROM t.events ORDER BY day;
SELECT body FROM t.events_1;
SELECT body FROM t.events_2;
SELECT body FROM t.events_2a;
SELECT body FROM t.events_2x;
SELECT body FROM t.events_3;
UPDATE t.events SET day = day + 31 WHERE day = '2026-01-06' RETURNING body, tableoid::regclass;
UPDATE t.events SET tenant_id = :a;
ROLLBACK;
SELECT body FROM t.events_2x;

-- A plan must prune the other tenants' partitions when it starts.
\i test/setup/plan.sql
SET plan_cache_mode = force_generic_plan;
PREPARE q AS SELECT body FROM t.events_2;
BEGIN;
SELECT tenant_guard.set_tenant(:b);
SELECT t.plan('EXECUTE q');
COMMIT;
RESET plan_cache_mode;
RESET ROLE;

-- A detached partition must keep its guard.
ALTER TABLE t.events DETACH PARTITION t.events_1;
SELECT status FROM tenant_guard.tables_and_partitions WHERE relation = 't.events_1'::regclass;

-- A part must not lose its guard alone; with the whole it does.
SELECT tenant_guard.unprotect('t.events_2a');
SELECT tenant_guard.unprotect('t.events');
SELECT relation, status FROM tenant_guard.tables_and_partitions WHERE relation::text ~ 'event' ORDER BY relation::text COLLATE "C";

-- A partition of what is unprotected on purpose must be left alone.
CREATE TABLE t.events_6 PARTITION OF t.events FOR VALUES FROM ('2026-06-01') TO ('2026-07-01');
SELECT status FROM tenant_guard.tables_and_partitions WHERE relation = 't.events_6'::regclass;

-- protect must guard all of them again.
SELECT tenant_guard.protect('t.events');
SELECT relation, status FROM tenant_guard.tables_and_partitions WHERE relation::text ~ 'event' ORDER BY relation::text COLLATE "C";

-- Children by inheritance, made or altered into it, must be guarded likewise.
CREATE TABLE t.parent (id int, tenant_id uuid);
CREATE TABLE t.child (extra text) INHERITS (t.parent);
CREATE TABLE t.grandchild () INHERITS (t.child);
SET tenant_guard.auto_protect = off;
CREATE TABLE t.adopted (id int, tenant_id uuid NOT NULL);
SET tenant_guard.auto_protect = on;
ALTER TABLE t.adopted INHERIT t.parent;
SELECT relation, status FROM tenant_guard.tables_and_partitions WHERE relation::text ~ 'parent|child|adopted' ORDER BY relation::text COLLATE "C";
ALTER TABLE t.adopted NO INHERIT t.parent;
SELECT status FROM tenant_guard.tables_and_partitions WHERE relation = 't.adopted'::regclass;

-- A superuser's view that bypasses on purpose must show the rows of every part and child, to a role that is bound itself.
CREATE VIEW t.all_events AS SELECT * FROM t.events;
CREATE VIEW t.all_parents AS SELECT * FROM t.parent;
CREATE VIEW t.both AS SELECT tenant_id FROM t.events UNION ALL SELECT tenant_id FROM t.all_parents;
SET tenant_guard.bypass = on;
INSERT INTO t.parent VALUES (1, :a);
INSERT INTO t.child VALUES (2, :b);
INSERT INTO t.grandchild VALUES (3, :a), (4, :b);
GRANT ALL ON ALL TABLES IN SCHEMA t TO regress_app;
SET ROLE regress_app;
BEGIN;
SELECT tenant_guard.set_tenant(:b);
SELECT count(*) AS all_events, count(DISTINCT tenant_id) AS tenants FROM t.all_events;
SELECT count(*) AS all_parents, count(DISTINCT tenant_id) AS tenants FROM t.all_parents;
SELECT count(*) AS in_both, count(DISTINCT tenant_id) AS tenants FROM t.both;
UPDATE t.all_parents SET id = id + 10 WHERE id > 0 RETURNING id;

-- Beside it the same tables must show the tenant's own rows alone.
SELECT (SELECT count(*) FROM t.events) AS own_events, (SELECT count(*) FROM t.all_events) AS all_events,
	(SELECT count(*) FROM t.parent) AS own_parents, (SELECT count(*) FROM t.all_parents) AS all_parents;
ROLLBACK;

-- Through a view of a role that is bound a superuser must see what its owner would, whatever value the query compares with.
CREATE VIEW t.own_events AS SELECT * FROM t.events;
CREATE VIEW t.own_parents AS SELECT * FROM t.parent;
RESET ROLE;
BEGIN;
SELECT tenant_guard.set_tenant(:b);
SET LOCAL t.which = :b;
SELECT count(*) AS of_others FROM t.own_events WHERE tenant_id = current_setting('t.which')::uuid AND set_config('t.which', :a, true) IS NOT NULL;
SET LOCAL t.which = :b;
SELECT count(*) AS of_others FROM t.own_parents WHERE tenant_id = current_setting('t.which')::uuid AND set_config('t.which', :a, true) IS NOT NULL;
ROLLBACK;
RESET tenant_guard.bypass;

-- A column added to a parent reaches its children, and so must the guard.
CREATE TABLE t.root (id int);
CREATE TABLE t.leaf () INHERITS (t.root);
ALTER TABLE t.root ADD COLUMN tenant_id uuid;
SELECT relation, status FROM tenant_guard.tables_and_partitions WHERE relation::text ~ 'root|leaf' ORDER BY relation::text COLLATE "C";

-- Nulls in any of them must be counted by protect.
SET tenant_guard.auto_protect = off;
CREATE TABLE t.p (tenant_id uuid, n int) PARTITION BY LIST (n);
CREATE TABLE t.p1 PARTITION OF t.p FOR VALUES IN (1);
CREATE TABLE t.p2 PARTITION OF t.p FOR VALUES IN (2);
INSERT INTO t.p VALUES (:a, 1), (NULL, 1), (NULL, 2);
SELECT tenant_guard.protect('t.p');
SELECT relation, status FROM tenant_guard.tables_and_partitions WHERE relation::text ~ 't.p' AND relation::text !~ 'parent' ORDER BY relation::text COLLATE "C";

-- Guarding a part alone must warn of the whole.
DELETE FROM t.p;
SELECT tenant_guard.protect('t.p1');

-- A partition that DETACH PARTITION CONCURRENTLY has left half taken off would get no guard: so its table must not either, until that is finished.
CREATE TABLE t.half (tenant_id uuid, n int) PARTITION BY LIST (n);
CREATE TABLE t.half_1 PARTITION OF t.half FOR VALUES IN (1);
UPDATE pg_inherits SET inhdetachpending = true WHERE inhrelid = 't.half_1'::regclass;
\c -
SET tenant_guard.auto_protect = off;
SELECT tenant_guard.protect('t.half');
ALTER TABLE t.half DETACH PARTITION t.half_1 FINALIZE;
SELECT tenant_guard.protect('t.half');
SELECT relation, status FROM tenant_guard.tables_and_partitions WHERE relation::text ~ 'half' ORDER BY relation::text COLLATE "C";

RESET tenant_guard.auto_protect;
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP SCHEMA t_staging CASCADE;
DROP ROLE regress_app;
