/* What a variant's machine code says: its size, and the length of its hottest loop. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "autotune/compare/disasm.h"
#include "autotune/compare/internal.h"
#include "runtime/kernel/pack.h"

/* The file that holds the function, by a name that other processes understand too; false where the
   loader does not tell. */
static bool file_of(trit_mm_fn *fn, char *path, size_t room)
{
    static const char own_files[] = "/proc/self/";
    Dl_info it, self;
    void *address, *own;
    void (*here)(struct trit_comparison *, struct trit_compare_row *) = trit_compare_code;
    memcpy(&address, &fn, sizeof address);
    memcpy(&own, &here, sizeof own);
    if (!dladdr(address, &it) || !dladdr(own, &self) || !it.dli_fname)
        return false;
    const char *name = it.dli_fbase == self.dli_fbase ? "/proc/self/exe" : it.dli_fname;
    size_t skip = strncmp(name, own_files, sizeof own_files - 1) ? 0 : sizeof own_files - 1;
    int n = skip ? snprintf(path, room, "/proc/%ld/%s", (long)getpid(), name + skip)
                 : snprintf(path, room, "%s", name);
    return n > 0 && (size_t)n < room;
}

/* From one iteration to 64 weights and one token. */
static double per_64(const struct trit_kernel *kernel, const struct trit_loop *loop, double value)
{
    double weights = (double)loop->slices * kernel->nr * kernel->kr;
    return loop->slices && value > 0 ? value * 64 / (weights * kernel->mr) : (double)NAN;
}

void trit_compare_code(struct trit_comparison *c, struct trit_compare_row *row)
{
    static char path[4096]; /* /proc/self/exe; a library's name */
    const struct trit_kernel *kernel = row->kernel;
    const struct trit_packing *packing = trit_packing_find(kernel->packing);
    struct trit_functions functions;
    const char *why = "its file is not known", *model;
    struct trit_loop *loop = malloc(sizeof *loop);
    trit_mm_fn *fn = kernel->op == TRIT_OP_gemv ? kernel->fn.gemv : kernel->fn.gemm;
    if (loop && packing && file_of(fn, path, sizeof path) &&
        trit_elf_functions(path, kernel->name, &functions, &why)) {
        row->code_bytes = (double)functions.bytes;
        if (trit_disasm_loop(path, &functions, (size_t)kernel->nr * packing->bytes, packing->kr,
                             loop, &why)) {
            row->loop_instructions = (double)loop->instructions;
            row->instructions = per_64(kernel, loop, (double)loop->instructions);
            row->mca_cycles = per_64(kernel, loop, trit_mca_cycles(loop, &model));
            c->mca_model = isnan(row->mca_cycles) ? c->mca_model : model;
            why = loop->slices ? NULL : "how many weights its loop does is not plain";
        }
    }
    if (why && *why)
        c->code_why = why;
    free(loop);
}
