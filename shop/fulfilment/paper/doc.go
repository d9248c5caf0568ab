// Package paper prints what goes on and into parcels: packing slips on A4, labels of 4 by 6 inches.
// What it draws as a bar code is made of filled rectangles, so that it is sharp at any size and can
// be read back from the document itself.
//
// The letters are the Go fonts, which know Latin, Greek and Cyrillic; what they do not know is
// printed as an empty box. The same content gives the same bytes.
package paper
