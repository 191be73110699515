/*-------------------------------------------------------------------------
 *
 * function_mismatch.c
 *	  Finds comparisons of a tenant as text in the bodies of functions.
 *
 * A body written BEGIN ATOMIC is a node tree in pg_proc.  A body that is a string is
 * parsed again, or, in PL/pgSQL, checked by plpgsql_check if that is installed;
 * meanwhile the parse hook passes what it finds to collect_mismatches().  The body
 * is not executed, and the effects of parsing on the session are rolled back.
 *
 * The caller is usually a superuser, and the body, with the types and functions
 * that it names, belongs to other roles.  A body in SQL is parsed without evaluating
 * anything.  One in PL/pgSQL is checked as its owner (own_sql.c), and no code of a
 * third role may run meanwhile: if some would, that is reported instead.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "commands/proclang.h"
#include "executor/functions.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/syscache.h"

#include "catalog.h"
#include "find_mismatch.h"
#include "function_mismatch.h"
#include "mismatch_refusals.h"
#include "own_sql.h"

/* While a body is parsed: the refusals of what the parse hook has found in it so far, and where they are allocated */
static bool collecting = false;
static List *collected = NIL;
static MemoryContext collection_context = NULL;

/* The owner of the body, and what prevents it from being parsed, or NULL */
static Oid	body_owner = InvalidOid;
static char *obstacle = NULL;

/* A function that was called by parsing was canceled */
static bool canceled = false;

/* The query that calls plpgsql_check is running */
static bool running_check = false;

/* How long parsing may wait for a lock on a table that the body names */
#define LOCK_TIMEOUT "100ms"

/* Is the body of a function being parsed? */
bool
is_collecting_mismatches(void)
{
	return collecting;
}

/* Called by the parse hook meanwhile.  Makes refusals at once, since the Mismatches point into the query tree. */
void
collect_mismatches(List *found)
{
	MemoryContext oldcontext = MemoryContextSwitchTo(collection_context);

	Assert(collecting);
	collected = list_concat(collected, refusals_of_mismatches(found));
	MemoryContextSwitchTo(oldcontext);
}

/* ----------------------------------------------------------------
 *		Bodies in SQL
 * ----------------------------------------------------------------
 */

/*
 * A raw_expression_tree_walker: replaces strings in a raw parse tree by nulls.  A
 * string would be converted by the input function of the type that parse analysis
 * chooses, which for a composite type, a range or an array evaluates the CHECKs of
 * domains in it.  Modifiers of types are left as they are.
 */
static bool
forget_strings(Node *node, void *context)
{
	if (node == NULL || IsA(node, TypeName))
		return false;
	if (IsA(node, A_Const))
	{
		A_Const    *constant = (A_Const *) node;

		constant->isnull |= IsA(&constant->val, String);
		return false;
	}
	return raw_expression_tree_walker(node, forget_strings, context);
}

/* Returns the part of a raw statement that parse analysis transforms: a query, also of a utility, or NULL. */
static Node *
analyzed_part(Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_SelectStmt:
		case T_InsertStmt:
		case T_UpdateStmt:
		case T_DeleteStmt:
		case T_MergeStmt:
			return stmt;
		case T_DeclareCursorStmt:
			return analyzed_part(((DeclareCursorStmt *) stmt)->query);
		case T_ExplainStmt:
			return analyzed_part(((ExplainStmt *) stmt)->query);
		case T_CreateTableAsStmt:
			return analyzed_part(((CreateTableAsStmt *) stmt)->query);
		case T_CallStmt:
			return (Node *) ((CallStmt *) stmt)->funccall;
		default:
			return NULL;
	}
}

/*
 * Analyzes each statement of a body in SQL, as the validator does, which calls the
 * parse hook.  Nothing is evaluated.
 */
static void
parse_sql_body(HeapTuple proc)
{
	bool		isnull;
	char	   *source = TextDatumGetCString(SysCacheGetAttr(PROCOID, proc, Anum_pg_proc_prosrc, &isnull));
	Form_pg_proc form = (Form_pg_proc) GETSTRUCT(proc);
	SQLFunctionParseInfoPtr info;
	ListCell   *lc;

	/* the types of polymorphic parameters are known in a call only */
	for (int i = 0; i < form->pronargs; i++)
		if (IsPolymorphicType(form->proargtypes.values[i]))
			return;
	info = prepare_sql_fn_parse_info(proc, NULL, InvalidOid);
	foreach(lc, pg_parse_query(source))
	{
		RawStmt    *raw = lfirst_node(RawStmt, lc);
		Node	   *part = analyzed_part(raw->stmt);

		if (part == NULL)
			continue;
		(void) forget_strings(part, NULL);
		(void) parse_analyze_withcb(raw, source, (ParserSetupHook) sql_fn_parser_setup, info, NULL);
	}
}

