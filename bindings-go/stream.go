package vtrix

// Streams: what arrives while it arrives, pulled. What is there is taken at once; otherwise the
// goroutine is parked until C tells that something came.

// #include "shim.h"
import "C"

import (
	"context"
	"io"
	"iter"
	"runtime"
	"runtime/cgo"
	"sync"
	"sync/atomic"
	"weak"
)

// wire is C's side of a stream. Whoever only ends it needs no more than this, so that a stream
// nobody reads any more can be collected though its context goes on.
type wire struct {
	mutex sync.Mutex
	raw   *C.vtrix_stream // Nil once freed, which only the one who reads does, or nobody can any more.
}

func (w *wire) cancel() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	C.vtrix_stream_cancel(w.raw)
}

func (w *wire) free() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	C.vtrix_stream_free(w.raw)
	w.raw = nil
}

// stream is pulled by one reader at a time; closing it is possible at any time.
type stream struct {
	wire    *wire
	sandbox weak.Pointer[Sandbox]
	ctx     context.Context
	unwatch func() bool
	reading chan struct{} // Holds one token: whoever has it reads.
	closed  atomic.Bool
	ended   error // With the token.
}

func newStream(ctx context.Context, sandbox weak.Pointer[Sandbox], raw *C.vtrix_stream) *stream {
	w := &wire{raw: raw}
	s := &stream{
		wire: w, sandbox: sandbox, ctx: ctx, reading: make(chan struct{}, 1),
		unwatch: context.AfterFunc(ctx, w.cancel),
	}
	s.reading <- struct{}{}
	unwatch := s.unwatch
	runtime.AddCleanup(s, func(w *wire) {
		unwatch()
		w.free()
	}, w)
	return s
}

// Close ends the stream: whoever reads it gets ErrClosed, and so does every later read. Of Stream
// the command is killed unless it has ended; other streams touch nothing. It does not wait, may be
// called more than once, and returns nil.
func (s *stream) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.unwatch()
	s.wire.cancel()
	select {
	case <-s.reading:
		s.release()
	default:
		// The reader sees the end, and lets go of it.
	}
	return nil
}

