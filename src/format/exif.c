/* EXIF 2.3 (CIPA DC-008): a TIFF header ("II*\0" or "MM\0*", offset of the first directory), directories of 12-byte
 * entries (tag, type, count, value or offset of it). Programs that make pictures put the text of their making into
 * UserComment (0x9286, in the directory that 0x8769 points to): 8 bytes that name a coding, then the text. They write
 * "UNICODE\0" and UTF-16 with the high byte first whatever the header's byte order is (piexif does); others take the
 * header's order, so a reader looks at the text itself. */
#include <string.h>

#include "format/format_int.h"
#include "format/picture_int.h"

enum {
    TAG_ORIENTATION = 0x0112,
    TAG_EXIF = 0x8769,
    TAG_USER_COMMENT = 0x9286,
    TYPE_SHORT = 3,
    TYPE_LONG = 4,
    TYPE_UNDEFINED = 7,
};

typedef struct tiff {
    const uint8_t *b;
    size_t n;
    bool big; /* high byte first */
} tiff;

static uint32_t get16(const tiff *t, size_t at)
{
    const uint8_t *p = t->b + at;
    return t->big ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}
static uint32_t get32(const tiff *t, size_t at)
{
    return t->big ? get16(t, at) << 16 | get16(t, at + 2) : get16(t, at + 2) << 16 | get16(t, at);
}

/* The entry of that tag in the directory at `at`: the place of its 12 bytes, or 0. */
static size_t find_entry(const tiff *t, size_t at, uint32_t tag)
{
    if (at < 8 || at > t->n || t->n - at < 2)
        return 0;
    size_t count = get16(t, at);
    for (size_t i = 0; i < count && (t->n - at - 2) / 12 > i; i++)
        if (get16(t, at + 2 + i * 12) == tag)
            return at + 2 + i * 12;
    return 0;
}

static bool add_utf8(loam_buf *b, uint32_t c)
{
    char s[4];
    size_t n = 0;
    if (c < 0x80) {
        s[n++] = (char)c;
    } else if (c < 0x800) {
        s[n++] = (char)(0xC0 | c >> 6);
        s[n++] = (char)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        s[n++] = (char)(0xE0 | c >> 12);
        s[n++] = (char)(0x80 | (c >> 6 & 63));
        s[n++] = (char)(0x80 | (c & 63));
    } else {
        s[n++] = (char)(0xF0 | c >> 18);
        s[n++] = (char)(0x80 | (c >> 12 & 63));
        s[n++] = (char)(0x80 | (c >> 6 & 63));
        s[n++] = (char)(0x80 | (c & 63));
    }
    return loam_buf_add(b, s, n);
}

/* Which byte of a pair is zero more often tells the order of a text that has any ASCII in it. */
static bool is_big(const uint8_t *p, size_t n)
{
    size_t zero_first = 0, zero_second = 0;
    for (size_t i = 0; i + 1 < n; i += 2) {
        zero_first += p[i] == 0 && p[i + 1] != 0;
        zero_second += p[i] != 0 && p[i + 1] == 0;
    }
    return zero_first >= zero_second;
}

static void utf16_to_utf8(const uint8_t *p, size_t n, loam_buf *out)
{
    tiff t = {p, n, is_big(p, n)};
    size_t i = 0;
    if (n >= 2 && ((p[0] == 0xFE && p[1] == 0xFF) || (p[0] == 0xFF && p[1] == 0xFE))) {
        t.big = p[0] == 0xFE;
        i = 2;
    }
    for (; i + 1 < n; i += 2) {
        uint32_t c = get16(&t, i);
        if (c == 0)
            break;
        if (c >= 0xD800 && c < 0xE000) {
            uint32_t low = c < 0xDC00 && n - i >= 4 ? get16(&t, i + 2) : 0;
            bool pair = low >= 0xDC00 && low < 0xE000;
            c = pair ? 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00) : 0xFFFD;
            i += pair ? 2 : 0;
        }
        add_utf8(out, c);
    }
}

/* UTF-8 as it is, anything else as Latin-1. */
static void bytes_to_utf8(const uint8_t *p, size_t n, loam_buf *out)
{
    uint32_t c;
    bool utf8 = true;
    const uint8_t *end = memchr(p, 0, n);
    n = end ? (size_t)(end - p) : n;
    for (size_t i = 0; i < n && utf8;) {
        int step = loam_utf8_step((const char *)p + i, n - i, &c);
        utf8 = step > 0;
        i += (size_t)step;
    }
    if (utf8)
        loam_buf_add(out, p, n);
    for (size_t i = 0; !utf8 && i < n; i++)
        add_utf8(out, p[i]);
}

