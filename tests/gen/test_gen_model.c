/* The engine on a real model: the same tokens alone, in a batch, with any chunk size, number of threads, and with
 * prefixes taken over. Which model: LOAM_TEST_MODEL, else the installed default one; without either it is skipped. If
 * this fails, an answer depends on who else is asking. */
#include "test_gen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gen/engine.h"

enum { PROMPTS = 6, MAX_TOKENS = 10, MAX_TEXT = 1024 };

typedef struct answer {
    int32_t tokens[MAX_TOKENS];
    float logprobs[MAX_TOKENS];
    int n, cached;
    char text[MAX_TEXT];
} answer;

static const char *const prompts[PROMPTS] = {
    "The capital of France is",
    "<|im_start|>user\nName three colours.<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|>user\nWhich animals live in the sea, and which in the sky?<|im_end|>\n<|im_start|>assistant\n",
    "def fibonacci(n):\n    \"\"\"The n-th Fibonacci number.\"\"\"\n",
    "Once",
    "<|im_start|>user\nName three colours.<|im_end|>\n<|im_start|>assistant\nRed, ",
};

static const char *model_path(void)
{
    static char path[1024];
    const char *given = getenv("LOAM_TEST_MODEL"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (given && *given)
        return given;
    if (data && *data)
        snprintf(path, sizeof path, "%s/loam/models/smollm2.gguf", data);
    else
        snprintf(path, sizeof path, "%s/.local/share/loam/models/smollm2.gguf", home ? home : "");
    return access(path, R_OK) == 0 ? path : NULL;
}

static loam_job *ask(loam_engine *e, int i)
{
    loam_err err = LOAM_ERR_INIT;
    int32_t *ids = NULL;
    size_t n = 0;
    loam_job *j = NULL;
    if (loam_tokenizer_encode(loam_engine_tokenizer(e), prompts[i], strlen(prompts[i]), true, true, &ids, &n, &err))
        fail_msg("%s", err.msg);
    loam_job_request q = {.prompt = ids, .n_prompt = n, .max_tokens = MAX_TOKENS, .ignore_end = true, .n_logprobs = 1};
    q.sampler = loam_sampler_defaults();
    q.sampler.seed = (uint64_t)i;
    if (i % 2 == 0)
        q.sampler.temperature = 0;
    if (i == 3)
        q.sampler.repeat_penalty = 1.1f;
    if (loam_engine_submit(e, &q, &j, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    free(ids);
    return j;
}

static void read_answer(loam_job *j, answer *a)
{
    memset(a, 0, sizeof *a);
    size_t len = 0;
    for (loam_event ev = {0}; ev.kind != LOAM_EVENT_KIND_FINISH;) {
        loam_job_next(j, 120000, &ev);
        assert_int_not_equal(ev.kind, LOAM_EVENT_KIND_NONE);
        for (int i = 0; i < ev.n_logprobs; i++) {
            a->logprobs[a->n] = ev.logprobs[i].chosen.logprob;
            a->tokens[a->n++] = ev.logprobs[i].chosen.id;
        }
        if (ev.kind == LOAM_EVENT_KIND_TEXT && len + ev.len < MAX_TEXT) {
            memcpy(a->text + len, ev.text, ev.len + 1);
            len += ev.len;
        }
        if (ev.kind == LOAM_EVENT_KIND_FINISH) {
            if (ev.finish == LOAM_FINISH_ERROR)
                fail_msg("%s", ev.error.msg);
            a->cached = ev.usage.cached_tokens;
        }
    }
    loam_job_free(j);
}

static loam_engine *open_engine(int n_seqs, int n_batch, int chunk, int n_threads)
{
    loam_engine_options o = {.model = {.n_seqs = n_seqs, .n_ctx = 128, .n_batch = n_batch, .n_threads = n_threads},
                             .chunk_tokens = chunk};
    loam_engine *e;
    loam_err err = LOAM_ERR_INIT;
    if (loam_engine_open(model_path(), &o, &e, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return e;
}

static void expect_equal(const answer *got, const answer *want)
{
    assert_int_equal(got->n, want->n);
    assert_memory_equal(got->tokens, want->tokens, sizeof want->tokens);
    assert_memory_equal(got->logprobs, want->logprobs, sizeof want->logprobs); /* the very bits */
    assert_string_equal(got->text, want->text);
}

static void same_tokens_however_it_is_run(void **state)
{
    if (!model_path()) {
        print_message("# SKIPPED: no model; set LOAM_TEST_MODEL to a GGUF file or run `loam model pull smollm2`\n");
        skip();
    }
    answer want[PROMPTS], got;
    loam_engine *e = open_engine(1, 512, 512, 1);
    for (int i = 0; i < PROMPTS; i++)
        read_answer(ask(e, i), &want[i]);
    loam_engine_close(e);
    assert_non_null(strstr(want[0].text, "Paris"));
    static const int shapes[][4] = {{4, 16, 5, 2}, {PROMPTS, 64, 64, 3}, {2, 3, 1, 2}};
    for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
        e = open_engine(shapes[k][0], shapes[k][1], shapes[k][2], shapes[k][3]);
        for (int round = 0; round < (k == 0 ? 2 : 1); round++) {
            loam_job *j[PROMPTS];
            int cached = 0;
            for (int i = 0; i < PROMPTS; i++)
                j[i] = ask(e, i);
            for (int i = 0; i < PROMPTS; i++) {
                read_answer(j[i], &got);
                expect_equal(&got, &want[i]);
                cached += got.cached;
            }
            assert_true(round == 0 || cached > 0);
        }
        loam_engine_close(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_tokens_however_it_is_run)};
    return cmocka_run_group_tests_name("gen_model", tests, NULL, NULL);
}
