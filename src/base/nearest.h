/* "Did you mean …?": the word that is nearest to what somebody typed. */
#ifndef LOAM_BASE_NEAREST_H
#define LOAM_BASE_NEAREST_H

#include <stddef.h>

/* The nearest of n words, or NULL when none is near: one slip (a letter too many, missing, other, or two swapped) in
 * three letters, and one more; case does not matter. Borrowed from words. */
const char *loam_nearest(const char *word, const char *const *words, size_t n);

#endif
