/* From variants to kernels that can be called: generates C, compiles it with the compilers found,
 * loads the library. */
#ifndef TRIT_BUILD_H
#define TRIT_BUILD_H

#include "generator/generate.h"
#include "runtime/library.h"

enum { TRIT_MAX_COMPILERS = 8 };

/* Compilers that work here: $CC, gcc, clang, those named in `wanted` ("gcc,clang") if not NULL.
   Each was tried on a one-line program. names[i] is what to call it. Returns how many. A name in
   wanted that does not work is an error. */
struct trit_compilers {
    int n;
    char name[TRIT_MAX_COMPILERS][64];    /* "gcc", "clang" */
    char version[TRIT_MAX_COMPILERS][64]; /* "GNU 12.2.0" */
};
enum trit_code trit_compilers_find(struct trit_compilers *compilers, const char *wanted,
                                   struct trit_error *error);

/* What to build: the variants of `generate` (its out is not used), with each compiler. */
struct trit_build {
    struct trit_generate generate;
    const struct trit_compilers *compilers;
    const char *folder; /* where the library goes; made if missing; NULL: a temporary one that is
                           removed at exit */
    bool (*progress)(void *arg, uint64_t done, uint64_t total); /* kernels compiled; false stops */
    void *progress_arg;
};

/* Generates, compiles in parallel (each compiler in a child process of its own with a time limit),
   links one shared object tritmill-<first 16 of its sha256>.so in folder and loads it: the kernels
   are in the registry then. Where there are several compilers, the technique of a kernel's name
   tells which one made it ("..._p8gcc"). file (a plain name) and sha256 are what a profile records.
   A variant that does not compile is counted in *failed, and error (TRIT_OK returned) has the first
   message. */
enum trit_code trit_build(const struct trit_build *what, char file[128],
                          char sha256[TRIT_SHA256_TEXT], size_t *built, size_t *failed,
                          struct trit_error *error);

#endif
