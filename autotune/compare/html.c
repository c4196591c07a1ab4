/* A table as one page that needs nothing else: facts, figures, table, notes. */
#include "autotune/compare/table.h"

#include <math.h>
#include <string.h>

#include "autotune/compare/svg.h"

static const char style[] =
    ":root{color-scheme:light dark;--ink:#1b1f24;--soft:#5b6470;--line:#d5dae0;--paper:#fff;"
    "--shade:#f5f7f9;--c0:#0b66c3;--c1:#c2410c;--c2:#067a57;--c3:#8b3fc0;--c4:#a16207;--c5:#be185d;"
    "--c6:#4b5563;--roof:#1b1f24}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e9ed;--soft:#9aa4b0;--line:#343b44;"
    "--paper:#14171b;--shade:#1b2026;--c0:#62aef5;--c1:#fb8a4c;--c2:#3fc49a;--c3:#c592f0;"
    "--c4:#e3b341;--c5:#f472b6;--c6:#a3adb8;--roof:#e6e9ed}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0 auto;max-width:84rem;padding:2rem 1.5rem 3rem;color:var(--ink);"
    "background:var(--paper);font:15px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,"
    "\"Liberation Sans\",sans-serif}\n"
    "h1{font-size:1.5rem;font-weight:650;margin:0 0 .2rem}h2{font-size:1.05rem;font-weight:650;"
    "margin:2rem 0 .5rem}\n"
    ".sub{color:var(--soft);margin:0 0 1.2rem}\n"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:0;"
    "font-size:.9rem}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;font-size:.8rem;width:100%}\n"
    "th,td{padding:.28rem .5rem;text-align:right;white-space:nowrap;border-bottom:1px solid "
    "var(--line);font-variant-numeric:tabular-nums}\n"
    "th{color:var(--soft);font-weight:600;border-bottom:2px solid var(--line)}"
    "th.l,td.l{text-align:left}td:first-child{font-family:ui-monospace,\"Liberation Mono\","
    "monospace;font-size:.76rem}\n"
    "tbody tr:nth-child(even){background:var(--shade)}\n"
    "ul{font-size:.85rem;color:var(--soft);padding-left:1.1rem}figure{margin:0}"
    "figcaption{font-size:.85rem;color:var(--soft);margin-top:.3rem}\n"
    "svg{display:block;width:100%;height:auto;font:12px system-ui,-apple-system,\"Segoe UI\","
    "Roboto,\"Liberation Sans\",sans-serif}\n"
    "svg text{fill:var(--ink);stroke:var(--paper);stroke-width:3px;paint-order:stroke;"
    "stroke-linejoin:round}svg .soft{fill:var(--soft)}svg .mono{font-family:ui-monospace,"
    "\"Liberation Mono\",monospace;font-size:11px}svg .strong{font-weight:650}\n"
    "svg .grid{stroke:var(--line);stroke-width:1}svg .axis{stroke:var(--soft);stroke-width:1}"
    "svg .roof{stroke:var(--roof);stroke-width:2}svg .dash{stroke:var(--roof);stroke-width:1.2;"
    "stroke-dasharray:5 4}\n"
    "svg .whisker{stroke:var(--ink);stroke-width:1.4}svg .bound{stroke:var(--ink);stroke-width:2}\n"
    "svg .f0{fill:var(--c0)}svg .f1{fill:var(--c1)}svg .f2{fill:var(--c2)}svg .f3{fill:var(--c3)}"
    "svg .f4{fill:var(--c4)}svg .f5{fill:var(--c5)}svg .f6{fill:var(--c6)}\n"
    "svg rect.bar{opacity:.82}svg circle{stroke:var(--paper);stroke-width:1}"
    "svg circle.ring{fill:none;stroke:var(--ink);stroke-width:1.3}\n"
    "@media print{body{max-width:none;padding:0}}\n";

static void element(FILE *to, const char *name, const char *text)
{
    fprintf(to, "<%s>", name);
    trit_svg_escape(to, text);
    fprintf(to, "</%s>\n", name);
}

static void facts(FILE *to, const struct trit_table *t)
{
    fputs("<dl>\n", to);
    for (size_t i = 0; i < t->nfacts; i++)
        if (t->facts[i].label) {
            element(to, "dt", t->facts[i].label);
            element(to, "dd", t->facts[i].text);
        }
    fputs("</dl>\n", to);
}

static const char *class_of(const struct trit_column *c)
{
    return c->type == TRIT_CELL_TEXT ? " class=\"l\"" : "";
}

static void headings(FILE *to, const struct trit_table *t)
{
    fputs("<thead><tr>", to);
    for (size_t c = 0; c < t->ncolumns; c++) {
        const struct trit_column *column = &t->columns[c];
        if (!column->heading)
            continue;
        fprintf(to, "<th%s", class_of(column));
        if (column->meaning) {
            fputs(" title=\"", to);
            trit_svg_escape(to, column->meaning);
            fputc('"', to);
        }
        fputc('>', to);
        trit_svg_escape(to, column->heading);
        fputs("</th>", to);
    }
    fputs("</tr></thead>\n", to);
}

static void body(FILE *to, const struct trit_table *t)
{
    char cell[256];
    fputs("<tbody>\n", to);
    for (size_t i = 0; i < t->nrows; i++) {
        const void *row = (const char *)t->rows + i * t->stride;
        fputs("<tr>", to);
        for (size_t c = 0; c < t->ncolumns; c++) {
            if (!t->columns[c].heading)
                continue;
            fprintf(to, "<td%s>", class_of(&t->columns[c]));
            trit_svg_escape(to, trit_table_cell(&t->columns[c], row, cell, sizeof cell));
            fputs("</td>", to);
        }
        fputs("</tr>\n", to);
    }
    fputs("</tbody>\n", to);
}

void trit_table_html(const struct trit_table *t, FILE *to,
                     void (*figures)(FILE *to, const void *arg), const void *arg)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n",
          to);
    element(to, "title", t->title);
    fprintf(to, "<style>\n%s</style>\n</head>\n<body>\n", style);
    element(to, "h1", t->title);
    facts(to, t);
    if (figures)
        figures(to, arg);
    fputs("<h2>All figures</h2>\n<div class=\"wide\"><table>\n", to);
    headings(to, t);
    body(to, t);
    fputs("</table></div>\n<ul>\n", to);
    for (size_t i = 0; i < t->nnotes; i++)
        element(to, "li", t->notes[i]);
    fputs("</ul>\n</body>\n</html>\n", to);
}
