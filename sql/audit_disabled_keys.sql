--
-- A superuser may disable the triggers of a foreign key, as pg_restore does while
-- it loads rows: audit() finds a key that stays so, and what mends it.
--
SET client_min_messages = warning;
CREATE SCHEMA t;
CREATE TABLE t.p (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE t.c (id int, tenant_id uuid, p int CONSTRAINT of_p REFERENCES t.p ON DELETE CASCADE);
ALTER TABLE t.c DISABLE TRIGGER ALL;
SELECT level, object, detail, regexp_replace(remedy, '[0-9]+', 'N', 'g') AS remedy FROM tenant_guard.audit() WHERE rule = 'foreign_key_disabled';

-- The remedy must work, and nothing be found of triggers that fire.
SELECT remedy FROM tenant_guard.audit() WHERE rule = 'foreign_key_disabled' \gset
:remedy;
SELECT * FROM tenant_guard.audit() WHERE rule = 'foreign_key_disabled';
SELECT DISTINCT tgenabled FROM pg_trigger WHERE tgrelid = 't.c'::regclass;
DROP SCHEMA t CASCADE;
