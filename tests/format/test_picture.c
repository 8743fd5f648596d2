/* Picture files. What others wrote is compared with what Pillow read out of it (tests/golden/make/picture_files.py);
 * what Loam writes is read by ffmpeg and judged by pngcheck, webpinfo and webpmux. */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "format/base64.h"
#include "format/jpeg.h"
#include "format/json.h"
#include "format/picture.h"
#include "format/png.h"
#include "format/webp.h"
#include "format_test.h"
#include "tool.h"

#define ASSERT_OK(expr)               \
    do {                              \
        loam_err err = LOAM_ERR_INIT; \
        if ((expr) != LOAM_OK)        \
            fail_msg("%s", err.msg);  \
    } while (0)
#define ASSERT_FAILS(expr, CODE, text)                  \
    do {                                                \
        loam_err err = LOAM_ERR_INIT;                   \
        assert_int_equal((expr), LOAM_STATUS_##CODE);   \
        assert_int_equal(err.code, LOAM_STATUS_##CODE); \
        assert_says(&err, text);                        \
    } while (0)

static const char folder[] = "tests/golden/picture";

static char *golden(const char *name, size_t *n)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return read_root_file(path, n);
}

/* The pixels that Pillow read. */
static loam_picture *golden_raw(const char *name)
{
    char path[512];
    size_t n;
    loam_picture *p;
    snprintf(path, sizeof path, "%s.raw", name);
    char *raw = golden(path, &n), *s = raw;
    int size[3];
    for (int i = 0; i < 3; i++)
        size[i] = (int)strtol(s, &s, 10);
    ASSERT_OK(loam_picture_new(size[0], size[1], size[2], &p, &err));
    assert_int_equal(n - (size_t)(s + 1 - raw), loam_picture_bytes(p));
    memcpy(p->pixels, s + 1, loam_picture_bytes(p));
    free(raw);
    return p;
}

static void assert_same(const char *name, const loam_picture *got, const loam_picture *want, int tolerance)
{
    if (got->width != want->width || got->height != want->height || got->channels != want->channels)
        fail_msg("%s: %d x %d x %d, should be %d x %d x %d", name, got->width, got->height, got->channels, want->width,
                 want->height, want->channels);
    for (size_t i = 0; i < loam_picture_bytes(got); i++)
        if (abs(got->pixels[i] - want->pixels[i]) > tolerance)
            fail_msg("%s: byte %zu is %d, should be %d", name, i, got->pixels[i], want->pixels[i]);
}

/* A picture of soft colours; with_alpha: parts of it transparent. */
static loam_picture *paint(int w, int h, bool with_alpha)
{
    loam_picture *p;
    ASSERT_OK(loam_picture_new(w, h, with_alpha ? 4 : 3, &p, &err));
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            uint8_t *q = p->pixels + ((size_t)y * (size_t)w + (size_t)x) * (size_t)p->channels;
            q[0] = (uint8_t)(x * 255 / w);
            q[1] = (uint8_t)(y * 255 / h);
            q[2] = (uint8_t)((x + 2 * y) * 255 / (w + 2 * h));
            if (with_alpha)
                q[3] = (uint8_t)(255 - x * 255 / w);
        }
    return p;
}

/* ---- reading what others wrote ---- */

static void reads_as_pillow(void **state)
{
    DIR *dir = opendir(root_path(folder));
    assert_non_null(dir);
    int seen = 0;
    for (struct dirent *e; (e = readdir(dir));) {
        char name[256];
        size_t n, len = strlen(e->d_name);
        loam_picture *got;
        if (len < 5 || strcmp(e->d_name + len - 4, ".raw") != 0 ||
            (strncmp(e->d_name, "anim", 4) == 0 && e->d_name[4] != '.'))
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(len - 4), e->d_name);
        char *bytes = golden(name, &n);
        loam_err err = LOAM_ERR_INIT;
        if (loam_picture_read(bytes, n, &got, NULL, &err) != LOAM_OK)
            fail_msg("%s: %s", name, err.msg);
        loam_picture *want = golden_raw(name);
        /* inverse transforms may round differently between versions of the decoders */
        bool exact = strstr(name, ".png") || strstr(name, "lossless") || strstr(name, "anim");
        assert_same(name, got, want, exact ? 0 : strstr(name, "cmyk") ? 3 : 2);
        loam_picture_free(got);
        loam_picture_free(want);
        free(bytes);
        seen++;
    }
    closedir(dir);
    assert_true(seen > 35);
}

