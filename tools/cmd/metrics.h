/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef METRICS_H
#define METRICS_H

#include "cmd.h"

enum metrics_format { OPENMETRICS, PROMETHEUS };

#define OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define PROMETHEUS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/*
 * metrics.c: the numbers of these objects, or of all (count 0). An object that cannot
 * be told in the format is left out and complained of; then the result is TROUBLE.
 */
int metrics_write(FILE *out, enum metrics_format format, char *const *names, int count);

#endif /* METRICS_H */
