const { sql } = require('drizzle-orm')
const { bigint, bigserial, integer, pgTable, text, unique, uuid } = require('drizzle-orm/pg-core')

// The column that each tenants' table has. INSERTs leave it out, or say DEFAULT.
const tenantId = () => uuid('tenant_id').notNull().default(sql`tenant_guard.current_tenant()`)

exports.customers = pgTable('customers', {
	id: bigserial('id', { mode: 'number' }).primaryKey(),
	tenantId: tenantId(),
	name: text('name').notNull()
})

exports.invoices = pgTable('invoices', {
	id: bigserial('id', { mode: 'number' }).primaryKey(),
	tenantId: tenantId(),
	customerId: bigint('customer_id', { mode: 'number' }).notNull().references(() => exports.customers.id),
	number: integer('number').notNull()
}, (table) => [unique('invoice_number').on(table.tenantId, table.number)])
