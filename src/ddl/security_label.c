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

#include "catalog/objectaddress.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_proc.h"
#include "commands/seclabel.h"
#include "miscadmin.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"

#include "catalog.h"
#include "guard.h"
#include "guard_refusals.h"
#include "library.h"
#include "security_label.h"
#include "table_label.h"
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
	if (guard_of(object->objectId).status != GUARD_NONE)
		raise_refusal(table_is_guarded(object->objectId));
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
