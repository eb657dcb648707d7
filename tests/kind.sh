#!/usr/bin/env bash
# Two kind clusters on one docker network with load balancers and the real Sail operator, to run the end-to-end tests on.
# Linux on x86-64 with docker and Go.
#   tests/kind.sh up            brings tools of pinned versions and the clusters
#   tests/kind.sh run COMMAND…  runs a command with their kubeconfig, contexts and tools: tests/kind.sh run make e2e
#   tests/kind.sh logs FOLDER   what the clusters have to say when something went wrong
#   tests/kind.sh down          deletes the clusters; the tools stay
set -euo pipefail
cd "$(dirname "$0")/.."

cache=${MESHLAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/meshlab}
home=$cache/kind
tools=$home/tools
clusters=(mesh-east mesh-west)

# A cluster is told from the other by everything that could be mixed up: region, pods, services, and the part of the
# docker network that its load balancer gives addresses of, counted from the end.
declare -A region=([mesh-east]=east-region [mesh-west]=west-region)
declare -A pods=([mesh-east]=10.10.0.0/16 [mesh-west]=10.20.0.0/16)
declare -A services=([mesh-east]=10.110.0.0/16 [mesh-west]=10.120.0.0/16)
declare -A balanced=([mesh-east]=100 [mesh-west]=60)

# Go's own checksum database vouches for kind, and kind for the node image that its release names.
kind_version=v0.32.0
node_image=kindest/node:v1.36.1@sha256:3489c7674813ba5d8b1a9977baea8a6e553784dab7b84759d1014dbd78f7ebd5
kubectl_version=v1.36.3
kubectl_sha256=ebbd080e7c2e275093b55915722043257eb24004363e20acb3c4d71919f88336
helm_version=v3.18.4
helm_sha256=f8180838c23d7c7d797b208861fecb591d9ce1690d8704ed1e4cb8e2add966c1
metallb_version=v0.15.3
metallb_sha256=84b4e102f2b65f5d69085f5816c29362b74641873d8ac3de996e5f86a8219176
# The chart's digest is the one in the index of https://istio-ecosystem.github.io/sail-operator.
sail_version=1.30.3
sail_sha256=aef9811358cc18bd2053a84c1e6a72f61e6982db591ff11ca77fab744541f302
# The operator's own default. Its archive is held against the checksum that stands beside it, which proves that it came
# whole, not that it is the one of yesterday; ISTIOCTL_SHA256 pins it.
istio_version=1.30.3

export KUBECONFIG=$home/kubeconfig PATH=$tools:$PATH

say() { printf '\n== %s\n' "$*" >&2; }

refuse() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# fetch URL SHA256 FILE: brings a file that has this checksum, once.
fetch() {
    [ ! -f "$3" ] || ! matches "$2" "$3" || return 0
    curl --fail --silent --show-error --location --retry 3 --max-time 300 --output "$3.part" "$1"
    matches "$2" "$3.part" || refuse "$1 has another checksum than $2"
    mv "$3.part" "$3"
}

matches() { echo "$1  $2" | sha256sum --check --status; }

bring_tools() {
    [ "$(uname -sm)" = "Linux x86_64" ] || refuse "tests/kind.sh brings tools for Linux on x86-64 alone"
    local program
    for program in docker go curl sha256sum tar; do
        command -v "$program" >/dev/null || refuse "$program is not installed"
    done
    docker info >/dev/null 2>&1 || refuse "docker does not answer: is its service up, and may you use it?"
    say "Bring kind $kind_version, kubectl $kubectl_version, helm $helm_version and istioctl $istio_version to $tools"
    mkdir -p "$tools"
    GOBIN=$tools go install "sigs.k8s.io/kind@$kind_version"
    fetch "https://dl.k8s.io/release/$kubectl_version/bin/linux/amd64/kubectl" $kubectl_sha256 "$tools/kubectl"
    chmod +x "$tools/kubectl"
    fetch "https://get.helm.sh/helm-$helm_version-linux-amd64.tar.gz" $helm_sha256 "$home/helm.tar.gz"
    tar --extract --gzip --file "$home/helm.tar.gz" --directory "$tools" --strip-components 1 linux-amd64/helm
    local istioctl=https://github.com/istio/istio/releases/download/$istio_version/istioctl-$istio_version-linux-amd64.tar.gz
    local checksum=${ISTIOCTL_SHA256:-}
    [ -n "$checksum" ] ||
        checksum=$(curl --fail --silent --show-error --location --retry 3 --max-time 60 "$istioctl.sha256" | cut -d ' ' -f 1)
    fetch "$istioctl" "$checksum" "$home/istioctl.tar.gz"
    tar --extract --gzip --file "$home/istioctl.tar.gz" --directory "$tools" istioctl
    fetch "https://raw.githubusercontent.com/metallb/metallb/$metallb_version/config/manifests/metallb-native.yaml" \
        $metallb_sha256 "$home/metallb.yaml"
    fetch "https://github.com/istio-ecosystem/sail-operator/releases/download/$sail_version/sail-operator-$sail_version.tgz" \
        $sail_sha256 "$home/sail-operator.tgz"
}

