/* Tables as Markdown, CSV and JSON. */
#include "autotune/compare/table.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/cli/cli.h"
#include "runtime/cli/json.h"
#include "runtime/cpu/cpu.h"

#ifndef TRIT_COMPILER
#define TRIT_COMPILER "unknown"
#endif

void trit_table_fact(struct trit_table *t, const char *key, const char *label, double number,
                     const char *format, ...)
{
    if (t->nfacts == TRIT_TABLE_FACTS)
        return;
    struct trit_fact *f = &t->facts[t->nfacts++];
    *f = (struct trit_fact){ .key = key, .label = label, .number = number };
    va_list list;
    va_start(list, format);
    vsnprintf(f->text, sizeof f->text, format, list);
    va_end(list);
}

void trit_table_note(struct trit_table *t, const char *format, ...)
{
    if (t->nnotes == TRIT_TABLE_NOTES)
        return;
    va_list list;
    va_start(list, format);
    vsnprintf(t->notes[t->nnotes++], sizeof t->notes[0], format, list);
    va_end(list);
}

void trit_table_machine(struct trit_table *t)
{
    const struct trit_cpu *cpu = trit_cpu_get();
    char when[32];
    time_t now = time(NULL);
    struct tm utc;
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    trit_table_fact(t, "cpu", "CPU", NAN, "%s, family %d model %d, %d core%s, %.0f MB L3",
                    cpu->brand[0] ? cpu->brand : "unknown", cpu->family, cpu->model, cpu->cores,
                    cpu->cores == 1 ? "" : "s", (double)cpu->l3 / (1 << 20));
    trit_table_fact(t, "build", "build", NAN, "tritmill %s (%s), %s", trit_version(), trit_commit(),
                    TRIT_COMPILER);
    trit_table_fact(t, "date", "date", NAN, "%s", when);
}

static const void *value_at(const struct trit_column *column, const void *row)
{
    return (const char *)row + column->offset;
}

static double number_at(const struct trit_column *column, const void *row)
{
    double x;
    memcpy(&x, value_at(column, row), sizeof x);
    return x;
}

static const char *text_at(const struct trit_column *column, const void *row)
{
    const char *text;
    memcpy(&text, value_at(column, row), sizeof text);
    return text;
}

static bool flag_at(const struct trit_column *column, const void *row)
{
    bool flag;
    memcpy(&flag, value_at(column, row), sizeof flag);
    return flag;
}

/* Digits after the point. */
static int decimals_of(const struct trit_column *c, double x)
{
    if (c->decimals >= 0)
        return c->type == TRIT_CELL_COUNT ? 0 : c->decimals;
    int before = fabs(x) > 0 ? (int)floor(log10(fabs(x))) + 1 : 1;
    return -c->decimals > before ? -c->decimals - before : 0;
}

char *trit_table_cell(const struct trit_column *c, const void *row, char *out, size_t room)
{
    const char *text = "n/a";
    if (c->type == TRIT_CELL_FLAG)
        text = flag_at(c, row) ? "yes" : "NO";
    else if (c->type == TRIT_CELL_TEXT && text_at(c, row))
        text = text_at(c, row);
    double x = c->type == TRIT_CELL_NUMBER || c->type == TRIT_CELL_COUNT ? number_at(c, row) : NAN;
    x *= c->scale > 0 ? c->scale : 1;
    if (isnan(x))
        snprintf(out, room, "%s", text);
    else
        snprintf(out, room, "%.*f%s", decimals_of(c, x), x, c->suffix ? c->suffix : "");
    return out;
}

