/* Services that users call, and training runs. */
#include <math.h>
#include <string.h>

#include "fleet/scenario_int.h"

static const loam_field service_fields[] = {
    LOAM_FIELD(loam_service, name, NAME),
    LOAM_FIELD_OWN("kind"),
    LOAM_FIELD_OWN("model"),
    LOAM_FIELD_IN(loam_service, tokens_in, NUMBER, 1, 1e7),
    LOAM_FIELD_IN(loam_service, tokens_out, NUMBER, 1, 1e7),
    LOAM_FIELD_IN(loam_service, cache_hit, NUMBER, 0, 1),
    LOAM_FIELD_IN(loam_service, ttft_s, NUMBER, 0, 1e5),
    LOAM_FIELD_IN(loam_service, tpot_s, NUMBER, 0, 1e3),
    LOAM_FIELD_IN(loam_service, latency_s, NUMBER, 0, 1e6),
    LOAM_FIELD_IN(loam_service, utilisation, NUMBER, 0.05, 1),
    LOAM_FIELD_IN(loam_service, spare, NUMBER, 0, 10),
    LOAM_FIELD(loam_service, n_plus_1, BOOL),
    LOAM_FIELD_IN(loam_service, priority, NUMBER, 0.001, 1000),
    LOAM_FIELD_OWN("demand"),
    LOAM_FIELD_OWN("growth"),
    LOAM_FIELD_OWN("demand_factor"),
    LOAM_FIELD_OWN("curve"),
    LOAM_FIELD_IN(loam_service, max_rtt_ms, NUMBER, 0, 10000),
    LOAM_FIELD(loam_service, chips, CHIPS),
};
const loam_section loam_section_service = LOAM_SECTION("service", service_fields);

static const loam_field training_fields[] = {
    LOAM_FIELD(loam_training, name, NAME),
    LOAM_FIELD_OWN("like"),
    LOAM_FIELD_IN(loam_training, params, NUMBER, 1e3, 1e15),
    LOAM_FIELD_IN(loam_training, active_params, NUMBER, 1e3, 1e15),
    LOAM_FIELD_IN(loam_training, tokens, NUMBER, 1, 1e17),
    LOAM_FIELD_IN(loam_training, context, NUMBER, 1, 1e8),
    LOAM_FIELD_IN(loam_training, layers, COUNT, 0, 10000),
    LOAM_FIELD_IN(loam_training, hidden, COUNT, 0, 1000000),
    LOAM_FIELD(loam_training, start, MONTH),
    LOAM_FIELD_OWN("deadline"),
    LOAM_FIELD_IN(loam_training, mfu, NUMBER, 0, 1),
    LOAM_FIELD_IN(loam_training, goodput, NUMBER, 0, 1),
    LOAM_FIELD_IN(loam_training, min_link_gbps, NUMBER, 0, 1e6),
    LOAM_FIELD(loam_training, bits, BITS),
    LOAM_FIELD_IN(loam_training, priority, NUMBER, 0.001, 1000),
    LOAM_FIELD(loam_training, regions, REGIONS),
    LOAM_FIELD(loam_training, chips, CHIPS),
};
const loam_section loam_section_training = LOAM_SECTION("training run", training_fields);

/* Keys that mean nothing for a kind of service would be ignored in silence otherwise. */
static loam_status refuse_keys_of_other_kinds(loam_reader *r, const loam_yaml_node *item, const loam_service *v)
{
    static const char *const of_chat[] = {"tokens_in", "tokens_out", "cache_hit", "ttft_s", "tpot_s"};
    static const char *const of_pictures[] = {"latency_s"};
    bool chat = v->kind == LOAM_SERVICE_CHAT;
    const char *const *others = chat ? of_pictures : of_chat;
    size_t n = chat ? sizeof of_pictures / sizeof *of_pictures : sizeof of_chat / sizeof *of_chat;
    for (size_t i = 0; i < n; i++)
        if (loam_read_given(item, others[i]))
            LOAM_REFUSE(r, loam_read_given(item, others[i])->line, "service '%s': '%s' is for services of kind %s",
                        v->name, others[i], chat ? "image and video" : "chat");
    if (chat) {
        LOAM_TRY(loam_read_required(r, item, &loam_section_service, "tokens_in"));
        LOAM_TRY(loam_read_required(r, item, &loam_section_service, "tokens_out"));
    }
    return LOAM_OK;
}

static loam_status read_kind_and_model(loam_reader *r, const loam_yaml_node *item, loam_service *v)
{
    static const char *const kinds[] = {"chat", "image", "video"};
    const loam_yaml_node *kind = loam_read_given(item, "kind"), *model = loam_read_given(item, "model");
    int k = LOAM_SERVICE_CHAT;
    LOAM_TRY(loam_read_required(r, item, &loam_section_service, "model"));
    if (kind)
        LOAM_TRY(loam_read_named(r, "kind", loam_yaml_choice(r->name, kind, kinds, 3, &k, r->err)));
    v->kind = (loam_service_kind)k;
    LOAM_TRY(loam_read_named(r, "model", loam_read_model_ref(r, model, &v->model)));
    const loam_fleet_model *m = &r->s->models[v->model];
    if (m->is_diffusion != (v->kind != LOAM_SERVICE_CHAT))
        LOAM_REFUSE(r, model->line, "service '%s' is of kind %s, and %s makes %s", v->name, kinds[k], m->name,
                    m->is_diffusion ? "pictures or clips: say kind: image or kind: video" : "text: say kind: chat");
    return LOAM_OK;
}

