/* The matchers behind the pre-tokenizers. Each quotes the regular expression that it stands for; `.` there is a
 * character, and a byte that is not UTF-8 counts as a character of class S. None of them looks at a character more
 * often than a fixed number of times. */
#include "text/text_int.h"

#include <string.h>

enum { L = LOAM_CP_L, N = LOAM_CP_N, P = LOAM_CP_P, S = LOAM_CP_S, M = LOAM_CP_M, SPACE = LOAM_CP_SPACE };

static bool is_newline(loam_char c)
{
    return c.cp == '\n' || c.cp == '\r';
}

/* The end of the run of characters that have a bit of `set`. */
static size_t skip_in(const char *s, size_t n, size_t at, unsigned set)
{
    for (loam_char c; (c = loam_char_at(s, n, at)).set & set;)
        at += c.len;
    return at;
}

/* The end of the run of characters that have no bit of `set`. */
static size_t skip_out(const char *s, size_t n, size_t at, unsigned set)
{
    for (loam_char c; (c = loam_char_at(s, n, at)).len && !(c.set & set);)
        at += c.len;
    return at;
}

static size_t skip_bytes(const char *s, size_t n, size_t at, const char *set)
{
    while (at < n && s[at] && strchr(set, s[at]))
        at++;
    return at;
}

static size_t skip_numbers(const char *s, size_t n, size_t at, unsigned most)
{
    for (unsigned i = 0; most == 0 || i < most; i++) {
        loam_char c = loam_char_at(s, n, at);
        if (!(c.set & N))
            break;
        at += c.len;
    }
    return at;
}

/* 's|'t|'re|'ve|'m|'ll|'d at `at`: the end, or `at`. In either case with `fold`, where s is also U+017F, the long s,
 * as case-insensitive matching in Unicode has it. */
static size_t skip_contraction(const char *s, size_t n, size_t at, bool fold)
{
    if (n - at < 2 || s[at] != '\'')
        return at;
    char a = s[at + 1], b = at + 2 < n ? s[at + 2] : 0;
    if (fold) {
        if (a == '\xC5' && b == '\xBF')
            return at + 3;
        a = a >= 'A' && a <= 'Z' ? (char)(a | 32) : a;
        b = b >= 'A' && b <= 'Z' ? (char)(b | 32) : b;
    }
    if (a == 's' || a == 't' || a == 'm' || a == 'd')
        return at + 2;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l'))
        return at + 3;
    return at;
}

/* \s+(?!\S)|\s+ at a space: all of the run when it ends the text, else all but its last character, else that one. */
static size_t skip_spaces(const char *s, size_t n, size_t at)
{
    size_t last = at, end = at;
    for (loam_char c; (c = loam_char_at(s, n, end)).set & SPACE; end += c.len)
        last = end;
    return end == n || last == at ? end : last;
}

/* \s*[\r\n]+|\s+(?!\S)|\s+ at a space. */
static size_t skip_lines(const char *s, size_t n, size_t at)
{
    size_t last = at, end = at, line = at;
    for (loam_char c; (c = loam_char_at(s, n, end)).set & SPACE;) {
        last = end;
        end += c.len;
        if (is_newline(c))
            line = end;
    }
    if (line > at)
        return line;
    return end == n || last == at ? end : last;
}

size_t loam_pretok_find_run(const loam_pretok_pass *p, const char *s, size_t n, size_t at, size_t *end)
{
    size_t lead = SIZE_MAX; /* where the space right before `at` is */
    while (at < n) {
        loam_char c = loam_char_at(s, n, at);
        if (!p->in(c)) {
            lead = p->lead_space && (c.set & SPACE) ? at : SIZE_MAX;
            at += c.len;
            continue;
        }
        size_t start = lead == SIZE_MAX ? at : lead;
        unsigned count = 0;
        while (c.len && p->in(c) && (p->most == 0 || count < p->most)) {
            count++;
            at += c.len;
            c = loam_char_at(s, n, at);
        }
        if (count >= p->least) {
            *end = at;
            return start;
        }
        lead = SIZE_MAX;
    }
    return n;
}

