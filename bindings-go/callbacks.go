package vtrix

// A call under way: begun in C, waited for in Go. The goroutine that makes a call is parked on a
// channel and holds no thread. What C calls, on threads of its own, hands over and returns; a
// caller's own function is called on the goroutine that made the call, so a panic in it unwinds
// the caller's stack, and nothing of the caller's runs on a thread of C's.

// #include "shim.h"
import "C"

import (
	"context"
	"runtime/cgo"
	"sync"
	"unsafe"
)

// flight is one call under way.
type flight struct {
	done   chan struct{}
	value  unsafe.Pointer
	number uint64
	err    error

	// Of a pull: the event, copied while it was lent.
	event *Event

	// Of a call that has functions of the caller's: what they are, and how they are asked for.
	write   func(Event) error
	show    func(Progress) error
	dispose func(unsafe.Pointer)
	asks    chan ask
	over    chan struct{}
	failed  error
}

// ask is something to be done on the caller's goroutine; answer may be nil.
type ask struct {
	what   func() error
	answer chan<- error
}

// ahead is how many events of a call may wait for its caller's functions: enough that the wire
// goes on while they are at work, and 1 MiB at most.
const ahead = 16

func newFlight() *flight { return &flight{done: make(chan struct{})} }

// watched is a flight whose caller is asked in between.
func watched() *flight {
	f := newFlight()
	f.asks, f.over = make(chan ask, ahead), make(chan struct{})
	return f
}

type beginning = func(call C.uintptr_t, begun *C.go_begun) C.vtrix_status

// fly begins a call and waits for its end. Once ctx is over the call is cancelled, which for a
// command that is being waited for means killed, and its end is still waited for: afterwards
// nothing of it goes on.
func (f *flight) fly(ctx context.Context, begin beginning) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	handle := cgo.NewHandle(f)
	defer handle.Delete()
	var begun C.go_begun
	if status := begin(C.uintptr_t(handle), &begun); status != C.VTRIX_STATUS_OK {
		return takeError(status, begun.error)
	}
	task := begun.task
	defer C.vtrix_task_free(task)

	if f.asks == nil && ctx.Done() == nil {
		<-f.done
		return f.err
	}
	f.await(ctx, task)
	switch {
	case f.failed != nil:
		f.drop()
		return &Error{Kind: ErrCallback, Message: f.failed.Error(), err: f.failed}
	case f.err != nil && ctx.Err() != nil && isCancelled(f.err):
		return ctx.Err()
	}
	return f.err
}

// drop lets go of a result that nobody gets.
func (f *flight) drop() {
	if f.value != nil && f.dispose != nil {
		f.dispose(f.value)
		f.value = nil
	}
}

func (f *flight) await(ctx context.Context, task *C.vtrix_task) {
	unwound := true
	if f.over != nil {
		defer func() {
			close(f.over)
			if unwound {
				// The caller's function panicked, or ended its goroutine.
				C.vtrix_task_cancel(task)
				<-f.done
				f.drop()
			}
		}()
	}
	cancelled := ctx.Done()
	for {
		select {
		case <-f.done:
			// Told after the last event, some of which may still wait.
			for len(f.asks) > 0 {
				f.serve(<-f.asks, task)
			}
			unwound = false
			return
		case <-cancelled:
			C.vtrix_task_cancel(task)
			cancelled = nil
		case ask := <-f.asks:
			f.serve(ask, task)
		}
	}
}

// serve calls a function of the caller's, unless one failed before.
func (f *flight) serve(ask ask, task *C.vtrix_task) {
	if f.failed == nil {
		if f.failed = ask.what(); f.failed != nil {
			C.vtrix_task_cancel(task)
		}
	}
	if ask.answer != nil {
		ask.answer <- f.failed
	}
}

// ask has something done on the caller's goroutine, in order, and goes on meanwhile.
func (f *flight) ask(what func() error, answer chan<- error) C.int32_t {
	select {
	case f.asks <- ask{what, answer}:
		return C.VTRIX_CONTINUE
	case <-f.over:
		return C.VTRIX_STOP
	}
}

// consult has something done on the caller's goroutine before anything else happens.
func (f *flight) consult(what func() error) C.int32_t {
	answer := make(chan error, 1)
	if f.ask(what, answer) == C.VTRIX_STOP {
		return C.VTRIX_STOP
	}
	select {
	case err := <-answer:
		if err == nil {
			return C.VTRIX_CONTINUE
		}
	case <-f.over:
	}
	return C.VTRIX_STOP
}

func flightOf(call C.uintptr_t) *flight { return cgo.Handle(call).Value().(*flight) }

//export vtrixGoDone
func vtrixGoDone(call C.uintptr_t, value unsafe.Pointer, number C.uint64_t, err *C.vtrix_error) {
	f := flightOf(call)
	f.value, f.number, f.err = value, uint64(number), takeFailure(err)
	close(f.done)
}

//export vtrixGoNext
func vtrixGoNext(call C.uintptr_t, lent *C.vtrix_event, err *C.vtrix_error) {
	f := flightOf(call)
	if lent != nil {
		seen := newEvent(lent)
		f.event = &seen
	}
	f.err = takeFailure(err)
	close(f.done)
}

// pieces are buffers for what writers are given. A writer keeps nothing of it, so each is used again.
var pieces = sync.Pool{New: func() any { return new([]byte) }}

//export vtrixGoEvent
func vtrixGoEvent(call C.uintptr_t, raw *C.vtrix_event) C.int32_t {
	f := flightOf(call)
	if raw._type != C.VTRIX_EVENT_STDOUT && raw._type != C.VTRIX_EVENT_STDERR {
		return C.VTRIX_CONTINUE
	}
	piece := pieces.Get().(*[]byte)
	*piece = append((*piece)[:0], lent(raw.data)...)
	seen := Event{Type: EventType(raw._type), Data: *piece}
	return f.ask(func() error {
		defer pieces.Put(piece)
		return f.write(seen)
	}, nil)
}

//export vtrixGoProgress
func vtrixGoProgress(call C.uintptr_t, path C.vtrix_str, transferred, total C.uint64_t) C.int32_t {
	f := flightOf(call)
	seen := Progress{Path: text(path), Transferred: int64(transferred), Total: offsetOf(total)}
	return f.consult(func() error { return f.show(seen) })
}
