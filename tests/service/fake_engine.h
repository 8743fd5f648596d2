/* What fake_engine.c was asked for last. */
#ifndef LOAM_TESTS_SERVICE_FAKE_ENGINE_H
#define LOAM_TESTS_SERVICE_FAKE_ENGINE_H

#include "gen/engine.h"

typedef struct fake_prompt {
    int32_t ids[4096];
    size_t n;
    int max_tokens;
} fake_prompt;

extern fake_prompt fake_submitted;

#endif
