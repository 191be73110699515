/*-------------------------------------------------------------------------
 *
 * guard_report.h
 *	  Guards one table of many in a subtransaction, or takes its guard off, and
 *	  reports what came of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_GUARD_REPORT_H
#define TENANT_GUARD_GUARD_REPORT_H

#include "fmgr.h"
#include "nodes/pg_list.h"

/* One row of the report. */
typedef struct Report
{
	Oid			relid;
	const char *status;
	const char *detail;
	bool		changed;		/* by this call */
	int			sqlerrcode;		/* why it was refused, or 0 */
	Oid			key;			/* of a try of one foreign key */
	bool		replace_policies;	/* as protect() is told */
} Report;

/* What came of the keys from one table. */
typedef struct KeyReport
{
	int			paired;			/* keys that carry the tenant now */
	int			companions;		/* keys that have a companion now, which does */
	int			left;			/* keys that do not carry the tenant */
	ErrorData  *error;			/* palloc'd, or NULL */
} KeyReport;

extern List *tables_with_column(Oid schema, const char *column);
extern List *guarded_tables(Oid schema);
extern Oid	schema_argument(FunctionCallInfo fcinfo);
extern char *arguments_of_call(Oid schema, const char *column, bool replace_policies);
extern void guard_and_report(Report *report, const char *column);
extern void unguard_and_report(Report *report, const char *reason);
extern KeyReport try_keys(Oid relid);
extern char *describe_keys(const KeyReport *report);
extern void warn_of_keys(Oid relid, const ErrorData *error);
extern void note_progress(int done, int tables, Oid schema);

#endif							/* TENANT_GUARD_GUARD_REPORT_H */
