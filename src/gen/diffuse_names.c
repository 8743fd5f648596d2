/* The names of samplers and schedules as ComfyUI, A1111, sd.cpp and diffusers write them, brought to one form: lower
 * case letters and digits, "+" as "p" ("DPM++ 2M" is dpmpp2m). */
#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/nearest.h"
#include "gen/schedule.h"

enum { NAME_MAX_BYTES = 64 };

typedef struct name {
    const char *text; /* in the one form */
    int value;
} name;

static const char *const sampler_names[LOAM_DIFFUSE_SAMPLER_COUNT] = {
    [LOAM_DIFFUSE_EULER] = "euler",
    [LOAM_DIFFUSE_EULER_A] = "euler_ancestral",
    [LOAM_DIFFUSE_HEUN] = "heun",
    [LOAM_DIFFUSE_DPMPP_2M] = "dpmpp_2m",
    [LOAM_DIFFUSE_DPMPP_2M_SDE] = "dpmpp_2m_sde",
    [LOAM_DIFFUSE_DPMPP_2M_SDE_HEUN] = "dpmpp_2m_sde_heun",
    [LOAM_DIFFUSE_DPMPP_SDE] = "dpmpp_sde",
    [LOAM_DIFFUSE_DDIM] = "ddim",
    [LOAM_DIFFUSE_LCM] = "lcm",
    [LOAM_DIFFUSE_TCD] = "tcd",
    [LOAM_DIFFUSE_UNIPC] = "uni_pc",
};

static const name sampler_aliases[] = {
    {"eulera", LOAM_DIFFUSE_EULER_A},
    {"unipcbh2", LOAM_DIFFUSE_UNIPC},
    {"dpmpp2msdemidpoint", LOAM_DIFFUSE_DPMPP_2M_SDE},
    {"eulerdiscretescheduler", LOAM_DIFFUSE_EULER},
    {"flowmatcheulerdiscretescheduler", LOAM_DIFFUSE_EULER},
    {"eulerancestraldiscretescheduler", LOAM_DIFFUSE_EULER_A},
    {"heundiscretescheduler", LOAM_DIFFUSE_HEUN},
    {"flowmatchheundiscretescheduler", LOAM_DIFFUSE_HEUN},
    {"dpmsolvermultistepscheduler", LOAM_DIFFUSE_DPMPP_2M},
    {"dpmsolversdescheduler", LOAM_DIFFUSE_DPMPP_SDE},
    {"ddimscheduler", LOAM_DIFFUSE_DDIM},
    {"lcmscheduler", LOAM_DIFFUSE_LCM},
    {"tcdscheduler", LOAM_DIFFUSE_TCD},
    {"unipcmultistepscheduler", LOAM_DIFFUSE_UNIPC},
};

static const char *const schedule_names[LOAM_SCHEDULE_COUNT] = {
    [LOAM_SCHEDULE_AUTO] = "auto",
    [LOAM_SCHEDULE_NORMAL] = "normal",
    [LOAM_SCHEDULE_KARRAS] = "karras",
    [LOAM_SCHEDULE_EXPONENTIAL] = "exponential",
    [LOAM_SCHEDULE_SGM_UNIFORM] = "sgm_uniform",
    [LOAM_SCHEDULE_SIMPLE] = "simple",
    [LOAM_SCHEDULE_BETA] = "beta",
    [LOAM_SCHEDULE_DDIM_UNIFORM] = "ddim_uniform",
    [LOAM_SCHEDULE_LINSPACE] = "linspace",
    [LOAM_SCHEDULE_LEADING] = "leading",
    [LOAM_SCHEDULE_TRAILING] = "trailing",
    [LOAM_SCHEDULE_MULTISTEP] = "multistep",
    [LOAM_SCHEDULE_LCM] = "lcm",
    [LOAM_SCHEDULE_FLOW] = "flow",
    [LOAM_SCHEDULE_FLOW_UNIPC] = "flow_unipc",
    [LOAM_SCHEDULE_WAN] = "wan",
    [LOAM_SCHEDULE_CUSTOM] = "custom",
};

static const name schedule_aliases[] = {
    {"automatic", LOAM_SCHEDULE_AUTO}, {"default", LOAM_SCHEDULE_AUTO},    {"discrete", LOAM_SCHEDULE_NORMAL},
    {"uniform", LOAM_SCHEDULE_NORMAL}, {"sgm", LOAM_SCHEDULE_SGM_UNIFORM}, {"ddim", LOAM_SCHEDULE_DDIM_UNIFORM},
    {"flux", LOAM_SCHEDULE_FLOW},
};

/* The one form of text, or "" when it is too long to be a name. */
static void to_one_form(const char *text, char out[NAME_MAX_BYTES])
{
    size_t n = 0;
    for (; *text; text++) {
        char c = *text == '+' ? 'p' : (char)tolower((unsigned char)*text);
        if (!strchr(" _-.", c) && n < NAME_MAX_BYTES)
            out[n++] = c;
    }
    out[n < NAME_MAX_BYTES ? n : 0] = 0;
}

