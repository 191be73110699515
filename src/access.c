/*-------------------------------------------------------------------------
 *
 * access.c
 *	  Who may touch a guarded table: the verdict.
 *
 * Row-level security binds neither superusers nor roles with BYPASSRLS, nor
 * the views, rules and SECURITY DEFINER functions that they own.  An access to
 * a guarded table that it does not bind is refused here, unless it is meant:
 * by tenant_guard.bypass, or by row_security = off of a role that may bypass
 * row-level security and acts itself, as pg_dump does.  One that it binds
 * needs a tenant, whether or not any row would be read.
 *
 * Excused are walsenders, pg_upgrade, and the foreign-key machinery's own
 * statements.  Those run as the table's owner with FORCE suspended, and so
 * does a trigger's function that they fire: it is not excused.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "catalog/pg_class.h"
#include "commands/dbcommands.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "replication/walsender.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"

#include "access.h"
#include "compat.h"
#include "context.h"
#include "guard.h"
#include "refuse.h"

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
	ACCESS_DETACHES				/* would overlook other tenants' references */
} AccessVerdict;

static StatementKind statement_kind = STATEMENT_PLAIN;

/* Under a foreign key's statement: has it called a user's function? */
static bool in_users_function = false;

/* Returns the kind that was in force; the caller puts it back. */
StatementKind
enter_statement(StatementKind kind)
{
	StatementKind saved = statement_kind;

	statement_kind = kind;
	return saved;
}

/*
 * A function that is not built in is called, perhaps under a foreign key's
 * statement.  The function manager asks about those, and about SECURITY
 * DEFINER functions, wherever they are called.
 */
void
enter_function(bool *saved)
{
	*saved = in_users_function;
	if (InNoForceRLSOperation())
		in_users_function = true;
}

void
leave_function(bool saved)
{
	in_users_function = saved;
}

/*
 * Is this the foreign-key machinery's own statement?  Its range-table entries
 * are checked as the current user; those of a rule, as the rule's owner.
 */
static bool
is_foreign_key_statement(Oid check_as_user)
{
	if (!InNoForceRLSOperation())
	{
		in_users_function = false;
		return false;
	}
	return !in_users_function && !OidIsValid(check_as_user);
}

/*
 * By what means is bypassing meant, or NULL?  "check_as_user" is the owner of
 * the view or rule by which the table is reached, or InvalidOid.  For
 * row_security = off the role must act itself: what an unprivileged caller
 * sets must gain nothing through someone else's view or function.
 */
const char *
means_of_bypass(Oid check_as_user)
{
	if (setting_bypass)
		return "tenant_guard.bypass";
	if (!row_security && !OidIsValid(check_as_user) && !InLocalUserIdChange() &&
		has_bypassrls_privilege(GetUserId()))
		return "row_security = off";
	return NULL;
}

/* The same for REFRESH, which runs as the view's owner for the role that asks. */
static const char *
means_of_materializing(void)
{
	if (setting_bypass)
		return "tenant_guard.bypass";
	if (!row_security && has_bypassrls_privilege(GetOuterUserId()))
		return "row_security = off";
	return NULL;
}

static AccessVerdict
judge_access(Oid relid, Oid check_as_user, const char **means)
{
	Guard		guard = guard_of(relid);

	if (guard.status == GUARD_NONE)
		return ACCESS_NOT_GUARDED;
	if (am_walsender || IsBinaryUpgrade || is_foreign_key_statement(check_as_user))
		return ACCESS_EXCUSED;

	if (statement_kind == STATEMENT_MATERIALIZES)
	{
		*means = means_of_materializing();
		return *means ? ACCESS_MEANT : ACCESS_MATERIALIZES;
	}
	*means = means_of_bypass(check_as_user);
	if (statement_kind == STATEMENT_HOLDS && *means == NULL)
		return ACCESS_HOLDS;
	if (check_enable_rls(relid, check_as_user, true) == RLS_ENABLED &&
		guard.status == GUARD_WHOLE)
		return statement_kind == STATEMENT_DETACHES ? ACCESS_DETACHES : ACCESS_BOUND;
	if (*means != NULL)
		return ACCESS_MEANT;
	return guard.status == GUARD_DAMAGED ? ACCESS_DAMAGED : ACCESS_BYPASSES;
}

/* ----------------------------------------------------------------
 *		Refusing
 * ----------------------------------------------------------------
 */

