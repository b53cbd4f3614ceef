package vtrix

// #include "shim.h"
import "C"

import (
	"context"
	"encoding/json"
	"iter"
	"runtime"
	"time"
	"unsafe"
)

// Routes is a generation of the gateway's routes.
type Routes int

// Generations.
const (
	// RoutesSandbox is the documented one, and the default.
	RoutesSandbox Routes = C.VTRIX_ROUTES_SANDBOX
	// RoutesSandboxes is that of later gateways.
	RoutesSandboxes Routes = C.VTRIX_ROUTES_SANDBOXES
)

// Options of NewClient. The zero value of each field is its default.
type Options struct {
	// BaseURL of the gateway, such as "http://host:8080"; VTRIX_BASE_URL.
	BaseURL string
	// Token that authorizes; VTRIX_TOKEN.
	Token string
	// Anonymous: no token, whatever VTRIX_TOKEN says.
	Anonymous bool
	// ProjectID of the sandboxes; VTRIX_PROJECT_ID.
	ProjectID string
	// NoProject: none, whatever VTRIX_PROJECT_ID says.
	NoProject bool
	// Routes that the gateway serves; RoutesSandbox.
	Routes Routes
	// ConnectTimeout is for making one connection; 10 s.
	ConnectTimeout time.Duration
	// CallTimeout is for one call that takes no time by its nature, and for each wait for the next
	// bytes of a file; 60 s.
	CallTimeout time.Duration
	// HeartbeatInterval without hearing from the gateway, after which it is asked; 10 s.
	HeartbeatInterval time.Duration
	// HeartbeatTimeout without hearing from it, although asked, after which the connection is lost;
	// 25 s.
	HeartbeatTimeout time.Duration
	// StreamBuffer is how many bytes of one stream wait for its reader; 2 MiB, at least 64 KiB.
	StreamBuffer uint64
	// MaxInFlight is how many calls may be open at once on one sandbox; 4,096.
	MaxInFlight uint64
	// MaxConnections to one sandbox at once; 256, at least 2.
	MaxConnections uint64
	// MaxMessage is the largest message accepted, in bytes; 64 MiB, at least 1 MiB.
	MaxMessage uint64
	// ExtraRootsPEM are certificates trusted beside those of the platform.
	ExtraRootsPEM []byte
	// ClientIdentityPEM is what the client shows to an https gateway that asks who it is: its
	// certificate, the chain if any, and the private key, not encrypted.
	ClientIdentityPEM []byte
	// Proxy on the way, such as "socks5h://user:password@host:1080"; http, https and socks5, too.
	// HTTPS_PROXY or HTTP_PROXY, then ALL_PROXY.
	Proxy string
	// Direct: no proxy, whatever the environment says.
	Direct bool
	// NoProxy is what is reached without it, separated by commas: names, addresses, networks, "*";
	// NO_PROXY.
	NoProxy string
	// IdleTimeout after which a connection that carries no call is closed; 5 min.
	IdleTimeout time.Duration
	// MaxRetries is how often a call that is idempotent, or never reached the gateway, is made
	// again; 2, at most 10. Negative: never.
	MaxRetries int
}

// Client creates, finds and deletes sandboxes. Any number of goroutines may use one at the same
// time.
type Client struct{ *handle[*C.vtrix_client] }

// NewClient makes a client. It connects to nothing yet.
func NewClient(options Options) (*Client, error) {
	if err := notNegative(map[string]time.Duration{
		"ConnectTimeout": options.ConnectTimeout, "CallTimeout": options.CallTimeout,
		"HeartbeatInterval": options.HeartbeatInterval, "HeartbeatTimeout": options.HeartbeatTimeout,
		"IdleTimeout": options.IdleTimeout,
	}); err != nil {
		return nil, err
	}
	var p pins
	defer p.free()
	var o C.vtrix_client_options
	C.vtrix_client_options_init(&o, C.size_t(unsafe.Sizeof(o)))
	o.base_url = p.str(options.BaseURL)
	if o.token = p.str(options.Token); options.Anonymous {
		o.token = p.given("")
	}
	if o.project_id = p.str(options.ProjectID); options.NoProject {
		o.project_id = p.given("")
	}
	o.routes = C.int32_t(options.Routes)
	o.connect_timeout_ms = millis(options.ConnectTimeout)
	o.call_timeout_ms = millis(options.CallTimeout)
	o.heartbeat_interval_ms = millis(options.HeartbeatInterval)
	o.heartbeat_timeout_ms = millis(options.HeartbeatTimeout)
	o.stream_buffer = C.uint64_t(options.StreamBuffer)
	o.max_in_flight = C.uint64_t(options.MaxInFlight)
	o.max_connections = C.uint64_t(options.MaxConnections)
	o.max_message = C.uint64_t(options.MaxMessage)
	o.extra_roots_pem = p.bytes(options.ExtraRootsPEM)
	o.client_identity_pem = p.bytes(options.ClientIdentityPEM)
	if o.proxy = p.str(options.Proxy); options.Direct {
		o.proxy = p.given("")
	}
	o.no_proxy = p.str(options.NoProxy)
	o.idle_timeout_ms = millis(options.IdleTimeout)
	o.max_retries = C.int64_t(options.MaxRetries)
	var raw *C.vtrix_client
	var failure *C.vtrix_error
	if status := C.vtrix_client_new(&o, &raw, &failure); status != C.VTRIX_STATUS_OK {
		return nil, takeError(status, failure)
	}
	c := &Client{&handle[*C.vtrix_client]{
		noun: "client", raw: raw, release: func(raw *C.vtrix_client) { C.vtrix_client_free(raw) },
	}}
	hold(c, c.handle)
	return c, nil
}

