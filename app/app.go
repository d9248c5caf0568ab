package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/souk-commerce/souk/app/machines"
	"github.com/souk-commerce/souk/app/rooms"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/catalog"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/identity"
	"github.com/souk-commerce/souk/shop/ledger"
	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/payment"
)

// Config is everything that the app is given. Platform, Clock, IDs and Log are required.
type Config struct {
	// Rooms names those that this process opens, with their reactions and their doors; none named:
	// all. What they ask of others is answered as rooms.Seams says.
	Rooms     []string
	Platform  platform.Platform // not closed by the app
	Catalogue *event.Catalogue  // nil makes one; give the one that the platform's check uses
	Clock     platform.Clock
	IDs       shop.IDs
	Log       *slog.Logger
	Payment   payment.Options // the provider, and what the room's operator decides; of payment
	Payouts   ledger.Options  // who pays dealers; zero pays nobody
	Policy    Policy
	// SignIn is a user pool whose tokens are accepted beside the shop's own; may be nil.
	SignIn identity.Foreign
	// Fulfilment is what the operator decides about parcels and returns; its Orders is set here.
	Fulfilment fulfilment.Options
	// Notification is who takes messages out of the system; zero keeps them in the mailbox.
	Notification notification.Options
	// Guests are rooms of somebody else's, opened beside ours when all are: see examples/loyalty.
	Guests []Guest
	// Machines has a process that opens all rooms run the shop's state machines as well.
	Machines bool
	// Unwatched is for a process that takes no part in delivery: nobody is woken when an order
	// moves. Whoever waits for one looks again by itself, and histories are not streamed.
	Unwatched bool
	// Backups copies the running market under a name of a-z, 0-9 and "-". It refuses a name that
	// exists with shop.Conflict, and stops when ctx ends. nil: the market cannot be backed up.
	Backups func(ctx context.Context, name string) error
}

// Guest is a room of somebody else's.
type Guest = rooms.Guest

// Policy is what the operator decides. The zero value of a field stands for its default.
type Policy struct {
	Issuer      string         // of tokens; "souk"
	Catalog     catalog.Policy // DefaultPolicy
	Order       order.Policy   // DefaultPolicy
	Patience    time.Duration  // how far behind the shop may be; 20 ms; < 0 for ever
	Requests    int            // at once, before browsing and checkout are shed; 4,096
	Waiters     int            // streams and waiting checkouts at once; 10,000
	Connections int            // of one listener at once; 16,384
	Workers     int            // that take orders from the purchase queue; 8
	OpenMeters  bool           // /metrics is for everybody, not only for admins and services
}

// defaultPatience keeps nine accepted orders in ten under 100 ms whatever is asked of the shop.
const defaultPatience = 20 * time.Millisecond

func (p Policy) withDefaults() Policy {
	if p.Issuer == "" {
		p.Issuer = "souk"
	}
	if p.Catalog == (catalog.Policy{}) {
		p.Catalog = catalog.DefaultPolicy()
	}
	if p.Order == (order.Policy{}) {
		p.Order = order.DefaultPolicy()
	}
	if p.Patience == 0 {
		p.Patience = defaultPatience
	}
	orElse := func(n *int, d int) {
		if *n <= 0 {
			*n = d
		}
	}
	orElse(&p.Requests, 4096)
	orElse(&p.Waiters, 10_000)
	orElse(&p.Connections, 16_384)
	orElse(&p.Workers, 8)
	return p
}

// App is the shop on one platform. Its methods are safe for concurrent use.
type App struct {
	*rooms.Row // those that are open here; the others are nil

	Identity *identity.Service
	Machines *machines.Machines // nil where Config has none

	cfg    Config
	meters *meters
	health *health
	watch  *watch
	pace   *pace
	ops    *ops
	copies *backups
	house  *house
	mount  func() // makes the doors, the first time that anybody comes to them

	purchases *purchases // nil without the order room, like workers
	workers   *workers
	streams   *streams
	drained   sync.Once
}

// Open builds the rooms and subscribes their reactions. The doors are made when they are first
// needed, so that a process which has none to open does not pay for them. Nothing runs before
// Start.
func Open(cfg Config) (*App, error) {
	if cfg.Platform == nil || cfg.Clock == nil || cfg.IDs == nil || cfg.Log == nil {
		return nil, shop.Errorf(shop.Internal, "the app needs a platform, a clock, ids and a log")
	}
	if cfg.Catalogue == nil {
		cfg.Catalogue = event.NewCatalogue()
	}
	cfg.Policy = cfg.Policy.withDefaults()
	a := &App{cfg: cfg, meters: newMeters(), health: &health{}}
	a.pace = newPace(cfg.Clock, cfg.Platform)
	a.watch = newWatch(cfg.Policy.Waiters, func(typ string) {
		a.meters.moved(typ)
		a.pace.moved(typ)
	})
	a.ops = &ops{delivery: cfg.Platform.Delivery()}
	a.copies = newBackups(cfg)
	a.meters.registry.MustRegister(newWorld(cfg.Platform))
	if err := a.openRooms(); err != nil {
		return nil, err
	}
	if err := a.openIntake(); err != nil {
		return nil, err
	}
	if err := a.subscribe(); err != nil {
		return nil, err
	}
	if err := a.openMachines(); err != nil {
		return nil, err
	}
	a.house = a.newHouse()
	a.streams = &streams{
		order: a.Order, watch: a.watch, clock: cfg.Clock, meters: a.meters, house: a.house,
		done: make(chan struct{}),
	}
	if cfg.Unwatched {
		a.health.state.Store(ready) // it has nothing to start
	}
	a.mount = sync.OnceFunc(func() { a.house.build(a.routes()) })
	return a, nil
}

