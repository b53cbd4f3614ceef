package vtrix

// What goes wrong: one type of error, whose kind is one of a closed set with the same names in
// every language. A kind is an error itself, so errors.Is tells it.

// #include "shim.h"
import "C"

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"
)

// Kind is what an error means: compare with errors.Is, or switch over Error.Kind. Later versions
// may have more kinds; treat one that you do not know as ErrGateway.
type Kind string

// Every kind.
const (
	// ErrInvalidArgument: an argument or an option is not valid; the message names it. Nothing was
	// sent, or the gateway refused it.
	ErrInvalidArgument Kind = "invalid_argument"
	// ErrClosed: the sandbox handle or the client was closed before or during the call. Matches
	// fs.ErrClosed too.
	ErrClosed Kind = "closed"
	// ErrCancelled: the call was cancelled otherwise than by its context, whose own error comes in
	// that case. Matches context.Canceled too.
	ErrCancelled Kind = "cancelled"
	// ErrLocalIo: a file or directory of this machine could not be used; the message names it.
	ErrLocalIo Kind = "local_io"
	// ErrCallback: a function, reader or writer of the caller's failed; errors.Is and errors.As
	// find its own error too.
	ErrCallback Kind = "callback"
	// ErrPartial: some of several files failed; Error.Failures has each with its own error.
	ErrPartial Kind = "partial"
	// ErrUnauthorized: the token is missing, wrong, or not allowed to do this.
	ErrUnauthorized Kind = "unauthorized"
	// ErrRateLimited: too many requests or sandboxes; Error.RetryAfter says when to come back,
	// where the gateway does.
	ErrRateLimited Kind = "rate_limited"
	// ErrBusy: a limit on concurrent work in the sandbox is reached.
	ErrBusy Kind = "busy"
	// ErrConnectFailed: no connection could be made; nothing was sent.
	ErrConnectFailed Kind = "connect_failed"
	// ErrConnectTimeout: no connection was made within the connect time-out; nothing was sent.
	// Matches os.ErrDeadlineExceeded too.
	ErrConnectTimeout Kind = "connect_timeout"
	// ErrConnectionLost: the connection ended while the call was open; Error.MayHaveRun says
	// whether it can have had an effect.
	ErrConnectionLost Kind = "connection_lost"
	// ErrTimeout: the call's own deadline passed. Its command, if it ran one, is killed. Matches
	// os.ErrDeadlineExceeded too.
	ErrTimeout Kind = "timeout"
	// ErrProtocol: the other end does not keep to the protocol.
	ErrProtocol Kind = "protocol"
	// ErrUnavailable: the service answers, and cannot serve now.
	ErrUnavailable Kind = "unavailable"
	// ErrTlsFailed: no secure connection could be made: one side does not trust the other's
	// certificate, or they have nothing in common; nothing was sent.
	ErrTlsFailed Kind = "tls_failed"
	// ErrProxyRefused: the proxy on the way wants other credentials, or does not let this gateway
	// be reached; nothing was sent.
	ErrProxyRefused Kind = "proxy_refused"
	// ErrNotFound: no such sandbox, or it was deleted.
	ErrNotFound Kind = "not_found"
	// ErrConflict: the sandbox, as it is, does not allow this.
	ErrConflict Kind = "conflict"
	// ErrNotActive: the sandbox is not active: stopped, failed, or on its way out.
	ErrNotActive Kind = "not_active"
	// ErrCommandTimedOut: the command ran past its own timeout and was killed; Error.Command has
	// what it wrote.
	ErrCommandTimedOut Kind = "command_timed_out"
	// ErrCommandNotFound: no command of that id is remembered.
	ErrCommandNotFound Kind = "command_not_found"
	// ErrCommandNotStarted: the command could not be started; it did not run.
	ErrCommandNotStarted Kind = "command_not_started"
	// ErrNotResumable: output or a file stream can't be continued without a gap.
	ErrNotResumable Kind = "not_resumable"
	// ErrFileNotFound: no such file or directory in the sandbox. Matches fs.ErrNotExist too.
	ErrFileNotFound Kind = "file_not_found"
	// ErrNotADirectory: the path, or a parent of it, is not a directory.
	ErrNotADirectory Kind = "not_a_directory"
	// ErrIsADirectory: the path is a directory where a file is needed.
	ErrIsADirectory Kind = "is_a_directory"
	// ErrPermissionDenied: the sandbox's root may not do that to this path. Matches
	// fs.ErrPermission too.
	ErrPermissionDenied Kind = "permission_denied"
	// ErrEditNoMatch: the text to replace does not occur.
	ErrEditNoMatch Kind = "edit_no_match"
	// ErrEditAmbiguous: the text to replace occurs more than once.
	ErrEditAmbiguous Kind = "edit_ambiguous"
	// ErrTooLarge: larger than the wire, a limit, or an option allows.
	ErrTooLarge Kind = "too_large"
	// ErrNoSpace: the sandbox's file system is full.
	ErrNoSpace Kind = "no_space"
	// ErrNotARegularFile: the path is a device, a pipe or a socket where a regular file is needed.
	ErrNotARegularFile Kind = "not_a_regular_file"
	// ErrFileChanged: the file changed while it was being read.
	ErrFileChanged Kind = "file_changed"
	// ErrFileIo: another failure of the sandbox's file system.
	ErrFileIo Kind = "file_io"
	// ErrGateway: another error of the gateway's; Error.Code is the gateway's own.
	ErrGateway Kind = "gateway"
	// ErrInternal: a bug of this library's.
	ErrInternal Kind = "internal"

	// ErrShutDown: the library was shut down before or during the call; see Shutdown.
	ErrShutDown Kind = "shut_down"
	// ErrBusyStream: the stream has another reader at the moment.
	ErrBusyStream Kind = "busy_stream"
	// ErrWouldDeadlock: Shutdown was called from a function that it would wait for.
	ErrWouldDeadlock Kind = "would_deadlock"
	// ErrForked: the process is a fork of the one that made the handle.
	ErrForked Kind = "forked"
)

