package vtrix

// The library beneath as a whole: its threads, its log, its version.

// #include "shim.h"
import "C"

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
	"unsafe"
)

// StartOptions of StartLibrary. The zero value of each field is its default.
type StartOptions struct {
	// WorkerThreads drive sockets and timers; 2.
	WorkerThreads uint32
	// CallbackThreads is how many functions of callers may be at work at the same time; 512.
	CallbackThreads uint32
}

// StartLibrary starts the library's threads with numbers of the caller's. Not needed: the first
// client starts them with the defaults. ErrConflict if they run already.
func StartLibrary(options StartOptions) error {
	o := &C.vtrix_start_options{}
	C.vtrix_start_options_init(o, C.size_t(unsafe.Sizeof(*o)))
	o.worker_threads, o.callback_threads = C.uint32_t(options.WorkerThreads), C.uint32_t(options.CallbackThreads)
	var failure *C.vtrix_error
	if status := C.vtrix_start(o, &failure); status != C.VTRIX_STATUS_OK {
		return takeError(status, failure)
	}
	return nil
}

// Shutdown ends every call in flight, with ErrShutDown, and joins every thread of the library. It
// waits for writers and functions of callers that are at work. Not needed before a program ends; a
// client made afterwards starts the library anew.
func Shutdown() error {
	var failure *C.vtrix_error
	if status := C.vtrix_shutdown(&failure); status != C.VTRIX_STATUS_OK {
		return takeError(status, failure)
	}
	return nil
}

// LevelTrace is below slog.LevelDebug: everything.
const LevelTrace = slog.LevelDebug - 4

var logger atomic.Pointer[slog.Logger]

// SetLogger has the library's log go to logger, from level on; nil unsets it. Records come on a
// thread kept for that. Nothing in them is a token, a variable's value or content.
func SetLogger(to *slog.Logger, level slog.Level) error {
	finest := C.int32_t(C.VTRIX_LOG_OFF)
	if to != nil {
		switch {
		case level >= slog.LevelError:
			finest = C.VTRIX_LOG_ERROR
		case level >= slog.LevelWarn:
			finest = C.VTRIX_LOG_WARN
		case level >= slog.LevelInfo:
			finest = C.VTRIX_LOG_INFO
		case level >= slog.LevelDebug:
			finest = C.VTRIX_LOG_DEBUG
		default:
			finest = C.VTRIX_LOG_TRACE
		}
		logger.Store(to)
	}
	var failure *C.vtrix_error
	if status := C.go_set_log(finest, &failure); status != C.VTRIX_STATUS_OK {
		return takeError(status, failure)
	}
	if to == nil {
		logger.Store(nil)
	}
	return nil
}

//export vtrixGoLog
func vtrixGoLog(number C.int32_t, target, message C.vtrix_str) {
	to := logger.Load()
	if to == nil {
		return
	}
	level := LevelTrace
	switch number {
	case C.VTRIX_LOG_ERROR:
		level = slog.LevelError
	case C.VTRIX_LOG_WARN:
		level = slog.LevelWarn
	case C.VTRIX_LOG_INFO:
		level = slog.LevelInfo
	case C.VTRIX_LOG_DEBUG:
		level = slog.LevelDebug
	}
	record := slog.NewRecord(time.Now(), level, text(message), 0)
	record.AddAttrs(slog.String("target", text(target)))
	if handler := to.Handler(); handler.Enabled(context.Background(), level) {
		_ = handler.Handle(context.Background(), record)
	}
}

// Version is that of the library beneath, which is also this package's.
func Version() string { return C.GoString(C.vtrix_version()) }

// Quote quotes a text for /bin/sh, so that it is one word whatever it holds.
func Quote(word string) (string, error) {
	var raw *C.vtrix_buffer
	var failure *C.vtrix_error
	status := C.vtrix_quote(str(word), &raw, &failure)
	return bufferText(status, raw, failure)
}
