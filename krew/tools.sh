# shellcheck shell=bash
# What packages are built with, each by its version, built or fetched once and kept. Read by krew/dist.sh and krew/publish.sh.

cargo_auditable=0.7.7
cargo_cyclonedx=0.5.9
cargo_zigbuild=0.24.1
# Zig, from the Python package index: the one registry that carries it built. The hash is that of the wheel for Linux on x86-64.
ziglang=0.15.2
ziglang_sha256=806316453d1ede7174ed3fefb8e5348154629089c3bb5fe812dfd0e172fac130

# Puts into PATH what every build needs.
tools() {
    cargo_tool cargo-auditable $cargo_auditable
    cargo_tool cargo-cyclonedx $cargo_cyclonedx
}

# cargo_tool NAME VERSION
cargo_tool() {
    local root=$MESHLAB_CACHE/tools/$1-$2
    if [ ! -x "$root/bin/$1" ]; then
        echo "building $1 $2, once" >&2
        env -u CARGO_TARGET_DIR -u CARGO_BUILD_TARGET cargo install --quiet --locked --debug "$1" --version "$2" --root "$root"
    fi
    PATH=$root/bin:$PATH
}

# Puts into PATH what builds for an old glibc needs: zig as the linker and the C compiler.
zig_environment() {
    cargo_tool cargo-zigbuild $cargo_zigbuild
    local root=$MESHLAB_CACHE/tools/ziglang-$ziglang
    if [ ! -x "$root/ziglang/zig" ]; then
        echo "fetching zig $ziglang, once" >&2
        fetch_zig "$root"
    fi
    export CARGO_ZIGBUILD_ZIG_PATH=$root/ziglang/zig CARGO_ZIGBUILD_CACHE_DIR=$MESHLAB_CACHE/dist/zig
    export ZIG_GLOBAL_CACHE_DIR=$MESHLAB_CACHE/dist/zig/cache ZIG_LOCAL_CACHE_DIR=$MESHLAB_CACHE/dist/zig/cache
}

# fetch_zig FOLDER: completely or not at all.
fetch_zig() {
    local making
    mkdir -p "$(dirname "$1")"
    making=$(mktemp -d "$1.XXXXXX")
    echo "ziglang==$ziglang --hash=sha256:$ziglang_sha256" >"$making/requirement"
    python3 -m pip download --quiet --no-deps --only-binary=:all: --require-hashes \
        --dest "$making" --requirement "$making/requirement"
    python3 -m zipfile -e "$making"/ziglang-*.whl "$making/whole"
    chmod +x "$making/whole/ziglang/zig"
    mv "$making/whole" "$1"
    rm -r "$making"
}

# GNU's tar, whose output depends on its arguments alone; macOS calls it gtar.
gnu_tar() {
    local tar
    for tar in gtar tar; do
        if command -v $tar >/dev/null && $tar --version | grep -q GNU; then
            echo $tar
            return
        fi
    done
    echo "error: there is no GNU tar (on macOS: brew install gnu-tar)" >&2
    return 1
}

# The version in Cargo.toml, as a tag is called.
cargo_version() {
    sed -n 's/^version = "\(.*\)"/v\1/p' Cargo.toml | head -n 1
}

# sbom PLUGIN TRIPLE: a CycloneDX document of the crates that the plugin is made of, for this target. cargo-cyclonedx writes
# beside every Cargo.toml, so it is given a copy.
sbom() {
    local copy
    # As cargo calls it: on macOS the folder for temporary files is behind a link.
    copy=$(cd "$(mktemp -d)" && pwd -P)
    cp -r Cargo.toml Cargo.lock kubectl-mesh-mc kubectl-mesh-failover reference shared tests "$copy/"
    (cd "$copy" && cargo cyclonedx --quiet --format json --spec-version 1.5 --target "$2" --no-build-deps \
        --manifest-path "kubectl-$1/Cargo.toml" >&2)
    python3 krew/sbom.py "$copy" "$VERSION" <"$copy/kubectl-$1/kubectl-$1.cdx.json"
    rm -r "$copy"
}
