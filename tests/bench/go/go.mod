module github.com/vtrixai/sandbox-native/tests/bench/go

go 1.26

require github.com/vtrixai/sandbox-native/bindings-go v0.1.0

replace github.com/vtrixai/sandbox-native/bindings-go => ../../../bindings-go
