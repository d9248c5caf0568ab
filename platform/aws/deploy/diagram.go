package deploy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Diagram draws the house as SVG: doors above, tables and bus in the middle, every subscription
// below, and beside them what watches over all. It follows the reader's light or dark theme.
func Diagram(h House) []byte {
	d := &drawing{}
	bottom := h.drawRooms(d, 690)
	h.drawDoors(d)
	h.drawTables(d)
	h.drawBus(d)
	h.drawWatch(d)
	d.backFlow(bottom)
	h.drawTitle(d)
	return d.finish(1400, bottom+70)
}

func (h House) drawTitle(d *drawing) {
	d.text(40, 58, "title", "The shop on AWS")
	d.text(40, 84, "muted", fmt.Sprintf(
		"%d rooms, %d subscriptions, %d doors: drawn from what they declare",
		len(h.Rooms), len(h.Subscriptions), len(h.Routes)))
	x := 1070
	for class, name := range classes() {
		d.dot(x, 80, class)
		d.text(x+12, 84, "muted", name)
		x += 100
	}
}

func classes() []string { return []string{"critical", "standard", "background"} }

// drawDoors draws how a request comes in.
func (h House) drawDoors(d *drawing) {
	d.band(24, 108, 1020, 212, "DOORS")
	d.card(card{x: 40, y: 190, w: 120, h: 66, kind: "plain", title: "Anybody",
		lines: []string{"over TLS"}})
	d.card(card{x: 200, y: 190, w: 200, h: 66, kind: "door", title: "CloudFront",
		lines: []string{"web ACL: bad input, rates"}})
	d.card(card{x: 440, y: 190, w: 190, h: 66, kind: "door", title: "HTTP API",
		lines: []string{fmt.Sprintf("%d routes, each throttled", len(h.Routes))}})
	d.arrow(160, 223, 200, 223)
	d.arrow(400, 223, 440, 223)
	for i, f := range h.doors() {
		y := 128 + 64*i
		d.card(card{x: 680, y: y, w: 350, h: 54, kind: "function", title: f.name,
			lines: []string{f.about()}})
		d.arrow(630, 223, 655, 223, 655, y+27, 680, y+27)
	}
}

// about says in a few words what is behind a door.
func (d door) about() string {
	rooms := map[string]bool{}
	for _, r := range d.routes {
		rooms[r.Room] = true
	}
	if len(rooms) > 3 {
		return fmt.Sprintf("%d routes of %d rooms", len(d.routes), len(rooms))
	}
	return fmt.Sprintf("%d routes: %s", len(d.routes),
		strings.Join(slices.Sorted(maps.Keys(rooms)), ", "))
}

// drawTables draws where the truth is, and who fires timers.
func (h House) drawTables(d *drawing) {
	d.band(24, 342, 1020, 134, "TRUTH")
	x := 40
	for _, t := range h.tables() {
		w, title, kind := 540, "DynamoDB: the rooms' table", "table"
		lines := []string{strings.Join(h.in(t), " · "), "records, facts and timers in one commit"}
		if t != shared {
			w, title, kind = 220, "DynamoDB: "+t, "apart"
			lines = []string{"its own table, stream, key,", "relay and sweeper"}
		}
		d.card(card{x: x, y: 376, w: w, h: 84, kind: kind, title: title, lines: lines})
		x += w + 20
	}
	d.arrow(260, 460, 260, 530)
	d.text(268, 488, "small", "streams")
	d.arrow(710, 460, 710, 484, 340, 484, 340, 530)
	d.card(card{x: 850, y: 376, w: 180, h: 84, kind: "function", title: "sweeper",
		lines: []string{"fires what is due,", "every minute"}})
	d.arrow(850, 418, 820, 418)
	d.arrow(855, 320, 855, 331, 310, 331, 310, 376)
	d.text(318, 364, "small", "commits")
}

