/* Names of models: which there may be, and which of the folder's models one means. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "runtime/store/internal.h"

enum { PART_MOST = 128, PARTS_MOST = 3 };

/* Letters, digits, '-', '_' and '.', with the latter three not at the beginning and no ".."; n: its
   bytes. */
static bool is_part(const char *s, size_t n)
{
    if (!n || n > PART_MOST || !isalnum((unsigned char)*s))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && !strchr("-_.", s[i]))
            return false;
    for (size_t i = 1; i < n; i++)
        if (s[i] == '.' && s[i - 1] == '.')
            return false;
    return true;
}

/* How many parts are between the slashes of s[0 .. n-1]; 0: one of them is none. */
static size_t count_parts(const char *s, size_t n)
{
    size_t parts = 0;
    for (size_t at = 0; at <= n; parts++) {
        const char *slash = memchr(s + at, '/', n - at);
        const size_t end = slash ? (size_t)(slash - s) : n;
        if (!is_part(s + at, end - at))
            return 0;
        at = end + 1;
    }
    return parts;
}

bool trit_store_is_part(const char *word)
{
    return is_part(word, strlen(word));
}

const char *trit_store_bare_name(const char *name)
{
    static const char *const hosts[] = { "https://", "http://", "www.", "huggingface.co/",
                                         "hf.co/" };
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        if (!strncasecmp(name, hosts[i], strlen(hosts[i])))
            name += strlen(hosts[i]);
    return name;
}

static size_t parts_of(const char *word)
{
    const char *name = trit_store_bare_name(word), *colon = strchr(name, ':');
    const size_t n = colon ? (size_t)(colon - name) : strlen(name);
    if (colon && count_parts(colon + 1, strlen(colon + 1)) != 1)
        return 0;
    const size_t parts = count_parts(name, n);
    return parts <= PARTS_MOST ? parts : 0;
}

bool trit_store_is_name(const char *word)
{
    const size_t n = strlen(word), suffix = strlen(TRIT_STORE_SUFFIX);
    const bool file =
        n > suffix && !strcasecmp(word + n - suffix, TRIT_STORE_SUFFIX) && !strchr(word, ':');
    return !file && parts_of(word) > 0;
}

bool trit_store_is_hub_name(const char *word)
{
    return parts_of(word) == 2;
}

enum trit_code trit_store_record_place(const char *name, char *place, size_t room,
                                       struct trit_error *error)
{
    const char *colon = strchr(name, ':'), *tag = colon ? colon + 1 : "latest";
    const size_t n = colon ? (size_t)(colon - name) : strlen(name), suffix = strlen(".tmp"),
                 ntag = strlen(tag);
    const bool temporary = ntag >= suffix && !strcasecmp(tag + ntag - suffix, ".tmp");
    const size_t parts = count_parts(name, n);
    if (!parts || parts > PARTS_MOST || !is_part(tag, ntag) || temporary)
        return trit_fail(error, TRIT_EARGUMENT,
                         "'%.128s' is no name for a model: NAME[:TAG] has letters, digits, '-', "
                         "'_' and '.'",
                         name);
    if (snprintf(place, room, "%.*s/%s", (int)n, name, tag) >= (int)room)
        return trit_fail(error, TRIT_EARGUMENT, "%.40s...: the name is too long", name);
    return TRIT_OK;
}

enum trit_code trit_store_hub_path(const struct trit_store *store, const char *owner,
                                   const char *repo, const char *file, char *path,
                                   struct trit_error *error)
{
    if (!trit_store_is_part(owner) || !trit_store_is_part(repo) || !trit_store_is_part(file))
        return trit_fail(error, TRIT_EARGUMENT, "%.96s/%.96s: %.128s: no name for a file here",
                         owner, repo, file);
    const int n = snprintf(path, TRIT_STORE_PATH, "%s/%s/%s/%s", store->folder, owner, repo, file);
    if (n < 0 || n >= TRIT_STORE_PATH - 16)
        return trit_fail(error, TRIT_EARGUMENT, "%.40s...: the path is too long", path);
    return TRIT_OK;
}

