/* Published figures that the constants were not fitted on: large mixtures in production, training runs, a clip. They
 * show how far the equations carry. */
#include "fleet/perf_int.h"

static const loam_fleet_model deepseek = {.name = "DeepSeek-V3",
                                          .params = 671e9,
                                          .active_params = 37e9,
                                          .experts = 256,
                                          .experts_used = 8,
                                          .layers = 61,
                                          .hidden = 7168,
                                          .kv_elements_per_token = 61 * 576,
                                          .weight_bits = 8,
                                          .kv_bits = 16};
static const loam_fleet_model pangu = {.name = "Pangu Pro MoE",
                                       .params = 72e9,
                                       .active_params = 16e9,
                                       .experts = 64,
                                       .experts_used = 8,
                                       .layers = 48,
                                       .hidden = 5120,
                                       .kv_heads = 8,
                                       .head_dim = 128,
                                       .weight_bits = 8,
                                       .kv_bits = 16};

/* A deployment with chips for prompts and chips for tokens apart from each other. */
static const struct deployment {
    const char *id, *source, *chip;
    const loam_fleet_model *m;
    int link_domain; /* 0: the catalogue's */
    int prefill_chips, decode_chips;
    double prompt, cached, context, tpot_s; /* cached: share of the prompt */
    int unit_chips;                         /* the figures are for so many */
    double input_per_s, output_per_s;
} deployments[] = {
    {"B1", "DeepSeek V3/R1 inference overview, 2025-03-01", "H800", &deepseek, 0, 32, 144, 4000, 0.563, 4989, 0.048, 8,
     73700, 14800},
    {"B2", "LMSYS, 2025-05-05", "H100", &deepseek, 0, 32, 72, 2000, 0, 2050, 0.1, 8, 52300, 22300},
    {"B3", "LMSYS/Ant, 2025-09-26", "H20", &deepseek, 0, 8, 16, 4096, 0, 4800, 0.05, 8, 16500, 5700},
    {"B4", "arXiv 2506.12708", "Ascend-910C", &deepseek, 384, 32, 320, 4096, 0, 4600, 0.05, 1, 6688, 1943},
    {"B5", "Pangu Pro MoE, May 2025", "Ascend-910B2", &pangu, 0, 4, 4, 2048, 0, 2048, 0.1, 1, 4828, 1148},
};

/* Tokens per second of one chip in a phase. */
static void rates(const struct deployment *d, const loam_chips *catalogue, double *input, double *output)
{
    loam_fleet_chip chip = loam_perf_plain_chip(catalogue, d->chip);
    loam_precision p[2];
    loam_way w;
    if (d->link_domain)
        chip.chip.link_domain = d->link_domain;
    loam_perf_precisions(d->m, &chip.chip, p);
    loam_way_init(&w, d->m, &chip, d->prefill_chips, p);
    double cached = d->prompt * d->cached;
    *input = d->prompt / loam_way_prefill(&w, cached, d->prompt - cached) / d->prefill_chips;
    loam_way_init(&w, d->m, &chip, d->decode_chips, p);
    double most = loam_way_kv_room(&w) / (w.kv_bytes * d->context);
    double batch = loam_way_batch(&w, most, d->context, d->tpot_s);
    *output = batch / loam_way_decode(&w, batch, d->context, NULL) / d->decode_chips;
}

static void mixtures(loam_perf_rows *r, const loam_chips *catalogue)
{
    double input, output;
    for (size_t i = 0; i < sizeof deployments / sizeof *deployments; i++) {
        const struct deployment *d = &deployments[i];
        rates(d, catalogue, &input, &output);
        loam_perf_row_add(r, "other", "input tokens/s", d->source, d->input_per_s, input * d->unit_chips,
                          "%s %s, prompts, %d x %s", d->id, d->m->name, d->unit_chips, d->chip);
        loam_perf_row_add(r, "other", "output tokens/s", d->source, d->output_per_s, output * d->unit_chips,
                          "%s %s, tokens, %d x %s", d->id, d->m->name, d->unit_chips, d->chip);
    }
    /* 608 G tokens in and 168 G out a day, on 226.75 nodes on average and 278 at the peak */
    rates(&deployments[0], catalogue, &input, &output);
    loam_perf_row_add(r, "other", "nodes of 8", deployments[0].source, 226.75,
                      (608e9 / input + 168e9 / output) / 86400 / 8, "B6 DeepSeek's fleet of H800, mean of a day");
}

