/*-------------------------------------------------------------------------
 *
 * tenant_type.c
 *	  The types that tenant identifiers may have, and values of them.
 *
 * All that differs between the types is in one row of a table.  To add a type
 * takes a row here, a getter and a setter in the install script, and a test.
 *
 * The functions that read, compare and write a value neither raise nor allocate,
 * so that a GUC check hook can call them.  (uuid_in and int8in of PostgreSQL 15
 * raise an error for invalid input.)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "access/xact.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "compat.h"
#include "tenant_type.h"

PG_FUNCTION_INFO_V1(tenant_guard_tenant_type_of);
PG_FUNCTION_INFO_V1(tenant_guard_tenant_getters);

/* One more than the longest list in a row below, which ends with InvalidOid. */
#define MAX_COLUMN_TYPES 4

typedef struct TenantTypeRow
{
	/* its name in SQL, and as a value of tenant_guard.tenant_type */
	const char *name;
	/* the call of its getter in policies and defaults */
	const char *getter;
	/* a sentence for hints: how to write a value */
	const char *advice;
	/* the types that a tenant column can have, besides domains over them */
	Oid			column_types[MAX_COLUMN_TYPES];

	/*
	 * The operators in "column = getter", by their OIDs in pg_operator.dat; only one of them has a macro.  Comparing OIDs is cheaper than looking up
	 * the operator's function, which each query would do several times.
	 */
	Oid			equalities[MAX_COLUMN_TYPES];
	/* parses a value; false if the string is not one */
	bool		(*read) (const char *str, TenantValue *value);
	/* converts a column's value, of one of column_types */
	void		(*view) (Datum datum, Oid type, TenantValue *value);
	/* returns the bytes by which values are compared and hashed */
	const void *(*bytes) (const TenantValue *value, size_t *length);
	/* returns the canonical spelling of a value, in buf or in the value itself */
	const char *(*write) (const TenantValue *value, char *buf);
	/* returns what the getter returns: a pointer into the value, or palloc'd together with its text */
	Datum		(*datum) (TenantValue *value);
} TenantTypeRow;

static int	setting_tenant_type = TENANT_UUID;
static bool setting_is_set = false;
bool		setting_canonical_uuids = true;

/* ----------------------------------------------------------------
 *		uuid
 * ----------------------------------------------------------------
 */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/*
 * Accepts what uuid_in accepts: hexadecimal digits in either case, an optional
 * hyphen after each group of four, optional braces around all (string_to_uuid
 * in src/backend/utils/adt/uuid.c).
 */
static bool
parse_uuid(const char *str, pg_uuid_t *uuid)
{
	bool		braces = (*str == '{');

	if (braces)
		str++;
	for (int i = 0; i < UUID_LEN; i++)
	{
		int			high = hex_digit(str[0]);
		int			low = high < 0 ? -1 : hex_digit(str[1]);

		if (low < 0)
			return false;
		uuid->data[i] = (unsigned char) (high << 4 | low);
		str += 2;
		if (*str == '-' && i % 2 == 1 && i < UUID_LEN - 1)
			str++;
	}
	if (braces && *str++ != '}')
		return false;
	return *str == '\0';
}

static bool
read_uuid(const char *str, TenantValue *value)
{
	return parse_uuid(str, &value->uuid);
}

static void
view_uuid(Datum datum, Oid type, TenantValue *value)
{
	value->uuid = *DatumGetUUIDP(datum);
}

static const void *
bytes_of_uuid(const TenantValue *value, size_t *length)
{
	*length = UUID_LEN;
	return value->uuid.data;
}

/* Called whenever a tenant is set: sprintf would take longer than all else that is done then. */
static const char *
write_uuid(const TenantValue *value, char *buf)
{
	static const char digits[] = "0123456789abcdef";
	char	   *p = buf;

	for (int i = 0; i < UUID_LEN; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = digits[value->uuid.data[i] >> 4];
		*p++ = digits[value->uuid.data[i] & 0xF];
	}
	*p = '\0';
	return buf;
}

static Datum
datum_of_uuid(TenantValue *value)
{
	return UUIDPGetDatum(&value->uuid);
}

