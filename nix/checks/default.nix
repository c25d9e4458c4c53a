# NixOS VM tests, and what can be said without a VM. The former want a machine with KVM: `nix flake check`, or one of them:
# `nix build .#checks.x86_64-linux.appliance -L`.
{
  pkgs,
  lib,
  self,
}:
let
  vm = file: pkgs.testers.runNixOSTest (import file { inherit self lib; });
in
{
  inherit (self.packages.${pkgs.stdenv.hostPlatform.system}) nixen;

  shell = pkgs.runCommand "nixen-shell-parts" { nativeBuildInputs = [ pkgs.shellcheck ]; } ''
    cd ${../..}
    shellcheck -x nix/scripts/*.sh
    touch "$out"
  '';
}
// lib.optionalAttrs pkgs.stdenv.hostPlatform.isx86_64 {
  appliance = vm ./appliance.nix;
  updates = vm ./updates.nix;
  host = vm ./host.nix;
  guest = vm ./guest.nix;
}
