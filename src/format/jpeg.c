#include "format/jpeg.h"

#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

#include "format/picture_int.h"

enum {
    SOI = 0xD8,
    APP0 = 0xE0,
    APP1 = 0xE1,
    SOS = 0xDA,
    MAX_SEGMENT = 65533, /* its length field counts itself */
    DEFAULT_QUALITY = 92,
    FULL_COLOUR_QUALITY = 90,
};

/* ---- reading ---- */

/* Walks the segments before the picture data. */
static loam_status read_exif(const uint8_t *b, size_t n, int *orientation, loam_picture_texts *texts, loam_err *err)
{
    *orientation = 1;
    for (size_t i = 2; n - i >= 4 && b[i] == 0xFF;) {
        unsigned marker = b[i + 1];
        if (marker == 0xFF) { /* a fill byte */
            i++;
            continue;
        }
        if (marker == 0x01 || (marker >= 0xD0 && marker <= 0xD8)) { /* these have no length */
            i += 2;
            continue;
        }
        size_t len = (size_t)b[i + 2] << 8 | b[i + 3];
        if (marker == SOS || len < 2 || n - i - 2 < len)
            break;
        if (marker == APP1 && len >= 8 && memcmp(b + i + 4, "Exif\0", 6) == 0)
            return loam_exif_read(b + i + 4, len - 2, orientation, texts, err);
        i += 2 + len;
    }
    return LOAM_OK;
}

/* Adobe's CMYK, which is the only one in use: stored inverted, so that 255 is no ink. */
static void cmyk_to_rgb(const uint8_t *cmyk, size_t n_pixels, uint8_t *rgb)
{
    for (size_t i = 0; i < n_pixels; i++)
        for (size_t k = 0; k < 3; k++)
            rgb[i * 3 + k] = (uint8_t)((cmyk[i * 4 + k] * cmyk[i * 4 + 3] + 127) / 255);
}

static loam_status decode(tjhandle tj, const uint8_t *bytes, size_t size, loam_picture **out, loam_err *err)
{
    int w, h, subsampling, space;
    if (tjDecompressHeader3(tj, bytes, size, &w, &h, &subsampling, &space) != 0)
        LOAM_FAIL(err, CORRUPT, "cannot read the JPEG: %s", tjGetErrorStr2(tj));
    LOAM_TRY(loam_picture_check_size((uint64_t)w, (uint64_t)h, err));
    LOAM_TRY(loam_picture_new(w, h, 3, out, err));
    uint8_t *into = (*out)->pixels, *cmyk = NULL;
    const bool inks = space == TJCS_CMYK || space == TJCS_YCCK;
    if (inks) {
        into = cmyk = malloc((size_t)w * (size_t)h * 4);
        if (!cmyk)
            LOAM_FAIL(err, NO_MEMORY, "no memory to read a JPEG of %d by %d pixels", w, h);
    }
    loam_status s = LOAM_OK;
    if (tjDecompress2(tj, bytes, size, into, w, 0, h, inks ? TJPF_CMYK : TJPF_RGB, TJFLAG_LIMITSCANS) != 0) {
        /* Stray bytes are only warned about, and common; half a picture is not what somebody meant to give. */
        const char *why = tjGetErrorStr2(tj);
        if (tjGetErrorCode(tj) != TJERR_WARNING || strstr(why, "remature end"))
            s = loam_err_set(err, LOAM_STATUS_CORRUPT, __FILE__, __LINE__, "cannot read the JPEG: %s", why);
    }
    if (inks && s == LOAM_OK)
        cmyk_to_rgb(cmyk, (size_t)w * (size_t)h, (*out)->pixels);
    free(cmyk);
    return s;
}

