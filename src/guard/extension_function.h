/*-------------------------------------------------------------------------
 *
 * extension_function.h
 *	  Recognises this extension's own functions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_EXTENSION_FUNCTION_H
#define TENANT_GUARD_EXTENSION_FUNCTION_H

#include "tenant_type.h"

typedef enum ExtensionFunction
{
	EXTENSION_NONE,				/* not a function of this extension */
	EXTENSION_GETTER,			/* current_tenant(), current_tenant_bigint(), current_tenant_text() */
	EXTENSION_GUARDED,			/* guarded(), which is always true */
	EXTENSION_KEY_CHECK,		/* check_key_action(), check_tenant_kept(), in plans of foreign keys' actions */
	EXTENSION_COPY,				/* check_copied_tenant(), run_copy(), of COPY FROM into guarded tables */
	EXTENSION_REFERENCE_CHECK,	/* check_reference(), the trigger of tables that reference rows of everyone */
	EXTENSION_REFERENCED_CHECK, /* check_referenced(), the trigger of tables with rows of everyone */
	EXTENSION_OTHER				/* any other one without arguments */
} ExtensionFunction;

extern void init_extension_functions(void);
extern ExtensionFunction extension_function(Oid funcid);
extern Oid	internal_function(char *name, int nargs, Oid *types, ExtensionFunction which);
extern Oid	getter_function(TenantType type);

#endif							/* TENANT_GUARD_EXTENSION_FUNCTION_H */
