package wording

import (
	"fmt"
	"strings"
	"text/template/parse"
)

// quick is a template of words alone, made ready to be filled without reflection: every order that
// is placed says something to somebody, and executing a template would cost more than recording
// what it says.
type quick []piece

// piece is a part of a quick template: text, a word's value, or a choice.
type piece struct {
	text string
	word string // its value is written, or compared in a choice
	is   *string
	yes  quick // if the word is that
	no   quick
}

// ready turns a template into a quick one. It reports false for one that is more than words and
// choices between them, which is to be executed.
func ready(list *parse.ListNode) (quick, bool) {
	var q quick
	if list == nil {
		return nil, true
	}
	for _, node := range list.Nodes {
		p, ok := readyPiece(node)
		if !ok {
			return nil, false
		}
		q = append(q, p)
	}
	return q, true
}

func readyPiece(node parse.Node) (piece, bool) {
	switch n := node.(type) {
	case *parse.TextNode:
		return piece{text: string(n.Text)}, true
	case *parse.ActionNode:
		args := argsOf(n.Pipe)
		if len(args) != 1 {
			return piece{}, false
		}
		word, ok := wordOf(args[0])
		return piece{word: word}, ok
	case *parse.IfNode:
		args := argsOf(n.Pipe)
		if len(args) != 3 || args[0].String() != "eq" {
			return piece{}, false
		}
		word, isWord := wordOf(args[1])
		is, isText := args[2].(*parse.StringNode)
		yes, yesReady := ready(n.List)
		no, noReady := ready(n.ElseList)
		if !isWord || !isText || !yesReady || !noReady {
			return piece{}, false
		}
		return piece{word: word, is: &is.Text, yes: yes, no: no}, true
	}
	return piece{}, false
}

// argsOf returns the one command of a pipeline that sets no variable.
func argsOf(pipe *parse.PipeNode) []parse.Node {
	if len(pipe.Cmds) != 1 || len(pipe.Decl) != 0 {
		return nil
	}
	return pipe.Cmds[0].Args
}

// wordOf reads ".name".
func wordOf(node parse.Node) (string, bool) {
	field, ok := node.(*parse.FieldNode)
	if !ok || len(field.Ident) != 1 {
		return "", false
	}
	return field.Ident[0], true
}

// fill writes the template. As in a template that is executed, it is an error that a word which it
// comes to is not there.
func (q quick) fill(out *strings.Builder, words map[string]string) error {
	for i := range q {
		p := &q[i]
		if p.word == "" {
			out.WriteString(p.text)
			continue
		}
		value, there := words[p.word]
		if !there {
			return fmt.Errorf("there is no word %q", p.word)
		}
		switch {
		case p.is == nil:
			out.WriteString(value)
		case value == *p.is:
			if err := p.yes.fill(out, words); err != nil {
				return err
			}
		default:
			if err := p.no.fill(out, words); err != nil {
				return err
			}
		}
	}
	return nil
}