static void reads_texts(void **state)
{
    size_t n;
    json_t *all;
    const char *name, *key;
    json_t *want, *value;
    char *text = golden("texts.json", &n);
    ASSERT_OK(loam_json_parse(text, n, n, &all, &err));
    json_object_foreach(all, name, want)
    {
        loam_picture *p;
        loam_picture_texts texts = {0};
        char *bytes = golden(name, &n);
        ASSERT_OK(loam_picture_read(bytes, n, &p, &texts, &err));
        assert_int_equal(texts.n, json_object_size(want));
        json_object_foreach(want, key, value)
        {
            const char *got = loam_picture_texts_get(&texts, key);
            assert_non_null(got);
            assert_string_equal(got, json_string_value(value));
        }
        loam_picture_texts_deinit(&texts);
        loam_picture_free(p);
        free(bytes);
    }
    json_decref(all);
    free(text);
}

typedef struct frames {
    int n, ends_ms[8];
} frames;

static loam_status check_frame(void *ctx, const loam_picture *frame, int ends_ms, loam_err *err)
{
    frames *f = ctx;
    char name[32];
    snprintf(name, sizeof name, "anim%d.webp", f->n);
    loam_picture *want = golden_raw(name);
    assert_same(name, frame, want, 0);
    loam_picture_free(want);
    f->ends_ms[f->n++] = ends_ms;
    return LOAM_OK;
}

static loam_status refuse_frame(void *ctx, const loam_picture *frame, int ends_ms, loam_err *err)
{
    LOAM_FAIL(err, BUSY, "enough");
}

static void reads_animation(void **state)
{
    size_t n;
    frames f = {0};
    char *bytes = golden("anim.webp", &n);
    ASSERT_OK(loam_webp_read_frames(bytes, n, check_frame, &f, &err));
    assert_int_equal(f.n, 4);
    const int want[] = {100, 150, 220, 300};
    assert_memory_equal(f.ends_ms, want, sizeof want);
    ASSERT_FAILS(loam_webp_read_frames(bytes, n, refuse_frame, NULL, &err), BUSY, "enough");
    free(bytes);
}

static void refuses(void **state)
{
    size_t n;
    loam_picture *p;
    loam_picture_texts texts = {0};
    ASSERT_FAILS(loam_picture_read("GIF89a and more", 15, &p, &texts, &err), UNSUPPORTED, "PNG, JPEG and WebP");
    assert_null(p);
    ASSERT_FAILS(loam_picture_read("", 0, &p, &texts, &err), UNSUPPORTED, "PNG, JPEG and WebP");
    char *bytes = golden("bomb.png", &n);
    ASSERT_FAILS(loam_picture_read(bytes, n, &p, &texts, &err), TOO_LARGE, "more than 32 MiB");
    assert_null(p);
    assert_int_equal(texts.n, 0);
    free(bytes);

    ASSERT_FAILS(loam_picture_new(0, 5, 3, &p, &err), TOO_LARGE, "sides from 1 to 16384, at most 64 megapixels");
    ASSERT_FAILS(loam_picture_new(5, -1, 3, &p, &err), TOO_LARGE, "5 by 0");
    ASSERT_FAILS(loam_picture_new(16385, 1, 3, &p, &err), TOO_LARGE, "16385 by 1");
    ASSERT_FAILS(loam_picture_new(16384, 4097, 3, &p, &err), TOO_LARGE, "16384 by 4097");
    ASSERT_FAILS(loam_picture_new(4, 4, 1, &p, &err), INVALID, "not 1");

    /* sizes that a header claims, without the data: nothing may be allocated for them */
    static const uint8_t huge_png[] = {0x89, 'P',  'N',  'G', 13, 10,   26,   10, 0, 0, 0, 13, 'I',  'H',  'D',  'R', 0,
                                       0,    0xFF, 0xFF, 0,   0,  0xFF, 0xFF, 8,  2, 0, 0, 0,  0x39, 0x67, 0x4E, 0x07};
    ASSERT_FAILS(loam_picture_read(huge_png, sizeof huge_png, &p, NULL, &err), TOO_LARGE, "65535 by 65535");
    bytes = golden("rgb.jpg", &n);
    uint8_t *sof = memmem(bytes, n, "\xFF\xC0", 2);
    assert_non_null(sof);
    memcpy(sof + 5, "\xFF\0\xFF\0", 4);
    ASSERT_FAILS(loam_picture_read(bytes, n, &p, NULL, &err), TOO_LARGE, "65280 by 65280");
    free(bytes);
    bytes = golden("anim.webp", &n);
    memset(bytes + 24, 0xFF, 6); /* the canvas of VP8X: 24 bits a side */
    loam_err canvas_err = LOAM_ERR_INIT;
    assert_int_not_equal(loam_picture_read(bytes, n, &p, NULL, &canvas_err), LOAM_OK);
    assert_null(p);
    free(bytes);
    ASSERT_FAILS(loam_picture_read_file("/nonexistent/x.png", &p, NULL, &err), NOT_FOUND, "/nonexistent/x.png");
}

