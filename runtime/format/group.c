/* Matrices with a scale for each group of columns: what form they have, and their codes. All are
   read in spans of 128 columns, those of TQ1_0 and TQ2_0 in two together, in which rows end, so
   that a matrix is one sequence of spans. */
#include "runtime/format/group.h"

#include <stdatomic.h>

#include "runtime/base/half.h"
#include "runtime/format/internal.h"

enum {
    PIECE_BYTES = 1 << 20, /* that a thread scans at a time */
    PEEK_ROWS = 8,
    FAULT = TRIT_SPAN_BAD | TRIT_SPAN_SPLIT,
};

/* Low-bit types: a bad scale is TRIT_SPAN_BAD and TRIT_SPAN_SPLIT, as no form has it. */

static unsigned scale_flags(unsigned bad)
{
    return bad ? FAULT : 0;
}

static unsigned scan_q1_0(const uint8_t *in, size_t spans)
{
    unsigned bad = 0;
    for (size_t i = 0; i < spans; i++)
        bad |= trit_half_at(in + 18 * i) >= TRIT_F16_INFINITY;
    return scale_flags(bad);
}

static unsigned scan_ptq1_0(const uint8_t *in, size_t spans)
{
    unsigned bad = 0;
    for (size_t i = 0; i < spans; i++)
        bad |= trit_half_at(in + 28 * i + 26) >= TRIT_F16_INFINITY;
    return scale_flags(bad) | TRIT_SPAN_ZERO;
}

/* Of the 64 codes in 16 bytes: not zero if one is 3, and whether all are 1, weight 0. */
static inline uint64_t any_three(const uint8_t *in)
{
    uint64_t w[2];
    memcpy(w, in, sizeof w);
    return ((w[0] & w[0] >> 1) | (w[1] & w[1] >> 1)) & 0x5555555555555555;
}

static inline bool all_zero(const uint8_t *in)
{
    uint64_t w[2];
    memcpy(w, in, sizeof w);
    return w[0] == 0x5555555555555555 && w[1] == 0x5555555555555555;
}

static unsigned two_bit_flags(uint64_t threes)
{
    return TRIT_SPAN_ZERO | (threes ? TRIT_SPAN_TWO | TRIT_SPAN_TWO_HALF : 0);
}

static unsigned scan_pq2_0(const uint8_t *in, size_t spans)
{
    uint64_t threes = 0;
    unsigned bad = 0;
    for (size_t i = 0; i < spans; i++, in += 34) {
        bad |= trit_half_at(in) >= TRIT_F16_INFINITY;
        threes |= any_three(in + 2) | any_three(in + 18);
    }
    return scale_flags(bad) | two_bit_flags(threes);
}

/* Whether two blocks of a Q2_0 can be one. */
static inline bool pairs(const uint8_t *in)
{
    return trit_half_at(in) == trit_half_at(in + 18) || all_zero(in + 2) || all_zero(in + 20);
}

static unsigned scan_q2_0(const uint8_t *in, size_t spans)
{
    uint64_t threes = 0;
    unsigned bad = 0, split = 0;
    for (size_t i = 0; i < spans; i++, in += 36) {
        bad |= trit_half_at(in) >= TRIT_F16_INFINITY || trit_half_at(in + 18) >= TRIT_F16_INFINITY;
        threes |= any_three(in + 2) | any_three(in + 20);
        split |= !pairs(in);
    }
    return scale_flags(bad) | two_bit_flags(threes) | (split ? TRIT_SPAN_SPLIT : 0);
}

/* A row whose scales may be one: TRIT_SPAN_SPLIT where they are not. */
static unsigned scan_row(uint32_t type, const uint8_t *in, size_t blocks)
{
    uint16_t scale;
    size_t block;
    switch (trit_fold_scales(trit_block_find(type), in, blocks, &scale, &block)) {
    case TRIT_FOLD_BAD:
        return FAULT;
    case TRIT_FOLD_SEVERAL:
        return TRIT_SPAN_ZERO | TRIT_SPAN_SPLIT;
    default:
        return TRIT_SPAN_ZERO;
    }
}

static unsigned scan_tq1_0(const uint8_t *in, size_t spans)
{
    return scan_row(TRIT_TQ1_0, in, spans);
}

static unsigned scan_tq2_0(const uint8_t *in, size_t spans)
{
    return scan_row(TRIT_TQ2_0, in, spans);
}

