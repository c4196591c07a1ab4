/* A folder as Hugging Face has them, in parts: what config.json says, the tables of families, the
   vocabulary, the tensors and how their rows are made. */
#ifndef TRIT_HF_H
#define TRIT_HF_H

#include "runtime/convert/json.h"
#include "runtime/convert/safetensors.h"
#include "runtime/convert/source.h"
#include "runtime/format/advice.h"

/* --- families: hf_families.c, one table for each --- */

/* Sizes of a model's tensors. */
enum trit_hf_dim {
    TRIT_HF_ONE, /* of a vector: it has no second dimension */
    TRIT_HF_HIDDEN,
    TRIT_HF_FFN,
    TRIT_HF_VOCAB, /* as many rows as the embedding has */
    TRIT_HF_HEAD,
    TRIT_HF_Q,
    TRIT_HF_KV,
    TRIT_HF_Q_GATED,
    TRIT_HF_MIXED, /* q, k and v of the delta rule */
    TRIT_HF_INNER,
    TRIT_HF_V_HEADS,
    TRIT_HF_STATE,
    TRIT_HF_TAPS,
    TRIT_HF_DIMS
};

/* What a tensor goes through. */
enum trit_hf_way {
    TRIT_HF_PLAIN,
    TRIT_HF_ROPE,    /* rows of each head: halves become pairs */
    TRIT_HF_OFFSET,  /* a norm that may be stored without the 1 that its weights are around */
    TRIT_HF_GDN_QKV, /* rows: heads of v, behind q and k, from groups to tiles */
    TRIT_HF_GDN_ROWS,
    TRIT_HF_GDN_GATES,   /* the same of one row a head */
    TRIT_HF_GDN_COLUMNS, /* the same of columns, unless they are rotated */
    TRIT_HF_GDN_STEPS,   /* a vector, an element a head */
    TRIT_HF_GDN_SLOPES,  /* the same, -exp of it */
    TRIT_HF_GDN_TAPS,    /* the convolution: rows as of GDN_QKV, its middle dimension is none */
};

enum trit_hf_where {
    TRIT_HF_MODEL,
    TRIT_HF_LAYER,
    TRIT_HF_FULL,
    TRIT_HF_DELTA,
    TRIT_HF_NORMS_IN, /* of a layer whose projections have norms of their own, BitLinear's */
    TRIT_HF_END
};

/* A tensor: hf is behind the body's prefix ("model.") and, of layers, "layers.N."; lm_head stands
   beside the body. gguf is behind "blk.N." */
struct trit_hf_name {
    const char *hf, *gguf;
    enum trit_hf_where where;
    enum trit_source_role role;
    enum trit_hf_dim n, k;
    enum trit_hf_way way;
};

/* A key of config.json that must have one of two values where it is there. */
struct trit_hf_neutral {
    const char *key, *value, *other;
};

struct trit_hf_family {
    const char *const *classes; /* architectures, then model types; NULL ends them */
    const char *arch;           /* GGUF's */
    const struct trit_hf_name *names;
    size_t nnames;
    const struct trit_hf_neutral *neutral;
    size_t nneutral;
    bool masters;  /* float matrices are masters of a BitNet, whatever config.json says */
    bool divides;  /* packed weights of no linear class are of `bitlinear`, transformers' default */
    bool own_head; /* head_dim stands in config.json */
    bool rope_dims; /* rope.dimension_count is written */
    bool yarn, delta;
    bool windows; /* Gemma 3's: windows, rotations that may be scaled linearly */
    bool offset;  /* norms are stored without the 1 that their weights are around */
    bool tied;    /* where config.json does not say */
};

const struct trit_hf_family *trit_hf_family_find(const char *name); /* NULL: none */
char *trit_hf_family_list(char *out, size_t room);
/* Keys that change nothing here. */
bool trit_hf_harmless(const char *key);

/* --- config.json: hf_config.c --- */

enum trit_hf_packed { TRIT_HF_UNTOLD, TRIT_HF_DIVIDE, TRIT_HF_MULTIPLY };

struct trit_hf_config {
    const struct trit_hf_family *family;
    char *path;          /* of config.json */
    json_t *root, *text; /* text: root, or its text_config */
    size_t dim[TRIT_HF_DIMS];
    size_t layers, context, heads, kv_heads, rope_dims;
    float eps, rope_base;
    bool tied;
    struct {
        float factor, attn_factor, beta_fast, beta_slow; /* factor 0: none */
        size_t original;
    } yarn;
    struct {
        size_t k_heads, v_heads, interval;
        int32_t sections[4];
    } delta;
    float linear; /* factor of the rotations; 0: none */
    struct {
        size_t length, period;
        float base;
    } windows;
    enum trit_hf_packed packed; /* what a packed weight's scale does */
    bool masters;               /* float matrices are made ternary by the mean of magnitudes */
    size_t bits, group;         /* of MLX packs; 0: none */
};

enum trit_code trit_hf_config_read(struct trit_hf_config *c, const char *folder,
                                   struct trit_error *error);
/* The same of a text; path is for messages. */
enum trit_code trit_hf_config_parse(struct trit_hf_config *c, const char *text, size_t bytes,
                                    const char *path, struct trit_error *error);
