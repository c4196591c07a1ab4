/* The small file of lib_gguf.h, written byte by byte from the format's description (not with
 * gguf_write). */
#include "tests/lib_gguf.h"

#include <stdlib.h>
#include <string.h>

static void put(struct trit_tiny *t, const void *data, size_t n)
{
    memcpy(t->bytes + t->size, data, n);
    t->size += n;
}

static void mark(struct trit_tiny *t, enum trit_tiny_field field)
{
    t->at[field] = t->size;
}

static void u32(struct trit_tiny *t, enum trit_tiny_field field, uint32_t v)
{
    mark(t, field);
    put(t, &v, sizeof v);
}

static void u64(struct trit_tiny *t, enum trit_tiny_field field, uint64_t v)
{
    mark(t, field);
    put(t, &v, sizeof v);
}

static void text(struct trit_tiny *t, enum trit_tiny_field length, enum trit_tiny_field bytes,
                 const char *s)
{
    u64(t, length, strlen(s));
    mark(t, bytes);
    put(t, s, strlen(s));
}

/* Fields that no test spoils land here. */
static const enum trit_tiny_field ANY = TINY_DATA;

static void keys(struct trit_tiny *t)
{
    text(t, TINY_KEY_LENGTH, TINY_KEY, "general.architecture");
    u32(t, TINY_KEY_TYPE, TRIT_GGUF_STRING);
    text(t, TINY_STRING_LENGTH, ANY, "bitnet-b1.58");
    text(t, ANY, ANY, "general.alignment");
    u32(t, TINY_ALIGNMENT_TYPE, TRIT_GGUF_U32);
    u32(t, TINY_ALIGNMENT, 32);
    text(t, ANY, ANY, "tiny.a");
    u32(t, ANY, TRIT_GGUF_BOOL);
    mark(t, TINY_BOOL);
    put(t, "\1", 1);
    text(t, ANY, ANY, "tiny.b");
    u32(t, ANY, TRIT_GGUF_ARRAY);
    u32(t, TINY_BOOLS_ITEM, TRIT_GGUF_BOOL);
    u64(t, TINY_BOOLS_COUNT, 3);
    mark(t, TINY_BOOLS);
    put(t, "\1\0\1", 3);
    text(t, ANY, TINY_TEXTS_KEY, "tiny.c");
    u32(t, ANY, TRIT_GGUF_ARRAY);
    u32(t, TINY_TEXTS_ITEM, TRIT_GGUF_STRING);
    u64(t, TINY_TEXTS_COUNT, 3);
    text(t, TINY_TEXTS, ANY, "one");
    text(t, ANY, ANY, "");
    text(t, ANY, ANY, "three");
}

static void tensors(struct trit_tiny *t)
{
    text(t, TINY_NAME_LENGTH, TINY_NAME, "a");
    u32(t, TINY_NDIMS, 2);
    u64(t, TINY_NE0, 4);
    u64(t, TINY_NE1, 3);
    u32(t, TINY_TYPE, TRIT_F32);
    u64(t, TINY_OFFSET, 0);
    text(t, ANY, TINY_NAME_B, "b");
    u32(t, ANY, 2);
    u64(t, TINY_NE0_B, 128);
    u64(t, ANY, 2);
    u32(t, TINY_TYPE_B, TRIT_I2_S);
    u64(t, TINY_OFFSET_B, 64);
    text(t, ANY, TINY_NAME_C, "c");
    u32(t, ANY, 1);
    u64(t, TINY_NE0_C, 256);
    u32(t, TINY_TYPE_C, TRIT_TQ2_0);
    u64(t, TINY_OFFSET_C, 160);
}

void trit_tiny_make(struct trit_tiny *tiny)
{
    memset(tiny, 0, sizeof *tiny);
    mark(tiny, TINY_MAGIC);
    put(tiny, "GGUF", 4);
    u32(tiny, TINY_VERSION, 3);
    u64(tiny, TINY_NTENSORS, 3);
    u64(tiny, TINY_NKEYS, 5);
    keys(tiny);
    tensors(tiny);
    tiny->size = (tiny->size + 31) / 32 * 32;
    mark(tiny, TINY_DATA);
    tiny->size += 160 + 66;
}

static uint64_t sum_bytes(const void *data, uint64_t n)
{
    const uint8_t *p = data;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < n; i++)
        sum += p[i];
    return sum;
}

static uint64_t walk_key(const struct trit_gguf *g, const struct trit_gguf_kv *kv)
{
    char key[256];
    size_t n = kv->key.n < sizeof key - 1 ? kv->key.n : sizeof key - 1;
    memcpy(key, kv->key.s, n);
    key[n] = 0;
    uint32_t u = 0;
    float f = 0;
    bool b = false;
    struct trit_text text = { 0 }, *texts = NULL;
    size_t count = 0;
    struct trit_error e;
    uint64_t sum = trit_gguf_find(g, key) == kv;
    sum += trit_gguf_u32(g, key, &u, &e) == TRIT_OK ? u : 0;
    sum += trit_gguf_f32(g, key, &f, &e) == TRIT_OK;
    sum += trit_gguf_bool(g, key, &b, &e) == TRIT_OK;
    sum += trit_gguf_text(g, key, &text, &e) == TRIT_OK ? sum_bytes(text.s, text.n) : 0;
    if (trit_gguf_texts(g, key, &texts, &count, &e) == TRIT_OK)
        for (size_t i = 0; i < count; i++)
            sum += sum_bytes(texts[i].s, texts[i].n);
    free(texts);
    return sum;
}

uint64_t trit_gguf_walk(const struct trit_gguf *gguf)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < gguf->nkv; i++)
        sum += walk_key(gguf, &gguf->kv[i]);
    for (size_t i = 0; i < gguf->ntensors; i++) {
        const struct trit_gguf_tensor *t = &gguf->tensors[i];
        char name[64] = { 0 };
        memcpy(name, t->name.s, t->name.n);
        sum += trit_gguf_tensor(gguf, name) == t;
        sum += sum_bytes(t->data, t->bytes);
        trit_gguf_drop(gguf, t->data, t->bytes);
    }
    return sum;
}
