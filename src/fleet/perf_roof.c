/* The roofline's equations (docs/plan.md, "Performance equations and their error"). Each phase is arithmetic or
 * reading, whichever takes longer, plus what chips say to each other. A model over several link domains is a pipeline
 * of tensor parallel stages if it is dense, and experts spread over all chips if it is a mixture. */
#include "fleet/perf_int.h"

#include <math.h>

static double either(double own, double fitted)
{
    return own > 0 ? own : fitted;
}

/* Eight bits on this chip: FP8, else INT8, else none (0). */
static double flops_8(const loam_chip *c)
{
    return (c->fp8_tflops > 0 ? c->fp8_tflops : c->int8_tops) * 1e12;
}

int loam_perf_precisions(const loam_fleet_model *m, const loam_chip *c, loam_precision out[2])
{
    double bits = m->weight_bits > 0 ? m->weight_bits : 16, kv = m->kv_bits > 0 ? m->kv_bits : 16;
    double half = c->bf16_tflops * 1e12, byte = flops_8(c);
    if (kv < 8 && c->fp4_tflops <= 0)
        kv = 8;
    if (kv < 16 && byte <= 0)
        kv = 16;
    if (bits > 8) {
        out[0] = (loam_precision){bits > 16 ? bits : 16, kv, half};
        return 1;
    }
    if (bits > 4.5) {
        out[0] = byte > 0 ? (loam_precision){8, kv, byte} : (loam_precision){16, kv, half};
        return 1;
    }
    if (c->fp4_tflops > 0) {
        out[0] = (loam_precision){bits, kv, c->fp4_tflops * 1e12};
        return 1;
    }
    /* without arithmetic on 4 bits: weights of 4 bits that are widened on the way, or all in 8 bits */
    out[0] = (loam_precision){bits, kv, half};
    out[1] = (loam_precision){8, kv, byte};
    return byte > 0 ? 2 : 1;
}

static bool is_mixture(const loam_fleet_model *m)
{
    return m->experts > 1 && m->experts_used > 0 && m->experts_used < m->experts && m->active_params < m->params;
}

static double active(const loam_fleet_model *m)
{
    return m->active_params > 0 ? m->active_params : m->params;
}

void loam_way_init(loam_way *w, const loam_fleet_model *m, const loam_fleet_chip *c, int chips, const loam_precision *p)
{
    const loam_chip *k = &c->chip;
    int domain = k->link_domain < 1 ? 1 : k->link_domain;
    *w = (loam_way){.m = m, .chips = chips, .weight_bits = p->weight_bits, .kv_bits = p->kv_bits, .flops = p->flops};
    w->stages = (chips + domain - 1) / domain;
    w->domain = (chips + w->stages - 1) / w->stages;
    w->flops_16 = k->bf16_tflops * 1e12;
    w->memory = k->mem_gb * 1e9;
    w->bandwidth = k->mem_gbps * 1e9;
    w->link = k->link_gbps / 2 * 1e9;
    /* chips of one server without links between them still share its bus */
    bool in_server = chips <= k->per_server && w->link > 0;
    w->network = in_server && w->link < LOAM_PERF_NETWORK_BYTES_S ? w->link : LOAM_PERF_NETWORK_BYTES_S;
    double elements = m->kv_elements_per_token;
    if (elements <= 0)
        elements = 2.0 * m->layers * m->kv_heads * m->head_dim;
    w->kv_bytes = elements * w->kv_bits / 8;
    w->fit = (loam_perf_fit){either(c->prefill, loam_perf_fitted.prefill), either(c->decode, loam_perf_fitted.decode),
                             either(c->bandwidth, loam_perf_fitted.bandwidth),
                             either(c->overhead_s, loam_perf_fitted.overhead_s)};
    w->diffusion = either(c->prefill, LOAM_PERF_DIFFUSION);
    bool four = p->weight_bits <= 4.5 && p->flops > w->flops_16;
    w->speed =
        either(c->scale, 1) * (is_mixture(m) && !m->is_diffusion ? LOAM_PERF_MIXTURE : 1) * (four ? LOAM_PERF_FP4 : 1);
}

double loam_way_weights(const loam_way *w)
{
    return LOAM_PERF_WEIGHTS_GROWTH * w->m->params * w->weight_bits / 8;
}

double loam_way_kv_room(const loam_way *w)
{
    return w->chips * (LOAM_PERF_USABLE_MEMORY * w->memory - LOAM_PERF_RESERVE_BYTES) - loam_way_weights(w);
}

