/*-------------------------------------------------------------------------
 *
 * temporary_statement.c
 *	  Checks utility statements on temporary tables that belong to a tenant.
 *
 * ALTER TABLE, CREATE INDEX, ALTER DOMAIN and others evaluate expressions for the
 * rows of a table, without calling ExecutorCheckPerms_hook.
 *
 * Maintenance of all tables, and of guarded ones, is allowed if it calls no
 * user-defined functions.
 *
 * ANALYZE stores values of rows in pg_statistic, which all sessions of the role
 * can read through pg_stats.  Statistics of a tenant's temporary table are deleted
 * at the end of the transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/heap.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "parser/parse_type.h"
#include "statistics/statistics.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "bypass.h"
#include "catalog.h"
#include "compat.h"
#include "guard.h"
#include "guard_refusals.h"
#include "index_code.h"
#include "temporary_statement.h"
#include "temporary_table.h"

/* Has VACUUM or ANALYZE been run in this transaction?  Is it running, perhaps in several transactions of its own? */
static bool analyzed = false;
static bool analyzing = false;

/* ----------------------------------------------------------------
 *		Statements that read or rewrite a table
 * ----------------------------------------------------------------
 */

/*
 * Returns the tables whose rows ALTER TABLE can read, as RangeVars.  One that is
 * attached counts: its rows are checked by the partition key of the partitioned
 * table, and it gets that table's indexes.
 */
static List *
tables_altered(const AlterTableStmt *stmt)
{
	List	   *found = list_make1(stmt->relation);
	ListCell   *lc;

	foreach(lc, stmt->cmds)
		if (lfirst_node(AlterTableCmd, lc)->subtype == AT_AttachPartition)
			found = lappend(found, castNode(PartitionCmd, lfirst_node(AlterTableCmd, lc)->def)->name);
	return found;
}

/* Is it a table created OF this composite type? */
static bool
is_of_type(Oid relid, Oid type)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool		found;

	if (!HeapTupleIsValid(tuple))
		return false;
	found = OidIsValid(type) && ((Form_pg_class) GETSTRUCT(tuple))->reloftype == type;
	ReleaseSysCache(tuple);
	return found;
}

/* Returns the tables, as RangeVars, that a statement names and whose rows it can read. */
static List *
tables_looked_into(const Node *stmt)
{
	List	   *found = NIL;
	ListCell   *lc;

	switch (nodeTag(stmt))
	{
		case T_AlterTableStmt:
			found = tables_altered((const AlterTableStmt *) stmt);
			break;
		case T_IndexStmt:
			found = list_make1(((const IndexStmt *) stmt)->relation);
			break;
		case T_ReindexStmt:
			found = list_make1(((const ReindexStmt *) stmt)->relation);
			break;
		case T_VacuumStmt:
			foreach(lc, ((const VacuumStmt *) stmt)->rels)
				found = lappend(found, lfirst_node(VacuumRelation, lc)->relation);
			break;
		case T_CreateStatsStmt:
			/* a later ANALYZE without a table evaluates the expressions */
			foreach(lc, ((const CreateStatsStmt *) stmt)->relations)
				if (IsA(lfirst(lc), RangeVar))
					found = lappend(found, lfirst(lc));
			break;
		case T_CreateStmt:
			if (((const CreateStmt *) stmt)->partbound != NULL)
				found = list_copy(((const CreateStmt *) stmt)->inhRelations);
			break;
		case T_SecLabelStmt:
			/* 'shared' makes a table usable by all tenants; share() is refused, too */
			if (((const SecLabelStmt *) stmt)->objtype == OBJECT_TABLE)
				found = list_make1(makeRangeVarFromNameList(castNode(List, ((const SecLabelStmt *) stmt)->object)));
			break;
		default:
			if (repacked_table(stmt) != NULL)
				found = list_make1(repacked_table(stmt));
			break;
	}
	return found;
}

/* Returns the table of this name, or the table of the index of this name, or InvalidOid. */
static Oid
table_of_name(RangeVar *name)
{
	Oid			relid = name == NULL ? InvalidOid : RangeVarGetRelid(name, NoLock, true);
	char		relkind = OidIsValid(relid) ? get_rel_relkind(relid) : '\0';

	if (relkind == RELKIND_INDEX || relkind == RELKIND_PARTITIONED_INDEX)
		return IndexGetRelation(relid, true);
	return relid;
}

/* Returns the type over which a domain is defined, which may be a domain; InvalidOid for other types. */
static Oid
type_below_domain(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	Oid			below = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		below = ((Form_pg_type) GETSTRUCT(tuple))->typbasetype;
		ReleaseSysCache(tuple);
	}
	return below;
}

