#include "weight_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

float *weight_read(const loam_device_api *api, loam_device *d, const loam_bound_weight *w)
{
    loam_err err = LOAM_ERR_INIT;
    loam_graph *g = loam_graph_new();
    int x = loam_graph_input(g, "x", w->k, w->k);
    int y = loam_graph_matmul(g, x, loam_graph_weight(g, w->name, w->w, w->dtype, w->n, w->k, w->vector), -1);
    loam_graph_output(g, y);
    loam_program *p = NULL;
    if (loam_graph_plan(g, api, d, 0, 0, &p, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    float *in = api->program_input(p, x);
    memset(in, 0, (size_t)(w->k * w->k) * sizeof *in);
    for (int64_t i = 0; i < w->k; i++)
        in[i * w->k + i] = 1;
    loam_step step = {0};
    if (api->program_run(p, &step, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    const float *out = api->program_output(p, y);
    float *m = malloc((size_t)(w->n * w->k) * sizeof *m);
    for (int64_t i = 0; i < w->k; i++)
        for (int64_t j = 0; j < w->n; j++)
            m[j * w->k + i] = out[i * w->n + j];
    api->program_free(p);
    loam_graph_free(g);
    return m;
}
