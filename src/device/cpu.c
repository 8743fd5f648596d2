/* The CPU as a device: weights packed at load by all threads, one arena per program, and a step that every thread walks
 * through operation by operation, drawing tasks from a counter, with a barrier between stages only. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/checked.h"
#include "base/clock.h"
#include "device/cpu_int.h"

/* Zeroed pages that cost nothing until they are touched; large ones in huge pages where the system gives them. */
static void *map_pages(size_t bytes, bool huge)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    if (huge && bytes >= (size_t)4 << 20)
        madvise(p, bytes, MADV_HUGEPAGE);
    return p;
}

/* Weights lie one behind the other in large chunks of huge pages: reading them all for every token is what generation
 * does, and with small pages the address translation alone costs a third of the time. */
struct weight_chunk {
    weight_chunk *older;
    uint8_t *data;
    size_t bytes, used;
};

enum { HUGE_PAGE = 2 << 20, CHUNK_BYTES = 64 << 20 };

static uint8_t *weight_memory(loam_device *d, size_t bytes)
{
    weight_chunk *c = d->weights;
    bytes = loam_align_up(bytes, 64);
    if (!c || c->bytes - c->used < bytes) {
        c = calloc(1, sizeof *c);
        if (!c)
            return NULL;
        c->bytes = loam_align_up(bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES, HUGE_PAGE) + HUGE_PAGE;
        c->data = map_pages(c->bytes, true);
        if (!c->data) {
            free(c);
            return NULL;
        }
        c->used = (size_t)(-(uintptr_t)c->data & (HUGE_PAGE - 1)); /* start on a huge page */
        c->older = d->weights;
        d->weights = c;
    }
    uint8_t *p = c->data + c->used;
    c->used += bytes;
    return p;
}

static loam_status cpu_open(int n_threads, loam_device **out, loam_err *err)
{
    loam_device *d = calloc(1, sizeof *d);
    if (!d)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the CPU device");
    d->kernels = loam_kernels_get(loam_cpu_best());
    loam_status st = loam_pool_new(n_threads, &d->pool, err);
    if (st != LOAM_OK) {
        free(d);
        return st;
    }
    *out = d;
    return LOAM_OK;
}

static void cpu_close(loam_device *d)
{
    if (!d)
        return;
    for (weight_chunk *c = d->weights, *older; c; c = older) {
        older = c->older;
        munmap(c->data, c->bytes);
        free(c);
    }
    loam_pool_free(d->pool);
    free(d);
}

static int cpu_n_threads(const loam_device *d)
{
    return loam_pool_size(d->pool);
}

static bool cpu_supports(const loam_device *d, const loam_plan *p, const loam_op *o)
{
    (void)d, (void)p;
    return o->kind < LOAM_OP_COUNT;
}

static loam_act cpu_act(const loam_device *d, loam_dtype weight)
{
    return loam_kernels_act(d->kernels, weight);
}

static bool cpu_fast_half(const loam_device *d)
{
    return d->kernels->conv_half && d->kernels->attend_half;
}

typedef struct pack_job {
    loam_weight *w;
    const void *src;
    atomic_llong next;
} pack_job;

static void pack_groups(void *arg, int thread, int n_threads)
{
    (void)thread, (void)n_threads;
    enum { GROUPS = 8 };
    pack_job *j = arg;
    const loam_packed *p = &j->w->packed;
    for (;;) {
        int64_t g = atomic_fetch_add(&j->next, GROUPS);
        if (g >= p->n_groups)
            return;
        loam_pack_groups(p, j->src, j->w->memory, g, g + GROUPS < p->n_groups ? g + GROUPS : p->n_groups);
    }
}

static void cpu_weight_free(loam_device *d, loam_weight *w)
{
    (void)d;
    if (!w)
        return;
    free(w->vector); /* packed data goes with the device */
    free(w);
}

