/*-------------------------------------------------------------------------
 *
 * stack_reserve.h
 *	  Is enough of the stack left for filters that must not fail?
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_STACK_RESERVE_H
#define TENANT_GUARD_STACK_RESERVE_H

extern bool stack_can_have_room(void);
extern bool stack_has_room(void);

#endif							/* TENANT_GUARD_STACK_RESERVE_H */
