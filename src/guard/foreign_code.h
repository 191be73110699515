/*-------------------------------------------------------------------------
 *
 * foreign_code.h
 *	  Finds functions of ordinary roles that a superuser's table would call.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_FOREIGN_CODE_H
#define TENANT_GUARD_FOREIGN_CODE_H

extern Oid	function_of_stranger(Oid relid);
extern void check_no_foreign_code(Oid relid);

#endif							/* TENANT_GUARD_FOREIGN_CODE_H */
