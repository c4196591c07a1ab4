/* Writes a GGUF v3 file as a stream: keys, then the tensor table, then each tensor's bytes in
 * order. */
#ifndef TRIT_GGUF_WRITE_H
#define TRIT_GGUF_WRITE_H

#include "runtime/base/file.h"
#include "runtime/format/gguf.h"

struct trit_gguf_writer;

extern const struct trit_file_kind trit_output_gguf; /* the only files that it replaces */

/* Nothing is written before trit_gguf_write_begin. Failures stick; begin and finish tell them. */
enum trit_code trit_gguf_writer_create(struct trit_gguf_writer **w, const char *path,
                                       struct trit_error *error);
void trit_gguf_put_u32(struct trit_gguf_writer *w, const char *key, uint32_t value);
void trit_gguf_put_i32(struct trit_gguf_writer *w, const char *key, int32_t value);
void trit_gguf_put_f32(struct trit_gguf_writer *w, const char *key, float value);
void trit_gguf_put_bool(struct trit_gguf_writer *w, const char *key, bool value);
void trit_gguf_put_text(struct trit_gguf_writer *w, const char *key, const char *value);
void trit_gguf_put_texts(struct trit_gguf_writer *w, const char *key, const struct trit_text *texts,
                         size_t n);
void trit_gguf_put_i32s(struct trit_gguf_writer *w, const char *key, const int32_t *values,
                        size_t n);
void trit_gguf_put_f32s(struct trit_gguf_writer *w, const char *key, const float *values, size_t n);
/* A key as another file has it. */
void trit_gguf_put_copy(struct trit_gguf_writer *w, const struct trit_gguf_kv *kv);
/* Declares a tensor, ne as in the file (K first); its offset is given in order of declaration. */
void trit_gguf_put_tensor(struct trit_gguf_writer *w, const char *name, uint32_t type,
                          uint32_t ndims, const uint64_t *ne);
/* Tensors of `type` that are declared from now on have number `number` in the file, as some files
   of other programs have it. */
void trit_gguf_renumber(struct trit_gguf_writer *w, uint32_t type, uint32_t number);
/* Writes header and tables. */
enum trit_code trit_gguf_write_begin(struct trit_gguf_writer *w, struct trit_error *error);
/* The next bytes of the present tensor; padding between tensors is written by itself. */
void trit_gguf_write(struct trit_gguf_writer *w, const void *data, size_t bytes);
/* Nothing more is written: finish says why. */
bool trit_gguf_writer_failed(const struct trit_gguf_writer *w);
/* Commits; an incomplete tensor is an error. Frees w whatever happens. */
enum trit_code trit_gguf_writer_finish(struct trit_gguf_writer *w, struct trit_error *error);
void trit_gguf_writer_abandon(struct trit_gguf_writer *w);

/* The general.file_type of models whose matrices are of the type; 0 where none is known. */
uint32_t trit_gguf_file_type(uint32_t type);

#endif
