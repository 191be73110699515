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

#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_policy.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/deparse_utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rls.h"

#include "access.h"
#include "compat.h"
#include "ddl.h"
#include "guard.h"
#include "label.h"
#include "policy.h"
#include "refuse.h"

PG_FUNCTION_INFO_V1(on_ddl_command_start);
PG_FUNCTION_INFO_V1(on_ddl_command_end);
PG_FUNCTION_INFO_V1(on_sql_drop);

/* What one collected command may have done to a table and its parts. */
typedef struct TableChange
{
	Oid			relid;
	bool		brings_column;	/* the tenant column, to an existing table */
	bool		weakens;		/* a guard, perhaps */
	bool		names;			/* creates or renames the relation */
	bool		forbids_null;	/* in some column */
} TableChange;

/*
 * Temporary tables made in this transaction with ON COMMIT DROP, which no
 * catalog tells.  In TopTransactionContext, good in one transaction.
 */
static List *dropped_on_commit = NIL;
static LocalTransactionId dropped_on_commit_in = InvalidLocalTransactionId;

/* ----------------------------------------------------------------
 *		Guarding what a statement made
 * ----------------------------------------------------------------
 */

static void
remember_drop_on_commit(Oid relid)
{
	MemoryContext oldcontext = MemoryContextSwitchTo(TopTransactionContext);

	if (dropped_on_commit_in != proc_lxid(MyProc))
		dropped_on_commit = NIL;
	dropped_on_commit_in = proc_lxid(MyProc);
	dropped_on_commit = lappend_oid(dropped_on_commit, relid);
	MemoryContextSwitchTo(oldcontext);
}

static bool
is_dropped_on_commit(Oid relid)
{
	return dropped_on_commit_in == proc_lxid(MyProc) &&
		list_member_oid(dropped_on_commit, relid);
}

/*
 * The column by which a table is to be guarded automatically, or NULL if it
 * is not.  A part of a guarded table always is, by that table's column: a
 * label or an excluded schema must not open it by its own name.
 */
static char *
automatic_column(Oid relid)
{
	ListCell   *lc;
	char	   *schema;

	foreach(lc, ancestors_of(relid))
	{
		Guard		guard = guard_of(lfirst_oid(lc));

		if (guard.attnum != 0)
			return get_attname(lfirst_oid(lc), guard.attnum, false);
	}

	schema = get_namespace_name(get_rel_namespace(relid));
	if (get_attnum(relid, setting_tenant_column) <= 0 ||
		schema == NULL || schema_is_excluded(schema) ||
		is_dropped_on_commit(relid) ||
		inherited_label(relid) != NULL)
		return NULL;
	return pstrdup(setting_tenant_column);
}

/* Guards one table if it is to be guarded, with its parts. */
static void
auto_protect_table(Oid relid)
{
	char		relkind = get_rel_relkind(relid);
	char	   *column;

	if ((relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE &&
		 relkind != RELKIND_FOREIGN_TABLE) ||
		guard_of(relid).status == GUARD_WHOLE ||
		OidIsValid(getExtensionOfObject(RelationRelationId, relid)))
		return;
	column = automatic_column(relid);
	if (column == NULL)
		return;

	if (relkind == RELKIND_FOREIGN_TABLE)
		ereport(WARNING,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("foreign table %s is not guarded", relation_name(relid)),
				 errdetail("PostgreSQL has no row-level security for foreign tables."),
				 errhint("Guard the table on the foreign server.")));
	else if (!row_security)
		ereport(WARNING,
				(errmsg("table %s is not guarded automatically", relation_name(relid)),
				 errdetail("Parameter \"row_security\" is off, as in a script made by pg_dump."),
				 errhint("If the script does not guard it, run SELECT tenant_guard.protect(%s).",
						 quote_literal_cstr(relation_name(relid)))));
	else
	{
		if (own_label(relid) != NULL)
			set_label(relid, NULL);
		(void) guard_hierarchy(relid, column, NULL_ROWS_TOLERATED);
	}
}

