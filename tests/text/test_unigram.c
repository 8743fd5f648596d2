/* The unigram tokenizer against SentencePiece, Hugging Face's tokenizers, and diffusers with ftfy
 * (tests/golden/make/prompt.py): small models that differ in how they normalise and what kinds of pieces they have. */
#include "test_prompt.h"

#include <math.h>

#include "text/unigram.h"

static loam_unigram *load(const char *name)
{
    loam_err err = LOAM_ERR_INIT;
    loam_unigram *t;
    if (loam_unigram_open(golden_path(name), &t, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return t;
}

static void check(const char *what, const loam_unigram *t, const json_t *texts, const json_t *ids)
{
    loam_err err = LOAM_ERR_INIT;
    assert_true(json_array_size(texts) >= 50 && json_array_size(texts) == json_array_size(ids));
    for (size_t i = 0; i < json_array_size(texts); i++) {
        const json_t *text = json_array_get(texts, i);
        int32_t *got = NULL;
        size_t n = 0;
        if (loam_unigram_encode(t, json_string_value(text), json_string_length(text), &got, &n, &err) != LOAM_OK)
            fail_msg("%s", err.msg);
        assert_same_ids(what, json_string_value(text), got, n, json_array_get(ids, i));
        free(got);
    }
}

static void ids_equal_those_of_sentencepiece(void **state)
{
    json_t *golden = golden_json("unigram.json"), *ids;
    const char *name;
    size_t n = 0;
    json_object_foreach(json_object_get(golden, "ids"), name, ids)
    {
        char file[64];
        snprintf(file, sizeof file, "unigram_%s.model", name);
        loam_unigram *t = load(file);
        assert_int_equal(loam_unigram_pad(t), 0);
        assert_int_equal(loam_unigram_eos(t), 1);
        assert_int_equal(loam_unigram_bos(t), 2);
        assert_int_equal(loam_unigram_unk(t), 3);
        check(name, t, json_object_get(golden, "texts"), ids);
        loam_unigram_free(t);
        n++;
    }
    assert_true(n >= 8);
    json_decref(golden);
}

static void bytes_that_are_no_text_equal_those_of_sentencepiece(void **state)
{
    loam_unigram *t = load("unigram_bytes.model");
    json_t *golden = golden_json("unigram.json"), *rows = json_object_get(golden, "bytes");
    assert_true(json_array_size(rows) >= 5);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *bytes = json_array_get(json_array_get(rows, i), 0);
        char text[16];
        size_t len = json_array_size(bytes), n = 0;
        for (size_t k = 0; k < len; k++)
            text[k] = (char)json_integer_value(json_array_get(bytes, k));
        int32_t *got = NULL;
        loam_err err = LOAM_ERR_INIT;
        assert_int_equal(loam_unigram_encode(t, text, len, &got, &n, &err), LOAM_OK);
        assert_same_ids("bytes", "(not UTF-8)", got, n, json_array_get(json_array_get(rows, i), 1));
        free(got);
    }
    json_decref(golden);
    loam_unigram_free(t);
}

static void a_tokenizer_json_gives_the_ids_of_hugging_face(void **state)
{
    loam_unigram *t = load("unigram.tokenizer.json");
    json_t *golden = golden_json("unigram_hf.json");
    assert_int_equal(loam_unigram_pad(t), 0);
    assert_int_equal(loam_unigram_eos(t), 1);
    check("tokenizer.json", t, json_object_get(golden, "texts"), json_object_get(golden, "ids"));
    json_decref(golden);
    loam_unigram_free(t);
}

static void a_text_is_filled_up_and_cut(void **state)
{
    loam_unigram *t = load("unigram_rules.model");
    loam_err err = LOAM_ERR_INIT;
    int32_t ids[64], cut[4], *all = NULL;
    size_t used, n = 0;
    const char *text = "a photo of an astronaut riding";
    assert_int_equal(loam_unigram_encode(t, text, strlen(text), &all, &n, &err), LOAM_OK);
    assert_true(n > 4 && n < 63);
    assert_int_equal(loam_unigram_fill(t, text, strlen(text), ids, 64, &used, &err), LOAM_OK);
    assert_int_equal(used, n + 1);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(ids[i], i < n ? all[i] : i == n ? 1 : 0);
    assert_int_equal(loam_unigram_fill(t, text, strlen(text), cut, 4, &used, &err), LOAM_OK);
    assert_int_equal(used, 4);
    assert_memory_equal(cut, all, 3 * sizeof *cut);
    assert_int_equal(cut[3], 1);
    assert_int_equal(loam_unigram_fill(t, NULL, 0, cut, 4, &used, &err), LOAM_OK);
    assert_int_equal(used, 1);
    assert_int_equal(cut[0], 1);
    free(all);
    loam_unigram_free(t);
}

/* Plain arrays, as GGUF has them. */
static void tables_make_a_tokenizer_or_are_refused(void **state)
{
    const char *const pieces[] = {"<pad>", "</s>", "<unk>", "\xE2\x96\x81", "a", "b", "ab", "\xE2\x96\x81\x61\x62"};
    const size_t lens[] = {5, 4, 5, 3, 1, 1, 2, 5};
    double scores[] = {0, 0, 0, -2, -3, -3, -4, -8};
    const uint8_t types[] = {3, 3, 2, 1, 1, 1, 1, 1};
    loam_unigram_tables tables = LOAM_UNIGRAM_TABLES_INIT;
    tables.n = 8;
    tables.pieces = pieces;
    tables.lens = lens;
    tables.scores = scores;
    tables.types = types;
    loam_err err = LOAM_ERR_INIT;
    loam_unigram *t;
    int32_t *ids = NULL;
    size_t n = 0;
    assert_int_equal(loam_unigram_new(&tables, &t, &err), LOAM_OK);
    assert_int_equal(loam_unigram_encode(t, "abb xx", 6, &ids, &n, &err), LOAM_OK);
    static const int32_t want[] = {3, 6, 5, 3, 2}; /* ▁ ab b ▁ and one unknown for both x: -2-4 beats -8 */
    assert_int_equal(n, 5);
    assert_memory_equal(ids, want, sizeof want);
    free(ids);
    loam_unigram_free(t);
    for (int i = 0; i < 6; i++) {
        loam_unigram_tables bad = tables;
        const char *const same[] = {"<pad>", "</s>", "<unk>", "a", "a", "b", "ab", "xy"};
        const size_t other_lens[] = {5, 4, 5, 1, 1, 1, 2, 2};
        double nan_scores[] = {0, 0, 0, -2, -3, (double)NAN, -4, -8};
        bad.unk = i == 0 ? -1 : i == 1 ? 8 : 2;
        bad.scores = i == 2 ? nan_scores : scores;
        bad.pieces = i == 3 ? same : pieces;
        bad.lens = i == 3 ? other_lens : lens;
        bad.byte_fallback = i == 4;
        bad.charsmap = "\xFF\xFF\xFF\x7F"
                       "abcd";
        bad.charsmap_len = i == 5 ? 8 : 0;
        assert_int_equal(loam_unigram_new(&bad, &t, &err), LOAM_STATUS_CORRUPT);
        assert_null(t);
    }
}

/* A file that ends anywhere is refused or has fewer pieces; it never crashes. */
static void cut_off_files_are_told(void **state)
{
    size_t len, refused = 0;
    char *bytes = golden_bytes("unigram_symbols.model", &len);
    for (size_t n = 0; n < len; n += 7) {
        loam_err err = LOAM_ERR_INIT;
        loam_unigram *t;
        char *exact = malloc(n ? n : 1); /* so that ASan sees a byte too many */
        memcpy(exact, bytes, n);
        loam_status st = loam_unigram_parse_model(exact, n, &t, &err);
        assert_true(st == LOAM_OK || st == LOAM_STATUS_CORRUPT);
        refused += st != LOAM_OK;
        loam_unigram_free(t);
        free(exact);
    }
    assert_true(refused > len / 14);
    free(bytes);
}

static void prompts_are_cleaned_as_wan_does(void **state)
{
    json_t *rows = golden_json("clean.json");
    assert_true(json_array_size(rows) >= 100);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *text = json_array_get(json_array_get(rows, i), 0),
                     *want = json_array_get(json_array_get(rows, i), 1);
        loam_err err = LOAM_ERR_INIT;
        loam_buf out;
        loam_buf_init(&out, 1 << 20);
        assert_int_equal(loam_unigram_clean(json_string_value(text), json_string_length(text), &out, &err), LOAM_OK);
        if (out.len != json_string_length(want) || memcmp(loam_buf_text(&out), json_string_value(want), out.len) != 0)
            fail_msg("'%s' becomes '%s', want '%s'", json_string_value(text), loam_buf_text(&out),
                     json_string_value(want));
        loam_buf_deinit(&out);
    }
    json_decref(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_equal_those_of_sentencepiece),
        cmocka_unit_test(bytes_that_are_no_text_equal_those_of_sentencepiece),
        cmocka_unit_test(a_tokenizer_json_gives_the_ids_of_hugging_face),
        cmocka_unit_test(a_text_is_filled_up_and_cut),
        cmocka_unit_test(tables_make_a_tokenizer_or_are_refused),
        cmocka_unit_test(cut_off_files_are_told),
        cmocka_unit_test(prompts_are_cleaned_as_wan_does),
    };
    return cmocka_run_group_tests_name("unigram", tests, NULL, NULL);
}
