// For drizzle-kit push: row-level security and the policies are declared, and the key carries the tenant.
const { foreignKey, integer, pgPolicy, pgTable, serial, text, unique, uuid } = require('drizzle-orm/pg-core')
const { sql } = require('drizzle-orm')

const tenantId = () => uuid('tenant_id').notNull().default(sql`tenant_guard.current_tenant()`)
const guard = () => [
	pgPolicy('tenant_access', { using: sql`tenant_guard.guarded()` }),
	pgPolicy('tenant_isolation', { as: 'restrictive', using: sql`tenant_id = tenant_guard.current_tenant()`, withCheck: sql`tenant_id = tenant_guard.current_tenant()` })
]
exports.customers = pgTable('drizzle_customers', { id: serial('id').primaryKey(), tenantId: tenantId(), name: text('name') },
	(t) => [unique('drizzle_customers_key').on(t.id, t.tenantId), ...guard()])
exports.invoices = pgTable('drizzle_invoices', { id: serial('id').primaryKey(), tenantId: tenantId(), customerId: integer('customer_id') },
	(t) => [foreignKey({ name: 'drizzle_invoices_fk', columns: [t.customerId, t.tenantId], foreignColumns: [exports.customers.id, exports.customers.tenantId] }).onDelete('cascade'), ...guard()])
