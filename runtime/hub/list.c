/* The files of a repository, as the hub lists them. */
#define _GNU_SOURCE
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/base/text.h"
#include "runtime/hub/internal.h"

enum { PAGE_MOST = 8 << 20, PAGES_MOST = 64, FILES_MOST = 1024 };
static const double LARGEST = 0x1p53; /* bytes of a file that is believed */

struct page {
    char *text;
    size_t bytes;
    bool failed;
};

static bool begin_page(void *arg, const struct trit_hub_answer *answer)
{
    (void)answer;
    ((struct page *)arg)->bytes = 0;
    return true;
}

static bool add_to_page(void *arg, const char *data, size_t bytes)
{
    struct page *p = arg;
    char *text = bytes > PAGE_MOST - p->bytes ? NULL : realloc(p->text, p->bytes + bytes);
    p->failed = !text;
    if (!text)
        return false;
    p->text = text;
    memcpy(text + p->bytes, data, bytes);
    p->bytes += bytes;
    return true;
}

/* One page, tried again where that may help. */
static enum trit_code get_page(struct trit_hub *hub, const char *url, struct page *page,
                               struct trit_hub_answer *answer, struct trit_error *error)
{
    const struct trit_hub_ask ask = {
        .url = url, .brief = true, .begin = begin_page, .data = add_to_page, .arg = page
    };
    for (int try = 0;; try++) {
        const enum trit_hub_outcome outcome = trit_hub_get(hub, &ask, answer, error);
        if (outcome == TRIT_HUB_OK)
            return TRIT_OK;
        if (outcome == TRIT_HUB_ENOUGH)
            return trit_fail(error, TRIT_EFORMAT, "%s: a list of more than %d MB", url,
                             PAGE_MOST >> 20);
        if (outcome != TRIT_HUB_AGAIN || !trit_hub_wait(hub, answer, try))
            return outcome == TRIT_HUB_STOPPED || error->code == TRIT_ESTOPPED ? TRIT_ESTOPPED
                                                                               : TRIT_EIO;
    }
}

/* "-00001-of-00003.gguf" */
static bool is_split(const char *name)
{
    int digits = 0;
    const char *of = strstr(name, "-of-");
    for (const char *c = of ? of : name; c > name && c[-1] >= '0' && c[-1] <= '9'; c--)
        digits++;
    return of && digits == 5 && strspn(of + 4, "0123456789") == 5;
}

/* Whether the path leads up, or has bytes that no terminal should get. */
static bool is_odd(const char *path)
{
    for (const char *c = path; *c; c++)
        if (*c < ' ' || *c > '~')
            return true;
    return *path == '/' || strstr(path, "..") || strstr(path, "//") || strchr(path, '\\');
}

/* Takes what the entry says into *file; false: it is none that can be taken. */
static bool read_file(const json_t *entry, struct trit_hub_file *f, struct trit_hub_list *list)
{
    const char *path = json_string_value(json_object_get(entry, "path"));
    const json_t *lfs = json_object_get(entry, "lfs"), *size = json_object_get(lfs, "size");
    const char *oid = json_string_value(json_object_get(lfs, "oid"));
    if (!path || !trit_ends_with(path, ".gguf"))
        return false;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (!strncasecmp(name, "mmproj", 6))
        return false;
    if (is_split(name)) {
        list->split++;
        return false;
    }
    if (!json_is_integer(size))
        size = json_object_get(entry, "size");
    const double bytes = json_number_value(size);
    if (!oid || !trit_digest_parse(oid, f->sha256) || !(bytes > 0) || bytes > LARGEST ||
        is_odd(path) || strlen(path) >= sizeof f->path || strlen(name) >= sizeof f->name ||
        !trit_store_is_part(name)) {
        list->others++;
        return false;
    }
    f->bytes = (uint64_t)bytes;
    memcpy(f->path, path, strlen(path) + 1);
    memcpy(f->name, name, strlen(name) + 1);
    return true;
}

