/*-------------------------------------------------------------------------
 *
 * trusted_function.c
 *	  Functions that may be called for another tenant's rows.
 *
 * A filter that is evaluated before the tenant's qual is evaluated for every
 * tenant's rows.  A function that returns a result and has no other effect
 * reveals nothing of a row that the tenant's qual then removes; one that raises
 * an error, issues a warning or has a side effect does.  Trusted are functions
 * that are LEAKPROOF, those of the list below, and those that a superuser has
 * labelled 'trusted'.  A VOLATILE function is never trusted, nor is one whose
 * owner is not a superuser: the owner could replace it by means of a function
 * that the planner calls.
 *
 * An entry of the list counts only if pg_proc has the same name, argument types
 * and C symbol for its OID, language internal, and the bootstrap superuser as
 * owner.  A label counts only for functions in C.
 *
 * Outside the security barrier more is called than the function itself.  The
 * planner calls the selectivity estimators of the operator (oprrest, oprjoin), of
 * its commutator and of its negator, and the support function of the function
 * (prosupport), with the statistics of all tenants' rows; an index calls the
 * support functions of its operator class with all tenants' rows.  None of these
 * has to be named by the query, and none is in this list.  For the functions of
 * the list they are built in.  A superuser who labels a function vouches for them
 * too (the label's documentation says so).  The owner of an operator class, who
 * is a superuser, answers for its support functions, as for LEAKPROOF operators.
 *
 * What a trusted function makes of another tenant's value may exceed the limit of
 * an allocation.  So the tenant's qual of a scan is evaluated before filters that
 * read long values, and of what the heap scan of a bitmap rechecks
 * (tenant_qual_first.c).  Not prevented: that a condition of another lossy index
 * does, if the index accepted such a value.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/seclabel.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "compat.h"
#include "extension_function.h"
#include "label.h"
#include "library.h"
#include "trusted_function.h"

/* Why a group of functions is trusted, and on what condition. */
typedef struct TrustReason
{
	TrustCondition condition;
	const char *reason;
} TrustReason;

/* A built-in function, as pg_proc must describe it. */
typedef struct TrustedFunction
{
	Oid			funcid;
	const char *name;
	const char *source;			/* the C symbol */
	Oid			arguments[2];	/* 0: there is none */
	const TrustReason *reason;
} TrustedFunction;

static const TrustReason numeric_comparison = {TRUST_ALWAYS,
"any two numbers compare; NaN and the infinities have their place in the order"};
static const TrustReason larger_or_smaller = {TRUST_ALWAYS,
"picks one of two values by a comparison that every value of the type allows"};
static const TrustReason timestamp_comparison = {TRUST_ALWAYS,
"a value out of the other type's range counts as infinite; no error is raised"};
static const TrustReason timestamp_to_date = {TRUST_ALWAYS,
"every timestamp that can be stored has a date"};
static const TrustReason clock_reading = {TRUST_ALWAYS,
"reads the clock of the transaction or statement"};
static const TrustReason clock_shift = {TRUST_CLOCK,
"out of range only for intervals of many thousand years"};
static const TrustReason like_match = {TRUST_LIKE,
"fails only if the pattern ends with its escape character, or makes it recurse too deeply"};
static const TrustReason ilike_match = {TRUST_ILIKE,
"as for LIKE; looks up lower case, which fails only in encodings that the locale may not support"};
static const TrustReason regex_match = {TRUST_REGEX,
"a pattern that compiles, without back-references and look-around, is matched by an automaton that cannot fail"};
static const TrustReason iregex_match = {TRUST_IREGEX,
"as for case-sensitive regular expressions; the cases of a letter are part of the automaton"};
static const TrustReason string_length = {TRUST_ALWAYS,
"counts or concatenates bytes; the length of the result is limited like that of any value"};
static const TrustReason case_mapping = {TRUST_CASE,
"maps letters; fails only in encodings that the locale may not support"};
static const TrustReason blank_trimming = {TRUST_ALWAYS,
"removes trailing blanks"};
static const TrustReason jsonb_access = {TRUST_ALWAYS,
"jsonb is parsed when it is stored; a missing element is null, and numbers and strings compare like numeric and text"};
static const TrustReason jsonb_containment = {TRUST_JSONB,
"recurses at most as deep as the shallower side; one side must be known and not deep"};
static const TrustReason tsvector_comparison = {TRUST_ALWAYS,
"compares lexemes, which are parsed when they are stored"};
static const TrustReason tsquery_match = {TRUST_TSQUERY,
"both sides are parsed when they are stored; matching recurses as deep as the tsquery, which must be known and short"};
static const TrustReason array_comparison = {TRUST_ELEMENTS,
"calls nothing but the comparison of the elements"};
static const TrustReason range_comparison = {TRUST_RANGE,
"calls nothing but the comparison of the bounds; makes no new range"};
static const TrustReason network_comparison = {TRUST_ALWAYS,
"compares bits; addresses of different families are unequal"};
static const TrustReason enum_comparison = {TRUST_ALWAYS,
"compares OIDs, or the positions of two labels that exist"};

