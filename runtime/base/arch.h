/* The architecture that this program is for: its name, as the files of templates/isa have it, and
   its numbers in ELF files. */
#ifndef TRIT_ARCH_H
#define TRIT_ARCH_H

#include <elf.h>

#if defined __x86_64__
#define TRIT_ARCH "x86_64"
enum { TRIT_ELF_MACHINE = EM_X86_64, TRIT_ELF_RESOLVED = R_X86_64_IRELATIVE };
#elif defined __aarch64__
#define TRIT_ARCH "aarch64"
enum { TRIT_ELF_MACHINE = EM_AARCH64, TRIT_ELF_RESOLVED = R_AARCH64_IRELATIVE };
#else
#define TRIT_ARCH "other"
enum { TRIT_ELF_MACHINE = EM_NONE, TRIT_ELF_RESOLVED = 0 }; /* no kernel libraries */
#endif

#endif
