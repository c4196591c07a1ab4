/* JSON that others sent: nothing that is deeper than a limit reaches the parser, which goes down
   as deep as the text does. */
#include <string.h>

#include "runtime/base/nesting.h"
#include "runtime/serve/internal.h"

json_t *trit_json_read(const char *bytes, size_t n, struct trit_error *error)
{
    json_error_t why = { 0 };
    if (trit_nesting_count(bytes, n).deepest > TRIT_JSON_DEPTH) {
        trit_fail(error, TRIT_EARGUMENT, "the JSON is nested deeper than %d", TRIT_JSON_DEPTH);
        return NULL;
    }
    json_t *json = json_loadb(bytes, n, JSON_REJECT_DUPLICATES, &why);
    /* The library's text quotes what is near, which may be a prompt, or no UTF-8: left out. */
    if (!json)
        trit_fail(error, TRIT_EARGUMENT, "the body is no JSON: line %d, column %d: %.*s", why.line,
                  why.column, (int)strcspn(why.text, "'\n"), why.text);
    return json;
}

json_t *trit_request_json(struct trit_request *request)
{
    struct trit_error error;
    size_t bytes;
    const char *body = trit_request_body(request, &bytes);
    json_t *json = trit_json_read(body, bytes, &error);
    if (!json || json_is_object(json)) {
        if (!json)
            trit_reply_error(request, 400, NULL, "%s", error.text);
        return json;
    }
    json_decref(json);
    trit_reply_error(request, 400, NULL, "the body is no JSON object");
    return NULL;
}
