/* The figures of a comparison's page: the roofline, and bars with confidence intervals. */
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "autotune/compare/internal.h"
#include "autotune/compare/svg.h"

enum { NCOLOURS = 7, TICKS = 16, LINE = 19 };

/* Packings that have a row, in the order of their best. */
struct legend {
    const char *packing[NCOLOURS];
    int n;
};

/* The colour of a packing; the last one is for all that came too late. */
static int colour(const struct legend *legend, const char *packing)
{
    for (int i = 0; i < legend->n; i++)
        if (!strcmp(legend->packing[i], packing))
            return i;
    return NCOLOURS - 1;
}

static struct legend make_legend(const struct trit_comparison *c)
{
    struct legend legend = { 0 };
    for (size_t i = 0; i < c->nrows; i++) {
        int at = colour(&legend, c->rows[i].packing);
        bool known = at < legend.n && !strcmp(legend.packing[at], c->rows[i].packing);
        if (!known && legend.n < NCOLOURS)
            legend.packing[legend.n++] = c->rows[i].packing;
    }
    return legend;
}

static void show_legend(FILE *to, const struct legend *legend, double x, double y)
{
    char class[16];
    for (int i = 0; i < legend->n; i++, x += 52) {
        snprintf(class, sizeof class, "f%d", i);
        trit_svg_dot(to, class, x, y - 4, 5, NULL);
        trit_svg_text(to, "label", (struct trit_svg_place){ x + 9, y, "start" }, "%s",
                      legend->packing[i]);
    }
}

/* A number as an axis has it: 0.5, 20, 2000. */
static void tick_text(FILE *to, double x, double y, const char *anchor, double value)
{
    trit_svg_text(to, "soft", (struct trit_svg_place){ x, y, anchor }, "%.10g", value);
}

struct roofline {
    const struct trit_comparison *c;
    struct trit_axis x, y;
    double ridge; /* multiply-adds per byte where both limits meet */
};

/* Two decades at least, with the ridge and all points inside. */
static struct roofline scale(const struct trit_comparison *c)
{
    struct roofline r = { .c = c, .ridge = c->limits.peak_gmacs / c->limits.read_gbs };
    double low = r.ridge, high = r.ridge, slowest = c->limits.peak_gmacs, fastest = slowest;
    for (size_t i = 0; i < c->nrows; i++) {
        const struct trit_compare_row *row = &c->rows[i];
        low = row->intensity < low ? row->intensity : low;
        high = row->intensity > high ? row->intensity : high;
        slowest = row->gmacs < slowest ? row->gmacs : slowest;
        fastest = row->gmacs > fastest ? row->gmacs : fastest;
    }
    r.x = (struct trit_axis){ low / 4, high * 4, 70, 870, true };
    double bottom = r.x.low * c->limits.read_gbs;
    bottom = slowest / 1.6 < bottom ? slowest / 1.6 : bottom;
    r.y = (struct trit_axis){ bottom, fastest * 1.8, 400, 30, true };
    return r;
}

static void grid(FILE *to, const struct roofline *r)
{
    double ticks[TICKS];
    size_t n = trit_axis_ticks(&r->x, ticks, TICKS);
    for (size_t i = 0; i < n; i++) {
        double x = trit_axis_at(&r->x, ticks[i]);
        trit_svg_line(to, "grid", x, r->y.from, x, r->y.to);
        tick_text(to, x, r->y.from + 17, "middle", ticks[i]);
    }
    n = trit_axis_ticks(&r->y, ticks, TICKS);
    for (size_t i = 0; i < n; i++) {
        double y = trit_axis_at(&r->y, ticks[i]);
        trit_svg_line(to, "grid", r->x.from, y, r->x.to, y);
        tick_text(to, r->x.from - 7, y + 4, "end", ticks[i]);
    }
    trit_svg_line(to, "axis", r->x.from, r->y.from, r->x.to, r->y.from);
    trit_svg_line(to, "axis", r->x.from, r->y.from, r->x.from, r->y.to);
    trit_svg_text(to, "label",
                  (struct trit_svg_place){ (r->x.from + r->x.to) / 2, r->y.from + 38, "middle" },
                  "multiply-adds per byte of weights");
    trit_svg_text(to, "label", (struct trit_svg_place){ r->x.from, r->y.to - 12, "start" },
                  "GMAC/s");
}

