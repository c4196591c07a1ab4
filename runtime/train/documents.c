/* Where the documents of a text begin and end, and which files are texts. */
#include "runtime/train/documents.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/file.h"
#include "runtime/base/utf8.h"

#define FILE_MAX ((size_t)64 << 30)

static bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

static struct trit_text trim(const char *s, size_t n)
{
    while (n && is_line_end(*s)) {
        s++;
        n--;
    }
    while (n && is_line_end(s[n - 1]))
        n--;
    return (struct trit_text){ s, n };
}

/* The first line at or behind from that ends a document: where it begins; *next: behind it. */
static size_t find_end(const struct trit_train_text *t, size_t from, size_t *next)
{
    size_t line = from;
    for (; line < t->bytes; line = *next) {
        const char *end = memchr(t->data + line, '\n', t->bytes - line);
        *next = end ? (size_t)(end - t->data) + 1 : t->bytes;
        if (trit_text_is(trim(t->data + line, *next - line), TRIT_TRAIN_END))
            return line;
    }
    *next = t->bytes;
    return t->bytes;
}

bool trit_train_text_next(const struct trit_train_text *text, size_t *at,
                          struct trit_text *document)
{
    while (*at < text->bytes) {
        const size_t from = *at;
        *document = trim(text->data + from, find_end(text, from, at) - from);
        if (document->n)
            return true;
    }
    return false;
}

static enum trit_code check(const struct trit_train_text *t, struct trit_error *error)
{
    struct trit_text document;
    size_t at = 0;
    const char *zero = memchr(t->data, 0, t->bytes);
    if (zero)
        return trit_fail(error, TRIT_EFORMAT, "%s: the byte at offset %zu is 0: this is no text",
                         t->path, (size_t)(zero - t->data));
    if ((at = trit_utf8_valid(t->data, t->bytes)) < t->bytes)
        return trit_fail(error, TRIT_EFORMAT, "%s: the byte 0x%02x at offset %zu is not UTF-8",
                         t->path, (unsigned char)t->data[at], at);
    at = 0;
    if (!trit_train_text_next(t, &at, &document))
        return trit_fail(error, TRIT_EFORMAT, "%s: there is no text in its %zu bytes", t->path,
                         t->bytes);
    return TRIT_OK;
}

enum trit_code trit_train_text_open(struct trit_train_text *text, const char *path,
                                    struct trit_error *error)
{
    *text = (struct trit_train_text){ .path = path };
    enum trit_code code = trit_file_read(path, FILE_MAX, &text->data, &text->bytes, error);
    if (!code && (code = check(text, error)))
        trit_train_text_close(text);
    return code;
}

void trit_train_text_close(struct trit_train_text *text)
{
    free(text->data);
    *text = (struct trit_train_text){ 0 };
}
