# Pure functions of Nixen's modules. They need nixpkgs' `lib` only, so that they can be evaluated and tested without packages.
{ lib }:
{
  toml = import ./toml.nix { inherit lib; };
  settings = import ./settings.nix { inherit lib; };
  npmLock = import ./npm-lock.nix { inherit lib; };
  mac = import ./mac.nix { inherit lib; };
  hardening = import ./hardening.nix { inherit lib; };
  libvirt = import ./libvirt.nix { inherit lib; };
  unitName = import ./unit-name.nix { inherit lib; };
}
