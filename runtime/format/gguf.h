/* GGUF v2 and v3, read in place from a mapped file, nothing believed before it is checked. */
#ifndef TRIT_GGUF_H
#define TRIT_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/file.h"
#include "runtime/base/mapping.h"

/* Bytes of the mapping, not terminated. */
struct trit_text {
    const char *s;
    size_t n;
};

bool trit_text_is(struct trit_text t, const char *s);

/* Metadata value types, numbered as in the file. */
enum trit_gguf_type {
    TRIT_GGUF_U8,
    TRIT_GGUF_I8,
    TRIT_GGUF_U16,
    TRIT_GGUF_I16,
    TRIT_GGUF_U32,
    TRIT_GGUF_I32,
    TRIT_GGUF_F32,
    TRIT_GGUF_BOOL,
    TRIT_GGUF_STRING,
    TRIT_GGUF_ARRAY,
    TRIT_GGUF_U64,
    TRIT_GGUF_I64,
    TRIT_GGUF_F64,
};

const char *trit_gguf_type_name(uint32_t type);

struct trit_gguf_kv {
    struct trit_text key;
    uint32_t type;  /* of the value */
    uint32_t item;  /* of the elements where type is ARRAY, else = type */
    uint64_t count; /* elements; 1 for scalars */
    const uint8_t
        *data;       /* first element, little endian, unaligned; strings: u64 length, bytes, ... */
    uint64_t offset; /* of the record in the file */
};

/* Tensor types, numbered as in GGML. */
enum trit_tensor_type {
    TRIT_F32 = 0,
    TRIT_F16 = 1,
    TRIT_Q4_0 = 2,
    TRIT_Q5_0 = 6,
    TRIT_Q8_0 = 8,
    TRIT_Q4_K = 12,
    TRIT_Q6_K = 14,
    TRIT_BF16 = 30,
    TRIT_TQ1_0 = 34,
    TRIT_TQ2_0 = 35,
    TRIT_I2_S = 36,
    TRIT_TL1 = 38,
    TRIT_TL2 = 39,
    TRIT_Q1_0 = 41,
    TRIT_Q2_0 = 42,
    TRIT_IQ1_BN = 134,
    TRIT_IQ2_BN = 135,
    TRIT_PQ2_0 = 142,
    TRIT_PTQ1_0 = 143,
    TRIT_IQ2_BN_R4 = 335,
};

/* How the weights of I2_S stand, which no file tells: 128 in 32 bytes; 64 in 16, as written on ARM
   since November 2025; or four rows together, as an older program for x86 wrote them. */
enum trit_i2s { TRIT_I2S_128, TRIT_I2S_64, TRIT_I2S_ROWS4 };
const char *trit_i2s_name(enum trit_i2s layout); /* as --i2s-layout has it: "128", "64", "rows4" */

/* What is known of a tensor type: its name, block length in elements, block bytes (0 where no size
   can be computed). NULL for a type that is not known. All GGML types with a public layout are
   known, for inspect; which ones the model accepts is the model's business. */
struct trit_type_info {
    uint32_t type;
    const char *name;
    uint32_t block, bytes;
};
const struct trit_type_info *trit_type_find(uint32_t type);
/* Whether it is one of floats: F16, BF16, F32. */
bool trit_type_is_float(uint32_t type);

/* Bytes of a tensor of that type and shape (every ne[i] >= 1), 0 where no size can be computed.
   NULL when that went well, else a text: what is wrong with the shape. */
const char *trit_type_bytes(uint32_t type, const uint64_t ne[4], uint64_t *bytes);

struct trit_gguf_tensor {
    struct trit_text name;
    uint32_t type, ndims; /* type: as in the file, but PQ2_0 for a Q2_0 of groups of 128 */
    uint64_t ne[4];       /* K fastest: ne[0] = K, ne[1] = N; 1 past ndims */
    uint64_t offset;      /* in the file */
    uint64_t bytes;       /* I2_S: N*K/4 + 32 */
    const uint8_t *data;
    uint64_t record; /* file offset of its table entry */
    uint32_t part;   /* of a model in several files: which of them, from 0 */
};

