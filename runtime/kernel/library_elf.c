/* What a shared object would do when it is loaded, read from its bytes. The loader itself believes
   every offset, so each is held against the file here. */
#define _GNU_SOURCE
#include <elf.h>
#include <link.h>
#include <string.h>

#include "runtime/base/arch.h"
#include "runtime/kernel/internal.h"

enum { ENDIAN = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB };

struct elf {
    const char *path;
    const uint8_t *data;
    size_t bytes;
    ElfW(Ehdr) head;
    const char *strings; /* of the dynamic section */
    size_t nstrings;
    struct trit_error *error;
};

/* What would be executed, or would change what is. */
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
    { DT_AUDIT, "names an auditor (DT_AUDIT)" },
    { DT_DEPAUDIT, "names an auditor (DT_DEPAUDIT)" },
};

static const char *const needed[] = { "libc.", "libm.", "ld-linux" };

static enum trit_code bad(const struct elf *e, const char *why)
{
    return trit_fail(e->error, TRIT_EFORMAT, "%s: %s", e->path, why);
}

static bool inside(const struct elf *e, uint64_t at, uint64_t bytes)
{
    return at <= e->bytes && bytes <= e->bytes - at;
}

static enum trit_code check_head(struct elf *e)
{
    if (!inside(e, 0, sizeof e->head))
        return bad(e, "is too short for a shared object");
    memcpy(&e->head, e->data, sizeof e->head);
    const unsigned char *id = e->head.e_ident;
    if (memcmp(id, ELFMAG, SELFMAG) != 0)
        return bad(e, "is not an ELF file");
    if (id[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) || id[EI_DATA] != ENDIAN)
        return bad(e, "is an ELF file for machines of another word size or byte order");
    if (e->head.e_machine != TRIT_ELF_MACHINE)
        return trit_fail(e->error, TRIT_EFORMAT,
                         "%s: is for another machine (ELF machine %u, this one is %u)", e->path,
                         (unsigned)e->head.e_machine, (unsigned)TRIT_ELF_MACHINE);
    if (e->head.e_type != ET_DYN)
        return bad(e, "is an ELF file, but no shared object");
    if (e->head.e_phentsize != sizeof(ElfW(Phdr)) || !e->head.e_phnum ||
        !inside(e, e->head.e_phoff, (uint64_t)e->head.e_phnum * sizeof(ElfW(Phdr))))
        return bad(e, "its program headers lie outside the file");
    return TRIT_OK;
}

static ElfW(Phdr) segment(const struct elf *e, size_t i)
{
    ElfW(Phdr) ph;
    memcpy(&ph, e->data + e->head.e_phoff + i * sizeof ph, sizeof ph);
    return ph;
}

/* Every segment that is mapped lies in the file: past its end there would be SIGBUS. */
static enum trit_code check_segments(const struct elf *e, ElfW(Phdr) * dynamic)
{
    size_t found = 0;
    for (size_t i = 0; i < e->head.e_phnum; i++) {
        const ElfW(Phdr) ph = segment(e, i);
        if (!inside(e, ph.p_offset, ph.p_filesz))
            return bad(e, "is cut off: a segment lies outside the file");
        if (ph.p_type == PT_GNU_STACK && (ph.p_flags & PF_X))
            return bad(e, "wants an executable stack");
        if (ph.p_type == PT_LOAD && (ph.p_flags & PF_X) && (ph.p_flags & PF_W))
            return bad(e, "has a segment that is writable and executable");
        if (ph.p_type == PT_DYNAMIC && !found++)
            *dynamic = ph;
    }
    return found == 1 ? TRIT_OK : bad(e, "has no dynamic section, or several");
}

/* The file's bytes that are loaded at an address, up to the end of their segment. */
static const uint8_t *loaded(const struct elf *e, uint64_t address, size_t *bytes)
{
    for (size_t i = 0; i < e->head.e_phnum; i++) {
        const ElfW(Phdr) ph = segment(e, i);
        if (ph.p_type != PT_LOAD || address < ph.p_vaddr || address - ph.p_vaddr >= ph.p_filesz)
            continue;
        *bytes = (size_t)(ph.p_filesz - (address - ph.p_vaddr));
        return e->data + ph.p_offset + (address - ph.p_vaddr);
    }
    return NULL;
}

static ElfW(Dyn) entry(const uint8_t *at, size_t i)
{
    ElfW(Dyn) dyn;
    memcpy(&dyn, at + i * sizeof dyn, sizeof dyn);
    return dyn;
}

