/* The hottest loop of a listing: which it is, how long it is, how much it does. */
#define _GNU_SOURCE
#include "autotune/compare/disasm.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LISTING_LIMIT = 8 << 20,
    SPAN_LIMIT = 1 << 18, /* bytes of a kernel; more means that its functions were scattered */
    LINE = 160,
};

struct instruction {
    uint64_t address, target; /* target: of a branch, else 0 */
    const char *text;         /* mnemonic and operands, without the comment; not terminated */
    int n, operands;          /* length, and that of what comes before the target */
};

struct listing {
    struct instruction *all;
    size_t n;
};

/* x86 has j.., ARM b and the compare-and-branches. */
static bool branches(const char *mnemonic)
{
    static const char *const words[] = { "b", "cbz", "cbnz", "tbz", "tbnz" };
    size_t n = strcspn(mnemonic, " \t\n");
    if (mnemonic[0] == 'j' || !strncmp(mnemonic, "b.", 2))
        return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (n == strlen(words[i]) && !strncmp(mnemonic, words[i], n))
            return true;
    return false;
}

/* Where the address before the "<symbol+offset>" of a branch begins; NULL where there is none. */
static const char *target_of(const char *text, size_t n)
{
    const char *mark = memchr(text, '<', n);
    if (!mark || !branches(text))
        return NULL;
    while (mark > text && isspace((unsigned char)mark[-1]))
        mark--;
    while (mark > text && isxdigit((unsigned char)mark[-1]))
        mark--;
    return mark;
}

/* "  address:\tmnemonic  operands  # comment"; false for what is no instruction. */
static bool parse_line(const char *line, size_t n, struct instruction *out)
{
    char *end;
    if (n == 0 || !isspace((unsigned char)line[0]))
        return false;
    out->address = strtoull(line, &end, 16);
    if (end >= line + n || end[0] != ':' || end[1] != '\t')
        return false;
    const char *text = end + 2, *stop = line + n,
               *comment = memchr(text, '#', (size_t)(stop - text));
    /* ARM writes immediates as #0x10 and comments after // */
    if (comment && comment > text && comment[-1] == ' ' && !isxdigit((unsigned char)comment[1]))
        stop = comment;
    while (stop > text && isspace((unsigned char)stop[-1]))
        stop--;
    const char *target = target_of(text, (size_t)(stop - text));
    out->text = text;
    out->n = (int)(stop - text);
    out->operands = target ? (int)(target - text) : out->n;
    out->target = target ? strtoull(target, NULL, 16) : 0;
    return stop > text;
}

static bool parse(const char *text, struct listing *l)
{
    size_t lines = 1;
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    l->n = 0;
    l->all = malloc(lines * sizeof *l->all);
    while (l->all && *text) {
        size_t n = strcspn(text, "\n");
        l->n += parse_line(text, n, &l->all[l->n]);
        text += n + (text[n] == '\n');
    }
    return l->all;
}

static bool has(const struct instruction *in, const char *word)
{
    return memmem(in->text, (size_t)in->n, word, strlen(word));
}

/* Names a vector register: %xmm1, v1.16b, q1, z1.s. */
static bool is_vector(const struct instruction *in)
{
    if (has(in, "%xmm") || has(in, "%ymm") || has(in, "%zmm"))
        return true;
    for (int i = 1; i + 1 < in->n; i++)
        if (strchr("vqz", in->text[i]) && isdigit((unsigned char)in->text[i + 1]) &&
            strchr("\t ,{[", in->text[i - 1]))
            return true;
    return false;
}

/* The constant by which the instruction moves a register on, either way; 0: it does not. */
static uint64_t step_of(const struct instruction *in)
{
    char t[LINE], a[16], b[16];
    snprintf(t, sizeof t, "%.*s", in->n, in->text);
    int64_t by = 0;
    char *at;
    if (sscanf(t, "add $%" SCNi64, &by) == 1)
        ;
    else if (!strncmp(t, "sub ", 4) && (at = strchr(t, '$')))
        by = -(int64_t)strtoull(at + 1, NULL, 0);
    else if (sscanf(t, "lea %" SCNi64 "(%%%15[a-z0-9]),%%%15s", &by, a, b) == 3)
        by = strcmp(a, b) ? 0 : by;
    else if (sscanf(t, "add %15[a-z0-9], %15[a-z0-9], #%" SCNi64, a, b, &by) == 3)
        by = strcmp(a, b) ? 0 : by;
    else if (sscanf(t, "sub %15[a-z0-9], %15[a-z0-9], #%" SCNi64, a, b, &by) == 3)
        by = strcmp(a, b) ? 0 : by;
    else if ((at = strstr(t, "], #")))
        by = strtoll(at + 4, NULL, 0);
    return (uint64_t)(by < 0 ? -by : by);
}

/* The steps of a loop's registers that are multiples of unit, in units: the largest, or the
   smallest; 0 where there is none. */
static size_t multiple(const struct listing *l, size_t first, size_t last, size_t unit,
                       bool largest)
{
    size_t found = 0;
    for (size_t i = first; i <= last && unit; i++) {
        uint64_t by = step_of(&l->all[i]);
        if (by == 0 || by % unit || by >= 1 << 20)
            continue;
        size_t units = (size_t)by / unit;
        found = !found || (largest ? units > found : units < found) ? units : found;
    }
    return found;
}

