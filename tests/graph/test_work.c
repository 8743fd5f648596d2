/* What a graph asks of a machine: sums done by hand, and tiny models against what PyTorch counts for them. And the
 * profile of a run, which is set beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "graph/work.h"
#include "model/model_int.h"
#include "model/unet.h"
#include "model/vae.h"

#define PICTURES LOAM_SOURCE_ROOT "/tests/golden/pictures/"

static void ok(loam_status st, const loam_err *err)
{
    if (st != LOAM_OK)
        fail_msg("%s", err->msg);
}

/* The operation of this kind, which must be the only one. */
static loam_work only(const loam_graph *g, const loam_step *s, loam_op_kind kind, char name[LOAM_WORK_NAME])
{
    const loam_plan *p = loam_graph_get_plan(g);
    loam_work w = {0};
    int n = 0;
    for (int i = 0; i < p->n_ops; i++)
        if (p->ops[i].kind == kind) {
            w = loam_work_of(p, s, &p->ops[i]);
            loam_work_name(p, &p->ops[i], name);
            n++;
        }
    assert_int_equal(n, 1);
    return w;
}

/* Pictures of 8 x 10 with 16 channels, a convolution to 32 of half the size, one head of attention over its rows. */
static void by_hand(void **state)
{
    (void)state;
    enum { H = 8, W = 10, C = 16, N = 32, ROWS = H / 2 * W / 2 };
    loam_err err = {0};
    loam_device *d;
    loam_program *p;
    loam_weight *w;
    char name[LOAM_WORK_NAME];
    const loam_device_api *api = &loam_device_cpu;
    float *bytes = calloc((size_t)N * 9 * C, sizeof *bytes);
    ok(api->open(2, &d, &err), &err);
    ok(api->weight_new(d, LOAM_DTYPE_F32, N, 9 * C, bytes, true, false, &w, &err), &err);
    loam_graph *g = loam_graph_new();
    int x = loam_graph_input(g, "x", 2 * H * W, C);
    loam_conv c = {2, 1, H, W, C, 1, H / 2, W / 2, 1, 3, 3, 1, 2, 0, 1, 1, false};
    int y = loam_graph_conv(g, x, loam_graph_weight(g, "w", w, LOAM_DTYPE_F32, N, 9 * C, false), -1, -1, &c);
    int z = loam_graph_attend(g, y, y, y, -1, 2, 2, 1, true);
    loam_graph_output(g, loam_graph_slice(g, z, 0, ROWS, 0, N / 2));
    ok(loam_graph_plan(g, api, d, 0, 0, &p, &err), &err);
    loam_step s = {0};

    loam_work conv = only(g, &s, LOAM_OP_CONV, name);
    assert_string_equal(name, "CONV 3x3");
    assert_true(conv.ops == 2.0 * (2 * ROWS) * N * (9 * C)); /* two pictures */
    assert_true(conv.bytes == 4.0 * (2 * H * W * C + N * 9 * C + 2 * ROWS * N));
    loam_work attend = only(g, &s, LOAM_OP_ATTEND, name);
    assert_string_equal(name, "ATTEND");
    assert_true(attend.ops == 4.0 * 2 * N * (ROWS * (ROWS + 1) / 2)); /* row i sees i + 1; all heads are N columns */
    loam_work slice = only(g, &s, LOAM_OP_SLICE, name);
    assert_true(slice.ops == 0 && slice.bytes == 4.0 * 2 * ROWS * (N / 2));
    loam_work all = loam_work_total(loam_graph_get_plan(g), &s);
    assert_true(all.ops == conv.ops + attend.ops);

    api->program_free(p);
    loam_graph_free(g);
    api->weight_free(d, w);
    api->close(d);
    free(bytes);
}

/* A step of a text model's attention: two conversations, one with a window that has filled. */
static void over_a_cache(void **state)
{
    (void)state;
    enum { HEADS = 4, KV = 2, DIM = 64, WINDOW = 10 };
    loam_err err = {0};
    loam_device *d;
    loam_program *p;
    loam_kv *kv;
    char name[LOAM_WORK_NAME];
    const loam_device_api *api = &loam_device_cpu;
    for (int window = 0; window <= WINDOW; window += WINDOW) {
        ok(api->open(1, &d, &err), &err);
        ok(api->kv_new(d, 2, 64, KV, DIM, &kv, &err), &err);
        loam_graph *g = loam_graph_new();
        int q = loam_graph_input(g, "q", 4, HEADS * DIM);
        int cache = loam_graph_kv(g, "kv", kv, KV, DIM);
        loam_graph_output(g, loam_graph_attention(g, q, cache, HEADS, 1, window));
        ok(loam_graph_plan(g, api, d, 4, 0, &p, &err), &err);
        const loam_step_span spans[] = {{0, 0, 0, 3}, {1, 20, 3, 1}};
        loam_step s = {.n_tokens = 4, .spans = spans, .n_spans = 2};
        loam_work w = only(g, &s, LOAM_OP_ATTENTION, name);
        int last = window ? WINDOW : 21; /* what the token at position 20 sees; the others see 1, 2 and 3 */
        assert_true(w.ops == 4.0 * DIM * HEADS * (1 + 2 + 3 + last));
        assert_true(w.bytes == 2.0 * (4 * HEADS * DIM * 4) + 2.0 * 2 * KV * DIM * (3 + last));
        api->program_free(p);
        loam_graph_free(g);
        api->kv_free(d, kv);
        api->close(d);
    }
}

