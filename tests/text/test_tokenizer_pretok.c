/* The hand-written splitters against the regular expressions that they stand for, run by PCRE2, on the nasty texts of
 * ../shared/data and on random Unicode. This is the only file that knows PCRE2. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "test_tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/text_int.h"

/* The files say \s, where PCRE2 also counts U+180E, which left White_Space in Unicode 6.3: so it is spelled out. */
#define SPACES "\\t-\\r \\x{85}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}"
#define S "[" SPACES "]"
#define NOT_S "[^" SPACES "]"
#define SHORT "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define ENDS S "+(?!" NOT_S ")|" S "+"
#define LINES S "*[\\r\\n]+|" ENDS
#define WORDS(digits) "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}" digits "| ?[^" SPACES "\\p{L}\\p{N}]+[\\r\\n]*|" LINES
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define CASED(short, digits)                                                                     \
    "[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+" short "|[^\\r\\n\\p{L}\\p{N}]?" UPPER "+" LOWER \
                                                       "*" short "|\\p{N}" digits "| ?[^" SPACES \
                                                                 "\\p{L}\\p{N}]+[\\r\\n/]*|" LINES
#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" SPACES "\\p{L}\\p{N}]+|" ENDS
#define CJK "[一-龥ࠀ-一가-\\x{D7FF}]+"

/* Cased letters, as DeepSeek LLM's tokenizer.json lists them. */
#define CASED_LETTERS                                                                                              \
    "A-Za-z\\x{B5}\\x{C0}-\\x{D6}\\x{D8}-\\x{F6}\\x{F8}-\\x{1BA}\\x{1BC}-\\x{1BF}\\x{1C4}-\\x{293}"                \
    "\\x{295}-\\x{2AF}\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37B}-\\x{37D}\\x{37F}\\x{386}\\x{388}-\\x{38A}\\x{38C}" \
    "\\x{38E}-\\x{3A1}\\x{3A3}-\\x{3F5}\\x{3F7}-\\x{481}\\x{48A}-\\x{52F}\\x{531}-\\x{556}\\x{10A0}-\\x{10C5}"     \
    "\\x{13A0}-\\x{13F5}\\x{13F8}-\\x{13FD}\\x{1C90}-\\x{1CBA}\\x{1CBD}-\\x{1CBF}\\x{1D00}-\\x{1D2B}"              \
    "\\x{1D6B}-\\x{1D77}\\x{1D79}-\\x{1D9A}\\x{1E00}-\\x{1F15}\\x{1F18}-\\x{1F1D}\\x{1F20}-\\x{1F45}"              \
    "\\x{1F48}-\\x{1F4D}\\x{1F50}-\\x{1F57}\\x{1F59}\\x{1F5B}\\x{1F5D}\\x{1F5F}-\\x{1F7D}\\x{1F80}-\\x{1FB4}"      \
    "\\x{1FB6}-\\x{1FBC}\\x{1FBE}\\x{1FC2}-\\x{1FC4}\\x{1FC6}-\\x{1FCC}\\x{1FD0}-\\x{1FD3}\\x{1FD6}-\\x{1FDB}"     \
    "\\x{1FE0}-\\x{1FEC}\\x{1FF2}-\\x{1FF4}\\x{1FF6}-\\x{1FFC}\\x{2102}\\x{2107}\\x{210A}-\\x{2113}\\x{2115}"      \
    "\\x{2119}-\\x{211D}\\x{2124}\\x{2126}\\x{2128}\\x{212A}-\\x{212D}\\x{212F}-\\x{2134}\\x{2139}"                \
    "\\x{213C}-\\x{213F}\\x{2145}-\\x{2149}\\x{214E}\\x{2183}\\x{2184}\\x{2C00}-\\x{2C7B}\\x{2C7E}-\\x{2CE4}"      \
    "\\x{2CEB}-\\x{2CEE}\\x{2CF2}\\x{2CF3}\\x{A640}-\\x{A66D}\\x{A680}-\\x{A69B}\\x{A722}-\\x{A76F}"               \
    "\\x{A771}-\\x{A787}\\x{A78B}-\\x{A78E}\\x{AB70}-\\x{ABBF}\\x{FB00}-\\x{FB06}\\x{FB13}-\\x{FB17}"              \
    "\\x{FF21}-\\x{FF3A}\\x{FF41}-\\x{FF5A}\\x{10400}-\\x{1044F}\\x{104B0}-\\x{104D3}\\x{104D8}-\\x{104FB}"        \
    "\\x{10C80}-\\x{10CB2}\\x{10CC0}-\\x{10CF2}\\x{118A0}-\\x{118DF}\\x{1E900}-\\x{1E943}"