static void
auto_protect(Oid relid)
{
	ListCell   *lc;

	if (!setting_auto_protect || creating_extension)
		return;
	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
		auto_protect_table(lfirst_oid(lc));
}

/* ----------------------------------------------------------------
 *		Refusing what weakens a guard
 * ----------------------------------------------------------------
 */

/* May a table be weakened?  Then the log says so. */
static bool
weakening_is_meant(Oid relid)
{
	const char *means = means_of_bypass(InvalidOid);

	if (means != NULL)
		log_bypass(psprintf("a statement weakened the guard of %s", relation_name(relid)), means);
	return means != NULL;
}

/* Refuses a change that has left a guard damaged. */
static void
check_not_weakened(Oid relid)
{
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
	{
		Guard		guard = guard_of(lfirst_oid(lc));

		if (guard.status == GUARD_DAMAGED && !weakening_is_meant(lfirst_oid(lc)))
			raise_refusal(weakens_guard(relation_name(lfirst_oid(lc)), guard.damage));
	}
}

/*
 * Refuses to drop or retype a tenant column before PostgreSQL does, which
 * would advise CASCADE.  A courtesy: what counts is the state that the
 * statement leaves.
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
			raise_refusal(weakens_guard(relation_name(relid), "it has no tenant column"));
		if (cmd->subtype == AT_AlterColumnType)
			raise_refusal(weakens_guard(relation_name(relid), "its tenant column is of another type"));
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
	ListCell   *lc;

	if (name == NULL || !isTempNamespace(get_rel_namespace(relid)) ||
		is_dropped_on_commit(relid) || means_of_bypass(InvalidOid) != NULL)
		return;
	foreach(lc, fetch_search_path(false))
	{
		Oid			hidden = get_relname_relid(name, lfirst_oid(lc));

		if (OidIsValid(hidden) && hidden != relid && guard_of(hidden).status != GUARD_NONE)
			raise_refusal(shadows_table(name, relation_name(hidden)));
	}
}

/*
 * For a table made where no event trigger fires: EXPLAIN ANALYZE CREATE TABLE
 * AS.  "name" is the one that the statement gave it.
 */
void
table_was_created(const RangeVar *name)
{
	Oid			relid = get_relname_relid(name->relname,
										  RangeVarGetCreationNamespace(name));

	if (!OidIsValid(relid) || !OidIsValid(get_extension_oid(EXTENSION_NAME, true)))
		return;
	check_shadowing(relid);
	auto_protect(relid);
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
		case AT_AttachPartition:
		case AT_AddOf:
			change->brings_column = true;
			break;
		case AT_SetNotNull:
			change->forbids_null = true;
			break;
		case AT_EnableRowSecurity:
		case AT_ForceRowSecurity:
		case AT_ColumnDefault:
		case AT_AddIndex:
		case AT_AddConstraint:
		case AT_ValidateConstraint:
			break;
		default:
			/* all that is not known to be harmless */
			change->weakens = true;
			break;
	}
	if (is_add_column(cmd->subtype) && IsA(cmd->def, ColumnDef) &&
		strcmp(((ColumnDef *) cmd->def)->colname, setting_tenant_column) == 0)
		change->brings_column = true;
}

