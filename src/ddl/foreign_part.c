/*-------------------------------------------------------------------------
 *
 * foreign_part.c
 *	  Foreign tables below guarded ones.
 *
 * A foreign table cannot have row-level security.  Where it is read through a
 * guarded parent the parent's policy is a filter as others are: those of the
 * query may be sent to the foreign server before it, and tell of a row by an
 * error.  And PostgreSQL evaluates no WITH CHECK for rows that are written to
 * a foreign table.  So none is to be a part of a guarded table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"

#include "bypass.h"
#include "catalog.h"
#include "compat.h"
#include "foreign_part.h"
#include "guard_refusals.h"

/*
 * Refuses a foreign table as a part of a guarded table, unless that is meant.
 * With row_security off, as in a script made by pg_dump, it is said: the
 * database that the script restores had it.
 */
void
check_foreign_part(Oid part, Oid whole)
{
	Refusal		refusal = foreign_part(relation_name(part), relation_name(whole));

	if (row_security && !weakening_is_meant(whole))
		raise_refusal(refusal);
	ereport(WARNING,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("foreign table %s is a part of guarded table %s", relation_name(part), relation_name(whole)),
			 errdetail("%s", refusal.detail),
			 errhint("%s", refusal.hint)));
}
