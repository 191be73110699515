/*-------------------------------------------------------------------------
 *
 * install_guard.c
 *	  Guards tables.
 *
 * A guard consists of plain PostgreSQL objects: row-level security enabled and
 * forced, two policies, and NOT NULL and a default on the tenant column.  It is
 * created by the statements that a user would write, run through SPI as the
 * owner of the table (own_sql.c), so that locks, invalidations and event triggers
 * are those of ordinary DDL.  (AlterTableInternal would need event-trigger state
 * that does not exist here.)  Only that of a new table is written into the catalogs
 * without them (new_guard.c).  The callers check the privileges before.
 *
 * A table is guarded together with all its partitions and children, since each
 * can be queried by its own name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"

#include "catalog.h"
#include "column_for_tenant.h"
#include "compat.h"
#include "current_tenant.h"
#include "foreign_code.h"
#include "guard.h"
#include "guard_policy.h"
#include "guard_refusals.h"
#include "install_guard.h"
#include "new_guard.h"
#include "not_null.h"
#include "own_sql.h"
#include "relation_argument.h"
#include "scan_compat.h"
#include "settings.h"
#include "tenant_column.h"
#include "tenant_type.h"

int			routine_notice = NOTICE;

/* A table that is to be guarded. */
typedef struct Target
{
	Oid			relid;
	char		relkind;
	char	   *name;			/* qualified and quoted */
	AttrNumber	attnum;			/* tenant column */
	const char *column;			/* its name, not quoted */
	TenantType	type;			/* the tenant type of the column */
	bool		made_now;		/* created by the running statement: hints cannot name an ALTER TABLE */
} Target;

/* ----------------------------------------------------------------
 *		Checking a table before it is changed
 * ----------------------------------------------------------------
 */

/* The number of a column, or 0; from the relcache, which a statement that changes the table fills in any case. */
static AttrNumber
column_number(Oid relid, const char *column)
{
	Relation	rel = table_open(relid, NoLock);
	AttrNumber	found = 0;

	for (AttrNumber attnum = 1; found == 0 && attnum <= RelationGetNumberOfAttributes(rel); attnum++)
	{
		Form_pg_attribute attr = TupleDescAttr(RelationGetDescr(rel), attnum - 1);

		if (!attr->attisdropped && strcmp(NameStr(attr->attname), column) == 0)
			found = attnum;
	}
	table_close(rel, NoLock);
	return found;
}

/*
 * Fills in a target, or raises an error if the table cannot be guarded.  The
 * table must be locked.  Returns false for a foreign table below "root", which is
 * left to foreign_part.c.
 */
static bool
check_target(Oid relid, const char *column, Oid root, Target *target)
{
	Guard		guard = guard_of(relid);
	Refusal		why;

	target->relid = relid;
	target->relkind = get_rel_relkind(relid);
	target->name = relation_name(relid);
	target->column = column;

	if (target->relkind == RELKIND_FOREIGN_TABLE && relid != root)
		return false;
	if (target->relkind == RELKIND_FOREIGN_TABLE)
		raise_refusal(foreign_table(target->relid));
	if (isOtherTempNamespace(get_rel_namespace(relid)))
		raise_refusal(other_temp_table(target->relid));

	target->attnum = column_number(relid, column);
	if (target->attnum == 0)
		raise_refusal(no_tenant_column(target->relid, column));
	if (guard.attnum != 0 && guard.attnum != target->attnum)
		raise_refusal(guarded_by_other_column(target->relid, get_attname(relid, guard.attnum, false), column));
	if (!column_can_hold_tenant(relid, target->attnum, target->made_now, &target->type, &why))
		raise_refusal(why);
	return true;
}

/*
 * Returns the number of rows whose tenant column is null.  Scans the table
 * itself instead of running a query, since row-level security could hide rows
 * from the caller.
 */
