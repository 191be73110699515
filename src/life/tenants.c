/*-------------------------------------------------------------------------
 *
 * tenants.c
 *	  The tenants that a table has rows of.
 *
 * tenants() looks up the first tenant in the index that begins with the tenant
 * column, then the first after it, and so on: it takes as many look-ups as there
 * are tenants, and not as many as there are rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/tuplestore.h"

#include "bypass.h"
#include "catalog.h"
#include "compat.h"
#include "guard.h"
#include "own_sql.h"
#include "relation_argument.h"
#include "tenant_type.h"

PG_FUNCTION_INFO_V1(tenant_guard_tenants);

/* What collect_tenants returns, and the queries by which it finds them. */
typedef struct Search
{
	const char *first;
	const char *next;			/* after $1; NULL: "first" returns all */
	Oid			type;			/* of the column */
	Tuplestorestate *store;
	TupleDesc	desc;
} Search;

/* Does this index have all rows of its table, in the order of the column? */
static bool
is_in_order_of(Oid indexid, AttrNumber attnum)
{
	Relation	index = index_open(indexid, AccessShareLock);

	/* not RelationGetIndexPredicate(), which calls functions in the predicate */
	bool		result = index->rd_rel->relam == BTREE_AM_OID && index->rd_index->indisvalid &&
		index->rd_index->indkey.values[0] == attnum && heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL);

	index_close(index, AccessShareLock);
	return result;
}

/* Has a locked table without parts an index in the order of the column? */
static bool
part_has_index(Oid relid, const char *column)
{
	Relation	part = relation_open(relid, NoLock);
	AttrNumber	attnum = get_attnum(relid, column);
	bool		found = false;
	List	   *indexes = RelationGetIndexList(part);

	for (int i = 0; !found && i < list_length(indexes); i++)
		found = is_in_order_of(list_nth_oid(indexes, i), attnum);
	list_free(indexes);
	relation_close(part, NoLock);
	return found;
}

/* Can the tenants be looked up, one after the other, in every part of the table? */
static bool
has_index_by_tenant(List *parts, const char *column)
{
	ListCell   *lc;

	foreach(lc, parts)
		if (get_rel_relkind(lfirst_oid(lc)) != RELKIND_PARTITIONED_TABLE && !part_has_index(lfirst_oid(lc), column))
			return false;
	return true;
}

/* Adds a tenant to the result. */
static void
add_tenant(const Search *search, Datum tenant)
{
	Oid			output;
	bool		is_varlena;
	bool		isnull = false;
	Datum		value;

	getTypeOutputInfo(search->type, &output, &is_varlena);
	value = CStringGetTextDatum(OidOutputFunctionCall(output, tenant));
	tuplestore_putvalues(search->store, search->desc, &value, &isnull);
}

/* Adds the rows that a query has returned to the result; returns how many. */
static uint64
add_result(const Search *search)
{
	uint64		n = SPI_processed;

	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;

		add_tenant(search, SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
		Assert(!isnull);
	}
	return n;
}

/* An OwnerAction: finds the tenants. */
static void
collect_tenants(void *argument)
{
	Search	   *search = argument;
	SPIPlanPtr	next = NULL;
	uint64		found;

	SPI_connect();
	if (SPI_execute(search->first, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read tenants: %s", search->first);
	found = add_result(search);
	if (search->next != NULL && (next = SPI_prepare(search->next, 1, &search->type)) == NULL)
		elog(ERROR, "could not prepare: %s", search->next);
	while (next != NULL && found > 0)
	{
		SPITupleTable *last = SPI_tuptable;
		bool		isnull;
		Datum		tenant = SPI_getbinval(last->vals[0], last->tupdesc, 1, &isnull);

		CHECK_FOR_INTERRUPTS();
		if (SPI_execute_plan(next, &tenant, NULL, true, 1) != SPI_OK_SELECT)
			elog(ERROR, "could not read tenants: %s", search->next);
		found = add_result(search);
		SPI_freetuptable(last);
	}
	SPI_finish();
}

/* tenants(relation regclass): the tenants of which the table has rows, in order. */
Datum
tenant_guard_tenants(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			relid = PG_GETARG_OID(0);
	List	   *parts = lock_for_owner(relid, AccessShareLock);
	Guard		guard = guard_of(relid);
	Search		search = {.next = NULL};
	char	   *name = relation_name(relid);
	const char *column;

	if (guard.attnum == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table %s is not guarded", name),
				 errhint("Run SELECT tenant_guard.protect(%s);", quote_literal_cstr(name))));
	column = quote_identifier(get_attname(relid, guard.attnum, false));
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	search.store = rsinfo->setResult;
	search.desc = rsinfo->setDesc;
	search.type = getBaseType(get_atttype(relid, guard.attnum));
	if (has_index_by_tenant(parts, get_attname(relid, guard.attnum, false)))
	{
		search.first = psprintf("SELECT %s FROM %s WHERE %s IS NOT NULL ORDER BY 1 LIMIT 1", column, name, column);
		search.next = psprintf("SELECT %s FROM %s WHERE %s OPERATOR(pg_catalog.>) $1 ORDER BY 1 LIMIT 1", column, name, column);
	}
	else
		search.first = psprintf("SELECT DISTINCT %s FROM %s WHERE %s IS NOT NULL ORDER BY 1", column, name, column);
	log_bypassed_relations(list_make1_oid(relid), "tenant_guard.tenants");
	run_as_owner(object_owner(RelationRelationId, relid), true, collect_tenants, &search);
	return (Datum) 0;
}
