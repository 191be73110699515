/*-------------------------------------------------------------------------
 *
 * foreign_key.c
 *	  Foreign keys between guarded tables: what they say, and whether they
 *	  carry the tenant.
 *
 * PostgreSQL checks a foreign key with row-level security off.  A key that does
 * not carry the tenant lets a row reference another tenant's row, which reveals
 * that that row exists, and be changed when that row is deleted or updated.  A
 * key carries the tenant if the tenant column of the child, alone or among other
 * columns, references the tenant column of the parent.
 *
 * Only root constraints are read: PostgreSQL changes the constraints that it
 * derives from one for each partition along with it.  Nothing in this file
 * changes or refuses anything.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "catalog.h"
#include "compat.h"
#include "everyones_rows.h"
#include "foreign_key.h"
#include "framework_key.h"
#include "guard.h"
#include "reference_trigger.h"
#include "table_label.h"

/* Does this referential action write the rows that reference a deleted or updated row? */
bool
acts_on_child(char action)
{
	return action == FKCONSTR_ACTION_CASCADE || action == FKCONSTR_ACTION_SETNULL ||
		action == FKCONSTR_ACTION_SETDEFAULT;
}

/*
 * The kind of a key to a table that is not guarded.  If the tenant column
 * references it, that is the table of tenants, and a row of it acts on rows of
 * one tenant only.
 */
static KeyKind
kind_of_key_to_unguarded(const ForeignKey *key)
{
	if (guard_of(key->parent).status != GUARD_NONE || guard_of(key->child).status != GUARD_WHOLE ||
		!(acts_on_child(key->on_delete) || acts_on_child(key->on_update)))
		return KEY_IRRELEVANT;
	for (int i = 0; i < key->ncolumns; i++)
		if (key->columns[i] == key->tenant)
			return KEY_IRRELEVANT;
	return KEY_CASCADES_FROM_UNGUARDED;
}

/*
 * What a key between guarded tables says of tenants, whether the guards are whole or
 * damaged.  Nothing, if the child's guard does not say which is its tenant column.
 */
KeyKind
kind_by_columns(const ForeignKey *key)
{
	KeyKind		kind = KEY_UNPAIRED;

	if (key->tenant == 0)
		return kind;
	for (int i = 0; i < key->ncolumns; i++)
	{
		if (key->referenced[i] != key->parent_tenant)
			continue;
		if (key->columns[i] == key->tenant)
			return KEY_CARRIES_TENANT;
		kind = key->ncolumns == 1 ? KEY_TO_TENANT_COLUMN : KEY_CROSSES_TENANTS;
	}
	return kind;
}

/*
 * The kind of a key between guarded tables.  One with a null tenant is not checked:
 * a row of everyone could reference any tenant's row, unless a CHECK forbids it.
 */
static KeyKind
kind_of_key_between(const ForeignKey *key)
{
	KeyKind		kind = kind_by_columns(key);

	if (kind == KEY_UNPAIRED && has_rows_of_everyone(key->parent))
		return KEY_TO_ROWS_OF_EVERYONE;
	if (kind == KEY_CARRIES_TENANT && has_rows_of_everyone(key->child) &&
		!everyones_rows_do_not_reference(key->child, key->tenant, key->columns, key->ncolumns))
		return KEY_LEAVES_ROWS_OF_EVERYONE;
	return kind;
}

/* Does ON DELETE or ON UPDATE SET NULL, or SET DEFAULT, set this column of the child? */
static bool
action_sets(const ForeignKey *key, AttrNumber column)
{
	bool		on_update = key->on_update == FKCONSTR_ACTION_SETNULL || key->on_update == FKCONSTR_ACTION_SETDEFAULT;
	bool		on_delete = key->on_delete == FKCONSTR_ACTION_SETNULL || key->on_delete == FKCONSTR_ACTION_SETDEFAULT;

	for (int i = 0; i < key->nset; i++)
		if (on_delete && key->set_columns[i] == column)
			return true;
	for (int i = 0; i < key->ncolumns; i++)
		if (key->columns[i] == column && (on_update || (on_delete && key->nset == 0)))
			return true;
	return false;
}

