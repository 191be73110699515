/*-------------------------------------------------------------------------
 *
 * security_label.c
 *	  Checks the labels that SECURITY LABEL FOR tenant_guard sets.
 *
 * The owner of a table may label it, as share() does (table_label.c).  With the
 * label 'trusted' of a function a superuser declares that the function may see
 * every tenant's rows, since neither it nor what the planner and indexes call for
 * it can reveal them (trusted_function.c).  Whoever owns an object may accept what
 * audit() finds of it (accept_finding).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "commands/seclabel.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"

#include "catalog.h"
#include "current_tenant.h"
#include "guard.h"
#include "guard_refusals.h"
#include "library.h"
#include "reference_owner.h"
#include "remove_guard.h"
#include "security_label.h"
#include "table_label.h"
#include "temporary_table.h"
#include "trusted_function.h"

static void
refuse_label(const char *label, const char *fault)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_NAME),
			 errmsg("\"%s\" is not a security label of tenant_guard", label),
			 errdetail_internal("%s", fault),
			 errhint("Its labels are '%s' and '%s' for tables, '%s' for functions, and what tenant_guard.accept_finding() writes. "
					 "A reason is in single quotes, each of its own doubled: %s reason='the tenants'' countries'.",
					 label_word(LABEL_SHARED), label_word(LABEL_UNPROTECTED), label_word(LABEL_TRUSTED),
					 label_word(LABEL_SHARED))));
}

/* ----------------------------------------------------------------
 *		Labels of dumps
 * ----------------------------------------------------------------
 */

static bool
has_storage_in_use(Oid relid)
{
	Relation	rel = table_open(relid, NoLock);
	bool		used = RELKIND_HAS_STORAGE(rel->rd_rel->relkind) && RelationGetNumberOfBlocks(rel) > 0;

	table_close(rel, NoLock);
	return used;
}

static bool
is_made_in_transaction(Oid relid)
{
	Relation	rel = table_open(relid, NoLock);
	bool		made = rel->rd_createSubid != InvalidSubTransactionId;

	table_close(rel, NoLock);
	return made;
}

/*
 * May the label 'shared' or 'unprotected' take the guard off a table?  In a script
 * of pg_dump --enable-row-security the table is guarded automatically as it is
 * created, and the label of the dump follows.  The table must be as such a script
 * leaves it: never filled, and neither whole nor part of another.  While a tenant
 * is set it must be new, too, as unprotect() must not be called then.
 */
static bool
label_may_unguard(Oid relid)
{
	return guard_of(relid).status == GUARD_WHOLE && !is_own_temporary(relid) &&
		ancestors_of(relid) == NIL && list_length(find_all_inheritors(relid, NoLock, NULL)) == 1 &&
		!has_storage_in_use(relid) &&
		(!transaction_has_tenant() || is_made_in_transaction(relid));
}

/*
 * Takes the guard off a table that a statement has labelled as one that is not
 * guarded.  While the statement labels it, the table is in use and cannot be altered.
 */
void
unguard_labelled(Oid relid)
{
	if (guard_of(relid).status == GUARD_NONE || declaration_of(relid).kind == LABEL_NONE)
		return;
	LockRelationOid(relid, AccessExclusiveLock);
	if (!label_may_unguard(relid))
		raise_refusal(label_on_guarded(relid));
	unguard_hierarchy(relid);
	check_references_kept(relid);
	ereport(LOG_SERVER_ONLY,
			(errmsg("tenant_guard: table %s was unprotected by role \"%s\"",
					relation_name(relid), GetUserNameFromId(GetUserId(), true)),
			 errdetail("It has no rows yet, and is labelled as '%s'.", label_word(declaration_of(relid).kind))));
	ereport(NOTICE,
			(errmsg("table %s is no longer guarded", relation_name(relid)),
			 errdetail("It has no rows yet, and its security label is '%s'.", label_word(declaration_of(relid).kind))));
}

/* ----------------------------------------------------------------
 *		The check of the label provider
 * ----------------------------------------------------------------
 */

static void
check_table_label(const ObjectAddress *object, LabelKind kind)
{
	char		relkind = object->classId == RelationRelationId && object->objectSubId == 0 ?
		get_rel_relkind(object->objectId) : '\0';

	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE &&
		relkind != RELKIND_FOREIGN_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("security label '%s' of tenant_guard is for tables", label_word(kind))));
	if (guard_of(object->objectId).status != GUARD_NONE && !label_may_unguard(object->objectId))
		raise_refusal(label_on_guarded(object->objectId));
}

/* Only a superuser, not the owner, may declare that a function reveals nothing. */
static void
check_function_label(const ObjectAddress *object, LabelKind kind)
{
	if (object->classId != ProcedureRelationId)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("security label '%s' of tenant_guard is for functions", label_word(kind))));
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("only a superuser may trust a function with every tenant's rows")));
	if (!may_be_labelled_trusted(object->objectId))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("function %s cannot be trusted with every tenant's rows",
						format_procedure(object->objectId)),
				 errdetail("Such a function is written in C, owned by a superuser, STABLE or IMMUTABLE, and not SECURITY DEFINER.")));
}

/*
 * Findings are accepted where pg_dump or pg_dumpall carries it and audit() looks for
 * it.  The log tells who did it: what the label says of that is its writer's word.
 */
static void
check_acceptances(const ObjectAddress *object, const char *label)
{
	if (object->objectSubId != 0 ||
		(object->classId != RelationRelationId && object->classId != ProcedureRelationId &&
		 object->classId != AuthIdRelationId && object->classId != DatabaseRelationId))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("security label '%s' of tenant_guard is for tables, views, functions, roles and databases",
						label_word(LABEL_ACCEPTED))));
	ereport(LOG_SERVER_ONLY,
			(errmsg("tenant_guard: role \"%s\" has labelled %s: %s", GetUserNameFromId(GetUserId(), true),
					getObjectDescription(object, false), label)));
}

/*
 * The check of the label provider.  PostgreSQL has checked that the caller owns
 * the object.  The label of a function affects plans, so cached plans of all
 * sessions are invalidated.
 */
static void
check_label(const ObjectAddress *object, const char *label)
{
	const char *fault;
	List	   *clauses = read_label(label, &fault);
	LabelClause *declaration = declaration_in(clauses);

	if (fault != NULL)
		refuse_label(label, fault);
	if (declaration != NULL)
		(declaration->kind == LABEL_TRUSTED ? check_function_label : check_table_label) (object, declaration->kind);
	if (list_length(clauses) > (declaration != NULL ? 1 : 0))
		check_acceptances(object, label);

	if (object->classId == ProcedureRelationId)
		CacheInvalidateRelcacheAll();
}

void
register_labels(void)
{
	register_label_provider(EXTENSION_NAME, check_label);
}
