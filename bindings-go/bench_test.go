package vtrix_test

import (
	"io"
	"testing"

	vtrix "github.com/vtrixai/sandbox-native/bindings-go"
)

func BenchmarkStat(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sandbox.Stat(b.Context(), "/"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBegin is what a call costs without a gateway: begun, refused by a closed handle, told.
func BenchmarkBegin(b *testing.B) {
	mine, err := vtrix.NewClient(vtrix.Options{})
	if err != nil {
		b.Fatal(err)
	}
	attached, err := mine.Attach(b.Context(), sandbox.ID(), vtrix.AttachOptions{})
	if err != nil {
		b.Fatal(err)
	}
	_ = attached.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := attached.Stat(b.Context(), "/"); err == nil {
			b.Fatal("a closed handle works")
		}
	}
}

const flood = "head -c 67108864 /dev/zero | tr '\\0' x"

func BenchmarkStream(b *testing.B) {
	b.SetBytes(64 << 20)
	for b.Loop() {
		stream, err := sandbox.Stream(b.Context(), flood, nil, vtrix.RunOptions{})
		if err != nil {
			b.Fatal(err)
		}
		for _, err := range stream.All() {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkRunWithWriter(b *testing.B) {
	b.SetBytes(64 << 20)
	for b.Loop() {
		if _, err := sandbox.Run(b.Context(), flood, nil, vtrix.RunOptions{Stdout: io.Discard, MaxOutput: 1}); err != nil {
			b.Fatal(err)
		}
	}
}
