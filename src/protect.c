/*-------------------------------------------------------------------------
 *
 * protect.c
 *	  What a DBA calls: protect, protect_schema, unprotect, share, unshare,
 *	  and guard_status, which the view "tables" is made of.
 *
 * Each checks that the caller owns the table before it takes a lock, and
 * again with the lock held: the table may have another owner by then, or be
 * gone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "commands/extension.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/tuplestore.h"

#include "auto_protect.h"
#include "compat.h"
#include "context.h"
#include "guard.h"
#include "label.h"
#include "policy.h"
#include "refuse_table.h"

PG_FUNCTION_INFO_V1(protect);
PG_FUNCTION_INFO_V1(protect_schema);
PG_FUNCTION_INFO_V1(unprotect);
PG_FUNCTION_INFO_V1(share);
PG_FUNCTION_INFO_V1(unshare);
PG_FUNCTION_INFO_V1(guard_status);

/* ----------------------------------------------------------------
 *		May the caller do this, to this table?
 * ----------------------------------------------------------------
 */

/* Refuses what does not exist, is not the caller's, or is the system's. */
static void
check_relation(Oid relid)
{
	char		relkind = get_rel_relkind(relid);

	if (relkind == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	if (!user_owns_relation(relid))
		aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(relkind),
					   get_rel_name(relid));
	if (relid < FirstNormalObjectId || IsCatalogNamespace(get_rel_namespace(relid)))
		raise_refusal(system_table(relation_name(relid)));
	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE &&
		relkind != RELKIND_FOREIGN_TABLE)
		raise_refusal(not_a_table(relation_name(relid)));
}

/* The same with the lock held that the caller's next step needs. */
static void
lock_relation(Oid relid)
{
	check_relation(relid);
	LockRelationOid(relid, AccessExclusiveLock);
	check_relation(relid);
}

/* The relation argument of a function; null is no table. */
static Oid
relation_argument(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("relation must not be null")));
	return PG_GETARG_OID(0);
}

/* The column by which a table is to be guarded. */
static const char *
column_for(Oid relid, const char *wanted)
{
	Guard		guard = guard_of(relid);

	if (wanted != NULL)
		return wanted;
	if (guard.attnum != 0)
	{
		char	   *name = get_attname(relid, guard.attnum, true);

		if (name != NULL)
			return name;
	}
	return pstrdup(setting_tenant_column);
}

/* ----------------------------------------------------------------
 *		protect, unprotect
 * ----------------------------------------------------------------
 */

/* True if anything had to be done. */
static bool
protect_table(Oid relid, const char *column)
{
	char	   *label;
	Oid			extension;
	ListCell   *lc;

	lock_relation(relid);
	label = inherited_label(relid);
	if (label != NULL && strcmp(label, LABEL_SHARED) == 0)
		raise_refusal(table_is_shared(relation_name(relid)));
	extension = getExtensionOfObject(RelationRelationId, relid);
	if (OidIsValid(extension))
		raise_refusal(extension_table(relation_name(relid), get_extension_name(extension)));

	foreach(lc, find_all_inheritors(relid, AccessExclusiveLock, NULL))
	{
		check_relation(lfirst_oid(lc));
		if (own_label(lfirst_oid(lc)) != NULL)
			set_label(lfirst_oid(lc), NULL);
	}
	foreach(lc, ancestors_of(relid))
		if (guard_of(lfirst_oid(lc)).status != GUARD_WHOLE)
			warn_of_unguarded_parent(relid, lfirst_oid(lc));
	return guard_hierarchy(relid, column_for(relid, column), NULL_ROWS_REFUSED);
}

/* FORCE binds the owner too: says what it cannot do any more, and who can. */
static void
note_bound_owner(Oid relid)
{
	Oid			owner = relation_owner(relid);

	if (has_bypassrls_privilege(owner))
		return;
	ereport(NOTICE,
			(errmsg("role \"%s\" owns guarded tables and is bound by their guards",
					GetUserNameFromId(owner, true)),
			 errdetail("It can no longer run pg_dump on them, or read and write the rows of several tenants in one transaction."),
			 errhint("Let a superuser do that, or a role made for it: CREATE ROLE backup LOGIN BYPASSRLS; GRANT pg_read_all_data TO backup;")));
}

Datum
protect(PG_FUNCTION_ARGS)
{
	Oid			relid = relation_argument(fcinfo);
	const char *column = PG_ARGISNULL(1) ? NULL : NameStr(*PG_GETARG_NAME(1));

	if (protect_table(relid, column))
		note_bound_owner(relid);
	else
		ereport(NOTICE,
				(errmsg("table %s is guarded already", relation_name(relid))));
	PG_RETURN_VOID();
}