bool trit_store_file_is_type(const char *file, const char *type)
{
    const char *slash = strrchr(file, '/');
    const size_t suffix = strlen(TRIT_STORE_SUFFIX), t = strlen(type);
    file = slash ? slash + 1 : file;
    size_t n = strlen(file);
    if (n > suffix && !strcasecmp(file + n - suffix, TRIT_STORE_SUFFIX))
        n -= suffix;
    if (!t || t > n || strncasecmp(file + n - t, type, t) != 0)
        return false;
    return t == n || strchr("-._", file[n - t - 1]);
}

/* How well a name fits, best first. */
enum fit { CREATED, CREATED_FOLDED, FILE_NAME, FILE_FOLDED, BY_FILE, BY_TYPE, NONE };

static bool same(const char *a, const char *b, size_t n, bool fold)
{
    return strlen(a) == n && !(fold ? strncasecmp(a, b, n) : strncmp(a, b, n));
}

/* Whether name[0 .. n-1] is the file's, by any of its names. */
static bool names_file(const struct trit_store_entry *e, const char *name, size_t n, bool fold)
{
    const char *slash = strrchr(e->place, '/');
    const size_t suffix = strlen(TRIT_STORE_SUFFIX);
    const char *ways[] = { e->model.name, e->place, slash ? slash + 1 : e->place };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        const size_t all = strlen(ways[i]);
        if (same(ways[i], name, n, fold))
            return true;
        if (i && all == n + suffix &&
            !(fold ? strncasecmp(ways[i], name, n) : strncmp(ways[i], name, n)))
            return true;
    }
    return false;
}

/* OWNER/REPO, OWNER/REPO:FILE, OWNER/REPO:TYPE. */
static enum fit fit_hub(const struct trit_store_entry *e, const char *name, size_t n)
{
    const char *colon = memchr(name, ':', n), *slash = strrchr(e->place, '/');
    const size_t folder = slash ? (size_t)(slash - e->place) : 0,
                 given = colon ? (size_t)(colon - name) : n;
    char type[PART_MOST + 1];
    if (!folder || folder != given || strncasecmp(e->place, name, given) != 0)
        return NONE;
    if (!colon)
        return BY_FILE;
    snprintf(type, sizeof type, "%.*s", (int)(n - given - 1), colon + 1);
    if (!strcasecmp(slash + 1, type))
        return FILE_FOLDED;
    if (trit_store_file_is_type(slash + 1, type))
        return BY_FILE;
    return !strcasecmp(type, e->model.type) ? BY_TYPE : NONE;
}

static enum fit fit(const struct trit_store_entry *e, const char *name, size_t n)
{
    for (int fold = 0; fold < 2; fold++) {
        if (e->model.created && same(e->model.name, name, n, fold))
            return fold ? CREATED_FOLDED : CREATED;
        if (!e->model.created && names_file(e, name, n, fold))
            return fold ? FILE_FOLDED : FILE_NAME;
    }
    return e->model.created ? NONE : fit_hub(e, name, n);
}

static enum trit_code ambiguous(const struct trit_store_entries *entries, const char *name,
                                size_t n, enum fit best, struct trit_error *error)
{
    char list[512] = "";
    size_t at = 0;
    for (size_t i = 0; i < entries->n && at < sizeof list; i++)
        if (fit(&entries->v[i], name, n) == best)
            at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", at ? ", " : "",
                                   entries->v[i].model.name);
    return trit_fail(error, TRIT_EARGUMENT, "model '%.*s' may be any of these: %s", (int)n, name,
                     list);
}

enum trit_code trit_store_pick(const struct trit_store_entries *entries, const char *word,
                               const struct trit_store_entry **entry, struct trit_error *error)
{
    static const char latest[] = ":latest";
    const char *name = trit_store_bare_name(word);
    size_t n = strlen(name), count = 0;
    enum fit best = NONE;
    if (n > sizeof latest - 1 && !strcasecmp(name + n - (sizeof latest - 1), latest))
        n -= sizeof latest - 1;
    for (size_t i = 0; i < entries->n; i++) {
        const enum fit f = fit(&entries->v[i], name, n);
        if (f < best || (f == best && f != NONE)) {
            count = f < best ? 1 : count + 1;
            best = f;
            *entry = &entries->v[i];
        }
    }
    if (count > 1)
        return ambiguous(entries, name, n, best, error);
    return count ? TRIT_OK : trit_fail(error, TRIT_EIO, "model '%.256s' not found", word);
}
