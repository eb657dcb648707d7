//go:build tools

// Package helm names the programs that the lab builds from here; go.mod and go.sum pin their versions.
package helm

import (
	_ "helm.sh/helm/v4/cmd/helm"
)
