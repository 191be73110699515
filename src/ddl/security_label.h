/*-------------------------------------------------------------------------
 *
 * security_label.h
 *	  What SECURITY LABEL FOR tenant_guard may say.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_SECURITY_LABEL_H
#define TENANT_GUARD_SECURITY_LABEL_H

extern void register_labels(void);

#endif							/* TENANT_GUARD_SECURITY_LABEL_H */
