/*-------------------------------------------------------------------------
 *
 * filter_check.h
 *	  May the filters of a query be trusted with every tenant's rows?
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_FILTER_CHECK_H
#define TENANT_GUARD_FILTER_CHECK_H

#include "nodes/params.h"
#include "nodes/parsenodes.h"

typedef struct Filters
{
	const char *objection;		/* why they may not, or NULL */
	bool		unfolded;		/* they might, were the query's constants folded */
	List	   *queries;		/* the query and those in it whose filters were examined */
} Filters;

extern Filters check_filters(Query *query, ParamListInfo params);

#endif							/* TENANT_GUARD_FILTER_CHECK_H */
