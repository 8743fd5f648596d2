/* The file numbers its layers and names only those with weights: what a layer is follows from the names below its
 * number, and of those without weights, from what is before them. */
#include "model/taehv.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/frames.h"

enum { MAX_LAYERS = 64 };
typedef enum layer_kind {
    LAYER_RELU,
    LAYER_CLAMP,
    LAYER_UP,     /* twice the height and width */
    LAYER_CONV,   /* 3 × 3 */
    LAYER_MEMORY, /* relu(x + convs(x beside the frame before)) */
    LAYER_TIME,   /* 1 × 1, between one frame and some in columns */
} layer_kind;

typedef struct layers {
    int n;
    layer_kind kind[MAX_LAYERS];
    int64_t rows[MAX_LAYERS], columns[MAX_LAYERS]; /* of weights: channels out and in */
    bool bias[MAX_LAYERS];
} layers;

static bool there(const loam_weights *w, const char *side, int i, const char *leaf)
{
    char name[64];
    snprintf(name, sizeof name, "taehv.%s.%d.%s", side, i, leaf);
    return loam_weights_has(w, name);
}

static void shape(const loam_weights *w, const char *side, int i, const char *leaf, layers *out)
{
    char name[64];
    snprintf(name, sizeof name, "taehv.%s.%d.%s", side, i, leaf);
    const loam_weight_view *v = loam_weights_find(w, name);
    out->rows[i] = v && v->n_dims >= 2 ? v->shape[0] : 0;
    out->columns[i] = v && v->n_dims >= 2 ? v->shape[1] : 0;
}

static loam_status read_layers(const loam_weights *w, const char *side, layers *out, loam_err *err)
{
    *out = (layers){0};
    for (int i = 0; i < MAX_LAYERS; i++)
        if (there(w, side, i, ""))
            out->n = i + 1;
    for (int i = 0; i < out->n; i++) {
        layer_kind before = i ? out->kind[i - 1] : LAYER_CLAMP;
        if (there(w, side, i, "conv.0.")) {
            out->kind[i] = LAYER_MEMORY;
            shape(w, side, i, "conv.4.weight", out);
        } else if (there(w, side, i, "conv.weight")) {
            out->kind[i] = LAYER_TIME;
            shape(w, side, i, "conv.weight", out);
        } else if (there(w, side, i, "weight")) {
            out->kind[i] = LAYER_CONV;
            out->bias[i] = there(w, side, i, "bias");
            shape(w, side, i, "weight", out);
        } else if (i == 0 || before == LAYER_MEMORY || before == LAYER_CONV) {
            out->kind[i] = i == 0 ? LAYER_CLAMP : before == LAYER_MEMORY ? LAYER_UP : LAYER_RELU;
        } else {
            LOAM_FAIL(err, CORRUPT, "%s: the weights of layer %d of the TAEHV's %s are missing", loam_weights_path(w),
                      i, side);
        }
    }
    return LOAM_OK;
}

bool loam_taehv_is(const loam_weights *w)
{
    return loam_weights_has(w, "taehv.decoder.");
}

loam_status loam_taehv_read(const loam_weights *w, loam_taehv_params *out, loam_err *err)
{
    layers l;
    loam_taehv_params p = {.factor = 1, .factor_t = 1, .has_encoder = loam_weights_has(w, "taehv.encoder.")};
    LOAM_TRY(read_layers(w, "decoder", &l, err));
    if (l.n < 2 || l.kind[0] != LAYER_CLAMP || l.kind[1] != LAYER_CONV || l.kind[l.n - 1] != LAYER_CONV)
        LOAM_FAIL(err, CORRUPT, "%s: the decoder of the TAEHV is missing or incomplete", loam_weights_path(w));
    p.latent = l.columns[1];
    int64_t now = l.rows[1];
    for (int i = 2; i < l.n; i++) {
        p.factor *= l.kind[i] == LAYER_UP ? 2 : 1;
        if (l.kind[i] == LAYER_TIME && (now < 1 || l.rows[i] < now || l.rows[i] % now || l.rows[i] / now > 4))
            LOAM_FAIL(err, CORRUPT, "%s: layer %d of the TAEHV makes %lld channels of %lld", loam_weights_path(w), i,
                      (long long)l.rows[i], (long long)now);
        if (l.kind[i] == LAYER_TIME)
            p.factor_t *= l.rows[i] / now;
        else if (l.kind[i] == LAYER_CONV)
            now = l.rows[i];
    }
    if (now != 3 || p.latent < 1 || p.factor > 64 || p.factor_t > 64)
        LOAM_FAIL(err, UNSUPPORTED,
                  "%s: this TAEHV makes %lld channels, %lld times the size; Loam runs that of Wan 2.1 (taew2_1)",
                  loam_weights_path(w), (long long)now, (long long)p.factor);
    *out = p;
    return LOAM_OK;
}

