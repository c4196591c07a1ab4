/* The hub: where it is, who asks, and which URLs may be asked. */
#define _GNU_SOURCE
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/base/file.h"
#include "runtime/hub/internal.h"

static const char default_endpoint[] = "https://huggingface.co";

enum { TOKEN_FILE_MOST = 4096 };

/* Scheme, host and port. */
struct origin {
    char scheme[16], host[256], port[8];
};

static bool part_of(CURLU *u, CURLUPart what, unsigned flags, char *out, size_t room)
{
    char *part = NULL;
    const bool good = !curl_url_get(u, what, &part, flags) && strlen(part) < room;
    if (good)
        memcpy(out, part, strlen(part) + 1);
    curl_free(part);
    return good;
}

/* False: it is no URL, or has a user's name in it. */
static bool origin_of(const char *url, struct origin *o)
{
    CURLU *u = curl_url();
    const bool good = u && !curl_url_set(u, CURLUPART_URL, url, 0) &&
                      part_of(u, CURLUPART_SCHEME, 0, o->scheme, sizeof o->scheme) &&
                      part_of(u, CURLUPART_HOST, 0, o->host, sizeof o->host) &&
                      part_of(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, o->port, sizeof o->port);
    char *name = NULL;
    const bool named = u && !curl_url_get(u, CURLUPART_USER, &name, 0);
    curl_free(name);
    curl_url_cleanup(u);
    return good && !named;
}

bool trit_hub_is_home(const struct trit_hub *hub, const char *url)
{
    struct origin a, b;
    return origin_of(url, &a) && origin_of(hub->endpoint, &b) && !strcmp(a.scheme, b.scheme) &&
           !strcasecmp(a.host, b.host) && !strcmp(a.port, b.port);
}

static bool is_loopback(const char *host)
{
    return !strcasecmp(host, "localhost") || !strcmp(host, "[::1]") || !strcmp(host, "127.0.0.1");
}

bool trit_hub_may_ask(const struct trit_hub *hub, const char *url)
{
    struct origin o;
    for (const char *c = url; *c; c++)
        if (*c <= ' ' || *c > '~')
            return false;
    if (!origin_of(url, &o))
        return false;
    return !strcmp(o.scheme, "https") ||
           (!strcmp(o.scheme, "http") && (hub->plain || is_loopback(o.host)));
}

bool trit_hub_escape(const char *path, char *out, size_t room)
{
    size_t at = 0;
    for (; *path && at + 4 < room; path++) {
        if (isalnum((unsigned char)*path) || strchr("-._~/", *path))
            out[at++] = *path;
        else
            at += (size_t)snprintf(out + at, room - at, "%%%02X", (unsigned char)*path);
    }
    out[at] = 0;
    return !*path;
}

char *trit_hub_printable(char *text)
{
    for (char *c = text; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    return text;
}

static enum trit_code set_endpoint(struct trit_hub *hub, struct trit_error *error)
{
    const char *given = getenv("HF_ENDPOINT");
    struct origin o;
    if (!given || !*given)
        given = default_endpoint;
    const int n = snprintf(hub->endpoint, sizeof hub->endpoint, "%s", given);
    const bool good = n > 0 && (size_t)n < sizeof hub->endpoint && !strpbrk(given, "?# ") &&
                      origin_of(given, &o) &&
                      (!strcmp(o.scheme, "https") || !strcmp(o.scheme, "http"));
    if (!good)
        return trit_fail(error, TRIT_EARGUMENT, "HF_ENDPOINT=%.200s: must be a URL as in %s", given,
                         default_endpoint);
    for (char *end = hub->endpoint + n; end > hub->endpoint && end[-1] == '/'; end--)
        end[-1] = 0;
    hub->plain = !strcmp(o.scheme, "http");
    return TRIT_OK;
}

/* The token's file, as the hub's own programs keep it. */
static char *read_token(void)
{
    const char *home = getenv("HOME"), *hub = getenv("HF_HOME");
    char path[TRIT_STORE_PATH], *text;
    size_t bytes;
    int n = -1;
    if (hub && *hub)
        n = snprintf(path, sizeof path, "%s/token", hub);
    else if (home && *home)
        n = snprintf(path, sizeof path, "%s/.cache/huggingface/token", home);
    if (n < 0 || (size_t)n >= sizeof path ||
        trit_file_read(path, TOKEN_FILE_MOST, &text, &bytes, NULL))
        return NULL;
    return text;
}

static enum trit_code set_token(struct trit_hub *hub, struct trit_error *error)
{
    const char *given = getenv("HF_TOKEN");
    char *text = given && *given ? strdup(given) : read_token();
    if (!text)
        return TRIT_OK;
    char *begin = text + strspn(text, " \t\r\n"), *end = begin + strlen(begin);
    while (end > begin && isspace((unsigned char)end[-1]))
        *--end = 0;
    bool good = (size_t)(end - begin) < sizeof hub->token;
    for (const char *c = begin; *c; c++)
        good = good && *c > ' ' && *c <= '~';
    if (good)
        memcpy(hub->token, begin, (size_t)(end - begin) + 1);
    free(text);
    return good ? TRIT_OK
                : trit_fail(error, TRIT_EARGUMENT, "HF_TOKEN: is no token: letters, digits, '_'");
}

enum trit_code trit_hub_open(struct trit_hub *hub, struct trit_error *error)
{
    enum trit_code code = set_endpoint(hub, error);
    if (!code)
        code = set_token(hub, error);
    if (!code && !(hub->curl = curl_easy_init()))
        code = trit_fail(error, TRIT_EMEMORY, "no memory for a connection");
    return code;
}

void trit_hub_close(struct trit_hub *hub)
{
    curl_easy_cleanup(hub->curl);
    hub->curl = NULL;
}
