/*-------------------------------------------------------------------------
 *
 * event_triggers.c
 *	  Checks what a DDL statement has made or weakened.
 *
 * Event triggers see every form of statement, with the OIDs of what it made,
 * after it ended and inside its transaction.  At ddl_command_end a table that
 * has gained the tenant column is guarded, or the statement fails; a statement
 * that has weakened a guard fails.  At sql_drop a statement fails that has dropped
 * a policy or the tenant column of a guarded table, but not the table; and
 * foreign keys and companions are dropped with each other.
 *
 * Decisions are made by what the statement has left in the catalogs.  Its parse
 * tree (table_change.c) says only what to look at.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_trigger.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/deparse_utility.h"
#include "utils/lsyscache.h"

#include "auto_protect.h"
#include "catalog.h"
#include "column_change.h"
#include "companion_key.h"
#include "compat.h"
#include "domain_constraint.h"
#include "drop_on_commit.h"
#include "event_triggers.h"
#include "extension_version.h"
#include "find_mismatch.h"
#include "foreign_key.h"
#include "guard.h"
#include "guard_not_weakened.h"
#include "guard_policy.h"
#include "key_index.h"
#include "key_setting.h"
#include "keys_of_everyone.h"
#include "library.h"
#include "made_table.h"
#include "own_sql.h"
#include "reference_owner.h"
#include "reference_trigger.h"
#include "refusal.h"
#include "security_label.h"
#include "stored_mismatch.h"
#include "table_change.h"
#include "temporary_table.h"
#include "trigger_owner.h"
#include "unenforced_key.h"

PG_FUNCTION_INFO_V1(tenant_guard_on_ddl_command_start);
PG_FUNCTION_INFO_V1(tenant_guard_on_ddl_command_end);
PG_FUNCTION_INFO_V1(tenant_guard_on_sql_drop);

/*
 * Guards and checks tables that EXPLAIN ANALYZE CREATE TABLE AS has made, for
 * which no event trigger fires.  They have no foreign keys and no parents.
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

/* ----------------------------------------------------------------
 *		The checks of one command
 * ----------------------------------------------------------------
 */

/* A command that is checked, and what was found so far. */
typedef struct CheckedCommand
{
	const TableChange *change;
	List	   *touched;		/* the changed table, or the tables of a changed composite type */
	List	   *guarded;		/* tables that were guarded because of the command */
} CheckedCommand;

static void
note_dropped_on_commit(CheckedCommand *cmd)
{
	remember_drop_on_commit(cmd->change->relid);
}

/* Refuses to drop or alter a restrictive policy of a guard; "done" says what becomes of tenant_isolation. */
static void
check_policy_kept(Oid relid, const char *done)
{
	Guard		guard = guard_of(relid);

	check_weakening_allowed(relid, guard.shape == SHAPE_OWN_OR_SHARED && guard.damage != NULL ? guard.damage : done);
}

static void
check_altered_policy(CheckedCommand *cmd)
{
	check_policy_kept(cmd->change->relid, "its policy \"" ISOLATION_POLICY "\" is another");
}

static void
check_guards_whole(CheckedCommand *cmd)
{
	check_invariants(cmd->touched, cmd->change->breaks & INVARIANT_GUARD_COMPLETE, false);
}

static void
check_renewed(CheckedCommand *cmd)
{
	check_renewed_columns(cmd->touched, cmd->change->renewed);
}

static void
check_named_column(CheckedCommand *cmd)
{
	check_gained_columns(cmd->touched, cmd->change->gained);
}

static void
check_enforced(CheckedCommand *cmd)
{
	check_keys_enforced(cmd->change->relid, cmd->change->unenforced);
}

