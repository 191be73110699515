/*-------------------------------------------------------------------------
 *
 * set_tenant_by_token.c
 *	  The SQL functions about tokens.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "current_tenant.h"
#include "set_tenant.h"
#include "tenant_type.h"
#include "token_cache.h"
#include "token_refusals.h"
#include "token_setting.h"

PG_FUNCTION_INFO_V1(tenant_guard_set_tenant_by_token);
PG_FUNCTION_INFO_V1(tenant_guard_token_claims);

/* set_tenant_by_token(token, is_local): what SET does, but takes a bind parameter.  Returns the tenant in its canonical form. */
Datum
tenant_guard_set_tenant_by_token(PG_FUNCTION_ARGS)
{
	const char *token;
	const JudgedToken *says;
	char		buf[TENANT_CANONICAL_SIZE];

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("token must not be null")));
	token = text_to_cstring(PG_GETARG_TEXT_PP(0));
	if (token[0] == '\0')
		raise_refusal(token_refused(TOKEN_NOT_ENCODED));
	set_for_caller(fcinfo, TOKEN, token, "tenant_guard.set_tenant_by_token");
	if (judge_token(token, type_of_tenants(), false, &says) != TOKEN_IS_VALID)
		elog(ERROR, "the token that was set is no longer valid");
	PG_RETURN_TEXT_P(cstring_to_text(tenant_canonical(&says->tenant, buf)));
}

/* token_claims(): what the token says whose tenant is the transaction's; null if that is set by something else, or none is. */
Datum
tenant_guard_token_claims(PG_FUNCTION_ARGS)
{
	const JudgedToken *says;
	const VerifiedToken *verified;
	char	   *claims;

	if (!find_deciding_token(&says))
		PG_RETURN_NULL();
	verified = &says->verified;
	claims = pg_any_to_server(pnstrdup(verified->claims, verified->claims_length), verified->claims_length, PG_UTF8);
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(claims));
}