size_t loam_pretok_find_end_space(const loam_pretok_pass *p, const char *s, size_t n, size_t at, size_t *end)
{
    (void)p;
    while (at < n) {
        at = skip_out(s, n, at, SPACE);
        size_t stop = skip_in(s, n, at, SPACE);
        if (stop == n) {
            *end = n;
            return at; /* n when there is no space at all */
        }
        at = stop;
    }
    return n;
}

/* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ matches everywhere. */
size_t loam_pretok_find_gpt2(const loam_pretok_pass *p, const char *s, size_t n, size_t at, size_t *end)
{
    (void)p;
    if ((*end = skip_contraction(s, n, at, false)) > at)
        return at;
    size_t body = at + (s[at] == ' ');
    loam_char c = loam_char_at(s, n, body);
    if (c.set & L)
        *end = skip_in(s, n, body, L);
    else if (c.set & N)
        *end = skip_in(s, n, body, N);
    else if (c.len && !(c.set & SPACE))
        *end = skip_out(s, n, body, SPACE | L | N);
    else
        *end = skip_spaces(s, n, at);
    return at;
}

/* (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[letters]+|\p{N}{1,most}| ?[^\s\p{N}letters]+[tail]*|
 * \s*[\r\n]+|\s+(?!\S)|\s+ matches everywhere. Letters are \p{L}, or [\p{L}\p{M}]. A tail of "" stands for
 * [^\s\p{L}\p{N}\r\n], which is the same as no tail. */
size_t loam_pretok_find_words(const loam_pretok_pass *p, const char *s, size_t n, size_t at, size_t *end)
{
    if (p->contractions && (*end = skip_contraction(s, n, at, true)) > at)
        return at;
    loam_char c = loam_char_at(s, n, at), next = loam_char_at(s, n, at + c.len);
    if (c.set & p->letters)
        *end = skip_in(s, n, at, p->letters);
    else if (!(c.set & N) && !is_newline(c) && (next.set & p->letters))
        *end = skip_in(s, n, at + c.len, p->letters);
    else if (c.set & N)
        *end = skip_numbers(s, n, at, p->most);
    else if (!(c.set & SPACE))
        *end = skip_bytes(s, n, skip_out(s, n, at, SPACE | N | p->letters), p->tail);
    else if (c.cp == ' ' && next.len && !(next.set & (SPACE | N | p->letters)))
        *end = skip_bytes(s, n, skip_out(s, n, at + 1, SPACE | N | p->letters), p->tail);
    else
        *end = skip_lines(s, n, at);
    return at;
}

static bool is_upper(loam_char c) /* [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}] */
{
    return (c.set & (L | M)) && !(c.set & LOAM_CP_LOWER);
}

static bool is_lower(loam_char c) /* [\p{Ll}\p{Lm}\p{Lo}\p{M}] */
{
    return (c.set & (L | M)) && !(c.set & LOAM_CP_UPPER);
}

/* [upper]*[lower]+ at `at`, with backtracking: when no lower follows the run of uppers, the last character of the run
 * that is both (the only one that may then be lower+) ends it. The end, or `at`. */
static size_t skip_upper_lower(const char *s, size_t n, size_t at)
{
    size_t i = at, both = at;
    loam_char c;
    for (; is_upper(c = loam_char_at(s, n, i)); i += c.len)
        if (is_lower(c))
            both = i + c.len;
    if (!is_lower(c))
        return both;
    for (; is_lower(c); c = loam_char_at(s, n, i))
        i += c.len;
    return i;
}

/* [upper]+[lower]* at `at`: the end, or `at`. */
static size_t skip_uppers(const char *s, size_t n, size_t at)
{
    size_t i = at;
    loam_char c;
    for (; is_upper(c = loam_char_at(s, n, i)); i += c.len)
        ;
    if (i > at)
        for (; is_lower(c); c = loam_char_at(s, n, i))
            i += c.len;
    return i;
}

/* [^\r\n\p{L}\p{N}]?[upper]*[lower]+(?i:'s|…)?|[^\r\n\p{L}\p{N}]?[upper]+[lower]*(?i:'s|…)?|\p{N}{1,most}|
 *  ?[^\s\p{L}\p{N}]+[tail]*|\s*[\r\n]+|\s+(?!\S)|\s+ matches everywhere. */
