/*-------------------------------------------------------------------------
 *
 * stored_mismatch.c
 *	  Finds comparisons of a tenant as text in expressions stored in the catalogs.
 *
 * The parse hook is called for a view's query and for the body of a function in SQL
 * when they are created.  It is not called for policies, CHECKs, index expressions,
 * generated columns, partition keys, conditions of triggers, rules, row filters of
 * publications and bodies written BEGIN ATOMIC.  Those are read from the catalogs
 * here: after the statement that has made them, for the event trigger, and at any
 * time for type_mismatches().
 *
 * An index on the tenant as text supports only comparisons as text, and comparisons
 * with a generated column that has the tenant as text cannot be recognized.  So both
 * are reported by themselves.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_index.h"
#include "catalog/pg_partitioned_table.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_publication_rel.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "fmgr.h"
#include "funcapi.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "catalog.h"
#include "compat.h"
#include "find_mismatch.h"
#include "function_mismatch.h"
#include "guard.h"
#include "mismatch_refusals.h"
#include "stored_mismatch.h"

PG_FUNCTION_INFO_V1(tenant_guard_type_mismatches_of);

/* ----------------------------------------------------------------
 *		Refusals
 * ----------------------------------------------------------------
 */

static List *
add_refusal(List *refusals, Refusal refusal)
{
	Refusal    *copy = palloc(sizeof(Refusal));

	*copy = refusal;
	return lappend(refusals, copy);
}

typedef Refusal (*refusal_of_value) (const char *object, Oid relid, AttrNumber attnum, Oid type, Oid text_type);

/* Adds a refusal of a stored value for each Mismatch of a list. */
static List *
add_values(List *refusals, List *found, refusal_of_value refuse, const char *object)
{
	ListCell   *lc;

	foreach(lc, found)
	{
		const Mismatch *mismatch = lfirst(lc);

		refusals = add_refusal(refusals, refuse(object, mismatch->relid, mismatch->attnum,
												mismatch->column_type, mismatch->text_type));
	}
	return refusals;
}

/* ----------------------------------------------------------------
 *		Reading expressions
 * ----------------------------------------------------------------
 */

/* Returns the refusals for one row of a catalog, palloc'd */
typedef List *(*RowReader) (Relation catalog, HeapTuple tuple);

/* Calls a reader for the row of a catalog with this OID; NIL if there is none. */
static List *
read_row(Oid catalogid, Oid index, AttrNumber key_column, Oid object, RowReader reader)
{
	Relation	catalog = table_open(catalogid, AccessShareLock);
	List	   *refusals = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, key_column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(object));
	scan = systable_beginscan(catalog, index, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		tuple = heap_copytuple(tuple);
	systable_endscan(scan);
	if (HeapTupleIsValid(tuple))
		refusals = reader(catalog, tuple);
	table_close(catalog, AccessShareLock);
	return refusals;
}

/* Returns the node tree in a column of a catalog's row, or NULL. */
static Node *
expression_of(Relation catalog, HeapTuple tuple, AttrNumber column)
{
	bool		isnull;
	Datum		datum = heap_getattr(tuple, column, RelationGetDescr(catalog), &isnull);

	return isnull ? NULL : stringToNode(TextDatumGetCString(datum));
}

/* Makes a range-table entry for a relation, which may have been dropped concurrently. */
static RangeTblEntry *
range_table_entry(Oid relid, const char *alias)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	AttrNumber	natts = 0;
	List	   *columns = NIL;

	if (HeapTupleIsValid(tuple))
	{
		natts = ((Form_pg_class) GETSTRUCT(tuple))->relnatts;
		ReleaseSysCache(tuple);
	}
	/* dropped columns count: they keep their attribute numbers */
	for (AttrNumber attnum = 1; attnum <= natts; attnum++)
	{
		char	   *column = get_attname(relid, attnum, true);

		columns = lappend(columns, makeString(column ? column : ""));
	}
	rte->rtekind = RTE_RELATION;
	rte->relid = relid;
	rte->relkind = get_rel_relkind(relid);
	rte->eref = makeAlias(alias ? alias : "", columns);
	return rte;
}

