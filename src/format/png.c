#include "format/png.h"

#include <spng.h>
#include <stdlib.h>
#include <string.h>

#include "format/format_int.h"
#include "format/picture_int.h"

enum {
    MAX_CHUNK = 16 << 20,  /* of an ancillary chunk, also when unpacked */
    MAX_CHUNKS = 32 << 20, /* of all of them together */
};

static loam_status fail(int code, const char *what, loam_err *err)
{
    switch (code) {
    case SPNG_EMEM:
        LOAM_FAIL(err, NO_MEMORY, "no memory to %s a PNG picture", what);
    case SPNG_ECHUNK_LIMITS:
        LOAM_FAIL(err, TOO_LARGE, "the texts and profiles in the PNG take more than %d MiB", MAX_CHUNKS >> 20);
    case SPNG_IO_EOF:
    case SPNG_EOF:
        LOAM_FAIL(err, CORRUPT, "the PNG ends early: the file is incomplete");
    default:
        LOAM_FAIL(err, CORRUPT, "cannot %s the PNG: %s", what, spng_strerror(code));
    }
}

static bool is_utf8(const char *s, size_t n, bool *ascii)
{
    uint32_t c;
    *ascii = true;
    for (size_t i = 0; i < n;) {
        int step = loam_utf8_step(s + i, n - i, &c);
        if (step == 0)
            return false;
        *ascii &= step == 1;
        i += (size_t)step;
    }
    return true;
}

static bool add_latin1(loam_buf *b, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c >= 0x80)
            loam_buf_char(b, (char)(0xC0 | c >> 6));
        loam_buf_char(b, (char)(c < 0x80 ? c : 0x80 | (c & 0x3F)));
    }
    return !b->failed;
}

/* ---- reading ---- */

static loam_status add_text(loam_picture_texts *texts, const struct spng_text *t, loam_err *err)
{
    bool ascii;
    loam_buf key, value;
    const char *text = t->text ? t->text : "";
    size_t n = strnlen(text, t->text ? t->length : 0);
    loam_buf_init(&key, 2 * sizeof t->keyword);
    loam_buf_init(&value, 2 * n + 1);
    bool ok = add_latin1(&key, t->keyword, strnlen(t->keyword, sizeof t->keyword));
    /* Programs that put UTF-8 into tEXt are many; Latin-1 that looks like it is rare, and is never written here. */
    ok = ok && (is_utf8(text, n, &ascii) ? loam_buf_add(&value, text, n) : add_latin1(&value, text, n));
    loam_status s;
    if (!ok)
        s = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for the texts of a picture");
    else
        s = loam_picture_texts_add(texts, loam_buf_text(&key), loam_buf_text(&value), value.len, err);
    loam_buf_deinit(&key);
    loam_buf_deinit(&value);
    return s;
}

static loam_status read_texts(spng_ctx *ctx, loam_picture_texts *texts, loam_err *err)
{
    uint32_t n = 0;
    int code = spng_get_text(ctx, NULL, &n);
    if (code == SPNG_ECHUNKAVAIL || (code == SPNG_OK && n == 0))
        return LOAM_OK;
    if (code)
        return fail(code, "read", err);
    struct spng_text *list = calloc(n, sizeof *list);
    if (!list)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the texts of a picture");
    code = spng_get_text(ctx, list, &n);
    loam_status s = code ? fail(code, "read", err) : LOAM_OK;
    for (uint32_t i = 0; i < n && s == LOAM_OK; i++)
        s = add_text(texts, &list[i], err);
    free(list);
    return s;
}

static loam_status read_all(spng_ctx *ctx, loam_picture **out, loam_picture_texts *texts, loam_err *err)
{
    struct spng_ihdr ihdr;
    struct spng_trns trns;
    struct spng_exif exif;
    int code = spng_get_ihdr(ctx, &ihdr), orientation = 1;
    if (code)
        return fail(code, "read", err);
    LOAM_TRY(loam_picture_check_size(ihdr.width, ihdr.height, err));
    code = spng_get_trns(ctx, &trns);
    if (code && code != SPNG_ECHUNKAVAIL)
        return fail(code, "read", err);
    bool alpha = code == SPNG_OK || ihdr.color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA ||
                 ihdr.color_type == SPNG_COLOR_TYPE_TRUECOLOR_ALPHA;
    LOAM_TRY(loam_picture_new((int)ihdr.width, (int)ihdr.height, alpha ? 4 : 3, out, err));
    code = spng_decode_image(ctx, (*out)->pixels, loam_picture_bytes(*out), alpha ? SPNG_FMT_RGBA8 : SPNG_FMT_RGB8,
                             alpha ? SPNG_DECODE_TRNS : 0);
    if (!code)
        code = spng_decode_chunks(ctx); /* those behind the pixels */
    if (code)
        return fail(code, "read", err);
    if (texts)
        LOAM_TRY(read_texts(ctx, texts, err));
    if (spng_get_exif(ctx, &exif) == SPNG_OK)
        LOAM_TRY(loam_exif_read((const uint8_t *)exif.data, exif.length, &orientation, NULL, err));
    return loam_picture_turn(*out, orientation, err);
}

