#!/usr/bin/env bash
# VMs that were declared by this host ($NIXEN_DECLARED: those that still are) and are no longer: once they are off, libvirt forgets them. Disks,
# firmware variables and TPM state stay. A VM that nobody declared is never looked at twice.
set -euo pipefail
: "${NIXEN_URI:?}"
virsh() { command virsh --connect "$NIXEN_URI" --quiet "$@"; }

while read -r name; do
  [[ -n $name ]] || continue
  [[ " ${NIXEN_DECLARED:-} " != *" $name "* ]] || continue
  marked=$(virsh metadata "$name" urn:nixen:vm:1 --config 2> /dev/null || true)
  [[ $marked == *virtualisation.nixen.domains.$name\<* ]] || continue
  if [[ $(virsh domstate "$name") != "shut off" ]]; then
    echo "$name is declared no more, and still runs. Shut it down; it is forgotten at the next switch or start of the host."
    continue
  fi
  virsh undefine "$name" --keep-nvram --keep-tpm
  echo "$name is declared no more and was forgotten. Its disks are where they were."
done < <(virsh list --all --name)
