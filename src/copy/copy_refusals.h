/*-------------------------------------------------------------------------
 *
 * copy_refusals.h
 *	  Refusals of COPY FROM into guarded tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_COPY_REFUSALS_H
#define TENANT_GUARD_COPY_REFUSALS_H

#include "refusal.h"

extern Refusal triggers_changed(Oid relid);
extern Refusal table_was_renamed(Oid relid);
extern Refusal copy_called_by_hand(void);

#endif							/* TENANT_GUARD_COPY_REFUSALS_H */
