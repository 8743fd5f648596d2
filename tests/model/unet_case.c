#include "unet_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tensor_file.h"

void ok(loam_status st, const loam_err *err)
{
    if (st != LOAM_OK)
        fail_msg("%s", err->msg);
}

unet_case unet_case_new(const char *weights, const char *motion, const char *golden, int n_threads)
{
    loam_err err = {0};
    unet_case c = {0};
    ok(loam_weights_open(weights, &c.weights, &err), &err);
    if (motion)
        ok(loam_weights_add(c.weights, motion, NULL, &err), &err);
    ok(loam_device_cpu.open(n_threads, &c.device, &err), &err);
    ok(loam_weight_store_new(&loam_device_cpu, c.device, c.weights, LOAM_DTYPE_COUNT, &c.store, &err), &err);
    ok(loam_safetensors_open(golden, &c.golden, &err), &err);
    return c;
}

void unet_case_free(unet_case *c)
{
    loam_weight_store_free(c->store);
    loam_device_cpu.close(c->device);
    loam_weights_close(c->weights);
    loam_safetensors_close(c->golden);
}

static const char *input(char name[64], const char *prefix, const char *what)
{
    snprintf(name, 64, "%s.in.%s", prefix, what);
    return name;
}

float *unet_case_run(const unet_case *c, const loam_unet_params *p, const char *prefix, float guidance, int64_t *n,
                     loam_net *net)
{
    loam_err err = {0};
    char name[64];
    loam_net own;
    loam_net *used = net ? net : &own;
    const loam_safetensors_tensor *x = loam_safetensors_find(c->golden, input(name, prefix, "sample"));
    assert_non_null(x);
    const bool clip = x->n_dims == 5;
    const int64_t pictures = x->shape[0], h = x->shape[x->n_dims - 2], w = x->shape[x->n_dims - 1];
    loam_unet_input in = {.latent = golden_f32(c->golden, name, n), .guidance = guidance};
    in.timestep = *golden_f32(c->golden, input(name, prefix, "timestep"), NULL);
    in.text = golden_f32(c->golden, input(name, prefix, "encoder_hidden_states"), NULL);
    const int64_t n_text = golden_dim(c->golden, name, 1);
    float added[2 * 96];
    if (p->added) {
        const float *ids = golden_f32(c->golden, input(name, prefix, "time_ids"), NULL);
        const float *pooled = golden_f32(c->golden, input(name, prefix, "text_embeds"), NULL);
        assert_true(p->added * pictures <= (int64_t)(sizeof added / sizeof *added));
        for (int64_t i = 0; i < pictures; i++)
            loam_unet_added(p, pooled + i * (p->added - 6 * p->added_time), ids + i * 6, added + i * p->added);
        in.added = added;
    }
    ok(clip ? loam_unet_motion_net(c->store, p, pictures, x->shape[2], h, w, n_text, used, &err)
            : loam_unet_net(c->store, p, pictures, h, w, n_text, used, &err),
       &err);
    *n = *n / p->in_channels * p->out_channels;
    float *out = malloc((size_t)*n * sizeof *out);
    assert_non_null(out);
    for (int run = 0; run < 2; run++) { /* the second run finds its inputs' memory as the first left it */
        memset(out, 0xff, (size_t)*n * sizeof *out);
        ok(loam_unet_run(used, p, &in, out, &err), &err);
    }
    if (!net)
        loam_net_free(used);
    return out;
}

void copy_tensors(const char *from, const char *to, const char *without,
                  void (*edit)(const char *name, char *shape, float *x, size_t n))
{
    loam_err err = {0};
    loam_safetensors *st = NULL;
    ok(loam_safetensors_open(from, &st, &err), &err);
    tensor_file *f = tensor_file_new();
    for (size_t i = 0; i < loam_safetensors_n_tensors(st); i++) {
        const loam_safetensors_tensor *t = loam_safetensors_tensor_at(st, i);
        char shape[128] = "[";
        if (without && strstr(t->name, without))
            continue;
        assert_int_equal(t->dtype, LOAM_SAFETENSORS_DTYPE_F32);
        for (int j = 0; j < t->n_dims; j++)
            snprintf(shape + strlen(shape), sizeof shape - strlen(shape), "%s%lld", j ? "," : "",
                     (long long)t->shape[j]);
        strcat(shape, "]");
        float *x = malloc(t->bytes);
        assert_non_null(x);
        memcpy(x, t->data, t->bytes);
        if (edit)
            edit(t->name, shape, x, t->bytes / sizeof *x);
        tensor_file_add(f, t->name, "F32", shape, x, t->bytes);
        free(x);
    }
    tensor_file_write(f, to);
    loam_safetensors_close(st);
}

enum { N_SCRATCH = 4 };

const char *scratch_path(int i)
{
    static char paths[N_SCRATCH][160];
    const char *dir = getenv("TMPDIR");
    snprintf(paths[i], sizeof paths[i], "%.100s/loam-test-unet-%ld-%d.safetensors", dir ? dir : "/tmp", (long)getpid(),
             i);
    return paths[i];
}

int scratch_remove(void **state)
{
    (void)state;
    for (int i = 0; i < N_SCRATCH; i++)
        unlink(scratch_path(i));
    return 0;
}
