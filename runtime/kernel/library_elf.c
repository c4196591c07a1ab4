/* What a shared object would do when it is loaded, read from its bytes. The loader believes every
   offset, so each is held against the file here. Both must see the same: what the loader would
   read elsewhere (segments that overlap, an entry that stands twice), or acts on and this file
   does not know, is refused. */
#define _GNU_SOURCE
#include <elf.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/arch.h"
#include "runtime/kernel/internal.h"

enum { ENDIAN = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB };
enum { MOST_SEGMENTS = 64 };
static const uint64_t most_memory = (uint64_t)1 << 40; /* addresses end there */

/* Words for what would be executed, or would change what is. Kernels need none of these. */
static const struct {
    ElfW(Sxword) tag;
    const char *why;
} refused[] = {
    { DT_INIT, "has an initialiser (DT_INIT)" },
    { DT_INIT_ARRAY, "has constructors (.init_array)" },
    { DT_PREINIT_ARRAY, "has constructors (.preinit_array)" },
    { DT_FINI, "has a finaliser (DT_FINI)" },
    { DT_FINI_ARRAY, "has destructors (.fini_array)" },
    { DT_RPATH, "names a path of libraries (DT_RPATH)" },
    { DT_RUNPATH, "names a path of libraries (DT_RUNPATH)" },
    { DT_TEXTREL, "rewrites its code (DT_TEXTREL)" },
    { DT_AUXILIARY, "stands for another library (DT_AUXILIARY)" },
    { DT_FILTER, "stands for another library (DT_FILTER)" },
    { DT_SONAME, "stands for another library (DT_SONAME)" },
    { DT_AUDIT, "names an auditor (DT_AUDIT)" },
    { DT_DEPAUDIT, "names an auditor (DT_DEPAUDIT)" },
};

/* The others that linkers write. Of a value, the bits outside of `free` must be `fixed`: the loader
   aborts on some, and flags change what it does. */
static const struct {
    ElfW(Sxword) tag;
    uint64_t free, fixed;
} known[TRIT_ELF_NTAGS] = {
    [TRIT_ELF_STRTAB] = { DT_STRTAB, UINT64_MAX, 0 },
    [TRIT_ELF_STRSZ] = { DT_STRSZ, UINT64_MAX, 0 },
    [TRIT_ELF_SYMTAB] = { DT_SYMTAB, UINT64_MAX, 0 },
    [TRIT_ELF_SYMENT] = { DT_SYMENT, 0, sizeof(ElfW(Sym)) },
    [TRIT_ELF_GNU_HASH] = { DT_GNU_HASH, UINT64_MAX, 0 },
    [TRIT_ELF_HASH] = { DT_HASH, UINT64_MAX, 0 }, /* not read beside DT_GNU_HASH */
    [TRIT_ELF_RELA] = { DT_RELA, UINT64_MAX, 0 },
    [TRIT_ELF_RELASZ] = { DT_RELASZ, UINT64_MAX, 0 },
    [TRIT_ELF_RELAENT] = { DT_RELAENT, 0, sizeof(ElfW(Rela)) },
    [TRIT_ELF_RELACOUNT] = { DT_RELACOUNT, UINT64_MAX, 0 }, /* the loader limits it */
    [TRIT_ELF_JMPREL] = { DT_JMPREL, UINT64_MAX, 0 },
    [TRIT_ELF_PLTRELSZ] = { DT_PLTRELSZ, UINT64_MAX, 0 },
    [TRIT_ELF_PLTREL] = { DT_PLTREL, 0, DT_RELA },
    [TRIT_ELF_PLTGOT] = { DT_PLTGOT, UINT64_MAX, 0 }, /* not read where all is bound at once */
    [TRIT_ELF_VERSYM] = { DT_VERSYM, UINT64_MAX, 0 },
    [TRIT_ELF_VERNEED] = { DT_VERNEED, UINT64_MAX, 0 },
    [TRIT_ELF_VERNEEDNUM] = { DT_VERNEEDNUM, UINT64_MAX, 0 },
    [TRIT_ELF_FLAGS] = { DT_FLAGS, DF_SYMBOLIC | DF_BIND_NOW, 0 },
    [TRIT_ELF_FLAGS_1] = { DT_FLAGS_1, DF_1_NOW | DF_1_NODELETE, 0 },
    [TRIT_ELF_SYMBOLIC] = { DT_SYMBOLIC, UINT64_MAX, 0 },
    [TRIT_ELF_BIND_NOW] = { DT_BIND_NOW, UINT64_MAX, 0 },
    /* how a PLT is made, on AArch64; not read where all is bound at once */
    [TRIT_ELF_PROCESSOR_1] = { DT_LOPROC + 1, UINT64_MAX, 0 },
    [TRIT_ELF_PROCESSOR_3] = { DT_LOPROC + 3, UINT64_MAX, 0 },
    [TRIT_ELF_PROCESSOR_5] = { DT_LOPROC + 5, UINT64_MAX, 0 },
};

