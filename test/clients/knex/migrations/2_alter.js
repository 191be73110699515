exports.up = async (knex) => {
	await knex.schema.alterTable('customers', (table) => {
		table.string('city').defaultTo('').index()
		table.renameColumn('name', 'title')
	})
	await knex.schema.alterTable('customers', (table) => { table.string('title', 200).notNullable().alter() })
	await knex.schema.alterTable('orders', (table) => { table.uuid('tenant_id') })
}
exports.down = async (knex) => {
	await knex.schema.alterTable('customers', (table) => {
		table.dropColumn('city')
		table.renameColumn('title', 'name')
	})
	await knex.schema.dropTable('orders')
	await knex.schema.createTable('orders', (table) => { table.text('body') })
}
