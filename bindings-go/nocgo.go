//go:build !cgo

package vtrix

// Without cgo there is nothing to stand on; this does not compile, and says why.
var _ = package_vtrix_needs_cgo__set_CGO_ENABLED_1_and_have_a_C_compiler
