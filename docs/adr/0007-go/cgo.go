// Package trial is the trial of ADR 7: one call that does nothing, by cgo and by purego.
package trial

// #cgo pkg-config: vtrix-sandbox-static
// #include <vtrix_sandbox.h>
import "C"

func number() uint32 { return uint32(C.vtrix_version_number()) }
