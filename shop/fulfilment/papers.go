package fulfilment

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// keep stores a paper encrypted under a key of its own, which is sealed under the person's. So the
// files hold no address in clear, and erasing the person makes every copy unreadable. Each key
// encrypts one paper, so the nonce may be the same.
func (s *Service) keep(ctx context.Context, person shop.ID, pdf []byte) (Paper, error) {
	key := make([]byte, 32)
	if _, err := io.ReadFull(s.opt.Chance, key); err != nil {
		return Paper{}, shop.Errorf(shop.Internal, "make a key for a paper: %w", err)
	}
	box, err := cipherOf(key)
	if err != nil {
		return Paper{}, err
	}
	sealed := box.Seal(nil, make([]byte, box.NonceSize()), pdf, nil)
	digest, err := s.opt.Files.Put(ctx, bytes.NewReader(sealed))
	if err != nil {
		return Paper{}, fmt.Errorf("store a paper: %w", err)
	}
	secret, err := shop.Seal(ctx, s.desk.Keys, person, event.PaperKey{Key: key})
	return Paper{Digest: digest, Secret: secret}, err
}

// read opens a paper. NotFound when its person was erased.
func (s *Service) read(ctx context.Context, p Paper) ([]byte, error) {
	key, err := p.Secret.Open(ctx, s.desk.Keys)
	if errors.Is(err, platform.ErrErased) {
		return nil, shop.Errorf(shop.NotFound, "this paper was about a person who was erased")
	}
	if err != nil {
		return nil, fmt.Errorf("open a paper: %w", err)
	}
	file, err := s.opt.Files.Open(ctx, p.Digest)
	if err != nil {
		return nil, fmt.Errorf("open the file %s: %w", p.Digest, err)
	}
	sealed, err := io.ReadAll(io.LimitReader(file, 2*maxPaper))
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("read the file %s: %w", p.Digest, err)
	}
	box, err := cipherOf(key.Key)
	if err != nil {
		return nil, err
	}
	pdf, err := box.Open(nil, make([]byte, box.NonceSize()), sealed, nil)
	if err != nil {
		return nil, shop.Errorf(shop.Internal, "the file %s is not what was stored: %w",
			p.Digest, err)
	}
	return pdf, nil
}

func cipherOf(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, shop.Errorf(shop.Internal, "the key of a paper: %w", err)
	}
	return cipher.NewGCM(block)
}

// slipKey is where the packing slip of a shipment is, once somebody asked for it. It can be made
// again at any time, so it is no domain state.
func slipKey(id shop.ID) platform.Key {
	return platform.Key{Part: room.AuxPrefix + "slip/" + string(id), Sort: "slip"}
}

// Slip returns the packing slip of a shipment as PDF, for its dealer and the operator. It is made
// when it is first asked for, and the same from then on.
func (s *Service) Slip(ctx context.Context, who room.Caller, id shop.ID) ([]byte, error) {
	tx := s.desk.Begin(room.Cause{})
	sh, err := find(ctx, tx, who, id)
	if err != nil {
		return nil, err
	}
	switch {
	case who.May(room.Customer()):
		return nil, shop.Errorf(shop.Forbidden, "a packing slip is for the dealer of %s", id)
	case s.opt.Printer == nil:
		return nil, shop.Errorf(shop.Unavailable, "nothing here makes packing slips")
	}
	have, err := room.Get[Paper](ctx, tx, slipKey(id))
	if err != nil {
		return nil, err
	}
	if have != nil {
		return s.read(ctx, *have)
	}
	pdf, err := s.printSlip(ctx, sh)
	if err != nil {
		return nil, err
	}
	paper, err := s.keep(ctx, sh.Customer, pdf)
	if err != nil {
		return nil, err
	}
	err = s.desk.Do(ctx, room.Cause{}, func(ctx context.Context, tx *room.Tx) error {
		first, err := room.Get[Paper](ctx, tx, slipKey(id))
		if err == nil && first == nil {
			room.Put(tx, slipKey(id), &paper)
		} else if first != nil {
			paper = *first // somebody was faster: that is the slip
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.read(ctx, paper)
}

func (s *Service) printSlip(ctx context.Context, sh *Shipment) ([]byte, error) {
	address, err := sh.ShipTo.Open(ctx, s.desk.Keys)
	if errors.Is(err, platform.ErrErased) {
		return nil, shop.Errorf(shop.NotFound, "the customer of %s was erased", sh.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("open the address of %s: %w", sh.ID, err)
	}
	lines, err := s.opt.Orders.Priced(ctx, sh.Order)
	if err != nil {
		return nil, fmt.Errorf("ask what is in parcel %s: %w", sh.ID, err)
	}
	titles := make(map[shop.SKU]string, len(lines))
	for _, l := range lines {
		titles[l.SKU] = l.Title
	}
	slip := Slip{Shipment: sh.ID, Order: sh.Order, Dealer: sh.Dealer, At: s.now(), To: address}
	for _, l := range sh.Lines {
		slip.Lines = append(slip.Lines, SlipLine{l.SKU, titles[l.SKU], l.Quantity})
	}
	return s.opt.Printer.Slip(slip)
}

// labelPDF returns the label of a shipment or a return; NotFound while there is none. The caller
// may see what it is for.
func (s *Service) labelPDF(ctx context.Context, of shop.ID) ([]byte, error) {
	l, err := labelFor(ctx, s.desk.Begin(room.Cause{}), of)
	if err != nil {
		return nil, err
	}
	if l == nil || l.State != labelBought {
		return nil, shop.Errorf(shop.NotFound, "there is no label for %s", of)
	}
	return s.read(ctx, l.Paper)
}
