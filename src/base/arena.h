/* An arena hands out memory that is freed all at once: one per lifetime (model, session, request, scratch). */
#ifndef LOAM_BASE_ARENA_H
#define LOAM_BASE_ARENA_H

#include <stddef.h>

typedef struct loam_arena loam_arena;

/* max_bytes caps what the arena may ever hold (0: no cap). NULL when out of memory. Owned by the caller. */
loam_arena *loam_arena_new(size_t max_bytes);
/* Frees the arena and all that it handed out. NULL is allowed. */
void loam_arena_free(loam_arena *a);
/* Forgets all allocations but keeps the first block for reuse; under ASan the space is poisoned. */
void loam_arena_reset(loam_arena *a);
/* `size` zeroed bytes at a 16-byte boundary, or NULL when out of memory or over the cap. size 0 gives a valid pointer.
 */
void *loam_arena_alloc(loam_arena *a, size_t size);
/* Copies n bytes and a NUL. NULL when out of memory. */
char *loam_arena_strndup(loam_arena *a, const char *s, size_t n);
/* Bytes handed out so far. */
size_t loam_arena_used(const loam_arena *a);

#endif
