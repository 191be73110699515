/*-------------------------------------------------------------------------
 *
 * constant_function.h
 *	  Functions whose results the planner can put into a plan as constants.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_CONSTANT_FUNCTION_H
#define TENANT_GUARD_CONSTANT_FUNCTION_H

extern void init_constant_functions(void);
extern void note_function_looked_up(Oid funcid);
extern void note_function_called(Oid funcid);

#endif							/* TENANT_GUARD_CONSTANT_FUNCTION_H */
