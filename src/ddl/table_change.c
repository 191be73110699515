/*-------------------------------------------------------------------------
 *
 * table_change.c
 *	  What a DDL statement did to a table, and which invariants it may break.
 *
 * Read from the commands that event triggers collect.  Most statements can
 * break nothing, and are told from those that can by what they are; whether
 * one has, the catalogs tell (invariant.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_trigger.h"
#include "nodes/parsenodes.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"

#include "auto_protect.h"
#include "compat.h"
#include "drop_on_commit.h"
#include "foreign_key.h"
#include "guard.h"
#include "guard_policy.h"
#include "invariant.h"
#include "table_change.h"
#include "trigger_owner.h"
#include "unguarded_parent.h"

/*
 * What ALTER TABLE can break, action by action.  All that is not known here
 * may leave a guard that is not whole.
 */
static const struct
{
	AlterTableType action;
	int			breaks;
}			actions[] = {
	{AT_AddInherit, INVARIANT_PARTS | INVARIANT_ABOVE},
	{AT_AttachPartition, INVARIANT_PARTS | INVARIANT_ABOVE},
	{AT_DetachPartition, 0},
	{AT_DetachPartitionFinalize, 0},
	{AT_DropInherit, 0},
	{AT_AddColumn, 0},			/* a guard that it brings is looked at by itself */
	{AT_AddConstraint, INVARIANT_KEYS},
	{AT_ValidateConstraint, 0},
	{AT_AddIndex, 0},
	{AT_ColumnDefault, 0},
	{AT_SetNotNull, 0},
	{AT_EnableRowSecurity, 0},
	{AT_ForceRowSecurity, 0},
	{AT_SetStatistics, 0},
	{AT_SetOptions, 0},
	{AT_ResetOptions, 0},
	{AT_SetStorage, 0},
	{AT_SetCompression, 0},
	{AT_ClusterOn, 0},
	{AT_DropCluster, 0},
	{AT_SetTableSpace, 0},
	{AT_SetRelOptions, 0},
	{AT_ResetRelOptions, 0},
	{AT_ReplicaIdentity, 0}
};

static int
broken_by(AlterTableType action)
{
	if (is_add_column(action))
		action = AT_AddColumn;
	if (is_add_constraint(action))
		action = AT_AddConstraint;
	for (int i = 0; i < lengthof(actions); i++)
		if (actions[i].action == action)
			return actions[i].breaks;
	return INVARIANT_WHOLE;
}

static bool
is_tenant_column(Oid relid, const char *name)
{
	AttrNumber	attnum = guard_of(relid).attnum;

	return attnum != 0 && name != NULL && get_attnum(relid, name) == attnum;
}

static void
read_subcommand(const AlterTableCmd *cmd, TableChange *change)
{
	change->breaks |= broken_by(cmd->subtype);
	switch (cmd->subtype)
	{
		case AT_AddInherit:
			change->joins = list_make1_oid(change->relid);
			change->brings_column = true;
			break;
		case AT_AttachPartition:
			/* a whole that is not guarded is not to be, on account of a part */
			change->joins = parts_joined_now(change->relid);
			change->brings_column = guard_of(change->relid).status != GUARD_NONE;
			break;
		case AT_DetachPartition:
		case AT_DetachPartitionFinalize:
			change->leaves = parts_left_now(change->relid);
			break;
		case AT_DropInherit:
			change->leaves = list_make1_oid(change->relid);
			break;
		case AT_ChangeOwner:
			change->gives_away = true;
			break;
		case AT_SetNotNull:
			change->forbids_null = true;
			/* a guard may be whole by it again, and keys that came meanwhile are not settled */
			change->alters_key |= is_tenant_column(change->relid, cmd->name);
			break;
		case AT_EnableRowSecurity:
		case AT_ForceRowSecurity:
			change->completes = row_security;
			break;
		default:
			break;
	}
	if (is_add_constraint(cmd->subtype))
		change->adds_key |= IsA(cmd->def, Constraint) &&
			((Constraint *) cmd->def)->contype == CONSTR_FOREIGN;
	change->adds_key |= enforces_constraint(cmd);
	if (unenforced_constraint(cmd) != NULL)
		change->unenforced = lappend(change->unenforced, pstrdup(unenforced_constraint(cmd)));
	change->fills |= is_add_column(cmd->subtype) || cmd->subtype == AT_AlterColumnType ||
		is_set_expression(cmd->subtype);
	change->alters_key |= is_drop_constraint(cmd->subtype);
	change->moves_keys |= cmd->subtype == AT_AlterConstraint || cmd->subtype == AT_AlterColumnType ||
		cmd->subtype == AT_AttachPartition || is_validate_constraint(cmd->subtype);
	if (is_add_column(cmd->subtype) && IsA(cmd->def, ColumnDef) &&
		strcmp(((ColumnDef *) cmd->def)->colname, setting_tenant_column) == 0)
		change->brings_column = change->gains_column = true;
	if (is_set_expression(cmd->subtype) || cmd->subtype == AT_AddIdentity)
		change->renewed = lappend(change->renewed, pstrdup(cmd->name));
}