static int64
count_null_rows(const Target *target)
{
	Relation	rel;
	Snapshot	snapshot;
	TupleTableSlot *slot;
	TableScanDesc scan;
	int64		rows = 0;

	if (target->relkind != RELKIND_RELATION ||
		column_is_not_null(target->relid, target->attnum, true))
		return 0;

	rel = table_open(target->relid, NoLock);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	slot = table_slot_create(rel, NULL);
	scan = begin_table_scan(rel, snapshot);
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		if (slot_attisnull(slot, target->attnum))
			rows++;
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	UnregisterSnapshot(snapshot);
	table_close(rel, NoLock);
	return rows;
}

/* ----------------------------------------------------------------
 *		Creating the guard
 * ----------------------------------------------------------------
 */

/*
 * Must the column get a getter as its default?  A generated column cannot have
 * one.  If another default is to be replaced, a NOTICE shows it.
 */
static bool
needs_default(const Target *target)
{
	Relation	rel = table_open(target->relid, NoLock);
	Form_pg_attribute attr = TupleDescAttr(RelationGetDescr(rel), target->attnum - 1);
	Node	   *present = column_default(rel, target->attnum);
	bool		needed = attr->attgenerated == '\0' &&
		!(present != NULL && calls_getter(present));

	if (needed && present != NULL)
		ereport(NOTICE,
				(errmsg("default of column \"%s\" of table %s is replaced", target->column, target->name),
				 errdetail("It was: %s",
						   deparse_expression(present,
											  deparse_context_for(RelationGetRelationName(rel), target->relid),
											  false, false))));
	table_close(rel, NoLock);
	return needed;
}

/*
 * Can SET NOT NULL be run?  It simplifies the table's CHECK constraints, to find
 * one that implies NOT NULL, and so evaluates IMMUTABLE functions in them.  If
 * that would run an ordinary role's function as a superuser, the guard has a
 * CHECK constraint in place of NOT NULL.
 */
static bool
may_set_not_null(const Target *target)
{
	Relation	rel = table_open(target->relid, NoLock);
	bool		has_checks = rel->rd_rel->relchecks > 0;

	table_close(rel, NoLock);
	return !has_checks || !OidIsValid(function_of_stranger(target->relid));
}

/* What a table lacks of a guard, apart from policies: what the one ALTER TABLE of a guard does. */
typedef struct MissingParts
{
	bool		default_value;
	bool		drop_not_null;	/* there may be rows of everyone */
	bool		drop_check;		/* likewise */
	bool		not_null;
	bool		check;			/* in place of NOT NULL */
	bool		enable;			/* row-level security */
	bool		force;
} MissingParts;

static MissingParts
missing_parts(const Target *target, GuardShape shape, bool null_rows)
{
	bool		takes_nulls = shape == SHAPE_OWN_OR_SHARED;
	bool		as_check = null_rows || !may_set_not_null(target);
	Relation	rel = table_open(target->relid, NoLock);
	MissingParts parts = {.enable = !rel->rd_rel->relrowsecurity, .force = !rel->rd_rel->relforcerowsecurity};

	table_close(rel, NoLock);
	parts.default_value = needs_default(target);
	parts.drop_not_null = takes_nulls && column_has_not_null(target->relid, target->attnum, false);
	parts.drop_check = takes_nulls && has_not_null_check(target->relid, target->attnum);
	parts.not_null = !takes_nulls && !as_check && !column_is_not_null(target->relid, target->attnum, true);
	parts.check = !takes_nulls && as_check && !column_is_not_null(target->relid, target->attnum, false);
	return parts;
}