/* A library that it wants to be loaded first. */
static enum trit_code check_needed(const struct elf *e, uint64_t offset)
{
    if (!e->strings || offset >= e->nstrings ||
        !memchr(e->strings + offset, 0, e->nstrings - offset))
        return bad(e, "its table of names lies outside the file");
    const char *name = e->strings + offset;
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!strncmp(name, needed[i], strlen(needed[i])))
            return TRIT_OK;
    return trit_fail(e->error, TRIT_EUNSUPPORTED,
                     "%s: needs %.60s: kernels may need libc and libm only", e->path, name);
}

static enum trit_code check_entry(const struct elf *e, const ElfW(Dyn) * dyn)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (dyn->d_tag == refused[i].tag)
            return bad(e, refused[i].why);
    return dyn->d_tag == DT_NEEDED ? check_needed(e, dyn->d_un.d_val) : TRIT_OK;
}

/* The value of the first entry with that tag, 0 where there is none. */
static uint64_t value_of(const uint8_t *at, size_t n, ElfW(Sxword) tag)
{
    for (size_t i = 0; i < n && entry(at, i).d_tag != DT_NULL; i++)
        if (entry(at, i).d_tag == tag)
            return entry(at, i).d_un.d_val;
    return 0;
}

/* Relocations whose value is what a function of the library returns. */
static enum trit_code check_relocations(const struct elf *e, uint64_t address, uint64_t size,
                                        uint64_t symbols)
{
    size_t bytes = 0, room = 0;
    const uint8_t *at = size ? loaded(e, address, &bytes) : NULL;
    const uint8_t *symbol = symbols ? loaded(e, symbols, &room) : NULL;
    if (size && (!at || size > bytes))
        return bad(e, "its relocations lie outside the file");
    for (size_t i = 0; i < size / sizeof(ElfW(Rela)); i++) {
        ElfW(Rela) rela;
        ElfW(Sym) sym;
        memcpy(&rela, at + i * sizeof rela, sizeof rela);
        const uint64_t index = ELF64_R_SYM(rela.r_info);
        if (ELF64_R_TYPE(rela.r_info) == TRIT_ELF_RESOLVED)
            return bad(e, "chooses functions when it is loaded (ifunc)");
        if (!index)
            continue;
        if (!symbol || index >= room / sizeof sym)
            return bad(e, "its symbols lie outside the file");
        memcpy(&sym, symbol + index * sizeof sym, sizeof sym);
        if (ELF64_ST_TYPE(sym.st_info) == STT_GNU_IFUNC)
            return bad(e, "chooses functions when it is loaded (ifunc)");
    }
    return TRIT_OK;
}

static enum trit_code check_entries(const struct elf *e, const uint8_t *at, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const ElfW(Dyn) dyn = entry(at, i);
        if (dyn.d_tag == DT_NULL)
            return TRIT_OK;
        enum trit_code code = check_entry(e, &dyn);
        if (code)
            return code;
    }
    return bad(e, "its dynamic section has no end");
}

static enum trit_code check_dynamic(struct elf *e, const ElfW(Phdr) * dynamic)
{
    /* the loader reads it where it is mapped, which could be made to differ from p_offset */
    size_t bytes, n;
    const uint8_t *at = loaded(e, dynamic->p_vaddr, &bytes);
    if (!at || at != e->data + dynamic->p_offset || dynamic->p_filesz > bytes)
        return bad(e, "its dynamic section is not where it is loaded");
    n = dynamic->p_filesz / sizeof(ElfW(Dyn));
    e->strings = (const char *)loaded(e, value_of(at, n, DT_STRTAB), &e->nstrings);
    const uint64_t symbols = value_of(at, n, DT_SYMTAB);
    enum trit_code code = check_entries(e, at, n);
    if (!code)
        code = check_relocations(e, value_of(at, n, DT_RELA), value_of(at, n, DT_RELASZ), symbols);
    if (!code)
        code =
            check_relocations(e, value_of(at, n, DT_JMPREL), value_of(at, n, DT_PLTRELSZ), symbols);
    return code;
}

enum trit_code trit_elf_check(const char *path, const uint8_t *data, size_t bytes,
                              struct trit_error *error)
{
    struct elf e = { .path = path, .data = data, .bytes = bytes, .error = error };
    ElfW(Phdr) dynamic = { 0 };
    enum trit_code code = check_head(&e);
    if (!code)
        code = check_segments(&e, &dynamic);
    return code ? code : check_dynamic(&e, &dynamic);
}
