-- A superuser calls the extension's functions on tables of other roles, and reads its views. Nothing that a role has
-- written may run as the superuser then, nor as another owner: only as the owner of what it belongs to.
\set VERBOSITY terse
SET client_min_messages = error;
SET jit = off; -- each statement is run once
SET tenant_guard.auto_protect = off;
SET tenant_guard.foreign_keys = off;
CREATE ROLE regress_mallory;
CREATE ROLE regress_alice;
CREATE SCHEMA hostile AUTHORIZATION regress_mallory;
CREATE SCHEMA honest AUTHORIZATION regress_alice;

-- Each kind of code has a number, and notes as whom it ran in a sequence, which no rollback takes back: a bit a kind.
-- (STABLE, or on 18 the SET NOT NULL of PostgreSQL itself would read a relation that the function has had read anew.)
SET ROLE regress_mallory;
GRANT USAGE ON SCHEMA hostile TO PUBLIC;
CREATE SEQUENCE hostile.as_superuser AS bigint MINVALUE 0 START 0;
CREATE SEQUENCE hostile.as_regress_mallory AS bigint MINVALUE 0 START 0;
CREATE SEQUENCE hostile.as_regress_alice AS bigint MINVALUE 0 START 0;
CREATE SEQUENCE hostile.as_anyone AS bigint MINVALUE 0 START 0;
GRANT ALL ON ALL SEQUENCES IN SCHEMA hostile TO PUBLIC;
CREATE FUNCTION hostile.note(kind int) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
	name text := CASE WHEN (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) current_user) THEN 'superuser'
					  WHEN current_user OPERATOR(pg_catalog.=) ANY ('{regress_mallory,regress_alice}'::name[]) THEN current_user::text END;
	so_far bigint;
BEGIN
	IF name IS NULL THEN
		name := 'x';
		PERFORM pg_catalog.setval('hostile.as_anyone', (SELECT last_value FROM hostile.as_anyone) | (1::bigint << kind));
	ELSE
		EXECUTE pg_catalog.format('SELECT last_value FROM hostile.%I', 'as_' || name) INTO so_far;
		PERFORM pg_catalog.setval(pg_catalog.format('hostile.%I', 'as_' || name), so_far | (1::bigint << kind));
	END IF;
	RETURN true;
END $$;
CREATE FUNCTION hostile.same(value int, kind int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN PERFORM hostile.note(kind); RETURN value; END $$;

-- Domains, composite types, casts and operators.
CREATE DOMAIN hostile.dom AS int DEFAULT hostile.same(1, 2) CHECK (hostile.note(1));
CREATE TYPE hostile.comp AS (x hostile.dom);
CREATE DOMAIN hostile.org AS uuid CHECK (hostile.note(3));
CREATE TYPE hostile.colour AS ENUM ('red', 'blue');
CREATE FUNCTION hostile.colour_number(hostile.colour) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN PERFORM hostile.note(4); RETURN CASE pg_catalog.enum_out($1)::text WHEN 'red'::text THEN 1 ELSE 2 END; END $$;
CREATE CAST (hostile.colour AS int) WITH FUNCTION hostile.colour_number(hostile.colour) AS IMPLICIT;
CREATE FUNCTION hostile.equal(int, int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN PERFORM hostile.note(5); RETURN $1 OPERATOR(pg_catalog.=) $2; END $$;
CREATE OPERATOR hostile.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = hostile.equal);

-- What stands in the way of names that are not qualified.
CREATE FUNCTION hostile.oid_equal(oid, oid) RETURNS boolean LANGUAGE plpgsql AS
$$ BEGIN PERFORM hostile.note(6); RETURN $1 OPERATOR(pg_catalog.=) $2; END $$;
CREATE OPERATOR hostile.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = hostile.oid_equal);
CREATE FUNCTION hostile.text_equal(text, text) RETURNS boolean LANGUAGE plpgsql AS
$$ BEGIN PERFORM hostile.note(6); RETURN $1 OPERATOR(pg_catalog.=) $2; END $$;
CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.text_equal);
CREATE FUNCTION hostile.name_equal(name, name) RETURNS boolean LANGUAGE plpgsql AS
$$ BEGIN PERFORM hostile.note(6); RETURN $1 OPERATOR(pg_catalog.=) $2; END $$;
CREATE OPERATOR hostile.= (LEFTARG = name, RIGHTARG = name, FUNCTION = hostile.name_equal);
CREATE FUNCTION hostile.quote_ident(text) RETURNS text LANGUAGE plpgsql AS
$$ BEGIN PERFORM hostile.note(6); RETURN pg_catalog.quote_ident($1); END $$;
CREATE FUNCTION hostile.unnest(smallint[]) RETURNS SETOF smallint LANGUAGE plpgsql AS
$$ BEGIN PERFORM hostile.note(6); RETURN QUERY SELECT pg_catalog.unnest($1); END $$;

-- A table with every kind of code that one can carry, and a parent of it. Some of it runs when the table is planned,
-- some when it is read, some when it is written or changed.
CREATE TABLE hostile.parents (id int PRIMARY KEY, tenant_id hostile.org NOT NULL, colour int UNIQUE, checked int CHECK (hostile.same(1, 7) = 1), extra int);
CREATE INDEX parents_constant ON hostile.parents (id, hostile.same(1, 41));
CREATE TABLE hostile.rows (
	id int DEFAULT hostile.same(1, 8),
	tenant_id hostile.org NOT NULL,
	parent int REFERENCES hostile.parents,
	colour hostile.colour REFERENCES hostile.parents (colour),
	dom hostile.dom DEFAULT 1, comp hostile.comp, doms hostile.dom[],
	generated int GENERATED ALWAYS AS (hostile.same(id, 9)) STORED,
	CHECK (hostile.note(10)), CHECK (id > hostile.same(0, 11)), CHECK (id OPERATOR(hostile.===) id),
	EXCLUDE (hostile.same(id, 12) WITH =));
CREATE INDEX rows_expression ON hostile.rows (hostile.same(id, 13));
CREATE INDEX rows_constant ON hostile.rows (id, hostile.same(1, 14));
CREATE INDEX rows_predicate ON hostile.rows (id) WHERE hostile.same(1, 15) = 1;
CREATE STATISTICS hostile.rows_statistics ON hostile.same(id, 16), id FROM hostile.rows;
CREATE FUNCTION hostile.fires() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM hostile.note(TG_ARGV[0]::int); RETURN CASE WHEN TG_LEVEL = 'ROW' THEN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END END; END $$;
CREATE TRIGGER always_row BEFORE INSERT OR UPDATE OR DELETE ON hostile.rows FOR EACH ROW EXECUTE FUNCTION hostile.fires(17);
CREATE TRIGGER always_statement AFTER INSERT OR UPDATE OR DELETE ON hostile.rows FOR EACH STATEMENT EXECUTE FUNCTION hostile.fires(18);
CREATE TRIGGER replica_row AFTER INSERT OR UPDATE OR DELETE ON hostile.rows FOR EACH ROW EXECUTE FUNCTION hostile.fires(19);
CREATE TRIGGER sometimes BEFORE INSERT OR UPDATE ON hostile.rows FOR EACH ROW WHEN (hostile.same(1, 20) = 1) EXECUTE FUNCTION hostile.fires(20);
CREATE CONSTRAINT TRIGGER later AFTER INSERT OR UPDATE ON hostile.rows DEFERRABLE FOR EACH ROW EXECUTE FUNCTION hostile.fires(21);
CREATE TRIGGER on_truncate BEFORE TRUNCATE ON hostile.rows FOR EACH STATEMENT EXECUTE FUNCTION hostile.fires(22);
ALTER TABLE hostile.rows ENABLE ALWAYS TRIGGER always_row, ENABLE ALWAYS TRIGGER always_statement, ENABLE REPLICA TRIGGER replica_row,
	ENABLE ALWAYS TRIGGER sometimes, ENABLE ALWAYS TRIGGER later;