/* Refuses to disable a trigger that checks what foreign keys reference. */
static void
check_triggers_enabled(CheckedCommand *cmd)
{
	ListCell   *lc;

	foreach(lc, find_all_inheritors(cmd->change->relid, NoLock, NULL))
	{
		char	   *disabled = disabled_reference_trigger(lfirst_oid(lc));

		if (disabled != NULL && has_unchecked_keys(lfirst_oid(lc)))
			check_weakening_allowed(lfirst_oid(lc), psprintf("its trigger \"%s\", which checks what foreign keys reference, is disabled", disabled));
	}
}

/* A partition has the triggers of its parent, but they have not seen the rows that it brings. */
static void
check_references_of_joined(CheckedCommand *cmd)
{
	ListCell   *lc;

	foreach(lc, cmd->change->joined)
		check_references_of_part(lfirst_oid(lc));
}

static void
check_name(CheckedCommand *cmd)
{
	check_shadowing(cmd->change->relid);
}

/* A partition or child that has left a guarded table gets a guard of its own; returns the tables guarded. */
static List *
guard_left_table(Oid relid, Oid parent)
{
	if (get_rel_relkind(relid) != '\0' &&
		(relid == parent || guard_of(parent).status != GUARD_NONE))
		return auto_protect(relid);
	return NIL;
}

/*
 * Guards the tables that are to be guarded now.  Where a guard was made by hand,
 * the partitions and children are guarded that are not.
 */
static void
guard_changed(CheckedCommand *cmd)
{
	const TableChange *change = cmd->change;
	ListCell   *lc;

	Assert(cmd->guarded == NIL);
	if (change->actions & BRINGS_TENANT_COLUMN)
		cmd->guarded = auto_protect_all(cmd->touched);
	else if ((change->actions & COMPLETES_GUARD) && guard_of(change->relid).status != GUARD_NONE)
		cmd->guarded = auto_protect_all(list_delete_first(find_all_inheritors(change->relid, NoLock, NULL)));
	foreach(lc, change->left)
		cmd->guarded = list_concat(cmd->guarded, guard_left_table(lfirst_oid(lc), change->relid));
}

/* Refuses to guard tables that have triggers of roles that do not own them. */
static void
check_triggers_of_guarded(CheckedCommand *cmd)
{
	ListCell   *lc;

	foreach(lc, cmd->guarded)
		check_old_triggers(lfirst_oid(lc), ERROR);
}

/* The actions of a new foreign key fire the triggers of its table. */
static void
check_triggers_under_key(CheckedCommand *cmd)
{
	check_old_triggers(cmd->change->relid, ERROR);
}

/* The actions of a parent's foreign keys also fire the triggers of a table that became its partition or child. */
static void
check_triggers_of_joined(CheckedCommand *cmd)
{
	ListCell   *lc;

	foreach(lc, cmd->change->joined)
		if (guard_of(lfirst_oid(lc)).status == GUARD_NONE)
			check_old_triggers(lfirst_oid(lc), ERROR);
}

static void
check_owners_of_guarded(CheckedCommand *cmd)
{
	check_functions_of_first_guards(cmd->guarded);
}

/* A guard made by hand, or a guarded table of a new owner, may be the first that the owner has. */
static void
check_owner_of_first_guard(CheckedCommand *cmd)
{
	check_functions_of_first_guards(find_all_inheritors(cmd->change->relid, NoLock, NULL));
}

static void
check_new_owner(CheckedCommand *cmd)
{
	check_functions_of_new_owner(cmd->change->relid);
	check_old_triggers(cmd->change->relid, WARNING);
}

static void
note_written_rows(CheckedCommand *cmd)
{
	note_written(cmd->change->relid, true);
}

static void
check_rewritten_keys(CheckedCommand *cmd)
{
	check_remade_keys(cmd->change->relid);
}

/* Checks the parents, partitions and children of tables that were guarded only now; check_hierarchies does so for new tables. */
static void
check_hierarchies_of_guarded(CheckedCommand *cmd)
{
	if (!(cmd->change->actions & MAKES_TABLE))
		check_invariants(list_difference_oid(cmd->guarded, cmd->change->joined), INVARIANTS_OF_HIERARCHY, true);
}

