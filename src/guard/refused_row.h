/*-------------------------------------------------------------------------
 *
 * refused_row.h
 *	  Says of a row that the policy's check refused why that is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_REFUSED_ROW_H
#define TENANT_GUARD_REFUSED_ROW_H

extern void explain_refused_row(MemoryContext context);

#endif							/* TENANT_GUARD_REFUSED_ROW_H */
