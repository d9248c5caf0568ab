package sandbox

import "strings"

// Token is a magic token: an account with which the provider behaves as its Doc says.
type Token struct {
	Token string
	Doc   string // one sentence, for the documents
	fate  fate
}

// fate is what becomes of a payout besides that it is sent.
type fate string

const (
	honest      fate = ""
	refused     fate = "refused"
	timesOut    fate = "times_out"    // the first call has no effect and no answer
	answerLost  fate = "answer_lost"  // the first call has its effect and no answer
	statusLies  fate = "status_lies"  // likewise, and the status denies it for a while
	silent      fate = "silent"       // likewise, and the status has no answer for a while
	slow        fate = "slow"         // it is on its way for an hour
	returned    fate = "returned"     // it comes back
	wrongAmount fate = "wrong_amount" // the first answer names another amount
	wrongPayout fate = "wrong_payout" // the first answer names another payout
)

// Tokens lists the magic tokens. A token that is not listed is honoured like ba_ok.
func Tokens() []Token {
	return []Token{
		{"ba_ok", "Every payout is sent at once.", honest},
		{"ba_refused", "Every payout is refused: the account is closed.", refused},
		{"ba_timeout", "The first call ends without an answer and without an effect.", timesOut},
		{"ba_paid_then_timeout", "The first call has its effect and ends without an answer.",
			answerLost},
		{"ba_lying_status",
			"The first call has its effect but no answer; the status denies it for five minutes.",
			statusLies},
		{"ba_silent",
			"The first call has its effect and no answer, and nor has the status for five minutes.",
			silent},
		{"ba_slow", "A payout is on its way for an hour.", slow},
		{"ba_returned", "A payout is sent and comes back after two days.", returned},
		{"ba_wrong_amount", "The first answer names another amount.", wrongAmount},
		{"ba_wrong_payout", "The first answer names another payout.", wrongPayout},
	}
}

// Describe says what may be shown of an account. It is what ledger.Options.Describe is set to.
func Describe(token string) string {
	return "sandbox account " + strings.ReplaceAll(strings.TrimPrefix(token, "ba_"), "_", " ")
}

func fateOf(token string) fate {
	for _, t := range Tokens() {
		if t.Token == token {
			return t.fate
		}
	}
	return honest
}
