/* Files that Ollama's clients upload, by their digest. */
#include <stdlib.h>

#include "runtime/base/mem.h"
#include "runtime/base/room.h"
#include "runtime/serve/ollama.h"

/* What stays free on the disk. */
enum { SPARE = 64 << 20, BLOCK = 256 << 10 };

struct upload {
    struct trit_store_blob *blob; /* NULL: it is there already */
    uint64_t room;                /* bytes that may still come */
    struct trit_buffer data;      /* that came, and was not written yet */
};

static void drop(void *arg)
{
    struct upload *up = arg;
    trit_store_blob_abandon(up->blob);
    free(up->data.s);
    free(up);
}

void trit_ollama_blob_look(struct trit_request *r, void *server)
{
    char path[TRIT_STORE_PATH];
    struct trit_error error;
    struct trit_store *store = trit_ollama_store(r, server);
    const enum trit_code code =
        store ? trit_store_blob_find(store, trit_request_rest(r), path, sizeof path, &error)
              : TRIT_OK;
    if (code)
        trit_reply_error(r, trit_ollama_status(code), NULL, "%s", error.text);
    else if (store)
        trit_reply(r, 200, NULL, NULL, 0);
}

/* false: it has answered. */
static bool begin(struct trit_request *r, struct trit_store *store, struct upload *up)
{
    char path[TRIT_STORE_PATH];
    const char *digest = trit_request_rest(r), *length = trit_request_header(r, "Content-Length");
    struct trit_error error;
    enum trit_code code = trit_store_blob_find(store, digest, path, sizeof path, &error);
    if (!code)
        return true;
    const uint64_t room = trit_disk_room(path);
    up->room = room > SPARE ? room - SPARE : 0;
    if (code == TRIT_EIO && length && strtoull(length, NULL, 10) > up->room) {
        trit_reply_error(r, 507, NULL, "the file has %.24s bytes, and %llu are free", length,
                         (unsigned long long)up->room);
        return false;
    }
    if (code == TRIT_EIO)
        code = trit_store_blob_begin(store, &up->blob, digest, &error);
    if (code)
        trit_reply_error(r, code == TRIT_EIO ? 507 : trit_ollama_status(code), NULL, "%s",
                         error.text);
    return !code;
}

/* The upload that the request is, which begins with its first byte; NULL: it has answered. */
static struct upload *upload_of(struct trit_request *r, struct trit_server *server)
{
    struct upload *up = trit_request_kept(r);
    struct trit_store *store = up ? NULL : trit_ollama_store(r, server);
    if (up || !store)
        return up;
    up = trit_alloc(1, sizeof *up);
    if (!up) {
        trit_reply_error(r, 503, NULL, "out of memory");
        return NULL;
    }
    if (!begin(r, store, up)) {
        free(up);
        return NULL;
    }
    trit_request_keep(r, up, drop);
    return up;
}

static void write_data(void *arg)
{
    struct upload *up = arg;
    trit_store_blob_write(up->blob, up->data.s, up->data.n);
    up->data.n = 0;
}

/* Disks make wait, and digests take time: other connections must not. */
bool trit_ollama_blob_take(struct trit_request *r, void *arg, const void *data, size_t bytes)
{
    const struct trit_server *server = arg;
    struct upload *up = upload_of(r, arg);
    if (!up || !up->blob)
        return up != NULL;
    if (bytes > up->room) {
        trit_reply_error(r, 507, NULL, "the disk has no room for the rest of the file");
        return false;
    }
    up->room -= bytes;
    trit_buffer_put(&up->data, data, bytes);
    if (up->data.failed) {
        trit_reply_error(r, 503, NULL, "out of memory");
        return false;
    }
    if (up->data.n < BLOCK)
        return true;
    if (trit_http_draining(server->http)) /* there may be no threads any more */
        write_data(up);
    else
        trit_request_hold(r, write_data, up);
    return true;
}

void trit_ollama_blob_end(struct trit_request *r, void *server)
{
    struct trit_error error;
    struct upload *up = upload_of(r, server);
    if (!up)
        return;
    struct trit_store_blob *blob = up->blob;
    if (blob && up->data.n)
        write_data(up);
    up->blob = NULL;
    const enum trit_code code = blob ? trit_store_blob_end(blob, &error) : TRIT_OK;
    if (code)
        trit_reply_error(r, code == TRIT_EIO ? 507 : trit_ollama_status(code), NULL, "%s",
                         error.text);
    else
        trit_reply(r, blob ? 201 : 200, NULL, NULL, 0);
}
