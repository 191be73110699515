/*-------------------------------------------------------------------------
 *
 * statistics_tuple.c
 *	  Makes rows of pg_statistic that say less than those that ANALYZE has made.
 *
 * The most common values come first in them, so that the array of these is at the
 * end of the tuple, and can be exchanged.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "statistics_tuple.h"

/* Where in a row an attribute of the first slot is; that of the other slots follows. */
#define FIRST(name)	(Anum_pg_statistic_##name##1 - 1)

/* A row of pg_statistic */
typedef struct StatisticsRow
{
	Datum		values[Natts_pg_statistic];
	bool		nulls[Natts_pg_statistic];
} StatisticsRow;

static int
find_slot(const StatisticsRow *row, int16 kind)
{
	for (int i = 0; i < STATISTIC_NUM_SLOTS; i++)
		if (DatumGetInt16(row->values[FIRST(stakind) + i]) == kind)
			return i;
	return -1;
}

static void
empty_slots(StatisticsRow *row)
{
	for (int i = 0; i < STATISTIC_NUM_SLOTS; i++)
	{
		row->values[FIRST(stakind) + i] = Int16GetDatum(0);
		row->values[FIRST(staop) + i] = row->values[FIRST(stacoll) + i] = ObjectIdGetDatum(InvalidOid);
		row->nulls[FIRST(stanumbers) + i] = row->nulls[FIRST(stavalues) + i] = true;
	}
}

/* Copies the slot of a kind, if there is one, to another row, where its place is "to". */
static void
copy_slot(StatisticsRow *row, int to, const StatisticsRow *from, int16 kind)
{
	const int	parts[] = {FIRST(stakind), FIRST(staop), FIRST(stacoll), FIRST(stanumbers), FIRST(stavalues)};
	int			slot = find_slot(from, kind);

	for (int i = 0; slot >= 0 && i < lengthof(parts); i++)
	{
		row->values[parts[i] + to] = from->values[parts[i] + slot];
		row->nulls[parts[i] + to] = from->nulls[parts[i] + slot];
	}
}

static void
set_numbers(StatisticsRow *row, int slot, const float4 * numbers, int n)
{
	Datum	   *elements = palloc(n * sizeof(Datum));

	for (int i = 0; i < n; i++)
		elements[i] = Float4GetDatum(numbers[i]);
	row->values[FIRST(stanumbers) + slot] = PointerGetDatum(construct_array(elements, n, FLOAT4OID, sizeof(float4), true, TYPALIGN_INT));
	row->nulls[FIRST(stanumbers) + slot] = false;
}

static ArrayType *
make_array(Datum *values, int n, Oid type)
{
	int16		length;
	bool		by_value;
	char		align;

	get_typlenbyvalalign(type, &length, &by_value, &align);
	return construct_array(values, n, type, length, by_value, align);
}

static void
set_values(StatisticsRow *row, int slot, Datum *values, int n, Oid type)
{
	row->values[FIRST(stavalues) + slot] = PointerGetDatum(make_array(values, n, type));
	row->nulls[FIRST(stavalues) + slot] = false;
}

/* ----------------------------------------------------------------
 *		Of a tenant column, for one tenant
 * ----------------------------------------------------------------
 */

/*
 * Finds where in a tuple the frequency of its most common value is, and where its array of
 * values begins.  That array is replaced by an aligned one, and what is before it must be 0.
 */
static void
find_places(HeapTuple tuple, TupleDesc desc, Size *frequency, Size *values)
{
	char	   *data = (char *) tuple->t_data;
	bool		isnull;
	char	   *numbers = DatumGetPointer(heap_getattr(tuple, Anum_pg_statistic_stanumbers1, desc, &isnull));
	char	   *array = DatumGetPointer(heap_getattr(tuple, Anum_pg_statistic_stavalues1, desc, &isnull));

	*frequency = VARDATA_ANY(numbers) + ARR_OVERHEAD_NONULLS(1) - VARHDRSZ - data;
	*values = MAXALIGN(array - data);
	memset(array, 0, *values - (array - data));
}

/*
 * Makes statistics of a tenant column with one most common value, which is to be set by
 * copy_tenant_tuple(), and with the correlation of the column with the order of the rows,
 * which the costs of index scans depend on.
 */
HeapTuple
make_tenant_tuple(HeapTuple statistics, Oid type, Size *frequency, Size *values)
{
	Relation	catalog = table_open(StatisticRelationId, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(catalog);
	float4		zero = 0;
	StatisticsRow from;
	StatisticsRow row;
	HeapTuple	tuple;

	heap_deform_tuple(statistics, desc, from.values, from.nulls);
	row = from;
	empty_slots(&row);
	copy_slot(&row, 0, &from, STATISTIC_KIND_MCV);
	row.values[FIRST(stakind)] = Int16GetDatum(STATISTIC_KIND_MCV);
	set_numbers(&row, 0, &zero, 1);
	set_values(&row, 0, NULL, 0, type);
	copy_slot(&row, 1, &from, STATISTIC_KIND_CORRELATION);
	tuple = heap_form_tuple(desc, row.values, row.nulls);
	find_places(tuple, desc, frequency, values);
	table_close(catalog, AccessShareLock);
	return tuple;
}

/* Returns a copy of such statistics with a tenant and its frequency. */
HeapTuple
copy_tenant_tuple(const HeapTupleData *made, Size frequency_at, Size values_at, float4 frequency, Datum tenant, Oid type)
{
	ArrayType  *array = make_array(&tenant, 1, type);
	HeapTuple	copy = palloc(HEAPTUPLESIZE + values_at + VARSIZE(array));
	char	   *data = (char *) copy + HEAPTUPLESIZE;

	*copy = *made;
	copy->t_data = (HeapTupleHeader) data;
	copy->t_len = values_at + VARSIZE(array);
	memcpy(data, made->t_data, values_at);
	memcpy(data + frequency_at, &frequency, sizeof(frequency));
	memcpy(data + values_at, array, VARSIZE(array));
	pfree(array);
	return copy;
}
