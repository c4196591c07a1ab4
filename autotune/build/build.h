/* From variants to kernels that can be called: generates C, compiles it with the compilers found,
 * loads the library. */
#ifndef TRIT_BUILD_H
#define TRIT_BUILD_H

#include <stdbool.h>

#include "generator/generate.h"
#include "runtime/library.h"

enum { TRIT_MAX_COMPILERS = 8 };

/* Compilers that work here: gcc, clang, $CC, or those in `wanted` ("gcc,clang", names or paths) if
   it is not NULL. Each has made a shared object of a line of C. Of two that are the same compiler
   the first is kept. One in wanted that does not work is TRIT_EARGUMENT, a temporary folder that
   cannot be written TRIT_EIO; none at all is n = 0, and `why` then tells what to do. */
struct trit_compilers {
    int n;
    char name[TRIT_MAX_COMPILERS][128];   /* what to start: "gcc", "/usr/bin/clang-16" */
    char suffix[TRIT_MAX_COMPILERS][16];  /* for kernels' names: "gcc", "clang16" */
    char version[TRIT_MAX_COMPILERS][64]; /* "GNU 12.2.0" */
    char why[1024]; /* the first that is there and does not work, or that there is none */
};
enum trit_code trit_compilers_find(struct trit_compilers *compilers, const char *wanted,
                                   struct trit_error *error);

/* What to build: the variants of `generate` (its out, suffix and want are not used), with each
   compiler. */
struct trit_build {
    struct trit_generate generate;
    const struct trit_compilers *compilers;
    bool (*want)(void *arg, const char *kernel);   /* as that of `generate` */
    size_t (*rank)(void *arg, const char *kernel); /* the lowest are compiled first; NULL: in the
                                                      order of their names */
    void *want_arg;                                /* of these two */
    const char *folder; /* where the library goes; NULL: a temporary one that is removed at exit */
    double seconds;     /* no compiler is left running after that; 0: no limit but each one's own */
    bool (*progress)(void *arg, uint64_t done, uint64_t total); /* kernels compiled; false stops;
                                                                   may be NULL */
    void *progress_arg;
};

struct trit_built {
    char path[4096], file[128], sha256[TRIT_SHA256_TEXT]; /* of the library; file: a plain name */
    size_t built, failed; /* kernels in it; variants that did not compile */
    size_t late;          /* variants that there was no time for */
    char failure[512];    /* the first of these, and what the compiler said */
};

/* Generates, compiles in parallel (each compiler in a child process of its own with a time limit),
   links one shared object tritmill-<first 16 of its sha256>.so in folder and loads it: the kernels
   are in the registry then. The end of a kernel's technique tells which compiler made it
   ("..._p8gcc"). Objects are kept until the program ends, so that building some of the same kernels
   again is only a link. Where nothing could be built that is an error. */
enum trit_code trit_build(const struct trit_build *what, struct trit_built *built,
                          struct trit_error *error);

/* This process's folder for temporary files, removed at its end; made on first use. NULL and error
   on failure. */
const char *trit_temporary_folder(struct trit_error *error);

#endif
