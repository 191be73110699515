/*-------------------------------------------------------------------------
 *
 * shared_table.h
 *	  Bounded tables in shared memory; the least recently used entry makes room.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_SHARED_TABLE_H
#define TENANT_GUARD_SHARED_TABLE_H

#include "datatype/timestamp.h"

#include "shared_memory.h"

/*
 * A table; a static variable of the module that uses it.  Keys are compared and
 * hashed as bytes, so padding must be zero.
 */
typedef struct SharedTable
{
	SharedPart	part;			/* must be first */
	Size		key_size;
	Size		value_size;
	const int  *max_entries;	/* a setting that define_shared_size has defined */

	/*
	 * Adds what a backend has counted, which has the form of a value, to the value of the same key.  "is_new": that has been added to the table just
	 * now, and is zero.  Must neither raise an error nor take a lock.
	 */
	void		(*add) (void *value, const void *counted, bool is_new);
	/* for how many keys a backend can have counts that are not yet in the table */
	int			max_pending;

	/* private to shared_table.c */
	char	   *pending;
	int			npending;
} SharedTable;

/* A copy of a table's entries, palloc'd. */
typedef struct SharedCopy
{
	int			count;
	Size		key_space;		/* distance between an entry's key and its value */
	Size		entry_size;
	char	   *entries;
} SharedCopy;

#define copied_key(copy, n) ((const void *) ((copy)->entries + (n) * (copy)->entry_size))
#define copied_value(copy, n) ((const void *) ((copy)->entries + (n) * (copy)->entry_size + (copy)->key_space))

extern void init_shared_tables(void);
extern void add_shared_table(SharedTable *table);

/* Counting in this backend */
extern void reserve_pending(SharedTable *table);
extern void *pending_value(SharedTable *table, const void *key);

/* The table in shared memory, to which this process must be attached */
extern bool remove_shared_entry(SharedTable *table, const void *key);
extern void empty_shared_table(SharedTable *table);
extern SharedCopy copy_shared_table(SharedTable *table);
extern bool copy_shared_entry(SharedTable *table, const void *key, void *value);
extern void shared_table_info(SharedTable *table, uint64 *evicted, TimestampTz *emptied_at);

#endif							/* TENANT_GUARD_SHARED_TABLE_H */
