/*-------------------------------------------------------------------------
 *
 * tenant_type.h
 *	  The types that tenant identifiers may have, and values of them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TENANT_TYPE_H
#define TENANT_GUARD_TENANT_TYPE_H

#include "utils/uuid.h"

/* tenant_guard.tenant_type: the one type that tenant identifiers have */
typedef enum TenantType
{
	TENANT_UUID,
	TENANT_BIGINT,
	TENANT_TEXT
} TenantType;

/* Bytes of the longest canonical form of a uuid or bigint, with the terminating null. */
#define TENANT_CANONICAL_SIZE 40

/*
 * A tenant identifier.  "text" points into the string or datum from which the
 * value was made, and is valid as long as that is; it is NULL for other types.
 */
typedef struct TenantValue
{
	TenantType	type;
	pg_uuid_t	uuid;
	int64		number;
	const char *text;
	size_t		length;			/* of text */
} TenantValue;

extern bool setting_canonical_uuids;

extern void define_tenant_type_settings(void);
extern void read_tenant_type_from(TenantType (*source) (void));

extern TenantType type_of_tenants(void);
extern TenantType last_type_of_tenants(void);
extern bool tenant_type_is_set(void);

extern const char *tenant_type_name(TenantType type);
extern const char *tenant_getter(TenantType type);
extern const char *tenant_type_advice(TenantType type);
extern bool type_serves(Oid type, TenantType *tenant_type);
extern bool is_tenant_equality(Oid opno);

extern bool parse_tenant(TenantType type, const char *str, TenantValue *value);
extern void view_tenant(TenantType type, Datum datum, Oid column_type, TenantValue *value);
extern bool tenant_equal(const TenantValue *a, const TenantValue *b);
extern uint64 tenant_hash(const TenantValue *value);
extern const char *tenant_canonical(const TenantValue *value, char *buf);
extern bool copy_tenant(TenantValue *copy, const TenantValue *value, MemoryContext context, int flags);
extern Datum tenant_datum(TenantValue *value);
extern bool datum_for_column(TenantValue *value, Oid column_type, Datum *datum);

#endif							/* TENANT_GUARD_TENANT_TYPE_H */
