/*
 * library.h: what this library is, and how the session came by it.
 */
#ifndef TENANT_GUARD_LIBRARY_H
#define TENANT_GUARD_LIBRARY_H

extern void init_library(void);

#endif
