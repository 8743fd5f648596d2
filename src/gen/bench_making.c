/* What measuring pictures and clips has in common: opening, the clock, adding a profile up. */
#include "gen/bench_int.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/rng.h"
#include "device/probe.h"
#include "gen/image_int.h"
#include "graph/work.h"

static loam_status check(const loam_bench_making_options *o, loam_err *err)
{
    static const char *const keys[] = {"text", "step", "pixels", "quick"};
    bool known = !o->stage;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        known = known || strcmp(o->stage, keys[i]) == 0;
    if (!known)
        LOAM_FAIL(err, INVALID, "there is no stage '%s': text, step, pixels and quick are measured", o->stage);
    if (o->repeats < 1)
        LOAM_FAIL(err, INVALID, "%d repeats: at least one is needed", o->repeats);
    return LOAM_OK;
}

static loam_status tell(const loam_bench_work *b, const char *what, int done, int total, loam_err *err)
{
    if (b->progress && !b->progress(b->arg, what, done, total))
        LOAM_FAIL(err, CANCELLED, "stopped");
    return LOAM_OK;
}

loam_status loam_bench_work_open(loam_bench_work *b, loam_err *err)
{
    const loam_bench_making_options *o = b->o;
    LOAM_TRY(check(o, err));
    LOAM_TRY(loam_image_type_of(o->type, &b->type, err));
    b->api = &loam_device_cpu;
    b->n = o->guided ? 2 : 1;
    snprintf(b->out->type, sizeof b->out->type, "%s", o->type ? o->type : "as in the file");
    LOAM_TRY(loam_weights_open(o->model, &b->weights, err));
    if (o->vae)
        LOAM_TRY(loam_weights_add(b->weights, o->vae, "vae", err));
    if (o->quick)
        LOAM_TRY(loam_weights_add(b->weights, o->quick,
                                  loam_weights_get_family(b->weights) == LOAM_WEIGHTS_WAN_T2V ? "taehv" : "taesd",
                                  err));
    if (o->motion)
        LOAM_TRY(loam_weights_add(b->weights, o->motion, "motion", err));
    if (o->text_encoder)
        LOAM_TRY(loam_weights_add(b->weights, o->text_encoder, "text_encoder", err));
    LOAM_TRY(tell(b, "limits of the machine", 0, 1, err));
    loam_probe probe;
    LOAM_TRY(loam_probe_run(o->n_threads, &probe, err));
    b->out->read_gb_s = probe.read_gbs;
    b->out->f32_gflop_s = probe.f32_gflops;
    LOAM_TRY(b->api->open(o->n_threads, &b->device, err));
    b->out->n_threads = b->api->n_threads(b->device);
    return loam_weight_store_new(b->api, b->device, b->weights, b->type, &b->store, err);
}

void loam_bench_work_close(loam_bench_work *b)
{
    if (b->store)
        b->out->weight_bytes = (double)loam_weight_store_bytes(b->store);
    loam_weight_store_free(b->store);
    if (b->device)
        b->api->close(b->device);
    loam_weights_close(b->weights);
}

bool loam_bench_wants(const loam_bench_work *b, const char *key)
{
    return !b->o->stage || strcmp(b->o->stage, key) == 0;
}

loam_bench_stage *loam_bench_stage_add(loam_bench_work *b, const char *key, int times, const char *fmt, ...)
{
    if (b->out->n_stages == LOAM_BENCH_MAX_STAGES)
        return NULL;
    loam_bench_stage *s = &b->out->stages[b->out->n_stages++];
    *s = (loam_bench_stage){.key = key, .times = times};
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(s->name, sizeof s->name, fmt, ap);
    va_end(ap);
    return s;
}

void loam_bench_fill(float *x, size_t n)
{
    enum { SEED = 7 };
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(loam_rng_uniform(SEED, i) * 3.4 - 1.7);
}

float *loam_bench_noise(size_t n, loam_err *err)
{
    float *x = malloc(n * sizeof *x);
    if (x)
        loam_bench_fill(x, n);
    else
        loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for %zu numbers", n);
    return x;
}

