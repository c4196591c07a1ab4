/* GGUF v3 as written: the tables are collected in memory, the tensors go straight to the file. */
#include "runtime/format/gguf_write.h"

#include "runtime/format/internal.h"

#include <stdlib.h>
#include <string.h>

struct buffer {
    uint8_t *data;
    size_t n, room;
};

struct declared {
    uint64_t offset, bytes; /* the offset counts from the start of the tensor data */
};

struct trit_gguf_writer {
    char *path;
    struct trit_file *file;
    struct buffer keys, table;
    struct declared *tensors;
    size_t nkeys, ntensors, room, present; /* present: the tensor being written */
    uint64_t data_start, written;          /* written: bytes of the present tensor */
    struct trit_error error;               /* the first failure; code TRIT_OK: none */
    uint32_t renumbered, number;           /* a type, and its number in the file */
    bool begun;
};

static bool is_gguf(const char *head, size_t bytes)
{
    return trit_head_is(head, bytes, "GGUF");
}

const struct trit_file_kind trit_output_gguf = { "a GGUF file", is_gguf, 0666 };

static void fail(struct trit_gguf_writer *w, enum trit_code code, const char *name,
                 const char *what)
{
    if (w->error.code == TRIT_OK)
        trit_fail(&w->error, code, "%s: '%s': %s", w->path, name, what);
}

static bool reserve(struct buffer *b, size_t more)
{
    if (more <= b->room - b->n)
        return true;
    size_t room = b->room ? b->room : 4096;
    while (room - b->n < more && room <= SIZE_MAX / 2)
        room *= 2;
    uint8_t *data = room - b->n < more ? NULL : realloc(b->data, room);
    if (!data)
        return false;
    b->data = data;
    b->room = room;
    return true;
}

static void put(struct trit_gguf_writer *w, struct buffer *b, const void *data, size_t n)
{
    if (w->error.code != TRIT_OK || n == 0)
        return;
    if (!reserve(b, n)) {
        trit_fail(&w->error, TRIT_EMEMORY, "%s: out of memory", w->path);
        return;
    }
    memcpy(b->data + b->n, data, n);
    b->n += n;
}

static void put_u32(struct trit_gguf_writer *w, struct buffer *b, uint32_t v)
{
    put(w, b, &v, sizeof v);
}

static void put_u64(struct trit_gguf_writer *w, struct buffer *b, uint64_t v)
{
    put(w, b, &v, sizeof v);
}

static void put_string(struct trit_gguf_writer *w, struct buffer *b, const char *s, size_t n)
{
    put_u64(w, b, n);
    put(w, b, s, n);
}

static void put_name(struct trit_gguf_writer *w, const char *key, size_t n, uint32_t type)
{
    put_string(w, &w->keys, key, n);
    put_u32(w, &w->keys, type);
    w->nkeys++;
}

static void put_key(struct trit_gguf_writer *w, const char *key, uint32_t type)
{
    size_t n = strlen(key);
    if (n == 0 || n > TRIT_GGUF_KEY_MAX)
        fail(w, TRIT_EARGUMENT, key, "a key has 1 to 65535 bytes");
    if (w->begun)
        fail(w, TRIT_EARGUMENT, key, "a key after the tables were written");
    put_name(w, key, n, type);
}

static void put_scalar(struct trit_gguf_writer *w, const char *key, uint32_t type,
                       const void *value, size_t bytes)
{
    put_key(w, key, type);
    put(w, &w->keys, value, bytes);
}

static void put_array(struct trit_gguf_writer *w, const char *key, uint32_t item, size_t n,
                      const void *values, size_t bytes)
{
    put_key(w, key, TRIT_GGUF_ARRAY);
    put_u32(w, &w->keys, item);
    put_u64(w, &w->keys, n);
    put(w, &w->keys, values, bytes);
}

enum trit_code trit_gguf_writer_create(struct trit_gguf_writer **w, const char *path,
                                       struct trit_error *error)
{
    struct trit_gguf_writer *new = calloc(1, sizeof *new);
    *w = NULL;
    if (new)
        new->path = strdup(path);
    if (!new || !new->path) {
        free(new);
        return trit_fail(error, TRIT_EMEMORY, "%s: out of memory", path);
    }
    enum trit_code code = trit_file_create_as(&new->file, path, &trit_output_gguf, error);
    if (code != TRIT_OK) {
        free(new->path);
        free(new);
        return code;
    }
    *w = new;
    return TRIT_OK;
}

void trit_gguf_put_u32(struct trit_gguf_writer *w, const char *key, uint32_t value)
{
    put_scalar(w, key, TRIT_GGUF_U32, &value, sizeof value);
}

