/*-------------------------------------------------------------------------
 *
 * protect.h
 *	  Guards one table by protect() or protect_schema().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_PROTECT_H
#define TENANT_GUARD_PROTECT_H

extern const char *column_for(Oid relid, const char *wanted);
extern bool protect_table(Oid relid, const char *column);
extern Oid	guarded_ancestor(Oid relid, List *except);
extern void note_bound_owner(Oid relid);

#endif							/* TENANT_GUARD_PROTECT_H */
