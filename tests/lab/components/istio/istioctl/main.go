// istioctl as its own main starts it, with the charts and profiles of a release in place of the module's. They stand beside this file
// only while it is compiled: the build lays them there by the compiler's option -overlay.
package main

import (
	"embed"
	"fmt"
	"os"

	_ "k8s.io/client-go/plugin/pkg/client/auth"

	"istio.io/istio/istioctl/cmd"
	"istio.io/istio/manifests"
	"istio.io/istio/pkg/log"
)

//go:embed all:charts/* profiles/*
var released embed.FS

func main() {
	manifests.FS = released
	if err := cmd.ConfigAndEnvProcessing(); err != nil {
		fmt.Fprintf(os.Stderr, "Could not initialize: %v\n", err)
		os.Exit(cmd.GetExitCode(err))
	}
	root := cmd.GetRootCmd(os.Args[1:])
	log.EnableKlogWithCobra()
	if err := root.Execute(); err != nil {
		os.Exit(cmd.GetExitCode(err))
	}
}
