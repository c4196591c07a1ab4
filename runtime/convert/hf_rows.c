/* Rows of a folder's tensors as exact floats: read in pieces, decoded, moved to where GGUF has
   them. Masters alone are rounded here, by the mean of their magnitudes. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/half.h"
#include "runtime/base/math.h"
#include "runtime/convert/absmean.h"
#include "runtime/convert/hf.h"

enum { PIECE = 1 << 20 }; /* bytes that are read at once, or one row */

size_t trit_hf_turned(const struct trit_hf_turn *turn, size_t i)
{
    if (!turn->block || i < turn->first)
        return i;
    const size_t at = (i - turn->first) % turn->block, unit = at / turn->unit;
    const size_t each = turn->block / turn->unit / turn->groups;
    const size_t from = unit % turn->groups * each + unit / turn->groups;
    return i - at + from * turn->unit + at % turn->unit;
}

/* Rows being read. */
struct reading {
    const struct trit_hf_folder *f;
    const struct trit_source_tensor *t;
    const struct trit_hf_recipe *r;
    uint8_t *bytes; /* of a run of rows */
    float *row;     /* one, where columns move; else NULL */
    struct trit_error *error;
};

static enum trit_code fault(const struct reading *x, const struct trit_st_tensor *t, size_t row,
                            size_t column, const char *what)
{
    return trit_fail(x->error, TRIT_EFORMAT, "%s: tensor '%s', row %zu, column %zu: %s",
                     trit_safetensors_path(&x->f->st, t), t->name, row, column, what);
}

/* --- decoding one row --- */

static void to_floats(enum trit_st_type type, const uint8_t *in, size_t n, float *out)
{
    if (type == TRIT_ST_F32) {
        memcpy(out, in, n * sizeof *out);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        uint16_t half;
        memcpy(&half, in + 2 * i, sizeof half);
        out[i] = type == TRIT_ST_F16 ? trit_f16_f32_plain(half) : trit_bf16_f32(half);
    }
}

static bool all_finite(const float *x, size_t n)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++)
        bad |= (trit_f32_bits(x[i]) & 0x7f800000) == 0x7f800000;
    return !bad;
}

static enum trit_code not_finite(const struct reading *x, const struct trit_st_tensor *t,
                                 size_t row, const float *values, size_t n)
{
    size_t i = 0;
    while (i + 1 < n && isfinite(values[i]))
        i++;
    return fault(x, t, row, i, "is not finite");
}

static void apply(const struct trit_hf_recipe *r, float *out)
{
    for (size_t i = 0; r->value == TRIT_HF_PLUS_ONE && i < r->k; i++)
        out[i] = 1.0f + out[i];
    for (size_t i = 0; r->value == TRIT_HF_MINUS_EXP && i < r->k; i++)
        out[i] = -(float)trit_exp((double)out[i]);
    for (size_t i = 0; r->code == TRIT_HF_MASTER && i < r->k; i++)
        out[i] = trit_absmean_trit(out[i] * r->s) * r->d;
}

static enum trit_code floats_row(const struct reading *x, const uint8_t *in, size_t row, float *out)
{
    const struct trit_hf_recipe *r = x->r;
    to_floats(r->weight->type, in, r->k, out);
    if (!all_finite(out, r->k))
        return not_finite(x, r->weight, row, out, r->k);
    apply(r, out);
    if (r->value != TRIT_HF_SAME && !all_finite(out, r->k))
        return not_finite(x, r->weight, row, out, r->k);
    return TRIT_OK;
}

static enum trit_code packed_row(const struct reading *x, const uint8_t *in, size_t row, float *out)
{
    const struct trit_hf_recipe *r = x->r;
    const float values[4] = { -r->d, 0, r->d, 0 };
    const unsigned shift = (unsigned)(2 * (row / (r->n / 4)));
    unsigned wrong = 0;
    for (size_t i = 0; i < r->k; i++) {
        const unsigned code = in[i] >> shift & 3;
        out[i] = values[code];
        wrong |= code == 3;
    }
    for (size_t i = 0; wrong && i < r->k; i++)
        if ((in[i] >> shift & 3) == 3)
            return fault(x, r->weight, row, i, "has code 3, which is no trit");
    return TRIT_OK;
}

/* Where a run of rows lies: words or values, then scales, then biases. */
struct run {
    const uint8_t *weight, *scale, *bias;
};

/* A group's values by code; what the bias may be follows from the bits. */
static bool mlx_values(const struct trit_hf_recipe *r, float scale, float bias, float values[4])
{
    const float d = r->bits == 1 ? scale / 2 : scale;
    for (int code = 0; code < 4; code++)
        values[code] = r->bits == 1 ? (code ? d : -d) : (float)(code - 1) * d;
    values[1] = r->bits == 2 ? 0 : values[1];
    return isfinite(scale) && bias == -d;
}