static loam_status cpu_weight_new(loam_device *d, loam_dtype t, int64_t n, int64_t k, const void *src, bool products,
                                  bool rows, loam_weight **out, loam_err *err)
{
    loam_weight *w = calloc(1, sizeof *w);
    if (!w)
        LOAM_FAIL(err, NO_MEMORY, "no memory for a weight");
    *w = (loam_weight){.dtype = t, .n = n, .k = k, .rows = rows ? src : NULL};
    if (!products && !rows) {
        w->vector = aligned_alloc(64, loam_align_up((size_t)k * sizeof(float), 64));
        if (!w->vector) {
            cpu_weight_free(d, w);
            LOAM_FAIL(err, NO_MEMORY, "no memory for a weight of %lld elements", (long long)k);
        }
        loam_dequantize(t, src, w->vector, k);
    }
    if (products) {
        if (!loam_packed_init(&w->packed, t, n, k)) {
            cpu_weight_free(d, w);
            LOAM_FAIL(err, UNSUPPORTED, "a weight [%lld, %lld] of type %s cannot be multiplied with", (long long)n,
                      (long long)k, loam_dtype_name(t));
        }
        w->memory_bytes = loam_packed_bytes(&w->packed);
        w->memory = weight_memory(d, w->memory_bytes);
        if (!w->memory) {
            size_t bytes = w->memory_bytes;
            cpu_weight_free(d, w);
            LOAM_FAIL(err, NO_MEMORY, "no memory for a weight of %zu bytes", bytes);
        }
        w->packed.data = w->memory;
        pack_job job = {.w = w, .src = src};
        loam_pool_run(d->pool, pack_groups, &job);
    }
    *out = w;
    return LOAM_OK;
}

static size_t cpu_weight_bytes(const loam_weight *w)
{
    return w->memory_bytes + (w->vector ? (size_t)w->k * sizeof(float) : 0);
}

static void cpu_kv_free(loam_device *d, loam_kv *kv)
{
    (void)d;
    if (!kv)
        return;
    if (kv->k)
        munmap(kv->k, kv->bytes);
    free(kv);
}

static loam_status cpu_kv_new(loam_device *d, int n_seqs, int n_ctx, int n_kv_heads, int head_dim, loam_kv **out,
                              loam_err *err)
{
    (void)d;
    loam_kv *kv = calloc(1, sizeof *kv);
    if (!kv)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the KV cache");
    *kv = (loam_kv){.n_seqs = n_seqs, .n_kv_heads = n_kv_heads, .head_dim = head_dim};
    kv->n_ctx = (int)loam_align_up((size_t)n_ctx, LOAM_ATTENTION_BLOCK);
    size_t rows, k_bytes = 0, v_bytes;
    bool over = loam_mul_overflows((size_t)n_seqs * (size_t)n_kv_heads, (size_t)kv->n_ctx, &rows) ||
                loam_mul_overflows(rows, (size_t)head_dim * 2, &k_bytes) ||
                loam_mul_overflows(rows, (size_t)loam_v_stride(head_dim) * 2, &v_bytes) ||
                loam_add_overflows(k_bytes, v_bytes, &kv->bytes);
    if (!over)
        kv->k = map_pages(kv->bytes, false);
    if (!kv->k) {
        free(kv);
        LOAM_FAIL(
            err, NO_MEMORY,
            "no memory for the KV cache of %d sequences of %d tokens; lower the context or the number of sequences",
            n_seqs, n_ctx);
    }
    kv->v = kv->k + k_bytes / 2;
    *out = kv;
    return LOAM_OK;
}

static void cpu_kv_copy(loam_device *d, loam_kv *kv, int from, int to, int n)
{
    (void)d;
    size_t k_elems = loam_align_up((size_t)n, 16) * (size_t)kv->head_dim;
    size_t v_elems = (size_t)n * (size_t)loam_v_stride(kv->head_dim);
    for (int h = 0; h < kv->n_kv_heads && from != to; h++) {
        memcpy(kv_k(kv, to, h), kv_k(kv, from, h), k_elems * 2);
        memcpy(kv_v(kv, to, h), kv_v(kv, from, h), v_elems * 2);
    }
}

static void nothing(void *arg, int thread, int n_threads)
{
    (void)arg, (void)thread, (void)n_threads;
}

