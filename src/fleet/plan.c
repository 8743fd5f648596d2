/* Solving: first what is left unserved, then the cost; and, when nothing fits, why. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fleet/plan_int.h"

typedef struct stage {
    const loam_plan_options *o;
    const char *name;
} stage;

static bool on_progress(void *arg, double incumbent, double bound)
{
    const stage *g = arg;
    return !g->o->progress || g->o->progress(g->o->arg, g->name, incumbent, bound);
}

static loam_lp_options lp_options(const loam_plan_options *o, stage *g, double time_s)
{
    return (loam_lp_options){.gap = o->gap > 0 ? o->gap : 0.005,
                             .time_s = time_s,
                             .relax = o->relax,
                             .progress = o->progress ? on_progress : NULL,
                             .arg = g};
}

static const loam_plan_group *group_of(const loam_program *p, int lp)
{
    for (size_t i = 0; i < p->n_groups; i++)
        if (p->groups[i].lp == lp)
            return &p->groups[i];
    return NULL;
}

/* "1.2 bn", "3.4 M", "4360", "1.2". */
static void amount(char *out, size_t size, double x)
{
    if (x >= 1e9)
        snprintf(out, size, "%.3g bn", x / 1e9);
    else if (x >= 1e6)
        snprintf(out, size, "%.3g M", x / 1e6);
    else
        snprintf(out, size, x >= 100 ? "%.0f" : "%.3g", x);
}

/* A repair as a sentence. */
static void repair_text(const loam_program *p, const struct loam_lp_repair *r, char *out, size_t size)
{
    size_t len = 0;
    out[0] = 0;
    for (size_t i = 0; i < r->n && len < size; i++) {
        const loam_plan_group *g = group_of(p, r->relax[i].group);
        char n[40];
        if (!g)
            continue;
        amount(n, sizeof n, r->relax[i].amount * g->scale);
        const char *join = !len ? "" : i + 1 < r->n ? ", " : " and ";
        if (g->kind == LOAM_GROUP_TRAINING)
            len += (size_t)snprintf(out + len, size - len, "%sgive up the %s", join, g->name);
        else if (g->kind == LOAM_GROUP_DEMAND)
            len += (size_t)snprintf(out + len, size - len, "%sleave %s %% of the %s unserved", join, n, g->name);
        else
            len += (size_t)snprintf(out + len, size - len, "%s%s the %s by %s %s", join,
                                    g->kind == LOAM_GROUP_SHARE ? "fall short of" : "raise", g->name, n, g->unit);
    }
}

static loam_status explain(loam_program *p, loam_plan *plan, const loam_lp_options *o, loam_err *err)
{
    loam_lp_conflict c;
    LOAM_TRY(loam_lp_explain(p->lp, o, &c, err));
    plan->conflict = loam_arena_alloc(p->arena, (c.n_groups + 1) * sizeof *plan->conflict);
    plan->repairs = loam_arena_alloc(p->arena, (c.n_repairs + 1) * sizeof *plan->repairs);
    loam_status status = plan->conflict && plan->repairs ? LOAM_OK : LOAM_STATUS_NO_MEMORY;
    for (size_t i = 0; status == LOAM_OK && i < c.n_groups; i++) {
        const loam_plan_group *g = group_of(p, c.groups[i]);
        if (g)
            plan->conflict[plan->n_conflict++] = g->name;
    }
    for (size_t i = 0; status == LOAM_OK && i < c.n_repairs; i++) {
        char text[1000];
        repair_text(p, &c.repairs[i], text, sizeof text);
        char *copy = loam_arena_strndup(p->arena, text, strlen(text));
        if (!copy)
            status = LOAM_STATUS_NO_MEMORY;
        else if (*copy)
            plan->repairs[plan->n_repairs++] = copy;
    }
    loam_lp_conflict_deinit(&c);
    if (status != LOAM_OK)
        LOAM_FAIL(err, NO_MEMORY, "out of memory while explaining the conflict");
    plan->status = LOAM_PLAN_INFEASIBLE;
    return LOAM_OK;
}

/* First goal: the least unserved. *unserved is what the second goal may not exceed, in hundredths. */
static loam_status solve_served(loam_program *p, loam_plan *plan, double time_s, loam_lp_result *r, loam_err *err)
{
    stage g = {p->o, "most served"};
    loam_lp_options o = lp_options(p->o, &g, time_s);
    loam_program_goal_served(p);
    LOAM_TRY(loam_lp_solve(p->lp, &o, r, err));
    if (!r->has_x)
        return LOAM_OK;
    plan->served_share = 1 - r->objective / 100;
    plan->served_bound = 1 - r->bound / 100;
    return LOAM_OK;
}

static loam_status solve_cost(loam_program *p, double unserved, double time_s, const double *start, loam_lp_result *r,
                              loam_err *err)
{
    stage g = {p->o, "least cost"};
    loam_lp_options o = lp_options(p->o, &g, time_s);
    o.start = start;
    loam_program_goal_cost(p);
    loam_lp_row_bounds(p->lp, p->served_row, -INFINITY, unserved);
    if (p->o->mps)
        LOAM_TRY(loam_lp_write_mps(p->lp, p->o->mps, err));
    return loam_lp_solve(p->lp, &o, r, err);
}

