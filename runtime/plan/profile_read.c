/* Reads profiles. Strict: whatever is not as it would have been written refuses the whole file,
   with the line. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/file.h"
#include "runtime/base/utf8.h"
#include "runtime/plan/internal.h"

enum { LINE = 2048, WORDS = 32 };

static const char magic[] = TRIT_PROFILE_MAGIC;

struct reader {
    const char *path, *at, *end;
    int line; /* number of the one in text */
    char text[LINE];
    struct trit_profile *profile;
    struct trit_error *error;
};

__attribute__((format(printf, 2, 3))) static enum trit_code bad(const struct reader *r,
                                                                const char *format, ...)
{
    char what[512];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return trit_fail(r->error, TRIT_EFORMAT, "%s: line %d: %s", r->path, r->line, what);
}

/* The next line into r->text, without its end. */
static enum trit_code next_line(struct reader *r)
{
    r->line++;
    if (r->at == r->end)
        return bad(r, "the file ends without its last line, 'end'");
    const size_t left = (size_t)(r->end - r->at);
    const char *stop = memchr(r->at, '\n', left);
    const size_t n = stop ? (size_t)(stop - r->at) : left;
    if (n >= LINE)
        return bad(r, "is longer than %d bytes", LINE - 1);
    if (!stop)
        return bad(r, "the file is cut off here");
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)r->at[i] < ' ' || r->at[i] == 0x7f)
            return bad(r, "byte %zu is 0x%02x, a control character", i + 1,
                       (unsigned)(unsigned char)r->at[i]);
    const size_t valid = trit_utf8_valid(r->at, n);
    if (valid < n)
        return bad(r, "byte %zu is 0x%02x, which is not UTF-8 there", valid + 1,
                   (unsigned)(unsigned char)r->at[valid]);
    memcpy(r->text, r->at, n);
    r->text[n] = 0;
    r->at = stop + 1;
    return TRIT_OK;
}

/* Digits only, 15 at most; *rest is what follows them. False where there are none. */
static bool digits(const char *s, double *value, const char **rest)
{
    int n = 0;
    for (*value = 0; s[n] >= '0' && s[n] <= '9' && n < 16; n++)
        *value = *value * 10 + (s[n] - '0');
    *rest = s + n;
    return n > 0 && n < 16;
}

/* "12" or, where fraction, "12.345" too: no sign, no exponent. */
static bool number(const char *s, bool fraction, double *value)
{
    const char *rest;
    if (!digits(s, value, &rest))
        return false;
    double unit = 1, part = 0;
    if (fraction && *rest == '.') {
        const char *first = rest + 1;
        if (!digits(first, &part, &rest) || rest - first > 9)
            return false;
        for (const char *p = first; p < rest; p++)
            unit *= 10;
    }
    *value = (*value * unit + part) / unit;
    return !*rest;
}

static enum trit_code read_format(struct reader *r)
{
    double format;
    const size_t n = sizeof magic - 1, left = (size_t)(r->end - r->at);
    if (left < n || memcmp(r->at, magic, n) != 0)
        return trit_fail(r->error, TRIT_EFORMAT, "%s: is no profile: its first line must be '%s%d'",
                         r->path, magic, TRIT_PROFILE_FORMAT);
    enum trit_code code = next_line(r);
    if (code)
        return code;
    if (!number(r->text + n, false, &format))
        return bad(r, "'%.32s' is no format number", r->text + n);
    if (format != TRIT_PROFILE_FORMAT)
        return trit_fail(r->error, TRIT_EUNSUPPORTED,
                         "%s: line 1: format %.0f, this program knows %d: %s", r->path, format,
                         TRIT_PROFILE_FORMAT,
                         format < TRIT_PROFILE_FORMAT ? "tune again" : "it needs a newer tritmill");
    return TRIT_OK;
}