/* Index of the instruction at an address; l->n where none begins there. */
static size_t at_address(const struct listing *l, uint64_t address, size_t before)
{
    for (size_t i = before + 1; i-- > 0;)
        if (l->all[i].address == address)
            return i;
    return l->n;
}

/* Whether the branch at `last` goes back to `first` with no such branch between. */
static bool innermost(const struct listing *l, size_t first, size_t last)
{
    for (size_t i = first; i < last; i++) {
        uint64_t to = l->all[i].target;
        if (to && to <= l->all[i].address && to >= l->all[first].address)
            return false;
    }
    return true;
}

static size_t count_vectors(const struct listing *l, size_t first, size_t last)
{
    size_t n = 0;
    for (size_t i = first; i <= last; i++)
        n += is_vector(&l->all[i]);
    return n;
}

/* Lines for an assembler: a branch goes to address 0, and names no symbol. */
static bool write_text(const struct listing *l, size_t first, size_t last, char *out)
{
    size_t at = 0;
    for (size_t i = first; i <= last; i++) {
        const struct instruction *in = &l->all[i];
        int n = snprintf(out + at, TRIT_LOOP_TEXT - at, "%.*s%s\n", in->operands, in->text,
                         in->target ? "0" : "");
        if (n < 0 || (at += (size_t)n) >= TRIT_LOOP_TEXT)
            return false;
    }
    return true;
}

/* Bounds of the best loop; false where no loop has a vector in it. */
static bool best_loop(const struct listing *l, size_t *first, size_t *last)
{
    size_t most = 0, length = 0;
    for (size_t i = 0; i < l->n; i++) {
        const struct instruction *in = &l->all[i];
        size_t top = in->target && in->target <= in->address ? at_address(l, in->target, i) : l->n;
        if (top == l->n || !innermost(l, top, i))
            continue;
        size_t vectors = count_vectors(l, top, i);
        if (vectors < most || vectors == 0 || (vectors == most && i - top < length))
            continue;
        most = vectors;
        length = i - top;
        *first = top;
        *last = i;
    }
    return most > 0;
}

bool trit_loop_find(const char *listing, size_t slice_bytes, size_t slice_columns,
                    struct trit_loop *loop)
{
    struct listing l;
    size_t first = 0, last = 0;
    if (!parse(listing, &l))
        return false;
    bool found = best_loop(&l, &first, &last);
    if (found) {
        loop->instructions = last - first + 1;
        loop->vectors = count_vectors(&l, first, last);
        loop->slices = multiple(&l, first, last, slice_bytes, true);
        if (!loop->slices) /* the weights are reached through the activations' index */
            loop->slices = multiple(&l, first, last, slice_columns, false);
        found = write_text(&l, first, last, loop->text);
    }
    free(l.all);
    return found;
}

bool trit_disasm_loop(const char *path, const struct trit_functions *f, size_t slice_bytes,
                      size_t slice_columns, struct trit_loop *loop, const char **why)
{
    char begin[48], end[48];
    *why = "its functions are scattered";
    if (f->end - f->begin > SPAN_LIMIT)
        return false;
    snprintf(begin, sizeof begin, "--start-address=%" PRIu64, f->begin);
    snprintf(end, sizeof end, "--stop-address=%" PRIu64, f->end);
    const char *const argv[] = {
        "objdump", "-d", "--no-show-raw-insn", "-w", begin, end, path, NULL
    };
    char *text = trit_child_output(argv, NULL, LISTING_LIMIT);
    *why = "objdump (binutils) is not installed, or failed";
    if (!text)
        return false;
    bool found = trit_loop_find(text, slice_bytes, slice_columns, loop);
    *why = found ? "" : "no loop with vector instructions";
    free(text);
    return found;
}

/* The CPU that llvm-mca is to take: it knows many, but not those that are younger than itself. */
static const char *mca_model(void)
{
    static const char *model;
    if (model)
        return model;
    static const char *const argv[] = { "llvm-mca", "--version", NULL };
    char *text = trit_child_output(argv, NULL, 1 << 16);
    bool known = text && strstr(text, "Host CPU:") && !strstr(text, "(unknown)") &&
                 !strstr(text, "Host CPU: generic");
    free(text);
#ifdef __aarch64__
    static const char relative[] = "neoverse-n1";
#else
    static const char relative[] = "icelake-server";
#endif
    return model = known ? "native" : relative;
}

double trit_mca_cycles(const struct trit_loop *loop, const char **model)
{
    enum { ITERATIONS = 200 };
    char cpu[64], iterations[32];
    if (model)
        *model = mca_model();
    snprintf(cpu, sizeof cpu, "-mcpu=%s", mca_model());
    snprintf(iterations, sizeof iterations, "-iterations=%d", ITERATIONS);
    const char *const argv[] = {
        "llvm-mca", cpu, iterations, "-instruction-info=0", "-resource-pressure=0", NULL
    };
    char *text = trit_child_output(argv, loop->text, 1 << 20);
    const char *line = text ? strstr(text, "Total Cycles:") : NULL;
    double cycles = line ? strtod(line + strlen("Total Cycles:"), NULL) / ITERATIONS : 0;
    free(text);
    return cycles;
}
