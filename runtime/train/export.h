/* What was trained as a file: a GGUF whose matrices hold what the passes multiply by, exactly; or
   the masters as a folder of Hugging Face's. */
#ifndef TRIT_TRAIN_EXPORT_H
#define TRIT_TRAIN_EXPORT_H

#include "runtime/convert/convert.h"
#include "runtime/format/advice.h"
#include "runtime/train/shape.h"

/* A key general.KEY: "name", "license", "description", ...: a text, or a number of sampling. */
struct trit_train_fact {
    const char *key, *value;
    const struct trit_advice *advice; /* NULL: a text */
    double number;                    /* checked */
};

struct trit_train_export {
    const struct trit_train_shape *shape; /* checked */
    const struct trit_train_layout *layout;
    const float *w; /* the masters' block */
    struct trit_pool *pool;
    const struct trit_gguf *vocabulary; /* its keys tokenizer.* are the model's */
    const struct trit_train_fact *facts;
    size_t nfacts; /* without a "name" the model is called as its architecture is */
    /* Enum trit_tensor_type, or TRIT_CONVERT_AUTO: I2_S where a matrix has one scale and a
       token's inputs one, PTQ1_0 or Q1_0 (signs) where groups have, F16 where it is dense. Dense
       ones are rounded. */
    uint32_t type;
    /* Of the embedding, which is the head, too: F16, Q8_0 or Q6_K, to which it is rounded, F32; a
       type with groups where it is quantised. TRIT_CONVERT_AUTO: that of groups, or F16. */
    uint32_t rows;
};

/* Whether the types suit the shape, and the vocabulary its size: TRIT_EARGUMENT says what does not;
   and whether there is room at path for the tensors: TRIT_EIO. The masters need not be there yet.
   */
enum trit_code trit_train_export_check(const struct trit_train_export *what, const char *path,
                                       struct trit_error *error);

/* The same bytes with every pool; what was at path stays until the file is whole. Besides the
   above TRIT_EFORMAT where a type with f16 scales cannot hold a matrix, by tensor, row and group;
   TRIT_EIO, TRIT_EMEMORY. */
enum trit_code trit_train_export_gguf(const struct trit_train_export *what, const char *path,
                                      struct trit_error *error);

/* The masters in a folder that there is: model.safetensors in F32, config.json, tokenizer.json and
   tokenizer_config.json, as transformers and `tritmill convert` read them, whatever `type` and
   `rows` are. TRIT_EARGUMENT where config.json has no words for how the shape is trained: it has
   for trits with one scale a matrix and for dense matrices. TRIT_EUNSUPPORTED: nor has
   tokenizer.json for the vocabulary. The check is of all that and of the places, of which none may
   be one of the n files. */
enum trit_code trit_train_masters_check(const struct trit_train_export *what, const char *folder,
                                        const char *const *files, size_t n,
                                        struct trit_error *error);
enum trit_code trit_train_export_masters(const struct trit_train_export *what, const char *folder,
                                         struct trit_error *error);

#endif