/* Does a table have a column of this domain, or of a domain over it? */
static bool
has_column_of_domain(Oid relid, Oid domain)
{
	Relation	table = try_relation_open(relid, AccessShareLock);
	bool		found = false;

	if (table == NULL)
		return false;
	for (int i = 0; i < RelationGetNumberOfAttributes(table); i++)
	{
		Oid			type = TupleDescAttr(RelationGetDescr(table), i)->atttypid;

		while (OidIsValid(type) && type != domain)
			type = type_below_domain(type);
		found = found || OidIsValid(type);
	}
	relation_close(table, AccessShareLock);
	return found;
}

/* Returns the composite type that ALTER TYPE alters, or InvalidOid for other statements. */
static Oid
composite_altered(const Node *stmt)
{
	const AlterTableStmt *alter = (const AlterTableStmt *) stmt;
	Oid			relid = IsA(stmt, AlterTableStmt) && alter->objtype == OBJECT_TYPE ?
		RangeVarGetRelid(alter->relation, NoLock, true) : InvalidOid;

	return OidIsValid(relid) ? get_rel_type_id(relid) : InvalidOid;
}

/* Returns the domain for which ALTER DOMAIN adds or validates a constraint, or InvalidOid for other statements. */
static Oid
domain_checked(const Node *stmt)
{
	const AlterDomainStmt *alter = (const AlterDomainStmt *) stmt;

	/* C: add constraint, O: SET NOT NULL, V: validate constraint */
	if (!IsA(stmt, AlterDomainStmt) || strchr("COV", alter->subtype) == NULL)
		return InvalidOid;
	return LookupTypeNameOid(NULL, makeTypeNameFromNameList(alter->typeName), true);
}

/* Is it CREATE INDEX IF NOT EXISTS of an index that exists? */
static bool
makes_no_index(const Node *stmt, Oid relid)
{
	const IndexStmt *index = (const IndexStmt *) stmt;

	return IsA(stmt, IndexStmt) && index->if_not_exists && index->idxname != NULL &&
		OidIsValid(get_relname_relid(index->idxname, get_rel_namespace(relid)));
}

/* Does it consist of ADD COLUMN IF NOT EXISTS of columns that exist? */
static bool
adds_no_column(const Node *stmt, Oid relid)
{
	ListCell   *lc;

	if (!IsA(stmt, AlterTableStmt))
		return false;
	foreach(lc, ((const AlterTableStmt *) stmt)->cmds)
	{
		const AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->subtype != AT_AddColumn || !cmd->missing_ok ||
			!has_column(relid, castNode(ColumnDef, cmd->def)->colname))
			return false;
	}
	return true;
}

/* Does IF NOT EXISTS make the statement do nothing?  Functions that fill a temporary table often begin with one. */
static bool
does_nothing(const Node *stmt, Oid relid)
{
	return makes_no_index(stmt, relid) || adds_no_column(stmt, relid);
}

/* Is it VACUUM, ANALYZE, CLUSTER, REPACK or REINDEX of all tables? */
static bool
maintains_all(const Node *stmt)
{
	return repacks_all(stmt) || (IsA(stmt, VacuumStmt) && ((const VacuumStmt *) stmt)->rels == NIL) ||
		(IsA(stmt, ReindexStmt) && ((const ReindexStmt *) stmt)->relation == NULL);
}

/* Returns the OIDs of a table and its partitions and children. */
static List *
with_parts(Oid relid)
{
	return has_subclass(relid) ? find_all_inheritors(relid, NoLock, NULL) : list_make1_oid(relid);
}

/* Returns the OIDs of the relations whose rows a statement can read. */
static List *
relations_looked_into(const Node *stmt)
{
	Oid			domain = domain_checked(stmt);
	Oid			composite = composite_altered(stmt);
	List	   *found = NIL;
	ListCell   *lc;

	foreach(lc, tables_looked_into(stmt))
	{
		Oid			relid = table_of_name(lfirst(lc));

		/* CREATE TABLE ... PARTITION OF reads the default partition */
		if (OidIsValid(relid) && IsA(stmt, CreateStmt))
			relid = get_default_partition_oid(relid);
		if (OidIsValid(relid) && !does_nothing(stmt, relid))
			found = list_concat_unique_oid(found, with_parts(relid));
	}
	if (maintains_all(stmt))
		found = tables_of_tenants();
	foreach(lc, OidIsValid(domain) || OidIsValid(composite) ? tables_of_tenants() : NIL)
		if ((OidIsValid(domain) && has_column_of_domain(lfirst_oid(lc), domain)) ||
			is_of_type(lfirst_oid(lc), composite))
			found = lappend_oid(found, lfirst_oid(lc));
	return found;
}