static void
check_hierarchies(CheckedCommand *cmd)
{
	check_invariants(cmd->change->joined != NIL ? cmd->change->joined : cmd->touched,
					 cmd->change->breaks & INVARIANTS_OF_HIERARCHY,
					 (cmd->change->actions & (MAKES_TABLE | COMPLETES_GUARD)) != 0);
}

static void
unguard_if_labelled(CheckedCommand *cmd)
{
	unguard_labelled(cmd->change->relid);
}

static void
drop_checks(CheckedCommand *cmd)
{
	drop_obsolete_checks(cmd->change->relid);
}

#define ANY_ACTION 0

/* The checks in the order in which they run, each if the command did one of the actions. */
static const struct
{
	int			actions;
	void		(*check) (CheckedCommand *cmd);
}			checks[] = {
	{DROPS_ON_COMMIT, note_dropped_on_commit},
	{ALTERS_POLICY, check_altered_policy},
	{ANY_ACTION, check_guards_whole},
	{RENEWS_COLUMN, check_renewed},
	{NAMES_TENANT_COLUMN, check_named_column},
	{UNENFORCES_KEY, check_enforced},
	{DISABLES_TRIGGER, check_triggers_enabled},
	{NAMES_RELATION, check_name},
	{BRINGS_TENANT_COLUMN | COMPLETES_GUARD | LEAVES_PARENT, guard_changed},
	{ANY_ACTION, check_triggers_of_guarded},
	{ADDS_KEY, check_triggers_under_key},
	{JOINS_PARENT, check_triggers_of_joined},
	{JOINS_PARENT, check_references_of_joined},
	{ANY_ACTION, check_owners_of_guarded},
	{COMPLETES_GUARD | CHANGES_OWNER, check_owner_of_first_guard},
	{CHANGES_OWNER, check_new_owner},
	{WRITES_ROWS, note_written_rows},
	{WRITES_ROWS | VALIDATES_KEY, check_rewritten_keys},
	{ANY_ACTION, check_hierarchies_of_guarded},
	{ANY_ACTION, check_hierarchies},
	{SETS_NOT_NULL, drop_checks},
	{LABELS_TABLE, unguard_if_labelled}
};

/* Has a command made foreign keys to which the setting foreign_keys is to be applied? */
static bool
needs_key_setting(const TableChange *change)
{
	return (change->actions & ADDS_KEY) ||
		((change->actions & (ALTERS_KEY | COMPLETES_GUARD)) && guard_of(change->relid).status != GUARD_NONE);
}

/*
 * Checks one command, guards what is to be guarded, and alters the companions of
 * foreign keys as the command has altered the keys.  If the command has damaged a
 * guard, it is refused, and the guard is not repaired.  Returns the tables to whose foreign keys the setting
 * foreign_keys is to be applied when the statement has ended.
 */
static List *
check_change(const TableChange *change)
{
	CheckedCommand cmd = {.change = change};
	ListCell   *lc;

	/* a statement can contain several commands, and a later one can have dropped the table */
	if (!OidIsValid(change->relid) || get_rel_relkind(change->relid) == '\0')
		return NIL;
	cmd.touched = get_rel_relkind(change->relid) == RELKIND_COMPOSITE_TYPE ?
		typed_tables(change->relid) : list_make1_oid(change->relid);
	Assert(!(change->actions & (RENAMES_SCHEMA | MAKES_TRIGGER | MAKES_CAST)));
	for (int i = 0; i < lengthof(checks); i++)
		if (checks[i].actions == ANY_ACTION || (change->actions & checks[i].actions))
			checks[i].check(&cmd);

	if (needs_key_setting(change))
		return lappend_oid(cmd.guarded, change->relid);
	if (change->actions & SEPARATES_COMPANION)
	{
		apply_key_setting_to_companions(change->relid, NULL);
		keep_companions_alike(change->relid);
	}
	/* what was a partition's share of a foreign key is a foreign key of its own now */
	foreach(lc, change->left)
		apply_key_setting_to_companions(lfirst_oid(lc), NULL);
	return cmd.guarded;
}