/* Returns the statement that adds these parts, or NULL if there are none. */
static char *
alter_statement(const Target *target, const MissingParts *parts)
{
	const char *column = quote_identifier(target->column);
	StringInfoData sql;
	int			prefix;

	initStringInfo(&sql);
	appendStringInfo(&sql, "ALTER TABLE %s", target->name);
	prefix = sql.len;
	if (parts->default_value)
		appendStringInfo(&sql, " ALTER COLUMN %s SET DEFAULT %s,", column, tenant_getter(target->type));
	if (parts->drop_not_null)
		appendStringInfo(&sql, " ALTER COLUMN %s DROP NOT NULL,", column);
	if (parts->drop_check)
		appendStringInfoString(&sql, " DROP CONSTRAINT " NOT_NULL_CHECK ",");
	if (parts->not_null)
		appendStringInfo(&sql, " ALTER COLUMN %s SET NOT NULL,", column);
	if (parts->check)
		appendStringInfo(&sql, " ADD CONSTRAINT " NOT_NULL_CHECK " CHECK (%s IS NOT NULL) NOT VALID,", column);
	if (parts->enable)
		appendStringInfoString(&sql, " ENABLE ROW LEVEL SECURITY,");
	if (parts->force)
		appendStringInfoString(&sql, " FORCE ROW LEVEL SECURITY,");
	if (sql.len == prefix)
		return NULL;
	Assert(sql.data[sql.len - 1] == ',');
	sql.data[--sql.len] = '\0'; /* drop the last comma */
	return sql.data;
}

/* Adds these parts.  Returns false if there are none. */
static bool
alter_table(const Target *target, const MissingParts *parts)
{
	char	   *sql = alter_statement(target, parts);

	if (sql == NULL)
		return false;
	check_parts_have_owner(target->relid, false);
	run_ddl(target->relid, sql);
	return true;
}

static void
drop_policy(Oid relid, const char *relation, const char *policy)
{
	run_ddl(relid, psprintf("DROP POLICY %s ON %s", quote_identifier(policy), relation));
}

/* The restrictive policies that a table lacks of a shape: PolicyTexts. */
static List *
isolation_policies(const Target *target, const PolicyFacts *facts, GuardShape shape)
{
	return missing_policies(facts, shape, quote_identifier(target->column), tenant_getter(target->type));
}

static void
create_policy(const Target *target, const PolicyText *policy)
{
	run_ddl(target->relid, policy_statement(policy, target->name));
}

/*
 * Creates the restrictive policies of a shape, which limit all commands of all
 * roles to the tenant's rows, whatever permissive policies there are, and drops
 * those of other shapes.  An altered policy of their names is taken for a guard's,
 * and replaced, if it is restrictive or has the guard's expression; otherwise an
 * error is raised.  Returns true if a policy was replaced.
 */
static bool
make_isolation_policies(const Target *target, const PolicyFacts *facts, GuardShape shape)
{
	bool		replaced = false;
	ListCell   *lc;

	if (facts->shape == shape)
		return false;
	foreach(lc, facts->taken)
		if (is_policy_of_shape(lfirst(lc), shape))
			raise_refusal(policy_name_taken(target->relid, lfirst(lc)));
	foreach(lc, policies_of_other_shapes(facts, shape))
		drop_policy(target->relid, target->name, lfirst(lc));
	foreach(lc, facts->altered)
	{
		if (!is_policy_of_shape(lfirst(lc), shape))
			continue;
		replaced = true;
		drop_policy(target->relid, target->name, lfirst(lc));
		ereport(NOTICE,
				(errmsg("policy \"%s\" of table %s is replaced", (char *) lfirst(lc), target->name)));
	}
	foreach(lc, isolation_policies(target, facts, shape))
		create_policy(target, lfirst(lc));
	return replaced;
}

/*
 * Creates the permissive policy, without which no rows would be visible, and
 * returns true if it did.  If the application has permissive policies of its own
 * the guard does without: it would show rows that they hide.
 */
static bool
make_access_policy(const Target *target, const PolicyFacts *facts)
{
	if (facts->access_is_ours)
		return false;
	if (facts->permissive)
	{
		ereport(NOTICE,
				(errmsg("table %s keeps its own permissive policies", target->name),
				 errdetail("Policy \"" ACCESS_POLICY "\" is not added, since it would let through rows that they keep back.")));
		return false;
	}
	if (facts->access)
		raise_refusal(policy_name_taken(target->relid, ACCESS_POLICY));
	create_policy(target, access_policy());
	return true;
}

