/*-------------------------------------------------------------------------
 *
 * refused_row.h
 *	  The error for a row that violates the policy.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_REFUSED_ROW_H
#define TENANT_GUARD_REFUSED_ROW_H

#include "compat.h"

extern void explain_refused_row(MemoryContext context);
pg_noreturn extern void refuse_row(Oid relid);

#endif							/* TENANT_GUARD_REFUSED_ROW_H */
