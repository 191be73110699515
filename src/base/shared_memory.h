/*-------------------------------------------------------------------------
 *
 * shared_memory.h
 *	  The extension's shared memory: one segment, made of parts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_SHARED_MEMORY_H
#define TENANT_GUARD_SHARED_MEMORY_H

#include "compat.h"

/*
 * A part of the segment; a static variable of the module that uses it.  The size
 * must be the same in all processes of the server.  "init" is called once after
 * each start of the server, and must initialize all that is read; "tranche" is
 * that of the part's LWLocks.
 */
typedef struct SharedPart
{
	Size		(*size) (const struct SharedPart *part);
	void		(*init) (const struct SharedPart *part, void *memory, int tranche);
	void	   *memory;			/* NULL until this process is attached to the segment */
} SharedPart;

extern void add_shared_part(SharedPart *part);
extern void define_shared_size(const char *name, const char *description, int *variable, int initial, int min, int max);
extern void init_shared_memory(void);

extern bool shared_memory_is_attached(void);
extern bool attach_shared_memory(void);
extern void require_shared_memory(const char *what);

#endif							/* TENANT_GUARD_SHARED_MEMORY_H */
