/*-------------------------------------------------------------------------
 *
 * guc_compat.h
 *	  What differs between the supported servers in guc.c's records; a part of
 *	  compat.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_GUC_COMPAT_H
#define TENANT_GUARD_GUC_COMPAT_H

#include "utils/guc.h"
#include "utils/guc_tables.h"

/*
 * Returns the record of a GUC, or NULL.  15 does not export find_option(), but
 * get_guc_variables().
 */
static inline struct config_generic *
find_guc(const char *name)
{
#if PG_VERSION_NUM >= 160000
	return find_option(name, false, true, WARNING);
#else
	struct config_generic **vars = get_guc_variables();
	int			n = GetNumConfigOptions();

	for (int i = 0; i < n; i++)
		if (pg_strcasecmp(vars[i]->name, name) == 0)
			return vars[i];
	return NULL;
#endif
}

/* Returns the value of a string parameter to which RESET goes back; guc.c owns it.  Until 18 each type has a struct that begins with the generic one. */
static inline const char *
guc_reset_string(const struct config_generic *record)
{
#if PG_VERSION_NUM >= 190000
	return record->_string.reset_val;
#else
	return ((const struct config_string *) record)->reset_val;
#endif
}

#endif							/* TENANT_GUARD_GUC_COMPAT_H */