// kinds are the statuses of C.
var kinds = map[C.vtrix_status]Kind{
	C.VTRIX_STATUS_INVALID_ARGUMENT:    ErrInvalidArgument,
	C.VTRIX_STATUS_CLOSED:              ErrClosed,
	C.VTRIX_STATUS_CANCELLED:           ErrCancelled,
	C.VTRIX_STATUS_LOCAL_IO:            ErrLocalIo,
	C.VTRIX_STATUS_CALLBACK:            ErrCallback,
	C.VTRIX_STATUS_PARTIAL:             ErrPartial,
	C.VTRIX_STATUS_WOULD_DEADLOCK:      ErrWouldDeadlock,
	C.VTRIX_STATUS_FORKED:              ErrForked,
	C.VTRIX_STATUS_SHUT_DOWN:           ErrShutDown,
	C.VTRIX_STATUS_BUSY_STREAM:         ErrBusyStream,
	C.VTRIX_STATUS_UNAUTHORIZED:        ErrUnauthorized,
	C.VTRIX_STATUS_RATE_LIMITED:        ErrRateLimited,
	C.VTRIX_STATUS_BUSY:                ErrBusy,
	C.VTRIX_STATUS_CONNECT_FAILED:      ErrConnectFailed,
	C.VTRIX_STATUS_CONNECT_TIMEOUT:     ErrConnectTimeout,
	C.VTRIX_STATUS_CONNECTION_LOST:     ErrConnectionLost,
	C.VTRIX_STATUS_TIMEOUT:             ErrTimeout,
	C.VTRIX_STATUS_PROTOCOL:            ErrProtocol,
	C.VTRIX_STATUS_UNAVAILABLE:         ErrUnavailable,
	C.VTRIX_STATUS_TLS_FAILED:          ErrTlsFailed,
	C.VTRIX_STATUS_PROXY_REFUSED:       ErrProxyRefused,
	C.VTRIX_STATUS_NOT_FOUND:           ErrNotFound,
	C.VTRIX_STATUS_CONFLICT:            ErrConflict,
	C.VTRIX_STATUS_NOT_ACTIVE:          ErrNotActive,
	C.VTRIX_STATUS_COMMAND_TIMED_OUT:   ErrCommandTimedOut,
	C.VTRIX_STATUS_COMMAND_NOT_FOUND:   ErrCommandNotFound,
	C.VTRIX_STATUS_COMMAND_NOT_STARTED: ErrCommandNotStarted,
	C.VTRIX_STATUS_NOT_RESUMABLE:       ErrNotResumable,
	C.VTRIX_STATUS_FILE_NOT_FOUND:      ErrFileNotFound,
	C.VTRIX_STATUS_NOT_A_DIRECTORY:     ErrNotADirectory,
	C.VTRIX_STATUS_IS_A_DIRECTORY:      ErrIsADirectory,
	C.VTRIX_STATUS_PERMISSION_DENIED:   ErrPermissionDenied,
	C.VTRIX_STATUS_EDIT_NO_MATCH:       ErrEditNoMatch,
	C.VTRIX_STATUS_EDIT_AMBIGUOUS:      ErrEditAmbiguous,
	C.VTRIX_STATUS_TOO_LARGE:           ErrTooLarge,
	C.VTRIX_STATUS_NO_SPACE:            ErrNoSpace,
	C.VTRIX_STATUS_NOT_A_REGULAR_FILE:  ErrNotARegularFile,
	C.VTRIX_STATUS_FILE_CHANGED:        ErrFileChanged,
	C.VTRIX_STATUS_FILE_IO:             ErrFileIo,
	C.VTRIX_STATUS_GATEWAY:             ErrGateway,
	C.VTRIX_STATUS_INTERNAL:            ErrInternal,
}

