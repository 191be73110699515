/*-------------------------------------------------------------------------
 *
 * guard_not_weakened.c
 *	  Refuses statements that weaken a guard.
 *
 * ALTER TABLE is checked before it runs for what PostgreSQL would refuse with
 * advice that does not help, and for what leaves no trace in the catalogs.  All
 * else is checked after the statement, by the invariants that it may have
 * broken (invariant.c).  Unless noted otherwise, a refusal is raised only where
 * the user has not opted in to weakening (bypass.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "parser/parse_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "access_refusals.h"
#include "bypass.h"
#include "catalog.h"
#include "compat.h"
#include "foreign_part.h"
#include "guard.h"
#include "guard_not_weakened.h"
#include "guard_refusals.h"
#include "install_guard.h"
#include "key_setting.h"
#include "not_null.h"
#include "refusal.h"
#include "temporary_table.h"
#include "tenant_column.h"
#include "tenant_type.h"
#include "unguarded_parent.h"

/* The topmost guarded ancestor of a table, or the table itself. */
static Oid
guarded_root(Oid relid)
{
	Oid			root = relid;
	ListCell   *lc;

	foreach(lc, ancestors_of(relid))
		if (guard_of(lfirst_oid(lc)).status != GUARD_NONE)
			root = lfirst_oid(lc);
	return root;
}

pg_noreturn static void
refuse_weakening(Oid relid, const char *damage)
{
	Assert(OidIsValid(relid));
	Assert(damage != NULL);
	raise_refusal(weakens_guard(relid, guarded_root(relid), damage));
}

/*
 * Refuses a statement after which a table's guard has this damage, a clause
 * such as "its policy is dropped".
 */
void
check_weakening_allowed(Oid relid, const char *damage)
{
	if (!weakening_is_allowed(relid))
		refuse_weakening(relid, damage);
}

/* ----------------------------------------------------------------
 *		Before ALTER TABLE runs
 * ----------------------------------------------------------------
 */

/*
 * Refuses a type for a tenant column other than the type of tenants.  Returns
 * if the type is that, or does not exist.
 */
static void
check_new_type(Oid relid, const char *column, const ColumnDef *def)
{
	Type		type = def->typeName ? LookupTypeName(NULL, def->typeName, NULL, true) : NULL;
	TenantType	serves;
	Oid			typid;
	bool		known;

	if (type == NULL)
		return;
	typid = typeTypeId(type);
	ReleaseSysCache(type);
	known = type_serves(typid, &serves);
	if (!known || serves != type_for_table(relid))
		raise_refusal(new_column_type_differs(relid, column, format_type_be(typid), type_for_table(relid), known ? &serves : NULL));
}

/* Is this the type that a column has? */
static bool
has_type(Oid relid, AttrNumber attnum, const TypeName *name)
{
	Oid			type;
	int32		typmod;
	Oid			collation;
	int32		new_typmod;
	Type		new_type = name ? LookupTypeName(NULL, name, &new_typmod, true) : NULL;
	bool		same;

	if (new_type == NULL)
		return false;
	get_atttypetypmodcoll(relid, attnum, &type, &typmod, &collation);
	same = typeTypeId(new_type) == type && new_typmod == typmod;
	ReleaseSysCache(new_type);
	return same;
}

/*
 * Refuses to drop the tenant column or to change its type, for which PostgreSQL
 * would advise CASCADE; and to add an identity, of which the hint says what to do
 * instead.  PostgreSQL itself refuses the type that the column has already: the
 * policy names the column.
 */
void
check_alter_table(const AlterTableStmt *stmt)
{
	Oid			relid = RangeVarGetRelid(stmt->relation, NoLock, true);
	Guard		guard = guard_of(relid);
	char	   *column;
	ListCell   *lc;

	if (guard.attnum == 0 || bypass_reason(InvalidOid) != NULL)
		return;
	column = get_attname(relid, guard.attnum, true);
	foreach(lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (column == NULL || cmd->name == NULL || strcmp(cmd->name, column) != 0)
			continue;
		if (cmd->subtype == AT_DropColumn)
			refuse_weakening(relid, "it has no tenant column");
		if (cmd->subtype == AT_AlterColumnType &&
			has_type(relid, guard.attnum, ((const ColumnDef *) cmd->def)->typeName))
			continue;
		if (cmd->subtype == AT_AlterColumnType)
			check_new_type(relid, column, (const ColumnDef *) cmd->def);
		if (cmd->subtype == AT_AlterColumnType)
			refuse_weakening(relid, "its tenant column is of another type");
		if (cmd->subtype == AT_AddIdentity)
			raise_refusal(identity_column(relid, column, true));
	}
}

/* ----------------------------------------------------------------
 *		After a statement
 * ----------------------------------------------------------------
 */

/*
 * Refuses a temporary relation that hides a guarded table of the same name: it
 * would outlive the transaction and its tenant.
 */
void
check_shadowing(Oid relid)
{
	Oid			hidden = hidden_table(relid);
	const char *reason = bypass_reason(InvalidOid);

	if (!OidIsValid(hidden))
		return;
	if (reason == NULL)
		raise_refusal(shadows_table(relid, hidden));
	log_bypass(psprintf("a temporary relation hides %s", relation_name(hidden)), reason);
}

/*
 * Refuses an invariant that a statement has broken.  "made": the table is new,
 * or was guarded only now.
 */
static void
refuse_broken(const BrokenInvariant *broken, bool made)
{
	Assert(OidIsValid(broken->relid));
	switch (broken->invariant)
	{
		case INVARIANT_ANCESTORS_GUARDED:
			check_parent(broken->relid, broken->other, made);
			break;
		case INVARIANT_DESCENDANTS_GUARDED:
			if (get_rel_relkind(broken->relid) == RELKIND_FOREIGN_TABLE)
				check_foreign_part(broken->relid, broken->other);
			else
				check_weakening_allowed(broken->relid, broken->detail);
			break;
		case INVARIANT_GUARD_COMPLETE:
			check_weakening_allowed(broken->relid, broken->detail);
			break;
		case INVARIANT_KEYS_CARRY_TENANT:
			check_key_setting_applied(broken->relid, broken->detail);
			break;
	}
}

/*
 * Refuses those invariants, bits of "which", that do not hold for these tables
 * or for what inherits from them.  "made": the tables are new, or were guarded
 * only now.
 */
void
check_invariants(List *tables, int which, bool made)
{
	List	   *all = NIL;
	ListCell   *lc;
	ListCell   *broken;

	Assert((which & ~ALL_INVARIANTS) == 0);
	if (which == 0)
		return;
	foreach(lc, tables)
		all = list_concat_unique_oid(all, find_all_inheritors(lfirst_oid(lc), NoLock, NULL));
	foreach(lc, all)
		foreach(broken, broken_invariants(lfirst_oid(lc), which))
			refuse_broken(lfirst(broken), made);
}

/*
 * Drops the CHECK constraints that stood in for NOT NULL, of a table and what
 * inherits from it, where the tenant column has become NOT NULL.
 */
void
drop_obsolete_checks(Oid relid)
{
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
		if (drop_obsolete_check(lfirst_oid(lc)))
			ereport(NOTICE,
					(errmsg("constraint \"" NOT_NULL_CHECK "\" of table %s is dropped",
							relation_name(lfirst_oid(lc))),
					 errdetail("The tenant column is NOT NULL now.")));
}
