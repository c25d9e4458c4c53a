# Every case, evaluated: what each makes as text, and what it is told. `nixpkgs` null: against the stand-ins of lib/; otherwise against that nixpkgs.
{
  nixpkgs ? null,
  # Only this one; all of them when null.
  only ? null,
  # Evaluate the whole system, too (with nixpkgs only).
  toplevel ? false,
  # "cases": what good configurations make; "bad": what bad ones are told; the name of one of bad/types.nix: to be refused as a whole.
  what ? "cases",
}:
let
  lib = if nixpkgs == null then import ./lib else import (nixpkgs + "/lib");
  units = import ./lib/units.nix { inherit lib; };
  folder = ./cases;
  bad = lib.concatMapAttrs (group: _: lib.mapAttrs' (name: lib.nameValuePair "${lib.removeSuffix ".nix" group}/${name}") (import (./bad + "/${group}"))) (
    removeAttrs (builtins.readDir ./bad) [ "types.nix" ]
  );
  wrong = import ./bad/types.nix;
  names = map (lib.removeSuffix ".nix") (builtins.attrNames (builtins.readDir folder));
  chosen = if only == null then names else [ only ];

  stubs =
    modules:
    lib.evalModules {
      modules = [
        { _module.args.pkgs = import ./lib/pkgs.nix; }
        ./lib/stubs.nix
      ]
      ++ modules;
    };
  # A machine that says nothing else, so that whole systems can be evaluated.
  bare = {
    boot.loader.grub.enable = lib.mkDefault false;
    fileSystems."/" = lib.mkDefault {
      device = "/dev/disk/by-label/root";
      fsType = "ext4";
    };
    system.stateVersion = lib.mkDefault "26.05";
    nixpkgs.hostPlatform = "x86_64-linux";
    nixpkgs.overlays = [ (import ../overlay.nix) ];
  };
  nixos = modules: import (nixpkgs + "/nixos/lib/eval-config.nix") { system = null; modules = [ bare ] ++ modules; };
  evaluate = if nixpkgs == null then stubs else nixos;

  isOurs = name: lib.hasPrefix "nixen" name;
  rename = suffix: lib.mapAttrs' (name: text: lib.nameValuePair "${name}.${suffix}" text);
  ours = lib.filterAttrs (name: _: isOurs name);
  extract =
    config:
    texts config
    // lib.mapAttrs' (path: each: lib.nameValuePair (baseNameOf path) each.text) (
      lib.filterAttrs (path: each: lib.hasPrefix "nixen/" path && each.text != null) config.environment.etc
    )
    // lib.optionalAttrs (config.services.nixen.enable or false) { "nixen.toml" = config.services.nixen.configText; };
  # Units as NixOS writes them, or as tests/lib/units.nix does.
  texts = if nixpkgs == null then written else made;
  made =
    config:
    lib.mapAttrs (_: unit: unit.text) (
      lib.filterAttrs (name: _: isOurs name || lib.hasPrefix "mnt-nixen" name) config.systemd.units
    );
  written =
    config:
    rename "service" (lib.mapAttrs (_: units.service) (ours config.systemd.services))
    // rename "timer" (lib.mapAttrs (_: units.timer) (ours config.systemd.timers))
    // rename "socket" (lib.mapAttrs (_: units.socket) (ours config.systemd.sockets))
    // lib.listToAttrs (map (each: lib.nameValuePair "${name.ofPath each.where}.mount" (units.mount each)) config.systemd.mounts)
    // lib.listToAttrs (map (each: lib.nameValuePair "${name.ofPath each.where}.automount" (units.automount each)) config.systemd.automounts);
  name = import ../lib/unit-name.nix { inherit lib; };

  run =
    case:
    let
      given = import (folder + "/${case}.nix");
      of = if builtins.isFunction given then given { inherit lib; } else given;
      evaluated = evaluate ([ (../modules + "/${of.module}") of.config ] ++ of.imports or [ ]);
      inherit (evaluated) config;
      failing = lib.filter (each: !each.assertion) config.assertions;
      # NixOS has assertions of its own, of parts that a case does not set.
      problems = lib.filter (text: nixpkgs == null || lib.hasInfix "nixen" text) (map (each: each.message) failing);
    in
    {
      inherit problems;
      warnings = lib.filter (lib.hasInfix "nixen") config.warnings;
      files = extract config // (of.extra or (_: { })) config;
      # Whole parts of a real NixOS are more than what a case is about.
      values = if nixpkgs == null then (of.values or (_: { })) config else { };
    }
    // lib.optionalAttrs (toplevel && nixpkgs != null) {
      drvPath = builtins.unsafeDiscardStringContext config.system.build.toplevel.drvPath;
    };
  told =
    of:
    let
      inherit (evaluate [ (../modules + "/${of.module}") of.config ]) config;
    in
    {
      inherit (of) says;
      problems = map (each: each.message) (lib.filter (each: !each.assertion) config.assertions);
    }
    # To be refused, it has to be looked at.
    // lib.optionalAttrs (of ? files) {
      files = extract config;
      domains = lib.mapAttrs (_: domain: domain.xml) (config.virtualisation.nixen.rendered or { });
      keys = lib.mapAttrs (_: user: user.openssh.authorizedKeys.keys) config.users.users;
    };
in
if what == "cases" then
  lib.genAttrs chosen run
else if what == "bad" then
  lib.mapAttrs (_: told) bad
else
  told (wrong.${what} // { files = true; })
