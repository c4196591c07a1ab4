/* Lines of tasks of any bytes: a question with a right choice, or one line of error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/judge/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct trit_task_line line = { "fuzz", 1, { (const char *)data, size }, { "1", 1 } };
    struct trit_question q;
    struct trit_error error = { 0 };
    const char *task = NULL;
    if (trit_question_read(&q, &task, &line, &error)) {
        check(*error.text != 0 && !strchr(error.text, '\n'), "no line of error");
        check(q.n == 0, "choices of what was refused");
        return 0;
    }
    check(task && q.n >= 2 && q.right < q.n, "no question");
    for (size_t i = 0; i < q.n; i++)
        check(q.context[i] && q.continuation[i] && q.length[i], "a choice without text");
    trit_question_free(&q);
    return 0;
}
