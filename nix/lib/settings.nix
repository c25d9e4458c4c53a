# What the server can be told, from settings.json, which "npm run gen" makes from the server's own list. A key that the server does not know is
# found at evaluation, with the way out.
{ lib }:
let
  inherit (builtins)
    attrNames
    concatStringsSep
    filter
    hasAttr
    isAttrs
    ;
  inherit (lib) types;
  specs = lib.importJSON ./settings.json;
  typeOf =
    spec:
    if spec ? enum then
      types.enum spec.enum
    else if builtins.isList spec.type then
      types.either types.str types.ints.unsigned
    else if spec.type == "integer" then
      if spec ? maximum then types.ints.between spec.minimum spec.maximum else types.ints.unsigned
    else if spec.type == "array" then
      types.listOf types.str
    else
      types.str;
  option =
    key: spec:
    lib.mkOption {
      type = types.nullOr (typeOf spec);
      default = null;
      example = if spec.default == "" || spec.default == [ ] then null else spec.default;
      description = "${spec.doc} Left to the server when null: ${builtins.toJSON spec.default}.";
    };
  path = lib.splitString ".";

  # "server.port" for each leaf of a set.
  flatten =
    prefix: set:
    lib.concatMap (
      name:
      let
        value = set.${name};
        key = prefix ++ [ name ];
      in
      if value == null then
        [ ]
      else if isAttrs value then
        flatten key value
      else
        [ (concatStringsSep "." key) ]
    ) (attrNames set);

  # Keys of the same group, or of the same last word: what was most likely meant.
  near =
    key:
    let
      group = builtins.head (path key);
      word = lib.last (path key);
      close = filter (known: builtins.head (path known) == group || lib.last (path known) == word) (attrNames specs);
    in
    if close == [ ] then attrNames specs else close;
in
{
  inherit specs;

  # Options by group: { server.port = mkOption …; }.
  options = builtins.foldl' lib.recursiveUpdate { } (
    map (key: lib.setAttrByPath (path key) (option key specs.${key})) (attrNames specs)
  );

  # One message for each key that the server does not know, naming the option.
  unknown =
    name: set:
    map (
      key:
      "${name}.${key}: this version of Nixen has no such setting and would not start. Remove it, or write one of: ${concatStringsSep ", " (near key)}. docs/reference/configuration.md lists all."
    ) (filter (key: !(hasAttr key specs)) (flatten [ ] set));

  # One message for each secret that would lie in the store, which every user of the machine can read.
  secrets =
    name: set:
    map (key: "${name}.${key} may hold a password, and the Nix store can be read by everybody. ") (
      filter (key: specs.${key}.secret or false) (flatten [ ] set)
    );
}