/* Can the guard be written at once?  Not where anything is to be replaced, which is reported, or a NOT NULL that is NOT VALID to be validated. */
static bool
can_write_guard(const Target *target, const PolicyFacts *facts, const MissingParts *parts)
{
	return !facts->any && !(parts->not_null && column_has_not_null(target->relid, target->attnum, false)) && !parts->drop_not_null && !parts->drop_check && !parts->check &&
		is_new_and_alone(target->relid, target->attnum, !parts->default_value);
}

static void
write_new_guard(const Target *target, const PolicyFacts *facts, GuardShape shape, const MissingParts *parts)
{
	NewGuard	guard = {
		.relid = target->relid, .attnum = target->attnum, .column = target->column,
		.default_value = parts->default_value ? tenant_getter(target->type) : NULL, .not_null = parts->not_null,
		.policies = lappend(isolation_policies(target, facts, shape), access_policy())
	};

	write_guard(&guard);
}

/* Guards one table in a shape; returns true if it was not guarded in full, or in another shape, before. */
static bool
guard_table(const Target *target, GuardShape shape, bool null_rows)
{
	PolicyFacts facts = policies_of(target->relid);
	bool		whole = guard_of(target->relid).status == GUARD_WHOLE && facts.shape == shape;
	MissingParts parts = missing_parts(target, shape, null_rows);
	bool		altered = true;

	if (can_write_guard(target, &facts, &parts))
		write_new_guard(target, &facts, shape, &parts);
	else
	{
		altered = alter_table(target, &parts);
		if (make_isolation_policies(target, &facts, shape))
			facts = policies_of(target->relid); /* the replaced policy may have been permissive */
		altered |= make_access_policy(target, &facts);
	}
	if (guard_of(target->relid).status != GUARD_WHOLE)
		elog(ERROR, "could not guard table %s", target->name);
	return altered || !whole;
}

/* Refuses a locked table with a partition that find_all_inheritors leaves out, as it is being detached. */
static void
check_none_half_detached(Oid relid)
{
	List	   *all;
	List	   *left_out;

	if (get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE)
		return;
	all = find_inheritance_children_extended(relid, false, NoLock, NULL, NULL);
	left_out = list_difference_oid(all, find_inheritance_children(relid, NoLock));
	if (left_out != NIL)
		raise_refusal(part_half_detached(linitial_oid(left_out), relid));
}

/*
 * Locks a table and all its partitions and children, and checks that each can be
 * guarded.  Returns a list of Targets, the table first.
 */
static List *
check_hierarchy(Oid root, const char *column, bool made_now)
{
	List	   *targets = NIL;
	ListCell   *lc;

	LockRelationOid(root, AccessExclusiveLock); /* find_all_inheritors does not lock the root */
	foreach(lc, find_all_inheritors(root, AccessExclusiveLock, NULL))
	{
		Target	   *target = palloc0(sizeof(Target));

		keep_name(lfirst_oid(lc));
		check_none_half_detached(lfirst_oid(lc));
		target->made_now = made_now;
		if (check_target(lfirst_oid(lc), column, root, target))
			targets = lappend(targets, target);
	}
	return targets;
}

/* Refuses to show the rows of guarded tables that have no tenant, perhaps not yet, to a tenant: its code may own the tables. */
static void
check_may_share_rows(List *targets)
{
	ListCell   *lc;

	foreach(lc, targets)
	{
		const Target *target = lfirst(lc);

		if (transaction_has_tenant() && guard_of(target->relid).status != GUARD_NONE &&
			!has_rows_of_everyone(target->relid) && !column_is_not_null(target->relid, target->attnum, true))
			raise_refusal(shares_rows_under_tenant(target->relid));
	}
}

/* The shape of the nearest guarded ancestor of a table, or SHAPE_NONE. */
static GuardShape
shape_above(Oid relid)
{
	ListCell   *lc;

	foreach(lc, ancestors_of(relid))
		if (guard_of(lfirst_oid(lc)).status != GUARD_NONE)
			return guard_of(lfirst_oid(lc)).shape;
	return SHAPE_NONE;
}

