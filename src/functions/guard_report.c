/*-------------------------------------------------------------------------
 *
 * guard_report.c
 *	  Guards one table of many in a subtransaction, or takes its guard off, and
 *	  reports what came of it.
 *
 * An error is reported and does not stop the others.  A query cancel does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "catalog.h"
#include "compat.h"
#include "guard.h"
#include "guard_policy.h"
#include "guard_report.h"
#include "install_guard.h"
#include "key_setting.h"
#include "own_sql.h"
#include "protect.h"
#include "refusal.h"
#include "table_label.h"
#include "tenant_column.h"

/* The number of tables after which a NOTICE reports progress. */
#define TABLES_BETWEEN_NOTICES 100

void
note_progress(int done, int tables, Oid schema)
{
	if (done % TABLES_BETWEEN_NOTICES == 0)
		ereport(NOTICE,
				(errmsg("%d of %d tables of schema \"%s\" are done", done, tables,
						get_namespace_name(schema))));
}

/* The first argument of a function or procedure on a schema, which need not be there. */
Oid
schema_argument(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("schema must not be null")));
	if (get_namespace_name(PG_GETARG_OID(0)) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_SCHEMA),
				 errmsg("schema with OID %u does not exist", PG_GETARG_OID(0))));
	return PG_GETARG_OID(0);
}

/* The arguments with which another call of protect_schema() or protect_tables() goes on, palloc'd. */
char *
arguments_of_call(Oid schema, const char *column, bool replace_policies)
{
	return psprintf("%s%s%s", quote_literal_cstr(quote_identifier(get_namespace_name(schema))),
					column ? psprintf(", tenant_column => %s", quote_literal_cstr(column)) : "",
					replace_policies ? ", replace_policies => true" : "");
}

/* The tables of a schema: OIDs in the order of their names. */
static List *
tables_of(Oid schema)
{
	List	   *tables = NIL;
	ListCell   *lc;

	foreach(lc, query_datums(psprintf("SELECT c.oid FROM pg_catalog.pg_class c"
									  " WHERE c.relnamespace OPERATOR(pg_catalog.=) %u"
									  " AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,f}'::pg_catalog.\"char\"[])"
									  " ORDER BY c.relname",
									  schema)))
		tables = lappend_oid(tables, DatumGetObjectId(PointerGetDatum(lfirst(lc))));
	return tables;
}

/* Those that have the column or, if it is NULL, a tenant column. */
List *
tables_with_column(Oid schema, const char *column)
{
	List	   *tables = NIL;
	ListCell   *lc;

	foreach(lc, tables_of(schema))
		if (column != NULL ? has_column(lfirst_oid(lc), column) : tenant_column_of(lfirst_oid(lc)) != NULL)
			tables = lappend_oid(tables, lfirst_oid(lc));
	return tables;
}

/* The guarded tables of a schema, damaged ones too: OIDs in the order of their names. */
List *
guarded_tables(Oid schema)
{
	List	   *tables = NIL;
	ListCell   *lc;

	foreach(lc, tables_of(schema))
		if (guard_of(lfirst_oid(lc)).status != GUARD_NONE)
			tables = lappend_oid(tables, lfirst_oid(lc));
	return tables;
}

/* What is done with one table in a subtransaction; "argument" is the column, or the reason. */
typedef void (*TableAction) (Report *report, const char *argument);

/*
 * Runs an action for a table in a subtransaction.  Returns NULL or, if the action
 * was rolled back, the error, copied to the caller's memory context.
 */
static ErrorData *
try_table(TableAction action, Report *report, const char *argument)
{
	MemoryContext oldcontext = CurrentMemoryContext;
	ResourceOwner oldowner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;
	int			level PG_USED_FOR_ASSERTS_ONLY = GetCurrentTransactionNestLevel();

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(oldcontext);
	PG_TRY();
	{
		/* of what is done to each of many tables, the report says how much */
		routine_notice = DEBUG1;
		action(report, argument);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		routine_notice = NOTICE;
		MemoryContextSwitchTo(oldcontext);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
			ReThrowError(error);
	}
	PG_END_TRY();
	routine_notice = NOTICE;
	Assert(GetCurrentTransactionNestLevel() == level);
	MemoryContextSwitchTo(oldcontext);
	CurrentResourceOwner = oldowner;
	return error;
}

static void
guard_one(Report *report, const char *column)
{
	Oid			relid = report->relid;

	report->changed = protect_table(relid, column, NULL_ROWS_AS_BEFORE, report->replace_policies);
	hold_ends_of_keys(relid);
	report->detail = report->changed ?
		psprintf("by column %s", quote_identifier(column_for(relid, column))) :
		OidIsValid(guarded_ancestor(relid, NIL)) ? "with the table it is a part of" :
		"was guarded already";
}

