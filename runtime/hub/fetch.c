/* Taking a file: into a part beside its place, from where an earlier try ended, verified while it
   comes, then renamed. The part is locked while it is written. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/file.h"
#include "runtime/base/room.h"
#include "runtime/base/text.h"
#include "runtime/cli/cli.h"
#include "runtime/hub/internal.h"

enum { ANEW_MOST = 3, PROGRESS = 65536 /* bytes, from which on a try was one that brought some */ };

/* A part being written. */
struct part {
    char path[TRIT_STORE_PATH], side_path[TRIT_STORE_PATH];
    const char *place; /* of the file */
    struct trit_hub_side side;
    int fd;
    uint64_t have; /* bytes that are there and in the digest */
    struct trit_digest *digest;
    struct trit_progress progress;
    int anew;   /* times that it began anew */
    bool again; /* the answer was for bytes that do not follow: ask at once */
    enum trit_code failed;
    struct trit_error *error;
};

static void say(const struct part *p, const char *what)
{
    fprintf(stderr, "%stritmill: %s: %s\n", p->progress.shown > 0 ? "\r\033[K" : "", p->side.path,
            what);
}

static enum trit_code fail(struct part *p, const char *what)
{
    return trit_fail(p->error, TRIT_EIO, "%s: %s: %s", p->path, what, strerror(errno));
}

static enum trit_code start_digest(struct part *p)
{
    trit_digest_abandon(p->digest);
    p->digest = trit_digest_begin();
    p->have = 0;
    return p->digest ? TRIT_OK : trit_fail(p->error, TRIT_EMEMORY, "%s: no memory", p->path);
}

static enum trit_code start_anew(struct part *p)
{
    const enum trit_code code = start_digest(p);
    if (code)
        return code;
    if (ftruncate(p->fd, 0) || lseek(p->fd, 0, SEEK_SET))
        return fail(p, "cannot write");
    return TRIT_OK;
}