/* ----------------------------------------------------------------
 *		bigint
 * ----------------------------------------------------------------
 */

/* Accepts a decimal number with an optional sign; neither spaces nor other bases. */
static bool
read_bigint(const char *str, TenantValue *value)
{
	const char *digits = (*str == '-' || *str == '+') ? str + 1 : str;
	char	   *end;

	if (!isdigit((unsigned char) *digits))
		return false;
	errno = 0;
	value->number = strtoll(str, &end, 10);
	return errno == 0 && *end == '\0';
}

static void
view_bigint(Datum datum, Oid type, TenantValue *value)
{
	value->number = type == INT2OID ? DatumGetInt16(datum) :
		type == INT4OID ? DatumGetInt32(datum) :
		DatumGetInt64(datum);
}

static const void *
bytes_of_bigint(const TenantValue *value, size_t *length)
{
	*length = sizeof(value->number);
	return &value->number;
}

static const char *
write_bigint(const TenantValue *value, char *buf)
{
	snprintf(buf, TENANT_CANONICAL_SIZE, INT64_FORMAT, value->number);
	return buf;
}

static Datum
datum_of_bigint(TenantValue *value)
{
	return Int64GetDatum(value->number);
}

/* ----------------------------------------------------------------
 *		text
 * ----------------------------------------------------------------
 */

/*
 * Is this a UUID in another spelling than uuid_out's?  As a text it would be
 * another tenant than the one in the canonical spelling.
 */
static bool
is_uuid_spelled_otherwise(const char *str)
{
	TenantValue value;
	char		buf[TENANT_CANONICAL_SIZE];

	return read_uuid(str, &value) && strcmp(str, write_uuid(&value, buf)) != 0;
}

/*
 * PostgreSQL checks the encoding of what a statement sets, but not of what is in
 * a connection's options, nor of what another database has stored for a role.
 */
static bool
read_text(const char *str, TenantValue *value)
{
	value->text = str;
	value->length = strlen(str);
	return value->length > 0 && pg_verifymbstr(str, (int) value->length, true) &&
		!(setting_canonical_uuids && is_uuid_spelled_otherwise(str));
}

/* value->text is not null-terminated then. */
static void
view_text(Datum datum, Oid type, TenantValue *value)
{
	text	   *string = DatumGetTextPP(datum);

	value->text = VARDATA_ANY(string);
	value->length = VARSIZE_ANY_EXHDR(string);
}

static const void *
bytes_of_text(const TenantValue *value, size_t *length)
{
	*length = value->length;
	return value->text;
}

static const char *
write_text(const TenantValue *value, char *buf)
{
	return value->text;
}

/* One copy, which is null-terminated, serves as the Datum and as the value's text. */
static Datum
datum_of_text(TenantValue *value)
{
	text	   *copy = palloc(VARHDRSZ + value->length + 1);

	SET_VARSIZE(copy, VARHDRSZ + value->length);
	memcpy(VARDATA(copy), value->text, value->length + 1);
	value->text = VARDATA(copy);
	return PointerGetDatum(copy);
}

/* ----------------------------------------------------------------
 *		The table
 * ----------------------------------------------------------------
 */

static const TenantTypeRow types[] = {
	[TENANT_UUID] = {
		"uuid", "tenant_guard.current_tenant()",
		"Write a uuid, such as '7f1c9d0e-6f0e-4f6b-9a53-2f6c0f3f8a11'.",
		{UUIDOID}, {2972 /* uuid = uuid */ },
		read_uuid, view_uuid, bytes_of_uuid, write_uuid, datum_of_uuid
	},
	[TENANT_BIGINT] = {
		"bigint", "tenant_guard.current_tenant_bigint()",
		"Write a whole number, such as '42'.",
		{INT8OID, INT4OID, INT2OID}, {410 /* int8 = int8 */ , 15 /* int4 = int8 */ , 1862 /* int2 = int8 */ },
		read_bigint, view_bigint, bytes_of_bigint, write_bigint, datum_of_bigint
	},
	[TENANT_TEXT] = {
		"text", "tenant_guard.current_tenant_text()",
		"Write a text that is not empty.",
		{TEXTOID, VARCHAROID}, {TextEqualOperator},
		read_text, view_text, bytes_of_text, write_text, datum_of_text
	}
};

