package verify

import (
	"errors"
	"fmt"

	"github.com/souk-commerce/souk/platform"
)

// FeaturesOf is what a platform promises, for Input. One that declares nothing promises nothing.
func FeaturesOf(p platform.Platform) *platform.Features {
	var f platform.Features
	if declares, ok := p.(interface{ Features() platform.Features }); ok {
		f = declares.Features()
	}
	return &f
}

// ordered says that the log is in the order of the commits.
func (in *Input) ordered() bool { return in.Features == nil || in.Features.GlobalOrder }

// atOnce says that the records are those of one moment.
func (in *Input) atOnce() bool { return in.Features == nil || in.Features.Snapshot }

// noteOrder says what was checked in another way.
func (r *run) noteOrder() {
	if r.in.ordered() {
		return
	}
	r.note("the log has no order across subjects, so less can be said:")
	for l, t := range titles() {
		if less := law(l).unordered(); less != "" && r.in.checks(law(l)) {
			r.note("%s %s: %s", t.id, t.name, less)
		}
	}
}

// errGrew says that the parts of a history that were read do not belong together.
var errGrew = errors.New("the log grew while it was read, so nothing was judged; " +
	"stop what writes, then check again")

// same requires that every reading of the log finds as many events. Where the platform shows one
// moment there is no need to ask.
func (r *run) same(n int64) error {
	if r.events > 0 && n != r.events && !(r.in.ordered() && r.in.atOnce()) {
		return fmt.Errorf("%d events, then %d: %w", r.events, n, errGrew)
	}
	r.events = max(r.events, n)
	return nil
}