/* Two spans that are one block. */
static bool spans_of_block(const struct trit_block_type *type, const uint8_t *in, size_t group,
                           uint8_t *codes, uint16_t *scales)
{
    const uint16_t scale = trit_half_at(in + type->scale);
    type->codes(in, codes);
    for (size_t i = 0; i < type->columns / group; i++)
        scales[i] = scale;
    return trit_three_find(codes, type->columns) == type->columns;
}

/* A span of a low-bit type, which is one block or two. */
static bool span_of_blocks(const struct trit_block_type *type, const uint8_t *in, size_t group,
                           uint8_t *codes, uint16_t *scales)
{
    const bool two = type->columns < TRIT_SPAN;
    const uint8_t *second = two ? in + type->bytes : in;
    type->codes(in, codes);
    if (two)
        type->codes(second, codes + TRIT_HALF_SPAN);
    scales[0] = trit_half_at(in + type->scale);
    if (group == TRIT_HALF_SPAN)
        scales[1] = trit_half_at(second + type->scale);
    else if (two && all_zero(in + 2))
        scales[0] = trit_half_at(second);
    return group == TRIT_HALF_SPAN || !two || pairs(in);
}

static const struct form {
    uint32_t type;
    trit_scan_fn *scan; /* of TQ1_0 and TQ2_0: of one row */
    trit_span_fn *span; /* NULL: of blocks */
} forms[] = {
    { TRIT_Q1_0, scan_q1_0, NULL },
    { TRIT_Q2_0, scan_q2_0, NULL },
    { TRIT_PQ2_0, scan_pq2_0, NULL },
    { TRIT_PTQ1_0, scan_ptq1_0, NULL },
    { TRIT_TQ1_0, scan_tq1_0, NULL },
    { TRIT_TQ2_0, scan_tq2_0, NULL },
    { TRIT_F16, trit_scan_f16, trit_span_f16 },
    { TRIT_BF16, trit_scan_bf16, trit_span_bf16 },
    { TRIT_F32, trit_scan_f32, trit_span_f32 },
};

static const struct form *form_find(uint32_t type)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (forms[i].type == type)
            return &forms[i];
    return NULL;
}

bool trit_type_has_groups(uint32_t type)
{
    return trit_block_find(type) && !trit_type_folds(type);
}

bool trit_type_folds(uint32_t type)
{
    return type == TRIT_TQ1_0 || type == TRIT_TQ2_0;
}

/* What is looked at, and where it is said what is wrong. */
struct source {
    const struct trit_gguf *gguf;
    const struct trit_gguf_tensor *tensor;
    const struct form *form;
    size_t columns, bytes; /* of a span, or of two that are one block */
    struct trit_error *error;
};

static enum trit_code fail(const struct source *s, enum trit_code code, const char *what)
{
    const struct trit_gguf_tensor *t = s->tensor;
    const struct trit_type_info *info = trit_type_find(t->type);
    return trit_fail(s->error, code, "%s: tensor '%.*s' (type %s, %llu x %llu): %s", s->gguf->path,
                     (int)t->name.n, t->name.s, info ? info->name : "unknown",
                     (unsigned long long)t->ne[1], (unsigned long long)t->ne[0], what);
}

/* That the tensor has whole spans, all of them in its bytes; how many. */
static enum trit_code check(struct source *s, size_t *spans)
{
    const struct trit_gguf_tensor *t = s->tensor;
    uint64_t bytes;
    s->form = form_find(t->type);
    if (!s->form)
        return fail(s, TRIT_EUNSUPPORTED,
                    "matrices with a scale for each group of columns are read from Q1_0, Q2_0, "
                    "PQ2_0, PTQ1_0, TQ1_0 and TQ2_0, or from F16, BF16 and F32 that hold nothing "
                    "else");
    const struct trit_type_info *info = trit_type_find(t->type);
    s->columns = info->block > TRIT_SPAN ? info->block : TRIT_SPAN;
    s->bytes = s->columns / info->block * info->bytes;
    if (t->ne[2] != 1 || t->ne[3] != 1 || t->ne[0] == 0 || t->ne[1] == 0)
        return fail(s, TRIT_EFORMAT, "not a matrix");
    if (t->ne[0] % s->columns)
        return fail(s, TRIT_EFORMAT,
                    s->columns > TRIT_SPAN ? "its columns are not a multiple of 256"
                                           : "its columns are not a multiple of 128");
    if (__builtin_mul_overflow(t->ne[0] / s->columns, t->ne[1], spans) ||
        __builtin_mul_overflow((uint64_t)*spans, (uint64_t)s->bytes, &bytes) || bytes > t->bytes)
        return fail(s, TRIT_EFORMAT, "it has too few bytes for its shape");
    return TRIT_OK;
}

