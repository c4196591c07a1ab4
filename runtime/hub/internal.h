/* What the files of `tritmill pull` share: a hub, its answers, its files. */
#ifndef TRIT_HUB_INTERNAL_H
#define TRIT_HUB_INTERNAL_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"
#include "runtime/store/digest.h"
#include "runtime/store/store.h"

enum { TRIT_HUB_URL = 4096 };

struct trit_hub {
    CURL *curl;
    struct trit_store *store; /* where files go */
    char endpoint[1024];      /* without a slash at its end */
    char token[512];          /* "": none */
    bool plain;               /* the endpoint was given as http */
    double timeout;           /* seconds that a server may be silent */
    int retries;              /* in a row, without any byte */
};

/* HF_ENDPOINT, and the token of HF_TOKEN or of the user's file. trit_hub_close, whatever happened.
 */
enum trit_code trit_hub_open(struct trit_hub *hub, struct trit_error *error);
void trit_hub_close(struct trit_hub *hub);

/* Whether the URL may be asked at all: https, http to this machine, or any http where the endpoint
   is http. */
bool trit_hub_may_ask(const struct trit_hub *hub, const char *url);
/* Whether scheme, host and port are the endpoint's: only there goes the token. */
bool trit_hub_is_home(const struct trit_hub *hub, const char *url);
/* "model-Q2_0.gguf" as a part of a URL; slashes stay. False: it is too long. */
bool trit_hub_escape(const char *path, char *out, size_t room);
/* Control bytes, and bytes that are not ASCII, become '?', in place. Returns text. */
char *trit_hub_printable(char *text);

struct trit_hub_answer {
    long status;
    char etag[256], link[TRIT_HUB_URL], commit[64], reason[64];
    double retry_after;   /* seconds; 0: not said */
    bool ranged;          /* Content-Range: */
    uint64_t from, total; /* total 0: not said */
    bool got;             /* a byte of a body that was wanted */
};

struct trit_hub_ask {
    const char *url;
    uint64_t from, to;    /* of the file's bytes, to excluded; both 0: all; to 0: to the end */
    const char *if_range; /* NULL: none */
    bool brief;           /* a short answer, which has to come within some timeouts */
    /* Before the first byte of a 200 or 206; and with each piece. False: enough, or an error of the
       caller's. Bodies of other answers are passed over. */
    bool (*begin)(void *arg, const struct trit_hub_answer *answer);
    bool (*data)(void *arg, const char *data, size_t bytes);
    void *arg;
};

enum trit_hub_outcome {
    TRIT_HUB_OK,      /* 200 or 206, whole as far as HTTP tells */
    TRIT_HUB_ENOUGH,  /* begin or data said so */
    TRIT_HUB_AGAIN,   /* the network, a server that is silent, 429, 5xx: error says what */
    TRIT_HUB_REFUSED, /* another status, or a URL that may not be asked: error says what to do */
    TRIT_HUB_STOPPED,
};

/* One request, through at most 10 redirects. */
enum trit_hub_outcome trit_hub_get(struct trit_hub *hub, const struct trit_hub_ask *ask,
                                   struct trit_hub_answer *answer, struct trit_error *error);
/* Sleeps before the try-th try after a failure (from 0), as long as the answer says, but no more
   than four timeouts. False: there are no more tries, or it was stopped. */
bool trit_hub_wait(const struct trit_hub *hub, const struct trit_hub_answer *answer, int try);

/* A file that may be taken. */
struct trit_hub_file {
    char path[512]; /* in the repository */
    char name[256]; /* of the file here: the last part of path */
    char sha256[TRIT_DIGEST_HEX + 1];
    uint64_t bytes;
};
struct trit_hub_list {
    char owner[128], repo[128], revision[128];
    struct trit_hub_file *v; /* GGUF files, largest first; free() */
    size_t n;
    size_t split;  /* files left out because they are parts of one */
    size_t others; /* because of their names, or since their SHA-256 is not listed */
};
/* list->owner, repo and revision are set. */
enum trit_code trit_hub_files(struct trit_hub *hub, struct trit_hub_list *list,
                              struct trit_error *error);

/* What is known of a file before it is taken. */
struct trit_hub_outlook {
    bool runs;
    char line[512]; /* memory and speed, or why it does not run or cannot be taken */
    double speed;   /* tokens per second, 0: not known */
    int quality;    /* of its main type: more is better */
};
/* The file that `wanted` (a file or a type; NULL: the best that runs here) means, and what is known
   of it. TRIT_EARGUMENT: none, or one of several. */
enum trit_code trit_hub_choose(struct trit_hub *hub, const struct trit_hub_list *list,
                               const char *wanted, const struct trit_hub_file **file,
                               struct trit_hub_outlook *outlook, struct trit_error *error);
enum trit_code trit_hub_look(struct trit_hub *hub, const struct trit_hub_list *list,
                             const struct trit_hub_file *file, struct trit_hub_outlook *outlook,
                             struct trit_error *error);

/* Whether the disk has room for what is not there of it: TRIT_EIO. */
enum trit_code trit_hub_fits(const struct trit_hub *hub, const struct trit_hub_list *list,
                             const struct trit_hub_file *file, struct trit_error *error);

/* Takes the file into hub->store, or goes on where an earlier try ended; path: where it is then
   (TRIT_STORE_PATH bytes). What the user should know is told on stderr. */
enum trit_code trit_hub_fetch(struct trit_hub *hub, const struct trit_hub_list *list,
                              const struct trit_hub_file *file, char *path,
                              struct trit_error *error);

/* The URL of a file's bytes. */
enum trit_code trit_hub_file_url(const struct trit_hub *hub, const struct trit_hub_list *list,
                                 const struct trit_hub_file *file, char url[TRIT_HUB_URL],
                                 struct trit_error *error);

/* What lies beside a part: of which file it is, and what a server called it. */
struct trit_hub_side {
    char repo[260], path[512], commit[64], etag[256], sha256[TRIT_DIGEST_HEX + 1];
    uint64_t bytes;
};
bool trit_hub_side_read(const char *path, struct trit_hub_side *side);
enum trit_code trit_hub_side_write(const char *path, const struct trit_hub_side *side,
                                   struct trit_error *error);

#endif
