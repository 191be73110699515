/*-------------------------------------------------------------------------
 *
 * guard_refusals.c
 *	  Refusals to guard a table, and to weaken a guard.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_proc.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"

#include "catalog.h"
#include "guard.h"
#include "guard_refusals.h"
#include "settings.h"
#include "tenant_refusals.h"

/* ----------------------------------------------------------------
 *		Guarding a table
 * ----------------------------------------------------------------
 */

Refusal
not_a_table(Oid relid)
{
	return (Refusal) {
		ERRCODE_WRONG_OBJECT_TYPE,
			psprintf("%s is not a table", relation_name(relid)),
			"Only ordinary and partitioned tables can be guarded.",
			"For a view, guard the tables it reads and run ALTER VIEW ... SET (security_invoker = true)."
	};
}

Refusal
foreign_table(Oid relid)
{
	const char *relation = relation_name(relid);

	return (Refusal) {
		ERRCODE_WRONG_OBJECT_TYPE,
			psprintf("foreign table %s cannot be guarded", relation),
			"PostgreSQL has no row-level security for foreign tables.",
			psprintf("Guard the table on the foreign server, or run REVOKE ALL ON %s FROM the application's roles.",
					 relation)
	};
}

Refusal
system_table(Oid relid)
{
	return (Refusal) {
		ERRCODE_INSUFFICIENT_PRIVILEGE,
			psprintf("permission denied: %s is a system catalog", relation_name(relid)),
			NULL, NULL
	};
}

Refusal
extension_table(Oid relid, Oid extension)
{
	return wrong_state(psprintf("table %s belongs to extension \"%s\"", relation_name(relid), get_extension_name(extension)),
					   "A guard on it would not be dumped with the database.",
					   NULL);
}

Refusal
other_temp_table(Oid relid)
{
	return (Refusal) {
		ERRCODE_FEATURE_NOT_SUPPORTED,
			psprintf("table %s is a temporary table of another session", relation_name(relid)),
			NULL, NULL
	};
}

/* What to add to a hint for who can opt in, in the session that has the table. */
static const char *
or_bypass(void)
{
	return user_may_set(BYPASS) ? " If it is meant, run SET " BYPASS " = on; first." : "";
}

Refusal
temporary_table_of_other(Oid relid)
{
	const char *name = get_rel_name(relid);

	return (Refusal) {
		ERRCODE_WOULD_BYPASS,
			psprintf("temporary table %s belongs to another tenant", quote_identifier(name)),
			"It was filled in this session while a tenant was set that is not the transaction's, and may hold that tenant's rows.",
			psprintf("Run DROP TABLE or TRUNCATE pg_temp.%s, and DISCARD TEMP before a session is used by others, or create it with ON COMMIT DROP. "
					 "If it holds no tenant's rows, run SELECT tenant_guard.share(%s) right after it is created.%s",
					 quote_identifier(name), quote_literal_cstr(psprintf("pg_temp.%s", quote_identifier(name))), or_bypass())
	};
}

Refusal
looks_into_rows_of_others(Oid relid)
{
	const char *name = get_rel_name(relid);

	return (Refusal) {
		ERRCODE_WOULD_BYPASS,
			psprintf("temporary table %s holds rows of another tenant", quote_identifier(name)),
			"The table is guarded, so queries do not show those rows, but this statement reads all rows.",
			psprintf("Run DROP TABLE or TRUNCATE pg_temp.%s, and DISCARD TEMP before a session is used by others.%s",
					 quote_identifier(name), or_bypass())
	};
}

Refusal
no_tenant_column(Oid relid, const char *column)
{
	const char *relation = relation_name(relid);

	return (Refusal) {
		ERRCODE_UNDEFINED_COLUMN,
			psprintf("table %s has no column \"%s\"", relation, column),
			"A guarded table has a column that holds the tenant of each row.",
			psprintf("Name the column: SELECT tenant_guard.protect(%s, '...');",
					 quote_literal_cstr(relation))
	};
}

static char *
differing_types(Oid relid, const char *column, const char *type, TenantType wanted)
{
	return psprintf("tenant column \"%s\" of table %s is of type %s, but tenant identifiers are of type %s",
					column, relation_name(relid), type, tenant_type_name(wanted));
}

/*
 * "fits" is the tenant type for which the column's type would be right, or NULL;
 * with "converts" the hint suggests a cast to the wanted type.
 */
