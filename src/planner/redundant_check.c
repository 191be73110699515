/*-------------------------------------------------------------------------
 *
 * redundant_check.c
 *	  Removes checks of new rows that are known to hold.
 *
 * The policy checks each new row of INSERT and UPDATE.  Most often the check is
 * known to hold: INSERT leaves the tenant column to its default, which is the
 * getter that the check compares with, and UPDATE does not assign to the tenant
 * column of a row that the policy's USING has passed.  Then the check, which costs
 * up to a tenth of the statement (docs/performance.md), is redundant.
 *
 * That is known only if nothing but the query computes the row: there is no
 * BEFORE trigger, no child or partition that might have one, and the tenant column
 * is not generated.  Checks of the application's policies, of views and of
 * ON CONFLICT stay, and so does the check of a value that the query computes.
 *
 * The check of tenant_access, a call of guarded(), holds for every row.  The
 * planner would fold it to true, but that was three quarters of what a guard added
 * to a short INSERT.
 *
 * A plan may be executed after a trigger was created: planning may call a function
 * that creates one, and portals and functions in SQL keep their plans.  So the
 * triggers of the executor's result relations are examined when execution starts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "nodes/execnodes.h"
#include "nodes/plannodes.h"
#include "nodes/primnodes.h"
#include "parser/parsetree.h"
#include "storage/lmgr.h"
#include "utils/rel.h"

#include "compat.h"
#include "guard.h"
#include "guard_policy.h"
#include "plan_refusals.h"
#include "redundant_check.h"
#include "settings.h"
#include "tenant_qual.h"

/* Does a table have triggers that may change the new rows of a command?  Disabled ones count. */
static bool
triggers_change_rows(const TriggerDesc *triggers, CmdType command)
{
	return triggers != NULL &&
		(command == CMD_INSERT ? triggers->trig_insert_before_row : triggers->trig_update_before_row);
}

/*
 * Is this column of each new row as the query computes it?  The caller holds a
 * lock on the table.
 */
static bool
rows_are_as_computed(Oid relid, AttrNumber attnum, CmdType command)
{
	Relation	relation = table_open(relid, NoLock);
	bool		computed = !triggers_change_rows(relation->trigdesc, command) &&
		relation->rd_rel->relkind == RELKIND_RELATION && !relation->rd_rel->relhassubclass &&
		TupleDescAttr(RelationGetDescr(relation), attnum - 1)->attgenerated == '\0';

	Assert(CheckRelationLockedByMe(relation, AccessShareLock, true));
	table_close(relation, NoLock);
	return computed;
}

/* Returns the expression that the query assigns to a column, or NULL. */
static const Expr *
value_for(const Query *query, AttrNumber attnum)
{
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		const TargetEntry *target = lfirst(lc);

		if (!target->resjunk && target->resno == attnum)
			return target->expr;
	}
	return NULL;
}

/* Does the query assign the value that the policy's qual compares with to the tenant column, or leave the column unchanged? */
static bool
leaves_tenant(const Query *query, const RangeTblEntry *rte, Node *qual, AttrNumber attnum)
{
	const Expr *value = value_for(query, attnum);

	if (value != NULL)
		return equal(value, lsecond(((OpExpr *) qual)->args));
	return query->commandType == CMD_UPDATE && !has_rows_of_everyone(rte->relid) &&
		tenant_qual(rte, query->resultRelation) != NULL;
}

/* Is this the tenant's check of a new row, and known to hold? */
static bool
check_is_known(const WithCheckOption *check, const Query *query)
{
	const RangeTblEntry *rte = rt_fetch(query->resultRelation, query->rtable);
	AttrNumber	attnum = tenant_qual_column(check->qual, query->resultRelation);

	return check->kind == (query->commandType == CMD_INSERT ? WCO_RLS_INSERT_CHECK : WCO_RLS_UPDATE_CHECK) &&
		attnum > 0 && attnum == guard_of(rte->relid).attnum &&
		leaves_tenant(query, rte, check->qual, attnum) &&
		rows_are_as_computed(rte->relid, attnum, query->commandType);
}

/*
 * Can a tenant's check be known to hold?  Not with missing_tenant = 'empty', where
 * the getter may return null, which the check refuses.
 */
static bool
checks_can_be_known(const Query *query)
{
	return setting_missing_tenant != MISSING_IS_EMPTY &&
		(query->commandType == CMD_INSERT || query->commandType == CMD_UPDATE);
}

/*
 * Removes the checks that are known to hold from a query that is about to be
 * planned, while its security quals are still in place.  Returns true if a check
 * of the tenant was among them: check_unchecked_rows() must be called when the
 * plan is executed.
 */
bool
drop_redundant_checks(Query *query)
{
	bool		dropped = false;
	ListCell   *lc;

	Assert(query->withCheckOptions == NIL || query->resultRelation > 0);
	foreach(lc, query->withCheckOptions)
	{
		const WithCheckOption *check = lfirst_node(WithCheckOption, lc);

		if (!is_access_qual(check->qual))
		{
			if (!checks_can_be_known(query) || !check_is_known(check, query))
				continue;
			dropped = true;
		}
		query->withCheckOptions = foreach_delete_current(query->withCheckOptions, lc);
	}
	return dropped;
}

/*
 * Returns the result relations of the statement itself.  Those of data-modifying
 * WITH queries are always checked.  If an extension has put another node on top of
 * the plan, all result relations are returned.
 */
static const List *
result_relations(const PlannedStmt *plan)
{
	if (IsA(plan->planTree, ModifyTable))
		return ((const ModifyTable *) plan->planTree)->resultRelations;
	return plan_result_relations(plan);
}

/* Raises an error if a table that a plan without such checks is about to write to has a BEFORE trigger now. */
void
check_unchecked_rows(const QueryDesc *query_desc)
{
	ListCell   *lc;

	Assert(query_desc->estate != NULL); /* the executor has been started */
	foreach(lc, result_relations(query_desc->plannedstmt))
	{
		const ResultRelInfo *result = query_desc->estate->es_result_relations[lfirst_int(lc) - 1];

		if (result != NULL && triggers_change_rows(result->ri_TrigDesc, query_desc->operation))
			raise_refusal(trigger_is_new(RelationGetRelid(result->ri_RelationDesc)));
	}
}
