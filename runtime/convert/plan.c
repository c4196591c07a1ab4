/* Which type each tensor gets: what was asked for, or what its values are best held by. */
#include "runtime/convert/internal.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/convert/hold.h"
#include "runtime/format/group.h"
#include "runtime/model/family.h"

/* What values may not lack to be held by a type. */
static const struct {
    uint32_t type;
    unsigned lacks;
} wants[] = {
    { TRIT_I2_S, TRIT_LACKS_WHOLE },
    { TRIT_TQ1_0, TRIT_LACKS_256 | TRIT_LACKS_HALVES },
    { TRIT_TQ2_0, TRIT_LACKS_256 | TRIT_LACKS_HALVES },
    { TRIT_PTQ1_0, TRIT_LACKS_128 | TRIT_LACKS_HALVES },
    { TRIT_Q1_0, TRIT_LACKS_SIGNS | TRIT_LACKS_HALVES },
    { TRIT_PQ2_0, TRIT_LACKS_TWOS_128 | TRIT_LACKS_HALVES },
    { TRIT_Q2_0, TRIT_LACKS_TWOS_64 | TRIT_LACKS_HALVES },
    { TRIT_F16, TRIT_LACKS_F16 },
    { TRIT_BF16, TRIT_LACKS_BF16 },
};

static bool holds(uint32_t type, const struct trit_held *held)
{
    size_t i = 0;
    while (i < sizeof wants / sizeof *wants && wants[i].type != type)
        i++;
    return i < sizeof wants / sizeof *wants &&
           !(held->lacks & (wants[i].lacks | TRIT_LACKS_FINITE));
}

/* What `auto` takes, the first that holds all matrices. Rows of one scale are for families whose
   inputs are quantised as a whole, and groups for those where they are so group by group: a type
   tells the model which. */
enum uses { ANY, GROUPED, NOT_GROUPED };
static const struct choice {
    uint32_t type;
    enum uses uses;
    unsigned lacks; /* besides wants */
    const char *found;
} choices[] = {
    { TRIT_Q1_0, ANY, 0, "signs with a scale for each 128 columns" },
    { TRIT_I2_S, NOT_GROUPED, 0, "trits with one scale for each matrix" },
    { TRIT_TQ1_0, NOT_GROUPED, TRIT_LACKS_ROWS, "trits with one scale for each row" },
    { TRIT_PTQ1_0, GROUPED, 0, "trits with a scale for each 128 columns" },
    { TRIT_TQ1_0, ANY, 0, "trits with a scale for each 256 columns" },
    { TRIT_PTQ1_0, ANY, 0, "trits with a scale for each 128 columns" },
    { TRIT_PQ2_0, ANY, 0, "codes -1 to 2 with a scale for each 128 columns" },
    { TRIT_Q2_0, ANY, 0, "codes -1 to 2 with a scale for each 64 columns" },
    { TRIT_F16, ANY, TRIT_LACKS_ROWS, "trits with one scale for each row" },
};

/* A model that has one scale a matrix was trained so, as embedding bodies of grouped families. */
static bool is_grouped(const struct trit_source *source)
{
    for (size_t i = 0; i < source->ntensors; i++)
        if (source->tensors[i].role == TRIT_SOURCE_MATRIX && source->tensors[i].type == TRIT_I2_S)
            return false;
    const char *arch = source->arch ? source->arch : "";
    const struct trit_family *family = trit_family_find(arch, strlen(arch));
    return family && family->grouped;
}

static const char *shape_fault(const struct trit_source_tensor *t, uint32_t type)
{
    uint64_t bytes;
    return trit_type_bytes(type, t->ne, &bytes);
}

/* The first matrix whose shape the type cannot have; ntensors where there is none. */
static size_t misshapen(const struct trit_source *s, uint32_t type)
{
    size_t i = 0;
    while (i < s->ntensors &&
           (s->tensors[i].role != TRIT_SOURCE_MATRIX || !shape_fault(&s->tensors[i], type)))
        i++;
    return i;
}

static enum trit_code bad_shape(const struct trit_source *s, size_t i, uint32_t type,
                                struct trit_error *error)
{
    const struct trit_source_tensor *t = &s->tensors[i];
    return trit_fail(error, TRIT_EFORMAT, "%s: tensor '%s', %zu x %llu: not as %s: %s", s->path,
                     t->name, trit_source_rows(t), (unsigned long long)t->ne[0],
                     trit_type_find(type)->name, shape_fault(t, type));
}

