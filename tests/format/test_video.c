/* Clips: made by Loam, looked at by ffprobe and decoded by ffmpeg. Colours are compared with BT.709's formula. */
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "format/clip.h"
#include "format/video.h"
#include "format_test.h"
#include "tool.h"

#define ASSERT_OK(expr)               \
    do {                              \
        loam_err err = LOAM_ERR_INIT; \
        if ((expr) != LOAM_OK)        \
            fail_msg("%s", err.msg);  \
    } while (0)
#define ASSERT_FAILS(expr, CODE, text)                \
    do {                                              \
        loam_err err = LOAM_ERR_INIT;                 \
        assert_int_equal((expr), LOAM_STATUS_##CODE); \
        assert_says(&err, text);                      \
    } while (0)

static const char comment[] = "ein Wal über 雲 🐋, sea\nNegative prompt: land\nSteps: 4, Sampler: Euler, Seed: 5";

/* Frame i of a moving gradient. */
static loam_picture *paint(int w, int h, int channels, int i)
{
    loam_picture *p;
    ASSERT_OK(loam_picture_new(w, h, channels, &p, &err));
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            uint8_t *q = p->pixels + ((size_t)y * (size_t)w + (size_t)x) * (size_t)channels;
            q[0] = (uint8_t)(x * 255 / w);
            q[1] = (uint8_t)(y * 255 / h);
            q[2] = (uint8_t)(40 + i * 16);
            if (channels == 4)
                q[3] = (uint8_t)(x & 255);
        }
    return p;
}

static void make(const loam_video_options *o, int n, int channels, loam_buf *out)
{
    loam_video *v;
    loam_buf_init(out, 64 << 20);
    ASSERT_OK(loam_video_new(o, &v, &err));
    for (int i = 0; i < n; i++) {
        loam_picture *p = paint(o->width, o->height, channels, i);
        ASSERT_OK(loam_video_add(v, p, &err));
        loam_picture_free(p);
    }
    ASSERT_OK(loam_video_write(v, out, &err));
    loam_video_free(v);
}

static void save(const char *path, const loam_buf *b)
{
    loam_file_writer *w;
    ASSERT_OK(loam_file_writer_open(path, &w, &err));
    ASSERT_OK(loam_file_writer_write(w, b->data, b->len, &err));
    ASSERT_OK(loam_file_writer_commit(w, &err));
}

static void need(loam_video_codec codec)
{
    loam_err err = LOAM_ERR_INIT;
    if (!loam_video_can_write(codec, &err)) {
        print_message("# %s\n", err.msg);
        skip();
    }
}

static void assert_field(const char *said, const char *line)
{
    if (!strstr(said, line))
        fail_msg("ffprobe does not say '%s' but:\n%s", line, said);
}

static void probe(loam_video_codec codec, const char *name, int w, int h, int seen_w, int seen_h)
{
    const loam_video_options o = {.width = w, .height = h, .fps_num = 16, .codec = codec, .comment = comment};
    loam_buf b, again;
    char line[64];
    need(codec);
    make(&o, 9, 3, &b);
    make(&o, 9, 3, &again);
    assert_int_equal(b.len, again.len);
    assert_memory_equal(b.data, again.data, b.len); /* the same bytes */
    assert_true((char *)memmem(b.data, b.len, "moov", 4) < (char *)memmem(b.data, b.len, "mdat", 4)); /* faststart */
    if (tool_exists("ffprobe")) {
        save(tool_path("a.mp4"), &b);
        char *said =
            tool_output(NULL, "ffprobe -v error -count_frames -show_streams -show_format %s", tool_path("a.mp4"));
        assert_field(said, name);
        snprintf(line, sizeof line, "\nwidth=%d\n", seen_w);
        assert_field(said, line);
        snprintf(line, sizeof line, "\nheight=%d\n", seen_h);
        assert_field(said, line);
        assert_field(said, "\npix_fmt=yuv420p\n");
        assert_field(said, "\ncolor_range=tv\n");
        assert_field(said, "\ncolor_space=bt709\n");
        assert_field(said, "\ncolor_transfer=bt709\n");
        assert_field(said, "\ncolor_primaries=bt709\n");
        assert_field(said, "\nr_frame_rate=16/1\n");
        assert_field(said, "\navg_frame_rate=16/1\n");
        assert_field(said, "\nnb_frames=9\n");
        assert_field(said, "\nnb_read_frames=9\n");
        assert_field(said, "\nduration=0.562500\n"); /* 9/16 s: the last frame is seen as long as the others */
        assert_field(said, "\nstart_time=0.000000\n");
        assert_field(said, "TAG:comment=ein Wal über 雲 🐋, sea\nNegative prompt: land\nSteps: 4");
        assert_null(strstr(said, "creation_time"));
        free(said);
        tool_folder_remove();
    }
    loam_buf_deinit(&b);
    loam_buf_deinit(&again);
}

