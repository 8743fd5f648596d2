/* Attention over all positions, without a cache. */
#ifndef LOAM_KERNEL_ATTEND_H
#define LOAM_KERNEL_ATTEND_H

#include "kernel/ref/ref.h"

#define ATTEND_TABLE .attend_pack = loam_attend_pack_ref, .attend = loam_attend_ref

#endif
