/* Categories come from utf8proc, and this is the only file that knows it; ASCII has its own table because most text
 * is ASCII and the pre-tokenizers ask several times per character. */
#include "text/unicode.h"

#include <stdlib.h>
#include <utf8proc.h>

const uint8_t loam_unicode_ascii[128] = {
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x20, 0x20, 0x20, 0x20, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x20, 0x04, 0x04, 0x04, 0x08, 0x04,
    0x04, 0x04, 0x04, 0x04, 0x04, 0x08, 0x04, 0x04, 0x04, 0x04, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x02,
    0x02, 0x04, 0x04, 0x08, 0x08, 0x08, 0x04, 0x04, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41,
    0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x04, 0x04, 0x04, 0x08,
    0x04, 0x08, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81,
    0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x04, 0x08, 0x04, 0x08, 0x00,
};

/* White_Space beyond ASCII (Unicode, PropList.txt); stable since U+180E left it in 6.3. */
static int is_space(uint32_t cp)
{
    return cp == 0x85 || cp == 0xA0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029 ||
           cp == 0x202F || cp == 0x205F || cp == 0x3000;
}

uint8_t loam_unicode_class(uint32_t cp)
{
    if (cp < 128)
        return loam_unicode_ascii[cp];
    if (cp > 0x10FFFF)
        return LOAM_CP_S;
    switch (utf8proc_category((utf8proc_int32_t)cp)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LT:
        return LOAM_CP_L | LOAM_CP_UPPER;
    case UTF8PROC_CATEGORY_LL:
        return LOAM_CP_L | LOAM_CP_LOWER;
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
        return LOAM_CP_L;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
        return LOAM_CP_M;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return LOAM_CP_N;
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
        return LOAM_CP_P;
    case UTF8PROC_CATEGORY_SM:
    case UTF8PROC_CATEGORY_SC:
    case UTF8PROC_CATEGORY_SK:
    case UTF8PROC_CATEGORY_SO:
        return LOAM_CP_S;
    default:
        return is_space(cp) ? LOAM_CP_SPACE : 0;
    }
}

/* Below U+0300 nothing combines, and only what follows can. */
static bool is_plain(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] >= 0xCC)
            return false;
    return true;
}

bool loam_unicode_nfc(const char *s, size_t n, loam_buf *out)
{
    if (is_plain(s, n))
        return loam_buf_add(out, s, n);
    for (size_t i = 0; i < n && !out->failed;) {
        size_t from = i, len;
        uint32_t cp = 0;
        for (; i < n; i += len) {
            len = loam_utf8_next(s + i, n - i, &cp);
            if (cp == LOAM_UTF8_INVALID)
                break;
        }
        utf8proc_uint8_t *composed = NULL;
        if (i > from) {
            utf8proc_ssize_t got = utf8proc_map((const utf8proc_uint8_t *)s + from, (utf8proc_ssize_t)(i - from),
                                                &composed, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
            out->failed |= got < 0;
            loam_buf_add(out, got < 0 ? "" : (const char *)composed, got < 0 ? 0 : (size_t)got);
            free(composed);
        }
        if (i < n)
            loam_buf_char(out, s[i++]);
    }
    return !out->failed;
}
