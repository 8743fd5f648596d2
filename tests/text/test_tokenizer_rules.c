/* What holds beside the ids of released models: special tokens, the promise about user text, texts that are not UTF-8,
 * very long words, and files whose tables lie. Small vocabularies, so that a reader can follow each expectation. */
#include "test_tokenizer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "test_tokenizer_vocab.h"
#include "text/text_int.h"

/* Ends the file, reads it and frees it. */
static loam_status open_vocab(vocab_file *f, loam_tokenizer **t, loam_err *err)
{
    loam_gguf *g = NULL;
    vocab_end(f);
    *t = NULL;
    loam_status st = loam_gguf_parse(loam_buf_text(&f->out), f->out.len, &g, err);
    if (st == LOAM_OK)
        st = loam_tokenizer_new(g, t, err);
    loam_gguf_close(g);
    vocab_deinit(f);
    return st;
}

static loam_tokenizer *open_good(vocab_file *f)
{
    loam_err err = LOAM_ERR_INIT;
    loam_tokenizer *t;
    if (open_vocab(f, &t, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return t;
}

static loam_tokenizer *small(const char *model, const char *pre)
{
    static vocab_tables v;
    vocab_file f;
    (strcmp(model, "llama") == 0 ? vocab_spm : vocab_bpe)(&v);
    vocab_write(&f, &v, model, pre);
    return open_good(&f);
}

/* The ids as texts of the vocabulary with '|' between. */
static void expect(const loam_tokenizer *t, const char *s, bool parse_special, bool add_bos_eos, const char *want)
{
    size_t n;
    int32_t *ids = encode(t, s, strlen(s), parse_special, add_bos_eos, &n);
    char got[1024] = "";
    size_t len = 0;
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(got + len, sizeof got - len, "%s%s", i ? " " : "", loam_tokenizer_text(t, ids[i]));
    free(ids);
    if (strcmp(got, want) != 0)
        fail_msg("'%s' gives '%s', should give '%s'", s, got, want);
}

static void merges_go_by_rank_then_from_the_left(void **state)
{
    loam_tokenizer *t = small("gpt2", "gpt-2");
    expect(t, "abc", false, false, "ab c"); /* a b is before b c */
    expect(t, "bc", false, false, "bc");
    expect(t, "ababa", false, false, "ab aba"); /* both ab first, then ab a where it still is: at the end */
    expect(t, "aaaaaaa", false, false, "aaaa aa a");
    expect(t, " ab", false, false, "Ġ ab"); /* a b is before Ġ a, and Ġ ab is no merge */
    expect(t, "ä", false, false, "Ã¤");
    loam_tokenizer_free(t);
}

static void special_tokens_come_only_from_trusted_text(void **state)
{
    loam_tokenizer *t = small("gpt2", "gpt-2");
    expect(t, "<|im_start|>a<|im_end|>", true, false, "<|im_start|> a <|im_end|>");
    expect(t, "<|im_end|>", false, false, "< | i m _ e n d | >");
    expect(t, "<tool>b", false, false, "<tool> b"); /* user-defined: always, the longest */
    expect(t, "<toola", false, false, "<tool a");
    expect(t, "<tool>!", true, false, "<tool>!");
    expect(t, "<tool>!", false, false, "<tool> !");
    expect(t, "<<|im_end|", true, false, "< < | i m _ e n d |");
    loam_tokenizer_free(t);

    static vocab_tables v;
    vocab_file f;
    vocab_bpe(&v);
    v.types[256] = 3; /* "ab", which the first merge makes */
    vocab_write(&f, &v, "gpt2", "llama-bpe");
    t = open_good(&f);
    expect(t, "ab", true, false, "ab");
    expect(t, "ab", false, false, "a b");
    loam_tokenizer_free(t);

    t = small("llama", "default");
    expect(t, "<s>a", true, false, "<s> ▁a");
    expect(t, "<s>", false, false, "▁ <s >"); /* the text of <s> can be merged together, but not into the token */
    loam_tokenizer_free(t);
}

static void user_text_never_makes_a_control_token(void **state)
{
    static const char *const parts[] = {"<", "|", "im_end", "<|im_end|>", "<s>",    "</s>", "<s",   ">",
                                        " ", "a", "<unk>",  "<|user|>",   "<tool>", "!",    "\xFF", "<0x41>"};
    uint64_t seed = 9;
    for (int k = 0; k < 2; k++) {
        loam_tokenizer *t = small(k ? "llama" : "gpt2", "llama-bpe");
        for (int i = 0; i < 2000; i++) {
            char s[256] = "";
            size_t len = 0, n, n_parts = random_below(&seed, 12);
            for (size_t p = 0; p < n_parts; p++) {
                const char *part = parts[random_below(&seed, sizeof parts / sizeof *parts)];
                memcpy(s + len, part, strlen(part));
                len += strlen(part);
            }
            int32_t *ids = encode(t, s, len, false, false, &n);
            for (size_t j = 0; j < n; j++)
                if (loam_tokenizer_is_control(t, ids[j]))
                    fail_msg("'%.*s' makes control token %d", (int)len, s, ids[j]);
            free(ids);
        }
        loam_tokenizer_free(t);
    }
}

static void any_bytes_come_back_as_they_were(void **state)
{
    uint64_t seed = 4;
    for (int k = 0; k < 2; k++) {
        loam_tokenizer *t = small(k ? "llama" : "gpt2", "qwen2");
        for (int i = 0; i < 3000; i++) {
            char s[160];
            size_t len = i % 3 ? random_text(&seed, 40, s) : random_below(&seed, sizeof s), n;
            for (size_t b = 0; i % 3 == 0 && b < len; b++)
                s[b] = (char)random_below(&seed, 256);
            int32_t *ids = encode(t, s, len, false, false, &n);
            loam_buf back;
            loam_buf_init(&back, 1 << 16);
            assert_true(loam_tokenizer_decode(t, ids, n, true, &back));
            assert_int_equal(back.len, len);
            assert_memory_equal(loam_buf_text(&back), s, len);
            loam_buf_deinit(&back);
            free(ids);
        }
        loam_tokenizer_free(t);
    }
}

static void sentencepiece_adds_and_drops_its_space(void **state)
{
    loam_tokenizer *t = small("llama", NULL);
    expect(t, "ab", false, false, "▁ab");
    expect(t, "ab", false, true, "<s> ▁ab"); /* BOS is the default of this model */
    expect(t, "", false, true, "<s>");
    expect(t, "  ab", false, false, "▁▁ ▁ab");
    expect(t, "é", false, false, "▁ <0xC3> <0xA9>");
    expect(t, "ä", false, false, "▁ ä");
    expect(t, "a<|user|>a", true, false, "▁a <|user|> ▁a");
    size_t n, len;
    int32_t *ids = encode(t, "ab ab", 5, false, true, &n);
    loam_buf b;
    loam_buf_init(&b, 100);
    assert_true(loam_tokenizer_decode(t, ids, n, true, &b));
    assert_string_equal(loam_buf_text(&b), "<s> ab ab"); /* only a text's own first space is dropped */
    loam_buf_truncate(&b, 0);
    assert_true(loam_tokenizer_decode(t, ids, n, false, &b));
    assert_string_equal(loam_buf_text(&b), "ab ab");
    assert_string_equal(loam_tokenizer_piece(t, ids[1], false, &len), " ab");
    assert_int_equal(len, 3);
    loam_buf_deinit(&b);
    free(ids);
    loam_tokenizer_free(t);
}

static void tokens_across_words_are_found(void **state)
{
    static vocab_tables v;
    vocab_file f;
    vocab_spm(&v);
    vocab_token(&v, "b▁", 1, 5);
    vocab_token(&v, "b▁a", 1, 4);
    vocab_write(&f, &v, "llama", NULL);
    loam_tokenizer *t = open_good(&f);
    expect(t, "ab ab", false, false, "▁a b▁a b");
    loam_tokenizer_free(t);
}

static void bytes_without_a_token_disappear(void **state)
{
    static vocab_tables v;
    vocab_file f;
    vocab_bpe(&v);
    v.types['x'] = 3; /* not for text */
    vocab_write(&f, &v, "gpt2", "gpt-2");
    loam_tokenizer *t = open_good(&f);
    expect(t, "x", false, false, "");
    expect(t, "axb", false, false, "ab");
    loam_tokenizer_free(t);
    vocab_spm(&v);
    v.types[3 + 0xC3] = 3;
    vocab_write(&f, &v, "llama", NULL);
    t = open_good(&f);
    expect(t, "é", false, false, "▁ <unk>"); /* where there is an unknown token, that stands for the character */
    loam_tokenizer_free(t);
}

static void keys_of_the_file_say_what_is_added(void **state)
{
    static vocab_tables v;
    vocab_file f;
    vocab_bpe(&v);
    vocab_write(&f, &v, "gpt2", "smollm");
    vocab_add_u32(&f, "bos_token_id", 264);
    vocab_add_u32(&f, "eos_token_id", 265);
    vocab_add_bool(&f, "add_bos_token", 1);
    vocab_add_bool(&f, "add_eos_token", 1);
    loam_tokenizer *t = open_good(&f);
    expect(t, "a", false, true, "<|im_start|> a <|im_end|>");
    expect(t, "a", false, false, "a");
    assert_int_equal(loam_tokenizer_bos(t), 264);
    assert_int_equal(loam_tokenizer_find(t, "<|im_end|>"), 265);
    assert_int_equal(loam_tokenizer_find(t, "<|im_en"), -1);
    assert_true(loam_tokenizer_is_end(t, 265));
    assert_false(loam_tokenizer_is_end(t, 264) || loam_tokenizer_is_end(t, -1) || loam_tokenizer_is_end(t, 1 << 30));
    size_t len;
    assert_string_equal(loam_tokenizer_piece(t, 265, false, &len), "");
    assert_string_equal(loam_tokenizer_piece(t, 265, true, &len), "<|im_end|>");
    assert_string_equal(loam_tokenizer_piece(t, 258 + VOCAB_MAX, true, &len), "");
    loam_tokenizer_free(t);

    vocab_spm(&v);
    vocab_write(&f, &v, "llama", NULL);
    vocab_add_bool(&f, "add_bos_token", 0);
    vocab_add_bool(&f, "add_space_prefix", 0);
    t = open_good(&f);
    expect(t, "ab", false, true, "ab");
    loam_tokenizer_free(t);

    v.scores[259] = -0.0f; /* "▁a" and "ab" have equal scores, so the leftmost goes first */
    v.scores[260] = 0.0f;
    v.types[261] = 3; /* "▁ab" is out of the way */
    vocab_write(&f, &v, "llama", NULL);
    t = open_good(&f);
    expect(t, "ab", false, false, "▁a b");
    loam_tokenizer_free(t);

    vocab_write(&f, &v, "llama", NULL);
    vocab_add_str(&f, "general.architecture", "phi3");
    t = open_good(&f);
    expect(t,
           "<|user|> \n\xC2\xA0"
           "a<s> a",
           true, false, "<|user|> ▁a <s> ▁ ▁a"); /* takes the white space after it, and <s> does not */
    loam_tokenizer_free(t);
}

static void ids_are_appended(void **state)
{
    loam_tokenizer *t = small("gpt2", "gpt-2");
    loam_err err = LOAM_ERR_INIT;
    int32_t *ids = NULL;
    size_t n = 0;
    assert_int_equal(loam_tokenizer_encode(t, "ab", 2, false, false, &ids, &n, &err), LOAM_OK);
    assert_int_equal(loam_tokenizer_encode(t, "bc", 2, false, false, &ids, &n, &err), LOAM_OK);
    assert_int_equal(n, 2);
    assert_int_equal(ids[0], 256);
    assert_int_equal(ids[1], 259);
    assert_int_equal(loam_tokenizer_encode(t, "b", (size_t)1 << 40, false, false, &ids, &n, &err),
                     LOAM_STATUS_TOO_LARGE);
    assert_int_equal(n, 2);
    size_t huge = ((size_t)1 << 24) + 1;
    char *word = malloc(huge);
    assert_non_null(word);
    memset(word, 'a', huge);
    assert_int_equal(loam_tokenizer_encode(t, word, huge, false, false, &ids, &n, &err), LOAM_STATUS_TOO_LARGE);
    assert_int_equal(n, 2); /* a failure leaves what was there */
    free(word);
    free(ids);
    loam_tokenizer_free(t);
}

/* What a word of any length must become, in the plainest way: the best pair, found from the left, again and again. */
static size_t merge_plainly(const loam_tokenizer *t, int32_t *ids, size_t n)
{
    for (;;) {
        uint64_t best = UINT64_MAX;
        size_t at = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            const struct loam_pair *p =
                loam_pairs_find(&t->merges, (uint64_t)(uint32_t)ids[i] << 32 | (uint32_t)ids[i + 1]);
            if (p && p->value < best) {
                best = p->value;
                at = i;
            }
        }
        if (best == UINT64_MAX)
            return n;
        ids[at] = (int32_t)(uint32_t)best;
        memmove(ids + at + 1, ids + at + 2, (n - at - 2) * sizeof *ids);
        n--;
    }
}

/* A vocabulary of merges drawn at random, so that pairs compete in every way, many texts come about twice. */
static void random_merges(vocab_tables *v, char merges[][32], size_t n_merges, uint64_t *seed)
{
    vocab_bpe(v);
    const char *known[64] = {"a", "b", "c"};
    size_t n_known = 3;
    v->n_merges = 0;
    while (v->n_merges < n_merges) {
        const char *left = known[random_below(seed, (uint32_t)n_known)];
        const char *right = known[random_below(seed, (uint32_t)n_known)];
        char text[32];
        if (strlen(left) + strlen(right) > 12)
            continue;
        snprintf(text, sizeof text, "%s%s", left, right);
        snprintf(merges[v->n_merges], 32, "%s %s", left, right);
        v->merges[v->n_merges] = merges[v->n_merges];
        v->n_merges++;
        size_t k = 0;
        while (k < n_known && strcmp(known[k], text) != 0)
            k++;
        if (k == n_known) {
            size_t id = 0; /* some are tokens of vocab_bpe already */
            while (id < v->n_tokens && strcmp(v->tokens[id], text) != 0)
                id++;
            if (id == v->n_tokens)
                vocab_token(v, text, 1, 0);
            known[n_known++] = v->tokens[id];
        }
    }
}

static void long_words_merge_like_short_ones(void **state)
{
    static vocab_tables v;
    static char merges[40][32];
    uint64_t seed = 31;
    for (int k = 0; k < 300; k++) {
        vocab_file f;
        random_merges(&v, merges, 40, &seed);
        vocab_write(&f, &v, "gpt2", "gpt-2");
        loam_tokenizer *t = open_good(&f);
        char s[400];
        int32_t want[400];
        size_t n = 1 + random_below(&seed, sizeof s), n_want, n_got;
        for (size_t i = 0; i < n; i++) {
            s[i] = "aaaabbc"[random_below(&seed, 7)];
            want[i] = loam_tokenizer_find(t, (char[]){s[i], 0});
        }
        n_want = merge_plainly(t, want, n);
        int32_t *got = encode(t, s, n, false, false, &n_got);
        assert_ids("a long word", s, n, got, n_got, want, n_want);
        free(got);
        loam_tokenizer_free(t);
    }
}

/* A megabyte without a cut: minutes if merging were quadratic, so that the suite's time limit is the check. */
static void hostile_texts_take_linear_time(void **state)
{
    enum { SIZE = 1 << 20 };
    char *s = malloc(SIZE);
    static const char *const fills[] = {"a",    "ab", " ", "\n ",          "<|im_",     "<tool",
                                        "\xE2", "'",  "1", "\xE3\x80\x80", "aB\xC2\xAA"};
    static const char *const pres[] = {"gpt-2", "deepseek-llm", "gpt-4o", "deepseek-v3", "llama-bpe"};
    assert_non_null(s);
    for (size_t p = 0; p <= sizeof pres / sizeof *pres; p++) {
        bool spm = p == sizeof pres / sizeof *pres;
        loam_tokenizer *t = small(spm ? "llama" : "gpt2", spm ? NULL : pres[p]);
        for (size_t k = 0; k < sizeof fills / sizeof *fills; k++) {
            size_t unit = strlen(fills[k]), len = SIZE / (p ? 8 : 1) / unit * unit, n;
            for (size_t i = 0; i < len; i++)
                s[i] = fills[k][i % unit];
            int32_t *ids = encode(t, s, len, true, false, &n);
            assert_true(n > 0 && n <= len + 1);
            free(ids);
        }
        loam_tokenizer_free(t);
    }
    free(s);
}

/* ---- lies ---- */

static void expect_failure(vocab_file *f, loam_status code, const char *says)
{
    loam_err err = LOAM_ERR_INIT;
    loam_tokenizer *t;
    loam_status st = open_vocab(f, &t, &err);
    if (st != code || !strstr(err.msg, says))
        fail_msg("the file gives %s '%s', should give %s with '%s'", loam_status_name(st), err.msg,
                 loam_status_name(code), says);
    assert_null(t);
}

static void lying_tables_are_damaged_data(void **state)
{
    static vocab_tables v;
    vocab_file f;
    vocab_bpe(&v);

    vocab_init(&f);
    expect_failure(&f, LOAM_STATUS_CORRUPT, "tokenizer.ggml.model is missing");
    vocab_write(&f, &v, "bert", "x");
    expect_failure(&f, LOAM_STATUS_UNSUPPORTED, "'bert'");
    vocab_write(&f, &v, "gpt2", "no-such-splitter");
    expect_failure(&f, LOAM_STATUS_UNSUPPORTED, "'no-such-splitter'");

    vocab_init(&f);
    vocab_add_str(&f, "model", "gpt2");
    expect_failure(&f, LOAM_STATUS_CORRUPT, "tokenizer.ggml.tokens is missing");
    vocab_init(&f);
    vocab_add_str(&f, "model", "gpt2");
    vocab_add_strs(&f, "tokens", v.tokens, 0);
    expect_failure(&f, LOAM_STATUS_CORRUPT, "has 0 entries");
    vocab_init(&f);
    vocab_add_u32(&f, "model", 1);
    expect_failure(&f, LOAM_STATUS_CORRUPT, "not a string");
    vocab_init(&f);
    vocab_add_str(&f, "model", "gpt2");
    vocab_add_strs(&f, "tokens", v.tokens, v.n_tokens);
    vocab_add_i32s(&f, "token_type", v.types, v.n_tokens - 1);
    expect_failure(&f, LOAM_STATUS_CORRUPT, "token_type has 268 entries for 269 tokens");
    vocab_init(&f);
    vocab_add_str(&f, "model", "gpt2");
    vocab_add_strs(&f, "tokens", v.tokens, v.n_tokens);
    expect_failure(&f, LOAM_STATUS_CORRUPT, "tokenizer.ggml.merges is missing");

    v.types[7] = 70;
    vocab_write(&f, &v, "gpt2", "gpt-2");
    expect_failure(&f, LOAM_STATUS_CORRUPT, "entry 7 is 70");
    v.types[7] = 1;
    v.merges[3] = "a zz";
    vocab_write(&f, &v, "gpt2", "gpt-2");
    expect_failure(&f, LOAM_STATUS_CORRUPT, "entry 3 'a zz' names a token that the vocabulary does not have");
    v.merges[3] = "c a"; /* both are tokens, ca is none */
    vocab_write(&f, &v, "gpt2", "gpt-2");
    expect_failure(&f, LOAM_STATUS_CORRUPT, "entry 3 'c a' names");
    v.merges[3] = "ab";
    vocab_write(&f, &v, "gpt2", "gpt-2");
    expect_failure(&f, LOAM_STATUS_CORRUPT, "entry 3 'ab' is not two tokens");
    v.merges[3] = "";
    vocab_write(&f, &v, "gpt2", "gpt-2");
    expect_failure(&f, LOAM_STATUS_CORRUPT, "entry 3");
    vocab_bpe(&v);

    vocab_write(&f, &v, "gpt2", "gpt-2");
    vocab_add_u32(&f, "bos_token_id", 269);
    expect_failure(&f, LOAM_STATUS_CORRUPT, "bos_token_id is 269, the vocabulary has 269 tokens");
    vocab_write(&f, &v, "gpt2", "gpt-2");
    vocab_add_str(&f, "eos_token_id", "x");
    expect_failure(&f, LOAM_STATUS_CORRUPT, "eos_token_id is not an integer");
    vocab_write(&f, &v, "gpt2", "gpt-2");
    vocab_add_u32(&f, "add_bos_token", 1);
    expect_failure(&f, LOAM_STATUS_CORRUPT, "add_bos_token is not true or false");
    vocab_write(&f, &v, "gpt2", "gpt-2");
    vocab_add_u32(&f, "bos_token_id", UINT32_MAX); /* how files say that there is none */
    loam_tokenizer_free(open_good(&f));
}

static void lying_scores_are_damaged_data(void **state)
{
    static vocab_tables v;
    vocab_file f;
    vocab_spm(&v);
    v.scores[20] = NAN;
    vocab_write(&f, &v, "llama", NULL);
    expect_failure(&f, LOAM_STATUS_CORRUPT, "entry 20 is not a number");
    v.scores[20] = 0;
    v.types[259] = 6; /* "▁a" */
    vocab_write(&f, &v, "llama", NULL);
    expect_failure(&f, LOAM_STATUS_CORRUPT, "token 259 is of type byte");
    vocab_init(&f);
    vocab_add_str(&f, "model", "llama");
    vocab_add_strs(&f, "tokens", v.tokens, v.n_tokens);
    vocab_add_f32s(&f, "scores", v.scores, 3);
    expect_failure(&f, LOAM_STATUS_CORRUPT, "scores has 3 entries for 272 tokens");
    vocab_init(&f);
    vocab_add_str(&f, "model", "llama");
    vocab_add_strs(&f, "tokens", v.tokens, v.n_tokens);
    expect_failure(&f, LOAM_STATUS_CORRUPT, "scores is missing");
}

test_list rule_tests(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_go_by_rank_then_from_the_left),
        cmocka_unit_test(special_tokens_come_only_from_trusted_text),
        cmocka_unit_test(user_text_never_makes_a_control_token),
        cmocka_unit_test(any_bytes_come_back_as_they_were),
        cmocka_unit_test(sentencepiece_adds_and_drops_its_space),
        cmocka_unit_test(tokens_across_words_are_found),
        cmocka_unit_test(bytes_without_a_token_disappear),
        cmocka_unit_test(keys_of_the_file_say_what_is_added),
        cmocka_unit_test(ids_are_appended),
        cmocka_unit_test(long_words_merge_like_short_ones),
        cmocka_unit_test(hostile_texts_take_linear_time),
        cmocka_unit_test(lying_tables_are_damaged_data),
        cmocka_unit_test(lying_scores_are_damaged_data),
    };
    return TEST_LIST(tests);
}
