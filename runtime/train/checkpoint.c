/* Checkpoints: "TRITCKP1", the header's bytes (u64), the state, w, m, v, and the XXH3 of all before
   it. */
#include "runtime/train/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "runtime/base/file.h"
#include "runtime/base/room.h"

static const char magic[8] = "TRITCKP1";

enum { HEAD = sizeof magic + 8 + sizeof(struct trit_train_state) };
_Static_assert(sizeof(struct trit_train_shape) == 17 * 4, "a hole in the file's shape");
_Static_assert(sizeof(struct trit_train_state) == 20 * 4 + 6 * 8, "a hole in its state");

static bool is_checkpoint(const char *head, size_t bytes)
{
    return bytes >= sizeof magic && !memcmp(head, magic, sizeof magic);
}

const struct trit_file_kind trit_output_checkpoint = { "a checkpoint of training", is_checkpoint,
                                                       0666 };

static uint64_t bytes_of(uint64_t floats)
{
    return HEAD + 3 * floats * sizeof(float) + 8;
}

static enum trit_code bad(const char *path, const char *what, struct trit_error *error)
{
    return trit_fail(error, TRIT_EFORMAT, "%s: %s", path, what);
}

static bool all_finite(const float *x, size_t n)
{
    bool finite = true;
    for (size_t i = 0; i < n; i++)
        finite &= isfinite(x[i]) != 0;
    return finite;
}

enum trit_code trit_train_checkpoint_room(const char *path, size_t floats, struct trit_error *error)
{
    return trit_need_disk(path, bytes_of(floats), error);
}

struct writing {
    struct trit_file *file;
    XXH3_state_t *hash;
};

static void put(struct writing *w, const void *data, size_t bytes)
{
    XXH3_64bits_update(w->hash, data, bytes);
    trit_file_write(w->file, data, bytes);
}

enum trit_code trit_train_checkpoint_write(const char *path, const struct trit_train_state *state,
                                           const struct trit_train_blocks *blocks,
                                           struct trit_error *error)
{
    struct writing w = { NULL, XXH3_createState() };
    const uint64_t head = sizeof *state;
    const size_t n = blocks->floats, bytes = n * sizeof(float);
    enum trit_code code = w.hash ? trit_train_checkpoint_room(path, n, error)
                                 : trit_fail(error, TRIT_EMEMORY, "no memory for a checkpoint");
    if (!code &&
        !(all_finite(blocks->w, n) && all_finite(blocks->m, n) && all_finite(blocks->v, n)))
        code = bad(path, "what it is to hold is not finite", error);
    if (!code)
        code = trit_file_create_as(&w.file, path, &trit_output_checkpoint, error);
    if (!code) {
        XXH3_64bits_reset(w.hash);
        put(&w, magic, sizeof magic);
        put(&w, &head, sizeof head);
        put(&w, state, sizeof *state);
        put(&w, blocks->w, bytes);
        put(&w, blocks->m, bytes);
        put(&w, blocks->v, bytes);
        const uint64_t digest = XXH3_64bits_digest(w.hash);
        trit_file_write(w.file, &digest, sizeof digest);
        code = trit_file_commit(w.file, error);
    }
    XXH3_freeState(w.hash);
    return code;
}

/* Floats of a block of the file's shape, by way of a layout. */
static enum trit_code floats_of(const struct trit_train_shape *shape, size_t *floats,
                                struct trit_error *error)
{
    struct trit_train_layout layout;
    enum trit_code code = trit_train_shape_check(shape, error);
    if (!code)
        code = trit_train_layout_create(&layout, shape, error);
    if (code)
        return code;
    *floats = layout.floats;
    trit_train_layout_free(&layout);
    return TRIT_OK;
}