Refusal
column_type_differs(Oid relid, const char *column, const char *type, TenantType wanted,
					const TenantType *fits, bool converts)
{
	const char *quoted = quote_identifier(column);
	char	   *convert = converts ?
		psprintf("Run ALTER TABLE %s ALTER COLUMN %s DROP DEFAULT, ALTER COLUMN %s TYPE %s USING %s::%s;",
				 relation_name(relid), quoted, quoted, tenant_type_name(wanted),
				 quoted, tenant_type_name(wanted)) :
		psprintf("Give the table a tenant column of type %s.", tenant_type_name(wanted));

	return (Refusal) {
		ERRCODE_TENANT_TYPE_MISMATCH,
			differing_types(relid, column, type, wanted),
			psprintf("%s.", why_type(wanted)),
			fits == NULL ? convert :
			psprintf("%s If tenant identifiers are of type %s, %s",
					 convert, tenant_type_name(*fits), set_tenant_type(*fits))
	};
}

/* The column is created by the running statement, so the hint cannot suggest ALTER TABLE. */
Refusal
new_column_type_differs(Oid relid, const char *column, const char *type, TenantType wanted, const TenantType *fits)
{
	char	   *write = psprintf("In this statement, declare column %s with type %s.",
								 quote_identifier(column), tenant_type_name(wanted));

	return (Refusal) {
		ERRCODE_TENANT_TYPE_MISMATCH,
			differing_types(relid, column, type, wanted),
			psprintf("%s, and a table with the tenant column is guarded as it is made.", why_type(wanted)),
			fits == NULL ? write :
			psprintf("%s If tenant identifiers are of type %s, %s",
					 write, tenant_type_name(*fits), set_tenant_type(*fits))
	};
}

Refusal
virtual_column(Oid relid, const char *column)
{
	return (Refusal) {
		ERRCODE_TENANT_TYPE_MISMATCH,
			psprintf("tenant column \"%s\" of table %s is a virtual generated column", column, relation_name(relid)),
			"A tenant must be stored with its row.",
			"Declare the column as GENERATED ALWAYS AS (...) STORED, or as an ordinary one."
	};
}

/* With "made_now" the column is created by the running statement, so the hint cannot suggest ALTER TABLE. */
Refusal
identity_column(Oid relid, const char *column, bool made_now)
{
	const char *relation = relation_name(relid);
	const char *quoted = quote_identifier(column);

	return (Refusal) {
		ERRCODE_TENANT_TYPE_MISMATCH,
			psprintf("tenant column \"%s\" of table %s is an identity column", column, relation),
			"A row that does not name its tenant would get the next number, and not the tenant that is set.",
			made_now ? psprintf("In this statement, declare column %s without GENERATED AS IDENTITY.", quoted) :
			psprintf("Run ALTER TABLE %s ALTER COLUMN %s DROP IDENTITY;", relation, quoted)
	};
}

Refusal
column_collation(Oid relid, const char *column)
{
	const char *relation = relation_name(relid);
	const char *literal = quote_literal_cstr(relation);
	const char *alter = psprintf("ALTER TABLE %s ALTER COLUMN %s TYPE text COLLATE \"C\";", relation, quote_identifier(column));

	return (Refusal) {
		ERRCODE_TENANT_TYPE_MISMATCH,
			psprintf("tenant column \"%s\" of table %s has a nondeterministic collation", column, relation),
			"Tenants whose identifiers the collation calls equal would see each other's rows.",
			guard_of(relid).status == GUARD_NONE ? psprintf("Run %s", alter) :
			psprintf("Run BEGIN; SELECT tenant_guard.unprotect(%s); %s SELECT tenant_guard.protect(%s, %s); COMMIT;",
					 literal, alter, literal, quote_literal_cstr(column))
	};
}

Refusal
rows_of_no_tenant(Oid relid, const char *column, int64 rows)
{
	const char *relation = relation_name(relid);
	const char *quoted = quote_identifier(column);

	return (Refusal) {
		ERRCODE_ROWS_IN_THE_WAY,
			psprintf(INT64_FORMAT " %s of table %s %s to no tenant", rows,
					 rows == 1 ? "row" : "rows", relation,
					 rows == 1 ? "belongs" : "belong"),
			psprintf("Column \"%s\" is null in them. Nothing was changed.", column),
			psprintf("Run UPDATE %s SET %s = ... WHERE %s IS NULL; then protect the table. If these rows are everyone's, such as templates, run SELECT tenant_guard.protect(%s, %s, 'shared');",
					 relation, quoted, quoted, quote_literal_cstr(relation), quote_literal_cstr(column))
	};
}

