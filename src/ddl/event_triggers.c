/*-------------------------------------------------------------------------
 *
 * event_triggers.c
 *	  What a DDL statement made or weakened.
 *
 * Event triggers, so that one path serves every form of statement, with the
 * OIDs of what it made, after it ended and inside its transaction.  At
 * ddl_command_end a table that has come by the tenant column is guarded, or
 * the statement fails; and a statement that leaves a guard damaged fails.
 * At sql_drop so does one that drops the policy of a table that stays.
 *
 * Verdicts look at the state that the statement has left in the catalogs.
 * Its parse tree only tells whether to look: most statements cannot bring a
 * tenant column or weaken a guard.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_policy.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "parser/parse_type.h"
#include "tcop/deparse_utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "access_refusals.h"
#include "auto_protect.h"
#include "bypass.h"
#include "catalog.h"
#include "column_change.h"
#include "companion_key.h"
#include "compat.h"
#include "domain_constraint.h"
#include "drop_on_commit.h"
#include "event_triggers.h"
#include "find_mismatch.h"
#include "foreign_key.h"
#include "foreign_part.h"
#include "guard.h"
#include "guard_policy.h"
#include "guard_refusals.h"
#include "install_guard.h"
#include "invariant.h"
#include "key_setting.h"
#include "made_table.h"
#include "not_null.h"
#include "own_sql.h"
#include "reference_owner.h"
#include "refusal.h"
#include "stored_mismatch.h"
#include "table_change.h"
#include "temporary_table.h"
#include "tenant_type.h"
#include "trigger_owner.h"
#include "unenforced_key.h"
#include "unguarded_parent.h"

PG_FUNCTION_INFO_V1(tenant_guard_on_ddl_command_start);
PG_FUNCTION_INFO_V1(tenant_guard_on_ddl_command_end);
PG_FUNCTION_INFO_V1(tenant_guard_on_sql_drop);

/* ----------------------------------------------------------------
 *		Refusing what weakens a guard
 * ----------------------------------------------------------------
 */

/* The topmost guarded table of which this one is a part, or itself. */
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
	raise_refusal(weakens_guard(relation_name(relid),
								relation_name(guarded_root(relid)), damage));
}

/* Refuses another type for a tenant column than tenants have. */
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
	if (!known || serves != setting_tenant_type)
		raise_refusal(new_column_type_differs(relation_name(relid), column, format_type_be(typid),
											  setting_tenant_type, known ? &serves : NULL));
}

/*
 * Refuses to drop or retype a tenant column before PostgreSQL does, which
 * would advise CASCADE, and to generate it anew or number it, which nothing
 * else would see.
 */
static void
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
		if (cmd->subtype == AT_AlterColumnType)
			check_new_type(relid, column, (const ColumnDef *) cmd->def);
		if (cmd->subtype == AT_AlterColumnType)
			refuse_weakening(relid, "its tenant column is of another type");
		if (cmd->subtype == AT_AddIdentity)
			raise_refusal(identity_column(relation_name(relid), column, true));
		if (is_set_expression(cmd->subtype))
			refuse_weakening(relid, "its rows belong to other tenants");
	}
}

/*
 * Refuses a temporary relation that hides a guarded table of the same name:
 * it would outlive the transaction and its tenant.
 */
static void
check_shadowing(Oid relid)
{
	Oid			hidden = hidden_table(relid);
	const char *means = bypass_reason(InvalidOid);

	if (!OidIsValid(hidden))
		return;
	if (means == NULL)
		raise_refusal(shadows_table(get_rel_name(relid), relation_name(hidden)));
	log_bypass(psprintf("a temporary relation hides %s", relation_name(hidden)), means);
}

/*
 * For what was made where no event trigger fires: EXPLAIN ANALYZE CREATE TABLE
 * AS.  Such tables have no keys and no parents.
 */