static enum trit_code mlx_row(const struct reading *x, const struct run *at, size_t row, float *out)
{
    const struct trit_hf_recipe *r = x->r;
    const size_t each = trit_st_type_bytes(r->scale->type);
    const unsigned mask = r->bits == 1 ? 1 : 3;
    float values[4];
    for (size_t g = 0; g < r->k / r->group; g++) {
        const float scale = trit_hf_float(r->scale->type, at->scale + g * each);
        if (!mlx_values(r, scale, trit_hf_float(r->bias->type, at->bias + g * each), values))
            return trit_fail(x->error, TRIT_EFORMAT,
                             "%s: tensor '%s', row %zu, group %zu: the bias is not exactly %s",
                             trit_safetensors_path(&x->f->st, r->bias), r->bias->name, row, g,
                             r->bits == 1 ? "-scale / 2: no 1-bit weights" : "-scale: not ternary");
        for (size_t i = g * r->group; i < (g + 1) * r->group; i++)
            out[i] = values[at->weight[i * r->bits / 8] >> (i * r->bits % 8) & mask];
    }
    return TRIT_OK;
}

/* --- runs of rows --- */

/* Bytes of a row of each tensor of the recipe. */
static void row_bytes(const struct trit_hf_recipe *r, size_t bytes[3])
{
    const bool packs = r->code == TRIT_HF_MLX;
    bytes[0] = packs ? r->k * r->bits / 8 : r->k * trit_st_type_bytes(r->weight->type);
    bytes[1] = packs ? r->k / r->group * trit_st_type_bytes(r->scale->type) : 0;
    bytes[2] = bytes[1];
}

/* How many rows from `row` of GGUF's on, at most n, lie behind each other in the file; *from: where
   the first does. */
static size_t run_of(const struct trit_hf_recipe *r, size_t row, size_t n, size_t *from)
{
    const size_t packed = r->code == TRIT_HF_PACKED ? r->n / 4 : 0;
    size_t count = 1;
    *from = trit_hf_turned(&r->rows, row);
    while (count < n && trit_hf_turned(&r->rows, row + count) == *from + count &&
           (!packed || (*from + count) % packed))
        count++;
    return count;
}

static enum trit_code read_run(const struct reading *x, size_t from, size_t n, struct run *at)
{
    const struct trit_hf_recipe *r = x->r;
    size_t bytes[3];
    row_bytes(r, bytes);
    const size_t place = r->code == TRIT_HF_PACKED ? from % (r->n / 4) : from;
    const struct trit_st_tensor *const parts[] = { r->weight, r->scale, r->bias };
    const size_t nparts = r->code == TRIT_HF_MLX ? 3 : 1;
    uint8_t *to = x->bytes;
    for (size_t i = 0; i < nparts; to += n * bytes[i++]) {
        const enum trit_code code = trit_safetensors_read(&x->f->st, parts[i], place * bytes[i],
                                                          n * bytes[i], to, x->error);
        if (code)
            return code;
    }
    *at = (struct run){ x->bytes, x->bytes + n * bytes[0], x->bytes + n * (bytes[0] + bytes[1]) };
    return TRIT_OK;
}

static enum trit_code one_row(const struct reading *x, const struct run *at, size_t row, float *out)
{
    const struct trit_hf_recipe *r = x->r;
    float *to = x->row ? x->row : out;
    const enum trit_code code = r->code == TRIT_HF_MLX      ? mlx_row(x, at, row, to)
                                : r->code == TRIT_HF_PACKED ? packed_row(x, at->weight, row, to)
                                                            : floats_row(x, at->weight, row, to);
    for (size_t i = 0; x->row && !code && i < r->k; i++)
        out[i] = to[trit_hf_turned(&r->columns, i)];
    return code;
}

static enum trit_code decode_run(const struct reading *x, struct run at, size_t from, size_t n,
                                 float *out)
{
    size_t bytes[3];
    row_bytes(x->r, bytes);
    for (size_t i = 0; i < n; i++) {
        const enum trit_code code = one_row(x, &at, from + i, out + i * x->r->k);
        if (code)
            return code;
        at = (struct run){ at.weight + bytes[0], at.scale + bytes[1], at.bias + bytes[2] };
    }
    return TRIT_OK;
}

