/*-------------------------------------------------------------------------
 *
 * tenant_type.c
 *	  A tenant identifier: reading, comparing and writing it.
 *
 * Nothing here raises or allocates, so that a GUC check hook may call it
 * (uuid_in and int8in of PostgreSQL 15 can only raise).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "tenant_type.h"

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
 * The spellings that uuid_in takes: hexadecimal in either case, an optional
 * hyphen after each group of four digits, optional braces around the whole
 * (PostgreSQL's src/backend/utils/adt/uuid.c).
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

/* A decimal number with an optional sign; no spaces, no other bases. */
static bool
parse_bigint(const char *str, int64 *number)
{
	const char *digits = (*str == '-' || *str == '+') ? str + 1 : str;
	char	   *end;

	if (!isdigit((unsigned char) *digits))
		return false;
	errno = 0;
	*number = strtoll(str, &end, 10);
	return errno == 0 && *end == '\0';
}

/*
 * Is this a uuid in another spelling than PostgreSQL's?  As a text it would be
 * a tenant of its own, beside the one in the canonical spelling.
 */
static bool
is_uuid_spelled_otherwise(const char *str)
{
	TenantValue value = {.type = TENANT_UUID};
	char		buf[TENANT_CANONICAL_SIZE];

	return parse_uuid(str, &value.uuid) && strcmp(str, tenant_canonical(&value, buf)) != 0;
}

/* Reads an identifier of the given type; false where str is not one. */
bool
parse_tenant(TenantType type, const char *str, TenantValue *value)
{
	memset(value, 0, sizeof(*value));
	value->type = type;
	switch (type)
	{
		case TENANT_UUID:
			return parse_uuid(str, &value->uuid);
		case TENANT_BIGINT:
			return parse_bigint(str, &value->number);
		case TENANT_TEXT:
			value->text = str;
			return *str != '\0' &&
				!(setting_canonical_uuids && is_uuid_spelled_otherwise(str));
	}
	return false;
}

bool
tenant_equal(const TenantValue *a, const TenantValue *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type)
	{
		case TENANT_UUID:
			return memcmp(&a->uuid, &b->uuid, sizeof(pg_uuid_t)) == 0;
		case TENANT_BIGINT:
			return a->number == b->number;
		case TENANT_TEXT:
			return strcmp(a->text, b->text) == 0;
	}
	return false;
}

/*
 * The one spelling of an identifier: in buf, of TENANT_CANONICAL_SIZE bytes,
 * or for a text the text itself.
 */
const char *
tenant_canonical(const TenantValue *value, char *buf)
{
	char	   *p = buf;

	switch (value->type)
	{
		case TENANT_UUID:
			for (int i = 0; i < UUID_LEN; i++)
			{
				if (i == 4 || i == 6 || i == 8 || i == 10)
					*p++ = '-';
				p += sprintf(p, "%02x", value->uuid.data[i]);
			}
			return buf;
		case TENANT_BIGINT:
			snprintf(buf, TENANT_CANONICAL_SIZE, INT64_FORMAT, value->number);
			return buf;
		case TENANT_TEXT:
			return value->text;
	}
	return buf;
}
