/*-------------------------------------------------------------------------
 *
 * table_change.c
 *	  What a DDL command did to a table, and which invariants it may break.
 *
 * The two tables below are the list of statements that tenant_guard acts on
 * after they ended, read from the commands that event triggers collect.  Most
 * statements are not in them: they can neither bring a tenant column nor break
 * an invariant.  Whether a statement has broken one is read from the catalogs
 * (invariant.c).  What statements read of temporary tables is checked before
 * they run, by a list in temporary_statement.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_cast.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/parsenodes.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "foreign_key.h"
#include "guard.h"
#include "guard_policy.h"
#include "invariant.h"
#include "table_change.h"
#include "tenant_column.h"
#include "trigger_owner.h"
#include "unguarded_parent.h"

/* What an action, or a statement on an object, may do and break. */
typedef struct Effect
{
	int			actions;		/* of ChangeAction */
	int			breaks;			/* of Invariant */
} Effect;

/*
 * The actions of ALTER TABLE.  One that is not listed may leave a guard
 * damaged, and does nothing else that matters.
 */
static const struct
{
	AlterTableType type;
	Effect		effect;
}			alter_table_actions[] = {
	{AT_AddInherit, {JOINS_PARENT | BRINGS_TENANT_COLUMN, INVARIANTS_OF_HIERARCHY}},
	{AT_AttachPartition, {JOINS_PARENT | SEPARATES_COMPANION, INVARIANTS_OF_HIERARCHY}},
	{AT_DetachPartition, {LEAVES_PARENT, 0}},
	{AT_DetachPartitionFinalize, {LEAVES_PARENT, 0}},
	{AT_DropInherit, {LEAVES_PARENT, 0}},
	{AT_AddColumn, {WRITES_ROWS | STORES_EXPRESSION, 0}},	/* BRINGS_TENANT_COLUMN by its name */
	{AT_AlterColumnType, {WRITES_ROWS | SEPARATES_COMPANION | STORES_EXPRESSION, 0}},
	{AT_AddIdentity, {RENEWS_COLUMN, 0}},
	{AT_AddConstraint, {STORES_EXPRESSION, 0}}, /* ADDS_KEY by its kind */
	{AT_AlterConstraint, {SEPARATES_COMPANION, INVARIANT_GUARD_COMPLETE}},
	{AT_ValidateConstraint, {SEPARATES_COMPANION | VALIDATES_KEY, 0}},
	{AT_DropConstraint, {ALTERS_KEY, INVARIANT_GUARD_COMPLETE}},
	{AT_AddIndex, {STORES_EXPRESSION, 0}},
	{AT_AddIndexConstraint, {STORES_EXPRESSION, 0}},
	{AT_ChangeOwner, {CHANGES_OWNER, 0}},
	/* not DISABLE TRIGGER ALL, which disables keys, too, and is a superuser's */
	{AT_DisableTrig, {DISABLES_TRIGGER, INVARIANT_GUARD_COMPLETE}},
	{AT_DisableTrigUser, {DISABLES_TRIGGER, INVARIANT_GUARD_COMPLETE}},
	{AT_EnableReplicaTrig, {DISABLES_TRIGGER, INVARIANT_GUARD_COMPLETE}},
	{AT_SetNotNull, {SETS_NOT_NULL, 0}},
	{AT_EnableRowSecurity, {COMPLETES_GUARD, 0}},
	{AT_ForceRowSecurity, {COMPLETES_GUARD, 0}},
	{AT_ColumnDefault, {0, 0}},
	{AT_SetStatistics, {0, 0}},
	{AT_SetOptions, {0, 0}},
	{AT_ResetOptions, {0, 0}},
	{AT_SetStorage, {0, 0}},
	{AT_SetCompression, {0, 0}},
	{AT_ClusterOn, {0, 0}},
	{AT_DropCluster, {0, 0}},
	{AT_SetTableSpace, {0, 0}},
	{AT_SetRelOptions, {0, 0}},
	{AT_ResetRelOptions, {0, 0}},
	{AT_ReplicaIdentity, {0, 0}}
};