/* Returns the name of a type in SQL; a constant, as is what the next two functions return. */
const char *
tenant_type_name(TenantType type)
{
	return types[type].name;
}

/* Returns the call of the getter that returns a tenant of this type. */
const char *
tenant_getter(TenantType type)
{
	return types[type].getter;
}

/* Returns a sentence for a hint: how to write a tenant of this type. */
const char *
tenant_type_advice(TenantType type)
{
	return types[type].advice;
}

static bool
is_listed(const Oid *oids, Oid oid)
{
	for (int i = 0; i < MAX_COLUMN_TYPES && OidIsValid(oids[i]); i++)
		if (oids[i] == oid)
			return true;
	return false;
}

static bool
base_type_serves(Oid type, TenantType *tenant_type)
{
	for (int i = 0; i < lengthof(types); i++)
		if (is_listed(types[i].column_types, type))
		{
			*tenant_type = i;
			return true;
		}
	return false;
}

/*
 * Sets *tenant_type to the tenant type for which a column can be of this type, or
 * a domain over it; false if there is none.  Domains alone are looked up.
 */
bool
type_serves(Oid type, TenantType *tenant_type)
{
	return base_type_serves(type, tenant_type) || base_type_serves(getBaseType(type), tenant_type);
}

/*
 * tenant_type_of(type oid): the tenant type that a column of this type serves,
 * or null.
 */
Datum
tenant_guard_tenant_type_of(PG_FUNCTION_ARGS)
{
	Oid			type = PG_GETARG_OID(0);
	TenantType	tenant_type;

	if (!SearchSysCacheExists1(TYPEOID, ObjectIdGetDatum(type)) || !type_serves(type, &tenant_type))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(tenant_type_name(tenant_type)));
}

