/*-------------------------------------------------------------------------
 *
 * method_settings.c
 *	  Settings of access methods, and cached plans that depend on them.
 *
 * PostgreSQL keeps a cached plan when a setting changes.  A plan that is good for a
 * number of candidates only (approximate_index.c) must not be kept: with fewer it would
 * return too few rows, and nobody would notice.  There is no hook for changes of
 * other libraries' settings, so the values with which such plans were made are compared
 * when a tenant is set and when a statement has ended.  The end of a transaction or
 * subtransaction takes settings back after all hooks were called: there the plans are
 * dropped unless the settings are those to which RESET sets them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "utils/guc.h"

#include "method_settings.h"
#include "plan_mark.h"

/* Returns the setting of an access method, or NULL.  Neither raises nor allocates. */
const char *
method_setting(const char *method, const char *name)
{
	char		full[2 * NAMEDATALEN];

	snprintf(full, sizeof(full), "%s.%s", method, name);
	return GetConfigOption(full, true, false);
}

/* Returns the number that a setting is; 0 if there is no such setting. */
double
method_number(const char *method, const char *name)
{
	const char *value = method_setting(method, name);

	return value == NULL ? 0 : strtod(value, NULL);
}

/* The settings that matter, after the name of the access method and a dot */
static const char *const names[] = {"ef_search", "probes", "iterative_scan", "max_scan_tuples", "max_probes"};

/* An access method on whose settings cached plans depend, and a hash of their values when these were made */
typedef struct Method
{
	char		name[NAMEDATALEN];
	uint32		settings;
} Method;

static Method methods[4];
static int	nmethods = 0;

/* Neither raises nor allocates. */
static uint32
hash_of_settings(const char *method)
{
	uint32		hash = 0;

	for (int i = 0; i < lengthof(names); i++)
	{
		const char *value = method_setting(method, names[i]);

		hash = hash_combine(hash, value == NULL ? 0 : hash_bytes((const unsigned char *) value, strlen(value)));
	}
	return hash;
}

static void
drop_plans(void)
{
	nmethods = 0;
	drop_marked_plans(MARK_OF_SETTINGS);
}

/*
 * Drops cached plans that were made under other settings of access methods.  To be called
 * when a tenant is set and when a statement has ended, which may have changed settings.
 * Neither raises nor allocates.
 */
void
drop_plans_of_other_settings(void)
{
	for (int i = 0; i < nmethods; i++)
		if (methods[i].settings != hash_of_settings(methods[i].name))
		{
			drop_plans();
			return;
		}
}

/* Notes in a plan that is being made that it depends on the settings of an access method. */
void
note_method(PlannerGlobal *glob, const char *method)
{
	int			i = 0;

	drop_plans_of_other_settings();
	while (i < nmethods && strcmp(methods[i].name, method) != 0)
		i++;
	if (i == lengthof(methods))
	{
		drop_plans();
		i = 0;
	}
	if (i == nmethods)
	{
		strlcpy(methods[i].name, method, NAMEDATALEN);
		methods[i].settings = hash_of_settings(method);
		nmethods++;
	}
	glob->invalItems = lappend(glob->invalItems, item_of_mark(MARK_OF_SETTINGS));
}

/* Are the settings of a method those to which RESET sets them?  Neither raises nor allocates. */
static bool
settings_are_reset(const char *method)
{
	char		name[2 * NAMEDATALEN];
	char		value[NAMEDATALEN];

	for (int i = 0; i < lengthof(names); i++)
	{
		const char *present = method_setting(method, names[i]);
		const char *reset;

		if (present == NULL)
			continue;
		strlcpy(value, present, sizeof(value)); /* it may be in a buffer that the next call uses */
		snprintf(name, sizeof(name), "%s.%s", method, names[i]);
		reset = GetConfigOptionResetString(name);	/* NULL on 15 if no library has defined the setting */
		if (reset == NULL || strcmp(value, reset) != 0)
			return false;
	}
	return true;
}

static void
end_transaction(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT)
		for (int i = 0; i < nmethods; i++)
			if (!settings_are_reset(methods[i].name))
			{
				drop_plans();
				return;
			}
}

static void
end_subtransaction(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB && nmethods > 0)
		drop_plans();
}

/* Must be called once, by _PG_init. */
void
init_method_settings(void)
{
	RegisterXactCallback(end_transaction, NULL);
	RegisterSubXactCallback(end_subtransaction, NULL);
}
