package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

// Service is the room. It is safe for concurrent use.
type Service struct {
	desk  *room.Desk
	opt   Options
	known knownTerms
}

var _ room.Room = (*Service)(nil)

// New opens the room at its desk, whose Apply it sets to its own.
func New(desk *room.Desk, opt Options) *Service {
	opt.Policy = opt.Policy.orDefault()
	s := &Service{desk: desk, opt: opt}
	desk.Apply = s.Apply
	return s
}

// Name implements room.Room.
func (*Service) Name() string { return "ledger" }

// Balance returns what an account holds: above zero a debit, below zero a credit. An account that
// nothing was ever booked on holds 0.
func (s *Service) Balance(
	ctx context.Context, account string, c shop.Currency,
) (shop.Money, error) {
	amount, _, err := s.balance(ctx, account, c)
	return shop.Money{Amount: amount, Currency: c}, err
}

// balance is Balance with a number that grows with everything that is booked on the account.
func (s *Service) balance(
	ctx context.Context, account string, c shop.Currency,
) (sum, version int64, err error) {
	list, err := s.desk.Store.List(ctx, platform.Query{
		Part: accountPart(c, account), Limit: platform.MaxList,
	})
	if err != nil {
		return 0, 0, fmt.Errorf("read account %s: %w", account, err)
	}
	for _, r := range list {
		sum += r.Counters[balance]
		version += r.Version
	}
	return sum, version, nil
}

// AccountBalance is one line of a trial balance.
type AccountBalance struct {
	Account string `json:"account"`
	Amount  int64  `json:"amount" doc:"minor units; debits above zero, credits below"`
}

// TrialBalance is the sum of all accounts of a currency. In books that are right, Difference is 0.
type TrialBalance struct {
	Currency   shop.Currency    `json:"currency"`
	Debits     int64            `json:"debits"`
	Credits    int64            `json:"credits"`
	Difference int64            `json:"difference" doc:"debits less credits; always 0"`
	Accounts   []AccountBalance `json:"accounts" maxItems:"16" doc:"the dealers' accounts are added up"`
}

// TrialBalance adds up every account of every currency, in the order of their names, as they are at
// one moment where the platform can show one (Features.Snapshot). It reads all accounts.
func (s *Service) TrialBalance(ctx context.Context) ([]TrialBalance, error) {
	const prefix = "ledger/account/"
	books := make(map[shop.Currency]map[string]int64)
	err := s.desk.History.Records(ctx, prefix, func(r platform.Record) error {
		currency, account, ok := strings.Cut(strings.TrimPrefix(r.Key.Part, prefix), "/")
		if !ok {
			return shop.Errorf(shop.Internal, "record %s is no account", r.Key.Part)
		}
		book := books[shop.Currency(currency)]
		if book == nil {
			book = make(map[string]int64)
			books[shop.Currency(currency)] = book
		}
		book[family(account)] += r.Counters[balance]
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("trial balance: %w", err)
	}
	trials := make([]TrialBalance, 0, len(books))
	for currency, book := range books {
		trials = append(trials, trialOf(currency, book))
	}
	slices.SortFunc(trials, func(a, b TrialBalance) int {
		return strings.Compare(string(a.Currency), string(b.Currency))
	})
	return trials, nil
}

// family puts the accounts of all dealers together.
func family(account string) string {
	if strings.HasPrefix(account, "dealer:") {
		return "dealers" + account[strings.LastIndex(account, ":"):]
	}
	return account
}

func trialOf(c shop.Currency, book map[string]int64) TrialBalance {
	t := TrialBalance{Currency: c}
	for account, amount := range book {
		t.Accounts = append(t.Accounts, AccountBalance{Account: account, Amount: amount})
		if amount > 0 {
			t.Debits += amount
		} else {
			t.Credits -= amount
		}
	}
	t.Difference = t.Debits - t.Credits
	slices.SortFunc(t.Accounts, func(a, b AccountBalance) int {
		return strings.Compare(a.Account, b.Account)
	})
	return t
}
