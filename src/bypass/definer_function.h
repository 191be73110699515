/*
 * definer_function.h: the SECURITY DEFINER functions that are running.
 */
#ifndef TENANT_GUARD_DEFINER_FUNCTION_H
#define TENANT_GUARD_DEFINER_FUNCTION_H

extern void function_begins(Oid funcid);
extern void function_ends(void);
extern Oid	definer_function_of(Oid role);

#endif							/* TENANT_GUARD_DEFINER_FUNCTION_H */
