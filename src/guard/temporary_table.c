/*-------------------------------------------------------------------------
 *
 * temporary_table.c
 *	  Remembers to which tenant this session's temporary tables belong.
 *
 * A temporary table outlives its transaction, and in a pooled session the next
 * transaction is another tenant's.  Since rows can come from a variable or the
 * client, any table that is written while a tenant is set belongs to that tenant.
 * When a transaction of another tenant, or of none, uses the table and finds it
 * empty, it belongs to no tenant any more; so TRUNCATE, DELETE and ON COMMIT
 * DELETE ROWS need no code here.
 *
 * Tables with ON COMMIT DROP, and those with the label 'shared', belong to no
 * tenant.  In a guarded table each row has a tenant: queries of all tenants can
 * use it, and statements that read all rows of the table are allowed while it has
 * no rows of another tenant.
 *
 * Invariants: when a (sub)transaction is rolled back, what it changed here is
 * undone, as its rows are; the entry of a table that was dropped is removed by
 * the next utility statement.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "compat.h"
#include "current_tenant.h"
#include "drop_on_commit.h"
#include "guard.h"
#include "table_label.h"
#include "temporary_rows.h"
#include "temporary_table.h"

/* To which tenant a table belongs: an element of a stack, in TopMemoryContext, as is the tenant's text. */
typedef struct Belonging
{
	struct Belonging *outer;	/* the state before, to which a rollback returns, or NULL */
	SubTransactionId since;		/* the subtransaction; InvalidSubTransactionId: an earlier transaction */
	CommandId	from;			/* snapshots of earlier commands see the state before */
	bool		free;			/* the table belongs to no tenant, since it was empty or dropped */
	TenantValue tenant;			/* valid unless "free" */
} Belonging;

typedef struct TableEntry
{
	Oid			relid;			/* hash key */
	Belonging  *belonging;		/* top of the stack; NULL: the table belongs to no tenant */
	bool		touched;		/* is the table in the list "touched"? */
	bool		guarded;		/* was it guarded when it was written, so that its rows have tenants? */
	bool		handed_on;		/* can an older snapshot see rows of a tenant to whom it belonged before? */
} TableEntry;

static HTAB *tables = NULL;

/* OIDs of the tables whose stack this transaction has changed; in TopMemoryContext. */
static List *touched = NIL;

/* The highest subtransaction that has changed one. */
static SubTransactionId last_noted = InvalidSubTransactionId;

/*
 * Has this transaction written a temporary table before it had a tenant?  True
 * at first, since the library may have been loaded in the middle of a statement.
 */
static bool without_tenant = true;

/* Did the transaction import another session's snapshot, which can be older? */
static bool snapshot_imported = false;

/* ----------------------------------------------------------------
 *		Entries and their stacks
 * ----------------------------------------------------------------
 */

/* Pops and frees the top of a table's stack. */
static void
forget_belonging(TableEntry *entry)
{
	Belonging  *belonging = entry->belonging;

	Assert(belonging != NULL);
	entry->belonging = belonging->outer;
	if (belonging->tenant.text != NULL)
		pfree((char *) belonging->tenant.text);
	pfree(belonging);
}

static TableEntry *
find_entry(Oid relid)
{
	return tables == NULL ? NULL : hash_search(tables, &relid, HASH_FIND, NULL);
}

static TableEntry *
make_entry(Oid relid)
{
	HASHCTL		ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(TableEntry)};
	TableEntry *entry;
	bool		found;

	if (tables == NULL)
		tables = hash_create("tenants' temporary tables", 16, &ctl, HASH_ELEM | HASH_BLOBS);
	entry = hash_search(tables, &relid, HASH_ENTER, &found);
	if (!found)
	{
		entry->belonging = NULL;
		entry->touched = false;
		entry->guarded = false;
		entry->handed_on = false;
	}
	return entry;
}

/* Makes an element of a stack; NULL stands for no tenant. */
static Belonging *
make_belonging(const TenantValue *tenant)
{
	Belonging  *made = MemoryContextAllocZero(TopMemoryContext, sizeof(Belonging));

	Assert(IsTransactionState());
	made->free = tenant == NULL;
	made->since = GetCurrentSubTransactionId();
	made->from = ActiveSnapshotSet() ? GetActiveSnapshot()->curcid : GetCurrentCommandId(false);
	if (tenant != NULL)
		copy_tenant(&made->tenant, tenant, TopMemoryContext, 0);
	return made;
}

/* Sets to which tenant a table belongs from now on; NULL stands for none.  Undone if the subtransaction is rolled back. */
static void
set_belonging(Oid relid, const TenantValue *tenant)
{
	TableEntry *entry = make_entry(relid);
	Belonging  *made;

	if (!entry->touched)
	{
		MemoryContext oldcontext = MemoryContextSwitchTo(TopMemoryContext);

		touched = lappend_oid(touched, relid);
		MemoryContextSwitchTo(oldcontext);
		entry->touched = true;
	}
	made = make_belonging(tenant);
	made->outer = entry->belonging;
	entry->belonging = made;
	last_noted = Max(last_noted, made->since);
}

