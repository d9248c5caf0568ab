package verify

import "context"

// readChain requires that every segment of an archived log follows from the one before it.
func (r *run) readChain(ctx context.Context) error {
	if r.in.Chain == nil {
		return nil
	}
	s := r.sheet()
	n, err := r.in.Chain(ctx, func(segment int64, what string) {
		s.broken(hashChain, place{}, "a segment of the archive is not what was written",
			"segment", segment, "because", what)
	})
	s.laws[hashChain].checked += n
	return err
}
