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

extern char *label_of(Oid relid);
extern char *inherited_label(Oid relid);
extern void set_label(Oid relid, const char *label);

#endif							/* TENANT_GUARD_TABLE_LABEL_H */
