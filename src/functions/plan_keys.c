/*-------------------------------------------------------------------------
 *
 * plan_keys.c
 *	  What becomes of foreign keys when tables are guarded that are not yet:
 *	  for plan().
 *
 * planned_keys() is told which tables are to be guarded by which columns, and
 * reads the keys between them as pair_keys.c would find them then: which are to
 * carry the tenant, under which names, by which definition, and which unique
 * indexes that needs.  Names of indexes are those that CREATE INDEX would choose,
 * one after the other.  Nothing is changed, and no expression is evaluated.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "partitioning/partdesc.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "catalog.h"
#include "compat.h"
#include "crossing_key.h"
#include "foreign_code.h"
#include "foreign_key.h"
#include "framework_key.h"
#include "guard.h"
#include "guard_refusals.h"
#include "key_index.h"
#include "key_owners.h"
#include "key_refusals.h"
#include "pair_keys.h"
#include "reference_trigger.h"
#include "refusal.h"

PG_FUNCTION_INFO_V1(tenant_guard_planned_keys);

/* A table that is guarded, or is to be. */
typedef struct PlannedTable
{
	Oid			relid;			/* hash key */
	char	   *column;			/* its tenant column */
	AttrNumber	attnum;			/* 0 if the column is to be added */
	bool		wanted;			/* keys from and to it are to be planned */
	bool		looked;			/* is "stranger" known? */
	Oid			stranger;		/* what function_of_stranger returns */
} PlannedTable;

/* A unique index that keys need. */
typedef struct PlannedIndex
{
	Oid			relid;
	List	   *columns;		/* char * */
	char	   *name;
} PlannedIndex;

/* A call of planned_keys. */
typedef struct Call
{
	ReturnSetInfo *result;
	HTAB	   *tables;			/* PlannedTable */
	List	   *indexes;		/* PlannedIndex */
} Call;

/* A row of the result; what is NULL or InvalidOid is null. */
typedef struct Row
{
	const char *kind;
	Oid			relation;
	Oid			foreign_key;
	Oid			parent;
	List	   *names;			/* char * */
	List	   *definitions;	/* char * */
	bool		validated;
	const char *columns;
	const char *detail;
} Row;

/* ----------------------------------------------------------------
 *		The call and its rows
 * ----------------------------------------------------------------
 */

/* A text[] of a list of strings. */
static Datum
text_array(List *strings)
{
	Datum	   *datums = palloc(sizeof(Datum) * (list_length(strings) + 1));
	ListCell   *lc;

	foreach(lc, strings)
		datums[foreach_current_index(lc)] = CStringGetTextDatum(lfirst(lc));
	return PointerGetDatum(construct_array(datums, list_length(strings), TEXTOID, -1, false, TYPALIGN_INT));
}

static void
put_row(Call *call, const Row *row)
{
	Datum		values[9] = {CStringGetTextDatum(row->kind), ObjectIdGetDatum(row->relation), ObjectIdGetDatum(row->foreign_key),
		ObjectIdGetDatum(row->parent), text_array(row->names), text_array(row->definitions), BoolGetDatum(row->validated)};
	bool		nulls[9] = {false, false, !OidIsValid(row->foreign_key), !OidIsValid(row->parent), false, false, false,
		row->columns == NULL, row->detail == NULL};

	if (row->columns != NULL)
		values[7] = CStringGetTextDatum(row->columns);
	if (row->detail != NULL)
		values[8] = CStringGetTextDatum(row->detail);
	tuplestore_putvalues(call->result->setResult, call->result->setDesc, values, nulls);
}

static PlannedTable *
planned_table(const Call *call, Oid relid)
{
	return hash_search(call->tables, &relid, HASH_FIND, NULL);
}

