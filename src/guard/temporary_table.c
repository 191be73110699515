/*-------------------------------------------------------------------------
 *
 * temporary_table.c
 *	  To which tenant this session's temporary tables belong.
 *
 * A temporary table outlives its transaction, and in a pooled session the next
 * one is another tenant's.  What a statement reads does not tell what it
 * writes, for a variable or the client may have had the rows meanwhile: so a
 * table that is written once a tenant is set belongs to that tenant.  It is
 * nobody's again when it is empty, which is looked up where another tenant, or
 * none, would use it; TRUNCATE, DELETE and ON COMMIT DELETE ROWS need no more.
 *
 * Left alone are tables that end with their transaction, and those with the
 * label 'shared'.  Of guarded ones each row has a tenant: they are any tenant's
 * in queries, and in statements that look into them if they hold no other's rows.
 *
 * Invariants: what a (sub)transaction has noted ends with it where it is
 * rolled back, as the rows do; a table's entry ends with the table.
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

/*
 * Whose a table is, as one subtransaction has left it; in TopMemoryContext,
 * as is the tenant's text.
 */
typedef struct Belonging
{
	struct Belonging *outer;	/* what a rollback returns to, or NULL */
	SubTransactionId since;		/* Invalid: an earlier transaction */
	CommandId	from;			/* snapshots of earlier commands see what was before */
	bool		free;			/* nobody's: it was empty, or dropped */
	bool		dropped;
	TenantValue tenant;
} Belonging;

typedef struct TableEntry
{
	Oid			relid;			/* hash key */
	Belonging  *belonging;		/* NULL: nobody's */
	bool		touched;		/* listed in "touched" */
	bool		guarded;		/* it was guarded when it was written: its rows tell */
	bool		handed_on;		/* an older snapshot may see rows of another's */
} TableEntry;

static HTAB *tables = NULL;

/* OIDs of the tables whose belonging this transaction has changed. */
static List *touched = NIL;

/* None of these changes was noted in a later subtransaction than this one. */
static SubTransactionId last_noted = InvalidSubTransactionId;

/*
 * Has this transaction written a temporary table before it had a tenant?  True
 * at first, since the library may have come in the middle of a statement.
 */
static bool without_tenant = true;

/* Is the transaction's snapshot another session's, which may be older? */
static bool snapshot_imported = false;

/* ----------------------------------------------------------------
 *		The memory
 * ----------------------------------------------------------------
 */

