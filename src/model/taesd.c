#include "model/taesd.h"

#include <math.h>
#include <stdio.h>

#include "model/unet.h"

bool loam_taesd_is(const loam_weights *w, const char *part)
{
    char name[64];
    snprintf(name, sizeof name, "%s.decoder.layers.", part);
    return loam_weights_has(w, name);
}

/* relu(x + conv(relu(conv(relu(conv(x)))))) */
static loam_map block(loam_build *b, loam_map x)
{
    loam_map h = x;
    for (int i = 0; i <= 4; i += 2) {
        char leaf[16];
        snprintf(leaf, sizeof leaf, "conv.%d", i);
        h = loam_build_conv(b, h, leaf, 0, 3, 0, -1);
        if (i < 4)
            h.id = loam_graph_unary(b->g, LOAM_UNARY_RELU, h.id);
    }
    if (loam_build_has(b, "skip."))
        x = loam_build_conv(b, x, "skip", h.c, 1, LOAM_CONV_NO_BIAS, -1);
    h.id = loam_graph_unary(b->g, LOAM_UNARY_RELU, loam_graph_add(b->g, h.id, x.id));
    return h;
}

loam_status loam_taesd_net(loam_weight_store *store, const char *part, int64_t n, int64_t h, int64_t w, loam_net *out,
                           loam_err *err)
{
    enum { MAX_LAYERS = 64 };
    loam_build b;
    char name[64];
    *out = (loam_net){.n_pictures = n};
    const loam_weights *weights = loam_weight_store_weights(store);
    snprintf(name, sizeof name, "%s.decoder.layers.0.weight", part);
    const loam_weight_view *first = loam_weights_find(weights, name);
    if (!first || first->n_dims != 4)
        LOAM_FAIL(err, CORRUPT, "%s: it has no decoder of a TAESD", loam_weights_path(weights));
    LOAM_TRY(loam_build_begin(&b, store, err));
    loam_map x = {.n = n, .f = 1, .h = h, .w = w, .c = first->shape[1]};
    x.id = loam_net_input(&b, out, "latent", n * h * w, x.c);
    loam_build_enter(&b, "%s.decoder", part);
    bool up = false;
    int end = MAX_LAYERS;
    for (; end > 1; end--) {
        snprintf(name, sizeof name, "layers.%d.", end - 1);
        if (loam_build_has(&b, name))
            break;
    }
    for (int i = 0; i < end; i++) {
        size_t scope = loam_build_enter(&b, "layers.%d", i);
        bool is_block = loam_build_has(&b, "conv."), is_conv = !is_block && loam_build_has(&b, "weight");
        bool bias = loam_build_has(&b, "bias");
        if (is_block)
            x = block(&b, x);
        loam_build_leave(&b, scope);
        if (is_conv) {
            snprintf(name, sizeof name, "layers.%d", i);
            x = loam_build_conv(&b, x, name, 0, 3, (up ? LOAM_CONV_UP : 0) | (bias ? 0 : LOAM_CONV_NO_BIAS), -1);
            if (i == 0)
                x.id = loam_graph_unary(b.g, LOAM_UNARY_RELU, x.id);
        }
        up = i > 1 && !is_block && !is_conv; /* a place without weights doubles; place 1 is the first relu */
    }
    loam_net_output(&b, out, x.id);
    loam_status st = loam_net_plan(&b, out, err);
    loam_build_end(&b);
    return st;
}

loam_status loam_taesd_run(loam_net *net, const float *latent, const float **pixels, loam_err *err)
{
    const loam_tensor *in = &loam_graph_get_plan(net->g)->tensors[net->in[0]];
    float *rows = loam_net_in(net, 0);
    int64_t n = in->shape[0] * in->shape[1];
    loam_rows_from_planes(latent, net->n_pictures, in->shape[1], in->shape[0] / net->n_pictures, rows);
    for (int64_t i = 0; i < n; i++) /* extreme values are drawn in */
        rows[i] = 3.0f * tanhf(rows[i] / 3.0f);
    LOAM_TRY(loam_net_run(net, NULL, NULL, err));
    *pixels = loam_net_out(net, 0);
    return LOAM_OK;
}
