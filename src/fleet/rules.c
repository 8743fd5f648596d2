/* Applies the dated records to a case. The idea: who gets the chip (the buyer, or the provider of what is rented),
 * where it goes, and the day decide which records are asked; each that fires is a hit, the worst hit is the ruling. The
 * rule of January 2026 is the one that eases: it turns the denial of R23.a into a case-by-case review where its
 * conditions hold.
 */
#include "fleet/rules_int.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

const char *loam_verdict_name(loam_verdict v)
{
    static const char *const names[LOAM_VERDICT_COUNT] = {"free", "notify", "case-by-case", "risk", "denied", "barred"};
    return v < LOAM_VERDICT_COUNT ? names[v] : "unknown";
}

const loam_rule_info *loam_rules_all(size_t *n)
{
    *n = LOAM_RULE_COUNT;
    return loam_rule_infos;
}

/* A question, with what follows from it. */
typedef struct question {
    const loam_rule_book *book;
    const loam_rule_case *c;
    loam_day day;
    const char *parent; /* headquarters of whoever gets the chip: the buyer's, or the provider's of what is rented */
    bool destination_d5, parent_d5, tenant_d5;
    loam_ruling *out;
    double nearest; /* of the records that did not fire */
} question;

static bool is_named(const char *const *names, size_t n, const char *id, bool by_beginning)
{
    for (size_t i = 0; i < n; i++)
        if (by_beginning ? *names[i] && strncasecmp(id, names[i], strlen(names[i])) == 0
                         : strcasecmp(id, names[i]) == 0)
            return true;
    return false;
}

/* day: the one that the question is asked for; of_case: that of the case itself. */
static bool in_force(const loam_rule_book *book, loam_rule rule, loam_day day, loam_day of_case)
{
    const loam_rule_info *i = &loam_rule_infos[rule];
    for (size_t k = 0; k < book->n_spans; k++) {
        const struct loam_rule_span *span = &book->spans[k];
        if (of_case >= span->from && of_case < span->until && strcasecmp(i->id, span->id) == 0)
            return !is_named(book->dropped, book->n_dropped, i->id, true);
    }
    bool end_known = i->to && (!book->known_at || i->to <= book->known_at);
    if (book->known_at && i->from > book->known_at)
        return false;
    if (day < i->from || (end_known && day >= i->to))
        return false;
    if (i->optional && !is_named(book->extra, book->n_extra, i->id, false))
        return false;
    return !is_named(book->dropped, book->n_dropped, i->id, true);
}

static bool group_fits(const question *q, loam_group group)
{
    const char *to = q->c->destination;
    switch (group) {
    case LOAM_GROUP_CHINA:
        return loam_country_is_china(to);
    case LOAM_GROUP_CN:
        return strcmp(to, "CN") == 0;
    case LOAM_GROUP_D5:
        return q->destination_d5;
    case LOAM_GROUP_D5_OR_HQ:
        return q->destination_d5 || q->parent_d5;
    case LOAM_GROUP_HQ:
        return !q->destination_d5 && q->parent_d5;
    case LOAM_GROUP_REMOTE:
        return !q->destination_d5 && !q->parent_d5 && q->tenant_d5;
    case LOAM_GROUP_TIERS:
        return !loam_country_is_first_tier(to) || !loam_country_is_first_tier(q->parent);
    case LOAM_GROUP_NOT_CHINA:
        return !loam_country_is_china(to);
    default:
        return true;
    }
}

static bool asks(const question *q, loam_rule rule)
{
    const loam_rule_record *r = &loam_rule_records[rule];
    return (r->gets & 1 << q->c->get) && (!r->training_only || q->c->training) &&
           (!r->public_only || q->c->public_centre) && (!r->state_only || q->c->state_funded) &&
           in_force(q->book, rule, q->day, q->c->day);
}

static loam_rule_hit *hit(question *q, loam_rule rule, loam_verdict verdict)
{
    loam_ruling *out = q->out;
    enum { ROOM = sizeof out->hits / sizeof *out->hits };
    if (out->n_hits == ROOM)
        return NULL; /* cannot be: at most one of R22 and R23, and five others, fire at once */
    loam_rule_hit *h = &out->hits[out->n_hits++];
    h->id = loam_rule_infos[rule].id;
    h->source = loam_rule_infos[rule].source;
    h->verdict = verdict;
    return h;
}

static void tell(loam_rule_hit *h, const char *clause, const char *says)
{
    if (h)
        snprintf(h->clause, sizeof h->clause, "%s%s%s", clause, *clause && says ? ": " : "", says ? says : "");
}

static void note_distance(question *q, loam_rule rule)
{
    char words[96];
    double d = loam_rule_test_distance(&loam_rule_records[rule].test, q->c->chip, words, sizeof words);
    if (d < q->nearest) {
        q->nearest = d;
        snprintf(q->out->nearest, sizeof q->out->nearest, "%s (%s)", words, loam_rule_infos[rule].id);
    }
}

static bool fires(question *q, loam_rule rule, char *clause, size_t size)
{
    if (loam_rule_test_holds(&loam_rule_records[rule].test, q->c->chip, clause, size))
        return true;
    note_distance(q, rule);
    return false;
}