/* Whatever happens to a file, reading it gives an error with a sentence or a picture. */
static void try_damaged(const char *bytes, size_t n)
{
    loam_err err = LOAM_ERR_INIT;
    loam_picture *p;
    loam_picture_texts texts = {0};
    char *exact = malloc(n ? n : 1); /* so that the sanitizer sees a read past the end */
    memcpy(exact, bytes, n);
    if (loam_picture_read(exact, n, &p, &texts, &err) == LOAM_OK) {
        assert_non_null(p);
    } else {
        assert_null(p);
        assert_int_equal(texts.n, 0);
        assert_true(err.msg[0] != 0);
    }
    loam_picture_free(p);
    loam_picture_texts_deinit(&texts);
    free(exact);
}

static void damaged(void **state)
{
    static const char *const names[] = {
        "texts.png",       "palette4_trns.png", "rgba8_interlaced.png", "comment.jpg",      "comment_le.jpg",
        "progressive.jpg", "cmyk.jpg",          "comment.webp",         "lossy_alpha.webp", "anim.webp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n;
        char *bytes = golden(names[i], &n);
        for (size_t k = 0; k < n; k++)
            try_damaged(bytes, k);
        for (size_t k = 0; k < n; k++)
            for (int bit = 0; bit < 8; bit += 3) {
                bytes[k] ^= (char)(1 << bit);
                try_damaged(bytes, n);
                bytes[k] ^= (char)(1 << bit);
            }
        free(bytes);
    }
}

/* A file that was cut off is not half a picture. */
static void cut_off(void **state)
{
    static const char *const names[] = {"texts.png", "rgb.jpg", "lossless.webp", "lossy.webp", "anim.webp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n;
        loam_picture *p;
        loam_err err = LOAM_ERR_INIT;
        char *bytes = golden(names[i], &n);
        for (size_t k = 12; k < n - 4; k++)
            if (loam_picture_read(bytes, k, &p, NULL, &err) == LOAM_OK)
                fail_msg("the first %zu of %zu bytes of %s were taken for a picture", k, n, names[i]);
        free(bytes);
    }
}

/* ---- writing ---- */

static const char unicode_text[] = "ein Wal über 雲 🐋\nNegative prompt: land\nSteps: 4, Sampler: Euler, Seed: 5";

static void add_text(loam_picture_texts *t, const char *key, const char *value)
{
    ASSERT_OK(loam_picture_texts_add(t, key, value, strlen(value), &err));
}

