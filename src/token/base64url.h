/*-------------------------------------------------------------------------
 *
 * base64url.h
 *	  Decodes base64url without padding (RFC 7515, 2).
 *
 *-------------------------------------------------------------------------
 */
#ifndef TENANT_GUARD_BASE64URL_H
#define TENANT_GUARD_BASE64URL_H

/* How many bytes so many characters can make. */
#define BASE64URL_DECODED(length) ((length) / 4 * 3 + 2)

extern int	decode_base64url(const char *text, size_t length, unsigned char *bytes);

#endif							/* TENANT_GUARD_BASE64URL_H */