static double total(const loam_net *net)
{
    loam_step s = {.n_tokens = net->n_tokens};
    return loam_work_total(loam_graph_get_plan(net->g), &s).ops;
}

/* tests/golden/make/pictures_work.py printed these. PyTorch embeds the time once for each latent, Loam once for all: a
 * sinusoid of 6 through 24 x 24, then to the 200 channels that the residual blocks have together. */
enum { TIME_OPS = 2 * (6 * 24 + 24 * 24 + 24 * 200) };
static void as_pytorch(void **state)
{
    (void)state;
    loam_err err = {0};
    loam_weights *w;
    loam_device *d;
    loam_weight_store *store;
    loam_unet_params unet;
    loam_vae_params vae;
    loam_net net;
    ok(loam_weights_open(PICTURES "sd15", &w, &err), &err);
    ok(loam_device_cpu.open(1, &d, &err), &err);
    ok(loam_weight_store_new(&loam_device_cpu, d, w, LOAM_DTYPE_COUNT, &store, &err), &err);
    ok(loam_unet_read(w, &unet, &err), &err);
    ok(loam_vae_read(w, &vae, &err), &err);
    ok(loam_unet_net(store, &unet, 2, 12, 20, 77, &net, &err), &err);
    assert_true(total(&net) == 40131920 - TIME_OPS);
    loam_net_free(&net);
    ok(loam_unet_net(store, &unet, 1, 9, 7, 154, &net, &err), &err);
    assert_true(total(&net) == 6418840);
    loam_net_free(&net);
    ok(loam_vae_decoder_net(store, &vae, 1, 6, 5, &net, &err), &err);
    assert_true(total(&net) == 8305440);
    loam_net_free(&net);
    ok(loam_vae_encoder_net(store, &vae, 1, 48, 40, &net, &err), &err);
    assert_true(total(&net) == 4552080);
    loam_net_free(&net);
    loam_weight_store_free(store);
    loam_device_cpu.close(d);
    loam_weights_close(w);
}

/* Every operation's time is seen, together no more than the threads had; off means off; results stay as they are. */
static void profile(void **state)
{
    (void)state;
    enum { THREADS = 2, PIXELS = 48 * 40 * 3 };
    loam_err err = {0};
    loam_weights *w;
    loam_device *d;
    loam_weight_store *store;
    loam_vae_params vae;
    loam_net net;
    ok(loam_weights_open(PICTURES "sd15", &w, &err), &err);
    ok(loam_device_cpu.open(THREADS, &d, &err), &err);
    ok(loam_weight_store_new(&loam_device_cpu, d, w, LOAM_DTYPE_COUNT, &store, &err), &err);
    ok(loam_vae_read(w, &vae, &err), &err);
    ok(loam_vae_decoder_net(store, &vae, 1, 6, 5, &net, &err), &err);
    const loam_plan *p = loam_graph_get_plan(net.g);
    uint64_t *ns = calloc((size_t)p->n_ops, sizeof *ns), *kept = calloc((size_t)p->n_ops, sizeof *kept);
    for (int64_t i = 0; i < 6 * 5 * vae.latent; i++)
        loam_net_in(&net, 0)[i] = (float)(i % 7) - 3;
    ok(loam_net_run(&net, NULL, NULL, &err), &err);
    float plain[PIXELS];
    memcpy(plain, loam_net_out(&net, 0), sizeof plain);
    net.api->program_profile(net.program, ns);
    uint64_t began = loam_clock_ns();
    ok(loam_net_run(&net, NULL, NULL, &err), &err);
    uint64_t all = 0, had = THREADS * (loam_clock_ns() - began);
    for (int i = 0; i < p->n_ops; i++) {
        assert_true(ns[i] > 0);
        all += ns[i];
    }
    assert_true(all <= had);
    assert_memory_equal(plain, loam_net_out(&net, 0), sizeof plain);
    memcpy(kept, ns, (size_t)p->n_ops * sizeof *ns);
    net.api->program_profile(net.program, NULL);
    ok(loam_net_run(&net, NULL, NULL, &err), &err);
    assert_memory_equal(kept, ns, (size_t)p->n_ops * sizeof *ns);
    free(ns);
    free(kept);
    loam_net_free(&net);
    loam_weight_store_free(store);
    loam_device_cpu.close(d);
    loam_weights_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(by_hand), cmocka_unit_test(over_a_cache),
                                       cmocka_unit_test(as_pytorch), cmocka_unit_test(profile)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
