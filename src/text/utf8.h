/* UTF-8, one code point at a time (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF). Bytes that are
 * not UTF-8 come out one by one as LOAM_UTF8_INVALID, so that every byte string can be walked and put together again.
 */
#ifndef LOAM_TEXT_UTF8_H
#define LOAM_TEXT_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define LOAM_UTF8_INVALID 0xFFFFFFFFu

/* Reads the code point at s[0..n), n ≥ 1, into *cp and returns its length in bytes, 1 to 4. */
static inline size_t loam_utf8_next(const char *s, size_t n, uint32_t *cp)
{
    const unsigned char *u = (const unsigned char *)s;
    if (u[0] < 0x80) {
        *cp = u[0];
        return 1;
    }
    size_t len = u[0] >= 0xF0 ? 4 : u[0] >= 0xE0 ? 3 : 2;
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    *cp = LOAM_UTF8_INVALID;
    if (u[0] < 0xC2 || u[0] > 0xF4 || len > n)
        return 1;
    uint32_t v = u[0] & (0x7Fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((u[i] & 0xC0) != 0x80)
            return 1;
        v = v << 6 | (u[i] & 0x3Fu);
    }
    if (v < least[len] || v > 0x10FFFF || (v >= 0xD800 && v <= 0xDFFF))
        return 1;
    *cp = v;
    return len;
}

/* Writes a valid code point and returns its length, 1 to 4. */
static inline size_t loam_utf8_put(char out[4], uint32_t cp)
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    size_t len = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--, cp >>= 6)
        out[i] = (char)(0x80 | (cp & 0x3F));
    out[0] = (char)((0xF00u >> len) | cp); /* 110…, 1110…, 11110… in the low byte */
    return len;
}

#endif
