/* Model files that were read as a whole, so that the next start need not read them again. */
#include <limits.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "runtime/base/file.h"
#include "runtime/cache/internal.h"

#define MAGIC "tritseen"
enum { FORMAT = 1, KNOWN = 16 };

/* The newest first. */
struct known {
    char magic[8];
    uint32_t order, format;
    uint64_t hash; /* XXH3 of all, this field 0 */
    struct {
        struct trit_file_id file;
        uint8_t whole[TRIT_CACHE_HASH];
    } list[KNOWN];
};
static_assert(sizeof(struct known) == 24 + 56 * KNOWN, "no padding");

static uint64_t hash_of(struct known k)
{
    k.hash = 0;
    return XXH3_64bits(&k, sizeof k);
}

/* Nothing is known where the file is not there, or not as it was written. */
static void load(const char *path, struct known *k)
{
    size_t bytes;
    int fd;
    ssize_t n = 0;
    if (!trit_file_open_own(path, 0, &fd, &bytes, NULL)) {
        n = read(fd, k, sizeof *k);
        close(fd);
    }
    if (n != sizeof *k || memcmp(k->magic, MAGIC, sizeof k->magic) != 0 ||
        k->order != TRIT_CACHE_ORDER || k->format != FORMAT || k->hash != hash_of(*k)) {
        *k = (struct known){ .order = TRIT_CACHE_ORDER, .format = FORMAT };
        memcpy(k->magic, MAGIC, sizeof k->magic);
    }
}

bool trit_cache_recall(struct trit_cache_source *source)
{
    char path[PATH_MAX];
    struct known k;
    if (trit_cache_known_path(source, path, sizeof path, NULL))
        return false;
    load(path, &k);
    for (size_t i = 0; i < KNOWN; i++)
        if (trit_file_same(&source->file, &k.list[i].file)) {
            memcpy(source->whole, k.list[i].whole, sizeof source->whole);
            return true;
        }
    return false;
}

/* In front; what was known of the same file before goes, else the oldest. */
static void put(struct known *k, const struct trit_cache_source *source)
{
    size_t i = 0;
    while (i < KNOWN - 1 && (k->list[i].file.device != source->file.device ||
                             k->list[i].file.inode != source->file.inode))
        i++;
    memmove(&k->list[1], &k->list[0], i * sizeof *k->list);
    k->list[0].file = source->file;
    memcpy(k->list[0].whole, source->whole, sizeof source->whole);
    k->hash = hash_of(*k);
}

static bool is_known(const char *head, size_t bytes)
{
    return trit_head_is(head, bytes, MAGIC);
}

static const struct trit_file_kind kind = { "a list of known models", is_known, 0600 };

enum trit_code trit_cache_remember(const struct trit_cache_source *source, struct trit_error *error)
{
    char path[PATH_MAX];
    struct trit_file *file;
    struct known k;
    if (!source->file.changed)
        return TRIT_OK;
    enum trit_code code = trit_cache_known_path(source, path, sizeof path, error);
    if (!code)
        code = trit_file_make_folders(path, error);
    if (!code)
        code = trit_file_create_as(&file, path, &kind, error);
    if (code)
        return code;
    load(path, &k);
    put(&k, source);
    trit_file_write(file, &k, sizeof k);
    return trit_file_commit(file, error);
}