/* The elements of an array argument, none of which may be null. */
static Datum *
elements(FunctionCallInfo fcinfo, int argument, Oid type, int16 length, bool byval, char align, int *n)
{
	Datum	   *datums;
	int			count;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(argument), type, length, byval, align, &datums, NULL, &count);
	if (*n >= 0 && count != *n)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("the arrays of planned tables differ in length")));
	*n = count;
	return datums;
}

/* Reads the arguments: tables, the names of their tenant columns, and which are wanted.  Returns the tables in that order. */
static List *
read_arguments(Call *call, FunctionCallInfo fcinfo)
{
	int			n = -1;
	Datum	   *relids = elements(fcinfo, 0, OIDOID, sizeof(Oid), true, TYPALIGN_INT, &n);
	Datum	   *columns = elements(fcinfo, 1, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, &n);
	Datum	   *wanted = elements(fcinfo, 2, BOOLOID, 1, true, TYPALIGN_CHAR, &n);
	HASHCTL		ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(PlannedTable), .hcxt = CurrentMemoryContext};
	List	   *tables = NIL;

	call->tables = hash_create("planned tables", Max(n, 1), &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (int i = 0; i < n; i++)
	{
		Oid			relid = DatumGetObjectId(relids[i]);
		PlannedTable *table = hash_search(call->tables, &relid, HASH_ENTER, NULL);
		AttrNumber	attnum;

		table->column = pstrdup(NameStr(*DatumGetName(columns[i])));
		attnum = get_attnum(relid, table->column);
		table->attnum = Max(attnum, 0);
		table->wanted = DatumGetBool(wanted[i]);
		table->looked = false;
		tables = lappend_oid(tables, relid);
	}
	return tables;
}

/* ----------------------------------------------------------------
 *		Indexes
 * ----------------------------------------------------------------
 */

static char *
joined(List *strings, const char *separator, bool quoted)
{
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	foreach(lc, strings)
		appendStringInfo(&sql, "%s%s", sql.len > 0 ? separator : "", quoted ? quote_identifier(lfirst(lc)) : (char *) lfirst(lc));
	return sql.data;
}

static bool
name_is_planned(const Call *call, const char *name, Oid schema)
{
	ListCell   *lc;

	foreach(lc, call->indexes)
	{
		const PlannedIndex *index = lfirst(lc);

		if (strcmp(index->name, name) == 0 && get_rel_namespace(index->relid) == schema)
			return true;
	}
	return false;
}

/* The name that CREATE INDEX gives to an index on these columns (ChooseIndexName in indexcmds.c); "dropped" is an index that goes before. */
static char *
index_name(const Call *call, Oid relid, List *columns, Oid dropped)
{
	Oid			schema = get_rel_namespace(relid);
	char	   *addition = joined(columns, "_", false);

	for (int number = 0;; number++)
	{
		char	   *name = makeObjectName(get_rel_name(relid), addition, number == 0 ? "idx" : psprintf("idx%d", number));
		Oid			taken = get_relname_relid(name, schema);

		CHECK_FOR_INTERRUPTS();
		if ((!OidIsValid(taken) || taken == dropped) && !name_is_planned(call, name, schema))
			return name;
	}
}

/* Is this a plain unique index on just these columns, in this order? */
static bool
index_is_on(HeapTuple tuple, Oid relid, List *columns)
{
	Form_pg_index index = (Form_pg_index) GETSTRUCT(tuple);
	ListCell   *lc;

	if (!index->indisunique || !index->indimmediate || index->indisexclusion || index->indnullsnotdistinct || index->indnatts != list_length(columns) ||
		index->indnkeyatts != index->indnatts ||
		!heap_attisnull(tuple, Anum_pg_index_indpred, NULL) || !heap_attisnull(tuple, Anum_pg_index_indexprs, NULL))
		return false;
	foreach(lc, columns)
		if (get_attnum(relid, lfirst(lc)) != index->indkey.values[foreach_current_index(lc)])
			return false;
	return true;
}

/*
 * Such an index of a table, with "above" one that is a part of that index or of
 * none, and whether it is valid; InvalidOid if there is none.
 */
