#define _GNU_SOURCE
#include "cli/line.h"

#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#include "cli/interrupt.h"

enum { HISTORY_LINES = 1000, ESCAPE_WAIT_MS = 30 };
static const wchar_t PASTED_NEWLINE = L'⏎';
static const char PASTED_NEWLINE_UTF8[] = "⏎", PASTE_ON[] = "\x1b[?2004h", PASTE_OFF[] = "\x1b[?2004l",
                  PASTE_BEGIN[] = "\x1b[200~", PASTE_END[] = "\x1b[201~";

struct loam_line {
    EditLine *edit;
    History *history;
    char *history_path;
    const char *prompt;
    bool pasting, interrupted;
    char held[8]; /* bytes looked at for an escape sequence and not yet given to libedit */
    int n_held, at_held;
};

static char *current_prompt(EditLine *edit)
{
    loam_line *l = NULL;
    el_get(edit, EL_CLIENTDATA, &l);
    return (char *)l->prompt;
}

/* One byte: 1, or 0 at the end of input, -1 when interrupted; -2 when wait_ms (≥ 0) passed. */
static int read_byte(loam_line *l, int wait_ms, char *out)
{
    if (l->at_held < l->n_held) {
        *out = l->held[l->at_held++];
        return 1;
    }
    for (;;) {
        struct pollfd in[2] = {{STDIN_FILENO, POLLIN, 0}, {loam_interrupt_fd(), POLLIN, 0}};
        int ready = poll(in, 2, wait_ms);
        if (loam_interrupt_raised())
            return -1;
        if (ready == 0)
            return -2;
        ssize_t n = ready < 0 ? -1 : read(STDIN_FILENO, out, 1);
        if (n >= 0)
            return (int)n;
        if (errno != EINTR && errno != EAGAIN)
            return 0;
    }
}

/* After an escape byte: whether the paste marker follows. Bytes that turn out to be something else are held. */
static bool take_marker(loam_line *l, const char *marker)
{
    if (l->at_held < l->n_held)
        return false;
    l->n_held = l->at_held = 0;
    int n = 0;
    for (; marker[1 + n]; n++) {
        char c;
        if (read_byte(l, ESCAPE_WAIT_MS, &c) != 1)
            break;
        l->held[n] = c;
        if (c != marker[1 + n]) {
            n++;
            l->n_held = n;
            return false;
        }
    }
    bool whole = !marker[1 + n];
    l->n_held = whole ? 0 : n;
    return whole;
}

/* libedit's source of characters: 1, 0 at the end, -1 on interrupt. */
static int read_character(EditLine *edit, wchar_t *out)
{
    loam_line *l = NULL;
    el_get(edit, EL_CLIENTDATA, &l);
    mbstate_t state;
    memset(&state, 0, sizeof state);
    for (;;) {
        char byte;
        int got = read_byte(l, -1, &byte);
        if (got <= 0) {
            l->interrupted = got < 0;
            return got;
        }
        if (byte == 0x1b && mbsinit(&state) && take_marker(l, l->pasting ? PASTE_END : PASTE_BEGIN)) {
            l->pasting = !l->pasting;
            continue;
        }
        if (l->pasting && (byte == '\r' || byte == '\n')) {
            *out = PASTED_NEWLINE;
            return 1;
        }
        if (l->pasting && byte == '\t')
            byte = ' '; /* a tab would ask for completion */
        size_t n = mbrtowc(out, &byte, 1, &state);
        if (n == (size_t)-1) {
            memset(&state, 0, sizeof state);
            *out = 0xfffd;
            return 1;
        }
        if (n != (size_t)-2)
            return 1;
    }
}