/* Makes a query over one relation, to which the Vars of a stored expression refer. */
static Query *
query_over(Oid relid)
{
	Query	   *query = makeNode(Query);

	Assert(OidIsValid(relid));
	query->commandType = CMD_SELECT;
	query->rtable = list_make1(range_table_entry(relid, get_rel_name(relid)));
	return query;
}

/* Makes a query to which the Vars of a rule or a trigger's condition refer, with entries for OLD and NEW. */
static Query *
query_over_changes(Oid relid)
{
	Query	   *query = makeNode(Query);

	query->commandType = CMD_SELECT;
	query->rtable = list_make2(range_table_entry(relid, "old"), range_table_entry(relid, "new"));
	return query;
}

/* Returns the refusals for the expression in a column of a catalog's row. */
static List *
mismatches_in_column(Relation catalog, HeapTuple tuple, AttrNumber column, const Query *query)
{
	return refusals_of_mismatches(mismatches_in_expression(expression_of(catalog, tuple, column), query));
}

static List *
mismatches_in_policy(Relation catalog, HeapTuple tuple)
{
	Query	   *query = query_over(((Form_pg_policy) GETSTRUCT(tuple))->polrelid);

	return list_concat(mismatches_in_column(catalog, tuple, Anum_pg_policy_polqual, query),
					   mismatches_in_column(catalog, tuple, Anum_pg_policy_polwithcheck, query));
}

static List *
mismatches_in_constraint(Relation catalog, HeapTuple tuple)
{
	Oid			relid = ((Form_pg_constraint) GETSTRUCT(tuple))->conrelid;

	return OidIsValid(relid) ?
		mismatches_in_column(catalog, tuple, Anum_pg_constraint_conbin, query_over(relid)) : NIL;
}

static List *
mismatches_in_generated(Relation catalog, HeapTuple tuple)
{
	Form_pg_attrdef def = (Form_pg_attrdef) GETSTRUCT(tuple);
	Query	   *query = query_over(def->adrelid);
	char	   *column = get_attname(def->adrelid, def->adnum, true);

	return add_values(mismatches_in_column(catalog, tuple, Anum_pg_attrdef_adbin, query),
					  mismatches_as_value(expression_of(catalog, tuple, Anum_pg_attrdef_adbin), query), held_as_text,
					  psprintf("generated column \"%s\"", column ? column : "..."));
}

static List *
mismatches_in_trigger(Relation catalog, HeapTuple tuple)
{
	return mismatches_in_column(catalog, tuple, Anum_pg_trigger_tgqual,
								query_over_changes(((Form_pg_trigger) GETSTRUCT(tuple))->tgrelid));
}

/* A RowReader for rules, of which the query of a view is one. */
static List *
mismatches_in_rule(Relation catalog, HeapTuple tuple)
{
	Query	   *query = query_over_changes(((Form_pg_rewrite) GETSTRUCT(tuple))->ev_class);
	List	   *actions = (List *) expression_of(catalog, tuple, Anum_pg_rewrite_ev_action);

	return list_concat(mismatches_in_column(catalog, tuple, Anum_pg_rewrite_ev_qual, query),
					   refusals_of_mismatches(mismatches_in_queries(actions)));
}

static List *
mismatches_in_row_filter(Relation catalog, HeapTuple tuple)
{
	return mismatches_in_column(catalog, tuple, Anum_pg_publication_rel_prqual,
								query_over(((Form_pg_publication_rel) GETSTRUCT(tuple))->prrelid));
}

/* Reads all row filters of a publication.  Event triggers get CREATE PUBLICATION as one object, ALTER as one for each table. */
static List *
mismatches_in_publication(Oid publication)
{
	CatalogScan scan = begin_catalog_scan(PublicationRelRelationId, PublicationRelPrpubidIndexId, Anum_pg_publication_rel_prpubid, publication, NULL);
	List	   *refusals = NIL;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = next_catalog_row(&scan)))
		refusals = list_concat(refusals, mismatches_in_row_filter(scan.catalog, tuple));
	end_catalog_scan(&scan);
	return refusals;
}

