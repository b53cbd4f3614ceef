/* A gateway that is cut off, stalls, or answers garbage, in the middle of a call and of a stream:
 * the error says so, nothing hangs, and nothing is left. */
#include "relay.h"
#include "support.h"

static vtrix_client *client_through(const relay *it)
{
    vtrix_client_options options;
    vtrix_client *client = NULL;
    vtrix_error *error = NULL;
    char url[64];

    snprintf(url, sizeof url, "http://127.0.0.1:%u", (unsigned)it->port);
    vtrix_client_options_init(&options, sizeof options);
    options.base_url = vtrix_str_from(url);
    options.call_timeout_ms = 10000;
    options.heartbeat_interval_ms = 200;
    options.heartbeat_timeout_ms = 1000;
    OK(vtrix_client_new(&options, &client, &error));
    return client;
}

typedef struct ended {
    latch over;
    vtrix_status status;
    int32_t may_have_run;
    int32_t outcome;
} ended;

static void on_finished(void *user_data, vtrix_finished *finished, vtrix_error *error)
{
    ended *it = user_data;
    const vtrix_outcome *outcome = vtrix_finished_outcome(vtrix_error_command(error));
    it->status = vtrix_error_status(error);
    it->may_have_run = vtrix_error_may_have_run(error);
    it->outcome = outcome == NULL ? 0 : outcome->type;
    vtrix_finished_free(finished);
    vtrix_error_free(error);
    latch_add(&it->over);
}

static int is_link_failure(vtrix_status status)
{
    return status == VTRIX_STATUS_CONNECTION_LOST || status == VTRIX_STATUS_PROTOCOL;
}

/* Attaches; a pooled connection of before the fault may still have to be found dead. */
static vtrix_sandbox *attach(const vtrix_client *client, const vtrix_sandbox *direct)
{
    vtrix_error *error = NULL;
    vtrix_sandbox *sandbox = NULL;
    int tries = 0;
    while (vtrix_client_attach(client, vtrix_sandbox_id(direct), NULL, &sandbox, &error) != VTRIX_STATUS_OK) {
        CHECK(is_link_failure(vtrix_error_status(error)) && ++tries < 5);
        vtrix_error_free(error);
    }
    return sandbox;
}

/* The command has begun once the file is there. */
static void wait_for_file(const vtrix_sandbox *direct, const char *path)
{
    char command[160];
    snprintf(command, sizeof command, "until [ -e %s ]; do sleep 0.02; done", path);
    free(test_run(direct, command));
}

/* The connection that carries the call breaks: that is told, with why. */
static void lost_is_told(vtrix_stream *events)
{
    vtrix_error *error = NULL;
    const vtrix_event *event = NULL;
    do {
        OK(vtrix_stream_next(events, VTRIX_NO_LIMIT, &event, &error));
        CHECK(event->type >= VTRIX_EVENT_CONNECTED && event->type <= VTRIX_EVENT_LOST);
    } while (event->type != VTRIX_EVENT_LOST);
    CHECK(event->reason.len > 0);
}

static void in_a_call(relay *it, const vtrix_client *client, const vtrix_sandbox *direct, enum mode mode)
{
    const latch empty = LATCH;
    vtrix_error *error = NULL;
    vtrix_sandbox *sandbox;
    vtrix_sandbox_info *info = NULL;
    vtrix_stream *events = NULL;
    const vtrix_event *event = NULL;
    vtrix_status status;
    ended end;
    char path[64], command[128];

    memset(&end, 0, sizeof end);
    end.over = empty;
    snprintf(path, sizeof path, "/tmp/call-%d", (int)mode);
    snprintf(command, sizeof command, "touch %s; sleep 1; echo x; sleep 600", path);
    sandbox = attach(client, direct);
    OK(vtrix_sandbox_run_async(sandbox, vtrix_str_from(command), NULL, on_finished, &end, NULL, NULL, &error));
    wait_for_file(direct, path);
    OK(vtrix_sandbox_connection_events(sandbox, &events, &error));
    relay_set(it, mode);
    latch_wait(&end.over, 1);
    lost_is_told(events);
    CHECK(is_link_failure(end.status));
    CHECK(mode == GARBAGE || end.status == VTRIX_STATUS_CONNECTION_LOST);
    CHECK(end.may_have_run != 0 && end.outcome == VTRIX_OUTCOME_UNKNOWN);
    if (mode == GARBAGE) {
        /* And in a call of the control plane. */
        status = vtrix_client_get(client, vtrix_sandbox_id(direct), &info, &error);
        CHECK(status / 100 == 3 && info == NULL);
        vtrix_error_free(error);
        error = NULL;
    }
    relay_set(it, CUT);
    relay_set(it, PASS);
    vtrix_sandbox_close(sandbox);
    do {
        OK(vtrix_stream_next(events, VTRIX_NO_LIMIT, &event, &error));
    } while (event->type != VTRIX_EVENT_CLOSED);
    CHECK(vtrix_stream_next(events, VTRIX_NO_LIMIT, &event, &error) == VTRIX_STATUS_END);
    vtrix_stream_free(events);
    vtrix_sandbox_free(sandbox);
    /* Once the fault is over, so is its effect. */
    sandbox = attach(client, direct);
    free(test_run(sandbox, "true"));
    vtrix_sandbox_free(sandbox);
}

static void in_a_stream(relay *it, const vtrix_client *client, const vtrix_sandbox *direct, enum mode mode)
{
    vtrix_error *error = NULL;
    vtrix_sandbox *sandbox;
    vtrix_stream *stream = NULL;
    const vtrix_event *event = NULL;
    vtrix_status status;

    sandbox = attach(client, direct);
    OK(vtrix_sandbox_stream(sandbox, VTRIX_STR("while :; do echo line; sleep 0.05; done"), NULL, &stream, &error));
    do {
        OK(vtrix_stream_next(stream, VTRIX_NO_LIMIT, &event, &error));
    } while (event->type != VTRIX_EVENT_STDOUT);
    relay_set(it, mode);
    while ((status = vtrix_stream_next(stream, VTRIX_NO_LIMIT, &event, &error)) == VTRIX_STATUS_OK) {
        CHECK(event->type == VTRIX_EVENT_STDOUT);
    }
    CHECK(is_link_failure(status) && event == NULL);
    CHECK(mode == GARBAGE || status == VTRIX_STATUS_CONNECTION_LOST);
    vtrix_error_free(error);
    error = NULL;
    CHECK(vtrix_stream_next(stream, VTRIX_NO_LIMIT, &event, &error) == VTRIX_STATUS_END);
    vtrix_stream_free(stream);
    vtrix_sandbox_free(sandbox);
    relay_set(it, CUT);
    relay_set(it, PASS);
}

int main(void)
{
    static const enum mode modes[] = {CUT, STALL, GARBAGE};
    vtrix_client *client, *straight;
    vtrix_sandbox *direct;
    vtrix_error *error = NULL;
    relay it;
    size_t i;

    relay_start(&it, "VTRIX_BASE_URL");
    straight = test_client();
    direct = test_sandbox(straight);
    client = client_through(&it);
    for (i = 0; i < 3; i++) {
        in_a_call(&it, client, direct, modes[i]);
        in_a_stream(&it, client, direct, modes[i]);
    }
    vtrix_client_free(client);
    test_end(direct);
    vtrix_client_free(straight);
    OK(vtrix_shutdown(&error));
    relay_end(&it);
    puts("ok");
    return 0;
}
