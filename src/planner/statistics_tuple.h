/*-------------------------------------------------------------------------
 *
 * statistics_tuple.h
 *	  Makes rows of pg_statistic that say less than those that ANALYZE has made.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_STATISTICS_TUPLE_H
#define TENANT_GUARD_STATISTICS_TUPLE_H

#include "access/htup.h"

extern HeapTuple make_tenant_tuple(HeapTuple statistics, Oid type, Size *frequency, Size *values);
extern HeapTuple copy_tenant_tuple(const HeapTupleData *made, Size frequency_at, Size values_at, float4 frequency, Datum tenant, Oid type);

#endif							/* TENANT_GUARD_STATISTICS_TUPLE_H */