static void h264(void **state)
{
    probe(LOAM_VIDEO_H264, "codec_name=h264", 64, 48, 64, 48);
}
static void av1(void **state)
{
    probe(LOAM_VIDEO_AV1, "codec_name=av1", 96, 64, 96, 64);
}
static void odd_sides(void **state)
{
    probe(LOAM_VIDEO_H264, "codec_name=h264", 67, 33, 68, 34);
}

/* The frames of an MP4 in memory as ffmpeg decodes them. */
static uint8_t *decode(const loam_buf *b, const char *pix_fmt, size_t *n)
{
    save(tool_path("a.mp4"), b);
    char *raw =
        tool_output(n, "ffmpeg -v error -i %s -vf scale=flags=accurate_rnd+full_chroma_int -f rawvideo -pix_fmt %s -",
                    tool_path("a.mp4"), pix_fmt);
    tool_folder_remove();
    return (uint8_t *)raw;
}

/* Plain frames: what is in the file is what BT.709 says, in limited range, in the middle and at the edges. */
static void colours(void **state)
{
    static const uint8_t rgb[][3] = {{0, 0, 0},   {255, 255, 255}, {255, 0, 0},   {0, 255, 0},
                                     {0, 0, 255}, {128, 128, 128}, {200, 100, 50}};
    enum { W = 36, H = 20, N = sizeof rgb / sizeof *rgb, FRAME = W * H * 3 / 2 };
    const loam_video_options o = {.width = W, .height = H, .fps_num = 8, .crf = 1};
    loam_video *v;
    loam_buf b;
    size_t n;
    need(LOAM_VIDEO_H264);
    if (!tool_exists("ffmpeg"))
        skip();
    loam_buf_init(&b, 8 << 20);
    ASSERT_OK(loam_video_new(&o, &v, &err));
    for (int i = 0; i < N; i++) {
        loam_picture *p;
        ASSERT_OK(loam_picture_new(W, H, 3 + i % 2, &p, &err));
        for (int k = 0; k < W * H; k++)
            memcpy(p->pixels + (size_t)k * (size_t)p->channels, rgb[i], 3);
        ASSERT_OK(loam_video_add(v, p, &err));
        loam_picture_free(p);
    }
    ASSERT_OK(loam_video_write(v, &b, &err));
    loam_video_free(v);
    uint8_t *raw = decode(&b, "yuv420p", &n);
    assert_int_equal(n, N * FRAME);
    for (int i = 0; i < N; i++) {
        double r = rgb[i][0] / 255.0, g = rgb[i][1] / 255.0, bl = rgb[i][2] / 255.0;
        double y = 0.2126 * r + 0.7152 * g + 0.0722 * bl;
        double want[3] = {16 + 219 * y, 128 + 224 * (bl - y) / 1.8556, 128 + 224 * (r - y) / 1.5748};
        const uint8_t *f = raw + (size_t)i * FRAME;
        for (int k = 0; k < FRAME; k++) {
            int plane = k < W * H ? 0 : k < W * H * 5 / 4 ? 1 : 2;
            if (fabs(f[k] - want[plane]) > 1.6)
                fail_msg("colour %d, plane %d, sample %d is %d, should be %.1f", i, plane, k, f[k], want[plane]);
        }
    }
    free(raw);
    loam_buf_deinit(&b);
}