// alike are errors of the standard library that mean the same.
var alike = map[Kind]error{
	ErrClosed:           fs.ErrClosed,
	ErrCancelled:        context.Canceled,
	ErrConnectTimeout:   os.ErrDeadlineExceeded,
	ErrTimeout:          os.ErrDeadlineExceeded,
	ErrFileNotFound:     fs.ErrNotExist,
	ErrPermissionDenied: fs.ErrPermission,
}

// Error makes a kind an error to compare with.
func (k Kind) Error() string { return "vtrix: " + string(k) }

// kindOf a status; one that this version does not know is the gateway's.
func kindOf(status C.vtrix_status) Kind {
	if kind, known := kinds[status]; known {
		return kind
	}
	return ErrGateway
}

// Error is what every failing call of this package returns, unless its context was over: then it
// is that context's own error.
type Error struct {
	// Kind says what it means.
	Kind Kind
	// Operation that failed, such as "read"; empty where none did.
	Operation string
	// Message is for people, and may change.
	Message string
	// Code is the gateway's own number; 0 where there is none.
	Code int64
	// HTTPStatus is 0 where the error came without one.
	HTTPStatus int
	// RequestID names the request in the gateway's own log; empty where there is none.
	RequestID string
	// Retryable says that the same call, made again, may succeed without anything happening twice.
	Retryable bool
	// RetryAfter is when the gateway asks to be called again at the earliest; 0 where it did not
	// say.
	RetryAfter time.Duration
	// MayHaveRun says whether the call may have had its effect: No is a promise. Unknown where the
	// kind says it all.
	MayHaveRun Answer
	// Command is what is known of the command that the call ran; nil without one.
	Command *Finished
	// Failures has the error of each file of several, by its path in the sandbox.
	Failures map[string]*Error
	// Saved has, by path in the sandbox, where the other files were saved; an empty text for one
	// that the sandbox does not have.
	Saved map[string]string

	text string
	err  error
}

// Error is operation, message, request and causes in one line.
func (e *Error) Error() string {
	if e.text != "" {
		return e.text
	}
	return e.Message
}

// Is reports whether target is the error's kind, or means the same in the standard library.
func (e *Error) Is(target error) bool {
	if kind, ok := target.(Kind); ok {
		return kind == e.Kind
	}
	same, ok := alike[e.Kind]
	return ok && target == same
}

// Unwrap gives the error of the caller's own function, reader or writer, where one failed.
func (e *Error) Unwrap() error { return e.err }

// Timeout makes it look like the time-outs of package net.
func (e *Error) Timeout() bool { return e.Is(os.ErrDeadlineExceeded) }

// takeError owns what C says of a call that could not be begun.
func takeError(status C.vtrix_status, raw *C.vtrix_error) error {
	if raw == nil {
		return &Error{Kind: kindOf(status), Message: C.GoString(C.vtrix_status_name(status))}
	}
	return takeFailure(raw)
}

// takeFailure owns an error of C's; nil is none.
func takeFailure(raw *C.vtrix_error) error {
	if raw == nil {
		return nil
	}
	defer C.vtrix_error_free(raw)
	return copied(raw)
}

func copied(raw *C.vtrix_error) *Error {
	e := &Error{
		Kind:       kindOf(C.vtrix_error_status(raw)),
		Operation:  text(C.vtrix_error_operation(raw)),
		Message:    text(C.vtrix_error_message(raw)),
		Code:       int64(C.vtrix_error_code(raw)),
		HTTPStatus: int(C.vtrix_error_http_status(raw)),
		RequestID:  text(C.vtrix_error_request_id(raw)),
		Retryable:  bool(C.vtrix_error_retryable(raw)),
		RetryAfter: time.Duration(C.vtrix_error_retry_after_ms(raw)) * time.Millisecond,
		MayHaveRun: answer(C.vtrix_error_may_have_run(raw)),
		text:       text(C.vtrix_error_text(raw)),
	}
	if command := C.vtrix_error_command(raw); command != nil {
		e.Command = newFinished(command)
	}
	if n := C.vtrix_error_failures_len(raw); n > 0 {
		e.Failures = make(map[string]*Error, int(n))
		for at := range n {
			e.Failures[text(C.vtrix_error_failure_path(raw, at))] = copied(C.vtrix_error_failure(raw, at))
		}
	}
	if n := C.vtrix_error_saved_len(raw); n > 0 {
		e.Saved = make(map[string]string, int(n))
		for at := range n {
			e.Saved[text(C.vtrix_error_saved_path(raw, at))] = text(C.vtrix_error_saved_local(raw, at))
		}
	}
	return e
}

func isCancelled(err error) bool { return errors.Is(err, ErrCancelled) }

func invalid(format string) error {
	return &Error{Kind: ErrInvalidArgument, Message: format}
}
