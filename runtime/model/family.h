/* Model families: what one is named in files, which tensors it has, how a layer is computed. A
   family is one file in runtime/model/arch/ and one line of families.inc there; loading, synth,
   tune and bench read its table. */
#ifndef TRIT_FAMILY_H
#define TRIT_FAMILY_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/format/gguf.h"
#include "runtime/kernel.h"
#include "runtime/kernel/pack.h"

struct trit_config;
struct trit_work;

/* The sizes that tensors' dimensions are: TRIT_Q is heads * head_dim, TRIT_Q_GATED twice that,
   TRIT_KV kv_heads * head_dim, TRIT_HEAD_DIM head_dim. Of layers with the delta rule: TRIT_STATE
   elements of a head of keys and of values, TRIT_INNER all values, TRIT_MIXED queries, keys and
   values of all heads, TRIT_V_HEADS, TRIT_TAPS of their convolution. Of layers with TRIT_EXPERTS
   experts TRIT_FFN is that of one. */
enum trit_width {
    TRIT_ONE,
    TRIT_HIDDEN,
    TRIT_FFN,
    TRIT_Q,
    TRIT_Q_GATED,
    TRIT_KV,
    TRIT_HEAD_DIM,
    TRIT_STATE,
    TRIT_INNER,
    TRIT_MIXED,
    TRIT_V_HEADS,
    TRIT_TAPS,
    TRIT_EXPERTS
};

/* The matrices of a layer as they are run: tensors that take the same inputs are one. Those alone
   have inputs of their own; so has Wup there, which stands alone also where zeros are skipped. */
enum trit_role {
    TRIT_QKV,
    TRIT_O,
    TRIT_GATE_UP,
    TRIT_DOWN,
    TRIT_UP,
    TRIT_Q_ALONE,
    TRIT_K_ALONE,
    TRIT_V_ALONE,
    TRIT_GATE_ALONE,
    TRIT_NROLES
};

/* The floats of a layer: weights of norms, and what the delta rule has besides. */
enum trit_vector {
    TRIT_ATTN_NORM,
    TRIT_ATTN_SUB_NORM,
    TRIT_FFN_NORM,
    TRIT_FFN_SUB_NORM,
    TRIT_Q_NORM, /* of each head, before rotation */
    TRIT_K_NORM,
    TRIT_SSM_CONV,  /* [taps][TRIT_MIXED]: of the convolution; the file has them channel by channel
                     */
    TRIT_SSM_DT,    /* of a head: what is added to its alpha */
    TRIT_SSM_A,     /* of a head: the slope of its decay */
    TRIT_SSM_NORM,  /* of each head of what the delta rule gives */
    TRIT_Q_NORM_IN, /* of the inputs of a matrix alone, behind the layer's norm */
    TRIT_K_NORM_IN,
    TRIT_V_NORM_IN,
    TRIT_GATE_NORM_IN,
    TRIT_UP_NORM_IN,
    TRIT_ATTN_POST_NORM, /* before what attention gives, and */
    TRIT_FFN_POST_NORM,  /* the feed-forward half, is added to the residual stream */
    TRIT_NVECTORS
};

/* What a tensor is for: RESIDUAL is added to the residual stream, GATE opens or closes features.
   Of the delta rule: DELTA makes a head's alpha or beta, TAPS are the convolution's weights, SLOPE
   and STEP stand in its decay. ROUTER makes the scores by which experts are chosen; of EXPERT and
   EXPERT_RESIDUAL there is one for each expert: the tensor has a third dimension. */
enum trit_aim {
    TRIT_AIM_PLAIN,
    TRIT_AIM_RESIDUAL,
    TRIT_AIM_GATE,
    TRIT_AIM_DELTA,
    TRIT_AIM_TAPS,
    TRIT_AIM_SLOPE,
    TRIT_AIM_STEP,
    TRIT_AIM_ROUTER,
    TRIT_AIM_EXPERT,
    TRIT_AIM_EXPERT_RESIDUAL
};