/* ALTER SCHEMA ... RENAME changes no table, and may end the exclusion of all tables in the schema. */
static List *
check_renamed_schema(const RenameStmt *stmt)
{
	CheckedCommand cmd = {.guarded = auto_protect_schema(stmt)};

	check_triggers_of_guarded(&cmd);
	check_owners_of_guarded(&cmd);
	check_invariants(cmd.guarded, INVARIANTS_OF_HIERARCHY, true);
	return cmd.guarded;
}

static List *
check_command(const CollectedCommand *cmd)
{
	TableChange change = read_change(cmd);

	if (change.actions & RENAMES_SCHEMA)
		return check_renamed_schema((RenameStmt *) cmd->parsetree);
	if (change.actions & MAKES_TRIGGER)
		check_new_trigger(change.object);
	if (change.actions & MAKES_CAST)
		check_functions_of_cast(change.object);
	return check_change(&change);
}

/*
 * Reports expressions that a command has stored and that compare a tenant as
 * text.  The tables that the command made must have been guarded.
 */
static void
check_comparisons(const CollectedCommand *cmd)
{
	int			level = mismatch_level();
	ListCell   *lc;

	if (level == 0 || !stores_expressions(cmd))
		return;
	foreach(lc, mismatches_in_command(cmd))
		report_refusal(level, *(const Refusal *) lfirst(lc), 0);
}

/* ----------------------------------------------------------------
 *		The event triggers
 * ----------------------------------------------------------------
 */

/* The statement for which an event trigger function is called; raises an error if it is called otherwise. */
static Node *
event_statement(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be called as an event trigger")));
	return ((EventTriggerData *) fcinfo->context)->parsetree;
}

/* The extension's own statements, and pg_upgrade's, are not checked. */
static bool
is_exempt(const Node *stmt)
{
	return IsBinaryUpgrade || is_own_ddl(stmt);
}

/*
 * Is it a statement that is run where the library does not fit the objects?
 * Those by which extensions come, change and go cure that, and maintenance goes
 * on (from 17 on event triggers fire for REINDEX).
 */
static bool
needs_no_fitting_library(const Node *stmt)
{
	return IsA(stmt, ReindexStmt) || IsA(stmt, CreateExtensionStmt) || IsA(stmt, AlterExtensionStmt) ||
		(IsA(stmt, DropStmt) && ((const DropStmt *) stmt)->removeType == OBJECT_EXTENSION);
}

/* Refuses an update of this extension to a version for which the session's library is too old. */
static void
check_updated_extension(const Node *stmt)
{
	if (IsA(stmt, AlterExtensionStmt) && strcmp(((const AlterExtensionStmt *) stmt)->extname, EXTENSION_NAME) == 0)
		check_library_fits_update();
}

Datum
tenant_guard_on_ddl_command_end(PG_FUNCTION_ARGS)
{
	Node	   *stmt = event_statement(fcinfo);
	List	   *commands;
	List	   *with_keys = NIL;
	List	   *changed = NIL;
	ListCell   *lc;

	Assert(IsTransactionState());
	if (is_exempt(stmt))
		PG_RETURN_NULL();
	check_updated_extension(stmt);
	commands = collected_commands();
	foreach(lc, commands)
		with_keys = list_concat_unique_oid(with_keys, check_command(lfirst(lc)));
	foreach(lc, with_keys)
	{
		if (apply_key_setting(lfirst_oid(lc), KEYS_OF_DDL))
			changed = lappend_oid(changed, lfirst_oid(lc));
		check_new_references(lfirst_oid(lc));
	}
	check_invariants(changed, INVARIANT_KEYS_CARRY_TENANT, false);
	foreach(lc, commands)
		check_comparisons(lfirst(lc));
	PG_RETURN_NULL();
}

