/*-------------------------------------------------------------------------
 *
 * access_check.c
 *	  Decides which accesses to guarded tables, and to temporary tables of other
 *	  tenants, are allowed.
 *
 * Row-level security does not apply to superusers and roles with BYPASSRLS, nor
 * to the views, rules and SECURITY DEFINER functions that they own.  An access to
 * a guarded table to which it does not apply is refused here, unless the user has
 * opted in: by tenant_guard.bypass, or by row_security = off, as pg_dump does.
 * The latter counts only for a role that may bypass row-level security, outside
 * of views and SECURITY DEFINER functions of other roles (bypass.c).  An access to
 * which row-level security applies needs a tenant, whether or not any row would be
 * read.
 *
 * pg_upgrade, walsenders (logged), and the foreign-key machinery's own statements
 * are exempt.  The latter run as the table's owner with FORCE suspended; the
 * functions and rules that they invoke are not exempt.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/relation.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "commands/dbcommands.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "replication/walsender.h"
#include "tcop/pquery.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/syscache.h"

#include "access_check.h"
#include "access_refusals.h"
#include "action_code.h"
#include "bypass.h"
#include "catalog.h"
#include "compat.h"
#include "current_tenant.h"
#include "definer_function.h"
#include "drop_on_commit.h"
#include "guard.h"
#include "guard_refusals.h"
#include "statement_kind.h"
#include "temporary_table.h"
#include "tenant_plan.h"
#include "tenant_source.h"
#include "toast.h"

typedef enum AccessVerdict
{
	ACCESS_NOT_GUARDED,
	ACCESS_EXEMPT,				/* foreign keys, pg_upgrade */
	ACCESS_BOUND,				/* row-level security applies: needs a tenant */
	ACCESS_MEANT,				/* bypasses on purpose: logged */
	/* the others are refused */
	ACCESS_BYPASSES,			/* bypasses by accident */
	ACCESS_DAMAGED,				/* the table's guard is damaged */
	ACCESS_MATERIALIZES,		/* a materialized view would keep rows for other tenants */
	ACCESS_HOLDS,				/* a cursor WITH HOLD would keep rows for other tenants */
	ACCESS_HIDES,				/* a temporary relation hides a guarded table */
	ACCESS_OTHER_TENANT,		/* a temporary table belongs to another tenant */
	ACCESS_DETACHES				/* DETACH PARTITION would not see references in other tenants' rows */
} AccessVerdict;

/*
 * Is this the foreign-key machinery's own statement?  All its relations are
 * checked as the current user.  If one is checked as another role, a rule has
 * added it to the statement.
 */
bool
is_foreign_key_statement(List *permission_infos)
{
	ListCell   *lc;

	if (!InNoForceRLSOperation())
		return false;
	foreach(lc, permission_infos)
		if (OidIsValid(((PermissionInfo *) lfirst(lc))->checkAsUser))
			return false;
	return true;
}

/*
 * Returns the temporary table of another tenant that a query accesses through a
 * relation, or InvalidOid.  A DELETE that reads no column is allowed (see
 * table_of_other_tenant), unless code can see the deleted rows: policies, which
 * read columns without needing SELECT, and views, which have selectedCols.
 */
static Oid
reached_of_other_tenant(const PermissionInfo *info, Oid relid)
{
	bool		deletes = info->requiredPerms == ACL_DELETE && bms_is_empty(info->selectedCols) &&
		check_enable_rls(info->relid, info->checkAsUser, true) != RLS_ENABLED;

	return table_of_other_tenant(relid, includes_parts(info), deletes);
}

/*
 * The verdict on a table that is not guarded: only temporary tables can be
 * refused.  One that belongs to another tenant is.  One with ON COMMIT DROP, or
 * of the transaction's tenant, must not be the source of rows that outlive the
 * transaction.
 */
static AccessVerdict
judge_unguarded(const PermissionInfo *info, Oid relid, const char **reason)
{
	if (OidIsValid(reached_of_other_tenant(info, relid)))
	{
		*reason = bypass_reason(info->checkAsUser);
		return *reason ? ACCESS_MEANT : ACCESS_OTHER_TENANT;
	}
	if (belongs_to_tenant(relid, includes_parts(info)) || (is_dropped_on_commit(relid) && transaction_has_tenant()))
		note_tenants_rows();
	if (!rows_are_kept() || !transaction_has_tenant() ||
		!(is_dropped_on_commit(relid) || belongs_to_tenant(relid, includes_parts(info))))
		return ACCESS_NOT_GUARDED;
	if (bypass_reason(InvalidOid) != NULL)
		return ACCESS_NOT_GUARDED;
	return current_statement_kind() == STATEMENT_MATERIALIZES ? ACCESS_MATERIALIZES : ACCESS_HOLDS;
}

