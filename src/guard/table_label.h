/*-------------------------------------------------------------------------
 *
 * table_label.h
 *	  Security labels that say that a table is not to be guarded.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_TABLE_LABEL_H
#define TENANT_GUARD_TABLE_LABEL_H

#include "label.h"

/* What a table is declared to be */
typedef struct Declaration
{
	LabelKind	kind;			/* LABEL_NONE if nothing is declared */
	char	   *reason;			/* palloc'd, or NULL */
} Declaration;

extern Declaration declaration_of(Oid relid);
extern Declaration inherited_declaration(Oid relid);
extern void declare_table(Oid relid, LabelKind kind, const char *reason);
extern void undeclare_guarded(Oid relid);

#endif							/* TENANT_GUARD_TABLE_LABEL_H */
