module github.com/vtrixai/sandbox-native/bindings-go

go 1.26