Refusal
part_differs_in_shape(Oid relid, bool shared)
{
	const char *relation = relation_name(relid);

	return wrong_state(shared ? psprintf("rows of table %s cannot be everyone's", relation) :
					   psprintf("rows of table %s can be everyone's", relation),
					   shared ? "It is a partition or child of a guarded table in which each row belongs to a tenant." :
					   "It is a partition or child of a guarded table with rows of everyone.",
					   "Run protect() on that table: it guards its partitions and children, too.");
}

Refusal
guarded_by_other_column(Oid relid, const char *guard, const char *column)
{
	const char *relation = relation_name(relid);

	return wrong_state(psprintf("table %s is guarded by column \"%s\" already", relation, guard),
					   psprintf("It cannot be guarded by column \"%s\" too.", column),
					   psprintf("Run SELECT tenant_guard.unprotect(%s) first.", quote_literal_cstr(relation)));
}

Refusal
table_is_shared(Oid relid)
{
	const char *relation = relation_name(relid);

	return wrong_state(psprintf("table %s is declared as shared by all tenants", relation),
					   "It has the security label 'shared' of tenant_guard.",
					   psprintf("Run SELECT tenant_guard.unshare(%s) first.", quote_literal_cstr(relation)));
}

Refusal
table_is_guarded(Oid relid)
{
	const char *relation = relation_name(relid);

	return wrong_state(psprintf("table %s is guarded", relation),
					   "A table is guarded or shared, not both.",
					   psprintf("Run SELECT tenant_guard.unprotect(%s) first.", quote_literal_cstr(relation)));
}

Refusal
label_on_guarded(Oid relid)
{
	const char *relation = relation_name(relid);

	return wrong_state(psprintf("table %s is guarded", relation),
					   "A label takes off the guard only of a table that has had no row, and is no part of another and has none, in a transaction without a tenant.",
					   psprintf("Run SELECT tenant_guard.unprotect(%s); in a transaction without a tenant, then set the label.", quote_literal_cstr(relation)));
}

Refusal
runs_code_of_others(Oid relid, Oid funcid)
{
	const char *owner = owner_name(relid);
	const char *function = format_procedure_qualified(funcid);

	return wrong_state(psprintf("table %s would call function %s as role \"%s\", who is a superuser", relation_name(relid), function, owner),
					   "Statements of tenant_guard on a table run as its owner, and an ordinary role owns that function.",
					   psprintf("Give the table to an ordinary role, or review the function and run ALTER ROUTINE %s OWNER TO %s;",
								function, quote_identifier(owner)));
}

Refusal
parts_of_two_owners(Oid relid, Oid partid)
{
	const char *part = relation_name(partid);

	return wrong_state(psprintf("table %s and its part %s belong to different roles", relation_name(relid), part),
					   "A statement on the table is also run on its parts, and no code of one role may run as another.",
					   psprintf("Run ALTER TABLE %s OWNER TO %s;", part, quote_identifier(owner_name(relid))));
}

Refusal
policy_name_taken(Oid relid, const char *policy)
{
	const char *relation = relation_name(relid);

	return (Refusal) {
		ERRCODE_DUPLICATE_OBJECT,
			psprintf("table %s has a policy \"%s\" that tenant_guard did not make", relation, policy),
			"A guard needs a policy of that name.",
			psprintf("Run ALTER POLICY %s ON %s RENAME TO ...; or DROP POLICY %s ON %s;",
					 quote_identifier(policy), relation, quote_identifier(policy), relation)
	};
}

/* ----------------------------------------------------------------
 *		Weakening a guard
 * ----------------------------------------------------------------
 */

/* The call that makes a table's guard whole again, as it was. */
char *
call_of_protect(Oid relid)
{
	return psprintf("SELECT tenant_guard.protect(%s%s)", quote_literal_cstr(relation_name(relid)),
					has_rows_of_everyone(relid) ? ", null_rows => 'shared'" : "");
}

/*
 * "root" is the table that unprotect() accepts: the topmost table to which this
 * one belongs, or itself.
 */
