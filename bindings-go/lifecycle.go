package vtrix

// #include "shim.h"
import "C"

import (
	"context"
	"runtime"
	"time"
	"unsafe"
)

// MaxExtendSeconds is the largest number of seconds that one Extend adds: a day.
const MaxExtendSeconds = C.VTRIX_MAX_EXTEND_SECONDS

// StopOptions of Sandbox.Stop. The zero value of each field is its default.
type StopOptions struct {
	// Blocking: wait until the sandbox is "stopped" or "failed".
	Blocking bool
	// PollInterval is the longest wait between two looks; 2 s.
	PollInterval time.Duration
	// Timeout of the wait; 300 s.
	Timeout time.Duration
}

// Stop stops the sandbox. Its files stay, its processes end.
func (s *Sandbox) Stop(ctx context.Context, options StopOptions) error {
	if err := notNegative(map[string]time.Duration{"PollInterval": options.PollInterval, "Timeout": options.Timeout}); err != nil {
		return err
	}
	o := &C.vtrix_stop_options{}
	C.vtrix_stop_options_init(o, C.size_t(unsafe.Sizeof(*o)))
	o.blocking = flag(options.Blocking)
	o.poll_interval_ms, o.timeout_ms = millis(options.PollInterval), millis(options.Timeout)
	return s.call(ctx, func(raw *C.vtrix_sandbox, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_sandbox_stop(raw, o, call, begun)
	})
}

// Boot starts a stopped sandbox, which other languages call start: here Start is for commands, as
// in package os/exec. See WaitUntilActive.
func (s *Sandbox) Boot(ctx context.Context) error {
	return s.call(ctx, func(raw *C.vtrix_sandbox, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_sandbox_start(raw, call, begun)
	})
}

// Restart stops and starts the sandbox. See WaitUntilActive.
func (s *Sandbox) Restart(ctx context.Context) error {
	return s.call(ctx, func(raw *C.vtrix_sandbox, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_sandbox_restart(raw, call, begun)
	})
}

// WaitUntilActive waits for at most timeout; 0 is 180 s, NoLimit for ever. It fails at once, with
// ErrNotActive, if the sandbox is stopped, has failed or is being destroyed.
func (s *Sandbox) WaitUntilActive(ctx context.Context, timeout time.Duration) error {
	if err := notNegative(map[string]time.Duration{"timeout": timeout}); err != nil {
		return err
	}
	return s.call(ctx, func(raw *C.vtrix_sandbox, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_sandbox_wait_until_active(raw, millis(timeout), call, begun)
	})
}

// Extend adds 1 to MaxExtendSeconds seconds to the sandbox's lifetime. What is cached stays as it
// is: see ExtendTimeout.
func (s *Sandbox) Extend(ctx context.Context, seconds uint64) error {
	return s.call(ctx, func(raw *C.vtrix_sandbox, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_sandbox_extend(raw, C.uint64_t(seconds), call, begun)
	})
}

// ExtendTimeout is Extend and Refresh.
func (s *Sandbox) ExtendTimeout(ctx context.Context, seconds uint64) error {
	return s.call(ctx, func(raw *C.vtrix_sandbox, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_sandbox_extend_timeout(raw, C.uint64_t(seconds), call, begun)
	})
}

// UpdateOptions of Sandbox.Update; at least one is needed.
type UpdateOptions struct {
	Spec  Spec
	Image string
}

// Update gives the sandbox other resources or another image. It may be made again for that; its
// files stay. See WaitUntilActive.
func (s *Sandbox) Update(ctx context.Context, options UpdateOptions) error {
	var p pins
	defer p.free()
	o := &C.vtrix_update_options{}
	C.vtrix_update_options_init(o, C.size_t(unsafe.Sizeof(*o)))
	o.spec, o.image = p.spec(options.Spec), p.str(options.Image)
	return s.call(ctx, func(raw *C.vtrix_sandbox, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_sandbox_update(raw, o, call, begun)
	})
}

// Configure applies the sandbox's configuration now: payloads in place of the stored ones, this
// one time, or the stored ones if there are none.
func (s *Sandbox) Configure(ctx context.Context, payloads ...Payload) error {
	var p pins
	defer p.free()
	list, n, err := p.payloads(payloads)
	if err != nil {
		return err
	}
	return s.call(ctx, func(raw *C.vtrix_sandbox, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_sandbox_configure(raw, list, n, call, begun)
	})
}

// Delete deletes the sandbox with everything in it, and closes the handle.
func (s *Sandbox) Delete(ctx context.Context) error {
	defer runtime.KeepAlive(s)
	return s.call(ctx, func(raw *C.vtrix_sandbox, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_sandbox_delete(raw, call, begun)
	})
}
