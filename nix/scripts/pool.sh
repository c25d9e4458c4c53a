#!/usr/bin/env bash
# Makes a directory pool known to libvirt, and starts it. One that is there is left as it is: its path is checked, not changed.
set -euo pipefail
: "${NIXEN_URI:?}" "${NIXEN_POOL:?}" "${NIXEN_POOL_XML:?}"
virsh() { command virsh --connect "$NIXEN_URI" --quiet "$@"; }
path_of() { sed -n 's:.*<path>\(.*\)</path>.*:\1:p' | head -n 1; }

if ! found=$(virsh pool-dumpxml "$NIXEN_POOL" 2> /dev/null); then
  virsh pool-define "$NIXEN_POOL_XML"
elif [[ $(path_of <<< "$found") != $(path_of < "$NIXEN_POOL_XML") ]]; then
  echo "virtualisation.nixen.pools.$NIXEN_POOL.path is $(path_of < "$NIXEN_POOL_XML"), and libvirt knows the pool at $(path_of <<< "$found")." \
    "Disks are not moved: go back to that path, or choose another name." >&2
  exit 1
fi
if [[ $(virsh pool-info "$NIXEN_POOL" | sed -n 's/^State: *//p') != running ]]; then
  virsh pool-start "$NIXEN_POOL"
fi
virsh pool-refresh "$NIXEN_POOL"
