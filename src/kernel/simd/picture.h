/* Norms and activations of picture models. */
#ifndef LOAM_KERNEL_PICTURE_H
#define LOAM_KERNEL_PICTURE_H

#include "kernel/ref/ref.h"

#define PICTURE_TABLE                                                                                  \
    .group_stats = loam_group_stats_ref, .affine = loam_affine_ref, .layer_norm = loam_layer_norm_ref, \
    .unary = loam_unary_ref, .gate = loam_gate_ref, .mul_add = loam_mul_add_ref

#endif
