/* Convolutions as tiled products, and Winograd's way for 3 × 3 taps. */
#ifndef LOAM_KERNEL_CONV_H
#define LOAM_KERNEL_CONV_H

#include "kernel/ref/ref.h"

#define CONV_TABLE .conv = loam_conv_ref, .winograd = loam_winograd_ref

#endif