static Oid
index_there(Relation rel, List *columns, Oid above, bool *valid)
{
	Oid			found = InvalidOid;
	ListCell   *lc;

	*valid = false;
	foreach(lc, RelationGetIndexList(rel))
	{
		HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(lc)));
		Oid			whole = get_rel_relispartition(lfirst_oid(lc)) ? get_partition_parent(lfirst_oid(lc), true) : InvalidOid;

		if (!HeapTupleIsValid(tuple))
			continue;
		if (index_is_on(tuple, RelationGetRelid(rel), columns) && !*valid && (!OidIsValid(whole) || whole == above))
		{
			found = lfirst_oid(lc);
			*valid = ((Form_pg_index) GETSTRUCT(tuple))->indisvalid;
		}
		ReleaseSysCache(tuple);
	}
	return found;
}

/*
 * Plans an index of a table and, if it is partitioned, of its partitions.  The
 * row has in "definitions" the name of the index of which this one is to be a
 * part, and in "detail" what is there: "attached", "valid", or "invalid" if a
 * CREATE INDEX CONCURRENTLY has failed.
 */
static void
plan_index(Call *call, Oid relid, List *columns, Oid root, Oid above, const char *above_name)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	PlannedIndex *planned = palloc(sizeof(PlannedIndex));
	bool		valid;
	Oid			there;
	bool		usable;
	Row			row = {.kind = "index", .relation = relid, .parent = root, .columns = joined(columns, ", ", true)};

	if (rel == NULL)
		return;
	there = index_there(rel, columns, above, &valid);
	usable = OidIsValid(there) && (valid || rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE);
	*planned = (PlannedIndex) {relid, columns, usable ? get_rel_name(there) : index_name(call, relid, columns, there)};
	call->indexes = lappend(call->indexes, planned);
	row.names = list_make1(planned->name);
	if (above_name != NULL)
		row.definitions = list_make1(unconstify(char *, above_name));
	if (OidIsValid(there))
		row.detail = !usable ? "invalid" : get_rel_relispartition(there) ? "attached" : "valid";
	if (OidIsValid(there) && !usable)
		row.names = lappend(row.names, get_rel_name(there));
	put_row(call, &row);
	if (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
	{
		PartitionDesc parts = RelationGetPartitionDesc(rel, true);

		for (int i = 0; i < parts->nparts; i++)
			plan_index(call, parts->oids[i], columns, root, there, planned->name);
	}
	relation_close(rel, AccessShareLock);
}

/* Do the lists have the same strings? */
static bool
same_columns(List *some, List *others)
{
	ListCell   *lc;
	ListCell   *lo;

	if (list_length(some) != list_length(others))
		return false;
	foreach(lc, some)
	{
		bool		found = false;

		foreach(lo, others)
			found |= strcmp(lfirst(lc), lfirst(lo)) == 0;
		if (!found)
			return false;
	}
	return true;
}

static bool
has_index(const ForeignKey *key)
{
	bool		found;

	LockRelationOid(key->parent, AccessShareLock);
	found = get_rel_relkind(key->parent) == '\0' || (key->parent_tenant != 0 && OidIsValid(unique_index_for(key)));
	UnlockRelationOid(key->parent, AccessShareLock);
	return found;
}

/* Plans the index that a key needs, unless there is one; returns its columns in SQL, or NULL. */
static char *
plan_index_for(Call *call, const ForeignKey *key, char *tenant)
{
	List	   *columns = list_make1(tenant);
	ListCell   *lc;

	for (int i = 0; i < key->ncolumns; i++)
		columns = lappend(columns, get_attname(key->parent, key->referenced[i], false));
	foreach(lc, call->indexes)
	{
		const PlannedIndex *index = lfirst(lc);

		if (index->relid == key->parent && same_columns(index->columns, columns))
			return joined(index->columns, ", ", true);
	}
	if (has_index(key))
		return NULL;
	plan_index(call, key->parent, columns, key->parent, InvalidOid, NULL);
	return joined(columns, ", ", true);
}

