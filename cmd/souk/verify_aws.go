package main

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/souk-commerce/souk/app/verify"
	"github.com/souk-commerce/souk/cmd/souk/house"
	"github.com/souk-commerce/souk/platform/aws"
	"github.com/souk-commerce/souk/shop"
	payer "github.com/souk-commerce/souk/shop/ledger/sandbox"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
)

// onAWS begins the name of a shop that souk deploy aws deployed; its stage follows.
const onAWS = "aws:"

// nobodys is the bus of whoever publishes nothing.
const nobodys = "none"

// openStage opens a deployed shop to look on. Region and credentials are found as by every client
// of AWS, and AWS_ENDPOINT_URL leads to an emulator. Everything else follows from the stage.
func openStage(e *env, stage, sandboxURL string) (audited, error) {
	if !regexp.MustCompile(`^[a-z][a-z0-9]{0,7}$`).MatchString(stage) {
		return audited{}, shop.Errorf(shop.Invalid, "%q is no stage", stage).
			WithHint("name one as in --data %sprod: the parameter Stage of the deployment", onAWS)
	}
	p, err := lookOn(e, stage)
	if err != nil {
		return audited{}, unseen(stage, err)
	}
	w := audited{
		Platform: p, unwatched: true, chain: p.CheckArchive,
		notes: func() []string {
			n := p.Unarchived()
			if n == 0 {
				return nil
			}
			return []string{fmt.Sprintf("%d events were not in the archive yet; "+
				"they were read from the tables' streams", n)}
		},
	}
	return w.withSandbox(e, sandboxURL), nil
}

// lookOn opens the platform of a stage read-only.
func lookOn(e *env, stage string) (*aws.Platform, error) {
	declared, err := house.Of()
	if err != nil {
		return nil, err
	}
	cfg, err := config.LoadDefaultConfig(e.ctx)
	if err != nil {
		return nil, fmt.Errorf("read the settings of the AWS client: %w", err)
	}
	if cfg.Region == "" {
		return nil, errors.New("no region is set")
	}
	account, err := aws.AccountOf(e.ctx, cfg, declared.Names(stage, "", cfg.Region).Table)
	if err != nil {
		return nil, err
	}
	names := declared.Names(stage, account, cfg.Region)
	o := aws.Options{
		Config: cfg, Table: names.Table, Bucket: names.Archive, Files: names.Files, Bus: nobodys,
		Prefix: names.Queues, KeyID: names.PeopleKey, ReadOnly: true, Log: e.log,
	}
	for _, r := range declared.Rooms {
		o.Rooms = append(o.Rooms, aws.Room{Name: r.Name, Table: names.Tables[r.Name]})
	}
	return aws.Open(e.ctx, o)
}

// unseen says that a stage cannot be looked at, and what to do.
func unseen(stage string, err error) error {
	return shop.Errorf(shop.Unavailable,
		"the stage %s cannot be looked at, so nothing was checked: %w", stage, err).
		WithHint("set AWS_REGION to where the stage is, and sign in with an account and a role " +
			"that may read it; see docs/deploy-aws.md")
}

// ledgerTime bounds one reading of a distant ledger.
const ledgerTime = 5 * time.Minute

// withSandbox adds the ledgers of the sandboxes in another process: of payments, and of payouts.
// One that cannot be read is told in the report, and the rest is checked without it.
func (w audited) withSandbox(e *env, url string) audited {
	if url == "" {
		return w
	}
	ctx, client := e.ctx, &http.Client{Timeout: ledgerTime}
	taken, paid := sandbox.NewDistant(url, client), payer.NewDistant(url, client)
	if w.reads(url, "payment", taken.Ledger(ctx, func(sandbox.Entry) error { return errEnough })) {
		w.ledger = func(fn func(verify.Effect) error) error {
			return taken.Ledger(ctx, func(l sandbox.Entry) error { return fn(effect(l)) })
		}
	}
	if w.reads(url, "payouts", paid.Ledger(ctx, func(payer.Entry) error { return errEnough })) {
		w.payouts = func(fn func(verify.Paid) error) error {
			return paid.Ledger(ctx, func(l payer.Entry) error { return fn(payout(l)) })
		}
	}
	return w
}

// errEnough ends a reading that was only to show that there is something to read.
var errEnough = errors.New("it answers")

// reads reports whether a ledger could be read, and notes it for the report if not.
func (w *audited) reads(url, of string, err error) bool {
	if err == nil || errors.Is(err, errEnough) {
		return true
	}
	before := w.notes
	w.notes = func() []string {
		return append(before(), fmt.Sprintf("the ledger of the %s sandbox at %s could not be "+
			"read: %v", of, url, err))
	}
	return false
}
