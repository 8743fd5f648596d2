/* /v1/images over a fake model. */
#include "format/base64.h"
#include "http_test.h"

#define POST_PICTURE(b, body) client_post((b)->port, "/v1/images/generations", body)

void expect_refusal(reply *r, int status, const char *param, const char *words)
{
    json_t *v = reply_json(r);
    const char *got = json_text_at(v, "error.param");
    if (r->status != status || strcmp(got, param ? param : "(none)") != 0 ||
        !strstr(json_text_at(v, "error.message"), words))
        fail_msg("wanted %d %s '%s', got %d %s", status, param, words, r->status, loam_buf_text(&r->body));
    json_decref(v);
    reply_deinit(r);
}

loam_picture *picture_of(const char *base64, loam_picture_texts *texts)
{
    loam_buf bytes;
    loam_picture *p = NULL;
    loam_err err = LOAM_ERR_INIT;
    loam_buf_init(&bytes, 1 << 24);
    if (loam_base64_decode(base64, strlen(base64), &bytes, &err) != LOAM_OK ||
        loam_picture_read(bytes.data, bytes.len, &p, texts, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    loam_buf_deinit(&bytes);
    return p;
}

char *base64_of(int width, int height, int channels, const uint8_t *pixels, loam_picture_kind kind)
{
    loam_buf file, text;
    loam_err err = LOAM_ERR_INIT;
    loam_picture p = {width, height, channels, (uint8_t *)(uintptr_t)pixels};
    loam_buf_init(&file, 1 << 24);
    loam_buf_init(&text, 1 << 25);
    if (loam_picture_write(&p, NULL, kind, 0, &file, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    loam_base64_encode(file.data, file.len, &text);
    loam_buf_deinit(&file);
    return loam_buf_take(&text);
}

void test_images_whole(void **state)
{
    bench b = bench_begin_pictures(true, false, 0);
    reply r =
        POST_PICTURE(&b, "{\"model\":\"fake\",\"prompt\":\"an \\u00e4pple\",\"n\":2,\"size\":\"32x16\",\"seed\":9,"
                         "\"steps\":3,\"quality\":\"high\",\"user\":\"x\",\"background\":\"auto\"}");
    json_t *v = reply_json(&r);
    assert_int_equal(r.status, 200);
    assert_int_equal(json_array_size(json_at(v, "data")), 2);
    assert_true(json_integer_value(json_at(v, "created")) > 1700000000);
    assert_string_equal(json_text_at(v, "size"), "32x16");
    assert_string_equal(json_text_at(v, "output_format"), "png");
    assert_int_equal(json_integer_value(json_at(v, "loam.seed")), 9);
    for (int i = 0; i < 2; i++) {
        char at[32];
        loam_picture_texts texts = {0};
        snprintf(at, sizeof at, "data.%d.b64_json", i);
        loam_picture *p = picture_of(json_text_at(v, at), &texts);
        assert_int_equal(p->width, 32);
        assert_int_equal(p->height, 16);
        assert_int_equal(p->pixels[0], 9 + i);
        assert_int_equal(p->pixels[1], 3);
        assert_memory_equal(loam_picture_texts_get(&texts, "parameters"), "an \xc3\xa4pple|", 10);
        loam_picture_texts_deinit(&texts);
        loam_picture_free(p);
    }
    json_decref(v);
    reply_deinit(&r);
    bench_end(&b);
}

/* Every field of Loam's own comes through, under its name. */
void test_images_fields(void **state)
{
    bench b = bench_begin_pictures(true, false, 0);
    reply r = POST_PICTURE(&b, "{\"prompt\":\"p\",\"negative_prompt\":\"q\",\"steps\":4,\"guidance\":3.5,\"seed\":77,"
                               "\"rng\":\"cuda\",\"clip_skip\":2,\"sampler\":\"DPM++ 2M\",\"schedule\":\"karras\","
                               "\"sigmas\":[14.5,2,0.25],\"hires\":2,\"hires_strength\":0.25,\"hires_steps\":5,"
                               "\"tile\":64,\"quick_decode\":false,\"strength\":0.5,\"width\":64,\"height\":0,"
                               "\"loras\":[\"pastel\",{\"name\":\"ink wash\",\"strength\":0.5},\"pastel:-1\"]}");
    json_t *v = reply_json(&r);
    assert_int_equal(r.status, 200);
    loam_picture_texts texts = {0};
    loam_picture_free(picture_of(json_text_at(v, "data.0.b64_json"), &texts));
    assert_string_equal(loam_picture_texts_get(&texts, "parameters"),
                        "p <lora:pastel:1> <lora:ink wash:0.5> <lora:pastel:-1>|negative=q|steps=4|guidance=3.5|seed=77"
                        "|rng=cuda|clip_skip=2|sampler=DPM++ 2M|schedule=karras|sigmas=14.5,2,0.25|strength=0.5|hires=2"
                        "|hires_strength=0.25|hires_steps=5|tile=64|quick=0");
    loam_picture_texts_deinit(&texts);
    json_decref(v);
    reply_deinit(&r);
    bench_end(&b);
}

void test_images_formats(void **state)
{
    static const struct {
        const char *fields, *format, *begin;
    } all[] = {{"\"output_format\":\"jpeg\",\"output_compression\":50", "jpeg", "/9j/"},
               {"\"output_format\":\"webp\",\"output_compression\":0", "webp", "UklGR"},
               {"\"output_format\":\"png\"", "png", "iVBORw0KGgo"}};
    bench b = bench_begin_pictures(true, false, 0);
    for (size_t i = 0; i < 3; i++) {
        char body[200];
        snprintf(body, sizeof body, "{\"prompt\":\"x\",\"steps\":1,%s}", all[i].fields);
        reply r = POST_PICTURE(&b, body);
        json_t *v = reply_json(&r);
        assert_int_equal(r.status, 200);
        assert_string_equal(json_text_at(v, "output_format"), all[i].format);
        assert_memory_equal(json_text_at(v, "data.0.b64_json"), all[i].begin, strlen(all[i].begin));
        json_decref(v);
        reply_deinit(&r);
    }
    reply r = POST_PICTURE(&b, "{\"prompt\":\"x\",\"steps\":1,\"response_format\":\"url\",\"size\":\"auto\"}");
    json_t *v = reply_json(&r);
    const char *url = json_text_at(v, "data.0.url");
    assert_memory_equal(url, "http://localhost/api/jobs/", 26);
    reply file = client_call(b.port, "GET", url + strlen("http://localhost"), "", NULL);
    assert_int_equal(file.status, 200);
    assert_string_equal(reply_header(&file, "Content-Type"), "image/png");
    assert_memory_equal(file.body.data, "\x89PNG\r\n\x1a\n", 8);
    reply_deinit(&file);
    json_decref(v);
    reply_deinit(&r);
    bench_end(&b);
}

void test_images_refused(void **state)
{
    static const struct {
        const char *body;
        int status;
        const char *param, *words;
    } all[] = {
        {"{oops", 400, NULL, "line 1"},
        {"[]", 400, NULL, "object"},
        {"{}", 400, "prompt", "missing"},
        {"{\"prompt\":7}", 400, "prompt", "string"},
        {"{\"prompt\":\"x\",\"n\":0}", 400, "n", "between 1 and 10"},
        {"{\"prompt\":\"x\",\"n\":11}", 400, "n", "between 1 and 10"},
        {"{\"prompt\":\"x\",\"n\":\"2\"}", 400, "n", "integer"},
        {"{\"prompt\":\"x\",\"size\":\"big\"}", 400, "size", "512x512"},
        {"{\"prompt\":\"x\",\"size\":\"512x\"}", 400, "size", "512x512"},
        {"{\"prompt\":\"x\",\"size\":\"0x512\"}", 400, "size", "512x512"},
        {"{\"prompt\":\"x\",\"size\":\"512x512x3\"}", 400, "size", "512x512"},
        {"{\"prompt\":\"x\",\"size\":\"999999999999x5\"}", 400, "size", "512x512"},
        {"{\"prompt\":\"x\",\"size\":\"99999x8\"}", 400, "width", "4096"},
        {"{\"prompt\":\"x\",\"model\":\"dall-e-3\"}", 404, "model", "'fake'"},
        {"{\"prompt\":\"x\",\"response_format\":\"png\"}", 400, "response_format", "b64_json"},
        {"{\"prompt\":\"x\",\"output_format\":\"gif\"}", 400, "output_format", "webp"},
        {"{\"prompt\":\"x\",\"output_compression\":101}", 400, "output_compression", "100"},
        {"{\"prompt\":\"x\",\"background\":\"transparent\"}", 400, "background", "transparent"},
        {"{\"prompt\":\"x\",\"stream\":1}", 400, "stream", "true or false"},
        {"{\"prompt\":\"x\",\"partial_images\":4}", 400, "partial_images", "3"},
        {"{\"prompt\":\"x\",\"step\":4}", 400, "step", "did you mean 'steps'"},
        {"{\"prompt\":\"x\",\"steps\":0}", 400, "steps", "between 1 and 1000"},
        {"{\"prompt\":\"x\",\"steps\":1001}", 400, "steps", "between 1 and 1000"},
        {"{\"prompt\":\"x\",\"steps\":2.5}", 400, "steps", "integer"},
        {"{\"prompt\":\"x\",\"guidance\":1e9}", 400, "guidance", "between"},
        {"{\"prompt\":\"x\",\"guidance\":\"7\"}", 400, "guidance", "number"},
        {"{\"prompt\":\"x\",\"seed\":-2}", 400, "seed", "between"},
        {"{\"prompt\":\"x\",\"rng\":\"tpu\"}", 400, "rng", "cuda"},
        {"{\"prompt\":\"x\",\"sampler\":\"eulr\"}", 400, "sampler", "euler"},
        {"{\"prompt\":\"x\",\"schedule\":\"carras\"}", 400, "schedule", "karras"},
        {"{\"prompt\":\"x\",\"sigmas\":[1,\"2\"]}", 400, "sigmas", "numbers"},
        {"{\"prompt\":\"x\",\"hires\":0.5}", 400, "hires", "above 1"},
        {"{\"prompt\":\"x\",\"tile\":3}", 400, "tile", "512"},
        {"{\"prompt\":\"x\",\"mask\":\"aGk=\"}", 400, "mask", "no picture"},
        {"{\"prompt\":\"x\",\"start\":\"aGk=\"}", 400, "start", "no picture"},
        {"{\"prompt\":\"x\",\"start\":\"!!!\"}", 400, "start", "base64"},
        {"{\"prompt\":\"x\",\"start\":\"\"}", 400, "start", "empty"},
        {"{\"prompt\":\"x\",\"start\":\"data:image/png,aGk=\"}", 400, "start", "base64"},
        {"{\"prompt\":\"x\",\"start\":\"http://127.0.0.1/a.png\"}", 400, "start", "fetches nothing"},
        {"{\"prompt\":\"x\",\"start\":\"/etc/passwd\"}", 400, "start", ""},
        {"{\"prompt\":\"x\",\"loras\":\"pastel\"}", 400, "loras", "array"},
        {"{\"prompt\":\"x\",\"loras\":[\"pastell\"]}", 400, "loras", "did you mean 'pastel'"},
        {"{\"prompt\":\"x\",\"loras\":[\"../../etc/passwd\"]}", 400, "loras", "without a path"},
        {"{\"prompt\":\"x\",\"loras\":[\"/etc/passwd\"]}", 400, "loras", "without a path"},
        {"{\"prompt\":\"x\",\"loras\":[\".x\"]}", 400, "loras", "without a path"},
        {"{\"prompt\":\"x\",\"loras\":[\"notes\"]}", 400, "loras", "no adapter"},
        {"{\"prompt\":\"x\",\"loras\":[\"pastel:1000\"]}", 400, "loras", "strength"},
        {"{\"prompt\":\"x\",\"loras\":[7]}", 400, "loras", "names"},
        {"{\"prompt\":\"x fail\",\"steps\":1}", 400, NULL, "multiple of 8"},
        {"{\"prompt\":\"x break\",\"steps\":1}", 500, NULL, "the disk is full"},
    };
    bench b = bench_begin_pictures(true, false, 0);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        reply r = POST_PICTURE(&b, all[i].body);
        expect_refusal(&r, all[i].status, all[i].param, all[i].words);
    }
    assert_int_equal(b.fake->n_made, 0);
    reply r = POST_PICTURE(&b, "{\"prompt\":\"x\",\"size\":\"60x64\"}"); /* known since the model was loaded */
    expect_refusal(&r, 400, "width", "multiples of 8");
    r = POST_PICTURE(&b, "{\"prompt\":\"x\",\"quick_decode\":true}");
    expect_refusal(&r, 400, "quick_decode", "--taesd");
    bench_end(&b);
}

/* A model that cannot be loaded fails the job, not the server; the next job tries again. */
void test_images_load_fails(void **state)
{
    bench b = bench_begin_pictures(true, false, 0);
    b.fake->fail_opens = 1;
    reply r = POST_PICTURE(&b, "{\"prompt\":\"x\",\"steps\":1}");
    expect_refusal(&r, 422, NULL, "damaged");
    r = POST_PICTURE(&b, "{\"prompt\":\"x\",\"steps\":1}");
    assert_int_equal(r.status, 200);
    reply_deinit(&r);
    bench_end(&b);
}

void test_images_none(void **state)
{
    static const struct {
        const char *method, *path;
    } all[] = {{"POST", "/v1/images/generations"},
               {"POST", "/v1/images/edits"},
               {"GET", "/api/jobs"},
               {"POST", "/api/jobs"},
               {"GET", "/api/images/info"},
               {"GET", "/sdapi/v1/options"},
               {"POST", "/sdapi/v1/txt2img"},
               {"GET", "/v1/videos"},
               {"POST", "/v1/videos"},
               {"GET", "/api/jobs/aaaaaaaaaaaaaaaaaaaaaaaa"}};
    bench b = bench_begin(NULL);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        reply r = client_call(b.port, all[i].method, all[i].path, "", all[i].method[0] == 'P' ? "{}" : NULL);
        if (r.status != 501 || !strstr(loam_buf_text(&r.body), "model"))
            fail_msg("%s: %d %s", all[i].path, r.status, loam_buf_text(&r.body));
        reply_deinit(&r);
    }
    bench_end(&b);
}

/* The events of a stream, "name name …", and the data of the last. */
static json_t *read_events(reply *r, char *names, size_t size)
{
    json_t *last = NULL;
    *names = 0;
    for (const char *at = loam_buf_text(&r->body); (at = strstr(at, "event: "));) {
        size_t n = strcspn(at + 7, "\n"), used = strlen(names);
        snprintf(names + used, size - used, "%.*s ", (int)n, at + 7);
        at += 7 + n;
        assert_memory_equal(at, "\ndata: ", 7);
        json_decref(last);
        last = json_loadb(at + 7, strcspn(at + 7, "\n"), 0, NULL);
        assert_non_null(last);
    }
    return last;
}

void test_images_stream(void **state)
{
    char names[400];
    bench b = bench_begin_pictures(true, false, 0);
    reply r = POST_PICTURE(&b, "{\"prompt\":\"delay:30\",\"steps\":6,\"stream\":true,\"partial_images\":2}");
    assert_string_equal(reply_header(&r, "Content-Type"), "text/event-stream");
    assert_true(r.whole);
    json_t *v = read_events(&r, names, sizeof names);
    assert_string_equal(names, "image_generation.partial_image image_generation.partial_image "
                               "image_generation.completed ");
    assert_string_equal(json_text_at(v, "type"), "image_generation.completed");
    loam_picture *p = picture_of(json_text_at(v, "b64_json"), NULL);
    assert_int_equal(p->width, 64);
    assert_string_equal(json_text_at(v, "size"), "64x64");
    assert_true(json_is_integer(json_at(v, "usage.total_tokens")));
    loam_picture_free(p);
    json_decref(v);
    reply_deinit(&r);
    r = POST_PICTURE(&b, "{\"prompt\":\"fail\",\"steps\":2,\"stream\":true}");
    v = read_events(&r, names, sizeof names);
    assert_string_equal(names, "error ");
    assert_non_null(strstr(json_text_at(v, "error.message"), "multiple of 8"));
    json_decref(v);
    reply_deinit(&r);
    r = POST_PICTURE(&b, "{\"prompt\":\"x\",\"n\":3,\"steps\":1,\"stream\":true}");
    v = read_events(&r, names, sizeof names);
    assert_string_equal(names, "image_generation.completed image_generation.completed image_generation.completed ");
    json_decref(v);
    reply_deinit(&r);
    bench_end(&b);
}

/* Someone who closes the tab finds the picture later. */
void test_images_left(void **state)
{
    bench b = bench_begin_pictures(true, false, 0);
    for (int stream = 0; stream < 2; stream++) {
        char body[100];
        int n = snprintf(body, sizeof body, "{\"prompt\":\"delay:40\",\"steps\":8,\"stream\":%s}",
                         stream ? "true" : "false");
        int fd = client_connect(b.port);
        client_send(fd, "POST /v1/images/generations HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", n,
                    body);
        usleep(120000);
        close(fd);
    }
    for (int i = 0;; i++) {
        reply r = client_call(b.port, "GET", "/api/jobs?state=done", "", NULL);
        json_t *v = reply_json(&r);
        bool both = json_array_size(json_at(v, "jobs")) == 2 && json_integer_value(json_at(v, "jobs.0.n_results")) == 1;
        json_decref(v);
        reply_deinit(&r);
        if (both)
            break;
        if (i == 150)
            fail_msg("the pictures were not made");
        usleep(20000);
    }
    bench_end(&b);
}

/* ---- edits ---- */

#define BOUNDARY "Content-Type: multipart/form-data; boundary=XYZ\r\n"

static void add_part(loam_buf *b, const char *name, const char *file, const void *bytes, size_t n)
{
    loam_buf_printf(b, "--XYZ\r\nContent-Disposition: form-data; name=\"%s\"", name);
    if (file)
        loam_buf_printf(b, "; filename=\"%s\"\r\nContent-Type: image/png", file);
    loam_buf_str(b, "\r\n\r\n");
    loam_buf_add(b, bytes, n);
    loam_buf_str(b, "\r\n");
}

static void add_picture(loam_buf *b, const char *name, int width, int height, int channels, const uint8_t *pixels)
{
    loam_buf file;
    loam_err err = LOAM_ERR_INIT;
    loam_picture p = {width, height, channels, (uint8_t *)(uintptr_t)pixels};
    loam_buf_init(&file, 1 << 20);
    if (loam_picture_write(&p, NULL, LOAM_PICTURE_PNG, 0, &file, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    add_part(b, name, "a.png", file.data, file.len);
    loam_buf_deinit(&file);
}

static reply send_form(const bench *b, loam_buf *body)
{
    loam_buf_str(body, "--XYZ--\r\n");
    int fd = client_connect(b->port);
    client_send(fd, "POST /v1/images/edits HTTP/1.1\r\nHost: localhost\r\n" BOUNDARY "Content-Length: %zu\r\n\r\n",
                body->len);
    assert_int_equal(write(fd, body->data, body->len), body->len);
    reply r = client_read(fd, false);
    close(fd);
    loam_buf_deinit(body);
    return r;
}

/* The mask's transparent half is what is made anew: white for the model. Without a mask the picture's own holes are. */
void test_edits_mask(void **state)
{
    uint8_t image[16 * 16 * 3], mask[16 * 16 * 4];
    bench b = bench_begin_pictures(true, false, 0);
    memset(image, 200, sizeof image);
    for (size_t i = 0; i < 256; i++) {
        memset(mask + i * 4, 90, 3);
        mask[i * 4 + 3] = i % 16 < 8 ? 0 : 255;
    }
    for (int own = 0; own < 2; own++) {
        loam_buf body;
        loam_buf_init(&body, 1 << 20);
        add_part(&body, "prompt", NULL, "hat", 3);
        add_part(&body, "seed", NULL, "5", 1);
        add_part(&body, "strength", NULL, "0.9", 3);
        add_part(&body, "steps", NULL, "2", 1);
        if (own) {
            add_picture(&body, "image[]", 16, 16, 4, mask);
        } else {
            add_picture(&body, "image", 16, 16, 3, image);
            add_picture(&body, "mask", 16, 16, 4, mask);
        }
        reply r = send_form(&b, &body);
        json_t *v = reply_json(&r);
        if (r.status != 200)
            fail_msg("%s", loam_buf_text(&r.body));
        loam_picture_texts texts = {0};
        loam_picture *p = picture_of(json_text_at(v, "data.0.b64_json"), &texts);
        assert_int_equal(p->width, 16);
        assert_int_equal(p->pixels[0], 5);
        assert_int_equal(p->pixels[1], own ? 90 : 200);
        assert_int_equal(p->pixels[2], 255);
        assert_int_equal(p->pixels[8 * 3 + 2], 0);
        assert_non_null(strstr(loam_picture_texts_get(&texts, "parameters"), "strength=0.9"));
        loam_picture_texts_deinit(&texts);
        loam_picture_free(p);
        json_decref(v);
        reply_deinit(&r);
    }
    bench_end(&b);
}

void test_edits_refused(void **state)
{
    uint8_t opaque[8 * 8 * 3] = {0};
    loam_buf body;
    bench b = bench_begin_pictures(true, false, 0);
    loam_buf_init(&body, 1 << 20);
    add_part(&body, "prompt", NULL, "x", 1);
    reply r = send_form(&b, &body);
    expect_refusal(&r, 400, "image", "missing");
    loam_buf_init(&body, 1 << 20);
    add_part(&body, "image", "a.png", "no picture", 10);
    r = send_form(&b, &body);
    expect_refusal(&r, 400, "image", "no picture");
    loam_buf_init(&body, 1 << 20);
    add_picture(&body, "image[]", 8, 8, 3, opaque);
    add_picture(&body, "image[]", 8, 8, 3, opaque);
    r = send_form(&b, &body);
    expect_refusal(&r, 400, "image", "more than once");
    loam_buf_init(&body, 1 << 20);
    add_part(&body, "prompt", NULL, "x", 1);
    add_picture(&body, "image", 8, 8, 3, opaque);
    add_picture(&body, "mask", 8, 8, 3, opaque);
    r = send_form(&b, &body);
    expect_refusal(&r, 400, "mask", "nowhere transparent");
    r = client_call(b.port, "POST", "/v1/images/edits", BOUNDARY, "--XYZ\r\nhello");
    expect_refusal(&r, 400, NULL, "form");
    r = client_call(b.port, "POST", "/v1/images/edits", "Content-Type: text/plain\r\n", "hello");
    expect_refusal(&r, 415, NULL, "form");
    r = client_call(b.port, "POST", "/v1/images/generations", BOUNDARY, "--XYZ--");
    expect_refusal(&r, 415, NULL, "JSON");
    bench_end(&b);
}

/* A PNG of a few kilobytes that says it has 16000 x 16000 pixels, and one that has 5000 x 4000 of them. */
void test_edits_bombs(void **state)
{
    loam_buf body;
    bench b = bench_begin_pictures(true, false, 0);
    uint8_t head[64] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x3e\x80\0\0\x3e\x80\x08\x02\0\0\0";
    loam_buf_init(&body, 1 << 20);
    add_part(&body, "image", "a.png", head, sizeof head);
    reply r = send_form(&b, &body);
    assert_true(r.status == 400 || r.status == 413);
    reply_deinit(&r);
    uint8_t *pixels = calloc(5000 * 4000, 3);
    char *text = base64_of(5000, 4000, 3, pixels, LOAM_PICTURE_PNG);
    free(pixels);
    loam_buf json;
    loam_buf_init(&json, 1 << 24);
    loam_buf_printf(&json, "{\"prompt\":\"x\",\"image\":\"%s\"}", text);
    r = client_post(b.port, "/v1/images/edits", loam_buf_text(&json));
    expect_refusal(&r, 413, "image", "4096 x 4096");
    loam_buf_deinit(&json);
    free(text);
    bench_end(&b);
}

/* Bodies are limited by what a route can need; only few large ones are held at once. */
void test_images_body_limits(void **state)
{
    static const struct {
        const char *path;
        long bytes;
        int status;
    } all[] = {{"/v1/images/generations", 5 << 20, 413},
               {"/v1/images/edits", 49 << 20, 413},
               {"/api/jobs", 49 << 20, 413},
               {"/sdapi/v1/img2img", 49 << 20, 413}};
    bench b = bench_begin_pictures(true, false, 0);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        int fd = client_connect(b.port);
        client_send(fd, "POST %s HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: %ld\r\n\r\n",
                    all[i].path, all[i].bytes);
        reply r = client_read(fd, false);
        assert_int_equal(r.status, all[i].status);
        reply_deinit(&r);
        close(fd);
    }
    enum { LARGE = 5 << 20 };
    char *blanks = malloc(LARGE + 1);
    memset(blanks, ' ', LARGE);
    blanks[LARGE] = 0;
    int fds[5];
    for (int i = 0; i < 5; i++) {
        fds[i] = client_connect(b.port);
        client_send(fds[i], "POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", LARGE + 2,
                    blanks);
    }
    usleep(300000);
    int busy = 0, bad = 0;
    for (int i = 0; i < 5; i++) {
        client_send(fds[i], "[]");
        reply r = client_read(fds[i], false);
        busy += r.status == 503;
        bad += r.status == 400;
        reply_deinit(&r);
        close(fds[i]);
    }
    assert_int_equal(busy, 1);
    assert_int_equal(bad, 4);
    reply r = client_post(b.port, "/api/jobs", blanks); /* they are given back */
    assert_int_equal(r.status, 400);
    reply_deinit(&r);
    free(blanks);
    bench_end(&b);
}
