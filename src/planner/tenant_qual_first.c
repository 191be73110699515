/*-------------------------------------------------------------------------
 *
 * tenant_qual_first.c
 *	  Plans with guarded tables: the tenant's qual before all filters.
 *
 * PostgreSQL's security barrier keeps back functions that are not LEAKPROOF
 * only if they are given a column of the row (contain_leaked_vars in clauses.c).
 * Others are ordered by cost with the policies' quals, and who writes a function
 * says what it costs:
 *
 *		WHERE CASE WHEN body = 'a secret' THEN talk() END
 *
 * calls talk() for another tenant's row, if talk() is declared to cost less than
 * comparing tenants does.  A sub-select that is evaluated once costs nothing.
 *
 * So in a finished plan, wherever the barrier stays, the tenant's qual is put
 * before the other filters of its scan; the executor evaluates them in this
 * order.
 *
 * And where the query itself compares the tenant column with a value, the
 * planner puts that value in the tenant's place, and compares it with the
 * tenant once, when the scan starts (equivclass.c).  What is STABLE by its
 * writer's word only, or is a setting, may then be another for the next row:
 *
 *		WHERE tenant_id = current_setting('app.tenant')::uuid
 *
 * So each scan has the tenant's own qual, or compares with a constant or a
 * parameter.
 *
 * Tables that a function in SQL brings along are among them, which the
 * planner inlines after it has asked us (inline_set_returning_function).
 *
 * Conditions of an index come before filters all the same, and are evaluated
 * once more where an index is lossy: a function in one is called as often as
 * there are such rows.
 *
 * The row that ON CONFLICT meets comes from no scan (conflict_filter.c).  MERGE
 * looks at what has become of a row that somebody has changed meanwhile, from 17
 * on also where its scan does not let it through any more: as one that no source
 * matches.  So the tenant's qual is before what its actions ask of the row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "rewrite/rowsecurity.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"

#include "catalog.h"
#include "compat.h"
#include "conflict_filter.h"
#include "guard.h"
#include "guard_policy.h"
#include "plan_walk.h"
#include "security_barrier.h"
#include "tenant_qual_first.h"
#include "tenant_type.h"

/* The table's column that stands in a scan's filter, or NULL for anything else. */
static const Var *
column_of(const Plan *scan, Node *node)
{
	const Var  *var = (const Var *) strip_relabel(node);

	if (var == NULL || !IsA(var, Var))
		return NULL;
	if (var->varno == INDEX_VAR && IsA(scan, IndexOnlyScan))
	{
		List	   *columns = ((const IndexOnlyScan *) scan)->indextlist;

		if (var->varattno <= 0 || var->varattno > list_length(columns))
			return NULL;
		var = (const Var *) list_nth_node(TargetEntry, columns, var->varattno - 1)->expr;
	}
	return IsA(var, Var) ? var : NULL;
}

/*
 * Is this a value that nobody can change while a scan goes on: the tenant, or
 * what is known before the scan starts?
 */
static bool
is_steady(Node *value)
{
	value = strip_relabel(value);
	return value != NULL &&
		(IsA(value, Const) || IsA(value, Param) || is_getter(value));
}

/* Are these the tenant column and such a value? */
static bool
are_tenant_and_value(Node *column, Node *value, const Plan *scan, AttrNumber attnum)
{
	const Var  *var = column_of(scan, column);

	return var != NULL && var->varattno == attnum && is_steady(value);
}

/*
 * Does a filter compare them?  Where the query does so too, the planner compares
 * the column with the query's value, and that value with the tenant, once.
 */
static bool
is_tenants(Node *filter, const Plan *scan, AttrNumber attnum)
{
	const OpExpr *op = (const OpExpr *) filter;

	if (!IsA(op, OpExpr) || list_length(op->args) != 2 || !is_tenant_equality(op->opno))
		return false;
	return are_tenant_and_value(linitial(op->args), lsecond(op->args), scan, attnum) ||
		are_tenant_and_value(lsecond(op->args), linitial(op->args), scan, attnum);
}