static bool
renames_to_tenant_column(const RenameStmt *stmt)
{
	return (stmt->renameType == OBJECT_COLUMN || stmt->renameType == OBJECT_ATTRIBUTE) &&
		strcmp(stmt->newname, setting_tenant_column) == 0;
}

/* COMMENT ON POLICY changes nothing, and others than tenant_isolation no guard. */
static void
read_policy_command(const CollectedCommand *cmd, TableChange *change)
{
	change->alters_policy = IsA(cmd->parsetree, AlterPolicyStmt);
	change->completes = IsA(cmd->parsetree, CreatePolicyStmt) && row_security;
	if (change->completes)
		change->breaks = INVARIANT_PARTS | INVARIANT_ABOVE;
	if (IsA(cmd->parsetree, RenameStmt))
		change->breaks = INVARIANT_WHOLE;
	if (change->alters_policy || change->completes || IsA(cmd->parsetree, RenameStmt))
		change->relid = table_of_isolation_policy(cmd->d.simple.address.objectId);
}

static void
read_relation_command(const Node *stmt, TableChange *change)
{
	switch (nodeTag(stmt))
	{
		case T_CreateStmt:
			change->made = change->named = change->brings_column = true;
			change->breaks = INVARIANT_PARTS | INVARIANT_ABOVE;
			if (((const CreateStmt *) stmt)->oncommit == ONCOMMIT_DROP)
				remember_drop_on_commit(change->relid);
			break;
		case T_CreateTableAsStmt:
			change->made = change->named = change->brings_column = change->fills = true;
			if (((const CreateTableAsStmt *) stmt)->into->onCommit == ONCOMMIT_DROP)
				remember_drop_on_commit(change->relid);
			break;
		case T_CreateForeignTableStmt:
			change->made = change->brings_column = true;
			change->breaks = INVARIANT_PARTS;
			break;
		case T_ViewStmt:
		case T_CreateSeqStmt:
			change->named = true;
			break;
		case T_RenameStmt:
			change->brings_column = change->gains_column = renames_to_tenant_column((const RenameStmt *) stmt);
			change->named = !change->brings_column;
			break;
		case T_AlterObjectSchemaStmt:
			change->brings_column = true;
			break;
		default:
			break;
	}
}

static void
read_simple_command(const CollectedCommand *cmd, TableChange *change)
{
	ObjectAddress address = cmd->d.simple.address;
	ObjectAddress member = cmd->d.simple.secondaryObject;

	if (address.classId == PolicyRelationId)
		read_policy_command(cmd, change);
	else if (address.classId == RelationRelationId)
	{
		change->relid = address.objectId;
		read_relation_command(cmd->parsetree, change);
	}
	else if (address.classId == ConstraintRelationId && IsA(cmd->parsetree, RenameStmt))
	{
		/* of a framework's key another name makes one that carries the tenant itself */
		change->relid = table_of_key(address.objectId);
		change->alters_key = true;
	}
	else if (address.classId == TriggerRelationId && IsA(cmd->parsetree, RenameStmt))
	{
		/* triggers fire in the order of their names, those of keys too */
		change->relid = table_of_trigger(address.objectId);
		change->moves_keys = true;
	}
	else if (IsA(cmd->parsetree, AlterExtensionContentsStmt) &&
			 member.classId == RelationRelationId)
	{
		/* ALTER EXTENSION ... DROP TABLE: no longer the extension's */
		change->relid = member.objectId;
		change->brings_column = true;
	}
}

/*
 * What a command has done to a table, or to no table that matters: then relid
 * is InvalidOid.  The lists are palloc'd.
 */
TableChange
read_change(const CollectedCommand *cmd)
{
	TableChange change = {InvalidOid};
	ListCell   *lc;

	if (cmd->type == SCT_Simple)
		read_simple_command(cmd, &change);
	else if (cmd->type == SCT_AlterTable)
	{
		change.relid = cmd->d.alterTable.objectId;
		foreach(lc, cmd->d.alterTable.subcmds)
		{
			Node	   *sub = ((CollectedATSubcmd *) lfirst(lc))->parsetree;

			if (IsA(sub, AlterTableCmd))
				read_subcommand((AlterTableCmd *) sub, &change);
		}
	}
	return change;
}
