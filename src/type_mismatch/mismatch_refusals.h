/*-------------------------------------------------------------------------
 *
 * mismatch_refusals.h
 *	  Refusals of queries and of stored expressions that compare a tenant as
 *	  text.
 *
 * "relid" and "attnum" are the tenant column.  The table must exist.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_MISMATCH_REFUSALS_H
#define TENANT_GUARD_MISMATCH_REFUSALS_H

#include "access/attnum.h"

#include "refusal.h"

extern Refusal compared_as_text(Oid relid, AttrNumber attnum, Oid type, Oid text_type,
								const char *rewritten, bool pattern, const char *via);
extern Refusal indexed_as_text(const char *object, Oid relid, AttrNumber attnum, Oid type, Oid text_type);
extern Refusal held_as_text(const char *object, Oid relid, AttrNumber attnum, Oid type, Oid text_type);
extern Refusal body_not_parsed(Oid function, const char *culprit);

#endif							/* TENANT_GUARD_MISMATCH_REFUSALS_H */
