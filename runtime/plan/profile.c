/* A profile in memory: its rows in order, its limits, this machine's identity. */
#define _GNU_SOURCE
#include "runtime/plan/profile.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/base/mem.h"
#include "runtime/kernel/name.h"
#include "runtime/kernel/probe.h"
#include "runtime/plan/internal.h"

#ifndef TRIT_COMPILER
#define TRIT_COMPILER "unknown"
#endif

static const char *const phases[TRIT_NPHASES] = { "decode", "prefill" };

const char *trit_phase_name(enum trit_phase phase)
{
    return phase < TRIT_NPHASES ? phases[phase] : "?";
}

/* Brands come with runs of blanks. */
static void squeeze(char *text)
{
    char *out = text;
    for (const char *s = text; *s; s++)
        if (*s != ' ' || (out > text && out[-1] != ' '))
            *out++ = *s;
    while (out > text && out[-1] == ' ')
        out--;
    *out = 0;
}

void trit_profile_cpu(char *text, size_t room)
{
    const struct trit_cpu *cpu = trit_cpu_get();
    snprintf(text, room, "%s %d/%d/%d %s", *cpu->vendor ? cpu->vendor : "unknown", cpu->family,
             cpu->model, cpu->stepping, cpu->brand);
    squeeze(text);
}

void trit_profile_caches(char *text, size_t room)
{
    const struct trit_cpu *cpu = trit_cpu_get();
    snprintf(text, room, "%zu %zu %zu", cpu->l1d, cpu->l2, cpu->l3);
}

void trit_profile_isas(char *text, size_t room)
{
    size_t n = 0;
    *text = 0;
    for (enum trit_isa isa = 0; isa < TRIT_NISA; isa++) {
        if (!trit_isa_usable(isa, NULL))
            continue;
        int more = snprintf(text + n, room - n, "%s%s", n ? " " : "", trit_isa_name(isa));
        if (more < 0 || (size_t)more >= room - n)
            return;
        n += (size_t)more;
    }
}

