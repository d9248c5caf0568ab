package importer_test

import (
	"bufio"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/app/importer"
	"github.com/souk-commerce/souk/shop"
)

// realFile is the data set "Online Retail" of the UCI Machine Learning Repository as CSV, or skips.
func realFile(t *testing.T) string {
	t.Helper()
	path := os.Getenv("SOUK_UCI")
	if path == "" {
		path = "../../../shared/data/uci-online-retail.csv.gz"
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("the real order lines are missing: get \"Online Retail\" from the UCI Machine " +
			"Learning Repository (archive.ics.uci.edu, data set 352), save it as CSV, and name " +
			"the file in SOUK_UCI")
	}
	return path
}

// Goal: the real file becomes a shop and nothing of it is dropped. Method: its first 4,000 lines;
// all 541,909, about half a minute, when SOUK_UCI names the file. The numbers were counted by an
// independent program.
func TestRealFile(t *testing.T) {
	t.Parallel()
	path := realFile(t)
	s := open(t, world{})
	defer s.close()
	whole := os.Getenv("SOUK_UCI") != ""
	c := s.config(func() (io.ReadCloser, error) {
		if whole {
			return importer.Open(path)
		}
		return firstLines(path, 4000)
	})
	c.InFlight = 64
	r := s.mustRun(c)
	if r.Ordered+r.Cancelled+r.Refused != r.Lines || r.DeadLetters != 0 || r.Waiting != 0 {
		t.Errorf("the report is %+v", r)
	}
	if !whole {
		if r.Lines != 4000 || r.Orders < 150 || r.Cancelled+r.Reasons[importer.NoSuchOrder] == 0 {
			t.Errorf("the report is %+v", r)
		}
		return
	}
	same(t, r, importer.Report{
		Lines: 541_909, Ordered: 527_758, Cancelled: 992, Refused: 13_159, Invoices: 25_900,
		Reasons: map[importer.Reason]int64{
			importer.NotGoods: 2943, importer.Correction: 1336, importer.FreeOfPrice: 1165,
			importer.NoCustomer: 165, importer.NotAnOrder: 3,
			importer.PartOfOrder: 4257, importer.NoSuchOrder: 3290,
		},
		Listings: 14_400, Units: 5_577_100, Orders: 19_773, Guests: 1371, Cancellations: 113,
		Worth: shop.Money{Amount: 1_027_143_306, Currency: importer.Currency},
	})
	t.Logf("%.1f s", r.Seconds)
}

// firstLines reads the beginning of a file.
func firstLines(path string, n int) (io.ReadCloser, error) {
	f, err := importer.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	var b strings.Builder
	in := bufio.NewScanner(f)
	for line := 0; line <= n && in.Scan(); line++ {
		b.WriteString(in.Text() + "\n")
	}
	return io.NopCloser(strings.NewReader(b.String())), in.Err()
}
