/* What a planned graph asks of a machine: multiplications and additions of its products, and bytes that must move. Set
 * beside measured times they say which share of the machine's limits an operation reaches. */
#ifndef LOAM_GRAPH_WORK_H
#define LOAM_GRAPH_WORK_H

#include "device/op.h"

typedef struct loam_work {
    double ops;   /* of products, convolutions and attention; a multiply-add counts two */
    double bytes; /* each input once and the output once, as they are stored; weights as in their file */
} loam_work;

/* Operation o of plan p at a step. Convolutions count as if computed directly, 2 · rows · n · taps · c, however they
 * are (Winograd's need fewer: they can seem to go beyond the machine's limit); attention counts 4 · head_dim for each
 * head, query and position that it sees. Norms, activations and other work beside products have bytes only. */
loam_work loam_work_of(const loam_plan *p, const loam_step *s, const loam_op *o);
/* The sum over all operations. */
loam_work loam_work_total(const loam_plan *p, const loam_step *s);

/* A name for reports, finer than the kind: "CONV 3x3 winograd", "MATMUL q8". */
enum { LOAM_WORK_NAME = 40 };
void loam_work_name(const loam_plan *p, const loam_op *o, char out[LOAM_WORK_NAME]);

#endif
