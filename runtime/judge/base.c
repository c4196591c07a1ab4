/* Saved logits: written row by row, read back with everything checked. The form is llama.cpp's
   (--kl-divergence-base), so that each reads the other's. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/base/math.h"
#include "runtime/base/mem.h"
#include "runtime/base/output.h"
#include "runtime/judge/internal.h"

#define MAGIC "_logits_"
enum { MAGIC_BYTES = 8, HEADER = MAGIC_BYTES + 3 * 4, CHUNKS_MOST = 1 << 24 };
static const float DEEPEST = 16; /* nats below the best */

static bool is_logits(const char *head, size_t bytes)
{
    return trit_head_is(head, bytes, MAGIC);
}

const struct trit_file_kind trit_output_logits = { "a file of logits", is_logits, 0666 };

void trit_base_encode(const float *logits, size_t vocab, uint16_t *row)
{
    float most = logits[0], least = logits[0];
    double sum = 0;
    for (size_t i = 1; i < vocab; i++) {
        most = logits[i] > most ? logits[i] : most;
        least = logits[i] < least ? logits[i] : least;
    }
    least = least > most - DEEPEST ? least : most - DEEPEST;
    for (size_t i = 0; i < vocab; i++)
        sum += trit_exp((double)logits[i] - most);
    const float head[2] = { (most - least) / 65535.0f, least - most - (float)trit_log(sum) };
    const float steps = head[0] > 0 ? 1 / head[0] : 0;
    memcpy(row, head, sizeof head);
    memset(row + 4, 0, (trit_base_row(vocab) - 4) * sizeof *row);
    for (size_t i = 0; i < vocab && steps > 0; i++) {
        const float q = rintf(steps * (logits[i] - least));
        row[4 + i] = logits[i] > least ? (uint16_t)(q < 65535 ? q : 65535) : 0;
    }
}

static enum trit_code bad(const struct trit_base *b, const char *what, struct trit_error *error)
{
    return trit_fail(error, TRIT_EFORMAT, "%s: %s", b->path, what);
}

static enum trit_code read_header(struct trit_base *b, uint64_t bytes, size_t vocab,
                                  struct trit_error *error)
{
    char magic[MAGIC_BYTES];
    int32_t sizes[3];
    if (fread(magic, sizeof magic, 1, b->file) != 1 || memcmp(magic, MAGIC, sizeof magic) != 0 ||
        fread(sizes, sizeof sizes, 1, b->file) != 1)
        return bad(b, "no file of logits (it does not begin with '" MAGIC "' and three sizes)",
                   error);
    if (sizes[0] < 4 || sizes[0] > 1 << 20 || sizes[2] < 1 || sizes[2] > CHUNKS_MOST)
        return trit_fail(error, TRIT_EFORMAT, "%s: %d chunks of %d tokens cannot be", b->path,
                         (int)sizes[2], (int)sizes[0]);
    if (sizes[1] < 1 || (size_t)sizes[1] != vocab)
        return trit_fail(error, TRIT_EFORMAT,
                         "%s: its vocabulary has %d tokens, the model's %zu: they are no kin",
                         b->path, (int)sizes[1], vocab);
    b->shape = (struct trit_base_shape){ (size_t)sizes[0], vocab, (size_t)sizes[2] };
    const uint64_t tokens = (uint64_t)b->shape.context * b->shape.chunks,
                   rows = trit_base_scored(b->shape.context) * (uint64_t)b->shape.chunks,
                   wanted = HEADER + 4 * tokens + 2 * rows * trit_base_row(vocab);
    if (bytes != wanted)
        return trit_fail(error, TRIT_EFORMAT,
                         "%s: %zu chunks of %zu tokens take %llu bytes, the file has %llu", b->path,
                         b->shape.chunks, b->shape.context, (unsigned long long)wanted,
                         (unsigned long long)bytes);
    return TRIT_OK;
}

static enum trit_code read_tokens(struct trit_base *b, struct trit_error *error)
{
    const size_t n = b->shape.context * b->shape.chunks;
    b->ids = trit_alloc(n, sizeof *b->ids);
    if (!b->ids)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory for %zu tokens", b->path, n);
    if (fread(b->ids, sizeof *b->ids, n, b->file) != n)
        return bad(b, "ends within its tokens", error);
    for (size_t i = 0; i < n; i++)
        if (b->ids[i] < 0 || (size_t)b->ids[i] >= b->shape.vocab)
            return trit_fail(error, TRIT_EFORMAT, "%s: token %zu is %d: not in the vocabulary",
                             b->path, i, (int)b->ids[i]);
    return TRIT_OK;
}

enum trit_code trit_base_parse(struct trit_base *b, void *file, uint64_t bytes, const char *path,
                               size_t vocab, struct trit_error *error)
{
    *b = (struct trit_base){ .file = file, .path = path };
    const enum trit_code code = read_header(b, bytes, vocab, error);
    return code ? code : read_tokens(b, error);
}

enum trit_code trit_base_open(struct trit_base *b, const char *path, size_t vocab,
                              struct trit_error *error)
{
    FILE *file = fopen(path, "rbe");
    struct stat st;
    *b = (struct trit_base){ 0 };
    if (!file)
        return trit_fail(error, TRIT_EIO, "%s: %s", path, strerror(errno));
    const bool regular = !fstat(fileno(file), &st) && S_ISREG(st.st_mode);
    if (regular)
        return trit_base_parse(b, file, (uint64_t)st.st_size, path, vocab, error);
    fclose(file);
    return trit_fail(error, TRIT_EFORMAT, "%s: no regular file", path);
}

enum trit_code trit_base_read(struct trit_base *b, size_t n, uint16_t *rows,
                              struct trit_error *error)
{
    const size_t row = trit_base_row(b->shape.vocab);
    if (fread(rows, row * sizeof *rows, n, b->file) != n)
        return bad(b, "became shorter while it was read", error);
    for (size_t i = 0; i < n; i++, b->row++) {
        float head[2];
        memcpy(head, rows + i * row, sizeof head);
        if (!(head[0] >= 0 && isfinite(head[0]) && isfinite(head[1])))
            return trit_fail(error, TRIT_EFORMAT, "%s: row %zu: scale %g, least log-probability %g",
                             b->path, b->row, (double)head[0], (double)head[1]);
    }
    return TRIT_OK;
}

void trit_base_close(struct trit_base *b)
{
    if (b->file)
        fclose(b->file);
    free(b->ids);
    *b = (struct trit_base){ 0 };
}
