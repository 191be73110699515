-- The data of bench/run.sh: rows of 1,000 tenants, of whom the first holds half and the others less and less; the same
-- rows in the same order in four schemas. Variables: rows.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE EXTENSION tenant_guard;
CREATE EXTENSION pg_trgm;
SET tenant_guard.bypass = on;
SECURITY LABEL FOR tenant_guard ON FUNCTION similarity_op(text, text) IS 'trusted';
CREATE ROLE app LOGIN;
CREATE SCHEMA hand;
CREATE SCHEMA setting;
CREATE SCHEMA subselect;
CREATE SCHEMA guarded;
ALTER DATABASE bench SET tenant_guard.excluded_schemas = 'hand, setting, subselect';
SET tenant_guard.excluded_schemas = 'hand, setting, subselect';
SELECT setseed(0.5);

CREATE FUNCTION hand.tenant(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
AS $$ SELECT (lpad(to_hex(n), 8, '0') || '-0000-4000-8000-000000000000')::uuid $$;

-- The tenants, by the number of a row: half of all to the first, the rest by 1/n.
CREATE FUNCTION hand.tenant_of(x double precision) RETURNS uuid LANGUAGE sql VOLATILE
AS $$ SELECT hand.tenant(CASE WHEN x < 0.5 THEN 1 ELSE greatest(2, floor(exp((x - 0.5) * 2 * ln(1000))))::bigint END) $$;

CREATE TABLE hand.customers AS
SELECT i::bigint AS id, hand.tenant_of(random()) AS tenant_id, 'customer ' || i AS name FROM generate_series(1, :rows / 10) i;
CREATE TABLE hand.products AS
SELECT i::bigint AS id, hand.tenant_of(random()) AS tenant_id, 'product ' || i AS name FROM generate_series(1, :rows / 100) i;

-- An order belongs to a customer of its tenant, a line to an order, and to a product of the tenant's.
CREATE TABLE hand.orders AS
SELECT i::bigint AS id, c.tenant_id, c.id AS customer_id, (ARRAY['open', 'paid', 'sent', 'done'])[1 + i % 4] AS status,
	   (random() * 1000)::numeric(10, 2) AS amount, '2024-01-01'::timestamptz + random() * interval '365 days' AS placed_at,
	   substr(md5(i::text), 1, 12) AS body, jsonb_build_object('k', i % 5000, 'v', i) AS doc,
	   to_tsvector('simple', 'common w' || i % 5000 || ' order' || i) AS words
FROM generate_series(1, :rows) i JOIN hand.customers c ON c.id = 1 + (i * 7919::bigint) % (:rows / 10);
CREATE TABLE hand.lines AS
SELECT o.id, o.tenant_id, o.id AS order_id, p.id AS product_id, (random() * 100)::numeric(10, 2) AS price
FROM hand.orders o JOIN (SELECT tenant_id, array_agg(id) AS ids FROM hand.products GROUP BY 1) t USING (tenant_id)
	 JOIN hand.products p ON p.id = t.ids[1 + o.id % array_length(t.ids, 1)];
CREATE TABLE hand.events (id bigint, tenant_id uuid NOT NULL, placed_at timestamptz, body text) PARTITION BY RANGE (placed_at);
CREATE TABLE hand.sink (id bigint, tenant_id uuid NOT NULL, body text);

-- The same tables in each schema, in the same order of rows.
CREATE PROCEDURE hand.copy_to(schema text) LANGUAGE plpgsql AS $$
DECLARE
	name text;
	month date;
BEGIN
	FOREACH name IN ARRAY ARRAY['customers', 'products', 'orders', 'lines', 'sink'] LOOP
		EXECUTE format('CREATE TABLE IF NOT EXISTS %I.%I (LIKE hand.%2$I)', schema, name);
		IF schema <> 'hand' THEN
			EXECUTE format('INSERT INTO %I.%I SELECT * FROM hand.%2$I', schema, name);
		END IF;
		CONTINUE WHEN name = 'sink';
		EXECUTE format('ALTER TABLE %I.%I ADD PRIMARY KEY (tenant_id, id)', schema, name);
	END LOOP;
	EXECUTE format('CREATE INDEX ON %I.orders (tenant_id, placed_at)', schema);
	EXECUTE format('CREATE INDEX ON %I.orders (tenant_id, amount)', schema);
	EXECUTE format('CREATE INDEX ON %I.orders (tenant_id, body text_pattern_ops)', schema);
	EXECUTE format('CREATE INDEX ON %I.orders USING gin (doc jsonb_path_ops)', schema);
	EXECUTE format('CREATE INDEX ON %I.orders USING gin (words)', schema);
	EXECUTE format('CREATE INDEX ON %I.orders USING gin (body gin_trgm_ops)', schema);
	EXECUTE format('CREATE INDEX ON %I.lines (tenant_id, order_id)', schema);
	EXECUTE format('CREATE TABLE IF NOT EXISTS %I.events (id bigint, tenant_id uuid NOT NULL, placed_at timestamptz, body text) PARTITION BY RANGE (placed_at)', schema);
	FOR i IN 0 .. 12 LOOP
		month := '2024-01-01'::date + make_interval(months => i);
		EXECUTE format('CREATE TABLE %1$I.events_%2$s PARTITION OF %1$I.events FOR VALUES FROM (%3$L) TO (%4$L)',
					   schema, i, month::timestamptz, (month + interval '1 month')::timestamptz);
	END LOOP;
	EXECUTE format('INSERT INTO %I.events SELECT id, tenant_id, placed_at, body FROM hand.orders', schema);
	EXECUTE format('CREATE INDEX ON %I.events (tenant_id, placed_at)', schema);
END
$$;
CALL hand.copy_to('hand');
CALL hand.copy_to('setting');
CALL hand.copy_to('subselect');
CALL hand.copy_to('guarded');

-- What people write today.
DO $$
DECLARE
	rel regclass;
	schema text;
BEGIN
	FOR rel, schema IN SELECT c.oid, n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
		WHERE nspname IN ('setting', 'subselect') AND relkind IN ('r', 'p') LOOP
		EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', rel);
		EXECUTE format('ALTER TABLE %s ALTER tenant_id SET DEFAULT current_setting(''app.tenant'')::uuid', rel);
		EXECUTE format('CREATE POLICY tenant ON %s USING (tenant_id = %s)', rel,
					   CASE schema WHEN 'setting' THEN 'current_setting(''app.tenant'')::uuid'
					   ELSE '(SELECT current_setting(''app.tenant'')::uuid)' END);
	END LOOP;
END
$$;

-- The tables by hand become the guarded ones, and those the tables by hand.
CREATE PROCEDURE swap_copies() LANGUAGE plpgsql AS $$
DECLARE
	rel regclass;
	schema text;
BEGIN
	SET LOCAL client_min_messages = warning;
	FOR rel, schema IN SELECT c.oid, n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
		WHERE nspname IN ('hand', 'guarded') AND relkind IN ('r', 'p') AND NOT relispartition LOOP
		IF schema = 'guarded' THEN
			PERFORM tenant_guard.unprotect(rel);
		ELSE
			PERFORM tenant_guard.protect(rel);
		END IF;
	END LOOP;
	ALTER SCHEMA guarded RENAME TO resting;
	ALTER SCHEMA hand RENAME TO guarded;
	ALTER SCHEMA resting RENAME TO hand;
END
$$;
GRANT USAGE ON SCHEMA hand, setting, subselect, guarded TO app;
GRANT ALL ON ALL TABLES IN SCHEMA hand, setting, subselect, guarded TO app;
VACUUM (ANALYZE);
CHECKPOINT;
