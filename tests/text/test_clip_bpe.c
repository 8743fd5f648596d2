/* CLIP's tokenizer against transformers' CLIPTokenizer (tests/golden/make/prompt.py): the built-in vocabulary, and a
 * small one in each of the forms that files have. */
#include "test_prompt.h"

#include "text/clip_bpe.h"

static loam_clip_bpe *built_in(void)
{
    loam_err err = LOAM_ERR_INIT;
    loam_clip_bpe *t;
    if (loam_clip_bpe_new(&t, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return t;
}

static void check_ids(const char *what, const loam_clip_bpe *t, const json_t *texts, const json_t *ids)
{
    loam_err err = LOAM_ERR_INIT;
    assert_true(json_array_size(texts) >= 40 && json_array_size(texts) == json_array_size(ids));
    for (size_t i = 0; i < json_array_size(texts); i++) {
        const json_t *text = json_array_get(texts, i);
        int32_t *got = NULL;
        size_t n = 0;
        if (loam_clip_bpe_encode(t, json_string_value(text), json_string_length(text), &got, &n, &err) != LOAM_OK)
            fail_msg("%s", err.msg);
        assert_same_ids(what, json_string_value(text), got, n, json_array_get(ids, i));
        free(got);
    }
}

static void ids_equal_those_of_transformers(void **state)
{
    loam_clip_bpe *t = built_in();
    assert_int_equal(loam_clip_bpe_n_vocab(t), 49408);
    assert_int_equal(loam_clip_bpe_bos(t), 49406);
    assert_int_equal(loam_clip_bpe_eos(t), 49407);
    assert_int_equal(loam_clip_bpe_comma(t), 267);
    json_t *golden = golden_json("clip.json");
    check_ids("built-in", t, json_object_get(golden, "texts"), json_object_get(golden, "ids"));
    json_decref(golden);
    loam_clip_bpe_free(t);
}

static void a_prompt_is_filled_up_to_77_as_diffusers_does(void **state)
{
    loam_clip_bpe *t = built_in();
    loam_err err = LOAM_ERR_INIT;
    json_t *golden = golden_json("clip.json"), *rows = json_object_get(golden, "fill");
    assert_true(json_array_size(rows) >= 20);
    size_t cut = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const json_t *text =
            json_array_get(json_object_get(golden, "texts"), (size_t)json_integer_value(json_array_get(row, 0)));
        int32_t ids[77];
        size_t used;
        assert_int_equal(
            loam_clip_bpe_fill(t, json_string_value(text), json_string_length(text), 49407, ids, 77, &used, &err),
            LOAM_OK);
        assert_same_ids("fill", json_string_value(text), ids, 77, json_array_get(row, 1));
        cut += used == 77;
        assert_int_equal(
            loam_clip_bpe_fill(t, json_string_value(text), json_string_length(text), 0, ids, 77, NULL, &err), LOAM_OK);
        for (size_t k = used; k < 77; k++)
            assert_int_equal(ids[k], 0);
    }
    assert_true(cut > 0);
    json_decref(golden);
    loam_clip_bpe_free(t);
}

static void vocabularies_of_files_give_the_same_ids(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    loam_clip_bpe *t;
    size_t len;
    json_t *golden = golden_json("clip_small/ids.json");
    const json_t *texts = json_object_get(golden, "texts"), *ids = json_object_get(golden, "ids");
    if (loam_clip_bpe_open(golden_path("clip_small"), &t, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    check_ids("vocab.json and merges.txt", t, texts, ids);
    loam_clip_bpe_free(t);
    char *text = golden_bytes("clip_small/tokenizer.json", &len);
    if (loam_clip_bpe_parse_json(text, len, &t, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    check_ids("tokenizer.json", t, texts, ids);
    loam_clip_bpe_free(t);
    free(text);
    json_decref(golden);
}

static void files_that_are_no_vocabulary_are_refused(void **state)
{
    static const struct {
        const char *vocab, *merges, *word;
    } bad[] = {
        {"[]", "", "not a JSON object"},
        {"{\"a\":1}", "", "<|startoftext|>"},
        {"{\"<|startoftext|>\":0,\"<|endoftext|>\":-1}", "", "no id"},
        {"{\"<|startoftext|>\":0,\"<|endoftext|>\":99999999}", "", "no id"},
        {"{\"<|startoftext|>\":0,\"<|endoftext|>\":1,\"a\":2}", "a b\n", "no token of the vocabulary"},
        {"{\"<|startoftext|>\":0,\"<|endoftext|>\":1,\"a\":2}", "a  a\n", "a space between"},
        {"{\"<|startoftext|>\":0,\"<|endoftext|>\":1,\"a\":2}", "aa\n", "a space between"},
        {"{\"<|startoftext|>\":0,\"<|endoftext|>\":1,\"a\":2}", " a\n", "not two tokens"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        loam_err err = LOAM_ERR_INIT;
        loam_clip_bpe *t = NULL;
        assert_int_equal(
            loam_clip_bpe_parse(bad[i].vocab, strlen(bad[i].vocab), bad[i].merges, strlen(bad[i].merges), &t, &err),
            LOAM_STATUS_CORRUPT);
        assert_null(t);
        if (!strstr(err.msg, bad[i].word))
            fail_msg("case %zu says '%s', without '%s'", i, err.msg, bad[i].word);
    }
    loam_err err = LOAM_ERR_INIT;
    loam_clip_bpe *t;
    assert_int_equal(loam_clip_bpe_open(golden_path("."), &t, &err), LOAM_STATUS_NOT_FOUND);
}

/* Bytes that are not UTF-8 are tokens too, and ids are appended to those that were there. */
static void any_bytes_have_tokens(void **state)
{
    loam_clip_bpe *t = built_in();
    loam_err err = LOAM_ERR_INIT;
    int32_t *ids = NULL;
    size_t n = 0;
    assert_int_equal(loam_clip_bpe_encode(t, "cat", 3, &ids, &n, &err), LOAM_OK);
    assert_int_equal(n, 1);
    assert_int_equal(loam_clip_bpe_encode(t, "\xFF\xC3", 2, &ids, &n, &err), LOAM_OK);
    assert_true(n >= 2 && n <= 3);
    assert_int_equal(ids[0], 2368); /* "cat</w>" of the published vocabulary */
    size_t big = (1 << 20) + 1;
    char *text = malloc(big);
    memset(text, 'x', big);
    assert_int_equal(loam_clip_bpe_encode(t, text, big, &ids, &n, &err), LOAM_STATUS_TOO_LARGE);
    assert_int_equal(loam_clip_bpe_encode(t, text, 1 << 17, &ids, &n, &err), LOAM_OK);
    free(text);
    free(ids);
    loam_clip_bpe_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_equal_those_of_transformers),
        cmocka_unit_test(a_prompt_is_filled_up_to_77_as_diffusers_does),
        cmocka_unit_test(vocabularies_of_files_give_the_same_ids),
        cmocka_unit_test(files_that_are_no_vocabulary_are_refused),
        cmocka_unit_test(any_bytes_have_tokens),
    };
    return cmocka_run_group_tests_name("clip_bpe", tests, NULL, NULL);
}
