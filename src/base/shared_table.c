/*-------------------------------------------------------------------------
 *
 * shared_table.c
 *	  Bounded tables in shared memory; the least recently used entry makes room.
 *
 * A table has a fixed number of entries, which are chained by their hash values,
 * and in the order of their last use.  Each operation takes the same time,
 * however full the table is.
 *
 * What a backend counts is pending in its own memory until its transaction has
 * ended, and is added to the table then.  It does not wait for the table's lock,
 * but keeps what it has for the next time if another backend holds the lock.  So
 * one lock for a table suffices: it is held for about a microsecond.  What is
 * pending at the end of the session is added as well.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "common/hashfn.h"
#include "port/pg_bitutils.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "shared_table.h"

/* Entries are numbered; the segment is mapped at another address in each process. */
#define NO_ENTRY (-1)

typedef struct TableHeader
{
	LWLock		lock;
	int			used;			/* entries 0 to used - 1 have been in use since the table was emptied */
	int			unused;			/* the first of those that were removed, chained by "next" */
	int			newest;			/* the most recently used entry, and the least recently used one */
	int			oldest;
	uint64		evicted;
	TimestampTz emptied_at;
	int			buckets[FLEXIBLE_ARRAY_MEMBER];
} TableHeader;

#define MAX_TABLES 4

static SharedTable *tables[MAX_TABLES];
static int	ntables = 0;

/* Followed by key and value. */
typedef struct Entry
{
	uint32		hash;
	int			next;			/* in the bucket */
	int			newer;
	int			older;
} Entry;

/* ----------------------------------------------------------------
 *		Layout
 * ----------------------------------------------------------------
 */

static int
count_of_buckets(const SharedTable *table)
{
	return pg_nextpower2_32(*table->max_entries);
}

static Size
size_of_header(const SharedTable *table)
{
	return MAXALIGN(add_size(offsetof(TableHeader, buckets), mul_size(count_of_buckets(table), sizeof(int))));
}

static Size
size_of_entry(const SharedTable *table)
{
	return MAXALIGN(sizeof(Entry)) + MAXALIGN(table->key_size) + MAXALIGN(table->value_size);
}

static Size
size_of_table(const SharedPart *part)
{
	const SharedTable *table = (const SharedTable *) part;

	return add_size(size_of_header(table), mul_size(*table->max_entries, size_of_entry(table)));
}

static TableHeader *
header_of(const SharedTable *table)
{
	Assert(table->part.memory != NULL);
	return table->part.memory;
}

static Entry *
nth_entry(const SharedTable *table, int n)
{
	Assert(n >= 0 && n < *table->max_entries);
	return (Entry *) ((char *) table->part.memory + size_of_header(table) + n * size_of_entry(table));
}

static void *
key_of(Entry *entry)
{
	return (char *) entry + MAXALIGN(sizeof(Entry));
}

static void *
value_of(const SharedTable *table, Entry *entry)
{
	return (char *) key_of(entry) + MAXALIGN(table->key_size);
}

/* Must be called with the lock held, or before others see the table. */
static void
make_empty(const SharedTable *table, TableHeader *header)
{
	header->used = 0;
	header->unused = header->newest = header->oldest = NO_ENTRY;
	header->evicted = 0;
	header->emptied_at = GetCurrentTimestamp();
	for (int i = 0; i < count_of_buckets(table); i++)
		header->buckets[i] = NO_ENTRY;
}

static void
init_table(const SharedPart *part, void *memory, int tranche)
{
	TableHeader *header = memory;

	LWLockInitialize(&header->lock, tranche);
	make_empty((const SharedTable *) part, header);
}

/* Adds a table.  Must be called by _PG_init, after its setting was defined. */
void
add_shared_table(SharedTable *table)
{
	Assert(ntables < MAX_TABLES && table->max_pending > 0 && *table->max_entries > 0);
	tables[ntables++] = table;
	table->part.size = size_of_table;
	table->part.init = init_table;
	add_shared_part(&table->part);
}

/* ----------------------------------------------------------------
 *		Chains
 * ----------------------------------------------------------------
 */

static int *
bucket_of(const SharedTable *table, uint32 hash)
{
	return &header_of(table)->buckets[hash & (count_of_buckets(table) - 1)];
}

static int
find_entry(const SharedTable *table, const void *key, uint32 hash)
{
	int			n = *bucket_of(table, hash);

	while (n != NO_ENTRY)
	{
		Entry	   *entry = nth_entry(table, n);

		if (entry->hash == hash && memcmp(key_of(entry), key, table->key_size) == 0)
			return n;
		n = entry->next;
	}
	return NO_ENTRY;
}