/*
 * All other statements, each on an object of one catalog; InvalidOid stands for
 * any catalog.  One that is not listed does nothing that matters.
 */
static const struct
{
	NodeTag		tag;
	Oid			catalog;
	Effect		effect;
}			statements[] = {

	{T_CreateStmt, RelationRelationId,
	{MAKES_TABLE | NAMES_RELATION | BRINGS_TENANT_COLUMN | STORES_EXPRESSION, INVARIANTS_OF_HIERARCHY}},
	{T_CreateTableAsStmt, RelationRelationId, {MAKES_TABLE | NAMES_RELATION | BRINGS_TENANT_COLUMN | WRITES_ROWS, 0}},
	{T_CreateForeignTableStmt, RelationRelationId, {MAKES_TABLE | BRINGS_TENANT_COLUMN, INVARIANT_DESCENDANTS_GUARDED}},
	{T_ViewStmt, RelationRelationId, {NAMES_RELATION, 0}},
	{T_CreateSeqStmt, RelationRelationId, {NAMES_RELATION, 0}},
	{T_RenameStmt, RelationRelationId, {NAMES_RELATION, 0}},	/* or a column: NAMES_TENANT_COLUMN */
	{T_SecLabelStmt, RelationRelationId, {LABELS_TABLE, 0}},
	{T_AlterObjectSchemaStmt, RelationRelationId, {BRINGS_TENANT_COLUMN, 0}},
	/* ALTER EXTENSION ... DROP TABLE: the table is no longer the extension's */
	{T_AlterExtensionContentsStmt, ExtensionRelationId, {BRINGS_TENANT_COLUMN, 0}},
	{T_RenameStmt, NamespaceRelationId, {RENAMES_SCHEMA, 0}},
	{T_CreatePolicyStmt, PolicyRelationId, {COMPLETES_GUARD | STORES_EXPRESSION, INVARIANTS_OF_HIERARCHY}},
	{T_AlterPolicyStmt, PolicyRelationId, {ALTERS_POLICY | STORES_EXPRESSION, 0}},
	{T_RenameStmt, PolicyRelationId, {0, INVARIANT_GUARD_COMPLETE}},
	/* a framework's key that is renamed may be one that has to carry the tenant itself */
	{T_RenameStmt, ConstraintRelationId, {ALTERS_KEY, 0}},
	/* triggers fire in the order of their names, those of foreign keys too */
	{T_RenameStmt, TriggerRelationId, {SEPARATES_COMPANION, 0}},
	{T_CreateTrigStmt, TriggerRelationId, {MAKES_TRIGGER | STORES_EXPRESSION, 0}},
	{T_CreateCastStmt, CastRelationId, {MAKES_CAST, 0}},
	{T_IndexStmt, InvalidOid, {STORES_EXPRESSION, 0}},
	{T_RuleStmt, InvalidOid, {STORES_EXPRESSION, 0}},
	{T_CreateFunctionStmt, InvalidOid, {STORES_EXPRESSION, 0}},
	{T_CreatePublicationStmt, InvalidOid, {STORES_EXPRESSION, 0}},
	{T_AlterPublicationStmt, InvalidOid, {STORES_EXPRESSION, 0}}
};

/* Actions that PostgreSQL 15 has twice, once for a table with children, count as one. */
static AlterTableType
normalized_type(AlterTableType type)
{
	if (is_add_column(type))
		return AT_AddColumn;
	if (is_add_constraint(type))
		return AT_AddConstraint;
	if (is_drop_constraint(type))
		return AT_DropConstraint;
	if (is_validate_constraint(type))
		return AT_ValidateConstraint;
	return type;
}

/* SET EXPRESSION has no name before PostgreSQL 17 and so no row in the table. */
static Effect
effect_of_action(AlterTableType type)
{
	if (is_set_expression(type))
		return (Effect) {WRITES_ROWS | RENEWS_COLUMN | STORES_EXPRESSION, INVARIANT_GUARD_COMPLETE};
	for (int i = 0; i < lengthof(alter_table_actions); i++)
		if (alter_table_actions[i].type == normalized_type(type))
			return alter_table_actions[i].effect;
	return (Effect) {0, INVARIANT_GUARD_COMPLETE};
}

