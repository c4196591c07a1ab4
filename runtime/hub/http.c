/* Requests: headers that count, redirects by hand, since the token goes to one host only, and what
   an answer means. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "runtime/base/stop.h"
#include "runtime/cli/cli.h"
#include "runtime/hub/internal.h"

enum {
    REDIRECTS = 10,
    SLOWEST = 100 /* bytes a second */,
    BRIEF_TIMEOUTS = 10,
    PASSED_MOST = 1 << 20
};

struct transfer {
    struct trit_hub *hub;
    const struct trit_hub_ask *ask;
    struct trit_hub_answer *answer;
    bool enough;
    size_t passed; /* bytes of bodies that are not wanted */
};

static void keep(char *out, size_t room, const char *value, size_t n)
{
    snprintf(out, room, "%.*s", (int)n, value);
    trit_hub_printable(out);
}

static void take_range(struct trit_hub_answer *a, const char *value)
{
    a->ranged = sscanf(value, "bytes %" SCNu64 "-%*[0-9]/%" SCNu64, &a->from, &a->total) >= 1;
}

static size_t on_header(char *line, size_t one, size_t bytes, void *arg)
{
    struct trit_hub_answer *a = ((struct transfer *)arg)->answer;
    const struct {
        const char *name;
        char *out;
        size_t room;
    } texts[] = {
        { "etag:", a->etag, sizeof a->etag },
        { "link:", a->link, sizeof a->link },
        { "x-repo-commit:", a->commit, sizeof a->commit },
        { "x-error-code:", a->reason, sizeof a->reason },
    };
    (void)one;
    char text[TRIT_HUB_URL];
    size_t n = bytes;
    while (n && (line[n - 1] == '\r' || line[n - 1] == '\n' || line[n - 1] == ' '))
        n--;
    if (n >= sizeof text)
        return bytes;
    memcpy(text, line, n);
    text[n] = 0;
    if (!strncmp(text, "HTTP/", 5))
        *a = (struct trit_hub_answer){ 0 };
    const char *colon = strchr(text, ':'), *value = colon ? colon + 1 : text;
    value += strspn(value, " \t");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!strncasecmp(text, texts[i].name, strlen(texts[i].name)))
            keep(texts[i].out, texts[i].room, value, strlen(value));
    if (!strncasecmp(text, "content-range:", 14))
        take_range(a, value);
    if (!strncasecmp(text, "retry-after:", 12)) /* a date counts as not said */
        a->retry_after = (double)strtoul(value, NULL, 10);
    return bytes;
}

static size_t on_data(char *data, size_t one, size_t bytes, void *arg)
{
    struct transfer *t = arg;
    struct trit_hub_answer *a = t->answer;
    (void)one;
    curl_easy_getinfo(t->hub->curl, CURLINFO_RESPONSE_CODE, &a->status);
    if (a->status != 200 && a->status != 206)
        return (t->passed += bytes) > PASSED_MOST ? 0 : bytes;
    if (!a->got && t->ask->begin && !t->ask->begin(t->ask->arg, a))
        t->enough = true;
    a->got = true;
    if (!t->enough && !t->ask->data(t->ask->arg, data, bytes))
        t->enough = true;
    return t->enough ? 0 : bytes;
}

static int on_progress(void *arg, curl_off_t total, curl_off_t now, curl_off_t up_total,
                       curl_off_t up)
{
    (void)arg, (void)total, (void)now, (void)up_total, (void)up;
    return trit_stopped();
}

static struct curl_slist *add(struct curl_slist *list, const char *format, const char *value)
{
    char line[1024];
    snprintf(line, sizeof line, format, value);
    struct curl_slist *more = curl_slist_append(list, line);
    return more ? more : list;
}

static void set_up(struct transfer *t, const char *url)
{
    CURL *c = t->hub->curl;
    const long ms = (long)(t->hub->timeout * 1000);
    curl_easy_reset(c);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, ms);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, (long)SLOWEST);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, ms > 1000 ? ms / 1000 : 1L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, t->ask->brief ? BRIEF_TIMEOUTS * ms : 0L);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
}

static CURLcode one_request(struct transfer *t, const char *url)
{
    const struct trit_hub_ask *ask = t->ask;
    char range[64], agent[64];
    struct curl_slist *headers = NULL;
    set_up(t, url);
    snprintf(agent, sizeof agent, "tritmill/%s", trit_version());
    curl_easy_setopt(t->hub->curl, CURLOPT_USERAGENT, agent);
    if (*t->hub->token && trit_hub_is_home(t->hub, url))
        headers = add(headers, "Authorization: Bearer %s", t->hub->token);
    if (ask->from || ask->to) {
        int n = snprintf(range, sizeof range, "%" PRIu64 "-", ask->from);
        if (ask->to)
            snprintf(range + n, sizeof range - (size_t)n, "%" PRIu64, ask->to - 1);
        curl_easy_setopt(t->hub->curl, CURLOPT_RANGE, range);
    }
    if (ask->if_range)
        headers = add(headers, "If-Range: %s", ask->if_range);
    curl_easy_setopt(t->hub->curl, CURLOPT_HTTPHEADER, headers);
    const CURLcode got = curl_easy_perform(t->hub->curl);
    curl_easy_getinfo(t->hub->curl, CURLINFO_RESPONSE_CODE, &t->answer->status);
    curl_slist_free_all(headers);
    return t->passed > PASSED_MOST ? CURLE_OK : got;
}

