/*-------------------------------------------------------------------------
 *
 * query_mismatch.h
 *	  Reports the comparisons of an analyzed query that compare a tenant as text.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_QUERY_MISMATCH_H
#define TENANT_GUARD_QUERY_MISMATCH_H

#include "nodes/parsenodes.h"
#include "parser/parse_node.h"

extern void check_comparisons_of(const Query *query, ParseState *pstate);

#endif							/* TENANT_GUARD_QUERY_MISMATCH_H */