static const struct family {
    const char *name, *regex[LOAM_PRETOK_MAX_PASSES];
} families[] = {
    {"gpt-2", {GPT2}},
    {"smollm", {"\\p{N}", GPT2}},
    {"llama-bpe", {SHORT "|" WORDS("{1,3}")}},
    {"qwen2", {SHORT "|" WORDS("")}},
    {"bailingmoe",
     {"'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}| ?[^" SPACES "\\p{L}\\p{N}]++[\\r\\n]*|" S
      "*[\\r\\n]|" ENDS}},
    {"qwen35",
     {SHORT "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^" SPACES "\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" LINES}},
    {"ufakzeka", {WORDS("")}},
    {"seed-coder", {SHORT "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^" SPACES "\\p{L}\\p{N}\\r\\n]+|" LINES}},
    {"minicpm5", {"\\p{N}{1,3}", SHORT "|" WORDS("+")}},
    {"gpt-4o", {CASED(SHORT "?", "{1,3}")}},
    {"tekken", {CASED("", "")}},
    {"deepseek-coder", {"[\\r\\n]", S "?\\p{L}+", S "?\\p{P}+", CJK, "\\p{N}"}},
    {"deepseek-llm", {"[\\r\\n]", S "?[" CASED_LETTERS "]+", S "?[!-/:-~！-／：-～‘-‟　-。]+", S "+$", CJK, "\\p{N}"}},
    {"deepseek-v3",
     {"\\p{N}{1,3}", "[一-龥\\x{3040}-ゟ゠-ヿ]+",
      "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| "
      "?[\\p{P}\\p{S}]+"
      "[\\r\\n]*|" LINES}},
    {"falcon", {"[\\p{P}$+<=>^~|`]+", GPT2, "[0-9][0-9][0-9]"}},
    {"default", {"[\\p{P}$+<=>^~|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"}},
};

/* The ends of the words of one text, from 0. */
typedef struct cuts {
    size_t at[4096], n;
} cuts;

static void cut(cuts *c, size_t n)
{
    assert_true(c->n < sizeof c->at / sizeof *c->at);
    c->at[c->n] = (c->n ? c->at[c->n - 1] : 0) + n;
    c->n++;
}

static loam_status take_word(void *arg, const char *s, size_t n, loam_err *err)
{
    cut(arg, n);
    return LOAM_OK;
}

static pcre2_code *compile(const char *regex)
{
    int code;
    PCRE2_SIZE at;
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &code, &at, NULL);
    if (!re)
        fail_msg("'%s' does not compile at %zu", regex, (size_t)at);
    return re;
}

static void split_by_regex(pcre2_code *const *re, const char *s, size_t n, cuts *out)
{
    if (!*re) {
        cut(out, n);
        return;
    }
    pcre2_match_data *m = pcre2_match_data_create_from_pattern(*re, NULL);
    size_t from = 0;
    while (from < n) {
        size_t start = n, end = n;
        if (pcre2_match(*re, (PCRE2_SPTR)s, n, from, PCRE2_NO_UTF_CHECK, m, NULL) > 0) {
            start = pcre2_get_ovector_pointer(m)[0];
            end = pcre2_get_ovector_pointer(m)[1];
        }
        /* A piece of its own: nothing before or after it may be seen. */
        if (start > from)
            split_by_regex(re + 1, s + from, start - from, out);
        if (end > start)
            split_by_regex(re + 1, s + start, end - start, out);
        from = end;
    }
    pcre2_match_data_free(m);
}

