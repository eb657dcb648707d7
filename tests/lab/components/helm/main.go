// helm as its own main starts it, but for one thing: the addresses at which Istio publishes its charts lead to the charts that lie
// beside this program. A lab has no internet, and what a manual says is to be typed as it stands there.
package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"

	_ "k8s.io/client-go/plugin/pkg/client/auth"

	helmcmd "helm.sh/helm/v4/pkg/cmd"
	"helm.sh/helm/v4/pkg/kube"
)

// charts is the folder beside this program with the archives and their index.
const charts = "istio-charts"

func main() {
	kube.ManagedFieldsManager = "helm"
	if program, err := os.Executable(); err == nil {
		folder := filepath.Join(filepath.Dir(program), charts)
		if _, err := os.Stat(folder); err == nil {
			if err := serveInstead(folder); err != nil {
				slog.Warn("Istio's charts are not served", slog.Any("error", err))
			}
		}
	}
	cmd, err := helmcmd.NewRootCmd(os.Stdout, os.Args[1:], helmcmd.SetupLogging)
	if err != nil {
		slog.Warn("command failed", slog.Any("error", err))
		os.Exit(1)
	}
	if err := cmd.Execute(); err != nil {
		var cerr helmcmd.CommandError
		if errors.As(err, &cerr) {
			os.Exit(cerr.ExitCode)
		}
		os.Exit(1)
	}
}
