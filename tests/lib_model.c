/* Writes small models as GGUF bytes, good and bad ones alike, in every type that tritmill reads. */
#include "tests/lib_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/half.h"

/* The file so far. Tests have memory: there is no other error handling. */
struct bytes {
    uint8_t *data;
    size_t n, room;
};

static uint8_t *grow(struct bytes *b, size_t n)
{
    if (!b->data || b->n + n > b->room) {
        b->room = 2 * (b->n + n) + 64;
        b->data = realloc(b->data, b->room);
        if (!b->data)
            abort();
    }
    memset(b->data + b->n, 0, n);
    b->n += n;
    return b->data + b->n - n;
}

static void put(struct bytes *b, const void *data, size_t n)
{
    memcpy(grow(b, n), data, n);
}

static void put_number(struct bytes *b, uint64_t value, size_t n)
{
    put(b, &value, n);
}

static void put_text(struct bytes *b, const char *s)
{
    put_number(b, strlen(s), 8);
    put(b, s, strlen(s));
}

static void put_key(struct bytes *b, const struct trit_toy_key *key)
{
    static const uint8_t size[] = {
        [TRIT_GGUF_U8] = 1,  [TRIT_GGUF_I8] = 1,  [TRIT_GGUF_U16] = 2,  [TRIT_GGUF_I16] = 2,
        [TRIT_GGUF_U32] = 4, [TRIT_GGUF_I32] = 4, [TRIT_GGUF_BOOL] = 1, [TRIT_GGUF_U64] = 8,
        [TRIT_GGUF_I64] = 8, [TRIT_GGUF_F64] = 0
    };
    const float real = (float)key->real;
    put_text(b, key->name);
    put_number(b, key->type, 4);
    if (key->type == TRIT_GGUF_STRING) {
        put_text(b, key->text);
    } else if (key->type == TRIT_GGUF_F32) {
        put(b, &real, sizeof real);
    } else if (key->type == TRIT_GGUF_F64) {
        put(b, &key->real, sizeof key->real);
    } else if (key->type == TRIT_GGUF_ARRAY) {
        put_number(b, TRIT_GGUF_U32, 4);
        put_number(b, 2, 8);
        put_number(b, key->number, 4);
        put_number(b, key->number, 4);
    } else {
        put_number(b, key->number, size[key->type]);
    }
}

/* Values: a hash of seed and element, made into what the tensor holds. */

static uint32_t hash(uint32_t seed, uint64_t i)
{
    uint64_t x = (uint64_t)seed << 32 ^ i;
    x = (x ^ x >> 31) * 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9u;
    return (uint32_t)(x >> 32);
}

static float value(const struct trit_toy_tensor *t, uint64_t i)
{
    const uint32_t h = hash(t->seed, i);
    if (t->spoiled && i == t->at)
        return t->with;
    if (t->values == TOY_TRITS)
        return ((float)(h % 3) - 1) * t->d;
    if (t->values == TOY_ROWS)
        return ((float)(h % 64) - 32) / 16;
    if (t->values == TOY_SLOPES)
        return -(float)(1 + h % 9) / 16;
    return t->values == TOY_NORM ? 0.75f + (float)(h % 128) / 256 : 1;
}

/* One encoder per type: count elements from element `from` on, which is a block's first, to `out`.
 */
typedef void encode_fn(const struct trit_toy_tensor *t, uint64_t from, size_t count, uint8_t *out);

static void encode_f32(const struct trit_toy_tensor *t, uint64_t from, size_t count, uint8_t *out)
{
    (void)count;
    const float v = value(t, from);
    memcpy(out, &v, sizeof v);
}

static void encode_f16(const struct trit_toy_tensor *t, uint64_t from, size_t count, uint8_t *out)
{
    (void)count;
    const uint16_t v = trit_f32_f16(value(t, from));
    memcpy(out, &v, sizeof v);
}

static void encode_bf16(const struct trit_toy_tensor *t, uint64_t from, size_t count, uint8_t *out)
{
    (void)count;
    const uint16_t v = (uint16_t)(trit_f32_bits(value(t, from)) >> 16);
    memcpy(out, &v, sizeof v);
}