/* Both goals. Most plans can serve everything: that is tried first, so that the first goal needs no search of its own.
 */
static loam_status solve(loam_program *p, loam_plan *plan, bool serve_all, double time_s, loam_err *err)
{
    double start_s = loam_clock_s();
    loam_lp_result r = {0}, served = {0};
    loam_status status = LOAM_OK;
    double unserved = 0, cost_bound = 0;
    bool all = serve_all, first_only = false;
    if (!all) { /* can the relaxation serve everything? */
        loam_lp_options quick = {.gap = 1e-4, .time_s = time_s, .relax = true};
        loam_program_goal_served(p);
        status = loam_lp_solve(p->lp, &quick, &served, err);
        all = status == LOAM_OK && served.has_x && served.objective < 1e-7;
        if (status == LOAM_OK && served.has_x)
            plan->served_bound = 1 - served.objective / 100;
        loam_lp_result_deinit(&served);
    }
    plan->served_share = plan->served_bound = all ? 1 : plan->served_bound;
    if (status == LOAM_OK && all)
        status = solve_cost(p, 1e-7, time_s, NULL, &r, err);
    if (status == LOAM_OK && !serve_all && !(all && r.has_x)) {
        loam_lp_result_deinit(&r);
        loam_lp_row_bounds(p->lp, p->served_row, -INFINITY, INFINITY);
        status = solve_served(p, plan, time_s / 2, &served, err);
        if (status == LOAM_OK && served.has_x) {
            /* what is unserved is itself known only within the gap: as much room is left for the cost */
            unserved = served.objective * (1 + (p->o->gap > 0 ? p->o->gap : 0.005)) + 1e-6;
            double left = time_s - (loam_clock_s() - start_s);
            status = solve_cost(p, unserved, left > time_s / 4 ? left : time_s / 4, served.x, &r, err);
            if (status == LOAM_OK && !r.has_x) { /* the second goal ran out of time: the first one's plan stands */
                cost_bound = r.bound;
                loam_lp_result_deinit(&r);
                r = served;
                served = (loam_lp_result){0};
                first_only = true;
            }
        }
    }
    if (status == LOAM_OK && r.has_x) {
        plan->status = r.status == LOAM_LP_OPTIMAL ? LOAM_PLAN_OPTIMAL : LOAM_PLAN_LIMIT;
        plan->gap = r.gap;
        plan->bound = r.bound / LOAM_FLEET_MONEY;
        plan->objective = r.objective / LOAM_FLEET_MONEY;
        status = loam_program_read(p, &r, unserved > 1e-5 ? served.row_dual : NULL, plan, err);
        if (first_only) {
            plan->status = LOAM_PLAN_LIMIT;
            plan->objective = plan->cost.total;
            plan->bound = cost_bound / LOAM_FLEET_MONEY;
            plan->gap = plan->objective > 0 ? (plan->objective - plan->bound) / plan->objective : 0;
        }
    } else if (status == LOAM_OK && (r.status == LOAM_LP_INFEASIBLE || served.status == LOAM_LP_INFEASIBLE)) {
        stage g = {p->o, "what conflicts"};
        loam_lp_options o = lp_options(p->o, &g, time_s);
        status = explain(p, plan, &o, err);
    } else if (status == LOAM_OK) {
        status =
            loam_err_set(err, LOAM_STATUS_TIMEOUT, __FILE__, __LINE__,
                         "no plan was found within %.0f s: give it more time (--time) or order less often", time_s);
    }
    loam_lp_result_deinit(&r);
    loam_lp_result_deinit(&served);
    plan->seconds = loam_clock_s() - start_s;
    return status;
}

loam_status loam_plan_solve(const loam_scenario *s, const loam_plan_options *options, loam_plan **out, loam_err *err)
{
    loam_arena *arena = loam_arena_new((size_t)2 << 30);
    loam_plan *plan = arena ? loam_arena_alloc(arena, sizeof *plan) : NULL;
    loam_program *p = NULL;
    *out = NULL;
    if (!plan) {
        loam_arena_free(arena);
        LOAM_FAIL(err, NO_MEMORY, "out of memory for the plan");
    }
    plan->arena = arena;
    bool serve_all = s->goal == LOAM_GOAL_SERVE_ALL && !options->fixed_orders;
    loam_status status = loam_program_build(s, options, serve_all, arena, &p, err);
    if (status == LOAM_OK) {
        plan->replicas = p->replicas;
        plan->runs = p->runs;
        plan->refusals = p->refusals;
        plan->n_refusals = p->n_refusals;
        status = solve(p, plan, serve_all, options->time_s > 0 ? options->time_s : 120, err);
    }
    loam_program_deinit(p);
    if (status != LOAM_OK) {
        loam_plan_free(plan);
        return status;
    }
    *out = plan;
    return LOAM_OK;
}

void loam_plan_free(loam_plan *p)
{
    if (p)
        loam_arena_free(p->arena); /* which holds p */
}