/* Makes an entry the most recently used one. */
static void
chain_as_newest(const SharedTable *table, int n)
{
	TableHeader *header = header_of(table);
	Entry	   *entry = nth_entry(table, n);

	entry->newer = NO_ENTRY;
	entry->older = header->newest;
	if (header->newest != NO_ENTRY)
		nth_entry(table, header->newest)->newer = n;
	else
		header->oldest = n;
	header->newest = n;
}

static void
unchain_by_use(const SharedTable *table, int n)
{
	TableHeader *header = header_of(table);
	Entry	   *entry = nth_entry(table, n);

	*(entry->newer != NO_ENTRY ? &nth_entry(table, entry->newer)->older : &header->newest) = entry->older;
	*(entry->older != NO_ENTRY ? &nth_entry(table, entry->older)->newer : &header->oldest) = entry->newer;
}

/* Takes an entry out of the table, so that it can be used for another key. */
static void
take_out(const SharedTable *table, int n)
{
	Entry	   *entry = nth_entry(table, n);
	int		   *link = bucket_of(table, entry->hash);

	while (*link != n)
		link = &nth_entry(table, *link)->next;
	*link = entry->next;
	unchain_by_use(table, n);
}

/* Returns an entry that is in no chain. */
static int
free_entry(const SharedTable *table)
{
	TableHeader *header = header_of(table);
	int			n = header->unused;

	if (n != NO_ENTRY)
		header->unused = nth_entry(table, n)->next;
	else if (header->used < *table->max_entries)
		n = header->used++;
	else
	{
		n = header->oldest;
		take_out(table, n);
		header->evicted++;
	}
	return n;
}

static int
make_entry(const SharedTable *table, const void *key, uint32 hash)
{
	int			n = free_entry(table);
	Entry	   *entry = nth_entry(table, n);
	int		   *bucket = bucket_of(table, hash);

	entry->hash = hash;
	memcpy(key_of(entry), key, table->key_size);
	memset(value_of(table, entry), 0, table->value_size);
	entry->next = *bucket;
	*bucket = n;
	return n;
}

static uint32
hash_of(const SharedTable *table, const void *key)
{
	return hash_bytes(key, table->key_size);
}

/* ----------------------------------------------------------------
 *		Counting
 * ----------------------------------------------------------------
 */

/*
 * Returns the value of a key, which is now the most recently used one.  If it was
 * not in the table it is added, with a value of zeros, and *found is false; the
 * least recently used one makes room, if necessary.
 */
static void *
use_entry(SharedTable *table, const void *key, bool *found)
{
	uint32		hash = hash_of(table, key);
	int			n = find_entry(table, key, hash);

	Assert(LWLockHeldByMeInMode(&header_of(table)->lock, LW_EXCLUSIVE));
	*found = n != NO_ENTRY;
	if (!*found)
		n = make_entry(table, key, hash);
	else
		unchain_by_use(table, n);
	chain_as_newest(table, n);
	return value_of(table, nth_entry(table, n));
}

static Size
size_of_pending(const SharedTable *table)
{
	return MAXALIGN(table->key_size) + MAXALIGN(table->value_size);
}

static char *
nth_pending(const SharedTable *table, int n)
{
	return table->pending + n * size_of_pending(table);
}

static bool
lock_table(SharedTable *table, bool wait)
{
	if (!wait)
		return LWLockConditionalAcquire(&header_of(table)->lock, LW_EXCLUSIVE);
	LWLockAcquire(&header_of(table)->lock, LW_EXCLUSIVE);
	return true;
}

/* Adds what is pending to the table.  Without "wait" it stays pending if another backend uses the table. */
static void
flush_pending(SharedTable *table, bool wait)
{
	if (table->npending == 0 || !shared_memory_is_attached() || !lock_table(table, wait))
		return;
	for (int i = 0; i < table->npending; i++)
	{
		char	   *key = nth_pending(table, i);
		bool		found;
		void	   *value = use_entry(table, key, &found);

		table->add(value, key + MAXALIGN(table->key_size), !found);
	}
	LWLockRelease(&header_of(table)->lock);
	table->npending = 0;
}

static void
flush_all(bool wait)
{
	for (int i = 0; i < ntables; i++)
		flush_pending(tables[i], wait);
}

static void
flush_at_end(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_PRE_COMMIT && event != XACT_EVENT_PARALLEL_PRE_COMMIT && event != XACT_EVENT_PRE_PREPARE)
		flush_all(false);
}

/*
 * At the end of the session its open transaction, if any, is rolled back first,
 * and counted.  PostgreSQL would do that later, when no callback of ours could be
 * called any more.
 */
