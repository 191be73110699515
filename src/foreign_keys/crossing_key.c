/*-------------------------------------------------------------------------
 *
 * crossing_key.c
 *	  Foreign keys that reference the parent's tenant column by another column
 *	  than the child's.
 *
 * (other, x) REFERENCES p (tenant, x), where "other" is not the tenant column
 * of its table, lets a row reference any row of any tenant.  Such a key cannot
 * be made to carry the tenant without a change of its meaning.  The hint shows
 * the key that has the child's tenant column in place of the other column.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_constraint.h"
#include "fmgr.h"
#include "funcapi.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "catalog.h"
#include "crossing_key.h"
#include "foreign_key.h"
#include "key_refusals.h"
#include "pair_keys.h"
#include "refusal.h"

PG_FUNCTION_INFO_V1(tenant_guard_key_kinds);

/*
 * Lets ON DELETE SET NULL or SET DEFAULT of "own" set neither the tenant column
 * nor the column that it replaces.  If no column is left the action is removed.
 */
static void
set_other_columns(ForeignKey *own, AttrNumber naming)
{
	const AttrNumber *columns = own->nset > 0 ? own->set_columns : own->columns;
	int			ncolumns = own->nset > 0 ? own->nset : own->ncolumns;
	int			nset = 0;

	if (own->on_delete != FKCONSTR_ACTION_SETNULL && own->on_delete != FKCONSTR_ACTION_SETDEFAULT)
		return;
	for (int i = 0; i < ncolumns; i++)
		if (columns[i] != naming && columns[i] != own->tenant)
			own->set_columns[nset++] = columns[i];
	own->nset = nset;
	if (nset == 0)
		own->on_delete = FKCONSTR_ACTION_NOACTION;
}

/* A copy of the key with the child's tenant column in place of the other column. */
static ForeignKey
with_own_tenant(const ForeignKey *key)
{
	ForeignKey	own = *key;

	set_other_columns(&own, naming_column(key));
	for (int i = 0; i < own.ncolumns; i++)
		if (own.referenced[i] == own.parent_tenant)
			own.columns[i] = own.tenant;
	/* these would set the tenant column, or require it to be null with the others */
	if (own.on_update == FKCONSTR_ACTION_SETNULL || own.on_update == FKCONSTR_ACTION_SETDEFAULT)
		own.on_update = FKCONSTR_ACTION_NOACTION;
	own.match = FKCONSTR_MATCH_SIMPLE;
	return own;
}

/* That a key references rows of any tenant, with the key that would not. */
Refusal
crossing_key(const ForeignKey *key)
{
	ForeignKey	own = with_own_tenant(key);

	return key_crosses_tenants(key, key_definition(&own, key->name, false, true));
}

/* Refuses the first of these keys, if there are any. */
void
refuse_crossing_keys(List *keys)
{
	if (keys != NIL)
		raise_refusal(crossing_key(linitial(keys)));
}

/* Warns of each of these keys. */
void
warn_of_crossing_keys(List *keys)
{
	ListCell   *lc;

	foreach(lc, keys)
		report_refusal(WARNING, crossing_key(lfirst(lc)), 0);
}

/* What SQL calls a kind that columns tell, or NULL for the others. */
static const char *
key_kind_name(KeyKind kind)
{
	switch (kind)
	{
		case KEY_CARRIES_TENANT:
			return "carries_tenant";
		case KEY_TO_TENANT_COLUMN:
			return "names_tenant";
		case KEY_CROSSES_TENANTS:
			return "crosses_tenants";
		case KEY_UNPAIRED:
			return "unpaired";
		case KEY_TO_ROWS_OF_EVERYONE:
			return "reaches_everyone";
		default:
			return NULL;
	}
}

/*
 * key_kinds(relation oid): the foreign keys of a guarded table, what each says
 * of tenants if the table that it references is guarded too, and, if it
 * references rows of any tenant, the key to make instead.  For audit().
 */
Datum
tenant_guard_key_kinds(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, foreign_keys_from(PG_GETARG_OID(0)))
	{
		const ForeignKey *key = lfirst(lc);
		KeyKind		kind = key->kind == KEY_TO_ROWS_OF_EVERYONE && reaches_rows_of_everyone(key) ? key->kind : kind_by_columns(key);
		bool		crosses = kind == KEY_CROSSES_TENANTS;
		ForeignKey	own = crosses ? with_own_tenant(key) : *key;
		Datum		values[] = {ObjectIdGetDatum(key->oid), CStringGetTextDatum(key_kind_name(kind)),
			crosses ? CStringGetTextDatum(key_definition(&own, key->name, false, true)) : (Datum) 0};
		bool		nulls[] = {false, false, !crosses};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