static void
read_simple_command(const CollectedCommand *cmd, TableChange *change)
{
	Node	   *stmt = cmd->parsetree;
	ObjectAddress address = cmd->d.simple.address;

	if (address.classId == PolicyRelationId)
	{
		change->relid = table_of_isolation_policy(address.objectId);
		change->weakens = true;
		return;
	}
	if (address.classId != RelationRelationId)
		return;
	change->relid = address.objectId;
	switch (nodeTag(stmt))
	{
		case T_CreateStmt:
			change->names = change->brings_column = true;
			if (((CreateStmt *) stmt)->oncommit == ONCOMMIT_DROP)
				remember_drop_on_commit(change->relid);
			break;
		case T_CreateForeignTableStmt:
			change->brings_column = true;
			break;
		case T_CreateTableAsStmt:
			change->names = change->brings_column = true;
			if (((CreateTableAsStmt *) stmt)->into->onCommit == ONCOMMIT_DROP)
				remember_drop_on_commit(change->relid);
			break;
		case T_ViewStmt:
		case T_CreateSeqStmt:
			change->names = true;
			break;
		case T_RenameStmt:
			change->names = ((RenameStmt *) stmt)->renameType != OBJECT_COLUMN;
			change->brings_column =
				((RenameStmt *) stmt)->renameType == OBJECT_COLUMN &&
				strcmp(((RenameStmt *) stmt)->newname, setting_tenant_column) == 0;
			break;
		case T_AlterObjectSchemaStmt:
			change->brings_column = true;
			break;
		default:
			break;
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

static void
check_change(TableChange change)
{
	/* an earlier command's table may be gone by the end of the statement */
	if (!OidIsValid(change.relid) || get_rel_relkind(change.relid) == '\0')
		return;
	if (change.weakens)
		check_not_weakened(change.relid);
	if (change.names)
		check_shadowing(change.relid);
	if (change.brings_column)
		auto_protect(change.relid);
	if (change.forbids_null)
		drop_spent_checks(change.relid);
}

/*
 * The first column of a query's rows, as Datums that are pointers or OIDs.
 * The list lives in the memory context of the caller.
 */
static List *
query_datums(const char *sql)
{
	MemoryContext caller = CurrentMemoryContext;
	List	   *datums = NIL;

	SPI_connect();
	if (SPI_execute(sql, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read what the statement did");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		MemoryContext oldcontext;
		bool		isnull;
		Datum		datum = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);

		oldcontext = MemoryContextSwitchTo(caller);
		if (!isnull)
			datums = lappend(datums, DatumGetPointer(datum));
		MemoryContextSwitchTo(oldcontext);
	}
	SPI_finish();
	return datums;
}

/* ----------------------------------------------------------------
 *		The event triggers
 * ----------------------------------------------------------------
 */

static void
check_event(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be called as an event trigger")));
}

/* Statements of our own, and pg_upgrade's, are as they must be. */
static bool
event_is_ours(void)
{
	return own_ddl_is_running() || IsBinaryUpgrade;
}

Datum
on_ddl_command_end(PG_FUNCTION_ARGS)
{
	ListCell   *lc;

	check_event(fcinfo);
	if (!event_is_ours())
		/* the CollectedCommands live as long as the outer statement */
		foreach(lc, query_datums("SELECT command FROM pg_catalog.pg_event_trigger_ddl_commands()"))
			check_change(read_command(lfirst(lc)));
	PG_RETURN_NULL();
}

Datum
on_sql_drop(PG_FUNCTION_ARGS)
{
	ListCell   *lc;

	check_event(fcinfo);
	if (!event_is_ours())
		foreach(lc, query_datums("SELECT objid FROM pg_catalog.pg_event_trigger_dropped_objects()"
								 " WHERE classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_policy'::pg_catalog.regclass"))
		{
			Oid			policy = DatumGetObjectId(PointerGetDatum(lfirst(lc)));
			Oid			relid = table_of_isolation_policy(policy);

			if (OidIsValid(relid) && get_rel_relkind(relid) != '\0' &&
				!weakening_is_meant(relid))
				raise_refusal(drops_policy(relation_name(relid)));
		}
	PG_RETURN_NULL();
}

/*
 * That this function is called has loaded the library, and so its label
 * provider is there when SECURITY LABEL looks for it.  Without that, pg_restore
 * could not restore our labels in a session of its own on a server that does
 * not preload the library.
 */
Datum
on_ddl_command_start(PG_FUNCTION_ARGS)
{
	Node	   *stmt;

	check_event(fcinfo);
	stmt = ((EventTriggerData *) fcinfo->context)->parsetree;
	if (!event_is_ours() && IsA(stmt, AlterTableStmt))
		check_alter_table((AlterTableStmt *) stmt);
	PG_RETURN_NULL();
}
