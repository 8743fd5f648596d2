/* Ids against golden files that Hugging Face's tokenizers and SentencePiece made (tests/golden/make/tokenizer.py):
 * every family of pre-tokenizers over GPT-2's vocabulary, Llama 2's vocabulary, and the default chat model with its
 * special tokens. */
#include "test_tokenizer.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "format/json.h"
#include "text/text_int.h"

static json_t *read_golden(const char *name)
{
    char below[256], *text = NULL;
    size_t len;
    loam_err err = LOAM_ERR_INIT;
    json_t *v = NULL;
    snprintf(below, sizeof below, "tests/golden/tokenizer/%s", name);
    if (loam_file_read(root_path(below), 16 << 20, &text, &len, &err) != LOAM_OK ||
        loam_json_parse(text, len, 16 << 20, &v, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    free(text);
    return v;
}

/* Each text of `texts` must give the array of `ids` at the same place. */
static void check(const char *what, const loam_tokenizer *t, const json_t *texts, const json_t *ids, bool parse_special)
{
    size_t n = json_array_size(texts);
    assert_true(n >= 5 && json_array_size(ids) == n);
    for (size_t i = 0; i < n; i++) {
        const json_t *text = json_array_get(texts, i), *line = json_array_get(ids, i);
        int32_t want[1024];
        size_t n_want = json_array_size(line), n_got;
        assert_true(n_want <= 1024);
        for (size_t k = 0; k < n_want; k++)
            want[k] = (int32_t)json_integer_value(json_array_get(line, k));
        const char *s = json_string_value(text);
        size_t len = json_string_length(text);
        int32_t *got = encode(t, s, len, parse_special, false, &n_got);
        assert_ids(what, s, len, got, n_got, want, n_want);
        free(got);
    }
}

static void families_split_as_hugging_face_does(void **state)
{
    loam_tokenizer *t = load_public("gpt-2");
    json_t *golden = read_golden("families.json"), *ids;
    const char *name;
    size_t n = 0;
    json_object_foreach(json_object_get(golden, "ids"), name, ids)
    {
        t->pretok = loam_pretok_get(name, strlen(name));
        if (!t->pretok)
            fail_msg("no pre-tokenizer '%s'", name);
        check(name, t, json_object_get(golden, "texts"), ids, true);
        n++;
    }
    assert_true(n >= 9);
    json_decref(golden);
    loam_tokenizer_free(t);
}

static void ids_equal_those_of_sentencepiece(void **state)
{
    loam_tokenizer *t = load_public("llama-spm");
    json_t *golden = read_golden("spm.json");
    const json_t *texts = json_object_get(golden, "texts"), *ids = json_object_get(golden, "ids");
    check("llama-spm", t, texts, ids, false);
    check("special tokens", t, json_object_get(golden, "special_texts"), json_object_get(golden, "special_ids"), true);
    assert_true(t->words_apart); /* else the next lines compare nothing */
    t->words_apart = false;
    check("llama-spm in one span", t, texts, ids, false);
    json_decref(golden);
    loam_tokenizer_free(t);
}

/* The default chat model where `loam model pull` puts it; skips the test when it is not there. */
static void find_chat_model(char *path, size_t size)
{
    const char *own = getenv("LOAM_MODELS"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    char dir[2048];
    if (own)
        snprintf(dir, sizeof dir, "%s", own);
    else if (data && data[0])
        snprintf(dir, sizeof dir, "%s/loam/models", data);
    else
        snprintf(dir, sizeof dir, "%s/.local/share/loam/models", home ? home : "");
    path[0] = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));)
        if (strncasecmp(e->d_name, "smollm2-135m", 12) == 0 && strstr(e->d_name, ".gguf") &&
            !strstr(e->d_name, ".part"))
            snprintf(path, size, "%s/%s", dir, e->d_name);
    if (d)
        closedir(d);
    if (!path[0])
        skip();
}

static void chat_model_ids_equal_those_of_hugging_face(void **state)
{
    char path[4096];
    find_chat_model(path, sizeof path);
    loam_tokenizer *t = load_file(path);
    json_t *golden = read_golden("smollm2.json");
    check("smollm2", t, json_object_get(golden, "texts"), json_object_get(golden, "ids"), true);
    int32_t end = loam_tokenizer_find(t, "<|im_end|>");
    assert_int_equal(end, loam_tokenizer_eos(t));
    assert_true(loam_tokenizer_is_end(t, end) && loam_tokenizer_is_control(t, end));
    json_decref(golden);
    loam_tokenizer_free(t);
}

test_list golden_tests(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(families_split_as_hugging_face_does),
        cmocka_unit_test(ids_equal_those_of_sentencepiece),
        cmocka_unit_test(chat_model_ids_equal_those_of_hugging_face),
    };
    return TEST_LIST(tests);
}