/* The f16 scale of a block: 1/16, or what one of its elements was spoiled with. */
static void put_scale(const struct trit_toy_tensor *t, uint64_t from, size_t count, uint8_t *out)
{
    const bool here = t->spoiled && t->at >= from && t->at < from + count;
    const uint16_t d = trit_f32_f16(here ? t->with : 0.0625f);
    memcpy(out, &d, sizeof d);
}

static void encode_q8_0(const struct trit_toy_tensor *t, uint64_t from, size_t count, uint8_t *out)
{
    put_scale(t, from, count, out);
    for (size_t i = 0; i < count; i++)
        out[2 + i] = (uint8_t)(int8_t)(hash(t->seed, from + i) % 64 - 32);
}

/* Element 128 h + 32 p + l: its low bits in nibble p / 2 of byte 64 h + 32 (p % 2) + l, its high
   ones in bits 2 p of byte 32 h + l of the second part; then 16 scales, then d. */
static void encode_q6_k(const struct trit_toy_tensor *t, uint64_t from, size_t count, uint8_t *out)
{
    put_scale(t, from, count, out + 208);
    memset(out + 192, 1, 16);
    for (size_t i = 0; i < count; i++) {
        const uint32_t q = hash(t->seed, from + i) % 64; /* the value + 32 */
        const size_t h = i / 128, p = i / 32 % 4, l = i % 32;
        out[64 * h + 32 * (p % 2) + l] |= (uint8_t)((q & 15) << 4 * (p / 2));
        out[128 + 32 * h + l] |= (uint8_t)(q >> 4 << 2 * p);
    }
}

/* Element 32 p + i of 128 in bits 7-2p, 6-2p of byte i. */
static void encode_i2_s(const struct trit_toy_tensor *t, uint64_t from, size_t count, uint8_t *out)
{
    for (size_t i = 0; i < count; i++) {
        const bool bad = t->spoiled && t->at == from + i;
        const uint32_t code = bad ? 3 : hash(t->seed, from + i) % 3;
        out[i % 32] |= (uint8_t)(code << (6 - 2 * (i / 32)));
    }
}

/* d, then element i of 128 in bits 2 (i % 4), 2 (i % 4) + 1 of byte i / 4. */
static void encode_pq2_0(const struct trit_toy_tensor *t, uint64_t from, size_t count, uint8_t *out)
{
    const uint16_t d = trit_f32_f16(t->d);
    memcpy(out, &d, sizeof d);
    for (size_t i = 0; i < count; i++)
        out[2 + i / 4] |= (uint8_t)(hash(t->seed, from + i) % 3 << 2 * (i % 4));
}

static const struct encoder {
    uint32_t type;
    encode_fn *encode;
} encoders[] = {
    { TRIT_F32, encode_f32 },     { TRIT_F16, encode_f16 },   { TRIT_BF16, encode_bf16 },
    { TRIT_Q8_0, encode_q8_0 },   { TRIT_Q6_K, encode_q6_k }, { TRIT_I2_S, encode_i2_s },
    { TRIT_PQ2_0, encode_pq2_0 },
};

static void put_tensor(struct bytes *b, const struct trit_toy_tensor *t)
{
    uint64_t bytes;
    if (trit_type_bytes(t->type, t->ne, &bytes) || !bytes || bytes > 1 << 20)
        return;
    uint8_t *out = grow(b, (size_t)bytes);
    const struct trit_type_info *info = trit_type_find(t->type);
    const uint64_t n = t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3];
    for (size_t i = 0; i < sizeof encoders / sizeof *encoders; i++)
        if (encoders[i].type == t->type)
            for (uint64_t block = 0; block < n / info->block; block++)
                encoders[i].encode(t, block * info->block, info->block, out + block * info->bytes);
    if (t->type == TRIT_I2_S)
        memcpy(out + n / 4, &t->d, sizeof t->d);
}

static void align(struct bytes *b)
{
    grow(b, (32 - b->n % 32) % 32);
}

