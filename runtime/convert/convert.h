/* A source written as a GGUF whose matrices have a type of the user's choice, exactly. */
#ifndef TRIT_CONVERT_H
#define TRIT_CONVERT_H

#include "runtime/base/stop.h"
#include "runtime/convert/encode.h"
#include "runtime/convert/source.h"

/* Instead of a type: */
#define TRIT_CONVERT_AUTO UINT32_MAX       /* what suits the values best */
#define TRIT_CONVERT_SAME (UINT32_MAX - 1) /* embedding and head as the source has them */

struct trit_convert {
    struct trit_source *source;
    uint32_t type; /* of matrices; TRIT_CONVERT_AUTO is replaced by what was chosen */
    uint32_t head; /* of embedding and head: F16, Q8_0, Q6_K, to which they are rounded, SAME, or
                      AUTO: as the matrices where these have groups and it is exact, else the
                      smallest of F16, BF16 and F32 that is exact */
    struct trit_pool *pool;
    trit_progress_fn *progress; /* NULL: none */
    void *progress_arg;

    /* Of trit_convert_plan: */
    const char *found; /* AUTO: what the matrices hold */
    size_t matrices;
    uint64_t bytes; /* of all tensors that will be written */
    /* Of each tensor: how it is written; NULL: byte for byte as the source has it. */
    const struct trit_encoder **encoders;
    uint32_t *types;
};

/* Decides what each tensor becomes; looks at all values of those where it depends on them.
   TRIT_EFORMAT names the first row and group that no type holds, or that the types are not for;
   TRIT_EUNSUPPORTED: there is no matrix; TRIT_ESTOPPED. Whatever comes, trit_convert_free. */
enum trit_code trit_convert_plan(struct trit_convert *convert, struct trit_error *error);

/* Writes what was planned, the same bytes on every machine and with every pool, in bounded memory.
   Whatever was at path stays there until the file is whole. TRIT_EFORMAT as above; TRIT_EIO also
   where there is not enough room; TRIT_ESTOPPED. */
enum trit_code trit_convert_write(struct trit_convert *convert, const char *path,
                                  struct trit_error *error);

void trit_convert_free(struct trit_convert *convert);

/* Whether path may be written: as trit_output_check, the inputs being the file or folder `in` and
   all files that belong to it. */
enum trit_code trit_convert_check(const char *path, const char *in, struct trit_error *error);

#endif