static loam_status read_service(loam_reader *r, const loam_yaml_node *item, void *into)
{
    loam_service *v = into;
    *v = (loam_service){.line = item->line, .ttft_s = 3, .tpot_s = 0.05, .utilisation = 0.7, .priority = 1};
    LOAM_TRY(loam_read_fields(r, item, &loam_section_service, v));
    LOAM_TRY(loam_read_required(r, item, &loam_section_service, "name"));
    LOAM_TRY(read_kind_and_model(r, item, v));
    LOAM_TRY(refuse_keys_of_other_kinds(r, item, v));
    if (v->kind != LOAM_SERVICE_CHAT)
        v->ttft_s = v->tpot_s = 0;
    const loam_yaml_node *curve = loam_read_given(item, "curve");
    for (int h = 0; h < LOAM_SCENARIO_HOURS; h++)
        v->curve[h] = 1.0 / LOAM_SCENARIO_HOURS;
    if (curve)
        LOAM_TRY(loam_read_named(r, "curve", loam_read_curve(r, curve, v->curve)));
    return loam_read_demand(r, item, v);
}

loam_status loam_read_services(loam_reader *r, const loam_yaml_node *root)
{
    loam_scenario *s = r->s;
    void *items = NULL;
    LOAM_TRY(loam_read_list(r, root, "services", LOAM_FLEET_MAX_SERVICES, sizeof *s->services, read_service,
                            &s->n_services, &items));
    s->services = items;
    return loam_read_unique(r, "service", s->services, s->n_services, sizeof *s->services, offsetof(loam_service, name),
                            offsetof(loam_service, line));
}

/* A month, which is the last whole one; or a day: the last month that ends by then. */
static loam_status read_deadline(loam_reader *r, const loam_yaml_node *v, loam_training *t)
{
    loam_month month;
    loam_day day;
    if (v->kind == LOAM_YAML_TEXT && loam_month_parse(v->text, &month)) {
        t->deadline = month - r->s->start;
        return LOAM_OK;
    }
    LOAM_TRY(loam_read_day(r, v, &day));
    month = loam_day_month(day);
    t->deadline = month - r->s->start - (day < loam_month_last(month));
    return LOAM_OK;
}

static loam_status read_training(loam_reader *r, const loam_yaml_node *item, void *into)
{
    loam_training *t = into;
    const loam_scenario *s = r->s;
    *t = (loam_training){.line = item->line, .context = 4096, .deadline = s->months - 1, .bits = 16, .priority = 1};
    const loam_yaml_node *like = loam_read_given(item, "like"), *deadline = loam_read_given(item, "deadline");
    if (like) {
        int known;
        LOAM_TRY(loam_read_named(r, "like", loam_read_name(r, like, LOAM_NAME_BUILTIN, &known)));
        const loam_fleet_model *m = &loam_builtin_models[known];
        t->params = m->params;
        t->active_params = m->active_params;
        t->layers = m->layers;
        t->hidden = m->hidden;
    }
    LOAM_TRY(loam_read_fields(r, item, &loam_section_training, t));
    LOAM_TRY(loam_read_required(r, item, &loam_section_training, "name"));
    if (deadline)
        LOAM_TRY(loam_read_named(r, "deadline", read_deadline(r, deadline, t)));
    if (!t->params)
        LOAM_REFUSE(r, item->line, "training run '%s' does not say 'params', nor which known model it is 'like'",
                    t->name);
    if (!t->active_params || (loam_read_given(item, "params") && !loam_read_given(item, "active_params")))
        t->active_params = t->params;
    if (t->active_params > t->params)
        LOAM_REFUSE(r, item->line, "training run '%s' has %s active parameters, more than its %s parameters", t->name,
                    loam_show_figure(t->active_params).text, loam_show_figure(t->params).text);
    if (!t->tokens)
        t->tokens = 20 * t->params; /* Hoffmann et al. 2022 */
    if (t->start < 0)
        LOAM_REFUSE(r, item->line, "training run '%s' starts in %s, before the plan does (%s)", t->name,
                    loam_show_month(s, t->start).text, loam_show_month(s, 0).text);
    if (t->deadline < t->start)
        LOAM_REFUSE(r, item->line, "training run '%s' must be done by the end of %s and starts in %s", t->name,
                    loam_show_month(s, t->deadline).text, loam_show_month(s, t->start).text);
    if (t->deadline >= s->months)
        LOAM_REFUSE(r, item->line, "training run '%s' may take until %s, the plan ends with %s: make one of them fit",
                    t->name, loam_show_month(s, t->deadline).text, loam_show_month(s, s->months - 1).text);
    return LOAM_OK;
}

loam_status loam_read_trainings(loam_reader *r, const loam_yaml_node *root)
{
    loam_scenario *s = r->s;
    void *items = NULL;
    LOAM_TRY(loam_read_list(r, root, "trainings", LOAM_SCENARIO_MAX_ITEMS, sizeof *s->trainings, read_training,
                            &s->n_trainings, &items));
    s->trainings = items;
    return loam_read_unique(r, "training run", s->trainings, s->n_trainings, sizeof *s->trainings,
                            offsetof(loam_training, name), offsetof(loam_training, line));
}