/* Returns the refusals for a list of key expressions, of an index or of a partitioned table. */
static List *
mismatches_in_keys(Node *keys, const Query *query, const char *object)
{
	List	   *refusals = NIL;
	ListCell   *lc;

	if (keys == NULL || !IsA(keys, List))
		return NIL;
	foreach(lc, (List *) keys)
	{
		refusals = list_concat(refusals, refusals_of_mismatches(mismatches_in_expression(lfirst(lc), query)));
		refusals = add_values(refusals, mismatches_as_value(lfirst(lc), query), indexed_as_text, object);
	}
	return refusals;
}

static List *
mismatches_in_index(Relation catalog, HeapTuple tuple)
{
	Form_pg_index index = (Form_pg_index) GETSTRUCT(tuple);
	Query	   *query;

	if (heap_attisnull(tuple, Anum_pg_index_indexprs, NULL) &&
		heap_attisnull(tuple, Anum_pg_index_indpred, NULL))
		return NIL;
	query = query_over(index->indrelid);
	return list_concat(mismatches_in_keys(expression_of(catalog, tuple, Anum_pg_index_indexprs), query,
										  psprintf("index %s", relation_name(index->indexrelid))),
					   mismatches_in_column(catalog, tuple, Anum_pg_index_indpred, query));
}

static List *
mismatches_in_partition_key(Relation catalog, HeapTuple tuple)
{
	Oid			relid = ((Form_pg_partitioned_table) GETSTRUCT(tuple))->partrelid;

	return mismatches_in_keys(expression_of(catalog, tuple, Anum_pg_partitioned_table_partexprs), query_over(relid),
							  psprintf("the partition key of table %s", relation_name(relid)));
}

static List *
mismatches_in_relation(Oid relid)
{
	switch (get_rel_relkind(relid))
	{
		case RELKIND_INDEX:
		case RELKIND_PARTITIONED_INDEX:
			return read_row(IndexRelationId, IndexRelidIndexId, Anum_pg_index_indexrelid, relid, mismatches_in_index);
		case RELKIND_PARTITIONED_TABLE:
			return read_row(PartitionedRelationId, PartitionedRelidIndexId,
							Anum_pg_partitioned_table_partrelid, relid, mismatches_in_partition_key);
		default:
			return NIL;
	}
}

/* ----------------------------------------------------------------
 *		Objects and commands
 * ----------------------------------------------------------------
 */

/* Returns the refusals for an object.  "parse": see mismatches_in_function(). */
static List *
mismatches_in_any(Oid catalog, Oid object, bool parse)
{
	switch (catalog)
	{
		case PolicyRelationId:
			return read_row(catalog, PolicyOidIndexId, Anum_pg_policy_oid, object, mismatches_in_policy);
		case ConstraintRelationId:
			return read_row(catalog, ConstraintOidIndexId, Anum_pg_constraint_oid, object, mismatches_in_constraint);
		case AttrDefaultRelationId:
			return read_row(catalog, AttrDefaultOidIndexId, Anum_pg_attrdef_oid, object, mismatches_in_generated);
		case TriggerRelationId:
			return read_row(catalog, TriggerOidIndexId, Anum_pg_trigger_oid, object, mismatches_in_trigger);
		case RewriteRelationId:
			return read_row(catalog, RewriteOidIndexId, Anum_pg_rewrite_oid, object, mismatches_in_rule);
		case PublicationRelationId:
			return mismatches_in_publication(object);
		case PublicationRelRelationId:
			return read_row(catalog, PublicationRelObjectIndexId, Anum_pg_publication_rel_oid, object, mismatches_in_row_filter);
		case RelationRelationId:
			return mismatches_in_relation(object);
		case ProcedureRelationId:
			return mismatches_in_function(object, parse);
		default:
			return NIL;
	}
}

