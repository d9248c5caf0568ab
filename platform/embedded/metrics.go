package embedded

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// stats counts what the committer does.
type stats struct {
	mu      sync.Mutex
	groups  int64
	commits int64
	events  int64
	bytes   int64
	recent  [512]time.Duration // of the last fsyncs, as a ring
}

func (s *stats) fsync(took time.Duration, g *group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recent[s.groups%int64(len(s.recent))] = took
	s.groups++
	s.commits += int64(g.commits)
	s.events += int64(len(g.events))
	s.bytes += int64(g.batch.Len())
}

// median of the recent group writes: a memtable insertion and an fsync.
func (s *stats) median() time.Duration {
	n := int(min(s.groups, int64(len(s.recent))))
	if n == 0 {
		return 0
	}
	sorted := slices.Clone(s.recent[:n])
	slices.Sort(sorted)
	return sorted[n/2]
}

// Metrics returns counters and gauges of the store by name, in base units.
func (p *Platform) Metrics() map[string]float64 {
	if !p.enter() {
		return nil
	}
	m := p.db.Metrics()
	p.leave()
	p.stats.mu.Lock()
	defer p.stats.mu.Unlock()
	return map[string]float64{
		"souk_store_fsyncs_total":            float64(p.stats.groups),
		"souk_store_commits_total":           float64(p.stats.commits),
		"souk_store_events_total":            float64(p.stats.events),
		"souk_store_written_bytes_total":     float64(p.stats.bytes),
		"souk_store_fsync_seconds_median":    p.stats.median().Seconds(),
		"souk_store_disk_bytes":              float64(m.DiskSpaceUsage()),
		"souk_store_memtable_bytes":          float64(m.MemTable.Size),
		"souk_store_cache_bytes":             float64(m.BlockCache.Size),
		"souk_store_compactions_total":       float64(m.Compact.Count),
		"souk_store_oldest_critical_seconds": p.OldestCritical().Seconds(),
	}
}

// checkDisk refuses writes while the disk is nearly full, before Pebble would fail, and allows them
// again when there is room.
func (p *Platform) checkDisk() {
	usage, err := p.fs.GetDiskUsage(p.path(""))
	if err != nil {
		return // memory, or a file system that does not tell
	}
	full := usage.AvailBytes < p.minFree
	if p.full.Swap(full) == full {
		return
	}
	if full {
		p.log.Error("the disk is nearly full: nothing is written until there is room",
			"free", fmt.Sprint(usage.AvailBytes), "needed", fmt.Sprint(p.minFree))
		return
	}
	p.log.Info("there is room on the disk again: writing resumes")
}
