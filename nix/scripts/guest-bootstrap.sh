#!/usr/bin/env bash
# A guest becomes what its seed disk ($NIXEN_SEED/system with the binary cache $NIXEN_SEED/cache) or $NIXEN_FLAKE says. The system is brought
# into the store, activated, and only when that went well made what boots: a guest that is cut off at any moment boots what it was before.
# $NIXEN_STATE holds "wanted", "tries" and "status" (trying, done, failed), a line each; the last try that fails ends it.
set -euo pipefail
: "${NIXEN_SEED:?}" "${NIXEN_STATE:?}" "${NIXEN_TRIES:?}" "${NIXEN_PROFILE:?}" "${NIXEN_CURRENT:?}" "${NIXEN_BOOTED:?}"

wanted='' tries=0 status=''
if [[ -f $NIXEN_STATE ]]; then
  { read -r wanted && read -r tries && read -r status; } < "$NIXEN_STATE" || true
fi
if [[ ! $tries =~ ^[0-9]+$ ]]; then tries=0; fi

remember() {
  printf '%s\n' "$1" "$2" "$3" > "$NIXEN_STATE.new"
  sync "$NIXEN_STATE.new"
  mv -T "$NIXEN_STATE.new" "$NIXEN_STATE"
  sync "$(dirname "$NIXEN_STATE")"
}

if [[ -n ${NIXEN_SEED_DEVICE:-} ]]; then
  udevadm settle --timeout=10 || true
  if [[ -b $NIXEN_SEED_DEVICE && ! -e $NIXEN_SEED/system ]]; then
    mkdir -p "$NIXEN_SEED"
    mount -o ro,nosuid,nodev,noexec "$NIXEN_SEED_DEVICE" "$NIXEN_SEED"
    trap 'umount "$NIXEN_SEED" || true' EXIT
  fi
fi

if [[ -r $NIXEN_SEED/system ]]; then
  told=$(< "$NIXEN_SEED/system")
  if [[ ! $told =~ ^/nix/store/[a-z0-9]{32}-[A-Za-z0-9+._?=-]+$ ]]; then
    echo "The seed disk names \"$told\", which is no path of the store. This guest stays what it is." >&2
    exit 0
  fi
elif [[ -n ${NIXEN_FLAKE:-} ]]; then
  told=$NIXEN_FLAKE
else
  echo "Nobody told this guest what to be: it stays what it is."
  exit 0
fi

if [[ $told == "$wanted" && $status == 'done' ]]; then
  echo "This is $told already."
  exit 0
fi
if [[ $told != "$wanted" ]]; then tries=0; fi
if ((tries >= NIXEN_TRIES)); then
  remember "$told" "$tries" failed
  echo "$told was tried $tries times. This guest stays what it was; tell it something else, or remove $NIXEN_STATE to try again." >&2
  exit 0
fi
tries=$((tries + 1))
previous=$(readlink -f "$NIXEN_CURRENT")
# Written down before anything is done: a try that takes the whole guest with it counts, too.
remember "$told" "$tries" trying

obtain() {
  if [[ -r $NIXEN_SEED/system ]]; then
    # The host made the disk, and the host runs this guest: there is nobody to be protected from by a signature.
    nix --extra-experimental-features nix-command copy --no-check-sigs --from "file://$NIXEN_SEED/cache" "$told" || return 1
    system=$told
  else
    system=$(nix --extra-experimental-features 'nix-command flakes' build --no-link --print-out-paths \
      "${told%%#*}#nixosConfigurations.${told#*#}.config.system.build.toplevel") || return 1
  fi
}

give_up() {
  if ((tries >= NIXEN_TRIES)); then
    remember "$told" "$tries" failed
    echo "Try $tries of $NIXEN_TRIES: $1 This guest stays what it was." >&2
    exit 0
  fi
  echo "Try $tries of $NIXEN_TRIES: $1 Tried again soon." >&2
  exit 1
}

obtain || give_up "$told could not be brought here."
if [[ $system != "$previous" ]]; then
  if ! "$system/bin/switch-to-configuration" test; then
    "$previous/bin/switch-to-configuration" test ||
      echo "Going back to $previous failed as well; a restart of the guest boots it." >&2
    give_up "$system could not be activated."
  fi
fi
nix-env -p "$NIXEN_PROFILE" --set "$system"
"$system/bin/switch-to-configuration" boot || {
  nix-env -p "$NIXEN_PROFILE" --set "$previous"
  "$previous/bin/switch-to-configuration" switch || true
  give_up "$system could not be made what boots."
}
remember "$told" "$tries" 'done'
echo "This guest is $system."

if [[ -n ${NIXEN_REBOOT:-} && $(readlink -f "$NIXEN_BOOTED/kernel") != "$(readlink -f "$system/kernel")" ]]; then
  systemctl --no-block reboot
fi
