/* Writes profiles, and only such as could be read back. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/base/file.h"
#include "runtime/base/utf8.h"
#include "runtime/plan/internal.h"

/* One line of text without blanks around it; "unknown" where nothing is left. */
static void put_text(FILE *out, const char *key, const char *text)
{
    const size_t n = strlen(text);
    size_t pending = 0, shown = 0;
    fprintf(out, "%s ", key);
    for (size_t i = 0, step; i < n; i += step) {
        const int length = trit_utf8_at(text + i, n - i);
        step = length > 0 ? (size_t)length : 1;
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f) {
            pending = shown > 0;
            continue;
        }
        if (pending)
            fputc(' ', out);
        pending = 0;
        fwrite(length > 0 ? text + i : "?", 1, step, out);
        shown++;
    }
    fputs(shown ? "\n" : "unknown\n", out);
}

static void put_field(FILE *out, const struct trit_profile_field *f, const void *value)
{
    fprintf(out, " %s ", f->label);
    switch (f->kind) {
    case TRIT_FIELD_SIZE:
        fprintf(out, "%zu", *(const size_t *)value);
        break;
    case TRIT_FIELD_INT:
        fprintf(out, "%d", *(const int *)value);
        break;
    case TRIT_FIELD_REAL:
        fprintf(out, "%.3f", *(const double *)value / f->unit);
        break;
    case TRIT_FIELD_WORD:
        fputs(value, out);
        break;
    case TRIT_FIELD_HASH:
        fprintf(out, "%016" PRIx64, *(const uint64_t *)value);
        break;
    case TRIT_FIELD_PHASE:
        fputs(trit_phase_name(*(const enum trit_phase *)value), out);
        break;
    }
}

static void put_record(FILE *out, enum trit_profile_line line, const void *values)
{
    const struct trit_profile_record *record = &trit_profile_records[line];
    fputs(record->word, out);
    for (size_t i = 0; i < record->nfields; i++)
        put_field(out, &record->fields[i], (const char *)values + record->fields[i].offset);
    fputc('\n', out);
}

/* Limits by thread count; there are few. */
static void put_limits(FILE *out, const struct trit_profile *p)
{
    for (int threads = 0, next; threads < INT_MAX; threads = next) {
        next = INT_MAX;
        for (size_t i = 0; i < p->nlimits; i++)
            if (p->limits[i].threads > threads && p->limits[i].threads < next)
                next = p->limits[i].threads;
        for (size_t i = 0; i < p->nlimits; i++)
            if (p->limits[i].threads == next)
                put_record(out, TRIT_LINE_LIMIT, &p->limits[i]);
    }
}

static void put_all(FILE *out, const struct trit_profile *p)
{
    fprintf(out, TRIT_PROFILE_MAGIC "%d\n", TRIT_PROFILE_FORMAT);
    for (size_t i = 0; i < trit_profile_ntexts; i++)
        put_text(out, trit_profile_texts[i].key, (const char *)p + trit_profile_texts[i].offset);
    put_limits(out, p);
    for (size_t i = 0; i < p->nlibraries; i++)
        put_record(out, TRIT_LINE_LIBRARY, &p->libraries[i]);
    for (size_t i = 0; i < p->nrows; i++)
        put_record(out, TRIT_LINE_PLAN, &p->rows[i]);
    fputs("end\n", out);
}

static bool is_profile(const char *head, size_t bytes)
{
    return trit_head_is(head, bytes, TRIT_PROFILE_MAGIC);
}

const struct trit_file_kind trit_output_profile = { "a profile", is_profile, 0666 };

static enum trit_code readable(const char *text, size_t bytes, struct trit_error *error)
{
    struct trit_profile *back;
    struct trit_error fault;
    if (bytes > TRIT_PROFILE_BYTES)
        return trit_fail(error, TRIT_EARGUMENT, "the profile is larger than %d bytes",
                         TRIT_PROFILE_BYTES);
    if (trit_profile_parse(&back, "the profile, as it would be written", text, bytes, &fault))
        return trit_fail(error, TRIT_EARGUMENT, "%s", fault.text);
    trit_profile_free(back);
    return TRIT_OK;
}

enum trit_code trit_profile_print(const struct trit_profile *profile, char **text, size_t *bytes,
                                  struct trit_error *error)
{
    *text = NULL;
    FILE *out = open_memstream(text, bytes);
    if (!out)
        return trit_fail(error, TRIT_EMEMORY, "no memory for the profile's text");
    put_all(out, profile);
    enum trit_code code = TRIT_OK;
    if (fclose(out))
        code = trit_fail(error, TRIT_EMEMORY, "no memory for the profile's text");
    if (!code)
        code = readable(*text, *bytes, error);
    if (code) {
        free(*text);
        *text = NULL;
    }
    return code;
}

enum trit_code trit_profile_write(const struct trit_profile *profile, const char *path,
                                  struct trit_error *error)
{
    char *text;
    size_t bytes;
    struct trit_file *file;
    enum trit_code code = trit_profile_print(profile, &text, &bytes, error);
    if (!code)
        code = trit_file_create_as(&file, path, &trit_output_profile, error);
    if (!code) {
        trit_file_write(file, text, bytes);
        code = trit_file_commit(file, error);
    }
    free(text);
    return code;
}
