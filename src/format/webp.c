#include "format/webp.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <webp/decode.h>
#include <webp/demux.h>
#include <webp/encode.h>
#include <webp/mux.h>

#include "format/picture_int.h"

enum { LOSSLESS_EFFORT = 6, LOSSY_EFFORT = 4 };

/* ---- reading ---- */

static loam_status fail_read(int code, loam_err *err)
{
    if (code == VP8_STATUS_OUT_OF_MEMORY)
        LOAM_FAIL(err, NO_MEMORY, "no memory to read a WebP picture");
    if (code == VP8_STATUS_NOT_ENOUGH_DATA)
        LOAM_FAIL(err, CORRUPT, "the WebP ends early: the file is incomplete");
    LOAM_FAIL(err, CORRUPT, "cannot read the WebP: its data is damaged or of an unknown kind");
}

static loam_status get_features(const void *bytes, size_t size, WebPBitstreamFeatures *f, loam_err *err)
{
    VP8StatusCode code = WebPGetFeatures(bytes, size, f);
    if (code != VP8_STATUS_OK)
        return fail_read(code, err);
    return loam_picture_check_size((uint64_t)f->width, (uint64_t)f->height, err);
}

static loam_status read_still(const void *bytes, size_t size, bool alpha, int w, int h, loam_picture **out,
                              loam_err *err)
{
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        LOAM_FAIL(err, INTERNAL, "libwebp is of another version than Loam was built for");
    LOAM_TRY(loam_picture_new(w, h, alpha ? 4 : 3, out, err));
    config.output.colorspace = alpha ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = (*out)->pixels;
    config.output.u.RGBA.stride = (int)loam_picture_row_bytes(*out);
    config.output.u.RGBA.size = loam_picture_bytes(*out);
    VP8StatusCode code = WebPDecode(bytes, size, &config);
    WebPFreeDecBuffer(&config.output);
    return code == VP8_STATUS_OK ? LOAM_OK : fail_read(code, err);
}

loam_status loam_webp_read_frames(const void *bytes, size_t size,
                                  loam_status (*each)(void *ctx, const loam_picture *frame, int ends_ms, loam_err *err),
                                  void *ctx, loam_err *err)
{
    WebPBitstreamFeatures f;
    WebPAnimDecoderOptions options;
    WebPAnimInfo info;
    const WebPData data = {bytes, size};
    LOAM_TRY(get_features(bytes, size, &f, err));
    if (!WebPAnimDecoderOptionsInit(&options))
        LOAM_FAIL(err, INTERNAL, "libwebp is of another version than Loam was built for");
    options.color_mode = MODE_RGBA;
    WebPAnimDecoder *decoder = WebPAnimDecoderNew(&data, &options);
    if (!decoder)
        return fail_read(VP8_STATUS_BITSTREAM_ERROR, err);
    loam_status s = LOAM_OK;
    /* what was checked above and what the decoder sees come from the same header, but it is the decoder that counts */
    if (!WebPAnimDecoderGetInfo(decoder, &info) || info.canvas_width != (uint32_t)f.width ||
        info.canvas_height != (uint32_t)f.height || info.frame_count == 0)
        s = fail_read(VP8_STATUS_BITSTREAM_ERROR, err);
    while (s == LOAM_OK && WebPAnimDecoderHasMoreFrames(decoder)) {
        loam_picture frame = {f.width, f.height, 4, NULL};
        int ends_ms;
        if (!WebPAnimDecoderGetNext(decoder, &frame.pixels, &ends_ms))
            s = fail_read(VP8_STATUS_BITSTREAM_ERROR, err);
        else
            s = each(ctx, &frame, ends_ms, err);
    }
    WebPAnimDecoderDelete(decoder);
    return s;
}

typedef struct first_frame {
    loam_picture *copy;
    bool alpha;
} first_frame;

/* Keeps the first frame and ends the reading with CANCELLED. */
static loam_status keep_first(void *ctx, const loam_picture *frame, int ends_ms, loam_err *err)
{
    first_frame *f = ctx;
    LOAM_TRY(loam_picture_new(frame->width, frame->height, f->alpha ? 4 : 3, &f->copy, err));
    const size_t c = (size_t)f->copy->channels, n = (size_t)frame->width * (size_t)frame->height;
    for (size_t i = 0; i < n; i++)
        memcpy(f->copy->pixels + i * c, frame->pixels + i * 4, c);
    return LOAM_STATUS_CANCELLED;
}

static loam_status read_exif(const void *bytes, size_t size, int *orientation, loam_picture_texts *texts, loam_err *err)
{
    WebPData data = {bytes, size};
    WebPChunkIterator chunk;
    loam_status s = LOAM_OK;
    *orientation = 1;
    WebPDemuxer *demuxer = WebPDemux(&data);
    if (demuxer && WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk)) {
        s = loam_exif_read(chunk.chunk.bytes, chunk.chunk.size, orientation, texts, err);
        WebPDemuxReleaseChunkIterator(&chunk);
    }
    WebPDemuxDelete(demuxer);
    return s;
}

