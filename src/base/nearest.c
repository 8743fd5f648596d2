#include "base/nearest.h"

#include <ctype.h>
#include <string.h>

enum { MAX_WORD = 64 };

/* Damerau's distance of two words, with neighbours swapped as one slip; long words are far from everything. */
static size_t distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b), rows[3][MAX_WORD + 1];
    if (n > MAX_WORD || m > MAX_WORD)
        return MAX_WORD;
    for (size_t k = 0; k <= m; k++)
        rows[0][k] = k;
    for (size_t i = 1; i <= n; i++) {
        size_t *now = rows[i % 3], *before = rows[(i + 2) % 3], *two_before = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t k = 1; k <= m; k++) {
            int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[k - 1]);
            size_t best = before[k - 1] + (x != y);
            if (before[k] + 1 < best)
                best = before[k] + 1;
            if (now[k - 1] + 1 < best)
                best = now[k - 1] + 1;
            if (i > 1 && k > 1 && x == tolower((unsigned char)b[k - 2]) && y == tolower((unsigned char)a[i - 2]) &&
                two_before[k - 2] + 1 < best)
                best = two_before[k - 2] + 1;
            now[k] = best;
        }
    }
    return rows[n % 3][m];
}

const char *loam_nearest(const char *word, const char *const *words, size_t n)
{
    const char *best = NULL;
    size_t best_distance = 1 + strlen(word) / 3; /* one slip in three letters, and one more */
    for (size_t i = 0; i < n; i++) {
        size_t d = distance(word, words[i]);
        if (d <= best_distance && d < strlen(words[i]) && (!best || d < best_distance)) {
            best = words[i];
            best_distance = d;
        }
    }
    return best;
}