static int by_time(const void *a, const void *b)
{
    double x = ((const loam_bench_part *)a)->seconds, y = ((const loam_bench_part *)b)->seconds;
    return (x < y) - (x > y);
}

/* ns [n_ops] over all repeats and threads, put together by kind. */
static void add_up(const loam_bench_work *b, const loam_net *net, const uint64_t *ns, loam_bench_stage *s)
{
    const loam_plan *p = loam_graph_get_plan(net->g);
    const loam_step step = {.n_tokens = net->n_tokens};
    const double runs = (double)b->o->repeats * b->out->n_threads;
    s->waiting_s = s->s;
    for (int i = 0; i < p->n_ops; i++) {
        char name[LOAM_WORK_NAME];
        loam_work w = loam_work_of(p, &step, &p->ops[i]);
        double seconds = (double)ns[i] * 1e-9 / runs;
        s->ops += w.ops;
        s->bytes += w.bytes;
        s->waiting_s -= seconds;
        loam_work_name(p, &p->ops[i], name);
        int j = 0;
        while (j < s->n_parts && strcmp(s->parts[j].name, name) != 0)
            j++;
        if (j == LOAM_BENCH_MAX_PARTS)
            continue;
        loam_bench_part *part = &s->parts[j];
        if (j == s->n_parts) {
            s->n_parts++;
            snprintf(part->name, sizeof part->name, "%s", name);
        }
        part->n++;
        part->seconds += seconds;
        part->ops += w.ops;
        part->bytes += w.bytes;
    }
    qsort(s->parts, (size_t)s->n_parts, sizeof *s->parts, by_time);
}

static loam_status time_runs(const loam_bench_work *b, loam_bench_run_fn run, void *arg, loam_bench_stage *s,
                             loam_err *err)
{
    const int n = b->o->repeats;
    double sum = 0, squares = 0;
    for (int i = 0; i < n; i++) {
        LOAM_TRY(tell(b, s->name, i, n, err));
        double began = loam_clock_s();
        LOAM_TRY(run(arg, err));
        double took = loam_clock_s() - began;
        sum += took;
        squares += took * took;
        s->best_s = i == 0 || took < s->best_s ? took : s->best_s;
    }
    double variance = n > 1 ? (squares - sum * sum / n) / (n - 1) : 0;
    s->s = sum / n;
    s->s_sd = variance > 0 ? sqrt(variance) : 0;
    return LOAM_OK;
}

loam_status loam_bench_measure(const loam_bench_work *b, loam_net *net, loam_bench_run_fn run, void *arg,
                               loam_bench_stage *s, loam_err *err)
{
    uint64_t *ns = NULL;
    if (net) {
        s->net_bytes = (double)loam_net_bytes(net);
        if (loam_net_bytes(net) > loam_memory_available())
            LOAM_FAIL(err, TOO_LARGE, "%s: needs %.1f GB, and %.1f GB are free: take a smaller size", s->name,
                      s->net_bytes * 1e-9, (double)loam_memory_available() * 1e-9);
        ns = calloc((size_t)loam_graph_get_plan(net->g)->n_ops + 1, sizeof *ns);
        if (!ns)
            LOAM_FAIL(err, NO_MEMORY, "no memory for a profile");
    }
    loam_status st = tell(b, s->name, 0, b->o->repeats, err);
    if (st == LOAM_OK)
        st = run(arg, err); /* takes the memory, wakes the threads */
    if (net)
        net->api->program_profile(net->program, ns);
    if (st == LOAM_OK)
        st = time_runs(b, run, arg, s, err);
    if (net)
        net->api->program_profile(net->program, NULL);
    if (net && st == LOAM_OK)
        add_up(b, net, ns, s);
    free(ns);
    return st;
}

static loam_status just_run(void *arg, loam_err *err)
{
    return loam_net_run(arg, NULL, NULL, err);
}

loam_status loam_bench_measure_net(const loam_bench_work *b, loam_net *net, loam_bench_stage *s, loam_err *err)
{
    return loam_bench_measure(b, net, just_run, net, s, err);
}
