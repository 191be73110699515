/*-------------------------------------------------------------------------
 *
 * shared_compat.h
 *	  What differs between the supported servers in shared memory; a part of compat.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_SHARED_COMPAT_H
#define TENANT_GUARD_SHARED_COMPAT_H

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"

/*
 * From 17 on a backend can make a named segment at any time.  Until then shared
 * memory must be requested while shared_preload_libraries are loaded.
 */
#if PG_VERSION_NUM >= 170000
#include "storage/dsm_registry.h"

#define SHARED_MEMORY_IS_NAMED

#if PG_VERSION_NUM >= 190000
#define INIT_SEGMENT_PARAMETERS void *memory, void *arg
#define get_named_segment(name, size, init, found) GetNamedDSMSegment(name, size, init, found, NULL)
#else
#define INIT_SEGMENT_PARAMETERS void *memory
#define get_named_segment(name, size, init, found) GetNamedDSMSegment(name, size, init, found)
#endif
#else
#define INIT_SEGMENT_PARAMETERS void *memory
#endif

/* Makes a tranche of locks.  From 19 on its name is known to all backends; until then each must register it. */
static inline int
new_lock_tranche(const char *name)
{
#if PG_VERSION_NUM >= 190000
	return LWLockNewTrancheId(name);
#else
	return LWLockNewTrancheId();
#endif
}

static inline void
name_lock_tranche(int tranche, const char *name)
{
#if PG_VERSION_NUM < 190000
	LWLockRegisterTranche(tranche, name);
#endif
}

/* The number of this backend's PGPROC; below MaxBackends, but in auxiliary processes. */
static inline int
my_proc_number(void)
{
#if PG_VERSION_NUM >= 170000
	return MyProcNumber;
#else
	return MyProc->pgprocno;
#endif
}

#endif							/* TENANT_GUARD_SHARED_COMPAT_H */
