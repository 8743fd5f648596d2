#include "model/res_block.h"

loam_map loam_res_block(loam_build *b, loam_map x, int time, int groups, float eps)
{
    loam_map h = x;
    h.id = loam_build_group_norm(b, x, "norm1", groups, eps, LOAM_UNARY_SILU);
    /* the time embedding's projection is added to conv1's result as that is written */
    int spread = time >= 0 ? loam_build_linear(b, time, "time_emb_proj", 0, LOAM_BIAS_YES) : -1;
    h = loam_build_conv(b, h, "conv1", 0, 3, 0, spread);
    h.id = loam_build_group_norm(b, h, "norm2", groups, eps, LOAM_UNARY_SILU);
    h = loam_build_conv(b, h, "conv2", h.c, 3, 0, -1);
    if (loam_build_has(b, "conv_shortcut."))
        x.id = loam_build_linear(b, x.id, "conv_shortcut", h.c, LOAM_BIAS_YES);
    h.id = loam_graph_add(b->g, h.id, x.id);
    return h;
}

loam_map loam_up_block(loam_build *b, loam_map x, const char *leaf, int64_t h, int64_t w)
{
    if (h == 2 * x.h && w == 2 * x.w)
        return loam_build_conv(b, x, leaf, x.c, 3, LOAM_CONV_UP, -1);
    x.id = loam_graph_upsample(b->g, x.id, x.n * x.f, x.h, x.w, h, w);
    x.h = h, x.w = w;
    return loam_build_conv(b, x, leaf, x.c, 3, 0, -1);
}