static loam_status read_comment(const uint8_t *p, size_t n, loam_picture_texts *texts, loam_err *err)
{
    loam_buf b;
    if (n <= 8)
        return LOAM_OK;
    loam_buf_init(&b, n * 3);
    if (memcmp(p, "UNICODE", 8) == 0)
        utf16_to_utf8(p + 8, n - 8, &b);
    else
        bytes_to_utf8(p + 8, n - 8, &b);
    loam_status s = LOAM_OK;
    if (b.failed)
        s = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for the comment of a picture");
    else if (b.len)
        s = loam_picture_texts_add(texts, LOAM_PICTURE_PARAMETERS, b.data, b.len, err);
    loam_buf_deinit(&b);
    return s;
}

loam_status loam_exif_read(const uint8_t *bytes, size_t size, int *orientation, loam_picture_texts *texts,
                           loam_err *err)
{
    *orientation = 1;
    if (size >= 6 && memcmp(bytes, "Exif\0", 6) == 0) {
        bytes += 6;
        size -= 6;
    }
    tiff t = {bytes, size, false};
    if (size < 8 || (memcmp(bytes, "II*", 4) != 0 && memcmp(bytes, "MM\0*", 4) != 0))
        return LOAM_OK;
    t.big = bytes[0] == 'M';
    size_t ifd0 = get32(&t, 4);
    size_t turn = find_entry(&t, ifd0, TAG_ORIENTATION), exif = find_entry(&t, ifd0, TAG_EXIF);
    if (turn && get16(&t, turn + 2) == TYPE_SHORT && get32(&t, turn + 4) == 1) {
        int o = (int)get16(&t, turn + 8);
        *orientation = o >= 1 && o <= 8 ? o : 1;
    }
    size_t comment = exif ? find_entry(&t, get32(&t, exif + 8), TAG_USER_COMMENT) : 0;
    if (!comment || !texts || get16(&t, comment + 2) != TYPE_UNDEFINED)
        return LOAM_OK;
    size_t n = get32(&t, comment + 4), at = get32(&t, comment + 8);
    if (n <= 8 || at > size || size - at < n)
        return LOAM_OK;
    return read_comment(bytes + at, n, texts, err);
}

/* ---- writing ---- */

static void put16(loam_buf *b, uint32_t v)
{
    loam_buf_char(b, (char)(v >> 8));
    loam_buf_char(b, (char)v);
}
static void put32(loam_buf *b, uint32_t v)
{
    put16(b, v >> 16);
    put16(b, v & 0xFFFF);
}
static void put_entry(loam_buf *b, uint32_t tag, uint32_t type, uint32_t count, uint32_t value)
{
    put16(b, tag);
    put16(b, type);
    put32(b, count);
    put32(b, value);
}

loam_status loam_exif_write(const char *text, loam_buf *out, loam_err *err)
{
    /* header 8, directory 2 + 12 + 4, directory 2 + 12 + 4, comment */
    enum { DIRECTORY = 18, EXIF_AT = 8 + DIRECTORY, COMMENT_AT = EXIF_AT + DIRECTORY };
    size_t n = strlen(text), units = 0;
    uint32_t c;
    for (size_t i = 0; i < n;) {
        int step = loam_utf8_step(text + i, n - i, &c);
        units += step == 4 ? 2 : 1;
        i += step > 0 ? (size_t)step : 1;
    }
    if (units > (1u << 24))
        LOAM_FAIL(err, TOO_LARGE, "the text of a picture has %zu characters; EXIF takes %u", units, 1u << 24);
    loam_buf_add(out, "MM\0*\0\0\0\x08", 8);
    put16(out, 1);
    put_entry(out, TAG_EXIF, TYPE_LONG, 1, EXIF_AT);
    put32(out, 0);
    put16(out, 1);
    put_entry(out, TAG_USER_COMMENT, TYPE_UNDEFINED, (uint32_t)(8 + units * 2), COMMENT_AT);
    put32(out, 0);
    loam_buf_add(out, "UNICODE", 8);
    for (size_t i = 0; i < n;) {
        int step = loam_utf8_step(text + i, n - i, &c);
        i += step > 0 ? (size_t)step : 1;
        if (step == 0)
            c = 0xFFFD;
        if (c >= 0x10000) {
            put16(out, 0xD800 + ((c - 0x10000) >> 10));
            put16(out, 0xDC00 + ((c - 0x10000) & 0x3FF));
        } else {
            put16(out, c);
        }
    }
    if (out->failed)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the EXIF block of a picture");
    return LOAM_OK;
}
