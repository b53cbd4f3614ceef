package vtrix

// Where the library is: here, where pkg-config finds it. The module that a release ships has the
// library inside of it and another file in place of this one, by `cargo xtask go --bundle`.

/*
#cgo !vtrix_shared pkg-config: vtrix-sandbox-static
#cgo vtrix_shared pkg-config: vtrix-sandbox
*/
import "C"
