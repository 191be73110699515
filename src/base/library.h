/*
 * library.h: the library's version, and how the session loaded it.
 */
#ifndef TENANT_GUARD_LIBRARY_H
#define TENANT_GUARD_LIBRARY_H

#include "fmgr.h"

/* The extension, its schema, its label provider, the prefix of its settings, and the library's file */
#define EXTENSION_NAME "tenant_guard"

/* the schema of what is not to be called by hand; the rest is in one of the extension's name */
#define INTERNAL_SCHEMA		"tenant_guard_internal"

extern void init_library(void);
extern const char *library_version(void);
extern bool server_preloads_library(void);
extern bool library_came_late(void);
extern bool library_was_just_loaded(void);
extern bool guard_brought_library(void);
extern void note_hook_call(void);
extern void note_guard_lookup(void);

/* PG_FUNCTION_INFO_V1 for a function that policies call: PostgreSQL calls pg_finfo_... when it looks the function up. */
#define GUARD_FUNCTION_INFO_V1(function) \
extern PGDLLEXPORT Datum function(PG_FUNCTION_ARGS); \
extern PGDLLEXPORT const Pg_finfo_record *pg_finfo_##function(void); \
const Pg_finfo_record * \
pg_finfo_##function(void) \
{ \
	static const Pg_finfo_record info = {1}; \
	note_guard_lookup(); \
	return &info; \
} \
extern int no_such_variable

#endif
