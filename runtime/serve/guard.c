/* Who may ask: names that this server is called by (a page of elsewhere that had its own name point
   here is refused), origins of pages, and keys. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/base/text.h"
#include "runtime/base/file.h"
#include "runtime/base/mem.h"
#include "runtime/serve/internal.h"

enum { KEY_MAX = 256, KEYS_MAX = 256, KEY_FILE_MAX = 1 << 20 };

struct trit_guard {
    const struct trit_http_options *options;
    pthread_mutex_t lock;
    char (*keys)[KEY_MAX]; /* padded with zeros */
    size_t nkeys;
};

/* The keys of a text: a line each, blanks around them and lines with # apart. */
static enum trit_code read_keys(struct trit_guard *g, char *text, struct trit_error *error)
{
    char *rest = text, *line;
    while ((line = strsep(&rest, "\n"))) {
        while (isspace((unsigned char)*line))
            line++;
        size_t n = strlen(line);
        while (n && isspace((unsigned char)line[n - 1]))
            n--;
        if (!n || *line == '#')
            continue;
        if (n >= KEY_MAX || g->nkeys == KEYS_MAX)
            return trit_fail(error, TRIT_EFORMAT, "%s: %s", g->options->key_file,
                             n >= KEY_MAX ? "a key is longer than 255 bytes"
                                          : "there are more than 256 keys");
        memcpy(g->keys[g->nkeys++], line, n);
    }
    return g->nkeys
               ? TRIT_OK
               : trit_fail(error, TRIT_EFORMAT, "%s: there is no key in it", g->options->key_file);
}

enum trit_code trit_guard_reload(struct trit_guard *guard, struct trit_error *error)
{
    struct trit_guard fresh = { .options = guard->options };
    char *text;
    size_t bytes;
    if (!guard->options->key_file)
        return TRIT_OK;
    enum trit_code code =
        trit_file_read(guard->options->key_file, KEY_FILE_MAX, &text, &bytes, error);
    if (code)
        return code;
    fresh.keys = trit_alloc(KEYS_MAX, sizeof *fresh.keys);
    code = fresh.keys ? read_keys(&fresh, text, error)
                      : trit_fail(error, TRIT_EMEMORY, "out of memory");
    explicit_bzero(text, bytes);
    free(text);
    if (!code) {
        pthread_mutex_lock(&guard->lock);
        void *old = guard->keys;
        guard->keys = fresh.keys;
        guard->nkeys = fresh.nkeys;
        pthread_mutex_unlock(&guard->lock);
        fresh.keys = old;
    }
    free(fresh.keys);
    return code;
}

enum trit_code trit_guard_create(struct trit_guard **guard, const struct trit_http_options *options,
                                 struct trit_error *error)
{
    struct trit_guard *g = *guard = trit_alloc(1, sizeof *g);
    if (!g)
        return trit_fail(error, TRIT_EMEMORY, "out of memory");
    g->options = options;
    pthread_mutex_init(&g->lock, NULL);
    return trit_guard_reload(g, error);
}

void trit_guard_free(struct trit_guard *guard)
{
    if (!guard)
        return;
    pthread_mutex_destroy(&guard->lock);
    free(guard->keys);
    free(guard);
}

/* All bytes of all keys are looked at, whichever it is. */
bool trit_guard_key(struct trit_guard *guard, const char *key)
{
    char padded[KEY_MAX] = { 0 };
    if (!guard->options->key_file)
        return true;
    const size_t n = key ? strlen(key) : 0;
    if (n == 0 || n >= KEY_MAX)
        return false;
    memcpy(padded, key, n);
    unsigned found = 0;
    pthread_mutex_lock(&guard->lock);
    for (size_t i = 0; i < guard->nkeys; i++) {
        unsigned char differs = 0;
        for (size_t j = 0; j < KEY_MAX; j++)
            differs |= (unsigned char)(padded[j] ^ guard->keys[i][j]);
        found |= differs == 0;
    }
    pthread_mutex_unlock(&guard->lock);
    return found;
}

static bool is_address(const char *name)
{
    unsigned char room[16];
    return inet_pton(AF_INET, name, room) == 1 || inet_pton(AF_INET6, name, room) == 1;
}

/* The name of "name:port", "[::1]:port"; false: it is none. */
static bool host_name(const char *host, char name[256])
{
    const bool brackets = *host == '[';
    const char *begin = host + brackets,
               *end = brackets ? strchr(begin, ']') : begin + strcspn(begin, ":");
    if (!end || end == begin || end - begin > 255)
        return false;
    const char *port = end + brackets;
    if (*port && (*port != ':' || port[1 + strspn(port + 1, "0123456789")]))
        return false;
    memcpy(name, begin, (size_t)(end - begin));
    name[end - begin] = 0;
    return true;
}

bool trit_guard_host(const struct trit_guard *guard, const char *host)
{
    const struct trit_http_options *o = guard->options;
    char name[256];
    if (!host_name(host, name))
        return false;
    /* Addresses need no name that somebody else could have changed. */
    if (is_address(name) || !strcasecmp(name, "localhost") || trit_ends_with(name, ".localhost") ||
        !strcasecmp(name, o->host))
        return true;
    for (size_t i = 0; i < o->nhosts; i++)
        if (!strcmp(o->hosts[i], "*") || !strcasecmp(name, o->hosts[i]))
            return true;
    return false;
}

bool trit_guard_origin(const struct trit_guard *guard, const char *origin, const char *host,
                       bool *allow)
{
    const struct trit_http_options *o = guard->options;
    const char *slashes = strstr(origin, "://");
    *allow = false;
    if (slashes && host && !strncasecmp(origin, "http", 4) && !strcasecmp(slashes + 3, host))
        return true; /* our own page */
    for (size_t i = 0; i < o->norigins; i++)
        if (!strcmp(o->origins[i], "*") || !strcasecmp(o->origins[i], origin))
            return *allow = true;
    return false;
}