static enum trit_code read_head(FILE *f, const char *path, struct trit_train_state *state,
                                size_t *floats, struct trit_error *error)
{
    char start[sizeof magic];
    uint64_t head;
    struct stat st;
    struct trit_error why;
    if (fread(start, 1, sizeof start, f) != sizeof start || !is_checkpoint(start, sizeof start))
        return bad(path, "is no checkpoint of training", error);
    if (fread(&head, sizeof head, 1, f) != 1 || head != sizeof *state ||
        fread(state, sizeof *state, 1, f) != 1)
        return bad(path, "a checkpoint of another version, or cut off", error);
    if (state->version != TRIT_TRAIN_VERSION)
        return bad(path, "a checkpoint of another version", error);
    const enum trit_code code = floats_of(&state->shape, floats, &why);
    if (code)
        return trit_fail(error, code == TRIT_EARGUMENT ? TRIT_EFORMAT : code, "%s: %s", path,
                         why.text);
    if (!state->batch || !state->pass || !(state->seconds >= 0 && isfinite(state->seconds)) ||
        !(state->best >= 0 && isfinite(state->best)) || state->best_step > state->step)
        return bad(path, "its header has a value that cannot be", error);
    if (fstat(fileno(f), &st) || (uint64_t)st.st_size != bytes_of(*floats))
        return bad(path, "cut off, or longer than its shape says", error);
    return TRIT_OK;
}

static enum trit_code open_head(FILE **f, const char *path, struct trit_train_state *state,
                                size_t *floats, struct trit_error *error)
{
    struct stat st;
    /* O_NONBLOCK: a named pipe must not make us wait before it can be refused */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const bool regular = fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode);
    *f = regular ? fdopen(fd, "rb") : NULL;
    if (!*f) {
        trit_fail(error, TRIT_EIO, "%s: %s", path,
                  fd >= 0 && !regular ? "is not a regular file" : strerror(errno));
        if (fd >= 0)
            close(fd);
        return TRIT_EIO;
    }
    const enum trit_code code = read_head(*f, path, state, floats, error);
    if (code)
        fclose(*f);
    return code;
}

enum trit_code trit_train_checkpoint_state(const char *path, struct trit_train_state *state,
                                           struct trit_error *error)
{
    FILE *f;
    size_t floats = 0;
    const enum trit_code code = open_head(&f, path, state, &floats, error);
    if (!code)
        fclose(f);
    return code;
}

static enum trit_code read_blocks(FILE *f, const char *path, const struct trit_train_state *state,
                                  const struct trit_train_blocks *b, struct trit_error *error)
{
    float *const parts[] = { b->w, b->m, b->v };
    const uint64_t head = sizeof *state;
    uint64_t digest = 0;
    bool whole = true, finite = true;
    XXH3_state_t *hash = XXH3_createState();
    if (!hash)
        return trit_fail(error, TRIT_EMEMORY, "no memory for a checkpoint");
    XXH3_64bits_reset(hash);
    XXH3_64bits_update(hash, magic, sizeof magic);
    XXH3_64bits_update(hash, &head, sizeof head);
    XXH3_64bits_update(hash, state, sizeof *state);
    for (size_t i = 0; i < 3 && whole; i++) {
        whole = fread(parts[i], sizeof(float), b->floats, f) == b->floats;
        XXH3_64bits_update(hash, parts[i], b->floats * sizeof(float));
        finite = finite && all_finite(parts[i], b->floats);
    }
    whole = whole && fread(&digest, sizeof digest, 1, f) == 1;
    const bool same = digest == XXH3_64bits_digest(hash);
    XXH3_freeState(hash);
    if (!whole)
        return trit_fail(error, TRIT_EIO, "%s: cannot be read to its end", path);
    if (!same)
        return bad(path, "its digest is not that of its bytes: it is damaged", error);
    return finite ? TRIT_OK : bad(path, "it has a weight that is not finite", error);
}

enum trit_code trit_train_checkpoint_read(const char *path, const struct trit_train_state *state,
                                          const struct trit_train_blocks *blocks,
                                          struct trit_error *error)
{
    FILE *f;
    struct trit_train_state now;
    size_t floats = 0;
    enum trit_code code = open_head(&f, path, &now, &floats, error);
    if (code)
        return code;
    if (memcmp(&now, state, sizeof now) || floats != blocks->floats)
        code = bad(path, "it was written in between: is another run at work on it?", error);
    else
        code = read_blocks(f, path, &now, blocks, error);
    fclose(f);
    return code;
}
