// The tenant of a request: in one place, for the whole application.
const { Pool } = require('pg')

const pool = new Pool({ user: 'shop_app', max: 1 })    // host, port and database are of the environment

// Calls work(client) in a transaction of this tenant's: committed when it resolves, rolled back when it is rejected.
async function tenantTransaction(tenant, work) {
	const client = await pool.connect()
	let broken
	try {
		await client.query('BEGIN')
		await client.query('SELECT tenant_guard.set_tenant($1)', [tenant])
		const result = await work(client)
		await client.query('COMMIT')
		return result
	} catch (error) {
		await client.query('ROLLBACK').catch((lost) => { broken = lost })
		throw error
	} finally {
		client.release(broken)    // a connection that could not roll back is not used again
	}
}

module.exports = { pool, tenantTransaction }
