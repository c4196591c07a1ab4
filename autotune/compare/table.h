/* A table for people (md), for programs (json, csv), and for a page (html): facts that all rows
   share, columns that say where in a row's struct a value lies, and notes. */
#ifndef TRIT_COMPARE_TABLE_H
#define TRIT_COMPARE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "runtime/base/error.h"

enum trit_cell {
    TRIT_CELL_TEXT,   /* const char *; NULL is not known */
    TRIT_CELL_NUMBER, /* double; NaN is not known */
    TRIT_CELL_COUNT,  /* double that is whole; NaN is not known */
    TRIT_CELL_FLAG,   /* bool */
};

struct trit_column {
    const char *key;     /* json, csv */
    const char *heading; /* md, html; NULL: these leave the column out */
    enum trit_cell type;
    size_t offset;       /* of the value in a row */
    double scale;        /* what md and html multiply it with; 0: 1 */
    int decimals;        /* of a NUMBER in md and html */
    const char *suffix;  /* after it in md and html, may be NULL */
    const char *meaning; /* a line for those who wonder; html's tip */
};

struct trit_fact {
    const char *key, *label; /* label NULL: json only */
    char text[256];          /* what people read; json too where number is NaN */
    double number;
};

enum { TRIT_TABLE_FACTS = 24, TRIT_TABLE_NOTES = 12 };
struct trit_table {
    char title[160];
    struct trit_fact facts[TRIT_TABLE_FACTS];
    size_t nfacts;
    char notes[TRIT_TABLE_NOTES][512];
    size_t nnotes;
    const struct trit_column *columns;
    size_t ncolumns;
    const void *rows;
    size_t nrows, stride; /* stride: bytes of a row */
};

/* What does not fit is left out. number NaN: the fact is a text. */
void trit_table_fact(struct trit_table *table, const char *key, const char *label, double number,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));
void trit_table_note(struct trit_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Program, compiler, CPU, date: what every table of a machine says. */
void trit_table_machine(struct trit_table *table);

/* A cell as people read it; n/a where it is not known. Returns out. */
char *trit_table_cell(const struct trit_column *column, const void *row, char *out, size_t room);

/* To stdout. */
void trit_table_md(const struct trit_table *table);
void trit_table_csv(const struct trit_table *table);
enum trit_code trit_table_json(const struct trit_table *table, struct trit_error *error);

/* A whole page; figures (may be NULL) writes its part between the facts and the table. */
void trit_table_html(const struct trit_table *table, FILE *to,
                     void (*figures)(FILE *to, const void *arg), const void *arg);

#endif
