#!/usr/bin/env bash
# As by-hand, with corp.example for cluster.local in all clusters.
set -euo pipefail
# shellcheck source=../recorded.sh
. "$WORLDS/recorded.sh"

SPEC='{"spec":{"values":{"global":{"proxy":{"clusterDomain":"corp.example"}}}}}'
mesh by-hand -e 's/cluster\.local/corp.example/'
