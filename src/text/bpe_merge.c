/* The merge engine of both kinds of BPE: a word is a linked list of symbols, and the pair with the lowest priority
 * becomes one symbol until no pair merges. Short words, nearly all there are, look for that pair by walking the list;
 * long ones (a megabyte without a space is a hostile text, not an impossible one) keep a heap whose outdated entries
 * are recognised when they come up. Both take the leftmost of equal pairs, so they give the same symbols. */
#include "text/text_int.h"

#include <stdlib.h>
#include <string.h>

enum { WALK_MAX = 48, MAX_WORD = 1 << 24 /* some 50 bytes of scratch for each */ };

loam_status loam_encoder_push(loam_encoder *e, int32_t id, loam_err *err)
{
    if (e->n_ids == e->ids_cap) {
        size_t cap = e->ids_cap ? e->ids_cap * 2 : 256;
        int32_t *grown = realloc(e->ids, cap * sizeof *grown);
        if (!grown)
            LOAM_FAIL(err, NO_MEMORY, "no memory for %zu tokens", cap);
        e->ids = grown;
        e->ids_cap = cap;
    }
    e->ids[e->n_ids++] = id;
    return LOAM_OK;
}

loam_status loam_encoder_reserve(loam_encoder *e, size_t n, loam_err *err)
{
    if (n <= e->syms_cap)
        return LOAM_OK;
    if (n > MAX_WORD)
        LOAM_FAIL(err, TOO_LARGE, "the text has %zu bytes without a place to cut it, at most %d can be tokenized", n,
                  MAX_WORD);
    size_t cap = n < 256 ? 256 : n;
    free(e->syms);
    e->syms_cap = 0;
    e->syms = malloc(cap * sizeof *e->syms);
    if (!e->syms)
        LOAM_FAIL(err, NO_MEMORY, "no memory to tokenize a word of %zu bytes", n);
    e->syms_cap = cap;
    return LOAM_OK;
}

static void look(const loam_encoder *e, loam_sym *s, loam_merge_fn fn)
{
    s->priority = s->next == LOAM_SYM_NONE ? LOAM_SYM_NONE : fn(e, s, &e->syms[s->next], &s->merged);
}

/* Makes symbol i and the next one into one, and looks at its new neighbours. */
static void merge(loam_encoder *e, uint32_t i, loam_merge_fn fn)
{
    loam_sym *s = &e->syms[i], *next = &e->syms[s->next];
    s->id = s->merged;
    s->len += next->len;
    next->priority = LOAM_SYM_NONE;
    s->next = next->next;
    if (s->next != LOAM_SYM_NONE)
        e->syms[s->next].prev = i;
    look(e, s, fn);
    if (s->prev != LOAM_SYM_NONE)
        look(e, &e->syms[s->prev], fn);
}

static void merge_walking(loam_encoder *e, loam_merge_fn fn)
{
    for (;;) {
        uint32_t best = LOAM_SYM_NONE, best_at = 0;
        for (uint32_t i = 0; i != LOAM_SYM_NONE; i = e->syms[i].next)
            if (e->syms[i].priority < best) {
                best = e->syms[i].priority;
                best_at = i;
            }
        if (best == LOAM_SYM_NONE)
            return;
        merge(e, best_at, fn);
    }
}

static void sift_down(uint64_t *heap, size_t n, size_t i)
{
    uint64_t v = heap[i];
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && heap[child + 1] < heap[child])
            child++;
        if (heap[child] >= v)
            break;
        heap[i] = heap[child];
    }
    heap[i] = v;
}

static void heap_push(loam_encoder *e, uint32_t at)
{
    if (at == LOAM_SYM_NONE || e->syms[at].priority == LOAM_SYM_NONE)
        return;
    uint64_t v = (uint64_t)e->syms[at].priority << 32 | at;
    size_t i = e->heap_n++;
    for (; i > 0 && e->heap[(i - 1) / 2] > v; i = (i - 1) / 2)
        e->heap[i] = e->heap[(i - 1) / 2];
    e->heap[i] = v;
}

static loam_status merge_by_heap(loam_encoder *e, size_t n, loam_merge_fn fn, loam_err *err)
{
    if (3 * n > e->heap_cap) { /* a pair each to begin with, and two new ones for each of fewer than n merges */
        free(e->heap);
        e->heap_cap = 0;
        e->heap = malloc(3 * n * sizeof *e->heap);
        if (!e->heap)
            LOAM_FAIL(err, NO_MEMORY, "no memory to tokenize a word of %zu symbols", n);
        e->heap_cap = 3 * n;
    }
    e->heap_n = 0;
    for (uint32_t i = 0; i < n; i++)
        if (e->syms[i].priority != LOAM_SYM_NONE)
            e->heap[e->heap_n++] = (uint64_t)e->syms[i].priority << 32 | i;
    for (size_t i = e->heap_n / 2; i-- > 0;)
        sift_down(e->heap, e->heap_n, i);
    while (e->heap_n > 0) {
        uint64_t top = e->heap[0];
        e->heap[0] = e->heap[--e->heap_n];
        if (e->heap_n > 0)
            sift_down(e->heap, e->heap_n, 0);
        uint32_t at = (uint32_t)top;
        if (e->syms[at].priority != (uint32_t)(top >> 32) || e->syms[at].priority == LOAM_SYM_NONE)
            continue; /* that pair is gone; a new one at the same place has its own entry */
        merge(e, at, fn);
        heap_push(e, e->syms[at].prev);
        heap_push(e, at);
    }
    return LOAM_OK;
}

loam_status loam_merge_run(loam_encoder *e, size_t n, loam_merge_fn fn, loam_err *err)
{
    for (size_t i = 0; i < n; i++) {
        e->syms[i].prev = i ? (uint32_t)(i - 1) : LOAM_SYM_NONE;
        e->syms[i].next = i + 1 < n ? (uint32_t)(i + 1) : LOAM_SYM_NONE;
    }
    for (size_t i = 0; i < n; i++)
        look(e, &e->syms[i], fn);
    if (n > WALK_MAX)
        return merge_by_heap(e, n, fn, err);
    merge_walking(e, fn);
    return LOAM_OK;
}
