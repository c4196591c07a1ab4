/* A small valid model as a GGUF in memory; tests change or spoil it first. */
#ifndef TRIT_LIB_MODEL_H
#define TRIT_LIB_MODEL_H

#include "runtime/model/model.h"
#include "tests/lib_vocabulary.h"

/* A metadata key. Of the values the one that the type asks for is written; an array is one of u32
   that holds `number` twice. */
struct trit_toy_key {
    const char *name;
    enum trit_gguf_type type;
    uint64_t number;
    double real;
    const char *text;
};

/* Fields of a trit_toy_key of the architecture. */
#define TOY_U32(name, value)  "bitnet-b1.58." name, TRIT_GGUF_U32, value, 0, NULL
#define TOY_I32(name, value)  "bitnet-b1.58." name, TRIT_GGUF_I32, value, 0, NULL
#define TOY_F32(name, value)  "bitnet-b1.58." name, TRIT_GGUF_F32, 0, value, NULL
#define TOY_F64(name, value)  "bitnet-b1.58." name, TRIT_GGUF_F64, 0, value, NULL
#define TOY_TEXT(name, value) "bitnet-b1.58." name, TRIT_GGUF_STRING, 0, 0, value

enum trit_toy_values {
    TOY_TRITS,   /* -d, 0, +d */
    TOY_ROWS,    /* multiples of 1/16 from -2 to 31/16, which every type holds exactly */
    TOY_NORM,    /* around 1 */
    TOY_FACTORS, /* all 1 */
    TOY_SLOPES,  /* of decays: from -9/16 down to -1/16 */
};

/* Values come from the seed alone, so that they are the same in every type. Nothing is stored of a
   type whose size is not known; zeros of one that is not written here. */
struct trit_toy_tensor {
    char name[64];
    uint32_t type, ndims;
    uint64_t ne[4];
    enum trit_toy_values values;
    uint32_t seed;
    float d;      /* of trits: of the whole tensor */
    bool spoiled; /* element `at` is `with` instead; I2_S: code 3, Q8_0 and Q6_K: the block's d */
    uint64_t at;
    float with;
};

struct trit_toy_shape {
    size_t hidden, ffn, layers, heads, kv_heads;
};

/* Layers with a state, of architecture qwen35. */
struct trit_toy_delta {
    size_t k_heads, v_heads, state, taps, interval;
};

/* Feed-forward halves of experts, of architecture maple; both layers have a window. */
struct trit_toy_experts {
    size_t count, used, window;
};

enum { TRIT_TOY_KEYS = 32, TRIT_TOY_TENSORS = 48 };

struct trit_toy {
    struct trit_words vocabulary; /* 256 bytes, "ab", a beginning, an end */
    char names[TRIT_TOY_KEYS][64];
    struct trit_toy_key keys[TRIT_TOY_KEYS];
    struct trit_toy_tensor tensors[TRIT_TOY_TENSORS];
    size_t nkeys, ntensors;
};

/* All keys and tensors of the architecture; matrices I2_S, the embedding F16 and tied. */
void trit_toy_init(struct trit_toy *toy, const char *arch, const struct trit_toy_shape *shape);
/* The same of architecture qwen35; alpha and beta are trits in F32. */
void trit_toy_hybrid(struct trit_toy *toy, const struct trit_toy_shape *shape,
                     const struct trit_toy_delta *delta);
/* The same of architecture maple, of two layers; routers are F32, of values that bf16 has. */
void trit_toy_experts(struct trit_toy *toy, const struct trit_toy_shape *shape,
                      const struct trit_toy_experts *experts);
/* Puts the key in the place of the one of its name, or adds it. */
void trit_toy_set(struct trit_toy *toy, const struct trit_toy_key *key);
void trit_toy_drop_key(struct trit_toy *toy, const char *name);
/* It must be there. */
struct trit_toy_tensor *trit_toy_tensor(struct trit_toy *toy, const char *name);
/* Adds `name`, a copy of `model`. */
struct trit_toy_tensor *trit_toy_add(struct trit_toy *toy, const char *name, const char *model);
void trit_toy_drop_tensor(struct trit_toy *toy, const char *name);
/* All matrices, from then on. */
void trit_toy_retype(struct trit_toy *toy, enum trit_toy_values values, uint32_t type);
/* The GGUF, free() it. */
uint8_t *trit_toy_write(const struct trit_toy *toy, size_t *bytes);

/* Tokens that go through a toy, and what comes back for all of them. */
enum {
    TRIT_TOY_TOKENS = 7,
    TRIT_TOY_VOCAB = 259,
    TRIT_TOY_LOGITS = TRIT_TOY_TOKENS * TRIT_TOY_VOCAB
};
extern const int32_t trit_toy_tokens[TRIT_TOY_TOKENS];

/* A toy that is loaded, with working memory for passes of `chunk` tokens. To be closed whatever is
   returned. options: NULL allowed. */
struct trit_toy_opened {
    uint8_t *image;
    struct trit_gguf *gguf;
    struct trit_pool *pool;
    struct trit_model *model;
    struct trit_work *work;
};
enum trit_code trit_toy_open(struct trit_toy_opened *opened, const struct trit_toy *toy,
                             int threads, size_t chunk, const struct trit_load_options *options,
                             struct trit_error *error);
void trit_toy_close(struct trit_toy_opened *opened);

/* All that a program does with a model file, up to the logits and back to nothing; says "toy.gguf".
 */
enum trit_code trit_toy_run(const struct trit_toy *toy, struct trit_pool *pool, float *logits,
                            struct trit_error *error);
/* The last part of it. */
enum trit_code trit_toy_use(struct trit_model *model, float *logits, struct trit_error *error);

#endif