/* tenant_getters(): each tenant type, and the call of its getter. */
Datum
tenant_guard_tenant_getters(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < lengthof(types); i++)
	{
		Datum		values[2] = {CStringGetTextDatum(types[i].name), CStringGetTextDatum(types[i].getter)};
		bool		nulls[2] = {false, false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* Is this an equality by which a guard compares the tenant column with the tenant? */
bool
is_tenant_equality(Oid opno)
{
	for (int i = 0; i < lengthof(types); i++)
		if (is_listed(types[i].equalities, opno))
			return true;
	return false;
}

/* ----------------------------------------------------------------
 *		Values
 * ----------------------------------------------------------------
 */

/* Parses an identifier of the given type; false if str is not one.  value->text may point into str. */
bool
parse_tenant(TenantType type, const char *str, TenantValue *value)
{
	Assert(type >= 0 && type < lengthof(types));
	memset(value, 0, sizeof(*value));
	value->type = type;
	return types[type].read(str, value);
}

/*
 * Converts a value of a tenant column to the tenant that it identifies.
 * "column_type" must be one of the types for "type", not a domain.  value->text
 * may point into the datum, and is not null-terminated then.
 */
void
view_tenant(TenantType type, Datum datum, Oid column_type, TenantValue *value)
{
	Assert(is_listed(types[type].column_types, column_type));
	memset(value, 0, sizeof(*value));
	value->type = type;
	types[type].view(datum, column_type, value);
}

bool
tenant_equal(const TenantValue *a, const TenantValue *b)
{
	size_t		length;
	size_t		other_length;
	const void *bytes = types[a->type].bytes(a, &length);
	const void *other_bytes = types[b->type].bytes(b, &other_length);

	return a->type == b->type && length == other_length && memcmp(bytes, other_bytes, length) == 0;
}

/* Returns a hash value; equal tenants have the same. */
uint64
tenant_hash(const TenantValue *value)
{
	size_t		length;
	const void *bytes = types[value->type].bytes(value, &length);

	return hash_bytes_extended(bytes, length, 0);
}

/*
 * Returns the canonical spelling of an identifier: in buf, which must have
 * TENANT_CANONICAL_SIZE bytes, or for type text value->text, which must be
 * null-terminated.
 */
const char *
tenant_canonical(const TenantValue *value, char *buf)
{
	return types[value->type].write(value, buf);
}

/*
 * Copies a value, its text into "context"; value->text must be null-terminated.
 * Returns false if out of memory and "flags" has MCXT_ALLOC_NO_OOM.
 */
bool
copy_tenant(TenantValue *copy, const TenantValue *value, MemoryContext context, int flags)
{
	char	   *text;

	Assert(value->text == NULL || value->text[value->length] == '\0');
	*copy = *value;
	if (value->text == NULL)
		return true;
	text = MemoryContextAllocExtended(context, value->length + 1, flags);
	if (text == NULL)
		return false;
	copy->text = memcpy(text, value->text, value->length + 1);
	return true;
}

/*
 * Returns what a getter returns for a value.  It points into the value, or is
 * palloc'd; then value->text is set to point into it.
 */
Datum
tenant_datum(TenantValue *value)
{
	return types[value->type].datum(value);
}

/*
 * Sets *datum to the value of a column that identifies a tenant, as tenant_datum()
 * does; false if the column's type has no such value.  "column_type" is as for
 * view_tenant().
 */
bool
datum_for_column(TenantValue *value, Oid column_type, Datum *datum)
{
	Assert(is_listed(types[value->type].column_types, column_type));
	if (column_type == INT4OID)
		*datum = Int32GetDatum((int32) value->number);
	else if (column_type == INT2OID)
		*datum = Int16GetDatum((int16) value->number);
	else
		*datum = tenant_datum(value);
	return (column_type != INT4OID || value->number == (int32) value->number) &&
		(column_type != INT2OID || value->number == (int16) value->number);
}

/* ----------------------------------------------------------------
 *		Settings
 * ----------------------------------------------------------------
 */

/* Where the setting has its default: says the type, and what it said last. */
static TenantType (*type_elsewhere) (void) = NULL;
static TenantType last_type = TENANT_UUID;

/*
 * "source" says the type of tenants where the setting has its default.  It is
 * called in transactions only, and keeps what it has found itself.
 */
void
read_tenant_type_from(TenantType (*source) (void))
{
	type_elsewhere = source;
}

/* The type that tenants of this database have, as it was when it was last read: for callers that must not raise errors. */
TenantType
last_type_of_tenants(void)
{
	return setting_is_set ? setting_tenant_type : last_type;
}

/* The type that tenants of this database have.  May read the catalogs. */
TenantType
type_of_tenants(void)
{
	if (!setting_is_set && type_elsewhere != NULL && IsTransactionState())
		last_type = type_elsewhere();
	return last_type_of_tenants();
}

/* Is the type what the setting says?  Otherwise the setting has its default. */
bool
tenant_type_is_set(void)
{
	return setting_is_set;
}

static bool
check_tenant_type(int *newval, void **extra, GucSource source)
{
	bool	   *is_set = guc_malloc(LOG, sizeof(bool));

	if (is_set == NULL)
		return false;
	*is_set = source > PGC_S_DYNAMIC_DEFAULT;
	*extra = is_set;
	return true;
}

static void
assign_tenant_type(int newval, void *extra)
{
	setting_is_set = *(bool *) extra;
}

void
define_tenant_type_settings(void)
{
	static struct config_enum_entry options[lengthof(types) + 1];

	for (int i = 0; i < lengthof(types); i++)
		options[i] = (struct config_enum_entry) {types[i].name, i, false};
	DefineCustomEnumVariable("tenant_guard.tenant_type",
							 "Sets the type of tenant identifiers.",
							 "Tenant columns and values of another type are refused. Where this is not set, it is what guarded tables have.",
							 &setting_tenant_type,
							 TENANT_UUID, options,
							 PGC_SUSET, 0, check_tenant_type, assign_tenant_type, NULL);
	DefineCustomBoolVariable("tenant_guard.canonical_uuids",
							 "Refuses text tenants that are UUIDs in another spelling than the canonical one.",
							 "As text, each spelling of a UUID would be a different tenant.",
							 &setting_canonical_uuids,
							 true,
							 PGC_SUSET, 0, NULL, NULL, NULL);
}
