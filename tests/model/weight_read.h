/* Reading back what is on the device. */
#ifndef LOAM_TESTS_WEIGHT_READ_H
#define LOAM_TESTS_WEIGHT_READ_H

#include "model/model_int.h"

/* The weight [n, k] as it multiplies: the products of a unit matrix with it. Freed by the caller. */
float *weight_read(const loam_device_api *api, loam_device *d, const loam_bound_weight *w);

#endif
