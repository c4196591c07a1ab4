/* Which of a repository's files is meant. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/base/text.h"
#include "runtime/hub/internal.h"

enum { LOOKED_AT = 24 };

static bool is_file(const struct trit_hub_file *f, const char *wanted)
{
    const size_t n = strlen(wanted), all = strlen(f->name), suffix = strlen(".gguf");
    return !strcasecmp(f->path, wanted) || !strcasecmp(f->name, wanted) ||
           (all == n + suffix && !strncasecmp(f->name, wanted, n));
}

/* "a.gguf (1.2 GB), b.gguf (0.4 GB)": those that `wanted` may mean (NULL: all). */
static char *list_files(const struct trit_hub_list *list, const char *wanted, char *out,
                        size_t room)
{
    size_t at = 0;
    *out = 0;
    for (size_t i = 0; i < list->n && at < room; i++) {
        char bytes[16];
        const struct trit_hub_file *f = &list->v[i];
        if (!wanted || trit_store_file_is_type(f->name, wanted))
            at += (size_t)snprintf(out + at, room - at, "%s%s (%s)", at ? ", " : "", f->name,
                                   trit_bytes_text((double)f->bytes, bytes));
    }
    return out;
}

static enum trit_code find_wanted(const struct trit_hub_list *list, const char *wanted,
                                  const struct trit_hub_file **file, struct trit_error *error)
{
    char files[800];
    size_t count = 0;
    for (int by_type = 0; by_type < 2 && !count; by_type++)
        for (size_t i = 0; i < list->n; i++) {
            const struct trit_hub_file *f = &list->v[i];
            if (by_type ? !trit_store_file_is_type(f->name, wanted) : !is_file(f, wanted))
                continue;
            *file = f;
            count++;
        }
    if (count == 1)
        return TRIT_OK;
    return trit_fail(error, TRIT_EARGUMENT, "%s/%s: %s '%.64s': choose one of: %s", list->owner,
                     list->repo, count ? "several files are" : "no file is", wanted,
                     list_files(list, count ? wanted : NULL, files, sizeof files));
}

/* Whether a is to be taken rather than b: more of the weights, then speed, then fewer bytes. */
static bool is_better(const struct trit_hub_file *f, const struct trit_hub_outlook *a,
                      const struct trit_hub_file *g, const struct trit_hub_outlook *b)
{
    if (a->quality != b->quality)
        return a->quality > b->quality;
    if (a->speed > 1.02 * b->speed || b->speed > 1.02 * a->speed)
        return a->speed > b->speed;
    return f->bytes < g->bytes;
}

/* As trit_hub_look, but one that the disk has no room for does not run. */
static enum trit_code look(struct trit_hub *hub, const struct trit_hub_list *list,
                           const struct trit_hub_file *file, struct trit_hub_outlook *outlook,
                           struct trit_error *error)
{
    struct trit_error why;
    *outlook = (struct trit_hub_outlook){ 0 };
    if (!trit_hub_fits(hub, list, file, &why))
        return trit_hub_look(hub, list, file, outlook, error);
    snprintf(outlook->line, sizeof outlook->line, "%.500s", why.text);
    return TRIT_OK;
}

static enum trit_code find_best(struct trit_hub *hub, const struct trit_hub_list *list,
                                const struct trit_hub_file **file, struct trit_hub_outlook *best,
                                struct trit_error *error)
{
    struct trit_hub_outlook one = { 0 };
    const char *last = "";
    *file = NULL;
    for (size_t i = 0; i < list->n && i < LOOKED_AT; i++) {
        const struct trit_hub_file *f = &list->v[i];
        char bytes[16];
        const enum trit_code code = look(hub, list, f, &one, error);
        if (code)
            return code;
        last = one.line;
        if (list->n > 1)
            fprintf(stderr, "tritmill: %s (%s): %s%s\n", f->name,
                    trit_bytes_text((double)f->bytes, bytes),
                    one.runs ? "" : "does not run here: ", one.line);
        if (one.runs && (!*file || is_better(f, &one, *file, best))) {
            *file = f;
            *best = one;
        }
    }
    if (*file)
        return TRIT_OK;
    return trit_fail(error, TRIT_EUNSUPPORTED,
                     "%s/%s: no file of it runs here (%s): name one to get it all the same",
                     list->owner, list->repo, last);
}

enum trit_code trit_hub_choose(struct trit_hub *hub, const struct trit_hub_list *list,
                               const char *wanted, const struct trit_hub_file **file,
                               struct trit_hub_outlook *outlook, struct trit_error *error)
{
    if (!list->n)
        return trit_fail(error, TRIT_EUNSUPPORTED, "%s/%s: has no GGUF file that can be taken%s%s",
                         list->owner, list->repo,
                         list->split ? ": files in several parts are not supported" : "",
                         list->others ? ": their names or SHA-256 do not serve" : "");
    if (!wanted)
        return find_best(hub, list, file, outlook, error);
    enum trit_code code = find_wanted(list, wanted, file, error);
    if (!code)
        code = trit_hub_fits(hub, list, *file, error);
    return code ? code : trit_hub_look(hub, list, *file, outlook, error);
}
