/* Modelfiles as texts: lines, keywords, quotes. */
#define _GNU_SOURCE
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/base/utf8.h"
#include "runtime/store/modelfile.h"

struct reader {
    char *at; /* the rest, a NUL at its end */
    size_t line;
    const char *name;
    struct trit_error *error;
};

static enum trit_code fail_at(const struct reader *r, size_t line, const char *what)
{
    return trit_fail(r->error, TRIT_EFORMAT, "%s: line %zu: %s", r->name, line, what);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void skip_blanks(struct reader *r)
{
    while (is_blank(*r->at))
        r->at++;
}

/* The word at r->at, which is ended by a NUL; r->at is behind it and the blanks that follow. */
static char *take_word(struct reader *r)
{
    char *word = r->at;
    while (*r->at && !isspace((unsigned char)*r->at))
        r->at++;
    char *end = r->at;
    skip_blanks(r);
    if (end == r->at) /* a line ends here, or all */
        return end == word ? NULL : strndup(word, (size_t)(end - word));
    *end = 0;
    return strdup(word);
}

/* The end of the line, without the white space before it. */
static char *line_end(char *from, char *line)
{
    char *end = strchrnul(line, '\n');
    while (end > from && isspace((unsigned char)end[-1]))
        end--;
    return end;
}

/* A value, to the end of a line: of this one, or of the one that ends with its closing quotes. */
static enum trit_code take_value(struct reader *r, char **value)
{
    static const char triple[] = "\"\"\"";
    const size_t first = r->line;
    const size_t quotes = !strncmp(r->at, triple, 3) ? 3 : *r->at == '"' ? 1 : 0;
    char *begin = r->at + quotes;
    for (char *line = begin;;) {
        char *newline = strchrnul(line, '\n'), *end = line_end(begin, line);
        const bool closed =
            (size_t)(end - begin) >= quotes && !strncmp(end - quotes, triple, quotes);
        r->at = *newline ? newline + 1 : newline;
        r->line += *newline != 0;
        if (closed) {
            *value = strndup(begin, (size_t)(end - quotes - begin));
            return *value ? TRIT_OK : trit_fail(r->error, TRIT_EMEMORY, "%s: no memory", r->name);
        }
        if (!*newline)
            return fail_at(r, first, "the closing quotes are missing at the end of a line");
        line = r->at;
    }
}

static enum trit_code give(struct reader *r, struct trit_modelfile *m, const char *keyword,
                           const char *word, const char *value, size_t line)
{
    struct trit_error why;
    enum trit_code code;
    if (!strcasecmp(keyword, "PARAMETER"))
        code = trit_modelfile_parameter(m, word, value, &why);
    else if (!strcasecmp(keyword, "MESSAGE"))
        code = trit_modelfile_message(m, word, value, &why);
    else
        code = trit_modelfile_set(m, keyword, value, &why);
    if (code == TRIT_EARGUMENT)
        return fail_at(r, line, why.text);
    return code ? trit_fail(r->error, code, "%s: line %zu: %s", r->name, line, why.text) : TRIT_OK;
}

static enum trit_code take_line(struct reader *r, struct trit_modelfile *m)
{
    const size_t line = r->line;
    char *keyword = take_word(r), *word = NULL, *value = NULL;
    if (!keyword)
        return trit_fail(r->error, TRIT_EMEMORY, "%s: no memory", r->name);
    const bool pair = !strcasecmp(keyword, "PARAMETER") || !strcasecmp(keyword, "MESSAGE");
    enum trit_code code = TRIT_OK;
    if (pair)
        word = take_word(r);
    if ((pair && !word) || !*r->at || *r->at == '\n')
        code = fail_at(r, line, "a keyword without its value");
    if (!code)
        code = take_value(r, &value);
    if (!code)
        code = give(r, m, keyword, word, value, line);
    free(keyword);
    free(word);
    free(value);
    return code;
}

/* Line ends of other systems become this one's. */
static void drop_returns(char *text)
{
    char *to = text;
    for (const char *c = text; *c; c++)
        if (*c != '\r' || c[1] != '\n')
            *to++ = *c == '\r' ? '\n' : *c;
    *to = 0;
}

enum trit_code trit_modelfile_parse(struct trit_modelfile *m, const char *text, size_t bytes,
                                    const char *name, struct trit_error *error)
{
    *m = (struct trit_modelfile){ 0 };
    if (bytes > TRIT_MODELFILE_MOST)
        return trit_fail(error, TRIT_EFORMAT, "%s: is longer than %d bytes", name,
                         TRIT_MODELFILE_MOST);
    if (memchr(text, 0, bytes) || trit_utf8_valid(text, bytes) != bytes)
        return trit_fail(error, TRIT_EFORMAT, "%s: is no text in UTF-8", name);
    const size_t mark = bytes >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
    char *copy = strndup(text + mark, bytes - mark);
    if (!copy)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory", name);
    drop_returns(copy);
    struct reader r = { copy, 1, name, error };
    enum trit_code code = TRIT_OK;
    while (*r.at && !code) {
        skip_blanks(&r);
        if (*r.at == '#')
            r.at = strchrnul(r.at, '\n');
        else if (*r.at && !isspace((unsigned char)*r.at))
            code = take_line(&r, m);
        if (!code && *r.at && isspace((unsigned char)*r.at))
            r.line += *r.at++ == '\n';
    }
    free(copy);
    return code;
}

static void put_value(FILE *out, const char *value)
{
    const size_t n = strlen(value);
    const bool quoted = !n || strchr(value, '\n') || isspace((unsigned char)*value) ||
                        isspace((unsigned char)value[n - 1]) || *value == '"';
    const char *quotes = !quoted ? "" : strchr(value, '"') ? "\"\"\"" : "\"";
    fputs(quotes, out);
    for (const char *line = value; *line;) {
        const char *end = strchrnul(line, '\n'), *last = end;
        while (last > line && isspace((unsigned char)last[-1]))
            last--;
        const bool closes = *end && last - line >= 3 && !memcmp(last - 3, "\"\"\"", 3);
        fprintf(out, "%.*s", (int)(last - line), line);
        fprintf(out, "%s%.*s", closes ? "." : "", (int)(end - last) + (*end != 0), last);
        line = end + (*end != 0);
    }
    fprintf(out, "%s\n", quotes);
}

static void put_text(FILE *out, const char *keyword, const char *value)
{
    if (!value)
        return;
    fprintf(out, "%s ", keyword);
    put_value(out, value);
}

static void put_pairs(FILE *out, const char *keyword, const struct trit_modelfile_pairs *pairs)
{
    for (size_t i = 0; i < pairs->n; i++) {
        fprintf(out, "%s %s ", keyword, pairs->v[i].name);
        put_value(out, pairs->v[i].value);
    }
}

char *trit_modelfile_text(const struct trit_modelfile *m)
{
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return NULL;
    put_text(out, "FROM", m->from);
    put_text(out, "TEMPLATE", m->chat_template);
    put_text(out, "SYSTEM", m->system);
    put_pairs(out, "PARAMETER", &m->parameters);
    put_pairs(out, "MESSAGE", &m->messages);
    put_text(out, "LICENSE", m->license);
    const bool failed = ferror(out) != 0;
    if (fclose(out) || failed) {
        free(text);
        return NULL;
    }
    return text;
}
