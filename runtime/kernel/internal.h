/* Private to runtime/library*.c. */
#ifndef TRIT_LIBRARY_PARTS_H
#define TRIT_LIBRARY_PARTS_H

#include <link.h>
#include <stdbool.h>

#include "runtime/library.h"

/* Whether the bytes are a shared object for this machine that executes nothing when it is loaded
   and needs nothing but libc and libm; else TRIT_EFORMAT or TRIT_EUNSUPPORTED with the reason. */
enum trit_code trit_elf_check(const char *path, const uint8_t *data, size_t bytes,
                              struct trit_error *error);

/* The entries of the dynamic section that the loader may act on, each at most once. */
enum trit_elf_tag {
    TRIT_ELF_STRTAB,
    TRIT_ELF_STRSZ,
    TRIT_ELF_SYMTAB,
    TRIT_ELF_SYMENT,
    TRIT_ELF_GNU_HASH,
    TRIT_ELF_HASH,
    TRIT_ELF_RELA,
    TRIT_ELF_RELASZ,
    TRIT_ELF_RELAENT,
    TRIT_ELF_RELACOUNT,
    TRIT_ELF_JMPREL,
    TRIT_ELF_PLTRELSZ,
    TRIT_ELF_PLTREL,
    TRIT_ELF_PLTGOT,
    TRIT_ELF_VERSYM,
    TRIT_ELF_VERNEED,
    TRIT_ELF_VERNEEDNUM,
    TRIT_ELF_FLAGS,
    TRIT_ELF_FLAGS_1,
    TRIT_ELF_SYMBOLIC,
    TRIT_ELF_BIND_NOW,
    TRIT_ELF_PROCESSOR_1,
    TRIT_ELF_PROCESSOR_3,
    TRIT_ELF_PROCESSOR_5,
    TRIT_ELF_NTAGS
};

/* A shared object that is looked through. */
struct trit_elf {
    const char *path;
    const uint8_t *data;
    size_t bytes;
    ElfW(Ehdr) head;
    ElfW(Phdr) dynamic;
    bool has[TRIT_ELF_NTAGS];
    uint64_t value[TRIT_ELF_NTAGS]; /* 0 where it has none */
    const char *strings;            /* the names; the last byte of nstrings is 0 */
    size_t nstrings;
    const uint8_t *symbols, *versions; /* there is room for so many; versions: NULL without any */
    size_t nsymbols, nversions;
    unsigned version; /* the greatest that is defined */
    struct trit_error *error;
};

enum trit_code trit_elf_bad(const struct trit_elf *e, const char *why);
/* The bytes that are loaded at an address where nothing can change them later, up to the end of
   their segment; NULL where there are none. */
const uint8_t *trit_elf_fixed(const struct trit_elf *e, uint64_t address, size_t *bytes);
/* Whether all these bytes are memory of the library that has the flags (PF_R, PF_W). */
bool trit_elf_covers(const struct trit_elf *e, uint64_t address, uint64_t bytes, unsigned flags);
/* library_elf_tables.c: what the loader reads to bind names: its tables, held against the file. */
enum trit_code trit_elf_check_tables(struct trit_elf *e);
/* Whether the name is that of libc, libm or the loader. */
enum trit_code trit_elf_check_needed(const struct trit_elf *e, uint64_t name);

/* The kernel that a row declares, in *kernel, and NULL; else why the row is refused. */
const char *trit_library_row_kernel(const struct trit_library_row *row, struct trit_kernel *kernel);

#endif
