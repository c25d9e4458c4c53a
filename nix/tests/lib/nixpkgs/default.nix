# A nixpkgs in name only: enough to walk all outputs of the flake.
{
  system,
  overlays ? [ ],
}:
let
  lib = import ../.;
  base = import ../pkgs.nix;
  package = name: attributes: base.nix // attributes // { inherit name; pname = name; outPath = "/pkgs/${name}"; meta.mainProgram = name; };
  call =
    path: arguments:
    let
      function = import path;
    in
    function (builtins.intersectAttrs (builtins.functionArgs function) pkgs // arguments);
  pkgs =
    base
    // {
      inherit lib system;
      stdenv.hostPlatform = base.stdenv.hostPlatform // { inherit system; isx86_64 = system == "x86_64-linux"; };
      callPackage = call;
      makeWrapper = package "makeWrapper" { };
      nodejs_26 = package "nodejs" { version = "26.10.0"; };
      nixfmt-rfc-style = package "nixfmt" { };
      restic = package "restic" { };
      shellcheck = package "shellcheck" { };
      buildNpmPackage = attributes: package attributes.pname (attributes // attributes.passthru);
      importNpmLock = {
        __functor =
          _: { package, packageLock, pname, version }:
          # As nixpkgs does: each entry is fetched by its address and its hash, each wish of the root is an entry.
          builtins.deepSeq
            [
              (lib.mapAttrs (_: entry: if entry ? version && entry ? integrity then [ entry.resolved entry.integrity ] else null) (removeAttrs packageLock.packages [ "" ]))
              (lib.mapAttrs (name: _: packageLock.packages."node_modules/${name}".resolved) package.dependencies)
            ]
            { inherit packageLock; };
        npmConfigHook = "hook";
      };
      mkShell = attributes: package "shell" attributes;
      testers.runNixOSTest = given: package given.name { inherit (given) testScript; };
    }
    // lib.mergeAttrsList (map (overlay: overlay pkgs base) overlays);
in
pkgs