/* Sides 1, odd, even; with and without alpha; texts of every kind come back. */
static void comes_back(void **state)
{
    static const int sides[][2] = {{1, 1}, {1, 7}, {33, 1}, {19, 13}, {64, 48}};
    static const loam_picture_kind kinds[] = {LOAM_PICTURE_PNG, LOAM_PICTURE_WEBP};
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++)
        for (int k = 0; k < 4; k++) {
            loam_picture *p = paint(sides[i][0], sides[i][1], k & 1), *q;
            loam_picture_texts texts = {0}, found = {0};
            loam_buf a, b;
            loam_buf_init(&a, 1 << 20);
            loam_buf_init(&b, 1 << 20);
            add_text(&texts, LOAM_PICTURE_PARAMETERS, unicode_text);
            ASSERT_OK(loam_picture_write(p, &texts, kinds[k / 2], 0, &a, &err));
            ASSERT_OK(loam_picture_write(p, &texts, kinds[k / 2], 0, &b, &err));
            assert_int_equal(a.len, b.len);
            assert_memory_equal(a.data, b.data, a.len); /* the same bytes */
            assert_int_equal(loam_picture_kind_of(a.data, a.len), kinds[k / 2]);
            ASSERT_OK(loam_picture_read(a.data, a.len, &q, &found, &err));
            if (p->channels == q->channels)
                assert_same("written", q, p, 0);
            else /* WebP leaves out alpha that is 255 everywhere */
                assert_true(p->channels == 4 && q->channels == 3 && p->width == 1);
            assert_string_equal(loam_picture_texts_get(&found, LOAM_PICTURE_PARAMETERS), unicode_text);
            loam_picture_texts_deinit(&texts);
            loam_picture_texts_deinit(&found);
            loam_picture_free(p);
            loam_picture_free(q);
            loam_buf_deinit(&a);
            loam_buf_deinit(&b);
        }
}

static void png_texts(void **state)
{
    static const char *const values[][2] = {{"plain", "ASCII, with\ntwo lines"},
                                            {"latin", "Grüße"},
                                            {"looks like UTF-8", "\xC3\x83\xC2\xA9"}, /* "Ã©", é's bytes in Latin-1 */
                                            {"unicode", "雲 🐋"},
                                            {"control", "tab\tand\r"},
                                            {"clé", "a key beyond ASCII"}};
    loam_picture *p = paint(3, 2, false), *q;
    loam_picture_texts texts = {0}, found = {0};
    loam_buf b;
    loam_buf_init(&b, 1 << 20);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        add_text(&texts, values[i][0], values[i][1]);
    add_text(&texts, "empty", "");
    ASSERT_OK(loam_png_write(p, &texts, &b, &err));
    /* what readers of old expect where it is possible */
    assert_non_null(memmem(b.data, b.len, "tEXtplain", 9));
    assert_non_null(memmem(b.data, b.len,
                           "tEXtlatin\0Gr\xFC\xDF"
                           "e",
                           14));
    assert_non_null(memmem(b.data, b.len, "iTXtunicode", 11));
    ASSERT_OK(loam_png_read(b.data, b.len, &q, &found, &err));
    assert_int_equal(found.n, sizeof values / sizeof *values);
    for (size_t i = 0; i < found.n; i++) {
        assert_string_equal(found.items[i].key, values[i][0]);
        assert_string_equal(found.items[i].value, values[i][1]);
    }
    loam_picture_texts_deinit(&texts);
    static const char *const bad[] = {"", " a", "a ", "a  b", "雲", "line\nfeed"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t had = b.len;
        add_text(&texts, bad[i], "x");
        ASSERT_FAILS(loam_png_write(p, &texts, &b, &err), INVALID, "cannot be the name of a text");
        assert_int_equal(b.len, had);
        loam_picture_texts_deinit(&texts);
    }
    add_text(&texts, "a", "\xFF");
    ASSERT_FAILS(loam_png_write(p, &texts, &b, &err), INVALID, "not UTF-8");
    loam_picture_texts_deinit(&texts);
    loam_buf_deinit(&b);
    loam_buf_init(&b, 20);
    ASSERT_FAILS(loam_png_write(p, NULL, &b, &err), TOO_LARGE, "more than 20 bytes");
    loam_picture_texts_deinit(&found);
    loam_picture_free(p);
    loam_picture_free(q);
    loam_buf_deinit(&b);
}

static double mean_difference(const loam_picture *a, const loam_picture *b)
{
    double sum = 0;
    for (int y = 0; y < a->height; y++)
        for (int x = 0; x < a->width; x++)
            for (int c = 0; c < 3; c++) {
                size_t at = (size_t)y * (size_t)a->width + (size_t)x;
                sum += abs(a->pixels[at * (size_t)a->channels + (size_t)c] -
                           b->pixels[at * (size_t)b->channels + (size_t)c]);
            }
    return sum / (3.0 * a->width * a->height);
}

