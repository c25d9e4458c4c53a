# TOML 1.0 from a set: values first, then tables, both in the order of their names. Written out at evaluation, so that the text is known
# (and can be compared) without building anything. Null is left out.
{ lib }:
let
  inherit (builtins)
    attrNames
    concatStringsSep
    filter
    isAttrs
    isBool
    isFloat
    isInt
    isList
    isString
    match
    toJSON
    ;
  # What JSON escapes, TOML escapes alike; it wants DEL escaped, too, which is refused.
  string =
    text: if match ".*\127.*" text == null then toJSON text else throw "A TOML string cannot hold DEL: ${toJSON text}";
  key = name: if match "[A-Za-z0-9_-]+" name != null then name else string name;
  value =
    at: given:
    if isBool given then
      lib.boolToString given
    else if isInt given || isFloat given then
      toString given
    else if isString given then
      string given
    else if isList given then
      "[${concatStringsSep ", " (map (value at) given)}]"
    else if isAttrs given then
      "{ ${concatStringsSep ", " (map (name: "${key name} = ${value at given.${name}}") (attrNames given))} }"
    else
      throw "${at}: ${builtins.typeOf given} has no form in TOML.";
  table =
    path: set:
    let
      names = filter (name: set.${name} != null) (attrNames set);
      leaves = filter (name: !isAttrs set.${name}) names;
      tables = filter (name: isAttrs set.${name} && set.${name} != { }) names;
      dotted = concatStringsSep "." (map key path);
      head = lib.optional (path != [ ] && leaves != [ ]) "[${dotted}]";
      lines = map (name: "${key name} = ${value (concatStringsSep "." (path ++ [ name ])) set.${name}}") leaves;
    in
    lib.optional (leaves != [ ]) (head ++ lines)
    ++ lib.concatMap (name: table (path ++ [ name ]) set.${name}) tables;
in
{
  render = set: concatStringsSep "\n" (map lib.concatLines (table [ ] set));
}
