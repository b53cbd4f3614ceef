/* Read, write, edit, list, upload, download and stream files. */
#include "common.h"

static void show_buffer(vtrix_buffer *buffer)
{
    vtrix_bytes bytes = vtrix_buffer_bytes(buffer);
    size_t i;
    if (buffer == NULL) {
        puts("None");
        return;
    }
    printf("Some([");
    for (i = 0; i < bytes.len; i++) {
        printf("%s%u", i > 0 ? ", " : "", bytes.data[i]);
    }
    puts("])");
    vtrix_buffer_free(buffer);
}

int main(void)
{
    static const uint8_t data[] = {0, 159, 146, 150};
    static const char script[] = "#!/bin/sh\necho it runs\n";
    vtrix_client *client = connect_client();
    vtrix_sandbox *sandbox = create_sandbox(client, NULL);
    vtrix_transfer_options make;
    vtrix_write_file both[2];
    vtrix_pair several[2];
    vtrix_read_result *config = NULL;
    vtrix_file_list *entries = NULL;
    vtrix_file_info *info = NULL;
    vtrix_saved_list *saved = NULL;
    vtrix_buffer *buffer = NULL;
    vtrix_stream *stream = NULL;
    const vtrix_event *event = NULL;
    vtrix_error *error = NULL;
    vtrix_status status;
    uint64_t written = 0;
    size_t total = 0, i;
    bool exists = false;
    char local[] = "/tmp/vtrix-files-XXXXXX", up[64], down[64], first[64], second[64], made[64];
    FILE *file;

    /* Text. Parent directories are made. */
    must(vtrix_sandbox_write(sandbox, VTRIX_STR("/app/config.json"), VTRIX_STR("{\"port\": 3000}"), &written, &error), error);
    printf("wrote %llu bytes\n", (unsigned long long)written);
    must(vtrix_sandbox_edit(sandbox, VTRIX_STR("/app/config.json"), VTRIX_STR("\"port\": 3000"),
                            VTRIX_STR("\"port\": 8080"), &buffer, &error), error);
    vtrix_buffer_free(buffer);
    must(vtrix_sandbox_read(sandbox, VTRIX_STR("/app/config.json"), &config, &error), error);
    show_text(vtrix_read_result_text(config));
    printf(" (cut: %s)\n", vtrix_read_result_truncated(config) ? "true" : "false");
    vtrix_read_result_free(config);

    /* An edit that could mean two places is refused. */
    must(vtrix_sandbox_write(sandbox, VTRIX_STR("/app/twice"), VTRIX_STR("a a"), &written, &error), error);
    status = vtrix_sandbox_edit(sandbox, VTRIX_STR("/app/twice"), VTRIX_STR("a"), VTRIX_STR("b"), &buffer, &error);
    puts(status == VTRIX_STATUS_EDIT_AMBIGUOUS ? "Err(EditAmbiguous)" : "?");
    vtrix_error_free(error);
    error = NULL;

    /* Several binary files in one flight, with permissions. */
    memset(both, 0, sizeof both);
    both[0].path = VTRIX_STR("/app/run.sh");
    both[0].content.data = (const uint8_t *)script;
    both[0].content.len = strlen(script);
    both[0].mode = 0755;
    both[1].path = VTRIX_STR("/app/data.bin");
    both[1].content.data = data;
    both[1].content.len = sizeof data;
    must(vtrix_sandbox_write_files(sandbox, both, 2, &error), error);
    run_and_show(sandbox, "/app/run.sh", NULL);

    /* Every byte of any file, or nothing where there is none. */
    must(vtrix_sandbox_read_to_buffer(sandbox, VTRIX_STR("/app/data.bin"), 0, &buffer, &error), error);
    show_buffer(buffer);
    must(vtrix_sandbox_read_to_buffer(sandbox, VTRIX_STR("/app/missing"), 0, &buffer, &error), error);
    show_buffer(buffer);

    /* Directories and metadata. */
    must(vtrix_sandbox_mkdir(sandbox, VTRIX_STR("/app/logs"), &error), error);
    must(vtrix_sandbox_list_files(sandbox, VTRIX_STR("/app"), &entries, &error), error);
    for (i = 0; i < vtrix_file_list_len(entries); i++) {
        vtrix_str name = vtrix_file_list_name(entries, i);
        printf("%c %6llu %.*s\n", vtrix_file_list_is_dir(entries, i) ? 'd' : '-',
               (unsigned long long)vtrix_file_list_size(entries, i), (int)name.len, name.data);
    }
    vtrix_file_list_free(entries);
    must(vtrix_sandbox_exists(sandbox, VTRIX_STR("/app/logs"), &exists, &error), error);
    printf("exists: %s\n", exists ? "true" : "false");
    must(vtrix_sandbox_stat(sandbox, VTRIX_STR("/app/logs"), &info, &error), error);
    printf("is a directory: %s\n", vtrix_file_info_is_dir(info) ? "true" : "false");
    vtrix_file_info_free(info);

    /* To and from this machine, whole or not at all. */
    if (mkdtemp(local) == NULL) {
        return 1;
    }
    snprintf(up, sizeof up, "%s/up.csv", local);
    snprintf(made, sizeof made, "%s/new", local);
    snprintf(down, sizeof down, "%s/new/down.csv", local);
    snprintf(first, sizeof first, "%s/run.sh", local);
    snprintf(second, sizeof second, "%s/no", local);
    file = fopen(up, "w");
    if (file == NULL) {
        return 1;
    }
    for (i = 0; i < 100000; i++) {
        fputs("a,b\n", file);
    }
    fclose(file);
    must(vtrix_sandbox_upload_file(sandbox, vtrix_str_from(up), VTRIX_STR("/data/large.csv"), NULL, &error), error);
    vtrix_transfer_options_init(&make, sizeof make);
    make.mkdir_recursive = 1;
    must(vtrix_sandbox_download_file(sandbox, VTRIX_STR("/data/large.csv"), vtrix_str_from(down), &make, &buffer, &error), error);
    printf("saved to Some(\"");
    show_text(vtrix_buffer_text(buffer));
    puts("\")");
    vtrix_buffer_free(buffer);
    several[0].name = VTRIX_STR("/app/run.sh");
    several[0].value = vtrix_str_from(first);
    several[1].name = VTRIX_STR("/no");
    several[1].value = vtrix_str_from(second);
    must(vtrix_sandbox_download_files(sandbox, several, 2, NULL, &saved, &error), error);
    printf("{");
    for (i = 0; i < vtrix_saved_list_len(saved); i++) {
        vtrix_str path = vtrix_saved_list_path(saved, i), there = vtrix_saved_list_local(saved, i);
        printf("%s\"%.*s\": ", i > 0 ? ", " : "", (int)path.len, path.data);
        if (there.len > 0) {
            printf("Some(\"%.*s\")", (int)there.len, there.data);
        } else {
            printf("None");
        }
    }
    puts("}");
    vtrix_saved_list_free(saved);

    /* A large file piece by piece, in little memory. */
    must(vtrix_sandbox_read_stream(sandbox, VTRIX_STR("/data/large.csv"), 0, &stream, &error), error);
    while ((status = vtrix_stream_next(stream, VTRIX_NO_LIMIT, &event, &error)) == VTRIX_STATUS_OK) {
        total += event->data.len;
    }
    must(status == VTRIX_STATUS_END ? VTRIX_STATUS_OK : status, error);
    vtrix_stream_free(stream);
    printf("streamed %zu bytes\n", total);

    /* What went wrong is one of a closed set of statuses. */
    status = vtrix_sandbox_read(sandbox, VTRIX_STR("/app"), &config, &error);
    show_text(vtrix_error_text(error));
    printf(" (a directory: %s)\n", status == VTRIX_STATUS_IS_A_DIRECTORY ? "true" : "false");
    vtrix_error_free(error);

    remove(up);
    remove(down);
    remove(first);
    remove(made);
    remove(local);
    end(sandbox, client);
    return 0;
}
