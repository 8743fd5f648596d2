/* The answer's life: events of the job come in through take(); a whole answer is written once at the end, a stream one
 * chunk per event. While it waits, the thread looks every LOAM_HTTP_WAIT_MS whether the client is still there (a stream
 * is looked after by server.c) and whether the server stops. */
#include "http/answer.h"

#include "base/clock.h"
#include "http/logprobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

typedef struct answer {
    loam_http_exchange *x;
    loam_job *job; /* owned */
    bool chat, include_usage, return_progress, want_logprobs;
    uint64_t seed;
    loam_buf head; /* `"id":…,"object":…,` and the other fields that all chunks share */
    loam_buf text; /* whole answers */
    loam_http_logprobs logprobs;
    bool begun, cancelled; /* stream: the first chunk is out; the job was told to end because the server stops */
    double submitted_s, last_text_s;
    loam_http_labels labels;
} answer;

static void answer_free(void *arg)
{
    answer *a = arg;
    loam_job_free(a->job);
    loam_buf_deinit(&a->head);
    loam_buf_deinit(&a->text);
    loam_http_logprobs_deinit(&a->logprobs);
    free(a);
}

static void format_head(answer *a, bool stream)
{
    uint64_t id[2] = {0};
    if (getrandom(id, sizeof id, 0) != (ssize_t)sizeof id)
        id[0] = loam_clock_ns();
    const char *model = loam_chat_model_id(a->x->service->chat);
    loam_buf_printf(&a->head, "\"id\":\"%s-%016llx%08x\",\"object\":\"%s\",\"created\":%lld,\"model\":",
                    a->chat ? "chatcmpl" : "cmpl", (unsigned long long)id[0], (unsigned)id[1],
                    !a->chat ? "text_completion"
                    : stream ? "chat.completion.chunk"
                             : "chat.completion",
                    (long long)time(NULL));
    loam_json_format_str(model, strlen(model), &a->head);
    loam_buf_str(&a->head, ",\"system_fingerprint\":\"loam-" LOAM_VERSION "\"");
}