size_t loam_pretok_find_cased(const loam_pretok_pass *p, const char *s, size_t n, size_t at, size_t *end)
{
    loam_char c = loam_char_at(s, n, at);
    bool leads = !(c.set & (L | N)) && !is_newline(c);
    size_t after = at + (leads ? c.len : 0), stop;
    if ((stop = skip_upper_lower(s, n, after)) == after) /* each alternative first with the lead, then without */
        if (!leads || (stop = skip_upper_lower(s, n, at)) == at)
            if ((stop = skip_uppers(s, n, after)) == after)
                stop = skip_uppers(s, n, at);
    if (stop > at) {
        *end = p->contractions ? skip_contraction(s, n, stop, true) : stop;
        return at;
    }
    loam_char next = loam_char_at(s, n, at + c.len);
    if (c.set & N)
        *end = skip_numbers(s, n, at, p->most);
    else if (!(c.set & SPACE))
        *end = skip_bytes(s, n, skip_out(s, n, at, SPACE | L | N), p->tail);
    else if (c.cp == ' ' && next.len && !(next.set & (SPACE | L | N)))
        *end = skip_bytes(s, n, skip_out(s, n, at + 1, SPACE | L | N), p->tail);
    else
        *end = skip_lines(s, n, at);
    return at;
}

static bool is_ascii_punct(loam_char c)
{
    return c.cp < 128 && (c.set & (P | S));
}
static bool is_ascii_letter(loam_char c)
{
    return c.cp < 128 && (c.set & L);
}

/* [ASCII punctuation][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
 * leaves gaps at controls, numbers and unassigned characters. */
size_t loam_pretok_find_deepseek3(const loam_pretok_pass *p, const char *s, size_t n, size_t at, size_t *end)
{
    (void)p;
    loam_char c, next;
    for (; at < n; at += c.len) {
        c = loam_char_at(s, n, at);
        next = loam_char_at(s, n, at + c.len);
        if (is_ascii_punct(c) && is_ascii_letter(next)) {
            size_t i = at + 2;
            while (i < n && is_ascii_letter(loam_char_at(s, n, i)))
                i++;
            *end = i;
        } else if (c.set & (L | M))
            *end = skip_in(s, n, at, L | M);
        else if (!(c.set & (P | S)) && !is_newline(c) && (next.set & (L | M)))
            *end = skip_in(s, n, at + c.len, L | M);
        else if (c.set & (P | S))
            *end = skip_bytes(s, n, skip_in(s, n, at, P | S), "\r\n");
        else if (c.cp == ' ' && (next.set & (P | S)))
            *end = skip_bytes(s, n, skip_in(s, n, at + 1, P | S), "\r\n");
        else if (c.set & SPACE)
            *end = skip_lines(s, n, at);
        else
            continue;
        return at;
    }
    return n;
}

bool loam_pretok_in_letter(loam_char c)
{
    return c.set & L;
}
bool loam_pretok_in_number(loam_char c)
{
    return c.set & N;
}
bool loam_pretok_in_punct(loam_char c)
{
    return c.set & P;
}
bool loam_pretok_in_newline(loam_char c)
{
    return is_newline(c);
}
bool loam_pretok_in_digit(loam_char c)
{
    return c.cp >= '0' && c.cp <= '9';
}

bool loam_pretok_in_default_punct(loam_char c)
{
    return (c.set & P) || (c.cp && c.cp < 128 && strchr("$+<=>^~|", (int)c.cp));
}

bool loam_pretok_in_falcon_punct(loam_char c)
{
    return c.cp == '`' || loam_pretok_in_default_punct(c);
}

/* [一-龥ࠀ-一가-퟿] */
bool loam_pretok_in_deepseek_cjk(loam_char c)
{
    return (c.cp >= 0x0800 && c.cp <= 0x9FA5) || (c.cp >= 0xAC00 && c.cp <= 0xD7FF);
}

/* [一-龥぀-ゟ゠-ヿ] */
bool loam_pretok_in_deepseek3_cjk(loam_char c)
{
    return (c.cp >= 0x4E00 && c.cp <= 0x9FA5) || (c.cp >= 0x3040 && c.cp <= 0x30FF);
}