loam_status loam_line_open(const char *program, const char *history_path, loam_line **out, loam_err *err)
{
    setlocale(LC_CTYPE, "");
    if (MB_CUR_MAX == 1)
        setlocale(LC_CTYPE, "C.UTF-8");
    loam_line *l = calloc(1, sizeof *l);
    if (!l)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the line editor");
    l->edit = el_init(program, stdin, stdout, stderr);
    l->history = history_init();
    l->history_path = history_path ? strdup(history_path) : NULL;
    if (!l->edit || !l->history || (history_path && !l->history_path)) {
        loam_line_close(l);
        LOAM_FAIL(err, NO_MEMORY, "the line editor does not start on this terminal; pipe the text in instead");
    }
    HistEvent event;
    history(l->history, &event, H_SETSIZE, HISTORY_LINES);
    history(l->history, &event, H_SETUNIQUE, 1);
    if (l->history_path)
        history(l->history, &event, H_LOAD, l->history_path);
    el_set(l->edit, EL_CLIENTDATA, l);
    el_set(l->edit, EL_PROMPT, current_prompt);
    el_set(l->edit, EL_EDITOR, "emacs");
    el_set(l->edit, EL_HIST, history, l->history);
    el_set(l->edit, EL_GETCFN, read_character);
    el_set(l->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_set(l->edit, EL_BIND, "\\e[1~", "ed-move-to-beg", NULL);
    el_set(l->edit, EL_BIND, "\\e[4~", "ed-move-to-end", NULL);
    el_set(l->edit, EL_BIND, "\\e[3~", "ed-delete-next-char", NULL);
    el_set(l->edit, EL_BIND, "\\e[1;5C", "em-next-word", NULL);
    el_set(l->edit, EL_BIND, "\\e[1;5D", "ed-prev-word", NULL);
    el_source(l->edit, NULL);
    *out = l;
    return LOAM_OK;
}

void loam_line_close(loam_line *l)
{
    if (!l)
        return;
    if (l->history) {
        HistEvent event;
        if (l->history_path) {
            mode_t before = umask(077); /* what one says to a model is one's own business */
            history(l->history, &event, H_SAVE, l->history_path);
            umask(before);
        }
        history_end(l->history);
    }
    if (l->edit)
        el_end(l->edit);
    free(l->history_path);
    free(l);
}

/* Appends line with its pasted line breaks made real again. */
static void add_line(loam_buf *out, const char *line, size_t len)
{
    const char *end = line + len;
    while (line < end) {
        const char *mark = memmem(line, (size_t)(end - line), PASTED_NEWLINE_UTF8, sizeof PASTED_NEWLINE_UTF8 - 1);
        loam_buf_add(out, line, (size_t)((mark ? mark : end) - line));
        if (!mark)
            break;
        loam_buf_char(out, '\n');
        line = mark + sizeof PASTED_NEWLINE_UTF8 - 1;
    }
}

loam_line_end loam_line_read(loam_line *l, const char *prompt, loam_buf *out)
{
    loam_buf_truncate(out, 0);
    l->prompt = prompt;
    loam_line_end end = LOAM_LINE_END_ENTER;
    fputs(PASTE_ON, stdout);
    for (;;) {
        int count = 0;
        l->interrupted = l->pasting = false;
        const char *line = el_gets(l->edit, &count);
        if (!line || count <= 0) {
            end = l->interrupted ? LOAM_LINE_END_INTERRUPT : LOAM_LINE_END_EOF;
            break;
        }
        size_t len = (size_t)count;
        while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
            len--;
        HistEvent event;
        if (len)
            history(l->history, &event, H_ENTER, line);
        bool more = len && line[len - 1] == '\\';
        add_line(out, line, len - more);
        if (!more)
            break;
        loam_buf_char(out, '\n');
        l->prompt = "… ";
    }
    while (out->len && out->data[out->len - 1] == '\n')
        loam_buf_truncate(out, out->len - 1);
    fputs(PASTE_OFF, stdout);
    if (end != LOAM_LINE_END_ENTER) {
        el_reset(l->edit);
        fputc('\n', stdout);
    }
    fflush(stdout);
    return end;
}
