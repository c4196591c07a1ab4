/* A GGUF file for people: aligned, short, and safe for a terminal whatever its strings hold. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/text.h"
#include "runtime/base/utf8.h"
#include "runtime/cli/cli.h"
#include "runtime/program/internal.h"

typedef unsigned long long ull; /* for printf */

enum { VALUE_MAX = 64, ITEMS_MAX = 6 };

/* Controls (C0, DEL, C1) and bytes that are not UTF-8 would act on a terminal; quotes are ours. */
static bool is_plain(const char *s, int length)
{
    unsigned char first = (unsigned char)s[0], second = length > 1 ? (unsigned char)s[1] : 0;
    return length > 0 && first >= 0x20 && first != 0x7f && !(first == 0xc2 && second < 0xa0) &&
           first != '"' && first != '\\';
}

static void print_escaped(unsigned char byte)
{
    static const char named[] = {
        ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't', ['"'] = '"', ['\\'] = '\\',
    };
    if (byte < sizeof named && named[byte])
        printf("\\%c", named[byte]);
    else
        printf("\\x%02x", byte);
}

/* At most `most` bytes of it, in whole characters. */
static void print_safe(struct trit_text t, size_t most)
{
    for (size_t i = 0; i < t.n;) {
        int length = trit_utf8_at(t.s + i, t.n - i);
        size_t step = length > 0 ? (size_t)length : 1;
        if (i + step > most)
            break;
        if (is_plain(t.s + i, length))
            fwrite(t.s + i, 1, step, stdout);
        else
            for (size_t j = 0; j < step; j++)
                print_escaped((unsigned char)t.s[i + j]);
        i += step;
    }
}

static void print_string(struct trit_text t, bool all)
{
    size_t most = all ? SIZE_MAX : VALUE_MAX;
    putchar('"');
    print_safe(t, most);
    putchar('"');
    if (t.n > most)
        printf("... (%zu bytes)", t.n);
}

/* As short as reading it back allows. */
static void print_real(double value, enum trit_inspect_kind kind)
{
    char out[40];
    if (fabs(value) < 1e9 && value == floor(value)) {
        printf("%.0f", value);
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(out, sizeof out, "%.*g", digits, value);
        double back = kind == TRIT_IS_F32 ? (double)strtof(out, NULL) : strtod(out, NULL);
        if (back == value)
            break;
    }
    fputs(out, stdout);
}

static void print_item(const struct trit_inspect_item *item, bool all)
{
    switch (item->kind) {
    case TRIT_IS_TEXT:
        print_string(item->text, all);
        break;
    case TRIT_IS_BOOL:
        fputs(item->bits ? "true" : "false", stdout);
        break;
    case TRIT_IS_SIGNED:
        printf("%lld", (long long)item->bits);
        break;
    case TRIT_IS_UNSIGNED:
        printf("%llu", (ull)item->bits);
        break;
    default:
        print_real(item->real, item->kind);
    }
}

static void print_array(const struct trit_gguf_kv *kv, bool all)
{
    struct trit_inspect_walk walk = { kv->data, 0 };
    struct trit_inspect_item item;
    putchar('[');
    while ((all || walk.i < ITEMS_MAX) && trit_inspect_next(kv, &walk, &item)) {
        if (walk.i > 1)
            fputs(", ", stdout);
        print_item(&item, all);
    }
    if (walk.i < kv->count)
        printf(", ... (%llu)", (ull)kv->count);
    putchar(']');
}