// Close closes the client and every sandbox handle made from it: calls in progress and all later
// ones fail with ErrClosed, and commands that are being waited for are killed. The sandboxes
// themselves go on. It does not wait, may be called more than once, and returns nil.
func (c *Client) Close() error {
	c.close(func(raw *C.vtrix_client) { C.vtrix_client_close(raw) })
	return nil
}

// CreateOptions of Client.Create. The zero value of each field is its default.
type CreateOptions struct {
	// UserID is the owner.
	UserID string
	Spec   Spec
	// Labels to find it by.
	Labels map[string]string
	// Payloads are calls made to the sandbox once it runs.
	Payloads []Payload
	// TTLHours is its lifetime; a fraction is allowed.
	TTLHours float64
	// Env is for every command run through the handle that Create gives.
	Env map[string]string
	// Timeout for the sandbox to become active; 180 s.
	Timeout time.Duration
}

// Create makes a sandbox and waits until it is active. It fails at once, with ErrNotActive, if the
// sandbox fails.
func (c *Client) Create(ctx context.Context, options CreateOptions) (*Sandbox, error) {
	defer runtime.KeepAlive(c)
	if err := notNegative(map[string]time.Duration{"Timeout": options.Timeout}); err != nil {
		return nil, err
	}
	var p pins
	defer p.free()
	payloads, n, err := p.payloads(options.Payloads)
	if err != nil {
		return nil, err
	}
	o := &C.vtrix_create_options{}
	C.vtrix_create_options_init(o, C.size_t(unsafe.Sizeof(*o)))
	o.spec = p.spec(options.Spec)
	o.labels, o.labels_len = p.pairs(options.Labels)
	o.payloads, o.payloads_len = payloads, n
	o.ttl_hours = C.double(options.TTLHours)
	o.env, o.env_len = p.pairs(options.Env)
	o.timeout_ms = millis(options.Timeout)
	f := newFlight()
	err = c.fly(ctx, f, func(raw *C.vtrix_client, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_client_create(raw, str(options.UserID), o, call, begun)
	})
	return sandboxOf(f, err)
}

// AttachOptions of Client.Attach.
type AttachOptions struct {
	// Env is for every command run through the handle: that of Create is kept nowhere.
	Env map[string]string
}

// Attach connects to a sandbox that exists. One that is not active can be attached to; its calls
// then fail until it is.
func (c *Client) Attach(ctx context.Context, sandboxID string, options AttachOptions) (*Sandbox, error) {
	defer runtime.KeepAlive(c)
	var p pins
	defer p.free()
	o := &C.vtrix_attach_options{}
	C.vtrix_attach_options_init(o, C.size_t(unsafe.Sizeof(*o)))
	o.env, o.env_len = p.pairs(options.Env)
	f := newFlight()
	err := c.fly(ctx, f, func(raw *C.vtrix_client, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_client_attach(raw, str(sandboxID), o, call, begun)
	})
	return sandboxOf(f, err)
}

// ListOptions of Client.List. Filters combine with and.
type ListOptions struct {
	// UserID: only this owner's.
	UserID string
	// Status: only those in it.
	Status string
	// Limit is at most so many; the gateway has a default and a maximum of its own.
	Limit uint64
	// Offset is past so many.
	Offset uint64
}

