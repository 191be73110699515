/*-------------------------------------------------------------------------
 *
 * own_sql.c
 *	  Statements of our own, each run as the owner of the table that it is
 *	  about.
 *
 * A superuser calls our functions on tables of other roles.  A statement on
 * such a table can evaluate what its owner wrote: a CHECK, a domain, a
 * trigger, a cast, an index expression, a generated column.  None of that may
 * run as the caller.  So a statement of ours runs as REINDEX, ANALYZE and
 * REFRESH MATERIALIZED VIEW run theirs: as the owner of the table, in a
 * security-restricted operation (no way back by RESET ROLE, nothing that is
 * left behind to run later), with search_path pinned, and with all settings
 * put back after it.
 *
 * Statements that read catalogs alone run as the caller (query_datums).
 *
 * "unforced" suspends FORCE ROW LEVEL SECURITY, as the foreign-key machinery
 * does (ri_triggers.c): the owner then sees the rows of every tenant.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/bufmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "catalog.h"
#include "compat.h"
#include "own_sql.h"

/*
 * The table that a statement of ours is changing now, or InvalidOid; and how
 * many utility statements are under way while none of ours is but that.
 */
static Oid	own_ddl_relid = InvalidOid;
static int	own_ddl_depth = 0;

/* How many utility statements are under way, one within another. */
static int	utilities = 0;

/* How many of run_as_owner are at work, one within another. */
static int	owners = 0;

/* The function that has failed in one of them, and failed first, or InvalidOid. */
static Oid	failed_function = InvalidOid;

/* ----------------------------------------------------------------
 *		Running something as an owner
 * ----------------------------------------------------------------
 */

/* Is something run as an owner now?  Then hooks.c watches the functions it calls. */
bool
runs_as_owner(void)
{
	return owners > 0;
}

void
function_has_failed(Oid funcid)
{
	if (owners > 0 && !OidIsValid(failed_function))
		failed_function = funcid;
}

/* A failure within it, if there was one, has been caught. */
void
function_has_ended(void)
{
	failed_function = InvalidOid;
}

static bool
is_about_a_name(int sqlstate)
{
	return sqlstate == ERRCODE_UNDEFINED_TABLE || sqlstate == ERRCODE_UNDEFINED_FUNCTION ||
		sqlstate == ERRCODE_UNDEFINED_OBJECT || sqlstate == ERRCODE_UNDEFINED_SCHEMA;
}

/*
 * The error of a function that does not find a name says what to do: the
 * function may have counted on the caller's search_path.  Returns the error to
 * throw, in the current memory context.
 */
static ErrorData *
explain_failure(void)
{
	ErrorData  *error = CopyErrorData();
	HeapTuple	tuple;

	FlushErrorState();
	if (!is_about_a_name(error->sqlerrcode) || !OidIsValid(failed_function))
		return error;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(failed_function));
	if (!HeapTupleIsValid(tuple))
		return error;
	error->detail = psprintf("Function %s runs with search_path = pg_catalog, pg_temp while tenant_guard works on a table that calls it.",
							 format_procedure_qualified(failed_function));
	error->hint = psprintf("Name objects with their schemas in that function, or run ALTER ROUTINE %s SET search_path = pg_catalog, %s, pg_temp;",
						   format_procedure_qualified(failed_function),
						   quote_identifier(get_namespace_name(((Form_pg_proc) GETSTRUCT(tuple))->pronamespace)));
	ReleaseSysCache(tuple);
	return error;
}