loam_status loam_png_read(const void *bytes, size_t size, loam_picture **out, loam_picture_texts *texts, loam_err *err)
{
    *out = NULL;
    spng_ctx *ctx = spng_ctx_new(0);
    if (!ctx)
        LOAM_FAIL(err, NO_MEMORY, "no memory to read a PNG picture");
    int code = spng_set_chunk_limits(ctx, MAX_CHUNK, MAX_CHUNKS);
    if (!code)
        code = spng_set_png_buffer(ctx, bytes, size);
    loam_status s = code ? fail(code, "read", err) : read_all(ctx, out, texts, err);
    spng_ctx_free(ctx);
    if (s != LOAM_OK) {
        loam_picture_free(*out);
        *out = NULL;
    }
    return s;
}

/* ---- writing ---- */

/* The Latin-1 form of UTF-8 text, if every character is one that such texts may hold: a line feed or a printable one.
 * out has room for n bytes and a NUL. */
static bool to_latin1(const char *s, size_t n, char *out)
{
    uint32_t c;
    size_t len = 0;
    for (size_t i = 0; i < n;) {
        int step = loam_utf8_step(s + i, n - i, &c);
        if (step == 0 || (c < 32 && c != '\n') || (c >= 127 && c < 160) || c > 255)
            return false;
        out[len++] = (char)c;
        i += (size_t)step;
    }
    out[len] = 0;
    return true;
}

static bool is_keyword(const char *key)
{
    size_t n = strlen(key);
    return n >= 1 && n <= 79 && key[0] != ' ' && key[n - 1] != ' ' && !strstr(key, "  ") && !strchr(key, '\n');
}

/* *t borrows from text and from *store, which the caller frees after the file was written. */
static loam_status make_text(const loam_picture_text *text, struct spng_text *t, char **store, loam_err *err)
{
    bool ascii;
    size_t n = strlen(text->value), nk = strlen(text->key);
    char *latin1 = *store = malloc((n > nk ? n : nk) + 1);
    if (!latin1)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the texts of a picture");
    if (!to_latin1(text->key, nk, latin1) || !is_keyword(latin1))
        LOAM_FAIL(err, INVALID,
                  "'%s' cannot be the name of a text in a PNG: it takes 1 to 79 Latin-1 characters, without spaces at "
                  "an end or two in a row",
                  loam_show_name(text->key, nk).text);
    memcpy(t->keyword, latin1, strlen(latin1) + 1);
    if (!is_utf8(text->value, n, &ascii))
        LOAM_FAIL(err, INVALID, "the text '%s' of a picture is not UTF-8", loam_show_name(text->key, nk).text);
    t->type = SPNG_ITXT;
    t->text = text->value;
    t->length = n;
    t->language_tag = t->translated_keyword = "";
    if (to_latin1(text->value, n, latin1)) {
        size_t len = strlen(latin1);
        /* readers, this one too, would take it for UTF-8 */
        bool ambiguous = is_utf8(latin1, len, &ascii) && !ascii;
        if (!ambiguous) {
            t->type = SPNG_TEXT;
            t->text = latin1;
            t->length = len;
        }
    }
    return LOAM_OK;
}

static int append(spng_ctx *ctx, void *user, void *bytes, size_t n)
{
    return loam_buf_add(user, bytes, n) ? 0 : SPNG_IO_ERROR;
}

static loam_status write_all(spng_ctx *ctx, const loam_picture *p, struct spng_text *list, uint32_t n, loam_buf *out,
                             loam_err *err)
{
    struct spng_ihdr ihdr = {
        .width = (uint32_t)p->width,
        .height = (uint32_t)p->height,
        .bit_depth = 8,
        .color_type = p->channels == 4 ? SPNG_COLOR_TYPE_TRUECOLOR_ALPHA : SPNG_COLOR_TYPE_TRUECOLOR,
    };
    int code = spng_set_png_stream(ctx, append, out);
    if (!code)
        code = spng_set_ihdr(ctx, &ihdr);
    if (!code && n)
        code = spng_set_text(ctx, list, n);
    if (!code)
        code = spng_encode_image(ctx, p->pixels, loam_picture_bytes(p), SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE);
    if (out->failed)
        LOAM_FAIL(err, TOO_LARGE, "the PNG needs more than %zu bytes, or there is no memory for it", out->max);
    return code ? fail(code, "write", err) : LOAM_OK;
}

loam_status loam_png_write(const loam_picture *p, const loam_picture_texts *texts, loam_buf *out, loam_err *err)
{
    size_t had = out->len, n_texts = texts ? texts->n : 0;
    uint32_t n = 0;
    loam_status s = LOAM_OK;
    struct spng_text *list = calloc(n_texts + 1, sizeof *list);
    char **stores = calloc(n_texts + 1, sizeof *stores);
    spng_ctx *ctx = spng_ctx_new(SPNG_CTX_ENCODER);
    if (!list || !stores || !ctx)
        s = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory to write a PNG picture");
    for (size_t i = 0; i < n_texts && s == LOAM_OK; i++)
        if (texts->items[i].value[0]) {
            s = make_text(&texts->items[i], &list[n], &stores[n], err);
            n++;
        }
    if (s == LOAM_OK)
        s = write_all(ctx, p, list, n, out, err);
    spng_ctx_free(ctx);
    for (uint32_t i = 0; stores && i < n; i++)
        free(stores[i]);
    free(stores);
    free(list);
    if (s != LOAM_OK)
        loam_buf_truncate(out, had);
    return s;
}
