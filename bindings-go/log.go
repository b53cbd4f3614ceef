package vtrix

// The library's log, on its way to a caller's handler. C hands a record over and goes on; a
// goroutine of the log's own calls the handler, so nothing of the caller's runs on a thread of C's,
// and a handler that is slow loses records, which is said, and slows nobody.

// #include "shim.h"
import "C"

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/cgo"
	"sync/atomic"
	"time"
)

// LevelTrace is below slog.LevelDebug: everything.
const LevelTrace = slog.LevelDebug - 4

// recordsWaiting for the handler; further ones are lost.
const recordsWaiting = 4096

// SetLogger has the library's log go to logger, from level on; nil unsets it. Its handler is called
// on a goroutine kept for that, one record after the other. Up to 4,096 records wait for it; of
// further ones, and of one at which the handler panicked, the next record says how many were lost.
// Once another logger is set, or none, what waits is still handled, without being waited for. After
// an error nothing goes to this logger. Nothing in a record is a token, a variable's value or
// content.
func SetLogger(to *slog.Logger, level slog.Level) error {
	var failure *C.vtrix_error
	if to == nil {
		if status := C.go_set_log(C.VTRIX_LOG_OFF, 0, &failure); status != C.VTRIX_STATUS_OK {
			return takeError(status, failure)
		}
		return nil
	}
	finest := C.int32_t(C.VTRIX_LOG_TRACE)
	switch {
	case level >= slog.LevelError:
		finest = C.VTRIX_LOG_ERROR
	case level >= slog.LevelWarn:
		finest = C.VTRIX_LOG_WARN
	case level >= slog.LevelInfo:
		finest = C.VTRIX_LOG_INFO
	case level >= slog.LevelDebug:
		finest = C.VTRIX_LOG_DEBUG
	}
	l := newLog(to.Handler())
	go l.work()
	// C lets go of the log, by vtrixGoLogDrop, once it has no more records for it; at once if it fails.
	if status := C.go_set_log(finest, C.uintptr_t(cgo.NewHandle(l)), &failure); status != C.VTRIX_STATUS_OK {
		return takeError(status, failure)
	}
	return nil
}

// log is one that was set, until it is unset.
type log struct {
	handler slog.Handler
	records chan slog.Record
	lost    atomic.Uint64
}

func newLog(handler slog.Handler) *log {
	return &log{handler: handler, records: make(chan slog.Record, recordsWaiting)}
}

// put waits for nobody.
func (l *log) put(record slog.Record) {
	select {
	case l.records <- record:
	default:
		l.lost.Add(1)
	}
}

// work handles what comes, until the last is handled.
func (l *log) work() {
	for record := range l.records {
		if lost := l.lost.Swap(0); lost > 0 {
			l.handle(newRecord(slog.LevelWarn, "vtrix", fmt.Sprintf("%d records were lost", lost)))
		}
		l.handle(record)
	}
}

// handle calls the handler. There is nobody whom a panic could unwind to.
func (l *log) handle(record slog.Record) {
	ctx := context.Background()
	defer func() {
		if recover() != nil {
			l.lost.Add(1)
		}
	}()
	if l.handler.Enabled(ctx, record.Level) {
		_ = l.handler.Handle(ctx, record)
	}
}

func newRecord(level slog.Level, target, message string) slog.Record {
	record := slog.NewRecord(time.Now(), level, message, 0)
	record.AddAttrs(slog.String("target", target))
	return record
}

//export vtrixGoLog
func vtrixGoLog(to C.uintptr_t, number C.int32_t, target, message C.vtrix_str) {
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
	cgo.Handle(to).Value().(*log).put(newRecord(level, text(target), text(message)))
}

//export vtrixGoLogDrop
func vtrixGoLogDrop(of C.uintptr_t) {
	handle := cgo.Handle(of)
	close(handle.Value().(*log).records)
	handle.Delete()
}