static char *
how_to_weaken(Oid relid, Oid root)
{
	const char *whole = quote_literal_cstr(relation_name(root));

	if (user_may_set(BYPASS))
		return psprintf("If just this statement is meant, run SET %s = on; before it, and %s; after it to mend the guard. To take the guard off, run SELECT tenant_guard.unprotect(%s);" SEE_SCHEMA_TOOLS,
						BYPASS, call_of_protect(relid), whole);
	return psprintf("To take the guard off, run SELECT tenant_guard.unprotect(%s); before this statement. If the table is to stay guarded, run %s; after it, in the same transaction." SEE_SCHEMA_TOOLS,
					whole, call_of_protect(root));
}

Refusal
weakens_guard(Oid relid, Oid rootid, const char *damage)
{
	return (Refusal) {
		ERRCODE_WOULD_WEAKEN,
			psprintf("this statement would weaken the isolation of tenants in table %s", relation_name(relid)),
			psprintf("After it, %s.", damage),
			how_to_weaken(relid, rootid)
	};
}

Refusal
column_renewed(Oid relid, const char *column)
{
	return weakens_guard(relid, relid, psprintf("its rows belong to other tenants, since the values of its tenant column \"%s\" are computed anew", column));
}

/* "column" is new, and has the name of tenant columns; "guard" is the column that guards the table. */
Refusal
column_does_not_guard(Oid relid, const char *column, const char *guard)
{
	const char *relation = relation_name(relid);
	const char *name = quote_literal_cstr(relation);

	return (Refusal) {
		ERRCODE_WOULD_WEAKEN,
			psprintf("this statement would give table %s a column \"%s\" that does not guard it", relation, column),
			psprintf("The table is guarded by column \"%s\", and stays so: a row's \"%s\" would not be its tenant.", guard, column),
			psprintf("To guard it by the new column, run BEGIN; SELECT tenant_guard.unprotect(%s); then this statement, then SELECT tenant_guard.protect(%s, %s); COMMIT;",
					 name, name, quote_literal_cstr(column))
	};
}

Refusal
guarded_below_unguarded(Oid relid, Oid parentid)
{
	const char *parent = relation_name(parentid);

	return (Refusal) {
		ERRCODE_WOULD_WEAKEN,
			psprintf("this statement would weaken the isolation of tenants in table %s", relation_name(relid)),
			psprintf("After it, a query on table %s, which is not guarded, shows its rows to every tenant.", parent),
			psprintf("Run SELECT tenant_guard.protect(%s); first.", quote_literal_cstr(parent))
	};
}

Refusal
foreign_part(Oid partid, Oid rootid)
{
	const char *part = relation_name(partid);

	return (Refusal) {
		ERRCODE_WOULD_WEAKEN,
			psprintf("foreign table %s cannot be a part of guarded table %s", part, relation_name(rootid)),
			"PostgreSQL has no row-level security for foreign tables: a query's own filters may be sent to the foreign server before the tenant's, and rows of any tenant can be written.",
			psprintf("Leave it outside, by DETACH PARTITION or NO INHERIT if it is a part already; guard the table on the foreign server, and read %s by a function or a view of its own.",
					 part)
	};
}

Refusal
trigger_of_other(const char *what, Oid relid, bool guarded)
{
	const char *relation = relation_name(relid);

	return (Refusal) {
		ERRCODE_WOULD_WEAKEN,
			psprintf("only the owner of %s %s may put a trigger on it", what, relation),
			guarded ? "A foreign key's action fires triggers as the owner of the table: whoever makes one has the owner's privileges." :
			"A foreign key's action, or a SECURITY DEFINER function of the owner's, fires triggers as the owner, who has the privileges of an owner of guarded tables or is a superuser: whoever makes one has them, too.",
			psprintf("Let the owner make the trigger, and run REVOKE TRIGGER ON %s FROM the application's roles; they need SELECT, INSERT, UPDATE and DELETE.",
					 relation)
	};
}

Refusal
trigger_on_view_of_other(Oid viewid)
{
	const char *view = relation_name(viewid);

	return (Refusal) {
		ERRCODE_WOULD_WEAKEN,
			psprintf("only the owner of view %s may put a trigger on it", view),
			"The view reads guarded tables, and what each tenant writes through it would go to the trigger's function.",
			psprintf("Let the owner make the trigger, and run REVOKE TRIGGER ON %s FROM the application's roles; they need SELECT, INSERT, UPDATE and DELETE.",
					 view)
	};
}

