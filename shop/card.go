package shop

// LooksLikeCard reports whether s holds 13 to 19 digits in a row, spaces and dashes not counted,
// that pass the check sum of card numbers.
func LooksLikeCard(s string) bool {
	var run []byte
	for _, c := range []byte(s) {
		switch {
		case c >= '0' && c <= '9':
			run = append(run, c-'0')
		case c != ' ' && c != '-' && c != '.':
			if isCard(run) {
				return true
			}
			run = run[:0]
		}
	}
	return isCard(run)
}

func isCard(digits []byte) bool {
	if len(digits) < 13 || len(digits) > 19 {
		return false
	}
	sum := 0
	for i, d := range digits {
		n := int(d)
		if (len(digits)-i)%2 == 0 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}
