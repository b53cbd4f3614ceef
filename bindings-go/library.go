package vtrix

// The library beneath as a whole: its threads, its version.

// #include "shim.h"
import "C"

import "unsafe"

// StartOptions of StartLibrary. The zero value of each field is its default.
type StartOptions struct {
	// WorkerThreads drive sockets and timers; 2.
	WorkerThreads uint32
	// CallbackThreads is how many calls with writers or progress functions may have one at work at
	// the same time; 512. Calls that have none end whatever those do.
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
// waits for progress functions that are at work. Not needed before a program ends; a client made
// afterwards starts the library anew.
func Shutdown() error {
	var failure *C.vtrix_error
	if status := C.vtrix_shutdown(&failure); status != C.VTRIX_STATUS_OK {
		return takeError(status, failure)
	}
	return nil
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