static void cpu_program_free(loam_program *p)
{
    if (!p)
        return;
    loam_pool_run(p->device->pool, nothing, NULL); /* no thread is inside this program's last step any more */
    if (p->arena)
        munmap(p->arena, p->arena_bytes);
    free(p->meetings);
    free(p->meeting_rows);
    free((void *)p->meeting_done);
    if (p->scratch)
        munmap(p->scratch, p->scratch_bytes * (size_t)loam_pool_size(p->device->pool));
    for (int i = 0; p->rope_freqs && i < p->plan->n_ops; i++)
        free(p->rope_freqs[i]);
    free(p->rope_freqs);
    free(p->progress);
    free(p);
}

/* Whether tensors have a fixed number of rows: a graph of pictures or clips. */
static bool has_fixed_rows(const loam_plan *plan)
{
    for (int i = 0; i < plan->n_ops; i++)
        if (plan->ops[i].out >= 0 && plan->tensors[plan->ops[i].out].shape[0] > 0)
            return true;
    return false;
}

/* Parts of a thread's scratch, in bytes. */
static size_t kernel_bytes(const loam_plan *plan)
{
    size_t most = LOAM_MATMUL_SCRATCH;
    most = most > LOAM_ATTENTION_SCRATCH ? most : LOAM_ATTENTION_SCRATCH;
    if (has_fixed_rows(plan)) {
        most = most > LOAM_CONV_SCRATCH ? most : LOAM_CONV_SCRATCH;
        most = most > LOAM_ATTEND_SCRATCH ? most : LOAM_ATTEND_SCRATCH;
        size_t gathered = LOAM_MATMUL_SCRATCH + loam_cpu_gathered_bytes(plan); /* side by side */
        most = most > gathered ? most : gathered;
    }
    return loam_align_up(most, 64);
}

/* Floats in a tile: two groups × all rows of a large step, or 16 groups × the 16 rows of a small one, or a task of
 * attention. */
static size_t tile_floats(const loam_plan *plan)
{
    size_t rows = (size_t)plan->max_tokens, big = rows * 32, small = 16 * 16 * LOAM_MATMUL_MAX_GROUPS;
    size_t attention = (size_t)LOAM_ATTENTION_MAX_ROWS * LOAM_MAX_HEAD_DIM;
    size_t n = big > small ? big : small;
    size_t fixed = (size_t)LOAM_CONV_TASK_ROWS * LOAM_CONV_TASK_GROUPS * 16;
    if (has_fixed_rows(plan) && n < fixed)
        n = fixed;
    return loam_align_up(n > attention ? n : attention, 16);
}

static size_t row_floats(const loam_plan *plan)
{
    int64_t widest = 16;
    for (int i = 0; i < plan->n_tensors; i++)
        if (plan->tensors[i].n_dims == 2 && plan->tensors[i].kind != LOAM_TENSOR_WEIGHT &&
            plan->tensors[i].shape[1] > widest)
            widest = plan->tensors[i].shape[1];
    return loam_align_up((size_t)widest, 16);
}

static size_t super_floats(const loam_plan *plan)
{
    size_t rows = (size_t)plan->max_tokens;
    if (has_fixed_rows(plan) && rows < 2 * LOAM_CONV_TASK_ROWS)
        rows = 2 * LOAM_CONV_TASK_ROWS;
    return rows * 256;
}

/* Room for GATED operations with a Q8K result; those of one stage run at the same time and get places of their own. */
static bool meetings_new(loam_program *p)
{
    const loam_plan *plan = p->plan;
    size_t floats = 0, most = 0, counters = 0;
    for (int pass = 0; pass < 2; pass++) {
        counters = 0;
        for (int i = 0; i < plan->n_ops; i++) {
            const loam_op *o = &plan->ops[i];
            floats = i && o->stage == plan->ops[i - 1].stage ? floats : 0;
            if (o->kind != LOAM_OP_GATED || plan->tensors[o->out].layout != LOAM_ACT_Q8K)
                continue;
            size_t cols = (size_t)plan->tensors[o->out].shape[1];
            if (pass)
                p->meetings[i] = (struct loam_op_meeting){p->meeting_rows + floats, p->meeting_done + counters};
            floats += cols * LOAM_CPU_MEETING_ROWS;
            counters += cols / 256;
            most = floats > most ? floats : most;
        }
        if (pass == 0) {
            p->meetings = calloc((size_t)plan->n_ops + 1, sizeof *p->meetings);
            p->meeting_rows = aligned_alloc(64, loam_align_up((most + 1) * sizeof(float), 64));
            p->meeting_done = calloc(counters + 1, sizeof *p->meeting_done);
            if (!p->meetings || !p->meeting_rows || !p->meeting_done)
                return false;
        }
    }
    return true;
}

