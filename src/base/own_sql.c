/*-------------------------------------------------------------------------
 *
 * own_sql.c
 *	  Runs the extension's own statements, each as the owner of its table.
 *
 * A superuser calls our functions on tables of other roles.  A statement on
 * such a table can evaluate what its owner wrote: a CHECK, a domain, a
 * trigger, a cast, an index expression, a generated column.  None of that may
 * run as the caller.  So our statements run as those of REINDEX, ANALYZE and
 * REFRESH MATERIALIZED VIEW do: as the owner of the table, in a
 * security-restricted operation (which prevents RESET ROLE, and deferred work
 * that would run after it), with a fixed search_path, and with all settings
 * restored afterwards.
 *
 * Queries that read only catalogs run as the caller (query_datums).
 *
 * With "noforce", FORCE ROW LEVEL SECURITY is suspended, as the foreign-key
 * machinery does it (ri_triggers.c): the owner then sees the rows of every
 * tenant.
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
#include "tcop/pquery.h"
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
 * The table of our DDL statement that is running, or InvalidOid; and that
 * statement's nesting depth among utility statements.
 */
static Oid	own_ddl_relid = InvalidOid;
static int	own_ddl_depth = 0;

/* Nesting depth of the utility statements that are running. */
static int	utilities = 0;

/* Nesting depth of the calls of run_as_owner. */
static int	owners = 0;

/* While an error leaves run_as_owner: the function that raised it, the innermost of those that were called; or InvalidOid. */
static Oid	failed_function = InvalidOid;

/* ----------------------------------------------------------------
 *		Running something as an owner
 * ----------------------------------------------------------------
 */

/* Is run_as_owner active?  Then function_hook.c is called for each function that runs. */
bool
runs_as_owner(void)
{
	return owners > 0;
}

/* A function raised an error: remembers the innermost one, for the error's hint. */
void
function_has_failed(Oid funcid)
{
	if (owners > 0 && !OidIsValid(failed_function))
		failed_function = funcid;
}

/* A function returned: if one that it called had failed, the error was caught. */
void
function_has_ended(void)
{
	failed_function = InvalidOid;
}

/* The identifier of the memory context of a query that was started under run_as_owner. */
static const char started_as_owner[] = "as the owner of a table";

/* A query was started. */
void
note_starter(const QueryDesc *query)
{
	if (owners > 0)
		MemoryContextSetIdentifier(query->estate->es_query_cxt, started_as_owner);
}

/*
 * Raises an error if code of an owner runs a query that the caller started: it has
 * moved a cursor of the caller, perhaps of a loop in a function of ours, which
 * would miss the rows, or reads the caller's rows from it.
 */
void
check_starter(const QueryDesc *query)
{
	if (owners > 0 && query->estate->es_query_cxt->ident != started_as_owner)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_CURSOR_STATE),
				 errmsg("cursor \"%s\" cannot be used here", ActivePortal ? ActivePortal->name : ""),
				 errdetail("It was opened before tenant_guard began to work on a table as role \"%s\".", GetUserNameFromId(GetUserId(), true)),
				 errhint("Use only cursors that the same function or trigger has opened.")));
}

static bool
is_about_a_name(int sqlstate)
{
	return sqlstate == ERRCODE_UNDEFINED_TABLE || sqlstate == ERRCODE_UNDEFINED_FUNCTION ||
		sqlstate == ERRCODE_UNDEFINED_OBJECT || sqlstate == ERRCODE_UNDEFINED_SCHEMA;
}

/*
 * Returns a copy of the current error, for ReThrowError, in the current memory
 * context.  If a function failed to find an object by its name, the copy has a
 * detail and hint on search_path: the function may rely on the caller's.
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

/* Sets a parameter until the current GUC nesting level ends. */
void
set_for_level(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/* Sets search_path for our statement, as PostgreSQL's maintenance commands do from 17 on. */
static void
pin_search_path(void)
{
	set_for_level("search_path", "pg_catalog, pg_temp");
}

/*
 * Calls "action" as the owner of a table; see the head of this file.  On an
 * error the role is restored at once, and the settings by the abort of the
 * (sub)transaction.  Raises an error if "owner" is InvalidOid, as
 * object_owner() returns it for a dropped table.
 */
void
run_as_owner(Oid owner, bool noforce, OwnerAction action, void *argument)
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
						   (noforce ? SECURITY_NOFORCE_RLS : 0));
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
	Assert(owners == outer + 1);
	owners = outer;
	AtEOXact_GUC(false, nest_level);
	SetUserIdAndSecContext(user, context);
}

/*
 * Raises an error if the owner of a table lacks USAGE on its schema.  A
 * statement that runs as the owner would fail, but not say for what reason that
 * role needs the privilege.
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

/* Can an ordinary role other than this one rename the schema of this owner? */
static bool
is_renamed_by_others(Oid schema_owner, Oid role)
{
	return schema_owner != role && !superuser_arg(schema_owner);
}

/*
 * Prevents a table's qualified name from meaning another table before the
 * transaction ends.  The caller has locked the table, so that it cannot be
 * renamed.  But the owner of its schema could rename that, and give its name to
 * another schema: our statement would then run as this table's owner on a table
 * of the schema's owner.  So the schema's row in pg_namespace is locked.
 */