static void jpeg(void **state)
{
    loam_picture *p = paint(67, 41, true), *q;
    loam_picture_texts found = {0};
    loam_buf b;
    size_t sizes[2];
    static const int qualities[] = {0, 40};
    for (int i = 0; i < 2; i++) {
        loam_buf_init(&b, 1 << 20);
        ASSERT_OK(loam_jpeg_write(p, unicode_text, qualities[i], &b, &err));
        ASSERT_OK(loam_jpeg_read(b.data, b.len, &q, &found, &err));
        assert_int_equal(q->width, 67);
        assert_int_equal(q->height, 41);
        assert_int_equal(q->channels, 3);
        assert_true(mean_difference(p, q) < (i ? 6.0 : 1.5));
        assert_string_equal(loam_picture_texts_get(&found, LOAM_PICTURE_PARAMETERS), unicode_text);
        sizes[i] = b.len;
        loam_picture_texts_deinit(&found);
        loam_picture_free(q);
        loam_buf_deinit(&b);
    }
    assert_true(sizes[1] < sizes[0]);
    loam_buf_init(&b, 1 << 20);
    char *text = malloc(40000);
    memset(text, 'x', 39999);
    text[39999] = 0;
    ASSERT_FAILS(loam_jpeg_write(p, text, 0, &b, &err), TOO_LARGE, "write a PNG or a WebP");
    ASSERT_FAILS(loam_jpeg_write(p, NULL, 101, &b, &err), INVALID, "not 101");
    text[32000] = 0;
    ASSERT_OK(loam_jpeg_write(p, text, 0, &b, &err));
    ASSERT_OK(loam_jpeg_read(b.data, b.len, &q, &found, &err));
    assert_string_equal(loam_picture_texts_get(&found, LOAM_PICTURE_PARAMETERS), text);
    free(text);
    loam_picture_texts_deinit(&found);
    loam_buf_deinit(&b);
    loam_picture_free(p);
    loam_picture_free(q);
}

/* ffmpeg has decoders of its own for PNG and JPEG. */
static void others_read(void **state)
{
    static const struct {
        const char *name;
        int quality, tolerance;
        bool alpha;
    } files[] = {{"a.png", 0, 0, false}, {"b.png", 0, 0, true}, {"c.jpg", 95, 3, false}, {"d.webp", 0, 0, true}};
    if (!tool_exists("ffmpeg"))
        skip();
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t n;
        loam_picture *p = paint(61, 35, files[i].alpha), *mine, *theirs;
        loam_picture_texts texts = {0};
        add_text(&texts, LOAM_PICTURE_PARAMETERS, unicode_text);
        ASSERT_OK(loam_picture_write_file(tool_path(files[i].name), p, &texts, files[i].quality, &err));
        ASSERT_OK(loam_picture_read_file(tool_path(files[i].name), &mine, NULL, &err));
        char *raw = tool_output(&n, "ffmpeg -v error -i %s -f rawvideo -pix_fmt %s -", tool_path(files[i].name),
                                files[i].alpha ? "rgba" : "rgb24");
        ASSERT_OK(loam_picture_new(61, 35, p->channels, &theirs, &err));
        assert_int_equal(n, loam_picture_bytes(theirs));
        memcpy(theirs->pixels, raw, n);
        assert_same(files[i].name, mine, theirs, files[i].tolerance);
        if (files[i].tolerance == 0)
            assert_same(files[i].name, theirs, p, 0);
        free(raw);
        loam_picture_texts_deinit(&texts);
        loam_picture_free(p);
        loam_picture_free(mine);
        loam_picture_free(theirs);
    }
    tool_folder_remove();
}

