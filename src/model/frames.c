#include "model/frames.h"

#include <string.h>

static int64_t positions(loam_map x)
{
    return x.h * x.w;
}

loam_map loam_frames_unfold(loam_build *b, loam_map x, int n)
{
    if (n == 1 || x.id < 0)
        return x;
    int64_t c = x.c / n, hw = positions(x);
    int all = -1;
    for (int64_t t = 0; t < x.n * x.f; t++)
        for (int i = 0; i < n; i++) {
            int part = loam_graph_slice(b->g, x.id, t * hw, hw, i * c, c);
            all = all < 0 ? part : loam_graph_stack(b->g, all, part);
        }
    return (loam_map){.id = all, .n = x.n, .f = x.f * n, .h = x.h, .w = x.w, .c = c};
}

loam_map loam_frames_fold(loam_build *b, loam_map x, int n)
{
    if (n == 1 || x.id < 0)
        return x;
    int64_t hw = positions(x);
    int all = -1;
    for (int64_t t = 0; t < x.n * x.f; t += n) {
        int columns = loam_graph_slice(b->g, x.id, t * hw, hw, 0, x.c);
        for (int i = 1; i < n; i++)
            columns = loam_graph_concat(b->g, columns, loam_graph_slice(b->g, x.id, (t + i) * hw, hw, 0, x.c));
        all = all < 0 ? columns : loam_graph_stack(b->g, all, columns);
    }
    return (loam_map){.id = all, .n = x.n, .f = x.f / n, .h = x.h, .w = x.w, .c = x.c * n};
}

loam_map loam_frames_carry_in(loam_build *b, loam_net *net, loam_map x, int n, bool first)
{
    int64_t hw = positions(x);
    if (x.id < 0)
        return x;
    if (!first) {
        x.id = loam_graph_stack(b->g, loam_net_input(b, net, "frames before", n * hw, x.c), x.id);
        x.f += n;
    }
    int64_t left = x.f < n ? x.f : n;
    loam_net_output(b, net, loam_graph_slice(b->g, x.id, (x.f - left) * hw, left * hw, 0, x.c));
    return x;
}

void loam_frames_carry_nothing(loam_net *net)
{
    if (net->n_out < LOAM_NET_MAX_ENDS)
        net->out[net->n_out++] = -1;
}

static size_t bytes_of(const loam_net *net, int tensor)
{
    const loam_tensor *t = &loam_graph_get_plan(net->g)->tensors[tensor];
    return (size_t)(t->shape[0] * t->shape[1]) * sizeof(float);
}

void loam_frames_carry(loam_net *from, loam_net *to)
{
    for (int i = 1; i < to->n_in; i++) {
        char *in = (char *)loam_net_in(to, i);
        size_t bytes = bytes_of(to, to->in[i]), left = 0;
        if (from && i < from->n_out && from->out[i] >= 0)
            left = bytes_of(from, from->out[i]);
        left = left < bytes ? left : bytes;
        memset(in, 0, bytes - left);
        if (left)
            memcpy(in + bytes - left, loam_net_out(from, i), left);
    }
}
