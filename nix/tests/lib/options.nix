lib:
let
  dotted = builtins.concatStringsSep ".";
in
rec {
  literalExpression = text: {
    _type = "literalExpression";
    inherit text;
  };
  literalMD = text: {
    _type = "literalMD";
    inherit text;
  };
  mkOption = option: option // { _type = "option"; };
  mkEnableOption =
    what:
    mkOption {
      type = lib.types.bool;
      default = false;
      example = true;
      description = "Whether to enable ${what}.";
    };
  mkPackageOption =
    pkgs: name:
    { default ? name, ... }:
    mkOption {
      type = lib.types.package;
      default = lib.getAttrFromPath (lib.toList default) pkgs;
      defaultText = literalExpression "pkgs.${dotted (lib.toList default)}";
      description = "The ${dotted (lib.toList name)} package to use.";
    };
  mkRemovedOptionModule =
    path: message:
    { options, ... }:
    {
      options = lib.setAttrByPath path (mkOption {
        visible = false;
        type = lib.types.anything;
        description = "Removed.";
      });
      config.assertions =
        let
          option = lib.getAttrFromPath path options;
        in
        [
          {
            assertion = !option.isDefined;
            message = ''
              The option definition `${dotted path}' in ${toString (map (d: d.file) option.definitionsWithLocations)} no longer has any effect; please remove it.
              ${message}'';
          }
        ];
    };
  mkRenamedOptionModule =
    from: to:
    { options, config, ... }:
    {
      options = lib.setAttrByPath from (mkOption {
        visible = false;
        type = lib.types.anything;
        description = "Alias of {option}`${dotted to}`.";
        apply = _: lib.getAttrFromPath to config;
      });
      config = lib.mkMerge [
        { warnings = lib.optional (lib.getAttrFromPath from options).isDefined "The option `${dotted from}' has been renamed to `${dotted to}'."; }
        (lib.mkIf (lib.getAttrFromPath from options).isDefined (
          lib.setAttrByPath to (lib.mkMerge (lib.getAttrFromPath from options).definitions)
        ))
      ];
    };
}
