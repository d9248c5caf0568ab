package aws

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/aws/awstest"
	"github.com/souk-commerce/souk/platform/platformtest"
)

// features asks a platform what it declares.
func features() platform.Features {
	o := Options{Table: "t", Bucket: "b", Rooms: []Room{{Name: "r"}}}
	if err := o.check(); err != nil {
		panic(err) // the options above are complete
	}
	return (&Platform{o: o}).Features()
}

// Goal: the platform keeps every promise of the ports, over either bus, and asks for nothing that
// the roles of a deployment do not allow. Method: the suite of all adapters, each world in a cloud
// of its own in process, on a clock that stands still; then every call that it made, and what lies
// beside it, is put to the roles of a house with the suite's own rooms and subscriptions.
func TestConformance(t *testing.T) {
	t.Parallel()
	for name, topic := range map[string]bool{"eventbridge": false, "sns": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			heard := newOverheard()
			t.Run("suite", func(t *testing.T) { platformtest.Run(t, inProcess(topic, nil, heard)) })
			heard.judge(t, name)
		})
	}
}

// Goal: the promises of the store hold when one send in seven goes wrong: no sale is lost or made
// twice, whatever was cancelled, throttled, or lost on the way. Method: the suite's sections of
// commits, with every kind of passing trouble at random.
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
	platformtest.RunSections(t, inProcess(false, weather, nil),
		"Store", "Concurrency", "Model", "History")
}

// inProcess is the adapter over a cloud in process, one for each place. What is asked of it may be
// overheard.
func inProcess(
	topic bool, weather func(op string) awstest.Fault, heard *overheard,
) platformtest.Adapter {
	var mu sync.Mutex
	clouds := make(map[string]*cloud)
	return platformtest.Adapter{
		Features: features(),
		Open: func(t *testing.T, o platformtest.Options) platform.Platform {
			t.Helper()
			mu.Lock()
			c := clouds[o.Place]
			if c == nil {
				c = newCloud(t, o.Clock, topic)
				c.faults.Weather = weather
				if heard != nil {
					heard.listen(c)
				}
				clouds[o.Place] = c
			}
			mu.Unlock()
			opts := c.options(o.Clock)
			opts.Check = o.Check
			if heard != nil {
				opts.Bucket, opts.Files = bucketOf("archive"), bucketOf("files")
			}
			return openDeployed(t, c, opts)
		},
	}
}
