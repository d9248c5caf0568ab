package paper

import (
	"bytes"
	"image/color"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/code128"
	"github.com/boombuler/barcode/qr"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"

	"github.com/souk-commerce/souk/shop"
)

const letters = "go"

// page is a document under the pen. Lengths are in millimetres, sizes of letters in points.
type page struct{ *fpdf.Fpdf }

// open begins a document. at is printed into it as when it was made.
func open(size fpdf.SizeType, margin float64, title string, at time.Time) page {
	p := page{fpdf.NewCustom(&fpdf.InitType{UnitStr: "mm", Size: size})}
	p.AddUTF8FontFromBytes(letters, "", goregular.TTF)
	p.AddUTF8FontFromBytes(letters, "B", gobold.TTF)
	p.SetCreationDate(at)
	p.SetModificationDate(at)
	p.SetCatalogSort(true)
	p.SetTitle(title, true)
	p.SetProducer("Souk", true)
	p.SetMargins(margin, margin, margin)
	p.SetCellMargin(0)
	p.SetAutoPageBreak(false, margin)
	return p
}

// bytes ends the document.
func (p page) bytes() ([]byte, error) {
	var b bytes.Buffer
	if err := p.Output(&b); err != nil {
		return nil, shop.Errorf(shop.Internal, "print a paper: %w", err)
	}
	return b.Bytes(), nil
}

// at writes a line of text that begins at a place, and is cut where it would be wider than width.
func (p page) at(x, y, width, size float64, style, text string) {
	p.SetFont(letters, style, size)
	p.SetXY(x, y)
	p.CellFormat(width, size*0.42, p.fit(text, width), "", 0, "L", false, 0, "")
}

// right is at, for text that ends at a place.
func (p page) right(x, y, width, size float64, style, text string) {
	p.SetFont(letters, style, size)
	p.SetXY(x-width, y)
	p.CellFormat(width, size*0.42, p.fit(text, width), "", 0, "R", false, 0, "")
}

// width is how wide text is in letters of a size.
func (p page) width(text string, size float64, style string) float64 {
	p.SetFont(letters, style, size)
	return p.GetStringWidth(text)
}

// fit cuts text to a width in the letters of now.
func (p page) fit(text string, width float64) string {
	if p.GetStringWidth(text) <= width {
		return text
	}
	runes := []rune(text)
	for len(runes) > 0 && p.GetStringWidth(string(runes)+"…") > width {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "…"
}

// grey sets the colour of text, lines and fillings; 0 is black.
func (p page) grey(n int) {
	p.SetTextColor(n, n, n)
	p.SetDrawColor(n, n, n)
	p.SetFillColor(n, n, n)
}

// code128 draws a bar code of text that fills a box, with its quiet zones.
func (p page) code128(x, y, w, h float64, text string) error {
	code, err := code128.Encode(text)
	if err != nil {
		return shop.Errorf(shop.Invalid, "draw a bar code: %w", err)
	}
	const quiet = 10 // modules on each side, as the standard wants
	bars := code.Bounds().Dx()
	module := w / float64(bars+2*quiet)
	p.grey(0)
	for i := 0; i < bars; {
		n := run(code, i, 0)
		if dark(code, i, 0) {
			p.Rect(x+float64(i+quiet)*module, y, float64(n)*module, h, "F")
		}
		i += n
	}
	return nil
}

// qr draws a QR code of text in a square, with its quiet zone.
func (p page) qr(x, y, side float64, text string) error {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return shop.Errorf(shop.Invalid, "draw a QR code: %w", err)
	}
	const quiet = 4
	n := code.Bounds().Dx()
	module := side / float64(n+2*quiet)
	p.grey(0)
	for row := range code.Bounds().Dy() {
		for i := 0; i < n; {
			length := run(code, i, row)
			if dark(code, i, row) {
				p.Rect(x+float64(i+quiet)*module, y+float64(row+quiet)*module,
					float64(length)*module, module, "F")
			}
			i += length
		}
	}
	return nil
}

func dark(code barcode.Barcode, x, y int) bool {
	return color.GrayModel.Convert(code.At(x, y)).(color.Gray).Y < 128
}

// run counts the modules of one colour from a place on.
func run(code barcode.Barcode, x, y int) int {
	n := 1
	for x+n < code.Bounds().Dx() && dark(code, x+n, y) == dark(code, x, y) {
		n++
	}
	return n
}

// address lists the lines of an address as a postman reads them.
func address(a shop.Address) []string {
	lines := []string{a.Name, a.Line1}
	if a.Line2 != "" {
		lines = append(lines, a.Line2)
	}
	city := a.City
	if a.PostalCode != "" {
		city = a.PostalCode + "  " + city
	}
	return append(lines, city)
}
