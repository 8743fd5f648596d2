/* A stand-in for the models: pictures without weights, over the real queue in a folder of its own.
 *
 * A picture's pixel is {seed, steps, red of the mask or 0}; with a start, green is the start's red. Its text is every
 * field that arrived, "name=value". Words of the prompt steer: "delay:MS" at each step, "fail" (INVALID), "break"
 * (IO). */
#ifndef LOAM_TESTS_HTTP_FAKE_PICTURES_H
#define LOAM_TESTS_HTTP_FAKE_PICTURES_H

#include "service/pictures.h"

typedef struct fake_pictures {
    loam_pictures *pictures;
    char folder[64];
    int fail_opens; /* so many opens fail */
    int n_made;
} fake_pictures;

/* images, videos: which kinds there are. */
fake_pictures *fake_pictures_new(bool images, bool videos, int max_queued);
/* Removes the folder. */
void fake_pictures_free(fake_pictures *f);

#endif