/* Frames come out as they went in, in order, and an odd side loses nothing: the added column repeats the last. */
static void pixels(void **state)
{
    enum { W = 63, H = 31, N = 12 };
    const loam_video_options o = {.width = W, .height = H, .fps_num = 30000, .fps_den = 1001, .crf = 1};
    loam_buf b;
    size_t n;
    need(LOAM_VIDEO_H264);
    if (!tool_exists("ffmpeg"))
        skip();
    make(&o, N, 4, &b);
    uint8_t *raw = decode(&b, "rgb24", &n);
    assert_int_equal(n, N * (W + 1) * (H + 1) * 3);
    for (int i = 0; i < N; i++) {
        loam_picture *p = paint(W, H, 3, i);
        double sum = 0;
        for (int y = 0; y <= H; y++)
            for (int x = 0; x <= W; x++)
                for (int c = 0; c < 3; c++) {
                    int sx = x < W ? x : W - 1, sy = y < H ? y : H - 1;
                    int d = raw[(((size_t)i * (H + 1) + (size_t)y) * (W + 1) + (size_t)x) * 3 + (size_t)c] -
                            p->pixels[((size_t)sy * W + (size_t)sx) * 3 + (size_t)c];
                    if (abs(d) > 8)
                        fail_msg("frame %d, (%d, %d), channel %d is off by %d", i, x, y, c, d);
                    sum += abs(d);
                }
        assert_true(sum / ((W + 1) * (H + 1) * 3) < 1.5);
        loam_picture_free(p);
    }
    free(raw);
    loam_buf_deinit(&b);
}

static void refuses(void **state)
{
    loam_video *v;
    loam_buf b;
    const loam_video_options good = {.width = 64, .height = 64, .fps_num = 8};
    need(LOAM_VIDEO_H264);
    loam_video_options o = good;
    o.width = 0;
    ASSERT_FAILS(loam_video_new(&o, &v, &err), TOO_LARGE, "0 by 64");
    o = good;
    o.height = 20000;
    ASSERT_FAILS(loam_video_new(&o, &v, &err), TOO_LARGE, "64 by 20000");
    o = good;
    o.fps_num = 0;
    ASSERT_FAILS(loam_video_new(&o, &v, &err), INVALID, "0/1 is no number of frames per second");
    o = good;
    o.crf = 52;
    ASSERT_FAILS(loam_video_new(&o, &v, &err), INVALID, "1, best, to 51; not 52");
    o = good;
    o.codec = (loam_video_codec)7;
    ASSERT_FAILS(loam_video_new(&o, &v, &err), INVALID, "H.264 or AV1");
    loam_buf_init(&b, 100);
    ASSERT_OK(loam_video_new(&good, &v, &err));
    ASSERT_FAILS(loam_video_write(v, &b, &err), INVALID, "at least one picture");
    loam_picture *p = paint(64, 63, 3, 0);
    ASSERT_FAILS(loam_video_add(v, p, &err), INVALID, "64 by 63 pixels does not fit");
    loam_picture_free(p);
    p = paint(64, 64, 3, 0);
    ASSERT_OK(loam_video_add(v, p, &err));
    ASSERT_FAILS(loam_video_write(v, &b, &err), TOO_LARGE, "100 are allowed");
    assert_int_equal(b.len, 0);
    ASSERT_FAILS(loam_video_add(v, p, &err), INVALID, "has been ended");
    loam_video_free(v);
    ASSERT_OK(loam_video_new(&good, &v, &err)); /* given up half-way */
    ASSERT_OK(loam_video_add(v, p, &err));
    loam_video_free(v);
    loam_picture_free(p);
    loam_buf_deinit(&b);
    if (loam_video_can_write(LOAM_VIDEO_AV1, NULL)) {
        o = good;
        o.codec = LOAM_VIDEO_AV1;
        o.width = 62;
        ASSERT_FAILS(loam_video_new(&o, &v, &err), INVALID, "at least 64 pixels");
    }
}