loam_status loam_webp_read(const void *bytes, size_t size, loam_picture **out, loam_picture_texts *texts, loam_err *err)
{
    WebPBitstreamFeatures f;
    int orientation;
    *out = NULL;
    LOAM_TRY(get_features(bytes, size, &f, err));
    loam_status s;
    if (f.has_animation) {
        first_frame first = {NULL, f.has_alpha != 0};
        s = loam_webp_read_frames(bytes, size, keep_first, &first, err);
        if (s == LOAM_STATUS_CANCELLED && first.copy)
            s = LOAM_OK;
        else if (s == LOAM_OK)
            s = fail_read(VP8_STATUS_BITSTREAM_ERROR, err);
        *out = first.copy;
    } else {
        s = read_still(bytes, size, f.has_alpha != 0, f.width, f.height, out, err);
    }
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

static loam_status make_config(int quality, WebPConfig *config, loam_err *err)
{
    if (quality < 0 || quality > 100)
        LOAM_FAIL(err, INVALID, "the quality of a WebP is 1 to 100, or 0 for lossless; not %d", quality);
    if (!WebPConfigInit(config))
        LOAM_FAIL(err, INTERNAL, "libwebp is of another version than Loam was built for");
    config->thread_level = 0; /* the same bytes on every machine */
    if (quality == 0) {
        config->exact = 1; /* colours under full transparency stay */
        if (!WebPConfigLosslessPreset(config, LOSSLESS_EFFORT))
            LOAM_FAIL(err, INTERNAL, "libwebp refuses its own lossless settings");
    } else {
        config->quality = (float)quality;
        config->method = LOSSY_EFFORT;
    }
    return LOAM_OK;
}

static loam_status check_side(int width, int height, loam_err *err)
{
    LOAM_TRY(loam_picture_check_size((uint64_t)width, (uint64_t)height, err));
    if (width > WEBP_MAX_DIMENSION || height > WEBP_MAX_DIMENSION)
        LOAM_FAIL(err, TOO_LARGE, "a WebP has at most %d pixels a side, the picture has %d by %d: write a PNG",
                  WEBP_MAX_DIMENSION, width, height);
    return LOAM_OK;
}

static loam_status import(const loam_picture *p, WebPPicture *wp, loam_err *err)
{
    wp->use_argb = 1;
    wp->width = p->width;
    wp->height = p->height;
    int stride = (int)loam_picture_row_bytes(p);
    if (!(p->channels == 4 ? WebPPictureImportRGBA : WebPPictureImportRGB)(wp, p->pixels, stride))
        LOAM_FAIL(err, NO_MEMORY, "no memory to write a WebP of %d by %d pixels", p->width, p->height);
    return LOAM_OK;
}

static int append(const uint8_t *bytes, size_t n, const WebPPicture *wp)
{
    return loam_buf_add(wp->custom_ptr, bytes, n);
}

/* Appends the file with an EXIF chunk put into it, or as it is without parameters. */
static loam_status assemble(const WebPData *file, const char *parameters, loam_buf *out, loam_err *err)
{
    loam_status s = LOAM_OK;
    WebPData with = {NULL, 0};
    if (parameters && parameters[0]) {
        loam_buf exif;
        loam_buf_init(&exif, 64 << 20);
        s = loam_exif_write(parameters, &exif, err);
        if (s == LOAM_OK) {
            WebPMux *mux = WebPMuxCreate(file, 0);
            WebPData chunk = {(const uint8_t *)exif.data, exif.len};
            if (!mux || WebPMuxSetChunk(mux, "EXIF", &chunk, 0) != WEBP_MUX_OK ||
                WebPMuxAssemble(mux, &with) != WEBP_MUX_OK)
                s = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__,
                                 "no memory to put the text of its making into a WebP");
            WebPMuxDelete(mux);
        }
        loam_buf_deinit(&exif);
        file = &with;
    }
    if (s == LOAM_OK && !loam_buf_add(out, file->bytes, file->size))
        s = loam_err_set(err, LOAM_STATUS_TOO_LARGE, __FILE__, __LINE__,
                         "the WebP needs more than %zu bytes, or there is no memory for it", out->max);
    WebPDataClear(&with);
    return s;
}

static loam_status encode(const loam_picture *p, const WebPConfig *config, WebPPicture *wp, loam_buf *file,
                          loam_err *err)
{
    LOAM_TRY(import(p, wp, err));
    wp->writer = append;
    wp->custom_ptr = file;
    if (!WebPEncode(config, wp))
        LOAM_FAIL(err, NO_MEMORY, "cannot write the WebP: libwebp's error %d, mostly want of memory", wp->error_code);
    return LOAM_OK;
}

