/*-------------------------------------------------------------------------
 *
 * security_label.c
 *	  Checks the labels that SECURITY LABEL FOR tenant_guard sets.
 *
 * The owner of a table may label it, as share() does (table_label.c).  With the
 * label 'trusted' of a function a superuser declares that the function may see
 * every tenant's rows, since neither it nor what the planner and indexes call for
 * it can reveal them (trusted_function.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
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
refuse_label(const char *label)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_NAME),
			 errmsg("\"%s\" is not a security label of tenant_guard", label),
			 errhint("Its labels are '%s' and '%s' for tables, '%s' for functions.",
					 label_word(LABEL_SHARED), label_word(LABEL_UNPROTECTED), label_word(LABEL_TRUSTED))));
}

static void
check_table_label(const ObjectAddress *object, const char *label)
{
	char		relkind = object->classId == RelationRelationId && object->objectSubId == 0 ?
		get_rel_relkind(object->objectId) : '\0';

	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE &&
		relkind != RELKIND_FOREIGN_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("security label '%s' of tenant_guard is for tables", label)));
	if (guard_of(object->objectId).status != GUARD_NONE)
		raise_refusal(table_is_guarded(object->objectId));
}

/* Only a superuser, not the owner, may declare that a function reveals nothing. */
static void
check_function_label(const ObjectAddress *object, const char *label)
{
	if (object->classId != ProcedureRelationId)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("security label '%s' of tenant_guard is for functions", label)));
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
 * The check of the label provider.  PostgreSQL has checked that the caller owns
 * the object.  The label of a function affects plans, so cached plans of all
 * sessions are invalidated.
 */
static void
check_label(const ObjectAddress *object, const char *label)
{
	switch (parse_label(label))
	{
		case LABEL_NONE:
			break;
		case LABEL_SHARED:
		case LABEL_UNPROTECTED:
			check_table_label(object, label);
			break;
		case LABEL_TRUSTED:
			check_function_label(object, label);
			break;
		case LABEL_UNKNOWN:
			refuse_label(label);
			break;
	}

	if (object->classId == ProcedureRelationId)
		CacheInvalidateRelcacheAll();
}

void
register_labels(void)
{
	register_label_provider(EXTENSION_NAME, check_label);
}
