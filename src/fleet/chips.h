/* The chip catalogue: data/chips.csv, one row a chip, each figure with its source and how certain it is. */
#ifndef LOAM_FLEET_CHIPS_H
#define LOAM_FLEET_CHIPS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/status.h"

/* Dense peaks, per chip. 0 means that the chip lacks the format, or, for die_mm2 and price, that nobody knows. */
typedef struct loam_chip {
    const char *name, *vendor, *origin; /* origin: country of the vendor's headquarters, ISO 3166 alpha-2 */
    int year;
    double bf16_tflops, int8_tops, fp8_tflops, fp4_tflops;
    double mem_gb, mem_gbps; /* gigabytes and gigabytes/s */
    double link_gbps;        /* aggregate bidirectional scale-up bandwidth, gigabytes/s */
    double tdp_w, server_kw; /* server_kw: IT power of a whole server, from a source or tdp × per_server × 1.8 / 1000 */
    double die_mm2, tpp, pd; /* total processing performance and performance density, as the export rules define them */
    double price_low, price_high; /* USD per chip, new */
    int per_server;               /* chips in the unit that is bought: 8 */
    int link_domain;              /* chips that tensor parallelism can span: 8; 1 without links between chips */
    bool datacentre;              /* designed or marketed for data centres */
    bool us_sold;                 /* commercially sold in the United States (a condition of the rule of January 2026) */
    const char *source, *certainty;
} loam_chip;

typedef struct loam_chips {
    size_t n;
    const loam_chip *chips;
} loam_chips;

/* Parses a catalogue (CSV with a header line; unknown columns, missing columns and rows that cannot be are refused with
 * their line). Figures that look like sparse peaks (int8/bf16 not about 2, or TFLOPS per watt over twice its year's
 * peers) are refused with that question. All in the arena. */
LOAM_CHECK_RESULT loam_status loam_chips_parse(const char *name, const char *text, size_t len, loam_arena *arena,
                                               loam_chips *out, loam_err *err);
/* The catalogue that is built into the program (data/chips.csv). */
LOAM_CHECK_RESULT loam_status loam_chips_builtin(loam_arena *arena, loam_chips *out, loam_err *err);
/* Index of a name (case-insensitive; an unambiguous beginning will do: "H20", "H100"), or -1. */
int loam_chips_find(const loam_chips *c, const char *name);

#endif
