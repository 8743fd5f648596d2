/* Tokenizers against the ids that Hugging Face's tokenizers give for the same vocabularies (../shared/data), and the
 * properties that hold for every text. */
#include "test_tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/rng.h"
#include "text/utf8.h"

const char *root_path(const char *below)
{
    static char path[4096];
    const char *root = getenv("LOAM_ROOT");
    snprintf(path, sizeof path, "%s/%s", root ? root : LOAM_SOURCE_ROOT, below);
    return path;
}

static const char *public_path(const char *name, const char *suffix)
{
    char below[256];
    snprintf(below, sizeof below, "../shared/data/tokenizers/ggml-vocab-%s.gguf%s", name, suffix);
    const char *path = root_path(below);
    FILE *f = fopen(path, "rb");
    if (!f)
        skip();
    fclose(f);
    return path;
}

loam_tokenizer *load_file(const char *path)
{
    loam_err err = LOAM_ERR_INIT;
    loam_gguf *g = NULL;
    loam_tokenizer *t = NULL;
    if (loam_gguf_open(path, &g, &err) != LOAM_OK || loam_tokenizer_new(g, &t, &err) != LOAM_OK)
        fail_msg("%s: %s", path, err.msg);
    loam_gguf_close(g);
    return t;
}

loam_tokenizer *load_public(const char *name)
{
    return load_file(public_path(name, ""));
}

