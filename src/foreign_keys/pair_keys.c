/*-------------------------------------------------------------------------
 *
 * pair_keys.c
 *	  Makes foreign keys between guarded tables carry the tenant.
 *
 * (x) REFERENCES p (y) becomes (tenant, x) REFERENCES p (tenant, y) with the same
 * name and properties, by one ALTER TABLE for each table.  The unique index that
 * this needs on the parent is found or made before.
 *
 * Rows that reference another tenant's rows are counted first; if there are any
 * an error is raised.  If the caller owns both tables they are counted although
 * row-level security binds him (noforce.c).  Each table is changed as its owner.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "commands/comment.h"
#include "commands/trigger.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "catalog.h"
#include "compat.h"
#include "foreign_key.h"
#include "framework_key.h"
#include "install_guard.h"
#include "key_index.h"
#include "key_owners.h"
#include "key_refusals.h"
#include "noforce.h"
#include "not_null.h"
#include "own_sql.h"
#include "pair_keys.h"

/* A key that is to be paired. */
typedef struct Pairing
{
	ForeignKey *key;
	bool		valid;			/* existing rows are to be checked, and can be */
	int64		cross_tenant;	/* rows that reference another tenant's row */
	int64		tenantless;		/* rows that reference a row whose tenant is null */
	char	   *comment;		/* COMMENT ON CONSTRAINT, or NULL */
	char	   *companion;		/* name of its companion, or NULL if it gets none (companion_key.c) */
	bool		remakes;		/* the companion exists, but is not checked first */
} Pairing;

/* ----------------------------------------------------------------
 *		Rows
 * ----------------------------------------------------------------
 */

static char *
column_name(Oid relid, AttrNumber attnum)
{
	return get_attname(relid, attnum, false);
}

/* The tenant column of an aliased table, in SQL; texts are compared by their bytes. */
static char *
tenant_of(Oid relid, AttrNumber attnum, const char *alias)
{
	Oid			type;
	int32		typmod;
	Oid			collation;

	get_atttypetypmodcoll(relid, attnum, &type, &typmod, &collation);
	return psprintf("%s.%s%s", alias, quote_identifier(column_name(relid, attnum)),
					OidIsValid(collation) ? " COLLATE pg_catalog.\"C\"" : "");
}

/* The condition under which a row references another tenant's: not by a key that may reference everyone's. */
static char *
crosses_tenants(const ForeignKey *key, const char *tenant, const char *unequal, const char *parent_tenant)
{
	return key->kind == KEY_UNPAIRED ? psprintf("%s %s %s", tenant, unequal, parent_tenant) :
		psprintf("%s IS NOT NULL AND (%s OPERATOR(pg_catalog.=) %s) IS NOT TRUE", parent_tenant, tenant, parent_tenant);
}

/* The query that lists cross-tenant rows, for a hint. */
char *
cross_tenant_query(const ForeignKey *key)
{
	return readable_sql(psprintf("SELECT c.* FROM %s AS c JOIN %s AS p ON %s WHERE %s;",
								 only_table(key->child), only_table(key->parent), key_match(key, "c", "p"),
								 crosses_tenants(key, tenant_of(key->child, key->tenant, "c"), "<>",
												 tenant_of(key->parent, key->parent_tenant, "p"))));
}

static void
count_cross_tenant_rows(Pairing *pairing)
{
	const ForeignKey *key = pairing->key;
	char	   *tenant = tenant_of(key->child, key->tenant, "c");
	char	   *parent_tenant = tenant_of(key->parent, key->parent_tenant, "p");
	EphemeralNamedRelation parents = read_parents(key);

	pairing->cross_tenant =
		query_noforce(object_owner(RelationRelationId, key->child),
					  psprintf("SELECT pg_catalog.count(*) FILTER (WHERE %s),"
							   " pg_catalog.count(*) FILTER (WHERE %s IS NULL)"
							   " FROM %s AS c JOIN %s AS p ON %s%s",
							   crosses_tenants(key, tenant, "OPERATOR(pg_catalog.<>)", parent_tenant), parent_tenant, only_table(key->child),
							   parents_of(key, parents), key_match(key, "c", "p"),
							   key->kind == KEY_UNPAIRED ? psprintf(" WHERE %s IS NOT NULL", tenant) : ""),
					  parents, &pairing->tenantless);
	forget_rows(parents);
}