enum trit_code trit_group_check(const struct trit_gguf *gguf, const struct trit_gguf_tensor *tensor,
                                struct trit_error *error)
{
    struct source s = { .gguf = gguf, .tensor = tensor, .error = error };
    size_t spans;
    return check(&s, &spans);
}

struct trit_form trit_group_usual(uint32_t type)
{
    return (struct trit_form){ TRIT_SPAN, type == TRIT_Q1_0 ? TRIT_SIGNS : TRIT_TRITS };
}

/* The threads' walk through all spans. */
struct walk {
    const struct source *source;
    size_t at_once; /* spans of a scan: of a row, or any number */
    atomic_uint found;
    atomic_size_t bad; /* the lowest span that is */
};

static void note_bad(struct walk *w, size_t span)
{
    size_t bad = atomic_load(&w->bad);
    while (span < bad && !atomic_compare_exchange_weak(&w->bad, &bad, span))
        continue;
}

/* What was read leaves memory: a file is larger than what is made of it. */
static void walk_some(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    struct walk *w = arg;
    const struct form *form = w->source->form;
    const size_t bytes = w->source->bytes;
    const uint8_t *in = w->source->tensor->data + begin * bytes;
    unsigned found = 0;
    for (size_t i = begin; i < end; i += w->at_once)
        found |= form->scan(in + (i - begin) * bytes, end - i < w->at_once ? end - i : w->at_once);
    atomic_fetch_or(&w->found, found);
    for (size_t i = begin; found & TRIT_SPAN_BAD && i < end && i < atomic_load(&w->bad); i++)
        if (form->scan(in + (i - begin) * bytes, 1) & TRIT_SPAN_BAD)
            note_bad(w, i);
    trit_gguf_drop(w->source->gguf, in, (end - begin) * bytes);
}

/* What is wrong with the lower bad half of a span. */

static enum trit_code bad_scale(const struct source *s, const struct trit_block_type *type,
                                size_t span)
{
    const struct trit_gguf_tensor *t = s->tensor;
    const uint8_t *d = t->data + span * s->bytes + type->scale;
    size_t group = span * (s->columns / type->columns), per_row = t->ne[0] / type->columns;
    if (trit_half_at(d) < TRIT_F16_INFINITY && type->columns < TRIT_SPAN) {
        d += type->bytes;
        group++;
    }
    return trit_fail(s->error, TRIT_EFORMAT,
                     "%s: tensor '%.*s' row %zu, group %zu of %zu columns: its scale is %g, must "
                     "be a finite number without a sign",
                     s->gguf->path, (int)t->name.n, t->name.s, group / per_row, group % per_row,
                     type->columns, (double)trit_f16_f32(trit_half_at(d)));
}

static enum trit_code bad_floats(const struct source *s, size_t span)
{
    const struct trit_gguf_tensor *t = s->tensor;
    const size_t per_row = t->ne[0] / TRIT_SPAN;
    return trit_fail(s->error, TRIT_EFORMAT,
                     "%s: tensor '%.*s' row %zu, group %zu of 128 columns: its halves hold other "
                     "weights than 0, ±d, or -d, 0, d and 2d, with a d that f16 has: neither a "
                     "ternary nor a 1-bit matrix with a scale for each group",
                     s->gguf->path, (int)t->name.n, t->name.s, span / per_row, span % per_row);
}

static struct trit_form form_of(unsigned found, bool folds)
{
    const bool split = found & TRIT_SPAN_SPLIT;
    if (folds)
        return (struct trit_form){ split ? TRIT_SPAN : 0, TRIT_TRITS };
    const unsigned two = split ? TRIT_SPAN_TWO_HALF : TRIT_SPAN_TWO;
    const enum trit_values others = found & TRIT_SPAN_ZERO ? TRIT_TRITS : TRIT_SIGNS;
    return (struct trit_form){ split ? TRIT_HALF_SPAN : TRIT_SPAN,
                               found & two ? TRIT_TWOS : others };
}

