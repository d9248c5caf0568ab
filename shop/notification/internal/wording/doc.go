// Package wording turns what happened into words: a title, plain text and a page of HTML for each
// topic, in each language that there is.
//
// It promises the same words for the same input, that whatever it is given is escaped in HTML, and
// that there are always words: a language that it does not know is answered in its base language or
// in English, and a template that is missing or cannot be filled with a plain sentence. It knows no
// person, and holds no address. Only the notification room imports it.
package wording