static bool
has_tenants(const List *filters, const Plan *scan, AttrNumber attnum)
{
	ListCell   *lc;

	foreach(lc, filters)
		if (is_tenants(lfirst(lc), scan, attnum))
			return true;
	return false;
}

/* The conditions of the index that a scan uses, as filters are written. */
static const List *
index_conditions(const Plan *scan)
{
	switch (nodeTag(scan))
	{
		case T_IndexScan:
			return ((const IndexScan *) scan)->indexqualorig;
		case T_IndexOnlyScan:
			return ((const IndexOnlyScan *) scan)->indexqual;
		case T_BitmapHeapScan:
			return ((const BitmapHeapScan *) scan)->bitmapqualorig;
		default:
			return NIL;
	}
}

/*
 * The policy's qual of a guarded table; it speaks of the table as number 1 and
 * is palloc'd.  NULL if it is not there.
 */
static OpExpr *
policy_qual(Oid relid)
{
	Relation	relation = table_open(relid, NoLock);
	OpExpr	   *qual = NULL;
	ListCell   *lc;

	if (relation->rd_rsdesc != NULL)
		foreach(lc, relation->rd_rsdesc->policies)
		{
			const RowSecurityPolicy *policy = lfirst(lc);

			if (strcmp(policy->policy_name, ISOLATION_POLICY) == 0 &&
				tenant_qual_column((Node *) policy->qual, 1) > 0)
				qual = (OpExpr *) copyObject(policy->qual);
		}
	table_close(relation, NoLock);
	return qual;
}

/* Lets a Var of the tenant column be one of what the scan has at hand; false if it has no such column. */
static bool
refer_to_scan(Var *var, const Plan *scan)
{
	ListCell   *lc;

	var->varno = ((const Scan *) scan)->scanrelid;
	if (IsA(scan, CustomScan) && ((const CustomScan *) scan)->custom_scan_tlist != NIL)
		return false;
	if (!IsA(scan, IndexOnlyScan))
		return true;
	foreach(lc, ((const IndexOnlyScan *) scan)->indextlist)
	{
		const TargetEntry *column = lfirst(lc);

		if (IsA(column->expr, Var) && ((const Var *) column->expr)->varattno == var->varattno)
		{
			var->varno = INDEX_VAR;
			var->varattno = column->resno;
			return true;
		}
	}
	return false;
}

/*
 * Puts the policy's qual into a scan.  "guarded" is the table or, where that one has
 * no guard of its own, what it is a part of.  A scan without the column compares it
 * with nothing that could change: an index's predicate has it.
 */
static void
add_tenants(Plan *scan, Oid guarded, AttrNumber attnum)
{
	OpExpr	   *qual = policy_qual(guarded);
	Var		   *var;

	if (qual == NULL)
		return;
	var = (Var *) strip_relabel(linitial(qual->args));
	var->varattno = attnum;
	if (!refer_to_scan(var, scan))
		return;
	set_opfuncid(qual);
	scan->qual = lcons(qual, scan->qual);
}

/* Puts the tenant's filter before the others. */
static void
order_filters(Plan *scan, AttrNumber attnum)
{
	List	   *first = NIL;
	List	   *others = NIL;
	ListCell   *lc;

	foreach(lc, scan->qual)
	{
		Node	   *filter = lfirst(lc);

		if (is_tenants(filter, scan, attnum))
			first = lappend(first, filter);
		else
			others = lappend(others, filter);
	}
	scan->qual = list_concat(first, others);
}

/*
 * The table whose guard is that of this one: itself, or, where it has none of its own, what it is a part of; or
 * InvalidOid.
 */
static Oid
guarded_ancestor(const RangeTblEntry *rte)
{
	ListCell   *lc;

	if (guard_of(rte->relid).status == GUARD_WHOLE)
		return rte->relid;
	if (has_filter_note(rte) || get_rel_relispartition(rte->relid))
		foreach(lc, ancestors_of(rte->relid))
			if (guard_of(lfirst_oid(lc)).status == GUARD_WHOLE)
				return lfirst_oid(lc);
	return InvalidOid;
}

