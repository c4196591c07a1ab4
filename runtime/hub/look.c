/* What is known of a file before it is taken: its header is got, put where a file of its full size
   would be, and estimated. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include "autotune/estimate/estimate.h"
#include "runtime/base/text.h"
#include "runtime/cpu/cpu.h"
#include "runtime/hub/internal.h"

/* Bytes that are got for a header, at first and at last: large vocabularies take 8 MB. */
static const uint64_t FIRST = 4 << 20, LAST = 64 << 20;
/* From here on a file is worth the two seconds that measuring the machine takes. */
static const uint64_t WORTH_MEASURING = 256 << 20;

struct head {
    int fd; /* in memory; the bytes that were not got are holes */
    uint64_t at, end;
    bool failed;
};

static bool begin(void *arg, const struct trit_hub_answer *answer)
{
    struct head *h = arg;
    if (answer->status == 200)
        h->at = 0;
    return answer->status == 200 || (answer->ranged && answer->from == h->at);
}

static bool take(void *arg, const char *data, size_t bytes)
{
    struct head *h = arg;
    const size_t n = bytes < h->end - h->at ? bytes : (size_t)(h->end - h->at);
    h->failed = pwrite(h->fd, data, n, (off_t)h->at) != (ssize_t)n;
    h->at += n;
    return !h->failed && h->at < h->end;
}

/* The bytes up to h->end, as far as they are not there. A server that ends early is one that fails.
 */
static enum trit_code get_head(struct trit_hub *hub, const char *url, struct head *h,
                               struct trit_error *error)
{
    struct trit_hub_answer answer;
    for (int try = 0; h->at < h->end;) {
        const uint64_t before = h->at;
        const struct trit_hub_ask ask = {
            .url = url, .from = h->at, .to = h->end, .begin = begin, .data = take, .arg = h
        };
        const enum trit_hub_outcome outcome = trit_hub_get(hub, &ask, &answer, error);
        if (h->at >= h->end)
            break;
        if (outcome == TRIT_HUB_REFUSED || outcome == TRIT_HUB_STOPPED)
            return error->code;
        if (outcome != TRIT_HUB_AGAIN)
            trit_fail(error, TRIT_EIO, "%s: too few bytes came", url);
        try = h->at > before ? 0 : try;
        if (h->failed || !trit_hub_wait(hub, &answer, try++))
            return error->code;
    }
    return TRIT_OK;
}

/* Of the stored types, how much of the weights they keep: signs alone are less. Floats hold the
   same codes, in several times the bytes. */
static int quality_of(const struct trit_gguf *g)
{
    static const struct {
        uint32_t type;
        int quality;
    } types[] = { { TRIT_Q1_0, 1 }, { TRIT_F32, 2 }, { TRIT_F16, 2 }, { TRIT_BF16, 2 } };
    uint64_t most = 0;
    int quality = 3;
    for (size_t i = 0; i < g->ntensors; i++) {
        const struct trit_gguf_tensor *t = &g->tensors[i];
        if (t->bytes <= most || t->ndims < 2 || !memmem(t->name.s, t->name.n, "blk.", 4))
            continue;
        most = t->bytes;
        quality = 3;
        for (size_t j = 0; j < sizeof types / sizeof *types; j++)
            if (types[j].type == t->type)
                quality = types[j].quality;
    }
    return quality;
}

static enum trit_code speeds(struct trit_estimate *e, uint64_t bytes,
                             const struct trit_profile *profile, struct trit_error *error)
{
    static struct trit_estimate_limits measured; /* once for all files */
    enum trit_code code = TRIT_OK;
    e->limits = trit_estimate_kept(profile, e->threads);
    if (!*e->limits.source && !*measured.source && bytes >= WORTH_MEASURING) {
        code = trit_estimate_measure(e, error);
        measured = e->limits;
    }
    if (!*e->limits.source)
        e->limits = measured;
    if (!code)
        trit_estimate_speeds(e);
    return code;
}