/* Its parts: hf_layers.c; */
enum trit_code trit_hf_delta_read(struct trit_hf_config *c, const struct trit_json_in *in);
enum trit_code trit_hf_layers_read(struct trit_hf_config *c, const struct trit_json_in *in);
/* quantization_config, quantization: hf_quant.c. */
enum trit_code trit_hf_quant_read(struct trit_hf_config *c, struct trit_error *error);
void trit_hf_config_free(struct trit_hf_config *c);
bool trit_hf_is_full(const struct trit_hf_config *c, size_t layer); /* it has attention */
/* The architecture, a name, and all keys of the architecture; these alone, of a config that need
   not come from a file. */
void trit_hf_put_config(const struct trit_hf_config *c, struct trit_gguf_writer *w);
void trit_hf_put_sizes(const struct trit_hf_config *c, struct trit_gguf_writer *w);

/* --- tensors: hf_tensors.c finds them, hf_rows.c reads them --- */

enum trit_hf_code { TRIT_HF_FLOATS, TRIT_HF_PACKED, TRIT_HF_MASTER, TRIT_HF_MLX };
enum trit_hf_value { TRIT_HF_SAME, TRIT_HF_PLUS_ONE, TRIT_HF_MINUS_EXP };

/* Where rows or columns come from: of each block behind `first`, units in `groups` groups are dealt
   out one from each in turn. block 0: each from its place. */
struct trit_hf_turn {
    size_t first, block, unit, groups;
};

struct trit_hf_recipe {
    const struct trit_st_tensor *weight, *scale, *bias, *signs;
    enum trit_hf_code code;
    enum trit_hf_value value;
    struct trit_hf_turn rows, columns;
    size_t n, k;
    size_t bits, group; /* MLX */
    float d, s;         /* PACKED: d; MASTER: both, from prepare */
};

/* How weights are rotated, as a manifest says: hf_rotation.c. */
struct trit_hf_rotation {
    size_t block;             /* 0: they are not */
    bool tied, grouped, rows; /* rows: the embedding's */
    int32_t *widths, *values; /* of signs; none: all are 1 */
    size_t nwidths, nvalues;
    bool *folded; /* of the folder's tensors */
};

struct trit_hf_vocab; /* hf_vocab.c */

/* Of generation_config.json, unless it says that nothing is to be sampled: hf_sampling.c. */
struct trit_hf_sampling {
    bool there[TRIT_ADVICES];
    double value[TRIT_ADVICES];
};

struct trit_hf_folder {
    struct trit_source base; /* first */
    char *path;
    struct trit_hf_config config;
    struct trit_safetensors st;
    struct trit_source_tensor *tensors;
    struct trit_hf_recipe *recipes;
    size_t n, tensors_room, recipes_room;
    struct trit_hf_rotation rotation;
    struct trit_hf_vocab *vocab;
    struct trit_hf_sampling sampling;
};

/* Finds and checks all tensors; what no table has is an error. */
enum trit_code trit_hf_tensors(struct trit_hf_folder *f, struct trit_error *error);
enum trit_code trit_hf_rows(struct trit_source *source, size_t i, size_t first, size_t n,
                            float *out, struct trit_error *error);
enum trit_code trit_hf_prepare(struct trit_source *source, size_t i, struct trit_pool *pool,
                               struct trit_error *error);
/* A number of F32, F16 or BF16; F32 takes 4 bytes. */
float trit_hf_float(enum trit_st_type type, const uint8_t *bytes);
/* Where row or column i comes from. */
size_t trit_hf_turned(const struct trit_hf_turn *turn, size_t i);

/* hadamard_packing.json or hadamard.json, where there is one; names are matched with the tensors.
 */
enum trit_code trit_hf_rotation_read(struct trit_hf_folder *f, struct trit_error *error);
enum trit_code trit_hf_rotation_put(const struct trit_hf_folder *f, struct trit_gguf_writer *w,
                                    struct trit_error *error);
void trit_hf_rotation_free(struct trit_hf_rotation *r);

/* The vocabulary of a folder, for an embedding of so many rows. */
enum trit_code trit_hf_vocab_read(struct trit_hf_vocab **vocab, const char *folder, size_t rows,
                                  struct trit_error *error);
/* That of a tokenizer.json by itself, of as many tokens as it has ids; what stands beside it is
   heeded as in a folder. */
enum trit_code trit_hf_vocab_file(struct trit_hf_vocab **vocab, const char *path,
                                  struct trit_error *error);
enum trit_code trit_hf_vocab_put(const struct trit_hf_vocab *vocab, struct trit_gguf_writer *w,
                                 struct trit_error *error);
void trit_hf_vocab_free(struct trit_hf_vocab *vocab);

/* s is all zero before; no error where there is no such file. TRIT_EFORMAT names file and key. */
enum trit_code trit_hf_sampling_read(struct trit_hf_sampling *s, const char *folder,
                                     struct trit_error *error);
void trit_hf_sampling_put(const struct trit_hf_sampling *s, struct trit_gguf_writer *w);

#endif
