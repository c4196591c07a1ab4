/* Counters and histograms of a server, and their text for Prometheus. */
#ifndef TRIT_METRICS_H
#define TRIT_METRICS_H

#include <stdatomic.h>

#include "runtime/serve/http.h"
#include "runtime/serve/models.h"
#include "runtime/serve/text.h"

struct trit_metrics;
enum trit_histogram { TRIT_TIME_TO_FIRST, TRIT_TIME_BETWEEN, TRIT_TIME_REQUEST, TRIT_NHISTOGRAMS };

/* read_limit: bytes a second that the machine reads at most; 0: not measured. NULL: no memory. */
struct trit_metrics *trit_metrics_create(double read_limit);
void trit_metrics_free(struct trit_metrics *metrics);
/* All of any thread. */
void trit_metrics_request(struct trit_metrics *metrics, const struct trit_route *route,
                          unsigned status, double seconds);
void trit_metrics_time(struct trit_metrics *metrics, enum trit_histogram which, double seconds);
void trit_metrics_text(struct trit_metrics *metrics, struct trit_models *models, size_t connections,
                       struct trit_buffer *out);

#endif
