/* A profile as aligned text, as JSON, and what two of them differ in. */
#include "runtime/program/internal.h"

#include <inttypes.h>
#include <string.h>

char *trit_profile_time(double ns, char *out)
{
    const bool slow = ns >= 1e6;
    snprintf(out, 16, "%.*f %s", slow ? 2 : 1, ns / (slow ? 1e6 : 1e3), slow ? "ms" : "us");
    return out;
}

static const char *text_of(const struct trit_profile *p, size_t i)
{
    return (const char *)p + trit_profile_texts[i].offset;
}

static void show_head(const struct trit_profile *p, FILE *to)
{
    fprintf(to, "%-12s%s\n", "profile", p->path);
    for (size_t i = 0; i < trit_profile_ntexts; i++)
        fprintf(to, "%-12s%s\n", trit_profile_texts[i].key, text_of(p, i));
    for (size_t i = 0; i < p->nlimits; i++)
        fprintf(to, "%-12s%d thread%s: %.1f GB/s read, %.1f GMAC/s int8\n", "limits",
                p->limits[i].threads, p->limits[i].threads == 1 ? "" : "s", p->limits[i].read_gbs,
                p->limits[i].int8_gmacs);
    for (size_t i = 0; i < p->nlibraries; i++)
        fprintf(to, "%-12s%s, SHA-256 %.16s...\n", "library", p->libraries[i].file,
                p->libraries[i].sha256);
}

/* "all" for 0. */
static char *block_text(size_t block, char out[24])
{
    snprintf(out, 24, block ? "%zu" : "all", block);
    return out;
}

static void show_row(const struct trit_profile *p, const struct trit_profile_row *row, FILE *to)
{
    char shape[48], median[16], spread[16], mc[24], nc[24], share[16] = "-";
    const double part = trit_profile_share(p, row);
    snprintf(shape, sizeof shape, "%zu x %zu", row->n, row->k);
    if (part > 0)
        snprintf(share, sizeof share, "%.0f %%", 100 * part);
    fprintf(to, "%15s %7d  %-8s%6zu %10s %10s %8s %6s %6s  %s\n", shape, row->threads,
            trit_phase_name(row->phase), row->tokens, trit_profile_time(row->median_ns, median),
            trit_profile_time(row->spread_ns, spread), share, block_text(row->mc, mc),
            block_text(row->nc, nc), row->kernel);
}

void trit_profile_show(const struct trit_profile *p, FILE *to)
{
    show_head(p, to);
    fprintf(to, "\n%15s %7s  %-8s%6s %10s %10s %8s %6s %6s  %s\n", "N x K", "threads", "phase",
            "tokens", "median", "spread", "of limit", "mc", "nc", "kernel");
    for (size_t i = 0; i < p->nrows; i++)
        show_row(p, &p->rows[i], to);
}

static json_t *text_json(const char *text)
{
    return trit_json_text((struct trit_text){ text, strlen(text) });
}

static json_t *row_json(const struct trit_profile *p, const struct trit_profile_row *row)
{
    char hash[17];
    snprintf(hash, sizeof hash, "%016" PRIx64, row->hash);
    const double share = trit_profile_share(p, row);
    return json_pack("{sI sI si ss ss ss sI ss ss sI sI sf sf so}", "n", (json_int_t)row->n, "k",
                     (json_int_t)row->k, "threads", row->threads, "phase",
                     trit_phase_name(row->phase), "packing", row->packing, "act", row->act,
                     "tokens", (json_int_t)row->tokens, "kernel", row->kernel, "hash", hash, "mc",
                     (json_int_t)row->mc, "nc", (json_int_t)row->nc, "median_ns", row->median_ns,
                     "spread_ns", row->spread_ns, "limit_ratio",
                     share > 0 ? json_real(share) : json_null());
}

json_t *trit_profile_json(const struct trit_profile *p)
{
    json_t *limits = json_array(), *libraries = json_array(), *plans = json_array();
    json_t *json = json_pack("{so si}", "path", text_json(p->path), "format", TRIT_PROFILE_FORMAT);
    for (size_t i = 0; i < trit_profile_ntexts; i++)
        json_object_set_new(json, trit_profile_texts[i].key, text_json(text_of(p, i)));
    for (size_t i = 0; i < p->nlimits; i++)
        json_array_append_new(limits, json_pack("{si sf sf}", "threads", p->limits[i].threads,
                                                "read_gbs", p->limits[i].read_gbs, "int8_gmacs",
                                                p->limits[i].int8_gmacs));
    for (size_t i = 0; i < p->nlibraries; i++)
        json_array_append_new(libraries, json_pack("{ss ss}", "file", p->libraries[i].file,
                                                   "sha256", p->libraries[i].sha256));
    for (size_t i = 0; i < p->nrows; i++)
        json_array_append_new(plans, row_json(p, &p->rows[i]));
    json_object_set_new(json, "limits", limits);
    json_object_set_new(json, "libraries", libraries);
    json_object_set_new(json, "plans", plans);
    return json;
}