enum trit_code trit_elf_bad(const struct trit_elf *e, const char *why)
{
    return trit_fail(e->error, TRIT_EFORMAT, "%s: %s", e->path, why);
}

static bool inside(const struct trit_elf *e, uint64_t at, uint64_t bytes)
{
    return at <= e->bytes && bytes <= e->bytes - at;
}

static enum trit_code check_head(struct trit_elf *e)
{
    if (!inside(e, 0, sizeof e->head))
        return trit_elf_bad(e, "is too short for a shared object");
    memcpy(&e->head, e->data, sizeof e->head);
    const unsigned char *id = e->head.e_ident;
    if (memcmp(id, ELFMAG, SELFMAG) != 0)
        return trit_elf_bad(e, "is not an ELF file");
    if (id[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) || id[EI_DATA] != ENDIAN)
        return trit_elf_bad(e, "is an ELF file for machines of another word size or byte order");
    if (e->head.e_machine != TRIT_ELF_MACHINE)
        return trit_fail(e->error, TRIT_EFORMAT,
                         "%s: is for another machine (ELF machine %u, this one is %u)", e->path,
                         (unsigned)e->head.e_machine, (unsigned)TRIT_ELF_MACHINE);
    if (e->head.e_type != ET_DYN)
        return trit_elf_bad(e, "is an ELF file, but no shared object");
    if (e->head.e_phnum > MOST_SEGMENTS)
        return trit_elf_bad(e, "has more program headers than kernels need");
    if (e->head.e_phentsize != sizeof(ElfW(Phdr)) || !e->head.e_phnum ||
        !inside(e, e->head.e_phoff, (uint64_t)e->head.e_phnum * sizeof(ElfW(Phdr))))
        return trit_elf_bad(e, "its program headers lie outside the file");
    return TRIT_OK;
}

static ElfW(Phdr) segment(const struct trit_elf *e, size_t i)
{
    ElfW(Phdr) ph;
    memcpy(&ph, e->data + e->head.e_phoff + i * sizeof ph, sizeof ph);
    return ph;
}

/* The file's bytes that are loaded at an address, up to the end of their segment, if the segment's
   flags are just these but for PF_X. */
static const uint8_t *loaded(const struct trit_elf *e, uint64_t address, unsigned flags,
                             size_t *bytes)
{
    for (size_t i = 0; i < e->head.e_phnum; i++) {
        const ElfW(Phdr) ph = segment(e, i);
        if (ph.p_type != PT_LOAD || address < ph.p_vaddr || address - ph.p_vaddr >= ph.p_filesz)
            continue;
        *bytes = (size_t)(ph.p_filesz - (address - ph.p_vaddr));
        return (ph.p_flags & (PF_R | PF_W)) == flags ? e->data + ph.p_offset + address - ph.p_vaddr
                                                     : NULL;
    }
    return NULL;
}

const uint8_t *trit_elf_fixed(const struct trit_elf *e, uint64_t address, size_t *bytes)
{
    return loaded(e, address, PF_R, bytes);
}

static uint64_t page_size(void)
{
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Whole pages, since what linkers protect is rounded to them. */
bool trit_elf_covers(const struct trit_elf *e, uint64_t address, uint64_t bytes, unsigned flags)
{
    const uint64_t page = page_size();
    for (size_t i = 0; i < e->head.e_phnum; i++) {
        const ElfW(Phdr) ph = segment(e, i);
        const uint64_t end = (ph.p_vaddr + ph.p_memsz + page - 1) & -page;
        if (ph.p_type == PT_LOAD && (ph.p_flags & flags) == flags && address >= ph.p_vaddr &&
            address <= end && bytes <= end - address)
            return true;
    }
    return false;
}

/* The loader maps pages, the later segment over the earlier; *end: of those before. */
static enum trit_code check_load(const struct trit_elf *e, const ElfW(Phdr) * ph, uint64_t *end)
{
    const uint64_t page = page_size();
    if ((ph->p_flags & PF_X) && (ph->p_flags & PF_W))
        return trit_elf_bad(e, "has a segment that is writable and executable");
    if (ph->p_memsz < ph->p_filesz || ph->p_memsz > most_memory || ph->p_vaddr > most_memory ||
        (ph->p_vaddr - ph->p_offset) % page != 0)
        return trit_elf_bad(e, "has a segment with impossible numbers");
    if (ph->p_vaddr / page * page < *end)
        return trit_elf_bad(e, "has segments that overlap");
    *end = (ph->p_vaddr + ph->p_memsz + page - 1) / page * page;
    return TRIT_OK;
}

static enum trit_code check_segment(struct trit_elf *e, const ElfW(Phdr) * ph)
{
    size_t bytes;
    if (ph->p_type == PT_TLS)
        return trit_elf_bad(e, "has variables of threads, which kernels do not need");
    if (ph->p_type == PT_GNU_STACK)
        return ph->p_flags & PF_X ? trit_elf_bad(e, "wants an executable stack") : TRIT_OK;
    if (ph->p_memsz && !trit_elf_covers(e, ph->p_vaddr, ph->p_memsz, PF_R))
        return trit_elf_bad(e, "has a program header for memory that it does not load");
    if (ph->p_type == PT_PHDR && loaded(e, ph->p_vaddr, PF_R, &bytes) != e->data + e->head.e_phoff)
        return trit_elf_bad(e, "its program headers are not where they are loaded");
    if (ph->p_type == PT_DYNAMIC)
        e->dynamic = *ph;
    return TRIT_OK;
}

/* Every segment that is mapped lies in the file: past its end there would be SIGBUS. Without
   PT_GNU_STACK the loader makes all stacks executable. */
static enum trit_code check_segments(struct trit_elf *e)
{
    size_t dynamic = 0, stack = 0;
    uint64_t end = 0;
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < e->head.e_phnum && !code; i++) {
        const ElfW(Phdr) ph = segment(e, i);
        if (!inside(e, ph.p_offset, ph.p_filesz))
            return trit_elf_bad(e, "is cut off: a segment lies outside the file");
        dynamic += ph.p_type == PT_DYNAMIC;
        stack += ph.p_type == PT_GNU_STACK;
        if (ph.p_type != PT_NULL)
            code = ph.p_type == PT_LOAD ? check_load(e, &ph, &end) : check_segment(e, &ph);
    }
    if (code)
        return code;
    if (dynamic != 1)
        return trit_elf_bad(e, "has no dynamic section, or several");
    return stack ? TRIT_OK : trit_elf_bad(e, "wants an executable stack (it has no PT_GNU_STACK)");
}

