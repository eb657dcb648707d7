#!/usr/bin/env bash
# Brings what compiling needs and a fresh machine lacks; with `lint` what linting needs, with `shells` those in which the tests
# press TAB; with `cargo` it says how long cargo will take. Where all is there it says and does nothing.
set -euo pipefail

may_install() { command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; }

# install PACKAGE…: Debian's packages, where the machine lets us.
install() {
    local log
    if ! may_install; then
        echo "error: this machine lacks what these Debian packages bring; root would have them installed: $*" >&2
        return 1
    fi
    echo "== installing $*" >&2
    log=$(mktemp)
    export DEBIAN_FRONTEND=noninteractive
    if ! { apt-get update -q && apt-get install -y -q --no-install-recommends "$@"; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

packages=()

# Measured on two idle cores: docs/performance.md.
if [ "${1:-}" = cargo ]; then
    [ -d "${CARGO_TARGET_DIR:-target}/debug/deps" ] ||
        echo "== cargo compiles what we depend on, once: usually 5 min on 2 cores" >&2
    exit
fi

if [ "${1:-}" = lint ]; then
    command -v shellcheck >/dev/null || install shellcheck
    for component in clippy rustfmt; do
        cargo "${component/rustfmt/fmt}" --version >/dev/null 2>&1 || rustup component add $component
    done
    exit
fi

# Where one cannot be had, its test says that it is not run.
if [ "${1:-}" = shells ]; then
    [ -e /usr/share/bash-completion/bash_completion ] || packages+=(bash-completion)
    for shell in zsh fish; do
        command -v $shell >/dev/null || packages+=("$shell")
    done
    if ((${#packages[@]} > 0)); then install "${packages[@]}"; fi
    exit
fi

for program in cargo go; do
    command -v $program >/dev/null || {
        echo "error: $program is not installed: https://rustup.rs brings cargo, https://go.dev/dl brings go" >&2
        exit 1
    }
done

# Elsewhere packages have other names, and only archives are made there.
[ "$(uname -s)" = Linux ] || exit 0

compiles() { echo '#include <stdio.h>' | cc -E - >/dev/null 2>&1; }
compiles || packages+=(gcc libc6-dev)
command -v git >/dev/null || packages+=(git)
# zig and Envoy come from the Python package index.
python3 -m pip --version >/dev/null 2>&1 || packages+=(python3-pip)
if ((${#packages[@]} > 0)); then install "${packages[@]}"; fi
