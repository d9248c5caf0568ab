package durable_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/workflow"
	"github.com/souk-commerce/souk/workflow/durable"
)

// ordered is a saga of four tasks in a row and four at once.
const ordered = `{"StartAt": "T1", "States": {
	"T1": {"Type": "Task", "Resource": "${step}", "ResultPath": null, "Next": "T2"},
	"T2": {"Type": "Task", "Resource": "${step}", "ResultPath": null, "Next": "T3"},
	"T3": {"Type": "Task", "Resource": "${step}", "ResultPath": null, "Next": "T4"},
	"T4": {"Type": "Task", "Resource": "${step}", "ResultPath": null, "Next": "All"},
	"All": {"Type": "Parallel", "End": true, "Branches": [
		{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "${step}", "End": true}}},
		{"StartAt": "B", "States": {"B": {"Type": "Task", "Resource": "${step}", "End": true}}},
		{"StartAt": "C", "States": {"C": {"Type": "Task", "Resource": "${last}", "End": true}}},
		{"StartAt": "D", "States": {"D": {"Type": "Task", "Resource": "${step}", "End": true}}}
	]}}}`

// BenchmarkSaga measures executions of four tasks in a row and four at once, each step committed
// and synced, on disk: as many at a time as bear it, and 200 a second. An execution has ended when
// its record on disk says so. Tasks are called when the commit that announces them is on disk, or,
// where they are declared pure, when it is decided.
func BenchmarkSaga(b *testing.B) {
	for _, pure := range []bool{false, true} {
		name := ""
		if pure {
			name = "pure/"
		}
		for _, flight := range []int{64, 512} {
			b.Run(fmt.Sprintf("%sflight=%d", name, flight), func(b *testing.B) {
				sagas(b, flight, 0, pure)
			})
		}
		b.Run(name+"rate=200", func(b *testing.B) { sagas(b, 4096, 5*time.Millisecond, pure) })
	}
}

func sagas(b *testing.B, flight int, every time.Duration, pure bool) {
	p, err := embedded.Open(embedded.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			b.Error(err)
		}
	}()
	var calls atomic.Int64
	task := func(context.Context, durable.Call) (workflow.Value, error) {
		calls.Add(1)
		return "done", nil
	}
	e, err := durable.New(durable.Options{
		Platform: p, Clock: embedded.SystemClock{}, Pure: pure,
		Tasks: map[string]durable.Task{"step": task, "last": task},
	})
	if err == nil {
		_, err = e.Define(b.Context(), "m", []byte(ordered))
	}
	if err == nil {
		err = p.Delivery().Start(b.Context())
	}
	if err != nil {
		b.Fatal(err)
	}
	input := workflow.NewObject("order", "ord_1", "amount", workflow.Number("1020"))
	times := make([]time.Duration, b.N)
	places := make(chan struct{}, flight)
	var all sync.WaitGroup
	b.ResetTimer()
	for i := range b.N {
		places <- struct{}{}
		if every > 0 {
			time.Sleep(time.Until(time.Now().Truncate(every).Add(every)))
		}
		all.Go(func() {
			defer func() { <-places }()
			began := time.Now()
			id, err := e.Start(b.Context(), durable.Start{
				Machine: "m", Name: fmt.Sprint("e", i), Input: input,
			})
			if err != nil {
				b.Error(err)
				return
			}
			if err := e.Await(b.Context(), id); err != nil {
				b.Error(err)
			}
			times[i] = time.Since(began)
		})
	}
	all.Wait()
	b.StopTimer()
	if n := calls.Load(); n < int64(8*b.N) {
		b.Errorf("%d calls for %d executions", n, b.N)
	}
	slices.Sort(times)
	m := p.Metrics()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "executions/s")
	b.ReportMetric(float64(times[len(times)*95/100].Microseconds())/1000, "p95-ms")
	b.ReportMetric(m["souk_store_commits_total"]/float64(b.N), "commits/op")
	b.ReportMetric(m["souk_store_commits_total"]/m["souk_store_fsyncs_total"], "commits/fsync")
}