static const TrustedFunction trusted_built_ins[] = {
	{F_NUMERIC_EQ, "numeric_eq", "numeric_eq", {NUMERICOID, NUMERICOID}, &numeric_comparison},
	{F_NUMERIC_NE, "numeric_ne", "numeric_ne", {NUMERICOID, NUMERICOID}, &numeric_comparison},
	{F_NUMERIC_GT, "numeric_gt", "numeric_gt", {NUMERICOID, NUMERICOID}, &numeric_comparison},
	{F_NUMERIC_GE, "numeric_ge", "numeric_ge", {NUMERICOID, NUMERICOID}, &numeric_comparison},
	{F_NUMERIC_LT, "numeric_lt", "numeric_lt", {NUMERICOID, NUMERICOID}, &numeric_comparison},
	{F_NUMERIC_LE, "numeric_le", "numeric_le", {NUMERICOID, NUMERICOID}, &numeric_comparison},
	{F_NUMERIC_SMALLER, "numeric_smaller", "numeric_smaller", {NUMERICOID, NUMERICOID}, &numeric_comparison},
	{F_NUMERIC_LARGER, "numeric_larger", "numeric_larger", {NUMERICOID, NUMERICOID}, &numeric_comparison},
	{F_NUMERIC_CMP, "numeric_cmp", "numeric_cmp", {NUMERICOID, NUMERICOID}, &numeric_comparison},
	{F_FLOAT4LARGER, "float4larger", "float4larger", {FLOAT4OID, FLOAT4OID}, &larger_or_smaller},
	{F_FLOAT4SMALLER, "float4smaller", "float4smaller", {FLOAT4OID, FLOAT4OID}, &larger_or_smaller},
	{F_FLOAT8LARGER, "float8larger", "float8larger", {FLOAT8OID, FLOAT8OID}, &larger_or_smaller},
	{F_FLOAT8SMALLER, "float8smaller", "float8smaller", {FLOAT8OID, FLOAT8OID}, &larger_or_smaller},
	{F_INT4LARGER, "int4larger", "int4larger", {INT4OID, INT4OID}, &larger_or_smaller},
	{F_INT4SMALLER, "int4smaller", "int4smaller", {INT4OID, INT4OID}, &larger_or_smaller},
	{F_INT2LARGER, "int2larger", "int2larger", {INT2OID, INT2OID}, &larger_or_smaller},
	{F_INT2SMALLER, "int2smaller", "int2smaller", {INT2OID, INT2OID}, &larger_or_smaller},
	{F_CASHLARGER, "cashlarger", "cashlarger", {MONEYOID, MONEYOID}, &larger_or_smaller},
	{F_CASHSMALLER, "cashsmaller", "cashsmaller", {MONEYOID, MONEYOID}, &larger_or_smaller},
	{F_DATE_LARGER, "date_larger", "date_larger", {DATEOID, DATEOID}, &larger_or_smaller},
	{F_DATE_SMALLER, "date_smaller", "date_smaller", {DATEOID, DATEOID}, &larger_or_smaller},
	{F_TIMESTAMPTZ_SMALLER, "timestamptz_smaller", "timestamp_smaller", {TIMESTAMPTZOID, TIMESTAMPTZOID}, &larger_or_smaller},
	{F_TIMESTAMPTZ_LARGER, "timestamptz_larger", "timestamp_larger", {TIMESTAMPTZOID, TIMESTAMPTZOID}, &larger_or_smaller},
	{F_INTERVAL_SMALLER, "interval_smaller", "interval_smaller", {INTERVALOID, INTERVALOID}, &larger_or_smaller},
	{F_INTERVAL_LARGER, "interval_larger", "interval_larger", {INTERVALOID, INTERVALOID}, &larger_or_smaller},
	{F_INT8LARGER, "int8larger", "int8larger", {INT8OID, INT8OID}, &larger_or_smaller},
	{F_INT8SMALLER, "int8smaller", "int8smaller", {INT8OID, INT8OID}, &larger_or_smaller},
	{F_TIME_LARGER, "time_larger", "time_larger", {TIMEOID, TIMEOID}, &larger_or_smaller},
	{F_TIME_SMALLER, "time_smaller", "time_smaller", {TIMEOID, TIMEOID}, &larger_or_smaller},
	{F_TIMETZ_LARGER, "timetz_larger", "timetz_larger", {TIMETZOID, TIMETZOID}, &larger_or_smaller},
	{F_TIMETZ_SMALLER, "timetz_smaller", "timetz_smaller", {TIMETZOID, TIMETZOID}, &larger_or_smaller},
	{F_OIDLARGER, "oidlarger", "oidlarger", {OIDOID, OIDOID}, &larger_or_smaller},
	{F_OIDSMALLER, "oidsmaller", "oidsmaller", {OIDOID, OIDOID}, &larger_or_smaller},
	{F_TIMESTAMP_SMALLER, "timestamp_smaller", "timestamp_smaller", {TIMESTAMPOID, TIMESTAMPOID}, &larger_or_smaller},
	{F_TIMESTAMP_LARGER, "timestamp_larger", "timestamp_larger", {TIMESTAMPOID, TIMESTAMPOID}, &larger_or_smaller},
	{F_TIDLARGER, "tidlarger", "tidlarger", {TIDOID, TIDOID}, &larger_or_smaller},
	{F_TIDSMALLER, "tidsmaller", "tidsmaller", {TIDOID, TIDOID}, &larger_or_smaller},
	{F_NETWORK_LARGER, "network_larger", "network_larger", {INETOID, INETOID}, &larger_or_smaller},
	{F_NETWORK_SMALLER, "network_smaller", "network_smaller", {INETOID, INETOID}, &larger_or_smaller},
	{F_DATE_LT_TIMESTAMP, "date_lt_timestamp", "date_lt_timestamp", {DATEOID, TIMESTAMPOID}, &timestamp_comparison},
	{F_DATE_LE_TIMESTAMP, "date_le_timestamp", "date_le_timestamp", {DATEOID, TIMESTAMPOID}, &timestamp_comparison},
	{F_DATE_EQ_TIMESTAMP, "date_eq_timestamp", "date_eq_timestamp", {DATEOID, TIMESTAMPOID}, &timestamp_comparison},
	{F_DATE_GT_TIMESTAMP, "date_gt_timestamp", "date_gt_timestamp", {DATEOID, TIMESTAMPOID}, &timestamp_comparison},
	{F_DATE_GE_TIMESTAMP, "date_ge_timestamp", "date_ge_timestamp", {DATEOID, TIMESTAMPOID}, &timestamp_comparison},
	{F_DATE_NE_TIMESTAMP, "date_ne_timestamp", "date_ne_timestamp", {DATEOID, TIMESTAMPOID}, &timestamp_comparison},
	{F_DATE_CMP_TIMESTAMP, "date_cmp_timestamp", "date_cmp_timestamp", {DATEOID, TIMESTAMPOID}, &timestamp_comparison},
	{F_DATE_LT_TIMESTAMPTZ, "date_lt_timestamptz", "date_lt_timestamptz", {DATEOID, TIMESTAMPTZOID}, &timestamp_comparison},
	{F_DATE_LE_TIMESTAMPTZ, "date_le_timestamptz", "date_le_timestamptz", {DATEOID, TIMESTAMPTZOID}, &timestamp_comparison},
	{F_DATE_EQ_TIMESTAMPTZ, "date_eq_timestamptz", "date_eq_timestamptz", {DATEOID, TIMESTAMPTZOID}, &timestamp_comparison},
	{F_DATE_GT_TIMESTAMPTZ, "date_gt_timestamptz", "date_gt_timestamptz", {DATEOID, TIMESTAMPTZOID}, &timestamp_comparison},
	{F_DATE_GE_TIMESTAMPTZ, "date_ge_timestamptz", "date_ge_timestamptz", {DATEOID, TIMESTAMPTZOID}, &timestamp_comparison},
	{F_DATE_NE_TIMESTAMPTZ, "date_ne_timestamptz", "date_ne_timestamptz", {DATEOID, TIMESTAMPTZOID}, &timestamp_comparison},
	{F_DATE_CMP_TIMESTAMPTZ, "date_cmp_timestamptz", "date_cmp_timestamptz", {DATEOID, TIMESTAMPTZOID}, &timestamp_comparison},
	{F_TIMESTAMP_LT_DATE, "timestamp_lt_date", "timestamp_lt_date", {TIMESTAMPOID, DATEOID}, &timestamp_comparison},
	{F_TIMESTAMP_LE_DATE, "timestamp_le_date", "timestamp_le_date", {TIMESTAMPOID, DATEOID}, &timestamp_comparison},
	{F_TIMESTAMP_EQ_DATE, "timestamp_eq_date", "timestamp_eq_date", {TIMESTAMPOID, DATEOID}, &timestamp_comparison},
	{F_TIMESTAMP_GT_DATE, "timestamp_gt_date", "timestamp_gt_date", {TIMESTAMPOID, DATEOID}, &timestamp_comparison},
	{F_TIMESTAMP_GE_DATE, "timestamp_ge_date", "timestamp_ge_date", {TIMESTAMPOID, DATEOID}, &timestamp_comparison},
	{F_TIMESTAMP_NE_DATE, "timestamp_ne_date", "timestamp_ne_date", {TIMESTAMPOID, DATEOID}, &timestamp_comparison},
	{F_TIMESTAMP_CMP_DATE, "timestamp_cmp_date", "timestamp_cmp_date", {TIMESTAMPOID, DATEOID}, &timestamp_comparison},
	{F_TIMESTAMPTZ_LT_DATE, "timestamptz_lt_date", "timestamptz_lt_date", {TIMESTAMPTZOID, DATEOID}, &timestamp_comparison},
	{F_TIMESTAMPTZ_LE_DATE, "timestamptz_le_date", "timestamptz_le_date", {TIMESTAMPTZOID, DATEOID}, &timestamp_comparison},
	{F_TIMESTAMPTZ_EQ_DATE, "timestamptz_eq_date", "timestamptz_eq_date", {TIMESTAMPTZOID, DATEOID}, &timestamp_comparison},
	{F_TIMESTAMPTZ_GT_DATE, "timestamptz_gt_date", "timestamptz_gt_date", {TIMESTAMPTZOID, DATEOID}, &timestamp_comparison},
	{F_TIMESTAMPTZ_GE_DATE, "timestamptz_ge_date", "timestamptz_ge_date", {TIMESTAMPTZOID, DATEOID}, &timestamp_comparison},
	{F_TIMESTAMPTZ_NE_DATE, "timestamptz_ne_date", "timestamptz_ne_date", {TIMESTAMPTZOID, DATEOID}, &timestamp_comparison},
	{F_TIMESTAMPTZ_CMP_DATE, "timestamptz_cmp_date", "timestamptz_cmp_date", {TIMESTAMPTZOID, DATEOID}, &timestamp_comparison},
	{F_TIMESTAMP_LT_TIMESTAMPTZ, "timestamp_lt_timestamptz", "timestamp_lt_timestamptz", {TIMESTAMPOID, TIMESTAMPTZOID}, &timestamp_comparison},
	{F_TIMESTAMP_LE_TIMESTAMPTZ, "timestamp_le_timestamptz", "timestamp_le_timestamptz", {TIMESTAMPOID, TIMESTAMPTZOID}, &timestamp_comparison},
	{F_TIMESTAMP_EQ_TIMESTAMPTZ, "timestamp_eq_timestamptz", "timestamp_eq_timestamptz", {TIMESTAMPOID, TIMESTAMPTZOID}, &timestamp_comparison},
	{F_TIMESTAMP_GT_TIMESTAMPTZ, "timestamp_gt_timestamptz", "timestamp_gt_timestamptz", {TIMESTAMPOID, TIMESTAMPTZOID}, &timestamp_comparison},
	{F_TIMESTAMP_GE_TIMESTAMPTZ, "timestamp_ge_timestamptz", "timestamp_ge_timestamptz", {TIMESTAMPOID, TIMESTAMPTZOID}, &timestamp_comparison},
	{F_TIMESTAMP_NE_TIMESTAMPTZ, "timestamp_ne_timestamptz", "timestamp_ne_timestamptz", {TIMESTAMPOID, TIMESTAMPTZOID}, &timestamp_comparison},
	{F_TIMESTAMP_CMP_TIMESTAMPTZ, "timestamp_cmp_timestamptz", "timestamp_cmp_timestamptz", {TIMESTAMPOID, TIMESTAMPTZOID}, &timestamp_comparison},
	{F_TIMESTAMPTZ_LT_TIMESTAMP, "timestamptz_lt_timestamp", "timestamptz_lt_timestamp", {TIMESTAMPTZOID, TIMESTAMPOID}, &timestamp_comparison},
	{F_TIMESTAMPTZ_LE_TIMESTAMP, "timestamptz_le_timestamp", "timestamptz_le_timestamp", {TIMESTAMPTZOID, TIMESTAMPOID}, &timestamp_comparison},
	{F_TIMESTAMPTZ_EQ_TIMESTAMP, "timestamptz_eq_timestamp", "timestamptz_eq_timestamp", {TIMESTAMPTZOID, TIMESTAMPOID}, &timestamp_comparison},
	{F_TIMESTAMPTZ_GT_TIMESTAMP, "timestamptz_gt_timestamp", "timestamptz_gt_timestamp", {TIMESTAMPTZOID, TIMESTAMPOID}, &timestamp_comparison},
	{F_TIMESTAMPTZ_GE_TIMESTAMP, "timestamptz_ge_timestamp", "timestamptz_ge_timestamp", {TIMESTAMPTZOID, TIMESTAMPOID}, &timestamp_comparison},
	{F_TIMESTAMPTZ_NE_TIMESTAMP, "timestamptz_ne_timestamp", "timestamptz_ne_timestamp", {TIMESTAMPTZOID, TIMESTAMPOID}, &timestamp_comparison},
	{F_TIMESTAMPTZ_CMP_TIMESTAMP, "timestamptz_cmp_timestamp", "timestamptz_cmp_timestamp", {TIMESTAMPTZOID, TIMESTAMPOID}, &timestamp_comparison},
	{F_DATE_TIMESTAMPTZ, "date", "timestamptz_date", {TIMESTAMPTZOID}, &timestamp_to_date},
	{F_DATE_TIMESTAMP, "date", "timestamp_date", {TIMESTAMPOID}, &timestamp_to_date},
	{F_NOW, "now", "now", {0}, &clock_reading},
	{F_TRANSACTION_TIMESTAMP, "transaction_timestamp", "now", {0}, &clock_reading},
	{F_STATEMENT_TIMESTAMP, "statement_timestamp", "statement_timestamp", {0}, &clock_reading},
	{F_DATE_PLI, "date_pli", "date_pli", {DATEOID, INT4OID}, &clock_shift},
	{F_DATE_MII, "date_mii", "date_mii", {DATEOID, INT4OID}, &clock_shift},
	{F_TIMESTAMPTZ_PL_INTERVAL, "timestamptz_pl_interval", "timestamptz_pl_interval", {TIMESTAMPTZOID, INTERVALOID}, &clock_shift},
	{F_TIMESTAMPTZ_MI_INTERVAL, "timestamptz_mi_interval", "timestamptz_mi_interval", {TIMESTAMPTZOID, INTERVALOID}, &clock_shift},
	{F_TIMESTAMP_PL_INTERVAL, "timestamp_pl_interval", "timestamp_pl_interval", {TIMESTAMPOID, INTERVALOID}, &clock_shift},
	{F_TIMESTAMP_MI_INTERVAL, "timestamp_mi_interval", "timestamp_mi_interval", {TIMESTAMPOID, INTERVALOID}, &clock_shift},
	{F_DATE_PL_INTERVAL, "date_pl_interval", "date_pl_interval", {DATEOID, INTERVALOID}, &clock_shift},
	{F_DATE_MI_INTERVAL, "date_mi_interval", "date_mi_interval", {DATEOID, INTERVALOID}, &clock_shift},
	{F_TEXTLIKE, "textlike", "textlike", {TEXTOID, TEXTOID}, &like_match},
	{F_TEXTNLIKE, "textnlike", "textnlike", {TEXTOID, TEXTOID}, &like_match},
	{F_NAMELIKE, "namelike", "namelike", {NAMEOID, TEXTOID}, &like_match},
	{F_NAMENLIKE, "namenlike", "namenlike", {NAMEOID, TEXTOID}, &like_match},
	{F_BPCHARLIKE, "bpcharlike", "textlike", {BPCHAROID, TEXTOID}, &like_match},
	{F_BPCHARNLIKE, "bpcharnlike", "textnlike", {BPCHAROID, TEXTOID}, &like_match},
	{F_TEXTICLIKE, "texticlike", "texticlike", {TEXTOID, TEXTOID}, &ilike_match},
	{F_TEXTICNLIKE, "texticnlike", "texticnlike", {TEXTOID, TEXTOID}, &ilike_match},
	{F_NAMEICLIKE, "nameiclike", "nameiclike", {NAMEOID, TEXTOID}, &ilike_match},
	{F_NAMEICNLIKE, "nameicnlike", "nameicnlike", {NAMEOID, TEXTOID}, &ilike_match},
	{F_BPCHARICLIKE, "bpchariclike", "texticlike", {BPCHAROID, TEXTOID}, &ilike_match},
	{F_BPCHARICNLIKE, "bpcharicnlike", "texticnlike", {BPCHAROID, TEXTOID}, &ilike_match},
	{F_NAMEREGEXEQ, "nameregexeq", "nameregexeq", {NAMEOID, TEXTOID}, &regex_match},
	{F_TEXTICREGEXEQ, "texticregexeq", "texticregexeq", {TEXTOID, TEXTOID}, &iregex_match},
	{F_TEXTICREGEXNE, "texticregexne", "texticregexne", {TEXTOID, TEXTOID}, &iregex_match},
	{F_NAMEICREGEXEQ, "nameicregexeq", "nameicregexeq", {NAMEOID, TEXTOID}, &iregex_match},
	{F_NAMEICREGEXNE, "nameicregexne", "nameicregexne", {NAMEOID, TEXTOID}, &iregex_match},
	{F_NAMEREGEXNE, "nameregexne", "nameregexne", {NAMEOID, TEXTOID}, &regex_match},
	{F_TEXTREGEXEQ, "textregexeq", "textregexeq", {TEXTOID, TEXTOID}, &regex_match},
	{F_TEXTREGEXNE, "textregexne", "textregexne", {TEXTOID, TEXTOID}, &regex_match},
	{F_BPCHARICREGEXEQ, "bpcharicregexeq", "texticregexeq", {BPCHAROID, TEXTOID}, &iregex_match},
	{F_BPCHARICREGEXNE, "bpcharicregexne", "texticregexne", {BPCHAROID, TEXTOID}, &iregex_match},
	{F_BPCHARREGEXEQ, "bpcharregexeq", "textregexeq", {BPCHAROID, TEXTOID}, &regex_match},
	{F_BPCHARREGEXNE, "bpcharregexne", "textregexne", {BPCHAROID, TEXTOID}, &regex_match},
	{F_TEXTCAT, "textcat", "textcat", {TEXTOID, TEXTOID}, &string_length},
	{F_CHARACTER_LENGTH_BPCHAR, "character_length", "bpcharlen", {BPCHAROID}, &string_length},
	{F_CHARACTER_LENGTH_TEXT, "character_length", "textlen", {TEXTOID}, &string_length},
	{F_CHAR_LENGTH_BPCHAR, "char_length", "bpcharlen", {BPCHAROID}, &string_length},
	{F_OCTET_LENGTH_TEXT, "octet_length", "textoctetlen", {TEXTOID}, &string_length},
	{F_OCTET_LENGTH_BPCHAR, "octet_length", "bpcharoctetlen", {BPCHAROID}, &string_length},
	{F_CHAR_LENGTH_TEXT, "char_length", "textlen", {TEXTOID}, &string_length},
	{F_LENGTH_TEXT, "length", "textlen", {TEXTOID}, &string_length},
	{F_LENGTH_BPCHAR, "length", "bpcharlen", {BPCHAROID}, &string_length},
	{F_LOWER_TEXT, "lower", "lower", {TEXTOID}, &case_mapping},
	{F_UPPER_TEXT, "upper", "upper", {TEXTOID}, &case_mapping},
	{F_TEXT_BPCHAR, "text", "rtrim1", {BPCHAROID}, &blank_trimming},
	{F_JSONB_TYPEOF, "jsonb_typeof", "jsonb_typeof", {JSONBOID}, &jsonb_access},
	{F_JSONB_OBJECT_FIELD_TEXT, "jsonb_object_field_text", "jsonb_object_field_text", {JSONBOID, TEXTOID}, &jsonb_access},
	{F_JSONB_ARRAY_ELEMENT, "jsonb_array_element", "jsonb_array_element", {JSONBOID, INT4OID}, &jsonb_access},
	{F_JSONB_ARRAY_ELEMENT_TEXT, "jsonb_array_element_text", "jsonb_array_element_text", {JSONBOID, INT4OID}, &jsonb_access},
	{F_JSONB_EXTRACT_PATH, "jsonb_extract_path", "jsonb_extract_path", {JSONBOID, TEXTARRAYOID}, &jsonb_access},
	{F_JSONB_OBJECT_FIELD, "jsonb_object_field", "jsonb_object_field", {JSONBOID, TEXTOID}, &jsonb_access},
	{F_JSONB_EXTRACT_PATH_TEXT, "jsonb_extract_path_text", "jsonb_extract_path_text", {JSONBOID, TEXTARRAYOID}, &jsonb_access},
	{F_JSONB_NE, "jsonb_ne", "jsonb_ne", {JSONBOID, JSONBOID}, &jsonb_access},
	{F_JSONB_LT, "jsonb_lt", "jsonb_lt", {JSONBOID, JSONBOID}, &jsonb_access},
	{F_JSONB_GT, "jsonb_gt", "jsonb_gt", {JSONBOID, JSONBOID}, &jsonb_access},
	{F_JSONB_LE, "jsonb_le", "jsonb_le", {JSONBOID, JSONBOID}, &jsonb_access},
	{F_JSONB_GE, "jsonb_ge", "jsonb_ge", {JSONBOID, JSONBOID}, &jsonb_access},
	{F_JSONB_EQ, "jsonb_eq", "jsonb_eq", {JSONBOID, JSONBOID}, &jsonb_access},
	{F_JSONB_CMP, "jsonb_cmp", "jsonb_cmp", {JSONBOID, JSONBOID}, &jsonb_access},
	{F_JSONB_CONTAINS, "jsonb_contains", "jsonb_contains", {JSONBOID, JSONBOID}, &jsonb_containment},
	{F_JSONB_EXISTS, "jsonb_exists", "jsonb_exists", {JSONBOID, TEXTOID}, &jsonb_access},
	{F_JSONB_EXISTS_ANY, "jsonb_exists_any", "jsonb_exists_any", {JSONBOID, TEXTARRAYOID}, &jsonb_access},
	{F_JSONB_EXISTS_ALL, "jsonb_exists_all", "jsonb_exists_all", {JSONBOID, TEXTARRAYOID}, &jsonb_access},
	{F_JSONB_CONTAINED, "jsonb_contained", "jsonb_contained", {JSONBOID, JSONBOID}, &jsonb_containment},
	{F_TSVECTOR_LT, "tsvector_lt", "tsvector_lt", {TSVECTOROID, TSVECTOROID}, &tsvector_comparison},
	{F_TSVECTOR_LE, "tsvector_le", "tsvector_le", {TSVECTOROID, TSVECTOROID}, &tsvector_comparison},
	{F_TSVECTOR_EQ, "tsvector_eq", "tsvector_eq", {TSVECTOROID, TSVECTOROID}, &tsvector_comparison},
	{F_TSVECTOR_NE, "tsvector_ne", "tsvector_ne", {TSVECTOROID, TSVECTOROID}, &tsvector_comparison},
	{F_TSVECTOR_GE, "tsvector_ge", "tsvector_ge", {TSVECTOROID, TSVECTOROID}, &tsvector_comparison},
	{F_TSVECTOR_GT, "tsvector_gt", "tsvector_gt", {TSVECTOROID, TSVECTOROID}, &tsvector_comparison},
	{F_TSVECTOR_CMP, "tsvector_cmp", "tsvector_cmp", {TSVECTOROID, TSVECTOROID}, &tsvector_comparison},
	{F_TS_MATCH_VQ, "ts_match_vq", "ts_match_vq", {TSVECTOROID, TSQUERYOID}, &tsquery_match},
	{F_TS_MATCH_QV, "ts_match_qv", "ts_match_qv", {TSQUERYOID, TSVECTOROID}, &tsquery_match},
	{F_BTARRAYCMP, "btarraycmp", "btarraycmp", {ANYARRAYOID, ANYARRAYOID}, &array_comparison},
	{F_ARRAY_NE, "array_ne", "array_ne", {ANYARRAYOID, ANYARRAYOID}, &array_comparison},
	{F_ARRAY_LT, "array_lt", "array_lt", {ANYARRAYOID, ANYARRAYOID}, &array_comparison},
	{F_ARRAY_GT, "array_gt", "array_gt", {ANYARRAYOID, ANYARRAYOID}, &array_comparison},
	{F_ARRAY_LE, "array_le", "array_le", {ANYARRAYOID, ANYARRAYOID}, &array_comparison},
	{F_ARRAY_GE, "array_ge", "array_ge", {ANYARRAYOID, ANYARRAYOID}, &array_comparison},
	{F_ARRAY_EQ, "array_eq", "array_eq", {ANYARRAYOID, ANYARRAYOID}, &array_comparison},
	{F_ARRAYOVERLAP, "arrayoverlap", "arrayoverlap", {ANYARRAYOID, ANYARRAYOID}, &array_comparison},
	{F_ARRAYCONTAINS, "arraycontains", "arraycontains", {ANYARRAYOID, ANYARRAYOID}, &array_comparison},
	{F_ARRAYCONTAINED, "arraycontained", "arraycontained", {ANYARRAYOID, ANYARRAYOID}, &array_comparison},
	{F_RANGE_EQ, "range_eq", "range_eq", {ANYRANGEOID, ANYRANGEOID}, &range_comparison},
	{F_RANGE_NE, "range_ne", "range_ne", {ANYRANGEOID, ANYRANGEOID}, &range_comparison},
	{F_RANGE_OVERLAPS, "range_overlaps", "range_overlaps", {ANYRANGEOID, ANYRANGEOID}, &range_comparison},
	{F_RANGE_CONTAINS_ELEM, "range_contains_elem", "range_contains_elem", {ANYRANGEOID, ANYELEMENTOID}, &range_comparison},
	{F_RANGE_CONTAINS, "range_contains", "range_contains", {ANYRANGEOID, ANYRANGEOID}, &range_comparison},
	{F_ELEM_CONTAINED_BY_RANGE, "elem_contained_by_range", "elem_contained_by_range", {ANYELEMENTOID, ANYRANGEOID}, &range_comparison},
	{F_RANGE_CONTAINED_BY, "range_contained_by", "range_contained_by", {ANYRANGEOID, ANYRANGEOID}, &range_comparison},
	{F_RANGE_BEFORE, "range_before", "range_before", {ANYRANGEOID, ANYRANGEOID}, &range_comparison},
	{F_RANGE_AFTER, "range_after", "range_after", {ANYRANGEOID, ANYRANGEOID}, &range_comparison},
	{F_RANGE_OVERLEFT, "range_overleft", "range_overleft", {ANYRANGEOID, ANYRANGEOID}, &range_comparison},
	{F_RANGE_OVERRIGHT, "range_overright", "range_overright", {ANYRANGEOID, ANYRANGEOID}, &range_comparison},
	{F_RANGE_CMP, "range_cmp", "range_cmp", {ANYRANGEOID, ANYRANGEOID}, &range_comparison},
	{F_RANGE_LT, "range_lt", "range_lt", {ANYRANGEOID, ANYRANGEOID}, &range_comparison},
	{F_RANGE_LE, "range_le", "range_le", {ANYRANGEOID, ANYRANGEOID}, &range_comparison},
	{F_RANGE_GE, "range_ge", "range_ge", {ANYRANGEOID, ANYRANGEOID}, &range_comparison},
	{F_RANGE_GT, "range_gt", "range_gt", {ANYRANGEOID, ANYRANGEOID}, &range_comparison},
	{F_NETWORK_SUB, "network_sub", "network_sub", {INETOID, INETOID}, &network_comparison},
	{F_NETWORK_SUBEQ, "network_subeq", "network_subeq", {INETOID, INETOID}, &network_comparison},
	{F_NETWORK_SUP, "network_sup", "network_sup", {INETOID, INETOID}, &network_comparison},
	{F_NETWORK_SUPEQ, "network_supeq", "network_supeq", {INETOID, INETOID}, &network_comparison},
	{F_NETWORK_OVERLAP, "network_overlap", "network_overlap", {INETOID, INETOID}, &network_comparison},
	{F_ENUM_EQ, "enum_eq", "enum_eq", {ANYENUMOID, ANYENUMOID}, &enum_comparison},
	{F_ENUM_NE, "enum_ne", "enum_ne", {ANYENUMOID, ANYENUMOID}, &enum_comparison},
	{F_ENUM_LT, "enum_lt", "enum_lt", {ANYENUMOID, ANYENUMOID}, &enum_comparison},
	{F_ENUM_GT, "enum_gt", "enum_gt", {ANYENUMOID, ANYENUMOID}, &enum_comparison},
	{F_ENUM_LE, "enum_le", "enum_le", {ANYENUMOID, ANYENUMOID}, &enum_comparison},
	{F_ENUM_GE, "enum_ge", "enum_ge", {ANYENUMOID, ANYENUMOID}, &enum_comparison},
	{F_ENUM_CMP, "enum_cmp", "enum_cmp", {ANYENUMOID, ANYENUMOID}, &enum_comparison},
};

