/* Checked arithmetic: every size that came from a file or a client goes through these. True means that it overflowed.
 */
#ifndef LOAM_BASE_CHECKED_H
#define LOAM_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool loam_add_overflows(size_t a, size_t b, size_t *out)
{
    return __builtin_add_overflow(a, b, out);
}
static inline bool loam_mul_overflows(size_t a, size_t b, size_t *out)
{
    return __builtin_mul_overflow(a, b, out);
}

/* v rounded up to a multiple of the power of two `align`; the caller knows that it fits. */
static inline size_t loam_align_up(size_t v, size_t align)
{
    return (v + align - 1) & ~(align - 1);
}

#endif