/* Sets a parameter until the level of settings ends that is in force. */
void
set_for_level(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

static void
pin_search_path(void)
{
	set_for_level("search_path", "pg_catalog, pg_temp");
}

/*
 * Does something as the owner of a table.  An error leaves the role as it was
 * before; the settings are put back by the abort that follows it.
 */
void
run_as_owner(Oid owner, bool unforced, OwnerAction action, void *argument)
{
	MemoryContext caller = CurrentMemoryContext;
	int			outer = owners;
	int			nest_level;
	Oid			user;
	int			context;

	if (!OidIsValid(owner))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("table has been dropped meanwhile")));
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(owner, context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION |
						   (unforced ? SECURITY_NOFORCE_RLS : 0));
	nest_level = NewGUCNestLevel();
	if (outer == 0)
		failed_function = InvalidOid;
	PG_TRY();
	{
		owners = outer + 1;
		pin_search_path();
		action(argument);
	}
	PG_CATCH();
	{
		owners = outer;
		SetUserIdAndSecContext(user, context);
		MemoryContextSwitchTo(caller);
		ReThrowError(explain_failure());
	}
	PG_END_TRY();
	owners = outer;
	AtEOXact_GUC(false, nest_level);
	SetUserIdAndSecContext(user, context);
}

/*
 * Refuses where the owner of a table cannot name it: a statement as that role
 * would fail with an error that does not say why.
 */
void
check_owner_reaches(Oid relid, Oid owner)
{
	Oid			schema = get_rel_namespace(relid);
	char	   *name = get_namespace_name(schema);

	if (name == NULL || schema_is_usable(schema, owner))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for schema %s", name),
			 errdetail("What is done to table %s is done as role \"%s\", which may not use its schema.",
					   relation_name(relid), GetUserNameFromId(owner, true)),
			 errhint("Run GRANT USAGE ON SCHEMA %s TO %s;", quote_identifier(name),
					 quote_identifier(GetUserNameFromId(owner, true)))));
}

pg_noreturn static void
refuse_renamed(Oid relid)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("table %s, or its schema, was renamed meanwhile", relation_name(relid)),
			 errhint("Run the statement again.")));
}

/*
 * May someone else than this role rename the schema?  A superuser need not.
 */
static bool
is_renamed_by_others(Form_pg_namespace schema, Oid role)
{
	return schema->nspowner != role && !superuser_arg(schema->nspowner);
}

/*
 * Keeps a table's qualified name good until the transaction ends.  A lock on
 * the table, which the caller has, keeps its own name; but whoever owns the
 * schema could rename that, and another to its name, and our statement would
 * run as this table's owner on a table of his.
 */
void
keep_name(Oid relid)
{
	Relation	schemas = table_open(NamespaceRelationId, RowShareLock);
	Oid			owner = object_owner(RelationRelationId, relid);
	TM_Result	result = TM_Ok;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_namespace_oid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(get_rel_namespace(relid)));
	scan = systable_beginscan(schemas, NamespaceOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	/* one that this transaction made or renamed nobody else can */
	if (HeapTupleIsValid(tuple) && is_renamed_by_others((Form_pg_namespace) GETSTRUCT(tuple), owner) &&
		!TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetRawXmin(tuple->t_data)))
	{
		HeapTupleData locked = *tuple;
		TM_FailureData failure;
		Buffer		buffer;

		result = heap_lock_tuple(schemas, &locked, GetCurrentCommandId(false), LockTupleKeyShare,
								 LockWaitBlock, false, &buffer, &failure);
		ReleaseBuffer(buffer);
	}
	systable_endscan(scan);
	table_close(schemas, NoLock);
	if (result != TM_Ok)
		refuse_renamed(relid);
}

/* ----------------------------------------------------------------
 *		DDL
 * ----------------------------------------------------------------
 */

/* Is this one of the statements whose table table_of_statement tells? */
static bool
names_table(const Node *stmt)
{
	return IsA(stmt, AlterTableStmt) || IsA(stmt, CreatePolicyStmt) || IsA(stmt, DropStmt);
}

/* The table of a statement such as we send, or InvalidOid. */
static Oid
table_of_statement(const Node *stmt)
{
	if (IsA(stmt, AlterTableStmt))
		return RangeVarGetRelid(((const AlterTableStmt *) stmt)->relation, NoLock, true);
	if (IsA(stmt, CreatePolicyStmt))
		return RangeVarGetRelid(((const CreatePolicyStmt *) stmt)->table, NoLock, true);
	if (IsA(stmt, DropStmt) && ((const DropStmt *) stmt)->removeType == OBJECT_POLICY)
	{
		List	   *names = linitial_node(List, ((const DropStmt *) stmt)->objects);

		/* the policy's name is the last */
		return RangeVarGetRelid(makeRangeVarFromNameList(list_truncate(list_copy(names), list_length(names) - 1)),
								NoLock, true);
	}
	return InvalidOid;
}

