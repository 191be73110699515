/*-------------------------------------------------------------------------
 *
 * witness.c
 *	  Counts the calls of every hook that tenant_guard chains, for the tests.
 *
 * Loaded before tenant_guard it is the hook that tenant_guard must call;
 * loaded after it, it calls tenant_guard's.  Each of its hooks calls the one
 * that was there before, and refuses afterwards what it was told to refuse.
 *
 * It also exports functions with names that tenant_guard uses inside: a
 * library that is loaded first must not replace them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/objectaccess.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "optimizer/planner.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/ruleutils.h"

#include "compat.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

PG_FUNCTION_INFO_V1(witness_counts);
PG_FUNCTION_INFO_V1(witness_refuse);
PG_FUNCTION_INFO_V1(witness_deparse);

static ProcessUtility_hook_type prev_process_utility = NULL;
static object_access_hook_type prev_object_access = NULL;
static ExecutorCheckPerms_hook_type prev_check_perms = NULL;
static needs_fmgr_hook_type prev_needs_fmgr = NULL;
static fmgr_hook_type prev_fmgr = NULL;
static planner_hook_type prev_planner = NULL;

typedef struct Counts
{
	int			utility;
	int			object_access;
	int			check_perms;
	int			needs_fmgr;
	int			fmgr_start;
	int			fmgr_end;
	int			fmgr_abort;
	int			fmgr_lost;		/* an argument that is not the one we left */
} Counts;

static Counts counts;

/* What check_perms says of a query that reads or writes a relation. */
static enum
{
	REFUSES_NOTHING,
	REFUSES_QUIETLY,			/* false, where that is asked for */
	REFUSES_LOUDLY				/* an error, where that is asked for */
}			refuses = REFUSES_NOTHING;

/* Is each query that is planned written down as text, as one for another server would be? */
static bool deparses = false;
static int	with_tenant = 0;	/* in how many of them there was a tenant */

/* What fmgr_hook keeps between the start and the end of a call. */
typedef struct Call
{
	FmgrInfo   *flinfo;
	Datum		prev_arg;
} Call;

static void
process_utility(PlannedStmt *pstmt, const char *query_string, bool read_only_tree,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *query_env, DestReceiver *dest, QueryCompletion *qc)
{
	counts.utility++;
	if (prev_process_utility)
		prev_process_utility(pstmt, query_string, read_only_tree, context,
							 params, query_env, dest, qc);
	else
		standard_ProcessUtility(pstmt, query_string, read_only_tree, context,
								params, query_env, dest, qc);
}

static void
object_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *arg)
{
	counts.object_access++;
	if (prev_object_access)
		prev_object_access(access, class_id, object_id, sub_id, arg);
}

static bool
needs_permission(List *permission_infos)
{
	ListCell   *lc;

	foreach(lc, permission_infos)
	{
		PermissionInfo *info = lfirst(lc);

		if (OidIsValid(info->relid) && info->requiredPerms != 0)
			return true;
	}
	return false;
}

static bool
check_perms(CHECK_PERMS_PARAMETERS)
{
	counts.check_perms++;
	if (prev_check_perms && !prev_check_perms(CHECK_PERMS_ARGUMENTS))
		return false;
	if (refuses == REFUSES_NOTHING || !needs_permission(permission_infos))
		return true;
	if (refuses == REFUSES_LOUDLY && ereport_on_violation)
		ereport(ERROR,
				(errcode(MAKE_SQLSTATE('W', 'T', '0', '0', '1')),
				 errmsg("the witness refuses")));
	return !(refuses == REFUSES_QUIETLY && !ereport_on_violation);
}

/* Wants to see every function that PostgreSQL asks about. */
static bool
needs_fmgr(Oid funcid)
{
	counts.needs_fmgr++;
	if (prev_needs_fmgr)
		(void) prev_needs_fmgr(funcid);
	return true;
}

static void
fmgr(FmgrHookEventType event, FmgrInfo *flinfo, Datum *arg)
{
	Call	   *call = (Call *) DatumGetPointer(*arg);

	if (event == FHET_START && call == NULL)
	{
		call = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(Call));
		call->flinfo = flinfo;
		*arg = PointerGetDatum(call);
	}
	counts.fmgr_start += event == FHET_START;
	counts.fmgr_end += event == FHET_END;
	counts.fmgr_abort += event == FHET_ABORT;
	if (call == NULL || call->flinfo != flinfo)
		counts.fmgr_lost++;
	else if (prev_fmgr)
		prev_fmgr(event, flinfo, &call->prev_arg);
}

static PlannedStmt *
planner(PLANNER_PARAMETERS)
{
	if (deparses && strstr(pg_get_querydef(copyObject(query), false), "current_tenant()") != NULL)
		with_tenant++;
	return prev_planner ? prev_planner(PLANNER_ARGUMENTS) : standard_planner(PLANNER_ARGUMENTS);
}

/* How often each hook was called in this session since it was last asked. */
Datum
witness_counts(PG_FUNCTION_ARGS)
{
	char	   *text = psprintf("utility %d, access %d, perms %d, needs %d, start %d, end %d, abort %d, lost %d",
								counts.utility, counts.object_access, counts.check_perms,
								counts.needs_fmgr, counts.fmgr_start, counts.fmgr_end,
								counts.fmgr_abort, counts.fmgr_lost);

	memset(&counts, 0, sizeof(counts));
	PG_RETURN_TEXT_P(cstring_to_text(text));
}

Datum
witness_refuse(PG_FUNCTION_ARGS)
{
	char	   *how = text_to_cstring(PG_GETARG_TEXT_PP(0));

	refuses = strcmp(how, "quietly") == 0 ? REFUSES_QUIETLY :
		strcmp(how, "loudly") == 0 ? REFUSES_LOUDLY : REFUSES_NOTHING;
	PG_RETURN_VOID();
}

Datum
witness_deparse(PG_FUNCTION_ARGS)
{
	deparses = PG_GETARG_BOOL(0);
	PG_RETURN_INT32(with_tenant);
}

/* What a library that replaces ours by accident might do: allow everything. */
extern PGDLLEXPORT bool check_access(List *permission_infos, bool raise);
extern PGDLLEXPORT void check_truncate(Oid relid);

bool
check_access(List *permission_infos, bool raise)
{
	return true;
}

void
check_truncate(Oid relid)
{
}

void
_PG_init(void)
{
	prev_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
	prev_object_access = object_access_hook;
	object_access_hook = object_access;
	prev_check_perms = ExecutorCheckPerms_hook;
	ExecutorCheckPerms_hook = check_perms;
	prev_needs_fmgr = needs_fmgr_hook;
	needs_fmgr_hook = needs_fmgr;
	prev_fmgr = fmgr_hook;
	fmgr_hook = fmgr;
	prev_planner = planner_hook;
	planner_hook = planner;
}
