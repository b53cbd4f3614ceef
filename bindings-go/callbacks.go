package vtrix

// A call under way: begun in C, waited for in Go. The goroutine that makes a call is parked on a
// channel and holds no thread. What C calls, on threads of its own, hands over and returns; only for
// a progress function it waits. A caller's own function is called on the goroutine that made the
// call, so a panic in it unwinds the caller's stack, and nothing of the caller's runs on a thread of
// C's.

// #include "shim.h"
import "C"

import (
	"context"
	"runtime/cgo"
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
	output  *output
	show    func(Progress) error
	dispose func(unsafe.Pointer)
	asks    chan ask
	over    chan struct{}
	failed  error
}

// ask is something to be done on the caller's goroutine before anything else happens.
type ask struct {
	what   func() error
	answer chan<- error
}

func newFlight() *flight { return &flight{done: make(chan struct{})} }

// watched is a flight whose caller is asked in between.
func watched() *flight {
	f := newFlight()
	f.asks, f.over = make(chan ask), make(chan struct{})
	return f
}

type beginning = func(call C.uintptr_t, begun *C.go_begun) error

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
	if err := begin(C.uintptr_t(handle), &begun); err != nil {
		return err
	}
	task := begun.task
	defer C.vtrix_task_free(task)

	if f.over == nil && ctx.Done() == nil {
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
	if f.over != nil {
		defer cancelOnceOver(ctx, task)()
		unwound := true
		defer func() {
			close(f.over)
			if unwound {
				// The caller's function panicked, or ended its goroutine.
				f.output.refuse()
				C.vtrix_task_cancel(task)
				<-f.done
				f.drop()
			}
		}()
		f.attend(task)
		unwound = false
		return
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		C.vtrix_task_cancel(task)
		<-f.done
	}
}

// cancelOnceOver cancels a call when ctx is over, though its caller is busy with a function of its
// own. What it returns puts an end to that.
func cancelOnceOver(ctx context.Context, task *C.vtrix_task) func() {
	own := C.vtrix_task_ref(task)
	unwatch := context.AfterFunc(ctx, func() {
		C.vtrix_task_cancel(own)
		C.vtrix_task_free(own)
	})
	return func() {
		if unwatch() {
			C.vtrix_task_free(own)
		}
	}
}

// attend does what is asked of the caller's goroutine, until the call is over and all is done.
func (f *flight) attend(task *C.vtrix_task) {
	for {
		select {
		case <-f.done:
			// Told after the last output, some of which may still wait.
			f.serve(f.output.pass, task)
			return
		case <-f.output.arrived():
			f.serve(f.output.pass, task)
		case ask := <-f.asks:
			ask.answer <- f.serve(func(*C.vtrix_task) error { return ask.what() }, task)
		}
	}
}

// serve calls functions of the caller's, unless one failed before.
func (f *flight) serve(what func(task *C.vtrix_task) error, task *C.vtrix_task) error {
	if f.failed == nil {
		if f.failed = what(task); f.failed != nil {
			f.output.refuse()
			C.vtrix_task_cancel(task)
		}
	}
	return f.failed
}

// consult has something done on the caller's goroutine before anything else happens.
func (f *flight) consult(what func() error) C.int32_t {
	answer := make(chan error, 1)
	select {
	case f.asks <- ask{what, answer}:
	case <-f.over:
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

//export vtrixGoEvent
func vtrixGoEvent(call C.uintptr_t, raw *C.vtrix_event) C.int32_t {
	if raw._type != C.VTRIX_EVENT_STDOUT && raw._type != C.VTRIX_EVENT_STDERR {
		return C.VTRIX_CONTINUE
	}
	if !flightOf(call).output.keep(EventType(raw._type), lent(raw.data)) {
		return C.VTRIX_STOP
	}
	return C.VTRIX_KEPT
}

//export vtrixGoProgress
func vtrixGoProgress(call C.uintptr_t, path C.vtrix_str, transferred, total C.uint64_t) C.int32_t {
	f := flightOf(call)
	seen := Progress{Path: text(path), Transferred: int64(transferred), Total: offsetOf(total)}
	return f.consult(func() error { return f.show(seen) })
}
