package vtrix

// #include "shim.h"
import "C"

import (
	"context"
	"io/fs"
	"runtime"
	"unsafe"
)

// Progress is how far a transfer is.
type Progress struct {
	// Path of the file, in the sandbox.
	Path string
	// Transferred bytes, of Total; UnknownOffset where that is not known.
	Transferred, Total int64
}

// TransferOptions of UploadFile, DownloadFile and DownloadFiles. The zero value of each field is
// its default.
type TransferOptions struct {
	// MkdirRecursive: make local directories that do not exist. Uploads make parents in the sandbox
	// anyway.
	MkdirRecursive bool
	// Mode of uploads: permission bits; 0 keeps those of a file that is there, and is 0644 for a
	// new one.
	Mode fs.FileMode
	// Progress sees how far it is, on the goroutine that made the call. What is out of date is left
	// out, the last figures of a file never are; meanwhile the transfer waits. An error ends the transfer, which fails with
	// ErrCallback and that error.
	Progress func(Progress) error
}

type transferring = func(raw *C.vtrix_sandbox, o *C.vtrix_transfer_options, call C.uintptr_t, begun *C.go_begun) C.vtrix_status

func (s *Sandbox) transfer(ctx context.Context, options TransferOptions, dispose func(unsafe.Pointer), begin transferring) (*flight, error) {
	defer runtime.KeepAlive(s)
	o := &C.vtrix_transfer_options{}
	C.vtrix_transfer_options_init(o, C.size_t(unsafe.Sizeof(*o)))
	o.mkdir_recursive = flag(options.MkdirRecursive)
	o.mode = permissions(options.Mode)
	f := newFlight()
	if options.Progress != nil {
		f = watched()
		f.show, f.dispose = options.Progress, dispose
	}
	return f, s.fly(ctx, f, func(raw *C.vtrix_sandbox, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		if f.show != nil {
			C.go_watch_progress(o, call)
		}
		return begin(raw, o, call, begun)
	})
}

// UploadFile uploads a file of any size and content: beside its place, then renamed.
func (s *Sandbox) UploadFile(ctx context.Context, localPath, sandboxPath string, options TransferOptions) error {
	_, err := s.transfer(ctx, options, nil, func(raw *C.vtrix_sandbox, o *C.vtrix_transfer_options, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_sandbox_upload_file(raw, str(localPath), str(sandboxPath), o, call, begun)
	})
	return err
}

// DownloadFile downloads a file of any size and content, beside its place, then renamed, and gives
// its absolute path. If there is no such file the error is ErrFileNotFound, which is
// fs.ErrNotExist too.
func (s *Sandbox) DownloadFile(ctx context.Context, sandboxPath, localPath string, options TransferOptions) (string, error) {
	dispose := func(raw unsafe.Pointer) { C.vtrix_buffer_free((*C.vtrix_buffer)(raw)) }
	f, err := s.transfer(ctx, options, dispose, func(raw *C.vtrix_sandbox, o *C.vtrix_transfer_options, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_sandbox_download_file(raw, str(sandboxPath), str(localPath), o, call, begun)
	})
	if err != nil {
		return "", err
	}
	if f.value == nil {
		return "", noFile("download_file", sandboxPath)
	}
	return bufferText(C.VTRIX_STATUS_OK, (*C.vtrix_buffer)(f.value), nil)
}

// Download is a file for DownloadFiles.
type Download struct{ SandboxPath, LocalPath string }

// DownloadFiles downloads files, eight at a time, and gives where each is, by its path in the
// sandbox; an empty text for one that the sandbox does not have. Every file is tried; if some
// fail, ErrPartial has each in Error.Failures and the others in Error.Saved.
func (s *Sandbox) DownloadFiles(ctx context.Context, files []Download, options TransferOptions) (map[string]string, error) {
	var p pins
	defer p.free()
	pairs := make([]C.vtrix_pair, 0, len(files))
	for _, file := range files {
		pairs = append(pairs, C.vtrix_pair{name: p.str(file.SandboxPath), value: p.str(file.LocalPath)})
	}
	list, n := pinned(&p, pairs)
	dispose := func(raw unsafe.Pointer) { C.vtrix_saved_list_free((*C.vtrix_saved_list)(raw)) }
	f, err := s.transfer(ctx, options, dispose, func(raw *C.vtrix_sandbox, o *C.vtrix_transfer_options, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_sandbox_download_files(raw, list, n, o, call, begun)
	})
	if err != nil {
		return nil, err
	}
	raw := (*C.vtrix_saved_list)(f.value)
	defer C.vtrix_saved_list_free(raw)
	saved := make(map[string]string, int(C.vtrix_saved_list_len(raw)))
	for at := range C.vtrix_saved_list_len(raw) {
		saved[text(C.vtrix_saved_list_path(raw, at))] = text(C.vtrix_saved_list_local(raw, at))
	}
	return saved, nil
}