static void check_text(const struct family *f, const loam_pretok *p, pcre2_code *const *re, const char *s, size_t n)
{
    static cuts want, got;
    want.n = got.n = 0;
    split_by_regex(re, s, n, &want);
    assert_int_equal(loam_pretok_run(p, s, n, take_word, &got, NULL), LOAM_OK);
    for (size_t i = 0; i < want.n || i < got.n; i++)
        if (i >= want.n || i >= got.n || want.at[i] != got.at[i])
            fail_msg("%s: word %zu of '%.*s' ends at %zu, should at %zu", f->name, i, (int)n, s,
                     i < got.n ? got.at[i] : 0, i < want.n ? want.at[i] : 0);
}

/* Characters that PCRE2's and utf8proc's versions of Unicode class differently, because one is older. */
static uint8_t disputed[0x110000 / 8];

static bool is_disputed(uint32_t cp)
{
    return disputed[cp / 8] >> cp % 8 & 1;
}

static void remove_disputed(char *s, size_t *n)
{
    size_t out = 0, len;
    for (size_t at = 0; at < *n; at += len) {
        uint32_t cp;
        len = loam_utf8_next(s + at, *n - at, &cp);
        if (!is_disputed(cp)) {
            memmove(s + out, s + at, len);
            out += len;
        }
    }
    *n = out;
}

static void categories_agree_with_pcre2(void **state)
{
    static const struct {
        const char *regex;
        uint8_t bit;
    } classes[] = {{"^\\p{L}", LOAM_CP_L},      {"^\\p{N}", LOAM_CP_N},
                   {"^\\p{P}", LOAM_CP_P},      {"^\\p{S}", LOAM_CP_S},
                   {"^\\p{M}", LOAM_CP_M},      {"^" S, LOAM_CP_SPACE},
                   {"^\\p{Ll}", LOAM_CP_LOWER}, {"^[\\p{Lu}\\p{Lt}]", LOAM_CP_UPPER}};
    size_t n_disputed = 0;
    pcre2_code *unassigned = compile("^\\p{Cn}");
    for (size_t k = 0; k < sizeof classes / sizeof *classes; k++) {
        pcre2_code *re = compile(classes[k].regex);
        pcre2_match_data *m = pcre2_match_data_create_from_pattern(re, NULL);
        for (uint32_t cp = 0; cp < 0x110000; cp++) {
            if (cp >= 0xD800 && cp <= 0xDFFF)
                continue;
            char s[4];
            size_t len = loam_utf8_put(s, cp);
            bool want = pcre2_match(re, (PCRE2_SPTR)s, len, 0, PCRE2_NO_UTF_CHECK, m, NULL) > 0;
            loam_char c = loam_char_at(s, len, 0);
            assert_true(c.len == len && c.cp == cp);
            if (((c.set & classes[k].bit) != 0) == want)
                continue;
            bool new_here = pcre2_match(unassigned, (PCRE2_SPTR)s, len, 0, PCRE2_NO_UTF_CHECK, m, NULL) > 0;
            if (!new_here && c.set)
                fail_msg("U+%04X is of class 0x%02x here, and PCRE2 says that '%s' is %d", (unsigned)cp, c.set,
                         classes[k].regex, want);
            disputed[cp / 8] |= (uint8_t)(1 << cp % 8);
            n_disputed++;
        }
        pcre2_match_data_free(m);
        pcre2_code_free(re);
    }
    pcre2_code_free(unassigned);
    assert_true(n_disputed < 20000);
}

