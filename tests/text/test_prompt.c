/* Prompts against what AUTOMATIC1111's own functions give (tests/golden/make/prompt.py), and the parts that have no
 * reference to run: LoRAs, padding, weighting. */
#include "test_prompt.h"

#include <math.h>

#include "text/prompt.h"

static loam_clip_bpe *built_in(void)
{
    loam_err err = LOAM_ERR_INIT;
    loam_clip_bpe *t;
    if (loam_clip_bpe_new(&t, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return t;
}

static void weights_are_parsed_as_in_the_web_ui(void **state)
{
    json_t *golden = golden_json("chunks.json"), *rows = json_object_get(golden, "parse");
    assert_true(json_array_size(rows) >= 100);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i), *text = json_array_get(row, 0), *want = json_array_get(row, 1);
        loam_err err = LOAM_ERR_INIT;
        loam_prompt_parts p;
        if (loam_prompt_parse(json_string_value(text), json_string_length(text), &p, &err) != LOAM_OK)
            fail_msg("'%s': %s", json_string_value(text), err.msg);
        if (p.n != json_array_size(want))
            fail_msg("'%s': %zu parts, want %zu", json_string_value(text), p.n, json_array_size(want));
        for (size_t k = 0; k < p.n; k++) {
            const json_t *part = json_array_get(want, k), *s = json_array_get(part, 0);
            if (p.at[k].len != json_string_length(s) || memcmp(p.at[k].text, json_string_value(s), p.at[k].len) != 0)
                fail_msg("'%s': part %zu is '%.*s', want '%s'", json_string_value(text), k, (int)p.at[k].len,
                         p.at[k].text, json_string_value(s));
            if (p.at[k].weight != json_number_value(json_array_get(part, 1))) /* the very same double */
                fail_msg("'%s': part %zu weighs %.17g, want %.17g", json_string_value(text), k, p.at[k].weight,
                         json_number_value(json_array_get(part, 1)));
        }
        loam_prompt_parts_deinit(&p);
    }
    json_decref(golden);
}

/* Rows are written as runs: [value, times]. */
static double at_run(const json_t *row, size_t i)
{
    for (size_t k = 0; k < json_array_size(row); k++) {
        const json_t *run = json_array_get(row, k);
        size_t times = (size_t)json_integer_value(json_array_get(run, 1));
        if (i < times)
            return json_number_value(json_array_get(run, 0));
        i -= times;
    }
    fail_msg("the golden row is short");
    return 0;
}

static void long_prompts_are_cut_as_in_the_web_ui(void **state)
{
    loam_clip_bpe *t = built_in();
    json_t *golden = golden_json("chunks.json"), *rows = json_object_get(golden, "lines");
    size_t several = 0;
    assert_true(json_array_size(rows) >= 50);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i), *text = json_array_get(row, 0), *ids = json_array_get(row, 2),
                     *weights = json_array_get(row, 3);
        const char *s = json_string_value(text);
        loam_err err = LOAM_ERR_INIT;
        loam_prompt_chunks c;
        if (loam_prompt_encode(t, s, json_string_length(text), &c, &err) != LOAM_OK)
            fail_msg("'%s': %s", s, err.msg);
        if (c.n_chunks != json_array_size(ids) || (json_int_t)c.n_tokens != json_integer_value(json_array_get(row, 1)))
            fail_msg("'%s': %zu chunks and %zu tokens, want %zu and %lld", s, c.n_chunks, c.n_tokens,
                     json_array_size(ids), (long long)json_integer_value(json_array_get(row, 1)));
        several += c.n_chunks > 1;
        for (size_t k = 0; k < c.n_chunks * LOAM_PROMPT_CHUNK; k++) {
            size_t chunk = k / LOAM_PROMPT_CHUNK, at = k % LOAM_PROMPT_CHUNK;
            double id = at_run(json_array_get(ids, chunk), at), w = at_run(json_array_get(weights, chunk), at);
            if (c.ids[k] != (int32_t)id || c.weights[k] != (float)w)
                fail_msg("'%s': chunk %zu, place %zu: %d of weight %g, want %g of %g", s, chunk, at, (int)c.ids[k],
                         (double)c.weights[k], id, w);
        }
        loam_prompt_chunks_deinit(&c);
    }
    assert_true(several >= 20);
    json_decref(golden);
    loam_clip_bpe_free(t);
}

static void prompts_become_equally_long_and_padded(void **state)
{
    loam_clip_bpe *t = built_in();
    loam_err err = LOAM_ERR_INIT;
    loam_prompt_chunks c;
    assert_int_equal(loam_prompt_encode(t, "cat BREAK dog", 13, &c, &err), LOAM_OK);
    assert_int_equal(c.n_chunks, 2);
    assert_int_equal(loam_prompt_extend(&c, 3, &err), LOAM_OK);
    assert_int_equal(loam_prompt_extend(&c, 1, &err), LOAM_OK);
    assert_int_equal(c.n_chunks, 3);
    int32_t ids[3 * LOAM_PROMPT_CHUNK];
    loam_prompt_pad(&c, 0, ids);
    for (size_t i = 0; i < 3 * LOAM_PROMPT_CHUNK; i++) {
        size_t at = i % LOAM_PROMPT_CHUNK, words = i < 2 * LOAM_PROMPT_CHUNK ? 1 : 0;
        assert_int_equal(ids[i], at == 0 ? 49406 : at <= words ? c.ids[i] : at == words + 1 ? 49407 : 0);
        assert_int_equal(c.ids[i], at == 0 ? 49406 : at <= words ? ids[i] : 49407);
        assert_true(c.weights[i] == 1);
    }
    loam_prompt_chunks_deinit(&c);
    char *text = malloc(6 * 20000);
    for (size_t i = 0; i < 10000; i++)
        memcpy(text + 6 * i, "BREAK ", 6);
    assert_int_equal(loam_prompt_encode(t, text, 60000, &c, &err), LOAM_STATUS_TOO_LARGE);
    assert_int_equal(loam_prompt_encode(t, text, 120000, &c, &err), LOAM_STATUS_TOO_LARGE);
    free(text);
    loam_clip_bpe_free(t);
}