/* [!-/:-~！-／：-～‘-‟　-。]; from ':' to '~' there are also the letters, which an earlier pass has taken. */
bool loam_pretok_in_deepseek_punct(loam_char c)
{
    return (c.cp >= '!' && c.cp <= '/') || (c.cp >= ':' && c.cp <= '~') || (c.cp >= 0xFF01 && c.cp <= 0xFF0F) ||
           (c.cp >= 0xFF1A && c.cp <= 0xFF5E) || (c.cp >= 0x2018 && c.cp <= 0x201F) ||
           (c.cp >= 0x3000 && c.cp <= 0x3002);
}

/* The ranges that DeepSeek LLM's tokenizer.json lists: cased letters of an older Unicode. */
bool loam_pretok_in_deepseek_letter(loam_char c)
{
    static const struct range {
        uint32_t first, last;
    } ranges[] = {
        {0x41, 0x5A},       {0x61, 0x7A},       {0xB5, 0xB5},       {0xC0, 0xD6},       {0xD8, 0xF6},
        {0xF8, 0x1BA},      {0x1BC, 0x1BF},     {0x1C4, 0x293},     {0x295, 0x2AF},     {0x370, 0x373},
        {0x376, 0x376},     {0x377, 0x377},     {0x37B, 0x37D},     {0x37F, 0x37F},     {0x386, 0x386},
        {0x388, 0x38A},     {0x38C, 0x38C},     {0x38E, 0x3A1},     {0x3A3, 0x3F5},     {0x3F7, 0x481},
        {0x48A, 0x52F},     {0x531, 0x556},     {0x10A0, 0x10C5},   {0x13A0, 0x13F5},   {0x13F8, 0x13FD},
        {0x1C90, 0x1CBA},   {0x1CBD, 0x1CBF},   {0x1D00, 0x1D2B},   {0x1D6B, 0x1D77},   {0x1D79, 0x1D9A},
        {0x1E00, 0x1F15},   {0x1F18, 0x1F1D},   {0x1F20, 0x1F45},   {0x1F48, 0x1F4D},   {0x1F50, 0x1F57},
        {0x1F59, 0x1F59},   {0x1F5B, 0x1F5B},   {0x1F5D, 0x1F5D},   {0x1F5F, 0x1F7D},   {0x1F80, 0x1FB4},
        {0x1FB6, 0x1FBC},   {0x1FBE, 0x1FBE},   {0x1FC2, 0x1FC4},   {0x1FC6, 0x1FCC},   {0x1FD0, 0x1FD3},
        {0x1FD6, 0x1FDB},   {0x1FE0, 0x1FEC},   {0x1FF2, 0x1FF4},   {0x1FF6, 0x1FFC},   {0x2102, 0x2102},
        {0x2107, 0x2107},   {0x210A, 0x2113},   {0x2115, 0x2115},   {0x2119, 0x211D},   {0x2124, 0x2124},
        {0x2126, 0x2126},   {0x2128, 0x2128},   {0x212A, 0x212D},   {0x212F, 0x2134},   {0x2139, 0x2139},
        {0x213C, 0x213F},   {0x2145, 0x2149},   {0x214E, 0x214E},   {0x2183, 0x2183},   {0x2184, 0x2184},
        {0x2C00, 0x2C7B},   {0x2C7E, 0x2CE4},   {0x2CEB, 0x2CEE},   {0x2CF2, 0x2CF2},   {0x2CF3, 0x2CF3},
        {0xA640, 0xA66D},   {0xA680, 0xA69B},   {0xA722, 0xA76F},   {0xA771, 0xA787},   {0xA78B, 0xA78E},
        {0xAB70, 0xABBF},   {0xFB00, 0xFB06},   {0xFB13, 0xFB17},   {0xFF21, 0xFF3A},   {0xFF41, 0xFF5A},
        {0x10400, 0x1044F}, {0x104B0, 0x104D3}, {0x104D8, 0x104FB}, {0x10C80, 0x10CB2}, {0x10CC0, 0x10CF2},
        {0x118A0, 0x118DF}, {0x1E900, 0x1E943},
    };
    size_t low = 0, high = sizeof ranges / sizeof *ranges;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (c.cp > ranges[mid].last)
            low = mid + 1;
        else
            high = mid;
    }
    return low < sizeof ranges / sizeof *ranges && c.cp >= ranges[low].first;
}