/* A tensor of every layer, blk.I.NAME.weight (SLOPE and STEP: blk.I.NAME): n rows of k columns,
   ternary, of matrix `slot`; or, where n is TRIT_ONE, a vector of k floats, vector `slot`. Those of
   one matrix stand one after the other. TAPS are n rows of k floats, vector `slot`; DELTA is part
   of its matrix or stays rows of floats, as the model has it (trit_config's float_gates); ROUTER is
   rows of floats. */
struct trit_layer_tensor {
    const char *name;
    enum trit_width n, k;
    int slot;
    enum trit_aim aim;
};

/* A key {arch}.NAME that files may have, and the values that change nothing: one of two texts, or a
   number. Any other value is another model, and is refused. */
struct trit_neutral_key {
    const char *name, *text, *other; /* text NULL: the number */
    float number;
};

/* NEOX: pairs (i, i + n/2); NORM: pairs (2i, 2i + 1). */
enum trit_rope_pairs { TRIT_ROPE_NEOX, TRIT_ROPE_NORM };

/* Room for the name of any tensor of a layer. */
enum { TRIT_TENSOR_NAME = 64 };

/* Layers of one kind: their tensors, in the order in which files have them, and how one is
   computed, made of the parts in runtime/model/internal.h. */
struct trit_layer_kind {
    const struct trit_layer_tensor *tensors;
    size_t ntensors;
    void (*layer)(struct trit_work *work, size_t layer);
};
enum { TRIT_LAYER_KINDS = 2 };

struct trit_family {
    const char *const *names; /* of general.architecture, NULL at the end; the first is the usual */
    struct trit_layer_kind kinds[TRIT_LAYER_KINDS]; /* the second, if any: without attention */
    const struct trit_neutral_key *neutral;         /* besides those that no family here knows */
    size_t nneutral;
    enum trit_rope_pairs rope;
    /* Reads the keys of the family's own into config, whose common ones are there; NULL: it has
       none. */
    enum trit_code (*read)(struct trit_config *config, const struct trit_gguf *gguf,
                           struct trit_error *error);
    bool own_head_dim;  /* {arch}.attention.key_length need not be hidden / heads */
    bool gated_heads;   /* a gate for each element of what attention gives, behind each head of q */
    bool predicts;      /* a prediction block may stand behind the layers: a layer of the first kind
                           and nextn.* (FORMATS-2, section 3.6) */
    bool hadamard;      /* weights may be rotated (runtime/model/hadamard.h); */
    bool prism;         /* those are Prism's: all weights are, with signs, and files that say so
                           by their general.name alone are refused */
    bool grouped;       /* float matrices are read as values with a scale per group of columns */
    bool yarn;          /* rotations may be stretched by YaRN */
    bool windows;       /* layers may have windows: the keys of these are the family's own */
    float rope_base;    /* where the key is absent; 0: it must be there */
    enum trit_op gated; /* f of gate and up: TRIT_OP_relu2, ... */
    bool skips;         /* f is 0 where the gate is not open, so that zeros may be skipped */
    float synth_eps, synth_rope_base; /* of random models */
    uint32_t synth_type;              /* how their matrices are usually stored */
    size_t synth_turned;   /* of so many elements of their heads rotations turn one; 0: all */
    const char *synth_pre; /* their tokenizer.ggml.pre, which adds no BOS; NULL: none */
    bool dense;            /* matrices may be dense: Q8_0, and floats that are no codes */
    struct trit_layer_kind norms_in; /* instead, where the file has a norm before every projection;
                                        layer NULL: it never has */
    bool scales; /* beside blk.I.NAME.weight, a matrix, there may be a factor blk.I.NAME.scale */
    bool linear; /* rotations may be slowed, all alike (rope.scaling.type linear) */
    void (*shape)(struct trit_config *config); /* completes the config of a random model, which has
                                                  its sizes; NULL: nothing is missing */
    bool experts; /* feed-forward halves are of experts (runtime/model/experts.h) */
};

