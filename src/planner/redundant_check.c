/*-------------------------------------------------------------------------
 *
 * redundant_check.c
 *	  New rows that are known to be the tenant's need no check.
 *
 * The policy checks each row that INSERT and UPDATE make.  Mostly it is known
 * to be right: INSERT leaves the tenant column to its default, which is the
 * getter that the check compares with, and UPDATE leaves it as it was in a row
 * that the policy let through.  Then the check costs every row a twentieth of
 * what writing it does, and can say nothing.
 *
 * It is known only where nothing but the query makes the row: no BEFORE
 * trigger, no child or partition that might have one, no generated column.
 * Other checks, of the application's policies, of views and of ON CONFLICT,
 * stay, and so does a check of a value that the query computes.
 *
 * That of tenant_access, a call of guarded(), holds for whatever row.  The
 * planner would find so too, by folding it: that was three quarters of what a
 * guard added to a short INSERT.
 *
 * A plan may run after a trigger was made: planning may call a function that
 * makes one, and functions in SQL and portals keep their plans.  So when it
 * runs, what the executor holds of its tables is looked at once more.
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
#include "utils/rel.h"

#include "catalog.h"
#include "compat.h"
#include "guard.h"
#include "guard_policy.h"
#include "plan_refusals.h"
#include "redundant_check.h"
#include "settings.h"
#include "tenant_qual.h"

/* May triggers change rows that a command makes?  Those that are disabled count. */
static bool
triggers_change_rows(const TriggerDesc *triggers, CmdType command)
{
	return triggers != NULL &&
		(command == CMD_INSERT ? triggers->trig_insert_before_row : triggers->trig_update_before_row);
}

/* Is a row of the table what the query computes, in this column? */
static bool
rows_are_as_computed(Oid relid, AttrNumber attnum, CmdType command)
{
	Relation	relation = table_open(relid, NoLock);
	bool		computed = !triggers_change_rows(relation->trigdesc, command) &&
		relation->rd_rel->relkind == RELKIND_RELATION && !relation->rd_rel->relhassubclass &&
		TupleDescAttr(RelationGetDescr(relation), attnum - 1)->attgenerated == '\0';

	table_close(relation, NoLock);
	return computed;
}

/* What the query puts into a column, or NULL. */
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

/* Does the query leave the tenant column to its default, or as it is? */
static bool
leaves_tenant(const Query *query, const RangeTblEntry *rte, Node *qual, AttrNumber attnum)
{
	const Expr *value = value_for(query, attnum);

	if (value != NULL)
		return equal(value, lsecond(((OpExpr *) qual)->args));
	return query->commandType == CMD_UPDATE && tenant_qual(rte, query->resultRelation) != NULL;
}

/* Is this check the policy's own, and known to hold? */
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
 * May checks of the tenant be known to hold?  Where a missing tenant is no
 * error the getter may return null, and the check refuses that.
 */
static bool
checks_can_be_known(const Query *query)
{
	return setting_missing_tenant != MISSING_IS_EMPTY &&
		(query->commandType == CMD_INSERT || query->commandType == CMD_UPDATE);
}

/*
 * Takes the checks that are known to hold from a query that is about to be
 * planned, before its barrier is lowered; true if the tenant's were among them.
 */
bool
drop_redundant_checks(Query *query)
{
	bool		dropped = false;
	ListCell   *lc;

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
 * What the statement itself writes to.  Whatever it does in WITH is checked;
 * who makes plans of another shape has all of it looked at.
 */
static const List *
results_of(const PlannedStmt *plan)
{
	if (IsA(plan->planTree, ModifyTable))
		return ((const ModifyTable *) plan->planTree)->resultRelations;
	return plan_result_relations(plan);
}

/* A plan without such checks is about to run: does what was known still hold? */
void
check_unchecked_rows(const QueryDesc *query_desc)
{
	ListCell   *lc;

	foreach(lc, results_of(query_desc->plannedstmt))
	{
		const ResultRelInfo *result = query_desc->estate->es_result_relations[lfirst_int(lc) - 1];

		if (result != NULL && triggers_change_rows(result->ri_TrigDesc, query_desc->operation))
			raise_refusal(trigger_is_new(relation_name(RelationGetRelid(result->ri_RelationDesc))));
	}
}
