/* Hash tables of a tokenizer: pairs of numbers (merges, the trie) by open addressing, and the hash of token texts. */
#include "text/text_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

bool loam_pairs_init(loam_pairs *p, size_t n, uint64_t seed)
{
    size_t cap = 16;
    while (cap / 2 < n) {
        if (cap > SIZE_MAX / sizeof *p->slot / 2)
            return false;
        cap *= 2;
    }
    p->slot = malloc(cap * sizeof *p->slot);
    if (!p->slot)
        return false;
    memset(p->slot, 0xFF, cap * sizeof *p->slot); /* every key LOAM_PAIRS_NONE */
    p->mask = cap - 1;
    p->n = 0;
    p->seed = seed;
    return true;
}

void loam_pairs_deinit(loam_pairs *p)
{
    free(p->slot);
    *p = (loam_pairs){0};
}

bool loam_pairs_add(loam_pairs *p, uint64_t key, uint64_t value)
{
    size_t i = loam_mix64(key ^ p->seed) & p->mask;
    while (p->slot[i].key != LOAM_PAIRS_NONE) {
        if (p->slot[i].key == key)
            return false;
        i = (i + 1) & p->mask;
    }
    p->slot[i].key = key;
    p->slot[i].value = value;
    p->n++;
    return true;
}

bool loam_pairs_grow(loam_pairs *p)
{
    if (p->n < (p->mask + 1) / 2)
        return true;
    loam_pairs bigger = {0};
    if (!loam_pairs_init(&bigger, p->n + 1, p->seed))
        return false;
    for (size_t i = 0; i <= p->mask; i++)
        if (p->slot[i].key != LOAM_PAIRS_NONE)
            loam_pairs_add(&bigger, p->slot[i].key, p->slot[i].value);
    loam_pairs_deinit(p);
    *p = bigger;
    return true;
}

uint64_t loam_hash_bytes(const char *s, size_t n, uint64_t seed)
{
    uint64_t h = seed ^ n;
    for (; n >= 8; s += 8, n -= 8) {
        uint64_t w;
        memcpy(&w, s, 8);
        h = loam_mix64(h ^ w);
    }
    uint64_t w = 0;
    memcpy(&w, s, n);
    return loam_mix64(h ^ w ^ 0x9E3779B97F4A7C15u);
}