/*
 * Returns the tenant to which a table belongs, or NULL.  If the active snapshot
 * is of an earlier command than the last change, as in a STABLE function, that is
 * the tenant before the change, since the snapshot still sees the rows that were
 * deleted before it.
 */
static const TenantValue *
tenant_of_table(Oid relid)
{
	TableEntry *entry = find_entry(relid);
	const Belonging *belonging = entry == NULL ? NULL : entry->belonging;

	while (belonging != NULL && belonging->outer != NULL && ActiveSnapshotSet() &&
		   GetActiveSnapshot()->curcid < belonging->from)
		belonging = belonging->outer;
	return belonging == NULL || belonging->free ? NULL : &belonging->tenant;
}

/* Undoes what a subtransaction has changed, or makes it its parent's. */
static void
end_subtransaction(SubXactEvent event, SubTransactionId ended, SubTransactionId parent, void *arg)
{
	ListCell   *lc;

	if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
		return;
	/* subtransaction ids increase, so exception blocks in a loop need not look at each table */
	if (ended > last_noted)
		return;
	foreach(lc, touched)
	{
		TableEntry *entry = find_entry(lfirst_oid(lc));
		Belonging  *belonging = entry == NULL ? NULL : entry->belonging;

		while (belonging != NULL && belonging->since == ended)
		{
			if (event == SUBXACT_EVENT_ABORT_SUB)
				forget_belonging(entry);
			else
				belonging->since = parent;
			belonging = event == SUBXACT_EVENT_ABORT_SUB ? entry->belonging : belonging->outer;
		}
	}
}

/* Undoes what the transaction has changed of an entry, or makes it permanent; removes the entry if it is no longer needed. */
static void
end_entry(TableEntry *entry, bool committed)
{
	entry->touched = false;
	while (!committed && entry->belonging != NULL && entry->belonging->since != InvalidSubTransactionId)
		forget_belonging(entry);
	if (entry->belonging != NULL)
	{
		TableEntry	outer = {.belonging = entry->belonging->outer};

		entry->handed_on = entry->handed_on || outer.belonging != NULL;
		while (outer.belonging != NULL)
			forget_belonging(&outer);
		entry->belonging->outer = NULL;
		entry->belonging->since = InvalidSubTransactionId;
		if (entry->belonging->free)
			forget_belonging(entry);
	}
	if (entry->belonging == NULL && !entry->guarded && !entry->handed_on)
		hash_search(tables, &entry->relid, HASH_REMOVE, NULL);
}

static void
end_transaction(XactEvent event, void *arg)
{
	bool		committed = event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE;
	ListCell   *lc;

	if (!committed && event != XACT_EVENT_ABORT)
		return;
	without_tenant = snapshot_imported = false;
	if (touched == NIL)
		return;
	foreach(lc, touched)
	{
		TableEntry *entry = find_entry(lfirst_oid(lc));

		if (entry != NULL)
			end_entry(entry, committed);
	}
	list_free(touched);
	touched = NIL;
	last_noted = InvalidSubTransactionId;
}

/* ----------------------------------------------------------------
 *		Writing
 * ----------------------------------------------------------------
 */

static bool
session_has_temporary(void)
{
	Oid			schema;
	Oid			toast_schema;

	GetTempNamespaceState(&schema, &toast_schema);
	return OidIsValid(schema);
}

/* Is it a temporary relation of this session? */
bool
is_own_temporary(Oid relid)
{
	return session_has_temporary() && isTempNamespace(get_rel_namespace(relid));
}

/* Notes that one relation is written, if it is a temporary table. */
static void
note_table_written(Oid relid)
{
	const TenantValue *tenant;

	if (!is_own_temporary(relid) || get_rel_relkind(relid) != RELKIND_RELATION ||
		is_dropped_on_commit(relid))
		return;
	if (guard_of(relid).status != GUARD_NONE)
	{
		make_entry(relid)->guarded = true;
		return;
	}
	tenant = tenant_of_transaction();
	if (tenant == NULL)
		without_tenant = true;
	else if (tenant_of_table(relid) == NULL)
		set_belonging(relid, tenant);
}

/* To be called before SET TRANSACTION SNAPSHOT. */
void
note_snapshot_imported(void)
{
	snapshot_imported = true;
}

/* Returns the OIDs of a table and, with "parts", of its partitions and children. */
static List *
parts_of(Oid relid, bool parts)
{
	return parts && has_subclass(relid) ? find_all_inheritors(relid, NoLock, NULL) : list_make1_oid(relid);
}