static void print_metadata(const struct trit_gguf *g, bool all)
{
    size_t width = 0;
    for (size_t i = 0; i < g->nkv; i++)
        if (g->kv[i].key.n > width && g->kv[i].key.n <= VALUE_MAX)
            width = g->kv[i].key.n;
    printf("\nmetadata (%zu):\n", g->nkv);
    for (size_t i = 0; i < g->nkv; i++) {
        const struct trit_gguf_kv *kv = &g->kv[i];
        struct trit_inspect_walk walk = { kv->data, 0 };
        struct trit_inspect_item item;
        char type[32];
        bool array = kv->type == TRIT_GGUF_ARRAY;
        snprintf(type, sizeof type, "%s%s", trit_gguf_type_name(kv->item), array ? "[]" : "");
        fputs("  ", stdout);
        print_safe(kv->key, SIZE_MAX);
        printf("%*s  %-9s ", kv->key.n < width ? (int)(width - kv->key.n) : 0, "", type);
        if (array)
            print_array(kv, all);
        else if (trit_inspect_next(kv, &walk, &item))
            print_item(&item, all);
        putchar('\n');
    }
}

static void shape_text(const struct trit_gguf_tensor *t, char *out, size_t room)
{
    size_t n = 0;
    for (uint32_t i = 0; i < t->ndims; i++)
        n += (size_t)snprintf(out + n, room - n, "%s%llu", i ? " x " : "", (ull)t->ne[i]);
}

static void print_tensors(const struct trit_gguf *g)
{
    size_t width = 0;
    for (size_t i = 0; i < g->ntensors; i++)
        if (g->tensors[i].name.n > width)
            width = g->tensors[i].name.n;
    printf("\ntensors (%zu):\n  %-*s  %-9s %-20s %12s %14s\n", g->ntensors, (int)width, "name",
           "type", "shape (K first)", "bytes", "offset");
    for (size_t i = 0; i < g->ntensors; i++) {
        const struct trit_gguf_tensor *t = &g->tensors[i];
        char shape[4 * 24], room[16];
        shape_text(t, shape, sizeof shape);
        fputs("  ", stdout);
        print_safe(t->name, SIZE_MAX);
        printf("%*s  %-9s %-20s %12llu %14llu", (int)(width - t->name.n), "",
               trit_inspect_type(t->type, room), shape, (ull)t->bytes, (ull)t->offset);
        if (g->nothers)
            printf(" of file %u", (unsigned)t->part + 1);
        putchar('\n');
    }
}

static void print_shares(const struct trit_inspect_share *shares, size_t n, uint64_t whole)
{
    printf("\n  %-9s %8s %14s %10s %7s %12s\n", "type", "tensors", "parameters", "size", "share",
           "bits/weight");
    for (size_t i = 0; i < n; i++) {
        const struct trit_inspect_share *s = &shares[i];
        char size[16], room[16];
        printf("  %-9s %8zu %14llu", trit_inspect_type(s->type, room), s->tensors,
               (ull)s->elements);
        if (s->bytes == 0) {
            printf(" %10s\n", "unknown");
            continue;
        }
        printf(" %10s %6.1f%% %12.3f\n", trit_bytes_text((double)s->bytes, size),
               100.0 * (double)s->bytes / (double)whole,
               8.0 * (double)s->bytes / (double)s->elements);
    }
}

static void print_memory(const struct trit_gguf *g, const struct trit_estimate *e)
{
    enum { TOKENS = 2048 };
    char a[16], b[16];
    struct trit_inspect_memory m;
    if (!e->outline || !trit_inspect_memory(g, &m))
        return;
    printf("\n%-14s%s of packed weights\n", "in memory",
           trit_bytes_text((double)e->memory.weights, a));
    if (m.plane)
        printf("%-14s%s in 4 bits, read for every token; single rows in full from the file\n",
               "  head", trit_bytes_text((double)m.plane, a));
    else
        printf("%-14sone of these matrices, read for every token\n", "  head");
    printf("%-14s%s per token, %s for %d\n", "  KV cache", trit_bytes_text((double)m.kv, a),
           trit_bytes_text((double)m.kv * TOKENS, b), TOKENS);
    printf("%-14s", "packed cache");
    if (*m.cache)
        print_safe((struct trit_text){ m.cache, strlen(m.cache) }, SIZE_MAX);
    printf(*m.cache ? ", %s\n" : "none ('tritmill pack')\n",
           trit_bytes_text((double)m.cache_bytes, a));
}

