/* Models: the list of the scenario, and the built-in table of those that everybody knows. */
#include <string.h>

#include "fleet/scenario_int.h"

static const loam_field model_fields[] = {
    LOAM_FIELD(loam_fleet_model, name, NAME),
    LOAM_FIELD_OWN("like"),
    LOAM_FIELD_IN(loam_fleet_model, params, NUMBER, 1e3, 1e15),
    LOAM_FIELD_IN(loam_fleet_model, active_params, NUMBER, 1e3, 1e15),
    LOAM_FIELD_IN(loam_fleet_model, experts, NUMBER, 0, 100000),
    LOAM_FIELD_IN(loam_fleet_model, experts_used, NUMBER, 0, 100000),
    LOAM_FIELD_IN(loam_fleet_model, layers, COUNT, 0, 10000),
    LOAM_FIELD_IN(loam_fleet_model, hidden, COUNT, 0, 1000000),
    LOAM_FIELD_IN(loam_fleet_model, kv_heads, COUNT, 0, 10000),
    LOAM_FIELD_IN(loam_fleet_model, head_dim, COUNT, 0, 100000),
    LOAM_FIELD_IN(loam_fleet_model, kv_elements_per_token, NUMBER, 0, 1e9),
    LOAM_FIELD(loam_fleet_model, weight_bits, BITS),
    LOAM_FIELD(loam_fleet_model, kv_bits, BITS),
    LOAM_FIELD_IN(loam_fleet_model, tokens, NUMBER, 0, 1e9),
    LOAM_FIELD_IN(loam_fleet_model, steps, NUMBER, 0, 10000),
    LOAM_FIELD_IN(loam_fleet_model, guidance, NUMBER, 1, 3),
    LOAM_FIELD_IN(loam_fleet_model, vae_flop, NUMBER, 0, 1e20),
};
const loam_section loam_section_model = LOAM_SECTION("model", model_fields);

static bool given(const loam_yaml_node *item, const char *key)
{
    return loam_read_given(item, key) != NULL;
}

/* What follows from other figures, where the file does not say it; like: the known model that it began as, or NULL. */
static void derive(const loam_yaml_node *item, const loam_fleet_model *like, loam_fleet_model *m)
{
    m->is_diffusion |= given(item, "tokens") || given(item, "steps");
    if (given(item, "params") && !given(item, "active_params"))
        m->active_params = m->params;
    if (!m->is_diffusion && !given(item, "kv_elements_per_token")) {
        if (!like || given(item, "kv_heads") || given(item, "head_dim"))
            m->kv_elements_per_token = 2.0 * m->layers * m->kv_heads * m->head_dim;
        else if (like->layers) /* a latent cache has its own width, which `like` knows */
            m->kv_elements_per_token = like->kv_elements_per_token / like->layers * m->layers;
    }
    if (!m->weight_bits)
        m->weight_bits = m->is_diffusion ? 16 : 8;
    if (!m->kv_bits)
        m->kv_bits = m->is_diffusion ? 16 : 8;
    if (m->is_diffusion && !m->steps)
        m->steps = 30;
    if (m->is_diffusion && !m->guidance)
        m->guidance = 2;
}

static loam_status check_model(loam_reader *r, const loam_fleet_model *m)
{
    if (!m->params)
        LOAM_REFUSE(r, m->line, "model '%s' does not say 'params', nor which known model it is 'like'", m->name);
    if (m->active_params > m->params)
        LOAM_REFUSE(r, m->line, "model '%s' has %s active parameters, more than its %s parameters", m->name,
                    loam_show_figure(m->active_params).text, loam_show_figure(m->params).text);
    if (m->experts_used > m->experts)
        LOAM_REFUSE(r, m->line, "model '%s' uses %g experts for a token and has %g", m->name, m->experts_used,
                    m->experts);
    if ((m->experts > 0) != (m->experts_used > 0))
        LOAM_REFUSE(r, m->line, "model '%s' has %g experts and uses %g of them: a mixture needs both figures", m->name,
                    m->experts, m->experts_used);
    if (m->is_diffusion && !m->tokens)
        LOAM_REFUSE(r, m->line, "model '%s' makes pictures or clips but does not say how many latent 'tokens' one has",
                    m->name);
    if (!m->is_diffusion && (!m->layers || !m->hidden || !m->kv_elements_per_token))
        LOAM_REFUSE(r, m->line, "model '%s' needs 'layers', 'hidden', and 'kv_heads' with 'head_dim' or %s", m->name,
                    "'kv_elements_per_token'");
    return LOAM_OK;
}

static loam_status read_model(loam_reader *r, const loam_yaml_node *item, void *into)
{
    loam_fleet_model *m = into;
    const loam_yaml_node *v = loam_read_given(item, "like");
    const loam_fleet_model *like = NULL;
    if (v) {
        int known;
        LOAM_TRY(loam_read_named(r, "like", loam_read_name(r, v, LOAM_NAME_BUILTIN, &known)));
        like = &loam_builtin_models[known];
        *m = *like;
    }
    m->line = item->line;
    LOAM_TRY(loam_read_fields(r, item, &loam_section_model, m));
    LOAM_TRY(loam_read_required(r, item, &loam_section_model, "name"));
    derive(item, like, m);
    return check_model(r, m);
}

loam_status loam_read_models(loam_reader *r, const loam_yaml_node *root)
{
    loam_scenario *s = r->s;
    void *items = NULL;
    LOAM_TRY(loam_read_list(r, root, "models", LOAM_SCENARIO_MAX_ITEMS, sizeof *s->models, read_model, &s->n_models,
                            &items));
    /* Room for a built-in model of every service. */
    LOAM_TRY(loam_read_alloc(r, s->n_models + LOAM_FLEET_MAX_SERVICES, sizeof *s->models, &s->models));
    if (s->n_models)
        memcpy(s->models, items, s->n_models * sizeof *s->models);
    return loam_read_unique(r, "model", s->models, s->n_models, sizeof *s->models, offsetof(loam_fleet_model, name),
                            offsetof(loam_fleet_model, line));
}

loam_status loam_read_model_ref(loam_reader *r, const loam_yaml_node *v, int *out)
{
    loam_scenario *s = r->s;
    const char *word;
    int known;
    LOAM_TRY(loam_read_text(r, v, &word));
    for (size_t i = 0; i < s->n_models; i++)
        if (!strcmp(s->models[i].name, word)) {
            *out = (int)i;
            return LOAM_OK;
        }
    loam_err err = LOAM_ERR_INIT, *outer = r->err;
    r->err = &err;
    loam_status status = loam_read_name(r, v, LOAM_NAME_BUILTIN, &known);
    r->err = outer;
    if (status != LOAM_OK && s->n_models) /* a slip in one of the scenario's names is likelier */
        return loam_read_name(r, v, LOAM_NAME_MODEL, out);
    if (status != LOAM_OK)
        return loam_read_name(r, v, LOAM_NAME_BUILTIN, out);
    for (size_t i = 0; i < s->n_models; i++)
        if (!strcmp(s->models[i].name, loam_builtin_models[known].name)) {
            *out = (int)i;
            return LOAM_OK;
        }
    loam_fleet_model *m = &s->models[s->n_models];
    *m = loam_builtin_models[known];
    m->line = v->line;
    *out = (int)s->n_models++;
    return LOAM_OK;
}
