/* Pre-tokenizers by the names that GGUF files give them, and the loop that runs their passes.
 *
 * A pre-tokenizer is published as a list of regular expressions in a model's tokenizer.json. Running them in a general
 * engine is slow and, with a hostile text, can be very slow; the few families that there are have hand-written matchers
 * in pretok_rules.c, each linear in the text. The tests run the published expressions through PCRE2 beside them. */
#include "text/text_int.h"

#include <string.h>

#define RUN(class, min, max)                                                                  \
    {                                                                                         \
        .find = loam_pretok_find_run, .in = loam_pretok_in_##class, .least = min, .most = max \
    }
#define SPACED_RUN(class)                                                                          \
    {                                                                                              \
        .find = loam_pretok_find_run, .in = loam_pretok_in_##class, .least = 1, .lead_space = true \
    }
#define GPT2                          \
    {                                 \
        .find = loam_pretok_find_gpt2 \
    }
#define WORDS(set, digits, short_forms, after)                                                                     \
    {                                                                                                              \
        .find = loam_pretok_find_words, .letters = set, .most = digits, .contractions = short_forms, .tail = after \
    }
#define CASED(digits, short_forms)                                                                   \
    {                                                                                                \
        .find = loam_pretok_find_cased, .most = digits, .contractions = short_forms, .tail = "\r\n/" \
    }
#define LLAMA3 WORDS(LOAM_CP_L, 3, true, "\r\n")

static const loam_pretok gpt2 = {.pass = {GPT2}};
static const loam_pretok smollm = {.pass = {RUN(number, 1, 1), GPT2}};
static const loam_pretok llama3 = {.pass = {LLAMA3}, .ignore_merges = true, .add_bos = true};
static const loam_pretok llama3_plain = {.pass = {LLAMA3}};
static const loam_pretok glm4 = {.pass = {LLAMA3}, .ignore_merges = true};
static const loam_pretok minicpm5 = {.pass = {RUN(number, 1, 3), WORDS(LOAM_CP_L, 0, true, "\r\n")},
                                     .ignore_merges = true};
static const loam_pretok qwen2 = {.pass = {WORDS(LOAM_CP_L, 1, true, "\r\n")}};
static const loam_pretok qwen35 = {.pass = {WORDS(LOAM_CP_L | LOAM_CP_M, 1, true, "\r\n")}};
static const loam_pretok ufakzeka = {.pass = {WORDS(LOAM_CP_L, 1, false, "\r\n")}};
static const loam_pretok seed_coder = {.pass = {WORDS(LOAM_CP_L, 1, true, "")}};
static const loam_pretok tekken = {.pass = {CASED(1, false)}, .ignore_merges = true, .add_bos = true};
static const loam_pretok gpt4o = {.pass = {CASED(3, true)}};
static const loam_pretok deepseek_llm = {.pass = {RUN(newline, 1, 1),
                                                  SPACED_RUN(deepseek_letter),
                                                  SPACED_RUN(deepseek_punct),
                                                  {.find = loam_pretok_find_end_space},
                                                  RUN(deepseek_cjk, 1, 0),
                                                  RUN(number, 1, 1)}};
static const loam_pretok deepseek_coder = {
    .pass = {RUN(newline, 1, 1), SPACED_RUN(letter), SPACED_RUN(punct), RUN(deepseek_cjk, 1, 0), RUN(number, 1, 1)}};
static const loam_pretok deepseek3 = {
    .pass = {RUN(number, 1, 3), RUN(deepseek3_cjk, 1, 0), {.find = loam_pretok_find_deepseek3}}};
static const loam_pretok falcon = {.pass = {RUN(falcon_punct, 1, 0), GPT2, RUN(digit, 3, 3)}};
/* What files without a name have always been read with; kept because their models were tested that way. */
static const loam_pretok standard = {.pass = {RUN(default_punct, 1, 0), GPT2, RUN(number, 1, 0), RUN(digit, 3, 3)}};

