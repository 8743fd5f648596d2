/* The text of how a picture was made, from a stranger: it parses, and what is written of that parses to the same
 * settings. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/generation_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    loam_err err = LOAM_ERR_INIT;
    loam_generation_text g, again;
    loam_buf b;
    if (loam_generation_text_parse((const char *)data, size, &g, &err) != LOAM_OK)
        return 0;
    loam_buf_init(&b, 16 * size + 64);
    if (loam_generation_text_format(&g, &b, &err) != LOAM_OK)
        abort();
    if (loam_generation_text_parse(loam_buf_text(&b), b.len, &again, &err) != LOAM_OK)
        abort();
    /* fewer than three settings need not be seen as such; invalid UTF-8 in quotes is written as U+FFFD */
    if (g.n_settings >= 3 && again.n_settings != g.n_settings)
        abort();
    for (size_t i = 0; i < g.n_settings && g.n_settings >= 3; i++)
        if (strcmp(g.settings[i].key, again.settings[i].key) != 0 ||
            (strcmp(g.settings[i].value, again.settings[i].value) != 0 &&
             !strstr(again.settings[i].value, "\xEF\xBF\xBD")))
            abort();
    loam_generation_text_deinit(&g);
    loam_generation_text_deinit(&again);
    loam_buf_deinit(&b);
    return 0;
}
