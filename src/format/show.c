/* Bytes from files made safe to print. */
#include "format/format_int.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

int loam_utf8_step(const char *s, size_t n, uint32_t *cp)
{
    const unsigned char *p = (const unsigned char *)s;
    if (p[0] < 0x80) {
        *cp = p[0];
        return 1;
    }
    int len = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (p[0] < 0xC2 || p[0] > 0xF4 || (size_t)len > n)
        return 0;
    uint32_t c = p[0] & (0xFFu >> (len + 1));
    for (int i = 1; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3Fu);
    }
    if (c < least[len] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        return 0;
    *cp = c;
    return len;
}

/* Controls, and the invisible characters that reorder or hide text around them. */
static bool is_hidden(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0xAD || (c >= 0x200B && c <= 0x200F) ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF ||
           (c >= 0xE0000 && c <= 0xE0FFF);
}

loam_shown loam_show_name(const char *s, size_t n)
{
    loam_shown out;
    size_t len = 0, i = 0;
    const size_t room = sizeof out.text - 4; /* "..." and NUL */
    while (i < n) {
        uint32_t cp;
        int step = loam_utf8_step(s + i, n - i, &cp);
        bool plain = step > 0 && !is_hidden(cp);
        int bytes = step > 0 ? step : 1;
        if (len + (size_t)(plain ? bytes : 4 * bytes) > room) {
            memcpy(out.text + len, "...", 3);
            len += 3;
            break;
        }
        for (int k = 0; k < bytes; k++) {
            if (plain)
                out.text[len++] = s[i + (size_t)k];
            else
                len += (size_t)snprintf(out.text + len, 5, "\\x%02x", (unsigned char)s[i + (size_t)k]);
        }
        i += (size_t)bytes;
    }
    out.text[len] = 0;
    return out;
}

loam_shown loam_show_count(uint64_t v)
{
    char digits[24];
    loam_shown out;
    int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)v), len = 0;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            out.text[len++] = ',';
        out.text[len++] = digits[i];
    }
    out.text[len] = 0;
    return out;
}
