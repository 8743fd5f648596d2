/* Texts of how a picture was made: read as the web UI of AUTOMATIC1111 reads them and quoted as it quotes
 * (tests/golden/make/generation_text.py); what is written comes back; what is not the web UI's own form is read too. */
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "format/generation_text.h"
#include "format/json.h"
#include "format_test.h"

#define ASSERT_OK(expr)               \
    do {                              \
        loam_err err = LOAM_ERR_INIT; \
        if ((expr) != LOAM_OK)        \
            fail_msg("%s", err.msg);  \
    } while (0)

static json_t *golden(const char *part)
{
    size_t n;
    json_t *all;
    char *text = read_root_file("tests/golden/picture/generation_text.json", &n);
    ASSERT_OK(loam_json_parse(text, n, n, &all, &err));
    json_t *list = json_incref(json_object_get(all, part));
    assert_true(json_array_size(list) > 0);
    json_decref(all);
    free(text);
    return list;
}

static void reads_as_the_web_ui(void **state)
{
    size_t i;
    json_t *list = golden("read"), *c, *value;
    json_array_foreach(list, i, c)
    {
        const char *text = json_string_value(json_object_get(c, "text")), *key;
        json_t *want = json_object_get(c, "settings");
        loam_generation_text g;
        ASSERT_OK(loam_generation_text_parse(text, strlen(text), &g, &err));
        assert_string_equal(g.prompt, json_string_value(json_object_get(c, "prompt")));
        assert_string_equal(g.negative, json_string_value(json_object_get(c, "negative")));
        for (size_t k = 0; k < g.n_settings; k++)
            if (!json_object_get(want, g.settings[k].key))
                fail_msg("case %zu: '%s: %s' is no setting of: %s", i, g.settings[k].key, g.settings[k].value, text);
        json_object_foreach(want, key, value)
        {
            const char *got = loam_generation_text_get(&g, key);
            if (!got || strcmp(got, json_string_value(value)) != 0)
                fail_msg("case %zu: %s is '%s', should be '%s'", i, key, got ? got : "(not there)",
                         json_string_value(value));
        }
        loam_generation_text_deinit(&g);
    }
    json_decref(list);
}

static void quotes_as_the_web_ui(void **state)
{
    size_t i, k;
    json_t *list = golden("written"), *c, *pair;
    json_array_foreach(list, i, c)
    {
        loam_generation_text g = {0};
        loam_buf b;
        loam_buf_init(&b, 10000);
        json_array_foreach(json_object_get(c, "settings"), k, pair) ASSERT_OK(loam_generation_text_add(
            &g, &err, json_string_value(json_array_get(pair, 0)), "%s", json_string_value(json_array_get(pair, 1))));
        ASSERT_OK(loam_generation_text_format(&g, &b, &err));
        assert_string_equal(b.data + 1, json_string_value(json_object_get(c, "line"))); /* behind the empty prompt */
        loam_buf_deinit(&b);
        loam_generation_text_deinit(&g);
    }
    json_decref(list);
}

static void expect(const char *text, const char *key, const char *value)
{
    loam_generation_text g;
    ASSERT_OK(loam_generation_text_parse(text, strlen(text), &g, &err));
    const char *got = loam_generation_text_get(&g, key);
    assert_non_null(got);
    assert_string_equal(got, value);
    loam_generation_text_deinit(&g);
}

/* Where others put JSON without quotes, which the web UI takes apart at its commas. */
static void json_values(void **state)
{
    static const char cpp[] =
        "a lovely cat\nSteps: 20, CFG scale: 7.000000, Slg scale: 2.500000, Skip layers: [7, 8, 9, ], Skip layer "
        "start: "
        "0.010000, Seed: 42, Size: 512x512, Sampler: euler_a, Version: stable-diffusion.cpp, "
        "SDCPP: {\"seed\": 42, \"lora\": [{\"name\": \"a, b}\"}], \"prompt\": \"x: \\\"y\\\", z\"}";
    expect(cpp, "Skip layers", "[7, 8, 9, ]");
    expect(cpp, "Skip layer start", "0.010000");
    expect(cpp, "Version", "stable-diffusion.cpp");
    expect(cpp, "SDCPP", "{\"seed\": 42, \"lora\": [{\"name\": \"a, b}\"}], \"prompt\": \"x: \\\"y\\\", z\"}");
    static const char civitai[] =
        "a photo\nNegative prompt: bad\nSteps: 4, Sampler: Euler, CFG scale: 1.0, Seed: 1099633777240739, Size: "
        "1088x1920, Civitai resources: [{\"type\":\"checkpoint\",\"modelVersionId\":67890,\"modelName\":\"M, "
        "x\"}], Civitai metadata: {}, Clip skip: 2";
    expect(civitai, "Civitai resources", "[{\"type\":\"checkpoint\",\"modelVersionId\":67890,\"modelName\":\"M, x\"}]");
    expect(civitai, "Civitai metadata", "{}");
    expect(civitai, "Clip skip", "2");
    expect("a\nSteps: 1, Sampler: x, Open: [1, Seed: 2, Note: {], Size: 8x8", "Open", "[1");
    expect("a\nSteps: 1, Sampler: x, Open: [1, Seed: 2, Note: {], Size: 8x8", "Seed", "2");
    expect("a\nSteps: 1, Sampler: x, Open: [1, Seed: 2, Note: {], Size: 8x8", "Note", "{]");
    /* two settings are enough when they begin as settings do */
    expect("a\nSteps: 20, Seed: 7", "Seed", "7");
}

