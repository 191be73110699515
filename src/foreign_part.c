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

#include "access.h"
#include "compat.h"
#include "foreign_part.h"
#include "guard.h"
#include "refuse_table.h"

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

/* The same of all parts of a table, itself included. */
static void
check_parts_of(Oid relid)
{
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
	{
		Oid			whole = InvalidOid;
		ListCell   *above;

		if (get_rel_relkind(lfirst_oid(lc)) != RELKIND_FOREIGN_TABLE)
			continue;
		foreach(above, ancestors_of(lfirst_oid(lc)))
			if (guard_of(lfirst_oid(above)).status != GUARD_NONE)
				whole = lfirst_oid(above);
		if (OidIsValid(whole))
			check_foreign_part(lfirst_oid(lc), whole);
	}
}

/*
 * The same of all parts of these tables, which have been guarded, made or put
 * below another.
 */
void
check_foreign_parts(List *tables)
{
	ListCell   *lc;

	foreach(lc, tables)
		check_parts_of(lfirst_oid(lc));
}
