/* loam model list | pull | inspect */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "service/chat.h"
#include "service/models.h"

enum { MAX_PATH = 4096, INSPECT_MAX_BYTES = 64 << 20 };

static void print_table(const loam_model_entry *list, size_t n)
{
    int name_width = 4;
    for (size_t i = 0; i < n; i++)
        name_width = (int)strlen(list[i].name) > name_width ? (int)strlen(list[i].name) : name_width;
    printf("%-*s  %-8s  %-8s  %10s  %10s  %8s\n", name_width, "name", "kind", "type", "parameters", "size", "context");
    for (size_t i = 0; i < n; i++) {
        const loam_model_entry *m = &list[i];
        char bytes[32], params[32];
        snprintf(params, sizeof params, "%.1f M", (double)m->n_params / 1e6);
        printf("%-*s  %-8s  %-8s  %10s  %10s  %8" PRId64 "\n", name_width, m->name, m->arch, m->type, params,
               loam_report_bytes(m->bytes, bytes), m->n_ctx_train);
        if (m->problem)
            printf("%*s  cannot be used: %s\n", name_width, "", m->problem);
    }
}

static int print_json(const loam_model_entry *list, size_t n)
{
    json_t *all = json_array();
    for (size_t i = 0; all && i < n; i++) {
        const loam_model_entry *m = &list[i];
        json_t *one =
            json_pack("{s:s, s:s, s:I, s:s, s:s, s:I, s:I, s:s?}", "name", m->name, "path", m->path, "bytes",
                      (json_int_t)m->bytes, "arch", m->arch, "type", m->type, "n_params", (json_int_t)m->n_params,
                      "n_ctx_train", (json_int_t)m->n_ctx_train, "problem", m->problem);
        if (!one || json_array_append_new(all, one) != 0)
            break;
    }
    int bad = json_dumpf(all, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(all);
    return bad ? LOAM_EXIT_FAILURE : LOAM_EXIT_OK;
}

static int list_models(int argc, char **argv)
{
    bool json = false;
    const loam_option options[] = {
        {0, "json", LOAM_OPTION_KIND_FLAG, NULL, "one JSON array instead of a table", &json},
        {0},
    };
    static const loam_usage_text usage = {"model list", "", "Lists the models on this machine.", NULL, 0, 0};
    const char *args[1];
    int code = loam_options_begin(&usage, options, argc, argv, args);
    if (code >= 0)
        return code;
    loam_err err = LOAM_ERR_INIT;
    loam_model_entry *list = NULL;
    size_t n = 0;
    if (loam_models_list(&list, &n, &err) != LOAM_OK)
        return loam_report_error(&err);
    code = LOAM_EXIT_OK;
    char dir[MAX_PATH];
    if (json)
        code = print_json(list, n);
    else if (n)
        print_table(list, n);
    else if (loam_models_dir(dir, sizeof dir, &err) == LOAM_OK)
        printf("No models in %s yet; `loam model pull smollm2` fetches a small one.\n", dir);
    loam_models_list_free(list, n);
    return code;
}

static int pull(int argc, char **argv)
{
    bool quiet = false;
    const loam_option options[] = {
        {'q', "quiet", LOAM_OPTION_KIND_FLAG, NULL, "no progress; only the path of the file", &quiet},
        {0},
    };
    static const loam_usage_text usage = {
        "model pull",
        "NAME|URL",
        "Fetches a model: by a name that Loam knows (smollm2), or any GGUF file by its http(s) address.",
        "An interrupted download of an address goes on where it stopped when the command is repeated.",
        1,
        1,
    };
    const char *args[2];
    int code = loam_options_begin(&usage, options, argc, argv, args);
    if (code >= 0)
        return code;
    loam_err err = LOAM_ERR_INIT;
    char path[MAX_PATH];
    loam_progress progress;
    loam_interrupt_begin();
    loam_progress_begin(&progress);
    loam_status status =
        loam_models_pull(args[0], quiet ? NULL : loam_progress_step, &progress, path, sizeof path, &err);
    loam_progress_end(&progress);
    if (status != LOAM_OK) {
        code = loam_report_error(&err);
        return loam_interrupt_raised() ? LOAM_EXIT_INTERRUPTED : code;
    }
    puts(path);
    return LOAM_EXIT_OK;
}

static int inspect(int argc, char **argv)
{
    bool json = false;
    const loam_option options[] = {
        {0, "json", LOAM_OPTION_KIND_FLAG, NULL, "one JSON object instead of tables", &json},
        {0},
    };
    static const loam_usage_text usage = {
        "model inspect",
        "FILE|NAME",
        "Shows what is in a GGUF or safetensors file: metadata and tensors. Loads nothing, so any file is safe to look "
        "at.",
        NULL,
        1,
        1,
    };
    const char *args[2];
    int code = loam_options_begin(&usage, options, argc, argv, args);
    if (code >= 0)
        return code;
    loam_err err = LOAM_ERR_INIT;
    char path[MAX_PATH];
    loam_buf text;
    loam_buf_init(&text, INSPECT_MAX_BYTES);
    loam_status status = loam_models_resolve(args[0], path, sizeof path, &err);
    if (status == LOAM_OK)
        status = loam_models_inspect(path, json, &text, &err);
    if (status == LOAM_OK)
        fwrite(loam_buf_text(&text), 1, text.len, stdout);
    loam_buf_deinit(&text);
    return status == LOAM_OK ? LOAM_EXIT_OK : loam_report_error(&err);
}

int loam_verb_model(int argc, char **argv)
{
    static const loam_verb verbs[] = {
        {"list", list_models, "the models on this machine"},
        {"pull", pull, "fetch one by name or address"},
        {"inspect", inspect, "what is in a file"},
        {0},
    };
    return loam_verbs_run(verbs, "loam model", argc, argv);
}
