//go:build tools

// Package krew names the programs that the lab builds from here; go.mod and go.sum pin their versions.
package krew

import (
	_ "sigs.k8s.io/krew/cmd/krew"
	_ "sigs.k8s.io/krew/cmd/validate-krew-manifest"
)