static KeyKind
kind_of_key(const ForeignKey *key)
{
	if (guard_of(key->child).status == GUARD_WHOLE && has_rows_of_everyone(key->child) && action_sets(key, key->tenant))
		return KEY_GIVES_TO_EVERYONE;
	if (guard_of(key->parent).status != GUARD_WHOLE)
		return kind_of_key_to_unguarded(key);
	if (guard_of(key->child).status != GUARD_WHOLE)
		return inherited_declaration(key->child).kind == LABEL_NONE ? KEY_FROM_UNGUARDED : KEY_IRRELEVANT;
	return kind_of_key_between(key);
}

/*
 * Does a key reference rows of everyone, besides those of a tenant, so that triggers
 * must check whose it references?  They cannot check a key with a PERIOD, which
 * several rows together can satisfy, nor one that is not enforced, which none need.
 */
bool
reaches_rows_of_everyone(const ForeignKey *key)
{
	return key->enforced && !key->temporal && key->kind != KEY_HAS_COMPANION &&
		has_rows_of_everyone(key->parent) && guard_of(key->child).status != GUARD_NONE &&
		kind_by_columns(key) == KEY_UNPAIRED;
}

/* Can a key reference another tenant's row, or make rows everyone's? */
bool
may_cross_tenants(const ForeignKey *key)
{
	return key->kind == KEY_UNPAIRED || key->kind == KEY_CROSSES_TENANTS ||
		key->kind == KEY_TO_ROWS_OF_EVERYONE || key->kind == KEY_LEAVES_ROWS_OF_EVERYONE ||
		key->kind == KEY_GIVES_TO_EVERYONE;
}

/* Is this a foreign key, and not derived from one of a partitioned table? */
static bool
is_root_constraint(const FormData_pg_constraint *con)
{
	return con->contype == CONSTRAINT_FOREIGN && !OidIsValid(con->conparentid);
}

static ForeignKey *
read_key(HeapTuple tuple)
{
	Form_pg_constraint con = (Form_pg_constraint) GETSTRUCT(tuple);
	ForeignKey *key = palloc0(sizeof(ForeignKey));

	key->oid = con->oid;
	key->name = pstrdup(NameStr(con->conname));
	key->child = con->conrelid;
	key->parent = con->confrelid;
	key->tenant = guard_of(key->child).attnum;
	key->parent_tenant = guard_of(key->parent).attnum;
	DeconstructFkConstraintRow(tuple, &key->ncolumns, key->columns, key->referenced,
							   key->operators, NULL, NULL,
							   &key->nset, key->set_columns);
	Assert(key->ncolumns > 0 && key->ncolumns <= INDEX_MAX_KEYS);
	Assert(key->nset >= 0 && key->nset <= key->ncolumns);
	key->on_update = con->confupdtype;
	key->on_delete = con->confdeltype;
	key->match = con->confmatchtype;
	key->deferrable = con->condeferrable;
	key->deferred = con->condeferred;
	key->validated = con->convalidated;
	key->enforced = constraint_is_enforced(con);
	key->temporal = constraint_has_period(con);
	key->made_now = TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data));
	key->kind = kind_of_key(key);
	return key;
}

/* The child's column that references the parent's tenant column, or InvalidAttrNumber. */
AttrNumber
naming_column(const ForeignKey *key)
{
	for (int i = 0; i < key->ncolumns; i++)
		if (key->referenced[i] == key->parent_tenant)
			return key->columns[i];
	return InvalidAttrNumber;
}

/* Does "column" of the child reference "referenced" of the parent? */
static bool
key_has_pair(const ForeignKey *key, AttrNumber column, AttrNumber referenced)
{
	for (int i = 0; i < key->ncolumns; i++)
		if (key->columns[i] == column && key->referenced[i] == referenced)
			return true;
	return false;
}

