/* SHA-256 by libcrypto, which has the CPU's own instructions. */
#include "runtime/store/digest.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 1 << 20 };

struct trit_digest {
    EVP_MD_CTX *context;
    bool failed;
};

struct trit_digest *trit_digest_begin(void)
{
    struct trit_digest *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->context = EVP_MD_CTX_new();
    if (d->context && EVP_DigestInit_ex(d->context, EVP_sha256(), NULL) == 1)
        return d;
    trit_digest_abandon(d);
    return NULL;
}

void trit_digest_add(struct trit_digest *d, const void *data, size_t n)
{
    if (n && EVP_DigestUpdate(d->context, data, n) != 1)
        d->failed = true;
}

void trit_digest_end(struct trit_digest *d, char hex[TRIT_DIGEST_HEX + 1])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    *hex = 0;
    if (!d->failed && EVP_DigestFinal_ex(d->context, bytes, &n) == 1 && 2 * n == TRIT_DIGEST_HEX)
        for (unsigned i = 0; i < n; i++)
            snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    trit_digest_abandon(d);
}

void trit_digest_abandon(struct trit_digest *d)
{
    if (!d)
        return;
    EVP_MD_CTX_free(d->context);
    free(d);
}

enum trit_code trit_digest_file(struct trit_digest *d, int fd, const char *path,
                                trit_progress_fn *progress, void *arg, struct trit_error *error)
{
    struct stat st;
    enum trit_code code = TRIT_OK;
    char *buffer = malloc(BUFFER);
    if (!buffer)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory", path);
    const uint64_t total = fstat(fd, &st) ? 0 : (uint64_t)st.st_size;
    for (uint64_t done = 0; !code;) {
        const ssize_t n = read(fd, buffer, BUFFER);
        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            code = trit_fail(error, TRIT_EIO, "%s: cannot read: %s", path, strerror(errno));
        if (n > 0)
            trit_digest_add(d, buffer, (size_t)n);
        done += n > 0 ? (uint64_t)n : 0;
        if (!code && progress && !progress(arg, done, total))
            code = trit_fail(error, TRIT_ESTOPPED, "stopped");
    }
    free(buffer);
    return code;
}

bool trit_digest_parse(const char *text, char hex[TRIT_DIGEST_HEX + 1])
{
    if (!strncmp(text, "sha256:", 7) || !strncmp(text, "sha256-", 7))
        text += 7;
    if (strlen(text) != TRIT_DIGEST_HEX)
        return false;
    for (size_t i = 0; i <= TRIT_DIGEST_HEX; i++) {
        if (text[i] && !isxdigit((unsigned char)text[i]))
            return false;
        hex[i] = (char)tolower((unsigned char)text[i]);
    }
    return true;
}
