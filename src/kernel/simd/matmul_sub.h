/* Formats with an integer scale for each half of a block (Q2_K, Q3_K, Q6_K): the scales multiply in integers too,
 *     y += float(Σ_h scale_h · (Σ q·a)_h - zero · Σ_h scale_h·(Σa)_h) · (d·scale_a)  [ - float(Σ_h min_h·(Σa)_h) ·
 * (dmin·scale_a) ] so that a block costs one conversion, as with one scale. Included by matmul_q8.h. */
#ifndef LOAM_KERNEL_MATMUL_SUB_H
#define LOAM_KERNEL_MATMUL_SUB_H

INLINE vf sub_super(const uint8_t *group, size_t plane, int64_t b, int v)
{
    return vf_from_f16((const uint16_t *)(group + plane) + b / 8 * 16 + v * VW);
}

INLINE vi sub_vector(const uint8_t *group, size_t plane, int64_t b, int half, int v, bool is_signed)
{
    return sub_scale(group + plane + (b * 2 + half) * 16 + v * VW, is_signed);
}

INLINE void sub_fill(qformat f, const loam_packed *w, const uint8_t *group, int64_t b, int v, float *scale, float *min,
                     uint8_t (*sub)[64], uint8_t (*sub_min)[64])
{
    vf_store(scale + v * VW, sub_super(group, w->scale_at, b, v));
    if (f.has_min)
        vf_store(min + v * VW, sub_super(group, w->min_at, b, v));
    for (int h = 0; h < 2; h++) {
        vb_store(sub[h] + v * VB, sub_vector(group, w->sub_at, b, h, v, f.sub_signed));
        if (f.has_min)
            vb_store(sub_min[h] + v * VB, sub_vector(group, w->sub_min_at, b, h, v, false));
    }
}

INLINE vf sub_sum(qformat f, vi products, const loam_act_block *a, const vi s[2], const vi m[2], vf d, vf dmin, vf y)
{
    if (f.zero)
        products = vi_sub(products, vi_sll(sub_sums(s[0], s[1], a->half_sum), f.zero == 32 ? 5 : 2));
    y = vf_fma(vf_from_i32(products), vf_mul(d, vf_set1(a->scale)), y);
    if (f.has_min)
        y = vf_sub(y, vf_mul(vf_from_i32(sub_sums(m[0], m[1], a->half_sum)), vf_mul(dmin, vf_set1(a->scale))));
    return y;
}

INLINE void sub_panel_tile(qformat f, const int R, const column col[2], int n_blocks,
                           const loam_act_block *const act[MAX_ROWS], float *const y[2], int64_t y_stride)
{
    const int depth = idot_depth(f.max_q);
    for (int b = 0; b < n_blocks; b++) {
        idot2 d[MAX_ROWS][2];
        for (int r = 0; r < R; r++)
            for (int v = 0; v < 2; v++)
                idot2_begin(&d[r][v]);
#pragma GCC unroll 8
        for (int g = 0; g < 8; g++) {
            vi w[2], s[2];
            for (int v = 0; v < 2; v++) {
                w[v] = vb_load(col[v].codes + (b * 8 + g) * 64);
                s[v] = vb_load(col[v].sub + (b * 2 + g / 4) * 64);
            }
            for (int r = 0; r < R; r++) {
                vi a = vi_load_bcast(act[r][b].q + g * 4);
                for (int v = 0; v < 2; v++) {
                    idot2_step(&d[r][v], depth, g / 4, g % 4, w[v], a, s[v]);
                    idot2_pin(&d[r][v], depth);
                }
            }
        }
        for (int v = 0; v < 2; v++) {
            vi s[2], m[2];
            for (int h = 0; h < 2; h++) {
                s[h] = vb_load(col[v].sub + (b * 2 + h) * 64);
                m[h] = f.has_min ? vb_load(col[v].sub_min + (b * 2 + h) * 64) : vi_zero();
            }
            vf ds = vf_load(col[v].scale + b * 16), dm = f.has_min ? vf_load(col[v].min + b * 16) : vf_zero();
            for (int r = 0; r < R; r++) {
                float *out = y[v] + r * y_stride;
                vf_store(out, sub_sum(f, idot2_end(&d[r][v], s[0], s[1]), &act[r][b], s, m, ds, dm, vf_load(out)));
                tile_row_end();
            }
        }
    }
}

INLINE void sub_direct_rows(qformat f, const int R, const loam_packed *w, const uint8_t *group,
                            const loam_act_block *const act[FEW_ROWS], float *y, int64_t y_stride)
{
    const int depth = idot_depth(f.max_q);
    vf sum[FEW_ROWS][NV];
    for (int r = 0; r < R; r++)
        for (int v = 0; v < NV; v++)
            sum[r][v] = vf_zero();
    for (int64_t b = 0; b < w->k / 32; b++) {
        const uint8_t *low = group + b * 64 * f.low_bits, *high = group + w->high_at + b * 64 * f.high_bits;
        for (int v = 0; v < NV; v++) {
            idot2 d[FEW_ROWS];
            vi s[2], m[2], codes[8];
            for (int h = 0; h < 2; h++) {
                s[h] = sub_vector(group, w->sub_at, b, h, v, f.sub_signed);
                m[h] = f.has_min ? sub_vector(group, w->sub_min_at, b, h, v, false) : vi_zero();
            }
#pragma GCC unroll 8
            for (int j = 0; j < 4; j++)
                codes_pair(f, low, high, j, v, &codes[j], &codes[j + 4]);
            for (int r = 0; r < R; r++) {
                idot2_begin(&d[r]);
#pragma GCC unroll 8
                for (int g = 0; g < 8; g++)
                    idot2_step(&d[r], depth, g / 4, g % 4, codes[g], vi_load_bcast(act[r][b].q + g * 4), s[g / 4]);
            }
            vf ds = sub_super(group, w->scale_at, b, v), dm = f.has_min ? sub_super(group, w->min_at, b, v) : vf_zero();
            for (int r = 0; r < R; r++)
                sum[r][v] = sub_sum(f, idot2_end(&d[r], s[0], s[1]), &act[r][b], s, m, ds, dm, sum[r][v]);
        }
    }
    for (int r = 0; r < R; r++)
        for (int v = 0; v < NV; v++)
            vf_store(y + r * y_stride + v * VW, sum[r][v]);
}

#endif
