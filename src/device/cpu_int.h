/* The CPU device's own structures, shared by cpu.c (memory, programs) and cpu_ops.c (running one operation). */
#ifndef LOAM_DEVICE_CPU_INT_H
#define LOAM_DEVICE_CPU_INT_H

#include <stdatomic.h>

#include "base/pool.h"
#include "device/device.h"
#include "kernel/ops.h"

typedef struct weight_chunk weight_chunk;

struct loam_device {
    loam_pool *pool;
    const loam_kernels *kernels;
    weight_chunk *weights; /* memory of all packed weights, newest chunk first */
};

struct loam_weight {
    loam_dtype dtype;
    int64_t n, k;
    loam_packed packed; /* data NULL when no products were asked for */
    uint8_t *memory;    /* of packed.data, in the device's chunks */
    size_t memory_bytes;
    const void *rows; /* the file's bytes, for look-ups; NULL when not asked for */
    float *vector;    /* n == 1: the elements as f32 */
};

/* K: [seq][kv head][position/16][head_dim][16], V: [seq][kv head][position][v_stride], f16. */
struct loam_kv {
    int n_seqs, n_ctx, n_kv_heads, head_dim; /* n_ctx rounded up to LOAM_ATTENTION_BLOCK */
    uint16_t *k, *v;
    size_t bytes; /* of both, one mapping */
};
static inline uint16_t *kv_k(const loam_kv *kv, int seq, int head)
{
    return kv->k + ((size_t)seq * (size_t)kv->n_kv_heads + (size_t)head) * (size_t)kv->n_ctx * (size_t)kv->head_dim;
}
static inline uint16_t *kv_v(const loam_kv *kv, int seq, int head)
{
    return kv->v + ((size_t)seq * (size_t)kv->n_kv_heads + (size_t)head) * (size_t)kv->n_ctx *
                       (size_t)loam_v_stride(kv->head_dim);
}

/* How far an operation of the current step is. The step's number in the upper half of both counters makes a thread that
 * wakes up late, when the step or the one after it is over, find nothing to do. */
struct loam_op_progress {
    _Alignas(64) _Atomic uint64_t next; /* task to be drawn */
    _Atomic uint64_t done;              /* tasks finished */
    atomic_int n_tasks;
};

/* Where the tasks of a GATED operation meet when its result is Q8K and has few rows: a scale belongs to 256 columns,
 * which several tasks compute. Each leaves its columns in `rows`; the last one of a super-block quantises it. */
enum { LOAM_CPU_MEETING_ROWS = 64 };
struct loam_op_meeting {
    float *rows; /* [LOAM_CPU_MEETING_ROWS][columns]; NULL: the operation needs none */
    /* Per super-block: column groups finished in all steps so far. Every step adds 16, however it is cut into tasks. */
    _Atomic uint32_t *done;
};

struct loam_program {
    loam_device *device;
    const loam_plan *plan;
    uint8_t *arena;
    size_t arena_bytes;
    uint8_t *scratch;                  /* per thread: matmul and attention scratch, tile of results */
    size_t scratch_bytes;              /* of one thread */
    struct loam_op_progress *progress; /* per operation */
    struct loam_op_meeting *meetings;  /* per operation */
    float *meeting_rows;
    _Atomic uint32_t *meeting_done;
    _Atomic uint32_t run; /* number of the current step */
    double **rope_freqs;  /* per operation, NULL unless ROPE_TABLE: angles of one position step, then the amplitude */
    loam_step step;       /* the current one; its arrays are borrowed */
    uint64_t *op_ns;      /* per operation, borrowed: what it took all threads; NULL: nobody asks */
};

/* Where a thread's scratch has its parts. */
typedef struct loam_cpu_scratch {
    void *kernel;       /* what the kernels may use */
    float *tile[2];     /* results of a product before they are converted or gated */
    float *row;         /* one row of the widest tensor */
    float *row2, *row3; /* likewise */
    float *super;       /* all rows of a step × 256 columns, before they are quantised with one scale */
} loam_cpu_scratch;

static inline const loam_tensor *loam_cpu_tensor(const loam_program *p, int id)
{
    return &p->plan->tensors[id];
}
static inline void *loam_cpu_rows(const loam_program *p, int id)
{
    return p->arena + loam_cpu_tensor(p, id)->offset;
}
static inline float *loam_cpu_row(const loam_program *p, int id, int64_t row)
{
    return (float *)(p->arena + loam_cpu_tensor(p, id)->offset + (size_t)row * loam_cpu_tensor(p, id)->row_bytes);
}
static inline int64_t loam_cpu_stride(const loam_program *p, int id)
{
    return (int64_t)(loam_cpu_tensor(p, id)->row_bytes / sizeof(float));
}
static inline int64_t loam_cpu_n_rows(const loam_program *p, int id)
{
    int64_t n = loam_cpu_tensor(p, id)->shape[0];
    return n == LOAM_DIM_OUTPUTS ? p->step.n_outputs : n == LOAM_DIM_TOKENS ? p->step.n_tokens : n;
}
/* Stores m rows of columns [c0, c0 + n) of tensor id in its layout; c0 and n are multiples of 32 when it is Q8, of 256
 * when it is Q8K. */
void loam_cpu_store(const loam_program *p, int id, int64_t row0, int64_t m, const float *x, int64_t x_stride,
                    int64_t c0, int64_t n);

/* Operations of pictures and clips (cpu_picture.c). */
bool loam_cpu_is_picture(const loam_op *o);
int loam_cpu_picture_tasks(const loam_program *p, const loam_op *o);
/* Bytes of a thread's scratch for convolutions that gather their input first; 0: there are none. */
size_t loam_cpu_gathered_bytes(const loam_plan *plan);
void loam_cpu_picture_run(const loam_program *p, const loam_op *o, int task, const loam_cpu_scratch *s);

/* Number of tasks that an operation falls into at this step, and one of them. Tasks of one operation touch disjoint
 * outputs. */
int loam_cpu_op_tasks(const loam_program *p, const loam_op *o);
void loam_cpu_op_run(const loam_program *p, const loam_op *o, int task, const loam_cpu_scratch *s);

/* Angles per position of a ROPE_TABLE and its amplitude: freqs [n_rot/2]. */
void loam_cpu_rope_freqs(const loam_op *o, const float *factors, double *freqs, double *amplitude);

#endif