/* Raises an error if there are cross-tenant rows, with the counts for all keys. */
static void
check_no_row_crosses(List *pairings)
{
	StringInfoData counts;
	StringInfoData queries;
	ListCell   *lc;

	initStringInfo(&counts);
	initStringInfo(&queries);
	foreach(lc, pairings)
	{
		Pairing    *pairing = lfirst(lc);
		const ForeignKey *key = pairing->key;

		if (pairing->cross_tenant == 0)
			continue;
		appendStringInfo(&counts, "%s" INT64_FORMAT " %s of table %s, by foreign key \"%s\" to table %s.",
						 counts.len > 0 ? "\n" : "", pairing->cross_tenant,
						 pairing->cross_tenant == 1 ? "row" : "rows", relation_name(key->child),
						 key->name, relation_name(key->parent));
		appendStringInfo(&queries, "%s%s", queries.len > 0 ? "\n" : "", cross_tenant_query(key));
	}
	if (counts.len > 0)
		raise_refusal(keys_cross_tenants(counts.data, queries.data));
}

/* Raises that error for keys to rows of everyone, which are not paired. */
void
check_no_reference_crosses(List *keys)
{
	List	   *pairings = NIL;
	ListCell   *lc;

	foreach(lc, keys)
	{
		Pairing    *pairing = palloc0(sizeof(Pairing));

		pairing->key = lfirst(lc);
		Assert(pairing->key->kind == KEY_TO_ROWS_OF_EVERYONE || pairing->key->kind == KEY_IS_CHECKED);
		count_cross_tenant_rows(pairing);
		pairings = lappend(pairings, pairing);
	}
	check_no_row_crosses(pairings);
}

/* Does a row reference another tenant's by this key to rows of everyone? */
bool
references_cross(ForeignKey *key)
{
	Pairing		pairing = {.key = key};

	count_cross_tenant_rows(&pairing);
	return pairing.cross_tenant > 0;
}

/* ----------------------------------------------------------------
 *		Keys that cannot be paired
 * ----------------------------------------------------------------
 */

static void
refuse_key(const ForeignKey *key, const char *reason, const char *hint)
{
	raise_refusal(key_cannot_be_paired(key, reason, hint));
}

/* Refuses a key if the user does not own the referencing table.  Needs no lock. */
void
check_owns_key(const ForeignKey *key)
{
	if (!user_owns_relation(key->child))
		refuse_key(key, "Its table belongs to another role.",
				   "Let a superuser run this statement, or a role that is a member of both owners.");
}

static void
check_owners(const ForeignKey *key)
{
	check_owns_key(key);
	if (!user_owns_relation(key->parent) && !OidIsValid(unique_index_for(key)))
		refuse_key(key, psprintf("Table %s, which it references, belongs to another role and has no unique index on (%s).",
								 relation_name(key->parent), index_columns(key)),
				   psprintf("Let its owner run CREATE UNIQUE INDEX ON %s (%s);\nOr let a superuser run this statement, or a role that is a member of both owners.",
							relation_name(key->parent), index_columns(key)));
}

static bool
all_columns_are_not_null(const ForeignKey *key)
{
	for (int i = 0; i < key->ncolumns; i++)
		if (!column_has_not_null(key->child, key->columns[i], true))
			return false;
	return true;
}

static bool
sets_on_delete(const ForeignKey *key)
{
	return key->on_delete == FKCONSTR_ACTION_SETNULL || key->on_delete == FKCONSTR_ACTION_SETDEFAULT;
}

/* The columns that ON DELETE SET NULL or SET DEFAULT of the paired key sets: not the tenant column. */
static List *
set_columns(const ForeignKey *key)
{
	const AttrNumber *columns = key->nset > 0 ? key->set_columns : key->columns;
	int			ncolumns = key->nset > 0 ? key->nset : key->ncolumns;
	List	   *set = NIL;

	for (int i = 0; i < ncolumns; i++)
		if (columns[i] != key->tenant)
			set = lappend_int(set, columns[i]);
	return set;
}

static bool
cannot(Refusal *why, const ForeignKey *key, const char *reason, const char *hint)
{
	*why = key_cannot_be_paired(key, reason, hint);
	return false;
}

