package paper_test

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"image"
	"image/color"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/oned"
	"github.com/makiuchi-d/gozxing/qrcode"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/fulfilment/paper"
)

func at() time.Time { return time.Date(2026, 11, 5, 9, 30, 0, 0, time.UTC) }

func home() shop.Address {
	return shop.Address{
		Name: "Zoë Łukasik", Line1: "Flat 3, 14 Mill Lane", Line2: "Behind the chapel",
		City: "Hebden Bridge", PostalCode: "HX7 8AD", Country: "GB",
	}
}

func label() paper.Label {
	return paper.Label{
		Carrier: "Sandbox Post", Service: "TRACKED 48", Tracking: "SB4F09A77C21D3E5GB",
		For: "shp_06h2e5g3nqkkm9kplb8n6m4e10_1", At: at(), To: home(),
		From: shop.Address{
			Name: "Souk Depot", Line1: "Unit 9, Canal Wharf", City: "Leeds", PostalCode: "LS1 4AP",
			Country: "GB",
		},
	}
}

func slip(lines int) fulfilment.Slip {
	s := fulfilment.Slip{
		Shipment: "shp_06h2e5g3nqkkm9kplb8n6m4e10_1", Order: "ord_06h2e5g3nqkkm9kplb8n6m4e10",
		Dealer: "dlr_7", At: at(), To: home(),
	}
	for i := range lines {
		s.Lines = append(s.Lines, fulfilment.SlipLine{
			SKU: shop.SKU(fmt.Sprintf("8512%02dA", i)), Quantity: int64(i%5 + 1),
			Title: "WHITE HANGING HEART T-LIGHT HOLDER",
		})
	}
	return s
}

// Goal: what is printed as a code is read by a scanner as what it stands for. Method: the filled
// rectangles of the document's pages are painted, as a printer would, and given to a library that
// did not draw them.
func TestCodesAreReadBack(t *testing.T) {
	t.Parallel()
	l := label()
	pdf, err := l.Print()
	keep(t, "label", pdf, err)
	sheet := paint(t, pdf)
	expect(t, "code 128", code128(t, sheet, image.Rect(0, 112, 102, 142)), l.Tracking)
	expect(t, "QR", qr(t, sheet, image.Rect(66, 76, 102, 108)), l.Tracking)

	s := slip(3)
	pdf, err = paper.Printer{}.Slip(s)
	keep(t, "slip", pdf, err)
	sheet = paint(t, pdf)
	expect(t, "code 128", code128(t, sheet, image.Rect(98, 17, 194, 34)), string(s.Shipment))
	expect(t, "QR", qr(t, sheet, image.Rect(160, 66, 200, 104)), string(s.Shipment))
}

// Goal: a paper is the same whenever it is printed, and has as many sheets as it takes. Method:
// twice the same; parcels of 1 to 1,000 lines; texts that are too long for their place, and a
// return.
func TestPapersAreStable(t *testing.T) {
	t.Parallel()
	for lines, sheets := range map[int]int{1: 1, 17: 1, 18: 2, 42: 2, 43: 3, 1000: 41} {
		one, err := paper.Printer{}.Slip(slip(lines))
		keep(t, fmt.Sprint("slip-", lines), one, err)
		other, err := paper.Printer{}.Slip(slip(lines))
		if err != nil || !bytes.Equal(one, other) {
			t.Errorf("a slip of %d lines is not the same twice: %v", lines, err)
		}
		if n := bytes.Count(one, []byte("/Type /Page\n")); n != sheets {
			t.Errorf("a slip of %d lines has %d sheets, want %d", lines, n, sheets)
		}
	}
	l := label()
	l.Back, l.From, l.To = true, l.To, l.From
	l.To.Name = strings.Repeat("An Unusually Long Name ", 4)
	pdf, err := l.Print()
	keep(t, "return", pdf, err)
	l.Tracking = ""
	if _, err := l.Print(); shop.CodeOf(err) != shop.Invalid {
		t.Errorf("a label without a number: %v", err)
	}
}

// keep fails for an error, and keeps a paper to be looked at where SOUK_PAPERS says.
func keep(t *testing.T, name string, pdf []byte, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("print %s: %v", name, err)
	}
	if dir := os.Getenv("SOUK_PAPERS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".pdf"), pdf, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func expect(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("the %s says %q, want %q", what, got, want)
	}
}

// dots is how many are printed on a millimetre: 406 dots an inch, as label printers have.
const dots = 16

// paint paints what is filled in black on the first page of a document.
func paint(t *testing.T, pdf []byte) *image.Gray {
	t.Helper()
	const perPoint = dots * 25.4 / 72
	box := regexp.MustCompile(`/MediaBox \[0 0 ([0-9.]+) ([0-9.]+)\]`).FindSubmatch(pdf)
	if box == nil {
		t.Fatal("the document has no page")
	}
	number := func(text string) float64 {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	high := number(string(box[2]))
	wide := number(string(box[1]))
	sheet := image.NewGray(image.Rect(0, 0, int(wide*perPoint), int(high*perPoint)))
	for i := range sheet.Pix {
		sheet.Pix[i] = 255
	}
	black := true
	for line := range strings.Lines(firstPage(t, pdf)) {
		f := strings.Fields(line)
		switch {
		case len(f) == 4 && f[3] == "rg":
			black = f[0] == "0.000" && f[1] == "0.000" && f[2] == "0.000"
		case len(f) == 2 && f[1] == "g":
			black = f[0] == "0.000"
		case black && len(f) == 6 && f[4] == "re" && f[5] == "f":
			x, y, w, h := number(f[0]), number(f[1]), number(f[2]), number(f[3])
			left, right := math.Round(x*perPoint), math.Round((x+w)*perPoint)
			top, bottom := math.Round((high-y)*perPoint), math.Round((high-y-h)*perPoint)
			for py := int(top); py < int(bottom); py++ {
				for px := int(left); px < int(right); px++ {
					sheet.SetGray(px, py, color.Gray{})
				}
			}
		}
	}
	return sheet
}

// firstPage is the first stream that draws rectangles, unpacked.
func firstPage(t *testing.T, pdf []byte) string {
	t.Helper()
	for _, part := range bytes.Split(pdf, []byte("stream\n"))[1:] {
		r, err := zlib.NewReader(bytes.NewReader(part))
		if err != nil {
			continue
		}
		text, err := io.ReadAll(r)
		if err == nil && bytes.Contains(text, []byte(" re f")) {
			return string(text)
		}
	}
	t.Fatal("no page draws anything")
	return ""
}

func bitmap(t *testing.T, sheet *image.Gray, mm image.Rectangle) *gozxing.BinaryBitmap {
	t.Helper()
	part := sheet.SubImage(image.Rect(
		mm.Min.X*dots, mm.Min.Y*dots, mm.Max.X*dots, mm.Max.Y*dots))
	b, err := gozxing.NewBinaryBitmapFromImage(part)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func code128(t *testing.T, sheet *image.Gray, mm image.Rectangle) string {
	t.Helper()
	r, err := oned.NewCode128Reader().Decode(bitmap(t, sheet, mm), nil)
	if err != nil {
		t.Fatalf("read the bar code: %v", err)
	}
	return r.GetText()
}

func qr(t *testing.T, sheet *image.Gray, mm image.Rectangle) string {
	t.Helper()
	r, err := qrcode.NewQRCodeReader().Decode(bitmap(t, sheet, mm), nil)
	if err != nil {
		t.Fatalf("read the QR code: %v", err)
	}
	return r.GetText()
}