/* What `run` would say, and what it would take. */
static void print_runs(const struct trit_gguf *g, const struct trit_estimate *e)
{
    char params[16], memory[16];
    uint64_t elements = 0;
    if (e->why_not.code) {
        printf("%-14sno: %s\n", "runs here", trit_estimate_reason(e));
        return;
    }
    for (size_t i = 0; i < g->ntensors; i++)
        elements += trit_inspect_elements(&g->tensors[i]);
    snprintf(params, sizeof params, "%.3g %s", (double)elements / (elements < 1e9 ? 1e6 : 1e9),
             elements < 1e9 ? "M" : "B");
    printf("%-14syes, %s parameters, %s of memory for weights, head and a context of %zu\n",
           "runs here", params, trit_bytes_text((double)e->need, memory), e->context);
}

static void print_key(const struct trit_gguf *g, const char *label, const char *key)
{
    struct trit_text t;
    if (trit_gguf_text(g, key, &t, NULL) != TRIT_OK)
        return;
    printf("%-14s", label);
    print_safe(t, 4 * VALUE_MAX);
    putchar('\n');
}

/* How inputs of matrices are made, where that is not the usual way. */
static void print_inputs(const struct trit_gguf *g)
{
    struct trit_config c;
    if (trit_config_read(&c, g, NULL) || !(c.int4 || c.hadamard.block))
        return;
    printf("%-14s%s", "inputs", c.int4 ? "int4" : "int8");
    if (c.hadamard.block)
        printf(", of rotated weights in blocks of %zu", c.hadamard.block);
    putchar('\n');
}

static void print_head(const struct trit_gguf *g, const struct trit_inspect_share *shares,
                       size_t nshares, const struct trit_estimate *e)
{
    uint64_t elements = 0, trailing = trit_inspect_trailing(g);
    char size[16];
    for (size_t i = 0; i < nshares; i++)
        elements += shares[i].elements;
    printf("%-14s", "file");
    print_safe((struct trit_text){ g->path, strlen(g->path) }, SIZE_MAX);
    const uint64_t bytes = trit_gguf_bytes(g);
    printf("\n%-14s%s (%llu bytes", "size", trit_bytes_text((double)bytes, size), (ull)bytes);
    if (g->nothers)
        printf(" in %zu files", g->nothers + 1);
    puts(")");
    printf("%-14sGGUF version %u, alignment %u, tensor data at %llu\n", "format", g->version,
           g->alignment, (ull)g->data_offset);
    print_key(g, "architecture", "general.architecture");
    print_key(g, "name", "general.name");
    printf("%-14s%llu in %zu tensors\n", "parameters", (ull)elements, g->ntensors);
    if (trailing)
        printf("%-14s%llu bytes after the last tensor are not used\n", "note", (ull)trailing);
    print_inputs(g);
    print_runs(g, e);
}

enum trit_code trit_inspect_text(const struct trit_gguf *gguf, const struct trit_inspect *options,
                                 struct trit_error *error)
{
    size_t n;
    char line[4600];
    struct trit_inspect_share *shares = trit_inspect_shares(gguf, &n);
    if (!shares)
        return trit_fail(error, TRIT_EMEMORY, "%s: out of memory", gguf->path);
    print_head(gguf, shares, n, &options->estimate);
    if (n)
        print_shares(shares, n, trit_gguf_bytes(gguf));
    free(shares);
    print_memory(gguf, &options->estimate);
    print_metadata(gguf, options->all);
    if (options->tensors)
        print_tensors(gguf);
    trit_estimate_line(&options->estimate, line, sizeof line);
    printf("\n%-14s%s\n", "estimate", line);
    return TRIT_OK;
}
