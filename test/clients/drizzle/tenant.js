// The tenant of a request: in one place, for the whole application.
const { drizzle } = require('drizzle-orm/node-postgres')
const { sql } = require('drizzle-orm')
const { Pool } = require('pg')

const pool = new Pool({ user: 'shop_app', max: 1 })    // host, port and database are of the environment
const db = drizzle(pool)

// Calls work(tx) in a transaction of this tenant's.
const tenantTransaction = (tenant, work) => db.transaction(async (tx) => {
	await tx.execute(sql`SELECT tenant_guard.set_tenant(${tenant})`)
	return work(tx)
})

module.exports = { pool, db, tenantTransaction }