/* ----------------------------------------------------------------
 *		Bodies in PL/pgSQL
 * ----------------------------------------------------------------
 */

/*
 * Called for each function that is about to run.  plpgsql_check plans the
 * statements of a body, and planning evaluates calls of immutable functions and, for
 * constants, CHECKs of domains.  That is done as the owner of the body.  Raises an
 * error for a function that belongs neither to that owner nor to a superuser.
 */
void
check_called_by_parser(Oid funcid)
{
	Oid			owner;

	if (!collecting)
		return;
	owner = object_owner(ProcedureRelationId, funcid);
	if (owner == body_owner || superuser_arg(owner))
		return;
	obstacle = MemoryContextStrdup(collection_context,
								   psprintf("function %s of role \"%s\"", format_procedure_qualified(funcid),
											GetUserNameFromId(owner, true)));
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("%s must not run while the body of another role's function is parsed", obstacle)));
}

/* Was this error raised for a cancel request, and not by a function with the same SQLSTATE? */
static bool
is_cancel(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_QUERY_CANCELED && error->funcname != NULL &&
		strcmp(error->funcname, "ProcessInterrupts") == 0;
}

/* Called if a function raised an error, which plpgsql_check is going to catch.  Remembers a cancel request. */
void
function_failed_in_parser(void)
{
	MemoryContext oldcontext;

	if (!collecting || geterrcode() != ERRCODE_QUERY_CANCELED)
		return;
	oldcontext = MemoryContextSwitchTo(collection_context);
	canceled |= is_cancel(CopyErrorData());
	MemoryContextSwitchTo(oldcontext);
}

/*
 * Called for each query that is about to run.  The first one is the call of
 * plpgsql_check.  Raises an error for any other, which a built-in function would run
 * that reads a table or view for its caller.
 */
void
check_run_by_parser(void)
{
	if (!collecting || !running_check)
	{
		running_check = collecting;
		return;
	}
	obstacle = MemoryContextStrdup(collection_context, "a query");
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("no query must run while the body of a function is parsed")));
}

/*
 * A check_functions_in_node callback: is this a volatile function that a superuser
 * owns?  check_called_by_parser() prevents calls of the others.
 */
static bool
is_volatile(Oid funcid, void *context)
{
	return func_volatile(funcid) == PROVOLATILE_VOLATILE &&
		superuser_arg(object_owner(ProcedureRelationId, funcid));
}

static bool
calls_volatile(Node *node, void *context)
{
	return node != NULL && (check_functions_in_node(node, is_volatile, context) ||
							expression_tree_walker(node, calls_volatile, context));
}

/*
 * Returns a domain of a third role whose CHECK calls a volatile function, as a noun,
 * a name and an owner, or NULL.  Such a CHECK could have an effect by calling a
 * built-in function, for which check_called_by_parser() is not called.
 */
static char *
domain_with_volatile_check(Oid owner)
{
	Relation	constraints = table_open(ConstraintRelationId, AccessShareLock);
	char	   *found = NULL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_constraint_contypid, BTGreaterStrategyNumber, F_OIDGT, ObjectIdGetDatum(InvalidOid));
	scan = systable_beginscan(constraints, ConstraintTypidIndexId, true, NULL, 1, &key);
	while (found == NULL && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Oid			type = ((Form_pg_constraint) GETSTRUCT(tuple))->contypid;
		Oid			type_owner = object_owner(TypeRelationId, type);
		bool		isnull;
		Datum		check = heap_getattr(tuple, Anum_pg_constraint_conbin, RelationGetDescr(constraints), &isnull);

		if (!isnull && type_owner != owner && !superuser_arg(type_owner) &&
			calls_volatile(stringToNode(TextDatumGetCString(check)), NULL))
			found = psprintf("domain %s of role \"%s\"", format_type_be_qualified(type),
							 GetUserNameFromId(type_owner, true));
	}
	systable_endscan(scan);
	table_close(constraints, AccessShareLock);
	return found;
}

/*
 * Returns the plan of the call of plpgsql_check; NULL if it is not installed.  The
 * SPI connection stays open.  The call is planned as the caller, who has access to
 * the schema that plpgsql_check is in.
 */