/*
 * The verdict on one relation of a query.  "relid" is the relation or, if that is
 * a TOAST table, its table; policies do not apply to a TOAST table.  *reason is
 * set to the bypass reason if the access would be refused without it.
 */
static AccessVerdict
judge_access(const PermissionInfo *info, Oid relid, bool foreign_key, const char **reason)
{
	Guard		guard = guard_of(relid);
	Oid			check_as_user = info->checkAsUser;
	bool		toast = relid != info->relid;
	const char *bypass;
	bool		bound;

	if (!toast && hides_table(relid))
	{
		*reason = bypass_reason(check_as_user);
		if (*reason == NULL)
			return ACCESS_HIDES;
	}
	if (guard.status == GUARD_NONE)
		return judge_unguarded(info, relid, reason);
	if (IsBinaryUpgrade || foreign_key)
		return ACCESS_EXEMPT;

	if (current_statement_kind() == STATEMENT_MATERIALIZES)
	{
		*reason = bypass_reason_outside();
		return *reason ? ACCESS_MEANT : ACCESS_MATERIALIZES;
	}
	bypass = bypass_reason(check_as_user);
	bound = !toast && check_enable_rls(relid, check_as_user, true) == RLS_ENABLED &&
		guard.status == GUARD_WHOLE;
	if (rows_are_kept())
	{
		*reason = bypass;
		if (bypass == NULL)
			return ACCESS_HOLDS;
	}
	if (bound)
		return current_statement_kind() == STATEMENT_DETACHES ? ACCESS_DETACHES : ACCESS_BOUND;

	*reason = bypass ? bypass : am_walsender ? "a replication connection" : NULL;
	if (*reason != NULL)
		return ACCESS_MEANT;
	return guard.status == GUARD_DAMAGED ? ACCESS_DAMAGED : ACCESS_BYPASSES;
}

/* ----------------------------------------------------------------
 *		Refusing
 * ----------------------------------------------------------------
 */

/* Is the relation a view that accesses its tables as its owner? */
static bool
is_view_of_its_owner(Oid relid)
{
	Relation	view = try_relation_open(relid, AccessShareLock);
	bool		found;

	if (view == NULL)
		return false;
	found = view->rd_rel->relkind == RELKIND_VIEW && !RelationHasSecurityInvoker(view);
	relation_close(view, AccessShareLock);
	return found;
}

/* Returns the first view in the query that belongs to this role and accesses its tables as its owner, or InvalidOid. */
static Oid
view_of_owner(List *permission_infos, Oid owner)
{
	ListCell   *lc;

	foreach(lc, permission_infos)
	{
		Oid			relid = ((PermissionInfo *) lfirst(lc))->relid;

		if (OidIsValid(relid) && object_owner(RelationRelationId, relid) == owner && is_view_of_its_owner(relid))
			return relid;
	}
	return InvalidOid;
}

/* Returns the refusal of an accidental bypass, whose texts depend on how the table is accessed. */
static Refusal
bypass_refusal(Oid relid, bool toast, Oid check_as_user, List *permission_infos)
{
	Oid			role = OidIsValid(check_as_user) ? check_as_user : GetUserId();
	Oid			view = OidIsValid(check_as_user) ?
		view_of_owner(permission_infos, check_as_user) : InvalidOid;

	if (toast)
		return bypass_by_toast(relid);
	if (OidIsValid(view))
		return bypass_by_view(relid, view, role);
	if (OidIsValid(check_as_user) || (InNoForceRLSOperation() && !is_foreign_key_statement(permission_infos)))
		return bypass_by_rule(relid, role);
	if (InLocalUserIdChange())
		return bypass_by_function(relid, role, definer_function_of(role));
	return bypass_by_role(relid, role);
}

/* Raises the error for a verdict that is one of refusal; else returns. */
static void
refuse_access(AccessVerdict verdict, Oid relid, bool toast, Oid check_as_user, List *permission_infos)
{
	switch (verdict)
	{
		case ACCESS_BYPASSES:
			raise_refusal(bypass_refusal(relid, toast, check_as_user, permission_infos));
		case ACCESS_DAMAGED:
			raise_refusal(damaged_guard(relid, guard_of(relid).damage));
		case ACCESS_MATERIALIZES:
			raise_refusal(materializes_rows(relid));
		case ACCESS_HOLDS:
			raise_refusal(holds_rows(relid));
		case ACCESS_DETACHES:
			raise_refusal(detaches_unseen(relid));
		case ACCESS_HIDES:
			raise_refusal(shadows_table(relid, hidden_table(relid)));
		case ACCESS_OTHER_TENANT:
			raise_refusal(temporary_table_of_other(table_of_other_tenant(relid, true, false)));
		case ACCESS_NOT_GUARDED:
		case ACCESS_EXEMPT:
		case ACCESS_BOUND:
		case ACCESS_MEANT:
			break;
	}
}