/* ----------------------------------------------------------------
 *		Keys
 * ----------------------------------------------------------------
 */

static const char *
refusal_in_a_line(Refusal why)
{
	return psprintf("%s. %s%s%s", why.message, why.detail ? why.detail : "", why.hint ? " " : "", why.hint ? why.hint : "");
}

/* Is a key to be left to protect(), which does what one statement cannot, or runs what it evaluates as the owner? */
static bool
leaves_to_protect(const ForeignKey *key, List *keys)
{
	return key->temporal || companion_of(key, keys) != NULL ||
		object_owner(RelationRelationId, key->child) != object_owner(RelationRelationId, key->parent) ||
		OidIsValid(function_of_key(key, InvalidOid)) ||
		has_rows_of_everyone(key->child);
}

/* A function of an ordinary role that a superuser's table calls, or InvalidOid. */
static Oid
stranger_of(const Call *call, Oid relid)
{
	PlannedTable *table = planned_table(call, relid);

	if (!table->looked)
		table->stranger = function_of_stranger(relid);
	table->looked = true;
	return table->stranger;
}

/* Why a key cannot carry the tenant, or NULL. */
static const char *
obstacle(const Call *call, const ForeignKey *key)
{
	bool		keeps;
	Refusal		why;

	if (OidIsValid(stranger_of(call, key->child)))
		return refusal_in_a_line(runs_code_of_others(key->child, stranger_of(call, key->child)));
	if (OidIsValid(stranger_of(call, key->parent)))
		return refusal_in_a_line(runs_code_of_others(key->parent, stranger_of(call, key->parent)));
	if (key->kind == KEY_CROSSES_TENANTS)
		return refusal_in_a_line(crossing_key(key));
	LockRelationOid(key->parent, AccessShareLock);
	keeps = get_rel_relkind(key->parent) == '\0' || (owners_may_pair(key, &why) && key_keeps_meaning(key, &why));
	UnlockRelationOid(key->parent, AccessShareLock);
	return keeps ? NULL : refusal_in_a_line(why);
}

/* The statements' parts for a key that can be paired by one ALTER TABLE, and the names of the keys that are there then. */
static void
plan_pairing(Row *row, const ForeignKey *key, List *keys, List *companions)
{
	bool		unvalidated = !partitioned_keys_are_validated() || get_rel_relkind(key->child) != RELKIND_PARTITIONED_TABLE;
	bool		valid = key->validated && key->enforced;
	ForeignKey *companion = companion_of(key, keys);
	char	   *name = companion ? companion->name : gets_companion(key->name) ?
		unused_companion_name(key->child, key->name, companions) : NULL;

	row->names = name ? list_make2(name, key->name) : list_make1(key->name);
	row->validated = valid && unvalidated;
	if (strcmp(row->kind, "pair") != 0)
		return;
	row->detail = valid ? cross_tenant_query(key) : NULL;
	row->definitions = list_make1(key_definition(key, linitial(row->names), true, valid && !unvalidated));
	if (name != NULL)
		row->definitions = lappend(row->definitions, key_definition(key, key->name, false, valid && !unvalidated));
}

/* A key of a table of which none, or another, stands in the way.  Pairing changes all keys of a table, or none. */
static void
plan_key(Call *call, const ForeignKey *key, List *keys, bool obstructed, List **companions)
{
	bool		known = key->tenant != 0 && key->parent_tenant != 0;
	Row			row = {.relation = key->child, .foreign_key = key->oid, .parent = key->parent};

	row.kind = obstructed ? "wait" : !known ? "derive" : leaves_to_protect(key, keys) ? "leave" : "pair";
	if (!obstructed)
	{
		row.columns = key->temporal ? NULL : plan_index_for(call, key, planned_table(call, key->parent)->column);
		if (OidIsValid(function_of_key(key, InvalidOid)))
			row.detail = "code";
		plan_pairing(&row, key, keys, *companions);
		if (list_length(row.names) > 1)
			*companions = lappend(*companions, linitial(row.names));
	}
	put_row(call, &row);
}