/* ---- by name ---- */

static void write_clip(const char *name, int n)
{
    const loam_clip_options o = {.width = 32, .height = 24, .fps_num = 8, .parameters = comment};
    loam_clip *c;
    ASSERT_OK(loam_clip_open(tool_path(name), &o, &c, &err));
    for (int i = 0; i < n; i++) {
        loam_picture *p = paint(32, 24, 3, i);
        ASSERT_OK(loam_clip_add(c, p, &err));
        loam_picture_free(p);
    }
    ASSERT_OK(loam_clip_close(c, &err));
}

static void sequence(void **state)
{
    loam_picture *p;
    loam_picture_texts texts = {0};
    write_clip("f%04d.png", 11);
    ASSERT_OK(loam_picture_read_file(tool_path("f0011.png"), &p, &texts, &err));
    loam_picture *want = paint(32, 24, 3, 10);
    assert_memory_equal(p->pixels, want->pixels, loam_picture_bytes(want));
    assert_string_equal(loam_picture_texts_get(&texts, LOAM_PICTURE_PARAMETERS), comment);
    loam_picture_free(p);
    loam_picture_free(want);
    loam_picture_texts_deinit(&texts);
    assert_int_equal(access(tool_path("f0001.png"), F_OK), 0);
    assert_int_not_equal(access(tool_path("f0000.png"), F_OK), 0);
    assert_int_not_equal(access(tool_path("f0012.png"), F_OK), 0);
    write_clip("g%d.webp", 2);
    assert_int_equal(access(tool_path("g2.webp"), F_OK), 0);
    tool_folder_remove();
}

static void by_name(void **state)
{
    loam_clip *c;
    const loam_clip_options o = {.width = 32, .height = 24, .fps_num = 8};
    write_clip("a.webp", 3);
    if (tool_exists("webpmux")) {
        char *said = tool_output(NULL, "webpmux -info %s", tool_path("a.webp"));
        assert_non_null(strstr(said, "Number of frames: 3"));
        free(said);
    }
    static const char *const bad[] = {"a.gif",   "a.png", "mp4",    "a%s.png",     "a%d%d.png", "a%05x.png",
                                      "a%d.gif", "a%",    "%n.png", "a%1000d.png", "a%-4d.png"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ASSERT_FAILS(loam_clip_open(bad[i], &o, &c, &err), INVALID, "does not say what clip to write");
        assert_null(c);
    }
    /* nothing is left of a clip that was given up or that has no frames */
    ASSERT_OK(loam_clip_open(tool_path("b.webp"), &o, &c, &err));
    loam_clip_abort(c);
    ASSERT_OK(loam_clip_open(tool_path("b.webp"), &o, &c, &err));
    ASSERT_FAILS(loam_clip_close(c, &err), INVALID, "at least one picture");
    assert_int_not_equal(access(tool_path("b.webp"), F_OK), 0);
    if (loam_video_can_write(LOAM_VIDEO_H264, NULL)) {
        write_clip("a.MP4", 2);
        assert_int_equal(access(tool_path("a.MP4"), F_OK), 0);
    }
    tool_folder_remove();
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(h264),   cmocka_unit_test(av1),     cmocka_unit_test(odd_sides), cmocka_unit_test(colours),
    cmocka_unit_test(pixels), cmocka_unit_test(refuses), cmocka_unit_test(sequence),  cmocka_unit_test(by_name)};

test_list video_tests(void)
{
    return TEST_LIST(tests);
}