/* A cached verdict on one function; removed when a function, a role or a label changes */
typedef struct TrustEntry
{
	Oid			funcid;			/* hash key */
	TrustCondition condition;
} TrustEntry;

static HTAB *verdicts = NULL;

/* Counts invalidations: a verdict is not cached if one arrived while it was reached. */
static uint64 invalidations = 0;

static bool
arguments_are(Form_pg_proc proc, const Oid *arguments)
{
	int			n = OidIsValid(arguments[0]) + OidIsValid(arguments[1]);

	if (proc->pronargs != n)
		return false;
	for (int i = 0; i < n; i++)
		if (proc->proargtypes.values[i] != arguments[i])
			return false;
	return true;
}

static bool
source_is(HeapTuple tuple, const char *source)
{
	bool		isnull;
	Datum		src = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &isnull);

	return !isnull && strcmp(TextDatumGetCString(src), source) == 0;
}

/* Does pg_proc describe the function as the list does? */
static bool
is_as_listed(HeapTuple tuple, const TrustedFunction *function)
{
	Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(tuple);

	return proc->pronamespace == PG_CATALOG_NAMESPACE &&
		proc->proowner == BOOTSTRAP_SUPERUSERID &&
		proc->prolang == INTERNALlanguageId &&
		proc->prosecdef == false && heap_attisnull(tuple, Anum_pg_proc_proconfig, NULL) &&
		strcmp(NameStr(proc->proname), function->name) == 0 &&
		arguments_are(proc, function->arguments) &&
		source_is(tuple, function->source);
}