static void format_usage(const loam_usage *u, loam_buf *out)
{
    loam_buf_printf(out,
                    "\"usage\":{\"prompt_tokens\":%d,\"completion_tokens\":%d,\"total_tokens\":%d,"
                    "\"prompt_tokens_details\":{\"cached_tokens\":%d},"
                    "\"completion_tokens_details\":{\"reasoning_tokens\":0}}",
                    u->prompt_tokens, u->completion_tokens, u->prompt_tokens + u->completion_tokens, u->cached_tokens);
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

/* llama.cpp's timings, and what is Loam's own: the seed to repeat the answer with, the stop string that ended it. */
static void format_extras(const answer *a, const loam_event *end, loam_buf *out)
{
    const loam_usage *u = &end->usage;
    int read = u->prompt_tokens - u->cached_tokens;
    loam_buf_printf(
        out,
        ",\"timings\":{\"cache_n\":%d,\"prompt_n\":%d,\"prompt_ms\":%.3f,\"prompt_per_token_ms\":%.3f,"
        "\"prompt_per_second\":%.3f,\"predicted_n\":%d,\"predicted_ms\":%.3f,\"predicted_per_token_ms\":%.3f,"
        "\"predicted_per_second\":%.3f,\"queue_ms\":%.3f},\"loam\":{\"seed\":%llu,\"stop\":",
        u->cached_tokens, read, u->prompt_s * 1e3, ratio(u->prompt_s * 1e3, read), ratio(read, u->prompt_s),
        u->completion_tokens, u->completion_s * 1e3, ratio(u->completion_s * 1e3, u->completion_tokens),
        ratio(u->completion_tokens, u->completion_s), u->queue_s * 1e3, (unsigned long long)a->seed);
    if (end->stop)
        loam_json_format_str(end->stop, strlen(end->stop), out);
    else
        loam_buf_str(out, "null");
    loam_buf_char(out, '}');
}

static const char *finish_reason(loam_finish f)
{
    return f == LOAM_FINISH_LENGTH ? "length" : "stop";
}

/* The error of an answer that ended badly: its HTTP status, and the message into *message. */
static int failure(const loam_event *end, const char **message)
{
    if (end->finish == LOAM_FINISH_CANCELLED) {
        *message = "the server is shutting down";
        return 503;
    }
    *message = end->error.msg[0] ? end->error.msg : "the answer failed";
    return end->error.code == LOAM_OK ? 500 : loam_status_http(end->error.code);
}

/* Waits for the job's next event and keeps the clocks. */
static void take(answer *a, int wait_ms, loam_event *ev)
{
    loam_http_service *s = a->x->service;
    if (!a->cancelled && atomic_load(&s->stopping)) {
        a->cancelled = true;
        loam_job_cancel(a->job);
    }
    loam_job_next(a->job, wait_ms, ev);
    if (ev->kind != LOAM_EVENT_KIND_TEXT)
        return;
    double now = loam_clock_s();
    if (a->last_text_s > 0)
        loam_http_metrics_add(s->metrics, LOAM_HTTP_TIMING_BETWEEN_TOKENS, a->labels, now - a->last_text_s);
    else
        loam_http_metrics_add(s->metrics, LOAM_HTTP_TIMING_FIRST_TOKEN, a->labels, now - a->x->started_s);
    a->last_text_s = now;
    if (a->want_logprobs)
        loam_http_logprobs_add(&a->logprobs, ev->logprobs, ev->n_logprobs);
}

static void write_whole(answer *a, const loam_event *end)
{
    loam_buf *out = &a->x->reply.body;
    loam_buf_printf(out, "{%s,\"choices\":[{\"index\":0,", loam_buf_text(&a->head));
    loam_buf_str(out, a->chat ? "\"message\":{\"role\":\"assistant\",\"content\":" : "\"text\":");
    loam_json_format_str(loam_buf_text(&a->text), a->text.len, out);
    loam_buf_str(out, a->chat ? ",\"refusal\":null},\"logprobs\":" : ",\"logprobs\":");
    loam_http_logprobs_flush(&a->logprobs, out);
    loam_buf_printf(out, ",\"finish_reason\":\"%s\"}],", finish_reason(end->finish));
    format_usage(&end->usage, out);
    format_extras(a, end, out);
    loam_buf_char(out, '}');
    out->failed |= a->text.failed || a->head.failed;
    loam_http_reply_set(a->x, 200, "application/json");
}

static void answer_whole(answer *a)
{
    loam_http_exchange *x = a->x;
    double looked_s = loam_clock_s();
    for (;;) {
        loam_event ev;
        take(a, LOAM_HTTP_WAIT_MS, &ev);
        if (ev.kind == LOAM_EVENT_KIND_TEXT) {
            loam_buf_add(&a->text, ev.text, ev.len);
        } else if (ev.kind == LOAM_EVENT_KIND_FINISH) {
            const char *message;
            if (ev.finish == LOAM_FINISH_STOP || ev.finish == LOAM_FINISH_LENGTH) {
                write_whole(a, &ev);
            } else {
                int status = failure(&ev, &message);
                loam_http_reply_error(x, status, NULL, NULL, "%s", message);
            }
            return;
        }
        double now = loam_clock_s();
        if (now - looked_s >= LOAM_HTTP_WAIT_MS * 1e-3) {
            looked_s = now;
            if (loam_http_gone(x)) {
                x->reply.status = LOAM_HTTP_GONE;
                return;
            }
        }
    }
}

/* A chunk up to its choice's content, which the caller writes; then end_chunk. */
static void begin_chunk(answer *a, loam_buf *out)
{
    loam_buf_printf(out, "data: {%s,\"choices\":[{\"index\":0,", loam_buf_text(&a->head));
}

static void end_chunk(answer *a, const char *reason, loam_buf *out)
{
    loam_buf_str(out, ",\"logprobs\":");
    loam_http_logprobs_flush(&a->logprobs, out);
    if (reason)
        loam_buf_printf(out, ",\"finish_reason\":\"%s\"}]", reason);
    else
        loam_buf_str(out, ",\"finish_reason\":null}]");
    if (a->include_usage)
        loam_buf_str(out, ",\"usage\":null");
}

static void write_role(answer *a, loam_buf *out)
{
    begin_chunk(a, out);
    loam_buf_str(out, "\"delta\":{\"role\":\"assistant\",\"content\":\"\"}");
    end_chunk(a, NULL, out);
    loam_buf_str(out, "}\n\n");
}

static void write_piece(answer *a, const char *text, size_t len, loam_buf *out)
{
    begin_chunk(a, out);
    loam_buf_str(out, a->chat ? "\"delta\":{\"content\":" : "\"text\":");
    loam_json_format_str(text, len, out);
    if (a->chat)
        loam_buf_char(out, '}');
    end_chunk(a, NULL, out);
    loam_buf_str(out, "}\n\n");
}

static void write_progress(answer *a, const loam_event *ev, loam_buf *out)
{
    begin_chunk(a, out);
    loam_buf_str(out, a->chat ? "\"delta\":{}" : "\"text\":\"\"");
    end_chunk(a, NULL, out);
    loam_buf_printf(out, ",\"prompt_progress\":{\"total\":%d,\"cache\":%d,\"processed\":%d,\"time_ms\":%.0f}}\n\n",
                    ev->usage.prompt_tokens, ev->usage.cached_tokens, ev->prompt_done,
                    (loam_clock_s() - a->submitted_s) * 1e3);
}

static void write_end(answer *a, const loam_event *ev, loam_buf *out)
{
    if (ev->finish != LOAM_FINISH_STOP && ev->finish != LOAM_FINISH_LENGTH) {
        const char *message;
        int status = failure(ev, &message);
        loam_buf_str(out, "data: ");
        loam_http_format_error(out, status, NULL, NULL, message);
        loam_buf_str(out, "\n\n");
        return; /* without [DONE]: the answer is not whole */
    }
    begin_chunk(a, out);
    loam_buf_str(out, a->chat ? "\"delta\":{}" : "\"text\":\"\"");
    end_chunk(a, finish_reason(ev->finish), out);
    format_extras(a, ev, out);
    loam_buf_str(out, "}\n\n");
    if (a->include_usage) {
        loam_buf_printf(out, "data: {%s,\"choices\":[],", loam_buf_text(&a->head));
        format_usage(&ev->usage, out);
        loam_buf_str(out, "}\n\n");
    }
    loam_buf_str(out, "data: [DONE]\n\n");
}

/* loam_http_stream.next */
static bool stream_next(void *arg, int wait_ms, loam_buf *out)
{
    answer *a = arg;
    if (!a->begun) {
        a->begun = true;
        if (a->chat)
            write_role(a, out);
        else if (a->text.len) /* echo */
            write_piece(a, a->text.data, a->text.len, out);
        if (out->len)
            return true;
    }
    loam_event ev;
    take(a, wait_ms, &ev);
    switch (ev.kind) {
    case LOAM_EVENT_KIND_NONE:
        break;
    case LOAM_EVENT_KIND_PROGRESS:
        if (a->return_progress)
            write_progress(a, &ev, out);
        break;
    case LOAM_EVENT_KIND_TEXT:
        if (ev.len || a->logprobs.n)
            write_piece(a, ev.text, ev.len, out);
        break;
    case LOAM_EVENT_KIND_FINISH:
        write_end(a, &ev, out);
        return false;
    }
    return true;
}

void loam_http_answer(loam_http_exchange *x, loam_job *job, const loam_http_params *p, bool chat, const char *echo,
                      size_t echo_len)
{
    answer *a = calloc(1, sizeof *a);
    if (!a) {
        loam_job_free(job);
        loam_http_reply_error(x, 507, NULL, NULL, "out of memory for the answer");
        return;
    }
    *a = (answer){
        .x = x,
        .job = job,
        .chat = chat,
        .include_usage = p->include_usage,
        .return_progress = p->return_progress,
        .want_logprobs = p->want_logprobs,
        .seed = p->job.sampler.seed,
        .submitted_s = loam_clock_s(),
    };
    x->reply.status = 200; /* for the labels; whole answers set it again */
    a->labels = loam_http_exchange_labels(x);
    x->reply.status = 0;
    loam_buf_init(&a->head, 4096);
    loam_buf_init(&a->text, LOAM_HTTP_REPLY_MAX);
    loam_http_logprobs_init(&a->logprobs, loam_engine_tokenizer(loam_chat_engine(x->service->chat)), chat, p->n_top,
                            LOAM_HTTP_REPLY_MAX / 4);
    format_head(a, p->stream);
    if (echo)
        loam_buf_add(&a->text, echo, echo_len);
    if (p->stream) {
        x->reply.stream = (loam_http_stream){stream_next, answer_free, a};
        loam_http_reply_header(x, "Cache-Control", "no-cache");
        loam_http_reply_header(x, "X-Accel-Buffering", "no");
        loam_http_reply_set(x, 200, "text/event-stream");
    } else {
        answer_whole(a);
        answer_free(a);
    }
}