/* What to do about an answer that is none of the wanted. */
static const struct refusal {
    long status;
    const char *advice;
} refusals[] = {
    { 401, "private, gated, or not there: set HF_TOKEN to a token that may read it" },
    { 403, "this token may not read it: accept its terms on the hub, or set another HF_TOKEN" },
    { 404, "the hub has no such repository, revision or file" },
    { 410, "it was taken off the hub" },
    { 416, "the server has fewer bytes than the hub lists" },
    { 429, "too many requests: try again later" },
    { 0, "the server does not give it" },
};

static enum trit_hub_outcome refuse(const struct trit_hub_answer *a, const char *url,
                                    struct trit_error *error)
{
    const struct refusal *r = refusals;
    while (r->status && r->status != a->status)
        r++;
    trit_fail(error, TRIT_EIO, "%.*s: HTTP %ld%s%s: %s", (int)strcspn(url, "?"), url, a->status,
              *a->reason ? " " : "", a->reason, r->advice);
    return a->status == 429 || a->status == 408 || a->status >= 500 ? TRIT_HUB_AGAIN
                                                                    : TRIT_HUB_REFUSED;
}

static enum trit_hub_outcome judge(const struct transfer *t, CURLcode got, const char *url,
                                   struct trit_error *error)
{
    if (trit_stopped()) {
        trit_fail(error, TRIT_ESTOPPED, "stopped");
        return TRIT_HUB_STOPPED;
    }
    if (t->enough)
        return TRIT_HUB_ENOUGH;
    if (got != CURLE_OK) {
        trit_fail(error, TRIT_EIO, "%.*s: %s", (int)strcspn(url, "?"), url,
                  got == CURLE_OPERATION_TIMEDOUT ? "the server is silent, or too slow"
                                                  : curl_easy_strerror(got));
        return TRIT_HUB_AGAIN;
    }
    if (t->answer->status == 200 || t->answer->status == 206) {
        if (!t->answer->got && t->ask->begin) /* of no bytes at all */
            t->ask->begin(t->ask->arg, t->answer);
        return TRIT_HUB_OK;
    }
    return refuse(t->answer, url, error);
}

enum trit_hub_outcome trit_hub_get(struct trit_hub *hub, const struct trit_hub_ask *ask,
                                   struct trit_hub_answer *answer, struct trit_error *error)
{
    struct transfer t = { .hub = hub, .ask = ask, .answer = answer };
    char url[TRIT_HUB_URL], commit[sizeof answer->commit] = "";
    snprintf(url, sizeof url, "%s", ask->url);
    for (int hop = 0; hop <= REDIRECTS; hop++) {
        *answer = (struct trit_hub_answer){ 0 };
        if (!trit_hub_may_ask(hub, url)) {
            trit_fail(error, TRIT_EIO, "%.200s: is no https: not asked", url);
            return TRIT_HUB_REFUSED;
        }
        const CURLcode got = one_request(&t, url);
        const char *next = NULL;
        if (*answer->commit)
            memcpy(commit, answer->commit, sizeof commit);
        if (!got && answer->status >= 300 && answer->status < 400)
            curl_easy_getinfo(hub->curl, CURLINFO_REDIRECT_URL, &next);
        if (!next) {
            memcpy(answer->commit, commit, sizeof commit);
            return judge(&t, got, url, error);
        }
        if (snprintf(url, sizeof url, "%s", next) >= (int)sizeof url) {
            trit_fail(error, TRIT_EIO, "%.200s...: a redirect that is too long", url);
            return TRIT_HUB_REFUSED;
        }
    }
    trit_fail(error, TRIT_EIO, "%.200s: more than %d redirects", ask->url, REDIRECTS);
    return TRIT_HUB_REFUSED;
}

bool trit_hub_wait(const struct trit_hub *hub, const struct trit_hub_answer *answer, int try)
{
    double seconds = hub->timeout / 30 * (double)(1 << (try < 6 ? try : 6));
    const double most = 4 * hub->timeout;
    if (try >= hub->retries)
        return false;
    if (answer->retry_after > seconds)
        seconds = answer->retry_after;
    seconds = seconds < most ? seconds : most;
    const struct timespec nap = { (time_t)seconds,
                                  (long)((seconds - (double)(time_t)seconds) * 1e9) };
    nanosleep(&nap, NULL); /* a signal ends it */
    return !trit_stopped();
}