/* C1 to C8: what share of the peak MegaScale's tokens per second are, by our count of operations. */
static void megascale(loam_perf_rows *r, const loam_chips *catalogue)
{
    static const struct {
        int chips;
        double tokens_per_s, mfu;
    } rows[] = {{256, 49.0e3, 65.3},   {512, 95.1e3, 63.5},    {768, 136.7e3, 61.3},   {1024, 176.9e3, 59.0},
                {3072, 531.9e3, 59.1}, {6144, 1030.9e3, 57.3}, {8192, 1315.6e3, 54.9}, {12288, 1984.0e3, 55.2}};
    loam_training t = {.params = 175e9, .tokens = 300e9, .context = 2048, .layers = 96, .hidden = 12288, .bits = 16};
    loam_fleet_chip chip = loam_perf_plain_chip(catalogue, "A100");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        loam_run_perf p;
        loam_perf_training(&t, &chip, rows[i].chips, &p);
        double mfu = rows[i].tokens_per_s * p.flop_per_token / (rows[i].chips * p.peak_flops);
        loam_perf_row_add(r, "other", "% MFU", "MegaScale, arXiv 2402.15627", rows[i].mfu, mfu * 100,
                          "C%d 175B on %d chips, operations of its tokens/s", (int)i + 1, rows[i].chips);
    }
}

static double chip_hours(const loam_run_perf *p)
{
    return p->flop / (p->peak_flops * p->mfu * p->goodput * 3600);
}

static void training(loam_perf_rows *r, const loam_chips *catalogue)
{
    loam_run_perf p;
    loam_training v3 = {.params = 671e9,
                        .active_params = 37e9,
                        .tokens = 14.8e12,
                        .context = 4096,
                        .layers = 61,
                        .hidden = 7168,
                        .bits = 8};
    loam_training llama = {
        .params = 405e9, .tokens = 15.6e12, .context = 8192, .layers = 126, .hidden = 16384, .bits = 16};
    loam_fleet_chip h800 = loam_perf_plain_chip(catalogue, "H800"), h100 = loam_perf_plain_chip(catalogue, "H100");
    loam_perf_training(&v3, &h800, 2048, &p);
    loam_perf_row_add(r, "other", "chip-hours", "arXiv 2412.19437", 2.664e6, chip_hours(&p),
                      "C9 DeepSeek-V3, 14.8 T tokens on H800, default MFU");
    loam_perf_training(&llama, &h100, 16384, &p);
    loam_perf_row_add(r, "other", "chip-hours", "Llama 3.1 model card", 30.84e6, chip_hours(&p),
                      "C10 Llama-3.1-405B, 15.6 T tokens on H100, default MFU");
    loam_perf_row_add(r, "other", "% goodput", "DCD on Llama 3 (\"over 90 %\")", 90, p.goodput * 100,
                      "C10 16,384 H100, 0.17 stops per chip and year");
}

/* 81 frames of 720p, 30 steps with guidance: about 10 to 12 minutes in guides of 2026. */
static void clip(loam_perf_rows *r, const loam_chips *catalogue)
{
    loam_fleet_model wan = {.params = 14e9,
                            .layers = 40,
                            .hidden = 5120,
                            .weight_bits = 16,
                            .tokens = 75600,
                            .steps = 30,
                            .guidance = 2,
                            .is_diffusion = true};
    loam_fleet_chip h100 = loam_perf_plain_chip(catalogue, "H100");
    loam_service s = {.kind = LOAM_SERVICE_VIDEO};
    loam_replica replica;
    loam_perf_replica(&wan, &s, &h100, 1, 0, &replica);
    loam_perf_row_add(r, "other", "minutes", "Spheron guides, 2026 (10 to 12)", 11, replica.latency_s / 60,
                      "Wan 14B, 81 frames of 720p, 1 x H100");
}

void loam_perf_published(loam_perf_rows *r, const loam_chips *catalogue)
{
    mixtures(r, catalogue);
    megascale(r, catalogue);
    training(r, catalogue);
    clip(r, catalogue);
}
