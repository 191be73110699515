/*-------------------------------------------------------------------------
 *
 * reference_scan.h
 *	  Looks a row up by a foreign key without a query.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_REFERENCE_SCAN_H
#define TENANT_GUARD_REFERENCE_SCAN_H

#include "access/attnum.h"
#include "access/skey.h"
#include "pg_config_manual.h"

#include "foreign_key.h"
#include "tenant_type.h"

/* The tenant column of a table. */
typedef struct TenantColumn
{
	AttrNumber	attnum;
	Oid			column_type;
	TenantType	type;
} TenantColumn;

/* A scan of the index of a key for a row of the parent. */
typedef struct ParentScan
{
	bool		usable;
	uint64		invalidations;	/* guard_invalidations() when it was read */
	Oid			parent;
	Oid			index;
	int			ncolumns;
	ScanKeyData keys[INDEX_MAX_KEYS];	/* in the order of the index; without their arguments */
	int			arguments[INDEX_MAX_KEYS];	/* for each of them, which column of the key it is */
	TenantColumn parent_tenant;
	TenantColumn child_tenant;
} ParentScan;

extern void read_parent_scan(ParentScan *scan, const ForeignKey *key);
extern bool scan_for_parent(const ParentScan *scan, const Datum *values, const Datum *tenant, bool *found, uint64 *ended);

#endif							/* TENANT_GUARD_REFERENCE_SCAN_H */
