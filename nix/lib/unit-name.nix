# Names of units for paths, as systemd-escape --path makes them, for the characters that the modules allow in names.
{ lib }:
{
  # /mnt/nixen/nas-1 → mnt-nixen-nas\x2d1
  ofPath =
    path:
    lib.concatStringsSep "-" (
      map (builtins.replaceStrings [ "-" ] [ "\\x2d" ]) (builtins.filter (part: part != "") (lib.splitString "/" path))
    );
}
