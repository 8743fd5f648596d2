/* Names of states, and what callers free. */
#include <stdlib.h>
#include <string.h>

#include "service/jobs.h"

static const struct {
    const char *name;
    bool ended;
} states[] = {
#define X(name, text, ended) {text, ended},
    LOAM_JOBS_STATE_LIST(X)
#undef X
};

const char *loam_jobs_state_name(loam_jobs_state s)
{
    return (unsigned)s < LOAM_JOBS_STATE_COUNT ? states[s].name : "unknown";
}

bool loam_jobs_state_ended(loam_jobs_state s)
{
    return (unsigned)s < LOAM_JOBS_STATE_COUNT && states[s].ended;
}

loam_jobs_state loam_jobs_state_parse(const char *name)
{
    int s = 0;
    while (s < LOAM_JOBS_STATE_COUNT && strcmp(states[s].name, name) != 0)
        s++;
    return (loam_jobs_state)s;
}

void loam_jobs_view_deinit(loam_jobs_view *v)
{
    free(v->kind);
    free(v->owner);
    free(v->error);
    *v = (loam_jobs_view){0};
}

void loam_jobs_page_deinit(loam_jobs_page *p)
{
    for (int i = 0; i < p->n; i++)
        loam_jobs_view_deinit(&p->views[i]);
    free(p->views);
    *p = (loam_jobs_page){0};
}

void loam_jobs_result_deinit(loam_jobs_result *r)
{
    free(r->media);
    free(r->path);
    free(r->meta);
    *r = (loam_jobs_result){0};
}

void loam_jobs_results_free(loam_jobs_result *r, int n)
{
    for (int i = 0; i < n; i++)
        loam_jobs_result_deinit(&r[i]);
    free(r);
}