/* The detail for a table that the user does not own, and whose owner is to call this function. */
static char *
belongs_to_other_role(Oid relid, const char *function)
{
	if (IsCatalogNamespace(get_rel_namespace(relid)))
		return "is a system catalog";
	return psprintf("belongs to role \"%s\". As that role, run SELECT tenant_guard.%s(%s);",
					owner_name(relid), function,
					quote_literal_cstr(relation_name(relid)));
}

/* Tries an action for a table, and fills in its report if it is refused. */
static void
try_and_report(TableAction action, Report *report, const char *argument)
{
	ErrorData  *error = try_table(action, report, argument);

	if (error == NULL)
		return;
	report->changed = false;
	report->sqlerrcode = error->sqlerrcode;
	report->status = "refused";
	report->detail = error->hint ? psprintf("%s. %s", error->message, error->hint) : error->message;
}

/*
 * Guards one table and fills in its report.  Tables with a security label and
 * tables of other roles are not changed.  A partition or child of a table that this
 * call has guarded is reported as guarded.
 */
void
guard_and_report(Report *report, const char *column)
{
	LabelKind	label = inherited_declaration(report->relid).kind;

	if ((label == LABEL_SHARED || label == LABEL_UNPROTECTED) && guard_of(report->relid).status == GUARD_NONE)
	{
		report->status = label_word(label);
		report->detail = "left alone: so its security label says";
		return;
	}
	if (!user_owns_relation(report->relid))
	{
		bool		whole = guard_of(report->relid).status == GUARD_WHOLE;

		report->status = whole ? "guarded" : "refused";
		report->detail = whole ? "was guarded already" : belongs_to_other_role(report->relid, "protect");
		return;
	}
	report->status = "guarded";
	try_and_report(guard_one, report, column);
}

static void
unguard_one(Report *report, const char *reason)
{
	report->changed = unprotect_table(report->relid, reason);
	report->detail = policies_of(report->relid).any ?
		"is no longer guarded; row-level security stays enabled, for policies that tenant_guard did not make" :
		"is no longer guarded";
}

/* Takes the guard off one table and fills in its report.  Its partitions and children lose theirs with it. */
void
unguard_and_report(Report *report, const char *reason)
{
	report->status = "unprotected";
	if (guard_of(report->relid).status == GUARD_NONE)
		report->detail = "with the table it is a part of";
	else if (!user_owns_relation(report->relid))
	{
		report->status = "refused";
		report->detail = belongs_to_other_role(report->relid, "unprotect");
	}
	else
		try_and_report(unguard_one, report, reason);
}

/* A TableAction: applies the setting foreign_keys to the keys from a table. */
static void
apply_key_setting_to_one(Report *report, const char *column)
{
	apply_key_setting_from(report->relid);
}

/* A TableAction: makes one foreign key carry the tenant. */
static void
pair_one_key(Report *report, const char *column)
{
	pair_key(report->relid, report->key);
}

/*
 * Applies the setting foreign_keys to the keys from a table.  Where rows stand in
 * the way of some keys, the others are changed nevertheless.
 */
KeyReport
try_keys(Oid relid)
{
	Report		subject = {relid};
	KeyReport	report = {0};
	KeyCounts	before = count_keys(relid);
	KeyCounts	after;
	ListCell   *lc;

	report.error = try_table(apply_key_setting_to_one, &subject, NULL);
	if (report.error != NULL && report.error->sqlerrcode == ERRCODE_ROWS_IN_THE_WAY)
		foreach(lc, keys_to_pair(relid))
		{
			subject.key = lfirst_oid(lc);
			(void) try_table(pair_one_key, &subject, NULL);
		}
	after = count_keys(relid);
	report.left = after.unpaired;
	report.companions = Max(after.with_companion - before.with_companion, 0);
	report.paired = Max(before.unpaired - after.unpaired - report.companions, 0);
	return report;
}

static char *
count_of(int number, const char *singular, const char *plural, const char *rest)
{
	return number == 0 ? "" : psprintf("; %d %s%s", number, number == 1 ? singular : plural, rest);
}

/* For the detail of the table's own report, palloc'd: "; 2 keys paired; 1 key does not carry the tenant", or an empty string. */
char *
describe_keys(const KeyReport *report)
{
	return psprintf("%s%s%s", count_of(report->paired, "key", "keys", " paired"),
					count_of(report->companions, "key", "keys", " with a companion"),
					count_of(report->left, "key does", "keys do", " not carry the tenant"));
}

void
warn_of_keys(Oid relid, const ErrorData *error)
{
	ereport(WARNING,
			(errcode(error->sqlerrcode),
			 errmsg("foreign keys of table %s do not carry the tenant: %s", relation_name(relid), error->message),
			 error->detail ? errdetail("%s", error->detail) : 0,
			 error->hint ? errhint("%s", error->hint) : 0));
}
