/* Tensors of safetensors files: one file, or the shards that an index names. Nothing is mapped:
   bytes are read where they are asked for. */
#ifndef TRIT_SAFETENSORS_H
#define TRIT_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"

enum trit_st_type {
    TRIT_ST_BOOL,
    TRIT_ST_U8,
    TRIT_ST_I8,
    TRIT_ST_F8_E5M2,
    TRIT_ST_F8_E4M3,
    TRIT_ST_I16,
    TRIT_ST_U16,
    TRIT_ST_F16,
    TRIT_ST_BF16,
    TRIT_ST_I32,
    TRIT_ST_U32,
    TRIT_ST_F32,
    TRIT_ST_F64,
    TRIT_ST_I64,
    TRIT_ST_U64,
    TRIT_ST_NTYPES
};

const char *trit_st_type_name(enum trit_st_type type); /* as files have it */
size_t trit_st_type_bytes(enum trit_st_type type);     /* of an element */

enum { TRIT_ST_DIMS = 8 };

struct trit_st_tensor {
    char *name;
    enum trit_st_type type;
    size_t ndims, file;           /* file: which of the files has it */
    uint64_t shape[TRIT_ST_DIMS]; /* the first is the slowest; 1 past ndims */
    uint64_t begin, bytes;        /* begin: in the file */
};

struct trit_st_file {
    char *path;
    int fd;
    uint64_t size;
};

struct trit_safetensors {
    struct trit_st_file *files;
    struct trit_st_tensor *tensors; /* by name */
    size_t nfiles, files_room, n, room;
};

/* model.safetensors of the folder, or all shards of model.safetensors.index.json. Every header is
   checked whole: types, shapes, ranges that neither overlap nor leave gaps nor reach outside the
   file. The index must name what the shards hold, and files of the folder alone. */
enum trit_code trit_safetensors_open(struct trit_safetensors *st, const char *folder,
                                     struct trit_error *error);
void trit_safetensors_close(struct trit_safetensors *st); /* zeros allowed */

/* The header's text (behind its length) of a file of so many bytes, not fewer than both: its
   tensors are added, of file number st->nfiles. path is for messages. */
enum trit_code trit_safetensors_header(struct trit_safetensors *st, const char *text, size_t bytes,
                                       uint64_t size, const char *path, struct trit_error *error);

/* NULL where absent. */
const struct trit_st_tensor *trit_safetensors_find(const struct trit_safetensors *st,
                                                   const char *name);
/* The file that a tensor is in. */
const char *trit_safetensors_path(const struct trit_safetensors *st,
                                  const struct trit_st_tensor *tensor);
/* Bytes offset .. offset+bytes-1 of the tensor, which has them. Several threads may read. */
enum trit_code trit_safetensors_read(const struct trit_safetensors *st,
                                     const struct trit_st_tensor *tensor, uint64_t offset,
                                     size_t bytes, void *buffer, struct trit_error *error);

#endif
