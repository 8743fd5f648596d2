/* Which way of running a service on a chip gives the most requests per chip: sizes of a replica, precisions, and the
 * batch that the latency targets and the memory leave. */
#include "fleet/perf_int.h"

#include <math.h>
#include <stdio.h>

/* Fitted on the 60 published rows of perf_rows.c: see docs/plan.md. */
const loam_perf_fit loam_perf_fitted = {0.56, 0.40, 0.89, 0.001};

enum { MAX_SERVERS = 16 }; /* of one replica */

static void refuse(loam_replica *out, const char *format, ...) LOAM_PRINTF(2, 3);
static void refuse(loam_replica *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(out->why_not, sizeof out->why_not, format, args);
    va_end(args);
    out->feasible = false;
}

/* Figures without which nothing can be said. */
static bool is_known(const loam_chip *c, loam_replica *out)
{
    const char *missing = c->mem_gb <= 0     ? "how much memory it has"
                          : c->mem_gbps <= 0 ? "how fast its memory is"
                                             : NULL;
    if (missing)
        refuse(out, "the catalogue does not say of %.40s %s", c->name, missing);
    return !missing;
}

static void refuse_memory(loam_replica *out, const loam_way *w, const char *what, double bytes)
{
    refuse(out, "%s of %.4g GB at %.3g bits do not fit %d x %.4g GB (of which %.0f %% less %.0f GB each can be used)",
           what, bytes / 1e9, w->weight_bits, w->chips, w->memory / 1e9, LOAM_PERF_USABLE_MEMORY * 100,
           LOAM_PERF_RESERVE_BYTES / 1e9);
}

/* A request's memory is set aside for all of its tokens when it begins, as engines do that never push one out. */
static void language(const loam_way *w, const loam_service *s, double batch_max, loam_replica *out)
{
    double in = s->tokens_in, n_out = s->tokens_out > 1 ? s->tokens_out : 1;
    double cached = in * s->cache_hit, context = in + n_out / 2, room = loam_way_kv_room(w);
    double each = w->kv_bytes * (in + n_out), cap = (double)LOAM_PERF_BATCH_CAP * w->stages;
    out->kv_gb = room > 0 ? room / 1e9 : 0;
    if (room <= 0) {
        refuse_memory(out, w, "weights", loam_way_weights(w));
        return;
    }
    out->batch_memory = each > 0 ? floor(room / each) : cap;
    if (out->batch_memory < 1) {
        refuse_memory(out, w, "weights and one request", loam_way_weights(w) + each);
        return;
    }
    double most = fmin(out->batch_memory, cap);
    if (batch_max > 0)
        most = fmin(most, batch_max);
    out->prefill_s = loam_way_prefill(w, cached, in - cached);
    /* one prompt passes the stages of a pipeline one after the other */
    out->ttft_s = out->prefill_s * w->stages;
    if (s->ttft_s > 0 && out->ttft_s > s->ttft_s) {
        refuse(out, "the prompt takes %.3g s on %d chips, the target for the first token is %.3g s", out->ttft_s,
               w->chips, s->ttft_s);
        return;
    }
    out->batch = loam_way_batch(w, most, context, s->tpot_s);
    if (out->batch < 1) {
        refuse(out, "a token takes %.3g s on %d chips even alone, the target is %.3g s",
               loam_way_decode(w, 1, context, NULL), w->chips, s->tpot_s);
        return;
    }
    bool compute;
    out->tpot_s = loam_way_decode(w, out->batch, context, &compute);
    out->latency_s = out->ttft_s + n_out * out->tpot_s;
    out->requests_per_s = out->batch / (n_out * out->tpot_s + out->batch * out->prefill_s);
    out->output_per_s = out->requests_per_s * n_out;
    out->input_per_s = out->requests_per_s * in;
    if (out->batch * out->prefill_s > n_out * out->tpot_s)
        compute = true;
    out->binds = out->batch < most                 ? "latency target"
                 : compute                         ? "compute"
                 : out->batch == out->batch_memory ? "memory"
                                                   : "bandwidth";
    out->feasible = true;
}

