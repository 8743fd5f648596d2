/* How much memory there is to be had. */
#ifndef LOAM_BASE_MEMORY_H
#define LOAM_BASE_MEMORY_H

#include <stddef.h>

/* Bytes that a new allocation can count on: what the system calls available, within the limit of the control group
 * (containers). SIZE_MAX when neither says anything. */
size_t loam_memory_available(void);

#endif
