/* What the tests of UNets share: a model on a device, its inputs from a golden file, and altered copies of files. */
#ifndef LOAM_TESTS_MODEL_UNET_CASE_H
#define LOAM_TESTS_MODEL_UNET_CASE_H

#include "golden.h"
#include "model/unet.h"

#define PICTURES LOAM_SOURCE_ROOT "/tests/golden/pictures/"
/* The reference's own errors that a sum in another order may make; Winograd's transforms lose some bits more. */
enum { TIMES = 12 };

typedef struct unet_case {
    loam_weights *weights;
    loam_device *device;
    loam_weight_store *store;
    loam_safetensors *golden; /* of inputs */
} unet_case;

void ok(loam_status st, const loam_err *err); /* fails the test with the message */

/* motion: a file or folder of motion modules, or NULL. */
unet_case unet_case_new(const char *weights, const char *motion, const char *golden, int n_threads);
void unet_case_free(unet_case *c);

/* Runs a net on "<prefix>.in.…", whose sample has five dimensions for a clip, with `guidance` for LCM. The result, to
 * be freed, has *n elements; net, if not NULL, is left open for its other outputs. */
float *unet_case_run(const unet_case *c, const loam_unet_params *p, const char *prefix, float guidance, int64_t *n,
                     loam_net *net);

/* Writes the tensors of safetensors `from` to a new file `to`, without those whose name contains `without` (NULL: all
 * stay); edit may change the shape's text and the bytes. */
void copy_tensors(const char *from, const char *to, const char *without,
                  void (*edit)(const char *name, char *shape, float *x, size_t n));
/* A path for a file of this test, in static memory; i < 4. */
const char *scratch_path(int i);
/* Deletes these files; a cmocka teardown. */
int scratch_remove(void **state);

#endif
