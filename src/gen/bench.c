#include "gen/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "device/probe.h"
#include "model/model.h"

enum { MAX_STREAMS = 1024, TOKEN_SEED = 7, MIN_CTX = 16 };

typedef struct bench {
    const loam_bench_options *o;
    loam_model *model;
    const loam_model_info *info;
    int32_t *tokens;        /* n_depth + the longer of prompt and answer, at random */
    loam_model_span *spans; /* n_streams */
    loam_bench_progress_fn progress;
    void *arg;
} bench;

/* Tokens [from, from + n) of one conversation, in steps of at most n_batch; logits only after the last. */
static loam_status read_tokens(const bench *b, int seq, int from, int n, loam_err *err)
{
    const float *logits;
    for (int done = 0; done < n;) {
        int part = n - done < b->info->n_batch ? n - done : b->info->n_batch;
        loam_model_span span = {.seq = seq,
                                .pos = from + done,
                                .n_tokens = part,
                                .tokens = b->tokens + from + done,
                                .want_logits = done + part == n};
        LOAM_TRY(loam_model_step(b->model, &span, 1, &logits, err));
        done += part;
    }
    return LOAM_OK;
}

static loam_status run_prompt(const bench *b, loam_err *err)
{
    return read_tokens(b, 0, b->o->n_depth, b->o->n_prompt, err);
}

/* One token of each conversation a step. */
static loam_status run_gen(const bench *b, loam_err *err)
{
    const float *logits;
    for (int i = 0; i < b->o->n_gen; i++) {
        for (int s = 0; s < b->o->n_streams; s++)
            b->spans[s] = (loam_model_span){.seq = s,
                                            .pos = b->o->n_depth + i,
                                            .n_tokens = 1,
                                            .tokens = b->tokens + b->o->n_depth + i,
                                            .want_logits = true};
        LOAM_TRY(loam_model_step(b->model, b->spans, b->o->n_streams, &logits, err));
    }
    return LOAM_OK;
}

static loam_status measure(const bench *b, const char *what, loam_status (*run)(const bench *, loam_err *),
                           int n_tokens, loam_bench_rate *out, loam_err *err)
{
    double sum = 0, sum_squares = 0;
    for (int i = -1; i < b->o->repeats; i++) { /* the first only warms caches and threads */
        if (b->progress && !b->progress(b->arg, what, i < 0 ? 0 : i, b->o->repeats))
            LOAM_FAIL(err, CANCELLED, "stopped");
        double began = loam_clock_s();
        LOAM_TRY(run(b, err));
        double per_s = n_tokens / (loam_clock_s() - began);
        if (i < 0)
            continue;
        sum += per_s;
        sum_squares += per_s * per_s;
        if (per_s > out->best_per_s)
            out->best_per_s = per_s;
    }
    int n = b->o->repeats;
    double variance = n > 1 ? (sum_squares - sum * sum / n) / (n - 1) : 0;
    out->per_s = sum / n;
    out->per_s_sd = variance > 0 ? sqrt(variance) : 0;
    return LOAM_OK;
}

/* Elements of the matrices of the layers: each is multiplied and added once per token. Experts that a token does not
 * visit would be counted too; there are no such models yet. */
static double layer_elements(const loam_model *m)
{
    const loam_gguf *g = loam_model_gguf(m);
    double sum = 0;
    for (size_t i = 0; i < loam_gguf_n_tensors(g); i++) {
        const loam_gguf_tensor *t = loam_gguf_tensor_at(g, i);
        if (t->n_dims < 2 || t->name.len < 4 || memcmp(t->name.data, "blk.", 4) != 0)
            continue;
        double elements = 1;
        for (int d = 0; d < t->n_dims; d++)
            elements *= (double)t->shape[d];
        sum += elements;
    }
    return sum;
}

/* Products of q·k and p·v for one token that sees `seen` positions. */
static double attention_ops(const loam_model_info *info, double seen)
{
    return 4.0 * seen * info->n_heads * info->head_dim * info->n_layers;
}

