/*-------------------------------------------------------------------------
 *
 * guard_report.h
 *	  Guards one table of many in a subtransaction, and reports what came of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_GUARD_REPORT_H
#define TENANT_GUARD_GUARD_REPORT_H

#include "nodes/pg_list.h"

/* One row of the report. */
typedef struct Report
{
	Oid			relid;
	const char *status;
	const char *detail;
	bool		changed;		/* the table is guarded by this call */
	int			sqlerrcode;		/* why it was refused, or 0 */
} Report;

extern List *tables_with_column(Oid schema, const char *column);
extern void guard_and_report(Report *report, const char *column);
extern ErrorData *try_keys(Oid relid);
extern void warn_of_keys(Oid relid, const ErrorData *error);
extern void note_progress(int done, int tables, Oid schema);

#endif							/* TENANT_GUARD_GUARD_REPORT_H */
