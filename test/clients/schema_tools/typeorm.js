// What synchronize makes, and what it compares: the unique constraint that keys need is declared, so that it is not dropped.
const { EntitySchema } = require('typeorm')
const id = { type: 'int', primary: true, generated: true }
const tenantId = { type: 'uuid', name: 'tenant_id', default: () => 'tenant_guard.current_tenant()' }

exports.Customer = new EntitySchema({
	name: 'Customer', tableName: 'typeorm_customers', columns: { id, tenantId, name: { type: 'text' } },
	uniques: [{ columns: ['tenantId', 'id'] }]
})
exports.Invoice = new EntitySchema({
	name: 'Invoice', tableName: 'typeorm_invoices', columns: { id, tenantId, number: { type: 'int' } },
	relations: { customer: { type: 'many-to-one', target: 'Customer', joinColumn: { name: 'customer_id' }, onDelete: 'CASCADE' } }
})
