package vtrix

// #include "shim.h"
import "C"

import (
	"context"
	"io/fs"
	"weak"
)

// ReadResult is a file as a person sees it: text, or an image.
type ReadResult struct {
	// Text of a file that is none is shown with U+FFFD.
	Text string
	// Truncated: the file has more than Text.
	Truncated bool
	// Image is nil for text.
	Image    []byte
	MimeType string
}

// Read reads a file as a person sees it. See ReadFile and ReadStream for its bytes. Paths are
// relative to /workspace unless absolute, here and everywhere.
func (s *Sandbox) Read(ctx context.Context, path string) (ReadResult, error) {
	f, err := s.ask(ctx, func(raw *C.vtrix_sandbox, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_sandbox_read(raw, str(path), call, begun)
	})
	if err != nil {
		return ReadResult{}, err
	}
	raw := (*C.vtrix_read_result)(f.value)
	defer C.vtrix_read_result_free(raw)
	if C.vtrix_read_result_is_image(raw) {
		return ReadResult{
			Image:    append([]byte{}, lent(C.vtrix_read_result_image(raw))...),
			MimeType: text(C.vtrix_read_result_mime_type(raw)),
		}, nil
	}
	return ReadResult{
		Text:      text(C.vtrix_read_result_text(raw)),
		Truncated: bool(C.vtrix_read_result_truncated(raw)),
	}, nil
}

// ReadFile reads every byte of a file of any content, up to max bytes; 0 is 256 MiB. If there is
// no such file the error is ErrFileNotFound, which is fs.ErrNotExist too.
func (s *Sandbox) ReadFile(ctx context.Context, path string, max uint64) ([]byte, error) {
	f, err := s.ask(ctx, func(raw *C.vtrix_sandbox, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_sandbox_read_to_buffer(raw, str(path), C.uint64_t(max), call, begun)
	})
	if err != nil {
		return nil, err
	}
	if f.value == nil {
		return nil, noFile("read_to_buffer", path)
	}
	raw := (*C.vtrix_buffer)(f.value)
	defer C.vtrix_buffer_free(raw)
	return append([]byte{}, lent(C.vtrix_buffer_bytes(raw))...), nil
}

// ReadStream reads a file of any size and content in pieces of at most chunkSize bytes; 0 is the
// gateway's default. It is read until ctx is over.
func (s *Sandbox) ReadStream(ctx context.Context, path string, chunkSize int) (*FileStream, error) {
	if chunkSize < 0 {
		return nil, invalid("chunkSize is negative")
	}
	f, err := s.ask(ctx, func(raw *C.vtrix_sandbox, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_sandbox_read_stream(raw, str(path), C.uint64_t(chunkSize), call, begun)
	})
	if err != nil {
		return nil, err
	}
	return &FileStream{stream: newStream(ctx, weak.Make(s), (*C.vtrix_stream)(f.value))}, nil
}

// Write writes a text, which is UTF-8, and gives its length in bytes. Parents are made. See
// WriteFiles for bytes.
func (s *Sandbox) Write(ctx context.Context, path, content string) (uint64, error) {
	f, err := s.ask(ctx, func(raw *C.vtrix_sandbox, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_sandbox_write(raw, str(path), str(content), call, begun)
	})
	return f.number, err
}

// Edit replaces the one place where a text occurs in a file, and gives the gateway's words about
// it. If it does not occur, or more than once, the file stays as it was: ErrEditNoMatch,
// ErrEditAmbiguous.
func (s *Sandbox) Edit(ctx context.Context, path, oldText, newText string) (string, error) {
	f, err := s.ask(ctx, func(raw *C.vtrix_sandbox, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_sandbox_edit(raw, str(path), str(oldText), str(newText), call, begun)
	})
	if err != nil {
		return "", err
	}
	return bufferText(C.VTRIX_STATUS_OK, (*C.vtrix_buffer)(f.value), nil)
}