/* Can a key have all of its properties with the tenant column, too?  Otherwise sets *why.  The referenced table must be locked. */
bool
key_keeps_meaning(const ForeignKey *key, Refusal *why)
{
	char	   *generated = psprintf("Column \"%s\" is generated, and a foreign key with such a column cannot change it.",
									 column_name(key->child, key->tenant));

	if (key->ncolumns >= INDEX_MAX_KEYS)
		return cannot(why, key, psprintf("It has %d columns, and with the tenant there are more than an index can have.", key->ncolumns),
					  "Reference the rows by fewer columns, among them the tenant column.");
	if (sets_on_delete(key) && set_columns(key) == NIL)
		return cannot(why, key, "ON DELETE would set the tenant column, and nothing else.",
					  "Make the key anew with ON DELETE CASCADE or NO ACTION.");
	if (key->on_update == FKCONSTR_ACTION_SETNULL || key->on_update == FKCONSTR_ACTION_SETDEFAULT)
		return cannot(why, key, "ON UPDATE SET NULL and ON UPDATE SET DEFAULT set all columns of a key, and with them the tenant.",
					  "Make the key anew with ON UPDATE CASCADE or NO ACTION.");
	if (key->match == FKCONSTR_MATCH_FULL && key->ncolumns > 1 && !all_columns_are_not_null(key))
		return cannot(why, key, "MATCH FULL lets all columns of a key be null or none, and the tenant is never null.",
					  "Make the key anew with MATCH SIMPLE, and add CHECK (num_nulls(...) IN (0, ...)) on its columns.");
	if (get_attgenerated(key->child, key->tenant) != '\0' &&
		(key->on_update == FKCONSTR_ACTION_CASCADE || sets_on_delete(key)))
		return cannot(why, key, generated, "Make the key anew with ON UPDATE NO ACTION, and ON DELETE CASCADE or NO ACTION.");
	if (key->temporal && !OidIsValid(unique_index_for(key)))
		return cannot(why, key, psprintf("A key with a PERIOD needs a constraint WITHOUT OVERLAPS on (%s) of table %s.",
										 index_columns(key), relation_name(key->parent)),
					  psprintf("Run CREATE EXTENSION btree_gist; ALTER TABLE %s ADD UNIQUE (%s WITHOUT OVERLAPS);",
							   relation_name(key->parent), index_columns(key)));
	return true;
}

/*
 * Refuses a NOT VALID key of a partitioned table before PostgreSQL 18, which does
 * not support it.  The hint depends on why the rows are not to be checked.
 */
static void
check_can_be_unvalidated(const Pairing *pairing)
{
	const ForeignKey *key = pairing->key;

	if (pairing->valid || !key->enforced || !partitioned_keys_are_validated() ||
		get_rel_relkind(key->child) != RELKIND_PARTITIONED_TABLE)
		return;
	if (pairing->tenantless > 0)
		refuse_key(key, psprintf(INT64_FORMAT " rows reference rows of no tenant, and a key of a partitioned table cannot be NOT VALID before PostgreSQL 18.",
								 pairing->tenantless),
				   psprintf("Fill column %s of table %s first.",
							quote_identifier(column_name(key->parent, key->parent_tenant)),
							relation_name(key->parent)));
	refuse_key(key, "A key of a partitioned table cannot be NOT VALID before PostgreSQL 18.",
			   psprintf("Run SELECT tenant_guard.pair_foreign_keys(%s);", quote_literal_cstr(relation_name(key->child))));
}

/* Refuses to change a table if deferred checks are pending on it, its partitions or children. */
void
check_no_event_pending(Oid root)
{
	ListCell   *lc;

	foreach(lc, find_all_inheritors(root, NoLock, NULL))
		if (AfterTriggerPendingOnRel(lfirst_oid(lc)))
			raise_refusal(key_events_pending(lfirst_oid(lc)));
}

/* ----------------------------------------------------------------
 *		Pairing
 * ----------------------------------------------------------------
 */

static const char *
action_clause(char action)
{
	switch (action)
	{
		case FKCONSTR_ACTION_RESTRICT:
			return "RESTRICT";
		case FKCONSTR_ACTION_CASCADE:
			return "CASCADE";
		case FKCONSTR_ACTION_SETNULL:
			return "SET NULL";
		case FKCONSTR_ACTION_SETDEFAULT:
			return "SET DEFAULT";
		default:
			return "NO ACTION";
	}
}

