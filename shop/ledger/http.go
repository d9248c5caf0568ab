package ledger

import (
	"context"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

// GetTrialBalanceOut answers GET /v1/ops/ledger/trial-balance.
type GetTrialBalanceOut struct {
	Body struct {
		Balanced   bool           `json:"balanced" doc:"whether every difference is 0"`
		Currencies []TrialBalance `json:"currencies" maxItems:"200"`
	}
}

// GetTrialBalance answers GET /v1/ops/ledger/trial-balance, for administrators.
func (s *Service) GetTrialBalance(
	ctx context.Context, _ *struct{},
) (*GetTrialBalanceOut, error) {
	if !room.CallerOf(ctx).May(room.Admin()) {
		return nil, shop.Errorf(shop.Forbidden, "only an administrator may read the books")
	}
	trials, err := s.TrialBalance(ctx)
	if err != nil {
		return nil, err
	}
	out := &GetTrialBalanceOut{}
	out.Body.Balanced, out.Body.Currencies = true, trials
	for _, t := range trials {
		out.Body.Balanced = out.Body.Balanced && t.Difference == 0
	}
	return out, nil
}
