package paper

import (
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"

	"github.com/souk-commerce/souk/shop"
)

// Label is what a carrier prints on a label.
type Label struct {
	Carrier  string
	Service  string
	Tracking string // at most 30 characters, or the bars are too thin to be read
	For      shop.ID
	From, To shop.Address
	Back     bool
	At       time.Time
}

// The sheet of a label: 4 by 6 inches.
const (
	labelWidth, labelHeight = 101.6, 152.4
	labelMargin             = 5.0
	labelInner              = labelWidth - 2*labelMargin
)

// Print prints a label, as PDF.
func (l Label) Print() ([]byte, error) {
	if n := len(l.Tracking); n == 0 || n > 30 {
		return nil, shop.Errorf(shop.Invalid, "a tracking number has 1 to 30 characters, not %d", n)
	}
	p := open(fpdf.SizeType{Wd: labelWidth, Ht: labelHeight}, labelMargin,
		"Label "+l.Tracking, l.At)
	p.AddPage()
	p.labelHead(l)
	p.labelAddresses(l)
	if err := p.qr(labelWidth-labelMargin-29, 78, 29, l.Tracking); err != nil {
		return nil, err
	}
	p.SetLineWidth(0.6)
	p.grey(0)
	p.Line(labelMargin, 108.5, labelWidth-labelMargin, 108.5)
	p.at(labelMargin+2, 111, labelInner-4, 8, "B", "TRACKING")
	if err := p.code128(labelMargin, 116, labelInner, 25, l.Tracking); err != nil {
		return nil, err
	}
	p.SetFont(letters, "B", 12)
	p.SetXY(labelMargin, 142.5)
	p.CellFormat(labelInner, 5, spaced(l.Tracking), "", 0, "C", false, 0, "")
	p.SetLineWidth(0.8)
	p.Rect(labelMargin-2, labelMargin-2, labelInner+4, labelHeight-2*labelMargin+4, "D")
	return p.bytes()
}

func (p page) labelHead(l Label) {
	const m = labelMargin
	p.grey(0)
	p.Rect(m-2, m-2, labelInner+4, 19, "F")
	p.SetTextColor(255, 255, 255)
	p.at(m+2, m+3.6, 62, 20, "B", strings.ToUpper(l.Carrier))
	service := l.Service
	if l.Back {
		service = "RETURN"
	}
	p.right(labelWidth-m-2, m+2.6, 32, 13, "B", service)
	p.right(labelWidth-m-2, m+9.2, 32, 8, "", l.At.Format("2 Jan 2006"))
	p.grey(0)
}

func (p page) labelAddresses(l Label) {
	const m = labelMargin
	p.grey(90)
	p.at(m+2, 25, 20, 7, "B", "FROM")
	p.grey(40)
	y := 28.6
	for _, line := range append(address(l.From), l.From.Country) {
		p.at(m+2, y, labelInner-4, 8, "", line)
		y += 3.7
	}
	p.SetLineWidth(0.3)
	p.grey(0)
	p.Line(m, 49, labelWidth-m, 49)
	p.at(m+2, 52, 20, 8, "B", "TO")
	y = 56.5
	for i, line := range address(l.To) {
		style, size, step := "", 12.5, 6.0
		if i == 0 {
			style, size, step = "B", 15, 7.2
		}
		for p.width(line, size, style) > labelInner-4 && size > 8 {
			size -= 0.5 // a long name is printed smaller rather than cut
		}
		p.at(m+2, y, labelInner-4, size, style, line)
		y += step
	}
	p.at(m+2, 84, 50, 46, "B", l.To.Country)
	p.grey(90)
	p.at(m+2, 103.4, 58, 7, "", string(l.For))
	p.grey(0)
}

// spaced groups a tracking number by four, as people read it out.
func spaced(s string) string {
	var b strings.Builder
	for i, r := range s {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}