static void pngcheck(void **state)
{
    if (!tool_exists("pngcheck"))
        skip();
    loam_picture *p = paint(61, 35, true);
    loam_picture_texts texts = {0};
    add_text(&texts, LOAM_PICTURE_PARAMETERS, "a plain prompt\nSteps: 4");
    add_text(&texts, "Title", unicode_text);
    ASSERT_OK(loam_picture_write_file(tool_path("a.png"), p, &texts, 0, &err));
    char *said = tool_output(NULL, "pngcheck -v -t %s", tool_path("a.png"));
    assert_non_null(strstr(said, "No errors detected"));
    assert_non_null(strstr(said, "61 x 35 image, 32-bit RGB+alpha, non-interlaced"));
    assert_non_null(strstr(said, "chunk tEXt"));
    assert_non_null(strstr(said, "keyword: parameters"));
    assert_non_null(strstr(said, "a plain prompt"));
    assert_non_null(strstr(said, "chunk iTXt"));
    free(said);
    loam_picture_texts_deinit(&texts);
    loam_picture_free(p);
    tool_folder_remove();
}

static void write_animation(const char *path, int w, int h, int fps_num, int fps_den, int n)
{
    loam_webp_clip *c;
    loam_buf b;
    loam_buf_init(&b, 8 << 20);
    ASSERT_OK(loam_webp_clip_new(w, h, fps_num, fps_den, 80, &c, &err));
    for (int i = 0; i < n; i++) {
        loam_picture *p = paint(w, h, false);
        memset(p->pixels + (size_t)i * 9, 255, 9);
        ASSERT_OK(loam_webp_clip_add(c, p, &err));
        loam_picture_free(p);
    }
    ASSERT_OK(loam_webp_clip_write(c, unicode_text, &b, &err));
    loam_webp_clip_free(c);
    loam_file_writer *f;
    ASSERT_OK(loam_file_writer_open(path, &f, &err));
    ASSERT_OK(loam_file_writer_write(f, b.data, b.len, &err));
    ASSERT_OK(loam_file_writer_commit(f, &err));
    loam_buf_deinit(&b);
}

static loam_status add_up(void *ctx, const loam_picture *frame, int ends_ms, loam_err *err)
{
    frames *f = ctx;
    assert_true(f->n < 8);
    f->ends_ms[f->n++] = ends_ms;
    return LOAM_OK;
}

/* An animation: frames, times (1/3 s does not come out even), endless; webpinfo agrees. */
static void animation(void **state)
{
    char *bytes;
    size_t n;
    frames f = {0};
    loam_picture *p;
    loam_picture_texts found = {0};
    loam_webp_clip *c;
    write_animation(tool_path("a.webp"), 32, 24, 3, 1, 5);
    ASSERT_OK(loam_file_read(tool_path("a.webp"), 1 << 20, &bytes, &n, &err));
    ASSERT_OK(loam_webp_read_frames(bytes, n, add_up, &f, &err));
    const int want[] = {333, 667, 1000, 1333, 1667};
    assert_int_equal(f.n, 5);
    assert_memory_equal(f.ends_ms, want, sizeof want);
    ASSERT_OK(loam_picture_read(bytes, n, &p, &found, &err));
    assert_string_equal(loam_picture_texts_get(&found, LOAM_PICTURE_PARAMETERS), unicode_text);
    loam_picture_free(p);
    loam_picture_texts_deinit(&found);
    free(bytes);
    if (tool_exists("webpinfo") && tool_exists("webpmux")) {
        char *said = tool_output(NULL, "webpinfo %s; webpmux -info %s", tool_path("a.webp"), tool_path("a.webp"));
        assert_non_null(strstr(said, "No error detected"));
        assert_non_null(strstr(said, "Canvas size 32 x 24"));
        assert_non_null(strstr(said, "Loop count      : 0"));
        assert_non_null(strstr(said, "Number of frames: 5"));
        assert_non_null(strstr(said, "EXIF: 1"));
        free(said);
    }
    tool_folder_remove();
    ASSERT_FAILS(loam_webp_clip_new(32, 24, 0, 1, 80, &c, &err), INVALID, "0/1");
    ASSERT_FAILS(loam_webp_clip_new(16384, 24, 8, 1, 80, &c, &err), TOO_LARGE, "16383");
    ASSERT_OK(loam_webp_clip_new(32, 24, 8, 1, 0, &c, &err));
    loam_buf b;
    loam_buf_init(&b, 100);
    ASSERT_FAILS(loam_webp_clip_write(c, NULL, &b, &err), INVALID, "at least one");
    p = paint(32, 25, false);
    ASSERT_FAILS(loam_webp_clip_add(c, p, &err), INVALID, "32 by 25");
    loam_picture_free(p);
    loam_webp_clip_free(c);
    loam_buf_deinit(&b);
}

