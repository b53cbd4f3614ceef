/* The session extension, signatures first. Nothing here exists yet; nothing here is stable. */
#ifndef VTRIX_SANDBOX_PREVIEW_H
#define VTRIX_SANDBOX_PREVIEW_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of the stable header. */
typedef int32_t vtrix_status;
typedef struct vtrix_error vtrix_error;
typedef struct vtrix_sandbox vtrix_sandbox;
typedef struct vtrix_exec_event vtrix_exec_event;
typedef struct vtrix_exec_options vtrix_exec_options;
typedef struct vtrix_buffer vtrix_buffer;
typedef struct vtrix_str {
  const char *data;
  size_t len;
} vtrix_str;
typedef void (*vtrix_drop_fn)(void *user_data);

/* A terminal's size, in characters. rows and cols of 0: no terminal. */
typedef struct vtrix_pty {
  uint16_t rows;
  uint16_t cols;
} vtrix_pty;

/* All zero is the default for every field; append-only. */
typedef struct vtrix_process_options {
  size_t struct_size;
  uint8_t open_stdin;
  vtrix_pty pty;
} vtrix_process_options;

void vtrix_process_options_init(vtrix_process_options *options, size_t struct_size);

/* A command that can be talked to. Freeing it kills the command; detaching does not.
 * Methods: start, next, write_stdin, close_stdin, resize, handle, detach, free. */
typedef struct vtrix_process vtrix_process;

/* exec and options may be NULL. */
vtrix_status vtrix_process_start(const vtrix_sandbox *sandbox, vtrix_str command,
                                 const vtrix_exec_options *exec,
                                 const vtrix_process_options *options,
                                 vtrix_process **out_process, vtrix_error **out_error);
/* Pull. timeout_ms: UINT64_MAX waits for ever. */
vtrix_status vtrix_process_next(vtrix_process *process, uint64_t timeout_ms,
                                vtrix_exec_event **out_event, vtrix_error **out_error);
/* Blocks while the command does not read. Writes all of data, or fails. */
vtrix_status vtrix_process_write_stdin(const vtrix_process *process, vtrix_str data,
                                       vtrix_error **out_error);
vtrix_status vtrix_process_close_stdin(const vtrix_process *process, vtrix_error **out_error);
vtrix_status vtrix_process_resize(const vtrix_process *process, vtrix_pty size,
                                  vtrix_error **out_error);
/* The resume handle as text: where what vtrix_process_next has handed out ends. */
vtrix_status vtrix_process_handle(const vtrix_process *process, vtrix_buffer **out_handle,
                                  vtrix_error **out_error);
vtrix_status vtrix_process_detach(vtrix_process *process, vtrix_buffer **out_handle,
                                  vtrix_error **out_error);
void vtrix_process_free(vtrix_process *process);

/* handle: the text of vtrix_process_handle, from this program or another one. */
vtrix_status vtrix_sandbox_resume(const vtrix_sandbox *sandbox, vtrix_str handle,
                                  vtrix_process **out_process, vtrix_error **out_error);

/* A TCP connection to a port inside the sandbox. Methods: connect, read, write, shutdown, free. */
typedef struct vtrix_port vtrix_port;

vtrix_status vtrix_sandbox_connect_port(const vtrix_sandbox *sandbox, uint16_t port,
                                        vtrix_port **out_port, vtrix_error **out_error);
/* *out_len of 0 is the end. */
vtrix_status vtrix_port_read(const vtrix_port *port, void *data, size_t len, size_t *out_len,
                             vtrix_error **out_error);
vtrix_status vtrix_port_write(const vtrix_port *port, vtrix_str data, vtrix_error **out_error);
vtrix_status vtrix_port_shutdown(const vtrix_port *port, vtrix_error **out_error);
void vtrix_port_free(vtrix_port *port);

/* A file that is being written beside its path. Freeing it uncommitted leaves the old file.
 * Methods: open, write, commit, free. */
typedef struct vtrix_write_stream vtrix_write_stream;

typedef struct vtrix_write_stream_options {
  size_t struct_size;
  uint8_t has_mode;
  uint32_t mode;
  uint8_t has_size;
  uint64_t size;
} vtrix_write_stream_options;

void vtrix_write_stream_options_init(vtrix_write_stream_options *options, size_t struct_size);
vtrix_status vtrix_sandbox_write_stream(const vtrix_sandbox *sandbox, vtrix_str path,
                                        const vtrix_write_stream_options *options,
                                        vtrix_write_stream **out_stream, vtrix_error **out_error);
vtrix_status vtrix_write_stream_write(vtrix_write_stream *stream, vtrix_str data,
                                      vtrix_error **out_error);
vtrix_status vtrix_write_stream_commit(vtrix_write_stream *stream, uint64_t *out_bytes,
                                       vtrix_error **out_error);
void vtrix_write_stream_free(vtrix_write_stream *stream);

/* What happens to a sandbox's connection. Unknown kinds are to be ignored. */
typedef int32_t vtrix_connection_event_kind;
#define VTRIX_CONNECTION_CONNECTED 1
#define VTRIX_CONNECTION_LOST 2
#define VTRIX_CONNECTION_RESUMED 3
#define VTRIX_CONNECTION_CLOSED 4

typedef struct vtrix_connection_event vtrix_connection_event;

vtrix_connection_event_kind vtrix_connection_event_get_kind(const vtrix_connection_event *event);
uint8_t vtrix_connection_event_extension(const vtrix_connection_event *event);
vtrix_str vtrix_connection_event_reason(const vtrix_connection_event *event);
uint64_t vtrix_connection_event_retry_in_ms(const vtrix_connection_event *event);
uint64_t vtrix_connection_event_streams(const vtrix_connection_event *event);

/* Events are borrowed, one at a time, on a thread of the library's. */
typedef void (*vtrix_connection_fn)(void *user_data, const vtrix_connection_event *event);
/* fn of NULL ends it; drop runs once, after the last call. */
vtrix_status vtrix_sandbox_on_connection(const vtrix_sandbox *sandbox, vtrix_connection_fn fn,
                                         void *user_data, vtrix_drop_fn drop,
                                         vtrix_error **out_error);

/* A gap among a command's events: bytes [from, to) of one stream are gone. */
#define VTRIX_EXEC_EVENT_GAP 5
uint64_t vtrix_exec_event_gap_from(const vtrix_exec_event *event);
uint64_t vtrix_exec_event_gap_to(const vtrix_exec_event *event);

#ifdef __cplusplus
}
#endif

#endif