/* Does a key carry the tenant, and otherwise reference the same columns by the same columns as another? */
static bool
adds_tenant_to(const ForeignKey *key, const ForeignKey *other)
{
	if (key->kind != KEY_CARRIES_TENANT || key->child != other->child || key->parent != other->parent ||
		key->ncolumns != other->ncolumns + 1)
		return false;
	for (int i = 0; i < other->ncolumns; i++)
		if (!key_has_pair(key, other->columns[i], other->referenced[i]))
			return false;
	return true;
}

/* Is there a key among these that adds the tenant to a key, under whatever name? */
bool
has_tenant_beside(const ForeignKey *key, List *keys)
{
	ListCell   *lc;

	foreach(lc, keys)
		if (adds_tenant_to(lfirst(lc), key))
			return true;
	return false;
}

/*
 * The companion of a key among these keys of its table, or NULL: it has the name
 * of a companion, carries the tenant, and otherwise references the same columns
 * by the same columns.
 */
ForeignKey *
companion_of(const ForeignKey *key, List *keys)
{
	ListCell   *lc;

	foreach(lc, keys)
	{
		ForeignKey *other = lfirst(lc);

		if (adds_tenant_to(other, key) && is_companion_name(other->name, key->name))
			return other;
	}
	return NULL;
}

/* The topmost constraint from which this one was derived, or itself. */
Oid
root_constraint(Oid constraint)
{
	for (;;)
	{
		HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
		Oid			parent;

		CHECK_FOR_INTERRUPTS();
		if (!HeapTupleIsValid(tuple))
			return constraint;
		parent = ((Form_pg_constraint) GETSTRUCT(tuple))->conparentid;
		ReleaseSysCache(tuple);
		if (!OidIsValid(parent))
			return constraint;
		constraint = parent;
	}
}

/* The table that a foreign key belongs to; InvalidOid for other constraints. */
Oid
table_of_key(Oid constraint)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	Oid			relid = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		if (((Form_pg_constraint) GETSTRUCT(tuple))->contype == CONSTRAINT_FOREIGN)
			relid = ((Form_pg_constraint) GETSTRUCT(tuple))->conrelid;
		ReleaseSysCache(tuple);
	}
	return relid;
}

/*
 * Of two foreign keys of a table, does the trigger of the first fire before that
 * of the second?  "funcid" is the RI trigger function that is compared.  True if
 * neither has such a trigger.
 */
static bool
checks_first(Oid relid, Oid funcid, Oid first, Oid second)
{
	bool		is_first = true;
	CatalogScan scan;
	HeapTuple	tuple;

	/* triggers fire in the order of their names, by which the index is sorted */
	scan = begin_catalog_scan(TriggerRelationId, TriggerRelidNameIndexId, Anum_pg_trigger_tgrelid, relid, NULL);
	while (HeapTupleIsValid(tuple = next_catalog_row(&scan)))
	{
		Form_pg_trigger trigger = (Form_pg_trigger) GETSTRUCT(tuple);
		Oid			key = trigger->tgfoid == funcid ? root_constraint(trigger->tgconstraint) : InvalidOid;

		is_first = key == first;
		if (OidIsValid(key) && (key == first || key == second))
			break;
		is_first = true;
	}
	end_catalog_scan(&scan);
	return is_first;
}

/*
 * Is a companion checked whenever its key is, and before it?  RI triggers have
 * numbers in their names, which are compared as strings: 100000 comes before
 * 99999.
 */
static bool
is_checked_before(const ForeignKey *companion, const ForeignKey *key)
{
	ListCell   *lc;

	if ((!companion->enforced && key->enforced) ||
		(companion->deferrable && !key->deferrable) ||
		(companion->deferred && !key->deferred))
		return false;
	foreach(lc, find_all_inheritors(key->child, NoLock, NULL))
		if (!checks_first(lfirst_oid(lc), F_RI_FKEY_CHECK_INS, companion->oid, key->oid) ||
			!checks_first(lfirst_oid(lc), F_RI_FKEY_CHECK_UPD, companion->oid, key->oid))
			return false;
	return true;
}

