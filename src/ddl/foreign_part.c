/*-------------------------------------------------------------------------
 *
 * foreign_part.c
 *	  Foreign tables below guarded ones.
 *
 * A foreign table cannot have row-level security.  When it is read through a
 * guarded parent, the query's own filters may be sent to the foreign server and
 * evaluated before the parent's policy, and may reveal a row by an error.  Also,
 * PostgreSQL evaluates no WITH CHECK for rows that are written to a foreign table.
 * So a foreign table is refused below a guarded table.
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
 * Refuses a foreign table as a partition or child of a guarded table, unless
 * the user opted in to that.  With row_security off, as in a script made by pg_dump, it
 * only warns: the dumped database had it.
 */
void
check_foreign_part(Oid foreign_table, Oid root)
{
	Refusal		refusal = foreign_part(foreign_table, root);

	Assert(OidIsValid(root) && foreign_table != root);
	if (row_security && !weakening_is_allowed(root))
		raise_refusal(refusal);
	ereport(WARNING,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("foreign table %s is a part of guarded table %s", relation_name(foreign_table), relation_name(root)),
			 errdetail("%s", refusal.detail),
			 errhint("%s", refusal.hint)));
}
