/*-------------------------------------------------------------------------
 *
 * extension_version.c
 *	  Whether the library works with the objects that the extension has in this
 *	  database.
 *
 * The library and the objects are replaced at different times: the file when the
 * package is installed, what a session has loaded when it ends, the objects by
 * ALTER EXTENSION ... UPDATE, on a standby when its primary does that.  Each
 * release lists the versions of the objects with which its library works.  With
 * others no tenant can be used, and no DDL is run: a library could take a guard
 * of another version for none.
 *
 * The version is read from pg_extension, of which sessions are not told when it
 * changes.  It is read again when a function or a schema has changed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "catalog.h"
#include "extension_version.h"
#include "library.h"
#include "refusal.h"
#include "tenant_refusals.h"

/*
 * The versions of the objects with which this library works, besides its own:
 * each from which a script updates, and which the tests have tried.
 */
static const char *const works_with[] = {"1.0", NULL};

/* Is the library known to fit?  That it does not is not kept. */
static bool fits = false;

/* Counts invalidations: what was read while one arrived is not kept. */
static uint64 changes = 0;

/* The version of the objects, or NULL if the extension is not in this database; palloc'd. */
static char *
version_of_objects(void)
{
	Oid			extension = get_extension_oid(EXTENSION_NAME, true);
	CatalogScan scan;
	HeapTuple	tuple;
	char	   *version = NULL;

	if (!OidIsValid(extension))
		return NULL;
	scan = begin_catalog_scan(ExtensionRelationId, ExtensionOidIndexId, Anum_pg_extension_oid, extension, NULL);
	if (HeapTupleIsValid(tuple = next_catalog_row(&scan)))
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, Anum_pg_extension_extversion, RelationGetDescr(scan.catalog), &isnull);

		version = isnull ? NULL : TextDatumGetCString(value);
	}
	end_catalog_scan(&scan);
	return version;
}

static bool
library_works_with(const char *version)
{
	if (version == NULL || strcmp(version, library_version()) == 0)
		return true;
	for (int i = 0; works_with[i] != NULL; i++)
		if (strcmp(version, works_with[i]) == 0)
			return true;
	return false;
}

/* Is version "a" before version "b"?  Numbers in them are compared as numbers. */
static bool
is_before(const char *a, const char *b)
{
	while (*a && *b)
	{
		char	   *rest_of_a;
		char	   *rest_of_b;
		long		number_in_a = strtol(a, &rest_of_a, 10);
		long		number_in_b = strtol(b, &rest_of_b, 10);

		if (number_in_a != number_in_b)
			return number_in_a < number_in_b;
		if (*rest_of_a != *rest_of_b || *rest_of_a == '\0')
			return *rest_of_a < *rest_of_b;
		a = rest_of_a + 1;
		b = rest_of_b + 1;
	}
	return *a == '\0' && *b != '\0';
}

/*
 * Does the library work with the objects of the extension?  Where there are
 * none, or a script is making them, or pg_upgrade, that is not asked.
 */
bool
library_fits(void)
{
	uint64		before = changes;
	char	   *version;
	bool		works;

	if (fits || creating_extension || IsBinaryUpgrade)
		return true;
	version = version_of_objects();
	works = library_works_with(version);
	fits = works && before == changes;
	if (version != NULL)
		pfree(version);
	return works;
}

/* Raises an error if it does not. */
void
check_library_fits(void)
{
	const char *version;

	if (library_fits())
		return;
	version = version_of_objects();
	raise_refusal(versions_differ(library_version(), version, is_before(version, library_version())));
}

/* To be called after an ALTER EXTENSION of this extension: the same in this session, and other sessions read the version again. */
void
check_library_fits_update(void)
{
	fits = false;
	check_library_fits();
	CacheInvalidateCatalog(NamespaceRelationId);
}

static void
forget_version(Datum arg, int cacheid, uint32 hashvalue)
{
	changes++;
	fits = false;
}

/* Must be called once, by _PG_init. */
void
init_extension_version(void)
{
	CacheRegisterSyscacheCallback(PROCOID, forget_version, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, forget_version, (Datum) 0);
}
