/*-------------------------------------------------------------------------
 *
 * protect.c
 *	  The SQL functions for one table: protect, unprotect, share, unshare, and
 *	  guard_status, which the view "tables" calls.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "commands/extension.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "auto_protect.h"
#include "bypass.h"
#include "catalog.h"
#include "compat.h"
#include "current_tenant.h"
#include "foreign_part.h"
#include "guard.h"
#include "guard_refusals.h"
#include "install_guard.h"
#include "key_setting.h"
#include "keys_of_everyone.h"
#include "protect.h"
#include "reference_owner.h"
#include "relation_argument.h"
#include "remove_guard.h"
#include "replace_policies.h"
#include "table_label.h"
#include "temporary_table.h"
#include "tenant_column.h"
#include "trigger_owner.h"
#include "unguarded_parent.h"

PG_FUNCTION_INFO_V1(tenant_guard_protect);
PG_FUNCTION_INFO_V1(tenant_guard_unprotect);
PG_FUNCTION_INFO_V1(tenant_guard_share);
PG_FUNCTION_INFO_V1(tenant_guard_unshare);
PG_FUNCTION_INFO_V1(tenant_guard_guard_status);

/*
 * The column by which a table is to be guarded: "wanted" or, if that is NULL, the
 * one by which it is guarded, or the first tenant column that it has, or would
 * have.  It may be "wanted" itself, else it is palloc'd.
 */
const char *
column_for(Oid relid, const char *wanted)
{
	Guard		guard = guard_of(relid);
	char	   *name;

	if (wanted != NULL)
		return wanted;
	name = guard.attnum != 0 ? get_attname(relid, guard.attnum, true) : NULL;
	if (name == NULL)
		name = tenant_column_of(relid);
	return name != NULL ? name : linitial(tenant_columns_of(relid));
}

/* The reason that is the second argument, palloc'd, or NULL if it is null or blank. */
char *
reason_argument(FunctionCallInfo fcinfo)
{
	char	   *reason = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));

	return reason != NULL && reason[strspn(reason, " \t\r\n")] != '\0' ? reason : NULL;
}

/* ----------------------------------------------------------------
 *		protect, unprotect
 * ----------------------------------------------------------------
 */

/*
 * Locks and guards a table, its partitions and children, by this column or, if it
 * is NULL, by that of column_for.  Policies that say no more than the guard are
 * replaced or, without "replace_policies", named.  Returns false if the table was
 * guarded.  The caller applies the setting foreign_keys.
 */
bool
protect_table(Oid relid, const char *column, NullRows null_rows, bool replace_policies)
{
	List	   *parts = lock_hierarchy(relid);
	const char *guarding = column_for(relid, column);
	bool		replaces = replace_policies && null_rows != NULL_ROWS_SHARED && !has_rows_of_everyone(relid);
	bool		changed;
	Oid			extension;
	ListCell   *lc;

	if (inherited_declaration(relid).kind == LABEL_SHARED)
		raise_refusal(table_is_shared(relid));
	extension = getExtensionOfObject(RelationRelationId, relid);
	if (OidIsValid(extension) && guard_of(relid).status == GUARD_NONE && !OidIsValid(nearest_guarded_ancestor(relid)))
		raise_refusal(extension_table(relid, extension));

	foreach(lc, parts)
		if (guard_of(lfirst_oid(lc)).status == GUARD_NONE)
			check_no_foreign_trigger(lfirst_oid(lc), ERROR);
	foreach(lc, parts)
		if (guard_of(lfirst_oid(lc)).status != GUARD_WHOLE)
			undeclare_guarded(lfirst_oid(lc));
	foreach(lc, parts)
		if (lfirst_oid(lc) != relid && get_rel_relkind(lfirst_oid(lc)) == RELKIND_FOREIGN_TABLE)
			check_foreign_part(lfirst_oid(lc), relid);
	foreach(lc, ancestors_of(relid))
		if (guard_of(lfirst_oid(lc)).status != GUARD_WHOLE)
			warn_of_unguarded_parent(relid, lfirst_oid(lc));
	Assert(relation_is_locked(relid, AccessExclusiveLock));
	if (replaces)
		drop_superfluous_policies(parts, guarding);
	changed = guard_hierarchy(relid, guarding, null_rows);
	if (replaces)
		open_superfluous_policies(parts);
	else
		name_superfluous_policies(parts);
	if (changed)
		check_functions_of_first_guards(parts);
	return changed;
}

/* Reports what the owner of a guarded table can no longer do, since FORCE ROW LEVEL SECURITY binds it, and who can. */
void
note_bound_owner(Oid relid)
{
	Oid			owner = object_owner(RelationRelationId, relid);

	if (has_bypassrls_privilege(owner))
		return;
	ereport(NOTICE,
			(errmsg("role \"%s\" owns guarded tables and is bound by their guards",
					GetUserNameFromId(owner, true)),
			 errdetail("It can no longer run pg_dump on them, or read and write the rows of several tenants in one transaction."),
			 errhint("Let a superuser do that, or a role made for it: CREATE ROLE backup LOGIN BYPASSRLS; GRANT pg_read_all_data TO backup;")));
}