/* Returns the list's entry for a function, or NULL. */
static const TrustedFunction *
find_listed(Oid funcid)
{
	for (int i = 0; i < lengthof(trusted_built_ins); i++)
		if (trusted_built_ins[i].funcid == funcid)
			return &trusted_built_ins[i];
	return NULL;
}

/* Does a label make this function trusted? */
static bool
label_counts(Form_pg_proc proc)
{
	return (proc->prolang == ClanguageId || proc->prolang == INTERNALlanguageId) &&
		proc->provolatile != PROVOLATILE_VOLATILE && !proc->prosecdef &&
		superuser_arg(proc->proowner);
}

/* Would a label make this function trusted?  False if it does not exist. */
bool
may_be_labelled_trusted(Oid funcid)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	bool		may;

	if (!HeapTupleIsValid(tuple))
		return false;
	may = label_counts((Form_pg_proc) GETSTRUCT(tuple));
	ReleaseSysCache(tuple);
	return may;
}

static bool
is_labelled(Oid funcid)
{
	ObjectAddress object;
	char	   *label;

	ObjectAddressSet(object, ProcedureRelationId, funcid);
	label = GetSecurityLabel(&object, EXTENSION_NAME);
	return parse_label(label) == LABEL_TRUSTED;
}

/*
 * Can this LEAKPROOF function raise an error nevertheless?  Comparisons of
 * lengths and areas can overflow, and a cryptographic library can refuse to
 * compute a hash, as it does MD5 in FIPS mode.
 */
