package verify

import (
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// sticker is a label as its facts tell it.
type sticker struct {
	of       shop.ID
	key      string
	attempt  int
	pending  bool
	tracking string // once it is bought
	seen     time.Time
	over     bool // the carrier's last word was said
}

// labelled requires that a carrier is asked under one key for each label, that each is answered
// once, and that its words go forward by its own clock.
func (b *books) labelled(it *item, l *life) {
	switch f := it.fact.(type) {
	case *event.LabelWanted:
		b.check(singletons)
		s := l.sticker(f.For)
		if s == nil {
			l.stickers = append(l.stickers, sticker{of: f.For})
			s = &l.stickers[len(l.stickers)-1]
		}
		if s.pending || s.tracking != "" || f.Attempt != s.attempt+1 || f.Key == s.key {
			b.broken(singletons, it.at, "a label is wanted twice", "for", f.For,
				"attempt", f.Attempt, "key", f.Key)
		}
		s.key, s.attempt, s.pending = f.Key, f.Attempt, true
	case *event.LabelBought:
		if s := b.stickerOf(it, l, f.For, f.Key); s != nil {
			s.pending, s.tracking = false, f.Tracking
		}
	case *event.LabelRefused:
		if s := b.stickerOf(it, l, f.For, f.Key); s != nil {
			s.pending = false
		}
	case *event.LabelUnresolved:
		b.stickerOf(it, l, f.For, f.Key)
	case *event.ParcelTracked:
		b.check(singletons)
		s := l.sticker(f.For)
		if s == nil || s.tracking != f.Tracking || s.over || !f.At.After(s.seen) {
			b.broken(singletons, it.at,
				"a carrier's word that is no news, or about no label of ours", "for", f.For,
				"tracking", f.Tracking, "status", f.Status)
			return
		}
		s.seen, s.over = f.At, f.Status == "delivered" || f.Status == "returned"
	}
}

// stickerOf finds the label whose answer is still to come.
func (b *books) stickerOf(it *item, l *life, of shop.ID, key string) *sticker {
	b.check(singletons)
	s := l.sticker(of)
	if s == nil || !s.pending || s.key != key {
		b.broken(singletons, it.at, "a carrier answers twice, or what nobody asked", "for", of,
			"key", key, "type", it.e.Type)
		return nil
	}
	return s
}

func (l *life) sticker(of shop.ID) *sticker {
	for i := range l.stickers {
		if l.stickers[i].of == of {
			return &l.stickers[i]
		}
	}
	return nil
}
