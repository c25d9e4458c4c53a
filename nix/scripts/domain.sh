#!/usr/bin/env bash
# A declared VM: up (disks, definition, start), change (definition; a restart only if asked for), down (shut down, never pulled out).
# $NIXEN_DISKS: lines "NAME PATH SIZE BASE"; BASE is an image that the disk is an overlay of, or "-".
set -euo pipefail
: "${NIXEN_URI:?}" "${NIXEN_DOMAIN:?}" "${NIXEN_OPTION:?}" "${NIXEN_XML:?}" "${NIXEN_ON_CHANGE:?}" "${NIXEN_SHUTDOWN_TIMEOUT:?}"
virsh() { command virsh --connect "$NIXEN_URI" --quiet "$@"; }
fail() {
  echo "$*" >&2
  exit 1
}

state() { virsh domstate "$NIXEN_DOMAIN" 2> /dev/null || echo undefined; }
is_off() { [[ $(state) == "shut off" || $(state) == undefined || $(state) == crashed ]]; }

bytes_of() { numfmt --from=iec "$1"; }

# A disk as it is declared. What is there is never made anew and never made smaller.
disk() {
  local name=$1 path=$2 size=$3 base=$4 info backing virtual wanted
  wanted=$(bytes_of "$size")
  if [[ ! -e $path ]]; then
    mkdir -p "$(dirname "$path")"
    rm -f "$path.new"
    if [[ $base == - ]]; then
      qemu-img create -q -f qcow2 "$path.new" "$wanted"
    else
      [[ -e $base ]] || fail "$NIXEN_OPTION.base: its image $base is not there. Rebuild the host (nixos-rebuild switch)."
      # The overlay is worth nothing without its base: that stays in the store as long as the link is there.
      if [[ $base == /nix/store/* ]]; then
        nix-store --add-root "$path.base" --realise "$(cut -d/ -f1-4 <<< "$base")" > /dev/null
      fi
      virtual=$(qemu-img info --output=json "$base" | jq '."virtual-size"')
      qemu-img create -q -f qcow2 -F qcow2 -b "$base" "$path.new" "$((wanted > virtual ? wanted : virtual))"
    fi
    sync "$path.new"
    mv -T "$path.new" "$path"
    return
  fi
  info=$(qemu-img info --force-share -f qcow2 --output=json "$path") ||
    fail "$NIXEN_OPTION.disks.$name: $path cannot be read as qcow2. Restore it, or move it away to begin anew. It is left as it is."
  backing=$(jq -r '."full-backing-filename" // ."backing-filename" // ""' <<< "$info")
  if [[ -n $backing && ! -e $backing ]]; then
    fail "$NIXEN_OPTION.disks.$name: $path is an overlay of $backing, and that is gone. Bring it back" \
      "(nix-store --realise $(cut -d/ -f1-4 <<< "$backing")), or restore the VM from a backup, or move the overlay away to begin anew from" \
      "$NIXEN_OPTION.base. It is left as it is."
  fi
  if [[ -n $backing && $base != - && $backing != "$base" ]]; then
    echo "$NIXEN_OPTION.disks.$name goes on with $backing, the image that it began from; the new one is for new disks."
  fi
  virtual=$(jq '."virtual-size"' <<< "$info")
  if ((virtual < wanted)) && is_off; then
    qemu-img resize -q "$path" "$wanted"
  elif ((virtual > wanted)); then
    echo "$NIXEN_OPTION.disks.$name.size is $size; the disk has $virtual bytes and is not made smaller."
  fi
}

# The declared definition, with what Nixen keeps with the VM (notes, tags, the line of its backups) carried over.
define() {
  local xml kept begin="<vm xmlns='urn:nixen:vm:1'>"
  xml=$(< "$NIXEN_XML")
  kept=$(virsh metadata "$NIXEN_DOMAIN" urn:nixen:vm:1 --config 2> /dev/null || true)
  kept=$(tr '\n' ' ' <<< "$kept" | sed -E '
    s#<(/?)[A-Za-z]+:#<\1#g
    s#^[^<]*<vm[^>]*/>.*$##
    s#^[^<]*<vm[^>]*>##
    s#</vm>[^>]*$##
    s#<tag>declared</tag>##g
    s#<field name=.declared.>[^<]*</field>##g
    s#<blocked [^>]*>It is declared in the configuration of the host[^<]*</blocked>##g')
  virsh define <(printf '%s\n' "${xml/"$begin"/"$begin$kept"}")
}

shut_down() {
  is_off && return 0
  virsh shutdown "$NIXEN_DOMAIN" > /dev/null
  local waited=0
  until is_off; do
    ((waited < NIXEN_SHUTDOWN_TIMEOUT)) || fail "$NIXEN_DOMAIN has not shut down within $NIXEN_SHUTDOWN_TIMEOUT s and is left running." \
      "Look at its console; \"virsh destroy $NIXEN_DOMAIN\" pulls the plug. $NIXEN_OPTION.shutdownTimeout gives it more time."
    sleep 1
    waited=$((waited + 1))
  done
}

start() {
  if is_off; then virsh start "$NIXEN_DOMAIN"; fi
}

disks() {
  while read -r name path size base; do
    [[ -z $name ]] || disk "$name" "$path" "$size" "$base"
  done <<< "${NIXEN_DISKS:-}"
}

case ${1:-} in
  up)
    disks
    define
    start
    ;;
  change)
    if [[ $NIXEN_ON_CHANGE == reboot ]] && ! is_off; then
      shut_down
      disks
      define
      start
    else
      disks
      define
    fi
    ;;
  down) shut_down ;;
  *) fail "Usage: domain.sh up|change|down" ;;
esac
