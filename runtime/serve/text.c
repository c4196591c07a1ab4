/* Texts that grow, strings that stop them, random ones. */
#define _GNU_SOURCE
#include "runtime/serve/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "runtime/base/mem.h"
#include "runtime/base/utf8.h"

static bool room_for(struct trit_buffer *b, size_t n)
{
    b->failed = b->failed || !trit_grow(&b->s, &b->room, b->n + n + 1, 1);
    return !b->failed;
}

void trit_buffer_put(struct trit_buffer *b, const char *s, size_t n)
{
    if (!room_for(b, n))
        return;
    memcpy(b->s + b->n, s, n);
    b->s[b->n += n] = 0;
}

void trit_buffer_print(struct trit_buffer *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, format, args);
    if (n >= 0 && room_for(b, (size_t)n)) {
        vsnprintf(b->s + b->n, (size_t)n + 1, format, again);
        b->n += (size_t)n;
    }
    va_end(again);
    va_end(args);
}

static const char replacement[] = "\xef\xbf\xbd";

static void put_json_byte(struct trit_buffer *b, char c)
{
    static const char plain[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
    const char *at = c ? strchr(plain, c) : NULL;
    if (at)
        trit_buffer_print(b, "\\%c", names[at - plain]);
    else
        trit_buffer_print(b, "\\u%04x", (unsigned char)c);
}

static bool is_plain(char c)
{
    return (unsigned char)c >= ' ' && c != '"' && c != '\\' && c != 127;
}

void trit_buffer_json(struct trit_buffer *b, const char *s, size_t n)
{
    size_t done = 0;
    trit_buffer_put(b, "\"", 1);
    for (size_t i = 0; i < n;) {
        const int length = trit_utf8_at(s + i, n - i);
        if (length > 1 || (length == 1 && is_plain(s[i]))) {
            i += (size_t)length;
            continue;
        }
        trit_buffer_put(b, s + done, i - done);
        if (length == 1)
            put_json_byte(b, s[i]);
        else
            trit_buffer_put(b, replacement, 3);
        done = ++i;
    }
    trit_buffer_put(b, s + done, n - done);
    trit_buffer_put(b, "\"", 1);
}

void trit_buffer_utf8(struct trit_buffer *b, const char *s, size_t n)
{
    if (!room_for(b, 3 * n))
        return;
    b->n += trit_utf8_mend(s, n, b->s + b->n);
    b->s[b->n] = 0;
}

/* Where the first of the strings begins; n: nowhere. */
static size_t find_stop(const struct trit_stops *stops, const char *s, size_t n)
{
    size_t first = n;
    for (size_t i = 0; i < stops->n; i++) {
        const char *at = memmem(s, n, stops->strings[i], strlen(stops->strings[i]));
        if (at && (size_t)(at - s) < first)
            first = (size_t)(at - s);
    }
    return first;
}

/* How many of the last bytes are the first ones of a stop. */
static size_t begun(const struct trit_stops *stops, const char *s, size_t n)
{
    size_t most = 0;
    for (size_t i = 0; i < stops->n; i++) {
        const size_t length = strlen(stops->strings[i]) - 1;
        for (size_t k = length < n ? length : n; k > most; k--)
            if (!memcmp(s + n - k, stops->strings[i], k))
                most = k;
    }
    return most;
}

void trit_stops_feed(struct trit_stops *stops, const char *s, size_t n, struct trit_buffer *out)
{
    struct trit_buffer *held = &stops->held;
    if (stops->met)
        return;
    if (!stops->n) {
        trit_buffer_put(out, s, n);
        return;
    }
    trit_buffer_put(held, s, n);
    if (held->failed || !held->n)
        return;
    const size_t at = find_stop(stops, held->s, held->n);
    stops->met = at < held->n;
    const size_t go = stops->met ? at : held->n - begun(stops, held->s, held->n);
    trit_buffer_put(out, held->s, go);
    memmove(held->s, held->s + go, held->n - go);
    held->n -= go;
}

void trit_stops_end(struct trit_stops *stops, struct trit_buffer *out)
{
    if (!stops->met)
        trit_buffer_put(out, stops->held.s ? stops->held.s : "", stops->held.n);
    stops->held.n = 0;
}

void trit_random_id(char out[TRIT_RANDOM_ID])
{
    unsigned char bytes[(TRIT_RANDOM_ID - 1) / 2] = { 0 };
    (void)!getrandom(bytes, sizeof bytes, 0);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}
