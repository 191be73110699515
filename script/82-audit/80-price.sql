
--
-- What SQL costs before it is run
--
CREATE TYPE tenant_guard.plan_step AS (step integer, object text, statement text, lock text, scans boolean, rewrites boolean, pages bigint, needs text, undo text);
COMMENT ON TYPE tenant_guard.plan_step IS 'a statement that is to be run: its place, the object that it changes, the lock that it takes there, whether it reads or rewrites all of it, how many pages that are, what it asks of the application, and the statement that takes it back';

-- The statements that remedies consist of. NAME stands for a name, LITERAL for a string; the first of them is the object. The first pattern that matches counts.
-- "beginning" is what such statements begin with: PostgreSQL keeps 32 regular expressions, and would compile all of these for each statement.
CREATE VIEW tenant_guard_internal.priced_statements AS
SELECT v.place, v.beginning, replace(replace(v.pattern, 'NAME', '((?:"(?:[^"]|"")*"|[^" .(]+)(?:\.(?:"(?:[^"]|"")*"|[^" .(]+))?)'), 'LITERAL', '(E?''(?:[^'']|'''')*'')') AS pattern,
	   v.lock, v.scans, v.rewrites, v.needs
FROM (VALUES
	  (0, 'ALTER TABLE ', '^ALTER TABLE NAME DROP CONSTRAINT .* EXCLUDE USING ', 'ACCESS EXCLUSIVE', true, false, NULL),
	  (1, 'SELECT tenant_guard.protect', '^SELECT tenant_guard\.protect\(LITERAL', 'ACCESS EXCLUSIVE', true, false, 'each statement on it needs a tenant'),
	  (2, 'SELECT tenant_guard.derive_tenant_column', '^SELECT tenant_guard\.derive_tenant_column\(LITERAL', 'ACCESS EXCLUSIVE', true, true, 'each statement on it needs a tenant; an INSERT without columns gives one more value'),
	  (3, 'SELECT tenant_guard.pair_foreign_keys', '^SELECT tenant_guard\.pair_foreign_keys\(LITERAL', 'ACCESS EXCLUSIVE', true, false, NULL),
	  (4, 'SELECT tenant_guard.share', '^SELECT tenant_guard\.share\(LITERAL', 'SHARE UPDATE EXCLUSIVE', false, false, NULL),
	  (5, 'ALTER TABLE ', '^ALTER TABLE NAME .* TYPE ', 'ACCESS EXCLUSIVE', true, true, 'what compares the column with its old type has to change'),
	  (6, 'ALTER TABLE ', '^ALTER TABLE NAME VALIDATE CONSTRAINT ', 'SHARE UPDATE EXCLUSIVE', true, false, NULL),
	  (7, 'ALTER TABLE ', '^ALTER TABLE NAME ALTER CONSTRAINT .* ENFORCED$', 'ACCESS EXCLUSIVE', true, false, NULL),
	  (8, 'ALTER TABLE ', '^ALTER TABLE NAME ALTER COLUMN .* SET NOT NULL$', 'ACCESS EXCLUSIVE', true, false, NULL),
	  (9, 'ALTER TABLE ', '^ALTER TABLE NAME DROP CONSTRAINT .* FOREIGN KEY .* NOT (?:VALID|ENFORCED)$', 'ACCESS EXCLUSIVE', false, false, NULL),
	  (10, 'ALTER TABLE ', '^ALTER TABLE NAME DROP CONSTRAINT .* FOREIGN KEY ', 'ACCESS EXCLUSIVE', true, false, NULL),
	  (11, 'ALTER TABLE ', '^ALTER TABLE NAME ENABLE TRIGGER ', 'SHARE ROW EXCLUSIVE', false, false, NULL),
	  (12, 'ALTER TABLE ', '^ALTER TABLE NAME REPLICA IDENTITY FULL$', 'ACCESS EXCLUSIVE', false, false, 'each change writes the old row to the write-ahead log'),
	  (13, 'ALTER ', '^ALTER TABLE NAME DETACH PARTITION |^ALTER FOREIGN TABLE NAME NO INHERIT ', 'ACCESS EXCLUSIVE', false, false, 'queries of the whole no longer see its rows'),
	  (14, 'ALTER ', '^ALTER (?:MATERIALIZED VIEW|FOREIGN TABLE) NAME OWNER TO ', 'ACCESS EXCLUSIVE', false, false, 'who was its owner needs privileges'),
	  (15, 'ALTER VIEW ', '^ALTER VIEW NAME SET \(security_invoker', 'ACCESS EXCLUSIVE', false, false, 'who reads it needs a tenant, and privileges for what it reads'),
	  (16, 'ALTER ', '^ALTER (?:FOREIGN )?TABLE NAME ', 'ACCESS EXCLUSIVE', false, false, NULL),
	  (17, 'ALTER POLICY ', '^ALTER POLICY (?:"(?:[^"]|"")*"|[^" ]+) ON NAME ', 'ACCESS EXCLUSIVE', false, false, NULL),
	  (18, 'CREATE INDEX CONCURRENTLY ON ', '^CREATE INDEX CONCURRENTLY ON NAME ', 'SHARE UPDATE EXCLUSIVE', true, false, 'it runs outside transaction blocks, and each change of a row changes one more index'),
	  (27, 'CREATE UNIQUE INDEX CONCURRENTLY ', '^CREATE UNIQUE INDEX CONCURRENTLY (?:"(?:[^"]|"")*"|[^" .(]+) ON NAME ', 'SHARE UPDATE EXCLUSIVE', true, false, 'outside of a transaction block'),
	  (19, 'CREATE INDEX ON ', '^CREATE INDEX ON NAME ', 'SHARE', true, false, 'CREATE INDEX CONCURRENTLY does not block writes'),
	  (20, 'CREATE UNIQUE INDEX ', '^CREATE UNIQUE INDEX (?:"(?:[^"]|"")*"|[^" .(]+) ON ONLY NAME ', 'SHARE', false, false, NULL),
	  (21, 'REASSIGN OWNED BY ', '^REASSIGN OWNED BY NAME ', 'ACCESS EXCLUSIVE', false, false, 'what changes its tables has to become the new owner'),
	  (22, 'ALTER ', '^ALTER (?:FUNCTION|ROUTINE) .* SECURITY INVOKER$', NULL, false, false, 'who calls it needs a tenant, and privileges for what it does'),
	  (23, 'ALTER FUNCTION ', '^ALTER FUNCTION .* SET tenant_guard\.bypass = on$', NULL, false, false, 'it reaches the rows of every tenant'),
	  (24, 'ALTER ROLE ', '^ALTER ROLE .* NO(?:SUPERUSER|BYPASSRLS|REPLICATION|CREATEROLE)', NULL, false, false, 'the role loses the attribute'),
	  (25, 'ALTER ', '^ALTER (?:ROLE|DATABASE) .* (?:SET|RESET) ', NULL, false, false, 'sessions that begin later have it'),
	  (26, 'REVOKE ', '^REVOKE ', NULL, false, false, 'what uses the privilege is refused'),
	  (28, 'DROP INDEX CONCURRENTLY ', '^DROP INDEX CONCURRENTLY NAME$', 'SHARE UPDATE EXCLUSIVE', false, false, 'outside of a transaction block'),
	  (29, 'COMMENT ON ', '^COMMENT ON (?:INDEX|CONSTRAINT (?:"(?:[^"]|"")*"|[^" .(]+) ON) NAME IS ', 'SHARE UPDATE EXCLUSIVE', false, false, NULL),
	  (30, 'ALTER INDEX ', '^ALTER INDEX (?:(?:"(?:[^"]|"")*"|[^" .(]+)\.)?(?:"(?:[^"]|"")*"|[^" .(]+) ATTACH PARTITION NAME$', 'ACCESS EXCLUSIVE', false, false, NULL),
	  (31, '', '^(?:SELECT|ALTER|CREATE|GRANT|SECURITY) ', NULL, false, false, NULL)) v (place, beginning, pattern, lock, scans, rewrites, needs);
COMMENT ON VIEW tenant_guard_internal.priced_statements IS 'the statements of remedies, and what they cost; a part of audit()';
GRANT SELECT ON tenant_guard_internal.priced_statements TO PUBLIC;

-- The statements of a remedy as steps. Pages are those of a table with its parts, with their indexes where all of them are written.
CREATE FUNCTION tenant_guard_internal.plan_steps(statements text) RETURNS SETOF tenant_guard.plan_step
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT s.step::int, COALESCE(i.relation::text, s.object), s.statement, s.lock, s.scans, s.rewrites,
	   CASE WHEN s.scans OR s.rewrites
			THEN (WITH RECURSIVE parts (oid) AS (
					  SELECT i.relation::oid
					  UNION
					  SELECT h.inhrelid FROM parts p JOIN pg_inherits h ON h.inhparent = p.oid)
				  SELECT sum(CASE WHEN s.rewrites THEN pg_total_relation_size(p.oid) ELSE pg_relation_size(p.oid) END)::bigint / current_setting('block_size')::int FROM parts p) END,
	   -- to change a foreign key is to change both of its tables
	   NULLIF(concat_ws('; ', s.needs, CASE WHEN s.place IN (1, 2, 3, 9, 10) AND EXISTS (SELECT FROM pg_constraint k WHERE k.contype = 'f' AND i.relation IN (k.conrelid, k.confrelid) AND k.conrelid <> k.confrelid)
											THEN 'tables that foreign keys connect with it are locked as well' END), ''),
	   CASE s.place WHEN 1 THEN format('SELECT tenant_guard.unprotect(%L)', s.object) WHEN 4 THEN format('SELECT tenant_guard.unshare(%L)', s.object) END
FROM (SELECT DISTINCT ON (m.step) m.step, m.statement, p.place, p.lock, p.scans, p.rewrites, p.needs,
			 CASE WHEN o.name ~ '^E?''' THEN replace(replace(regexp_replace(o.name, '^E?''|''$', '', 'g'), '''''', ''''), '\\', '\') ELSE o.name END AS object
	  FROM (SELECT trim(m.statement[1]) AS statement, m.step
			FROM regexp_matches(plan_steps.statements, '(?:[^;''"]|''(?:[^'']|'''')*''|"(?:[^"]|"")*")+', 'g') WITH ORDINALITY AS m (statement, step)) m
		   JOIN tenant_guard_internal.priced_statements p ON CASE WHEN starts_with(m.statement, p.beginning) THEN m.statement ~ p.pattern END
		   CROSS JOIN LATERAL (SELECT CASE WHEN p.lock IS NOT NULL THEN (SELECT min(n) FROM unnest(regexp_match(m.statement, p.pattern)) n) END AS name) o
	  ORDER BY m.step, p.place) s
	 -- an index is changed with its table
	 LEFT JOIN LATERAL (SELECT COALESCE(x.indrelid, c.oid)::regclass AS relation
						FROM parse_ident(s.object, false) n -- not by a cast: who audits may lack USAGE on the schema
							 JOIN pg_namespace m ON m.nspname = n[1] JOIN pg_class c ON c.relnamespace = m.oid AND c.relname = n[2]
							 LEFT JOIN pg_index x ON x.indexrelid = c.oid
						WHERE s.place <> 21) i ON true
