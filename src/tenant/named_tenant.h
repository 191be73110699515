/*-------------------------------------------------------------------------
 *
 * named_tenant.h
 *	  The sources of the transaction's tenant, and the tenant that they name.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_NAMED_TENANT_H
#define TENANT_GUARD_NAMED_TENANT_H

#include "refusal.h"
#include "tenant_source.h"
#include "tenant_type.h"

#define TENANT_ID "tenant_guard.tenant_id"

/* How many names tenant_guard.setting_names can have; each has an assign hook of its own. */
#define MAX_OTHER_SETTINGS 8

/* type_of_tenants or, where catalogs must not be read, last_type_of_tenants; called only if a source says something. */
typedef TenantType (*TypeSource) (void);

/* What kind of source names a tenant.  authority.c says which may under which authority. */
typedef enum SourceKind
{
	SOURCE_IS_TENANT_ID,		/* the setting tenant_guard.tenant_id, and what sets it */
	SOURCE_IS_OTHER_SETTING,	/* a setting that tenant_guard.setting_names names */
	SOURCE_IS_TOKEN				/* the setting of a signed token, which names a tenant once it is verified */
} SourceKind;

/*
 * Reads the tenant from what a source says, where that is no tenant itself; its
 * text is valid until the next call.  Returns false, and fills in the refusal, if
 * it names none that may be used.  "quietly": the caller must not raise errors,
 * and false without a refusal may be returned where the answer is not known
 * without risking one.
 */
typedef bool (*SourceReader) (const char *value, TenantType type, bool quietly, TenantValue *tenant, Refusal *refusal);

/* A source of the transaction's tenant, and what it says now. */
typedef struct NamingSource
{
	SourceKind	kind;
	const char *name;			/* for messages: the setting's */
	const char *value;			/* NULL or empty: it names no tenant */
	const TenantOrigin *origin; /* NULL: the value comes from below the session */
	const struct config_generic *record;	/* guc.c's, of the setting */
	SourceReader read;			/* NULL: the value is the tenant */
} NamingSource;

typedef enum NamingVerdict
{
	NAMES_NONE,
	NAMES_TENANT,
	NAMES_STALE,				/* set in an earlier transaction */
	NAMES_INVALID,				/* not a tenant of this type */
	NAMES_REFUSED,				/* it may not be used */
	NAMES_TWO					/* two sources name different tenants */
} NamingVerdict;

/* What the sources say together. */
typedef struct NamedTenant
{
	NamingVerdict verdict;
	const NamingSource *source; /* NULL for NAMES_NONE */
	const NamingSource *other;	/* of NAMES_TWO */
	int			deciding;		/* the sources that decide, a bit each */
	Refusal		refusal;		/* of NAMES_REFUSED */
} NamedTenant;

extern NamingSource *add_source(SourceKind kind, const char *name);
extern int	count_of_sources(void);
extern int	count_of_settings(void);
extern const NamingSource *nth_source(int n);
extern void source_changed(NamingSource *source, const char *value, const TenantOrigin *origin);
extern int	bit_of_source(const NamingSource *source);
extern bool read_source_quietly(const NamingSource *source, TenantValue *value);
extern const char *name_of_source(const NamingSource *source);
extern NamedTenant find_named_tenant(TypeSource type, TenantValue *value);

#endif							/* TENANT_GUARD_NAMED_TENANT_H */