/*
 * To be called when a relation is written, and with "parts" its partitions and
 * children, too.  Those that are temporary tables belong to the transaction's
 * tenant from now on, if it has one.  A table that belongs to another tenant, and
 * is written by bypassing isolation, stays that tenant's.
 */
void
note_written(Oid relid, bool parts)
{
	ListCell   *lc;

	if (setting_temporary_tables == TEMPORARY_TABLES_IGNORED || !session_has_temporary())
		return;
	/* either all partitions of a partitioned table are temporary, or none */
	if (get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE && !is_own_temporary(relid))
		return;
	foreach(lc, parts_of(relid, parts))
		note_table_written(lfirst_oid(lc));
}

/* To be called when a relation is dropped; unless that is rolled back, tables_of_tenants() removes its entry. */
void
note_dropped(Oid relid)
{
	if (find_entry(relid) != NULL)
		set_belonging(relid, NULL);
}

/* Does a query access a relation's partitions and children, too? */
bool
includes_parts(const PermissionInfo *info)
{
	/* "inh" is false for INSERT, which can write to a partitioned table's partitions */
	return info->inh || get_rel_relkind(info->relid) == RELKIND_PARTITIONED_TABLE;
}

/* Notes the tables that a query, or COPY, writes.  (SELECT FOR UPDATE requires ACL_UPDATE, but has no updatedCols.) */
void
note_writing(List *permission_infos)
{
	ListCell   *lc;

	if (setting_temporary_tables == TEMPORARY_TABLES_IGNORED || !session_has_temporary())
		return;
	foreach(lc, permission_infos)
	{
		const PermissionInfo *info = lfirst(lc);

		if (OidIsValid(info->relid) &&
			((info->requiredPerms & ACL_INSERT) != 0 ||
			 ((info->requiredPerms & ACL_UPDATE) != 0 && !bms_is_empty(info->updatedCols))))
			note_written(info->relid, includes_parts(info));
	}
}

/*
 * Can this transaction have written a temporary table before it had a tenant?
 * Then note_writing must be called again at the end of the statement, which may
 * have set one.
 */
bool
wrote_without_tenant(void)
{
	return without_tenant;
}

/* ----------------------------------------------------------------
 *		Using
 * ----------------------------------------------------------------
 */

/* Is it a temporary table of this session that has rows?  Always false if the setting temporary_tables is off. */
bool
is_filled_temporary(Oid relid)
{
	return setting_temporary_tables != TEMPORARY_TABLES_IGNORED && is_own_temporary(relid) &&
		get_rel_relkind(relid) == RELKIND_RELATION && !is_empty_table(relid);
}

/* Can a trigger or rule of the table see the rows that DELETE deletes?  True if the table was dropped. */
static bool
shows_deleted(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool		shows = true;

	if (HeapTupleIsValid(tuple))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		shows = form->relhastriggers || form->relhasrules;
		ReleaseSysCache(tuple);
	}
	return shows;
}

static bool
is_shared(Oid relid)
{
	return inherited_declaration(relid).kind == LABEL_SHARED;
}

/*
 * Does a guarded temporary table have rows of another tenant?  Rows whose tenant
 * is null are from before it was guarded, and belong to the tenant to which the
 * table belonged then.
 */
static bool
holds_rows_of_others(Oid relid, const Guard *guard)
{
	const TenantValue *owner = tenant_of_table(relid);
	const TenantValue *tenant = tenant_of_transaction();
	bool		nulls = owner == NULL || (tenant != NULL && tenant_equal(owner, tenant));

	return is_own_temporary(relid) && get_rel_relkind(relid) == RELKIND_RELATION &&
		has_rows_of_others(relid, guard->attnum, tenant, nulls);
}

/* Can the transaction see rows of another tenant that were deleted before it began, by an imported snapshot? */
static bool
sees_rows_handed_on(Oid relid)
{
	TableEntry *entry = find_entry(relid);

	return entry != NULL && (entry->handed_on || entry->guarded) && snapshot_imported;
}

/* See table_of_other_tenant().  A table that is found empty belongs to no tenant any more. */
static bool
belongs_to_other_tenant(Oid relid, bool deletes)
{
	const TenantValue *owner = tenant_of_table(relid);
	const TenantValue *tenant = owner == NULL ? NULL : tenant_of_transaction();
	Guard		guard = guard_of(relid);

	if (guard.status != GUARD_NONE)
		return !deletes && holds_rows_of_others(relid, &guard);
	if (sees_rows_handed_on(relid))
		return !(deletes && !shows_deleted(relid)) && !is_shared(relid);
	if (owner == NULL ||
		(tenant != NULL && tenant_equal(owner, tenant)) ||
		(deletes && !shows_deleted(relid)))
		return false;
	if (!is_empty_table(relid))
		return !is_shared(relid);
	set_belonging(relid, NULL);
	return false;
}