/* Tensors whose values decide. */

/* Whether rows of the embedding must be seen to know their type. */
static bool rows_decide(const struct trit_convert *c, const struct trit_source_tensor *t)
{
    if (c->head != TRIT_CONVERT_AUTO || !trit_encoder_exact(t->type))
        return false;
    return (trit_type_has_groups(c->type) && !shape_fault(t, c->type)) || t->type != TRIT_F16;
}

static enum trit_code look(struct trit_convert *c, struct trit_walk *w, size_t i,
                           struct trit_held *held, struct trit_error *error)
{
    const struct trit_source_kind *kind = c->source->kind;
    enum trit_code code = kind->prepare ? kind->prepare(c->source, i, c->pool, error) : TRIT_OK;
    return code ? code : trit_hold_tensor(w, i, held, error);
}

/* The first row that not even the widest of the types holds; or how the matrices differ. */
static enum trit_code nothing_holds(struct trit_convert *c, struct trit_walk *w,
                                    const struct trit_held *each, struct trit_error *error)
{
    const struct trit_source *s = c->source;
    const unsigned none = TRIT_LACKS_TWOS_64 | TRIT_LACKS_HALVES;
    for (size_t i = 0; i < s->ntensors; i++) {
        const struct trit_source_tensor *t = &s->tensors[i];
        const bool whole = !(each[i].lacks & (TRIT_LACKS_WHOLE | TRIT_LACKS_FINITE));
        if (t->role != TRIT_SOURCE_MATRIX || !(each[i].lacks & (none | TRIT_LACKS_FINITE)) || whole)
            continue;
        const bool flat = each[i].lacks & TRIT_LACKS_ROWS && !shape_fault(t, TRIT_I2_S);
        const uint32_t widest = !shape_fault(t, TRIT_Q2_0) ? TRIT_Q2_0
                                : flat                     ? TRIT_I2_S
                                                           : TRIT_F16;
        struct trit_error first;
        const enum trit_code code = trit_convert_refuse(w, i, trit_encoder_exact(widest), &first);
        return trit_fail(error, code, "%s%s", first.text,
                         widest == TRIT_Q2_0 ? ", and no type holds more" : "");
    }
    const size_t odd = misshapen(s, TRIT_PTQ1_0);
    if (odd < s->ntensors)
        return bad_shape(s, odd, TRIT_PTQ1_0, error);
    return trit_fail(error, TRIT_EFORMAT,
                     "%s: some matrices have one scale, others a scale for each group of columns "
                     "or none that f16 has: no type holds all",
                     s->path);
}

static enum trit_code choose(struct trit_convert *c, struct trit_walk *w,
                             const struct trit_held *each, const struct trit_held *all,
                             struct trit_error *error)
{
    const enum uses other = is_grouped(c->source) ? NOT_GROUPED : GROUPED;
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        const struct choice *x = &choices[i];
        if (x->uses == other || !holds(x->type, all) || all->lacks & x->lacks ||
            misshapen(c->source, x->type) < c->source->ntensors)
            continue;
        c->type = x->type;
        c->found = x->found;
        return TRIT_OK;
    }
    return nothing_holds(c, w, each, error);
}

/* All matrices are seen before one is written. Each has a scale of its own where it has one. */
static enum trit_code choose_type(struct trit_convert *c, struct trit_walk *w,
                                  struct trit_error *error)
{
    const struct trit_source *s = c->source;
    struct trit_held all = { 0 }, *each = trit_alloc(s->ntensors, sizeof *each);
    enum trit_code code = TRIT_OK;
    if (!each)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory for %zu tensors", s->path,
                         s->ntensors);
    for (size_t i = 0; i < s->ntensors && !code; i++) {
        if (s->tensors[i].role != TRIT_SOURCE_MATRIX)
            continue;
        code = look(c, w, i, &each[i], error);
        all.lacks |= each[i].lacks;
    }
    if (!code)
        code = choose(c, w, each, &all, error);
    free(each);
    return code;
}

static enum trit_code check_type(struct trit_convert *c, struct trit_error *error)
{
    const size_t odd = misshapen(c->source, c->type);
    return odd < c->source->ntensors ? bad_shape(c->source, odd, c->type, error) : TRIT_OK;
}

