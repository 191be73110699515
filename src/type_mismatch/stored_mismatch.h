/*-------------------------------------------------------------------------
 *
 * stored_mismatch.h
 *	  Finds comparisons of a tenant as text in expressions stored in the catalogs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_STORED_MISMATCH_H
#define TENANT_GUARD_STORED_MISMATCH_H

#include "tcop/deparse_utility.h"

extern List *mismatches_in_object(Oid catalog, Oid object);
extern List *mismatches_in_command(const CollectedCommand *cmd);

#endif							/* TENANT_GUARD_STORED_MISMATCH_H */
