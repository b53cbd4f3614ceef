/* A child of fork can use no handle of its parent's, and has a client of its own. What it can't let
 * go of stays allocated in it by design, so valgrind has no part in this. */
#include "support.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void in_the_child(vtrix_client *client, vtrix_sandbox *sandbox)
{
    vtrix_error *error = NULL;
    vtrix_finished *finished = NULL;
    vtrix_sandbox_info *info = NULL;

    FAILS(VTRIX_STATUS_FORKED, vtrix_sandbox_run(sandbox, VTRIX_STR("true"), NULL, &finished, &error));
    FAILS(VTRIX_STATUS_FORKED, vtrix_client_get(client, VTRIX_STR("x"), &info, &error));
    CHECK(vtrix_sandbox_id(sandbox).len > 0 && vtrix_sandbox_get_info(sandbox) == NULL);
    vtrix_sandbox_close(sandbox);
    /* A client of the child's own works, next to the parent's sandbox. */
    vtrix_client *own = test_client();
    vtrix_sandbox *attached = NULL;
    OK(vtrix_client_attach(own, vtrix_sandbox_id(sandbox), NULL, &attached, &error));
    OK(vtrix_sandbox_run(attached, VTRIX_STR("echo child"), NULL, &finished, &error));
    CHECK(bytes_are(vtrix_finished_output(finished), "child\n"));
    vtrix_finished_free(finished);
    vtrix_sandbox_free(attached);
    vtrix_client_free(own);
    vtrix_sandbox_free(sandbox);
    vtrix_client_free(client);
    OK(vtrix_shutdown(&error));
}

static void forked(vtrix_client *client, vtrix_sandbox *sandbox)
{
    int status = 0;
    char *output;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(120);
        in_the_child(client, sandbox);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    /* What the child did to its copies did nothing here. */
    output = test_run(sandbox, "echo parent");
    CHECK(strcmp(output, "parent\n") == 0);
    free(output);
}

int main(void)
{
    vtrix_error *error = NULL;
    vtrix_client *client = test_client();
    vtrix_sandbox *sandbox = test_sandbox(client);

    forked(client, sandbox);
    test_end(sandbox);
    vtrix_client_free(client);
    OK(vtrix_shutdown(&error));
    puts("ok");
    return 0;
}
