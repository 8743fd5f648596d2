/* loam serve: a chat model, and models of pictures and clips when they are given, the API and the page, in one process.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "http/server.h"
#include "service/chat.h"
#include "service/pictures.h"

enum { DEFAULT_PORT = 8077, DEFAULT_SLOTS = 4, KEY_FILE_MAX_BYTES = 1 << 16, MAX_KEYS = 64, PATH_BYTES = 4096 };

typedef struct key_ring {
    const char *keys[MAX_KEYS];
    size_t n;
    char *file_text; /* owned; keys point into it */
} key_ring;

static loam_status add_key(key_ring *ring, const char *key, loam_err *err)
{
    if (!*key)
        LOAM_FAIL(err, INVALID, "an API key is empty");
    if (ring->n == MAX_KEYS)
        LOAM_FAIL(err, INVALID, "%d API keys at most", MAX_KEYS);
    ring->keys[ring->n++] = key;
    return LOAM_OK;
}

/* Keys from the options, the environment, and the lines of a file (which other users of the machine do not see). */
static loam_status gather_keys(key_ring *ring, const loam_option_list *given, const char *file, loam_err *err)
{
    for (int i = 0; i < given->n; i++)
        LOAM_TRY(add_key(ring, given->items[i], err));
    const char *env = getenv("LOAM_API_KEY");
    if (env && *env)
        LOAM_TRY(add_key(ring, env, err));
    if (!file)
        return LOAM_OK;
    size_t len, before = ring->n;
    LOAM_TRY(loam_file_read(file, KEY_FILE_MAX_BYTES, &ring->file_text, &len, err));
    char *rest = ring->file_text;
    for (char *line; (line = strsep(&rest, "\r\n"));)
        if (*line && *line != '#')
            LOAM_TRY(add_key(ring, line, err));
    if (ring->n == before)
        LOAM_FAIL(err, INVALID, "'%s' holds no API key: put one on each line", file);
    return LOAM_OK;
}

/* $XDG_DATA_HOME/loam, default ~/.local/share/loam. */
static loam_status data_folder(char *out, size_t size, loam_err *err)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    int n = data && *data   ? snprintf(out, size, "%s/loam", data)
            : home && *home ? snprintf(out, size, "%s/.local/share/loam", home)
                            : -1;
    if (n < 0)
        LOAM_FAIL(err, INVALID, "neither HOME nor XDG_DATA_HOME is set; say with --data where pictures are kept");
    if ((size_t)n >= size)
        LOAM_FAIL(err, INVALID, "the path of the data folder is too long");
    return LOAM_OK;
}

static loam_status open_pictures(const loam_pictures_options *given, loam_pictures **out, loam_err *err)
{
    char folder[PATH_BYTES];
    loam_pictures_options o = *given;
    if (o.images.model && !*o.images.model) /* from the environment */
        o.images.model = NULL;
    if (!o.images.model && !o.video.model)
        return LOAM_OK;
    if (o.images.model && access(o.images.model, R_OK) != 0)
        LOAM_FAIL(err, NOT_FOUND, "the picture model '%s': %s", o.images.model, strerror(errno));
    if (o.video.model && access(o.video.model, R_OK) != 0)
        LOAM_FAIL(err, NOT_FOUND, "the video model '%s': %s", o.video.model, strerror(errno));
    if (!o.data)
        LOAM_TRY(data_folder(folder, sizeof folder, err));
    o.data = o.data ? o.data : folder;
    LOAM_TRY(loam_pictures_open(&o, out, err));
    if (loam_pictures_model(*out))
        loam_log(LOAM_LOG_LEVEL_INFO, "pictures by %s, kept in %s", loam_pictures_model(*out), o.data);
    if (loam_pictures_video_model(*out))
        loam_log(LOAM_LOG_LEVEL_INFO, "clips by %s, kept in %s", loam_pictures_video_model(*out), o.data);
    return LOAM_OK;
}

static loam_status serve(const char *model, const loam_engine_options *engine, const loam_pictures_options *pictures,
                         loam_server_options *options, loam_err *err)
{
    loam_chat *chat = NULL;
    loam_pictures *made = NULL;
    loam_server *server = NULL;
    loam_status status = open_pictures(pictures, &made, err);
    if (status == LOAM_OK)
        status = loam_chat_open(model, engine, &chat, err);
    options->pictures = made;
    if (status == LOAM_OK)
        status = loam_server_start(options, chat, &server, err);
    if (status == LOAM_OK) {
        const loam_model_info *info = loam_engine_model_info(loam_chat_engine(chat));
        loam_log(LOAM_LOG_LEVEL_INFO, "%s, %s, %.1f M parameters; %d conversations of %d tokens; %d threads",
                 loam_chat_model_id(chat), info->type, (double)info->n_params / 1e6, info->n_seqs, info->n_ctx,
                 info->n_threads);
        printf("listening on %s\n", loam_server_url(server));
        fflush(stdout);
        loam_interrupt_wait();
        loam_log(LOAM_LOG_LEVEL_INFO, "stopping");
        loam_server_stop(server);
    }
    loam_pictures_close(made);
    loam_chat_close(chat);
    return status;
}

