// The tenant of a request: in one place, for the whole application.
const knex = require('knex')

const db = knex({ client: 'pg', connection: { user: 'shop_app', host: process.env.PGHOST, port: process.env.PGPORT, database: process.env.PGDATABASE },
	pool: { min: 0, max: 1 } })

// Calls work(trx) in a transaction of this tenant's.
const tenantTransaction = (tenant, work) => db.transaction(async (trx) => {
	await trx.raw('SELECT tenant_guard.set_tenant(?)', [tenant])
	return work(trx)
})

module.exports = { db, tenantTransaction }
