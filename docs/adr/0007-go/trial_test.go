package trial

import (
	"os"
	"testing"

	"github.com/ebitengine/purego"
)

func open(b *testing.B) uintptr {
	library, err := purego.Dlopen(os.Getenv("VTRIX_C_LIBRARY"), purego.RTLD_NOW)
	if err != nil {
		b.Fatal(err)
	}
	return library
}

func BenchmarkCgo(b *testing.B) {
	for b.Loop() {
		number()
	}
}

func BenchmarkPurego(b *testing.B) {
	var number func() uint32
	purego.RegisterLibFunc(&number, open(b), "vtrix_version_number")
	for b.Loop() {
		number()
	}
}

func BenchmarkPuregoByHand(b *testing.B) {
	symbol, _ := purego.Dlsym(open(b), "vtrix_version_number")
	for b.Loop() {
		purego.SyscallN(symbol)
	}
}