/* The table needs the offsets: the data is written first, aside. */
static void put_tensors(struct bytes *b, const struct trit_toy *toy)
{
    struct bytes data = { 0 };
    for (size_t i = 0; i < toy->ntensors; i++) {
        const struct trit_toy_tensor *t = &toy->tensors[i];
        align(&data);
        put_text(b, t->name);
        put_number(b, t->ndims, 4);
        for (uint32_t d = 0; d < t->ndims; d++)
            put_number(b, t->ne[d], 8);
        put_number(b, t->type, 4);
        put_number(b, data.n, 8);
        put_tensor(&data, t);
    }
    align(b);
    put(b, data.data, data.n);
    free(data.data);
}

uint8_t *trit_toy_write(const struct trit_toy *toy, size_t *bytes)
{
    enum { NTENSORS = 8, NKEYS = 16, HEADER = 24 };
    struct bytes b = { 0 };
    b.data = trit_vocabulary_write(&toy->vocabulary, &b.n);
    b.room = b.n;
    uint64_t nkeys, ntensors = toy->ntensors;
    memcpy(&nkeys, b.data + NKEYS, sizeof nkeys);
    nkeys += toy->nkeys;
    memcpy(b.data + NTENSORS, &ntensors, sizeof ntensors);
    memcpy(b.data + NKEYS, &nkeys, sizeof nkeys);
    for (size_t i = 0; i < toy->nkeys; i++)
        put_key(&b, &toy->keys[i]);
    put_tensors(&b, toy);
    *bytes = b.n;
    return b.data;
}

/* Changes. */

static size_t key_index(const struct trit_toy *toy, const char *name)
{
    size_t i = 0;
    while (i < toy->nkeys && strcmp(toy->keys[i].name, name))
        i++;
    return i;
}

void trit_toy_set(struct trit_toy *toy, const struct trit_toy_key *key)
{
    const size_t i = key_index(toy, key->name);
    if (i == TRIT_TOY_KEYS)
        abort();
    toy->nkeys += i == toy->nkeys;
    snprintf(toy->names[i], sizeof toy->names[i], "%s", key->name);
    toy->keys[i] = *key;
    toy->keys[i].name = toy->names[i];
}

void trit_toy_drop_key(struct trit_toy *toy, const char *name)
{
    const size_t i = key_index(toy, name), last = toy->nkeys - 1;
    if (i > last)
        abort();
    toy->nkeys = last;
    if (i < last) {
        const struct trit_toy_key moved = toy->keys[last];
        toy->keys[i] = moved;
        memcpy(toy->names[i], toy->names[last], sizeof toy->names[i]);
        toy->keys[i].name = toy->names[i];
    }
}

struct trit_toy_tensor *trit_toy_tensor(struct trit_toy *toy, const char *name)
{
    for (size_t i = 0; i < toy->ntensors; i++)
        if (!strcmp(toy->tensors[i].name, name))
            return &toy->tensors[i];
    abort();
}

struct trit_toy_tensor *trit_toy_add(struct trit_toy *toy, const char *name, const char *model)
{
    if (toy->ntensors == TRIT_TOY_TENSORS)
        abort();
    struct trit_toy_tensor *t = &toy->tensors[toy->ntensors];
    *t = *trit_toy_tensor(toy, model);
    snprintf(t->name, sizeof t->name, "%s", name);
    toy->ntensors++;
    return t;
}

void trit_toy_drop_tensor(struct trit_toy *toy, const char *name)
{
    *trit_toy_tensor(toy, name) = toy->tensors[toy->ntensors - 1];
    toy->ntensors--;
}

void trit_toy_retype(struct trit_toy *toy, enum trit_toy_values values, uint32_t type)
{
    for (size_t i = 0; i < toy->ntensors; i++)
        if (toy->tensors[i].values == values)
            toy->tensors[i].type = type;
}

/* The good model. */

