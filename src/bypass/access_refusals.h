/*-------------------------------------------------------------------------
 *
 * access_refusals.h
 *	  Refusals of access to a guarded table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_ACCESS_REFUSALS_H
#define TENANT_GUARD_ACCESS_REFUSALS_H

#include "refusal.h"

extern Refusal bypass_by_role(const char *relation, const char *role);
extern Refusal bypass_by_toast(const char *relation);
extern Refusal bypass_by_view(const char *relation, const char *view, const char *owner);
extern Refusal bypass_by_rule(const char *relation, const char *owner);
extern Refusal bypass_by_function(const char *relation, const char *owner);
extern Refusal damaged_guard(const char *relation, const char *damage);
extern Refusal materializes_rows(const char *relation);
extern Refusal holds_rows(const char *relation);
extern Refusal detaches_unseen(const char *relation);
extern Refusal truncates_table(const char *relation);
extern Refusal shadows_table(const char *name, const char *relation);
extern Refusal prepares_transaction(void);

#endif							/* TENANT_GUARD_ACCESS_REFUSALS_H */
