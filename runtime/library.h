/* Kernel libraries: kernels that were compiled later than the program, in a shared object of the
   user's own. Nothing in it is executed before owner, mode, hash and shape of the file have been
   looked at, and no kernel is used before it gave the reference's bits on a tile. */
#ifndef TRIT_LIBRARY_H
#define TRIT_LIBRARY_H

#include "runtime/kernel.h"

enum { TRIT_LIBRARY_ABI = 1, TRIT_SHA256_TEXT = 65 };

/* What a library exports, as `trit_kernel_library`. The generator writes it (library.c in the
   output folder). ISAs and operations are named, since their numbers belong to one build of the
   program. */
struct trit_library_row {
    const char *name, *op, *packing, *act, *isa, *source;
    int mr, nr, kr;
    uint64_t k, n, hash;
    double cost;
    void (*fn)(void);
};
struct trit_library_table {
    uint32_t abi, row_bytes, max_k, reserved;
    uint64_t n;
    const struct trit_library_row *rows;
    const char *compiler, *flags;
};

/* Lower-case hex SHA-256 of a file's bytes into text. */
enum trit_code trit_file_sha256(const char *path, char text[TRIT_SHA256_TEXT],
                                struct trit_error *error);

/* Checks and loads a library and adds its kernels to the registry; never unloaded. sha256: what the
   file must hash to, NULL only for files that this process has just made itself. Refusals (each
   names the file and the reason): a symbolic link, not a regular file, another owner, writable by
   others, hash, not an ELF shared object for this machine, constructors or destructors (DT_INIT,
   .init_array, .preinit_array, DT_FINI, .fini_array: link with -nostartfiles), functions that are
   chosen at load time (ifunc), variables of threads, entries of the dynamic section that stand
   twice or that kernels do not need, tables that leave the file, libraries needed beyond libc and
   libm, undefined symbols, missing or foreign table, ABI. Rows are refused one by
   one: unknown operation, packing or ISA, impossible numbers, a name that is not its own
   declaration. Kernels of an ISA that is not usable here are skipped silently; a kernel that fails
   the one-tile check (run in a child process) is left out and counted. *added, *refused may be
   NULL. TRIT_OK with *refused > 0: error says of the first refused row which and why. */
enum trit_code trit_library_load(const char *path, const char *sha256, size_t *added,
                                 size_t *refused, struct trit_error *error);

#endif