static void splitters_cut_where_their_regular_expressions_do(void **state)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        const struct family *f = &families[i];
        const loam_pretok *p = loam_pretok_get(f->name, strlen(f->name));
        if (!p)
            fail_msg("no pre-tokenizer '%s'", f->name);
        pcre2_code *re[LOAM_PRETOK_MAX_PASSES + 1] = {0};
        for (size_t k = 0; k < LOAM_PRETOK_MAX_PASSES && f->regex[k]; k++) {
            re[k] = compile(f->regex[k]);
            pcre2_jit_compile(re[k], PCRE2_JIT_COMPLETE);
        }
        uint64_t seed = 1000 * i;
        for (int k = 0; k < 4000; k++) {
            char s[4 * 40];
            size_t n = random_text(&seed, k % 4 ? 12 : 40, s);
            remove_disputed(s, &n);
            if (n > 0)
                check_text(f, p, re, s, n);
        }
        for (size_t k = 0; re[k]; k++)
            pcre2_code_free(re[k]);
    }
}

static void splitters_cut_nasty_texts_like_their_regular_expressions(void **state)
{
    static const char *const files[] = {"llama-bpe", "qwen2", "qwen35", "gemma-4"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t in_len, len;
        char *in = read_public(files[i], ".inp", &in_len);
        for (size_t k = 0; k < sizeof families / sizeof *families; k++) {
            const struct family *f = &families[k];
            pcre2_code *re[LOAM_PRETOK_MAX_PASSES + 1] = {0};
            for (size_t r = 0; r < LOAM_PRETOK_MAX_PASSES && f->regex[r]; r++)
                re[r] = compile(f->regex[r]);
            const char *at = in;
            for (const char *text; (text = next_text(&at, in + in_len, &len));)
                if (len > 0)
                    check_text(f, loam_pretok_get(f->name, strlen(f->name)), re, text, len);
            for (size_t r = 0; re[r]; r++)
                pcre2_code_free(re[r]);
        }
        free(in);
    }
}

static void broken_text_is_cut_without_loss(void **state)
{
    uint64_t seed = 77;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        for (int k = 0; k < 500; k++) {
            char s[24];
            size_t n = 1 + random_below(&seed, sizeof s);
            for (size_t b = 0; b < n; b++)
                s[b] = (char)(random_below(&seed, 2) ? random_below(&seed, 256) : 0xC0 + random_below(&seed, 64));
            static cuts got;
            got.n = 0;
            const loam_pretok *p = loam_pretok_get(families[i].name, strlen(families[i].name));
            assert_int_equal(loam_pretok_run(p, s, n, take_word, &got, NULL), LOAM_OK);
            assert_int_equal(got.at[got.n - 1], n);
        }
}

static void only_valid_utf8_is_a_character(void **state)
{
    static const char *const broken[] = {"\x80",
                                         "\xC0\x80",
                                         "\xC1\xBF",
                                         "\xE0\x9F\xBF",
                                         "\xED\xA0\x80",
                                         "\xF0\x8F\xBF\xBF",
                                         "\xF4\x90\x80\x80",
                                         "\xF5\x80\x80\x80",
                                         "\xE2\x82",
                                         "\xE2\x82x",
                                         "\xFF"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        uint32_t cp = 0;
        assert_int_equal(loam_utf8_next(broken[i], strlen(broken[i]), &cp), 1);
        assert_int_equal(cp, LOAM_UTF8_INVALID);
    }
}

test_list pretok_tests(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(categories_agree_with_pcre2), /* first: it finds what is disputed */
        cmocka_unit_test(splitters_cut_where_their_regular_expressions_do),
        cmocka_unit_test(splitters_cut_nasty_texts_like_their_regular_expressions),
        cmocka_unit_test(only_valid_utf8_is_a_character),
        cmocka_unit_test(broken_text_is_cut_without_loss),
    };
    return TEST_LIST(tests);
}
