/* A relay between client and gateway, which a test cuts, resets, stalls or has answer garbage. */
#ifndef VTRIX_TESTS_RELAY_H
#define VTRIX_TESTS_RELAY_H

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

static inline void drop_link(relay *it, int at)
{
    close(it->links[at][0]);
    close(it->links[at][1]);
    it->count--;
    it->links[at][0] = it->links[it->count][0];
    it->links[at][1] = it->links[it->count][1];
}

static inline int write_all(int to, const char *data, size_t len)
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

static inline void accept_link(relay *it)
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
static inline int move(relay *it, int at, int from)
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

static inline void *run_relay(void *argument)
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
static inline void relay_set(relay *it, enum mode mode)
{
    pthread_mutex_lock(&it->mutex);
    it->mode = mode;
    pthread_mutex_unlock(&it->mutex);
    CHECK(write(it->wake[1], "m", 1) == 1);
    latch_wait(&it->handled, ++it->orders);
}

/* Before the gateway that a variable of the environment names. */
static inline void relay_start(relay *it, const char *name)
{
    const char *url = getenv(name);
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

static inline void relay_end(relay *it)
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

#endif