static void
append_set_columns(StringInfo sql, const ForeignKey *key)
{
	const char *separator = " (";
	ListCell   *lc;

	foreach(lc, set_columns(key))
	{
		appendStringInfo(sql, "%s%s", separator, quote_identifier(column_name(key->child, lfirst_int(lc))));
		separator = ", ";
	}
	appendStringInfoChar(sql, ')');
}

/*
 * The CONSTRAINT clause for ALTER TABLE ... ADD of a key: with the tenant columns
 * if "paired", and NOT VALID unless "valid".
 */
char *
key_definition(const ForeignKey *key, const char *name, bool paired, bool valid)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CONSTRAINT %s FOREIGN KEY %s", quote_identifier(name), key_references(key, paired));
	if (!paired && key->match == FKCONSTR_MATCH_FULL)
		appendStringInfoString(&sql, " MATCH FULL");
	if (key->on_update != FKCONSTR_ACTION_NOACTION)
		appendStringInfo(&sql, " ON UPDATE %s", action_clause(key->on_update));
	if (key->on_delete != FKCONSTR_ACTION_NOACTION)
		appendStringInfo(&sql, " ON DELETE %s", action_clause(key->on_delete));
	if ((paired || key->nset > 0) && sets_on_delete(key))
		append_set_columns(&sql, key);
	if (key->deferrable)
		appendStringInfo(&sql, " DEFERRABLE INITIALLY %s", key->deferred ? "DEFERRED" : "IMMEDIATE");
	if (!key->enforced)
		appendStringInfoString(&sql, " NOT ENFORCED");
	else if (!valid)
		appendStringInfoString(&sql, " NOT VALID");
	return sql.data;
}

/* The actions of ALTER TABLE by which a key is paired or gets a companion. */
static char *
pairing_commands(const Pairing *pairing)
{
	const ForeignKey *key = pairing->key;

	if (pairing->companion == NULL)
		return psprintf("DROP CONSTRAINT %s, ADD %s", quote_identifier(key->name),
						key_definition(key, key->name, true, pairing->valid));
	return psprintf("DROP CONSTRAINT %s, %s%s%sADD %s, ADD %s", quote_identifier(key->name),
					pairing->remakes ? "DROP CONSTRAINT " : "",
					pairing->remakes ? quote_identifier(pairing->companion) : "",
					pairing->remakes ? ", " : "",
					key_definition(key, pairing->companion, true, pairing->valid),
					key_definition(key, key->name, false, pairing->valid));
}

static void
put_comment_back(const Pairing *pairing)
{
	const ForeignKey *key = pairing->key;

	if (pairing->comment != NULL)
		run_ddl(key->child, psprintf("COMMENT ON CONSTRAINT %s ON %s IS %s", quote_identifier(key->name),
									 relation_name(key->child), quote_literal_cstr(pairing->comment)));
}

static void
note_pairing(const Pairing *pairing)
{
	const ForeignKey *key = pairing->key;

	ereport(routine_notice,
			(pairing->companion == NULL ?
			 errmsg("foreign key \"%s\" of table %s carries the tenant now", key->name, relation_name(key->child)) :
			 errmsg("foreign key \"%s\" of table %s is accompanied by \"%s\", which carries the tenant",
					key->name, relation_name(key->child), pairing->companion),
			 errdetail("It is %s.", key_references(key, true)),
			 pairing->valid || !key->enforced ? 0 :
			 errhint("It is NOT VALID: rows that were there are not checked.%s%s Run ALTER TABLE %s VALIDATE CONSTRAINT %s;",
					 pairing->tenantless > 0 ? " Some reference rows of no tenant: fill these first." : "",
					 pairing->companion ? " Until it is, the key that it accompanies acts on rows of another tenant, if any reference it." : "",
					 relation_name(key->child),
					 quote_identifier(pairing->companion ? pairing->companion : key->name))));
}

/* Pairs keys of one table by one statement. */
static void
pair_by_statement(Oid child, List *pairings)
{
	StringInfoData sql;
	const char *separator = "";
	ListCell   *lc;

	Assert(pairings != NIL);
	initStringInfo(&sql);
	appendStringInfo(&sql, "ALTER TABLE %s", relation_name(child));
	foreach(lc, pairings)
	{
		appendStringInfo(&sql, "%s %s", separator, pairing_commands(lfirst(lc)));
		separator = ",";
	}
	run_ddl_noforce(child, sql.data);
}

