/*-------------------------------------------------------------------------
 *
 * label.h
 *	  Tables declared to be no one tenant's: security labels.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_LABEL_H
#define TENANT_GUARD_LABEL_H

#define LABEL_SHARED		"shared"
#define LABEL_UNPROTECTED	"unprotected"

extern void register_labels(void);
extern char *own_label(Oid relid);
extern char *inherited_label(Oid relid);
extern void set_label(Oid relid, const char *label);

#endif							/* TENANT_GUARD_LABEL_H */