/*
 * A guarded table that this one inherits from, other than those listed, or
 * InvalidOid.
 */
static Oid
guarded_ancestor(Oid relid, List *except)
{
	ListCell   *lc;

	foreach(lc, ancestors_of(relid))
		if (!list_member_oid(except, lfirst_oid(lc)) &&
			guard_of(lfirst_oid(lc)).status != GUARD_NONE)
			return lfirst_oid(lc);
	return InvalidOid;
}

/* Is every one of these tables the caller's, and a part of none that stays guarded? */
static void
check_unprotect(List *parts)
{
	ListCell   *lc;

	foreach(lc, parts)
	{
		Oid			above;

		check_relation(lfirst_oid(lc));
		above = guarded_ancestor(lfirst_oid(lc), parts);
		if (OidIsValid(above))
			raise_refusal(unprotect_child(relation_name(lfirst_oid(lc)), relation_name(above)));
	}
}

Datum
unprotect(PG_FUNCTION_ARGS)
{
	Oid			relid = relation_argument(fcinfo);
	List	   *parts;
	bool		was_guarded;
	ListCell   *lc;

	lock_relation(relid);
	if (transaction_has_tenant())
		raise_refusal(unprotect_under_tenant(relation_name(relid)));
	parts = find_all_inheritors(relid, AccessExclusiveLock, NULL);
	check_unprotect(parts);

	was_guarded = guard_of(relid).status != GUARD_NONE;
	unguard_hierarchy(relid);
	foreach(lc, parts)
		set_label(lfirst_oid(lc), LABEL_UNPROTECTED);

	ereport(LOG_SERVER_ONLY,
			(errmsg("tenant_guard: table %s was unprotected by role \"%s\"",
					relation_name(relid), GetUserNameFromId(GetUserId(), true))));
	ereport(NOTICE,
			(errmsg(was_guarded ? "table %s is no longer guarded" : "table %s was not guarded",
					relation_name(relid)),
			 errdetail("It has the security label 'unprotected', and later statements do not guard it again."),
			 errhint("To guard it again, run SELECT tenant_guard.protect(%s);",
					 quote_literal_cstr(relation_name(relid)))));
	PG_RETURN_VOID();
}

/* ----------------------------------------------------------------
 *		share, unshare
 * ----------------------------------------------------------------
 */

Datum
share(PG_FUNCTION_ARGS)
{
	Oid			relid = relation_argument(fcinfo);
	ListCell   *lc;

	lock_relation(relid);
	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
		if (guard_of(lfirst_oid(lc)).status != GUARD_NONE)
			raise_refusal(table_is_guarded(relation_name(lfirst_oid(lc))));
	set_label(relid, LABEL_SHARED);
	ereport(NOTICE,
			(errmsg("table %s is shared by all tenants", relation_name(relid))));
	PG_RETURN_VOID();
}

Datum
unshare(PG_FUNCTION_ARGS)
{
	Oid			relid = relation_argument(fcinfo);
	char	   *label;

	lock_relation(relid);
	label = own_label(relid);
	if (label == NULL || strcmp(label, LABEL_SHARED) != 0)
		ereport(NOTICE,
				(errmsg("table %s was not shared", relation_name(relid))));
	else
	{
		set_label(relid, NULL);
		ereport(NOTICE,
				(errmsg("table %s is no longer shared", relation_name(relid)),
				 errdetail("It is not guarded either."),
				 errhint("To guard it, run SELECT tenant_guard.protect(%s);",
						 quote_literal_cstr(relation_name(relid)))));
	}
	PG_RETURN_VOID();
}

/* ----------------------------------------------------------------
 *		protect_schema
 * ----------------------------------------------------------------
 */

/* The tables of a schema that have the column, in the order of their names. */
static List *
tables_with_column(Oid schema, const char *column)
{
	return query_datums(psprintf("SELECT c.oid FROM pg_catalog.pg_class c"
								 " JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid"
								 " WHERE c.relnamespace OPERATOR(pg_catalog.=) %u"
								 " AND a.attname OPERATOR(pg_catalog.=) %s::pg_catalog.name"
								 " AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped"
								 " AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,f}'::pg_catalog.\"char\"[])"
								 " ORDER BY c.relname",
								 schema, quote_literal_cstr(column)));
}

/* One row of the report. */
typedef struct Report
{
	const char *status;
	const char *detail;
	bool		changed;		/* the table is guarded by this call */
} Report;

/*
 * Guards one table in a subtransaction, so that one that cannot be guarded
 * does not stop the others.  Cancelling does.
 */
