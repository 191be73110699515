// The tenant of a request: in one place, for the whole application.
const { PrismaClient } = require('@prisma/client')
const { PrismaPg } = require('@prisma/adapter-pg')

const prisma = new PrismaClient({ adapter: new PrismaPg({ user: 'shop_app', host: process.env.PGHOST, port: +(process.env.PGPORT ?? 5432), database: process.env.PGDATABASE, max: 1 }) })

// Calls work(tx) in a transaction of this tenant's.
const tenantTransaction = (tenant, work) => prisma.$transaction(async (tx) => {
	await tx.$queryRaw`SELECT tenant_guard.set_tenant(${tenant})`
	return work(tx)
}, { maxWait: 10000 })

// The same for code that calls models one by one: each operation becomes a transaction of this tenant's.
const tenantClient = (tenant) => prisma.$extends({
	query: {
		$allModels: {
			async $allOperations({ args, query }) {
				const [, result] = await prisma.$transaction([prisma.$queryRaw`SELECT tenant_guard.set_tenant(${tenant})`, query(args)])
				return result
			}
		}
	}
})

// The SQLSTATE of Prisma's error.
const sqlstate = (error) => error.meta?.driverAdapterError?.cause?.originalCode

module.exports = { prisma, tenantTransaction, tenantClient, sqlstate }