/* Finds those of a table's keys whose companion carries the tenant for them. */
void
find_companions(List *keys)
{
	ListCell   *lc;

	foreach(lc, keys)
	{
		ForeignKey *key = lfirst(lc);
		ForeignKey *companion = key->kind == KEY_UNPAIRED || key->kind == KEY_TO_ROWS_OF_EVERYONE ?
			companion_of(key, keys) : NULL;

		if (companion != NULL && is_checked_before(companion, key))
			key->kind = KEY_HAS_COMPANION;
		else if (key->kind == KEY_TO_ROWS_OF_EVERYONE && reaches_rows_of_everyone(key) &&
				 references_are_checked(key->child, key->parent, (CheckTime) {key->deferrable, key->deferred}))
			key->kind = KEY_IS_CHECKED;
	}
}

/*
 * The foreign keys by which a table references others or itself, in the order
 * of their names.  The list and the keys are palloc'd.
 */
List *
foreign_keys_from(Oid relid)
{
	List	   *keys = NIL;
	CatalogScan scan;
	HeapTuple	tuple;

	scan = begin_catalog_scan(ConstraintRelationId, ConstraintRelidTypidNameIndexId, Anum_pg_constraint_conrelid, relid, NULL);
	while (HeapTupleIsValid(tuple = next_catalog_row(&scan)))
		if (is_root_constraint((Form_pg_constraint) GETSTRUCT(tuple)))
			keys = lappend(keys, read_key(tuple));
	end_catalog_scan(&scan);
	find_companions(keys);
	return keys;
}

/*
 * The tables, other than itself, that reference a table, in the order of their
 * OIDs, so that messages come in a stable order.  pg_constraint has no index on
 * confrelid; pg_depend has a row for each column that a foreign key references.
 */
static List *
tables_referencing(Oid relid)
{
	CatalogScan scan = begin_dependents_scan(RelationRelationId, relid);
	List	   *tables = NIL;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = next_catalog_row(&scan)))
	{
		Form_pg_depend depend = (Form_pg_depend) GETSTRUCT(tuple);
		HeapTuple	constraint = depend->classid == ConstraintRelationId ?
			SearchSysCache1(CONSTROID, ObjectIdGetDatum(depend->objid)) : NULL;

		if (HeapTupleIsValid(constraint))
		{
			Form_pg_constraint con = (Form_pg_constraint) GETSTRUCT(constraint);

			if (is_root_constraint(con) && con->confrelid == relid && con->conrelid != relid)
				tables = list_append_unique_oid(tables, con->conrelid);
			ReleaseSysCache(constraint);
		}
	}
	end_catalog_scan(&scan);
	list_sort(tables, list_oid_cmp);
	return tables;
}

/* The foreign keys from a table, and those of other tables that reference it; each once. */
List *
foreign_keys_of(Oid relid)
{
	List	   *keys = foreign_keys_from(relid);
	ListCell   *lc;
	ListCell   *lk;

	foreach(lc, tables_referencing(relid))
		foreach(lk, foreign_keys_from(lfirst_oid(lc)))
			if (((ForeignKey *) lfirst(lk))->parent == relid)
				keys = lappend(keys, lfirst(lk));
	return keys;
}

/*
 * Reads a foreign key, also one that the running command has made, or has
 * dropped from a table that remains; NULL for other constraints.
 */
ForeignKey *
foreign_key_of_command(Oid constraint)
{
	ForeignKey *key = NULL;
	CatalogScan scan;
	HeapTuple	tuple;

	scan = begin_catalog_scan(ConstraintRelationId, ConstraintOidIndexId, Anum_pg_constraint_oid, constraint, SnapshotAny);
	while (HeapTupleIsValid(tuple = next_catalog_row(&scan)))
	{
		Form_pg_constraint con = (Form_pg_constraint) GETSTRUCT(tuple);

		/* row versions differ in flags only; rows of foreign keys are not toasted */
		if (is_root_constraint(con) && get_rel_relkind(con->conrelid) != '\0')
			key = read_key(tuple);
	}
	end_catalog_scan(&scan);
	return key;
}

/* ----------------------------------------------------------------
 *		Keys in SQL
 * ----------------------------------------------------------------
 */

