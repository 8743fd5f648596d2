/* Training: operations of the run, the share of the peak that is reached (MFU), and the share of the time that counts
 * (goodput: what is left after checkpoints and after steps that are lost when a chip stops). */
#include "fleet/perf_int.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const double month_s = 30.4375 * 86400;
static const double year_s = 365.25 * 86400;

/* Mixed-precision Adam: weights and gradients in 16 bits, gradients summed in 32 bits, master weights and two moments.
 */
static const double bytes_per_param = 18;

/* Time that a checkpoint stops the run, and that a restart takes. With them the goodput of 16,384 chips comes out at
 * the published "over 90 %". */
static const double checkpoint_s = 20, restart_s = 300;

/* Defaults by kind of chip, of dense models in 16 bits. */
static double dense_mfu(const loam_chip *c)
{
    bool nvidia = strcasecmp(c->vendor, "NVIDIA") == 0;
    if (c->link_domain == 1)
        return 0.30; /* no links: gradients and activations go over the bus */
    if (strcmp(c->origin, "CN") == 0)
        return 0.30; /* claimed for Ascend on a mixture */
    if (nvidia && c->year <= 2022 && c->fp8_tflops == 0)
        return 0.55; /* MegaScale, 256 to 12,288 chips of the A100's class: 0.55 to 0.65 */
    return 0.40;     /* Llama 3, 8,192 to 16,384 H100: 0.38 to 0.43 */
}

/* Mixtures lose time to the exchange between experts; 8 bits speed up less than the peak says. DeepSeek-V3 on H800
 * reached 0.35 of the 16-bit peak with FP8, which is 0.175 of the FP8 peak: 0.40 × 0.7 × 0.625. */
static double default_mfu(const loam_training *t, const loam_chip *c, bool eight)
{
    bool mixture = t->active_params > 0 && t->active_params < t->params;
    return dense_mfu(c) * (mixture ? 0.7 : 1) * (eight ? 0.625 : 1);
}

/* The best time between checkpoints loses sqrt(2·checkpoint/MTBF) of the time (Young 1974). */
static double default_goodput(double chips, double yearly_failures)
{
    if (yearly_failures <= 0)
        return 1;
    double mtbf = year_s / (chips * yearly_failures), between = sqrt(2 * checkpoint_s * mtbf);
    double goodput = 1 - (checkpoint_s / between + between / (2 * mtbf) + restart_s / mtbf);
    return goodput > 0.05 ? goodput : 0.05;
}

static int up_to_servers(double chips, int per_server)
{
    double servers = ceil(chips / per_server);
    return (int)fmin(fmax(servers, 1) * per_server, 1 << 30);
}

void loam_perf_training(const loam_training *t, const loam_fleet_chip *c, int chips_hint, loam_run_perf *out)
{
    const loam_chip *k = &c->chip;
    *out = (loam_run_perf){0};
    double active = t->active_params > 0 ? t->active_params : t->params;
    out->flop_per_token = 6 * active + 6.0 * t->layers * t->hidden * t->context;
    out->flop = out->flop_per_token * t->tokens;
    if (k->mem_gb <= 0) {
        snprintf(out->why_not, sizeof out->why_not, "the catalogue does not say of %.40s how much memory it has",
                 k->name);
        return;
    }
    if (t->min_link_gbps > 0 && k->link_gbps < t->min_link_gbps) {
        snprintf(out->why_not, sizeof out->why_not, "links of %.4g GB/s between chips, the run needs %.4g",
                 k->link_gbps, t->min_link_gbps);
        return;
    }
    bool eight = t->bits > 0 && t->bits <= 8 && k->fp8_tflops > 0;
    double usable = LOAM_PERF_USABLE_MEMORY * k->mem_gb * 1e9 - LOAM_PERF_RESERVE_BYTES;
    if (usable <= 0) {
        snprintf(out->why_not, sizeof out->why_not, "%.4g GB of memory is less than the program itself takes",
                 k->mem_gb);
        return;
    }
    int per_server = k->per_server > 0 ? k->per_server : 1;
    out->min_chips = up_to_servers(bytes_per_param * t->params / usable, per_server);
    out->peak_flops = (eight ? k->fp8_tflops : k->bf16_tflops) * 1e12;
    out->mfu = t->mfu > 0 ? t->mfu : c->mfu > 0 ? c->mfu : default_mfu(t, k, eight) * (c->scale > 0 ? c->scale : 1);
    int chips = chips_hint > out->min_chips ? chips_hint : out->min_chips;
    out->goodput = t->goodput > 0 ? t->goodput : default_goodput(chips, c->yearly_failures);
    out->chip_months = out->flop / (out->peak_flops * out->mfu * out->goodput * month_s);
    out->feasible = true;
}