ORDER BY s.step
$$;
COMMENT ON FUNCTION tenant_guard_internal.plan_steps(text) IS 'the statements of a remedy as steps, with what they cost; a part of audit()';

-- What a DBA is to know of steps before he runs them, in a line.
CREATE FUNCTION tenant_guard_internal.price(steps tenant_guard.plan_step[]) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT concat_ws('; ', COALESCE(string_agg(format('%s lock on %s', s.lock, s.object), ', ') FILTER (WHERE s.lock IS NOT NULL AND s.place = 1), 'no lock'),
				 'reads ' || ltrim(to_char(sum(s.pages) FILTER (WHERE s.scans AND NOT s.rewrites), '999,999,999,999,990')) || CASE sum(s.pages) FILTER (WHERE s.scans AND NOT s.rewrites) WHEN 1 THEN ' page' ELSE ' pages' END,
				 'rewrites ' || ltrim(to_char(sum(s.pages) FILTER (WHERE s.rewrites), '999,999,999,999,990')) || CASE sum(s.pages) FILTER (WHERE s.rewrites) WHEN 1 THEN ' page' ELSE ' pages' END,
				 string_agg(DISTINCT s.needs, '; '))
FROM (SELECT s.*, row_number() OVER (PARTITION BY s.object ORDER BY array_position('{ACCESS EXCLUSIVE,EXCLUSIVE,SHARE ROW EXCLUSIVE,SHARE,SHARE UPDATE EXCLUSIVE}', s.lock), s.step) AS place
	  FROM unnest(price.steps) s) s
HAVING count(*) > 0
$$;
COMMENT ON FUNCTION tenant_guard_internal.price(tenant_guard.plan_step[]) IS 'what steps cost, in a line; a part of audit()';
