#define _GNU_SOURCE
#include "cli/answer.h"

#include <unistd.h>

#include "cli/interrupt.h"

enum { ANSWER_MAX_BYTES = 16 << 20, WAIT_MS = 50 };

/* On a terminal an escape sequence could do more than show text. */
static void show(const char *text, size_t len, bool terminal, FILE *to)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (!terminal || (c >= 0x20 && c != 0x7f) || c == '\n' || c == '\t')
            fputc(c, to);
    }
    fflush(to);
}

loam_status loam_answer_run(loam_chat *chat, const json_t *messages, const loam_job_request *request, FILE *to,
                            loam_answer *out, loam_err *err)
{
    *out = (loam_answer){.finish = LOAM_FINISH_ERROR};
    loam_buf_init(&out->text, ANSWER_MAX_BYTES);
    loam_job *job = NULL;
    LOAM_TRY(loam_chat_submit(chat, messages, NULL, request, &job, err));
    bool terminal = to && isatty(fileno(to));
    loam_status status = LOAM_OK;
    for (bool running = true; running;) {
        loam_event event;
        loam_job_next(job, WAIT_MS, &event);
        if (loam_interrupt_raised())
            loam_job_cancel(job);
        if (event.kind == LOAM_EVENT_KIND_TEXT) {
            loam_buf_add(&out->text, event.text, event.len);
            if (to)
                show(event.text, event.len, terminal, to);
        } else if (event.kind == LOAM_EVENT_KIND_FINISH) {
            running = false;
            out->finish = event.finish;
            out->usage = event.usage;
            if (event.finish == LOAM_FINISH_ERROR)
                status = loam_err_set(err, event.error.code, event.error.file, event.error.line, "%s", event.error.msg);
        }
        if (to && ferror(to)) /* the reader of the pipe has left */
            loam_job_cancel(job);
    }
    loam_job_free(job);
    if (status == LOAM_OK && out->text.failed)
        status = loam_err_set(err, LOAM_STATUS_TOO_LARGE, __FILE__, __LINE__, "the answer is longer than %d MiB",
                              ANSWER_MAX_BYTES >> 20);
    return status;
}

void loam_answer_deinit(loam_answer *a)
{
    loam_buf_deinit(&a->text);
}

const char *loam_answer_finish_name(loam_finish f)
{
    switch (f) {
    case LOAM_FINISH_STOP:
        return "stop";
    case LOAM_FINISH_LENGTH:
        return "length";
    case LOAM_FINISH_CANCELLED:
        return "cancelled";
    case LOAM_FINISH_ERROR:
        break;
    }
    return "error";
}
