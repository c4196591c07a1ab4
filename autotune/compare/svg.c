/* SVG by hand: a handful of shapes, escaping, axes with round marks. */
#include "autotune/compare/svg.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

/* Length of the UTF-8 character at s that XML may hold, 0 where there is none. */
static size_t character(const unsigned char *s)
{
    if (s[0] < 0x80)
        return s[0] >= 0x20 || s[0] == '\t' || s[0] == '\n';
    size_t n = s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc2 ? 2 : 0;
    if (s[0] >= 0xf5)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool surrogate = s[0] == 0xed && s[1] > 0x9f, beyond = s[0] == 0xf4 && s[1] > 0x8f;
    bool final = s[0] == 0xef && s[1] == 0xbf && s[2] >= 0xbe; /* U+FFFE, U+FFFF */
    return overlong || surrogate || beyond || final ? 0 : n;
}

void trit_svg_escape(FILE *to, const char *text)
{
    static const char *const entities[128] = {
        ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;", ['\''] = "&#39;"
    };
    while (*text) {
        size_t n = character((const unsigned char *)text);
        if (n == 0)
            fputs("\xef\xbf\xbd", to);
        else if (n == 1 && entities[(unsigned char)*text])
            fputs(entities[(unsigned char)*text], to);
        else
            fwrite(text, 1, n, to);
        text += n ? n : 1;
    }
}

void trit_svg_begin(FILE *to, double width, double height, const char *label)
{
    fprintf(to,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 %.0f %.0f\" "
            "aria-label=\"",
            width, height);
    trit_svg_escape(to, label);
    fputs("\">\n", to);
}

void trit_svg_end(FILE *to)
{
    fputs("</svg>\n", to);
}

void trit_svg_text(FILE *to, const char *class, struct trit_svg_place at, const char *format, ...)
{
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    fprintf(to, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", class, at.x, at.y,
            at.anchor);
    trit_svg_escape(to, text);
    fputs("</text>\n", to);
}

void trit_svg_line(FILE *to, const char *class, double x1, double y1, double x2, double y2)
{
    fprintf(to, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", class, x1,
            y1, x2, y2);
}

/* Ends the element that was begun, with the tip in it. */
static void close_with(FILE *to, const char *element, const char *tip)
{
    if (!tip) {
        fputs("/>\n", to);
        return;
    }
    fputs("><title>", to);
    trit_svg_escape(to, tip);
    fprintf(to, "</title></%s>\n", element);
}

void trit_svg_rect(FILE *to, const char *class, struct trit_svg_box box, const char *tip)
{
    fprintf(to, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"", class,
            box.x, box.y, box.width, box.height);
    close_with(to, "rect", tip);
}

void trit_svg_dot(FILE *to, const char *class, double x, double y, double r, const char *tip)
{
    fprintf(to, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"", class, x, y, r);
    close_with(to, "circle", tip);
}

double trit_axis_at(const struct trit_axis *a, double value)
{
    double part = a->log ? log(value / a->low) / log(a->high / a->low)
                         : (value - a->low) / (a->high - a->low);
    return a->from + part * (a->to - a->from);
}

/* Powers of ten, and their multiples if there are at most two decades. */
static size_t log_ticks(const struct trit_axis *a, double *ticks, size_t room)
{
    static const double multiples[] = { 1, 2, 5 };
    size_t n = 0, each = a->high / a->low > 400 ? 1 : 3;
    for (double decade = pow(10, floor(log10(a->low))); decade <= a->high; decade *= 10)
        for (size_t i = 0; i < each; i++) {
            double value = decade * multiples[i];
            if (value >= a->low * 0.999 && value <= a->high * 1.001 && n < room)
                ticks[n++] = value;
        }
    return n;
}

size_t trit_axis_ticks(const struct trit_axis *a, double *ticks, size_t room)
{
    if (!(a->high > a->low) || room < 2)
        return 0;
    if (a->log)
        return log_ticks(a, ticks, room);
    double least = (a->high - a->low) / (double)(room - 1), unit = pow(10, floor(log10(least)));
    double step = unit * (least <= unit ? 1 : least <= 2 * unit ? 2 : least <= 5 * unit ? 5 : 10);
    size_t n = 0;
    for (double i = ceil(a->low / step - 1e-9); i * step <= a->high * (1 + 1e-9) && n < room; i++)
        ticks[n++] = i * step + 0.0; /* never -0 */
    return n;
}
