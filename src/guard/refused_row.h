/*-------------------------------------------------------------------------
 *
 * refused_row.h
 *	  Adds a hint to the error for a row that violates the policy.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_REFUSED_ROW_H
#define TENANT_GUARD_REFUSED_ROW_H

extern void explain_refused_row(MemoryContext context);

#endif							/* TENANT_GUARD_REFUSED_ROW_H */
