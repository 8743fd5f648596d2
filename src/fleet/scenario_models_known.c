/* Built-in models, as published. Language models: config.json of the checkpoints at huggingface.co (layers,
 * hidden_size, num_key_value_heads, head_dim); bits are those they are usually served with (FP8 weights and cache). */
#include "fleet/scenario_int.h"

#define DENSE(title, size, n_layers, width, n_kv, dim)                                                               \
    {                                                                                                                \
        .name = title, .params = size, .active_params = size, .layers = n_layers, .hidden = width, .kv_heads = n_kv, \
        .head_dim = dim, .kv_elements_per_token = 2.0 * (n_layers) * (n_kv) * (dim), .weight_bits = 8, .kv_bits = 8  \
    }

const loam_fleet_model loam_builtin_models[] = {
    DENSE("Llama-3.1-8B", 8.03e9, 32, 4096, 8, 128),
    DENSE("Llama-3.3-70B", 70.55e9, 80, 8192, 8, 128),
    DENSE("Llama-3.1-405B", 405.85e9, 126, 16384, 8, 128),
    /* 128 experts, 8 for a token (model card: 235B parameters, 22B active) */
    {.name = "Qwen3-235B-A22B",
     .params = 235e9,
     .active_params = 22e9,
     .experts = 128,
     .experts_used = 8,
     .layers = 94,
     .hidden = 4096,
     .kv_heads = 4,
     .head_dim = 128,
     .kv_elements_per_token = 2.0 * 94 * 4 * 128,
     .weight_bits = 8,
     .kv_bits = 8},
    /* Latent attention: a token keeps 512 latent and 64 rotary elements a layer, which are keys and values in one
     * (arXiv 2412.19437: 671B parameters, 37B active, 256 routed experts, 8 for a token). */
    {.name = "DeepSeek-V3-671B",
     .params = 671e9,
     .active_params = 37e9,
     .experts = 256,
     .experts_used = 8,
     .layers = 61,
     .hidden = 7168,
     .kv_heads = 1,
     .head_dim = 576,
     .kv_elements_per_token = 61.0 * (512 + 64),
     .weight_bits = 8,
     .kv_bits = 8},
    /* U-Nets: layers and hidden stay 0 and `tokens` is what makes 2 · params · tokens the FLOP of one pass, counted
     * layer by layer (tests/fleet/unet_flop.py): SD-1.5 at 512 × 512 and SDXL at 1024 × 1024, attention included. */
    {.name = "SD-1.5",
     .params = 0.8595e9,
     .active_params = 0.8595e9,
     .tokens = 467,
     .steps = 25,
     .guidance = 2,
     .vae_flop = 2.5e12,
     .weight_bits = 16,
     .kv_bits = 16,
     .is_diffusion = true},
    {.name = "SDXL",
     .params = 2.567e9,
     .active_params = 2.567e9,
     .tokens = 1317,
     .steps = 20,
     .guidance = 2,
     .vae_flop = 10.5e12,
     .weight_bits = 16,
     .kv_bits = 16,
     .is_diffusion = true},
    /* 81 frames of 1280 × 720: 21 latent frames × 45 × 80 patches (github.com/Wan-Video/Wan2.1, arXiv 2503.20314); a
     * clip of 480p has 32,760. */
    {.name = "Wan-2.1-14B",
     .params = 14.29e9,
     .active_params = 14.29e9,
     .layers = 40,
     .hidden = 5120,
     .tokens = 75600,
     .steps = 30,
     .guidance = 2,
     .vae_flop = 81 * 7.8e12,
     .weight_bits = 16,
     .kv_bits = 16,
     .is_diffusion = true},
    /* 129 frames of 1280 × 720: 33 × 45 × 80; 20 double and 40 single blocks; guidance is distilled into the model, one
     * pass a step (arXiv 2412.03603). */
    {.name = "HunyuanVideo",
     .params = 13e9,
     .active_params = 13e9,
     .layers = 60,
     .hidden = 3072,
     .tokens = 118800,
     .steps = 50,
     .guidance = 1,
     .vae_flop = 129 * 7.8e12,
     .weight_bits = 16,
     .kv_bits = 16,
     .is_diffusion = true},
};
const size_t loam_n_builtin_models = sizeof loam_builtin_models / sizeof *loam_builtin_models;
