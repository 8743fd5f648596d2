#include "format/base64.h"

#include <stdint.h>

#include "format/format_int.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool loam_base64_encode(const void *bytes, size_t n, loam_buf *out)
{
    const uint8_t *p = bytes;
    size_t had = out->len;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16 | (n - i > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (n - i > 2 ? p[i + 2] : 0);
        const char four[4] = {alphabet[v >> 18], alphabet[v >> 12 & 63], n - i > 1 ? alphabet[v >> 6 & 63] : '=',
                              n - i > 2 ? alphabet[v & 63] : '='};
        if (!loam_buf_add(out, four, 4)) {
            loam_buf_truncate(out, had);
            return false;
        }
    }
    return true;
}

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static loam_status decode(const char *text, size_t n, loam_buf *out, loam_err *err)
{
    uint32_t bits = 0;
    size_t n_digits = 0, n_pads = 0;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (c == ' ' || c == '\n' || c == '\r' || c == '\t')
            continue;
        int d = digit(c);
        if (c == '=')
            n_pads++;
        else if (d < 0 || n_pads)
            LOAM_FAIL(err, INVALID, "byte %zu of the base64 text, '%s', does not belong there", i,
                      loam_show_name(text + i, 1).text);
        if (c == '=')
            continue;
        bits = bits << 6 | (uint32_t)d;
        if (n_digits++ % 4 != 0)
            loam_buf_char(out, (char)(bits >> (6 - (n_digits - 1) % 4 * 2)));
    }
    /* two digits make one byte, three make two; padding, when there is any, fills up to four */
    if (n_digits % 4 == 1 || (n_pads && (n_digits + n_pads) % 4 != 0) || n_pads > 2)
        LOAM_FAIL(err, INVALID, "the base64 text is cut off: it has %zu digits and %zu signs of padding", n_digits,
                  n_pads);
    if (out->failed)
        LOAM_FAIL(err, TOO_LARGE, "the base64 text stands for more than %zu bytes", out->max);
    return LOAM_OK;
}

loam_status loam_base64_decode(const char *text, size_t n, loam_buf *out, loam_err *err)
{
    size_t had = out->len;
    loam_status s = decode(text, n, out, err);
    if (s != LOAM_OK)
        loam_buf_truncate(out, had);
    return s;
}