/* The value of a word in the one form, or -1. */
static int find(const char *word, const char *const *names, int n_names, const name *aliases, size_t n_aliases)
{
    for (size_t i = 0; i < n_aliases; i++)
        if (strcmp(word, aliases[i].text) == 0)
            return aliases[i].value;
    for (int i = 0; i < n_names; i++) {
        char form[NAME_MAX_BYTES];
        to_one_form(names[i], form);
        if (strcmp(word, form) == 0)
            return i;
    }
    return -1;
}

static int find_schedule(const char *word)
{
    return find(word, schedule_names, LOAM_SCHEDULE_COUNT, schedule_aliases,
                sizeof schedule_aliases / sizeof *schedule_aliases);
}

/* Also with the "k" of older programs in front ("k_euler_a"). */
static int find_sampler(const char *word)
{
    for (int skip = 0; skip < 2; skip++) {
        int found = find(word + skip, sampler_names, LOAM_DIFFUSE_SAMPLER_COUNT, sampler_aliases,
                         sizeof sampler_aliases / sizeof *sampler_aliases);
        if (found >= 0 || word[0] != 'k')
            return found;
    }
    return -1;
}

static loam_status unknown(const char *what, const char *text, const char *const *names, size_t n, loam_err *err)
{
    loam_buf list;
    loam_buf_init(&list, 1024);
    for (size_t i = 0; i < n; i++)
        loam_buf_printf(&list, "%s%s", i ? ", " : "", names[i]);
    const char *near = loam_nearest(text, names, n);
    loam_status s =
        loam_err_set(err, LOAM_STATUS_INVALID, __FILE__, __LINE__, "unknown %s '%.40s'%s%s%s; known: %s", what, text,
                     near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "", loam_buf_text(&list));
    loam_buf_deinit(&list);
    return s;
}

loam_status loam_schedule_parse(const char *text, loam_schedule *out, loam_err *err)
{
    char word[NAME_MAX_BYTES];
    to_one_form(text, word);
    int found = find_schedule(word);
    if (found < 0)
        return unknown("schedule", text, schedule_names, LOAM_SCHEDULE_COUNT, err);
    *out = (loam_schedule)found;
    return LOAM_OK;
}

loam_status loam_diffuse_sampler_parse(const char *text, loam_diffuse_sampler *out, loam_schedule *schedule,
                                       loam_err *err)
{
    char word[NAME_MAX_BYTES];
    to_one_form(text, word);
    int found = find_sampler(word), ending = LOAM_SCHEDULE_AUTO;
    for (size_t cut = strlen(word); schedule && found < 0 && cut-- > 1;) {
        ending = find_schedule(word + cut);
        if (ending < 0)
            continue;
        char front[NAME_MAX_BYTES] = {0};
        memcpy(front, word, cut);
        found = find_sampler(front);
    }
    if (found < 0)
        return unknown("sampler", text, sampler_names, LOAM_DIFFUSE_SAMPLER_COUNT, err);
    *out = (loam_diffuse_sampler)found;
    if (schedule)
        *schedule = (loam_schedule)ending;
    return LOAM_OK;
}

const char *loam_schedule_name(loam_schedule s)
{
    return (unsigned)s < LOAM_SCHEDULE_COUNT ? schedule_names[s] : "?";
}

const char *loam_diffuse_sampler_name(loam_diffuse_sampler s)
{
    return (unsigned)s < LOAM_DIFFUSE_SAMPLER_COUNT ? sampler_names[s] : "?";
}

loam_schedule loam_schedule_default(loam_diffuse_sampler s, const loam_levels *l)
{
    switch (s) {
    case LOAM_DIFFUSE_UNIPC:
        return l->flow ? LOAM_SCHEDULE_FLOW_UNIPC : LOAM_SCHEDULE_MULTISTEP;
    case LOAM_DIFFUSE_DPMPP_2M:
    case LOAM_DIFFUSE_DPMPP_SDE:
        return l->flow ? LOAM_SCHEDULE_NORMAL : LOAM_SCHEDULE_KARRAS;
    case LOAM_DIFFUSE_DPMPP_2M_SDE:
    case LOAM_DIFFUSE_DPMPP_2M_SDE_HEUN:
        return l->flow ? LOAM_SCHEDULE_NORMAL : LOAM_SCHEDULE_EXPONENTIAL;
    case LOAM_DIFFUSE_DDIM:
        return l->flow ? LOAM_SCHEDULE_NORMAL : LOAM_SCHEDULE_DDIM_UNIFORM;
    case LOAM_DIFFUSE_LCM:
    case LOAM_DIFFUSE_TCD:
        return l->flow ? LOAM_SCHEDULE_NORMAL : LOAM_SCHEDULE_LCM;
    default:
        return LOAM_SCHEDULE_NORMAL;
    }
}
