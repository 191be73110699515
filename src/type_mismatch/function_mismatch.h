/*-------------------------------------------------------------------------
 *
 * function_mismatch.h
 *	  Finds comparisons of a tenant as text in the bodies of functions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_FUNCTION_MISMATCH_H
#define TENANT_GUARD_FUNCTION_MISMATCH_H

#include "nodes/pg_list.h"

extern bool is_collecting_mismatches(void);
extern void collect_mismatches(List *found);
extern void check_called_by_parser(Oid funcid);
extern void function_failed_in_parser(void);
extern void check_run_by_parser(void);
extern List *mismatches_in_function(Oid funcid, bool parse);

#endif							/* TENANT_GUARD_FUNCTION_MISMATCH_H */
