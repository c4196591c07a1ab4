/* Snapshots: a header that binds one to its model, then tokens, states, keys and values. */
#include "runtime/model/snapshot.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "runtime/base/file.h"
#include "runtime/base/mapping.h"
#include "runtime/base/mem.h"
#include "runtime/base/room.h"
#include "runtime/format/gguf_digest.h"
#include "runtime/model/internal.h"
#include "runtime/model/kv.h"

#define MAGIC "tritmill session"
enum { VERSION = 1, ORDER = 0x01020304 };

/* As in memory: a file of another byte order is refused. hash: of the header, hash 0, and of what
   follows. */
struct header {
    char magic[16];
    uint32_t version, order;
    uint64_t model[2]; /* trit_model's fingerprint */
    uint64_t bytes;    /* of the whole snapshot */
    uint64_t position, tokens;
    uint64_t hash;
};

/* --- what there is --- */

/* Pieces of a snapshot, in order. */
struct walk {
    void (*piece)(struct walk *walk, void *memory, size_t bytes);
    uint8_t *at; /* in the snapshot */
    size_t bytes;
    struct trit_file *file;
    XXH3_state_t *hash;
};

/* Padded, so that what follows is aligned. */
static size_t tokens_bytes(size_t n)
{
    return trit_round_up(n * sizeof(int32_t), 8);
}

static void walk_tokens(struct walk *w, const int32_t *tokens, size_t n)
{
    int32_t zero = 0;
    w->piece(w, (void *)(uintptr_t)tokens, n * sizeof zero);
    w->piece(w, &zero, tokens_bytes(n) - n * sizeof zero);
}

/* Of each chunk, of each head, the positions that are filled. */
static void walk_cache(struct walk *w, const struct trit_session *s)
{
    const struct trit_config *c = &s->model->config;
    const size_t heads = trit_config_attending(c) * c->kv_heads;
    uint8_t *head = s->kv;
    for (size_t start = 0; start < s->position; start += TRIT_ATTN_CHUNK) {
        const size_t left = s->position - start,
                     n = left < TRIT_ATTN_CHUNK ? left : TRIT_ATTN_CHUNK,
                     k = s->model->kv->k_bytes(s->model, n), v = s->model->kv->v_bytes(s->model, n);
        for (size_t i = 0; i < heads; i++, head += s->k_bytes + s->v_bytes) {
            w->piece(w, head, k);
            w->piece(w, head + s->k_bytes, v);
        }
    }
}

static void walk_session(struct walk *w, const struct trit_session *s)
{
    if (s->position)
        w->piece(w, s->states.memory, s->states.bytes);
    walk_cache(w, s);
}

static void count(struct walk *w, void *memory, size_t bytes)
{
    (void)memory;
    w->bytes += bytes;
}

static void take(struct walk *w, void *memory, size_t bytes)
{
    if (bytes)
        memcpy(w->at, memory, bytes);
    w->at += bytes;
}

static void put(struct walk *w, void *memory, size_t bytes)
{
    if (bytes)
        memcpy(memory, w->at, bytes);
    w->at += bytes;
}

static void hash(struct walk *w, void *memory, size_t bytes)
{
    if (bytes)
        XXH3_64bits_update(w->hash, memory, bytes);
}

static void write_out(struct walk *w, void *memory, size_t bytes)
{
    trit_file_write(w->file, memory, bytes);
}

/* --- the header --- */

/* Of the file, and of how the session holds keys and values. */
static void fingerprint(const struct trit_session *s, uint64_t out[2])
{
    const struct trit_kernel *dot = s->model->ops.dot;
    uint64_t of[] = { 0, 0, s->model->config.joint, s->model->kv != trit_kv_kind(TRIT_KV_F16),
                      dot ? (uint64_t)dot->nr : 0 };
    trit_gguf_digest(s->model->embd.gguf, of);
    const XXH128_hash_t h = XXH3_128bits(of, sizeof of);
    out[0] = h.low64 | 1;
    out[1] = h.high64;
}

static size_t bytes_at(const struct trit_session *s, size_t position, size_t tokens)
{
    struct trit_session then = *s;
    struct walk w = { .piece = count };
    then.position = position;
    walk_session(&w, &then);
    return sizeof(struct header) + tokens_bytes(tokens) + w.bytes;
}

size_t trit_snapshot_bytes(const struct trit_session *s, bool tokens)
{
    return bytes_at(s, s->position, tokens ? s->position : 0);
}

/* All but the hash. */
static struct header header_of(const struct trit_session *s, bool tokens)
{
    struct header h = { .version = VERSION, .order = ORDER, .position = s->position };
    memcpy(h.magic, MAGIC, sizeof h.magic);
    fingerprint(s, h.model);
    h.tokens = tokens ? s->position : 0;
    h.bytes = trit_snapshot_bytes(s, tokens);
    return h;
}

/* Of header, tokens and, piece by piece, the session; 0 without memory. */
static uint64_t hash_session(const struct trit_session *s, const struct header *h,
                             const int32_t *tokens)
{
    struct walk w = { .piece = hash, .hash = XXH3_createState() };
    if (!w.hash)
        return 0;
    XXH3_64bits_reset(w.hash);
    XXH3_64bits_update(w.hash, h, sizeof *h);
    walk_tokens(&w, tokens, (size_t)h->tokens);
    walk_session(&w, s);
    const uint64_t all = XXH3_64bits_digest(w.hash) | 1;
    XXH3_freeState(w.hash);
    return all;
}

