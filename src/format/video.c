#define _GNU_SOURCE
#include "format/video.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>

/* ---- the libraries ----
 * They bring more than a hundred others into a process, 20 ms and 25 MB, so they come with the first clip and not with
 * the program. The versions are those of the headers: structs are shared with them. */

#define SO_NAME(lib, major) "lib" lib ".so." AV_STRINGIFY(major)

enum { AVUTIL, SWSCALE, AVCODEC, AVFORMAT, N_LIBRARIES };
static const char *const library_names[N_LIBRARIES] = {
    SO_NAME("avutil", LIBAVUTIL_VERSION_MAJOR), SO_NAME("swscale", LIBSWSCALE_VERSION_MAJOR),
    SO_NAME("avcodec", LIBAVCODEC_VERSION_MAJOR), SO_NAME("avformat", LIBAVFORMAT_VERSION_MAJOR)};

#define FUNCTIONS(X)                            \
    X(AVUTIL, av_dict_set)                      \
    X(AVUTIL, av_dict_free)                     \
    X(AVUTIL, av_frame_alloc)                   \
    X(AVUTIL, av_frame_free)                    \
    X(AVUTIL, av_frame_get_buffer)              \
    X(AVUTIL, av_frame_make_writable)           \
    X(AVUTIL, av_free)                          \
    X(AVUTIL, av_log_set_callback)              \
    X(AVUTIL, av_malloc)                        \
    X(AVUTIL, av_opt_set_int)                   \
    X(AVUTIL, av_strerror)                      \
    X(SWSCALE, sws_alloc_context)               \
    X(SWSCALE, sws_freeContext)                 \
    X(SWSCALE, sws_getCoefficients)             \
    X(SWSCALE, sws_init_context)                \
    X(SWSCALE, sws_scale)                       \
    X(SWSCALE, sws_setColorspaceDetails)        \
    X(AVCODEC, av_packet_alloc)                 \
    X(AVCODEC, av_packet_free)                  \
    X(AVCODEC, av_packet_rescale_ts)            \
    X(AVCODEC, avcodec_alloc_context3)          \
    X(AVCODEC, avcodec_find_encoder_by_name)    \
    X(AVCODEC, avcodec_free_context)            \
    X(AVCODEC, avcodec_open2)                   \
    X(AVCODEC, avcodec_parameters_from_context) \
    X(AVCODEC, avcodec_receive_packet)          \
    X(AVCODEC, avcodec_send_frame)              \
    X(AVFORMAT, av_interleaved_write_frame)     \
    X(AVFORMAT, av_write_trailer)               \
    X(AVFORMAT, avformat_alloc_output_context2) \
    X(AVFORMAT, avformat_free_context)          \
    X(AVFORMAT, avformat_new_stream)            \
    X(AVFORMAT, avformat_write_header)          \
    X(AVFORMAT, avio_alloc_context)             \
    X(AVFORMAT, avio_context_free)              \
    X(AVFORMAT, avio_flush)

/* Filled once by load(), read-only afterwards. */
static struct {
#define X(lib, name) __typeof__(&name) name;
    FUNCTIONS(X)
#undef X
    char missing[200]; /* what could not be loaded, or "" */
} av;

/* What the libraries complained about last on this thread: their error codes alone say little. */
static _Thread_local char complaint[160];

static void keep_complaint(void *context, int level, const char *fmt, va_list ap)
{
    if (level > AV_LOG_ERROR)
        return;
    vsnprintf(complaint, sizeof complaint, fmt, ap);
    complaint[strcspn(complaint, "\r\n")] = 0;
}