/* The view of this owner that the query goes through, or InvalidOid. */
static Oid
view_of_owner(List *permission_infos, Oid owner)
{
	ListCell   *lc;

	foreach(lc, permission_infos)
	{
		Oid			relid = ((PermissionInfo *) lfirst(lc))->relid;

		if (OidIsValid(relid) && get_rel_relkind(relid) == RELKIND_VIEW &&
			relation_owner(relid) == owner)
			return relid;
	}
	return InvalidOid;
}

/* Which refusal of an accidental bypass fits the case? */
static Refusal
bypass_refusal(Oid relid, Oid check_as_user, List *permission_infos)
{
	char	   *relation = relation_name(relid);
	Oid			user = OidIsValid(check_as_user) ? check_as_user : GetUserId();
	char	   *role = GetUserNameFromId(user, true);
	Oid			view = OidIsValid(check_as_user) ?
		view_of_owner(permission_infos, check_as_user) : InvalidOid;

	if (OidIsValid(view))
		return bypass_by_view(relation, relation_name(view), role);
	if (OidIsValid(check_as_user))
		return bypass_by_rule(relation, role);
	if (InNoForceRLSOperation())
		return bypass_by_cascade(relation, role);
	if (InLocalUserIdChange())
		return bypass_by_function(relation, role);
	return bypass_by_role(relation, role);
}

static void
refuse_access(AccessVerdict verdict, Oid relid, Oid check_as_user, List *permission_infos)
{
	switch (verdict)
	{
		case ACCESS_BYPASSES:
			raise_refusal(bypass_refusal(relid, check_as_user, permission_infos));
		case ACCESS_DAMAGED:
			raise_refusal(damaged_guard(relation_name(relid), guard_of(relid).damage));
		case ACCESS_MATERIALIZES:
			raise_refusal(materializes_rows(relation_name(relid)));
		case ACCESS_HOLDS:
			raise_refusal(holds_rows(relation_name(relid)));
		case ACCESS_DETACHES:
			raise_refusal(detaches_unseen(relation_name(relid)));
		case ACCESS_NOT_GUARDED:
		case ACCESS_EXCUSED:
		case ACCESS_BOUND:
		case ACCESS_MEANT:
			break;
	}
}

/* One line in the server log; a parallel worker's leader has written it. */
void
log_bypass(const char *what, const char *means)
{
	if (!setting_log_bypass || IsParallelWorker())
		return;
	ereport(LOG_SERVER_ONLY,
			(errmsg("tenant_guard: role \"%s\" bypassed the isolation of tenants in database \"%s\": %s",
					GetUserNameFromId(GetUserId(), true),
					get_database_name(MyDatabaseId), what),
			 errdetail("By means of %s. Application name: \"%s\".", means,
					   application_name ? application_name : ""),
			 errhidestmt(true)));
}

/*
 * Checks every relation of a query.  False, with "raise" false, where a
 * foreign key may not be validated by one query over whole tables: what that
 * query would see of a guarded table depends on who asks, and PostgreSQL then
 * validates row by row, which does not.
 */
bool
check_access(List *permission_infos, bool raise)
{
	StringInfoData bypassed;
	const char *bypassed_by = NULL;
	ListCell   *lc;

	foreach(lc, permission_infos)
	{
		PermissionInfo *info = lfirst(lc);
		const char *means = NULL;
		AccessVerdict verdict;

		if (!OidIsValid(info->relid) || info->requiredPerms == 0)
			continue;
		verdict = judge_access(info->relid, info->checkAsUser, &means);
		if (verdict == ACCESS_NOT_GUARDED || verdict == ACCESS_EXCUSED)
			continue;
		if (!raise && verdict != ACCESS_MEANT)
			return false;

		refuse_access(verdict, info->relid, info->checkAsUser, permission_infos);
		if (verdict == ACCESS_BOUND)
		{
			/* with row_security off PostgreSQL refuses, and says why */
			if (row_security)
				require_tenant();
		}
		else if (bypassed_by == NULL)
		{
			bypassed_by = means;
			initStringInfo(&bypassed);
			appendStringInfoString(&bypassed, relation_name(info->relid));
		}
		else
			appendStringInfo(&bypassed, ", %s", relation_name(info->relid));
	}
	if (raise && bypassed_by != NULL)
		log_bypass(bypassed.data, bypassed_by);
	return true;
}

/* TRUNCATE knows no row-level security: it takes every tenant's rows. */
void
check_truncate(Oid relid)
{
	const char *means;

	if (guard_of(relid).status == GUARD_NONE || IsBinaryUpgrade)
		return;
	means = means_of_bypass(InvalidOid);
	if (means == NULL)
		raise_refusal(truncates_table(relation_name(relid)));
	log_bypass(psprintf("TRUNCATE of %s", relation_name(relid)), means);
}