/* Is an index one on plain columns, and not partial? */
static bool
is_plain_index(const IndexStmt *index)
{
	ListCell   *lc;

	foreach(lc, index->indexParams)
		if (lfirst_node(IndexElem, lc)->expr != NULL)
			return false;
	return index->whereClause == NULL;
}

/*
 * Can a statement evaluate expressions of an index for deleted rows?  Built-in
 * functions count, too, since their errors may show values.
 */
static bool
looks_into_deleted(const Node *stmt, Oid relid)
{
	if (IsA(stmt, IndexStmt))
		return !is_plain_index((const IndexStmt *) stmt) || maintenance_calls_code(relid);
	return IsA(stmt, ReindexStmt) || IsA(stmt, AlterTableStmt) || repacked_table(stmt) != NULL;
}

/*
 * Does a statement reveal nothing of another tenant's table?  Maintenance of all
 * tables does not, nor VACUUM and ANALYZE of a guarded table, unless they call
 * user-defined functions.  (After ANALYZE of a table that is not guarded, its
 * values could be read in pg_stats until the end of the transaction; ANALYZE of
 * all tables deletes them at once.)
 */
static bool
shows_nothing(const Node *stmt, Oid relid)
{
	return (maintains_all(stmt) || (IsA(stmt, VacuumStmt) && guard_of(relid).status != GUARD_NONE)) &&
		!maintenance_calls_code(relid);
}

/* Does a table belong to another tenant, or have rows of one?  With "deleted", deleted rows count. */
static bool
is_of_others(Oid relid, bool deleted)
{
	return OidIsValid(table_of_other_tenant(relid, false, false)) || (deleted && has_deleted_of_other(relid));
}

/* Raises an error, unless the user has opted in. */
static void
refuse_looking_into(Oid relid)
{
	const char *reason = bypass_reason(InvalidOid);

	if (reason != NULL)
		log_bypass(relation_name(relid), reason);
	else
		raise_refusal(guard_of(relid).status == GUARD_NONE ? temporary_table_of_other(relid) : looks_into_rows_of_others(relid));
}

/* Is it SET TRANSACTION SNAPSHOT? */
static bool
imports_snapshot(const Node *stmt)
{
	const VariableSetStmt *set = (const VariableSetStmt *) stmt;

	return IsA(stmt, VariableSetStmt) && set->kind == VAR_SET_MULTI && strcmp(set->name, "TRANSACTION SNAPSHOT") == 0;
}

/*
 * Raises an error if a utility statement would read rows of another tenant's
 * temporary table.  Returns true if note_temporary_statement must be called after
 * it was run.  (It cannot be called for each statement: ROLLBACK, for instance,
 * may free the parse tree.)
 */
bool
check_temporary_statement(const Node *stmt)
{
	ListCell   *lc;

	if (IsA(stmt, VacuumStmt))
		analyzed = analyzing = true;
	if (imports_snapshot(stmt))
		note_snapshot_imported();
	foreach(lc, IsTransactionState() && tables_of_tenants() != NIL ? relations_looked_into(stmt) : NIL)
		if (is_of_others(lfirst_oid(lc), looks_into_deleted(stmt, lfirst_oid(lc))) && !shows_nothing(stmt, lfirst_oid(lc)))
			refuse_looking_into(lfirst_oid(lc));
	return IsA(stmt, VacuumStmt) || IsA(stmt, CopyStmt);
}

/*
 * Raises an error if a function that evaluates an index's expressions could do so
 * for rows of another tenant.  The index is an argument that is not known here,
 * so all tables are checked.
 */
void
check_maintaining_function(Oid funcid)
{
	ListCell   *lc;

	if (funcid != F_BRIN_SUMMARIZE_NEW_VALUES && funcid != F_BRIN_SUMMARIZE_RANGE)
		return;
	foreach(lc, tables_of_tenants())
		if (is_of_others(lfirst_oid(lc), true) && maintenance_calls_code(lfirst_oid(lc)))
			refuse_looking_into(lfirst_oid(lc));
}

/* ----------------------------------------------------------------
 *		Statistics
 * ----------------------------------------------------------------
 */

/*
 * Deletes the inherited statistics of a permanent table that this transaction has
 * stored.  Those stored by other sessions do not include this session's temporary
 * children.
 */