static void load(void)
{
    void *libraries[N_LIBRARIES];
    for (int i = 0; i < N_LIBRARIES; i++) {
        libraries[i] = dlopen(library_names[i], RTLD_NOW | RTLD_LOCAL);
        if (!libraries[i]) {
            snprintf(av.missing, sizeof av.missing, "%s", library_names[i]);
            return;
        }
    }
#define X(lib, name)                                                                                 \
    av.name = (__typeof__(av.name))dlsym(libraries[lib], #name);                                     \
    if (!av.name) {                                                                                  \
        snprintf(av.missing, sizeof av.missing, "the function " #name " of %s", library_names[lib]); \
        return;                                                                                      \
    }
    FUNCTIONS(X)
#undef X
    av.av_log_set_callback(keep_complaint);
    /* SVT-AV1 prints by itself, unless told before it begins. This is the one place that changes the environment, and
     * it does so once. */
    setenv("SVT_LOG", "0", 0);
}

static const struct codec {
    const char *encoder, *shown;
    int best_crf, worst_crf, own_crf;
    int min_side;
} codecs[] = {
    [LOAM_VIDEO_H264] = {"libx264", "H.264", 1, 51, 18, 2},
    [LOAM_VIDEO_AV1] = {"libsvtav1", "AV1", 1, 63, 30, 64},
};

static loam_status find_encoder(loam_video_codec codec, const AVCodec **out, loam_err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if ((int)codec < 0 || (size_t)codec >= sizeof codecs / sizeof *codecs)
        LOAM_FAIL(err, INVALID, "clips are written as H.264 or AV1");
    pthread_once(&once, load);
    if (av.missing[0])
        LOAM_FAIL(err, UNSUPPORTED,
                  "clips are made by FFmpeg's libraries, and %s is missing: install libavformat, or write an animated "
                  "WebP or PNG pictures",
                  av.missing);
    *out = av.avcodec_find_encoder_by_name(codecs[codec].encoder);
    if (!*out)
        LOAM_FAIL(err, UNSUPPORTED,
                  "this machine's libavcodec was built without %s, which writes %s: take the other codec, an animated "
                  "WebP or PNG pictures, or install a libavcodec that has it",
                  codecs[codec].encoder, codecs[codec].shown);
    return LOAM_OK;
}

bool loam_video_can_write(loam_video_codec codec, loam_err *err)
{
    const AVCodec *encoder;
    return find_encoder(codec, &encoder, err) == LOAM_OK;
}

/* ---- the file in memory ---- */

enum { IO_BUFFER = 1 << 16, MAX_FILE = 1 << 30 };

typedef struct reader {
    const loam_buf *file;
    size_t at;
} reader;

struct loam_video {
    int width, height; /* as asked for */
    loam_buf file;
    size_t at; /* where the muxer writes next */
    AVFormatContext *muxer;
    AVIOContext *io;
    AVStream *stream;
    AVCodecContext *encoder;
    AVFrame *rgb, *yuv; /* of even sides */
    AVPacket *packet;
    struct SwsContext *convert;
    int64_t n; /* frames so far */
    bool ended;
};

#if LIBAVFORMAT_VERSION_MAJOR >= 61
typedef const uint8_t io_byte;
#else
typedef uint8_t io_byte;
#endif

static int io_write(void *opaque, io_byte *bytes, int n)
{
    loam_video *v = opaque;
    static const char zeros[4096];
    while (v->at > v->file.len) { /* the muxer went past the end: it makes room for an index larger than the data */
        size_t gap = v->at - v->file.len;
        if (!loam_buf_add(&v->file, zeros, gap < sizeof zeros ? gap : sizeof zeros))
            return AVERROR(ENOMEM);
    }
    size_t inside = v->file.len - v->at, over = (size_t)n < inside ? (size_t)n : inside;
    if (!loam_buf_add(&v->file, bytes + over, (size_t)n - over))
        return AVERROR(ENOMEM);
    memcpy(v->file.data + v->at, bytes, over);
    v->at += (size_t)n;
    return n;
}

static int64_t io_seek_to(size_t len, size_t *at, int64_t offset, int whence)
{
    if (whence & AVSEEK_SIZE)
        return (int64_t)len;
    whence &= ~AVSEEK_FORCE;
    int64_t to = offset + (whence == SEEK_CUR ? (int64_t)*at : whence == SEEK_END ? (int64_t)len : 0);
    if (to < 0 || to > MAX_FILE)
        return AVERROR(EINVAL);
    *at = (size_t)to;
    return to;
}

static int64_t io_seek(void *opaque, int64_t offset, int whence)
{
    loam_video *v = opaque;
    return io_seek_to(v->file.len, &v->at, offset, whence);
}

static int io_read(void *opaque, uint8_t *bytes, int n)
{
    reader *r = opaque;
    size_t left = r->at < r->file->len ? r->file->len - r->at : 0, take = (size_t)n < left ? (size_t)n : left;
    if (take == 0)
        return AVERROR_EOF;
    memcpy(bytes, r->file->data + r->at, take);
    r->at += take;
    return (int)take;
}

static int64_t io_seek_reader(void *opaque, int64_t offset, int whence)
{
    reader *r = opaque;
    return io_seek_to(r->file->len, &r->at, offset, whence);
}

/* libavformat owns the buffer from here on and may replace it. */
static AVIOContext *new_io(void *opaque, bool write)
{
    unsigned char *buffer = av.av_malloc(IO_BUFFER);
    if (!buffer)
        return NULL;
    AVIOContext *io = av.avio_alloc_context(buffer, IO_BUFFER, write, opaque, write ? NULL : io_read,
                                            write ? io_write : NULL, write ? io_seek : io_seek_reader);
    if (!io)
        av.av_free(buffer);
    return io;
}

static void free_io(AVIOContext *io)
{
    if (io)
        av.av_free(io->buffer);
    av.avio_context_free(&io);
}

/* To put the index before the data, the muxer opens its own output again for reading. */
static int open_again(AVFormatContext *muxer, AVIOContext **io, const char *url, int flags, AVDictionary **options)
{
    loam_video *v = muxer->opaque;
    if (flags & AVIO_FLAG_WRITE)
        return AVERROR(EPERM);
    reader *r = calloc(1, sizeof *r);
    if (!r)
        return AVERROR(ENOMEM);
    r->file = &v->file;
    *io = new_io(r, false);
    if (!*io) {
        free(r);
        return AVERROR(ENOMEM);
    }
    return 0;
}

static int close_again(AVFormatContext *muxer, AVIOContext *io)
{
    free(io->opaque);
    free_io(io);
    return 0;
}

/* ---- a clip ---- */

static loam_status fail(int code, const char *what, loam_err *err)
{
    char why[AV_ERROR_MAX_STRING_SIZE] = "";
    if (code == AVERROR(ENOMEM))
        LOAM_FAIL(err, NO_MEMORY, "no memory to %s", what);
    av.av_strerror(code, why, sizeof why);
    LOAM_FAIL(err, INTERNAL, "cannot %s: %s%s%s", what, why, complaint[0] ? ": " : "", complaint);
}

static loam_status check_options(const loam_video_options *o, loam_err *err)
{
    const struct codec *c = &codecs[o->codec];
    LOAM_TRY(
        loam_picture_check_size(o->width < 0 ? 0 : (uint64_t)o->width, o->height < 0 ? 0 : (uint64_t)o->height, err));
    if (o->width < c->min_side || o->height < c->min_side)
        LOAM_FAIL(err, INVALID, "a clip in %s has at least %d pixels a side, not %d by %d", c->shown, c->min_side,
                  o->width, o->height);
    int den = o->fps_den ? o->fps_den : 1;
    if (o->fps_num < 1 || den < 1 || o->fps_num > 1000000 || den > 1000000 || o->fps_num / den > 1000)
        LOAM_FAIL(err, INVALID, "%d/%d is no number of frames per second: above 0, at most 1000", o->fps_num, den);
    if (o->crf != 0 && (o->crf < c->best_crf || o->crf > c->worst_crf))
        LOAM_FAIL(err, INVALID, "the quality (crf) of %s is %d, best, to %d; not %d", c->shown, c->best_crf,
                  c->worst_crf, o->crf);
    return LOAM_OK;
}

static loam_status open_encoder(loam_video *v, const loam_video_options *o, const AVCodec *codec, loam_err *err)
{
    AVCodecContext *e = v->encoder = av.avcodec_alloc_context3(codec);
    if (!e)
        return fail(AVERROR(ENOMEM), "make a clip", err);
    e->width = (o->width + 1) & ~1;
    e->height = (o->height + 1) & ~1;
    e->framerate = (AVRational){o->fps_num, o->fps_den ? o->fps_den : 1};
    e->time_base = (AVRational){e->framerate.den, e->framerate.num};
    e->pix_fmt = AV_PIX_FMT_YUV420P;
    e->color_range = AVCOL_RANGE_MPEG;
    e->colorspace = AVCOL_SPC_BT709;
    e->color_primaries = AVCOL_PRI_BT709;
    e->color_trc = AVCOL_TRC_BT709;
    e->chroma_sample_location = AVCHROMA_LOC_LEFT;
    e->flags |= AV_CODEC_FLAG_BITEXACT | AV_CODEC_FLAG_GLOBAL_HEADER;
    e->thread_count = 1; /* x264 decides differently with more: the bytes would depend on the machine */
    AVDictionary *options = NULL;
    char crf[16];
    snprintf(crf, sizeof crf, "%d", o->crf ? o->crf : codecs[o->codec].own_crf);
    av.av_dict_set(&options, "crf", crf, 0);
    if (o->codec == LOAM_VIDEO_H264) {
        av.av_dict_set(&options, "preset", "medium", 0);
    } else {
        av.av_dict_set(&options, "preset", "8", 0);
        av.av_dict_set(&options, "svtav1-params", "lp=1", 0);
    }
    int code = av.avcodec_open2(e, codec, &options);
    av.av_dict_free(&options);
    return code < 0 ? fail(code, "begin a clip", err) : LOAM_OK;
}

static loam_status open_muxer(loam_video *v, const char *comment, loam_err *err)
{
    int code = av.avformat_alloc_output_context2(&v->muxer, NULL, "mp4", "clip.mp4");
    if (code < 0)
        return fail(code, "make an MP4", err);
    v->io = new_io(v, true);
    v->stream = v->io ? av.avformat_new_stream(v->muxer, NULL) : NULL;
    if (!v->stream)
        return fail(AVERROR(ENOMEM), "make an MP4", err);
    v->muxer->pb = v->io;
    v->muxer->opaque = v;
    v->muxer->io_open = open_again;
    v->muxer->io_close2 = close_again;
    v->muxer->flags |= AVFMT_FLAG_BITEXACT | AVFMT_FLAG_CUSTOM_IO; /* no names of versions, no times */
    v->stream->time_base = v->encoder->time_base;
    v->stream->avg_frame_rate = v->encoder->framerate;
    code = av.avcodec_parameters_from_context(v->stream->codecpar, v->encoder);
    if (code >= 0 && comment && comment[0])
        code = av.av_dict_set(&v->muxer->metadata, "comment", comment, 0);
    AVDictionary *options = NULL;
    av.av_dict_set(&options, "movflags", "+faststart", 0);
    if (code >= 0)
        code = av.avformat_write_header(v->muxer, &options);
    av.av_dict_free(&options);
    return code < 0 ? fail(code, "begin an MP4", err) : LOAM_OK;
}

static AVFrame *new_frame(int width, int height, int format)
{
    AVFrame *f = av.av_frame_alloc();
    if (!f)
        return NULL;
    f->width = width;
    f->height = height;
    f->format = format;
    if (av.av_frame_get_buffer(f, 0) < 0)
        av.av_frame_free(&f);
    return f;
}

/* Full-range sRGB to limited BT.709; colour samples sit at the left of their pair, as the file says. */
static loam_status open_convert(loam_video *v, loam_err *err)
{
    int w = v->encoder->width, h = v->encoder->height;
    v->rgb = new_frame(w, h, AV_PIX_FMT_RGB24);
    v->yuv = new_frame(w, h, AV_PIX_FMT_YUV420P);
    v->packet = av.av_packet_alloc();
    struct SwsContext *c = v->convert = av.sws_alloc_context();
    if (!v->rgb || !v->yuv || !v->packet || !c)
        return fail(AVERROR(ENOMEM), "make a clip", err);
    v->yuv->color_range = AVCOL_RANGE_MPEG;
    v->yuv->colorspace = AVCOL_SPC_BT709;
    v->yuv->color_primaries = AVCOL_PRI_BT709;
    v->yuv->color_trc = AVCOL_TRC_BT709;
    v->yuv->chroma_location = AVCHROMA_LOC_LEFT;
    const struct {
        const char *name;
        int64_t value;
    } options[] = {{"srcw", w},
                   {"srch", h},
                   {"dstw", w},
                   {"dsth", h},
                   {"src_format", AV_PIX_FMT_RGB24},
                   {"dst_format", AV_PIX_FMT_YUV420P},
                   {"src_range", 1},
                   {"dst_range", 0},
                   {"dst_h_chr_pos", 0},
                   {"dst_v_chr_pos", 128},
                   {"sws_flags", SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INP | SWS_BITEXACT}};
    int code = 0;
    for (size_t i = 0; i < sizeof options / sizeof *options && code >= 0; i++)
        code = av.av_opt_set_int(c, options[i].name, options[i].value, 0);
    if (code >= 0)
        code = av.sws_init_context(c, NULL, NULL);
    const int *table = av.sws_getCoefficients(SWS_CS_ITU709);
    if (code >= 0)
        code = av.sws_setColorspaceDetails(c, table, 1, table, 0, 0, 1 << 16, 1 << 16);
    return code < 0 ? fail(code, "convert the colours of a clip", err) : LOAM_OK;
}

loam_status loam_video_new(const loam_video_options *o, loam_video **out, loam_err *err)
{
    const AVCodec *codec;
    *out = NULL;
    LOAM_TRY(find_encoder(o->codec, &codec, err));
    LOAM_TRY(check_options(o, err));
    loam_video *v = calloc(1, sizeof *v);
    if (!v)
        LOAM_FAIL(err, NO_MEMORY, "no memory to make a clip");
    complaint[0] = 0;
    v->width = o->width;
    v->height = o->height;
    loam_buf_init(&v->file, MAX_FILE);
    loam_status s = open_encoder(v, o, codec, err);
    if (s == LOAM_OK)
        s = open_convert(v, err);
    if (s == LOAM_OK)
        s = open_muxer(v, o->comment, err);
    if (s != LOAM_OK) {
        loam_video_free(v);
        return s;
    }
    *out = v;
    return LOAM_OK;
}

/* Gives the encoder a frame, or NULL at the end, and the muxer what comes out. */
static loam_status encode(loam_video *v, const AVFrame *frame, loam_err *err)
{
    complaint[0] = 0;
    int code = av.avcodec_send_frame(v->encoder, frame);
    while (code >= 0) {
        code = av.avcodec_receive_packet(v->encoder, v->packet);
        if (code == AVERROR(EAGAIN) || code == AVERROR_EOF)
            return LOAM_OK;
        if (code < 0)
            break;
        if (v->packet->duration == 0)
            v->packet->duration = 1; /* else nobody knows how long the last one is seen */
        av.av_packet_rescale_ts(v->packet, v->encoder->time_base, v->stream->time_base);
        v->packet->stream_index = v->stream->index;
        code = av.av_interleaved_write_frame(v->muxer, v->packet);
    }
    if (v->file.failed)
        LOAM_FAIL(err, TOO_LARGE, "the clip needs more than %d MiB, or there is no memory for it", MAX_FILE >> 20);
    return fail(code, "write the frames of a clip", err);
}

static void fill_rgb(const loam_video *v, const loam_picture *p)
{
    for (int y = 0; y < v->rgb->height; y++) {
        int sy = y < p->height ? y : p->height - 1;
        const uint8_t *from = p->pixels + (size_t)sy * loam_picture_row_bytes(p);
        uint8_t *to = v->rgb->data[0] + (ptrdiff_t)y * v->rgb->linesize[0];
        for (int x = 0; x < v->rgb->width; x++) {
            int sx = x < p->width ? x : p->width - 1;
            memcpy(to + (size_t)x * 3, from + (size_t)sx * (size_t)p->channels, 3);
        }
    }
}

loam_status loam_video_add(loam_video *v, const loam_picture *frame, loam_err *err)
{
    if (v->ended)
        LOAM_FAIL(err, INVALID, "the clip has been ended");
    if (frame->width != v->width || frame->height != v->height)
        LOAM_FAIL(err, INVALID, "a picture of %d by %d pixels does not fit a clip of %d by %d", frame->width,
                  frame->height, v->width, v->height);
    int code = av.av_frame_make_writable(v->yuv); /* the encoder may still hold the last one */
    if (code < 0)
        return fail(code, "make a frame of a clip", err);
    fill_rgb(v, frame);
    av.sws_scale(v->convert, (const uint8_t *const *)v->rgb->data, v->rgb->linesize, 0, v->rgb->height, v->yuv->data,
                 v->yuv->linesize);
    v->yuv->pts = v->n++;
    return encode(v, v->yuv, err);
}

loam_status loam_video_write(loam_video *v, loam_buf *out, loam_err *err)
{
    if (v->ended || v->n == 0)
        LOAM_FAIL(err, INVALID, v->ended ? "the clip has been ended" : "a clip needs at least one picture");
    v->ended = true;
    LOAM_TRY(encode(v, NULL, err));
    int code = av.av_write_trailer(v->muxer);
    av.avio_flush(v->io);
    if (code < 0 || v->io->error < 0 || v->file.failed)
        return fail(code < 0 ? code : AVERROR(ENOMEM), "end the clip", err);
    if (!loam_buf_add(out, v->file.data, v->file.len))
        LOAM_FAIL(err, TOO_LARGE, "the clip has %zu bytes; %zu are allowed", v->file.len, out->max);
    return LOAM_OK;
}

void loam_video_free(loam_video *v)
{
    if (!v)
        return;
    av.sws_freeContext(v->convert);
    av.av_packet_free(&v->packet);
    av.av_frame_free(&v->rgb);
    av.av_frame_free(&v->yuv);
    av.avcodec_free_context(&v->encoder);
    if (v->muxer)
        av.avformat_free_context(v->muxer);
    free_io(v->io);
    loam_buf_deinit(&v->file);
    free(v);
}
