-- The tables and policies of the tutorial: row-level security by hand, a policy for each table. None of it knows of tenant_guard.
CREATE TABLE tenant (
    tenant_id UUID DEFAULT gen_random_uuid() PRIMARY KEY,
    name VARCHAR(255) UNIQUE,
    status VARCHAR(64) CHECK (status IN ('active', 'suspended', 'disabled')),
    tier VARCHAR(64) CHECK (tier IN ('gold', 'silver', 'bronze'))
);
CREATE TABLE tenant_user (
    user_id UUID DEFAULT gen_random_uuid() PRIMARY KEY,
    tenant_id UUID NOT NULL REFERENCES tenant (tenant_id) ON DELETE RESTRICT,
    email VARCHAR(255) NOT NULL,
    given_name VARCHAR(255) NOT NULL CHECK (given_name <> ''),
    family_name VARCHAR(255) NOT NULL CHECK (family_name <> '')
);
CREATE TABLE todo (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id UUID NOT NULL DEFAULT NULLIF(current_setting('app.current_tenant', true), '')::UUID,
    user_id UUID REFERENCES tenant_user (user_id) ON DELETE CASCADE,
    body TEXT
);
ALTER TABLE tenant ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_user ENABLE ROW LEVEL SECURITY;
ALTER TABLE todo ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation_policy ON tenant USING (tenant_id = current_setting('app.current_tenant')::UUID);
CREATE POLICY tenant_user_isolation_policy ON tenant_user USING (tenant_id = current_setting('app.current_tenant')::UUID);
CREATE POLICY todo_select ON todo FOR SELECT TO adopted_app USING (tenant_id = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::UUID));
CREATE POLICY todo_insert ON todo FOR INSERT TO adopted_app WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::UUID));
CREATE POLICY todo_update ON todo FOR UPDATE TO adopted_app USING (tenant_id = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::UUID));
CREATE POLICY todo_delete ON todo FOR DELETE TO adopted_app USING (tenant_id = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::UUID));
GRANT SELECT, INSERT, UPDATE, DELETE ON tenant, tenant_user, todo TO adopted_app;