// openRooms opens the rooms that this process wants, and identity, which every door needs.
func (a *App) openRooms() error {
	cfg := a.cfg
	a.Identity = identity.New(cfg.Platform.Keys(), cfg.Clock, cfg.Policy.Issuer)
	if cfg.SignIn != nil {
		a.Identity.Trust(cfg.SignIn)
	}
	of := rooms.Config{
		Platform: cfg.Platform, Catalogue: cfg.Catalogue, Clock: cfg.Clock, IDs: cfg.IDs,
		Catalog: cfg.Policy.Catalog, Order: cfg.Policy.Order, Payment: cfg.Payment,
		Ledger: cfg.Payouts, Notification: cfg.Notification, Guests: cfg.Guests,
		Fulfilment: cfg.Fulfilment,
	}
	if !cfg.Unwatched {
		of.Watcher = watcher{a.watch, a.pace}
	}
	var err error
	a.Row, err = rooms.Open(of, cfg.Rooms...)
	return err
}

// newHouse makes what the doors share.
func (a *App) newHouse() *house {
	cfg := a.cfg
	return &house{
		clock: cfg.Clock, log: cfg.Log, verify: a.Identity.Verify, meters: a.meters,
		patience: cfg.Policy.Patience, most: int64(cfg.Policy.Requests), behind: a.pace.behind,
	}
}

// openIntake opens the purchase queue, where there are orders.
func (a *App) openIntake() error {
	if a.Order == nil {
		return nil
	}
	q, err := a.cfg.Platform.Queue("purchases", intakePolicy())
	if err != nil {
		return fmt.Errorf("open the purchase queue: %w", err)
	}
	a.ops.queue = q
	a.purchases = &purchases{
		queue: q, desk: a.Desk("app"), order: a.Order, vault: a.Vault(), pace: a.pace,
	}
	a.workers = &workers{purchases: a.purchases, log: a.cfg.Log, count: a.cfg.Policy.Workers}
	return nil
}

// openMachines opens the state machines, where this process runs them.
func (a *App) openMachines() (err error) {
	if !a.cfg.Machines || len(a.cfg.Rooms) > 0 {
		return nil
	}
	a.Machines, err = machines.Open(machines.Config{
		Platform: a.cfg.Platform, Clock: a.cfg.Clock, Catalogue: a.cfg.Catalogue, Rooms: a.Row,
	})
	return err
}

// subscribe declares every reaction of every room that is open, and the app's own.
func (a *App) subscribe() error {
	delivery := a.cfg.Platform.Delivery()
	for _, s := range a.Subscriptions() {
		if err := delivery.Subscribe(s); err != nil {
			return fmt.Errorf("subscribe %s: %w", s.Name, err)
		}
	}
	if a.Order == nil || a.cfg.Unwatched {
		return nil
	}
	if err := delivery.Subscribe(a.watch.subscription()); err != nil {
		return fmt.Errorf("subscribe the app's watch: %w", err)
	}
	return nil
}

// Start lets events flow, until Close or the end of ctx.
func (a *App) Start(ctx context.Context) error {
	if a.Machines != nil {
		if err := a.Machines.Define(ctx); err != nil {
			return fmt.Errorf("define the state machines: %w", err)
		}
	}
	if err := a.cfg.Platform.Delivery().Start(ctx); err != nil {
		return fmt.Errorf("start delivery: %w", err)
	}
	if a.workers != nil {
		a.workers.start(ctx)
	}
	a.health.state.Store(ready)
	return nil
}

// Handler serves every route of the rooms that are open.
func (a *App) Handler() http.Handler {
	a.mount()
	return a.house
}

// AdminHandler serves what belongs on a listener that only the operator reaches: /metrics without
// a token, /healthz and /readyz.
func (a *App) AdminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", a.meters.handler())
	mux.HandleFunc("GET /healthz", a.health.getHealth)
	mux.HandleFunc("GET /readyz", a.health.getReady)
	return mux
}

// Server wraps a handler with the bounds that an HTTP server needs towards the world: of time, of
// headers, and of connections. A connection too many is closed without an answer.
func (a *App) Server(h http.Handler) *http.Server {
	b := &bound{most: int64(a.cfg.Policy.Connections)}
	return &http.Server{
		ConnState: b.changed,
		Handler:   h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: time.Minute,
		WriteTimeout: MaxRequest + 5*time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: MaxHeader,
		ErrorLog:       slog.NewLogLogger(a.cfg.Log.Handler(), slog.LevelDebug),
	}
}

// Document returns the OpenAPI document.
func (a *App) Document() ([]byte, error) {
	a.mount()
	return a.house.document()
}

// Drain makes /readyz say no and ends the streams; requests are still served. Call it before the
// HTTP server is shut down.
func (a *App) Drain() {
	a.drained.Do(func() {
		a.health.state.Store(draining)
		close(a.streams.done)
	})
}

// Close drains, and waits until everything that the app started has ended, or until ctx ends. The
// platform stays open; close it afterwards.
func (a *App) Close(ctx context.Context) error {
	a.Drain()
	a.copies.shut()
	if a.workers != nil && a.workers.stop != nil { // it was started
		a.workers.stop()
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if a.workers != nil {
			a.workers.done.Wait()
		}
		a.copies.work.Wait()
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close the app: %w", context.Cause(ctx))
	}
}

// Routes is the table, in its order.
func (a *App) Routes() []Route { return a.routes() }

// PatternOf is the line of the router that a request would meet: the router's own view of the
// table.
func (a *App) PatternOf(method, path string) string {
	a.mount()
	_, pattern := a.house.mux.Handler(&http.Request{Method: method, URL: &url.URL{Path: path}})
	return pattern
}
