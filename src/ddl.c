/*-------------------------------------------------------------------------
 *
 * ddl.c
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

#include "access.h"
#include "auto_protect.h"
#include "companion.h"
#include "comparison.h"
#include "compat.h"
#include "ddl.h"
#include "foreign_key.h"
#include "foreign_part.h"
#include "guard.h"
#include "own_sql.h"
#include "policy.h"
#include "refuse_query.h"
#include "refuse_table.h"
#include "settle.h"
#include "stored_comparison.h"
#include "trigger_owner.h"
#include "unenforced_key.h"
#include "unguarded_parent.h"

PG_FUNCTION_INFO_V1(tenant_guard_on_ddl_command_start);
PG_FUNCTION_INFO_V1(tenant_guard_on_ddl_command_end);
PG_FUNCTION_INFO_V1(tenant_guard_on_sql_drop);

/* What one collected command may have done to a relation and its parts. */
typedef struct TableChange
{
	Oid			relid;
	bool		made;			/* the table is new */
	bool		named;			/* the relation is new, or has a new name */
	bool		brings_column;	/* may have brought the tenant column */
	bool		weakens;		/* may have damaged a guard */
	bool		forbids_null;	/* in some column */
	bool		adds_key;		/* a foreign key */
	bool		alters_key;		/* drops or renames a constraint */
	List	   *unenforced;		/* the names of constraints that are so now */
	bool		moves_keys;		/* may set a foreign key and its companion apart */
	bool		alters_policy;	/* altered a tenant_isolation of ours */
	bool		renames_policy; /* renamed one */
	List	   *joins;			/* parts that were put below another table */
	Oid			leaves;			/* a part that has left one */
} TableChange;

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

/* Refuses a change that has left a table's guard damaged. */
static void
check_table_not_weakened(Oid relid)
{
	Guard		guard = guard_of(relid);

	if (guard.status == GUARD_DAMAGED && !weakening_is_meant(relid))
		refuse_weakening(relid, guard.damage);
}

static void
check_not_weakened(Oid relid)
{
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
		check_table_not_weakened(lfirst_oid(lc));
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

	if (guard.attnum == 0 || means_of_bypass(InvalidOid) != NULL)
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
	char	   *name = get_rel_name(relid);
	const char *means = means_of_bypass(InvalidOid);
	ListCell   *lc;

	if (name == NULL || !isTempNamespace(get_rel_namespace(relid)) ||
		is_dropped_on_commit(relid))
		return;
	foreach(lc, fetch_search_path(false))
	{
		Oid			hidden = get_relname_relid(name, lfirst_oid(lc));

		if (!OidIsValid(hidden) || hidden == relid ||
			guard_of(hidden).status == GUARD_NONE)
			continue;
		if (means == NULL)
			raise_refusal(shadows_table(name, relation_name(hidden)));
		log_bypass(psprintf("a temporary relation hides %s", relation_name(hidden)), means);
	}
}

/*
 * For a table made where no event trigger fires: EXPLAIN ANALYZE CREATE TABLE
 * AS.  One that was there before (IF NOT EXISTS) is no business of ours.
 */
void
table_was_created(const IntoClause *into)
{
	Oid			relid = get_relname_relid(into->rel->relname,
										  RangeVarGetCreationNamespace(into->rel));
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool		made;

	if (!HeapTupleIsValid(tuple))
		return;
	made = TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data));
	ReleaseSysCache(tuple);
	if (!made || !OidIsValid(get_extension_oid(EXTENSION_NAME, true)))
		return;
	if (into->onCommit == ONCOMMIT_DROP)
		remember_drop_on_commit(relid);
	check_shadowing(relid);
	(void) auto_protect(relid);	/* such a table has no keys */
}

/* Once a column is NOT NULL, the CHECK that stood in for it can go. */
static void
drop_spent_checks(Oid relid)
{
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
		if (drop_spent_check(lfirst_oid(lc)))
			ereport(NOTICE,
					(errmsg("constraint \"" NOT_NULL_CHECK "\" of table %s is dropped",
							relation_name(lfirst_oid(lc))),
					 errdetail("The tenant column is NOT NULL now.")));
}

