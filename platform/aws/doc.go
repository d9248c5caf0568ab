// Package aws is the platform on AWS.
package aws
