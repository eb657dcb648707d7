// etcd as its own main starts it, but with small write-ahead log segments: the 64 MB that it sets aside for each are wasted in a lab.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"go.etcd.io/etcd/server/v3/storage/wal"
)

func main() {
	wal.SegmentSizeBytes = 4 << 20
	etcdmain.Main(os.Args)
}
