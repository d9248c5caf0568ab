package app

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
)

// The bounds of backups.
const (
	backupPatience = 30 * time.Second // how long a request waits for its backup
	maxBackupsKept = 20               // backups that the list remembers
)

// The states of a backup.
const (
	backupRunning = "running"
	backupDone    = "done"
	backupFailed  = "failed"
)

// backups makes copies of the running market, one at a time. A backup outlives the request that
// asked for it, but not the app.
type backups struct {
	make  func(ctx context.Context, name string) error // nil: the market cannot be backed up
	clock platform.Clock
	log   *slog.Logger

	mu      sync.Mutex
	cancel  func()        // breaks off the one that runs
	running chan struct{} // closed when the backup at the end of list has ended; nil: none runs
	list    []BackupBody  // oldest first
	closed  bool
	work    sync.WaitGroup // the one that runs
}

func newBackups(cfg Config) *backups {
	return &backups{make: cfg.Backups, clock: cfg.Clock, log: cfg.Log}
}

// BackupBody is one backup.
type BackupBody struct {
	Name  string     `json:"name"`
	State string     `json:"state" enum:"running,done,failed"`
	Began time.Time  `json:"began"`
	Ended *time.Time `json:"ended,omitempty"`

	err error // why it failed
}

// PostBackupIn asks for a backup.
type PostBackupIn struct {
	Body struct {
		Name string `json:"name" pattern:"^[a-z0-9-]{1,40}$" doc:"what it will be called"`
	}
}

// PostBackupOut is the backup: whole with 201, still being made with 202.
type PostBackupOut struct {
	Status int
	Body   BackupBody
}

// GetBackupsOut lists what this process backed up, newest first.
type GetBackupsOut struct {
	Body struct {
		Items []BackupBody `json:"items" maxItems:"20"`
	}
}

// PostBackup answers POST /v1/ops/backups. A name that exists, and a second backup while one is
// being made, are Conflict; the same name again while it is being made waits for it.
func (b *backups) PostBackup(ctx context.Context, in *PostBackupIn) (*PostBackupOut, error) {
	if b.make == nil {
		return nil, shop.Errorf(shop.Illegal, "this market is in memory and cannot be backed up")
	}
	ended, err := b.begin(ctx, in.Body.Name)
	if err != nil {
		return nil, err
	}
	select {
	case <-ended:
	case <-ctx.Done():
	case <-b.clock.After(backupPatience):
	}
	made := b.last(in.Body.Name)
	switch made.State {
	case backupFailed:
		return nil, made.err
	case backupDone:
		return &PostBackupOut{Status: http.StatusCreated, Body: made}, nil
	}
	return &PostBackupOut{Status: http.StatusAccepted, Body: made}, nil
}

// GetBackups answers GET /v1/ops/backups.
func (b *backups) GetBackups(context.Context, *struct{}) (*GetBackupsOut, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := &GetBackupsOut{}
	out.Body.Items = make([]BackupBody, 0, len(b.list))
	for i := len(b.list) - 1; i >= 0; i-- {
		out.Body.Items = append(out.Body.Items, b.list[i])
	}
	return out, nil
}

// begin starts a backup, or finds that of the same name which is being made, and returns what is
// closed when it has ended.
func (b *backups) begin(ctx context.Context, name string) (<-chan struct{}, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return nil, shop.Errorf(shop.Unavailable, "the market is closing; nothing was backed up")
	case b.running != nil && b.list[len(b.list)-1].Name == name:
		return b.running, nil
	case b.running != nil:
		return nil, shop.Errorf(shop.Conflict,
			"backup %q is being made; nothing else was backed up", b.list[len(b.list)-1].Name)
	}
	if len(b.list) == maxBackupsKept {
		b.list = append(b.list[:0], b.list[1:]...)
	}
	b.list = append(b.list, BackupBody{
		Name: name, State: backupRunning, Began: b.clock.Now().UTC(),
	})
	ended := make(chan struct{})
	b.running = ended
	ctx, b.cancel = context.WithCancel(context.WithoutCancel(ctx))
	b.work.Add(1)
	go b.run(ctx, name, ended) // ends with the backup, or with shut
	return ended, nil
}

func (b *backups) run(ctx context.Context, name string, ended chan struct{}) {
	defer b.work.Done()
	err := b.make(ctx, name)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cancel()
	last, now := &b.list[len(b.list)-1], b.clock.Now().UTC()
	last.State, last.Ended, last.err = backupDone, &now, err
	switch {
	case shop.CodeOf(err) == shop.Conflict:
		last.State = backupFailed
		b.log.Info("nothing was backed up", "name", name, "error", err)
	case err != nil:
		last.State = backupFailed
		b.log.Error("a backup failed", "name", name, "error", err)
	default:
		b.log.Info("backed up", "name", name, "took", now.Sub(last.Began))
	}
	b.running = nil
	close(ended)
}

// last is the newest backup of that name.
func (b *backups) last(name string) BackupBody {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := len(b.list) - 1; i >= 0; i-- {
		if b.list[i].Name == name {
			return b.list[i]
		}
	}
	return BackupBody{Name: name, State: backupFailed,
		err: shop.Errorf(shop.Busy, "too many backups since; ask for the list")}
}

// shut breaks off what runs and takes no more. Whoever calls it then waits for work.
func (b *backups) shut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	if b.running != nil {
		b.cancel()
	}
}
