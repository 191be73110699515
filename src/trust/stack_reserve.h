/*-------------------------------------------------------------------------
 *
 * stack_reserve.h
 *	  Whether enough of the stack is left for filters that must not fail.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_STACK_RESERVE_H
#define TENANT_GUARD_STACK_RESERVE_H

extern bool stack_can_have_reserve(void);
extern bool stack_has_reserve(void);

#endif							/* TENANT_GUARD_STACK_RESERVE_H */