/* The shape that the guard of a table is to have.  Raises an error if it is a part of a table with another one. */
static GuardShape
wanted_shape(Oid root, NullRows null_rows)
{
	GuardShape	above = shape_above(root);
	GuardShape	wanted = null_rows == NULL_ROWS_SHARED ? SHAPE_OWN_OR_SHARED : SHAPE_TENANT_COLUMN;

	if (null_rows == NULL_ROWS_REFUSED || null_rows == NULL_ROWS_SHARED)
	{
		if (above != SHAPE_NONE && above != wanted)
			raise_refusal(part_differs_in_shape(root, wanted == SHAPE_OWN_OR_SHARED));
		return wanted;
	}
	if (above == SHAPE_NONE)
		above = guard_of(root).shape;
	return above == SHAPE_OWN_OR_SHARED ? SHAPE_OWN_OR_SHARED : SHAPE_TENANT_COLUMN;
}

/*
 * Guards a table and all its partitions and children by the named column.
 * Returns true if any of them was not guarded in full before.  Raises an error if
 * one cannot be guarded.
 *
 * With NULL_ROWS_TOLERATED there may be rows whose tenant is null: no tenant sees
 * them, and a CHECK constraint that is NOT VALID prevents new ones.  A table that
 * is guarded in that way already can be guarded again with NULL_ROWS_REFUSED.  A
 * part has the shape of the table that it is a part of.
 */
bool
guard_hierarchy(Oid root, const char *column, NullRows null_rows)
{
	List	   *targets = check_hierarchy(root, column, null_rows == NULL_ROWS_TOLERATED);
	const char *name = relation_name(root);
	Guard		was = guard_of(root);
	GuardShape	shape = wanted_shape(root, null_rows);
	bool		was_whole = was.status == GUARD_WHOLE && was.shape == shape;
	int64		rows = 0;
	bool		changed = false;
	ListCell   *lc;

	if (shape != SHAPE_OWN_OR_SHARED)
		foreach(lc, targets)
			rows += count_null_rows(lfirst(lc));
	if (rows > 0 && null_rows != NULL_ROWS_TOLERATED && !was_whole)
		raise_refusal(rows_of_no_tenant(root, column, rows));

	if (shape == SHAPE_OWN_OR_SHARED)
		check_may_share_rows(targets);
	foreach(lc, targets)
		changed |= guard_table(lfirst(lc), shape, rows > 0);
	if (!changed)
		return false;

	ereport(routine_notice,
			(errmsg("table %s is now guarded by tenant column \"%s\"", name, column),
			 shape == SHAPE_OWN_OR_SHARED ?
			 errdetail("Rows whose column \"%s\" is null are everyone's: each tenant sees them, and none can change them.", column) : 0));
	if (rows > 0)
		ereport(NOTICE,
				(errmsg(INT64_FORMAT " %s of table %s %s to no tenant", rows,
						rows == 1 ? "row" : "rows", name, rows == 1 ? "belongs" : "belong"),
				 errdetail("No tenant sees a row whose column \"%s\" is null. A CHECK constraint keeps out new ones.", column),
				 errhint("Fill the column as a role that may bypass row-level security, then run ALTER TABLE %s ALTER COLUMN %s SET NOT NULL.",
						 name, quote_identifier(column))));
	return true;
}

/*
 * Drops the CHECK constraint that a guard has in place of NOT NULL, if the column
 * is NOT NULL now in the table and all its partitions and children.  Returns true
 * if it was dropped.
 */
bool
drop_obsolete_check(Oid relid)
{
	Guard		guard = guard_of(relid);
	ListCell   *lc;

	if (guard.status != GUARD_WHOLE || !has_not_null_check(relid, guard.attnum) ||
		!parts_have_owner(relid, false))
		return false;
	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
	{
		AttrNumber	attnum = guard_of(lfirst_oid(lc)).attnum;

		if (attnum == 0 || !column_has_not_null(lfirst_oid(lc), attnum, true))
			return false;
	}
	run_ddl(relid, psprintf("ALTER TABLE %s DROP CONSTRAINT " NOT_NULL_CHECK, relation_name(relid)));
	return true;
}