static enum trit_code read_text(struct reader *r, const struct trit_profile_text *t)
{
    enum trit_code code = next_line(r);
    if (code)
        return code;
    const size_t n = strlen(t->key);
    const char *value = r->text + n + 1;
    if (strncmp(r->text, t->key, n) != 0 || r->text[n] != ' ')
        return bad(r, "expected '%s', found '%.40s'", t->key, r->text);
    const size_t length = strlen(value);
    if (!length || *value == ' ' || value[length - 1] == ' ')
        return bad(r, "'%s' must have a text, without blanks around it", t->key);
    if (length >= t->room)
        return bad(r, "'%s' is longer than %zu bytes", t->key, t->room - 1);
    memcpy((char *)r->profile + t->offset, value, length + 1);
    return TRIT_OK;
}

static enum trit_code check_date(const struct reader *r)
{
    static const char form[] = "0000-00-00T00:00:00Z";
    const char *made = r->profile->made;
    for (size_t i = 0; i < sizeof form; i++)
        if (form[i] == '0' ? made[i] < '0' || made[i] > '9' : made[i] != form[i])
            return trit_fail(r->error, TRIT_EFORMAT,
                             "%s: 'made %s' is no date like 2026-01-31T23:59:59Z", r->path, made);
    return TRIT_OK;
}

static enum trit_code read_number(struct reader *r, const struct trit_profile_field *f,
                                  const char *word, void *out)
{
    double value;
    if (!number(word, f->kind == TRIT_FIELD_REAL, &value))
        return bad(r, "%s '%.40s' is no number", f->label, word);
    value *= f->unit;
    if (value < f->min || value > f->max)
        return bad(r, "%s %.40s is out of range: %.15g to %.15g", f->label, word, f->min / f->unit,
                   f->max / f->unit);
    if (f->kind == TRIT_FIELD_REAL)
        *(double *)out = value;
    else if (f->kind == TRIT_FIELD_INT)
        *(int *)out = (int)value;
    else
        *(size_t *)out = (size_t)value;
    return TRIT_OK;
}

static enum trit_code read_word(struct reader *r, const struct trit_profile_field *f,
                                const char *word, void *out)
{
    const size_t n = strlen(word);
    if (!n)
        return bad(r, "%s is empty", f->label);
    if (n >= f->room)
        return bad(r, "%s is longer than %zu bytes", f->label, f->room - 1);
    memcpy(out, word, n + 1);
    return TRIT_OK;
}

static enum trit_code read_hash(struct reader *r, const struct trit_profile_field *f,
                                const char *word, void *out)
{
    if (strlen(word) != 16 || word[strspn(word, "0123456789abcdef")])
        return bad(r, "%s '%.40s' is not 16 hex digits", f->label, word);
    *(uint64_t *)out = strtoull(word, NULL, 16);
    return TRIT_OK;
}

static enum trit_code read_phase(struct reader *r, const struct trit_profile_field *f,
                                 const char *word, void *out)
{
    for (enum trit_phase phase = 0; phase < TRIT_NPHASES; phase++)
        if (!strcmp(word, trit_phase_name(phase))) {
            *(enum trit_phase *)out = phase;
            return TRIT_OK;
        }
    return bad(r, "%s '%.40s' is neither decode nor prefill", f->label, word);
}

static enum trit_code (*const readers[])(struct reader *, const struct trit_profile_field *,
                                         const char *, void *) = {
    [TRIT_FIELD_SIZE] = read_number, [TRIT_FIELD_INT] = read_number,
    [TRIT_FIELD_REAL] = read_number, [TRIT_FIELD_WORD] = read_word,
    [TRIT_FIELD_HASH] = read_hash,   [TRIT_FIELD_PHASE] = read_phase,
};

/* Cuts a line at single blanks, in place. */
static size_t cut(char *text, const char *words[WORDS])
{
    size_t n = 0;
    for (char *s = text; s && n < WORDS;) {
        words[n++] = s;
        s = strchr(s, ' ');
        if (s)
            *s++ = 0;
    }
    return n;
}

