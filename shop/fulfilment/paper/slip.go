package paper

import (
	"fmt"
	"strconv"

	"codeberg.org/go-pdf/fpdf"

	"github.com/souk-commerce/souk/shop/fulfilment"
)

// Printer prints packing slips. The zero value is ready.
type Printer struct{}

var _ fulfilment.Printer = Printer{}

// The sheet of a packing slip.
const (
	slipWidth, slipHeight = 210.0, 297.0
	slipMargin            = 18.0
	slipInner             = slipWidth - 2*slipMargin
	rowHeight             = 9.0
	firstRows, otherRows  = 17, 25 // lines on the first sheet, and on each other
)

// Slip implements fulfilment.Printer: what is in the parcel, for whom, with the shipment's name as
// bar code and QR code. A long parcel takes several sheets.
func (Printer) Slip(s fulfilment.Slip) ([]byte, error) {
	p := open(fpdf.SizeType{Wd: slipWidth, Ht: slipHeight}, slipMargin,
		"Packing slip "+string(s.Shipment), s.At)
	sheets := 1
	if rest := len(s.Lines) - firstRows; rest > 0 {
		sheets += (rest + otherRows - 1) / otherRows
	}
	lines, n := s.Lines, 0
	for sheet := 1; sheet <= sheets; sheet++ {
		p.AddPage()
		y, rows := slipMargin, otherRows
		if sheet == 1 {
			rows = firstRows
			if err := p.slipHead(s); err != nil {
				return nil, err
			}
			y = 112
		}
		rows = min(rows, len(lines))
		p.slipTable(y, lines[:rows], n)
		lines, n = lines[rows:], n+rows
		p.slipFoot(sheet, sheets)
	}
	return p.bytes()
}

func (p page) slipHead(s fulfilment.Slip) error {
	const m = slipMargin
	p.grey(30)
	p.at(m, 20, 90, 26, "B", "Packing slip")
	p.grey(110)
	p.at(m, 33, 90, 10, "", s.At.Format("2 January 2006"))
	if err := p.code128(slipWidth-m-92, 18, 92, 15, string(s.Shipment)); err != nil {
		return err
	}
	p.grey(60)
	p.right(slipWidth-m, 34.5, 92, 9, "", string(s.Shipment))
	p.grey(200)
	p.SetLineWidth(0.3)
	p.Line(m, 44, slipWidth-m, 44)

	p.grey(120)
	p.at(m, 51, 80, 8, "B", "SHIP TO")
	p.grey(20)
	y := 57.0
	for i, line := range append(address(s.To), s.To.Country) {
		style, size := "", 11.0
		if i == 0 {
			style, size = "B", 13
		}
		p.at(m, y, 88, size, style, line)
		y += 6.4
	}
	var units int64
	for _, l := range s.Lines {
		units += l.Quantity
	}
	p.facts(112, 51, [][2]string{
		{"ORDER", string(s.Order)}, {"SOLD BY", string(s.Dealer)},
		{"ITEMS", fmt.Sprintf("%d units of %d kinds", units, len(s.Lines))},
	})
	return p.qr(slipWidth-m-30, 68, 34, string(s.Shipment))
}

// facts writes small headings, each with its text below.
func (p page) facts(x, y float64, list [][2]string) {
	for _, one := range list {
		p.grey(120)
		p.at(x, y, 40, 8, "B", one[0])
		p.grey(20)
		p.at(x, y+4.6, slipWidth-slipMargin-x, 10, "", one[1])
		y += 14
	}
}

func (p page) slipTable(y float64, lines []fulfilment.SlipLine, before int) {
	const m = slipMargin
	p.SetFillColor(38, 50, 56)
	p.Rect(m, y, slipInner, 8, "F")
	p.SetTextColor(255, 255, 255)
	p.at(m+3, y+2.2, 10, 8, "B", "NO.")
	p.at(m+16, y+2.2, 40, 8, "B", "ARTICLE")
	p.at(m+58, y+2.2, 90, 8, "B", "DESCRIPTION")
	p.right(m+slipInner-14, y+2.2, 20, 8, "B", "QUANTITY")
	y += 8
	for i, l := range lines {
		if i%2 == 1 {
			p.grey(244)
			p.Rect(m, y, slipInner, rowHeight, "F")
		}
		p.grey(120)
		p.at(m+3, y+2.7, 10, 9, "", strconv.Itoa(before+i+1))
		p.grey(20)
		p.at(m+16, y+2.7, 40, 9, "", string(l.SKU))
		p.at(m+58, y+2.5, 88, 10, "", l.Title)
		p.right(m+slipInner-14, y+2.4, 20, 11, "B", strconv.FormatInt(l.Quantity, 10))
		p.SetDrawColor(150, 150, 150)
		p.SetLineWidth(0.3)
		p.Rect(m+slipInner-8.5, y+2.4, 4.2, 4.2, "D") // to tick when it is in the box
		y += rowHeight
	}
	p.grey(200)
	p.Line(m, y, slipWidth-m, y)
}

func (p page) slipFoot(sheet, sheets int) {
	const m = slipMargin
	p.grey(120)
	p.at(m, slipHeight-16, 130, 8, "",
		"No prices on this slip. To send something back, ask for a return of this order.")
	p.right(slipWidth-m, slipHeight-16, 40, 8, "", fmt.Sprintf("%d / %d", sheet, sheets))
}
