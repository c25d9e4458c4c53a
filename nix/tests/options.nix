# Every option of the modules, for docs/reference/nixos-options.md.
let
  lib = import ./lib;
  evaluated =
    module:
    lib.evalModules {
      modules = [
        { _module.args.pkgs = import ./lib/pkgs.nix; }
        ./lib/stubs.nix
        (../modules + "/${module}")
      ];
    };
  roots = {
    appliance = [ "services" "nixen" ];
    host = [ "virtualisation" "nixen" ];
    guest = [ "services" "nixen-guest" ];
  };
  show =
    value:
    if builtins.isAttrs value && value ? _type && value ? text then
      value.text
    else if lib.isDerivation value then
      "pkgs.${value.name}"
    else
      nix value;
  # As one would write it.
  nix =
    value:
    if builtins.isAttrs value then
      if value == { } then "{ }" else "{ ${lib.concatStringsSep " " (lib.mapAttrsToList (name: each: "${word name} = ${nix each};") value)} }"
    else if builtins.isList value then
      if value == [ ] then "[ ]" else "[ ${lib.concatMapStringsSep " " nix value} ]"
    else if builtins.isString value || builtins.isBool value || builtins.isInt value || value == null then
      builtins.toJSON value
    else
      "…";
  word = name: if builtins.match "[a-zA-Z_][a-zA-Z0-9_-]*" name != null then name else builtins.toJSON name;
  inner =
    type: location:
    if type ? subOptions then
      walk location (type.subOptions location)
    else if type.name == "attrsOf" then
      inner type.inner (location ++ [ "<name>" ])
    else if type.name == "listOf" || type.name == "nullOr" then
      inner type.inner location
    else
      [ ];
  walk =
    location: options:
    lib.concatLists (
      lib.mapAttrsToList (
        name: option:
        let
          here = location ++ [ name ];
        in
        if option._type or null == "option" then
          if option.internal or false || option.visible or true == false then
            [ ]
          else
            [
              {
                name = lib.concatStringsSep "." here;
                type = option.type.description;
                description = option.description;
                default = if option ? defaultText then show option.defaultText else if option ? default then show option.default else null;
                example = if option.example or null == null then null else show option.example;
              }
            ]
            ++ lib.optionals (option.visible or true != "shallow") (inner option.type here)
        else
          walk here option
      ) options
    );
in
lib.mapAttrs (module: root: walk root (lib.getAttrFromPath root (evaluated module).options)) roots
