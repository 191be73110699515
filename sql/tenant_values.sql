--
-- Promise 6: a tenant identifier is of one declared type, in one spelling.
--
\set SHOW_CONTEXT never

-- Every spelling of a uuid that PostgreSQL takes must become the canonical one.
BEGIN;
SELECT tenant_guard.set_tenant('7F1C9D0E-6F0E-4F6B-9A53-2F6C0F3F8A11');
SELECT tenant_guard.set_tenant('{7f1c9d0e-6f0e-4f6b-9a53-2f6c0f3f8a11}');
SELECT tenant_guard.set_tenant('7f1c9d0e6f0e4f6b9a532f6c0f3f8a11');
SELECT tenant_guard.set_tenant('7f1c-9d0e-6f0e-4f6b-9a53-2f6c-0f3f-8a11');
SELECT tenant_guard.set_tenant('7f1c9d0e-6f0e-4f6b-9a53-2f6c0f3f8a11'::uuid);
SELECT tenant_guard.current_tenant();
SET LOCAL tenant_guard.tenant_id = '{7F1C9D0E-6F0E-4F6B-9A53-2F6C0F3F8A11}';
SHOW tenant_guard.tenant_id;
ROLLBACK;

-- Anything else must be refused and leave what was set.
BEGIN;
SELECT tenant_guard.set_tenant('7f1c9d0e-6f0e-4f6b-9a53-2f6c0f3f8a11');
SAVEPOINT s;
SELECT tenant_guard.set_tenant('acme');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
SELECT tenant_guard.set_tenant('7f1c9d0e-6f0e-4f6b-9a53-2f6c0f3f8a1');
ROLLBACK TO s;
SELECT tenant_guard.set_tenant('7f1c9d0e-6f0e-4f6b-9a53-2f6c0f3f8a11 ');
ROLLBACK TO s;
SELECT tenant_guard.set_tenant('{7f1c9d0e-6f0e-4f6b-9a53-2f6c0f3f8a11');
ROLLBACK TO s;
SELECT tenant_guard.set_tenant('-7f1c9d0e-6f0e-4f6b-9a53-2f6c0f3f8a11');
ROLLBACK TO s;
SELECT tenant_guard.set_tenant('');
ROLLBACK TO s;
SELECT tenant_guard.set_tenant(NULL::text);
ROLLBACK TO s;
SELECT tenant_guard.set_tenant(NULL::uuid);
ROLLBACK TO s;
SELECT tenant_guard.set_tenant('7f1c9d0e-6f0e-4f6b-9a53-2f6c0f3f8a11', NULL);
ROLLBACK TO s;
SET LOCAL tenant_guard.tenant_id = 'acme';
ROLLBACK TO s;
SELECT tenant_guard.current_tenant();
ROLLBACK;

-- A parameter of another type must name both types.
SELECT tenant_guard.set_tenant(42);
SELECT tenant_guard.set_tenant(42::smallint);

-- So must a getter of another type.
SELECT tenant_guard.current_tenant_bigint();
SELECT tenant_guard.current_tenant_text();

-- bigint: one spelling for a number.
SET tenant_guard.tenant_type = 'bigint';
BEGIN;
SELECT tenant_guard.set_tenant(42);
SELECT tenant_guard.set_tenant('0042');
SELECT tenant_guard.set_tenant('+42');
ROLLBACK;
BEGIN;
SAVEPOINT s;
SELECT tenant_guard.set_tenant('-9223372036854775808');
ROLLBACK TO s;
SELECT tenant_guard.set_tenant('9223372036854775807');
SELECT tenant_guard.current_tenant_bigint();
SAVEPOINT s;
SELECT tenant_guard.set_tenant('9223372036854775808');
ROLLBACK TO s;
SELECT tenant_guard.set_tenant('4 2');
ROLLBACK TO s;
SELECT tenant_guard.set_tenant('0x2a');
ROLLBACK TO s;
SELECT tenant_guard.set_tenant('4.2');
ROLLBACK TO s;
SELECT tenant_guard.set_tenant('-');
ROLLBACK TO s;
SELECT tenant_guard.set_tenant('7f1c9d0e-6f0e-4f6b-9a53-2f6c0f3f8a11'::uuid);
ROLLBACK TO s;
SELECT tenant_guard.current_tenant();
ROLLBACK;

-- text: as it stands, and never empty.
SET tenant_guard.tenant_type = 'text';
BEGIN;
SELECT tenant_guard.set_tenant('ALFKI');
SELECT tenant_guard.current_tenant_text();
ROLLBACK;
BEGIN;
SELECT tenant_guard.set_tenant('it''s a "tenant" \ of text');
SELECT tenant_guard.current_tenant_text();
SELECT length(tenant_guard.current_tenant_text());
ROLLBACK;
SELECT tenant_guard.set_tenant('');
SELECT tenant_guard.set_tenant(42);
SELECT tenant_guard.current_tenant();
RESET tenant_guard.tenant_type;

-- A value set under one type must be judged under another when it is used.
BEGIN;
SELECT tenant_guard.set_tenant('7f1c9d0e-6f0e-4f6b-9a53-2f6c0f3f8a11');
SET LOCAL tenant_guard.tenant_type = 'bigint';
SELECT tenant_guard.has_tenant();
SELECT tenant_guard.current_tenant_bigint();
ROLLBACK;

-- A stored value that does not fit here must be reported, and may fit elsewhere.
CREATE ROLE regress_elsewhere;
ALTER ROLE regress_elsewhere SET tenant_guard.tenant_id = 'ALFKI';
DROP ROLE regress_elsewhere;

-- Settings must take only what they mean.
SET tenant_guard.tenant_type = 'varchar';
SET tenant_guard.tenant_column = '';
SET tenant_guard.excluded_schemas = 'a,,b';
SET tenant_guard.no_such_setting = 1;

-- What carries state to parallel workers must not be anyone's to set.
SET tenant_guard.leader_set_in = 1;
RESET tenant_guard.leader_set_in;
SELECT name FROM pg_settings WHERE name LIKE 'tenant\_guard.%' ORDER BY name;