static Effect
effect_of_statement(NodeTag tag, Oid catalog)
{
	for (int i = 0; i < lengthof(statements); i++)
		if (statements[i].tag == tag &&
			(statements[i].catalog == catalog || !OidIsValid(statements[i].catalog)))
			return statements[i].effect;
	return (Effect) {0, 0};
}

/* ----------------------------------------------------------------
 *		ALTER TABLE
 * ----------------------------------------------------------------
 */

static bool
is_tenant_column(Oid relid, const char *name)
{
	AttrNumber	attnum = guard_of(relid).attnum;

	return attnum != 0 && name != NULL && get_attnum(relid, name) == attnum;
}

/* What an action does by what it names, besides what all of its type do. */
static int
actions_by_content(const AlterTableCmd *cmd, Oid relid)
{
	switch (normalized_type(cmd->subtype))
	{
		case AT_AttachPartition:
			/* a partition with the tenant column is no reason to guard its parent */
			return guard_of(relid).status != GUARD_NONE ? BRINGS_TENANT_COLUMN : 0;
		case AT_AddColumn:
			return IsA(cmd->def, ColumnDef) && may_be_tenant_column(((ColumnDef *) cmd->def)->colname) ?
				BRINGS_TENANT_COLUMN | NAMES_TENANT_COLUMN : 0;
		case AT_AddConstraint:
			return IsA(cmd->def, Constraint) && ((Constraint *) cmd->def)->contype == CONSTR_FOREIGN ? ADDS_KEY : 0;
		case AT_AlterConstraint:
			return (enforces_constraint(cmd) ? ADDS_KEY : 0) | (unenforced_constraint(cmd) != NULL ? UNENFORCES_KEY : 0);
		case AT_SetNotNull:
			/* the guard may be whole again, and foreign keys that were made meanwhile do not carry the tenant */
			return is_tenant_column(relid, cmd->name) ? ALTERS_KEY : 0;
		default:
			return 0;
	}
}

/* The partitions or children that an action took away from their parent. */
static List *
tables_left(const AlterTableCmd *cmd, Oid relid)
{
	return cmd->subtype == AT_DropInherit ? list_make1_oid(relid) : parts_left_now(relid);
}

static void
read_action(const AlterTableCmd *cmd, TableChange *change)
{
	Effect		effect = effect_of_action(cmd->subtype);
	int			actions = effect.actions | actions_by_content(cmd, change->relid);

	if (!row_security)
		actions &= ~COMPLETES_GUARD;
	Assert(!((actions & JOINS_PARENT) && (actions & LEAVES_PARENT)));
	Assert((effect.breaks & ~ALL_INVARIANTS) == 0);
	change->actions |= actions;
	change->breaks |= effect.breaks;
	if (actions & JOINS_PARENT)
		change->joined = cmd->subtype == AT_AddInherit ? list_make1_oid(change->relid) : parts_joined_now(change->relid);
	if (actions & LEAVES_PARENT)
		change->left = tables_left(cmd, change->relid);
	if (actions & NAMES_TENANT_COLUMN)
		change->gained = lappend(change->gained, pstrdup(((ColumnDef *) cmd->def)->colname));
	if (actions & RENEWS_COLUMN)
		change->renewed = lappend(change->renewed, pstrdup(cmd->name));
	if (actions & UNENFORCES_KEY)
		change->unenforced = lappend(change->unenforced, pstrdup(unenforced_constraint(cmd)));
}

/* The actions of a collected ALTER TABLE: AlterTableCmds. */
static List *
actions_of(const CollectedCommand *cmd)
{
	List	   *found = NIL;
	ListCell   *lc;

	Assert(cmd->type == SCT_AlterTable);
	foreach(lc, cmd->d.alterTable.subcmds)
	{
		Node	   *sub = ((CollectedATSubcmd *) lfirst(lc))->parsetree;

		if (sub != NULL && IsA(sub, AlterTableCmd))
			found = lappend(found, sub);
	}
	return found;
}

