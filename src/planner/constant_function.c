/*-------------------------------------------------------------------------
 *
 * constant_function.c
 *	  Functions whose results the planner can put into a plan as constants.
 *
 * tenant_plan.c asks whether there were any while a statement was planned: a plan
 * with such constants is not kept for another tenant.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_language.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "catalog.h"
#include "constant_function.h"
#include "extension_function.h"
#include "library.h"
#include "tenant_plan.h"

/* Does an operator, an operator class or a type use this function? */
static bool
is_used_by_type(Oid funcid)
{
	CatalogScan scan = begin_dependents_scan(ProcedureRelationId, funcid);
	bool		found = false;
	HeapTuple	row;

	while (!found && HeapTupleIsValid(row = next_catalog_row(&scan)))
	{
		Oid			user = ((Form_pg_depend) GETSTRUCT(row))->classid;

		found = user == OperatorRelationId || user == AccessMethodProcedureRelationId || user == TypeRelationId;
	}
	end_catalog_scan(&scan);
	return found;
}

/* Functions of which is_used_by_type() has returned false; NULL if there are none. */
static HTAB *not_used = NULL;
static bool not_used_is_stale = false;

/* An operator, a support function or a range type has been made or changed. */
static void
types_changed(Datum arg, int cache, uint32 hash)
{
	not_used_is_stale = true;
}

/* is_used_by_type(), which reads all that depends on the function, at most once for each. */
static bool
is_known_to_be_used_by_type(Oid funcid)
{
	bool		used;

	if (not_used_is_stale && not_used != NULL)
	{
		hash_destroy(not_used);
		not_used = NULL;
	}
	not_used_is_stale = false;
	if (not_used == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(Oid), .entrysize = sizeof(Oid)};

		not_used = hash_create("tenant_guard functions of no type", 64, &control, HASH_ELEM | HASH_BLOBS);
	}
	if (hash_search(not_used, &funcid, HASH_FIND, NULL) != NULL)
		return false;
	used = is_used_by_type(funcid);
	if (!used)
		(void) hash_search(not_used, &funcid, HASH_ENTER, NULL);
	return used;
}

/*
 * May PostgreSQL keep this function looked up, to compare or hash values of a
 * type, or to make a range canonical?  One in C is not expected to read rows.
 */
static bool
may_be_kept_for_type(Oid funcid)
{
	HeapTuple	row = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	Form_pg_proc proc;
	bool		possible;

	if (!HeapTupleIsValid(row))
		return false;
	proc = (Form_pg_proc) GETSTRUCT(row);
	possible = (proc->pronargs == 1 || proc->pronargs == 2) &&
		proc->prolang != ClanguageId && proc->prolang != INTERNALlanguageId &&
		(proc->prorettype == BOOLOID || proc->prorettype == INT4OID || proc->prorettype == INT8OID ||
		 proc->prorettype == proc->proargtypes.values[0]);
	ReleaseSysCache(row);
	return possible && is_known_to_be_used_by_type(funcid);
}

/* Do CHECK constraints of domains call functions for what the type cache keeps as constants?  As of the last change of one. */
static bool domains_call = false;
static bool domains_are_known = false;

static void
constraints_changed(Datum arg, int cache, uint32 hash)
{
	if (!is_forgetting_domains())
		domains_are_known = false;
}

/*
 * Can PostgreSQL make a constant of what a call of this function returns that may
 * have read rows?  Of a call with arguments that vary, only where it is in SQL and
 * becomes what its body calls.
 */
static bool
may_give_constant(Oid funcid, bool varies)
{
	HeapTuple	row;
	Form_pg_proc proc;
	bool		may;

	if (funcid < FirstNormalObjectId || extension_function(funcid) != EXTENSION_NONE)
		return false;
	row = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	if (!HeapTupleIsValid(row))
		return false;
	proc = (Form_pg_proc) GETSTRUCT(row);
	may = proc->provolatile == PROVOLATILE_IMMUTABLE &&
		(varies ? proc->prolang == SQLlanguageId : proc->prolang != ClanguageId && proc->prolang != INTERNALlanguageId);
	ReleaseSysCache(row);
	return may;
}

