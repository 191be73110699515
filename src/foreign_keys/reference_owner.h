/*-------------------------------------------------------------------------
 *
 * reference_owner.h
 *	  Who may make foreign keys to a guarded table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_REFERENCE_OWNER_H
#define TENANT_GUARD_REFERENCE_OWNER_H

#include "nodes/pg_list.h"

extern void check_functions_of_reference(Oid constraint);
extern void check_functions_of_cast(Oid castid);
extern void check_functions_of_new_owner(Oid relid);
extern void check_functions_of_first_guards(List *guarded);
extern void check_new_references(Oid relid);
extern void check_references_kept(Oid relid);

#endif							/* TENANT_GUARD_REFERENCE_OWNER_H */
