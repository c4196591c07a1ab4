/* The machine code of a kernel: its functions in the ELF file that holds it, its hottest loop as
   `objdump` shows it, and what `llvm-mca` predicts of that loop. Nothing is executed. Reasons
   (why) are static texts. */
#ifndef TRIT_DISASM_H
#define TRIT_DISASM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TRIT_LOOP_TEXT = 1 << 15 };

/* Functions of one translation unit: the kernel and its static helpers. */
struct trit_functions {
    size_t count, bytes; /* sizes of all of them */
    uint64_t begin, end; /* the span of addresses in the file that holds them all */
};

/* Those of kernel `name` in an ELF file of this word size: the function of that name and all local
   functions of the source NAME.c. False and why where the file has no symbols, or not this one. */
bool trit_elf_functions(const char *path, const char *name, struct trit_functions *functions,
                        const char **why);

/* A loop without another one inside. */
struct trit_loop {
    size_t instructions, vectors; /* of one iteration; those that name a vector register */
    size_t slices;                /* packed slices that one iteration goes on by; 0: unknown */
    char text[TRIT_LOOP_TEXT];    /* one instruction a line, for an assembler */
};

/* The innermost loop with most vector instructions in a listing of `objdump -d
   --no-show-raw-insn`; among equals the longest. The pointers that a loop moves by constants tell
   how many slices it does: slice_bytes of weights, slice_columns of activations. False where there
   is no loop with a vector instruction, or it does not fit. */
bool trit_loop_find(const char *listing, size_t slice_bytes, size_t slice_columns,
                    struct trit_loop *loop);

/* trit_loop_find on the kernel's functions, by running objdump. */
bool trit_disasm_loop(const char *path, const struct trit_functions *functions, size_t slice_bytes,
                      size_t slice_columns, struct trit_loop *loop, const char **why);

/* Cycles per iteration by llvm-mca; 0 where it is not installed or does not understand the loop.
   *model (may be NULL) gets the CPU it took: this one, or a relative where it does not know this
   one. */
double trit_mca_cycles(const struct trit_loop *loop, const char **model);

/* Runs a program found in PATH with these arguments (NULL at the end), input (may be NULL) as its
   standard input; its standard output, at most limit bytes, to free(). NULL where it is missing or
   fails. */
char *trit_child_output(const char *const *argv, const char *input, size_t limit);

#endif
