// Package post reaches the sandbox carrier in another process, and reads its words. It prints
// nothing, so that who only asks for labels links nothing that does.
//
// It promises no more than the carrier does. cmd imports it, behind the seam fulfilment.Carrier,
// and the carrier itself.
package post