void
keep_name(Oid relid)
{
	Oid			owner = object_owner(RelationRelationId, relid);
	TM_Result	result = TM_Ok;
	Relation	schemas;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	if (!is_renamed_by_others(object_owner(NamespaceRelationId, get_rel_namespace(relid)), owner))
		return;
	schemas = table_open(NamespaceRelationId, RowShareLock);
	ScanKeyInit(&key, Anum_pg_namespace_oid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(get_rel_namespace(relid)));
	scan = systable_beginscan(schemas, NamespaceOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	/* a schema that this transaction has created or renamed is locked already */
	if (HeapTupleIsValid(tuple) && is_renamed_by_others(((Form_pg_namespace) GETSTRUCT(tuple))->nspowner, owner) &&
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

/* Is this a kind of statement for which table_of_statement returns the table? */
static bool
names_table(const Node *stmt)
{
	return IsA(stmt, AlterTableStmt) || IsA(stmt, CreatePolicyStmt) || IsA(stmt, CreateTrigStmt) || IsA(stmt, DropStmt);
}

/* Returns the table of a DDL statement of the kinds that we run, or InvalidOid. */
static Oid
table_of_statement(const Node *stmt)
{
	if (IsA(stmt, AlterTableStmt))
		return RangeVarGetRelid(((const AlterTableStmt *) stmt)->relation, NoLock, true);
	if (IsA(stmt, CreatePolicyStmt))
		return RangeVarGetRelid(((const CreatePolicyStmt *) stmt)->table, NoLock, true);
	if (IsA(stmt, CreateTrigStmt))
		return RangeVarGetRelid(((const CreateTrigStmt *) stmt)->relation, NoLock, true);
	if (IsA(stmt, DropStmt) && (((const DropStmt *) stmt)->removeType == OBJECT_POLICY ||
								((const DropStmt *) stmt)->removeType == OBJECT_TRIGGER))
	{
		List	   *names = linitial_node(List, ((const DropStmt *) stmt)->objects);

		/* the last name is the policy's, or the trigger's */
		return RangeVarGetRelid(makeRangeVarFromNameList(list_truncate(list_copy(names), list_length(names) - 1)),
								NoLock, true);
	}
	return InvalidOid;
}

/*
 * Must be called when a utility statement begins.  Returns what must be passed
 * to leave_utility when it ends, with or without an error.  Raises an error if
 * the statement is ours and its table's name now means another table.
 */
int
enter_utility(const Node *stmt)
{
	if (OidIsValid(own_ddl_relid) && utilities + 1 == own_ddl_depth && names_table(stmt) &&
		table_of_statement(stmt) != own_ddl_relid)
		refuse_renamed(own_ddl_relid);
	return utilities++;
}

/* Returns the nesting depth of the utility statements that are running. */
int
utility_depth(void)
{
	return utilities;
}

void
leave_utility(int outer)
{
	Assert(outer >= 0 && outer < utilities);
	utilities = outer;
}

/* Is the statement on a table that begins now, before enter_utility, one that we run? */
bool
begins_own_ddl(Oid relid)
{
	return OidIsValid(own_ddl_relid) && utilities + 1 == own_ddl_depth && relid == own_ddl_relid;
}

/*
 * Is this statement one that we run, so that our event triggers need not look
 * at it?  It is recognised by its table and its nesting depth, so that a
 * statement run by a function that ours calls, or by another event trigger, is
 * not taken for ours.
 */
bool
is_own_ddl(const Node *stmt)
{
	return OidIsValid(own_ddl_relid) && utilities == own_ddl_depth &&
		table_of_statement(stmt) == own_ddl_relid;
}

/* An OwnerAction: runs the utility statement "argument", a char *. */
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
run_own_ddl(Oid relid, Oid role, bool noforce, const char *sql)
{
	Oid			outer = own_ddl_relid;
	int			outer_depth = own_ddl_depth;

	Assert(relation_is_locked_at_all(relid));
	check_owner_reaches(relid, role);
	keep_name(relid);
	own_ddl_relid = relid;
	own_ddl_depth = utilities + 1;
	PG_TRY();
	{
		run_as_owner(role, noforce, execute_utility, unconstify(char *, sql));
	}
	PG_FINALLY();
	{
		own_ddl_relid = outer;
		own_ddl_depth = outer_depth;
	}
	PG_END_TRY();
}

/*
 * Runs a DDL statement on a table as its owner.  For this function and the next
 * two, names in the statement must be qualified, and the caller must have locked
 * the table.
 */
void
run_ddl(Oid relid, const char *sql)
{
	run_own_ddl(relid, object_owner(RelationRelationId, relid), false, sql);
}

/* Runs a DDL statement with FORCE suspended, since it validates the rows of every tenant. */
void
run_ddl_noforce(Oid relid, const char *sql)
{
	run_own_ddl(relid, object_owner(RelationRelationId, relid), true, sql);
}

/*
 * Runs a DDL statement as the caller.  For CREATE INDEX on plain columns, which
 * switches to the owner of the table by itself before it evaluates anything,
 * and needs CREATE on the schema, which the owner may lack.
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
 * Runs a query on catalogs as the caller, and returns the first column of its
 * rows that are not null: a list, in the current memory context, of Datums cast
 * to pointers.  The column must be of a type passed by value, such as oid.
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