static bool
raises_though_leakproof(Form_pg_proc proc)
{
	switch (proc->oid)
	{
		case F_MD5_TEXT:
		case F_MD5_BYTEA:
		case F_SHA224:
		case F_SHA256:
		case F_SHA384:
		case F_SHA512:
			return true;
		default:
			return proc->pronargs > 0 &&
				(proc->proargtypes.values[0] == CIRCLEOID || proc->proargtypes.values[0] == LSEGOID);
	}
}

/* Reads the verdict on a function from the catalogs. */
static TrustCondition
read_trust(Oid funcid)
{
	const TrustedFunction *listed = find_listed(funcid);
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	TrustCondition condition = TRUST_NONE;
	Form_pg_proc proc;

	if (!HeapTupleIsValid(tuple))
		return TRUST_NONE;
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	if (proc->provolatile == PROVOLATILE_VOLATILE || !superuser_arg(proc->proowner))
		condition = TRUST_NONE;
	else if (extension_function(funcid) == EXTENSION_GETTER)
		condition = TRUST_TENANT;
	else if (proc->proleakproof)
		condition = raises_though_leakproof(proc) ? TRUST_NONE : TRUST_ALWAYS;
	else if (listed != NULL)
		condition = is_as_listed(tuple, listed) ? listed->reason->condition : TRUST_NONE;
	else if (label_counts(proc) && is_labelled(funcid))
		condition = TRUST_ALWAYS;
	ReleaseSysCache(tuple);
	return condition;
}

