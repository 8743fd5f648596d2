/* Base64 (RFC 4648, section 4). */
#ifndef LOAM_FORMAT_BASE64_H
#define LOAM_FORMAT_BASE64_H

#include <stddef.h>

#include "base/buf.h"
#include "base/status.h"

/* Appends the padded code of bytes[0..n). False when it does not fit; then nothing was appended. */
bool loam_base64_encode(const void *bytes, size_t n, loam_buf *out);
/* Appends what text[0..n) stands for. Blanks and line breaks are passed over, padding may be missing; anything else
 * that is not of the alphabet is an error that says where. On failure out has what it had. */
LOAM_CHECK_RESULT loam_status loam_base64_decode(const char *text, size_t n, loam_buf *out, loam_err *err);

#endif
