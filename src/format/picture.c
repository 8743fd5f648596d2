#include "format/picture.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"
#include "base/file.h"
#include "format/format_int.h"
#include "format/jpeg.h"
#include "format/picture_int.h"
#include "format/png.h"
#include "format/webp.h"

loam_status loam_picture_check_size(uint64_t width, uint64_t height, loam_err *err)
{
    if (width < 1 || height < 1 || width > LOAM_PICTURE_MAX_SIDE || height > LOAM_PICTURE_MAX_SIDE ||
        width * height > LOAM_PICTURE_MAX_PIXELS)
        LOAM_FAIL(err, TOO_LARGE,
                  "a picture of %llu by %llu pixels is outside of what is taken: sides from 1 to %d, at most %d "
                  "megapixels in all",
                  (unsigned long long)width, (unsigned long long)height, LOAM_PICTURE_MAX_SIDE,
                  LOAM_PICTURE_MAX_PIXELS >> 20);
    return LOAM_OK;
}

loam_status loam_picture_new(int width, int height, int channels, loam_picture **out, loam_err *err)
{
    *out = NULL;
    LOAM_TRY(loam_picture_check_size(width < 0 ? 0 : (uint64_t)width, height < 0 ? 0 : (uint64_t)height, err));
    if (channels != 3 && channels != 4)
        LOAM_FAIL(err, INVALID, "a picture has 3 channels (RGB) or 4 (RGBA), not %d", channels);
    loam_picture *p = malloc(sizeof *p);
    uint8_t *pixels = calloc((size_t)width * (size_t)height, (size_t)channels);
    if (!p || !pixels) {
        free(p);
        free(pixels);
        LOAM_FAIL(err, NO_MEMORY, "no memory for a picture of %d by %d pixels", width, height);
    }
    *p = (loam_picture){width, height, channels, pixels};
    *out = p;
    return LOAM_OK;
}

void loam_picture_free(loam_picture *p)
{
    if (!p)
        return;
    free(p->pixels);
    free(p);
}

size_t loam_picture_row_bytes(const loam_picture *p)
{
    return (size_t)p->width * (size_t)p->channels;
}
size_t loam_picture_bytes(const loam_picture *p)
{
    return loam_picture_row_bytes(p) * (size_t)p->height;
}

/* ---- texts ---- */

loam_status loam_picture_texts_add(loam_picture_texts *t, const char *key, const char *value, size_t n, loam_err *err)
{
    size_t bytes;
    if (loam_mul_overflows(t->n + 1, sizeof *t->items, &bytes))
        LOAM_FAIL(err, TOO_LARGE, "too many texts in one picture");
    loam_picture_text *items = realloc(t->items, bytes);
    if (items)
        t->items = items;
    char *k = items ? strdup(key) : NULL, *v = items ? strndup(value ? value : "", value ? n : 0) : NULL;
    if (!k || !v) {
        free(k);
        free(v);
        LOAM_FAIL(err, NO_MEMORY, "no memory for the texts of a picture");
    }
    t->items[t->n++] = (loam_picture_text){k, v};
    return LOAM_OK;
}

const char *loam_picture_texts_get(const loam_picture_texts *t, const char *key)
{
    for (size_t i = 0; t && i < t->n; i++)
        if (strcmp(t->items[i].key, key) == 0)
            return t->items[i].value;
    return NULL;
}

static void texts_truncate(loam_picture_texts *t, size_t n)
{
    while (t && t->n > n) {
        t->n--;
        free(t->items[t->n].key);
        free(t->items[t->n].value);
    }
}

void loam_picture_texts_deinit(loam_picture_texts *t)
{
    texts_truncate(t, 0);
    free(t->items);
    *t = (loam_picture_texts){0};
}

/* ---- turning ---- */

/* EXIF 2.3, tag 0x0112: where the 0th row and column of the file lie on the upright picture. */
loam_status loam_picture_turn(loam_picture *p, int orientation, loam_err *err)
{
    if (orientation < 2 || orientation > 8)
        return LOAM_OK;
    const int w = p->width, h = p->height, c = p->channels;
    const bool swap = orientation >= 5; /* rows become columns */
    const bool right_first = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const bool bottom_first = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    loam_picture *q;
    LOAM_TRY(loam_picture_new(swap ? h : w, swap ? w : h, c, &q, err));
    for (int y = 0; y < q->height; y++)
        for (int x = 0; x < q->width; x++) {
            /* the pixel of the file that is seen at (x, y) */
            int sx = swap ? y : x, sy = swap ? x : y;
            sx = right_first ? w - 1 - sx : sx;
            sy = bottom_first ? h - 1 - sy : sy;
            memcpy(q->pixels + ((size_t)y * (size_t)q->width + (size_t)x) * (size_t)c,
                   p->pixels + ((size_t)sy * (size_t)w + (size_t)sx) * (size_t)c, (size_t)c);
        }
    uint8_t *old = p->pixels;
    *p = *q;
    q->pixels = old;
    loam_picture_free(q);
    return LOAM_OK;
}

/* ---- files ---- */

