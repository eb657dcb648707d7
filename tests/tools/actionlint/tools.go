//go:build tools

// Package actionlint names the program that checks the workflows; go.mod and go.sum pin its version.
package actionlint

import (
	_ "github.com/rhysd/actionlint/cmd/actionlint"
)
