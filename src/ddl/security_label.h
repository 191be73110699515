/*-------------------------------------------------------------------------
 *
 * security_label.h
 *	  Checks the labels that SECURITY LABEL FOR tenant_guard sets.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_SECURITY_LABEL_H
#define TENANT_GUARD_SECURITY_LABEL_H

extern void register_labels(void);
extern void unguard_labelled(Oid relid);

#endif							/* TENANT_GUARD_SECURITY_LABEL_H */