static void loras_are_taken_out(void **state)
{
    static const struct {
        const char *prompt, *text, *loras;
    } good[] = {
        {"a cat", "a cat", ""},
        {"a <lora:fox:0.8> cat", "a  cat", "fox=0.8;"},
        {"<lora:a b-c_1.2><lyco:x:-1>", "", "a b-c_1.2=1;x=-1;"},
        {"<lora:fox:0.5:0.25>!", "!", "fox=0.5;"},
        {"1 < 2 > 0 <lora> <lora:> <:x> < lora:x> <lora:x", "1 < 2 > 0 <lora> <lora:> <:x> < lora:x> <lora:x", ""},
        {"<<lora:x:.5>>", "<>", "x=0.5;"},
        {"(<lora:\xE7\x8C\xAB:+2.>:1.2)", "(:1.2)", "\xE7\x8C\xAB=2;"},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        loam_err err = LOAM_ERR_INIT;
        loam_buf text, list;
        loam_prompt_loras loras = {0};
        loam_buf_init(&text, 1000);
        loam_buf_init(&list, 1000);
        assert_int_equal(loam_prompt_extract(good[i].prompt, strlen(good[i].prompt), &text, &loras, &err), LOAM_OK);
        for (size_t k = 0; k < loras.n; k++)
            loam_buf_printf(&list, "%s=%g;", loras.at[k].name, (double)loras.at[k].weight);
        assert_string_equal(loam_buf_text(&text), good[i].text);
        assert_string_equal(loam_buf_text(&list), good[i].loras);
        loam_prompt_loras_deinit(&loras);
        loam_buf_deinit(&text);
        loam_buf_deinit(&list);
    }
    static const char *const bad[][2] = {
        {"a <hypernet:foo:1>", "'hypernet'"},
        {"<lora:x:y>", "'y'"},
        {"<lora:x:>", "''"},
        {"<lora: :1>", "names no LoRA"},
        {"<lora:x:1e9>", "'1e9'"},
        {"<lora:x:1.2.3>", "'1.2.3'"},
        {"<lora:x:nan>", "'nan'"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        loam_err err = LOAM_ERR_INIT;
        loam_buf text;
        loam_prompt_loras loras = {0};
        loam_buf_init(&text, 1000);
        assert_int_equal(loam_prompt_extract(bad[i][0], strlen(bad[i][0]), &text, &loras, &err), LOAM_STATUS_INVALID);
        if (!strstr(err.msg, bad[i][1]))
            fail_msg("'%s' says '%s', without %s", bad[i][0], err.msg, bad[i][1]);
        loam_prompt_loras_deinit(&loras);
        loam_buf_deinit(&text);
    }
}

static void weights_that_are_no_numbers_are_told(void **state)
{
    static const char *const bad[] = {"(x:1.2.3)", "(x:.)", "(x:+..)"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        loam_err err = LOAM_ERR_INIT;
        loam_prompt_parts p;
        assert_int_equal(loam_prompt_parse(bad[i], strlen(bad[i]), &p, &err), LOAM_STATUS_INVALID);
        assert_non_null(strstr(err.msg, "no weight"));
    }
}

/* By hand: weighted {2, 4, -1, 6} with mean 11/4, before it was 8/4. */
static void weighting_keeps_the_mean(void **state)
{
    float emb[4] = {1, 2, -1, 6}, w[2] = {2, 1}, want[4] = {2, 4, -1, 6};
    loam_prompt_weight(emb, w, 2, 2);
    for (int i = 0; i < 4; i++)
        assert_true(fabs((double)emb[i] - (double)want[i] * 8 / 11) < 1e-6);
    float same[3] = {1, 2, 3}, ones[3] = {1, 1, 1};
    loam_prompt_weight(same, ones, 3, 1);
    assert_true(same[0] == 1 && same[1] == 2 && same[2] == 3);
    float zero[2] = {1, 1}, signs[2] = {1, -1}; /* the mean becomes 0 */
    loam_prompt_weight(zero, signs, 2, 1);
    assert_true(zero[0] == 1 && zero[1] == -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_parsed_as_in_the_web_ui),
        cmocka_unit_test(long_prompts_are_cut_as_in_the_web_ui),
        cmocka_unit_test(prompts_become_equally_long_and_padded),
        cmocka_unit_test(loras_are_taken_out),
        cmocka_unit_test(weights_that_are_no_numbers_are_told),
        cmocka_unit_test(weighting_keeps_the_mean),
    };
    return cmocka_run_group_tests_name("prompt", tests, NULL, NULL);
}