/* The third argument, null_rows. */
static NullRows
null_rows_argument(FunctionCallInfo fcinfo)
{
	char	   *value = PG_ARGISNULL(2) ? "refuse" : text_to_cstring(PG_GETARG_TEXT_PP(2));

	if (strcmp(value, "refuse") == 0)
		return NULL_ROWS_REFUSED;
	if (strcmp(value, "shared") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument null_rows: \"%s\"", value),
				 errhint("Available values: refuse, shared.")));
	return NULL_ROWS_SHARED;
}

Datum
tenant_guard_protect(PG_FUNCTION_ARGS)
{
	Oid			relid = relation_argument(fcinfo);
	const char *column = PG_ARGISNULL(1) ? NULL : NameStr(*PG_GETARG_NAME(1));
	ErrorContextCallback callback;

	begin_change(fcinfo, &callback);
	if (protect_table(relid, column, null_rows_argument(fcinfo), PG_NARGS() > 3 && !PG_ARGISNULL(3) && PG_GETARG_BOOL(3)))
		note_bound_owner(relid);
	else
		ereport(NOTICE,
				(errmsg("table %s is guarded already", relation_name(relid))));
	apply_key_setting(relid, KEYS_OF_PROTECT);
	end_change(&callback);
	PG_RETURN_VOID();
}

/* The nearest guarded ancestor of a table that is not in the list "except", or InvalidOid. */
Oid
guarded_ancestor(Oid relid, List *except)
{
	ListCell   *lc;

	foreach(lc, ancestors_of(relid))
		if (!list_member_oid(except, lfirst_oid(lc)) &&
			guard_of(lfirst_oid(lc)).status != GUARD_NONE)
			return lfirst_oid(lc);
	return InvalidOid;
}

/*
 * Refuses to unprotect these tables if one inherits from a table that stays
 * guarded, or is a temporary table with rows: in a pooled session every client is
 * the owner of its temporary tables.
 */
static void
check_unprotect(List *parts)
{
	ListCell   *lc;

	foreach(lc, parts)
	{
		Oid			above = guarded_ancestor(lfirst_oid(lc), parts);

		if (OidIsValid(above))
			raise_refusal(unprotect_child(lfirst_oid(lc), above));
		if (guard_of(lfirst_oid(lc)).status != GUARD_NONE && is_filled_temporary(lfirst_oid(lc)) &&
			bypass_reason(InvalidOid) == NULL)
			raise_refusal(unprotect_temporary(lfirst_oid(lc)));
	}
}

/*
 * Locks a table, its partitions and children, takes their guards off, labels them with the reason, which may be NULL, and
 * logs that.  Returns false if the table was not guarded.
 */
bool
unprotect_table(Oid relid, const char *reason)
{
	List	   *parts = lock_hierarchy(relid);
	bool		was_guarded;
	ListCell   *lc;

	Assert(linitial_oid(parts) == relid);
	if (transaction_has_tenant())
		raise_refusal(unprotect_under_tenant(relid));
	check_unprotect(parts);

	was_guarded = guard_of(relid).status != GUARD_NONE;
	foreach(lc, parts)
		drop_reference_triggers(lfirst_oid(lc));
	unguard_hierarchy(relid);
	foreach(lc, parts)
		check_references_kept(lfirst_oid(lc));
	foreach(lc, parts)
		declare_table(lfirst_oid(lc), LABEL_UNPROTECTED, reason);

	ereport(LOG_SERVER_ONLY,
			(errmsg("tenant_guard: table %s was unprotected by role \"%s\"",
					relation_name(relid), GetUserNameFromId(GetUserId(), true)),
			 reason != NULL ? errdetail("Reason: %s", reason) : 0));
	return was_guarded;
}

Datum
tenant_guard_unprotect(PG_FUNCTION_ARGS)
{
	Oid			relid = relation_argument(fcinfo);
	const char *column;
	bool		was_guarded;
	ErrorContextCallback callback;

	begin_change(fcinfo, &callback);
	check_relation(relid);
	column = column_for(relid, NULL);
	was_guarded = unprotect_table(relid, reason_argument(fcinfo));
	ereport(NOTICE,
			(errmsg(was_guarded ? "table %s is no longer guarded" : "table %s was not guarded",
					relation_name(relid)),
			 errdetail("It has the security label 'unprotected', and later statements do not guard it again."),
			 errhint("To guard it again, run SELECT tenant_guard.protect(%s%s);",
					 quote_literal_cstr(relation_name(relid)),
					 strcmp(column, column_for(relid, NULL)) == 0 ? "" : psprintf(", %s", quote_literal_cstr(column)))));
	end_change(&callback);
	PG_RETURN_VOID();
}

/* ----------------------------------------------------------------
 *		share, unshare
 * ----------------------------------------------------------------
 */