void trit_gguf_put_i32(struct trit_gguf_writer *w, const char *key, int32_t value)
{
    put_scalar(w, key, TRIT_GGUF_I32, &value, sizeof value);
}

void trit_gguf_put_f32(struct trit_gguf_writer *w, const char *key, float value)
{
    put_scalar(w, key, TRIT_GGUF_F32, &value, sizeof value);
}

void trit_gguf_put_bool(struct trit_gguf_writer *w, const char *key, bool value)
{
    put_scalar(w, key, TRIT_GGUF_BOOL, &(uint8_t){ value }, 1);
}

void trit_gguf_put_text(struct trit_gguf_writer *w, const char *key, const char *value)
{
    put_key(w, key, TRIT_GGUF_STRING);
    put_string(w, &w->keys, value, strlen(value));
}

void trit_gguf_put_texts(struct trit_gguf_writer *w, const char *key, const struct trit_text *texts,
                         size_t n)
{
    put_array(w, key, TRIT_GGUF_STRING, n, NULL, 0);
    for (size_t i = 0; i < n; i++)
        put_string(w, &w->keys, texts[i].s, texts[i].n);
}

void trit_gguf_put_i32s(struct trit_gguf_writer *w, const char *key, const int32_t *values,
                        size_t n)
{
    put_array(w, key, TRIT_GGUF_I32, n, values, n * sizeof *values);
}

void trit_gguf_put_f32s(struct trit_gguf_writer *w, const char *key, const float *values, size_t n)
{
    put_array(w, key, TRIT_GGUF_F32, n, values, n * sizeof *values);
}

/* Bytes of its elements, which stand as they are written. */
static size_t value_bytes(const struct trit_gguf_kv *kv)
{
    size_t bytes = 0;
    if (kv->item != TRIT_GGUF_STRING)
        return (size_t)kv->count * trit_gguf_item_bytes(kv->item);
    for (uint64_t i = 0, n; i < kv->count; i++, bytes += sizeof n + (size_t)n)
        memcpy(&n, kv->data + bytes, sizeof n);
    return bytes;
}

void trit_gguf_put_copy(struct trit_gguf_writer *w, const struct trit_gguf_kv *kv)
{
    put_name(w, kv->key.s, kv->key.n, kv->type);
    if (kv->type == TRIT_GGUF_ARRAY) {
        put_u32(w, &w->keys, kv->item);
        put_u64(w, &w->keys, kv->count);
    }
    put(w, &w->keys, kv->data, value_bytes(kv));
}

/* Room for one more entry, or NULL. */
static struct declared *next_declared(struct trit_gguf_writer *w)
{
    if (w->ntensors == w->room) {
        size_t room = w->room ? w->room * 2 : 64;
        struct declared *more = realloc(w->tensors, room * sizeof *more);
        if (!more)
            return NULL;
        w->tensors = more;
        w->room = room;
    }
    return &w->tensors[w->ntensors];
}

/* Where the tensor after all declared ones starts. False where that wraps. */
static bool next_offset(const struct trit_gguf_writer *w, uint64_t *offset)
{
    *offset = 0;
    if (w->ntensors == 0)
        return true;
    const struct declared *last = &w->tensors[w->ntensors - 1];
    return !__builtin_add_overflow(last->offset, last->bytes, offset) &&
           trit_gguf_align(*offset, TRIT_GGUF_ALIGNMENT, offset);
}

/* What is wrong with a declaration, NULL: nothing. */
static const char *declaration_fault(const struct trit_gguf_writer *w, const char *name,
                                     uint32_t type, uint32_t ndims, const uint64_t *ne,
                                     struct declared *d)
{
    uint64_t shape[4] = { 1, 1, 1, 1 };
    size_t length = strlen(name);
    if (w->begun)
        return "a tensor after the tables were written";
    if (length == 0 || length > TRIT_GGUF_NAME_MAX)
        return "a tensor's name has 1 to 63 bytes";
    if (ndims < 1 || ndims > 4)
        return "a tensor has 1 to 4 dimensions";
    for (uint32_t i = 0; i < ndims; i++)
        if ((shape[i] = ne[i]) == 0)
            return "a dimension is 0";
    const char *what = trit_type_bytes(type, shape, &d->bytes);
    if (!what && d->bytes == 0)
        what = "a tensor of a type whose size is not known";
    if (!what && !next_offset(w, &d->offset))
        what = "the file would not fit 64 bits";
    return what;
}

void trit_gguf_renumber(struct trit_gguf_writer *w, uint32_t type, uint32_t number)
{
    w->renumbered = type;
    w->number = number;
}

