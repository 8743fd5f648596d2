/* Where tensors live and run. A device is a struct of C function pointers with version and size first, so that it can
 * come from a shared library; the CPU (device/cpu.c) is the first. Buffers are opaque: nobody but the device follows
 * pointers into them. */
#ifndef LOAM_DEVICE_DEVICE_H
#define LOAM_DEVICE_DEVICE_H

#include "base/status.h"
#include "device/op.h"

enum { LOAM_DEVICE_ABI = 1 };

typedef struct loam_device loam_device;   /* an opened device */
typedef struct loam_program loam_program; /* a compiled plan with its arena */

typedef struct loam_device_api {
    uint32_t abi;  /* LOAM_DEVICE_ABI */
    uint32_t size; /* sizeof(loam_device_api): later versions append */
    const char *name;

    /* n_threads: 0 = one per processor (devices without host threads ignore it). */
    loam_status (*open)(int n_threads, loam_device **out, loam_err *err);
    void (*close)(loam_device *d);
    int (*n_threads)(const loam_device *d);

    /* Whether the device can run op; the planner asks before it compiles. */
    bool (*supports)(const loam_device *d, const loam_plan *p, const loam_op *op);
    /* The layout in which a product with weights of this type wants its input. */
    loam_act (*act)(const loam_device *d, loam_dtype weight);

    /* Brings src [n, k] (rows as in a file; n = 1 for vectors) into the device's layout. `rows` asks that single rows
     * can be looked up (EMBED), `products` that it can be multiplied with. With `rows` src stays borrowed until
     * weight_free, else it is read in this call only. */
    loam_status (*weight_new)(loam_device *d, loam_dtype t, int64_t n, int64_t k, const void *src, bool products,
                              bool rows, loam_weight **out, loam_err *err);
    void (*weight_free)(loam_device *d, loam_weight *w);
    size_t (*weight_bytes)(const loam_weight *w);

    /* KV cache of one layer: n_seqs sequences of up to n_ctx positions. Memory is taken as positions are written. */
    loam_status (*kv_new)(loam_device *d, int n_seqs, int n_ctx, int n_kv_heads, int head_dim, loam_kv **out,
                          loam_err *err);
    void (*kv_free)(loam_device *d, loam_kv *kv);
    void (*kv_copy)(loam_device *d, loam_kv *kv, int from, int to, int n_positions);

    /* Compiles a plan (borrowed until program_free). */
    loam_status (*program_new)(loam_device *d, const loam_plan *p, loam_program **out, loam_err *err);
    void (*program_free)(loam_program *p);
    /* Runs one step and waits for it. The caller has checked tokens, positions and counts. */
    loam_status (*program_run)(loam_program *p, const loam_step *s, loam_err *err);
    /* Where the caller writes an f32 INPUT tensor [rows, columns]; it keeps what was written from run to run. */
    float *(*program_input)(loam_program *p, int tensor);
    /* Rows of an OUTPUT tensor as f32 on the host, valid until the next run. */
    const float *(*program_output)(loam_program *p, int tensor);
    /* Copies rows [0, n) of any f32 tensor that still stands in the arena (tests). */
    void (*program_read)(loam_program *p, int tensor, int64_t n_rows, float *dst);
    /* From the next run on, the nanoseconds that the threads together spend in operation i are added to ns[i], of the
     * plan's n_ops; borrowed until the next call. NULL: no more (as in the beginning); then it costs nothing. */
    void (*program_profile)(loam_program *p, uint64_t *ns);
    /* Whether convolutions and attention are fastest in bf16 (AMX), so that nets whose products are take them so. */
    bool (*fast_half)(const loam_device *d);
} loam_device_api;

extern const loam_device_api loam_device_cpu;

#endif