static loam_status cpu_program_new(loam_device *d, const loam_plan *plan, loam_program **out, loam_err *err)
{
    loam_program *p = calloc(1, sizeof *p);
    if (!p)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the program");
    p->device = d;
    p->plan = plan;
    p->arena_bytes = plan->arena_bytes + 4096; /* never empty */
    p->scratch_bytes =
        kernel_bytes(plan) + (2 * tile_floats(plan) + 3 * row_floats(plan) + super_floats(plan)) * sizeof(float);
    p->scratch_bytes = loam_align_up(p->scratch_bytes, 4096);
    size_t progress_bytes = ((size_t)plan->n_ops + 1) * sizeof *p->progress;
    p->progress = aligned_alloc(64, progress_bytes);
    if (p->progress)
        memset(p->progress, 0, progress_bytes);
    p->arena = map_pages(p->arena_bytes, true);
    p->scratch = map_pages(p->scratch_bytes * (size_t)loam_pool_size(d->pool), false);
    p->rope_freqs = calloc((size_t)plan->n_ops + 1, sizeof *p->rope_freqs);
    bool complete = p->progress && p->arena && p->scratch && p->rope_freqs && meetings_new(p);
    for (int i = 0; i < plan->n_ops && complete; i++) {
        const loam_op *o = &plan->ops[i];
        if (o->kind != LOAM_OP_ROPE_TABLE)
            continue;
        double *freqs = p->rope_freqs[i] = calloc((size_t)o->n_rot / 2 + 1, sizeof *freqs);
        complete = freqs != NULL;
        if (complete)
            loam_cpu_rope_freqs(o, o->in[1] >= 0 ? plan->tensors[o->in[1]].weight->vector : NULL, freqs,
                                &freqs[o->n_rot / 2]);
    }
    if (!complete) {
        size_t bytes = p->arena_bytes;
        cpu_program_free(p);
        LOAM_FAIL(err, NO_MEMORY, "no memory for %zu bytes of intermediate results; lower the batch size", bytes);
    }
    *out = p;
    return LOAM_OK;
}

/* Draws the next task of an operation of step `run`; -1: none left; -2: that step is over. */
static int draw_task(struct loam_op_progress *g, uint32_t run)
{
    uint64_t next = atomic_load_explicit(&g->next, memory_order_acquire);
    for (;;) {
        if ((uint32_t)(next >> 32) != run)
            return -2;
        if ((int)(uint32_t)next >= atomic_load_explicit(&g->n_tasks, memory_order_relaxed))
            return -1;
        if (atomic_compare_exchange_weak_explicit(&g->next, &next, next + 1, memory_order_acquire,
                                                  memory_order_acquire))
            return (int)(uint32_t)next;
    }
}

/* Waits until all tasks of an operation are finished; false when the step is over. Other threads may have been taken
 * off their processor: after a short spin this one gives way too. */
static bool wait_done(struct loam_op_progress *g, uint32_t run)
{
    for (int spins = 0;; spins++) {
        uint64_t done = atomic_load_explicit(&g->done, memory_order_acquire);
        if ((uint32_t)(done >> 32) != run)
            return false;
        if ((int)(uint32_t)done >= atomic_load_explicit(&g->n_tasks, memory_order_relaxed))
            return true;
        if (spins < 4000)
            loam_cpu_relax();
        else
            sched_yield();
    }
}

/* One task, timed if anybody asks. The time is there before the task counts as done. */
static void run_task(loam_program *p, int op, int task, const loam_cpu_scratch *s)
{
    if (!p->op_ns) {
        loam_cpu_op_run(p, &p->plan->ops[op], task, s);
    } else {
        uint64_t began = loam_clock_ns();
        loam_cpu_op_run(p, &p->plan->ops[op], task, s);
        __atomic_fetch_add(&p->op_ns[op], loam_clock_ns() - began, __ATOMIC_RELAXED);
    }
    atomic_fetch_add_explicit(&p->progress[op].done, 1, memory_order_release);
}