/* One picture or clip at a time: the models are large enough that one fills a chip. */
static void diffusion(const loam_way *w, const loam_service *s, loam_replica *out)
{
    const loam_fleet_model *m = w->m;
    /* a dozen tensors as wide as the model, for all tokens */
    double work = 12 * m->tokens * m->hidden * 2;
    double room = w->chips * (LOAM_PERF_USABLE_MEMORY * w->memory - LOAM_PERF_RESERVE_BYTES - loam_way_weights(w));
    if (room < work) { /* every chip holds all weights; they share only the tokens */
        refuse_memory(out, w, "weights on each chip and activations", loam_way_weights(w) * w->chips + work);
        return;
    }
    out->batch = out->batch_memory = 1;
    out->latency_s = loam_way_diffusion(w);
    if (s->latency_s > 0 && out->latency_s > s->latency_s) {
        refuse(out, "one takes %.3g s on %d chips, the target is %.3g s", out->latency_s, w->chips, s->latency_s);
        return;
    }
    out->requests_per_s = 1 / out->latency_s;
    out->binds = "compute";
    out->feasible = true;
}

static void one_way(const loam_fleet_model *m, const loam_service *s, const loam_fleet_chip *c, int chips,
                    double batch_max, const loam_precision *p, loam_replica *out)
{
    loam_way w;
    *out = (loam_replica){.chips = chips, .weight_bits = p->weight_bits, .kv_bits = p->kv_bits, .binds = ""};
    if (!is_known(&c->chip, out))
        return;
    if (chips > 1 && c->chip.link_gbps <= 0) {
        refuse(out, "%.40s has no links to share a model over", c->chip.name);
        return;
    }
    loam_way_init(&w, m, c, chips, p);
    out->weights_gb = loam_way_weights(&w) / 1e9;
    if (m->is_diffusion)
        diffusion(&w, s, out);
    else
        language(&w, s, batch_max, out);
}

static double per_chip(const loam_replica *r)
{
    return r->feasible ? r->requests_per_s / r->chips : 0;
}

void loam_perf_replica(const loam_fleet_model *m, const loam_service *s, const loam_fleet_chip *c, int chips,
                       double batch_max, loam_replica *out)
{
    loam_precision p[2];
    loam_replica other;
    int n = loam_perf_precisions(m, &c->chip, p);
    one_way(m, s, c, chips, batch_max, &p[0], out);
    if (n == 1)
        return;
    one_way(m, s, c, chips, batch_max, &p[1], &other);
    if (per_chip(&other) > per_chip(out))
        *out = other;
}

/* Whether the replica had room for the model and a request. */
static bool holds(const loam_replica *r)
{
    return r->feasible || r->batch_memory >= 1;
}

/* The next larger size of a replica: parts into which a server can be cut evenly, then whole servers. */
static int next_size(int chips, int server)
{
    if (chips >= server)
        return chips + server;
    do
        chips++;
    while (server % chips != 0);
    return chips;
}

/* The targets of a service do not depend on how many stages are put behind each other, so more than one link domain is
 * tried only where none within it serves: cards of one server first, then whole servers. A tie goes to the smaller
 * replica. Of refusals the one that says most stays: within a link domain that of the largest, beyond it that of the
 * smallest that holds the model. */
void loam_perf_best(const loam_fleet_model *m, const loam_service *s, const loam_fleet_chip *c, loam_replica *out)
{
    const loam_chip *k = &c->chip;
    int domain = k->link_domain > 0 ? k->link_domain : 1, server = k->per_server > 0 ? k->per_server : 1;
    loam_replica r;
    loam_perf_replica(m, s, c, 1, 0, out);
    int chips = next_size(1, server);
    for (; chips <= domain; chips = next_size(chips, server)) {
        loam_perf_replica(m, s, c, chips, 0, &r);
        if (per_chip(&r) > per_chip(out) * (1 + 1e-9) || !out->feasible)
            *out = r;
    }
    if (out->feasible || m->is_diffusion)
        return;
    for (; chips <= MAX_SERVERS * server; chips = next_size(chips, server)) {
        loam_perf_replica(m, s, c, chips, 0, &r);
        if (per_chip(&r) > per_chip(out) * (1 + 1e-9) || (!out->feasible && !holds(out)))
            *out = r;
    }
}
