/* A gateway that is cut off, stalls, or answers garbage, in the middle of a call and of a stream:
 * the error says so, nothing hangs, and nothing is left. Between client and gateway stands a relay
 * of this program's own. */
#include "support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum mode { PASS, CUT, STALL, GARBAGE };

#define LINKS 32

typedef struct relay {
    pthread_mutex_t mutex;
    enum mode mode;
    int listener, wake[2];
    uint16_t gateway_port, port;
    int links[LINKS][2];
    int count;
    pthread_t thread;
    latch handled;
    int orders;
} relay;

static void drop_link(relay *it, int at)
{
    close(it->links[at][0]);
    close(it->links[at][1]);
    it->count--;
    it->links[at][0] = it->links[it->count][0];
    it->links[at][1] = it->links[it->count][1];
}

static int write_all(int to, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t wrote = send(to, data, len, MSG_NOSIGNAL);
        if (wrote <= 0) {
            return 0;
        }
        data += wrote;
        len -= (size_t)wrote;
    }
    return 1;
}

static void accept_link(relay *it)
{
    struct sockaddr_in address;
    int client = accept(it->listener, NULL, NULL), gateway = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(client >= 0 && gateway >= 0 && it->count < LINKS);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(it->gateway_port);
    CHECK(connect(gateway, (struct sockaddr *)&address, sizeof address) == 0);
    it->links[it->count][0] = client;
    it->links[it->count][1] = gateway;
    it->count++;
}

/* Moves what is there from one end of a link to the other, or spoils it. */
static int move(relay *it, int at, int from)
{
    static const char garbage[] = "\xff\xff\xff\xffnothing that any protocol knows\r\n\r\n";
    char buffer[16384];
    ssize_t got = recv(it->links[at][from], buffer, sizeof buffer, 0);
    if (got <= 0) {
        return 0;
    }
    if (it->mode == GARBAGE && from == 1) {
        return write_all(it->links[at][0], garbage, sizeof garbage - 1);
    }
    return write_all(it->links[at][1 - from], buffer, (size_t)got);
}

static void *run_relay(void *argument)
{
    relay *it = argument;
    for (;;) {
        int ordered = 0;
        struct pollfd set[2 + 2 * LINKS];
        int i, n = 2;
        pthread_mutex_lock(&it->mutex);
        set[0].fd = it->wake[0];
        set[1].fd = it->listener;
        for (i = 0; i < it->count; i++) {
            set[n++].fd = it->mode == STALL ? -1 : it->links[i][0];
            set[n++].fd = it->mode == STALL ? -1 : it->links[i][1];
        }
        pthread_mutex_unlock(&it->mutex);
        for (i = 0; i < n; i++) {
            set[i].events = POLLIN;
            set[i].revents = 0;
        }
        CHECK(poll(set, (nfds_t)n, -1) >= 0);
        if (set[0].revents != 0) {
            char order;
            CHECK(read(it->wake[0], &order, 1) == 1);
            if (order == 'q') {
                return NULL;
            }
            ordered = 1;
        }
        pthread_mutex_lock(&it->mutex);
        for (i = it->count - 1; i >= 0; i--) {
            int gone = it->mode == CUT;
            if (2 + 2 * i + 1 < n && it->mode != STALL && !gone) {
                gone = (set[2 + 2 * i].revents != 0 && !move(it, i, 0)) ||
                       (set[2 + 2 * i + 1].revents != 0 && !move(it, i, 1));
            }
            if (gone) {
                drop_link(it, i);
            }
        }
        if (set[1].revents != 0) {
            accept_link(it);
        }
        pthread_mutex_unlock(&it->mutex);
        if (ordered) {
            latch_add(&it->handled);
        }
    }
}

/* Returns once it is so. */
static void relay_set(relay *it, enum mode mode)
{
    pthread_mutex_lock(&it->mutex);
    it->mode = mode;
    pthread_mutex_unlock(&it->mutex);
    CHECK(write(it->wake[1], "m", 1) == 1);
    latch_wait(&it->handled, ++it->orders);
}

static void relay_start(relay *it)
{
    const char *url = getenv("VTRIX_BASE_URL");
    const char *colon = url == NULL ? NULL : strrchr(url, ':');
    const latch empty = LATCH;
    struct sockaddr_in address;
    socklen_t len = sizeof address;

    CHECK(colon != NULL);
    memset(it, 0, sizeof *it);
    it->handled = empty;
    pthread_mutex_init(&it->mutex, NULL);
    it->gateway_port = (uint16_t)atoi(colon + 1);
    it->listener = socket(AF_INET, SOCK_STREAM, 0);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(it->listener, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(it->listener, 64) == 0);
    CHECK(getsockname(it->listener, (struct sockaddr *)&address, &len) == 0);
    it->port = ntohs(address.sin_port);
    CHECK(pipe(it->wake) == 0);
    CHECK(pthread_create(&it->thread, NULL, run_relay, it) == 0);
}

static void relay_end(relay *it)
{
    CHECK(write(it->wake[1], "q", 1) == 1);
    CHECK(pthread_join(it->thread, NULL) == 0);
    while (it->count > 0) {
        drop_link(it, 0);
    }
    close(it->listener);
    close(it->wake[0]);
    close(it->wake[1]);
}

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

    relay_start(&it);
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