static Report
try_to_protect(Oid relid, const char *column)
{
	MemoryContext oldcontext = CurrentMemoryContext;
	ResourceOwner oldowner = CurrentResourceOwner;
	Report		report = {"guarded", NULL, false};

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(oldcontext);
	PG_TRY();
	{
		report.changed = protect_table(relid, column);
		report.detail = report.changed ?
			psprintf("by column %s", quote_identifier(column_for(relid, column))) :
			OidIsValid(guarded_ancestor(relid, NIL)) ? "with the table it is a part of" :
			"was guarded already";
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(oldcontext);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
			ReThrowError(error);
		report.changed = false;
		report.status = "refused";
		report.detail = error->hint ? psprintf("%s. %s", error->message, error->hint) :
			pstrdup(error->message);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(oldcontext);
	CurrentResourceOwner = oldowner;
	return report;
}

/*
 * Labelled tables are left as they are declared.  A part of a table that this
 * call has guarded is found guarded.
 */
static Report
protect_and_report(Oid relid, const char *column)
{
	char	   *label = inherited_label(relid);

	if (label != NULL && guard_of(relid).status == GUARD_NONE)
		return (Report) {label, "left alone: so its security label says", false};
	return try_to_protect(relid, column);
}

Datum
protect_schema(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const char *column = PG_ARGISNULL(1) ? pstrdup(setting_tenant_column) :
		NameStr(*PG_GETARG_NAME(1));
	MemoryContext row_context;
	List	   *tables;
	Oid			changed = InvalidOid;
	int			round;
	ListCell   *lc;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("schema must not be null")));
	InitMaterializedSRF(fcinfo, 0);
	tables = tables_with_column(PG_GETARG_OID(0), column);
	row_context = AllocSetContextCreate(CurrentMemoryContext, "protect_schema row",
										ALLOCSET_DEFAULT_SIZES);

	/* whole hierarchies first, then what is a part of one */
	for (round = 0; round < 2; round++)
		foreach(lc, tables)
		{
			MemoryContext oldcontext = MemoryContextSwitchTo(row_context);
			Oid			relid = DatumGetObjectId(PointerGetDatum(lfirst(lc)));

			if ((ancestors_of(relid) == NIL) == (round == 0) &&
				get_rel_relkind(relid) != '\0')
			{
				Report		report = protect_and_report(relid, column);
				Datum		values[3];
				bool		nulls[3] = {false, false, false};

				if (report.changed)
					changed = relid;
				values[0] = ObjectIdGetDatum(relid);
				values[1] = CStringGetTextDatum(report.status);
				values[2] = CStringGetTextDatum(report.detail);
				tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
			}
			MemoryContextSwitchTo(oldcontext);
			MemoryContextReset(row_context);
		}
	MemoryContextDelete(row_context);
	if (OidIsValid(changed))
		note_bound_owner(changed);
	PG_RETURN_VOID();
}

/* ----------------------------------------------------------------
 *		guard_status
 * ----------------------------------------------------------------
 */

/* Why a table is not guarded, and what to do. */
static char *
why_unguarded(Oid relid, const char *column)
{
	char	   *schema = get_namespace_name(get_rel_namespace(relid));

	if (get_attnum(relid, column) <= 0)
		return psprintf("it has no column %s", quote_identifier(column));
	if (get_rel_relkind(relid) == RELKIND_FOREIGN_TABLE)
		return "a foreign table cannot have row-level security";
	if (schema != NULL && schema_is_excluded(schema))
		return "its schema is excluded";
	return psprintf("run SELECT tenant_guard.protect(%s);",
					quote_literal_cstr(relation_name(relid)));
}

/*
 * The verdict on one table, for the view "tables": status, tenant column, and
 * what is wrong or missing.  Takes no lock.
 */
Datum
guard_status(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	Guard		guard = guard_of(relid);
	char	   *label = guard.status == GUARD_NONE ? inherited_label(relid) : NULL;
	const char *column = column_for(relid, NULL);
	const char *status = "unguarded";
	const char *detail = guard.damage;
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3];
	NameData	name;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	if (guard.status == GUARD_WHOLE)
		status = "guarded";
	else if (guard.status == GUARD_DAMAGED)
		status = "damaged";
	else if (label != NULL)
		status = label;
	else
		detail = why_unguarded(relid, column);

	namestrcpy(&name, column);
	values[0] = CStringGetTextDatum(status);
	values[1] = NameGetDatum(&name);
	values[2] = detail ? CStringGetTextDatum(detail) : (Datum) 0;
	nulls[0] = false;
	nulls[1] = get_attnum(relid, column) <= 0;
	nulls[2] = detail == NULL;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