CREATE RULE also AS ON UPDATE TO hostile.parents DO ALSO SELECT hostile.note(23);
CREATE POLICY own_policy ON hostile.rows USING (hostile.note(24)) WITH CHECK (hostile.note(24));
CREATE POLICY narrow ON hostile.parents AS RESTRICTIVE USING (hostile.note(25));
CREATE POLICY wide ON hostile.parents USING (true);
CREATE VIEW hostile.seen WITH (security_invoker) AS SELECT id, tenant_id, hostile.note(26) FROM hostile.rows;
CREATE VIEW hostile.writable AS SELECT id, tenant_id FROM hostile.rows WHERE hostile.note(27);
CREATE TRIGGER instead INSTEAD OF INSERT OR UPDATE OR DELETE ON hostile.seen FOR EACH ROW EXECUTE FUNCTION hostile.fires(28);
CREATE TABLE hostile.parted (id int, tenant_id uuid, CHECK (hostile.same(1, 29) = 1)) PARTITION BY RANGE (hostile.same(id, 30));
CREATE TABLE hostile.part PARTITION OF hostile.parted FOR VALUES FROM (0) TO (1000000000);
-- without the tenant column, or with one of another name
CREATE TABLE hostile.lines (id int CHECK (hostile.same(1, 31) = 1), parent int REFERENCES hostile.parents, generated int GENERATED ALWAYS AS (hostile.same(id, 32)) STORED, CHECK (hostile.note(33)));
CREATE INDEX lines_expression ON hostile.lines (hostile.same(id, 34));
CREATE TRIGGER always_row BEFORE UPDATE ON hostile.lines FOR EACH ROW EXECUTE FUNCTION hostile.fires(35);
ALTER TABLE hostile.lines ENABLE ALWAYS TRIGGER always_row;
CREATE TABLE hostile.renamed (id int, org uuid, CHECK (hostile.same(1, 36) = 1), CHECK (hostile.note(37)));
CREATE INDEX renamed_expression ON hostile.renamed (hostile.same(id, 38));

-- Bodies that are parsed.
SET check_function_bodies = off;
CREATE FUNCTION hostile.bomb() RETURNS int LANGUAGE sql AS $$ SELECT (('(5)'::hostile.comp).x)::int $$;
CREATE FUNCTION hostile.array_bomb() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM hostile.rows WHERE doms = '{5}' AND comp = '(5)' AND tenant_id::text = 'x' $$;
CREATE FUNCTION hostile.insert_bomb() RETURNS void LANGUAGE sql AS $$ INSERT INTO hostile.rows (comp) VALUES ('(5)'); EXPLAIN SELECT '(5)'::hostile.comp; CALL hostile.procedure_bomb('(5)') $$;
CREATE PROCEDURE hostile.procedure_bomb(hostile.comp DEFAULT NULL) LANGUAGE sql AS $$ SELECT '(5)'::hostile.comp $$;
CREATE FUNCTION pg_temp.temporary_bomb() RETURNS int LANGUAGE sql AS $$ SELECT (('(5)'::hostile.comp).x)::int $$;
CREATE FUNCTION hostile.plpgsql_bomb() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN (('(5)'::hostile.comp).x)::int + hostile.same(1, 39); END $$;
RESET check_function_bodies;

