/* What the tests of the C interface share: a gateway to talk to, checks, and a latch to wait for
 * callbacks with. A check that fails says where and ends the program; so does a wait that takes
 * longer than any machine needs. */
#ifndef VTRIX_TESTS_SUPPORT_H
#define VTRIX_TESTS_SUPPORT_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vtrix_sandbox.h"

#define CHECK(condition)                                                                     \
    do {                                                                                     \
        if (!(condition)) {                                                                  \
            fprintf(stderr, "%s:%d: %s: not so: %s\n", __FILE__, __LINE__, __func__, #condition); \
            _Exit(1);                                                                        \
        }                                                                                    \
    } while (0)

/* The call must succeed; its error is shown. */
#define OK(call)                                                                             \
    do {                                                                                     \
        vtrix_status status_ = (call);                                                       \
        if (status_ != VTRIX_STATUS_OK) {                                                    \
            vtrix_str text_ = vtrix_error_text(error);                                       \
            fprintf(stderr, "%s:%d: %s: %s: %s: %.*s\n", __FILE__, __LINE__, __func__, #call, \
                    vtrix_status_name(status_), (int)text_.len, text_.data ? text_.data : ""); \
            _Exit(1);                                                                        \
        }                                                                                    \
    } while (0)

/* The call must fail with that status, and its error is freed. */
#define FAILS(wanted, call)                                                                  \
    do {                                                                                     \
        vtrix_status status_ = (call);                                                       \
        if (status_ != (wanted)) {                                                           \
            vtrix_str text_ = vtrix_error_text(error);                                       \
            fprintf(stderr, "%s:%d: %s: %s: wanted %s, got %s: %.*s\n", __FILE__, __LINE__,   \
                    __func__, #call, vtrix_status_name(wanted), vtrix_status_name(status_),   \
                    (int)text_.len, text_.data ? text_.data : "");                           \
            _Exit(1);                                                                        \
        }                                                                                    \
        CHECK(vtrix_error_status(error) == (wanted));                                        \
        CHECK(vtrix_error_text(error).len > 0);                                              \
        vtrix_error_free(error);                                                             \
        error = NULL;                                                                        \
    } while (0)

static inline int str_is(vtrix_str text, const char *wanted)
{
    return text.len == strlen(wanted) && (text.len == 0 || memcmp(text.data, wanted, text.len) == 0);
}

static inline int bytes_are(vtrix_bytes bytes, const char *wanted)
{
    return bytes.len == strlen(wanted) && (bytes.len == 0 || memcmp(bytes.data, wanted, bytes.len) == 0);
}

/* Counts what happened, and lets a thread wait for it. */
typedef struct latch {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int count;
} latch;

#define LATCH {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0}

static inline void latch_add(latch *it)
{
    pthread_mutex_lock(&it->mutex);
    it->count++;
    pthread_cond_broadcast(&it->changed);
    pthread_mutex_unlock(&it->mutex);
}

static inline int latch_count(latch *it)
{
    int count;
    pthread_mutex_lock(&it->mutex);
    count = it->count;
    pthread_mutex_unlock(&it->mutex);
    return count;
}

static inline void latch_wait(latch *it, int count)
{
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 120;
    pthread_mutex_lock(&it->mutex);
    while (it->count < count) {
        CHECK(pthread_cond_timedwait(&it->changed, &it->mutex, &limit) == 0);
    }
    pthread_mutex_unlock(&it->mutex);
}

/* A client of the gateway that VTRIX_BASE_URL and VTRIX_TOKEN name. */
static inline vtrix_client *test_client(void)
{
    vtrix_error *error = NULL;
    vtrix_client *client = NULL;
    OK(vtrix_client_new(NULL, &client, &error));
    CHECK(client != NULL && error == NULL);
    return client;
}

static inline vtrix_sandbox *test_sandbox(const vtrix_client *client)
{
    vtrix_error *error = NULL;
    vtrix_sandbox *sandbox = NULL;
    OK(vtrix_client_create(client, VTRIX_STR("c-tests"), NULL, &sandbox, &error));
    CHECK(sandbox != NULL && error == NULL);
    return sandbox;
}

/* Deletes the sandbox and lets go of it. */
static inline void test_end(vtrix_sandbox *sandbox)
{
    vtrix_error *error = NULL;
    OK(vtrix_sandbox_delete(sandbox, &error));
    vtrix_sandbox_free(sandbox);
}

/* Runs a command that must succeed, and gives its output as an owned text. */
static inline char *test_run(const vtrix_sandbox *sandbox, const char *command)
{
    vtrix_error *error = NULL;
    vtrix_finished *finished = NULL;
    vtrix_bytes output;
    char *copy;
    OK(vtrix_sandbox_run(sandbox, vtrix_str_from(command), NULL, &finished, &error));
    output = vtrix_finished_output(finished);
    copy = malloc(output.len + 1);
    CHECK(copy != NULL);
    if (output.len > 0) {
        memcpy(copy, output.data, output.len);
    }
    copy[output.len] = '\0';
    vtrix_finished_free(finished);
    return copy;
}

#endif
