/* A chip catalogue from a stranger: what is accepted makes sense and finds itself by name. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/chips.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    loam_err err = LOAM_ERR_INIT;
    loam_chips chips;
    loam_arena *arena = loam_arena_new((size_t)64 << 20);
    if (loam_chips_parse("chips.csv", (const char *)data, size, arena, &chips, &err) != LOAM_OK) {
        if (chips.n || !err.msg[0])
            abort();
    } else {
        for (size_t i = 0; i < chips.n; i++) {
            const loam_chip *c = &chips.chips[i];
            if (loam_chips_find(&chips, c->name) != (int)i || !c->source || strlen(c->origin) != 2)
                abort();
            if (!(c->bf16_tflops > 0) || !isfinite(c->tpp) || !isfinite(c->pd) || c->per_server < 1 ||
                c->link_domain < 1 || c->price_low > c->price_high)
                abort();
        }
    }
    loam_arena_free(arena);
    return 0;
}