static void roofs(FILE *to, const struct roofline *r)
{
    const struct trit_limits_summary *l = &r->c->limits;
    double ridge = trit_axis_at(&r->x, r->ridge), top = trit_axis_at(&r->y, l->peak_gmacs);
    double first = r->y.low / l->read_gbs > r->x.low ? r->y.low / l->read_gbs : r->x.low;
    double x = trit_axis_at(&r->x, first), y = trit_axis_at(&r->y, first * l->read_gbs);
    trit_svg_line(to, "roof", x, y, ridge, top);
    trit_svg_line(to, "roof", ridge, top, r->x.to, top);
    trit_svg_line(to, "dash", ridge, top, ridge, r->y.from);
    trit_svg_text(to, "strong", (struct trit_svg_place){ r->x.to, top - 8, "end" },
                  "int8 peak %.0f GMAC/s", l->peak_gmacs);
    double turn = atan2(top - y, ridge - x) * 180 / acos(-1.0), part = 0.12;
    double tx = x + (ridge - x) * part, ty = y + (top - y) * part - 8;
    fprintf(to, "<g transform=\"rotate(%.1f %.1f %.1f)\">\n", turn, tx, ty);
    trit_svg_text(to, "strong", (struct trit_svg_place){ tx, ty, "start" }, "memory %.1f GB/s",
                  l->read_gbs);
    fputs("</g>\n", to);
}

/* "t2 1x32x16 avx512vnni_p8": a name without what all share. */
static void short_name(const struct trit_compare_row *row, char *out, size_t room)
{
    const char *tile = row->name;
    for (int i = 0; i < 4 && tile; i++)
        tile = strchr(tile + 1, '_');
    snprintf(out, room, "%s %s", row->packing, tile ? tile + 1 : row->name);
    char *gap = strstr(out, "__");
    if (gap) {
        gap[0] = ' ';
        memmove(gap + 1, gap + 2, strlen(gap + 2) + 1);
    }
}

static void points(FILE *to, const struct roofline *r, const struct legend *legend)
{
    char class[16], tip[256];
    for (size_t i = r->c->nrows; i-- > 0;) {
        const struct trit_compare_row *row = &r->c->rows[i];
        if (isnan(row->gmacs))
            continue;
        snprintf(class, sizeof class, "f%d", colour(legend, row->packing));
        snprintf(tip, sizeof tip, "%s: %.1f GMAC/s, %.1f GB/s, %.0f %% of limit", row->name,
                 row->gmacs, row->gbs, 100 * row->limit_share);
        trit_svg_dot(to, class, trit_axis_at(&r->x, row->intensity),
                     trit_axis_at(&r->y, row->gmacs), 5, tip);
    }
}

/* The row of a packing that comes first, which is its best. */
static const struct trit_compare_row *best_of(const struct trit_comparison *c, const char *packing)
{
    for (size_t i = 0; i < c->nrows; i++)
        if (!strcmp(c->rows[i].packing, packing))
            return &c->rows[i];
    return NULL;
}

/* Under the figure, in two columns: the best of each packing, whose point has a ring. */
static void show_best(FILE *to, const struct roofline *r, const struct legend *legend)
{
    char class[16], name[160];
    for (int p = 0; p < legend->n; p++) {
        const struct trit_compare_row *row = best_of(r->c, legend->packing[p]);
        if (!row || isnan(row->gmacs))
            continue;
        double x = r->x.from + 8 + p % 2 * 400, y = r->y.from + 66 + p / 2 * LINE;
        snprintf(class, sizeof class, "f%d", p);
        short_name(row, name, sizeof name);
        trit_svg_dot(to, class, x, y - 4, 5, NULL);
        trit_svg_text(to, "mono", (struct trit_svg_place){ x + 12, y, "start" }, "%s", name);
        trit_svg_text(to, "soft", (struct trit_svg_place){ x + 195, y, "start" },
                      "%.1f GMAC/s, %.0f %% of limit", row->gmacs, 100 * row->limit_share);
        trit_svg_dot(to, "ring", trit_axis_at(&r->x, row->intensity),
                     trit_axis_at(&r->y, row->gmacs), 8, NULL);
    }
}

static void show_roofline(FILE *to, const struct trit_comparison *c, const struct legend *legend)
{
    struct roofline r = scale(c);
    fputs("<h2>Roofline</h2>\n<figure>\n", to);
    trit_svg_begin(to, 900, 460 + (legend->n + 1) / 2 * LINE,
                   "Roofline: speed over arithmetic intensity, with the limits");
    grid(to, &r);
    roofs(to, &r);
    points(to, &r, legend);
    show_best(to, &r, legend);
    trit_svg_end(to);
    fprintf(to,
            "<figcaption>Every variant at %zu x %zu, %zu token%s, %d thread%s. The roofs are this "
            "machine's, measured in between: read bandwidth of memory and int8 multiply-adds. The "
            "best of each packing is ringed, and named below.</figcaption>\n</figure>\n",
            c->n, c->k, c->m, c->m == 1 ? "" : "s", c->threads, c->threads == 1 ? "" : "s");
}