/* A check_functions_in_node callback. */
static bool
gives_constant(Oid funcid, void *varies)
{
	return may_give_constant(funcid, *(bool *) varies);
}

static bool
depends_on_value(Node *node, void *context)
{
	return node != NULL && (IsA(node, CoerceToDomainValue) || expression_tree_walker(node, depends_on_value, context));
}

/* Does a CHECK constraint of a domain call a function for a constant? */
static bool
calls_for_constant(Node *node, void *context)
{
	bool		varies = depends_on_value(node, NULL);

	return node != NULL &&
		(check_functions_in_node(node, gives_constant, &varies) || expression_tree_walker(node, calls_for_constant, context));
}

static bool
check_calls_for_constant(HeapTuple constraint, TupleDesc desc)
{
	bool		isnull;
	Datum		check = heap_getattr(constraint, Anum_pg_constraint_conbin, desc, &isnull);

	return !isnull && calls_for_constant(stringToNode(TextDatumGetCString(check)), NULL);
}

/* Does any domain's CHECK constraint? */
static bool
any_domain_calls(void)
{
	Relation	constraints = table_open(ConstraintRelationId, AccessShareLock);
	bool		found = false;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	row;

	ScanKeyInit(&key, Anum_pg_constraint_contypid, BTGreaterStrategyNumber, F_OIDGT, ObjectIdGetDatum(InvalidOid));
	scan = systable_beginscan(constraints, ConstraintTypidIndexId, true, NULL, 1, &key);
	while (!found && HeapTupleIsValid(row = systable_getnext(scan)))
		found = check_calls_for_constant(row, RelationGetDescr(constraints));
	systable_endscan(scan);
	table_close(constraints, AccessShareLock);
	return found;
}

/* The type cache keeps the constraints of a domain, without asking the planner. */
static void
note_function_of_domain(Oid funcid)
{
	if (domains_have_functions() || !may_give_constant(funcid, false))
		return;
	if (!domains_are_known)
	{
		domains_are_known = true;	/* before the scan, which a change may interrupt */
		domains_call = any_domain_calls();
	}
	if (domains_call)
		note_function_of_domains();
}

/* What a function of a user's returns that he calls IMMUTABLE, the planner may put into a plan. */
static void
note_function_of_plan(Oid funcid)
{
	if (is_planning() && funcid >= FirstNormalObjectId && extension_function(funcid) == EXTENSION_NONE &&
		func_volatile(funcid) == PROVOLATILE_IMMUTABLE)
		note_immutable_function();
}

/*
 * An IMMUTABLE function of PostgreSQL, such as array_eq(), calls the functions
 * of a type, be they IMMUTABLE or not.  The type cache and the relation cache
 * look them up once in a session, maybe before a statement is planned.
 */
static void
note_function_of_type(Oid funcid)
{
	if (!types_have_functions() && funcid >= FirstNormalObjectId && may_be_kept_for_type(funcid))
		note_function_of_types();
}

/* To be called when the function manager looks up a function. */
void
note_function_looked_up(Oid funcid)
{
	note_function_of_plan(funcid);
	note_function_of_type(funcid);
	note_function_of_domain(funcid);
}

/* To be called when a function starts of which the above was not told: one that is SECURITY DEFINER, or sets a parameter. */
void
note_function_called(Oid funcid)
{
	note_function_of_plan(funcid);
	if (is_planning())
		note_function_of_type(funcid);
	note_function_of_domain(funcid);
}

/* Must be called once, by _PG_init. */
void
init_constant_functions(void)
{
	CacheRegisterSyscacheCallback(OPEROID, types_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AMPROCNUM, types_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(RANGETYPE, types_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(CONSTROID, constraints_changed, (Datum) 0);
	if (library_came_late())
	{
		/* one may be kept that was looked up before */
		note_function_of_types();
		note_function_of_domains();
	}
}
