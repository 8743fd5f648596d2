/* Inside of the performance equations. */
#ifndef LOAM_FLEET_PERF_INT_H
#define LOAM_FLEET_PERF_INT_H

#include "fleet/perf.h"

/* Assumptions that are not fitted; docs/plan.md says where each comes from. */
#define LOAM_PERF_USABLE_MEMORY 0.90   /* share of a chip's memory that an engine takes */
#define LOAM_PERF_RESERVE_BYTES 2e9    /* of it per chip: activations, the engine itself */
#define LOAM_PERF_WEIGHTS_GROWTH 1.03  /* scales and padding on top of the weights */
#define LOAM_PERF_BATCH_CAP 2048       /* requests that an engine schedules at once, per link domain */
#define LOAM_PERF_LINK_LATENCY_S 20e-6 /* of one collective step between chips */
#define LOAM_PERF_NETWORK_BYTES_S 50e9 /* per chip and direction between servers (400 Gbit/s) */
#define LOAM_PERF_MIXTURE 0.65         /* speed of mixtures of experts against these equations */
#define LOAM_PERF_FP4 0.70             /* speed with 4-bit arithmetic against these equations */
#define LOAM_PERF_DIFFUSION 0.50       /* share of the peak that diffusion models reach */

/* A way to run a model: chip, replica size and precision put into SI units. */
typedef struct loam_way {
    const loam_fleet_model *m;
    int chips;       /* of the replica */
    int domain;      /* of these, how many are joined by links (tensor parallel) */
    int stages;      /* link domains: stages of a pipeline, or for mixtures, groups that exchange over the network */
    double flops;    /* dense peak of a chip at the precision, per second */
    double flops_16; /* and at 16 bits */
    double memory, bandwidth; /* of a chip: bytes, bytes/s */
    double link, network;     /* of a chip and direction: bytes/s */
    double weight_bits, kv_bits;
    double kv_bytes; /* of a token */
    loam_perf_fit fit;
    double diffusion; /* efficiency */
    double speed;     /* multiplier of all speeds: own measurement × the mixture's factor */
} loam_way;

/* How weights may be run on a chip: bits as stored, and the peak that the arithmetic has. */
typedef struct loam_precision {
    double weight_bits, kv_bits, flops;
} loam_precision;
/* The precisions in which a chip runs a model that is served with these bits; never fewer bits than the model's, more
 * where the chip lacks the format. Returns how many (1 or 2). */
int loam_perf_precisions(const loam_fleet_model *m, const loam_chip *c, loam_precision out[2]);

void loam_way_init(loam_way *w, const loam_fleet_model *m, const loam_fleet_chip *c, int chips,
                   const loam_precision *p);
/* Bytes of the replica that hold weights, and bytes that are left for KV (negative if the weights do not fit). */
double loam_way_weights(const loam_way *w);
double loam_way_kv_room(const loam_way *w);
/* Seconds in which the replica takes in `fresh` tokens behind `cached` ones. */
double loam_way_prefill(const loam_way *w, double cached, double fresh);
/* Seconds of one step that gives `batch` requests with a mean context one token each. *compute: whether arithmetic
 * takes longer than reading (may be NULL). */
double loam_way_decode(const loam_way *w, double batch, double context, bool *compute);
/* The largest whole batch of at most `most` whose step takes at most `step_s` (0: no limit); 0 if none. */
double loam_way_batch(const loam_way *w, double most, double context, double step_s);
/* Seconds of one picture or clip over all chips of the replica, and the FLOP of it. */
double loam_way_diffusion(const loam_way *w);
double loam_diffusion_flop(const loam_fleet_model *m);

/* Adds the rows that are no dense language model of the fitted 60 (perf_published.c). */
typedef struct loam_perf_rows loam_perf_rows;
/* Appends one row; `what` is copied. False when there is no room or no memory. */
bool loam_perf_row_add(loam_perf_rows *r, const char *group, const char *unit, const char *source, double published,
                       double computed, const char *what_format, ...) LOAM_PRINTF(7, 8);
void loam_perf_published(loam_perf_rows *r, const loam_chips *catalogue);
/* A catalogue's chip without any figures of a scenario. */
loam_fleet_chip loam_perf_plain_chip(const loam_chips *catalogue, const char *name);

#endif