struct trit_gguf {
    char *path;
    uint32_t version, alignment;
    size_t nkv, ntensors;
    struct trit_gguf_kv *kv;
    struct trit_gguf_tensor *tensors;
    uint64_t data_offset; /* of the tensor data */
    const uint8_t *base;  /* the mapping */
    size_t size;
    void *index;                 /* hash tables of names, private */
    struct trit_mapping mapping; /* base is NULL for bytes in memory */
    struct trit_file_id file;    /* as it was when it was mapped; zeros for bytes in memory */
    int fd;                      /* of the file that is mapped */
    enum trit_i2s i2s;           /* the caller's to set after opening; TRIT_I2S_128 */
    struct trit_gguf **others;   /* of a model in several files: those behind this, which is the */
    size_t nothers;              /* first, and lists the tensors of all */
};

/* Maps and checks the file: header, every key and every tensor record (bounds, overflow, alignment,
   duplicates, overlap, UTF-8 of names; which of two layouts Q2_0 has). Closed with trit_gguf_close.
   A file that becomes shorter while it is mapped raises SIGBUS where its end is read: programs call
   trit_mapping_guard (runtime/base/mapping.h) first. The first of a model's several files opens all
   of them, FILE-00002-of-0000N.gguf beside it; a file that is missing, is of another model or
   comes twice, and a later one that is named, are TRIT_EIO or TRIT_EFORMAT. */
enum trit_code trit_gguf_open(struct trit_gguf **gguf, const char *path, struct trit_error *error);
/* The same over bytes in memory, which must outlive it; path is for messages (fuzzing, tests). */
enum trit_code trit_gguf_parse(struct trit_gguf **gguf, const void *data, size_t size,
                               const char *path, struct trit_error *error);
void trit_gguf_close(struct trit_gguf *gguf); /* NULL allowed */

/* Whether a file is named as one of a model's several, and which of how many, from 0. */
bool trit_gguf_split_name(const char *path, uint32_t *part, uint32_t *count);
/* Writes the name of another of them over it. */
void trit_gguf_name_part(char *path, uint32_t part, uint32_t count);

/* File i of the model, the first is gguf itself; NULL past the last. */
const struct trit_gguf *trit_gguf_part(const struct trit_gguf *gguf, size_t i);
uint64_t trit_gguf_bytes(const struct trit_gguf *gguf); /* of all files */
/* Bytes of a file were gone when they were read (trit_mapping_survive). Any thread. */
bool trit_gguf_broken(const struct trit_gguf *gguf);

/* NULL where absent. */
const struct trit_gguf_kv *trit_gguf_find(const struct trit_gguf *gguf, const char *key);
const struct trit_gguf_tensor *trit_gguf_tensor(const struct trit_gguf *gguf, const char *name);

/* Typed reads; a key that is absent or of another type is TRIT_EFORMAT naming file and key. u32 and
   i32 take any integer type whose value fits; f32 takes F32 and F64; text points into the mapping.
 */
enum trit_code trit_gguf_u32(const struct trit_gguf *gguf, const char *key, uint32_t *value,
                             struct trit_error *e);
enum trit_code trit_gguf_i32(const struct trit_gguf *gguf, const char *key, int32_t *value,
                             struct trit_error *e);
enum trit_code trit_gguf_f32(const struct trit_gguf *gguf, const char *key, float *value,
                             struct trit_error *e);
enum trit_code trit_gguf_bool(const struct trit_gguf *gguf, const char *key, bool *value,
                              struct trit_error *e);
enum trit_code trit_gguf_text(const struct trit_gguf *gguf, const char *key,
                              struct trit_text *value, struct trit_error *e);
/* All elements of an array of integers, or of bool as 0 and 1 (u64 from 2^63 on come out negative),
   `*count` of them; free() the array. */
enum trit_code trit_gguf_ints(const struct trit_gguf *gguf, const char *key, int64_t **values,
                              size_t *count, struct trit_error *e);
/* All strings of a string array, `*count` of them; free() the array (not the texts). */
enum trit_code trit_gguf_texts(const struct trit_gguf *gguf, const char *key,
                               struct trit_text **texts, size_t *count, struct trit_error *e);

/* Tells the kernel that these bytes of the mapping are no longer wanted: they leave memory (whole
 * pages inside only). */
void trit_gguf_drop(const struct trit_gguf *gguf, const uint8_t *data, size_t bytes);

void trit_gguf_drop_all(const struct trit_gguf *gguf);

/* The same bytes without a page of the mapping in memory for them: they are read into buffer, or
   stay where they are if that is not a mapped file. Returns where they are. */
const uint8_t *trit_gguf_fetch(const struct trit_gguf *gguf, const uint8_t *data, size_t bytes,
                               void *buffer);

#endif
