/* /sdapi/v1 as SillyTavern and other clients of AUTOMATIC1111's web UI call it. */
#include "http_test.h"

static json_t *get(const bench *b, const char *path, int status)
{
    char whole[100];
    snprintf(whole, sizeof whole, "/sdapi/v1/%s", path);
    reply r = client_call(b->port, "GET", whole, "", NULL);
    if (r.status != status)
        fail_msg("%s: %d %s", path, r.status, loam_buf_text(&r.body));
    json_t *v = reply_json(&r);
    reply_deinit(&r);
    return v;
}

static json_t *post(const bench *b, const char *path, const char *body, int status)
{
    char whole[100];
    snprintf(whole, sizeof whole, "/sdapi/v1/%s", path);
    reply r = client_post(b->port, whole, body);
    if (r.status != status)
        fail_msg("%s: %d %s", path, r.status, loam_buf_text(&r.body));
    json_t *v = reply_json(&r);
    reply_deinit(&r);
    return v;
}

static char *text_of(json_t *v, int i)
{
    char at[20];
    loam_picture_texts texts = {0};
    snprintf(at, sizeof at, "images.%d", i);
    loam_picture_free(picture_of(json_text_at(v, at), &texts));
    char *text = strdup(loam_picture_texts_get(&texts, "parameters"));
    loam_picture_texts_deinit(&texts);
    return text;
}

/* The body that SillyTavern sends, field by field. */
void test_sdapi_sillytavern(void **state)
{
    bench b = bench_begin_pictures(true, false, 0);
    json_t *v = post(&b, "txt2img",
                     "{\"url\":\"\",\"auth\":\"\",\"prompt\":\"a fox\",\"negative_prompt\":\"blur\",\"sampler_name\":"
                     "\"Euler a\",\"scheduler\":\"karras\",\"steps\":3,\"cfg_scale\":6.5,\"width\":32,\"height\":16,"
                     "\"restore_faces\":false,\"enable_hr\":false,\"hr_upscaler\":\"Latent\",\"hr_scale\":1.5,"
                     "\"hr_additional_prompt\":\"\",\"denoising_strength\":0.7,\"hr_second_pass_steps\":0,\"seed\":12,"
                     "\"override_settings\":{\"CLIP_stop_at_last_layers\":2,\"sd_vae\":\"Automatic\","
                     "\"forge_additional_modules\":[]},\"override_settings_restore_afterwards\":true,\"clip_skip\":2,"
                     "\"save_images\":true,\"send_images\":true,\"do_not_save_grid\":false,\"do_not_save_samples\":"
                     "false}",
                     200);
    char *text = text_of(v, 0);
    assert_string_equal(text, "a fox|negative=blur|steps=3|guidance=6.5|seed=12|rng=-|clip_skip=2|sampler=Euler a|"
                              "schedule=karras|sigmas=-|strength=0.75|hires=0|hires_strength=0.55|hires_steps=0|tile=0|"
                              "quick=0");
    assert_string_equal(json_text_at(v, "parameters.prompt"), "a fox");
    json_t *info = json_loads(json_text_at(v, "info"), 0, NULL);
    assert_non_null(info);
    assert_int_equal(json_integer_value(json_at(info, "seed")), 12);
    assert_int_equal(json_integer_value(json_at(info, "width")), 32);
    assert_string_equal(json_text_at(info, "infotexts.0"), text);
    json_decref(info);
    json_decref(v);
    free(text);
    bench_end(&b);
}

void test_sdapi_batch_and_hires(void **state)
{
    bench b = bench_begin_pictures(true, false, 0);
    json_t *v =
        post(&b, "txt2img",
             "{\"prompt\":\"x\",\"steps\":1,\"seed\":5,\"batch_size\":2,\"n_iter\":2,\"enable_hr\":true,"
             "\"hr_scale\":1.5,\"denoising_strength\":0.25,\"hr_second_pass_steps\":7,\"sampler_index\":\"Heun\","
             "\"subseed\":-1,\"subseed_strength\":0,\"s_noise\":1.0,\"tiling\":false,\"styles\":[],\"eta\":null,"
             "\"alwayson_scripts\":{},\"script_args\":[]}",
             200);
    assert_int_equal(json_array_size(json_at(v, "images")), 4);
    char *text = text_of(v, 3);
    assert_non_null(strstr(text, "|seed=8|"));
    assert_non_null(strstr(text, "|sampler=Heun|"));
    assert_non_null(strstr(text, "|hires=1.5|hires_strength=0.25|hires_steps=7|"));
    free(text);
    json_decref(v);
    bench_end(&b);
}

