/*-------------------------------------------------------------------------
 *
 * tenant_rows.h
 *	  How many rows of a table the tenant has, and which access paths read only those.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TENANT_ROWS_H
#define TENANT_GUARD_TENANT_ROWS_H

#include "nodes/pathnodes.h"

#include "tenant_share.h"

/* What is known of the tenant's rows in a table, or in a partition or child that is read as a part of one */
typedef struct TenantRows
{
	AttrNumber	attnum;			/* the tenant column */
	double		total;			/* rows of all tenants */
	double		rows;			/* of the tenant */
	ShareKey	whole;			/* the table in FROM, which a cached plan depends on */
	double		share;			/* of the tenant in that; -1 if it is not known */
} TenantRows;

extern bool has_paths_to_choose(const RelOptInfo *rel, const RangeTblEntry *rte);
extern RelOptInfo *table_of_entry(const PlannerInfo *root, const RangeTblEntry *rte);
extern bool find_tenant_rows(const PlannerInfo *root, const RelOptInfo *rel, TenantRows *found);
extern void note_kind(const PlannerInfo *root, const TenantRows *tenant, double limit);
extern bool has_column_order(const IndexOptInfo *index);
extern bool has_index_of_tenant(const RelOptInfo *rel, AttrNumber attnum);
extern bool begins_with_tenant(const Path *path, AttrNumber attnum);
extern void make_paths(PlannerInfo *root, RelOptInfo *rel, List *indexes);

#endif							/* TENANT_GUARD_TENANT_ROWS_H */