/* Does row-level security bind whoever reads this table of the plan? */
static bool
is_bound(const PlannedStmt *plan, Index rti)
{
	const RangeTblEntry *rte = rt_fetch(rti, plan->rtable);

	return has_filter_note(rte) ||
		check_enable_rls(rte->relid, check_as_user(plan, rti), true) == RLS_ENABLED;
}

/* The column of a part that is this one of the whole; both may be the same table. */
static AttrNumber
column_of_part(Oid part, Oid whole, AttrNumber attnum)
{
	return part == whole ? attnum : get_attnum(part, get_attname(whole, attnum, false));
}

/* For the actions of MERGE on a table of the plan. */
static void
put_tenant_before_actions(const List *actions, const PlannedStmt *plan, Index rti)
{
	const RangeTblEntry *rte = rt_fetch(rti, plan->rtable);
	Oid			guarded = guarded_ancestor(rte);
	OpExpr	   *qual;
	ListCell   *lc;

	if (!OidIsValid(guarded) || !is_bound(plan, rti) || (qual = policy_qual(guarded)) == NULL)
		return;
	set_opfuncid(qual);
	((Var *) strip_relabel(linitial(qual->args)))->varno = rti;
	((Var *) strip_relabel(linitial(qual->args)))->varattno =
		column_of_part(rte->relid, guarded, guard_of(guarded).attnum);
	foreach(lc, actions)
	{
		MergeAction *action = lfirst_node(MergeAction, lc);

		if (action_has_old_row(action) && action->qual != NULL)
			action->qual = (Node *) lcons(copyObject(qual), (List *) action->qual);
	}
}

static void
put_tenant_before_merge(const ModifyTable *merge, const PlannedStmt *plan)
{
	ListCell   *actions;
	ListCell   *rti;

	forboth(actions, merge->mergeActionLists, rti, merge->resultRelations)
		put_tenant_before_actions(lfirst(actions), plan, lfirst_int(rti));
}

/* A PlanVisitor. */
static void
treat_node(Plan *scan, void *context)
{
	const PlannedStmt *plan = context;
	const RangeTblEntry *rte;
	Oid			guarded;
	AttrNumber	attnum;

	if (IsA(scan, ModifyTable))
	{
		put_tenant_before_conflict((ModifyTable *) scan);
		put_tenant_before_merge((ModifyTable *) scan, plan);
	}
	/* what a foreign table's server filters is its wrapper's to say */
	if (scanned_relation(scan) == 0 || IsA(scan, ForeignScan))
		return;
	rte = rt_fetch(((Scan *) scan)->scanrelid, plan->rtable);
	guarded = guarded_ancestor(rte);
	if (!OidIsValid(guarded))
		return;
	attnum = column_of_part(rte->relid, guarded, guard_of(guarded).attnum);
	if (!has_tenants(scan->qual, scan, attnum) &&
		!has_tenants(index_conditions(scan), scan, attnum) && is_bound(plan, ((Scan *) scan)->scanrelid))
		add_tenants(scan, guarded, attnum);
	else if (list_length(scan->qual) > 1 && !filters_are_trusted(rte))
		order_filters(scan, attnum);
}

static bool
has_guarded_table(const PlannedStmt *plan)
{
	ListCell   *lc;

	foreach(lc, plan->rtable)
	{
		const RangeTblEntry *rte = lfirst(lc);

		if (rte->rtekind == RTE_RELATION && guard_of(rte->relid).status == GUARD_WHOLE)
			return true;
	}
	return false;
}

/*
 * For a plan that was just made; "row_security" says whether the query had
 * policies' quals.  A plan with guarded tables is known by dependsOnRole, which
 * PostgreSQL sets for what it has inlined, and the plan cache adds for the rest.
 */
void
put_tenant_first(PlannedStmt *plan, bool row_security)
{
	if (!row_security && !plan->dependsOnRole)
		return;
	if (!has_guarded_table(plan))
		return;
	plan->dependsOnRole = true;
	visit_plan_nodes(plan, treat_node, plan);
}
