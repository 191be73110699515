/*-------------------------------------------------------------------------
 *
 * scan_compat.h
 *	  What differs between the supported servers in scans; a part of compat.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_SCAN_COMPAT_H
#define TENANT_GUARD_SCAN_COMPAT_H

#include "access/genam.h"
#include "access/tableam.h"

/* Begins a sequential scan of a table; 19 has an argument for flags. */
static inline TableScanDesc
begin_table_scan(Relation rel, Snapshot snapshot)
{
#if PG_VERSION_NUM >= 190000
	return table_beginscan(rel, snapshot, 0, NULL, SO_NONE);
#else
	return table_beginscan(rel, snapshot, 0, NULL);
#endif
}

/* Begins a scan of an index; 18 has an argument for instrumentation, 19 for flags. */
static inline IndexScanDesc
begin_index_scan(Relation table, Relation index, Snapshot snapshot, int nkeys)
{
#if PG_VERSION_NUM >= 190000
	return index_beginscan(table, index, snapshot, NULL, nkeys, 0, SO_NONE);
#elif PG_VERSION_NUM >= 180000
	return index_beginscan(table, index, snapshot, NULL, nkeys, 0);
#else
	return index_beginscan(table, index, snapshot, nkeys, 0);
#endif
}

#endif							/* TENANT_GUARD_SCAN_COMPAT_H */
