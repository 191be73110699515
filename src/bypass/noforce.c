/*-------------------------------------------------------------------------
 *
 * noforce.c
 *	  Statements of our own that must see all rows of a table.
 *
 * They run as the owner of the table (own_sql.c), with FORCE ROW LEVEL SECURITY
 * suspended as the foreign-key machinery does it (ri_triggers.c); access_check.c
 * excuses them.  When they run, FORCE is back (hooks.c), so functions that they
 * call are bound; and the plans are not kept.
 *
 * A statement about two tables of different owners would run what one of them
 * wrote as the other.  It is divided: the rows of one are read as its owner, and
 * kept in a named tuplestore; the statement about the other table joins that.
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

/* The session's own replication role, while update_noforce has put in another. */
#define NO_ROLE (-1)
static int	role_of_session = NO_ROLE;

/*
 * A function that a statement of ours calls, such as that of a CHECK, must not
 * be without triggers and foreign keys: it gets the session's own replication
 * role.  Returns the one to put back by resume_replication_role.
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

/* Is update_noforce at work? */
bool
updates_noforce(void)
{
	return role_of_session != NO_ROLE;
}

/* A statement for run_as_owner, and what comes of it. */
typedef struct Statement
{
	const char *sql;
	EphemeralNamedRelation rows;	/* that it may join, or that it is to fill; or NULL */
	int64		counts[2];		/* what a query of two counts has returned */
	uint64		changed;		/* rows of an UPDATE */
	MemoryContext caller;		/* lives longer than the statement */
} Statement;

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

/* Fills "rows" with what a query returns. */
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
	/* with the latest snapshot: what a REPEATABLE READ one hides counts too */
	PushActiveSnapshot(GetLatestSnapshot());
	if (SPI_execute_plan_extended(plan, &options) != SPI_OK_SELECT)
		elog(ERROR, "could not read rows");
	PopActiveSnapshot();
	SPI_finish();
}

/*
 * What a query returns, read as the owner of the table that it reads.  Another
 * statement can join it by "name".  Lives in the current memory context, until
 * forget_rows.
 */
EphemeralNamedRelation
read_noforce(Oid owner, const char *sql, const char *name)
{
	EphemeralNamedRelation rows = palloc0(sizeof(EphemeralNamedRelationData));
	Statement	statement = {.sql = sql,.rows = rows,.caller = CurrentMemoryContext};

	rows->md.name = pstrdup(name);
	rows->md.reliddesc = InvalidOid;
	rows->md.enrtype = ENR_NAMED_TUPLESTORE;
	rows->reldata = tuplestore_begin_heap(false, false, work_mem);
	run_as_owner(owner, true, read_rows, &statement);
	rows->md.enrtuples = tuplestore_tuple_count(rows->reldata);
	return rows;
}

/* "rows" may be NULL. */
void
forget_rows(EphemeralNamedRelation rows)
{
	if (rows != NULL)
		tuplestore_end(rows->reldata);
}

static void
count_rows(void *argument)
{
	Statement  *statement = argument;

	connect_with_rows(statement->rows);
	/* with the latest snapshot: what a REPEATABLE READ one hides counts too */
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
 * Runs a query of two counts as the owner of the table that it reads, with
 * names that are qualified; returns the first.  It may join "rows".
 */
int64
query_noforce(Oid owner, const char *sql, EphemeralNamedRelation rows, int64 *second)
{
	Statement	statement = {.sql = sql,.rows = rows};

	run_as_owner(owner, true, count_rows, &statement);
	*second = statement.counts[1];
	return statement.counts[0];
}

/* ----------------------------------------------------------------
 *		Updates
 * ----------------------------------------------------------------
 */

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
 * Runs an UPDATE as the owner of its table, with names that are qualified, as
 * if in session_replication_role = replica: neither triggers nor rules fire,
 * but for those that are ENABLE ALWAYS or REPLICA.  It may join "rows".
 * Returns the number of rows.
 */
uint64
update_noforce(Oid owner, const char *sql, EphemeralNamedRelation rows)
{
	int			outer_role = role_of_session;
	Statement	statement = {.sql = sql,.rows = rows};

	/* a function that an outer one calls may have come here too */
	if (outer_role == NO_ROLE)
		role_of_session = SessionReplicationRole;
	SessionReplicationRole = SESSION_REPLICATION_ROLE_REPLICA;
	PG_TRY();
	{
		run_as_owner(owner, true, update_rows, &statement);
	}
	PG_FINALLY();
	{
		SessionReplicationRole = role_of_session;
		role_of_session = outer_role;
	}
	PG_END_TRY();
	return statement.changed;
}

/*
 * A foreign key's statement is planned and checked as the table's owner with
 * FORCE ROW LEVEL SECURITY suspended.  What is good for it is not for a user's
 * function that it calls: FORCE is back while one is called and while the
 * statement runs, so that the plans a function makes, and keeps, are bound.
 * True if there is anything to resume.
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

void
resume_noforce(void)
{
	Oid			user;
	int			context;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(user, context | SECURITY_NOFORCE_RLS);
}