static void count_work(const bench *b, loam_bench_result *out)
{
    const loam_bench_options *o = b->o;
    const loam_model_info *info = b->info;
    double layers = 2 * layer_elements(b->model), head = 2.0 * info->n_embd * info->n_vocab;
    if (o->n_prompt)
        out->prompt.ops_per_token =
            layers + attention_ops(info, o->n_depth + (o->n_prompt + 1) / 2.0) + head / o->n_prompt;
    if (o->n_gen)
        out->gen.ops_per_token = layers + head + attention_ops(info, o->n_depth + (o->n_gen + 1) / 2.0);
    out->gen.bytes_per_token = o->n_gen ? (double)info->step_bytes / o->n_streams : 0;
}

static loam_status measure_all(bench *b, loam_bench_result *out, loam_err *err)
{
    const loam_bench_options *o = b->o;
    int longest = o->n_depth + (o->n_prompt > o->n_gen ? o->n_prompt : o->n_gen);
    b->tokens = malloc(sizeof *b->tokens * (size_t)longest);
    b->spans = malloc(sizeof *b->spans * (size_t)o->n_streams);
    if (!b->tokens || !b->spans)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the tokens of the measurement");
    for (int i = 0; i < longest; i++)
        b->tokens[i] = (int32_t)(loam_rng_uniform(TOKEN_SEED, (uint64_t)i) * b->info->n_vocab);
    for (int s = 0; s < (o->n_gen ? o->n_streams : 1) && o->n_depth; s++)
        LOAM_TRY(read_tokens(b, s, 0, o->n_depth, err));
    if (o->n_prompt)
        LOAM_TRY(measure(b, "prompt", run_prompt, o->n_prompt, &out->prompt, err));
    if (o->n_gen)
        LOAM_TRY(measure(b, "generation", run_gen, o->n_gen * o->n_streams, &out->gen, err));
    count_work(b, out);
    return LOAM_OK;
}

static loam_status check(const loam_bench_options *o, loam_err *err)
{
    if (o->n_prompt < 0 || o->n_gen < 0 || o->n_depth < 0 || o->n_prompt + o->n_gen == 0)
        LOAM_FAIL(err, INVALID, "nothing to measure: give a prompt or an answer of at least one token");
    if (o->n_streams < 1 || o->n_streams > MAX_STREAMS || o->repeats < 1)
        LOAM_FAIL(err, INVALID, "%d streams and %d repeats asked for; give 1 to %d and at least 1", o->n_streams,
                  o->repeats, MAX_STREAMS);
    return LOAM_OK;
}

loam_status loam_bench_run(const char *path, const loam_bench_options *options, loam_bench_progress_fn progress,
                           void *arg, loam_bench_result *out, loam_err *err)
{
    *out = (loam_bench_result){0};
    LOAM_TRY(check(options, err));
    int longest = options->n_depth + (options->n_prompt > options->n_gen ? options->n_prompt : options->n_gen);
    loam_model_options mo = {.n_threads = options->n_threads,
                             .n_seqs = options->n_gen ? options->n_streams : 1,
                             .n_ctx = longest > MIN_CTX ? longest : MIN_CTX,
                             .n_batch = options->n_batch};
    bench b = {.o = options, .progress = progress, .arg = arg};
    if (progress && !progress(arg, "limits of the machine", 0, 1))
        LOAM_FAIL(err, CANCELLED, "stopped");
    loam_probe probe;
    LOAM_TRY(loam_probe_run(options->n_threads, &probe, err));
    out->read_gb_s = probe.read_gbs;
    out->f32_gflop_s = probe.f32_gflops;
    out->i8_gop_s = probe.i8_gops;
    double began = loam_clock_s();
    LOAM_TRY(loam_model_open(path, &mo, &b.model, err));
    out->load_s = loam_clock_s() - began;
    b.info = loam_model_get_info(b.model);
    snprintf(out->model, sizeof out->model, "%s", b.info->name);
    snprintf(out->type, sizeof out->type, "%s", b.info->type);
    out->n_params = (double)b.info->n_params;
    out->weight_bytes = (double)b.info->weight_bytes;
    out->n_threads = b.info->n_threads;
    loam_status status = measure_all(&b, out, err);
    free(b.tokens);
    free(b.spans);
    loam_model_close(b.model);
    return status;
}
