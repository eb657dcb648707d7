//go:build tools

// Package krewindex names the program by which krew's own index checks what it takes, at the version that it takes it by.
package krewindex

import (
	_ "sigs.k8s.io/krew/cmd/validate-krew-manifest"
)