static enum trit_code read_page(const struct page *page, const char *url,
                                struct trit_hub_list *list, struct trit_error *error)
{
    json_error_t why;
    size_t i;
    json_t *json =
               json_loadb(page->text ? page->text : "", page->bytes, JSON_REJECT_DUPLICATES, &why),
           *entry;
    enum trit_code code = TRIT_OK;
    if (!json_is_array(json))
        code = trit_fail(error, TRIT_EFORMAT, "%s: is no list of files%s%s", url, json ? "" : ": ",
                         json ? "" : why.text);
    json_array_foreach(json, i, entry)
    {
        struct trit_hub_file f;
        if (code || !read_file(entry, &f, list))
            continue;
        struct trit_hub_file *v =
            list->n < FILES_MOST ? realloc(list->v, (list->n + 1) * sizeof *v) : NULL;
        if (!v) {
            code =
                trit_fail(error, TRIT_EUNSUPPORTED, "%s: more than %d GGUF files", url, FILES_MOST);
            continue;
        }
        list->v = v;
        v[list->n++] = f;
    }
    json_decref(json);
    return code;
}

/* The URL of <...>; rel="next" in a Link header; false: there is none. */
static bool next_page(const struct trit_hub_answer *answer, char url[TRIT_HUB_URL])
{
    const char *rel = strstr(answer->link, "rel=\"next\""), *begin = answer->link;
    for (const char *c = begin; rel && (c = strchr(c, '<')) && c < rel; c++)
        begin = c + 1;
    const size_t n = strcspn(begin, ">");
    if (!rel || begin == answer->link || begin + n > rel)
        return false;
    snprintf(url, TRIT_HUB_URL, "%.*s", (int)n, begin);
    return true;
}

static int largest_first(const void *a, const void *b)
{
    const struct trit_hub_file *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return strcmp(x->path, y->path);
}

enum trit_code trit_hub_files(struct trit_hub *hub, struct trit_hub_list *list,
                              struct trit_error *error)
{
    char url[TRIT_HUB_URL], revision[512];
    struct trit_hub_answer answer;
    struct page page = { 0 };
    enum trit_code code = TRIT_OK;
    bool more = trit_hub_escape(list->revision, revision, sizeof revision);
    snprintf(url, sizeof url, "%s/api/models/%s/%s/tree/%s?recursive=true", hub->endpoint,
             list->owner, list->repo, revision);
    for (int pages = 0; more && !code; pages++) {
        page.bytes = 0;
        code = get_page(hub, url, &page, &answer, error);
        if (!code)
            code = read_page(&page, url, list, error);
        more = !code && next_page(&answer, url);
        if (more && !trit_hub_is_home(hub, url))
            code = trit_fail(error, TRIT_EFORMAT, "%s: its list goes on at another host: %.200s",
                             hub->endpoint, url);
        if (more && !code && pages + 1 == PAGES_MOST)
            code = trit_fail(error, TRIT_EFORMAT, "%s: a list of more than %d pages", hub->endpoint,
                             PAGES_MOST);
    }
    free(page.text);
    if (list->n)
        qsort(list->v, list->n, sizeof *list->v, largest_first);
    return code;
}

enum trit_code trit_hub_file_url(const struct trit_hub *hub, const struct trit_hub_list *list,
                                 const struct trit_hub_file *file, char url[TRIT_HUB_URL],
                                 struct trit_error *error)
{
    char path[3 * sizeof file->path], revision[512];
    if (!trit_hub_escape(file->path, path, sizeof path) ||
        !trit_hub_escape(list->revision, revision, sizeof revision) ||
        snprintf(url, TRIT_HUB_URL, "%s/%s/%s/resolve/%s/%s", hub->endpoint, list->owner,
                 list->repo, revision, path) >= TRIT_HUB_URL)
        return trit_fail(error, TRIT_EARGUMENT, "%.60s...: the name is too long", file->path);
    return TRIT_OK;
}
