// What the tests in JavaScript share: one line "ok - sentence" a test, and errors known by their SQLSTATE.
const { isDeepStrictEqual, inspect } = require('node:util')

const tests = []

exports.A = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'
exports.B = 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'

exports.test = (sentence, run) => tests.push([sentence, run])

exports.equal = (seen, expected) => {
	if (!isDeepStrictEqual(seen, expected)) throw new Error(`${inspect(seen)} is not ${inspect(expected)}`)
}

// The SQLSTATE of a driver's error, or of one that an ORM has wrapped it in.
const sqlstate = (error) => {
	for (; error; error = error.cause) {
		if (/^[0-9A-Z]{5}$/.test(error.code) && !/^P\d{4}$/.test(error.code)) return error.code
		const cause = error.meta?.driverAdapterError?.cause
		if (cause?.originalCode) return cause.originalCode
	}
}
exports.sqlstate = sqlstate

// refused(state, promise): the promise must be rejected with this SQLSTATE.
exports.refused = async (state, run) => {
	try {
		await run()
	} catch (error) {
		if (sqlstate(error) !== state) throw new Error(`${sqlstate(error)} is not ${state}: ${inspect(error)}`)
		return error
	}
	throw new Error(`not refused with ${state}`)
}

exports.run = async (close) => {
	let failed = 0
	for (const [sentence, run] of tests) {
		try {
			await run()
			console.log(`ok - ${sentence}`)
		} catch (error) {
			failed++
			console.log(`not ok - ${sentence}\n${error.stack}`)
		}
	}
	await close()
	process.exitCode = failed || !tests.length ? 1 : 0
}

// Where the packages of npm could not be installed the client is skipped.
exports.need = (name) => {
	try {
		require.resolve(name)
	} catch {
		console.log(`skipped: npm has not installed ${name}`)
		process.exit(77)
	}
}

// SQL as the role that owns the tables.
exports.asMigrator = async (...statements) => {
	const client = new (require('pg').Client)({ user: 'shop_migrator' })
	await client.connect()
	try {
		let result
		for (const statement of statements) result = await client.query(statement)
		return result.rows
	} finally {
		await client.end()
	}
}