void
relations_were_made(List *relids, bool drop_on_commit)
{
	ListCell   *lc;

	foreach(lc, relids)
	{
		if (get_rel_relkind(lfirst_oid(lc)) != RELKIND_RELATION ||
			!OidIsValid(get_extension_oid(EXTENSION_NAME, true)))
			continue;
		if (drop_on_commit)
			remember_drop_on_commit(lfirst_oid(lc));
		check_shadowing(lfirst_oid(lc));
		check_functions_of_first_guards(auto_protect(lfirst_oid(lc)));
		note_written(lfirst_oid(lc), false);
	}
}

/* Once a column is NOT NULL, the CHECK that stood in for it can go. */
static void
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

/* ----------------------------------------------------------------
 *		What a statement leaves behind
 * ----------------------------------------------------------------
 */

/* One invariant does not hold of a table that a statement has touched. */
static void
judge(const BrokenInvariant *broken, bool made)
{
	switch (broken->invariant)
	{
		case INVARIANT_ABOVE:
			check_parent(broken->relid, broken->other, made);
			break;
		case INVARIANT_PARTS:
			if (get_rel_relkind(broken->relid) == RELKIND_FOREIGN_TABLE)
				check_foreign_part(broken->relid, broken->other);
			else if (!weakening_is_meant(broken->relid))
				refuse_weakening(broken->relid, broken->detail);
			break;
		case INVARIANT_WHOLE:
			if (!weakening_is_meant(broken->relid))
				refuse_weakening(broken->relid, broken->detail);
			break;
		case INVARIANT_KEYS:
			check_key_setting_applied(broken->relid, broken->detail);
			break;
	}
}

/* The check at the end of a statement, of tables with all their parts. */
static void
check_invariants(List *tables, int which, bool made)
{
	List	   *parts = NIL;
	ListCell   *lc;
	ListCell   *broken;

	if (which == 0)
		return;
	foreach(lc, tables)
		parts = list_concat_unique_oid(parts, find_all_inheritors(lfirst_oid(lc), NoLock, NULL));
	foreach(lc, parts)
		foreach(broken, broken_invariants(lfirst_oid(lc), which))
			judge(lfirst(broken), made);
}

/* Whatever leaves a guarded table takes a guard with it. */
static List *
check_leaving(Oid part, Oid whole)
{
	if (get_rel_relkind(part) != '\0' &&
		(part == whole || guard_of(whole).status != GUARD_NONE))
		return auto_protect(part);
	return NIL;
}

/*
 * Guards what is to be guarded now, and returns those tables.  With a guard
 * that is made by hand the parts are guarded that are not yet.
 */
static List *
guard_changed(const TableChange *change, List *touched)
{
	List	   *guarded = NIL;
	ListCell   *lc;

	if (change->brings_column)
		guarded = auto_protect_all(touched);
	else if (change->completes && guard_of(change->relid).status != GUARD_NONE)
		guarded = auto_protect_all(list_delete_first(find_all_inheritors(change->relid, NoLock, NULL)));
	foreach(lc, change->leaves)
		guarded = list_concat(guarded, check_leaving(lfirst_oid(lc), change->relid));
	return guarded;
}

/* Tables that are guarded now, and that a trigger of another role's may be on. */
static void
check_triggers(List *guarded)
{
	ListCell   *lc;

	foreach(lc, guarded)
		check_old_triggers(lfirst_oid(lc), ERROR);
}

/*
 * Judges one command and mends what it left to be mended.  A guard that it has
 * damaged is not mended, but refused.  Returns the tables whose foreign keys
 * are to be settled.
 */