/* Can a statement drop columns of tables that it does not name, by CASCADE? */
static bool
may_take_columns(const Node *stmt)
{
	return IsA(stmt, DropStmt) ? ((const DropStmt *) stmt)->behavior == DROP_CASCADE : !IsA(stmt, AlterTableStmt);
}

static void
check_dropped_policy(Oid policy)
{
	Oid			relid = table_of_isolation_policy(policy);

	if (OidIsValid(relid) && get_rel_relkind(relid) != '\0')
		check_policy_kept(relid, "its policy \"" ISOLATION_POLICY "\" is dropped");
}

static void
check_dropped_trigger(Oid trigger)
{
	Oid			relid = table_of_reference_trigger(trigger);

	if (OidIsValid(relid) && get_rel_relkind(relid) != '\0' && has_unchecked_keys(relid))
		check_weakening_allowed(relid, "its trigger, which checks what foreign keys reference, is dropped");
}

/* Drops the companions of foreign keys that were dropped, and applies the setting foreign_keys to companions that lost their keys. */
static void
drop_with_keys(const List *dropped, Node *stmt)
{
	List	   *losing_keys = NIL;
	ListCell   *lc;

	foreach(lc, dropped)
	{
		const DroppedObject *object = lfirst(lc);
		ForeignKey *key;

		if (object->catalog != ConstraintRelationId || !(object->original || object->normal))
			continue;
		key = foreign_key_of_command(object->oid);
		drop_companion(object->oid);
		/* the setting is applied to ALTER TABLE's own keys at ddl_command_end */
		if (key != NULL && !IsA(stmt, AlterTableStmt))
			losing_keys = lappend(losing_keys, key);
	}
	if (IsA(stmt, AlterTableStmt))
		foreach(lc, dropped)
		{
			const DroppedObject *object = lfirst(lc);

			if (object->catalog == ConstraintRelationId && object->original)
				drop_accompanied(object->oid, (AlterTableStmt *) stmt);
		}
	foreach(lc, losing_keys)
		apply_key_setting_to_companions(((ForeignKey *) lfirst(lc))->child, lfirst(lc));
}

Datum
tenant_guard_on_sql_drop(PG_FUNCTION_ARGS)
{
	Node	   *stmt = event_statement(fcinfo);
	List	   *dropped;
	ListCell   *lc;

	if (is_exempt(stmt))
		PG_RETURN_NULL();
	dropped = dropped_objects();
	foreach(lc, dropped)
	{
		const DroppedObject *object = lfirst(lc);

		if (object->catalog == PolicyRelationId)
			check_dropped_policy(object->oid);
	}
	foreach(lc, dropped)
	{
		const DroppedObject *object = lfirst(lc);

		if (object->catalog == TriggerRelationId)
			check_dropped_trigger(object->oid);
	}
	if (may_take_columns(stmt))
		foreach(lc, dropped)
		{
			const DroppedObject *object = lfirst(lc);

			if (object->is_column)
				check_lost_column(object->oid);
		}
	drop_with_keys(dropped, stmt);
	PG_RETURN_NULL();
}

/*
 * Checks ALTER TABLE and ALTER DOMAIN before they run.  The call also loads the
 * library, if that was not done before, so that SECURITY LABEL finds its label
 * provider: otherwise pg_restore could not restore the extension's labels on a
 * server that does not preload the library.
 */
Datum
tenant_guard_on_ddl_command_start(PG_FUNCTION_ARGS)
{
	Node	   *stmt = event_statement(fcinfo);

	statement_is_seen();
	if (!needs_no_fitting_library(stmt))
		check_library_fits();
	if (!is_exempt(stmt) && IsA(stmt, AlterTableStmt))
		check_alter_table((AlterTableStmt *) stmt);
	if (!is_exempt(stmt) && IsA(stmt, AlterDomainStmt))
		check_alter_domain((AlterDomainStmt *) stmt);
	if (!is_exempt(stmt) && IsA(stmt, DropStmt))
		check_indexes_not_needed((DropStmt *) stmt);
	PG_RETURN_NULL();
}
