/*-------------------------------------------------------------------------
 *
 * unforced.c
 *	  Statements of our own that must see all rows of tables that the caller
 *	  owns.
 *
 * As the foreign-key machinery does it (ri_triggers.c), FORCE ROW LEVEL
 * SECURITY is suspended for them, and access.c excuses them.  That helps an
 * owner, and nobody else.  When they run, FORCE is back (hooks.c), so functions
 * that they call are bound; and the plans are not kept.
 *
 * Queries and updates run as that owner, in a security-restricted operation, as
 * ANALYZE does it: a superuser who derives a column must not run the code of a
 * table's owner as superuser.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/snapmgr.h"

#include "guard.h"
#include "policy.h"
#include "unforced.h"

/* The session's own replication role, while update_unforced has put in another. */
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

/* Is update_unforced at work? */
bool
updates_unforced(void)
{
	return role_of_session != NO_ROLE;
}

/* Who was the user before enter_unforced, and in which security context. */
typedef struct Identity
{
	Oid			user;
	int			context;
} Identity;

/* "owner" is whom to become, or InvalidOid to stay who one is. */
static Identity
enter_unforced(Oid owner)
{
	Identity	before;

	GetUserIdAndSecContext(&before.user, &before.context);
	if (OidIsValid(owner))
		SetUserIdAndSecContext(owner, before.context | SECURITY_NOFORCE_RLS |
							   SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	else
		SetUserIdAndSecContext(before.user, before.context | SECURITY_NOFORCE_RLS);
	return before;
}

static void
leave_unforced(Identity before)
{
	SetUserIdAndSecContext(before.user, before.context);
}

/* The one owner of both tables, or InvalidOid. */
Oid
common_owner(Oid table, Oid other)
{
	Oid			owner = object_owner(RelationRelationId, table);

	return owner == object_owner(RelationRelationId, other) ? owner : InvalidOid;
}

/*
 * Runs a query of two counts, with names that are qualified; returns the first.
 * "owner" owns what it reads; InvalidOid for the caller.
 */
int64
query_unforced(Oid owner, const char *sql, int64 *second)
{
	Identity	before = enter_unforced(owner);
	volatile int64 counts[2] = {0, 0};

	PG_TRY();
	{
		SPIPlanPtr	plan;

		SPI_connect();
		plan = SPI_prepare(sql, 0, NULL);
		/* with the latest snapshot: what a REPEATABLE READ one hides counts too */
		if (plan == NULL ||
			SPI_execute_snapshot(plan, NULL, NULL, GetLatestSnapshot(), InvalidSnapshot,
								 true, false, 0) != SPI_OK_SELECT || SPI_processed != 1)
			elog(ERROR, "could not count rows");
		for (int i = 0; i < 2; i++)
		{
			bool		isnull;
			Datum		count = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, &isnull);

			counts[i] = isnull ? 0 : DatumGetInt64(count);
		}
		SPI_finish();
	}
	PG_FINALLY();
	{
		leave_unforced(before);
	}
	PG_END_TRY();
	*second = counts[1];
	return counts[0];
}

/*
 * Runs an UPDATE, with names that are qualified, as if in
 * session_replication_role = replica: neither triggers nor rules fire, but for
 * those that are ENABLE ALWAYS or REPLICA.  Returns the number of rows.
 */
uint64
update_unforced(Oid owner, const char *sql)
{
	Identity	before = enter_unforced(owner);
	int			outer_role = role_of_session;
	volatile uint64 rows = 0;

	/* a function that an outer one calls may have come here too */
	if (outer_role == NO_ROLE)
		role_of_session = SessionReplicationRole;
	SessionReplicationRole = SESSION_REPLICATION_ROLE_REPLICA;
	PG_TRY();
	{
		SPI_connect();
		if (SPI_execute(sql, false, 0) != SPI_OK_UPDATE)
			elog(ERROR, "rows were not updated: %s", sql);
		rows = SPI_processed;
		SPI_finish();
	}
	PG_FINALLY();
	{
		SessionReplicationRole = role_of_session;
		role_of_session = outer_role;
		leave_unforced(before);
	}
	PG_END_TRY();
	return rows;
}

/* run_ddl of a statement that validates rows. */
void
run_ddl_unforced(Oid relid, const char *sql)
{
	Identity	before = enter_unforced(InvalidOid);

	PG_TRY();
	{
		run_ddl(relid, sql);
	}
	PG_FINALLY();
	{
		leave_unforced(before);
	}
	PG_END_TRY();
}
