/*-------------------------------------------------------------------------
 *
 * definer_function.c
 *	  The SECURITY DEFINER functions that are running.
 *
 * A refusal names the function that accesses a table.  CONTEXT does so only if it
 * is written in SQL or PL/pgSQL, and extensions' triggers are in C.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "utils/syscache.h"

#include "definer_function.h"

/* The functions whose calls the function manager's hook has seen begin, outermost first; those too deep are only counted. */
#define MAX_FUNCTIONS 32

static Oid	functions[MAX_FUNCTIONS];
static int	depth = 0;

void
function_begins(Oid funcid)
{
	if (depth < MAX_FUNCTIONS)
		functions[depth] = funcid;
	depth++;
}

/* Also if it fails.  A function that called what loaded the library began unseen. */
void
function_ends(void)
{
	if (depth > 0)
		depth--;
}

static bool
is_definer_of(Oid funcid, Oid role)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	bool		found;

	if (!HeapTupleIsValid(tuple))
		return false;
	found = ((Form_pg_proc) GETSTRUCT(tuple))->prosecdef && ((Form_pg_proc) GETSTRUCT(tuple))->proowner == role;
	ReleaseSysCache(tuple);
	return found;
}

/* The innermost function that runs as this role because it is SECURITY DEFINER, or InvalidOid. */
Oid
definer_function_of(Oid role)
{
	for (int i = Min(depth, MAX_FUNCTIONS) - 1; i >= 0; i--)
		if (is_definer_of(functions[i], role))
			return functions[i];
	return InvalidOid;
}