static void add(struct trit_toy *toy, const char *name, enum trit_toy_values values, size_t k,
                size_t n)
{
    static const uint32_t types[] = { [TOY_TRITS] = TRIT_I2_S,
                                      [TOY_ROWS] = TRIT_F16,
                                      [TOY_NORM] = TRIT_F32,
                                      [TOY_FACTORS] = TRIT_F32 };
    struct trit_toy_tensor *t = &toy->tensors[toy->ntensors++];
    *t = (struct trit_toy_tensor){ .type = types[values],
                                   .ndims = n ? 2 : 1,
                                   .ne = { k, n ? n : 1, 1, 1 },
                                   .values = values,
                                   .seed = (uint32_t)toy->ntensors,
                                   .d = 0.1875f };
    snprintf(t->name, sizeof t->name, "%s.weight", name);
}

static void add_layer(struct trit_toy *toy, size_t layer, const struct trit_toy_shape *s)
{
    const size_t kv = s->hidden / s->heads * s->kv_heads;
    const struct {
        const char *name;
        size_t k, n;
    } parts[] = {
        { "attn_norm", s->hidden, 0 },     { "attn_q", s->hidden, s->hidden },
        { "attn_k", s->hidden, kv },       { "attn_v", s->hidden, kv },
        { "attn_sub_norm", s->hidden, 0 }, { "attn_output", s->hidden, s->hidden },
        { "ffn_norm", s->hidden, 0 },      { "ffn_gate", s->hidden, s->ffn },
        { "ffn_up", s->hidden, s->ffn },   { "ffn_sub_norm", s->ffn, 0 },
        { "ffn_down", s->ffn, s->hidden },
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char name[48];
        snprintf(name, sizeof name, "blk.%zu.%s", layer, parts[i].name);
        add(toy, name, parts[i].n ? TOY_TRITS : TOY_NORM, parts[i].k, parts[i].n);
    }
}

static void set_arch_key(struct trit_toy *toy, const char *arch, const char *name, uint64_t number,
                         double real)
{
    char full[64];
    snprintf(full, sizeof full, "%s.%s", arch, name);
    trit_toy_set(toy, &(struct trit_toy_key){ .name = full,
                                              .type = real > 0 ? TRIT_GGUF_F32 : TRIT_GGUF_U32,
                                              .number = number,
                                              .real = real });
}

void trit_toy_init(struct trit_toy *toy, const char *arch, const struct trit_toy_shape *s)
{
    struct trit_words *v = &toy->vocabulary;
    toy->nkeys = toy->ntensors = 0;
    trit_vocabulary_init(v);
    v->pre = "llama-bpe";
    trit_vocabulary_add(v, "ab", 1);
    trit_vocabulary_merge(v, "a b");
    v->bos = trit_vocabulary_add(v, "<|begin_of_text|>", 3);
    v->eos = trit_vocabulary_add(v, "<|end_of_text|>", 3);
    trit_toy_set(toy,
                 &(struct trit_toy_key){ "general.architecture", TRIT_GGUF_STRING, 0, 0, arch });
    trit_toy_set(toy, &(struct trit_toy_key){ "general.name", TRIT_GGUF_STRING, 0, 0, "toy" });
    set_arch_key(toy, arch, "vocab_size", v->ntokens, 0);
    set_arch_key(toy, arch, "context_length", 64, 0);
    set_arch_key(toy, arch, "embedding_length", s->hidden, 0);
    set_arch_key(toy, arch, "block_count", s->layers, 0);
    set_arch_key(toy, arch, "feed_forward_length", s->ffn, 0);
    set_arch_key(toy, arch, "rope.dimension_count", s->hidden / s->heads / 2 * 2, 0);
    set_arch_key(toy, arch, "attention.head_count", s->heads, 0);
    set_arch_key(toy, arch, "attention.head_count_kv", s->kv_heads, 0);
    set_arch_key(toy, arch, "attention.layer_norm_rms_epsilon", 0, 1e-5);
    set_arch_key(toy, arch, "rope.freq_base", 0, 10000);
    add(toy, "token_embd", TOY_ROWS, s->hidden, v->ntokens);
    for (size_t i = 0; i < s->layers; i++)
        add_layer(toy, i, s);
    add(toy, "output_norm", TOY_NORM, s->hidden, 0);
}
