# The part of nixpkgs' `lib` that the modules use, so that they can be evaluated where there is no nixpkgs. With NIXPKGS_PATH the same
# cases run against the real one. Written from the NixOS manual ("Writing NixOS Modules"); only what is used here, nothing more.
let
  strings = import ./strings.nix;
  attrs = import ./attrs.nix;
  properties = import ./properties.nix;
  lib =
    strings
    // attrs
    // properties
    // {
      types = import ./types.nix lib;
      inherit (import ./modules.nix lib) evalModules;
      inherit (import ./options.nix lib)
        mkOption
        mkEnableOption
        mkPackageOption
        mkRenamedOptionModule
        mkRemovedOptionModule
        literalExpression
        literalMD
        ;
      versionAtLeast = a: b: builtins.compareVersions a b >= 0;
      versionOlder = a: b: builtins.compareVersions a b < 0;
      warn = message: value: builtins.trace "warning: ${message}" value;
      maintainers = { };
      assertMsg = condition: message: condition || throw message;
      # Files that are named have to be there.
      fileset = {
        unions = builtins.filter (file: !builtins.pathExists file);
        toSource = { fileset, ... }: if fileset == [ ] then "/source" else throw "there is no ${toString fileset}";
      };
      licenses.asl20 = {
        spdxId = "Apache-2.0";
      };
      platforms.linux = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      boolToString = value: if value then "true" else "false";
      importJSON = path: builtins.fromJSON (builtins.readFile path);
      getExe = package: "${package}/bin/${package.meta.mainProgram or package.pname or package.name}";
      getExe' = package: name: "${package}/bin/${name}";
    };
in
lib