static List *
check_change(const TableChange *change)
{
	List	   *touched;
	List	   *guarded;
	ListCell   *lc;

	/* an earlier command's table may be gone by the end of the statement */
	if (!OidIsValid(change->relid) || get_rel_relkind(change->relid) == '\0')
		return NIL;
	touched = get_rel_relkind(change->relid) == RELKIND_COMPOSITE_TYPE ?
		typed_tables(change->relid) : list_make1_oid(change->relid);
	if (change->alters_policy && !weakening_is_meant(change->relid))
		refuse_weakening(change->relid, "its policy \"" ISOLATION_POLICY "\" is another");
	check_invariants(touched, change->breaks & INVARIANT_WHOLE, false);
	check_renewed_columns(touched, change->renewed);
	if (change->gains_column)
		check_gained_column(touched);
	check_keys_enforced(change->relid, change->unenforced);
	if (change->named)
		check_shadowing(change->relid);
	guarded = guard_changed(change, touched);
	check_triggers(guarded);
	if (change->adds_key)
		check_old_triggers(change->relid, ERROR);
	foreach(lc, change->joins)
		if (guard_of(lfirst_oid(lc)).status == GUARD_NONE)
			check_old_triggers(lfirst_oid(lc), ERROR);	/* keys of the whole may act on it */
	check_functions_of_first_guards(guarded);
	if (change->completes || change->gives_away)
		check_functions_of_first_guards(find_all_inheritors(change->relid, NoLock, NULL));
	if (change->gives_away)
	{
		check_functions_of_new_owner(change->relid);
		check_old_triggers(change->relid, WARNING);
	}
	if (change->fills)
		note_written(change->relid, true);
	if (!change->made)
		check_invariants(list_difference_oid(guarded, change->joins), INVARIANT_PARTS | INVARIANT_ABOVE, true);
	check_invariants(change->joins != NIL ? change->joins : touched,
					 change->breaks & (INVARIANT_PARTS | INVARIANT_ABOVE), change->made || change->completes);
	if (change->forbids_null)
		drop_obsolete_checks(change->relid);
	if (change->adds_key ||
		((change->alters_key || change->completes) && guard_of(change->relid).status != GUARD_NONE))
		return lappend_oid(guarded, change->relid);
	if (change->moves_keys)
	{
		apply_key_setting_to_companions(change->relid);
		keep_companions_alike(change->relid);
	}
	/* a partition's share of a key is one of its own now */
	foreach(lc, change->leaves)
		apply_key_setting_to_companions(lfirst_oid(lc));
	return guarded;
}

/* ALTER SCHEMA ... RENAME makes or changes no table, and may move many. */
static List *
check_command(const CollectedCommand *cmd)
{
	TableChange change;

	if (cmd->type == SCT_Simple && IsA(cmd->parsetree, RenameStmt) &&
		((RenameStmt *) cmd->parsetree)->renameType == OBJECT_SCHEMA)
	{
		List	   *guarded = auto_protect_schema((RenameStmt *) cmd->parsetree);

		check_triggers(guarded);
		check_functions_of_first_guards(guarded);
		check_invariants(guarded, INVARIANT_PARTS | INVARIANT_ABOVE, true);
		return guarded;
	}
	if (cmd->type == SCT_Simple && IsA(cmd->parsetree, CreateTrigStmt))
		check_new_trigger(cmd->d.simple.address.objectId);
	if (cmd->type == SCT_Simple && IsA(cmd->parsetree, CreateCastStmt))
		check_functions_of_cast(cmd->d.simple.address.objectId);
	change = read_change(cmd);
	return check_change(&change);
}

/*
 * Reports what a command has stored that takes a tenant for text, after tables
 * that it made are guarded.
 */
static void
check_comparisons(const CollectedCommand *cmd)
{
	int			level = mismatch_level();
	ListCell   *lc;

	if (level == 0)
		return;
	foreach(lc, mismatches_in_command(cmd))
		report_refusal(level, *(const Refusal *) lfirst(lc), 0);
}

/* ----------------------------------------------------------------
 *		The event triggers
 * ----------------------------------------------------------------
 */

/* The statement that an event trigger is called for. */
static Node *
event_statement(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be called as an event trigger")));
	return ((EventTriggerData *) fcinfo->context)->parsetree;
}

/* Statements of our own, and pg_upgrade's, are as they must be. */
static bool
is_left_alone(const Node *stmt)
{
	return IsBinaryUpgrade || is_own_ddl(stmt);
}