/* Returns a palloc'd Refusal for each comparison of a tenant as text in an object. */
List *
mismatches_in_object(Oid catalog, Oid object)
{
	return mismatches_in_any(catalog, object, true);
}

/* Can a constraint, default or index compare a column with anything?  Most rows of a new table cannot, and need not be read again. */
static bool
can_compare(Oid catalogid, HeapTuple tuple)
{
	Form_pg_attrdef def = (Form_pg_attrdef) GETSTRUCT(tuple);

	if (catalogid == ConstraintRelationId)
		return ((Form_pg_constraint) GETSTRUCT(tuple))->contype == CONSTRAINT_CHECK;
	/* only a generated column's expression names other columns */
	return catalogid != AttrDefaultRelationId || get_attgenerated(def->adrelid, def->adnum) != '\0';
}

/*
 * Returns the refusals for those constraints, defaults or indexes of a table that
 * the current transaction has made.
 */
static List *
mismatches_in_new_parts(Oid catalogid, Oid index, AttrNumber key_column, Oid relid)
{
	CatalogScan scan = begin_catalog_scan(catalogid, index, key_column, relid, NULL);
	List	   *parts = NIL;
	List	   *refusals = NIL;
	HeapTuple	tuple;
	ListCell   *lc;

	while (HeapTupleIsValid(tuple = next_catalog_row(&scan)))
		if (TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data)) && can_compare(catalogid, tuple))
			parts = lappend_oid(parts, catalogid == IndexRelationId ?
								((Form_pg_index) GETSTRUCT(tuple))->indexrelid :
								catalogid == AttrDefaultRelationId ?
								((Form_pg_attrdef) GETSTRUCT(tuple))->oid :
								((Form_pg_constraint) GETSTRUCT(tuple))->oid);
	end_catalog_scan(&scan);

	foreach(lc, parts)
		refusals = list_concat(refusals,
							   mismatches_in_any(catalogid == IndexRelationId ? RelationRelationId : catalogid,
												 lfirst_oid(lc), false));
	return refusals;
}

/* Returns the refusals for new objects of a table.  Only a guarded table has a tenant column. */
static List *
mismatches_in_table(Oid relid)
{
	RelationParts parts = parts_of_relation(relid);
	List	   *refusals = NIL;

	if (guard_of(relid).status == GUARD_NONE)
		return NIL;
	if (parts.checks)
		refusals = mismatches_in_new_parts(ConstraintRelationId, ConstraintRelidTypidNameIndexId,
										   Anum_pg_constraint_conrelid, relid);
	refusals = list_concat(refusals, mismatches_in_new_parts(AttrDefaultRelationId, AttrDefaultIndexId,
															 Anum_pg_attrdef_adrelid, relid));
	return !parts.indexes ? refusals :
		list_concat(refusals, mismatches_in_new_parts(IndexRelationId, IndexIndrelidIndexId, Anum_pg_index_indrelid, relid));
}

/*
 * Each place, a palloc'd Refusal, where a command has stored an expression that
 * compares a tenant as text.  Which commands store expressions is listed in
 * table_change.c.
 */
List *
mismatches_in_command(const CollectedCommand *cmd)
{
	ObjectAddress address = cmd->d.simple.address;

	if (cmd->type == SCT_AlterTable)
		return mismatches_in_table(cmd->d.alterTable.objectId);
	if (cmd->type != SCT_Simple)
		return NIL;
	if (IsA(cmd->parsetree, CreateStmt))
		return list_concat(mismatches_in_relation(address.objectId), mismatches_in_table(address.objectId));
	return mismatches_in_any(address.classId, address.objectId, false);
}

/* SQL function type_mismatches_of(catalog, object): the detail and the remedy of each comparison. */
Datum
tenant_guard_type_mismatches_of(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, mismatches_in_object(PG_GETARG_OID(0), PG_GETARG_OID(1)))
	{
		const Refusal *refusal = lfirst(lc);
		Datum		values[] = {CStringGetTextDatum(refusal->message), CStringGetTextDatum(refusal->hint)};
		bool		nulls[] = {false, false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
