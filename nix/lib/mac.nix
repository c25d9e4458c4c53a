# MAC addresses that stay: from the name of what they belong to, locally administered.
{ lib }:
let
  hash = text: builtins.hashString "sha256" text;
  pairs = text: start: count: lib.genList (n: builtins.substring (start + 2 * n) 2 text) count;
in
{
  # 52:54:00 is QEMU's, 00:16:3e is Xen's: what the tools of each expect to see.
  for =
    { backend, name }:
    lib.concatStringsSep ":" (
      (if backend == "xen" then [ "00" "16" "3e" ] else [ "52" "54" "00" ]) ++ pairs (hash name) 0 3
    );

  # A UUID of version 8 (RFC 9562, 5.8), the same at every evaluation.
  uuid =
    name:
    let
      text = hash "nixen-domain-${name}";
      part = start: length: builtins.substring start length text;
    in
    "${part 0 8}-${part 8 4}-8${part 13 3}-a${part 17 3}-${part 20 12}";
}
