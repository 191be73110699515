/*-------------------------------------------------------------------------
 *
 * replace_policies.c
 *	  Takes away an application's policies that say no more than a guard does.
 *
 * A permissive policy also says which commands of which roles may use the table
 * at all.  Where the policies that say no more than the guard let every role run
 * every command, tenant_access does so in their place, and they are dropped.
 * Else they stay for their commands and roles, with the condition guarded(), which
 * the planner removes.  Restrictive ones are dropped.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "catalog.h"
#include "guard.h"
#include "guard_policy.h"
#include "install_guard.h"
#include "own_sql.h"
#include "replace_policies.h"
#include "superfluous_policy.h"

/*
 * Says what became of a policy, and how to get it back: while the table is
 * guarded, or it would be open for a moment, unless the guard has its name.
 */
static void
note_replaced(Oid relid, const SuperfluousPolicy *policy, bool dropped)
{
	char	   *name = relation_name(relid);
	char	   *unprotect = psprintf("SELECT tenant_guard.unprotect(%s);", quote_literal_cstr(name));
	const char *hint;

	if (is_isolation_policy_name(policy->name) || strcmp(policy->name, ACCESS_POLICY) == 0)
		hint = psprintf("To get it back in place of the guard, run BEGIN; %s %s ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; COMMIT;",
						unprotect, policy->statement, name);
	else
		hint = psprintf("To get it back, run %s%s If it is to be in place of the guard, run %s after that.",
						dropped ? "" : psprintf("DROP POLICY %s ON %s; ", quote_identifier(policy->name), name),
						policy->statement, unprotect);
	ereport(NOTICE,
			(errmsg(dropped ? "policy \"%s\" of table %s is dropped" : "policy \"%s\" of table %s is replaced by one that is always true",
					policy->name, name),
			 errdetail("It says no more than the guard of the table."),
			 errhint("%s", hint)));
}

static void
drop_policy(Oid relid, const SuperfluousPolicy *policy)
{
	run_ddl(relid, psprintf("DROP POLICY %s ON %s", quote_identifier(policy->name), relation_name(relid)));
	note_replaced(relid, policy, true);
}

/*
 * Drops those policies of locked tables that a guard by this column can do
 * without, before it is made: it gets tenant_access if no permissive policy is
 * left.
 */
void
drop_superfluous_policies(List *parts, const char *column)
{
	ListCell   *lc;

	foreach(lc, parts)
	{
		Oid			relid = lfirst_oid(lc);
		AttrNumber	attnum = get_attnum(relid, column);
		SuperfluousPolicies found = superfluous_policies(relid, attnum);
		ListCell   *lc2;

		foreach(lc2, found.policies)
		{
			const SuperfluousPolicy *policy = lfirst(lc2);

			if (!policy->permissive || (found.access && !found.others))
				drop_policy(relid, policy);
		}
	}
}

/* The policies of a guarded table that say no more than its guard. */
static List *
policies_beside_guard(Oid relid)
{
	Guard		guard = guard_of(relid);

	return guard.shape == SHAPE_TENANT_COLUMN ? superfluous_policies(relid, guard.attnum).policies : NIL;
}

/* Makes those that are left of tables with a guard always true, for their commands and roles. */
void
open_superfluous_policies(List *parts)
{
	ListCell   *lc;

	foreach(lc, parts)
	{
		Oid			relid = lfirst_oid(lc);
		ListCell   *lc2;

		foreach(lc2, policies_beside_guard(relid))
		{
			const SuperfluousPolicy *policy = lfirst(lc2);

			run_ddl(relid, psprintf("ALTER POLICY %s ON %s%s%s", quote_identifier(policy->name), relation_name(relid),
									policy->has_qual ? " USING (tenant_guard.guarded())" : "",
									policy->has_check ? " WITH CHECK (tenant_guard.guarded())" : ""));
			note_replaced(relid, policy, false);
		}
	}
}

/* Names the policies of guarded tables that could be replaced. */
void
name_superfluous_policies(List *parts)
{
	ListCell   *lc;

	foreach(lc, parts)
	{
		Oid			relid = lfirst_oid(lc);
		ListCell   *lc2;
		StringInfoData names;

		initStringInfo(&names);
		foreach(lc2, policies_beside_guard(relid))
			appendStringInfo(&names, "%s\"%s\"", names.len > 0 ? ", " : "", ((SuperfluousPolicy *) lfirst(lc2))->name);
		if (names.len > 0)
			ereport(routine_notice,
					(errmsg("table %s has policies that say no more than its guard: %s", relation_name(relid), names.data),
					 errdetail("They are evaluated for each row, and keep filters from indexes and statistics."),
					 errhint("To replace them, run SELECT tenant_guard.protect(%s, replace_policies => true);",
							 quote_literal_cstr(relation_name(relid)))));
	}
}
