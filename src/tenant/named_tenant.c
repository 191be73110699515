/*-------------------------------------------------------------------------
 *
 * named_tenant.c
 *	  The sources of the transaction's tenant, and the tenant that they name.
 *
 * This is the one place that says which tenant is set; the seal takes it from
 * here (current_tenant.c).  Each source is a row: tenant_guard.tenant_id,
 * the settings that tenant_guard.setting_names names, and tenant_guard.token.
 *
 * A source that names no tenant has no say.  Of the others those that were set
 * last decide: what is set for the transaction comes before what is left from an
 * earlier one, and that before what comes from below the session (file, database,
 * role, connection).  So a default of the role can be overridden by any source,
 * and a tenant that was left behind is an error, and not replaced by a default.
 * The sources that decide must all name the same tenant.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "utils/guc_tables.h"

#include "compat.h"
#include "named_tenant.h"

/* When a source was set; the latest decide. */
typedef enum Standing
{
	SET_BELOW_SESSION,
	SET_EARLIER,				/* in an earlier transaction, for which alone it was valid */
	SET_FOR_TRANSACTION
} Standing;

/* One more for a token. */
static NamingSource sources[1 + MAX_OTHER_SETTINGS + 1];
static int	nsources = 0;

/* Adds a source, which is never removed. */
NamingSource *
add_source(SourceKind kind, const char *name)
{
	NamingSource *source = &sources[nsources];

	Assert(nsources < lengthof(sources));
	Assert((kind == SOURCE_IS_TENANT_ID) == (nsources == 0));
	source->kind = kind;
	source->name = name;
	nsources++;
	return source;
}

int
count_of_sources(void)
{
	return nsources;
}

/* How many of them name the tenant itself; these are the first. */
int
count_of_settings(void)
{
	return nsources > 0 && sources[nsources - 1].kind == SOURCE_IS_TOKEN ? nsources - 1 : nsources;
}

int
bit_of_source(const NamingSource *source)
{
	return 1 << (source - sources);
}

/* Reads the tenant that a source names; false if it names none, or it cannot be known without risking an error. */
bool
read_source_quietly(const NamingSource *source, TenantValue *value)
{
	Refusal		ignored;

	if (source->value == NULL || source->value[0] == '\0')
		return false;
	return source->read != NULL ? source->read(source->value, last_type_of_tenants(), true, value, &ignored) :
		parse_tenant(last_type_of_tenants(), source->value, value);
}

/* The first is tenant_guard.tenant_id. */
const NamingSource *
nth_source(int n)
{
	Assert(n >= 0 && n < nsources);
	return &sources[n];
}

/*
 * To be called when a source says something else.  Neither raises nor allocates;
 * "value" must stay valid until the next call.
 */
void
source_changed(NamingSource *source, const char *value, const TenantOrigin *origin)
{
	source->value = value;
	source->origin = origin;
	if (!IsParallelWorker())
		publish_tenant_origin(source - sources, origin);
}

/* Which kind of source names the tenant, for people: the name of a setting of an application's own is its own. */
const char *
name_of_source(const NamingSource *source)
{
	if (source->kind == SOURCE_IS_TOKEN)
		return "token";
	if (!origin_is_below_session(source->origin, source - sources))
		return source->kind == SOURCE_IS_TENANT_ID ? "setting" : source->name;
	switch (source->record != NULL ? source->record->source : PGC_S_DEFAULT)
	{
		case PGC_S_DATABASE:
			return "database";
		case PGC_S_USER:
		case PGC_S_DATABASE_USER:
			return "role";
		case PGC_S_CLIENT:
			return "connection";
		default:
			return "configuration";
	}
}

static Standing
standing_of(const NamingSource *source)
{
	if (origin_is_below_session(source->origin, source - sources))
		return SET_BELOW_SESSION;
	return origin_is_stale(source->origin, source - sources) ? SET_EARLIER : SET_FOR_TRANSACTION;
}

/* Reads the tenant that a source names. */
static NamingVerdict
read_source(NamedTenant *named, const NamingSource *source, TypeSource type, TenantValue *value)
{
	if (source->read == NULL)
		return parse_tenant(type(), source->value, value) ? NAMES_TENANT : NAMES_INVALID;
	return source->read(source->value, type(), type == last_type_of_tenants, value, &named->refusal) ? NAMES_TENANT : NAMES_REFUSED;
}

/* Takes in a source that says something, and whose standing is not below that of those taken in before. */
static void
take_in(NamedTenant *named, const NamingSource *source, bool decides_alone, TypeSource type, TenantValue *value)
{
	TenantValue second;
	NamingVerdict verdict;

	named->deciding = (decides_alone ? 0 : named->deciding) | bit_of_source(source);
	if (!decides_alone && named->verdict != NAMES_TENANT)
		return;
	verdict = read_source(named, source, type, decides_alone ? value : &second);
	if (decides_alone || verdict != NAMES_TENANT)
	{
		named->source = source;
		named->verdict = verdict;
	}
	else if (!tenant_equal(value, &second))
	{
		named->other = source;
		named->verdict = NAMES_TWO;
	}
}

/*
 * Which tenant do the sources name?  Neither raises nor changes anything.  "value" is filled in for NAMES_TENANT; its text points into
 * the source.
 */
NamedTenant
find_named_tenant(TypeSource type, TenantValue *value)
{
	NamedTenant named = {.verdict = NAMES_NONE};
	Standing	highest = SET_BELOW_SESSION;

	for (int i = 0; i < nsources; i++)
	{
		const NamingSource *source = &sources[i];
		Standing	standing;

		if (source->value == NULL || source->value[0] == '\0')
			continue;
		standing = standing_of(source);
		if (named.source != NULL && standing < highest)
			continue;
		if (standing == SET_EARLIER)
		{
			named.source = source;
			named.verdict = NAMES_STALE;
		}
		else
			take_in(&named, source, named.source == NULL || standing > highest, type, value);
		highest = standing;
	}
	return named;
}