static SPIPlanPtr
prepare_plpgsql_check(void)
{
	SPI_connect();
	if (SPI_execute("SELECT pg_catalog.format('SELECT %I.plpgsql_check_function($1::pg_catalog.regprocedure, fatal_errors => false)', n.nspname)"
					" FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace"
					" WHERE e.extname OPERATOR(pg_catalog.=) 'plpgsql_check'", true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		return NULL;
	return SPI_prepare(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1), 1, (Oid[]) {OIDOID});
}

/* ----------------------------------------------------------------
 *		Bodies
 * ----------------------------------------------------------------
 */

/* Applies the SET clauses of a function, as CREATE FUNCTION does before it validates the body. */
static void
apply_settings(HeapTuple proc)
{
	bool		isnull;
	Datum		config = SysCacheGetAttr(PROCOID, proc, Anum_pg_proc_proconfig, &isnull);

	if (!isnull)
		ProcessGUCArray(DatumGetArrayTypeP(config), superuser() ? PGC_SUSET : PGC_USERSET,
						PGC_S_SESSION, GUC_ACTION_SAVE);
}

/* A body that is to be parsed */
typedef struct Body
{
	HeapTuple	proc;
	char	   *search_path;	/* that of the caller */
	SPIPlanPtr	check;			/* the call of plpgsql_check, or NULL */
} Body;

/* Parses a Body.  The current user is its owner. */
static void
parse_body(void *argument)
{
	Body	   *body = argument;
	Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(body->proc);

	Assert(GetUserId() == proc->proowner);
	set_for_level("search_path", body->search_path);
	apply_settings(body->proc);
	set_for_level("lock_timeout", LOCK_TIMEOUT);
	if (proc->prolang == SQLlanguageId)
		parse_sql_body(body->proc);
	else if (body->check != NULL)
		SPI_execute_plan(body->check, (Datum[]) {ObjectIdGetDatum(proc->oid)}, NULL, false, 0);
}

/* Parses a body.  Raises an error if the statement was canceled meanwhile, even if plpgsql_check caught that. */
static void
start_parsing(HeapTuple proc)
{
	Form_pg_proc form = (Form_pg_proc) GETSTRUCT(proc);
	Body		body = {proc, pstrdup(namespace_search_path), NULL};

	if (form->prolang != SQLlanguageId)
	{
		obstacle = domain_with_volatile_check(form->proowner);
		if (obstacle != NULL)
			return;
		body.check = prepare_plpgsql_check();
	}
	collecting = true;
	running_check = false;
	body_owner = form->proowner;
	run_as_owner(form->proowner, false, parse_body, &body);
	if (canceled)
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg("canceling statement while the body of function %s was parsed",
						format_procedure_qualified(form->oid))));
}

/* Adds a refusal that says what prevented a body from being parsed. */
static List *
add_obstacle(List *refusals, HeapTuple proc)
{
	Refusal    *refusal = palloc(sizeof(Refusal));

	*refusal = body_not_parsed(((Form_pg_proc) GETSTRUCT(proc))->oid, obstacle);
	return lappend(refusals, refusal);
}

/*
 * Returns the refusals for a body that is a string.  A body with a syntax error
 * has none: it compares nothing.  All effects of parsing, settings and locks
 * included, end with a subtransaction.
 */
static List *
mismatches_in_body(HeapTuple proc)
{
	MemoryContext oldcontext = CurrentMemoryContext;
	ResourceOwner oldowner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	Assert(!collecting && IsTransactionState());
	collected = NIL;
	obstacle = NULL;
	canceled = false;
	collection_context = oldcontext;
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(oldcontext);
	PG_TRY();
	{
		start_parsing(proc);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(oldcontext);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	collecting = false;
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(oldcontext);
	CurrentResourceOwner = oldowner;
	if (error != NULL && (canceled || is_cancel(error) || error->sqlerrcode == ERRCODE_OUT_OF_MEMORY))
		ReThrowError(error);
	if (error != NULL && error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE)
		obstacle = "a table that someone has locked";
	return obstacle ? add_obstacle(collected, proc) : collected;
}

/* Can the body of a function in this language be parsed without running it? */
static bool
can_parse(Oid language)
{
	return language == SQLlanguageId ||
		(language == get_language_oid("plpgsql", true) &&
		 OidIsValid(get_extension_oid("plpgsql_check", true)));
}

/*
 * Returns a palloc'd Refusal for each comparison of a tenant as text in the body of a
 * function.  "parse" says whether a body that is a string is to be parsed: not by the
 * event trigger, since the parse hook was called when the function was created.
 */
List *
mismatches_in_function(Oid funcid, bool parse)
{
	HeapTuple	proc = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	List	   *refusals = NIL;
	bool		isnull;
	Datum		body;

	if (!HeapTupleIsValid(proc))
		return NIL;
	/* functions in another session's temporary schema are not parsed, whoever owns them */
	parse &= !isOtherTempNamespace(((Form_pg_proc) GETSTRUCT(proc))->pronamespace);
	body = SysCacheGetAttr(PROCOID, proc, Anum_pg_proc_prosqlbody, &isnull);
	if (!isnull)
		refusals = refusals_of_mismatches(mismatches_in_queries(list_make1(stringToNode(TextDatumGetCString(body)))));
	else if (parse && can_parse(((Form_pg_proc) GETSTRUCT(proc))->prolang))
		refusals = mismatches_in_body(proc);
	ReleaseSysCache(proc);
	return refusals;
}
