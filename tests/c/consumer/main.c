/* A program that knows nothing but an installed prefix. */
#include <stdio.h>
#include <vtrix_sandbox.h>

int main(void)
{
    vtrix_client_options options;
    vtrix_client *client = NULL;
    vtrix_error *error = NULL;

    vtrix_client_options_init(&options, sizeof options);
    options.base_url = VTRIX_STR("http://127.0.0.1:1");
    if (vtrix_version_number() != VTRIX_VERSION_NUMBER ||
        vtrix_client_new(&options, &client, &error) != VTRIX_STATUS_OK) {
        vtrix_error_free(error);
        return 1;
    }
    vtrix_client_free(client);
    printf("%s\n", vtrix_version());
    return vtrix_shutdown(NULL) == VTRIX_STATUS_OK ? 0 : 1;
}