static void
remove_verdicts(void)
{
	HASH_SEQ_STATUS status;
	TrustEntry *entry;

	invalidations++;
	if (verdicts == NULL)
		return;
	hash_seq_init(&status, verdicts);
	while ((entry = hash_seq_search(&status)) != NULL)
		hash_search(verdicts, &entry->funcid, HASH_REMOVE, NULL);
}

/* A syscache callback for functions, and for roles, whose superuser attribute may have changed. */
static void
object_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	remove_verdicts();
}

/* A relcache callback.  SECURITY LABEL for this extension invalidates the whole relcache (security_label.c). */
static void
relation_changed(Datum arg, Oid relid)
{
	if (!OidIsValid(relid))
		remove_verdicts();
}

/* On what condition may the function be called for another tenant's row?  TRUST_NONE if it does not exist. */
TrustCondition
trust_in(Oid funcid)
{
	TrustEntry *entry = hash_search(verdicts, &funcid, HASH_FIND, NULL);
	uint64		before = invalidations;
	TrustCondition condition;

	Assert(verdicts != NULL && IsTransactionState());
	if (entry != NULL)
		return entry->condition;
	condition = read_trust(funcid);
	if (before == invalidations)
	{
		entry = hash_search(verdicts, &funcid, HASH_ENTER, NULL);
		entry->condition = condition;
	}
	return condition;
}

