/* Which slot a prompt gets, and whose computed keys and values it can share. Everything here only decides what need
 * not be computed again; the answer is the same whatever is decided. */
#include "gen/gen_int.h"

enum { WORTH_WAITING = 16 }; /* tokens that another slot has to be about to compute, before one sits a step out */

static int common_prefix(const int32_t *a, int n_a, const int32_t *b, int n_b)
{
    int n = n_a < n_b ? n_a : n_b, i = 0;
    while (i < n && a[i] == b[i])
        i++;
    return i;
}

bool loam_slots_choose(const loam_slot *slots, int n, const int32_t *prompt, int n_prompt, loam_slot_choice *out)
{
    int oldest = -1, from = 0, most = -1;
    for (int i = 0; i < n; i++) {
        const loam_slot *s = &slots[i];
        if (!s->job && (oldest < 0 || s->order < slots[oldest].order))
            oldest = i;
        int shared = common_prefix(prompt, n_prompt - 1, s->tokens, s->n_computed);
        if (shared > most || (shared == most && slots[from].job && !s->job)) {
            most = shared;
            from = i;
        }
    }
    if (oldest < 0)
        return false;
    /* The best match is taken over when the prompt goes on from most of what it holds; a short common beginning (a
     * system prompt) is copied to the slot unused for longest instead, so that the other conversation stays. */
    bool goes_on = !slots[from].job && most * 2 >= slots[from].n_computed && most > 0;
    *out = (loam_slot_choice){.to = goes_on ? from : oldest, .from = from, .n_shared = most};
    return true;
}

static bool reading(const loam_slot *s)
{
    return s->job && s->n_generated == 0;
}

/* Whether a is to compute a shared beginning for b: the one that is further ahead, then the one that came first. A
 * strict order, so that slots never wait for each other in a ring. */
static bool leads(const loam_slot *a, const loam_slot *b)
{
    return a->n_computed > b->n_computed || (a->n_computed == b->n_computed && a->order < b->order);
}

loam_slot_wait loam_slots_follow(const loam_slot *slots, int n, int i)
{
    const loam_slot *s = &slots[i];
    loam_slot_wait r = {.from = -1, .n_shared = s->n_computed};
    for (int k = 0; k < n; k++) {
        const loam_slot *o = &slots[k];
        if (k == i)
            continue;
        int shared = common_prefix(s->tokens, s->n_tokens - 1, o->tokens, o->n_tokens);
        int ready = shared < o->n_computed ? shared : o->n_computed;
        if (ready > r.n_shared) {
            r.n_shared = ready;
            r.from = k;
        }
        if (reading(o) && leads(o, s) && shared > o->n_computed && shared - s->n_computed >= WORTH_WAITING)
            r.wait = true;
    }
    return r;
}
