exports.up = async (knex) => {
	await knex.schema.createTable('customers', (table) => {
		table.bigIncrements('id')
		table.uuid('tenant_id').notNullable().index()
		table.text('name').notNullable()
	})
	await knex.schema.createTable('invoices', (table) => {
		table.bigIncrements('id')
		table.uuid('tenant_id').notNullable()
		table.bigInteger('customer_id').notNullable().references('customers.id').onDelete('CASCADE')
		table.integer('number').notNullable()
		table.unique(['tenant_id', 'number'])
	})
	await knex.schema.createTable('orders', (table) => { table.text('body') })
}
exports.down = (knex) => knex.schema.dropTable('invoices').dropTable('customers').dropTable('orders')