/* Groups of `stages` that a token's experts lie in, on average, besides its own. */
static double other_groups(const loam_way *w)
{
    double s = w->stages;
    return s * (1 - pow(1 - 1 / s, w->m->experts_used)) * (s - 1) / s;
}

/* What the chips exchange for `tokens` that go through the model, without latency. Tensor parallel: two reductions a
 * layer, each 16 bits wide and there and back. Experts: every chip sends its own tokens to their experts in 8 bits and
 * gets the sums back in 16. */
static double exchange(const loam_way *w, double tokens)
{
    double layer = (double)w->m->layers * w->m->hidden, inside = (w->domain - 1.0) / w->domain, t = 0;
    if (w->chips == 1)
        return 0;
    if (!is_mixture(w->m))
        return w->domain == 1 ? 0 : 2 * layer * tokens * 2 * 2 * inside / w->link / w->stages;
    if (w->domain > 1)
        t = tokens / w->chips * layer * 3 * w->m->experts_used * inside / w->link;
    return w->stages == 1 ? t : t + tokens / w->chips * layer * 3 * other_groups(w) / w->network;
}

double loam_way_prefill(const loam_way *w, double cached, double fresh)
{
    double whole = cached + fresh;
    double attention = 2.0 * w->m->layers * w->m->hidden * (whole * whole - cached * cached);
    double flop = 2 * active(w->m) * fresh + attention;
    return (flop / (w->fit.prefill * w->flops * w->chips) + exchange(w, fresh)) / w->speed;
}

/* Bytes of weights that a step with this batch reads: of a mixture, only the experts that some request chose. */
static double weights_read(const loam_way *w, double batch)
{
    double bytes = w->weight_bits / 8, n = w->m->params, share;
    if (!is_mixture(w->m))
        return n * bytes;
    share = w->m->experts_used / w->m->experts;
    double experts = (n - active(w->m)) / (1 - share);
    experts = experts < n ? experts : n;
    return (n - experts + experts * (1 - pow(1 - share, batch))) * bytes;
}

double loam_way_decode(const loam_way *w, double batch, double context, bool *compute)
{
    bool mixture = is_mixture(w->m);
    double stages = mixture ? 1 : w->stages; /* a pipeline reads each stage's weights once for each part of the batch */
    double rate = w->fit.bandwidth * w->bandwidth * w->chips;
    double read = stages * weights_read(w, batch) / rate, kv = batch * w->kv_bytes * context / rate;
    double work = 2 * active(w->m) * batch / (w->fit.decode * w->flops * w->chips);
    double latency = w->domain > 1 || (mixture && w->chips > 1) ? 2 * w->m->layers * LOAM_PERF_LINK_LATENCY_S : 0;
    double step = (read > work ? read : work) + kv + stages * w->fit.overhead_s + latency + exchange(w, batch);
    if (compute)
        *compute = work > read && work > kv;
    return step / w->speed;
}

double loam_way_batch(const loam_way *w, double most, double context, double step_s)
{
    double low = 0, high = floor(most); /* a step with `low` is fast enough */
    if (high < 1)
        return 0;
    if (step_s <= 0 || loam_way_decode(w, high, context, NULL) <= step_s)
        return high;
    while (high - low > 1) {
        double middle = floor((low + high) / 2);
        if (loam_way_decode(w, middle, context, NULL) <= step_s)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static double passes(const loam_fleet_model *m)
{
    return m->steps * (m->guidance > 0 ? m->guidance : 1);
}

double loam_diffusion_flop(const loam_fleet_model *m)
{
    double attention = 4.0 * m->layers * m->hidden * m->tokens * m->tokens;
    return passes(m) * (2 * active(m) * m->tokens + attention) + m->vae_flop;
}

/* Attention and the decoder to pixels stay in 16 bits. Several chips share the tokens of one picture: four exchanges a
 * layer of what a chip holds (queries, keys, values and results change between tokens and heads). */
double loam_way_diffusion(const loam_way *w)
{
    const loam_fleet_model *m = w->m;
    double linear = passes(m) * 2 * active(m) * m->tokens / w->flops;
    double rest = (loam_diffusion_flop(m) - passes(m) * 2 * active(m) * m->tokens) / w->flops_16;
    double t = (linear + rest) / (w->diffusion * w->chips) + passes(m) * w->fit.overhead_s;
    if (w->chips > 1) {
        double bytes = 4.0 * m->layers * m->hidden * m->tokens * 2 / w->chips * (w->chips - 1) / w->chips;
        t += passes(m) * (bytes / w->link + 4 * m->layers * LOAM_PERF_LINK_LATENCY_S);
    }
    return t / w->speed;
}