static enum trit_code read_fields(struct reader *r, const struct trit_profile_record *record,
                                  const char **words, size_t nwords, void *out)
{
    for (size_t i = 0; i < record->nfields; i++) {
        const struct trit_profile_field *f = &record->fields[i];
        if (nwords < 2 * i + 3)
            return bad(r, "%s: '%s' is missing at the end of the line", record->word, f->label);
        if (strcmp(words[2 * i + 1], f->label) != 0)
            return bad(r, "%s: expected '%s', found '%.40s'", record->word, f->label,
                       words[2 * i + 1]);
        enum trit_code code = readers[f->kind](r, f, words[2 * i + 2], (char *)out + f->offset);
        if (code)
            return code;
    }
    if (nwords > 2 * record->nfields + 1)
        return bad(r, "%s: '%.40s' is too much", record->word, words[2 * record->nfields + 1]);
    return TRIT_OK;
}

static enum trit_code read_limit(struct reader *r, const char **words, size_t n)
{
    struct trit_profile *p = r->profile;
    struct trit_profile_limit limit;
    enum trit_code code = read_fields(r, &trit_profile_records[TRIT_LINE_LIMIT], words, n, &limit);
    if (code)
        return code;
    if (trit_profile_limit(p, limit.threads))
        return bad(r, "limits for %d threads were there before", limit.threads);
    if (p->nlimits == TRIT_PROFILE_LIMITS)
        return bad(r, "more than %d limits", TRIT_PROFILE_LIMITS);
    p->limits[p->nlimits++] = limit;
    return TRIT_OK;
}

static bool plain_name(const char *s)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return *s && *s != '.' && !s[strspn(s, letters)];
}

static enum trit_code read_library(struct reader *r, const char **words, size_t n)
{
    struct trit_profile *p = r->profile;
    struct trit_profile_library library;
    enum trit_code code =
        read_fields(r, &trit_profile_records[TRIT_LINE_LIBRARY], words, n, &library);
    if (code)
        return code;
    if (!plain_name(library.file))
        return bad(r, "library '%.60s' must be a plain name: letters, digits, '.', '_', '-'",
                   library.file);
    if (strlen(library.sha256) != 64 || library.sha256[strspn(library.sha256, "0123456789abcdef")])
        return bad(r, "sha256 is not 64 hex digits");
    for (size_t i = 0; i < p->nlibraries; i++)
        if (!strcmp(p->libraries[i].file, library.file))
            return bad(r, "library '%.60s' was there before", library.file);
    if (p->nlibraries == TRIT_PROFILE_LIBRARIES)
        return bad(r, "more than %d libraries", TRIT_PROFILE_LIBRARIES);
    p->libraries[p->nlibraries++] = library;
    return TRIT_OK;
}

static bool grow(struct trit_profile *p)
{
    const size_t room = p->room ? 2 * p->room : 64;
    struct trit_profile_row *rows = realloc(p->rows, room * sizeof *rows);
    if (!rows)
        return false;
    p->rows = rows;
    p->room = room;
    return true;
}

static enum trit_code read_plan(struct reader *r, const char **words, size_t n)
{
    struct trit_profile *p = r->profile;
    struct trit_profile_row row = { .line = r->line };
    int tile[3];
    enum trit_code code = read_fields(r, &trit_profile_records[TRIT_LINE_PLAN], words, n, &row);
    if (code)
        return code;
    if (!trit_profile_tile(&row, tile))
        return bad(r, "kernel '%.127s' is no %s kernel of packing %s and act %s", row.kernel,
                   row.phase == TRIT_DECODE ? "gemv" : "gemm", row.packing, row.act);
    if (p->nrows == TRIT_PROFILE_ROWS)
        return bad(r, "more than %d plans", TRIT_PROFILE_ROWS);
    if (p->nrows == p->room && !grow(p))
        return trit_fail(r->error, TRIT_EMEMORY, "%s: no memory for its plans", r->path);
    p->rows[p->nrows++] = row;
    return TRIT_OK;
}

