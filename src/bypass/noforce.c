/*-------------------------------------------------------------------------
 *
 * noforce.c
 *	  Runs our own statements that must see all rows of a table.
 *
 * They run as the owner of the table (own_sql.c), with FORCE ROW LEVEL SECURITY
 * suspended, as the foreign-key machinery does it (ri_triggers.c), and are exempt
 * from access_check.c.  FORCE is suspended only for planning and checking them,
 * and applies again while they run (executor_hooks.c, function_hook.c), so that
 * it applies to functions that they call; and their plans are not cached.
 *
 * A statement on two tables of different owners would run code of one owner as
 * the other.  So it is divided: the rows of one table are read as its owner into
 * a named tuplestore, which the statement on the other table joins.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "miscadmin.h"
#include "utils/plancache.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "noforce.h"
#include "own_sql.h"

/* session_replication_role as it was before update_noforce set it, or NO_ROLE if that is not running. */
#define NO_ROLE (-1)
static int	role_of_session = NO_ROLE;

/*
 * Restores session_replication_role while a function runs that our UPDATE calls,
 * such as that of a CHECK: triggers and foreign keys must work in it.  Returns
 * what must be passed to resume_replication_role afterwards.
 */
int
suspend_replication_role(void)
{
	int			role = SessionReplicationRole;

	if (role_of_session != NO_ROLE)
		SessionReplicationRole = role_of_session;
	return role;
}

void
resume_replication_role(int role)
{
	if (role_of_session != NO_ROLE)
		SessionReplicationRole = role;
}

/* Is update_noforce running? */
bool
updates_noforce(void)
{
	return role_of_session != NO_ROLE;
}

/* The argument of the OwnerActions below: a statement, and its results. */
typedef struct Statement
{
	const char *sql;
	EphemeralNamedRelation rows;	/* rows that it can join, or, for read_rows, is to fill; or NULL */
	int64		counts[2];		/* result of count_rows */
	uint64		changed;		/* result of update_rows */
	MemoryContext caller;		/* for read_rows: where "rows" is allocated */
} Statement;

/* SPI_connect(), with "rows", which may be NULL, as a table that queries can use. */
static void
connect_with_rows(EphemeralNamedRelation rows)
{
	SPI_connect();
	if (rows != NULL && SPI_register_relation(rows) != SPI_OK_REL_REGISTER)
		elog(ERROR, "could not register rows \"%s\"", rows->md.name);
}

static SPIPlanPtr
prepare(const char *sql)
{
	SPIPlanPtr	plan = SPI_prepare(sql, 0, NULL);

	if (plan == NULL)
		elog(ERROR, "could not prepare: %s", sql);
	return plan;
}

/* ----------------------------------------------------------------
 *		Queries
 * ----------------------------------------------------------------
 */

/* An OwnerAction: fills "rows" with the rows that a query returns. */
static void
read_rows(void *argument)
{
	Statement  *statement = argument;
	SPIExecuteOptions options = {.read_only = true};
	EphemeralNamedRelation rows = statement->rows;
	Tuplestorestate *store = rows->reldata;
	CachedPlanSource *source;
	MemoryContext oldcontext;
	SPIPlanPtr	plan;

	connect_with_rows(NULL);
	plan = prepare(statement->sql);
	source = linitial(SPI_plan_get_plan_sources(plan));
	oldcontext = MemoryContextSwitchTo(statement->caller);
	rows->md.tupdesc = CreateTupleDescCopy(source->resultDesc);
	MemoryContextSwitchTo(oldcontext);

	options.dest = CreateDestReceiver(DestTuplestore);
	SetTuplestoreDestReceiverParams(options.dest, store, statement->caller, true, NULL, NULL);
	/* uses the latest snapshot, to see rows that a REPEATABLE READ transaction's does not */
	PushActiveSnapshot(GetLatestSnapshot());
	if (SPI_execute_plan_extended(plan, &options) != SPI_OK_SELECT)
		elog(ERROR, "could not read rows");
	PopActiveSnapshot();
	SPI_finish();
}

/*
 * Runs a query as "owner", the owner of the table that it reads, with FORCE
 * suspended.  Returns its rows, which another statement can join as "name".  They
 * are in the current memory context; the caller must free them by forget_rows.
 */
