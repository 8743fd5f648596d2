/* Build tool: writes a C file that holds one text file as a string.
 *   embed OUTPUT.c SYMBOL FILE
 * gives `const char SYMBOL[]` and `const size_t SYMBOL_len`. One literal a line, so that the file stays readable. */
#include <stdio.h>

/* Octal escapes have three digits, so a digit that follows is safe; "?" is escaped because of trigraphs. */
static void write_literal(FILE *out, FILE *in, size_t *size)
{
    int c;
    fputs("    \"", out);
    while ((c = getc(in)) != EOF) {
        ++*size;
        if (c >= ' ' && c < 127 && c != '"' && c != '\\' && c != '?')
            putc(c, out);
        else
            fprintf(out, "\\%03o", (unsigned)c);
        if (c == '\n')
            fputs("\"\n    \"", out);
    }
    putc('"', out);
}

int main(int argc, char **argv)
{
    FILE *in = argc == 4 ? fopen(argv[3], "rb") : NULL;
    FILE *out = in ? fopen(argv[1], "wb") : NULL;
    if (!out) {
        fputs("usage: embed OUTPUT.c SYMBOL FILE\n", stderr);
        return 1;
    }
    size_t size = 0;
    fprintf(out, "/* Made by data/embed.c. */\n#include <stddef.h>\n\nextern const char %s[];\n", argv[2]);
    fprintf(out, "extern const size_t %s_len;\nconst char %s[] =\n", argv[2], argv[2]);
    write_literal(out, in, &size);
    fprintf(out, ";\nconst size_t %s_len = %zu;\n", argv[2], size);
    int failed = ferror(in) || ferror(out);
    failed |= fclose(out) != 0;
    fclose(in);
    if (failed)
        remove(argv[1]);
    return failed;
}