/* Columns on a terminal: UTF-8 bytes that do not begin a character take none. */
static int width_of(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void md_cell(const char *text, int width, bool right)
{
    int pad = width - width_of(text);
    printf(" %*s%s%*s |", right ? pad : 0, "", text, right ? 0 : pad, "");
}

static bool is_right(const struct trit_column *c)
{
    return c->type == TRIT_CELL_NUMBER || c->type == TRIT_CELL_COUNT;
}

static const char *row_of(const struct trit_table *t, size_t i)
{
    return (const char *)t->rows + i * t->stride;
}

static int column_width(const struct trit_table *t, const struct trit_column *c)
{
    char cell[256];
    int width = width_of(c->heading);
    for (size_t i = 0; i < t->nrows; i++) {
        int w = width_of(trit_table_cell(c, row_of(t, i), cell, sizeof cell));
        width = w > width ? w : width;
    }
    return width < 4 ? 4 : width;
}

static void md_rule(const int *widths, const struct trit_table *t)
{
    putchar('|');
    for (size_t i = 0; i < t->ncolumns; i++) {
        if (!t->columns[i].heading)
            continue;
        putchar(' ');
        for (int j = is_right(&t->columns[i]); j < widths[i]; j++)
            putchar('-');
        fputs(is_right(&t->columns[i]) ? ": |" : " |", stdout);
    }
    putchar('\n');
}

/* Row i, or the headings for i = nrows. */
static void md_row(const struct trit_table *t, const int *widths, size_t i)
{
    char cell[256];
    putchar('|');
    for (size_t c = 0; c < t->ncolumns; c++) {
        const struct trit_column *column = &t->columns[c];
        if (column->heading)
            md_cell(i < t->nrows ? trit_table_cell(column, row_of(t, i), cell, sizeof cell)
                                 : column->heading,
                    widths[c], is_right(column));
    }
    putchar('\n');
}

void trit_table_md(const struct trit_table *t)
{
    int widths[64], label = 0;
    for (size_t c = 0; c < t->ncolumns; c++)
        widths[c] = t->columns[c].heading ? column_width(t, &t->columns[c]) : 0;
    md_row(t, widths, t->nrows);
    md_rule(widths, t);
    for (size_t i = 0; i < t->nrows; i++)
        md_row(t, widths, i);
    putchar('\n');
    for (size_t i = 0; i < t->nfacts; i++)
        if (t->facts[i].label && width_of(t->facts[i].label) > label)
            label = width_of(t->facts[i].label);
    for (size_t i = 0; i < t->nfacts; i++)
        if (t->facts[i].label)
            printf("%s:%*s %s\n", t->facts[i].label, label - width_of(t->facts[i].label), "",
                   t->facts[i].text);
    for (size_t i = 0; i < t->nnotes; i++)
        printf("%s* %s\n", i ? "" : "\n", t->notes[i]);
}

/* Quoted, quotes doubled. */
static void csv_text(const char *text)
{
    putchar('"');
    for (; *text; text++)
        printf("%s%c", *text == '"' ? "\"" : "", *text);
    putchar('"');
}

/* What is not known is an empty field. */
static void csv_cell(const struct trit_column *c, const void *row)
{
    if (c->type == TRIT_CELL_FLAG)
        fputs(flag_at(c, row) ? "true" : "false", stdout);
    else if (c->type == TRIT_CELL_TEXT)
        csv_text(text_at(c, row) ? text_at(c, row) : "");
    else if (!isnan(number_at(c, row)))
        printf("%.12g", number_at(c, row));
}

void trit_table_csv(const struct trit_table *t)
{
    for (size_t c = 0; c < t->ncolumns; c++)
        printf("%s%s", t->columns[c].key, c + 1 < t->ncolumns ? "," : "\n");
    for (size_t i = 0; i < t->nrows; i++)
        for (size_t c = 0; c < t->ncolumns; c++) {
            csv_cell(&t->columns[c], row_of(t, i));
            putchar(c + 1 < t->ncolumns ? ',' : '\n');
        }
}

static json_t *json_text(const char *text)
{
    return text ? trit_json_text((struct trit_text){ text, strlen(text) }) : json_null();
}

static json_t *json_cell(const struct trit_column *c, const void *row)
{
    if (c->type == TRIT_CELL_FLAG)
        return json_boolean(flag_at(c, row));
    if (c->type == TRIT_CELL_TEXT)
        return json_text(text_at(c, row));
    double x = number_at(c, row);
    if (!isfinite(x))
        return json_null();
    return c->type == TRIT_CELL_COUNT ? json_integer((json_int_t)x) : json_real(x);
}

static json_t *json_rows(const struct trit_table *t)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < t->nrows; i++) {
        json_t *row = json_object();
        for (size_t c = 0; c < t->ncolumns; c++)
            json_object_set_new(row, t->columns[c].key, json_cell(&t->columns[c], row_of(t, i)));
        json_array_append_new(rows, row);
    }
    return rows;
}

enum trit_code trit_table_json(const struct trit_table *t, struct trit_error *error)
{
    json_t *root = json_object(), *notes = json_array();
    for (size_t i = 0; i < t->nfacts; i++) {
        double x = t->facts[i].number;
        json_object_set_new(root, t->facts[i].key,
                            isnan(x)        ? json_text(t->facts[i].text)
                            : x == trunc(x) ? json_integer((json_int_t)x)
                                            : json_real(x));
    }
    for (size_t i = 0; i < t->nnotes; i++)
        json_array_append_new(notes, json_text(t->notes[i]));
    json_object_set_new(root, "notes", notes);
    json_object_set_new(root, "rows", json_rows(t));
    return trit_json_print(root, error);
}