loam_status loam_jpeg_read(const void *bytes, size_t size, loam_picture **out, loam_picture_texts *texts, loam_err *err)
{
    int orientation;
    *out = NULL;
    if (size < 4)
        LOAM_FAIL(err, CORRUPT, "the JPEG ends early: the file is incomplete");
    tjhandle tj = tjInitDecompress();
    if (!tj)
        LOAM_FAIL(err, NO_MEMORY, "no memory to read a JPEG picture");
    loam_status s = decode(tj, bytes, size, out, err);
    tjDestroy(tj);
    if (s == LOAM_OK)
        s = read_exif(bytes, size, &orientation, texts, err);
    if (s == LOAM_OK)
        s = loam_picture_turn(*out, orientation, err);
    if (s != LOAM_OK) {
        loam_picture_free(*out);
        *out = NULL;
    }
    return s;
}

/* ---- writing ---- */

/* The encoder's file with the EXIF segment behind its JFIF segment. */
static loam_status assemble(const uint8_t *jpeg, size_t n, const char *parameters, loam_buf *out, loam_err *err)
{
    size_t split = 2;
    if (parameters && parameters[0]) {
        loam_buf exif;
        if (n >= 6 && jpeg[2] == 0xFF && jpeg[3] == APP0)
            split = 4 + ((size_t)jpeg[4] << 8 | jpeg[5]);
        loam_buf_init(&exif, 64 << 20);
        loam_status s = loam_exif_write(parameters, &exif, err);
        size_t len = exif.len + 8;
        if (s == LOAM_OK && (split > n || len > MAX_SEGMENT))
            s = loam_err_set(err, LOAM_STATUS_TOO_LARGE, __FILE__, __LINE__,
                             "the text of the picture takes %zu bytes; a JPEG holds %d: write a PNG or a WebP",
                             exif.len, MAX_SEGMENT - 8);
        if (s == LOAM_OK) {
            const uint8_t head[] = {0xFF, APP1, (uint8_t)(len >> 8), (uint8_t)len, 'E', 'x', 'i', 'f', 0, 0};
            loam_buf_add(out, jpeg, split);
            loam_buf_add(out, head, sizeof head);
            loam_buf_add(out, exif.data, exif.len);
        }
        loam_buf_deinit(&exif);
        if (s != LOAM_OK)
            return s;
    } else {
        loam_buf_add(out, jpeg, split);
    }
    loam_buf_add(out, jpeg + split, n - split);
    if (out->failed)
        LOAM_FAIL(err, TOO_LARGE, "the JPEG needs more than %zu bytes, or there is no memory for it", out->max);
    return LOAM_OK;
}

loam_status loam_jpeg_write(const loam_picture *p, const char *parameters, int quality, loam_buf *out, loam_err *err)
{
    if (quality < 0 || quality > 100)
        LOAM_FAIL(err, INVALID, "the quality of a JPEG is 1 to 100, or 0 for %d; not %d", DEFAULT_QUALITY, quality);
    quality = quality ? quality : DEFAULT_QUALITY;
    tjhandle tj = tjInitCompress();
    if (!tj)
        LOAM_FAIL(err, NO_MEMORY, "no memory to write a JPEG picture");
    unsigned char *jpeg = NULL;
    unsigned long n = 0;
    size_t had = out->len;
    loam_status s;
    int subsampling = quality >= FULL_COLOUR_QUALITY ? TJSAMP_444 : TJSAMP_420;
    if (tjCompress2(tj, p->pixels, p->width, 0, p->height, p->channels == 4 ? TJPF_RGBA : TJPF_RGB, &jpeg, &n,
                    subsampling, quality, TJFLAG_ACCURATEDCT) != 0)
        s = loam_err_set(err, LOAM_STATUS_INTERNAL, __FILE__, __LINE__, "cannot write the JPEG: %s",
                         tjGetErrorStr2(tj));
    else
        s = assemble(jpeg, n, parameters, out, err);
    tjFree(jpeg);
    tjDestroy(tj);
    if (s != LOAM_OK)
        loam_buf_truncate(out, had);
    return s;
}