/* relu(x + conv(relu(conv(relu(conv(x beside the frame before)))))) */
static loam_map memory(loam_build *b, loam_net *net, loam_map x)
{
    const int64_t hw = x.h * x.w;
    if (x.id < 0)
        return x;
    loam_map all = loam_frames_carry_in(b, net, x, 1, false);
    loam_map h = x;
    h.id = loam_graph_concat(b->g, x.id, loam_graph_slice(b->g, all.id, 0, x.f * hw, 0, x.c));
    h.c = 2 * x.c;
    for (int i = 0; i <= 4; i += 2) {
        char leaf[16];
        snprintf(leaf, sizeof leaf, "conv.%d", i);
        h = loam_build_conv(b, h, leaf, x.c, 3, 0, -1);
        if (i < 4)
            h.id = loam_graph_unary(b->g, LOAM_UNARY_RELU, h.id);
    }
    h.id = loam_graph_unary(b->g, LOAM_UNARY_RELU, loam_graph_add(b->g, h.id, x.id));
    return h;
}

/* The layers of one side over the frames of one latent frame. Doubling is left to the convolution that follows: what
 * stands between them looks at single positions. */
static loam_map side(loam_build *b, loam_net *net, const layers *l, loam_map x, bool encoder)
{
    char name[16];
    bool doubled = false, halve = false;
    for (int i = 0; i < l->n && x.id >= 0; i++) {
        snprintf(name, sizeof name, "%d", i);
        size_t scope = loam_build_enter(b, "%d", i);
        if (l->kind[i] == LAYER_MEMORY)
            x = memory(b, net, x);
        else if (l->kind[i] == LAYER_RELU)
            x.id = loam_graph_unary(b->g, LOAM_UNARY_RELU, x.id);
        else if (l->kind[i] == LAYER_UP)
            doubled = true;
        else if (l->kind[i] == LAYER_TIME) {
            int n = (int)((encoder ? l->columns[i] : l->rows[i]) / x.c);
            n = n < 1 ? 1 : n;
            if (encoder)
                x = x.f % n ? x : loam_frames_fold(b, x, n); /* misshapen weights are found below */
            int64_t rows = encoder ? x.c / n : x.c * n;
            x.id = loam_build_linear(b, x.id, "conv", rows, LOAM_BIAS_NONE);
            x.c = x.id < 0 ? 1 : loam_graph_columns(b->g, x.id);
            if (!encoder)
                x = loam_frames_unfold(b, x, n);
            halve = encoder;
        }
        loam_build_leave(b, scope);
        if (l->kind[i] == LAYER_CONV) {
            int flags = (doubled ? LOAM_CONV_UP : 0) | (halve ? LOAM_CONV_HALF : 0);
            x = loam_build_conv(b, x, name, 0, 3, flags | (l->bias[i] ? 0 : LOAM_CONV_NO_BIAS), -1);
            doubled = halve = false;
        }
    }
    return x;
}