Datum
tenant_guard_on_ddl_command_end(PG_FUNCTION_ARGS)
{
	Node	   *stmt = event_statement(fcinfo);
	List	   *commands;
	List	   *unsettled = NIL;
	List	   *settled = NIL;
	ListCell   *lc;

	if (is_left_alone(stmt))
		PG_RETURN_NULL();
	/* the CollectedCommands live as long as the outer statement */
	commands = query_datums("SELECT command FROM pg_catalog.pg_event_trigger_ddl_commands()");
	foreach(lc, commands)
		unsettled = list_concat_unique_oid(unsettled, check_command(lfirst(lc)));
	foreach(lc, unsettled)
	{
		if (apply_key_setting(lfirst_oid(lc), KEYS_OF_DDL))
			settled = lappend_oid(settled, lfirst_oid(lc));
		check_new_references(lfirst_oid(lc));
	}
	check_invariants(settled, INVARIANT_KEYS, false);
	foreach(lc, commands)
		check_comparisons(lfirst(lc));
	PG_RETURN_NULL();
}

/*
 * What the statement has dropped of those that a catalog holds, as OIDs; all,
 * or those that did not just go with what they are a part of.
 */
static List *
dropped_objects(const char *catalog, const char *which)
{
	List	   *oids = NIL;
	ListCell   *lc;

	foreach(lc, query_datums(psprintf("SELECT objid FROM pg_catalog.pg_event_trigger_dropped_objects()"
									  " WHERE classid OPERATOR(pg_catalog.=) 'pg_catalog.%s'::pg_catalog.regclass AND (%s)",
									  catalog, which)))
		oids = lappend_oid(oids, DatumGetObjectId(PointerGetDatum(lfirst(lc))));
	return oids;
}

/* Can it drop columns of tables that it does not name, by CASCADE? */
static bool
may_take_columns(const Node *stmt)
{
	return IsA(stmt, DropStmt) ? ((const DropStmt *) stmt)->behavior == DROP_CASCADE : !IsA(stmt, AlterTableStmt);
}

Datum
tenant_guard_on_sql_drop(PG_FUNCTION_ARGS)
{
	Node	   *stmt = event_statement(fcinfo);
	List	   *losing_keys = NIL;
	ListCell   *lc;

	if (is_left_alone(stmt))
		PG_RETURN_NULL();
	foreach(lc, dropped_objects("pg_policy", "true"))
	{
		Oid			relid = table_of_isolation_policy(lfirst_oid(lc));

		if (OidIsValid(relid) && get_rel_relkind(relid) != '\0' &&
			!weakening_is_meant(relid))
			refuse_weakening(relid, "its policy \"" ISOLATION_POLICY "\" is dropped");
	}
	if (may_take_columns(stmt))
		foreach(lc, dropped_objects("pg_class", "object_type OPERATOR(pg_catalog.=) 'table column'"))
			check_lost_column(lfirst_oid(lc));
	foreach(lc, dropped_objects("pg_constraint", "original OR normal"))
	{
		ForeignKey *key = foreign_key_of_command(lfirst_oid(lc));

		drop_companion(lfirst_oid(lc));
		/* ALTER TABLE's own keys are settled when it ends */
		if (key != NULL && !IsA(stmt, AlterTableStmt))
			losing_keys = list_append_unique_oid(losing_keys, key->child);
	}
	foreach(lc, losing_keys)
		apply_key_setting_to_companions(lfirst_oid(lc));
	PG_RETURN_NULL();
}

/*
 * That this function is called has loaded the library, and so its label
 * provider is there when SECURITY LABEL looks for it.  Without that, pg_restore
 * could not restore our labels in a session of its own on a server that does
 * not preload the library.
 */
Datum
tenant_guard_on_ddl_command_start(PG_FUNCTION_ARGS)
{
	Node	   *stmt = event_statement(fcinfo);

	statement_is_seen();
	if (!is_left_alone(stmt) && IsA(stmt, AlterTableStmt))
		check_alter_table((AlterTableStmt *) stmt);
	if (!is_left_alone(stmt) && IsA(stmt, AlterDomainStmt))
		check_alter_domain((AlterDomainStmt *) stmt);
	PG_RETURN_NULL();
}