-- Rows of two tenants.
INSERT INTO hostile.parents (id, tenant_id, colour) VALUES (1, 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa', 1), (2, 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb', 2);
INSERT INTO hostile.rows (id, tenant_id, parent, colour) VALUES (1, 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa', 1, 'red'), (2, 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb', 2, 'blue');
INSERT INTO hostile.lines (id, parent) VALUES (1, 1), (2, 2);
INSERT INTO hostile.renamed VALUES (1, 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa');
CREATE STATISTICS hostile.parents_statistics ON hostile.same(1, 42), id FROM hostile.parents;
CREATE TABLE hostile.above (id int, CHECK (hostile.same(1, 43) = 1));
GRANT SELECT, REFERENCES ON hostile.parents TO regress_alice;

-- The honest owner's tables reference the hostile one's.
SET ROLE regress_alice;
GRANT USAGE ON SCHEMA honest TO PUBLIC;
CREATE TABLE honest.notes (id int PRIMARY KEY, tenant_id uuid NOT NULL, parent int REFERENCES hostile.parents);
CREATE TABLE honest.lines (id int, parent int REFERENCES hostile.parents);
INSERT INTO honest.notes VALUES (1, 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa', 1);
INSERT INTO honest.lines VALUES (1, 1), (2, 2);
-- What she writes names a type of the hostile one's: to parse that as her would run his CHECK with her rights.
SET check_function_bodies = off;
CREATE FUNCTION honest.names_his_type() RETURNS int LANGUAGE sql AS $$ SELECT (('(5)'::hostile.comp).x)::int $$;
CREATE FUNCTION honest.names_his_type_too() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN (('(5)'::hostile.comp).x)::int + hostile.same(1, 39); END $$;
RESET check_function_bodies;
RESET ROLE;

-- A superuser's own tables reference the hostile one's, inherit from them, and have constraints like theirs: there is no
-- other role to run those as.
CREATE SCHEMA ours;
CREATE TABLE ours.notes (id int PRIMARY KEY, tenant_id uuid NOT NULL, parent int REFERENCES hostile.parents);
CREATE TABLE ours.lines (id int, parent int REFERENCES hostile.parents);
CREATE TABLE ours.below (tenant_id uuid) INHERITS (hostile.above);
CREATE TABLE ours.alike (tenant_id uuid, parent int REFERENCES hostile.parents, LIKE hostile.above INCLUDING ALL);
INSERT INTO ours.notes VALUES (1, 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa', 1);
INSERT INTO ours.lines VALUES (1, 1);
INSERT INTO ours.alike (id, parent) VALUES (1, 1);

-- The cases: for each function of the extension statements that call it, as what role, and where that matters with which
-- search_path. Nothing is left of them.
CREATE TABLE cases (function text, statement text, role text DEFAULT 'superuser');
INSERT INTO cases (function, statement) VALUES
	('protect(regclass,name,text,boolean)', 'SELECT tenant_guard.protect(''hostile.rows'')'),
	('protect(regclass,name,text,boolean)', 'SELECT tenant_guard.protect(''hostile.parents'')'),
	('protect(regclass,name,text,boolean)', 'SELECT tenant_guard.protect(''hostile.parted'')'),
	('protect(regclass,name,text,boolean)', 'SELECT tenant_guard.protect(''hostile.renamed'', ''org'')'),
	('protect(regclass,name,text,boolean)', 'SET LOCAL tenant_guard.foreign_keys = pair; SELECT tenant_guard.protect(''hostile.parents''), tenant_guard.protect(''hostile.rows'')'),
	('protect(regclass,name,text,boolean)', 'SET LOCAL tenant_guard.foreign_keys = pair; SELECT tenant_guard.protect(''hostile.parents''), tenant_guard.protect(''honest.notes'')'),
	('protect(regclass,name,text,boolean)', 'SELECT tenant_guard.protect(''hostile.rows'', null_rows => ''shared'')'),
	('protect(regclass,name,text,boolean)', 'SELECT tenant_guard.protect(''hostile.parted'', null_rows => ''shared''); SELECT tenant_guard.protect(''hostile.parted'')'),
	('protect(regclass,name,text,boolean)', 'SET LOCAL tenant_guard.foreign_keys = pair; SELECT tenant_guard.protect(''hostile.parents''), tenant_guard.protect(''hostile.rows'', null_rows => ''shared'')'),
	('protect(regclass,name,text,boolean)', 'CREATE POLICY p ON hostile.rows USING (tenant_id = current_setting(''tenant_guard.tenant_id'')::uuid); SELECT tenant_guard.protect(''hostile.rows'', replace_policies => true)'),
	('protect_schema(regnamespace,name,boolean)', 'SELECT tenant_guard.protect_schema(''hostile'')'),
	('protect_schema(regnamespace,name,boolean)', 'SET LOCAL tenant_guard.foreign_keys = pair; SELECT tenant_guard.protect_schema(''hostile''), tenant_guard.protect_schema(''honest'')'),
	-- commits, so that it is called in earnest below
	('protect_tables(regnamespace,name,boolean,text,integer)', 'CALL tenant_guard.protect_tables(''hostile'')'),
	('protect(regclass,name,text,boolean)', 'SET LOCAL tenant_guard.foreign_keys = pair; SELECT tenant_guard.protect(''hostile.parents''), tenant_guard.protect(''ours.notes'')'),
	('protect(regclass,name,text,boolean)', 'SELECT tenant_guard.protect(''ours.below'')'),
	('protect_schema(regnamespace,name,boolean)', 'SET LOCAL tenant_guard.foreign_keys = pair; SELECT tenant_guard.protect_schema(''hostile''), tenant_guard.protect_schema(''ours'')'),
	('pair_foreign_keys(regclass,boolean)', 'SELECT tenant_guard.protect(''hostile.parents''), tenant_guard.protect(''ours.notes''); SELECT tenant_guard.pair_foreign_keys(''ours.notes'')'),
	('derive_tenant_column(regclass,name)', 'SELECT tenant_guard.protect(''hostile.parents''); SELECT tenant_guard.derive_tenant_column(''ours.lines'')'),
	('derive_tenant_column(regclass,name)', 'SELECT tenant_guard.protect(''hostile.parents''); ALTER TABLE ours.alike DROP COLUMN tenant_id; SELECT tenant_guard.derive_tenant_column(''ours.alike'')'),
	('tenant_guard_internal.on_ddl_command_end()', 'SET LOCAL tenant_guard.auto_protect = on; CREATE TABLE ours.made (tenant_id uuid, LIKE hostile.above INCLUDING CONSTRAINTS)'),
	('tenant_guard_internal.on_ddl_command_end()', 'SET LOCAL tenant_guard.auto_protect = on; CREATE TABLE ours.made (tenant_id uuid) INHERITS (hostile.above)'),
	('unprotect(regclass,text)', 'SELECT tenant_guard.protect(''hostile.rows''); SELECT tenant_guard.unprotect(''hostile.rows'', ''why'')'),
	('unprotect_schema(regnamespace,text)', 'SELECT tenant_guard.protect_schema(''hostile''); SELECT tenant_guard.unprotect_schema(''hostile'', ''why'')'),
	('share(regclass,text)', 'SELECT tenant_guard.share(''hostile.lines'', ''why'')'),
	('unshare(regclass)', 'SELECT tenant_guard.share(''hostile.lines''); SELECT tenant_guard.unshare(''hostile.lines'')'),
	('pair_foreign_keys(regclass,boolean)', 'SELECT tenant_guard.protect(''hostile.parents''), tenant_guard.protect(''hostile.rows''); SELECT tenant_guard.pair_foreign_keys(''hostile.rows'')'),
	('pair_foreign_keys(regclass,boolean)', 'SELECT tenant_guard.protect(''hostile.parents''), tenant_guard.protect(''honest.notes''); SELECT tenant_guard.pair_foreign_keys(''honest.notes'')'),
	('derive_tenant_column(regclass,name)', 'SELECT tenant_guard.protect(''hostile.parents''); SELECT tenant_guard.derive_tenant_column(''hostile.lines'')'),
	('derive_tenant_column(regclass,name)', 'SELECT tenant_guard.protect(''hostile.parents''); SELECT tenant_guard.derive_tenant_column(''honest.lines'')'),
	('tenant_guard_internal.on_ddl_command_start()', 'SELECT tenant_guard.protect(''hostile.rows''); ALTER TABLE hostile.rows DROP COLUMN tenant_id'),
	('tenant_guard_internal.on_ddl_command_end()', 'SET LOCAL tenant_guard.auto_protect = on; ALTER TABLE hostile.renamed RENAME org TO tenant_id'),
	('tenant_guard_internal.on_ddl_command_end()', 'SELECT tenant_guard.protect(''hostile.parents''), tenant_guard.protect(''hostile.rows''); SET LOCAL tenant_guard.foreign_keys = pair; ALTER TABLE hostile.rows ADD CONSTRAINT again FOREIGN KEY (colour) REFERENCES hostile.parents (colour) NOT VALID'),
	('tenant_guard_internal.on_sql_drop()', 'SELECT tenant_guard.protect(''hostile.rows''); DROP POLICY tenant_isolation ON hostile.rows'),
	('set_tenant(text,boolean)', 'SELECT tenant_guard.set_tenant(''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa''::text)'),
	('set_tenant(uuid,boolean)', 'SELECT tenant_guard.set_tenant(''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa''::uuid)'),
	('set_tenant(bigint,boolean)', 'SELECT tenant_guard.set_tenant(1)'),
	('set_tenant_by_token(text,boolean)', 'SELECT tenant_guard.set_tenant_by_token(''eyJhbGciOiJSUzI1NiJ9.e30.AA'')'),
	('token_claims()', 'SELECT tenant_guard.token_claims()'),
	('clear_tenant()', 'SELECT tenant_guard.clear_tenant()'),
	('current_tenant()', 'SELECT tenant_guard.current_tenant()'),
	('current_tenant_text()', 'SELECT tenant_guard.current_tenant_text()'),
	('current_tenant_bigint()', 'SELECT tenant_guard.current_tenant_bigint()'),
	('has_tenant()', 'SELECT tenant_guard.has_tenant()'),
	('guarded()', 'SELECT tenant_guard.guarded()'),
	-- called by the triggers that protect() makes, for rows of the owner himself and of another
	('check_reference()', 'SET LOCAL tenant_guard.foreign_keys = pair; SELECT tenant_guard.protect(''hostile.parents'', null_rows => ''shared''), tenant_guard.protect(''honest.notes''); SET LOCAL tenant_guard.bypass = on; INSERT INTO honest.notes VALUES (2, ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'', 1)'),
	('check_referenced()', 'SET LOCAL tenant_guard.foreign_keys = pair; SELECT tenant_guard.protect(''hostile.parents'', null_rows => ''shared''), tenant_guard.protect(''honest.notes''); SELECT tenant_guard.set_tenant(''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa''); SET LOCAL ROLE regress_mallory; INSERT INTO hostile.parents (id, tenant_id) VALUES (9, ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa''); DELETE FROM hostile.parents WHERE id = 9'),
	('tenant_guard_internal.check_key_action(oid,oid,"any")', 'SELECT tenant_guard_internal.check_key_action(''hostile.rows''::pg_catalog.regclass::pg_catalog.oid, 0::pg_catalog.oid, ''red''::hostile.colour)'),
	('tenant_guard_internal.check_key_action(oid,oid,"any","any")', 'SELECT tenant_guard_internal.check_key_action(''hostile.rows''::pg_catalog.regclass::pg_catalog.oid, 0::pg_catalog.oid, ''red''::hostile.colour, ''blue''::hostile.colour)'),
	('tenant_guard_internal.check_tenant_kept(oid,boolean,"any")', 'SELECT tenant_guard_internal.check_tenant_kept(''hostile.rows''::pg_catalog.regclass::pg_catalog.oid, false, ''red''::hostile.colour)'),
	('tenant_guard_internal.check_copied_tenant(oid,"any")', 'SELECT tenant_guard_internal.check_copied_tenant(''hostile.rows''::pg_catalog.regclass::pg_catalog.oid, ''red''::hostile.colour)'),
	('tenant_guard_internal.run_copy(oid)', 'CALL tenant_guard_internal.run_copy(''hostile.rows''::pg_catalog.regclass::pg_catalog.oid)'),
	('stat_tenants_reset(text)', 'SELECT tenant_guard.stat_tenants_reset(''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'')'),
	('library_version()', 'SELECT tenant_guard.library_version()'),
	('library_preloaded()', 'SELECT tenant_guard.library_preloaded()'),
	('check_library()', 'SELECT tenant_guard.check_library()'),
	('preload_statement(oid,oid)', 'SELECT tenant_guard.preload_statement(d.oid, r.oid) FROM pg_catalog.pg_database d, pg_catalog.pg_roles r'),
	('tenant_guard_internal.trusted_built_ins()', 'SELECT tenant_guard_internal.trusted_built_ins()'),
	('guard_status(regclass)', 'SELECT tenant_guard.guard_status(c.oid) FROM pg_catalog.pg_class c'),
	('broken_invariants(regclass)', 'SELECT tenant_guard.protect_schema(''hostile''); SELECT tenant_guard.broken_invariants()'),
	('tenant_guard_internal.type_mismatches_of(oid,oid)', 'SELECT tenant_guard_internal.type_mismatches_of(''pg_catalog.pg_proc''::pg_catalog.regclass, p.oid) FROM pg_catalog.pg_proc p WHERE p.oid OPERATOR(pg_catalog.>=) 16384'),
	('type_mismatches()', 'SELECT tenant_guard.type_mismatches()'),
	('audit(text,text[])', 'SELECT tenant_guard.audit()'),
	('audit(text,text[])', 'SELECT tenant_guard.protect_schema(''hostile''); SELECT tenant_guard.audit()'),
	('prove(regclass,name,text,boolean)', 'SELECT tenant_guard.protect_schema(''hostile''); SELECT tenant_guard.prove()'),
	('prove(regclass,name,text,boolean)', 'SET LOCAL tenant_guard.foreign_keys = pair; SELECT tenant_guard.protect_schema(''hostile''); SELECT tenant_guard.prove(''hostile.rows'')');
-- another owner's calls
INSERT INTO cases VALUES
	('protect(regclass,name,text,boolean)', 'SELECT tenant_guard.protect(''honest.notes'')', 'regress_alice'),
	('protect_schema(regnamespace,name,boolean)', 'SELECT tenant_guard.protect_schema(''hostile'')', 'regress_alice'),
	('unprotect_schema(regnamespace,text)', 'SELECT tenant_guard.unprotect_schema(''hostile'')', 'regress_alice');
-- prove()'s parts, each by itself
INSERT INTO cases (function, statement)
SELECT f.name, 'SELECT tenant_guard.protect_schema(''hostile''); ' || f.statement
FROM (VALUES
	('tenant_guard_internal.execute_as(oid,text,text,boolean)', 'SELECT tenant_guard_internal.execute_as(''regress_mallory''::pg_catalog.regrole, ''pg_catalog'', ''SELECT hostile.note(40)'')'),
	('tenant_guard_internal.execute_as_owner(regclass,text)', 'SELECT tenant_guard_internal.execute_as_owner(''hostile.rows'', ''SELECT pg_catalog.count(*) FROM hostile.rows'')'),
	('tenant_guard_internal.probe_locate(regclass,text,text)', 'SELECT tenant_guard_internal.probe_locate(''hostile.rows'', NULL, ''true'')'),
	('tenant_guard_internal.probe_literals(text)', 'SELECT tenant_guard_internal.probe_literals(''1'')'),
	('tenant_guard_internal.probe_values(oid,integer,bigint)', 'SELECT tenant_guard_internal.probe_values(t.oid, -1, 1) FROM pg_catalog.pg_type t WHERE t.typnamespace OPERATOR(pg_catalog.=) ''hostile''::pg_catalog.regnamespace::pg_catalog.oid'),
	('tenant_guard_internal.probe_column_literals(regclass,smallint,bigint)', 'SELECT tenant_guard_internal.probe_column_literals(''hostile.rows'', 1::pg_catalog.int2, 1)'),
	('tenant_guard_internal.probe_row(regclass,jsonb,name[])', 'SELECT tenant_guard_internal.probe_row(''hostile.rows'', ''{"tenant_id": "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa", "comp": {"x": 1}}'')'),
	('tenant_guard_internal.probe_try(oid,text,text,text,boolean,boolean,regclass,text,text,boolean)', 'SELECT tenant_guard_internal.probe_try(''regress_mallory''::pg_catalog.regrole, ''pg_catalog'', ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'', ''SELECT pg_catalog.count(*) FROM hostile.seen'', true, false, ''hostile.rows'', ''SELECT 1'', ''SELECT 1'')'),
	('tenant_guard_internal.probe_tenants(regclass,smallint)', 'SELECT tenant_guard_internal.probe_tenants(''hostile.rows'', 2::pg_catalog.int2)'),
	('tenant_guard_internal.probe_parents(regclass,text,oid)', 'SELECT tenant_guard_internal.probe_parents(''hostile.rows'', ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'', 0::pg_catalog.oid)'),
	('tenant_guard_internal.probe_atom(text)', 'SELECT tenant_guard_internal.probe_atom(''[a-z]+'')'),
	('tenant_guard_internal.probe_matching(text,bigint)', 'SELECT tenant_guard_internal.probe_matching(''[a-z]+'', 1)'),
	('tenant_guard_internal.probe_strings(text,bigint)', 'SELECT tenant_guard_internal.probe_strings(''a'', 1)'),
	('tenant_guard_internal.probe_known_tenants(regclass,smallint)', 'SELECT tenant_guard_internal.probe_known_tenants(''hostile.rows'', 2::pg_catalog.int2)'),
	('tenant_guard_internal.probe_parent(regclass,jsonb,name[])', 'SELECT tenant_guard_internal.probe_parent(''hostile.rows'', ''{"tenant_id": "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa", "id": 1}'', ''{id}'')'),
	('tenant_guard_internal.probe_other_parents(regclass,jsonb,jsonb)', 'SELECT tenant_guard_internal.probe_other_parents(''hostile.rows'', pg_catalog.to_jsonb(r), ''{}'') FROM (SELECT 1 AS id, ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'' AS tenant_id) r'),
	('tenant_guard_internal.probe_described(regclass)', 'SELECT tenant_guard_internal.probe_described(''hostile.rows'')'),
	('tenant_guard_internal.probe_unpartitioned(regclass)', 'SELECT tenant_guard_internal.probe_unpartitioned(''hostile.parted'')'),
	('tenant_guard_internal.passed_policies(text,text)', 'SELECT tenant_guard_internal.passed_policies(''42501'', '''')'),
	('tenant_guard_internal.probe_verdict(text,boolean,text,boolean,text,text)', 'SELECT tenant_guard_internal.probe_verdict(''42501'', true, '''', true, '''', '''')'),
	('tenant_guard_internal.probe_insert(regclass,oid,text,text,text,jsonb,integer)', 'SELECT tenant_guard_internal.probe_insert(''hostile.rows'', ''regress_mallory''::pg_catalog.regrole, ''pg_catalog'', ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'', ''tenant_id, comp'', ''{"tenant_id": "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa", "comp": {"x": 1}}'', 2)'),
	('tenant_guard_internal.probe_role(oid)', 'SELECT tenant_guard_internal.probe_role(''regress_mallory''::pg_catalog.regrole)'),
	('tenant_guard_internal.probe_tree(regclass)', 'SELECT tenant_guard_internal.probe_tree(''hostile.parted'')'),
	('tenant_guard_internal.probe_grant(oid,oid[],oid[],oid[])', 'SELECT tenant_guard_internal.probe_grant(tenant_guard_internal.probe_role(), ARRAY[''regress_mallory''::pg_catalog.regrole::pg_catalog.oid], ARRAY[''hostile.rows''::pg_catalog.regclass::pg_catalog.oid])'),
	('tenant_guard_internal.foreign_function(regclass)', 'SELECT tenant_guard_internal.foreign_function(''ours.alike'')'),
	('tenant_guard_internal.probe_maker(regclass)', 'SELECT tenant_guard_internal.probe_maker(''hostile.rows'')'),
	('tenant_guard_internal.probe_silence(regclass,boolean)', 'SELECT tenant_guard_internal.probe_silence(''hostile.rows'', true)'),
	('tenant_guard_internal.probe_reads(regclass)', 'SELECT tenant_guard_internal.probe_reads(''hostile.seen'')'),
	('tenant_guard_internal.probe_allow(oid,regclass,regclass)', 'SELECT tenant_guard_internal.probe_allow(tenant_guard_internal.probe_role(), ''hostile.rows'', ''hostile.seen'')'),
	('tenant_guard_internal.probe_able(regclass)', 'SELECT tenant_guard_internal.probe_able(''hostile.rows'')'),
	('tenant_guard_internal.probe_suspects(regclass,smallint[],text,text,text,text)', 'SELECT tenant_guard_internal.probe_suspects(''hostile.rows'', ARRAY[1]::pg_catalog.int2[], ''23514'', ''rows_id_check'', '''', '''')'),
	('tenant_guard_internal.probe_copy(regclass,jsonb,bigint)', 'SELECT tenant_guard_internal.probe_copy(''hostile.rows'', ''{"tenant_id": "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"}'', 1)'),
	('tenant_guard_internal.probe_subject(regclass,oid,boolean,text)', 'SELECT tenant_guard_internal.probe_subject(''hostile.rows'', tenant_guard_internal.probe_role(), false, ''pg_catalog'')'),
	('tenant_guard_internal.probe_table(regclass,oid,boolean,text)', 'SELECT tenant_guard_internal.probe_table(''hostile.rows'', tenant_guard_internal.probe_role(), false, ''pg_catalog'')')) f (name, statement);

-- those that try something with two tenants' rows
INSERT INTO cases (function, statement)
SELECT f.oid::regprocedure, format('SELECT tenant_guard.protect_schema(''hostile''); SELECT %I.%I(tenant_guard_internal.probe_two_rows(tenant_guard_internal.probe_subject(''hostile.rows'','
								   ' tenant_guard_internal.probe_role(), false, ''pg_catalog'')) %s)', 'tenant_guard_internal', f.proname, a.more)
FROM pg_proc f JOIN (VALUES ('probe_two_rows', ''), ('probe_reading', ''), ('probe_everyones', ''), ('probe_inserting', ''), ('probe_changing', ''), ('probe_upserting', ''), ('probe_references', ''),
							('probe_reference', ', (SELECT k.oid FROM pg_catalog.pg_constraint k WHERE k.conrelid OPERATOR(pg_catalog.=) ''hostile.rows''::pg_catalog.regclass::pg_catalog.oid AND k.contype OPERATOR(pg_catalog.=) ''f''::"char" LIMIT 1)'),
							('probe_truncating', ''), ('probe_views', ''), ('probe_view_reading', ', ''hostile.seen'', NULL'), ('probe_view_changing', ', ''hostile.seen'', NULL')) a (name, more)
	 ON f.pronamespace = 'tenant_guard_internal'::regnamespace AND f.proname = a.name;
-- audit()'s parts, each by itself, and what C tells them
INSERT INTO cases (function, statement)
SELECT p.oid::regprocedure, format('SELECT tenant_guard.protect_schema(''hostile''); SELECT * FROM %s', p.oid::regprocedure)
FROM pg_proc p WHERE p.pronamespace = 'tenant_guard_internal'::regnamespace AND p.pronargs = 0 AND p.prorettype <> 'event_trigger'::regtype;
INSERT INTO cases (function, statement) VALUES
	('tenant_guard_internal.plan_steps(text)', 'SELECT tenant_guard_internal.plan_steps(''ALTER TABLE hostile.rows ALTER COLUMN tenant_id TYPE uuid; SELECT hostile.note(1)'')'),
	('tenant_guard_internal.price(tenant_guard.plan_step[])', 'SELECT tenant_guard_internal.price(ARRAY(SELECT s FROM tenant_guard_internal.plan_steps(''SELECT tenant_guard.protect(''''hostile.rows'''')'') s))'),
	('tenant_guard_internal.findings(text,text[])', 'SELECT tenant_guard.protect_schema(''hostile''); SELECT tenant_guard_internal.findings(''info'', ''{mixed_comparison}'')'),
	('tenant_guard_internal.tenant_getters()', 'SELECT * FROM tenant_guard_internal.tenant_getters()'),
	('tenant_guard_internal.label_clauses(text)', 'SELECT tenant_guard_internal.label_clauses(l.label) FROM pg_catalog.pg_seclabel l'),
	('tenant_guard_internal.label_with(text,text,text,text,text,text,text)', 'SELECT tenant_guard_internal.label_with(NULL, ''rule'', NULL, NULL, ''why'', NULL, NULL)'),
	('tenant_guard_internal.label_on(oid,oid)', 'SELECT tenant_guard_internal.label_on(''pg_catalog.pg_class''::pg_catalog.regclass, c.oid) FROM pg_catalog.pg_class c'),
	('tenant_guard_internal.acceptance_status(timestamp with time zone,text[],text,text,text)', 'SELECT tenant_guard_internal.acceptance_status(NULL, NULL, ''rule'', ''error'', ''detail'')'),
	('tenant_guard_internal.finding_digest(text,text,text)', 'SELECT tenant_guard_internal.finding_digest(''rule'', ''error'', ''detail'')'),
	('tenant_guard_internal.place_of_finding(text,text)', 'SELECT tenant_guard_internal.place_of_finding(''unguarded_table'', ''hostile.rows'')'),
	('tenant_guard_internal.judged_findings(text,text[])', 'SELECT tenant_guard.protect_schema(''hostile''); SELECT tenant_guard_internal.judged_findings(NULL, NULL)'),
	('accept_finding(text,text,text,timestamp with time zone)', 'SELECT tenant_guard.protect(''hostile.rows''); SELECT tenant_guard.accept_finding(f.rule, f.object, ''why'') FROM tenant_guard.audit(''error'') f WHERE f.object OPERATOR(pg_catalog.~~) ''hostile.%'''),
	('reopen_finding(text,text)', 'SELECT tenant_guard.protect(''hostile.rows''); SELECT tenant_guard.accept_finding(f.rule, f.object, ''why'') FROM tenant_guard.audit() f WHERE f.object OPERATOR(pg_catalog.~~) ''hostile.rows%''; SELECT tenant_guard.reopen_finding(f.rule, f.object) FROM tenant_guard.audit() f WHERE f.level OPERATOR(pg_catalog.=) ''accepted'''),
	('tenant_guard_internal.label_without(text,text,text)', 'SELECT tenant_guard_internal.label_without(''shared'', ''rule'', NULL)'),
	('tenant_guard_internal.tenant_type_of(oid)', 'SELECT tenant_guard_internal.tenant_type_of(t.oid) FROM pg_catalog.pg_type t'),
	('tenant_guard_internal.tenant_columns(oid)', 'SELECT tenant_guard.protect_schema(''hostile''); SELECT tenant_guard_internal.tenant_columns(c.oid) FROM pg_catalog.pg_class c'),
	('tenant_guard_internal.key_kinds(oid)', 'SELECT tenant_guard.protect_schema(''hostile''); SELECT tenant_guard_internal.key_kinds(c.oid) FROM pg_catalog.pg_class c'),
	('tenant_guard_internal.schema_is_excluded(name)', 'SET LOCAL tenant_guard.excluded_schemas = ''honest''; SELECT tenant_guard_internal.schema_is_excluded(n.nspname) FROM pg_catalog.pg_namespace n');

-- plan(), and its parts; the statements of a plan, too, run as they are by whoever asked for it.
INSERT INTO cases (function, statement) VALUES
	('plan(regnamespace)', 'SELECT * FROM tenant_guard.plan(''hostile'')'),
	('plan(regnamespace)', 'DO $d$ DECLARE s text; undo text[] := ARRAY(SELECT p.undo FROM tenant_guard.plan(''hostile'') p WHERE p.undo IS NOT NULL ORDER BY p.step DESC); BEGIN FOR s IN SELECT p.statement FROM tenant_guard.plan(''hostile'') p UNION ALL SELECT pg_catalog.unnest(undo) LOOP BEGIN EXECUTE pg_catalog.replace(s, ''CONCURRENTLY '', ''''); EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP; END $d$'),
	('tenant_guard_internal.remark(text)', 'SELECT tenant_guard_internal.remark(''said'')'),
	('tenant_guard_internal.column_obstacle(oid,name)', 'SELECT tenant_guard_internal.column_obstacle(''hostile.rows''::pg_catalog.regclass, ''tenant_id'')'),
	('tenant_guard_internal.planned_keys(oid[],name[],boolean[])', 'SELECT tenant_guard_internal.planned_keys(ARRAY(SELECT t.oid FROM tenant_guard_internal.plan_tables(''hostile''::pg_catalog.regnamespace) t), ARRAY(SELECT COALESCE(t.tenant_column, ''tenant_id'') FROM tenant_guard_internal.plan_tables(''hostile''::pg_catalog.regnamespace) t), ARRAY(SELECT true FROM tenant_guard_internal.plan_tables(''hostile''::pg_catalog.regnamespace) t))'),
	('tenant_guard_internal.plan_relations(oid)', 'SELECT tenant_guard_internal.plan_relations(''hostile''::pg_catalog.regnamespace)'),
	('tenant_guard_internal.plan_tables(oid)', 'SELECT tenant_guard_internal.plan_tables(''hostile''::pg_catalog.regnamespace)'),
	('tenant_guard_internal.plan_ways(oid[],name[],oid[])', 'SELECT tenant_guard_internal.plan_ways(ARRAY[''hostile.rows''::pg_catalog.regclass::pg_catalog.oid], ARRAY[''tenant_id''::pg_catalog.name], ARRAY(SELECT c.oid FROM pg_catalog.pg_class c))'),
	('tenant_guard_internal.keys_in_words(oid,oid[])', 'SELECT tenant_guard_internal.keys_in_words(c.oid, ARRAY(SELECT o.oid FROM pg_catalog.pg_class o)) FROM pg_catalog.pg_class c'),
	('tenant_guard_internal.undo_of_guard(oid,name,text)', 'SELECT tenant_guard_internal.undo_of_guard(''hostile.rows''::pg_catalog.regclass, ''tenant_id'', NULL)'),
	('tenant_guard_internal.plan_keys(tenant_guard_internal.planned_table[])', 'SELECT tenant_guard_internal.plan_keys(ARRAY(SELECT t FROM tenant_guard_internal.plan_tables(''hostile''::pg_catalog.regnamespace) t))'),
	('tenant_guard_internal.plan_nullable(tenant_guard_internal.planned_table[])', 'SELECT tenant_guard_internal.plan_nullable(ARRAY(SELECT t FROM tenant_guard_internal.plan_tables(''hostile''::pg_catalog.regnamespace) t))'),
	('tenant_guard_internal.plan_not_null(tenant_guard_internal.planned_table[])', 'SELECT tenant_guard_internal.plan_not_null(ARRAY(SELECT t FROM tenant_guard_internal.plan_tables(''hostile''::pg_catalog.regnamespace) t))'),
	('tenant_guard_internal.plan_decisions(tenant_guard_internal.planned_table[],tenant_guard_internal.planned_key[])', 'SELECT tenant_guard_internal.plan_decisions(ARRAY(SELECT t FROM tenant_guard_internal.plan_tables(''hostile''::pg_catalog.regnamespace) t), ARRAY(SELECT k FROM tenant_guard_internal.plan_keys(ARRAY(SELECT t FROM tenant_guard_internal.plan_tables(''hostile''::pg_catalog.regnamespace) t)) k))'),
	('tenant_guard_internal.plan_indexes(tenant_guard_internal.planned_table[],tenant_guard_internal.planned_key[])', 'SELECT tenant_guard_internal.plan_indexes(ARRAY(SELECT t FROM tenant_guard_internal.plan_tables(''hostile''::pg_catalog.regnamespace) t), ARRAY(SELECT k FROM tenant_guard_internal.plan_keys(ARRAY(SELECT t FROM tenant_guard_internal.plan_tables(''hostile''::pg_catalog.regnamespace) t)) k))'),
	('tenant_guard_internal.plan_pairing(tenant_guard_internal.planned_table[],tenant_guard_internal.planned_key[])', 'SELECT tenant_guard_internal.plan_pairing(ARRAY(SELECT t FROM tenant_guard_internal.plan_tables(''hostile''::pg_catalog.regnamespace) t), ARRAY(SELECT k FROM tenant_guard_internal.plan_keys(ARRAY(SELECT t FROM tenant_guard_internal.plan_tables(''hostile''::pg_catalog.regnamespace) t)) k))'),
	('tenant_guard_internal.plan_guards(tenant_guard_internal.planned_table[],tenant_guard_internal.planned_key[])', 'SELECT tenant_guard_internal.plan_guards(ARRAY(SELECT t FROM tenant_guard_internal.plan_tables(''hostile''::pg_catalog.regnamespace) t), ARRAY(SELECT k FROM tenant_guard_internal.plan_keys(ARRAY(SELECT t FROM tenant_guard_internal.plan_tables(''hostile''::pg_catalog.regnamespace) t)) k))'),
	('tenant_guard_internal.plan_derivations(tenant_guard_internal.planned_table[],tenant_guard_internal.planned_key[])', 'SELECT tenant_guard_internal.plan_derivations(ARRAY(SELECT t FROM tenant_guard_internal.plan_tables(''hostile''::pg_catalog.regnamespace) t), ARRAY(SELECT k FROM tenant_guard_internal.plan_keys(ARRAY(SELECT t FROM tenant_guard_internal.plan_tables(''hostile''::pg_catalog.regnamespace) t)) k))');

-- A tenant's rows, which its triggers see deleted, and the tenants.
INSERT INTO cases (function, statement)
SELECT f.name, 'SELECT tenant_guard.protect_schema(''hostile''); ' || f.statement
FROM (VALUES
	('tenants(regclass)', 'SELECT tenant_guard.tenants(''hostile.rows'')'),
	('tenant_inventory(text)', 'SELECT tenant_guard.tenant_inventory(''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'')'),
	('purge_tenant(text,boolean,boolean)', 'SELECT tenant_guard.purge_tenant(''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'')'),
	('purge_tenant(text,boolean,boolean)', 'SELECT tenant_guard.purge_tenant(''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'', dry_run => false, tenants_row => true)'),
	('purge_tenant_in_batches(text,integer,boolean)', 'CALL tenant_guard.purge_tenant_in_batches(''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'')'),
	('tenant_guard_internal.canonical_tenant(text)', 'SELECT tenant_guard_internal.canonical_tenant(''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'')'),
	('tenant_guard_internal.parts_of(oid)', 'SELECT tenant_guard_internal.parts_of(c.oid) FROM pg_catalog.pg_class c'),
	('tenant_guard_internal.count_tenant_rows(oid,name,text)', 'SELECT tenant_guard_internal.count_tenant_rows(''hostile.rows''::pg_catalog.regclass, ''tenant_id'', ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'')'),
	('tenant_guard_internal.try_count(oid,name,text)', 'SELECT tenant_guard_internal.try_count(c.oid, ''tenant_id'', ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'') FROM pg_catalog.pg_class c WHERE c.relname OPERATOR(pg_catalog.=) ANY (ARRAY[''rows'', ''alike'']::pg_catalog.name[])'),
	('tenant_guard_internal.delete_tenant_rows(oid[],name[],text,bigint)', 'SELECT tenant_guard_internal.delete_tenant_rows(ARRAY[''hostile.rows''::pg_catalog.regclass]::pg_catalog.oid[], ''{tenant_id}'', ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'', 0)'),
	('tenant_guard_internal.delete_tenant_rows(oid[],name[],text,bigint)', 'SELECT tenant_guard_internal.delete_tenant_rows(ARRAY[''ours.alike''::pg_catalog.regclass]::pg_catalog.oid[], ''{tenant_id}'', ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'', 0)'),
	('tenant_guard_internal.purge_group(oid[],name[],text,bigint)', 'SELECT tenant_guard_internal.purge_group(ARRAY[''hostile.rows''::pg_catalog.regclass]::pg_catalog.oid[], ''{tenant_id}'', ''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'', 1)'),
	('tenant_guard_internal.purge_step(text,bigint,bigint,jsonb)', 'SELECT tenant_guard_internal.purge_step(''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'', n, 1, NULL) FROM pg_catalog.generate_series(0, 9) n'),
	('tenant_guard_internal.purge_receipt(text,boolean)', 'SELECT tenant_guard_internal.purge_receipt(''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'', true)')) f (name, statement);

-- Every function of the extension must have a case: none is listed here.
SELECT p.oid::regprocedure AS without_case
FROM pg_proc p
WHERE p.pronamespace IN ('tenant_guard'::regnamespace, 'tenant_guard_internal'::regnamespace)
	  AND regexp_replace(p.oid::regprocedure::text, '^tenant_guard\.', '') NOT IN (SELECT function FROM cases);
-- Every case is of a function that is there: none is listed here either.
SELECT function FROM cases WHERE to_regprocedure('tenant_guard.' || function) IS NULL AND to_regprocedure(function) IS NULL;
-- A function in SQL or PL/pgSQL has a search_path of its own, or was parsed when it was made: none is listed.
SELECT p.oid::regprocedure AS finds_what_its_caller_does
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace IN ('tenant_guard'::regnamespace, 'tenant_guard_internal'::regnamespace) AND l.lanname <> 'c'
	  AND p.prosqlbody IS NULL AND 'search_path=pg_catalog, pg_temp' <> ALL (COALESCE(p.proconfig, '{}'));
-- Every view is read.
INSERT INTO cases (function, statement) SELECT c.relname, format('SELECT * FROM %s', c.oid::regclass)
FROM pg_class c WHERE c.relnamespace IN ('tenant_guard'::regnamespace, 'tenant_guard_internal'::regnamespace) AND c.relkind = 'v';

-- Runs a statement and undoes it. Returns the kinds of code that ran meanwhile as the superuser, and as each of the two
-- roles; and what it failed with.
CREATE FUNCTION try(statement text, role text, path text, OUT as_superuser bigint, OUT as_mallory bigint, OUT as_alice bigint, OUT state text)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM setval('hostile.as_superuser', 0), setval('hostile.as_regress_mallory', 0), setval('hostile.as_regress_alice', 0), setval('hostile.as_anyone', 0);
	BEGIN
		-- what the relation cache holds has been evaluated before
		UPDATE pg_class SET reltuples = reltuples WHERE relnamespace = 'hostile'::regnamespace;
		IF role <> 'superuser' THEN
			EXECUTE format('SET LOCAL ROLE %I', role);
		END IF;
		PERFORM pg_catalog.set_config('search_path', path, true);
		EXECUTE statement;
		RAISE EXCEPTION USING ERRCODE = 'UNDO0';
	EXCEPTION WHEN OTHERS THEN
		state := CASE WHEN SQLSTATE = 'UNDO0' THEN 'done' ELSE SQLSTATE || ' ' || SQLERRM END;
	END;
	SELECT last_value INTO as_superuser FROM hostile.as_superuser;
	SELECT last_value INTO as_mallory FROM hostile.as_regress_mallory;
	SELECT last_value INTO as_alice FROM hostile.as_regress_alice;
END $$;
CREATE FUNCTION kinds(bits bigint) RETURNS int[] LANGUAGE sql AS
$$ SELECT array_agg(n ORDER BY n) FROM generate_series(0, 62) n WHERE bits & (1::bigint << n) <> 0 $$;

-- The cases that leave a tenant behind come last.
CREATE TABLE tried AS
SELECT c.*, t.*
FROM (SELECT * FROM cases ORDER BY function ~ '^(tenant_guard_internal\.)?(set|clear|execute|probe|prove|purge|check_referenced)') c CROSS JOIN LATERAL try(c.statement, c.role, 'public, pg_temp') t;
-- Once more by a superuser whose search_path finds mallory's operators and functions before PostgreSQL's own.
INSERT INTO tried
SELECT c.*, t.*
FROM (SELECT * FROM cases WHERE statement !~ 'prove\(\)' ORDER BY function ~ '^(tenant_guard_internal\.)?(set|clear|execute|probe|prove|purge|check_referenced)') c
	 CROSS JOIN LATERAL try(c.statement, c.role, 'hostile, pg_catalog, pg_temp') t;

-- No code of mallory's runs as a superuser, nor as alice.
SELECT function, statement, role, kinds(as_superuser) AS as_superuser, kinds(as_alice) AS as_alice
FROM tried WHERE as_superuser <> 0 OR as_alice <> 0;
-- What must be done is done: these cases fail, each for its reason. (Statistics need shared memory.)
SELECT DISTINCT function COLLATE "C" AS function, role, replace(state, format('"%s"', current_user), 'superuser') AS state FROM tried WHERE state <> 'done' AND state !~ 'no shared memory' ORDER BY 1, 2, 3;
-- Bodies in SQL are looked at, whatever types they name.
SELECT * FROM tenant_guard.type_mismatches() WHERE detail LIKE '%not looked at%';
-- The traps are alive: what a superuser does to such tables without the extension runs a good part of them as superuser.
SELECT kinds(as_superuser) @> '{1, 4, 7, 9, 10, 11, 13, 17}' AS alive
FROM try('SELECT (''(5)''::hostile.comp).x; UPDATE hostile.rows SET id = id + 10, colour = ''red''; UPDATE hostile.parents SET extra = 1; SELECT count(*) FROM hostile.parents WHERE checked = 1', 'superuser', 'public');
-- And the extension's own work runs them as their owner.
SELECT kinds(bit_or(as_mallory)) @> '{1, 3, 4, 7, 9, 10, 11, 12, 17, 18, 30, 31, 32, 33, 35}' AS as_their_owner FROM tried;

-- The procedure runs it as their owner too, and guards what it can.
SELECT setval('hostile.as_superuser', 0) + setval('hostile.as_regress_mallory', 0) + setval('hostile.as_regress_alice', 0) AS begun;
SET search_path = hostile, pg_catalog, pg_temp;
CALL tenant_guard.protect_tables('hostile');
RESET search_path;
SELECT kinds(s.last_value) AS as_superuser, kinds(a.last_value) AS as_alice, m.last_value > 0 AS as_their_owner
FROM hostile.as_superuser s, hostile.as_regress_alice a, hostile.as_regress_mallory m;
SELECT relation, status FROM tenant_guard.tables WHERE relation::text LIKE 'hostile.%' ORDER BY relation::text COLLATE "C";

-- A function that counts on its caller's search_path does not find what it names: the error says which, and what to do.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET ROLE regress_alice;
CREATE TABLE honest.limits (most int);
INSERT INTO honest.limits VALUES (100);
SET search_path = honest;
CREATE FUNCTION honest.is_small(n int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN n < (SELECT most FROM limits); END $$;
CREATE TABLE honest.measured (tenant_id uuid, n int, CHECK (honest.is_small(5)));
RESET search_path;
RESET ROLE;
SELECT tenant_guard.protect('honest.measured');
-- With the hint, it is guarded.
ALTER ROUTINE honest.is_small(integer) SET search_path = pg_catalog, honest, pg_temp;
SELECT tenant_guard.protect('honest.measured');
SELECT status FROM tenant_guard.tables WHERE relation = 'honest.measured'::regclass;

DROP FUNCTION try(text, text, text), kinds(bigint);
DROP TABLE cases, tried;
DROP FUNCTION pg_temp.temporary_bomb();
DROP SCHEMA hostile, honest, ours CASCADE;
DROP ROLE regress_mallory, regress_alice;