/* Do all relations of a query belong to one role? */
static bool
have_one_owner(List *permission_infos)
{
	Oid			owner = InvalidOid;
	ListCell   *lc;

	foreach(lc, permission_infos)
	{
		Oid			relid = ((PermissionInfo *) lfirst(lc))->relid;
		Oid			other = OidIsValid(relid) ? object_owner(RelationRelationId, relid) : InvalidOid;

		if (OidIsValid(owner) && OidIsValid(other) && owner != other)
			return false;
		if (OidIsValid(other))
			owner = other;
	}
	return true;
}

/*
 * Checks every relation of a query, seals the tenant if one is needed, and notes
 * and logs what must be; raises an error if an access is refused.
 *
 * PostgreSQL calls it with "raise" false before it validates a foreign key by one
 * query over both tables (RI_Initial_Check); if it returns false, the key is
 * validated row by row.  It returns false if a table is guarded, since the rows
 * that the query sees would depend on the role, and if the tables have two owners,
 * since code of one could run as the other (own_sql.c).
 */
bool
check_access(List *permission_infos, bool raise)
{
	bool		foreign_key = is_foreign_key_statement(permission_infos);
	bool		logged = leader_has_logged();
	List	   *bypassed = NIL;
	const char *bypassed_by = NULL;
	ListCell   *lc;

	if (!raise && foreign_key && !have_one_owner(permission_infos))
		return false;
	check_code_of_action(permission_infos);
	foreach(lc, permission_infos)
	{
		PermissionInfo *info = lfirst(lc);
		Oid			relid = info->relid;
		bool		toast;
		const char *reason = NULL;
		AccessVerdict verdict;

		if (!OidIsValid(relid) || info->requiredPerms == 0)
			continue;
		toast = is_toast_table(relid);
		if (toast && !OidIsValid(relid = table_of_toast(relid)))
			raise_refusal(bypass_by_toast(info->relid));
		verdict = judge_access(info, relid, foreign_key, &reason);
		Assert(verdict != ACCESS_MEANT || reason != NULL);
		if (verdict == ACCESS_NOT_GUARDED || verdict == ACCESS_EXEMPT)
			continue;
		if (!raise && verdict != ACCESS_MEANT)
			return false;

		refuse_access(verdict, relid, toast, info->checkAsUser, permission_infos);
		/* with row_security = off PostgreSQL raises an error by itself */
		if (verdict == ACCESS_BOUND && row_security)
		{
			require_tenant();
			note_tenants_rows();
		}
		if (reason != NULL)
		{
			bypassed = list_append_unique_oid(bypassed, relid);
			bypassed_by = reason;
		}
	}
	if (raise)
		note_writing(permission_infos);
	if (raise && bypassed != NIL && !logged)
		log_bypassed_relations(bypassed, bypassed_by);
	return true;
}

/*
 * Checks the relations of a plan again when it goes on.  It may have been started
 * by another statement, as a cursor's was: meanwhile a statement may have begun
 * that keeps its rows.  (This cannot happen in a parallel worker.)  For another
 * tenant it does not go on: check_tenant_of_run.
 */
void
check_plan_goes_on(List *permission_infos)
{
	if (statement_keeps_rows() && !IsParallelWorker())
		(void) check_access(permission_infos, true);
}

/*
 * Checks the relations of the query of DETACH PARTITION, or of a materialized view,
 * before it is planned: planning it would raise the error that no tenant is set, but
 * setting one would not help.
 */
void
check_before_planning(List *permission_infos)
{
	if (current_statement_kind() == STATEMENT_DETACHES || current_statement_kind() == STATEMENT_MATERIALIZES)
		(void) check_access(permission_infos, true);
}

/*
 * Refuses TRUNCATE of a guarded table, unless the user has opted in, since it
 * removes every tenant's rows.  A temporary table may be truncated: the next
 * client of the session could drop it, too.
 */
void
check_truncate(Oid relid)
{
	const char *reason;

	if (guard_of(relid).status == GUARD_NONE || IsBinaryUpgrade || is_own_temporary(relid))
		return;
	reason = bypass_reason(InvalidOid);
	if (reason == NULL)
		raise_refusal(truncates_table(relid, transaction_has_tenant()));
	log_bypass(psprintf("TRUNCATE of %s", relation_name(relid)), reason);
}

/*
 * A role's attributes have changed.  Before the minor releases of 2025 the plan
 * cache has no callback for that, and a role that lost BYPASSRLS would go on using
 * plans without the policies.
 */
static void
forget_plans(Datum arg, int cacheid, uint32 hashvalue)
{
	ResetPlanCache();
}

/* Must be called once, by _PG_init. */
void
init_access(void)
{
	define_leader_statement();
	CacheRegisterSyscacheCallback(AUTHOID, forget_plans, (Datum) 0);
}