void test_sdapi_img2img(void **state)
{
    uint8_t image[8 * 8 * 3], mask[8 * 8 * 3];
    bench b = bench_begin_pictures(true, false, 0);
    memset(image, 150, sizeof image);
    for (size_t i = 0; i < 64; i++)
        memset(mask + i * 3, i % 8 < 4 ? 255 : 0, 3);
    char *start = base64_of(8, 8, 3, image, LOAM_PICTURE_WEBP), *white = base64_of(8, 8, 3, mask, LOAM_PICTURE_PNG);
    for (int invert = 0; invert < 2; invert++) {
        char body[2000];
        snprintf(body, sizeof body,
                 "{\"init_images\":[\"data:image/webp;base64,%s\"],\"mask\":\"%s\",\"inpainting_mask_invert\":%d,"
                 "\"mask_blur\":4,\"inpainting_fill\":1,\"resize_mode\":0,\"prompt\":\"x\",\"steps\":2,"
                 "\"denoising_strength\":0.4,\"seed\":1}",
                 start, white, invert);
        json_t *v = post(&b, "img2img", body, 200);
        loam_picture_texts texts = {0};
        loam_picture *p = picture_of(json_text_at(v, "images.0"), &texts);
        assert_int_equal(p->width, 8);
        assert_int_equal(p->pixels[1], 150);
        assert_int_equal(p->pixels[2], invert ? 0 : 255);
        assert_int_equal(p->pixels[5 * 3 + 2], invert ? 255 : 0);
        assert_non_null(strstr(loam_picture_texts_get(&texts, "parameters"), "|strength=0.4|"));
        assert_null(json_at(v, "parameters.init_images"));
        loam_picture_texts_deinit(&texts);
        loam_picture_free(p);
        json_decref(v);
    }
    free(start);
    free(white);
    bench_end(&b);
}

void test_sdapi_refused(void **state)
{
    static const struct {
        const char *path, *body;
        int status;
        const char *words;
    } all[] = {
        {"txt2img", "{oops", 400, "line 1"},
        {"txt2img", "{\"steps\":\"x\"}", 400, "'steps'"},
        {"txt2img", "{\"batch_size\":0}", 400, "64"},
        {"txt2img", "{\"batch_size\":9,\"n_iter\":9}", 400, "64"},
        {"txt2img", "{\"restore_faces\":true}", 400, "restore_faces"},
        {"txt2img", "{\"tiling\":true}", 400, "tiling"},
        {"txt2img", "{\"sampler_name\":\"PLMS\"}", 400, "PLMS"},
        {"txt2img", "{\"scheduler\":\"Turbo\"}", 400, "Turbo"},
        {"txt2img", "{\"script_name\":\"x/y\"}", 400, "script"},
        {"txt2img", "{\"subseed\":5}", 400, "subseed"},
        {"txt2img", "{\"init_images\":[\"aGk=\"]}", 400, "img2img"},
        {"txt2img", "{\"override_settings\":{\"sd_model_checkpoint\":\"other\"}}", 400, "sd_model_checkpoint"},
        {"txt2img", "{\"override_settings\":{\"sd_vae\":\"x.pt\"}}", 400, "--vae"},
        {"txt2img", "{\"override_settings\":{\"override_settings\":{}}}", 400, "itself"},
        {"txt2img", "{\"override_settings\":7}", 400, "object"},
        {"img2img", "{\"prompt\":\"x\"}", 400, "init_images"},
        {"img2img", "{\"init_images\":[]}", 400, "one picture"},
        {"img2img", "{\"init_images\":[\"aGk=\",\"aGk=\"]}", 400, "one picture"},
        {"img2img", "{\"init_images\":[7]}", 400, "string"},
        {"img2img", "{\"init_images\":[\"../../etc/passwd\"]}", 400, "start"},
        {"img2img", "{\"init_images\":[\"aGk=\"],\"mask\":7,\"inpainting_mask_invert\":1}", 400, "mask"},
        {"img2img", "{\"init_images\":[\"aGk=\"],\"inpainting_fill\":2}", 400, "inpainting_fill"},
        {"img2img", "{\"init_images\":[\"aGk=\"],\"inpaint_full_res\":true}", 400, "inpaint_full_res"},
        {"options", "{\"sd_model_checkpoint\":\"other\"}", 404, "'fake'"},
        {"png-info", "{}", 404, "nothing"},
        {"samplers", "{}", 405, "GET"},
    };
    bench b = bench_begin_pictures(true, false, 0);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        json_t *v = post(&b, all[i].path, all[i].body, all[i].status);
        if (!strstr(json_text_at(v, "detail"), all[i].words))
            fail_msg("%s: %s", all[i].body, json_text_at(v, "detail"));
        json_decref(v);
    }
    json_decref(get(&b, "txt2img", 405));
    json_decref(get(&b, "nothing", 404));
    assert_int_equal(b.fake->n_made, 0);
    bench_end(&b);
}

