/* What the tests of samplers share. */
#ifndef LOAM_TESTS_GEN_TEST_DIFFUSE_H
#define LOAM_TESTS_GEN_TEST_DIFFUSE_H

#include "gen/diffuse.h"

/* The model of tests/golden/make/diffuse.py: x, out [n_images][n]. */
void test_fake_model(const float *x, double t, int n_images, size_t n, float *out);

#endif