EphemeralNamedRelation
read_noforce(Oid owner, const char *sql, const char *name)
{
	EphemeralNamedRelation rows = palloc0(sizeof(EphemeralNamedRelationData));
	Statement	statement = {.sql = sql, .rows = rows, .caller = CurrentMemoryContext};

	rows->md.name = pstrdup(name);
	rows->md.reliddesc = InvalidOid;
	rows->md.enrtype = ENR_NAMED_TUPLESTORE;
	rows->reldata = tuplestore_begin_heap(false, false, work_mem);
	run_as_owner(owner, true, read_rows, &statement);
	rows->md.enrtuples = tuplestore_tuple_count(rows->reldata);
	return rows;
}

/* Frees what read_noforce returned; NULL is allowed. */
void
forget_rows(EphemeralNamedRelation rows)
{
	if (rows != NULL)
		tuplestore_end(rows->reldata);
}

/* An OwnerAction: runs a query that returns one row of two counts. */
static void
count_rows(void *argument)
{
	Statement  *statement = argument;

	connect_with_rows(statement->rows);
	/* uses the latest snapshot, to see rows that a REPEATABLE READ transaction's does not */
	if (SPI_execute_snapshot(prepare(statement->sql), NULL, NULL, GetLatestSnapshot(), InvalidSnapshot,
							 true, false, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not count rows");
	for (int i = 0; i < lengthof(statement->counts); i++)
	{
		bool		isnull;
		Datum		count = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, &isnull);

		statement->counts[i] = isnull ? 0 : DatumGetInt64(count);
	}
	SPI_finish();
}

/*
 * Runs a query that returns one row of two counts as "owner", the owner of the
 * table that it reads, with FORCE suspended.  Names in it must be qualified; it
 * can join "rows", which may be NULL.  Returns the first count, and the second in
 * *second.
 */
int64
query_noforce(Oid owner, const char *sql, EphemeralNamedRelation rows, int64 *second)
{
	Statement	statement = {.sql = sql, .rows = rows};

	run_as_owner(owner, true, count_rows, &statement);
	*second = statement.counts[1];
	return statement.counts[0];
}

/* ----------------------------------------------------------------
 *		Updates
 * ----------------------------------------------------------------
 */

/* An OwnerAction: runs an UPDATE. */
static void
update_rows(void *argument)
{
	Statement  *statement = argument;

	connect_with_rows(statement->rows);
	if (SPI_execute(statement->sql, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "rows were not updated: %s", statement->sql);
	statement->changed = SPI_processed;
	SPI_finish();
}

/*
 * Runs an UPDATE as "owner", the owner of its table, with FORCE suspended and
 * session_replication_role = replica, so that only those triggers and rules fire
 * that are ENABLE ALWAYS or REPLICA.  Names in it must be qualified; it can join
 * "rows", which may be NULL.  Returns the number of rows updated.
 */
uint64
update_noforce(Oid owner, const char *sql, EphemeralNamedRelation rows)
{
	int			outer_role = role_of_session;
	Statement	statement = {.sql = sql, .rows = rows};

	/* a function that an outer UPDATE calls may have called us */
	if (outer_role == NO_ROLE)
		role_of_session = SessionReplicationRole;
	SessionReplicationRole = SESSION_REPLICATION_ROLE_REPLICA;
	PG_TRY();
	{
		run_as_owner(owner, true, update_rows, &statement);
	}
	PG_FINALLY();
	{
		Assert(role_of_session != NO_ROLE);
		SessionReplicationRole = role_of_session;
		role_of_session = outer_role;
	}
	PG_END_TRY();
	return statement.changed;
}

/*
 * Makes FORCE ROW LEVEL SECURITY apply again, if it is suspended.  A foreign key's
 * statement, or one of ours, is planned and checked as the table's owner with
 * FORCE suspended.  But FORCE must apply while the statement runs, and while a
 * function is called, so that row-level security applies to the plans that
 * functions make and cache.  Returns true if resume_noforce must be called
 * afterwards.
 */
bool
suspend_noforce(void)
{
	Oid			user;
	int			context;

	if (!InNoForceRLSOperation())
		return false;
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(user, context & ~SECURITY_NOFORCE_RLS);
	return true;
}

/* Suspends FORCE ROW LEVEL SECURITY again. */
void
resume_noforce(void)
{
	Oid			user;
	int			context;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(user, context | SECURITY_NOFORCE_RLS);
}
