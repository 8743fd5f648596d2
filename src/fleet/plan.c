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

/* Says that a stage begins, also when it ends before the solver reports. */
static loam_status begin(const loam_plan_options *o, const char *name, loam_err *err)
{
    if (o->progress && !o->progress(o->arg, name, NAN, NAN))
        LOAM_FAIL(err, CANCELLED, "the plan was stopped");
    return LOAM_OK;
}

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

/* First goal: the least unserved. */
static loam_status solve_served(loam_program *p, loam_plan *plan, double time_s, loam_lp_result *r, loam_err *err)
{
    stage g = {p->o, "most served"};
    loam_lp_options o = lp_options(p->o, &g, time_s);
    LOAM_TRY(begin(p->o, g.name, err));
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
    LOAM_TRY(begin(p->o, g.name, err));
    loam_program_goal_cost(p);
    loam_lp_row_bounds(p->lp, p->served_row, -INFINITY, unserved);
    if (p->o->mps)
        LOAM_TRY(loam_lp_write_mps(p->lp, p->o->mps, err));
    return loam_lp_solve(p->lp, &o, r, err);
}

/* Servers that a solution orders and rents. */
static double servers_of(const loam_program *p, const loam_lp_result *r)
{
    double n = 0;
    for (size_t i = 0; i < p->n_orders; i++)
        n += r->x[p->orders[i].col];
    for (size_t i = 0; i < p->n_rents; i++)
        n += r->x[p->rents[i].col];
    return n;
}

/* What is unserved is itself known only within the gap: as much room is left for the cost. */
static double room(const loam_program *p, double unserved)
{
    return unserved * (1 + (p->o->gap > 0 ? p->o->gap : 0.005)) + 1e-6;
}

/* Goals one after the other: r is the plan, served the solution whose duals tell what limits are worth when something
 * stays unserved. */
typedef struct goals {
    loam_lp_result r, served;
    double unserved, cost_bound;
    bool first_only; /* the second goal ran out of time: the first one's plan stands */
} goals;

/* The relaxation of the first goal tells what nothing can beat. Where it serves everything, or where there are so many
 * servers that whole ones make no difference, the second goal is solved within the gap of that at once; the first needs
 * no search of its own. False: that was not possible. */
enum { MANY_SERVERS = 1000 };
static loam_status solve_directly(loam_program *p, loam_plan *plan, double time_s, goals *g, bool *done, loam_err *err)
{
    stage stage_of = {p->o, "most served"};
    loam_lp_options quick = lp_options(p->o, &stage_of, time_s);
    quick.relax = true;
    *done = false;
    LOAM_TRY(begin(p->o, stage_of.name, err));
    loam_program_goal_served(p);
    LOAM_TRY(loam_lp_solve(p->lp, &quick, &g->served, err));
    if (!g->served.has_x)
        return LOAM_OK;
    g->unserved = g->served.objective > 0 ? g->served.objective : 0;
    plan->served_bound = 1 - g->unserved / 100;
    bool all = g->unserved < 1e-7;
    if (!all && servers_of(p, &g->served) < MANY_SERVERS)
        return LOAM_OK;
    LOAM_TRY(solve_cost(p, all ? 1e-7 : room(p, g->unserved), all ? time_s : time_s / 2, NULL, &g->r, err));
    *done = g->r.has_x;
    return LOAM_OK;
}

static loam_status solve_in_turn(loam_program *p, loam_plan *plan, double time_s, double end_s, goals *g, loam_err *err)
{
    loam_lp_result_deinit(&g->r);
    loam_lp_result_deinit(&g->served);
    loam_lp_row_bounds(p->lp, p->served_row, -INFINITY, INFINITY);
    LOAM_TRY(solve_served(p, plan, time_s / 2, &g->served, err));
    if (!g->served.has_x)
        return LOAM_OK;
    g->unserved = g->served.objective;
    double left = end_s - loam_clock_s();
    LOAM_TRY(solve_cost(p, room(p, g->unserved), left > time_s / 4 ? left : time_s / 4, g->served.x, &g->r, err));
    if (!g->r.has_x) {
        g->cost_bound = g->r.bound;
        loam_lp_result_deinit(&g->r);
        g->r = g->served;
        g->served = (loam_lp_result){0};
        g->first_only = true;
    }
    return LOAM_OK;
}

static loam_status finish(loam_program *p, loam_plan *plan, double time_s, const goals *g, loam_err *err)
{
    const loam_lp_result *r = &g->r;
    if (r->has_x) {
        plan->status = r->status == LOAM_LP_OPTIMAL && !g->first_only ? LOAM_PLAN_OPTIMAL : LOAM_PLAN_LIMIT;
        plan->gap = r->gap;
        plan->bound = r->bound / LOAM_FLEET_MONEY;
        plan->objective = r->objective / LOAM_FLEET_MONEY;
        LOAM_TRY(loam_program_read(p, r,
                                   g->unserved <= 1e-5 ? NULL
                                   : g->first_only     ? r->row_dual
                                                       : g->served.row_dual,
                                   plan, err));
        if (g->first_only) {
            plan->objective = plan->cost.total;
            plan->bound = g->cost_bound / LOAM_FLEET_MONEY;
            plan->gap = plan->objective > 0 ? (plan->objective - plan->bound) / plan->objective : 0;
        }
        return LOAM_OK;
    }
    if (r->status == LOAM_LP_INFEASIBLE || g->served.status == LOAM_LP_INFEASIBLE) {
        stage stage_of = {p->o, "what conflicts"};
        loam_lp_options o = lp_options(p->o, &stage_of, time_s);
        return explain(p, plan, &o, err);
    }
    LOAM_FAIL(err, TIMEOUT, "no plan was found within %.0f s: give it more time (--time) or order less often", time_s);
}

static loam_status solve(loam_program *p, loam_plan *plan, bool serve_all, double time_s, loam_err *err)
{
    double start_s = loam_clock_s();
    goals g = {0};
    bool done = false;
    plan->served_share = plan->served_bound = 1;
    loam_status status =
        serve_all ? solve_cost(p, 1e-7, time_s, NULL, &g.r, err) : solve_directly(p, plan, time_s, &g, &done, err);
    if (status == LOAM_OK && !serve_all && !done)
        status = solve_in_turn(p, plan, time_s, start_s + time_s, &g, err);
    if (status == LOAM_OK)
        status = finish(p, plan, time_s, &g, err);
    loam_lp_result_deinit(&g.r);
    loam_lp_result_deinit(&g.served);
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
