/*-------------------------------------------------------------------------
 *
 * key_owners.h
 *	  Foreign keys between tables of two owners.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_KEY_OWNERS_H
#define TENANT_GUARD_KEY_OWNERS_H

#include "utils/queryenvironment.h"

#include "foreign_key.h"
#include "refusal.h"

extern Oid	function_of_key(const ForeignKey *key, Oid trusted);
extern bool owners_may_pair(const ForeignKey *key, Refusal *why);
extern void check_two_owners(const ForeignKey *key);
extern EphemeralNamedRelation read_parents(const ForeignKey *key);
extern char *parents_of(const ForeignKey *key, EphemeralNamedRelation parents);

#endif							/* TENANT_GUARD_KEY_OWNERS_H */