// WriteFile is a file for WriteFiles.
type WriteFile struct {
	Path    string
	Content []byte
	// Mode is permission bits; 0 keeps those of a file that is there, and is 0644 for a new one.
	Mode fs.FileMode
}

// WriteFiles writes files of bytes, all in one flight. Parents are made. If some of several fail,
// ErrPartial has each in Error.Failures; the others are written.
func (s *Sandbox) WriteFiles(ctx context.Context, files ...WriteFile) error {
	var p pins
	defer p.free()
	all := make([]C.vtrix_write_file, 0, len(files))
	for _, file := range files {
		all = append(all, C.vtrix_write_file{path: p.str(file.Path), content: p.bytes(file.Content), mode: permissions(file.Mode)})
	}
	list, n := pinned(&p, all)
	return s.call(ctx, func(raw *C.vtrix_sandbox, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_sandbox_write_files(raw, list, n, call, begun)
	})
}

// Mkdir makes a directory and its parents. One that exists is no error.
func (s *Sandbox) Mkdir(ctx context.Context, path string) error {
	return s.call(ctx, func(raw *C.vtrix_sandbox, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_sandbox_mkdir(raw, str(path), call, begun)
	})
}

// FileEntry is one of a directory's.
type FileEntry struct {
	Name, Path string
	Size       uint64
	IsDir      bool
	// ModifiedAt is RFC 3339.
	ModifiedAt string
}

// ListFiles lists a directory, by name.
func (s *Sandbox) ListFiles(ctx context.Context, path string) ([]FileEntry, error) {
	f, err := s.ask(ctx, func(raw *C.vtrix_sandbox, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_sandbox_list_files(raw, str(path), call, begun)
	})
	if err != nil {
		return nil, err
	}
	raw := (*C.vtrix_file_list)(f.value)
	defer C.vtrix_file_list_free(raw)
	entries := make([]FileEntry, 0, int(C.vtrix_file_list_len(raw)))
	for at := range C.vtrix_file_list_len(raw) {
		entries = append(entries, FileEntry{
			Name:       text(C.vtrix_file_list_name(raw, at)),
			Path:       text(C.vtrix_file_list_path(raw, at)),
			Size:       uint64(C.vtrix_file_list_size(raw, at)),
			IsDir:      bool(C.vtrix_file_list_is_dir(raw, at)),
			ModifiedAt: text(C.vtrix_file_list_modified_at(raw, at)),
		})
	}
	return entries, nil
}

// FileInfo is what Stat tells.
type FileInfo struct {
	Exists, IsFile, IsDir bool
	Size                  uint64
	// ModifiedAt is RFC 3339.
	ModifiedAt string
}

// Stat tells what there is at a path. Nothing is no error: see FileInfo.Exists.
func (s *Sandbox) Stat(ctx context.Context, path string) (FileInfo, error) {
	f, err := s.ask(ctx, func(raw *C.vtrix_sandbox, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_sandbox_stat(raw, str(path), call, begun)
	})
	if err != nil {
		return FileInfo{}, err
	}
	raw := (*C.vtrix_file_info)(f.value)
	defer C.vtrix_file_info_free(raw)
	return FileInfo{
		Exists:     bool(C.vtrix_file_info_exists(raw)),
		IsFile:     bool(C.vtrix_file_info_is_file(raw)),
		IsDir:      bool(C.vtrix_file_info_is_dir(raw)),
		Size:       uint64(C.vtrix_file_info_size(raw)),
		ModifiedAt: text(C.vtrix_file_info_modified_at(raw)),
	}, nil
}

// Exists reports whether there is something at a path.
func (s *Sandbox) Exists(ctx context.Context, path string) (bool, error) {
	f, err := s.ask(ctx, func(raw *C.vtrix_sandbox, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_sandbox_exists(raw, str(path), call, begun)
	})
	return f.number == 1, err
}

func permissions(mode fs.FileMode) C.uint32_t { return C.uint32_t(mode.Perm()) }

func noFile(operation, path string) error {
	return &Error{Kind: ErrFileNotFound, Operation: operation, Message: "no such file: " + path}
}