static enum trit_code bad_entry(const struct trit_elf *e, const ElfW(Dyn) * dyn, const char *why)
{
    return trit_fail(e->error, TRIT_EFORMAT, "%s: entry %#llx of its dynamic section %s", e->path,
                     (unsigned long long)dyn->d_tag, why);
}

static enum trit_code take_entry(struct trit_elf *e, const ElfW(Dyn) * dyn)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (dyn->d_tag == refused[i].tag)
            return trit_elf_bad(e, refused[i].why);
    if (dyn->d_tag == DT_FLAGS && (dyn->d_un.d_val & DF_TEXTREL))
        return trit_elf_bad(e, "rewrites its code (DF_TEXTREL)");
    size_t tag = 0;
    while (tag < TRIT_ELF_NTAGS && dyn->d_tag != known[tag].tag)
        tag++;
    if (tag == TRIT_ELF_NTAGS)
        return bad_entry(e, dyn, "is none that kernels need");
    if (e->has[tag])
        return bad_entry(e, dyn, "is there twice");
    if ((dyn->d_un.d_val & ~known[tag].free) != known[tag].fixed)
        return bad_entry(e, dyn, "has a value that kernels do not need");
    e->has[tag] = true;
    e->value[tag] = dyn->d_un.d_val;
    return TRIT_OK;
}

/* All entries before the last, DT_NULL: those of DT_NEEDED, or the others. */
static enum trit_code each_entry(struct trit_elf *e, bool needed)
{
    const uint8_t *at = e->data + e->dynamic.p_offset;
    for (size_t i = 0; i < e->dynamic.p_filesz / sizeof(ElfW(Dyn)); i++) {
        ElfW(Dyn) dyn;
        memcpy(&dyn, at + i * sizeof dyn, sizeof dyn);
        if (dyn.d_tag == DT_NULL)
            return TRIT_OK;
        enum trit_code code = TRIT_OK;
        if (needed && dyn.d_tag == DT_NEEDED)
            code = trit_elf_check_needed(e, dyn.d_un.d_val);
        else if (!needed && dyn.d_tag != DT_NEEDED)
            code = take_entry(e, &dyn);
        if (code)
            return code;
    }
    return trit_elf_bad(e, "its dynamic section has no end");
}

static enum trit_code check_dynamic(struct trit_elf *e)
{
    /* the loader reads it where it is mapped, which could be made to differ from p_offset, and
       writes addresses there */
    size_t bytes;
    const uint8_t *at = loaded(e, e->dynamic.p_vaddr, PF_R | PF_W, &bytes);
    if (!at || at != e->data + e->dynamic.p_offset || e->dynamic.p_filesz > bytes)
        return trit_elf_bad(e, "its dynamic section is not where it is loaded");
    enum trit_code code = each_entry(e, false);
    if (!code)
        code = trit_elf_check_tables(e);
    return code ? code : each_entry(e, true);
}

enum trit_code trit_elf_check(const char *path, const uint8_t *data, size_t bytes,
                              struct trit_error *error)
{
    struct trit_elf e = { .path = path, .data = data, .bytes = bytes, .error = error };
    enum trit_code code = check_head(&e);
    if (!code)
        code = check_segments(&e);
    return code ? code : check_dynamic(&e);
}
