#!/usr/bin/env bash
# install.sh [--yes] [--dry-run] [--nixen FLAKE] [--ssh-key FILE] [--host NAME] [FOLDER]: makes the configuration of an appliance in FOLDER (/etc/nixos), from
# the template, and switches to it after asking. Safe to repeat: what is there is never overwritten; a file that the template would make
# differently is shown, and left as it is.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=nix/scripts/lib.sh
. "$here/lib.sh"
: "${NIXEN_TEMPLATE:?}"
yes='' dry='' key='' name='' nixen='' folder=/etc/nixos
while (($# > 0)); do
  case $1 in
    --yes) export yes=1 ;;
    --dry-run) dry=1 ;;
    --nixen)
      nixen=${2:?"--nixen wants the address of a flake"}
      shift
      ;;
    --ssh-key)
      key=${2:?"--ssh-key wants a file"}
      shift
      ;;
    --host)
      name=${2:?"--host wants a name"}
      shift
      ;;
    -*) fail "There is no flag $1. Usage: install [--yes] [--dry-run] [--nixen FLAKE] [--ssh-key FILE] [--host NAME] [FOLDER]" ;;
    *) folder=$1 ;;
  esac
  shift
done
name=${name:-$(host_name)}
folder=$(readlink -m "$folder")
[[ $folder != *[[:space:]\"\\\$]* ]] || fail "\"$folder\" has a blank or a sign in its name that Nix would read otherwise. Name another folder."
[[ $name =~ ^[a-zA-Z0-9][a-zA-Z0-9-]{0,62}$ ]] || fail "\"$name\" is no name for a machine: letters, digits and dashes, at most 63. Give --host NAME."
[[ $name != localhost && $name != nixos ]] || name=nixen

if [[ -z $key ]]; then
  for candidate in "$HOME"/.ssh/id_ed25519.pub "$HOME"/.ssh/id_ecdsa.pub "$HOME"/.ssh/id_rsa.pub "$HOME"/.ssh/authorized_keys; do
    if [[ -s $candidate ]]; then
      key=$candidate
      break
    fi
  done
fi
[[ -n $key && -s $key ]] || fail "There is no public SSH key in ~/.ssh, and without one nobody could log in. Give --ssh-key FILE, or make one: ssh-keygen -t ed25519"
public=$(grep -v '^[[:space:]]*\(#\|$\)' "$key" | head -n 1)
[[ $public =~ ^(ssh-|ecdsa-|sk-)[a-z0-9@.-]+\ [A-Za-z0-9+/=]+(\ [^\"\\\$]*)?$ ]] || fail "$key does not begin with a public SSH key. Give the file that ends in .pub."

if [[ ! -e $folder/flake.nix ]]; then
  [[ -n $nixen ]] || fail "Say where Nixen is updated from: --nixen FLAKE, for example git+https://git.example.net/nixen, or git+file:/etc/nixen for a clone."
  [[ $nixen =~ ^[A-Za-z0-9+.-]+:[^[:space:]\"\\\$\|]+$ ]] || fail "\"$nixen\" is not the address of a flake, like git+https://git.example.net/nixen."
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$NIXEN_TEMPLATE/." "$work/new"
chmod -R u+w "$work/new"
release=$(sed -n 's/^VERSION_ID="\{0,1\}\([0-9.]*\)"\{0,1\}$/\1/p' "${NIXEN_OS_RELEASE:-/etc/os-release}" | head -n 1)
# Text that sed takes as it stands.
# shellcheck disable=SC2001
literal() { sed 's/[&|\\]/\\&/g' <<< "$1"; }
sed -i -e "s|@HOST@|$name|g" -e "s|@SSH_KEY@|$(literal "$public")|g" -e "s|@NIXEN@|$(literal "${nixen:-@NIXEN@}")|g" \
  -e "s|@FOLDER@|$(literal "$folder")|g" -e "s|@RELEASE@|${release:-26.05}|g" "$work"/new/*.nix
if [[ ! -e $folder/hardware-configuration.nix ]]; then
  nixos-generate-config --show-hardware-config > "$work/new/hardware-configuration.nix" ||
    fail "nixos-generate-config does not work here. This is for a machine with NixOS; docs/guide/nixos.md says how to put it on an empty one."
else
  rm -f "$work/new/hardware-configuration.nix"
fi

make=() same=() differ=()
while IFS= read -r -d '' path; do
  file=${path#"$work/new/"}
  if [[ ! -e $folder/$file ]]; then
    make+=("$file")
  elif cmp -s "$path" "$folder/$file"; then
    same+=("$file")
  else
    differ+=("$file")
  fi
done < <(find "$work/new" -type f -print0 | sort -z)

echo "The appliance \"$name\", configured in $folder:"
for file in "${make[@]}"; do echo "  make   $file"; done
for file in "${same[@]}"; do echo "  there  $file"; done
for file in "${differ[@]}"; do echo "  KEEP   $file, which is another one than the template's:"; done
for file in "${differ[@]}"; do diff -u --label "$folder/$file (kept)" --label "template" "$folder/$file" "$work/new/$file" | sed 's/^/    /' || true; done
if [[ " ${differ[*]} " == *" flake.nix "* ]] && ! grep -q nixen "$folder/flake.nix"; then
  fail "$folder/flake.nix is not Nixen's and is left as it is. Add Nixen to it (docs/guide/nixos.md, \"In a flake that you have\"), or name another folder."
fi
if [[ $dry == 1 ]]; then
  echo "Nothing was changed (--dry-run)."
  exit 0
fi
if ((${#make[@]} > 0)); then
  ask "Make these ${#make[@]} files?" || fail "Nothing was changed."
  mkdir -p "$folder"
  for file in "${make[@]}"; do
    mkdir -p "$(dirname "$folder/$file")"
    # Beside, then by a link that fails if somebody was quicker: never over something.
    cp "$work/new/$file" "$folder/$file.nixen-new"
    sync "$folder/$file.nixen-new"
    ln "$folder/$file.nixen-new" "$folder/$file"
    rm "$folder/$file.nixen-new"
  done
fi
if ! in_git "$folder"; then
  git -C "$folder" init -q
fi
if ((${#make[@]} > 0)); then git -C "$folder" add -- "${make[@]}"; fi
if [[ ! -e $folder/flake.lock ]]; then
  echo "Pinning the inputs (flake.lock) …"
  nix --extra-experimental-features 'nix-command flakes' flake lock "path:$folder" ||
    fail "The inputs could not be pinned. Look at the network, then run this again: what was made is kept."
  git -C "$folder" add flake.lock
fi
if ! git -C "$folder" diff --cached --quiet 2> /dev/null; then
  git -C "$folder" -c user.name="${GIT_AUTHOR_NAME:-Nixen installer}" -c user.email="${GIT_AUTHOR_EMAIL:-nixen@localhost}" commit -q -m "configuration: the appliance $name"
fi
echo "Building …"
NIXEN_HOST=$name bash "$here/diff.sh" "$folder"
ask "Switch this machine to it?" || fail "The configuration is in $folder; the machine is as it was. Go on with: nix run $folder#apply"
as_root nixos-rebuild switch --flake "$folder#$name"
cat << TEXT
Done. The console is at https://$name/ (or the address of this machine). The link that makes the first administrator, and the fingerprint of the
certificate, are in the journal:  journalctl -u nixen -g setup
TEXT