Refusal
calls_function_of_other(Oid relid, const char *trigger, Oid funcid)
{
	const char *relation = relation_name(relid);
	const char *function = format_procedure_qualified(funcid);
	const char *owner = owner_name(relid);

	return (Refusal) {
		ERRCODE_WOULD_WEAKEN,
			psprintf("trigger %s of table %s calls function %s of role \"%s\"", quote_identifier(trigger), relation, function,
					 GetUserNameFromId(object_owner(ProcedureRelationId, funcid), true)),
			psprintf("Role \"%s\" owns the table, and foreign keys' actions fire its triggers as that role: whoever owns the function has its privileges.",
					 owner),
			psprintf("Read the function. If it is as it should be, run ALTER ROUTINE %s OWNER TO %s; or else DROP TRIGGER %s ON %s;",
					 function, quote_identifier(owner), quote_identifier(trigger), relation)
	};
}

Refusal
column_lost(Oid relid)
{
	return (Refusal) {
		ERRCODE_WOULD_WEAKEN,
			psprintf("this statement would drop a column of guarded table %s", relation_name(relid)),
			"The column depends on what the statement drops, and holds values of every tenant; the table belongs to another role.",
			"Let the owner of the table drop the column, or change its type, first."
	};
}

Refusal
domain_of_other(const char *what, Oid type, Oid relid)
{
	const char *domain = format_type_be_qualified(type);
	const char *owner = owner_name(relid);

	return (Refusal) {
		ERRCODE_WOULD_WEAKEN,
			psprintf("only the owner of table %s may change the %s of domain %s", relation_name(relid), what, domain),
			psprintf("The table has a column of the domain: a function that the domain calls would receive values of every tenant, or be run as role \"%s\" by a foreign key's action or a SECURITY DEFINER function.", owner),
			psprintf("Read what the statement calls. If it is as it should be, run ALTER DOMAIN %s OWNER TO %s; and let that role run the statement.", domain, quote_identifier(owner))
	};
}

Refusal
shares_rows_under_tenant(Oid relid)
{
	return (Refusal) {
		ERRCODE_WOULD_WEAKEN,
			psprintf("rows of table %s cannot become everyone's while a tenant is set", relation_name(relid)),
			"A tenant's own code could see rows that belong to nobody yet.",
			"Run protect() in a transaction of its own, in which no tenant is set."
	};
}

Refusal
unprotect_under_tenant(Oid relid)
{
	const char *relation = relation_name(relid);

	return (Refusal) {
		ERRCODE_WOULD_WEAKEN,
			psprintf("table %s cannot be unprotected while a tenant is set", relation),
			"A table can be unprotected only in a transaction that has no tenant.",
			psprintf("Run SELECT tenant_guard.unprotect(%s); in a transaction without a tenant.",
					 quote_literal_cstr(relation))
	};
}

Refusal
unprotect_schema_under_tenant(const char *schema, const char *call)
{
	return (Refusal) {
		ERRCODE_WOULD_WEAKEN,
			psprintf("the tables of schema \"%s\" cannot be unprotected while a tenant is set", schema),
			"A table can be unprotected only in a transaction that has no tenant.",
			psprintf("Run %s in a transaction without a tenant.", call)
	};
}

Refusal
unprotect_temporary(Oid relid)
{
	const char *relation = relation_name(relid);

	return (Refusal) {
		ERRCODE_WOULD_WEAKEN,
			psprintf("temporary table %s cannot be unprotected while it holds rows", relation),
			"Every client of a pooled session owns its temporary tables, and the rows may be another tenant's.",
			psprintf("Run DROP TABLE %s; and create it anew.", relation)
	};
}

Refusal
unprotect_child(Oid relid, Oid parentid)
{
	const char *parent = relation_name(parentid);

	return (Refusal) {
		ERRCODE_WOULD_WEAKEN,
			psprintf("table %s is a part of table %s, which is guarded", relation_name(relid), parent),
			"Without a guard of its own it would show its rows to every tenant.",
			psprintf("Run SELECT tenant_guard.unprotect(%s), or detach the table first.",
					 quote_literal_cstr(parent))
	};
}

Refusal
part_half_detached(Oid relid, Oid parentid)
{
	const char *relation = relation_name(relid);
	const char *parent = relation_name(parentid);

	return (Refusal) {
		ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			psprintf("partition %s of table %s is half detached", relation, parent),
			"A guard would not reach it, and it would show its rows to every tenant. DETACH PARTITION CONCURRENTLY runs, or was interrupted.",
			psprintf("Run ALTER TABLE %s DETACH PARTITION %s FINALIZE; and then the statement again.", parent, relation)
	};
}
