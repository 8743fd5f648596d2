/* Weights from a stranger, as a model and as an adapter of a small one: what opens is found by its names, lies inside
 * its file, and goes to the device in every use that its shape allows. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model/weight_store.h"
#include "model/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_ELEMENTS = 1 << 14 };

static const char base_header[] =
    "{\"unet.conv_in.weight\":{\"dtype\":\"F16\",\"shape\":[2,4,1,1],\"data_offsets\":[0,16]},"
    "\"unet.mid_block.attentions.0.proj_in.weight\":{\"dtype\":\"F16\",\"shape\":[2,2],\"data_offsets\":[16,24]},"
    "\"unet.mid_block.attentions.0.proj_in.bias\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[24,28]}}    ";

/* The bytes as a file with a path. */
static int file_of(const void *bytes, size_t n, char path[64])
{
    int fd = memfd_create("fuzz", 0);
    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n)
        abort();
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

static loam_device *device(void)
{
    static loam_device *d;
    if (!d && loam_device_cpu.open(1, &d, NULL) != LOAM_OK)
        abort();
    return d;
}

static void use_all(const loam_weights *w)
{
    loam_err err = LOAM_ERR_INIT;
    loam_weight_store *s = NULL;
    if (loam_weight_store_new(&loam_device_cpu, device(), w, LOAM_DTYPE_Q8_0, &s, &err) != LOAM_OK)
        abort();
    for (size_t i = 0; i < loam_weights_n(w); i++) {
        const loam_weight_view *v = loam_weights_at(w, i);
        const loam_bound_weight *b;
        int64_t n = 1;
        for (int d = 0; d < v->n_dims; d++)
            n *= v->shape[d];
        if (n > MAX_ELEMENTS)
            continue;
        int taps[3] = {1, 1, 1};
        for (int d = 2; d < v->n_dims && d < 5; d++)
            taps[3 - (v->n_dims < 5 ? v->n_dims : 5) + d] = (int)v->shape[d];
        int64_t c = v->n_dims > 1 ? v->shape[1] : n;
        (void)loam_weight_store_get(s, v->name, LOAM_WEIGHT_VECTOR, 0, n, NULL, true, &b, &err);
        (void)loam_weight_store_get(s, v->name, LOAM_WEIGHT_LINEAR, 0, c, NULL, true, &b, &err);
        (void)loam_weight_store_get(s, v->name, LOAM_WEIGHT_TABLE, 0, c, NULL, true, &b, &err);
        (void)loam_weight_store_get(s, v->name, LOAM_WEIGHT_CONV, 0, c, taps, true, &b, &err);
        (void)loam_weight_store_get_rows(s, v->name, LOAM_WEIGHT_LINEAR, 1, 1, c, true, &b, &err);
    }
    loam_weight_store_free(s);
}

static void as_model(const char *path)
{
    static const char *const parts[] = {NULL, "vae", "text_encoder_2", "transformer"};
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
        loam_err err = LOAM_ERR_INIT;
        loam_weights *w = NULL;
        if (loam_weights_open(path, &w, &err) != LOAM_OK) {
            if (w || !err.msg[0])
                abort();
            return;
        }
        if (parts[p])
            (void)loam_weights_add(w, path, parts[p], &err);
        for (size_t i = 0; i < loam_weights_n(w); i++) {
            const loam_weight_view *v = loam_weights_at(w, i);
            if (loam_weights_find(w, v->name) != v || !loam_weights_has(w, v->name))
                abort();
        }
        (void)loam_weights_get_family(w);
        (void)loam_weights_count(w, "unet.down_blocks");
        use_all(w);
        loam_weights_close(w);
    }
}

static void as_adapter(const char *path)
{
    static uint8_t base[8 + sizeof base_header - 1 + 28];
    uint64_t len = sizeof base_header - 1;
    memcpy(base, &len, 8);
    memcpy(base + 8, base_header, sizeof base_header - 1);
    char model[64];
    int fd = file_of(base, sizeof base, model);
    loam_err err = LOAM_ERR_INIT;
    loam_weights *w = NULL;
    loam_weight_store *s = NULL;
    if (loam_weights_open(model, &w, &err) != LOAM_OK ||
        loam_weight_store_new(&loam_device_cpu, device(), w, LOAM_DTYPE_COUNT, &s, &err) != LOAM_OK)
        abort();
    if (loam_weight_store_add_lora(s, path, 0.5f, &err) == LOAM_OK) {
        const loam_bound_weight *b;
        loam_lora_pair pairs[4];
        const int taps[3] = {1, 1, 1};
        (void)loam_weight_store_loras(s, "unet.conv_in", 2, 4, taps, pairs, 4, &err);
        (void)loam_weight_store_loras(s, "unet.mid_block.attentions.0.proj_in", 2, 2, NULL, pairs, 4, &err);
        (void)loam_weight_store_get(s, "unet.mid_block.attentions.0.proj_in.bias", LOAM_WEIGHT_VECTOR, 0, 2, NULL, true,
                                    &b, &err);
    }
    loam_weight_store_free(s);
    loam_weights_close(w);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    int fd = file_of(data, size, path);
    as_model(path);
    as_adapter(path);
    close(fd);
    return 0;
}