/* Refuses to share a temporary table of another tenant, which would show that tenant's rows. */
static void
check_not_of_other_tenant(Oid relid)
{
	Oid			others = table_of_other_tenant(relid, true, false);

	if (OidIsValid(others) && bypass_reason(InvalidOid) == NULL)
		raise_refusal(temporary_table_of_other(others));
}

Datum
tenant_guard_share(PG_FUNCTION_ARGS)
{
	Oid			relid = relation_argument(fcinfo);
	ListCell   *lc;
	ErrorContextCallback callback;

	begin_change(fcinfo, &callback);
	lock_relation(relid);
	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
		if (guard_of(lfirst_oid(lc)).status != GUARD_NONE)
			raise_refusal(table_is_guarded(lfirst_oid(lc)));
	check_not_of_other_tenant(relid);
	declare_table(relid, LABEL_SHARED, reason_argument(fcinfo));
	ereport(NOTICE,
			(errmsg("table %s is shared by all tenants", relation_name(relid))));
	end_change(&callback);
	PG_RETURN_VOID();
}

Datum
tenant_guard_unshare(PG_FUNCTION_ARGS)
{
	Oid			relid = relation_argument(fcinfo);
	ErrorContextCallback callback;

	begin_change(fcinfo, &callback);
	lock_relation(relid);
	if (declaration_of(relid).kind != LABEL_SHARED)
		ereport(NOTICE,
				(errmsg("table %s was not shared", relation_name(relid))));
	else
	{
		declare_table(relid, LABEL_NONE, NULL);
		ereport(NOTICE,
				(errmsg("table %s is no longer shared", relation_name(relid)),
				 errdetail("It is not guarded either."),
				 errhint("To guard it, run SELECT tenant_guard.protect(%s);",
						 quote_literal_cstr(relation_name(relid)))));
	}
	end_change(&callback);
	PG_RETURN_VOID();
}

/* ----------------------------------------------------------------
 *		guard_status
 * ----------------------------------------------------------------
 */

/* The names of the columns of which a table would need one. */
static char *
names_of_tenant_columns(Oid relid)
{
	StringInfoData names;
	ListCell   *lc;

	initStringInfo(&names);
	foreach(lc, tenant_columns_of(relid))
		appendStringInfo(&names, "%s%s", names.len > 0 ? " or " : "", quote_identifier(lfirst(lc)));
	return names.data;
}

/* The reason why a table is not guarded, or the statement that guards it. */
static char *
why_unguarded(Oid relid, const char *column)
{
	char	   *schema = get_namespace_name(get_rel_namespace(relid));

	if (get_attnum(relid, column) <= 0)
		return psprintf("it has no column %s", names_of_tenant_columns(relid));
	if (get_rel_relkind(relid) == RELKIND_FOREIGN_TABLE)
		return "a foreign table cannot have row-level security";
	if (schema != NULL && schema_is_excluded(schema))
		return "its schema is excluded";
	return psprintf("run SELECT tenant_guard.protect(%s);",
					quote_literal_cstr(relation_name(relid)));
}

/*
 * What protect() would be told of rows without a tenant to guard the table as it
 * is guarded, or NULL.
 */
static const char *
null_rows_of(Oid relid, GuardStatus status)
{
	return status == GUARD_NONE ? NULL : has_rows_of_everyone(relid) ? "shared" : "refuse";
}

/*
 * guard_status(relation): status, tenant column, whose rows without a tenant are,
 * what is wrong or missing, and the reason for which it is declared as it is, for
 * the view "tables".  Takes no lock on the table.
 */
Datum
tenant_guard_guard_status(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	Guard		guard = guard_of(relid);
	Declaration declared = guard.status == GUARD_NONE ? inherited_declaration(relid) : (Declaration) {.kind = LABEL_NONE};
	const char *column = column_for(relid, NULL);
	const char *status = "unguarded";
	const char *detail = guard.damage;
	TupleDesc	desc;
	const char *null_rows = null_rows_of(relid, guard.status);
	Datum		values[5];
	bool		nulls[5];
	NameData	name;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	if (guard.status == GUARD_WHOLE)
	{
		status = "guarded";
		detail = guard.shape == SHAPE_OWN_OR_SHARED ? "rows without a tenant are everyone's" : NULL;
	}
	else if (guard.status == GUARD_DAMAGED)
		status = "damaged";
	else if (declared.kind == LABEL_SHARED || declared.kind == LABEL_UNPROTECTED)
		status = label_word(declared.kind);
	else
		detail = why_unguarded(relid, column);

	namestrcpy(&name, column);
	values[0] = CStringGetTextDatum(status);
	values[1] = NameGetDatum(&name);
	values[2] = null_rows ? CStringGetTextDatum(null_rows) : (Datum) 0;
	values[3] = detail ? CStringGetTextDatum(detail) : (Datum) 0;
	values[4] = declared.reason ? CStringGetTextDatum(declared.reason) : (Datum) 0;
	nulls[0] = false;
	nulls[1] = get_attnum(relid, column) <= 0;
	nulls[2] = null_rows == NULL;
	nulls[3] = detail == NULL;
	nulls[4] = declared.reason == NULL;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
