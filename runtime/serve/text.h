/* Texts that grow: bytes, JSON written piece by piece, and stop strings in a text that comes. */
#ifndef TRIT_SERVE_TEXT_H
#define TRIT_SERVE_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* All zeros is an empty one; free(s). Once memory fails it only says so. */
struct trit_buffer {
    char *s; /* one NUL behind n, where there is any */
    size_t n, room;
    bool failed;
};
void trit_buffer_put(struct trit_buffer *b, const char *s, size_t n);
void trit_buffer_print(struct trit_buffer *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The bytes as a JSON string with its quotes; what is not UTF-8 becomes U+FFFD. */
void trit_buffer_json(struct trit_buffer *b, const char *s, size_t n);
/* The same bytes, where what is not UTF-8 becomes U+FFFD. */
void trit_buffer_utf8(struct trit_buffer *b, const char *s, size_t n);

enum { TRIT_STOPS = 16, TRIT_STOP_BYTES = 512 };
/* Text that passes, up to the first of some strings. */
struct trit_stops {
    char *const *strings;
    size_t n;
    struct trit_buffer held; /* may become one of them */
    bool met;
};
/* What of held and text can go on: before a stop, or that no stop can begin in; appended to out.
   Once met, nothing does. */
void trit_stops_feed(struct trit_stops *stops, const char *s, size_t n, struct trit_buffer *out);
void trit_stops_end(struct trit_stops *stops, struct trit_buffer *out); /* what is held */

/* 24 random hexadecimal digits. */
enum { TRIT_RANDOM_ID = 25 };
void trit_random_id(char out[TRIT_RANDOM_ID]);

#endif