static uint32_t next(uint64_t *count)
{
    uint32_t words[4];
    loam_rng_philox(11, (*count)++, 0, words);
    return words[0];
}

static char *random_text(uint64_t *r, const char *const *pieces, size_t n_pieces, int most)
{
    loam_buf b;
    loam_buf_init(&b, 10000);
    int n = (int)(next(r) % (uint32_t)(most + 1));
    loam_buf_str(&b, "");
    for (int i = 0; i < n; i++)
        loam_buf_str(&b, pieces[next(r) % n_pieces]);
    return loam_buf_take(&b);
}

/* What is written is read again, whatever stands in it, as long as lines do not begin or end in blanks and no line of
 * the prompts begins with the mark. */
static void comes_back(void **state)
{
    static const char *const words[] = {"cat",  "(red:1.2)", "größe", "雲",    "🐋",   "<lora:a:1>", "x, y", "a: b",
                                        "\n\n", "\"",        "\\",    "[a|b]", "{c}", "Steps: 3",   "-"};
    static const char *const values[] = {"a", "7", ",", ":", "\"", "\\", "\n",      "\t",  " ",
                                         "[", "]", "{", "}", "é",  "🐋",  "x, y: z", "\x01"};
    static const char *const keys[] = {"Steps", "Sampler", "CFG scale", "Model/VAE", "ENSD", "Größe", "x2", "a_b-c"};
    uint64_t r = 0;
    for (int round = 0; round < 3000; round++) {
        loam_generation_text g = {0}, back;
        loam_buf b;
        loam_buf_init(&b, 100000);
        /* letters at both ends, so that nothing is trimmed */
        char *p = random_text(&r, words, sizeof words / sizeof *words, 8);
        char *n = random_text(&r, words, sizeof words / sizeof *words, 8);
        loam_buf_printf(&b, "p%sp", p);
        char *prompt = loam_buf_take(&b);
        loam_buf_printf(&b, "%s%s", n, n[0] ? "n" : "");
        char *negative = loam_buf_take(&b);
        if (negative[0] == '\n')
            negative[0] = '_'; /* empty first lines are dropped */
        if (negative[0] && negative[1] == '\n')
            negative[1] = '_';
        ASSERT_OK(loam_generation_text_set_prompts(&g, prompt, negative, &err));
        size_t count = 3 + next(&r) % 5;
        for (size_t i = 0; i < count; i++) {
            char *value = random_text(&r, values, sizeof values / sizeof *values, 6);
            ASSERT_OK(loam_generation_text_add(&g, &err, keys[i], "%s", value));
            free(value);
        }
        ASSERT_OK(loam_generation_text_format(&g, &b, &err));
        ASSERT_OK(loam_generation_text_parse(b.data, b.len, &back, &err));
        assert_string_equal(back.prompt, g.prompt);
        assert_string_equal(back.negative, g.negative);
        assert_int_equal(back.n_settings, count);
        for (size_t i = 0; i < count; i++) {
            assert_string_equal(back.settings[i].key, g.settings[i].key);
            if (strcmp(back.settings[i].value, g.settings[i].value) != 0)
                fail_msg("'%s' came back as '%s' in: %s", g.settings[i].value, back.settings[i].value, b.data);
        }
        loam_generation_text_deinit(&back);
        loam_generation_text_deinit(&g);
        loam_buf_deinit(&b);
        free(p);
        free(n);
        free(prompt);
        free(negative);
    }
}

static void refuses(void **state)
{
    loam_generation_text g = {0};
    static const char *const bad[] = {"", "a", "a:b", "a,b", " ab", "ab ", "\"ab", "-ab"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        loam_err err = LOAM_ERR_INIT;
        assert_int_equal(loam_generation_text_add(&g, &err, bad[i], "x"), LOAM_STATUS_INVALID);
        assert_says(&err, "cannot be the name of a setting");
    }
    assert_int_equal(g.n_settings, 0);
    loam_err large_err = LOAM_ERR_INIT;
    char *large = malloc(LOAM_GENERATION_TEXT_MAX + 1);
    memset(large, 'x', LOAM_GENERATION_TEXT_MAX + 1);
    assert_int_equal(loam_generation_text_parse(large, LOAM_GENERATION_TEXT_MAX + 1, &g, &large_err),
                     LOAM_STATUS_TOO_LARGE);
    free(large);
    loam_buf b;
    loam_buf_init(&b, 5);
    ASSERT_OK(loam_generation_text_set_prompts(&g, "a long prompt", NULL, &err));
    assert_int_equal(loam_generation_text_format(&g, &b, &large_err), LOAM_STATUS_TOO_LARGE);
    assert_int_equal(b.len, 0);
    loam_buf_deinit(&b);
    loam_generation_text_deinit(&g);
    /* a NUL ends the text */
    ASSERT_OK(loam_generation_text_parse("a\0b", 3, &g, &err));
    assert_string_equal(g.prompt, "a");
    loam_generation_text_deinit(&g);
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(reads_as_the_web_ui), cmocka_unit_test(quotes_as_the_web_ui),
                                          cmocka_unit_test(json_values), cmocka_unit_test(comes_back),
                                          cmocka_unit_test(refuses)};

test_list generation_text_tests(void)
{
    return TEST_LIST(tests);
}