int loam_verb_serve(int argc, char **argv)
{
    const char *model = "smollm2", *key_file = NULL;
    bool quiet = false;
    loam_option_list keys = {0};
    loam_engine_options engine = {.model = {.n_seqs = DEFAULT_SLOTS}};
    loam_pictures_options pictures = {.images = {.model = getenv("LOAM_IMAGE_MODEL")}};
    loam_server_options server = {.host = "127.0.0.1", .port = DEFAULT_PORT};
    const loam_option options[] = {
        {'m', "model", LOAM_OPTION_KIND_TEXT, "NAME|FILE", "the model to serve (default: smollm2)", &model},
        {0, "host", LOAM_OPTION_KIND_TEXT, "ADDRESS",
         "address to listen on (default: 127.0.0.1, this machine only;\n0.0.0.0 opens it to the network: set a key)",
         &server.host},
        {0, "port", LOAM_OPTION_KIND_INT, "N", "port (default: 8077; 0: any free one)", &server.port, 0, 65535},
        {0, "api-key", LOAM_OPTION_KIND_LIST, "KEY",
         "ask clients for this key; may be repeated;\nLOAM_API_KEY in the environment does the same", &keys},
        {0, "api-key-file", LOAM_OPTION_KIND_TEXT, "FILE", "keys, one on each line", &key_file},
        {0, "cors-origin", LOAM_OPTION_KIND_TEXT, "ORIGIN",
         "let pages of this origin call the API (\"*\": any; default: none)", &server.cors_origin},
        {'c', "ctx", LOAM_OPTION_KIND_INT, "N",
         "tokens that a conversation may hold (default: what the\nmodel was trained for, at most 8192)",
         &engine.model.n_ctx, 16, 1 << 24},
        {0, "slots", LOAM_OPTION_KIND_INT, "N", "conversations answered at once (default: 4)", &engine.model.n_seqs, 1,
         256},
        {'t', "threads", LOAM_OPTION_KIND_INT, "N", "threads (default: one per processor)", &engine.model.n_threads, 1,
         1024},
        {0, "image-model", LOAM_OPTION_KIND_TEXT, "PATH",
         "makes pictures: a diffusers folder, .safetensors or .gguf\nfile, loaded for the first one "
         "($LOAM_IMAGE_MODEL)",
         &pictures.images.model},
        {0, "vae", LOAM_OPTION_KIND_TEXT, "FILE", "another VAE for it", &pictures.images.vae},
        {0, "taesd", LOAM_OPTION_KIND_TEXT, "FILE", "TAESD's decoder, for previews and quick pictures",
         &pictures.images.taesd},
        {0, "image-type", LOAM_OPTION_KIND_TEXT, "TYPE",
         "of its weights in memory: f32, f16, bf16, q8_0\n(default: the file's)", &pictures.images.type},
        {0, "video-model", LOAM_OPTION_KIND_TEXT, "PATH",
         "makes clips: Wan 2.1, or Stable Diffusion 1.5 with\n--video-motion", &pictures.video.model},
        {0, "video-motion", LOAM_OPTION_KIND_TEXT, "FILE", "AnimateDiff's motion modules", &pictures.video.motion},
        {0, "video-vae", LOAM_OPTION_KIND_TEXT, "FILE", "its VAE, where the model's file has none",
         &pictures.video.vae},
        {0, "video-text-encoder", LOAM_OPTION_KIND_TEXT, "FILE", "UMT5-XXL, where the model's file has none",
         &pictures.video.text_encoder},
        {0, "video-tokenizer", LOAM_OPTION_KIND_TEXT, "FILE", "its spiece.model or tokenizer.json",
         &pictures.video.tokenizer},
        {0, "video-decoder", LOAM_OPTION_KIND_TEXT, "FILE", "TAEHV (Wan) or TAESD, for previews and quick clips",
         &pictures.video.quick},
        {0, "video-type", LOAM_OPTION_KIND_TEXT, "TYPE", "of its weights in memory", &pictures.video.type},
        {0, "data", LOAM_OPTION_KIND_TEXT, "FOLDER",
         "where pictures, waiting jobs and adapters (loras/) are\nkept (default: $XDG_DATA_HOME/loam)", &pictures.data},
        {'q', "quiet", LOAM_OPTION_KIND_FLAG, NULL, "log only warnings and errors", &quiet},
        {0},
    };
    static const loam_usage_text usage = {
        "serve",
        "",
        "Serves a model: OpenAI's API under /v1, and a page to chat on at /.",
        "Ctrl-C or SIGTERM stops it.",
        0,
        0,
    };
    const char *args[1];
    int code = loam_options_begin(&usage, options, argc, argv, args);
    if (code >= 0)
        return code;
    loam_err err = LOAM_ERR_INIT;
    key_ring ring = {0};
    loam_report_log_begin(quiet ? LOAM_LOG_LEVEL_WARN : LOAM_LOG_LEVEL_INFO);
    loam_interrupt_begin();
    loam_status status = gather_keys(&ring, &keys, key_file, &err);
    if (status == LOAM_OK) {
        server.api_keys = ring.keys;
        server.n_api_keys = ring.n;
        server.model_alias = model;
        pictures.images.n_threads = pictures.video.n_threads = engine.model.n_threads;
        status = serve(model, &engine, &pictures, &server, &err);
    }
    free(ring.file_text);
    return status == LOAM_OK ? LOAM_EXIT_OK : loam_report_error(&err);
}