/* The states at the session's position, the header. */
static enum trit_code prepare(struct trit_session *s, const int32_t *tokens, struct header *h,
                              struct trit_error *error)
{
    enum trit_code code = trit_delta_settle(s, error);
    if (code)
        return code;
    *h = header_of(s, tokens != NULL);
    h->hash = h->model[0] ? hash_session(s, h, tokens) : 0;
    return h->hash ? TRIT_OK : trit_fail(error, TRIT_EMEMORY, "no memory for a snapshot");
}

enum trit_code trit_snapshot_take(struct trit_session *s, const int32_t *tokens, void *out,
                                  struct trit_error *error)
{
    struct header h;
    const enum trit_code code = prepare(s, tokens, &h, error);
    if (code)
        return code;
    struct walk w = { .piece = take, .at = out };
    take(&w, &h, sizeof h);
    walk_tokens(&w, tokens, (size_t)h.tokens);
    walk_session(&w, s);
    return TRIT_OK;
}

/* --- back again --- */

static enum trit_code refuse(const char *name, const char *why, struct trit_error *error)
{
    return trit_fail(error, TRIT_EFORMAT, "%s: %s", name, why);
}

static enum trit_code check_header(const struct trit_session *s, const struct header *h,
                                   size_t bytes, const char *name, struct trit_error *error)
{
    uint64_t model[2];
    if (bytes < sizeof *h || memcmp(h->magic, MAGIC, sizeof h->magic))
        return refuse(name, "is no saved session", error);
    if (h->version != VERSION || h->order != ORDER)
        return refuse(name, "is a session saved by another version, or on another kind of machine",
                      error);
    fingerprint(s, model);
    if (h->model[0] != model[0] || h->model[1] != model[1])
        return refuse(name, "is a session of another model, or with another kind of KV cache",
                      error);
    if (h->position > s->context)
        return trit_fail(error, TRIT_EFORMAT, "%s: has %llu tokens: the context holds %zu", name,
                         (unsigned long long)h->position, s->context);
    if ((h->tokens && h->tokens != h->position) || h->bytes != bytes ||
        bytes != bytes_at(s, (size_t)h->position, (size_t)h->tokens))
        return refuse(name, "was cut short, or changed", error);
    return TRIT_OK;
}

static enum trit_code check_hash(const struct header *h, size_t bytes, const char *name,
                                 struct trit_error *error)
{
    struct header plain = *h;
    XXH3_state_t *state = XXH3_createState();
    if (!state)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory", name);
    plain.hash = 0;
    XXH3_64bits_reset(state);
    XXH3_64bits_update(state, &plain, sizeof plain);
    XXH3_64bits_update(state, h + 1, bytes - sizeof plain);
    const uint64_t all = XXH3_64bits_digest(state) | 1;
    XXH3_freeState(state);
    return all == h->hash ? TRIT_OK : refuse(name, "was changed: its checksum is another", error);
}

enum trit_code trit_snapshot_put(struct trit_session *s, const void *in, size_t bytes,
                                 const char *name, const int32_t **tokens, struct trit_error *error)
{
    const struct header *h = in;
    enum trit_code code = check_header(s, h, bytes, name, error);
    if (code || (code = check_hash(h, bytes, name, error)))
        return code;
    const uint8_t *rest = (const uint8_t *)(h + 1);
    if (tokens)
        *tokens = h->tokens ? (const int32_t *)(const void *)rest : NULL;
    struct walk w = { .piece = put,
                      .at = (uint8_t *)(uintptr_t)rest + tokens_bytes((size_t)h->tokens) };
    trit_marks_detach(s);
    s->position = s->states.settled = (size_t)h->position;
    walk_session(&w, s);
    return TRIT_OK;
}

/* --- files --- */

static bool is_snapshot(const char *head, size_t bytes)
{
    return trit_head_is(head, bytes, MAGIC);
}

const struct trit_file_kind trit_output_snapshot = { "a saved session", is_snapshot, 0600 };

enum trit_code trit_snapshot_write(struct trit_session *s, const int32_t *tokens, const char *path,
                                   struct trit_error *error)
{
    struct header h;
    struct walk w = { .piece = write_out };
    enum trit_code code = prepare(s, tokens, &h, error);
    if (!code)
        code = trit_need_disk(path, h.bytes, error);
    if (!code)
        code = trit_file_create_as(&w.file, path, &trit_output_snapshot, error);
    if (code)
        return code;
    trit_file_write(w.file, &h, sizeof h);
    walk_tokens(&w, tokens, (size_t)h.tokens);
    walk_session(&w, s);
    return trit_file_commit(w.file, error);
}

static enum trit_code copy_tokens(const int32_t *from, size_t n, int32_t **tokens, size_t *ntokens,
                                  struct trit_error *error)
{
    *ntokens = from ? n : 0;
    *tokens = trit_alloc(*ntokens + 1, sizeof **tokens);
    if (!*tokens)
        return trit_fail(error, TRIT_EMEMORY, "no memory for %zu tokens", n);
    if (*ntokens)
        memcpy(*tokens, from, *ntokens * sizeof *from);
    return TRIT_OK;
}

enum trit_code trit_snapshot_read(struct trit_session *s, const char *path, int32_t **tokens,
                                  size_t *ntokens, struct trit_error *error)
{
    size_t bytes;
    const int32_t *ids = NULL;
    int fd;
    enum trit_code code = trit_file_open_own(path, 0, &fd, &bytes, error);
    if (code)
        return code;
    struct trit_mapping mapping;
    code = trit_mapping_open(&mapping, fd, bytes, false, path, error);
    close(fd);
    if (code)
        return code;
    code = trit_snapshot_put(s, mapping.base, mapping.bytes, path, &ids, error);
    if (!code && tokens)
        code = copy_tokens(ids, s->position, tokens, ntokens, error);
    trit_mapping_close(&mapping);
    return code;
}