/* The part, which no other process writes, and which is still there by that name. */
static enum trit_code open_part(struct part *p)
{
    struct stat a, b;
    p->fd = open(p->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (p->fd < 0)
        return fail(p, "cannot write");
    const bool locked = !flock(p->fd, LOCK_EX | LOCK_NB);
    if (!locked && errno != EWOULDBLOCK)
        return fail(p, "cannot lock");
    if (!locked || fstat(p->fd, &a) || stat(p->path, &b) || a.st_ino != b.st_ino ||
        !S_ISREG(a.st_mode))
        return trit_fail(p->error, TRIT_EBUSY, "%s: another 'tritmill pull' is getting it",
                         p->side.path);
    return TRIT_OK;
}

static bool same_file(const struct trit_hub_side *a, const struct trit_hub_side *b)
{
    return !strcmp(a->repo, b->repo) && !strcmp(a->path, b->path) &&
           !strcmp(a->sha256, b->sha256) && a->bytes == b->bytes;
}

/* What an earlier try left is gone on with where it is of the same file; its bytes are read for the
   digest. */
static enum trit_code take_up(struct part *p)
{
    struct trit_hub_side old;
    const uint64_t there = trit_file_identify(p->fd).bytes;
    enum trit_code code = start_digest(p);
    if (!there || code)
        return code;
    const bool same = trit_hub_side_read(p->side_path, &old) && same_file(&old, &p->side);
    if (!same || there > p->side.bytes) {
        say(p, same ? "what an earlier try left is too long: begins anew"
                    : "is not what an earlier try began: it has changed, and begins anew");
        return start_anew(p);
    }
    trit_progress_begin(&p->progress, "checking what is there");
    code = trit_digest_file(p->digest, p->fd, p->path, trit_progress_step, &p->progress, p->error);
    trit_progress_end(&p->progress);
    p->side = old;
    p->have = there;
    return code;
}

/* Before the first byte of an answer: where it goes. */
static bool begin(void *arg, const struct trit_hub_answer *a)
{
    struct part *p = arg;
    const bool rest = a->status == 206 && a->ranged && a->from == p->have,
               changed = *p->side.etag && *a->etag && strcmp(p->side.etag, a->etag) != 0;
    const bool go_on = rest && !changed;
    if (a->ranged && a->total && a->total != p->side.bytes) {
        p->failed = trit_fail(p->error, TRIT_EIO,
                              "%s: has %llu bytes there, and the hub lists %llu", p->side.path,
                              (unsigned long long)a->total, (unsigned long long)p->side.bytes);
        return false;
    }
    if (p->have && !go_on) {
        say(p, changed ? "has changed since it was begun: begins anew"
                       : "the server gives no parts: begins anew");
        p->progress.before = 0;
        p->again = a->status == 206; /* those bytes belong elsewhere: ask for all */
        p->failed = p->anew++ < ANEW_MOST ? start_anew(p)
                                          : trit_fail(p->error, TRIT_EIO,
                                                      "%s: changes again and again", p->side.path);
    }
    if (strcmp(p->side.etag, a->etag) != 0 || strcmp(p->side.commit, a->commit) != 0) {
        memcpy(p->side.etag, a->etag, sizeof p->side.etag);
        memcpy(p->side.commit, a->commit, sizeof p->side.commit);
        if (!p->failed)
            p->failed = trit_hub_side_write(p->side_path, &p->side, p->error);
    }
    return !p->failed && !p->again && (a->status == 200 || rest);
}

static bool take(void *arg, const char *data, size_t bytes)
{
    struct part *p = arg;
    if (bytes > p->side.bytes - p->have) {
        p->failed = trit_fail(p->error, TRIT_EIO,
                              "%s: more bytes come than the %llu that the hub "
                              "lists",
                              p->side.path, (unsigned long long)p->side.bytes);
        return false;
    }
    for (size_t at = 0; at < bytes;) {
        const ssize_t n = write(p->fd, data + at, bytes - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            p->failed = trit_fail(p->error, TRIT_EIO,
                                  "%s: cannot write: %s (what came is kept: the same command goes "
                                  "on)",
                                  p->path, strerror(n ? errno : ENOSPC));
            return false;
        }
        trit_digest_add(p->digest, data + at, (size_t)n);
        p->have += (size_t)n;
        at += (size_t)n;
    }
    trit_progress_step(&p->progress, p->have, p->side.bytes);
    return true;
}

static enum trit_code stopped(struct part *p)
{
    char have[16], all[16];
    return trit_fail(p->error, TRIT_ESTOPPED,
                     "%s: stopped: %s of %s are kept, and the same "
                     "command goes on",
                     p->side.path, trit_bytes_text((double)p->have, have),
                     trit_bytes_text((double)p->side.bytes, all));
}

/* Requests until all is there. */
static enum trit_code get_rest(struct part *p, struct trit_hub *hub, const char *url)
{
    struct trit_hub_answer answer;
    uint64_t mark = p->have;
    int try = 0;
    while (p->have < p->side.bytes) {
        const uint64_t before = p->have;
        const bool strong = *p->side.etag == '"';
        const struct trit_hub_ask ask = { .url = url,
                                          .from = p->have,
                                          .if_range = before && strong ? p->side.etag : NULL,
                                          .begin = begin,
                                          .data = take,
                                          .arg = p };
        p->again = false;
        const enum trit_hub_outcome outcome = trit_hub_get(hub, &ask, &answer, p->error);
        if (outcome == TRIT_HUB_STOPPED)
            return stopped(p);
        if (p->failed || outcome == TRIT_HUB_REFUSED)
            return p->error->code;
        if (p->have >= p->side.bytes)
            break;
        if (outcome != TRIT_HUB_AGAIN)
            trit_fail(p->error, TRIT_EIO, "%s: the server ends it early", p->side.path);
        if (p->have < mark || p->have - mark >= PROGRESS) {
            mark = p->have;
            try = 0;
        }
        if (!p->again && !trit_hub_wait(hub, &answer, try))
            return trit_stopped() ? stopped(p) : p->error->code;
        try++;
    }
    return TRIT_OK;
}

static enum trit_code verify(struct part *p)
{
    char hex[TRIT_DIGEST_HEX + 1];
    trit_digest_end(p->digest, hex);
    p->digest = NULL;
    if (!strcmp(hex, p->side.sha256))
        return TRIT_OK;
    unlink(p->path);
    unlink(p->side_path);
    return trit_fail(p->error, TRIT_EFORMAT,
                     "%s: what came is not what the hub lists (its SHA-256 is %.12s..., not "
                     "%.12s...): it was removed",
                     p->side.path, hex, p->side.sha256);
}

static enum trit_code take_place(struct part *p)
{
    char folder[TRIT_STORE_PATH];
    if (fsync(p->fd) || rename(p->path, p->place))
        return fail(p, "cannot take its place");
    unlink(p->side_path);
    snprintf(folder, sizeof folder, "%s", p->place);
    *strrchr(folder, '/') = 0;
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!fsync(fd); /* a system that cannot has nothing better */
        close(fd);
    }
    return TRIT_OK;
}

