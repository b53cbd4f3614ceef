/* Output as it happens, replayed, and taken apart. */
#include "common.h"

#define BUILD VTRIX_STR("for n in 1 2 3; do echo compiling $n; sleep 0.2; done; echo 1 warning >&2")

/* The next event, or NULL at the end. */
static const vtrix_event *next(vtrix_stream *stream)
{
    const vtrix_event *event = NULL;
    vtrix_error *error = NULL;
    vtrix_status status = vtrix_stream_next(stream, VTRIX_NO_LIMIT, &event, &error);
    if (status != VTRIX_STATUS_END) {
        must(status, error);
    }
    return event;
}

/* Called on a thread of the library's, in order. */
static int show_stdout(void *user_data, const vtrix_event *event)
{
    (void)user_data;
    if (event->type == VTRIX_EVENT_STDOUT) {
        show(event->data);
    }
    return VTRIX_CONTINUE;
}

int main(void)
{
    vtrix_client *client = connect_client();
    vtrix_sandbox *sandbox = create_sandbox(client, NULL);
    vtrix_stream *stream = NULL;
    vtrix_finished *done = NULL;
    vtrix_command *job = NULL;
    vtrix_collected *collected = NULL;
    vtrix_error *error = NULL;
    vtrix_run_options options;
    const vtrix_event *event;
    vtrix_bytes bytes;

    /* Events, each stream apart. */
    must(vtrix_sandbox_stream(sandbox, BUILD, NULL, &stream, &error), error);
    while ((event = next(stream)) != NULL) {
        switch (event->type) {
        case VTRIX_EVENT_START: printf("started as process Some(%lld)\n", (long long)event->pid); break;
        case VTRIX_EVENT_STDOUT: printf("  "); show(event->data); break;
        case VTRIX_EVENT_STDERR: printf("! "); show(event->data); break;
        case VTRIX_EVENT_DONE: show_outcome(event->outcome); puts(""); break;
        default: break;
        }
    }
    vtrix_stream_free(stream);

    /* Wait for the result and watch meanwhile. */
    vtrix_run_options_init(&options, sizeof options);
    options.on_event = show_stdout;
    must(vtrix_sandbox_run(sandbox, BUILD, &options, &done, &error), error);
    printf("%zu bytes in all\n", vtrix_finished_output(done).len);
    vtrix_finished_free(done);

    /* A detached command can be followed by anybody who knows its id: first what it wrote so far,
     * then what it writes. */
    must(vtrix_sandbox_spawn(sandbox, BUILD, NULL, &job, &error), error);
    must(vtrix_sandbox_exec_logs(sandbox, vtrix_command_cmd_id(job), &stream, &error), error);
    while ((event = next(stream)) != NULL) {
        show(event->data);
    }
    vtrix_stream_free(stream);

    /* The same through the command's handle, and again once it is over. */
    must(vtrix_command_logs(job, &stream, &error), error);
    while ((event = next(stream)) != NULL) {
        printf("%c ", event->type == VTRIX_EVENT_STDERR ? '!' : ' ');
        show(event->data);
    }
    vtrix_stream_free(stream);
    must(vtrix_command_stdout(job, &collected, &error), error);
    bytes = vtrix_collected_bytes(collected);
    printf("standard output alone: ");
    show_quoted((const char *)bytes.data, bytes.len);
    puts("");
    vtrix_collected_free(collected);
    must(vtrix_command_collect_output(job, VTRIX_STREAM_BOTH, &collected, &error), error);
    printf("both: %zu bytes\n", vtrix_collected_bytes(collected).len);
    vtrix_collected_free(collected);
    vtrix_command_free(job);

    end(sandbox, client);
    return 0;
}
