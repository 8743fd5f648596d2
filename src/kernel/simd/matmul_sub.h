/* Formats in super-blocks of 256 (K-quants, IQ4_XS), whose blocks or half blocks have integer scales of their own. The
 * activations have one scale for the same 256 values, so that sums run over a whole super-block before they are scaled:
 *     y += ( d·Σ_s scale_s·(Σ (q - zero)·a)_s - dmin·Σ_s min_s·(Σa)_s ) · scale_a
 * where s counts the blocks (n_sub 1) or half blocks (n_sub 2). Zero points and mins multiply the activations' sums,
 * two at a time, as pairs of 16-bit numbers. Included by matmul_q8.h. */
#ifndef LOAM_KERNEL_MATMUL_SUB_H
#define LOAM_KERNEL_MATMUL_SUB_H

enum { SUPER_BLOCKS = 8 }; /* blocks of 32 in a super-block */

INLINE vf super_scale(const uint8_t *group, size_t plane, int64_t b, int v)
{
    return vf_from_f16((const uint16_t *)(group + plane) + b / SUPER_BLOCKS * 16 + v * VW);
}

INLINE vk sub_scale(qformat f, const loam_packed *w, const uint8_t *group, int64_t b, int half, int v)
{
    return vk_from_bytes(group + w->sub_at + (b * f.n_sub + half) * 16 + v * VW, f.sub_signed);
}

INLINE bool has_pairs(qformat f)
{
    return f.has_min || idot_zero(idot_depth(f.max_q), f.zero);
}

/* Pair i of the super-block that begins at block b: -min or -zero·scale of two neighbours. */
INLINE vi sub_pair(qformat f, const loam_packed *w, const uint8_t *group, int64_t b, int i, int v)
{
    const uint8_t *p = group + (f.has_min ? w->sub_min_at : w->sub_at) + (b * f.n_sub + 2 * i) * 16 + v * VW;
    return vi_negated_pairs(p, p + 16, f.sub_signed, f.has_min ? 1 : f.zero);
}

/* The sums of activations that pair i is multiplied with; a is the super-block's first block. */
INLINE const int16_t *pair_sums(qformat f, const loam_act_block *a, int i)
{
    return f.n_sub == 2 ? a[i].half_sum : a[2 * i].sum;
}

/* Puts a super-block into the f32 sums y of a row; `pairs` is what the pairs came to. */
INLINE vf super_sum(qformat f, vk sum, vi pairs, float act_scale, vf d, vf dmin, vf y)
{
    vf x = vf_mul(d, vk_value(sum, pairs, has_pairs(f) && !f.has_min));
    if (f.has_min)
        x = vf_fma(dmin, vf_from_i32(pairs), x);
    return vf_fma(x, vf_set1(act_scale), y);
}

/* Scales of block b into a panel, and with the first block of a super-block what belongs to all of it. */
INLINE void super_fill(qformat f, const loam_packed *w, const uint8_t *group, int64_t b, int v, float *scale,
                       float *min, uint8_t (*sub)[64], uint8_t (*pair)[64])
{
    for (int h = 0; h < f.n_sub; h++)
        vk_put(sub[h] + v * VB, sub_scale(f, w, group, b, h, v));
    if (b % SUPER_BLOCKS)
        return;
    vf_store(scale + v * VW, super_scale(group, w->scale_at, b, v));
    if (f.has_min)
        vf_store(min + v * VW, super_scale(group, w->min_at, b, v));
    for (int i = 0; has_pairs(f) && i < SUPER_BLOCKS / 2 * f.n_sub; i++)
        vb_store(pair[i] + v * VB, sub_pair(f, w, group, b, i, v));
}

/* R rows × 2 column vectors over whole super-blocks of the panel. `aside` has room for the sums of a super-block where
 * the registers have not. */
