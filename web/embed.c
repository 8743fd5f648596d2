/* Build tool: writes a C file that holds the page's files.
 *   embed OUTPUT.c URL=FILE ...
 * Bytes become string literals, which compilers read many times faster than lists of numbers. A file's entity tag is a
 * hash of its bytes, so browsers fetch again exactly what changed. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *suffix, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},     {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"}, {".svg", "image/svg+xml"},
    {".txt", "text/plain; charset=utf-8"},
};

static const char *type_of(const char *url)
{
    const char *dot = strrchr(url, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (strcmp(dot, types[i].suffix) == 0)
            return types[i].type;
    return NULL;
}

static unsigned char *read_whole(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    unsigned char *data = NULL;
    long end;
    if (fseek(f, 0, SEEK_END) == 0 && (end = ftell(f)) >= 0 && fseek(f, 0, SEEK_SET) == 0) {
        *size = (size_t)end;
        data = malloc(*size + 1);
        if (data && fread(data, 1, *size, f) != *size) {
            free(data);
            data = NULL;
        }
    }
    fclose(f);
    return data;
}

/* FNV-1a, 64 bits (Fowler, Noll, Vo). */
static uint64_t hash(const unsigned char *data, size_t size)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++)
        h = (h ^ data[i]) * 0x100000001b3u;
    return h;
}

/* Octal escapes have at most three digits, so a digit that follows is safe; "?" is escaped because of trigraphs. */
static void write_literal(FILE *out, const unsigned char *data, size_t size)
{
    fputs("    \"", out);
    size_t column = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = data[i];
        if (c >= ' ' && c < 127 && c != '"' && c != '\\' && c != '?')
            column += fputc(c, out) != EOF;
        else
            column += (size_t)fprintf(out, "\\%03o", c);
        if (column > 100 && i + 1 < size) {
            fputs("\"\n    \"", out);
            column = 0;
        }
    }
    fputs("\"", out);
}

static bool write_entry(FILE *out, const char *url, const char *path)
{
    size_t size = 0;
    const char *type = type_of(url);
    if (!type) {
        fprintf(stderr, "embed: %s: no media type is known for this suffix\n", url);
        return false;
    }
    unsigned char *data = read_whole(path, &size);
    if (!data) {
        perror(path);
        return false;
    }
    fprintf(out, "  {\"%s\", \"%s\", (const unsigned char *)\n", url, type);
    write_literal(out, data, size);
    fprintf(out, ",\n    %zu, \"\\\"%016llx\\\"\"},\n", size, (unsigned long long)hash(data, size));
    free(data);
    return true;
}

int main(int argc, char **argv)
{
    FILE *out = argc > 2 ? fopen(argv[1], "wb") : NULL;
    if (!out) {
        fprintf(stderr, "usage: embed OUTPUT.c URL=FILE ...\n");
        return 1;
    }
    fputs("/* Made by web/embed.c. */\n#include \"web/web_int.h\"\n\nconst loam_web_file loam_web_files[] = {\n", out);
    bool good = true;
    for (int i = 2; i < argc && good; i++) {
        char *file = strchr(argv[i], '=');
        if (!file) {
            fprintf(stderr, "embed: '%s' is not URL=FILE\n", argv[i]);
            good = false;
            break;
        }
        *file++ = 0;
        good = write_entry(out, argv[i], file);
    }
    fputs("};\nconst size_t loam_web_n_files = sizeof loam_web_files / sizeof *loam_web_files;\n", out);
    if (fclose(out) != 0 || !good) {
        remove(argv[1]);
        return 1;
    }
    return 0;
}