// next gives io.EOF after the last event, and the failure that ended the stream ever after.
func (s *stream) next(ctx context.Context) (*Event, error) {
	select {
	case <-s.reading:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer s.release()
	if s.ended != nil {
		return nil, s.ended
	}
	if s.closed.Load() {
		return nil, s.end(errStreamClosed)
	}
	if err := s.ctx.Err(); err != nil {
		return nil, s.end(err)
	}
	event, err := s.pull(ctx)
	switch {
	case err == nil && event == nil:
		return nil, s.end(io.EOF)
	case err == nil:
		return event, nil
	case ctx.Err() != nil && err == ctx.Err():
		return nil, err
	case !isCancelled(err):
		return nil, s.end(err)
	case s.ctx.Err() != nil:
		return nil, s.end(s.ctx.Err())
	}
	return nil, s.end(errStreamClosed)
}

// release gives the token back, and lets go of C's stream if it is over.
func (s *stream) release() {
	if s.ended != nil || s.closed.Load() {
		s.unwatch()
		s.wire.free()
	}
	s.reading <- struct{}{}
	if s.closed.Load() {
		// Closed after the look above, by one who found the token taken.
		select {
		case <-s.reading:
			s.wire.free()
			s.reading <- struct{}{}
		default:
		}
	}
}

// end keeps what ended the stream.
func (s *stream) end(err error) error {
	s.ended = ranIn(s.sandbox, err)
	return err
}

var errStreamClosed = &Error{Kind: ErrClosed, Message: "the stream was closed"}

// brief has room for the goroutines that may wait in C, for a millisecond.
var brief = make(chan struct{}, 4)

// pull takes the next event; nil after the last. With the token, so nobody frees what it reads.
func (s *stream) pull(ctx context.Context) (*Event, error) {
	raw := s.wire.raw
	var lent *C.vtrix_event
	var failure *C.vtrix_error
	status := C.vtrix_stream_next(raw, 0, &lent, &failure)
	if status == C.VTRIX_STATUS_PENDING {
		// Of a stream that flows the next event is a moment away: to wait for it here is one
		// change of threads in place of three. So few may, and so briefly, that no thread is missed.
		select {
		case brief <- struct{}{}:
			status = C.vtrix_stream_next(raw, 1, &lent, &failure)
			<-brief
		default:
		}
	}
	switch status {
	case C.VTRIX_STATUS_OK:
		event := newEvent(lent)
		return &event, nil
	case C.VTRIX_STATUS_END:
		return nil, nil
	case C.VTRIX_STATUS_PENDING, C.VTRIX_STATUS_WOULD_DEADLOCK:
		C.vtrix_error_free(failure)
	default:
		return nil, takeError(status, failure)
	}
	f := newFlight()
	handle := cgo.NewHandle(f)
	defer handle.Delete()
	var begun C.go_begun
	if status := C.go_stream_next(raw, C.uintptr_t(handle), &begun); status != C.VTRIX_STATUS_OK {
		return nil, takeError(status, begun.error)
	}
	defer C.vtrix_task_free(begun.task)
	select {
	case <-f.done:
		return f.event, f.err
	case <-ctx.Done():
		C.vtrix_task_cancel(begun.task)
	}
	<-f.done
	if f.err != nil && isCancelled(f.err) && s.ctx.Err() == nil && !s.closed.Load() {
		return nil, ctx.Err()
	}
	return f.event, f.err
}

// ExecStream is a command's output while it arrives. One goroutine reads at a time, another waits
// its turn; Close may be called from any. A reader that stops reading stops only the command.
type ExecStream struct{ *stream }

// Next gives the next event, and io.EOF after the last. Once ctx is over it gives up the wait and
// loses nothing: the stream goes on, for as long as the context that it was opened with.
func (s *ExecStream) Next(ctx context.Context) (Event, error) {
	event, err := s.next(ctx)
	if err != nil {
		return Event{}, err
	}
	return *event, nil
}

// All goes through the events that are left, and closes the stream, also when the loop is left
// early. It ends with the first error.
func (s *ExecStream) All() iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		defer s.Close()
		for {
			event, err := s.Next(s.ctx)
			if err == io.EOF {
				return
			}
			if !yield(event, err) || err != nil {
				return
			}
		}
	}
}

// FileStream is a file while it arrives, of any size, in little memory. It is an io.Reader for one
// goroutine; Close may be called from any.
type FileStream struct {
	*stream
	left []byte
}

// Next gives the next piece, which belongs to the receiver, and io.EOF after the last.
func (s *FileStream) Next(ctx context.Context) ([]byte, error) {
	if len(s.left) > 0 {
		left := s.left
		s.left = nil
		return left, nil
	}
	event, err := s.next(ctx)
	if err != nil {
		return nil, err
	}
	return event.Data, nil
}

// Read makes it an io.Reader.
func (s *FileStream) Read(to []byte) (int, error) {
	for len(s.left) == 0 {
		if len(to) == 0 {
			return 0, nil
		}
		piece, err := s.Next(s.ctx)
		if err != nil {
			return 0, err
		}
		s.left = piece
	}
	n := copy(to, s.left)
	s.left = s.left[n:]
	return n, nil
}

// WriteTo makes it an io.WriterTo: io.Copy passes on the pieces as they are.
func (s *FileStream) WriteTo(to io.Writer) (int64, error) {
	var total int64
	for {
		piece, err := s.Next(s.ctx)
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
		n, err := to.Write(piece)
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
}

// All goes through the pieces that are left, and closes the stream, also when the loop is left
// early. It ends with the first error.
func (s *FileStream) All() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		defer s.Close()
		for {
			piece, err := s.Next(s.ctx)
			if err == io.EOF {
				return
			}
			if !yield(piece, err) || err != nil {
				return
			}
		}
	}
}