static enum trit_code read_rows(struct reading *x, size_t first, size_t n, float *out)
{
    size_t bytes[3], from;
    row_bytes(x->r, bytes);
    const size_t each = bytes[0] + bytes[1] + bytes[2];
    const size_t most = each < PIECE ? PIECE / each : 1;
    x->bytes = malloc(most * each);
    x->row = x->r->columns.block ? malloc(x->r->k * sizeof *x->row) : NULL;
    enum trit_code code = TRIT_OK;
    if (!x->bytes || (x->r->columns.block && !x->row))
        code = trit_fail(x->error, TRIT_EMEMORY, "%s: out of memory", x->f->path);
    for (size_t i = 0; i < n && !code;) {
        struct run at;
        const size_t run = run_of(x->r, first + i, n - i < most ? n - i : most, &from);
        code = read_run(x, from, run, &at);
        if (!code)
            code = decode_run(x, at, from, run, out + i * x->r->k);
        i += run;
    }
    free(x->bytes);
    free(x->row);
    return code;
}

enum trit_code trit_hf_rows(struct trit_source *source, size_t i, size_t first, size_t n,
                            float *out, struct trit_error *error)
{
    const struct trit_hf_folder *f = (const struct trit_hf_folder *)source;
    struct reading x = { .f = f, .t = &f->tensors[i], .r = &f->recipes[i], .error = error };
    return read_rows(&x, first, n, out);
}

/* --- the mean of a master --- */

/* Sums of the magnitudes of rows, each in its place: they are added up in the order of rows
   afterwards, so that threads do not change the mean. */
struct summing {
    const struct trit_hf_folder *f;
    struct trit_hf_recipe floats; /* the master as plain floats, in the file's order */
    const struct trit_source_tensor *t;
    double *sums;
    pthread_mutex_t lock;
    size_t worst; /* the first piece that failed */
    struct trit_error *error;
};

enum { SUMMED_ROWS = 16 };

static void keep_error(struct summing *s, size_t piece, const struct trit_error *error)
{
    pthread_mutex_lock(&s->lock);
    if (piece < s->worst) {
        s->worst = piece;
        if (s->error)
            *s->error = *error;
    }
    pthread_mutex_unlock(&s->lock);
}

static void sum_piece(void *arg, size_t begin, size_t end, int thread)
{
    struct summing *s = arg;
    struct trit_error error = { 0 };
    const size_t k = s->floats.k;
    (void)thread;
    float *rows = malloc(SUMMED_ROWS * k * sizeof *rows);
    for (size_t piece = begin; piece < end; piece++) {
        const size_t first = piece * SUMMED_ROWS, left = s->floats.n - first;
        const size_t n = left < SUMMED_ROWS ? left : SUMMED_ROWS;
        struct reading x = { .f = s->f, .t = s->t, .r = &s->floats, .error = &error };
        if (!rows)
            trit_fail(&error, TRIT_EMEMORY, "%s: out of memory", s->f->path);
        if (!rows || read_rows(&x, first, n, rows)) {
            keep_error(s, piece, &error);
            break;
        }
        for (size_t i = 0; i < n; i++) {
            double p[8] = { 0 };
            trit_absmean_add(p, rows + i * k, k);
            s->sums[first + i] = trit_absmean_sum(p);
        }
    }
    free(rows);
}

enum trit_code trit_hf_prepare(struct trit_source *source, size_t i, struct trit_pool *pool,
                               struct trit_error *error)
{
    struct trit_hf_folder *f = (struct trit_hf_folder *)source;
    struct trit_hf_recipe *r = &f->recipes[i];
    struct trit_error first = { 0 };
    if (r->code != TRIT_HF_MASTER || r->s > 0)
        return TRIT_OK;
    struct summing s = { .f = f,
                         .t = &f->tensors[i],
                         .floats = { .weight = r->weight, .n = r->n, .k = r->k },
                         .sums = malloc(r->n * sizeof(double)),
                         .lock = PTHREAD_MUTEX_INITIALIZER,
                         .worst = SIZE_MAX,
                         .error = &first };
    if (!s.sums)
        return trit_fail(error, TRIT_EMEMORY, "%s: out of memory", f->path);
    trit_pool_for(pool, (r->n + SUMMED_ROWS - 1) / SUMMED_ROWS, 1, sum_piece, &s);
    double sum = 0;
    for (size_t row = 0; row < r->n && s.worst == SIZE_MAX; row++)
        sum += s.sums[row];
    free(s.sums);
    pthread_mutex_destroy(&s.lock);
    if (s.worst != SIZE_MAX)
        return trit_fail(error, first.code, "%s", first.text);
    r->s = 1.0f / trit_absmean(sum, (double)r->n * (double)r->k);
    r->d = 1.0f / r->s;
    return TRIT_OK;
}
