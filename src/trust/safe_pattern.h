/*-------------------------------------------------------------------------
 *
 * safe_pattern.h
 *	  Patterns that cannot fail, whatever they are matched with.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_SAFE_PATTERN_H
#define TENANT_GUARD_SAFE_PATTERN_H

#include "nodes/primnodes.h"

#include "trusted_function.h"

extern bool letters_have_cases(void);
extern bool collation_never_warns(Oid collation);
extern bool pattern_is_safe(TrustCondition condition, const Const *pattern, Oid collation);

#endif							/* TENANT_GUARD_SAFE_PATTERN_H */