/*
 * A utility statement begins; returns what leave_utility takes when it ends, by
 * an error too.  One of ours must be about the table that it is meant for.
 */
int
enter_utility(const Node *stmt)
{
	if (OidIsValid(own_ddl_relid) && utilities + 1 == own_ddl_depth && names_table(stmt) &&
		table_of_statement(stmt) != own_ddl_relid)
		refuse_renamed(own_ddl_relid);
	return utilities++;
}

/* How many utility statements are under way, one within another. */
int
utility_depth(void)
{
	return utilities;
}

void
leave_utility(int outer)
{
	utilities = outer;
}

/*
 * Is this statement one of ours?  Event triggers ask.  It is by its table, and
 * by its depth: what a function sends that our statement calls, or another
 * event trigger in between, is not.
 */
bool
is_own_ddl(const Node *stmt)
{
	return OidIsValid(own_ddl_relid) && utilities == own_ddl_depth &&
		table_of_statement(stmt) == own_ddl_relid;
}

/* Runs a statement, a char *, for run_as_owner. */
static void
execute_utility(void *argument)
{
	const char *sql = argument;

	SPI_connect();
	if (SPI_execute(sql, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "statement was not executed: %s", sql);
	SPI_finish();
}

static void
run_own_ddl(Oid relid, Oid role, bool unforced, const char *sql)
{
	Oid			outer = own_ddl_relid;
	int			outer_depth = own_ddl_depth;

	check_owner_reaches(relid, role);
	keep_name(relid);
	own_ddl_relid = relid;
	own_ddl_depth = utilities + 1;
	PG_TRY();
	{
		run_as_owner(role, unforced, execute_utility, unconstify(char *, sql));
	}
	PG_FINALLY();
	{
		own_ddl_relid = outer;
		own_ddl_depth = outer_depth;
	}
	PG_END_TRY();
}

/*
 * Runs a statement of our own on a table, as its owner.  Names in it are
 * qualified.
 */
void
run_ddl(Oid relid, const char *sql)
{
	run_own_ddl(relid, object_owner(RelationRelationId, relid), false, sql);
}

/* The same of a statement that validates rows, of every tenant. */
void
run_ddl_noforce(Oid relid, const char *sql)
{
	run_own_ddl(relid, object_owner(RelationRelationId, relid), true, sql);
}

/*
 * The same as the caller, for CREATE INDEX on plain columns: it evaluates
 * nothing before it becomes the owner of the table by itself, and needs a
 * privilege on the schema that the owner may not have.
 */
void
run_ddl_as_caller(Oid relid, const char *sql)
{
	run_own_ddl(relid, GetUserId(), false, sql);
}

/* ----------------------------------------------------------------
 *		Queries of catalogs
 * ----------------------------------------------------------------
 */

/*
 * The first column of the rows of a query of catalogs, as Datums that are pointers or OIDs.
 * The list lives in the memory context of the caller.
 */
List *
query_datums(const char *sql)
{
	MemoryContext caller = CurrentMemoryContext;
	int			nest_level = NewGUCNestLevel();
	List	   *datums = NIL;

	pin_search_path();
	SPI_connect();
	if (SPI_execute(sql, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read what the statement did");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		MemoryContext oldcontext;
		bool		isnull;
		Datum		datum = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);

		oldcontext = MemoryContextSwitchTo(caller);
		if (!isnull)
			datums = lappend(datums, DatumGetPointer(datum));
		MemoryContextSwitchTo(oldcontext);
	}
	SPI_finish();
	AtEOXact_GUC(true, nest_level);
	return datums;
}
