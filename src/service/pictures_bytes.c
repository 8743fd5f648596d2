/* Pictures that come in as text or as a form's file, and go out as text. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "format/base64.h"
#include "service/pictures_int.h"

enum { TEXT_MAX = LOAM_PICTURES_UPLOAD_MAX / 3 * 4 + 4096 };

loam_status loam_pictures_decode_file(loam_pictures *p, const char *name, const void *bytes, size_t n,
                                      loam_picture **out, loam_err *err)
{
    *out = NULL;
    if (n > LOAM_PICTURES_UPLOAD_MAX)
        LOAM_FAIL(err, TOO_LARGE, "'%s' has %zu bytes; a picture may have %d MiB", name, n,
                  LOAM_PICTURES_UPLOAD_MAX >> 20);
    if (n == 0)
        LOAM_FAIL(err, INVALID, "'%s' is empty; a PNG, JPEG or WebP file is wanted", name);
    if (loam_picture_kind_of(bytes, n) == LOAM_PICTURE_UNKNOWN)
        LOAM_FAIL(err, INVALID, "'%s' is no picture; a PNG, JPEG or WebP file is wanted", name);
    pthread_mutex_lock(&p->decoding);
    loam_status st = loam_picture_read(bytes, n, out, NULL, err);
    if (st == LOAM_OK && (int64_t)(*out)->width * (*out)->height > LOAM_PICTURES_UPLOAD_PIXELS) {
        st = loam_err_set(err, LOAM_STATUS_TOO_LARGE, __FILE__, __LINE__,
                          "'%s' is %d x %d; a picture to start from may have 4096 x 4096 pixels", name, (*out)->width,
                          (*out)->height);
        loam_picture_free(*out);
        *out = NULL;
    } else if (st != LOAM_OK) {
        loam_err_prefix(err, "'%s'", name);
        if (st == LOAM_STATUS_CORRUPT || st == LOAM_STATUS_UNSUPPORTED) /* it is the request that is wrong */
            st = err->code = LOAM_STATUS_INVALID;
    }
    pthread_mutex_unlock(&p->decoding);
    return st;
}

loam_status loam_pictures_decode(loam_pictures *p, const char *name, const char *text, size_t len, loam_picture **out,
                                 loam_err *err)
{
    *out = NULL;
    if (len >= 5 && strncasecmp(text, "data:", 5) == 0) {
        const char *comma = memchr(text, ',', len < 200 ? len : 200);
        if (!comma || comma - text < 12 || strncasecmp(comma - 7, ";base64", 7) != 0)
            LOAM_FAIL(err, INVALID, "'%s' begins with 'data:' but not with 'data:image/png;base64,'", name);
        len -= (size_t)(comma + 1 - text);
        text = comma + 1;
    } else if (len >= 7 && (strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https:/", 7) == 0)) {
        LOAM_FAIL(err, INVALID, "'%s' is an address; this server fetches nothing: send the picture itself as base64",
                  name);
    }
    if (len > TEXT_MAX)
        LOAM_FAIL(err, TOO_LARGE, "'%s' has %zu bytes of base64; a picture may have %d MiB", name, len,
                  LOAM_PICTURES_UPLOAD_MAX >> 20);
    loam_buf bytes;
    loam_buf_init(&bytes, TEXT_MAX);
    loam_status st = loam_base64_decode(text, len, &bytes, err);
    if (st != LOAM_OK)
        loam_err_prefix(err, "'%s'", name);
    else
        st = loam_pictures_decode_file(p, name, bytes.data, bytes.len, out, err);
    loam_buf_deinit(&bytes);
    return st;
}

json_t *loam_pictures_encode(const void *bytes, size_t n)
{
    loam_buf text;
    loam_buf_init(&text, n / 3 * 4 + 16);
    json_t *v = loam_base64_encode(bytes, n, &text) ? json_stringn_nocheck(loam_buf_text(&text), text.len) : NULL;
    loam_buf_deinit(&text);
    return v;
}

static loam_status encode_picture(const loam_picture *picture, json_t **out, loam_err *err)
{
    loam_buf file;
    loam_buf_init(&file, LOAM_PICTURE_MAX_BYTES);
    loam_status st = loam_picture_write(picture, NULL, LOAM_PICTURE_PNG, 0, &file, err);
    if (st == LOAM_OK) {
        *out = loam_pictures_encode(file.data, file.len);
        if (!*out)
            st = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for a picture");
    }
    loam_buf_deinit(&file);
    return st;
}

loam_status loam_pictures_mask_of_alpha(const loam_picture *picture, json_t **out, loam_err *err)
{
    *out = NULL;
    size_t n = (size_t)picture->width * (size_t)picture->height;
    bool any = false;
    for (size_t i = 0; picture->channels == 4 && i < n && !any; i++)
        any = picture->pixels[i * 4 + 3] < 255;
    if (!any)
        return LOAM_OK;
    loam_picture *mask;
    LOAM_TRY(loam_picture_new(picture->width, picture->height, 3, &mask, err));
    for (size_t i = 0; i < n; i++)
        memset(mask->pixels + i * 3, 255 - picture->pixels[i * 4 + 3], 3);
    loam_status st = encode_picture(mask, out, err);
    loam_picture_free(mask);
    return st;
}

loam_status loam_pictures_negative(const loam_picture *picture, json_t **out, loam_err *err)
{
    *out = NULL;
    loam_picture *negative;
    LOAM_TRY(loam_picture_new(picture->width, picture->height, 3, &negative, err));
    size_t n = (size_t)picture->width * (size_t)picture->height;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *p = picture->pixels + i * (size_t)picture->channels;
        for (size_t j = 0; j < 3; j++) /* transparent is black, as where masks are used */
            negative->pixels[i * 3 + j] = (uint8_t)(255 - (picture->channels == 4 ? (p[j] * p[3] + 127) / 255 : p[j]));
    }
    loam_status st = encode_picture(negative, out, err);
    loam_picture_free(negative);
    return st;
}

loam_status loam_pictures_result_base64(loam_pictures *p, const char *id, int idx, loam_buf *out, loam_err *err)
{
    loam_jobs_result r;
    char *bytes = NULL;
    size_t n = 0;
    LOAM_TRY(loam_jobs_result_read(p->jobs, id, idx, &r, err));
    loam_status st = loam_file_read(r.path, LOAM_PICTURES_RESULT_MAX, &bytes, &n, err);
    loam_jobs_result_deinit(&r);
    if (st == LOAM_OK && !loam_base64_encode(bytes, n, out))
        st = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for a picture of %zu bytes", n);
    free(bytes);
    return st;
}

loam_status loam_pictures_preview_base64(loam_pictures *p, const char *id, loam_buf *out, loam_err *err)
{
    loam_buf bytes;
    char media[64];
    uint64_t version;
    loam_buf_init(&bytes, LOAM_JOBS_PREVIEW_MAX);
    loam_status st = loam_jobs_preview(p->jobs, id, &bytes, media, &version, err);
    if (st == LOAM_OK && !loam_base64_encode(bytes.data, bytes.len, out))
        st = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for a preview");
    loam_buf_deinit(&bytes);
    return st;
}
