package vtrix

// #include "shim.h"
import "C"

import (
	"context"
	"runtime"
)

// PoolStatus is how the service's sandboxes are doing, for whoever runs it.
type PoolStatus struct {
	Total, Warm, Active, Creating, Deleting, Deleted uint64
	WarmPoolSize, MaxTotal                           uint64
	Utilization, WarmRatio                           float64
	Healthy                                          bool
	HealthMessage                                    string
	// Times are RFC 3339, and empty where there was none.
	LastScaleAt, LastAllocateAt string
}

// PoolStatus asks how the pool is doing.
func (c *Client) PoolStatus(ctx context.Context) (PoolStatus, error) {
	defer runtime.KeepAlive(c)
	f := newFlight()
	if err := c.fly(ctx, f, func(raw *C.vtrix_client, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_client_pool_status(raw, call, begun)
	}); err != nil {
		return PoolStatus{}, err
	}
	raw := (*C.vtrix_pool_status)(f.value)
	defer C.vtrix_pool_status_free(raw)
	return PoolStatus{
		Total:          uint64(C.vtrix_pool_status_total(raw)),
		Warm:           uint64(C.vtrix_pool_status_warm(raw)),
		Active:         uint64(C.vtrix_pool_status_active(raw)),
		Creating:       uint64(C.vtrix_pool_status_creating(raw)),
		Deleting:       uint64(C.vtrix_pool_status_deleting(raw)),
		Deleted:        uint64(C.vtrix_pool_status_deleted(raw)),
		WarmPoolSize:   uint64(C.vtrix_pool_status_warm_pool_size(raw)),
		MaxTotal:       uint64(C.vtrix_pool_status_max_total(raw)),
		Utilization:    float64(C.vtrix_pool_status_utilization(raw)),
		WarmRatio:      float64(C.vtrix_pool_status_warm_ratio(raw)),
		Healthy:        bool(C.vtrix_pool_status_healthy(raw)),
		HealthMessage:  text(C.vtrix_pool_status_health_message(raw)),
		LastScaleAt:    text(C.vtrix_pool_status_last_scale_at(raw)),
		LastAllocateAt: text(C.vtrix_pool_status_last_allocate_at(raw)),
	}, nil
}

// RollingStatus is how far the replacement of the pool's sandboxes is.
type RollingStatus struct {
	ID, Phase, TargetImage     string
	Progress                   float64
	WarmTotal, WarmUpdated     uint64
	ActiveTotal, ActiveUpdated uint64
	// Times are RFC 3339.
	StartedAt, CompletedAt, Duration string
	Message, Error                   string
}

// RollingStart starts replacing the pool's sandboxes by ones made from image; empty is the image
// that is configured.
func (c *Client) RollingStart(ctx context.Context, image string) (RollingStatus, error) {
	return c.rolling(ctx, func(raw *C.vtrix_client, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_client_rolling_start(raw, str(image), call, begun)
	})
}

// RollingStatus asks how far the replacement is.
func (c *Client) RollingStatus(ctx context.Context) (RollingStatus, error) {
	return c.rolling(ctx, func(raw *C.vtrix_client, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_client_rolling_status(raw, call, begun)
	})
}

// RollingCancel ends the replacement where it is.
func (c *Client) RollingCancel(ctx context.Context) (RollingStatus, error) {
	return c.rolling(ctx, func(raw *C.vtrix_client, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_client_rolling_cancel(raw, call, begun)
	})
}

func (c *Client) rolling(ctx context.Context, begin func(raw *C.vtrix_client, call C.uintptr_t, begun *C.go_begun) C.vtrix_status) (RollingStatus, error) {
	defer runtime.KeepAlive(c)
	f := newFlight()
	if err := c.fly(ctx, f, begin); err != nil {
		return RollingStatus{}, err
	}
	raw := (*C.vtrix_rolling_status)(f.value)
	defer C.vtrix_rolling_status_free(raw)
	return RollingStatus{
		ID:            text(C.vtrix_rolling_status_id(raw)),
		Phase:         text(C.vtrix_rolling_status_phase(raw)),
		TargetImage:   text(C.vtrix_rolling_status_target_image(raw)),
		Progress:      float64(C.vtrix_rolling_status_progress(raw)),
		WarmTotal:     uint64(C.vtrix_rolling_status_warm_total(raw)),
		WarmUpdated:   uint64(C.vtrix_rolling_status_warm_updated(raw)),
		ActiveTotal:   uint64(C.vtrix_rolling_status_active_total(raw)),
		ActiveUpdated: uint64(C.vtrix_rolling_status_active_updated(raw)),
		StartedAt:     text(C.vtrix_rolling_status_started_at(raw)),
		CompletedAt:   text(C.vtrix_rolling_status_completed_at(raw)),
		Duration:      text(C.vtrix_rolling_status_duration(raw)),
		Message:       text(C.vtrix_rolling_status_message(raw)),
		Error:         text(C.vtrix_rolling_status_error(raw)),
	}, nil
}