static bool
nothing_is_noted(void)
{
	return tables == NULL || hash_get_num_entries(tables) == 0 ||
		setting_temporary_tables == TEMPORARY_TABLES_IGNORED;
}

/*
 * Returns the table or, with "parts", one of its partitions and children, that
 * belongs to another tenant than the transaction's, or InvalidOid.  With
 * "deletes" the statement is a DELETE that reads no column.  That is allowed, as
 * TRUNCATE is, unless a trigger or rule can see the rows.  It can be one of the
 * partition or child, or one of the table itself: the transition tables of its
 * triggers contain the rows of partitions and children.
 */
Oid
table_of_other_tenant(Oid relid, bool parts, bool deletes)
{
	ListCell   *lc;

	if (nothing_is_noted())
		return InvalidOid;
	deletes = deletes && !shows_deleted(relid);
	foreach(lc, parts_of(relid, parts))
		if (belongs_to_other_tenant(lfirst_oid(lc), deletes))
			return lfirst_oid(lc);
	return InvalidOid;
}

/* Has a table belonged to another tenant, at the beginning of the transaction or since? */
static bool
was_of_other_tenant(Oid relid)
{
	TableEntry *entry = find_entry(relid);
	const TenantValue *tenant = entry == NULL ? NULL : tenant_of_transaction();
	const Belonging *belonging;

	for (belonging = entry == NULL ? NULL : entry->belonging; belonging != NULL; belonging = belonging->outer)
		if (!belonging->free && (tenant == NULL || !tenant_equal(&belonging->tenant, tenant)))
			return true;
	return false;
}

/*
 * Does a table that is not guarded have deleted rows of another tenant?  (For a
 * guarded one, table_of_other_tenant() looks at deleted rows, too.)
 */
bool
has_deleted_of_other(Oid relid)
{
	return !nothing_is_noted() && guard_of(relid).status == GUARD_NONE && was_of_other_tenant(relid) &&
		!is_shared(relid) && has_deleted_rows(relid);
}

/* Does a table, or with "parts" one of its partitions and children, belong to any tenant? */
bool
belongs_to_tenant(Oid relid, bool parts)
{
	ListCell   *lc;

	if (nothing_is_noted())
		return false;
	foreach(lc, parts_of(relid, parts))
		if (tenant_of_table(lfirst_oid(lc)) != NULL && !is_shared(lfirst_oid(lc)))
			return true;
	return false;
}

/* Can there be a table that belongs to a tenant?  Cheap. */
bool
tenants_have_tables(void)
{
	return !nothing_is_noted();
}

/* Returns the OIDs of all tables that belong to a tenant, or did when the transaction began, or are guarded; palloc'd. */
List *
tables_of_tenants(void)
{
	HASH_SEQ_STATUS status;
	TableEntry *entry;
	List	   *relids = NIL;

	if (nothing_is_noted())
		return NIL;
	hash_seq_init(&status, tables);
	while ((entry = hash_seq_search(&status)) != NULL)
		if (get_rel_relkind(entry->relid) != '\0')
			relids = entry->belonging != NULL || entry->guarded ? lappend_oid(relids, entry->relid) : relids;
		else if (entry->belonging == NULL)
			hash_search(tables, &entry->relid, HASH_REMOVE, NULL);	/* dropped, or CREATE TABLE was rolled back */
	return relids;
}

/*
 * Returns the guarded table that search_path would find without this temporary
 * relation, or InvalidOid.  A relation with ON COMMIT DROP may hide it.
 */
Oid
hidden_table(Oid relid)
{
	char	   *name;
	ListCell   *lc;

	if (!is_own_temporary(relid) || is_dropped_on_commit(relid) ||
		(name = get_rel_name(relid)) == NULL)
		return InvalidOid;
	foreach(lc, fetch_search_path(false))
	{
		Oid			hidden = get_relname_relid(name, lfirst_oid(lc));

		if (OidIsValid(hidden) && hidden != relid && guard_of(hidden).status != GUARD_NONE)
			return hidden;
	}
	return InvalidOid;
}

/*
 * Does an unqualified name now mean a temporary relation in place of a guarded
 * table?  False in parallel workers, which cannot read temporary tables, nor know
 * those with ON COMMIT DROP; the leader has checked.
 */
bool
hides_table(Oid relid)
{
	return !IsParallelWorker() && OidIsValid(hidden_table(relid)) && RelnameGetRelid(get_rel_name(relid)) == relid;
}

/* Must be called once, by _PG_init. */
void
init_temporary_tables(void)
{
	RegisterXactCallback(end_transaction, NULL);
	RegisterSubXactCallback(end_subtransaction, NULL);
}
