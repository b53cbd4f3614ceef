//go:build vtrix_shared

package vtrix

// Where the library is, with the build tag vtrix_shared: outside of the program. In a file of its
// own, since go builds a package anew when its files change, and not when what pkg-config says does.

// #cgo pkg-config: vtrix-sandbox
import "C"
