/* A model that is to be written as GGUF: its keys, and its tensors by GGUF's names, of which any
   rows can be had as exact binary32. What a file holds (codes, scales, rotations) is the source's
   to know; what an output's type can hold is the encoders'. */
#ifndef TRIT_SOURCE_H
#define TRIT_SOURCE_H

#include "runtime/base/error.h"
#include "runtime/format/gguf.h"
#include "runtime/format/gguf_write.h"
#include "runtime/thread/pool.h"

/* What a tensor is for: MATRIX is multiplied and takes the output's type; ROWS are those of the
   embedding and of the head; FLOATS (norms, convolutions, gates) are written as they are. */
enum trit_source_role { TRIT_SOURCE_MATRIX, TRIT_SOURCE_ROWS, TRIT_SOURCE_FLOATS };

struct trit_source_tensor {
    char name[64]; /* "blk.0.attn_q.weight" */
    enum trit_source_role role;
    uint32_t type; /* enum trit_tensor_type: the one whose bytes hold the same values as the source
                      has them (F32, F16, BF16, or a type of codes); what FLOATS are written as */
    uint32_t ndims;
    uint64_t ne[4];   /* K fastest: ne[0] = K; 1 past ndims. A row is ne[0] elements; there are
                         ne[1] * ne[2] * ne[3] rows */
    const char *from; /* its name where it comes from, for messages */
};

struct trit_source;

/* What every kind of source does. */
struct trit_source_kind {
    /* Puts all keys but general.file_type, general.quantization_version and general.alignment. */
    enum trit_code (*put_keys)(struct trit_source *source, struct trit_gguf_writer *w,
                               struct trit_error *error);
    /* Rows first .. first+n-1 of tensor i, counted through all dimensions, to out[n * ne[0]].
       Several threads may read at once. Memory stays bounded whatever the tensor: what was read
       leaves it. TRIT_EFORMAT names file, tensor and row. */
    enum trit_code (*rows)(struct trit_source *source, size_t i, size_t first, size_t n, float *out,
                           struct trit_error *error);
    /* What must be known of tensor i before its rows (the mean of a master's magnitudes), by all
       threads of the pool; called once, before rows of it; NULL: nothing is. */
    enum trit_code (*prepare)(struct trit_source *source, size_t i, struct trit_pool *pool,
                              struct trit_error *error);
    void (*close)(struct trit_source *source);
    /* The bytes of rows first .. first+n-1 of tensor i as a tensor of its type has them, where
       rows end with blocks; NULL: they are to be made of its values. */
    enum trit_code (*bytes)(struct trit_source *source, size_t i, size_t first, size_t n, void *out,
                            struct trit_error *error);
};

/* A source's first member. */
struct trit_source {
    const struct trit_source_kind *kind;
    const char *path; /* of the file or folder, for messages */
    size_t ntensors;
    const struct trit_source_tensor *tensors; /* in the order in which they are written */
    const char *arch;                         /* general.architecture; NULL: nobody says */
};

/* A GGUF file, its first part where it is split. */
enum trit_code trit_source_gguf(struct trit_source **source, const char *path,
                                struct trit_error *error);
/* A folder as Hugging Face has them: config.json, *.safetensors (sharded or not), tokenizer.json
   or tokenizer.model. */
enum trit_code trit_source_folder(struct trit_source **source, const char *path,
                                  struct trit_error *error);
/* Of a GGUF file, before its rows are read: how the weights of I2_S stand. */
void trit_source_i2s(struct trit_source *source, enum trit_i2s layout);
/* The one or the other. */
enum trit_code trit_source_open(struct trit_source **source, const char *path,
                                struct trit_error *error);
void trit_source_close(struct trit_source *source); /* NULL allowed */

#endif
