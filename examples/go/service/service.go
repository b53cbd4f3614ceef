// Package service is where the examples run: the gateway that VTRIX_BASE_URL, VTRIX_TOKEN and
// VTRIX_PROJECT_ID name.
package service

import (
	"context"
	"fmt"
	"os"

	vtrix "github.com/vtrixai/sandbox-native/bindings-go"
)

// Main runs an example with a client, and says what went wrong if something does.
func Main(example func(ctx context.Context, client *vtrix.Client) error) {
	client, err := vtrix.NewClient(vtrix.Options{})
	if err == nil {
		fmt.Println("Using the gateway at VTRIX_BASE_URL.")
		err = example(context.Background(), client)
		client.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
