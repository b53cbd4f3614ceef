/* What cgo cannot say: the asynchronous calls with their completions, each of which ends in one Go
 * function, and the caller's number for a call, which C knows as its user_data. Nothing here keeps
 * state. */
#ifndef VTRIX_GO_SHIM_H
#define VTRIX_GO_SHIM_H

#include <vtrix_sandbox.h>

/* In callbacks.go and log.go. */
extern void vtrixGoDone(uintptr_t call, void *value, uint64_t number, vtrix_error *error);
extern void vtrixGoNext(uintptr_t call, vtrix_event *event, vtrix_error *error);
extern int32_t vtrixGoEvent(uintptr_t call, vtrix_event *event);
extern int32_t vtrixGoProgress(uintptr_t call, vtrix_str path, uint64_t transferred, uint64_t total);
extern void vtrixGoLog(uintptr_t log, int32_t level, vtrix_str target, vtrix_str message);
extern void vtrixGoLogDrop(uintptr_t log);

/* What a call that was begun leaves: its task, or why it was not begun. */
typedef struct go_begun {
    vtrix_task *task;
    vtrix_error *error;
} go_begun;

#define GIVES(name, type)                                                             \
    static inline void go_on_##name(void *call, type *value, vtrix_error *error)      \
    {                                                                                 \
        vtrixGoDone((uintptr_t)call, value, 0, error);                                \
    }
GIVES(pool_status, vtrix_pool_status)
GIVES(rolling_status, vtrix_rolling_status)
GIVES(sandbox, vtrix_sandbox)
GIVES(sandbox_list, vtrix_sandbox_list)
GIVES(sandbox_info, vtrix_sandbox_info)
GIVES(finished, vtrix_finished)
GIVES(command, vtrix_command)
GIVES(stream, vtrix_stream)
GIVES(collected, vtrix_collected)
GIVES(read_result, vtrix_read_result)
GIVES(buffer, vtrix_buffer)
GIVES(file_list, vtrix_file_list)
GIVES(file_info, vtrix_file_info)
GIVES(saved_list, vtrix_saved_list)
#undef GIVES

static inline void go_on_done(void *call, vtrix_error *error)
{
    vtrixGoDone((uintptr_t)call, NULL, 0, error);
}

static inline void go_on_u64(void *call, uint64_t value, vtrix_error *error)
{
    vtrixGoDone((uintptr_t)call, NULL, value, error);
}

static inline void go_on_bool(void *call, bool value, vtrix_error *error)
{
    vtrixGoDone((uintptr_t)call, NULL, value ? 1 : 0, error);
}

static inline void go_on_next(void *call, const vtrix_event *event, vtrix_error *error)
{
    vtrixGoNext((uintptr_t)call, (vtrix_event *)event, error);
}

static inline int32_t go_on_event(void *call, const vtrix_event *event)
{
    return vtrixGoEvent((uintptr_t)call, (vtrix_event *)event);
}

static inline int32_t go_on_progress(void *call, vtrix_str path, uint64_t transferred, uint64_t total)
{
    return vtrixGoProgress((uintptr_t)call, path, transferred, total);
}

static inline void go_on_log(void *log, int32_t level, vtrix_str target, vtrix_str message)
{
    vtrixGoLog((uintptr_t)log, level, target, message);
}

static inline void go_drop_log(void *log)
{
    vtrixGoLogDrop((uintptr_t)log);
}

static inline void go_watch_events(vtrix_run_options *options, uintptr_t call)
{
    options->on_event = go_on_event;
    options->event_user_data = (void *)call;
}

static inline void go_watch_progress(vtrix_transfer_options *options, uintptr_t call)
{
    options->on_progress = go_on_progress;
    options->progress_user_data = (void *)call;
}

static inline vtrix_status go_set_log(int32_t level, uintptr_t log, vtrix_error **error)
{
    if (log == 0)
        return vtrix_set_log(NULL, NULL, NULL, level, error);
    return vtrix_set_log(go_on_log, (void *)log, go_drop_log, level, error);
}

#define CLIENT const vtrix_client *client
#define SANDBOX const vtrix_sandbox *sandbox
#define COMMAND const vtrix_command *command
#define CALL uintptr_t call, go_begun *begun
#define TO(on) go_on_##on, (void *)call, NULL, &begun->task, &begun->error
#define BEGIN(name, parameters, arguments)              \
    static inline vtrix_status go_##name parameters     \
    {                                                   \
        return vtrix_##name##_async arguments;          \
    }

BEGIN(client_create, (CLIENT, vtrix_str user_id, const vtrix_create_options *options, CALL), (client, user_id, options, TO(sandbox)))
BEGIN(client_attach, (CLIENT, vtrix_str sandbox_id, const vtrix_attach_options *options, CALL), (client, sandbox_id, options, TO(sandbox)))
BEGIN(client_list, (CLIENT, const vtrix_list_options *options, CALL), (client, options, TO(sandbox_list)))
BEGIN(client_get, (CLIENT, vtrix_str sandbox_id, CALL), (client, sandbox_id, TO(sandbox_info)))
BEGIN(client_delete, (CLIENT, vtrix_str sandbox_id, CALL), (client, sandbox_id, TO(done)))
BEGIN(client_pool_status, (CLIENT, CALL), (client, TO(pool_status)))
BEGIN(client_rolling_start, (CLIENT, vtrix_str image, CALL), (client, image, TO(rolling_status)))
BEGIN(client_rolling_status, (CLIENT, CALL), (client, TO(rolling_status)))
BEGIN(client_rolling_cancel, (CLIENT, CALL), (client, TO(rolling_status)))

