package vtrix

// Whether there is a connection to a sandbox, told as it changes.

// #include "shim.h"
import "C"

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"weak"
)

// ConnectionState is what holds of a sandbox's connection.
type ConnectionState int

// States. Later versions may have more.
const (
	// Connected: there is one, or there are several.
	Connected ConnectionState = C.VTRIX_EVENT_CONNECTED
	// ConnectionIdle: there is none because none is needed. The next call makes one.
	ConnectionIdle ConnectionState = C.VTRIX_EVENT_IDLE
	// ConnectionLost: the last one broke, and calls that were under way have failed. The next call makes one.
	ConnectionLost ConnectionState = C.VTRIX_EVENT_LOST
	// ConnectionClosed: there will be none any more, since the handle was closed. Nothing comes after it.
	ConnectionClosed ConnectionState = C.VTRIX_EVENT_CLOSED
)

// String is for people.
func (s ConnectionState) String() string {
	switch s {
	case Connected:
		return "connected"
	case ConnectionIdle:
		return "idle"
	case ConnectionLost:
		return "lost"
	case ConnectionClosed:
		return "closed"
	}
	return fmt.Sprintf("state %d", int(s))
}

// ConnectionEvent is what holds from now on.
type ConnectionEvent struct {
	State ConnectionState
	// Reason of ConnectionLost, for people.
	Reason string
}

// ConnectionEvents goes through what happens to the sandbox's connection: what holds now, then each
// change, until ConnectionClosed. A loop body that is slow holds up nothing: it finds the last loss, if there
// was one, and what holds by then. The error is ctx's own, once it is over. Nothing is kept open by
// it, and it asks nobody.
func (s *Sandbox) ConnectionEvents(ctx context.Context) iter.Seq2[ConnectionEvent, error] {
	return func(yield func(ConnectionEvent, error) bool) {
		var raw *C.vtrix_stream
		var failure *C.vtrix_error
		err := s.use(func(sandbox *C.vtrix_sandbox) error {
			if status := C.vtrix_sandbox_connection_events(sandbox, &raw, &failure); status != C.VTRIX_STATUS_OK {
				return takeError(status, failure)
			}
			return nil
		})
		runtime.KeepAlive(s)
		switch {
		case raw == nil && errors.Is(err, ErrClosed):
			yield(ConnectionEvent{State: ConnectionClosed}, nil)
			return
		case err != nil:
			yield(ConnectionEvent{}, err)
			return
		}
		stream := newStream(ctx, weak.Make(s), raw)
		defer stream.Close()
		for {
			event, err := stream.next(ctx)
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(ConnectionEvent{}, err)
				return
			}
			if !yield(ConnectionEvent{ConnectionState(event.Type), event.reason}, nil) {
				return
			}
		}
	}
}
