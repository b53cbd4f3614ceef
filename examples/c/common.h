/* What the examples share: a client from VTRIX_BASE_URL, VTRIX_TOKEN and VTRIX_PROJECT_ID, and an
 * end with a message where something goes wrong. */
#ifndef EXAMPLES_COMMON_H
#define EXAMPLES_COMMON_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vtrix_sandbox.h>

/* Tells what went wrong and ends the program. The gateway ends what it started for us. */
static inline void must(vtrix_status status, vtrix_error *error)
{
    if (status != VTRIX_STATUS_OK) {
        vtrix_str text = vtrix_error_text(error);
        fflush(stdout);
        fprintf(stderr, "%s: %.*s\n", vtrix_status_name(status), (int)text.len, text.data);
        exit(1);
    }
}

static inline void show(vtrix_bytes bytes)
{
    fwrite(bytes.data, 1, bytes.len, stdout);
}

static inline void show_text(vtrix_str text)
{
    fwrite(text.data, 1, text.len, stdout);
}

/* In quotes, with line ends made visible. */
static inline void show_quoted(const char *data, size_t len)
{
    size_t i;
    putchar('"');
    for (i = 0; i < len; i++) {
        if (data[i] == '\n') {
            fputs("\\n", stdout);
        } else {
            putchar(data[i]);
        }
    }
    putchar('"');
}

static inline vtrix_client *connect_client(void)
{
    vtrix_client *client = NULL;
    vtrix_error *error = NULL;
    must(vtrix_client_new(NULL, &client, &error), error);
    puts("Using the gateway at VTRIX_BASE_URL.");
    return client;
}

static inline vtrix_sandbox *create_sandbox(const vtrix_client *client, const vtrix_create_options *options)
{
    vtrix_sandbox *sandbox = NULL;
    vtrix_error *error = NULL;
    must(vtrix_client_create(client, VTRIX_STR("user-123"), options, &sandbox, &error), error);
    return sandbox;
}

/* Runs a command to its end and prints what it wrote. */
static inline void run_and_show(const vtrix_sandbox *sandbox, const char *command, const vtrix_run_options *options)
{
    vtrix_finished *done = NULL;
    vtrix_error *error = NULL;
    must(vtrix_sandbox_run(sandbox, vtrix_str_from(command), options, &done, &error), error);
    show(vtrix_finished_output(done));
    vtrix_finished_free(done);
}

/* Deletes the sandbox and lets go of everything. */
static inline void end(vtrix_sandbox *sandbox, vtrix_client *client)
{
    vtrix_error *error = NULL;
    must(vtrix_sandbox_delete(sandbox, &error), error);
    vtrix_sandbox_free(sandbox);
    vtrix_client_free(client);
    must(vtrix_shutdown(&error), error);
}

static inline void show_outcome(const vtrix_outcome *outcome)
{
    switch (outcome->type) {
    case VTRIX_OUTCOME_EXITED: printf("exited with %d", (int)outcome->exit_code); break;
    case VTRIX_OUTCOME_KILLED: printf("killed by signal %d", (int)outcome->signal); break;
    case VTRIX_OUTCOME_TIMED_OUT: printf("timed out"); break;
    default: printf("unknown: %.*s", (int)outcome->reason.len, outcome->reason.data); break;
    }
}

#endif