/*
 * The pairings whose companion is not checked before the key, because the OIDs in
 * the names of triggers got another digit meanwhile or wrapped around.  They are
 * to be made again.
 */
static List *
left_unpaired(Oid child, List *pairings)
{
	List	   *keys = foreign_keys_from(child);
	List	   *left = NIL;
	ListCell   *lc;
	ListCell   *lk;

	foreach(lc, pairings)
		foreach(lk, keys)
		{
			Pairing    *pairing = lfirst(lc);
			const ForeignKey *key = lfirst(lk);

			if (key->kind != KEY_UNPAIRED || strcmp(key->name, pairing->key->name) != 0)
				continue;
			pairing->remakes = companion_of(key, keys) != NULL;
			if (pairing->remakes)
				left = lappend(left, pairing);
		}
	return left;
}

static void
pair_keys_of_table(Oid child, List *pairings)
{
	List	   *own = NIL;
	List	   *left;
	ListCell   *lc;

	foreach(lc, pairings)
		if (((Pairing *) lfirst(lc))->key->child == child)
			own = lappend(own, lfirst(lc));
	check_no_event_pending(child);
	for (left = own; left != NIL; left = left_unpaired(child, left))
	{
		CHECK_FOR_INTERRUPTS();
		pair_by_statement(child, left);
	}

	foreach(lc, own)
	{
		put_comment_back(lfirst(lc));
		note_pairing(lfirst(lc));
	}
}

/* The names of the companions that the keys of a table get by these pairings. */
static List *
companions_of_table(List *pairings, Oid child)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, pairings)
	{
		const Pairing *pairing = lfirst(lc);

		if (pairing->key->child == child && pairing->companion != NULL)
			names = lappend(names, pairing->companion);
	}
	return names;
}

/*
 * Checks that a key can be paired and counts its cross-tenant rows; returns a
 * palloc'd Pairing.  Its companion gets none of the names in "taken".
 */
static Pairing *
check_key(ForeignKey *key, bool validate, List *taken)
{
	Pairing    *pairing = palloc0(sizeof(Pairing));
	ForeignKey *companion = companion_of(key, foreign_keys_from(key->child));
	Refusal		why;

	pairing->key = key;
	pairing->companion = companion ? companion->name :
		gets_companion(key->name) ? unused_companion_name(key->child, key->name, taken) : NULL;
	pairing->remakes = companion != NULL;
	pairing->comment = GetComment(key->oid, ConstraintRelationId, 0);
	pairing->valid = key->validated && key->enforced && validate && (companion == NULL || companion->validated);
	check_owners(key);
	check_two_owners(key);
	if (!key_keeps_meaning(key, &why))
		raise_refusal(why);
	/* where another role owns the parent, they fail when the new key is validated */
	if (pairing->valid && user_owns_relation(key->parent))
		count_cross_tenant_rows(pairing);
	pairing->valid &= pairing->tenantless == 0;
	check_can_be_unvalidated(pairing);
	return pairing;
}

/*
 * Makes these foreign keys carry the tenant.  Their tables must be locked.  Unless
 * "validate", existing rows are not checked and the keys are made NOT VALID.
 * Raises an error if one of the keys cannot be paired.
 */
void
pair_keys(List *keys, bool validate)
{
	List	   *pairings = NIL;
	List	   *children = NIL;
	ListCell   *lc;

	foreach(lc, keys)
	{
		ForeignKey *key = lfirst(lc);

		Assert(key->kind == KEY_UNPAIRED);
		Assert(relation_is_locked(key->child, AccessExclusiveLock));
		Assert(relation_is_locked(key->parent, AccessExclusiveLock));
		pairings = lappend(pairings, check_key(key, validate, companions_of_table(pairings, key->child)));
		children = list_append_unique_oid(children, key->child);
	}
	check_no_row_crosses(pairings);
	foreach(lc, keys)
	{
		if (!OidIsValid(unique_index_for(lfirst(lc))))
			check_no_event_pending(((ForeignKey *) lfirst(lc))->parent);
		make_unique_index(lfirst(lc));
	}
	foreach(lc, children)
		pair_keys_of_table(lfirst_oid(lc), pairings);
}