static void
delete_inherited(Relation table)
{
	Relation	pg_statistic = table_open(StatisticRelationId, RowExclusiveLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	ListCell   *lc;

	ScanKeyInit(&key, Anum_pg_statistic_starelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(RelationGetRelid(table)));
	scan = systable_beginscan(pg_statistic, StatisticRelidAttnumInhIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		if (((Form_pg_statistic) GETSTRUCT(tuple))->stainherit &&
			TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data)))
			CatalogTupleDelete(pg_statistic, &tuple->t_self);
	systable_endscan(scan);
	table_close(pg_statistic, RowExclusiveLock);
	foreach(lc, RelationGetStatExtList(table))
		RemoveStatisticsDataById(lfirst_oid(lc), true);
}

/* Deletes all statistics of a table. */
static void
delete_own(Relation table)
{
	ListCell   *lc;

	RemoveStatistics(RelationGetRelid(table), 0);
	foreach(lc, RelationGetStatExtList(table))
	{
		RemoveStatisticsDataById(lfirst_oid(lc), false);
		RemoveStatisticsDataById(lfirst_oid(lc), true);
	}
}

/*
 * Deletes statistics that could show another tenant's values: of a guarded table
 * those of its indexes only, since pg_stats applies the table's policies to the
 * others.
 */
static void
delete_statistics_of(Oid relid)
{
	Relation	table = try_relation_open(relid, AccessShareLock);
	ListCell   *lc;

	if (table == NULL)
		return;
	if (!is_own_temporary(relid))
		delete_inherited(table);
	else if (guard_of(relid).status == GUARD_NONE)
		delete_own(table);
	foreach(lc, is_own_temporary(relid) ? RelationGetIndexList(table) : NIL)
		RemoveStatistics(lfirst_oid(lc), 0);
	relation_close(table, NoLock);
}

/*
 * Returns the OIDs of the temporary tables that belong to a tenant, or did in this
 * transaction; with "of_others", only of those of other tenants.
 */
static List *
tables_to_hide(bool of_others)
{
	List	   *found = NIL;
	ListCell   *lc;

	foreach(lc, tables_of_tenants())
		if (!of_others || OidIsValid(table_of_other_tenant(lfirst_oid(lc), false, false)))
			found = lappend_oid(found, lfirst_oid(lc));
	return found;
}

/* Deletes statistics of these tables, and of their ancestors that are not guarded. */
static void
delete_statistics(List *relids)
{
	List	   *ancestors = NIL;
	ListCell   *lc;
	ListCell   *above;

	foreach(lc, relids)
		foreach(above, ancestors_of(lfirst_oid(lc)))
			if (guard_of(lfirst_oid(above)).status == GUARD_NONE)
				ancestors = list_append_unique_oid(ancestors, lfirst_oid(above));
	relids = list_concat_unique_oid(relids, ancestors);
	if (relids == NIL)
		return;
	PushActiveSnapshot(GetTransactionSnapshot());
	foreach(lc, relids)
		delete_statistics_of(lfirst_oid(lc));
	PopActiveSnapshot();
	CommandCounterIncrement();
}

/*
 * Must be called after such a statement was run.  ANALYZE of all tables may have
 * stored statistics of another tenant's, which the transaction could read.  COPY
 * may have set a tenant, by a trigger or a default; then the table belongs to that
 * tenant.  (For queries, executor_finish does that.)
 */
void
note_temporary_statement(const Node *stmt)
{
	if (IsA(stmt, VacuumStmt))
	{
		analyzing = false;
		delete_statistics(tables_to_hide(true));
	}
	if (IsA(stmt, CopyStmt) && ((const CopyStmt *) stmt)->is_from && wrote_without_tenant())
	{
		Oid			relid = table_of_name(((const CopyStmt *) stmt)->relation);

		if (OidIsValid(relid))
			note_written(relid, true);
	}
}

static void
end_transaction(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			if (analyzed)
				delete_statistics(tables_to_hide(false));
			break;
		case XACT_EVENT_COMMIT:
			analyzed = analyzing;
			break;
		case XACT_EVENT_ABORT:
			analyzed = analyzing = false;
			break;
		default:
			break;
	}
}

static void
end_subtransaction(SubXactEvent event, SubTransactionId ended, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		analyzing = false;
}

/* Must be called once, by _PG_init. */
void
init_temporary_statements(void)
{
	RegisterSubXactCallback(end_subtransaction, NULL);
	RegisterXactCallback(end_transaction, NULL);
}
