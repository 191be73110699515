/*-------------------------------------------------------------------------
 *
 * access_check.c
 *	  Who may touch a guarded table: the verdict.
 *
 * Row-level security binds neither superusers nor roles with BYPASSRLS, nor
 * the views, rules and SECURITY DEFINER functions that they own.  An access to
 * a guarded table that it does not bind is refused here, unless it is meant:
 * by tenant_guard.bypass, or by row_security = off of a role that may bypass
 * row-level security and acts itself, as pg_dump does.  One that it binds
 * needs a tenant, whether or not any row would be read.
 *
 * Excused are pg_upgrade, walsenders (logged), and the foreign-key machinery's
 * own statements.  Those run as the table's owner with FORCE suspended; the
 * functions and rules that they run into are not excused.
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
#include "bypass.h"
#include "catalog.h"
#include "compat.h"
#include "current_tenant.h"
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
	ACCESS_EXCUSED,				/* foreign keys, walsenders, pg_upgrade */
	ACCESS_BOUND,				/* row-level security applies: needs a tenant */
	ACCESS_MEANT,				/* bypasses on purpose */
	ACCESS_BYPASSES,			/* bypasses by accident */
	ACCESS_DAMAGED,				/* its guard is not whole */
	ACCESS_MATERIALIZES,		/* would keep rows beyond their tenant */
	ACCESS_HOLDS,
	ACCESS_HIDES,				/* a temporary relation of a guarded table's name */
	ACCESS_OTHER_TENANT,		/* a temporary table of another tenant */
	ACCESS_DETACHES				/* would overlook other tenants' references */
} AccessVerdict;

/*
 * Is this the foreign-key machinery's own statement?  All its relations are
 * checked as the current user.  Where some relation is checked as another, a
 * rule has added to the statement what is not the machinery's.
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
 * The temporary table of another tenant that a query reaches by a relation, or
 * InvalidOid.  A policy is somebody's code that sees the rows which are deleted,
 * and so is a view: it needs no right to SELECT then, but has columns.
 */
static Oid
reached_of_other_tenant(const PermissionInfo *info, Oid relid)
{
	bool		deletes = info->requiredPerms == ACL_DELETE && bms_is_empty(info->selectedCols) &&
		check_enable_rls(info->relid, info->checkAsUser, true) != RLS_ENABLED;

	return table_of_other_tenant(relid, includes_parts(info), deletes);
}

/*
 * A temporary table that ends with the transaction needs no guard, for its
 * rows end with it, and another is its tenant's as long as it holds rows.  What
 * copies them out of one may be a tenant's.
 */