static void names(void **state)
{
    loam_picture *p = paint(2, 2, false);
    assert_int_equal(loam_picture_kind_of_path("x/a.PNG"), LOAM_PICTURE_PNG);
    assert_int_equal(loam_picture_kind_of_path("a.b.jpeg"), LOAM_PICTURE_JPEG);
    assert_int_equal(loam_picture_kind_of_path("png"), LOAM_PICTURE_UNKNOWN);
    ASSERT_FAILS(loam_picture_write_file("/tmp/a.gif", p, NULL, 0, &err), INVALID, "end it in .png");
    ASSERT_FAILS(loam_picture_write_file("/nonexistent/a.png", p, NULL, 0, &err), IO, "/nonexistent/a.png");
    assert_string_equal(loam_picture_media_type(LOAM_PICTURE_WEBP), "image/webp");
    loam_picture_free(p);
}

/* ---- base64 ---- */

static void base64(void **state)
{
    /* RFC 4648, section 10, and bytes beyond ASCII */
    static const struct {
        const char *bytes, *text;
    } cases[] = {{"", ""},
                 {"f", "Zg=="},
                 {"fo", "Zm8="},
                 {"foo", "Zm9v"},
                 {"foob", "Zm9vYg=="},
                 {"fooba", "Zm9vYmE="},
                 {"foobar", "Zm9vYmFy"},
                 {"\xFB\xEF\xBE\xFF\xFF\xFF", "++++////"}};
    loam_buf b;
    loam_buf_init(&b, 100);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        loam_buf_truncate(&b, 0);
        assert_true(loam_base64_encode(cases[i].bytes, strlen(cases[i].bytes), &b));
        assert_string_equal(loam_buf_text(&b), cases[i].text);
        loam_buf_truncate(&b, 0);
        ASSERT_OK(loam_base64_decode(cases[i].text, strlen(cases[i].text), &b, &err));
        assert_string_equal(loam_buf_text(&b), cases[i].bytes);
        loam_buf_truncate(&b, 0);
        ASSERT_OK(loam_base64_decode(cases[i].text, strcspn(cases[i].text, "="), &b, &err)); /* unpadded */
        assert_string_equal(loam_buf_text(&b), cases[i].bytes);
    }
    loam_buf_truncate(&b, 0);
    ASSERT_OK(loam_base64_decode(" Zm9v\r\nYmFy\n", 12, &b, &err));
    assert_string_equal(loam_buf_text(&b), "foobar");
    static const char *const bad[] = {"Z", "Zg=", "Zg===", "Zm9v=", "Zg==Zg==", "Zm9vZ", "====", "Zm=v"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ASSERT_FAILS(loam_base64_decode(bad[i], strlen(bad[i]), &b, &err), INVALID, "base64");
        assert_string_equal(loam_buf_text(&b), "foobar");
    }
    ASSERT_FAILS(loam_base64_decode("Zm9-", 4, &b, &err), INVALID, "byte 3 of the base64 text, '-'");
    loam_buf_deinit(&b);
    loam_buf_init(&b, 2);
    ASSERT_FAILS(loam_base64_decode("Zm9v", 4, &b, &err), TOO_LARGE, "more than 2");
    loam_buf_deinit(&b);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(reads_as_pillow), cmocka_unit_test(reads_texts), cmocka_unit_test(reads_animation),
    cmocka_unit_test(refuses),         cmocka_unit_test(damaged),     cmocka_unit_test(cut_off),
    cmocka_unit_test(comes_back),      cmocka_unit_test(png_texts),   cmocka_unit_test(jpeg),
    cmocka_unit_test(others_read),     cmocka_unit_test(pngcheck),    cmocka_unit_test(animation),
    cmocka_unit_test(names),           cmocka_unit_test(base64)};

test_list picture_tests(void)
{
    return TEST_LIST(tests);
}
