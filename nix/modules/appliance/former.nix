# A configuration of NiXOA, taken as it is: each of its options is met by what to write in its place, rather than by "does not exist".
{ config, lib, ... }:
let
  former = lib.importJSON ./former.json;
  flatten =
    prefix: value:
    if builtins.isAttrs value && value != { } && !(lib.isDerivation value) then
      lib.concatMap (name: flatten (prefix ++ [ name ]) value.${name}) (builtins.attrNames value)
    else
      [ (lib.concatStringsSep "." prefix) ];
  # The option itself, or the nearest group above it that is known.
  advice =
    path:
    if former ? ${path} then
      former.${path}
    else
      let
        above = lib.concatStringsSep "." (lib.filter (part: part != null) (
          let parts = lib.splitString "." path; in lib.genList (n: builtins.elemAt parts n) (builtins.length parts - 1)
        ));
      in
      if above == "" then "Nixen has nothing like it" else advice above;
  root =
    name:
    lib.mkOption {
      type = lib.types.attrsOf lib.types.anything;
      default = { };
      visible = false;
      description = "Of NiXOA.";
    };
  names = [
    "systemSettings"
    "userSettings"
    "nixoa"
  ];
in
{
  options = lib.genAttrs names root;

  config.assertions = map (path: {
    assertion = false;
    message = "${path} is an option of NiXOA. In Nixen: ${advice path}. See docs/guide/from-nixoa.md.";
  }) (lib.concatMap (name: lib.optionals (config.${name} != { }) (flatten [ name ] config.${name})) names);
}