/* Every thread walks through the stages and helps with what is left. A stage is over when its tasks are, not when all
 * threads have arrived: a thread that the system has put aside holds nobody up unless it sits on a task. */
static void run_step(void *arg, int thread, int n_threads)
{
    (void)n_threads;
    loam_program *p = arg;
    const loam_op *ops = p->plan->ops;
    uint8_t *mine = p->scratch + (size_t)thread * p->scratch_bytes;
    size_t tile = tile_floats(p->plan);
    loam_cpu_scratch s = {.kernel = mine};
    s.tile[0] = (float *)(mine + kernel_bytes(p->plan));
    s.tile[1] = s.tile[0] + tile;
    s.row = s.tile[1] + tile;
    s.row2 = s.row + row_floats(p->plan);
    s.row3 = s.row2 + row_floats(p->plan);
    s.super = s.row3 + row_floats(p->plan);
    const uint32_t run = atomic_load(&p->run);
    for (int first = 0, end; first < p->plan->n_ops; first = end) {
        for (end = first; end < p->plan->n_ops && ops[end].stage == ops[first].stage; end++) {
            int t;
            while ((t = draw_task(&p->progress[end], run)) >= 0)
                run_task(p, end, t, &s);
            if (t == -2)
                return;
        }
        for (int i = first; i < end; i++)
            if (!wait_done(&p->progress[i], run))
                return;
    }
}

static loam_status cpu_program_run(loam_program *p, const loam_step *s, loam_err *err)
{
    (void)err;
    uint32_t run = atomic_load(&p->run) + 1;
    for (int i = 0; i < p->plan->n_ops;
         i++) /* close the step before, for threads that are still looking for tasks in it */
        atomic_store(&p->progress[i].next, (uint64_t)run << 32 | INT32_MAX);
    p->step = *s;
    for (int i = 0; i < p->plan->n_ops; i++) {
        struct loam_op_progress *g = &p->progress[i];
        atomic_store(&g->n_tasks, loam_cpu_op_tasks(p, &p->plan->ops[i]));
        atomic_store(&g->done, (uint64_t)run << 32);
        atomic_store(&g->next, (uint64_t)run << 32);
    }
    atomic_store(&p->run, run);
    loam_pool_kick(p->device->pool, run_step, p);
    return LOAM_OK;
}

static float *cpu_program_input(loam_program *p, int t)
{
    return (float *)(p->arena + p->plan->tensors[t].offset);
}

static const float *cpu_program_output(loam_program *p, int t)
{
    return (const float *)(p->arena + p->plan->tensors[t].offset);
}

static void cpu_program_read(loam_program *p, int t, int64_t n_rows, float *dst)
{
    const loam_tensor *x = &p->plan->tensors[t];
    for (int64_t i = 0; i < n_rows; i++)
        memcpy(dst + i * x->shape[1], p->arena + x->offset + (size_t)i * x->row_bytes,
               (size_t)x->shape[1] * sizeof *dst);
}

static void cpu_program_profile(loam_program *p, uint64_t *ns)
{
    p->op_ns = ns;
}

const loam_device_api loam_device_cpu = {
    .abi = LOAM_DEVICE_ABI,
    .size = sizeof(loam_device_api),
    .name = "cpu",
    .open = cpu_open,
    .close = cpu_close,
    .n_threads = cpu_n_threads,
    .supports = cpu_supports,
    .act = cpu_act,
    .fast_half = cpu_fast_half,
    .weight_new = cpu_weight_new,
    .weight_free = cpu_weight_free,
    .weight_bytes = cpu_weight_bytes,
    .kv_new = cpu_kv_new,
    .kv_free = cpu_kv_free,
    .kv_copy = cpu_kv_copy,
    .program_new = cpu_program_new,
    .program_free = cpu_program_free,
    .program_run = cpu_program_run,
    .program_input = cpu_program_input,
    .program_output = cpu_program_output,
    .program_read = cpu_program_read,
    .program_profile = cpu_program_profile,
};
