package vtrix

// The edge to C: how text crosses it, and how long what crosses is kept. Text and bytes go over
// without a copy: C copies its arguments before it returns. What an options struct points to is
// pinned for as long as the call takes to begin.

/*
#include "shim.h"

// Where an empty text points that was given, to tell it from one that was not.
static const char go_empty[1] = "";
static inline vtrix_str go_empty_str(void) { return (vtrix_str){go_empty, 0}; }
*/
import "C"

import (
	"maps"
	"math"
	"runtime"
	"slices"
	"time"
	"unsafe"
)

// NoLimit, as a time-out, is none.
const NoLimit time.Duration = math.MaxInt64

// str lends a text to one call.
func str(text string) C.vtrix_str {
	if text == "" {
		return C.vtrix_str{}
	}
	return C.vtrix_str{data: (*C.char)(unsafe.Pointer(unsafe.StringData(text))), len: C.size_t(len(text))}
}

// text copies what C lends.
func text(lent C.vtrix_str) string {
	return string(unsafe.Slice((*byte)(unsafe.Pointer(lent.data)), int(lent.len)))
}

// lent is what C lends, not copied: it must not outlive what it was borrowed from.
func lent(bytes C.vtrix_bytes) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(bytes.data)), int(bytes.len))
}

// millis rounds up: what a caller wants to wait for is never cut to nothing.
func millis(d time.Duration) C.uint64_t {
	if d == NoLimit {
		return C.VTRIX_NO_LIMIT
	}
	return C.uint64_t((d + time.Millisecond - 1) / time.Millisecond)
}

// moment is the zero time where nobody told.
func moment(ms C.int64_t) time.Time {
	if ms < 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms)).UTC()
}

// told is 0 where C says -1: nobody told.
func told(number C.int64_t) int64 {
	return max(int64(number), 0)
}

// pins keeps in place what options point to, until free.
type pins struct{ pinner runtime.Pinner }

func (p *pins) free() { p.pinner.Unpin() }

func (p *pins) str(text string) C.vtrix_str {
	s := str(text)
	if s.data != nil {
		p.pinner.Pin(s.data)
	}
	return s
}

// given tells an empty text from none.
func (p *pins) given(text string) C.vtrix_str {
	if text == "" {
		return C.go_empty_str()
	}
	return p.str(text)
}

func (p *pins) bytes(data []byte) C.vtrix_bytes {
	if len(data) == 0 {
		return C.vtrix_bytes{}
	}
	p.pinner.Pin(&data[0])
	return C.vtrix_bytes{data: (*C.uint8_t)(&data[0]), len: C.size_t(len(data))}
}

func (p *pins) strs(texts []string) (*C.vtrix_str, C.size_t) {
	all := make([]C.vtrix_str, 0, len(texts))
	for _, text := range texts {
		all = append(all, p.str(text))
	}
	return pinned(p, all)
}

func (p *pins) pairs(pairs map[string]string) (*C.vtrix_pair, C.size_t) {
	all := make([]C.vtrix_pair, 0, len(pairs))
	for _, name := range slices.Sorted(maps.Keys(pairs)) {
		all = append(all, C.vtrix_pair{name: p.str(name), value: p.str(pairs[name])})
	}
	return pinned(p, all)
}

// pinned is a list as C takes one.
func pinned[T any](p *pins, all []T) (*T, C.size_t) {
	if len(all) == 0 {
		return nil, 0
	}
	p.pinner.Pin(&all[0])
	return &all[0], C.size_t(len(all))
}

func flag(on bool) C.uint8_t {
	if on {
		return 1
	}
	return 0
}