void trit_gguf_put_tensor(struct trit_gguf_writer *w, const char *name, uint32_t type,
                          uint32_t ndims, const uint64_t *ne)
{
    struct declared *d = next_declared(w);
    const char *what =
        d ? declaration_fault(w, name, type, ndims, ne, d) : "out of memory for the tensor table";
    if (what) {
        fail(w, d ? TRIT_EARGUMENT : TRIT_EMEMORY, name, what);
        return;
    }
    put_string(w, &w->table, name, strlen(name));
    put_u32(w, &w->table, ndims);
    put(w, &w->table, ne, ndims * sizeof *ne);
    put_u32(w, &w->table, type == w->renumbered ? w->number : type);
    put_u64(w, &w->table, d->offset);
    w->ntensors++;
}

static void pad_to(struct trit_gguf_writer *w, uint64_t size)
{
    static const uint8_t zeros[TRIT_GGUF_ALIGNMENT];
    uint64_t now = trit_file_size(w->file);
    if (now < size)
        trit_file_write(w->file, zeros, (size_t)(size - now));
}

enum trit_code trit_gguf_write_begin(struct trit_gguf_writer *w, struct trit_error *error)
{
    struct buffer head = { 0 };
    put(w, &head, "GGUF", 4);
    put_u32(w, &head, 3);
    put_u64(w, &head, w->ntensors);
    put_u64(w, &head, w->nkeys);
    if (w->error.code == TRIT_OK) {
        trit_file_write(w->file, head.data, head.n);
        trit_file_write(w->file, w->keys.data, w->keys.n);
        trit_file_write(w->file, w->table.data, w->table.n);
        w->begun = trit_gguf_align(trit_file_size(w->file), TRIT_GGUF_ALIGNMENT, &w->data_start);
        pad_to(w, w->data_start);
    } else if (error) {
        *error = w->error;
    }
    free(head.data);
    return w->error.code;
}

/* A tensor that is whole gets its padding, the last one too: some readers want it. */
static void settle(struct trit_gguf_writer *w)
{
    const struct declared *d = &w->tensors[w->present];
    if (w->written < d->bytes)
        return;
    pad_to(w, (w->data_start + d->offset + d->bytes + TRIT_GGUF_ALIGNMENT - 1) /
                  TRIT_GGUF_ALIGNMENT * TRIT_GGUF_ALIGNMENT);
    w->present++;
    w->written = 0;
}

void trit_gguf_write(struct trit_gguf_writer *w, const void *data, size_t bytes)
{
    if (w->error.code != TRIT_OK || bytes == 0)
        return;
    if (!w->begun || w->present == w->ntensors ||
        bytes > w->tensors[w->present].bytes - w->written) {
        trit_fail(&w->error, TRIT_EARGUMENT, "%s: %zu bytes are more than tensor %zu has left",
                  w->path, bytes, w->present);
        return;
    }
    trit_file_write(w->file, data, bytes);
    w->written += bytes;
    settle(w);
}

bool trit_gguf_writer_failed(const struct trit_gguf_writer *w)
{
    return w->error.code != TRIT_OK || trit_file_failed(w->file);
}

static void writer_free(struct trit_gguf_writer *w)
{
    free(w->keys.data);
    free(w->table.data);
    free(w->tensors);
    free(w->path);
    free(w);
}

enum trit_code trit_gguf_writer_finish(struct trit_gguf_writer *w, struct trit_error *error)
{
    if (w->error.code == TRIT_OK && !w->begun)
        trit_fail(&w->error, TRIT_EARGUMENT, "%s: finished before it was begun", w->path);
    if (w->error.code == TRIT_OK && w->present < w->ntensors && !trit_file_failed(w->file))
        trit_fail(&w->error, TRIT_EARGUMENT, "%s: tensor %zu of %zu is incomplete", w->path,
                  w->present, w->ntensors);
    enum trit_code code = w->error.code;
    if (code == TRIT_OK) {
        code = trit_file_commit(w->file, error);
    } else {
        if (error)
            *error = w->error;
        trit_file_abandon(w->file);
    }
    writer_free(w);
    return code;
}

uint32_t trit_gguf_file_type(uint32_t type)
{
    static const uint32_t numbers[][2] = {
        { TRIT_F32, 0 },    { TRIT_F16, 1 },     { TRIT_Q8_0, 7 },    { TRIT_BF16, 32 },
        { TRIT_TQ1_0, 36 }, { TRIT_TQ2_0, 37 },  { TRIT_I2_S, 40 },   { TRIT_Q1_0, 40 },
        { TRIT_Q2_0, 41 },  { TRIT_PQ2_0, 141 }, { TRIT_PTQ1_0, 142 }
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i][0] == type)
            return numbers[i][1];
    return 0;
}

void trit_gguf_writer_abandon(struct trit_gguf_writer *w)
{
    if (!w)
        return;
    trit_file_abandon(w->file);
    writer_free(w);
}
