/* Planned graphs with their ends. */
#include "model/build.h"

int loam_net_input(loam_build *b, loam_net *net, const char *name, int64_t rows, int64_t columns)
{
    int x = loam_graph_input(b->g, name, rows, columns);
    if (net->n_in < LOAM_NET_MAX_ENDS)
        net->in[net->n_in++] = x;
    return x;
}

void loam_net_output(loam_build *b, loam_net *net, int x)
{
    if (x >= 0)
        loam_graph_output(b->g, x);
    if (net->n_out < LOAM_NET_MAX_ENDS)
        net->out[net->n_out++] = x;
}

loam_status loam_net_plan(loam_build *b, loam_net *net, loam_err *err)
{
    if (b->status != LOAM_OK) {
        if (err)
            *err = b->err;
        return b->status;
    }
    net->api = loam_weight_store_api(b->store);
    LOAM_TRY(loam_graph_plan(b->g, net->api, loam_weight_store_device(b->store), net->n_tokens, 0, &net->program, err));
    net->g = b->g;
    b->g = NULL;
    return LOAM_OK;
}

void loam_net_free(loam_net *net)
{
    if (net->program)
        net->api->program_free(net->program);
    loam_graph_free(net->g);
    *net = (loam_net){0};
}

size_t loam_net_bytes(const loam_net *net)
{
    return net->g ? loam_graph_get_plan(net->g)->arena_bytes : 0;
}

float *loam_net_in(loam_net *net, int i)
{
    return net->api->program_input(net->program, net->in[i]);
}

const float *loam_net_out(loam_net *net, int i)
{
    return net->api->program_output(net->program, net->out[i]);
}

loam_status loam_net_run(loam_net *net, const int32_t *tokens, const int32_t *positions, loam_err *err)
{
    loam_step step = {.n_tokens = net->n_tokens, .tokens = tokens, .positions = positions};
    return net->api->program_run(net->program, &step, err);
}