/* Every name that the lists tell is taken by txt2img. */
void test_sdapi_lists(void **state)
{
    bench b = bench_begin_pictures(true, false, 0);
    static const struct {
        const char *path, *field;
    } lists[] = {{"samplers", "sampler_name"}, {"schedulers", "scheduler"}};
    for (size_t i = 0; i < 2; i++) {
        json_t *v = get(&b, lists[i].path, 200), *entry;
        size_t k;
        assert_true(json_array_size(v) >= 8);
        json_array_foreach(v, k, entry)
        {
            char body[200];
            snprintf(body, sizeof body, "{\"prompt\":\"x\",\"steps\":1,\"%s\":\"%s\"}", lists[i].field,
                     json_text_at(entry, "name"));
            json_decref(post(&b, "txt2img", body, 200));
            if (i == 1) {
                snprintf(body, sizeof body, "{\"prompt\":\"x\",\"steps\":1,\"scheduler\":\"%s\"}",
                         json_text_at(entry, "label"));
                json_decref(post(&b, "txt2img", body, 200));
            }
        }
        json_decref(v);
    }
    json_t *v = get(&b, "sd-models", 200);
    assert_string_equal(json_text_at(v, "0.title"), "fake");
    assert_null(strstr(json_text_at(v, "0.filename"), "/models"));
    json_decref(v);
    v = get(&b, "loras", 200);
    assert_string_equal(json_text_at(v, "1.name"), "pastel");
    json_decref(v);
    v = get(&b, "options", 200);
    assert_string_equal(json_text_at(v, "sd_model_checkpoint"), "fake");
    json_decref(v);
    json_decref(post(&b, "options", "{\"sd_model_checkpoint\":\"fake\",\"CLIP_stop_at_last_layers\":1}", 200));
    static const char *const more[] = {"upscalers", "latent-upscale-modes", "sd-vae", "cmd-flags", "embeddings"};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        json_decref(get(&b, more[i], 200));
    bench_end(&b);
}

static int send_slow(const bench *b, const char *path)
{
    static const char body[] = "{\"prompt\":\"delay:20\",\"steps\":400}";
    int fd = client_connect(b->port);
    client_send(fd, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n%s", path, sizeof body - 1,
                body);
    return fd;
}

static void await_preview(const bench *b)
{
    for (int i = 0; i < 100; i++) {
        json_t *v = get(b, "progress", 200);
        bool there = json_is_string(json_at(v, "current_image"));
        json_decref(v);
        if (there)
            return;
        usleep(20000);
    }
    fail_msg("no preview");
}

void test_sdapi_progress_and_interrupt(void **state)
{
    bench b = bench_begin_pictures(true, false, 0);
    json_t *v = get(&b, "progress", 200);
    assert_true(json_number_value(json_at(v, "progress")) == 0);
    assert_int_equal(json_integer_value(json_at(v, "state.job_count")), 0);
    assert_true(json_is_null(json_at(v, "current_image")));
    json_decref(v);
    int fd = send_slow(&b, "/sdapi/v1/txt2img");
    await_preview(&b);
    v = get(&b, "progress", 200);
    assert_true(json_number_value(json_at(v, "progress")) > 0);
    assert_int_equal(json_integer_value(json_at(v, "state.job_count")), 1);
    assert_int_equal(json_integer_value(json_at(v, "state.sampling_steps")), 400);
    assert_memory_equal(json_text_at(v, "current_image"), "/9j/", 4);
    json_decref(v);
    v = get(&b, "progress?skip_current_image=true", 200);
    assert_true(json_is_null(json_at(v, "current_image")));
    json_decref(v);
    reply r = client_call(b.port, "POST", "/sdapi/v1/interrupt", "", NULL);
    assert_int_equal(r.status, 200);
    reply_deinit(&r);
    r = client_read(fd, false);
    assert_int_equal(r.status, 400);
    assert_non_null(strstr(loam_buf_text(&r.body), "cancelled"));
    reply_deinit(&r);
    close(fd);
    bench_end(&b);
}

/* An interrupt means jobs of this API only, also when their client has left; nobody else's. */
void test_sdapi_interrupt_spares_others(void **state)
{
    bench b = bench_begin_pictures(true, false, 0);
    int other = send_slow(&b, "/v1/images/generations");
    await_preview(&b);
    int own = send_slow(&b, "/sdapi/v1/txt2img");
    usleep(150000);
    close(own);
    for (int i = 0; i < 2; i++) {
        reply r = client_call(b.port, "POST", "/sdapi/v1/interrupt", "", NULL);
        assert_int_equal(r.status, 200);
        reply_deinit(&r);
    }
    reply r = client_call(b.port, "GET", "/api/jobs", "", NULL);
    json_t *v = reply_json(&r);
    assert_string_equal(json_text_at(v, "jobs.0.state"), "cancelled");
    assert_string_equal(json_text_at(v, "jobs.1.state"), "running");
    assert_true(json_is_false(json_at(v, "jobs.1.cancelling")));
    json_decref(v);
    reply_deinit(&r);
    close(other);
    bench_end(&b);
}
