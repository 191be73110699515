/*-------------------------------------------------------------------------
 *
 * extension_function.c
 *	  Recognises this extension's own functions.
 *
 * A function is this extension's if it is as the install script created it.  One
 * that a superuser has replaced is not, and a policy that calls it is no part of
 * a guard.
 *
 * This is looked up several times for each query on a guarded table, and reading
 * the row in pg_proc takes a quarter of what the guard adds to the planning of a
 * short query.  So the last few functions that were found to be ours are cached,
 * until any function or schema changes.  Other functions are not cached.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "extension_function.h"
#include "library.h"

/* The name of a function in C is this prefix and its name in SQL. */
#define C_PREFIX	"tenant_guard_"

/* The names of all getters begin with this; in C they are one function, named by it after the prefix. */
#define GETTER		"current_tenant"

typedef struct KnownFunction
{
	Oid			funcid;			/* InvalidOid: none */
	ExtensionFunction which;
} KnownFunction;

static KnownFunction known[8];
static int	next_known = 0;

/* Counts invalidations: what was read while one arrived is not cached. */
static uint64 changes = 0;

/* Is an attribute of a row of pg_proc the string "prefix" || "expected"? */
static bool
attribute_is(HeapTuple tuple, AttrNumber attnum, const char *prefix, const char *expected)
{
	bool		isnull;
	Datum		value = SysCacheGetAttr(PROCOID, tuple, attnum, &isnull);
	char	   *string = isnull ? NULL : TextDatumGetCString(value);

	return string != NULL && strncmp(string, prefix, strlen(prefix)) == 0 &&
		strcmp(string + strlen(prefix), expected) == 0;
}

static bool
is_getter_name(const char *name)
{
	return strncmp(name, GETTER, strlen(GETTER)) == 0;
}

/* Those with arguments are called by PostgreSQL alone. */
static const char *
schema_of_function(int nargs)
{
	return nargs > 0 ? INTERNAL_SCHEMA : EXTENSION_NAME;
}

static ExtensionFunction
function_of_name(const char *name, int nargs)
{
	if (nargs > 0 && (strcmp(name, "check_copied_tenant") == 0 || strcmp(name, "run_copy") == 0))
		return EXTENSION_COPY;
	if (nargs > 0)
		return strcmp(name, "check_key_action") == 0 || strcmp(name, "check_tenant_kept") == 0 ? EXTENSION_KEY_CHECK : EXTENSION_NONE;
	if (is_getter_name(name))
		return EXTENSION_GETTER;
	if (strcmp(name, "check_reference") == 0)
		return EXTENSION_REFERENCE_CHECK;
	if (strcmp(name, "check_referenced") == 0)
		return EXTENSION_REFERENCED_CHECK;
	return strcmp(name, "guarded") == 0 ? EXTENSION_GUARDED : EXTENSION_OTHER;
}

/* Looks a function up in pg_proc, without the cache. */
static ExtensionFunction
read_extension_function(Oid funcid)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	ExtensionFunction which = EXTENSION_NONE;
	Form_pg_proc proc;
	char	   *schema;
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		return EXTENSION_NONE;
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	name = NameStr(proc->proname);
	schema = get_namespace_name(proc->pronamespace);
	if (proc->prolang == ClanguageId &&
		schema != NULL && strcmp(schema, schema_of_function(proc->pronargs)) == 0 &&
		attribute_is(tuple, Anum_pg_proc_prosrc, C_PREFIX, is_getter_name(name) ? GETTER : name) &&
		attribute_is(tuple, Anum_pg_proc_probin, "$libdir/", EXTENSION_NAME))
		which = function_of_name(name, proc->pronargs);
	ReleaseSysCache(tuple);
	return which;
}

/* Returns which of this extension's functions it is; EXTENSION_NONE for others, and for InvalidOid. */
ExtensionFunction
extension_function(Oid funcid)
{
	uint64		before = changes;
	ExtensionFunction which;

	if (!OidIsValid(funcid))
		return EXTENSION_NONE;
	for (int i = 0; i < lengthof(known); i++)
		if (known[i].funcid == funcid)
			return known[i].which;
	which = read_extension_function(funcid);
	if (which != EXTENSION_NONE && before == changes)
	{
		known[next_known].funcid = funcid;
		known[next_known].which = which;
		next_known = (next_known + 1) % lengthof(known);
	}
	return which;
}

/* A function with arguments that PostgreSQL alone calls; InvalidOid if it is not as the install script created it. */
Oid
internal_function(char *name, int nargs, Oid *types, ExtensionFunction which)
{
	Oid			funcid = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name),
										 PointerGetDatum(buildoidvector(types, nargs)),
										 ObjectIdGetDatum(get_namespace_oid(INTERNAL_SCHEMA, true)));

	return extension_function(funcid) == which ? funcid : InvalidOid;
}

/* The getter of a type in pg_proc, or InvalidOid.  Does not ask whether the user may call it. */
Oid
getter_function(TenantType type)
{
	char	   *name = pstrdup(strchr(tenant_getter(type), '.') + 1);

	*strchr(name, '(') = '\0';
	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name), PointerGetDatum(buildoidvector(NULL, 0)),
						   ObjectIdGetDatum(get_namespace_oid(EXTENSION_NAME, true)));
}

static void
forget_functions(Datum arg, int cacheid, uint32 hashvalue)
{
	changes++;
	memset(known, 0, sizeof(known));
}

/* Must be called once, by _PG_init. */
void
init_extension_functions(void)
{
	CacheRegisterSyscacheCallback(PROCOID, forget_functions, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, forget_functions, (Datum) 0);
}