static void
end_session(int code, Datum arg)
{
	bool		is_pending = false;

	AbortOutOfAnyTransaction();
	for (int i = 0; i < ntables; i++)
		is_pending |= tables[i]->npending > 0;
	if (is_pending && !IsParallelWorker())
		(void) attach_shared_memory();
	flush_all(true);
}

/* Must be called once, by _PG_init, before callbacks are registered that count something at the end of transactions: it comes last. */
void
init_shared_tables(void)
{
	RegisterXactCallback(flush_at_end, NULL);
}

/* Must be called where memory can be allocated, and before something is counted where that must not fail. */
void
reserve_pending(SharedTable *table)
{
	static bool registered = false;

	if (table->pending == NULL)
		table->pending = MemoryContextAlloc(TopMemoryContext, table->max_pending * size_of_pending(table));
	if (!registered)
		before_shmem_exit(end_session, (Datum) 0);
	registered = true;
}

/*
 * Returns what this backend has counted for a key and not yet added to the table:
 * zeros at first.  The caller adds to that.
 */
void *
pending_value(SharedTable *table, const void *key)
{
	char	   *item;

	reserve_pending(table);
	for (int i = 0; i < table->npending; i++)
		if (memcmp(nth_pending(table, i), key, table->key_size) == 0)
			return nth_pending(table, i) + MAXALIGN(table->key_size);
	if (table->npending == table->max_pending)
		flush_pending(table, true);
	if (table->npending == table->max_pending)
		table->npending = 0;	/* there is no shared memory */
	item = nth_pending(table, table->npending++);
	memset(item, 0, size_of_pending(table));
	memcpy(item, key, table->key_size);
	return item + MAXALIGN(table->key_size);
}

/* ----------------------------------------------------------------
 *		Looking and removing
 * ----------------------------------------------------------------
 */

/* Removes a key.  Returns false if it is not in the table. */
bool
remove_shared_entry(SharedTable *table, const void *key)
{
	TableHeader *header = header_of(table);
	int			n;

	LWLockAcquire(&header->lock, LW_EXCLUSIVE);
	n = find_entry(table, key, hash_of(table, key));
	if (n != NO_ENTRY)
	{
		take_out(table, n);
		nth_entry(table, n)->next = header->unused;
		header->unused = n;
	}
	LWLockRelease(&header->lock);
	return n != NO_ENTRY;
}

/* Removes all keys, and sets the number of evicted ones to 0. */
void
empty_shared_table(SharedTable *table)
{
	LWLockAcquire(&header_of(table)->lock, LW_EXCLUSIVE);
	make_empty(table, header_of(table));
	LWLockRelease(&header_of(table)->lock);
}

/* How many entries can be in use now?  At least as many as are. */
static int
entries_in_use(SharedTable *table)
{
	int			used;

	LWLockAcquire(&header_of(table)->lock, LW_SHARED);
	used = header_of(table)->used;
	LWLockRelease(&header_of(table)->lock);
	return used;
}

/* Returns a copy of all entries, the most recently used one first.  Those that are added meanwhile may be missing. */
SharedCopy
copy_shared_table(SharedTable *table)
{
	TableHeader *header = header_of(table);
	SharedCopy	copy = {0, MAXALIGN(table->key_size), size_of_pending(table), NULL};
	int			room = entries_in_use(table);

	/* memory is allocated without the lock */
	copy.entries = MemoryContextAllocHuge(CurrentMemoryContext, Max(mul_size(room, copy.entry_size), 1));
	LWLockAcquire(&header->lock, LW_SHARED);
	for (int n = header->newest; n != NO_ENTRY && copy.count < room; n = nth_entry(table, n)->older)
		memcpy(copy.entries + copy.count++ * copy.entry_size, key_of(nth_entry(table, n)), copy.entry_size);
	LWLockRelease(&header->lock);
	return copy;
}

/* Copies the value of a key, and leaves the order of use as it is.  Returns false if it is not in the table. */
bool
copy_shared_entry(SharedTable *table, const void *key, void *value)
{
	TableHeader *header = header_of(table);
	int			n;

	LWLockAcquire(&header->lock, LW_SHARED);
	n = find_entry(table, key, hash_of(table, key));
	if (n != NO_ENTRY)
		memcpy(value, value_of(table, nth_entry(table, n)), table->value_size);
	LWLockRelease(&header->lock);
	return n != NO_ENTRY;
}

/* How many entries have made room for others, and when was the table emptied? */
void
shared_table_info(SharedTable *table, uint64 *evicted, TimestampTz *emptied_at)
{
	TableHeader *header = header_of(table);

	LWLockAcquire(&header->lock, LW_SHARED);
	*evicted = header->evicted;
	*emptied_at = header->emptied_at;
	LWLockRelease(&header->lock);
}
