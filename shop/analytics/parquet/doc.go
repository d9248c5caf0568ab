// Package parquet writes the log of events as Parquet files for people who ask questions of it with
// SQL: a folder for each day and type, so that a question reads no more than it needs.
//
// It promises that every event of the log stands in the files once, whatever interrupts a run: a
// run goes on where the last finished one ended, and writes what an unfinished one wrote again.
// Personal data stays sealed. Package main drives it; analytics knows nothing
// of it.
package parquet