/* What rows of embedding and head become that were seen. */
static uint32_t rows_type(const struct trit_convert *c, const struct trit_source_tensor *t,
                          const struct trit_held *held)
{
    if (trit_type_has_groups(c->type) && !shape_fault(t, c->type) && holds(c->type, held))
        return c->type;
    if (t->type == TRIT_F16)
        return TRIT_F16;
    return holds(TRIT_F16, held) ? TRIT_F16 : holds(TRIT_BF16, held) ? TRIT_BF16 : TRIT_F32;
}

static enum trit_code plan_rows(struct trit_convert *c, struct trit_walk *w, size_t i,
                                struct trit_error *error)
{
    const struct trit_source_tensor *t = &c->source->tensors[i];
    const struct trit_encoder *round = trit_encoder_rounding(c->head);
    struct trit_held held = { 0 };
    c->types[i] = t->type;
    if (round) {
        c->types[i] = c->head;
        c->encoders[i] = round;
        return shape_fault(t, c->head) ? bad_shape(c->source, i, c->head, error) : TRIT_OK;
    }
    if (!rows_decide(c, t))
        return TRIT_OK;
    enum trit_code code = look(c, w, i, &held, error);
    c->types[i] = rows_type(c, t, &held);
    c->encoders[i] = trit_encoder_exact(c->types[i]);
    return code;
}

/* What is as it was needs no encoder where the source has its bytes. */
static enum trit_code plan_tensor(struct trit_convert *c, struct trit_walk *w, size_t i,
                                  struct trit_error *error)
{
    const struct trit_source_tensor *t = &c->source->tensors[i];
    enum trit_code code = TRIT_OK;
    uint64_t bytes = 0;
    c->types[i] = t->role == TRIT_SOURCE_MATRIX ? c->type : t->type;
    if (t->role == TRIT_SOURCE_MATRIX)
        c->encoders[i] = trit_encoder_exact(c->type);
    else if (t->role == TRIT_SOURCE_ROWS)
        code = plan_rows(c, w, i, error);
    if (t->role != TRIT_SOURCE_MATRIX && c->types[i] == t->type && c->source->kind->bytes)
        c->encoders[i] = NULL;
    else if (!c->encoders[i])
        c->encoders[i] = trit_encoder_exact(t->type);
    if (!code && !c->encoders[i] && !c->source->kind->bytes)
        code = trit_fail(error, TRIT_EUNSUPPORTED, "%s: tensor '%s' has a type that is not written",
                         c->source->path, t->from);
    (void)trit_type_bytes(c->types[i], t->ne, &bytes);
    c->bytes += bytes;
    return code;
}

/* The tensors that will be seen before they are written. */
static void measure(struct trit_convert *c, struct trit_walk *w)
{
    const bool all = c->type == TRIT_CONVERT_AUTO;
    for (size_t i = 0; i < c->source->ntensors; i++) {
        const struct trit_source_tensor *t = &c->source->tensors[i];
        const bool matrix = t->role == TRIT_SOURCE_MATRIX;
        uint64_t bytes;
        c->matrices += matrix;
        if (!(matrix && all) && !(t->role == TRIT_SOURCE_ROWS && rows_decide(c, t)))
            continue;
        (void)trit_type_bytes(t->type, t->ne, &bytes);
        w->total += trit_source_values(t);
        w->bytes += bytes;
    }
}

enum trit_code trit_convert_plan(struct trit_convert *c, struct trit_error *error)
{
    const struct trit_source *s = c->source;
    struct trit_walk w = { .source = c->source,
                           .pool = c->pool,
                           .progress = c->progress,
                           .progress_arg = c->progress_arg };
    c->encoders = trit_alloc(s->ntensors, sizeof *c->encoders);
    c->types = trit_alloc(s->ntensors, sizeof *c->types);
    if (!c->encoders || !c->types)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory for %zu tensors", s->path,
                         s->ntensors);
    measure(c, &w);
    if (c->matrices == 0)
        return trit_fail(
            error, TRIT_EUNSUPPORTED,
            "%s: no matrix in it is of floats or of codes: there is nothing to convert", s->path);
    enum trit_code code = c->type == TRIT_CONVERT_AUTO ? choose_type(c, &w, error) : TRIT_OK;
    if (!code)
        code = check_type(c, error);
    for (size_t i = 0; i < s->ntensors && !code; i++)
        code = plan_tensor(c, &w, i, error);
    trit_walk_free(&w);
    return code;
}

void trit_convert_free(struct trit_convert *c)
{
    free(c->encoders);
    free(c->types);
    c->encoders = NULL;
    c->types = NULL;
}