/* ----------------------------------------------------------------
 *		Other statements
 * ----------------------------------------------------------------
 */

/* The relation that a statement changes, by its object; or InvalidOid. */
static Oid
relation_of_object(const CollectedCommand *cmd)
{
	Oid			object = cmd->d.simple.address.objectId;
	ObjectAddress member = cmd->d.simple.secondaryObject;

	switch (cmd->d.simple.address.classId)
	{
		case RelationRelationId:
			return object;
		case PolicyRelationId:
			return table_of_isolation_policy(object);
		case ConstraintRelationId:
			return table_of_key(object);
		case TriggerRelationId:
			return IsA(cmd->parsetree, RenameStmt) ? table_of_trigger(object) : InvalidOid;
		case ExtensionRelationId:
			return member.classId == RelationRelationId ? member.objectId : InvalidOid;
		default:
			return InvalidOid;
	}
}

static bool
is_dropped_on_commit_by(const Node *stmt)
{
	return (IsA(stmt, CreateStmt) && ((const CreateStmt *) stmt)->oncommit == ONCOMMIT_DROP) ||
		(IsA(stmt, CreateTableAsStmt) && ((const CreateTableAsStmt *) stmt)->into->onCommit == ONCOMMIT_DROP);
}

static bool
renames_to_tenant_column(const Node *stmt)
{
	return IsA(stmt, RenameStmt) &&
		(((const RenameStmt *) stmt)->renameType == OBJECT_COLUMN || ((const RenameStmt *) stmt)->renameType == OBJECT_ATTRIBUTE) &&
		may_be_tenant_column(((const RenameStmt *) stmt)->newname);
}

static void
read_statement(const CollectedCommand *cmd, TableChange *change)
{
	Effect		effect = effect_of_statement(nodeTag(cmd->parsetree), cmd->d.simple.address.classId);

	if (effect.actions == 0 && effect.breaks == 0)
		return;
	Assert(OidIsValid(cmd->d.simple.address.objectId));
	change->object = cmd->d.simple.address.objectId;
	change->relid = relation_of_object(cmd);
	if (IsA(cmd->parsetree, CreatePolicyStmt) && !OidIsValid(change->relid) && row_security)
	{
		/* a tenant_access alone makes a damaged guard of the table, and completes none */
		change->relid = table_of_guard_policy(change->object);
		effect = (Effect) {effect.actions & ~COMPLETES_GUARD, INVARIANT_ANCESTORS_GUARDED};
	}
	if (is_dropped_on_commit_by(cmd->parsetree))
		effect.actions |= DROPS_ON_COMMIT;
	if (renames_to_tenant_column(cmd->parsetree))
	{
		effect.actions = BRINGS_TENANT_COLUMN | NAMES_TENANT_COLUMN;
		change->gained = list_make1(pstrdup(((const RenameStmt *) cmd->parsetree)->newname));
	}
	if (!row_security && (effect.actions & COMPLETES_GUARD))
		effect = (Effect) {effect.actions & ~COMPLETES_GUARD, 0};
	change->actions = effect.actions;
	change->breaks = effect.breaks;
}

/* What a command has done.  The lists are palloc'd. */
TableChange
read_change(const CollectedCommand *cmd)
{
	TableChange change = {0};
	ListCell   *lc;

	if (cmd->type == SCT_Simple)
		read_statement(cmd, &change);
	else if (cmd->type == SCT_AlterTable)
	{
		change.relid = cmd->d.alterTable.objectId;
		Assert(OidIsValid(change.relid));
		foreach(lc, actions_of(cmd))
			read_action(lfirst_node(AlterTableCmd, lc), &change);
	}
	Assert((change.gained == NIL) == !(change.actions & NAMES_TENANT_COLUMN));
	Assert(change.renewed == NIL || (change.actions & RENEWS_COLUMN));
	Assert(change.unenforced == NIL || (change.actions & UNENFORCES_KEY));
	Assert(change.joined == NIL || (change.actions & JOINS_PARENT));
	Assert(change.left == NIL || (change.actions & LEAVES_PARENT));
	return change;
}

