package aws

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/aws/awstest"
	"github.com/souk-commerce/souk/platform/platformtest"
)

// sections are those of the suite that store, history and timers can be judged by.
func sections() []string {
	return []string{
		"Store", "Caller", "Limits", "List", "Rooms", "Concurrency", "Model", "History", "Timers",
		"Reopening/Records", "Reopening/Timers",
	}
}

// features asks a platform what it declares.
func features() platform.Features {
	o := Options{Table: "t", Bucket: "b", Rooms: []Room{{Name: "r"}}}
	if err := o.check(); err != nil {
		panic(err) // the options above are complete
	}
	return (&Platform{o: o}).Features()
}

// Goal: store, history and timers keep the promises of the ports. Method: the suite of all
// adapters, each world in a cloud of its own in process, on a clock that stands still.
func TestConformance(t *testing.T) {
	t.Parallel()
	platformtest.RunSections(t, inProcess(nil), sections()...)
}

// Goal: the same promises hold when one send in seven goes wrong: no sale is lost or made twice,
// whatever was cancelled, throttled, or lost on the way. Method: the suite's sections of commits,
// with every kind of passing trouble at random.
func TestConformanceInBadWeather(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	chance := rand.New(rand.NewPCG(3, 14))
	troubles := []awstest.Fault{
		awstest.LoseAnswer(), awstest.LoseRequest(), awstest.Cancel("TransactionConflict"),
		tooOften("ThrottlingException"), awstest.Refuse("InternalServerError", "oh", ""),
		awstest.Refuse("TransactionInProgressException", "wait", ""),
	}
	weather := func(op string) awstest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if op != sends || chance.IntN(7) > 0 {
			return nil
		}
		return troubles[chance.IntN(len(troubles))]
	}
	platformtest.RunSections(t, inProcess(weather), "Store", "Concurrency", "Model", "History")
}

// inProcess is the adapter over a cloud in process, one for each place.
func inProcess(weather func(op string) awstest.Fault) platformtest.Adapter {
	var mu sync.Mutex
	clouds := make(map[string]*cloud)
	return platformtest.Adapter{
		Features: features(),
		Open: func(t *testing.T, o platformtest.Options) platform.Platform {
			t.Helper()
			mu.Lock()
			c := clouds[o.Place]
			if c == nil {
				c = newCloud(t)
				c.faults.Weather = weather
				clouds[o.Place] = c
			}
			mu.Unlock()
			opts := options(c.cfg, "souk")
			opts.Clock, opts.Check = o.Clock, o.Check
			return openWorld(t, opts)
		},
	}
}

// openWorld makes what is missing and opens a world.
func openWorld(t *testing.T, o Options) *Platform {
	t.Helper()
	prepare(t, o)
	p, err := open(t.Context(), o, observed)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return p
}