/*
 * Gives entry "i" of the list of built-in functions; false beyond its end.  An
 * entry that pg_proc describes otherwise is not "is_here".
 */
bool
listed_function(int i, ListedFunction *function)
{
	HeapTuple	tuple;

	Assert(i >= 0);
	if (i >= lengthof(trusted_built_ins))
		return false;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(trusted_built_ins[i].funcid));
	*function = (ListedFunction) {
		.funcid = trusted_built_ins[i].funcid,
			.condition = trusted_built_ins[i].reason->condition,
			.reason = trusted_built_ins[i].reason->reason,
			.is_here = HeapTupleIsValid(tuple) && is_as_listed(tuple, &trusted_built_ins[i])
	};
	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return true;
}

/* Asserts that the list names each built-in function once, as functions of at most two arguments. */
static void
assert_list_is_sound(void)
{
#ifdef USE_ASSERT_CHECKING
	for (int i = 0; i < lengthof(trusted_built_ins); i++)
	{
		const TrustedFunction *function = &trusted_built_ins[i];

		Assert(function->funcid != InvalidOid && function->funcid < FirstGenbkiObjectId);
		Assert(function->reason->condition != TRUST_NONE && function->reason->condition != TRUST_TENANT);
		Assert(OidIsValid(function->arguments[0]) || !OidIsValid(function->arguments[1]));
		Assert(find_listed(function->funcid) == function);
	}
#endif
}

/* Called once, by _PG_init. */
void
init_trusted(void)
{
	HASHCTL		ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(TrustEntry)};

	Assert(verdicts == NULL);	/* the callbacks are registered once */
	assert_list_is_sound();
	verdicts = hash_create("tenant_guard trusted functions", 256, &ctl,
						   HASH_ELEM | HASH_BLOBS);
	CacheRegisterSyscacheCallback(PROCOID, object_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, object_changed, (Datum) 0);
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
}
