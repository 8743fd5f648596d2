/* What the tests of pictures share: the tiny models of tests/golden/pictures and requests to them. */
#ifndef LOAM_TESTS_GEN_TEST_IMAGE_H
#define LOAM_TESTS_GEN_TEST_IMAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../model/golden.h"
#include "gen/image_int.h"

#define PICTURES LOAM_SOURCE_ROOT "/tests/golden/pictures/"
#define LORA PICTURES "lora/sd15.kohya.safetensors"
#define TAESD PICTURES "taesd/original_decoder.safetensors"

enum { WIDTH = 56, HEIGHT = 40, PIXELS = WIDTH * HEIGHT, LATENT = 4 * 5 * 7 };

/* Fails the test with the message. */
void ok(loam_status st, const loam_err *err);
loam_safetensors *golden_open(const char *path);

/* A model of so many threads; taesd may be NULL. */
loam_image_model *model_open(const char *path, int n_threads, const char *taesd);
/* A folder below the temporary one with sd15's parts, `part` being `from` instead; static memory. */
const char *folder_with(const char *part, const char *from);
/* Deletes these folders; a cmocka teardown. */
int folders_remove(void **state);

/* The prompts of the golden files, 4 steps of DDIM as diffusers walks them, 56 × 40, guidance 7.5, seed 0. */
loam_image_request request(void);
/* The golden file's picture and mask (255: made anew); to be freed. */
loam_image_rgb start_picture(void);
uint8_t *start_mask(void);

loam_image_result make(loam_image_model *m, const loam_image_request *r, const loam_image_watch *watch);
loam_image_result made_by(loam_image_model *m, const loam_image_request *r); /* unwatched */
/* Making it again gives the same pictures. */
void expect_same(loam_image_model *m, const loam_image_request *r, const loam_image_result *wanted);
float *latents(loam_image_model *m, const loam_image_request *r);
/* Fails unless the pictures have the same size and bytes. */
void same_picture(const loam_image_rgb *a, const loam_image_rgb *b);
/* Largest difference of a byte. */
int difference(const loam_image_rgb *a, const loam_image_rgb *b);
/* The request is refused, before any picture, with this status and a sentence that holds `words`. */
void refused(loam_image_model *m, const loam_image_request *r, loam_status status, const char *words);

/* test_image_bits.c */
void threads(void **state);
void batches(void **state);
void sizes_between(void **state);
void adapters_between(void **state);
void cuda_noise(void **state);
void memory_before(void **state);
/* test_image_told.c */
void cancelling(void **state);
void progress_told(void **state);
void previews(void **state);
void strengths(void **state);
/* test_image_pixels.c */
void tiles(void **state);
void masks(void **state);
void hires_is_image_to_image(void **state);
void guidance_of_none(void **state);
/* test_image_memory.c */
void lean_memory(void **state);
void no_memory(void **state);
void types(void **state);
/* test_image_refused.c */
void refused_values(void **state);
void refused_adapters(void **state);
void refused_sizes(void **state);
void refused_models(void **state);
void refused_schedules(void **state);

#endif