static AccessVerdict
judge_unguarded(const PermissionInfo *info, Oid relid, const char **means)
{
	if (OidIsValid(reached_of_other_tenant(info, relid)))
	{
		*means = bypass_reason(info->checkAsUser);
		return *means ? ACCESS_MEANT : ACCESS_OTHER_TENANT;
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
 * The verdict on one relation of a query.  "means" is set where something is
 * let through that would be refused otherwise.  A TOAST table is judged as its
 * table, but for the policies, which do not reach it.
 */
static AccessVerdict
judge_access(const PermissionInfo *info, Oid relid, bool foreign_key, const char **means)
{
	Guard		guard = guard_of(relid);
	Oid			check_as_user = info->checkAsUser;
	bool		toast = relid != info->relid;
	const char *bypass;
	bool		bound;

	if (!toast && hides_table(relid))
	{
		*means = bypass_reason(check_as_user);
		if (*means == NULL)
			return ACCESS_HIDES;
	}
	if (guard.status == GUARD_NONE)
		return judge_unguarded(info, relid, means);
	if (IsBinaryUpgrade || foreign_key)
		return ACCESS_EXCUSED;

	if (current_statement_kind() == STATEMENT_MATERIALIZES)
	{
		*means = bypass_reason_outside();
		return *means ? ACCESS_MEANT : ACCESS_MATERIALIZES;
	}
	bypass = bypass_reason(check_as_user);
	bound = !toast && check_enable_rls(relid, check_as_user, true) == RLS_ENABLED &&
		guard.status == GUARD_WHOLE;
	if (rows_are_kept())
	{
		*means = bypass;
		if (bypass == NULL)
			return ACCESS_HOLDS;
	}
	if (bound)
		return current_statement_kind() == STATEMENT_DETACHES ? ACCESS_DETACHES : ACCESS_BOUND;

	*means = bypass ? bypass : am_walsender ? "a replication connection" : NULL;
	if (*means != NULL)
		return ACCESS_MEANT;
	return guard.status == GUARD_DAMAGED ? ACCESS_DAMAGED : ACCESS_BYPASSES;
}

/* ----------------------------------------------------------------
 *		Refusing
 * ----------------------------------------------------------------
 */

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

/* The view of this owner that the query goes through as the owner, or InvalidOid. */
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

/* Which refusal of an accidental bypass fits the case? */
static Refusal
bypass_refusal(Oid relid, bool toast, Oid check_as_user, List *permission_infos)
{
	char	   *relation = relation_name(relid);
	Oid			user = OidIsValid(check_as_user) ? check_as_user : GetUserId();
	char	   *role = GetUserNameFromId(user, true);
	Oid			view = OidIsValid(check_as_user) ?
		view_of_owner(permission_infos, check_as_user) : InvalidOid;

	if (toast)
		return bypass_by_toast(relation);
	if (OidIsValid(view))
		return bypass_by_view(relation, relation_name(view), role);
	if (OidIsValid(check_as_user) || (InNoForceRLSOperation() && !is_foreign_key_statement(permission_infos)))
		return bypass_by_rule(relation, role);
	if (InLocalUserIdChange())
		return bypass_by_function(relation, role);
	return bypass_by_role(relation, role);
}

static void
refuse_access(AccessVerdict verdict, Oid relid, bool toast, Oid check_as_user, List *permission_infos)
{
	switch (verdict)
	{
		case ACCESS_BYPASSES:
			raise_refusal(bypass_refusal(relid, toast, check_as_user, permission_infos));
		case ACCESS_DAMAGED:
			raise_refusal(damaged_guard(relation_name(relid), guard_of(relid).damage));
		case ACCESS_MATERIALIZES:
			raise_refusal(materializes_rows(relation_name(relid)));
		case ACCESS_HOLDS:
			raise_refusal(holds_rows(relation_name(relid)));
		case ACCESS_DETACHES:
			raise_refusal(detaches_unseen(relation_name(relid)));
		case ACCESS_HIDES:
			raise_refusal(shadows_table(get_rel_name(relid), relation_name(hidden_table(relid))));
		case ACCESS_OTHER_TENANT:
			raise_refusal(temporary_table_of_other(get_rel_name(table_of_other_tenant(relid, true, false))));
		case ACCESS_NOT_GUARDED:
		case ACCESS_EXCUSED:
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
 * Checks every relation of a query.  False, with "raise" false, where a
 * foreign key may not be validated by one query over whole tables: what that
 * query would see of a guarded table depends on who asks, and PostgreSQL then
 * validates row by row, which does not.  Nor may it where its tables have two
 * owners, and what one of them wrote would run as the other (own_sql.c).
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
	foreach(lc, permission_infos)
	{
		PermissionInfo *info = lfirst(lc);
		Oid			relid = info->relid;
		bool		toast;
		const char *means = NULL;
		AccessVerdict verdict;

		if (!OidIsValid(relid) || info->requiredPerms == 0)
			continue;
		toast = is_toast_table(relid);
		if (toast && !OidIsValid(relid = table_of_toast(relid)))
			raise_refusal(bypass_by_toast(relation_name(info->relid)));
		verdict = judge_access(info, relid, foreign_key, &means);
		if (verdict == ACCESS_NOT_GUARDED || verdict == ACCESS_EXCUSED)
			continue;
		if (!raise && verdict != ACCESS_MEANT)
			return false;

		refuse_access(verdict, relid, toast, info->checkAsUser, permission_infos);
		/* with row_security off PostgreSQL refuses, and says why */
		if (verdict == ACCESS_BOUND && row_security)
		{
			require_tenant();
			note_tenants_rows();
		}
		if (means != NULL)
		{
			bypassed = list_append_unique_oid(bypassed, relid);
			bypassed_by = means;
		}
	}
	if (raise)
		note_writing(permission_infos);
	if (raise && bypassed != NIL && !logged)
		log_bypassed_relations(bypassed, bypassed_by);
	return true;
}

/*
 * A plan that goes on may have been started by another statement, as a cursor's
 * was: its rows must not be kept either, nor be read of a temporary table whose
 * tenant is not the transaction's any more.  (A parallel worker's was not.)
 */
void
check_plan_goes_on(List *permission_infos)
{
	if ((statement_keeps_rows() || (tenant_may_change() && tables_of_tenants() != NIL)) && !IsParallelWorker())
		(void) check_access(permission_infos, true);
}

/* Before a query is planned, which asks for a tenant where DETACH is refused with one, too. */
void
check_detaching(List *permission_infos)
{
	if (current_statement_kind() == STATEMENT_DETACHES)
		(void) check_access(permission_infos, true);
}

/*
 * TRUNCATE knows no row-level security: it takes every tenant's rows.  What is
 * left in a temporary table may be taken by the next, who may drop it, too.
 */
void
check_truncate(Oid relid)
{
	const char *means;

	if (guard_of(relid).status == GUARD_NONE || IsBinaryUpgrade || is_own_temporary(relid))
		return;
	means = bypass_reason(InvalidOid);
	if (means == NULL)
		raise_refusal(truncates_table(relation_name(relid)));
	log_bypass(psprintf("TRUNCATE of %s", relation_name(relid)), means);
}

/*
 * A role's attributes have changed.  Until minor releases of 2025 the plan
 * cache does not hear of it, and a role that has lost BYPASSRLS would keep
 * plans without the policies.
 */
static void
forget_plans(Datum arg, int cacheid, uint32 hashvalue)
{
	ResetPlanCache();
}

void
init_access(void)
{
	define_leader_statement();
	CacheRegisterSyscacheCallback(AUTHOID, forget_plans, (Datum) 0);
}