enum trit_code trit_profile_create(struct trit_profile **profile, struct trit_error *error)
{
    struct trit_profile *p = *profile = calloc(1, sizeof *p);
    if (!p)
        return trit_fail(error, TRIT_EMEMORY, "no memory for a profile");
    time_t now = time(NULL);
    struct tm utc;
    trit_profile_cpu(p->cpu, sizeof p->cpu);
    trit_profile_caches(p->caches, sizeof p->caches);
    trit_profile_isas(p->isas, sizeof p->isas);
    snprintf(p->kernel_set, sizeof p->kernel_set, "%s", trit_kernel_set);
    snprintf(p->compiler, sizeof p->compiler, "%s", TRIT_COMPILER);
    strftime(p->made, sizeof p->made, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    snprintf(p->conditions, sizeof p->conditions, "none noted");
    return TRIT_OK;
}

void trit_profile_free(struct trit_profile *profile)
{
    if (profile)
        free(profile->rows);
    free(profile);
}

void trit_profile_note(struct trit_profile *profile, const char *format, ...)
{
    const size_t n = strlen(profile->log), room = sizeof profile->log - n;
    va_list args;
    va_start(args, format);
    int more = vsnprintf(profile->log + n, room, format, args);
    va_end(args);
    if (more < 0 || (size_t)more + 1 >= room)
        profile->log[n] = 0; /* whole lines only */
    else
        memcpy(profile->log + n + more, "\n", 2);
}

static int order(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

/* A packing that is not known counts as one for trits. */
static struct trit_form form_of(const struct trit_profile_row *row)
{
    const struct trit_packing *packing = trit_packing_find(row->packing);
    return packing ? trit_packing_form(packing) : (struct trit_form){ 0, TRIT_TRITS };
}

static int compare_plans(const struct trit_profile_row *a, const struct trit_profile_row *b)
{
    int by = order(a->n, b->n);
    by = by ? by : order(a->k, b->k);
    by = by ? by : order((size_t)a->threads, (size_t)b->threads);
    if (by || !strcmp(a->packing, b->packing))
        return by;
    const struct trit_form x = form_of(a), y = form_of(b);
    by = order(x.group, y.group);
    return by ? by : order(x.values, y.values);
}

bool trit_profile_same(const struct trit_profile_row *a, const struct trit_profile_row *b)
{
    return compare_plans(a, b) == 0;
}

int trit_profile_compare(const struct trit_profile_row *a, const struct trit_profile_row *b)
{
    const int by = compare_plans(a, b);
    return by ? by : order(a->phase, b->phase);
}

/* The first row that is not before key. */
static size_t lower_bound(const struct trit_profile *p, const struct trit_profile_row *key)
{
    size_t low = 0, high = p->nrows;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (trit_profile_compare(&p->rows[mid], key) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

enum trit_code trit_profile_put(struct trit_profile *p, const struct trit_profile_row *row,
                                struct trit_error *error)
{
    const size_t at = lower_bound(p, row);
    if (at < p->nrows && !trit_profile_compare(&p->rows[at], row)) {
        p->rows[at] = *row;
        return TRIT_OK;
    }
    if (p->nrows == TRIT_PROFILE_ROWS)
        return trit_fail(error, TRIT_EARGUMENT, "a profile holds at most %d plans",
                         TRIT_PROFILE_ROWS);
    if (p->nrows == p->room) {
        const size_t room = p->room ? 2 * p->room : 64;
        struct trit_profile_row *rows = realloc(p->rows, room * sizeof *rows);
        if (!rows)
            return trit_fail(error, TRIT_EMEMORY, "no memory for %zu plans", room);
        p->rows = rows;
        p->room = room;
    }
    memmove(p->rows + at + 1, p->rows + at, (p->nrows - at) * sizeof *p->rows);
    p->rows[at] = *row;
    p->nrows++;
    return TRIT_OK;
}

const struct trit_profile_row *trit_profile_row(const struct trit_profile *p,
                                                const struct trit_profile_row *like)
{
    const size_t at = lower_bound(p, like);
    return at < p->nrows && !trit_profile_compare(&p->rows[at], like) ? &p->rows[at] : NULL;
}

const struct trit_profile_limit *trit_profile_limit(const struct trit_profile *p, int threads)
{
    for (size_t i = 0; i < p->nlimits; i++)
        if (p->limits[i].threads == threads)
            return &p->limits[i];
    return NULL;
}

bool trit_profile_tile(const struct trit_profile_row *row, int tile[3])
{
    static const enum trit_op ops[TRIT_NPHASES] = { TRIT_OP_gemv, TRIT_OP_gemm };
    struct trit_name name;
    if (!trit_name_parse(row->kernel, &name) || strcmp(name.op, trit_op_name(ops[row->phase])) ||
        strcmp(name.packing, row->packing) || strcmp(name.act, row->act))
        return false;
    const uint64_t numbers[] = { name.mr, name.nr, name.kr };
    for (int i = 0; i < 3; i++) {
        if (numbers[i] < 1 || numbers[i] > 1024)
            return false;
        tile[i] = (int)numbers[i];
    }
    return true;
}

double trit_profile_share(const struct trit_profile *p, const struct trit_profile_row *row)
{
    const struct trit_profile_limit *limit = trit_profile_limit(p, row->threads);
    const struct trit_packing *packing = trit_packing_find(row->packing);
    int tile[3];
    if (!limit || !packing || !trit_profile_tile(row, tile))
        return 0;
    const double macs = (double)row->n * (double)row->k * (double)row->tokens;
    const double scales = packing->group ? 0 : 4.0 * (double)row->n;
    const double bytes =
        (double)trit_packed_bytes(packing, row->n, row->k, (size_t)tile[1]) + scales;
    const bool decode = row->phase == TRIT_DECODE;
    const double most = decode ? limit->read_gbs : limit->int8_gmacs;
    return most > 0 ? (decode ? bytes : macs) / row->median_ns / most : 0;
}
