/*-------------------------------------------------------------------------
 *
 * filter_check.h
 *	  Whether the filters of a query may be evaluated for every tenant's rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_FILTER_CHECK_H
#define TENANT_GUARD_FILTER_CHECK_H

#include "nodes/params.h"
#include "nodes/parsenodes.h"

typedef struct FilterVerdict
{
	const char *reason;			/* why the filters are not trusted; NULL if they are */
	bool		unfolded;		/* they may be trusted after fold_query() */
	List	   *queries;		/* the Queries that were checked; all of them if the filters are trusted */
} FilterVerdict;

extern FilterVerdict check_filters(Query *query, ParamListInfo params);

#endif							/* TENANT_GUARD_FILTER_CHECK_H */
