/* Does the whole make sense? What one section can see by itself was checked while it was read. */
#include <string.h>

#include "fleet/scenario_int.h"

static bool includes(const bool *set, size_t i)
{
    return !set || set[i];
}

static bool same_regions(const loam_scenario *s, const loam_share *a, const loam_share *b)
{
    for (size_t i = 0; i < s->n_regions; i++)
        if (includes(a->regions, i) != includes(b->regions, i))
            return false;
    return true;
}

static bool same_measure(const loam_scenario *s, const loam_share *a, const loam_share *b)
{
    return a->measure == b->measure && same_regions(s, a, b);
}

/* Can the chip be bought in one of the share's regions? */
static bool is_sold(const loam_scenario *s, const loam_share *share, size_t chip)
{
    for (size_t i = 0; i < s->n_supplies; i++)
        for (size_t k = 0; k < s->n_regions && s->supplies[i].chip == (int)chip; k++)
            if (includes(share->regions, k) && includes(s->supplies[i].regions, k))
                return true;
    return false;
}

static loam_status check_is_sold(loam_reader *r, const loam_share *share)
{
    const loam_scenario *s = r->s;
    for (size_t c = 0; c < s->n_chips; c++)
        if (share->group[c] && is_sold(s, share, c))
            return LOAM_OK;
    if (share->min > 0)
        LOAM_REFUSE(r, share->line,
                    "share '%s' asks for at least %g %% of chips that no supply sells in its regions: then nothing can "
                    "be bought there",
                    share->name, 100 * share->min);
    return LOAM_OK;
}

/* A group inside another cannot have more than the whole may. */
static loam_status check_inside(loam_reader *r, const loam_share *inner, const loam_share *outer)
{
    for (size_t c = 0; c < r->s->n_chips; c++)
        if (inner->group[c] && !outer->group[c])
            return LOAM_OK;
    if (inner->min > outer->max)
        LOAM_REFUSE(r, inner->line,
                    "share '%s' asks for at least %g %% of chips of which share '%s' allows at most %g %%", inner->name,
                    100 * inner->min, outer->name, 100 * outer->max);
    return LOAM_OK;
}

/* Groups that have no chip in common, beginning with one: their least shares cannot exceed the whole, and if they are
 * all that is sold, their greatest cannot stay below it. */
static loam_status check_sum(loam_reader *r, size_t first)
{
    const loam_scenario *s = r->s;
    const loam_share *share = &s->shares[first];
    bool taken[LOAM_FLEET_MAX_CHIPS] = {0}, all = true;
    double least = 0, most = 0;
    for (size_t i = first; i < s->n_shares; i++) {
        const loam_share *other = &s->shares[i];
        bool apart = same_measure(s, share, other);
        for (size_t c = 0; c < s->n_chips && apart; c++)
            apart = !(taken[c] && other->group[c]);
        if (!apart)
            continue;
        for (size_t c = 0; c < s->n_chips; c++)
            taken[c] |= other->group[c];
        least += other->min;
        most += other->max;
        if (least > 1 + 1e-9)
            LOAM_REFUSE(r, other->line,
                        "shares '%s' and '%s' have no chip in common and ask for %g %% together, over 100 %%",
                        share->name, other->name, 100 * least);
    }
    for (size_t c = 0; c < s->n_chips; c++)
        all &= taken[c] || !is_sold(s, share, c);
    if (all && most < 1 - 1e-9)
        LOAM_REFUSE(r, share->line, "share '%s' and those like it allow %g %% of all chips that are sold, under 100 %%",
                    share->name, 100 * most);
    return LOAM_OK;
}

static loam_status check_shares(loam_reader *r)
{
    const loam_scenario *s = r->s;
    for (size_t i = 0; i < s->n_shares; i++) {
        LOAM_TRY(check_is_sold(r, &s->shares[i]));
        LOAM_TRY(check_sum(r, i));
        for (size_t k = 0; k < s->n_shares; k++)
            if (k != i && same_measure(s, &s->shares[i], &s->shares[k]))
                LOAM_TRY(check_inside(r, &s->shares[i], &s->shares[k]));
    }
    return LOAM_OK;
}

/* A limit on the round trip needs to know the round trips of all who ask. */
static loam_status check_round_trips(loam_reader *r)
{
    const loam_scenario *s = r->s;
    for (size_t v = 0; v < s->n_services; v++)
        for (size_t o = 0; o < s->n_origins && s->services[v].max_rtt_ms > 0; o++) {
            double asked = 0;
            for (int m = 0; m < s->months; m++)
                asked += s->services[v].per_day[(size_t)m * s->n_origins + o];
            if (asked > 0 && !s->origins[o].rtt_ms)
                LOAM_REFUSE(r, s->services[v].line,
                            "service '%s' allows a round trip of %g ms, but origin '%s' does not say its 'rtt_ms'",
                            s->services[v].name, s->services[v].max_rtt_ms, s->origins[o].name);
        }
    return LOAM_OK;
}

loam_status loam_scenario_check(loam_reader *r)
{
    const loam_scenario *s = r->s;
    if (!s->n_services && !s->n_trainings)
        LOAM_REFUSE(r, 1, "there are neither 'services' nor 'trainings': there is nothing to plan for");
    if (!s->n_supplies && !s->n_rents && !s->n_owned)
        LOAM_REFUSE(r, 1, "there is no server to be had: no 'supplies', no 'rents', and none 'owned'");
    LOAM_TRY(check_shares(r));
    return check_round_trips(r);
}
