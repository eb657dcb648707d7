package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"helm.sh/helm/v4/pkg/chart/v2/loader"
)

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.cncf.helm.config.v1+json"
	archiveType  = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
)

// published is Istio's charts as a chart repository, under /charts, and as a registry, under /v2/….
func published(folder string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/charts/", http.StripPrefix("/charts/", http.FileServer(http.Dir(folder))))
	mux.HandleFunc("/v2/", func(w http.ResponseWriter, request *http.Request) {
		registry(folder, w, request)
	})
	return mux
}

type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int    `json:"size"`
}

func describe(mediaType string, content []byte) descriptor {
	sum := sha256.Sum256(content)
	return descriptor{mediaType, "sha256:" + hex.EncodeToString(sum[:]), len(content)}
}

// registry answers what helm asks of one: the tags of a chart, its manifest, and the two blobs that this names.
func registry(folder string, w http.ResponseWriter, request *http.Request) {
	words := strings.Split(strings.Trim(request.URL.Path, "/"), "/")
	if len(words) == 1 {
		return
	}
	if len(words) < 5 || words[len(words)-4] != "charts" {
		http.NotFound(w, request)
		return
	}
	name, kind, reference := words[len(words)-3], words[len(words)-2], words[len(words)-1]
	archives, _ := filepath.Glob(filepath.Join(folder, name+"-[0-9]*.tgz"))
	if len(archives) != 1 {
		http.NotFound(w, request)
		return
	}
	tag := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(archives[0]), name+"-"), ".tgz")
	archive, err := os.ReadFile(archives[0])
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	chart, err := loader.LoadFile(archives[0])
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	config, _ := json.Marshal(chart.Metadata)
	manifest, _ := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType,
		"config": describe(configType, config), "layers": []descriptor{describe(archiveType, archive)},
	})
	if kind == "tags" {
		tags, _ := json.Marshal(map[string]any{"name": name, "tags": []string{tag}})
		give(w, "application/json", tags)
		return
	}
	for mediaType, content := range map[string][]byte{manifestType: manifest, configType: config, archiveType: archive} {
		if reference == describe(mediaType, content).Digest || mediaType == manifestType && reference == tag {
			give(w, mediaType, content)
			return
		}
	}
	http.NotFound(w, request)
}

func give(w http.ResponseWriter, mediaType string, content []byte) {
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	w.Header().Set("Docker-Content-Digest", describe(mediaType, content).Digest)
	w.Write(content) // nolint:errcheck
}