BEGIN(sandbox_refresh, (SANDBOX, CALL), (sandbox, TO(done)))
BEGIN(sandbox_stop, (SANDBOX, const vtrix_stop_options *options, CALL), (sandbox, options, TO(done)))
BEGIN(sandbox_start, (SANDBOX, CALL), (sandbox, TO(done)))
BEGIN(sandbox_restart, (SANDBOX, CALL), (sandbox, TO(done)))
BEGIN(sandbox_delete, (SANDBOX, CALL), (sandbox, TO(done)))
BEGIN(sandbox_wait_until_active, (SANDBOX, uint64_t timeout_ms, CALL), (sandbox, timeout_ms, TO(done)))
BEGIN(sandbox_extend, (SANDBOX, uint64_t seconds, CALL), (sandbox, seconds, TO(done)))
BEGIN(sandbox_extend_timeout, (SANDBOX, uint64_t seconds, CALL), (sandbox, seconds, TO(done)))
BEGIN(sandbox_update, (SANDBOX, const vtrix_update_options *options, CALL), (sandbox, options, TO(done)))
BEGIN(sandbox_configure, (SANDBOX, const vtrix_payload *payloads, size_t len, CALL), (sandbox, payloads, len, TO(done)))

BEGIN(sandbox_run, (SANDBOX, vtrix_str line, const vtrix_run_options *options, CALL), (sandbox, line, options, TO(finished)))
BEGIN(sandbox_spawn, (SANDBOX, vtrix_str line, const vtrix_run_options *options, CALL), (sandbox, line, options, TO(command)))
BEGIN(sandbox_stream, (SANDBOX, vtrix_str line, const vtrix_run_options *options, CALL), (sandbox, line, options, TO(stream)))
BEGIN(sandbox_exec_logs, (SANDBOX, vtrix_str cmd_id, CALL), (sandbox, cmd_id, TO(stream)))
BEGIN(sandbox_kill, (SANDBOX, vtrix_str cmd_id, vtrix_str signal, CALL), (sandbox, cmd_id, signal, TO(done)))

BEGIN(command_wait, (COMMAND, CALL), (command, TO(finished)))
BEGIN(command_logs, (COMMAND, CALL), (command, TO(stream)))
BEGIN(command_collect_output, (COMMAND, int32_t stream, CALL), (command, stream, TO(collected)))
BEGIN(command_kill, (COMMAND, vtrix_str signal, CALL), (command, signal, TO(done)))

BEGIN(sandbox_read, (SANDBOX, vtrix_str path, CALL), (sandbox, path, TO(read_result)))
BEGIN(sandbox_write, (SANDBOX, vtrix_str path, vtrix_str content, CALL), (sandbox, path, content, TO(u64)))
BEGIN(sandbox_edit, (SANDBOX, vtrix_str path, vtrix_str old_text, vtrix_str new_text, CALL), (sandbox, path, old_text, new_text, TO(buffer)))
BEGIN(sandbox_write_files, (SANDBOX, const vtrix_write_file *files, size_t len, CALL), (sandbox, files, len, TO(done)))
BEGIN(sandbox_read_to_buffer, (SANDBOX, vtrix_str path, uint64_t max, CALL), (sandbox, path, max, TO(buffer)))
BEGIN(sandbox_read_stream, (SANDBOX, vtrix_str path, uint64_t chunk_size, CALL), (sandbox, path, chunk_size, TO(stream)))
BEGIN(sandbox_mkdir, (SANDBOX, vtrix_str path, CALL), (sandbox, path, TO(done)))
BEGIN(sandbox_list_files, (SANDBOX, vtrix_str path, CALL), (sandbox, path, TO(file_list)))
BEGIN(sandbox_stat, (SANDBOX, vtrix_str path, CALL), (sandbox, path, TO(file_info)))
BEGIN(sandbox_exists, (SANDBOX, vtrix_str path, CALL), (sandbox, path, TO(bool)))

BEGIN(sandbox_upload_file, (SANDBOX, vtrix_str local, vtrix_str path, const vtrix_transfer_options *options, CALL), (sandbox, local, path, options, TO(done)))
BEGIN(sandbox_download_file, (SANDBOX, vtrix_str path, vtrix_str local, const vtrix_transfer_options *options, CALL), (sandbox, path, local, options, TO(buffer)))
BEGIN(sandbox_download_files, (SANDBOX, const vtrix_pair *files, size_t len, const vtrix_transfer_options *options, CALL), (sandbox, files, len, options, TO(saved_list)))

static inline vtrix_status go_stream_next(vtrix_stream *stream, CALL)
{
    return vtrix_stream_next_async(stream, TO(next));
}

#undef CLIENT
#undef SANDBOX
#undef COMMAND
#undef CALL
#undef TO
#undef BEGIN

#endif