/* R26 on a chip of 3A090.a that goes to China: either it eases the denial, or the clause says which condition fails. */
static void ease(question *q, loam_rule_hit *denied)
{
    const loam_rule_record *r = &loam_rule_records[LOAM_RULE_R26];
    char clause[120];
    if (!asks(q, LOAM_RULE_R26) || !group_fits(q, r->group))
        return;
    if (loam_rule_test_holds(&r->test, q->c->chip, clause, sizeof clause)) {
        denied->verdict = LOAM_VERDICT_CASE;
        tell(hit(q, LOAM_RULE_R26, LOAM_VERDICT_CASE), clause, r->says);
        q->out->duty += q->c->get == LOAM_GET_BUY ? r->duty : 0;
        return;
    }
    if (isinf(loam_rule_test_distance(&r->test, q->c->chip, clause, sizeof clause)))
        snprintf(clause, sizeof clause, "not a product that is sold in the United States");
    tell(hit(q, LOAM_RULE_R26, LOAM_VERDICT_DENIED), clause, "its condition fails, so denial stays");
}

/* The rule of October 2023: by destination, or by headquarters wherever the chip goes. The first clause that fires is
 * told; dropping it shows the next. */
static void judge_2023(question *q)
{
    static const loam_rule clauses[] = {LOAM_RULE_R23_A1, LOAM_RULE_R23_A2, LOAM_RULE_R23_B1, LOAM_RULE_R23_B2,
                                        LOAM_RULE_R23_C};
    bool abroad = group_fits(q, LOAM_GROUP_HQ) && asks(q, LOAM_RULE_R23_HQ);
    if (!q->destination_d5 && !abroad)
        return;
    for (size_t i = 0; i < sizeof clauses / sizeof *clauses; i++) {
        char clause[120], where[24] = "";
        const loam_rule_record *r = &loam_rule_records[clauses[i]];
        if (!asks(q, clauses[i]) || !fires(q, clauses[i], clause, sizeof clause))
            continue;
        loam_rule_hit *h = hit(q, abroad ? LOAM_RULE_R23_HQ : clauses[i], r->verdict);
        tell(h, clause, r->says);
        if (abroad && h) {
            snprintf(where, sizeof where, "%.2s in %.2s as %s: ", q->parent, q->c->destination,
                     loam_rule_infos[clauses[i]].id);
            snprintf(h->clause, sizeof h->clause, "%s%s%s%s", where, clause, r->says ? ": " : "",
                     r->says ? r->says : "");
        }
        if (h && h->verdict == LOAM_VERDICT_DENIED && !abroad)
            ease(q, h);
        return;
    }
}

static void judge_record(question *q, loam_rule rule)
{
    const loam_rule_record *r = &loam_rule_records[rule];
    char clause[120];
    if (!asks(q, rule) || !group_fits(q, r->group) || !fires(q, rule, clause, sizeof clause))
        return;
    tell(hit(q, rule, r->verdict), clause, r->says);
    q->out->duty += r->duty;
}

void loam_rules_judge(const loam_rule_book *book, const loam_rule_case *c, loam_ruling *out)
{
    static const loam_rule_book everything = {0};
    question q = {.book = book ? book : &everything, .c = c, .out = out, .nearest = INFINITY};
    memset(out, 0, sizeof *out);
    q.day = q.book->as_of ? q.book->as_of : c->day;
    q.parent = c->get == LOAM_GET_RENT && c->provider_hq ? c->provider_hq : c->hq;
    q.destination_d5 = loam_country_is_d5(c->destination, q.day);
    q.parent_d5 = loam_country_is_d5(q.parent, q.day);
    q.tenant_d5 = c->get == LOAM_GET_RENT && loam_country_is_d5(c->hq, q.day);
    judge_record(&q, LOAM_RULE_R22);
    judge_2023(&q);
    for (int rule = LOAM_RULE_DIFF; rule < LOAM_RULE_COUNT; rule++)
        if (rule != LOAM_RULE_R26)
            judge_record(&q, (loam_rule)rule);
    for (size_t i = 0; i < out->n_hits; i++)
        if (out->hits[i].verdict > out->verdict)
            out->verdict = out->hits[i].verdict;
    if (out->verdict != LOAM_VERDICT_FREE)
        out->nearest[0] = 0;
}

/* A ruling changes only on the days on which a rule, or a country's place in D:5, begins or ends. */
static bool may_change(loam_day day, loam_month month)
{
    loam_day cambodia;
    if (day == loam_month_first(month) || (loam_day_parse("2026-02-03", &cambodia) && day == cambodia))
        return true;
    for (int i = 0; i < LOAM_RULE_COUNT; i++)
        if (loam_rule_infos[i].from == day || (loam_rule_infos[i].to && loam_rule_infos[i].to == day))
            return true;
    return false;
}

void loam_rules_judge_month(const loam_rule_book *book, loam_rule_case c, loam_month month, loam_ruling *out)
{
    loam_ruling of_day;
    bool first = true;
    for (loam_day day = loam_month_first(month); day <= loam_month_last(month); day++) {
        if (!may_change(day, month))
            continue;
        c.day = day;
        loam_rules_judge(book, &c, &of_day);
        if (first || of_day.verdict > out->verdict)
            *out = of_day;
        first = false;
    }
}