INLINE void super_panel_tile(qformat f, const int R, const column col[2], int n_blocks,
                             const loam_act_block *const act[MAX_ROWS], vk (*aside)[2], float *const y[2],
                             int64_t y_stride)
{
    const int depth = idot_depth(f.max_q), steps = 8 / f.n_sub, n_pairs = SUPER_BLOCKS / 2 * f.n_sub;
    vk local[MAX_ROWS][2], (*sum)[2] = vk_in_memory(depth) ? aside : local;
    for (int b0 = 0; b0 < n_blocks; b0 += SUPER_BLOCKS) {
        for (int i = 0; i < R * 2; i++)
            sum[i / 2][i % 2] = vk_zero();
        for (int b = b0; b < b0 + SUPER_BLOCKS; b++) {
            kdot d[MAX_ROWS][2];
#pragma GCC unroll 8
            for (int g = 0; g < 8; g++) {
                idot_w w[2];
                vk s[2];
                for (int v = 0; v < 2; v++) {
                    w[v] = idot_get(depth, col[v].codes + (b * 8 + g) * 64, col[v].values + (b * 8 + g) * 64);
                    s[v] = vk_get(col[v].sub + (b * 2 + g / steps) * 64);
                }
                for (int r = 0; r < R; r++) {
                    vi a = vi_load_bcast(act[r][b].q + g * 4);
                    for (int v = 0; v < 2; v++) {
                        kdot_step(&d[r][v], &sum[r][v], depth, g % steps, steps, w[v], a, s[v]);
                        kdot_pin(&d[r][v], &sum[r][v], depth);
                    }
                }
            }
        }
        for (int v = 0; v < 2; v++) {
            vf d = vf_load(col[v].scale + b0 / SUPER_BLOCKS * 16),
               dmin = f.has_min ? vf_load(col[v].min + b0 / SUPER_BLOCKS * 16) : vf_zero();
            vi pair[SUPER_BLOCKS];
            for (int i = 0; has_pairs(f) && i < n_pairs; i++)
                pair[i] = vb_load(col[v].pair + (b0 + i) * 64);
            for (int r = 0; r < R; r++) {
                const loam_act_block *a = act[r] + b0;
                float *out = y[v] + r * y_stride;
                vi pairs = vi_zero();
                for (int i = 0; has_pairs(f) && i < n_pairs; i++)
                    pairs = vi_add_pairs(pairs, pair[i], pair_sums(f, a, i));
                vf_store(out, super_sum(f, sum[r][v], pairs, a->scale, d, dmin, vf_load(out)));
                tile_row_end();
            }
        }
    }
}

/* R rows × one group straight from the packed weights. */
INLINE void super_direct_rows(qformat f, const int R, const loam_packed *w, const uint8_t *group,
                              const loam_act_block *const act[FEW_ROWS], float *y, int64_t y_stride)
{
    const int depth = idot_depth(f.max_q), last = f.n_sub - 1;
    vf total[FEW_ROWS][NV];
    for (int r = 0; r < R; r++)
        for (int v = 0; v < NV; v++)
            total[r][v] = vf_zero();
    for (int64_t b0 = 0; b0 < w->k / 32; b0 += SUPER_BLOCKS) {
        vk sum[FEW_ROWS][NV];
        for (int r = 0; r < R; r++)
            for (int v = 0; v < NV; v++)
                sum[r][v] = vk_zero();
        for (int64_t b = b0; b < b0 + SUPER_BLOCKS; b++) {
            const uint8_t *low = group + b * 256, *high = group + w->high_at + b * 64 * f.high_bits;
            ask_ahead(low, f.low_bits);
            ask_ahead(high, f.high_bits);
            for (int v = 0; v < NV; v++) {
                kdot d[FEW_ROWS][2];
                vk s[2];
                for (int h = 0; h < f.n_sub; h++)
                    s[h] = sub_scale(f, w, group, b, h, v);
#pragma GCC unroll 8
                for (int j = 0; j < 4; j++) { /* the halves of a block side by side: codes come in such pairs */
                    vi lo, hi;
                    codes_pair(f, low, high, j, v, &lo, &hi);
                    idot_w w_lo = idot_weights(depth, lo), w_hi = idot_weights(depth, hi);
                    for (int r = 0; r < R; r++) {
                        vi a_lo = vi_load_bcast(act[r][b].q + 4 * j), a_hi = vi_load_bcast(act[r][b].q + 16 + 4 * j);
                        int step = last ? j : 2 * j, steps = last ? 4 : 8;
                        kdot_step(&d[r][0], &sum[r][v], depth, step, steps, w_lo, a_lo, s[0]);
                        kdot_step(&d[r][last], &sum[r][v], depth, last ? step : step + 1, steps, w_hi, a_hi, s[last]);
                    }
                }
            }
        }
        for (int v = 0; v < NV; v++) {
            vf d = super_scale(group, w->scale_at, b0, v),
               dmin = f.has_min ? super_scale(group, w->min_at, b0, v) : vf_zero();
            vi pairs[FEW_ROWS];
            for (int r = 0; r < R; r++)
                pairs[r] = vi_zero();
            for (int i = 0; has_pairs(f) && i < SUPER_BLOCKS / 2 * f.n_sub; i++) {
                vi p = sub_pair(f, w, group, b0, i, v);
                for (int r = 0; r < R; r++)
                    pairs[r] = vi_add_pairs(pairs[r], p, pair_sums(f, act[r] + b0, i));
            }
            for (int r = 0; r < R; r++)
                total[r][v] = super_sum(f, sum[r][v], pairs[r], act[r][b0].scale, d, dmin, total[r][v]);
        }
    }
    for (int r = 0; r < R; r++)
        for (int v = 0; v < NV; v++)
            vf_store(y + r * y_stride + v * VW, total[r][v]);
}

#endif
