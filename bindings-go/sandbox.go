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
type Sandbox struct {
	*handle[*C.vtrix_sandbox]
	id string
	// What was known when it was closed.
	info      SandboxInfo
	createdAt time.Time
	ends      time.Time
}

func sandboxOf(f *flight, err error) (*Sandbox, error) {
	if err != nil {
		return nil, err
	}
	raw := (*C.vtrix_sandbox)(f.value)
	s := &Sandbox{id: text(C.vtrix_sandbox_id(raw)), handle: &handle[*C.vtrix_sandbox]{
		noun: "sandbox", raw: raw, release: func(raw *C.vtrix_sandbox) { C.vtrix_sandbox_free(raw) },
	}}
	hold(s, s.handle)
	return s, nil
}

// Close closes the handle: calls in progress and all later ones fail with ErrClosed, commands that
// are being waited for are killed, and its connections end. The sandbox goes on; see Delete. What
// is known of it can still be read. It does not wait, may be called more than once, and returns
// nil.
func (s *Sandbox) Close() error {
	s.close(func(raw *C.vtrix_sandbox) {
		s.info, s.createdAt = infoOf(raw), createdAt(raw)
		s.ends = time.Now().Add(timeout(raw))
		C.vtrix_sandbox_close(raw)
	})
	return nil
}

type sandboxCall = func(raw *C.vtrix_sandbox, call C.uintptr_t, begun *C.go_begun) C.vtrix_status

// call makes a call that gives nothing.
func (s *Sandbox) call(ctx context.Context, begin sandboxCall) error {
	_, err := s.ask(ctx, begin)
	return err
}

// ask makes a call that gives something.
func (s *Sandbox) ask(ctx context.Context, begin sandboxCall) (*flight, error) {
	defer runtime.KeepAlive(s)
	f := newFlight()
	return f, s.fly(ctx, f, begin)
}

// ID is the sandbox's name.
func (s *Sandbox) ID() string { return s.id }

// Info is what the gateway last told; Refresh asks again.
func (s *Sandbox) Info() SandboxInfo {
	defer runtime.KeepAlive(s)
	return look(s.handle, infoOf, &s.info)
}

func infoOf(sandbox *C.vtrix_sandbox) SandboxInfo {
	raw := C.vtrix_sandbox_get_info(sandbox)
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
	return look(s.handle, createdAt, &s.createdAt)
}

func createdAt(raw *C.vtrix_sandbox) time.Time { return moment(C.vtrix_sandbox_created_at_ms(raw)) }

// Timeout is how long the sandbox has still to live, going by what the gateway last told: 0 if
// that has passed, and also if the gateway did not say.
func (s *Sandbox) Timeout() time.Duration {
	defer runtime.KeepAlive(s)
	ends := look(s.handle, func(raw *C.vtrix_sandbox) time.Time { return time.Now().Add(timeout(raw)) }, &s.ends)
	return max(time.Until(ends), 0)
}

func timeout(raw *C.vtrix_sandbox) time.Duration {
	return time.Duration(C.vtrix_sandbox_timeout_ms(raw)) * time.Millisecond
}

// Domain gives the URL at which a port of the sandbox is reached from outside. It asks nobody, but
// takes a handle that is open.
func (s *Sandbox) Domain(port uint16) (url string, err error) {
	defer runtime.KeepAlive(s)
	err = s.use(func(sandbox *C.vtrix_sandbox) error {
		var raw *C.vtrix_buffer
		var failure *C.vtrix_error
		status := C.vtrix_sandbox_domain(sandbox, C.uint16_t(port), &raw, &failure)
		url, err = bufferText(status, raw, failure)
		return err
	})
	return url, err
}

// Refresh asks the gateway for the sandbox's record.
func (s *Sandbox) Refresh(ctx context.Context) error {
	return s.call(ctx, func(raw *C.vtrix_sandbox, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_sandbox_refresh(raw, call, begun)
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
