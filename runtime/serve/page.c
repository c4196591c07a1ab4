/* What is told of the page beside it. A script runs only if it stands in the page as it was built:
   the policy names the hash of each. */
#include "runtime/serve/page.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

const char *trit_page_tag(void)
{
    static char tag[24];
    if (!*tag)
        snprintf(tag, sizeof tag, "\"%016llx\"",
                 (unsigned long long)XXH3_64bits(trit_page, trit_page_bytes));
    return tag;
}

/* Appends 'sha256-...' of the bytes. */
static void put_hash(char *out, size_t room, const char *s, size_t n)
{
    unsigned char hash[SHA256_DIGEST_LENGTH], text[64];
    SHA256((const unsigned char *)s, n, hash);
    EVP_EncodeBlock(text, hash, sizeof hash);
    const size_t at = strlen(out);
    snprintf(out + at, room - at, " 'sha256-%s'", text);
}

const char *trit_page_policy(void)
{
    static char policy[1024];
    static const char begin[] = "<script>", end[] = "</script>";
    const char *page = (const char *)trit_page, *at = page, *stop;
    if (*policy)
        return policy;
    snprintf(policy, sizeof policy,
             "default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; "
             "form-action 'none'; frame-ancestors 'none'; style-src 'unsafe-inline'; script-src");
    while (trit_page_bytes && (at = strstr(at, begin)) && (stop = strstr(at, end))) {
        at += sizeof begin - 1;
        put_hash(policy, sizeof policy, at, (size_t)(stop - at));
        at = stop;
    }
    return policy;
}
