package analytics

import (
	"context"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

// GetAnalyticsOut answers GET /v1/ops/analytics.
type GetAnalyticsOut struct {
	Body Summary
}

// GetAnalytics answers GET /v1/ops/analytics, for administrators.
func (s *Service) GetAnalytics(ctx context.Context, _ *struct{}) (*GetAnalyticsOut, error) {
	if !room.CallerOf(ctx).May(room.Admin()) {
		return nil, shop.Errorf(shop.Forbidden, "only an administrator may read the numbers")
	}
	sum, err := s.Summary(ctx)
	if err != nil {
		return nil, err
	}
	return &GetAnalyticsOut{Body: sum}, nil
}
