/*-------------------------------------------------------------------------
 *
 * shared_memory.c
 *	  The extension's shared memory: one segment, made of parts.
 *
 * In PostgreSQL 15 and 16 the segment is requested when the server starts, so
 * it is there only if shared_preload_libraries lists the library.  From 17 on it
 * is a named segment, which the first backend that needs it makes, however the
 * library was loaded.
 *
 * Nothing may depend on the segment: what a backend cannot put there is lost,
 * and no statement fails for that.  Only functions that show what is there raise
 * an error, which says what is missing.  Its sizes are fixed when the server
 * starts, and nothing is allocated later.
 *
 * After a crash the server makes all shared memory anew, so the segment begins
 * empty.  PostgreSQL releases the LWLocks of a backend that ends otherwise.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "library.h"
#include "refusal.h"
#include "shared_compat.h"
#include "shared_memory.h"

#define MAX_PARTS 8

typedef struct SegmentHeader
{
	int			tranche;
} SegmentHeader;

static SharedPart *parts[MAX_PARTS];
static int	nparts = 0;

/* The segment; NULL if this process is not attached to it. */
static SegmentHeader *segment = NULL;

#ifdef SHARED_MEMORY_IS_NAMED
/* Why attaching to it failed, which is not tried again for each transaction; in TopMemoryContext. */
static char *failure = NULL;
#else
static shmem_request_hook_type prev_shmem_request = NULL;
static shmem_startup_hook_type prev_shmem_startup = NULL;
#endif

/* ----------------------------------------------------------------
 *		The segment
 * ----------------------------------------------------------------
 */

/* Adds a part.  Must be called by _PG_init, in the same order in all processes. */
void
add_shared_part(SharedPart *part)
{
	Assert(nparts < MAX_PARTS && segment == NULL);
	parts[nparts++] = part;
}

static Size
size_of_part(const SharedPart *part)
{
	return CACHELINEALIGN(part->size(part));
}

static Size
size_of_segment(void)
{
	Size		size = CACHELINEALIGN(sizeof(SegmentHeader));

	for (int i = 0; i < nparts; i++)
		size = add_size(size, size_of_part(parts[i]));
	return size;
}

static void
init_segment(INIT_SEGMENT_PARAMETERS)
{
	SegmentHeader *header = memory;
	char	   *start = (char *) memory + CACHELINEALIGN(sizeof(SegmentHeader));

	header->tranche = new_lock_tranche(EXTENSION_NAME);
	for (int i = 0; i < nparts; i++)
	{
		parts[i]->init(parts[i], start, header->tranche);
		start += size_of_part(parts[i]);
	}
}

static void
take_segment(void *memory)
{
	char	   *start = (char *) memory + CACHELINEALIGN(sizeof(SegmentHeader));

	segment = memory;
	name_lock_tranche(segment->tranche, EXTENSION_NAME);
	for (int i = 0; i < nparts; i++)
	{
		parts[i]->memory = start;
		start += size_of_part(parts[i]);
	}
}

bool
shared_memory_is_attached(void)
{
	return segment != NULL;
}

/* ----------------------------------------------------------------
 *		A named segment, from PostgreSQL 17 on
 * ----------------------------------------------------------------
 */

#ifdef SHARED_MEMORY_IS_NAMED

/* Libraries of different versions, or with other sizes, have segments of their own. */
static void
get_segment(void)
{
	Size		size = size_of_segment();
	bool		found;

	take_segment(get_named_segment(psprintf("%s %s %zu", EXTENSION_NAME, library_version(), size), size, init_segment, &found));
}

/* Keeps the reason of an error that the caller has caught. */
static void
note_failure(void)
{
	ErrorData  *error;

	MemoryContextSwitchTo(TopMemoryContext);
	error = CopyErrorData();
	FlushErrorState();
	failure = error->message != NULL ? error->message : pstrdup("unknown error");
}

/*
 * Attaches in a subtransaction, so that an error, such as for a lack of memory,
 * is not one of the statement.  Interrupts are held off, since a cancel is the
 * statement's.
 */
static void
attach_in_subtransaction(void)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		HOLD_INTERRUPTS();
		get_segment();
		RESUME_INTERRUPTS();
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		segment = NULL;
		note_failure();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (failure != NULL)
		ereport(LOG,
				(errmsg("tenant_guard has no shared memory: %s", failure)));
}

/*
 * Attaches this process to the segment.  Returns whether it is attached; raises
 * no error.  A parallel worker cannot begin a subtransaction, and must call this
 * only if its leader was attached.  At the end of a session an error ends only
 * what is left of that.
 */
bool
attach_shared_memory(void)
{
	if (segment != NULL || failure != NULL || !IsUnderPostmaster)
		return segment != NULL;
	if (IsParallelWorker() || proc_exit_inprogress)
		get_segment();
	else if (IsTransactionState() && !IsInParallelMode())
		attach_in_subtransaction();
	return segment != NULL;
}

static const char *
what_is_missing(void)
{
	return failure != NULL ? psprintf("The server could not make it: %s.", failure) : "It can be made neither in single-user mode nor in a parallel query.";
}

static const char *
how_to_get_it(void)
{
	return failure != NULL ? "Give the server more shared memory, or lower tenant_guard.stat_max, and reconnect." : NULL;
}

/* Must be called once, by _PG_init. */
void
init_shared_memory(void)
{
	/* backends make the segment when they need it */
}

#else

/* ----------------------------------------------------------------
 *		A segment that is requested at the start, in PostgreSQL 15 and 16
 * ----------------------------------------------------------------
 */

bool
attach_shared_memory(void)
{
	return segment != NULL;
}

static void
request_segment(void)
{
	if (prev_shmem_request)
		prev_shmem_request();
	RequestAddinShmemSpace(size_of_segment());
}

static void
start_segment(void)
{
	void	   *memory;
	bool		found;

	if (prev_shmem_startup)
		prev_shmem_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	memory = ShmemInitStruct(EXTENSION_NAME, size_of_segment(), &found);
	if (!found)
		init_segment(memory);
	LWLockRelease(AddinShmemInitLock);
	take_segment(memory);
}

static const char *
what_is_missing(void)
{
	return "The server did not load the library when it started.";
}

static const char *
how_to_get_it(void)
{
	return "Add tenant_guard to shared_preload_libraries, and restart the server.";
}

/* Must be called once, by _PG_init. */
void
init_shared_memory(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	prev_shmem_request = shmem_request_hook;
	shmem_request_hook = request_segment;
	prev_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = start_segment;
}

#endif

/*
 * Raises an error if there is no shared memory.  "what" says what is kept there:
 * a plural, translated by nobody, such as "statistics of tenants".
 */
void
require_shared_memory(const char *what)
{
	if (!attach_shared_memory())
		raise_refusal(wrong_state(psprintf("there are no %s, since tenant_guard has no shared memory", what), what_is_missing(), how_to_get_it()));
}

/*
 * Defines a parameter that sets the size of a part.  It can be set in
 * postgresql.conf if the library is preloaded by shared_preload_libraries.
 * Otherwise processes could differ in it, so it cannot be set.
 */
void
define_shared_size(const char *name, const char *description, int *variable, int initial, int min, int max)
{
	DefineCustomIntVariable(name, description, NULL, variable, initial, min, max,
							process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_INTERNAL,
							0, NULL, NULL, NULL);
}
