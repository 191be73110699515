/*-------------------------------------------------------------------------
 *
 * access_refusals.h
 *	  Refusals of access to a guarded table.
 *
 * "relid" is the table.  What a refusal names by its OID must exist.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_ACCESS_REFUSALS_H
#define TENANT_GUARD_ACCESS_REFUSALS_H

#include "refusal.h"

extern Refusal bypass_by_role(Oid relid, Oid role);
extern Refusal bypass_by_toast(Oid relid);
extern Refusal bypass_by_view(Oid relid, Oid view, Oid owner);
extern Refusal bypass_by_rule(Oid relid, Oid owner);
extern Refusal bypass_by_function(Oid relid, Oid owner, Oid funcid);
extern Refusal damaged_guard(Oid relid, const char *damage);
extern Refusal materializes_rows(Oid relid);
extern Refusal holds_rows(Oid relid);
extern Refusal detaches_unseen(Oid relid);
extern Refusal truncates_table(Oid relid, bool has_tenant);
extern Refusal shadows_table(Oid temporary, Oid relid);
extern Refusal prepares_transaction(void);
extern Refusal fires_trigger_as_other(Oid relid, const char *trigger, Oid role);

#endif							/* TENANT_GUARD_ACCESS_REFUSALS_H */
