#include "service/thumbnail.h"

#include <stdlib.h>
#include <string.h>

#include "format/base64.h"
#include "format/png.h"
#include "gen/image.h"

loam_terminal_kind loam_terminal_kind_of(const char *term, const char *term_program, const char *colorterm)
{
    if (term && strcmp(term, "xterm-kitty") == 0)
        return LOAM_TERMINAL_KITTY;
    if (term_program && (strcmp(term_program, "iTerm.app") == 0 || strcmp(term_program, "WezTerm") == 0))
        return LOAM_TERMINAL_ITERM;
    if (colorterm && (strcmp(colorterm, "truecolor") == 0 || strcmp(colorterm, "24bit") == 0))
        return LOAM_TERMINAL_BLOCKS;
    return LOAM_TERMINAL_PLAIN;
}

/* A character stands for two pixels, one above the other: the upper is the colour of "▀", the lower its background. */
static bool format_blocks(const loam_image_rgb *p, loam_buf *out)
{
    for (int y = 0; y < p->height; y += 2) {
        for (int x = 0; x < p->width; x++) {
            const uint8_t *a = p->pixels + ((size_t)y * (size_t)p->width + (size_t)x) * 3;
            const uint8_t *b = y + 1 < p->height ? a + (size_t)p->width * 3 : a;
            loam_buf_printf(out, "\x1b[38;2;%d;%d;%dm\x1b[48;2;%d;%d;%dm\xe2\x96\x80", a[0], a[1], a[2], b[0], b[1],
                            b[2]);
        }
        loam_buf_str(out, "\x1b[0m\n");
    }
    return !out->failed;
}

/* kitty wants the code in pieces of at most 4096 bytes; m says whether more follow. */
static bool format_kitty(const loam_buf *code, int columns, loam_buf *out)
{
    enum { PIECE = 4096 };
    for (size_t at = 0; at < code->len; at += PIECE) {
        size_t n = code->len - at < PIECE ? code->len - at : PIECE;
        if (at == 0)
            loam_buf_printf(out, "\x1b_Ga=T,f=100,c=%d,m=%d;", columns, at + n < code->len);
        else
            loam_buf_printf(out, "\x1b_Gm=%d;", at + n < code->len);
        loam_buf_add(out, code->data + at, n);
        loam_buf_str(out, "\x1b\\");
    }
    return loam_buf_char(out, '\n') && !out->failed;
}

loam_status loam_thumbnail_format(const loam_picture *p, loam_terminal_kind kind, int columns, loam_buf *out,
                                  loam_err *err)
{
    enum { PIXELS_A_COLUMN = 10, MAX_CODE = 16 << 20 };
    if (kind == LOAM_TERMINAL_PLAIN || p->channels != 3)
        return LOAM_OK;
    int width = kind == LOAM_TERMINAL_BLOCKS ? columns : columns * PIXELS_A_COLUMN;
    width = width < p->width ? width : p->width;
    int height = (int)((int64_t)p->height * width / p->width);
    loam_image_rgb in = {p->width, p->height, p->pixels}, small;
    LOAM_TRY(loam_image_resize(&in, width, height > 0 ? height : 1, &small, err));
    bool fits = true;
    loam_status st = LOAM_OK;
    if (kind == LOAM_TERMINAL_BLOCKS) {
        fits = format_blocks(&small, out);
    } else {
        loam_buf png, code;
        loam_buf_init(&png, MAX_CODE);
        loam_buf_init(&code, MAX_CODE);
        loam_picture q = {small.width, small.height, 3, small.pixels};
        st = loam_png_write(&q, NULL, &png, err);
        fits = st != LOAM_OK || loam_base64_encode(png.data, png.len, &code);
        if (st == LOAM_OK && fits && kind == LOAM_TERMINAL_KITTY)
            fits = format_kitty(&code, columns, out);
        else if (st == LOAM_OK && fits)
            fits = loam_buf_printf(out, "\x1b]1337;File=inline=1;width=%d;size=%zu:%s\a\n", columns, png.len,
                                   loam_buf_text(&code));
        loam_buf_deinit(&png);
        loam_buf_deinit(&code);
    }
    free(small.pixels);
    if (st == LOAM_OK && !fits)
        LOAM_FAIL(err, NO_MEMORY, "no memory for a thumbnail");
    return st;
}
