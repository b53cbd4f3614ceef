//go:build !vtrix_shared

package vtrix

// Where the library is: here, where pkg-config finds it. The module that a release ships has the
// library inside of it and another file in place of this one, by `cargo xtask go --bundle`.

// #cgo pkg-config: vtrix-sandbox-static
import "C"