// drawBus draws how facts travel.
func (h House) drawBus(d *drawing) {
	d.band(24, 498, 1020, 130, "FACTS")
	d.card(card{x: 210, y: 530, w: 180, h: 80, kind: "function", title: "relay",
		lines: []string{"one for each stream", "at least once, in order"}})
	d.card(card{x: 470, y: 530, w: 330, h: 80, kind: "bus", title: "EventBridge, or SNS",
		lines: []string{"a rule for each subscription,", "on the exact types it names"}})
	d.card(card{x: 40, y: 530, w: 130, h: 80, kind: "plain", title: "S3: archive",
		lines: []string{"of all events,", "to replay from"}})
	d.card(card{x: 850, y: 530, w: 180, h: 80, kind: "plain", title: "S3: files",
		lines: []string{"what is too large", "for a message"}})
	d.arrow(390, 570, 470, 570)
	d.arrow(210, 570, 170, 570)
	d.arrow(635, 610, 635, 682)
	d.text(645, 655, "small", "only what a subscription asked for")
}

// drawRooms draws a card for each room with all of its subscriptions, in the shortest of four
// columns, and returns where they end.
func (h House) drawRooms(d *drawing, top int) int {
	const columns, width, gap = 4, 322, 16
	var ends [columns]int
	for i := range ends {
		ends[i] = top
	}
	names := h.heard()
	slices.SortStableFunc(names, func(a, b string) int { return h.lines(b) - h.lines(a) })
	for _, room := range names {
		i := slices.Index(ends[:], slices.Min(ends[:]))
		ends[i] += h.drawRoom(d, room, 32+i*(width+gap), ends[i], width) + gap
	}
	return slices.Max(ends[:]) - gap
}

// lines is how many a room's card has.
func (h House) lines(room string) int {
	return len(h.of(room)) + len(h.tasksIn(room)) + len(h.machinesOf(room))
}

func (h House) drawRoom(d *drawing, room string, x, y, width int) int {
	subs := h.of(room)
	height := 62 + 22*h.lines(room)
	kind := "plain"
	if h.tableOf(room) != shared {
		kind = "apart"
	}
	d.card(card{x: x, y: y, w: width, h: height, kind: kind, title: room, lines: []string{
		fmt.Sprintf("%d × queue, dead letters, function, role", len(subs))}})
	for i, s := range subs {
		line := y + 70 + 22*i
		d.dot(x+20, line-4, s.Class)
		d.text(x+32, line, "code", strings.TrimPrefix(s.Name, room+"."))
		if mark := s.mark(); mark != "" {
			d.end(x+width-14, line, "small", mark)
		}
	}
	line := y + 70 + 22*len(subs)
	for _, t := range h.tasksIn(room) {
		d.text(x+32, line, "code", strings.TrimPrefix(t.Name, room+"."))
		d.end(x+width-14, line, "small", "task")
		line += 22
	}
	for _, m := range h.machinesOf(room) {
		d.text(x+32, line, "code", strings.TrimPrefix(m.Name, room+"."))
		d.end(x+width-14, line, "small", "state machine")
		line += 22
	}
	return height
}

// mark says what is out of the ordinary.
func (s Subscription) mark() string {
	switch {
	case s.Calls:
		return "calls out"
	case s.Ordered:
		return "in order"
	}
	return ""
}

// questions is how many of the tasks are answered by a person, which an alarm tells.
func (h House) questions() (n int) {
	for _, t := range h.Tasks {
		if t.Asks {
			n++
		}
	}
	return n
}

// drawWatch draws what stands beside everything.
func (h House) drawWatch(d *drawing) {
	d.band(1060, 108, 316, 520, "WATCH")
	var keys []string
	for _, k := range h.domains() {
		keys = append(keys, k.name)
	}
	queues := len(h.Subscriptions) + len(h.Queues)
	y := 134
	for _, c := range []struct {
		title string
		lines []string
	}{
		{"Cognito", []string{"MFA for all, groups:", strings.Join(h.Roles, ", ")}},
		{"KMS: a key for each domain", []string{strings.Join(keys, ", "),
			"and one wrapped key for each person"}},
		{"IAM: a role for each function", []string{"the keys, queues and buckets",
			"that its rooms declare, no others"}},
		{"CloudTrail and Config", []string{"every use of what is apart, every file;",
			fmt.Sprintf("%d promises watched", len(configRules()))}},
		{"CloudWatch", []string{fmt.Sprintf("%d alarms: age, dead letters",
			2*(queues+len(h.tables())+len(h.Machines))+h.questions()),
			"logs with an end, by mail to a person"}},
	} {
		d.card(card{x: 1076, y: y, w: 284, h: 86, kind: "watch", title: c.title, lines: c.lines})
		y += 97
	}
}
