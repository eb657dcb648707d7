//go:build tools

// Package runc names the programs that the lab builds from here; go.mod and go.sum pin their versions.
package runc

import (
	_ "github.com/opencontainers/runc"
)
