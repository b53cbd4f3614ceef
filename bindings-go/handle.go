package vtrix

// Handles: C's side of a Client, a Sandbox and a Command. A call holds on to one only while it is
// begun, since in C a call keeps what it needs by itself; so closing frees it at once, whatever
// goes on.

// #include "shim.h"
import "C"

import (
	"context"
	"runtime"
	"sync"
)

// handle is a pointer to one of C's, until it is freed. Any number of goroutines may use one, while
// another frees it.
type handle[P comparable] struct {
	noun    string
	mutex   sync.RWMutex // Held for reading as long as C reads.
	raw     P            // Nil once freed.
	release func(P)
}

// hold has h freed when its owner is collected, if that has not happened before.
func hold[T any, P comparable](owner *T, h *handle[P]) {
	runtime.AddCleanup(owner, func(h *handle[P]) { h.close(func(P) {}) }, h)
}

// close does something last, and frees it: once.
func (h *handle[P]) close(last func(raw P)) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	var freed P
	if h.raw == freed {
		return
	}
	last(h.raw)
	h.release(h.raw)
	h.raw = freed
}

// use does something with it, unless it is freed.
func (h *handle[P]) use(what func(raw P) error) error {
	h.mutex.RLock()
	defer h.mutex.RUnlock()
	var freed P
	if h.raw == freed {
		return &Error{Kind: ErrClosed, Message: "the " + h.noun + " was closed", MayHaveRun: No}
	}
	return what(h.raw)
}

// fly makes a call with it.
func (h *handle[P]) fly(ctx context.Context, f *flight, begin func(raw P, call C.uintptr_t, begun *C.go_begun) C.vtrix_status) error {
	return f.fly(ctx, func(call C.uintptr_t, begun *C.go_begun) error {
		return h.use(func(raw P) error {
			if status := begin(raw, call, begun); status != C.VTRIX_STATUS_OK {
				return takeError(status, begun.error)
			}
			return nil
		})
	})
}

// look reads what is known, or what was known when it was closed.
func look[P comparable, V any](h *handle[P], read func(raw P) V, known *V) (value V) {
	if err := h.use(func(raw P) error { value = read(raw); return nil }); err != nil {
		// Written before it was freed.
		return *known
	}
	return value
}