/* ----------------------------------------------------------------
 *		Reading what a statement did
 * ----------------------------------------------------------------
 */

static void
read_subcommand(const AlterTableCmd *cmd, TableChange *change)
{
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
			/* by its name: 15 leaves the subcommand's address empty */
			change->leaves = RangeVarGetRelid(((PartitionCmd *) cmd->def)->name, NoLock, true);
			break;
		case AT_DropInherit:
			change->leaves = change->relid;
			break;
		case AT_SetNotNull:
			change->forbids_null = true;
			break;
		case AT_EnableRowSecurity:
		case AT_ForceRowSecurity:
		case AT_ColumnDefault:
		case AT_AddIndex:
		case AT_ValidateConstraint:
			break;
		default:
			/* all that is not known to be harmless */
			change->weakens |= !is_add_column(cmd->subtype) && !is_add_constraint(cmd->subtype);
			break;
	}
	if (is_add_constraint(cmd->subtype))
		change->adds_key |= IsA(cmd->def, Constraint) &&
			((Constraint *) cmd->def)->contype == CONSTR_FOREIGN;
	if (unenforced_constraint(cmd) != NULL)
		change->unenforced = lappend(change->unenforced, pstrdup(unenforced_constraint(cmd)));
	change->alters_key |= is_drop_constraint(cmd->subtype);
	change->moves_keys |= cmd->subtype == AT_AlterConstraint || cmd->subtype == AT_AlterColumnType ||
		cmd->subtype == AT_AttachPartition;
	if (is_add_column(cmd->subtype) && IsA(cmd->def, ColumnDef) &&
		strcmp(((ColumnDef *) cmd->def)->colname, setting_tenant_column) == 0)
		change->brings_column = true;
}

static bool
renames_to_tenant_column(const RenameStmt *stmt)
{
	return (stmt->renameType == OBJECT_COLUMN || stmt->renameType == OBJECT_ATTRIBUTE) &&
		strcmp(stmt->newname, setting_tenant_column) == 0;
}

/* CREATE and COMMENT ON POLICY weaken nothing. */
static void
read_policy_command(const CollectedCommand *cmd, TableChange *change)
{
	change->alters_policy = IsA(cmd->parsetree, AlterPolicyStmt);
	change->renames_policy = IsA(cmd->parsetree, RenameStmt);
	if (change->alters_policy || change->renames_policy)
		change->relid = table_of_isolation_policy(cmd->d.simple.address.objectId);
}

