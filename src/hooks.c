/*-------------------------------------------------------------------------
 *
 * hooks.c
 *	  Installs and chains every hook; each calls one verdict above.
 *
 * A switchboard: nothing is decided here.  Each shell calls the hook that was
 * there before exactly once on every path that goes on.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/objectaccess.h"
#include "catalog/pg_db_role_setting.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"

#include "ddl.h"
#include "hooks.h"
#include "refuse.h"
#include "stored_setting.h"

static ProcessUtility_hook_type prev_process_utility = NULL;
static object_access_hook_type prev_object_access = NULL;

/*
 * The table that EXPLAIN ANALYZE CREATE TABLE AS makes, or NULL.  EXPLAIN is
 * no statement that event triggers see.
 */
static const RangeVar *
table_made_by_explain(const Node *stmt)
{
	const Query *query;
	const CreateTableAsStmt *ctas;
	ListCell   *lc;
	bool		analyze = false;

	if (!IsA(stmt, ExplainStmt))
		return NULL;
	query = castNode(Query, ((const ExplainStmt *) stmt)->query);
	if (query->utilityStmt == NULL || !IsA(query->utilityStmt, CreateTableAsStmt))
		return NULL;
	ctas = (const CreateTableAsStmt *) query->utilityStmt;
	foreach(lc, ((const ExplainStmt *) stmt)->options)
		analyze |= strcmp(lfirst_node(DefElem, lc)->defname, "analyze") == 0;
	return analyze && ctas->objtype == OBJECT_TABLE ? ctas->into->rel : NULL;
}

static void
process_utility(PlannedStmt *pstmt, const char *query_string, bool read_only_tree,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *query_env, DestReceiver *dest, QueryCompletion *qc)
{
	const RangeVar *made = table_made_by_explain(pstmt->utilityStmt);

	if (prev_process_utility)
		prev_process_utility(pstmt, query_string, read_only_tree, context,
							 params, query_env, dest, qc);
	else
		standard_ProcessUtility(pstmt, query_string, read_only_tree, context,
								params, query_env, dest, qc);
	if (made != NULL)
		table_was_created(made);
}

static void
object_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *arg)
{
	if (prev_object_access)
		prev_object_access(access, class_id, object_id, sub_id, arg);

	/* ALTER ROLE and ALTER DATABASE ... SET: object is the database, auxiliary the role */
	if (access == OAT_POST_ALTER && class_id == DbRoleSettingRelationId && !superuser() &&
		stores_tenant(object_id, ((ObjectAccessPostAlter *) arg)->auxiliary_id))
		raise_refusal(role_sets_own_tenant());
}

void
install_hooks(void)
{
	prev_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
	prev_object_access = object_access_hook;
	object_access_hook = object_access;
}
