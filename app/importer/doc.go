// Package importer brings the orders of another shop in, from a file of order lines, through the
// same use cases as HTTP: what is sold becomes listings and stock, invoices become orders that are
// checked out, held, paid for and placed, and cancellations cancel them.
//
// It knows one format, "uci-online-retail": comma-separated lines under the header InvoiceNo,
// StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID, Country, plain or gzipped.
// The lines of such files are dirty, so the package promises above all to account for them: every
// line after the header ends in exactly one of three ways, ordered, cancelled or refused with a
// reason; the three add up to the lines of the file; and every refusal can be written to a report.
//
// The file is read several times and never held: first to learn what must be listed and received,
// then to place the orders, then to cancel. What is kept in memory grows with the things that are
// sold (and by some twenty bytes an invoice), not with the lines.
//
// Nothing marks how far an import has come. Every id follows from the file, so doing anything a
// second time finds it done: an import that was interrupted is resumed by running it again, and
// gives the same shop and the same report as one that was not.
//
// What it decides about the data:
//
//   - A listing has one price at a time, the file has many for one thing. The first price of a
//     stock code is the listing's; each other price is a listing of its own, named CODE@PENCE. So
//     no order waits for another's price, and orders are placed side by side.
//   - Stock codes are taken in capitals: the source writes the same thing both ways.
//   - As many units of each listing are received as the file orders of it. Cancellations give units
//     back, so at the end exactly the cancelled ones are available.
//   - Dealers, cards and addresses are made up; the file has none. A stock code always has the same
//     dealer. An invoice without a customer is ordered by a guest of its own.
//   - The invoice's date, read as UTC, is when the customer ordered. Events bear the time of the
//     import.
//   - A cancellation cancels the newest earlier order of the same customer that consists of exactly
//     what it takes back. What takes back only a part of an order is a return, and is refused.
//
// It is built on the app's services and the platform's ports. Only commands import it.
package importer
