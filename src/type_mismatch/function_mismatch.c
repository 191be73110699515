/*-------------------------------------------------------------------------
 *
 * function_mismatch.c
 *	  Comparisons of a tenant as text in functions that are there already.
 *
 * A body written BEGIN ATOMIC is a tree in the catalog.  One that is a string
 * is parsed again, or for PL/pgSQL checked by plpgsql_check where that is
 * installed; the parse hook meanwhile leaves here what it finds.  Nothing of a
 * body is carried out, and what parsing does to the session is rolled back.
 *
 * Whoever asks is a superuser most often, and the body, with the types and
 * functions that it names, is other roles'.  A body in SQL is parsed without
 * evaluating anything.  One in PL/pgSQL is checked as its owner (own_sql.c),
 * and nothing of a third role's runs meanwhile: what would is a finding.
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

/* Where the parse hook leaves what it finds in a function's body. */
static bool collecting = false;
static List *collected = NIL;
static MemoryContext collection_context = NULL;

/* Whose body it is, and what kept it from being looked at, or NULL. */
static Oid	body_owner = InvalidOid;
static char *obstacle = NULL;

/* A function that parsing called was cancelled. */
static bool cancelled = false;

/* The query that calls plpgsql_check runs. */
static bool running_check = false;

/* How long a body may wait for a table that someone has locked. */
#define LOCK_TIMEOUT "100ms"

bool
is_collecting_mismatches(void)
{
	return collecting;
}

/* What the parse hook finds meanwhile; made into refusals while it is there. */
void
collect_mismatches(List *found)
{
	MemoryContext oldcontext = MemoryContextSwitchTo(collection_context);

	collected = list_concat(collected, refusals_of_mismatches(found));
	MemoryContextSwitchTo(oldcontext);
}

/* ----------------------------------------------------------------
 *		Bodies in SQL
 * ----------------------------------------------------------------
 */

/*
 * Makes nulls of the strings in a statement as the grammar has it.  A string
 * is read by the input function of the type that it turns out to have, and for
 * a composite type, a range or an array that evaluates the CHECKs of domains
 * within; a null is not read.  Modifiers of types must be what they are.
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

/* What parse analysis looks into of a statement: a query, that of a utility, or NULL. */
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
 * Has the parser analyse each statement of a body in SQL, as the validator
 * does; the parse hook is called for each.  Nothing is evaluated.
 */
static void
parse_sql_body(HeapTuple proc)
{
	bool		isnull;
	char	   *source = TextDatumGetCString(SysCacheGetAttr(PROCOID, proc, Anum_pg_proc_prosrc, &isnull));
	Form_pg_proc form = (Form_pg_proc) GETSTRUCT(proc);
	SQLFunctionParseInfoPtr info;
	ListCell   *lc;

	/* types of parameters that only a call tells */
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
 * plpgsql_check plans the statements of a body, and planning evaluates: calls
 * of immutable functions, and CHECKs of domains in constants.  That is done as
 * the owner of the body, and nothing of a third role's may run then.  Called
 * for each function that would: raises for one that neither that owner nor a
 * superuser owns.
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

/* Is this error a cancel, and not a function's that raises the same SQLSTATE? */
static bool
is_cancel(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_QUERY_CANCELED && error->funcname != NULL &&
		strcmp(error->funcname, "ProcessInterrupts") == 0;
}

/* Such a function has failed with the error at hand, which plpgsql_check is going to catch. */
void
function_failed_in_parser(void)
{
	MemoryContext oldcontext;

	if (!collecting || geterrcode() != ERRCODE_QUERY_CANCELED)
		return;
	oldcontext = MemoryContextSwitchTo(collection_context);
	cancelled |= is_cancel(CopyErrorData());
	MemoryContextSwitchTo(oldcontext);
}

/*
 * A query is about to run.  The call of plpgsql_check is one; what that plans
 * must run none, as functions of PostgreSQL's own would that read a table or
 * view for their caller.
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

/* Is this a volatile function of a superuser's?  The others are not called anyway. */
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
 * A domain of a third role's whose CHECK calls a volatile function, or NULL:
 * it may call what PostgreSQL itself has, which check_called_by_parser does
 * not hear of, and do something by it.
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
 * The call of plpgsql_check, where it is installed; the SPI connection stays.
 * It is planned by the caller, who can see it in whatever schema it is.
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

/* The settings that a function declares, as they are when it is created. */
static void
apply_settings(HeapTuple proc)
{
	bool		isnull;
	Datum		config = SysCacheGetAttr(PROCOID, proc, Anum_pg_proc_proconfig, &isnull);

	if (!isnull)
		ProcessGUCArray(DatumGetArrayTypeP(config), superuser() ? PGC_SUSET : PGC_USERSET,
						PGC_S_SESSION, GUC_ACTION_SAVE);
}

/* A body that is to be parsed. */
typedef struct Body
{
	HeapTuple	proc;
	char	   *search_path;	/* the caller's */
	SPIPlanPtr	check;			/* of a body in PL/pgSQL, or NULL */
} Body;

/* Parses a Body, as its owner. */
static void
parse_body(void *argument)
{
	Body	   *body = argument;
	Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(body->proc);

	set_for_level("search_path", body->search_path);
	apply_settings(body->proc);
	set_for_level("lock_timeout", LOCK_TIMEOUT);
	if (proc->prolang == SQLlanguageId)
		parse_sql_body(body->proc);
	else if (body->check != NULL)
		SPI_execute_plan(body->check, (Datum[]) {ObjectIdGetDatum(proc->oid)}, NULL, false, 0);
}

/* Parses a body.  Raises where the statement was cancelled meanwhile, whoever caught that. */
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
	if (cancelled)
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg("canceling statement while the body of function %s was parsed",
						format_procedure_qualified(form->oid))));
}

/* What keeps a body from being looked at is a finding too. */
static List *
add_obstacle(List *refusals, HeapTuple proc)
{
	Refusal    *refusal = palloc(sizeof(Refusal));

	*refusal = body_not_parsed(format_procedure_qualified(((Form_pg_proc) GETSTRUCT(proc))->oid), obstacle);
	return lappend(refusals, refusal);
}

/*
 * A body that does not parse is no finding: it compares nothing.  What parsing
 * has done, settings and locks included, ends with the subtransaction.
 */
static List *
mismatches_in_body(HeapTuple proc)
{
	MemoryContext oldcontext = CurrentMemoryContext;
	ResourceOwner oldowner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	collected = NIL;
	obstacle = NULL;
	cancelled = false;
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
	if (error != NULL && (cancelled || is_cancel(error) || error->sqlerrcode == ERRCODE_OUT_OF_MEMORY))
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

/* "parse" is false for the event trigger: the parse hook has seen a string. */
List *
mismatches_in_function(Oid funcid, bool parse)
{
	HeapTuple	proc = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	List	   *refusals = NIL;
	bool		isnull;
	Datum		body;

	if (!HeapTupleIsValid(proc))
		return NIL;
	/* another session's, of whoever that is */
	parse &= !isOtherTempNamespace(((Form_pg_proc) GETSTRUCT(proc))->pronamespace);
	body = SysCacheGetAttr(PROCOID, proc, Anum_pg_proc_prosqlbody, &isnull);
	if (!isnull)
		refusals = refusals_of_mismatches(mismatches_in_queries(list_make1(stringToNode(TextDatumGetCString(body)))));
	else if (parse && can_parse(((Form_pg_proc) GETSTRUCT(proc))->prolang))
		refusals = mismatches_in_body(proc);
	ReleaseSysCache(proc);
	return refusals;
}