/* The text without the name of what stands for the file. */
static const char *bare(const char *text, const char *path)
{
    const size_t n = strlen(path);
    return strncmp(text, path, n) ? text : text + n + strspn(text + n, ":, ");
}

/* "needs 1.3 GB of memory, about 40 t/s" or why not. */
static void tell(const struct trit_estimate *e, struct trit_hub_outlook *out)
{
    char memory[16];
    for (size_t i = 0; i < e->ntests; i++)
        if (e->tests[i].decode && !e->tests[i].depth)
            out->speed = e->tests[i].ts;
    if (!out->runs)
        snprintf(out->line, sizeof out->line, "%.500s", bare(e->why_not.text, e->name));
    else if (out->speed > 0)
        snprintf(out->line, sizeof out->line, "%s of memory, about %.3g t/s",
                 trit_bytes_text((double)e->need, memory), out->speed);
    else
        snprintf(out->line, sizeof out->line, "%s of memory",
                 trit_bytes_text((double)e->need, memory));
}

static enum trit_code estimate(const struct trit_gguf *gguf, uint64_t bytes,
                               struct trit_hub_outlook *out, struct trit_error *error)
{
    char log[512];
    struct trit_profile *profile = NULL;
    struct trit_estimate e = { .threads = trit_cpu_get()->threads };
    enum trit_code code = TRIT_OK;
    if (trit_profile_find(&profile, NULL, log, sizeof log, NULL))
        profile = NULL;
    trit_estimate_open(&e, gguf->path, &(struct trit_outline_of){ .gguf = gguf }, profile);
    out->runs = !e.why_not.code;
    out->quality = quality_of(gguf);
    if (out->runs)
        code = speeds(&e, bytes, profile, error);
    tell(&e, out);
    trit_estimate_free(&e);
    trit_profile_free(profile);
    return code;
}

/* False: more bytes will not help. *gguf: NULL where its tables are not whole. */
static bool open_head(const struct head *h, const char *path, struct trit_gguf **gguf,
                      struct trit_error *why)
{
    char magic[4] = "";
    if (trit_gguf_open(gguf, path, why))
        return pread(h->fd, magic, 4, 0) == 4 && !memcmp(magic, "GGUF", 4);
    if ((*gguf)->data_offset <= h->at)
        return true;
    trit_gguf_close(*gguf);
    *gguf = NULL;
    trit_fail(why, TRIT_EUNSUPPORTED, "its header is too long");
    return true;
}

enum trit_code trit_hub_look(struct trit_hub *hub, const struct trit_hub_list *list,
                             const struct trit_hub_file *file, struct trit_hub_outlook *out,
                             struct trit_error *error)
{
    char url[TRIT_HUB_URL], path[64];
    struct head h = { .fd = memfd_create("header", MFD_CLOEXEC) };
    struct trit_gguf *gguf = NULL;
    struct trit_error why;
    *out = (struct trit_hub_outlook){ 0 };
    if (h.fd < 0 || ftruncate(h.fd, (off_t)file->bytes)) {
        trit_fail(error, TRIT_EIO, "%s: no place for its header: %s", file->name, strerror(errno));
        if (h.fd >= 0)
            close(h.fd);
        return TRIT_EIO;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", h.fd);
    enum trit_code code = trit_hub_file_url(hub, list, file, url, error);
    for (h.end = FIRST; !code && !gguf; h.end *= 4) {
        h.end = h.end < file->bytes ? h.end : file->bytes;
        code = get_head(hub, url, &h, error);
        if (code || !open_head(&h, path, &gguf, &why) || h.end == file->bytes || h.end >= LAST)
            break;
    }
    if (!code && gguf)
        code = estimate(gguf, file->bytes, out, error);
    else if (!code)
        snprintf(out->line, sizeof out->line, "%.500s", bare(why.text, path));
    trit_hub_printable(out->line);
    trit_gguf_close(gguf);
    close(h.fd);
    return code;
}
