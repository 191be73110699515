/*-------------------------------------------------------------------------
 *
 * lock_table.c
 *	  How full the server's lock table is.
 *
 * Guarding a table takes about ten locks, which last until the transaction ends.
 * A transaction that guards many tables could use up the table that all sessions
 * of all databases share, and their statements would fail with "out of shared
 * memory".
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/twophase.h"
#include "miscadmin.h"
#include "storage/lock.h"

#include "compat.h"
#include "lock_table.h"
#include "own_sql.h"

/* The locks that the table holds now.  Fast-path locks and predicate locks are not in it. */
static int64
locks_in_table(void)
{
	List	   *count = query_datums("SELECT pg_catalog.count(*) FROM"
									 " (SELECT DISTINCT locktype, database, relation, page, tuple, virtualxid,"
									 " transactionid, classid, objid, objsubid FROM pg_catalog.pg_locks"
									 " WHERE NOT fastpath AND mode OPERATOR(pg_catalog.<>) 'SIReadLock') AS l");

	Assert(list_length(count) == 1);
	return DatumGetInt64(PointerGetDatum(linitial(count)));
}

/* Is a quarter of the table or less left?  NLOCKENTS() of lock.c is its size. */
bool
lock_table_is_nearly_full(void)
{
	int64		size = (int64) max_locks_per_xact * (MaxBackends + max_prepared_xacts);

	return locks_in_table() >= size - size / 4;
}