static void
forget_belonging(TableEntry *entry)
{
	Belonging  *belonging = entry->belonging;

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
	HASHCTL		ctl = {.keysize = sizeof(Oid),.entrysize = sizeof(TableEntry)};
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

/* With NULL the table is nobody's. */
static Belonging *
make_belonging(const TenantValue *tenant)
{
	Belonging  *made = MemoryContextAllocZero(TopMemoryContext, sizeof(Belonging));

	made->free = tenant == NULL;
	made->since = GetCurrentSubTransactionId();
	made->from = ActiveSnapshotSet() ? GetActiveSnapshot()->curcid : GetCurrentCommandId(false);
	if (tenant != NULL)
		copy_tenant(&made->tenant, tenant, TopMemoryContext, 0);
	return made;
}

/* Notes whose a table is from now on, in this subtransaction. */
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
 * To whom a table belongs, or NULL.  A snapshot that is older than what made it
 * somebody else's, as a STABLE function has, still sees the rows deleted then.
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

/* What a subtransaction has noted becomes its parent's, or ends with it. */
static void
end_subtransaction(SubXactEvent event, SubTransactionId ended, SubTransactionId parent, void *arg)
{
	ListCell   *lc;

	if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
		return;
	/* it counts up: exception blocks in a loop need not look at each table */
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
		if (entry->belonging->dropped)
			entry->guarded = entry->handed_on = false;
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
 *		What is written
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

/* SET TRANSACTION SNAPSHOT is about to be carried out, or to fail. */
void
note_snapshot_imported(void)
{
	snapshot_imported = true;
}

/* A table, and with "parts" its partitions and children. */
static List *
parts_of(Oid relid, bool parts)
{
	return parts && has_subclass(relid) ? find_all_inheritors(relid, NoLock, NULL) : list_make1_oid(relid);
}

/*
 * A relation is being written, with "parts" its partitions and children too:
 * what of it is a temporary table belongs to the transaction's tenant, if there
 * is one, and unless it is another's, to whom it must stay where somebody
 * bypasses.
 */
void
note_written(Oid relid, bool parts)
{
	ListCell   *lc;

	if (setting_temporary_tables == TEMPORARY_TABLES_IGNORED || !session_has_temporary())
		return;
	/* of a partitioned table all partitions are temporary, or none */
	if (get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE && !is_own_temporary(relid))
		return;
	foreach(lc, parts_of(relid, parts))
		note_table_written(lfirst_oid(lc));
}

/* A relation is dropped; if that is not rolled back its entry ends too. */
void
note_dropped(Oid relid)
{
	TableEntry *entry = find_entry(relid);

	if (entry == NULL)
		return;
	set_belonging(relid, NULL);
	entry->belonging->dropped = true;
}

/* Does a statement look at a relation's partitions and children too? */
bool
includes_parts(const PermissionInfo *info)
{
	/* INSERT names a partitioned table alone, and reaches the others */
	return info->inh || get_rel_relkind(info->relid) == RELKIND_PARTITIONED_TABLE;
}

/* Notes what a query, or COPY, writes.  FOR UPDATE needs the right to UPDATE, and changes no column. */
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
 * May this transaction have written a temporary table before it had a tenant?
 * If the statement that did has set one meanwhile, it is to be noted now.
 */
bool
wrote_without_tenant(void)
{
	return without_tenant;
}

/* ----------------------------------------------------------------
 *		What is used
 * ----------------------------------------------------------------
 */

/* Is it a temporary table of this session, with rows, where those are somebody's? */
bool
is_filled_temporary(Oid relid)
{
	return setting_temporary_tables != TEMPORARY_TABLES_IGNORED && is_own_temporary(relid) &&
		get_rel_relkind(relid) == RELKIND_RELATION && !is_empty_table(relid);
}

/* Would somebody's code see the rows that DELETE deletes? */
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
	char	   *label = inherited_label(relid);

	return label != NULL && strcmp(label, LABEL_SHARED) == 0;
}

/* A guarded table is nobody's, and each of its rows is: without a tenant, whose the table was before it was guarded. */
static bool
holds_rows_of_others(Oid relid, const Guard *guard)
{
	const TenantValue *owner = tenant_of_table(relid);
	const TenantValue *tenant = tenant_of_transaction();
	bool		nulls = owner == NULL || (tenant != NULL && tenant_equal(owner, tenant));

	return is_own_temporary(relid) && get_rel_relkind(relid) == RELKIND_RELATION &&
		has_rows_of_others(relid, guard->attnum, tenant, nulls);
}

/* Might the transaction see rows of another tenant that were deleted before it began? */
static bool
sees_rows_handed_on(Oid relid)
{
	TableEntry *entry = find_entry(relid);

	return entry != NULL && (entry->handed_on || entry->guarded) && snapshot_imported;
}

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
 * The table, or with "parts" a part of it, that belongs to another tenant than
 * the transaction's, or InvalidOid.  With "deletes" the statement looks at no
 * row and merely deletes all, which is as good as TRUNCATE where no trigger
 * and no rule sees them: of the table itself, whose transition tables have the
 * rows of its parts, or of the part.
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

/* Has a table been another tenant's, at the beginning of the transaction or since? */
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
 * Has the transaction deleted rows of another tenant, of which an index would be
 * built?  (Of a guarded table such rows are always looked at.)
 */
bool
has_deleted_of_other(Oid relid)
{
	return !nothing_is_noted() && guard_of(relid).status == GUARD_NONE && was_of_other_tenant(relid) &&
		!is_shared(relid) && has_deleted_rows(relid);
}

/* Does a table, or with "parts" a part of it, belong to some tenant? */
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

/* May any table belong to some tenant?  Cheap. */
bool
tenants_have_tables(void)
{
	return !nothing_is_noted();
}

/*
 * All tables that belong to some tenant, or did when the transaction began, or
 * hold some tenants' rows: a list of OIDs, palloc'd.
 */
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
			hash_search(tables, &entry->relid, HASH_REMOVE, NULL);	/* its making was rolled back */
	return relids;
}

/*
 * The guarded table of the same name that search_path finds, were it not for
 * this temporary relation, or InvalidOid.  One that ends with the transaction
 * may hide it.
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
 * Does a temporary relation hide a guarded table from a name without a schema
 * now?  A parallel worker reads none, and does not know which end with the
 * transaction; its leader has looked.
 */
bool
hides_table(Oid relid)
{
	return !IsParallelWorker() && OidIsValid(hidden_table(relid)) && RelnameGetRelid(get_rel_name(relid)) == relid;
}

void
init_temporary_tables(void)
{
	RegisterXactCallback(end_transaction, NULL);
	RegisterSubXactCallback(end_subtransaction, NULL);
}