static enum trit_code fetch(struct part *p, struct trit_hub *hub, const char *url)
{
    enum trit_code code = open_part(p);
    if (!code)
        code = take_up(p);
    if (!code)
        code = trit_need_disk(p->path, p->side.bytes - p->have, p->error);
    if (!code)
        code = trit_hub_side_write(p->side_path, &p->side, p->error);
    if (code)
        return code;
    if (p->have)
        say(p, "goes on where an earlier try ended");
    trit_progress_begin(&p->progress, "getting");
    p->progress.before = p->have;
    code = get_rest(p, hub, url);
    trit_progress_end(&p->progress);
    if (!code)
        code = verify(p);
    return code ? code : take_place(p);
}

enum trit_code trit_hub_fits(const struct trit_hub *hub, const struct trit_hub_list *list,
                             const struct trit_hub_file *file, struct trit_error *error)
{
    char path[TRIT_STORE_PATH], part[TRIT_STORE_PATH + 8];
    struct stat st = { 0 };
    const enum trit_code code =
        trit_store_hub_path(hub->store, list->owner, list->repo, file->name, path, error);
    if (code || (!stat(path, &st) && (uint64_t)st.st_size == file->bytes))
        return code;
    snprintf(part, sizeof part, "%s.part", path);
    const uint64_t there = stat(part, &st) ? 0 : (uint64_t)st.st_size;
    return trit_need_disk(part, there < file->bytes ? file->bytes - there : 0, error);
}

/* Whether it is at its place already. */
static bool is_there(struct trit_store *store, const struct trit_hub_file *file, const char *path)
{
    struct trit_store_model model = { .created = false };
    struct stat st;
    if (lstat(path, &st) || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != file->bytes)
        return false;
    snprintf(model.path, sizeof model.path, "%s", path);
    return !trit_store_digest(store, &model, NULL, NULL, NULL) &&
           !strcmp(model.digest, file->sha256);
}

/* The folder of path, with links followed, lies in the models folder. */
static enum trit_code check_folder(const struct trit_store *store, const char *path,
                                   struct trit_error *error)
{
    char folder[TRIT_STORE_PATH], real[PATH_MAX], whole[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = 0;
    if (!realpath(folder, real) || !realpath(trit_store_folder(store), whole))
        return trit_fail(error, TRIT_EIO, "%s: %s", folder, strerror(errno));
    const size_t n = strlen(whole);
    if (strncmp(real, whole, n) != 0 || real[n] != '/')
        return trit_fail(error, TRIT_EIO, "%s: a link leads out of the models folder", folder);
    return TRIT_OK;
}

enum trit_code trit_hub_fetch(struct trit_hub *hub, const struct trit_hub_list *list,
                              const struct trit_hub_file *file, char *path,
                              struct trit_error *error)
{
    char url[TRIT_HUB_URL];
    struct part p = { .place = path, .fd = -1, .error = error, .side.bytes = file->bytes };
    snprintf(p.side.repo, sizeof p.side.repo, "%s/%s", list->owner, list->repo);
    memcpy(p.side.path, file->path, sizeof p.side.path);
    memcpy(p.side.sha256, file->sha256, sizeof p.side.sha256);
    enum trit_code code =
        trit_store_hub_path(hub->store, list->owner, list->repo, file->name, path, error);
    if (!code)
        code = trit_hub_file_url(hub, list, file, url, error);
    if (!code)
        code = trit_file_make_folders(path, error);
    if (!code)
        code = check_folder(hub->store, path, error);
    if (code || is_there(hub->store, file, path))
        return code;
    snprintf(p.path, sizeof p.path, "%.*s.part", TRIT_STORE_PATH - 16, path);
    snprintf(p.side_path, sizeof p.side_path, "%.*s.part.json", TRIT_STORE_PATH - 16, path);
    code = fetch(&p, hub, url);
    trit_digest_abandon(p.digest);
    if (p.fd >= 0)
        close(p.fd);
    if (!code)
        trit_store_digest_known(hub->store, path, file->sha256);
    return code;
}
