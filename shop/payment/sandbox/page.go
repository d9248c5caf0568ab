package sandbox

import (
	"html/template"
	"net/http"
	"strings"
)

// PagePath is where Pages are served, before an operation's key.
const PagePath = "/sandbox/confirm/"

const page = `<!doctype html><meta charset="utf-8"><title>Your bank</title>
<h1>Your bank</h1><p>Do you want to pay? This is the sandbox: no money moves.</p>
<form method="post"><button name="answer" value="yes">Yes</button>
<button name="answer" value="no">No</button></form>
`

// Pages serves, below PagePath, the page on which a customer confirms a payment or does not. It
// knows nobody: whoever has the address may answer, as at a bank's.
func (s *Sandbox) Pages() http.Handler {
	form := template.Must(template.New("").Parse(page))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, ok := strings.CutPrefix(r.URL.Path, PagePath)
		if !ok || !plain(key) {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		if r.Method != http.MethodPost {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_ = form.Execute(w, nil) // whoever asked may have gone
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxCall)
		answer, said := s.Confirm, "confirmed"
		if r.PostFormValue("answer") != "yes" {
			answer, said = s.Deny, "refused"
		}
		if answer(key) != nil {
			http.Error(w, "there is nothing to confirm any more", http.StatusConflict)
			return
		}
		http.Error(w, said+"; you may close this page", http.StatusOK)
	})
}
