/* Trying kernels before they are used: those of an instruction set, and one by one. */
#ifndef TRIT_PROBE_H
#define TRIT_PROBE_H

#include <stdbool.h>

#include "runtime/kernel.h"

/* Whether kernels of the ISA may run here: features, OS consent, the cap of TRITMILL_ISA, and a
   probe that really executes them in a child process. *why (may be NULL) gets a static text:
   "usable", "CPU lacks avx512_vnni", "capped by TRITMILL_ISA=avx2", "probe died with SIGILL", ...
   Decided once per process; thread-safe. */
bool trit_isa_usable(enum trit_isa isa, const char **why);

/* Runs one registered kernel of each operation and packing of the ISA on small inputs; whether all
   gave the reference's bits. Dies of a signal where the CPU cannot execute them. */
bool trit_isa_probe(enum trit_isa isa);

/* The one-tile check: a small call against the reference, in this process. Operations that have no
   definition of their bits, and packings that runtime/kernel/pack.h does not know, only have to
   return. */
bool trit_kernel_probe(const struct trit_kernel *kernel);
/* The same once per kernel and process: its result is remembered. Thread-safe. */
bool trit_kernel_sound(const struct trit_kernel *kernel);
/* The same for n kernels in child processes, which may die of it: ends[i] is NULL where kernel i
   passed, else a static text, how it ended. */
void trit_kernels_probe(const struct trit_kernel *kernels, size_t n, const char **ends);

#endif