char *read_public(const char *name, const char *suffix, size_t *len)
{
    char *text = NULL;
    loam_err err = LOAM_ERR_INIT;
    if (loam_file_read(public_path(name, suffix), 1 << 20, &text, len, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return text;
}

int32_t *encode(const loam_tokenizer *t, const char *s, size_t n, bool parse_special, bool add_bos_eos, size_t *n_ids)
{
    int32_t *ids = NULL;
    loam_err err = LOAM_ERR_INIT;
    *n_ids = 0;
    if (loam_tokenizer_encode(t, s, n, parse_special, add_bos_eos, &ids, n_ids, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return ids;
}

void assert_ids(const char *what, const char *text, size_t len, const int32_t *got, size_t n_got, const int32_t *want,
                size_t n_want)
{
    for (size_t i = 0; i < n_got || i < n_want; i++) {
        if (i < n_got && i < n_want && got[i] == want[i])
            continue;
        fail_msg("%s: id %zu of '%.*s' is %d, should be %d (%zu ids, should be %zu)", what, i, (int)len, text,
                 i < n_got ? got[i] : -1, i < n_want ? want[i] : -1, n_got, n_want);
    }
}

const char *next_text(const char **at, const char *end, size_t *len)
{
    static const char mark[] = "\n__ggml_vocab_test__\n";
    if (*at >= end)
        return NULL;
    const char *text = *at, *stop = strstr(text, mark); /* the files hold no NUL */
    *len = (size_t)((stop ? stop : end) - text);
    *at = stop ? stop + sizeof mark - 1 : end;
    return text;
}

uint32_t random_below(uint64_t *state, uint32_t below)
{
    uint32_t w[4];
    loam_rng_philox(12345, (*state)++, 0, w);
    return w[0] % below;
}

size_t random_text(uint64_t *state, size_t max_chars, char *out)
{
    static const char *const common[] = {
        " ",      " ",      "\n",     "\r",     "\t",     "'",      "'s",         "'LL",    "'\u017F", "a", "B",
        "\u00AA", "7",      "\u0301", "\u00A0", "\u3000", "\u4E00", "\u0E01",     "!",      "+",       "`", "/",
        "\u2028", "\u01C5", "\u02B0", "\u0663", "\u2167", "\u200D", "\U0001F600", "\u3042", "\uAC00"};
    size_t len = 0, n = random_below(state, (uint32_t)max_chars + 1);
    for (size_t i = 0; i < n; i++) {
        uint32_t kind = random_below(state, 8), cp;
        if (kind < 4) {
            const char *s = common[random_below(state, sizeof common / sizeof *common)];
            if (len + strlen(s) > 4 * max_chars)
                break;
            memcpy(out + len, s, strlen(s));
            len += strlen(s);
            continue;
        }
        cp = kind == 4   ? random_below(state, 128)
             : kind == 5 ? random_below(state, 0x600)
                         : random_below(state, 0x10FFFF);
        if (kind == 6)
            cp &= 0xFFFF;
        if (cp >= 0xD800 && cp <= 0xDFFF)
            cp = 0x2026;
        if (len + 4 > 4 * max_chars)
            break;
        len += loam_utf8_put(out + len, cp);
    }
    return len;
}

/* Line n of an .out file: ids with blanks between. */
static size_t read_line_ids(const char **at, int32_t *ids, size_t max)
{
    size_t n = 0;
    while (**at && **at != '\n') {
        char *end;
        long v = strtol(*at, &end, 10);
        if (end == *at || (n > 0 && memchr(*at, '\n', (size_t)(end - *at))))
            break;
        assert_true(n < max);
        ids[n++] = (int32_t)v;
        *at = end;
        while (**at == ' ')
            (*at)++;
    }
    if (**at == '\n')
        (*at)++;
    return n;
}

static void check_public(const char *name)
{
    loam_tokenizer *t = load_public(name);
    size_t in_len, out_len;
    char *in = read_public(name, ".inp", &in_len), *out = read_public(name, ".out", &out_len);
    const char *at = in, *line = out;
    int n_texts = 0;
    size_t len;
    for (const char *text; (text = next_text(&at, in + in_len, &len)); n_texts++) {
        int32_t want[1024];
        size_t n_want = read_line_ids(&line, want, 1024), n_got;
        int32_t *got = encode(t, text, len, false, false, &n_got);
        assert_ids(name, text, len, got, n_got, want, n_want);
        loam_buf back;
        loam_buf_init(&back, 1 << 20);
        assert_true(loam_tokenizer_decode(t, got, n_got, false, &back));
        if (back.len != len || memcmp(loam_buf_text(&back), text, len) != 0)
            fail_msg("%s: '%.*s' comes back as '%s'", name, (int)len, text, loam_buf_text(&back));
        loam_buf_deinit(&back);
        free(got);
    }
    assert_true(n_texts >= 40);
    free(in);
    free(out);
    loam_tokenizer_free(t);
}

static void gpt2_ids_equal_those_of_hugging_face(void **state)
{
    check_public("gpt-2");
}
static void mpt_ids_equal_those_of_hugging_face(void **state)
{
    check_public("mpt");
}
static void deepseek_coder_ids_equal_those_of_hugging_face(void **state)
{
    check_public("deepseek-coder");
}
static void llama_spm_ids_equal_those_of_hugging_face(void **state)
{
    check_public("llama-spm");
}
static void phi3_ids_equal_those_of_hugging_face(void **state)
{
    check_public("phi-3");
}

int main(void)
{
    static const struct CMUnitTest own[] = {
        cmocka_unit_test(gpt2_ids_equal_those_of_hugging_face),
        cmocka_unit_test(mpt_ids_equal_those_of_hugging_face),
        cmocka_unit_test(deepseek_coder_ids_equal_those_of_hugging_face),
        cmocka_unit_test(llama_spm_ids_equal_those_of_hugging_face),
        cmocka_unit_test(phi3_ids_equal_those_of_hugging_face),
    };
    test_list lists[] = {TEST_LIST(own), pretok_tests(), golden_tests(), rule_tests()};
    struct CMUnitTest all[128];
    size_t n = 0;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (size_t k = 0; k < lists[i].n && n < sizeof all / sizeof *all; k++)
            all[n++] = lists[i].tests[k];
    return _cmocka_run_group_tests("tokenizer", all, n, NULL, NULL);
}
