/* Programs shaped like the planner's (regions, chips, months, services, training runs), drawn from a seed, at any size:
 * for checks of the solver and for measuring it. Money in millions of USD, power in megawatts, capacity in servers. */
#ifndef LOAM_TESTS_FLEET_LP_INSTANCE_H
#define LOAM_TESTS_FLEET_LP_INSTANCE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/rng.h"
#include "fleet/lp.h"

typedef struct lp_instance_size {
    int regions, chips, months, services, origins, blocks, runs;
    double servers;   /* that the demand of the last month takes, about */
    int chip_types;   /* most per region; 0: any number */
    double min_lot;   /* servers; 0: none */
    double permitted; /* share of (region, chip) pairs */
    unsigned long seed;
} lp_instance_size;

typedef struct lp_instance_draw {
    uint64_t seed, n;
} lp_instance_draw;

static inline double lp_draw(lp_instance_draw *d, double low, double high)
{
    return low + (high - low) * loam_rng_uniform(d->seed, d->n++);
}

static inline loam_lp *lp_instance_new(const lp_instance_size *z)
{
    enum { MAX_R = 16, MAX_C = 24, MAX_T = 36, MAX_S = 16, MAX_O = 16, MAX_B = 6, MAX_Q = MAX_T / 3 };
    const int R = z->regions, C = z->chips, T = z->months, S = z->services, O = z->origins, B = z->blocks;
    const int Q = (T + 2) / 3;
    lp_instance_draw d = {z->seed, 0};
    loam_lp *p = loam_lp_new();
    bool allowed[MAX_R][MAX_C], runs_on[MAX_S][MAX_C], route[MAX_O][MAX_S][MAX_R];
    double price[MAX_C], speed[MAX_C][MAX_S], kw[MAX_C], power_price[MAX_R];
    int lead[MAX_C], domestic[MAX_C];

    for (int c = 0; c < C; c++) {
        price[c] = lp_draw(&d, 0.12, 0.45);
        kw[c] = lp_draw(&d, 5, 12);
        lead[c] = (int)lp_draw(&d, 1, 5);
        domestic[c] = c % 3 == 0;
        double worth = price[c] * lp_draw(&d, 0.7, 1.3) / 0.3;
        for (int s = 0; s < S; s++) {
            runs_on[s][c] = lp_draw(&d, 0, 1) < 0.8 || c == 0;
            speed[c][s] = worth * lp_draw(&d, 0.7, 1.3);
        }
    }
    for (int r = 0; r < R; r++) {
        power_price[r] = lp_draw(&d, 0.0004, 0.0012); /* M$ per kW and month */
        for (int c = 0; c < C; c++)
            allowed[r][c] = lp_draw(&d, 0, 1) < z->permitted || c == r % 3;
    }
    for (int o = 0; o < O; o++)
        for (int s = 0; s < S; s++)
            for (int r = 0; r < R; r++)
                route[o][s][r] = lp_draw(&d, 0, 1) < 0.6 || r == o % R;

    /* rows of limits */
    static int budget_row[2][MAX_Q], supply_row[MAX_C][MAX_Q], power_row[MAX_R][MAX_T], install_row[MAX_R][MAX_T];
    static int share_row, types_row[MAX_R], pool_row[MAX_R][MAX_C][MAX_T][MAX_B], stock_row[MAX_R][MAX_C][MAX_T];
    double scale = z->servers;
    int share_group = loam_lp_group(p, "share domestic", 5);
    share_row = loam_lp_row(p, 0, INFINITY, share_group);
    for (int g = 0; g < 2; g++) {
        int group = loam_lp_group(p, g ? "budget abroad" : "budget home", 1);
        for (int q = 0; q < Q; q++)
            budget_row[g][q] = loam_lp_row(p, -INFINITY, scale * 0.3 * 0.9 / Q * lp_draw(&d, 0.8, 1.4), group);
    }
    int supply_group = loam_lp_group(p, "supply", 3);
    for (int c = 0; c < C; c++)
        for (int q = 0; q < Q; q++)
            supply_row[c][q] = loam_lp_row(p, -INFINITY, floor(scale / Q * lp_draw(&d, 0.1, 0.5)) + 1, supply_group);
    for (int r = 0; r < R; r++) {
        int group = loam_lp_group(p, "power", INFINITY);
        double mw = scale * 0.009 / R * lp_draw(&d, 0.8, 2.5) + 0.02;
        for (int t = 0; t < T; t++) {
            power_row[r][t] = loam_lp_row(p, -INFINITY, mw * (1 + t / 6 * 0.4), group);
            install_row[r][t] = loam_lp_row(p, -INFINITY, ceil(scale / R * lp_draw(&d, 0.2, 0.5)), -1);
        }
        types_row[r] = z->chip_types ? loam_lp_row(p, -INFINITY, z->chip_types, -1) : -1;
    }
    for (int r = 0; r < R; r++)
        for (int c = 0; c < C; c++) {
            if (!allowed[r][c])
                continue;
            int owned = (int)lp_draw(&d, 0, scale * 0.3 / R / (C * z->permitted));
            int have[MAX_T];
            for (int t = 0; t < T; t++) {
                have[t] = loam_lp_col(p, 0, INFINITY, false); /* servers in operation */
                loam_lp_cost(p, have[t], kw[c] * power_price[r]);
                stock_row[r][c][t] = loam_lp_row(p, t ? 0 : owned, t ? 0 : owned, -1);
                loam_lp_add(p, stock_row[r][c][t], have[t], 1);
                if (t)
                    loam_lp_add(p, stock_row[r][c][t], have[t - 1], -1);
                loam_lp_add(p, power_row[r][t], have[t], kw[c] / 1000);
                for (int b = 0; b < B; b++) {
                    pool_row[r][c][t][b] = loam_lp_row(p, -INFINITY, 0, -1);
                    loam_lp_add(p, pool_row[r][c][t][b], have[t], -0.97);
                }
            }
            int type = z->chip_types ? loam_lp_col(p, 0, 1, true) : -1;
            double most = ceil(scale * 0.4);
            if (type >= 0)
                loam_lp_add(p, types_row[r], type, 1);
            for (int q = 0; q < Q; q++) {
                int t = 3 * q + lead[c];
                int order = loam_lp_col(p, 0, most, true);
                double usd = price[c] * 1.4 * pow(0.98, q);
                /* what is still worth something at the end counts against the price */
                double rest = t < T ? 0.75 * (1 - (T - t) / 60.0) : 0.8;
                loam_lp_cost(p, order, usd * (1 - rest));
                loam_lp_add(p, budget_row[!domestic[c]][q], order, usd);
                loam_lp_add(p, share_row, order, (domestic[c] ? 0.7 : -0.3) * usd);
                loam_lp_add(p, supply_row[c][q], order, 1);
                if (t < T) {
                    loam_lp_add(p, stock_row[r][c][t], order, -1);
                    loam_lp_add(p, install_row[r][t], order, 1);
                }
                if (type >= 0) {
                    int row = loam_lp_row(p, -INFINITY, 0, -1);
                    loam_lp_add(p, row, order, 1);
                    loam_lp_add(p, row, type, -most);
                }
                if (z->min_lot > 0) {
                    int lot = loam_lp_col(p, 0, 1, true);
                    int low = loam_lp_row(p, 0, INFINITY, -1), high = loam_lp_row(p, -INFINITY, 0, -1);
                    loam_lp_add(p, low, order, 1);
                    loam_lp_add(p, low, lot, -z->min_lot);
                    loam_lp_add(p, high, order, 1);
                    loam_lp_add(p, high, lot, -most);
                }
            }
            if ((r + c) % 2 == 0) /* rent for six months, a start each month */
                for (int t = 0; t < T; t++) {
                    int rent = loam_lp_col(p, 0, ceil(scale * 0.05), true);
                    int months = t + 6 < T ? 6 : T - t;
                    loam_lp_cost(p, rent, price[c] * 0.055 * months);
                    loam_lp_add(p, stock_row[r][c][t], rent, -1);
                    if (t + 6 < T)
                        loam_lp_add(p, stock_row[r][c][t + 6], rent, 1);
                }
        }
    /* demand, flows, work */
    for (int s = 0; s < S; s++) {
        double weight = lp_draw(&d, 0.5, 1.5);
        for (int t = 0; t < T; t++)
            for (int b = 0; b < B; b++) {
                int balance[MAX_R];
                for (int r = 0; r < R; r++) {
                    balance[r] = loam_lp_row(p, 0, 0, -1);
                    for (int c = 0; c < C; c++)
                        if (allowed[r][c] && runs_on[s][c]) {
                            int work = loam_lp_col(p, 0, INFINITY, false);
                            loam_lp_add(p, balance[r], work, -1);
                            loam_lp_add(p, pool_row[r][c][t][b], work, 1 / speed[c][s]);
                        }
                }
                for (int o = 0; o < O; o++) {
                    double shape = 1 + 0.5 * sin(6.2832 * (b / (double)B + o / (double)O));
                    double load = scale * weight / (S * O) * shape * (0.4 + 0.6 * t / (T > 1 ? T - 1 : 1));
                    int demand = loam_lp_row(p, load, load, -1), miss = loam_lp_col(p, 0, INFINITY, false);
                    loam_lp_add(p, demand, miss, 1);
                    loam_lp_cost(p, miss, 0.5);
                    for (int r = 0; r < R; r++)
                        if (route[o][s][r]) {
                            int flow = loam_lp_col(p, 0, INFINITY, false);
                            loam_lp_add(p, demand, flow, 1);
                            loam_lp_add(p, balance[r], flow, 1);
                            loam_lp_cost(p, flow, 1e-5 * abs(o - r));
                        }
                }
            }
    }
    /* training runs: one place, one chip, within their months; or not at all, which costs */
    for (int j = 0; j < z->runs; j++) {
        int one = loam_lp_row(p, 1, 1, -1), none = loam_lp_col(p, 0, 1, true);
        int from = (int)lp_draw(&d, 0, T / 2.0), until = T;
        double need = scale * 0.06 * (until - from) * lp_draw(&d, 0.4, 1); /* server months of a mean chip */
        loam_lp_add(p, one, none, 1);
        loam_lp_cost(p, none, need);
        for (int r = 0; r < R; r++)
            for (int c = 0; c < C; c++) {
                if (!allowed[r][c] || (c + j) % 3)
                    continue;
                int place = loam_lp_col(p, 0, 1, true);
                int done = loam_lp_row(p, 0, 0, -1);
                loam_lp_add(p, one, place, 1);
                loam_lp_add(p, done, place, -need / speed[c][0]);
                for (int t = from; t < until; t++) {
                    int train = loam_lp_col(p, 0, INFINITY, false);
                    loam_lp_add(p, done, train, 1);
                    for (int b = 0; b < B; b++)
                        loam_lp_add(p, pool_row[r][c][t][b], train, 1);
                }
            }
    }
    return p;
}

/* 8 regions × 15 chips × 12 months × 6 services, as the planner's full size. */
static const lp_instance_size lp_instance_full = {8, 15, 12, 6, 6, 4, 4, 40000, 4, 0, 0.4, 1};

#endif
