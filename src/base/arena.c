#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
enum { RED_ZONE = 16 }; /* poisoned gap after each allocation, so that an overrun is caught */
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
enum { RED_ZONE = 0 };
#endif

enum { FIRST_BLOCK = 16 * 1024, ALIGN = 16 };

/* [block header | allocation, gap, allocation, gap, ... | free]; blocks double in size and are chained newest first. */
typedef struct block {
    struct block *older;
    size_t size, used;
    _Alignas(ALIGN) unsigned char data[];
} block;

struct loam_arena {
    block *newest;
    size_t max_bytes, used_bytes;
};

loam_arena *loam_arena_new(size_t max_bytes)
{
    loam_arena *a = calloc(1, sizeof *a);
    if (a)
        a->max_bytes = max_bytes;
    return a;
}

static void free_blocks(block *b)
{
    while (b) {
        block *older = b->older;
        UNPOISON(b->data, b->size);
        free(b);
        b = older;
    }
}

void loam_arena_free(loam_arena *a)
{
    if (!a)
        return;
    free_blocks(a->newest);
    free(a);
}

void loam_arena_reset(loam_arena *a)
{
    if (a->newest) {
        free_blocks(a->newest->older);
        a->newest->older = NULL;
        a->newest->used = 0;
        POISON(a->newest->data, a->newest->size);
    }
    a->used_bytes = 0;
}

void *loam_arena_alloc(loam_arena *a, size_t size)
{
    size_t need;
    if (loam_add_overflows(size ? size : 1, ALIGN - 1 + RED_ZONE, &need))
        return NULL;
    need &= ~(size_t)(ALIGN - 1);
    if (a->max_bytes && (need > a->max_bytes || a->used_bytes > a->max_bytes - need))
        return NULL;
    block *b = a->newest;
    if (!b || b->size - b->used < need) {
        size_t want = b ? b->size * 2 : FIRST_BLOCK, total;
        if (want > (size_t)64 << 20)
            want = (size_t)64 << 20;
        if (want < need)
            want = need;
        if (loam_add_overflows(want, sizeof *b, &total))
            return NULL;
        block *fresh = malloc(total);
        if (!fresh)
            return NULL;
        fresh->older = b;
        fresh->size = want;
        fresh->used = 0;
        POISON(fresh->data, fresh->size);
        a->newest = b = fresh;
    }
    unsigned char *p = b->data + b->used;
    b->used += need;
    a->used_bytes += need;
    UNPOISON(p, size ? size : 1);
    memset(p, 0, size ? size : 1);
    return p;
}

char *loam_arena_strndup(loam_arena *a, const char *s, size_t n)
{
    if (n == SIZE_MAX)
        return NULL;
    char *p = loam_arena_alloc(a, n + 1);
    if (p && n)
        memcpy(p, s, n);
    return p;
}

size_t loam_arena_used(const loam_arena *a)
{
    return a->used_bytes;
}