/* Family i, NULL past the last; the one with that architecture name, NULL where there is none. */
const struct trit_family *trit_family_at(size_t i);
const struct trit_family *trit_family_find(const char *name, size_t length);
/* All architecture names, for messages: "'bitnet-b1.58', 'bitnet-25' and ...". Returns out. */
char *trit_family_list(char *out, size_t room);

/* Whether matrices of the stored type have a scale for each group of columns in models of the
   family. */
bool trit_family_groups(const struct trit_family *family, uint32_t type);
/* Whether random models of the family whose matrices are of that type have embedding and head like
   them; else these are F16. BF16 is dense there. */
bool trit_family_low_rows(const struct trit_family *family, uint32_t type);

/* The kind of a layer of the model; the most tensors that a layer of the family has. */
const struct trit_layer_kind *trit_config_kind(const struct trit_config *config, size_t layer);
size_t trit_family_tensors(const struct trit_family *family);
/* Whether a layer is of the first kind, which has attention; layers of it, and of the second; and
   how many of its own kind stand before a layer. */
bool trit_config_attends(const struct trit_config *config, size_t layer);
size_t trit_config_attending(const struct trit_config *config);
size_t trit_config_deltas(const struct trit_config *config);
size_t trit_config_order(const struct trit_config *config, size_t layer);
/* Whether a layer's attention has a window; which table of angles turns its q and k: 0, 1 or -1,
   none; how many tables there are. */
bool trit_config_windowed(const struct trit_config *config, size_t layer);
int trit_config_rope(const struct trit_config *config, size_t layer);
size_t trit_config_ropes(const struct trit_config *config);

/* Whether it is a part of matrix `slot`; whether it stays rows of floats. */
bool trit_config_packs(const struct trit_config *config, const struct trit_layer_tensor *tensor);
bool trit_config_rows(const struct trit_config *config, const struct trit_layer_tensor *tensor);
/* Whether matrices of that type are dense in the model; whether the first matrix of the file's
   layers that is no matrix of codes by its type is none by its values: then all such are dense. */
bool trit_config_is_dense(const struct trit_config *config, uint32_t type);
bool trit_config_finds_dense(const struct trit_config *config, const struct trit_gguf *gguf);
/* Whether there is one for each expert. */
bool trit_tensor_experts(const struct trit_layer_tensor *tensor);
/* Its name in layer `layer`. */
void trit_tensor_name(const struct trit_layer_tensor *tensor, size_t layer,
                      char name[TRIT_TENSOR_NAME]);

size_t trit_config_width(const struct trit_config *config, enum trit_width width);

/* "q|k|v", ...; "output" past the last. */
const char *trit_role_label(enum trit_role role);
/* "attn_qkv", ...; apart: Wup stands alone. */
const char *trit_role_name(enum trit_role role, bool apart);

/* The distinct matrices of the layers with their sizes, as they are run; then, where zeros may be
   skipped, Wgate alone, which counts 0 times, and the head where it is packed. Returns how many. */
enum { TRIT_MODEL_MATRICES = TRIT_LAYER_KINDS * TRIT_NROLES + 2 };
struct trit_model_matrix {
    const char *name;      /* "q|k|v", "o", "gate|up", "down", "gate", "output" */
    size_t n, k, count;    /* count: that a token of the model goes through */
    struct trit_form form; /* that models of the family usually have */
    bool head;
    size_t held; /* of the model: `count`, but for experts */
};
/* One more behind n: one that is alike but for `count` and `held` counts with it. Returns how many
   there are; past `room` none is taken. */
size_t trit_model_matrix_add(struct trit_model_matrix *list, size_t n, size_t room,
                             const struct trit_model_matrix *matrix);
size_t trit_model_matrices(const struct trit_config *config,
                           struct trit_model_matrix matrices[TRIT_MODEL_MATRICES]);

/* The first ternary tensor of the file of a family's first layer, NULL where it has none. */
const struct trit_gguf_tensor *trit_family_matrix(const struct trit_config *config,
                                                  const struct trit_gguf *gguf);

#endif