loam_status loam_taehv_begin(loam_taehv *v, loam_weight_store *store, const loam_taehv_params *p, bool encoder,
                             int64_t f, int64_t h, int64_t w, loam_err *err)
{
    enum { MAX_SIDE = 4096 };
    loam_build b;
    layers l;
    *v = (loam_taehv){.p = *p, .encoder = encoder, .h = h, .w = w, .f = f};
    if (f < 1 || h < 1 || w < 1 || h > MAX_SIDE || w > MAX_SIDE)
        LOAM_FAIL(err, INVALID, "a clip of %lld latent frames of %lld x %lld: sizes are at least 1, sides at most %d",
                  (long long)f, (long long)w, (long long)h, MAX_SIDE);
    if (encoder && !p->has_encoder)
        LOAM_FAIL(err, UNSUPPORTED, "the TAEHV has no encoder");
    LOAM_TRY(read_layers(loam_weight_store_weights(store), encoder ? "encoder" : "decoder", &l, err));
    LOAM_TRY(loam_build_begin(&b, store, err));
    loam_net *net = &v->net;
    loam_build_enter(&b, "taehv.%s", encoder ? "encoder" : "decoder");
    loam_map x = {.n = 1, .f = 1, .h = h, .w = w, .c = p->latent};
    if (encoder)
        x = (loam_map){.n = 1, .f = p->factor_t, .h = h * p->factor, .w = w * p->factor, .c = 3};
    x.id = loam_net_input(&b, net, encoder ? "pixels" : "latent", x.f * x.h * x.w, x.c);
    net->n_out = 1; /* the result has its place before what is carried */
    x = side(&b, net, &l, x, encoder);
    if (x.id >= 0)
        loam_graph_output(b.g, x.id);
    net->out[0] = x.id;
    loam_map want = {.f = encoder ? 1 : p->factor_t, .h = h, .w = w, .c = encoder ? p->latent : 3};
    if (!encoder)
        want.h *= p->factor, want.w *= p->factor;
    loam_status st;
    if (net->n_in == LOAM_NET_MAX_ENDS)
        st = loam_err_set(err, LOAM_STATUS_UNSUPPORTED, __FILE__, __LINE__, "the TAEHV has more than %d memory blocks",
                          LOAM_NET_MAX_ENDS - 2);
    else if (x.id >= 0 && (x.f != want.f || x.h != want.h || x.w != want.w || x.c != want.c))
        st = loam_err_set(err, LOAM_STATUS_CORRUPT, __FILE__, __LINE__,
                          "the TAEHV's %s makes %lld frames of %lld x %lld with %lld channels of one latent frame",
                          encoder ? "encoder" : "decoder", (long long)x.f, (long long)x.w, (long long)x.h,
                          (long long)x.c);
    else
        st = loam_net_plan(&b, net, err);
    loam_build_end(&b);
    if (st == LOAM_OK)
        loam_taehv_restart(v);
    return st;
}

void loam_taehv_end(loam_taehv *v)
{
    loam_net_free(&v->net);
}

void loam_taehv_restart(loam_taehv *v)
{
    v->done = 0;
    loam_frames_carry(NULL, &v->net);
}

int64_t loam_taehv_frames(const loam_taehv *v)
{
    return v->done == 0 ? 1 : v->p.factor_t;
}

static loam_status step(loam_taehv *v, loam_err *err)
{
    if (v->done >= v->f)
        LOAM_FAIL(err, INVALID, "all %lld latent frames are done", (long long)v->f);
    LOAM_TRY(loam_net_run(&v->net, NULL, NULL, err));
    loam_frames_carry(&v->net, &v->net);
    return LOAM_OK;
}

loam_status loam_taehv_decode_step(loam_taehv *v, const float *latent, float *pixels, loam_err *err)
{
    const int64_t hw = v->h * v->w, c = v->p.latent, frame = hw * v->p.factor * v->p.factor * 3;
    float *in = loam_net_in(&v->net, 0);
    for (int64_t p = 0; p < hw && v->done < v->f; p++)
        for (int64_t j = 0; j < c; j++) /* extreme values are drawn in */
            in[p * c + j] = 3.0f * tanhf(latent[(j * v->f + v->done) * hw + p] / 3.0f);
    LOAM_TRY(step(v, err));
    int64_t n = loam_taehv_frames(v);
    const float *out = loam_net_out(&v->net, 0) + (v->p.factor_t - n) * frame; /* the first ones lie before the clip */
    for (int64_t i = 0; i < n * frame; i++)
        pixels[i] = out[i] < 0 ? 0 : out[i] > 1 ? 1 : out[i];
    v->done++;
    return LOAM_OK;
}

loam_status loam_taehv_encode_step(loam_taehv *v, const float *pixels, float *latent, loam_err *err)
{
    const int64_t hw = v->h * v->w, c = v->p.latent, frame = hw * v->p.factor * v->p.factor * 3;
    if (v->done < v->f)
        memcpy(loam_net_in(&v->net, 0), pixels, (size_t)(v->p.factor_t * frame) * sizeof *pixels);
    LOAM_TRY(step(v, err));
    const float *out = loam_net_out(&v->net, 0);
    for (int64_t p = 0; p < hw; p++)
        for (int64_t j = 0; j < c; j++)
            latent[(j * v->f + v->done) * hw + p] = out[p * c + j];
    v->done++;
    return LOAM_OK;
}
