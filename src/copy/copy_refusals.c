/*-------------------------------------------------------------------------
 *
 * copy_refusals.c
 *	  Refusals of COPY FROM into guarded tables.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog.h"
#include "copy_refusals.h"

Refusal
triggers_changed(Oid relid)
{
	return (Refusal) {
		ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			psprintf("triggers of table %s, or of a partition of it, changed while COPY ran", relation_name(relid)),
			"The rows were checked before such a trigger could change them.",
			"Run the statement again when the triggers are as they should be."
	};
}

Refusal
table_was_renamed(Oid relid)
{
	return (Refusal) {
		ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			psprintf("table %s got another name while COPY began", relation_name(relid)),
			NULL,
			"Run the statement again."
	};
}

Refusal
copy_called_by_hand(void)
{
	return (Refusal) {
		ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			"procedure tenant_guard_internal.run_copy cannot be called by hand",
			"It is a part of COPY FROM into a guarded table.",
			"Run COPY FROM."
	};
}