loam_status loam_webp_write(const loam_picture *p, const char *parameters, int quality, loam_buf *out, loam_err *err)
{
    WebPConfig config;
    WebPPicture wp;
    LOAM_TRY(check_side(p->width, p->height, err));
    LOAM_TRY(make_config(quality, &config, err));
    if (!WebPPictureInit(&wp))
        LOAM_FAIL(err, INTERNAL, "libwebp is of another version than Loam was built for");
    loam_buf file;
    size_t had = out->len;
    loam_buf_init(&file, LOAM_PICTURE_MAX_BYTES);
    loam_status s = encode(p, &config, &wp, &file, err);
    WebPPictureFree(&wp);
    if (s == LOAM_OK) {
        const WebPData data = {(const uint8_t *)file.data, file.len};
        s = assemble(&data, parameters, out, err);
    }
    loam_buf_deinit(&file);
    if (s != LOAM_OK)
        loam_buf_truncate(out, had);
    return s;
}

/* ---- animations ---- */

struct loam_webp_clip {
    WebPAnimEncoder *encoder;
    WebPConfig config;
    int width, height, fps_num, fps_den;
    int n; /* frames so far */
};

loam_status loam_webp_clip_new(int width, int height, int fps_num, int fps_den, int quality, loam_webp_clip **out,
                               loam_err *err)
{
    WebPAnimEncoderOptions options;
    WebPConfig config;
    *out = NULL;
    LOAM_TRY(check_side(width < 0 ? 0 : width, height < 0 ? 0 : height, err));
    LOAM_TRY(make_config(quality, &config, err));
    if (fps_num < 1 || fps_den < 1 || fps_num / fps_den > 1000)
        LOAM_FAIL(err, INVALID, "%d/%d is no rate of pictures per second that a WebP can have: above 0, at most 1000",
                  fps_num, fps_den);
    if (!WebPAnimEncoderOptionsInit(&options))
        LOAM_FAIL(err, INTERNAL, "libwebp is of another version than Loam was built for");
    options.anim_params.loop_count = 0; /* for ever */
    loam_webp_clip *c = calloc(1, sizeof *c);
    if (c)
        c->encoder = WebPAnimEncoderNew(width, height, &options);
    if (!c || !c->encoder) {
        free(c);
        LOAM_FAIL(err, NO_MEMORY, "no memory for a WebP clip of %d by %d pixels", width, height);
    }
    c->config = config;
    c->width = width;
    c->height = height;
    c->fps_num = fps_num;
    c->fps_den = fps_den;
    *out = c;
    return LOAM_OK;
}

/* When frame i begins. */
static int64_t time_ms(const loam_webp_clip *c, int i)
{
    return ((int64_t)i * 1000 * c->fps_den + c->fps_num / 2) / c->fps_num;
}

loam_status loam_webp_clip_add(loam_webp_clip *c, const loam_picture *frame, loam_err *err)
{
    WebPPicture wp;
    if (frame->width != c->width || frame->height != c->height)
        LOAM_FAIL(err, INVALID, "a picture of %d by %d pixels does not fit a clip of %d by %d", frame->width,
                  frame->height, c->width, c->height);
    if (c->n == INT_MAX || time_ms(c, c->n + 1) > INT_MAX)
        LOAM_FAIL(err, TOO_LARGE, "a WebP clip cannot be longer than 24 days");
    if (!WebPPictureInit(&wp))
        LOAM_FAIL(err, INTERNAL, "libwebp is of another version than Loam was built for");
    loam_status s = import(frame, &wp, err);
    if (s == LOAM_OK && !WebPAnimEncoderAdd(c->encoder, &wp, (int)time_ms(c, c->n), &c->config))
        s = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "cannot add a picture to the WebP: %s",
                         WebPAnimEncoderGetError(c->encoder));
    WebPPictureFree(&wp);
    if (s == LOAM_OK)
        c->n++;
    return s;
}

loam_status loam_webp_clip_write(loam_webp_clip *c, const char *parameters, loam_buf *out, loam_err *err)
{
    WebPData file = {NULL, 0};
    size_t had = out->len;
    if (c->n == 0)
        LOAM_FAIL(err, INVALID, "a clip needs at least one picture");
    loam_status s;
    if (!WebPAnimEncoderAdd(c->encoder, NULL, (int)time_ms(c, c->n), NULL) ||
        !WebPAnimEncoderAssemble(c->encoder, &file))
        s = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "cannot write the WebP clip: %s",
                         WebPAnimEncoderGetError(c->encoder));
    else
        s = assemble(&file, parameters, out, err);
    WebPDataClear(&file);
    if (s != LOAM_OK)
        loam_buf_truncate(out, had);
    return s;
}

void loam_webp_clip_free(loam_webp_clip *c)
{
    if (!c)
        return;
    WebPAnimEncoderDelete(c->encoder);
    free(c);
}