create() {
    say "Create cluster $1, region ${region[$1]}"
    kind create cluster --name "$1" --image "$node_image" --wait 180s --config - <<YAML
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
networking:
  podSubnet: ${pods[$1]}
  serviceSubnet: ${services[$1]}
nodes:
  - role: control-plane
    labels:
      topology.kubernetes.io/region: ${region[$1]}
YAML
}

# addresses SUBNET FROM: forty addresses, the first of them FROM before the subnet's last one.
addresses() {
    local a b c d bits first
    IFS=./ read -r a b c d bits <<<"$1"
    ((bits <= 24)) || refuse "docker's network $1 has no room for load balancers"
    ((first = (a << 24 | b << 16 | c << 8 | d) + (1 << (32 - bits)) - 1 - $2))
    printf '%s-%s\n' "$(dotted "$first")" "$(dotted $((first + 39)))"
}

dotted() { echo "$(($1 >> 24 & 255)).$(($1 >> 16 & 255)).$(($1 >> 8 & 255)).$(($1 & 255))"; }

balance() {
    local subnet range
    subnet=$(docker network inspect kind --format '{{range .IPAM.Config}}{{println .Subnet}}{{end}}' | grep -v : | head -n 1)
    range=$(addresses "$subnet" "${balanced[$1]}")
    say "Load balancer of $1: MetalLB $metallb_version with $range"
    kubectl --context "kind-$1" apply --filename "$home/metallb.yaml"
    kubectl --context "kind-$1" --namespace metallb-system rollout status deployment/controller daemonset/speaker --timeout 180s
    # Its webhook answers a moment after its pod is ready.
    local end=$((SECONDS + 60))
    until pool "$range" | kubectl --context "kind-$1" apply --filename -; do
        ((SECONDS < end)) || refuse "MetalLB does not take its pool of addresses"
        sleep 2
    done
}

pool() {
    cat <<YAML
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata:
  name: docker
  namespace: metallb-system
spec:
  addresses:
    - $1
---
apiVersion: metallb.io/v1beta1
kind: L2Advertisement
metadata:
  name: docker
  namespace: metallb-system
spec:
  ipAddressPools:
    - docker
YAML
}

operate() {
    say "The Sail operator $sail_version in $1"
    helm --kube-context "kind-$1" upgrade --install sail-operator "$home/sail-operator.tgz" \
        --namespace sail-operator --create-namespace --wait --timeout 5m
    # It works from when it holds its lock.
    kubectl --context "kind-$1" --namespace sail-operator wait lease/sail-operator-lock --for create --timeout 60s
}

up() {
    bring_tools
    say "Build the probe's image"
    make image OUT="$home/mesh-probe.tar"
    local name
    for name in "${clusters[@]}"; do
        [[ $'\n'$(kind get clusters 2>/dev/null)$'\n' == *$'\n'"$name"$'\n'* ]] || create "$name"
        kind load image-archive "$home/mesh-probe.tar" --name "$name"
        balance "$name"
        operate "$name"
    done
    say "Both clusters are up. tests/kind.sh run make e2e runs the tests, tests/kind.sh down deletes them."
}

run() {
    [ -f "$KUBECONFIG" ] || refuse "there are no clusters: tests/kind.sh up"
    export MESH_E2E_CONTEXTS=${MESH_E2E_CONTEXTS:-$(printf 'kind-%s,kind-%s' "${clusters[@]}")}
    exec "$@"
}

logs() {
    local name
    mkdir -p "$1"
    for name in "${clusters[@]}"; do
        kind export logs "$1/$name" --name "$name" || true
        kubectl --context "kind-$name" get istios,istiocnis,istiorevisions --output yaml >"$1/$name-sail.yaml" || true
        kubectl --context "kind-$name" get all,events --all-namespaces --output wide >"$1/$name.txt" || true
    done
}

down() {
    local name
    for name in "${clusters[@]}"; do
        [ ! -x "$tools/kind" ] || kind delete cluster --name "$name"
    done
    rm -f "$KUBECONFIG"
}

command=${1:-}
shift || true
case $command in
    up | down) "$command" ;;
    run | logs)
        (($# > 0)) || refuse "usage: tests/kind.sh run COMMAND… or tests/kind.sh logs FOLDER"
        "$command" "$@"
        ;;
    *)
        echo "usage: tests/kind.sh up|down|run COMMAND…|logs FOLDER" >&2
        exit 2
        ;;
esac
