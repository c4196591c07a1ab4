/* Figures as SVG, written to a stream. Colours and strokes come from classes, so that the page
   around decides them, for light and for dark. Numbers are pixels; y grows downwards. */
#ifndef TRIT_SVG_H
#define TRIT_SVG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Text as character data or an attribute's value: & < > " ' as entities, control characters and
   bytes that are not UTF-8 as U+FFFD. */
void trit_svg_escape(FILE *to, const char *text);

/* label is what the figure shows, for those who cannot see it. */
void trit_svg_begin(FILE *to, double width, double height, const char *label);
void trit_svg_end(FILE *to);

/* Where text stands; anchor: which end of it is at x: "start", "middle" or "end". */
struct trit_svg_place {
    double x, y;
    const char *anchor;
};
void trit_svg_text(FILE *to, const char *class, struct trit_svg_place at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void trit_svg_line(FILE *to, const char *class, double x1, double y1, double x2, double y2);
/* By its upper left corner. */
struct trit_svg_box {
    double x, y, width, height;
};
/* tip (may be NULL) shows when the pointer rests on it. */
void trit_svg_rect(FILE *to, const char *class, struct trit_svg_box box, const char *tip);
void trit_svg_dot(FILE *to, const char *class, double x, double y, double r, const char *tip);

/* Maps low..high to the pixels from..to, by value or by its logarithm (then low > 0). */
struct trit_axis {
    double low, high, from, to;
    bool log;
};
double trit_axis_at(const struct trit_axis *axis, double value);

/* Round values in [low, high] worth a mark, at most room, ascending: 1, 2 or 5 times a power of
   ten; with log the powers of ten, and 2 and 5 times these where they are few. Returns how many. */
size_t trit_axis_ticks(const struct trit_axis *axis, double *ticks, size_t room);

#endif