loam_picture_kind loam_picture_kind_of(const void *bytes, size_t size)
{
    const char *b = bytes;
    if (size >= 8 && memcmp(b, "\x89PNG\r\n\x1a\n", 8) == 0)
        return LOAM_PICTURE_PNG;
    if (size >= 3 && memcmp(b, "\xFF\xD8\xFF", 3) == 0)
        return LOAM_PICTURE_JPEG;
    if (size >= 12 && memcmp(b, "RIFF", 4) == 0 && memcmp(b + 8, "WEBP", 4) == 0)
        return LOAM_PICTURE_WEBP;
    return LOAM_PICTURE_UNKNOWN;
}

loam_picture_kind loam_picture_kind_of_path(const char *path)
{
    static const struct {
        const char *ending;
        loam_picture_kind kind;
    } endings[] = {{".png", LOAM_PICTURE_PNG},
                   {".jpg", LOAM_PICTURE_JPEG},
                   {".jpeg", LOAM_PICTURE_JPEG},
                   {".webp", LOAM_PICTURE_WEBP}};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(dot, endings[i].ending) == 0)
            return endings[i].kind;
    return LOAM_PICTURE_UNKNOWN;
}

const char *loam_picture_media_type(loam_picture_kind kind)
{
    switch (kind) {
    case LOAM_PICTURE_PNG:
        return "image/png";
    case LOAM_PICTURE_JPEG:
        return "image/jpeg";
    case LOAM_PICTURE_WEBP:
        return "image/webp";
    case LOAM_PICTURE_UNKNOWN:
        break;
    }
    return "application/octet-stream";
}

loam_status loam_picture_read(const void *bytes, size_t size, loam_picture **out, loam_picture_texts *texts,
                              loam_err *err)
{
    size_t had = texts ? texts->n : 0;
    loam_status s = LOAM_STATUS_UNSUPPORTED;
    *out = NULL;
    switch (loam_picture_kind_of(bytes, size)) {
    case LOAM_PICTURE_PNG:
        s = loam_png_read(bytes, size, out, texts, err);
        break;
    case LOAM_PICTURE_JPEG:
        s = loam_jpeg_read(bytes, size, out, texts, err);
        break;
    case LOAM_PICTURE_WEBP:
        s = loam_webp_read(bytes, size, out, texts, err);
        break;
    case LOAM_PICTURE_UNKNOWN:
        loam_err_set(err, s, __FILE__, __LINE__,
                     "these %zu bytes are no picture that can be read: PNG, JPEG and WebP files are", size);
        break;
    }
    if (s != LOAM_OK) {
        loam_picture_free(*out);
        *out = NULL;
        texts_truncate(texts, had);
    }
    return s;
}

loam_status loam_picture_read_file(const char *path, loam_picture **out, loam_picture_texts *texts, loam_err *err)
{
    char *bytes;
    size_t size;
    *out = NULL;
    LOAM_TRY(loam_file_read(path, LOAM_PICTURE_MAX_BYTES, &bytes, &size, err));
    loam_status s = loam_picture_read(bytes, size, out, texts, err);
    if (s != LOAM_OK)
        loam_err_prefix(err, "'%s': ", path);
    free(bytes);
    return s;
}

loam_status loam_picture_write(const loam_picture *p, const loam_picture_texts *texts, loam_picture_kind kind,
                               int quality, loam_buf *out, loam_err *err)
{
    const char *parameters = loam_picture_texts_get(texts, LOAM_PICTURE_PARAMETERS);
    switch (kind) {
    case LOAM_PICTURE_PNG:
        return loam_png_write(p, texts, out, err);
    case LOAM_PICTURE_JPEG:
        return loam_jpeg_write(p, parameters, quality, out, err);
    case LOAM_PICTURE_WEBP:
        return loam_webp_write(p, parameters, quality, out, err);
    case LOAM_PICTURE_UNKNOWN:
        break;
    }
    LOAM_FAIL(err, UNSUPPORTED, "pictures are written as PNG, JPEG or WebP");
}

loam_status loam_picture_write_file(const char *path, const loam_picture *p, const loam_picture_texts *texts,
                                    int quality, loam_err *err)
{
    loam_picture_kind kind = loam_picture_kind_of_path(path);
    if (kind == LOAM_PICTURE_UNKNOWN)
        LOAM_FAIL(err, INVALID, "'%s' does not say what picture to write: end it in .png, .jpg, .jpeg or .webp",
                  loam_show_name(path, strlen(path)).text);
    loam_buf b;
    loam_buf_init(&b, LOAM_PICTURE_MAX_BYTES);
    loam_status s = loam_picture_write(p, texts, kind, quality, &b, err);
    if (s == LOAM_OK)
        s = loam_bytes_write_file(path, b.data, b.len, err);
    loam_buf_deinit(&b);
    return s;
}

loam_status loam_bytes_write_file(const char *path, const void *bytes, size_t n, loam_err *err)
{
    loam_file_writer *w;
    LOAM_TRY(loam_file_writer_open(path, &w, err));
    loam_status s = loam_file_writer_write(w, bytes, n, err);
    if (s != LOAM_OK) {
        loam_file_writer_abort(w);
        return s;
    }
    return loam_file_writer_commit(w, err);
}
