# All outputs of the flake, walked with a nixpkgs in name only.
let
  lib = import ./lib;
  flake = import ../../flake.nix;
  nixpkgs = {
    inherit lib;
    outPath = ./lib/nixpkgs;
  };
  module = { imports = [ ]; };
  input = name: { nixosModules.${name} = module; };
  self = {
    packages.x86_64-linux = outputs.packages.x86_64-linux;
    packages.aarch64-linux = outputs.packages.aarch64-linux;
    inherit (outputs) nixosModules templates;
  };
  outputs = flake.outputs {
    inherit self nixpkgs;
    disko = input "disko";
    impermanence = input "impermanence";
    lanzaboote = input "lanzaboote";
  };
  systems = builtins.attrNames outputs.packages;
in
{
  inherit systems;
  outputs = builtins.attrNames outputs;
  inputs = lib.mapAttrs (_: given: given.url or "") flake.inputs;
  package = lib.genAttrs systems (
    system:
    let
      package = outputs.packages.${system}.nixen;
    in
    {
      inherit (package) pname version installPhase buildPhase src;
      lock = package.npm.lock;
      manifest = package.npm.package;
      used = builtins.length (builtins.attrNames package.npmDeps.packageLock.packages);
    }
  );
  apps = lib.mapAttrs (_: each: { inherit (each) type program; says = each.meta.description; }) outputs.apps.x86_64-linux;
  modules = builtins.attrNames outputs.nixosModules;
  templates = lib.mapAttrs (_: each: builtins.pathExists (each.path + "/flake.nix")) outputs.templates;
  checks = lib.mapAttrs (_: each: each.testScript or "") outputs.checks.x86_64-linux;
  checksElsewhere = builtins.attrNames outputs.checks.aarch64-linux;
  shell = map (each: each.name) outputs.devShells.x86_64-linux.default.packages;
  formatter = outputs.formatter.x86_64-linux.name;
  lib = builtins.attrNames outputs.lib;
}
