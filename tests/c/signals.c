/* A program that leaves SIGPIPE as it is must not end because a gateway went away: nothing goes to a
 * socket that could raise it. What the library would write with is this program's own. */
#include "relay.h"
#include "support.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static int sent;

static int is_socket(int fd)
{
    struct stat found;
    return fstat(fd, &found) == 0 && S_ISSOCK(found.st_mode);
}

ssize_t write(int fd, const void *data, size_t len)
{
    CHECK(!is_socket(fd));
    return syscall(SYS_write, fd, data, len);
}

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    CHECK(!is_socket(fd));
    return syscall(SYS_writev, fd, pieces, count);
}

ssize_t send(int fd, const void *data, size_t len, int flags)
{
    CHECK((flags & MSG_NOSIGNAL) != 0);
    __atomic_add_fetch(&sent, 1, __ATOMIC_SEQ_CST);
    return syscall(SYS_sendto, fd, data, len, flags, NULL, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    CHECK((flags & MSG_NOSIGNAL) != 0);
    return syscall(SYS_sendmsg, fd, message, flags);
}

static vtrix_client *client_of(const relay *it, const char *scheme)
{
    vtrix_client_options options;
    vtrix_client *client = NULL;
    vtrix_error *error = NULL;
    const char *root = getenv("VTRIX_TLS_ROOT");
    char url[64];

    CHECK(root != NULL);
    snprintf(url, sizeof url, "%s://127.0.0.1:%u", scheme, (unsigned)it->port);
    vtrix_client_options_init(&options, sizeof options);
    options.base_url = vtrix_str_from(url);
    options.extra_roots_pem.data = (const uint8_t *)root;
    options.extra_roots_pem.len = strlen(root);
    OK(vtrix_client_new(&options, &client, &error));
    return client;
}

/* The connection goes in the middle of a stream, and nobody else is told but who reads it. */
static void gone(const char *scheme, const char *variable)
{
    vtrix_error *error = NULL;
    vtrix_client *client;
    vtrix_sandbox *sandbox;
    vtrix_stream *stream = NULL;
    const vtrix_event *event = NULL;
    vtrix_status status;
    relay it;

    relay_start(&it, variable);
    client = client_of(&it, scheme);
    sandbox = test_sandbox(client);
    OK(vtrix_sandbox_stream(sandbox, VTRIX_STR("yes"), NULL, &stream, &error));
    OK(vtrix_stream_next(stream, VTRIX_NO_LIMIT, &event, &error));
    relay_set(&it, CUT);
    relay_set(&it, PASS);
    do {
        status = vtrix_stream_next(stream, VTRIX_NO_LIMIT, &event, &error);
    } while (status == VTRIX_STATUS_OK);
    CHECK(status == VTRIX_STATUS_CONNECTION_LOST);
    vtrix_error_free(error);
    vtrix_stream_free(stream);
    test_end(sandbox);
    vtrix_client_free(client);
    relay_end(&it);
}

int main(void)
{
    vtrix_error *error = NULL;

    CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    gone("http", "VTRIX_BASE_URL");
    gone("https", "VTRIX_TLS_URL");
    CHECK(sent > 0);
    OK(vtrix_shutdown(&error));
    puts("ok");
    return 0;
}