enum trit_code trit_group_form(const struct trit_gguf *gguf, const struct trit_gguf_tensor *tensor,
                               struct trit_pool *pool, struct trit_form *form,
                               struct trit_error *error)
{
    struct source s = { .gguf = gguf, .tensor = tensor, .error = error };
    struct walk w = { .source = &s };
    size_t spans = 0;
    enum trit_code code = check(&s, &spans);
    if (code)
        return code;
    atomic_init(&w.found, 0);
    atomic_init(&w.bad, SIZE_MAX);
    const size_t row = tensor->ne[0] / s.columns, some = PIECE_BYTES / s.bytes;
    const bool folds = trit_type_folds(tensor->type);
    const size_t step = folds ? (some / row + 1) * row : some;
    w.at_once = folds ? row : step;
    if (pool)
        trit_pool_for(pool, spans, step, walk_some, &w);
    for (size_t i = 0; !pool && i < spans; i += step)
        walk_some(&w, i, spans - i < step ? spans : i + step, 0);
    const struct trit_block_type *type = trit_block_find(tensor->type);
    if ((w.found & FAULT) == FAULT)
        return type ? bad_scale(&s, type, w.bad) : bad_floats(&s, w.bad);
    *form = form_of(w.found, folds);
    return TRIT_OK;
}

enum trit_code trit_group_peek(const struct trit_gguf *gguf, const struct trit_gguf_tensor *tensor,
                               struct trit_form *form, struct trit_error *error)
{
    struct trit_gguf_tensor first = *tensor;
    first.ne[1] = tensor->ne[1] < PEEK_ROWS ? tensor->ne[1] : PEEK_ROWS;
    return trit_group_form(gguf, &first, NULL, form, error);
}

static bool one_span(const struct source *s, const struct trit_block_type *type, const uint8_t *in,
                     size_t group, uint8_t *codes, uint16_t *scales)
{
    if (!type)
        return s->form->span(in, group, codes, scales);
    return type->columns > TRIT_SPAN ? spans_of_block(type, in, group, codes, scales)
                                     : span_of_blocks(type, in, group, codes, scales);
}

static bool row_codes(const struct source *s, const struct trit_group_rows *rows, size_t r)
{
    const size_t spans = s->tensor->ne[0] / s->columns, per_span = s->columns / rows->group;
    const struct trit_block_type *type = trit_block_find(s->tensor->type);
    const uint8_t *in = s->tensor->data + (rows->first + r) * spans * s->bytes;
    uint8_t *codes = rows->codes + r * rows->ld;
    uint16_t *scales = rows->scales + r * rows->lds;
    bool good = true;
    for (size_t i = 0; i < spans; i++, in += s->bytes, codes += s->columns, scales += per_span)
        good &= one_span(s, type, in, rows->group, codes, scales);
    return good;
}

/* What is wrong with a row, whose codes are there. */
static enum trit_code bad_row(const struct source *s, const struct trit_group_rows *rows, size_t r)
{
    const struct trit_gguf_tensor *t = s->tensor;
    const struct trit_row_source row = { s->gguf, t, s->error };
    if (trit_type_folds(t->type))
        return trit_row_code_three(&row, rows->first + r,
                                   trit_three_find(rows->codes + r * rows->ld, (size_t)t->ne[0]));
    return trit_fail(s->error, TRIT_EFORMAT,
                     "%s: tensor '%.*s' row %zu holds no groups of %zu columns with one scale",
                     s->gguf->path, (int)t->name.n, t->name.s, rows->first + r, rows->group);
}

enum trit_code trit_group_rows(const struct trit_gguf *gguf, const struct trit_gguf_tensor *tensor,
                               const struct trit_group_rows *rows, struct trit_error *error)
{
    struct source s = { .gguf = gguf, .tensor = tensor, .error = error };
    const size_t k = tensor->ne[0];
    size_t spans;
    enum trit_code code = check(&s, &spans);
    if (code)
        return code;
    if (rows->first > tensor->ne[1] || rows->n > tensor->ne[1] - rows->first || rows->ld < k ||
        (rows->group != TRIT_SPAN && rows->group != TRIT_HALF_SPAN) || rows->lds < k / rows->group)
        return trit_fail(error, TRIT_EARGUMENT,
                         "%s: tensor '%.*s': rows %zu+%zu, ld %zu, groups of %zu, lds %zu",
                         gguf->path, (int)tensor->name.n, tensor->name.s, rows->first, rows->n,
                         rows->ld, rows->group, rows->lds);
    for (size_t r = 0; r < rows->n; r++)
        if (!row_codes(&s, rows, r))
            return bad_row(&s, rows, r);
    return TRIT_OK;
}
