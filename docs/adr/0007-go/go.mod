module github.com/vtrixai/sandbox-native/docs/adr/0007-go

go 1.26

require github.com/ebitengine/purego v0.11.3
