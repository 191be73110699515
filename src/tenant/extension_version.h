/*-------------------------------------------------------------------------
 *
 * extension_version.h
 *	  Whether the library works with the objects that the extension has in this
 *	  database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_EXTENSION_VERSION_H
#define TENANT_GUARD_EXTENSION_VERSION_H

extern void init_extension_version(void);
extern bool library_fits(void);
extern void check_library_fits(void);
extern void check_library_fits_update(void);

#endif							/* TENANT_GUARD_EXTENSION_VERSION_H */