static const struct name {
    const char *name;
    const loam_pretok *pretok;
} names[] = {
    {"", &standard},
    {"default", &standard},
    {"gpt-2", &gpt2},
    {"phi-2", &gpt2},
    {"mpt", &gpt2},
    {"olmo", &gpt2},
    {"jais", &gpt2},
    {"trillion", &gpt2},
    {"granite-docling", &gpt2},
    {"exaone4", &gpt2},
    {"gigachat", &gpt2},
    {"mellum", &gpt2},
    {"a.x-4.0", &gpt2},
    {"smollm", &smollm},
    {"starcoder", &smollm},
    {"refact", &smollm},
    {"command-r", &smollm},
    {"codeshell", &smollm},
    {"exaone", &smollm},
    {"minerva-7b", &smollm},
    {"mellum2", &smollm},
    {"llama-bpe", &llama3},
    {"llama3", &llama3},
    {"llama-v3", &llama3},
    {"falcon3", &llama3},
    {"falcon-h1", &llama3},
    {"pixtral", &llama3},
    {"midm-2.0", &llama3},
    {"lfm2", &llama3},
    {"dbrx", &llama3_plain},
    {"smaug-bpe", &llama3_plain},
    {"chatglm-bpe", &llama3_plain},
    {"glm4", &glm4},
    {"glm5", &glm4},
    {"minicpm5", &minicpm5},
    {"qwen2", &qwen2},
    {"deepseek-r1-qwen", &qwen2},
    {"megrez", &qwen2},
    {"stablelm2", &qwen2},
    {"hunyuan", &qwen2},
    {"solar-open", &qwen2},
    {"grok-2", &qwen2},
    {"kormo", &qwen2},
    {"f2llmv2", &qwen2},
    {"bailingmoe", &qwen2},
    {"bailingmoe2", &qwen2},
    {"llada-moe", &qwen2},
    {"qwen35", &qwen35},
    {"ufakzeka", &ufakzeka},
    {"seed-coder", &seed_coder},
    {"tekken", &tekken},
    {"gpt-4o", &gpt4o},
    {"llama4", &gpt4o},
    {"kanana2", &gpt4o},
    {"talkie", &gpt4o},
    {"minimax-m2", &gpt4o},
    {"deepseek-llm", &deepseek_llm},
    {"deepseek-coder", &deepseek_coder},
    {"deepseek-v3", &deepseek3},
    {"hunyuan-dense", &deepseek3},
    {"hy_v4", &deepseek3},
    {"joyai-llm", &deepseek3},
    {"falcon", &falcon},
};

const loam_pretok *loam_pretok_get(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i].name) == len && memcmp(names[i].name, name, len) == 0)
            return names[i].pretok;
    return NULL;
}

typedef struct run {
    const loam_pretok *pretok;
    loam_pretok_fn fn;
    void *arg;
    loam_err *err;
} run;

/* Depth first, so that words come out in the order of the text; as deep as there are passes. */
static loam_status run_pass(const run *r, int i, const char *s, size_t n)
{
    const loam_pretok_pass *p = &r->pretok->pass[i];
    if (i == LOAM_PRETOK_MAX_PASSES || !p->find)
        return r->fn(r->arg, s, n, r->err);
    size_t from = 0;
    while (from < n) {
        size_t end = n, start = p->find(p, s, n, from, &end);
        if (start > from)
            LOAM_TRY(run_pass(r, i + 1, s + from, start - from));
        if (start == n)
            break;
        LOAM_TRY(run_pass(r, i + 1, s + start, end - start));
        from = end;
    }
    return LOAM_OK;
}

loam_status loam_pretok_run(const loam_pretok *p, const char *s, size_t n, loam_pretok_fn fn, void *arg, loam_err *err)
{
    const run r = {p, fn, arg, err};
    return run_pass(&r, 0, s, n);
}