static enum trit_code (*const bodies[TRIT_NLINES])(struct reader *, const char **, size_t) = {
    [TRIT_LINE_LIMIT] = read_limit,
    [TRIT_LINE_LIBRARY] = read_library,
    [TRIT_LINE_PLAN] = read_plan,
};

static enum trit_code read_body(struct reader *r)
{
    const char *words[WORDS];
    for (;;) {
        enum trit_code code = next_line(r);
        if (code)
            return code;
        if (!strcmp(r->text, "end"))
            break;
        const size_t n = cut(r->text, words);
        size_t line = 0;
        while (line < TRIT_NLINES && strcmp(words[0], trit_profile_records[line].word) != 0)
            line++;
        if (line == TRIT_NLINES)
            return bad(r, "'%.40s' begins no line of a profile", words[0]);
        if ((code = bodies[line](r, words, n)))
            return code;
    }
    r->line++;
    return r->at == r->end ? TRIT_OK : bad(r, "there is more after 'end'");
}

static int by_key(const void *a, const void *b)
{
    return trit_profile_compare(a, b);
}

static int by_threads(const void *a, const void *b)
{
    const struct trit_profile_limit *x = a, *y = b;
    return x->threads - y->threads;
}

/* Sorted rows: no two alike, decode and prefill of one plan on the same packed weights. */
static enum trit_code check_rows(struct reader *r)
{
    const struct trit_profile *p = r->profile;
    for (size_t i = 1; i < p->nrows; i++) {
        const struct trit_profile_row *a = &p->rows[i - 1], *b = &p->rows[i];
        const int first = a->line < b->line ? a->line : b->line;
        int x[3], y[3];
        r->line = a->line < b->line ? b->line : a->line;
        if (!trit_profile_same(a, b))
            continue;
        if (a->phase == b->phase)
            return bad(r, "is about the same matrix, threads and phase as line %d", first);
        if (strcmp(a->packing, b->packing) || strcmp(a->act, b->act) || !trit_profile_tile(a, x) ||
            !trit_profile_tile(b, y) || x[1] != y[1] || x[2] != y[2])
            return bad(r, "has another packing than line %d, which is about the same matrix",
                       first);
    }
    return TRIT_OK;
}

static enum trit_code read_all(struct reader *r)
{
    struct trit_profile *p = r->profile;
    enum trit_code code = read_format(r);
    for (size_t i = 0; i < trit_profile_ntexts && !code; i++)
        code = read_text(r, &trit_profile_texts[i]);
    if (code || (code = check_date(r)) || (code = read_body(r)))
        return code;
    if (p->nrows)
        qsort(p->rows, p->nrows, sizeof *p->rows, by_key);
    qsort(p->limits, p->nlimits, sizeof *p->limits, by_threads);
    return check_rows(r);
}

enum trit_code trit_profile_parse(struct trit_profile **profile, const char *path, const char *text,
                                  size_t bytes, struct trit_error *error)
{
    struct reader r = { .path = path, .at = text, .end = text + bytes, .error = error };
    *profile = NULL;
    r.profile = calloc(1, sizeof *r.profile);
    if (!r.profile)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory", path);
    enum trit_code code = read_all(&r);
    if (code) {
        trit_profile_free(r.profile);
        return code;
    }
    snprintf(r.profile->path, sizeof r.profile->path, "%s", path);
    *profile = r.profile;
    return TRIT_OK;
}

enum trit_code trit_profile_read(struct trit_profile **profile, const char *path,
                                 struct trit_error *error)
{
    char *text;
    size_t bytes;
    *profile = NULL;
    enum trit_code code = trit_file_read(path, TRIT_PROFILE_BYTES, &text, &bytes, error);
    if (code)
        return code;
    code = trit_profile_parse(profile, path, text, bytes, error);
    free(text);
    return code;
}