/* A table for FROM, without inheritance children, which a foreign key does not cover. */
char *
only_table(Oid relid)
{
	return psprintf("%s%s", get_rel_relkind(relid) == RELKIND_RELATION && has_subclass(relid) ? "ONLY " : "",
					relation_name(relid));
}

/* The qualified name of a collation. */
char *
collation_name(Oid collation)
{
	HeapTuple	tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
	Form_pg_collation form;
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for collation %u", collation);
	form = (Form_pg_collation) GETSTRUCT(tuple);
	name = quote_qualified_identifier(get_namespace_name(form->collnamespace), NameStr(form->collname));
	ReleaseSysCache(tuple);
	return name;
}

/* A column of an aliased table, with this collation unless it is InvalidOid. */
static char *
key_column(Oid relid, AttrNumber attnum, const char *alias, Oid collation)
{
	char	   *column = psprintf("%s.%s", alias, quote_identifier(get_attname(relid, attnum, false)));

	return OidIsValid(collation) ?
		psprintf("%s COLLATE %s", column, collation_name(collation)) : column;
}

/*
 * SQL for the condition under which a row of the child references one of the
 * parent, each by its alias.  As in ri_triggers.c, the parent's collation is
 * used where the collations differ.
 */
char *
key_match(const ForeignKey *key, const char *child, const char *parent)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < key->ncolumns; i++)
	{
		Oid			type;
		Oid			parent_type;
		Oid			collation;
		Oid			parent_collation;
		int32		typmod;

		get_atttypetypmodcoll(key->child, key->columns[i], &type, &typmod, &collation);
		get_atttypetypmodcoll(key->parent, key->referenced[i], &parent_type, &typmod,
							  &parent_collation);
		if (i > 0)
			appendStringInfoString(&sql, " AND ");
		generate_operator_clause(&sql,
								 key_column(key->parent, key->referenced[i], parent,
											collation != parent_collation ? parent_collation : InvalidOid),
								 parent_type, key->operators[i],
								 key_column(key->child, key->columns[i], child, InvalidOid),
								 type);
	}
	return sql.data;
}

/* SQL with "=" in place of OPERATOR(pg_catalog.=), for messages. */
char *
readable_sql(const char *sql)
{
	return text_to_cstring(DatumGetTextPP(DirectFunctionCall3Coll(replace_text, C_COLLATION_OID,
																  CStringGetTextDatum(sql),
																  CStringGetTextDatum("OPERATOR(pg_catalog.=)"),
																  CStringGetTextDatum("="))));
}

/* Appends the names of a key's columns, after the tenant column unless that is 0. */
static void
append_columns(StringInfo sql, Oid relid, AttrNumber tenant, const AttrNumber *columns,
			   int ncolumns, bool temporal)
{
	if (tenant != 0)
		appendStringInfo(sql, "%s, ", quote_identifier(get_attname(relid, tenant, false)));
	for (int i = 0; i < ncolumns; i++)
		appendStringInfo(sql, "%s%s%s", i > 0 ? ", " : "",
						 temporal && i == ncolumns - 1 ? "PERIOD " : "",
						 quote_identifier(get_attname(relid, columns[i], false)));
}

/* The columns and the REFERENCES clause of a key, as in ADD FOREIGN KEY; with the tenant columns if "paired". */
char *
key_references(const ForeignKey *key, bool paired)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoChar(&sql, '(');
	append_columns(&sql, key->child, paired ? key->tenant : 0, key->columns, key->ncolumns, key->temporal);
	appendStringInfo(&sql, ") REFERENCES %s (", relation_name(key->parent));
	append_columns(&sql, key->parent, paired ? key->parent_tenant : 0, key->referenced, key->ncolumns, key->temporal);
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

/* A key by which a guarded table references this one with its tenant column, or NULL: if there is one, this is the tenants' own table. */
ForeignKey *
key_to_tenants(Oid relid)
{
	ListCell   *lc;

	foreach(lc, foreign_keys_of(relid))
	{
		ForeignKey *key = lfirst(lc);

		if (key->parent == relid && key->tenant != 0 && key->ncolumns == 1 && key->columns[0] == key->tenant)
			return key;
	}
	return NULL;
}
