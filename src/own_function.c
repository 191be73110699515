/*-------------------------------------------------------------------------
 *
 * own_function.c
 *	  Which functions are this extension's own.
 *
 * A function is ours if it is as the install script made it.  One that a
 * superuser has replaced is not, and then no policy that calls it guards
 * anything.
 *
 * Each query on a guarded table asks several times, and reading a function's
 * row takes a quarter of what the guard adds to the planning of a short query,
 * so the last few that were ours are kept, until any function or schema
 * changes.  What is not ours is not kept.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "own_function.h"

typedef struct OwnFunction
{
	Oid			funcid;			/* InvalidOid: none */
	NameData	name;
} OwnFunction;

static OwnFunction known[8];
static int	next_known = 0;

/* Counts changes, so that what was read across one is not kept. */
static uint64 changes = 0;

static bool
attribute_is(HeapTuple tuple, AttrNumber attnum, const char *expected)
{
	bool		isnull;
	Datum		value = SysCacheGetAttr(PROCOID, tuple, attnum, &isnull);

	return !isnull && strcmp(TextDatumGetCString(value), expected) == 0;
}

/* Reads the function's row; its name is filled in if it is ours. */
static bool
read_own_function(Oid funcid, NameData *name)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	Form_pg_proc proc;
	char	   *schema;
	bool		own;

	if (!HeapTupleIsValid(tuple))
		return false;
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	*name = proc->proname;
	schema = get_namespace_name(proc->pronamespace);
	own = proc->prolang == ClanguageId && proc->pronargs == 0 &&
		schema != NULL && strcmp(schema, EXTENSION_NAME) == 0 &&
		attribute_is(tuple, Anum_pg_proc_prosrc, NameStr(*name)) &&
		attribute_is(tuple, Anum_pg_proc_probin, "$libdir/tenant_guard");
	ReleaseSysCache(tuple);
	return own;
}

/* Is this function ours, and does its name begin so? */
bool
is_own_function(Oid funcid, const char *prefix)
{
	uint64		before = changes;
	NameData	name;

	if (!OidIsValid(funcid))
		return false;
	for (int i = 0; i < lengthof(known); i++)
		if (known[i].funcid == funcid)
			return strncmp(NameStr(known[i].name), prefix, strlen(prefix)) == 0;
	if (!read_own_function(funcid, &name))
		return false;
	if (before == changes)
	{
		known[next_known].funcid = funcid;
		known[next_known].name = name;
		next_known = (next_known + 1) % lengthof(known);
	}
	return strncmp(NameStr(name), prefix, strlen(prefix)) == 0;
}

static void
forget_functions(Datum arg, int cacheid, uint32 hashvalue)
{
	changes++;
	memset(known, 0, sizeof(known));
}

void
init_own_functions(void)
{
	CacheRegisterSyscacheCallback(PROCOID, forget_functions, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, forget_functions, (Datum) 0);
}