// SandboxList is one page of a list.
type SandboxList struct {
	Items []SandboxInfo
	// Total there are; Limit and Offset are those of this page.
	Total, Limit, Offset uint64
	HasMore              bool
}

// List gives one page of the project's sandboxes. See All for every one.
func (c *Client) List(ctx context.Context, options ListOptions) (SandboxList, error) {
	defer runtime.KeepAlive(c)
	var p pins
	defer p.free()
	o := &C.vtrix_list_options{}
	C.vtrix_list_options_init(o, C.size_t(unsafe.Sizeof(*o)))
	o.user_id, o.status = p.str(options.UserID), p.str(options.Status)
	o.limit, o.offset = C.uint64_t(options.Limit), C.uint64_t(options.Offset)
	f := newFlight()
	if err := c.fly(ctx, f, func(raw *C.vtrix_client, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_client_list(raw, o, call, begun)
	}); err != nil {
		return SandboxList{}, err
	}
	raw := (*C.vtrix_sandbox_list)(f.value)
	defer C.vtrix_sandbox_list_free(raw)
	list := SandboxList{
		Total:   uint64(C.vtrix_sandbox_list_total(raw)),
		Limit:   uint64(C.vtrix_sandbox_list_limit(raw)),
		Offset:  uint64(C.vtrix_sandbox_list_offset(raw)),
		HasMore: bool(C.vtrix_sandbox_list_has_more(raw)),
	}
	for at := range C.vtrix_sandbox_list_len(raw) {
		list.Items = append(list.Items, newInfo(C.vtrix_sandbox_list_get(raw, at)))
	}
	return list, nil
}

// All goes through every page, from options.Offset on. It ends with the first error.
func (c *Client) All(ctx context.Context, options ListOptions) iter.Seq2[SandboxInfo, error] {
	return func(yield func(SandboxInfo, error) bool) {
		for {
			page, err := c.List(ctx, options)
			if err != nil {
				yield(SandboxInfo{}, err)
				return
			}
			for _, info := range page.Items {
				if !yield(info, nil) {
					return
				}
			}
			if !page.HasMore || len(page.Items) == 0 {
				return
			}
			options.Offset += uint64(len(page.Items))
		}
	}
}

// Get asks for the record of one sandbox.
func (c *Client) Get(ctx context.Context, sandboxID string) (SandboxInfo, error) {
	defer runtime.KeepAlive(c)
	f := newFlight()
	if err := c.fly(ctx, f, func(raw *C.vtrix_client, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_client_get(raw, str(sandboxID), call, begun)
	}); err != nil {
		return SandboxInfo{}, err
	}
	raw := (*C.vtrix_sandbox_info)(f.value)
	defer C.vtrix_sandbox_info_free(raw)
	return newInfo(raw), nil
}

// Delete deletes a sandbox with everything in it.
func (c *Client) Delete(ctx context.Context, sandboxID string) error {
	defer runtime.KeepAlive(c)
	return c.fly(ctx, newFlight(), func(raw *C.vtrix_client, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_client_delete(raw, str(sandboxID), call, begun)
	})
}

func notNegative(times map[string]time.Duration) error {
	for name, d := range times {
		if d < 0 {
			return invalid(name + " is negative")
		}
	}
	return nil
}

// spec is nil where nothing is asked for.
func (p *pins) spec(spec Spec) *C.vtrix_spec {
	if spec == (Spec{}) {
		return nil
	}
	s := &C.vtrix_spec{}
	C.vtrix_spec_init(s, C.size_t(unsafe.Sizeof(*s)))
	s.cpu, s.memory, s.image = p.str(spec.CPU), p.str(spec.Memory), p.str(spec.Image)
	s.requests_cpu, s.requests_memory = p.str(spec.RequestsCPU), p.str(spec.RequestsMemory)
	p.pinner.Pin(s)
	return s
}

func (p *pins) payloads(payloads []Payload) (*C.vtrix_payload, C.size_t, error) {
	all := make([]C.vtrix_payload, 0, len(payloads))
	for _, payload := range payloads {
		one := C.vtrix_payload{api: p.str(payload.API)}
		if payload.Body != nil {
			body, err := json.Marshal(payload.Body)
			if err != nil {
				return nil, 0, &Error{Kind: ErrInvalidArgument, Message: "a payload's body: " + err.Error(), err: err}
			}
			one.body_json = p.str(string(body))
		}
		one.envs, one.envs_len = p.pairs(payload.Env)
		all = append(all, one)
	}
	list, n := pinned(p, all)
	return list, n, nil
}
