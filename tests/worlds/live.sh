# How the worlds of recorded.sh are made in whole clusters: the same steps, carried out. recorded.sh sources it where KIND is live.
# shellcheck shell=bash disable=SC2153

# What is different in such a world, set before `mesh`: REVISION that governs where it is not the default one, and what is merged
# into each Istio (SPEC, in JSON).

publish() { :; }  # istiod does it
own_root() { :; } # istiod makes one where it finds no cacerts

changed() {
    sed "${CHANGES[@]}" -e '' "$@"
}

# governed: manifests whose pods take REVISION, as Sail's guide on update strategies has it.
governed() {
    if [ -n "${REVISION-}" ]; then
        sed -e "s|istio-injection: enabled|istio.io/rev: $REVISION|" \
            -e "s|^\( *\)sidecar.istio.io/inject: \"true\"|&\n\1istio.io/rev: $REVISION|"
    else
        cat
    fi
}

# control_plane CONTEXT NUMBER: IstioCNI and Istio as in by-hand.
control_plane() {
    changed <<END | kubectl patch --local -f - --type=merge -p "${SPEC:-{\}}" -o yaml | kubectl --context "$1" apply -f -
apiVersion: sailoperator.io/v1
kind: Istio
metadata:
  name: default
spec:
  namespace: istio-system
  values:
    meshConfig:
      accessLogFile: /dev/stdout
    pilot:
      cni:
        enabled: true
    global:
      meshID: mesh1
      multiCluster:
        clusterName: cluster$2
      network: network$2
END
    kubectl --context "$1" apply -f - <<END
apiVersion: sailoperator.io/v1
kind: IstioCNI
metadata:
  name: default
spec:
  namespace: istio-cni
END
    kubectl --context "$1" wait --for=condition=Ready istiocni --all --timeout=3m
    ready "$1"
}

# ready CONTEXT: every Istio, according to the operator and to its Deployment.
ready() {
    kubectl --context "$1" wait --for=condition=Ready istio --all --timeout=3m
    # Ready describes the control plane as it was a moment ago.
    kubectl --context "$1" get deployments -A -l app=istiod -o jsonpath='{range .items[*]}{.metadata.namespace} {.metadata.name}{"\n"}{end}' |
        while read -r namespace name; do
            kubectl --context "$1" rollout status -n "$namespace" "deployment/$name" --timeout=3m </dev/null
        done
}

# prepared CONTEXT NUMBER: what a world needs between a control plane and its workloads.
prepared() { :; }

# member CONTEXT NUMBER: everything of one cluster.
member() {
    local file
    changed <<END | kubectl --context "$1" apply -f -
apiVersion: v1
kind: Namespace
metadata:
  name: istio-system
  labels: {topology.istio.io/network: network$2}
---
apiVersion: v1
kind: Namespace
metadata:
  name: istio-cni
END
    ${TRUST-trusted} "$1" "$2"
    control_plane "$1" "$2"
    prepared "$1" "$2"
    for file in "$WORLDS/by-hand/gateway$2.yaml" "$APPLICATIONS/client.yaml" "$APPLICATIONS/helloworld-v$2.yaml"; do
        changed "$file" | governed | kubectl --context "$1" apply -f -
    done
    kubectl --context "$1" rollout status -n "${SYSTEM:-istio-system}" deployment/istio-eastwestgateway --timeout=3m
    kubectl --context "$1" rollout status -n "${SAMPLE:-sample}" "deployment/helloworld-v$2" --timeout=3m
    kubectl --context "$1" rollout status -n "${SAMPLE:-sample}" deployment/curl --timeout=3m
    if [ "$2" = 2 ]; then
        changed "$WORLDS/by-hand/expose.yaml" | kubectl --context "$1" apply -f -
    else
        changed "$WORLDS/by-hand/rule.yaml" | kubectl --context "$1" apply -f -
    fi
}

# lay RECORDING CONTEXT NUMBER [SED…]: recreates what was recorded.
lay() {
    local context=$2 number=$3
    shift 3
    local CHANGES=("$@")
    member "$context" "$number"
}

laid_and_trusted() {
    member "$1" "$2"
}

configured() {
    kubectl --context "$1" patch istio "$2" --type=merge -p "$3"
    sleep 2
    ready "$1"
}

address() {
    kubectl --context "$1" wait -n "$2" "service/$3" --for=jsonpath='{.status.loadBalancer.ingress}' --timeout=60s
}

no_address() { :; }

tag_installed() {
    kubectl --context "$1" wait --for=condition=Reconciled istiorevisiontag/default --timeout=3m
}

available() {
    kubectl --context "$1" rollout status -n "$2" "deployment/$3" --timeout=3m
}