/*
 * A key to a table with rows of everyone stays as it is, and protect() makes
 * triggers that check it.  The row has the statement in "detail" that drops the one
 * of the referenced table, unless that is there already.
 */
static void
plan_key_to_everyone(Call *call, const ForeignKey *key)
{
	CheckTime	time = {key->deferrable, key->deferred};
	Row			row = {.kind = "everyone", .relation = key->child, .foreign_key = key->oid, .parent = key->parent};

	if (references_are_checked(key->child, key->parent, time))
		return;
	if (!reference_trigger_is_whole(key->parent, REFERENCED, time))
		row.detail = psprintf("DROP TRIGGER IF EXISTS %s ON %s",
							  quote_identifier(reference_trigger_name(key->parent, REFERENCED, time)), relation_name(key->parent));
	put_row(call, &row);
}

/* Puts out those of a table's keys that cannot carry the tenant, and returns whether there are any. */
static bool
refuse_keys(Call *call, List *keys)
{
	bool		any = false;
	ListCell   *lc;

	foreach(lc, keys)
	{
		ForeignKey *key = lfirst(lc);
		Row			row = {.kind = "refuse", .relation = key->child, .foreign_key = key->oid, .parent = key->parent};

		if (key->tenant != 0 && key->parent_tenant != 0 && (key->kind == KEY_UNPAIRED || key->kind == KEY_CROSSES_TENANTS))
			row.detail = obstacle(call, key);
		if (row.detail == NULL)
			continue;
		put_row(call, &row);
		key->kind = KEY_CROSSES_TENANTS;
		any = true;
	}
	return any;
}

/* Plans the keys from a table to others that are guarded, or are to be. */
static void
plan_keys_from(Call *call, Oid relid)
{
	PlannedTable *child = planned_table(call, relid);
	List	   *keys = get_rel_relkind(relid) == '\0' ? NIL : foreign_keys_from(relid);
	List	   *companions = NIL;
	bool		obstructed;
	ListCell   *lc;

	foreach(lc, keys)
	{
		ForeignKey *key = lfirst(lc);
		PlannedTable *parent = planned_table(call, key->parent);

		key->tenant = child->attnum;
		key->parent_tenant = parent != NULL ? parent->attnum : 0;
		key->kind = parent == NULL || !(parent->wanted || child->wanted) ? KEY_IRRELEVANT :
			key->tenant == 0 || key->parent_tenant == 0 ? KEY_UNPAIRED : kind_by_columns(key);
	}
	find_companions(keys);
	foreach(lc, keys)
	{
		ForeignKey *key = lfirst(lc);

		if (key->kind != KEY_UNPAIRED || !has_rows_of_everyone(key->parent))
			continue;
		plan_key_to_everyone(call, key);
		key->kind = KEY_TO_ROWS_OF_EVERYONE;
	}
	obstructed = refuse_keys(call, keys);
	foreach(lc, keys)
		if (((ForeignKey *) lfirst(lc))->kind == KEY_UNPAIRED)
			plan_key(call, lfirst(lc), keys, obstructed, &companions);
}

/*
 * planned_keys(tables oid[], columns name[], wanted boolean[]): the keys between
 * these tables that do not carry the tenant, as if each were guarded by its
 * column, and the indexes that they need.
 */
Datum
tenant_guard_planned_keys(PG_FUNCTION_ARGS)
{
	Call		call = {.result = (ReturnSetInfo *) fcinfo->resultinfo};
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, read_arguments(&call, fcinfo))
	{
		CHECK_FOR_INTERRUPTS();
		plan_keys_from(&call, lfirst_oid(lc));
	}
	return (Datum) 0;
}