/* Milliseconds where the fastest takes one at least. */
static bool in_ms(const struct trit_comparison *c)
{
    return c->rows[0].median_ns >= 1e6;
}

enum { BAR = 19, BARS_LEFT = 265, BARS_RIGHT = 800, BARS_TOP = 34 };

static void one_bar(FILE *to, const struct trit_compare_row *row, const struct trit_axis *x,
                    double y, int f, bool ms)
{
    char class[16], name[160];
    double end = trit_axis_at(x, row->median_ns), bound = trit_axis_at(x, row->bound_ns);
    snprintf(class, sizeof class, "bar f%d", f);
    short_name(row, name, sizeof name);
    trit_svg_text(to, "mono", (struct trit_svg_place){ BARS_LEFT - 8, y + 12, "end" }, "%s", name);
    trit_svg_rect(to, class, (struct trit_svg_box){ BARS_LEFT, y + 2, end - BARS_LEFT, BAR - 6 },
                  row->name);
    trit_svg_line(to, "bound", bound, y + 1, bound, y + BAR - 3);
    double edge = end;
    if (!isnan(row->low_ns)) {
        double from = trit_axis_at(x, row->low_ns), middle = y + BAR / 2.0 - 1;
        edge = trit_axis_at(x, row->high_ns);
        trit_svg_line(to, "whisker", from, middle, edge, middle);
        trit_svg_line(to, "whisker", from, middle - 4, from, middle + 4);
        trit_svg_line(to, "whisker", edge, middle - 4, edge, middle + 4);
    }
    trit_svg_text(to, "soft",
                  (struct trit_svg_place){ (edge > end ? edge : end) + 7, y + 12, "start" },
                  "%.*f %s, %.0f %%", ms ? 2 : 1, row->median_ns * (ms ? 1e-6 : 1e-3),
                  ms ? "ms" : "us", 100 * row->limit_share);
}

/* Linear where the slowest is not far; else by logarithm, which is said. */
static struct trit_axis time_axis(const struct trit_comparison *c, size_t n)
{
    double most = 0, least = INFINITY;
    for (size_t i = 0; i < n; i++) {
        const struct trit_compare_row *row = &c->rows[i];
        most = fmax(most, fmax(row->median_ns, row->high_ns)); /* fmax and fmin pass over NaN */
        least = fmin(least, fmin(row->bound_ns, fmin(row->median_ns, row->low_ns)));
    }
    bool far = c->rows[n - 1].median_ns > 12 * c->rows[0].median_ns;
    return (struct trit_axis){ far ? least / 2 : 0, most, BARS_LEFT, BARS_RIGHT, far };
}

static void show_bars(FILE *to, const struct trit_comparison *c, const struct legend *legend)
{
    double ticks[TICKS / 2];
    size_t n = c->nrows;
    while (n && isnan(c->rows[n - 1].median_ns))
        n--;
    if (!n)
        return;
    bool ms = in_ms(c);
    struct trit_axis x = time_axis(c, n);
    double bottom = BARS_TOP + (double)n * BAR + 6;
    fputs("<h2>Time of one product</h2>\n<figure>\n", to);
    trit_svg_begin(to, 900, bottom + 40, "Bars: time of each variant, with confidence intervals");
    size_t nticks = trit_axis_ticks(&x, ticks, TICKS / 2);
    for (size_t i = 0; i < nticks; i++) {
        double at = trit_axis_at(&x, ticks[i]);
        trit_svg_line(to, "grid", at, BARS_TOP - 4, at, bottom);
        tick_text(to, at, bottom + 15, "middle", ticks[i] * (ms ? 1e-6 : 1e-3));
    }
    trit_svg_text(to, "label",
                  (struct trit_svg_place){ (x.from + x.to) / 2, bottom + 33, "middle" },
                  "%sseconds%s", ms ? "milli" : "micro", x.log ? ", logarithmic" : "");
    for (size_t i = 0; i < n; i++)
        one_bar(to, &c->rows[i], &x, BARS_TOP + (double)i * BAR, colour(legend, c->rows[i].packing),
                ms);
    trit_svg_line(to, "axis", BARS_LEFT, BARS_TOP - 4, BARS_LEFT, bottom);
    show_legend(to, legend, BARS_LEFT + 6, 16);
    trit_svg_end(to);
    fputs("<figcaption>Medians; whiskers are 95 % confidence intervals of the median; the upright "
          "mark is the time that the limits allow, and the percentage the share of it."
          "</figcaption>\n</figure>\n",
          to);
}

void trit_compare_figures(FILE *to, const void *arg)
{
    const struct trit_comparison *c = arg;
    if (!c->nrows || isnan(c->rows[0].median_ns))
        return;
    struct legend legend = make_legend(c);
    show_roofline(to, c, &legend);
    show_bars(to, c, &legend);
}