/* Has a command stored an expression, which may compare a tenant as text? */
bool
stores_expressions(const CollectedCommand *cmd)
{
	ListCell   *lc;

	if (cmd->type == SCT_Simple)
		return (effect_of_statement(nodeTag(cmd->parsetree), cmd->d.simple.address.classId).actions & STORES_EXPRESSION) != 0;
	if (cmd->type == SCT_AlterTable)
		foreach(lc, actions_of(cmd))
			if (effect_of_action(lfirst_node(AlterTableCmd, lc)->subtype).actions & STORES_EXPRESSION)
				return true;
	return false;
}

/* ----------------------------------------------------------------
 *		The commands of a statement, and what it has dropped
 * ----------------------------------------------------------------
 */

/*
 * Calls a set-returning function of the event triggers' and returns a slot for its
 * rows, which are in result->setResult.  It is called directly, as to plan and run a
 * query takes longer than all else that is done where a statement is none of ours.
 */
static TupleTableSlot *
begin_rows(Oid funcid, ReturnSetInfo *result)
{
	LOCAL_FCINFO(fcinfo, 0);
	FmgrInfo	function;

	*result = (ReturnSetInfo) {
		.type = T_ReturnSetInfo, .econtext = CreateStandaloneExprContext(), .allowedModes = SFRM_Materialize
	};
	fmgr_info(funcid, &function);
	InitFunctionCallInfoData(*fcinfo, &function, 0, InvalidOid, NULL, (Node *) result);
	(void) FunctionCallInvoke(fcinfo);
	return MakeSingleTupleTableSlot(result->setDesc, &TTSOpsMinimalTuple);
}

static bool
next_row(const ReturnSetInfo *result, TupleTableSlot *slot)
{
	if (!tuplestore_gettupleslot(result->setResult, true, false, slot))
		return false;
	slot_getallattrs(slot);
	return true;
}

static void
end_rows(ReturnSetInfo *result, TupleTableSlot *slot)
{
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(result->setResult);
	FreeExprContext(result->econtext, true);
}

/* Returns the CollectedCommands of the statement, which live as long as it does. */
List *
collected_commands(void)
{
	ReturnSetInfo result;
	TupleTableSlot *slot = begin_rows(F_PG_EVENT_TRIGGER_DDL_COMMANDS, &result);
	int			column = result.setDesc->natts - 1;
	List	   *commands = NIL;

	Assert(TupleDescAttr(result.setDesc, column)->atttypid == PG_DDL_COMMANDOID);
	while (next_row(&result, slot))
		if (!slot->tts_isnull[column])
			commands = lappend(commands, DatumGetPointer(slot->tts_values[column]));
	end_rows(&result, slot);
	return commands;
}

/* Returns the objects that the statement has dropped: a palloc'd list of DroppedObject. */
List *
dropped_objects(void)
{
	ReturnSetInfo result;
	TupleTableSlot *slot = begin_rows(F_PG_EVENT_TRIGGER_DROPPED_OBJECTS, &result);
	List	   *objects = NIL;

	Assert(strcmp(NameStr(TupleDescAttr(result.setDesc, 4)->attname), "normal") == 0);
	while (next_row(&result, slot))
	{
		DroppedObject *object = palloc(sizeof(DroppedObject));

		/* classid, objid, objsubid, original, normal */
		object->catalog = DatumGetObjectId(slot->tts_values[0]);
		object->oid = DatumGetObjectId(slot->tts_values[1]);
		object->is_column = object->catalog == RelationRelationId && DatumGetInt32(slot->tts_values[2]) != 0;
		object->original = DatumGetBool(slot->tts_values[3]);
		object->normal = DatumGetBool(slot->tts_values[4]);
		objects = lappend(objects, object);
	}
	end_rows(&result, slot);
	return objects;
}