/* One line: the matrix, and what a and b have for it; either may be NULL. */
static void diff_row(const struct trit_profile_row *a, const struct trit_profile_row *b, FILE *to)
{
    const struct trit_profile_row *any = a ? a : b, *sides[] = { a, b };
    char shape[48], time[16];
    snprintf(shape, sizeof shape, "%zu x %zu", any->n, any->k);
    fprintf(to, "%s, %d thread%s, %s", shape, any->threads, any->threads == 1 ? "" : "s",
            trit_phase_name(any->phase));
    if (a && b)
        fprintf(to, ": %.3f of the time", b->median_ns / a->median_ns);
    fputc('\n', to);
    for (int i = 0; i < 2; i++) {
        const struct trit_profile_row *row = sides[i];
        if (!row)
            continue;
        fprintf(to, "  %c %10s  %s", "-+"[i], trit_profile_time(row->median_ns, time),
                row -> kernel);
        if (row->mc || row->nc)
            fprintf(to, " mc %zu nc %zu", row->mc, row->nc);
        fputc('\n', to);
    }
}

static bool same_plan(const struct trit_profile_row *a, const struct trit_profile_row *b)
{
    return !strcmp(a->kernel, b->kernel) && a->hash == b->hash && a->mc == b->mc &&
           a->nc == b->nc && a->tokens == b->tokens && a->median_ns == b->median_ns &&
           a->spread_ns == b->spread_ns;
}

static size_t diff_rows(const struct trit_profile *a, const struct trit_profile *b, FILE *to)
{
    size_t i = 0, j = 0, n = 0;
    while (i < a->nrows || j < b->nrows) {
        const struct trit_profile_row *x = i < a->nrows ? &a->rows[i] : NULL;
        const struct trit_profile_row *y = j < b->nrows ? &b->rows[j] : NULL;
        const int by = !x ? 1 : !y ? -1 : trit_profile_compare(x, y);
        if (by || !same_plan(x, y)) {
            diff_row(by <= 0 ? x : NULL, by >= 0 ? y : NULL, to);
            n++;
        }
        i += by <= 0;
        j += by >= 0;
    }
    return n;
}

static size_t diff_texts(const struct trit_profile *a, const struct trit_profile *b, FILE *to)
{
    size_t n = 0;
    for (size_t i = 0; i < trit_profile_ntexts; i++) {
        if (!strcmp(text_of(a, i), text_of(b, i)))
            continue;
        fprintf(to, "- %s %s\n+ %s %s\n", trit_profile_texts[i].key, text_of(a, i),
                trit_profile_texts[i].key, text_of(b, i));
        n++;
    }
    return n;
}

/* The limits that a has and b has not. */
static size_t limits_without(const struct trit_profile *a, const struct trit_profile *b, char sign,
                             FILE *to)
{
    size_t n = 0;
    for (size_t i = 0; i < a->nlimits; i++) {
        const struct trit_profile_limit *x = &a->limits[i], *y = trit_profile_limit(b, x->threads);
        if (y && y->read_gbs == x->read_gbs && y->int8_gmacs == x->int8_gmacs)
            continue;
        fprintf(to, "%c limits of %d thread%s: %.1f GB/s read, %.1f GMAC/s int8\n", sign,
                x->threads, x->threads == 1 ? "" : "s", x->read_gbs, x->int8_gmacs);
        n++;
    }
    return n;
}

static size_t diff_limits(const struct trit_profile *a, const struct trit_profile *b, FILE *to)
{
    return limits_without(a, b, '-', to) + limits_without(b, a, '+', to);
}

static size_t libraries_without(const struct trit_profile *a, const struct trit_profile *b,
                                char sign, FILE *to)
{
    size_t n = 0;
    for (size_t i = 0, j; i < a->nlibraries; i++) {
        for (j = 0; j < b->nlibraries; j++)
            if (!strcmp(a->libraries[i].sha256, b->libraries[j].sha256))
                break;
        if (j < b->nlibraries)
            continue;
        fprintf(to, "%c library %s, SHA-256 %.16s...\n", sign, a->libraries[i].file,
                a->libraries[i].sha256);
        n++;
    }
    return n;
}

static size_t diff_libraries(const struct trit_profile *a, const struct trit_profile *b, FILE *to)
{
    return libraries_without(a, b, '-', to) + libraries_without(b, a, '+', to);
}

size_t trit_profile_diff(const struct trit_profile *a, const struct trit_profile *b, FILE *to)
{
    fprintf(to, "--- %s\n+++ %s\n", a->path, b->path);
    const size_t head = diff_texts(a, b, to) + diff_limits(a, b, to) + diff_libraries(a, b, to);
    const size_t n = diff_rows(a, b, to);
    fprintf(to, "%zu plan%s\n", n, n == 1 ? " differs" : "s differ");
    return head + n;
}
