package vtrix

// #include "shim.h"
import "C"

import (
	"context"
	"runtime"
	"time"
)

// Sandbox is an isolated Linux environment, and a handle to it: it runs commands and works on
// files. Any number of goroutines may use one at the same time.
type Sandbox struct{ raw *C.vtrix_sandbox }

func sandboxOf(f *flight, err error) (*Sandbox, error) {
	if err != nil {
		return nil, err
	}
	s := &Sandbox{(*C.vtrix_sandbox)(f.value)}
	runtime.AddCleanup(s, func(raw *C.vtrix_sandbox) { C.vtrix_sandbox_free(raw) }, s.raw)
	return s, nil
}

// Close closes the handle: calls in progress and all later ones fail with ErrClosed, commands that
// are being waited for are killed, and its connections end. The sandbox goes on; see Delete. What
// is known of it can still be read. It does not wait, may be called more than once, and returns
// nil.
func (s *Sandbox) Close() error {
	C.vtrix_sandbox_close(s.raw)
	runtime.KeepAlive(s)
	return nil
}

// call makes a call that gives nothing.
func (s *Sandbox) call(ctx context.Context, begin beginning) error {
	defer runtime.KeepAlive(s)
	return newFlight().fly(ctx, begin)
}

// fly makes a call that gives something.
func (s *Sandbox) fly(ctx context.Context, begin beginning) (*flight, error) {
	defer runtime.KeepAlive(s)
	f := newFlight()
	return f, f.fly(ctx, begin)
}

// ID is the sandbox's name.
func (s *Sandbox) ID() string {
	defer runtime.KeepAlive(s)
	return text(C.vtrix_sandbox_id(s.raw))
}

// Info is what the gateway last told; Refresh asks again.
func (s *Sandbox) Info() SandboxInfo {
	defer runtime.KeepAlive(s)
	raw := C.vtrix_sandbox_get_info(s.raw)
	if raw == nil {
		return SandboxInfo{}
	}
	defer C.vtrix_sandbox_info_free(raw)
	return newInfo(raw)
}

// Status is what the gateway last told, such as "active".
func (s *Sandbox) Status() string { return s.Info().Status }

// ExpireAt is when the sandbox ends, as the gateway last told it: RFC 3339.
func (s *Sandbox) ExpireAt() string { return s.Info().ExpireAt }

// CreatedAt is zero where the gateway did not tell.
func (s *Sandbox) CreatedAt() time.Time {
	defer runtime.KeepAlive(s)
	return moment(C.vtrix_sandbox_created_at_ms(s.raw))
}

// Timeout is how long the sandbox has still to live, going by what the gateway last told: 0 if
// that has passed, and also if the gateway did not say.
func (s *Sandbox) Timeout() time.Duration {
	defer runtime.KeepAlive(s)
	return time.Duration(C.vtrix_sandbox_timeout_ms(s.raw)) * time.Millisecond
}

// Domain gives the URL at which a port of the sandbox is reached from outside. It asks nobody.
func (s *Sandbox) Domain(port uint16) (string, error) {
	defer runtime.KeepAlive(s)
	var raw *C.vtrix_buffer
	var failure *C.vtrix_error
	status := C.vtrix_sandbox_domain(s.raw, C.uint16_t(port), &raw, &failure)
	return bufferText(status, raw, failure)
}

// Refresh asks the gateway for the sandbox's record.
func (s *Sandbox) Refresh(ctx context.Context) error {
	return s.call(ctx, func(call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_sandbox_refresh(s.raw, call, begun)
	})
}

// bufferText owns a text that C gave at once.
func bufferText(status C.vtrix_status, raw *C.vtrix_buffer, failure *C.vtrix_error) (string, error) {
	if status != C.VTRIX_STATUS_OK {
		return "", takeError(status, failure)
	}
	defer C.vtrix_buffer_free(raw)
	return text(C.vtrix_buffer_text(raw)), nil
}
