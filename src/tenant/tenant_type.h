/*-------------------------------------------------------------------------
 *
 * tenant_type.h
 *	  A tenant identifier: reading, comparing and writing it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TENANT_TYPE_H
#define TENANT_GUARD_TENANT_TYPE_H

#include "utils/uuid.h"

#include "settings.h"

/* Longest canonical form of a uuid or bigint, with its terminator. */
#define TENANT_CANONICAL_SIZE 40

/*
 * A parsed identifier.  "text" points into the string that was parsed and
 * lives as long as that does.
 */
typedef struct TenantValue
{
	TenantType	type;
	pg_uuid_t	uuid;
	int64		number;
	const char *text;
} TenantValue;

extern bool parse_tenant(TenantType type, const char *str, TenantValue *value);
extern bool tenant_equal(const TenantValue *a, const TenantValue *b);
extern const char *tenant_canonical(const TenantValue *value, char *buf);

#endif							/* TENANT_GUARD_TENANT_TYPE_H */