static void
read_relation_command(const Node *stmt, TableChange *change)
{
	switch (nodeTag(stmt))
	{
		case T_CreateStmt:
			change->made = change->named = change->brings_column = true;
			if (((const CreateStmt *) stmt)->oncommit == ONCOMMIT_DROP)
				remember_drop_on_commit(change->relid);
			break;
		case T_CreateTableAsStmt:
			change->made = change->named = change->brings_column = true;
			if (((const CreateTableAsStmt *) stmt)->into->onCommit == ONCOMMIT_DROP)
				remember_drop_on_commit(change->relid);
			break;
		case T_CreateForeignTableStmt:
			change->made = change->brings_column = true;
			break;
		case T_ViewStmt:
		case T_CreateSeqStmt:
			change->named = true;
			break;
		case T_RenameStmt:
			change->brings_column = renames_to_tenant_column((const RenameStmt *) stmt);
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
	else if (IsA(cmd->parsetree, AlterExtensionContentsStmt) &&
			 member.classId == RelationRelationId)
	{
		/* ALTER EXTENSION ... DROP TABLE: no longer the extension's */
		change->relid = member.objectId;
		change->brings_column = true;
	}
}

static TableChange
read_command(const CollectedCommand *cmd)
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

/* Whatever leaves a guarded table takes a guard with it. */
static List *
check_leaving(Oid part, Oid whole)
{
	if (get_rel_relkind(part) != '\0' &&
		(part == whole || guard_of(whole).status != GUARD_NONE))
		return auto_protect(part);
	return NIL;
}

/* Returns the tables whose foreign keys are to be settled. */
static List *
check_change(TableChange change)
{
	char		relkind = OidIsValid(change.relid) ? get_rel_relkind(change.relid) : '\0';
	List	   *unsettled = NIL;
	ListCell   *lc;

	/* an earlier command's table may be gone by the end of the statement */
	if (relkind == '\0')
		return NIL;
	if (change.alters_policy && !weakening_is_meant(change.relid))
		refuse_weakening(change.relid, "its policy \"" ISOLATION_POLICY "\" is another");
	if (change.renames_policy)
		check_table_not_weakened(change.relid);
	if (change.weakens)
		check_not_weakened(change.relid);
	check_keys_enforced(change.relid, change.unenforced);
	if (change.named)
		check_shadowing(change.relid);
	if (change.brings_column && relkind == RELKIND_COMPOSITE_TYPE)
		unsettled = auto_protect_typed_tables(change.relid);
	else if (change.brings_column)
		unsettled = auto_protect(change.relid);
	if (OidIsValid(change.leaves))
		unsettled = list_concat(unsettled, check_leaving(change.leaves, change.relid));
	check_foreign_parts(unsettled);
	check_foreign_parts(list_difference_oid(change.joins, unsettled));
	if (change.made && relkind == RELKIND_FOREIGN_TABLE)
		check_foreign_parts(list_make1_oid(change.relid));
	if (change.made)
		check_parents(change.relid, true);
	foreach(lc, change.joins)
		check_parents(lfirst_oid(lc), false);
	if (change.forbids_null)
		drop_spent_checks(change.relid);
	if (change.adds_key ||
		(change.alters_key && guard_of(change.relid).status != GUARD_NONE))
		unsettled = lappend_oid(unsettled, change.relid);
	else if (change.moves_keys)
		settle_companions(change.relid);
	return unsettled;
}

/* ALTER SCHEMA ... RENAME makes or changes no table, and may move many. */
static List *
check_command(const CollectedCommand *cmd)
{
	if (cmd->type == SCT_Simple && IsA(cmd->parsetree, RenameStmt) &&
		((RenameStmt *) cmd->parsetree)->renameType == OBJECT_SCHEMA)
	{
		List	   *guarded = auto_protect_schema((RenameStmt *) cmd->parsetree);

		check_foreign_parts(guarded);
		return guarded;
	}
	if (cmd->type == SCT_Simple && IsA(cmd->parsetree, CreateTrigStmt))
		check_new_trigger(cmd->d.simple.address.objectId);
	return check_change(read_command(cmd));
}

/*
 * Reports what a command has stored that takes a tenant for text, after tables
 * that it made are guarded.
 */
static void
check_comparisons(const CollectedCommand *cmd)
{
	int			level = mixed_level();
	ListCell   *lc;

	if (level == 0)
		return;
	foreach(lc, mixed_in_command(cmd))
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
	ListCell   *lc;

	if (is_left_alone(stmt))
		PG_RETURN_NULL();
	/* the CollectedCommands live as long as the outer statement */
	commands = query_datums("SELECT command FROM pg_catalog.pg_event_trigger_ddl_commands()");
	foreach(lc, commands)
		unsettled = list_concat_unique_oid(unsettled, check_command(lfirst(lc)));
	foreach(lc, unsettled)
		settle_foreign_keys(lfirst_oid(lc), KEYS_OF_DDL);
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
	foreach(lc, dropped_objects("pg_constraint", "original OR normal"))
	{
		ForeignKey *key = dropped_foreign_key(lfirst_oid(lc));

		drop_companion(lfirst_oid(lc));
		/* ALTER TABLE's own keys are settled when it ends */
		if (key != NULL && !IsA(stmt, AlterTableStmt))
			losing_keys = list_append_unique_oid(losing_keys, key->child);
	}
	foreach(lc, losing_keys)
		settle_companions(lfirst_oid(lc));
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

	if (!is_left_alone(stmt) && IsA(stmt, AlterTableStmt))
		check_alter_table((AlterTableStmt *) stmt);
	PG_RETURN_NULL();
}
